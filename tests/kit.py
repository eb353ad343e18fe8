"""Test helpers, in this order: running the program, wire objects, streams, waiting, folders.

    run_cli("list", "--project", PROJECT, plane=plane)      a Result: code, out (bytes), err (text)
    run_process(...)                                        the same in a process of its own, where that matters
    run_against(plane, body, "get", ...)                    run_cli, with the plane's next answer scripted
    error_lines(result), error_lines(result, "hint")        what the lines with this label say on stderr
    execution(targets=[...]), target(...), inline(b"...")   wire objects (contract, section 4)

Every run is checked for what no run may ever do: show a traceback, or the token.
"""

import base64
import contextlib
import gc
import io
import json
import os
import re
import select
import stat
import subprocess
import sys
import time
import warnings
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, parse_qsl

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN
from server import CA_FILE, Reply

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
MODULE, README = os.path.join(ROOT, "plexctl_exec_log.py"), os.path.join(ROOT, "README.md")
CONTRACT = os.path.join(HERE, "contract.md")
EXECUTION = "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"
NODES = ["%08x-0000-4000-8000-00000000000%d" % (0xA1B2C300 + number, number) for number in range(10)]
LIST = ("exec-log", "list", "--project", PROJECT)
GET = ("exec-log", "get", "--project", PROJECT, "--id", EXECUTION)
ALL = LIST + ("--all",)
GET_RAW, GET_LINES, GET_TABLE = [GET + ("--output", format) for format in ("raw", "lines", "table")]
BOTH = ("stdout", "stderr")         # for run_cli(..., terminals=BOTH)
ALL_BYTES = bytes(range(256))
DIGEST = "ab" * 32
PATIENCE = 30       # seconds after which a test has failed

#: The rules of the contract (tests/contract.md) that a test verifies: @rule("3.8"), or pytestmark = rule("9.3").
rule = pytest.mark.rule

WINDOWS = os.name == "nt"
posix_only = pytest.mark.skipif(WINDOWS, reason="needs POSIX: pty, fork, signals, file modes, FIFOs")
HOME = "USERPROFILE" if WINDOWS else "HOME"     # the variable that says where the home directory is
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
    """Return a whole environment for the program: what every process needs, and nothing else of the developer's own.

    In env, None removes a variable. Tests of the home directory set kit.HOME.
    """
    whole = {"PATH": os.environ["PATH"], HOME: os.path.join(HERE, "no such home"), "LC_ALL": "C.UTF-8"}
    if WINDOWS:
        whole.update((name, value) for name, value in os.environ.items() if KEPT_ON_WINDOWS.match(name))
    if plane is not None:
        whole.update(PLEXSPHERE_URL=plane.url, PLEXSPHERE_TOKEN=TOKEN)
        if plane.url.startswith("https:"):
            whole["SSL_CERT_FILE"] = CA_FILE
    whole.update(env or {})
    return {name: as_given(value) for name, value in whole.items() if value is not None}


def make_command(*argv):
    """Return the command line of the program."""
    return [sys.executable, MODULE] + list(argv)


