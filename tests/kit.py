"""Test helpers: running the program, wire objects, formats, terminals, waiting, files.

run_cli("list", "--project", PROJECT, plane=plane)      a Result: code, out (bytes), err (text)
run_line("get $ID -o raw", plane, execution())          the same, as it is typed; the plane's next answers follow
run_process(...)                                        the same in a process of its own, where that matters
run_against(plane, body, "get", ...)                    run_cli, with the plane's next answer scripted
error_lines(result), hint_lines(...), retry_lines(...)  what the lines with this label say on stderr
table(text)                                             the cases of a test, a line each
execution(targets=[...]), target(...), inline(b"...")   wire objects

What a test has not scripted, a plane answers from the sample data of control_plane.py: to LIST with the first 50 of its
60 Executions and a next_cursor, to a `get` of its DEMO or SHOWCASE with that Execution, and to GET, whose EXECUTION it
does not have, with a 404.

terminals=["stderr"] makes stderr a terminal. Most hints appear only there; those of errors, and some others, appear
always. An exception that main does not catch makes run_cli raise it, so that the test fails.
"""

import base64
import contextlib
import io
import json
import os
import re
import select
import shlex
import socket
import subprocess
import sys
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from unittest import mock
from urllib.parse import parse_qs, parse_qsl

import pytest
from control_plane import PROJECT, TOKEN
from server import CA_FILE, HANG, Reply, ScriptedServer

import plexctl_exec_log as program

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
MODULE, README = os.path.join(ROOT, "plexctl_exec_log.py"), os.path.join(ROOT, "README.md")
EXECUTION = "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"
NODES = [
    "%08x-0000-4000-8000-00000000000%d" % (0xA1B2C300 + number, number) for number in range(10)
]
LIST = ("exec-log", "list", "--project", PROJECT)
TARGETS = ("exec-log", "targets", "--project", PROJECT)
GET = ("exec-log", "get", "--project", PROJECT, "--id", EXECUTION)
ALL = LIST + ("--all",)
GET_RAW, GET_TABLE = GET + ("-o", "raw"), GET + ("-o", "table")
BOTH = ("stdout", "stderr")  # for run_cli(..., terminals=BOTH)
ALL_BYTES = bytes(range(256))
MOMENTS = {"created_at": "2026-05-02T10:00:00.5Z", "updated_at": "2026-05-02T10:00:09.25Z"}
#: An environment in which a request fails: nothing listens there. A usage error comes before any request.
UNREACHABLE = {"PLEXSPHERE_URL": "http://127.0.0.1:1", "PLEXSPHERE_TOKEN": TOKEN}
PATIENCE = 30  # seconds after which a test has failed

WINDOWS = os.name == "nt"
posix_only = pytest.mark.skipif(
    WINDOWS, reason="needs POSIX: pty, fork, signals, file modes, FIFOs"
)
HOME = "USERPROFILE" if WINDOWS else "HOME"  # the variable with the home directory: env={HOME: ...}
#: Without these a Windows process does not start, finds no programs, or hangs in the certificate store of wine.
KEPT_ON_WINDOWS = re.compile("(SYSTEMROOT|SYSTEMDRIVE|WINDIR|TEMP|TMP|PATHEXT|COMSPEC|WINE.*)$")

Result = namedtuple("Result", "code out err")


# ---- running the program


def as_given(text):
    """Return text as a process receives it when passed in UTF-8: with surrogates under the C locale."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return os.fsdecode(text.encode("utf-8"))
    return text


def make_environment(plane=None, env=None):
    """Return the whole environment of a run, with nothing of the developer's own. None in env removes a variable."""
    whole = {
        "PATH": os.environ.get("PATH", os.defpath),
        HOME: os.path.join(HERE, "no such home"),
        "LC_ALL": "C.UTF-8",
    }
    if WINDOWS:
        whole.update(
            (name, value) for name, value in os.environ.items() if KEPT_ON_WINDOWS.match(name)
        )
    if plane is not None:
        whole.update(PLEXSPHERE_URL=plane.url, PLEXSPHERE_TOKEN=TOKEN)
        if plane.url.startswith("https:"):
            whole["SSL_CERT_FILE"] = CA_FILE
    whole.update(env or {})
    return {name: as_given(value) for name, value in whole.items() if value is not None}


