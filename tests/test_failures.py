"""Rules 6.2a, 6.2b, 6.2e, 6.2f and 6.3: what an error says, which hint follows, and what stays of a broken run."""

import json
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
    FailingStream,
    ask,
    error_lines,
    every_list_format,
    execution,
    hint_lines,
    page,
    read_error,
    read_listing,
    rule,
    run_against,
    run_cli,
    serve_pages,
)
from server import DROP, Reply

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
WHOLE_ERROR = (
    "HTTP 409 Bad News; not yours; code: some_code; reason: some_reason; "
    "relation path: user:ann > project:p; correlation id: c-17"
)
#: Members that replace those of PROBLEM | the header X-Correlation-Id | what is different in the error | what it is.
ERROR_PARTS = [
    "{}|h-1||",
    '{"title": null}||Bad News|Conflict',
    '{"title": 5}||Bad News|Conflict',
    '{"detail": ""}||not yours; |',
    '{"detail": {"x": 1}}||not yours; |',
    '{"code": 7}||code: some_code; |',
    '{"reason": null}||reason: some_reason; |',
    '{"relation_path": []}||relation path: user:ann > project:p; |',
    '{"detail": "a\\n\\u001b[m"}||not yours|a\\n\\x1b[m',
    '{"relation_path": [1, "a"]}||user:ann > project:p|a',
    '{"correlation_id": null}||; correlation id: c-17|',
    '{"correlation_id": ""}|h-1|c-17|h-1',
    '{"correlation_id": 1}|h\x1b|c-17|h\\x1b',
]


@rule("6.2a")
@pytest.mark.parametrize("row", ERROR_PARTS)
def test_error_contains_the_parts_of_the_problem_that_are_texts(plane, row):
    members, header, old, new = row.split("|")
    answer = Reply(dict(PROBLEM, **json.loads(members)), 409, [("x-correlation-id", header)] * bool(header))
    assert read_error(run_against(plane, answer)) == "error: " + WHOLE_ERROR.replace(old, new)


@rule("6.2a")
@pytest.mark.parametrize("body", [PROBLEM, b"", b"<html>", [PROBLEM], b'{"title": "x\xff"}'], ids=ascii)
def test_library_gets_the_status_and_the_problem(plane, transport, body):
    plane.script(Reply(body, 409, [("Retry-After", "40")]))
    with pytest.raises(program.APIError, match="^HTTP 409 (Bad News|Conflict).*; retry after: 40 s$") as caught:
        transport.get(PATH, {})
    error = caught.value
    assert (error.status, error.problem, error.retry_after) == (409, PROBLEM if body == PROBLEM else {}, 40)


# ---- hints

#: The status, the body, and what the hint contains; nothing if there is none.
HINT_ROWS = [
    '400 {"detail":"limit"} the server rejected the value of a flag',
    '400 {"reason":"caveat_violation"} the server rejected the value of a flag',
    "403 - does it point to the API?",
    '400 {"code":"invalid_cursor"} rejected the cursor: use it only with the filters of the listing',
    '400 {"code":"invalid_limit"} rejected the value of --limit',
    "404 - does it point to the API?",
    '400 {"code":"invalid_status"} rejected the value of --status',
    "403 [] does it point to the API?",
    "401 {} get a new token: the token from PLEXSPHERE_TOKEN is invalid, expired or for another server",
    '403 {"reason":"x","code":"invalid_cursor"} ask an owner of the Project to let this token read its Executions',
    '403 {"reason":"caveat_violation","code":"x"} check its validity period, your source address',
    '404 {"code":"invalid_limit"} check the Project (--project), the id (for get) and the server',
    "401 - is invalid, expired or for another server",
    "407 {} NO_PROXY",
    '409 {"code":"invalid_cursor"}',
    "410 -",
    "429 {} too many requests: try again in a minute",
    "299 {}",
    "505 {}",
    "300 - does it point to the API?",
    "500 {} send the server's operators the time, the command and any correlation id",
    "399 {} point to the API?",
    "501 {} ask its operators to enable action dispatch",
    "502 {} overloaded or restarting: try again in a minute",
    "503 {} may be overloaded or restarting",
    "504 - may be overloaded or restarting",
]


@rule("6.2b", "6.2e")
@pytest.mark.parametrize("row", HINT_ROWS)
def test_hint_depends_on_status_code_and_reason(plane, row):
    status, body, *says = row.split(None, 2)
    result, _ = ask(plane, *[Reply(body, int(status))] * 3)
    assert error_lines(result)[0].startswith("HTTP %s " % status)
    hints = hint_lines(result)
    assert len(hints) == len(says) and "".join(says) in "".join(hints)


@rule("6.2b")
@pytest.mark.parametrize(
    "given, near",
    [("FAILED", "failed"), ("tiemout", "timeout"), ("canceled", "cancelled"), ("PENDNG", "pending"), ("banana", "")],
)
def test_hint_of_a_rejected_status_suggests_the_nearest(plane, given, near):
    (hint,) = error_lines(
        run_against(plane, Reply({"code": "invalid_status"}, 400), *LIST + ("--status", given)), "hint"
    )
    assert hint.partition("; did you mean ")[2] == near + "?" * bool(near)


# ---- no traceback


@rule("6.2f", "3.9")
@pytest.mark.parametrize("levels", [5000, 200000])
@pytest.mark.parametrize("format", ["text", "json"])
def test_json_that_is_nested_too_deeply_gives_one_error_line(plane, levels, format):
    if levels < 9999 and sys.implementation.name == "pypy":
        pytest.skip("its encoder can exhaust the stack, and end the process, at such depths")
    body = '{"id":"%s","deep":%s}' % (EXECUTION, "[" * levels + "]" * levels)
    result = run_against(plane, Reply(body), *GET + ("--output", format))
    if result.code or levels > 9999:  # how deep the decoder can go differs from Python to Python
        assert result.code == 1 and "nested too deeply" in error_lines(result)[0]


@rule("6.2f")
@pytest.mark.parametrize(
    "error, says",
    [(MemoryError(), "out of memory"), (RecursionError(), "the response is nested too deeply to be printed")],
)
def test_running_out_of_memory_or_stack_gives_one_error_line(plane, error, says):
    result = run_cli(*LIST, plane=plane, stdout=FailingStream(error))
    assert (result.code, result.err) == (1, "error: %s\n" % says)


# ---- failures midway

#: How the second page of a walk breaks, and the exit code.
MIDWAY = {
    "cut": (Reply(page(execution(id="e-3")), cut=99), 1),
    "404": (Reply({}, 404), 1),
    "401": (Reply({}, 401), 3),
    "503": (Reply({}, 503), 1),
    "no object": (Reply(page(execution(id="e-3"), 1)), 1),
    "not HTTP": (b"x\r\n\r\n", 1),
    "dropped": (DROP, 1),
}


@rule("6.3", "3.10")
@every_list_format
@pytest.mark.parametrize("name", list(MIDWAY))
def test_failed_walk_keeps_the_rows_of_earlier_pages(plane, format, name):
    answer, code = MIDWAY[name]
    pages = [[execution(id="e-1"), execution(id="e-2")], [execution(id="e-3")]]
    serve_pages(plane, pages, reply=lambda number, body: answer if b'"e-3"' in body else Reply(body))
    result = run_cli(*ALL + ("--output", format), plane=plane)
    assert (result.code, len(error_lines(result)), read_listing(result, format)[0]) == (code, 1, ["e-1", "e-2"])
    assert b"e-3" not in result.out and not re.search(b"^  ]|^}", result.out, re.MULTILINE)
