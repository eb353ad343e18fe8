#!/usr/bin/env python3
"""CPU time and memory of the program, compared with version 6.0.0.

    python3 tests/benchmark.py [--rounds N] [--beside PATH] [WORK ...]

    start       `get` of 3 targets, from a cold start
    get         `get` of 2,000 targets with 16 KiB each
    get-json    the same as json
    walk        `list --all` over 100,000 Executions in 500 pages
    walk-json   the same as json
    large       `list --all` over 200 Executions of 10,000 targets each, without outputs

Every run is a process of its own that reads from one TLS server on the loopback interface, which is a process too. The
runs of a work alternate. Of each contestant the least processor time (user and system) counts, because other jobs
disturb that the least, and the largest peak of memory. 6.0.0 is taken from PATH, or else from git. The exit code is 1
if a goal is missed. Linux and macOS.
"""

import argparse
import base64
import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections import namedtuple
from urllib.parse import parse_qs, urlsplit

TESTS = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.path.dirname(TESTS), "plexctl_exec_log.py")
VERSION_6 = "6f34d20:plexctl_exec_log.py"
CA_FILE = os.path.join(TESTS, "tls", "ca.pem")
PROJECT = "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13"  # control_plane would load network code, and so raise the peak
EXECUTION_ID = "%08d-0000-7000-8000-%012d"  # the bytes of each output, and the number of targets
WALKED, LARGE = 100000, 200  # Executions
LARGE_TARGETS, LARGE_LIMIT = 10000, 16  # an Execution has 2 MB, so a page of more is too large

#: A work: the flags, the least bytes that are written, the rounds, the most MiB, and the most that our processor time
#: may be of 6.0.0's. Without that, only ours runs.
Work = namedtuple("Work", "flags least rounds peak bound")
GET = ("get", "--id", EXECUTION_ID % (16 << 10, 2000))
WORKS = {
    "start": Work(("get", "--id", EXECUTION_ID % (300, 3)), 900, 60, 35, 1.03),
    "get": Work(GET, 32 * 10**6, 15, 130, 1.05),
    "get-json": Work(GET + ("-o", "json"), 42 * 10**6, 15, 130, 1.05),
    "walk": Work(("list", "--all"), 10**7, 9, 35, 1.04),
    # 6.0.0 indented with the encoder in Python, which is much slower on older Pythons.
    "walk-json": Work(("list", "--all", "-o", "json"), 4 * 10**7, 3, 40, 0.50 if sys.version_info < (3, 7) else 0.95),
    "large": Work(("list", "--all", "--action-name", "large"), LARGE * 100, 1, 200, None),
}


