"""The progress line on standard error, as a person at a terminal sees it."""

import contextlib
import os
import re
import subprocess
import sys
import threading
import time

import pytest

from kit import (
    ALL,
    EXECUTION,
    GET,
    LIST,
    PATIENCE,
    Result,
    check_promises,
    drain,
    encode,
    execution,
    inline,
    make_command,
    make_environment,
    open_terminal,
    page,
    posix_only,
    read_some,
    rule,
    target,
)
from server import Reply

#: Makes standard error the controlling terminal, and runs the rest of the command line in front or in the background.
LAUNCHER = """
import fcntl, os, sys, termios
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
if sys.argv[1] == "background":
    if os.fork():
        os._exit(os.wait()[1] >> 8)
    os.setpgid(0, 0)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Session:
    """A command at a terminal of its own, which is standard error, and with stdout="terminal" standard output, too.

    stdout may also be "pipe" or the path of a file. The terminal changes no byte."""

    def __init__(self, argv, plane, stdout, place="foreground", columns=200):
        self.far, near = open_terminal(columns)
        self.shown = b""  # what the terminal was sent
        with contextlib.ExitStack() as stack:
            out = {"terminal": near, "pipe": subprocess.PIPE}.get(stdout) or stack.enter_context(open(stdout, "wb"))
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", LAUNCHER, place] + make_command(*argv),
                stdout=out,
                stderr=near,
                stdin=near,
                env=make_environment(plane, {"TERM": "dumb"}),
                start_new_session=True,
            )
        os.close(near)

    def wait_for(self, pattern):
        """Read until the terminal has shown it."""
        while not re.search(pattern, self.shown.decode("utf-8", "replace")):
            piece = read_some(self.far)
            assert piece, "the end came before %r: %r" % (pattern, self.shown)
            self.shown += piece

    def finish(self):
        """Wait for the end, and return the Result, whose err is all that the terminal was sent."""
        self.shown += drain(self.far)
        code = self.process.wait(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()
        return check_promises(Result(code, b"", self.shown.decode("utf-8")))


def draw_screen(shown):
    """Return the lines that a terminal shows in the end. A blank erases a character."""
    lines, column = [""], 0
    for drawn in shown:
        if drawn == "\n":
            lines.append("")
        elif drawn != "\r":
            lines[-1] = lines[-1][:column].ljust(column) + drawn + lines[-1][column + 1 :]
        column = 0 if drawn in "\r\n" else column + 1
    return [line.rstrip() for line in lines]


@pytest.fixture
def start_session(plane, tmp_path):
    """A function that starts a Session. stdout="file" is a file in the test's own folder."""

    def open_session(argv, stdout="file", **options):
        path = str(tmp_path / str(len(sessions))) if stdout == "file" else stdout
        sessions.append(Session(argv, plane, path, **options))
        return sessions[-1]

    sessions = []
    yield open_session
    for session in sessions:
        session.process.kill()
        session.process.wait()


def drip_json(plane, value, seen=None, pieces=34):
    """Let the plane answer with a JSON value that goes on for up to 1.7 s, or until it was seen; a listing has two
    pages, of which only the second drips."""

    def answer(request):
        if "/executions/" not in request.target and "cursor" not in request.target:
            return Reply(page(execution(), next_cursor="c"))
        return Reply(drip_pieces(), framing="chunked")

    def drip_pieces():
        yield encode(value)
        for _ in range(pieces):
            if not (seen and seen.is_set()):
                time.sleep(0.05)
                yield b" "

    plane.answer_to = answer


LARGE = execution([target(inline(b"out\n"))], padding="x" * 300000)
LAST = LIST + ("--last", "1")
#: Flags, where stdout goes, the line that comes, and the first words that are left in the end.
SHOWN_LINES = [
    (LIST + ("-o", "json", "--since", "2999-01-01T00:00:00Z"), "file", "1 page, 1 Execution", ["hint: no Exec", ""]),
    (LAST, "terminal", "1 page, 1 Execution", ["ID", EXECUTION, ""]),
    (GET, "terminal", "0.3 MiB", ["==>", "  out", "", "ID", EXECUTION, ""]),
]


@posix_only
@rule("9.5", "9.5a", "9.5b")
def test_run_of_more_than_a_second_shows_its_progress_and_removes_it(plane, start_session):
    began = time.monotonic()
    drip_json(plane, dict(page(next_cursor=None), **LARGE))
    for (*_, line, left), session in [(row, start_session(*row[:2])) for row in SHOWN_LINES]:
        session.wait_for("\r%s(\r|$)" % re.escape(line))
        assert time.monotonic() - began >= 1
        result = session.finish()
        assert result.code == 0 and "\x1b" not in result.err
        screen = draw_screen(result.err)
        assert [shown[: len(word)] for shown, word in zip(screen, left)] == left and len(screen) == len(left)


#: Where stdout goes, and whether the program is in the foreground, for runs that would show a line elsewhere.
HIDDEN = [
    (LAST, "pipe", "foreground"),
    (ALL, "terminal", "foreground"),
    (GET, "terminal", "background"),
    (GET, os.devnull, "foreground"),
]


@posix_only
@rule("9.5a")
def test_no_progress_line_with_a_pipe_or_in_the_background(plane, start_session):
    drip_json(plane, dict(page(next_cursor=None), **execution()), pieces=25)
    for session in [start_session(argv, stdout, place=place) for argv, stdout, place in HIDDEN]:
        result = session.finish()
        assert (result.code, "\r" in result.err, "MiB" in result.err) == (0, False, False)


@posix_only
@rule("9.1b", "9.5", "9.5a", "9.5b", "5.10")
def test_wait_shows_the_status_on_the_progress_line_or_else_on_a_line(plane, start_session):
    status = "a\nb\x1b[2J" + plane.token + "x" * 50  # masked before it is cut
    plane.script(*[Reply(execution([target(), target(status="ack")], status=status))] * 2)
    sessions = [start_session(GET + ("--wait", "--wait-timeout=1"), stdout, columns=60) for stdout in ("file", "pipe")]
    lines = [session.finish().err for session in sessions]
    whole = "status: a\\nb\\x1b[2J***" + "x" * 50
    assert whole[:59] in lines[0].split("\r") and draw_screen(lines[0])[0].startswith("error: ")
    assert "\r" not in lines[1] and draw_screen(lines[1])[0] == whole + " 1/2"
    assert [line[:5] for line in draw_screen(lines[1])[1:]] == ["error", "hint:", ""]


@posix_only
@rule("9.5b", "9.5")
def test_progress_line_counts_and_is_removed_before_another_line(plane, start_session):
    first, second = threading.Event(), threading.Event()
    drip_json(plane, page(execution(), execution(), next_cursor="d"), first, 400)
    session = start_session(ALL + ("--node", EXECUTION))  # what does not match counts, too
    session.wait_for("\r1 page, 1 Execution$")
    drip_json(plane, page(next_cursor="e"), second, 400)
    first.set()
    session.wait_for("\r2 pages, 3 Executions$")
    plane.script(Reply({}, 503, [("Retry-After", "0")]), Reply({}, 404))
    second.set()
    labels = [line.split(":")[0] for line in draw_screen(session.finish().err)]
    assert labels == ["retry", "error", "hint", "next_cursor", ""]
    plane.script(Reply(execution()))
    assert "\r" not in start_session(GET).finish().err  # it takes less than a second
