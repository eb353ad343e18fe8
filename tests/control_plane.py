#!/usr/bin/env python3
"""A small sample control plane: the executions of one project over HTTP or HTTPS, real sockets, standard library alone.

As a module it serves tests, which may script single answers and read what was asked:

    with ControlPlane(tls=True) as plane:
        plane.script(Reply({"items": []}), DROP)
        ...
        assert plane.requests[0].target == "/v1/projects/..."

As a program it serves while one command runs, with PLEXSPHERE_URL and PLEXSPHERE_TOKEN set for it:

    python3 tests/control_plane.py [--tls] [--objects DIR] -- COMMAND ARG...

Sections, in file order:

    Constants     ids, token, certificates
    Executions    the seeded data, the same on every run
    Replies       Reply, DROP, RESET, HANG: what can be sent
    Problems      what is refused, and how
    Cursors       sealed page positions
    API           from a request to its ordinary answer
    Connections   from a socket to requests
    Server        ControlPlane
    Command line  main
"""

import base64
import collections
import datetime
import hashlib
import hmac
import json
import os
import re
import socket
import struct
import sys
import threading
from http import HTTPStatus
from urllib.parse import parse_qs, unquote, urlsplit

# ---------------------------------------------------------------- Constants

TOKEN = "plx_sample_5v3Jq8ZtR2mWc7NyHd4K"

PROJECT = "3f1c8a52-7d0e-4b96-9a41-c2e85d7f6b13"
FORBIDDEN_PROJECT = "b8e04d17-52c9-4f3a-8d66-1f97a0c3e524"   # 403, rebac_denied
UNLICENSED_PROJECT = "5a97e2c4-0b3d-4c81-b7f5-64d1e9082a7c"  # 403, but another code
DOMAIN = "d2746f90-1e8b-4a35-a0c7-93b5e86f41dc"

DEMO = "0c6f2b7e-94d1-4e58-8b3a-71d5a9e0f246"       # three targets, small text outputs, one failed
SHOWCASE = "7e15d3a9-c840-4f2b-96ed-0a8b47c1f935"   # one target for every kind of output
ADVANCING = "e94b60d8-3a72-4d1f-85c6-b207f1ac9e58"  # a step further at every GET of it

STATUSES = ("pending", "ack", "started", "succeeded", "failed", "cancelled", "timeout")

TLS_DIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tls")
CA_FILE = os.path.join(TLS_DIR, "ca.pem")

# ---------------------------------------------------------------- Executions

NEWEST = datetime.datetime(2026, 7, 14, 9, 31, 7)
BUCKET = "plexsphere-exec-logs"
HOSTS = ("web-01", "web-02", "web-03", "db-01", "db-02", "cache-01", "cache-02", "edge-01", "edge-02", "build-01",
         "build-02", "mail-01")

Action = collections.namedtuple("Action", "type succeeded failed")

ACTIONS = {
    "restart-nginx": Action("hook", """\
nginx: the configuration file /etc/nginx/nginx.conf syntax is ok
nginx: configuration file /etc/nginx/nginx.conf test is successful
nginx.service: active (running) on {host}
""", """\
nginx: [emerg] bind() to 0.0.0.0:443 failed (98: Address already in use)
nginx.service: Failed with result 'exit-code'.
"""),
    "collect-diagnostics": Action("builtin", """\
Linux {host} 6.8.0-63-generic #66-Ubuntu SMP PREEMPT_DYNAMIC x86_64 GNU/Linux
 09:28:44 up 41 days,  3:07,  0 users,  load average: 0.31, 0.28, 0.22
Filesystem      Size  Used Avail Use% Mounted on
/dev/nvme0n1p2   98G   41G   53G  44% /
/dev/nvme1n1    440G  212G  206G  51% /srv
""", """\
journalctl: No space left on device
"""),
    "rotate-certs": Action("builtin", """\
renewed /etc/plexd/tls/{host}.crt
notAfter=Oct 12 09:12:03 2026 GMT
""", """\
renewal refused: certificate request for {host} was not approved
"""),
    "kernel-patch": Action("hook", """\
Setting up linux-image-6.8.0-64-generic (6.8.0-64.67) ...
Generating grub configuration file ...
reboot required: yes
""", """\
E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 2214 (unattended-upgr)
"""),
    "vacuum-journal": Action("hook", """\
Vacuuming done, freed 1.2G of archived journals from /var/log/journal.
""", """\
Failed to open /var/log/journal: Permission denied
"""),
    "reload-firewall": Action("builtin", """\
nftables: 184 rules loaded, 0 errors
""", """\
/etc/nftables.conf:41:9-13: Error: syntax error, unexpected 'accpt'
"""),
    "sync-clock": Action("builtin", """\
Reference ID    : C0A80A01 (ntp.internal)
System time     : 0.000021384 seconds fast of NTP time
Leap status     : Normal
""", """\
506 Cannot talk to daemon
"""),
    "backup-postgres": Action("hook", None, """\
pg_dump: error: connection to server on socket "/run/postgresql/.s.PGSQL.5432" failed: No such file or directory
"""),
}

