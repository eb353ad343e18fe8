"""Section 5: standard output and standard error as a whole; the documents json, yaml and jsonl."""

import io
import json
import subprocess

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN
from kit import (BOTH, DOCUMENT_FORMATS, EXECUTION, GET, GET_FORMATS, GET_RAW, LIST, LIST_FORMATS, NODES, FailingStream,
                 archive, encode, error_lines, every_get_format, every_list_format, execution, inline, page, rule,
                 run_against, run_cli, run_process, surroundings, target)
from server import Reply

HALF_READABLE = execution([target({"kind": "tape"}), target(inline(b"x\n"))])


@rule("5.1")
@every_get_format
def test_traces_and_retries_go_to_stderr_only(plane, format):
    wire = execution([target(inline(b"x\n"))])
    plane.script(Reply(wire), Reply({}, 503), Reply(wire))
    quiet = run_cli(*GET + ("--output", format), plane=plane)
    loud = run_cli(*GET + ("-v", "--output", format), plane=plane)
    assert quiet.err == "" and "retry: " in loud.err and "\n> GET " in loud.err and loud.out == quiet.out != b""


@rule("2.7d")
@pytest.mark.parametrize("argv", [LIST + ("--output", format) for format in LIST_FORMATS] + [
    GET + ("--output", format) for format in GET_FORMATS], ids=lambda argv: " ".join(argv[1::4]))
def test_stdout_is_never_masked(plane, argv):
    wire = execution([target(inline(TOKEN.encode())), target(node=TOKEN, status=TOKEN)], action=TOKEN)
    result = run_against(plane, page(wire) if "list" in argv else wire, *argv, echoes=True)
    assert result.code == 0
    assert TOKEN.encode() in result.out
    assert b"***" not in result.out


@rule("5.1")
def test_messages_come_after_earlier_output(plane):
    plane.script(Reply(execution([target(inline(b"first\n")), target({"kind": "tape"}, NODES[1])])))
    out = run_process(*GET, plane=plane, stderr=subprocess.STDOUT).out
    assert out.index(b"first") < out.index(b"error: ") < out.index(b"unreadable <==")


@rule("5.1d")
@pytest.mark.parametrize("data, terminals, begin", [
    (b"x", BOTH, "\n"), (b"x\n", BOTH, ""), (b"", BOTH, ""), (b"x", ("stderr",), ""), (b"x", ("stdout",), "")],
    ids=["unfinished", "finished", "nothing", "stdout a pipe", "stderr a pipe"])
def test_message_starts_a_new_line_on_a_terminal(plane, data, terminals, begin):
    wire = execution([target(inline(part)) for part in (data[:1], data[1:])] + [target(archive())] * 2)
    result = run_against(plane, Reply(encode(wire), framing="chunked", slices=100), *GET_RAW, terminals=terminals)
    assert (result.code, result.out) == (1, data)
    assert len(error_lines(result)) == 2
    assert result.err.startswith(begin + "error: ") and result.err.count("\n") == 2 + len(begin)


UNHEARD = {"usage": (("nonsense",), []),
           "forbidden": (GET, [Reply({"code": "rebac_denied"}, 403)]),
           "retried": (GET, [Reply({}, 503), Reply(execution([target(inline(b"x"))]))]),
           "unreadable": (GET, [Reply(HALF_READABLE)]),
           "walk": (LIST + ("--all", "--output", "jsonl", "-v"), [Reply(page(execution(), next_cursor="c")),
                                                                  *[Reply(page(execution()), cut=300)] * 3])}


@rule("5.1c")
@pytest.mark.parametrize("argv, answers", list(UNHEARD.values()), ids=list(UNHEARD))
def test_failing_stderr_changes_nothing(plane, argv, answers):
    plane.script(*answers)
    heard = run_cli(*argv, plane=plane)
    asked = [request.target for request in plane.requests]
    for number, error in enumerate([OSError(28, "full"), BrokenPipeError(), ValueError(""), LookupError("")], 2):
        plane.script(*answers)
        out = io.BytesIO()
        with surroundings(plane), FailingStream(error) as stderr:
            stderr.close()      # now its isatty() raises ValueError, and its write() the error
            code = program.main(list(argv), out, stderr, lambda seconds: None)
        assert heard[:2] == (code, out.getvalue()) and [request.target for request in plane.requests] == asked * number


