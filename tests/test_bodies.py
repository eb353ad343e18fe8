"""Rules 3.9 to 3.11, 4.3 and 4.3a: which bodies are accepted, and that nothing is shown before a body is complete.

Also 6.2f: a body that needs more memory than there is."""

import os
import sys
import traceback

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN
from kit import (
    ALL,
    EXECUTION,
    GET,
    LIST,
    NODES,
    PATH,
    ROOT,
    encode,
    error_lines,
    every_get_format,
    every_list_format,
    execution,
    hint_lines,
    inline,
    page,
    read_listing,
    read_queries,
    rule,
    run_against,
    run_cli,
    run_python,
    target,
)
from server import Reply

#: How a complete body ends on the wire: at its Content-Length, or at its last chunk.
every_complete_framing = pytest.mark.parametrize("framing", ["length", "chunked"])


# ---- 3.9: the text of a body

#: 2**1024 - 2**970, an integer of 309 digits.
LARGEST_DOUBLE = int(sys.float_info.max)

NO_JSON_OBJECT = [
    pytest.param(b"[]", id="list"),
    pytest.param(b"[{}]", id="list with an object"),
    pytest.param(b"null", id="null"),
    pytest.param(b'"x"', id="string"),
    pytest.param(b"1", id="number"),
]

NO_JSON = [
    pytest.param(b"", id="empty"),
    pytest.param(b"<html>", id="HTML"),
    pytest.param(b"{", id="opening brace only"),
    pytest.param(b"{,}", id="comma only"),
    pytest.param(b'{"a"}', id="name without a value"),
    pytest.param(b"{}{}", id="two objects"),
    pytest.param(b"{}\0", id="NUL after the object"),
]

NO_UTF_8 = [
    pytest.param(b'{"a":"\xff"}', id="byte that UTF-8 never uses"),
    pytest.param(b'{"a":"\xc3"}', id="first byte of a letter of two bytes"),
    pytest.param(b'{"a":"\xc0\x80"}', id="overlong form of NUL"),
    pytest.param(b'{"a":"\xed\xa0\x80"}', id="encoded surrogate"),
    pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
    pytest.param(b"\xff\xfe{\0}\0", id="UTF-16"),
]

NO_JSON_VALUE = [
    pytest.param(b"NaN", id="NaN"),
    pytest.param(b"Infinity", id="Infinity"),
    pytest.param(b"-Infinity", id="-Infinity"),
    pytest.param(b"-1e999", id="-1e999"),
    pytest.param(b"1.7976931348623159e308", id="float just beyond a double"),
    pytest.param(b"1" + b"0" * 309, id="integer beyond a double"),
    # From Python 3.11 on, int() refuses more than 4,300 digits.
    pytest.param(b"-" + b"9" * 5000, id="integer of 5,000 digits"),
    # Until Python 3.10, int() takes time quadratic in the number of digits.
    pytest.param(b"9" * 300000, id="integer of 300,000 digits"),
    pytest.param(b"1" + b"0" * 400 + b".5", id="float of 400 digits"),
    pytest.param(b"01", id="leading zero"),
    pytest.param(b"1.", id="decimal point without digits"),
    pytest.param(b"tru", id="word cut short"),
    pytest.param(b"'x'", id="single quotes"),
    pytest.param(b'"\x01"', id="control character in a string"),
    pytest.param(b'"\\x41"', id="escape that JSON lacks"),
    pytest.param(b'"x', id="string without an end"),
]


@rule("3.9", "3.9a", "3.9b")
@every_complete_framing
@pytest.mark.parametrize(
    "body",
    NO_JSON_OBJECT + NO_JSON + NO_UTF_8,
)
def test_malformed_body_is_an_error_and_not_requested_again(plane, transport, body, framing):
    plane.script(Reply(body, framing=framing))

    with pytest.raises(program.UnusableResponse) as caught:
        transport.get(PATH, {})

    assert "--server" in caught.value.hint  # it doubts that the server is the API
    assert not caught.value.retryable
    assert len(plane.requests) == 1


@rule("3.9", "3.9a", "3.9b")
@every_complete_framing
@pytest.mark.parametrize("value", NO_JSON_VALUE)
def test_malformed_value_is_an_error_and_not_requested_again(plane, transport, value, framing):
    plane.script(Reply(b'{"n":[' + value + b"]}", framing=framing))

    with pytest.raises(program.UnusableResponse) as caught:
        transport.get(PATH, {})

    assert "--server" in caught.value.hint  # it doubts that the server is the API
    assert not caught.value.retryable
    assert len(plane.requests) == 1


