"""What is sent, how long it may take, what is asked again, and which connection is kept."""

import email
import http.client
import re
import socket
import sys
import time

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN, ControlPlane
from kit import (
    ALL,
    ANY_RESPONSE,
    END_OF_SILENCE,
    GET,
    LIST,
    MODULE,
    NO_NAME,
    PATH,
    Clock,
    Raw,
    encode,
    error_lines,
    execution,
    finish_process,
    make_transport,
    nobody_accepting,
    nobody_listening,
    page,
    posix_only,
    retry_lines,
    refuse_tunnel,
    run_cli,
    run_process,
    run_python,
    stall,
    start_line,
    table,
    wait_until,
)
from server import CA_FILE, DROP, HANG, RESET, Reply, ScriptedServer

# ---- responses

OK_HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH_12_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EMPTY_PAGE = b'{"items":[]}'  # 12 bytes

MORE_PAGES = Reply(page(next_cursor="c"))  # a page that another one follows
LAST_PAGE = Reply(page())
BUSY_503 = Reply(b"", 503)
GOOD_REPLY = Reply(ANY_RESPONSE)  # every command, and Transport.get, succeeds with it


def drip(first_bytes, piece, pause=0.01):
    """Return an answer that never ends, yet never stalls: after its first bytes, the same piece again and again."""

    def talk(sock):
        sock.sendall(first_bytes)
        end = time.monotonic() + END_OF_SILENCE
        while time.monotonic() < end:
            sock.sendall(piece)
            time.sleep(pause)

    return talk


def reset_after(first_bytes):
    """Return an answer whose connection is reset a moment after its first bytes."""

    def talk(sock):
        sock.sendall(first_bytes)
        time.sleep(0.02)
        RESET(sock)

    return talk


@pytest.fixture(params=[False, True], ids=["http", "https"])
def either_plane(request):
    """A control plane over http, and then one over https."""
    with ControlPlane(tls=request.param) as running:
        yield running


def catch_error(url, **options):
    """Call Transport.get once, without retries unless the options have pauses. Return the error that it raises.

    The error has no traceback, because Python 3.8 leaves a socket unclosed in there."""
    server = program.Server.parse(url)
    with program.Transport(
        server, TOKEN, **dict({"pauses": (), "allow_http": True}, **options)
    ) as transport:
        try:
            transport.get(PATH, {})
        except program.RemoteError as error:
            error.__context__ = None
            return error.with_traceback(None)
    raise AssertionError("the request has succeeded")


# ---- the request


@pytest.mark.parametrize(
    "argv, prefix, target",
    [
        pytest.param(
            LIST + ("--status", "a b"),
            "/",
            "/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions?status=a%20b",
            id="list with a parameter",
        ),
        pytest.param(
            LIST,
            "/a/b%20c/",
            "/a/b%20c/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions",
            id="list, from a server with a prefix",
        ),
        pytest.param(
            GET,
            "/~x;y=1,z!$&'()*+:@.-_/",
            "/~x;y=1,z!$&'()*+:@.-_/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions/"
            "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",
            id="get, from a server whose prefix has all characters that are valid there",
        ),
    ],
)
def test_request_has_this_line_and_exactly_these_headers(argv, prefix, target):
    requests = []  # as bytes

    def talk(sock):
        requests.append(sock.recv(65536))
        sock.sendall(LENGTH_12_HEAD + EMPTY_PAGE)

    with Raw(talk) as server:
        run_cli(*argv, "--server", server.url + prefix, plane=server)

    assert len(requests) == 1
    head, _, body = requests[0].decode("ascii").partition("\r\n\r\n")
    first, *headers = head.split("\r\n")
    assert first == "GET %s HTTP/1.1" % target
    # The values of Accept and User-Agent are not promised.
    assert sorted(headers) == [
        "Accept-Encoding: gzip",
        "Accept: application/json, application/problem+json",
        "Authorization: Bearer " + TOKEN,
        "Host: 127.0.0.1:%d" % server.address[1],
        "User-Agent: plexctl-exec-log/" + program.__version__,
    ]
    assert body == ""


def test_every_request_to_the_server_is_a_get_with_the_same_headers(plane):
    # The first request is retried. That for the second page is lost, and sent once more. A redirect ends the run.
    redirect = Reply(b"", 302, [("Location", "/x")])
    plane.script(BUSY_503, MORE_PAGES, DROP, redirect)

    result = run_cli(*ALL, plane=plane)

    assert result.code == 1
    assert error_lines(result)[0].startswith("HTTP 302: refused to follow a redirect to ")
    assert [request.method for request in plane.requests] == ["GET"] * 4
    assert [request.headers for request in plane.requests] == [plane.requests[0].headers] * 4


def test_trace_shows_requests_and_responses(plane):
    plane.script(b"HTTP/1.0 503 Busy\r\n\r\n", Reply(page(), headers=[("X-Other", "shown")]))

    result = run_cli(*LIST, "-v", plane=plane)

    assert result.code == 0
    assert re.findall("^> GET .*|^< HTTP.*|^< X-.*|^retry: .*", result.err, re.MULTILINE) == [
        "> GET /v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions HTTP/1.1",
        "< HTTP/1.0 503 Busy",
        "retry: HTTP 503 Busy; waiting 0.5 s",
        "> GET /v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions HTTP/1.1",
        "< HTTP/1.1 200 OK",
        "< X-Other: shown",
    ]
    assert result.err.count("\n> Authorization: ***\n") == 2


