#!/usr/bin/env python3
"""How much processor time and memory the program takes, beside the shortest script that does the same work.

    python3 tests/benchmark.py [--rounds N] [--beside PATH] [WORK ...]

    start   `get` of 3 targets, from a cold start
    get     `get` of 2,000 targets with 16 KiB each
    walk    `list --all` over 100,000 Executions in 500 pages
    peaks   `get` of 10,000 targets with 16 KiB each, for the memory

--beside names another version of the program. Every run is a process of its own that reads from one TLS server on the
loopback interface, which is a process too. The runs of a work alternate. Of each contestant the least processor time
(user and system) counts, because other jobs disturb that the least, and the largest peak of memory. The exit code is 1
if a goal is missed. Linux and macOS.
"""

import argparse
import base64
import contextlib
import json
import os
import random
import subprocess
import sys
from collections import namedtuple
from urllib.parse import parse_qs, urlsplit

# ---------------------------------------------------------------- Constants

TESTS = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.path.dirname(TESTS), "plexctl_exec_log.py")
CA_FILE = os.path.join(TESTS, "tls", "ca.pem")
PROJECT = "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13"        # importing control_plane here would load network code
EXECUTIONS = "/v1/projects/%s/executions" % PROJECT
EXECUTION_ID = "%08d-0000-7000-8000-%012d"      # tells the bytes of each output, and the number of targets
SMALL, LARGE = 300, 16 << 10    # bytes of one output
BLOCK = 100                     # distinct targets of one body; a longer body repeats them
PAGES, PAGE = 500, 200          # of the walk; an Execution a minute
LINE = 100                      # bytes that every contestant prints for an Execution, at least

# ---------------------------------------------------------------- Server

