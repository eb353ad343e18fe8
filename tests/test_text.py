"""Section 5, what people read: the tables, the sections of `get`, raw and lines, what is unreadable. And OutputRef."""

import json

import pytest

import plexctl_exec_log as program
from kit import (
    ALL_BYTES,
    ARCHIVE_PLACES,
    DOCUMENT_FORMATS,
    GET,
    GET_FORMATS,
    GET_RAW,
    GET_TABLE,
    LIST,
    NODES,
    TABLE_FORMATS,
    archive,
    error_lines,
    every_get_format,
    execution,
    inline,
    page,
    posix_only,
    rule,
    run_against,
    run_on_screen,
    target,
)

# ---- 5.2: the table of Executions

#: The header, and the row of execution(), if stdout is not a terminal.
HEADER = (
    "ID                                    STATUS     TYPE     TARGETS  "
    "CREATED_AT            UPDATED_AT            ACTION\n"
)
ROW = (
    "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  builtin  0/0      "
    "2026-05-02T10:00:00Z  2026-05-02T10:00:09Z  restart-nginx\n"
)


@rule("5.2", "5.2c")
@pytest.mark.parametrize("format", TABLE_FORMATS)
def test_table_has_a_header_and_a_row_for_each_execution(plane, format):
    second = execution(
        [target(), target(status="failed"), target()],
        id="0199aaaa-0000-7000-8000-000000000001",
        status="failed",
        type="hook",
        action="two words",
        created_at=None,
        updated_at="",
    )

    # COLUMNS does not count: stdout is not a terminal.
    result = run_against(
        plane, page(execution(), second), *LIST, "--output", format, env={"COLUMNS": "80"}
    )

    assert result.code == 0
    assert result.out.decode("utf-8") == (
        "ID                                    STATUS     TYPE     TARGETS  "
        "CREATED_AT            UPDATED_AT            ACTION\n"
        "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  builtin  0/0      "
        "2026-05-02T10:00:00Z  2026-05-02T10:00:09Z  restart-nginx\n"
        "0199aaaa-0000-7000-8000-000000000001  failed     hook     2/3      "
        "-                     -                     two words\n"
    )
    assert result.err == ""


@rule("5.2")
@pytest.mark.parametrize("format", TABLE_FORMATS)
def test_table_without_executions_is_the_header(plane, format):
    result = run_against(plane, page(), *LIST, "--output", format)

    assert result.code == 0
    assert result.out.decode("utf-8") == HEADER
    assert result.err == ""


@rule("5.2d", "5.10")
@pytest.mark.parametrize("format", TABLE_FORMATS)
@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("c2", id="short"),
        # Spaces in a cursor are not escaped. 6,000 bytes are below the 8 KiB of 4.3b.
        pytest.param("c 2" * 2000, id="with spaces, 6,000 characters"),
    ],
)
def test_last_line_of_a_table_is_the_cursor_of_the_next_page(plane, format, cursor):
    result = run_against(plane, page(execution(), next_cursor=cursor), *LIST, "--output", format)

    assert result.code == 0
    assert result.out.decode("utf-8") == HEADER + ROW + "next_cursor: " + cursor + "\n"
    assert "next_cursor" not in result.err


@rule("5.2", "5.2c", "5.10")
@pytest.mark.parametrize(
    "members, row",
    [
        pytest.param(
            {"type": "a b", "status": "a-status-of-21-letters"},
            "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  a-status-of-21-letters  a\\x20b   0/0      "
            "2026-05-02T10:00:00Z  2026-05-02T10:00:09Z  restart-nginx\n",
            id="a space in a type, and a long status",
        ),
        pytest.param(
            {"created_at": "a b", "id": "e\n1"},
            "e\\n1                                  succeeded  builtin  0/0      "
            "a\\x20b                2026-05-02T10:00:09Z  restart-nginx\n",
            id="a space in a time, and a line feed in an id",
        ),
        pytest.param(
            {"status": "\u00e4", "action": " a  \x1b\u2028 "},
            "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  \u00e4          builtin  0/0      "
            "2026-05-02T10:00:00Z  2026-05-02T10:00:09Z   a  \\x1b\\u2028 \n",
            id="a letter beyond ASCII, and an action with spaces",
        ),
    ],
)
def test_cell_is_escaped_and_shifts_only_its_own_row(plane, members, row):
    result = run_against(plane, page(execution(**members), execution()), *LIST)

    assert result.code == 0
    assert result.out.decode("utf-8") == HEADER + row + ROW
    assert result.err == ""


#: Texts that are not times of RFC 3339, and one that has no year in UTC.
NOT_TIMES = (
    pytest.param("yesterday", id="a word"),
    pytest.param("2026-07-14T09:28:41", id="without an offset"),
    pytest.param("2026-07-14T09:28:41+24:00", id="an offset of 24 hours"),
    pytest.param("2026-07-14T09:28:41+01:60", id="an offset of 60 minutes"),
    pytest.param("2026-07-14T09:28Z", id="without seconds"),
    pytest.param("2026-02-30T00:00:00+01:00", id="a day that does not exist"),
    pytest.param("0001-01-01T00:00:00+00:01", id="before the year 1 in UTC"),
    pytest.param("12026-07-14T09:28:41Z", id="a year of five digits"),
    pytest.param("2026-07-14T09:28:41.Z", id="a fraction without digits"),
    pytest.param("\u0662026-07-14T09:28:41Z", id="an Arabic digit"),
    pytest.param("2026-07-14T09:28:41Zx", id="something after the Z"),
)


def show_time_in_wide_table(plane, text):
    """Return the cells CREATED_AT and UPDATED_AT for a time that the server sends."""
    result = run_against(plane, page(execution(created_at=text, updated_at=text)), *LIST)
    return result.out.decode("utf-8").splitlines()[1].split()[4:6]


