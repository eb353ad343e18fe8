"""Section 10: what programs that import the module meet when they pass something unusual."""

import io
import sys
from datetime import datetime, timedelta, timezone

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN
from kit import PATH, Proxy, listed, nobody_listening, page, read_queries, rule
from server import Reply


# ---- arguments


@rule("10.6a")
def test_empty_action_name_is_refused(plane, transport):
    with pytest.raises(program.UsageError) as caught:
        program.Listing(transport, PROJECT, action_name="")

    assert str(caught.value) == "action_name: expected a non-empty string or None"
    assert plane.requests == []


@rule("10.6a")
def test_negative_limit_is_refused(plane, transport):
    with pytest.raises(program.UsageError) as caught:
        program.Listing(transport, PROJECT, limit=-1)

    assert str(caught.value) == "limit: expected a whole number that is not negative, or None"
    assert plane.requests == []


@rule("10.6a")
@pytest.mark.parametrize("cursor", [0, 5, b"c2", ["c2"], False], ids=ascii)
def test_cursor_is_a_string_or_none(plane, transport, cursor):
    with pytest.raises(program.UsageError) as caught:
        program.Listing(transport, PROJECT, cursor=cursor)

    assert str(caught.value) == "cursor: expected a string or None"
    assert plane.requests == []


@rule("10.5b")
@pytest.mark.parametrize(
    "limit, sent", [(0, None), (None, None), (1, "1"), (200, "200"), (5000, "5000")]
)
def test_limit_is_sent_unless_it_is_0_or_none(plane, transport, limit, sent):
    plane.script(Reply(page()))

    assert list(program.Listing(transport, PROJECT, limit=limit)) == []

    assert read_queries(plane)[0].get("limit") == sent


@rule("10.3")
@pytest.mark.parametrize(
    "path", ["/v1/a b", "/v1/\u00e9", "/v1/\x7f", "/v1/x\r\nX-Evil: y", ""], ids=ascii
)
def test_path_that_is_not_visible_ascii_is_refused_before_anything_is_sent(plane, transport, path):
    with pytest.raises(program.UsageError) as caught:
        transport.get(path, {})

    assert (
        str(caught.value)
        == "path: expected / and visible ASCII, with other characters percent-encoded"
    )
    assert plane.connections == 0


@rule("10.3")
@pytest.mark.parametrize(
    "path", ["@other.test/v1", ".other.test/v1", ":1/v1", "v1", "?a=/", "http://other.test/"]
)
def test_path_that_does_not_begin_with_a_slash_is_refused(plane, path):
    with Proxy(plane) as proxy:
        server = program.Server.parse("http://control-plane.test")
        with program.Transport(server, TOKEN, proxy=proxy.url, allow_http=True) as transport:
            with pytest.raises(program.UsageError, match="^path: "):
                transport.get(path, {})

        assert proxy.connections == 0


@rule("10.3")
def test_path_may_be_a_slash_and_have_a_query(plane, transport):
    plane.script(Reply(b"{}"), Reply(b"{}"))

    transport.get("/", {})
    transport.get("//other.test/x?a=b", {})

    assert [request.target for request in plane.requests] == ["/", "//other.test/x?a=b"]


@rule("10.6a")
@pytest.mark.parametrize(
    "prefix", ["@other.test", ".other.test", ":1", "x", "?x=", "/x\r\nX-Evil: y"], ids=ascii
)
def test_prefix_of_a_server_made_by_hand_cannot_send_the_token_elsewhere(plane, prefix):
    """A proxy gets the whole URL, such as `http://control-plane.test@other.test/v1/...`."""
    with Proxy(plane) as proxy:
        server = program.Server("http", "control-plane.test", 80, prefix)
        with program.Transport(server, TOKEN, proxy=proxy.url, allow_http=True) as transport:
            with pytest.raises(program.UsageError, match="^path: "):
                program.get_page(transport, PROJECT)

        assert proxy.connections == 0


@rule("10.6a", "3.3")
@pytest.mark.parametrize("scheme", ["http", "HTTP", "HTTPS", "ftp", ""])
def test_every_scheme_except_https_counts_as_plain_http(scheme):
    server = program.Server(scheme, "control-plane.test", 443, "")

    with pytest.raises(program.UsageError, match="^plain http to control-plane.test"):
        program.Transport(server, TOKEN)


# ---- times


@rule("10.5b", "1.11")
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


@rule("10.5b", "1.11")
@pytest.mark.skipif(
    sys.version_info < (3, 7), reason="Python 3.6 has only offsets of whole minutes"
)
def test_offset_of_a_time_may_have_seconds(plane, transport):
    """Amsterdam was 19 minutes and 32 seconds ahead of UTC until 1937."""
    amsterdam = timezone(timedelta(minutes=19, seconds=32))
    plane.script(
        Reply(page(listed("a", "1936-12-31T23:40:27Z"), listed("b", "1936-12-31T23:40:28Z")))
    )

    listing = program.Listing(transport, PROJECT, since=datetime(1937, 1, 1, tzinfo=amsterdam))

    assert [wire["id"] for wire in listing] == ["b"]


# ---- errors


@rule("10.6")
def test_program_can_tell_down_from_nonsense(plane, transport):
    plane.script(Reply(b"<html>"))
    with pytest.raises(program.UnusableResponse):
        transport.get(PATH, {})

    with nobody_listening() as address:
        with program.Transport(program.Server.parse("http://" + address), TOKEN) as elsewhere:
            with pytest.raises(program.ConnectError):
                elsewhere.get(PATH, {})


@rule("8.3")
def test_main_works_without_a_program_name(monkeypatch):
    monkeypatch.setattr(sys, "argv", [])
    version = io.BytesIO()
    help_page = io.BytesIO()

    code_of_version = program.main(["--version"], version, io.StringIO())
    code_of_help = program.main(["--help"], help_page, io.StringIO())

    assert code_of_version == 0
    assert version.getvalue().startswith(b"version=")
    assert code_of_help == 0
    assert b"python3 plexctl_exec_log.py list --failed" in help_page.getvalue()
