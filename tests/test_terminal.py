"""Rules 5.9, 5.10 and 9.4: on a terminal hostile text is shown, not done; pipes and files get the bytes; colours."""

import re

import pytest

import plexctl_exec_log as program
from control_plane import STATUSES
from kit import (
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
    run_on_terminal,
    target,
)
from server import Reply
from test_text import show_on_screen

#: What an output holds, and what a terminal is shown.
SHOWN_OUTPUTS = {
    "nothing": (b"", ""),
    "ASCII": (b'\\x1b[2J ~ ! "\n\ta\tb\n', '\\x1b[2J ~ ! "\n\ta\tb\n'),
    "printable": ("e\u0301 \u6f22 \u0939\u093f \U0001f600".encode(), "e\u0301 \u6f22 \u0939\u093f \U0001f600"),
    "colours": (b"\x1b[mx\x1b[1;31mr\x1b[38:2::255:0:0me\x1b[;;31md\x1b[0m", "xred"),
    "sgr0": (b"\x1b(B\x1b[mx", "x"),
    "concealed": (b"\x1b[8mx\x1b[1;08my", "xy"),
    "cursor, erasing": (b"\x1b[2Jx\x1b[H\x1b[1A\x1b[2K", "x"),
    "modes": (b"\x1b[?1049h\x1b[=25l\x1b[>4;2m\x1b[ q\x1b[<1$/r\x1b[!p\x1b[200~\x1b[@\x1b[1`\x1b[^\x1b[3{", ""),
    "queries": (b"\x1b[6n\x1b[c\x1b[>c\x1b[21t\n", "\n"),
    "CR LF": (b"a\r\nb\r\n", "a\nb\n"),
    "progress": (b"10%\r\x1b[K\n20%\rdone\n", "10%\n20%\ndone\n"),
    "odd CR": (b"a\r\r\nb\n\rc\r", "a\n\nb\n\nc\n"),
    "title": (b"\x1b]0;t\x07", "\\x1b]0;t\\x07"),
    "link": (b"\x1b]8;;u\x1b\\", "\\x1b]8;;u\\x1b\\"),
    "two characters": (b"\x1bc\x1b7\x1bM\x1b(0\x1b)B\x1b#8", "\\x1bc\\x1b7\\x1bM\\x1b(0\\x1b)B\\x1b#8"),
    "C1": (b"\x9b2J\x9d0;t\x9c\x85" + "\x9b31mx\x85".encode(), "\\x9b2J\\x9d0;t\\x9c\\x85\\x9b31mx\\x85"),
    "no UTF-8": (b"\xff \xc3 \xe2\x82 \xc0\x9b \xed\xa0\xbd", "\\xff \\xc3 \\xe2\\x82 \\xc0\\x9b \\xed\\xa0\\xbd"),
    "broken CSI": (b"\x1b[1\nm\x1b[1 1m", "\\x1b[1\nm\\x1b[1 1m"),
    "cut CSI": (b"a\x1b[31", "a\\x1b[31"),
    "cut ESC": (b"a\x1b", "a\\x1b"),
    "other digits": ("\x1b[\u0661m".encode(), "\\x1b[\u0661m"),
    "CSI in others": (b"\x1b\x1b[31mx\x1b[\x1b[1m1mx\x1b]0;\x1b[31m\x07", "\\x1bx\\x1b[1mx\\x1b]0;\\x07"),
    "forged lines": (
        b"\x1b[2J\x1b[H==> n failed 1 byte <==\nerror: x\r\nhint: x\rID  S\n\n\x1b[1mretry: x\n==> b\n",
        "==> n failed 1 byte <==\nerror: x\nhint: x\nID  S\n\nretry: x\n==> b\n",
    ),
    "no breaks": ("a\x0bb\x0cc\x1cd\u2028error: e\u0085".encode(), "a\\x0bb\\x0cc\\x1cd\\u2028error: e\\x85"),
    "blanks": (b" \n\t\n \ta", " \n\t\n \ta"),
}