#: What the object store holds: "bucket/key" -> content.
ARCHIVED_OBJECTS = {}


def made_uuid(name):
    """A UUID (version 4 in form) that is always the same for the same name."""
    digits = hashlib.sha256(name.encode()).hexdigest()
    return "-".join((digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:32]))


def timestamp(age, name):
    """RFC 3339, `age` seconds before the newest; the fraction depends on the name."""
    fraction = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 999999 + 1
    moment = NEWEST.replace(microsecond=fraction) - datetime.timedelta(seconds=age)
    return moment.isoformat(timespec="microseconds") + "Z"


def inline(content):
    reference = {"kind": "inline"}
    if content:
        reference["inline_bytes"] = base64.b64encode(content).decode()
    return reference


def archived(execution_id, host, content, digest=True):
    """Put the content into the object store; the reference to it."""
    key = "executions/%s/%s.log" % (execution_id, host)
    ARCHIVED_OBJECTS[BUCKET + "/" + key] = content
    reference = {"kind": "object_store", "bucket": BUCKET, "key": key}
    if digest:
        reference["sha256"] = hashlib.sha256(content).hexdigest()
    return reference


def dump_log(host, tables):
    lines = ["%s pg_dump: dumping contents of table \"public.events_%04d\"\n" % (host, n) for n in range(tables)]
    return "".join(lines).encode()


def output_of(action, status, execution_id, host):
    """The OutputRef that a target in this status has, or None."""
    if status not in ("succeeded", "failed"):
        return None
    text = getattr(ACTIONS[action], status)
    if text is None:
        return archived(execution_id, host, dump_log(host, 400))
    return inline(text.format(host=host).encode())


def target(host, status, created_at, updated_at, output_ref=None):
    wire = {"node_id": made_uuid("node " + host), "status": status, "created_at": created_at, "updated_at": updated_at}
    if output_ref:
        wire["output_ref"] = output_ref
    return wire


