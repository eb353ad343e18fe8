"""Section 9: --output jsonl. list: one Execution a line; get: one target a line; a resume cursor on stderr."""

import json
import re
import threading

import pytest

from control_plane import DEMO, EXECUTIONS, PROJECT, Reply
from kit import (EXECUTION, GET, LIST, NODES, answered, archive, encoded, execution, finish_cli, inline, page, run_cli,
                 start_cli, target)

LIST_LINES = LIST + ("--output", "jsonl")
GET_LINES = GET + ("--output", "jsonl")
ODD = (b'{"z" : 1, "a": [ {}, [], null, true, 0, -1, 1.5 ], "id":"one\\ntwo\\r\\u2028", "targets": null,'
       b' "\\ud83d\\ude00" : "\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\xc2\x85\\u0000\\/" , "a b":{ "y":"", "x":{} }}')
ODD_LINE = (b'{"z":1,"a":[{},[],null,true,0,-1,1.5],"id":"one\\ntwo\\r\\u2028","targets":null,'
            b'"\\ud83d\\ude00":"\\u00e9\\u2028\\ud83d\\ude00\\u0085\\u0000/","a b":{"y":"","x":{}}}\n')


def lines_of(result):
    """The values of the lines, each read on its own."""
    assert not result.out or result.out.endswith(b"\n")
    return [json.loads(line.decode("ascii")) for line in result.out.split(b"\n")[:-1]]


def cursors(result):
    """The resume cursors that standard error tells."""
    return re.findall(r"^next_cursor: (.*)$", result.err, re.MULTILINE)


def runs(*numbers):
    return [execution(id="%s%02d" % (EXECUTION[:-2], number)) for number in numbers]


# ---- list

def test_list_is_one_execution_a_line(plane):
    result = run_cli(*LIST_LINES + ("--limit", "200"), plane=plane)
    assert result.code == 0 and result.err == "" and lines_of(result) == EXECUTIONS


def test_line_is_the_wire_object_compact_and_ascii(plane):
    result = answered(plane, Reply(b'{"items": [%s ,\n %s]}' % (ODD, ODD)), *LIST_LINES)
    assert (result.code, result.out, result.err) == (0, ODD_LINE * 2, "")


def test_line_has_the_members_in_wire_order(plane):
    wire = b'{"status":"failed","id":"7","action":"x","targets":[{"status":"s","node_id":"n"}],"created_at":null}'
    assert answered(plane, Reply(b'{"items":[' + wire + b"]}"), *LIST_LINES).out == wire + b"\n"


@pytest.mark.parametrize("body", [b'{"items": []}', b'{"items": null}', b'{"items": [], "next_cursor": null}',
                                  b'{"other": [{}], "items": []}'])
def test_empty_page_is_no_line(plane, body):
    result = answered(plane, Reply(body), *LIST_LINES)
    assert (result.code, result.out, result.err) == (0, b"", "")


@pytest.mark.parametrize("first", [b"", b'"next_cursor": "c-2", '], ids=["last", "first"])
def test_cursor_of_the_next_page_is_on_stderr_alone(plane, first):
    body = b"{" + first + b'"items": [' + ODD + b']' + (b"" if first else b', "next_cursor": "c-2"') + b"}"
    result = answered(plane, Reply(body), *LIST_LINES)
    assert (result.code, result.out, cursors(result)) == (0, ODD_LINE, ["c-2"])


def test_cursor_on_stderr_resumes(plane):
    first = run_cli(*LIST_LINES + ("--limit", "40"), plane=plane)
    second = run_cli(*LIST_LINES + ("--limit", "40", "--cursor", cursors(first)[0]), plane=plane)
    assert lines_of(first) + lines_of(second) == EXECUTIONS and cursors(second) == []


def test_frame_alone_is_checked(plane):
    items = [{}, {"status": 5, "targets": [{"output_ref": 7}]}, {"id": None}]
    result = answered(plane, page(*items), *LIST_LINES)
    assert result.code == 0 and lines_of(result) == items


def test_500_levels_are_one_line(plane):
    wire = b'{"deep":' + b"[" * 497 + b"]" * 497 + b"}"
    assert answered(plane, Reply(b'{"items":[' + wire + b"]}"), *LIST_LINES).out == wire + b"\n"


# ---- get

def test_get_is_one_target_a_line(plane):
    result = run_cli("get", "--project", PROJECT, "--id", DEMO, "--output", "jsonl", plane=plane)
    wire = [wire for wire in EXECUTIONS if wire["id"] == DEMO][0]
    assert result.code == 0 and result.err == "" and lines_of(result) == wire["targets"] != []


def test_target_is_printed_not_judged(plane):
    wire = execution([target({"kind": "inline", "inline_bytes": "no base64!"}), target({"kind": "tape"}, None),
                      target(archive(sha256="x"), 5), {}])
    result = answered(plane, wire, *GET_LINES)
    assert result.code == 0 and result.err == "" and lines_of(result) == wire["targets"]


def test_get_line_is_the_wire_object_compact_and_ascii(plane):
    result = answered(plane, Reply(b'{"targets": [' + ODD + b'], "id": "x", "next_cursor": "c"}'), *GET_LINES)
    assert result.code == 0 and result.out == ODD_LINE


@pytest.mark.parametrize("wire", [{"id": "x"}, {"id": "x", "targets": None}, {"id": "x", "targets": []}])
def test_execution_without_targets_is_no_line(plane, wire):
    result = answered(plane, wire, *GET_LINES)
    assert (result.code, result.out, result.err) == (0, b"", "")