def test_trace_masks_the_values_of_these_headers_and_of_none_that_only_contains_a_name(plane):
    names = ["Authorization", "proxy-authorization", "Cookie", "SET-COOKIE", "Location"]
    headers = [(name, "hush=hush; Path=/") for name in names]
    headers += [("X-Cookie", "shown-1"), ("Cookie-Policy", "shown-2")]
    plane.script(Reply(page(), headers=headers))

    result = run_cli(*LIST, "-v", plane=plane)

    assert result.code == 0
    assert [name for name in names if "\n< %s: ***\n" % name in result.err] == names
    assert "hush" not in result.err
    assert "\n< X-Cookie: shown-1\n" in result.err
    assert "\n< Cookie-Policy: shown-2\n" in result.err


# ---- time


def test_timeout_of_a_connection_is_30_seconds_by_default(plane, connect_timeouts):
    result = run_cli(*LIST, plane=plane)

    assert result.code == 0
    assert connect_timeouts == [30]


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere, a full queue may refuse connections"
)
def test_timeout_limits_connecting():
    with nobody_accepting() as address:
        env = {"PLEXSPHERE_URL": "http://" + address, "PLEXSPHERE_TOKEN": TOKEN}
        result = run_cli(*LIST, "--timeout=0.1", env=env)

    assert result.code == 1
    assert result.err.startswith(
        "error: timed out: connecting to %s\nhint: check --server" % address
    )
    assert result.err.endswith("raise --timeout (now 0.1 s)\n")


def test_timeout_limits_the_tls_handshake():
    with Raw(stall(b"\x16\x03\x03")) as server:  # the beginning of a TLS record
        address = "127.0.0.1:%d" % server.address[1]
        env = {"PLEXSPHERE_URL": "https://" + address, "PLEXSPHERE_TOKEN": TOKEN}
        result = run_cli(*LIST, "--timeout=0.1", env=env)

    assert result.code == 1
    assert result.err.startswith(
        "error: timed out: connecting to %s\nhint: check --server" % address
    )
    assert result.err.endswith("raise --timeout (now 0.1 s)\n")


def test_timeout_limits_each_wait_not_their_sum(plane):
    pieces = [
        b"HTTP/1.1 200 OK\r\n",
        b"Content-Length: 12\r\n\r\n",
        b'{"',
        b"it",
        b"em",
        b's"',
        b":[",
        b"]}",
    ]

    def talk(sock):
        # Each piece comes in time, and the last one after 1.05 seconds.
        for piece in pieces:
            sock.sendall(piece)
            time.sleep(0.15)

    plane.script(talk)

    result = run_cli(*LIST, "--timeout", "1", plane=plane)

    assert result.code == 0


# ---- what is retryable


every_retryable_failure = pytest.mark.parametrize(
    "failure",
    [
        # The connection is lost.
        pytest.param(DROP, id="dropped"),
        pytest.param(RESET, id="reset"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="dropped after a 100"),
        pytest.param(reset_after(b"HTTP/1.1 2"), id="reset within the status line"),
        pytest.param(reset_after(b"HTTP/1.1 200 OK\r\nCo"), id="reset within headers"),
        # The body is cut short: it is {"items":[]}, of 12 bytes.
        pytest.param(Reply(page(), cut=9), id="cut"),
        pytest.param(reset_after(LENGTH_12_HEAD + b'{"items":'), id="cut and reset"),
        pytest.param(LENGTH_12_HEAD, id="only headers"),
        pytest.param(Reply(page(), announce=13), id="whole, but announced longer"),
        pytest.param(Reply(page(), framing="chunked", cut=2), id="cut chunk"),
        pytest.param(CHUNKED_HEAD + b'c\r\n{"items":[]}\r\n', id="no last chunk"),
        pytest.param(CHUNKED_HEAD + b"-5\r\n", id="no chunk size"),
        pytest.param(CHUNKED_HEAD + b"-%s\r\n" % (b"f" * 99), id="a huge negative chunk size"),
        pytest.param(OK_HEAD + b'\r\n{"items":[]', id="cut, without a length"),
        pytest.param(OK_HEAD + b"\r\n", id="no body and no length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r", id="ends within the headers"),
        # The server is busy.
        pytest.param(Reply({}, 429), id="429"),
        pytest.param(Reply(b"", 500), id="500"),
        pytest.param(Reply(b"", 502), id="502"),
        pytest.param(Reply(b"<html>", 503), id="503 HTML"),
        pytest.param(Reply(b"", 504), id="504"),
        pytest.param(Reply(b"x" * 99, 503, cut=9), id="503 cut"),
        pytest.param(Reply(b"", 503, [("Location", "/y")]), id="503 with Location"),
    ],
)


@every_retryable_failure
def test_failure_is_retried_twice_after_pauses_of_0_5_and_1_second(
    plane, transport, clock, failure
):
    plane.script(failure, failure, Reply({"id": "right"}))

    found = transport.get(PATH, {})

    assert found == {"id": "right"}
    assert clock.sleeps == [0.5, 1]
    assert len(plane.requests) == 3


@every_retryable_failure
def test_last_failure_is_raised_as_retryable(plane, clock, failure):
    plane.script(failure, failure, failure)

    error = catch_error(plane.url, pauses=(0.5, 1), sleep=clock.sleep)

    assert error.retryable
    assert not isinstance(error, program.TimedOut)
    assert clock.sleeps == [0.5, 1]
    assert len(plane.requests) == 3


