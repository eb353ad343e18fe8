"""Section 4: where the program is lenient with the wire, where it is strict, and in which format."""

import json
import random

import pytest

from control_plane import STATUSES
from kit import (BYTE_FORMATS, DOCUMENT_FORMATS, EXECUTION, GET, LIST, LIST_FORMATS, NODES, TABLE_FORMATS, archive,
                 encode, error_lines, every_get_format, every_list_format, execution, inline, page, read_sections, rule,
                 run_against, target)
from server import Reply

THREE_TARGETS = execution([target(inline(b"one\n")), target(archive(sha256="ab" * 32), NODES[1], "failed"),
                           target(node=NODES[2], status="pending")])


def get_as(format):
    return GET + ("--output", format)


def list_as(format):
    return LIST + ("--output", format)


def drop_member(wire, name):
    return {other: value for other, value in wire.items() if other != name}


def read_row(result):
    """The cells of the last row of a listing or recap; no value of these tests holds a blank."""
    return result.out.decode("utf-8").splitlines()[-1].split()


def read_documents(result, format):
    """What a run without any complaint printed as a document, or as one on each line."""
    assert (result.code, result.err) == (0, "")
    out = result.out.decode("utf-8")
    return [json.loads(line) for line in out.splitlines()] if format == "jsonl" else json.loads(out)


def sort_members(wire, order):
    """The same JSON value, the members of its objects in another order."""
    if isinstance(wire, list):
        return [sort_members(value, order) for value in wire]
    return {name: sort_members(wire[name], order) for name in order(list(wire))} if isinstance(wire, dict) else wire


@rule("4.1")
@pytest.mark.parametrize("order", [
    lambda names: sorted(names, reverse=True), lambda names: random.Random(4).sample(names, len(names)),
    lambda names: sorted(names, key=lambda name: name == "id")], ids=["backwards", "shuffled", "id last"])
def test_members_may_come_in_any_order(plane, order):
    listing = page(THREE_TARGETS, execution(), next_cursor="c-2")
    commands = [(THREE_TARGETS, get_as(format)) for format in TABLE_FORMATS + BYTE_FORMATS] + [(listing, LIST)]
    for wire, argv in commands:
        expected = run_against(plane, wire, *argv)
        assert run_against(plane, Reply(json.dumps(sort_members(wire, order))), *argv) == expected
    assert expected.out.endswith(b"\nnext_cursor: c-2\n")


@rule("4.1a", "4.2c", "5.2c")
def test_every_status_and_type_is_shown_unchanged(plane):
    statuses = STATUSES + ("Paused", "SUCCEEDED", "success")
    targets = [target(status=status) for status in statuses + ("succeeded ", "")]
    result = run_against(plane, execution(targets, status="quarantined", type="cron"))
    assert (result.code, result.err) == (0, "")
    assert read_row(result)[1:4] == ["quarantined", "cron", "1/12"]
    assert tuple(section[1] for section in read_sections(result.out)[0])[:-2] == statuses
    for status in statuses:
        assert read_row(run_against(plane, page(execution(targets, status=status)), *LIST))[1:4] == [
            status, "builtin", "1/12"]


SCALARS = ["status", "type", "created_at", "updated_at", "action"]
COLUMNS = dict(zip(["id", "status", "type", "targets", "created_at", "updated_at", "action"], range(7)))


@rule("4.2")
@pytest.mark.parametrize("name", ["id"] + SCALARS)
def test_absent_or_null_scalar_in_a_row_or_recap_is_a_dash(plane, name):
    for wire in (drop_member(execution(), name), execution(**{name: None})):
        for answer, argv in ((page(wire), LIST), (wire, GET))[:1 if name == "id" else 2]:
            result = run_against(plane, answer, *argv)
            assert (result.code, result.err) == (0, "")
            assert [place for place, cell in enumerate(read_row(result)) if cell == "-"] == [COLUMNS[name]]