def show_time_on_narrow_screen(plane, text):
    """Return the only cell with a time on a terminal of 80 columns, for a time that the server sends."""
    result = run_on_screen(
        plane,
        page(execution(created_at=text, updated_at=text)),
        *LIST,
        "--color",
        "never",
        columns=80,
    )
    return result.out.decode("utf-8").splitlines()[1].split()[2]


@rule("5.2c")
@pytest.mark.parametrize(
    "sent, shown",
    [
        pytest.param("2026-07-14T09:28:41Z", "2026-07-14T09:28:41Z", id="UTC"),
        pytest.param(
            "2026-07-14T09:28:41.999999999Z", "2026-07-14T09:28:41Z", id="a fraction is cut off"
        ),
        pytest.param(
            "2026-07-14T00:28:41.5+02:00", "2026-07-13T22:28:41Z", id="the day before in UTC"
        ),
        pytest.param(
            "2026-12-31T23:45:00-00:30", "2027-01-01T00:15:00Z", id="the year after in UTC"
        ),
        pytest.param("2026-07-14T09:28:41-23:59", "2026-07-15T09:27:41Z", id="the largest offset"),
    ],
)
def test_widest_table_shows_times_in_utc_to_the_second(plane, sent, shown):
    assert show_time_in_wide_table(plane, sent) == [shown, shown]


@posix_only
@rule("5.2c")
@pytest.mark.parametrize(
    "sent, shown",
    [
        pytest.param("2026-07-14T09:28:41Z", "07-14T09:28", id="UTC"),
        pytest.param("2026-07-14T09:28:41.999999999Z", "07-14T09:28", id="a fraction is cut off"),
        pytest.param("2026-07-14T00:28:41.5+02:00", "07-13T22:28", id="the day before in UTC"),
        pytest.param("2026-12-31T23:45:00-00:30", "2027-01-01", id="the year after in UTC"),
        pytest.param("2026-07-14T09:28:41-23:59", "07-15T09:27", id="the largest offset"),
    ],
)
def test_narrow_table_shows_times_in_utc_without_year_and_seconds(plane, sent, shown):
    assert show_time_on_narrow_screen(plane, sent) == shown


@posix_only
@rule("5.2c")
@pytest.mark.parametrize(
    "sent, shown",
    [
        pytest.param("2024-11-29T21:13:40Z", "2024-11-29", id="almost two years old"),
        pytest.param("2026-01-15T09:31:07.25Z", "2026-01-15", id="180 days old"),
        pytest.param(
            "2026-01-15T09:31:07.250001Z", "01-15T09:31", id="a microsecond less than 180 days old"
        ),
        pytest.param(
            "2026-01-15T08:31:08-01:00", "01-15T09:31", id="less than 180 days old, with an offset"
        ),
        pytest.param(
            "2026-01-15T10:31:07+01:00", "2026-01-15", id="more than 180 days old, with an offset"
        ),
        pytest.param("2026-07-15T09:31:07.25Z", "07-15T09:31", id="a day in the future"),
        pytest.param(
            "2026-07-15T09:31:07.250001Z",
            "2026-07-15",
            id="a microsecond more than a day in the future",
        ),
        pytest.param(
            "2025-02-30T00:00:00Z", "2025-02-30", id="not in the calendar, which is not checked"
        ),
    ],
)
def test_narrow_table_shows_the_date_of_a_time_that_is_not_recent(plane, sent, shown):
    # The present time on the screen is 2026-07-14T09:31:07.25Z.
    assert show_time_on_narrow_screen(plane, sent) == shown


@posix_only
@rule("5.2c", "5.3c")
def test_table_of_targets_and_the_recap_show_the_date_of_an_old_time(plane):
    old = target(updated_at="2024-11-29T21:13:40Z")
    wire = execution([old], created_at="2024-11-28T21:13:40Z")

    result = run_on_screen(plane, wire, *GET_TABLE, "--color", "never", columns=80)

    assert "  2024-11-29   no output\n" in result.out.decode("utf-8")
    assert " 2024-11-28 " in result.out.decode("utf-8").splitlines()[-2]


@rule("5.2c")
@pytest.mark.parametrize("text", NOT_TIMES)
def test_widest_table_shows_text_that_is_not_a_time_as_sent(plane, text):
    assert show_time_in_wide_table(plane, text) == [text, text]


@posix_only
@rule("5.2c")
@pytest.mark.parametrize("text", NOT_TIMES)
def test_narrow_table_shows_text_that_is_not_a_time_as_sent(plane, text):
    assert show_time_on_narrow_screen(plane, text) == text


@posix_only
@rule("5.2c", "5.10")
def test_space_in_place_of_the_t_of_a_time_is_escaped(plane):
    text = "2026-07-14 09:28:41Z"

    assert show_time_in_wide_table(plane, text) == [
        "2026-07-14\\x2009:28:41Z",
        "2026-07-14\\x2009:28:41Z",
    ]
    assert show_time_on_narrow_screen(plane, text) == "2026-07-14\\x2009:28:41Z"


# ---- 5.2, 5.2, 5.3b, 5.3c: the width of the terminal decides the layouts

FOUR_TARGETS = execution(
    [
        target(inline(b"x"), NODES[0]),
        target(archive("b", "a key"), NODES[1], "failed"),
        target({"kind": "tape"}, NODES[2], "ack", updated_at=None),
        target(None, NODES[3], updated_at="2026-05-02T11:00:09+01:00"),
    ],
    created_at="2026-05-01T09:15:00Z",
    updated_at="2026-05-02T10:00:09.25Z",
    action="A",
)

