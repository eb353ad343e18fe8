"""What the server sends: statuses, missing values, and values of the wrong type, in the formats that show them."""

import pytest

import plexctl_exec_log as program
from kit import (
    EXECUTION,
    GET,
    LIST,
    TARGETS,
    error_lines,
    execution,
    inline,
    page,
    run_against,
    table,
    target,
)

#: The last three are unknown. The program does not change their case.
STATUSES = "pending ack started succeeded failed cancelled timeout Paused SUCCEEDED success".split()


def read_cells(result):
    """Return the cells of each row of a table."""
    return [line.split() for line in result.out.decode("utf-8").splitlines()[1:]]


# ---- statuses and types


def test_statuses_are_grouped_in_life_cycle_order():
    assert program.RUNNING_STATUSES == ("pending", "ack", "started")
    assert program.FINAL_STATUSES == ("succeeded", "failed", "cancelled", "timeout")
    assert program.FAILED_STATUSES == ("failed", "cancelled", "timeout")


def test_statuses_and_types_are_shown_as_the_server_sent_them(plane):
    executions = [execution(status=status, type="Cron") for status in STATUSES]
    targets = [target(status=status) for status in STATUSES]

    listed = read_cells(run_against(plane, page(*executions), *LIST))
    got = read_cells(run_against(plane, execution(targets), *GET, "-o", "table"))

    assert [row[1] for row in listed] == STATUSES
    assert [row[2] for row in listed] == ["Cron"] * 10
    assert [row[1] for row in got[:10]] == STATUSES
    # TARGETS of the row of the Execution: only the status `succeeded` counts as that.
    assert got[-1][3] == "1/10"


# ---- missing values


@table("""
    member     | row
    id         | - succeeded builtin 0/0 2026-05-02T10:00:00Z 2026-05-02T10:00:09Z restart-nginx
    status     | $ID - builtin 0/0 2026-05-02T10:00:00Z 2026-05-02T10:00:09Z restart-nginx
    type       | $ID succeeded - 0/0 2026-05-02T10:00:00Z 2026-05-02T10:00:09Z restart-nginx
    created_at | $ID succeeded builtin 0/0 - 2026-05-02T10:00:09Z restart-nginx
    updated_at | $ID succeeded builtin 0/0 2026-05-02T10:00:00Z - restart-nginx
    action     | $ID succeeded builtin 0/0 2026-05-02T10:00:00Z 2026-05-02T10:00:09Z -
""")
def test_absent_or_null_scalar_of_an_execution_is_a_dash(plane, member, row):
    absent, null = execution(), execution()
    del absent[member]
    null[member] = None

    result = run_against(plane, page(absent, null), *LIST)

    assert result.code == 0
    assert result.err == ""
    assert read_cells(result) == [row.replace("$ID", EXECUTION).split()] * 2


@pytest.mark.parametrize(
    "format, printed",
    [
        ("-o text", b"==> - - 2 bytes <==\nxy\n\n"),
        ("-o lines", b"-: xy\n"),
        # the node id in a column of 36 characters, the status, and the time of the last update
        ("-o table", b"\n-" + b" " * 37 + b"-          -                     2 bytes"),
    ],
)
def test_absent_or_null_scalars_of_a_target_are_dashes(plane, format, printed):
    absent = {"output_ref": inline(b"xy")}
    null = dict(absent, node_id=None, status=None, updated_at=None)

    result = run_against(plane, execution([absent, null]), *GET, *format.split())

    assert result.code == 0
    assert result.err == ""
    assert result.out.count(printed) == 2


# ---- values of the wrong type

#: Both values are false in Python, so that a check such as `if value` would not refuse them.
every_wrong_type = pytest.mark.parametrize("wrong", [0, {}], ids=ascii)


