"""Rules 5.9, 5.10 and 9.4: on a terminal hostile text is shown, not done; pipes and files get the bytes; colours."""

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
    rule,
    run_against,
    run_cli,
    run_on_screen,
    run_on_terminal,
    target,
)
from server import Reply

# ---- 5.9: one output on a terminal

#: The bytes of an output, what raw shows of them on a terminal, and the lines of the section that text shows.
OUTPUTS_ON_A_TERMINAL = (
    pytest.param(b"", "", "", id="nothing"),
    pytest.param(
        b'\\x1b[2J ~ ! "\n\ta\tb\n',
        '\\x1b[2J ~ ! "\n\ta\tb\n',
        '  \\x1b[2J ~ ! "\n  \ta\tb\n',
        id="printable ASCII, tabs and line feeds stay",
    ),
    pytest.param(
        b"e\xcc\x81 \xe6\xbc\xa2 \xe0\xa4\xb9\xe0\xa4\xbf \xf0\x9f\x98\x80",
        "e\u0301 \u6f22 \u0939\u093f \U0001f600",
        "  e\u0301 \u6f22 \u0939\u093f \U0001f600\n",
        id="printable characters beyond ASCII stay",
    ),
    pytest.param(
        b"\x1b[mx\x1b[1;31mr\x1b[38:2::255:0:0me\x1b[;;31md\x1b[0m",
        "xred",
        "  xred\n",
        id="colours are removed",
    ),
    pytest.param(b"\x1b(B\x1b[mx", "x", "  x\n", id="what tput sgr0 sends is removed"),
    pytest.param(b"\x1b[8mx\x1b[1;08my", "xy", "  xy\n", id="concealed text becomes visible"),
    pytest.param(
        b"\x1b[2Jx\x1b[H\x1b[1A\x1b[2K",
        "x",
        "  x\n",
        id="cursor movements and erasures are removed",
    ),
    pytest.param(
        b"\x1b[?1049h\x1b[=25l\x1b[>4;2m\x1b[ q\x1b[<1$/r\x1b[!p\x1b[200~\x1b[@\x1b[1`\x1b[^\x1b[3{",
        "",
        "",
        id="all other CSI sequences are removed, so that nothing is left",
    ),
    pytest.param(b"\x1b[6n\x1b[c\x1b[>c\x1b[21t\n", "\n", "\n", id="queries are removed"),
    pytest.param(b"a\r\nb\r\n", "a\nb\n", "  a\n  b\n", id="CR LF is a line feed"),
    pytest.param(
        b"10%\r\x1b[K\n20%\rdone\n",
        "10%\n20%\ndone\n",
        "  10%\n  20%\n  done\n",
        id="CR is a line feed, and one with LF once the CSI between them is removed",
    ),
    pytest.param(
        b"a\r\r\nb\n\rc\r",
        "a\n\nb\n\nc\n",
        "  a\n\n  b\n\n  c\n",
        id="CR CR LF, LF CR, and CR at the end",
    ),
    pytest.param(
        b"\x1b]0;t\x07", "\\x1b]0;t\\x07", "  \\x1b]0;t\\x07\n", id="a window title is escaped"
    ),
    pytest.param(
        b"\x1b]8;;u\x1b\\", "\\x1b]8;;u\\x1b\\", "  \\x1b]8;;u\\x1b\\\n", id="a link is escaped"
    ),
    pytest.param(
        b"\x1bc\x1b7\x1bM\x1b(0\x1b)B\x1b#8",
        "\\x1bc\\x1b7\\x1bM\\x1b(0\\x1b)B\\x1b#8",
        "  \\x1bc\\x1b7\\x1bM\\x1b(0\\x1b)B\\x1b#8\n",
        id="sequences of two and three characters are escaped",
    ),
    pytest.param(
        b"\x9b2J\x9d0;t\x9c\x85\xc2\x9b31mx\xc2\x85",
        "\\x9b2J\\x9d0;t\\x9c\\x85\\x9b31mx\\x85",
        "  \\x9b2J\\x9d0;t\\x9c\\x85\\x9b31mx\\x85\n",
        id="C1 controls are escaped, as bytes and in UTF-8",
    ),
    pytest.param(
        b"\xff \xc3 \xe2\x82 \xc0\x9b \xed\xa0\xbd",
        "\\xff \\xc3 \\xe2\\x82 \\xc0\\x9b \\xed\\xa0\\xbd",
        "  \\xff \\xc3 \\xe2\\x82 \\xc0\\x9b \\xed\\xa0\\xbd\n",
        id="bytes that are no UTF-8 are escaped",
    ),
    pytest.param(
        b"\x1b[1\nm\x1b[1 1m",
        "\\x1b[1\nm\\x1b[1 1m",
        "  \\x1b[1\n  m\\x1b[1 1m\n",
        id="a broken CSI sequence",
    ),
    pytest.param(b"a\x1b[31", "a\\x1b[31", "  a\\x1b[31\n", id="a CSI sequence that is cut off"),
    pytest.param(b"a\x1b", "a\\x1b", "  a\\x1b\n", id="an ESC at the end"),
    pytest.param(
        b"\x1b[\xd9\xa1m",
        "\\x1b[\u0661m",
        "  \\x1b[\u0661m\n",
        id="a CSI sequence with an Arabic digit",
    ),
    pytest.param(
        b"\x1b\x1b[31mx\x1b[\x1b[1m1mx\x1b]0;\x1b[31m\x07",
        "\\x1bx\\x1b[1mx\\x1b]0;\\x07",
        "  \\x1bx\\x1b[1mx\\x1b]0;\\x07\n",
        id="a removed CSI sequence does not complete another one",
    ),
    pytest.param(
        b"\x1b[2J\x1b[H==> n failed 1 byte <==\nerror: x\r\nhint: x\rID  S\n\n\x1b[1mretry: x\n==> b\n",
        "==> n failed 1 byte <==\nerror: x\nhint: x\nID  S\n\nretry: x\n==> b\n",
        "  ==> n failed 1 byte <==\n  error: x\n  hint: x\n  ID  S\n\n  retry: x\n  ==> b\n",
        id="forged headers, recaps, errors and hints",
    ),
    pytest.param(
        b"a\x0bb\x0cc\x1cd\xe2\x80\xa8error: e\xc2\x85",
        "a\\x0bb\\x0cc\\x1cd\\u2028error: e\\x85",
        "  a\\x0bb\\x0cc\\x1cd\\u2028error: e\\x85\n",
        id="other characters that Python takes for line breaks are escaped",
    ),
    pytest.param(
        b" \n\t\n \ta", " \n\t\n \ta", "   \n  \t\n   \ta\n", id="lines of blanks are not empty"
    ),
)


