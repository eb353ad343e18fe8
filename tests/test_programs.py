"""What programs that import the module pass and catch: arguments that are refused, and errors.

Errors of the network are in test_transport.py, those of bodies in test_bodies.py."""

import io
import sys
from datetime import datetime, timedelta, timezone

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN
from kit import EXECUTION, PATH, Proxy, listed, page, read_queries
from server import DROP, HANG, Reply

# ---- arguments that are refused


@pytest.mark.parametrize(
    "arguments, error",
    [
        ({"statuses": "failed"}, "statuses: expected an iterable of non-empty strings, such as"),
        ({"statuses": ["failed", ""]}, "statuses: expected an iterable of non-empty strings"),
        ({"action_name": ""}, "action_name: expected a non-empty string or None"),
        ({"since": datetime(2026, 7, 14)}, "since and until: expected an aware datetime, such as"),
        ({"until": datetime(2026, 7, 14)}, "since and until: expected an aware datetime, such as"),
        # In UTC, these times are in the years 0 and 10000.
        (
            {"since": datetime(1, 1, 1, 13, tzinfo=timezone(timedelta(hours=14)))},
            "since and until: expected a time in the years 1 to 9999 in UTC",
        ),
        (
            {"until": datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=1)))},
            "since and until: expected a time in the years 1 to 9999 in UTC",
        ),
        ({"limit": -1}, "limit: expected a whole number that is not negative, or None"),
        ({"limit": 1.5}, "limit: expected a whole number that is not negative, or None"),
        ({"limit": float("nan")}, "limit: expected a whole number that is not negative, or None"),
        ({"limit": True}, "limit: expected a whole number that is not negative, or None"),
        ({"cursor": 5}, "cursor: expected a string or None"),
        ({"cursor": b"c2"}, "cursor: expected a string or None"),
        ({"cursor": 0}, "cursor: expected a string or None"),
        ({"cursor": "c", "statuses": ["failed", "x"]}, "cursor works with at most one status"),
    ],
    ids=ascii,
)
def test_listing_refuses_these_arguments(transport, arguments, error):
    with pytest.raises(program.UsageError) as caught:
        program.Listing(transport, PROJECT, **arguments)

    assert str(caught.value).startswith(error)


