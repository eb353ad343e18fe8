"""The verbs of the suite: run the real program as a process, and say what came of it.

    run_cli("list", "--project", PROJECT, plane=plane)      a Result: code, out (bytes), err (text)
    answered(plane, body, "get", ...)                       the same, with the plane's next answer scripted
    execution(targets=[...]), target(...), inline(b"...")   wire objects (contract, section 4)

Every run is checked for what no run may ever do: show a traceback, or the token.
"""

import base64
import json
import os
import subprocess
import sys
from collections import namedtuple

from control_plane import CA_FILE, PROJECT, TOKEN, Reply

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
MODULE = os.path.join(ROOT, "plexctl_exec_log.py")
EXECUTION = "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"
NODES = ["%08x-0000-4000-8000-00000000000%d" % (0xA1B2C300 + number, number) for number in range(10)]
LIST = ("exec-log", "list", "--project", PROJECT)
GET = ("exec-log", "get", "--project", PROJECT, "--id", EXECUTION)

Result = namedtuple("Result", "code out err")


def environment(plane=None, env=None):
    """A whole environment for the program: nothing of the developer's own but PATH and the locale."""
    whole = {"PATH": os.environ["PATH"], "HOME": os.path.join(HERE, "no such home"), "LC_ALL": "C.UTF-8"}
    if plane is not None:
        whole.update(PLEXSPHERE_URL=plane.url, PLEXSPHERE_TOKEN=TOKEN)
        if plane.url.startswith("https:"):
            whole["SSL_CERT_FILE"] = CA_FILE
    whole.update(env or {})
    return {name: value for name, value in whole.items() if value is not None}


def command(*argv, python=()):
    """The program's command line, after the interpreter's own flags."""
    return [sys.executable] + list(python) + [MODULE] + list(argv)


def start_cli(*argv, plane=None, env=None, python=(), **popen):
    """The program as a running process."""
    streams = dict({"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}, **popen)
    return subprocess.Popen(command(*argv, python=python), env=environment(plane, env), **streams)


def finish_cli(process, feed=None, echoes=False):
    """Wait for a started program. Its Result."""
    try:
        out, err = process.communicate(feed, timeout=60)
    finally:
        process.kill()
    result = Result(process.returncode, out, (err or b"").decode("utf-8"))
    assert "Traceback" not in result.err and "Warning:" not in result.err, result.err
    assert TOKEN not in result.err, "the token is on stderr"
    assert echoes or TOKEN.encode() not in (out or b""), "the token is on stdout"
    return result


def run_cli(*argv, feed=None, echoes=False, **options):
    """Run the program to its end. Its Result; echoes: the server's data may hold the token."""
    if feed is not None:
        options["stdin"] = subprocess.PIPE
    return finish_cli(start_cli(*argv, **options), feed, echoes)


def answered(plane, answer, *argv, **options):
    """Run the program against one scripted answer, a JSON value or anything that a plane takes."""
    plane.script(Reply(answer) if isinstance(answer, (dict, list)) else answer)
    return run_cli(*(argv or GET), plane=plane, **options)


def inline(data):
    """The OutputRef of an inline output."""
    return {"kind": "inline", "inline_bytes": base64.b64encode(data).decode("ascii")}


def archive(bucket="logs", key="a/b.log", **members):
    """The OutputRef of an archived output."""
    return dict({"kind": "object_store", "bucket": bucket, "key": key}, **members)


def target(output=None, node=NODES[0], status="succeeded", **members):
    """An ExecutionTarget."""
    wire = dict({"node_id": node, "status": status, "created_at": "2026-05-02T10:00:00.5Z",
                 "updated_at": "2026-05-02T10:00:09.25Z"}, **members)
    return wire if output is None else dict(wire, output_ref=output)


def execution(targets=(), **members):
    """An Execution."""
    return dict({"id": EXECUTION, "project_id": PROJECT, "domain_id": NODES[9], "action": "restart-nginx",
                 "type": "builtin", "status": "succeeded", "created_at": "2026-05-02T10:00:00.5Z",
                 "updated_at": "2026-05-02T10:00:09.25Z", "targets": list(targets)}, **members)


def page(*items, **members):
    """An ExecutionList."""
    return dict({"items": list(items)}, **members)


def encoded(value):
    """JSON as the server writes it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def sections(out):
    """The sections of a text `get`, as (node, status, what, body), read by their byte counts; then the recap."""
    found = []
    while out.startswith(b"==> "):
        header, out = out.split(b"\n", 1)
        node, status, what = header[4:-4].decode("ascii").split(" ", 2)
        size = int(what.split()[0]) if what.endswith(" bytes") else out.index(b"\n") if what == "archived" else 0
        body, out = out[:size], out[size:]
        if what == "archived" or body and not body.endswith(b"\n"):
            assert out.startswith(b"\n")
            out = out[1:]
        assert out.startswith(b"\n"), "no empty line after a section"
        found.append((node, status, what, body))
        out = out[1:]
    return found, out