@rule("4.2")
@pytest.mark.parametrize("name, node, status, time", [
    ("node_id", "-", "succeeded", "2026-05-02T10:00:09Z"), ("status", NODES[0], "-", "2026-05-02T10:00:09Z"),
    ("updated_at", NODES[0], "succeeded", "-")], ids=["node", "status", "time"])
def test_absent_or_null_scalar_in_a_target_is_a_dash(plane, name, node, status, time):
    shown = {"text": "==> %s %s 1 bytes <==\nx\n\n" % (node, status), "raw": "x", "lines": node + ": x\n",
             "table": "\n%-36s  %-9s  %-20s  1 bytes\n\n" % (node, status, time)}
    for wire in (drop_member(target(inline(b"x")), name), target(inline(b"x"), **{name: None})):
        for format in shown:
            result = run_against(plane, execution([wire]), *get_as(format))
            assert (result.code, result.err) == (0, "")
            assert shown[format] in result.out.decode()


@rule("4.2a")
@every_get_format
def test_null_items_and_null_or_absent_targets_are_empty(plane, format):
    wires = dict(execution(), targets=None), drop_member(execution(), "targets")
    for wire, empty, argv in [(wire, execution(), get_as(format)) for wire in wires] + [
            ({"items": None}, page(), list_as(format))] * (format in LIST_FORMATS):
        result = run_against(plane, wire, *argv)
        if format in ("json", "yaml"):
            assert read_documents(result, format) == wire
        else:
            assert result == run_against(plane, empty, *argv)
            assert result.code == 0
    for wire in wires:
        assert read_row(run_against(plane, page(wire), *LIST))[3] == "0/0"


@rule("5.2e")
@every_list_format
def test_null_or_empty_next_cursor_means_no_next_page(plane, format):
    for flags, none in (((), None), ((), ""), (("--all",), None), (("--all",), "")):
        result = run_against(plane, page(execution(), next_cursor=none), *list_as(format) + flags)
        assert (result.code, result.err) == (0, "")
        assert b"next_cursor: " not in result.out


@rule("4.2b")
@every_get_format
def test_unknown_members_are_kept_in_documents_and_ignored_elsewhere(plane, format):
    unknown = {"zzz": [1, {"b": None, "a": "x"}], "aaa": True}
    odd = dict(THREE_TARGETS, targets=[dict(wire, **unknown) for wire in THREE_TARGETS["targets"]], **unknown)
    result = run_against(plane, odd, *get_as(format))
    if format in DOCUMENT_FORMATS:
        assert read_documents(result, format) == (odd["targets"] if format == "jsonl" else odd)
        result = run_against(plane, page(odd, **unknown), *list_as(format))
        assert read_documents(result, format) == ([odd] if format == "jsonl" else page(odd, **unknown))
    else:
        assert result == run_against(plane, THREE_TARGETS, *get_as(format))
        assert run_against(plane, page(odd, **unknown), *LIST) == run_against(plane, page(THREE_TARGETS), *LIST)


NO_LISTINGS = [{}, execution(), {"next_cursor": "x"}, {"Items": []}, {"data": {"items": []}}]


@rule("4.3", "5.2k")
@every_list_format
def test_listing_without_items_is_malformed_and_prints_nothing(plane, format):
    walks = [(NO_LISTINGS[2], ("--all",)), (NO_LISTINGS[2], ("--last", "1"))]
    for wire, flags in [(wire, ()) for wire in NO_LISTINGS] + walks:
        result = run_against(plane, wire, *list_as(format) + flags)
        assert (result.code, result.out) == (1, b"")
        assert "items" in error_lines(result)[0]
        assert "does it point to the API?" in error_lines(result, "hint")[0]
        assert "next_cursor" not in result.err


FOREIGN = [drop_member(THREE_TARGETS, "id"), page(THREE_TARGETS)] + [dict(THREE_TARGETS, id=other) for other in (
    None, 1, NODES[0], EXECUTION + "0", EXECUTION + " ", "{%s}" % EXECUTION, [EXECUTION])]


