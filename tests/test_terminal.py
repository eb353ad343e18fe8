"""On a terminal, hostile text is shown, not done; pipes and files get the bytes of outputs; colours.

In the tables of outputs, each value is a Python literal."""

import ast
import re

import pytest

import plexctl_exec_log as program
from kit import (
    ALL_BYTES,
    BOTH,
    EXECUTION,
    GET,
    GET_RAW,
    GET_TABLE,
    LIST,
    NODES,
    WINDOWS,
    archive,
    execution,
    inline,
    page,
    posix_only,
    run_against,
    run_cli,
    run_on_screen,
    run_on_terminal,
    table,
    target,
)
from server import Reply

# ---- one output on a terminal


@table(r"""
    data                                             | shown
    b''                                              | ''
    # Printable characters, tabs and line feeds stay.
    b'\\x1b[2J ~ ! "\n\ta\tb\n'                      | '\\x1b[2J ~ ! "\n\ta\tb\n'
    b'e\xcc\x81 \xe6\xbc\xa2 \xf0\x9f\x98\x80'       | 'e\u0301 \u6f22 \U0001f600'
    # CSI sequences (ESC [ ...) are removed: colours, concealed text, cursor movements, erasures, queries, all others.
    b'\x1b[mx\x1b[1;31mr\x1b[38:2::255:0:0me\x1b[0m' | 'xre'
    b'\x1b[8mx\x1b[1;08my'                           | 'xy'
    b'\x1b[2Jx\x1b[H\x1b[1A\x1b[2K'                  | 'x'
    b'\x1b[6n\x1b[c\x1b[>c\x1b[21t\n'                | '\n'
    b'\x1b[?1049h\x1b[=25l\x1b[>4;2m\x1b[ q'         | ''
    b'\x1b[<1$/r\x1b[!p\x1b[200~\x1b[@\x1b[1`\x1b[^' | ''
    # And so is what tput sgr0 sends.
    b'\x1b(B\x1b[mx'                                 | 'x'
    # CR LF and CR are line feeds, after the sequences between them are removed.
    b'a\r\nb\r\n'                                    | 'a\nb\n'
    b'10%\r\x1b[K\n20%\rdone\n'                      | '10%\n20%\ndone\n'
    b'a\r\r\nb\n\rc\r'                               | 'a\n\nb\n\nc\n'
    # All else is escaped: window titles and links, short sequences, C1 controls, bytes that are no UTF-8.
    b'\x1b]0;t\x07\x1b]8;;u\x1b\\'                   | '\\x1b]0;t\\x07\\x1b]8;;u\\x1b\\'
    b'\x1bc\x1b7\x1bM\x1b(0\x1b)B\x1b#8'             | '\\x1bc\\x1b7\\x1bM\\x1b(0\\x1b)B\\x1b#8'
    b'\x9b2J\x9d0;t\x9c\x85\xc2\x9b31mx\xc2\x85'     | '\\x9b2J\\x9d0;t\\x9c\\x85\\x9b31mx\\x85'
    b'\xff \xc3 \xe2\x82 \xc0\x9b \xed\xa0\xbd'      | '\\xff \\xc3 \\xe2\\x82 \\xc0\\x9b \\xed\\xa0\\xbd'
    # A single unprintable character: the nearest ones above and below printable ASCII.
    b'a\x7fb'                                        | 'a\\x7fb'
    b'a\x1fb'                                        | 'a\\x1fb'
    # Python takes these for line breaks.
    b'a\x0bb\x0cc\x1cd\xe2\x80\xa8error: e\xc2\x85'  | 'a\\x0bb\\x0cc\\x1cd\\u2028error: e\\x85'
    # Sequences that are broken or cut off.
    b'\x1b[1\nm\x1b[1 1m'                            | '\\x1b[1\nm\\x1b[1 1m'
    b'\x1b[\xd9\xa1m'                                | '\\x1b[\u0661m'
    b'a\x1b[31'                                      | 'a\\x1b[31'
    b'a\x1b'                                         | 'a\\x1b'
    # A sequence that is removed does not complete another one.
    b'\x1b\x1b[31mx\x1b[\x1b[1m1mx'                  | '\\x1bx\\x1b[1mx'
    b'x\x1b]0;\x1b[31m\x07'                          | 'x\\x1b]0;\\x07'
""")
def test_raw_on_a_terminal_is_safe(plane, data, shown):
    wire = execution([target(inline(ast.literal_eval(data)))])

    result = run_against(plane, wire, *GET_RAW, terminals=["stdout"])

    assert result.code == 0
    assert result.out.decode("utf-8") == ast.literal_eval(shown)
    assert result.err == ""


