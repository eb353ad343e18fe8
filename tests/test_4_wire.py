"""Section 4: where the program is lenient with the wire, where it is strict, and in which form."""

import json
import random

import pytest

import plexctl_exec_log as program
from control_plane import STATUSES
from kit import (EXECUTION, GET, GET_FORMS, LIST, LIST_FORMS, NODES, archive, error_lines, execution, inline, page,
                 read_sections, rule, run_against, target)
from server import Reply

every_form = pytest.mark.parametrize("form", LIST_FORMS)
every_get_form = pytest.mark.parametrize("form", GET_FORMS)
WIRE = execution([target(inline(b"one\n")), target(archive(sha256="ab" * 32), NODES[1], "failed"),
                  target(node=NODES[2], status="pending")])


def sort_members(wire, order):
    """The same JSON value, the members of its objects in another order."""
    if isinstance(wire, list):
        return [sort_members(value, order) for value in wire]
    if not isinstance(wire, dict):
        return wire
    return {name: sort_members(wire[name], order) for name in order(list(wire))}


def unsorted_json(wire):
    """A Reply that keeps the order of members."""
    return Reply(json.dumps(wire))


def drop_member(wire, name):
    return {other: value for other, value in wire.items() if other != name}


def read_row(result):
    """The cells of the last row of a listing or recap; no value of these tests holds a blank."""
    return result.out.decode("utf-8").splitlines()[-1].split()


# ---- 4.1

ORDERS = {"alphabetical": sorted, "backwards": lambda names: sorted(names, reverse=True),
          "shuffled": lambda names: random.Random(4).sample(names, len(names))}


@rule("4.1")
@pytest.mark.parametrize("order", list(ORDERS.values()), ids=list(ORDERS))
def test_members_come_in_any_order(plane, order):
    listing = page(WIRE, execution(), next_cursor="c-2")
    for wire, argv in ((WIRE, GET), (WIRE, GET + ("--output", "raw")), (listing, LIST)):
        expected = run_against(plane, wire, *argv)
        assert run_against(plane, unsorted_json(sort_members(wire, order)), *argv) == expected
    assert expected.out.endswith(b"\nnext_cursor: c-2\n")


@rule("4.1")
def test_id_after_the_targets_is_known_all_the_same(plane):
    last = dict(drop_member(WIRE, "id"), id=EXECUTION)
    assert run_against(plane, unsorted_json(last)) == run_against(plane, WIRE)
    wrong = run_against(plane, unsorted_json(dict(last, id=NODES[0])))
    assert wrong.code == 1 and error_lines(wrong) and b"\nID " not in wrong.out


@rule("4.1", "9.2")
@pytest.mark.parametrize("status", STATUSES)
def test_each_status_is_shown_as_it_is(plane, status):
    wire = execution([target(status=status)], status=status)
    assert read_row(run_against(plane, page(wire), *LIST))[1:4] == [status, "builtin", "%d/1" % (status == "succeeded")]
    result = run_against(plane, wire, *GET + ("--exit-status",))
    assert read_sections(result.out)[0][0][1] == status and result.code == (0 if status == "succeeded" else 5)


# ---- 4.2: lenient where nothing is lost

SCALARS = ["status", "type", "created_at", "updated_at", "action"]
COLUMNS = {name: place for place, name in enumerate(["id", "status", "type", "", "created_at", "updated_at", "action"])}


@rule("4.2")
@pytest.mark.parametrize("name", ["id"] + SCALARS)
def test_absent_or_null_scalar_of_a_row_is_a_dash(plane, name):
    for wire in (drop_member(execution(), name), execution(**{name: None})):
        result = run_against(plane, page(wire), *LIST)
        assert (result.code, result.err) == (0, "")
        assert [place for place, cell in enumerate(read_row(result)) if cell == "-"] == [COLUMNS[name]]


@rule("4.2")
@pytest.mark.parametrize("name", SCALARS)
def test_absent_or_null_scalar_of_a_recap_is_a_dash(plane, name):
    for wire in (drop_member(execution(), name), execution(**{name: None})):
        result = run_against(plane, wire)
        assert (result.code, result.err) == (0, "")
        assert [place for place, cell in enumerate(read_row(result)) if cell == "-"] == [COLUMNS[name]]


@rule("4.2")
@pytest.mark.parametrize("member, header", [("node_id", "==> - succeeded 1 bytes <=="),
                                            ("status", "==> %s - 1 bytes <==" % NODES[0])])
def test_absent_or_null_scalar_of_a_section_is_a_dash(plane, member, header):
    whole = target(inline(b"x"))
    for wire in (drop_member(whole, member), dict(whole, **{member: None})):
        result = run_against(plane, execution([wire]))
        assert (result.code, result.err) == (0, "") and result.out.decode().startswith(header + "\nx\n\nID ")
        assert run_against(plane, execution([wire]), *GET + ("--output", "raw")) == (0, b"x", "")