#: The recap of an Execution with one target.
RECAP_OF_ONE = (
    "ID                                    STATUS     TYPE     TARGETS  "
    "CREATED_AT            UPDATED_AT            ACTION\n"
    "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  builtin  1/1      "
    "2026-05-02T10:00:00Z  2026-05-02T10:00:09Z  restart-nginx\n"
)


@rule("5.9a", "5.9b", "5.3a")
@pytest.mark.parametrize("data, shown, section", OUTPUTS_ON_A_TERMINAL)
def test_output_on_a_terminal_is_safe_and_text_indents_it(plane, data, shown, section):
    wire = execution([target(inline(data))])

    raw = run_against(plane, wire, *GET_RAW, terminals=["stdout"])
    text = run_against(plane, wire, *GET, "--color", "never", terminals=["stdout"])

    assert raw.code == 0
    assert raw.out.decode("utf-8") == shown
    assert raw.err == ""
    assert text.code == 0
    header = "==> a1b2c300-0000-4000-8000-000000000000 succeeded %d bytes <==\n" % len(data)
    assert text.out.decode("utf-8") == header + section + "\n" + RECAP_OF_ONE
    assert text.err == ""


@rule("5.3a", "5.9a")
@pytest.mark.parametrize(
    "data, header",
    [
        (b"\xff", b"==> a1b2c300-0000-4000-8000-000000000000 succeeded 1 byte <==\n"),
        (
            b"\x1b[31mred\x1b[0m\r\n",
            b"==> a1b2c300-0000-4000-8000-000000000000 succeeded 14 bytes <==\n",
        ),
        (b"\x1b[2J", b"==> a1b2c300-0000-4000-8000-000000000000 succeeded 4 bytes <==\n"),
    ],
    ids=["an escaped byte", "colours and CR LF", "a sequence that is removed"],
)
def test_header_counts_the_bytes_before_they_are_made_safe(plane, data, header):
    wire = execution([target(inline(data))])

    result = run_against(plane, wire, *GET, "--color", "never", terminals=("stdout",))

    assert result.code == 0
    assert result.out.startswith(header)


