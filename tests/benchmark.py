#!/usr/bin/env python3
"""How much processor time and memory the program takes, beside the shortest script that does the same work.

    python3 tests/benchmark.py [--rounds N] [--beside PATH] [WORK ...]

Every run is a whole process that reads from one TLS server on the loopback interface, itself a process. The runs of a
work alternate, and of each contestant the least processor time (user and system) counts: that is what a busy machine
disturbs least. Of its peaks of memory the largest counts. The exit code is 1 if a goal is missed. Linux and macOS.
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
PROJECT = "3f1c8a52-7d0e-4b96-9a41-c2e85d7f6b13"
EXECUTIONS = "/v1/projects/%s/executions" % PROJECT
EXECUTION_ID = "%08d-0000-7000-8000-%012d"      # tells the bytes of each output, and the number of targets
SMALL, LARGE = 300, 16 << 10    # bytes of one output
BLOCK = 100                     # distinct targets of one body; a longer body repeats them
PAGES, PAGE = 500, 200          # of a listing; an Execution a minute
LAST, LINE = 20, 100            # Executions kept; bytes of a listed one, at least
SINCE, RECENT = "2026-07-14T07:31:07Z", 120     # two hours before the newest; how many Executions came since

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


def execution_body(texts, targets):
    """The body of one Execution, as pieces."""
    blocks, rest = divmod(targets - 1, BLOCK)
    return [b'{"id":"019f0000","status":"succeeded","targets":['] + [b",".join(texts) + b","] * blocks + [
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
            "id": plane.made_uuid(age, "row"), "created_at": plane.moment(age).isoformat() + "Z",
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
        def ordinary(self, request):
            url = urlsplit(request.target)
            identity = url.path[len(EXECUTIONS) + 1:]
            pieces = execution_body(texts[int(identity[:8])], int(identity[-12:])) if identity else page_body(
                control_plane, templates, parse_qs(url.query).get("cursor", ["0"])[0])
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
def show(item):
    succeeded = sum(target["status"] == "succeeded" for target in item["targets"])
    print(item["id"], item["status"], item["type"], "%d/%d" % (succeeded, len(item["targets"])),
          item["created_at"], item["updated_at"], item["action"])
cursor, rows = "", collections.deque(maxlen=int(sys.argv[3]))
while cursor is not None:
    connection.request("GET", sys.argv[2] + ("&cursor=" + cursor if cursor else ""), headers=headers)
    page = json.loads(connection.getresponse().read())
    for item in page["items"]:
        KEEP
    cursor = page.get("next_cursor")
for item in rows:
    show(item)
"""
FLOOR_KEEPS = {"--all": "show(item)", "--last": "rows.append(item)",
               "--since": "if item['created_at'] >= %r: show(item)" % SINCE}


def program_get(program, targets, size, form="text"):
    return Contestant([sys.executable, program, "get", "--project", PROJECT, "--id", EXECUTION_ID % (size, targets),
                       "--output", form, "--ca-file", CA_FILE], targets * size)


def program_list(program, flags, rows):
    """None where the program does not know the flag."""
    usage = subprocess.run([sys.executable, program, "list", "--help"], stdout=subprocess.PIPE).stdout.decode()
    argv = [sys.executable, program, "list", "--project", PROJECT, "--limit", str(PAGE), "--ca-file", CA_FILE]
    return Contestant(argv + flags, rows * LINE) if flags[0] in usage else None


def get_contestants(programs, targets, size):
    found = {name: program_get(program, targets, size) for name, program in programs.items()}
    where = [CA_FILE, EXECUTIONS + "/" + EXECUTION_ID % (size, targets)]
    found["floor"] = Contestant([sys.executable, "-c", FLOOR_GET] + where, targets * size)
    return found