@rule("4.3a", "4.3b")
@every_get_format
def test_execution_with_another_id_is_malformed(plane, format):
    for wire in FOREIGN:
        late = {name: wire[name] for name in sorted(wire, key=lambda name: name == "id")}
        for body in (encode(wire), json.dumps(late)):       # the id comes before the targets, or last
            result = run_against(plane, Reply(body), *get_as(format))
            assert result.code == 1
            assert b"\nID " not in b"\n" + result.out
            assert not result.out.endswith(b"\n}\n")
            assert "id" in error_lines(result)[-1] and (wire.get("id") != NODES[0] or EXECUTION in result.err)
    same = execution([target(inline(b"x"))], id=EXECUTION.upper())
    assert run_against(plane, same, *get_as(format))[::2] == (0, "")


WRONG = [0, [], False, {}]
NO_LISTS = [1, 0, "", "x", {}, {"a": 1}, False, True]
NO_OBJECTS = [[1], [None], [[]], ["x"], [{}, []]]


@rule("4.4", "4.5a", "4.5b")
@pytest.mark.parametrize("name, values", [(name, WRONG) for name in ["id"] + SCALARS] + [
    ("targets", NO_LISTS + NO_OBJECTS + [[{"status": value}] for value in WRONG])])
def test_wrong_type_in_a_listing_fails_only_in_tables(plane, name, values):
    for value in values:
        wire = page(execution(), dict(execution(), **{name: value}), execution())
        result = run_against(plane, wire, *LIST)
        assert result.code == 1
        assert name in error_lines(result)[0]
        assert result.out.count(EXECUTION.encode()) == 1
        assert read_documents(run_against(plane, wire, *list_as("json")), "json") == wire
        assert read_documents(run_against(plane, wire, *list_as("jsonl")), "jsonl") == wire["items"]
    unused = execution([dict(target({"kind": 1}), node_id=5)], project_id=1)
    assert read_row(run_against(plane, page(unused, more=1), *LIST))[3] == "1/1"


USED = [("execution", name, TABLE_FORMATS) for name in SCALARS] + [
    ("target", "updated_at", ("table",)), ("target", "node_id", TABLE_FORMATS + BYTE_FORMATS),
    ("target", "status", TABLE_FORMATS + BYTE_FORMATS), ("execution", "project_id", ()), ("target", "created_at", ())]


@rule("4.4", "4.5a", "4.5b")
@every_get_format
@pytest.mark.parametrize("where, name, judging", USED, ids=["-".join(row[:2]) for row in USED])
def test_wrong_type_fails_only_in_formats_that_use_the_member(plane, where, name, judging, format):
    for value in WRONG:
        odd = {name: value}
        targets = [target(inline(b"fine\n")), dict(target(node=NODES[1]), **(odd if where == "target" else {}))]
        result = run_against(plane, dict(execution(targets), **(odd if where == "execution" else {})), *get_as(format))
        assert result.code == (name in result.err) == (format in judging)
        assert result.out
        assert format not in judging or b"\nID " not in result.out and not (
            where == "target" and NODES[1].encode() in result.out)


@rule("4.5")
@every_get_format
def test_document_frame_is_checked_in_every_format(plane, format):
    values = dict.fromkeys(("targets", "items"), NO_LISTS + NO_OBJECTS)
    values["next_cursor"] = [1, 0, False, ["x"], [], {}]
    listing = (("items", list_as(format)), ("next_cursor", list_as(format))) if format in LIST_FORMATS else ()
    for name, argv in (("targets", get_as(format)), ("next_cursor", get_as(format))) + listing:
        for value in values[name]:
            result = run_against(plane, dict({"items": [], "id": EXECUTION}, **{name: value}), *argv)
            assert result.code == 1, value
            assert name in error_lines(result)[0], value
        for body in (encode([{"items": [], "id": EXECUTION}]), b"", b"null", b'"items"', encode(THREE_TARGETS) + b"{}"):
            result = run_against(plane, Reply(body), *argv)
            assert result.code == 1, body
            assert error_lines(result), body