@rule("5.9a", "5.9b", "5.7a")
@pytest.mark.parametrize(
    "data, shown",
    [
        pytest.param(b"", "", id="nothing"),
        pytest.param(b"\x1b[2J", "", id="nothing but a sequence that is removed"),
        pytest.param(
            b"\x1b[2J\n", "a1b2c300-0000-4000-8000-000000000000: \n", id="a line that becomes empty"
        ),
        pytest.param(
            b"10%\r20%\r\n\x1b]0;t\x07",
            "a1b2c300-0000-4000-8000-000000000000: 10%\n"
            "a1b2c300-0000-4000-8000-000000000000: 20%\n"
            "a1b2c300-0000-4000-8000-000000000000: \\x1b]0;t\\x07\n",
            id="CR is a line feed",
        ),
        pytest.param(
            b"==> b\n\nerror: x\n",
            "a1b2c300-0000-4000-8000-000000000000: ==> b\n"
            "a1b2c300-0000-4000-8000-000000000000: \n"
            "a1b2c300-0000-4000-8000-000000000000: error: x\n",
            id="forged lines, and an empty one",
        ),
        pytest.param(
            b"a\x0bb\xe2\x80\xa8c\xc2\x85d",
            "a1b2c300-0000-4000-8000-000000000000: a\\x0bb\\u2028c\\x85d\n",
            id="other line breaks",
        ),
    ],
)
def test_lines_on_a_terminal_are_safe_and_each_follows_its_node(plane, data, shown):
    wire = execution([target(inline(data))])

    result = run_against(plane, wire, *GET, "-o", "lines", terminals=("stdout",))

    assert result.code == 0
    assert result.out.decode("utf-8") == shown
    assert result.err == ""


# ---- 5.9: one output in a pipe, while standard error is a terminal


@rule("5.9", "5.3a", "5.7", "9.4")
@pytest.mark.parametrize(
    "data",
    [
        # A terminal would be shown other characters for most of these.
        pytest.param(b"", id="nothing"),
        pytest.param(ALL_BYTES, id="all bytes"),
        pytest.param(b"\x1b[mx\x1b[1;31mr\x1b[38:2::255:0:0me\x1b[;;31md\x1b[0m", id="colours"),
        pytest.param(
            b"\x1b[2Jx\x1b[H\x1b[1A\x1b[2K\x1b[6n", id="cursor movements, erasures, a query"
        ),
        pytest.param(b"10%\r\x1b[K\n20%\rdone\r\n", id="CR and CR LF"),
        pytest.param(
            b"\x1b]0;t\x07\x1b]8;;u\x1b\\\x1bc\x1b(0\x1b#8",
            id="a window title, a link and other sequences",
        ),
        pytest.param(
            b"\x9b2J\xc2\x9b31mx\xc2\x85\xe2\x80\xa8", id="C1 controls, and a line separator"
        ),
        pytest.param(b"\xff \xc3 \xe2\x82 \xc0\x9b \xed\xa0\xbd", id="no UTF-8"),
        pytest.param(b"a\x1b[31", id="a CSI sequence that is cut off"),
        pytest.param(
            b"==> n failed 1 byte <==\nerror: x\r\nhint: x\rID  S\n\nretry: x\n", id="forged lines"
        ),
        pytest.param(b" \n\t\n \ta", id="lines of blanks"),
    ],
)
def test_output_in_a_pipe_is_the_bytes_themselves(plane, data):
    wire = execution([target(inline(data))])

    raw = run_against(plane, wire, *GET_RAW, "--color", "always", terminals=["stderr"])
    text = run_against(plane, wire, *GET, terminals=["stderr"])

    assert raw.code == 0
    assert raw.out == data
    assert text.code == 0
    header, _, rest = text.out.partition(b"\n")
    assert header == b"==> a1b2c300-0000-4000-8000-000000000000 succeeded %d bytes <==" % len(data)
    assert rest.startswith(data)


@rule("5.9", "5.3a")
@pytest.mark.parametrize(
    "data, section",
    [
        pytest.param(b"", b"\n", id="nothing"),
        pytest.param(b"x\n", b"x\n\n", id="a complete line"),
        pytest.param(b"x", b"x\n\n", id="a line without a line feed"),
        pytest.param(b"x\r", b"x\r\n\n", id="a line that ends with CR"),
        pytest.param(b"\x1b[0m", b"\x1b[0m\n\n", id="a line that would be invisible on a terminal"),
        pytest.param(b"\n", b"\n\n", id="an empty line"),
    ],
)
def test_text_in_a_pipe_ends_each_output_with_a_line_feed(plane, data, section):
    result = run_against(plane, execution([target(inline(data))]), *GET, terminals=("stderr",))

    assert result.code == 0
    rest = result.out.partition(b"\n")[2]
    assert rest == section + RECAP_OF_ONE.encode("ascii")


