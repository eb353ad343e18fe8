"""Section 9: get --wait and --wait-timeout. Pauses are slept on a fake clock, answers come from real sockets."""

import os
import select
import signal
import threading
import time

import pytest

from control_plane import DROP, HANG, PROJECT, RESET, Reply
from kit import EXECUTION, GET, LIST, NODES, execution, finish_cli, inline, run_cli, start_cli, target
from kit_wait import HASTY, Clock, OneAnswer, program, run_on_terminal, status_lines, transport_to, waited

WAIT = GET + ("--wait",)
BUSY = [("Retry-After", "0")]
ONE_TARGET = execution([target(inline(b"done\n"))])


def running(status="started"):
    return Reply(execution(status=status))


def final(status="succeeded"):
    return Reply(execution(status=status))


# ---- pauses and statuses

def test_pauses_are_2_s_each_half_as_long_again_at_most_15(plane):
    clock = Clock()
    plane.script(*[running()] * 9 + [final()])
    assert waited(plane, clock) == "succeeded"
    assert clock.sleeps == [2, 3, 4.5, 6.75, 10.125, 15, 15, 15, 15] and len(plane.requests) == 10


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled", "timeout"])
def test_final_status_ends_it_at_once(plane, status):
    clock = Clock()
    plane.script(final(status))
    assert waited(plane, clock) == status
    assert clock.sleeps == [] and len(plane.requests) == 1


@pytest.mark.parametrize("status", ["pending", "ack", "started", "SUCCEEDED", "succeeded ", "done", "", None])
def test_any_other_status_does_not_end_it(plane, status):
    clock = Clock()
    plane.script(running(status), final("failed"))
    assert waited(plane, clock) == "failed" and clock.sleeps == [2]


def test_absent_status_does_not_end_it(plane):
    clock = Clock()
    plane.script(Reply({"id": EXECUTION, "targets": []}), final())
    assert waited(plane, clock) == "succeeded" and clock.sleeps == [2]


def test_status_is_found_behind_the_targets(plane):
    plane.script(Reply(b'{"targets":[{"status":"failed"}],"status":"timeout","id":"x"}'))
    assert waited(plane, Clock()) == "timeout"


def test_only_the_named_execution_is_asked_for(plane):
    plane.script(running(), final())
    waited(plane, Clock())
    assert {(request.method, request.target) for request in plane.requests} == {
        ("GET", "/v1/projects/%s/executions/%s" % (PROJECT, EXECUTION))}


# ---- faults after the first good answer

def stalled_body(sock):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    HANG(sock)


WAITED_OUT = [Reply(b"busy", status) for status in (429, 502, 503, 504)] + [
    DROP, RESET, b"HTTP/1.1 200 OK\r\nContent-Le",
    Reply(execution(), cut=10), Reply(execution(), cut=10, framing="chunked"), Reply(execution(), cut=10, reset=True),
    Reply(execution(), cut=10, framing="close"), Reply(b"{", announce=100)]


@pytest.mark.parametrize("fault", WAITED_OUT, ids=[
    "429", "502", "503", "504", "dropped", "reset", "cut headers", "cut body", "cut chunk", "reset in body",
    "cut body without length", "short body"])
def test_fault_is_waited_out_however_often_it_comes(plane, fault):
    clock = Clock()
    plane.script(*[running()] + [fault] * 7 + [running(), fault, final()])
    assert waited(plane, clock) == "succeeded"
    assert clock.sleeps == [2, 3, 4.5, 6.75, 10.125, 15, 15, 15, 15, 15] and len(plane.requests) == 11


@pytest.mark.parametrize("fault", [HANG, stalled_body], ids=["no answer", "stalled body"])
def test_timeout_is_waited_out(plane, fault):
    plane.script(running(), fault, fault, final())
    assert waited(plane, Clock(), timeout=0.3) == "succeeded" and len(plane.requests) == 4


def test_refused_connection_is_waited_out_until_the_server_is_back():
    first, second = OneAnswer(running()), []
    clock = Clock(during={1: first.server_close, 6: lambda: second.append(OneAnswer(final(), first.server_address))})
    try:
        assert waited(first, clock) == "succeeded" and len(clock.sleeps) == 6
    finally:
        for server in [first] + second:
            server.server_close()


