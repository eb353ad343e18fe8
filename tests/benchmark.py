#!/usr/bin/env python3
"""CPU time and memory of the program, compared with an older version of it.

    git show TAG:plexctl_exec_log.py > old.py
    python3 tests/benchmark.py [--rounds N] old.py [WORK ...]

    start           `get` of 3 targets, from a cold start
    get             `get` of 2,000 targets with 16 KiB each
    get-json        the same as json
    walk            `list --all` over 100,000 Executions in 500 pages
    walk-json       the same as json
    updated-since   the same with --updated-since, which keeps all of them, compared with `list --all`
    large           `list --all` over 200 Executions of 10,000 targets each, without outputs
    search          `targets -o lines` over 2,000 Executions with 5 outputs of 1 KiB each, compared with `list -o json`

Every run is a process of its own that reads from one TLS server on the loopback interface, which is a process too. In
each round of a work, the program, the older version and the program once more run one after the other. The least
processor time (user and system) counts, because other jobs disturb that the least, and the largest peak of memory. The
medians, and the program compared with itself, show how far to trust a ratio: on an idle machine all of them agree. The
exit code is 1 if a goal is missed. Linux and macOS.
"""

import argparse
import base64
import contextlib
import functools
import json
import os
import subprocess
import sys
from collections import namedtuple
from statistics import median
from urllib.parse import parse_qs, urlsplit

TESTS = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.path.dirname(TESTS), "plexctl_exec_log.py")
CA_FILE = os.path.join(TESTS, "tls", "ca.pem")
PROJECT = "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13"  # control_plane would load network code, and so raise the peak
EXECUTION_ID = "%08d-0000-7000-8000-%012d"  # the bytes of each output, and the number of targets
WALKED, LARGE = 100000, 200  # Executions
LARGE_TARGETS, LARGE_LIMIT = 10000, 16  # an Execution has 2 MB, so a page of more is too large
SEARCHED = 2000  # Executions

#: A work: the flags, the least bytes that are written, the most MiB, and the most that the processor time may be of the
#: older version's, or, if there are rival flags, of that of the program with those. Without a bound, the program runs
#: once.
Work = namedtuple("Work", "flags least peak bound rival")
GET = ("get", "--id", EXECUTION_ID % (16 << 10, 2000))
ALL = ("list", "--all")
SEARCH = ("--action-name", "search")
WORKS = {
    "start": Work(("get", "--id", EXECUTION_ID % (300, 3)), 900, 35, 1.03, None),
    "get": Work(GET, 32 * 10**6, 130, 1.03, None),
    "get-json": Work(GET + ("-o", "json"), 42 * 10**6, 130, 1.03, None),
    "walk": Work(ALL, 10**7, 35, 1.03, None),
    "walk-json": Work(ALL + ("-o", "json"), 4 * 10**7, 40, 1.03, None),
    "updated-since": Work(
        ("list", "--updated-since", "2000-01-01"),
        10**7,
        35,
        1.20 if sys.version_info < (3, 7) else 1.15,
        ALL,
    ),
    "large": Work(ALL + ("--action-name", "large"), LARGE * 100, 200, None, None),
    "search": Work(
        ("targets", "-o", "lines") + SEARCH,
        SEARCHED * 5 << 10,
        45,
        2.30 if sys.version_info < (3, 7) else 1.90,
        ALL + SEARCH + ("-o", "json"),
    ),
}


@functools.lru_cache(None)
def make_targets(count, size):
    """Return the JSON text of a list of targets, each with an output of this size, or without one."""
    data = base64.b64encode(
        (b"worker-01: a job was done in 17 ms\n" * (size // 30))[:size]
    ).decode()
    output = (
        {"output_ref": {"kind": "inline", "inline_bytes": data}}
        if size
        else {"attempt": 1, "region": "eu-1"}
    )
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
        '"builtin","updated_at":"2026-07-14T09:31:07.5Z","targets":%s}'
        % (identity, make_targets(targets, size))
    )


def make_large(number):
    return make_execution(EXECUTION_ID % (0, number), 0, LARGE_TARGETS)


def make_searched(number):
    return make_execution(EXECUTION_ID % (0, number), 1 << 10, 5)


def make_row(plane, number):
    """Return the JSON text of an Execution of the walk, with times and an id of its own."""
    action = sorted(plane.ACTIONS)[number % len(plane.ACTIONS)]
    return json.dumps(
        plane.sample_execution(60 * (WALKED - number), action, "succeeded", 1, 1),
        separators=(",", ":"),
    )


def serve():
    """Serve until standard input ends; the first line on standard output is `URL TOKEN`."""
    import control_plane

    @functools.lru_cache(None)
    def find_answer(target):
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if not query:
            identity = url.path.rpartition("/")[2]
            return control_plane.Reply(
                make_execution(identity, int(identity[:8]), int(identity[-12:]))
            )
        begin, limit, count = int(query.get("cursor", "0")), int(query["limit"]), WALKED
        make = functools.partial(make_row, control_plane)
        if query.get("action_name") == "search":
            make, count = make_searched, SEARCHED
        elif "action_name" in query:
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
                if not name.lower().endswith("_proxy")
                and not name.startswith(("PLEXSPHERE_", "PYTHON", "SSL_"))
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
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / float(
        1 << (20 if sys.platform == "darwin" else 10)
    )


def compare(ours, others):
    """Return the ratio of the least of these seconds, and a text with the ratio of their medians."""
    return min(ours) / min(others), "%.3f (median %.3f)" % (
        min(ours) / min(others),
        median(ours) / median(others),
    )


def measure(title, old, rounds, environ):
    """Run and report a work. Return whether one of its goals was missed."""
    work = WORKS[title]
    contestants = [(PROGRAM, work.flags)]
    if work.bound:
        contestants += [
            (PROGRAM, work.rival) if work.rival else (old, work.flags),
            (PROGRAM, work.flags),
        ]
    lines = [
        [sys.executable, path, "exec-log", *flags, "--project", PROJECT, "--ca-file", CA_FILE]
        for path, flags in contestants
    ]
    runs = [
        [run(line, work.least, environ) for line in lines]
        for _ in range(rounds if work.bound else 1)
    ]

    peak = max(results[0][1] for results in runs)
    is_missed = peak > work.peak
    print(
        "%-7s %-13s %.1f MiB, goal %g" % ("MISSED" if is_missed else "met", title, peak, work.peak)
    )
    if work.bound:
        ours, others, again = [[seconds for seconds, _ in results] for results in zip(*runs)]
        ratio, text = compare(ours, others)
        name = " ".join(work.rival or [os.path.basename(old)])
        verdict = "MISSED" if ratio > work.bound else "met"
        print(
            "%-7s %-13s %s of the %.3f s of %s, goal %g"
            % (verdict, title, text, min(others), name, work.bound)
        )
        print("%-7s %-13s %s of itself" % ("noise", title, compare(again, ours)[1]))
        is_missed = is_missed or ratio > work.bound
    sys.stdout.flush()
    return is_missed


def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("old", metavar="OLD_FILE", help="the file to compare with")
    parser.add_argument(
        "works", nargs="*", metavar="WORK", help="some of %s (default all)" % ", ".join(WORKS)
    )
    parser.add_argument(
        "--rounds", type=int, default=21, metavar="N", help="rounds of each work (default 21)"
    )
    arguments = parser.parse_args(argv)
    works = arguments.works or list(WORKS)
    with start_server() as environ:
        missed = sum(measure(title, arguments.old, arguments.rounds, environ) for title in works)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(serve() if sys.argv[1:] == ["--serve"] else main(sys.argv[1:]))