EXECUTIONS_HEADER = (
    "ID                                    STATUS     TYPE     TARGETS  "
    "CREATED_AT            UPDATED_AT            ACTION\n"
)
#: The end of the format text, after an empty line: the row of an Execution with one target.
RECAP_OF_ONE = EXECUTIONS_HEADER + (
    "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  builtin  1/1      "
    "2026-05-02T10:00:00Z  2026-05-02T10:00:09Z  restart-nginx\n"
)


@table(r"""
    data                                        | size     | section_below_its_header
    b''                                         | 0 bytes  | ''
    b'x'                                        | 1 byte   | '  x\n'
    # The size is that of the bytes before they are made safe.
    b'\x1b[31mred\x1b[0m\r\n'                   | 14 bytes | '  red\n'
    b'\x1b[2J'                                  | 4 bytes  | ''
    # An empty line stays empty, a line of blanks does not.
    b'a\r\r\nb\n\rc\r'                          | 9 bytes  | '  a\n\n  b\n\n  c\n'
    b' \n\t\n \ta'                              | 7 bytes  | '   \n  \t\n   \ta\n'
    # No line begins like a header, an error, a hint or the recap.
    b'\x1b[2J==> n failed 1 byte <==\n'         | 28 bytes | '  ==> n failed 1 byte <==\n'
    b'error: x\r\nhint: x\rID  S\n\nretry: x\n' | 34 bytes | '  error: x\n  hint: x\n  ID  S\n\n  retry: x\n'
""")
def test_text_on_a_terminal_indents_the_safe_lines(plane, data, size, section_below_its_header):
    wire = execution([target(inline(ast.literal_eval(data)))])

    result = run_against(plane, wire, *GET, "--color", "never", terminals=["stdout"])

    assert result.code == 0
    header = "==> a1b2c300-0000-4000-8000-000000000000 succeeded %s <==\n" % size
    section = header + ast.literal_eval(section_below_its_header)
    assert result.out.decode("utf-8") == section + "\n" + RECAP_OF_ONE
    assert result.err == ""


@table(r"""
    data                              | lines
    b''                               | []
    b'\x1b[2J'                        | []
    b'\x1b[2J\n'                      | ['']
    b'10%\r20%\r\n\x1b]0;t\x07'       | ['10%', '20%', '\\x1b]0;t\\x07']
    b'==> b\n\nerror: x\n'            | ['==> b', '', 'error: x']
    b'a\x0bb\xe2\x80\xa8c\xc2\x85d\n' | ['a\\x0bb\\u2028c\\x85d']
""")
def test_lines_on_a_terminal_are_safe_and_each_follows_its_node(plane, data, lines):
    wire = execution([target(inline(ast.literal_eval(data)))])

    result = run_against(plane, wire, *GET, "-o", "lines", terminals=("stdout",))

    assert result.code == 0
    assert result.out.decode("utf-8") == "".join(
        "a1b2c300-0000-4000-8000-000000000000: %s\n" % line for line in ast.literal_eval(lines)
    )


# ---- one output in a pipe, while standard error is a terminal


@pytest.mark.parametrize(
    "data, section",
    [
        pytest.param(b"", b"\n", id="nothing"),
        pytest.param(ALL_BYTES, ALL_BYTES + b"\n\n", id="all bytes"),
        pytest.param(b"x\n", b"x\n\n", id="a complete line"),
        pytest.param(b"x\r", b"x\r\n\n", id="a line that ends with CR"),
        pytest.param(b"\x1b[0m", b"\x1b[0m\n\n", id="a line that would be invisible on a terminal"),
        pytest.param(b"==> n\n\nerror: x\n", b"==> n\n\nerror: x\n\n", id="forged lines"),
    ],
)
def test_output_in_a_pipe_is_the_bytes_themselves(plane, data, section):
    """text adds a line feed to a last line that has none, and then an empty line."""
    wire = execution([target(inline(data))])

    raw = run_against(plane, wire, *GET_RAW, "--color", "always", terminals=["stderr"])
    text = run_against(plane, wire, *GET, terminals=["stderr"])

    assert raw.code == 0
    assert raw.out == data
    assert text.code == 0
    header, _, rest = text.out.partition(b"\n")
    assert header.startswith(b"==> a1b2c300-0000-4000-8000-000000000000 succeeded ")
    assert rest == section + RECAP_OF_ONE.encode("ascii")


