"""Rules 3.9 to 3.11, 4.3 and 4.3a: which bodies are accepted, and that nothing is shown before a body is complete."""

import os
import sys

import pytest

import plexctl_exec_log as program
from kit import (
    ALL,
    EXECUTION,
    GET,
    GET_FORMATS,
    LIST,
    LIST_FORMATS,
    NODES,
    PATH,
    ask,
    encode,
    error_lines,
    execution,
    hint_lines,
    inline,
    page,
    read_error,
    read_queries,
    rule,
    run_against,
    run_cli,
    shorten_id,
    target,
)
from server import Reply

ID = b'"id":"%s"' % EXECUTION.encode()
RESPONSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
#: A body with blanks, escapes, numbers and letters of one to four bytes.
SMALL_BODY = (
    b' {"n" :[0,-12.5e-3,1E5,10, 123 ],%s,"a":"\\u00e9\\ud83d\\ude00\\\\\\"","targets" : [{"b":null} ,'
    b'{"status":"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80","c":{"d":[true,false,{}]}}, {}],"z":-1e-5}' % ID
)


def fetch(plane, transport, answer):
    """Return the object that Transport.get makes of an answer. Each of two retries gets the same answer."""
    plane.answers.clear()
    plane.script(*[answer] * 3)
    return transport.get(PATH, {})


# ---- the text of a body

