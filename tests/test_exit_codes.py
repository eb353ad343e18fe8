"""Section 6: every exit code by its cause, the error line that comes with it, and streams that accept nothing."""

import io
import os
import re

import pytest

import plexctl_exec_log as program
from kit import (
    ALL,
    ANY_RESPONSE,
    CONTRACT,
    EXECUTION,
    GET,
    GET_RAW,
    LIST,
    SMALL_EXECUTION,
    FailingStream,
    error_lines,
    execution,
    hint_lines,
    inline,
    page,
    posix_only,
    read_text,
    rule,
    run_cli,
    run_in_shell,
    surroundings,
    target,
)
from server import Reply

# ---- HTTP statuses


# fmt: off
OTHER_STATUSES = [
    103, 201, 204, 206, 299, 300, 304, 307,
    400, 402, 404, 405, 407, 408, 409, 410, 418, 425, 429, 451,
    500, 501, 502, 503, 504, 505, 599,
]
# fmt: on


@rule("6.1", "6.2")
@pytest.mark.parametrize("status", OTHER_STATUSES)
def test_http_status_other_than_200_401_and_403_means_exit_1(plane, status):
    # With the status 200, this body would be printed. With the status 403, its code would mean 77.
    answer = Reply({"id": EXECUTION, "code": "rebac_denied"}, status)
    plane.script(answer, answer, answer)  # three, because some statuses are retried twice

    result = run_cli(*GET, plane=plane)

    assert result.code == 1
    assert result.out == b""
    errors = error_lines(result)
    assert len(errors) == 1
    assert errors[0].startswith("HTTP %d " % status)


@rule("6.1", "6.2")
@pytest.mark.parametrize("code", ["x", "rebac_denied"])
def test_status_401_means_exit_3(plane, code):
    plane.script(Reply({"id": EXECUTION, "code": code}, 401))

    result = run_cli(*GET, plane=plane)

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == ["HTTP 401 Unauthorized; code: " + code]


@rule("6.1", "6.2")
def test_status_403_means_exit_4(plane):
    plane.script(Reply({"id": EXECUTION, "code": "x"}, 403))

    result = run_cli(*GET, plane=plane)

    assert result.code == 4
    assert result.out == b""
    assert error_lines(result) == ["HTTP 403 Forbidden; code: x"]


@rule("6.1a", "6.1")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"code": "rebac_denied"}', id="code only"),
        pytest.param(b'{"code": "rebac_denied", "status": 400}', id="another status in the body"),
        pytest.param(
            rb'{"code": "rebac\u005fdenied", "relation_path": 7}',
            id="escaped, with a wrong relation path",
        ),
        pytest.param(b'{"code": "other", "code": "rebac_denied"}', id="the last of two codes"),
    ],
)
def test_status_403_with_code_rebac_denied_means_exit_77(plane, body):
    # The type that the server states does not matter.
    plane.script(Reply(body, 403, [("Content-Type", "text/html")]))

    result = run_cli(*GET, plane=plane)

    assert result.code == 77
    assert result.out == b""
    assert len(error_lines(result)) == 1


@rule("6.1a", "6.1")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="no member"),
        pytest.param(b"rebac_denied", id="no JSON"),
        pytest.param(b'"rebac_denied"', id="a string"),
        pytest.param(b'[{"code": "rebac_denied"}]', id="a list"),
        pytest.param(b'{"code": ["rebac_denied"]}', id="a list as the code"),
        pytest.param(b'{"code": "REBAC_DENIED"}', id="upper case"),
        pytest.param(b'{"code": "rebac_denied "}', id="a space at the end"),
        pytest.param(b'{"code": "x.rebac_denied"}', id="a longer code"),
        pytest.param(
            b'{"Code": "rebac_denied", "reason": "rebac_denied", "title": "rebac_denied"}',
            id="other members",
        ),
        pytest.param(b'{"error": {"code": "rebac_denied"}}', id="an inner object"),
        pytest.param(b'{"code": "rebac_denied"', id="cut short"),
        pytest.param(b'{"code": "rebac_denied", "n": NaN}', id="NaN, which is no JSON"),
        pytest.param(b"[" * 60000, id="nested too deeply"),
    ],
)
def test_status_403_without_exactly_the_code_rebac_denied_means_exit_4(plane, body):
    plane.script(Reply(body, 403, [("Content-Type", "text/html")]))

    result = run_cli(*GET, plane=plane)

    assert result.code == 4
    assert result.out == b""
    assert len(error_lines(result)) == 1


