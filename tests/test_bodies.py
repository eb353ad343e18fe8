"""Section 3, the list of malformed bodies, section 4, wrong types, and section 7: bodies are decoded as they arrive."""

import gzip
import json
import sys

import pytest

import plexctl_exec_log as program
from control_plane import Reply
from kit import EXECUTION, FORMS, GET, LIST, NODES, answered, archive, encoded, execution, inline, page, target

WIRE = execution([target(inline(bytes(range(256)))), target(inline("caf\u00e9 \U0001F600\n".encode()), NODES[1], "failed"),
                  target(archive(sha256="0123456789abcdef" * 4), NODES[2]), target(node=NODES[3], status=None)],
                 action="a\u20acb \"q\" \\ \U0001F600", extra={"n": [1, -2.5e-7, 0, True, None, {"": []}]})
BODY = json.dumps(WIRE, ensure_ascii=False).encode("utf-8")


class Slices:
    """A Transport whose first body is these slices, and every other one empty."""

    def __init__(self, slices):
        self.slices = slices

    def get(self, *_):
        slices, self.slices = self.slices, []
        return iter(slices)


def events(slices):
    """What the decoder makes of the slices of a body."""
    return list(program.get_execution(Slices(slices), "p", "i"))


def cut(body, size):
    """The body in slices of so many bytes."""
    return [body[start:start + size] for start in range(0, len(body), size)]


def malformed(slices, match="."):
    """The error that these slices must end in."""
    with pytest.raises(program.RemoteError, match=match) as caught:
        events(slices)
    return caught.value


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_slices_change_neither_events_nor_output(plane, size, framing):
    assert events(cut(BODY, size)) == events([BODY]) != []
    assert answered(plane, Reply(BODY, framing=framing, slices=size)) == answered(plane, Reply(BODY))


def test_cut_body_is_never_taken_for_whole():
    for end in range(len(encoded(WIRE))):
        malformed([BODY[:end]])
        assert malformed([encoded(WIRE)[:end]]).waited_out


def test_cut_number_is_never_taken_for_whole():
    for body in (b'{"id":"x","a": -12.5e+3 }', b'{"id":"x","a":[10, 0.25,1E5,-0 ]}'):
        for place in range(1, len(body)):
            assert events([body[:place], body[place:]]) == events([body])


WORDS = [b"NaN", b"Infinity", b"-Infinity", b"01", b"+1", b"1.", b".5", b"-", b"1e", b"tru", b"truex", b"nul", b"undefined", b"'x'", b""]
STRINGS = [b'"\x01"', b'"\n"', b'"\\x41"', b'"\\u12"', b'"x', b'"\xff"', b'"\xed\xa0\x80"', b'"\xc3"', b'"\xc0\x80"']
NUMBERS = [b"1e400", b"-1e999", b"9" * 1001, b"1" + b"0" * 309, b"-1" + b"0" * 309, b"1.7976931348623159e308"]
FRAMES = [b"\xef\xbb\xbf{%s}", b"", b" ", b"[%s]", b"[{%s}]", b"null", b'"x"', b"12", b"{", b"{%s", b"{%s}}", b"{%s} x", b"{%s},", b"{%s}\0", b"\xa0{%s}",
          b'{%s,}', b'{,%s}', b'{%s,"a"}', b'{%s,"a":}', b'{%s,"a" 1}', b'{%s,a:1}', b"{%s,'a':1}", b'{%s "b":2}', b'{%s;"b":2}', b'{%s,"\xc3', b'{%s]',
          b'{%s,"targets":{}}', b'{%s,"targets":""}', b'{%s,"targets":0}', b'{%s,"targets":[1]}', b'{%s,"targets":[null]}', b'{%s,"targets":[[]]}',
          b'{%s,"targets":[{},]}', b'{%s,"targets":[,{}]}', b'{%s,"targets":[{} {}]}', b'{%s,"targets":[{}}', b'{%s,"targets":[],"targets":[]}',
          b'{%s,"targets":null,"targets":null}', b'{%s,"next_cursor":1}', b'{%s,"next_cursor":["x"]}', b'{%s,"next_cursor":false}',
          b'{%s,"next_cursor":"a","next_cursor":"a"}', b'{%s,"next_cursor":null,"next_cursor":null}']


