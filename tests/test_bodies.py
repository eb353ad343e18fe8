"""Rules 3.10 and 4.3: which bodies are malformed, and which only look so. A chunk of a chunked body is what the program
gets at once: so a body can be cut into pieces at any place."""

import collections
import json
import os
import random
import re
import sys

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN
from kit import (EXECUTION, GET, GET_FORMATS, LIST, LIST_FORMATS, NODES, Clock, archive, encode, error_lines,
                 every_get_format, execution, inline, make_transport, page, rule, run_against, run_cli, shorten_id,
                 target)
from kit_net import CHUNKED, Flood, count_contacts, read_error, read_hint
from server import Reply

ID = b'"id":"%s"' % EXECUTION.encode()
#: A small body with everything that could be cut badly, and with blanks, escapes and letters of two to four bytes.
SMALL_BODY = (b' {"n" :[0,-12.5e-3,1E5,10, 123 ],%s,"a":"\\u00e9\\ud83d\\ude00\\\\\\"","targets" : [{"b":null} ,'
              b'{"status":"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80","c":{"d":[true,false,{}]}}, {}],"z":-1e-5}\r\n' % ID)
LARGE_BODY = json.dumps(execution([
    target(inline(bytes(range(256)))), target(inline("caf\u00e9 \U0001F600\n".encode()), NODES[1], "failed"),
    target(archive(sha256="0123456789abcdef" * 4), NODES[2]), target(node=NODES[3], status=None)],
    action="a\u20acb \"q\" \\ \U0001F600", extra={"n": [1, -2.5e-7, True, None]}), ensure_ascii=False).encode("utf-8")


class Reader:
    """Reads Executions, and pages of a list, from a plane over one kept Transport."""

    def __init__(self, plane):
        self.plane, self.transport = plane, make_transport(plane, Clock())

    def read(self, *pieces, get=True, **how):
        """What a body in these pieces holds: the elements of its list, and its members. RemoteError."""
        self.plane.script(Reply(pieces, **dict({"framing": "chunked"}, **how)))
        fetch, subject = (program.get_execution, EXECUTION) if get else (program.get_page, {})
        document = fetch(self.transport, PROJECT, subject)
        return list(document.elements), dict(document.members)

    def expect_malformed(self, *pieces, **how):
        """Check that a body in these pieces is malformed."""
        with pytest.raises(program.RemoteError):
            self.read(*pieces, **how)


@pytest.fixture
def reader(plane):
    made = Reader(plane)
    yield made
    made.transport.close()


def slice_bytes(body, size=1):
    """The body in pieces of so many bytes."""
    return [body[place:place + size] for place in range(0, len(body), size)]


@rule("7.1")
def test_body_may_be_split_into_two_chunks_anywhere(reader):
    whole = reader.read(SMALL_BODY)
    assert whole[0] == json.loads(SMALL_BODY.decode())["targets"]
    assert list(whole[1]) == ["n", "id", "a", "targets", "z"]
    assert dict(whole[1], targets=whole[0]) == json.loads(SMALL_BODY.decode())
    for place in range(1, len(SMALL_BODY)):
        assert reader.read(SMALL_BODY[:place], SMALL_BODY[place:]) == whole, SMALL_BODY[:place]
    assert count_contacts(reader.plane) == (1, len(SMALL_BODY))


@rule("7.1", "3.10")
@pytest.mark.parametrize("number", ["1e-5", "-1.25E+10", "123456789", "0.5", "-0", "12e0"])
def test_number_may_arrive_digit_by_digit(reader, number):
    for body in (b'{%s,"n":%s}', b'{%s,"n":[%s]}', b'{%s,"targets":[{"n":%s}]}', b'{%s,"n":%s ,"z":[]}'):
        body %= ID, number.encode()
        assert reader.read(*slice_bytes(body)) == reader.read(body)
    assert reader.read(b'{"n":%s,%s}' % (number.encode(), ID))[1]["n"] == json.loads(number)


@rule("7.1", "3.10a")
@every_get_format
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_output_does_not_depend_on_chunks_or_framing(plane, framing, format):
    whole = run_against(plane, Reply(LARGE_BODY), *GET + ("--output", format))
    for size in (1, 3, 4096):
        assert run_against(plane, Reply(LARGE_BODY, framing=framing, slices=size), *GET + ("--output", format)) == whole


@rule("3.10a")
@pytest.mark.parametrize("framing, step", [("close", 1), ("length", 7), ("chunked", 7)])
def test_truncated_body_is_never_taken_for_complete(reader, framing, step):
    body = SMALL_BODY.rstrip()
    for place in list(range(0, len(body), step)) + [len(body) - 1]:
        reader.expect_malformed(body, framing=framing, cut=place)