@rule("4.2")
@every_form
def test_null_items_are_an_empty_page(plane, form):
    result = run_against(plane, {"items": None, "next_cursor": None}, *LIST + ("--output", form))
    assert (result.code, result.err) == (0, "") and result.out.count(b"\n") == {"jsonl": 0, "json": 4}.get(
        form, 2 if form == "yaml" else 1)


@rule("4.2")
@every_get_form
@pytest.mark.parametrize("wire", [execution(), execution(targets=[]), dict(execution(), targets=None),
                                  drop_member(execution(), "targets")], ids=["none", "empty", "null", "absent"])
def test_null_or_absent_targets_are_no_targets(plane, wire, form):
    result = run_against(plane, wire, *GET + ("--output", form))
    assert (result.code, result.err) == (0, "")
    if form == "text":
        assert read_row(result)[3] == "0/0" and result.out.count(b"\n") == 2
    elif form == "json":
        assert json.loads(result.out.decode()) == wire
    else:
        assert form == "yaml" or result.out == b""


@rule("4.2")
def test_null_or_absent_targets_of_a_listed_execution_are_none(plane):
    result = run_against(plane, page(dict(execution(), targets=None), drop_member(execution(), "targets")), *LIST)
    assert [line.split()[3] for line in result.out.decode().splitlines()] == ["TARGETS", "0/0", "0/0"]


@rule("4.2", "5.2")
@pytest.mark.parametrize("none", [None, ""], ids=["null", "empty"])
def test_null_or_empty_next_cursor_is_no_next_page(plane, none):
    without = run_against(plane, page(execution()), *LIST)
    assert run_against(plane, page(execution(), next_cursor=none), *LIST) == without
    result = run_against(plane, page(execution(), next_cursor=none), *LIST + ("--output", "jsonl"))
    assert (result.code, result.err) == (0, "")
    run_against(plane, page(execution(), next_cursor=none), *LIST + ("--all",))
    assert len(plane.requests) == 4 and not plane.answers


@rule("4.2")
@pytest.mark.parametrize("output, what", [
    (None, "no output"), ({"kind": "inline"}, "0 bytes"), ({"kind": "inline", "inline_bytes": None}, "0 bytes"),
    (archive(sha256=None), "archived")], ids=["null output_ref", "absent bytes", "null bytes", "null digest"])
def test_null_members_of_an_output_are_absent(plane, output, what):
    result = run_against(plane, execution([dict(target(), output_ref=output)]))
    assert (result.code, result.err) == (0, "") and read_sections(result.out)[0][0][2] == what


UNKNOWN = {"zzz": [1, {"b": None, "a": "x"}], "aaa": True}


@rule("4.2")
def test_unknown_members_are_ignored_in_text(plane):
    odd = dict(WIRE, targets=[dict(wire, **UNKNOWN) for wire in WIRE["targets"]], **UNKNOWN)
    for argv in (GET, GET + ("--output", "raw")):
        assert run_against(plane, odd, *argv) == run_against(plane, WIRE, *argv)
    assert run_against(plane, page(odd, **UNKNOWN), *LIST) == run_against(plane, page(WIRE), *LIST)


@rule("4.2", "5.8")
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_unknown_members_are_kept_in_documents(plane, form):
    odd = dict(WIRE, targets=[dict(wire, **UNKNOWN) for wire in WIRE["targets"]], **UNKNOWN)
    out = run_against(plane, odd, *GET + ("--output", form)).out.decode("ascii")
    got = json.loads(out) if form == "json" else [json.loads(line) for line in out.splitlines()]
    assert got == (odd if form == "json" else odd["targets"])
    out = run_against(plane, page(odd, **UNKNOWN), *LIST + ("--output", form)).out.decode("ascii")
    assert json.loads(out) == (page(odd, **UNKNOWN) if form == "json" else odd)


@rule("4.2", "5.8")
def test_unknown_members_are_kept_in_yaml(plane):
    out = run_against(plane, dict({"id": EXECUTION}, **UNKNOWN), *GET + ("--output", "yaml")).out
    assert b"\nzzz:\n  - 1\n" in out and b'a: "x"\n' in out and b"aaa: true\n" in out


@rule("4.2")
def test_unknown_status_and_type_are_shown_as_they_are(plane):
    wire = execution([target(status="Paused")], status="quarantined", type="cron")
    result = run_against(plane, wire)
    assert (result.code, result.err) == (0, "") and read_sections(result.out)[0][0][1] == "Paused"
    assert read_row(result)[1:4] == ["quarantined", "cron", "0/1"]
    assert run_against(plane, page(wire), *LIST).out == result.out[result.out.index(b"ID "):]