@rule("5.9", "5.7a", "9.4")
def test_lines_in_a_pipe_have_the_bytes(plane):
    wire = execution([target(inline(b"\x1b[31mred\x1b[0m\r\n\n10%\r20%\n\xff\xc2\x85 "))])

    result = run_against(
        plane, wire, *GET, "-o", "lines", "--color", "always", terminals=("stderr",)
    )

    assert result.code == 0
    assert result.out == (
        b"a1b2c300-0000-4000-8000-000000000000: \x1b[31mred\x1b[0m\r\n"
        b"a1b2c300-0000-4000-8000-000000000000: \n"
        b"a1b2c300-0000-4000-8000-000000000000: 10%\r20%\n"
        b"a1b2c300-0000-4000-8000-000000000000: \xff\xc2\x85 \n"
    )


# ---- 5.9: several outputs on real terminals

#: CSI sequences (ESC [ ...), such as colours, are removed. All else that could control the terminal is escaped.
HOSTILE_OUTPUTS = [
    # Two CSI sequences, CR LF, a byte that is no UTF-8, and the sequence that sets the title of the window.
    target(inline(b"\x1b[31mred\x1b[0m\r\n\xff\x1b]0;t\x07"), NODES[0]),
    # A forged header, an empty line, and a CR, which becomes a line feed.
    target(inline(b"==> forged <==\n\n10%\r20%\n"), NODES[1], "failed"),
    # A Chinese character, and a CSI that is one byte (9B) and no UTF-8. This output ends in mid-line.
    target(inline(b"\xe6\xbc\xa2\x9b2J"), NODES[2]),
]
HOSTILE_OUTPUTS_IN_TEXT = (
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
)
HOSTILE_OUTPUTS_IN_RAW = "red\n\\xff\\x1b]0;t\\x07==> forged <==\n\n10%\n20%\n\u6f22\\x9b2J"
HOSTILE_OUTPUTS_IN_LINES = (
    "a1b2c300-0000-4000-8000-000000000000: red\n"
    "a1b2c300-0000-4000-8000-000000000000: \\xff\\x1b]0;t\\x07\n"
    "a1b2c301-0000-4000-8000-000000000001: ==> forged <==\n"
    "a1b2c301-0000-4000-8000-000000000001: \n"
    "a1b2c301-0000-4000-8000-000000000001: 10%\n"
    "a1b2c301-0000-4000-8000-000000000001: 20%\n"
    "a1b2c302-0000-4000-8000-000000000002: \u6f22\\x9b2J\n"
)
#: A width for each layout of the tables, which change at 88, 104 and 130 columns, and a very large one.
every_width = pytest.mark.parametrize("columns", [80, 88, 104, 130, 200])


@posix_only
@rule("5.9a", "5.9b", "5.3a")
@every_width
def test_terminal_of_every_width_gets_safe_outputs(plane, columns):
    wire = execution(HOSTILE_OUTPUTS)

    text = run_on_screen(plane, wire, *GET, "--color", "never", columns=columns)
    raw = run_on_screen(plane, wire, *GET_RAW, columns=columns)
    lines = run_on_screen(plane, wire, *GET, "-o", "lines", columns=columns)

    assert text.code == 0
    # The recap has columns.
    assert text.out.decode("utf-8").startswith(HOSTILE_OUTPUTS_IN_TEXT + "ID ")
    assert raw.code == 0
    assert raw.out.decode("utf-8") == HOSTILE_OUTPUTS_IN_RAW
    assert lines.code == 0
    assert lines.out.decode("utf-8") == HOSTILE_OUTPUTS_IN_LINES


@posix_only
@rule("5.10")
@every_width
def test_action_cannot_forge_a_line_on_a_terminal_of_any_width(plane, columns):
    result = run_on_screen(
        plane, execution(action="a\n==> b"), *GET, "--color", "never", columns=columns
    )

    assert result.code == 0
    lines = result.out.decode("utf-8").split("\n")
    assert lines[0].startswith("ID ")
    assert lines[-2].endswith("  a\\n==> b")  # on a line of its own below 104 columns, indented
    assert lines[-1] == ""
    assert len(lines) == (5 if columns < 104 else 3)


