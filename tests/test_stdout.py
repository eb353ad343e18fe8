"""Section 6: standard output is written whole or not without an exit code that says so; what Ctrl-C leaves behind."""

import json
import os
import select
import signal
import subprocess
import threading

import pytest

from control_plane import Reply
from kit import EXECUTION, GET, LIST, NODES, encoded, execution, finish_cli, inline, page, run_cli, \
    start_cli, target
from kit_streams import PATIENCE, drained, full_pipe, is_full, read_some, read_until, run_shell, start_telling, until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no POSIX descriptors")

SMALL = execution([target(inline(b"some output\n"))])
LARGE = execution([target(inline(b"%06d" % number * 2048), NODES[0]) for number in range(60)])   # 720 KiB decoded
COMMANDS = [("--help", None), ("--version", None), ("completion zsh", None), ("list", page(SMALL)), ("get", SMALL),
            ("get", LARGE), ("get --output json", LARGE), ("get --output raw", LARGE)]
NAMES = ["help", "version", "completion", "list", "small", "large", "large json", "large raw"]
every_command = pytest.mark.parametrize("line, wire", COMMANDS, ids=NAMES)

needs_full_device = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")


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
    plane.script(*[Reply(wire)] if wire else [])
    return plane


# ---- a stdout that takes nothing

def assert_unwritten(result, told):
    assert result.code == 1 and result.err.count("\n") == 1
    assert result.err.startswith("error: ") and "standard output" in result.err and told in result.err


@every_command
@needs_full_device
def test_full_stdout_is_1(plane, line, wire):
    assert_unwritten(run_shell(">/dev/full", *arguments(line), plane=scripted(plane, wire)), "No space left")


@pytest.mark.parametrize("line, wire", COMMANDS[2:6:3], ids=NAMES[2:6:3])
@pytest.mark.parametrize("redirection, told", [(">&-", "closed"), ("1</dev/null", "Bad file"), ("<&- >&-", "closed")])
def test_closed_or_read_only_stdout_is_1(plane, redirection, told, line, wire):
    assert_unwritten(run_shell(redirection, *arguments(line), plane=scripted(plane, wire)), told)


def test_closed_stdout_asks_nothing_of_the_server(plane):
    assert run_shell(">&-", *GET, plane=plane).code == 1 and not plane.requests


@every_command
def test_reader_of_stdout_gone_is_141_and_silent(plane, line, wire):
    reading, writing = os.pipe()
    os.close(reading)
    process = start_cli(*arguments(line), plane=scripted(plane, wire), stdout=writing)
    os.close(writing)
    assert finish_cli(process)[::2] == (141, "")


@pytest.mark.parametrize("form", ["text", "json", "raw"])
def test_reader_that_goes_in_the_middle_is_141_and_silent(plane, form):
    process = start_cli(*GET + ("--output", form), plane=scripted(plane, LARGE), stdout=subprocess.PIPE)
    assert process.stdout.read(1000)
    process.stdout.close()
    process.stdout = None
    assert finish_cli(process)[::2] == (141, "")


@needs_full_device
def test_unwritten_output_is_told_beside_what_the_server_did(plane):
    plane.script(Reply(encoded(SMALL)[:-1] + b"?"))
    result = run_shell(">/dev/full", *GET, plane=plane)
    assert result.code == 1 and result.err.count("error: ") == 2 and "malformed" in result.err and "No space left" in result.err


# ---- stderr that takes nothing

@pytest.mark.parametrize("redirection", [
    "2>&-", pytest.param("2>/dev/full", marks=needs_full_device), "2</dev/null", "<&- 2>&-"])
@pytest.mark.parametrize("line, wire, code, size", [
    ("nonsense", None, 2, 0), ("get -v --output raw", SMALL, 0, 12), ("get --output raw -v", LARGE, 0, 60 * 12288),
    ("get --output raw", execution([target({"kind": "tape"})]), 1, 0)], ids=["usage", "small", "large", "unreadable"])