def make_command(*argv):
    """Return the command line of the program."""
    return [sys.executable, MODULE] + list(argv)


def check_promises(result, echoes=False):
    """Check that a run shows no traceback and no token, and return its Result. echoes: the server sends the token."""
    assert "Traceback" not in result.err and "Warning:" not in result.err, result.err
    assert TOKEN not in result.err, "the token is on stderr"
    assert echoes or TOKEN.encode() not in result.out, "the token is on stdout"
    return result


def start_line(line, plane=None, env=None, **options):
    """Start any command line, with pipes as its streams unless the options of Popen say otherwise."""
    pipes = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "cwd": ROOT,
    }
    return subprocess.Popen(line, env=make_environment(plane, env), **dict(pipes, **options))


def finish_process(process):
    """Wait for a process, and return its Result."""
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    text = (err or b"").decode("utf-8").replace(os.linesep, "\n")
    return check_promises(Result(process.returncode, out or b"", text))


def run_python(*line, **options):
    """Run any command line of this Python, and return its Result."""
    return finish_process(start_line([sys.executable] + list(line), **options))


def run_process(*argv, **options):
    """Run the program in a process of its own, and return its Result."""
    return run_python(MODULE, *argv, **options)


def run_in_shell(redirection, *argv, plane):
    """Run the program under a shell's redirection, such as `>&-`, and return its Result."""
    return finish_process(
        start_line(["sh", "-c", 'exec "$@" ' + redirection, "sh"] + make_command(*argv), plane)
    )


@contextlib.contextmanager
def surroundings(plane=None, env=None):
    """Give this process the environment and the argv[0] of a run."""
    with mock.patch.dict(os.environ, make_environment(plane, env), clear=True):
        with mock.patch.object(sys, "argv", [MODULE] + sys.argv[1:]):
            yield


#: Terminals to write bytes or text to.
ByteScreen, TextScreen = [
    type("Screen", (kind,), {"isatty": lambda self: True}) for kind in (io.BytesIO, io.StringIO)
]


class FailingStream(io.BytesIO):
    """A stream whose write() raises the given error."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, data):
        raise self.error


def run_cli(
    *argv, plane=None, env=None, echoes=False, sleep=lambda seconds: None, stdout=None, terminals=()
):
    """Call the program's main, and return its Result. `terminals` names the streams that are terminals."""
    out = stdout or (ByteScreen if "stdout" in terminals else io.BytesIO)()
    err = (TextScreen if "stderr" in terminals else io.StringIO)()
    with surroundings(plane, env):
        code = program.main(
            [as_given(os.fsdecode(argument)) for argument in argv], out, err, sleep=sleep
        )
    return check_promises(Result(code, getattr(out, "getvalue", bytes)(), err.getvalue()), echoes)


def run_against(plane, answer, *argv, **options):
    """Run the program against one scripted answer, a JSON value or anything that a plane takes."""
    assert not plane.answers, "an answer that was scripted before was not asked for"
    plane.script(Reply(answer) if isinstance(answer, (dict, list)) else answer)
    return run_cli(*(argv or GET), plane=plane, **options)


def run_line(line, plane=None, *answers, env=None, **options):
    """Run a command line as it is typed in a shell: NAME=VALUE before it sets a variable, $ID stands for EXECUTION, and
    $NODE for NODES[0]. PLEXSPHERE_PROJECT is set. The plane gives these answers: JSON values, or anything that it
    takes. Without a plane, the server is UNREACHABLE."""
    assert not getattr(plane, "answers", ()), "an answer that was scripted before was not asked for"
    for answer in answers:
        plane.script(Reply(answer) if isinstance(answer, (dict, list)) else answer)
    settings = dict(UNREACHABLE if plane is None else {}, PLEXSPHERE_PROJECT=PROJECT)
    settings.update(env or {})
    argv = shlex.split(line.replace("$ID", EXECUTION).replace("$NODE", NODES[0]))
    while argv and re.match("[A-Z_]+=", argv[0]):
        name, _, settings[name] = argv.pop(0).partition("=")
    return run_cli(*argv, plane=plane, env=settings, **options)


