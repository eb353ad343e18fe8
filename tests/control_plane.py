#!/usr/bin/env python3
"""A small sample control plane: the executions of one project, served over HTTP or HTTPS.

Tests import it. Run as a program, it serves while a command runs, with PLEXSPHERE_URL and PLEXSPHERE_TOKEN set for it:

    python3 tests/control_plane.py [--tls] [--objects DIR] -- COMMAND ARG...
"""

import argparse
import base64
import contextlib
import hashlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import uuid
from collections import namedtuple
from datetime import datetime, timedelta
from http.client import responses
from urllib.parse import parse_qs, unquote, urlsplit

from server import CA_FILE, Reply, ScriptedServer

TOKEN = "plx_sample_5v3Jq8ZtR2mWc7NyHd4K"
PROJECT = "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13"
DOMAIN = "019a3f1b-d274-76f9-b01e-93b5e86f41dc"
STATUSES = ("pending", "ack", "started", "succeeded", "failed", "cancelled", "timeout")

NEWEST = datetime(2026, 7, 14, 9, 31, 7)
HOSTS = (
    "web-01",
    "web-02",
    "web-03",
    "db-01",
    "db-02",
    "cache-01",
    "cache-02",
    "edge-01",
    "edge-02",
    "build-01",
)
BUCKET = "plexsphere-exec-logs"
LARGEST_INLINE = 16 << 10  # bytes; a longer output goes to the object store
DUMPED = "".join(
    'pg_dump: dumping contents of table "public.events_%04d"\n' % number for number in range(400)
)

#: Type, and what a target prints that succeeded or failed.
ACTIONS = {
    "backup-postgres": (
        "hook",
        "pg_dump: on {host}\n" + DUMPED,
        "pg_dump: error: connection to server failed\n",
    ),
    "collect-diagnostics": (
        "builtin",
        "Linux {host} 6.8.0-63-generic #66-Ubuntu SMP PREEMPT_DYNAMIC x86_64 GNU/Linux\n"
        "/dev/nvme0n1p2   98G   41G   53G  44% /\n",
        "journalctl: No space left on device\n",
    ),
    "kernel-patch": (
        "hook",
        "Setting up linux-image-6.8.0-64-generic (6.8.0-64.67) ...\nreboot required: yes\n",
        "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 2214\n",
    ),
    "restart-nginx": (
        "hook",
        "nginx.service: active (running) on {host}\n",
        "nginx: [emerg] bind() to 0.0.0.0:443 failed (98: Address already in use)\n",
    ),
    "rotate-certs": (
        "builtin",
        "renewed /etc/plexd/tls/{host}.crt\nnotAfter=Oct 12 09:12:03 2026 GMT\n",
        "renewal refused: certificate request for {host} was not approved\n",
    ),
}

ARCHIVED_OBJECTS = {}  # what the object store holds: "bucket/key" -> content


def moment(age):
    """The time so many seconds before the newest; its fraction depends on the age."""
    return (
        NEWEST + timedelta(microseconds=(age * 104729 + 271828) % 1000000) - timedelta(seconds=age)
    )


def make_uuid(age, name):
    """The UUIDv7 of something this old: always the same for the same name."""
    milliseconds = (moment(age) - datetime(1970, 1, 1)) // timedelta(milliseconds=1)
    made = int(hashlib.sha256(b"%d %s" % (age, name.encode())).hexdigest()[:20], 16)
    return str(
        uuid.UUID(
            int=milliseconds << 80 | 7 << 76 | made >> 68 << 64 | 2 << 62 | made & (1 << 62) - 1
        )
    )


HOST_NODES = [make_uuid((90 + 5 * number) * 86400, host) for number, host in enumerate(HOSTS)]