@pytest.mark.parametrize("body", FRAMES + [b'{%s,"a":' + word + b"}" for word in WORDS + STRINGS + NUMBERS] + [
    b'{%s,"a":[' + word + b"]}" for word in WORDS[:-1]])
def test_malformed_body(body):
    body = body.replace(b"%s", b'"id":"x"')
    malformed([body])
    malformed(cut(body, 1))


@pytest.mark.parametrize("text, value", [
    (b"1" + b"0" * 308, 10 ** 308), (b"%d" % int(sys.float_info.max), int(sys.float_info.max)), (b"-1.7976931348623157e308", -sys.float_info.max), (b"-0", 0),
    (b"0.5E-1", 0.05), (b"1E+2", 100.0), (b'"\\ud800"', "\ud800"), (b'"\\ud83d\\ude00\\/"', "\U0001F600/"), (b' {\r\n\t} ', {}), (b"[ ]", []), (b"true", True),
    (b'{"a":1,"a":2}', {"a": 2}), (b'{"items":1,"items":2}', {"items": 2})])
def test_unusual_but_right_value(text, value):
    body = b' {"id" : "x", "a": 1 , "a":' + text + b', "more" :null} \r\n\t'
    found = events([body])
    assert found == events(cut(body, 1)) and found[2] == ("a", value) and type(found[2][1]) is type(value)


ABSURD = [b'{"id":"x","deep":' + b"[" * 200000, b'{"id":"x","deep":' + b'{"a":' * 200000]
LEVELS = [b'{"id":"x","deep":%s}' % (b"[" * 499 + b"]" * 499)] + [
    b'{"id":"x","targets":[{"deep":%s,"output_ref":{"kind":"inline"}}]}' % (b'{"a":[' * levels + b"]}" * levels) for levels in (248, 450, 495, 1500)]


@pytest.mark.parametrize("form", FORMS + ["raw"])
@pytest.mark.parametrize("body", ABSURD + LEVELS, ids=range(7))
def test_500_levels_pass_and_more_are_printed_or_1_with_one_line(plane, form, body):
    result = answered(plane, Reply(body), *GET + ("--output", form))
    refused = result.code == 1 and "nested too deeply" in result.err and result.err.count("\n") == 1
    assert refused if body in ABSURD else result == (0, result.out, "") or refused and body not in LEVELS[:2]


def test_value_over_the_limit_is_malformed_before_all_of_it_came(monkeypatch):
    monkeypatch.setattr(program, "VALUE_LIMIT", 1000)      # the real one is 256 MiB
    for size in (900, 998):
        assert events(cut(b'{"id":"%s"}' % (b"x" * size), 10))[0] == ("id", "x" * size)
    slices = iter(cut(b'{"id":"%s"}' % (b"x" * 9000), 10))
    malformed(slices, "value that is too large")
    assert len(list(slices)) > 750
    assert malformed([b'{"id":"' + b"x" * 999]).waited_out        # cut at the very limit: cut


def test_fault_is_told_at_once_and_is_no_cut():
    def endless():
        yield b'{"id": "x", "a": [1, 2, oops '
        while True:
            yield b"3, " * 100
    malformed(endless(), "malformed: Expecting value")
    assert not malformed(cut(b'{"a": 1, "b": "xxxxxxxxxxxx", "c": ! ' + b" " * 50, 5)).waited_out
    assert not malformed([b'{"targets":[{"a":1 "b":2}]}' + b" " * 50]).waited_out


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN = [
    Reply(BODY, cut=300), Reply(BODY, cut=300, reset=True), Reply(BODY, framing="chunked", cut=300), Reply(BODY, framing="close", cut=300), Reply(b""),
    Reply(BODY, announce=len(BODY) + 1), Reply(BODY, framing="chunked", slices=100, cut=250), Reply(b"", framing="chunked"), CHUNKED + b"zz\r\n{}",
    CHUNKED + b"-5\r\n{}\r\n", CHUNKED + b"%s\r\n" % (b"1" * 70000), CHUNKED + b"%x\r\n" % len(BODY) + BODY + b"\r\n", b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Reply(gzip.compress(BODY), headers=[("Content-Encoding", "gzip")])]


@pytest.mark.parametrize("answer, form", [(answer, "text") for answer in BROKEN] +
                         [(BROKEN[0], form) for form in FORMS[1:] + ["raw"]] + [(BROKEN[2], "json"), (BROKEN[3], "yaml")])
