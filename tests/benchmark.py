#!/usr/bin/env python3
"""How fast the program is, and how much memory it takes, beside the shortest script that does the same work.

    python3 tests/benchmark.py [--quick] [--rounds N] [WORK ...]
    python3 tests/benchmark.py --growth [--quick] [--rounds N]

Every run is a whole process that reads from one TLS server on the loopback interface, itself a process. The runs
of a work alternate, and a ratio is the median of the ratios within each round, so that a busy machine slows both
sides. The exit code is 1 if a goal is missed. For Linux and macOS.

Sections, in file order:

    Constants     addresses and sizes
    Server        bodies made beforehand, sent in large pieces
    Runs          one process: its time, its peak memory, what it wrote
    Rivals        the command lines that are compared
    Works         what is measured, and the goals
    Report        tables
    Command line  main
"""

import collections
import functools
import os
import subprocess
import sys
import time

# The parent process stays small: until a child has called exec, its parent's memory counts as its own peak.

# ---------------------------------------------------------------- Constants

TESTS = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(os.path.dirname(TESTS), "plexctl_exec_log.py")
CA_FILE = os.path.join(TESTS, "tls", "ca.pem")
PROJECT = "3f1c8a52-7d0e-4b96-9a41-c2e85d7f6b13"

SMALL, LARGE = 300, 16 << 10    # bytes of one output
BLOCK = 100                     # distinct targets of one body; a longer body repeats them
PAGE = 200                      # Executions on a page
NETWORK_MODULES = {"ssl", "_ssl", "socket", "_socket", "http.client"}
LARGEST_IDLE_PEAK = 16          # MiB that a child which does nothing may show

# ---------------------------------------------------------------- Server


def execution_id(targets, size):
    """The id of an Execution with so many targets, each with an output of `size` bytes."""
    return "%08d-0000-4000-8000-%012d" % (size, targets)


