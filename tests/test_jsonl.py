"""Section 9: --output jsonl. list: one Execution a line; get: one target a line; a resume cursor on stderr."""

import json

import pytest

from control_plane import DEMO, EXECUTIONS, PROJECT, Reply
from kit import GET, LIST, Halting, answered, run_cli

LIST_LINES = LIST + ("--output", "jsonl")
GET_LINES = GET + ("--output", "jsonl")
ODD = (b'{"z" : 1, "a": [ {}, [], null, true, 0, -1, 1.5 ], "id":"one\\ntwo\\r\\u2028", "targets": null,'
       b' "\\ud83d\\ude00" : "\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\xc2\x85\\u0000\\/" , "a b":{ "y":"", "x":{} }}')
ODD_LINE = (b'{"z":1,"a":[{},[],null,true,0,-1,1.5],"id":"one\\ntwo\\r\\u2028","targets":null,'
            b'"\\ud83d\\ude00":"\\u00e9\\u2028\\ud83d\\ude00\\u0085\\u0000/","a b":{"y":"","x":{}}}\n')
DEEP = b'{"deep":' + b"[" * 497 + b"]" * 497 + b"}"
EITHER = pytest.mark.parametrize("argv, name", [(LIST_LINES, "items"), (GET_LINES, "targets")], ids=["list", "get"])


def lines_of(result):
    """The values of the lines, each read on its own."""
    assert not result.out or result.out.endswith(b"\n")
    return [json.loads(line.decode("ascii")) for line in result.out.split(b"\n")[:-1]]


def body_of(name, *elements):
    """A body whose streamed list holds these elements."""
    return b'{"id":"x", "' + name.encode() + b'": [' + b" ,\n ".join(elements) + b'] , "other":[{}]}'


def test_list_is_one_execution_a_line_and_get_one_target(plane):
    result = run_cli(*LIST_LINES + ("--limit", "200"), plane=plane)
    assert (result.code, result.err, lines_of(result)) == (0, "", EXECUTIONS)
    result = run_cli("get", "--project", PROJECT, "--id", DEMO, "--output", "jsonl", plane=plane)
    wire = [wire for wire in EXECUTIONS if wire["id"] == DEMO][0]
    assert (result.code, result.err, lines_of(result)) == (0, "", wire["targets"])


@EITHER
@pytest.mark.parametrize("elements, out", [
    ([ODD, ODD], ODD_LINE * 2), ([DEEP], DEEP + b"\n"), ([], b""),
    ([b'{"status":"failed","id":"7","a":[{"z":"s","b":"n"}],"created_at":null}'] * 2,
     b'{"status":"failed","id":"7","a":[{"z":"s","b":"n"}],"created_at":null}\n' * 2)],
    ids=["odd", "500 levels", "none", "wire order"])
def test_line_is_the_wire_object_compact_and_ascii(plane, argv, name, elements, out):
    assert answered(plane, Reply(body_of(name, *elements)), *argv) == (0, out, "")


@pytest.mark.parametrize("argv, body", [
    (LIST_LINES, {"items": []}), (LIST_LINES, {"items": None, "next_cursor": None}), (LIST_LINES, {"other": [{}], "items": []}),
    (GET_LINES, {"id": "x"}), (GET_LINES, {"id": "x", "targets": None}), (GET_LINES, {"id": "x", "targets": []})])
def test_nothing_listed_is_no_line(plane, argv, body):
    assert answered(plane, body, *argv) == (0, b"", "")


@pytest.mark.parametrize("body", [b'{"next_cursor": "c-2", "items": [%s]}', b'{"items": [%s], "next_cursor": "c-2"}'])
def test_cursor_of_the_next_page_is_on_stderr_alone(plane, body):
    assert answered(plane, Reply(body % ODD), *LIST_LINES) == (0, ODD_LINE, "next_cursor: c-2\n")


@EITHER
def test_line_is_out_before_the_next_has_come(plane, argv, name):
    halting = Halting(b'{"id":"x","%s":[{"n":1},{"n":' % name.encode("ascii"), b"2}]}")
    plane.script(halting)
    assert run_cli(*argv, plane=plane, stdout=halting.out).code == 0 and halting.seen == b'{"n":1}\n'


@EITHER
@pytest.mark.parametrize("rest", [b'{"n":3', b'{"n":3,}]}', b"3]}", b"null]}", b'{"n":1e999}]}', b'{"n":"\xff"}]}', b"nonsense"], ids=ascii)
def test_what_came_whole_is_printed(plane, argv, name, rest):
    result = answered(plane, Reply(body_of(name, b'{"n":1}', b'{"n":2}', rest)), *argv)
    assert (result.code, result.out) == (1, b'{"n":1}\n{"n":2}\n')
    assert "next_cursor" not in result.err and result.err.startswith("error: ")
