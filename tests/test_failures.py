"""Failures, apart from what failures.md shows: bodies that are large, no text or nested deeply, failing connections,
and what a program gets."""

import re
import socket
import sys

import pytest

import plexctl_exec_log as program
from control_plane import ControlPlane
from kit import (
    ALL,
    EXECUTION,
    GET,
    LIST,
    PATH,
    README,
    error_lines,
    execution,
    hint_lines,
    page,
    posix_only,
    read_text,
    run_cli,
    run_line,
    table,
)
from server import DROP, Reply

# ---- exit codes

# fmt: off
OTHER_STATUSES = [
    103, 201, 204, 206, 299, 300, 304, 307,
    400, 402, 404, 405, 407, 408, 409, 410, 418, 425, 429, 451,
    500, 501, 502, 503, 504, 505, 599,
]
# fmt: on


@pytest.mark.parametrize("status", OTHER_STATUSES)
def test_http_status_other_than_200_401_and_403_means_exit_1(plane, status):
    # With the status 200, this body would be printed. With the status 403, its code would mean exit code 77.
    answer = Reply({"id": EXECUTION, "code": "rebac_denied"}, status)
    plane.script(answer, answer, answer)  # three, because some statuses are retried twice

    result = run_cli(*GET, plane=plane)

    assert result.code == 1
    assert result.out == b""
    (error,) = error_lines(result)
    assert error.startswith("HTTP %d " % status)


def test_status_401_means_exit_3_even_if_the_code_is_rebac_denied(plane):
    result = run_line("list", plane, Reply({"code": "rebac_denied"}, 401))

    assert result.code == 3


# fmt: off
@pytest.mark.parametrize("body, code", [
    (b'{"code": "rebac_denied"}', 77),
    # Other members do not matter, \u005f is an underscore, and the last of two members with a name counts.
    (b'{"code": "rebac_denied", "status": 400}', 77),
    (b'{"code": "rebac\\u005fdenied", "relation_path": 7}', 77),
    (b'{"code": "other", "code": "rebac_denied"}', 77),
    # The whole member is compared, and only that of the outer object.
    (b'{"code": "REBAC_DENIED"}', 4),
    (b'{"code": "rebac_denied "}', 4),
    (b'{"code": "x.rebac_denied"}', 4),
    (b'{"code": ["rebac_denied"]}', 4),
    (b'{"Code": "rebac_denied", "reason": "rebac_denied", "title": "rebac_denied"}', 4),
    (b'{"error": {"code": "rebac_denied"}}', 4),
    (b'[{"code": "rebac_denied"}]', 4),
    # A body that is not valid JSON has no code.
    (b"", 4),
    (b"rebac_denied", 4),
    (b'{"code": "rebac_denied"', 4),
    (b'{"code": "rebac_denied", "n": NaN}', 4),
    pytest.param(b"[" * 60000, 4, id="nested too deeply"),
    # A Problem, the JSON object that describes an error (RFC 9457), may have up to 1 MiB.
    pytest.param(b'{"code": "rebac_denied"}'.ljust(1048576), 77, id="1 MiB"),
    pytest.param(b'{"code": "rebac_denied"}'.ljust(1048577), 4, id="1 MiB and a byte"),
])
# fmt: on
def test_status_403_means_exit_77_if_the_code_is_rebac_denied_and_otherwise_4(plane, body, code):
    # The type that the server states does not matter.
    result = run_line("list", plane, Reply(body, 403, [("Content-Type", "text/html")]))

    assert result.code == code
    assert len(error_lines(result)) == 1


# ---- hints

