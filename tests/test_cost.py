"""Section 7: memory grows neither with targets nor with pages: peaks of real processes."""

import os
import subprocess
import sys

import pytest

import plexctl_exec_log as program
from control_plane import Reply
from kit import GET, LIST, NODES, command, encoded, environment, execution, inline, page, target
from test_bodies import Slices

PEAK = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(os.WEXITSTATUS(status), usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""
# PyPy's own memory is several times CPython's, and it collects when it likes.
BOUND = (32 if sys.implementation.name == "cpython" else 200) << 20
BODY_SIZE = 2 * BOUND


def peak(plane, *argv):
    """The peak memory of a run in bytes. A small process starts it, for a child begins with its parent's peak."""
    out = subprocess.check_output([sys.executable, "-c", PEAK] + command(*argv), env=environment(plane), timeout=300)
    code, size = out.split()
    assert int(code) == 0
    return int(size)


@pytest.mark.parametrize("flags", [("--output", "text"), ("--output", "json"), ("--failed", "--output", "yaml")], ids=" ".join)
def test_get_of_a_large_body_stays_small(plane, flags):
    one = encoded(target(inline(os.urandom(16 << 10)), NODES[0]))
    pieces = [b'{"id":"x","targets":[' + one] + [b"," + one] * (BODY_SIZE // len(one)) + [b"]}"]
    plane.script(Reply(iter(pieces), framing="chunked"))
    assert peak(plane, *GET + flags) < BOUND


@pytest.mark.parametrize("flags", [("--all",), ("--since", "2020-01-01"), ("--last", "20")], ids=" ".join)
def test_list_of_large_pages_stays_small(plane, flags):
    item = execution([target(inline(os.urandom(12 << 10)), node) for node in NODES])
    count = BODY_SIZE // (50 * len(encoded(item)))
    bodies = [encoded(page(*[item] * 50, next_cursor="c%d" % number)) for number in range(count)]
    plane.script(*[Reply(body) for body in bodies + [encoded(page())]])
    assert peak(plane, *LIST + flags) < BOUND and len(plane.requests) == len(bodies) + 1


def test_small_slices_cost_no_quadratic_time():
    """A 4 MiB value in slices of 64 bytes: quadratic scanning would take hours."""
    body = b'{"id":"' + b"x" * (4 << 20) + b'"}'
    events = program.get_execution(Slices([body[start:start + 64] for start in range(0, len(body), 64)]), "p", "i")
    assert len(next(events)[1]) == 4 << 20
