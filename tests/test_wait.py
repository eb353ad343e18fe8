"""get --wait, --wait-timeout and --exit-status. Pauses are slept on a fake clock; answers are real."""

import time
from collections import namedtuple

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN
from kit import (
    BOTH,
    EXECUTION,
    GET,
    NODES,
    Clock,
    archive,
    error_lines,
    every_get_format,
    execution,
    hint_lines,
    inline,
    make_transport,
    retry_lines,
    rule,
    run_cli,
    stall,
    target,
)
from server import DROP, HANG, RESET, Reply

WAIT = GET + ("--wait",)


def reply_status(status, *target_statuses, **options):
    """Return a Reply with an Execution that has this status, and a target for each of the other statuses."""
    return Reply(
        execution([target(status=each) for each in target_statuses], status=status), **options
    )


def refuse_for(seconds):
    """Return a 429 whose Retry-After asks for a pause of these seconds."""
    return Reply({}, 429, [("Retry-After", str(seconds))])


STILL_RUNNING, FINISHED = reply_status("started"), reply_status("succeeded")
BUSY = Reply({}, 503)
STALLED = stall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
CUT_SHORT = Reply(execution(), cut=10)


# ---- 9.1: polls and pauses


@rule("9.1", "4.1")
@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled", "timeout"])
def test_final_status_is_returned_at_once(plane, transport, clock, status):
    plane.script(reply_status(status, "started"))

    found = program.wait_for_execution(transport, PROJECT, EXECUTION)

    assert found["status"] == status
    assert clock.sleeps == []
    assert len(plane.requests) == 1


@rule("9.1", "4.1")
@pytest.mark.parametrize(
    "status",
    [
        "pending",
        "ack",
        "started",
        pytest.param("SUCCEEDED", id="upper case"),
        pytest.param("succeeded ", id="a space at the end"),
        pytest.param("done", id="unknown"),
        pytest.param("", id="empty"),
        pytest.param(None, id="null"),
    ],
)
def test_status_that_is_not_final_is_waited_out(plane, transport, clock, status):
    plane.script(reply_status(status, "failed"), reply_status("cancelled"))

    found = program.wait_for_execution(transport, PROJECT, EXECUTION)

    assert found["status"] == "cancelled"
    assert clock.sleeps == [2]
    assert len(plane.requests) == 2


@rule("9.1a")
def test_pauses_grow_by_half_from_2_to_15_seconds(plane, transport, clock):
    plane.script(*[STILL_RUNNING] * 9 + [FINISHED])

    program.wait_for_execution(transport, PROJECT, EXECUTION)

    assert clock.sleeps == [2, 3, 4.5, 6.75, 10.125, 15, 15, 15, 15]


@rule("9.1a", "9.1c")
@pytest.mark.parametrize(
    "answers, sleeps",
    [
        pytest.param(
            # The retries of the second poll take 0.5 and 1 second. Five times 1.5 are 7.5 seconds.
            [STILL_RUNNING, BUSY, BUSY, STILL_RUNNING, STILL_RUNNING, FINISHED],
            [2, 0.5, 1, 7.5, 4.5],
            id="retries make a poll long, and the next pause longer",
        ),
        pytest.param(
            # The third poll fails. The last successful one is still the second.
            [STILL_RUNNING, BUSY, BUSY, STILL_RUNNING, BUSY, BUSY, BUSY, FINISHED],
            [2, 0.5, 1, 7.5, 0.5, 1, 7.5],
            id="a long poll counts until the next successful one",
        ),
        pytest.param(
            [STILL_RUNNING, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, FINISHED],
            [2, 0.5, 1, 3, 0.5, 1, 4.5],
            id="the time of failed polls does not count",
        ),
    ],
)
def test_pause_is_five_times_as_long_as_the_last_successful_poll(
    plane, transport, clock, answers, sleeps
):
    plane.script(*answers)

    found = program.wait_for_execution(transport, PROJECT, EXECUTION)

    assert found["status"] == "succeeded"
    assert clock.sleeps == sleeps


