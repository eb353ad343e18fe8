"""Sections 5.9, 5.10 and 9.4: on a terminal hostile text is shown, not done; pipes and files get the bytes; colour."""

import json
import re

import pytest

from control_plane import STATUSES
from kit import (EXECUTION, GET, LIST, NODES, archive, as_given, error_lines, execution, inline, page, posix_only,
                 read_folder, rule, run_against, run_cli, run_on_terminal, save_to_folder, target)
from server import Reply

BOTH = ("stdout", "stderr")
RAW = GET + ("--output", "raw")
RESET = b"\x1b[0m"
WIDE = {"COLUMNS": "200"}       # a terminal that shows all columns

# What a terminal may be given as it is.
PASSING = {
    "nothing": b"", "ASCII": b"plain text, 7-bit: ~ ! \\ \"\n", "tabs": b"a\tb\nc", "CR LF": b"a\r\nb\r\n",
    "UTF-8": "\u00e9 \u6f22 \U0001f600 \u2500\n".encode(), "escapes as text": b"\\x1b[2J is only text\n",
    "combining": "e\u0301 \u0939\u093f\n".encode(), "SGR without parameters": b"\x1b[mx", "bold red": b"\x1b[1;31mred",
    "24 bit": b"\x1b[38;2;255;0;0mred", "colons": b"\x1b[38:2::255:0:0mred", "empty parameters": b"\x1b[;;31mx",
    "numbers with an 8": b"\x1b[18m\x1b[28m\x1b[80m\x1b[88;5;81mx", "reverse, blink": b"\x1b[7m\x1b[5mx"}

