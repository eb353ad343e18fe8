"""A scripted server for tests: HTTP or HTTPS on a loopback port, real sockets, standard library only.

with ScriptedServer(tls=True) as server:
    server.script(Reply({"items": []}), DROP)       the answers to the next two requests
    ...
    assert server.requests[0].target == "/path?query" and server.connections == 2
"""

import contextlib
import json
import os
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
from collections import deque, namedtuple
from email.utils import formatdate
from http.client import HTTPException, parse_headers, responses

TLS_DIR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tls")
CA_FILE = os.path.join(TLS_DIR, "ca.pem")
#: How a client shows that it has gone or talks nonsense; PyPy's ssl has a RuntimeError for an end without close_notify.
GONE = (OSError, ValueError, RuntimeError, HTTPException)
#: The target is as on the request line; the headers are a dict with lower-case names, the last of a name counting.
Request = namedtuple("Request", "method target headers")


def reset(sock):
    """Close with RST instead of FIN."""
    sock.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    )
    sock.close()


def hang(sock):
    """Answer nothing until the client goes, or the server closes."""
    while sock.recv(65536):
        pass


DROP, RESET, HANG = b"", reset, hang


class Reply:
    """One HTTP response, whole or broken on purpose.

    body      bytes, text, a dict or list (JSON), or with framing "chunked" or "close" an iterable of bytes
    headers   pairs; Content-Type and Date (the present time) are added unless they are among them
    framing   "length", "chunked" or "close" (ended by closing the connection)
    slices    the body goes out N bytes at a time, each a chunk of its own
    cut       the connection is closed after N bytes of the body, over TLS without close_notify
    announce  Content-Length says N, whatever the body is; the connection is closed afterwards
    close     the connection is closed after a whole answer, unannounced
    """

    def __init__(
        self,
        body=b"",
        status=200,
        headers=(),
        framing="length",
        slices=None,
        cut=None,
        announce=None,
        close=False,
    ):
        if isinstance(body, (dict, list)):
            body = json.dumps(body, sort_keys=True, separators=(",", ":"))
        if isinstance(body, str):
            body = body.encode()
        if isinstance(body, bytes):
            step = slices or len(body) or 1
            body = [body[start : start + step] for start in range(0, len(body), step)]
        self.pieces, self.status, self.cut, self.is_chunked = (
            body,
            status,
            cut,
            framing == "chunked",
        )
        self.kept = framing != "close" and announce is None and cut is None and not close
        ending = {
            "chunked": ("Transfer-Encoding", "chunked"),
            "close": ("Connection", "close"),
        }.get(framing)
        self.headers = list(headers) + [
            ending or ("Content-Length", sum(map(len, body)) if announce is None else announce)
        ]

    def head(self):
        """Return the status line and the headers as bytes."""
        lines = ["HTTP/1.1 %d %s" % (self.status, responses.get(self.status, "Unknown"))]
        lines += ["%s: %s" % header for header in self.headers]
        names = {name.lower() for name, _ in self.headers}
        if "date" not in names:
            lines.insert(1, "Date: " + formatdate(time.time(), usegmt=True))
        if "content-type" not in names:
            lines.insert(
                1, "Content-Type: application/%sjson" % ("problem+" if self.status >= 400 else "")
            )
        return "\r\n".join(lines + ["", ""]).encode("latin-1", "surrogateescape")

    def frames(self):
        """Yield the body as it goes onto the wire."""
        left = sys.maxsize if self.cut is None else self.cut
        for piece in self.pieces:
            data = piece[:left]
            left -= len(data)
            yield (
                b"%x\r\n%s" % (len(piece), data) + b"\r\n" * (data == piece)
                if self.is_chunked
                else data
            )
            if not left:
                return
        if self.is_chunked and self.cut is None:
            yield b"0\r\n\r\n"

    def send(self, sock):
        """Write it all, and return whether the connection may take another request."""
        frames = self.frames()
        sock.sendall(self.head() + next(frames, b""))
        for frame in frames:
            sock.sendall(frame)
        if self.cut is not None:
            sock.close()
        return self.kept


