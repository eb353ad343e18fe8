"""Section 6: how a run is ended from outside: by Ctrl-C, or by a standard output that is full, closed or not read."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from kit import (GET, LIST, NODES, PATIENCE, ROOT, FailingStream, HaltingAnswer, drain, encode, execution, finish_cli,
                 inline, is_full, make_command, make_environment, make_full_pipe, page, posix_only, read_until, rule,
                 run_cli, run_in_shell, run_process, start_cli, target, wait_until)
from kit_net import Raw, nobody_accepting
from kit_terminal import CTRL_C, Session, draw_screen, drip_body
from server import HANG, Reply

needs_full_device = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
needs_tcp_states = pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="needs /proc/net/tcp")

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
SMALL = execution([target(inline(b"some output\n"))])
LARGE = execution([target(inline(b"%06d" % number * 2048), NODES[0]) for number in range(60)])   # 720 KiB decoded
TWO_TARGETS = execution([target(inline(b"first\n")), target(inline(b"second\n"), NODES[1])])
COMMANDS = {"help": (("--help",), None), "version": (("--version",), None), "list": (LIST, page(SMALL)),
            "get": (GET, SMALL), "large": (GET, LARGE), "large json": (GET + ("--output", "json"), LARGE),
            "large raw": (GET + ("--output", "raw"), LARGE)}
every_command = pytest.mark.parametrize("argv, wire", [COMMANDS[name] for name in COMMANDS], ids=list(COMMANDS))
KILLED = -int(signal.SIGINT)


@pytest.fixture(autouse=True)
def heeded_interrupts():
    """A suite that runs in the background of a shell ignores SIGINT, and what it starts would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def script_answer(plane, wire):
    """The plane, which will answer with this twice."""
    plane.script(*[Reply(wire)] * 2 if wire else [])
    return plane


def cut_before(wire, mark):
    """The answer with this body as far as the mark, after which nothing comes."""
    body = encode(wire)
    return lambda sock: (sock.sendall(OK + body[:body.index(mark)]), HANG(sock))


# ---- Ctrl-C ends the process by SIGINT

#: Where the program waits: the answers, the command line, and the stream and the text that show that it is there.
PHASES = {
    "a listing": ([cut_before(page(SMALL), b"]}")], LIST, "stdout", "restart-nginx\n"),
    "a later page": ([Reply(page(SMALL, next_cursor="c")), HANG], LIST + ("--all",), "stdout", "restart-nginx\n"),
    "a get": ([cut_before(TWO_TARGETS, b'],"type"')], GET, "stdout", "second\n"),
    "a wait": ([Reply(execution(status="started"))], GET + ("--wait",), "stderr", "status: started"),
    "a retry pause": ([Reply({}, 503, [("Retry-After", "30")])], LIST, "stderr", "retry: ")}


@contextlib.contextmanager
def running(process):
    """The process, which does not outlive a test that fails."""
    with process:
        try:
            yield process
        finally:
            process.kill()


@posix_only
@rule("6.5")
@pytest.mark.parametrize("phase", sorted(PHASES))
def test_ctrl_c_kills_the_process_by_sigint_and_nothing_is_closed_or_printed(plane, phase):
    answers, argv, stream, wanted = PHASES[phase]
    plane.script(*answers)
    with running(start_cli(*argv, plane=plane)) as process:
        shown = {"stdout": b"", "stderr": b""}
        shown[stream] = read_until(getattr(process, stream).fileno(), wanted.encode())
        wait_until(lambda: len(plane.requests) == len(answers))
        process.send_signal(signal.SIGINT)
        result = finish_cli(process)
    out, err = (shown["stdout"] + result.out).decode(), shown["stderr"].decode() + result.err
    assert (result.code, len(plane.requests)) == (KILLED, len(answers))
    if stream == "stdout":
        assert err == "" and out.rstrip("\n").endswith(wanted.rstrip("\n"))
    else:
        assert out == "" and err.startswith(wanted) and err.count("\n") == 1


@posix_only
@rule("6.5")
@pytest.mark.parametrize("scheme", ["http", "https"], ids=["headers", "TLS handshake"])
def test_ctrl_c_kills_it_while_the_server_says_nothing(scheme):
    with Raw(HANG) as server:
        url = "%s://localhost:%d" % (scheme, server.address[1])
        with running(start_cli(*LIST + ("--server", url), plane=server)) as process:
            wait_until(lambda: server.connections)
            process.send_signal(signal.SIGINT)
            assert finish_cli(process) == (KILLED, b"", "")