# (bytes, what a terminal is shown instead)
SHOWN = {
    "title": (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
    "clipboard": (b"\x1b]52;c;cm0gLXJm\x1b\\", "\\x1b]52;c;cm0gLXJm\\x1b\\"),
    "colour query": (b"\x1b]11;?\x07", "\\x1b]11;?\\x07"),
    "hyperlink": (b"\x1b]8;;http://evil\x1b\\here\x1b]8;;\x1b\\", "\\x1b]8;;http://evil\\x1b\\here\\x1b]8;;\\x1b\\"),
    "device control": (b"\x1bP$q\"p\x1b\\", "\\x1bP$q\"p\\x1b\\"),
    "other strings": (b"\x1b_a\x1b\\\x1b^b\x1b\\\x1bXc\x1b\\", "\\x1b_a\\x1b\\\\x1b^b\\x1b\\\\x1bXc\\x1b\\"),
    "cursor and erasing": (b"\x1b[2J\x1b[H\x1b[1A\x1b[2K", "\\x1b[2J\\x1b[H\\x1b[1A\\x1b[2K"),
    "screens and modes": (b"\x1b[?1049h\x1b[?25l\x1b[?2004h", "\\x1b[?1049h\\x1b[?25l\\x1b[?2004h"),
    "queries": (b"\x1b[6n\x1b[c\x1b[>c\x1b[21t", "\\x1b[6n\\x1b[c\\x1b[>c\\x1b[21t"),
    "two characters": (b"\x1bc\x1b7\x1b8\x1bM\x1b(0\x1b#8", "\\x1bc\\x1b7\\x1b8\\x1bM\\x1b(0\\x1b#8"),
    "raw C1": (b"\x9b2J\x9d0;t\x9c\x90q\x85\x84\x80\x9f", "\\x9b2J\\x9d0;t\\x9c\\x90q\\x85\\x84\\x80\\x9f"),
    "raw C1 colour": (b"\x9b31mred", "\\x9b31mred"), "C1 colour in UTF-8": ("\x9b31mred".encode(), "\\x9b31mred"),
    "C1 in UTF-8": ("\x9b2J\x9d0;t\x9c\x85".encode(), "\\x9b2J\\x9d0;t\\x9c\\x85"),
    "CR within": (b"a\rb", "a\\x0db"), "CR at the end": (b"a\r", "a\\x0d"), "CR CR LF": (b"a\r\r\nb", "a\\x0d\r\nb"),
    "LF CR": (b"a\n\rb", "a\n\\x0db"), "backspaces": (b"a\b\b\x7f", "a\\x08\\x08\\x7f"),
    "C0": (b"\0\x07\x0b\x0c\x0e\x0f\x18\x1a", "\\x00\\x07\\x0b\\x0c\\x0e\\x0f\\x18\\x1a"),
    "bidi": ("\u202e\u2066\u2069\u200f\u061c".encode(), "\\u202e\\u2066\\u2069\\u200f\\u061c"),
    "tags and private use": ("\U000e0041\U000e0001\U0010ffff\ue000".encode(),
                             "\\U000e0041\\U000e0001\\U0010ffff\\ue000"),
    "zero width": ("\u200b\u200d\ufeff\xad".encode(), "\\u200b\\u200d\\ufeff\\xad"),
    "separators": ("\u2028\u2029".encode(), "\\u2028\\u2029"), "wide blanks": ("\xa0\u3000\u2003".encode(),
                                                                               "\\xa0\\u3000\\u2003"),
    "no UTF-8": (b"\xff\xfe \xc3", "\\xff\\xfe \\xc3"), "cut UTF-8": (b"\xe2\x82", "\\xe2\\x82"),
    "overlong ESC": (b"\xc0\x9b", "\\xc0\\x9b"), "overlong ESC in three": (b"\xe0\x80\x9b", "\\xe0\\x80\\x9b"),
    "surrogates in UTF-8": (b"\xed\xa0\xbd\xed\xb2\x80", "\\xed\\xa0\\xbd\\xed\\xb2\\x80"),
    "past Unicode": (b"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"),
    "concealed": (b"\x1b[8mx", "\\x1b[8mx"), "concealed with zeros": (b"\x1b[08m\x1b[0008m", "\\x1b[08m\\x1b[0008m"),
    "concealed last": (b"\x1b[1;8m", "\\x1b[1;8m"), "concealed first": (b"\x1b[8;1m", "\\x1b[8;1m"),
    "concealed amid": (b"\x1b[1;8;3m\x1b[31;08;1m", "\\x1b[1;8;3m\\x1b[31;08;1m"),
    "concealed after nothing": (b"\x1b[;8m", "\\x1b[;8m"), "concealed with a colon": (b"\x1b[8:1m", "\\x1b[8:1m"),
    "private SGR": (b"\x1b[>4;2m\x1b[?1m", "\\x1b[>4;2m\\x1b[?1m"),
    "SGR with others within": (b"\x1b[1 m\x1b[ q\x1b[1$m\x1b[1\nm", "\\x1b[1 m\\x1b[ q\\x1b[1$m\\x1b[1\nm"),
    "digits of another script": ("\x1b[\u0661m".encode(), "\\x1b[\u0661m"),
    "ESC before SGR": (b"\x1b\x1b[31mred", "\\x1b\x1b[31mred"),
    "SGR in a title": (b"\x1b]0;\x1b[31m\x07", "\\x1b]0;\x1b[31m\\x07"), "cut ESC": (b"a\x1b", "a\\x1b"),
    "cut CSI": (b"a\x1b[", "a\\x1b["), "cut SGR": (b"a\x1b[31", "a\\x1b[31"), "cut title": (b"a\x1b]0;t", "a\\x1b]0;t"),
    "cut device control": (b"a\x1bP", "a\\x1bP"), "cut emoji": (b"a\xf0\x9f\x98", "a\\xf0\\x9f\\x98")}

# Lines that would read as the header of a section.
FORGED = {
    "first line": (b"==> n up 1 bytes <==\n", "\\x3d=> n up 1 bytes <==\n"), "no blank": (b"==>x", "\\x3d=>x"),
    "alone": (b"==>", "\\x3d=>"), "after LF": (b"a\n==> b", "a\n\\x3d=> b"),
    "after CR LF": (b"a\r\n==> b", "a\r\n\\x3d=> b"),
    "after an empty line": (b"\n\n==> b", "\n\n\\x3d=> b"), "twice": (b"==> a\n==> b\n", "\\x3d=> a\n\\x3d=> b\n"),
    "in bold": (b"\x1b[1m==> b\x1b[m\n", "\x1b[1m\\x3d=> b\x1b[m\n"), "blanks before": (b"  ==> b", "  \\x3d=> b"),
    "tab before": (b"\t==> b", "\t\\x3d=> b"), "colours and blanks": (b"\x1b[m \x1b[1;31m\t\x1b[m==> b",
                                                                     "\x1b[m \x1b[1;31m\t\x1b[m\\x3d=> b"),
    "colours within": (b"=\x1b[31m=\x1b[m>", "\\x3d\x1b[31m=\x1b[m>"), "blanks within": (b"= = > b", "\\x3d = > b"),
    "variation selector before": ("\ufe0f==> b".encode(), "\ufe0f\\x3d=> b"),
    "variation selector within": ("=\ufe0f=\ufe0f> b".encode(), "\\x3d\ufe0f=\ufe0f> b"),
    "grapheme joiner": ("\u034f==> b".encode(), "\u034f\\x3d=> b"), "Hangul fillers": ("\u1160\u3164==> b".encode(),
                                                                                    "\u1160\u3164\\x3d=> b"),
    "letter before": ("\u00e9==> b".encode(), "\u00e9\\x3d=> b"), "emoji before": ("\U0001f600 ==> b".encode(),
                                                                                   "\U0001f600 \\x3d=> b"),
    "combining mark within": ("=\u0301=> b".encode(), "\\x3d\u0301=> b"),
    "all of these": ("\ufe0f \x1b[1m\u034f=\x1b[m\u1160=\t\ufe0f> b".encode(),
                     "\ufe0f \x1b[1m\u034f\\x3d\x1b[m\u1160=\t\ufe0f> b")}
INNOCENT = [b"a ==> b", b"===> b", b"=>", b"==", b"==\n> b", b"-->", b"= = = >", b"<== ==>", b"x" * 70000 + b"==> b",
            "\u00e9 a ==> b".encode(), b"==\\>", b"\\==>", b"1\t==> b"]
CASES = dict([(name, (data, data.decode())) for name, data in PASSING.items()], **SHOWN)
CASES.update(FORGED)
CASES.update(("innocent %d" % number, (data, data.decode())) for number, data in enumerate(INNOCENT))

# A server's text that would be more than a line, and the one line that it is.
HOSTILE = ("x\n==> forged up 1 bytes <==\nerror: forged\nhint: forged\nnext_cursor: forged\r\n\r\x1b]0;t\x07"
           "\x1b[2J\b\x7f\t\x9b2J\x85\u202e\u2028\U000e0041\ud800")
VISIBLE = ("x\\x0a==> forged up 1 bytes <==\\x0aerror: forged\\x0ahint: forged\\x0anext_cursor: forged\\x0d\\x0a\\x0d"
           "\\x1b]0;t\\x07\\x1b[2J\\x08\\x7f\\x09\\x9b2J\\x85\\u202e\\u2028\\U000e0041\\ud800")
FRAMED = VISIBLE.replace(" ", "\\x20")
BEGINNINGS = ("==> forged", "error: forged", "hint: forged", "next_cursor: forged")
HEADER, VISIBLE_HEADER = "x\x1b]0;t\x07\x1b[2J\b\x7f\x9b2J end", "x\\x1b]0;t\\x07\\x1b[2J\\x08\\x7f\\x9b2J end"


def make_nodes(count):
    return ["%08x-0000-4000-8000-000000000000" % number for number in range(count)]


def read_bodies(out, data):
    """The bodies of a text `get` on a terminal whose outputs are these, by the nodes of made_nodes."""
    pieces = re.split(b"(?m)^==> [0-9a-f]{8}-0000-4000-8000-000000000000 succeeded [0-9]+ bytes <==\n", out)
    assert pieces[0] == b"" and len(pieces) == len(data) + 1
    pieces[-1] = pieces[-1][:pieces[-1].rindex(b"ID ")]
    return pieces[1:]


def run_on_screen(plane, outputs, *flags, **options):
    """What a terminal is shown of these outputs, the text form's frame and the colour's reset taken off."""
    wire = execution([target(inline(data), node) for data, node in zip(outputs, make_nodes(len(outputs)))])
    result = run_against(plane, wire, *GET + ("--color", "never") + flags, terminals=BOTH, **options)
    assert result.code == 0
    found = []
    for data, body in zip(outputs, read_bodies(result.out, outputs)):
        body = body.replace(RESET, b"")
        end = b"\n" if data.endswith(b"\n") or not data else b"\n\n"
        assert body.endswith(end)
        found.append(body[:-len(end)])
    return found


def find_imitations(shown):
    """The lines that read as the header of a section to an eye that overlooks colours, blanks and what is not ASCII."""
    lines = re.sub("\x1b\\[[0-9;:]*m", "", shown.decode("utf-8")).split("\n")
    return [line for line in lines if re.sub("[^!-~]", "", line).startswith("==>")]


def find_honest_lines(text):
    """The lines of what was printed, each of which a terminal shows as it is, and none of which is forged."""
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    for line in lines:
        assert line.isprintable() and not line.startswith(BEGINNINGS), line
    return lines


def strip_colours(data):
    return re.sub(b"\x1b\\[[0-9;]*m", b"", data)


# ---- 5.9: outputs on a terminal

@rule("5.9")
def test_output_on_a_terminal_is_shown_not_done(plane):
    shown = run_on_screen(plane, [data for data, _ in CASES.values()])
    assert {name: body.decode() for name, body in zip(CASES, shown)} == {
        name: expected for name, (_, expected) in CASES.items()}


@rule("5.9", "5.7")
@pytest.mark.parametrize("color", ["auto", "always", "never"])
def test_raw_output_on_a_terminal_is_shown_not_done(plane, color):
    wire = execution([target(inline(data)) for case, _ in CASES.values() for data in (case, b"\n---\n")])
    result = run_against(plane, wire, *RAW + ("--color", color), terminals=BOTH)
    expected = "".join(shown + "\n---\n" for _, shown in CASES.values())
    assert result.code == 0 and result.out.replace(RESET, b"").decode() == expected


@rule("5.9")
@pytest.mark.parametrize("color", ["auto", "always", "never"])
@pytest.mark.parametrize("terminals", [(), ("stderr",)], ids=["pipes", "stderr"])
def test_pipes_get_output_bytes_untouched_whatever_the_colour(plane, color, terminals):
    outputs = [data for data, _ in CASES.values()]
    wire = execution([target(inline(data), node) for data, node in zip(outputs, make_nodes(len(outputs)))])
    flags = ("--color", color)
    assert run_against(plane, wire, *RAW + flags, terminals=terminals).out == b"".join(outputs)
    out = run_against(plane, wire, *GET + flags, terminals=terminals).out
    for data, node in zip(outputs, make_nodes(len(outputs))):
        header = b"==> %s succeeded %d bytes <==" % (node.encode(), len(data))
        first, _, out = out.partition(b"\n")
        assert strip_colours(first) == header and (first != header) == (color == "always")
        end = b"\n" if data.endswith(b"\n") or not data else b"\n\n"
        assert out[:len(data) + len(end)] == data + end
        out = out[len(data) + len(end):]
    assert strip_colours(out).startswith(b"ID ")


@rule("5.9", "9.3")
def test_files_get_output_bytes_untouched_while_stdout_is_a_terminal(plane, tmp_path):
    outputs = [data for data, _ in CASES.values()]
    nodes = make_nodes(len(outputs))
    plane.script(Reply(execution([target(inline(data), node) for data, node in zip(outputs, nodes)])))
    assert save_to_folder(plane, tmp_path / "d", "--color", "always", terminals=BOTH).code == 0
    found = read_folder(tmp_path / "d")
    assert [found[node + ".out"] for node in nodes] == outputs


@rule("5.9", "9.4")
@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"TERM": "dumb", "NO_COLOR": "1"}, {"TERM": None},
                                 {"TERM": ""}], ids=str)