#: The hints, by the names that the table below gives them.
HINTS = {
    "none": "",
    # What was typed may be wrong.
    "API": "check --server, PLEXSPHERE_URL or the profile: the URL may not be the API's",
    "https": "if this port is for https, write https:// in the server's URL",
    "/v1": "leave /v1 out of the server's URL",
    "redirect": "if that is the API, use the part of its URL before /v1 as the server's URL",
    "network": (
        "check --server, PLEXSPHERE_URL or the profile, the network, "
        "and whether you need a proxy"
    ),
    "proxy": (
        "check the server's name and port, HTTPS_PROXY, HTTP_PROXY and NO_PROXY "
        "(if the proxy needs a login, put user:password@ before its host)"
    ),
    "flag": "the server rejected the value of a flag: check the flags against --help",
    "cursor": (
        "the server rejected the cursor: "
        "use it only with the filters of the listing that printed it"
    ),
    "limit": "use a --limit of at most 200",
    "status": "the server rejected the value of --status: --help lists the valid ones",
    "Project": (
        "not found, or not visible to this token: "
        "check the Project (--project), the server and, for get, that the id is an Execution's"
    ),
    # The token has a fault.
    "token": (
        "get a new token: "
        "the token from PLEXSPHERE_TOKEN is invalid, expired or for another server"
    ),
    "owner": "ask an owner of the Project to let this token read its Executions",
    "conditions": (
        "the token is valid, but its conditions are not met: "
        "check its validity period, your source address and how you logged in"
    ),
    # The server has a fault.
    "later": "too many requests: try again later",
    "operators": (
        "try again; if it keeps failing, "
        "send the server's operators the time, the command and any correlation id"
    ),
    "dispatch": "this server cannot run actions: ask its operators to enable action dispatch",
    "overload": (
        "the server, or a gateway in front of it, may be overloaded or restarting: "
        "try again later"
    ),
    "lost": "the server, or a proxy in between, closed the connection: try again",
}

ANSWERS = {
    "drop": DROP,  # the connection is closed in place of an answer
    "alert": b"\x15\x03\x01\x00\x02\x02\x46",  # what a port for https may answer to plain http
    # http.client reads up to 100 headers, and lines of up to 64 KiB.
    "many-headers": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 101,
    "long-header": b"HTTP/1.1 200 OK\r\na: " + b"b" * 70000,
}


def make_answer(text):
    """Return the answer that a text stands for: `404 html` is a page of HTML with this status, and
    `404 code=x` a Problem, the JSON object that describes an error (RFC 9457), with this member.
    `302 location` is a redirect. Any other text is a name in ANSWERS."""
    if text in ANSWERS:
        return ANSWERS[text]
    status, *members = text.split()
    if members == ["html"]:
        return Reply(b"<p>", int(status))
    if members == ["location"]:
        return Reply(b"", int(status), [("Location", "https://sso.example/")])
    return Reply(dict(member.split("=") for member in members), int(status))


def find_hint(server, answers):
    """Run `list --all` against these answers, the last of which is repeated, and return the hint of
    its error, or "". The server is the scheme of its URL, perhaps with a prefix."""
    scheme, _, prefix = server.partition("/")
    with ControlPlane(tls=scheme == "https") as plane:
        plane.script(*answers)
        plane.answer_to = lambda request: answers[-1]
        result = run_cli(*ALL, "--server", "%s/%s" % (plane.url, prefix), plane=plane)
        assert not plane.answers, "an answer was not asked for"
    assert result.code in (1, 3, 4)
    assert len(error_lines(result)) == 1
    hints = hint_lines(result)
    assert len(hints) < 2
    return "".join(hints)