def output_ref(identity, host, content):
    """The OutputRef of an output; a large one is put into the object store."""
    if len(content) <= LARGEST_INLINE:
        return dict(
            {"inline_bytes": base64.b64encode(content).decode()} if content else {}, kind="inline"
        )
    key = "executions/%s/%s.log" % (identity, host)
    ARCHIVED_OBJECTS[BUCKET + "/" + key] = content
    return {
        "kind": "object_store",
        "bucket": BUCKET,
        "key": key,
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def sample_execution(age, action, status, good, rest, outputs=(), seconds=None):
    """Return an Execution of good + rest targets: the good ones succeeded, the rest has the Execution's own status.

    outputs   replaces outputs by place: bytes, or None for no output
    seconds   from creation to the last update; by default a few per target
    """
    identity, (kind, succeeded, failed) = make_uuid(age, action), ACTIONS[action]
    if seconds is None:
        seconds = STATUSES.index(status) * min(good + rest, 10)
    times = {
        name: moment(at).isoformat(timespec="microseconds") + "Z"
        for name, at in (("created_at", age), ("updated_at", age - seconds))
    }
    targets = []
    for place, target_status in enumerate(["succeeded"] * good + [status] * rest):
        node, host = [names[(age + place) % len(HOSTS)] for names in (HOST_NODES, HOSTS)]
        text = {"succeeded": succeeded, "failed": failed}.get(target_status)
        content = dict(outputs).get(place, text and text.format(host=host).encode())
        targets.append(dict(times, node_id=node, status=target_status))
        if content is not None:
            targets[place]["output_ref"] = output_ref(identity, host, content)
    return dict(
        times,
        id=identity,
        project_id=PROJECT,
        domain_id=DOMAIN,
        action=action,
        type=kind,
        status=status,
        targets=targets,
    )


#: What a listing needs to know of an Execution. The Execution itself is made from it when it is asked for.
Row = namedtuple("Row", "age action status good rest")


def older_row(number):
    """Return the Row of one of the fifty Executions hours or days before the incident."""
    status = "failed" if number % 7 == 3 else "timeout" if number % 23 == 9 else "succeeded"
    return Row(14400 + 9973 * number, sorted(ACTIONS)[3 * number % 5], status, 7 * number % 5, 1)


#: What successive GETs of ADVANCING show; the last one stays. A listing shows what the next GET will.
ADVANCING_ROWS = [
    Row(2730, "rotate-certs", *stage)
    for stage in (("pending", 0, 3), ("started", 1, 2), ("succeeded", 0, 3))
]
NEXT_ROW = dict(zip(ADVANCING_ROWS, ADVANCING_ROWS[1:]))
SHOWN_ROW = Row(1690, "collect-diagnostics", "failed", 4, 2)

#: The sample in creation order, which is the order of the ids too.
ROWS = [older_row(number) for number in reversed(range(50))] + [
    Row(*row)
    for row in (
        (7512, "backup-postgres", "succeeded", 0, 2),
        (5280, "collect-diagnostics", "timeout", 5, 1),
        (3305, "kernel-patch", "cancelled", 2, 2),
        ADVANCING_ROWS[0],
        SHOWN_ROW,
        (1391, "rotate-certs", "ack", 0, 2),
        (1144, "rotate-certs", "succeeded", 0, 8),
        (408, "restart-nginx", "failed", 2, 1),
        (146, "collect-diagnostics", "started", 2, 3),
        (0, "kernel-patch", "pending", 0, 4),
    )
]
MADE = {row: sample_execution(*row) for row in ROWS + ADVANCING_ROWS}
ADVANCING_STAGES = [MADE[row] for row in ADVANCING_ROWS]

# The run of the incident: two of its machines failed and one was cancelled, around half past nine.
DISK_FULL = b"/dev/nvme0n1p2   98G   98G     0 100% /\njournalctl: No space left on device\n"
SHOWN = MADE[SHOWN_ROW] = sample_execution(
    *SHOWN_ROW,
    seconds=1602,
    outputs=[
        (0, DISK_FULL),
        (1, bytes(range(256))),
        (2, b""),
        (3, b"db-01\n" + DUMPED.encode()),
        (4, b"db-02\n" + DUMPED.encode()),
        (5, None),
    ],
)
del SHOWN["targets"][4]["output_ref"]["sha256"]
SHOWN["targets"][0]["status"] = "failed"
SHOWN["targets"][5]["status"] = "cancelled"
SHOWCASE_NODES = dict(
    zip(("text", "binary", "empty", "archived", "archived without digest", "no output"), HOST_NODES)
)

DEMO = make_uuid(408, "restart-nginx")  # three targets, small text outputs, one failed
SHOWCASE = SHOWN["id"]  # one target for every kind of output
ADVANCING = ADVANCING_STAGES[0]["id"]  # a step further at every GET of it

EXECUTIONS = [MADE[row] for row in ROWS]

#: So chosen that a tenth of all cursors begins with a hyphen, those after the first 5, 20 and 40 Executions too.
CURSOR_KEY = b"sample key 175532"
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Refusal(Exception):
    """Answered with a Problem: status, code, detail."""


def seal_cursor(position, scope):
    """Return the cursor of the page that begins at this row; it holds for one scope (the filters) only."""
    seal = hashlib.sha256(CURSOR_KEY + repr((position, scope)).encode()).digest()
    return base64.urlsafe_b64encode(
        seal[:26] + position.to_bytes(4, "big")
    ).decode()  # 30 bytes: no bit is unused


def open_cursor(cursor, scope):
    """Return the position that a cursor stands for. Raises Refusal."""
    with contextlib.suppress(ValueError):
        position = int.from_bytes(base64.urlsafe_b64decode(cursor)[-4:], "big")
        if cursor == seal_cursor(position, scope):
            return position
    raise Refusal(400, "invalid_cursor", "the cursor is not one of this query's")


def find_page(rows, query):
    """Return the page that a query string asks for."""
    asked = {
        name: found[-1] for name, found in parse_qs(query, True, errors="surrogateescape").items()
    }
    scope = status, action = asked.get("status"), asked.get("action_name")
    limit = asked.get("limit", "50")
    if status not in (None,) + STATUSES:
        raise Refusal(400, "invalid_status", "status must be one of " + ", ".join(STATUSES))
    if not re.match(r"[0-9]{1,9}\Z", limit) or not 1 <= int(limit) <= 200:
        raise Refusal(400, "invalid_limit", "limit must be a number from 1 to 200")

    page = {"items": []}
    for position in range(
        open_cursor(asked["cursor"], scope) if "cursor" in asked else 0, len(rows)
    ):
        row = rows[position]
        if status in (None, row.status) and action in (None, row.action):
            if len(page["items"]) == int(limit):
                page["next_cursor"] = seal_cursor(position, scope)
                break
            page["items"].append(MADE.get(row) or sample_execution(*row))
    return page


def find_execution(rows, identity):
    """Return the Execution of this id. ADVANCING then takes its next step."""
    if not UUID.fullmatch(identity.lower()):
        raise Refusal(400, "invalid_execution_id", "the execution id is not a UUID")
    # A UUIDv7 begins with its time in milliseconds.
    age = (NEWEST - datetime(1970, 1, 1)) // timedelta(seconds=1) - int(
        identity.replace("-", "")[:12], 16
    ) // 1000
    for position, row in enumerate(rows):
        if row.age == age and make_uuid(age, row.action) == identity.lower():
            rows[position] = NEXT_ROW.get(row, row)
            return MADE.get(row) or sample_execution(*row)
    raise Refusal(404, "execution_not_found", "no execution %s in this project" % identity)