DEEP = b"[" * 200000
BAD_VALUES = [
    "NaN",
    "Infinity",
    "-Infinity",
    "-1e999",
    "1.7976931348623159e308",
    "1" + "0" * 309,
    "-" + "9" * 5000,
    "9" * 300000,
    "1" + "0" * 400 + ".5",
    "01",
    "1.",
    "tru",
    "'x'",
    '"\x01"',
    r'"\x41"',
    '"x',
]
BAD_BYTES = {
    "no UTF-8": b'{"a":"\xff"}',
    "half a letter": b'{"a":"\xc3"}',
    "overlong": b'{"a":"\xc0\x80"}',
    "surrogate": b'{"a":"\xed\xa0\x80"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "too deep": b'{"a":' + DEEP,
    "UTF-16": "{}".encode("utf-16"),
    "more": b"{}{}",
    "NUL after it": b"{}\0",
    "no value": b'{"a"}',
}
BAD_BYTES.update((text, text.encode()) for text in ("", "[]", "[{}]", "null", '"x"', "1", "{", "<html>", "{,}"))
MALFORMED_TEXTS = dict(BAD_BYTES, **{shorten_id(text): b'{"n":[%s]}' % text.encode() for text in BAD_VALUES})


@rule("3.9", "3.9a")
@pytest.mark.parametrize("body", list(MALFORMED_TEXTS.values()), ids=[ascii(name) for name in MALFORMED_TEXTS])
def test_complete_body_that_is_malformed_is_not_requested_again(plane, transport, body):
    for framing in ("length", "chunked"):
        with pytest.raises(program.RemoteError, match="^the response is malformed: its body is ") as caught:
            fetch(plane, transport, Reply(body, framing=framing))
        assert not caught.value.retryable and len(plane.answers) == 2


BIG = int(sys.float_info.max)
UNUSUAL = {
    "largest double": (str(BIG), BIG),
    "its negative": (str(-BIG), -BIG),
    "-0": ("-0", 0),
    "1E+2": ("1E+2", 100.0),
    "the same, short": ("-1.7976931348623157e308", -sys.float_info.max),
    "underflow": ("1e-999", 0.0),
    "lone surrogate": (r'"\ud800"', "\ud800"),
    "DEL": ('"\x7f"', "\x7f"),
    "pair": (r'"\ud83d\ude00\/"', "\U0001f600/"),
    "U+FEFF": ('"\ufeff"', "\ufeff"),
    "empty": (" {\r\n\t} ", {}),
    "objects": ('[ {"":[ ]}]', [{"": []}]),
    "last of several": ('1, "b": {"c": 1, "c": null}', {"c": None}),
}


@rule("3.9")
@pytest.mark.parametrize("text, value", list(UNUSUAL.values()), ids=list(UNUSUAL))
def test_unusual_but_valid_value_is_read(plane, transport, text, value):
    body = fetch(plane, transport, Reply(' {"z": 1 , "b":%s, "a" :null} \r\n\t' % text))
    assert body == {"z": 1, "b": value, "a": None} and list(body) == ["z", "b", "a"]
    assert type(body["b"]) is type(value)


# ---- bodies that are cut short


@rule("3.9a", "3.8", "6.2e")
@pytest.mark.parametrize(
    "framing, places", [("length", [0, 9, -1]), ("chunked", [0, 9, -1]), ("close", range(0, len(SMALL_BODY), 3))]
)
def test_body_that_is_cut_short_is_retryable(plane, transport, framing, places):
    for place in places:
        with pytest.raises(program.RemoteError) as caught:
            fetch(plane, transport, Reply(SMALL_BODY, framing=framing, cut=place % len(SMALL_BODY)))
        assert caught.value.retryable and not plane.answers, SMALL_BODY[:place]
        assert caught.value.hint.startswith("the server, or a proxy in between, closed the connection")


# ---- nothing is shown before a response is complete and checked

WHOLE_GET = encode(execution([target(inline(b"some output\n"), node) for node in NODES[:3]]))
WHOLE_PAGE = encode(page(execution(), execution(id="e-2"), next_cursor="c2"))
#: A body like this one, but broken near its end.
SPOILED = {
    "announced longer": lambda body: Reply(body, announce=9999),
    "NaN": lambda body: Reply(body[:-1] + b',"z":NaN}'),
    "no object": lambda body: Reply(body[:-1].replace(b"}]", b"},1]") + b"}"),
    "another id, wrong cursor": lambda body: Reply(body[:-1] + b',"id":"x","next_cursor":5}'),
}


@rule("3.10", "6.3")
@pytest.mark.parametrize("name", list(SPOILED))
@pytest.mark.parametrize(
    "argv, flags",
    [(LIST, "--output " + format) for format in LIST_FORMATS]
    + [(GET, "--output " + format) for format in GET_FORMATS]
    + [(GET, "--output-dir {}"), (GET, "--wait")],
)
def test_nothing_of_a_broken_response_is_printed_or_saved(plane, tmp_path, argv, flags, name):
    answer = SPOILED[name](WHOLE_PAGE if argv == LIST else WHOLE_GET)
    result, _ = ask(plane, *[answer] * 3, argv=argv + tuple(flags.format(tmp_path).split()))
    assert (result.code, result.out, len(error_lines(result))) == (1, b"", 1)
    assert os.listdir(str(tmp_path)) == []


# ---- the shape of a response

#: A body in which %s is one of the accepted values, or of the refused ones, and what the error says about these.
SHAPES = {
    "targets": (GET, '{"targets":%s,"id":"ID"}', "null [] [{}]", '{} "" 0 false', "targets: expected a list"),
    "target": (GET, '{"targets":[%s],"id":"ID"}', "{},{}", "1 {},null [] [{}]", "targets: expected a list of objects"),
    "items": (LIST, '{"items":%s}', "null [] [{}]", '{} "" 0 false', "items: expected a list"),
    "an item": (LIST, '{"items":[%s]}', "{},{}", "1 {},null [] [{}]", "items: expected a list of objects"),
    "no items": (LIST, "{%s}", '"items":[]', '"id":"ID" "Items":[]', 'it has no member "items"'),
    "next_cursor": (
        LIST,
        '{"items":[{}],"next_cursor":%s}',
        'null "" "c"',
        '0 [] ["c"] false {}',
        "next_cursor: expected a string",
    ),
    "id": (GET, '{"id":%s}', '"ID" "UPPER"', '"" "IDx" null', "id"),
    "no id": (GET, "{%s}", '"id":"ID"', '"targets":[] "Id":"ID"', "the Execution has no id"),
}


@rule("4.3", "4.3a", "3.10")
@pytest.mark.parametrize("argv, body, accepted, refused, says", list(SHAPES.values()), ids=list(SHAPES))
def test_shape_of_a_response_is_checked_in_every_format(plane, argv, body, accepted, refused, says):
    for value in accepted.split() + refused.split():
        answer = Reply((body % value).replace("ID", EXECUTION).replace("UPPER", EXECUTION.upper()))
        for format in ("text", "json"):
            result = run_against(plane, answer, *argv + ("--output", format))
            if value in accepted.split():
                assert (result.code, error_lines(result)) == (0, [])
            else:
                assert read_error(result).startswith("error: the response is malformed: ")
                assert says in read_error(result)
                assert "does it point to the API?" in result.err


# ---- sizes

MIB = 1 << 20
PAGE_TOO_LARGE = RESPONSE_HEAD % (32 * MIB + 1)  # only announced


@rule("3.11", "3.11a")
@pytest.mark.parametrize(
    "argv, size",
    [
        (GET, 256),
        (LIST, 32),
        (LIST + ("--limit", "2"), 32),
        (LIST + ("--limit", "1"), 256),
        (ALL + ("--limit", "1"), 256),
    ],
)
def test_larger_body_is_an_error_before_it_is_read(plane, argv, size):
    result, slept = ask(plane, RESPONSE_HEAD % (size * MIB + 1), argv=argv)
    assert (read_error(result), slept) == ("error: the response is larger than %d MiB" % size, [])
    assert argv != LIST or hint_lines(result) == ["use a smaller --limit"]
    assert ask(plane, *[RESPONSE_HEAD % (size * MIB)] * 3, argv=argv)[1] == [0.5, 1.0]  # it may be read, but is cut


#: The flags, the answers (T: too large, M: more follow, E: the last page), limits and cursors of the requests.
TOO_LARGE = {
    "once": ("", "TME", "200 50 50", "- - c1"),
    "down to 1": ("", "TTTTME", "200 50 12 3 1 1", "- - - - - c4"),
    "again, later": ("", "MTMTE", "200 200 50 50 12", "- c0 c0 c2 c2"),
    "of 3": ("--limit 3", "TE", "3 1", "- -"),
    "of 50": ("--limit 0", "MTTTE", "- - 12 3 1", "- c0 c0 c0 c0"),
    "of 8": ("--limit 8", "TTE", "8 2 1", "- - -"),
    "given cursor": ("--cursor x", "TME", "200 50 50", "x x c1"),
    "each query has its own": ("--running", "TMEEE", "200 50 50 200 200", "- - c1 - -"),
}


@rule("3.11a")
@pytest.mark.parametrize("flags, answers, limits, cursors", list(TOO_LARGE.values()), ids=list(TOO_LARGE))
def test_walk_asks_for_a_quarter_of_a_page_that_is_too_large(plane, flags, answers, limits, cursors):
    for number, kind in enumerate(answers):
        body = page(execution(id="e-%d" % number, status=None), next_cursor="c%d" % number if kind == "M" else None)
        plane.script(PAGE_TOO_LARGE if kind == "T" else Reply(body))
    result, queries = run_cli(*ALL + tuple(flags.split()), plane=plane), read_queries(plane)
    assert (result.code, result.err, result.out.count(b"\ne-")) == (0, "", len(answers) - answers.count("T"))
    assert " ".join(query.get("limit", "-") for query in queries) == limits
    assert " ".join(query.get("cursor", "-") for query in queries) == cursors


@rule("3.11a", "6.3")
def test_walk_ends_at_a_page_of_one_that_is_too_large(plane):
    result, slept = ask(plane, *[PAGE_TOO_LARGE] * 4 + [RESPONSE_HEAD % (256 * MIB + 1)], argv=ALL)
    assert result.err == "error: the response is larger than 256 MiB\n" and slept == []
    assert [query["limit"] for query in read_queries(plane)] == "200 50 12 3 1".split()
