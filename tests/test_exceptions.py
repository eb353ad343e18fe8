"""A program's own exceptions pass: those of its signal handlers in every phase, and those of its callbacks."""

import io
import itertools
import signal
import sys
import time
from contextlib import closing

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN
from kit import (EXECUTION, GET, LIST, NODES, PATIENCE, STARTED, Clock, collect_warnings, encode, execution, inline,
                 make_transport, page, posix_only, rule, surroundings, target)
from kit_net import NAME, Proxy, Raw, nobody_accepting
from server import HANG, Reply

HEAD_OF = b"HTTP/1.1 %s\r\nConnection: close\r\n\r\n"


class Stop(Exception):
    """What the handler of a program with a time limit raises."""


class Alarm:
    """A time limit. Once it is set, SIGALRM raises `error` in the main thread, once. Any thread may set it."""

    def __init__(self):
        self.error, self.has_rung = Stop("time is up"), False

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


def run_main(alarm, argv, plane=None, env=None, stdout=None):
    """Run the command. Return what it raised, and the ResourceWarnings."""
    with surroundings(plane, env):
        return collect_warnings(lambda: program.main(list(argv), stdout or io.BytesIO(), io.StringIO(), alarm.sleep))


def run_operation(alarm, argv, plane):
    """Run the operation that the command uses. Return the same."""
    def call():
        with program.Transport(program.Server.parse(plane.url), TOKEN, sleep=alarm.sleep) as transport:
            if "--wait" in argv:
                program.wait_for_execution(transport, PROJECT, EXECUTION)
            else:
                list(program.get_page(transport, PROJECT, {}).elements)
    return collect_warnings(call)


#: For each phase the answer of the server, and the command.
SIGNAL_PHASES = {
    "headers": (lambda alarm: alarm.fall_silent(), LIST),
    "headers that began": (lambda alarm: alarm.fall_silent(b"HTTP/1.1 200 OK\r\nConn"), LIST),
    "a body": (lambda alarm: alarm.fall_silent(HEAD_OF % b"200 OK" + b'{"items": [{}, '), LIST),
    "the body of a merge": (lambda alarm: alarm.fall_silent(HEAD_OF % b"200 OK" + b'{"items":['), LIST + ("--failed",)),
    "the body of an error": (lambda alarm: alarm.fall_silent(HEAD_OF % b"500 No" + b'{"code": '), LIST),
    "a pause before a retry": (lambda alarm: Reply({}, 503), LIST),
    "a pause of a wait": (lambda alarm: Reply(STARTED), GET + ("--wait",)),
    "a request of a wait": (lambda alarm: alarm.fall_silent(), GET + ("--wait",))}


@posix_only
@rule("10.5b", "10.4d")
@pytest.mark.parametrize("run", [run_operation, run_main], ids=["operation", "main"])
@pytest.mark.parametrize("phase", sorted(SIGNAL_PHASES))
def test_own_exception_passes_in_every_phase_and_leaves_no_socket(plane, alarm, phase, run):
    make_answer, argv = SIGNAL_PHASES[phase]
    plane.script(make_answer(alarm))
    raised, warned = run(alarm, argv, plane)
    assert raised is alarm.error
    assert warned == []
    assert len(plane.requests) == 1


@posix_only
@rule("10.5b")
@pytest.mark.parametrize("scheme, make", [
    pytest.param("http", lambda _: nobody_accepting(), marks=pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="a full queue may refuse connections")),
    ("https", lambda alarm: Raw(alarm.fall_silent()))], ids=["connecting", "TLS handshake"])
def test_own_exception_passes_while_connecting(alarm, scheme, make):
    with make(alarm) as server:
        address = server if scheme == "http" else "127.0.0.1:%d" % server.address[1]
        if scheme == "http":
            alarm.set()
        env = {"PLEXSPHERE_URL": "%s://%s" % (scheme, address), "PLEXSPHERE_TOKEN": TOKEN}
        assert run_main(alarm, LIST, env=env)[0] is alarm.error     # http.client and ssl leave a socket unclosed


