"""Section 5: text, raw, json, yaml. What a reader of standard output can rely on."""

import base64
import json
import re
import sys

import pytest

import plexctl_exec_log as program
from control_plane import DEMO, EXECUTIONS, PROJECT, SHOWCASE, SHOWCASE_NODES, Reply
from kit import EXECUTION, GET, LIST, NODES, answered, archive, execution, inline, page, run_cli, sections, target

ALL_BYTES = bytes(range(256))
NASTY = ["", " ", "yes", "no", "on", "off", "true", "null", "~", "1_000", "0x1f", "0o17", "1e3", "12:30:45", "2026-05-02", "- a", "a: b", "a #b", "#",
         "&a", "*a", "!t", "|", ">", "%", "@", "`", "'", '"', "\\", "\\n", "{", "[", ",", "=", "<<", ".inf", "\t", "\n", "a\n b\n", "\r", "\x00", "\x1b[2J",
         "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "\ufffe", "caf\u00e9", "\U0001F600", "\u202egpj", "\\ud83d\\ude00", "x" * 2000, "---", "...", "?", "? a", ":"]


def rows(out):
    """The cells of a listing's rows, split at the columns of its header."""
    header, *lines = out.decode("utf-8").splitlines()
    starts = [match.start() for match in re.finditer(r"\S+", header)] + [None]
    return [[line[a:b].rstrip() for a, b in zip(starts, starts[1:])] for line in lines if not line.startswith("next_cursor: ")]


def test_list_has_a_row_an_execution(plane):
    wire = page(execution([target(), target(status="failed")], id="e-1", action="a  b"), execution(id="e-2", status=None, type=None, action=None))
    assert rows(answered(plane, wire, *LIST).out) == [
        ["e-1", "succeeded", "builtin", "1/2", "2026-05-02T10:00:00Z", "2026-05-02T10:00:09Z", "a  b"],
        ["e-2", "-", "-", "0/0", "2026-05-02T10:00:00Z", "2026-05-02T10:00:09Z", "-"]]


@pytest.mark.parametrize("members", [{"targets": None}, {}])
def test_null_or_absent_targets_are_none(plane, members):
    wire = dict({"id": "e"}, **members)
    assert rows(answered(plane, page(wire), *LIST).out) == [["e", "-", "-", "0/0", "-", "-", "-"]]
    assert answered(plane, wire).out.count(b"==>") == 0
    plane.script(Reply({"items": None}))
    assert rows(run_cli(*LIST, plane=plane).out) == []


@pytest.mark.parametrize("came, shown", [
    ("2026-05-02T10:00:00.123456789Z", "2026-05-02T10:00:00Z"), ("2026-05-02T10:00:00+02:00", "2026-05-02T10:00:00+02:00"),
    ("2026-05-02T10:00:00.5+02:00", "2026-05-02T10:00:00+02:00"), ("yesterday", "yesterday"), ("", "-"), ("a b", "a\\x20b")])
def test_timestamps_lose_the_fraction_only(plane, came, shown):
    assert rows(answered(plane, page(execution(created_at=came)), *LIST).out)[0][4] == shown


def test_next_cursor_is_the_last_line(plane):
    assert answered(plane, page(execution(), next_cursor="-ab c"), *LIST).out.endswith(b"\nnext_cursor: -ab c\n")
    for none in (None, ""):
        assert b"next_cursor" not in answered(plane, page(execution(), next_cursor=none), *LIST).out


def test_columns_align_over_pages_and_never_get_narrower(plane):
    plane.script(Reply(page(execution(id="x" * 50), next_cursor="2")), Reply(page(execution(id="y"), next_cursor="3")), Reply(page(execution(id="z" * 60))))
    lines = run_cli(*LIST + ("--all",), plane=plane).out.decode("ascii").splitlines()
    assert [line.index("succeeded") for line in lines[1:]] == [52, 52, 62] and lines[0].index("STATUS") == 52
    assert sum(line.startswith("ID ") for line in lines) == 1


def test_rows_are_aligned_200_at_a_time(plane):
    items = [execution(id="%03d" % number) for number in range(200)] + [execution(id="x" * 70)]
    lines = answered(plane, page(*items), *LIST).out.decode("ascii").splitlines()
    assert {line.index("succeeded") for line in lines[1:201]} == {5} and lines[201].index("succeeded") == 72


def test_sections_hold_exact_bytes_and_the_recap_ends(plane):
    outputs = [ALL_BYTES, b"no newline", b"newline\n", b"\n", b"==> forged succeeded 3 bytes <==\nabc\n\n", b"\r\n" * 5, "\u20ac".encode() * 5000]
    wire = execution([target(inline(data), NODES[number]) for number, data in enumerate(outputs)])
    found, recap = sections(answered(plane, wire).out)
    assert [section[3] for section in found] == outputs and [section[0] for section in found] == NODES[:len(outputs)]
    assert recap == answered(plane, page(wire), *LIST).out


@pytest.mark.parametrize("output, what, body", [
    (None, "no output", ""), ({"kind": "inline"}, "0 bytes", ""), ({"kind": "inline", "inline_bytes": None}, "0 bytes", ""),
    (inline(b"x"), "1 bytes", "x\n"), (archive("b", "k/l"), "archived", "archived: b/k/l\n"), (archive(sha256=None), "archived", "archived: logs/a/b.log\n"),
    (archive(sha256="AB" * 32), "archived", "archived: logs/a/b.log (sha256:%s)\n" % ("AB" * 32)),
    (archive("b c", "k\nl"), "archived", "archived: b\\x20c/k\\x0al\n")])
def test_section_of_each_kind_of_output(plane, output, what, body):
    result = answered(plane, execution([target(output)]))
    assert result.code == 0 and result.err == ""
    assert result.out.decode("ascii").startswith("==> %s succeeded %s <==\n%s\nID " % (NODES[0], what, body))


@pytest.mark.parametrize("output", [
    1, "x", [], {}, {"kind": None}, {"kind": 1}, {"kind": "tape"}, {"kind": "INLINE"}, {"kind": "inline", "inline_bytes": 1},
    {"kind": "inline", "inline_bytes": "YQ"}, {"kind": "inline", "inline_bytes": "YQ==\n"}, {"kind": "inline", "inline_bytes": "caf\u00e9"},
    archive(bucket=None), archive(bucket=""), archive(key=1), archive(key=""), {"kind": "object_store"}, archive(sha256=1), archive(sha256=[])])
def test_output_that_cannot_be_told_is_unreadable_and_named(plane, output):
    wire = execution([target(output), target(inline(b"fine\n"), NODES[1])])
    result = answered(plane, wire)
    assert result.code == 1 and [section[2] for section in sections(result.out)[0]] == ["unreadable", "5 bytes"]
    assert result.err.startswith("error: ") and NODES[0] in result.err and result.err.count("\n") == 1
    raw = answered(plane, wire, *GET + ("--output", "raw"))
    assert (raw.code, raw.out) == (1, b"fine\n") and NODES[0] in raw.err


def test_digest_that_is_none_is_shown_and_named(plane):
    result = answered(plane, execution([target(archive(sha256="abc d"))]))
    assert result.code == 0 and b"(sha256:abc\\x20d)" in result.out and NODES[0] in result.err


def test_no_targets_leaves_the_recap_alone(plane):
    assert answered(plane, execution()).out.startswith(b"ID ")


def test_members_in_any_order(plane):
    wire = execution([target(inline(b"x\n"))])
    forward, backward = (json.dumps(dict(items)).encode() for items in (wire.items(), reversed(list(wire.items()))))
    assert answered(plane, Reply(forward)).out == answered(plane, Reply(backward)).out


def test_raw_is_the_bytes_and_nothing_else(plane):
    wire = execution([target(inline(ALL_BYTES)), target(inline(b"")), target(inline(b"end"), NODES[1])])
    assert answered(plane, wire, *GET + ("--output", "raw")).out == ALL_BYTES + b"end"
    assert answered(plane, wire, *GET + ("--output", "raw", "--node", NODES[1])).out == b"end"


def test_raw_names_what_is_not_among_the_bytes(plane):
    without = answered(plane, execution([target(node=NODES[2])]), *GET + ("--output", "raw"))
    assert (without.code, without.out) == (0, b"") and NODES[2] in without.err
    archived = answered(plane, execution([target(archive()), target(inline(b"x"))]), *GET + ("--output", "raw"))
    assert (archived.code, archived.out) == (1, b"x") and archived.err.startswith("archived: logs/a/b.log")


# PyPy itself does not start under a locale that the machine does not have.
UNKNOWN_LOCALES = ["en_US.ISO-8859-1"] if sys.implementation.name == "cpython" else []


@pytest.mark.parametrize("lang", ["C", "POSIX", "C.UTF-8", ""] + UNKNOWN_LOCALES)
def test_bytes_are_the_same_in_every_locale(plane, lang):
    wire = execution([target(inline(ALL_BYTES))], action="caf\u00e9 \u20ac", status="\u00e4")
    env = {"LC_ALL": lang, "LANG": lang, "PYTHONIOENCODING": "latin-1"}
    text = answered(plane, wire, env=env)
    assert ALL_BYTES in text.out and "caf\u00e9 \u20ac".encode("utf-8") in text.out
    assert answered(plane, wire, *GET + ("--output", "raw"), env=env).out == ALL_BYTES


@pytest.mark.parametrize("argv, wire", [
    (GET, execution([target(inline(b"x")), target(None, NODES[1], new=[{}, [], [[]], {"a": {}}])], zzz=NASTY, aaa={text: text for text in NASTY})),
    (GET, execution([], numbers=[0, -1, 10 ** 300, 1.5, 1e22, -1e-7, 1e300, 123456789.123456789, True, False, None])),
    (GET, {"id": "x"}), (GET, {"targets": None, "id": "x"}), (LIST, page(execution([target()]), {}, next_cursor="c", more=1)), (LIST, page()),
    (LIST, {"items": None, "next_cursor": None})])
def test_json_is_the_wire_document(plane, argv, wire):
    out = answered(plane, Reply(json.dumps(wire)), *argv + ("--output", "json")).out
    last = {name: wire[name] for name in wire if name == "next_cursor"}
    whole = dict([(name, value) for name, value in wire.items() if name != "next_cursor"], **last)
    assert out.decode("ascii") == json.dumps(whole, indent=2) + "\n"


def test_members_keep_their_order_and_unknown_ones_stay(plane):
    body = b'{"zeta": 1, "targets": [{"z": 1, "node_id": "n", "a": "\\ud800"}], "id": "x", "alpha": 1.0}'
    out = answered(plane, Reply(body), *GET + ("--output", "json")).out
    assert re.findall(b'"([a-z_]+)":', out) == [b"zeta", b"targets", b"z", b"node_id", b"a", b"id", b"alpha"] and b'"\\ud800"' in out


def test_all_is_one_document_over_all_pages(plane):
    out = run_cli(*LIST + ("--all", "--output", "json"), plane=plane).out
    assert json.loads(out.decode("ascii")) == {"items": EXECUTIONS} and len(plane.requests) == 2


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_node_keeps_only_that_target(plane, form):
    wire = execution([target(node=node) for node in NODES[:3]])
    assert answered(plane, wire, *GET + ("--output", form, "--node", NODES[1])).out == \
        answered(plane, dict(wire, targets=[wire["targets"][1]]), *GET + ("--output", form)).out


@pytest.mark.parametrize("text", NASTY)
def test_yaml_strings_are_quoted_ascii_that_python_reads_back(text):
    scalar = program.yaml_string(text)
    assert re.fullmatch('"[ -~]*"', scalar) and scalar[1:-1].replace('\\"', '"').encode("ascii").decode("unicode_escape") == text


@pytest.mark.parametrize("value, scalar", [
    (True, "true"), (False, "false"), (None, "null"), (0, "0"), (-12, "-12"), (1.5, "1.5"), (1e22, "1.0e+22"), (1e-7, "1.0e-07"), (1.5e300, "1.5e+300"),
    ([], "[]"), ({}, "{}"), ("", '""'), ("yes", '"yes"'), ("\U0001F600", '"\\U0001f600"'), ("a\nb", '"a\\nb"')])
def test_yaml_scalars(value, scalar):
    assert program.yaml_node(value, "") == scalar


@pytest.mark.parametrize("name, key", [
    ("status", "status:"), ("id", "id:"), ("y", '"y":'), ("no", '"no":'), ("null", '"null":'), ("true", '"true":'), ("Ab", '"Ab":'), ("a b", '"a b":'),
    ("1", '"1":'), ("", '"":'), ("<<", '"<<":'), ("x\n", '"x\\n":'), ("k" * 2000, '? "%s"\n  :' % ("k" * 2000))])
def test_yaml_keys(name, key):
    assert program.yaml_key(name, "  ") == key


def test_yaml_is_block_style(plane):
    wire = {"id": "x", "targets": [{"node_id": "n", "more": [[1, [2]], {"a": {"b": []}}]}, {}]}
    assert answered(plane, Reply(json.dumps(wire)), *GET + ("--output", "yaml")).out.decode("ascii") == """\
id: "x"
targets:
  - node_id: "n"
    more:
      - - 1
        - - 2
      - a:
          b: []
  - {}
"""


def test_showcase_shows_every_kind_of_output(plane):
    result = run_cli("get", "--project", PROJECT, "--id", SHOWCASE, plane=plane)
    found = {node: (what, body) for node, _, what, body in sections(result.out)[0]}
    assert result.code == 0 and found[SHOWCASE_NODES["binary"]] == ("256 bytes", ALL_BYTES)
    assert found[SHOWCASE_NODES["empty"]] == ("0 bytes", b"") and found[SHOWCASE_NODES["no output"]] == ("no output", b"")
    assert found[SHOWCASE_NODES["archived"]][1].endswith(b")") and found[SHOWCASE_NODES["archived without digest"]][1].endswith(b".log")


def test_demo_over_tls(tls_plane):
    result = run_cli("exec-log", "get", "--project", PROJECT, "--id", DEMO, plane=tls_plane)
    wire = [item for item in EXECUTIONS if item["id"] == DEMO][0]
    assert [body for _, _, _, body in sections(result.out)[0]] == [base64.b64decode(t["output_ref"]["inline_bytes"]) for t in wire["targets"]]
    assert EXECUTION != DEMO


@pytest.mark.parametrize("came, shown", [
    ("10:00:00.5Z", "10:00:00Z"), ("2026.5", "2026.5"), ("x.5y", "x.5y"), (".5", ".5"), (None, ""), ("10:00:00", "10:00:00")])
def test_only_a_second_has_a_fraction(came, shown):
    assert program.whole_seconds(came) == shown


@pytest.mark.parametrize("character, escape", [
    ("\x1b", "\\x1b"), ("\xff", "\\xff"), ("\u0100", "\\u0100"), ("\uffff", "\\uffff"), ("\U00010000", "\\U00010000")])
def test_escapes_are_as_long_as_the_character_needs(character, escape):
    assert program.escaped(character) == escape


def test_node_is_found_in_any_case(plane):
    wire = execution([target(inline(b"x"), NODES[0].upper())])
    assert answered(plane, wire, *GET + ("--node", NODES[0], "--output", "raw")).out == b"x"


def test_what_is_told_comes_after_what_was_written_before(plane):
    import subprocess
    wire = execution([target(inline(b"first\n")), target({"kind": "tape"}, NODES[1])])
    out = answered(plane, wire, stderr=subprocess.STDOUT).out
    assert out.index(b"first") < out.index(b"error: ") < out.index(b"unreadable <==")