@pytest.mark.parametrize("value, pause", [
    ("7", 7), ("3600", 30), ("0", 3), ("1", 3), ("-5", 3), ("soon", 3), ("Wed, 21 Oct 2015 07:28:00 GMT", 3),
    ("Fri, 31 Dec 2500 23:59:59 GMT", 30)])
def test_retry_after_is_heeded_up_to_30_s(plane, value, pause):
    clock = Clock()
    plane.script(running(), Reply(b"", 429, [("Retry-After", value)]), running(), final())
    assert waited(plane, clock) == "succeeded" and clock.sleeps == [2, pause, 4.5]


@pytest.mark.parametrize("answer, code", [
    (Reply({}, 401), 3), (Reply({}, 403), 4), (Reply({"code": "rebac_denied"}, 403), 77), (Reply({}, 404), 1),
    (Reply({}, 400), 1), (Reply({}, 500), 1), (Reply(b"", 302, [("Location", "/elsewhere")]), 1),
    (Reply(b"<html>"), 1), (Reply({"items": []}), 1), (Reply({"id": EXECUTION, "status": 5}), 1),
    (Reply({"status": "succeeded"}), 1), (Reply({"id": 5, "status": "succeeded"}), 1),
    (Reply(b'{"id": nonsense and more of it, so that no cut can explain it}'), 1), (b"SSH-2.0-OpenSSH\r\n\r\n", 1)],
    ids=["401", "403", "denied", "404", "400", "500", "redirect", "html", "no id", "status no string",
         "status without id", "id no string", "no JSON", "no HTTP"])
def test_anything_else_ends_it(plane, answer, code):
    clock = Clock()
    plane.script(running(), answer, final())
    assert waited(plane, clock).exit_code == code
    assert clock.sleeps == [2] and len(plane.requests) == 2


# ---- faults before the first good answer

def test_ordinary_retries_hold_before_the_first_good_answer(plane):
    clock = Clock()
    plane.script(Reply({}, 502), DROP, running(), final())
    assert waited(plane, clock) == "succeeded" and clock.sleeps == [0.5, 1, 2]


@pytest.mark.parametrize("fault, requests", [
    (Reply({}, 503, BUSY), 3), (DROP, 3), (Reply(execution(), cut=10), 1), (HANG, 1)],
    ids=["503", "dropped", "cut body", "no answer"])
def test_fault_before_the_first_good_answer_ends_it_as_ever(plane, fault, requests):
    plane.script(*[fault] * requests + [final()])
    assert waited(plane, Clock(), timeout=0.3).exit_code == 1 and len(plane.requests) == requests


def test_refused_connection_before_the_first_good_answer_ends_it(plane):
    clock = Clock()
    plane.close()
    assert waited(plane, clock).exit_code == 1 and clock.sleeps == []


def test_ordinary_retries_hold_again_after_the_wait(plane):
    clock = Clock()
    plane.script(running(), final(), Reply({}, 503), Reply({}, 503), final())
    transport = transport_to(plane, clock)
    program.wait_for_execution(transport, PROJECT, EXECUTION)
    assert list(program.get_execution(transport, PROJECT, EXECUTION))[-1].status == "succeeded"
    transport.close()
    assert clock.sleeps == [2, 0.5, 1]


# ---- --wait-timeout

def test_wait_timeout_ends_the_last_pause_and_tells_the_status(plane):
    clock = Clock()
    plane.script(*[running("ack")] * 9)
    error = waited(plane, clock, seconds=10)
    assert error.exit_code == 1 and "ack" in error.message
    assert clock.sleeps == [2, 3, 4.5, 0.5] and len(plane.requests) == 4


def test_wait_timeout_tells_the_last_status_through_faults(plane):
    plane.script(*[running("pending"), running("started")] + [DROP] * 9)
    assert "started" in waited(plane, Clock(), seconds=60).message


def test_wait_timeout_bounds_a_retry_after(plane):
    clock = Clock()
    plane.script(Reply({}, 503, [("Retry-After", "30")]), final())
    assert waited(plane, clock, seconds=10).exit_code == 1
    assert clock.sleeps == [10] and len(plane.requests) == 1