# ---- the table of exit codes


def test_tests_of_exit_codes_cover_the_table():
    table = read_text(CONTRACT).partition("<!-- exit codes -->")[2].partition("<!-- end -->")[0]

    codes = re.findall(r"(?m)^\| (\d+) ", table)

    # The next tests cause each of them, except 130, which test_interrupt.py causes.
    assert codes == ["0", "1", "2", "3", "4", "5", "77", "124", "130", "141"]


FAILED = execution([target(inline(b"x"), status="failed")], status="failed")


@rule("6.1", "6.2")
@pytest.mark.parametrize(
    "argv, code",
    [
        pytest.param(GET, 0, id="0: everything was written"),
        pytest.param(GET + ("--exit-status",), 5, id="5: the Execution has failed"),
    ],
)
def test_codes_0_and_5_come_without_an_error(plane, argv, code):
    plane.script(Reply(FAILED))

    result = run_cli(*argv, plane=plane)

    assert result.code == code
    assert result.out != b""
    assert result.err == ""


@rule("6.1", "6.2")
@pytest.mark.parametrize(
    "argv, answer, code, error",
    [
        pytest.param(
            GET + ("--exit-status",),
            Reply(execution([target({"kind": "?"})], status="failed")),
            1,
            'the output of target a1b2c300-0000-4000-8000-000000000000 is unreadable: unknown kind "?"',
            id="1: an output is missing, which is more important than 5",
        ),
        # The answer is None where nothing is requested.
        pytest.param(LIST + ("--zzz",), None, 2, "unknown flag --zzz", id="2: usage"),
        pytest.param(
            GET + ("--token-file", "./none"),
            None,
            3,
            "cannot read ./none: ",  # and why, in the words of the system
            id="3: no token",
        ),
        pytest.param(GET, Reply({}, 403), 4, "HTTP 403 Forbidden", id="4: forbidden"),
        pytest.param(
            LIST,
            Reply({"code": "rebac_denied"}, 403),
            77,
            "HTTP 403 Forbidden; code: rebac_denied",
            id="77: no relation to the Project",
        ),
        pytest.param(
            GET + ("--wait", "--wait-timeout", "2"),  # not more than the first pause
            Reply(execution(status="ack")),
            124,
            "the wait timed out; the last status of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f "
            'was "ack" (0 of 0 succeeded)',
            id="124: the wait timed out",
        ),
    ],
)
def test_codes_for_failures_come_with_an_error(plane, argv, answer, code, error):
    plane.script(answer)

    result = run_cli(*argv, plane=plane)

    assert result.code == code
    errors = error_lines(result)
    assert len(errors) == 1
    assert errors[0].startswith(error)


# ---- streams that fail during the run

every_command_that_prints = pytest.mark.parametrize(
    "argv", [("--help",), ("--version",), LIST, ALL, GET, GET + ("-o", "json")], ids=" ".join
)