@pytest.mark.parametrize("argv", [LIST, ALL, GET], ids=["list", "list --all", "get"])
def test_every_command_retries_twice(plane, argv):
    plane.script(DROP, BUSY_503, GOOD_REPLY)
    succeeded = run_cli(*argv, plane=plane)

    plane.script(DROP, BUSY_503, BUSY_503)
    failed = run_cli(*argv, plane=plane)

    assert succeeded.code == 0
    assert error_lines(succeeded) == []
    assert len(retry_lines(succeeded)) == 2
    assert failed.code == 1
    assert failed.out == b""
    assert error_lines(failed) == ["HTTP 503 Service Unavailable"]
    assert len(retry_lines(failed)) == 2


@pytest.mark.parametrize(
    "first_bytes, timeout, message",
    [
        (b"", 0.1, "timed out: no response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9", 0.1, "timed out: no response"),
        # These headers must arrive within the second, on a loaded machine, too.
        (LENGTH_12_HEAD, 1, "timed out: the body stalled"),
        (CHUNKED_HEAD + b'c\r\n{"items":[]}\r\n', 1, "timed out: the body stalled"),
    ],
    ids=["before the headers", "within the headers", "before a body", "before the last chunk"],
)
def test_network_timeout_is_retryable_but_not_retried(plane, clock, first_bytes, timeout, message):
    plane.script(stall(first_bytes), GOOD_REPLY)  # a retry would succeed

    error = catch_error(plane.url, timeout=timeout, pauses=(1, 2), sleep=clock.sleep)

    assert str(error) == message
    assert isinstance(error, program.TimedOut)
    assert error.retryable  # a library's caller may try again
    assert clock.sleeps == []


# The `email` package takes each bare CR for a line break, finds messages in messages, and raises RecursionError.
DEEP_HEADERS = (
    OK_HEAD
    + b"Content-Length: 12\r\n"
    + b"Content-Type: message/rfc822\r\r" * 999
    + b"\r\n"
    + EMPTY_PAGE
)


@pytest.mark.parametrize(
    "answer, message",
    [
        pytest.param(Reply(b"{"), "the response is malformed: ", id="malformed"),
        pytest.param(b"no HTTP\r\n\r\n", "the response is not valid HTTP", id="not HTTP"),
        pytest.param(stall(b"SSH-2.0-9.6\r\n"), "the response is not valid HTTP", id="SSH"),
        pytest.param(DEEP_HEADERS, "the response is not valid HTTP", id="deep headers"),
        pytest.param(
            drip(OK_HEAD, b"X: y\r\n" * 9999, pause=0),
            "the response is not valid HTTP",
            id="headers without end",
        ),
    ],
)
def test_malformed_first_response_is_not_retried(plane, clock, answer, message):
    # After a good response, a body that is not JSON is retried (test_bodies.py); what is not HTTP never is.
    plane.script(answer, GOOD_REPLY)  # a retry would succeed

    error = catch_error(plane.url, pauses=(1, 2), sleep=clock.sleep)

    assert isinstance(error, program.UnusableResponse)
    assert str(error).startswith(message)
    assert not error.retryable
    assert clock.sleeps == []


def test_header_that_the_email_package_cannot_parse_is_not_valid_http(plane):
    # One part of this boundary has a number, and the other one has none: email raises TypeError, up to Python 3.13.
    boundary = "multipart/mixed; boundary*0=a; boundary*=''c"
    plane.script(Reply(page(), headers=[("Content-Type", boundary)]))

    result = run_cli(*LIST, plane=plane)

    try:
        email.message_from_string("Content-Type: %s\n\n" % boundary)
    except TypeError:
        assert result.code == 1
        assert error_lines(result)[0].startswith("the response is not valid HTTP: ")
    else:
        assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize(
    "status", [103, 201, 204, 206, 299, 304, 400, 401, 403, 404, 408, 425, 499, 501, 505]
)
def test_http_status_except_429_500_502_503_and_504_is_not_retried(plane, clock, status):
    plane.script(Reply(b"", status), GOOD_REPLY)  # a retry would succeed

    error = catch_error(plane.url, pauses=(1, 2), sleep=clock.sleep)

    assert str(error).startswith("HTTP %d " % status)
    assert not error.retryable
    assert clock.sleeps == []


@pytest.mark.parametrize(
    "answer, code, error",
    [
        # Whole, this body would make the exit code 77.
        pytest.param(
            Reply({"code": "rebac_denied"}, 403, cut=9),
            4,
            "HTTP 403 Forbidden",
            id="403, cut short",
        ),
        pytest.param(
            drip(b"HTTP/1.1 501 No\r\n\r\n", b"x" * 65536, pause=0),
            1,
            "HTTP 501 No",
            id="501, without end",
        ),
        # These headers must arrive within the second, on a loaded machine, too.
        pytest.param(stall(b"HTTP/1.1 403 No\r\n\r\n"), 4, "HTTP 403 No", id="403, stalled"),
    ],
)
def test_error_status_counts_even_if_its_body_is_broken(plane, answer, code, error):
    plane.script(answer, GOOD_REPLY)  # a retry would succeed

    result = run_cli(*LIST, "--timeout", "1", plane=plane)

    assert result.code == code
    assert result.out == b""
    assert result.err.startswith("error: %s\n" % error)
    assert len(plane.requests) == 1


# ---- failures to connect, which are not retried before the first response


def answer_and_end(answer):
    """Return a function for Raw: answer whatever comes first with these bytes, end the stream, and read to its end.

    Closing with unread bytes would send a reset, which may overtake the answer."""

    def talk(sock):
        sock.recv(65536)
        sock.sendall(answer)
        sock.shutdown(socket.SHUT_WR)
        HANG(sock)

    return talk