def test_node_keeps_that_line(plane):
    targets = [target(inline(b"%d" % number), NODES[number]) for number in range(3)]
    assert lines_of(answered(plane, execution(targets), *GET_LINES + ("--node", NODES[1]))) == [targets[1]]


def test_node_that_is_no_target_is_1(plane):
    result = answered(plane, execution([target()]), *GET_LINES + ("--node", NODES[1]))
    assert (result.code, result.out) == (1, b"") and NODES[1] in result.err


@pytest.mark.parametrize("argv", [LIST_LINES, GET_LINES], ids=["list", "get"])
def test_line_is_out_before_the_next_has_come(plane, argv):
    seen = threading.Event()

    def halting(sock):
        name = b"items" if argv is LIST_LINES else b"targets"
        sock.sendall(b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"id":"x","' + name + b'":[{"n":1},{"n":')
        if seen.wait(15):
            sock.sendall(b"2}]}")

    plane.script(halting)
    process = start_cli(*argv, plane=plane)
    first = process.stdout.readline()
    seen.set()
    assert first == b'{"n":1}\n' and finish_cli(process).code == 0


# ---- failures midway

@pytest.mark.parametrize("argv, name", [(LIST_LINES, b"items"), (GET_LINES, b"targets")], ids=["list", "get"])
@pytest.mark.parametrize("rest", [b'{"n":3', b'{"n":3,}]}', b"3]}", b"null]}", b'{"n":1e999}]}', b"nonsense"],
                         ids=ascii)
def test_what_came_whole_is_printed(plane, argv, name, rest):
    result = answered(plane, Reply(b'{"id":"x","' + name + b'":[{"n":1},{"n":2},' + rest), *argv)
    assert (result.code, result.out) == (1, b'{"n":1}\n{"n":2}\n')
    assert cursors(result) == [] and result.err.startswith("error: ")


@pytest.mark.parametrize("cut", range(3, 200, 41))
def test_body_cut_anywhere_leaves_whole_lines(plane, cut):
    items = [{"n": number, "text": "x" * 30} for number in range(4)]
    result = answered(plane, Reply(page(*items), cut=cut), *LIST_LINES)
    whole = [item for number, item in enumerate(items) if len(encoded(page(*items[:number + 1]))) - 2 <= cut]
    assert result.code == 1 and lines_of(result) == whole


def test_page_that_broke_is_told_by_its_cursor(plane):
    result = answered(plane, Reply(page(*runs(1, 2), next_cursor="c-3"), cut=500), *LIST_LINES + ("--cursor", "c-2"))
    assert result.code == 1 and lines_of(result) == runs(1) and cursors(result) == ["c-2"]


def test_refused_page_is_no_line(plane):
    result = answered(plane, Reply({}, 500), *LIST_LINES)
    assert (result.code, result.out, cursors(result)) == (1, b"", [])


def test_answer_without_items_is_malformed(plane):
    result = answered(plane, {"executions": []}, *LIST_LINES)
    assert (result.code, result.out) == (1, b"")


# ---- list --all

def test_all_is_every_page_without_a_cursor(plane):
    result = run_cli(*LIST_LINES + ("--all", "--limit", "25"), plane=plane)
    assert result.code == 0 and result.err == "" and lines_of(result) == EXECUTIONS and len(plane.requests) == 3


def test_all_drops_other_members_of_a_page(plane):
    plane.script(Reply(page({"n": 1}, next_cursor="c", more=1)), Reply(page(more=2)))
    assert run_cli(*LIST_LINES + ("--all",), plane=plane).out == b'{"n":1}\n'


@pytest.mark.parametrize("fault", [Reply(page(*runs(3, 4)), cut=500), Reply(page(*runs(3) + [4]))],
                         ids=["cut", "no object"])
def test_all_that_breaks_tells_the_cursor_of_that_page(plane, fault):
    plane.script(Reply(page(*runs(1), next_cursor="c-2")), Reply(page(*runs(2), next_cursor="c-3")), fault)
    result = run_cli(*LIST_LINES + ("--all",), plane=plane)
    assert result.code == 1 and lines_of(result) == runs(1, 2, 3) and cursors(result) == ["c-3"]


def test_all_that_is_refused_midway_tells_the_cursor_of_that_page(plane):
    plane.script(Reply(page(*runs(1), next_cursor="c-2")), Reply({"code": "rebac_denied"}, 403))
    result = run_cli(*LIST_LINES + ("--all",), plane=plane)
    assert result.code == 77 and lines_of(result) == runs(1) and cursors(result) == ["c-2"]


def test_broken_all_goes_on_from_its_cursor_and_skips_none(plane):
    plane.script(None, Reply(page(*EXECUTIONS[25:50]), cut=5000))
    first = run_cli(*LIST_LINES + ("--all", "--limit", "25"), plane=plane)
    assert first.code == 1 and 25 < len(lines_of(first)) < 50
    second = run_cli(*LIST_LINES + ("--limit", "200", "--cursor", cursors(first)[0]), plane=plane)
    assert lines_of(first)[:25] + lines_of(second) == EXECUTIONS


def test_cursor_that_comes_again_is_1(plane):
    plane.script(*[Reply(page(*runs(1), next_cursor="c"))] * 9)
    result = run_cli(*LIST_LINES + ("--all",), plane=plane)
    assert result.code == 1 and 2 <= len(lines_of(result)) < 9


# ---- usage

@pytest.mark.parametrize("argv, form", [(LIST, "raw"), (LIST, "JSONL"), (GET, "jsonlines"), (GET, "")])
def test_other_words_are_no_form(plane, argv, form):
    result = run_cli(*argv + ("--output", form), plane=plane)
    assert (result.code, result.out, plane.requests) == (2, b"", [])