@pytest.mark.parametrize(
    "operation, arguments, error",
    [
        # All except parse_uuid get a transport as their first argument.
        (program.parse_uuid, [PROJECT + "0"], "expected a UUID, such as 6f1d7c1e-"),
        (program.parse_uuid, [PROJECT.encode()], "expected a UUID, such as 6f1d7c1e-"),
        (program.get_page, [PROJECT + "/.."], "project: expected a UUID"),
        (program.get_execution, ["x", EXECUTION], "project: expected a UUID"),
        (program.wait_for_execution, ["x", EXECUTION, 5], "project: expected a UUID"),
        (program.Listing, [None], "project: expected a UUID"),
        (program.get_execution, [PROJECT, "x"], "execution_id: expected a UUID"),
        (program.wait_for_execution, [PROJECT, None], "execution_id: expected a UUID"),
        (program.wait_for_execution, [PROJECT, EXECUTION, 0], "seconds: expected a number"),
        (
            program.wait_for_execution,
            [PROJECT, EXECUTION, 5, print, ["x"]],
            "nodes: expected a UUID",
        ),
        (
            program.get_page,
            [PROJECT, {"cursor": "\ud800"}],
            "a parameter contains a lone surrogate",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ascii(value)),
)
def test_malformed_argument_is_an_error_before_anything_is_sent(plane, operation, arguments, error):
    transport = program.Transport(program.Server.parse(plane.url), TOKEN)
    if operation is not program.parse_uuid:
        arguments = [transport] + arguments

    with pytest.raises(program.UsageError) as caught:
        operation(*arguments)

    assert str(caught.value).startswith(error)
    assert plane.connections == 0


@pytest.mark.parametrize("token", ["", "a b", "\xe9", "Bearer x"], ids=ascii)
def test_transport_refuses_an_unusable_token(transport, token):
    with pytest.raises(program.CredentialsError, match="^the token (is empty, or|begins with) "):
        program.Transport(transport.server, token)


def test_transport_refuses_an_empty_proxy(transport):
    with pytest.raises(program.UsageError, match="^the proxy: expected http://host:port"):
        program.Transport(transport.server, "token", proxy="")


@pytest.mark.parametrize("scheme", ["http", "HTTP", "HTTPS", "ftp", ""])
def test_every_scheme_except_lower_case_https_counts_as_plain_http(scheme):
    # Server.parse returns a scheme in lower case. A Server that a program makes by hand may have any.
    server = program.Server(scheme, "control-plane.test", 443, "")

    with pytest.raises(program.UsageError, match="^plain http to control-plane.test"):
        program.Transport(server, TOKEN)


@pytest.mark.parametrize(
    "prefix", ["@other.test", ".other.test", ":1", "x", "?x=", "/x\r\nX-Evil: y"], ids=ascii
)
def test_prefix_of_a_server_made_by_hand_cannot_send_the_token_elsewhere(plane, prefix):
    """A proxy gets the whole URL, such as `http://control-plane.test@other.test/v1/...`."""
    with Proxy(plane) as proxy:
        server = program.Server("http", "control-plane.test", 80, prefix)
        with program.Transport(server, TOKEN, proxy=proxy.url, allow_http=True) as transport:
            # The error names the path of the request, which begins with the prefix.
            with pytest.raises(program.UsageError, match="^path: "):
                program.get_page(transport, PROJECT)

        assert proxy.connections == 0


@pytest.mark.parametrize(
    "path",
    # Without a slash at the beginning, a proxy would send the token to another server.
    ["@other.test/v1", ".other.test/v1", ":1/v1", "v1", "?a=/", "http://other.test/", ""]
    # with characters that are not visible ASCII
    + ["/v1/a b", "/v1/\u00e9", "/v1/\x7f", "/v1/x\r\nX-Evil: y"],
    ids=ascii,
)
def test_path_must_begin_with_a_slash_and_be_visible_ascii(plane, path):
    with Proxy(plane) as proxy:
        server = program.Server.parse("http://control-plane.test")
        with program.Transport(server, TOKEN, proxy=proxy.url, allow_http=True) as transport:
            with pytest.raises(program.UsageError, match="^path: expected / and visible ASCII"):
                transport.get(path, {})

        assert proxy.connections == 0


# ---- arguments that are accepted


def test_path_may_be_one_slash_or_begin_with_two_and_have_a_query(plane, transport):
    plane.script(Reply(b"{}"), Reply(b"{}"))

    transport.get("/", {})
    transport.get("//other.test/x?a=b", {})  # is sent to the plane, too

    assert [request.target for request in plane.requests] == ["/", "//other.test/x?a=b"]


@pytest.mark.parametrize(
    "limit, sent", [(0, None), (None, None), (1, "1"), (200, "200"), (5000, "5000")]
)
def test_limit_is_sent_unless_it_is_0_or_none(plane, transport, limit, sent):
    plane.script(Reply(page()))

    assert list(program.Listing(transport, PROJECT, limit=limit)) == []

    assert read_queries(plane)[0].get("limit") == sent


def test_since_may_be_the_first_and_until_the_last_moment(plane, transport):
    plane.script(
        Reply(page(listed("first", "0001-01-01T00:00:00Z"), listed("last", "9999-12-31T23:59:59Z")))
    )
    listing = program.Listing(
        transport,
        PROJECT,
        since=datetime(1, 1, 1, tzinfo=timezone.utc),
        until=datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc),
    )

    assert [wire["id"] for wire in listing] == ["first", "last"]


@pytest.mark.skipif(
    sys.version_info < (3, 7), reason="Python 3.6 has only offsets of whole minutes"
)
def test_offset_of_a_time_may_have_seconds(plane, transport):
    """Amsterdam was 19 minutes and 32 seconds ahead of UTC. There, 1937 began when it was 23:40:28 in UTC."""
    amsterdam = timezone(timedelta(minutes=19, seconds=32))
    plane.script(
        Reply(page(listed("a", "1936-12-31T23:40:27Z"), listed("b", "1936-12-31T23:40:28Z")))
    )

    listing = program.Listing(transport, PROJECT, since=datetime(1937, 1, 1, tzinfo=amsterdam))

    assert [wire["id"] for wire in listing] == ["b"]


def test_main_works_without_a_program_name(monkeypatch):
    monkeypatch.setattr(sys, "argv", [])
    help_page = io.BytesIO()

    code = program.main(["--help"], help_page, io.StringIO())

    assert code == 0
    assert b"usage: python3 plexctl_exec_log.py COMMAND" in help_page.getvalue()


# ---- errors