def find_answer(rows, request, url):
    """Return the JSON value that is asked for. Raises Refusal."""
    if request.method != "GET":
        raise Refusal(405, "method_not_allowed", "executions are only read")
    if request.headers.get("authorization") != "Bearer " + TOKEN:
        raise Refusal(401, "unauthenticated", "a valid bearer token is required")
    match = re.match(r"/v1/projects/([^/]+)/executions(?:/([^/]+))?\Z", url.path)
    if not match:
        raise Refusal(404, "not_found", "nothing is served at this path")
    project, identity = [part and unquote(part) for part in match.groups()]
    if project != PROJECT:
        raise Refusal(404, "project_not_found", "no project %s" % project)
    return find_execution(rows, identity) if identity else find_page(rows, url.query)


class ControlPlane(ScriptedServer):
    """A ScriptedServer that answers what is not scripted from the sample."""

    token = TOKEN

    def __init__(self, tls=False, host="127.0.0.1"):
        self.rows = list(ROWS)
        super().__init__(tls, host)

    def answer_to(self, request):
        url = urlsplit(request.target)
        try:
            return Reply(find_answer(self.rows, request, url))
        except Refusal as refusal:
            status, code, detail = refusal.args
        problem = {
            "type": "about:blank",
            "title": responses[status],
            "status": status,
            "code": code,
            "detail": detail,
            "instance": url.path,
        }
        headers = {401: [("WWW-Authenticate", "Bearer")], 405: [("Allow", "GET")]}.get(status, [])
        return Reply("" if request.method == "HEAD" else problem, status, headers)


def main(argv):
    parser = argparse.ArgumentParser(description="Runs a command beside a sample control plane.")
    parser.add_argument("--tls", action="store_true", help="serve https")
    parser.add_argument(
        "--objects", metavar="DIR", help="write the archived outputs to DIR/BUCKET/KEY first"
    )
    parser.add_argument("command", nargs="+", help="what to run, after --")
    arguments = parser.parse_args(argv)
    for name, content in ARCHIVED_OBJECTS.items() if arguments.objects else ():
        path = pathlib.Path(arguments.objects, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    # Interrupts are the command's. A handler, not SIG_IGN: the command would inherit the latter.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    with ControlPlane(arguments.tls) as plane:
        env = dict(
            os.environ,
            PLEXSPHERE_URL=plane.url,
            PLEXSPHERE_TOKEN=plane.token,
            PLEXSPHERE_PROJECT=PROJECT,
        )
        code = subprocess.call(
            arguments.command, env=dict(env, SSL_CERT_FILE=CA_FILE) if arguments.tls else env
        )
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
