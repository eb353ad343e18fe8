"""Helpers for tests that need a person at a terminal. POSIX only.

    with Session(make_command(*LIST), plane, stdout=path) as session:   in the foreground of its own terminal
        session.wait_for("1 page")          until the terminal has shown this (a regular expression)
        session.press(CTRL_C)
        result = session.finish()           the Result; err is all that the terminal was sent
    draw_screen(result.err)                 the lines that a person sees in the end
    drip_body(head, piece, rest, seen)      a body that goes on, piece by piece, until the event `seen` is set
"""

import itertools
import os
import re
import subprocess
import sys

from kit import PATIENCE, Result, check_promises, drain, make_environment, open_terminal, read_some

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
    """A command that has a terminal of its own: standard input, standard error, and with stdout="terminal" all three.
    stdout may also be "pipe" or the path of a file. The terminal changes no byte, and echoes only if told so."""

    def __init__(self, line, plane=None, env=None, stdout="terminal", place="foreground", echo=False):
        import termios
        self.far, near = open_terminal()
        modes = termios.tcgetattr(near)
        modes[0] |= termios.ICRNL
        modes[3] |= termios.ISIG | termios.ICANON | (termios.ECHO if echo else 0)
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
