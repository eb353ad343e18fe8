"""Rules 3.1, 3.5, 3.7, 3.8 and 10.2 to 10.4: what is sent, how long it may take, and what is asked again."""

import contextlib
import os
import re
import socket
import sys
import time

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN, ControlPlane
from kit import (
    ALL,
    END_OF_SILENCE,
    EXECUTION,
    GET,
    LIST,
    NAME,
    NO_NAME,
    PATH,
    Clock,
    Raw,
    ask,
    count_contacts,
    encode,
    error_lines,
    execution,
    make_transport,
    nobody_accepting,
    nobody_listening,
    page,
    posix_only,
    read_error,
    rule,
    run_cli,
    shorten_id,
    stall,
    wait_until,
)
from server import CA_FILE, DROP, HANG, RESET, Reply

LENGTH_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EMPTY_PAGE = encode(page())
DENIED_BODY = encode({"code": "rebac_denied"})
BUSY_REPLY, MORE = Reply(b"", 503), Reply(page(next_cursor="c"))
QUICK = LIST + ("--timeout", "0.1")


def drip(first, piece, pause=0.01):
    """An answer that never ends, yet never stalls."""

    def talk(sock):
        sock.sendall(first)
        end = time.monotonic() + END_OF_SILENCE
        while time.monotonic() < end:
            sock.sendall(piece)
            time.sleep(pause)

    return talk


def reset_after(first):
    """An answer that is reset a moment after its beginning."""
    return lambda sock: (sock.sendall(first), time.sleep(0.02), RESET(sock))


def fail_once(url, **options):
    """Send one request to this URL, without retries. Return the error that it raises, without its traceback, because
    Python 3.8 leaves a socket unclosed in there."""
    server = program.Server.parse(url)
    with program.Transport(server, TOKEN, **dict({"pauses": (), "allow_http": True}, **options)) as transport:
        try:
            raise AssertionError(transport.get(PATH, {}))
        except program.RemoteError as error:
            error.__context__ = None
            return error.with_traceback(None)


# ---- the request


@rule("3.1")
@pytest.mark.parametrize(
    "argv, prefix, suffix",
    [
        (LIST + ("--status", "a b"), "", "?status=a%20b"),
        (LIST, "/a/b%20c", ""),
        (GET, "/~x;y=1,z!$&'()*+:@.-_", "/" + EXECUTION),
    ],
    ids=["list with a parameter", "list", "get"],
)
def test_request_has_exactly_these_bytes(argv, prefix, suffix):
    heads = []
    with Raw(lambda sock: heads.append(sock.recv(65536)) or sock.sendall(LENGTH_HEAD % 12 + EMPTY_PAGE)) as server:
        run_cli(*argv + ("--server", server.url + prefix + "/"), plane=server)
    first, *headers = heads[0].decode("ascii").split("\r\n")
    assert first == "GET %s HTTP/1.1" % (prefix + PATH + suffix) and headers[-2:] == ["", ""]
    assert sorted(headers[:-2]) == [
        "Accept-Encoding: gzip",
        "Accept: application/json, application/problem+json",
        "Authorization: Bearer " + TOKEN,
        "Host: 127.0.0.1:%d" % server.address[1],
        "User-Agent: plexctl-exec-log/" + program.__version__,
    ]


@rule("3.1")
def test_every_request_is_a_get_with_the_same_headers(plane):
    ask(plane, BUSY_REPLY, MORE, DROP, Reply(b"", 302, [("Location", "/x")]), argv=ALL)
    assert [(request.method, request.headers) for request in plane.requests] == [("GET", plane.requests[0].headers)] * 4


@rule("3.1a", "10.2b")
@pytest.mark.parametrize("flag", ["-v", "--verbose"])
def test_trace_shows_requests_and_responses_with_secrets_masked(plane, flag):
    secret = ["Authorization", "proxy-authorization", "Cookie", "SET-COOKIE", "Location"]
    headers = [(name, "hush=hush; Path=/") for name in secret] + [("X-Other", "shown")]
    err = ask(plane, b"HTTP/1.0 503 Busy\r\n\r\n", Reply(page(), headers=headers), argv=LIST + (flag,))[0].err
    assert re.findall("^[><] .*HTTP/1.*|^retry: HTTP ...", err, re.MULTILINE) == [
        "> GET %s HTTP/1.1" % PATH,
        "< HTTP/1.0 503 Busy",
        "retry: HTTP 503",
        "> GET %s HTTP/1.1" % PATH,
        "< HTTP/1.1 200 OK",
    ]
    assert [name for name in secret if "\n< %s: ***\n" % name not in err] == [] and "hush" not in err
    assert err.count("\n> Authorization: ***\n") == 2 and "\n< X-Other: shown\n" in err