# The table of Executions for FOUR_TARGETS, in its four layouts.
WIDEST = (
    "ID                                    STATUS     TYPE     TARGETS  "
    "CREATED_AT            UPDATED_AT            ACTION\n"
    "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  builtin  2/4      "
    "2026-05-01T09:15:00Z  2026-05-02T10:00:09Z  A\n"
)
MIDDLE = """\
ID                                    STATUS     TARGETS  CREATED      UPDATED      ACTION
4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  2/4      05-01T09:15  05-02T10:00  A
"""
NARROW = """\
ID                                   STATUS    TARGETS CREATED     ACTION
4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f succeeded 2/4     05-01T09:15 A
"""
NARROWEST = """\
ID                                   STATUS    CREATED     ACTION
4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f succeeded 05-01T09:15 A
"""
#: The recap of FOUR_TARGETS on a terminal of fewer than 104 columns. Its widest line has 78 columns.
NARROW_RECAP = """\
ID                                   STATUS    TARGETS CREATED     UPDATED
  ACTION
4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f succeeded 2/4     05-01T09:15 05-02T10:00
  A
"""
#: The table of FOUR_TARGETS with --updated-since on a terminal of fewer than 104, and fewer than 88, columns.
NARROW_BY_UPDATE = """\
ID                                   STATUS    TARGETS UPDATED     ACTION
4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f succeeded 2/4     05-02T10:00 A
"""
NARROWEST_BY_UPDATE = """\
ID                                   STATUS    UPDATED     ACTION
4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f succeeded 05-02T10:00 A
"""
#: The width of a terminal, and the table on it. The layouts change at 88, 104 and 130 columns. Each of these widths is
#: tried, the width below it, and others far from them.
LAYOUT_OF_WIDTH = (
    pytest.param(40, NARROWEST, id="40 columns"),
    pytest.param(80, NARROWEST, id="80 columns"),
    pytest.param(87, NARROWEST, id="87 columns"),
    pytest.param(88, NARROW, id="88 columns"),
    pytest.param(103, NARROW, id="103 columns"),
    pytest.param(104, MIDDLE, id="104 columns"),
    pytest.param(129, MIDDLE, id="129 columns"),
    pytest.param(130, WIDEST, id="130 columns"),
    pytest.param(200, WIDEST, id="200 columns"),
    pytest.param(0, WIDEST, id="no width reported"),
)
#: The width of a terminal, and the recap on it.
RECAP_OF_WIDTH = (
    pytest.param(40, NARROW_RECAP, id="40 columns"),
    pytest.param(80, NARROW_RECAP, id="80 columns"),
    pytest.param(103, NARROW_RECAP, id="103 columns"),
    pytest.param(104, MIDDLE, id="104 columns"),
    pytest.param(129, MIDDLE, id="129 columns"),
    pytest.param(130, WIDEST, id="130 columns"),
    pytest.param(0, WIDEST, id="no width reported"),
)
WIDTHS = (40, 80, 87, 88, 103, 104, 129, 130, 200, 0)  # those of LAYOUT_OF_WIDTH

# The table of targets for FOUR_TARGETS, in its two layouts.
TARGETS_WITH_LONG_TIMES = """\
NODE_ID                               STATUS     UPDATED_AT            OUTPUT
a1b2c300-0000-4000-8000-000000000000  succeeded  2026-05-02T10:00:09Z  1 byte
a1b2c301-0000-4000-8000-000000000001  failed     2026-05-02T10:00:09Z  archived: b/a key
a1b2c302-0000-4000-8000-000000000002  ack        -                     unreadable
a1b2c303-0000-4000-8000-000000000003  succeeded  2026-05-02T10:00:09Z  no output
"""
TARGETS_WITH_SHORT_TIMES = """\
NODE_ID                               STATUS     UPDATED      OUTPUT
a1b2c300-0000-4000-8000-000000000000  succeeded  05-02T10:00  1 byte
a1b2c301-0000-4000-8000-000000000001  failed     05-02T10:00  archived: b/a key
a1b2c302-0000-4000-8000-000000000002  ack        -            unreadable
a1b2c303-0000-4000-8000-000000000003  succeeded  05-02T10:00  no output
"""


@posix_only
@rule("5.2", "5.2d")
@pytest.mark.parametrize("columns, table", LAYOUT_OF_WIDTH)
def test_width_of_the_terminal_decides_the_columns_of_list(plane, columns, table):
    result = run_on_screen(
        plane, page(FOUR_TARGETS, next_cursor="c"), *LIST, "--color", "never", columns=columns
    )

    assert result.out.decode("utf-8") == table + "next_cursor: c\n"


@posix_only
@rule("5.2")
@pytest.mark.parametrize(
    "columns, table",
    [
        (80, NARROWEST_BY_UPDATE),
        (87, NARROWEST_BY_UPDATE),
        (88, NARROW_BY_UPDATE),
        (103, NARROW_BY_UPDATE),
        (104, MIDDLE),
        (130, WIDEST),
    ],
)
def test_narrow_table_shows_the_time_that_updated_since_compares(plane, columns, table):
    flags = ("--updated-since", "2026-05-02", "--color", "never")

    result = run_on_screen(plane, page(FOUR_TARGETS), *LIST, *flags, columns=columns)

    assert result.out.decode("utf-8") == table


@posix_only
@rule("5.2", "5.3b")
@pytest.mark.parametrize("columns, recap", RECAP_OF_WIDTH)
def test_width_of_the_terminal_decides_the_columns_of_the_recap(plane, columns, recap):
    result = run_on_screen(plane, FOUR_TARGETS, *GET, "--color", "never", columns=columns)

    last_section = "==> a1b2c303-0000-4000-8000-000000000003 succeeded no output <==\n\n"
    assert result.out.decode("utf-8").endswith(last_section + recap)