@rule("9.1a", "9.1c")
@pytest.mark.parametrize(
    "answers, sleeps",
    [
        # Up to 30 seconds, Retry-After is the pause of a retry. Five times such a poll is the next pause of the wait.
        pytest.param(
            [STILL_RUNNING, refuse_for(4), STILL_RUNNING, FINISHED],
            [2, 4, 20],
            id="retry after 4 s",
        ),
        pytest.param(
            [STILL_RUNNING, refuse_for(12), STILL_RUNNING, FINISHED],
            [2, 12, 60],
            id="retry after 12 s",
        ),
        pytest.param(
            [STILL_RUNNING, refuse_for(13), STILL_RUNNING, FINISHED],
            [2, 13, 60],
            id="at most a minute",
        ),
        pytest.param(
            [STILL_RUNNING, refuse_for(30), refuse_for(30), refuse_for(30), FINISHED],
            [2, 30, 30, 30],
            id="two retries and a poll that failed",
        ),
        # A longer Retry-After ends the poll, and is the next pause of the wait.
        pytest.param([STILL_RUNNING, refuse_for(31), FINISHED], [2, 31], id="31 s"),
        pytest.param([STILL_RUNNING, refuse_for(59), FINISHED], [2, 59], id="59 s"),
        pytest.param(
            [STILL_RUNNING, refuse_for(86400), FINISHED],
            [2, 60],
            id="a day, of which a minute is waited",
        ),
        pytest.param(
            [STILL_RUNNING, refuse_for(31), STILL_RUNNING, STILL_RUNNING, FINISHED],
            [2, 31, 4.5, 6.75],
            id="then the schedule continues",
        ),
    ],
)
def test_long_retry_after_makes_the_pause_longer(plane, transport, clock, answers, sleeps):
    plane.script(*answers)

    found = program.wait_for_execution(transport, PROJECT, EXECUTION)

    assert found["status"] == "succeeded"
    assert clock.sleeps == sleeps


@rule("9.1a")
@pytest.mark.parametrize(
    "seconds, sleeps",
    [
        # The first pause is before the second poll, the next two are its retries, and the last is after it: 3 seconds
        # by the schedule.
        pytest.param(0, [2, 0, 0, 3], id="0 s"),
        pytest.param(1, [2, 1, 1, 3], id="1 s"),
        pytest.param(2, [2, 2, 2, 3], id="2 s"),
    ],
)
def test_short_retry_after_does_not_shorten_the_pause_of_the_schedule(
    plane, transport, clock, seconds, sleeps
):
    plane.script(
        STILL_RUNNING, refuse_for(seconds), refuse_for(seconds), refuse_for(seconds), FINISHED
    )

    program.wait_for_execution(transport, PROJECT, EXECUTION)

    assert clock.sleeps == sleeps


@rule("9.1a")
def test_short_retry_after_does_not_shorten_the_pause_after_a_long_poll(plane, transport, clock):
    # The second poll takes 1.5 seconds with its retries, so that the pauses after it are at least 7.5 seconds.
    long_poll = [BUSY, BUSY, STILL_RUNNING]
    failed_poll = [refuse_for(5), refuse_for(5), refuse_for(5)]
    plane.script(STILL_RUNNING, *long_poll + failed_poll + [FINISHED])

    program.wait_for_execution(transport, PROJECT, EXECUTION)

    assert clock.sleeps == [2, 0.5, 1, 7.5, 5, 5, 7.5]


#: How long a poll takes, and how large its response is.
Poll = namedtuple("Poll", "seconds mebibytes")


class PollingTransport(program.Transport):
    """A Transport whose get() acts out these polls. The last of them finds a final status."""

    def __init__(self, polls, clock):
        super().__init__(
            program.Server.parse("https://plexsphere.example"),
            TOKEN,
            clock=clock.now,
            sleep=clock.sleep,
        )
        self.polls = list(polls)
        self.fake_clock = clock

    def get(self, path, parameters, max_bytes=0):
        poll = self.polls.pop(0)
        self.fake_clock.slept += poll.seconds
        self.received += int(poll.mebibytes * (1 << 20))
        return execution(status="started" if self.polls else "failed")


