"""What a terminal of a certain width shows of the tables. Pipes get the widest."""

import pytest

from kit import GET, LIST, NODES, archive, execution, inline, page, posix_only, rule, run_on_terminal, target
from server import Reply
from test_text import show_on_terminal

pytestmark = posix_only

#: The rows of one Execution, from the widest table to the narrowest. Its action is A.
WIDEST = ("ID                                    STATUS     TYPE     TARGETS  "
        "CREATED_AT            UPDATED_AT            ACTION\n"
        "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  builtin  0/0      "
        "2026-05-02T10:00:00Z  2026-05-02T10:00:09Z  A\n")
WITH_CREATED = ("ID                                    STATUS     TARGETS  CREATED      UPDATED      ACTION\n"
                "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  0/0      05-02T10:00  05-02T10:00  A\n")
WITH_TARGETS = ("ID                                    STATUS     TARGETS  UPDATED      ACTION\n"
                "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  0/0      05-02T10:00  A\n")
NARROWEST = ("ID                                   STATUS    UPDATED     ACTION\n"
             "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f succeeded 05-02T10:00 A\n")
BY_WIDTH = {40: NARROWEST, 79: NARROWEST, 80: NARROWEST, 90: NARROWEST, 91: WITH_TARGETS, 103: WITH_TARGETS,
            104: WITH_CREATED, 129: WITH_CREATED, 130: WIDEST, 0: WIDEST}
FOUR_TARGETS = execution([target(inline(b"xy"), NODES[0]), target(archive("b", "a key"), NODES[1], "failed"),
                     target(None, NODES[2], "ack", updated_at=None), target(None, NODES[3], updated_at="odd time")])


# ---- 5.2a, 5.2b: Executions

@rule("5.2f", "5.2g", "5.2h", "5.2i", "5.3b")
@pytest.mark.parametrize("columns", sorted(BY_WIDTH))
def test_width_of_the_terminal_decides_the_columns(plane, columns):
    wire = execution(action="A")
    shown = show_on_terminal(plane, page(wire, next_cursor="c"), *LIST, columns=columns)
    assert shown == BY_WIDTH[columns] + "next_cursor: c\n"
    assert show_on_terminal(plane, wire, *GET, columns=columns) == BY_WIDTH[columns]


@rule("5.2h")
def test_row_fits_in_80_columns_if_its_action_has_20_characters(plane):
    actions, statuses = ["a" * length for length in (1, 20, 21, 22)], ["succeeded", "cancelled", None, "ack"]
    wires = [execution([target()] * 9999, action=action, status=status) for action, status in zip(actions, statuses)]
    lines = show_on_terminal(plane, page(*wires), *LIST, columns=80).splitlines()
    assert [len(line) for line in lines[1:3]] == [60, 79]
    assert [line.split(" ")[-1] for line in lines[1:]] == actions


@rule("5.2h")
def test_row_with_20_characters_of_action_fits_in_91_columns(plane):
    lines = show_on_terminal(plane, page(execution(action="a" * 20)), *LIST, columns=91).splitlines()
    assert len(lines[1]) == 91 and "TARGETS" in lines[0]


@rule("5.2h", "5.10a")
def test_narrowest_row_keeps_its_frame(plane):
    wires = [execution(id="i d", status="two words", updated_at=None, action="two  words"),
             execution(status="s" * 12, updated_at="odd")]
    lines = show_on_terminal(plane, page(*wires), *LIST, columns=80).splitlines()
    assert lines[1] == "i\\x20d".ljust(36) + " two\\x20words -           two  words"
    assert lines[2] == wires[1]["id"] + " " + "s" * 12 + " -           restart-nginx"


@rule("5.2h", "9.4")
def test_colour_does_not_change_the_narrowest_columns(plane):
    plane.script(Reply(page(execution(status="ack"))))
    out = run_on_terminal(*LIST + ("--color", "always"), plane=plane, columns=80).out.decode()
    assert "\n4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f \x1b[36mack      \x1b[0m 05-02T10:00 restart-nginx\n" in out


# ---- 5.3b: the table of targets

@rule("5.3h")
@pytest.mark.parametrize("columns", [40, 80, 91, 103])
def test_narrow_table_of_targets_shortens_its_times(plane, columns):
    shown = show_on_terminal(plane, FOUR_TARGETS, *GET + ("-o", "table"), columns=columns)
    assert shown.partition("\n\n")[0] == """\
NODE_ID                               STATUS     UPDATED      OUTPUT
a1b2c300-0000-4000-8000-000000000000  succeeded  05-02T10:00  2 bytes
a1b2c301-0000-4000-8000-000000000001  failed     05-02T10:00  archived: b/a key
a1b2c302-0000-4000-8000-000000000002  ack        -            no output
a1b2c303-0000-4000-8000-000000000003  succeeded  -            no output"""


@rule("5.3e", "5.3h")
@pytest.mark.parametrize("columns", [104, 129, 130, 0])
def test_wider_table_of_targets_shows_whole_times(plane, columns):
    lines = show_on_terminal(plane, FOUR_TARGETS, *GET + ("-o", "table"), columns=columns).splitlines()
    assert lines[0] == "NODE_ID                               STATUS     UPDATED_AT            OUTPUT"
    assert lines[1].endswith("  succeeded  2026-05-02T10:00:09Z  2 bytes")


@rule("5.3b", "5.3e")
@pytest.mark.parametrize("columns", sorted(BY_WIDTH))
def test_recap_below_the_table_of_targets_is_the_row_of_list(plane, columns):
    shown = show_on_terminal(plane, execution(action="A"), *GET + ("-o", "table"), columns=columns)
    assert shown.partition("\n\n")[2] == BY_WIDTH[columns]


# ---- 5.2c: pipes, and COLUMNS

@rule("5.2i")
@pytest.mark.parametrize("variable", ["40", "80", "100", "200"])
def test_variable_columns_does_not_count(plane, variable):
    wire, env = page(execution(action="A")), {"COLUMNS": variable}
    assert show_on_terminal(plane, wire, *LIST, columns=80, env=env) == NARROWEST
    assert show_on_terminal(plane, wire, *LIST, columns=200, env=env) == WIDEST
    assert show_on_terminal(plane, wire, *LIST, columns=0, env=env) == WIDEST


@rule("5.2", "5.2i")
@pytest.mark.parametrize("variable", [None, "80"])
def test_pipe_beside_a_narrow_terminal_gets_the_widest_tables(plane, variable):
    options = {"streams": ["stderr"], "columns": 80, "env": {"COLUMNS": variable}}
    assert show_on_terminal(plane, page(execution(action="A")), *LIST, **options) == WIDEST
    shown = show_on_terminal(plane, execution([target()], action="A"), *GET + ("-o", "table"), **options)
    assert "  2026-05-02T10:00:09Z  no output\n" in shown