def list_contestants(programs, flags, rows):
    found = {name: program_list(program, flags, rows) for name, program in programs.items()}
    found["floor"] = Contestant([sys.executable, "-c", FLOOR_LIST.replace("KEEP", FLOOR_KEEPS[flags[0]]), CA_FILE,
                                 "%s?limit=%d" % (EXECUTIONS, PAGE), str(LAST)], rows * LINE)
    if flags[0] != "--all":
        found["--all"] = program_list(programs["ours"], ["--all"], PAGES * PAGE)
    return found


# ---------------------------------------------------------------- Works

#: Contestants by name, or None; rounds; goals: what is judged, the figure from the Costs, the most that it may be.
Work = namedtuple("Work", "contestants rounds goals")


def ratio_goal(other, most):
    return "ours / " + other, lambda costs: costs["ours"].cpu / costs[other].cpu, most


def peak_goal(name):
    return "peak of %s, MiB" % name, lambda costs: costs[name].peak, 30


def growth_goal(form):
    more, less = form + " 10000", form + " 2000"
    return "%s / %s, both less start" % (more, less), lambda costs: (
        (costs[more].cpu - costs["start"].cpu) / (costs[less].cpu - costs["start"].cpu)), 6.5


def long_get(programs):
    forms = ("text", "raw", "json")
    contestants = {"%s %d" % (form, targets): program_get(programs["ours"], targets, LARGE, form)
                   for form in forms for targets in (2000, 10000)}
    goals = [growth_goal(form) for form in forms] + [peak_goal("%s 10000" % form) for form in forms]
    return Work(dict(contestants, start=program_get(programs["ours"], 3, SMALL)), 5, goals)


def walk(programs, flags, rows):
    rival = ("--all", 1.05) if flags[0] != "--all" else ("beside", 0.9)
    goals = [ratio_goal("floor", 1.5), peak_goal("ours"), ratio_goal(*rival)]
    return Work(list_contestants(programs, flags, rows), 9, goals)


WORKS = {
    "start": lambda programs: Work(get_contestants(programs, 3, SMALL), 40, [
        ratio_goal("floor", 1.35), ratio_goal("beside", 1.0)]),
    "get-2000": lambda programs: Work(get_contestants(programs, 2000, LARGE), 15, [
        ratio_goal("floor", 1.25), ratio_goal("beside", 1.1), peak_goal("ours")]),
    "get-10000": long_get,
    "list-all": lambda programs: walk(programs, ["--all"], PAGES * PAGE),
    "last-20": lambda programs: walk(programs, ["--last", str(LAST)], LAST),
    "since": lambda programs: walk(programs, ["--since", SINCE], RECENT)}

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
    """Run and report a work; how many of its goals were missed."""
    able = {name: contestant for name, contestant in work.contestants.items() if contestant}
    runs = [[run(contestant, environ) for contestant in able.values()] for _ in range(rounds or work.rounds)]
    costs = {name: Cost(min(one.cpu for one in several), max(one.peak for one in several))
             for name, several in zip(able, zip(*runs))}
    for name in work.contestants:
        if name in costs:
            ratio = "%.2f" % (costs["ours"].cpu / costs[name].cpu) if "ours" in costs else "-"
            print("%-10s %-11s %8.3f s %10s %8.1f MiB" % (title, name, costs[name].cpu, ratio, costs[name].peak))
        else:
            print("%-10s %-11s does not know this flag" % (title, name))
    missed = 0
    for label, figure, most in work.goals:
        try:
            value = figure(costs)
        except KeyError:
            print("    not told  " + label)
            continue
        missed += value > most
        print("    %-8s  %s: %.2f, goal %g" % ("MISSED" if value > most else "met", label, value, most), flush=True)
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
    print("%-10s %-11s %10s %10s %12s" % ("work", "run", "least CPU", "ours/it", "peak"))
    with server() as environ:
        missed = [measure(name, WORKS[name](programs), arguments.rounds, environ) for name in arguments.works or WORKS]
    return 1 if any(missed) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