# ---- several outputs on real terminals

#: CSI sequences (ESC [ ...), such as colours, are removed. All else that could control the terminal is escaped.
HOSTILE_OUTPUTS = [
    # Two CSI sequences, CR LF, a byte that is no UTF-8, and the sequence that sets the title of the window.
    target(inline(b"\x1b[31mred\x1b[0m\r\n\xff\x1b]0;t\x07"), NODES[0]),
    # A forged header, an empty line, and a CR, which becomes a line feed.
    target(inline(b"==> forged <==\n\n10%\r20%\n"), NODES[1], "failed"),
    # A Chinese character, and a CSI that is one byte (9B) and no UTF-8. This output ends in mid-line.
    target(inline(b"\xe6\xbc\xa2\x9b2J"), NODES[2]),
    target({"kind": "tape"}, NODES[3]),
]


@posix_only
@pytest.mark.parametrize(
    "columns, format, out, err",
    [
        (
            80,
            "-o text",
            "==> a1b2c300-0000-4000-8000-000000000000 succeeded 21 bytes <==\n"
            "  red\n"
            "  \\xff\\x1b]0;t\\x07\n"
            "\n"
            "==> a1b2c301-0000-4000-8000-000000000001 failed 24 bytes <==\n"
            "  ==> forged <==\n"
            "\n"
            "  10%\n"
            "  20%\n"
            "\n"
            "==> a1b2c302-0000-4000-8000-000000000002 succeeded 6 bytes <==\n"
            "  \u6f22\\x9b2J\n"
            "\n"
            "==> a1b2c303-0000-4000-8000-000000000003 succeeded unreadable <==\n\nID ",
            "error: the output of target a1b2c303-0000-4000-8000-000000000003 is unreadable: ",
        ),
        (
            104,
            "-o lines",
            "a1b2c300-0000-4000-8000-000000000000: red\n"
            "a1b2c300-0000-4000-8000-000000000000: \\xff\\x1b]0;t\\x07\n"
            "a1b2c301-0000-4000-8000-000000000001: ==> forged <==\n"
            "a1b2c301-0000-4000-8000-000000000001: \n"
            "a1b2c301-0000-4000-8000-000000000001: 10%\n"
            "a1b2c301-0000-4000-8000-000000000001: 20%\n"
            "a1b2c302-0000-4000-8000-000000000002: \u6f22\\x9b2J\n",
            "error: the output of target a1b2c303-0000-4000-8000-000000000003 is unreadable: ",
        ),
        (
            200,
            "-o raw",
            "red\n\\xff\\x1b]0;t\\x07==> forged <==\n\n10%\n20%\n\u6f22\\x9b2J",
            # The last output ends in mid-line.
            "\nerror: the output of target a1b2c303-0000-4000-8000-000000000003 is unreadable: ",
        ),
    ],
)
def test_process_on_two_terminals_shows_safe_outputs(plane, columns, format, out, err):
    plane.script(Reply(execution(HOSTILE_OUTPUTS)))
    argv = GET + (*format.split(), "--color", "never")

    result = run_on_terminal(*argv, plane=plane, columns=columns)

    assert result.code == 1  # for the fourth output, which is unreadable
    assert result.out.decode("utf-8").startswith(out)
    assert result.err.startswith(err)


@posix_only
# Below 104 columns, ACTION has two more lines, one below the header and one below the row.
@pytest.mark.parametrize("columns, lines", [(80, 5), (104, 3), (200, 3)])
def test_action_cannot_forge_a_line_on_a_terminal_of_any_width(plane, columns, lines):
    result = run_on_screen(
        plane, execution(action="a\n==> b"), *GET, "--color", "never", columns=columns
    )

    assert result.code == 0
    shown = result.out.decode("utf-8").split("\n")
    assert len(shown) == lines
    assert shown[0].startswith("ID ")
    assert shown[-2].endswith("  a\\n==> b")  # if on a line of its own, the action is indented
    assert shown[-1] == ""


