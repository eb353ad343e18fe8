"""Helpers for section 3: a proxy, servers below HTTP, and responses that end too late or never.

    with Proxy(plane) as proxy: ...             proxy.url, proxy.requests, proxy.connections, proxy.script(...)
    with Raw(talk) as server: ...               server.url, server.connections; talk(sock) for each connection
    with nobody_listening() as address: ...     a host:port that refuses connections
    with nobody_accepting() as address: ...     a host:port that answers no attempt to connect
    stall(first)                                a response that stalls after its first bytes
    drip(first, piece, pause)                   an endless response: the first bytes, then the piece again and again
    Flood(first, piece)                         the same, sent as fast as it is read
    ask(plane, answer, ...)                     run `list` against these responses: its Result, and the seconds slept
    count_contacts(plane), was_asked_once(plane) the number of connections and of requests
    read_error(result), read_hint(result)       the text of the only error line of a run that failed with 1
"""

import contextlib
import functools
import re
import socket
import time

from control_plane import PROJECT
from kit import LIST, run_cli, wait_until
from server import ScriptedServer

NAME = "control-plane.test"     # a name of the certificate tls/server.pem that only a proxy can reach
#: A name of 304 characters, which no resolver is asked for.
NO_NAME = ".".join(["a" * 60] * 5)

PATH = "/v1/projects/%s/executions" % PROJECT
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
END_OF_SILENCE = 5      # seconds after which an answer without end ends, so that a test fails instead of hanging


class Proxy(ScriptedServer):
    """An HTTP proxy: every host name leads to one plane. What is scripted comes before that."""

    def __init__(self, plane):
        self.plane = plane
        super().__init__()

    def answer_to(self, request):
        if request.method == "CONNECT":
            return self.tunnel
        headers = {name: value for name, value in request.headers.items() if not name.startswith("proxy-")}
        path = "/" + request.target.split("/", 3)[3]
        return self.plane.next_answer(request._replace(target=path, headers=headers))

    def tunnel(self, sock):
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with self.plane.context.wrap_socket(sock, server_side=True) as inner:
            self.plane.serve(inner)


class Raw(ScriptedServer):
    """A server below HTTP: each connection is one call of talk(sock)."""

    def __init__(self, talk, tls=False):
        self.serve = talk
        super().__init__(tls)


def stall(first):
    """Return a response that stalls after its first bytes."""
    def talk(sock):
        sock.sendall(first)
        sock.settimeout(END_OF_SILENCE)
        while sock.recv(65536):
            pass
    return talk


def drip(first, piece, pause=0.01):
    """Return a response that never ends, yet never stalls."""
    def talk(sock):
        sock.sendall(first)
        end = time.monotonic() + END_OF_SILENCE
        while time.monotonic() < end:
            sock.sendall(piece)
            time.sleep(pause)
    return talk


#: The same, sent as fast as it is read: Flood(first, piece).
Flood = functools.partial(drip, pause=0)


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
        sock, *waiting = [stack.enter_context(contextlib.closing(socket.socket())) for _ in range(5)]
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(sock.getsockname())
        yield "127.0.0.1:%d" % sock.getsockname()[1]


def ask(plane, *answers, argv=LIST, **options):
    """Run against these responses. Return the Result, and the seconds that it slept."""
    slept = []
    plane.script(*answers)
    return run_cli(*argv, plane=plane, sleep=slept.append, **options), slept


def count_contacts(plane):
    """Return the number of connections and of requests."""
    return plane.connections, len(plane.requests)


def was_asked_once(plane):
    """Wait for a request, because a run may end before the plane notices it. Return whether it was the only one."""
    wait_until(lambda: plane.requests)
    return count_contacts(plane) == (1, 1)


def read_error(result):
    """Return the error line of a run that failed with 1 and printed nothing. Only a hint may follow it."""
    match = re.match(r"(error: .+)\n(hint: .+\n)?\Z", result.err)
    assert match and (result.code, result.out) == (1, b""), result
    return match.group(1)


def read_hint(result):
    """Return the hint of a run, empty if there is none."""
    return result.err.partition("\nhint: ")[2]