@pytest.mark.parametrize("color", ["auto", "always", "never"])
def test_safety_does_not_depend_on_colour(plane, env, color):
    wire = execution([target(inline(b"\x1b[2J\x00\x1b]0;t\x07\n==> forged\n\xe2\x80\xae\n"))])
    expected = "\\x1b[2J\\x00\\x1b]0;t\\x07\n\\x3d=> forged\n\\u202e\n"
    for argv in (GET, RAW):
        out = run_against(plane, wire, *argv + ("--color", color), terminals=BOTH, env=env).out
        assert expected in out.decode()


@rule("5.9")
def test_every_byte_alone_is_shown_or_passes(plane):
    every = [bytes([code]) for code in range(256)]
    shown = run_on_screen(plane, [b"<" + byte + b">" for byte in every])
    plain = set(b"\t\n") | set(range(0x20, 0x7f))
    assert shown == [b"<" + (byte if byte[0] in plain else b"\\x%02x" % byte[0]) + b">" for byte in every]


@rule("5.9")
def test_every_character_passes_if_it_is_printable_and_is_escaped_otherwise(plane):
    codes = list(range(0x80, 0x3100)) + list(range(0xD7F0, 0xD800)) + list(range(0xE000, 0xE010)) + list(
        range(0xFE00, 0x10010)) + list(range(0x1F600, 0x1F610)) + list(range(0xE0000, 0xE0200))
    expected = "".join("<%s>" % (chr(code) if chr(code).isprintable() else (
        "\\x%02x" if code < 0x100 else "\\u%04x" if code < 0x10000 else "\\U%08x") % code) for code in codes)
    data = "".join("<%s>" % chr(code) for code in codes).encode("utf-8")
    assert run_on_screen(plane, [data])[0].decode("utf-8") == expected


