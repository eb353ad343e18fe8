"""Section 5, terminal safety, and --color of section 9: hostile text on a terminal is shown, not done."""

import io
import os
import re

import pytest

from control_plane import Reply
from kit import GET, LIST, NODES, answered, archive, execution, inline, page, run_cli, target
from kit_streams import load_module, on_terminal

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")

PROGRAM = load_module()
RESET = b"\x1b[0m"

# What a terminal may be given as it is.
PASSING = [
    b"", b"plain text, 7-bit: ~ ! \\ \"\n", b"a\tb\nc", b"a\r\nb\r\n", "\u00e9 \u6f22 \U0001f600 \u2500\n".encode(),
    b"\\x1b[2J is only text\n", b"\x1b[m", b"\x1b[1;31mred", b"\x1b[38;2;255;0;0mred", b"\x1b[38:2::255:0:0mred",
    b"\x1b[;;31m", b"\x1b[18m\x1b[80m\x1b[88;5;81m", b"\x1b[" + b"1" * 64 + b"m"]

# (bytes, what a terminal is shown instead)
SHOWN = [
    # operating system commands: title, clipboard, hyperlink, colour query
    (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
    (b"\x1b]52;c;cm0gLXJm\x1b\\", "\\x1b]52;c;cm0gLXJm\\x1b\\"),
    (b"\x1b]8;;http://evil\x1b\\here\x1b]8;;\x1b\\", "\\x1b]8;;http://evil\\x1b\\here\\x1b]8;;\\x1b\\"),
    (b"\x1b]11;?\x07", "\\x1b]11;?\\x07"),
    # cursor, erasing, screens, modes, queries
    (b"\x1b[2J\x1b[H\x1b[1A\x1b[2K", "\\x1b[2J\\x1b[H\\x1b[1A\\x1b[2K"),
    (b"\x1b[?1049h\x1b[?25l\x1b[?2004h", "\\x1b[?1049h\\x1b[?25l\\x1b[?2004h"),
    (b"\x1b[6n\x1b[c\x1b[>c\x1b[21t", "\\x1b[6n\\x1b[c\\x1b[>c\\x1b[21t"),
    (b"\x1bc\x1b7\x1b8\x1bM\x1b(0\x1b#8", "\\x1bc\\x1b7\\x1b8\\x1bM\\x1b(0\\x1b#8"),
    # device control and other strings
    (b"\x1bP$q\"p\x1b\\", "\\x1bP$q\"p\\x1b\\"),
    (b"\x1b_a\x1b\\\x1b^b\x1b\\\x1bXc\x1b\\", "\\x1b_a\\x1b\\\\x1b^b\\x1b\\\\x1bXc\\x1b\\"),
    # C1, raw and in UTF-8
    (b"\x9b2J\x9d0;t\x9c\x90q\x85\x84\x80\x9f", "\\x9b2J\\x9d0;t\\x9c\\x90q\\x85\\x84\\x80\\x9f"),
    ("\x9b2J\x9d0;t\x9c\x90q\x85\x84\x80\x9f".encode(), "\\x9b2J\\x9d0;t\\x9c\\x90q\\x85\\x84\\x80\\x9f"),
    (b"\x9b31mred", "\\x9b31mred"),
    # C0 and DEL
    (b"a\rb", "a\\x0db"), (b"a\r", "a\\x0d"), (b"a\r\r\nb", "a\\x0d\r\nb"), (b"a\n\rb", "a\n\\x0db"),
    (b"a\b\b\x7f", "a\\x08\\x08\\x7f"), (b"\0\x07\x0b\x0c\x0e\x0f\x18\x1a", "\\x00\\x07\\x0b\\x0c\\x0e\\x0f\\x18\\x1a"),
    # characters that are not seen, or turn the line round
    ("\u202e\u2066\u2069\u200f\u061c".encode(), "\\u202e\\u2066\\u2069\\u200f\\u061c"),
    ("\u200b\u200d\ufeff\xad\u2028\u2029\xa0\u3000".encode(), "\\u200b\\u200d\\ufeff\\xad\\u2028\\u2029\\xa0\\u3000"),
    ("\U000e0041\U0010ffff\ue000".encode(), "\\U000e0041\\U0010ffff\\ue000"),
    # no UTF-8
    (b"\xff\xfe \xc3", "\\xff\\xfe \\xc3"), (b"\xe2\x82", "\\xe2\\x82"), (b"\xc0\x9b", "\\xc0\\x9b"),
    (b"\xed\xa0\xbd\xed\xb2\x80", "\\xed\\xa0\\xbd\\xed\\xb2\\x80"), (b"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"),
    # SGR that conceals
    (b"\x1b[8mx", "\\x1b[8mx"), (b"\x1b[08m\x1b[0008m", "\\x1b[08m\\x1b[0008m"), (b"\x1b[1;8m", "\\x1b[1;8m"),
    (b"\x1b[8;1m", "\\x1b[8;1m"), (b"\x1b[1;8;3m", "\\x1b[1;8;3m"), (b"\x1b[;8m", "\\x1b[;8m"),
    (b"\x1b[8:1m\x1b[1:8m", "\\x1b[8:1m\\x1b[1:8m"), (b"\x1b[31;08;1m", "\\x1b[31;08;1m"),
    # what only resembles SGR
    (b"\x1b[" + b"1" * 65 + b"m", "\\x1b[" + "1" * 65 + "m"), (b"\x1b[>4;2m\x1b[?1m", "\\x1b[>4;2m\\x1b[?1m"),
    (b"\x1b[1 m\x1b[ q\x1b[1$m\x1b[1\nm", "\\x1b[1 m\\x1b[ q\\x1b[1$m\\x1b[1\nm"),
    ("\x1b[\u0661m".encode(), "\\x1b[\u0661m"), (b"\x1b\x1b[31mred", "\\x1b\x1b[31mred"),
    (b"\x1b]0;\x1b[31m\x07", "\\x1b]0;\x1b[31m\\x07"),
    # cut off by the end of the output
    (b"a\x1b", "a\\x1b"), (b"a\x1b[", "a\\x1b["), (b"a\x1b[31", "a\\x1b[31"), (b"a\x1b]0;t", "a\\x1b]0;t"),
    (b"a\x1bP", "a\\x1bP"), (b"a\xf0\x9f\x98", "a\\xf0\\x9f\\x98")]
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
    assert PROGRAM.terminal_safe(data) == shown + (RESET if b"\x1b" in shown else b"")


def test_every_character_passes_if_it_is_printable_and_is_escaped_otherwise():
    for code in list(range(0xA0, 0x3100)) + list(range(0xE000, 0xE010)) + list(range(0xFE00, 0x10010)):
        shown = PROGRAM.terminal_safe(chr(code).encode()).decode()
        assert shown == (chr(code) if chr(code).isprintable() else
                         "\\x%02x" % code if code < 0x100 else "\\u%04x" % code if code < 0x10000 else "\\U%08x" % code)


@pytest.mark.parametrize("text, visible, framed", [
    ("plain", "plain", "plain"), ("", "", "-"), (" ", " ", "\\x20"), ("a b", "a b", "a\\x20b"),
    ("\u00e9\u6f22\U0001f600", "\u00e9\u6f22\U0001f600", "\u00e9\u6f22\U0001f600"), ("\\x0a", "\\x0a", "\\x0a"),
    ("\n\r\t\0", "\\x0a\\x0d\\x09\\x00", "\\x0a\\x0d\\x09\\x00"), ("\x1b[31m", "\\x1b[31m", "\\x1b[31m"),
    ("\xa0\u3000\u2028", "\\xa0\\u3000\\u2028", "\\xa0\\u3000\\u2028"), ("\x9b\x7f", "\\x9b\\x7f", "\\x9b\\x7f"),
    ("\ud800\udc80", "\\ud800\\udc80", "\\ud800\\udc80"), ("\U000e0041", "\\U000e0041", "\\U000e0041"),
    (HOSTILE, VISIBLE, FRAMED)])
def test_server_text_is_one_line_and_a_blank_is_seen_where_it_would_end_the_text(text, visible, framed):
    assert (PROGRAM.visible(text), PROGRAM.framed(text)) == (visible, framed)


def test_nothing_is_framed_as_a_dash():
    assert PROGRAM.framed(None) == "-"


# ---- outputs, whole runs

def many_outputs():
    """An Execution with a target for each case, and its sections but for the bodies."""
    nodes = ["%08x-0000-4000-8000-000000000000" % number for number in range(len(CASES))]
    targets = [target(inline(data), node) for node, (data, _) in zip(nodes, CASES)]
    headers = ["==> %s succeeded %d bytes <==\n" % (node, len(data)) for node, (data, _) in zip(nodes, CASES)]
    return execution(targets), [header.encode() for header in headers]


def sections_of(headers, bodies):
    ended = [body if body.endswith(b"\n") or not body else body + b"\n" for body in bodies]
    return b"".join(header + body + b"\n" for header, body in zip(headers, ended))


def test_text_on_a_terminal(plane):
    wire, headers = many_outputs()
    plane.script(Reply(wire))
    result = on_terminal(*GET + ("--color", "never"), plane=plane)
    assert result.code == 0 and not result.err
    assert result.out.replace(RESET, b"").startswith(sections_of(headers, [shown for _, shown in CASES]) + b"ID ")


def test_raw_on_a_terminal(plane):
    plane.script(Reply(many_outputs()[0]))
    result = on_terminal(*GET + ("--output", "raw"), plane=plane)
    assert result.code == 0 and result.out.replace(RESET, b"") == b"".join(shown for _, shown in CASES)


def test_text_into_a_pipe_is_untouched(plane):
    wire, headers = many_outputs()
    result = answered(plane, wire)
    assert result.code == 0 and result.out.startswith(sections_of(headers, [data for data, _ in CASES]) + b"ID ")


@pytest.mark.parametrize("color", ["auto", "always"])
def test_raw_into_a_pipe_is_untouched(plane, color):
    result = answered(plane, many_outputs()[0], *GET + ("--output", "raw", "--color", color))
    assert result.code == 0 and result.out == b"".join(data for data, _ in CASES)


def test_stdout_decides_for_stdout_and_not_stderr(plane):
    plane.script(*[Reply(execution([target(inline(b"\x1b[2J\n"))]))] * 2)
    assert on_terminal(*GET, streams=("stderr",), plane=plane).out.count(b"\x1b[2J\n") == 1
    assert on_terminal(*GET, streams=("stdout",), plane=plane).out.count(b"\\x1b[2J\n") == 1


@pytest.mark.parametrize("form", ["text", "raw"])
def test_colour_is_reset_after_each_section(plane, form):
    outputs = [b"\x1b[31mred", b"\x1b[32mgreen\n", b"\x1b[33;1m"]
    plane.script(Reply(execution([target(inline(data), node) for data, node in zip(outputs, NODES)])))
    out = on_terminal(*GET + ("--output", form, "--color", "never"), plane=plane).out
    for data, following in zip(outputs, outputs[1:] + [b"ID " if form == "text" else b""]):
        section, out = out.split(data, 1)[1], out.split(data, 1)[1]
        assert RESET in section[:section.index(following) if following else None].split(b"==>")[0]


@pytest.mark.parametrize("form", ["json", "jsonl", "yaml"])
def test_documents_are_ascii_on_a_terminal_too(plane, form):
    plane.script(Reply(execution([target(archive(HOSTILE), HOSTILE, **{HOSTILE: HOSTILE})], status=HOSTILE)))
    out = on_terminal(*GET + ("--output", form, "--color", "always"), plane=plane).out.decode("ascii")
    assert out.replace("\n", "").isprintable() and len(honest_lines(out)) == {"json": 24, "yaml": 18, "jsonl": 1}[form]


# ---- names, keys, ids, statuses

@pytest.mark.parametrize("wire, shown, code", [
    (execution([target(inline(b"y\n"), HOSTILE)]), "==> %s succeeded 2 bytes <==" % FRAMED, 0),
    (execution([target(archive("b", "k", sha256=HOSTILE))]), "archived: b/k (sha256:%s)" % FRAMED, 0),
    (execution([target({"kind": HOSTILE})]), VISIBLE, 1),
    (execution([target({"kind": [HOSTILE]}, HOSTILE)]), "==> %s succeeded unreadable <==" % FRAMED, 1),
    (execution(status=HOSTILE), " %s  builtin " % FRAMED, 0)])
def test_server_text_in_a_get_is_one_line(plane, wire, shown, code):
    result = answered(plane, wire)
    lines = honest_lines(result.out.decode("utf-8") + result.err)
    assert result.code == code and any(shown in line for line in lines)


EVERYTHING = dict.fromkeys(("id", "status", "type", "action", "created_at", "updated_at"), HOSTILE)
CELLS = [FRAMED] * 3 + ["0/1"] + [FRAMED] * 2 + [VISIBLE]


def test_get_of_nothing_but_hostile_text_keeps_its_frame(plane):
    wire = execution([target(archive(HOSTILE, HOSTILE), HOSTILE, HOSTILE)], **EVERYTHING)
    plane.script(*[Reply(wire)] * 3)
    runs = [run_cli(*GET + ("--color", color), plane=plane) for color in ("never", "always")]
    for result in runs + [on_terminal(*GET, plane=plane)]:
        header, archived, empty, _, row = honest_lines(unpainted(result.out).decode("utf-8"))
        assert (result.code, header, empty) == (0, "==> %s %s archived <==" % (FRAMED, FRAMED), "")
        assert archived == "archived: %s/%s" % (FRAMED, FRAMED) and re.split("  +", row) == CELLS


@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_list_of_nothing_but_hostile_text_keeps_its_frame(plane, form):
    wire = page(execution([target(status=HOSTILE)], **EVERYTHING), next_cursor=HOSTILE)
    plane.script(*[Reply(wire)] * 2)
    argv = LIST + ("--output", form, "--color", "always")
    for result in (run_cli(*argv, plane=plane), on_terminal(*argv, plane=plane)):
        lines = honest_lines(unpainted(result.out).decode("utf-8") + result.err)
        assert (result.code, lines[-1]) == (0, "next_cursor: " + VISIBLE)
        assert len(lines) == 2 if form == "jsonl" else len(lines) == 3 and re.split("  +", lines[1]) == CELLS


def test_blank_in_a_column_is_seen(plane):
    wire = dict.fromkeys(EVERYTHING, "a  b")
    row = answered(plane, page(execution(**wire)), *LIST).out.decode().split("\n")[1]
    assert row.split(None, 6) == ["a\\x20\\x20b"] * 3 + ["0/0"] + ["a\\x20\\x20b"] * 2 + ["a  b"]


# ---- stderr

def refusal(status, headers=(), **problem):
    return Reply(problem, status, headers)


def spoken(status_line, *headers):
    """A whole response with nothing in it, sent as it is."""
    return "\r\n".join(("HTTP/1.1 " + status_line,) + headers + ("Content-Length: 0", "", "")).encode("latin-1")


@pytest.mark.parametrize("answer, argv, shown, code", [
    (refusal(403, code="rebac_denied", correlation_id=HOSTILE), GET, VISIBLE, 77),
    (refusal(403, relation_path=["a", HOSTILE]), GET, "a > " + VISIBLE, 4),
    (Reply("", 302, [("Location", HEADER)]), GET, VISIBLE_HEADER, 1),
    (Reply("{}", 200, [("Content-Encoding", HEADER)]), GET, "encoded as " + VISIBLE_HEADER, 1),
    (spoken("404 x\rerror: forged\x85."), GET, "error: HTTP 404 x\\x0derror: forged\\x85.", 1),
    (spoken(HEADER), GET, "", 1),
    (Reply(execution(), 200, [("X-Any", HEADER)]), GET + ("-v",), "< X-Any: " + VISIBLE_HEADER, 0),
    (spoken("404 " + HEADER), GET + ("-v",), "< HTTP/1.1 404 " + VISIBLE_HEADER, 1),
    (Reply('\x1b[2J'), GET, "found \\x1b", 1),
    (Reply(execution([target({"kind": HOSTILE})])), GET + ("--output", "raw"), VISIBLE, 1),
    (Reply(execution([target(archive(HOSTILE, HOSTILE), HOSTILE)])), GET + ("--output", "raw"),
     "archived: %s/%s" % (FRAMED, FRAMED), 1),
    (Reply(execution([target(node=HOSTILE)])), GET + ("--output", "raw"), FRAMED, 0),
    (Reply(execution([target(archive("b", "k", sha256=HOSTILE))])), GET + ("--output", "raw"), VISIBLE, 1),
    (Reply(execution(status=HOSTILE)), GET + ("--wait", "--wait-timeout", "0.5"), "status: " + FRAMED, 1)])
def test_server_text_on_stderr_is_one_line(plane, answer, argv, shown, code):
    result = answered(plane, answer, *argv)
    assert result.code == code and any(shown in line for line in honest_lines(result.err))


def test_retry_line_is_one_line(plane):
    plane.script(*[refusal(503, [("Retry-After", "0")], title=HOSTILE)] * 3)
    retries = honest_lines(run_cli(*GET, plane=plane).err)[:2]
    assert all(line.startswith("retry: HTTP 503 " + VISIBLE) for line in retries)


def test_repeated_cursor_is_told_in_one_line(plane):
    plane.script(*[Reply(page(next_cursor=HOSTILE[:-1]))] * 4)
    result = run_cli(*LIST + ("--all",), plane=plane)
    assert result.code == 1 and any(VISIBLE[:-6] in line for line in honest_lines(result.err))


def test_cursor_that_no_url_can_hold_is_told_in_one_line(plane):
    result = answered(plane, page(next_cursor=HOSTILE), *LIST + ("--all",))
    assert result.code == 1 and len(plane.requests) == 1
    assert [line[:7] for line in honest_lines(result.err)] == ["error: "]


def test_output_dir_tells_names_in_one_line(plane, tmp_path):
    wire = execution([target(inline(b"y"), HOSTILE), target(archive("b", "../" + HOSTILE), NODES[1])])
    result = answered(plane, wire, *GET + ("--output-dir", str(tmp_path / "new")))
    lines = honest_lines(result.err)
    assert result.code == 1 and len(lines) == 2 and FRAMED in lines[0] and VISIBLE in lines[1]


def test_error_on_a_terminal_is_one_line(plane):
    plane.script(refusal(403, title=HOSTILE, detail=HOSTILE, code=HOSTILE, reason=HOSTILE, relation_path=[HOSTILE],
                         correlation_id=HOSTILE))
    result = on_terminal(*GET, plane=plane)
    lines = honest_lines(result.err)
    assert (result.code, result.out, len(lines)) == (4, b"", 2)
    assert lines[0].count(VISIBLE) == 6 and lines[1].startswith("hint: ask")


def test_waiting_on_a_terminal_shows_the_status_in_the_live_line(plane):
    plane.script(Reply(execution(status=HOSTILE)))
    result = on_terminal(*GET + ("--wait", "--wait-timeout", "0.5"), plane=plane)
    live, last = result.err.split("\n", 1)[0], result.err.rsplit("\r\x1b[K", 1)[1]
    assert live.startswith("\r\x1b[Kstatus: " + FRAMED[:40]) and result.code == 1
    assert live.replace("\r\x1b[K", "").isprintable()
    assert any(line.startswith("error: ") for line in honest_lines(last))


# ---- colour

@pytest.mark.parametrize("color, terminal, env, coloured", [
    ("auto", True, {}, True), ("auto", False, {}, False), ("auto", True, {"NO_COLOR": "1"}, False),
    ("auto", True, {"TERM": "dumb"}, False), ("auto", True, {"TERM": "xterm"}, True), ("always", False, {}, True),
    ("always", True, {"NO_COLOR": "1", "TERM": "dumb"}, True), ("never", True, {}, False)])
def test_colour(plane, color, terminal, env, coloured):
    wire = execution([target(inline(b"y\n")), target(archive(), NODES[1], "failed"), target(node=NODES[2])])
    plane.script(Reply(wire))
    result = on_terminal(*GET + ("--color", color), streams=("stdout",) if terminal else (), plane=plane, env=env)
    assert result.code == 0 and (b"\x1b[" in result.out) == coloured


@pytest.mark.parametrize("argv", [LIST, GET], ids=["list", "get"])
def test_colour_changes_nothing_but_colour(plane, argv):
    wire = execution([target(inline(b"y\n")), target(archive(), NODES[1], "failed"), target(node=NODES[2])])
    others = [execution(status=status) for status in ("failed", "timeout", "ack", "no such status")]
    plane.script(*[Reply(page(wire, *others) if argv == LIST else wire)] * 2)
    plain, coloured = [run_cli(*argv + ("--color", color), plane=plane).out for color in ("never", "always")]
    assert unpainted(coloured) == plain and coloured.count(b"\x1b[1m") > 0
    assert re.search(b"\x1b\\[[0-9]+msucceeded *\x1b\\[0m", coloured) and b"\x1b" not in plain


@pytest.mark.parametrize("argv, form", [
    (GET, "json"), (GET, "yaml"), (GET, "jsonl"), (GET, "raw"), (LIST, "json"), (LIST, "yaml"), (LIST, "jsonl")])
def test_colour_is_never_in_a_document(plane, argv, form):
    wire = execution([target(inline(b"y\n"))])
    plane.script(Reply(page(wire) if argv == LIST else wire))
    result = on_terminal(*argv + ("--output", form, "--color", "always"), plane=plane)
    assert result.code == 0 and result.out and b"\x1b" not in result.out


def test_colour_leaves_inline_outputs_in_a_pipe_alone(plane):
    data = b"\x1b[8mhidden\x1b]0;t\x07\r\xff\n"
    assert data in answered(plane, execution([target(inline(data))]), *GET + ("--color", "always")).out


def test_colour_passes_in_an_inline_output_even_with_color_never(plane):
    plane.script(Reply(execution([target(inline(b"\x1b[31mred\n"))])))
    assert b"\n\x1b[31mred\n" in on_terminal(*GET + ("--color", "never"), plane=plane).out


# ---- progress

@pytest.mark.parametrize("argv, streams, told", [
    (("--all",), ("stderr",), True), (("--all",), ("stdout", "stderr"), False), (("--all",), ("stdout",), False),
    (("--all",), (), False), ((), ("stderr",), False), (("--all", "--output", "json"), ("stderr",), True)])
def test_progress_is_told_where_stderr_is_a_terminal_and_stdout_is_not(plane, argv, streams, told):
    plane.script(Reply(page(execution(), execution(), next_cursor="c")), Reply(page(execution())))
    result = on_terminal(*LIST + argv, streams=streams, plane=plane)
    assert result.code == 0 and ("2 pages, 3 executions" in result.err) == told
    assert bool(result.err) == told and b"pages" not in result.out


@pytest.mark.parametrize("secrets, line, shown", [
    (["12345678", "123456789"], "123456789", "***"), (["12345678", "1234567"], "12345678 1234567", "*** 1234567"),
    (["Secret-Token"], "secret-token", "***")])
def test_secrets_are_masked_whole_in_any_case(secrets, line, shown):
    stream = io.StringIO()
    PROGRAM.Console(stream, secrets).line(line)
    assert stream.getvalue() == shown + "\n"


def test_live_line_is_erased_once():
    stream = io.StringIO()
    console = PROGRAM.Console(stream, [])
    console.live("a")
    console.line("b")
    console.line("c")
    assert stream.getvalue() == "\r\x1b[Ka\r\x1b[Kb\nc\n"
