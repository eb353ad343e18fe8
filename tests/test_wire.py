"""Section 4: statuses, missing values, and values of the wrong type, in every format."""

import pytest

import plexctl_exec_log as program
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

#: The times of the Executions of these tests, as a listing shows them.
CREATED, UPDATED = "2026-05-02T10:00:00Z", "2026-05-02T10:00:09Z"

#: Both values are false in Python, so that a check such as `if value` does not see them.
every_wrong_type = pytest.mark.parametrize(
    "wrong", [pytest.param(0, id="number"), pytest.param({}, id="object")]
)


def read_last_cells(result):
    """Return the cells of the last row of a listing."""
    return result.out.decode("utf-8").splitlines()[-1].split()


# ---- 4.1 and 4.2: statuses and types


@rule("4.1")
def test_statuses_are_grouped_in_life_cycle_order():
    assert program.RUNNING_STATUSES == ("pending", "ack", "started")
    assert program.FINAL_STATUSES == ("succeeded", "failed", "cancelled", "timeout")
    assert program.FAILED_STATUSES == ("failed", "cancelled", "timeout")


every_shown_status = pytest.mark.parametrize(
    "status",
    ["pending", "ack", "started", "succeeded", "failed", "cancelled", "timeout"]
    # Statuses that the contract does not know. The program does not change their case.
    + ["Paused", "SUCCEEDED", "success"],
)


@rule("4.1", "4.2")
@every_shown_status
def test_listing_shows_a_status_as_the_server_sent_it(plane, status):
    result = run_against(plane, page(execution(status=status)), *LIST)

    assert result.code == 0
    assert read_last_cells(result) == [
        EXECUTION,
        status,
        "builtin",
        "0/0",
        CREATED,
        UPDATED,
        "restart-nginx",
    ]


@rule("4.1", "4.2")
@every_shown_status
def test_get_shows_the_status_of_a_target_as_the_server_sent_it(plane, status):
    result = run_against(plane, execution([target(status=status)]), *GET)

    assert result.code == 0
    assert result.out.decode("utf-8").startswith("==> %s %s no output <==\n" % (NODES[0], status))


@rule("4.2")
def test_listing_shows_an_unknown_type_as_the_server_sent_it(plane):
    result = run_against(plane, page(execution(type="Cron")), *LIST)

    assert result.code == 0
    assert read_last_cells(result) == [
        EXECUTION,
        "succeeded",
        "Cron",
        "0/0",
        CREATED,
        UPDATED,
        "restart-nginx",
    ]


@rule("4.1", "5.2")
def test_only_targets_whose_status_is_exactly_succeeded_are_counted(plane):
    targets = [
        target(status="pending"),
        target(status="ack"),
        target(status="started"),
        target(status="succeeded"),
        target(status="failed"),
        target(status="cancelled"),
        target(status="timeout"),
        target(status="Paused"),
        target(status="SUCCEEDED"),
        target(status="success"),
    ]

    result = run_against(plane, page(execution(targets)), *LIST)

    assert result.code == 0
    assert read_last_cells(result)[3] == "1/10"


# ---- 4.2: missing values

#: A scalar, and the row of an Execution without it: the dash is in the column of the scalar.
ROWS_WITH_A_DASH = [
    pytest.param(
        "id", ["-", "succeeded", "builtin", "0/0", CREATED, UPDATED, "restart-nginx"], id="id"
    ),
    pytest.param(
        "status", [EXECUTION, "-", "builtin", "0/0", CREATED, UPDATED, "restart-nginx"], id="status"
    ),
    pytest.param(
        "type", [EXECUTION, "succeeded", "-", "0/0", CREATED, UPDATED, "restart-nginx"], id="type"
    ),
    pytest.param(
        "created_at",
        [EXECUTION, "succeeded", "builtin", "0/0", "-", UPDATED, "restart-nginx"],
        id="created",
    ),
    pytest.param(
        "updated_at",
        [EXECUTION, "succeeded", "builtin", "0/0", CREATED, "-", "restart-nginx"],
        id="updated",
    ),
    pytest.param(
        "action", [EXECUTION, "succeeded", "builtin", "0/0", CREATED, UPDATED, "-"], id="action"
    ),
]


@rule("4.2")
@pytest.mark.parametrize("name, row", ROWS_WITH_A_DASH)
def test_absent_scalar_of_an_execution_is_a_dash(plane, name, row):
    wire = execution()
    del wire[name]

    result = run_against(plane, page(wire), *LIST)

    assert result.code == 0
    assert result.err == ""
    assert read_last_cells(result) == row


@rule("4.2")
@pytest.mark.parametrize("name, row", ROWS_WITH_A_DASH)
def test_null_scalar_of_an_execution_is_a_dash(plane, name, row):
    wire = execution()
    wire[name] = None

    result = run_against(plane, page(wire), *LIST)

    assert result.code == 0
    assert result.err == ""
    assert read_last_cells(result) == row


#: A format of `get`, and what it prints of a target without node id, status and time, whose output is "xy".
TARGETS_WITH_DASHES = [
    pytest.param("text", b"==> - - 2 bytes <==\nxy\n\n", id="text"),
    pytest.param("lines", b"-: xy\n", id="lines"),
    pytest.param(
        "table",
        b"\n-                                     -          -                     2 bytes\n",
        id="table",
    ),
]


@rule("4.2")
@pytest.mark.parametrize("format, printed", TARGETS_WITH_DASHES)
def test_absent_scalars_of_a_target_are_dashes(plane, format, printed):
    wire = execution([{"output_ref": inline(b"xy")}])

    result = run_against(plane, wire, *GET, "--output", format)

    assert result.code == 0
    assert result.err == ""
    assert printed in result.out