@functools.lru_cache(None)
def make_targets(count, size):
    """Return the JSON text of a list of targets, each with an output of this size, or without one."""
    data = base64.b64encode((b"worker-01: a job was done in 17 ms\n" * (size // 30))[:size]).decode()
    output = {"output_ref": {"kind": "inline", "inline_bytes": data}} if size else {"attempt": 1, "region": "eu-1"}
    return json.dumps(
        [
            dict(
                output,
                created_at="2026-07-14T09:30:07.5Z",
                updated_at="2026-07-14T09:31:07.5Z",
                node_id=EXECUTION_ID % (0, number),
                status="failed",
            )
            for number in range(count)
        ]
    )


def make_execution(identity, size, targets):
    return (
        '{"action":"restart-nginx","created_at":"2026-07-14T09:30:07.5Z","id":"%s","status":"succeeded","type":'
        '"builtin","updated_at":"2026-07-14T09:31:07.5Z","targets":%s}' % (identity, make_targets(targets, size))
    )


def make_large(number):
    return make_execution(EXECUTION_ID % (0, number), 0, LARGE_TARGETS)


def make_row(plane, number):
    """Return the JSON text of an Execution of the walk, with times and an id of its own."""
    action = sorted(plane.ACTIONS)[number % len(plane.ACTIONS)]
    return json.dumps(plane.sample_execution(60 * (WALKED - number), action, "succeeded", 1, 1), separators=(",", ":"))


def serve():
    """Serve until standard input ends; the first line on standard output is `URL TOKEN`."""
    import control_plane

    @functools.lru_cache(None)
    def find_answer(target):
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if not query:
            identity = url.path.rpartition("/")[2]
            return control_plane.Reply(make_execution(identity, int(identity[:8]), int(identity[-12:])))
        begin, limit, count = int(query.get("cursor", "0")), int(query["limit"]), WALKED
        make = functools.partial(make_row, control_plane)
        if "action_name" in query:
            make, count = make_large, LARGE
            if limit > LARGE_LIMIT:
                return control_plane.Reply(announce=33 << 20)  # the program does not read it
        end = min(begin + limit, count)
        rows, cursor = map(make, range(begin, end)), '"%d"' % end if end < count else "null"
        return control_plane.Reply('{"items":[%s],"next_cursor":%s}' % (",".join(rows), cursor))

    with control_plane.ControlPlane(tls=True) as plane:
        plane.answer_to = lambda request: find_answer(request.target)
        print(plane.url, control_plane.TOKEN, flush=True)
        sys.stdin.read()


@contextlib.contextmanager
def start_server():
    """Start a process that serves, and yield the environment of whoever reads from it."""
    process = subprocess.Popen(
        [sys.executable, "-B", os.path.abspath(__file__), "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        universal_newlines=True,
    )
    with process:
        url, token = process.stdout.readline().split()
        # PYTHONUNBUFFERED, for one, would add a system call for each line.
        yield dict(
            {
                name: value
                for name, value in os.environ.items()
                if not name.lower().endswith("_proxy") and not name.startswith(("PLEXSPHERE_", "PYTHON", "SSL_"))
            },
            PLEXSPHERE_URL=url,
            PLEXSPHERE_TOKEN=token,
        )


def run(argv, least, environ):
    """Run one process, and return its processor time in seconds, and its peak in MiB."""
    process = subprocess.Popen(argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    written = sum(map(len, iter(lambda: os.read(process.stdout.fileno(), 1 << 16), b"")))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status  # so that nobody else waits for it
    process.stdout.close()
    assert status == 0 and written >= least, (status, written, argv)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / float(1 << (20 if sys.platform == "darwin" else 10))


def measure(title, beside, rounds, environ):
    """Run and report a work. Return whether one of its goals was missed."""
    work = WORKS[title]
    lines = [
        [sys.executable, path, "exec-log", *work.flags, "--project", PROJECT, "--ca-file", CA_FILE]
        for path in [PROGRAM] + [beside] * bool(work.bound)
    ]
    runs = [[run(line, work.least, environ) for line in lines] for _ in range(rounds or work.rounds)]
    seconds = [min(cost for cost, _ in costs) for costs in zip(*runs)]
    goals = [("MiB", max(costs[0][1] for costs in runs), work.peak)]
    if work.bound:
        goals.append(("of the %.3f s of 6.0.0" % seconds[1], seconds[0] / seconds[1], work.bound))
    for unit, value, bound in goals:
        print("%-7s %-9s %.3f %s, goal %g" % ("MISSED" if value > bound else "met", title, value, unit, bound))
    sys.stdout.flush()
    return any(value > bound for _, value, bound in goals)


def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("works", nargs="*", metavar="WORK", help="some of %s (default all)" % ", ".join(WORKS))
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each work")
    parser.add_argument("--beside", metavar="PATH", help="6.0.0 (default: %s in git)" % VERSION_6)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.serve:
        return serve()
    with start_server() as environ, tempfile.NamedTemporaryFile() as file:
        if not arguments.beside:
            file.write(subprocess.check_output(["git", "show", VERSION_6], cwd=TESTS))
            file.flush()
        beside = arguments.beside or file.name
        missed = sum(measure(title, beside, arguments.rounds, environ) for title in arguments.works or WORKS)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