def test_stderr_that_cannot_be_written_changes_nothing(plane, redirection, line, wire, code, size):
    result = run_shell(redirection, *arguments(line), plane=scripted(plane, wire))
    assert (result.code, len(result.out), result.err) == (code, size, "")


def test_reader_of_stderr_gone_changes_nothing(plane):
    reading, writing = os.pipe()
    os.close(reading)
    process = start_cli(*GET + ("-v",), plane=scripted(plane, SMALL), stderr=writing)
    os.close(writing)
    result = finish_cli(process)
    assert result.code == 0 and b"some output\n" in result.out


# ---- a stdout that does not block

@pytest.mark.parametrize("line, wire", [COMMANDS[0]] + COMMANDS[4:], ids=[NAMES[0]] + NAMES[4:])
def test_nothing_is_lost_on_a_pipe_that_does_not_block(plane, line, wire):
    plane.script(*[Reply(wire)] * 2 if wire else [])
    reading, writing, filling = full_pipe()
    os.set_blocking(writing, False)
    process = start_telling(*arguments(line), plane=plane, stdout=writing)
    got = b""
    with process.stderr:
        read_until(process.stderr.fileno(), b"writing\n")
        while len(got) < 2 * len(filling) and is_full(writing):
            got += os.read(reading, 20000)
        os.close(writing)
        got += drained([reading])[0]
        assert process.wait(PATIENCE) == 0
    assert got == filling + run_cli(*arguments(line), plane=plane).out


def test_pipe_that_does_not_block_is_waited_for_without_trying_again(plane):
    reading, writing, filling = full_pipe()
    os.set_blocking(writing, False)
    process = start_telling("--help", stdout=writing)
    with process.stderr:
        read_until(process.stderr.fileno(), b"writing\n")
        assert not select.select([process.stderr], [], [], 0.2)[0]
        os.close(writing)
        assert drained([reading])[0].startswith(filling + b"usage: ") and process.wait(PATIENCE) == 0


# ---- outputs stream

def begun(body, more):
    """An answer that sends the first part of its body, and the rest when the event is set."""
    def answer(sock):
        first, rest = body
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(first + rest)
        sock.sendall(head.encode() + first)
        more.wait(PATIENCE)
        sock.sendall(rest)
    return answer


def parted(wire, mark):
    """The body of a wire object, split before the mark."""
    body = encoded(wire)
    return body[:body.index(mark)], body[body.index(mark):]


TWO_TARGETS = execution([target(inline(b"first\n")), target(inline(b"second\n"), NODES[1])])


@pytest.mark.parametrize("form, first", [
    ("text", b"first\n"), ("raw", b"first\n"), ("json", b'"Zmlyc3QK"'), ("yaml", b'"Zmlyc3QK"'),
    ("jsonl", b'"Zmlyc3QK"')])
def test_first_target_is_printed_while_the_rest_is_awaited(plane, form, first):
    more, argv = threading.Event(), GET + ("--output", form)
    plane.script(begun(parted(TWO_TARGETS, b',"node_id":"%s"' % NODES[1].encode()), more), Reply(TWO_TARGETS))
    process = start_cli(*argv, plane=plane)
    early = read_until(process.stdout.fileno(), first)
    more.set()
    result = finish_cli(process)
    assert (result.code, early + result.out) == (0, run_cli(*argv, plane=plane).out)


@pytest.mark.parametrize("form", ["text", "json", "yaml", "jsonl"])
def test_first_page_is_printed_while_the_second_is_awaited(plane, form):
    more, second = threading.Event(), page(execution(id=NODES[2]))
    plane.script(Reply(page(SMALL, next_cursor="c")), begun((b"", encoded(second)), more))
    process = start_cli(*LIST + ("--all", "--output", form), plane=plane)
    early = read_until(process.stdout.fileno(), EXECUTION.encode())
    more.set()
    result = finish_cli(process)
    assert result.code == 0 and NODES[2].encode() in result.out and NODES[2].encode() not in early


# ---- Ctrl-C

def interrupted(process):
    process.send_signal(signal.SIGINT)
    result = finish_cli(process)
    assert (result.code, result.err) == (130, "")
    return result


