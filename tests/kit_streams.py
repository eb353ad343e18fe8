"""The verbs for standard streams: terminals, pipes that fill or break, shells, and the module loaded by its path."""

import errno
import importlib.util
import os
import select
import subprocess
import sys
import time

from control_plane import TOKEN
from kit import MODULE, Result, command, environment, start_cli

PATIENCE = 30       # seconds after which a test has failed


def load_module(path=MODULE):
    """The program as a module, loaded by its path; sys.modules does not know it."""
    spec = importlib.util.spec_from_file_location("plexctl_exec_log", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_some(descriptor):
    """What a pipe or terminal has to give next; empty at its end, which a terminal tells by EIO."""
    assert select.select([descriptor], [], [], PATIENCE)[0], "nothing came"
    try:
        return os.read(descriptor, 65536)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""


def read_until(descriptor, wanted):
    """What comes until the wanted bytes are among it."""
    got = b""
    while wanted not in got:
        piece = read_some(descriptor)
        assert piece, "the end came first: %r" % got
        got += piece
    return got


def opened_terminal():
    """The two ends of a pseudo-terminal that changes no byte."""
    import pty
    import tty
    far, near = pty.openpty()
    tty.setraw(near)
    return far, near


def drained(descriptors):
    """All that comes out of each of the descriptors, which are closed in the end."""
    got = dict.fromkeys(descriptors, b"")
    left = list(descriptors)
    while left:
        ready = select.select(left, [], [], PATIENCE)[0]
        assert ready, "the program hangs"
        for descriptor in ready:
            piece = read_some(descriptor)
            got[descriptor] += piece
            if not piece:
                left.remove(descriptor)
                os.close(descriptor)
    return [got[descriptor] for descriptor in descriptors]


def on_terminal(*argv, streams=("stdout", "stderr"), **options):
    """Run the program with these streams on terminals of their own, the other on a pipe. Its Result."""
    ends = [opened_terminal() if name in streams else os.pipe() for name in ("stdout", "stderr")]
    process = start_cli(*argv, stdout=ends[0][1], stderr=ends[1][1], **options)
    try:
        for _, near in ends:
            os.close(near)
        out, err = drained([far for far, _ in ends])
        result = Result(process.wait(PATIENCE), out, err.decode("utf-8"))
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in result.err and TOKEN not in result.err, result.err
    return result


def run_shell(redirection, *argv, plane=None, env=None, python=()):
    """Run the program under a shell's redirection, as `>&-`. Its Result."""
    line = ["sh", "-c", 'exec "$@" ' + redirection, "sh"] + command(*argv, python=python)
    done = subprocess.run(line, env=environment(plane, env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE)
    return Result(done.returncode, done.stdout, done.stderr.decode("utf-8"))


def is_full(descriptor):
    """Whether the pipe that this is the writing end of takes nothing more now."""
    return not select.select([], [descriptor], [], 0)[1]


def until(condition):
    """Wait for something that must come true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def full_pipe():
    """A blocking pipe that takes nothing more, and what is in it."""
    reading, writing = os.pipe()
    filling = 0
    os.set_blocking(writing, False)
    try:
        while True:
            filling += os.write(writing, b"." * 4096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    return reading, writing, b"." * filling


#: Tells on stderr that it is about to write, for tests that must know.
TELLING = """
import io, os, sys
sys.path.insert(0, sys.argv[1])
import plexctl_exec_log as program
class Telling(io.FileIO):
    def write(self, data):
        os.write(2, b"writing\\n")
        return super().write(data)
sys.exit(program.main(sys.argv[2:], Telling(1, "w", closefd=False)))
"""


def start_telling(*argv, plane=None, **popen):
    """The program as a process that says `writing` on stderr before each write to stdout."""
    line = [sys.executable, "-c", TELLING, os.path.dirname(MODULE)] + list(argv)
    return subprocess.Popen(line, env=environment(plane), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **popen)