@posix_only
@rule("5.9a", "5.9b", "5.1b")
@pytest.mark.parametrize(
    "columns, format, out, err",
    [
        # Each format is tried on a terminal of another width.
        pytest.param(
            80,
            "text",
            HOSTILE_OUTPUTS_IN_TEXT
            + "==> a1b2c303-0000-4000-8000-000000000003 succeeded unreadable <==\n\nID ",
            "error: the output of target a1b2c303-0000-4000-8000-000000000003 is unreadable: ",
            id="text",
        ),
        pytest.param(
            104,
            "lines",
            HOSTILE_OUTPUTS_IN_LINES,
            "error: the output of target a1b2c303-0000-4000-8000-000000000003 is unreadable: ",
            id="lines",
        ),
        pytest.param(
            130,
            "raw",
            HOSTILE_OUTPUTS_IN_RAW,
            # The last output ends in mid-line.
            "\nerror: the output of target a1b2c303-0000-4000-8000-000000000003 is unreadable: ",
            id="raw",
        ),
        pytest.param(
            200,
            "table",
            "NODE_ID                               STATUS     UPDATED_AT            OUTPUT\n"
            "a1b2c300-0000-4000-8000-000000000000  succeeded  2026-05-02T10:00:09Z  21 bytes\n"
            "a1b2c301-0000-4000-8000-000000000001  failed     2026-05-02T10:00:09Z  24 bytes\n"
            "a1b2c302-0000-4000-8000-000000000002  succeeded  2026-05-02T10:00:09Z  6 bytes\n"
            "a1b2c303-0000-4000-8000-000000000003  succeeded  2026-05-02T10:00:09Z  unreadable\n"
            "\nID ",
            "error: the output of target a1b2c303-0000-4000-8000-000000000003 is unreadable: ",
            id="table",
        ),
    ],
)
def test_process_on_two_terminals_shows_safe_outputs(plane, columns, format, out, err):
    plane.script(Reply(execution(HOSTILE_OUTPUTS + [target({"kind": "tape"}, NODES[3])])))
    argv = GET + ("-o", format, "--color", "never")

    result = run_on_terminal(*argv, plane=plane, columns=columns)

    assert result.code == 1  # for the fourth output, which is unreadable
    assert result.out.decode("utf-8").startswith(out)
    assert result.err.startswith(err)


# ---- 5.9a, 5.10: which characters are escaped, and how


@rule("5.9a", "5.10")
@pytest.mark.parametrize(
    "character, escaped",
    [
        pytest.param("\0", "\\x00", id="NUL"),
        pytest.param("\t", "\\t", id="tab"),
        pytest.param("\n", "\\n", id="line feed"),
        pytest.param("\r", "\\r", id="CR"),
        pytest.param("\x1b", "\\x1b", id="ESC"),
        pytest.param(" ", " ", id="space"),
        pytest.param("~", "~", id="tilde"),
        pytest.param("\\", "\\", id="backslash"),
        pytest.param("\x7f", "\\x7f", id="DEL"),
        pytest.param("\x9b", "\\x9b", id="CSI as one character"),
        pytest.param("\xa0", "\\xa0", id="no-break space"),
        pytest.param("\xe9", "\xe9", id="a letter with an accent"),
        pytest.param("\u200b", "\\u200b", id="zero width space"),
        pytest.param("\u202e", "\\u202e", id="right-to-left override"),
        pytest.param("\u2028", "\\u2028", id="line separator"),
        pytest.param("\u6f22", "\u6f22", id="a Chinese character"),
        pytest.param("\ue000", "\\ue000", id="private use"),
        pytest.param("\ud800", "\\ud800", id="a lone surrogate"),
        pytest.param("\ufeff", "\\ufeff", id="byte order mark"),
        pytest.param("\U0001f600", "\U0001f600", id="an emoji"),
        pytest.param("\U000e0041", "\\U000e0041", id="a tag"),
    ],
)
def test_make_visible_escapes_what_is_not_printable(character, escaped):
    assert program.make_visible("<" + character + ">") == "<" + escaped + ">"


#: Characters of all planes that have unprintable ones, except surrogates, which no output can hold.
CHARACTERS = [chr(number) for number in range(0xD800)]
CHARACTERS += [chr(number) for number in range(0xE000, 0x10010)]
CHARACTERS += [chr(0x1F600)]
CHARACTERS += [chr(number) for number in range(0xE0000, 0xE0200)]


def escape_unless_printable(character):
    """Return how a character is shown. Which ones are printable depends on the Unicode tables of this Python."""
    if character.isprintable():
        return character
    if character in ("\t", "\n", "\r"):
        return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}[character]
    if ord(character) < 0x100:
        return "\\x%02x" % ord(character)
    if ord(character) < 0x10000:
        return "\\u%04x" % ord(character)
    return "\\U%08x" % ord(character)


@rule("5.10")
def test_make_visible_escapes_exactly_the_unprintable_characters():
    visible = program.make_visible("<".join(CHARACTERS))

    assert visible == "<".join([escape_unless_printable(character) for character in CHARACTERS])


