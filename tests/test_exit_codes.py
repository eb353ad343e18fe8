"""Section 6: every exit code by its cause, the error line that comes with it, and streams that accept nothing."""

import io
import os
import re

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import (
    ALL,
    CONTRACT,
    EXECUTION,
    GET,
    GET_RAW,
    LIST,
    SMALL_EXECUTION,
    FailingStream,
    error_lines,
    execution,
    inline,
    page,
    posix_only,
    read_text,
    rule,
    run_against,
    run_cli,
    run_in_shell,
    surroundings,
    target,
)
from server import Reply

#: HTTP statuses, by the exit code. For a 403 with `rebac_denied` see below.
STATUSES_BY_CODE = {
    1: "201 204 206 299 300 304 307 400 402 404 405 407 409 410 418 451 500 501 502 503 505 599",
    3: "401",
    4: "403",
}


@rule("6.1", "6.2")
@pytest.mark.parametrize("code", sorted(STATUSES_BY_CODE))
def test_http_status_decides_the_exit_code_and_comes_with_an_error(plane, code):
    for status in STATUSES_BY_CODE[code].split():
        plane.script(*[Reply({"code": "rebac_denied" if code == 1 else "x", "id": EXECUTION}, int(status))] * 3)
        result = run_cli(*GET, plane=plane)
        plane.answers.clear()
        assert (result.code, result.out) == (code, b"") and "error: HTTP %s " % status in result.err


#: Bodies of a 403, one a line, by the exit code.
BODIES_OF_403 = {
    77: r"""
    {"code": "rebac_denied"}
    {"code": "rebac_denied", "status": 400}
    {"code": "rebac\u005fdenied", "relation_path": 7}
    {"code": "other", "code": "rebac_denied"}""",
    4: r"""
    {}
    rebac_denied
    "rebac_denied"
    [{"code": "rebac_denied"}]
    {"code": ["rebac_denied"]}
    {"code": "REBAC_DENIED"}
    {"code": "rebac_denied "}
    {"code": "x.rebac_denied"}
    {"Code": "rebac_denied", "reason": "rebac_denied", "title": "rebac_denied"}
    {"error": {"code": "rebac_denied"}}
    {"code": "rebac_denied"
    {"code": "rebac_denied", "n": NaN}""",
}


@rule("6.1a", "6.1")
@pytest.mark.parametrize("code", sorted(BODIES_OF_403))
def test_status_403_is_77_only_with_exactly_rebac_denied(plane, code):
    for body in BODIES_OF_403[code].split("\n") + ["[" * 60000] * (code == 4):
        result = run_against(plane, Reply(body, 403, [("Content-Type", "text/html")]))
        assert (result.code, len(error_lines(result)), result.out) == (code if body else 4, 1, b""), body


FAILED = execution([target(inline(b"x"), status="failed")], status="failed")
#: For each exit code of the contract's table, except 130 and 141: flags, an answer or None, and the error.
CAUSES = {
    "0": ("get ID", FAILED, ""),
    "5": ("get ID --exit-status", FAILED, ""),
    "2": ("list --no", None, "unknown flag"),
    "1": ("get ID --exit-status", execution([target({"kind": "?"})], status="failed"), "unreadable"),
    "3": ("get ID --token-file ./none", None, "cannot read ./none"),
    "4": ("get ID", Reply({}, 403), "HTTP 403"),
    "77": ("list", Reply({"code": "rebac_denied"}, 403), "HTTP 403"),
    "124": ("get ID --wait --wait-timeout 1", execution(status="ack"), 'the last status was "ack"'),
}


@rule("6.1", "6.2")
def test_every_code_of_the_table_has_a_cause_and_an_error_line(plane):
    table = read_text(CONTRACT).partition("<!-- exit codes -->")[2].partition("<!-- end -->")[0]
    assert set(re.findall(r"(?m)^\| (\d+) ", table)) == set(CAUSES) | {"130", "141"}
    for code, (line, answer, text) in CAUSES.items():
        plane.answers.clear()
        plane.script(Reply(answer) if isinstance(answer, dict) else answer)
        result = run_cli(*line.replace("ID", EXECUTION).split(), plane=plane, env={"PLEXSPHERE_PROJECT": PROJECT})
        assert str(result.code) == code and [text in line for line in error_lines(result)] == [True] * bool(text), line


