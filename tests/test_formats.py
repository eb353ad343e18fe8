"""Section 5: standard output and standard error as a whole, masking (2.7), and the documents json, yaml and jsonl."""

import base64
import io
import json

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN
from kit import (
    ALL,
    BOTH,
    DOCUMENT_FORMATS,
    GET,
    GET_RAW,
    LIST,
    FailingStream,
    Proxy,
    archive,
    encode,
    error_lines,
    every_get_format,
    every_list_format,
    execution,
    find_ids,
    inline,
    listed,
    page,
    posix_only,
    read_listing,
    rule,
    run_against,
    run_cli,
    run_in_shell,
    run_on_terminal,
    surroundings,
    target,
)
from server import Reply

#: Of its two outputs, the second is unreadable.
HALF_READABLE = execution([target(inline(b"x\n")), target({"kind": "tape"})])
#: Of its three outputs, the second is unreadable. The error about it comes before the third output, which would be lost
#: if the program ended at the error.
READABLE_AROUND = execution(
    [target(inline(b"x\n")), target({"kind": "tape"}), target(inline(b"y\n"))]
)
UNREADABLE_LINE = (
    "error: the output of target a1b2c300-0000-4000-8000-000000000000 is unreadable: "
    'unknown kind "tape"\n'
)
ARCHIVED_LINE = (
    "error: the output of target a1b2c300-0000-4000-8000-000000000000 is archived: logs/a/b.log\n"
)


# ---- 5.1: two streams


@rule("5.1", "2.7a")
@pytest.mark.parametrize(
    "format, output",
    [
        pytest.param("text", b"\nx\n", id="text"),
        pytest.param("json", b'"inline_bytes":"eAo="', id="json"),
    ],
)
def test_traces_and_retries_go_to_stderr_only(plane, format, output):
    wire = execution([target(inline(b"x\n"))])

    quiet = run_against(plane, wire, *GET, "--output", format)
    plane.script(Reply({}, 503), Reply(wire))
    loud = run_cli(*GET, "--output", format, "-v", plane=plane)

    assert quiet.code == 0
    assert output in quiet.out
    assert quiet.err == ""
    assert loud.code == 0
    assert "\nretry: " in loud.err
    assert "\n> GET " in loud.err
    assert loud.out == quiet.out


@rule("5.1")
def test_stdout_is_utf_8(plane):
    result = run_against(plane, page(execution(action="caf\xe9 \u20ac \U0001f600")), *LIST)

    assert result.code == 0
    assert result.out.endswith(b"  caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n")


@rule("5.1")
def test_stderr_escapes_the_characters_that_its_encoding_lacks(plane):
    plane.script(Reply({"detail": "caf\xe9 \u20ac \U0001f600"}, 404))
    stderr = io.TextIOWrapper(io.BytesIO(), "latin-1")

    with surroundings(plane):
        code = program.main(list(GET), io.BytesIO(), stderr)

    assert code == 1
    error = stderr.buffer.getvalue().splitlines()[0]
    assert error == b"error: HTTP 404 Not Found; caf\xe9 \\u20ac \\U0001f600"


@rule("5.1")
def test_messages_come_between_the_outputs_around_them(plane):
    plane.script(Reply(READABLE_AROUND))
    both = io.BytesIO()  # receives what is flushed from either stream
    stdout = io.BufferedWriter(both)
    stderr = io.TextIOWrapper(io.BufferedWriter(both), "utf-8", newline="")

    with surroundings(plane):
        code = program.main(list(GET_RAW), stdout, stderr)

    # Either stream has a buffer. Therefore the order is right only if the program flushes both.
    assert code == 1
    assert both.getvalue().decode("utf-8") == "x\n" + UNREADABLE_LINE + "y\n"


class UnknownEncoding(io.StringIO):
    """A text stream of a caller, with an encoding that Python does not know."""

    encoding = "no-such-encoding"


@rule("5.1a")
def test_stderr_with_an_unknown_encoding_changes_nothing(plane):
    plane.script(Reply(READABLE_AROUND))
    out = io.BytesIO()

    with surroundings(plane):
        code = program.main(list(GET_RAW), out, UnknownEncoding())

    assert code == 1  # for the unreadable output
    assert out.getvalue() == b"x\ny\n"