#: What the documents escape, as first and last characters.
ESCAPED = [(0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x61C, 0x61C), (0x180E, 0x180E), (0x200B, 0x200F),
           (0x2028, 0x202E), (0x2060, 0x206F), (0xFEFF, 0xFEFF), (0xFFFE, 0xFFFF), (0xD800, 0xDFFF)]
OWN_ESCAPES = dict(zip(map(ord, '"\\\b\f\n\r\t'), ['\\"', "\\\\", "\\b", "\\f", "\\n", "\\r", "\\t"]))
CODE_POINTS = [code for code in list(range(0x10000)) + [0x10000, 0x1D173, 0x1F600, 0xE0001, 0xE0041, 0xFFFFF, 0x10FFFF]
               if not 0xD800 < code < 0xDFFF]
NASTY = ["", " ", "yes", "no", "on", "off", "y", "n", "true", "False", "null", "~", "1_000", "0x1f", "0o17", "017",
         "1", "1e3", "1.5", "+1", "0b1", "1,000", "12:30:45", "2026-05-02", "2026-05-02T10:00:00Z", "- a", "a: b",
         "a #b", "#", "&a", "*a", "!t", "|", ">", "%", "@", "`", "'", '"', "\\", "\\n", "{", "[", ",", "=", "<<",
         ".inf", ".nan", "-", "---", "...", "?", "? a", ":", "a:", "\t", "\n", "a\n b\n", "\r", "\b\f", "\x00",
         "\\ud83d", "\\\U0001F600", "x" * 2000]
NUMBERS = [0, -1, 10 ** 300, 1.5, 1.5e300, 123456789.123456789, 1.0, -0.0, True, False, None]
DOCUMENTS = {
    "Execution": (GET, execution([target(inline(b"x")), target(None, NODES[1], new=[{}, [], [[]], {"a": {}}])],
                                 zzz=NASTY, aaa={text: text for text in NASTY if len(text) < 200})),
    "numbers": (GET, execution([], numbers=NUMBERS)),
    "nesting": (GET, execution([], deep=[[], [[]], {"a": {"b": [{"c": 1, "d": [2, [3]]}]}}, [[[0]]]])),
    "characters": (GET, execution([], all="".join(chr(code) for code in CODE_POINTS if not 0xD800 <= code < 0xE000))),
    "keys": (GET, execution([], **{"k" * 990: 1, "\u00e9" * 990: 2, '"' * 490: 3, "\U0001F600" * 990: 4})),
    "odd name": (GET, execution([], **{"a\u202e\x7f\x1b": 1})),
    "no targets": (GET, {"id": EXECUTION}), "null targets": (GET, {"targets": None, "id": EXECUTION}),
    "base64": (GET, execution([target({"kind": "inline", "inline_bytes": text}) for text in ("YQ==", "none", "")])),
    "page": (LIST, page(execution([target()]), {}, next_cursor="c", more=1)), "empty page": (LIST, page()),
    "cursor first": (LIST, {"next_cursor": "c", "items": [execution()], "more": {"a": 1}}),
    "cursor between": (LIST, {"a": 1, "next_cursor": "c", "items": [], "z": [2]}),
    "null items": (LIST, {"items": None, "next_cursor": None})}
every_document = pytest.mark.parametrize("argv, wire", list(DOCUMENTS.values()), ids=list(DOCUMENTS))


def escape(text):
    """JSON text with the characters of ESCAPED as JSON escapes."""
    codes = {code for first, last in ESCAPED for code in range(max(first, 0x20), last + 1)}
    return text.translate({code: "\\u%04x" % code for code in codes})


def put_cursor_last(wire):
    """The wire object with its next_cursor, if any, in the last place."""
    return {name: wire[name] for name in sorted(wire, key=lambda name: name == "next_cursor")}


@rule("5.8e")
@pytest.mark.parametrize("format", DOCUMENT_FORMATS)
@pytest.mark.parametrize("options", [{}, {"terminals": BOTH}], ids=["pipe", "terminal"])
def test_exactly_these_characters_are_escaped(plane, format, options):
    wire = execution([target(node="".join("<%s>" % chr(code) for code in CODE_POINTS))])
    out = run_against(plane, wire, *GET + ("--output", format, "--color", "always"), **options).out.decode("utf-8")
    escaped = {code for first, last in ESCAPED for code in range(first, last + 1)}
    shown = [OWN_ESCAPES.get(code, "\\u%04x" % code if code in escaped else chr(code)) for code in CODE_POINTS]
    assert out[out.index('"<') + 2:out.index('>"', out.index("\\uffff"))].split("><") == shown


