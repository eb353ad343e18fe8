"""Which bodies are accepted, how large they may be, and that nothing is shown before a body is complete and checked."""

import json
import os
import re
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
    MODULE,
    NODES,
    PATH,
    encode,
    error_lines,
    every_get_format,
    every_list_format,
    execution,
    hint_lines,
    inline,
    page,
    read_queries,
    run_against,
    run_cli,
    run_line,
    table,
    target,
)
from server import DROP, Reply

# ---- the text of a body

#: 2**1024 - 2**970, an integer of 309 digits.
LARGEST_DOUBLE = int(sys.float_info.max)


def shorten(value):
    """Return the id of a case: the value as Python writes it, but not all of it."""
    return ascii(value)[:40]


@pytest.mark.parametrize(
    "body",
    # JSON, but not an object.
    [b"[]", b"[{}]", b"null", b'"x"', b"1"]
    # Not JSON.
    + [b"", b"<html>", b"{", b"{,}", b'{"a"}', b"{}{}", b"{}\0"]
    # Not UTF-8: a byte that it never uses, half a letter, an overlong form, a surrogate, a byte order mark, UTF-16.
    + [b'{"a":"\xff"}', b'{"a":"\xc3"}', b'{"a":"\xc0\x80"}', b'{"a":"\xed\xa0\x80"}']
    + [b"\xef\xbb\xbf{}", b"\xff\xfe{\0}\0"]
    # Malformed values.
    + [b'{"n":01}', b'{"n":1.}', b'{"n":tru}', b"{\"n\":'x'}", b'{"n":"x']
    + [b'{"n":"\x01"}', b'{"n":"\\x41"}']
    # NaN and infinities, and numbers outside the range of a double.
    + [b'{"n":NaN}', b'{"n":Infinity}', b'{"n":-Infinity}', b'{"n":-1e999}']
    + [b'{"n":1.7976931348623159e308}', b'{"n":1' + b"0" * 309 + b"}"]
    # Python 3.11 and later refuse more than 4,300 digits; before, int() takes time quadratic in their number.
    + [b'{"n":-' + b"9" * 5000 + b"}", b'{"n":' + b"9" * 300000 + b"}"]
    + [b'{"n":1' + b"0" * 400 + b".5}"],
    ids=shorten,
)
def test_malformed_body_of_a_first_response_is_not_retried_and_doubts_the_server(
    plane, transport, body
):
    # After a good response, most are retried: test_body_that_is_not_an_object_is_retried_after_one_that_was.
    plane.script(Reply(body))

    with pytest.raises(program.UnusableResponse) as caught:
        transport.get(PATH, {})

    # The hint is the advice to check whether the server is the right one.
    assert "--server" in caught.value.hint
    assert not caught.value.retryable
    assert len(plane.requests) == 1


@pytest.mark.parametrize(
    "body", [b"[]", b'{"a":' + b"[" * 200000], ids=["not an object", "nested too deeply"]
)
def test_listing_does_not_suggest_to_resume_at_a_first_body_that_is_malformed(plane, body):
    result = run_against(plane, Reply(body), *LIST, "--cursor", "c1")

    assert result.code == 1
    assert len(error_lines(result)) == 1
    # After a lost connection, stderr would have `next_cursor: c1`. Here, the same failure would recur.
    assert "next_cursor" not in result.err


