"""Section 9: the live line on standard error, as a person at a terminal sees it, and the hint below a first page."""

import contextlib
import os
import re
import threading

import pytest

from kit import (GET, LIST, ByteScreen, encode, error_lines, execution, inline, make_command, page, posix_only, rule,
                 run_cli, target)
from kit_terminal import CTRL_C, Session, draw_screen, drip_body
from server import Reply

ITEM, TARGET = encode(execution()), encode(target(inline(b"out\n")))
HEAD = {"list": b'{"items":[' + ITEM, "get": encode(execution())[:-1].replace(b'"targets":[],', b"")}
HEAD["get"] += b',"targets":[' + TARGET
MORE = {"list": b"," + ITEM, "get": b"," + TARGET}
ALL = LIST + ("--all",)
#: What the line says: pages and Executions, targets and bytes.
COUNTS = {"list": r"\d+ pages?, \d+ executions?\b", "get": r"\d+ targets?, \d[\d.,]* ?\w+"}


def slow(kind, seen=None, more=None, end=b"]}", count=400):
    """An answer that goes on, piece by piece, until it was seen or so many pieces have been sent."""
    body = drip_body(HEAD[kind], more or MORE[kind], end, seen or threading.Event(), count)
    return Reply(body, framing="chunked", pause=0.01)


# ---- where it is shown

SHOWN = {
    "list --all > file": ("list", ALL, "file"), "list --all > /dev/null": ("list", ALL, os.devnull),
    "list --since > file": ("list", LIST + ("--since", "2020-01-01", "--output", "json"), "file"),
    "list --failed > file": ("list", LIST + ("--failed",), "file"), "get > file": ("get", GET, "file"),
    "list --last": ("list", LIST + ("--last", "1"), "terminal"),
    "list --last > /dev/null": ("list", LIST + ("--last", "1"), os.devnull),
    "get --output-dir": ("get", GET + ("--output-dir", "FOLDER"), "terminal"),
    "get --output raw > /dev/null": ("get", GET + ("--output", "raw"), os.devnull)}


@posix_only
@rule("9.5")
@pytest.mark.parametrize("kind, argv, stdout", [SHOWN[name] for name in SHOWN], ids=list(SHOWN))
def test_long_read_shows_a_live_line_which_is_gone_at_the_end(plane, tmp_path, kind, argv, stdout):
    seen = threading.Event()
    plane.script(slow(kind, seen))
    argv = [str(tmp_path / "out") if argument == "FOLDER" else argument for argument in argv]
    with Session(make_command(*argv), plane, stdout=tmp_path / "file" if stdout == "file" else stdout) as session:
        session.wait_for(COUNTS[kind])
        seen.set()
        result = session.finish()
    assert not re.search(r"(?<!\d)1 (pages|executions|targets|bytes)\b", result.err)
    # The error comes several times.
    lines = [line for line in draw_screen(result.err) if not line.startswith("error: target ")]
    if stdout == "terminal":
        header, row, rest = lines
        assert header.startswith("ID ") and row.endswith("restart-nginx") and rest == ""
    else:
        assert lines == [""] and result.code == 0


@posix_only
@rule("9.5", "9.1")
def test_wait_shows_one_live_line_which_is_gone_when_the_output_begins(plane):
    final = Reply(execution([target(inline(b"done\n"))]))
    plane.script(Reply(execution(status="started")), final, final)
    with Session(make_command(*GET + ("--wait",)), plane) as session:
        session.wait_for("status: started")
        result = session.finish()
    lines = draw_screen(result.err)
    assert result.code == 0 and result.err.count("\n") == 5 and "status: started" not in "".join(lines)
    assert lines[0].endswith("succeeded 5 bytes <==") and lines[1:3] == ["done", ""]


@posix_only
@rule("9.5", "5.10")
@pytest.mark.parametrize("status", ["x" * 300, "a\nb\x1b[2J" * 40], ids=["long", "hostile"])
def test_live_line_is_one_line_of_printable_characters_that_does_not_wrap(plane, status):
    plane.script(Reply(execution(status=status)))
    with Session(make_command(*GET + ("--wait",)), plane) as session:
        session.wait_for("status: \\S{50}")
        session.press(CTRL_C)
        shown = session.finish().err
    assert "\n" not in shown and draw_screen(shown) == [""]
    assert all(text.isprintable() and len(text) < 80 for text in re.split("\r|\x1b\\[K", shown))