@posix_only
@rule("5.3b", "9.3a")
@pytest.mark.parametrize("columns, recap", RECAP_OF_WIDTH)
def test_output_dir_prints_the_recap_for_the_width_of_the_terminal(plane, tmp_path, columns, recap):
    argv = GET + ("--output-dir", str(tmp_path / "out"), "--color", "never")

    result = run_on_screen(plane, FOUR_TARGETS, *argv, columns=columns)

    assert result.out.decode("utf-8") == recap


@posix_only
@rule("5.2", "5.3b", "5.3c")
@pytest.mark.parametrize("columns, recap", RECAP_OF_WIDTH)
def test_get_with_a_table_ends_with_an_empty_line_and_the_recap(plane, columns, recap):
    result = run_on_screen(plane, FOUR_TARGETS, *GET_TABLE, "--color", "never", columns=columns)

    assert result.out.decode("utf-8").endswith("  no output\n\n" + recap)


@posix_only
@rule("5.3c")
@pytest.mark.parametrize("columns", [40, 80, 87, 88, 103])
def test_targets_have_short_times_on_terminals_below_104_columns(plane, columns):
    result = run_on_screen(plane, FOUR_TARGETS, *GET_TABLE, "--color", "never", columns=columns)

    assert result.out.decode("utf-8").startswith(TARGETS_WITH_SHORT_TIMES + "\nID ")


@posix_only
@rule("5.3c")
@pytest.mark.parametrize("columns", [104, 129, 130, 200, 0])  # 0: no width reported
def test_targets_have_full_times_on_terminals_from_104_columns_on(plane, columns):
    result = run_on_screen(plane, FOUR_TARGETS, *GET_TABLE, "--color", "never", columns=columns)

    assert result.out.decode("utf-8").startswith(TARGETS_WITH_LONG_TIMES + "\nID ")


@posix_only
@rule("5.2", "5.2c")
@pytest.mark.parametrize(
    "columns, row",
    [
        pytest.param(
            80,
            "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f cancelled 05-02T10:00 collect-diagnostics2",
            id="the narrowest layout",
        ),
        pytest.param(
            88,
            "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f cancelled 1/2     05-02T10:00 collect-diagnostics2",
            id="the layout from 88 columns on",
        ),
        pytest.param(
            104,
            "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  cancelled  1/2      05-02T10:00  05-02T11:22  collect-diagnostics2",
            id="the layout from 104 columns on",
        ),
    ],
)
def test_action_of_20_characters_fits_every_narrow_layout(plane, columns, row):
    wire = execution(
        [target(), target(status="failed")],
        status="cancelled",
        action="collect-diagnostics2",
        created_at="2026-05-02T10:00:00.5Z",
        updated_at="2026-05-02T11:22:33.25Z",
    )

    result = run_on_screen(plane, page(wire), *LIST, "--color", "never", columns=columns)

    assert result.out.decode("utf-8").splitlines()[1] == row
    assert len(row) <= columns


@posix_only
@rule("5.2", "5.2d")
@pytest.mark.parametrize("columns", WIDTHS)
def test_list_with_wide_has_the_widest_layout_on_every_terminal(plane, columns):
    result = run_on_screen(
        plane,
        page(FOUR_TARGETS, next_cursor="c"),
        *LIST,
        "-o",
        "wide",
        "--color",
        "never",
        columns=columns,
    )

    assert result.out.decode("utf-8") == WIDEST + "next_cursor: c\n"


@posix_only
@rule("5.2", "5.3b", "5.3c")
@pytest.mark.parametrize("columns", WIDTHS)
def test_get_with_wide_has_the_widest_layouts_on_every_terminal(plane, columns):
    result = run_on_screen(
        plane, FOUR_TARGETS, *GET, "-o", "wide", "--color", "never", columns=columns
    )

    assert result.out.decode("utf-8") == TARGETS_WITH_LONG_TIMES + "\n" + WIDEST


# ---- 5.3: sections and the recap


@rule("5.3", "5.3a", "5.3b", "5.6", "4.2")
def test_text_prints_a_section_for_each_target_and_then_the_recap(plane):
    wire = execution(
        [
            target(inline(b"with newline\n"), NODES[0]),
            target(inline(b"without\r"), NODES[1], "failed"),
            target(inline(b""), NODES[2]),
            target(archive("logs", "a/b.log", sha256="abc"), NODES[3]),
            target(archive("logs", "c.log"), NODES[4], "timeout"),
            target(None, NODES[5], "pending"),
            target(inline(b"\n"), NODES[6], updated_at=None),
            target({"kind": "tape"}, "n 7", None),
        ],
        status="failed",
    )

    result = run_against(plane, wire, *GET)

    assert result.code == 1
    assert result.out.decode("utf-8") == (
        "==> a1b2c300-0000-4000-8000-000000000000 succeeded 13 bytes <==\n"
        "with newline\n"
        "\n"
        "==> a1b2c301-0000-4000-8000-000000000001 failed 8 bytes <==\n"
        "without\r\n"
        "\n"
        "==> a1b2c302-0000-4000-8000-000000000002 succeeded 0 bytes <==\n"
        "\n"
        "==> a1b2c303-0000-4000-8000-000000000003 succeeded archived <==\n"
        "archived: logs/a/b.log (sha256:abc)\n"
        "\n"
        "==> a1b2c304-0000-4000-8000-000000000004 timeout archived <==\n"
        "archived: logs/c.log\n"
        "\n"
        "==> a1b2c305-0000-4000-8000-000000000005 pending no output <==\n"
        "\n"
        "==> a1b2c306-0000-4000-8000-000000000006 succeeded 1 byte <==\n"
        "\n"
        "\n"
        "==> n\\x207 - unreadable <==\n"
        "\n"
        "ID                                    STATUS     TYPE     TARGETS  "
        "CREATED_AT            UPDATED_AT            ACTION\n"
        "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  failed     builtin  4/8      "
        "2026-05-02T10:00:00Z  2026-05-02T10:00:09Z  restart-nginx\n"
    )
    assert result.err == 'error: the output of target n\\x207 is unreadable: unknown kind "tape"\n'


