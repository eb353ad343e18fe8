"""Section 5, standard output and standard error as a whole, and the documents: json, yaml, jsonl."""

import io
import json
import os
import subprocess
import sys

import pytest

import plexctl_exec_log as program
from control_plane import EXECUTIONS, TOKEN
from kit import (EXECUTION, GET, GET_FORMS, LIST, LIST_FORMS, NODES, HaltingAnswer, archive, error_lines, execution,
                 inline, page, posix_only, read_listing, rule, run_against, run_cli, run_in_shell, run_process,
                 surroundings, target)
from kit_yaml import read_yaml
from server import Reply

ALL_BYTES = bytes(range(256))
RAW = GET + ("--output", "raw")
NASTY = ["", " ", "yes", "no", "on", "off", "y", "n", "true", "False", "null", "~", "1_000", "0x1f", "0o17", "017",
         "1", "1e3", "1.5", "+1", "0b1", "1,000", "12:30:45", "2026-05-02", "2026-05-02T10:00:00Z", "- a", "a: b",
         "a #b", "#", "&a", "*a", "!t", "|", ">", "%", "@", "`", "'", '"', "\\", "\\n", "{", "[", ",", "=", "<<",
         ".inf", ".nan", "-", "---", "...", "?", "? a", ":", "a:", "\t", "\n", "a\n b\n", "\r", "\b\f", "\x00",
         "\x1b[2J", "\x7f", "\x85", "\xa0", "\u2028", "\ufeff", "\ufffe", "caf\u00e9", "\U0001F600", "\u202egpj",
         "\\ud83d", "\\\U0001F600", "x" * 2000]
NUMBERS = [0, -1, 10 ** 300, 1.5, 1e22, -1e-7, 1e300, 1.5e300, 123456789.123456789, 1.0, -0.0, True, False, None]


# ---- 5.1: stdout is data, stderr is everything else

@rule("5.1")
@pytest.mark.parametrize("form", GET_FORMS)
def test_traces_and_retries_are_on_stderr_alone(plane, form):
    wire = execution([target(inline(b"x\n"))])
    plane.script(Reply(wire), Reply({}, 503), Reply(wire))
    quiet = run_cli(*GET + ("--output", form), plane=plane)
    loud = run_cli(*GET + ("-v", "--output", form), plane=plane)
    assert quiet.err == "" and "retry: " in loud.err and "\n> GET " in loud.err and loud.out == quiet.out != b""


@rule("5.1", "6.2")
@pytest.mark.parametrize("argv", [("nonsense",), LIST, GET, GET + ("--output", "json")],
                         ids=["usage", "list", "get", "json"])
def test_failure_writes_nothing_to_stdout(plane, argv):
    result = run_against(plane, Reply({"title": "Gone"}, 410), *argv)
    assert result.out == b"" and error_lines(result)


@rule("5.1")
@pytest.mark.parametrize("form", GET_FORMS)
def test_stdout_is_never_masked(plane, form):
    wire = execution([target(inline(TOKEN.encode())), target(node=TOKEN, status=TOKEN)], action=TOKEN)
    result = run_against(plane, wire, *GET + ("--output", form), echoes=True)
    assert result.code == 0 and b"***" not in result.out
    assert result.out.count(TOKEN.encode()) == {"raw": 1, "json": 3, "yaml": 3, "jsonl": 2, "text": 4}[form]
    if form != "raw":
        result = run_against(plane, page(wire, next_cursor="plain"), *LIST + ("--output", form), echoes=True)
        assert TOKEN.encode() in result.out and b"***" not in result.out


# PyPy itself does not start under a locale that the machine does not have.
UNKNOWN_LOCALES = ["en_US.ISO-8859-1"] if sys.implementation.name == "cpython" else []