@rule("3.9", "6.3d")
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[]", id="list"),
        pytest.param(b"<html>", id="HTML"),
        pytest.param(b'{"a":' + b"[" * 200000, id="nested too deeply"),
    ],
)
def test_listing_does_not_suggest_to_resume_at_a_malformed_body(plane, body):
    result = run_against(plane, Reply(body), *LIST, "--cursor", "c1")

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert "next_cursor" not in result.err  # the same failure would recur


@rule("3.9")
@pytest.mark.parametrize(
    "text, value",
    [
        pytest.param(str(LARGEST_DOUBLE), LARGEST_DOUBLE, id="largest double, as an integer"),
        pytest.param(str(-LARGEST_DOUBLE), -LARGEST_DOUBLE, id="lowest double, as an integer"),
        pytest.param("-1.7976931348623157e308", -1.7976931348623157e308, id="lowest double"),
        pytest.param("1e-999", 0.0, id="float too small for a double"),
        pytest.param("1E+2", 100.0, id="float with an exponent"),
        pytest.param("-0", 0, id="negative zero, as an integer"),
        pytest.param(r'"\ud800"', "\ud800", id="lone surrogate"),
        pytest.param(r'"\ud83d\ude00\/"', "\U0001f600/", id="pair of surrogates, escaped slash"),
        pytest.param('"\x7f"', "\x7f", id="DEL, which JSON does not call a control character"),
        pytest.param('"\ufeff"', "\ufeff", id="U+FEFF in a string"),
        pytest.param(" {\r\n\t} ", {}, id="empty object with all kinds of white space"),
        pytest.param('[ {"":[ ]}]', [{"": []}], id="empty name, empty list"),
    ],
)
def test_unusual_but_valid_value_is_read(plane, transport, text, value):
    plane.script(Reply('{"n":%s}' % text))

    body = transport.get(PATH, {})

    assert body == {"n": value}
    assert type(body["n"]) is type(value)  # 0 == 0.0 in Python


@rule("3.9")
def test_white_space_is_skipped_and_members_keep_their_order(plane, transport):
    plane.script(Reply(' {"z": 1 , "b":2, "a" :null} \r\n\t'))

    body = transport.get(PATH, {})

    assert list(body.items()) == [("z", 1), ("b", 2), ("a", None)]


@rule("3.9")
def test_last_value_of_a_repeated_name_counts(plane, transport):
    plane.script(Reply('{"b": 1, "b": {"c": 1, "c": null}}'))

    body = transport.get(PATH, {})

    assert body == {"b": {"c": None}}


# ---- 3.9a: bodies that are cut short

#: A body with white space, escapes, numbers, and letters of one to four bytes.
SMALL_BODY = (
    b' {"n" :[0,-12.5e-3,1E5,10, 123 ],"id":"4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",'
    b'"a":"\\u00e9\\ud83d\\ude00\\\\\\"","targets" : [{"b":null} ,'
    b'{"status":"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80","c":{"d":[true,false,{}]}}, {}],"z":-1e-5}'
)


@rule("3.9a", "3.8")
@every_complete_framing
@pytest.mark.parametrize("kept", [0, 9, len(SMALL_BODY) - 1])
def test_body_that_is_cut_short_of_its_announced_end_is_retryable(plane, transport, kept, framing):
    cut_short = Reply(SMALL_BODY, framing=framing, cut=kept)
    plane.script(cut_short, cut_short, cut_short)

    with pytest.raises(program.RemoteError) as caught:
        transport.get(PATH, {})

    assert caught.value.retryable
    assert len(plane.requests) == 3


@rule("3.9a", "3.8")
@pytest.mark.parametrize("kept", range(0, len(SMALL_BODY), 3))
def test_body_without_length_is_cut_short_if_its_json_is_incomplete(plane, transport, kept):
    cut_short = Reply(SMALL_BODY, framing="close", cut=kept)
    plane.script(cut_short, cut_short, cut_short)

    with pytest.raises(program.RemoteError) as caught:
        transport.get(PATH, {})

    assert caught.value.retryable
    assert len(plane.requests) == 3


