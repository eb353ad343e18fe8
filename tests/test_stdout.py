"""Section 6: standard output is written whole or not without an exit code that says so; what Ctrl-C leaves behind."""

import io
import json
import os
import signal
import subprocess
import threading
import time

import pytest

from control_plane import Reply
from kit import GET, LIST, NODES, PATIENCE, Halting, drained, encoded, execution, finish_cli, full_pipe, inline, is_full, \
    page, run_cli, run_process, run_shell, start_cli, target, until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no POSIX descriptors and signals")
needs_full_device = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")

SMALL = execution([target(inline(b"some output\n"))])
LARGE = execution([target(inline(b"%06d" % number * 2048), NODES[0]) for number in range(60)])   # 720 KiB decoded
TWO_TARGETS = execution([target(inline(b"first\n")), target(inline(b"second\n"), NODES[1])])
COMMANDS = [("--help", None), ("--version", None), ("list", page(SMALL)), ("get", SMALL), ("get", LARGE),
            ("get --output json", LARGE), ("get --output raw", LARGE)]
every_command = pytest.mark.parametrize("line, wire", COMMANDS, ids=["help", "version", "list", "small", "large", "large json", "large raw"])


@pytest.fixture(autouse=True)
def heeded_interrupts():
    """A suite that runs in the background of a shell ignores SIGINT, and what it starts would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def arguments(line):
    """The command line of a row of COMMANDS."""
    command, _, flags = line.partition(" ")
    return {"list": LIST, "get": GET}.get(command, (command,)) + tuple(flags.split())


def scripted(plane, wire):
    plane.script(*[Reply(wire)] * 2 if wire else [])
    return plane


class Failing(io.BytesIO):
    """A stream whose writing fails so."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, data):
        raise self.error


class Frugal(io.BytesIO):
    """A stream that takes little at once."""

    def write(self, data):
        return super().write(data[:4999])


class Watched(io.FileIO):
    """A descriptor as standard output. `tries`: how often it was written to; the first sets `tried`."""

    def __init__(self, descriptor):
        super().__init__(descriptor, "wb")
        self.tries, self.tried = 0, threading.Event()

    def write(self, data):
        self.tries += 1
        self.tried.set()
        return super().write(data)


# ---- a stdout that takes nothing

@every_command
@pytest.mark.parametrize("error, code, told", [
    (BrokenPipeError(), 141, ""), (KeyboardInterrupt(), 130, ""), (MemoryError(), 1, "error: out of memory"),
    (OSError(28, "No space left"), 1, "error: cannot write standard output: No space left\n"),
    (ValueError("closed"), 1, "error: cannot write standard output: closed\n"),
    (TypeError("no text"), 1, "error: cannot write standard output: no text\n")], ids=lambda value: type(value).__name__)
def test_failed_write_is_1_and_told_but_a_reader_that_has_gone_is_141_and_silent(plane, line, wire, error, code, told):
    result = run_cli(*arguments(line), plane=scripted(plane, wire), stdout=Failing(error))
    assert (result.code, result.err.count("\n")) == (code, bool(told)) and result.err.startswith(told)


@pytest.mark.parametrize("error, code", [(BrokenPipeError(), 141), (OSError(28, "No space left"), 1)], ids=["gone", "full"])
def test_failed_write_of_a_failed_read_is_told_too(plane, error, code):
    plane.script(Reply(encoded(SMALL)[:-1] + b"?"))
    result = run_cli(*GET, plane=plane, stdout=Failing(error))
    assert result.code == code and result.err.startswith("error: " if code == 1 else "") and bool(result.err) == (code == 1)


@pytest.mark.parametrize("redirection, told", [
    pytest.param(">/dev/full", "No space left", marks=needs_full_device), ("1</dev/null", "Bad file"), (">&-", "closed"),
    ("<&- >&-", "closed")])
@pytest.mark.parametrize("line, wire", [("--help", None), ("get", SMALL)], ids=["help", "get"])
def test_unwritable_stdout_is_1_without_noise_at_the_exit(plane, redirection, told, line, wire):
    result = run_shell(redirection, *arguments(line), plane=scripted(plane, wire))
    assert result.code == 1 and result.err.count("\n") == 1 and told in result.err
    assert result.err.startswith("error: ") and "standard output" in result.err
    assert not plane.requests or told != "closed"


def test_reader_that_goes_in_the_middle_is_141_without_noise_at_the_exit(plane):
    process = start_cli(*GET, plane=scripted(plane, LARGE), stdout=subprocess.PIPE)
    assert process.stdout.read(1000)
    process.stdout.close()
    process.stdout = None
    assert finish_cli(process)[::2] == (141, "")


@pytest.mark.parametrize("redirection", ["", ">&-"])
def test_usage_is_2_whatever_stdout_is(redirection):
    assert run_shell(redirection, "nonsense")[:2] == (2, b"")


# ---- a stdout that takes little at once, or does not block

@every_command
def test_nothing_is_lost_on_a_stream_that_takes_little_at_once(plane, line, wire):
    runs = [run_cli(*arguments(line), plane=scripted(plane, wire), stdout=stdout) for stdout in (Frugal(), None)]
    assert runs[0] == runs[1] and runs[0].code == 0


