"""The verbs of the tests that need a person at a terminal, POSIX alone.

    with Session(command(*LIST), plane, stdout=path) as session:    the program in the foreground of its own terminal
        session.wait_for("1 page")          until the terminal has shown this (a regular expression)
        session.press(CTRL_C)
        result = session.finish()           the Result; err is all that the terminal was sent
    draw_screen(result.err)                 the lines that a person sees in the end
    drip_body(head, piece, rest, seen)      a body that goes on, piece by piece, until the event `seen` is set
"""

import os
import re
import subprocess
import sys

from kit import PATIENCE, Result, check_promises, drain, make_environment, read_some

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

    stdout may also be "pipe" or the path of a file. The terminal changes no byte, and echoes only if told so.
    """

    def __init__(self, line, plane=None, env=None, stdout="terminal", place="foreground", echo=False):
        import fcntl
        import pty
        import struct
        import termios
        self.far, near = pty.openpty()
        attributes = termios.tcgetattr(near)
        attributes[1] &= ~termios.OPOST
        attributes[3] &= attributes[3] if echo else ~termios.ECHO
        termios.tcsetattr(near, termios.TCSANOW, attributes)
        fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))

        self.shown, self.pipe = b"", None       # what the terminal was sent; where standard output can be read
        if stdout == "pipe":
            self.pipe, out = os.pipe()
        else:
            out = os.dup(near) if stdout == "terminal" else os.open(str(stdout), os.O_WRONLY | os.O_CREAT, 0o600)
        self.process = subprocess.Popen([sys.executable, "-I", "-S", "-c", LAUNCHER, place] + line,
                                        env=make_environment(plane, dict({"TERM": "xterm"}, **env or {})),
                                        stdin=near, stdout=out, stderr=near, start_new_session=True)
        os.close(near)
        os.close(out)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()
        for descriptor in (self.far, self.pipe):
            if descriptor is not None:
                os.close(descriptor)

    def wait_for(self, pattern):
        """Read until the terminal has shown it. Returns the match."""
        while True:
            found = re.search(pattern, self.shown.decode("utf-8", "replace"))
            if found:
                return found
            piece = read_some(self.far)
            assert piece, "the end came before %r: %r" % (pattern, self.shown)
            self.shown += piece

    def press(self, keys):
        os.write(self.far, keys)

    def finish(self):
        """Wait for the end. The Result: what came through the pipe, and all that the terminal was sent."""
        ends = [end for end in (self.far, self.pipe) if end is not None]
        self.far = self.pipe = None
        shown, *out = drain(ends)
        code = self.process.wait(PATIENCE)
        return check_promises(Result(code, b"".join(out), (self.shown + shown).decode("utf-8")))


def draw_screen(shown):
    """The lines that a terminal shows in the end. It returns, goes on to new lines and erases to the end of a line."""
    lines, column = [""], 0
    for piece in re.findall("\x1b\\[[0-9;]*[mK]|.", shown, re.DOTALL):
        if piece == "\n":
            lines.append("")
        elif piece == "\x1b[K":
            lines[-1] = lines[-1][:column]
        elif len(piece) == 1 and piece != "\r":
            lines[-1] = lines[-1][:column].ljust(column) + piece + lines[-1][column + 1:]
        column = 0 if piece in "\r\n" else column + (len(piece) == 1)
    return lines


def drip_body(head, piece, rest, seen, most=2000):
    """The pieces of a body, for a Reply with a pause: `head`, `piece` until the event `seen` is set, `rest`."""
    yield head
    for _ in range(most):
        if seen.is_set():
            break
        yield piece
    yield rest
