"""get --wait, --wait-timeout and --exit-status. Pauses are slept on a fake clock; answers are real.

In the tables, a word stands for an answer of the server:

    started, ack/failed        an Execution of this status; with targets of these statuses
    started+3MiB               the same, whose body has 3 MiB
    503                        an empty answer of this HTTP status
    429:4                      the same, with a Retry-After of 4 seconds
    drop, reset, hang, stall   a connection that ends or falls silent, before the answer or within its body
    cut, empty, html, list     a 200 whose body is cut short, or is no JSON object
    malformed, ssh             an Execution whose status is a number; no HTTP at all
"""

import time
import uuid

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import (
    EXECUTION,
    NODES,
    Clock,
    archive,
    encode,
    error_lines,
    every_get_format,
    execution,
    inline,
    make_transport,
    run_line,
    stall,
    table,
    target,
)
from server import DROP, HANG, RESET, Reply

ANSWERS = {
    "drop": DROP,
    "reset": RESET,
    "hang": HANG,
    "stall": stall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    "cut": Reply(execution(), cut=10),
    "empty": Reply(b""),
    "html": Reply(b"<html>"),
    "list": Reply(b"[]"),
    "malformed": Reply(execution(status=5)),
    "ssh": b"SSH-2.0-OpenSSH\r\n\r\n",
}


def make_answer(word):
    """Return the answer that a word stands for."""
    if word in ANSWERS:
        return ANSWERS[word]
    if word[0].isdigit():
        status, *retry_after = word.split(":")
        return Reply({}, int(status), [("Retry-After", seconds) for seconds in retry_after])
    word, _, size = word.partition("+")
    status, *target_statuses = word.split("/")
    body = encode(execution([target(status=each) for each in target_statuses], status=status))
    return Reply(body.ljust(int(size[:-3] or 0) << 20))


def wait(plane, clock, answers, seconds=None, **options):
    """Wait for the EXECUTION, at most so many seconds, against these answers. Return the last response."""
    plane.script(*map(make_answer, answers.split()))
    with make_transport(plane, clock, **options) as transport:
        return program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)


def read_statuses(wire):
    return [each["status"] for each in wire["targets"]]


def read_numbers(text):
    return [float(number) for number in text.split()]


# ---- pauses and failures


@table("""
    answers                                             | pauses
    # The words of `answers` are explained at the top of this file, and `pauses` are seconds.
    # Only the status of the Execution counts, which stands before that of its target.
    succeeded/started                                   |
    failed                                              |
    cancelled                                           |
    timeout                                             |
    pending/failed ack started SUCCEEDED done succeeded | 2 3 4.5 6.75 10.125
    # The pauses grow by half, from 2 to 15 seconds.
    ack ack ack ack ack ack ack ack ack succeeded       | 2 3 4.5 6.75 10.125 15 15 15 15
    # A pause is five times as long as the last successful poll, here 1.5 seconds with its retries.
    started 503 503 started started succeeded           | 2 0.5 1 7.5 4.5
    503 503 started succeeded                           | 0.5 1 7.5
    # Or it is a second for each MiB of that poll.
    started+3MiB started+4MiB started+4MiB succeeded    | 3 4 4.5
    # The time of a poll that fails does not count. That of the last successful one still does.
    started 503 503 503 503 503 503 succeeded           | 2 0.5 1 3 0.5 1 4.5
    started 503 503 started 503 503 503 succeeded       | 2 0.5 1 7.5 0.5 1 7.5
    # Up to 30 seconds, Retry-After is the pause of a retry, which makes the poll long. No pause of the wait is longer
    # than a minute.
    started 429:4 started succeeded                     | 2 4 20
    started 429:12 started succeeded                    | 2 12 60
    started 429:13 started succeeded                    | 2 13 60
    started 429:30 429:30 429:30 succeeded              | 2 30 30 30
    # A longer one ends the poll, and is the next pause of the wait, but at most a minute.
    started 429:31 succeeded                            | 2 31
    started 429:59 succeeded                            | 2 59
    started 429:86400 succeeded                         | 2 60
    started 429:31 started started succeeded            | 2 31 4.5 6.75
    # A short one shortens neither the pause of the schedule (3 seconds) nor that after a long poll.
    started 429:0 429:0 429:0 succeeded                 | 2 0 0 3
    started 429:2 429:2 429:2 succeeded                 | 2 2 2 3
    started 503 503 started 429:5 429:5 429:5 succeeded | 2 0.5 1 7.5 5 5 7.5
    # Every retryable failure is waited out, after two retries. A kept connection is replaced once without a message.
    started drop drop drop drop succeeded               | 2 0.5 1 3
    started reset reset reset reset succeeded           | 2 0.5 1 3
    started cut cut cut succeeded                       | 2 0.5 1 3
    started html empty list succeeded                   | 2 0.5 1 3
    started 429 500 502 503 504 succeeded               | 2 0.5 1 3 0.5 1
""")
def test_pauses_between_polls(plane, clock, answers, pauses):
    found = wait(plane, clock, answers)

    assert found["status"] == answers.split()[-1].partition("/")[0]
    assert clock.sleeps == read_numbers(pauses)


