"""Sections 5.9, 5.10 and 9.4: on a terminal hostile text is shown, not done; pipes and files get the bytes; colour."""

import re

import pytest

from control_plane import STATUSES
from kit import (BOTH, BYTE_FORMATS, EXECUTION, GET, GET_RAW, LIST, NODES, WINDOWS, archive, error_lines, execution,
                 inline, page, rule, run_against, run_cli, target)
from server import Reply

# What an output holds, and what a terminal is shown.
CASES = {
    "nothing": (b"", ""), "ASCII": (b"\\x1b[2J ~ ! \"\n\ta\tb\n", "\\x1b[2J ~ ! \"\n\ta\tb\n"),
    "printable": ("e\u0301 \u6f22 \u0939\u093f \U0001f600".encode(), "e\u0301 \u6f22 \u0939\u093f \U0001f600"),
    "colours": (b"\x1b[mx\x1b[1;31mr\x1b[38:2::255:0:0me\x1b[;;31md\x1b[0m", "xred"), "sgr0": (b"\x1b(B\x1b[mx", "x"),
    "concealed": (b"\x1b[8mx\x1b[1;08my", "xy"), "cursor, erasing": (b"\x1b[2Jx\x1b[H\x1b[1A\x1b[2K", "x"),
    "modes": (b"\x1b[?1049h\x1b[=25l\x1b[>4;2m\x1b[ q\x1b[<1$/r\x1b[!p\x1b[200~\x1b[@\x1b[1`\x1b[^\x1b[3{", ""),
    "queries": (b"\x1b[6n\x1b[c\x1b[>c\x1b[21t\n", "\n"), "CR LF": (b"a\r\nb\r\n", "a\nb\n"),
    "progress": (b"10%\r\x1b[K\n20%\rdone\n", "10%\n20%\ndone\n"), "odd CR": (b"a\r\r\nb\n\rc\r", "a\n\nb\n\nc\n"),
    "title": (b"\x1b]0;t\x07", "\\x1b]0;t\\x07"), "link": (b"\x1b]8;;u\x1b\\", "\\x1b]8;;u\\x1b\\"),
    "two characters": (b"\x1bc\x1b7\x1bM\x1b(0\x1b)B\x1b#8", "\\x1bc\\x1b7\\x1bM\\x1b(0\\x1b)B\\x1b#8"),
    "C1": (b"\x9b2J\x9d0;t\x9c\x85" + "\x9b31mx\x85".encode(), "\\x9b2J\\x9d0;t\\x9c\\x85\\x9b31mx\\x85"),
    "no UTF-8": (b"\xff \xc3 \xe2\x82 \xc0\x9b \xed\xa0\xbd", "\\xff \\xc3 \\xe2\\x82 \\xc0\\x9b \\xed\\xa0\\xbd"),
    "broken CSI": (b"\x1b[1\nm\x1b[1 1m", "\\x1b[1\nm\\x1b[1 1m"), "cut CSI": (b"a\x1b[31", "a\\x1b[31"),
    "cut ESC": (b"a\x1b", "a\\x1b"), "other digits": ("\x1b[\u0661m".encode(), "\\x1b[\u0661m"),
    "CSI in others": (b"\x1b\x1b[31mx\x1b[\x1b[1m1mx\x1b]0;\x1b[31m\x07", "\\x1bx\\x1b[1mx\\x1b]0;\\x07"),
    # Lines that would read as the header of a section, and lines that would not.
    "header": (b"==> n up 1 bytes <==\n==>x\n==>", "\\x3d=> n up 1 bytes <==\n\\x3d=>x\n\\x3d=>"),
    "after breaks": (b"a\n==> b\r\n==> c\r==> d", "a\n\\x3d=> b\n\\x3d=> c\n\\x3d=> d"),
    "in colour": (b"\x1b[1m==> b\n=\x1b[31m=\x1b[m> c", "\\x3d=> b\n\\x3d=> c"),
    "blanks": (b" \t==> b\n= \t= > c", " \t\\x3d=> b\n\\x3d \t= > c"),
    "not ASCII": ("\ufe0f==> a\n=\u0301=\ufe0f> b\n\u00e9 \u3164==> c".encode(),
                  "\ufe0f\\x3d=> a\n\\x3d\u0301=\ufe0f> b\n\u00e9 \u3164\\x3d=> c")}