# ---- which characters are escaped, and how


@table(r"""
    character    | visible
    # Control characters.
    '\0'         | '\\x00'
    '\a\b'       | '\\x07\\x08'
    '\t'         | '\\t'
    '\n'         | '\\n'
    '\r'         | '\\r'
    '\x1b'       | '\\x1b'
    '\x7f\x85'   | '\\x7f\\x85'
    '\x9b'       | '\\x9b'
    # A no-break space, a zero width space, a right-to-left override, a line separator, private use.
    '\xa0'       | '\\xa0'
    '\u200b'     | '\\u200b'
    '\u202e'     | '\\u202e'
    '\u2028'     | '\\u2028'
    '\ue000'     | '\\ue000'
    # A lone surrogate, and a tag.
    '\ud800'     | '\\ud800'
    '\U000e0041' | '\\U000e0041'
    # Printable ones stay.
    ' ~\\'       | ' ~\\'
    '\xe9\u6f22' | '\xe9\u6f22'
    '\U0001f600' | '\U0001f600'
""")
def test_make_visible_escapes_what_is_not_printable(character, visible):
    shown = program.make_visible("<%s>" % ast.literal_eval(character))

    assert shown == "<%s>" % ast.literal_eval(visible)


#: Characters of all planes that have unprintable ones, except surrogates, which no output can hold.
CHARACTERS = [chr(number) for number in range(0xD800)]
CHARACTERS += [chr(number) for number in range(0xE000, 0x10010)]
CHARACTERS += [chr(0x1F600)]
CHARACTERS += [chr(number) for number in range(0xE0000, 0xE0200)]


def show_on_terminal(character):
    """Return how a terminal shows a character. Which are printable depends on the Unicode tables of this Python."""
    if character.isprintable() or character in "\t\n":
        return character
    if character == "\r":
        return "\n"
    if ord(character) < 0x100:
        return "\\x%02x" % ord(character)
    if ord(character) < 0x10000:
        return "\\u%04x" % ord(character)
    return "\\U%08x" % ord(character)


def test_terminal_gets_all_printable_characters_and_escapes_for_others(plane):
    wire = execution([target(inline("<".join(CHARACTERS).encode("utf-8")))])

    result = run_against(plane, wire, *GET_RAW, terminals=BOTH)

    assert result.code == 0
    assert result.out.decode("utf-8") == "<".join(map(show_on_terminal, CHARACTERS))


# ---- text of others on stdout

#: A text of the server that would forge lines and control a terminal.
HOSTILE = "x\n==> forged\nerror: forged\r\x1b[2J\x9b2J\t\u2028\ud800"
#: How it is shown where spaces stay: in ACTION, in BUCKET/KEY and in messages.
HOSTILE_VISIBLE = r"x\n==> forged\nerror: forged\r\x1b[2J\x9b2J\t\u2028\ud800"
#: How it is shown in all other columns.
HOSTILE_FIELD = r"x\n==>\x20forged\nerror:\x20forged\r\x1b[2J\x9b2J\t\u2028\ud800"
#: An Execution with this text in every member that is shown.
HOSTILE_EXECUTION = execution(
    [target(archive(HOSTILE, HOSTILE, sha256=HOSTILE), HOSTILE, HOSTILE, updated_at=HOSTILE)],
    status=HOSTILE,
    type=HOSTILE,
    created_at=HOSTILE,
    updated_at=HOSTILE,
    action=HOSTILE,
)
with_and_without_colours = pytest.mark.parametrize("color", ["never", "always"])


def remove_colours(data):
    """Return what was printed without SGR sequences."""
    return re.sub("\x1b\\[[0-9]*m", "", data.decode("utf-8"))


@with_and_without_colours
def test_hostile_text_cannot_break_the_table_of_list(plane, color):
    # A lone surrogate, with which HOSTILE ends, would make a cursor malformed.
    wire = page(dict(HOSTILE_EXECUTION, id=HOSTILE), next_cursor="x\n==> forged\x1b[2J")

    result = run_against(plane, wire, *LIST, "--color", color)

    assert result.code == 0
    assert remove_colours(result.out) == EXECUTIONS_HEADER + (
        "{field}  {field}  {field}  0/1      {field}  {field}  {visible}\n"
        "next_cursor: x\\n==> forged\\x1b[2J\n"
    ).format(field=HOSTILE_FIELD, visible=HOSTILE_VISIBLE)