@rule("6.1", "6.2", "6.2f")
@every_command_that_prints
@pytest.mark.parametrize(
    "exception, error",
    [
        pytest.param(
            OSError(28, "No space left"),
            "error: cannot write to standard output: No space left\n",
            id="full",
        ),
        pytest.param(
            ValueError("closed"), "error: cannot write to standard output: closed\n", id="closed"
        ),
        pytest.param(
            TypeError("no text"),
            "error: cannot write to standard output: no text\n",
            id="a text stream",
        ),
        pytest.param(
            AttributeError(),
            "error: cannot write to standard output: AttributeError\n",
            id="an error without a message",
        ),
        pytest.param(MemoryError(), "error: out of memory\n", id="out of memory"),
    ],
)
def test_unwritable_stdout_means_exit_1_with_one_error(plane, argv, exception, error):
    plane.script(Reply(ANY_RESPONSE))

    # stderr is a terminal, so that a hint would show.
    result = run_cli(*argv, plane=plane, stdout=FailingStream(exception), terminals=("stderr",))

    assert result.code == 1
    assert result.err == error


@rule("6.1", "6.2")
@every_command_that_prints
def test_reader_that_has_gone_means_exit_141_without_a_message(plane, argv):
    plane.script(Reply(ANY_RESPONSE))
    stdout = FailingStream(BrokenPipeError(32, "Broken pipe"))

    result = run_cli(*argv, plane=plane, stdout=stdout, terminals=("stderr",))

    assert result.code == 141
    assert result.err == ""


class SlowRaw(io.RawIOBase):
    """A raw stream, like stdout under `python -u`, whose write() takes at most 4999 bytes.

    Once it has taken `most` bytes, it takes none: write() then returns None, which means "not now"."""

    def __init__(self, most):
        super().__init__()
        self.most = most
        self.taken = b""

    def write(self, data):
        size = min(len(data), 4999, self.most - len(self.taken))
        self.taken += bytes(data[:size])
        return size or None


@rule("6.1")
def test_partial_writes_to_stdout_are_completed(plane):
    stdout = SlowRaw(most=1000000)
    plane.script(Reply(execution([target(inline(b"x" * 90000))])))

    result = run_cli(*GET_RAW, plane=plane, stdout=stdout)

    assert result.code == 0
    assert result.err == ""
    assert stdout.taken == b"x" * 90000


@rule("6.1")
def test_stdout_that_takes_nothing_more_means_exit_1(plane):
    stdout = SlowRaw(most=50000)
    plane.script(Reply(execution([target(inline(b"x" * 90000))])))

    result = run_cli(*GET_RAW, plane=plane, stdout=stdout)

    assert result.code == 1
    assert result.err == "error: cannot write to standard output: it is not ready (non-blocking)\n"
    assert stdout.taken == b"x" * 50000


class FailingOnce(io.BytesIO):
    """A stream whose first write() fails. The others work, as after somebody has made room on a full disk."""

    has_failed = False

    def write(self, data):
        if self.has_failed:
            return super().write(data)
        self.has_failed = True
        raise OSError(28, "No space left")


@rule("6.1")
@pytest.mark.parametrize(
    "argv, answer",
    [
        # The program collects data for stdout, and writes it once there are 64 KiB, and before a request.
        pytest.param(
            GET_RAW, execution([target(inline(b"x" * 90000))]), id="an output of more than 64 KiB"
        ),
        pytest.param(
            ALL, page(execution(), next_cursor="c2"), id="the rows before the second page"
        ),
    ],
)
def test_write_to_stdout_that_failed_is_not_repeated(plane, argv, answer):
    plane.script(Reply(answer))
    stdout = FailingOnce()

    result = run_cli(*argv, plane=plane, stdout=stdout)

    assert result.code == 1
    assert result.err == "error: cannot write to standard output: No space left\n"
    assert stdout.has_failed
    assert stdout.getvalue() == b""


@rule("5.1a", "6.1")
@pytest.mark.parametrize(
    "exception",
    [
        pytest.param(OSError(28, "full"), id="full"),
        pytest.param(BrokenPipeError(), id="reader gone"),
        pytest.param(ValueError("closed"), id="closed"),
        pytest.param(AttributeError(), id="no stream"),
    ],
)
def test_failing_stderr_changes_neither_exit_code_nor_stdout(plane, exception):
    # This run writes to stderr a trace, a retry, and an error about the second of three outputs. If the program ended
    # there, the third output would be missing.
    outputs = [target(inline(b"one\n")), target({"kind": "?"}), target(inline(b"three\n"))]
    plane.script(Reply({}, 503), Reply(execution(outputs)))
    stdout = io.BytesIO()

    with surroundings(plane):
        code = program.main(
            list(GET_RAW + ("-v",)), stdout, FailingStream(exception), sleep=lambda seconds: None
        )

    assert code == 1
    assert stdout.getvalue() == b"one\nthree\n"