@rule("9.1a", "10.3a")
@pytest.mark.parametrize(
    "polls, sleeps",
    [
        pytest.param(
            # The schedule alone would be 2, 3 and 4.5 seconds.
            [
                Poll(seconds=0, mebibytes=1.5),
                Poll(seconds=0, mebibytes=4),
                Poll(seconds=0, mebibytes=4),
                Poll(seconds=0, mebibytes=5),
            ],
            [2, 4, 4.5],
            id="a second for each MiB",
        ),
        pytest.param(
            [
                Poll(seconds=1, mebibytes=0),
                Poll(seconds=1, mebibytes=7),
                Poll(seconds=0, mebibytes=70),
                Poll(seconds=0, mebibytes=0),
            ],
            [5, 7, 60],
            id="five times the seconds, or the MiB, but at most a minute",
        ),
        pytest.param(
            [
                Poll(seconds=11.5, mebibytes=60),
                Poll(seconds=13, mebibytes=0),
                Poll(seconds=0, mebibytes=59),
                Poll(seconds=0, mebibytes=60),
            ],
            [60, 60, 59],
            id="near the limit of a minute",
        ),
    ],
)
def test_pause_grows_with_the_time_and_the_size_of_a_poll(polls, sleeps):
    clock = Clock()

    found = program.wait_for_execution(PollingTransport(polls, clock), PROJECT, EXECUTION)

    assert found["status"] == "failed"
    assert clock.sleeps == sleeps


# ---- 9.1c: failures


@rule("9.1c", "3.8", "3.9c")
@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(Reply(b"", 429), id="429"),
        pytest.param(Reply(b"", 502), id="502"),
        pytest.param(Reply({}, 503), id="503"),
        pytest.param(Reply(b"busy", 504), id="504"),
        pytest.param(DROP, id="dropped"),
        pytest.param(RESET, id="reset"),
        pytest.param(CUT_SHORT, id="cut short"),
        pytest.param(Reply(b""), id="empty body"),
        pytest.param(Reply(b"<html>"), id="HTML"),
        pytest.param(Reply(b"[]"), id="a list"),
    ],
)
def test_retryable_failure_is_waited_out_after_the_first_response(plane, transport, clock, failure):
    # The first response ends its connection. On a kept one, the first lost request would be replaced silently.
    plane.script(reply_status("started", framing="close"), *[failure] * 6 + [FINISHED])

    found = program.wait_for_execution(transport, PROJECT, EXECUTION)

    assert found["status"] == "succeeded"
    assert len(plane.requests) == 8
    # Twice, there are two retries and the pause of the schedule.
    assert clock.sleeps == [
        2,
        0.5,
        1,
        3,
        0.5,
        1,
        4.5,
    ]


@rule("9.1c", "3.8")
@pytest.mark.parametrize(
    "failure", [pytest.param(HANG, id="no response"), pytest.param(STALLED, id="stalled body")]
)
def test_network_timeout_is_waited_out_after_the_first_response(plane, clock, failure):
    plane.script(STILL_RUNNING, failure, failure, FINISHED)

    with make_transport(plane, clock, timeout=1) as transport:
        found = program.wait_for_execution(transport, PROJECT, EXECUTION)

    assert found["status"] == "succeeded"
    assert len(plane.requests) == 4
    assert clock.sleeps == [2, 3, 4.5]  # without retries


@rule("9.1c", "3.8c")
def test_each_failure_of_a_wait_is_reported_as_a_retry(plane):
    slept = []
    plane.script(STILL_RUNNING, BUSY, BUSY, BUSY, FINISHED)

    result = run_cli(*WAIT, plane=plane, sleep=slept.append)

    # The pause before the second poll, the two retries of that poll, and the pause before the third poll. This pause is
    # 3 seconds by the schedule. It is longer on a machine so slow that five times the first poll are more than that.
    assert len(slept) == 4
    assert slept[3] >= 3
    assert result.code == 0
    assert retry_lines(result) == [
        "HTTP 503 Service Unavailable; waiting 0.5 s",
        "HTTP 503 Service Unavailable; waiting 1.0 s",
        "HTTP 503 Service Unavailable; waiting %.1f s" % slept[3],
    ]


@rule("9.1c", "9.1d")
def test_server_that_is_gone_is_waited_for(plane):
    clock = Clock(during={1: plane.close})  # the server closes during the first pause
    plane.script(STILL_RUNNING)

    with make_transport(plane, clock) as transport:
        with pytest.raises(program.WaitTimeout) as caught:
            program.wait_for_execution(transport, PROJECT, EXECUTION, 60)

    assert clock.slept == 60
    assert str(caught.value).startswith(
        "the wait timed out; the last status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f "
        'was "started" (0 of 0 succeeded); '
        "the last failure was: cannot connect to 127.0.0.1:"
    )


