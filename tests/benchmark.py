#!/usr/bin/env python3
"""CPU time and memory of the program, compared with an older version and a minimal script.

    python3 tests/benchmark.py [--rounds N] [--beside PATH] [WORK ...]

    start   `get` of 3 targets, from a cold start
    get     `get` of 2,000 targets with 16 KiB each
    walk    `list --all` over 100,000 Executions in 500 pages
    failed  `list --failed` over the same, of which 1 % failed, were cancelled or timed out; also the requests
    peaks   `get` of 10,000 targets with 16 KiB each in every format, for the memory: 30 MiB at most

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
        # PYTHONUNBUFFERED, for one, would slow the floor down by a system call a line.
        yield dict({name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
                    and not name.startswith(("PLEXSPHERE_", "PYTHON", "SSL_"))},
                   PLEXSPHERE_URL=url, PLEXSPHERE_TOKEN=token)


Contestant, Cost = namedtuple("Contestant", "argv least"), namedtuple("Cost", "cpu peak")     # bytes; seconds, MiB
FLOOR_HEAD = """\
import base64, collections, http.client, json, os, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
connection = http.client.HTTPSConnection(os.environ["PLEXSPHERE_URL"].partition("://")[2], context=context)
headers = {"Authorization": "Bearer " + os.environ["PLEXSPHERE_TOKEN"]}
"""
FLOOR_GET = """\
connection.request("GET", sys.argv[2], headers=headers)
for target in json.loads(connection.getresponse().read())["targets"]:
    data = base64.b64decode(target["output_ref"]["inline_bytes"])
    header = "==> %s %s %d bytes <==\\n" % (target["node_id"], target["status"], len(data))
    sys.stdout.buffer.write(header.encode() + data + b"\\n")
"""
FLOOR_LIST = """\
cursor = ""
while cursor is not None:
    connection.request("GET", sys.argv[2] + ("&cursor=" + cursor if cursor else ""), headers=headers)
    page = json.loads(connection.getresponse().read())
    for item in page["items"]:
        succeeded = sum(target["status"] == "succeeded" for target in item["targets"])
        print(item["id"], item["status"], item["type"], "%d/%d" % (succeeded, len(item["targets"])),
              item["created_at"], item["updated_at"], item["action"])
    cursor = page.get("next_cursor")
"""


def compete(programs, least, floor, path, *flags):
    """Return the Contestants of a work: the programs with these flags, and the floor at this path."""
    flags = ("exec-log",) + flags + ("--project", PROJECT, "--ca-file", CA_FILE)
    found = {name: Contestant([sys.executable, program] + list(flags), least) for name, program in programs.items()}
    return dict(found, floor=Contestant([sys.executable, "-c", FLOOR_HEAD + floor, CA_FILE, EXECUTIONS + path], least))


def compete_get(programs, targets, size):
    """Return the Contestants at `get`."""
    identity = EXECUTION_ID % (size, targets)
    return compete(programs, targets * size, FLOOR_GET, "/" + identity, "get", "--id", identity)


def compete_formats(programs):
    """Return ours at `get` in each format."""
    flags = "get", "--id", EXECUTION_ID % (LARGE, 10000), "--output"
    least = 10000 * 37          # bytes: each format names the node, or prints more
    return {format: compete(programs, least, "", "", *flags + (format,))["ours"]
            for format in "text table lines raw json yaml jsonl".split()}


def compete_failed(programs):
    """Return the Contestants at `list --failed`, without the floor."""
    found = compete(programs, 1000 * 100, "", "", "list", "--failed")
    return {name: found[name] for name in programs}


#: A work: its contestants, how many rounds, and the most that our processor time may be of the floor's and the other's.
WORKS = {
    "start": (lambda programs: compete_get(programs, 3, SMALL), 40, 1.5, 1.0),
    "get": (lambda programs: compete_get(programs, 2000, LARGE), 15, 1.25, 1.05 if sys.version_info > (3, 7) else 1.1),
    "walk": (lambda programs: compete(programs, 10 ** 7, FLOOR_LIST, "?limit=200", "list", "--all", "--limit=200"), 9,
             1.7, 1.05),
    "failed": (compete_failed, 3, None, 0.25),
    "peaks": (compete_formats, 2)}


def run(contestant, environ):
    """The Cost of one process."""
    process = subprocess.Popen(contestant.argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    written = sum(map(len, iter(lambda: os.read(process.stdout.fileno(), 1 << 16), b"")))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status     # so that nobody else waits for it
    process.stdout.close()
    assert status == 0 and written >= contestant.least, (status, written, contestant.argv)
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / float(1 << (20 if sys.platform == "darwin" else 10)))


def count_requests(contestant, environ):
    """The requests of one more run, as -v traces them."""
    traced = subprocess.run(contestant.argv + ["-v"], env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, check=True)
    return traced.stderr.count(b"> GET ")


def measure(title, programs, rounds, environ):
    """Run and report a work. Return how many of its goals were missed."""
    make, usual, *bounds = WORKS[title]
    contestants = make(programs)
    runs = [[run(contestant, environ) for contestant in contestants.values()] for _ in range(rounds or usual)]
    costs = {name: Cost(min(one.cpu for one in several), max(one.peak for one in several))
             for name, several in zip(contestants, zip(*runs))}
    for name, cost in costs.items():
        requests = "%6d requests" % count_requests(contestants[name], environ) if title == "failed" else ""
        print("%-6s %-7s %8.3f s %8.1f MiB%s" % (title, name, cost.cpu, cost.peak, requests))
    goals = [("MiB of " + name, cost.peak, 30) for name, cost in costs.items() if name not in ("floor", "beside")]
    goals += [("ours / " + name, costs["ours"].cpu / costs[name].cpu, bound)
              for name, bound in zip(("floor", "beside"), bounds) if name in costs]
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