#: What writing to stdout raises, the exit code, and what stderr says.
STDOUT_ERRORS = {
    "full": (OSError(28, "No space left"), 1, "cannot write to standard output: No space left"),
    "closed": (ValueError("closed"), 1, "cannot write to standard output: closed"),
    "text": (TypeError("no text"), 1, "cannot write to standard output: no text"),
    "nameless": (AttributeError(), 1, "cannot write to standard output: AttributeError"),
    "memory": (MemoryError(), 1, "out of memory"),
    "gone": (BrokenPipeError(32, "Broken pipe"), 141, ""),
}


@rule("6.1", "6.2")
@pytest.mark.parametrize("argv", [("--help",), ("--version",), LIST, ALL, GET, GET + ("-o", "json")], ids=" ".join)
@pytest.mark.parametrize("error, code, text", list(STDOUT_ERRORS.values()), ids=list(STDOUT_ERRORS))
def test_unwritable_stdout_is_1_and_a_reader_that_has_gone_is_141(plane, argv, error, code, text):
    plane.script(Reply(page(execution()) if "list" in argv else SMALL_EXECUTION))
    result = run_cli(*argv, plane=plane, stdout=FailingStream(error), terminals=("stderr",))
    assert (result.code, result.err) == (code, "error: %s\n" % text if text else "")


class SlowRaw(io.RawIOBase):
    """A raw stream, as Python's -u makes, that takes little at once, and after `most` bytes nothing for now."""

    taken = b""

    def write(self, data):
        size = min(len(data), 4999, self.most - len(self.taken))
        self.taken += bytes(data[:size])
        return size or None


@rule("6.1")
@pytest.mark.parametrize("most, code", [(1 << 30, 0), (50000, 1)])
def test_partial_writes_are_completed_or_reported(plane, most, code):
    stdout, whole = SlowRaw(), b"x" * 90000
    stdout.most = most
    result = run_against(plane, execution([target(inline(whole))]), *GET_RAW, stdout=stdout)
    assert (result.code, stdout.taken) == (code, whole[:most])
    assert result.err == "error: cannot write to standard output: it is not ready (non-blocking)\n" * code


# ---- streams that are closed or full from the start


@posix_only
@rule("6.1", "6.2", "5.1a")
@pytest.mark.parametrize(
    "line",
    [
        "get; >&-",
        "get; <&- 2>&-",
        "get; >&- 2>&-",
        "get; >/dev/full",
        "get; 2>/dev/full",
        "get; >/dev/full 2>/dev/full",
        "help; >/dev/full",
        "help; >&-",
        "x; >/dev/full 2>/dev/full",
        "x; >&-",
    ],
)
def test_closed_or_full_stream_changes_no_other_stream(plane, line):
    word, redirection = line.split("; ")
    argv = GET + ("-v",) if word == "get" else (word,)
    if "full" in redirection and not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    plane.script(Reply(SMALL_EXECUTION), Reply(SMALL_EXECUTION))
    code, out, err = run_in_shell(redirection, *argv, plane=plane)
    whole = run_cli(*argv, plane=plane)
    assert (out, code) == ((b"", whole.code or 1) if redirection[0] == ">" else (whole.out, whole.code))
    labels = re.findall("(?m)^([a-z]+): ", err)  # the trace's lines begin with < or >
    assert labels == ([] if "2" in redirection else ["error", "hint"][: whole.code or 1])
    assert len(plane.requests) < 2 or redirection[:3] != ">&-", "it is noticed before the first request"


@rule("5.1a", "6.1")
@pytest.mark.parametrize("error", [OSError(28, "full"), BrokenPipeError(), ValueError("closed"), AttributeError()])
def test_failing_stderr_changes_neither_exit_code_nor_stdout(plane, error):
    out = io.BytesIO()
    plane.script(Reply({}, 503), Reply(execution([target(inline(b"one\n")), target({"kind": "?"}), target()])))
    with surroundings(plane):
        assert program.main(list(GET_RAW + ("-v",)), out, FailingStream(error), sleep=lambda seconds: None) == 1
    assert out.getvalue() == b"one\n"