INNOCENT = [b"a ==> b", b"===> b", b"=>", b"==", b"==\n> b", b"-->", b"= = = >", b"<== ==>", b"x" * 70000 + b"==> b",
            "\u00e9 a ==> b".encode(), b"==\\>", b"\\==>", b"1\t==> b"]
CASES.update(("innocent %d" % number, (data, data.decode())) for number, data in enumerate(INNOCENT))

# A server's text that would be more than a line, and the one line that it is.
HOSTILE = ("x\n==> forged up 1 bytes <==\nerror: forged\nhint: forged\nnext_cursor: forged\r\n\r\x1b]0;t\x07"
           "\x1b[2J\b\x7f\t\x9b2J\x85\u202e\u2028\U000e0041\ud800")
VISIBLE = ("x\\n==> forged up 1 bytes <==\\nerror: forged\\nhint: forged\\nnext_cursor: forged\\r\\n\\r\\x1b]0;t\\x07"
           "\\x1b[2J\\x08\\x7f\\t\\x9b2J\\x85\\u202e\\u2028\\U000e0041\\ud800")
FRAMED = VISIBLE.replace(" ", "\\x20")
PLACE = VISIBLE + "/" + VISIBLE     # of an archived output: spaces stay
HOSTILE_HEADER, SHOWN_HEADER = "x\x1b]0;t\x07\x1b[2J\b\x7f\x9b2J end", "x\\x1b]0;t\\x07\\x1b[2J\\x08\\x7f\\x9b2J end"


def make_nodes(outputs):
    return ["%08x-0000-4000-8000-000000000000" % number for number, _ in enumerate(outputs)]


def make_execution(outputs):
    return execution([target(inline(data), node) for data, node in zip(outputs, make_nodes(outputs))])


def show_raw(plane, data):
    """What a terminal is shown of an output."""
    return run_against(plane, make_execution([data]), *GET_RAW, terminals=BOTH).out.decode("utf-8")


def find_honest_lines(text):
    """The lines of what was printed, each of which a terminal shows as it is, and none of which is forged."""
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    for line in lines:
        assert line.isprintable() and not re.match("(==>|[a-z_]+:) forged", line), line
    return lines


def strip_colours(data):
    return re.sub(b"\x1b\\[[0-9;]*m", b"", data)


# ---- 5.9: outputs on a terminal, in pipes, in files

def frame(format, outputs, bodies):
    """What a format prints of outputs that are shown as these bodies, before the recap."""
    text = ""
    for node, data, body in zip(make_nodes(outputs), outputs, bodies):
        whole = body + "\n" * (body[-1:] not in ("", "\n"))
        text += {"raw": body, "text": "==> %s succeeded %d bytes <==\n%s\n" % (node, len(data), whole),
                 "lines": "".join("%s: %s\n" % (node, line) for line in whole.split("\n")[:-1])}[format]
    return text