@with_and_without_colours
def test_hostile_text_cannot_break_sections_and_the_recap(plane, color):
    result = run_against(plane, HOSTILE_EXECUTION, *GET, "--color", color)

    assert result.code == 0
    assert remove_colours(result.out) == (
        "==> {field} {field} archived <==\n"
        "archived: {visible}/{visible} (sha256:{field})\n"
        "\n" + EXECUTIONS_HEADER + "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  "
        "{field}  {field}  0/1      {field}  {field}  {visible}\n"
    ).format(field=HOSTILE_FIELD, visible=HOSTILE_VISIBLE)


@with_and_without_colours
def test_hostile_text_cannot_break_the_table_of_targets(plane, color):
    result = run_against(plane, HOSTILE_EXECUTION, *GET_TABLE, "--color", color)

    assert result.code == 0
    assert remove_colours(result.out) == (
        "NODE_ID                               STATUS     UPDATED_AT            OUTPUT\n"
        "{field}  {field}  {field}  archived: {visible}/{visible} (sha256:{field})\n"
        "\n" + EXECUTIONS_HEADER + "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  "
        "{field}  {field}  0/1      {field}  {field}  {visible}\n"
    ).format(field=HOSTILE_FIELD, visible=HOSTILE_VISIBLE)


# ---- text of others on stderr


@pytest.mark.parametrize(
    "answer, argv, part_of_stderr, code",
    [
        pytest.param(
            # A Problem is the JSON object that describes an error (RFC 9457).
            Reply(
                {
                    "title": HOSTILE,
                    "detail": HOSTILE,
                    "code": HOSTILE,
                    "reason": HOSTILE,
                    "correlation_id": HOSTILE,
                    "relation_path": ["a", HOSTILE],
                },
                403,
            ),
            GET,
            "a > " + HOSTILE_VISIBLE,
            4,
            id="a Problem",
        ),
        pytest.param(
            b"HTTP/1.1 404 x\rerror: forged\x85.\r\n\r\n",
            GET,
            "HTTP 404 x\\rerror: forged\\x85.",
            1,
            id="the reason phrase of the status",
        ),
        pytest.param(
            Reply({"id": EXECUTION}, 200, [("X-Any", "x\x1b]0;t\x07\x1b[2J\b\x7f\x9b2J end")]),
            GET + ("-v",),
            "Any: x\\x1b]0;t\\x07\\x1b[2J\\x08\\x7f\\x9b2J end",
            0,
            id="a header that is traced",
        ),
        pytest.param(
            # The retry gets an Execution.
            Reply({"title": HOSTILE, "detail": HOSTILE, "code": HOSTILE, "reason": HOSTILE}, 503),
            GET,
            "retry: HTTP 503 " + HOSTILE_VISIBLE,
            0,
            id="a failure that is retried",
        ),
        pytest.param(
            # Longer than the 4,000 characters of other lines, which are cut.
            Reply(page(next_cursor="c\nerror: forged\x1b" * 300)),
            LIST + ("-o", "jsonl"),
            "next_cursor: " + r"c\nerror: forged\x1b" * 300 + "\n",
            0,
            id="a cursor",
        ),
        pytest.param(
            Reply(execution(status=HOSTILE)),
            GET + ("--wait",),
            "status: " + HOSTILE_FIELD + " (0 of 0 succeeded)\n",
            0,
            id="a status while waiting",
        ),
        pytest.param(
            Reply(execution([target({"kind": HOSTILE}, HOSTILE)])),
            GET,
            "target " + HOSTILE_FIELD + " is unreadable",
            1,
            id="a node and a kind that is unknown",
        ),
        pytest.param(
            Reply(execution([target(archive(HOSTILE, HOSTILE, sha256=HOSTILE), HOSTILE)])),
            GET_RAW,
            ("target " + HOSTILE_FIELD + " is archived: " + HOSTILE_VISIBLE + "/" + HOSTILE_VISIBLE)
            + (" (sha256:" + HOSTILE_FIELD + ")\n"),
            1,
            id="an archived output",
        ),
        pytest.param(
            Reply(page(execution(id=HOSTILE, action=5))),
            LIST,
            "Execution " + HOSTILE_FIELD + ": ",
            1,
            id="the id of a malformed Execution",
        ),
    ],
)
def test_server_text_is_one_line_in_each_of_these_messages(
    plane, answer, argv, part_of_stderr, code
):
    plane.script(answer, Reply(execution()))

    result = run_cli(*argv, plane=plane)

    assert result.code == code
    assert part_of_stderr in result.err
    lines = (result.out.decode("utf-8") + result.err).split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    assert [line for line in lines if re.match("(==>|[a-z_]+:) forged", line)] == []