@every_wrong_type
@pytest.mark.parametrize("member", ["id", "status", "type", "created_at", "updated_at", "action"])
def test_wrong_type_in_a_table_of_list_ends_it_after_the_rows_before(plane, member, wrong):
    faulty = execution(id="e-2")
    faulty[member] = wrong
    answer = page(execution(id="e-1"), faulty, execution(id="e-3"))

    result = run_against(plane, answer, *LIST)
    as_json = run_against(plane, answer, *LIST, "-o", "jsonl")

    assert result.code == 1
    assert [row[0] for row in read_cells(result)] == ["e-1"]
    assert error_lines(result) == [
        "the response is malformed: Execution %s: %s: expected a string"
        % ("-" if member == "id" else "e-2", member)  # a dash in place of the unusable id
    ]
    # What the server sent is printed as it is, whatever its type.
    assert (as_json.code, len(as_json.out.splitlines())) == (0, 3)


def test_wrong_types_that_are_not_shown_do_not_matter(plane):
    # A listing shows no member of a target. The format text of get shows neither time.
    unlisted = target(node_id=5, status={}, created_at=5, updated_at=[], output_ref=1, unknown=1)
    unshown = target(inline(b"x"), created_at=5, updated_at=[], unknown=1)

    listed = run_against(plane, page(execution([unlisted], project_id=1)), *LIST)
    got = run_against(plane, execution([unshown], domain_id={}), *GET)

    assert (listed.code, listed.err) == (0, "")
    assert (got.code, got.err) == (0, "")


@every_wrong_type
@table("""
    format   | member     | error
    # A node id of the wrong type cannot name the target in the error.
    -o text  | node_id    | a target's node_id: expected a string
    -o table | node_id    | a target's node_id: expected a string
    -o wide  | node_id    | a target's node_id: expected a string
    -o lines | node_id    | a target's node_id: expected a string
    -o text  | status     | target a1b2c301-0000-4000-8000-000000000001: status: expected a string
    -o table | status     | target a1b2c301-0000-4000-8000-000000000001: status: expected a string
    -o table | updated_at | target a1b2c301-0000-4000-8000-000000000001: updated_at: expected a string
    -o wide  | updated_at | target a1b2c301-0000-4000-8000-000000000001: updated_at: expected a string
""")
def test_wrong_type_in_a_target_ends_a_get_after_the_targets_before(
    plane, format, member, error, wrong
):
    good = target(inline(b"fine\n"), "a1b2c300-0000-4000-8000-000000000000")
    faulty = target(inline(b"odd\n"), "a1b2c301-0000-4000-8000-000000000001")
    faulty[member] = wrong

    result = run_against(plane, execution([good, faulty]), *GET, *format.split())

    assert result.code == 1
    assert error_lines(result) == ["the response is malformed: " + error]
    assert b"a1b2c300-0000-4000-8000-000000000000" in result.out
    assert b"a1b2c301-0000-4000-8000-000000000001" not in result.out
    assert b"odd" not in result.out
    # Neither is the row of the Execution, above which the header begins with ID.
    assert b"\nID " not in result.out


@every_wrong_type
@table("""
    member     | error
    status     | target a1b2c301-0000-4000-8000-000000000001 of Execution e-1: status: expected a string
    updated_at | target a1b2c301-0000-4000-8000-000000000001 of Execution e-1: updated_at: expected a string
""")
def test_wrong_type_in_a_row_of_targets_is_an_error_that_names_target_and_execution(
    plane, member, error, wrong
):
    faulty = target(node="a1b2c301-0000-4000-8000-000000000001")
    faulty[member] = wrong

    result = run_against(plane, page(execution([faulty], id="e-1")), *TARGETS)

    assert result.code == 1
    assert error_lines(result) == ["the response is malformed: " + error]


@every_wrong_type
@pytest.mark.parametrize("format", ["-o text", "-o table", "-o wide"])
def test_wrong_type_in_an_execution_ends_a_get_before_its_row(plane, format, wrong):
    good = target(inline(b"fine\n"), "a1b2c300-0000-4000-8000-000000000000")

    result = run_against(plane, execution([good], action=wrong), *GET, *format.split())

    assert result.code == 1
    assert error_lines(result) == [
        "the response is malformed: Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f: action: expected a string"
    ]
    assert b"a1b2c300-0000-4000-8000-000000000000" in result.out
    assert b"\nID " not in result.out  # the header above the row
