"""Section 9: get --wait, --wait-timeout and --exit-status. Pauses are slept on a fake clock; answers are real."""

import functools
import os
import re
import socket
import ssl
import time

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, STATUSES
from kit import (CONTRACT, EXECUTION, GET, NODES, README, Clock, archive, error_lines, every_get_format, execution,
                 inline, read_text, rule, run_cli, surroundings, target, wait_until_final)
from kit_net import BAD_HEADER, stall
from server import DROP, HANG, RESET, TLS_DIR, Reply

WAIT = GET + ("--wait",)
NO_FINAL_STATUS = "no final status"     # what is said of exit code 124 everywhere
ONE_TARGET = execution([target(inline(b"done\n"))])


def reply_status(status, **options):
    return Reply(execution(status=status), **options)


@rule("9.1", "9.1b")
def test_pauses_start_at_2_s_and_grow_by_half_up_to_15_s(plane):
    clock = Clock()
    plane.script(*[reply_status("started")] * 9 + [reply_status("succeeded")])
    assert wait_until_final(plane, clock) == "succeeded"
    assert clock.sleeps == [2, 3, 4.5, 6.75, 10.125, 15, 15, 15, 15]
    assert {request.target for request in plane.requests} == {"/v1/projects/%s/executions/%s" % (PROJECT, EXECUTION)}


STATUSES_SEEN = [(status, True) for status in program.FINAL_STATUSES] + [
    (status, False) for status in program.RUNNING_STATUSES + ("SUCCEEDED", "succeeded ", "done", "", None)]


@rule("9.1")
@pytest.mark.parametrize("status, is_final", STATUSES_SEEN, ids=str)
def test_final_status_is_returned_at_once_and_others_are_waited_out(plane, status, is_final):
    clock = Clock()
    first = Reply(execution([target(status="failed")], status=status))
    plane.script(first, *[reply_status("cancelled")] * (not is_final))
    assert wait_until_final(plane, clock) == (status if is_final else "cancelled")
    assert clock.sleeps == ([] if is_final else [2]) and not plane.answers


LONG_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"
WAITED_OUT = {
    "429": Reply(b"busy", 429), "502": Reply(b"busy", 502), "503": Reply(b"busy", 503), "504": Reply(b"busy", 504),
    "dropped": DROP, "reset": RESET, "cut headers": b"HTTP/1.1 200 OK\r\nContent-Le", "empty body": Reply(b""),
    "cut body": Reply(execution(), cut=10), "cut chunk": Reply(execution(), cut=10, framing="chunked"),
    "cut behind an inner brace": Reply(b'{"targets":[{"output_ref":{}', announce=99),
    "cut in a string": Reply(b'{"action":"abc'), "cut in a letter": Reply(b'{"action":"\xe2\x82'),
    "reset in body": Reply(execution(), cut=10, reset=True), "short body": Reply(b"{", announce=100)}


@rule("9.1f")
@pytest.mark.parametrize("fault", [WAITED_OUT[name] for name in sorted(WAITED_OUT)], ids=sorted(WAITED_OUT))
def test_transient_failure_is_waited_out_with_one_request_each(plane, fault):
    # A kept connection would be made anew at once (3.7).
    clock, good = Clock(), reply_status("started", framing="close")
    plane.script(good, *[fault] * 7 + [good, fault, reply_status("succeeded")])
    assert wait_until_final(plane, clock) == "succeeded"
    assert clock.sleeps == [2, 3, 4.5, 6.75, 10.125, 15, 15, 15, 15, 15] and len(plane.requests) == 11


@rule("9.1f")
def test_timeout_is_waited_out(plane):
    plane.script(reply_status("started"), HANG, stall(LONG_HEAD + b"\r\n{"), reply_status("succeeded"))
    assert wait_until_final(plane, Clock(), timeout=0.4) == "succeeded" and len(plane.requests) == 4


@rule("9.1f")
@pytest.mark.parametrize("end", [lambda sock: (sock.recv(1), RESET(sock)), lambda sock: sock.recv(65536)],
                         ids=["reset", "end of file"])
def test_refused_or_broken_connection_is_waited_out(plane, tls_plane, end):
    def set_server(context, serve):
        tls_plane.context, tls_plane.serve = context, serve

    recover = functools.partial(set_server, tls_plane.context, tls_plane.serve)
    tls_plane.script(reply_status("started", framing="close"), reply_status("succeeded"))
    with surroundings(tls_plane):
        # The end comes within the handshake: before that, Python itself would leave a socket unclosed.
        clock = Clock(during={1: lambda: set_server(None, end), 2: recover})
        assert wait_until_final(tls_plane, clock) == "succeeded"

    clock = Clock(during={1: plane.close})
    plane.script(reply_status("started"))
    assert isinstance(wait_until_final(plane, clock, seconds=60), program.WaitTimeout) and clock.slept == 60


