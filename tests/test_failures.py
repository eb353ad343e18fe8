"""Failures, apart from what failures.md shows: bodies that are large, no text or nested deeply, failing connections,
and what a program gets."""

import re
import sys

import pytest

import plexctl_exec_log as program
from kit import (
    ALL,
    EXECUTION,
    GET,
    LIST,
    PATH,
    README,
    error_lines,
    execution,
    hint_lines,
    page,
    read_text,
    run_cli,
    run_line,
)
from server import DROP, Reply

# ---- exit codes

# fmt: off
OTHER_STATUSES = [
    103, 201, 204, 206, 299, 300, 304, 307,
    400, 402, 404, 405, 407, 408, 409, 410, 418, 425, 429, 451,
    500, 501, 502, 503, 504, 505, 599,
]
# fmt: on


@pytest.mark.parametrize("status", OTHER_STATUSES)
def test_http_status_other_than_200_401_and_403_means_exit_1(plane, status):
    # With the status 200, this body would be printed. With the status 403, its code would mean exit code 77.
    answer = Reply({"id": EXECUTION, "code": "rebac_denied"}, status)
    plane.script(answer, answer, answer)  # three, because some statuses are retried twice

    result = run_cli(*GET, plane=plane)

    assert result.code == 1
    assert result.out == b""
    (error,) = error_lines(result)
    assert error.startswith("HTTP %d " % status)


def test_status_401_means_exit_3_even_if_the_code_is_rebac_denied(plane):
    result = run_line("list", plane, Reply({"code": "rebac_denied"}, 401))

    assert result.code == 3


# fmt: off
@pytest.mark.parametrize("body, code", [
    (b'{"code": "rebac_denied"}', 77),
    # Other members do not matter, \u005f is an underscore, and the last of two members with a name counts.
    (b'{"code": "rebac_denied", "status": 400}', 77),
    (b'{"code": "rebac\\u005fdenied", "relation_path": 7}', 77),
    (b'{"code": "other", "code": "rebac_denied"}', 77),
    # The whole member is compared, and only that of the outer object.
    (b'{"code": "REBAC_DENIED"}', 4),
    (b'{"code": "rebac_denied "}', 4),
    (b'{"code": "x.rebac_denied"}', 4),
    (b'{"code": ["rebac_denied"]}', 4),
    (b'{"Code": "rebac_denied", "reason": "rebac_denied", "title": "rebac_denied"}', 4),
    (b'{"error": {"code": "rebac_denied"}}', 4),
    (b'[{"code": "rebac_denied"}]', 4),
    # A body that is not valid JSON has no code.
    (b"", 4),
    (b"rebac_denied", 4),
    (b'{"code": "rebac_denied"', 4),
    (b'{"code": "rebac_denied", "n": NaN}', 4),
    pytest.param(b"[" * 60000, 4, id="nested too deeply"),
    # A Problem, the JSON object that describes an error (RFC 9457), may have up to 1 MiB.
    pytest.param(b'{"code": "rebac_denied"}'.ljust(1048576), 77, id="1 MiB"),
    pytest.param(b'{"code": "rebac_denied"}'.ljust(1048577), 4, id="1 MiB and a byte"),
])
# fmt: on
def test_status_403_means_exit_77_if_the_code_is_rebac_denied_and_otherwise_4(plane, body, code):
    # The type that the server states does not matter.
    result = run_line("list", plane, Reply(body, 403, [("Content-Type", "text/html")]))

    assert result.code == code
    assert len(error_lines(result)) == 1


# ---- hints


# fmt: off
HINTS = [
    (400, {"title": "x"}, "the server rejected the value of a flag: check the flags against --help"),
    # The code is compared for a 400, and the reason for a 403.
    (400, {"reason": "invalid_cursor"}, "the server rejected the value of a flag: "
                                          "check the flags against --help"),
    (400, {"code": "invalid_cursor"}, "the server rejected the cursor: "
                                      "use it only with the filters of the listing that printed it"),
    (400, {"code": "invalid_limit"}, "use a --limit of at most 200"),
    (400, {"code": "invalid_status"}, "the server rejected the value of --status: --help lists the valid ones"),
    (401, {"title": "x"}, "get a new token: "
                          "the token from PLEXSPHERE_TOKEN is invalid, expired or for another server"),
    (403, {"title": "x"}, "ask an owner of the Project to let this token read its Executions"),
    (403, {"code": "caveat_violation"}, "ask an owner of the Project to let this token read its Executions"),
    (403, {"reason": "caveat_violation"}, "the token is valid, but its conditions are not met: check its validity "
                                          "period, your source address and how you logged in"),
    (404, {"code": "invalid_limit", "reason": "caveat_violation"},
     "not found, or not visible to this token: check the Project (--project), the id (for get) and the server"),
    (407, {"title": "x"}, "check the server's name and port, HTTPS_PROXY, HTTP_PROXY and NO_PROXY "
                          "(if the proxy needs a login, put user:password@ before its host)"),
    (429, {"title": "x"}, "too many requests: try again later"),
    (500, {"title": "x"}, "try again; if it keeps failing, "
                          "send the server's operators the time, the command and any correlation id"),
    (501, {"title": "x"}, "this server cannot run actions: ask its operators to enable action dispatch"),
    (502, {"title": "x"}, "the server, or a gateway in front of it, may be overloaded or restarting: try again later"),
    (503, {"title": "x"}, "the server, or a gateway in front of it, may be overloaded or restarting: try again later"),
    (504, {"title": "x"}, "the server, or a gateway in front of it, may be overloaded or restarting: try again later"),
]
# fmt: on