@rule("5.9", "5.9a", "5.9b", "5.3c", "9.4b")
@pytest.mark.parametrize("format", ("text",) + BYTE_FORMATS)
@pytest.mark.parametrize("env", [{}, {"TERM": "xterm"}, {"TERM": "dumb", "NO_COLOR": "1"}], ids=str)
@pytest.mark.parametrize("terminals", [(), ("stderr",), ("stdout",), BOTH], ids=" ".join)
def test_terminal_gets_escaped_outputs_and_pipes_get_their_bytes(plane, format, env, terminals):
    outputs, on_screen = [data for data, _ in CASES.values()], "stdout" in terminals
    bodies = [shown if on_screen else data.decode("latin-1") for data, shown in CASES.values()]
    for color in ("auto", "never") + ("always",) * (on_screen or format != "text"):
        flags = "--output", format, "--color", color
        out = run_against(plane, make_execution(outputs), *GET + flags, terminals=terminals, env=env).out
        if format == "text":
            out = strip_colours(out) if on_screen else out
            out = out[:out.rindex(b"ID   ")]
        assert out.decode("utf-8" if on_screen else "latin-1") == frame(format, outputs, bodies)


@rule("5.9b", "5.9c")
def test_exactly_the_unprintable_characters_are_escaped(plane):
    plain = {"\t", "\n"} | set(map(chr, range(0x20, 0x7f)))
    expected = [chr(code) if chr(code) in plain else "\\x%02x" % code for code in range(256)]
    expected[ord("\r")] = "\n"
    assert show_raw(plane, b"".join(b"<%c>" % code for code in range(256))) == "<" + "><".join(expected) + ">"
    characters = [chr(code) for code in list(range(0x80, 0xD800)) + list(range(0xE000, 0x10010)) + list(
        range(0x1F600, 0x1F610)) + list(range(0xE0000, 0xE0200))]
    shown = show_raw(plane, "".join("<%s>" % character for character in characters).encode("utf-8"))
    assert shown == "".join("<%s>" % (character if character.isprintable() else character.encode(
        "unicode_escape").decode("ascii")) for character in characters)


INVISIBLE = ["", " ", "\t", "\x1b[1m", "\ufe0f", "\u034f", "\u1160", "\u3164", "\u0301", "\u3000", "\xa0", "\u200b",
             "\U000e0001", "\u00e9", "\x00", "\x08", "\x1b[2J", "\r", "\x1b[8m", "\x1b]0;t\x07"]
LINE_BEGINNINGS = ["", "\n", "a\n", "a\r\n", "\n\n", "\r", "a\r", "\n\r", "a\x0b", "a\x0c", "a\x85", "a\u2028", " \n"]


@rule("5.9d")
def test_nothing_hides_a_forged_header(plane):
    codes = list(range(1, 0x3200)) + list(range(0xFE00, 0x10000)) + list(range(0xE0000, 0xE0200))
    characters = [chr(code) for code in codes if not "!" <= chr(code) <= "~"]
    lines = [pattern % character for character in characters
             for pattern in ("%s==> n", "=%s=> n", "==%s> n", " %s ==> n")]
    lines += [beginning + line for beginning in LINE_BEGINNINGS for text in INVISIBLE for line in (
        text + "==> n", "=" + text + "=> n", "==" + text + "> n", " " + text + " = " + text * 3 + "=\t> n")]
    for text in (" " * 80000, "\x1b[31m" * 10000, "\ufe0f" * 30000, " \x1b[m\u034f" * 10000):
        lines += [text + "==> n", "=" + text + "=> n", "==" + text + "> n", text + "=" + text + "= >"]
    shown = show_raw(plane, "".join(line + "\n" for line in lines).encode("utf-8"))
    # To an eye that overlooks blanks and what is not ASCII.
    assert [line for line in shown.split("\n") if re.sub("[^!-~]", "", line).startswith("==>")] == []
    assert shown.count("\\x3d") > 40000


# ---- 5.10: text of others on stdout

HOSTILE_CELLS = [FRAMED] * 2 + ["0/1"] + [FRAMED] * 2 + [VISIBLE]


@rule("5.10", "5.10a", "5.10b")
@pytest.mark.parametrize("color, terminals", [("never", ()), ("always", ()), ("auto", BOTH)],
                         ids=["plain", "coloured", "terminal"])
