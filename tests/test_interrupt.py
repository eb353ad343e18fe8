"""Section 6.5: Ctrl-C. That of a Windows console is in test_windows.py."""

import os
import re
import signal
import sys
import threading

import pytest

from kit import (
    ALL,
    GET,
    LIST,
    PATIENCE,
    ROOT,
    SMALL_EXECUTION,
    FailingStream,
    execution,
    finish_process,
    make_command,
    page,
    posix_only,
    read_some,
    read_text,
    rule,
    run_against,
    start_line,
    wait_until,
)
from server import HANG, Reply

SETTINGS_FILE = read_text(os.path.join(ROOT, "pyproject.toml"))
#: How the program is started: as a script, and as the installed command does it.
WAYS = {
    "script": make_command(),
    "installed": [
        sys.executable,
        "-c",
        "from %s import %s as run; run()" % re.search('plexctl-exec-log = "(.*):(.*)"', SETTINGS_FILE).groups(),
    ],
}
#: Where it waits: the answers, the command line, and the stream and the text that show that it is there.
PLACES = {
    "headers": ([Reply(page(SMALL_EXECUTION, next_cursor="c")), HANG], ALL, "stdout", b"restart-nginx\n"),
    "a wait": ([Reply(execution(status="started"))], GET + ("--wait",), "stderr", b"status: started 0/0\n"),
}


def read_until(descriptor, wanted):
    """Return what comes until the wanted bytes are among it."""
    got = b""
    while wanted not in got:
        piece = read_some(descriptor)
        assert piece, "the end came first: %r" % got
        got += piece
    return got


@pytest.fixture(autouse=True)
def heeded_interrupts():
    """A suite that runs in the background of a shell ignores SIGINT, and what it starts would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@posix_only
@rule("6.5")
@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("answers, argv, stream, text", list(PLACES.values()), ids=list(PLACES))
def test_ctrl_c_kills_the_process_by_sigint_and_prints_nothing(plane, answers, argv, stream, text, way):
    plane.script(*answers)
    with start_line(WAYS[way] + list(argv), plane) as process:
        read_until(getattr(process, stream).fileno(), text)
        wait_until(lambda: len(plane.requests) == len(answers))
        process.send_signal(signal.SIGINT)
        assert finish_process(process) == (-signal.SIGINT, b"", "")


@posix_only
@rule("6.5")
def test_ctrl_c_kills_the_script_during_its_first_imports(plane, tmp_path):
    (tmp_path / "argparse.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    with start_line(make_command(*LIST), plane, {"PYTHONPATH": str(tmp_path)}) as process:
        assert finish_process(process) == (-signal.SIGINT, b"", "")


@posix_only
@pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy heeds SIGINT even where it was ignored")
@rule("6.5")
def test_ignored_sigint_stays_ignored(plane):
    go_on = threading.Event()
    plane.script(lambda sock: (go_on.wait(PATIENCE), sock.sendall(Reply({}, 403).head())))
    with start_line(["sh", "-c", "trap '' INT; exec \"$@\"", "sh"] + make_command(*GET), plane) as process:
        wait_until(lambda: plane.requests)
        process.send_signal(signal.SIGINT)
        go_on.set()
        assert finish_process(process).code == 4


@rule("6.5", "8.3a")
@pytest.mark.parametrize("place", ["sleep", "stdout"])
def test_main_lets_keyboard_interrupt_pass(plane, place):
    stream, status = FailingStream(KeyboardInterrupt()), 503 if place == "sleep" else 200
    with pytest.raises(KeyboardInterrupt):
        run_against(plane, Reply(SMALL_EXECUTION, status), sleep=stream.write, stdout=stream)