def drip(start):
    """An answer that begins so, and then comes byte by byte for far too long."""
    def send(sock):
        sock.sendall(start)
        end = time.monotonic() + 10
        while time.monotonic() < end and not select.select([sock], [], [], 0.02)[0]:
            sock.sendall(b" ")
    return send


def flood(start, more):
    """An answer that begins so, and then comes as fast as it can for far too long."""
    def send(sock):
        sock.sendall(start)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            sock.sendall(more * 1000)
    return send


HEAD = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: application/json\r\n"
ENDLESS = {
    "no answer": HANG,
    "dripping status line": drip(b"HTTP/1.1 "),
    "dripping headers": drip(HEAD % b"200 OK" + b"X-Endless: "),
    "dripping body": drip(HEAD % b"200 OK" + b"\r\n{"),
    "dripping error": drip(HEAD % b"503 Service Unavailable" + b"\r\n{"),
    "flood of targets": flood(HEAD % b"200 OK" + b'\r\n{"targets": [{}', b", {}"),
    "flood of blanks": flood(HEAD % b"200 OK" + b"\r\n{", b"          ")}


@pytest.mark.parametrize("how", sorted(ENDLESS))
def test_wait_timeout_ends_it_whatever_the_server_sends(plane, how):
    plane.script(running("started"), ENDLESS[how])
    begin = time.monotonic()
    error = waited(plane, Clock(running=True), seconds=2.3)      # two of them pass in the pause
    assert isinstance(error, program.WaitExpired) and "started" in error.message
    assert time.monotonic() - begin < 9


def test_wait_timeout_ends_a_flood_that_is_always_ahead(plane):
    plane.script(ENDLESS["flood of targets"])
    result = run_cli(*WAIT + ("--wait-timeout", "0.3"), plane=plane)
    assert (result.code, result.out) == (1, b"") and "error: --wait-timeout" in result.err


def test_wait_timeout_does_not_bound_the_output(plane):
    clock = Clock()
    plane.script(running(), final())
    transport = transport_to(plane, clock)
    program.wait_for_execution(transport, PROJECT, EXECUTION, 5)
    clock.sleep(100)
    plane.script(final())
    assert list(program.get_execution(transport, PROJECT, EXECUTION))
    transport.close()


def test_wait_timeout_is_exit_1_saying_the_status(plane):
    plane.script(running("started"))
    result = run_cli(*WAIT + ("--wait-timeout", "0.3"), plane=plane)
    assert (result.code, result.out) == (1, b"")
    assert "error: " in result.err and "started" in result.err.split("error: ")[1]


@pytest.mark.parametrize("flags", [["--wait-timeout", "5"]] + [
    ["--wait", "--wait-timeout=" + value] for value in ("0", "-1", "nan", "inf", "abc", "86401")] + [
    ["--wait", "--wait-timeout", "-1"], ["--wait", "--wait-timeout"], ["--wait=1"]], ids=" ".join)
def test_usage(plane, flags):
    result = run_cli(*GET + tuple(flags), plane=plane)
    assert (result.code, result.out, plane.requests) == (2, b"", [])


def test_list_has_no_wait(plane):
    assert run_cli(*LIST + ("--wait",), plane=plane).code == 2 and plane.requests == []


def test_wait_timeout_may_be_a_day(plane):
    plane.script(*[final()] * 2)
    assert run_cli(*WAIT + ("--wait-timeout", "86400"), plane=plane).code == 0


# ---- what is printed

@pytest.mark.parametrize("form", ["text", "json", "yaml", "jsonl", "raw"])
def test_output_is_that_of_one_ordinary_get(plane, form):
    plane.script(final("timeout"), Reply(ONE_TARGET), Reply(ONE_TARGET))
    result = run_cli(*WAIT + ("--output", form), plane=plane)
    assert result.code == 0 and len(plane.requests) == 2
    assert result.out == run_cli(*GET + ("--output", form), plane=plane).out != b""


def test_output_goes_into_a_folder_too(plane, tmp_path):
    plane.script(*[Reply(ONE_TARGET)] * 2)
    assert run_cli(*WAIT + ("--output-dir", str(tmp_path / "out")), plane=plane).code == 0
    assert (tmp_path / "out" / (NODES[0] + ".out")).read_bytes() == b"done\n"