def start_line(line, plane, **env):
    """Start a command line, and return the running process."""
    return subprocess.Popen(line, cwd=ROOT, env=make_environment(plane, env), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def check_promises(result, echoes=False):
    """Check the promises of every run, and return its Result. echoes: the server's data may hold the token."""
    assert "Traceback" not in result.err and "Warning:" not in result.err, result.err
    assert TOKEN not in result.err, "the token is on stderr"
    assert echoes or TOKEN.encode() not in result.out, "the token is on stdout"
    return result


def finish_cli(process):
    """Wait for a started program, and return its Result."""
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return check_promises(Result(process.returncode, out or b"", (err or b"").decode("utf-8")))


def run_line(line, plane=None, env=None, **options):
    """Run any command line, and return its Result."""
    options = dict({"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}, **options)
    done = subprocess.run(line, env=make_environment(plane, env), timeout=60, **options)
    return Result(done.returncode, done.stdout or b"", (done.stderr or b"").decode("utf-8"))


def run_python(*line, **options):
    """Run any command line of this Python, and return its Result."""
    return run_line([sys.executable] + list(line), **options)


def run_process(*argv, **options):
    """Run the program in a process of its own, and return its Result."""
    return check_promises(run_line(make_command(*argv), **options))


def run_in_shell(redirection, *argv, **options):
    """Run the program under a shell's redirection, such as `>&-`, and return its Result."""
    return run_line(["sh", "-c", 'exec "$@" ' + redirection, "sh"] + make_command(*argv), **options)


@contextlib.contextmanager
def surroundings(plane=None, env=None):
    """Give this process the environment and the argv[0] of a run."""
    environment, arguments = dict(os.environ), sys.argv
    whole = make_environment(plane, env)
    try:
        os.environ.clear()
        os.environ.update(whole)
        sys.argv = [MODULE] + arguments[1:]
        yield
    finally:
        sys.argv = arguments
        os.environ.clear()
        os.environ.update(environment)


class ByteScreen(io.BytesIO):
    """A terminal to write bytes to."""

    def isatty(self):
        return True


class TextScreen(io.StringIO):
    """A terminal to write text to."""

    isatty = ByteScreen.isatty


class FailingStream(io.BytesIO):
    """A stream whose write() raises the given error."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, data):
        raise self.error


def run_cli(*argv, plane=None, env=None, echoes=False, sleep=lambda seconds: None, stdout=None, terminals=()):
    """Call the program's main, and return its Result. `terminals` names the streams that are terminals."""
    out = stdout or (ByteScreen if "stdout" in terminals else io.BytesIO)()
    err = (TextScreen if "stderr" in terminals else io.StringIO)()
    with surroundings(plane, env):
        code = program.main([as_given(os.fsdecode(argument)) for argument in argv], out, err, sleep=sleep)
    return check_promises(Result(code, getattr(out, "getvalue", bytes)(), err.getvalue()), echoes)


def run_against(plane, answer, *argv, **options):
    """Run the program against one scripted answer, a JSON value or anything that a plane takes."""
    assert not plane.answers, "an answer that was scripted before was not asked for"
    plane.script(Reply(answer) if isinstance(answer, (dict, list)) else answer)
    return run_cli(*(argv or GET), plane=plane, **options)


def expect_usage_error(*argv, env=None):
    """Run a command that is a usage error, which must exit 2 with two lines and no request. Return what the first of
    them says after `error: `. Nothing listens at the server's address: a request would exit 1."""
    result = run_cli(*argv, env=dict({"PLEXSPHERE_URL": "http://127.0.0.1:1", "PLEXSPHERE_TOKEN": TOKEN}, **env or {}))
    match = re.match(r"error: (.+)\nhint: see --help\n\Z", result.err)
    assert match and (result.code, result.out) == (2, b""), (argv, result)
    return match.group(1)


def read_queries(plane):
    """Return the parameters of each request that came, as a dict of their decoded values."""
    queries = [parse_qs(request.target.partition("?")[2], keep_blank_values=True) for request in plane.requests]
    return [{name: "|".join(query[name]) for name in query} for query in queries]


def serve_pages(plane, pages, reply=lambda number, body: Reply(body)):
    """Let the plane answer what is not scripted with these pages of Executions, whose cursors are c2, c3 and so on. It
    filters each page by `status`, as the server does. reply(number of the request, body) may break an answer."""
    def answer(request):
        query = dict(parse_qsl(request.target.partition("?")[2]))
        place, status = int(query.get("cursor", "c1")[1:]), query.get("status")
        items = [wire for wire in (pages[place - 1] if pages else ()) if status in (None, wire.get("status"))]
        cursor = "c%d" % (place + 1) if place < len(pages) else None
        return reply(len(plane.requests), encode(page(*items, next_cursor=cursor)))
    plane.answer_to = answer


def shorten_id(value):
    """Return the id of a parameter, for tables that hold very long ones: parametrize(..., ids=shorten_id)."""
    return ascii(getattr(value, "__name__", value))[:40]


# ---- wire objects

def inline(data):
    """Return the OutputRef of an inline output."""
    return {"kind": "inline", "inline_bytes": base64.b64encode(data).decode("ascii")}


def archive(bucket="logs", key="a/b.log", **members):
    """Return the OutputRef of an archived output."""
    return dict({"kind": "object_store", "bucket": bucket, "key": key}, **members)


def target(output=None, node=NODES[0], status="succeeded", **members):
    """Return an ExecutionTarget."""
    wire = dict({"node_id": node, "status": status, "created_at": "2026-05-02T10:00:00.5Z",
                 "updated_at": "2026-05-02T10:00:09.25Z"}, **members)
    return wire if output is None else dict(wire, output_ref=output)


def execution(targets=(), **members):
    """Return an Execution."""
    return dict({"id": EXECUTION, "project_id": PROJECT, "domain_id": NODES[9], "action": "restart-nginx",
                 "type": "builtin", "status": "succeeded", "created_at": "2026-05-02T10:00:00.5Z",
                 "updated_at": "2026-05-02T10:00:09.25Z", "targets": list(targets)}, **members)


def page(*items, **members):
    """Return an ExecutionList."""
    return dict({"items": list(items)}, **members)


SMALL_EXECUTION = execution([target(inline(b"some output\n"))])
STARTED = execution(status="started")


def encode(value):
    """Return JSON as the server writes it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


#: The formats of each command. Tests about every format are parametrized over these: a format that is added here is
#: tested. The groups: formats with a row or recap of the Execution, formats that print what the server sent, formats
#: that print only the bytes of outputs.
TABLE_FORMATS, DOCUMENT_FORMATS, BYTE_FORMATS = ("text", "table", "wide"), ("json", "yaml", "jsonl"), ("raw", "lines")
LIST_FORMATS = TABLE_FORMATS + DOCUMENT_FORMATS
GET_FORMATS = TABLE_FORMATS + DOCUMENT_FORMATS + BYTE_FORMATS
every_list_format = pytest.mark.parametrize("format", LIST_FORMATS)
every_get_format = pytest.mark.parametrize("format", GET_FORMATS)

#: The flags of the help page, by its titles. Some tests must have a row for each flag.
HELP_FLAGS = {
    "flags": "--project --status --failed --running --node --output --server --token-file --profile --ca-file "
             "--allow-http --timeout --color --verbose --help --version",
    "flags of list": "--action-name --since --until --last --all --limit --cursor",
    "flags of get": "--id --wait --wait-timeout --exit-status --output-dir"}

ROW_ID, MEMBER_ID = r"^(?!ID |next_cursor: )(\S+) ", r'^ {6}"id": "(.*)"'
ID_PATTERNS = {"text": ROW_ID, "table": ROW_ID, "wide": ROW_ID, "json": MEMBER_ID, "yaml": MEMBER_ID,
               "jsonl": r'^\{.*?"id":"([^"]*)"'}
CURSOR_LINE, CURSOR_MEMBER = r"^next_cursor: ([^\"\n]+)$", r'^  "next_cursor": "(.*)"$'


def read_listing(result, format):
    """Return the ids of the rows or items of a listing, and its cursors on either stream: a list of one, or of none."""
    out = result.out.decode("utf-8")
    cursors = re.findall(CURSOR_MEMBER, out, re.MULTILINE) or re.findall(CURSOR_LINE, out + result.err, re.MULTILINE)
    return re.findall(ID_PATTERNS[format], out, re.MULTILINE), cursors


def run_walk(plane, *argv, format="jsonl", pages=(), **options):
    """Run `list` over these pages of Executions, whose cursors are c2, c3 and so on. Return its Result."""
    serve_pages(plane, pages)
    return run_cli(*LIST + argv + ("--output", format), plane=plane, **options)


def list_ids(plane, *argv, **options):
    """Return the ids that a walk prints, which must succeed without a word."""
    result = run_walk(plane, *argv, **options)
    assert result.code == 0 and not result.err
    return read_listing(result, options.get("format", "jsonl"))[0]


def error_lines(result, label="error"):
    """Return what the lines of standard error with this label say."""
    return [line[len(label) + 2:] for line in result.err.splitlines() if line.startswith(label + ": ")]


# ---- streams

def read_some(descriptor):
    """Return what a pipe or terminal gives next, empty at its end, which a terminal tells by an error (EIO)."""
    assert select.select([descriptor], [], [], PATIENCE)[0], "nothing came"
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


def read_until(descriptor, wanted):
    """Return what comes until the wanted bytes are among it."""
    got = b""
    while wanted not in got:
        piece = read_some(descriptor)
        assert piece, "the end came first: %r" % got
        got += piece
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


def drain(descriptors):
    """Return all that comes out of each of the descriptors, and close them."""
    def read_all(descriptor):
        got = b"".join(iter(lambda: read_some(descriptor), b""))
        os.close(descriptor)
        return got
    with ThreadPoolExecutor(len(descriptors)) as pool:
        return list(pool.map(read_all, descriptors))


def run_on_terminal(*argv, streams=("stdout", "stderr"), columns=200, plane=None, env=None):
    """Run the program with these streams on terminals of their own, the other on a pipe, and return its Result."""
    ends = [open_terminal(columns) if name in streams else os.pipe() for name in ("stdout", "stderr")]
    with subprocess.Popen(make_command(*argv), env=make_environment(plane, env), stdin=subprocess.DEVNULL,
                          stdout=ends[0][1], stderr=ends[1][1]) as process:
        for _, near in ends:
            os.close(near)
        try:
            out, err = drain([far for far, _ in ends])
            return check_promises(Result(process.wait(PATIENCE), out, err.decode("utf-8")))
        finally:
            process.kill()


def wait_until(condition):
    """Wait until a condition is true. Fail after PATIENCE seconds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def collect_warnings(call):
    """Call. Return what it raised, or None, and the texts of the ResourceWarnings until all it made is collected."""
    raised = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
        except BaseException as error:
            raised = error
            raised.__traceback__ = raised.__context__ = None        # whose frames hold what the call made
        gc.collect()
    return raised, [str(warning.message) for warning in caught if warning.category is ResourceWarning]


# ---- waiting

class Clock:
    """A fake clock, advanced by sleep(), or with running=True also by real time. `sleeps` records each sleep."""

    def __init__(self, running=False, during=None):
        self.running, self.during = running, during or {}
        self.sleeps, self.slept = [], 0.0

    def now(self):
        return self.slept + (time.monotonic() if self.running else 0.0)

    def sleep(self, seconds):
        """during: what happens in the sleep of this number, counted from 1."""
        self.sleeps.append(seconds)
        self.slept += seconds
        self.during.get(len(self.sleeps), int)()


def make_transport(plane, clock, timeout=30.0):
    """Return a Transport to the plane that lives by this Clock."""
    return program.Transport(program.Server.parse(plane.url), TOKEN, timeout=timeout, clock=clock.now,
                             sleep=clock.sleep)


def wait_until_final(plane, clock, seconds=None, timeout=30.0):
    """Wait for the Execution, and return its final status, or the ExecLogError that ended the wait."""
    transport = make_transport(plane, clock, timeout)
    try:
        return program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)["status"]
    except program.ExecLogError as error:
        return error
    finally:
        transport.close()


# ---- folders

def save_to_folder(plane, folder, *flags, **options):
    """Run `get --output-dir`, and return its Result."""
    return run_cli(*GET + ("--output-dir", str(folder)) + flags, plane=plane, **options)


def read_folder(folder):
    """Return the files of a folder: their bytes by name."""
    return {name: read_file(os.path.join(str(folder), name)) for name in os.listdir(str(folder))}


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def read_text(path):
    return read_file(path).decode("utf-8")


SOURCE = read_text(MODULE)


def read_mode(path):
    return stat.S_IMODE(os.lstat(str(path)).st_mode)
