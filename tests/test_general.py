"""What every filter and every format must do: these tests cover a new one before it has a test of its own.

FILTERS has a row for each filter. The formats are those of the program.
"""

import re

import pytest

import plexctl_exec_log as program
from kit import (
    BOTH,
    EXECUTION,
    GET,
    GET_FORMATS,
    LIST,
    LIST_FORMATS,
    NODES,
    TARGETS,
    TARGETS_FORMATS,
    archive,
    error_lines,
    every_list_format,
    execution,
    inline,
    page,
    read_listing,
    run_against,
    target,
)

# ---- filters


#: For each filter of `list`: a value, and an Execution that it keeps.
FILTERS = {
    "--updated-since": ("2026-05-02T10:00:09Z", execution(updated_at="2026-05-02T10:00:09Z")),
    "--updated-until": ("2026-05-02T10:00:09Z", execution(updated_at="2026-05-02T10:00:08.9Z")),
}
every_filter = pytest.mark.parametrize("flag", sorted(FILTERS))


def test_every_flag_with_which_list_reads_all_pages_has_a_row_in_this_file_or_is_no_such_filter():
    # The last four select by the time of creation (Listing, select_last), or select nothing.
    others = ["--all", "--last", "--since", "--until"]
    flags = [flag.names[-1] for flag in program.FLAGS if flag.reads_all_pages]
    assert sorted(list(FILTERS) + others) == sorted(flags)


#: What else the members of a match may be: each function takes the members of an object, and returns others.
every_other_form = pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda members: {}, id="absent"),
        pytest.param(lambda members: dict.fromkeys(members, None), id="null"),
        pytest.param(lambda members: dict.fromkeys(members, 7), id="numbers"),
        pytest.param(
            lambda members: {name: [members[name]] for name in members}, id="lists of the value"
        ),
        pytest.param(
            lambda members: {name: {str(members[name]): 1} for name in members},
            id="objects with its name",
        ),
        pytest.param(
            lambda members: {name: str(members[name]) + "x" for name in members},
            id="longer at the end",
        ),
        pytest.param(
            lambda members: {name: "x" + str(members[name]) for name in members},
            id="longer at the start",
        ),
        pytest.param(
            lambda members: {name: str(members[name])[:-1] for name in members},
            id="shorter at the end",
        ),
        pytest.param(
            lambda members: {name: str(members[name])[1:] for name in members},
            id="shorter at the start",
        ),
    ],
)


@every_filter
@every_other_form
def test_filter_keeps_nothing_whose_members_have_another_form(plane, flag, change):
    value, kept = FILTERS[flag]

    result = run_against(plane, page(change(kept)), *LIST, flag, value, "-o", "jsonl")

    assert result.out == b""
    # Either nothing matches, or one error says that the response is malformed. A crash would fail the test.
    assert (result.code, len(error_lines(result))) in [(0, 0), (1, 1)]


@pytest.mark.parametrize("flag", sorted(FILTERS) + ["--node"])
@every_other_form
def test_filter_of_targets_survives_targets_whose_members_have_another_form(plane, flag, change):
    value = NODES[0] if flag == "--node" else FILTERS[flag][0]
    wire = execution([change(target()), target(node=NODES[1])])

    result = run_against(plane, page(wire), *TARGETS, flag, value, "-o", "jsonl")

    # A target is kept or not, or one error says that the response is malformed. A crash would fail the test.
    assert (result.code, len(error_lines(result))) in [(0, 0), (1, 1)]


# ---- formats: the cursor


@every_list_format
def test_format_of_list_is_printed_with_the_cursor_of_the_next_page(plane, format):
    result = run_against(plane, page(execution(), next_cursor="c2"), *LIST, *format.split())

    # A format that does not contain the cursor needs `needs_cursor`.
    _, cursors = read_listing(result)
    assert cursors == ["c2"]


# ---- formats: hostile text on a terminal