@rule("5.9a")
def test_terminal_gets_all_printable_characters_and_escapes_for_others(plane):
    shown = {character: escape_unless_printable(character) for character in CHARACTERS}
    shown["\t"] = "\t"
    shown["\n"] = "\n"
    shown["\r"] = "\n"
    wire = execution([target(inline("<".join(CHARACTERS).encode("utf-8")))])

    result = run_against(plane, wire, *GET_RAW, terminals=BOTH)

    assert result.code == 0
    assert result.out.decode("utf-8") == "<".join([shown[character] for character in CHARACTERS])


# ---- 5.10: text of others on stdout

#: A text of the server that would be several lines and would control a terminal.
HOSTILE = (
    "x\n==> forged up 1 bytes <==\nerror: forged\nhint: forged\nnext_cursor: forged\r\n\r\x1b]0;t\x07"
    "\x1b[2J\b\x7f\t\x9b2J\x85\u202e\u2028\U000e0041\ud800"
)
#: How it is shown where spaces stay: in ACTION, in BUCKET/KEY, in cursors and in messages.
HOSTILE_VISIBLE = (
    "x\\n==> forged up 1 bytes <==\\nerror: forged\\nhint: forged\\nnext_cursor: forged\\r\\n\\r\\x1b]0;t\\x07"
    "\\x1b[2J\\x08\\x7f\\t\\x9b2J\\x85\\u202e\\u2028\\U000e0041\\ud800"
)
#: How it is shown in a column.
HOSTILE_FIELD = (
    "x\\n==>\\x20forged\\x20up\\x201\\x20bytes\\x20<==\\nerror:\\x20forged\\nhint:\\x20forged\\nnext_cursor:\\x20forged"
    "\\r\\n\\r\\x1b]0;t\\x07\\x1b[2J\\x08\\x7f\\t\\x9b2J\\x85\\u202e\\u2028\\U000e0041\\ud800"
)
#: The same without the lone surrogate, which makes a cursor malformed (4.3b), and how it is shown.
HOSTILE_CURSOR = HOSTILE[:-1]
HOSTILE_CURSOR_VISIBLE = HOSTILE_VISIBLE[: -len("\\ud800")]
#: An Execution with this text in every member that is shown.
HOSTILE_EXECUTION = execution(
    [target(archive(HOSTILE, HOSTILE, sha256=HOSTILE), HOSTILE, HOSTILE, updated_at=HOSTILE)],
    status=HOSTILE,
    type=HOSTILE,
    created_at=HOSTILE,
    updated_at=HOSTILE,
    action=HOSTILE,
)
#: The header of the table of Executions, and the rest of the row of HOSTILE_EXECUTION after its id.
EXECUTIONS_HEADER = (
    "ID                                    STATUS     TYPE     TARGETS  "
    "CREATED_AT            UPDATED_AT            ACTION\n"
)
HOSTILE_REST_OF_ROW = (
    ("  " + HOSTILE_FIELD)  # STATUS
    + ("  " + HOSTILE_FIELD)  # TYPE
    + "  0/1    "  # TARGETS
    + ("  " + HOSTILE_FIELD)  # CREATED_AT
    + ("  " + HOSTILE_FIELD)  # UPDATED_AT
    + ("  " + HOSTILE_VISIBLE + "\n")  # ACTION
)
with_and_without_colours = pytest.mark.parametrize("color", ["never", "always"])


def remove_colours(data):
    """Return what was printed without SGR sequences."""
    return re.sub("\x1b\\[[0-9]*m", "", data.decode("utf-8"))


@rule("5.10")
@with_and_without_colours
def test_hostile_text_cannot_break_the_table_of_list(plane, color):
    wire = page(dict(HOSTILE_EXECUTION, id=HOSTILE), next_cursor=HOSTILE_CURSOR)

    result = run_against(plane, wire, *LIST, "--color", color)

    assert result.code == 0
    assert remove_colours(result.out) == (
        EXECUTIONS_HEADER
        + HOSTILE_FIELD
        + HOSTILE_REST_OF_ROW
        + "next_cursor: "
        + HOSTILE_CURSOR_VISIBLE
        + "\n"
    )


@rule("5.10", "5.5")
@with_and_without_colours
def test_hostile_text_cannot_break_sections_and_the_recap(plane, color):
    result = run_against(plane, HOSTILE_EXECUTION, *GET, "--color", color)

    assert result.code == 0
    assert remove_colours(result.out) == (
        ("==> " + HOSTILE_FIELD + " " + HOSTILE_FIELD + " archived <==\n")
        + (
            "archived: "
            + HOSTILE_VISIBLE
            + "/"
            + HOSTILE_VISIBLE
            + " (sha256:"
            + HOSTILE_FIELD
            + ")\n"
        )
        + "\n"
        + EXECUTIONS_HEADER
        + ("4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f" + HOSTILE_REST_OF_ROW)
    )