#: What writing to standard error may raise.
every_stderr_error = pytest.mark.parametrize(
    "error",
    [
        pytest.param(OSError(28, "full"), id="the disk is full"),
        pytest.param(BrokenPipeError(), id="the reader has gone"),
        pytest.param(ValueError("closed"), id="the stream is closed"),
    ],
)


@rule("5.1a")
@every_stderr_error
def test_failing_stderr_changes_nothing_if_an_output_is_unreadable(plane, error):
    plane.script(Reply(READABLE_AROUND))
    out = io.BytesIO()
    stderr = FailingStream(error)
    stderr.close()  # now its isatty() raises ValueError, and its write() the error

    with surroundings(plane):
        code = program.main(list(GET_RAW), out, stderr)

    assert code == 1
    assert out.getvalue() == b"x\ny\n"


@rule("5.1a")
@every_stderr_error
def test_failing_stderr_changes_nothing_if_a_walk_is_traced_and_fails(plane, error):
    answers = [
        Reply(page(execution(), next_cursor="c")),
        Reply({}, 503),  # is retried
        Reply({"code": "rebac_denied"}, 403),
    ]
    argv = ALL + ("-o", "jsonl", "-v")
    plane.script(*answers)
    with_stderr = run_cli(*argv, plane=plane)
    plane.script(*answers)
    out = io.BytesIO()
    stderr = FailingStream(error)
    stderr.close()

    with surroundings(plane):
        code = program.main(list(argv), out, stderr, sleep=lambda seconds: None)

    assert code == 77
    assert with_stderr.code == 77
    assert with_stderr.out == encode(execution()) + b"\n"
    assert out.getvalue() == with_stderr.out


@posix_only
@rule("5.1a")
@pytest.mark.parametrize(
    "answer, code, out",
    [
        # Python exits 1 after a crash, too. Then it would not print the output after the error.
        pytest.param(Reply(READABLE_AROUND), 1, b"x\ny\n", id="an error between two outputs"),
        pytest.param(Reply({}, 403), 4, b"", id="403"),
    ],
)
def test_closed_stderr_of_a_process_changes_nothing(plane, answer, code, out):
    plane.script(answer)

    result = run_in_shell("2>&-", *GET_RAW, plane=plane)

    assert result.code == code
    assert result.out == out


# ---- 5.1b: an error starts a line of its own


@rule("5.1b")
def test_error_starts_a_line_if_stdout_is_a_terminal_in_mid_line(plane):
    # The second output is empty, which leaves the terminal in mid-line.
    wire = execution(
        [target(inline(b"x")), target(inline(b"")), target(archive()), target(archive())]
    )

    result = run_against(plane, wire, *GET_RAW, terminals=BOTH)

    assert result.code == 1
    assert result.out == b"x"
    assert result.err == "\n" + ARCHIVED_LINE + ARCHIVED_LINE


@rule("5.1b")
@pytest.mark.parametrize(
    "first, second, terminals",
    [
        pytest.param(b"x", b"\n", BOTH, id="the line is complete"),
        pytest.param(b"", b"", BOTH, id="nothing was printed"),
        pytest.param(b"x", b"", ("stderr",), id="stdout is a pipe"),
        pytest.param(b"x", b"", ("stdout",), id="stderr is a pipe"),
    ],
)
def test_error_comes_without_an_empty_line_unless_it_would_end_a_line(
    plane, first, second, terminals
):
    wire = execution(
        [target(inline(first)), target(inline(second)), target(archive()), target(archive())]
    )

    result = run_against(plane, wire, *GET_RAW, terminals=terminals)

    assert result.code == 1
    assert result.out == first + second
    assert result.err == ARCHIVED_LINE + ARCHIVED_LINE


def script_failure_midway(plane):
    """Script a page with one Execution, and a failure of the next page."""
    plane.script(Reply(page(execution(), next_cursor="c2")), Reply({}, 404))


def close_off(rows):
    """Parse the beginning of a document of `list` that lacks its end."""
    return json.loads(rows.decode("ascii") + "]}")