@pytest.mark.parametrize(
    "text, value",
    [
        # Integers stay exact.
        (str(LARGEST_DOUBLE), LARGEST_DOUBLE),
        (str(-LARGEST_DOUBLE), -LARGEST_DOUBLE),
        ("-0", 0),
        # Other numbers become doubles.
        ("-1.7976931348623157e308", -1.7976931348623157e308),
        ("1e-999", 0.0),
        ("1E+2", 100.0),
        # A lone surrogate, a pair of surrogates, and unusual characters are text.
        (r'"\ud800"', "\ud800"),
        (r'"\ud83d\ude00\/"', "\U0001f600/"),
        ('"\x7f\ufeff"', "\x7f\ufeff"),
        # White space, an empty name, and repeated names are valid.
        (" {\r\n\t} ", {}),
        ('[ {"":[ ]}]', [{"": []}]),
        ('{"b": 1, "b": {"c": 1, "c": null}}', {"b": {"c": None}}),  # the last value counts
    ],
    ids=shorten,
)
def test_unusual_but_valid_value_is_read(plane, transport, text, value):
    plane.script(Reply('{"n":%s}' % text))

    body = transport.get(PATH, {})

    assert body == {"n": value}
    assert type(body["n"]) is type(value)  # 0 == 0.0 in Python


def test_white_space_is_skipped_and_members_keep_their_order(plane, transport):
    plane.script(Reply(' {"z": 1 , "b":2, "a" :null} \r\n\t'))

    body = transport.get(PATH, {})

    assert list(body.items()) == [("z", 1), ("b", 2), ("a", None)]


# ---- bodies that are cut short

#: A body with white space, escapes, numbers, and letters of one to four bytes.
SMALL_BODY = (
    b' {"n" :[0,-12.5e-3,1E5,10, 123 ],"id":"4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",'
    b'"a":"\\u00e9\\ud83d\\ude00\\\\\\"","targets" : [{"b":null} ,'
    b'{"status":"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80","c":{"d":[true,false,{}]}}, {}],"z":-1e-5}'
)


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("sent", [0, 9, len(SMALL_BODY) - 1])
def test_body_that_is_cut_short_of_its_announced_end_is_retried(plane, transport, sent, framing):
    plane.script(Reply(SMALL_BODY, framing=framing, cut=sent), Reply({"id": "whole"}))

    assert transport.get(PATH, {}) == {"id": "whole"}


def test_body_without_length_is_retryable_wherever_it_is_cut(plane):
    with program.Transport(program.Server.parse(plane.url), TOKEN, pauses=()) as transport:
        for sent in range(len(SMALL_BODY)):
            plane.script(Reply(SMALL_BODY, framing="close", cut=sent))
            with pytest.raises(program.RemoteError) as caught:
                transport.get(PATH, {})
            assert caught.value.retryable, sent


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


# ---- nothing is shown before a response is complete, and its lists are checked
#
# The members of an Execution or a target are checked when they are printed, after the rows before: see test_wire.py.

#: The beginning of a page with two good Executions, and of the EXECUTION with two good targets. They lack their ends.
GOOD_PAGE = b'{"items":[' + encode(execution(id="e-1")) + b"," + encode(execution(id="e-2"))
GOOD_EXECUTION = (
    b'{"id":"4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f","targets":['
    + encode(target(inline(b"one\n"), NODES[0]))
    + b","
    + encode(target(inline(b"two\n"), NODES[1]))
)


def check_that_only_an_error_is_shown(result, word):
    """Check that a run printed nothing except one error, which contains this word."""
    assert result.code == 1
    assert result.out == b""
    (error,) = error_lines(result)
    assert word in error


@every_list_format
def test_no_format_of_list_prints_anything_of_a_page_whose_cursor_is_malformed(plane, format):
    answer = Reply(GOOD_PAGE + b'],"next_cursor":5}')  # this is checked last

    result = run_against(plane, answer, *LIST, *format.split())

    check_that_only_an_error_is_shown(result, "next_cursor")


@every_get_format
def test_no_format_of_get_prints_anything_of_an_execution_whose_targets_are_malformed(
    plane, format
):
    answer = Reply(GOOD_EXECUTION + b",1]}")  # this is checked last

    result = run_against(plane, answer, *GET, *format.split())

    check_that_only_an_error_is_shown(result, "targets")