def table(text):
    """Return a parametrize mark for the cases of a test, which are the lines of a table.

    The first line has the names of the parameters. In every other line, a `|` separates the values, which are texts
    without the blanks around them. A line that begins with `#` says what the lines below it show. The id of a case is
    its first value, or if others have the same one, its line."""
    lines = [line.strip() for line in text.splitlines()]
    names, *rows = [
        [value.strip() for value in line.split("|")] for line in lines if line and line[0] != "#"
    ]
    assert rows, "a table without cases"
    first_values = [row[0] for row in rows]
    ids = [row[0] if first_values.count(row[0]) == 1 else " | ".join(row) for row in rows]
    return pytest.mark.parametrize(names, rows, ids=ids)


def labelled_lines(result, label):
    """Return what the lines of standard error with this label say."""
    return [
        line[len(label) + 2 :] for line in result.err.splitlines() if line.startswith(label + ": ")
    ]


def error_lines(result):
    """Return what the errors on standard error say."""
    return labelled_lines(result, "error")


def hint_lines(result):
    """Return what the hints on standard error say."""
    return labelled_lines(result, "hint")


def retry_lines(result):
    """Return what standard error says about retries."""
    return labelled_lines(result, "retry")


def read_queries(plane):
    """Return the parameters of each request that came, as a dict of their decoded values."""
    queries = [
        parse_qs(request.target.partition("?")[2], keep_blank_values=True)
        for request in plane.requests
    ]
    return [{name: "|".join(query[name]) for name in query} for query in queries]


# ---- wire objects


def inline(data):
    """Return the OutputRef of an inline output."""
    return {"kind": "inline", "inline_bytes": base64.b64encode(data).decode("ascii")}


def archive(bucket="logs", key="a/b.log", **members):
    """Return the OutputRef of an archived output."""
    return dict({"kind": "object_store", "bucket": bucket, "key": key}, **members)


def target(output=None, node=NODES[0], status="succeeded", **members):
    """Return an ExecutionTarget. Without an output it has no output_ref."""
    if output is not None:
        members["output_ref"] = output
    return dict(dict(MOMENTS, node_id=node, status=status), **members)


def execution(targets=(), **members):
    """Return an Execution: EXECUTION, which ran the action restart-nginx, of type builtin, and has succeeded."""
    return dict(
        dict(
            MOMENTS,
            id=EXECUTION,
            project_id=PROJECT,
            domain_id=NODES[9],
            action="restart-nginx",
            type="builtin",
            status="succeeded",
            targets=list(targets),
        ),
        **members,
    )


def page(*items, **members):
    """Return a page with these Executions. Without next_cursor=... it is the last one."""
    return dict({"items": list(items)}, **members)


SMALL_EXECUTION = execution([target(inline(b"some output\n"))])
STARTED = execution(status="started")
#: A page and an Execution at once: the body of a response that suits every command.
ANY_RESPONSE = execution([target(inline(b"some output\n"))], items=[execution()])


