"""Section 9: get --wait and --wait-timeout. Pauses are slept on a fake clock, answers come from real sockets."""

import io
import re
import time

import pytest

import plexctl_exec_log as program
from control_plane import DROP, HANG, PROJECT, RESET, ControlPlane, Reply
from kit import (EXECUTION, GET, NODES, Clock, drained, execution, inline, opened_terminal, run_cli, status_lines,
                 surroundings, target, transport_to, waited)
from kit_net import dripping, stalling

WAIT = GET + ("--wait",)
ONE_TARGET = execution([target(inline(b"done\n"))])


def at(status):
    return Reply(execution(status=status))


# ---- pauses and statuses

def test_pauses_are_2_s_each_half_as_long_again_at_most_15(plane):
    clock = Clock()
    plane.script(*[at("started")] * 9 + [at("succeeded")])
    assert waited(plane, clock) == "succeeded"
    assert clock.sleeps == [2, 3, 4.5, 6.75, 10.125, 15, 15, 15, 15] and len(plane.requests) == 10
    assert {(request.method, request.target) for request in plane.requests} == {
        ("GET", "/v1/projects/%s/executions/%s" % (PROJECT, EXECUTION))}


@pytest.mark.parametrize("answer, ends", [(at(status), True) for status in ("succeeded", "failed", "cancelled", "timeout")] + [
    (at(status), False) for status in ("pending", "ack", "started", "SUCCEEDED", "succeeded ", "done", "", None)] + [
    (Reply({"id": EXECUTION, "targets": []}), False)])
def test_final_status_ends_it_at_once_and_no_other_does(plane, answer, ends):
    clock = Clock()
    plane.script(answer, at("succeeded"))
    assert waited(plane, clock) in program.FINAL_STATUSES and clock.sleeps == [2] * (not ends)


def test_status_is_the_executions_and_no_more_is_read_than_that(plane):
    plane.script(Reply(b'{"targets":[{"status":"failed"}],"status":"timeout","id":"x"}'))
    assert waited(plane, Clock()) == "timeout"
    plane.script(stalling(b'HTTP/1.1 200 OK\r\n\r\n{"id":"x","status":"cancelled","targets":['))
    assert waited(plane, Clock()) == "cancelled"


# ---- faults after the first good answer

@pytest.mark.parametrize("fault", [Reply(b"busy", status) for status in (429, 502, 503, 504)] + [
    DROP, RESET, b"HTTP/1.1 200 OK\r\nContent-Le", Reply(execution(), cut=10), Reply(execution(), cut=10, framing="chunked"),
    Reply(execution(), cut=10, reset=True), Reply(execution(), cut=10, framing="close"), Reply(b"{", announce=100), Reply(b"")],
    ids=["429", "502", "503", "504", "dropped", "reset", "cut headers", "cut body", "cut chunk", "reset in body",
         "cut body without length", "short body", "empty body"])
def test_fault_is_waited_out_however_often_it_comes(plane, fault):
    clock = Clock()
    plane.script(*[at("started")] + [fault] * 7 + [at("started"), fault, at("succeeded")])
    assert waited(plane, clock) == "succeeded"
    assert clock.sleeps == [2, 3, 4.5, 6.75, 10.125, 15, 15, 15, 15, 15] and len(plane.requests) == 11


