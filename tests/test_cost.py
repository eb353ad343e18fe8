"""Section 7: memory grows neither with targets nor with pages. Peaks are of real processes; time is for tests/benchmark.py."""

import json
import os
import subprocess
import sys

import pytest

from control_plane import Reply
from kit import GET, LIST, NODES, encoded, environment, execution, inline, page, target

PEAK = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(os.WEXITSTATUS(status), usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""
MIB = 1 << 20
# PyPy's own memory is several times CPython's, and it collects when it likes.
BOUND = (32 if sys.implementation.name == "cpython" else 200) * MIB
BODY_SIZE = 4 * BOUND


def peak(plane, *argv):
    """The peak memory of a run in bytes; it must end well. A small process starts it, for a child begins with its parent's peak."""
    from kit import command
    out = subprocess.check_output([sys.executable, "-c", PEAK] + command(*argv), env=environment(plane), timeout=300)
    code, size = out.split()
    assert int(code) == 0
    return int(size)


def large_execution():
    """An Execution's body of about BODY_SIZE bytes, a target at a time."""
    one = encoded(target(inline(os.urandom(16 << 10)), NODES[0]))
    yield b'{"id":"x","targets":['
    for number in range(BODY_SIZE // len(one)):
        yield (b"," if number else b"") + one
    yield b'],"type":"builtin"}'


@pytest.mark.parametrize("form", ["text", "json"])
def test_get_of_a_large_body_stays_small(plane, form):
    plane.script(Reply(large_execution(), framing="chunked"))
    assert peak(plane, *GET + ("--output", form)) < BOUND


def test_list_all_of_large_pages_stays_small(plane):
    item = execution([target(inline(os.urandom(12 << 10)), node) for node in NODES])
    bodies = [encoded(page(*[item] * 50, next_cursor="c%d" % number)) for number in range(BODY_SIZE // (50 * len(encoded(item))))]
    plane.script(*[Reply(body) for body in bodies + [encoded(page())]])
    assert peak(plane, *LIST + ("--all",)) < BOUND and len(plane.requests) == len(bodies) + 1


def test_small_slices_cost_no_quadratic_time():
    """A 4 MiB value in slices of 64 bytes: quadratic scanning would take hours, so the timeout cannot flake."""
    code = ("import sys; sys.path.insert(0, %r); import plexctl_exec_log as program\n"
            "body = b'{\"a\":\"' + b'x' * (4 << 20) + b'\"}'\n"
            "events = list(program.document([body[i:i + 64] for i in range(0, len(body), 64)], 'targets'))\n"
            "print(len(events[1][2]))" % os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    assert json.loads(subprocess.check_output([sys.executable, "-c", code], timeout=120).decode("ascii")) == 4 << 20
