"""get --wait, --wait-timeout and --exit-status. Pauses are slept on a fake clock; answers are real."""

import time

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, STATUSES, TOKEN
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
    inline,
    make_transport,
    rule,
    run_against,
    run_cli,
    stall,
    target,
)
from server import DROP, HANG, RESET, Reply
from test_listing import read_table

WAIT = GET + ("--wait",)


def reply_status(status, *targets, **options):
    return Reply(execution([target(status=one) for one in targets], status=status), **options)


GOOD, END, BUSY = reply_status("started"), reply_status("succeeded"), Reply({}, 503)
STALLED = stall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
CUT_SHORT = Reply(execution(), cut=10)
NAMED_ANSWERS = {
    "ok": GOOD,
    "end": END,
    "502": Reply(b"", 502),
    "503": BUSY,
    "504": Reply(b"busy", 504),
    "429": Reply(b"", 429),
    "drop": DROP,
    "reset": RESET,
    "silent": HANG,
    "stalled": STALLED,
    "cut": CUT_SHORT,
}


def make_answers(names):
    """Return the answers of these names. A number after + is a 429's Retry-After."""
    return [
        Reply({}, 429, [("Retry-After", name[1:])]) if name[0] == "+" else NAMED_ANSWERS[name] for name in names.split()
    ]


def wait_until_final(plane, clock, seconds=None, timeout=30.0):
    """Wait for the Execution, and return its final status, or the ExecLogError that ended the wait."""
    with make_transport(plane, clock, timeout) as transport:
        try:
            return program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)["status"]
        except program.ExecLogError as error:
            return error


# ---- 9.1: polls and pauses


@rule("9.1", "4.1")
@pytest.mark.parametrize("status", STATUSES + ("SUCCEEDED", "succeeded ", "done", "", None), ids=str)
def test_final_status_is_returned_at_once_and_others_are_waited_out(plane, status):
    clock, is_final = Clock(), status in ("succeeded", "failed", "cancelled", "timeout")
    plane.script(reply_status(status, "failed"), *[reply_status("cancelled")] * (not is_final))
    assert wait_until_final(plane, clock) == (status if is_final else "cancelled")
    assert clock.sleeps == ([] if is_final else [2]) and not plane.answers


#: The answers after the first response, and the seconds of each sleep. A poll may take three attempts.
PAUSES = read_table("""
ok ok ok ok ok ok ok ok | 2 3 4.5 6.75 10.125 15 15 15 15
503 503 ok ok           | 2 0.5 1 7.5 4.5
503 503 ok 503 503 503  | 2 0.5 1 7.5 0.5 1 7.5
503 503 503 503 503 503 | 2 0.5 1 3 0.5 1 4.5
+4 ok                   | 2 4 20
+12 ok                  | 2 12 60
+13 ok                  | 2 13 60
+30 +30 +30             | 2 30 30 30
+31                     | 2 31
+59                     | 2 59
+86400                  | 2 60
+31 ok ok               | 2 31 4.5 6.75""")


@rule("9.1a", "9.1c")
@pytest.mark.parametrize("names, sleeps", PAUSES)
def test_pause_is_the_longest_of_schedule_poll_and_retry_after(plane, names, sleeps):
    clock = Clock()
    plane.script(GOOD, *make_answers(names) + [END])
    assert wait_until_final(plane, clock) == "succeeded" and not plane.answers
    assert clock.sleeps == [float(pause) for pause in sleeps.split()]


class Polls(program.Transport):
    """A Transport whose every poll takes some seconds, and receives some MiB."""

    def __init__(self, polls, clock):
        super().__init__(program.Server.parse("https://plexsphere.example"), TOKEN, clock=clock.now, sleep=clock.sleep)
        self.polls, self.fake = list(polls), clock

    def get(self, path, parameters, max_bytes=0):
        seconds, size = self.polls.pop(0)
        self.fake.slept += seconds
        self.received += int(size * (1 << 20))
        return execution(status="started" if self.polls else "failed")


@rule("9.1a", "10.3a")
@pytest.mark.parametrize(
    "polls, sleeps",
    [
        ([(0, 1.5), (0, 4), (0, 4), (0, 5)], [2, 4, 4.5]),
        ([(1, 0), (1, 7), (0, 70)] + [(0, 0)], [5, 7, 60]),
        ([(11.5, 60), (13, 0), (0, 59), (0, 60)], [60, 60, 59]),
    ],
    ids=["small", "slow", "slow and large"],
)
def test_pause_grows_with_the_time_and_the_size_of_a_poll(polls, sleeps):
    clock = Clock()
    found = program.wait_for_execution(Polls(polls, clock), PROJECT, EXECUTION)
    assert (found["status"], clock.sleeps) == ("failed", sleeps)


ENDING = {
    "401": (Reply({}, 401), 3),
    "403": (Reply({}, 403), 4),
    "404": (Reply({}, 404), 1),
    "html": (Reply(b"<html>"), 1),
    "other id": (Reply({"id": NODES[0], "status": "succeeded"}), 1),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n\r\n", 1),
    "targets": (Reply(execution([1])), 1),
    "status no string": (Reply(execution(status=5)), 1),
}