@posix_only
@rule("5.1b", "6.3")
def test_error_midway_in_json_starts_a_line_of_a_shared_pipe(plane):
    script_failure_midway(plane)

    result = run_in_shell("2>&1", *ALL, "-o", "json", plane=plane)

    assert result.code == 1
    rows, _, messages = result.out.partition(b"\nerror: HTTP 404 ")
    assert close_off(rows) == {"items": [execution()]}
    _, hint, cursor, end = messages.decode("ascii").split("\n")
    assert hint.startswith("hint: ")
    assert cursor == "next_cursor: c2"
    assert end == ""


@posix_only
@rule("5.1b", "3.8c")
def test_retry_midway_in_json_starts_a_line_of_a_shared_pipe(plane):
    plane.script(Reply(page(execution(), next_cursor="c2")), Reply({}, 503), Reply(page()))

    result = run_in_shell("2>&1", *ALL, "-o", "json", plane=plane)

    assert result.code == 0
    rows, _, rest = result.out.partition(b"\nretry: HTTP 503 ")
    assert close_off(rows) == {"items": [execution()]}
    assert rest.endswith(b"}\n")


@posix_only
@rule("5.1b", "6.3")
def test_error_midway_in_json_starts_a_line_of_a_shared_file(plane, tmp_path):
    script_failure_midway(plane)
    path = tmp_path / "file"

    result = run_in_shell("> '%s' 2>&1" % path, *ALL, "-o", "json", plane=plane)

    assert result.code == 1
    rows, _, messages = path.read_bytes().partition(b"\nerror: HTTP 404 ")
    assert close_off(rows) == {"items": [execution()]}
    _, hint, cursor, end = messages.decode("ascii").split("\n")
    assert hint.startswith("hint: ")
    assert cursor == "next_cursor: c2"
    assert end == ""


@posix_only
@rule("5.1b", "6.3")
def test_error_midway_in_json_starts_a_line_of_a_terminal(plane):
    script_failure_midway(plane)

    result = run_on_terminal(*ALL, "-o", "json", plane=plane)

    assert result.code == 1
    assert close_off(result.out) == {"items": [execution()]}
    begin, error, hint, cursor, end = result.err.split("\n")
    assert begin == ""  # ends the line of standard output
    assert error.startswith("error: HTTP 404 ")
    assert hint.startswith("hint: ")
    assert cursor == "next_cursor: c2"
    assert end == ""


# ---- 5.1, 6.1: a standard output that cannot be written

FULL_LINE = "error: cannot write to standard output: No space left on device\n"


@posix_only
@rule("5.1", "6.1")
@pytest.mark.parametrize("count", [1, 600], ids=["fits the buffer", "does not fit the buffer"])
def test_full_stdout_of_a_process_is_one_error_line(plane, count):
    plane.script(Reply(page(*[execution()] * count)))

    result = run_in_shell(">/dev/full", *LIST, plane=plane)

    assert result.code == 1
    assert result.err == FULL_LINE


@posix_only
@rule("5.1", "6.1")
def test_closed_stdout_of_a_process_is_one_error_line(plane):
    plane.script(Reply(page(*[execution()] * 600)))

    result = run_in_shell(">&-", *LIST, plane=plane)

    assert result.code == 1
    assert result.err == "error: standard output is closed\n"


@posix_only
@rule("5.1", "6.1")
@pytest.mark.parametrize(
    "argv, answer",
    [
        pytest.param(LIST, page(*[execution()] * 600), id="a table"),
        # A failure to write the first output comes before the error about the second one.
        pytest.param(GET_RAW, HALF_READABLE, id="an output before an unreadable one"),
    ],
)
def test_full_raw_stdout_is_one_error_line(plane, argv, answer):
    with open("/dev/full", "wb", buffering=0) as raw:
        result = run_against(plane, answer, *argv, stdout=raw)

    assert result.code == 1
    assert result.err == FULL_LINE


@posix_only
@rule("5.1", "6.1")
def test_version_on_a_full_raw_stdout_is_one_error_line():
    with open("/dev/full", "wb", buffering=0) as raw:
        result = run_cli("--version", stdout=raw)

    assert result.code == 1
    assert result.err == FULL_LINE