# ---- time


@rule("3.5")
def test_timeout_is_30_seconds_by_default(plane, monkeypatch):
    def connect(address, timeout, *rest):
        timeouts.append(timeout)
        return create_connection(address, timeout, *rest)

    timeouts, create_connection = [], socket.create_connection
    monkeypatch.setattr(socket, "create_connection", connect)
    assert run_cli(*LIST, plane=plane).code == 0 and timeouts == [30]


@rule("3.5", "3.8a")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_timeout_limits_connecting_and_the_tls_handshake(plane, scheme):
    if scheme == "http" and not sys.platform.startswith("linux"):
        pytest.skip("a full queue may refuse connections")
    with nobody_accepting() if scheme == "http" else Raw(stall(b"\x16\x03\x03")) as made:
        address = made if isinstance(made, str) else "%s:%d" % made.address
        result, slept = ask(plane, argv=QUICK, env={"PLEXSPHERE_URL": "%s://%s" % (scheme, address)})
    assert read_error(result) == "error: timed out: connecting to " + address
    assert re.search("--server.*raise --timeout .now 0.1 s", result.err) and slept == []


@rule("3.5")
def test_timeout_limits_each_wait_not_their_sum(plane):
    pieces = [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 12\r\n\r\n", b'{"it', b'ems"', b":[", b"]}"]
    plane.script(lambda sock: [(sock.sendall(piece), time.sleep(0.08)) for piece in pieces])
    assert run_cli(*LIST + ("--timeout", "0.4"), plane=plane).code == 0


# ---- what is retryable

LOST = {
    "dropped": DROP,
    "reset": RESET,
    "dropped after a 100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "reset within the status line": reset_after(b"HTTP/1.1 2"),
    "reset within headers": reset_after(LENGTH_HEAD[:19]),
}
CUT_BODIES = {
    "cut": Reply(page(), cut=9),
    "cut and reset": reset_after(LENGTH_HEAD % 12 + EMPTY_PAGE[:9]),
    "only headers": LENGTH_HEAD % 12,
    "whole, but announced longer": Reply(page(), announce=13),
    "cut chunk": Reply(page(), framing="chunked", cut=2),
    "no last chunk": CHUNKED + b"c\r\n%s\r\n" % EMPTY_PAGE,
    "no chunk size": CHUNKED + b"-5\r\n",
    "no length": b"HTTP/1.1 200 OK\r\n\r\n" + EMPTY_PAGE[:-1],
    "nothing": b"HTTP/1.1 200 OK\r\n\r\n",
    "ends within the headers": (LENGTH_HEAD % 12)[:-3],
}
BUSY_ANSWERS = {
    "429": Reply({}, 429),
    "500": Reply({}, 500),
    "502": Reply(b"", 502),
    "503 HTML": Reply(b"<html>", 503),
    "504": Reply(b"", 504),
    "503 cut": Reply(b"x" * 99, 503, cut=9),
    "503 with Location": Reply(b"", 503, [("Location", "/y")]),
}
RETRYABLE = dict(dict(LOST, **CUT_BODIES), **BUSY_ANSWERS)


#: A page and an Execution at once.
ANY_BODY = execution(items=[])


@rule("3.8", "3.8a", "3.8c", "3.9a")
@pytest.mark.parametrize("name", list(RETRYABLE))
def test_every_command_repeats_a_retryable_failure_twice(plane, name):
    for argv in (LIST, ALL, GET):
        for failures, code in ((3, 1), (2, 0)):
            plane.requests.clear()
            answers = [RETRYABLE[name]] * failures + [Reply(ANY_BODY)] * (1 - code)
            result, slept = ask(plane, *answers, argv=argv)
            assert (result.code, slept, len(plane.requests)) == (code, [0.5, 1.0], 3), argv
            assert (len(error_lines(result, "retry")), len(error_lines(result))) == (2, code)