# ---- streams that are closed or full from the start

needs_dev_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
WHOLE_OUTPUT = b"some output\n"


@posix_only
@rule("6.1", "5.1a")
@pytest.mark.parametrize(
    "redirection",
    [
        pytest.param("2>&-", id="stderr closed"),
        pytest.param("<&- 2>&-", id="stdin and stderr closed"),
        pytest.param("2>/dev/full", id="stderr full", marks=needs_dev_full),
    ],
)
def test_unusable_stderr_leaves_stdout_complete(plane, redirection):
    plane.script(Reply(SMALL_EXECUTION))

    result = run_in_shell(redirection, *GET_RAW, "-v", plane=plane)

    assert result.code == 0
    assert result.out == WHOLE_OUTPUT


@posix_only
@rule("6.1", "6.2", "5.1a")
@pytest.mark.parametrize(
    "argv, answer, redirection, code, requests",
    [
        # Nothing of these runs can be read. A crash would have the code 1, too, but not 2 or 4.
        # The answer is None where nothing is requested.
        pytest.param(GET + ("-v",), Reply(SMALL_EXECUTION), ">&- 2>&-", 1, 0, id="get, closed"),
        pytest.param(
            GET + ("-v",),
            Reply(SMALL_EXECUTION),
            ">/dev/full 2>/dev/full",
            1,
            1,
            id="get, full",
            marks=needs_dev_full,
        ),
        pytest.param(
            GET + ("-v",),
            Reply({}, 403),
            ">/dev/full 2>/dev/full",
            4,
            1,
            id="403, full",
            marks=needs_dev_full,
        ),
        pytest.param(("x",), None, ">&- 2>&-", 2, 0, id="a usage error, closed"),
        pytest.param(
            ("x",),
            None,
            ">/dev/full 2>/dev/full",
            2,
            0,
            id="a usage error, full",
            marks=needs_dev_full,
        ),
    ],
)
def test_exit_code_survives_if_stdout_and_stderr_are_unusable(
    plane, argv, answer, redirection, code, requests
):
    plane.script(answer)

    result = run_in_shell(redirection, *argv, plane=plane)

    assert result.code == code
    assert len(plane.requests) == requests


@posix_only
@rule("6.1", "6.2")
def test_closed_stdout_is_reported_before_anything_is_sent(plane):
    result = run_in_shell(">&-", *GET, "-v", plane=plane)

    assert result.code == 1
    assert result.err == "error: standard output is closed\n"
    assert plane.requests == []


@posix_only
@needs_dev_full
@rule("6.1", "6.2")
@pytest.mark.parametrize("argv", [GET, ("--help",)], ids=["get", "help"])
def test_full_stdout_is_reported_once(plane, argv):
    plane.script(Reply(SMALL_EXECUTION))

    result = run_in_shell(">/dev/full", *argv, plane=plane)

    assert result.code == 1
    assert result.err == "error: cannot write to standard output: No space left on device\n"


@posix_only
@rule("6.1", "6.2")
def test_closed_stdout_is_reported_for_help(plane):
    result = run_in_shell(">&-", "--help", plane=plane)

    assert result.code == 1
    assert result.err == "error: standard output is closed\n"


@posix_only
@rule("6.1", "6.2")
def test_usage_error_is_reported_even_if_stdout_is_closed(plane):
    result = run_in_shell(">&-", "x", plane=plane)

    assert result.code == 2
    assert len(error_lines(result)) == 1
    assert len(hint_lines(result)) == 1