@rule("5.8", "5.8a", "5.8c", "5.8f")
@every_document
def test_json_is_the_document_with_the_cursor_last_and_yaml_equals_it(plane, argv, wire):
    result = run_against(plane, Reply(json.dumps(wire)), *argv + ("--output", "json"))
    assert result.out.decode() == escape(json.dumps(put_cursor_last(wire), indent=2, ensure_ascii=False)) + "\n"
    assert result[::2] == (0, "")
    assert result == run_against(plane, Reply(json.dumps(wire)), *argv + ("--output", "yaml"))


def exactly(value):
    """A value that differs where types differ: 1, 1.0 and True do."""
    if isinstance(value, dict):
        return [(name, exactly(inner)) for name, inner in value.items()]
    return [exactly(inner) for inner in value] if isinstance(value, list) else (type(value).__name__, repr(value))


def load_by_ruamel(text, version):
    loader = pytest.importorskip("ruamel.yaml").YAML(typ="safe", pure=True)
    loader.version = version
    return loader.load(text)


LOADERS = {"PyYAML": lambda text: pytest.importorskip("yaml").safe_load(text),
           "ruamel 1.1": lambda text: load_by_ruamel(text, (1, 1)), "ruamel": lambda text: load_by_ruamel(text, None)}


@rule("5.8f")
@every_document
@pytest.mark.parametrize("load", list(LOADERS.values()), ids=list(LOADERS))
def test_yaml_loaders_read_the_same_data(plane, argv, wire, load):
    out = run_against(plane, Reply(json.dumps(wire)), *argv + ("--output", "yaml")).out.decode("utf-8")
    assert exactly(load(out)) == exactly(put_cursor_last(wire))


PAGE_PAIRS = {
    "null items": ({"items": None, "next_cursor": "c2"}, page(execution()), page(execution())),
    "cursor first": (b'{"next_cursor": "c2", "items": [{"id": "e-1"}]}', page({"id": "e-2"}),
                     page({"id": "e-1"}, {"id": "e-2"})),
    "other members": (page({"id": "1"}, next_cursor="c2", more=1), page(more=[2], next_cursor=None), page({"id": "1"})),
    "nothing": (page(next_cursor="c2"), page(next_cursor=""), page())}


@rule("5.8d", "1.8")
@every_list_format
@pytest.mark.parametrize("first, second, whole", list(PAGE_PAIRS.values()), ids=list(PAGE_PAIRS))
def test_walk_is_one_document(plane, format, first, second, whole):
    plane.script(Reply(first), Reply(second))
    walked = run_cli(*LIST + ("--all", "--output", format), plane=plane)
    assert walked == run_against(plane, whole, *LIST + ("--output", format)) and len(plane.requests) == 3
    assert walked.code == 0
    assert format != "json" or json.loads(walked.out.decode()) == whole


ODD = (b'{"z" : 1, "a": [ {}, [], null, true, 0, -1, 1.5 ], "id":"one\\ntwo\\r\\u2028", "targets": null,'
       b' "\\ud83d\\ude00" : "\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\xc2\x85\\u0000\\/" , "a b":{ "y":"", "x":{} }}')
ODD_LINE = (b'{"z":1,"a":[{},[],null,true,0,-1,1.5],"id":"one\\ntwo\\r\\u2028","targets":null,'
            b'"\xf0\x9f\x98\x80":"\xc3\xa9\\u2028\xf0\x9f\x98\x80\\u0085\\u0000/","a b":{"y":"","x":{}}}\n')


@rule("5.8", "5.8b")
@pytest.mark.parametrize("argv, name", [(LIST, b"items"), (GET, b"targets")], ids=["list", "get"])
def test_jsonl_line_is_the_compact_object_in_its_own_order(plane, argv, name):
    for elements, out in ((ODD + b" ,\n " + ODD, ODD_LINE * 2), (b"", b"")):
        body = b'{"id":"%s", "%s": [%s] , "other":[{}]}' % (EXECUTION.encode(), name, elements)
        assert run_against(plane, Reply(body), *argv + ("--output", "jsonl")) == (0, out, "")


@rule("5.8c")
@pytest.mark.parametrize("body", [b'{"next_cursor": "c-2", "items": [%s]}', b'{"items": [%s], "next_cursor": "c-2"}'],
                         ids=["first", "last"])
def test_jsonl_writes_the_cursor_to_stderr_only(plane, body):
    result = run_against(plane, Reply(body % ODD), *LIST + ("--output", "jsonl"))
    assert result == (0, ODD_LINE, "next_cursor: c-2\n")