@posix_only
@rule("10.5b", "10.4d")
def test_own_exception_passes_while_a_proxy_connects(plane, alarm):
    with Proxy(plane) as proxy:
        proxy.script(alarm.fall_silent())
        env = {"PLEXSPHERE_URL": "https://" + NAME, "PLEXSPHERE_TOKEN": TOKEN, "HTTPS_PROXY": proxy.url}
        assert run_main(alarm, LIST, env=env) == (alarm.error, [])


class StuckStream(io.BytesIO):
    """A standard output that accepts nothing."""

    def write(self, data):
        self.alarm.sleep(0)
        return len(data)


@posix_only
@rule("10.5b", "10.4d")
@pytest.mark.parametrize("argv", [LIST, LIST + ("-o", "json"), GET, GET + ("-o", "raw"), ("--help",)], ids=" ".join)
def test_own_exception_passes_while_standard_output_is_written(plane, alarm, argv):
    stdout = StuckStream()
    stdout.alarm = alarm
    plane.script(Reply(execution([target(inline(b"x"))]) if argv[1:2] == ("get",) else page(STARTED)))
    assert run_main(alarm, argv, plane, stdout=stdout) == (alarm.error, [])


OWN = [RuntimeError, ArithmeticError, AssertionError, EOFError, ImportError, KeyboardInterrupt,
       type("Own", (BaseException,), {})]


@posix_only
@rule("10.5c")
@pytest.mark.parametrize("phase", ["headers", "a body", "the body of an error"])
@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_exception_of_any_other_family_is_an_own_one(plane, alarm, kind, phase):
    alarm.error = kind("mine")
    plane.script(SIGNAL_PHASES[phase][0](alarm))
    raised, warned = run_operation(alarm, LIST, plane)
    assert raised is alarm.error
    assert warned == []


@rule("10.5d")
@pytest.mark.parametrize("name", ["on_status", "on_retry"])
@pytest.mark.parametrize("kind", [Stop, BrokenPipeError, KeyError])
def test_what_a_callback_of_a_wait_raises_passes(plane, name, kind):
    def fail(text):
        raise kind(text)

    plane.script(Reply(STARTED), Reply({}, 503))
    with make_transport(plane, Clock()) as transport, pytest.raises(kind):
        program.wait_for_execution(transport, PROJECT, EXECUTION, **{name: fail})


@rule("10.5d")
@pytest.mark.parametrize("kind", [Stop, BrokenPipeError, ValueError])
def test_what_trace_raises_at_a_connect_passes(monkeypatch, kind):
    def fail(line):
        raise kind("mine")
    monkeypatch.setenv("PLEXSPHERE_TOKEN", TOKEN)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with program.Transport.from_settings("https://name.example", trace=fail) as transport, pytest.raises(kind):
        program.get_page(transport, PROJECT, {})


@rule("10.5d", "10.4d")
@pytest.mark.parametrize("kind", [Stop, BrokenPipeError, KeyError])
@pytest.mark.parametrize("name, number", [("on_retry", 0)] + [
    (name, number) for name in ("trace", "before_wait") for number in range(3)])
def test_what_a_callback_of_a_transport_raises_passes(plane, name, number, kind):
    def fail(*_):
        if next(calls) == number:
            raise kind("mine")

    calls = itertools.count()
    plane.script(*[Reply({}, 503)] * (name == "on_retry"))
    with program.Transport(program.Server.parse(plane.url), TOKEN, **{name: fail}) as transport:
        with pytest.raises(kind, match="mine"):
            list(program.get_page(transport, PROJECT, {}).elements)


@rule("10.13a")
@pytest.mark.parametrize("statuses", [(), ("failed",), ("failed", "timeout")], ids=["all", "single", "merged"])
def test_what_is_raised_while_a_listing_is_closed_passes(statuses):
    class Canned(program.Transport):
        def get(self, path, parameters, pauses=None):
            items = [execution(id=node, status=parameters.get("status")) for node in NODES[:2]]
            try:
                yield encode(page(*items))[:-2] + b"," + b" " * (16 << 20)      # so much is read ahead in a merge
            except GeneratorExit:
                if parameters.get("status") != "timeout":
                    raise Stop("mine")

    transport = Canned(program.Server.parse("http://127.0.0.1:9"), TOKEN)
    with pytest.raises(Stop, match="mine"), closing(program.Listing(transport, PROJECT, statuses).elements) as elements:
        assert next(elements)["id"] == NODES[0]
