"""Rules 3.10 and 4.3: which bodies are malformed, and which only look so. The end of a body, its JSON, its frame.

A chunk of a chunked body is what the program gets at once: so a body can be cut into pieces at any place.
"""

import gzip
import json
import sys

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import (EXECUTION, GET, GET_FORMS, LIST, LIST_FORMS, NODES, Clock, archive, execution, inline, make_transport,
                 rule, run_against, shorten_id, target)
from kit_net import Flood, count_contacts, read_error, read_hint
from server import Reply

ID = b'"id":"%s"' % EXECUTION.encode()
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#: A small body with everything that could be cut badly, and with blanks, escapes and letters of two to four bytes.
SMALL = (b' {"n" :[0,-12.5e-3,1E5,10, 123 ],%s,"a":"\\u00e9\\ud83d\\ude00\\\\\\"","targets" : [{"b":null} ,'
         b'{"status":"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80","c":{"d":[true,false,{}]}}, {}],"z":-1e-5}\r\n' % ID)
LARGE = json.dumps(execution([
    target(inline(bytes(range(256)))), target(inline("caf\u00e9 \U0001F600\n".encode()), NODES[1], "failed"),
    target(archive(sha256="0123456789abcdef" * 4), NODES[2]), target(node=NODES[3], status=None)],
    action="a\u20acb \"q\" \\ \U0001F600", extra={"n": [1, -2.5e-7, True, None]}), ensure_ascii=False).encode("utf-8")


class Reader:
    """Reads Executions, and pages of a list, from a plane over one kept Transport."""

    def __init__(self, plane):
        self.plane, self.transport = plane, make_transport(plane, Clock())

    def read(self, *pieces, get=True, **how):
        """What a body in these pieces holds: the elements of its list, and its members. RemoteError."""
        self.plane.script(Reply(pieces, **dict({"framing": "chunked"}, **how)))
        if get:
            document = program.get_execution(self.transport, PROJECT, EXECUTION)
        else:
            document = program.get_page(self.transport, PROJECT, {})
        elements = list(document.elements)
        return elements, dict(document.members)

    def refuse(self, *pieces, **how):
        """The text of the error that a body in these pieces must end in."""
        with pytest.raises(program.RemoteError) as caught:
            self.read(*pieces, **how)
        assert caught.value.exit_code == 1
        return str(caught.value)


@pytest.fixture
def reader(plane):
    made = Reader(plane)
    yield made
    made.transport.close()


def slice_bytewise(body):
    """The body in pieces of one byte."""
    return [body[place:place + 1] for place in range(len(body))]


# ---- pieces

@rule("3.10", "7.1")
def test_body_may_be_cut_into_two_pieces_anywhere(reader):
    whole = reader.read(SMALL)
    assert whole[0] == json.loads(SMALL.decode())["targets"] and list(whole[1]) == ["n", "id", "a", "targets", "z"]
    assert dict(whole[1], targets=whole[0]) == json.loads(SMALL.decode())
    for place in range(1, len(SMALL)):
        assert reader.read(SMALL[:place], SMALL[place:]) == whole, SMALL[:place]
    assert count_contacts(reader.plane) == (1, len(SMALL))


@rule("3.10", "7.1")
def test_page_may_be_cut_into_two_pieces_anywhere(reader):
    body = b'{"items":[{"n":-1.5e+3},{"n":12}],"m":123,"next_cursor":"\\u20ac"}'
    whole = reader.read(body, get=False)
    assert whole[0] == [{"n": -1500.0}, {"n": 12}] and whole[1]["next_cursor"] == "\u20ac"
    for place in range(1, len(body)):
        assert reader.read(body[:place], body[place:], get=False) == whole, body[:place]


@rule("3.10", "7.1")
@pytest.mark.parametrize("number", ["1e-5", "-1.25E+10", "123456789", "0.5", "-0", "1e5", "12e0"])
def test_number_may_come_digit_by_digit(reader, number):
    for body in (b'{%s,"n":%s}', b'{%s,"n":[%s]}', b'{%s,"targets":[{"n":%s}]}', b'{%s,"n":%s ,"z":[]}'):
        body %= ID, number.encode()
        assert reader.read(*slice_bytewise(body)) == reader.read(body)
    assert reader.read(b'{"n":%s,%s}' % (number.encode(), ID))[1]["n"] == json.loads(number)


@rule("3.10")
@pytest.mark.parametrize("form", GET_FORMS)
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_output_does_not_depend_on_pieces_and_framing(plane, framing, form):
    whole = run_against(plane, Reply(LARGE), *GET + ("--output", form))
    for size in (1, 3, 4096):
        assert run_against(plane, Reply(LARGE, framing=framing, slices=size), *GET + ("--output", form)) == whole


