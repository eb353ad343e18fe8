"""Helpers for section 3: a proxy, servers below HTTP, servers that accept no connection, and stalled responses."""

import contextlib
import re
import socket

from control_plane import PROJECT
from kit import LIST, run_cli
from server import HANG, ScriptedServer

NAME = "control-plane.test"  # a name of the certificate tls/server.pem that only a proxy can reach
NO_NAME = ".".join(["a" * 60] * 5)  # 304 characters: too long for a resolver to be asked
PATH = "/v1/projects/%s/executions" % PROJECT
END_OF_SILENCE = 5  # seconds after which an answer without end ends, so that a test fails instead of hanging


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


def read_error(result):
    """Return the error line of a run that failed with 1 and printed nothing. Only a hint may follow it."""
    match = re.match(r"(error: .+)\n(hint: .+\n)?\Z", result.err)
    assert match and (result.code, result.out) == (1, b""), result
    return match.group(1)