@table("""
    answers                                   | nodes         | last
    # The statuses after that of the Execution are those of its targets on nodes 0, 1 and 2. `last` is the last answer.
    ack/ack/failed started/failed/failed      | 0             | started/failed/failed
    started/started/ack/failed failed/started | 0 1           | failed/started
    started/succeeded/ack started/timeout/cancelled | 0 1     | started/timeout/cancelled
    started/succeeded/ack                     | 0             | started/succeeded/ack
    # Node 2 is not a target, and is not waited for once there are targets.
    started/ack/ack started/ack/succeeded     | 1 2           | started/ack/succeeded
    started/ack                               | 2             | started/ack
    pending pending/ack/ack started/failed/ack | 0            | started/failed/ack
    # no nodes
    started/succeeded succeeded               |               | succeeded
""")
def test_wait_with_nodes_ends_when_their_targets_have_final_statuses(
    plane, clock, answers, nodes, last
):
    answers = [word.split("/") for word in answers.split()]
    for status, *target_statuses in answers:
        targets = [target(None, node, each) for node, each in zip(NODES, target_statuses)]
        plane.script(Reply(execution(targets, status=status)))
    shown = []

    with make_transport(plane, clock) as transport:
        program.wait_for_execution(
            transport,
            PROJECT,
            EXECUTION,
            on_status=lambda wire: shown.append([wire["status"], *read_statuses(wire)]),
            nodes=[uuid.UUID(NODES[int(number)]) for number in nodes.split()],
        )

    assert shown[-1] == last.split("/")
    assert not plane.answers


def test_wait_without_a_limit_goes_on_for_more_than_a_day(plane, clock):
    # A minute is waited for each Retry-After.
    wait(plane, clock, "started %s succeeded" % " ".join(["429:86400"] * 1500))

    assert clock.slept == 90002  # the first pause of 2 seconds, and 1500 minutes


@pytest.mark.parametrize(
    "status", ["succeeded ", "", None], ids=["a space at the end", "empty", "null"]
)
def test_odd_status_is_not_final(plane, clock, status):
    plane.script(Reply(execution(status=status)))

    found = wait(plane, clock, "failed")

    assert found["status"] == "failed"
    assert clock.sleeps == [2]  # there was a second poll


@pytest.mark.parametrize("failure", ["hang", "stall"])
def test_network_timeout_is_waited_out_after_the_first_response(plane, clock, failure):
    found = wait(plane, clock, "started {0} {0} succeeded".format(failure), timeout=1)

    assert found["status"] == "succeeded"
    assert clock.sleeps == [2, 3, 4.5]  # the pauses between polls, without those of retries


@table("""
    answers        | pauses
    drop drop drop | 0.5 1
    429:31         |
    hang           |
""")
def test_failure_before_the_first_response_ends_the_wait(plane, clock, answers, pauses):
    with pytest.raises(program.RemoteError) as caught:
        wait(plane, clock, answers + " succeeded", 80, timeout=1)

    assert caught.value.exit_code == 1  # a WaitTimeout would have 124
    assert clock.sleeps == read_numbers(pauses)  # those of the retries
    assert len(plane.answers) == 1  # `succeeded` was not asked for


