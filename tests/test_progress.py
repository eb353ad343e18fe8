"""Section 9: the live line on standard error, as a person at a terminal sees it, and the hints below an output."""

import contextlib
import itertools
import os
import re
import subprocess
import sys
import threading

import pytest

from kit import (ALL, EXECUTION, GET, LIST, PATIENCE, TABLE_FORMATS, Result, check_promises, drain, encode, error_lines,
                 execution, inline, make_command, make_environment, open_terminal, page, posix_only, read_some, rule,
                 run_against, target)
from server import Reply

ITEM, TARGET = encode(execution()), encode(target(inline(b"out\n")))
BEGINNINGS = {"list": b'{"items":[' + ITEM,
              "get": encode(execution())[:-1].replace(b'"targets":[],', b"") + b',"targets":[' + TARGET}
LAST, SAVE = LIST + ("--last", "1"), GET + ("--output-dir", "FOLDER")
#: What the line says: pages and the Executions of complete pages, targets and bytes.
COUNTS = {"list": r"\d+ pages?, \d+ Executions?\b", "get": r"\d+ targets?, \d+ bytes\b"}


def drip_elements(kind, seen=None, more=b" ", end=b"]}", most=400):
    """Return an answer that goes on, piece by piece, until it was seen or so many pieces have been sent."""
    return Reply(drip_body(BEGINNINGS[kind], more, end, seen or threading.Event(), most), framing="chunked", pause=0.01)


CTRL_C = b"\x03"
#: Makes standard error the controlling terminal, and runs the rest of the command line in front or in the background.
LAUNCHER = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
if sys.argv[1] == "background":
    if os.fork():
        os._exit(os.wait()[1] >> 8)
    os.setpgid(0, 0)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Session:
    """A command at a terminal of its own, and the person before it.

    The terminal is standard input and standard error, and with stdout="terminal" all three. stdout may also be "pipe"
    or the path of a file. The terminal changes no byte, and does not echo."""

    def __init__(self, line, plane=None, env=None, stdout="terminal", place="foreground"):
        import termios
        self.far, near = open_terminal()
        modes = termios.tcgetattr(near)
        modes[0] |= termios.ICRNL
        modes[3] |= termios.ISIG | termios.ICANON
        termios.tcsetattr(near, termios.TCSANOW, modes)
        self.shown, self.pipe = b"", None       # what the terminal was sent; where standard output can be read
        out = os.dup(near) if stdout == "terminal" else None
        if stdout == "pipe":
            self.pipe, out = os.pipe()
        out = out or os.open(str(stdout), os.O_WRONLY | os.O_CREAT, 0o600)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, place] + line, stdin=near, stdout=out, stderr=near,
            env=make_environment(plane, dict({"TERM": "xterm"}, **env or {})), start_new_session=True)
        os.close(near)
        os.close(out)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()
        for descriptor in filter(None, (self.far, self.pipe)):
            os.close(descriptor)

    def wait_for(self, pattern):
        """Read until the terminal has shown it."""
        while not re.search(pattern, self.shown.decode("utf-8", "replace")):
            piece = read_some(self.far)
            assert piece, "the end came before %r: %r" % (pattern, self.shown)
            self.shown += piece

    def press(self, keys):
        os.write(self.far, keys)

    def finish(self):
        """Wait for the end, and return the Result: what came through the pipe, and all that the terminal was sent."""
        ends, self.far, self.pipe = list(filter(None, (self.far, self.pipe))), None, None
        shown, *out = drain(ends)
        code = self.process.wait(PATIENCE)
        return check_promises(Result(code, b"".join(out), (self.shown + shown).decode("utf-8")))


def draw_screen(shown):
    """Return the lines that a terminal shows in the end. Colours take no room; a blank erases a character."""
    lines, column = [""], 0
    for drawn in re.sub("\x1b\\[[0-9;]*m", "", shown):
        if drawn == "\n":
            lines.append("")
        elif drawn != "\r":
            erased = "\0" if drawn == " " and column < len(lines[-1]) else drawn
            lines[-1] = lines[-1][:column].ljust(column) + erased + lines[-1][column + 1:]
        column = 0 if drawn in "\r\n" else column + 1
    return [line.rstrip("\0").replace("\0", " ") for line in lines]


def drip_body(head, piece, rest, seen, most=2000):
    """Yield the pieces of a body, for a Reply with a pause: `head`, `piece` until `seen` is set, `rest`."""
    yield head
    yield from itertools.takewhile(lambda _: not seen.is_set(), itertools.repeat(piece, most))
    yield rest


@pytest.fixture
def start_session(plane, tmp_path):
    """A function that starts a Session. `FOLDER` and stdout="file" are names in the test's own folder."""
    with contextlib.ExitStack() as stack:
        def open_session(argv, stdout="file", **options):
            name = str(tmp_path / str(len(sessions)))
            line = make_command(*[argument.replace("FOLDER", name) for argument in argv])
            sessions.append(Session(line, plane, stdout=name if stdout == "file" else stdout, **options))
            return stack.enter_context(sessions[-1])

        sessions = []
        yield open_session


@posix_only
@rule("9.5", "9.5a", "9.5c", "9.5d")
@pytest.mark.parametrize("kind, argv, stdout", [
    ("list", ALL, "file"), ("list", LIST + ("--since", "2020-01-01", "--output", "json"), "file"),
    ("list", LAST, "terminal"), ("get", SAVE, "terminal")], ids=["--all", "--since", "--last", "--output-dir"])