@pytest.mark.parametrize(
    "answer, word",
    [
        (Reply(GOOD_PAGE + b"]}", announce=9999), "connection"),
        (Reply(GOOD_PAGE + b'],"z":NaN}'), "JSON"),
        (Reply(GOOD_PAGE + b",1]}"), "items"),
    ],
    ids=["shorter than announced", "NaN", "an item that is a number"],
)
def test_list_prints_nothing_of_a_broken_page(plane, answer, word):
    plane.script(answer, answer, answer)  # what is cut short is requested three times

    check_that_only_an_error_is_shown(run_cli(*LIST, plane=plane), word)


@pytest.mark.parametrize("flags", ["", "--wait", "--output-dir ."])
@pytest.mark.parametrize(
    "answer, word",
    [
        (Reply(GOOD_EXECUTION + b"]}", announce=9999), "connection"),
        (Reply(GOOD_EXECUTION + b'],"z":NaN}'), "JSON"),
        (Reply(GOOD_EXECUTION + b",1]}"), "targets"),
        (Reply(GOOD_EXECUTION + b'],"id":"another"}'), "another"),
    ],
    ids=["shorter than announced", "NaN", "a target that is a number", "another Execution"],
)
def test_get_shows_and_saves_nothing_of_a_broken_execution(
    plane, tmp_path, monkeypatch, answer, word, flags
):
    monkeypatch.chdir(str(tmp_path))
    plane.script(answer, answer, answer)  # what is cut short is requested three times

    check_that_only_an_error_is_shown(run_cli(*GET, *flags.split(), plane=plane), word)
    assert os.listdir(str(tmp_path)) == []


# ---- the shape of a response


@table("""
    members    | count
    null       | 0
    []         | 0
    [{}]       | 1
    [{}, {}]   | 2
""")
def test_items_and_targets_are_lists_of_objects_or_null(plane, members, count):
    members = json.loads(members)

    listed = run_against(plane, {"items": members}, *LIST)
    got = run_against(plane, {"id": EXECUTION, "targets": members}, *GET)

    assert listed.code == got.code == 0
    # What an empty object lacks is shown as `-`.
    assert listed.out.count(b"\n- ") == int(count)
    assert got.out.count(b"==> - - no output <==\n") == int(count)


@table("""
    members    | fault
    # Each of these is false in Python, as null is.
    {}         | expected a list
    ""         | expected a list
    0          | expected a list
    false      | expected a list
    # A list may contain only objects.
    [1]        | expected a list of objects
    [{}, null] | expected a list of objects
    [[]]       | expected a list of objects
    [[{}]]     | expected a list of objects
""")
def test_items_and_targets_of_another_type_are_an_error(plane, members, fault):
    wrong = json.loads(members)

    listed = run_against(plane, {"items": wrong}, *LIST, "--output", "json")
    got = run_against(plane, {"id": EXECUTION, "targets": wrong}, *GET, "--output", "json")

    assert listed == (1, b"", "error: the response is malformed: items: %s\n" % fault)
    assert got == (1, b"", "error: the response is malformed: targets: %s\n" % fault)


@pytest.mark.parametrize(
    "body", [{"id": EXECUTION}, {"Items": []}, {"next_cursor": "c2"}], ids=ascii
)
def test_first_response_without_items_is_an_error_that_doubts_the_server(plane, body):
    # A later one has no hint: test_response_without_its_members_after_a_good_one_has_no_hint in test_hosts.py.
    result = run_against(plane, body, *LIST, "--output", "json")

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ['the response is malformed: it has no member "items"']
    assert "--server" in hint_lines(result)[0]


@pytest.mark.parametrize("wrong", [0, [], ["c"], False, {}], ids=ascii)
def test_next_cursor_of_another_type_is_an_error(plane, wrong):
    result = run_against(plane, page(execution(), next_cursor=wrong), *LIST)

    assert result == (
        1,
        b"",
        "error: the response is malformed: next_cursor: expected a string\n",
    )