DEEP_HEADERS = LENGTH_HEAD[:-2] % 12 + b"Content-Type: message/rfc822\r\r" * 999 + b"\r\n" + EMPTY_PAGE
#: What has fallen silent, is broken or no HTTP, and what the only error says.
LATE, NO_HTTP, BROKEN, DENIAL, FORBIDDEN_HEAD = (
    "timed out: ",
    "the response is not valid HTTP",
    "the response is malformed: its body is not valid JSON",
    "HTTP 403 ",
    b"HTTP/1.1 403 No\r\n",
)
FINAL = {
    "silent": (stall(b""), LATE + "no response"),
    "silent within a header": (stall(LENGTH_HEAD[:-2] % 9), LATE),
    "silent body": (stall(LENGTH_HEAD % 99), LATE + "the body stalled"),
    "silent before the last chunk": (stall(CHUNKED + b"c\r\n%s\r\n" % EMPTY_PAGE), LATE),
    "gzip": (Reply(b"\x1f\x8b\b\0"), BROKEN),
    "malformed": (Reply(b"{"), BROKEN),
    "other": (b"no HTTP\r\n\r\n", NO_HTTP),
    "SSH": (stall(b"SSH-2.0-9.6\r\n"), NO_HTTP),
    "deep headers": (DEEP_HEADERS, NO_HTTP),
    "403, cut": (Reply(DENIED_BODY, 403, cut=9), DENIAL),
    "403, silent": (stall(FORBIDDEN_HEAD + b"\r\n"), DENIAL),
    "501 without end": (drip(b"HTTP/1.1 501 No\r\n\r\n", b"x" * 65536, 0), "HTTP 501 No"),
    "headers without end": (drip(LENGTH_HEAD[:-2] % 12, b"X: y\r\n" * 9999, 0), NO_HTTP),
}
FINAL.update(
    (str(status), (Reply(b"", status), "HTTP %d " % status))
    for status in (103, 201, 204, 206, 299, 304, 400, 401, 403, 404, 408, 409, 425, 501, 505, 599)
)


@rule("3.8", "3.8a", "3.5", "3.9")
@pytest.mark.parametrize("name", list(FINAL))
def test_other_failure_gives_one_error_and_is_not_retried(plane, name):
    answer, says = FINAL[name]
    # A loaded machine may need more than 0.3 s to answer.
    result, slept = ask(plane, answer, Reply(ANY_BODY), argv=LIST + ("--timeout", "0.3" if "silent" in name else "9"))
    (error,) = error_lines(result)
    wait_until(lambda: plane.requests)  # a run may end before the plane notices the request
    assert says in error and slept == [] and count_contacts(plane) == (1, 1)
    assert (result.code, result.out) == ({"HTTP 401 ": 3, DENIAL: 4}.get(says, 1), b"")


@rule("3.8")
@pytest.mark.parametrize("name", list(RETRYABLE) + ["silent", "silent body", "malformed", "other", "304", "400", "501"])
def test_error_says_whether_it_is_retryable(plane, name):
    plane.script(RETRYABLE[name] if name in RETRYABLE else FINAL[name][0])
    is_late = name.startswith("silent")
    error = fail_once(plane.url, timeout=0.1 if is_late else 9)
    assert (error.retryable, isinstance(error, program.TimedOut)) == (name in RETRYABLE or is_late, is_late)


# ---- failures to connect


def talk_back(says):
    """Return a maker of a server that answers whatever comes first with this, and closes the connection."""
    return lambda: Raw(lambda sock: (sock.recv(65536), sock.sendall(says)))


