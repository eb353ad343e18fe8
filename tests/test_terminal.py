"""Sections 5 and 9: on a terminal hostile text is shown, not done; colour is only where it was asked for."""

import os
import re

import pytest

import plexctl_exec_log as program
from control_plane import STATUSES, Reply
from kit import EXECUTION, GET, LIST, NODES, answered, archive, execution, inline, on_terminal, page, run_cli, \
    target

posix_only = pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")
BOTH = ("stdout", "stderr")
RESET = b"\x1b[0m"
ERASE = "\r\x1b[K"

# What a terminal may be given as it is.
PASSING = [
    b"", b"plain text, 7-bit: ~ ! \\ \"\n", b"a\tb\nc", b"a\r\nb\r\n", "\u00e9 \u6f22 \U0001f600 \u2500\n".encode(), b"\\x1b[2J is only text\n", b"\x1b[m",
    b"\x1b[1;31mred", b"\x1b[38;2;255;0;0mred", b"\x1b[38:2::255:0:0mred", b"\x1b[;;31m", b"\x1b[18m\x1b[80m\x1b[88;5;81m", b"\x1b[" + b"1" * 64 + b"m"]

# (bytes, what a terminal is shown instead)
SHOWN = [
    # operating system commands (title, clipboard, hyperlink, colour query), device control and other strings
    (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"), (b"\x1b]52;c;cm0gLXJm\x1b\\", "\\x1b]52;c;cm0gLXJm\\x1b\\"), (b"\x1b]11;?\x07", "\\x1b]11;?\\x07"),
    (b"\x1b]8;;http://evil\x1b\\here\x1b]8;;\x1b\\", "\\x1b]8;;http://evil\\x1b\\here\\x1b]8;;\\x1b\\"), (b"\x1bP$q\"p\x1b\\", "\\x1bP$q\"p\\x1b\\"),
    (b"\x1b_a\x1b\\\x1b^b\x1b\\\x1bXc\x1b\\", "\\x1b_a\\x1b\\\\x1b^b\\x1b\\\\x1bXc\\x1b\\"),
    # cursor, erasing, screens, modes, queries
    (b"\x1b[2J\x1b[H\x1b[1A\x1b[2K", "\\x1b[2J\\x1b[H\\x1b[1A\\x1b[2K"), (b"\x1b[?1049h\x1b[?25l\x1b[?2004h", "\\x1b[?1049h\\x1b[?25l\\x1b[?2004h"),
    (b"\x1b[6n\x1b[c\x1b[>c\x1b[21t", "\\x1b[6n\\x1b[c\\x1b[>c\\x1b[21t"), (b"\x1bc\x1b7\x1b8\x1bM\x1b(0\x1b#8", "\\x1bc\\x1b7\\x1b8\\x1bM\\x1b(0\\x1b#8"),
    # C1, raw and in UTF-8
    (b"\x9b2J\x9d0;t\x9c\x90q\x85\x84\x80\x9f", "\\x9b2J\\x9d0;t\\x9c\\x90q\\x85\\x84\\x80\\x9f"), (b"\x9b31mred", "\\x9b31mred"),
    ("\x9b2J\x9d0;t\x9c\x90q\x85\x84\x80\x9f".encode(), "\\x9b2J\\x9d0;t\\x9c\\x90q\\x85\\x84\\x80\\x9f"),
    # C0 and DEL
    (b"a\rb", "a\\x0db"), (b"a\r", "a\\x0d"), (b"a\r\r\nb", "a\\x0d\r\nb"), (b"a\n\rb", "a\n\\x0db"), (b"a\b\b\x7f", "a\\x08\\x08\\x7f"),
    (b"\0\x07\x0b\x0c\x0e\x0f\x18\x1a", "\\x00\\x07\\x0b\\x0c\\x0e\\x0f\\x18\\x1a"),
    # characters that are not seen, or turn the line round
    ("\u202e\u2066\u2069\u200f".encode(), "\\u202e\\u2066\\u2069\\u200f"), ("\U000e0041\U0010ffff\ue000".encode(), "\\U000e0041\\U0010ffff\\ue000"),
    ("\u200b\u200d\ufeff\xad\u2028\u2029\xa0\u3000".encode(), "\\u200b\\u200d\\ufeff\\xad\\u2028\\u2029\\xa0\\u3000"),
    # no UTF-8
    (b"\xff\xfe \xc3", "\\xff\\xfe \\xc3"), (b"\xe2\x82", "\\xe2\\x82"), (b"\xc0\x9b", "\\xc0\\x9b"),
    (b"\xed\xa0\xbd\xed\xb2\x80", "\\xed\\xa0\\xbd\\xed\\xb2\\x80"), (b"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"),
    # SGR that conceals, colour indexes included
    (b"\x1b[8mx", "\\x1b[8mx"), (b"\x1b[08m\x1b[0008m", "\\x1b[08m\\x1b[0008m"), (b"\x1b[1;8m", "\\x1b[1;8m"), (b"\x1b[8;1m", "\\x1b[8;1m"),
    (b"\x1b[1;8;3m", "\\x1b[1;8;3m"), (b"\x1b[;8m", "\\x1b[;8m"), (b"\x1b[8:1m\x1b[1:8m", "\\x1b[8:1m\\x1b[1:8m"), (b"\x1b[31;08;1m", "\\x1b[31;08;1m"),
    (b"\x1b[38;5;8m", "\\x1b[38;5;8m"),
    # what only resembles SGR
    (b"\x1b[" + b"1" * 65 + b"m", "\\x1b[" + "1" * 65 + "m"), (b"\x1b[>4;2m\x1b[?1m", "\\x1b[>4;2m\\x1b[?1m"),
    (b"\x1b[1 m\x1b[ q\x1b[1$m\x1b[1\nm", "\\x1b[1 m\\x1b[ q\\x1b[1$m\\x1b[1\nm"), ("\x1b[\u0661m".encode(), "\\x1b[\u0661m"),
    (b"\x1b\x1b[31mred", "\\x1b\x1b[31mred"), (b"\x1b]0;\x1b[31m\x07", "\\x1b]0;\x1b[31m\\x07"),
    # cut off by the end of the output
    (b"a\x1b", "a\\x1b"), (b"a\x1b[", "a\\x1b["), (b"a\x1b[31", "a\\x1b[31"), (b"a\x1b]0;t", "a\\x1b]0;t"), (b"a\x1bP", "a\\x1bP"),
    (b"a\xf0\x9f\x98", "a\\xf0\\x9f\\x98")]
