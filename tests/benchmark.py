#!/usr/bin/env python3
"""CPU time and memory of the program, compared with an older version.

    python3 tests/benchmark.py [--rounds N] [--beside PATH] [WORK ...]

    start   `get` of 3 targets, from a cold start
    get     `get` of 2,000 targets with 16 KiB each
    walk    `list --all` over 100,000 Executions in 500 pages
    failed  `list --failed` over the same, of which 1 % failed, were cancelled or timed out; also the requests
    peak F  `get` of 10,000 targets with 16 KiB each in the format F, for the memory: 30 MiB at most

Every run is a process of its own that reads from one TLS server on the loopback interface, which is a process too. The
runs of a work alternate. Of each contestant the least processor time (user and system) counts, because other jobs
disturb that the least, and the largest peak of memory. The exit code is 1 if a goal is missed. Linux and macOS.
"""

import argparse
import base64
import contextlib
import json
import os
import subprocess
import sys
from collections import namedtuple
from urllib.parse import parse_qs, urlsplit

TESTS = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.path.dirname(TESTS), "plexctl_exec_log.py")
CA_FILE = os.path.join(TESTS, "tls", "ca.pem")
PROJECT = "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13"        # control_plane would load network code, and so raise the peak
EXECUTIONS = "/v1/projects/%s/executions" % PROJECT
EXECUTION_ID = "%08d-0000-7000-8000-%012d"      # tells the bytes of each output, and the number of targets
SMALL, LARGE, BLOCK = 300, 16 << 10, 100        # bytes of one output; distinct targets of a body, which repeats them
PAGES, PAGE = 500, 200          # of the walk