@pytest.mark.parametrize("fault", [HANG, stalling(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")], ids=["no answer", "stalled body"])
def test_timeout_is_waited_out(plane, fault):
    plane.script(at("started"), fault, fault, at("succeeded"))
    assert waited(plane, Clock(), timeout=0.1) == "succeeded" and len(plane.requests) == 4


def test_refused_connection_is_waited_out_until_the_server_is_back(plane):
    with ControlPlane() as back:
        def return_elsewhere():
            transport.server = program.Server.parse(back.url)
        clock = Clock(during={1: plane.close, 6: return_elsewhere})
        transport = transport_to(plane, clock)
        plane.script(at("started"))
        back.script(at("succeeded"))
        assert program.wait_for_execution(transport, PROJECT, EXECUTION) == "succeeded" and len(clock.sleeps) == 6
        transport.close()


@pytest.mark.parametrize("value, pause", [
    ("7", 7), ("3600", 30), ("31", 30), ("0", 3), ("1", 3), ("3", 3), ("4", 4), ("-5", 3), ("soon", 3), ("Wed, 21 Oct 2015 07:28:00 GMT", 3),
    ("Fri, 31 Dec 2500 23:59:59 GMT", 30)])
def test_retry_after_is_heeded_up_to_30_s(plane, value, pause):
    clock = Clock()
    plane.script(at("started"), Reply(b"", 429, [("Retry-After", value)]), at("started"), at("succeeded"))
    assert waited(plane, clock) == "succeeded" and clock.sleeps == [2, pause, 4.5]


@pytest.mark.parametrize("answer, code", [
    (Reply({}, 401), 3), (Reply({}, 403), 4), (Reply({"code": "rebac_denied"}, 403), 77), (Reply({}, 404), 1), (Reply({}, 400), 1),
    (Reply({}, 500), 1), (Reply(b"", 302, [("Location", "/elsewhere")]), 1), (Reply(b"<html>"), 1), (Reply({"items": []}), 1),
    (Reply({"id": EXECUTION, "status": 5}), 1), (Reply({"status": "succeeded"}), 1), (Reply({"id": 5, "status": "succeeded"}), 1),
    (Reply(b'{"id": nonsense and more of it, so that no cut can explain it}'), 1), (b"SSH-2.0-OpenSSH\r\n\r\n", 1)],
    ids=["401", "403", "denied", "404", "400", "500", "redirect", "html", "no id", "status no string", "status without id",
         "id no string", "no JSON", "no HTTP"])
def test_anything_else_ends_it_and_prints_nothing(plane, answer, code):
    clock = Clock()
    plane.script(at("started"), answer, at("succeeded"))
    assert waited(plane, clock).exit_code == code and clock.sleeps == [2] and len(plane.requests) == 2
    plane.answers.clear()
    plane.script(at("started"), answer)
    result = run_cli(*WAIT, plane=plane)
    assert (result.code, result.out) == (code, b"") and "\nerror: " in result.err


# ---- faults before the first good answer, and after the wait

@pytest.mark.parametrize("answers, code, sleeps", [
    ([Reply({}, 502), DROP, at("started")], 0, [0.5, 1, 2]), ([Reply({}, 503)] * 3, 1, [0.5, 1]), ([DROP] * 3, 1, [0.5, 1]),
    ([Reply(execution(), cut=10)], 1, []), ([HANG], 1, []), ([None], 1, [])])
def test_fault_before_the_first_good_answer_is_treated_as_ever(plane, answers, code, sleeps):
    clock = Clock()
    plane.script(*answers + [at("succeeded")])
    if answers == [None]:
        plane.close()
    end = waited(plane, clock, timeout=0.1)
    assert getattr(end, "exit_code", 0) == code and clock.sleeps == sleeps
    assert len(plane.requests) == (len(answers) + 1 - code if answers != [None] else 0)


def test_after_the_wait_ordinary_retries_hold_again_and_its_limit_does_not(plane):
    clock = Clock()
    transport = transport_to(plane, clock)
    plane.script(at("started"), at("succeeded"), Reply({}, 503), DROP, Reply(ONE_TARGET))
    program.wait_for_execution(transport, PROJECT, EXECUTION, 5)
    clock.slept += 100
    assert list(program.get_execution(transport, PROJECT, EXECUTION)) and clock.sleeps == [2, 0.5, 1]
    transport.close()


# ---- --wait-timeout

@pytest.mark.parametrize("seconds, sleeps", [
    (10, [2, 3, 4.5, 0.5]), (9.5, [2, 3, 4.5]), (2, [2]), (1, [1]), (5, [2, 3]), (5.5, [2, 3, 0.5])])
@pytest.mark.parametrize("later", [at("ack"), DROP, Reply(b"", 503, [("Retry-After", "1")])])
def test_wait_timeout_ends_the_last_pause_and_tells_the_last_status(plane, seconds, sleeps, later):
    clock = Clock()
    plane.script(at("ack"), *[later] * 9)
    error = waited(plane, clock, seconds)
    assert error.exit_code == 1 and "--wait-timeout" in str(error) and "ack" in str(error)
    assert clock.sleeps == sleeps and len(plane.requests) == len(sleeps)
    plane.answers.clear()
    plane.script(Reply({}, 503, [("Retry-After", "30")]))       # before any good answer
    error = waited(plane, clock, seconds)
    assert error.exit_code == 1 and "--wait-timeout" in str(error) and clock.slept == 2 * seconds


HEAD = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: application/json\r\n"
ENDLESS = [
    HANG, dripping(b"HTTP/1.1 ", b" "), dripping(HEAD % b"200 OK" + b"X-Endless: ", b" "), dripping(HEAD % b"200 OK" + b"\r\n{", b" "),
    dripping(HEAD % b"503 Service Unavailable" + b"\r\n{", b" "), dripping(HEAD % b"200 OK" + b"\r\n{", b" " * 9999, 0),
    dripping(HEAD % b"200 OK" + b'\r\n{"targets": [{}', b", {}" * 1000, 0)]


@pytest.mark.parametrize("answer", ENDLESS, ids=[
    "no answer", "dripping status line", "dripping headers", "dripping body", "dripping error", "flood of blanks", "flood of targets"])
def test_wait_timeout_ends_it_whatever_the_server_sends(plane, answer):
    plane.script(at("started"), answer)
    began = time.monotonic()
    error = waited(plane, Clock(running=True), seconds=2.1, timeout=5)      # two of them pass in the pause
    assert "--wait-timeout" in str(error) and "started" in str(error) and len(plane.requests) == 2
    assert time.monotonic() - began < 4


def test_wait_timeout_bounds_a_handshake_too(tls_plane):
    def fall_silent():
        tls_plane.context, tls_plane.serve = None, HANG
    tls_plane.script(at("started"))
    began = time.monotonic()
    with surroundings(tls_plane):
        error = waited(tls_plane, Clock(running=True, during={1: fall_silent}), seconds=2.1, timeout=5)
    assert "--wait-timeout" in str(error) and tls_plane.connections == 2 and time.monotonic() - began < 4


def test_wait_timeout_is_exit_1_saying_the_status(plane):
    plane.script(at("st\x1barted"))
    result = run_cli(*WAIT + ("--wait-timeout", "0.1"), plane=plane, sleep=time.sleep)
    assert (result.code, result.out, len(plane.requests)) == (1, b"", 1)
    assert "st\\x1barted" in result.err.split("error: ")[1]


# ---- what is printed

@pytest.mark.parametrize("form", ["text", "json", "yaml", "jsonl", "raw"])
def test_output_is_that_of_one_ordinary_get(plane, form):
    plane.script(at("timeout"), Reply(ONE_TARGET), Reply(ONE_TARGET))
    result = run_cli(*WAIT + ("--wait-timeout", "86400", "--output", form), plane=plane)
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


def test_stderr_has_a_safe_line_for_each_change_of_status_and_each_fault_in_a_pipe(plane):
    plane.script(at("pending"), at("pending"), Reply({}, 502), at("pending"), at("started"), at("started"),
                 at("pending"), at(None), at("evil\n\x1b[2Jerror: x"), at("succeeded"), at("succeeded"))
    err = run_cli(*WAIT, plane=plane).err
    assert status_lines(err) == ["pending", "started", "pending", "-", "evil\\x0a\\x1b[2Jerror:\\x20x", "succeeded"]
    assert err.count("\n") == 7 and err.count("\nretry: HTTP 502 ") == 1 and "\r" not in err and "\x1b" not in err


def test_terminal_has_one_live_line_which_is_gone_when_the_output_begins(plane):
    plane.script(at("pending"), at("started"), at("succeeded"), Reply(ONE_TARGET))
    far, near = opened_terminal()
    with surroundings(plane), open(near, "wb", 0) as screen:
        code = program.main(list(WAIT), screen, screen, bool)
    shown = drained([far])[0].decode("ascii").split("\r\x1b[K")
    assert code == 0 and shown[0] == "" and re.match("\x1b\\[1m==> (.|\n)*done\n", shown[-1])
    for line, status in zip(shown[1:], ("pending", "started", "succeeded")):
        assert line.startswith("status: " + status) and "\n" not in line


def test_interrupt_while_waiting_is_130(plane):
    def interrupt(seconds):
        raise KeyboardInterrupt
    plane.script(at("started"))
    assert run_cli(*WAIT, plane=plane, sleep=interrupt) == (130, b"", "status: started\n") and len(plane.requests) == 1