def log_text(number, size):
    """A log of exactly `size` bytes, another for each number."""
    import random
    draw = random.Random(number)
    lines = ("%08x worker-%02d: job %d done in %d ms\n" % (draw.getrandbits(32), draw.randrange(64),
             draw.randrange(10 ** 6), draw.randrange(5000)) for _ in range(size // 20 + 1))
    return "".join(lines).encode()[:size]


@functools.lru_cache(maxsize=None)
def target_texts(size):
    """The JSON texts of BLOCK targets."""
    import control_plane as plane
    times = plane.timestamp(60, "created"), plane.timestamp(0, "updated")
    return [plane.json_bytes(plane.target("host-%d" % number, "succeeded", times[0], times[1],
                                          plane.inline(log_text(number, size)))) for number in range(BLOCK)]


@functools.lru_cache(maxsize=None)
def execution_body(targets, size):
    """The body for one Execution, as pieces."""
    import control_plane as plane
    wire = plane.execution(0, "collect-diagnostics", "succeeded", 0, execution_id(targets, size))
    head, tail = plane.json_bytes(dict(wire, targets=["HERE"])).split(b'"HERE"')
    texts, (blocks, rest) = target_texts(size), divmod(targets - 1, BLOCK)
    return [head] + [b"".join(text + b"," for text in texts)] * blocks + [b",".join(texts[:rest + 1]) + tail]


@functools.lru_cache(maxsize=None)
def page_items():
    """The JSON text of a page's items, two targets each."""
    import control_plane as plane
    actions = sorted(plane.ACTIONS)
    return plane.json_bytes([
        plane.ordinary_execution(61 * number, actions[number % len(actions)],
                                 "failed" if number % 7 == 3 else "succeeded", 2, plane.made_uuid("row %d" % number))
        for number in range(PAGE)])


def page_body(pages, cursor):
    """One page out of so many, as pieces."""
    number = int(cursor or "0") + 1
    return [b'{"items":', page_items(), b',"next_cursor":"%012d"}' % number if number < pages else b"}"]


def body_for(target):
    """The pieces of the body for a request target. The number of pages comes as action_name."""
    from urllib.parse import parse_qs, urlsplit
    url = urlsplit(target)
    last = url.path.rpartition("/")[2]
    if last == "executions":
        query = parse_qs(url.query)
        return page_body(int(query["action_name"][0]), query.get("cursor", [""])[0])
    return execution_body(int(last[-12:]), int(last[:8]))


def serve():
    """Serve until standard input ends; the first line on standard output is `URL TOKEN`."""
    import control_plane

    class Pieces(control_plane.Reply):
        def __init__(self, pieces):
            super().__init__(announce=sum(map(len, pieces)))
            self.pieces = pieces

        def send(self, sock, sleep):
            sock.sendall(self.head() + self.pieces[0])
            for piece in self.pieces[1:]:
                sock.sendall(piece)
            return True

    class Plane(control_plane.ControlPlane):
        def answer(self, request):
            if request.headers.get("authorization") != "Bearer " + self.token:
                return control_plane.Reply({}, 401)
            return Pieces(body_for(request.target))

    for size in (SMALL, LARGE):
        target_texts(size)
    page_items()
    with Plane(tls=True) as plane:
        print(plane.url, plane.token, flush=True)
        sys.stdin.read()


class Server:
    """The server's process, and the environment of whoever reads from it."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), "--serve"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)
        url, token = self.process.stdout.readline().split()
        # PYTHONUNBUFFERED, for one, would slow the floor down by a system call a line.
        surroundings = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
                        and not name.startswith(("PLEXSPHERE_", "PYTHON", "SSL_"))}
        return dict(surroundings, PLEXSPHERE_URL=url, PLEXSPHERE_TOKEN=token)

    def __exit__(self, *exception):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


# ---------------------------------------------------------------- Runs

#: argv; the exit code it must end with; the bytes that it must write at least.
Contestant = collections.namedtuple("Contestant", "argv code least")

#: seconds, peak in MiB, standard error.
Run = collections.namedtuple("Run", "seconds peak noise")


def drained(descriptor):
    """Read to the end; how many bytes came."""
    total = 0
    while True:
        count = len(os.read(descriptor, 1 << 16))
        if not count:
            return total
        total += count


def run(contestant, environ):
    """One process from its start to its end. SystemExit if it did not do its work."""
    start = time.perf_counter()
    process = subprocess.Popen(contestant.argv, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    written = drained(process.stdout.fileno())
    noise = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
    process.stdout.close()
    process.stderr.close()
    if process.returncode != contestant.code or written < contestant.least:
        raise SystemExit("benchmark.py: %s\nexit code %d, %d bytes on standard output\n%s" % (
            " ".join(contestant.argv), process.returncode, written, noise.decode("utf-8", "replace")))
    return Run(seconds, usage.ru_maxrss / float(1 << 20 if sys.platform == "darwin" else 1 << 10), noise)


def alternated(contestants, rounds, environ):
    """The Runs of each contestant, a round of all after the other."""
    runs = collections.OrderedDict((name, []) for name in contestants)
    for _ in range(rounds):
        for name, contestant in contestants.items():
            runs[name].append(run(contestant, environ))
    return runs


def median(values):
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def median_seconds(runs):
    return median([one.seconds for one in runs])


def largest_peak(runs):
    return max(one.peak for one in runs)


# ---------------------------------------------------------------- Rivals

FLOOR_HEAD = """\
import base64, http.client, json, os, ssl, sys
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

CURL_JQ = """\
curl -sS --cacert "$1" -H "Authorization: Bearer $PLEXSPHERE_TOKEN" "$PLEXSPHERE_URL$2" |
jq -r '.targets[].output_ref.inline_bytes|@base64d'"""


def path_of(targets, size):
    return "/v1/projects/%s/executions/%s" % (PROJECT, execution_id(targets, size))


def ours(*arguments, **expected):
    argv = [sys.executable, PROGRAM] + list(arguments)
    return Contestant(argv, expected.get("code", 0), expected.get("least", 1))


def our_get(targets, size, form="text"):
    return ours("get", "--project", PROJECT, "--id", execution_id(targets, size), "--output", form,
                "--ca-file", CA_FILE, least=targets * size)


def floor_get(targets, size):
    return Contestant([sys.executable, "-c", FLOOR_GET, CA_FILE, path_of(targets, size)], 0, targets * size)


def curl_jq(targets, size):
    """As a dict, empty where one of the two is not installed."""
    from shutil import which
    argv = ["sh", "-c", CURL_JQ, "sh", CA_FILE, path_of(targets, size)]
    return {"curl|jq": Contestant(argv, 0, targets * size)} if which("curl") and which("jq") else {}


def our_list(pages):
    return ours("list", "--project", PROJECT, "--all", "--limit", str(PAGE), "--action-name", str(pages),
                "--ca-file", CA_FILE, least=pages * PAGE * 100)


def floor_list(pages):
    path = "/v1/projects/%s/executions?limit=%d&action_name=%d" % (PROJECT, PAGE, pages)
    return Contestant([sys.executable, "-c", FLOOR_LIST, CA_FILE, path], 0, pages * PAGE * 100)


IDLE = Contestant([sys.executable, "-c", "pass"], 0, 0)

# ---------------------------------------------------------------- Works

#: contestants by name; the rounds; the goals.
Work = collections.namedtuple("Work", "contestants rounds goals")

#: what is judged; the figure from the runs, None where it cannot be told; the most that the figure may be.
Goal = collections.namedtuple("Goal", "label figure most")


def ratio(runs, name, other):
    """How many times as long it took, by rounds that both were in; None without the other."""
    if other not in runs:
        return None
    return median([one.seconds / two.seconds for one, two in zip(runs[name], runs[other])])


def growth(runs, name, other, start):
    """How many times as long it took once it had started."""
    return median([(one.seconds - zero.seconds) / (two.seconds - zero.seconds)
                   for one, two, zero in zip(runs[name], runs[other], runs[start])])


def loaded_network_modules(runs):
    """How many modules of the network code the runs imported; None before 3.7, which cannot tell."""
    if sys.version_info < (3, 7):
        return None
    lines = [line for several in runs.values() for one in several for line in one.noise.decode().splitlines()]
    return len(NETWORK_MODULES.intersection(line.rpartition("|")[2].strip() for line in lines))


def ratio_goal(most, other):
    return Goal("ours / " + other, lambda runs: ratio(runs, "ours", other), most)


def growth_goal(form):
    names = form + " 10000", form + " 2000", "start"
    return Goal("%s / %s, both less start" % names[:2], lambda runs: growth(runs, *names), 6.5)


def peak_goal(name):
    return Goal("peak of %s, MiB" % name, lambda runs: largest_peak(runs[name]), 32)


def in_order(*pairs, **more):
    return collections.OrderedDict(pairs, **more)


def traced(contestant):
    """The same with a line on standard error for each import."""
    return contestant._replace(argv=contestant.argv[:1] + ["-X", "importtime"] + contestant.argv[1:])


def get_work():
    return Work(in_order(("ours", our_get(2000, LARGE)), ("floor", floor_get(2000, LARGE)), **curl_jq(2000, LARGE)),
                5, [ratio_goal(1.25, "floor"), ratio_goal(0.7, "curl|jq"), peak_goal("ours")])


def long_get_work():
    forms = ("text", "raw", "json")
    sized = [("%s %d" % (form, targets), our_get(targets, LARGE, form)) for form in forms for targets in (2000, 10000)]
    return Work(in_order(("start", our_get(3, SMALL)), *sized), 3,
                [growth_goal(form) for form in forms] + [peak_goal("%s 10000" % form) for form in forms])


WORKS = in_order(
    ("start", lambda: Work(in_order(("ours", our_get(3, SMALL)), ("floor", floor_get(3, SMALL)), **curl_jq(3, SMALL)),
                           25, [ratio_goal(1.35, "floor")])),
    ("get-2000", get_work),
    ("get-10000", long_get_work),
    ("list-all", lambda: Work(in_order(("ours", our_list(500)), ("floor", floor_list(500))), 3,
                              [ratio_goal(1.5, "floor"), peak_goal("ours")])),
    ("help", lambda: Work(in_order(("--help", traced(ours("--help"))), ("usage error", traced(ours("get", code=2,
                                                                                                  least=0)))),
                          3, [Goal("network modules imported", loaded_network_modules, 0)])),
)


def growth_work():
    """No goals: how time and memory grow."""
    gets = [("get %d" % targets, our_get(targets, LARGE)) for targets in (1, 10, 100, 1000, 10000)]
    return Work(in_order(*(gets + [("list %d pages" % pages, our_list(pages)) for pages in (1, 10, 100, 500)])), 3, [])


# ---------------------------------------------------------------- Report


def show(*cells):
    print("%-10s %-15s %10s %9s %10s" % cells, flush=True)


def show_runs(title, runs):
    """A line a contestant."""
    for name, several in runs.items():
        shown = "%.2f" % ratio(runs, name, "floor") if "floor" in runs else "-"
        show(title, name, "%.3f s" % median_seconds(several), shown, "%.1f MiB" % largest_peak(several))


def judged(goal, runs):
    """Print a line for the goal; whether it was missed."""
    figure = goal.figure(runs)
    if figure is None:
        print("    not told  %s" % goal.label)
        return False
    verdict = "MISSED" if figure > goal.most else "met"
    print("    %-8s  %s: %.2f, goal %g" % (verdict, goal.label, figure, goal.most), flush=True)
    return figure > goal.most


def measure(title, work, rounds, environ):
    """Run and report a work; how many of its goals were missed."""
    runs = alternated(work.contestants, rounds or work.rounds, environ)
    show_runs(title, runs)
    return sum([judged(goal, runs) for goal in work.goals])


def check_scale(environ):
    """Report a child that does nothing: a large peak would show that the figures hold memory of this process."""
    runs = alternated({"python -c pass": IDLE}, 3, environ)
    show_runs("(scale)", runs)
    if largest_peak(runs["python -c pass"]) > LARGEST_IDLE_PEAK:
        raise SystemExit("benchmark.py: the peak of a child that does nothing is over %d MiB" % LARGEST_IDLE_PEAK)


# ---------------------------------------------------------------- Command line


def parsed_arguments(argv):
    import argparse
    parser = argparse.ArgumentParser(prog="benchmark.py", description="Measures the program beside its rivals.")
    parser.add_argument("works", nargs="*", metavar="WORK", help="one of %s (default all)" % ", ".join(WORKS))
    parser.add_argument("--quick", action="store_true", help="one round of each, five of start")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each work")
    parser.add_argument("--growth", action="store_true", help="show how time and memory grow, no goals")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    unknown = [name for name in arguments.works if name not in WORKS]
    if unknown:
        parser.error("unknown work %s" % unknown[0])
    return arguments


def rounds_of(arguments, name):
    """The rounds that the command line asks for, None for the work's own number."""
    return arguments.rounds or (None if not arguments.quick else 5 if name == "start" else 1)


def main(argv):
    arguments = parsed_arguments(argv)
    if arguments.serve:
        serve()
        return 0
    works = {"growth": growth_work} if arguments.growth else WORKS
    names = ["growth"] if arguments.growth else arguments.works or list(WORKS)
    with Server() as environ:
        show("work", "run", "median", "of floor", "peak")
        check_scale(environ)
        missed = sum([measure(name, works[name](), rounds_of(arguments, name), environ) for name in names])
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