@pytest.mark.parametrize("form", ["text", "json"])
def test_interrupt_while_headers_are_awaited_is_130(plane, form):
    asked, more = threading.Event(), threading.Event()

    def answer(sock):
        asked.set()
        more.wait(PATIENCE)
    plane.script(answer)
    process = start_cli(*GET + ("--output", form), plane=plane)
    assert asked.wait(PATIENCE)
    assert interrupted(process).out == b""
    more.set()


@pytest.mark.parametrize("wire", [TWO_TARGETS, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("form", ["text", "raw", "json", "yaml", "jsonl"])
def test_interrupt_in_a_body_is_130_and_closes_nothing(plane, form, wire):
    more = threading.Event()
    plane.script(begun(parted(wire, b'],"type"'), more))
    process = start_cli(*GET + ("--output", form), plane=plane)
    wanted = {"text": b"==> ", "raw": b"0" if wire is LARGE else b"second"}.get(form, b"inline_bytes")
    early = read_until(process.stdout.fileno(), wanted)
    process.send_signal(signal.SIGINT)
    result = finish_cli(process)
    more.set()
    assert (result.code, result.err) == (130, "")
    text = (early + result.out).decode("ascii")
    assert "\nID " not in text and "incomplete" not in text
    if form == "json":
        with pytest.raises(ValueError):
            json.loads(text)


@pytest.mark.parametrize("form", ["text", "json", "yaml", "jsonl"])
def test_interrupt_between_pages_tells_no_cursor_and_closes_nothing(plane, form):
    more = threading.Event()
    plane.script(Reply(page(SMALL, next_cursor="the-cursor")), begun((b'{"items": [', b"]}"), more))
    process = start_cli(*LIST + ("--all", "--output", form), plane=plane)
    early = read_until(process.stdout.fileno(), b"restart-nginx")
    until(lambda: len(plane.requests) == 2)
    text = (early + interrupted(process).out).decode("ascii")
    more.set()
    assert "cursor" not in text and "incomplete" not in text
    if form == "json":
        with pytest.raises(ValueError):
            json.loads(text)


@pytest.mark.parametrize("form", ["text", "raw", "json", "yaml", "jsonl"])
def test_interrupt_while_a_full_pipe_takes_nothing_is_130(plane, form):
    reading, writing = os.pipe()
    process = start_cli(*GET + ("--output", form), plane=scripted(plane, LARGE), stdout=writing)
    until(lambda: is_full(writing))
    os.close(writing)
    interrupted(process)
    assert read_some(reading)
    os.close(reading)


@pytest.mark.parametrize("line, wire", COMMANDS[:5], ids=NAMES[:5])
def test_interrupt_while_a_full_pipe_takes_not_even_little_is_130(plane, line, wire):
    reading, writing, filling = full_pipe()
    process = start_telling(*arguments(line), plane=scripted(plane, wire), stdout=writing)
    os.close(writing)
    read_until(process.stderr.fileno(), b"writing\n")
    interrupted(process)
    assert drained([reading])[0] == filling


def test_interrupt_while_a_pipe_that_does_not_block_takes_nothing_is_130(plane):
    reading, writing, filling = full_pipe()
    os.set_blocking(writing, False)
    process = start_telling("--help", stdout=writing)
    os.close(writing)
    read_until(process.stderr.fileno(), b"writing\n")
    interrupted(process)
    assert drained([reading])[0] == filling


def test_interrupt_while_waiting_for_an_end_is_130(plane):
    plane.script(Reply(execution(status="started")))
    process = start_cli(*GET + ("--wait",), plane=plane)
    read_until(process.stderr.fileno(), b"status: started\n")
    assert interrupted(process).out == b""


def test_reader_that_left_is_told_nothing_of_what_the_server_did(plane):
    plane.script(Reply(encoded(SMALL)[:-1] + b"?"))
    reading, writing = os.pipe()
    os.close(reading)
    process = start_cli(*GET, plane=plane, stdout=writing)
    os.close(writing)
    assert finish_cli(process)[::2] == (141, "")