@rule("5.3", "5.3b")
def test_text_of_an_execution_without_targets_is_the_recap(plane):
    result = run_against(plane, execution(), *GET)

    assert result.code == 0
    assert result.out.decode("utf-8") == HEADER + ROW
    assert result.err == ""


@rule("5.3b", "5.3c")
def test_table_of_an_execution_without_targets_is_a_header_and_the_recap(plane):
    result = run_against(plane, execution(), *GET_TABLE)

    assert result.code == 0
    assert result.out.decode("utf-8") == (
        "NODE_ID                               STATUS     UPDATED_AT            OUTPUT\n\n"
        + HEADER
        + ROW
    )
    assert result.err == ""


# ---- 5.4: which targets

#: The member `name` is ours: it tells the targets apart in what json prints.
MIXED_TARGETS = [
    target(inline(b"0"), NODES[0], "succeeded", name="0 succeeded"),
    target(inline(b"1"), NODES[1], "failed", name="1 failed"),
    target({"kind": "tape"}, NODES[2], [5], name="2 malformed status"),
    target(inline(b"3"), NODES[3], "cancelled", name="3 cancelled"),
    target(inline(b"4"), NODES[4], "timeout", name="4 timeout"),
    target(inline(b"5"), NODES[5], "started", name="5 started"),
    target(inline(b"6"), NODES[6], None, name="6 no status"),
    target(inline(b"7"), NODES[7], "FAILED", name="7 status in capitals"),
    target(inline(b"8"), NODES[8].upper(), "succeeded", name="8 node in capitals"),
    target(inline(b"9"), NODES[3], "pending", name="3 again, pending"),
    target(archive(), None, "ack", name="no node, ack"),
]


@rule("5.4", "5.8")
@pytest.mark.parametrize(
    "flags, names",
    [
        pytest.param(
            ["--node", NODES[3]], ["3 cancelled", "3 again, pending"], id="two targets of one node"
        ),
        pytest.param(
            ["--node", NODES[3].upper()],
            ["3 cancelled", "3 again, pending"],
            id="a node in capitals",
        ),
        pytest.param(
            ["--node", NODES[8]],
            ["8 node in capitals"],
            id="a node that the server has in capitals",
        ),
        pytest.param(["--failed"], ["1 failed", "3 cancelled", "4 timeout"], id="failed"),
        pytest.param(
            ["--running"], ["5 started", "3 again, pending", "no node, ack"], id="running"
        ),
        pytest.param(
            ["--status", "timeout", "--running"],
            ["4 timeout", "5 started", "3 again, pending", "no node, ack"],
            id="running or one more status",
        ),
        pytest.param(
            ["--node", NODES[5], "--node", NODES[1]], ["1 failed", "5 started"], id="two nodes"
        ),
        pytest.param(["--node", NODES[3], "--failed"], ["3 cancelled"], id="a node and failed"),
        pytest.param(
            ["--node", NODES[0], "--node", NODES[1], "--status", "failed"],
            ["1 failed"],
            id="two nodes and a status",
        ),
        pytest.param(["--failed", "--node", NODES[0]], [], id="a node that has not failed"),
    ],
)
def test_flags_select_targets_in_the_order_of_the_response(plane, flags, names):
    result = run_against(plane, execution(MIXED_TARGETS), *GET, "-o", "json", *flags)

    assert result.code == 0
    printed = json.loads(result.out.decode("ascii"))
    assert [each["name"] for each in printed["targets"]] == names
    assert result.err == ""


@rule("5.4", "5.8")
def test_json_of_selected_targets_is_complete_apart_from_the_other_targets(plane):
    result = run_against(plane, execution(MIXED_TARGETS), *GET, "-o", "json", "--node", NODES[3])

    assert result.code == 0
    assert json.loads(result.out.decode("ascii")) == execution([MIXED_TARGETS[3], MIXED_TARGETS[9]])
    assert result.err == ""


@rule("5.4", "5.3b")
@pytest.mark.parametrize("format", TABLE_FORMATS)
def test_recap_counts_all_targets_and_the_rest_shows_selected_ones(plane, format):
    selected = execution([MIXED_TARGETS[1], MIXED_TARGETS[3]])
    whole = execution(MIXED_TARGETS)
    argv = GET + ("--output", format)

    expected, _, expected_recap = run_against(plane, selected, *argv).out.partition(b"\nID ")
    result = run_against(plane, whole, *argv, "--failed", "--node", NODES[3], "--node", NODES[1])

    assert result.code == 0
    shown, _, recap = result.out.partition(b"\nID ")
    assert b"a1b2c301-0000-4000-8000-000000000001" in shown  # the node of the first selected target
    assert shown == expected
    assert b"  0/2      " in expected_recap
    assert b"  2/11     " in recap  # two of all eleven have succeeded
    assert result.err == ""


@rule("5.4")
@pytest.mark.parametrize(
    "format", [format for format in GET_FORMATS if format not in TABLE_FORMATS]
)
def test_formats_without_a_recap_print_only_the_selected_targets(plane, format):
    # What is expected is the output of a run that needs no selection.
    selected = execution([MIXED_TARGETS[1], MIXED_TARGETS[3]])
    whole = execution(MIXED_TARGETS)
    argv = GET + ("--output", format)

    expected = run_against(plane, selected, *argv)
    result = run_against(plane, whole, *argv, "--failed", "--node", NODES[3], "--node", NODES[1])

    assert expected.code == 0
    assert expected.out != b""
    assert result.code == 0
    assert result.out == expected.out
    assert result.err == ""