@pytest.mark.parametrize(
    "flags, cursor",
    [
        # 8 KiB and a byte, in UTF-8
        ("", "c" * 8193),
        ("", "\u20ac" * 2731),
        # Lone surrogates. In an argument, the second one would stand for the byte 0x80.
        ("", "\ud800"),
        ("", "c\udc80"),
        ("--all", "\ud800"),
        ("--failed", "\ud800"),
    ],
    ids=shorten,
)
def test_cursor_that_cannot_be_sent_back_is_malformed(plane, flags, cursor):
    plane.script(Reply(page(next_cursor=cursor)))

    result = run_cli(*LIST, *flags.split(), plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == [
        "the response is malformed: next_cursor: expected valid Unicode of at most 8 KiB"
    ]


@pytest.mark.parametrize(
    "cursor", ["c" * 8192, "\U0001f600"], ids=["8 KiB", "a pair of surrogates in JSON"]
)
def test_longest_and_unusual_cursors_are_followed(plane, cursor):
    plane.script(Reply(page(next_cursor=cursor)), Reply(page()))

    result = run_cli(*ALL, plane=plane)

    assert result.code == 0
    assert read_queries(plane)[1]["cursor"] == cursor


@pytest.mark.parametrize(
    "execution_id", [EXECUTION, EXECUTION.upper()], ids=["as requested", "in upper case"]
)
def test_execution_may_lack_everything_except_its_id_in_any_case(plane, execution_id):
    result = run_against(plane, {"id": execution_id}, *GET)

    assert result.code == 0
    assert error_lines(result) == []


@table("""
    body                                           | error
    # $ID is the id that was requested.
    {"id": null}                                   | the Execution has no id
    {"id": ""}                                     | the Execution has no id
    {"targets": []}                                | the Execution has no id
    {"Id": "$ID"}                                  | the Execution has no id
    {"id": "$IDx"}                                 | expected Execution $ID, but its id is $IDx
    {"id": "{$ID}"}                                | expected Execution $ID, but its id is {$ID}
    {"id": "a1b2c301-0000-4000-8000-000000000001"} | expected Execution $ID, but its id is a1b2c301-
""")
def test_first_response_without_the_requested_id_is_an_error_that_doubts_the_server(
    plane, body, error
):
    result = run_against(
        plane, json.loads(body.replace("$ID", EXECUTION)), *GET, "--output", "json"
    )

    assert result.code == 1
    assert result.out == b""
    expected = "the response is malformed: " + error.replace("$ID", EXECUTION)
    assert error_lines(result)[0].startswith(expected)
    assert "--server" in hint_lines(result)[0]


@pytest.mark.parametrize("wrong", [0, [EXECUTION], {EXECUTION: 1}], ids=ascii)
def test_id_of_another_type_is_an_error(plane, wrong):
    result = run_against(plane, {"id": wrong}, *GET, "--output", "json")

    assert result == (1, b"", "error: the response is malformed: id: expected a string\n")


def test_traceback_of_a_malformed_chunk_size_does_not_show_it(plane):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    plane.script(head + TOKEN.encode() + b"\r\n{}\r\n")  # a server may echo the token
    transport = program.Transport(program.Server.parse(plane.url), TOKEN, pauses=())

    with pytest.raises(program.RemoteError, match="chunked body") as caught:
        transport.get(PATH, {})

    error = caught.value
    printed = traceback.format_exception(type(error), error, error.__traceback__)
    assert TOKEN not in "".join(printed)


MARKED = b'{"id": "MARK", "padding": "%s"}' % (b"MARK" * 5000)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Reply(b'{"id": "MARK", }'), id="not JSON"),
        pytest.param(Reply(b'{"id": "MARK\xff"}'), id="not UTF-8"),
        pytest.param(Reply(b'["MARK"]'), id="not an object"),
        pytest.param(Reply(b'{"MARK": ' + b"[" * 200000), id="nested too deeply"),
        pytest.param(Reply(MARKED, framing="chunked", slices=900), id="too large"),
        pytest.param(Reply(MARKED, cut=900), id="cut short"),
        pytest.param(Reply(MARKED, framing="chunked", slices=90, cut=900), id="cut in a chunk"),
        pytest.param(Reply(b"MARK", 302, [("Location", "/x")]), id="redirect"),
        # A Problem is the JSON object that describes an error (RFC 9457).
        pytest.param(Reply(b"MARK", 500), id="error that is not a Problem"),
        pytest.param(DROP, id="no response"),
        pytest.param(b"no HTTP\r\n\r\n", id="not HTTP"),
    ],
)
def test_error_that_is_kept_keeps_neither_the_body_nor_the_authorization_header(plane, answer):
    plane.script(answer)
    transport = program.Transport(program.Server.parse(plane.url), TOKEN, pauses=())

    with transport, pytest.raises(program.RemoteError) as caught:
        transport.get(PATH, {}, max_bytes=2000)

    # An exception keeps its context, and the variables of the functions that it went through.
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    variables = [frame.f_locals for frame in frames if frame.f_code.co_filename == MODULE]
    assert variables
    assert "MARK" not in repr(variables)
    assert TOKEN not in repr(variables)