@rule("5.9")
def test_no_character_hides_a_forged_header(plane):
    codes = list(range(1, 0x3200)) + list(range(0xFE00, 0x10000)) + list(range(0xE0000, 0xE0200))
    characters = [chr(code) for code in codes if not "!" <= chr(code) <= "~"]
    lines = [form % character for character in characters for form in ("%s==> n", "=%s=> n", "==%s> n", " %s ==> n")]
    data = "".join(line + "\n" for line in lines).encode("utf-8")
    shown = run_on_screen(plane, [data])[0]
    assert find_imitations(shown) == [] and find_imitations(b"x\n" + data)
    assert shown.count(b"\n") >= len(lines) - 1


INVISIBLE = ["", " ", "\t", "\x1b[1m", "\ufe0f", "\u034f", "\u1160", "\u3164", "\u0301", "\u3000", "\xa0", "\u200b",
             "\U000e0001", "\u00e9", "\x00", "\x08", "\x1b[2J", "\r", "\x1b[8m", "\x1b]0;t\x07"]
LINE_BEGINNINGS = ["", "\n", "a\n", "a\r\n", "\n\n", "\r", "a\r", "\n\r", "a\x0b", "a\x0c", "a\x85", "a\u2028", " \n"]


@rule("5.9")
def test_no_place_of_a_line_lets_a_forged_header_through(plane):
    forged = [beginning + line for beginning in LINE_BEGINNINGS for text in INVISIBLE for line in (
        text + "==> n", "=" + text + "=> n", "==" + text + "> n", " " + text + " = " + text * 3 + "=\t> n")]
    shown = run_on_screen(plane, [text.encode("utf-8") for text in forged])
    assert [text for text, body in zip(forged, shown) if find_imitations(body)] == []