# ---- 2.7: masking


@rule("2.7")
@pytest.mark.parametrize(
    "token_of_environment, token_of_file, sent, shown",
    [
        pytest.param(
            TOKEN,
            "another-token-1",
            TOKEN + " another-token-1<" + TOKEN + ">",
            "*** ***<***>",
            id="the token that is used, and the one in PLEXSPHERE_TOKEN",
        ),
        pytest.param(
            "eight-ch", "seven-c", "eight-ch seven-c", "*** seven-c", id="only from 8 characters on"
        ),
        pytest.param(
            "abcdefgh",
            "abcdefghij",
            "abcdefghij",
            "***",
            id="a token that begins with the other one",
        ),
        # A line has at most 4,000 characters, 27 of them in `error: HTTP 404 Not Found; `.
        pytest.param(
            "another-token-1",
            TOKEN,
            TOKEN * 300,
            "***" * 300,
            id="tokens are masked before the line is cut",
        ),
        pytest.param("another-token-1", TOKEN, "y" * 5000, "y" * 3973, id="a long line is cut"),
    ],
)
def test_tokens_in_the_servers_text_are_masked_on_stderr(
    plane, tmp_path, token_of_environment, token_of_file, sent, shown
):
    path = tmp_path / "token"
    path.write_bytes(token_of_file.encode("ascii"))
    path.chmod(0o600)
    argv = GET + ("--token-file", str(path))

    result = run_against(
        plane, Reply({"detail": sent}, 404), *argv, env={"PLEXSPHERE_TOKEN": token_of_environment}
    )

    assert result.code == 1
    assert error_lines(result) == ["HTTP 404 Not Found; " + shown]


@rule("2.7", "5.10")
@pytest.mark.parametrize(
    "member, status",
    [
        pytest.param("detail", 404, id="in the detail of a Problem"),
        # The Transport masks a Problem. Other errors are masked only where they are printed.
        pytest.param("id", 200, id="in the id of another Execution"),
    ],
)
def test_password_of_a_proxy_is_masked_before_it_is_escaped(plane, member, status):
    # The password contains a zero width space, which is escaped on stderr.
    credentials = base64.b64encode("ann:pass\u200bword".encode("utf-8")).decode("ascii")
    with Proxy(plane) as proxy:
        proxy.script(Reply({member: "<pass\u200bword> <%s> \u200b" % credentials}, status))
        env = {
            "PLEXSPHERE_URL": "http://control-plane.test",
            "HTTP_PROXY": proxy.url.replace("http://", "http://ann:pass%E2%80%8Bword@"),
        }

        result = run_cli(*GET, "--allow-http", plane=plane, env=env)

        assert proxy.requests[0].headers["proxy-authorization"] == "Basic " + credentials
    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].endswith(" <***> <***> \\u200b")


#: An Execution with the token in its action, in a status, in place of a node id and in an output.
WITH_TOKENS = execution(
    [target(inline(TOKEN.encode("ascii"))), target(node=TOKEN, status=TOKEN)], action=TOKEN
)


@rule("2.7")
@every_get_format
def test_stdout_of_get_is_never_masked(plane, format):
    result = run_against(plane, WITH_TOKENS, *GET, "-o", format, echoes=True)

    assert result.code == 0
    assert TOKEN.encode("ascii") in result.out
    assert b"***" not in result.out


@rule("2.7")
@every_list_format
def test_stdout_of_list_is_never_masked(plane, format):
    result = run_against(plane, page(dict(WITH_TOKENS, id=TOKEN)), *LIST, "-o", format, echoes=True)

    assert result.code == 0
    assert TOKEN.encode("ascii") in result.out
    assert b"***" not in result.out


# ---- 5.8: what json, yaml and jsonl contain

on_pipes_and_terminals = pytest.mark.parametrize(
    "terminals", [(), BOTH], ids=["pipes", "terminals"]
)