@rule("3.9", "3.9a")
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_complete_body_is_read(plane, transport, framing):
    plane.script(Reply(SMALL_BODY, framing=framing))

    body = transport.get(PATH, {})

    assert body == {
        "n": [0, -0.0125, 100000.0, 10, 123],
        "id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",
        "a": '\u00e9\U0001f600\\"',
        "targets": [
            {"b": None},
            {"status": "\u00e9\u20ac\U0001f600", "c": {"d": [True, False, {}]}},
            {},
        ],
        "z": -0.00001,
    }


# ---- 3.10: nothing is shown before a response is complete and checked

GOOD_TARGETS = (
    encode(target(inline(b"one\n"), NODES[0])) + b"," + encode(target(inline(b"two\n"), NODES[1]))
)

#: The beginning of a page with two good Executions, which lacks its end.
GOOD_PAGE = b'{"items":[' + encode(execution(id="e-1")) + b"," + encode(execution(id="e-2"))

#: The fault of each of these pages is at its end, after two good Executions. The error contains this word.
every_spoiled_page = pytest.mark.parametrize(
    "answer, word",
    [
        pytest.param(
            Reply(GOOD_PAGE + b"]}", announce=9999), "connection", id="shorter than announced"
        ),
        pytest.param(Reply(GOOD_PAGE + b'],"z":NaN}'), "JSON", id="NaN"),
        pytest.param(Reply(GOOD_PAGE + b",1]}"), "items", id="item that is a number"),
        pytest.param(
            Reply(GOOD_PAGE + b'],"next_cursor":5}'), "next_cursor", id="cursor that is a number"
        ),
    ],
)

#: The beginning of the Execution that is requested, with two good targets. It lacks its end.
GOOD_EXECUTION = b'{"id":"4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f","targets":[' + GOOD_TARGETS

#: The fault of each of these Executions is at its end, after two good targets. The error contains this word.
every_spoiled_execution = pytest.mark.parametrize(
    "answer, word",
    [
        pytest.param(
            Reply(GOOD_EXECUTION + b"]}", announce=9999), "connection", id="shorter than announced"
        ),
        pytest.param(Reply(GOOD_EXECUTION + b'],"z":NaN}'), "JSON", id="NaN"),
        pytest.param(Reply(GOOD_EXECUTION + b",1]}"), "targets", id="target that is a number"),
        pytest.param(
            Reply(GOOD_EXECUTION + b'],"id":"another"}'), "another", id="id of another Execution"
        ),
    ],
)


@rule("3.10", "6.3")
@every_list_format
@every_spoiled_page
def test_list_prints_nothing_of_a_broken_page(plane, answer, word, format):
    plane.script(answer, answer, answer)  # what is cut short is requested three times

    result = run_cli(*LIST, "--output", format, plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert word in error_lines(result)[0]


@rule("3.10", "6.3")
@every_get_format
@every_spoiled_execution
def test_get_prints_nothing_of_a_broken_execution(plane, answer, word, format):
    plane.script(answer, answer, answer)  # what is cut short is requested three times

    result = run_cli(*GET, "--output", format, plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert word in error_lines(result)[0]


@rule("3.10", "6.3")
@every_spoiled_execution
def test_wait_prints_nothing_of_a_broken_execution(plane, answer, word):
    plane.script(answer, answer, answer)  # what is cut short is requested three times

    result = run_cli(*GET, "--wait", plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert word in error_lines(result)[0]


@rule("3.10", "6.3")
@every_spoiled_execution
def test_output_dir_saves_nothing_of_a_broken_execution(plane, tmp_path, answer, word):
    plane.script(answer, answer, answer)  # what is cut short is requested three times

    result = run_cli(*GET, "--output-dir", str(tmp_path), plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert word in error_lines(result)[0]
    assert os.listdir(str(tmp_path)) == []


# ---- 4.3 and 4.3a: the shape of a response

#: The shape is checked in formats that use the response, and in those that print it as the server sent it.
text_and_json = pytest.mark.parametrize("format", ["text", "json"])

every_valid_list = pytest.mark.parametrize(
    "objects, number",
    [
        pytest.param(None, 0, id="null"),
        pytest.param([], 0, id="empty list"),
        pytest.param([{}], 1, id="one object"),
        pytest.param([{}, {}], 2, id="two objects"),
    ],
)

#: Each of these is false in Python, as null is.
every_other_type = pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({}, id="object"),
        pytest.param("", id="string"),
        pytest.param(0, id="number"),
        pytest.param(False, id="boolean"),
    ],
)

every_list_of_others = pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([1], id="number"),
        pytest.param([{}, None], id="object and null"),
        pytest.param([[]], id="empty list"),
        pytest.param([[{}]], id="list with an object"),
    ],
)


