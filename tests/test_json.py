"""Section 5.8: the layout of json and yaml, which a person can search with grep, and which nesting cannot multiply."""

import pytest

from kit import ALL, EXECUTION, GET, LIST, NODES, page, rule, run_against, run_cli
from server import Reply

#: An Execution with members before and after its targets.
SENT = {
    "id": EXECUTION,
    "labels": {"b": [1, {}], "a": None},
    "targets": [
        {
            "node_id": NODES[0],
            "status": "failed",
            "output_ref": {"kind": "inline", "inline_bytes": "aGk="},
        },
        {"node_id": NODES[1], "status": "succeeded"},
    ],
    "status": "failed",
}


@rule("5.8", "5.8c")
@pytest.mark.parametrize("format", ["json", "yaml"])
def test_members_and_elements_have_a_line_each(plane, format):
    result = run_against(plane, SENT, *GET, "-o", format)

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


@rule("5.8")
def test_only_elements_of_items_and_targets_have_a_line_each(plane):
    # The lists `a`, and `targets` inside an item, are on the line of what they belong to.
    sent = '{"a": [1, {}], "items": [{"id": "1", "targets": [{}]}, {}], "next_cursor": "c"}'

    result = run_against(plane, Reply(sent), *LIST, "-o", "json")

    assert result.code == 0
    assert result.out.decode("ascii") == (
        '{\n  "a": [1,{}],\n  "items": [\n    {"id":"1","targets":[{}]},\n    {}\n  ],\n  "next_cursor": "c"\n}\n'
    )


@rule("5.8")
@pytest.mark.parametrize(
    "argv, sent, printed",
    [
        pytest.param(
            LIST,
            '{"items": [], "next_cursor": null}',
            '{\n  "items": [],\n  "next_cursor": null\n}\n',
            id="items",
        ),
        pytest.param(
            GET,
            '{"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", "targets": []}',
            '{\n  "id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",\n  "targets": []\n}\n',
            id="targets",
        ),
    ],
)
def test_empty_list_is_two_brackets(plane, argv, sent, printed):
    result = run_against(plane, Reply(sent), *argv, "-o", "json")

    assert result.code == 0
    assert result.out.decode("ascii") == printed


@rule("5.8", "5.8a")
@pytest.mark.parametrize(
    "items, printed",
    [
        pytest.param(
            [{"id": "1"}, {"id": "2"}],
            '{\n  "items": [\n    {"id":"1"},\n    {"id":"2"}\n  ]\n}\n',
            id="an item on each of two pages",
        ),
        pytest.param([], '{\n  "items": []\n}\n', id="no items"),
    ],
)
def test_walk_is_printed_like_a_single_page(plane, items, printed):
    plane.script(Reply(page(*items[:1], next_cursor="c2")), Reply(page(*items[1:])))

    result = run_cli(*ALL, "-o", "json", plane=plane)

    assert result.code == 0
    assert result.out.decode("ascii") == printed


@rule("5.8", "6.2f")
@pytest.mark.parametrize(
    "begin, end",
    [
        pytest.param(
            '{"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", "targets": [], "junk": ',
            "}",
            id="in a member",
        ),
        pytest.param(
            '{"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", "targets": [{"a": ',
            "}]}",
            id="in an element",
        ),
    ],
)
def test_nesting_does_not_multiply_the_output(plane, begin, end):
    sent = begin + "[" * 900 + ",".join(["0"] * 4000) + "]" * 900 + end

    result = run_against(plane, Reply(sent), *GET, "-o", "json")

    assert result.code == 0
    # If each of the 4,000 numbers had a line, indented by 900 levels, the output would be hundreds of times as large.
    assert len(result.out) < 2 * len(sent)