@rule("4.2")
def test_status_counts_as_succeeded_only_if_it_is_exactly_that(plane):
    odd = [target(status=status) for status in ("succeeded", "SUCCEEDED", "succeeded ", "", None, "success")]
    assert read_row(run_against(plane, page(execution(odd)), *LIST))[3] == "1/6"
    assert read_row(run_against(plane, execution(odd)))[3] == "1/6"


# ---- 4.3: the answer is the one that was asked for

OTHERS = {"nothing": {}, "a problem": {"title": "x", "status": 404}, "an Execution": execution(),
          "only a cursor": {"next_cursor": "x"}, "the wrong case": {"Items": []},
          "items within": {"data": {"items": []}}}


@rule("4.3")
@every_form
@pytest.mark.parametrize("wire", list(OTHERS.values()), ids=list(OTHERS))
def test_listing_without_items_is_malformed(plane, wire, form):
    for flags in ((), ("--all", "--cursor", "c")):
        result = run_against(plane, wire, *LIST + flags + ("--output", form))
        assert result.code == 1 and error_lines(result) and "next_cursor: x" not in result.err + result.out.decode()


FOREIGN = {"absent": drop_member(WIRE, "id"), "null": dict(WIRE, id=None), "a number": dict(WIRE, id=1),
           "empty": dict(WIRE, id=""), "another": dict(WIRE, id=NODES[0]), "a list": dict(WIRE, id=[EXECUTION]),
           "longer": dict(WIRE, id=EXECUTION + "0"), "with blanks": dict(WIRE, id=" " + EXECUTION),
           "a page": page(WIRE)}


@rule("4.3")
@every_get_form
@pytest.mark.parametrize("wire", list(FOREIGN.values()), ids=list(FOREIGN))
def test_execution_with_another_id_is_malformed(plane, wire, form):
    result = run_against(plane, wire, *GET + ("--output", form))
    assert result.code == 1 and error_lines(result) and b"\nID " not in b"\n" + result.out
    if form == "json":
        with pytest.raises(ValueError):
            json.loads(result.out.decode())


@rule("4.3")
def test_foreign_id_says_what_was_asked_for(plane):
    assert EXECUTION in run_against(plane, dict(WIRE, id=NODES[0])).err


@rule("4.3")
@every_get_form
def test_case_of_the_id_does_not_matter(plane, form):
    result = run_against(plane, execution([target(inline(b"x"))], id=EXECUTION.upper()), *GET + ("--output", form))
    assert (result.code, result.err) == (0, "")


# ---- 4.4: a wrong type of a member that is used

WRONG = [0, [], False, {}]
LISTS = [1, 0, "", "x", {}, {"a": 1}, False, True]
NO_OBJECTS = [[1], [None], [[]], ["x"], [{}, []]]
HELD = [(name, value) for name in SCALARS for value in WRONG]


@rule("4.4", "4.5")
@pytest.mark.parametrize("name, value", HELD + [("id", value) for value in WRONG] + [
    ("targets", value) for value in LISTS + NO_OBJECTS + [[{"status": value}] for value in WRONG]], ids=ascii)
def test_wrong_type_in_a_listed_execution_is_judged_by_text_alone(plane, name, value):
    wire = page(execution(), dict(execution(), **{name: value}), execution())
    result = run_against(plane, wire, *LIST)
    assert result.code == 1 and error_lines(result) and name in result.err
    assert result.out.count(EXECUTION.encode()) == 1
    document = run_against(plane, wire, *LIST + ("--output", "json"))
    assert json.loads(document.out.decode()) == wire and document[::2] == (0, "")


@rule("4.4", "4.5")
@pytest.mark.parametrize("name, value", HELD, ids=ascii)
def test_wrong_type_in_an_execution_is_judged_by_text(plane, name, value):
    wire = dict(WIRE, **{name: value})
    result = run_against(plane, wire)
    assert result.code == 1 and name in error_lines(result)[0] and b"ID " not in result.out
    document = run_against(plane, wire, *GET + ("--output", "json"))
    assert json.loads(document.out.decode()) == wire and document[::2] == (0, "")


@rule("4.4", "4.5")
@pytest.mark.parametrize("name, value", [(name, value) for name in ("node_id", "status") for value in WRONG], ids=ascii)
def test_wrong_type_in_a_target_is_judged_by_text_and_raw(plane, name, value):
    wire = execution([target(inline(b"fine\n")), dict(target(inline(b"x"), NODES[1]), **{name: value})])
    for form, shown in (("text", b"==> %s succeeded 5 bytes <==\nfine\n" % NODES[0].encode()), ("raw", b"fine\n")):
        result = run_against(plane, wire, *GET + ("--output", form))
        assert (result.code, result.out.rstrip(b"\n")) == (1, shown.rstrip(b"\n")) and name in result.err
    document = run_against(plane, wire, *GET + ("--output", "json"))
    assert json.loads(document.out.decode()) == wire and document[::2] == (0, "")