@rule("4.3")
@pytest.mark.parametrize(
    "format, row",
    [
        pytest.param("text", b"==> - - no output <==\n", id="text"),
        pytest.param("json", b"\n    {}", id="json"),
    ],
)
@every_valid_list
def test_targets_are_a_list_of_objects_or_null(plane, objects, number, format, row):
    result = run_against(plane, {"id": EXECUTION, "targets": objects}, *GET, "--output", format)

    assert result.code == 0
    assert result.out.count(row) == number
    assert error_lines(result) == []


@rule("4.3", "3.9b", "3.10")
@text_and_json
@every_other_type
def test_targets_of_another_type_are_an_error(plane, wrong, format):
    result = run_against(plane, {"id": EXECUTION, "targets": wrong}, *GET, "--output", format)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ["the response is malformed: targets: expected a list"]
    assert hint_lines(result) == []


@rule("4.3", "3.9b", "3.10")
@text_and_json
@every_list_of_others
def test_target_that_is_not_an_object_is_an_error(plane, wrong, format):
    result = run_against(plane, {"id": EXECUTION, "targets": wrong}, *GET, "--output", format)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ["the response is malformed: targets: expected a list of objects"]
    assert hint_lines(result) == []


@rule("4.3")
@pytest.mark.parametrize(
    "format, row",
    [
        pytest.param("text", b"\n- ", id="text"),
        pytest.param("json", b"\n    {}", id="json"),
    ],
)
@every_valid_list
def test_items_are_a_list_of_objects_or_null(plane, objects, number, format, row):
    result = run_against(plane, {"items": objects}, *LIST, "--output", format)

    assert result.code == 0
    assert result.out.count(row) == number
    assert error_lines(result) == []


@rule("4.3", "3.9b", "3.10")
@text_and_json
@every_other_type
def test_items_of_another_type_are_an_error(plane, wrong, format):
    result = run_against(plane, {"items": wrong}, *LIST, "--output", format)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ["the response is malformed: items: expected a list"]
    assert hint_lines(result) == []


@rule("4.3", "3.9b", "3.10")
@text_and_json
@every_list_of_others
def test_item_that_is_not_an_object_is_an_error(plane, wrong, format):
    result = run_against(plane, {"items": wrong}, *LIST, "--output", format)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ["the response is malformed: items: expected a list of objects"]
    assert hint_lines(result) == []


@rule("4.3", "3.9b", "3.10")
@text_and_json
@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"id": EXECUTION}, id="an Execution"),
        pytest.param({"Items": []}, id="Items in capitals"),
        pytest.param({"next_cursor": "c2"}, id="only a cursor"),
    ],
)
def test_absent_items_are_an_error_that_doubts_the_server(plane, body, format):
    result = run_against(plane, body, *LIST, "--output", format)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ['the response is malformed: it has no member "items"']
    assert len(hint_lines(result)) == 1


@rule("4.3")
@text_and_json
@pytest.mark.parametrize("cursor", [None, "", "c"])
def test_next_cursor_is_a_string_or_null(plane, cursor, format):
    result = run_against(plane, page(execution(), next_cursor=cursor), *LIST, "--output", format)

    assert result.code == 0
    assert error_lines(result) == []


@rule("4.3", "3.9b", "3.10")
@text_and_json
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(0, id="number"),
        pytest.param([], id="empty list"),
        pytest.param(["c"], id="list with a string"),
        pytest.param(False, id="boolean"),
        pytest.param({}, id="object"),
    ],
)
def test_next_cursor_of_another_type_is_an_error(plane, wrong, format):
    result = run_against(plane, page(execution(), next_cursor=wrong), *LIST, "--output", format)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ["the response is malformed: next_cursor: expected a string"]
    assert hint_lines(result) == []


@rule("4.3b")
@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("c" * 8193, id="8 KiB and a byte"),
        pytest.param("\u20ac" * 2731, id="8 KiB and a byte, in UTF-8"),
        pytest.param("\ud800", id="high surrogate"),
        pytest.param("c\udc80", id="surrogate that stands for a byte"),
        pytest.param("\udcff" * 2, id="two surrogates"),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--all"], ["--failed"]], ids=["page", "walk", "merge"])
