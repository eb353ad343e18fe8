"""Section 7: memory stays flat, what came is shown at once, and start-up loads only what the command needs.

Peaks of memory are those of real processes: of a small answer, and of one that is a hundred times as large.
"""

import io
import os
import subprocess
import sys

import pytest

from control_plane import PROJECT
from kit import (EXECUTION, GET, LIST, MODULE, NODES, Clock, HaltingAnswer, archive, encode, execution, inline,
                 make_command, make_environment, page, posix_only, rule, run_cli, target, wait_until_final)
from server import HANG, Reply

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"

# ---- memory

#: Runs a command, and tells its exit code, its peak of memory in bytes and its processor time in seconds. It is a
#: small process of its own, for the peak of a child begins with that of its parent.
MEASURE = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(os.WEXITSTATUS(status), usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024), usage.ru_utime)
"""
# PyPy collects when it likes: its peak grows with what has passed through, up to a bound.
IS_CPYTHON = sys.implementation.name == "cpython"
SMALL, LARGE = 1, 100 if IS_CPYTHON else 1000
BOUND = (5 if IS_CPYTHON else 150) << 20


def measure(plane, *argv):
    """Run the program. Returns (peak in bytes, processor time in seconds)."""
    line = [sys.executable, "-I", "-S", "-c", MEASURE] + make_command(*argv)
    code, peak, seconds = subprocess.check_output(line, env=make_environment(plane), timeout=300).split()
    assert int(code) == 0
    return int(peak), float(seconds)


BASELINES = {}      # the peak of a small answer, by command and kind of answer


def measure_growth(plane, argv, answers):
    """Return how many bytes more a run needs whose answers are large than the plain command with small ones."""
    plain = GET if argv[1] == "get" else LIST
    if (plain, answers) not in BASELINES:
        plane.script(*answers(SMALL))
        BASELINES[plain, answers] = measure(plane, *plain)[0]
        plane.answers.clear()       # a plain `list` reads one page
    plane.script(*answers(LARGE))
    peak = measure(plane, *argv)[0]
    assert not plane.answers
    return peak - BASELINES[plain, answers]


def repeat(head, one, count, end):
    """Return a chunked answer with so many of `one`, each with a number of its own in place of 00000000."""
    items = (b"," * (number > 0) + one.replace(b"00000000", b"%08x" % number) for number in range(count))
    batches = (b"".join(piece for piece, _ in zip(items, range(200))) for _ in range(0, count + 200, 200))
    return Reply((piece for pieces in ([head], batches, [end]) for piece in pieces if piece), framing="chunked")


TARGETS = b'{"id":"%s","status":"failed","targets":[' % EXECUTION.encode()
NODE = "00000000-0000-4000-8000-000000000000"
FULL, TINY = encode(target(inline(os.urandom(15 << 10)), NODE)), b'{"node_id":"%s","status":"failed"}' % NODE.encode()
WIDE = encode(execution([target(inline(os.urandom(12 << 10)), node) for node in NODES], id=NODE))


def make_outputs(size):
    """Up to 20 MiB of targets."""
    return [repeat(TARGETS, FULL, 10 * size, b"]}")]


def make_targets(size):
    """Up to 40,000 targets."""
    return [repeat(TARGETS, TINY, 400 * size, b"]}")]


def make_executions(size):
    """A page of up to 16 MiB."""
    return [repeat(b'{"items":[', WIDE, size, b"]}")]


def make_pages(size):
    """Up to 200 pages, with cursors of 10 MiB in all."""
    cursors = ["%050000d" % number for number in range(2 * size)] + [None]
    return [Reply(encode(page(execution(), next_cursor=cursor))) for cursor in cursors]


@posix_only
@rule("7.1")
@pytest.mark.parametrize("argv, answers", [
    (GET, make_outputs), (GET + ("--output", "raw"), make_outputs),
    (GET + ("--failed", "--output", "yaml"), make_outputs),
    (GET, make_targets),
    (LIST, make_executions), (LIST + ("--last", "3"), make_executions), (LIST + ("--output", "json"), make_executions),
    (LIST + ("--since", "2020-01-01", "--output", "jsonl"), make_pages)],
    ids=lambda value: " ".join((value[1],) + value[4:]) if isinstance(value, tuple) else value.__name__)
def test_memory_does_not_grow_with_targets_executions_and_pages(plane, argv, answers):
    assert measure_growth(plane, argv, answers) < BOUND


@posix_only
@rule("7.1", "9.3")
def test_memory_does_not_grow_with_the_outputs_of_a_folder(plane, tmp_path):
    assert measure_growth(plane, GET + ("--output-dir", str(tmp_path / "out")), make_outputs) < BOUND


@posix_only
@rule("7.1")
def test_long_value_is_not_scanned_again_for_each_piece_of_it(plane):
    """A quadratic scan of this body would take minutes; a linear one takes a fraction of a second."""
    value = b"x" * (24 << 20)
    plane.script(Reply(b'{"id":"%s","targets":[{"node_id":"%s"}]}' % (EXECUTION.encode(), value)))
    assert measure(plane, *GET + ("--output", "jsonl"))[1] < 8


# ---- what came is written before the next wait for the network

RICH = [target(inline(b"one\n")), target(inline(b"two\n"), NODES[1], "failed"), target(archive(key="three"), NODES[2])]
ROWS = [execution(action=name, id=node) for name, node in zip(("one", "two", "three"), NODES)]


def cut_after(wire, member, count):
    """The bytes of an object, in two parts: as far as the middle of the element after so many, and the rest."""
    whole, first = encode(wire), encode(dict(wire, **{member: wire[member][:count]}))
    place = next(at for at, pair in enumerate(zip(whole, first)) if pair[0] != pair[1]) + 9
    return whole[:place], whole[place:]


@rule("7.1")
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("form, marks", [
    ("text", [b"\none\n", b"\ntwo\n"]), ("raw", [b"one\n", b"two\n"]), ("json", [b'"b25lCg=="', b'"dHdvCg=="']),
    ("yaml", [b"b25lCg==", b"dHdvCg=="]), ("jsonl", [b'"b25lCg=="', b'"dHdvCg=="'])])
def test_target_that_came_is_written_before_the_next_has_come(plane, form, marks, count):
    halting = HaltingAnswer(*cut_after(execution(RICH), "targets", count), wanted=marks[count - 1])
    plane.script(halting)
    assert run_cli(*GET + ("--output", form), plane=plane, stdout=halting.out).code == (form == "raw")
    assert halting.seen and all(mark in halting.seen for mark in marks[:count])


@rule("7.1")
@pytest.mark.parametrize("flags", [("--failed",), ("--node", NODES[1])], ids=" ".join)
def test_chosen_target_that_came_is_written_before_the_next_has_come(plane, flags):
    halting = HaltingAnswer(*cut_after(execution(RICH), "targets", 2), wanted=b"two\n")
    plane.script(halting)
    assert run_cli(*GET + flags, plane=plane, stdout=halting.out).code == 0 and halting.seen


@rule("7.1", "5.2")
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("flags", [(), ("--all",), ("--since", "2020-01-01"), ("--until", "2030-01-01")], ids=" ".join)
@pytest.mark.parametrize("form, mark", [("text", b"  %s\n"), ("json", b'"action": "%s"'), ("yaml", b'action: "%s"'),
                                        ("jsonl", b'"action":"%s"')])
def test_row_that_came_is_written_before_the_next_has_come(plane, form, mark, flags, count):
    mark = mark % [b"one", b"two"][count - 1]
    halting = HaltingAnswer(*cut_after(page(*ROWS), "items", count), wanted=mark)
    plane.script(halting)
    assert run_cli(*LIST + flags + ("--output", form), plane=plane, stdout=halting.out).code == 0 and halting.seen


@rule("7.1", "5.2")
@pytest.mark.parametrize("form, mark", [("text", b"  one\n"), ("json", b'"action": "one"'), ("jsonl", b'"one"')])
def test_rows_of_a_page_are_written_before_the_next_page_is_waited_for(plane, form, mark):
    out, there = io.BytesIO(), []

    def second(sock):
        there.append(out.getvalue())
        sock.sendall(OK + encode(page(ROWS[1])))

    plane.script(Reply(page(ROWS[0], next_cursor="c")), second)
    assert run_cli(*LIST + ("--all", "--output", form), plane=plane, stdout=out).code == 0 and mark in there[0]


# ---- the status is known before the targets

@rule("7.1", "9.1")
def test_wait_reads_no_targets_to_learn_the_status(plane):
    head = b'{"id":"%s","status":"%s","targets":['
    answers = [OK + head % (EXECUTION.encode(), status) for status in (b"started", b"cancelled")]
    plane.script(*[lambda sock, answer=answer: (sock.sendall(answer), HANG(sock)) for answer in answers])
    assert wait_until_final(plane, Clock()) == "cancelled" and len(plane.requests) == 2


# ---- start-up

NETWORK = ("ssl", "_ssl", "socket", "_socket", "http", "http.client", "urllib.request", "email", "select")
#: Runs each command line of its arguments in one process, and tells the exit code, whether there was output, and what
#: network code is loaded by then.
LOADS = """
import importlib.util, io, sys
watched = [name for name in %r if name not in sys.modules]
spec = importlib.util.spec_from_file_location("program", sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
for line in sys.argv[2:]:
    out, err = io.BytesIO(), io.StringIO()
    code = program.main(line.split(), out, err)
    print(line, code, bool(out.getvalue()), bool(err.getvalue()), [name for name in watched if name in sys.modules])
""" % (NETWORK,)
#: The same for the program as a script.
SCRIPT = """
import runpy, sys
watched = [name for name in %r if name not in sys.modules]
del sys.argv[0]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    sys.stderr.write(repr([name for name in watched if name in sys.modules]))
""" % (NETWORK,)
QUIET = [("", 2), ("--help", 0), ("list --help", 0), ("get -h", 0), ("--version", 0), ("nonsense", 2), ("list", 2),
         ("get --project x --id y", 2), ("list --project %s --limit x" % PROJECT, 2), ("list --no-such-flag", 2),
         ("list --project %s --all --last 0" % PROJECT, 2), ("list --project %s --since soon" % PROJECT, 2)]


@rule("7.2")
def test_help_version_and_usage_errors_load_no_network_code():
    line = [sys.executable, "-I", "-S", "-c", LOADS, MODULE] + [line for line, _ in QUIET]
    told = subprocess.check_output(line, env=make_environment()).decode().splitlines()
    assert told == ["%s %d %s %s []" % (line, code, code == 0, code != 0) for line, code in QUIET]


@rule("7.2")
def test_the_script_loads_no_network_code_for_version():
    line = [sys.executable, "-I", "-S", "-c", SCRIPT, MODULE, "--version"]
    done = subprocess.run(line, env=make_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"[]") and done.stdout.startswith(b"version=")