def encode(value):
    """Return JSON as the server writes it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


# ---- formats

# A test names a format with its flag, `-o raw`, also in a list or a table, so that this finds what needs a format:
# git grep -nE -- '(-o|--output).*raw'

#: Tests about every format are parametrized over the program's own formats, so that they cover a new one. test_help.py
#: lists the formats, so that a lost one is noticed.
LIST_FORMATS = ["-o " + name for name in program.LIST_FORMATS]
TARGETS_FORMATS = ["-o " + name for name in program.TARGETS_FORMATS]
GET_FORMATS = ["-o " + name for name in program.GET_FORMATS]
every_list_format = pytest.mark.parametrize("format", LIST_FORMATS)
every_get_format = pytest.mark.parametrize("format", GET_FORMATS)


# ---- listings


def listed(name, created="09:30:00Z", status="failed", **members):
    """Return an Execution. `created` may lack its day, which is 2026-07-14."""
    day = "2026-07-14T" if re.match("[0-9]{2}:", str(created)) else ""
    return execution(
        id=name, created_at=day + created if day else created, status=status, **members
    )


def make_pages(text):
    """Return pages of Executions. A word has an id, a time and perhaps a status: `a@09:30:00Z=ack`. `/` ends a page."""
    pages = text.split("/")
    return [[listed(*re.split("[@=]", word)) for word in words.split()] for words in pages]


#: How the ids in the output of `list` are found: in one JSON object, in one on each line, or at the start of each line.
ID_IN_DOCUMENT, ID_IN_LINE = r'^ +(?:\{.*?)?"id": ?"(.*?)"', r'^\{.*?"id":"([^"]*)"'
FIRST_WORD = r"^(?!ID |next_cursor: )([^\s,]+)"
CURSOR_LINE, CURSOR_MEMBER = r"^next_cursor: ([^\"\n]+)$", r'^  "next_cursor": "(.*)"$'


def read_listing(result):
    """Return the ids of the rows or items of a listing, and its cursors on either stream: a list of one, or of none."""
    out = result.out.decode("utf-8")
    if out.startswith("{\n"):
        id_pattern = ID_IN_DOCUMENT
    elif out.startswith("{"):
        id_pattern = ID_IN_LINE
    else:
        id_pattern = FIRST_WORD
    cursors = re.findall(CURSOR_MEMBER, out, re.MULTILINE) or re.findall(
        CURSOR_LINE, out + result.err, re.MULTILINE
    )
    return re.findall(id_pattern, out, re.MULTILINE), cursors


def find_ids(result):
    """Return the ids of the Executions that `list` printed, in their order."""
    return read_listing(result)[0]


def serve_pages(plane, pages, reply=lambda number, body: Reply(body)):
    """Let the plane answer what is not scripted with these pages of Executions, whose cursors are c2, c3 and so on. It
    filters each page by `status`, as the server does. reply(number of the request, body) may break an answer."""

    def answer(request):
        query = dict(parse_qsl(request.target.partition("?")[2]))
        place, status = int(query.get("cursor", "c1")[1:]), query.get("status")
        items = [
            wire
            for wire in (pages[place - 1] if pages else ())
            if status in (None, wire.get("status"))
        ]
        cursor = "c%d" % (place + 1) if place < len(pages) else None
        return reply(len(plane.requests), encode(page(*items, next_cursor=cursor)))

    plane.answer_to = answer


# ---- networks: a proxy, servers below HTTP, servers that accept no connection, stalled responses

NO_NAME = ".".join(["a" * 60] * 5)  # 304 characters: too long for a resolver to be asked
PATH = "/v1/projects/%s/executions" % PROJECT
#: Seconds after which an answer without end ends, so that a test fails instead of hanging.
END_OF_SILENCE = 5


class Proxy(ScriptedServer):
    """An HTTP proxy: every host name leads to one plane. What is scripted comes before that."""

    def __init__(self, plane):
        self.plane = plane
        super().__init__()

    def answer_to(self, request):
        if request.method == "CONNECT":
            return self.tunnel
        headers = {
            name: value for name, value in request.headers.items() if not name.startswith("proxy-")
        }
        path = "/" + request.target.split("/", 3)[3]
        return self.plane.next_answer(request._replace(target=path, headers=headers))

    def tunnel(self, sock):
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with self.plane.context.wrap_socket(sock, server_side=True) as inner:
            self.plane.serve(inner)


def refuse_tunnel(status_line):
    """Return a proxy's answer to CONNECT with this status line, after which it waits until the client closes.

    The proxy has read the request to its empty line, which Python before 3.9 sends apart, and it does not close
    first. If it closed with unread bytes, TCP would send a reset, which may overtake the answer."""

    def talk(sock):
        sock.sendall(
            status_line + b"\r\nLocation: http://else.test/\r\nContent-Length: 2\r\n\r\nno"
        )
        sock.shutdown(socket.SHUT_WR)
        HANG(sock)

    return talk


class Raw(ScriptedServer):
    """A server below HTTP: each connection is one call of talk(sock)."""

    def __init__(self, talk):
        self.serve = talk
        super().__init__()


def stall(first):
    """Return a response that stalls after its first bytes."""

    def talk(sock):
        sock.sendall(first)
        sock.settimeout(END_OF_SILENCE)
        HANG(sock)

    return talk


@contextlib.contextmanager
def nobody_listening():
    """Yield the host:port of a socket that refuses connections: it is bound, so that nobody else takes the port."""
    with contextlib.closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        yield "127.0.0.1:%d" % sock.getsockname()[1]


@contextlib.contextmanager
def nobody_accepting():
    """Yield the host:port of a socket whose queue is full, so that Linux leaves attempts to connect unanswered."""
    with contextlib.ExitStack() as stack:
        sock, *waiting = [
            stack.enter_context(contextlib.closing(socket.socket())) for _ in range(5)
        ]
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(sock.getsockname())
        yield "127.0.0.1:%d" % sock.getsockname()[1]


# ---- terminals, waiting, files


def read_some(descriptor):
    """Return what a pipe or terminal gives next, empty at its end, which a terminal tells by an error (EIO)."""
    assert select.select([descriptor], [], [], PATIENCE)[0], "nothing came"
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def drain(descriptor):
    """Return all that comes out of a pipe or terminal, and close it."""
    got = b"".join(iter(lambda: read_some(descriptor), b""))
    os.close(descriptor)
    return got


def open_terminal(columns=200):
    """Return the two ends of a pseudo-terminal of this width that changes no byte."""
    import fcntl
    import pty
    import struct
    import termios
    import tty

    far, near = pty.openpty()
    tty.setraw(near)
    fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    return far, near


def run_on_screen(plane, answer, *argv, columns=80, now=1784021467.25):
    """Run the program in this process against one answer, with stdout on a terminal of this width.
    Return its Result, whose `out` is what the terminal receives. COLUMNS gives another width, which must not count.
    `now` is the present time: 2026-07-14T09:31:07.25Z."""
    far, near = open_terminal(columns)
    with ThreadPoolExecutor(1) as pool, mock.patch.object(time, "time", lambda: now):
        received = pool.submit(drain, far)
        with open(near, "wb") as stdout:
            result = run_against(plane, answer, *argv, stdout=stdout, env={"COLUMNS": "100"})
        return result._replace(out=received.result())


def run_on_terminal(*argv, plane, columns=200):
    """Run the program with each stream on a terminal of its own, and return its Result."""
    ends = [open_terminal(columns) for _ in BOTH]
    with start_line(make_command(*argv), plane, stdout=ends[0][1], stderr=ends[1][1]) as process:
        for _, near in ends:
            os.close(near)
        try:
            with ThreadPoolExecutor(len(ends)) as pool:
                out, err = pool.map(drain, [far for far, _ in ends])
            return check_promises(Result(process.wait(PATIENCE), out, err.decode("utf-8")))
        finally:
            process.kill()


def wait_until(condition):
    """Wait until a condition is true. Fail after PATIENCE seconds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


class Clock:
    """A fake clock, advanced by sleep(), or with running=True also by real time. `sleeps` records each sleep.

    during={N: call} calls in the N-th sleep."""

    def __init__(self, running=False, during=None):
        self.running, self.during = running, during or {}
        self.sleeps, self.slept = [], 0.0

    def now(self):
        return self.slept + (time.monotonic() if self.running else 0.0)

    def sleep(self, seconds):
        assert seconds >= 0  # time.sleep() refuses less
        self.sleeps.append(seconds)
        self.slept += seconds
        self.during.get(len(self.sleeps), int)()


def make_transport(plane, clock, timeout=30.0):
    """Return a Transport to the plane that lives by this Clock."""
    return program.Transport(
        program.Server.parse(plane.url), TOKEN, timeout=timeout, clock=clock.now, sleep=clock.sleep
    )


def write_private_file(path, data):
    """Write bytes to a file that only its owner can read. Return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def read_text(path):
    with open(path, "rb") as file:
        return file.read().decode("utf-8")


SOURCE = read_text(MODULE)
#: The environment variables that the program reads itself, so without those that the standard library reads.
VARIABLES_READ = sorted(set(re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', SOURCE)))