def test_node_holds_after_the_wait(plane):
    wire = execution([target(inline(b"a"), NODES[0]), target(inline(b"b"), NODES[1])])
    plane.script(*[Reply(wire)] * 2)
    assert run_cli(*WAIT + ("--node", NODES[1], "--output", "raw"), plane=plane).out == b"b"


@pytest.mark.parametrize("status, code", [("succeeded", 0), ("failed", 5)])
def test_exit_status_judges_the_end_of_the_wait(plane, status, code):
    plane.script(running(), final(status), final(status))
    result = run_cli(*WAIT + ("--exit-status",), plane=plane, python=HASTY)
    assert result.code == code and status.encode() in result.out


@pytest.mark.parametrize("answer, code", [
    (Reply({}, 401), 3), (Reply({"code": "rebac_denied"}, 403), 77), (Reply({}, 404), 1), (Reply({"no": "id"}), 1)],
    ids=["401", "denied", "404", "malformed"])
def test_what_ends_the_wait_prints_nothing(plane, answer, code):
    plane.script(running(), answer)
    result = run_cli(*WAIT, plane=plane, python=HASTY)
    assert (result.code, result.out) == (code, b"") and "\nerror: " in result.err


def test_stdout_is_empty_until_the_status_is_final(plane):
    seen = threading.Event()

    def held(sock):
        seen.wait(30)
        Reply(ONE_TARGET).send(sock, bool)

    plane.script(Reply(execution([target(inline(b"early\n"))], status="started")), held, Reply(ONE_TARGET))
    process = start_cli(*WAIT, plane=plane)     # a real pause of 2 s
    while len(plane.requests) < 2 and process.poll() is None:
        time.sleep(0.02)
    assert not select.select([process.stdout], [], [], 0)[0]
    seen.set()
    result = finish_cli(process)
    assert result.code == 0 and b"done\n" in result.out and b"early" not in result.out
    assert len(plane.requests) == 3


def test_stderr_has_a_line_for_each_change_of_status_in_a_pipe(plane):
    plane.script(*[running(status) for status in ("pending", "pending", "started", "started", "pending", None)]
                 + [final(), final()])
    err = run_cli(*WAIT, plane=plane, python=HASTY).err
    assert status_lines(err) == ["pending", "started", "pending", "-", "succeeded"]
    assert err.count("\n") == 5 and "\r" not in err and "\x1b" not in err


def test_fault_is_told_and_the_status_not_repeated(plane):
    plane.script(running(), Reply({}, 502), running(), final(), final())
    err = run_cli(*WAIT, plane=plane, python=HASTY).err
    assert status_lines(err) == ["started", "succeeded"] and "502" in err


def test_hostile_status_is_told_as_one_safe_line(plane):
    plane.script(running("evil\n\x1b[2Jerror: x"), final(), final())
    err = run_cli(*WAIT, plane=plane, python=HASTY).err
    assert err.count("\n") == 2 and "evil\\x0a\\x1b[2Jerror:\\x20x" in err


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")
def test_stderr_has_one_live_line_on_a_terminal(plane):
    plane.script(*[running("pending"), running("started"), running("started"), final(), Reply(ONE_TARGET)])
    result, shown = run_on_terminal(*WAIT, plane=plane, python=HASTY)
    assert result.code == 0 and b"done\n" in result.out
    assert "pending" in shown and "started" in shown and "\n" not in shown
    assert shown.endswith("\r\x1b[K")      # nothing of it is left


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT can be sent to one process")
def test_interrupt_while_waiting_is_130(plane):
    plane.script(running())
    # A shell may have started us with SIGINT ignored, which a child would inherit.
    python = ("-c", HASTY[1].replace("time.sleep = lambda seconds: None", "import signal as s; "
                                     "s.signal(s.SIGINT, s.default_int_handler)"))
    process = start_cli(*WAIT, plane=plane, python=python)
    told = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    result = finish_cli(process)
    assert (result.code, result.out, told) == (130, b"", b"status: started\n")
    assert len(plane.requests) == 1