def read_request(stream):
    """Return the next Request, its body skipped. Raises one of GONE if there is none."""
    if stream.peek(1)[:1] == b"\x16":
        # readline() would wait for a line feed that may never come.
        raise ValueError("TLS on a port for http")
    # http.server would mend some targets.
    method, target, _ = stream.readline().decode("latin-1").split(" ")
    headers = {name.lower(): value for name, value in parse_headers(stream).items()}
    stream.read(int(headers.get("content-length", 0)))
    return Request(method, target, headers)


class ScriptedServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves on a free port from construction until close(), each connection in a thread of its own.

    tls           True, or "expired", "wrong-host", "untrusted" for a certificate that is to be refused
    url, address  where it serves: "https://localhost:PORT", (host, port)
    requests      the Requests that came, in their order
    connections   how many connections were made
    answers       what was scripted and not asked for yet

    Subclasses override answer_to(request), for what is not scripted, or serve(sock), for a whole connection.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, tls=False, host="127.0.0.1"):
        self.requests, self.connections, self.answers = [], 0, deque()
        self.lock, self.open = threading.Lock(), set()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if tls:
            self.context.load_cert_chain(
                os.path.join(TLS_DIR, "%s.pem" % ("server" if tls is True else tls))
            )
        super().__init__((host, 0), None)
        self.address = self.server_address
        self.url = ("https://localhost:%d" if tls else "http://" + host + ":%d") % self.address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *exception):
        self.close()

    def script(self, *answers):
        """Answer each of the next requests with the next of these.

        An answer is a Reply; bytes (a whole response, verbatim); a callable that gets the connected socket; DROP, RESET
        or HANG; or None for what answer_to() returns. After bytes and callables the connection is closed.
        """
        self.answers.extend(answers)

    def answer_to(self, request):
        """Return the answer to a request for which nothing is scripted: anything that script() takes but None."""
        # An exception in a thread makes pytest fail the test.
        raise LookupError("nothing is scripted for " + request.target)

    def serve(self, sock):
        """Serve one connection after its handshake: request by request, to its end."""
        with sock.makefile("rb") as stream:
            kept = True
            while kept:
                answer = self.next_answer(read_request(stream))
                kept = isinstance(answer, Reply) and answer.send(sock)
                if isinstance(answer, bytes):
                    sock.sendall(answer)
                elif not isinstance(answer, Reply):
                    answer(sock)

    def next_answer(self, request):
        with self.lock:
            self.requests.append(request)
            answer = self.answers.popleft() if self.answers else None
        return self.answer_to(request) if answer is None else answer

    def close(self):
        """End every connection, hanging ones too, and free the port."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the loop that accepts
        self.shutdown()
        for sock in list(self.open):
            with contextlib.suppress(OSError):
                # SSLSocket.shutdown would pull the TLS layer away under the thread that is reading through it.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        self.server_close()

    def get_request(self):
        sock, address = super().get_request()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context:
            sock = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.connections += 1
        self.open.add(sock)
        return sock, address

    def finish_request(self, request, client_address):
        """Run in the connection's own thread, where a silent client holds up nobody."""
        if self.context:
            request.do_handshake()
        self.serve(request)

    def handle_error(self, request, client_address):
        """Ignore a client that goes or talks nonsense. Anything else is a bug, of a scripted callable perhaps."""
        if not isinstance(sys.exc_info()[1], GONE):
            raise  # noqa: PLE0704

    def shutdown_request(self, request):
        self.open.discard(request)
        with contextlib.suppress(*GONE):
            if self.context:
                # This only sends our close_notify, and does not wait for the client's.
                request.settimeout(0)
                request.unwrap()
        request.close()