@rule("4.4")
def test_wrong_type_of_a_member_that_is_not_used_does_not_matter(plane):
    odd = dict(execution([dict(target(), created_at=5, updated_at=[])]), project_id=1, domain_id={})
    for wire, argv in ((odd, GET), (odd, GET + ("--output", "raw")), (page(odd, more=1), LIST)):
        assert run_against(plane, wire, *argv).code == 0
    listed = execution([dict(target({"kind": 1}), node_id=5), dict(target(), output_ref="x")])
    assert read_row(run_against(plane, page(listed), *LIST))[3] == "2/2"


# ---- 4.5: json, yaml and jsonl check the frame

FRAMES = {"a list": [{"items": [], "id": EXECUTION}], "nothing": b"", "null": b"null", "a string": b'"items"',
          "two objects": b'{"items":[],"id":"%s"}{}' % EXECUTION.encode()}


@rule("4.5")
@every_form
@pytest.mark.parametrize("body", list(FRAMES.values()), ids=list(FRAMES))
def test_answer_is_one_object_in_every_form(plane, body, form):
    for argv in (LIST, GET):
        result = run_against(plane, Reply(body), *argv + ("--output", form))
        assert result.code == 1 and error_lines(result)


@rule("4.5")
@pytest.mark.parametrize("form, value", [("json", value) for value in LISTS + NO_OBJECTS] + [
    (form, value) for form in ("text", "yaml", "jsonl", "raw") for value in ({}, [{}, []])], ids=ascii)
def test_streamed_list_is_a_list_of_objects_in_every_form(plane, value, form):
    result = run_against(plane, dict(execution(), targets=value), *GET + ("--output", form))
    assert result.code == 1 and "targets" in error_lines(result)[0]
    if form != "raw":
        result = run_against(plane, {"items": value}, *LIST + ("--output", form))
        assert result.code == 1 and "items" in error_lines(result)[0]


@rule("4.5")
@every_form
@pytest.mark.parametrize("value", [1, 0, False, ["x"], [], {}], ids=ascii)
def test_next_cursor_is_a_string_or_null_in_every_form(plane, value, form):
    for flags in ((), ("--all",)):
        result = run_against(plane, page(next_cursor=value), *LIST + flags + ("--output", form))
        assert result.code == 1 and "next_cursor" in result.err


@rule("4.5")
def test_documents_print_the_rest_unjudged(plane):
    odd = {"id": 5, "status": [], "targets": "x", "output_ref": {"kind": "tape", "inline_bytes": "no base64"}}
    out = run_against(plane, page(odd, {}), *LIST + ("--output", "json")).out
    assert json.loads(out.decode()) == page(odd, {})
    wire = execution([dict(odd, node_id=7), {}], status=[1])
    assert json.loads(run_against(plane, wire, *GET + ("--output", "json")).out.decode()) == wire
    assert run_against(plane, wire, *GET + ("--output", "jsonl")).out.decode().splitlines() == [
        json.dumps(wire["targets"][0], sort_keys=True, separators=(",", ":")), "{}"]
    assert run_against(plane, wire, *GET + ("--output", "yaml"))[::2] == (0, "")
    assert run_against(plane, page(odd, {}), *LIST + ("--output", "yaml"))[::2] == (0, "")
    assert run_against(plane, page(odd, {}), *LIST + ("--output", "jsonl")).out.endswith(b"}\n{}\n")


# ---- what a program that imports the module gets

@rule("4.2", "4.4")
@pytest.mark.parametrize("wire, kind, data, location, sha256", [
    (None, "none", b"", "", ""), (inline(b"ab\xff"), "inline", b"ab\xff", "", ""),
    ({"kind": "inline"}, "inline", b"", "", ""), (archive("b", "k/l"), "archived", b"", "b/k/l", ""),
    (archive(sha256="no digest"), "archived", b"", "logs/a/b.log", "no digest")],
    ids=["none", "inline", "empty", "archived", "digest"])
def test_output_ref_of_the_library(wire, kind, data, location, sha256):
    output = program.OutputRef.from_wire(wire)
    assert (output.kind, output.data, output.location, output.sha256) == (kind, data, location, sha256)
    assert not output.fault


@rule("4.4", "5.6")
def test_output_ref_that_cannot_be_read_tells_why():
    output = program.OutputRef.from_wire({"kind": "tape"})
    assert output.kind == "unreadable" and "tape" in output.fault and not output.data
