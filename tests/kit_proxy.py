"""The verbs of the transport tests: a proxy, servers below HTTP, and a Transport whose sleeps are faked.

    with Proxy(plane) as proxy: ...             proxy.url, proxy.requests, proxy.connections, proxy.script(...)
    with Raw(talk) as server: ...               server.url, server.connections; talk(sock) for each connection
    dripping(first, piece, pause)               an answer without end: first at once, then the piece, over and over
    stalling(first)                             an answer that falls silent after its beginning
    raw_head(sock)                              the bytes of a request head, as they came
    with bare_socket(listen) as sock: ...       a socket at a port of its own, which accepts nobody
    with reading(url, ...) as read: ...         a Transport in this process: its sleeps faked, what it says recorded
"""

import contextlib
import socket
import threading
import time

import plexctl_exec_log as program
from control_plane import GONE, TOKEN, ControlPlane

NAME = "control-plane.test"     # a name of the certificate tls/server.pem that only a proxy can reach


def end(sock):
    """Wake whoever waits for the socket, here and at its far side."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Proxy(ControlPlane):
    """An HTTP proxy: CONNECT and absolute-form GET, every host name leading to one plane.

    requests and script() are as a ControlPlane's; a request without a scripted answer is passed on. While pace is
    not None, what the plane sends goes to the client `pace[0]` bytes at a time, `pace[1]` seconds apart.
    """

    pace = None

    def __init__(self, plane):
        self.plane = plane
        super().__init__()

    def answer(self, request):
        with self.lock:
            self.requests.append(request)
            return self.answers.popleft() if self.answers else None

    def serve(self, connection):
        upstream = None
        try:
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in connection.requests():
                answer = self.answer(request)
                if answer is not None:
                    if not connection.send(answer):
                        return
                    continue
                if upstream is None:
                    upstream = socket.create_connection(self.plane.address[:2])
                    threading.Thread(target=self.pump, args=(upstream, connection.sock), daemon=True).start()
                if request.method == "CONNECT":
                    connection.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    return self.pump(connection.sock, upstream, paced=False)
                upstream.sendall(origin_form(request))
        except GONE:
            pass
        finally:
            with self.lock:
                self.open.discard(connection)
            for sock in [connection.sock] + ([upstream] if upstream else []):
                end(sock)
                sock.close()

    def pump(self, source, sink, paced=True):
        """Copy until either side has gone, then end both."""
        try:
            data = source.recv(65536)
            while data:
                self.pass_on(data, sink, self.pace if paced else None)
                data = source.recv(65536)
        except GONE:
            pass
        end(source)
        end(sink)

    def pass_on(self, data, sink, pace):
        size, pause = pace or (len(data), 0)
        for start in range(0, len(data), size):
            sink.sendall(data[start:start + size])
            time.sleep(pause)


def origin_form(request):
    """The head of an absolute-form request as the server behind a proxy gets it."""
    path = "/" + request.target.split("/", 3)[3]
    lines = ["%s: %s" % pair for pair in request.headers.items() if not pair[0].startswith("proxy-")]
    return "\r\n".join(["%s %s HTTP/1.1" % (request.method, path)] + lines + ["", ""]).encode("latin-1")


class Raw(ControlPlane):
    """A server below HTTP: each connection is one call of talk(sock)."""

    def __init__(self, talk):
        self.talk = talk
        super().__init__()

    def serve(self, connection):
        try:
            self.talk(connection.sock)
        except GONE:
            pass
        finally:
            with self.lock:
                self.open.discard(connection)
            connection.close()


def dripping(first, piece, pause=0.02):
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
        while sock.recv(65536):
            pass
    return talk


def raw_head(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            raise ConnectionError("the client has gone")
        data += piece
    return data


@contextlib.contextmanager
def bare_socket(listen=None):
    """A bound socket that never accepts: listen is its backlog, None for a port that refuses."""
    with contextlib.closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        if listen is not None:
            sock.listen(listen)
        yield sock


class Reading:
    """What reading() gives: get() asks; slept, said and took (seconds) tell what came of it."""

    def __init__(self, url, **options):
        self.slept, self.said, self.took = [], [], 0.0
        self.transport = program.Transport(
            program.Server.parse(url), TOKEN, sleep=self.slept.append,
            say=lambda label, text: self.said.append("%s: %s" % (label, text)), **options)

    def get(self, path="/x"):
        """The whole body, or the ExecLogError."""
        began = time.monotonic()
        try:
            return b"".join(self.transport.get(path))
        except program.ExecLogError as error:
            return error
        finally:
            self.took = time.monotonic() - began


@contextlib.contextmanager
def reading(url, **options):
    read = Reading(url, **options)
    with contextlib.closing(read.transport):
        yield read