# A server's text that would be more than a line, and the one line that it is.
HOSTILE = (
    "x\n==> forged up 1 bytes <==\nerror: forged\nhint: forged\nnext_cursor: forged\r\n\r\x1b]0;t\x07"
    "\x1b[2J\b\x7f\t\x9b2J\x85\u202e\u2028\U000e0041\ud800"
)
VISIBLE = (
    "x\\n==> forged up 1 bytes <==\\nerror: forged\\nhint: forged\\nnext_cursor: forged\\r\\n\\r\\x1b]0;t\\x07"
    "\\x1b[2J\\x08\\x7f\\t\\x9b2J\\x85\\u202e\\u2028\\U000e0041\\ud800"
)
# A cursor may not contain a lone surrogate.
HOSTILE_CURSOR, VISIBLE_CURSOR = HOSTILE.replace("\ud800", ""), VISIBLE.replace("\\ud800", "")
FRAMED = VISIBLE.replace(" ", "\\x20")
PLACE = VISIBLE + "/" + VISIBLE  # of an archived output: spaces stay
HOSTILE_HEADER, SHOWN_HEADER = "x\x1b]0;t\x07\x1b[2J\b\x7f\x9b2J end", "x\\x1b]0;t\\x07\\x1b[2J\\x08\\x7f\\x9b2J end"


def find_honest_lines(text):
    """The lines of what was printed, each of which a terminal shows as it is, and none of which is forged."""
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    for line in lines:
        assert line.isprintable() and not re.match("(==>|[a-z_]+:) forged", line), line
    return lines


# ---- 5.9: outputs on a terminal, in pipes, in files

OUTPUT_NODES = ["%08x-0000-4000-8000-000000000000" % number for number in range(len(SHOWN_OUTPUTS))]
EVERYTHING = execution(
    [target(inline(data), node) for node, (data, _) in zip(OUTPUT_NODES, SHOWN_OUTPUTS.values())], action="a\n==> b"
)


def frame(format, on_screen):
    """What a format prints of EVERYTHING, before the recap."""
    text, indent = "", "  " if on_screen else ""
    for node, (data, shown) in zip(OUTPUT_NODES, SHOWN_OUTPUTS.values()):
        body = shown if on_screen else data.decode("latin-1")
        lines = (body + "\n" * (body[-1:] not in ("", "\n"))).split("\n")[:-1]
        indented = "".join(indent * bool(line) + line + "\n" for line in lines)
        text += {
            "raw": body,
            "lines": "".join("%s: %s\n" % (node, line) for line in lines),
            "text": "==> %s succeeded %d bytes <==\n%s\n" % (node, len(data), indented),
        }[format]
    return text


def check_frame(out, format, on_screen):
    framed = frame(format, on_screen)
    assert out[: len(framed)] == framed
    recap = r"ID .*\n%s .* a\\n==> b\n\Z" % EXECUTION if format == "text" else r"\Z"
    assert re.match(recap, out[len(framed) :])


@rule("5.9", "5.3a", "5.7", "5.7a", "9.4")
def test_pipe_gets_the_bytes_even_beside_a_terminal(plane):
    for format, color in (("text", "auto"), ("raw", "always"), ("lines", "always")):
        argv = GET + ("--output", format, "--color", color)
        out = run_against(plane, EVERYTHING, *argv, terminals=("stderr",)).out
        check_frame(out.decode("latin-1"), format, False)


@posix_only
@rule("5.9a", "5.9b", "5.10", "5.3a")
@pytest.mark.parametrize("columns", [80, 104, 130, 200])
def test_terminal_of_every_width_gets_escaped_and_indented_outputs(plane, columns):
    for format in ("text", "raw", "lines"):
        check_frame(show_on_screen(plane, EVERYTHING, *GET + ("-o", format), columns=columns), format, True)
    lines = find_honest_lines(show_on_screen(plane, EVERYTHING, *GET_TABLE, columns=columns))
    assert [line[:36] for line in lines[1:-3]] == OUTPUT_NODES