@table("""
    answers                     | server       | hint       | hint_after_a_page
    # A Problem. Its code is compared for a 400, and its reason for a 403.
    400 title=x                 | http         | flag       | flag
    400 reason=invalid_cursor   | http         | flag       | flag
    400 code=invalid_cursor     | http         | cursor     | none
    400 code=invalid_limit      | http         | limit      | limit
    400 code=invalid_status     | http         | status     | status
    401 title=x                 | http         | token      | token
    403 title=x                 | http         | owner      | owner
    403 code=caveat_violation   | http         | owner      | owner
    403 reason=caveat_violation | http         | conditions | conditions
    404 title=x                 | http         | Project    | none
    404 code=invalid_limit      | http         | Project    | none
    404 reason=caveat_violation | http         | Project    | none
    407 title=x                 | http         | proxy      | none
    429 title=x                 | http         | later      | later
    500 title=x                 | http         | operators  | operators
    501 title=x                 | http         | dispatch   | dispatch
    502 title=x                 | http         | overload   | overload
    503 title=x                 | http         | overload   | overload
    504 title=x                 | http         | overload   | overload
    # HTML in place of a JSON object, or a 3xx without a Location
    200 html                    | http         | API        | none
    300 html                    | http         | API        | none
    302 html                    | http         | API        | none
    399 title=x                 | http         | API        | none
    403 html                    | http         | API        | none
    404 html                    | http         | API        | none
    300 location                | http         | redirect   | none
    302 location                | http         | redirect   | none
    399 location                | http         | redirect   | none
    # A port for https answers plain http with a 400 in HTML or an alert, or closes the connection.
    400 html                    | http         | https      | none
    400 html                    | https        | API        | none
    alert                       | http         | https      | none
    alert                       | https        | API        | none
    drop                        | http         | https      | lost
    drop                        | https        | lost       | lost
    # A port that has answered http (503) is not for https.
    503 title=x, drop           | http         | lost       | lost
    # HTTP that cannot be read
    many-headers                | http         | API        | none
    long-header                 | http         | API        | none
    # Only a 404 from a server whose URL ends with /v1 asks for a URL without it.
    404 html                    | https/v1     | /v1        | none
    404 html                    | http/v1/     | /v1        | none
    404 title=x                 | https/api/v1 | /v1        | none
    404 html                    | http/v12     | API        | none
    400 html                    | https/v1     | API        | none
""")
def test_failure_has_this_hint_and_after_a_good_page_none_that_doubts_what_was_typed(
    answers, server, hint, hint_after_a_page
):
    failing = [make_answer(text) for text in answers.split(", ")]
    good_page = Reply(page(execution(), next_cursor="c2"))

    assert find_hint(server, failing) == HINTS[hint]
    assert find_hint(server, [good_page] + failing) == HINTS[hint_after_a_page]


def test_hint_for_plain_http_to_a_real_port_for_https_asks_for_https(tls_plane):
    url = "http://localhost:%d" % tls_plane.address[1]

    result = run_cli(*LIST, "--server", url, plane=tls_plane)

    assert result.code == 1
    assert hint_lines(result) == [HINTS["https"]]
    assert tls_plane.requests == []


@posix_only  # Windows keeps the socket listening
@pytest.mark.parametrize(
    "variable, hint", [("PLEXSPHERE_URL", "network"), ("HTTP_PROXY", "proxy")]
)
def test_connection_that_fails_has_a_hint_and_none_after_a_good_page(plane, variable, hint):
    def stop_listening_and_close_the_connection(request):
        plane.socket.shutdown(socket.SHUT_RDWR)
        return Reply(page(execution(), next_cursor="c2"), framing="close")

    plane.answer_to = stop_listening_and_close_the_connection
    env = {"PLEXSPHERE_URL": "http://control-plane.test", variable: plane.url}

    after_a_page = run_cli(*ALL, "--allow-http", plane=plane, env=env)
    at_first = run_cli(*ALL, "--allow-http", plane=plane, env=env)

    assert len(plane.requests) == 1
    assert "cannot connect" in error_lines(after_a_page)[0]
    assert hint_lines(after_a_page) == []
    assert "cannot connect" in error_lines(at_first)[0]
    assert hint_lines(at_first) == [HINTS[hint]]


def test_every_retried_status_has_a_hint_and_stands_in_the_docstring_and_the_readme():
    retries = re.search(r"\*\*Retries\.\*\*.*", read_text(README)).group()

    for status in program.RETRIED_STATUSES:
        assert find_hint("http", [Reply({"title": "x"}, status)])
        assert str(status) in program.RemoteError.__doc__
        assert str(status) in retries


# ---- messages