@rule("4.2")
@pytest.mark.parametrize("format, printed", TARGETS_WITH_DASHES)
def test_null_scalars_of_a_target_are_dashes(plane, format, printed):
    wire = execution(
        [{"node_id": None, "status": None, "updated_at": None, "output_ref": inline(b"xy")}]
    )

    result = run_against(plane, wire, *GET, "--output", format)

    assert result.code == 0
    assert result.err == ""
    assert printed in result.out


# ---- 4.4: values of the wrong type


@rule("4.4")
@every_wrong_type
@pytest.mark.parametrize(
    "name, error",
    [
        pytest.param(
            "id", "the response is malformed: Execution -: id: expected a string", id="id"
        ),
        pytest.param(
            "status",
            "the response is malformed: Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f: status: expected a string",
            id="status",
        ),
        pytest.param(
            "type",
            "the response is malformed: Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f: type: expected a string",
            id="type",
        ),
        pytest.param(
            "created_at",
            "the response is malformed: Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f: created_at: expected a string",
            id="created_at",
        ),
        pytest.param(
            "updated_at",
            "the response is malformed: Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f: updated_at: expected a string",
            id="updated_at",
        ),
        pytest.param(
            "action",
            "the response is malformed: Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f: action: expected a string",
            id="action",
        ),
    ],
)
def test_wrong_type_in_a_listing_ends_it_after_the_rows_before(plane, name, error, wrong):
    faulty = execution()
    faulty[name] = wrong

    result = run_against(plane, page(execution(id="before"), faulty, execution(id="after")), *LIST)

    assert result.code == 1
    lines = result.out.decode("utf-8").splitlines()
    assert len(lines) == 2  # the header, and one row
    assert lines[1].startswith("before ")
    assert error_lines(result) == [error]


@rule("4.4")
def test_error_for_a_wrong_type_in_a_listing_names_the_execution(plane):
    result = run_against(
        plane, page(execution(id="e-1", status="failed"), execution(id="e-2", status=7)), *LIST
    )

    assert result.code == 1
    assert error_lines(result) == [
        "the response is malformed: Execution e-2: status: expected a string"
    ]


@rule("4.4")
def test_wrong_types_that_a_listing_does_not_show_do_not_matter(plane):
    faulty_target = target(
        node_id=5, status={}, created_at=5, updated_at=[], output_ref=1, unknown=1
    )

    result = run_against(plane, page(execution([faulty_target], project_id=1)), *LIST)

    assert result.code == 0
    assert result.err == ""


@rule("4.4")
def test_wrong_types_that_a_get_does_not_show_do_not_matter(plane):
    # The format text shows neither of the times of a target.
    faulty_target = target(inline(b"x"), created_at=5, updated_at=[], unknown=1)

    result = run_against(plane, execution([faulty_target], domain_id={}), *GET)

    assert result.code == 0
    assert result.err == ""


NODE_ID_ERROR = "the response is malformed: a target's node_id: expected a string"
STATUS_ERROR = "the response is malformed: target a1b2c301-0000-4000-8000-000000000001: status: expected a string"
UPDATED_AT_ERROR = (
    "the response is malformed: target a1b2c301-0000-4000-8000-000000000001: "
    "updated_at: expected a string"
)

#: A format of `get`, a member of a target that it shows, and the error if this member of the second target is wrong.
USED = [
    pytest.param("text", "node_id", NODE_ID_ERROR, id="text, node_id"),
    pytest.param("table", "node_id", NODE_ID_ERROR, id="table, node_id"),
    pytest.param("wide", "node_id", NODE_ID_ERROR, id="wide, node_id"),
    pytest.param("lines", "node_id", NODE_ID_ERROR, id="lines, node_id"),
    pytest.param("text", "status", STATUS_ERROR, id="text, status"),
    pytest.param("table", "status", STATUS_ERROR, id="table, status"),
    pytest.param("wide", "status", STATUS_ERROR, id="wide, status"),
    pytest.param("table", "updated_at", UPDATED_AT_ERROR, id="table, time"),
    pytest.param("wide", "updated_at", UPDATED_AT_ERROR, id="wide, time"),
]


@rule("4.4")
@every_wrong_type
@pytest.mark.parametrize("format, name, error", USED)
def test_wrong_type_in_a_target_ends_a_get_after_the_targets_before(
    plane, format, name, error, wrong
):
    good = target(inline(b"fine\n"), "a1b2c300-0000-4000-8000-000000000000")
    faulty = target(inline(b"odd\n"), "a1b2c301-0000-4000-8000-000000000001")
    faulty[name] = wrong

    result = run_against(plane, execution([good, faulty]), *GET, "--output", format)

    assert result.code == 1
    assert error_lines(result) == [error]
    assert b"a1b2c300-0000-4000-8000-000000000000" in result.out
    assert b"a1b2c301-0000-4000-8000-000000000001" not in result.out
    assert b"odd" not in result.out
    # The recap, which begins with the header ID, is not printed either.
    assert b"\nID " not in result.out


@rule("4.4")
@every_wrong_type
@pytest.mark.parametrize("format", TABLE_FORMATS)
def test_wrong_type_in_an_execution_ends_a_get_before_the_recap(plane, format, wrong):
    wire = execution(
        [target(inline(b"fine\n"), "a1b2c300-0000-4000-8000-000000000000")], action=wrong
    )

    result = run_against(plane, wire, *GET, "--output", format)

    assert result.code == 1
    assert error_lines(result) == [
        "the response is malformed: Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f: action: expected a string"
    ]
    assert b"a1b2c300-0000-4000-8000-000000000000" in result.out
    # The recap begins with the header ID.
    assert b"\nID " not in result.out