# ---- colours


@pytest.mark.parametrize(
    "flags, terminals, env, is_coloured",
    [
        # On Windows, auto means no colours.
        ((), BOTH, {}, not WINDOWS),
        (("--color", "auto"), BOTH, {"TERM": "xterm-256color"}, not WINDOWS),
        # Only stdout has to be a terminal. NO_COLOR counts unless it is empty.
        ((), ("stdout",), {"NO_COLOR": ""}, not WINDOWS),
        ((), ("stderr",), {}, False),
        ((), BOTH, {"NO_COLOR": "0"}, False),
        ((), BOTH, {"TERM": "dumb"}, False),
        # The flag overrides all of these.
        (("--color", "always"), (), {"NO_COLOR": "1", "TERM": "dumb"}, True),
        (("--color", "never"), BOTH, {}, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("argv, answer", [(LIST, page()), (GET, execution())], ids=["list", "get"])
def test_colours_depend_on_the_flag_the_terminal_and_the_environment(
    plane, argv, answer, flags, terminals, env, is_coloured
):
    result = run_against(plane, answer, *argv, *flags, terminals=terminals, env=env)

    assert result.code == 0
    assert result.out.startswith(b"\x1b[1mID " if is_coloured else b"ID ")
    assert (b"\x1b" in result.out) is is_coloured


@table(r"""
    status         | status_in_section              | cell_in_table
    succeeded      | '\x1b[32msucceeded\x1b[0m'     | '\x1b[32msucceeded\x1b[0m'
    failed         | '\x1b[31mfailed\x1b[0m'        | '\x1b[31mfailed   \x1b[0m'
    timeout        | '\x1b[31mtimeout\x1b[0m'       | '\x1b[31mtimeout  \x1b[0m'
    cancelled      | '\x1b[33mcancelled\x1b[0m'     | '\x1b[33mcancelled\x1b[0m'
    started        | '\x1b[36mstarted\x1b[0m'       | '\x1b[36mstarted  \x1b[0m'
    ack            | '\x1b[36mack\x1b[0m'           | '\x1b[36mack      \x1b[0m'
    # A status without a colour is bold in the header of a section, like the rest of the header.
    pending        | '\x1b[1mpending\x1b[0m'        | 'pending  '
    no_such_status | '\x1b[1mno_such_status\x1b[0m' | 'no_such_status'
""")
def test_headers_are_bold_and_statuses_have_these_colours(
    plane, status, status_in_section, cell_in_table
):
    cell = ast.literal_eval(cell_in_table)
    wire = execution([target(inline(b"x"), status=status)], status=status)

    text = run_against(plane, wire, *GET, "--color", "always")
    table_of_targets = run_against(plane, wire, *GET_TABLE, "--color", "always")
    listing = run_against(plane, page(wire), *LIST, "--color", "always")

    assert text.out.decode("ascii").startswith(
        "\x1b[1m==> a1b2c300-0000-4000-8000-000000000000 \x1b[0m"
        + ast.literal_eval(status_in_section)
        + "\x1b[1m 1 byte <==\x1b[0m\nx\n\n\x1b[1mID "
    )
    lines = table_of_targets.out.decode("ascii").split("\n")
    targets_header, target_row, empty, *recap = lines
    assert re.fullmatch("\x1b\\[1mNODE_ID .* OUTPUT\x1b\\[0m", targets_header)
    assert target_row.startswith(
        "a1b2c300-0000-4000-8000-000000000000  " + cell + "  2026-05-02T10:00:09Z"
    )
    assert empty == ""
    header, row, end = recap
    assert re.fullmatch("\x1b\\[1mID .* ACTION\x1b\\[0m", header)
    assert row.startswith("4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  " + cell + "  builtin")
    assert end == ""
    assert listing.out.decode("ascii").split("\n") == recap