WHOLE_BUT_CUT = {
    "only headers": b"HTTP/1.1 200 OK\r\n\r\n", "announced longer": Reply(LARGE_BODY, announce=len(LARGE_BODY) + 9),
    "no last chunk": CHUNKED + b"%x\r\n" % len(LARGE_BODY) + LARGE_BODY + b"\r\n",
    "no chunks": Reply(framing="chunked"),
    "cut in the last chunk": CHUNKED + b"%x\r\n" % (len(LARGE_BODY) + 1) + LARGE_BODY}


@rule("3.10a", "6.2")
@pytest.mark.parametrize("answer", list(WHOLE_BUT_CUT.values()), ids=list(WHOLE_BUT_CUT))
@pytest.mark.parametrize("format", ["text", "table", "json", "jsonl"])
def test_truncated_body_exits_1_even_if_its_json_is_complete(plane, answer, format):
    result = run_against(plane, answer, *GET + ("--output", format))
    assert result.code == 1
    assert len(error_lines(result)) == 1


@rule("3.10a")
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_truncated_body_is_noticed_over_tls_too(tls_plane, framing):
    assert run_against(tls_plane, Reply(LARGE_BODY, framing=framing)).code == 0
    assert run_against(tls_plane, Reply(LARGE_BODY, framing=framing, cut=len(LARGE_BODY) - 1)).code == 1