@rule("5.4a", "5.4")
@every_get_format
def test_node_that_is_not_a_target_is_an_error_after_the_output(plane, format):
    wire = execution(MIXED_TARGETS)
    argv = GET + ("--output", format, "--node", NODES[3], "--node", NODES[1], "--failed")

    expected = run_against(plane, wire, *argv)
    # It is reported once, although it is given twice.
    result = run_against(plane, wire, *argv, "--node", NODES[9], "--node", NODES[9].upper())

    assert expected.code == 0
    assert expected.out != b""
    assert expected.err == ""
    assert result.code == 1
    assert result.out == expected.out
    assert result.err == (
        "error: node a1b2c309-0000-4000-8000-000000000009 is not a target of "
        "Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f\n"
    )


# ---- 5.5: archived outputs

#: Buckets and keys that look as if a digest followed. Only the space of ` (sha256:` is escaped.
IMITATED_DIGESTS = (
    pytest.param("b", "k (sha256:a)", "b/k\\x20(sha256:a)", id="a digest in the key"),
    pytest.param("b", "k (sha256:", "b/k\\x20(sha256:", id="half a digest in the key"),
    pytest.param("b", "k(sha256:a)", "b/k(sha256:a)", id="no space before it"),
    pytest.param("b (sha256:a)", "k", "b\\x20(sha256:a)/k", id="a digest in the bucket"),
    pytest.param(
        "b",
        "k (sha256:a) (sha256:b) c",
        "b/k\\x20(sha256:a)\\x20(sha256:b) c",
        id="two digests in the key",
    ),
    pytest.param("b", "k (sha512:a) sha256:c", "b/k (sha512:a) sha256:c", id="another algorithm"),
)


def archive_with_each_digest(bucket, key):
    """Return an Execution whose four outputs have this bucket and key, and different digests. An output follows."""
    return execution(
        [
            target(archive(bucket, key, sha256="5d41402a")),
            target(archive(bucket, key, sha256="abc d\n")),
            target(archive(bucket, key, sha256=None)),
            target(archive(bucket, key, sha256="")),
            target(inline(b"end\n")),
        ]
    )


@rule("5.5", "5.3", "5.10")
@pytest.mark.parametrize("bucket, key, shown", ARCHIVE_PLACES + IMITATED_DIGESTS)
def test_text_prints_bucket_and_key_for_pasting_and_a_digest(plane, bucket, key, shown):
    result = run_against(plane, archive_with_each_digest(bucket, key), *GET)

    assert result.code == 0
    lines = result.out.decode("utf-8").split("\n")
    assert [line for line in lines if line.startswith("archived: ")] == [
        "archived: " + shown + " (sha256:5d41402a)",
        "archived: " + shown + " (sha256:abc\\x20d\\n)",
        "archived: " + shown,
        "archived: " + shown,
    ]
    assert result.err == ""
    assert len(plane.requests) == 1  # the archive is not asked


@rule("5.5", "5.3c", "5.10")
@pytest.mark.parametrize("bucket, key, shown", ARCHIVE_PLACES + IMITATED_DIGESTS)
def test_table_prints_bucket_and_key_for_pasting_and_a_digest(plane, bucket, key, shown):
    result = run_against(plane, archive_with_each_digest(bucket, key), *GET_TABLE)

    assert result.code == 0
    lines = result.out.decode("utf-8").split("\n")
    assert [line.partition("  archived: ")[2] for line in lines[1:5]] == [
        shown + " (sha256:5d41402a)",
        shown + " (sha256:abc\\x20d\\n)",
        shown,
        shown,
    ]
    assert result.err == ""
    assert len(plane.requests) == 1


@rule("5.5", "5.7b", "5.10")
@pytest.mark.parametrize(
    "format, out",
    [
        pytest.param("raw", b"end\n", id="raw"),
        pytest.param("lines", b"a1b2c300-0000-4000-8000-000000000000: end\n", id="lines"),
    ],
)
@pytest.mark.parametrize("bucket, key, shown", ARCHIVE_PLACES + IMITATED_DIGESTS)
def test_raw_and_lines_report_each_archived_output_as_an_error(
    plane, bucket, key, shown, format, out
):
    result = run_against(plane, archive_with_each_digest(bucket, key), *GET, "-o", format)

    assert result.code == 1
    assert result.out == out
    place = "the output of target a1b2c300-0000-4000-8000-000000000000 is archived: " + shown
    assert error_lines(result) == [
        place + " (sha256:5d41402a)",
        place + " (sha256:abc\\x20d\\n)",
        place,
        place,
    ]
    assert len(plane.requests) == 1


# ---- 5.6: outputs that cannot be read; 10.5d: OutputRef