#: The command line, and the JSON text that the server sends.
DOCUMENTS = (
    pytest.param(
        GET,
        '{"zzz": [{}, [], [[]], {"a": {"items": [], "targets": []}}], "targets": [{"output_ref": {"kind": 5}}, '
        '{"x": [1, {"b": "\\n  \\"targets\\": []", "a": null}]}, {}], '
        '"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", "targets_": [], "aaa": true}',
        id="other members that are similar to the list of targets",
    ),
    pytest.param(
        GET,
        '{"targets": [], "id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", '
        '"numbers": [0, -1, 1000000000000000000000000000000, 1.5, 1e-07, 1.0, true, null]}',
        id="no targets, and numbers",
    ),
    pytest.param(
        GET,
        '{"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", "created_at": [], "status": {}, "type": 0, '
        '"targets": [{"node_id": 5, "status": []}]}',
        id="types that tables would refuse",
    ),
    pytest.param(
        GET,
        '{"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", '
        '"\u00e9\u2028\U0001f600": "\u00e9\u20ac\u2028\ufeff\U0001f600\x7f\x85\\ud800\\u0000\\/\\"\\n", '
        '"targets": [{"\u00e9\x7f": "\\u001b\u009b"}]}',
        id="all kinds of characters",
    ),
    pytest.param(
        LIST,
        '{"items": [{"id": "1", "targets": [{}]}, {}], "next_cursor": "c", "more": 1}',
        id="a page and a cursor",
    ),
    pytest.param(
        LIST, '{"next_cursor": "c", "items": [{"b": 1, "a": 2}]}', id="a cursor before the items"
    ),
    pytest.param(
        LIST, '{"a": 1, "next_cursor": "c", "items": [], "z": [2]}', id="a cursor but no items"
    ),
    pytest.param(LIST, '{"items": [], "next_cursor": null}', id="neither items nor a cursor"),
)


@rule("5.8", "5.8c", "9.4")
@on_pipes_and_terminals
@pytest.mark.parametrize("argv, sent", DOCUMENTS)
def test_json_is_what_the_server_sent_with_its_members_in_their_order(plane, argv, sent, terminals):
    result = run_against(
        plane, Reply(sent), *argv, "-o", "json", "--color", "always", terminals=terminals
    )

    assert result.code == 0
    printed = json.loads(result.out.decode("ascii"))
    # As texts, because == would ignore the order of members and the difference between 1, 1.0 and true.
    assert json.dumps(printed) == json.dumps(json.loads(sent))
    assert error_lines(result) == []
    assert "next_cursor" not in result.err


@rule("5.8c", "9.4")
@on_pipes_and_terminals
@pytest.mark.parametrize("argv, sent", DOCUMENTS)
def test_yaml_is_the_bytes_of_json(plane, argv, sent, terminals):
    as_json = run_against(
        plane, Reply(sent), *argv, "-o", "json", "--color", "always", terminals=terminals
    )
    as_yaml = run_against(
        plane, Reply(sent), *argv, "-o", "yaml", "--color", "always", terminals=terminals
    )

    assert as_json.code == 0
    assert as_json.out.startswith(b"{\n")
    assert as_yaml.code == 0
    assert as_yaml.out == as_json.out
    assert as_yaml.err == as_json.err


@rule("5.8b", "5.8c", "9.4")
@on_pipes_and_terminals
@pytest.mark.parametrize(
    "argv, sent, lines",
    [
        pytest.param(
            GET,
            '{"zzz": [{}], "targets": [{"output_ref": {"kind": 5}}, '
            '{"x": [1, {"b": "\\n  \\"targets\\": []", "a": null}]}, {}], '
            '"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"}',
            b'{"output_ref":{"kind":5}}\n{"x":[1,{"b":"\\n  \\"targets\\": []","a":null}]}\n{}\n',
            id="three targets",
        ),
        pytest.param(
            GET,
            '{"targets": [], "id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"}',
            b"",
            id="no targets",
        ),
        pytest.param(
            GET,
            '{"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", "status": {}, "targets": [{"node_id": 5, "status": []}]}',
            b'{"node_id":5,"status":[]}\n',
            id="types that tables would refuse",
        ),
        pytest.param(
            GET,
            '{"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", "targets": [{"\u00e9\x7f": "\\u001b\u009b\U0001f600"}]}',
            b'{"\\u00e9\\u007f":"\\u001b\\u009b\\ud83d\\ude00"}\n',
            id="characters beyond ASCII",
        ),
        pytest.param(LIST, '{"items": []}', b"", id="no items"),
        pytest.param(
            LIST,
            '{"more": 1, "items": [{"id": "1", "targets": [{}]}, {}, {"b": 1, "a": 1.0}]}',
            b'{"id":"1","targets":[{}]}\n{}\n{"b":1,"a":1.0}\n',
            id="three items",
        ),
    ],
)
def test_jsonl_is_a_line_for_each_execution_or_target(plane, argv, sent, lines, terminals):
    result = run_against(
        plane, Reply(sent), *argv, "-o", "jsonl", "--color", "always", terminals=terminals
    )

    assert result.code == 0
    assert result.out == lines
    assert error_lines(result) == []
    assert "next_cursor" not in result.err