@posix_only
@rule("9.5")
def test_live_line_counts_one_and_more(plane):
    seen = threading.Event()
    plane.script(slow("list", seen, b" ", b'],"next_cursor":"c"}'), slow("list", None, b" "))
    with Session(make_command(*ALL), plane, stdout=os.devnull) as session:
        session.wait_for(r"(?<!\d)1 page, 0 executions\b")
        seen.set()
        session.wait_for(r"(?<!\d)2 pages, 1 execution\b")


@posix_only
@rule("9.5")
def test_live_line_counts_targets_and_bytes_as_they_come(plane):
    plane.script(slow("get"))
    with Session(make_command(*GET), plane, stdout=os.devnull) as session:
        session.wait_for(r"(?<!\d)1 target, [1-9]")
        session.wait_for(r"(?<!\d)3 targets, [1-9]")


# ---- where it is not

LAST = LIST + ("--last", "1")
#: Where stdout goes, and whether the program is in the foreground, for runs that would show a line elsewhere.
HIDDEN = {
    "list": [(ALL, "pipe", "foreground"), (LAST, "pipe", "foreground"), (ALL, "terminal", "foreground"),
             (ALL, os.devnull, "background"), (LAST, "terminal", "background")],
    "get": [(GET, "pipe", "foreground"), (GET + ("--output-dir", "FOLDER1"), "pipe", "foreground"),
            (GET, "terminal", "foreground"), (GET, os.devnull, "background"),
            (GET + ("--output-dir", "FOLDER2"), "terminal", "background")]}


@posix_only
@rule("9.5")
@pytest.mark.parametrize("kind", sorted(HIDDEN))
def test_no_live_line_beside_a_reader_on_a_terminal_that_is_written_or_in_the_background(plane, tmp_path, kind):
    plane.script(*[slow(kind, count=30) for _ in HIDDEN[kind]])
    with contextlib.ExitStack() as stack:
        sessions = []
        for argv, stdout, place in HIDDEN[kind]:
            argv = [argument.replace("FOLDER", str(tmp_path / "out")) for argument in argv]
            sessions.append(stack.enter_context(Session(make_command(*argv), plane, stdout=stdout, place=place)))
        for (argv, stdout, _), session in zip(HIDDEN[kind], sessions):
            result = session.finish()
            assert "--output-dir" in argv or result.code == 0
            assert "\r" not in result.err and not re.search(COUNTS[kind], result.err)
            assert stdout == "terminal" or "--output-dir" in argv or result.err == ""


@posix_only
@rule("9.5", "9.4")
def test_no_live_line_on_a_terminal_that_interprets_no_escapes(plane):
    plane.script(slow("list", count=3))
    with Session(make_command(*ALL), plane, env={"TERM": "dumb"}, stdout=os.devnull) as session:
        assert session.finish().err == ""


@rule("9.5")
@pytest.mark.parametrize("argv", [ALL, LIST + ("--last", "1")], ids=["all", "last"])
def test_no_live_line_on_a_stderr_that_is_no_terminal(plane, argv):
    plane.script(*[Reply(page(execution(), next_cursor=cursor)) for cursor in ("a", "b", None)])
    result = run_cli(*argv, plane=plane)
    assert (result.code, result.err) == (0, "")


@posix_only
@rule("9.5", "9.1")
def test_wait_beside_a_reader_tells_the_status_on_lines(plane):
    plane.script(Reply(execution(status="started")))
    with Session(make_command(*GET + ("--wait",)), plane, stdout="pipe") as session:
        session.wait_for("status: started")
        session.press(CTRL_C)
        result = session.finish()
    assert result.err == "status: started\n"


# ---- it leaves nothing behind