@table("""
    failure   | code
    401       | 3
    403       | 4
    404       | 1
    # no HTTP, and an Execution whose status is a number
    ssh       | 1
    malformed | 1
""")
def test_failure_that_is_not_retryable_ends_the_wait_and_prints_nothing(plane, failure, code):
    answers = [make_answer(word) for word in ("started", failure, "succeeded")]

    result = run_line("get $ID --wait --wait-timeout 99", plane, *answers)

    assert result.code == int(code)
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert len(plane.requests) == 2  # `succeeded` was not asked for


# ---- time limits


LAST_STATUS = (
    "the wait timed out; the last status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f was "
)


@table("""
    seconds | answers           | pauses      | last_status
    # The last pause ends with the limit, and no poll begins there.
    10      | ack ack ack ack   | 2 3 4.5 0.5 | "ack" (0 of 0 succeeded)
    9.5     | ack ack ack       | 2 3 4.5     | "ack" (0 of 0 succeeded)
    1       | ack/succeeded/ack | 1           | "ack" (1 of 2 succeeded)
""")
def test_wait_ends_on_time(plane, clock, seconds, answers, pauses, last_status):
    with pytest.raises(program.WaitTimeout) as caught:
        wait(plane, clock, answers, float(seconds))

    assert str(caught.value) == LAST_STATUS + last_status
    assert clock.sleeps == read_numbers(pauses)
    assert not plane.answers  # all were asked for


@table("""
    seconds | answers             | pauses
    # There is no time for a retry, for one, and for both: their pauses are 0.5 and 1 second.
    2.5     | started 503         | 2 0.5
    3       | started 503 503     | 2 0.5 0.5
    6       | started 503 503 503 | 2 0.5 1 2.5
    # There is time for the pause of the wait after them, but for no poll after it.
    6.5     | started 503 503 503 | 2 0.5 1 3
""")
def test_wait_that_ends_after_a_failure_names_it(plane, clock, seconds, answers, pauses):
    with pytest.raises(program.WaitTimeout) as caught:
        wait(plane, clock, answers, float(seconds))

    assert str(caught.value) == LAST_STATUS + (
        '"started" (0 of 0 succeeded); the last failure was: HTTP 503 Service Unavailable'
    )
    assert clock.sleeps == read_numbers(pauses)
    assert not plane.answers


def test_wait_timeout_has_the_last_response(plane, clock):
    with pytest.raises(program.WaitTimeout) as caught:
        wait(plane, clock, "started ack/failed", 3)

    error = caught.value
    assert error.execution == execution([target(status="failed")], status="ack")
    assert error.hint == "the Execution may still be running: wait again, or longer"
    assert error.exit_code == 124
    assert not error.retryable


@pytest.mark.parametrize("limit, seconds", [(3, None), (3, 9), (9, 3)])
def test_earliest_time_limit_ends_the_wait(plane, transport, clock, limit, seconds):
    plane.script(make_answer("started"), make_answer("started"))

    with transport.time_limit(limit), pytest.raises(program.WaitTimeout):
        program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)

    assert clock.sleeps == [2, 1]  # the second pause would be 3 seconds


class SlowTransport(program.Transport):
    """A Transport whose get() takes 5 seconds of the fake clock in `time`."""

    def get(self, path, parameters, max_bytes=0):
        self.time.slept += 5
        return execution(status="started")


def test_poll_that_ends_after_the_limit_is_followed_by_no_negative_pause(clock):
    server = program.Server.parse("https://plexsphere.example")
    transport = SlowTransport(server, "token", clock=clock.now, sleep=clock.sleep)
    transport.time = clock

    # After the poll, the limit is 2 seconds ago. The fake clock refuses to sleep for -2.
    with pytest.raises(program.WaitTimeout):
        program.wait_for_execution(transport, PROJECT, EXECUTION, 3)

    assert clock.slept == 5


def test_server_that_is_gone_is_waited_for(plane):
    clock = Clock(during={1: plane.close})  # the server closes during the first pause

    with pytest.raises(program.WaitTimeout) as caught:
        wait(plane, clock, "started", 60)

    assert clock.slept == 60
    assert "; the last failure was: cannot connect to 127.0.0.1:" in str(caught.value)