@rule("9.1c", "9.1d")
@pytest.mark.parametrize(
    "failure, code",
    [
        pytest.param(Reply({}, 401), 3, id="401"),
        pytest.param(Reply({}, 403), 4, id="403"),
        pytest.param(Reply({}, 404), 1, id="404"),
        pytest.param(Reply({"id": NODES[0], "status": "succeeded"}), 1, id="another id"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", 1, id="not HTTP"),
        pytest.param(Reply(execution([1])), 1, id="a target is a number"),
        pytest.param(Reply(execution(status=5)), 1, id="the status is a number"),
    ],
)
def test_failure_that_is_not_retryable_ends_the_wait_and_prints_nothing(plane, failure, code):
    slept = []
    plane.script(STILL_RUNNING, failure)

    result = run_cli(*WAIT, "--wait-timeout", "99", plane=plane, sleep=slept.append)

    assert result.code == code
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert len(slept) == 1


@rule("9.1c", "10.5a")
def test_first_poll_is_retried_as_a_get_is(plane, transport, clock):
    plane.script(BUSY, BUSY, STILL_RUNNING, FINISHED)

    found = program.wait_for_execution(transport, PROJECT, EXECUTION)

    assert found["status"] == "succeeded"
    assert clock.sleeps == [0.5, 1, 7.5]


@rule("9.1c", "10.5a")
@pytest.mark.parametrize(
    "answers, sleeps",
    [
        pytest.param([DROP, DROP, DROP], [0.5, 1], id="dropped three times"),
        pytest.param([refuse_for(31)], [], id="retry after 31 s"),
        pytest.param([HANG], [], id="no response"),
        pytest.param([STALLED], [], id="stalled body"),
    ],
)
def test_failure_before_the_first_response_ends_the_wait(plane, clock, answers, sleeps):
    plane.script(*answers + [FINISHED])

    with make_transport(plane, clock, timeout=1) as transport:
        with pytest.raises(program.RemoteError) as caught:
            program.wait_for_execution(transport, PROJECT, EXECUTION, 80)

    assert caught.value.exit_code == 1  # a WaitTimeout would have 124
    assert clock.sleeps == sleeps
    assert list(plane.answers) == [FINISHED]


# ---- 9.1d: time limits


@rule("9.1a", "9.1d", "10.5a")
@pytest.mark.parametrize(
    "seconds, sleeps, polls",
    [
        pytest.param(10, [2, 3, 4.5, 0.5], 4, id="the fourth pause is cut"),
        pytest.param(9.5, [2, 3, 4.5], 3, id="the limit ends with the third pause"),
        pytest.param(2, [2], 1, id="the limit ends with the first pause"),
        pytest.param(1, [1], 1, id="the first pause is cut"),
    ],
)
def test_wait_ends_on_time(plane, transport, clock, seconds, sleeps, polls):
    plane.script(*[reply_status("ack")] * 9)

    with pytest.raises(program.WaitTimeout):
        program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)

    assert clock.sleeps == sleeps
    assert len(plane.requests) == polls


@rule("9.1d", "10.5a")
def test_poll_that_ends_after_the_limit_is_followed_by_no_negative_pause():
    clock = Clock()
    polls = [Poll(seconds=5, mebibytes=0), Poll(seconds=0, mebibytes=0)]

    # After the first poll, the limit is 2 seconds ago. The fake clock refuses to sleep for -2.
    with pytest.raises(program.WaitTimeout):
        program.wait_for_execution(PollingTransport(polls, clock), PROJECT, EXECUTION, 3)

    assert clock.slept == 5


@rule("9.1d", "10.5a")
def test_wait_timeout_names_the_id_in_its_canonical_form(plane, transport):
    plane.script(STILL_RUNNING)
    as_typed = "{4D5C2A10-93BE-4E0F-8A57-6F1B2C3D4E5F}"

    with pytest.raises(program.WaitTimeout) as caught:
        program.wait_for_execution(transport, PROJECT, as_typed, 1)

    assert "Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f " in str(caught.value)