@rule("9.1c", "3.8", "3.8c")
@pytest.mark.parametrize("name", ["429", "502", "503", "504", "drop", "reset", "cut", "silent", "stalled"])
def test_retryable_failure_is_waited_out_after_the_first_response(plane, name):
    slept = []
    retries = [] if name in ("silent", "stalled") else [0.5, 1]
    attempts = make_answers(name) * (len(retries) + 1)
    plane.script(reply_status("started", framing="close"), *attempts * 2 + [END])
    result = run_cli(*WAIT + ("--timeout=0.3",), plane=plane, sleep=slept.append)
    expected = [2] + retries + [3] + retries + [4.5]  # longer, if a poll of a loaded machine takes long
    assert (result.code, len(slept)) == (0, len(expected)) and not plane.answers
    assert [pair for pair in zip(slept, expected) if not pair[1] <= pair[0] < pair[1] + 20] == []
    assert [line.rpartition("; ")[2] for line in error_lines(result, "retry")] == [
        "waiting %.1f s" % pause for pause in slept[1:]
    ]


@rule("9.1c", "9.1d")
def test_server_that_is_gone_is_waited_for(plane):
    clock = Clock(during={1: plane.close})
    plane.script(GOOD)
    error = wait_until_final(plane, clock, seconds=60)
    assert clock.slept == 60 and '"started"; the last failure was: cannot connect to ' in str(error)


@rule("9.1c", "9.1d")
@pytest.mark.parametrize("fault, code", list(ENDING.values()), ids=list(ENDING))
def test_other_failures_end_the_wait_and_print_nothing(plane, fault, code):
    slept = []
    plane.script(GOOD, fault)
    result = run_cli(*WAIT + ("--wait-timeout", "99"), plane=plane, sleep=slept.append)
    assert (result.code, result.out, len(error_lines(result)), slept) == (code, b"", 1, [2])


@rule("9.1c", "10.5a")
@pytest.mark.parametrize(
    "names, code, sleeps",
    [
        ("503 503 ok end", 0, [0.5, 1, 7.5]),
        ("drop drop drop", 1, [0.5, 1]),
        ("+31", 1, []),
        ("silent", 1, []),
        ("stalled", 1, []),
    ],
)
def test_failure_before_the_first_response_ends_the_wait_as_a_get(plane, names, code, sleeps):
    clock = Clock()
    plane.script(*make_answers(names))
    end = wait_until_final(plane, clock, seconds=80, timeout=0.3)
    assert getattr(end, "exit_code", 0) == code and clock.sleeps == sleeps and not plane.answers
    plane.script(*[BUSY] * 3 + [reply_status("failed")])
    assert isinstance(wait_until_final(plane, Clock(), 0), program.APIError)  # a single poll
    assert wait_until_final(plane, Clock(), 0) == "failed"


# ---- 9.1d: time limits


@rule("9.1d", "10.5a")
@pytest.mark.parametrize("seconds, sleeps", [(10, [2, 3, 4.5, 0.5]), (9.5, [2, 3, 4.5]), (2, [2]), (1, [1]), (0, [])])
def test_wait_ends_on_time_with_the_last_response(plane, seconds, sleeps):
    clock = Clock()
    plane.script(*[reply_status("ack", "failed")] * max(1, len(sleeps)))
    error = wait_until_final(plane, clock, seconds)
    assert (type(error), error.exit_code, error.retryable) == (program.WaitTimeout, 124, False)
    assert error.execution == execution([target(status="failed")], status="ack") and not plane.answers
    assert str(error) == 'the wait timed out, and no final status is known; the last status was "ack"'
    assert error.hint == "the Execution may still be running: wait again, or longer" and clock.sleeps == sleeps


@rule("9.1d", "10.5a", "10.4")
@pytest.mark.parametrize("outer, seconds, sleeps", [(3, None, [2, 1]), (3, 9, [2, 1]), (9, 3, [2, 1]), (9, 0, [])])
def test_earliest_time_limit_ends_the_wait(plane, outer, seconds, sleeps):
    clock = Clock()
    plane.script(*[GOOD] * max(1, len(sleeps)))
    with make_transport(plane, clock) as transport, transport.time_limit(outer), pytest.raises(program.WaitTimeout):
        program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)
        assert clock.sleeps == sleeps and not plane.answers


@rule("9.1d", "9.1c", "10.4")
@pytest.mark.parametrize(
    "seconds, sleeps", [(2.5, [2, 0.5]), (3, [2, 0.5, 0.5]), (3.6, [2, 0.5, 1, 0.1]), (6, [2, 0.5, 1, 2.5])]
)
def test_failure_midway_is_named_when_time_is_up(plane, seconds, sleeps):
    clock = Clock()
    plane.script(GOOD, *[BUSY] * 3)
    error = wait_until_final(plane, clock, seconds)
    assert [round(pause, 6) for pause in clock.sleeps] == sleeps and round(clock.slept, 6) == seconds
    assert str(error).endswith('the last status was "started"; the last failure was: HTTP 503 Service Unavailable')


