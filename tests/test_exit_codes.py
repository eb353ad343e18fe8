"""Section 6: every exit code by its cause, and the error line that comes with it."""

import re

import pytest

from kit import (
    CONTRACT,
    EXECUTION,
    GET,
    LIST,
    error_lines,
    execution,
    inline,
    read_text,
    rule,
    run_cli,
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