CASES = [(data, data) for data in PASSING] + [(data, shown.encode()) for data, shown in SHOWN]

# A server's text that would be more than a line, and the one line that it is.
HOSTILE = ("x\n==> forged up 1 bytes <==\nerror: forged\nhint: forged\nnext_cursor: forged\r\n\r\x1b]0;t\x07"
           "\x1b[2J\b\x7f\t\x9b2J\x85\u202e\u2028\U000e0041\ud800")
VISIBLE = ("x\\x0a==> forged up 1 bytes <==\\x0aerror: forged\\x0ahint: forged\\x0anext_cursor: forged\\x0d\\x0a\\x0d"
           "\\x1b]0;t\\x07\\x1b[2J\\x08\\x7f\\x09\\x9b2J\\x85\\u202e\\u2028\\U000e0041\\ud800")
FRAMED = VISIBLE.replace(" ", "\\x20")
FORGED = ("==> forged", "error: forged", "hint: forged", "next_cursor: forged")
HEADER, VISIBLE_HEADER = "x\x1b]0;t\x07\x1b[2J\b\x7f\x9b2J end", "x\\x1b]0;t\\x07\\x1b[2J\\x08\\x7f\\x9b2J end"


def honest_lines(text):
    """The lines of what was printed, each of which a terminal shows as it is, and none of which is forged."""
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    for line in lines:
        assert line.isprintable() and not line.startswith(FORGED), line
    return lines


def unpainted(data):
    return re.sub(b"\x1b\\[[0-9;]*m", b"", data)


# ---- the pure functions

@pytest.mark.parametrize("data, shown", CASES)
def test_output_on_a_terminal_is_shown_not_done(data, shown):
    assert program.terminal_safe(data) == shown + (RESET if b"\x1b" in shown else b"")


def test_every_character_passes_if_it_is_printable_and_is_escaped_otherwise():
    for code in list(range(0xA0, 0x3100)) + list(range(0xE000, 0xE010)) + list(range(0xFE00, 0x10010)):
        escape = "\\x%02x" if code < 0x100 else "\\u%04x" if code < 0x10000 else "\\U%08x"
        shown = chr(code) if chr(code).isprintable() else escape % code
        assert program.terminal_safe(chr(code).encode()).decode() == program.visible(chr(code)) == shown