def test_cursor_that_cannot_be_sent_back_is_malformed(plane, cursor, flags):
    plane.script(Reply(page(next_cursor=cursor)))

    result = run_cli(*LIST, *flags, plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == [
        "the response is malformed: next_cursor: expected valid Unicode of at most 8 KiB"
    ]


@rule("4.3b")
@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("c" * 8192, id="8 KiB, the longest"),
        # In JSON, it is a pair of surrogates.
        pytest.param("\U0001f600", id="a character beyond the BMP"),
    ],
)
def test_longest_and_unusual_cursors_are_followed(plane, cursor):
    plane.script(Reply(page(next_cursor=cursor)), Reply(page()))

    result = run_cli(*ALL, plane=plane)

    assert result.code == 0
    assert len(plane.requests) == 2
    assert read_queries(plane)[1]["cursor"] == cursor


@rule("4.3", "4.3a")
@text_and_json
@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"}, id="as requested"),
        pytest.param({"id": "4D5C2A10-93BE-4E0F-8A57-6F1B2C3D4E5F"}, id="in upper case"),
    ],
)
def test_execution_may_lack_everything_except_its_id(plane, body, format):
    result = run_against(plane, body, *GET, "--output", format)

    assert result.code == 0
    assert error_lines(result) == []


@rule("4.3a", "3.9b", "3.10")
@text_and_json
@pytest.mark.parametrize(
    "body, error",
    [
        pytest.param({"id": None}, "the response is malformed: the Execution has no id", id="null"),
        pytest.param({"id": ""}, "the response is malformed: the Execution has no id", id="empty"),
        pytest.param(
            {"targets": []}, "the response is malformed: the Execution has no id", id="absent"
        ),
        pytest.param(
            {"Id": EXECUTION},
            "the response is malformed: the Execution has no id",
            id="Id in capitals",
        ),
        pytest.param(
            {"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5fx"},
            "the response is malformed: expected Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f, "
            "but its id is 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5fx",
            id="a letter too many",
        ),
        pytest.param(
            {"id": "{4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f}"},
            "the response is malformed: expected Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f, "
            "but its id is {4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f}",
            id="in braces, which only flags accept",
        ),
        pytest.param(
            {"id": "a1b2c301-0000-4000-8000-000000000001"},
            "the response is malformed: expected Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f, "
            "but its id is a1b2c301-0000-4000-8000-000000000001",
            id="another Execution",
        ),
    ],
)
def test_execution_with_another_id_is_an_error_that_doubts_the_server(plane, body, error, format):
    result = run_against(plane, body, *GET, "--output", format)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == [error]
    assert len(hint_lines(result)) == 1
    assert "--server" in hint_lines(result)[0]


@rule("2.7b", "3.9a")
def test_traceback_of_a_malformed_chunk_size_does_not_show_it(plane):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    plane.script(head + TOKEN.encode() + b"\r\n{}\r\n")
    transport = program.Transport(program.Server.parse(plane.url), TOKEN, pauses=())

    with pytest.raises(program.RemoteError, match="chunked body") as caught:
        transport.get(PATH, {})

    error = caught.value
    printed = traceback.format_exception(type(error), error, error.__traceback__)
    assert TOKEN not in "".join(printed)


@rule("4.3a", "3.10")
@text_and_json
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(0, id="number"),
        pytest.param([EXECUTION], id="list with the id"),
        pytest.param({EXECUTION: 1}, id="object with the id"),
    ],
)
def test_id_of_another_type_is_an_error(plane, wrong, format):
    result = run_against(plane, {"id": wrong}, *GET, "--output", format)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ["the response is malformed: id: expected a string"]
    assert hint_lines(result) == []


# ---- 3.11: sizes


