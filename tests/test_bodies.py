"""Section 3, the list of malformed bodies, and section 7: bodies are decoded as they arrive."""

import io
import json

import pytest

import plexctl_exec_log as program
from control_plane import Reply
from kit import EXECUTION, GET, LIST, NODES, answered, archive, encoded, execution, inline, page, run_cli, target

FORMS = ["text", "json", "yaml", "jsonl"]
WIRE = execution([target(inline(bytes(range(256)))), target(inline("caf\u00e9 \U0001F600\n".encode()), NODES[1], "failed"),
                  target(archive(sha256="0123456789abcdef" * 4), NODES[2]), target(node=NODES[3], status=None)],
                 action="a\u20acb \"q\" \\ \U0001F600", extra={"n": [1, -2.5e-7, 0, True, None, {"": []}]})
BODY = json.dumps(WIRE, ensure_ascii=False).encode("utf-8")


def events(pieces, array="targets"):
    """What the decoder makes of byte slices."""
    return list(program.document(pieces, array))


def cut(body, size):
    """The body in slices of so many bytes."""
    return [body[start:start + size] for start in range(0, len(body), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
def test_slices_do_not_change_the_events(size):
    assert events(cut(BODY, size)) == events([BODY])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_slices_do_not_change_the_output(plane, size, framing):
    assert answered(plane, Reply(BODY, framing=framing, slices=size)) == answered(plane, Reply(BODY))


def test_cut_body_is_never_taken_for_whole():
    for end in range(len(BODY)):
        with pytest.raises(program.MalformedBody):
            events([BODY[:end]])


def test_cut_number_is_never_taken_for_whole():
    body = b'{"id": -12.5e+3 }'
    for place in range(1, len(body)):
        assert events([body[:place], body[place:]]) == events([body])


@pytest.mark.parametrize("pieces", [[b"\xef\xbb\xbf{}"], [b""], [b" "], [b"[]"], [b"null"], [b'"x"'], [b"12"], [b"{"], [b"{}}"], [b"{} x"], [b"{},"],
                                    [b'{"a"}'], [b'{"a":}'], [b'{"a":1,}'], [b'{,}'], [b'{"a" 1}'], [b'{a:1}'], [b"{'a':1}"], [b'{"a":1 "b":2}'],
                                    [b'{"a":NaN}'], [b'{"a":Infinity}'], [b'{"a":[-Infinity]}'], [b'{"a":01}'], [b'{"a":+1}'], [b'{"a":1.}'], [b'{"a":.5}'],
                                    [b'{"a":tru}'], [b'{"a":"\x01"}'], [b'{"a":"\\x41"}'], [b'{"a":"\\u12"}'], [b'{"a":"x}'], [b'{"a":"\xff"}'],
                                    [b'{"a":"\xed\xa0\x80"}'], [b'{"a":"\xc3"}'], [b'{"\xc3'], [b'\xa0{}'], [b"{}\0"], [b'{"a":1e400}'], [b'{"a":-1e999}'],
                                    [b'{"a":%s}' % (b"9" * 1001)], [b'{"a":1%s}' % (b"0" * 309)], [b'{"a":[0.%s]}' % (b"1" * 1000)],
                                    [b'{"targets":{}}'], [b'{"targets":""}'], [b'{"targets":[1]}'], [b'{"targets":[null]}'], [b'{"targets":[{},]}'],
                                    [b'{"targets":[{} {}]}'], [b'{"targets":[],"targets":[]}'], [b'{"targets":null,"targets":null}'],
                                    [b'{"next_cursor":1}'], [b'{"next_cursor":["x"]}'], [b'{"next_cursor":"a","next_cursor":"a"}']])
def test_malformed_body(pieces):
    with pytest.raises(program.MalformedBody):
        events(pieces)
    with pytest.raises(program.MalformedBody):
        events(cut(pieces[0], 1))


@pytest.mark.parametrize("body", [b'{"a":1%s}' % (b"0" * 300), b'{"a":0.%s}' % (b"1" * 990), b'{"a":1e308}', b'{"a":-0}', b' \r\n\t{ } \n',
                                  b'{"a":"\\ud800"}', b'{"a":"\\ud83d\\ude00\\/"}', b'{"a":1,"a":2}', b'{"targets":[ ] }', b'{"targets":null}'])
def test_unusual_but_right_body(body):
    assert events([body]) == events(cut(body, 1))


@pytest.mark.parametrize("place", ["member", "element"])
@pytest.mark.parametrize("form", FORMS + ["raw"])
def test_500_levels_pass(plane, form, place):
    levels = 498 if place == "member" else 496
    deep = b"[" * levels + b"]" * levels
    body = b'{"id":"x","deep":%s}' % deep if place == "member" else b'{"id":"x","targets":[{"deep":%s}]}' % deep
    assert answered(plane, Reply(body), *GET + ("--output", form)).code == 0


@pytest.mark.parametrize("form", FORMS + ["raw"])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_absurd_nesting_is_1(plane, form, opening):
    result = answered(plane, Reply(b'{"id":"x","deep":' + opening * 200000), *GET + ("--output", form))
    assert result.code == 1 and result.err.count("\n") == 1


@pytest.mark.parametrize("levels", [900, 990, 3000])
@pytest.mark.parametrize("form", FORMS)
def test_deep_nesting_is_printed_or_1(plane, form, levels):
    body = b'{"id":"x","targets":[{"deep":%s}]}' % (b'{"a":[' * (levels // 2) + b"]}" * (levels // 2))
    result = answered(plane, Reply(body), *GET + ("--output", form))
    assert result.code == 0 or result.code == 1 and "nested too deeply" in result.err


def test_what_came_whole_before_a_bad_byte_counts():
    seen = []
    with pytest.raises(program.MalformedBody, match="no UTF-8"):
        for event in program.document([b'{"targets":[{"a":1},{"a":2},{"a":"\xff"}]}'], "targets"):
            seen.append(event)
    assert [value for kind, _, value in seen if kind == "element"] == [{"a": 1}, {"a": 2}]


def test_what_came_whole_before_a_cut_counts():
    def broken():
        one = encoded({"a": "x" * 40000})
        yield b'{"targets":[' + one[:35000]
        yield one[35000:] + b',{"a":'
        raise program.BodyCut("the connection was lost")
    seen = []
    with pytest.raises(program.BodyCut):
        for event in program.document(broken(), "targets"):
            seen.append(event[0])
    assert seen == ["open", "begin", "element"]


def test_fault_at_a_quote_is_no_cut():
    with pytest.raises(program.MalformedBody) as caught:
        events([b'{"targets":[{"a":1 "b":2}]}' + b" " * 50])
    assert not isinstance(caught.value, program.BodyCut)


def test_value_over_the_limit_is_malformed(monkeypatch):
    monkeypatch.setattr(program, "VALUE_LIMIT", 1000)      # the real one is 256 MiB
    with pytest.raises(program.MalformedBody, match="value of more than"):
        events(cut(b'{"a":"%s"}' % (b"x" * 3000), 100))


def test_big_value_in_small_slices_is_scanned_a_few_times_only():
    class Counted(program.JSONText):
        attempts = 0

        def _judge_shortage(self, error):
            Counted.attempts += 1
            super()._judge_shortage(error)

    text = Counted(cut(b'["%s"]' % (b"x" * 200000), 10))
    assert len(text.value()[0]) == 200000 and Counted.attempts < 60


def test_fault_in_an_endless_value_is_told_at_once():
    def endless():
        yield b'{"id": "x", "a": [1, 2, oops '
        while True:
            yield b"3, " * 100
    with pytest.raises(program.MalformedBody, match="at character 24"):
        events(endless())


BROKEN = [
    Reply(BODY, cut=300), Reply(BODY, cut=300, reset=True), Reply(BODY, framing="chunked", cut=300), Reply(BODY, framing="close", cut=300),
    Reply(BODY, announce=len(BODY) + 1), Reply(BODY, framing="chunked", slices=100, cut=250), Reply(b""), Reply(b"", framing="chunked"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n" % (b"1" * 70000), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{", b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}", b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Length: 9\r\n\r\n" % len(BODY) + BODY,
    b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5000) + BODY, b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % (b"0" * 15 + b"%d" % len(BODY)) + BODY, b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n" + BODY,
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n" + BODY, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + BODY,
    Reply(BODY, headers=[("Content-Encoding", "gzip")]), Reply(BODY, headers=[("Content-Encoding", "br, identity")])]


@pytest.mark.parametrize("answer, form", [(answer, "text") for answer in BROKEN] +
                         [(BROKEN[0], form) for form in FORMS[1:] + ["raw"]] + [(BROKEN[2], "json"), (BROKEN[3], "yaml")])
def test_broken_body_is_1_with_one_line(plane, answer, form):
    result = answered(plane, answer, *GET + ("--output", form))
    assert result.code == 1 and result.err.startswith("error: ") and len(plane.requests) == 1
    assert result.err.count("\n") == 1 + result.err.count("\nhint: ")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", b"HTTP/1.1 200\r\n\r\n",
                                  b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Encoding: identity\r\n\r\n"])
def test_body_that_ends_with_the_connection_is_whole_when_its_json_is(plane, head):
    assert answered(plane, head + BODY).code == 0
    assert answered(plane, head + BODY[:-1]).code == 1


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("argv, body", [(LIST, b"{}"), (LIST, b'{"next_cursor":"x"}'), (GET, b'{"items":[]}'), (GET, b"{}"), (GET, b'{"id":1}'),
                                        (GET, b'{"id":null,"targets":[]}')])
def test_answer_that_is_not_ours_is_1(plane, argv, body, form):
    result = answered(plane, Reply(body), *argv + ("--output", form))
    assert result.code == 1 and "hint: is this the API?" in result.err


SCALARS = ["id", "action", "type", "status", "created_at", "updated_at"]


@pytest.mark.parametrize("name, value", [(name, 1) for name in SCALARS + ["targets"]] + [
    ("id", []), ("status", True), ("type", {}), ("targets", {}), ("targets", "x"), ("targets", [1])])
def test_wrong_type_in_a_list_item_is_judged_by_text_alone(plane, name, value):
    wire = page(execution(), dict(execution(), **{name: value}))
    result = answered(plane, wire, *LIST)
    assert result.code == 1 and name in result.err and result.out.count(EXECUTION.encode()) == 1
    for form in ("json", "yaml", "jsonl"):
        assert answered(plane, wire, *LIST + ("--output", form)).code == 0


@pytest.mark.parametrize("name, value", [("node_id", 1), ("status", 1), ("node_id", []), ("status", False)])
def test_wrong_type_in_a_target_is_judged_by_text_and_raw(plane, name, value):
    wire = execution([target(), dict(target(), **{name: value})])
    for form, code in (("text", 1), ("raw", 1), ("json", 0), ("yaml", 0), ("jsonl", 0)):
        assert answered(plane, wire, *GET + ("--output", form)).code == code


def test_node_id_of_a_wrong_type_is_judged_when_a_node_is_asked_for(plane):
    wire = execution([dict(target(), node_id=1), target()])
    assert answered(plane, wire, *GET + ("--node", NODES[0])).code == 1


@pytest.mark.parametrize("text, data", [
    ("", b""), ("YQ==", b"a"), ("YWI=", b"ab"), ("YWJj", b"abc"), ("+/+/", b"\xfb\xff\xbf"), ("YR==", b"a"), ("YWJ=", b"ab")])
def test_standard_base64(text, data):
    assert program.decode_base64(text) == data


@pytest.mark.parametrize("text", ["=", "==", "===", "====", "Y", "YQ", "YQ=", "YQ===", "YQ==\n", "\nYQ==", "Y Q==", "YWJj=", "YWJj====", "YQ==YQ==",
                                  "=YWJ", "YWJj-_==", "-_-_", "YW=j", "Y===", "YWJjY===", "caf\u00e9", "YQ==\u00a0\u00a0\u00a0\u00a0", "YWJ\0", "YQ=A"])
def test_anything_else_is_no_base64(text):
    with pytest.raises(ValueError):
        program.decode_base64(text)


def test_library_yields_records_as_they_arrive(plane):
    plane.script(Reply(WIRE))
    with program.Transport(program.Server.parse(plane.url), plane.token) as transport:
        *targets, whole = program.get_execution(transport, NODES[0], EXECUTION)
    assert [t.output_ref.kind for t in targets] == ["inline", "inline", "object_store", "none"]
    assert (whole.id, whole.succeeded, whole.total) == (EXECUTION, 2, 4)


def test_main_can_be_called_in_process(plane, monkeypatch):
    plane.script(Reply(WIRE))
    monkeypatch.setenv("PLEXSPHERE_TOKEN", plane.token)
    out, err = io.BytesIO(), io.StringIO()
    code = program.main(list(GET + ("--server", plane.url, "--output", "json")), out, err)
    assert (code, json.loads(out.getvalue().decode("ascii")), err.getvalue()) == (0, WIRE, "")
    assert encoded(WIRE) == encoded(json.loads(out.getvalue().decode("ascii")))
    assert run_cli(*GET, plane=plane).code == 1


def test_place_of_a_fault_is_counted_from_the_start_of_the_body():
    with pytest.raises(program.MalformedBody, match="at character 30:"):
        events(cut(b'{"a": 1, "b": "xxxxxxxxxxxx", ! ' + b" " * 50, 5))


def test_body_cut_at_the_very_limit_is_cut(monkeypatch):
    monkeypatch.setattr(program, "VALUE_LIMIT", 1000)
    with pytest.raises(program.BodyCut):
        events([b'{"id":"' + b"x" * 999])