def test_broken_body_is_1_with_one_line(plane, answer, form):
    result = answered(plane, answer, *GET + ("--output", form))
    assert result.code == 1 and result.err.startswith("error: ") and len(plane.requests) == 1
    assert result.err.count("\n") == 1 + result.err.count("\nhint: ")


@pytest.mark.parametrize("headers", [
    b"Content-Length: -5", b"Content-Length: x", b"Content-Length: " + b"9" * 5000, b"Content-Length: ", b"Content-Length: 2\r\nContent-Length: 9",
    b"Transfer-Encoding: gzip", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 9"])
def test_odd_framing_is_whole_or_1(plane, headers):
    result = answered(plane, b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n" + BODY)
    assert result.code == 1 and result.err.startswith("error: ") or result.out == answered(plane, Reply(BODY)).out


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", b"HTTP/1.1 200\r\n\r\n",
                                  b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Encoding: identity\r\n\r\n"])
def test_body_that_ends_with_the_connection_is_whole_when_its_json_is(plane, head):
    assert answered(plane, head + BODY).code == 0
    assert answered(plane, head + BODY[:-1]).code == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("argv, body", [
    (LIST, b"{}"), (LIST, b'{"next_cursor":"x"}'), (LIST, b'{"id":"x"}'), (GET, b'{"items":[]}'), (GET, b"{}"), (GET, b'{"id":1}'), (GET, b'{"id":null}')])
def test_answer_that_is_not_ours_is_1(plane, argv, body, form):
    result = answered(plane, Reply(body), *argv + ("--output", form))
    assert result.code == 1 and "hint: is this the API?" in result.err


SCALARS = [(name, value) for name in ("id", "action", "type", "status", "created_at", "updated_at") for value in (0, [], False)]
LISTS = [("targets", value) for value in (1, 0, "", "x", {}, {"a": 1}, False, [1], [None], [{}, []], [{"status": 1}], [{"status": False}])]


@pytest.mark.parametrize("name, value", SCALARS + LISTS)
def test_wrong_type_in_a_list_item_is_judged_by_text_alone(plane, name, value):
    wire = page(execution(), dict(execution(), **{name: value}))
    result = answered(plane, wire, *LIST)
    assert result.code == 1 and name[:6] in result.err and result.out.count(EXECUTION.encode()) == 1
    for form in ("json", "yaml", "jsonl"):
        assert answered(plane, wire, *LIST + ("--output", form)).code == 0


@pytest.mark.parametrize("wire", [dict(execution([target()]), **{name: value}) for name, value in SCALARS[3:]] + [
    execution([target(), dict(target(), **{name: value})]) for name, value in (("node_id", 1), ("status", 1), ("node_id", []), ("status", False))])
@pytest.mark.parametrize("form, code", [("text", 1), ("raw", 1), ("json", 0), ("yaml", 0), ("jsonl", 0)])
def test_wrong_type_in_an_execution_or_target_is_judged_by_text_and_raw(plane, wire, form, code):
    for flags in ((), ("--node", NODES[0]), ("--failed",)):
        result = answered(plane, wire, *GET + ("--output", form) + flags)
        assert result.code == code and b"ID " not in result.out


NO_BASE64 = ["=", "==", "===", "====", "Y", "YQ", "YQ=", "YQ===", "YQ==\n", "\nYQ==", "Y Q==", "YWJj=", "YWJj====", "YQ==YQ==", "YWJj\n",
             "=YWJ", "YWJj-_==", "-_-_", "YW=j", "Y===", "YWJjY===", "caf\u00e9", "YQ==\u00a0\u00a0\u00a0\u00a0", "YWJ\0", "YQ=A", "    "]


@pytest.mark.parametrize("text, data", [(text, None) for text in NO_BASE64] + [
    ("", b""), ("YQ==", b"a"), ("YWI=", b"ab"), ("YWJj", b"abc"), ("+/+/", b"\xfb\xff\xbf"), ("YR==", b"a"), ("YWJ=", b"ab"), ("YWJjYQ==", b"abca")])
def test_base64_is_standard_with_exact_padding(text, data):
    try:
        assert program.decode_base64(text) == data
    except ValueError:
        assert data is None