#: An output_ref that is unreadable, and words of the fault.
UNREADABLE_OUTPUTS = (
    pytest.param(0, "output_ref: expected an object", id="0"),
    pytest.param("", "output_ref: expected an object", id="a string"),
    pytest.param([], "output_ref: expected an object", id="a list"),
    pytest.param(False, "output_ref: expected an object", id="false"),
    pytest.param({}, 'unknown kind ""', id="an empty object"),
    pytest.param({"kind": None}, 'unknown kind ""', id="kind null"),
    pytest.param({"kind": "INLINE"}, 'unknown kind "INLINE"', id="kind in capitals"),
    pytest.param({"kind": "none"}, 'unknown kind "none"', id="kind none, which only OutputRef has"),
    pytest.param({"kind": 1}, "kind: expected a string", id="kind 1"),
    pytest.param(
        {"kind": "inline", "inline_bytes": 0},
        "inline_bytes: expected a string",
        id="inline_bytes 0",
    ),
    pytest.param(
        {"kind": "inline", "inline_bytes": []},
        "inline_bytes: expected a string",
        id="inline_bytes a list",
    ),
    pytest.param({"kind": "object_store", "key": "k"}, "bucket or key", id="no bucket"),
    pytest.param({"kind": "object_store", "bucket": "b"}, "bucket or key", id="no key"),
    pytest.param(
        {"kind": "object_store", "bucket": "b", "key": ""}, "bucket or key", id="an empty key"
    ),
    pytest.param(
        {"kind": "object_store", "bucket": "", "key": "k"}, "bucket or key", id="an empty bucket"
    ),
    pytest.param(
        {"kind": "object_store", "bucket": 1, "key": "k"},
        "bucket: expected a string",
        id="bucket 1",
    ),
    pytest.param(
        {"kind": "object_store", "bucket": "b", "key": ["a"]},
        "key: expected a string",
        id="key a list",
    ),
    pytest.param(
        {"kind": "object_store", "bucket": "b", "key": "k", "sha256": 1},
        "sha256: expected a string",
        id="sha256 1",
    ),
)
MALFORMED_BASE64 = (
    pytest.param("=", id="padding only"),
    pytest.param("====", id="four times padding"),
    pytest.param("Y", id="one character"),
    pytest.param("YQ", id="no padding"),
    pytest.param("YQ=", id="too little padding"),
    pytest.param("YQ===", id="too much padding"),
    pytest.param("YWJj=", id="padding after a whole group"),
    pytest.param("YWJj====", id="a group of padding"),
    pytest.param("YQ==YQ==", id="padding in the middle"),
    pytest.param("=YWJ", id="padding at the start"),
    pytest.param("YWJj-_==", id="the alphabet for URLs"),
    pytest.param("YW=j", id="padding inside a group"),
    pytest.param("Y===", id="three times padding"),
    pytest.param("YQ=A", id="padding before a digit"),
    pytest.param("YWJj.", id="a full stop"),
    pytest.param("YWJj!!!!", id="a group of other characters"),
    pytest.param("YWJ=YWI=", id="two texts in one"),
    pytest.param("caf\u00e9", id="a letter beyond ASCII"),
    pytest.param("\uff39\uff31==", id="fullwidth letters"),
    pytest.param("\ud800\ud800\ud800\ud800", id="lone surrogates"),
    pytest.param("YQ==\n", id="a line feed at the end"),
    pytest.param("\nYQ==", id="a line feed at the start"),
    pytest.param("Y Q==", id="a space inside"),
    pytest.param("    ", id="spaces only"),
)


@rule("5.6")
@pytest.mark.parametrize("output, fault", UNREADABLE_OUTPUTS)
def test_unreadable_output_is_an_error_line_that_says_why(plane, output, fault):
    result = run_against(plane, execution([target(output), target(inline(b"other\n"))]), *GET)

    assert result.code == 1
    assert b"==> a1b2c300-0000-4000-8000-000000000000 succeeded unreadable <==\n\n" in result.out
    assert b"==> a1b2c300-0000-4000-8000-000000000000 succeeded 6 bytes <==\nother\n" in result.out
    (error,) = error_lines(result)
    assert error.startswith(
        "the output of target a1b2c300-0000-4000-8000-000000000000 is unreadable: " + fault
    )


@rule("5.6")
@pytest.mark.parametrize("text", MALFORMED_BASE64)
def test_output_whose_base64_is_malformed_is_unreadable(plane, text):
    output = {"kind": "inline", "inline_bytes": text}

    result = run_against(plane, execution([target(output), target(inline(b"other\n"))]), *GET_RAW)

    assert result.code == 1
    assert result.out == b"other\n"
    (error,) = error_lines(result)
    assert (
        "a1b2c300-0000-4000-8000-000000000000 is unreadable: inline_bytes: expected standard base64"
        in error
    )


#: The second and the fourth output of five are unreadable.
PARTLY_UNREADABLE = execution(
    [
        target(inline(b"a\n"), NODES[0]),
        target({"kind": "tape"}, NODES[1]),
        target(inline(b"b"), NODES[2]),
        target("no object", NODES[3]),
        target(inline(b"c\n"), NODES[4]),
    ]
)


@rule("5.6")
@pytest.mark.parametrize(
    "format", [format for format in GET_FORMATS if format not in ("id",) + DOCUMENT_FORMATS]
)
def test_each_unreadable_output_is_reported(plane, format):
    result = run_against(plane, PARTLY_UNREADABLE, *GET, "--output", format)

    assert result.code == 1
    assert error_lines(result) == [
        'the output of target a1b2c301-0000-4000-8000-000000000001 is unreadable: unknown kind "tape"',
        "the output of target a1b2c303-0000-4000-8000-000000000003 is unreadable: output_ref: expected an object",
    ]


@rule("5.6")
def test_raw_prints_the_outputs_beside_an_unreadable_one(plane):
    # The outputs: "a\n", unreadable, "b", unreadable, "c\n".
    result = run_against(plane, PARTLY_UNREADABLE, *GET_RAW)

    assert result.code == 1
    assert result.out == b"a\nbc\n"


@rule("5.6")
def test_lines_prints_the_outputs_beside_an_unreadable_one(plane):
    # The outputs: "a\n", unreadable, "b", unreadable, "c\n".
    result = run_against(plane, PARTLY_UNREADABLE, *GET, "--output", "lines")

    assert result.code == 1
    assert result.out == (
        b"a1b2c300-0000-4000-8000-000000000000: a\n"
        b"a1b2c302-0000-4000-8000-000000000002: b\n"
        b"a1b2c304-0000-4000-8000-000000000004: c\n"
    )