def test_hostile_text_cannot_break_the_table_layout(plane, color, terminals):
    odd = target(archive(HOSTILE, HOSTILE, sha256=HOSTILE), HOSTILE, HOSTILE, updated_at=HOSTILE)
    wire = execution([odd], **dict.fromkeys(("status", "type", "action", "created_at", "updated_at"), HOSTILE))
    place = "archived: %s (sha256:%s)" % (PLACE, FRAMED)
    shown = []
    for answer, argv in ((wire, GET), (wire, GET + ("-o", "table")),
                         (page(dict(wire, id=HOSTILE), next_cursor=HOSTILE), LIST)):
        result = run_against(plane, answer, *argv + ("--color", color), terminals=terminals)
        shown.append(find_honest_lines(strip_colours(result.out).decode("utf-8")))
        assert result.code == 0
    header, archived, empty, _, recap = shown[0]
    assert (header, archived, empty) == ("==> %s %s archived <==" % (FRAMED, FRAMED), place, "")
    assert shown[1][1].split("  ") == [FRAMED] * 3 + [place] and shown[1][2] == "" and shown[1][4] == recap
    assert re.split("  +", recap) == [EXECUTION] + HOSTILE_CELLS
    assert re.split("  +", shown[2][1]) == [FRAMED] + HOSTILE_CELLS
    assert shown[2][2:] == ["next_cursor: " + VISIBLE]


# ---- 5.10: text of others on stderr