#: Control characters, escape sequences, line separators, a direction override, and lines that imitate the program's.
HOSTILE_TEXT = (
    "x\x00\x08\x0b\x0c\x1b[2J\x1b]0;title\x07\x7f\x85\x9b31m\u2028\u202e\u200b\t\n==> x 1 byte <==\nID  STATUS\n"
    "error: x\nhint: x\nstatus: x\nnext_cursor: x\n\x1b[1mend"
)
HOSTILE_OUTPUT = HOSTILE_TEXT.encode("utf-8") + b"\rerror: x\r\n\xff\x9b\n"
#: An output with as many lines: lines of HOSTILE_OUTPUT end with a LF, with CR LF, and once with a bare CR.
HARMLESS_OUTPUT = b"no harm\n" * 10


def answer_with(command, text, output):
    """Return a response to a command, all of whose texts and names of unknown members are `text`, except the id
    of the Execution. One target has this inline output, and the others have none, an archived or an unreadable one."""
    targets = [
        target(inline(output), text, text),
        target(archive(text, text, sha256=text), text, text),
        target(None, text, text),
        target({"kind": text}, text, text),
        target({"kind": "inline", "inline_bytes": text}, text, text),
        target(text, text, text),
    ]
    for members in targets:
        members.update({"created_at": text, "updated_at": text, text: text})
    wire = dict.fromkeys(execution(), text)
    wire.update({"id": EXECUTION, "targets": targets, text: text})
    if command == "get":
        return wire
    return page(wire, next_cursor=text if command == "list" else None, **{text: text})


def show(plane, command, format, text, output):
    """Print such a response on terminals. Return the Result, and the lines on both streams."""
    argv = {"list": LIST, "targets": TARGETS, "get": GET}[command] + (
        "--color",
        "never",
        *format.split(),
    )
    result = run_against(plane, answer_with(command, text, output), *argv, terminals=BOTH)
    return result, (result.out.decode("utf-8") + result.err).split("\n")


def find_beginnings(lines):
    """Return how each line begins that begins like a line of the program itself."""
    begun = [re.match("==>|ID |error:|hint:|status:|next_cursor:", line) for line in lines]
    return [match.group() for match in begun if match]


every_format_of_every_command = pytest.mark.parametrize(
    "command, format",
    [("list", format) for format in LIST_FORMATS]
    + [("targets", format) for format in TARGETS_FORMATS]
    + [("get", format) for format in GET_FORMATS],
)


@every_format_of_every_command
def test_terminal_without_colours_gets_only_printable_characters_tabs_and_line_feeds(
    plane, command, format
):
    _, lines = show(plane, command, format, HOSTILE_TEXT, HOSTILE_OUTPUT)

    assert len(lines) > 1  # something was printed
    assert [line for line in lines if not line.replace("\t", "").isprintable()] == []


@every_format_of_every_command
def test_hostile_text_adds_no_line(plane, command, format):
    harmless, harmless_lines = show(plane, command, format, "no harm", HARMLESS_OUTPUT)

    hostile, hostile_lines = show(plane, command, format, HOSTILE_TEXT, HOSTILE_OUTPUT)

    assert hostile.code == harmless.code
    assert len(hostile_lines) == len(harmless_lines)


@pytest.mark.parametrize("command", ["list", "targets", "get"])
def test_in_text_hostile_text_adds_no_line_that_begins_like_one_of_the_program(plane, command):
    _, harmless_lines = show(plane, command, "-o text", "no harm", HARMLESS_OUTPUT)

    _, hostile_lines = show(plane, command, "-o text", HOSTILE_TEXT, HOSTILE_OUTPUT)

    expected = find_beginnings(harmless_lines)
    assert "ID " in expected  # the header is one of the program's own lines
    assert find_beginnings(hostile_lines) == expected


def test_in_raw_an_output_may_add_such_a_line_because_it_is_not_indented(plane):
    _, harmless_lines = show(plane, "get", "-o raw", "no harm", HARMLESS_OUTPUT)

    _, hostile_lines = show(plane, "get", "-o raw", HOSTILE_TEXT, HOSTILE_OUTPUT)

    assert len(find_beginnings(hostile_lines)) > len(find_beginnings(harmless_lines))
