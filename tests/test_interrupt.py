"""Section 6: how a run is ended from outside: by Ctrl-C, or by a standard stream that takes nothing."""

import io
import os
import signal
import subprocess
import sys
import threading

import pytest

from kit import (ALL, GET, LIST, NODES, PATIENCE, ROOT, SMALL_EXECUTION, FailingStream, execution, finish_cli, inline,
                 make_command, make_environment, page, posix_only, read_file, read_until, rule, run_against, run_cli,
                 run_in_shell, target, wait_until)
from server import HANG, Reply

needs_full_device = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
KILLED = -int(signal.SIGINT)
#: How the program is started: as a script, and as the installed command that pyproject.toml names.
STARTS = {"script": make_command(),
          "installed": [sys.executable, "-c", "from plexctl_exec_log import run_as_script; run_as_script()"]}
HANDLED = "import os, signal; signal.signal(signal.SIGINT, lambda *_: os._exit(7)); " + STARTS["installed"][-1]
#: Where it waits: the answers, the command line, and the stream and the text that show that it is there.
PHASES = {"headers": ([Reply(page(SMALL_EXECUTION, next_cursor="c")), HANG], ALL, "stdout", b"restart-nginx\n"),
          "a wait": ([Reply(execution(status="started"))], GET + ("--wait",), "stderr", b"status: started\n")}


@pytest.fixture(autouse=True)
def heeded_interrupts():
    """A suite that runs in the background of a shell ignores SIGINT, and what it starts would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def start_line(line, plane, **env):
    return subprocess.Popen(line, cwd=ROOT, env=make_environment(plane, env), stdout=-1, stderr=-1)     # -1: a PIPE


@posix_only
@rule("6.5", "6.5a", "6.5b")
@pytest.mark.parametrize("way", sorted(STARTS))
@pytest.mark.parametrize("answers, argv, stream, wanted", list(PHASES.values()), ids=list(PHASES))
def test_ctrl_c_kills_the_process_by_sigint_and_prints_nothing(plane, answers, argv, stream, wanted, way):
    assert b'plexctl-exec-log = "plexctl_exec_log:run_as_script"\n' in read_file(os.path.join(ROOT, "pyproject.toml"))
    plane.script(*answers)
    with start_line(STARTS[way] + list(argv), plane) as process:
        read_until(getattr(process, stream).fileno(), wanted)
        wait_until(lambda: len(plane.requests) == len(answers))
        process.send_signal(signal.SIGINT)
        assert finish_cli(process) == (KILLED, b"", "")


@posix_only
@rule("6.5b")
def test_ctrl_c_kills_the_script_during_its_first_imports(plane, tmp_path):
    (tmp_path / "argparse.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    with start_line(make_command(*LIST), plane, PYTHONPATH=str(tmp_path)) as process:
        assert finish_cli(process) == (KILLED, b"", "")


@posix_only
@pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy heeds SIGINT even where it was ignored")
@rule("6.5b", "6.5c")
@pytest.mark.parametrize("line, code", [
    (["sh", "-c", "trap '' INT; exec \"$@\"", "sh"] + make_command(*GET), 4),
    ([sys.executable, "-c", HANDLED, *GET], 7)], ids=["ignored", "handled"])
def test_ignored_or_handled_sigint_stays_so(plane, line, code):
    go_on = threading.Event()
    plane.script(lambda sock: (go_on.wait(PATIENCE), sock.sendall(Reply({}, 403).head())))
    with start_line(line, plane) as process:
        wait_until(lambda: plane.requests)
        process.send_signal(signal.SIGINT)
        go_on.set()
        assert finish_cli(process).code == code


@rule("6.5d")
@pytest.mark.parametrize("place", ["sleep", "stdout"])
def test_main_lets_keyboard_interrupt_through(plane, place):
    stream, status = FailingStream(KeyboardInterrupt()), 503 if place == "sleep" else 200
    with pytest.raises(KeyboardInterrupt):
        run_against(plane, Reply(SMALL_EXECUTION, status), sleep=stream.write, stdout=stream)


@posix_only
@rule("6.1e", "5.1c")
@pytest.mark.parametrize("redirection, bad", [
    (">&-", "stdout"), ("<&- 2>&-", "stderr"), (">&- 2>&-", "both"),
    pytest.param(">/dev/full", "stdout", marks=needs_full_device),
    pytest.param("2>/dev/full", "stderr", marks=needs_full_device),
    pytest.param(">/dev/full 2>/dev/full", "both", marks=needs_full_device)])
@pytest.mark.parametrize("argv, code", [(("--help",), 0), (GET + ("-v",), 0), (("nonsense",), 2)],
                         ids=["help", "get", "usage"])
def test_unwritable_stream_causes_no_noise_at_the_exit(plane, redirection, bad, argv, code):
    plane.script(Reply(SMALL_EXECUTION), Reply(SMALL_EXECUTION))
    result = run_in_shell(redirection, *argv, plane=plane)
    assert bad != "stderr" or result.out == run_cli(*argv, plane=plane).out
    assert result.code == (code if code or bad == "stderr" else 1)
    said = [line for line in result.err.splitlines() if line[:1] not in "<>"]     # those are the trace's
    assert [line.split(": ")[0] for line in said] == (["error", "hint"][:1 + bool(code)] if bad == "stdout" else [])
    assert not plane.requests or redirection[:3] != ">&-", "it is noticed before the first request"


class Frugal(io.RawIOBase):
    """A raw stream, as Python's -u makes, that takes little at once, and after `most` bytes nothing for now."""

    taken = b""

    def write(self, data):
        size = min(len(data), 4999, self.most - len(self.taken))
        self.taken += bytes(data[:size])
        return size or None


@rule("6.1a")
@pytest.mark.parametrize("most, code", [(1 << 30, 0), (50000, 1)], ids=["takes little", "does not block"])
def test_partial_writes_are_completed_or_reported(plane, most, code):
    plane.script(*[Reply(execution([target(inline(b"x" * 16384), node) for node in NODES]))] * 2)
    stdout, whole = Frugal(), run_cli(*GET, plane=plane).out
    stdout.most = most
    result = run_cli(*GET, plane=plane, stdout=stdout)
    assert result.code == len(result.err.splitlines()) == code
    assert not code or result.err.startswith("error: cannot write to standard output: ")
    assert stdout.taken == whole[:most]