@posix_only
@rule("5.9a", "5.9b", "5.1b")
@pytest.mark.parametrize("columns, format", [(80, "text"), (104, "lines"), (130, "raw"), (200, "table")])
def test_process_on_two_terminals_shows_the_same(plane, columns, format):
    wire, argv = execution(EVERYTHING["targets"] + [target({"kind": "tape"})]), GET + ("-o", format, "--color", "never")
    shown = show_on_screen(plane, wire, *argv, columns=columns)
    plane.script(Reply(wire))
    code, out, err = run_on_terminal(*argv, plane=plane, columns=columns)
    assert (code, out.decode("utf-8")) == (1, shown)
    assert err.startswith("\nerror: " if format == "raw" else "error: ")  # the last output ends in mid-line


@rule("5.9a", "5.10")
def test_exactly_the_unprintable_characters_are_escaped(plane):
    plain = [chr(number) for number in [*range(0xD800), *range(0xE000, 0x10010), 0x1F600, *range(0xE0000, 0xE0200)]]
    shown = [sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in plain]
    assert program.make_visible("<".join(plain) + "\ud800") == "<".join(shown) + "\\ud800"
    shown[9:14] = "\t", "\n", "\\x0b", "\\x0c", "\n"
    wire = execution([target(inline("<".join(plain).encode("utf-8")))])
    assert run_against(plane, wire, *GET_RAW, terminals=BOTH).out.decode("utf-8") == "<".join(shown)


# ---- 5.10: text of others on stdout


@rule("5.10", "5.5")
def test_hostile_text_cannot_break_the_table_layout(plane):
    members = dict.fromkeys(("status", "type", "created_at", "updated_at", "action"), HOSTILE)
    output = archive(HOSTILE, HOSTILE, sha256=HOSTILE)
    wire = execution([target(output, HOSTILE, HOSTILE, updated_at=HOSTILE)], **members)
    place = "archived: %s (sha256:%s)" % (PLACE, FRAMED)
    row = "  ".join(["", FRAMED, FRAMED, "0/1    ", FRAMED, FRAMED, VISIBLE])
    for answer, argv, shown in (
        (wire, GET, ["==> %s %s archived <==" % (FRAMED, FRAMED), place, "", None, EXECUTION + row]),
        (wire, GET_TABLE, [None, "  ".join([FRAMED] * 3 + [place]), "", None, EXECUTION + row]),
        (
            page(dict(wire, id=HOSTILE), next_cursor=HOSTILE_CURSOR),
            LIST,
            [None, FRAMED + row, "next_cursor: " + VISIBLE_CURSOR],
        ),
    ):
        out = re.sub(b"\x1b\\[[0-9]*m", b"", run_against(plane, answer, *argv + ("--color", "always")).out)
        lines = find_honest_lines(out.decode("utf-8"))
        assert [line if expected else expected for line, expected in zip(lines, shown)] == shown


# ---- 5.10: text of others on stderr