@rule("9.1c")
@pytest.mark.parametrize("value, pause", [("7", 7), ("31", 30), ("0", 3), ("1", 3), ("4", 4), ("-5", 3), ("soon", 3)])
def test_retry_after_is_respected_up_to_30_s(plane, value, pause):
    clock, good = Clock(), reply_status("started")
    plane.script(good, Reply(b"", 429, [("Retry-After", value)]), good, reply_status("succeeded"))
    assert wait_until_final(plane, clock) == "succeeded" and clock.sleeps == [2, pause, 4.5]


ENDING = {
    "401": (Reply({}, 401), 3), "403": (Reply({}, 403), 4), "denied": (Reply({"code": "rebac_denied"}, 403), 77),
    "404": (Reply({}, 404), 1), "500": (Reply({}, 500), 1), "redirect": (Reply(b"", 302, [("Location", "/else")]), 1),
    "html": (Reply(b"<html>"), 1), "no id": (Reply({"items": []}), 1), "no HTTP": (b"SSH-2.0-OpenSSH\r\n\r\n", 1),
    "other id": (Reply({"id": NODES[0], "status": "succeeded"}), 1), "list": (Reply([]), 1),
    "other id after the status": (Reply(b'{"status":"started","id":"%s"}' % NODES[0].encode()), 1),
    "status no string": (Reply({"id": EXECUTION, "status": 5}), 1), "switching": (b"HTTP/1.1 101 Switch\r\n\r\n", 1),
    "a header that email cannot read": (LONG_HEAD.replace(b"100", b"2") + BAD_HEADER + b"\r\n{}", 1),
    "no UTF-8": (Reply(b'{"action":"\xff","id":"x"}'), 1), "no JSON": (Reply(b'{"id": nonsense and more of it}\n'), 1)}


@rule("9.1g", "9.1d", "3.8f")
@pytest.mark.parametrize("fault, code", [ENDING[name] for name in sorted(ENDING)], ids=sorted(ENDING))
def test_other_failures_end_the_wait_and_print_nothing(plane, fault, code):
    slept = []
    plane.script(reply_status("started"), fault)
    result = run_cli(*WAIT + ("--wait-timeout", "99"), plane=plane, sleep=slept.append)
    assert (result.code, result.out, len(error_lines(result))) == (code, b"", 1)
    assert slept == [2] and len(plane.requests) == 2


@rule("9.1f", "9.1g")
@pytest.mark.parametrize("fault, ends", [(0, True), (socket.EAI_NONAME, True), (socket.EAI_AGAIN, False)],
                         ids=["untrusted certificate", "no such name", "no resolver"])
def test_failure_to_connect_that_waiting_cannot_fix_ends_the_wait(tls_plane, monkeypatch, fault, ends):
    def fail(*_, **__):
        raise socket.gaierror(fault, "no address")

    def exchange():
        tls_plane.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls_plane.context.load_cert_chain(os.path.join(TLS_DIR, "%s.pem" % ("server" if fault else "expired")))
        monkeypatch.setattr(socket, "getaddrinfo", fail if fault else resolve)

    resolve = socket.getaddrinfo
    clock = Clock(during={1: exchange, 2: lambda: monkeypatch.setattr(socket, "getaddrinfo", resolve)})
    tls_plane.script(reply_status("started", framing="close"), reply_status("succeeded"))
    with surroundings(tls_plane):
        end = wait_until_final(tls_plane, clock, 60)
    assert (getattr(end, "exit_code", end), clock.sleeps) == ((1, [2]) if ends else ("succeeded", [2, 3]))


@rule("9.1g")
@pytest.mark.parametrize("answers, code, sleeps", [
    ([Reply({}, 502), Reply({}, 503), reply_status("started")], 0, [0.5, 1, 2]), ([DROP] * 3, 1, [0.5, 1]),
    ([Reply(execution(), cut=10)], 1, []), ([HANG], 1, [])], ids=["retried", "dropped", "cut", "timeout"])
def test_failure_before_the_first_response_is_handled_as_usual(plane, answers, code, sleeps):
    clock = Clock()
    plane.script(*answers + [reply_status("succeeded")])
    end = wait_until_final(plane, clock, timeout=0.4)
    assert getattr(end, "exit_code", 0) == code and clock.sleeps == sleeps


