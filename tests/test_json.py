"""Section 5.8: the layout of json and yaml, which a person can search with grep, and which nesting cannot multiply."""

import json

import pytest

from control_plane import PROJECT
from kit import EXECUTION, GET, LIST, NODES, page, rule, run_against, run_cli
from server import Reply

#: An Execution with members before and after its targets.
SENT = {
    "id": EXECUTION,
    "labels": {"b": [1, {}], "a": None},
    "targets": [
        {"node_id": NODES[0], "status": "failed", "output_ref": {"kind": "inline", "inline_bytes": "aGk="}},
        {"node_id": NODES[1], "status": "succeeded"},
    ],
    "status": "failed",
}


@rule("5.8", "5.8d")
@pytest.mark.parametrize("format", ["json", "yaml"])
def test_members_and_elements_have_a_line_each(plane, format):
    result = run_against(plane, SENT, *GET + ("-o", format))

    assert result.code == 0
    assert result.out.decode("ascii") == (
        "{\n"
        '  "id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",\n'
        '  "labels": {"a":null,"b":[1,{}]},\n'
        '  "status": "failed",\n'
        '  "targets": [\n'
        '    {"node_id":"a1b2c300-0000-4000-8000-000000000000","output_ref":{"inline_bytes":"aGk=","kind":"inline"},'
        '"status":"failed"},\n'
        '    {"node_id":"a1b2c301-0000-4000-8000-000000000001","status":"succeeded"}\n'
        "  ]\n"
        "}\n"
    )


@rule("5.8", "3.10")
def test_members_keep_the_order_of_the_server(plane):
    sent = '{"status": "failed", "targets": [{"b": 1, "a": 2}], "id": "%s", "x": {"d": 1, "c": 2}}' % EXECUTION
    result = run_against(plane, Reply(sent), *GET + ("-o", "json"))

    assert result.out.decode("ascii") == (
        "{\n"
        '  "status": "failed",\n'
        '  "targets": [\n'
        '    {"b":1,"a":2}\n'
        "  ],\n"
        '  "id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",\n'
        '  "x": {"d":1,"c":2}\n'
        "}\n"
    )


@rule("5.8", "5.8a")
def test_empty_list_is_two_brackets(plane):
    result = run_against(plane, page(next_cursor=None), *LIST + ("-o", "json"))

    assert result.out == b'{\n  "items": [],\n  "next_cursor": null\n}\n'


@rule("5.8")
def test_grep_finds_a_whole_target(plane):
    result = run_against(plane, SENT, *GET + ("-o", "json"))

    (line,) = [line for line in result.out.decode("ascii").splitlines() if NODES[1] in line]
    assert json.loads(line) == {"node_id": NODES[1], "status": "succeeded"}


@rule("5.8", "6.2f")
@pytest.mark.parametrize("place", ["member", "element"])
def test_nesting_does_not_multiply_the_output(plane, place):
    deep = "[" * 900 + ",".join(["0"] * 4000) + "]" * 900
    sent = '{"id": "%s", "targets": [%s]%s}' % (
        EXECUTION,
        '{"a": %s}' % deep if place == "element" else "",
        ', "junk": %s' % deep if place == "member" else "",
    )
    result = run_against(plane, Reply(sent), "get", EXECUTION, "--project", PROJECT, "-o", "json")

    assert result.code == 0
    assert len(result.out) < 2 * len(sent)


# ---- 4.3: cursors that cannot be sent back


@rule("4.3b")
@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("c" * 8193, id="8 KiB and a byte"),
        pytest.param("\u20ac" * 2731, id="8 KiB and a byte, in UTF-8"),
        pytest.param("\ud800", id="high surrogate"),
        pytest.param("c\udc80", id="surrogate that stands for a byte"),
        pytest.param("\udcff" * 2, id="two surrogates"),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--all"], ["--failed"]], ids=["page", "walk", "merge"])
def test_cursor_that_cannot_be_sent_back_is_malformed(plane, cursor, flags):
    plane.script(Reply(page(next_cursor=cursor)))

    result = run_cli("list", "--project", PROJECT, *flags, plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert "next_cursor: expected valid Unicode of at most 8 KiB" in result.err


@rule("4.3b")
@pytest.mark.parametrize("cursor", ["c" * 8192, "\U0001f600"], ids=["8 KiB", "surrogate pair"])
def test_longest_and_unusual_cursors_are_followed(plane, cursor):
    plane.script(Reply(page(next_cursor=cursor)), Reply(page()))

    result = run_cli("list", "--project", PROJECT, "--all", plane=plane)

    assert result.code == 0
    assert len(plane.requests) == 2