@rule("5.9")
@pytest.mark.parametrize("beginning", [" " * 80000, "\x1b[31m" * 10000, "\ufe0f" * 30000, " \x1b[m\u034f" * 10000],
                                       ids=["blanks", "colours", "invisible", "mixed"])
def test_long_line_hides_no_forged_header(plane, beginning):
    lines = {beginning + "==> n": 1, beginning + "=" + beginning + "=> n": 1, beginning + "a ==> n": 0,
             beginning + "=" + beginning: 0}
    shown = run_on_screen(plane, [line.encode("utf-8") for line in lines])
    assert [body.count(b"\\x3d") for body in shown] == list(lines.values())
    assert [find_imitations(body) for body in shown] == [[]] * 4


@rule("5.9")
@pytest.mark.parametrize("argv", [GET, RAW], ids=["text", "raw"])
@pytest.mark.parametrize("color", ["auto", "never"])
def test_colour_is_reset_after_each_section(plane, argv, color):
    outputs = [b"\x1b[31mred\n", b"\x1b[1;42mgreen", b"plain\n"]
    wire = execution([target(inline(data), node) for data, node in zip(outputs, NODES)])
    out = run_against(plane, wire, *argv + ("--color", color), terminals=BOTH).out
    for data, following in ((b"red", b"green"), (b"green", b"plain")):
        between = out[out.index(data) + len(data):out.index(following)]
        assert RESET in between and between.index(RESET) <= 1      # before the next header, whatever its own colours


@rule("5.9")
@pytest.mark.parametrize("argv", [GET, RAW], ids=["text", "raw"])
def test_without_colour_there_is_no_reset(plane, argv):
    wire = execution([target(inline(b"plain\n")), target(inline(b"\x1b[2J\n"))])
    assert b"\x1b" not in run_against(plane, wire, *argv + ("--color", "never"), terminals=BOTH).out


