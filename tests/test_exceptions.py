"""A program's own exception propagates, in every phase and from every callback."""

import signal

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN
from kit import (
    PATH,
    posix_only,
)
from server import HANG, Reply


class Stop(Exception):
    """An exception of the program that imports the module. It inherits directly from Exception."""


class Halt(BaseException):
    """Another one. It inherits directly from BaseException."""


class Alarm:
    """Raises `error` once in the main thread, by SIGALRM, soon after set() was called. Any thread may call it."""

    def __init__(self):
        self.error = Stop("time is up")
        self.has_rung = False

    def set(self):
        # The signal comes again and again: the first may come just before the main thread begins to wait.
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)

    def ring(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        if not self.has_rung:
            self.has_rung = True
            raise self.error

    def send_and_hang(self, first):
        """Return an answer that begins with these bytes and stops there. Then the alarm rings."""

        def talk(sock):
            sock.sendall(first)
            self.set()
            HANG(sock)

        return talk


@pytest.fixture
def alarm():
    made = Alarm()
    before = signal.signal(signal.SIGALRM, made.ring)
    yield made
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


# ---- exceptions from signal handlers


@posix_only
@pytest.mark.parametrize(
    "first_bytes",
    [
        pytest.param(b"", id="before the headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConn", id="within the headers"),
        pytest.param(
            b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"items": [{}, ', id="within a body"
        ),
        pytest.param(
            b'HTTP/1.1 404 No\r\nConnection: close\r\n\r\n{"code": ',
            id="within the body of an error",
        ),
    ],
)
@pytest.mark.parametrize("is_kept", [False, True], ids=["new connection", "kept connection"])
def test_own_exception_propagates_while_a_response_arrives(plane, alarm, first_bytes, is_kept):
    with program.Transport(program.Server.parse(plane.url), TOKEN) as transport:
        if is_kept:
            transport.get(PATH, {})  # its connection is kept
        plane.script(alarm.send_and_hang(first_bytes))

        with pytest.raises(Stop) as caught:
            transport.get(PATH, {})

    assert caught.value is alarm.error


# ---- exceptions from callbacks


@pytest.mark.parametrize("kind", [Stop, Halt])
@pytest.mark.parametrize("callback", ["on_retry", "sleep", "trace", "on_progress"])
def test_exception_of_a_callback_propagates(plane, callback, kind):
    def fail(*_):
        raise kind("mine")

    options = {"sleep": lambda seconds: None}
    options[callback] = fail
    plane.script(Reply({}, 503), Reply({}))  # the retry calls on_retry and sleep

    with program.Transport(program.Server.parse(plane.url), TOKEN, **options) as transport:
        with pytest.raises(kind, match="mine"):
            transport.get(PATH, {})