#: Who is there, the server's URL (NAME is reached through a proxy), whether the failure is retryable, the error.
CONNECT_FAILURES = {
    "refused": (nobody_listening, "http://{}", True, "^cannot connect to 127.0.0.1:[0-9]+: .*refused"),
    "unreachable": (nobody_listening, "http://224.1.2.3:9", True, "^cannot connect to 224.1.2.3:9: ."),
    "try again": (nobody_listening, "http://again.test", True, "^cannot .* the name again.test does not resolve"),
    "closed TLS handshake": (talk_back(b""), "https://{}", True, "^TLS with 127.0.0.1:[0-9]+ failed: ."),
    "refused CONNECT": (talk_back(b"HTTP/1.1 503 No\r\n\r\n"), "https://" + NAME, True, " through proxy 127.*503"),
    "closed CONNECT": (talk_back(b""), "https://" + NAME, True, "^cannot connect to %s through proxy 127" % NAME),
    "no HTTPS": (talk_back(b"HTTP/1.1 400 No\r\n\r\n"), "https://{}", False, "^TLS with 127.0.0.1:[0-9]+ failed: ."),
    "untrusted": (lambda: ControlPlane(tls="untrusted"), "https://{}", False, "^TLS .*certificate verify failed"),
    "unknown name": (nobody_listening, "http://" + NO_NAME, False, "^cannot .* the name a{60}.* does not resolve"),
}


@rule("3.8", "3.8a")
@pytest.mark.parametrize("name", list(CONNECT_FAILURES))
def test_failure_to_connect_at_first_is_never_repeated(name, clock, monkeypatch):
    def try_again(*_):
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    who, url, is_retryable, says = CONNECT_FAILURES[name]
    if name == "try again":
        monkeypatch.setattr(socket, "create_connection", try_again)
    with who() as made:
        address = made if isinstance(made, str) else "%s:%d" % made.address
        proxy = address if NAME in url else None
        error = fail_once(url.format(address), proxy=proxy, ca_file=CA_FILE, sleep=clock.sleep, pauses=(1, 2))
    assert re.search(says, str(error)) and error.retryable == is_retryable and clock.sleeps == []


@rule("3.8a")
def test_failure_to_connect_after_any_response_is_repeated(plane, transport, clock):
    plane.script(Reply(b"", 404, close=True))
    pytest.raises(program.APIError, transport.get, PATH, {})
    plane.close()
    with pytest.raises(program.RemoteError, match="^cannot connect to 127.0.0.1:[0-9]+: "):
        transport.get(PATH, {})
    assert clock.sleeps == [0.5, 1.0]


# ---- the kept connection

LONG_PAGE = encode(page(execution(action="x" * 9000), next_cursor="c2"))
ONE_AND_MORE = LENGTH_HEAD % len(LONG_PAGE) + LONG_PAGE + LENGTH_HEAD % 12 + EMPTY_PAGE
#: The answers, the pauses, the numbers of connections and of requests, the exit code.
SEQUENCES = {
    "bytes follow a page": ([lambda sock: (sock.sendall(ONE_AND_MORE), sock.recv(1))], [], (2, 2), 0),
    "two pages have two retries each": ([DROP, BUSY_REPLY, MORE, BUSY_REPLY, BUSY_REPLY], [0.5, 1.0] * 2, (2, 6), 0),
    "an error's body is cut": ([MORE, Reply(b"{", 503, cut=0)], [0.5], (2, 3), 0),
    "it is reset": ([MORE, RESET], [], (2, 3), 0),
    "four are dropped": ([MORE] + [DROP] * 4, [0.5, 1.0], (4, 5), 1),
    "an error is read to its end": ([MORE, BUSY_REPLY], [0.5], (1, 3), 0),
    "it is dropped": ([MORE, DROP], [], (2, 3), 0),
    "kept": ([MORE], [], (1, 2), 0),
    "chunked": ([Reply(page(next_cursor="c"), framing="chunked")], [], (1, 2), 0),
    "without length": ([Reply(page(next_cursor="c"), framing="close")], [], (2, 2), 0),
    "went cold": ([Reply(page(next_cursor="c"), close=True)], [], (2, 2), 0),
}


@rule("3.7", "3.8a")
@pytest.mark.parametrize("name", list(SEQUENCES))
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_lost_connection_is_silently_replaced_before_a_response(tls, name):
    answers, slept, counts, code = SEQUENCES[name]
    with ControlPlane(tls) as plane:
        result, pauses = ask(plane, *answers + [Reply(page())], argv=ALL)
        assert (pauses, count_contacts(plane), result.code) == (slept, counts, code)
        assert len(error_lines(result, "retry")) == len(slept) and bool(slept) == bool(result.err)