# ---- the end of a body

@rule("3.10")
def test_cut_body_is_never_taken_for_whole(reader):
    body = SMALL.rstrip()
    for place in range(len(body)):
        reader.refuse(body[:place], framing="close")


@rule("3.10")
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_that_is_shorter_than_announced_is_malformed(reader, framing):
    for place in list(range(0, len(SMALL), 7)) + [len(SMALL) - 1]:
        reader.refuse(SMALL, framing=framing, cut=place)


BROKEN = {
    "cut": Reply(LARGE, cut=300), "reset": Reply(LARGE, cut=300, reset=True),
    "cut chunk": Reply(LARGE, framing="chunked", slices=100, cut=250),
    "cut, ends with connection": Reply(LARGE, framing="close", cut=300), "empty": Reply(b""),
    "whole JSON, shorter than announced": Reply(LARGE, announce=len(LARGE) + 1),
    "whole JSON, no last chunk": CHUNKED + b"%x\r\n" % len(LARGE) + LARGE + b"\r\n",
    "whole JSON, cut in the last chunk": CHUNKED + b"%x\r\n" % (len(LARGE) + 1) + LARGE,
    "no chunks": Reply(b"", framing="chunked"), "no chunk size": CHUNKED + b"zz\r\n{}",
    "negative chunk size": CHUNKED + b"-5\r\n{}\r\n", "endless chunk size": CHUNKED + b"%s\r\n" % (b"1" * 70000),
    "only headers": b"HTTP/1.1 200 OK\r\n\r\n", "length 0": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "gzip": Reply(gzip.compress(LARGE), headers=[("Content-Encoding", "gzip")])}


@rule("3.10", "6.2")
@pytest.mark.parametrize("answer", list(BROKEN.values()), ids=list(BROKEN))
@pytest.mark.parametrize("form", ["text", "json"])
def test_broken_body_is_1_with_one_error_and_asked_for_once(plane, answer, form):
    result = run_against(plane, answer, *GET + ("--output", form))
    assert result.code == 1 and result.err.startswith("error: ") and count_contacts(plane) == (1, 1)
    assert result.err.count("\n") == 1 + result.err.count("\nhint: ")


@rule("3.10")
@pytest.mark.parametrize("form", ["text", "json"])
def test_cut_body_is_malformed_over_tls_too(tls_plane, form):
    for framing in ("length", "chunked", "close"):
        answer = Reply(LARGE, framing=framing, cut=len(LARGE) - 1)
        assert run_against(tls_plane, answer, *GET + ("--output", form)).code == 1