@rule("9.1d", "10.5a")
@pytest.mark.parametrize("seconds", [1, 10])
def test_wait_timeout_has_the_last_response(plane, transport, seconds):
    plane.script(*[reply_status("ack", "failed")] * 9)

    with pytest.raises(program.WaitTimeout) as caught:
        program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)

    error = caught.value
    assert error.execution == execution([target(status="failed")], status="ack")
    assert str(error) == (
        "the wait timed out; the last status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f "
        'was "ack" (0 of 1 succeeded)'
    )
    assert error.hint == "the Execution may still be running: wait again, or longer"
    assert error.exit_code == 124
    assert not error.retryable


@rule("9.1d", "10.5a", "10.4")
@pytest.mark.parametrize(
    "limit, seconds, sleeps",
    [
        # The second pause of 2 seconds is cut where the limit of 3 seconds ends.
        pytest.param(3, None, [2, 1], id="only the Transport's limit"),
        pytest.param(3, 9, [2, 1], id="the Transport's limit is earlier"),
        pytest.param(9, 3, [2, 1], id="the wait's own limit is earlier"),
    ],
)
def test_earliest_time_limit_ends_the_wait(plane, transport, clock, limit, seconds, sleeps):
    plane.script(*[STILL_RUNNING] * 9)

    with transport.time_limit(limit):
        with pytest.raises(program.WaitTimeout):
            program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)

    assert clock.sleeps == sleeps


@rule("9.1d", "9.1c", "10.4")
@pytest.mark.parametrize(
    "seconds, sleeps",
    [
        # After the first pause of 2 seconds, the second poll fails. Its retries would pause for 0.5 and 1 second, and
        # the wait for 3 seconds after it. The last pause always ends with the limit.
        pytest.param(2.5, [2, 0.5], id="no time for a retry"),
        pytest.param(3, [2, 0.5, 0.5], id="time for one retry"),
        pytest.param(3.6, [2, 0.5, 1, 0.1], id="time for both retries"),
        pytest.param(6, [2, 0.5, 1, 2.5], id="time for a part of the pause"),
        pytest.param(6.5, [2, 0.5, 1, 3], id="time for the pause, but for no poll after it"),
    ],
)
def test_failure_midway_is_named_when_time_is_up(plane, transport, clock, seconds, sleeps):
    plane.script(STILL_RUNNING, BUSY, BUSY, BUSY)

    with pytest.raises(program.WaitTimeout) as caught:
        program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)

    assert clock.sleeps == pytest.approx(sleeps)
    assert str(caught.value) == (
        "the wait timed out; the last status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f "
        'was "started" (0 of 0 succeeded); '
        "the last failure was: HTTP 503 Service Unavailable"
    )


@rule("9.1d", "10.5a")
@pytest.mark.parametrize(
    "answer", [pytest.param(HANG, id="no response"), pytest.param(STALLED, id="stalled body")]
)
def test_wait_ends_on_time_even_without_a_first_response(plane, answer):
    plane.script(answer)
    began = time.monotonic()

    with make_transport(plane, Clock(running=True), timeout=60) as transport:
        with pytest.raises(program.WaitTimeout) as caught:
            program.wait_for_execution(transport, PROJECT, EXECUTION, 0.2)

    assert time.monotonic() - began < 20  # far less than the timeout of 60 s
    assert str(caught.value) == (
        "the wait timed out; no status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f is known"
    )
    assert caught.value.execution is None


@rule("9.1d", "10.5a")
@pytest.mark.parametrize(
    "answer", [pytest.param(HANG, id="no response"), pytest.param(STALLED, id="stalled body")]
)
def test_wait_ends_on_time_even_if_the_server_falls_silent(plane, answer):
    plane.script(STILL_RUNNING, answer)
    began = time.monotonic()

    # The clock takes the pause of 2 seconds for slept, so that 0.2 seconds are left for the second poll.
    with make_transport(plane, Clock(running=True), timeout=60) as transport:
        with pytest.raises(program.WaitTimeout) as caught:
            program.wait_for_execution(transport, PROJECT, EXECUTION, 2.2)

    assert time.monotonic() - began < 20  # far less than the timeout of 60 s
    assert str(caught.value) == (
        "the wait timed out; the last status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f "
        'was "started" (0 of 0 succeeded)'
    )
    assert caught.value.execution == execution(status="started")