def target_statuses(status, count):
    """What its targets' statuses may be when an Execution's status is this one."""
    if status in ("pending", "ack", "succeeded"):
        return [status] * count
    if status in ("failed", "timeout"):
        return ["succeeded"] * (count - 1) + [status]
    return ["succeeded"] * (count // 2) + [status] * (count - count // 2)


def execution(age, action, status, targets, identity):
    """An Execution without its targets, whose number only tells how long it took."""
    created_at = timestamp(age, identity)
    updated_at = created_at if status == "pending" else timestamp(age - 4 - 3 * targets, identity + " end")
    return {"id": identity, "project_id": PROJECT, "domain_id": DOMAIN, "action": action,
            "type": ACTIONS[action].type, "status": status, "targets": [],
            "created_at": created_at, "updated_at": updated_at}


def ordinary_execution(age, action, status, count, identity):
    wire = execution(age, action, status, count, identity)
    first = age % len(HOSTS)
    for place, target_status in enumerate(target_statuses(status, count)):
        host = HOSTS[(first + place) % len(HOSTS)]
        output_ref = output_of(action, target_status, identity, host)
        wire["targets"].append(target(host, target_status, wire["created_at"], wire["updated_at"], output_ref))
    return wire


def showcase_execution(age):
    wire = execution(age, "collect-diagnostics", "failed", 6, SHOWCASE)
    cases = (("web-01", "succeeded", output_of("collect-diagnostics", "succeeded", SHOWCASE, "web-01")),
             ("web-02", "succeeded", inline(bytes(range(256)))),
             ("web-03", "succeeded", inline(b"")),
             ("db-01", "succeeded", archived(SHOWCASE, "db-01", dump_log("db-01", 250))),
             ("db-02", "failed", archived(SHOWCASE, "db-02", dump_log("db-02", 120), digest=False)),
             ("cache-01", "cancelled", None))
    for host, status, output_ref in cases:
        wire["targets"].append(target(host, status, wire["created_at"], wire["updated_at"], output_ref))
    return wire


#: The node ids of SHOWCASE by the case that each shows.
SHOWCASE_NODES = {case: made_uuid("node " + host) for case, host in (
    ("text", "web-01"), ("binary", "web-02"), ("empty", "web-03"), ("archived", "db-01"),
    ("archived without digest", "db-02"), ("no output", "cache-01"))}


def advancing_stages(age):
    """ADVANCING as successive GETs show it."""
    stages = []
    for later, (status, *statuses) in enumerate((("pending", "pending", "pending", "pending"),
                                                 ("started", "succeeded", "started", "pending"),
                                                 ("succeeded", "succeeded", "succeeded", "succeeded"))):
        wire = execution(age, "vacuum-journal", status, 3, ADVANCING)
        wire["updated_at"] = timestamp(age - 20 * later, ADVANCING)
        for host, target_status in zip(HOSTS, statuses):
            output_ref = output_of("vacuum-journal", target_status, ADVANCING, host)
            wire["targets"].append(target(host, target_status, wire["created_at"], wire["updated_at"], output_ref))
        stages.append(wire)
    return stages


ADVANCING_STAGES = advancing_stages(2730)

RECENT = (
    (0, "kernel-patch", "pending", 4, None),
    (146, "collect-diagnostics", "started", 5, None),
    (408, "restart-nginx", "failed", 3, DEMO),
    (1144, "rotate-certs", "succeeded", 8, None),
    (1391, "reload-firewall", "ack", 2, None),
    (2017, "sync-clock", "succeeded", 12, None),
    (3305, "kernel-patch", "cancelled", 4, None),
    (5280, "vacuum-journal", "timeout", 6, None),
    (7512, "backup-postgres", "succeeded", 2, None),
    (11033, "restart-nginx", "succeeded", 3, None),
)


def seeded_executions():
    """All Executions, newest first."""
    wires = [ordinary_execution(age, action, status, count, identity or made_uuid("execution %d" % age))
             for age, action, status, count, identity in RECENT]
    wires += [showcase_execution(1690), ADVANCING_STAGES[0]]
    actions = sorted(ACTIONS)
    for number in range(48):
        status = "failed" if number % 7 == 3 else "timeout" if number % 23 == 9 else "succeeded"
        age = 14400 + number * 9973
        wires.append(ordinary_execution(age, actions[number * 5 % len(actions)], status, 1 + number * 7 % 5,
                                        made_uuid("execution %d" % age)))
    return sorted(wires, key=lambda wire: wire["created_at"], reverse=True)


EXECUTIONS = seeded_executions()

#: The newest ordinary Execution in each status.
BY_STATUS = {wire["status"]: wire["id"] for wire in reversed(EXECUTIONS) if wire["id"] not in (SHOWCASE, ADVANCING)}

# ---------------------------------------------------------------- Replies


def json_bytes(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def body_bytes(body):
    """Bytes of a body given as bytes, text or a JSON value; any other iterable of bytes stays as it is."""
    if isinstance(body, (dict, list)):
        return json_bytes(body)
    return body.encode() if isinstance(body, str) else body


def phrase(status):
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def sliced(body, size):
    """The pieces of a body, none longer than size; size None leaves them whole."""
    for piece in [body] if isinstance(body, bytes) else body:
        step = size or len(piece) or 1
        for start in range(0, len(piece), step):
            yield piece[start:start + step]


def drop(sock):
    """Say nothing: the connection is closed right after."""


def reset(sock):
    """Close with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
    sock.close()


def hang(sock):
    """Answer nothing until the client goes, or the plane closes."""
    while sock.recv(65536):
        pass


DROP, RESET, HANG = drop, reset, hang


class Reply:
    """One HTTP response, whole or broken on purpose.

    body      bytes, text, a dict or list (JSON), or an iterable of bytes (best with framing "chunked" or "close")
    headers   pairs; Content-Type is added unless it is among them
    framing   "length", "chunked" or "close" (ended by closing the connection)
    slices    the body goes out N bytes at a time, each a send, and a chunk, of its own; None: in one piece
    pause     seconds between two slices
    cut       the connection is closed after N bytes of the body, in the middle of a chunk if need be, over TLS
              without close_notify; with reset by RST
    announce  Content-Length says N, whatever the body is; the connection is closed afterwards
    close     the connection is closed after a whole answer, unannounced
    """

    def __init__(self, body=b"", status=200, headers=(), framing="length", slices=None, pause=0.0, cut=None,
                 announce=None, reset=False, close=False):
        self.body, self.status, self.headers = body_bytes(body), status, list(headers)
        self.framing, self.slices, self.pause = framing, slices, pause
        self.cut, self.announce, self.reset, self.close = cut, announce, reset, close
        if framing == "length" and announce is None and not isinstance(self.body, bytes):
            self.body = b"".join(self.body)

    def keeps_connection(self):
        return not (self.close or self.reset or self.framing == "close" or self.announce is not None)

    def framing_header(self):
        if self.framing == "chunked":
            return "Transfer-Encoding", "chunked"
        if self.framing == "close":
            return "Connection", "close"
        return "Content-Length", str(len(self.body) if self.announce is None else self.announce)

    def head(self):
        headers = self.headers + [self.framing_header()]
        if "content-type" not in {name.lower() for name, _ in headers}:
            kind = "application/problem+json" if self.status >= 400 else "application/json"
            headers.insert(0, ("Content-Type", kind))
        lines = ["HTTP/1.1 %d %s" % (self.status, phrase(self.status))] + ["%s: %s" % header for header in headers]
        return "\r\n".join(lines + ["", ""]).encode("latin-1", "surrogateescape")

    def chunk(self, size, data):
        if self.framing != "chunked":
            return data
        return b"%x\r\n%s%s" % (size, data, b"\r\n" if len(data) == size else b"")

    def frames(self):
        """The body as it goes onto the wire, a byte string per slice."""
        left = sys.maxsize if self.cut is None else self.cut
        for piece in sliced(self.body, self.slices):
            if left <= 0:
                return
            yield self.chunk(len(piece), piece[:left])
            left -= len(piece)
        if self.framing == "chunked" and self.cut is None:
            yield b"0\r\n\r\n"

    def send_slices(self, sock, sleep):
        sock.sendall(self.head())
        for number, frame in enumerate(self.frames()):
            if number and sleep(self.pause):
                raise ConnectionAbortedError("the plane closes")
            sock.sendall(frame)

    def send(self, sock, sleep):
        """Write it all; whether the connection may take another request. sleep tells whether the plane closes."""
        if self.slices is None and isinstance(self.body, bytes) and len(self.body) < 65536:
            sock.sendall(self.head() + b"".join(self.frames()))
        else:
            self.send_slices(sock, sleep)
        if self.reset:
            reset(sock)
        elif self.cut is not None:
            sock.close()
        return self.keeps_connection() and self.cut is None


# ---------------------------------------------------------------- Problems

CORRELATION_ID = "9d3e7a10-46bf-4c02-b8a5-e1f60c92d784"
RELATION_PATH = ["user:sample", "domain:%s#viewer" % DOMAIN, "project:%s#exec_log_reader" % FORBIDDEN_PROJECT]


class Refused(Exception):
    """Answered with a Problem: status, code, detail, further members of it and further headers."""

    def __init__(self, status, code, detail, members=(), headers=()):
        super().__init__(detail)
        self.status, self.headers = status, headers
        self.problem = dict({"type": "about:blank", "title": phrase(status), "status": status, "code": code,
                             "detail": detail}, **dict(members))

    def reply(self, instance):
        return Reply(dict(self.problem, instance=instance), self.status, self.headers)


def denied(code, reason, **members):
    return Refused(403, code, "not allowed to read executions here",
                   dict(members, reason=reason, correlation_id=CORRELATION_ID))


def check_project(project):
    if project == FORBIDDEN_PROJECT:
        raise denied("rebac_denied", "no exec_log_reader relation to the project", relation_path=RELATION_PATH)
    if project == UNLICENSED_PROJECT:
        raise denied("feature_disabled", "the execution log is not part of this project's plan")
    if project != PROJECT:
        raise Refused(404, "project_not_found", "no project %s" % project)


# ---------------------------------------------------------------- Cursors

CURSOR_KEY = b"known to the sample control plane alone"


def sealed_cursor(position, scope):
    """The cursor for the page after the Execution with these 16 id bytes; it holds for one scope (the filters) only."""
    seal = hmac.new(CURSOR_KEY, position + repr(scope).encode(), hashlib.sha256).digest()
    # 30 bytes in all: a multiple of 3, so that no stray bits can be changed unseen.
    return base64.urlsafe_b64encode(position + seal[:14]).decode()


def cursor_after(wire, scope):
    return sealed_cursor(bytes.fromhex(wire["id"].replace("-", "")), scope)


def opened_cursor(cursor, scope):
    """The id that the cursor stands after."""
    try:
        position = base64.urlsafe_b64decode(cursor.encode("ascii"))[:16]
    except ValueError:
        position = b""
    if cursor != sealed_cursor(position, scope):
        raise Refused(400, "invalid_cursor", "the cursor is not one of this query's")
    digits = position.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


# ---------------------------------------------------------------- API

PATH = re.compile(r"/v1/projects/([^/]+)/executions(?:/([^/]+))?\Z")

Query = collections.namedtuple("Query", "status action_name cursor limit")


def parsed_limit(text):
    if not re.match(r"[0-9]{1,9}\Z", text) or not 1 <= int(text) <= 200:
        raise Refused(400, "invalid_limit", "limit must be a number from 1 to 200")
    return int(text)


def parsed_query(text):
    """A Query; a member that is absent or empty is None, but for the limit, which is then 50."""
    values = {name: found[-1] for name, found in parse_qs(text, errors="surrogateescape").items()}
    if values.get("status", STATUSES[0]) not in STATUSES:
        raise Refused(400, "invalid_status", "status must be one of " + ", ".join(STATUSES))
    return Query(values.get("status"), values.get("action_name"), values.get("cursor"),
                 parsed_limit(values.get("limit", "50")))


def check_bearer(request):
    if request.headers.get("authorization") != "Bearer " + TOKEN:
        raise Refused(401, "unauthenticated", "a valid bearer token is required",
                      headers=[("WWW-Authenticate", 'Bearer realm="plexsphere"')])


class ExecutionLog:
    """The API over EXECUTIONS. Its one piece of state is how far ADVANCING has come."""

    def __init__(self):
        self.lock = threading.Lock()
        self.gets = 0

    def rows(self):
        stage = ADVANCING_STAGES[min(max(self.gets - 1, 0), len(ADVANCING_STAGES) - 1)]
        return [stage if wire["id"] == ADVANCING else wire for wire in EXECUTIONS]

    def page(self, query):
        scope = (query.status, query.action_name)
        rows = [wire for wire in self.rows()
                if query.status in (None, wire["status"]) and query.action_name in (None, wire["action"])]
        if query.cursor is not None:
            after = opened_cursor(query.cursor, scope)
            # The cursor's own row may have left the filter meanwhile; its place among all rows has not changed.
            places = {wire["id"]: place for place, wire in enumerate(EXECUTIONS)}
            rows = [wire for wire in rows if places[wire["id"]] > places[after]]
        page = {"items": rows[:query.limit]}
        if len(rows) > query.limit:
            page["next_cursor"] = cursor_after(page["items"][-1], scope)
        return page

    def one(self, identity):
        if identity == ADVANCING:
            self.gets += 1
        for wire in self.rows():
            if wire["id"] == identity:
                return wire
        raise Refused(404, "execution_not_found", "no execution %s in this project" % identity)

    def found(self, request, url):
        """The JSON value asked for."""
        check_bearer(request)
        match = PATH.match(url.path)
        if not match:
            raise Refused(404, "not_found", "nothing is served at this path")
        if request.method != "GET":
            raise Refused(405, "method_not_allowed", "executions are read-only here", headers=[("Allow", "GET")])
        check_project(unquote(match.group(1)))
        with self.lock:
            return self.one(unquote(match.group(2))) if match.group(2) else self.page(parsed_query(url.query))

    def answer(self, request):
        url = urlsplit(request.target)
        try:
            return Reply(self.found(request, url))
        except Refused as refused:
            return refused.reply(url.path)


# ---------------------------------------------------------------- Connections

#: The target is as on the request line; the headers are a dict with lower-case names, the last of a name counting.
Request = collections.namedtuple("Request", "method target headers")


#: How a client shows that it has gone or talks nonsense; PyPy's ssl has a RuntimeError for an end without close_notify.
GONE = (OSError, ValueError, RuntimeError)


def parsed_request(head):
    """The Request of a head without its empty line; ValueError if it is none."""
    request_line, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = request_line.split(" ")
    pairs = (line.partition(":") for line in lines)
    return Request(method, target, {name.lower(): value.strip() for name, _, value in pairs})


class Connection:
    """An accepted socket, and what was read ahead from it."""

    def __init__(self, sock, closing):
        self.sock, self.closing, self.buffer = sock, closing, b""

    def secure(self, context):
        self.sock = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
        # Whoever closed the plane just now may have shut down the plain socket, which is an empty shell by now.
        if not self.closing.is_set():
            self.sock.do_handshake()

    def fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("the client has gone")
        self.buffer += data

    def take(self, size):
        while len(self.buffer) < size:
            self.fill()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return parsed_request(head)

    def requests(self):
        """Every Request of the client until it goes; the body of one is skipped before the next is read."""
        while not self.closing.is_set():
            request = self.read_head()
            yield request
            self.take(int(request.headers.get("content-length", 0)))
            if request.headers.get("connection", "").lower() == "close":
                return

    def send(self, answer):
        """Give a scripted or ordinary answer; whether the connection may take another request."""
        if isinstance(answer, Reply):
            return answer.send(self.sock, self.closing.wait)
        if isinstance(answer, bytes):
            self.sock.sendall(answer)
        else:
            answer(self.sock)
        return False

    def interrupt(self):
        """From another thread: end whatever the socket waits for."""
        try:
            # SSLSocket.shutdown would pull the TLS layer away under the thread that is reading through it.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        try:
            if hasattr(self.sock, "unwrap"):
                # Without a timeout unwrap would wait for the client's close_notify; so it only sends ours.
                self.sock.settimeout(0)
                self.sock.unwrap()
        except GONE:
            pass
        self.sock.close()


# ---------------------------------------------------------------- Server


def tls_context(kind):
    """kind: True, or "expired", "wrong-host", "untrusted" for a certificate that clients must refuse."""
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(TLS_DIR, "%s.pem" % ("server" if kind is True else kind)))
    return context


def listening_socket(host):
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.bind((host, 0))
    sock.listen(128)
    return sock


class ControlPlane:
    """Serves on a free port from its making until close(). Threads are daemons; nothing is ever printed.

    requests and connections tell what came. Answers for script(): a Reply; bytes (a whole response, verbatim); a
    callable that gets the connected socket; DROP, RESET, HANG; None (the ordinary answer). After bytes and callables
    the connection is closed.
    """

    TOKEN = token = TOKEN
    ca_file = CA_FILE

    def __init__(self, tls=False, host="127.0.0.1"):
        self.requests, self.connections = [], 0
        self.log, self.answers = ExecutionLog(), collections.deque()
        self.lock, self.closing, self.open = threading.Lock(), threading.Event(), set()
        self.context = tls_context(tls) if tls else None
        self.listener = listening_socket(host)
        self.address = self.listener.getsockname()
        self.url = self.address_url(host)
        self.acceptor = threading.Thread(target=self.accept_all, daemon=True)
        self.acceptor.start()

    def address_url(self, host):
        if self.context and host == "127.0.0.1":
            host = "localhost"
        name = "[%s]" % host if ":" in host else host
        return "%s://%s:%d" % ("https" if self.context else "http", name, self.address[1])

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def script(self, *answers):
        """Each of the following requests takes the next of these instead of its ordinary answer."""
        self.answers.extend(answers)

    def accept_all(self):
        while not self.closing.is_set():
            try:
                sock = self.listener.accept()[0]
            except OSError:
                continue
            self.admit(sock)
        self.listener.close()

    def admit(self, sock):
        with self.lock:
            if self.closing.is_set():
                sock.close()
                return
            connection = Connection(sock, self.closing)
            self.open.add(connection)
            self.connections += 1
        threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        """One connection from its handshake to its end. A client may go, or talk nonsense, at any time."""
        try:
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                connection.secure(self.context)
            for request in connection.requests():
                if not connection.send(self.answer(request)):
                    return
        except GONE:
            pass
        finally:
            with self.lock:
                self.open.discard(connection)
            connection.close()

    def answer(self, request):
        with self.lock:
            self.requests.append(request)
            answer = self.answers.popleft() if self.answers else None
        return self.log.answer(request) if answer is None else answer

    def close(self):
        with self.lock:
            self.closing.set()
            connections = list(self.open)
        for connection in connections:
            connection.interrupt()
        if self.acceptor.is_alive():
            self.wake_acceptor()
            self.acceptor.join(1)

    def wake_acceptor(self):
        """A last connection to ourselves: closing the listener does not wake a thread in accept() everywhere."""
        try:
            socket.create_connection(self.address[:2], timeout=1).close()
        except OSError:
            pass


# ---------------------------------------------------------------- Command line


def parsed_arguments(argv):
    import argparse
    parser = argparse.ArgumentParser(prog="control_plane.py", allow_abbrev=False,
                                     usage="%(prog)s [--tls] [--objects DIR] -- COMMAND ARG...",
                                     description="Runs a command beside a sample control plane.")
    parser.add_argument("--tls", action="store_true", help="serve https")
    parser.add_argument("--objects", metavar="DIR", help="write the archived outputs to DIR/BUCKET/KEY first")
    split = argv.index("--") if "--" in argv else len(argv)
    arguments = parser.parse_args(argv[:split])
    arguments.command = argv[split + 1:]
    if not arguments.command:
        parser.error("a command is missing after --")
    return arguments


def write_objects(directory):
    for name, content in ARCHIVED_OBJECTS.items():
        path = os.path.join(directory, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def environment(plane):
    extra = {"PLEXSPHERE_URL": plane.url, "PLEXSPHERE_TOKEN": plane.token}
    if plane.context:
        extra["SSL_CERT_FILE"] = plane.ca_file
    return dict(os.environ, **extra)


def leave_interrupts_to_child():
    import signal
    # A handler, not SIG_IGN: the child would inherit the latter.
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, frame: None)


def run(command, env):
    """The exit code as a shell would tell it."""
    import subprocess
    leave_interrupts_to_child()
    try:
        code = subprocess.Popen(command, env=env).wait()
    except OSError as error:
        print("control_plane.py: cannot run %s: %s" % (command[0], os.strerror(error.errno)), file=sys.stderr)
        return 127
    return code if code >= 0 else 128 - code


def main(argv):
    arguments = parsed_arguments(argv)
    if arguments.objects is not None:
        write_objects(arguments.objects)
    with ControlPlane(tls=arguments.tls) as plane:
        return run(arguments.command, environment(plane))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
