"""Rule 10.6b: a program's own exceptions pass, in every phase and in every callback, and the Transport stays usable."""

import gc
import signal
import sys
import time
import warnings

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN
from kit import EXECUTION, LIST, PATH, PATIENCE, STARTED, Raw, nobody_accepting, posix_only, rule, run_cli
from server import HANG, Reply

HEAD_OF = b"HTTP/1.1 %s\r\nConnection: close\r\n\r\n"
#: Exceptions that are no program's own, except for the first two.
KINDS = [type("Stop", (Exception,), {}), type("Halt", (BaseException,), {}), MemoryError, RecursionError]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def collect_warnings(call):
    """Call. Return what it raised, or None, and the texts of the ResourceWarnings until all it made is collected."""
    raised = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
        except BaseException as error:
            raised = error
            raised.__traceback__ = raised.__context__ = None  # whose frames hold what the call made
        gc.collect()
    return raised, [str(warning.message) for warning in caught if warning.category is ResourceWarning]


class Alarm:
    """A time limit. Once it is set, SIGALRM raises `error` in the main thread, once. Any thread may set it."""

    def __init__(self):
        self.error, self.has_rung = KINDS[0]("time is up"), False

    def set(self):
        # The signal comes again and again: the first may come just before the main thread begins to wait.
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)

    def ring(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        if not self.has_rung:
            self.has_rung = True
            raise self.error

    def sleep(self, seconds):
        """Be interrupted while sleeping."""
        self.set()
        time.sleep(0 if self.has_rung else PATIENCE)

    def fall_silent(self, first=b""):
        """Return an answer that falls silent after its beginning; the alarm rings then."""

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


#: What the server answers to a `list`, and to a `get --wait`.
SIGNAL_PHASES = {
    "headers": lambda alarm: alarm.fall_silent(),
    "headers that began": lambda alarm: alarm.fall_silent(b"HTTP/1.1 200 OK\r\nConn"),
    "a body": lambda alarm: alarm.fall_silent(HEAD_OF % b"200 OK" + b'{"items": [{}, '),
    "the body of an error": lambda alarm: alarm.fall_silent(HEAD_OF % b"500 No" + b'{"code": '),
    "a pause before a retry": lambda alarm: Reply({}, 503),
    "a pause of a wait": lambda alarm: Reply(STARTED),
}


@posix_only
@rule("10.6b")
@pytest.mark.parametrize("is_kept", [False, True], ids=["first", "kept connection"])
@pytest.mark.parametrize("phase", sorted(SIGNAL_PHASES))
def test_own_exception_passes_in_every_phase_of_a_request(plane, alarm, phase, is_kept):
    def call():
        with program.Transport(program.Server.parse(plane.url), TOKEN, sleep=alarm.sleep) as transport:
            if is_kept:
                transport.get(PATH, {})
            plane.script(SIGNAL_PHASES[phase](alarm))
            try:
                program.wait_for_execution(transport, PROJECT, EXECUTION)
            finally:
                assert transport.get(PATH, {"limit": 3})["items"][2:]  # still usable

    assert collect_warnings(call) == (alarm.error, [])
    assert len(plane.requests) == 2 + is_kept


@posix_only
@rule("10.6b")
def test_own_exception_passes_through_main(plane, alarm):
    plane.script(SIGNAL_PHASES["a body"](alarm))
    assert collect_warnings(lambda: run_cli(*LIST, plane=plane)) == (alarm.error, [])


@posix_only
@rule("10.6b")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_own_exception_passes_while_connecting(alarm, scheme):
    if scheme == "http" and not sys.platform.startswith("linux"):
        pytest.skip("a full queue may refuse connections")
    with nobody_accepting() if scheme == "http" else Raw(alarm.fall_silent()) as made:
        address = made if isinstance(made, str) else "127.0.0.1:%d" % made.address[1]
        with program.Transport(program.Server.parse("%s://%s" % (scheme, address)), TOKEN) as transport:
            if made is address:
                alarm.set()
            # Python itself leaves a socket unclosed here.
            assert collect_warnings(lambda: transport.get(PATH, {}))[0] is alarm.error


@rule("10.6b", "10.2b")
@every_kind
@pytest.mark.parametrize(
    "name, number",
    [("on_retry", 0), ("sleep", 0)]
    + [(name, number) for name, most in (("trace", 9), ("on_progress", 4)) for number in range(most)],
)
def test_what_a_callback_raises_passes_and_the_transport_is_usable(plane, name, number, kind):
    def fail(*_):
        calls.append(name)
        if len(calls) == number + 1:
            raise kind("mine")

    calls = []
    plane.script(Reply({}, 503), Reply({}))
    options = dict({"sleep": bool}, **{name: fail})
    with program.Transport(program.Server.parse(plane.url), TOKEN, **options) as transport:
        with pytest.raises(kind, match="mine"):
            transport.get(PATH, {})
        plane.answers.clear()
        assert transport.get(PATH, {"limit": 3})["items"][2:]