def catch_unretried_error(url, **options):
    """Send a request to this URL, and return its error. Check that it was not retried, although pauses are given."""
    clock = Clock()
    error = catch_error(url, pauses=(1, 2), sleep=clock.sleep, **options)
    assert clock.sleeps == []
    return error


def test_refused_connection_is_retryable_but_not_retried_before_a_response():
    with nobody_listening() as address:
        error = catch_unretried_error("http://" + address)

    assert re.match("cannot connect to %s: .*refused" % address, str(error))
    assert isinstance(error, program.ConnectError)
    assert error.retryable


def test_unreachable_host_is_retryable_but_not_retried_before_a_response():
    # No TCP connection can be made to a multicast address.
    error = catch_unretried_error("http://224.1.2.3:9")

    assert re.match("cannot connect to 224.1.2.3:9: .", str(error))
    assert error.retryable


@pytest.mark.parametrize("error_name, retryable", [("EAI_AGAIN", True), ("EAI_FAIL", False)])
def test_resolver_that_fails_is_retryable_if_it_says_try_again(monkeypatch, error_name, retryable):
    def fail(*_):
        raise socket.gaierror(getattr(socket, error_name), "it fails")

    monkeypatch.setattr(socket, "create_connection", fail)

    error = catch_unretried_error("http://failing.test")

    assert str(error) == "cannot connect to failing.test: the name failing.test does not resolve"
    assert error.retryable is retryable


def test_unknown_name_is_not_retryable():
    error = catch_unretried_error("http://" + NO_NAME)  # no resolver is asked for 304 characters

    assert str(error) == "cannot connect to %s: the name %s does not resolve" % (NO_NAME, NO_NAME)
    assert not error.retryable


@pytest.mark.parametrize(
    "answer, retryable",
    [
        pytest.param(b"", True, id="closes the connection"),
        # This alert says that the connection will be closed (RFC 8446, 6.1).
        pytest.param(b"\x15\x03\x03\x00\x02\x01\x00", True, id="sends close_notify"),
        pytest.param(b"HTTP/1.1 400 No\r\n\r\n", False, id="speaks no TLS"),
    ],
)
def test_tls_that_fails_is_retryable_if_the_server_closes_the_connection(answer, retryable):
    with Raw(answer_and_end(answer)) as server:
        address = "127.0.0.1:%d" % server.address[1]
        error = catch_unretried_error("https://" + address, ca_file=CA_FILE)

    assert re.match("TLS with %s failed: ." % address, str(error))
    assert error.retryable is retryable


def test_untrusted_certificate_is_not_retryable():
    with ControlPlane(tls="untrusted") as plane:
        address = "127.0.0.1:%d" % plane.address[1]
        error = catch_unretried_error("https://" + address, ca_file=CA_FILE)

    assert re.match("TLS with %s failed: .*certificate verify failed" % address, str(error))
    assert not error.retryable


@pytest.mark.parametrize(
    "answer, shown, is_retryable",
    [
        (refuse_tunnel(b"HTTP/1.1 399 No"), "399", True),
        (refuse_tunnel(b"HTTP/1.1 400 No"), "400", False),
        (refuse_tunnel(b"HTTP/1.1 407 No"), "407", False),
        (refuse_tunnel(b"HTTP/1.1 408 No"), "408", True),
        (refuse_tunnel(b"HTTP/1.1 429"), "429", True),
        (refuse_tunnel(b"HTTP/1.1 499"), "499", False),
        (refuse_tunnel(b"HTTP/1.1 503 No"), "503", True),
        (DROP, ".", True),
    ],
    ids=lambda value: value if value and isinstance(value, str) else "",
)
def test_tunnel_that_a_proxy_refuses_with_4xx_is_not_retryable_except_408_and_429(
    answer, shown, is_retryable
):
    with ScriptedServer() as proxy:
        proxy.script(answer)
        address = "127.0.0.1:%d" % proxy.address[1]
        error = catch_unretried_error("https://control-plane.test", proxy=address)

    assert re.match(
        "cannot connect to control-plane.test through proxy %s: .*%s" % (address, shown),
        str(error),
    )
    assert error.retryable is is_retryable


@pytest.mark.parametrize(
    "header, seconds", [("86400", 86400), ("86401", 86400), ("9" * 400, 86400)]
)
def test_retry_after_counts_as_a_day_at_most(plane, transport, header, seconds):
    plane.script(Reply({}, 429, [("Retry-After", header)]))

    with pytest.raises(program.APIError) as caught:
        transport.get(PATH, {})

    assert caught.value.retry_after == seconds


def test_failure_to_connect_after_any_response_is_retried(plane, transport, clock):
    plane.script(Reply(b"", 404, close=True))
    with pytest.raises(program.APIError):
        transport.get(PATH, {})
    plane.close()  # connections are refused from now on

    with pytest.raises(program.RemoteError) as caught:
        transport.get(PATH, {})

    assert str(caught.value).startswith("cannot connect to 127.0.0.1:%d: " % plane.address[1])
    assert clock.sleeps == [0.5, 1]


def test_failure_to_connect_after_a_body_that_was_cut_short_is_retried(plane):
    clock = Clock(during={1: plane.close})  # connections are refused from the first pause on
    plane.script(Reply(page(), cut=9))

    with make_transport(plane, clock) as transport:
        with pytest.raises(program.RemoteError) as caught:
            transport.get(PATH, {})

    assert str(caught.value).startswith("cannot connect to 127.0.0.1:%d: " % plane.address[1])
    assert clock.sleeps == [0.5, 1]  # the second pause follows a failure to connect


# ---- the kept connection