# ---- sizes


def announce_size(size):
    """Return a response that announces a body of this size, and ends without it."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size


@table("""
    line                 | mebibytes | hint
    get $ID              | 256       |
    list                 | 32        | use a smaller --limit
    list --limit 2       | 32        | use a smaller --limit
    # A page of one Execution may be as large as that, and there is no smaller --limit.
    list --limit 1       | 256       |
    list --all --limit 1 | 256       |
""")
def test_body_may_be_as_large_as_this_and_no_larger(plane, line, mebibytes, hint):
    size = int(mebibytes) << 20

    too_large = run_line(line, plane, announce_size(size + 1))
    largest = run_line(line, plane, *[announce_size(size)] * 3)  # with two retries

    assert too_large.code == 1
    assert error_lines(too_large) == ["the response is larger than %s MiB" % mebibytes]
    assert hint_lines(too_large) == ([hint] if hint else [])
    # No body follows, and the program notices that only because it does not refuse to read it.
    assert error_lines(largest)[0].startswith("the connection was lost while reading the body: ")


def make_page(word):
    """Return a page: `failed/e-1>c1` has the failed Execution e-1, and the next cursor c1. `big` is too large."""
    if word == "big":
        return announce_size((32 << 20) + 1)
    status, name, cursor = re.fullmatch("(?:([a-z]+)/)?(e-[0-9])(?:>(c[0-9]))?", word).groups()
    return Reply(page(execution(id=name, status=status), next_cursor=cursor))


def list_requests(plane):
    """Return the requests that came, each as STATUS:LIMIT@CURSOR. The limit is `-` if there is none."""
    words = []
    for query in read_queries(plane):
        status = query["status"] + ":" if "status" in query else ""
        cursor = "@" + query["cursor"] if "cursor" in query else ""
        words.append(status + query.get("limit", "-") + cursor)
    return words


@table("""
    flags            | pages                      | requests
    # `big` is a page that is too large; `e-1>c1` has the Execution e-1 and the next cursor c1.
    # `50@c1` asks for 50 Executions from the cursor c1 on.
    # The limit is a quarter of the one before, and is kept.
    --all            | big e-1>c1 e-2             | 200 50 50@c1
    --all            | big big big big e-1>c1 e-2 | 200 50 12 3 1 1@c1
    --all            | e-1>c1 big e-2>c2 big e-3  | 200 200@c1 50@c1 50@c2 12@c2
    --all --limit 3  | big e-1                    | 3 1
    --all --limit 8  | big big e-1                | 8 2 1
    # A limit of 0 is not sent (`-`). The server's default is taken to be 50.
    --all --limit 0  | e-1>c1 big big big e-2     | - -@c1 12@c1 3@c1 1@c1
    --all --cursor x | big e-1>c1 e-2             | 200@x 50@x 50@c1