@rule("5.8b")
@on_pipes_and_terminals
@pytest.mark.parametrize(
    "sent, lines",
    [
        pytest.param('{"items": [{"id": "1"}], "next_cursor": "c"}', b'{"id":"1"}\n', id="an item"),
        pytest.param('{"next_cursor": "c", "items": []}', b"", id="no items"),
    ],
)
def test_jsonl_has_the_cursor_of_the_next_page_as_last_line_on_stderr(
    plane, sent, lines, terminals
):
    result = run_against(plane, Reply(sent), *LIST, "-o", "jsonl", terminals=terminals)

    assert result.code == 0
    assert result.out == lines
    assert result.err.endswith("next_cursor: c\n")
    assert result.err.count("next_cursor") == 1


@rule("5.8c")
@pytest.mark.parametrize("format", DOCUMENT_FORMATS)
def test_documents_are_ascii_with_escapes_for_other_characters(plane, format):
    sent = (
        '{"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", "targets": '
        '[{"\u00e9\u2028\U0001f600": "\u00e9\u20ac\ufeff\x7f\x85\\ud800\\u0000\\/\\"\\n"}]}'
    )

    result = run_against(plane, Reply(sent), *GET, "-o", format)

    assert result.code == 0
    assert b'"\\u00e9\\u2028\\ud83d\\ude00"' in result.out
    assert b'"\\u00e9\\u20ac\\ufeff\\u007f\\u0085\\ud800\\u0000/\\"\\n"' in result.out


@rule("5.8a", "1.8")
@every_list_format
@pytest.mark.parametrize(
    "items, ids",
    [
        pytest.param([{"id": "1"}, {"id": "2"}], ["1", "2"], id="two Executions"),
        pytest.param([], [], id="none"),
    ],
)
def test_walk_prints_one_document_as_if_all_were_on_one_page(plane, format, items, ids):
    # The members `more` and `x` of the two pages, and their cursors, are not printed.
    first_page = page(*items[:1], next_cursor="c2", more=1)
    second_page = page(*items[1:], next_cursor="", x=2)

    expected = run_against(plane, page(*items), *LIST, "--output", format)
    plane.script(Reply(first_page), Reply(second_page))
    result = run_cli(*ALL, "--output", format, plane=plane)

    assert expected.code == 0
    assert find_ids(expected, format) == ids
    assert result.code == 0
    assert result.out == expected.out
    assert result.err == ""


@rule("5.8a", "1.8")
@pytest.mark.parametrize("format", ["json", "yaml"])
@pytest.mark.parametrize("items", [[{"id": "1"}, {"id": "2"}], []], ids=["two Executions", "none"])
def test_json_of_a_walk_has_no_member_except_items(plane, format, items):
    plane.script(
        Reply(page(*items[:1], next_cursor="c2", more=1)),
        Reply(page(*items[1:], next_cursor="", x=2)),
    )

    result = run_cli(*ALL, "--output", format, plane=plane)

    assert result.code == 0
    assert json.loads(result.out.decode("ascii")) == {"items": items}


@rule("5.8", "5.8b", "5.8e")
@every_list_format
def test_every_format_of_list_shows_the_cursor_of_the_next_page(plane, format):
    result = run_against(plane, page(listed("a"), next_cursor="c2"), *LIST, "-o", format)

    assert result.code == 0
    assert read_listing(result, format)[1] == ["c2"]