@rule("9.1d", "10.4")
def test_wait_ends_on_time_if_a_body_stalls_after_a_late_beginning(plane):
    clock = Clock(running=True)

    def arrive_late():
        if transport.received:
            # As if the first bytes had taken so long: 0.2 of the 60 seconds are left.
            clock.slept = 59.8

    transport = program.Transport(
        program.Server.parse(plane.url),
        TOKEN,
        timeout=600,
        clock=clock.now,
        on_progress=arrive_late,
    )
    plane.script(STALLED)  # after 5 seconds, the server closes the connection

    with transport:
        with pytest.raises(program.WaitTimeout) as caught:
            program.wait_for_execution(transport, PROJECT, EXECUTION, 60)

    # A read that waited longer would end with a lost connection.
    assert str(caught.value) == (
        "the wait timed out; no status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f is known"
    )


@rule("9.1d")
def test_wait_timeout_means_exit_124_and_names_the_last_status(plane):
    plane.script(reply_status("st\x1barted", "succeeded", "succeeded", "started"))

    result = run_cli(*WAIT, "--wait-timeout", "1.5", plane=plane)  # less than the first pause

    assert result.code == 124
    assert result.out == b""
    assert result.err.splitlines() == [
        "status: st\\x1barted (2 of 3 succeeded)",
        "error: the wait timed out; "
        'the last status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f was "st\\x1barted" (2 of 3 succeeded)',
        "hint: the Execution may still be running: wait again, or longer",
    ]


# ---- what the command prints


@rule("9.1b", "9.1c", "3.8c", "5.10", "10.5a")
def test_stderr_has_one_safe_line_per_change_and_failure(plane):
    plane.script(
        reply_status(None),  # status: - (0 of 0 succeeded)
        BUSY,  # retry: ...
        reply_status("pending"),  # status: pending (0 of 0 succeeded)
        reply_status("pending"),  # no line
        reply_status("started"),  # status: started (0 of 0 succeeded)
        reply_status("started", "failed"),  # no line: still none has succeeded
        reply_status("started", "succeeded", "x"),  # status: started (1 of 2 succeeded)
        reply_status("started", "succeeded", "x"),  # no line
        reply_status("ack", "succeeded"),  # status: ack (1 of 1 succeeded)
        reply_status("\x1b[2J error: x"),  # status: \x1b[2J\x20error:\x20x (0 of 0 succeeded)
        reply_status("succeeded"),  # status: succeeded (0 of 0 succeeded)
    )

    result = run_cli(*WAIT, plane=plane)

    assert result.code == 0
    assert result.err.splitlines() == [
        "status: - (0 of 0 succeeded)",
        "retry: HTTP 503 Service Unavailable; waiting 0.5 s",
        "status: pending (0 of 0 succeeded)",
        "status: started (0 of 0 succeeded)",
        "status: started (1 of 2 succeeded)",
        "status: ack (1 of 1 succeeded)",
        "status: \\x1b[2J\\x20error:\\x20x (0 of 0 succeeded)",
        "status: succeeded (0 of 0 succeeded)",
    ]


@rule("9.1", "9.2")
@every_get_format
@pytest.mark.parametrize("status, code", [("succeeded", 0), ("failed", 5)])
def test_wait_prints_the_last_response_as_a_get_does(plane, format, status, code):
    argv = GET + ("--output", format, "--exit-status")
    reply = Reply(execution([target(inline(b"out\n")), target(node=NODES[2])], status=status))
    plane.script(reply, reply)

    plain = run_cli(*argv, plane=plane)
    waited = run_cli(*argv, "--wait", plane=plane)

    assert plain.code == code
    assert waited.code == code
    assert plain.out != b""
    assert waited.out == plain.out
    assert plain.err == ""
    assert waited.err == "status: %s (2 of 2 succeeded)\n" % status
    assert len(plane.requests) == 2  # one for each run


# ---- 9.2: --exit-status

THREE_TARGETS = [
    target(inline(b"out\n")),
    target(archive(), NODES[1], "failed"),
    target(node=NODES[2]),
]