@posix_only
@rule("9.5", "6.2")
@pytest.mark.parametrize("ending, label", [
    ([Reply({}, 404)], "error"), ([Reply({}, 503, [("Retry-After", "0")]), Reply(page())], "retry"),
    ([Reply(page(execution()), cut=30)], "error"), ([Reply(page(next_cursor="c"))], "error")],
    ids=["404", "retry", "cut", "repeated cursor"])
def test_live_line_is_gone_before_another_line(plane, tmp_path, ending, label):
    seen = threading.Event()
    plane.script(slow("list", seen, None, b'],"next_cursor":"c"}'), *ending)
    with Session(make_command(*ALL), plane, stdout=tmp_path / "file") as session:
        session.wait_for(COUNTS["list"])
        seen.set()
        result = session.finish()
    lines = draw_screen(result.err)
    assert lines[0].startswith(label + ": ") and lines[-1] == "" and len(lines) <= 3
    assert all(re.match("error: |hint: |retry: ", line) for line in lines[:-1])


# ---- 9.6: the hint below a first page

FIRST = page(execution(), next_cursor="c")


@rule("9.6")
@pytest.mark.parametrize("terminals", [("stderr",), ("stdout", "stderr")], ids=["pipe", "terminal"])
@pytest.mark.parametrize("flags", [(), ("--limit", "1"), ("--status", "failed"), ("--cursor", "b")], ids=" ".join)
def test_page_that_is_not_the_last_hints_at_what_goes_further(plane, terminals, flags):
    plane.script(Reply(FIRST))
    result = run_cli(*LIST + flags, plane=plane, terminals=terminals)
    hint, = error_lines(result, "hint")
    assert result.code == 0 and result.err == "hint: %s\n" % hint and b"hint" not in result.out
    assert "oldest" in hint and all(flag in hint for flag in ("--last N", "--since", "--all"))


@rule("9.6")
@pytest.mark.parametrize("flags, pages", [
    (("--output", "json"), [FIRST]), (("--output", "yaml"), [FIRST]), (("--output", "jsonl"), [FIRST]),
    (("--all",), [FIRST, page()]), (("--last", "1"), [FIRST, page()]), (("--failed",), [FIRST, page()]),
    (("--since", "2020-01-01"), [FIRST, page()]), (("--until", "2030-01-01"), [FIRST, page()]),
    ((), [page(execution())]), ((), [page(execution(), next_cursor=None)]), ((), [page(next_cursor="")])],
    ids=lambda value: " ".join(value) or "last page" if isinstance(value, tuple) else "")
def test_no_hint_in_other_forms_after_a_walk_and_at_the_last_page(plane, flags, pages):
    plane.script(*map(Reply, pages))
    result = run_cli(*LIST + flags, plane=plane, terminals=("stdout", "stderr"))
    assert result.code == 0 and "hint" not in result.err


@rule("9.6")
@pytest.mark.parametrize("terminals", [(), ("stdout",)], ids=["pipe", "terminal"])
def test_no_hint_where_stderr_is_no_terminal(plane, terminals):
    plane.script(Reply(FIRST))
    assert run_cli(*LIST, plane=plane, terminals=terminals).err == ""


@posix_only
@rule("9.6")
@pytest.mark.parametrize("stdout", ["terminal", "pipe", "file"])
def test_hint_is_on_a_real_terminal_wherever_stdout_goes_and_comes_last(plane, tmp_path, stdout):
    plane.script(Reply(FIRST))
    with Session(make_command(*LIST), plane, stdout=tmp_path / "file" if stdout == "file" else stdout) as session:
        result = session.finish()
    lines = draw_screen(result.err)
    assert result.code == 0 and lines[-2].startswith("hint: ") and lines[-1] == ""
    assert lines[-3:-2] == (["next_cursor: c"] if stdout == "terminal" else [])


@rule("9.6", "6.2")
def test_page_that_breaks_has_the_hint_of_its_error_alone(plane):
    plane.script(Reply(FIRST, cut=len(encode(FIRST)) - 2))
    result = run_cli(*LIST, plane=plane, stdout=ByteScreen(), terminals=("stderr",))
    assert result.code == 1 and "--last" not in result.err
