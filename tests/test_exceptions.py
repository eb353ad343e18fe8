"""A program's own exception propagates, in every phase and from every callback; and time limits end."""

import gc
import signal
import sys
import time
import warnings

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN
from kit import (
    EXECUTION,
    LIST,
    PATH,
    PATIENCE,
    STARTED,
    nobody_accepting,
    posix_only,
    run_cli,
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

    def sleep(self, seconds):
        """Replace time.sleep: the alarm rings meanwhile."""
        self.set()
        time.sleep(PATIENCE)

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


@posix_only
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Reply({}, 503), id="before a retry"),
        pytest.param(Reply(STARTED), id="before the next poll of a wait"),
    ],
)
def test_own_exception_propagates_during_a_pause(plane, alarm, answer):
    plane.script(answer)
    with program.Transport(program.Server.parse(plane.url), TOKEN, sleep=alarm.sleep) as transport:
        with pytest.raises(Stop) as caught:
            program.wait_for_execution(transport, PROJECT, EXECUTION)

    assert caught.value is alarm.error


@posix_only
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere a full queue may refuse connections"
)
def test_own_exception_propagates_while_connecting(alarm):
    with nobody_accepting() as address:
        with program.Transport(program.Server.parse("http://" + address), TOKEN) as transport:
            alarm.set()
            # pytest.raises() would keep the traceback, and with it a socket that Python leaves unclosed.
            try:
                transport.get(PATH, {})
                was_interrupted = False
            except Stop:
                was_interrupted = True

    assert was_interrupted

    # Collect that socket here, where its warning is ignored.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alarm.error = None
        gc.collect()


@posix_only
def test_own_exception_propagates_through_main(plane, alarm):
    plane.script(alarm.send_and_hang(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"))

    with pytest.raises(Stop) as caught:
        run_cli(*LIST, plane=plane)

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


@pytest.mark.parametrize("number", range(1, 10))
def test_exception_of_any_call_of_trace_propagates(plane, number):
    """The request has six lines (its first and five headers), the response three: nine calls."""
    lines = []

    def fail_at_one_line(line):
        lines.append(line)
        if len(lines) == number:
            raise Stop("mine")

    plane.script(Reply({}))
    with program.Transport(
        program.Server.parse(plane.url), TOKEN, trace=fail_at_one_line
    ) as transport:
        with pytest.raises(Stop, match="mine"):
            transport.get(PATH, {})

    assert len(lines) == number  # no call follows


@pytest.mark.parametrize(
    "number", [pytest.param(1, id="before the request"), pytest.param(2, id="after the body")]
)
def test_exception_of_each_call_of_on_progress_propagates(plane, number):
    """The body `{}` is read at once: there are two calls."""
    calls = []

    def fail_at_one_call():
        calls.append("called")
        if len(calls) == number:
            raise Stop("mine")

    plane.script(Reply({}))
    with program.Transport(
        program.Server.parse(plane.url), TOKEN, on_progress=fail_at_one_call
    ) as transport:
        with pytest.raises(Stop, match="mine"):
            transport.get(PATH, {})

    assert len(calls) == number  # no call follows


# ---- time limits


class Interrupted(BaseException):
    """Raised by the test at a line of time_limit."""


def trace_time_limit(transport, raise_at):
    """Run `with transport.time_limit(5): pass`, and raise Interrupted before the N-th line of time_limit (None: never).

    Return the numbers of the lines that ran."""
    lines = []

    def trace(frame, event, argument):
        if frame.f_code.co_name != "time_limit":
            return trace
        if event == "line":
            lines.append(frame.f_lineno)
            if len(lines) == raise_at:
                raise Interrupted
        return trace

    sys.settrace(trace)
    try:
        with transport.time_limit(5):
            pass
    finally:
        sys.settrace(None)
    return lines


@pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="counts the lines that CPython's tracing reports"
)
def test_time_limit_that_is_interrupted_at_any_line_ends(transport, clock):
    count = len(trace_time_limit(transport, raise_at=None))
    assert count >= 4  # otherwise, the loop below would try hardly any line

    # The last line removes the limit: without that line, no limit can end.
    for number in range(1, count):
        with pytest.raises(Interrupted):
            trace_time_limit(transport, raise_at=number)
        clock.sleep(10)
        transport.get(PATH, {})  # raises TimedOut if the limit of 5 seconds is still in force
