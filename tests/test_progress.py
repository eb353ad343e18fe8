"""The progress line on standard error, as a person at a terminal sees it."""

import contextlib
import os
import re
import select
import subprocess
import sys
import threading
import time

import pytest

from control_plane import TOKEN
from kit import (
    ALL,
    EXECUTION,
    GET,
    GET_FORMATS,
    LIST,
    NODES,
    PATIENCE,
    Result,
    archive,
    check_promises,
    drain,
    encode,
    execution,
    inline,
    listed,
    make_command,
    make_environment,
    open_terminal,
    page,
    posix_only,
    read_some,
    table,
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
    """A run of the program whose standard error is a terminal of its own, which changes no byte.

    stdout      "terminal" (the same one), "pipe", or the path of a file
    place       "foreground" or "background"
    """

    def __init__(self, argv, plane, stdout, place="foreground", columns=200):
        self.far, near = open_terminal(columns)
        self.shown = b""  # what the terminal was sent
        with contextlib.ExitStack() as stack:
            if stdout == "terminal":
                out = near
            elif stdout == "pipe":
                out = subprocess.PIPE
            else:
                out = stack.enter_context(open(stdout, "wb"))
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
        """Read what the terminal is sent until it matches this regular expression."""
        while not re.search(pattern, self.shown.decode("utf-8", "replace")):
            wait = "waited for %r after %r" % (pattern, self.shown)
            assert select.select([self.far], [], [], PATIENCE)[0], wait
            piece = read_some(self.far)
            assert piece, "the end came: " + wait
            self.shown += piece

    def finish(self):
        """Wait for the end, and return the Result, whose err is all that the terminal was sent."""
        self.shown += drain(self.far)
        code = self.process.wait(PATIENCE)
        if self.process.stdout:
            self.process.stdout.close()
        return check_promises(Result(code, b"", self.shown.decode("utf-8")))


def draw_screen(shown):
    """Return the lines that a terminal shows in the end, without the blanks at their ends.

    A carriage return goes back to the first column, and a blank erases a character. The last line is where the cursor
    is: it is empty after a line feed."""
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
    sessions = []

    def open_session(argv, stdout="file", **options):
        if stdout == "file":
            stdout = str(tmp_path / "stdout")
        session = Session(argv, plane, stdout, **options)
        sessions.append(session)
        return session

    yield open_session
    for session in sessions:
        session.process.kill()
        session.process.wait()


def make_slow_reply(value, until=None, seconds=PATIENCE):
    """Return a Reply with this JSON value that is complete when an Event is set, or after so many seconds.

    The value comes at once. White space follows it bit by bit, so that the program keeps reading."""

    def drip():
        yield encode(value)
        for _ in range(round(seconds / 0.05)):
            if until is not None and until.is_set():
                return
            time.sleep(0.05)
            yield b" "

    return Reply(drip(), framing="chunked")


# ---- what the progress line shows, and that it disappears


def make_argv(line):
    """Return the arguments of a `list` or `get` in short form, such as `get --wait`."""
    command, *flags = line.split()
    return {"list": LIST, "get": GET}[command] + tuple(flags)


@posix_only
@table(r"""
    line                      | answers   | progress            | screen
    list --last 1             | page slow | 1 page, 1 Execution | ID .*\n$ID .*\n
    # The answers for pending and ack are read to their ends before anything is printed.
    list --status pending,ack | last slow | 1 page, 1 Execution | ID .*\n$ID .*\n
    get                       | slow      | 0.4 MiB             | ==> .*\n  out\n\nID .*\n$ID .*\n
""")
def test_progress_line_appears_after_a_second_on_an_idle_terminal_and_is_gone_in_the_end(
    plane, start_session, line, answers, progress, screen
):
    line_was_seen = threading.Event()
    # An Execution of 0.44 MiB, which is also a page without Executions.
    large = execution([target(inline(b"out\n"))], items=[], padding="x" * 460000)
    scripted = {
        "page": Reply(page(execution(), next_cursor="c2")),
        "last": Reply(page(execution(status="pending"))),
        "slow": make_slow_reply(large, until=line_was_seen),
    }
    plane.script(*[scripted[word] for word in answers.split()])

    began = time.monotonic()
    session = start_session(make_argv(line), stdout="terminal")
    session.wait_for("\r%s$" % re.escape(progress))
    waited = time.monotonic() - began
    line_was_seen.set()
    result = session.finish()  # its err is all that the terminal was sent, from both streams

    assert waited >= 1
    assert result.code == 0
    assert "\x1b" not in result.err  # no escape sequence is needed to remove the line
    shown = "\n".join(draw_screen(result.err))
    assert re.fullmatch(screen.replace("$ID", EXECUTION), shown)


@posix_only
def test_listing_of_several_statuses_shows_no_progress_after_its_first_row(plane, start_session):
    # The first row is printed before the second page of the failed Executions, which takes more than a second.
    plane.script(
        Reply(
            page(
                listed("a", "09:00:00Z", "failed"),
                listed("b", "09:10:00Z", "failed"),
                next_cursor="c2",
            )
        ),
        Reply(page()),
        make_slow_reply(page(), seconds=1.25),
    )

    result = start_session(LIST + ("--status", "failed,timeout"), stdout="terminal").finish()

    assert result.code == 0
    rows = result.err.partition("ID  ")[2]
    assert "\na " in rows
    assert "\nb " in rows
    assert "\r" not in rows  # a progress line begins with it


@posix_only
def test_list_all_to_a_file_counts_every_page_and_execution_after_a_second(plane, start_session):
    first_line_was_seen = threading.Event()
    second_line_was_seen = threading.Event()
    plane.script(
        Reply(page(execution(), next_cursor="c2")),
        make_slow_reply(
            page(execution(), execution(), next_cursor="c3"), until=first_line_was_seen
        ),
        make_slow_reply(page(), until=second_line_was_seen),
    )

    began = time.monotonic()
    session = start_session(ALL + ("--updated-since", "2999-01-01T00:00:00Z"))  # nothing matches
    session.wait_for("\r1 page, 1 Execution$")
    waited = time.monotonic() - began
    first_line_was_seen.set()
    session.wait_for("\r2 pages, 3 Executions$")
    second_line_was_seen.set()
    result = session.finish()

    assert waited >= 1
    assert result.code == 0
    assert "\x1b" not in result.err
    assert draw_screen(result.err) == [
        "hint: no Execution matches (--updated-since leaves out what was not updated since then)",
        "",
    ]


@posix_only
def test_progress_line_is_removed_before_each_other_line(plane, start_session):
    line_was_seen = threading.Event()
    plane.script(
        make_slow_reply(page(next_cursor="c2"), until=line_was_seen),
        Reply({}, 503, [("Retry-After", "0")]),
        Reply({"title": "x"}, 403),
    )

    session = start_session(ALL)
    session.wait_for("\r0 pages, 0 Executions$")
    line_was_seen.set()
    result = session.finish()

    assert result.code == 4
    screen = draw_screen(result.err)
    assert len(screen) == 5
    assert screen[0].startswith("retry: ")
    assert screen[1].startswith("error: ")
    assert screen[2].startswith("hint: ")
    assert screen[3] == "next_cursor: c2"
    assert screen[4] == ""


# ---- where no progress line is shown


@posix_only
@table("""
    line                       | stdout    | place
    # The reader of a pipe might write to the same terminal. A device is no file.
    list --last 1              | pipe      | foreground
    get                        | /dev/null | foreground
    # The rows of all or of one status go to the terminal meanwhile.
    list --all                 | terminal  | foreground
    list --all --status failed | terminal  | foreground
    get                        | terminal  | background
""")
def test_progress_line_needs_the_foreground_and_a_file_or_an_idle_terminal_as_stdout(
    plane, start_session, line, stdout, place
):
    # The answer is an empty page, and also an Execution without targets. Tests above show a line after a second.
    plane.script(make_slow_reply(dict(execution(), items=[]), seconds=1.25))

    result = start_session(make_argv(line), stdout, place=place).finish()

    assert result.code == 0
    assert "\r" not in result.err
    assert "0 pages" not in result.err
    assert "MiB" not in result.err


# ---- the status of a wait

#: A status that would break the line, clear the screen and show the token.
HOSTILE_STATUS = "a\nb\x1b[2J" + TOKEN + "x" * 50


@posix_only
def test_wait_shows_the_status_on_the_progress_line(plane, start_session):
    started = execution([target(status="succeeded"), target(status="ack")], status=HOSTILE_STATUS)
    plane.script(Reply(started))  # the next poll would come after 2 seconds

    result = start_session(GET + ("--wait", "--wait-timeout=1"), stdout="file", columns=60).finish()

    assert result.code == 124
    # The token was masked before the line was cut to 59 characters, a column less than the terminal has.
    assert r"status: a\nb\x1b[2J***" + "x" * 37 in result.err.split("\r")
    screen = draw_screen(result.err)
    assert len(screen) == 3
    assert screen[0].startswith("error: ")
    assert screen[1].startswith("hint: ")
    assert screen[2] == ""


@posix_only
def test_progress_line_is_cut_to_79_characters_on_a_terminal_that_reports_no_width(
    plane, start_session
):
    plane.script(Reply(execution(status="x" * 100)))  # the next poll would come after 2 seconds

    # A pseudo-terminal of 0 columns is one whose width nobody has set.
    result = start_session(GET + ("--wait", "--wait-timeout=1"), stdout="file", columns=0).finish()

    assert result.code == 124
    assert "status: " + "x" * 71 in result.err.split("\r")


@posix_only
@pytest.mark.parametrize("stdout", ["terminal", "file"])
@pytest.mark.parametrize("format", GET_FORMATS)
def test_final_status_follows_the_output_of_a_wait_once(plane, start_session, stdout, format):
    targets = [target(inline(b"x\n")), target(node=NODES[1], status="failed")]
    plane.script(Reply(execution(targets, status="failed")))

    argv = GET + ("--wait", *format.split())
    result = start_session(argv, stdout=stdout, columns=130).finish()

    assert result.code == 0
    screen = draw_screen(result.err)
    assert screen[-2:] == ["status: failed (1 of 2 succeeded)", ""]
    assert screen.count("status: failed (1 of 2 succeeded)") == 1
    if stdout == "file":
        assert len(screen) == 2


@posix_only
def test_final_status_of_a_wait_follows_the_summary_of_a_folder(plane, start_session, tmp_path):
    targets = [target(archive("b", "k")), target(node=NODES[1], status="failed")]
    plane.script(Reply(execution(targets, status="failed")))

    result = start_session(GET + ("--wait", "--output-dir", str(tmp_path / "out"))).finish()

    assert draw_screen(result.err) == [
        "%s: 1 archived, 1 none" % (tmp_path / "out"),  # the summary
        "status: failed (1 of 2 succeeded)",
        "",
    ]


@posix_only
def test_wait_shows_the_status_on_a_line_if_stdout_is_a_pipe(plane, start_session):
    started = execution([target(status="succeeded"), target(status="ack")], status=HOSTILE_STATUS)
    plane.script(Reply(started))  # the next poll would come after 2 seconds

    result = start_session(GET + ("--wait", "--wait-timeout=1"), stdout="pipe", columns=60).finish()

    assert result.code == 124
    assert "\r" not in result.err
    screen = draw_screen(result.err)
    assert len(screen) == 4
    assert screen[0] == r"status: a\nb\x1b[2J***" + "x" * 50 + " (1 of 2 succeeded)"  # not cut
    assert screen[1].startswith("error: ")
    assert screen[2].startswith("hint: ")
    assert screen[3] == ""