@pytest.mark.parametrize("status, problem, hint", HINTS, ids=["%d %s" % row[:2] for row in HINTS])
def test_first_response_with_this_status_and_problem_has_this_hint(plane, status, problem, hint):
    answer = Reply(problem, status)
    plane.script(answer, answer, answer)  # three, because some statuses are retried twice

    result = run_cli(*LIST, plane=plane)

    assert hint_lines(result) == [hint]


def test_every_retried_status_has_a_hint_and_stands_in_the_docstring_and_the_readme():
    hinted = {status for status, _, _ in HINTS}
    retries = re.search(r"\*\*Retries\.\*\*.*", read_text(README)).group()

    for status in program.RETRIED_STATUSES:
        assert status in hinted
        assert str(status) in program.RemoteError.__doc__
        assert str(status) in retries


# ---- messages


def test_status_line_without_a_reason_leaves_no_space_at_the_end(plane):
    result = run_line("list", plane, b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n")

    assert result.err.startswith("error: HTTP 404\n")


# fmt: off
@pytest.mark.parametrize("body, shown", [
    ({"correlation_id": "c-17"}, "c-17"),
    # The header is shown, with its ESC escaped.
    ({"correlation_id": ""}, "h-1\\x1b"),
    ({"correlation_id": 1}, "h-1\\x1b"),
    (b"<html>", "h-1\\x1b"),
])
# fmt: on
def test_header_replaces_a_missing_or_unusable_correlation_id(plane, body, shown):
    result = run_line("get $ID", plane, Reply(body, 409, [("X-Correlation-Id", "h-1\x1b")]))

    assert result.err == "error: HTTP 409 Conflict; correlation id: %s\n" % shown


@pytest.mark.parametrize(
    "answer, error",
    [
        pytest.param(
            Reply(b'{"items":[]}', framing="chunked", cut=5),
            "the chunked body is malformed or was cut short",
            id="ends within a chunk",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "the chunked body is malformed or was cut short",
            id="ends before the first chunk",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}",
            "the chunked body is malformed or was cut short",
            id="size is no number",
        ),
        pytest.param(
            Reply(b'{"items":[', framing="close"),
            "the body is malformed or was cut short",
            id="ends with the connection",
        ),
    ],
)
def test_error_for_a_broken_body_without_a_length_names_two_causes(plane, answer, error):
    # With a length, with gzip or after a reset, it is known to be cut short, as
    # test_each_retry_is_reported_on_stderr in test_transport.py shows for a length.
    result = run_line("list", plane, answer, answer, answer)

    assert result.code == 1
    assert error_lines(result) == [error]
    (hint,) = hint_lines(result)
    assert "--server" not in hint  # it does not doubt that the server is the API
    assert len(plane.requests) == 3  # it was retried twice


def nest_lists(levels):
    """Return the answer with an Execution that has as many levels of lists in lists."""
    return Reply('{"id":"%s","deep":%s}' % (EXECUTION, "[" * levels + "]" * levels))


@pytest.mark.parametrize("format", ["-o text", "-o json"])
@pytest.mark.skipif(
    sys.implementation.name == "pypy",
    reason="its encoder can exhaust the stack, and end the process, at this depth",
)
def test_deeply_nested_json_is_either_printed_or_gives_one_error_line(plane, format):
    # Pythons differ in how deep their decoder and their encoder can go.
    result = run_line("get $ID " + format, plane, nest_lists(5000))

    assert (result.code, error_lines(result)) in [
        (0, []),
        (1, ["the response is malformed: its body is nested too deeply"]),
        (1, ["the response is nested too deeply to be printed"]),
    ]


# ---- a listing whose second page fails


# The answer is scripted four times, because a dropped request is sent anew, and then retried twice.
@pytest.mark.parametrize("format", ["-o json", "-o yaml"])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Reply(page(execution(id="e-3")), cut=99), id="cut short"),
        pytest.param(Reply({}, 404), id="404"),
        pytest.param(Reply(page(execution(id="e-3"), 1)), id="an item is a number"),
        pytest.param(b"x\r\n\r\n", id="not HTTP"),
        pytest.param(DROP, id="dropped"),
    ],
)
def test_document_keeps_the_items_of_earlier_pages_and_is_left_incomplete(plane, answer, format):
    first_page = Reply(page({"id": "e-1"}, {"id": "e-2"}, next_cursor="c2"))
    plane.script(first_page, answer, answer, answer, answer)

    result = run_cli(*ALL, *format.split(), plane=plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert result.out == b'{\n  "items": [\n    {"id":"e-1"},\n    {"id":"e-2"}'


# ---- what a program gets

PROBLEM = {"title": "Bad News", "code": "some_code", "detail": "not yours", "more": [1]}


def test_library_gets_the_status_and_the_problem(plane, transport):
    plane.script(Reply(PROBLEM, 409, [("Retry-After", "40")]))

    with pytest.raises(program.APIError) as caught:
        transport.get(PATH, {})

    error = caught.value
    assert error.status == 409
    assert error.problem == PROBLEM
    assert error.retry_after == 40
    assert str(error) == "HTTP 409 Bad News; not yours; code: some_code; retry after: 40 s"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="HTML"),
        pytest.param([PROBLEM], id="a list"),
        pytest.param(b'{"title": "x\xff"}', id="not UTF-8"),
    ],
)
def test_library_gets_an_empty_problem_if_the_body_has_none(plane, transport, body):
    plane.script(Reply(body, 409))

    with pytest.raises(program.APIError) as caught:
        transport.get(PATH, {})

    assert caught.value.status == 409
    assert caught.value.problem == {}
    assert str(caught.value) == "HTTP 409 Conflict"
