"""The verbs of the tests of section 3: a proxy, servers below HTTP, and answers that end too late or never.

    with Proxy(plane) as proxy: ...             proxy.url, proxy.requests, proxy.connections, proxy.script(...)
    with Raw(talk) as server: ...               server.url, server.connections; talk(sock) for each connection
    with bare_socket(listen) as address: ...    a host:port where nobody accepts, or with None nobody listens
    dripping(first, piece, pause)               an answer without end: first at once, then the piece, over and over
    stalling(first)                             an answer that falls silent after its beginning
    asked(plane, answer, ...)                   run `list` against these answers: its Result, and what it slept
"""

import contextlib
import http.client
import socket
import threading
import time

from control_plane import GONE, HANG, ControlPlane, Reply
from kit import LIST, run_cli

NAME = "control-plane.test"     # a name of the certificate tls/server.pem that only a proxy can reach


class Proxy(ControlPlane):
    """An HTTP proxy: CONNECT and absolute-form GET, every host name leading to one plane.

    requests and script() are as a ControlPlane's; a request without a scripted answer is passed on.
    """

    def __init__(self, plane):
        self.plane, self.upstream = plane, http.client.HTTPConnection(*plane.address[:2])
        super().__init__()

    def ordinary(self, request):
        if request.method == "CONNECT":
            return self.tunnel
        headers = {name: value for name, value in request.headers.items() if not name.startswith("proxy-")}
        self.upstream.request(request.method, "/" + request.target.split("/", 3)[3], headers=headers)
        response = self.upstream.getresponse()
        return Reply(response.read(), response.status)

    def tunnel(self, sock):
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(self.plane.address[:2]) as upstream:
            back = threading.Thread(target=pump, args=(upstream, sock), daemon=True)
            back.start()
            pump(sock, upstream)
            back.join()

    def close(self):
        super().close()
        self.upstream.close()


def pump(source, sink):
    """Copy until either side has gone, then end both."""
    with contextlib.suppress(*GONE):
        for data in iter(lambda: source.recv(65536), b""):
            sink.sendall(data)
    for sock in (source, sink):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


class Raw(ControlPlane):
    """A server below HTTP: each connection is one call of talk(sock)."""

    def __init__(self, talk, tls=False):
        self.serve = talk
        super().__init__(tls)


def dripping(first, piece, pause=0.01):
    """An answer that never ends, yet never falls silent."""
    def talk(sock):
        sock.sendall(first)
        while True:
            sock.sendall(piece)
            time.sleep(pause)
    return talk


def stalling(first):
    """An answer that falls silent after its beginning."""
    def talk(sock):
        sock.sendall(first)
        HANG(sock)
    return talk


@contextlib.contextmanager
def bare_socket(listen=None):
    """The host:port of a socket that never accepts: listen is its backlog, None for a port that refuses."""
    with contextlib.closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        if listen is not None:
            sock.listen(listen)
        yield "127.0.0.1:%d" % sock.getsockname()[1]


def asked(plane, *answers, argv=LIST, **options):
    """Run against these answers. The Result, and the seconds that it slept."""
    slept = []
    plane.script(*answers)
    return run_cli(*argv, plane=plane, sleep=slept.append, **options), slept