@rule("5.6")
@pytest.mark.parametrize("format", ["table", "wide"])
def test_table_has_a_row_for_each_unreadable_output(plane, format):
    result = run_against(plane, PARTLY_UNREADABLE, *GET, "--output", format)

    assert result.code == 1
    assert result.out.startswith(
        b"NODE_ID                               STATUS     UPDATED_AT            OUTPUT\n"
        b"a1b2c300-0000-4000-8000-000000000000  succeeded  2026-05-02T10:00:09Z  2 bytes\n"
        b"a1b2c301-0000-4000-8000-000000000001  succeeded  2026-05-02T10:00:09Z  unreadable\n"
        b"a1b2c302-0000-4000-8000-000000000002  succeeded  2026-05-02T10:00:09Z  1 byte\n"
        b"a1b2c303-0000-4000-8000-000000000003  succeeded  2026-05-02T10:00:09Z  unreadable\n"
        b"a1b2c304-0000-4000-8000-000000000004  succeeded  2026-05-02T10:00:09Z  2 bytes\n"
        b"\nID "
    )


@rule("5.6")
@pytest.mark.parametrize("format", ["json", "yaml"])
def test_json_and_yaml_print_unreadable_outputs_as_sent(plane, format):
    result = run_against(plane, PARTLY_UNREADABLE, *GET, "--output", format)

    assert result.code == 0
    assert json.loads(result.out.decode("ascii")) == PARTLY_UNREADABLE
    assert result.err == ""


@rule("5.6")
def test_jsonl_prints_unreadable_outputs_as_sent(plane):
    result = run_against(plane, PARTLY_UNREADABLE, *GET, "--output", "jsonl")

    assert result.code == 0
    lines = result.out.decode("ascii").splitlines()
    assert [json.loads(line) for line in lines] == PARTLY_UNREADABLE["targets"]
    assert result.err == ""


@rule("10.5d")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"a", id="1 byte"),
        pytest.param(b"ab", id="2 bytes"),
        pytest.param(b"abc", id="3 bytes"),
        pytest.param(b"\xfb\xff\xbf", id="plus and slash in base64"),
        pytest.param(ALL_BYTES, id="all bytes"),
    ],
)
def test_output_ref_reads_the_bytes_of_an_inline_output(data):
    output = program.OutputRef.from_wire(inline(data))

    assert output.kind == "inline"
    assert output.data == data
    assert output.location == ""
    assert output.sha256 == ""
    assert output.fault == ""


@rule("10.5d")
@pytest.mark.parametrize(
    "value",
    [{"kind": "inline"}, {"kind": "inline", "inline_bytes": None}],
    ids=["no inline_bytes", "null"],
)
def test_output_ref_reads_an_inline_output_without_bytes_as_empty(value):
    output = program.OutputRef.from_wire(value)

    assert output.kind == "inline"
    assert output.data == b""


@rule("10.5d")
def test_output_ref_reads_an_archived_output():
    output = program.OutputRef.from_wire(
        {"kind": "object_store", "bucket": "b", "key": "k/1", "sha256": "A b"}
    )

    assert output.kind == "archived"
    assert output.data == b""
    assert output.location == "b/k/1"
    assert output.sha256 == "A b"  # kept as sent, though it is not a digest
    assert output.fault == ""


@rule("10.5d")
def test_output_ref_of_null_is_none():
    assert program.OutputRef.from_wire(None).kind == "none"


@rule("10.5d")
@pytest.mark.parametrize("value, fault", UNREADABLE_OUTPUTS)
def test_output_ref_says_what_is_wrong_with_an_unreadable_output(value, fault):
    output = program.OutputRef.from_wire(value)

    assert output.kind == "unreadable"
    assert output.data == b""
    assert output.location == ""
    assert output.sha256 == ""
    assert output.fault.startswith(fault)


@rule("10.5d")
@pytest.mark.parametrize("text", MALFORMED_BASE64)
def test_output_ref_of_malformed_base64_is_unreadable(text):
    output = program.OutputRef.from_wire({"kind": "inline", "inline_bytes": text})

    assert output.kind == "unreadable"
    assert output.data == b""
    assert output.fault.startswith("inline_bytes: expected standard base64")


# ---- 5.7a: lines


@rule("5.7a", "5.9")
@pytest.mark.parametrize(
    "data, lines",
    [
        # Of all bytes, only the line feed ends a line.
        pytest.param(
            ALL_BYTES,
            b"n\xc3\xa4\\x201: "
            + bytes(range(10))
            + b"\n"
            + b"n\xc3\xa4\\x201: "
            + bytes(range(11, 256))
            + b"\n",
            id="all bytes",
        ),
        pytest.param(b"", b"", id="no bytes"),
        pytest.param(
            b"\n\na\r\n\n",
            b"n\xc3\xa4\\x201: \n"  # two empty lines, a line with CR, and another empty line
            b"n\xc3\xa4\\x201: \n"
            b"n\xc3\xa4\\x201: a\r\n"
            b"n\xc3\xa4\\x201: \n",
            id="empty lines",
        ),
    ],
)
def test_lines_prints_each_line_after_its_node(plane, data, lines):
    wire = execution(
        [
            target(),  # without an output, which gives no line
            target(inline(data), "n\u00e4 1"),
            target(inline(b"end"), NODES[1]),
        ]
    )

    result = run_against(plane, wire, *GET, "-o", "lines")

    assert result.code == 0
    assert result.out == lines + b"a1b2c301-0000-4000-8000-000000000001: end\n"
    assert result.err == ""


@rule("5.2d")
def test_table_of_an_empty_page_ends_with_the_cursor_of_the_next_page(plane):
    result = run_against(plane, page(next_cursor="c2"), *LIST)

    assert result.code == 0
    assert result.out.decode("ascii") == HEADER + "next_cursor: c2\n"