@rule("9.1i", "9.1h")
@pytest.mark.parametrize("seconds, sleeps", [(10, [2, 3, 4.5, 0.5]), (9.5, [2, 3, 4.5]), (2, [2]), (1, [1])])
@pytest.mark.parametrize("later, failure", [
    (reply_status("ack", framing="close"), ""), (DROP, "the connection was lost"), (Reply(b"", 503), "HTTP 503"),
    (Reply(execution(), cut=10), "body")], ids=["status", "dropped", "503", "cut"])
def test_wait_timeout_reports_the_last_status_and_failure(plane, seconds, sleeps, later, failure):
    clock = Clock()
    plane.script(reply_status("ack", framing="close"), *[later] * 9)
    error = wait_until_final(plane, clock, seconds)
    assert (type(error), error.exit_code, error.status) == (program.WaitTimeout, 124, "ack")
    assert "ack" in str(error) and (len(sleeps) == 1 or failure in str(error))
    assert clock.sleeps == sleeps and len(plane.requests) == len(sleeps)


@rule("9.1j")
@pytest.mark.parametrize("seconds", [1, 29.5])
def test_no_retry_starts_when_no_time_is_left(plane, seconds):
    plane.script(Reply({}, 503, [("Retry-After", "30")]))
    clock = Clock()
    error = wait_until_final(plane, clock, seconds)
    assert error.exit_code == 124 and "503" in str(error) and len(plane.requests) == 1
    assert clock.sleeps[0] == seconds == sum(clock.sleeps)


SLOW = {"no answer": HANG, "stalled body": stall(LONG_HEAD + b"\r\n{"),
        "stalled error": stall(LONG_HEAD.replace(b"200", b"404") + b"\r\n{")}


@rule("9.1j")
@pytest.mark.parametrize("slow", [SLOW[name] for name in sorted(SLOW)], ids=sorted(SLOW))
@pytest.mark.parametrize("before", [[], [reply_status("started")]], ids=["first", "second"])
def test_network_wait_is_limited_to_the_time_left(plane, slow, before):
    plane.script(*before + [slow])
    began = time.monotonic()
    error = wait_until_final(plane, Clock(running=True), 2 * len(before) + 0.2, timeout=20)      # a pause takes no time
    assert (error.exit_code, error.status) == (124, "started" if before else "") and time.monotonic() - began < 10
    assert NO_FINAL_STATUS in str(error) and ("the last status" in str(error)) == bool(before)