@rule("3.7")
def test_response_that_follows_an_interim_one_goes_to_no_other_request(plane, transport):
    head, late = b"HTTP/1.1 103 Hints\r\n\r\n", LENGTH_HEAD % 12 + EMPTY_PAGE
    plane.script(lambda sock: (sock.sendall(head), sock.recv(9999), sock.sendall(late)), Reply({"id": "right"}))
    with pytest.raises(program.APIError, match="HTTP 103"):
        transport.get(PATH, {})
    assert transport.get(PATH, {}) == {"id": "right"}


# ---- pauses and reports


@rule("3.8b")
@pytest.mark.parametrize(
    "header, pause",
    [
        ("0", 0),
        ("007", 7),
        ("30", 30),
        ("31", None),
        ("9" * 3000, None),
        (" 3 ", 3),
        ("", 0.5),
        ("-5", 0.5),
        ("3 s", 0.5),
        ("1e3", 0.5),
        ("\xb3", 0.5),
        ("2.5", 0.5),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 0.5),
    ],
    ids=shorten_id,
)
def test_retry_after_replaces_the_pause_or_ends_the_attempts(plane, header, pause):
    result, slept = ask(plane, Reply(b"", 429, [("Retry-After", header)]), BUSY_REPLY, BUSY_REPLY)
    assert slept == ([] if pause is None else [pause, 1.0])
    assert ("; retry after: %s s" % header in error_lines(result)[0]) == (pause is None)


@rule("3.8b", "3.8c", "6.2e")
def test_each_retry_is_reported_on_stderr(plane):
    busy = Reply({"title": "Slow down", "code": "busy"}, 503, [("Retry-After", "7")], close=True)
    assert ask(plane, Reply(page(), cut=9), busy, DROP)[0].err == (
        "retry: the connection was lost while reading the body: 3 bytes are missing; waiting 0.5 s\n"
        "retry: HTTP 503 Slow down; code: busy; retry after: 7 s; waiting 7.0 s\n"
        "error: the connection was lost before a response arrived\n"
        "hint: the server, or a proxy in between, closed the connection: try again\n"
    )


# ---- as a library


@rule("10.2b", "3.8a", "3.8b")
@pytest.mark.parametrize("pauses", [(), (3, 2, 1), (45, 0)])
def test_pauses_precede_the_retries_that_on_retry_reports(plane, pauses):
    events = []
    plane.script(*[BUSY_REPLY] * (1 + len(pauses)))
    fail_once(plane.url, pauses=pauses, sleep=events.append, on_retry=events.append)
    assert not plane.answers and events[1::2] == list(pauses)
    assert events[::2] == ["HTTP 503 Service Unavailable; waiting %d.0 s" % pause for pause in pauses]


@rule("10.2b", "10.2c")
def test_on_progress_is_called_after_each_read_and_received_counts(plane):
    seen = []
    plane.script(Reply(b'{"a":"%s"}' % (b"x" * 22), framing="chunked", slices=10), Reply(b"x" * 7, 404))
    transport = program.Transport(
        program.Server.parse(plane.url), TOKEN, on_progress=lambda: seen.append(transport.received)
    )
    with transport:
        transport.get(PATH, {})
        pytest.raises(program.APIError, transport.get, PATH, {})
    assert seen == [0, 10, 20, 30, 30, 37]


@rule("10.2c")
def test_transport_tells_its_server_and_secrets():
    server = program.Server.parse("https://a.test/b")
    plain, proxied = (program.Transport(server, " %s\n" % TOKEN, proxy=url) for url in (None, "ann:a%20b@proxy.test"))
    assert (plain.server, plain.secrets, plain.received) == (server, [TOKEN], 0)
    assert sorted(proxied.secrets) == ["YW5uOmEgYg==", "a b", TOKEN]


@rule("10.2d")
def test_connection_is_closed_by_close_and_at_the_end_of_with(plane):
    with make_transport(plane, Clock()) as transport:
        for close in (transport.close, lambda: transport.__exit__(None, None, None)):
            transport.get(PATH, {})
            assert plane.open
            close()
            wait_until(lambda: not plane.open)


@posix_only
@rule("10.2d")
def test_child_after_a_fork_opens_its_own_connection(plane, transport):
    transport.get(PATH, {})
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os._exit(len(transport.get(PATH, {"limit": 3})["items"]))
        os._exit(99)
    assert os.waitpid(child, 0)[1] >> 8 == 3
    assert len(transport.get(PATH, {"limit": 2})["items"]) == plane.connections == 2