# Longer than what Python reads ahead (8 KiB), so that a response behind it stays in the socket.
LONG_PAGE = encode(page(execution(action="x" * 9000), next_cursor="c2"))


def send_two_responses(sock):
    """Send a page and, at the same time, a response that nobody has requested."""
    first = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LONG_PAGE) + LONG_PAGE
    second = LENGTH_12_HEAD + EMPTY_PAGE
    sock.sendall(first + second)
    sock.recv(1)  # wait until the client closes the connection


#: Answers to `list --all`. Every page except the last is followed by another one.
ANSWERS = {
    "page": MORE_PAGES,
    "chunked-page": Reply(page(next_cursor="c"), framing="chunked"),
    "last-page": LAST_PAGE,
    "page-and-more": send_two_responses,
    "page-without-length": Reply(page(next_cursor="c"), framing="close"),
    "page-then-close": Reply(page(next_cursor="c"), close=True),
    "503": BUSY_503,
    "503-cut": Reply(b"{", 503, cut=0),
    "drop": DROP,
    "reset": RESET,
}


@table("""
    answers                         | code | pauses      | connections
    # The connection is kept, also after an error, if its body was complete.
    page last-page                  | 0    |             | 1
    chunked-page last-page          | 0    |             | 1
    page 503 last-page              | 0    | 0.5         | 1
    page 503-cut last-page          | 0    | 0.5         | 2
    # A kept connection that ends before the next response, or on which more came than was requested, is replaced
    # silently.
    page-and-more last-page         | 0    |             | 2
    page-without-length last-page   | 0    |             | 2
    page-then-close last-page       | 0    |             | 2
    page drop last-page             | 0    |             | 2
    page reset last-page            | 0    |             | 2
    # A new connection that is lost is a failure. Each page has two retries.
    page drop drop last-page        | 0    | 0.5         | 3
    page drop drop drop drop        | 1    | 0.5 1       | 4
    drop 503 page 503 503 last-page | 0    | 0.5 1 0.5 1 | 2
""")
def test_connection_is_kept_from_page_to_page_and_replaced_where_it_ended(
    either_plane, answers, code, pauses, connections
):
    slept = []
    words = answers.split()
    either_plane.script(*[ANSWERS[word] for word in words])

    result = run_cli(*ALL, plane=either_plane, sleep=slept.append)

    assert result.code == int(code)
    assert slept == [float(pause) for pause in pauses.split()]
    assert len(retry_lines(result)) == len(slept)
    assert len(either_plane.requests) == len(words)
    assert either_plane.connections == int(connections)