def target_texts(size):
    """The JSON texts of BLOCK targets, each with a log of its own."""
    draw = random.Random(size)
    for number in range(BLOCK):
        lines = ("%08x worker-%02d: job %d done in %d ms\n" % (draw.getrandbits(32), draw.randrange(64),
                 draw.randrange(10 ** 6), draw.randrange(5000)) for _ in range(size // 20 + 1))
        data = base64.b64encode("".join(lines).encode()[:size])
        yield (b'{"created_at":"2026-07-14T09:30:07.5Z","node_id":"019f0000-0000-7000-8000-%012d","output_ref":'
               b'{"inline_bytes":"%s","kind":"inline"},"status":"succeeded","updated_at":"2026-07-14T09:31:07.5Z"}'
               % (number, data))


def execution_body(identity, texts, targets):
    """The body of one Execution, as pieces."""
    blocks, rest = divmod(targets - 1, BLOCK)
    return [b'{"id":"%s","status":"succeeded","targets":[' % identity.encode()] + [b",".join(texts) + b","] * blocks + [
        b",".join(texts[:rest + 1]) + b'],"type":"builtin"}']


def item_templates(plane):
    """Executions as JSON texts with `%(id)s`, `%(created_at)s` and `%(updated_at)s` in place of these."""
    for number, action in enumerate(sorted(plane.ACTIONS)):
        wire = plane.execution(60, action, "failed" if number % 2 else "succeeded", 1, 1)
        text = json.dumps(wire, sort_keys=True, separators=(",", ":"))
        for name in ("id", "created_at", "updated_at"):
            text = text.replace(wire[name], "%%(%s)s" % name)
        yield text


def page_body(plane, templates, cursor):
    """One page of a listing in creation order, as pieces."""
    page, rows = int(cursor), []
    for number in range(page * PAGE, (page + 1) * PAGE):
        age = 60 * (PAGES * PAGE - 1 - number)
        rows.append(templates[number % len(templates)] % {
            "id": plane.make_uuid(age, "row"), "created_at": plane.moment(age).isoformat() + "Z",
            "updated_at": plane.moment(age - 6).isoformat() + "Z"})
    more = ',"next_cursor":"%012d"' % (page + 1) if page + 1 < PAGES else ""
    return [('{"items":[%s]%s}' % (",".join(rows), more)).encode()]


def serve():
    """Serve until standard input ends; the first line on standard output is `URL TOKEN`."""
    import control_plane
    texts = {size: list(target_texts(size)) for size in (SMALL, LARGE)}
    templates = list(item_templates(control_plane))

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
                pieces = page_body(control_plane, templates, parse_qs(url.query).get("cursor", ["0"])[0])
            return Pieces(iter(pieces), announce=sum(map(len, pieces)))

    with Plane(tls=True) as plane:
        print(plane.url, plane.token, flush=True)
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


# ---------------------------------------------------------------- Contestants

Contestant = namedtuple("Contestant", "argv least")      # least: the bytes that it must write

FLOOR_HEAD = """\
import base64, collections, http.client, json, os, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
connection = http.client.HTTPSConnection(os.environ["PLEXSPHERE_URL"].partition("://")[2], context=context)
headers = {"Authorization": "Bearer " + os.environ["PLEXSPHERE_TOKEN"]}
"""
FLOOR_GET = FLOOR_HEAD + """\
connection.request("GET", sys.argv[2], headers=headers)
for target in json.loads(connection.getresponse().read())["targets"]:
    data = base64.b64decode(target["output_ref"]["inline_bytes"])
    header = "==> %s %s %d bytes <==\\n" % (target["node_id"], target["status"], len(data))
    sys.stdout.buffer.write(header.encode() + data + b"\\n")
"""
FLOOR_LIST = FLOOR_HEAD + """\
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


def program_get(program, targets, size, form="text"):
    return Contestant([sys.executable, program, "get", "--project", PROJECT, "--id", EXECUTION_ID % (size, targets),
                       "--output", form, "--ca-file", CA_FILE], targets * size)


def gets(programs, targets, size):
    """The programs and the floor, each at `get`."""
    floor = [sys.executable, "-c", FLOOR_GET, CA_FILE, EXECUTIONS + "/" + EXECUTION_ID % (size, targets)]
    return dict({name: program_get(program, targets, size) for name, program in programs.items()},
                floor=Contestant(floor, targets * size))


def walks(programs):
    """The programs and the floor, each at `list --all`. All get pages of one size, so that the work is the same."""
    flags = ["list", "--all", "--project", PROJECT, "--limit", str(PAGE), "--ca-file", CA_FILE]
    argvs = {name: [sys.executable, program] + flags for name, program in programs.items()}
    argvs["floor"] = [sys.executable, "-c", FLOOR_LIST, CA_FILE, "%s?limit=%d" % (EXECUTIONS, PAGE)]
    return {name: Contestant(argv, PAGES * PAGE * LINE) for name, argv in argvs.items()}


# ---------------------------------------------------------------- Works

#: Contestants by name; how many rounds; goals: what is judged, the figure from the Costs, the most that it may be.
Work = namedtuple("Work", "contestants rounds goals")


def ratio_goal(other, most):
    return "ours / " + other, lambda costs: costs["ours"].cpu / costs[other].cpu, most


def peak_goal(name):
    return "peak of %s, MiB" % name, lambda costs: costs[name].peak, 30


FORMS = ("text", "raw", "json", "yaml", "jsonl")

WORKS = {
    "start": lambda programs: Work(gets(programs, 3, SMALL), 40, [
        ratio_goal("floor", 1.5), ratio_goal("beside", 1.03)]),
    "get": lambda programs: Work(gets(programs, 2000, LARGE), 15, [
        ratio_goal("floor", 1.25), ratio_goal("beside", 1.03), peak_goal("ours")]),
    "walk": lambda programs: Work(walks(programs), 9, [
        ratio_goal("floor", 1.7), ratio_goal("beside", 1.10), peak_goal("ours")]),
    "peaks": lambda programs: Work({form: program_get(programs["ours"], 10000, LARGE, form) for form in FORMS}, 2,
                                   [peak_goal(form) for form in FORMS])}

# ---------------------------------------------------------------- Runs

Cost = namedtuple("Cost", "cpu peak")       # seconds, MiB


def run(contestant, environ):
    """The Cost of one process. SystemExit if it did not do its work."""
    # This process imports no network code: until a child has called exec, its parent's memory counts as its own peak.
    process = subprocess.Popen(contestant.argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    written = sum(map(len, iter(lambda: os.read(process.stdout.fileno(), 1 << 16), b"")))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status     # nobody else need wait for it
    process.stdout.close()
    if status != 0 or written < contestant.least:
        raise SystemExit("wait status %d, %d bytes written: %s" % (status, written, " ".join(contestant.argv)))
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / float(1 << (20 if sys.platform == "darwin" else 10)))


def measure(title, work, rounds, environ):
    """Run and report a work. Return how many of its goals were missed."""
    contestants = work.contestants.values()
    runs = [[run(contestant, environ) for contestant in contestants] for _ in range(rounds or work.rounds)]
    costs = {name: Cost(min(one.cpu for one in several), max(one.peak for one in several))
             for name, several in zip(work.contestants, zip(*runs))}
    for name, cost in costs.items():
        ratio = "%.3f" % (costs["ours"].cpu / cost.cpu) if "ours" in costs else "-"
        print("%-6s %-7s %8.3f s %8s %8.1f MiB" % (title, name, cost.cpu, ratio, cost.peak))

    goals = [goal for goal in work.goals if goal[0] != "ours / beside" or "beside" in costs]
    missed = 0
    for label, figure, most in goals:
        value = figure(costs)
        missed += value > most
        print("    %-6s  %s: %.3f, goal %g" % ("MISSED" if value > most else "met", label, value, most), flush=True)
    return missed


# ---------------------------------------------------------------- Command line

def main(argv):
    parser = argparse.ArgumentParser(prog="benchmark.py", description="Measures the program beside its rivals.")
    parser.add_argument("works", nargs="*", metavar="WORK", help="some of %s (default all)" % ", ".join(WORKS))
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each work")
    parser.add_argument("--beside", metavar="PATH", help="another version of the program, measured in the same run")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.serve:
        return serve()
    if not set(arguments.works) <= set(WORKS):
        parser.error("the works are " + ", ".join(WORKS))
    programs = dict({"ours": PROGRAM}, **{"beside": arguments.beside} if arguments.beside else {})
    print("%-6s %-7s %10s %8s %12s" % ("work", "run", "least CPU", "ours/it", "peak"))
    with server() as environ:
        missed = [measure(name, WORKS[name](programs), arguments.rounds, environ) for name in arguments.works or WORKS]
    return 1 if any(missed) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