@every_command
def test_pipe_that_does_not_block_is_waited_for_without_trying_again_and_loses_nothing(plane, line, wire):
    reading, writing, filling = full_pipe()
    os.set_blocking(writing, False)
    got, tries = [], []

    def read():
        stdout.tried.wait(PATIENCE)
        time.sleep(0.05)
        tries.append(stdout.tries)
        got.append(os.read(reading, 20000))
        got.extend(drained([reading]))

    with Watched(writing) as stdout:
        reader = threading.Thread(target=read)
        reader.start()
        code = run_cli(*arguments(line), plane=scripted(plane, wire), stdout=stdout).code
    reader.join(PATIENCE)
    assert (code, tries) == (0, [1]) and b"".join(got) == filling + run_cli(*arguments(line), plane=plane).out


# ---- a stderr that takes nothing

@pytest.mark.parametrize("redirection", [
    "2>&-", pytest.param("2>/dev/full", marks=needs_full_device), "2</dev/null", "<&- 2>&-"])
@pytest.mark.parametrize("line, wire, code, size", [
    ("nonsense", None, 2, 0), ("get --output raw -v", LARGE, 0, 60 * 12288),
    ("get --output raw", execution([target({"kind": "tape"})]), 1, 0)], ids=["usage", "large", "unreadable"])
def test_stderr_that_cannot_be_written_changes_nothing(plane, redirection, line, wire, code, size):
    result = run_shell(redirection, *arguments(line), plane=scripted(plane, wire))
    assert (result.code, len(result.out), result.err, len(plane.requests)) == (code, size, "", bool(wire))


def test_reader_of_stderr_gone_changes_nothing(plane):
    reading, writing = os.pipe()
    os.close(reading)
    result = run_process(*GET + ("-v",), plane=scripted(plane, SMALL), stderr=writing)
    os.close(writing)
    assert result.code == 0 and b"some output\n" in result.out


# ---- Ctrl-C

def interrupt(*_):
    """What Ctrl-C does to this process, when the thread that runs the program waits for something."""
    time.sleep(0.02)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def interrupted_at(wire, mark, wanted):
    """An answer that is interrupted before the mark when the wanted bytes are on its stdout."""
    body = encoded(wire)
    place = body.index(mark)
    return Halting(body[:place], body[place:], wanted, interrupt)


def assert_left_open(halting, result, form):
    """Nothing tells how to go on, or that the document is whole."""
    assert halting.seen and result[::2] == (130, "")
    assert not [mark for mark in (b"cursor", b"incomplete", b"\nID ") if mark in result.out]
    if form == "json":
        with pytest.raises(ValueError):
            json.loads(result.out.decode("ascii"))


@pytest.mark.parametrize("wire", [TWO_TARGETS, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("form, wanted", [
    ("text", b"==> "), ("raw", b""), ("json", b"inline_bytes"), ("yaml", b"inline_bytes"), ("jsonl", b"inline_bytes")])
def test_interrupt_in_a_body_is_130_and_closes_nothing(plane, form, wanted, wire):
    halting = interrupted_at(wire, b'],"type"', wanted)
    plane.script(halting)
    assert_left_open(halting, run_cli(*GET + ("--output", form), plane=plane, stdout=halting.out), form)


@pytest.mark.parametrize("form", ["text", "json", "yaml", "jsonl"])
def test_interrupt_between_pages_is_130_and_tells_no_cursor(plane, form):
    halting = interrupted_at(page(SMALL), b"{", b"restart-nginx")
    plane.script(Reply(page(SMALL, next_cursor="the-cursor")), halting)
    assert_left_open(halting, run_cli(*LIST + ("--all", "--output", form), plane=plane, stdout=halting.out), form)


def test_interrupt_while_headers_are_awaited_is_130(plane):
    plane.script(interrupt)
    assert run_cli(*GET, plane=plane) == (130, b"", "")


@pytest.mark.parametrize("blocking", [True, False], ids=["blocks", "does not block"])
@pytest.mark.parametrize("line, wire", COMMANDS[:5:2], ids=["help", "list", "large"])
def test_interrupt_while_a_full_pipe_takes_nothing_is_130(plane, line, wire, blocking):
    reading, writing, filling = full_pipe()
    os.set_blocking(writing, blocking)
    with Watched(writing) as stdout:
        threading.Thread(target=lambda: stdout.tried.wait(PATIENCE) and interrupt()).start()
        assert run_cli(*arguments(line), plane=scripted(plane, wire), stdout=stdout)[::2] == (130, "")
    assert drained([reading]) == [filling]


def test_interrupted_process_exits_with_130_without_noise(plane):
    reading, writing = os.pipe()
    process = start_cli(*GET, plane=scripted(plane, LARGE), stdout=writing)
    until(lambda: is_full(writing))
    os.close(writing)
    process.send_signal(signal.SIGINT)
    assert finish_cli(process)[::2] == (130, "") and drained([reading])[0].startswith(b"==> ")