HOSTILE_PROBLEM = dict.fromkeys(("title", "detail", "code", "reason", "correlation_id"), HOSTILE)
#: The answer, more flags, what stderr contains, and the exit code. A second request gets an Execution.
HOSTILE_PLACES = {
    "Problem": (Reply(dict(HOSTILE_PROBLEM, relation_path=["a", HOSTILE]), 403), GET, "a > " + VISIBLE, 4),
    "status phrase": (b"HTTP/1.1 404 x\rerror: forged\x85.\r\n\r\n", GET, "HTTP 404 x\\rerror: forged\\x85.", 1),
    "traced": (Reply({"id": EXECUTION}, 200, [("X-Any", HOSTILE_HEADER)]), GET + ("-v",), "Any: " + SHOWN_HEADER, 0),
    "retry": (Reply(HOSTILE_PROBLEM, 503), GET, "retry: HTTP 503 " + VISIBLE, 0),
    "cursor": (
        Reply(page(next_cursor=HOSTILE_CURSOR * 30)),
        LIST + ("-o", "jsonl"),
        "next_cursor: " + VISIBLE_CURSOR * 30,
        0,
    ),
    "status": (Reply(execution(status=HOSTILE)), GET + ("--wait",), "status: %s 0/0\n" % FRAMED, 0),
    "kind": (Reply(execution([target({"kind": HOSTILE}, HOSTILE)])), GET, "target %s is unreadable" % FRAMED, 1),
    "archived": (
        Reply(execution([target(archive(HOSTILE, HOSTILE, sha256=HOSTILE), HOSTILE)])),
        GET_RAW,
        "target %s is archived: %s (sha256:%s)\n" % (FRAMED, PLACE, FRAMED),
        1,
    ),
    "wrong action": (Reply(page(execution(id=HOSTILE, action=5))), LIST, "Execution %s: " % VISIBLE, 1),
}


@rule("5.10")
@pytest.mark.parametrize("answer, argv, shown, code", list(HOSTILE_PLACES.values()), ids=list(HOSTILE_PLACES))
def test_server_text_is_one_line_in_every_message(plane, answer, argv, shown, code):
    plane.script(answer, Reply(execution()))
    result = run_cli(*argv, plane=plane)
    assert find_honest_lines(result.out.decode("utf-8") + result.err)
    assert result.code == code and shown in result.err


# ---- 9.4: colours

WHEN = [
    ("auto", BOTH, {}, True),
    ("auto", ("stdout",), {"NO_COLOR": ""}, True),
    ("auto", ("stderr",), {}, False),
    ("auto", BOTH, {"NO_COLOR": "0"}, False),
    ("auto", BOTH, {"TERM": "dumb"}, False),
    ("always", (), {"NO_COLOR": "1", "TERM": "dumb"}, True),
    ("never", BOTH, {}, False),
]


@rule("9.4", "8.5a")
@pytest.mark.parametrize("color, terminals, env, coloured", WHEN, ids=str)
def test_colour_depends_on_flag_terminal_and_environment(plane, color, terminals, env, coloured):
    flags = () if color == "auto" else ("--color", color)
    for wire, argv in ((execution(), GET), (page(), LIST)):
        out = run_against(plane, wire, *argv + flags, terminals=terminals, env=env).out
        assert (b"\x1b[" in out) == (coloured and not (WINDOWS and color == "auto"))


def paint(code, text):
    return "\x1b[%dm%s\x1b[0m" % (code, text) if code else text


#: The colour of each status. Others have none, and are bold in a section's header.
ANSI = {"succeeded": 32, "failed": 31, "timeout": 31, "cancelled": 33, "started": 36, "ack": 36}


@rule("9.4")
@pytest.mark.parametrize("status", STATUSES + ("no_such_status", None))
def test_headers_are_bold_and_each_status_has_its_colour(plane, status):
    wire, code, shown = execution([target(inline(b"x"), status=status)], status=status), ANSI.get(status), status or "-"
    text, table = [
        run_against(plane, wire, *GET + ("-o", format, "--color", "always")).out.decode()
        for format in ("text", "table")
    ]
    assert text.startswith(
        "%s%s%s\nx\n\n\x1b[1mID " % (paint(1, "==> %s " % NODES[0]), paint(code or 1, shown), paint(1, " 1 byte <=="))
    )
    assert table.startswith("\x1b[1mNODE_ID ") and "  OUTPUT\x1b[0m\n" in table and "\n\n\x1b[1mID " in table
    assert table.count("  %s  " % paint(code, "%-9s" % shown)) == 2 and table.count("ACTION\x1b[0m\n") == 1