@table("""
    answers       | seconds | rest_of_error
    # The server is silent before its response, or within it.
    hang          | 0.2     | no status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f is known
    stall         | 0.2     | no status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f is known
    # The clock takes the pause of 2 seconds for slept, so that 0.2 seconds are left for the second poll.
    started hang  | 2.2     | the last status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f was "started"
    started stall | 2.2     | the last status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f was "started"
""")
def test_wait_ends_on_time_even_if_the_server_is_silent(plane, answers, seconds, rest_of_error):
    began = time.monotonic()
    with pytest.raises(program.WaitTimeout) as caught:
        wait(plane, Clock(running=True), answers, float(seconds), timeout=6)

    # 0.2 seconds have passed. Without the limit of the wait, a request would end after its own timeout of 6 seconds, or
    # when the server gives up, after 5 (END_OF_SILENCE in kit.py).
    assert time.monotonic() - began < 4
    assert str(caught.value).startswith("the wait timed out; " + rest_of_error)


# ---- what the command prints


@every_get_format
def test_wait_prints_the_last_response_as_a_get_does(plane, format):
    line = "get $ID --exit-status " + format
    outputs = [target(inline(b"out\n")), target(node=NODES[2])]  # both have succeeded
    answer = execution(outputs, status="failed")

    plain = run_line(line, plane, answer)
    waited = run_line(line + " --wait", plane, answer)

    assert plain.code == 5
    assert plain.out != b""
    assert plain.err == ""
    assert waited == plain._replace(err="status: failed (2 of 2 succeeded)\n")


# ---- --exit-status


@table("""
    answer           | code | line_on_stderr
    # The status of the Execution counts, not that of its target after the slash.
    succeeded/failed | 0    |
    failed/succeeded | 5    |
    cancelled        | 5    |
    timeout          | 5    |
    # For a run that has not finished, standard error says so.
    pending          | 5    | status: pending (0 of 0 succeeded)
    ack              | 5    | status: ack (0 of 0 succeeded)
    started          | 5    | status: started (0 of 0 succeeded)
    SUCCEEDED        | 5    | status: SUCCEEDED (0 of 0 succeeded)
""")
def test_exit_status_turns_0_into_5_unless_the_status_is_succeeded(
    plane, answer, code, line_on_stderr
):
    plain = run_line("get $ID", plane, make_answer(answer))
    result = run_line("get $ID --exit-status", plane, make_answer(answer))

    assert plain.code == 0
    assert b"ID  " in plain.out
    assert (result.code, result.out) == (int(code), plain.out)
    assert result.err.splitlines() == ([line_on_stderr] if line_on_stderr else [])


@pytest.mark.parametrize(
    "members", [{"status": ""}, {"status": None}, {}], ids=["empty", "null", "absent"]
)
def test_exit_status_means_5_without_a_status(plane, members):
    assert run_line("get $ID --exit-status", plane, dict(members, id=EXECUTION)).code == 5


def test_exit_status_is_about_the_execution_and_not_the_selected_targets(plane):
    answer = make_answer("succeeded/failed/succeeded")  # --failed selects the first of two targets

    assert run_line("get $ID --exit-status --failed", plane, answer).code == 0


@pytest.mark.parametrize(
    "flags, answer, code",
    [
        pytest.param("-o raw", execution([target(archive())], status="failed"), 1, id="archived"),
        pytest.param(
            "", execution([target({"kind": "tape"})], status="failed"), 1, id="unreadable"
        ),
        pytest.param("--node " + NODES[5], execution(status="failed"), 1, id="a missing node"),
        pytest.param("", Reply({}, 401), 3, id="401"),
        pytest.param("", Reply({}, 403), 4, id="403"),
    ],
)
def test_exit_status_changes_no_exit_code_except_0(plane, flags, answer, code):
    """Without the error, `--exit-status` would exit 5 for an Execution that has failed."""
    result = run_line("get $ID --exit-status " + flags, plane, answer)

    assert result.code == code
    assert len(error_lines(result)) == 1