def attempts(port):
    """How many connections to this port are being made, and are not answered."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file]
    return sum(row[2].endswith(":%04X" % port) and row[3] == "02" for row in rows[1:])


@posix_only
@needs_tcp_states
@rule("6.5")
def test_ctrl_c_kills_it_while_connecting(plane):
    with nobody_accepting() as address:
        port = int(address.split(":")[1])
        others = attempts(port)
        with running(start_cli(*LIST + ("--server", "http://" + address), plane=plane)) as process:
            wait_until(lambda: attempts(port) > others)
            process.send_signal(signal.SIGINT)
            assert finish_cli(process) == (KILLED, b"", "")


@posix_only
@rule("6.5")
def test_ctrl_c_kills_it_while_a_full_pipe_takes_nothing(plane):
    reading, writing = os.pipe()
    with running(start_cli(*GET, plane=script_answer(plane, LARGE), stdout=writing)) as process:
        wait_until(lambda: is_full(writing))
        os.close(writing)
        process.send_signal(signal.SIGINT)
        assert finish_cli(process)[::2] == (KILLED, "") and drain([reading])[0].startswith(b"==> ")


@posix_only
@rule("6.5")
def test_ctrl_c_kills_the_installed_command_too(plane):
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        function, = re.findall(r'^plexctl-exec-log = "plexctl_exec_log:(\w+)"$', file.read(), re.MULTILINE)
    script = "import sys\nfrom plexctl_exec_log import %s\nsys.exit(%s())" % (function, function)
    plane.script(cut_before(TWO_TARGETS, b'],"type"'), Reply({}, 404))

    def started():
        return subprocess.Popen([sys.executable, "-c", script] + list(GET), cwd=ROOT, env=make_environment(plane),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    with running(started()) as process:
        read_until(process.stdout.fileno(), b"second\n")
        process.send_signal(signal.SIGINT)
        assert finish_cli(process)[::2] == (KILLED, "")
    assert finish_cli(started()).code == 1      # every other exit code is the function's


@posix_only
@needs_bash
@rule("6.5")
@pytest.mark.parametrize("phase", sorted(PHASES))
def test_ctrl_c_at_a_terminal_stops_a_shell_loop(plane, phase):
    answers, argv, _, wanted = PHASES[phase]
    plane.script(*answers)
    loop = ["bash", "-c", 'for i in 1 2 3; do "$@"; done; echo after', "bash"] + make_command(*argv)
    with Session(loop, plane) as session:
        session.wait_for(wanted.strip())
        wait_until(lambda: len(plane.requests) == len(answers))
        session.press(CTRL_C)
        result = session.finish()
    assert result.code == KILLED and "after" not in result.err and len(plane.requests) == len(answers)


@posix_only
@needs_bash
@rule("6.5", "9.5")
@pytest.mark.parametrize("redirection, wanted", [(">/dev/null", "1 page"), ("", "restart-nginx")],
                         ids=["live line", "table"])
def test_prompt_after_ctrl_c_starts_on_a_line_of_its_own(plane, redirection, wanted):
    body = drip_body(b'{"items":[' + encode(SMALL), b" ", b"]}", threading.Event())
    plane.script(Reply(body, framing="close", pause=0.01))
    line = 'bash -c \'exec "$@"\' bash %s %s\n' % (" ".join(make_command(*LIST + ("--all",))), redirection)
    shell = ["bash", "--norc", "--noprofile", "--noediting", "-i"]
    with Session(shell, plane, {"PS1": "prompt> "}, echo=True) as session:
        session.wait_for("prompt> ")
        session.press(line.encode())
        session.wait_for("(?s)\n.*" + wanted)
        session.press(CTRL_C)
        session.wait_for("(?s)prompt> .*prompt> ")
        assert draw_screen(session.shown.decode())[-1] == "prompt> "


@posix_only
@rule("6.5", "9.5")
def test_live_line_is_removed_by_ctrl_c(plane):
    body = drip_body(b'{"items":[' + encode(SMALL), b" ", b"]}", threading.Event())
    plane.script(Reply(body, framing="close", pause=0.01))
    with Session(make_command(*LIST + ("--all",)), plane, stdout=os.devnull) as session:
        session.wait_for("execution")
        session.press(CTRL_C)
        result = session.finish()
    assert result.code == KILLED and draw_screen(result.err) == [""]


@posix_only
@pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy heeds SIGINT even where it was ignored")
@rule("6.5")
def test_ignored_sigint_stays_ignored(plane):
    go_on = threading.Event()
    body = encode(TWO_TARGETS)
    place = body.index(b'],"type"')

    def halting(sock):
        sock.sendall(OK + body[:place])
        go_on.wait(PATIENCE)
        sock.sendall(body[place:])

    plane.script(halting)
    line = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"] + make_command(*GET)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with running(subprocess.Popen(line, env=make_environment(plane), **pipes)) as process:
        read_until(process.stdout.fileno(), b"second\n")
        process.send_signal(signal.SIGINT)
        go_on.set()
        result = finish_cli(process)
    assert (result.code, result.err) == (0, "") and b"restart-nginx\n" in result.out


# ---- main returns 130 to its caller

@rule("6.5")
@pytest.mark.parametrize("answer, argv, told", [
    (Reply(execution(status="started")), GET + ("--wait",), "status: started\n"), (Reply({}, 503), LIST, "retry: ")],
    ids=["wait", "retry"])
def test_main_returns_130_if_its_sleep_is_interrupted(plane, answer, argv, told):
    def interrupted(seconds):
        raise KeyboardInterrupt
    plane.script(answer)
    result = run_cli(*argv, plane=plane, sleep=interrupted)
    assert result[:2] == (130, b"") and result.err.startswith(told) and result.err.count("\n") == 1
    assert len(plane.requests) == 1


def interrupt(*_):
    """Do to this process what Ctrl-C does, when the thread that runs the program waits for something."""
    time.sleep(0.02)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def interrupt_at(wire, mark, wanted):
    """An answer that is interrupted before the mark when the wanted bytes are on its stdout."""
    body = encode(wire)
    place = body.index(mark)
    return HaltingAnswer(body[:place], body[place:], wanted, interrupt)


def assert_left_open(halting, result, form):
    """Nothing tells how to go on, or that the document is whole."""
    assert halting.seen and result[::2] == (130, "")
    assert not [mark for mark in (b"cursor", b"incomplete", b"\nID ") if mark in result.out]
    if form == "json":
        with pytest.raises(ValueError):
            json.loads(result.out.decode("ascii"))


@posix_only
@rule("6.5")
@pytest.mark.parametrize("wire", [TWO_TARGETS, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("form, wanted", [
    ("text", b"==> "), ("raw", b""), ("json", b"inline_bytes"), ("yaml", b"inline_bytes"), ("jsonl", b"inline_bytes")])
def test_interrupt_in_a_body_is_130_and_closes_nothing(plane, form, wanted, wire):
    halting = interrupt_at(wire, b'],"type"', wanted)
    plane.script(halting)
    assert_left_open(halting, run_cli(*GET + ("--output", form), plane=plane, stdout=halting.out), form)


@posix_only
@rule("6.5")
@pytest.mark.parametrize("form", ["text", "json", "yaml", "jsonl"])
def test_interrupt_between_pages_is_130_and_tells_no_cursor(plane, form):
    halting = interrupt_at(page(SMALL), b"{", b"restart-nginx")
    plane.script(Reply(page(SMALL, next_cursor="the-cursor")), halting)
    argv = LIST + ("--all", "--output", form)
    assert_left_open(halting, run_cli(*argv, plane=plane, stdout=halting.out), form)


@posix_only
@rule("6.5")
def test_interrupt_while_headers_are_awaited_is_130(plane):
    plane.script(interrupt)
    assert run_cli(*GET, plane=plane) == (130, b"", "")


class Watched(io.FileIO):
    """A descriptor as standard output. `tries`: how often it was written to; the first sets `tried`."""

    def __init__(self, descriptor):
        super().__init__(descriptor, "wb")
        self.tries, self.tried = 0, threading.Event()

    def write(self, data):
        self.tries += 1
        self.tried.set()
        return super().write(data)


@posix_only
@rule("6.5")
@pytest.mark.parametrize("blocking", [True, False], ids=["blocks", "does not block"])
@pytest.mark.parametrize("name", ["help", "list", "large"])
def test_interrupt_while_a_full_pipe_takes_nothing_is_130(plane, name, blocking):
    argv, wire = COMMANDS[name]
    reading, writing, filling = make_full_pipe()
    os.set_blocking(writing, blocking)
    with Watched(writing) as stdout:
        threading.Thread(target=lambda: stdout.tried.wait(PATIENCE) and interrupt()).start()
        assert run_cli(*argv, plane=script_answer(plane, wire), stdout=stdout)[::2] == (130, "")
    assert drain([reading]) == [filling]


# ---- a stdout that takes nothing: its reader has left (141, silently), or it is full, closed, no stream (1)

@rule("6.1", "6.2", "6.5")
@every_command
@pytest.mark.parametrize("error, code, told", [
    (BrokenPipeError(), 141, ""), (KeyboardInterrupt(), 130, ""),
    (MemoryError(), 1, "error: out of memory\n"),
    (OSError(28, "No space left"), 1, "error: cannot write standard output: No space left\n"),
    (ValueError("closed"), 1, "error: cannot write standard output: closed\n"),
    (TypeError("no text"), 1, "error: cannot write standard output: no text\n")],
    ids=["reader gone", "Ctrl-C", "memory", "full", "closed", "text stream"])
def test_failed_write_is_1_and_told_but_a_reader_that_has_gone_is_141_and_silent(plane, argv, wire, error, code, told):
    result = run_cli(*argv, plane=script_answer(plane, wire), stdout=FailingStream(error))
    assert (result.code, result.err) == (code, told)


@rule("6.1", "6.2")
@pytest.mark.parametrize("error, code", [(BrokenPipeError(), 141), (OSError(28, "No space left"), 1)],
                         ids=["reader gone", "full"])
def test_failed_write_counts_for_a_failed_read_too(plane, error, code):
    plane.script(Reply(encode(SMALL)[:-1] + b"?"))
    result = run_cli(*GET, plane=plane, stdout=FailingStream(error))
    assert result.code == code and result.err.count("error: ") == (code == 1)


@posix_only
@rule("6.1", "6.2")
@pytest.mark.parametrize("redirection, told", [
    pytest.param(">/dev/full", "No space left", marks=needs_full_device), ("1</dev/null", "Bad file"),
    (">&-", "closed"), ("<&- >&-", "closed")])
@pytest.mark.parametrize("name", ["help", "get"])
def test_unwritable_stdout_is_1_without_noise_at_the_exit(plane, redirection, told, name):
    argv, wire = COMMANDS[name]
    result = run_in_shell(redirection, *argv, plane=script_answer(plane, wire))
    assert result.code == 1 and result.err.count("\n") == 1 and told in result.err
    assert result.err.startswith("error: ") and "standard output" in result.err
    assert not plane.requests or told != "closed"


@posix_only
@rule("6.1", "6.2")
@pytest.mark.parametrize("redirection", ["", ">&-", pytest.param(">/dev/full", marks=needs_full_device)],
                         ids=["open", "closed", "full"])
def test_usage_is_2_whatever_stdout_is(redirection):
    assert run_in_shell(redirection, "nonsense")[:2] == (2, b"")


# ---- a stdout that takes little at once, or does not block

class Frugal(io.BytesIO):
    """A stream that takes little at once."""

    def write(self, data):
        return super().write(data[:4999])


@rule("5.1")
@every_command
def test_nothing_is_lost_on_a_stream_that_takes_little_at_once(plane, argv, wire):
    runs = [run_cli(*argv, plane=script_answer(plane, wire), stdout=stdout) for stdout in (Frugal(), None)]
    assert runs[0] == runs[1] and runs[0].code == 0


@posix_only
@rule("5.1")
@every_command
def test_pipe_that_does_not_block_is_waited_for_and_loses_nothing(plane, argv, wire):
    reading, writing, filling = make_full_pipe()
    os.set_blocking(writing, False)
    got = []

    def read():
        stdout.tried.wait(PATIENCE)
        time.sleep(0.05)
        got.append(os.read(reading, 20000))
        got.extend(drain([reading]))

    with Watched(writing) as stdout:
        reader = threading.Thread(target=read)
        reader.start()
        code = run_cli(*argv, plane=script_answer(plane, wire), stdout=stdout).code
    reader.join(PATIENCE)
    assert code == 0 and b"".join(got) == filling + run_cli(*argv, plane=plane).out


# ---- a stderr that takes nothing

@posix_only
@rule("5.1")
@pytest.mark.parametrize("redirection", [
    "2>&-", pytest.param("2>/dev/full", marks=needs_full_device), "2</dev/null", "<&- 2>&-"])
@pytest.mark.parametrize("argv, wire, code, size", [
    (("nonsense",), None, 2, 0), (GET + ("--output", "raw", "-v"), LARGE, 0, 60 * 12288),
    (GET + ("--output", "raw"), execution([target({"kind": "tape"})]), 1, 0)], ids=["usage", "large", "unreadable"])
def test_stderr_that_cannot_be_written_changes_nothing(plane, redirection, argv, wire, code, size):
    result = run_in_shell(redirection, *argv, plane=script_answer(plane, wire))
    assert (result.code, len(result.out), result.err, len(plane.requests)) == (code, size, "", bool(wire))


@posix_only
@rule("5.1")
def test_reader_of_stderr_gone_changes_nothing(plane):
    reading, writing = os.pipe()
    os.close(reading)
    result = run_process(*GET + ("-v",), plane=script_answer(plane, SMALL), stderr=writing)
    os.close(writing)
    assert result.code == 0 and b"some output\n" in result.out