def announce_size(size):
    """Return a response that announces a body of this size, and ends without it."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size


@rule("3.11", "3.11a")
@pytest.mark.parametrize(
    "argv, limit, error, hints",
    [
        pytest.param(GET, 256 << 20, "the response is larger than 256 MiB", [], id="Execution"),
        pytest.param(
            LIST,
            32 << 20,
            "the response is larger than 32 MiB",
            ["use a smaller --limit"],
            id="page",
        ),
        pytest.param(
            LIST + ("--limit", "2"),
            32 << 20,
            "the response is larger than 32 MiB",
            ["use a smaller --limit"],
            id="page of two",
        ),
        pytest.param(
            LIST + ("--limit", "1"),
            256 << 20,
            "the response is larger than 256 MiB",
            [],  # no limit is smaller
            id="page of one",
        ),
        pytest.param(
            LIST + ("--all", "--limit", "1"),
            256 << 20,
            "the response is larger than 256 MiB",
            [],
            id="walk by pages of one",
        ),
    ],
)
def test_body_larger_than_its_limit_is_an_error_before_it_is_read(plane, argv, limit, error, hints):
    plane.script(announce_size(limit + 1))

    result = run_cli(*argv, plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == [error]
    assert hint_lines(result) == hints
    assert len(plane.requests) == 1


@rule("3.11")
@pytest.mark.parametrize(
    "argv, limit",
    [
        pytest.param(GET, 256 << 20, id="Execution"),
        pytest.param(LIST, 32 << 20, id="page"),
        pytest.param(LIST + ("--limit", "2"), 32 << 20, id="page of two"),
        pytest.param(LIST + ("--limit", "1"), 256 << 20, id="page of one"),
        pytest.param(LIST + ("--all", "--limit", "1"), 256 << 20, id="walk by pages of one"),
    ],
)
def test_body_as_large_as_its_limit_is_read(plane, argv, limit):
    plane.script(announce_size(limit), announce_size(limit), announce_size(limit))

    result = run_cli(*argv, plane=plane)

    # The body is cut short, and the program notices only because it tries to read it.
    assert result.code == 1
    assert error_lines(result)[0].startswith("the connection was lost while reading the body: ")
    assert len(plane.requests) == 3


PAGE_OVER_32_MIB = announce_size((32 << 20) + 1)


@rule("3.11a")
@pytest.mark.parametrize(
    "flags, answers, queries, ids",
    [
        pytest.param(
            ["--all"],
            [
                PAGE_OVER_32_MIB,
                Reply(page(execution(id="e-1"), next_cursor="c1")),
                Reply(page(execution(id="e-2"))),
            ],
            [
                {"limit": "200"},
                {"limit": "50"},
                {"limit": "50", "cursor": "c1"},
            ],
            ["e-1", "e-2"],
            id="first page",
        ),
        pytest.param(
            ["--all"],
            [
                PAGE_OVER_32_MIB,
                PAGE_OVER_32_MIB,
                PAGE_OVER_32_MIB,
                PAGE_OVER_32_MIB,
                Reply(page(execution(id="e-1"), next_cursor="c1")),
                Reply(page(execution(id="e-2"))),
            ],
            [
                {"limit": "200"},
                {"limit": "50"},
                {"limit": "12"},
                {"limit": "3"},
                {"limit": "1"},
                {"limit": "1", "cursor": "c1"},
            ],
            ["e-1", "e-2"],
            id="down to one Execution",
        ),
        pytest.param(
            ["--all"],
            [
                Reply(page(execution(id="e-1"), next_cursor="c1")),
                PAGE_OVER_32_MIB,
                Reply(page(execution(id="e-2"), next_cursor="c2")),
                PAGE_OVER_32_MIB,
                Reply(page(execution(id="e-3"))),
            ],
            [
                {"limit": "200"},
                {"limit": "200", "cursor": "c1"},
                {"limit": "50", "cursor": "c1"},
                {"limit": "50", "cursor": "c2"},
                {"limit": "12", "cursor": "c2"},
            ],
            ["e-1", "e-2", "e-3"],
            id="later pages",
        ),
        pytest.param(
            ["--all", "--limit", "3"],
            [PAGE_OVER_32_MIB, Reply(page(execution(id="e-1")))],
            [{"limit": "3"}, {"limit": "1"}],
            ["e-1"],
            id="a quarter of 3",
        ),
        pytest.param(
            ["--all", "--limit", "8"],
            [PAGE_OVER_32_MIB, PAGE_OVER_32_MIB, Reply(page(execution(id="e-1")))],
            [{"limit": "8"}, {"limit": "2"}, {"limit": "1"}],
            ["e-1"],
            id="a quarter of 8",
        ),
        pytest.param(
            ["--all", "--limit", "0"],  # the server's default, which is taken to be 50
            [
                Reply(page(execution(id="e-1"), next_cursor="c1")),
                PAGE_OVER_32_MIB,
                PAGE_OVER_32_MIB,
                PAGE_OVER_32_MIB,
                Reply(page(execution(id="e-2"))),
            ],
            [
                {},
                {"cursor": "c1"},
                {"limit": "12", "cursor": "c1"},
                {"limit": "3", "cursor": "c1"},
                {"limit": "1", "cursor": "c1"},
            ],
            ["e-1", "e-2"],
            id="a quarter of the server's default",
        ),
        pytest.param(
            ["--all", "--cursor", "x"],
            [
                PAGE_OVER_32_MIB,
                Reply(page(execution(id="e-1"), next_cursor="c1")),
                Reply(page(execution(id="e-2"))),
            ],
            [
                {"limit": "200", "cursor": "x"},
                {"limit": "50", "cursor": "x"},
                {"limit": "50", "cursor": "c1"},
            ],
            ["e-1", "e-2"],
            id="with --cursor",
        ),
        pytest.param(
            # Three queries, of which only the first has a page that is too large. Each is read to its end before the
            # next.
            ["--running"],
            [
                PAGE_OVER_32_MIB,
                Reply(page(execution(id="e-1", status="pending"), next_cursor="c1")),
                Reply(page(execution(id="e-2", status="pending"))),
                Reply(page(execution(id="e-3", status="ack"))),
                Reply(page(execution(id="e-4", status="started"))),
            ],
            [
                {"status": "pending", "limit": "200"},
                {"status": "pending", "limit": "50"},
                {"status": "pending", "limit": "50", "cursor": "c1"},
                {"status": "ack", "limit": "200"},
                {"status": "started", "limit": "200"},
            ],
            ["e-1", "e-2", "e-3", "e-4"],
            id="each query for a running status has its own limit",
        ),
        pytest.param(
            # Again, only the first query has a page that is too large. The queries are read page by
            # page, so that the others come before its second page. All Executions were created at
            # the same time, so that they are printed in the order of their ids.
            ["--failed"],
            [
                PAGE_OVER_32_MIB,
                Reply(page(execution(id="e-1", status="failed"), next_cursor="c1")),
                Reply(page(execution(id="e-2", status="cancelled"))),
                Reply(page(execution(id="e-3", status="timeout"))),
                Reply(page(execution(id="e-4", status="failed"))),
            ],
            [
                {"status": "failed", "limit": "200"},
                {"status": "failed", "limit": "50"},
                {"status": "cancelled", "limit": "200"},
                {"status": "timeout", "limit": "200"},
                {"status": "failed", "limit": "50", "cursor": "c1"},
            ],
            ["e-1", "e-2", "e-3", "e-4"],
            id="each query for a final status has its own limit",
        ),
    ],
)
def test_walk_asks_for_a_quarter_of_a_page_that_is_too_large(plane, flags, answers, queries, ids):
    plane.script(*answers)

    result = run_cli(*LIST, *flags, plane=plane)

    assert result.code == 0
    assert result.err == ""
    assert read_queries(plane) == queries
    printed, _ = read_listing(result, "text")
    assert printed == ids


@rule("3.11a", "6.3")
def test_walk_ends_at_a_page_of_one_that_is_too_large(plane):
    plane.script(
        PAGE_OVER_32_MIB,
        PAGE_OVER_32_MIB,
        PAGE_OVER_32_MIB,
        PAGE_OVER_32_MIB,
        announce_size((256 << 20) + 1),
    )

    result = run_cli(*LIST, "--all", plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert result.err == "error: the response is larger than 256 MiB\n"
    assert read_queries(plane) == [
        {"limit": "200"},
        {"limit": "50"},
        {"limit": "12"},
        {"limit": "3"},
        {"limit": "1"},
    ]


# ---- 6.2f: a body that needs more memory than there is

#: A body of 4 MiB. Its objects need 100 MiB and more.
MANY_LISTS = b'{"targets":[' + b"[]," * 1400000 + b"[]]}"

#: The beginning of a program. It imports the module, and allows itself 48 MiB more than it has by then, which is enough
#: for the body and its text, but not for the objects.
LIMIT_MEMORY = """
import os
import resource
import sys
import plexctl_exec_log

