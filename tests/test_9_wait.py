"""Section 9: get --wait, --wait-timeout and --exit-status. Pauses are slept on a fake clock; answers are real."""

import contextlib
import io
import os
import socket
import ssl
import time

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, STATUSES, TOKEN
from kit import (EXECUTION, GET, GET_FORMS, LIST, NODES, Clock, archive, error_lines, execution, inline, make_transport,
                 rule, run_cli, surroundings, target, wait_until_final)
from kit_net import END_OF_SILENCE, drip
from server import DROP, HANG, RESET, TLS_DIR, Reply

pytestmark = rule("9.1")
WAIT = GET + ("--wait",)
FINAL = ("succeeded", "failed", "cancelled", "timeout")
ONE_TARGET = execution([target(inline(b"done\n"))])


def at(status, **options):
    return Reply(execution(status=status), **options)


def stalled(first):
    """An answer that stops after its beginning, until the client goes."""
    return lambda sock: (sock.sendall(first), HANG(sock))


# ---- pauses and statuses

def test_pauses_are_2_s_each_half_as_long_again_at_most_15(plane):
    clock = Clock()
    plane.script(*[at("started")] * 9 + [at("succeeded")])
    assert wait_until_final(plane, clock) == "succeeded"
    assert clock.sleeps == [2, 3, 4.5, 6.75, 10.125, 15, 15, 15, 15] and len(plane.requests) == 10
    assert {(request.method, request.target) for request in plane.requests} == {
        ("GET", "/v1/projects/%s/executions/%s" % (PROJECT, EXECUTION))}


@pytest.mark.parametrize("status", FINAL)
def test_final_status_is_returned_at_once(plane, status):
    clock = Clock()
    plane.script(at(status))
    assert (wait_until_final(plane, clock), clock.sleeps, len(plane.requests)) == (status, [], 1)


@pytest.mark.parametrize("status", ["pending", "ack", "started", "SUCCEEDED", "succeeded ", "done", "", None])
def test_any_other_status_is_waited_out(plane, status):
    clock = Clock()
    plane.script(at(status), at("failed"))
    assert (wait_until_final(plane, clock), clock.sleeps, len(plane.requests)) == ("failed", [2], 2)


def test_absent_status_is_waited_out(plane):
    plane.script(Reply({"id": EXECUTION, "targets": []}), at("cancelled"))
    assert wait_until_final(plane, Clock()) == "cancelled" and len(plane.requests) == 2


def test_status_is_that_of_the_execution_and_not_of_a_target(plane):
    plane.script(Reply(b'{"targets":[{"status":"failed"}],"status":"timeout","id":"%s"}' % EXECUTION.encode()))
    assert wait_until_final(plane, Clock()) == "timeout"


# ---- faults after the first good answer

TRANSIENT = {
    "429": Reply(b"busy", 429), "502": Reply(b"busy", 502), "503": Reply(b"busy", 503), "504": Reply(b"busy", 504),
    "dropped": DROP, "reset": RESET, "cut headers": b"HTTP/1.1 200 OK\r\nContent-Le", "empty body": Reply(b""),
    "cut body": Reply(execution(), cut=10), "cut chunk": Reply(execution(), cut=10, framing="chunked"),
    "cut in a string": Reply(b'{"action":"abc'), "cut in a letter": Reply(b'{"action":"\xe2\x82'),
    "reset in body": Reply(execution(), cut=10, reset=True), "short body": Reply(b"{", announce=100),
    "cut body without length": Reply(execution(), cut=10, framing="close")}


@pytest.mark.parametrize("fault", [TRANSIENT[name] for name in sorted(TRANSIENT)], ids=sorted(TRANSIENT))
def test_fault_is_waited_out_however_often_it_comes(plane, fault):
    clock = Clock()
    plane.script(*[at("started")] + [fault] * 7 + [at("started"), fault, at("succeeded")])
    assert wait_until_final(plane, clock) == "succeeded"
    assert clock.sleeps == [2, 3, 4.5, 6.75, 10.125, 15, 15, 15, 15, 15] and len(plane.requests) == 11