@rule("3.10")
@pytest.mark.parametrize("headers", [
    b"Content-Length: -5", b"Content-Length: x", b"Content-Length: " + b"9" * 5000, b"Content-Length: ",
    b"Content-Length: 2\r\nContent-Length: 9", b"Transfer-Encoding: gzip", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 9"], ids=shorten_id)
def test_odd_framing_is_whole_or_1(plane, headers):
    result = run_against(plane, b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n" + LARGE)
    if result.code:
        assert result.code == 1 and result.err.startswith("error: ")
    else:
        assert result.out == run_against(plane, Reply(LARGE)).out


@rule("3.10")
@pytest.mark.parametrize("head", [
    b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", b"HTTP/1.1 200\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Encoding: identity\r\n\r\n"],
    ids=["HTTP/1.1", "HTTP/1.0", "no reason", "after a 100"])
def test_body_that_ends_with_the_connection_is_whole_if_its_json_is(plane, head):
    assert run_against(plane, head + LARGE).code == 0
    assert run_against(plane, head + LARGE[:-1]).code == 1


@rule("3.10")
def test_body_that_ends_with_the_connection_is_whole_over_tls_too(tls_plane):
    assert run_against(tls_plane, Reply(LARGE, framing="close")).code == 0


@rule("3.10")
def test_chunks_may_have_extensions_and_trailers(plane):
    body = CHUNKED + b"%x;a=b\r\n%s\r\n0;c\r\nX: y\r\nZ: \r\n\r\n" % (len(LARGE), LARGE)
    assert run_against(plane, body) == run_against(plane, Reply(LARGE))


# ---- JSON

BYTES = {
    "byte order mark": b"\xef\xbb\xbf{%s}", "no UTF-8": b'{%s,"a":"\xff"}', "Latin-1": b'{%s,"a":"caf\xe9"}',
    "half a letter": b'{%s,"a":"\xc3"}', "half a letter at the end": b'{%s}\xc3',
    "ends within a letter": b'{%s,"a":"\xe2\x82',
    "surrogate": b'{%s,"a":"\xed\xa0\x80"}', "overlong": b'{%s,"a":"\xc0\x80"}',
    "above U+10FFFF": b'{%s,"a":"\xf4\x90\x80\x80"}', "UTF-16": '{"id":"x"}'.encode("utf-16"),
    "no-break space": b"\xc2\xa0{%s}"}
WORDS = ["NaN", "Infinity", "-Infinity", "01", "-01", "+1", "1.", ".5", "-", "1e", "1e+", "0x1", "1_0", "tru", "truex",
         "nul", "True", "None", "undefined", "'x'", "", "\u0661"]
STRINGS = ['"\x01"', '"\n"', '"\t"', '"\x1f"', r'"\x41"', r'"\u12"', r'"\u12G4"', '"x', '"x\\"', r'"\'"']
NUMBERS = ["1e400", "-1e999", "1e999", "1.7976931348623159e308", "1" + "0" * 309, "-1" + "0" * 309, "9" * 400,
           "9" * 5000, "-" + "9" * 5000, "9" * 300000, "1" + "0" * 400 + ".5", "1e99999999999999999999"]
DOCUMENTS = ["", " ", "[%s]", "[{%s}]", "null", '"x"', "12", "true", "{", "{%s", "{%s}}", "{%s} x", "{%s}{%s}", "{%s},",
             "{%s}\0", "{%s,}", "{,%s}", '{%s,"a"}', '{%s,"a":}', '{%s,"a" 1}', "{%s,a:1}", "{%s,'a':1}", '{%s "b":2}',
             '{%s;"b":2}', "{%s]", "{%s,1:2}", "{%s,null:2}", "{%s}//", "{%s,/**/}", "{\v%s}", "{%s\f}"]
LISTS = ["{}", '""', '"x"', "0", "1", "true", "false", "[1]", "[null]", "[[]]", '["x"]', "[{},]", "[,{}]", "[{} {}]",
         "[{}}", "[{}", "[{},1]", '[{"a":1 "b":2}]', '[{"a":1,}]', '[{"a"}]', "[{a:1}]", "[}", "["]
CURSORS = ["1", "0", '["x"]', "{}", "false", "true"]
#: Where a value may stand in a document, by name.
PLACES = {"member": b'{%%s,"a":%s}', "element": b'{%%s,"a":[%s,0]}', "in a target": b'{%%s,"targets":[{"a":%s}]}'}
MALFORMED = dict(BYTES, **{"document " + text: text.encode() for text in DOCUMENTS})
MALFORMED["absurdly deep"] = b'{%s,"a":' + b"[" * 200000
MALFORMED.update(("targets " + text, b'{%s,"targets":' + text.encode() + b"}") for text in LISTS)
MALFORMED.update(("%s %s" % (name, shorten_id(text)), body % text.encode())
                 for name, body in PLACES.items() for text in WORDS + STRINGS + NUMBERS)


@rule("3.10", "4.5")
@pytest.mark.parametrize("body", list(MALFORMED.values()), ids=[ascii(name) for name in MALFORMED])
def test_malformed_body_is_refused_in_one_piece_and_in_many(reader, body):
    body = body.replace(b"%s", ID)
    reader.refuse(body)
    reader.refuse(*slice_bytewise(body) if len(body) < 999 else [body[:100], body[100:-1], body[-1:]])


@rule("3.10", "4.5")
@pytest.mark.parametrize("body", [b'{"items":[],"next_cursor":%s}' % cursor.encode() for cursor in CURSORS] + [
    b'{"items":%s}' % items.encode() for items in LISTS], ids=shorten_id)
@pytest.mark.parametrize("form", ["text", "json"])
def test_malformed_page_is_1(plane, body, form):
    result = run_against(plane, Reply(body), *LIST + ("--output", form))
    assert result.code == 1 and result.err.startswith("error: ") and result.err.count("error: ") == 1


BIG = int(sys.float_info.max)
UNUSUAL = {
    "1 and 308 zeros": ("1" + "0" * 308, 10 ** 308), "largest double": (str(BIG), BIG),
    "its negative": (str(-BIG), -BIG),
    "largest double, short": ("-1.7976931348623157e308", -sys.float_info.max), "-0": ("-0", 0), "-0.0": ("-0.0", -0.0),
    "0.5E-1": ("0.5E-1", 0.05), "1E+2": ("1E+2", 100.0), "underflow": ("1e-999", 0.0),
    "5,000 decimals": ("0." + "1" * 5000, 1 / 9), "lone surrogate": (r'"\ud800"', "\ud800"),
    "pair": (r'"\ud83d\ude00\/"', "\U0001F600/"), "DEL": ('"\x7f"', "\x7f"), "NUL": (r'"\u0000"', "\0"),
    "U+2028": ('"\u2028"', "\u2028"), "byte order mark": ('"\ufeff"', "\ufeff"), "empty object": (" {\r\n\t} ", {}),
    "empty list": ("[ ]", []), "true": ("true", True), "empty key": ('{"":1}', {"": 1})}


@rule("3.10")
@pytest.mark.parametrize("text, value", list(UNUSUAL.values()), ids=list(UNUSUAL))
def test_unusual_but_right_value(reader, text, value):
    body = b' {%s , "a": 1 , "b":' % ID + text.encode() + b', "more" :null} \r\n\t'
    elements, members = reader.read(body)
    assert members["b"] == value and type(members["b"]) is type(value)
    assert list(members)[-1] == "more" and elements == []
    if len(body) < 999:
        assert reader.read(*slice_bytewise(body)) == (elements, members)
    element, = reader.read(b'{%s,"targets":[{"b":%s}]}' % (ID, text.encode()))[0]
    assert element["b"] == value


@rule("3.10")
def test_large_numbers_are_printed_with_all_their_digits(plane):
    body = b'{%s,"n":%d,"targets":[]}' % (ID, BIG)
    for form in ("json", "jsonl", "yaml"):
        result = run_against(plane, Reply(body), *GET + ("--output", form))
        assert form == "jsonl" or str(BIG).encode() in result.out
        assert result.code == 0


def nest(levels, opening=b'{"a":[', closing=b"]}"):
    return opening * (levels // 2) + closing * (levels // 2)


@rule("3.10")
@pytest.mark.parametrize("form", GET_FORMS)
@pytest.mark.parametrize("where", [b'{%s,"deep":%%s,"targets":[]}' % ID, b'{%s,"targets":[{"deep":%%s}]}' % ID],
                         ids=["member", "in a target"])
def test_100_levels_work_in_every_form(plane, form, where):
    result = run_against(plane, Reply(where % nest(98)), *GET + ("--output", form))
    name = {"json": b'"a": ', "yaml": b"a:"}.get(form)
    assert result.code == 0 and (name is None or result.out.count(name) == 49)


@rule("3.10")
@pytest.mark.parametrize("form", LIST_FORMS)
def test_100_levels_work_in_a_list_too(plane, form):
    body = b'{"items":[{%s,"deep":%s}]}' % (ID, nest(96))
    assert run_against(plane, Reply(body), *LIST + ("--output", form)).code == 0


ABSURD = {"open lists": b"[" * 200000, "open objects": b'{"a":' * 200000, "closed lists": nest(200000, b"[", b"]")}


@rule("3.10", "6.2")
@pytest.mark.parametrize("form", GET_FORMS)
@pytest.mark.parametrize("deep", list(ABSURD.values()), ids=list(ABSURD))
def test_absurd_depth_is_1_with_one_line(plane, form, deep):
    for where in (b'{%s,"deep":%%s}' % ID, b'{%s,"targets":[{"deep":%%s}]}' % ID):
        result = run_against(plane, Reply(where % deep), *GET + ("--output", form))
        assert result.code == 1 and result.err.count("\n") == 1 and result.err.startswith("error: "), result.err[:999]


@rule("3.10", "6.2")
@pytest.mark.parametrize("levels", [500, 1500, 5000])
@pytest.mark.parametrize("form", ["text", "json"])
def test_more_levels_are_printed_or_1_with_one_line(plane, form, levels):
    result = run_against(plane, Reply(b'{%s,"deep":%s,"targets":[]}' % (ID, nest(levels))), *GET + ("--output", form))
    assert result.code == 0 and not result.err or result.code == 1 and result.err.count("\n") == 1


@rule("3.10", "6.1")
@pytest.mark.parametrize("more", [b"[" * 20000, b"9" * 5000, b"NaN", b"1e999"], ids=["deep", "digits", "NaN", "1e999"])
def test_errors_body_that_is_no_json_of_ours_leaves_the_status(plane, more):
    result = run_against(plane, Reply(b'{"code":"rebac_denied","a":%s}' % more, 403), *LIST)
    assert result.code in (4, 77) and "error: HTTP 403 " in result.err


# ---- members twice

TWICE = {
    "id": b'{%s,%s}' % (ID, ID), "another id": b'{%s,"id":"%s"}' % (ID, NODES[0].encode()),
    "id null": b'{%s,"id":null}' % ID, "id spelt otherwise": b'{%s,"\\u0069d":"%s"}' % (ID, EXECUTION.encode()),
    "status": b'{%s,"status":"failed","status":"failed"}' % ID,
    "status null": b'{%s,"status":null,"targets":[],"status":"failed"}' % ID,
    "targets": b'{%s,"targets":[],"targets":[]}' % ID, "targets, null first": b'{%s,"targets":null,"targets":[]}' % ID,
    "targets, null last": b'{%s,"targets":[{}],"targets":null}' % ID,
    "items": b'{"items":[],"items":[]}', "items null": b'{"items":null,"items":null}',
    "items, full first": b'{"items":[{}],"items":[]}',
    "unknown": b'{%s,"x":1,"x":2}' % ID, "unknown, of a page": b'{"items":[],"x":1,"x":2}',
    "items, apart": b'{"items":[],"a":1,"next_cursor":"a","items":[]}',
    "next_cursor": b'{"items":[],"next_cursor":"a","next_cursor":"a"}',
    "next_cursor, null first": b'{"next_cursor":null,"items":[],"next_cursor":"a"}'}


@rule("3.10", "4.5")
@pytest.mark.parametrize("body", list(TWICE.values()), ids=list(TWICE))
@pytest.mark.parametrize("form", ["text", "json"])
def test_member_may_not_come_twice(plane, body, form):
    argv = LIST if b"items" in body else GET
    result = run_against(plane, Reply(body), *argv + ("--output", form))
    assert result.code == 1 and "twice" in result.err and result.err.count("error: ") == 1


NOT_JUDGED = {
    "within an unknown member": b'{%s,"o":{"id":1,"id":2}}' % ID,
    "status of a target": b'{%s,"targets":[{"status":"a","status":"failed"}]}' % ID,
    "node_id of a target": b'{%s,"targets":[{"node_id":"a","node_id":"b"}]}' % ID,
    "of an item": b'{"items":[{"id":"a","id":"b","status":"x","status":"y","targets":[],"targets":[]}]}'}


@rule("3.10")
@pytest.mark.parametrize("body", list(NOT_JUDGED.values()), ids=list(NOT_JUDGED))
@pytest.mark.parametrize("form", ["text", "json"])
def test_members_of_inner_objects_are_not_judged(plane, body, form):
    argv = GET if body.startswith(b"{" + ID) else LIST
    assert run_against(plane, Reply(body), *argv + ("--output", form)).code == 0


# ---- large values

@rule("3.10", "7.1")
def test_value_beyond_the_limit_is_malformed_before_more_of_it_came(plane):
    flood = Flood(b'HTTP/1.1 200 OK\r\n\r\n{%s,"x":"' % ID, b"x" * 0x100000)
    result = run_against(plane, flood)
    assert "large" in read_error(result) and result.err.count("\n") == 1
    plane.close()
    assert 64 << 20 <= flood.sent < 96 << 20        # a quarter more, and what fits into the buffers of two sockets


# ---- whose answer it is

@rule("4.3")
def test_answer_with_another_executions_id_is_not_saved_either(plane, tmp_path):
    folder = tmp_path / "new"
    run_against(plane, execution([target()], id=NODES[0]), *GET + ("--output-dir", str(folder)))
    assert not (folder / "targets").exists()


@rule("4.3")
@pytest.mark.parametrize("form", GET_FORMS)
@pytest.mark.parametrize("body", [b'{"id":"%s","targets":[{}]}', b'{"targets":[{}],"id":"%s"}'], ids=["first", "last"])
def test_id_may_stand_anywhere_and_in_any_case_but_must_be_the_one_asked_for(plane, form, body):
    for identity, code in ((EXECUTION.title(), 0), (NODES[0], 1)):
        assert run_against(plane, Reply(body % identity.encode()), *GET + ("--output", form)).code == code


@rule("4.3", "6.2")
@pytest.mark.parametrize("argv", [LIST, GET], ids=["list", "get"])
@pytest.mark.parametrize("body", [b"<html>", b"<!DOCTYPE html>\n<title>Log in</title>", b"\n <html>"], ids=shorten_id)
@pytest.mark.parametrize("status", [200, 404])
def test_html_gets_a_hint_at_the_server(plane, argv, body, status):
    result = run_against(plane, Reply(body, status, [("Content-Type", "text/html")]), *argv)
    assert read_error(result) and "--server" in read_hint(result)
