"""Section 4: statuses, missing values, and values of the wrong type, in every format."""

import re

import pytest

import plexctl_exec_log as program
from control_plane import STATUSES
from kit import (
    EXECUTION,
    GET,
    LIST,
    NODES,
    TABLE_FORMATS,
    error_lines,
    execution,
    inline,
    page,
    rule,
    run_against,
    target,
)

SCALARS = ["id", "status", "type", "created_at", "updated_at", "action"]
WRONG = [0, {}]


def read_row(result):
    """The cells of the last row of a listing or recap; no value of these tests holds a blank."""
    return result.out.decode("utf-8").splitlines()[-1].split()


def drop_member(wire, name):
    return {other: value for other, value in wire.items() if other != name}


# ---- 4.1 and 4.2: statuses, types, missing values


@rule("4.1")
def test_statuses_are_grouped_in_life_cycle_order():
    assert program.RUNNING_STATUSES == ("pending", "ack", "started")
    assert program.FINAL_STATUSES == ("succeeded", "failed", "cancelled", "timeout")
    assert program.FAILED_STATUSES == ("failed", "cancelled", "timeout")


@rule("4.1", "4.2", "5.2b")
def test_every_status_and_type_is_shown_unchanged(plane):
    statuses = STATUSES + ("Paused", "SUCCEEDED", "success")
    targets = [target(status=status) for status in statuses]
    wires = [execution(targets, status=status, type="cron") for status in statuses]
    rows = run_against(plane, page(*wires), *LIST).out.decode().splitlines()[1:]
    assert [row.split()[1:4] for row in rows] == [[status, "cron", "1/10"] for status in statuses]
    sections = run_against(plane, wires[0]).out.decode()
    assert tuple(re.findall("==> %s (.*) no output <==" % NODES[0], sections)) == statuses


@rule("4.2")
def test_absent_or_null_scalar_is_a_dash(plane):
    for place, name in zip((0, 1, 2, 4, 5, 6), SCALARS):
        for wire in (drop_member(execution(), name), execution(**{name: None})):
            result = run_against(plane, page(wire), *LIST)
            cells = read_row(result)
            assert (result.code, result.err, cells.count("-"), cells[place]) == (0, "", 1, "-")
    names, formats = ("node_id", "status", "updated_at"), ("text", "lines", "table")
    shown = "==> - - 2 bytes <==\nxy\n\n", "-: xy\n", "\n%-36s  %-9s  %-20s  2 bytes\n\n" % ("-", "-", "-")
    for wire in (target(inline(b"xy"), **dict.fromkeys(names)), {"output_ref": inline(b"xy")}):
        for format, text in zip(formats, shown):
            result = run_against(plane, execution([wire]), *GET + ("-o", format))
            assert (result.code, result.err) == (0, "") and text in result.out.decode()


# ---- 4.4: values of the wrong type


@rule("4.4")
@pytest.mark.parametrize("name", SCALARS)
def test_wrong_type_in_a_listing_ends_it_after_the_rows_before(plane, name):
    for value in WRONG:
        wire = page(execution(id="before"), dict(execution(), **{name: value}), execution(id="after"))
        result = run_against(plane, wire, *LIST)
        error = "the response is malformed: Execution %s: .*%s" % ("-" if name == "id" else EXECUTION, name)
        assert result.code == 1 and re.match(error, error_lines(result)[0])
        assert read_row(result)[0] == "before" and result.out.count(b"\n") == 2


@rule("4.4")
def test_wrong_types_of_what_is_not_shown_do_not_matter(plane):
    odd = target(inline(b"x"), created_at=5, updated_at=[], more=1)
    wire = page(execution([dict(odd, node_id=5, status={}, output_ref=1)], project_id=1))
    assert run_against(plane, wire, *LIST)[::2] == (0, "")
    assert run_against(plane, execution([odd], domain_id={}))[::2] == (0, "")


#: A member of an Execution or a target, the formats of `get` that show it, and the error.
USED = [
    ("", "action", TABLE_FORMATS, "the response is malformed: Execution %s: .*action" % EXECUTION),
    ("of a target", "node_id", TABLE_FORMATS + ("lines",), "the response is malformed: a target's node_id"),
    ("of a target", "status", TABLE_FORMATS, "the response is malformed: target %s: status" % NODES[1]),
    ("of a target", "updated_at", TABLE_FORMATS[1:], "the response is malformed: target %s: updated_at" % NODES[1]),
]


@rule("4.4")
@pytest.mark.parametrize("where, name, formats, error", USED, ids=[row[1] for row in USED])
def test_wrong_type_ends_a_format_that_shows_the_member(plane, where, name, formats, error):
    for value in WRONG:
        members = {name: value}
        targets = [target(inline(b"fine\n")), dict(target(inline(b"odd\n"), NODES[1]), **members if where else {})]
        wire = execution(targets, **{} if where else members)
        for format in formats:
            result = run_against(plane, wire, *GET + ("-o", format))
            assert result.code == 1 and re.match(error, error_lines(result)[0])
            assert NODES[0].encode() in result.out and (b"odd" not in result.out or not where)
            assert b"\nID " not in result.out