@rule("10.3")
@pytest.mark.parametrize(
    "parameters, query",
    [
        ({}, ""),
        ({"a": None, "b": 0, "c": "", "d": "x y/&=\u00e9", "limit": 5}, "?d=x%20y%2F%26%3D%C3%A9&limit=5"),
        ({"a": "\udce9"}, "?a=%E9"),
    ],
    ids=["none", "some", "a byte"],
)
def test_get_sends_the_parameters_that_have_a_value(plane, transport, parameters, query):
    plane.script(Reply({"n": [1, None]}))
    assert transport.get("/x/%41?", parameters) == {"n": [1, None]}
    assert plane.requests[0].target == "/x/%41?" + query
    pytest.raises(program.UsageError, transport.get, PATH, {"a": "\ud800"})


@rule("10.3", "3.11")
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_body_of_more_than_max_bytes_raises_response_too_large(plane, transport, clock, framing):
    plane.script(*[Reply({"a": "x" * 92}, framing=framing, slices=30)] * 2)
    plane.script(Reply(b"x" * 101, 404), stall(LENGTH_HEAD % (1 + (256 << 20)) + b"{}"))
    assert transport.get(PATH, {}, max_bytes=100) == {"a": "x" * 92}
    with pytest.raises(program.ResponseTooLarge) as caught:
        transport.get(PATH, {}, 99)
    assert not caught.value.retryable and clock.sleeps == []
    pytest.raises(program.APIError, transport.get, PATH, {}, 99)
    before = transport.received
    pytest.raises(program.ResponseTooLarge, transport.get, PATH, {})  # known before anything is read
    assert transport.received == before


# ---- time limits


@rule("10.4")
@pytest.mark.parametrize(
    "limits, exits, passed, is_over",
    [
        ("5", "", 4.9, False),
        ("5", "", 5, True),
        ("5", "0", 9, False),
        ("5 50", "", 9, True),
        ("50 5", "", 9, True),
        ("50 5", "1", 9, False),
        ("5 50", "0", 9, False),
        ("50 5", "0", 9, True),
        ("5 5", "0", 9, True),
    ],
)
def test_earliest_of_the_limits_that_are_left_counts(plane, transport, clock, limits, exits, passed, is_over):
    entered = [transport.time_limit(int(seconds)) for seconds in limits.split()]
    for limit in entered:
        limit.__enter__()
    for number in exits:
        entered[int(number)].__exit__(None, None, None)
    clock.slept += passed
    with pytest.raises(program.TimedOut, match="^the time limit has passed$") if is_over else contextlib.ExitStack():
        transport.get(PATH, {})
    assert bool(plane.connections) != is_over


@rule("10.4")
@pytest.mark.parametrize("seconds", [0, -1, 86400.5, float("nan"), float("inf"), "5", None])
def test_time_limit_is_more_than_0_seconds_and_at_most_a_day(transport, seconds):
    with pytest.raises(program.UsageError, match="^seconds: .*more than 0 and at most 86400"):
        transport.time_limit(seconds).__enter__()
    with transport.time_limit(86400), transport.time_limit(0.001):
        pass


@rule("10.4", "3.8a")
@pytest.mark.parametrize("limit, slept", [(0.4, []), (0.5, []), (0.6, [0.5]), (1.5, [0.5]), (1.6, [0.5, 1.0])])
def test_pause_that_would_outlast_a_limit_is_not_begun(plane, transport, clock, limit, slept):
    plane.script(*[BUSY_REPLY] * 4)
    with transport.time_limit(limit), pytest.raises(program.APIError, match="HTTP 503"):
        transport.get(PATH, {})
    assert clock.sleeps == slept


@rule("10.4", "3.8")
@pytest.mark.parametrize(
    "answer",
    [HANG, stall(LENGTH_HEAD % 99), drip(LENGTH_HEAD % 9999, b" ")],
    ids=["no response", "no body", "a slow body"],
)
def test_limit_ends_a_request_that_takes_too_long(plane, answer):
    plane.script(answer)
    with make_transport(plane, Clock(running=True)) as transport, transport.time_limit(0.1):
        with pytest.raises(program.TimedOut, match="^the time limit has passed") as caught:
            transport.get(PATH, {})
    assert not caught.value.retryable