def test_connection_is_not_kept_after_an_error_response_that_stalls(plane):
    # On the same connection, the second request would get no response.
    plane.script(stall(b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\n"), LAST_PAGE)

    # The headers must arrive within the second, on a loaded machine, too.
    result = run_cli(*LIST, "--timeout", "1", plane=plane)

    assert result.code == 0
    assert len(retry_lines(result)) == 1
    assert plane.connections == 2


def test_response_that_follows_an_interim_one_goes_to_no_other_request(plane, transport):
    def talk(sock):
        sock.sendall(b"HTTP/1.1 103 Hints\r\n\r\n")
        sock.recv(9999)  # the next request, if it came on this connection
        sock.sendall(LENGTH_12_HEAD + EMPTY_PAGE)

    plane.script(talk, Reply({"id": "right"}))

    with pytest.raises(program.APIError, match="HTTP 103"):
        transport.get(PATH, {})
    second = transport.get(PATH, {})

    assert second == {"id": "right"}


def test_connection_is_closed_if_the_closing_of_its_response_is_interrupted(
    plane, transport, monkeypatch
):
    close = http.client.HTTPResponse.close
    closed = []

    def close_and_be_interrupted_once(response):
        close(response)
        closed.append("closed")
        if len(closed) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(http.client.HTTPResponse, "close", close_and_be_interrupted_once)

    with pytest.raises(KeyboardInterrupt):
        transport.get(PATH, {})

    transport.get(PATH, {})
    assert plane.connections == 2  # the second request has opened another one
    wait_until(lambda: len(plane.open) == 1)  # connections that are open at the server


# ---- pauses and reports


@pytest.mark.parametrize(
    "header, pauses",
    [
        # Up to 30 seconds, it replaces the pause of 0.5 seconds. The second failure has no such header.
        ("0", [0, 1]),
        ("007", [7, 1]),
        ("30", [30, 1]),
        (" 3 ", [3, 1]),
        # More than 30 seconds end the attempts.
        ("31", []),
        ("9" * 3000, []),
        # What is not a whole number is ignored.
        ("", [0.5, 1]),
        ("-5", [0.5, 1]),
        ("3 s", [0.5, 1]),
        ("1e3", [0.5, 1]),
        ("\xb3", [0.5, 1]),  # a superscript 3, which isdigit() takes for a digit
        ("2.5", [0.5, 1]),
        ("Fri, 31 Dec 9999 23:59:59 GMT", [0.5, 1]),
    ],
    ids=ascii,
)
def test_retry_after_of_the_first_failure_decides_on_the_pauses(plane, header, pauses):
    slept = []
    plane.script(Reply(b"", 429, [("Retry-After", header)]), BUSY_503, BUSY_503)

    run_cli(*LIST, plane=plane, sleep=slept.append)

    assert slept == pauses


def test_error_says_for_how_long_the_server_asks_to_wait(plane):
    plane.script(Reply(b"", 429, [("Retry-After", "31")]))  # longer than 30 seconds: no retry

    result = run_cli(*LIST, plane=plane)

    assert error_lines(result) == ["HTTP 429 Too Many Requests; retry after: 31 s"]


def test_each_retry_is_reported_on_stderr(plane):
    plane.script(
        Reply(page(), cut=9),  # 9 of 12 bytes
        # Without close=True, the connection would be kept, and a drop on it would be no failure.
        Reply({"title": "Slow down", "code": "busy"}, 503, [("Retry-After", "7")], close=True),
        DROP,
    )

    result = run_cli(*LIST, plane=plane)

    assert result.err.splitlines() == [
        "retry: the connection was lost while reading the body: 3 bytes are missing; waiting 0.5 s",
        "retry: HTTP 503 Slow down; code: busy; retry after: 7 s; waiting 7.0 s",
        "error: the connection was lost before a response arrived",
        "hint: the server, or a proxy in between, closed the connection: try again",
    ]


# ---- as a library


@pytest.mark.parametrize(
    "pauses, requests, events",
    [
        pytest.param((), 1, [], id="no retry"),
        pytest.param(
            # Unlike a Retry-After, such a pause may be longer than 30 seconds. -1 means no pause.
            (3, 45, -1),
            4,
            [
                "HTTP 503 Service Unavailable; waiting 3.0 s",
                3,
                "HTTP 503 Service Unavailable; waiting 45.0 s",
                45,
                "HTTP 503 Service Unavailable; waiting 0.0 s",
                0,
            ],
            id="three retries",
        ),
    ],
)
def test_on_retry_is_called_before_each_of_the_pauses(plane, pauses, requests, events):
    seen = []  # the texts of on_retry, and the seconds of sleep
    plane.script(*[BUSY_503] * 4)

    catch_error(plane.url, pauses=pauses, sleep=seen.append, on_retry=seen.append)

    assert seen == events
    assert len(plane.requests) == requests


def test_pauses_from_an_iterator_apply_to_every_request(plane):
    slept = []
    server = program.Server.parse(plane.url)
    plane.script(*[BUSY_503] * 6)

    with program.Transport(server, TOKEN, pauses=iter([3, 2]), sleep=slept.append) as transport:
        for _ in range(2):
            with pytest.raises(program.APIError):
                transport.get(PATH, {})

    assert slept == [3, 2, 3, 2]


def test_on_progress_is_called_before_each_request_and_after_each_read(plane):
    seen = []
    transport = program.Transport(
        program.Server.parse(plane.url), TOKEN, on_progress=lambda: seen.append(transport.received)
    )
    thirty_bytes = b'{"a":"xxxxxxxxxxxxxxxxxxxxxx"}'
    plane.script(Reply(thirty_bytes, framing="chunked", slices=10), Reply(b"7 bytes", 404))

    with transport:
        transport.get(PATH, {})
        with pytest.raises(program.APIError):
            transport.get(PATH, {})

    # `received` counts the bytes of both bodies, of 30 and 7 bytes.
    assert seen == [0, 10, 20, 30] + [30, 37]


def test_new_transport_has_its_server_and_the_secrets_to_mask():
    server = program.Server.parse("https://a.test/b")

    transport = program.Transport(server, " %s\n" % TOKEN, proxy="ann:a%20b@proxy.test")

    assert transport.server == server
    # The token without blanks, the decoded password, and `ann:a b` in base64.
    assert sorted(transport.secrets) == sorted([TOKEN, "a b", "YW5uOmEgYg=="])
    assert transport.received == 0


def test_close_closes_the_connection_and_a_request_opens_another(plane, transport):
    transport.get(PATH, {})
    assert len(plane.open) == 1  # connections that are open at the server

    transport.close()

    wait_until(lambda: not plane.open)
    transport.get(PATH, {})
    assert len(plane.open) == 1


def test_connection_is_closed_at_the_end_of_with(plane):
    with make_transport(plane, Clock()) as transport:
        transport.get(PATH, {})
        assert len(plane.open) == 1  # connections that are open at the server

    wait_until(lambda: not plane.open)


#: It forks in a process without other threads, because Python 3.12 and later warn of a fork beside threads.
FORKING_PROGRAM = """
import os
import sys

import plexctl_exec_log as program

path = sys.argv[1]
with program.Transport.from_settings() as transport:
    transport.get(path, {})
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        print("parent:", len(transport.get(path, {"limit": 2})["items"]), flush=True)
    else:
        print("child:", len(transport.get(path, {"limit": 3})["items"]), flush=True)
"""


@posix_only
def test_child_after_a_fork_opens_its_own_connection(plane):
    # The limits of 3 and 2 items tell the responses apart.
    result = run_python("-c", FORKING_PROGRAM, PATH, plane=plane)

    assert result.code == 0
    assert result.err == ""
    assert result.out == b"child: 3\nparent: 2\n"
    assert len(plane.requests) == 3
    assert plane.connections == 2  # the parent has kept the first one


@posix_only
def test_connection_is_replaced_in_a_process_with_no_descriptor_to_spare(plane):
    # Three for the standard streams, and one for the connection: none to look whether the server has closed it.
    few = ["sh", "-c", 'ulimit -n 4; exec "$@"', "sh"]
    # With -S, Python needs no more to start, whatever is in site-packages.
    command = [sys.executable, "-S", MODULE]
    argv = LIST + ("--since", "400d", "--limit", "30", "--output", "id", "--verbose")

    result = finish_process(start_line(few + command + list(argv), plane))

    assert result.code == 0
    assert len(plane.requests) == 2  # for the 60 Executions of the sample
    assert plane.connections == 2
    # With more descriptors, there would be one connection, and the same output.
    assert run_process(*argv, plane=plane).out == result.out
    assert plane.connections == 3


@pytest.mark.parametrize(
    "parameters, target",
    [
        pytest.param({}, "/x", id="none"),
        pytest.param({"a": None, "b": 0, "c": ""}, "/x", id="none that has a value"),
        pytest.param(
            {"a": None, "b": 0, "c": "", "d": "x y/&=\u00e9", "limit": 5},
            "/x?d=x%20y%2F%26%3D%C3%A9&limit=5",
            id="some",
        ),
        pytest.param({"a": "\udce9"}, "/x?a=%E9", id="a byte of an argument that is not UTF-8"),
    ],
)
def test_get_sends_the_parameters_that_have_a_value(plane, transport, parameters, target):
    plane.script(Reply({}))

    transport.get("/x", parameters)

    assert plane.requests[0].target == target


@pytest.mark.parametrize("parameters, target", [({}, "/x/%41?"), ({"a": 1}, "/x/%41??a=1")])
def test_get_sends_a_path_unchanged(plane, transport, parameters, target):
    plane.script(Reply({}))

    transport.get("/x/%41?", parameters)

    assert plane.requests[0].target == target


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_body_may_have_max_bytes_and_no_more(plane, transport, clock, framing):
    hundred_bytes = Reply(b'{"a":"%s"}' % (b"x" * 92), framing=framing, slices=30)
    plane.script(hundred_bytes, hundred_bytes)

    found = transport.get(PATH, {}, max_bytes=100)
    with pytest.raises(program.ResponseTooLarge) as caught:
        transport.get(PATH, {}, 99)  # max_bytes, by position

    assert found == {"a": "x" * 92}
    assert not caught.value.retryable
    assert clock.sleeps == []


def test_content_length_of_more_than_256_mib_is_refused_unread(plane, transport):
    # The length is 256 MiB, the default of max_bytes, and one byte.
    plane.script(stall(b"HTTP/1.1 200 OK\r\nContent-Length: 268435457\r\n\r\n{}"))

    with pytest.raises(program.ResponseTooLarge):
        transport.get(PATH, {})

    assert transport.received == 0


def test_max_bytes_do_not_limit_the_body_of_an_error(plane, transport):
    plane.script(Reply({"title": "x" * 100}, 404))

    with pytest.raises(program.APIError, match="^HTTP 404 x{100}$"):
        transport.get(PATH, {}, max_bytes=99)


# ---- time limits


def test_clock_of_a_transport_is_monotonic_by_default():
    transport = program.Transport(program.Server.parse("https://plane.test"), TOKEN)

    assert transport.clock is time.monotonic


def test_request_at_the_end_of_a_limit_raises_timed_out(plane, transport, clock):
    with transport.time_limit(5):
        clock.sleep(5)
        with pytest.raises(program.TimedOut, match="^the time limit has passed$") as caught:
            transport.get(PATH, {})

    assert not caught.value.retryable
    assert plane.connections == 0


def test_network_timeout_well_before_the_end_of_a_limit_is_retryable(plane, clock):
    plane.script(HANG)

    # The fake clock stands still, so a second of the limit is left when the network times out.
    with make_transport(plane, clock, timeout=0.1) as transport, transport.time_limit(1):
        with pytest.raises(program.TimedOut, match="^timed out: no response$") as caught:
            transport.get(PATH, {})

    assert caught.value.retryable


def test_network_timeout_just_before_the_end_of_a_limit_counts_as_its_end(plane, transport):
    plane.script(HANG)

    # The fake clock stands still, as if the socket had timed out 10 milliseconds too early.
    with transport.time_limit(0.01):
        with pytest.raises(program.TimedOut, match="^the time limit has passed: ") as caught:
            transport.get(PATH, {})

    assert not caught.value.retryable


def test_response_that_ends_its_connection_is_read_within_a_limit(plane, transport):
    # At the end of such a body, Python 3.13 closes the socket at once: its timeout can no longer be set.
    plane.script(Reply(EMPTY_PAGE, headers=[("Connection", "close")], close=True))

    with transport.time_limit(60):
        found = transport.get(PATH, {})

    assert found == {"items": []}


@pytest.mark.parametrize(
    "outer, inner",
    [pytest.param(5, 50, id="the outer one"), pytest.param(50, 5, id="the inner one")],
)
def test_earliest_of_two_nested_limits_counts(plane, transport, clock, outer, inner):
    with transport.time_limit(outer), transport.time_limit(inner):
        clock.sleep(9)  # longer than one of them
        with pytest.raises(program.TimedOut, match="^the time limit has passed$"):
            transport.get(PATH, {})

    assert plane.connections == 0


def test_outer_limit_counts_after_the_inner_one_has_ended(plane, transport, clock):
    with transport.time_limit(50):
        with transport.time_limit(5):
            pass

        clock.sleep(9)  # longer than the inner limit
        transport.get(PATH, {})
        assert len(plane.requests) == 1

        clock.sleep(41)  # 50 seconds in all
        with pytest.raises(program.TimedOut, match="^the time limit has passed$"):
            transport.get(PATH, {})


def test_second_of_two_overlapping_limits_counts_after_the_first_was_left(plane, transport, clock):
    first, second = transport.time_limit(5), transport.time_limit(5)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    clock.sleep(9)  # longer than the second limit

    with pytest.raises(program.TimedOut, match="^the time limit has passed$"):
        transport.get(PATH, {})

    assert plane.connections == 0


def test_limit_of_one_transport_does_not_concern_another(plane, transport, clock):
    with make_transport(plane, clock) as another, transport.time_limit(5):
        clock.sleep(9)  # longer than the limit
        another.get(PATH, {})

    assert len(plane.requests) == 1


@pytest.mark.parametrize("seconds", [0, -1, 86400.5, float("inf"), float("nan"), "5", None])
def test_timeout_and_time_limit_must_be_numbers_above_0_and_at_most_a_day(
    plane, transport, monkeypatch, seconds
):
    monkeypatch.setenv("PLEXSPHERE_URL", plane.url)
    monkeypatch.setenv("PLEXSPHERE_TOKEN", TOKEN)

    with pytest.raises(program.UsageError, match="^seconds: .*more than 0 and at most 86400"):
        transport.time_limit(seconds).__enter__()
    with pytest.raises(program.UsageError, match="^timeout: .*more than 0 and at most 86400"):
        program.Transport(transport.server, TOKEN, timeout=seconds)
    with pytest.raises(program.UsageError, match="^timeout: .*more than 0 and at most 86400"):
        program.Transport.from_settings(timeout=seconds)


@pytest.mark.parametrize("seconds", [0.001, 86400])
def test_timeout_and_time_limit_may_be_a_millisecond_or_a_day(transport, seconds):
    program.Transport(transport.server, TOKEN, timeout=seconds)
    with transport.time_limit(seconds):
        pass  # nothing has raised a UsageError


@pytest.mark.parametrize(
    "limit, sleeps",
    [
        pytest.param(0.4, [], id="it would end before the first pause"),
        pytest.param(0.5, [], id="it would end with the first pause"),
        pytest.param(0.6, [0.5], id="it would end before the second pause"),
        pytest.param(1.5, [0.5], id="it would end with the second pause"),
        pytest.param(1.6, [0.5, 1], id="it would end after both pauses"),
    ],
)
def test_pause_that_would_outlast_a_limit_is_not_begun(plane, transport, clock, limit, sleeps):
    # Without a limit, there are pauses of 0.5 and 1 second.
    plane.script(BUSY_503, BUSY_503, BUSY_503)

    with transport.time_limit(limit):
        with pytest.raises(program.APIError, match="HTTP 503"):
            transport.get(PATH, {})

    assert clock.sleeps == sleeps


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(HANG, id="no response"),
        pytest.param(stall(LENGTH_12_HEAD), id="no body"),
        pytest.param(
            drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "), id="a slow body"
        ),
    ],
)
def test_limit_ends_a_request_that_takes_too_long(plane, answer):
    plane.script(answer)

    with make_transport(plane, Clock(running=True)) as transport, transport.time_limit(0.1):
        with pytest.raises(program.TimedOut, match="^the time limit has passed") as caught:
            transport.get(PATH, {})

    assert not caught.value.retryable