@rule("5.10", "5.5")
@with_and_without_colours
def test_hostile_text_cannot_break_the_table_of_targets(plane, color):
    result = run_against(plane, HOSTILE_EXECUTION, *GET_TABLE, "--color", color)

    assert result.code == 0
    assert remove_colours(result.out) == (
        "NODE_ID                               STATUS     UPDATED_AT            OUTPUT\n"
        + (HOSTILE_FIELD + "  " + HOSTILE_FIELD + "  " + HOSTILE_FIELD)
        + (
            "  archived: "
            + HOSTILE_VISIBLE
            + "/"
            + HOSTILE_VISIBLE
            + " (sha256:"
            + HOSTILE_FIELD
            + ")\n"
        )
        + "\n"
        + EXECUTIONS_HEADER
        + ("4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f" + HOSTILE_REST_OF_ROW)
    )


# ---- 5.10: text of others on stderr


@rule("5.10")
@pytest.mark.parametrize(
    "answer, argv, shown, code",
    [
        pytest.param(
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
            # The second answer is an Execution.
            Reply({"title": HOSTILE, "detail": HOSTILE, "code": HOSTILE, "reason": HOSTILE}, 503),
            GET,
            "retry: HTTP 503 " + HOSTILE_VISIBLE,
            0,
            id="a failure that is retried",
        ),
        pytest.param(
            # Longer than the 4,000 characters of other lines.
            Reply(page(next_cursor=HOSTILE_CURSOR * 30)),
            LIST + ("-o", "jsonl"),
            "next_cursor: " + HOSTILE_CURSOR_VISIBLE * 30 + "\n",
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
            "Execution " + HOSTILE_VISIBLE + ": ",
            1,
            id="the id of a malformed Execution",
        ),
    ],
)
def test_server_text_is_one_line_in_every_message(plane, answer, argv, shown, code):
    plane.script(answer, Reply(execution()))

    result = run_cli(*argv, plane=plane)

    assert result.code == code
    assert shown in result.err
    lines = (result.out.decode("utf-8") + result.err).split("\n")
    assert [line for line in lines if not line.isprintable()] == []
    assert [line for line in lines if re.match("(==>|[a-z_]+:) forged", line)] == []


# ---- 9.4: colours

list_and_get = pytest.mark.parametrize(
    "argv, answer", [(LIST, page()), (GET, execution())], ids=["list", "get"]
)


@rule("9.4", "8.5")
@list_and_get
@pytest.mark.parametrize("flags", [(), ("--color", "auto")], ids=["default", "auto"])
@pytest.mark.parametrize(
    "terminals, env",
    [
        pytest.param(BOTH, {}, id="both streams are terminals"),
        pytest.param(("stdout",), {"NO_COLOR": ""}, id="only stdout is one, and NO_COLOR is empty"),
        pytest.param(BOTH, {"TERM": "xterm-256color"}, id="the terminal is not dumb"),
    ],
)
def test_auto_colours_a_terminal_except_on_windows(plane, argv, answer, flags, terminals, env):
    result = run_against(plane, answer, *argv, *flags, terminals=terminals, env=env)

    assert result.code == 0
    assert (b"\x1b[" in result.out) is not WINDOWS


@rule("9.4")
@list_and_get
@pytest.mark.parametrize(
    "terminals, env",
    [
        pytest.param(("stderr",), {}, id="stdout is a pipe"),
        pytest.param(BOTH, {"NO_COLOR": "0"}, id="NO_COLOR has any value"),
        pytest.param(BOTH, {"TERM": "dumb"}, id="the terminal is dumb"),
    ],
)
def test_auto_does_not_colour_a_pipe_or_a_dumb_terminal_or_with_no_color(
    plane, argv, answer, terminals, env
):
    result = run_against(plane, answer, *argv, terminals=terminals, env=env)

    assert result.code == 0
    assert result.out.startswith(b"ID  ")
    assert b"\x1b" not in result.out


@rule("9.4", "8.5")
@list_and_get
def test_color_always_colours_a_pipe_whatever_the_environment_says(plane, argv, answer):
    env = {"NO_COLOR": "1", "TERM": "dumb"}

    result = run_against(plane, answer, *argv, "--color", "always", env=env)

    assert result.code == 0
    assert b"\x1b[" in result.out


