"""Ctrl-C. That of a Windows console is in test_windows.py."""

import os
import re
import signal
import sys
import threading

import pytest

from kit import (
    GET,
    LIST,
    PATIENCE,
    ROOT,
    SMALL_EXECUTION,
    STARTED,
    TARGETS,
    FailingStream,
    execution,
    finish_process,
    inline,
    make_command,
    page,
    posix_only,
    read_some,
    read_text,
    run_against,
    start_line,
    target,
    wait_until,
)
from server import HANG, Reply


@pytest.fixture(autouse=True)
def heeded_interrupts():
    """Make SIGINT reach the processes that a test starts: a suite that runs in the background of a shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def make_installed_command():
    """Return the command line that runs the entry point of pyproject.toml, as the installed command does."""
    settings = read_text(os.path.join(ROOT, "pyproject.toml"))
    module, function = re.search('plexctl-exec-log = "(.*):(.*)"', settings).groups()
    return [sys.executable, "-c", "from %s import %s as run; run()" % (module, function)]


def read_until(descriptor, wanted):
    """Read until the wanted bytes have come."""
    got = b""
    while wanted not in got:
        piece = read_some(descriptor)
        assert piece, "the end came first: %r" % got
        got += piece


# ---- the command


@posix_only
@pytest.mark.parametrize(
    "command", [make_command(), make_installed_command()], ids=["script", "installed command"]
)
def test_ctrl_c_during_a_request_kills_the_process_without_a_message(plane, command):
    plane.script(Reply(page(SMALL_EXECUTION, next_cursor="c")), HANG)

    with start_line([*command, *LIST, "--all"], plane) as process:
        read_until(process.stdout.fileno(), b"restart-nginx\n")  # the row of the first page
        wait_until(lambda: len(plane.requests) == 2)  # the program waits for the second page
        process.send_signal(signal.SIGINT)
        result = finish_process(process)

    assert result.code == -signal.SIGINT  # killed by the signal
    assert result.out == b""  # nothing more
    assert result.err == ""


@posix_only
def test_ctrl_c_during_lines_kills_the_process_without_a_count_of_what_is_not_shown(plane):
    started = execution([target(inline(b"so far\n"), status="started")])
    plane.script(Reply(page(started, next_cursor="c")), HANG)

    with start_line(make_command(*TARGETS, "-o", "lines"), plane) as process:
        read_until(process.stdout.fileno(), b"so far\n")
        wait_until(lambda: len(plane.requests) == 2)
        process.send_signal(signal.SIGINT)
        result = finish_process(process)

    assert result.code == -signal.SIGINT
    assert result.err == ""  # otherwise: incomplete: 1 Execution has unfinished targets


@posix_only
def test_ctrl_c_during_a_pause_kills_the_process_without_a_message(plane):
    plane.script(Reply(STARTED))

    with start_line(make_command(*GET, "--wait"), plane) as process:
        # After this line, the program pauses for two seconds. The Execution has no targets.
        read_until(process.stderr.fileno(), b"status: started (0 of 0 succeeded)\n")
        process.send_signal(signal.SIGINT)
        result = finish_process(process)

    assert result.code == -signal.SIGINT  # killed by the signal
    assert result.out == b""
    assert result.err == ""  # nothing more


@posix_only
def test_ctrl_c_kills_the_script_during_its_first_imports(plane, tmp_path):
    # The script imports this file in place of the standard library's, right after it has changed what SIGINT does.
    (tmp_path / "argparse.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    )

    with start_line(make_command(*LIST), plane, {"PYTHONPATH": str(tmp_path)}) as process:
        result = finish_process(process)

    assert result.code == -signal.SIGINT  # killed by the signal
    assert result.out == b""
    assert result.err == ""  # Python alone would print a traceback


@posix_only
@pytest.mark.skipif(
    sys.implementation.name == "pypy", reason="PyPy heeds SIGINT even where it was ignored"
)
def test_ignored_sigint_stays_ignored(plane):
    may_answer = threading.Event()

    def forbid_when_allowed(sock):
        may_answer.wait(PATIENCE)
        sock.sendall(Reply({}, 403).head())

    plane.script(forbid_when_allowed)

    # The shell ignores SIGINT, and the program inherits that.
    with start_line(
        ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"] + make_command(*GET), plane
    ) as process:
        wait_until(lambda: plane.requests)
        process.send_signal(signal.SIGINT)
        may_answer.set()
        result = finish_process(process)

    assert result.code == 4  # the exit code for the 403 that came after the signal


# ---- main


def test_main_lets_a_keyboard_interrupt_of_sleep_pass(plane):
    def interrupt(seconds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_against(plane, Reply({}, 503), *GET, sleep=interrupt)  # a pause follows the 503


def test_main_lets_a_keyboard_interrupt_of_stdout_pass(plane):
    with pytest.raises(KeyboardInterrupt):
        run_against(plane, SMALL_EXECUTION, *GET, stdout=FailingStream(KeyboardInterrupt()))