@rule("3.10a")
@pytest.mark.parametrize("head", [
    b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200\r\nConnection: keep-alive\r\n\r\n"], ids=["HTTP/1.1", "HTTP/1.0"])
def test_body_without_length_is_complete_if_its_json_is(plane, head):
    chunks = CHUNKED + b"%x;a=b\r\n%s\r\n0;c\r\nX: y\r\nZ: \r\n\r\n" % (len(LARGE_BODY), LARGE_BODY)
    assert run_against(plane, head + LARGE_BODY) == run_against(plane, Reply(LARGE_BODY)) == run_against(plane, chunks)
    assert run_against(plane, head + LARGE_BODY[:-1]).code == 1


BAD_BYTES = {
    "byte order mark": b"\xef\xbb\xbf{%s}", "no UTF-8": b'{%s,"a":"\xff"}', "half a letter": b'{%s,"a":"\xc3"}',
    "half a letter at the end": b'{%s}\xc3', "ends within a letter": b'{%s,"a":"\xe2\x82',
    "surrogate": b'{%s,"a":"\xed\xa0\x80"}', "overlong": b'{%s,"a":"\xc0\x80"}', "UTF-16": "{}".encode("utf-16"),
    "no-break space": b"\xc2\xa0{%s}", "absurdly deep": b'{%s,"a":' + b"[" * 200000}
BAD_WORDS = ["NaN", "Infinity", "-Infinity", "01", "-01", "+1", "1.", ".5", "-", "1e", "1e+", "0x1", "1_0", "tru",
             "truex", "True", "None", "'x'", "", "\u0661"]
BAD_STRINGS = ['"\x01"', '"\n"', '"\t"', '"\x1f"', r'"\x41"', r'"\u12"', r'"\u12G4"', '"x', '"x\\"', r'"\'"']
BAD_NUMBERS = ["-1e999", "1.7976931348623159e308", "1" + "0" * 309, "-" + "9" * 5000, "9" * 300000,
               "1" + "0" * 400 + ".5"]
BAD_DOCUMENTS = ["", " ", "[{%s}]", "null", "{", "{%s", "{%s}}", "{%s} x", "{%s}{%s}", "{%s}\0", "{%s,}", "{,%s}",
                 '{%s,"a"}', '{%s,"a":}', '{%s,"a" 1}', "{%s,a:1}", "{%s,'a':1}", '{%s "b":2}', '{%s;"b":2}', "{%s]",
                 "{%s,1:2}", "{%s,null:2}", "{%s,/**/}", "{\v%s}", "{%s\f}"]
BAD_LISTS = ["{}", '""', "0", "false", "[1]", "[null]", "[[]]", "[{},]", "[,{}]", "[{} {}]", "[{}}", "[{}", "[{},1]",
             '[{"a":1 "b":2}]', '[{"a":1,}]', '[{"a"}]', "[{a:1}]", "[}", "["]
BAD_CURSORS = ["0", '["x"]', "{}", "false"]
#: Where a value may stand in a document, by name.
VALUE_PLACES = {"member": b'{%%s,"a":%s}', "element": b'{%%s,"a":[%s,0]}', "in a target": b'{%%s,"targets":[{"a":%s}]}'}
MALFORMED_BODIES = dict(BAD_BYTES, **{"document " + text: text.encode() for text in BAD_DOCUMENTS})
MALFORMED_BODIES.update(("targets " + text, b'{%s,"targets":' + text.encode() + b"}") for text in BAD_LISTS)
MALFORMED_BODIES.update(("items " + text, b'{"items":' + text.encode() + b"}") for text in BAD_LISTS)
MALFORMED_BODIES.update(("cursor " + text, b'{"items":[],"next_cursor":' + text.encode() + b"}")
                        for text in BAD_CURSORS)
MALFORMED_BODIES.update(("%s %s" % (name, shorten_id(text)), body % text.encode())
                 for name, body in VALUE_PLACES.items() for text in BAD_WORDS + BAD_STRINGS + BAD_NUMBERS)


@rule("3.10", "3.10c", "4.5", "7.1d")
@pytest.mark.parametrize("body", list(MALFORMED_BODIES.values()), ids=[ascii(name) for name in MALFORMED_BODIES])
def test_malformed_body_is_refused_in_one_chunk_and_in_many(reader, body):
    body, get = body.replace(b"%s", ID), b'"items"' not in body
    reader.expect_malformed(body, get=get)
    reader.expect_malformed(*slice_bytes(body, len(body) // 999 + 1), get=get)


#: Tokens between which JSON allows spaces, and characters that JSON does not count as spaces.
TOKENS = [b"", b"{", b'"items"', b":", b"[", b'{"id":"a"}', b",", b'{"id":"b"}', b"]", b",", b'"n"', b":", b"1", b"}"]


OTHER_SPACES = {"none": b"", "VT": b"\v", "FF": b"\f", "FS": b"\x1c", "NUL": b"\0", "NEL": b"\xc2\x85",
                "no-break": b"\xc2\xa0", "ideographic": b"\xe3\x80\x80", "U+2028": b"\xe2\x80\xa8"}


@rule("3.10")
@pytest.mark.parametrize("space", list(OTHER_SPACES.values()), ids=list(OTHER_SPACES))
@pytest.mark.parametrize("tokens", [TOKENS, TOKENS[:5] + TOKENS[8:]], ids=["full", "empty"])
def test_space_that_json_does_not_allow_is_malformed_behind_one_it_allows(plane, space, tokens):
    for place in range(1, len(tokens) + 1):
        body = b"".join(tokens[:place]) + b" \t\r\n" + space + b"\n" + b"".join(tokens[place:])
        assert run_against(plane, Reply(body), *LIST + ("--output", "jsonl")).code == (1 if space else 0), body


@rule("3.10")
def test_bad_byte_is_the_same_fault_wherever_the_body_is_cut_before_it(plane):
    body = '{"items":[{"id":"\u00e9"},{"id":"\u20ac\U0001f600"},{"id":"x'.encode() + b'\xff"}]}'
    whole = run_against(plane, Reply(body), *LIST + ("--output", "jsonl"))
    assert (whole.code, whole.out.count(b"\n"), len(error_lines(whole))) == (1, 2, 1)
    for place in range(1, len(body)):
        reply = Reply((body[:place], body[place:]), framing="chunked")
        assert run_against(plane, reply, *LIST + ("--output", "jsonl")) == whole, place


BIG = int(sys.float_info.max)
UNUSUAL = {
    "largest double": (str(BIG), BIG), "its negative": (str(-BIG), -BIG), "-0": ("-0", 0), "1E+2": ("1E+2", 100.0),
    "the same, short": ("-1.7976931348623157e308", -sys.float_info.max), "underflow": ("1e-999", 0.0),
    "5,000 decimals": ("0." + "1" * 5000, 1 / 9), "lone surrogate": (r'"\ud800"', "\ud800"),
    "pair": (r'"\ud83d\ude00\/"', "\U0001F600/"), "DEL": ('"\x7f"', "\x7f"), "NUL": (r'"\u0000"', "\0"),
    "U+FEFF": ('"\ufeff"', "\ufeff"), "empty": (" {\r\n\t} ", {}), "empty key": ('[ {"":[ ]}]', [{"": []}])}


@rule("3.10", "3.10c")
@pytest.mark.parametrize("text, value", list(UNUSUAL.values()), ids=list(UNUSUAL))
def test_unusual_but_valid_value_is_read(reader, text, value):
    body = b' {%s , "a": 1 , "b":' % ID + text.encode() + b', "more" :null} \r\n\t'
    elements, members = reader.read(body)
    assert members["b"] == value
    assert type(members["b"]) is type(value)
    assert list(members)[-1] == "more"
    assert elements == []
    if len(body) < 999:
        assert reader.read(*slice_bytes(body)) == (elements, members)
    assert reader.read(b'{%s,"targets":[{"b":%s}]}' % (ID, text.encode()))[0] == [{"b": value}]


def nest(levels, opening=b'{"a":[', closing=b"]}"):
    return opening * (levels // 2) + closing * (levels // 2)


@rule("3.10b")
@pytest.mark.parametrize("argv, body", [
    (GET, b'{%s,"deep":%s,"targets":[]}' % (ID, nest(98))), (GET, b'{%s,"targets":[{"deep":%s}]}' % (ID, nest(98))),
    (LIST, b'{"items":[{%s,"deep":%s}]}' % (ID, nest(96)))], ids=["member", "in a target", "in an Execution"])
def test_nesting_of_100_levels_works_in_every_format(plane, argv, body):
    for format in GET_FORMATS if argv is GET else LIST_FORMATS:
        result = run_against(plane, Reply(body), *argv + ("--output", format))
        assert result.code == 0
        assert format != "json" or result.out.count(b'"a": ') >= 48


TOO_DEEP = {"open lists": b"[" * 200000, "open objects": b'{"a":' * 200000, "closed lists": nest(200000, b"[", b"]")}
if sys.implementation.name != "pypy":       # whose encoder can exhaust the stack, and end the process, at such depths
    TOO_DEEP.update({"800": nest(800), "1200": nest(1200), "5000": nest(5000)})


@rule("3.10b", "6.2", "6.2j", "6.3")
@pytest.mark.parametrize("format", ["text", "json", "raw"])
@pytest.mark.parametrize("deep", list(TOO_DEEP.values()), ids=list(TOO_DEEP))
def test_excessive_nesting_exits_1_with_one_error_line(plane, format, deep):
    for where in (b'{%s,"deep":%s,"targets":[]}', b'{%s,"targets":[{"node_id":"n-1"},{"deep":%s}]}'):
        result = run_against(plane, Reply(where % (ID, deep)), *GET + ("--output", format))
        if error_lines(result) or len(deep) > 99999:        # how deep the decoder can go differs from Python to Python
            assert (result.code, result.err.count("\n"), len(error_lines(result))) == (1, 1, 1)
            assert (b"n-1" in result.out) == (b"n-1" in where and format != "raw")


TWICE = {
    "next_cursor, null first": b'{"next_cursor":null,"items":[],"next_cursor":"a"}', "id null": b'{%s,"id":null}' % ID,
    "id spelt otherwise": b'{%s,"\\u0069d":"%s"}' % (ID, EXECUTION.encode()), "items": b'{"items":[{}],"items":[]}',
    "status null": b'{%s,"status":null,"targets":[],"status":"failed"}' % ID, "unknown": b'{%s,"x":1,"x":2}' % ID,
    "next_cursor": b'{"items":[],"next_cursor":"a","next_cursor":"a"}', "items null": b'{"items":null,"items":null}',
    "targets, null last": b'{%s,"targets":[{}],"targets":null}' % ID, "targets": b'{%s,"targets":[],"targets":[]}' % ID,
    "targets, null first": b'{%s,"targets":null,"targets":[]}' % ID, "id": b'{%s,%s}' % (ID, ID)}
NOT_JUDGED = {
    "within an unknown member": b'{%s,"o":{"id":1,"id":2}}' % ID,
    "of a target": b'{%s,"targets":[{"status":"a","status":"failed","node_id":"a","node_id":"b"}]}' % ID,
    "of an item": b'{"items":[{"id":"a","id":"b","status":"x","status":"y","targets":[],"targets":[]}]}'}


@rule("3.10d")
@pytest.mark.parametrize("body", list(dict(TWICE, **NOT_JUDGED).values()), ids=list(dict(TWICE, **NOT_JUDGED)))
@pytest.mark.parametrize("format", ["text", "json"])
def test_duplicate_members_are_refused_at_the_top_level_only(plane, body, format):
    argv = LIST if b"items" in body else GET
    result = run_against(plane, Reply(body), *argv + ("--output", format))
    fault = ["the body has %s twice" % shown for shown in re.findall('"[a-z_]+"', result.err)]
    assert error_lines(result) == fault
    assert (result.code, len(fault)) == ((1, 1) if body in TWICE.values() else (0, 0))


@rule("3.10e", "7.1d")
def test_value_over_the_limit_fails_before_more_of_it_arrives(plane):
    flood = Flood(b'HTTP/1.1 200 OK\r\n\r\n{%s,"x":"' % ID, b"x" * 0x100000)
    result = run_against(plane, flood)
    assert "large" in read_error(result)
    assert result.err.count("\n") == 1
    plane.close()
    assert 64 << 20 <= flood.sent < 96 << 20        # a quarter more, and what fits into the buffers of two sockets


@rule("4.3", "4.3a")
@pytest.mark.parametrize("argv", [LIST, GET], ids=["list", "get"])
@pytest.mark.parametrize("body", [b"<html>", b"\n <!DOCTYPE html>\n<title>Log in</title>"], ids=shorten_id)
def test_html_body_gets_a_hint_about_the_server(plane, argv, body):
    result = run_against(plane, Reply(body, headers=[("Content-Type", "text/html")]), *argv)
    assert read_error(result)
    assert "--server" in read_hint(result)


#: FUZZ_ROUNDS=100 repeats it.
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