@pytest.mark.parametrize("text, visible, framed", [
    ("", "", "-"), (" ", " ", "\\x20"), ("a b", "a b", "a\\x20b"), ("\\x0a", "\\x0a", "\\x0a"), ("\n\t\0", "\\x0a\\x09\\x00", "\\x0a\\x09\\x00"),
    ("\u00e9\U0001f600", "\u00e9\U0001f600", "\u00e9\U0001f600"), ("\ud800\udc80", "\\ud800\\udc80", "\\ud800\\udc80"), (HOSTILE, VISIBLE, FRAMED)])
def test_server_text_is_one_line_and_a_blank_is_seen_where_it_would_end_the_text(text, visible, framed):
    assert (program.visible(text), program.framed(text)) == (visible, framed)


# ---- outputs

@pytest.mark.parametrize("terminals", [BOTH, ("stdout",), ("stderr",), ()], ids=" ".join)
@pytest.mark.parametrize("form, color", [("text", "never"), ("raw", "auto"), ("raw", "always")])
def test_outputs_are_made_safe_on_a_terminal_and_are_untouched_elsewhere(plane, terminals, form, color):
    nodes = ["%08x-0000-4000-8000-000000000000" % number for number in range(len(CASES))]
    wire = execution([target(inline(data), node) for node, (data, _) in zip(nodes, CASES)])
    result = answered(plane, wire, *GET + ("--output", form, "--color", color), terminals=terminals)
    expected = b""
    for node, (data, shown) in zip(nodes, CASES):
        body = shown + (RESET if b"\x1b" in shown else b"") if "stdout" in terminals else data
        header = b"==> %s succeeded %d bytes <==\n" % (node.encode(), len(data))
        end = b"\n" if data.endswith(b"\n") or not data else b"\n\n"
        expected += header + body + end if form == "text" else body
    assert result.code == 0 and result.err.replace(ERASE, "").isprintable()
    assert result.out.startswith(expected + b"ID ") if form == "text" else result.out == expected


@posix_only
@pytest.mark.parametrize("streams", [("stdout",), ("stderr",)], ids=" ".join)
def test_real_terminals_are_known_as_such(plane, streams):
    plane.script(Reply(execution([target(inline(b"\x1b[2J\n"))])))
    result = on_terminal(*GET, streams=streams, plane=plane)
    assert b"\x1b[2J\n" in result.out if streams == ("stderr",) else b"\\x1b[2J\n" in result.out
    assert result.code == 0 and bool(result.err) == (streams == ("stderr",))


@pytest.mark.parametrize("argv, form, lines", [
    (GET, "json", 24), (GET, "yaml", 18), (GET, "jsonl", 1), (LIST, "json", 28), (LIST, "yaml", 19), (LIST, "jsonl", 1)])
def test_documents_are_ascii_without_colour_on_a_terminal_too(plane, argv, form, lines):
    wire = execution([target(archive(HOSTILE), HOSTILE, **{HOSTILE: HOSTILE})], status=HOSTILE)
    argv, wire = argv + ("--output", form, "--color", "always"), page(wire) if argv == LIST else wire
    assert len(honest_lines(answered(plane, wire, *argv, terminals=BOTH).out.decode("ascii"))) == lines


# ---- names, keys, ids, statuses

EVERYTHING = dict.fromkeys(("id", "status", "type", "action", "created_at", "updated_at"), HOSTILE)
CELLS = [FRAMED] * 3 + ["0/1"] + [FRAMED] * 2 + [VISIBLE]
each_way = pytest.mark.parametrize("color, terminals", [("never", ()), ("always", ()), ("auto", BOTH)])


@each_way
def test_get_of_nothing_but_hostile_text_keeps_its_frame(plane, color, terminals):
    wire = execution([target(archive(HOSTILE, HOSTILE), HOSTILE, HOSTILE)], **EVERYTHING)
    result = answered(plane, wire, *GET + ("--color", color), terminals=terminals)
    header, archived, empty, _, row = honest_lines(unpainted(result.out).decode("utf-8"))
    assert (result.code, header, empty) == (0, "==> %s %s archived <==" % (FRAMED, FRAMED), "")
    assert archived == "archived: %s/%s" % (FRAMED, FRAMED) and re.split("  +", row) == CELLS


