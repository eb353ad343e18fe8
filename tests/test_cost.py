"""Section 7: memory stays flat, what came is shown at once, and start-up loads only what the command needs."""

import io
import os
import re
import subprocess
import sys
import time

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN
from kit import (CLOSE_HEAD, EXECUTION, GET, LIST, MODULE, NODES, Clock, HaltingAnswer, encode, every_get_format,
                 every_list_format, execution, inline, make_command, make_environment, page, posix_only, rule, run_cli,
                 run_python, target, wait_until_final)
from server import HANG, Reply

EXECUTION_HEAD = b'{"id":"%s","status":"%%s","targets":[' % EXECUTION.encode()

#: Runs a command, and tells its exit code and its peak in bytes. The peak of a child begins with that of its parent,
#: so this is a small process of its own.
MEASURE = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(os.WEXITSTATUS(status), usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""
# PyPy collects when it likes: its peak grows with what has passed through, up to a bound.
IS_CPYTHON = sys.implementation.name == "cpython"
SMALL_SIZE, LARGE_SIZE = 1, 100 if IS_CPYTHON else 1000
BOUND = (5 if IS_CPYTHON else 150) << 20


def measure_peak(plane, argv, answers):
    """Return the peak of memory of a run, in bytes."""
    plane.script(*answers)
    line = [sys.executable, "-I", "-S", "-c", MEASURE] + make_command(*argv)
    # PyPy's nursery is as large as the processor's cache, unless it is told otherwise.
    environ = make_environment(plane, {"PYPY_GC_NURSERY": "4M"})
    code, peak = map(int, subprocess.check_output(line, env=environ, timeout=300).split())
    assert (code, len(plane.answers)) == (0, 0)
    return peak


def repeat(head, one, count):
    """Return a chunked answer with so many of `one`, each with a number of its own in place of 00000000."""
    items = (b"," * (number > 0) + one.replace(b"00000000", b"%08x" % number) for number in range(count))
    batches = (b"".join(piece for piece, _ in zip(items, range(200))) for _ in range(0, count + 200, 200))
    return Reply((piece for pieces in ([head], batches, [b"]}"]) for piece in pieces if piece), framing="chunked")


ZERO_NODE = "00000000-0000-4000-8000-000000000000"
FULL = encode(target(inline(os.urandom(15 << 10)), ZERO_NODE))
TINY = b'{"node_id":"%s","status":"failed"}' % ZERO_NODE.encode()
WIDE = encode(execution([target(inline(os.urandom(12 << 10)), node) for node in NODES], id=ZERO_NODE))
MERGED_TARGETS = [target(inline(os.urandom(12 << 10)), node) for node in NODES]


def merged_page(number, cursor, status="failed"):
    """Return a page of one wide Execution. The higher the number is, the later it was created."""
    wire = execution(MERGED_TARGETS, id=str(number), status=status, created_at="2026-07-14T09:30:00.%09dZ" % number)
    return Reply(page(wire, next_cursor=cursor))


#: Answers by size, a command for which a small one is the measure, and commands.
ANSWERS = {
    "outputs, up to 20 MiB": (lambda size: [repeat(EXECUTION_HEAD % b"failed", FULL, 10 * size)], GET, [
        (), ("--output", "raw"), ("--output", "lines"), ("--failed", "--output", "yaml"), ("--output-dir", "DIR")]),
    "targets, up to 60,000": (lambda size: [repeat(EXECUTION_HEAD % b"failed", TINY, 600 * size)], GET, [
        ("--output", "table"), ("--node", ZERO_NODE)]),
    "a page of up to 16 MiB": (lambda size: [repeat(b'{"items":[', WIDE, size)], LIST, [
        ("--last", "3"), ("--output", "json")]),
    "a merge of up to 100 pages": (lambda size: [
        merged_page(0, "c0"), merged_page(999999999, None, "timeout"),      # requested second, printed last
        *[merged_page(number, "c%d" % number) for number in range(1, size)], merged_page(size, None)],
                                   LIST + ("--status=failed", "--status=timeout"), [("--output", "json")]),
    "up to 200 pages": (lambda size: [Reply(page(execution(), next_cursor=cursor)) for cursor in [
        "%050000d" % number for number in range(2 * size)] + [None]], LIST + ("--all",), [
            ("--since", "2020-01-01", "--output", "jsonl")])}


@posix_only
@rule("7.1a", "7.1b", "7.1c")
@pytest.mark.parametrize("answers, plain, commands", list(ANSWERS.values()), ids=list(ANSWERS))
def test_memory_does_not_grow_with_targets_executions_and_pages(plane, tmp_path, answers, plain, commands):
    least = measure_peak(plane, plain, answers(SMALL_SIZE))
    for flags in commands:
        argv = plain + tuple(str(tmp_path / "out") if flag == "DIR" else flag for flag in flags)
        assert measure_peak(plane, argv, answers(LARGE_SIZE)) - least < BOUND, flags


@rule("7.1")
def test_long_value_is_not_rescanned_for_each_chunk():
    """16 times as much may take 16 times as long, not 256 times. An early `}` lets the value look complete."""
    def read(size):
        """Return the seconds, of the processor, that it takes to read a target of this size in small slices."""
        body = EXECUTION_HEAD % b"failed" + b'{"a":{},"node_id":"%s"}]}' % (b"x" * size)
        slices = [body[place:place + 1024] for place in range(0, len(body), 1024)]
        canned = program.Transport(program.Server.parse("http://localhost"), "token")
        canned.get = lambda *_, **__: iter(slices)
        began = time.process_time()
        assert len(list(program.get_execution(canned, PROJECT, EXECUTION).elements)) == 1
        return time.process_time() - began

    assert min(read(1 << 22) for _ in range(3)) < 80 * max(0.001, min(read(1 << 18) for _ in range(5)))


RICH = [target(inline(b"one\n")), target(inline(b"two\n"), NODES[1], "failed"), target(inline(b"three\n"), NODES[2])]
THREE_ROWS = [execution(action=name, id=node) for name, node in zip(("one", "two", "three"), NODES)]


def is_shown(plane, wire, member, count, mark, *argv):
    """Tell whether the run shows the mark when so many elements have come, and a piece of the next."""
    whole, first = encode(wire), encode(dict(wire, **{member: wire[member][:count]}))
    place = next(at for at, pair in enumerate(zip(whole, first)) if pair[0] != pair[1]) + 9
    halting = HaltingAnswer(whole[:place], whole[place:], wanted=mark)
    plane.script(halting)
    return run_cli(*argv, plane=plane, stdout=halting.out).code == 0 and bool(halting.seen)


@rule("7.1")
@pytest.mark.parametrize("flags", [(), ("--failed",), ("--node", NODES[1])], ids=["all", "failed", "node"])
@every_get_format
def test_target_is_written_before_the_next_arrives(plane, format, flags):
    for number in [0, 1] if not flags else [1]:
        mark = (b"one\n", b"two\n")[number] if format == "raw" else NODES[number].encode()
        assert is_shown(plane, execution(RICH), "targets", number + 1, mark, *GET + flags + ("--output", format))


@rule("7.1")
@pytest.mark.parametrize("flags", [(), ("--all",), ("--since", "2020-01-01", "--until", "2030-01-01")], ids=" ".join)
@every_list_format
def test_row_is_written_before_the_next_arrives(plane, format, flags):
    for count, name in ((1, b"one"), (2, b"two")):
        assert is_shown(plane, page(*THREE_ROWS), "items", count, name, *LIST + flags + ("--output", format))


@rule("7.1")
@every_list_format
def test_page_is_written_before_the_next_page_arrives(plane, format):
    out, there = io.BytesIO(), []
    plane.script(Reply(page(THREE_ROWS[0], next_cursor="c")),
                 lambda sock: (there.append(out.getvalue()), sock.sendall(CLOSE_HEAD + encode(page(THREE_ROWS[1])))))
    assert run_cli(*LIST + ("--all", "--output", format), plane=plane, stdout=out).code == 0
    assert b"one" in there[0]


@rule("9.1")
def test_wait_reads_the_status_without_the_targets(plane):
    plane.script(*[lambda sock, answer=CLOSE_HEAD + EXECUTION_HEAD % status: (sock.sendall(answer), HANG(sock))
                   for status in (b"started", b"cancelled")])
    assert wait_until_final(plane, Clock()) == "cancelled"
    assert len(plane.requests) == 2


NETWORK = {"hashlib", "ssl", "_ssl", "socket", "_socket", "http", "http.client", "urllib.parse", "email", "select"}


@rule("7.2")
def test_urllib_request_is_loaded_only_for_a_proxy():
    code = "import sys, plexctl_exec_log as p; p.Transport.from_settings('https://a.example'); print(list(sys.modules))"
    modules = [run_python("-c", code, cwd=os.path.dirname(MODULE), env=dict(extra, PLEXSPHERE_TOKEN=TOKEN)).out
               for extra in ({}, {"https_proxy": "127.0.0.1:9"})]
    assert [b"'urllib.request'" in listed for listed in modules] == [False, True]


@rule("7.2")
@pytest.mark.parametrize("line, code", [
    ("", 2), ("--help", 0), ("list -h", 0), ("--version", 0), ("nonsense", 2), ("list", 2), ("get --project x y", 2),
    ("list --no-such-flag", 2), ("list --project %s --since soon" % PROJECT, 2)])
def test_help_version_and_usage_errors_load_no_network_code(line, code):
    result = run_python("-I", "-S", "-u", "-v", MODULE, *line.split())
    loaded = set(re.findall("(?m)^import '?([a-zA-Z_.]+)'? #", result.err))
    assert (result.code, bool(result.out)) == (code, code == 0) and "argparse" in loaded
    assert not loaded & (NETWORK if code else NETWORK | {"datetime", "difflib", "uuid", "typing"})