@rule("9.2")
@pytest.mark.parametrize(
    "body, code",
    [
        pytest.param(execution(THREE_TARGETS, status="succeeded"), 0, id="succeeded"),
        pytest.param(execution(THREE_TARGETS, status="pending"), 5, id="pending"),
        pytest.param(execution(THREE_TARGETS, status="ack"), 5, id="ack"),
        pytest.param(execution(THREE_TARGETS, status="started"), 5, id="started"),
        pytest.param(execution(THREE_TARGETS, status="failed"), 5, id="failed"),
        pytest.param(execution(THREE_TARGETS, status="cancelled"), 5, id="cancelled"),
        pytest.param(execution(THREE_TARGETS, status="timeout"), 5, id="timeout"),
        pytest.param(execution(THREE_TARGETS, status="SUCCEEDED"), 5, id="upper case"),
        pytest.param(execution(THREE_TARGETS, status=""), 5, id="empty"),
        pytest.param(execution(THREE_TARGETS, status=None), 5, id="null"),
        pytest.param({"id": EXECUTION}, 5, id="absent"),
    ],
)
def test_exit_status_turns_0_into_5_unless_the_status_is_succeeded(plane, body, code):
    plane.script(Reply(body), Reply(body))

    plain = run_cli(*GET, plane=plane)
    result = run_cli(*GET, "--exit-status", plane=plane)

    assert plain.code == 0
    assert b"ID  " in plain.out  # the recap
    assert result.code == code
    assert result.out == plain.out
    assert error_lines(result) == []


@rule("9.2")
def test_exit_status_is_about_the_execution_not_the_selected_targets(plane):
    plane.script(Reply(execution(THREE_TARGETS, status="succeeded")))

    result = run_cli(*GET, "--exit-status", "--failed", plane=plane)

    assert result.code == 0


@rule("9.2")
@pytest.mark.parametrize(
    "flags, answer, code, error",
    [
        pytest.param(
            "-o raw",
            Reply(execution(THREE_TARGETS, status="failed")),
            1,
            "the output of target a1b2c301-0000-4000-8000-000000000001 is archived: logs/a/b.log",
            id="an archived output",
        ),
        pytest.param(
            "",
            Reply(execution([target({"kind": "tape"})], status="failed")),
            1,
            'the output of target a1b2c300-0000-4000-8000-000000000000 is unreadable: unknown kind "tape"',
            id="an unreadable output",
        ),
        pytest.param(
            "--node " + NODES[5],
            Reply(execution(status="failed")),
            1,
            "node a1b2c305-0000-4000-8000-000000000005 is not a target of "
            "Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",
            id="a missing node",
        ),
        pytest.param("", Reply({}, 401), 3, "HTTP 401 Unauthorized", id="401"),
        pytest.param("", Reply({}, 403), 4, "HTTP 403 Forbidden", id="403"),
    ],
)
def test_exit_status_changes_no_exit_code_except_0(plane, flags, answer, code, error):
    """Without the error, `--exit-status` would exit 5 for an Execution that has failed."""
    argv = GET + tuple(flags.split())
    plane.script(answer, answer)

    plain = run_cli(*argv, plane=plane)
    result = run_cli(*argv, "--exit-status", plane=plane)

    assert plain.code == code
    assert error_lines(plain) == [error]
    assert result.code == code
    assert result.out == plain.out
    assert result.err == plain.err


# ---- the hint about --timeout


@rule("9.1f")
@pytest.mark.parametrize("terminals", [(), BOTH], ids=["pipes", "terminals"])
def test_hint_says_that_timeout_does_not_limit_the_wait(plane, terminals):
    plane.script(reply_status("succeeded", "succeeded"))

    result = run_cli(*WAIT, "--timeout", "9", plane=plane, terminals=terminals)

    assert result.code == 0
    assert hint_lines(result) == [
        "--timeout limits each network operation; to limit the wait, use --wait-timeout"
    ]


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param("--timeout 9", id="without --wait"),
        pytest.param("--wait", id="without --timeout"),
        pytest.param("--wait --timeout 9 --wait-timeout 8", id="with --wait-timeout"),
    ],
)
def test_no_hint_about_timeout_unless_it_may_be_meant_for_the_wait(plane, flags):
    plane.script(reply_status("succeeded", "succeeded"))

    result = run_cli(*GET, *flags.split(), plane=plane, terminals=BOTH)

    assert result.code == 0
    assert hint_lines(result) == []  # not: to limit the wait, use --wait-timeout
