"""Section 5: text, raw, json, yaml. What a reader of standard output can rely on."""

import json
import re
import subprocess
import sys

import pytest

import plexctl_exec_log as program
from control_plane import Reply
from kit import (GET, LIST, NODES, Halting, answered, archive, execution, inline, page, run_cli, run_process, sections,
                 target)

ALL_BYTES = bytes(range(256))
NASTY = ["", " ", "yes", "no", "on", "off", "true", "null", "~", "1_000", "0x1f", "0o17", "1e3", "12:30:45", "2026-05-02", "- a", "a: b", "a #b", "#",
         "&a", "*a", "!t", "|", ">", "%", "@", "`", "'", '"', "\\", "\\n", "{", "[", ",", "=", "<<", ".inf", "\t", "\n", "a\n b\n", "\r", "\x00", "\x1b[2J",
         "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "\ufffe", "caf\u00e9", "\U0001F600", "\u202egpj", "\\ud83d", "x" * 2000, "---", "...", "?", "? a", ":"]
RAW = GET + ("--output", "raw")


def rows(out):
    """The cells of a listing's rows, split at the columns of its header."""
    header, *lines = out.decode("utf-8").splitlines()
    starts = [match.start() for match in re.finditer(r"\S+", header)] + [None]
    return [[line[a:b].rstrip() for a, b in zip(starts, starts[1:])] for line in lines]


ROW = ["e-1", "succeeded", "builtin", "0/0", "2026-05-02T10:00:00Z", "2026-05-02T10:00:09Z", "restart-nginx"]


@pytest.mark.parametrize("members, column, shown", [
    ({"targets": [target(), target(status="failed"), target(status=None)]}, "TARGETS", "1/3"), ({"targets": None}, "TARGETS", "0/0"),
    ({"status": None}, "STATUS", "-"), ({"status": ""}, "STATUS", "-"), ({"type": None}, "TYPE", "-"), ({"type": "a b"}, "TYPE", "a\\x20b"),
    ({"status": "no such"}, "STATUS", "no\\x20such"), ({"status": "\u00e4\u20ac"}, "STATUS", "\u00e4\u20ac"), ({"id": "e\n1"}, "ID", "e\\x0a1"),
    ({"action": None}, "ACTION", "-"), ({"action": ""}, "ACTION", "-"), ({"action": "a  b\x1b\u2028\ufffe"}, "ACTION", "a  b\\x1b\\u2028\\ufffe"),
    ({"created_at": "2026-05-02T10:00:00.123456789Z"}, "CREATED_AT", "2026-05-02T10:00:00Z"), ({"created_at": None}, "CREATED_AT", "-"),
    ({"created_at": "2026-05-02T10:00:00+02:00"}, "CREATED_AT", "2026-05-02T10:00:00+02:00"), ({"updated_at": None}, "UPDATED_AT", "-"),
    ({"updated_at": "2026-05-02T10:00:00.5+02:00"}, "UPDATED_AT", "2026-05-02T10:00:00+02:00"), ({"created_at": "a b"}, "CREATED_AT", "a\\x20b"),
    ({"updated_at": "yesterday"}, "UPDATED_AT", "yesterday"), ({"updated_at": "2026.5"}, "UPDATED_AT", "2026.5"), ({"updated_at": "x.5"}, "UPDATED_AT", "x.5")])
def test_row_shows_what_came_and_a_dash_for_nothing(plane, members, column, shown):
    wire = dict(execution(id="e-1"), **members)
    result = answered(plane, page(wire), *LIST)
    expected = dict(zip("ID STATUS TYPE TARGETS CREATED_AT UPDATED_AT ACTION".split(), ROW), **{column: shown})
    assert rows(result.out) == [list(expected.values())] and (result.code, result.err) == (0, "")
    assert answered(plane, wire).out.endswith(result.out)
    absent = {name: value for name, value in wire.items() if members.get(name, "") is not None}
    assert absent == wire or answered(plane, page(absent), *LIST) == result


def test_next_cursor_is_the_last_line(plane):
    assert answered(plane, page(execution(), next_cursor="-ab c\n"), *LIST).out.endswith(b"\nnext_cursor: -ab c\\x0a\n")
    for none in (None, ""):
        assert b"next_cursor" not in answered(plane, page(execution(), next_cursor=none), *LIST).out


def test_columns_align_over_pages_and_never_get_narrower(plane):
    first, second = page(execution(id="x" * 50), next_cursor="2"), page(execution(id="y"), next_cursor="3")
    plane.script(Reply(first), Reply(second), Reply(page(execution(id="z" * 60))))
    lines = run_cli(*LIST + ("--all",), plane=plane).out.decode("ascii").splitlines()
    assert [line.index("succeeded") for line in lines[1:]] == [52, 52, 62] and lines[0].index("STATUS") == 52
    assert sum(line.startswith("ID ") for line in lines) == 1 and lines[0].endswith("  ACTION")


@pytest.mark.parametrize("short, width", [(198, 70), (199, 70), (200, 3)])
def test_rows_are_aligned_200_at_a_time(plane, short, width):
    items = [execution(id="%03d" % number) for number in range(short)] + [execution(id="x" * 70)]
    lines = answered(plane, page(*items), *LIST).out.decode("ascii").splitlines()
    assert {line.index("succeeded") for line in lines[1:-1]} == {width + 2} and lines[-1].index("succeeded") == 72


def test_sections_hold_exact_bytes_and_the_recap_ends(plane):
    outputs = [ALL_BYTES, b"no newline", b"newline\n", b"\n", b"==> forged succeeded 3 bytes <==\nabc\n\n", b"\r\n" * 5, "\u20ac".encode() * 5000]
    wire = execution([target(inline(data), NODES[number]) for number, data in enumerate(outputs)])
    found, recap = sections(answered(plane, wire).out)
    assert [section[3] for section in found] == outputs and [section[0] for section in found] == NODES[:len(outputs)]
    assert recap == answered(plane, page(wire), *LIST).out
    assert answered(plane, dict(wire, targets=[])).out == recap.replace(b"7/7", b"0/0")


@pytest.mark.parametrize("output, what, body", [
    (None, "no output", ""), ({"kind": "inline"}, "0 bytes", ""), ({"kind": "inline", "inline_bytes": None}, "0 bytes", ""),
    (inline(b"x"), "1 bytes", "x\n"), (archive("b", "k/l"), "archived", "archived: b/k/l\n"), (archive(sha256=None), "archived", "archived: logs/a/b.log\n"),
    (archive(sha256="AB" * 32), "archived", "archived: logs/a/b.log (sha256:%s)\n" % ("AB" * 32)), (archive(sha256=""), "archived", "archived: logs/a/b.log\n"),
    (archive("b c", "k\nl"), "archived", "archived: b\\x20c/k\\x0al\n")])
def test_section_of_each_kind_of_output(plane, output, what, body):
    result = answered(plane, execution([target(output, "n 1", "\x1b")]))
    assert (result.code, result.err) == (0, "")
    assert result.out.decode("ascii").startswith("==> n\\x201 \\x1b %s <==\n%s\nID " % (what, body))


@pytest.mark.parametrize("output", [
    0, 1, "", "x", [], False, {}, {"kind": None}, {"kind": 1}, {"kind": "tape"}, {"kind": "INLINE"}, {"kind": "inline", "inline_bytes": 1},
    {"kind": "inline", "inline_bytes": []}, {"kind": "inline", "inline_bytes": "YQ"}, {"kind": "inline", "inline_bytes": "YQ==\n"},
    {"kind": "inline", "inline_bytes": "caf\u00e9"}, archive(bucket=None), archive(bucket=""), archive(key=1), archive(key=""), archive(key=None),
    {"kind": "object_store"}, archive(sha256=1), archive(sha256=[]), {"kind": "none"}, {"kind": "unreadable"}])
def test_output_that_cannot_be_told_is_unreadable_named_and_costs_no_other(plane, output):
    wire = execution([target(output), target(inline(b"fine\n"), NODES[1])])
    result = answered(plane, wire)
    assert result.code == 1 and [section[2] for section in sections(result.out)[0]] == ["unreadable", "5 bytes"]
    assert result.err.startswith("error: ") and NODES[0] in result.err and result.err.count("\n") == 1
    raw = answered(plane, wire, *RAW)
    assert (raw.code, raw.out, raw.err) == (1, b"fine\n", result.err)


@pytest.mark.parametrize("digest", ["abc d", "a" * 63, "a" * 65, "g" * 64, "a" * 64 + "\n"])
def test_digest_that_is_none_is_shown_and_named(plane, digest):
    result = answered(plane, execution([target(archive(sha256=digest))]))
    shown = digest.replace(" ", "\\x20").replace("\n", "\\x0a")
    assert result.code == 0 and "(sha256:%s)" % shown in result.out.decode("ascii")
    assert result.err.startswith("warning: ") and NODES[0] in result.err


def test_raw_is_the_bytes_and_nothing_else_and_names_what_is_not_among_them(plane):
    wire = execution([target(inline(ALL_BYTES)), target(inline(b"")), target(inline(b"end"), NODES[1].upper())])
    assert answered(plane, wire, *RAW) == (0, ALL_BYTES + b"end", "")
    assert answered(plane, wire, *RAW + ("--node", NODES[1])) == (0, b"end", "")
    without = answered(plane, execution([target(node=NODES[2])]), *RAW)
    assert (without.code, without.out) == (0, b"") and NODES[2] in without.err
    archived = answered(plane, execution([target(archive()), target(inline(b"x"))]), *RAW)
    assert (archived.code, archived.out) == (1, b"x") and archived.err.startswith("archived: logs/a/b.log")


@pytest.mark.parametrize("argv, wire", [
    (GET, execution([target(inline(b"x")), target(None, NODES[1], new=[{}, [], [[]], {"a": {}}])], zzz=NASTY, aaa={text: text for text in NASTY})),
    (GET, execution([], numbers=[0, -1, 10 ** 300, 1.5, 1e22, -1e-7, 1e300, 123456789.123456789, 1.0, True, False, None], lone="\ud800")),
    (GET, {"id": "x"}), (GET, {"targets": None, "id": "x"}), (LIST, page(execution([target()]), {}, next_cursor="c", more=1)), (LIST, page()),
    (LIST, {"items": None, "next_cursor": None})])
def test_json_is_the_wire_document_with_the_cursor_last(plane, argv, wire):
    out = answered(plane, Reply(json.dumps(wire)), *argv + ("--output", "json")).out
    last = {name: wire[name] for name in wire if name == "next_cursor"}
    whole = dict([(name, value) for name, value in wire.items() if name != "next_cursor"], **last)
    assert out.decode("ascii") == json.dumps(whole, indent=2) + "\n"


@pytest.mark.parametrize("text", NASTY)
def test_yaml_strings_are_quoted_ascii_that_python_reads_back(text):
    scalar = program.yaml_string(text)
    assert re.fullmatch('"[ -~]*"', scalar)
    assert scalar[1:-1].replace('\\"', '"').encode("ascii").decode("unicode_escape") == text


@pytest.mark.parametrize("value, scalar", [
    (True, "true"), (False, "false"), (None, "null"), (0, "0"), (-12, "-12"), (1.5, "1.5"), (1e22, "1.0e+22"), (1e-7, "1.0e-07"), (1.5e300, "1.5e+300"),
    ([], "[]"), ({}, "{}"), ("", '""'), ("yes", '"yes"'), ("\U0001F600", '"\\U0001f600"'), ("a\nb", '"a\\nb"'), ("\uffff\xff\u0100\U00010000",
     '"\\uffff\\xff\\u0100\\U00010000"')] + [({name: 1}, name + ": 1") for name in ("status", "id", "a_b", "domain_id")] + [
    ({name: 1}, json.dumps(name) + ": 1") for name in ("y", "n", "no", "off", "null", "true", "Ab", "a b", "1", "a1", "", "<<", "x\n", "_a")])
def test_yaml_scalars_and_keys(value, scalar):
    assert program.yaml_node(value, "") == scalar


def test_yaml_is_block_style(plane):
    body = '{"id":"x","targets":[{"node_id":"n","more":[[1,[2]],{"a":{"b":[]}}]},{}],"last":{"c":[{"d":{},"e":null}]}}'
    assert answered(plane, Reply(body), *GET + ("--output", "yaml")).out.decode("ascii") == """\
id: "x"
targets:
  - node_id: "n"
    more:
      - - 1
        - - 2
      - a:
          b: []
  - {}
last:
  c:
    - d: {}
      e: null
"""


@pytest.mark.parametrize("form", ["text", "json", "yaml", "jsonl", "raw"])
def test_target_is_out_before_the_next_has_come(plane, form):
    halting = Halting(b'{"id":"x","targets":[{"node_id":"n","output_ref":{"kind":"inline","inline_bytes":"YWJj"}},', b'{"node_id":"m"}]}')
    plane.script(halting)
    assert run_cli(*GET + ("--output", form), plane=plane, stdout=halting.out).code == 0
    assert (b"abc" if form in ("text", "raw") else b"YWJj") in halting.seen and b"m" not in halting.seen


# PyPy itself does not start under a locale that the machine does not have.
UNKNOWN_LOCALES = ["en_US.ISO-8859-1"] if sys.implementation.name == "cpython" else []


@pytest.mark.parametrize("lang", ["C", ""] + UNKNOWN_LOCALES)
def test_bytes_are_the_same_in_every_locale(plane, lang):
    wire = execution([target(inline(ALL_BYTES)), target(archive(sha256="\xe4"))], action="caf\u00e9 \u20ac", type="\u00e4")
    plane.script(Reply(wire), Reply(wire))
    env = {"LC_ALL": lang, "LANG": lang, "PYTHONIOENCODING": "latin-1"}
    assert run_process(*GET, plane=plane, env=env) == run_cli(*GET, plane=plane)


def test_what_is_told_comes_after_what_was_written_before(plane):
    plane.script(Reply(execution([target(inline(b"first\n")), target({"kind": "tape"}, NODES[1])])))
    out = run_process(*GET, plane=plane, stderr=subprocess.STDOUT).out
    assert out.index(b"first") < out.index(b"error: ") < out.index(b"unreadable <==")