def test_long_read_shows_a_progress_line_and_removes_it(plane, start_session, kind, argv, stdout):
    seen = threading.Event()
    plane.script(drip_elements(kind, seen))
    session = start_session(argv + ("--color", "never"), stdout, env={"TERM": "dumb"})      # it needs no escape codes
    session.wait_for(COUNTS[kind])
    seen.set()
    result = session.finish()
    left = ["ID", EXECUTION, ""] if stdout == "terminal" else [""]
    assert result.code == 0
    assert "\x1b" not in result.err
    assert [line.partition(" ")[0] for line in draw_screen(result.err)] == left


@posix_only
@rule("9.5")
def test_progress_line_counts_pages_executions_targets_and_bytes(plane, start_session):
    seen = threading.Event()
    plane.script(drip_elements("list", seen, end=b'],"next_cursor":"c"}'), drip_elements("list"),
                 drip_elements("get", more=b"," + TARGET))
    session = start_session(ALL + ("--since", "2999-01-01"))        # what does not match counts, too
    session.wait_for(r"(?<!\d)1 page, 0 Executions\b")
    seen.set()
    session.wait_for(r"(?<!\d)2 pages, 1 Execution\b")
    start_session(GET + ("--failed",)).wait_for(r"(?s)(?<!\d)1 target, \d\d+ bytes\b.*(?<!\d)3 targets, \d\d+ bytes\b")


@posix_only
@rule("5.10", "9.5c")
def test_progress_line_is_printable_and_does_not_wrap(plane, start_session):
    plane.script(Reply(execution(status="a\nb\x1b[2J" + "x" * 50 + plane.token)))      # cut after it was masked
    session = start_session(GET + ("--wait",), "terminal")
    session.wait_for("status: \\S{50}")
    session.press(CTRL_C)
    shown = session.finish().err
    assert all(text.isprintable() and len(text) < 80 for text in shown.split("\r")) and plane.token[:3] not in shown


#: Where stdout goes, and whether the program is in the foreground, for runs that would show a line elsewhere.
HIDDEN = {
    "list": [(ALL, "pipe", "foreground"), (LAST, "pipe", "foreground"), (ALL, "terminal", "foreground"),
             (ALL, "file", "background"), (ALL, os.devnull, "foreground")],
    "get": [(GET, "pipe", "foreground"), (SAVE, "pipe", "foreground"), (GET, "terminal", "foreground"),
            (SAVE, "terminal", "background")]}


@posix_only
@rule("9.5a", "9.5b")
@pytest.mark.parametrize("kind", sorted(HIDDEN))
def test_no_progress_line_with_a_pipe_or_in_the_background(plane, start_session, kind):
    plane.script(*[drip_elements(kind, most=20) for _ in HIDDEN[kind]])
    for session in [start_session(argv, stdout, place=place) for argv, stdout, place in HIDDEN[kind]]:
        result = session.finish()
        assert result.code == 0
        assert "\r" not in result.err
        assert not re.search(COUNTS[kind], result.err)


@posix_only
@rule("9.1e", "9.5")
def test_wait_shows_status_on_progress_line_or_else_on_plain_line(plane, start_session):
    places = ("terminal", 0), ("file", 0), ("pipe", 1), (os.devnull, 1)
    plane.script(*[Reply(execution(status="started"))] * len(places))
    sessions = [start_session(GET + ("--wait", "--wait-timeout", "1"), stdout) for stdout, _ in places]
    for session, (_, lines) in zip(sessions, places):
        result = session.finish()
        assert (result.code, "\r" in result.err, result.err.count("status: started")) == (124, not lines, 1)
        assert [line.split(":")[0] for line in draw_screen(result.err)] == ["status"] * lines + ["error", "hint", ""]


@posix_only
@rule("9.5d")
@pytest.mark.parametrize("ending, labels", [
    ([Reply({}, 404)], ["error", "hint", "next_cursor"]), ([Reply({"items": [1]})], ["error", "next_cursor"]),
    ([Reply({}, 503, [("Retry-After", "0")]), Reply(page())], ["retry"])], ids=["404", "malformed", "retry"])
def test_progress_line_is_removed_before_another_line(plane, start_session, ending, labels):
    seen = threading.Event()
    plane.script(drip_elements("list", seen, end=b'],"next_cursor":"c"}'), *ending)
    session = start_session(ALL)
    session.wait_for(COUNTS["list"])
    seen.set()
    assert [line.split(":")[0] for line in draw_screen(session.finish().err)] == labels + [""]


@rule("9.6")
@pytest.mark.parametrize("terminals", [(), ("stdout",), ("stderr",), ("stdout", "stderr")], ids="-".join)
@pytest.mark.parametrize("flags", [("--output", format) for format in TABLE_FORMATS] + [
    ("--limit", "1"), ("--cursor", "b")], ids=" ".join)
def test_page_with_a_successor_hints_at_more_on_a_terminal(plane, terminals, flags):
    for items in ([execution()], []):
        result = run_against(plane, page(*items, next_cursor="c"), *LIST + flags, terminals=terminals)
        hints = error_lines(result, "hint")
        assert result.code == 0 and b"hint" not in result.out and len(hints) == ("stderr" in terminals)
        assert all(word in hint for hint in hints for word in ("oldest", "--last N", "--since", "--all"))