def test_status_line_without_a_reason_leaves_no_space_at_the_end(plane):
    result = run_line("list", plane, b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n")

    assert result.err.startswith("error: HTTP 404\n")


# fmt: off
@pytest.mark.parametrize("body, shown", [
    ({"correlation_id": "c-17"}, "c-17"),
    # The header is shown, with its ESC escaped.
    ({"correlation_id": ""}, "h-1\\x1b"),
    ({"correlation_id": 1}, "h-1\\x1b"),
    (b"<html>", "h-1\\x1b"),
])
# fmt: on
def test_header_replaces_a_missing_or_unusable_correlation_id(plane, body, shown):
    result = run_line("get $ID", plane, Reply(body, 409, [("X-Correlation-Id", "h-1\x1b")]))

    assert result.err == "error: HTTP 409 Conflict; correlation id: %s\n" % shown


@pytest.mark.parametrize(
    "answer, error",
    [
        pytest.param(
            Reply(b'{"items":[]}', framing="chunked", cut=5),
            "the chunked body is malformed or was cut short",
            id="ends within a chunk",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "the chunked body is malformed or was cut short",
            id="ends before the first chunk",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}",
            "the chunked body is malformed or was cut short",
            id="size is no number",
        ),
        pytest.param(
            Reply(b'{"items":[', framing="close"),
            "the body is malformed or was cut short",
            id="ends with the connection",
        ),
    ],
)
def test_error_for_a_broken_body_without_a_length_names_two_causes(plane, answer, error):
    # With a length, with gzip or after a reset, it is known to be cut short, as
    # test_each_retry_is_reported_on_stderr in test_transport.py shows for a length.
    result = run_line("list", plane, answer, answer, answer)

    assert result.code == 1
    assert error_lines(result) == [error]
    (hint,) = hint_lines(result)
    assert "--server" not in hint  # it does not doubt that the server is the API
    assert len(plane.requests) == 3  # it was retried twice


def nest_lists(levels):
    """Return the answer with an Execution that has as many levels of lists in lists."""
    return Reply('{"id":"%s","deep":%s}' % (EXECUTION, "[" * levels + "]" * levels))


@pytest.mark.parametrize("format", ["-o text", "-o json"])
@pytest.mark.skipif(
    sys.implementation.name == "pypy",
    reason="its encoder can exhaust the stack, and end the process, at this depth",
)
def test_deeply_nested_json_is_either_printed_or_gives_one_error_line(plane, format):
    # Pythons differ in how deep their decoder and their encoder can go.
    result = run_line("get $ID " + format, plane, nest_lists(5000))

    assert (result.code, error_lines(result)) in [
        (0, []),
        (1, ["the response is malformed: its body is nested too deeply"]),
        (1, ["the response is nested too deeply to be printed"]),
    ]


# ---- a listing whose second page fails


# The answer is scripted four times, because a dropped request is sent anew, and then retried twice.
@pytest.mark.parametrize("format", ["-o json", "-o yaml"])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Reply(page(execution(id="e-3")), cut=99), id="cut short"),
        pytest.param(Reply({}, 404), id="404"),
        pytest.param(Reply(page(execution(id="e-3"), 1)), id="an item is a number"),
        pytest.param(b"x\r\n\r\n", id="not HTTP"),
        pytest.param(DROP, id="dropped"),
    ],
)
def test_document_keeps_the_items_of_earlier_pages_and_is_left_incomplete(plane, answer, format):
    first_page = Reply(page({"id": "e-1"}, {"id": "e-2"}, next_cursor="c2"))
    plane.script(first_page, answer, answer, answer, answer)

    result = run_cli(*ALL, *format.split(), plane=plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert result.out == b'{\n  "items": [\n    {"id":"e-1"},\n    {"id":"e-2"}'


# ---- what a program gets

PROBLEM = {"title": "Bad News", "code": "some_code", "detail": "not yours", "more": [1]}


def test_library_gets_the_status_and_the_problem(plane, transport):
    plane.script(Reply(PROBLEM, 409, [("Retry-After", "40")]))

    with pytest.raises(program.APIError) as caught:
        transport.get(PATH, {})

    error = caught.value
    assert error.status == 409
    assert error.problem == PROBLEM
    assert error.retry_after == 40
    assert str(error) == "HTTP 409 Bad News; not yours; code: some_code; retry after: 40 s"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="HTML"),
        pytest.param([PROBLEM], id="a list"),
        pytest.param(b'{"title": "x\xff"}', id="not UTF-8"),
    ],
)
def test_library_gets_an_empty_problem_if_the_body_has_none(plane, transport, body):
    plane.script(Reply(body, 409))

    with pytest.raises(program.APIError) as caught:
        transport.get(PATH, {})

    assert caught.value.status == 409
    assert caught.value.problem == {}
    assert str(caught.value) == "HTTP 409 Conflict"