def test_connection_gets_only_the_time_that_is_left_of_a_limit(
    either_plane, clock, connect_timeouts
):
    server = program.Server.parse(either_plane.url)

    with program.Transport(
        server, TOKEN, ca_file=CA_FILE, timeout=60, clock=clock.now
    ) as transport:
        with transport.time_limit(50):
            clock.sleep(10)
            transport.get(PATH, {})

    assert connect_timeouts == [40]


def test_limit_ends_a_request_that_hangs_on_a_kept_connection(plane):
    # After END_OF_SILENCE (5 seconds), the server closes the connection.
    plane.script(Reply(page()), stall(b""))

    with make_transport(plane, Clock(running=True)) as transport:
        transport.get(PATH, {})
        with transport.time_limit(0.1):
            # If the request waited for longer, it would be repeated on a new connection, and succeed.
            with pytest.raises(program.TimedOut, match="^the time limit has passed"):
                transport.get(PATH, {})

    assert plane.connections == 1


@table("""
    scheme | body    | jump  | now    | connections | requests | received | error
    # The trace of the request for a tunnel, or that of the GET itself, takes a minute.
    https  | whole   | trace | 61     | 0           | 0        | 0        |
    http   | whole   | trace | 61     | 1           | 0        | 0        |
    # The first 4 bytes arrive after the limit. More of the body could be read.
    http   | whole   | body  | 61     | 1           | 1        | 4        |
    # The first 9 bytes arrive 5 milliseconds before the end of the limit. If the next read waited
    # for longer, the server would close the connection after END_OF_SILENCE (5 seconds): another error.
    http   | stalled | body  | 59.995 | 1           | 1        | 9        | : the body stalled
""")
def test_request_whose_clock_jumps_to_the_end_of_a_limit_of_60_seconds_raises_timed_out(
    clock, scheme, body, jump, now, connections, requests, received, error
):
    def reach(event):
        if event == jump:
            clock.slept = float(now)

    bodies = {
        "whole": Reply(page(), framing="chunked", slices=4),
        "stalled": stall(LENGTH_12_HEAD + b'{"items":'),
    }
    with ScriptedServer() as proxy:
        proxy.script(bodies[body])
        transport = program.Transport(
            program.Server.parse(scheme + "://control-plane.test"),
            TOKEN,
            proxy=proxy.url,
            allow_http=True,
            timeout=600,
            clock=clock.now,
            trace=lambda line: reach("trace"),
            on_progress=lambda: reach("body" if transport.received else "start"),
        )
        with transport, transport.time_limit(60):
            with pytest.raises(program.TimedOut) as caught:
                transport.get(PATH, {})

        assert str(caught.value) == "the time limit has passed" + error
        assert not caught.value.retryable
        wait_until(lambda: proxy.connections == int(connections))
        assert len(proxy.requests) == int(requests)
        assert transport.received == int(received)