@pytest.mark.parametrize(
    "error_class, bases, exit_code",
    [
        ("UsageError", "ExecLogError", 2),
        ("CredentialsError", "ExecLogError", 3),
        ("RemoteError", "ExecLogError", 1),
        ("ConnectError", "RemoteError ExecLogError", 1),
        ("APIError", "RemoteError ExecLogError", 1),
        ("UnusableResponse", "RemoteError ExecLogError", 1),
        ("ResponseTooLarge", "UnusableResponse RemoteError ExecLogError", 1),
        ("TimedOut", "RemoteError ExecLogError", 1),
        ("WaitTimeout", "TimedOut RemoteError ExecLogError", 124),
    ],
)
def test_error_class_has_these_bases_and_this_exit_code(error_class, bases, exit_code):
    error = getattr(program, error_class)("it failed")

    names = [base.__name__ for base in type(error).__mro__]
    assert names == [error_class] + bases.split() + ["Exception", "BaseException", "object"]
    assert error.exit_code == exit_code
    assert str(error) == "it failed"
    assert error.hint == ""


def test_problem_of_an_api_error_is_empty_if_none_is_given():
    error = program.APIError("it failed")

    assert error.problem == {}


def catch_page_error(plane, answer):
    """Return the error that get_page raises for this answer, without any retry."""
    plane.script(answer)
    timeout = 0.2 if answer is HANG else 30
    server = program.Server.parse(plane.url)
    with program.Transport(server, TOKEN, pauses=(), timeout=timeout) as transport:
        with pytest.raises(program.ExecLogError) as caught:
            program.get_page(transport, PROJECT)
    return caught.value


@pytest.mark.parametrize(
    "status, body, exit_code, problem",
    [
        (400, b'{"code":"x"}', 1, {"code": "x"}),
        (401, b"{}", 3, {}),
        (403, b"no", 4, {}),
        (403, b'{"code":"x"}', 4, {"code": "x"}),
        (403, b'{"code":"rebac_denied"}', 77, {"code": "rebac_denied"}),
        (302, b"", 1, {}),  # a redirect without a Location
    ],
)
def test_api_error_has_the_status_and_the_problem(plane, status, body, exit_code, problem):
    error = catch_page_error(plane, Reply(body, status))

    assert type(error) is program.APIError
    assert (error.status, error.exit_code, error.problem) == (status, exit_code, problem)
    assert not error.retryable


@pytest.mark.parametrize(
    "answer, public_class, retryable",
    [
        pytest.param(DROP, program.RemoteError, True, id="connection closed"),
        pytest.param(Reply(b"{}", cut=1), program.RemoteError, True, id="body cut short"),
        pytest.param(
            Reply(b"", 302, [("Location", "/x")]), program.RemoteError, False, id="redirect"
        ),
        pytest.param(Reply({}, 503), program.APIError, True, id="503"),
        pytest.param(Reply(b"<html>"), program.UnusableResponse, False, id="body is not JSON"),
        pytest.param(HANG, program.TimedOut, True, id="no answer"),
        pytest.param(
            Reply(announce=33554433), program.ResponseTooLarge, False, id="a byte more than 32 MiB"
        ),
    ],
)
def test_error_of_a_failed_response_has_this_public_class(plane, answer, public_class, retryable):
    error = catch_page_error(plane, answer)

    # Its own class may be a private subclass.
    names = [base.__name__ for base in type(error).__mro__]
    assert next(name for name in names if name in program.__all__) == public_class.__name__
    assert error.retryable is retryable


def test_hint_for_a_404_names_the_flag_for_a_project_that_a_program_has_passed(transport, plane):
    plane.script(Reply({"code": "execution_not_found"}, 404))

    with pytest.raises(program.APIError) as caught:
        program.get_execution(transport, PROJECT, EXECUTION)

    assert caught.value.hint == (
        "not found, or not visible to this token: "
        "check the Project (--project), the server and, for get, that the id is an Execution's"
    )


# ---- masking


def test_message_of_an_api_error_is_masked_and_its_problem_is_not(plane):
    # The token, the password of the proxy, and base64 of ann:hunter:22, which is sent to the proxy.
    # One of fewer than 8 characters would not be masked: see the token 1234567 in test_credentials.py.
    problem = {"title": "no: 12345678", "detail": "no: hunter:22", "code": "YW5uOmh1bnRlcjoyMg=="}
    with Proxy(plane) as proxy:
        server = program.Server.parse("http://control-plane.test")
        address = proxy.url.replace("http://", "http://ann:hunter:22@")
        plane.script(Reply(problem, 403, [("X-Correlation-Id", "12345678")]))
        with program.Transport(server, "12345678", proxy=address, allow_http=True) as transport:
            with pytest.raises(program.APIError) as caught:
                transport.get(PATH, {})

    assert str(caught.value) == "HTTP 403 no: ***; no: ***; code: ***; correlation id: ***"
    assert caught.value.problem == problem