def speak(status_line):
    """A whole response with nothing in it, sent as it is."""
    return ("HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status_line).encode("latin-1")


PROBLEM = dict.fromkeys(("title", "detail", "code", "reason", "correlation_id"), HOSTILE)
ARCHIVED = Reply(execution([target(archive(HOSTILE, HOSTILE, sha256=HOSTILE), HOSTILE)]))
HOSTILE_PLACES = {
    "Problem": ([Reply(dict(PROBLEM, relation_path=["a", HOSTILE]), 403)], GET, [VISIBLE, "a > " + VISIBLE], 4),
    "redirect target": ([Reply("", 302, [("Location", "https://else.test/" + HOSTILE_HEADER + "?code=hidden")])], GET,
                        ["https://else.test/" + SHOWN_HEADER], 1),
    "status phrase": ([speak("404 x\rerror: forged\x85.")], GET, ["HTTP 404 x\\rerror: forged\\x85."], 1),
    "status line": ([speak(HOSTILE_HEADER)], GET, [], 1), "body": ([Reply("\x1b[2J")], GET, [], 1),
    "traced header": ([Reply(execution(), 200, [("X-Any", HOSTILE_HEADER)])], GET + ("-v",),
                      ["X-Any: " + SHOWN_HEADER], 0),
    "retry": ([Reply(PROBLEM, 503, [("Retry-After", "0")])] * 3, GET, ["retry: HTTP 503 " + VISIBLE], 1),
    "repeated cursor": ([Reply(page(next_cursor=HOSTILE[:-1]))] * 4, LIST + ("--all",), [VISIBLE[:-6]], 1),
    "cursor of jsonl": ([Reply(page(next_cursor=HOSTILE))], LIST + ("-o", "jsonl"), ["next_cursor: " + VISIBLE], 0),
    "awaited status": ([Reply(execution(status=HOSTILE)), Reply(execution())], GET + ("--wait",), [FRAMED], 0),
    "kind": ([Reply(execution([target({"kind": HOSTILE}, HOSTILE)]))], GET, [FRAMED, VISIBLE], 1),
    "raw reference": ([ARCHIVED], GET_RAW, ["target %s is archived" % FRAMED, PLACE], 1),
    "wrong type": ([Reply(execution([target(node=HOSTILE, status=5)]))], GET, [FRAMED], 1),
    "wrong time": ([Reply(execution([target(node=HOSTILE, updated_at=5)]))], GET + ("-o", "table"), [FRAMED], 1),
    "another id": ([Reply(execution(id=HOSTILE))], GET, [VISIBLE], 1),
    "created_at": ([Reply(page(execution(id=HOSTILE, created_at=HOSTILE)))], LIST + ("--last", "1"), [VISIBLE], 1)}


@rule("5.10", "3.4a")
@pytest.mark.parametrize("answers, argv, shown, code", list(HOSTILE_PLACES.values()), ids=list(HOSTILE_PLACES))
def test_server_text_is_one_line_in_every_message(plane, answers, argv, shown, code):
    plane.script(*answers + [Reply(execution())])
    result = run_cli(*argv, plane=plane)
    lines = find_honest_lines(result.out.decode("utf-8") + result.err)
    assert result.code == code
    assert [text for text in shown if not any(text in line for line in lines)] == []
    assert "hidden" not in result.err


ODD_NAME = "odd\x1b[2J\n\u202ename"


@rule("5.10")
@pytest.mark.parametrize("flags", [
    ("--profile", ODD_NAME), ("--" + ODD_NAME,), (ODD_NAME,), ("--limit", ODD_NAME), ("--server", ODD_NAME),
    ("--token-file", "./" + ODD_NAME), ("get", "--id", EXECUTION, "--output-dir", ODD_NAME + "/d")],
    ids=["profile", "flag", "word", "value", "server", "file", "folder"])
def test_arguments_and_paths_are_one_line(plane, flags):
    result = run_cli(*LIST[2 * ("get" in flags):] + flags, plane=plane)
    assert result.code in (1, 2, 3)
    assert error_lines(result)
    assert find_honest_lines(result.err)


# ---- 9.4: colour

def paint(code, text):
    return "\x1b[%sm%s\x1b[0m" % (code, text) if code else text


ANSI = {"succeeded": "32", "failed": "31", "timeout": "31", "cancelled": "33", "started": "36", "ack": "36"}
WHEN = [("auto", BOTH, {}, True), ("auto", ("stdout",), {"NO_COLOR": ""}, True), ("auto", ("stderr",), {}, False),
        ("auto", BOTH, {"NO_COLOR": "0"}, False), ("auto", BOTH, {"TERM": "dumb"}, False),
        ("auto", BOTH, {"TERM": "xterm"}, True), ("always", (), {"NO_COLOR": "1", "TERM": "dumb"}, True),
        ("never", BOTH, {}, False)]


@rule("9.4", "9.4a", "8.5d")
@pytest.mark.parametrize("color, terminals, env, coloured", WHEN, ids=str)
def test_colour_depends_on_flag_terminal_and_environment(plane, color, terminals, env, coloured):
    for wire, argv in ((execution(), GET), (page(), LIST), (execution(), GET + ("-o", "table"))):
        flags = () if color == "auto" else ("--color", color)
        result = run_against(plane, wire, *argv + flags, terminals=terminals, env=env)
        assert result.code == 0
        assert (b"\x1b[" in result.out) == (coloured and not (WINDOWS and color == "auto"))


@rule("9.4")
@pytest.mark.parametrize("status", STATUSES + ("no_such_status", None))
def test_headers_are_bold_and_each_status_has_its_colour(plane, status):
    wire = execution([target(inline(b"\x1b[2Jy\n"), status=status)], status=status)
    shown, cell = paint(ANSI.get(status, 1), status or "-"), paint(ANSI.get(status), "%-9s" % (status or "-"))
    for format in ("text", "table"):
        plain, out = [run_against(plane, wire, *GET + ("-o", format, "--color", color)).out.decode().split("\n")
                      for color in ("never", "always")]
        expected = [paint(1, line) if line.startswith(("ID ", "NODE_ID ")) else line.replace(
            "  %-9s" % (status or "-"), "  " + cell) for line in plain]
        if format == "text":
            expected[0] = paint(1, "==> %s " % NODES[0]) + shown + paint(1, " 6 bytes <==")
        assert out == expected