@rule("9.1d", "10.5a")
@pytest.mark.parametrize(
    "names, last",
    [
        ("silent", ""),
        ("stalled", ""),
        ("ok silent", '; the last status was "started"'),
        ("ok stalled", '; the last status was "started"'),
    ],
)
def test_wait_ends_on_time_even_if_the_server_sends_nothing(plane, names, last):
    plane.script(*make_answers(names))
    began = time.monotonic()
    error = wait_until_final(plane, Clock(running=True), 2 * bool(last) + 0.2, timeout=20)  # a pause takes no time
    assert (type(error), bool(error.execution)) == (program.WaitTimeout, bool(last)) and time.monotonic() - began < 10
    assert str(error) == "the wait timed out, and no final status is known" + last


@rule("9.1d")
def test_wait_timeout_exits_124_and_names_the_last_status(plane):
    plane.script(reply_status("st\x1barted"))
    result = run_cli(*WAIT + ("--wait-timeout", "0.2"), plane=plane, sleep=time.sleep)
    assert (result.code, result.out) == (124, b"")
    assert result.err.splitlines() == [
        "status: st\\x1barted 0/0",
        'error: the wait timed out, and no final status is known; the last status was "st\\x1barted"',
        "hint: the Execution may still be running: wait again, or longer",
    ]


# ---- what the command prints


@rule("9.1b", "9.1c", "5.10", "10.5a")
def test_stderr_has_one_safe_line_per_change_and_failure(plane):
    pending, none, two = reply_status("pending"), reply_status("started"), reply_status("started", "succeeded", "x")
    answers = [
        reply_status(None),
        BUSY,
        pending,
        pending,
        none,
        reply_status("started", "failed"),
        two,
        two,
        reply_status("ack", "succeeded"),
        reply_status("\x1b[2J error: x"),
        END,
    ]
    plane.script(*answers)
    result = run_cli(*WAIT + ("--timeout=3", "--wait-timeout=1d"), plane=plane)
    lines = ["status: - 0/0", "retry: HTTP 503 Service Unavailable; waiting 0.5 s"] + [
        "status: " + told
        for told in (
            "pending 0/0",
            "started 0/0",
            "started 1/2",
            "ack 1/1",
            "\\x1b[2J\\x20error:\\x20x 0/0",
            "succeeded 0/0",
        )
    ]
    assert (result.code, result.err.splitlines()) == (0, lines)


MANY = [target(inline(b"out\n")), target(archive(), NODES[1], "failed"), target(node=NODES[2])]


@rule("9.1", "9.2")
@every_get_format
@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_wait_prints_the_last_response_as_a_get_does(plane, format, status):
    plane.script(*[Reply(execution(MANY[::2], status=status))] * 2)
    plain, waited = [
        run_cli(*GET + ("--output", format, "--exit-status") + wait, plane=plane) for wait in ((), ("--wait",))
    ]
    assert waited == plain._replace(err="status: %s 2/2\n" % status) and len(plane.requests) == 2
    assert (plain.code, plain.err) == (5 * (status == "failed"), "") and plain.out


@rule("9.2")
@pytest.mark.parametrize(
    "reply, flags, code",
    [
        (execution(MANY, status="failed"), "-o raw", 1),
        (Reply({}, 401), "", 3),
        (Reply({}, 403), "", 4),
        (execution([target({"kind": "tape"})], status="failed"), "", 1),
        (execution(MANY), "--failed", 0),
        (execution(status="failed"), "--node " + NODES[5], 1),
        ({"id": EXECUTION}, "-o json", 5),
    ]
    + [
        (execution(MANY, status=status), "", 0 if status == "succeeded" else 5)
        for status in STATUSES + ("SUCCEEDED", "", None)
    ],
)
def test_exit_status_changes_only_exit_code_0(plane, reply, flags, code):
    argv = GET + tuple(flags.split())
    result = run_against(plane, reply, *argv + ("--exit-status",))
    assert result == run_against(plane, reply, *argv)._replace(code=code)


@rule("9.1f")
@pytest.mark.parametrize(
    "flags, terminals, is_hinted",
    [
        ("--wait --timeout 9", BOTH, True),
        ("--timeout 9", BOTH, False),
        ("--wait --timeout 9", ("stdout",), False),
        ("--wait", BOTH, False),
        ("--wait --timeout 9 --wait-timeout 8", BOTH, False),
    ],
)
def test_timeout_of_a_wait_is_hinted_at_on_a_terminal(plane, flags, terminals, is_hinted):
    plane.script(Reply(execution(MANY)))
    hints = error_lines(run_cli(*GET + tuple(flags.split()), plane=plane, terminals=terminals), "hint")
    assert hints == ["--timeout limits each network operation; to limit the wait, use --wait-timeout"] * is_hinted