@each_way
@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_list_of_nothing_but_hostile_text_keeps_its_frame(plane, color, terminals, form):
    wire = page(execution([target(status=HOSTILE)], **EVERYTHING), next_cursor=HOSTILE)
    result = answered(plane, wire, *LIST + ("--output", form, "--color", color), terminals=terminals)
    lines = honest_lines(unpainted(result.out).decode("utf-8") + result.err)
    assert (result.code, lines[-1]) == (0, "next_cursor: " + VISIBLE)
    assert len(lines) == 2 if form == "jsonl" else len(lines) == 3 and re.split("  +", lines[1]) == CELLS


@pytest.mark.parametrize("member", sorted(EVERYTHING))
def test_blank_in_any_column_but_the_last_is_seen(plane, member):
    row = answered(plane, page(execution(**{member: "a  b"})), *LIST).out.decode().split("\n")[1]
    assert ("a  b" in row) == (member == "action") and ("a\\x20\\x20b " in row) == (member != "action")


# ---- messages

def got(*targets, **members):
    """The answer of a get."""
    return Reply(execution(targets, **members))


def refusal(status, headers=(), **problem):
    return Reply(problem, status, headers)


def spoken(status_line):
    """A whole response with nothing in it, sent as it is."""
    return ("HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status_line).encode("latin-1")


RAW = GET + ("--output", "raw")
PROBLEM = dict.fromkeys(("title", "detail", "code", "reason", "correlation_id"), HOSTILE)


@pytest.mark.parametrize("answers, argv, shown, code", [
    ([refusal(403, relation_path=["a", HOSTILE], **PROBLEM)], GET, ("%s; " % VISIBLE, "a > " + VISIBLE), 4),
    ([Reply("", 302, [("Location", HEADER)])], GET, (VISIBLE_HEADER,), 1),
    ([spoken("404 x\rerror: forged\x85.")], GET, ("error: HTTP 404 x\\x0derror: forged\\x85.",), 1),
    ([spoken(HEADER)], GET, ("error: ",), 1),
    ([Reply(execution(), 200, [("X-Any", HEADER)])], GET + ("-v",), ("< X-Any: " + VISIBLE_HEADER,), 0),
    ([spoken("404 " + HEADER)], GET + ("-v",), ("< HTTP/1.1 404 " + VISIBLE_HEADER,), 1),
    ([Reply("\x1b[2J")], GET, ("found \\x1b",), 1),
    ([refusal(503, [("Retry-After", "0")], title=HOSTILE)] * 3, GET, ("retry: HTTP 503 " + VISIBLE,), 1),
    ([Reply(page(next_cursor=HOSTILE[:-1]))] * 4, LIST + ("--all",), (VISIBLE[:-6],), 1),
    ([Reply(page(next_cursor=HOSTILE))], LIST + ("--all",), ("error: ",), 1),
    ([got(status=HOSTILE), got()], GET + ("--wait",), ("status: " + FRAMED,), 0),
    ([got(status=HOSTILE)], GET, (" %s  builtin " % FRAMED,), 0),
    ([got(target(inline(b"y\n"), HOSTILE))], GET, ("==> %s succeeded 2 bytes <==" % FRAMED,), 0),
    ([got(target({"kind": HOSTILE}, HOSTILE))], GET, ("==> %s succeeded unreadable <==" % FRAMED,), 1),
    ([got(target({"kind": HOSTILE}, HOSTILE))], GET, ("error: ", FRAMED, VISIBLE), 1),
    ([got(target(archive("b", "k", sha256=HOSTILE)))], GET, ("archived: b/k (sha256:%s)" % FRAMED,), 0),
    ([got(target(archive("b", "k", sha256=HOSTILE)))], RAW, ("warning: ", VISIBLE), 1),
    ([got(target(archive(HOSTILE, HOSTILE), HOSTILE))], RAW, ("archived: %s/%s" % (FRAMED, FRAMED),), 1),
    ([got(target(node=HOSTILE))], RAW, (FRAMED,), 0)])
def test_server_text_is_one_line_in_every_message_and_place(plane, answers, argv, shown, code):
    plane.script(*answers + [got()])
    result = run_cli(*argv, plane=plane)
    lines = honest_lines(result.out.decode("utf-8") + result.err)
    assert result.code == code and any(all(text in line for text in shown) for line in lines)


# ---- colour

def painted(code, text):
    return "\x1b[%sm%s\x1b[0m" % (code, text)


ANSI = {"succeeded": "32", "failed": "31", "timeout": "31", "cancelled": "33", "started": "36", "ack": "36"}


@pytest.mark.parametrize("color, terminals, env, coloured", [
    ("auto", BOTH, {}, True), ("auto", ("stdout",), {"NO_COLOR": ""}, True), ("auto", ("stderr",), {}, False),
    ("auto", (), {}, False), ("auto", BOTH, {"NO_COLOR": "0"}, False), ("auto", BOTH, {"TERM": "dumb"}, False),
    ("auto", BOTH, {"TERM": "xterm"}, True), ("always", (), {}, True), ("never", BOTH, {}, False),
    ("always", BOTH, {"NO_COLOR": "1", "TERM": "dumb"}, True)])
@pytest.mark.parametrize("argv", [LIST, GET], ids=["list", "get"])
def test_when_there_is_colour(plane, argv, color, terminals, env, coloured):
    wire = execution([target(inline(b"y\n"))])
    result = answered(plane, page(wire) if argv == LIST else wire, *argv + ("--color", color), terminals=terminals, env=env)
    assert result.code == 0 and (b"\x1b[" in result.out) == coloured


def test_headers_are_bold_and_each_status_has_its_colour(plane):
    for status in STATUSES + ("no such status", None):
        wire = execution([target(inline(b"y\n"), status=status)], status=status)
        shown = program.framed(status)
        header, _, _, _, row, _ = answered(plane, wire, *GET + ("--color", "always")).out.decode().split("\n")
        assert header == painted(1, "==> %s " % NODES[0]) + painted(ANSI.get(status, "1"), shown) + painted(1, " 2 bytes <==")
        cell = shown.ljust(6)
        assert row.startswith("%s  %s  builtin " % (EXECUTION, painted(ANSI[status], cell) if status in ANSI else cell))


@pytest.mark.parametrize("argv", [LIST, GET], ids=["list", "get"])
def test_colour_changes_nothing_but_colour(plane, argv):
    wire = execution([target(inline(b"y\n")), target(archive(), NODES[1], "failed"), target(node=NODES[2])])
    others = [execution(status=status) for status in ("failed", "timeout", "ack", "no such status")]
    plane.script(*[Reply(page(wire, *others) if argv == LIST else wire)] * 2)
    plain, coloured = [run_cli(*argv + ("--color", color), plane=plane).out for color in ("never", "always")]
    assert unpainted(coloured) == plain != coloured and coloured.count(b"\x1b[1mID ") == 1


# ---- stderr alone

def test_live_line_is_cut_to_a_terminal_s_width_and_gone_before_another_line(plane):
    plane.script(Reply(execution(status=HOSTILE)), Reply(execution(status="x" * 99)), Reply({}, 503), Reply({}, 404))
    result = run_cli(*GET + ("--wait",), plane=plane, terminals=BOTH)
    blank, first, second, rest = result.err.split(ERASE)
    assert (result.code, blank, first, second) == (1, "", "status: " + FRAMED[:64], "status: " + "x" * 64)
    assert [line.split(":")[0] for line in honest_lines(rest)] == ["retry", "error", "hint"]


def test_secrets_are_masked_whole_in_any_case(plane):
    env = {"PLEXSPHERE_URL": "http://plexsphere.test", "PLEXSPHERE_TOKEN": "12345678-token",
           "HTTP_PROXY": plane.url.replace("//", "//user:12345678@")}
    answer = refusal(400, detail="12345678-TOKEN 12345678 1234567")
    assert "; *** *** 1234567\n" in answered(plane, answer, *GET + ("--allow-http",), env=env).err


def test_hostile_text_is_masked_in_time_and_a_wide_cell_widens_no_other_row(plane):
    """Both would take minutes or gigabytes if they grew with the square of the text."""
    assert answered(plane, Reply({"detail": "http:" * 12000}, 400)).code == 1
    assert answered(plane, execution([target({"kind": "http:" * 500000})])).code == 1
    rows = answered(plane, page(execution(status="x" * 100000), execution()), *LIST + ("--color", "always")).out.splitlines()
    assert len(rows[1]) > 100000 and max(len(rows[0]), len(rows[2])) < 400