""")
def test_list_all_asks_for_a_quarter_of_a_page_that_is_too_large(plane, flags, pages, requests):
    result = run_line("list %s -o id" % flags, plane, *map(make_page, pages.split()))

    assert result.code == 0
    assert result.err == ""
    assert list_requests(plane) == requests.split()
    assert result.out.decode().split() == re.findall("e-[0-9]", pages)  # all that were served


# `pending/e-1>c1` is a page with the pending Execution e-1 and the next cursor c1. `pending:50@c1` asks for 50 pending
# Executions from the cursor c1 on.
@pytest.mark.parametrize(
    "flag, pages, requests",
    [
        # The queries for pending, ack and started are read one after the other.
        (
            "--running",
            "big pending/e-1>c1 pending/e-2 ack/e-3 started/e-4",
            "pending:200 pending:50 pending:50@c1 ack:200 started:200",
        ),
        # Those for failed, cancelled and timeout are read side by side: first a page of each.
        (
            "--failed",
            "big failed/e-1>c1 cancelled/e-2 timeout/e-3 failed/e-4",
            "failed:200 failed:50 cancelled:200 timeout:200 failed:50@c1",
        ),
    ],
)
def test_each_query_of_a_merge_has_a_limit_of_its_own(plane, flag, pages, requests):
    result = run_line("list %s -o id" % flag, plane, *map(make_page, pages.split()))

    assert result.code == 0
    assert list_requests(plane) == requests.split()
    assert result.out == b"e-1\ne-2\ne-3\ne-4\n"


def test_list_all_ends_at_a_page_of_one_that_is_too_large(plane):
    plane.script(*[announce_size((32 << 20) + 1)] * 4, announce_size((256 << 20) + 1))

    result = run_cli(*LIST, "--all", plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert result.err == "error: the response is larger than 256 MiB\n"
    assert list_requests(plane) == ["200", "50", "12", "3", "1"]


# ---- a 200 that is not a JSON object, after one that was


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"[]", b"\xef\xbb\xbf{}"], ids=ascii)
def test_body_that_is_not_an_object_is_retried_after_one_that_was(plane, transport, clock, body):
    plane.script(Reply(b"{}"), Reply(body), Reply(body), Reply(body))
    transport.get(PATH, {})  # gets the object {}

    with pytest.raises(program.RemoteError) as caught:
        transport.get(PATH, {})

    assert caught.value.retryable
    assert not isinstance(caught.value, program.UnusableResponse)
    assert str(caught.value).startswith("the response is malformed: its body is ")
    assert clock.sleeps == [0.5, 1]


def test_body_without_a_length_may_still_be_cut_short_after_an_object(plane, transport):
    answer = Reply(b"<html>", framing="close")
    plane.script(Reply(b"{}"), answer, answer, answer)
    transport.get(PATH, {})  # gets the object {}

    with pytest.raises(program.RemoteError) as caught:
        transport.get(PATH, {})

    assert caught.value.retryable
    assert str(caught.value) == "the body is malformed or was cut short"


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
    transport.get(PATH, {})  # gets the object {}

    with pytest.raises(program.UnusableResponse) as caught:
        transport.get(PATH, {})

    assert str(caught.value) == "the response is malformed: " + error
    assert not caught.value.retryable
    assert len(plane.requests) == 2


@pytest.mark.parametrize(
    "earlier",
    [Reply({"title": "Not Found"}, 404), Reply(b"<html>")],
    ids=["a 404 with an object", "a 200 with HTML"],
)
def test_other_responses_do_not_make_a_later_body_retryable(plane, transport, earlier):
    plane.script(earlier, Reply(b"<html>"))
    with pytest.raises(program.RemoteError):
        transport.get(PATH, {})

    with pytest.raises(program.UnusableResponse):
        transport.get(PATH, {})

    assert len(plane.requests) == 2