@pytest.mark.parametrize("fault", [HANG, stalled(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")],
                         ids=["no answer", "stalled body"])
def test_timeout_is_waited_out(plane, fault):
    plane.script(at("started"), fault, fault, at("succeeded"))
    assert wait_until_final(plane, Clock(), timeout=0.1) == "succeeded" and len(plane.requests) == 4


def test_refused_connection_is_waited_out_as_long_as_the_limit_allows(plane):
    clock = Clock(during={1: plane.close})
    plane.script(at("started"))
    error = wait_until_final(plane, clock, seconds=60)
    assert "--wait-timeout" in str(error) and clock.sleeps[:7] == [2, 3, 4.5, 6.75, 10.125, 15, 15]
    assert sum(clock.sleeps) == 60


@pytest.mark.parametrize("value, pause", [
    ("7", 7), ("3600", 30), ("31", 30), ("0", 3), ("1", 3), ("3", 3), ("4", 4), ("-5", 3), ("soon", 3),
    ("Fri, 31 Dec 2500 23:59:59 GMT", 3)])
@rule("3.8")
def test_retry_after_is_heeded_up_to_30_s(plane, value, pause):
    clock = Clock()
    plane.script(at("started"), Reply(b"", 429, [("Retry-After", value)]), at("started"), at("succeeded"))
    assert wait_until_final(plane, clock) == "succeeded" and clock.sleeps == [2, pause, 4.5]


# ---- what ends it

ENDING = {
    "401": (Reply({}, 401), 3), "403": (Reply({}, 403), 4), "denied": (Reply({"code": "rebac_denied"}, 403), 77),
    "400": (Reply({}, 400), 1), "404": (Reply({}, 404), 1), "409": (Reply({}, 409), 1), "500": (Reply({}, 500), 1),
    "501": (Reply({}, 501), 1), "redirect": (Reply(b"", 302, [("Location", "/elsewhere")]), 1),
    "html": (Reply(b"<html>"), 1), "no id": (Reply({"items": []}), 1),
    "other id": (Reply({"id": "0" + EXECUTION[1:], "status": "started"}), 1),
    "status no string": (Reply({"id": EXECUTION, "status": 5}), 1), "no HTTP": (b"SSH-2.0-OpenSSH\r\n\r\n", 1),
    "status without id": (Reply({"status": "succeeded"}), 1), "list": (Reply([]), 1),
    "id no string": (Reply({"id": 5, "status": "succeeded"}), 1), "switching": (b"HTTP/1.1 101 Switching\r\n\r\n", 1),
    "no UTF-8": (Reply(b'{"action":"\xff","id":"x"}'), 1),
    "other id after the status": (Reply(b'{"status":"started","id":"%s"}' % NODES[0].encode()), 1),
    "no JSON": (Reply(b'{"id": nonsense and more of it, so that no cut can explain it}'), 1)}


@pytest.mark.parametrize("answer, code", [ENDING[name] for name in sorted(ENDING)], ids=sorted(ENDING))
def test_anything_else_ends_it_and_prints_nothing(plane, answer, code):
    clock = Clock()
    plane.script(at("started"), answer, at("succeeded"))
    assert wait_until_final(plane, clock).exit_code == code and clock.sleeps == [2] and len(plane.requests) == 2
    plane.answers.clear()
    plane.script(at("started"), answer)
    result = run_cli(*WAIT, plane=plane)
    assert (result.code, result.out, len(error_lines(result))) == (code, b"", 1)


def test_name_that_no_longer_resolves_ends_it(plane, monkeypatch):
    """The resolver is what changes: the name resolves at first."""
    def forget():
        monkeypatch.setattr(socket, "getaddrinfo", unknown)

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    clock = Clock(during={1: forget})
    plane.script(at("started", framing="close"), at("succeeded"))
    server = program.Server.parse("http://localhost:%d" % plane.address[1])
    with contextlib.closing(program.Transport(server, TOKEN, clock=clock.now, sleep=clock.sleep)) as transport:
        with pytest.raises(program.RemoteError):
            program.wait_for_execution(transport, PROJECT, EXECUTION, 60)
    assert clock.sleeps == [2] and len(plane.requests) == 1


def test_certificate_that_is_no_longer_trusted_ends_it(tls_plane):
    def exchange():
        tls_plane.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls_plane.context.load_cert_chain(os.path.join(TLS_DIR, "expired.pem"))

    clock = Clock(during={1: exchange})
    tls_plane.script(at("started", framing="close"), at("succeeded"))
    with surroundings(tls_plane):
        assert wait_until_final(tls_plane, clock).exit_code == 1
    assert clock.sleeps == [2] and len(tls_plane.requests) == 1


# ---- faults before the first good answer, and after the wait

@pytest.mark.parametrize("answers, code, sleeps", [
    ([Reply({}, 502), DROP, at("started")], 0, [0.5, 1, 2]), ([Reply({}, 503)] * 3, 1, [0.5, 1]),
    ([DROP] * 3, 1, [0.5, 1]), ([Reply(execution(), cut=10)], 1, []), ([HANG], 1, [])],
    ids=["retried", "503", "dropped", "cut body", "timeout"])
def test_fault_before_the_first_good_answer_is_treated_as_ever(plane, answers, code, sleeps):
    clock = Clock()
    plane.script(*answers + [at("succeeded")])
    end = wait_until_final(plane, clock, timeout=0.1)
    assert getattr(end, "exit_code", 0) == code and clock.sleeps == sleeps
    assert len(plane.requests) == len(answers) + 1 - code


def test_refused_connection_before_the_first_good_answer_ends_it(plane):
    clock = Clock()
    plane.close()
    assert wait_until_final(plane, clock).exit_code == 1 and clock.sleeps == []


def test_after_the_wait_ordinary_retries_hold_again_and_its_limit_does_not(plane):
    clock = Clock()
    transport = make_transport(plane, clock)
    plane.script(at("started"), at("succeeded"), Reply({}, 503), DROP, Reply(ONE_TARGET))
    program.wait_for_execution(transport, PROJECT, EXECUTION, 5)
    clock.slept += 100
    assert len(list(program.get_execution(transport, PROJECT, EXECUTION).elements)) == 1 and clock.sleeps == [2, 0.5, 1]
    transport.close()


# ---- --wait-timeout

@pytest.mark.parametrize("seconds, sleeps", [
    (10, [2, 3, 4.5, 0.5]), (9.5, [2, 3, 4.5]), (2, [2]), (1, [1]), (5, [2, 3]), (5.5, [2, 3, 0.5])])
@pytest.mark.parametrize("later", [at("ack"), DROP, Reply(b"", 503, [("Retry-After", "1")])],
                         ids=["status", "dropped", "503"])
def test_wait_timeout_ends_the_last_pause_and_tells_the_last_status(plane, seconds, sleeps, later):
    clock = Clock()
    plane.script(at("ack"), *[later] * 9)
    error = wait_until_final(plane, clock, seconds)
    assert error.exit_code == 1 and "--wait-timeout" in str(error) and "ack" in str(error)
    assert clock.sleeps == sleeps and len(plane.requests) == len(sleeps)


@pytest.mark.parametrize("seconds", [1, 10, 29.5])
def test_wait_timeout_bounds_a_retry_before_the_first_good_answer(plane, seconds):
    clock = Clock()
    plane.script(Reply({}, 503, [("Retry-After", "30")]))
    error = wait_until_final(plane, clock, seconds)
    assert error.exit_code == 1 and "--wait-timeout" in str(error) and clock.slept == seconds


HEAD = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: application/json\r\n"
OK = HEAD % b"200 OK"
ENDLESS = {
    "no answer": HANG, "dripping headers": drip(OK + b"X: ", b" "),
    "dripping body": drip(OK + b"\r\n{", b" "), "flood of blanks": drip(OK + b"\r\n{", b" " * 9999, 0),
    "dripping error": drip(HEAD % b"503 Service Unavailable" + b"\r\n{", b" "),
    "flood of targets": drip(OK + b'\r\n{"targets": [{}', b", {}" * 1000, 0)}


@pytest.mark.parametrize("answer", [ENDLESS[name] for name in sorted(ENDLESS)], ids=sorted(ENDLESS))
def test_wait_timeout_ends_it_whatever_the_server_sends(plane, answer):
    plane.script(at("started"), answer)
    began = time.monotonic()
    error = wait_until_final(plane, Clock(running=True), seconds=2.4, timeout=20)     # two of them pass in the pause
    assert "--wait-timeout" in str(error) and "started" in str(error) and len(plane.requests) == 2
    assert time.monotonic() - began < END_OF_SILENCE - 0.5       # 0.4, far below the timeout


def test_handshake_that_is_reset_is_waited_out(tls_plane):
    served = tls_plane.context, tls_plane.serve

    def fall():
        tls_plane.context, tls_plane.serve = None, RESET

    def recover():
        tls_plane.context, tls_plane.serve = served

    tls_plane.script(at("started", framing="close"), at("succeeded"))
    with surroundings(tls_plane):
        assert wait_until_final(tls_plane, Clock(during={1: fall, 2: recover})) == "succeeded"


def test_wait_timeout_bounds_a_handshake_too(tls_plane):
    def fall_silent():
        tls_plane.context, tls_plane.serve = None, HANG

    tls_plane.script(at("started", framing="close"))
    began = time.monotonic()
    with surroundings(tls_plane):
        error = wait_until_final(tls_plane, Clock(running=True, during={1: fall_silent}), seconds=2.4, timeout=20)
    assert "--wait-timeout" in str(error) and tls_plane.connections == 2 and time.monotonic() - began < 15


def test_wait_timeout_is_exit_1_saying_the_status(plane):
    plane.script(at("st\x1barted"))
    result = run_cli(*WAIT + ("--wait-timeout", "0.1"), plane=plane, sleep=time.sleep)
    assert (result.code, result.out, len(plane.requests)) == (1, b"", 1)
    error, = error_lines(result)
    assert "st\\x1barted" in error and "--wait-timeout" in error


@pytest.mark.parametrize("value, code", [
    ("0", 2), ("-1", 2), ("86400.1", 2), ("1e3", 2), ("", 2), ("nan", 2), ("86400", 0), (".5", 0), ("30", 0)])
def test_wait_timeout_is_in_range_as_timeout_is(plane, value, code):
    plane.script(at("succeeded"), Reply(ONE_TARGET))
    result = run_cli(*WAIT + ("--wait-timeout=" + value,), plane=plane)
    assert result.code == code and len(plane.requests) == (0 if code else 2)


def test_wait_timeout_without_wait_is_2(plane):
    result = run_cli(*GET + ("--wait-timeout", "5"), plane=plane)
    assert result.code == 2 and "--wait" in result.err and not plane.requests


def test_wait_is_a_flag_of_get_alone(plane):
    assert run_cli(*LIST + ("--wait",), plane=plane).code == 2 and not plane.requests


# ---- what is printed

@pytest.mark.parametrize("form", GET_FORMS)
def test_output_is_that_of_one_ordinary_get(plane, form):
    plane.script(at("timeout"), Reply(ONE_TARGET), Reply(ONE_TARGET))
    result = run_cli(*WAIT + ("--output", form), plane=plane)
    assert result.code == 0 and len(plane.requests) == 2
    assert result.out == run_cli(*GET + ("--output", form), plane=plane).out != b""


def test_output_dir_node_and_exit_status_hold_after_the_wait(plane, tmp_path):
    wire = execution([target(inline(b"a"), NODES[0]), target(inline(b"b"), NODES[1])], status="failed")
    plane.script(*[Reply(wire)] * 4)
    assert run_cli(*WAIT + ("--output-dir", str(tmp_path / "out")), plane=plane).code == 0
    assert (tmp_path / "out" / (NODES[0] + ".out")).read_bytes() == b"a"
    assert run_cli(*WAIT + ("--node", NODES[1], "--output", "raw", "--exit-status"), plane=plane)[:2] == (5, b"b")


def test_stdout_is_empty_until_the_status_is_final(plane):
    out, seen = io.BytesIO(), []

    def held(sock):
        seen.append(out.getvalue())
        Reply(ONE_TARGET).send(sock, bool)

    plane.script(at("started"), held, held)
    assert run_cli(*WAIT, plane=plane, stdout=out).out.endswith(b"restart-nginx\n") and seen == [b"", b""]


def test_status_is_told_at_each_change_before_the_next_answer(plane):
    err, seen = io.BytesIO(), []

    def held(sock):
        seen.append(err.getvalue())
        at("succeeded").send(sock, bool)

    plane.script(at("pending"), held)
    with surroundings(plane):
        assert program.main(list(WAIT), io.BytesIO(), err, lambda seconds: None) == 1       # this plane has no such
    assert seen == [b"status: pending\n"]


@rule("5.10")
def test_stderr_has_a_safe_line_for_each_change_of_status_and_each_fault(plane):
    plane.script(at("pending"), at("pending"), Reply({}, 502), at("pending"), at("started"), at("started"),
                 at("pending"), at(None), at("evil\n\x1b[2Jerror: x"), at("succeeded"), at("succeeded"))
    result = run_cli(*WAIT, plane=plane)
    shown, err = error_lines(result, "status"), result.err
    assert shown == ["pending", "started", "pending", "-", "evil\\x0a\\x1b[2Jerror:\\x20x", "succeeded"]
    assert err.count("\n") == 7 and err.count("\nretry: HTTP 502 ") == 1 and "\r" not in err and "\x1b" not in err


# ---- --exit-status

MANY = [target(inline(b"out\n")), target(archive(), NODES[1], "failed"), target(node=NODES[2])]


@rule("9.2")
@pytest.mark.parametrize("form", GET_FORMS)
@pytest.mark.parametrize("status", STATUSES + ("SUCCEEDED", "done", "", None), ids=str)
def test_exit_status_is_5_unless_it_succeeded_and_everything_is_printed(plane, form, status):
    argv = GET + ("--output", form)
    plane.script(*[Reply(execution(MANY[::2], status=status))] * 2)
    judged, plain = run_cli(*argv + ("--exit-status",), plane=plane), run_cli(*argv, plane=plane)
    assert judged == plain._replace(code=0 if status == "succeeded" else 5) and plain.code == 0 and plain.out


@rule("9.2")
@pytest.mark.parametrize("answer, flags, code", [
    (Reply(execution(MANY, status="failed")), ("--output", "raw"), 1), (Reply({}, 404), (), 1), (Reply({}, 401), (), 3),
    (Reply(execution([target({"kind": "tape"})], status="failed")), (), 1), (Reply({}, 403), (), 4),
    (Reply(execution(MANY, status="failed"), cut=700), (), 1), (Reply({"code": "rebac_denied"}, 403), (), 77),
    (Reply(execution(MANY, status="failed")), ("--node", NODES[5]), 1)],
    ids=["archived", "404", "401", "unreadable", "403", "cut", "denied", "no such node"])
def test_exit_status_changes_no_exit_code_but_0(plane, answer, flags, code):
    plane.script(answer)
    assert run_cli(*GET + flags + ("--exit-status",), plane=plane).code == code


@rule("9.2")
def test_exit_status_counts_the_execution_not_the_targets(plane):
    plane.script(Reply(execution(MANY)), Reply(execution(MANY[:1], status="failed")))
    for flags, code in ((("--failed",), 0), (("--node", NODES[0]), 5)):
        assert run_cli(*GET + ("--exit-status",) + flags, plane=plane).code == code


@rule("9.2")
def test_exit_status_without_a_status_is_5(plane):
    plane.script(Reply({"id": EXECUTION, "targets": []}))
    assert run_cli(*GET + ("--exit-status",), plane=plane).code == 5


@rule("9.2")
def test_exit_status_holds_where_the_status_follows_the_targets(plane):
    plane.script(Reply(b'{"targets":[],"id":"%s","status":"failed"}' % EXECUTION.encode()))
    assert run_cli(*GET + ("--exit-status", "--output", "raw"), plane=plane).code == 5