@rule("5.1", "8.1")
@pytest.mark.parametrize("lang", ["C", ""] + UNKNOWN_LOCALES)
def test_both_streams_are_utf_8_in_every_locale(plane, lang):
    wire = execution([target(inline(ALL_BYTES)), target({"kind": "\u00e4\u20ac"}, "n\u00e4\u20ac"),
                      target(archive(sha256="\xe4"))], action="caf\u00e9 \u20ac \U0001F600", type="\u00e4")
    plane.script(Reply(wire), Reply(wire))
    env = {"LC_ALL": lang, "LANG": lang, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    result = run_process(*GET, plane=plane, env=env)
    assert result == run_cli(*GET, plane=plane)
    assert "caf\u00e9 \u20ac \U0001F600\n".encode("utf-8") in result.out and "n\u00e4\u20ac" in error_lines(result)[0]


@rule("5.1")
def test_what_is_told_comes_after_what_was_written_before(plane):
    plane.script(Reply(execution([target(inline(b"first\n")), target({"kind": "tape"}, NODES[1])])))
    out = run_process(*GET, plane=plane, stderr=subprocess.STDOUT).out
    assert out.index(b"first") < out.index(b"error: ") < out.index(b"unreadable <==")


class Deaf(io.RawIOBase):
    """A standard error that takes nothing."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def writable(self):
        return True

    def write(self, data):
        raise self.error


UNHEARD = {"usage": (("nonsense",), []),
           "forbidden": (GET, [Reply({"code": "rebac_denied"}, 403)]),
           "retried": (GET, [Reply({}, 503), Reply(execution([target(inline(b"x"))]))]),
           "unreadable": (GET, [Reply(execution([target({"kind": "tape"}), target(inline(b"x"))]))]),
           "walk": (LIST + ("--all", "--output", "jsonl", "-v"), [Reply(page(execution(), next_cursor="c")),
                                                                  Reply(page(execution()), cut=300)])}
unheard = pytest.mark.parametrize("argv, answers", list(UNHEARD.values()), ids=list(UNHEARD))


@rule("5.1")
@unheard
@pytest.mark.parametrize("error", [OSError(28, "full"), BrokenPipeError(), ValueError("closed")],
                         ids=["full", "gone", "closed"])
def test_stderr_that_fails_changes_nothing(plane, argv, answers, error):
    plane.script(*answers)
    heard = run_cli(*argv, plane=plane)
    asked = [request.target for request in plane.requests]
    plane.script(*answers)
    out = io.BytesIO()
    with surroundings(plane):
        code = program.main(list(argv), out, Deaf(error), lambda seconds: None)
    assert (code, out.getvalue()) == heard[:2] and [request.target for request in plane.requests] == asked * 2


@rule("5.1")
@posix_only
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2</dev/null", "<&- 2>&-"])
@pytest.mark.parametrize("name", ["usage", "unreadable"])
def test_stderr_that_cannot_be_written_changes_nothing(plane, name, redirection):
    if "full" in redirection and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    argv, answers = UNHEARD[name]
    plane.script(*answers + answers)
    heard = run_cli(*argv, plane=plane)
    assert run_in_shell(redirection, *argv, plane=plane)[:2] == heard[:2] and not plane.answers


@rule("5.1")
def test_reader_of_stderr_gone_changes_nothing(plane):
    reading, writing = os.pipe()
    os.close(reading)
    plane.script(Reply(execution([target({"kind": "tape"}), target(inline(b"some output\n"))])))
    result = run_process(*GET + ("-v",), plane=plane, stderr=writing)
    os.close(writing)
    assert result.code == 1 and b"some output\n" in result.out and b"\nID " in result.out


# ---- 5.8: json

DOCUMENTS = {
    "Execution": (GET, execution([target(inline(b"x")), target(None, NODES[1], new=[{}, [], [[]], {"a": {}}])],
                                 zzz=NASTY, aaa={text: text for text in NASTY if len(text) < 200})),
    "numbers": (GET, execution([], numbers=NUMBERS, lone="\ud800")),
    "no targets": (GET, {"id": EXECUTION}), "null targets": (GET, {"targets": None, "id": EXECUTION}),
    "base64": (GET, execution([target({"kind": "inline", "inline_bytes": text}) for text in ("YQ==", "none", "")])),
    "page": (LIST, page(execution([target()]), {}, next_cursor="c", more=1)), "empty page": (LIST, page()),
    "cursor first": (LIST, {"next_cursor": "c", "items": [execution()], "more": {"a": 1}}),
    "cursor between": (LIST, {"a": 1, "next_cursor": "c", "items": [], "z": [2]}),
    "null items": (LIST, {"items": None, "next_cursor": None})}
every_document = pytest.mark.parametrize("argv, wire", list(DOCUMENTS.values()), ids=list(DOCUMENTS))


def put_cursor_last(wire):
    """The wire object with its next_cursor, if any, in the last place."""
    return dict([(name, value) for name, value in wire.items() if name != "next_cursor"],
                **{name: value for name, value in wire.items() if name == "next_cursor"})


@rule("5.8")
@every_document
def test_json_is_the_wire_document_with_the_cursor_last(plane, argv, wire):
    result = run_against(plane, Reply(json.dumps(wire)), *argv + ("--output", "json"))
    assert result.out.decode("ascii") == json.dumps(put_cursor_last(wire), indent=2) + "\n"
    assert (result.code, result.err) == (0, "")


PAGES = {
    "null items": ({"items": None, "next_cursor": "c2"}, page(execution()), page(execution())),
    "cursor first": (b'{"next_cursor": "c2", "items": [{"id": "e-1"}]}', page({"id": "e-2"}),
                     page({"id": "e-1"}, {"id": "e-2"})),
    "other members": (page({"id": "1"}, next_cursor="c2", more=1), page(more=[2], next_cursor=None), page({"id": "1"})),
    "nothing": (page(next_cursor="c2"), page(next_cursor=""), page())}


@rule("5.8", "1.8")
@pytest.mark.parametrize("form", LIST_FORMS)
@pytest.mark.parametrize("first, second, whole", list(PAGES.values()), ids=list(PAGES))
def test_walk_is_one_document(plane, form, first, second, whole):
    plane.script(Reply(first), Reply(second))
    walked = run_cli(*LIST + ("--all", "--output", form), plane=plane)
    assert walked == run_against(plane, whole, *LIST + ("--output", form)) and len(plane.requests) == 3
    if form == "json":
        assert json.loads(walked.out.decode()) == whole


@rule("5.8")
@pytest.mark.parametrize("form", LIST_FORMS)
def test_every_form_tells_the_same_of_the_sample_plane(plane, form):
    ids, cursors = read_listing(run_cli(*LIST + ("--limit", "7", "--output", form), plane=plane), form)
    assert ids == [wire["id"] for wire in EXECUTIONS[:7]] and len(cursors) == 1


# ---- 5.8: jsonl

ODD = (b'{"z" : 1, "a": [ {}, [], null, true, 0, -1, 1.5 ], "id":"one\\ntwo\\r\\u2028", "targets": null,'
       b' "\\ud83d\\ude00" : "\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\xc2\x85\\u0000\\/" , "a b":{ "y":"", "x":{} }}')
ODD_LINE = (b'{"z":1,"a":[{},[],null,true,0,-1,1.5],"id":"one\\ntwo\\r\\u2028","targets":null,'
            b'"\\ud83d\\ude00":"\\u00e9\\u2028\\ud83d\\ude00\\u0085\\u0000/","a b":{"y":"","x":{}}}\n')
LINES = {"list": (LIST + ("--output", "jsonl"), "items"), "get": (GET + ("--output", "jsonl"), "targets")}
either = pytest.mark.parametrize("argv, name", list(LINES.values()), ids=list(LINES))


def body_of(name, *elements):
    """A body whose streamed list holds these elements."""
    return b'{"id":"%s", "%s": [%s] , "other":[{}]}' % (EXECUTION.encode(), name.encode(), b" ,\n ".join(elements))


@rule("5.8")
@either
@pytest.mark.parametrize("elements, out", [
    ([ODD, ODD], ODD_LINE * 2), ([], b""), ([b'{"status":"failed","id":"7","a":[{"z":"s","b":"n"}]}'] * 2,
                                            b'{"status":"failed","id":"7","a":[{"z":"s","b":"n"}]}\n' * 2)],
    ids=["odd", "none", "wire order"])
def test_line_is_the_wire_object_compact_and_ascii(plane, argv, name, elements, out):
    assert run_against(plane, Reply(body_of(name, *elements)), *argv) == (0, out, "")


@rule("5.8")
@pytest.mark.parametrize("body", [b'{"next_cursor": "c-2", "items": [%s]}', b'{"items": [%s], "next_cursor": "c-2"}'],
                         ids=["first", "last"])
def test_jsonl_tells_the_cursor_on_stderr_alone(plane, body):
    assert run_against(plane, Reply(body % ODD), *LINES["list"][0]) == (0, ODD_LINE, "next_cursor: c-2\n")


@rule("5.8", "7.1")
@either
def test_line_is_out_before_the_next_has_come(plane, argv, name):
    first = b'{"id":"%s","%s":[{"n":1},{"n":' % (EXECUTION.encode(), name.encode())
    halting = HaltingAnswer(first, b"2}]}", b'{"n":1}\n')
    plane.script(halting)
    assert run_cli(*argv, plane=plane, stdout=halting.out).code == 0 and halting.seen == b'{"n":1}\n'


@rule("5.8", "6.3")
@either
@pytest.mark.parametrize("rest", [b'{"n":3', b'{"n":3,}]}', b"3]}", b"null]}", b'{"n":1e999}]}', b'{"n":"\xff"}]}',
                                  b"nonsense"], ids=ascii)
def test_lines_that_came_whole_are_printed(plane, argv, name, rest):
    result = run_against(plane, Reply(body_of(name, b'{"n":1}', b'{"n":2}', rest)), *argv)
    assert (result.code, result.out) == (1, b'{"n":1}\n{"n":2}\n')
    assert error_lines(result) and "next_cursor" not in result.err


# ---- 5.8: yaml

def read_yaml_of(plane, wire, argv=GET):
    """The yaml form of a document, ASCII text."""
    result = run_against(plane, Reply(json.dumps(wire)), *argv + ("--output", "yaml"))
    assert (result.code, result.err) == (0, "")
    return result.out.decode("ascii")


def exactly(value):
    """A value that differs where types differ: 1, 1.0 and True do."""
    if isinstance(value, dict):
        return [(name, exactly(inner)) for name, inner in value.items()]
    return [exactly(inner) for inner in value] if isinstance(value, list) else (type(value).__name__, repr(value))


READABLE = {name: (argv, wire) for name, (argv, wire) in DOCUMENTS.items() if name != "numbers"}
READABLE.update({
    "plain numbers": (GET, execution([], numbers=NUMBERS)),
    "nesting": (GET, execution([], deep=[[], [[]], [[], {"a": [{}]}], {"a": {"b": [{"c": 1, "d": [2, [3]]}]}},
                                          [[[0]]]])),
    "long keys": (GET, execution([], **{"k" * 200: 1, "\u00e9" * 240: 2, '"' * 490: 3, "\u20ac" * 160: 4,
                                               "\U0001F600" * 99: 5, "k" * 990: 6}))})
every_readable = pytest.mark.parametrize("argv, wire", list(READABLE.values()), ids=list(READABLE))


@rule("5.8")
@every_readable
def test_yaml_is_ascii_block_style_and_reads_back_to_the_same_data(plane, argv, wire):
    assert exactly(read_yaml(read_yaml_of(plane, wire, argv))) == exactly(put_cursor_last(wire))


@rule("5.8")
@every_readable
def test_pyyaml_reads_back_the_same_data(plane, argv, wire):
    yaml = pytest.importorskip("yaml", reason="PyYAML, a loader of YAML 1.1, is not installed")
    assert exactly(yaml.safe_load(read_yaml_of(plane, wire, argv))) == exactly(put_cursor_last(wire))


@rule("5.8")
@every_readable
@pytest.mark.parametrize("version", [(1, 1), (1, 2)], ids=["1.1", "1.2"])
def test_ruamel_reads_back_the_same_data(plane, argv, wire, version):
    ruamel = pytest.importorskip("ruamel.yaml", reason="ruamel.yaml, a loader of YAML 1.1 and 1.2, is not installed")
    loader = ruamel.YAML(typ="safe", pure=True)
    loader.version = version
    assert exactly(loader.load(read_yaml_of(plane, wire, argv))) == exactly(put_cursor_last(wire))


SCALARS = [
    ("on", '"on"'), ("yes", '"yes"'), ("no", '"no"'), ("1_000", '"1_000"'), ("12:30:45", '"12:30:45"'), ("~", '"~"'),
    ("2026-05-02", '"2026-05-02"'), ("null", '"null"'), ("true", '"true"'), ("", '""'), ("succeeded", '"succeeded"'),
    (True, "true"), (False, "false"), (None, "null"), (0, "0"), (-12, "-12"), (1.5, "1.5"), (1e22, "1.0e+22"),
    (1e-7, "1.0e-07"), (1.5e300, "1.5e+300"), (10 ** 22, "1" + "0" * 22), ([], "[]"), ({}, "{}"),
    ("a\nb\tc\rd", '"a\\nb\\tc\\rd"'), ("\x00\x1b\x7f\x85", '"\\u0000\\u001b\\x7f\\x85"'), ('a"b\\c', '"a\\"b\\\\c"'),
    ("\xff\u0100\uffff\U00010000", '"\\xff\\u0100\\uffff\\U00010000"'), ("\U0001F600", '"\\U0001f600"'),
    ("\ud800", '"\\ud800"')]
KEYS = [("status", "status"), ("domain_id", "domain_id"), ("on", '"on"'), ("yes", '"yes"'), ("y", '"y"'), ("n", '"n"'),
        ("no", '"no"'), ("off", '"off"'), ("null", '"null"'), ("true", '"true"'), ("false", '"false"'), ("1", '"1"'),
        ("1_000", '"1_000"'), ("12:30:45", '"12:30:45"'), ("~", '"~"'), ("", '""'), ("a b", '"a b"'), ("x\n", '"x\\n"'),
        ("<<", '"<<"'), ("=", '"="'), ("2026-05-02", '"2026-05-02"'), ("\U0001F600", '"\\U0001f600"'), ("On", '"On"'),
        ("NULL", '"NULL"'), ("0x1f", '"0x1f"'), ("a: b", '"a: b"')]


@rule("5.8")
def test_yaml_scalars_are_this_text(plane):
    wire = dict({"id": EXECUTION}, all=[value for value, _ in SCALARS])
    lines = read_yaml_of(plane, wire).splitlines()
    assert lines == ['id: "%s"' % EXECUTION, "all:"] + ["  - " + scalar for _, scalar in SCALARS]


@rule("5.8")
def test_yaml_keys_are_this_text(plane):
    wire = dict({"id": EXECUTION}, all={key: number for number, (key, _) in enumerate(KEYS)})
    lines = read_yaml_of(plane, wire).splitlines()
    assert lines[2:] == ["  %s: %d" % (shown, number) for number, (_, shown) in enumerate(KEYS)]


@rule("5.8")
def test_yaml_is_block_style(plane):
    body = ('{"id":"%s","targets":[{"node_id":"a","more":[[1,[2]],{"a":{"b":[]}}]},{}],'
            '"last":{"c":[{"d":{},"e":null}]}}' % EXECUTION)
    assert run_against(plane, Reply(body), *GET + ("--output", "yaml")).out.decode("ascii") == """\
id: "%s"
targets:
  - node_id: "a"
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
""" % EXECUTION


@rule("5.8")
@pytest.mark.parametrize("body", [b'{"next_cursor": "no", "items": [{"id":"e-1"}], "z": 1}',
                                  b'{"items": [{"id":"e-1"}], "z": 1, "next_cursor": "no"}'], ids=["first", "last"])
def test_yaml_has_the_cursor_last(plane, body):
    out = run_against(plane, Reply(body), *LIST + ("--output", "yaml")).out.decode()
    assert out == 'items:\n  - id: "e-1"\nz: 1\nnext_cursor: "no"\n'


# ---- every form

@rule("3.10", "5.8")
@pytest.mark.parametrize("form", GET_FORMS)
def test_100_levels_are_printed(plane, form):
    deep = "[" * 97 + "]" * 97
    body = '{"id":"%s","targets":[{"output_ref":null,"deep":%s}],"deep":%s}' % (EXECUTION, deep, deep)
    result = run_against(plane, Reply(body), *GET + ("--output", form))
    assert result.code == 0 and not error_lines(result)
    if form == "json":
        assert json.loads(result.out.decode()) == json.loads(body)
