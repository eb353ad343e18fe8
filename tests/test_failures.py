"""Rules 6.2a, 6.2f and 6.3: what an error says, which hint follows, and what stays of a broken run."""

import sys

import pytest

import plexctl_exec_log as program
from kit import (
    ALL,
    EXECUTION,
    GET,
    LIST,
    PATH,
    error_lines,
    every_list_format,
    execution,
    hint_lines,
    page,
    read_listing,
    retry_lines,
    rule,
    run_cli,
)
from server import DROP, Reply

# ---- what the error for a response says

PROBLEM = {
    "type": "about:blank",
    "title": "Bad News",
    "status": 403,
    "code": "some_code",
    "reason": "some_reason",
    "relation_path": ["user:ann", "project:p"],
    "correlation_id": "c-17",
    "detail": "not yours",
}


@rule("6.2a")
@pytest.mark.parametrize(
    "members, error",
    [
        pytest.param(
            {},
            "HTTP 409 Bad News; not yours; code: some_code; reason: some_reason; "
            "relation path: user:ann > project:p; correlation id: c-17",
            id="complete",
        ),
        pytest.param(
            {"title": None},
            "HTTP 409 Conflict; not yours; code: some_code; reason: some_reason; "
            "relation path: user:ann > project:p; correlation id: c-17",
            id="title is null",
        ),
        pytest.param(
            {"title": 5},
            "HTTP 409 Conflict; not yours; code: some_code; reason: some_reason; "
            "relation path: user:ann > project:p; correlation id: c-17",
            id="title is a number",
        ),
        pytest.param(
            {"detail": ""},
            "HTTP 409 Bad News; code: some_code; reason: some_reason; "
            "relation path: user:ann > project:p; correlation id: c-17",
            id="detail is empty",
        ),
        pytest.param(
            {"detail": {"x": 1}},
            "HTTP 409 Bad News; code: some_code; reason: some_reason; "
            "relation path: user:ann > project:p; correlation id: c-17",
            id="detail is an object",
        ),
        pytest.param(
            {"detail": "a\n\x1b[m"},
            "HTTP 409 Bad News; a\\n\\x1b[m; code: some_code; reason: some_reason; "
            "relation path: user:ann > project:p; correlation id: c-17",
            id="detail has control characters",
        ),
        pytest.param(
            {"code": 7},
            "HTTP 409 Bad News; not yours; reason: some_reason; "
            "relation path: user:ann > project:p; correlation id: c-17",
            id="code is a number",
        ),
        pytest.param(
            {"reason": None},
            "HTTP 409 Bad News; not yours; code: some_code; relation path: user:ann > project:p; correlation id: c-17",
            id="reason is null",
        ),
        pytest.param(
            {"relation_path": []},
            "HTTP 409 Bad News; not yours; code: some_code; reason: some_reason; correlation id: c-17",
            id="relation path is empty",
        ),
        pytest.param(
            {"relation_path": [1, "a"]},
            "HTTP 409 Bad News; not yours; code: some_code; reason: some_reason; "
            "relation path: a; correlation id: c-17",
            id="relation path contains a number",
        ),
        pytest.param(
            {"correlation_id": None},
            "HTTP 409 Bad News; not yours; code: some_code; reason: some_reason; relation path: user:ann > project:p",
            id="correlation id is null",
        ),
    ],
)
def test_error_contains_those_members_of_the_problem_that_are_text(plane, members, error):
    plane.script(Reply(dict(PROBLEM, **members), 409))

    result = run_cli(*GET, plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert result.err == "error: %s\n" % error


@rule("6.2a")
@pytest.mark.parametrize(
    "body, header, error",
    [
        pytest.param(
            {"correlation_id": "c-17"},
            "h-1",
            "HTTP 409 Conflict; correlation id: c-17",
            id="both, of which the member counts",
        ),
        pytest.param(
            {"correlation_id": ""},
            "h-1",
            "HTTP 409 Conflict; correlation id: h-1",
            id="member is empty",
        ),
        pytest.param(
            {"correlation_id": 1},
            "h-1",
            "HTTP 409 Conflict; correlation id: h-1",
            id="member is a number",
        ),
        pytest.param(
            {},
            "h\x1b",
            "HTTP 409 Conflict; correlation id: h\\x1b",
            id="header has a control character",
        ),
        pytest.param(b"<html>", "h-1", "HTTP 409 Conflict; correlation id: h-1", id="no Problem"),
    ],
)
def test_header_replaces_a_missing_correlation_id(plane, body, header, error):
    plane.script(Reply(body, 409, [("x-correlation-id", header)]))

    result = run_cli(*GET, plane=plane)

    assert result.code == 1
    assert error_lines(result) == [error]


@rule("6.2a")
def test_library_gets_the_status_and_the_problem(plane, transport):
    plane.script(Reply(PROBLEM, 409, [("Retry-After", "40")]))

    with pytest.raises(program.APIError) as caught:
        transport.get(PATH, {})

    error = caught.value
    assert error.status == 409
    assert error.problem == PROBLEM
    assert error.retry_after == 40
    assert str(error) == (
        "HTTP 409 Bad News; not yours; code: some_code; reason: some_reason; "
        "relation path: user:ann > project:p; correlation id: c-17; retry after: 40 s"
    )


@rule("6.2a")
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
    plane.script(Reply(body, 409, [("Retry-After", "40")]))

    with pytest.raises(program.APIError) as caught:
        transport.get(PATH, {})

    error = caught.value
    assert error.status == 409
    assert error.problem == {}
    assert error.retry_after == 40
    assert str(error) == "HTTP 409 Conflict; retry after: 40 s"


# ---- hints


@rule("6.2a")
@pytest.mark.parametrize(
    "status, body, advice",
    [
        pytest.param(300, b"<html>", "check --server", id="300 without a Location"),
        pytest.param(399, b"{}", "check --server", id="399 without a Location"),
        pytest.param(
            400,
            b'{"detail": "limit"}',
            "the server rejected the value of a flag",
            id="400, no code",
        ),
        pytest.param(
            400,
            b'{"reason": "caveat_violation"}',
            "the server rejected the value of a flag",
            id="400, whose reason does not matter",
        ),
        pytest.param(
            400,
            b'{"code": "invalid_cursor"}',
            "rejected the cursor: use it only with the filters of the listing",
            id="400, invalid_cursor",
        ),
        pytest.param(
            400,
            b'{"code": "invalid_limit"}',
            "use a --limit of at most 200",
            id="400, invalid_limit",
        ),
        pytest.param(
            400,
            b'{"code": "invalid_status"}',
            "rejected the value of --status",
            id="400, invalid_status",
        ),
        pytest.param(
            401,
            b"{}",
            "get a new token: the token from PLEXSPHERE_TOKEN is invalid, expired or for another server",
            id="401",
        ),
        pytest.param(
            401, b"<html>", "is invalid, expired or for another server", id="401 without a Problem"
        ),
        pytest.param(
            403,
            b'{"reason": "x", "code": "invalid_cursor"}',
            "ask an owner of the Project to let this token read its Executions",
            id="403, whose code does not matter",
        ),
        pytest.param(
            403,
            b'{"reason": "caveat_violation", "code": "x"}',
            "check its validity period, your source address",
            id="403, caveat_violation",
        ),
        pytest.param(403, b"<html>", "check --server", id="403 without a Problem"),
        pytest.param(403, b"[]", "check --server", id="403 with a list"),
        pytest.param(
            404,
            b'{"code": "invalid_limit"}',
            "check the Project (--project), the id (for get) and the server",
            id="404, whose code does not matter",
        ),
        pytest.param(404, b"<html>", "check --server", id="404 without a Problem"),
        pytest.param(407, b"{}", "NO_PROXY", id="407"),
        pytest.param(429, b"{}", "too many requests: try again later", id="429"),
        pytest.param(
            500,
            b"{}",
            "send the server's operators the time, the command and any correlation id",
            id="500",
        ),
        pytest.param(501, b"{}", "ask its operators to enable action dispatch", id="501"),
        pytest.param(502, b"{}", "may be overloaded or restarting: try again later", id="502"),
        pytest.param(503, b"{}", "may be overloaded or restarting: try again later", id="503"),
        pytest.param(
            504, b"<html>", "may be overloaded or restarting: try again later", id="504, no Problem"
        ),
    ],
)
def test_hint_depends_on_status_code_and_reason(plane, status, body, advice):
    answer = Reply(body, status)
    plane.script(answer, answer, answer)  # three, because some statuses are retried twice

    result = run_cli(*LIST, plane=plane)

    assert len(error_lines(result)) == 1
    hints = hint_lines(result)
    assert len(hints) == 1
    assert advice in hints[0]


@rule("6.2a")
def test_status_line_without_a_reason_leaves_no_space_at_the_end(plane):
    plane.script(b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n")

    result = run_cli(*LIST, plane=plane)

    assert result.code == 1
    assert result.err.startswith("error: HTTP 404\n")


@rule("6.2a")
@pytest.mark.parametrize(
    "status, body",
    [
        pytest.param(299, b"{}", id="299"),
        pytest.param(409, b'{"code": "invalid_cursor"}', id="409, whose code does not matter"),
        pytest.param(410, b"<html>", id="410 without a Problem"),
        pytest.param(505, b"{}", id="505"),
    ],
)
def test_status_without_a_known_remedy_has_no_hint(plane, status, body):
    plane.script(Reply(body, status))

    result = run_cli(*LIST, plane=plane)

    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith("HTTP %d " % status)
    assert hint_lines(result) == []


@rule("1.12b", "6.2a")
@pytest.mark.parametrize(
    "given, suggestion",
    [
        pytest.param("FAILED", "; did you mean failed?", id="upper case"),
        pytest.param("tiemout", "; did you mean timeout?", id="swapped letters"),
        pytest.param("canceled", "; did you mean cancelled?", id="American spelling"),
        pytest.param("PENDNG", "; did you mean pending?", id="upper case, and a missing letter"),
        pytest.param("running", "; did you mean --running?", id="a status of other programs"),
    ],
)
def test_hint_for_a_rejected_status_suggests_the_nearest(plane, given, suggestion):
    plane.script(Reply({"code": "invalid_status"}, 400))

    result = run_cli(*LIST, "--status", given, plane=plane)

    hints = hint_lines(result)
    assert len(hints) == 1
    assert hints[0].endswith(suggestion)


@rule("1.12b", "6.2a")
def test_hint_for_a_rejected_status_that_is_near_none_suggests_none(plane):
    plane.script(Reply({"code": "invalid_status"}, 400))

    result = run_cli(*LIST, "--status", "banana", plane=plane)

    hints = hint_lines(result)
    assert len(hints) == 1
    assert "did you mean" not in hints[0]  # "tiemout" would give "; did you mean timeout?"


# ---- no traceback


def nest_lists(levels):
    """Return the JSON of an Execution with lists in lists."""
    return '{"id":"%s","deep":%s}' % (EXECUTION, "[" * levels + "]" * levels)


@rule("6.2f", "3.9", "3.9b")
def test_json_that_is_nested_too_deeply_gives_one_error_line(plane):
    plane.script(Reply(nest_lists(200000)))

    result = run_cli(*GET, plane=plane)

    assert result.code == 1
    assert error_lines(result) == ["the response is malformed: its body is nested too deeply"]


@rule("6.2f", "3.9")
@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.skipif(
    sys.implementation.name == "pypy",
    reason="its encoder can exhaust the stack, and end the process, at this depth",
)
def test_deeply_nested_json_is_either_printed_or_gives_one_error_line(plane, format):
    # Pythons differ in how deep their decoder and their encoder can go.
    plane.script(Reply(nest_lists(5000)))

    result = run_cli(*GET, "--output", format, plane=plane)

    assert (result.code, error_lines(result)) in [
        (0, []),
        (1, ["the response is malformed: its body is nested too deeply"]),
        (1, ["the response is nested too deeply to be printed"]),
    ]


# ---- failures midway

FIRST_PAGE = Reply(page(execution(id="e-1"), execution(id="e-2"), next_cursor="c2"))
every_broken_page = pytest.mark.parametrize(
    "answer, code",
    [
        pytest.param(Reply(page(execution(id="e-3")), cut=99), 1, id="cut short"),
        pytest.param(Reply({}, 404), 1, id="404"),
        pytest.param(Reply({}, 401), 3, id="401"),
        pytest.param(Reply({}, 503), 1, id="503"),
        pytest.param(Reply(page(execution(id="e-3"), 1)), 1, id="an item is a number"),
        pytest.param(b"x\r\n\r\n", 1, id="not HTTP"),
        pytest.param(DROP, 1, id="dropped"),
    ],
)


@rule("6.3", "3.10")
@every_list_format
@every_broken_page
def test_failed_walk_keeps_the_rows_of_earlier_pages(plane, answer, code, format):
    # The answer is scripted four times, because a dropped request is sent anew, and then retried twice.
    plane.script(FIRST_PAGE, answer, answer, answer, answer)

    result = run_cli(*ALL, "--output", format, plane=plane)

    assert result.code == code
    assert len(error_lines(result)) == 1
    ids, _ = read_listing(result, format)
    assert ids == ["e-1", "e-2"]
    assert b"e-3" not in result.out


@rule("6.3")
@pytest.mark.parametrize("format", ["json", "yaml"])
@every_broken_page
def test_failed_walk_does_not_close_the_json_document(plane, answer, code, format):
    plane.script(FIRST_PAGE, answer, answer, answer, answer)

    result = run_cli(*ALL, "--output", format, plane=plane)

    assert result.code == code
    assert result.out.startswith(b'{\n  "items": [\n')
    assert b"\n  ]" not in result.out
    assert b"\n}" not in result.out


# ---- a gateway that answers in place of the API

every_body_of_a_gateway = pytest.mark.parametrize(
    "body, problem",
    [
        pytest.param(b"", "its body is empty", id="empty"),
        pytest.param(b"<html>", "its body is not valid JSON", id="HTML"),
        pytest.param(b"[]", "its body is not a JSON object", id="a list"),
    ],
)


@rule("3.9c", "6.3a", "6.3d")
@every_body_of_a_gateway
def test_walk_at_whose_later_page_a_gateway_answers_can_be_resumed(plane, body, problem):
    plane.script(FIRST_PAGE, Reply(body), Reply(body), Reply(body))

    result = run_cli(*ALL, "--output", "id", plane=plane)

    assert result.code == 1
    assert result.out == b"e-1\ne-2\n"
    assert retry_lines(result) == [
        "the response is malformed: %s; waiting 0.5 s" % problem,
        "the response is malformed: %s; waiting 1.0 s" % problem,
    ]
    assert error_lines(result) == ["the response is malformed: " + problem]
    assert hint_lines(result) == ["a gateway in front of the server may have answered: try again"]
    assert result.err.endswith("\nnext_cursor: c2\n")


@rule("3.9c", "6.3b", "6.3d")
def test_merge_at_whose_later_page_a_gateway_answers_can_be_resumed(plane):
    first = execution(id="e-1", created_at="2026-07-14T09:00:00Z")
    second = execution(id="e-2", created_at="2026-07-14T09:10:00Z")
    gateway = Reply(b"<html>")
    plane.script(
        Reply(page(first, second, next_cursor="c2")), Reply(page()), gateway, gateway, gateway
    )

    result = run_cli(*LIST, "--status", "succeeded,timeout", "--output", "id", plane=plane)

    assert result.code == 1
    assert result.out == b"e-1\n"
    assert result.err.endswith("\nnext_since: 2026-07-14T09:00:00Z\n")


@rule("6.3a", "6.3d")
def test_walk_at_whose_later_page_a_gateway_answers_with_400_can_be_resumed(plane):
    plane.script(FIRST_PAGE, Reply(b"<html>", 400))

    result = run_cli(*ALL, "--output", "id", plane=plane)

    assert result.code == 1
    assert result.err.endswith("\nnext_cursor: c2\n")  # none, if the body were a Problem


@rule("3.9c", "3.8a")
@every_body_of_a_gateway
def test_walk_continues_after_a_gateway_has_answered_twice(plane, body, problem):
    plane.script(FIRST_PAGE, Reply(body), Reply(body), Reply(page(execution(id="e-3"))))

    result = run_cli(*ALL, "--output", "id", plane=plane)

    assert result.code == 0
    assert result.out == b"e-1\ne-2\ne-3\n"
    assert error_lines(result) == []