def target_text(number, size):
    """The JSON text of a target with a log of this size."""
    data = base64.b64encode((b"worker-%02d: a job was done in 17 ms\n" % number * (size // 30))[:size])
    return (b'{"created_at":"2026-07-14T09:30:07.5Z","node_id":"019f0000-0000-7000-8000-%012d","output_ref":{"kind":'
            b'"inline","inline_bytes":"%s"},"status":"failed","updated_at":"2026-07-14T09:31:07.5Z"}' % (number, data))


def execution_body(identity, texts, targets):
    """The body of one Execution, as pieces."""
    blocks, rest = divmod(targets - 1, BLOCK)
    return [b'{"id":"%s","status":"succeeded","targets":[' % identity.encode()] + [b",".join(texts) + b","] * blocks + [
        b",".join(texts[:rest + 1]) + b'],"type":"builtin"}']


def status_at(number):
    """The status of an Execution by its number from the newest: 800 of 100,000 failed, 100 each were cancelled or
    timed out."""
    return "succeeded" if number % 100 else {0: "cancelled", 100: "timeout"}.get(number % 1000, "failed")


def page_body(plane, place, status=None):
    """One page of a listing in creation order, as pieces. Every row has times and an id of its own."""
    wanted = [number for number in range(PAGES * PAGE, 0, -1) if status in (None, status_at(number))]
    rows, actions = [], sorted(plane.ACTIONS)
    for number in wanted[place * PAGE:(place + 1) * PAGE]:
        row = plane.sample_execution(60 * number, actions[number % len(actions)], status_at(number), 1, 1)
        rows.append(json.dumps(row, sort_keys=True, separators=(",", ":")))
    more = ',"next_cursor":"%012d"' % (place + 1) if (place + 1) * PAGE < len(wanted) else ""
    return [('{"items":[%s]%s}' % (",".join(rows), more)).encode()]


def serve():
    """Serve until standard input ends; the first line on standard output is `URL TOKEN`."""
    import control_plane
    texts = {size: [target_text(number, size) for number in range(BLOCK)] for size in (SMALL, LARGE)}

    class Pieces(control_plane.Reply):
        def send(self, sock, sleep):
            """Without joining the pieces, which may be 220 MB; the connection is kept."""
            sock.sendall(self.head())
            for piece in self.pieces:
                sock.sendall(piece)
            return True

    class Plane(control_plane.ControlPlane):
        def answer_to(self, request):
            url = urlsplit(request.target)
            identity = url.path[len(EXECUTIONS) + 1:]
            if identity:
                pieces = execution_body(identity, texts[int(identity[:8])], int(identity[-12:]))
            else:
                query = parse_qs(url.query)
                pieces = page_body(control_plane, int(query.get("cursor", ["0"])[0]), query.get("status", [None])[0])
            return Pieces(iter(pieces), announce=sum(map(len, pieces)))

    with Plane(tls=True) as plane:
        print(plane.url, control_plane.TOKEN, flush=True)
        sys.stdin.read()


@contextlib.contextmanager
def server():
    """A process that serves; the environment of whoever reads from it."""
    process = subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), "--serve"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, universal_newlines=True)
    with process:
        url, token = process.stdout.readline().split()
        # PYTHONUNBUFFERED, for one, would add a system call for each line.
        yield dict({name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
                    and not name.startswith(("PLEXSPHERE_", "PYTHON", "SSL_"))},
                   PLEXSPHERE_URL=url, PLEXSPHERE_TOKEN=token)


Cost = namedtuple("Cost", "cpu peak")       # seconds, MiB


def get_work(targets, size, rounds, bound, *flags, least=None):
    """Return the Work of a `get`."""
    return Work(("get", "--id", EXECUTION_ID % (size, targets)) + flags, least or targets * size, rounds, bound)


IS_OLD = sys.version_info < (3, 7)

#: A work: the flags, the least bytes that are written, how many rounds, and the most that our processor time may be of
#: the other version's.
Work = namedtuple("Work", "flags least rounds bound")
WORKS = {
    "start": get_work(3, SMALL, 40, 1.08 if IS_OLD else 1.05),
    "get": get_work(2000, LARGE, 15, 1.08 if IS_OLD else 1.03),
    "walk": Work(("list", "--all", "--limit=200"), 10 ** 7, 9, 1.05 if IS_OLD else 1.03),
    "failed": Work(("list", "--failed"), 1000 * 100, 3, 0.25)}
WORKS.update(("peak " + format, get_work(10000, LARGE, 2, None, "--output", format, least=10000 * 37))
             for format in "text table lines raw json yaml jsonl".split())      # each names the node, or prints more


def run(argv, least, environ):
    """Return the Cost of one process."""
    process = subprocess.Popen(argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    written = sum(map(len, iter(lambda: os.read(process.stdout.fileno(), 1 << 16), b"")))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status     # so that nobody else waits for it
    process.stdout.close()
    assert status == 0 and written >= least, (status, written, argv)
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / float(1 << (20 if sys.platform == "darwin" else 10)))


def count_requests(argv, environ):
    """Return the requests of one more run, as -v traces them."""
    return subprocess.run(argv + ["-v"], env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=True).stderr.count(b"> GET ")


def measure(title, programs, rounds, environ):
    """Run and report a work. Return how many of its goals were missed."""
    work = WORKS[title]
    flags = ["exec-log", *work.flags, "--project", PROJECT, "--ca-file", CA_FILE]
    lines = {name: [sys.executable, path] + flags for name, path in programs.items()}
    runs = [[run(line, work.least, environ) for line in lines.values()] for _ in range(rounds or work.rounds)]
    costs = {name: Cost(min(one.cpu for one in several), max(one.peak for one in several))
             for name, several in zip(lines, zip(*runs))}
    for name, cost in costs.items():
        requests = "%6d requests" % count_requests(lines[name], environ) if title == "failed" else ""
        print("%-10s %-7s %8.3f s %8.1f MiB%s" % (title, name, cost.cpu, cost.peak, requests))

    goals = [("MiB", costs["ours"].peak, 30)]
    if work.bound and "beside" in costs:
        goals.append(("ours / beside", costs["ours"].cpu / costs["beside"].cpu, work.bound))
    for label, value, bound in goals:
        print("    %-6s  %s: %.3f, goal %g" % ("MISSED" if value > bound else "met", label, value, bound), flush=True)
    return sum(value > bound for _, value, bound in goals)


def main(argv):
    parser = argparse.ArgumentParser()
    parser.add_argument("works", nargs="*", metavar="WORK", help="some of %s (default all)" % ", ".join(WORKS))
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each work")
    parser.add_argument("--beside", metavar="PATH", help="an older version of the program, measured in the same run")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.serve:
        return serve()
    programs = {name: path for name, path in (("ours", PROGRAM), ("beside", arguments.beside)) if path}
    with server() as environ:
        missed = [measure(name, programs, arguments.rounds, environ) for name in arguments.works or WORKS]
        return int(any(missed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