with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (used + (48 << 20), used + (48 << 20)))
"""

CALL_MAIN = "sys.exit(plexctl_exec_log.main(sys.argv[1:]))"

#: Calls Transport.get, and prints what it catches.
CALL_GET = """
with plexctl_exec_log.Transport.from_settings() as transport:
    try:
        transport.get("/", {})
    except MemoryError:
        print("caught a MemoryError")
"""

can_limit_memory = pytest.mark.skipif(
    not sys.platform.startswith("linux") or sys.implementation.name != "cpython",
    reason="needs /proc and RLIMIT_AS; PyPy reserves memory in advance",
)


@can_limit_memory
@rule("6.2f")
def test_body_that_exceeds_the_memory_gives_one_error_line(plane):
    plane.script(Reply(MANY_LISTS))

    result = run_python("-c", LIMIT_MEMORY + CALL_MAIN, *GET, plane=plane, env={"PYTHONPATH": ROOT})

    assert result.code == 1
    assert result.out == b""
    assert result.err == "error: out of memory\n"
    assert len(plane.requests) == 1


@can_limit_memory
@rule("6.2f")
def test_memory_error_while_a_body_is_decoded_propagates(plane):
    plane.script(Reply(MANY_LISTS))

    result = run_python("-c", LIMIT_MEMORY + CALL_GET, plane=plane, env={"PYTHONPATH": ROOT})

    assert result.code == 0
    assert result.out == b"caught a MemoryError\n"
    assert result.err == ""
    assert len(plane.requests) == 1


# ---- 3.9c: a 200 that is not a JSON object, after one that was


@rule("3.9c", "3.8", "10.6")
@pytest.mark.parametrize("body", NO_JSON_OBJECT + NO_JSON + NO_UTF_8)
def test_body_that_is_not_an_object_is_retryable_after_one_that_was(plane, transport, clock, body):
    plane.script(Reply(b"{}"), Reply(body), Reply(body), Reply(body))
    transport.get(PATH, {})

    with pytest.raises(program.RemoteError) as caught:
        transport.get(PATH, {})

    assert caught.value.retryable
    assert not isinstance(caught.value, program.UnusableResponse)
    assert str(caught.value).startswith("the response is malformed: its body is ")
    assert clock.sleeps == [0.5, 1]
    assert len(plane.requests) == 4


@rule("3.9c", "3.9a")
def test_body_without_a_length_may_still_be_cut_short_after_an_object(plane, transport):
    answer = Reply(b"<html>", framing="close")
    plane.script(Reply(b"{}"), answer, answer, answer)
    transport.get(PATH, {})

    with pytest.raises(program.RemoteError) as caught:
        transport.get(PATH, {})

    assert caught.value.retryable
    assert str(caught.value) == "the body is malformed or was cut short"


@rule("3.9c")
@pytest.mark.parametrize(
    "answer, error",
    [
        pytest.param(
            Reply(b'{"a":' + b"[" * 200000), "its body is nested too deeply", id="nested too deeply"
        ),
        pytest.param(
            Reply(b"<html>", headers=[("Content-Encoding", "gzip")]),
            "its gzip data is corrupt",
            id="corrupt gzip",
        ),
        pytest.param(
            Reply(b"<html>", headers=[("Content-Encoding", "br")]),
            'its Content-Encoding "br" is not supported',
            id="brotli",
        ),
    ],
)
def test_other_malformed_responses_are_not_retryable_after_an_object(
    plane, transport, answer, error
):
    plane.script(Reply(b"{}"), answer)
    transport.get(PATH, {})

    with pytest.raises(program.UnusableResponse) as caught:
        transport.get(PATH, {})

    assert str(caught.value) == "the response is malformed: " + error
    assert not caught.value.retryable
    assert len(plane.requests) == 2


@rule("3.9c")
def test_body_of_an_error_does_not_make_a_later_body_retryable(plane, transport):
    plane.script(Reply({"title": "Not Found"}, 404), Reply(b"<html>"))
    with pytest.raises(program.APIError):
        transport.get(PATH, {})

    with pytest.raises(program.UnusableResponse):
        transport.get(PATH, {})

    assert len(plane.requests) == 2


@rule("3.9c")
def test_body_of_a_gateway_does_not_make_a_later_body_retryable(plane, transport):
    plane.script(Reply(b"<html>"), Reply(b"<html>"))
    with pytest.raises(program.UnusableResponse):
        transport.get(PATH, {})

    with pytest.raises(program.UnusableResponse) as caught:
        transport.get(PATH, {})

    assert not caught.value.retryable
