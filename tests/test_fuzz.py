"""Mutated bodies end with a documented exit code: no traceback, no hang, no token. FUZZ_ROUNDS=100 repeats it."""

import collections
import os
import random

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN
from kit import (EXECUTION, GET, GET_FORMATS, LIST, LIST_FORMATS, NODES, archive, encode, execution, inline, page, rule,
                 run_cli, target)
from server import Reply

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "1"))
WHOLE = execution([target(inline(b"caf\xc3\xa9\n" * 9)), target(archive(sha256="ab" * 32), NODES[1]),
                   target(node=NODES[2], status=None), target({"kind": "inline"}, NODES[3], "failed")],
                  note="\u20ac\ud83d\ude00 \x1b[2J", number=[1, -2.5e3, True])
RESPONSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
SEEDS = [encode(WHOLE), encode(page(WHOLE, execution(), next_cursor="abc"))]
SNIPPETS = rb'''" \ { } [ ] , : null NaN 1e999 - . e tru == \ud800 \u12 "items":[], "targets":null, "next_cursor":"x",
              "id":"x", <html>'''.split() + [
    b"9" * 400, b"\xff", b"\xc3", b"\x00", b"[" * 2000, b'{"a":' * 2000, b" ", b"\r\n", TOKEN.encode(), b"\x1b]0;x\x07"]
FUZZ_FLAGS = [[(), ("--node", NODES[0]), ("--failed",), ("--exit-status",)],
              [(), ("--all",), ("--since", "1w"), ("--last", "1"), ("--running", "--failed"), ("--cursor", "c")]]


def mutate(chance, body):
    """Return the body after at most four random changes."""
    for _ in range(chance.randint(0, 4)):
        start = chance.randrange(len(body) + 1)
        end = min(len(body), start + chance.choice([0, 0, 1, 1, 2, 5, 40]))
        piece = chance.choice(SNIPPETS + [b"", b"", bytes([chance.randrange(256)]), body[end:end + 30]])
        body = body[:start] + piece + body[end:]
    return body[:chance.randrange(len(body) + 1)] if chance.random() < 0.2 else body


def decode(plane, transport, body, size, number):
    """Return the type of the error that ends a body that comes in pieces of this size, or None and what it holds."""
    plane.script(Reply(body, framing="chunked", slices=size))
    fetch, argument = (program.get_page, {}) if number else (program.get_execution, EXECUTION)
    try:
        document = fetch(transport, PROJECT, argument)
        return None, list(document.elements), document.members
    except program.ExecLogError as error:
        return type(error), None


@rule("3.10", "7.1")
def test_reader_survives_any_body_in_any_chunking(plane):
    chance, outcomes = random.Random(6), collections.Counter()
    with program.Transport(program.Server.parse(plane.url), TOKEN) as transport:
        for number in [0, 1] * 150 * ROUNDS:
            body = mutate(chance, SEEDS[number])
            whole = decode(plane, transport, body, None, number)
            assert decode(plane, transport, body, chance.choice([3, 7, 50, 500]), number) == whole, body
            outcomes[whole[0]] += 1
    assert set(outcomes) == {None, program.RemoteError} and min(outcomes.values()) > 50 * ROUNDS, outcomes


@rule("6.2", "6.2j")
def test_program_survives_any_body_in_any_framing(plane):
    chance, codes = random.Random(7), collections.Counter()
    for number in [0, 1] * 100 * ROUNDS:
        plane.answers.clear()
        for _ in range(3):
            body = mutate(chance, SEEDS[number])
            status, framing = chance.choice([200] * 6 + [403, 404, 500]), chance.choice(["length", "chunked", "close"])
            plane.script(mutate(chance, RESPONSE_HEAD % len(body)) + body if chance.random() < 0.3 else
                         Reply(body, status, framing=framing, slices=chance.choice([None, 1000])))
        plane.script(Reply(page()))
        argv, forms = (LIST, LIST_FORMATS) if number else (GET, GET_FORMATS)
        argv += chance.choice(FUZZ_FLAGS[number]) + ("--timeout", "0.2", "--output", chance.choice(forms))
        result = run_cli(*argv, plane=plane, echoes=True)
        codes[result.code] += 1
        assert result.code in (0, 5) or "error: " in result.err, result
    assert {0, 1, 4} <= set(codes) <= {0, 1, 3, 4, 5}, codes