@rule("9.1j")
@pytest.mark.parametrize("header", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
def test_each_read_of_a_body_has_less_time_than_the_one_before(plane, header):
    def send_slowly(sock):
        sock.sendall(LONG_HEAD + header + b"\r\n{")
        time.sleep(0.1)
        clock.sleep(59)
        stall(b" ")(sock)

    clock = Clock(running=True)
    plane.script(send_slowly)
    error = wait_until_final(plane, clock, 59.4, timeout=80)
    assert error.exit_code == 124 and "timed out: " in str(error)


@rule("9.1j")
def test_wait_timeout_limits_the_tls_handshake(tls_plane):
    tls_plane.context, tls_plane.serve = None, stall(b"")
    with surroundings(tls_plane):
        error = wait_until_final(tls_plane, Clock(running=True), seconds=0.2, timeout=20)
    assert error.exit_code == 124 and "timed out: " in str(error)


@rule("9.1h", "9.1i", "9.1d", "9.1l")
@pytest.mark.parametrize("answer, part", [
    (reply_status("st\x1barted"), "st\\x1barted"), (HANG, "timed out"), (DROP, "lost"), (Reply({}, 503), "503")],
    ids=["status", "silent", "dropped", "503"])
def test_wait_timeout_exits_124_and_names_the_status_or_the_failure(plane, answer, part):
    plane.script(answer)
    result = run_cli(*WAIT + ("--wait-timeout", "0.2"), plane=plane, sleep=time.sleep)
    assert (result.code, result.out) == (124, b"")
    assert NO_FINAL_STATUS in error_lines(result)[0] and part in error_lines(result)[0]
    assert error_lines(result, "hint")


@rule("9.1l")
def test_help_and_documents_describe_124_in_the_words_of_the_message():
    pages = [run_cli("get", "--help").out.decode("ascii"), read_text(README), read_text(CONTRACT)]
    rows = [re.search(r"(?m)^(?:\| 124 \||  124 ) *(.+?) *\|?$", text).group(1) for text in pages]
    assert rows == rows[:1] * 3 and NO_FINAL_STATUS in rows[0] and NO_FINAL_STATUS in program.WaitTimeout.__doc__
    lines = [line for line in pages[1].splitlines() if re.search(r"\b124\b", line)]
    assert [line for line in lines if "running" in line] == []


@rule("9.1j", "9.1l", "9.1m", "10.6", "10.6c", "10.8g")
@pytest.mark.parametrize("answer", [Reply({}), Reply(b"<html>"), Reply({}, 404), Reply({}, 503),
                                    Reply(execution(), cut=10)], ids=["no id", "HTML", "404", "503", "cut"])
def test_message_does_not_say_that_no_response_came_if_one_came(plane, answer):
    clock = Clock()
    clock.now = lambda: 60.0 * bool(plane.requests)     # the response takes a minute
    plane.script(answer)
    error = wait_until_final(plane, clock, 5)
    assert (type(error), error.status, len(plane.requests), clock.sleeps) == (program.WaitTimeout, "", 1, [])
    assert NO_FINAL_STATUS in str(error)
    assert not re.search("no (answer|response)|nothing came", str(error))


@rule("9.1a", "9.1d")
@every_get_format
def test_output_after_a_wait_is_that_of_an_ordinary_get(plane, format):
    plane.script(reply_status("timeout"), Reply(ONE_TARGET), Reply(ONE_TARGET))
    result = run_cli(*WAIT + ("--output", format), plane=plane)
    assert result.code == 0
    assert len(plane.requests) == 2
    assert result.out == run_cli(*GET + ("--output", format), plane=plane).out != b""


@rule("9.1a", "3.8")
def test_read_after_a_wait_is_retried_like_any_other(plane):
    slept = []
    plane.script(Reply(execution()), Reply({}, 503), Reply({}, 502), Reply(execution([target(inline(b"x"))])))
    result = run_cli(*GET + ("--wait", "--output", "raw"), plane=plane, sleep=slept.append)
    assert (result.code, result.out, slept) == (0, b"x", [0.5, 1])


@rule("9.1e", "5.10")
def test_stderr_has_one_safe_line_per_status_change_and_failure(plane):
    pending, started = reply_status("pending"), reply_status("started")
    plane.script(reply_status(None), Reply({}, 502), pending, pending, Reply({}, 502), pending, started, started,
                 pending, reply_status("\x1b[2J error: x"), reply_status("succeeded"), Reply(ONE_TARGET))
    lost, result = "retry: HTTP 502 Bad Gateway", run_cli(*WAIT, plane=plane)
    assert result.err.splitlines() == ["status: -", lost, "status: pending", lost] + [
        "status: " + told for told in ("pending", "started", "pending", "\\x1b[2J\\x20error:\\x20x", "succeeded")]


MANY = [target(inline(b"out\n")), target(archive(), NODES[1], "failed"), target(node=NODES[2])]


@rule("6.2", "9.2", "9.2a")
@every_get_format
@pytest.mark.parametrize("status", STATUSES + ("SUCCEEDED", "", None), ids=str)
def test_exit_status_exits_5_unless_succeeded_and_prints_everything(plane, format, status):
    argv = GET + ("--output", format)
    plane.script(*[Reply(execution(MANY[::2], status=status))] * 2)
    judged, plain = run_cli(*argv + ("--exit-status",), plane=plane), run_cli(*argv, plane=plane)
    assert judged == plain._replace(code=0 if status == "succeeded" else 5)
    assert (plain.code, plain.err) == (0, "")
    assert plain.out


@rule("6.1d", "9.2")
@pytest.mark.parametrize("reply, flags, code", [
    (Reply(execution(MANY, status="failed")), ("--output", "raw"), 1), (Reply({}, 401), (), 3), (Reply({}, 403), (), 4),
    (Reply(execution([target({"kind": "tape"})], status="failed")), (), 1),
    (Reply({"code": "rebac_denied"}, 403), (), 77),
    (Reply(execution(MANY, status="failed"), cut=700), (), 1), (Reply(execution(MANY)), ("--failed",), 0),
    (Reply(execution(MANY, status="failed")), ("--node", NODES[5]), 1), (Reply({"id": EXECUTION}), ("-o", "json"), 5)],
    ids=["archived", "401", "403", "unreadable", "denied", "cut", "targets do not count", "no such node", "no status"])
def test_exit_status_changes_only_exit_code_0(plane, reply, flags, code):
    plane.script(reply)
    assert run_cli(*GET + flags + ("--exit-status",), plane=plane).code == code