@rule("9.4")
@list_and_get
def test_color_never_leaves_even_a_terminal_without_colours(plane, argv, answer):
    result = run_against(plane, answer, *argv, "--color", "never", terminals=BOTH)

    assert result.code == 0
    assert result.out.startswith(b"ID  ")
    assert b"\x1b" not in result.out


@rule("9.4")
@pytest.mark.parametrize(
    "status, shown",
    [
        pytest.param("succeeded", "\x1b[32msucceeded\x1b[0m", id="succeeded is green"),
        pytest.param("failed", "\x1b[31mfailed\x1b[0m", id="failed is red"),
        pytest.param("timeout", "\x1b[31mtimeout\x1b[0m", id="timeout is red"),
        pytest.param("cancelled", "\x1b[33mcancelled\x1b[0m", id="cancelled is yellow"),
        pytest.param("started", "\x1b[36mstarted\x1b[0m", id="started is cyan"),
        pytest.param("ack", "\x1b[36mack\x1b[0m", id="ack is cyan"),
        # A status without a colour is bold, as the rest of the header.
        pytest.param("pending", "\x1b[1mpending\x1b[0m", id="pending has no colour"),
        pytest.param(
            "no_such_status", "\x1b[1mno_such_status\x1b[0m", id="an unknown one has none"
        ),
        pytest.param(None, "\x1b[1m-\x1b[0m", id="no status has none"),
    ],
)
def test_header_of_a_section_is_bold_around_the_coloured_status(plane, status, shown):
    wire = execution([target(inline(b"x"), status=status)], status=status)

    result = run_against(plane, wire, *GET, "--color", "always")

    assert result.out.decode("ascii").startswith(
        "\x1b[1m==> a1b2c300-0000-4000-8000-000000000000 \x1b[0m"
        + shown
        + "\x1b[1m 1 byte <==\x1b[0m\nx\n\n"
    )


@rule("9.4")
@pytest.mark.parametrize(
    "status, cell",
    [
        pytest.param("succeeded", "\x1b[32msucceeded\x1b[0m", id="succeeded is green"),
        pytest.param("failed", "\x1b[31mfailed   \x1b[0m", id="failed is red"),
        pytest.param("timeout", "\x1b[31mtimeout  \x1b[0m", id="timeout is red"),
        pytest.param("cancelled", "\x1b[33mcancelled\x1b[0m", id="cancelled is yellow"),
        pytest.param("started", "\x1b[36mstarted  \x1b[0m", id="started is cyan"),
        pytest.param("ack", "\x1b[36mack      \x1b[0m", id="ack is cyan"),
        pytest.param("pending", "pending  ", id="pending has no colour"),
        pytest.param("no_such_status", "no_such_status", id="an unknown one has none"),
        pytest.param(None, "-        ", id="no status has none"),
    ],
)
def test_tables_have_bold_headers_and_coloured_statuses(plane, status, cell):
    wire = execution([target(inline(b"x"), status=status)], status=status)

    result = run_against(plane, wire, *GET_TABLE, "--color", "always")

    targets_header, target_row, empty, header, row, end = result.out.decode("ascii").split("\n")
    assert targets_header.startswith("\x1b[1mNODE_ID ")
    assert targets_header.endswith(" OUTPUT\x1b[0m")
    assert target_row.startswith(
        "a1b2c300-0000-4000-8000-000000000000  " + cell + "  2026-05-02T10:00:09Z"
    )
    assert empty == ""
    assert header.startswith("\x1b[1mID ")
    assert header.endswith(" ACTION\x1b[0m")
    assert row.startswith("4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  " + cell + "  builtin")
    assert end == ""


@rule("9.4")
def test_table_of_list_has_a_bold_header_and_coloured_statuses(plane):
    wire = page(execution(), execution(status="failed"))

    result = run_against(plane, wire, *LIST, "--color", "always")

    header, first, second, end = result.out.decode("ascii").split("\n")
    assert header.startswith("\x1b[1mID ")
    assert header.endswith(" ACTION\x1b[0m")
    assert first.startswith(
        "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  \x1b[32msucceeded\x1b[0m  builtin"
    )
    assert second.startswith(
        "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  \x1b[31mfailed   \x1b[0m  builtin"
    )
    assert end == ""


@rule("9.4")
@pytest.mark.parametrize("color, header", [("never", "ID "), ("always", "\x1b[1mID ")])
def test_recap_of_text_has_a_bold_header_with_colours_only(plane, color, header):
    result = run_against(plane, execution(), *GET, "--color", color)

    assert result.out.decode("ascii").startswith(header)