@pytest.mark.parametrize(
    "operation, answer, message",
    [
        pytest.param(
            lambda transport: transport.get(PATH, {}),
            Reply(b"{}", headers=[("Content-Encoding", "12345678")]),
            'the response is malformed: its Content-Encoding "***" is not supported',
            id="in a header",
        ),
        pytest.param(
            lambda transport: transport.get(PATH, {}),
            b"12345678\r\n\r\n",
            "the response is not valid HTTP: ***\r\n",
            id="in place of HTTP",
        ),
        pytest.param(
            lambda transport: program.get_execution(transport, PROJECT, EXECUTION),
            Reply({"id": "12345678"}),
            "the response is malformed: expected Execution %s, but its id is ***" % EXECUTION,
            id="in an id",
        ),
        pytest.param(
            lambda transport: list(program.Listing(transport, PROJECT, cursor="12345678")),
            Reply(page(next_cursor="12345678")),
            "the server's cursors form a loop: *** was repeated",
            id="in a cursor",
        ),
        pytest.param(
            lambda transport: list(program.Listing(transport, PROJECT, statuses=["ack", "x"])),
            Reply(page({"id": "12345678"})),
            "the response is malformed: Execution ***: created_at: expected a time such as "
            "2026-11-24T09:30:00Z",
            id="in an id of a listing",
        ),
        pytest.param(
            lambda transport: program.wait_for_execution(transport, PROJECT, EXECUTION, 1),
            Reply({"id": EXECUTION, "status": ["12345678"]}),
            'the wait timed out; the last status of Execution %s was "-" (0 of 0 succeeded)'
            % EXECUTION,
            id="in a list in place of a status",
        ),
        pytest.param(
            lambda transport: program.wait_for_execution(transport, PROJECT, EXECUTION, 1),
            Reply({"id": EXECUTION, "status": "12345678"}),
            'the wait timed out; the last status of Execution %s was "***" (0 of 0 succeeded)'
            % EXECUTION,
            id="in the status of a wait that timed out",
        ),
    ],
)
def test_token_is_masked_in_the_message_of_each_error_that_a_response_causes(
    plane, clock, operation, answer, message
):
    plane.script(answer)
    server = program.Server.parse(plane.url)
    transport = program.Transport(server, "12345678", clock=clock.now, sleep=clock.sleep)

    with transport, pytest.raises(program.RemoteError) as caught:
        operation(transport)

    assert str(caught.value) == message


def test_token_is_masked_in_the_text_that_on_retry_gets(plane, clock):
    plane.script(Reply({"title": "no: 12345678"}, 503), Reply({}))
    texts = []
    server = program.Server.parse(plane.url)
    transport = program.Transport(
        server, "12345678", on_retry=texts.append, clock=clock.now, sleep=clock.sleep
    )

    with transport:
        transport.get(PATH, {})

    assert texts == ["HTTP 503 no: ***; waiting 0.5 s"]


@pytest.mark.parametrize(
    "operation",
    [
        lambda transport: program.get_page(transport, PROJECT),
        lambda transport: list(program.Listing(transport, PROJECT, statuses=["ack", "failed"])),
        lambda transport: program.get_execution(transport, PROJECT, EXECUTION),
        lambda transport: program.wait_for_execution(transport, PROJECT, EXECUTION),
    ],
    ids=["get_page", "Listing", "get_execution", "wait_for_execution"],
)
def test_error_that_an_overridden_get_raises_arrives_unchanged(operation):
    class OwnError(program.RemoteError):
        def __init__(self, token, number):
            super().__init__("no: " + token)
            self.args = (token, number)

    error = OwnError("12345678", 5)

    class FailingTransport(program.Transport):
        def get(self, path, parameters, max_bytes=0):
            raise error

    transport = FailingTransport(program.Server.parse("https://plane.test"), "12345678")

    with pytest.raises(OwnError) as caught:
        operation(transport)

    assert caught.value is error
    assert error.args == ("12345678", 5)


def test_listing_works_with_a_subclass_that_overrides_get_and_does_not_call_init():
    class OwnTransport(program.Transport):
        def __init__(self):
            pass

        def get(self, path, parameters, max_bytes=0):
            return page({"id": "x"})

    with pytest.raises(program.UnusableResponse, match="Execution x: created_at: expected a time"):
        list(program.Listing(OwnTransport(), PROJECT, statuses=["ack", "failed"]))