@rule("5.9")
@posix_only
@pytest.mark.parametrize("streams", [("stdout",), ("stderr",)], ids=" ".join)
def test_real_terminals_are_known_as_such(plane, streams):
    plane.script(Reply(execution([target(inline(b"\x1b[2J\n==> n\n"))])))
    result = run_on_terminal(*GET, streams=streams, plane=plane)
    shown = b"\\x1b[2J\n\\x3d=> n\n" if "stdout" in streams else b"\x1b[2J\n==> n\n"
    assert result.code == 0 and shown in result.out


@rule("5.8", "9.4")
@pytest.mark.parametrize("form", ["json", "yaml", "jsonl"])
@pytest.mark.parametrize("argv", [GET, LIST], ids=["get", "list"])
def test_documents_are_ascii_without_colour_on_a_terminal_too(plane, argv, form):
    wire = execution([target(archive(HOSTILE), HOSTILE, **{HOSTILE: HOSTILE})], status=HOSTILE)
    argv, wire = argv + ("--output", form), page(wire) if argv == LIST else wire
    shown = run_against(plane, wire, *argv + ("--color", "always"), terminals=BOTH)
    assert shown.out == run_against(plane, wire, *argv).out and find_honest_lines(shown.out.decode("ascii"))
    if form == "json":
        assert json.loads(shown.out.decode()) == wire


# ---- 5.10: text of others on stdout

EVERYTHING = dict.fromkeys(("status", "type", "action", "created_at", "updated_at"), HOSTILE)
CELLS = [FRAMED] * 2 + ["0/1"] + [FRAMED] * 2 + [VISIBLE]
each_way = pytest.mark.parametrize("color, terminals", [("never", ()), ("always", ()), ("auto", BOTH)],
                                   ids=["plain", "coloured", "terminal"])


@rule("5.10")
@each_way
def test_get_of_nothing_but_hostile_text_keeps_its_frame(plane, color, terminals):
    wire = execution([target(archive(HOSTILE, HOSTILE, sha256=HOSTILE), HOSTILE, HOSTILE)], **EVERYTHING)
    result = run_against(plane, wire, *GET + ("--color", color), terminals=terminals, env=WIDE)
    header, archived, empty, _, row = find_honest_lines(strip_colours(result.out).decode("utf-8"))
    assert (result.code, header, empty) == (0, "==> %s %s archived <==" % (FRAMED, FRAMED), "")
    assert archived == "archived: %s/%s (sha256:%s)" % (FRAMED, FRAMED, FRAMED)
    assert re.split("  +", row) == [EXECUTION] + CELLS


@rule("5.10")
@each_way
def test_list_of_nothing_but_hostile_text_keeps_its_frame(plane, color, terminals):
    wire = page(execution([target(status=HOSTILE)], id=HOSTILE, **EVERYTHING), next_cursor=HOSTILE)
    result = run_against(plane, wire, *LIST + ("--color", color), terminals=terminals, env=WIDE)
    _, row, cursor = find_honest_lines(strip_colours(result.out).decode("utf-8"))
    assert (result.code, cursor) == (0, "next_cursor: " + VISIBLE) and re.split("  +", row) == [FRAMED] + CELLS


@rule("5.10")
@pytest.mark.parametrize("member", ["id"] + sorted(EVERYTHING))
def test_blank_in_any_column_but_action_is_seen(plane, member):
    row = run_against(plane, page(execution(**{member: "a  b"})), *LIST).out.decode().split("\n")[1]
    assert ("a  b" in row) == (member == "action") and ("a\\x20\\x20b " in row) == (member != "action")


@rule("5.10")
@pytest.mark.parametrize("text, shown", [(" ", "\\x20"), ("\\x0a", "\\x0a"), ("\n\t\0", "\\x0a\\x09\\x00"), ("-", "-"),
                                         ("\u00e9\U0001f600", "\u00e9\U0001f600"),
                                         ("\ud800a\udc80", "\\ud800a\\udc80")],
                         ids=ascii)
def test_header_shows_a_node_id_as_one_word(plane, text, shown):
    out = run_against(plane, execution([target(node=text, status=text)])).out.decode("utf-8")
    assert out.startswith("==> %s %s no output <==\n" % (shown, shown))


# ---- 5.10: text of others on stderr

