"""Malformed responses: each is called one, and no message shows the words of Python's own exceptions.

Items, targets, cursors and ids of a wrong type or value are in test_bodies.py."""

import pytest

from kit import (
    EXECUTION,
    GET,
    LIST,
    error_lines,
    execution,
    hint_lines,
    page,
    rule,
    run_cli,
    target,
)
from server import Reply


@rule("3.9b")
@pytest.mark.parametrize(
    "answer, error",
    [
        pytest.param(Reply(b""), "its body is empty", id="empty body"),
        pytest.param(Reply(b"<html>"), "its body is not valid JSON", id="HTML"),
        pytest.param(Reply(b'{"a":NaN}'), "its body is not valid JSON", id="NaN"),
        pytest.param(Reply(b'{"a":"\xff"}'), "its body is not valid JSON", id="no UTF-8"),
        pytest.param(Reply(b"[]"), "its body is not a JSON object", id="list"),
    ],
)
def test_error_for_what_is_no_json_object_doubts_the_server(plane, answer, error):
    plane.script(answer)

    result = run_cli(*LIST, plane=plane)

    assert result.code == 1
    assert error_lines(result) == ["the response is malformed: " + error]
    assert len(hint_lines(result)) == 1
    assert "--server" in hint_lines(result)[0]


@rule("3.9b")
@pytest.mark.parametrize(
    "argv, answer, error",
    [
        pytest.param(
            LIST,
            Reply(page(execution(action=5))),
            "Execution %s: action: expected a string" % EXECUTION,
            id="action",
        ),
        pytest.param(
            LIST, Reply(page({"id": 5})), "Execution -: id: expected a string", id="id in a listing"
        ),
        pytest.param(
            LIST + ("--last", "1"),
            Reply(page({"created_at": "x"})),
            "Execution -: created_at: expected a time such as 2026-11-24T09:30:00Z",
            id="time of an Execution without an id",
        ),
        pytest.param(
            GET,
            Reply(execution([target(node=5)])),
            "a target's node_id: expected a string",
            id="node of a target",
        ),
    ],
)
def test_error_for_a_malformed_member_has_no_hint(plane, argv, answer, error):
    plane.script(answer)

    result = run_cli(*argv, plane=plane)

    assert result.code == 1
    assert error_lines(result) == ["the response is malformed: " + error]
    assert hint_lines(result) == []  # whoever sends items or an id is the API


@rule("3.9a", "3.8")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Reply(b'{"items":[]}', framing="chunked", cut=5), id="ends within a chunk"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            id="ends before the first chunk",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}",
            id="size is no number",
        ),
    ],
)
def test_error_for_a_chunked_body_that_ends_early_names_two_causes(plane, answer):
    plane.script(answer, answer, answer)

    result = run_cli(*LIST, plane=plane)

    assert result.code == 1
    assert error_lines(result) == ["the chunked body is malformed or was cut short"]
    assert len(hint_lines(result)) == 1
    assert "--server" not in hint_lines(result)[0]  # it does not doubt that the server is the API
    assert len(plane.requests) == 3


@rule("3.9a", "3.8")
def test_error_for_a_body_that_the_connection_ends_early_names_two_causes(plane):
    answer = Reply(b'{"items":[', framing="close")
    plane.script(answer, answer, answer)

    result = run_cli(*LIST, plane=plane)

    assert result.code == 1
    assert error_lines(result) == ["the body is malformed or was cut short"]
    assert len(hint_lines(result)) == 1
    assert "--server" not in hint_lines(result)[0]  # it does not doubt that the server is the API
    assert len(plane.requests) == 3


@rule("6.1a")
@pytest.mark.parametrize(
    "size, code", [(1048576, 77), (1048577, 4)], ids=["1 MiB", "1 MiB and a byte"]
)
def test_problem_of_up_to_1_mib_decides_the_exit_code(plane, size, code):
    body = b'{"code":"rebac_denied"}'.ljust(size)
    plane.script(Reply(body, 403))

    result = run_cli(*LIST, plane=plane)

    assert result.code == code
    assert error_lines(result)[0].startswith("HTTP 403 Forbidden")