def got(*targets, **members):
    """The answer of a get."""
    return Reply(execution(targets, **members))


def refusal(status, headers=(), **problem):
    return Reply(problem, status, headers)


def spoken(status_line):
    """A whole response with nothing in it, sent as it is."""
    return ("HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status_line).encode("latin-1")


PROBLEM = dict.fromkeys(("title", "detail", "code", "reason", "correlation_id"), HOSTILE)
PLACES = {
    "Problem": ([refusal(403, relation_path=["a", HOSTILE], **PROBLEM)], GET, [VISIBLE, "a > " + VISIBLE], 4),
    "redirect target": ([Reply("", 302, [("Location", HEADER)])], GET, [VISIBLE_HEADER], 1),
    "status phrase": ([spoken("404 x\rerror: forged\x85.")], GET, ["HTTP 404 x\\x0derror: forged\\x85."], 1),
    "status line": ([spoken(HEADER)], GET, [], 1),
    "traced header": ([Reply(execution(), 200, [("X-Any", HEADER)])], GET + ("-v",), ["X-Any: " + VISIBLE_HEADER], 0),
    "traced phrase": ([spoken("404 " + HEADER)], GET + ("-v",), ["404 " + VISIBLE_HEADER], 1),
    "body": ([Reply("\x1b[2J")], GET, [], 1),
    "retry": ([refusal(503, [("Retry-After", "0")], title=HOSTILE)] * 3, GET, ["retry: HTTP 503 " + VISIBLE], 1),
    "repeated cursor": ([Reply(page(next_cursor=HOSTILE[:-1]))] * 4, LIST + ("--all",), [], 1),
    "cursor that cannot be sent": ([Reply(page(next_cursor=HOSTILE))], LIST + ("--all",), [], 1),
    "cursor of jsonl": ([Reply(page(next_cursor=HOSTILE))], LIST + ("--output", "jsonl"),
                        ["next_cursor: " + VISIBLE], 0),
    "awaited status": ([got(status=HOSTILE), got()], GET + ("--wait",), ["status: " + FRAMED], 0),
    "status at the end of a wait": ([got(status=HOSTILE)], GET + ("--wait", "--wait-timeout", "0.2"), [FRAMED], 1),
    "kind": ([got(target({"kind": HOSTILE}, HOSTILE))], GET, [FRAMED], 1),
    "raw reference": ([got(target(archive(HOSTILE, HOSTILE, sha256=HOSTILE), HOSTILE))], RAW, [FRAMED], 1),
    "raw without output": ([got(target(node=HOSTILE))], RAW, [FRAMED], 0),
    "wrong type": ([got(target(node=HOSTILE, status=5))], GET, [FRAMED], 1),
    "another id": ([got(id=HOSTILE)], GET, [], 1),
    "created_at": ([Reply(page(execution(id=HOSTILE, created_at=HOSTILE)))], LIST + ("--last", "1"), [], 1)}


@rule("5.10")
@pytest.mark.parametrize("answers, argv, shown, code", list(PLACES.values()), ids=list(PLACES))
def test_text_of_the_server_is_one_line_in_every_message(plane, answers, argv, shown, code):
    plane.script(*answers + [got()])
    clock = iter(range(10000))
    result = run_cli(*argv, plane=plane, sleep=lambda seconds: next(clock))
    lines = find_honest_lines(result.out.decode("utf-8") + result.err)
    assert result.code == code and [text for text in shown if not any(text in line for line in lines)] == []


@rule("5.10", "3.4")
def test_redirect_target_is_one_line_without_its_query(plane):
    result = run_against(plane, Reply("", 302, [("Location", "https://else.test/a\x1b[2J b?code=hidden")]))
    assert "https://else.test/a\\x1b[2J" in error_lines(result)[0] and "hidden" not in result.err
    assert find_honest_lines(result.err)


ODD_NAME = "odd\x1b[2J\n\u202ename"
SHOWN_NAME = "odd\\x1b[2J\\x0a\\u202ename"


@rule("5.10", "1.15")
@pytest.mark.parametrize("argv", [
    ("--profile", ODD_NAME) + LIST, LIST + ("--" + ODD_NAME,), LIST + (ODD_NAME,), (ODD_NAME,),
    LIST + ("--limit", ODD_NAME), LIST + ("--server", ODD_NAME)],
    ids=["profile", "flag", "argument", "command", "value", "server"])
def test_arguments_are_one_line(plane, argv):
    result = run_cli(*argv, plane=plane)
    assert result.code in (2, 3) and error_lines(result) and find_honest_lines(result.err)


@rule("5.10", "2.4")
@posix_only
def test_paths_are_one_line(plane, tls_plane, tmp_path):
    folder = tmp_path / as_given(ODD_NAME)
    folder.mkdir()
    shown = SHOWN_NAME.replace("\\u202e", ascii(as_given("\u202e"))[1:-1])
    token = folder / "token"
    token.write_text("a-token")
    token.chmod(0o644)
    for result in (run_cli(*GET + ("--output-dir", str(folder)), plane=plane),
                   run_cli(*LIST + ("--token-file", str(token)), plane=plane),
                   run_cli(*LIST + ("--ca-file", str(token)), plane=tls_plane)):
        assert result.code and find_honest_lines(result.err)
        assert shown in result.err or "--ca-file" in result.err


# ---- 9.4: colour

def paint(code, text):
    return "\x1b[%sm%s\x1b[0m" % (code, text)


ANSI = {"succeeded": "32", "failed": "31", "timeout": "31", "cancelled": "33", "started": "36", "ack": "36"}
WHEN = [
    ("auto", BOTH, {}, True), ("auto", ("stdout",), {"NO_COLOR": ""}, True), ("auto", ("stderr",), {}, False),
    ("auto", (), {}, False), ("auto", BOTH, {"NO_COLOR": "0"}, False), ("auto", BOTH, {"TERM": "dumb"}, False),
    ("auto", BOTH, {"TERM": "xterm"}, True), ("always", (), {}, True), ("never", BOTH, {}, False),
    ("always", BOTH, {"NO_COLOR": "1"}, True), ("always", (), {"NO_COLOR": "1", "TERM": "dumb"}, True)]


@rule("9.4")
@pytest.mark.parametrize("color, terminals, env, coloured", WHEN, ids=str)
@pytest.mark.parametrize("argv", [LIST, GET], ids=["list", "get"])
def test_when_there_is_colour(plane, argv, color, terminals, env, coloured):
    wire = execution([target(inline(b"y\n"))])
    flags = () if color == "auto" else ("--color", color)
    result = run_against(plane, page(wire) if argv == LIST else wire, *argv + flags, terminals=terminals, env=env)
    assert result.code == 0 and (b"\x1b[" in result.out) == coloured


@rule("9.4")
def test_headers_are_bold_and_each_status_has_its_colour(plane):
    for status in STATUSES + ("no_such_status", None):
        wire = execution([target(inline(b"y\n"), status=status)], status=status)
        shown = status or "-"
        out = run_against(plane, wire, *GET + ("--color", "always")).out.decode()
        header, _, _, heading, row, _ = out.split("\n")
        assert header == paint(1, "==> %s " % NODES[0]) + paint(ANSI.get(status, "1"), shown) + paint(
            1, " 2 bytes <==")
        cell = shown.ljust(9)
        assert row.startswith("%s  %s  builtin " % (EXECUTION, paint(ANSI[status], cell) if status in ANSI else cell))
        assert heading.startswith("\x1b[1mID ") and heading.endswith("ACTION\x1b[0m")


@rule("9.4")
@pytest.mark.parametrize("argv", [LIST, GET], ids=["list", "get"])
def test_colour_changes_nothing_but_colour(plane, argv):
    wire = execution([target(inline(b"y\n")), target(archive(), NODES[1], "failed"), target(node=NODES[2])])
    others = [execution(status=status) for status in ("failed", "timeout", "ack", "no such status", "s" * 20)]
    plane.script(*[Reply(page(wire, *others) if argv == LIST else wire)] * 2)
    plain, coloured = [run_cli(*argv + ("--color", color), plane=plane).out for color in ("never", "always")]
    assert strip_colours(coloured) == plain != coloured and coloured.count(b"\x1b[1mID ") == 1


@rule("9.4")
def test_raw_has_no_colour_of_ours(plane):
    wire = execution([target(inline(b"y\n"), status="failed")])
    for terminals in ((), BOTH):
        assert run_against(plane, wire, *RAW + ("--color", "always"), terminals=terminals) == (0, b"y\n", "")
