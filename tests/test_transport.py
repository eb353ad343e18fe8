"""Section 3: what is sent, to whom, for how long it may take, and what is asked again."""

import email.utils
import os
import re
import socket
import sys
import time
from itertools import repeat
from urllib.parse import unquote_to_bytes

import pytest

import plexctl_exec_log as program
from control_plane import CA_FILE, DROP, HANG, PROJECT, RESET, TLS_DIR, TOKEN, ControlPlane, Reply
from kit import EXECUTION, GET, LIST, answered, encoded, execution, inline, page, run_cli, target
from kit_proxy import Proxy, Raw, bare_socket, dripping, raw_head, reading, stalling

PATH = "/v1/projects/%s/executions" % PROJECT
HASHED_CA = "6a3bdf44.0"        # openssl x509 -subject_hash: it stays while the CA's name does
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
SHORT = ("--timeout", "0.3")
REFUSED_TEXT = encoded({"code": "rebac_denied"})


def seen(plane):
    """How often the plane was connected to, and asked."""
    return plane.connections, len(plane.requests)


def answering(reply):
    """A Raw server's talk: read one request head, then write these bytes."""
    def talk(sock):
        raw_head(sock)
        sock.sendall(reply)
    return talk


# ---- the request

def test_request_has_exactly_this_shape():
    heads = []

    def talk(sock):
        heads.append(raw_head(sock))
        sock.sendall(OK % 12 + b'{"items":[]}')
    with Raw(talk) as server:
        assert run_cli(*LIST, plane=server).code == 0
    first, *headers = heads[0].decode("ascii").split("\r\n")
    assert first == "GET %s HTTP/1.1" % PATH
    assert sorted(filter(None, headers)) == [
        "Accept-Encoding: identity", "Accept: application/json", "Authorization: Bearer " + TOKEN,
        "Host: 127.0.0.1:%d" % server.address[1], "User-Agent: plexctl-exec-log/" + program.__version__]


@pytest.mark.parametrize("argv, sent", [
    (GET, PATH + "/" + EXECUTION),
    (LIST, PATH),
    (LIST + ("--limit", "0", "--status", "", "--action-name", "", "--cursor", ""), PATH),
    (LIST + ("--status", "failed"), PATH + "?status=failed"),
    (LIST + ("--action-name", "a"), PATH + "?action_name=a"),
    (LIST + ("--cursor", "-x_"), PATH + "?cursor=-x_"),
    (LIST + ("--limit", "007"), PATH + "?limit=7"),
    (LIST + ("--limit", "201"), PATH + "?limit=201")])
def test_only_what_is_set_is_sent(plane, argv, sent):
    answered(plane, execution() if argv is GET else page(), *argv)
    assert [(request.method, request.target) for request in plane.requests] == [("GET", sent)]


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_arguments_are_sent_as_the_bytes_that_the_shell_gave(plane, locale):
    value = bytes(range(1, 256)) + b"%41 \xc3\xa4 \xe2\x82\xac"
    answered(plane, page(), *LIST + ("--action-name", value), env={"LC_ALL": locale})
    path, _, sent = plane.requests[0].target.partition("?action_name=")
    assert path == PATH and re.match("[A-Za-z0-9%._~-]+$", sent) and unquote_to_bytes(sent) == value


@pytest.mark.parametrize("given, prefix", [
    ("/", ""), ("/api", "/api"), ("/api/", "/api"), ("/a/b%20c/", "/a/b%20c"), ("/~x;y=1,z", "/~x;y=1,z")])
def test_prefix_of_the_server_stands_before_the_path(plane, given, prefix):
    plane.script(Reply(page()))
    assert run_cli(*LIST, plane=plane, env={"PLEXSPHERE_URL": plane.url + given}).code == 0
    assert plane.requests[0].target == prefix + PATH


def test_ipv6_address_is_asked_with_brackets():
    try:
        plane = ControlPlane(host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with plane:
        assert run_cli(*LIST, plane=plane).code == 0
        assert plane.requests[0].headers["host"] == "[::1]:%d" % plane.address[1]


@pytest.mark.parametrize("url, host", [
    ("http://LocalHost", "localhost"), ("http://localhost:80", "localhost"), ("https://a.test:443", "a.test"),
    ("https://a.test:80", "a.test:80"), ("http://localhost:443", "localhost:443"), ("https://[::1]:8", "[::1]:8")])
def test_default_port_is_left_out_of_the_host_header(url, host):
    assert program.Server.parse(url).authority == host


# ---- TLS

def certificate_failure(plane, *argv, **env):
    """The stderr of a run that must not trust the plane, nor ask it anything, nor try again."""
    result = run_cli(*LIST + argv, plane=plane, env=env)
    assert (result.code, result.out, seen(plane)) == (1, b"", (1, 0)) and "error: no TLS with " in result.err
    assert "retry:" not in result.err
    return result.err


@pytest.mark.parametrize("kind, argv", [
    ("expired", ()), ("wrong-host", ()), ("untrusted", ()), ("wrong-host", ("--ca-file", CA_FILE))])
def test_certificate_that_does_not_fit_is_1_with_a_hint(kind, argv):
    with ControlPlane(tls=kind) as plane:
        assert "--ca-file" in certificate_failure(plane, *argv).split("\nhint: ")[1]


def test_unknown_ca_is_1_and_names_the_flag_that_helps(tls_plane):
    assert "--ca-file" in certificate_failure(tls_plane, SSL_CERT_FILE=None)


def test_ca_file_is_trusted_instead_of_the_systems_cas(tls_plane):
    assert run_cli(*LIST + ("--ca-file", CA_FILE), plane=tls_plane, env={"SSL_CERT_FILE": None}).code == 0
    assert tls_plane.requests[0].headers["authorization"] == "Bearer " + TOKEN


def test_wrong_ca_file_is_1_although_the_system_trusts(tls_plane):
    certificate_failure(tls_plane, "--ca-file", os.path.join(TLS_DIR, "untrusted.pem"))


@pytest.mark.parametrize("content", [None, b"", b"no certificate\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_unusable_ca_file_is_2_and_nothing_is_sent(tls_plane, tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    result = run_cli(*LIST + ("--ca-file", str(file)), plane=tls_plane)
    assert (result.code, seen(tls_plane)) == (2, (0, 0)) and "--ca-file %s: " % file in result.err


def test_directory_as_ca_file_is_2(tls_plane, tmp_path):
    assert run_cli(*LIST + ("--ca-file", str(tmp_path)), plane=tls_plane).code == 2 and tls_plane.requests == []


def test_ssl_cert_dir_holds(tls_plane, tmp_path):
    with open(CA_FILE, "rb") as file:
        (tmp_path / HASHED_CA).write_bytes(file.read())
    assert run_cli(*LIST, plane=tls_plane, env={"SSL_CERT_FILE": None, "SSL_CERT_DIR": str(tmp_path)}).code == 0


def test_no_tls_below_1_2_is_offered():
    hellos = []
    with Raw(lambda sock: hellos.append(sock.recv(65536))) as server:
        run_cli(*LIST, plane=server, env={"PLEXSPHERE_URL": "https://127.0.0.1:%d" % server.address[1]})
    versions = re.search(b"\\x00\\x2b\\x00.([\\x02-\\x10])((?:\\x03[\\x00-\\x04])+)", hellos[0], re.DOTALL)
    offered = versions.group(2)[:versions.group(1)[0]] if versions else hellos[0][9:11]
    assert {offered[at:at + 2] for at in range(0, len(offered), 2)} <= {b"\x03\x03", b"\x03\x04"}


def test_https_to_a_port_without_tls_is_1_with_a_hint():
    def talk(sock):
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThis is http.")
    with Raw(talk) as server:
        result = run_cli(*LIST, plane=server, env={"PLEXSPHERE_URL": "https://127.0.0.1:%d" % server.address[1]})
    assert result.code == 1 and "the port speaks no TLS" in result.err and server.connections == 1


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\x15\x03\x03\x00\x02\x02\x46\r\n"])
def test_something_else_than_http_is_1_with_a_hint(answer):
    with Raw(answering(answer)) as server:
        result = run_cli(*LIST, plane=server)
    assert result.code == 1 and "hint: is this the API?" in result.err and server.connections == 1


# ---- plain http

@pytest.mark.parametrize("host", [
    "localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.LocalHost", "127.0.0.1", "127.255.255.254", "[::1]",
    "[0:0:0:0:0:0:0:1]", "0.0.0.0", "[::]"])
def test_plain_http_goes_to_this_host(host):
    with reading("http://%s:1" % host) as read:
        assert read.transport.server.scheme == "http"


@pytest.mark.parametrize("host", [
    "127.evil.test", "127.0.0.1.evil.test", "localhost.evil.test", "notlocalhost", "evil-localhost", "localhost-evil",
    "127.0.0.1evil.test", "1270.0.0.1", "127.0.0.256", "128.0.0.1", "10.0.0.1", "0.0.0.1", "[::2]", "[1::1]",
    "[::ffff:10.0.0.1]", "[fe80::1]", "[127::1]", "a.test", "none", "127"])
def test_plain_http_goes_nowhere_else_unless_allowed(host):
    server = program.Server.parse("http://%s:1" % host)
    with pytest.raises(program.TransportError) as caught:
        program.Transport(server, TOKEN)
    assert "--allow-http" in caught.value.hint and caught.value.exit_code == 1
    program.Transport(server, TOKEN, allow_http=True)


@pytest.mark.parametrize("host, argv, allowed, sent", [
    ("a.test", (), None, 0), ("127.evil.test", (), None, 0), ("127.evil.test", (), "0", 0), ("a.test", (), "true", 0),
    ("a.test", (), "", 0), ("127.evil.test", (), "1", 1), ("a.test", ("--allow-http",), None, 1)])
def test_plain_http_to_another_host_is_sent_only_when_allowed(plane, host, argv, allowed, sent):
    # Through a proxy, so that the name would be reached if it was asked for.
    with Proxy(plane) as proxy:
        result = run_cli(*LIST + argv, plane=plane, env={
            "PLEXSPHERE_URL": "http://" + host, "HTTP_PROXY": proxy.url, "PLEXSPHERE_ALLOW_HTTP": allowed})
        assert (result.code, seen(proxy)) == (1 - sent, (sent, sent))
    assert sent or "error: plain http to %s" % host in result.err and "--allow-http" in result.err


# ---- redirects

@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_redirect_is_named_and_never_followed(plane, status, elsewhere):
    with ControlPlane() as other:
        location = (other if elsewhere else plane).url + "/login"
        plane.script(Reply({"title": "Moved"}, status, [("Location", location)]))
        with reading(plane.url) as read:
            assert location in read.get().message
        assert seen(plane) == (1, 1) and seen(other) == (0, 0) and read.slept == []


def test_redirect_is_1_and_its_target_is_shown(plane):
    result = answered(plane, Reply(b"", 302, [("Location", "https://sso.test/login?next=\x1b[31m")]), *LIST)
    assert (result.code, result.out) == (1, b"") and "https://sso.test/login?next=\\x1b[31m" in result.err


@pytest.mark.parametrize("location", ["https://ann:hunter22@sso.test/", "//ann:hunter22@sso.test/"])
def test_user_info_of_a_redirect_is_not_shown(plane, location):
    result = answered(plane, Reply(b"", 302, [("Location", location)]), *LIST + ("-v",))
    assert result.code == 1 and "sso.test" in result.err and "hunter22" not in result.err


# ---- silence

def test_tls_handshake_that_is_never_answered_is_silence():
    with bare_socket(listen=5) as server:
        env = {"PLEXSPHERE_URL": "https://127.0.0.1:%d" % server.getsockname()[1], "PLEXSPHERE_TOKEN": TOKEN}
        result = run_cli(*LIST + SHORT, env=env)
    assert result.code == 1 and "timed out: the TLS handshake" in result.err and "retry:" not in result.err


def test_tls_handshake_that_drips_is_silence():
    with Raw(dripping(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xf0\x03\x03", b"\0")) as server:
        with reading("https://127.0.0.1:%d" % server.address[1], timeout=0.3) as read:
            assert "the TLS handshake" in read.get().message and read.took < 6
        assert server.connections == 1 and read.slept == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse what their queue does not take")
def test_connection_that_is_never_accepted_is_silence():
    with bare_socket(listen=0) as server:
        waiting = [socket.socket() for _ in range(4)]
        try:
            for sock in waiting:        # they fill the queue of connections to be accepted
                sock.setblocking(False)
                sock.connect_ex(server.getsockname())
            time.sleep(0.05)
            with reading("http://127.0.0.1:%d" % server.getsockname()[1], timeout=0.3) as read:
                error = read.get()
        finally:
            for sock in waiting:
                sock.close()
    assert isinstance(error, program.Silence) and "a connection to 127.0.0.1" in error.message
    assert read.slept == [] and read.took < 6


@pytest.mark.parametrize("answer", [
    HANG, stalling(b"HTTP/1.1 200 OK\r\nX: y"), dripping(b"", b"H"), dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.01), dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.005)],
    ids=["silent", "half a header", "dripping status", "dripping header", "headers for ever", "100 for ever"])
def test_headers_that_do_not_end_are_1_within_one_timeout(plane, answer):
    plane.script(answer)
    with reading(plane.url, timeout=0.2) as read:
        error = read.get()
    assert isinstance(error, program.TransportError) and (seen(plane), read.slept) == ((1, 1), [])
    assert not isinstance(error, program.ConnectionLost) and read.took < 6


def test_headers_that_drip_are_1_with_a_hint(plane):
    result = answered(plane, dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y"), *LIST + SHORT)
    assert (result.code, result.out, seen(plane)) == (1, b"", (1, 1)) and "retry:" not in result.err
    assert "error: timed out: the response" in result.err and "longer --timeout" in result.err


@pytest.mark.parametrize("first", [OK % 99, OK % 99 + b'{"items": [', b"HTTP/1.1 200 OK\r\n\r\n{",
                                   b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
def test_silence_within_a_body_is_not_retried(plane, first):
    plane.script(stalling(first))
    with reading(plane.url, timeout=0.2) as read:
        assert isinstance(read.get(), program.Silence) and (read.slept, seen(plane)) == ([], (1, 1))


def test_silence_within_a_body_is_1(plane):
    result = answered(plane, stalling(OK % 99 + b'{"items": ['), *LIST + SHORT)
    assert result.code == 1 and "timed out: the next piece of the body" in result.err


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_that_drips_is_no_silence(plane, framing):
    body = execution([target(inline(b"done\n"))])
    plane.script(Reply(body, framing=framing, slices=len(encoded(body)) // 11, pause=0.1))
    result = run_cli(*GET + ("--timeout", "0.9", "--output", "raw"), plane=plane)
    assert (result.code, result.out, seen(plane)) == (0, b"done\n", (1, 1))


# ---- error bodies

def refused(plane, body, timeout=10, status=403, framing="chunked"):
    """The APIError of one read that meets this body."""
    plane.script(body if callable(body) else Reply(body, status, framing=framing))
    with reading(plane.url, timeout=timeout) as read:
        return read.get()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("answer", [
    dripping(CHUNKED, b"0"), dripping(CHUNKED + b"1;x=", b"y"), dripping(CHUNKED + b"c\r\n{\"items\":[]}\r\n0\r\n", b"X: y\r\n"),
    dripping(CHUNKED + b"c\r\n{\"items\":[]}\r\n0\r\n", b"X: y\r\n" * 9999, 0)], ids=["size", "extension", "trailer", "flood of trailers"])
def test_framing_that_carries_no_body_is_silence(plane, answer):
    result = answered(plane, answer, *LIST + SHORT)
    assert result.code == 1 and "the next piece of the body" in result.err


@pytest.mark.parametrize("size, used", [(65536, True), (65537, False), (1 << 20, False)])
def test_error_body_is_read_to_64_kib(plane, size, used):
    body = encoded({"code": "rebac_denied", "detail": ""})
    error = refused(plane, body.replace(b'""', b'"%s"' % (b"d" * (size - len(body)))))
    assert ("detail" in error.problem, error.exit_code) == (used, 77 if used else 4)


def test_endless_error_body_is_given_up(plane):
    error = refused(plane, repeat(b"x" * 65536), status=500)
    assert (error.status, error.problem) == (500, {})


@pytest.mark.parametrize("answer", [
    stalling(b"HTTP/1.1 403 No\r\nContent-Length: 999\r\n\r\n" + REFUSED_TEXT),
    dripping(b"HTTP/1.1 403 No\r\nContent-Length: 99999\r\n\r\n" + REFUSED_TEXT, b" "),
    dripping(b"HTTP/1.1 403 No\r\n\r\n" + REFUSED_TEXT, b" ")], ids=["silent", "dripping", "dripping without a length"])
def test_error_body_is_read_for_one_timeout_and_what_came_is_used(plane, answer):
    error = refused(plane, answer, timeout=0.2)
    assert isinstance(error, program.APIError) and error.exit_code == 77 and len(plane.requests) == 1


@pytest.mark.parametrize("options", [{"cut": 30}, {"cut": 30, "reset": True}, {"announce": 99},
                                     {"framing": "chunked", "cut": 30}])
def test_error_body_that_breaks_off_is_used_as_far_as_it_came(plane, options):
    plane.script(Reply(REFUSED_TEXT + b" " * 8, 403, **dict({"slices": 30, "pause": 0.1}, **options)))
    with reading(plane.url) as read:
        assert read.get().exit_code == 77 and read.slept == []


def test_dripping_error_body_ends_the_run(plane):
    result = answered(plane, dripping(b"HTTP/1.1 500 No\r\n\r\n", b" "), *LIST + SHORT)
    assert result.code == 1 and "error: HTTP 500" in result.err and "timed out" not in result.err


# ---- the kept connection

@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("tls", [False, True])
def test_one_connection_serves_all_pages(tls, framing):
    with ControlPlane(tls) as plane:
        plane.script(*[Reply(page(next_cursor="c%d" % n), framing=framing) for n in range(4)] + [Reply(page())])
        assert run_cli(*LIST + ("--all",), plane=plane).code == 0 and seen(plane) == (1, 5)


@pytest.mark.parametrize("first", [
    Reply(page(next_cursor="c"), framing="close"), Reply(page(next_cursor="c"), headers=[("Connection", "close")])])
def test_connection_that_is_announced_to_close_is_not_reused(plane, first):
    plane.script(first, Reply(page()))
    result = run_cli(*LIST + ("--all",), plane=plane)
    assert (result.code, result.err, seen(plane)) == (0, "", (2, 2))


@pytest.mark.parametrize("tls", [False, True])
def test_kept_connection_that_went_cold_is_reopened_in_silence(tls):
    with ControlPlane(tls) as plane:
        plane.script(Reply(page(next_cursor="c"), close=True), Reply(page()))
        result = run_cli(*LIST + ("--all",), plane=plane)
        assert (result.code, result.err, seen(plane)) == (0, "", (2, 2))


@pytest.mark.parametrize("fault", [DROP, RESET], ids=["dropped", "reset"])
def test_fault_on_a_kept_connection_is_forgiven_once_and_then_counts(plane, fault):
    plane.script(Reply(b"1"), fault, fault, Reply(b"2"))
    with reading(plane.url) as read:
        assert (read.get(), read.get()) == (b"1", b"2")
    assert (read.slept, len(read.said), seen(plane)) == ([0.5], 1, (3, 4))


def test_kept_connection_that_breaks_within_headers_is_a_fault(plane):
    plane.script(Reply(b"1"), b"HTTP/1.1 200 OK\r\nX", Reply(b"2"))
    with reading(plane.url) as read:
        assert (read.get(), read.get()) == (b"1", b"2")
    assert (read.slept, len(read.said), seen(plane)) == ([0.5], 1, (2, 3))


def test_abandoned_body_leaves_no_connection_behind(plane):
    plane.script(Reply(b"x" * 999, slices=333), Reply(b"2"))
    with reading(plane.url) as read:
        slices = read.transport.get("/x")
        next(slices)
        slices.close()
        assert read.get() == b"2" and read.said == [] and seen(plane) == (2, 2)


# ---- retries

@pytest.mark.parametrize("fault", [
    Reply(b"", 429), Reply(b"", 502), Reply(b"<html>", 503), Reply(b"", 504), DROP, RESET, b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nX: y", Reply(b"x" * 99, 503, cut=9), Reply(b"", 503, [("Location", "/y")])])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_transient_fault_is_retried_twice(plane, fault, times):
    plane.script(*[fault] * times + [Reply(b"ok")])
    with reading(plane.url) as read:
        got = read.get()
    assert (got == b"ok") == (times < 3) and read.slept == [0.5, 1.0][:times]
    assert len(read.said) == min(times, 2) and len(plane.requests) == min(times + 1, 3)
    assert all(line.startswith("retry: ") for line in read.said)


@pytest.mark.parametrize("beginning", [b"H", b"HTTP/1.1 2", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r"])
def test_connection_lost_within_the_status_line_is_retried(plane, beginning):
    # FINDING: http.client calls these a bad status line, and so no retry is made
    plane.script(beginning, Reply(b"ok"))
    with reading(plane.url) as read:
        assert read.get() == b"ok" and read.slept == [0.5]


@pytest.mark.parametrize("answer", [Reply(b"", status) for status in (
    201, 204, 206, 302, 304, 400, 401, 403, 404, 405, 408, 409, 410, 418, 425, 428, 500, 501, 505, 507, 509, 599)] + [
    Reply(b"x" * 99, cut=9), Reply(b"x" * 99, cut=9, reset=True), Reply(b"x", announce=9),
    Reply(b"xyz", framing="chunked", cut=2), b"no HTTP\r\n\r\n", Reply(b"x", headers=[("Content-Encoding", "gzip")])])
def test_nothing_else_is_retried(plane, answer):
    plane.script(answer, Reply(b"ok"))
    with reading(plane.url) as read:
        assert isinstance(read.get(), program.ExecLogError)
    assert (read.slept, read.said, seen(plane)) == ([], [], (1, 1))


def test_faults_of_several_kinds_share_the_two_retries(plane):
    plane.script(DROP, Reply(b"", 429), RESET, Reply(b"ok"))
    with reading(plane.url) as read:
        assert isinstance(read.get(), program.ConnectionLost) and read.slept == [0.5, 1.0]


def test_each_read_has_its_own_two_retries(plane):
    plane.script(DROP, Reply(b"", 503), Reply(b"1"), Reply(b"", 503), Reply(b"", 503), Reply(b"2"))
    with reading(plane.url) as read:
        assert (read.get(), read.get(), read.slept) == (b"1", b"2", [0.5, 1.0] * 2)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64 + ".test", "a..test"])
def test_name_that_does_not_resolve_ends_at_once(host):
    with reading("https://" + host) as read:
        assert "does not resolve" in read.get().message and read.slept == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_refused_connection_ends_at_once(scheme):
    with bare_socket() as nobody:
        with reading("%s://127.0.0.1:%d" % (scheme, nobody.getsockname()[1])) as read:
            assert isinstance(read.get(), program.Refused) and read.slept == []


def test_connection_refused_on_the_retry_ends_at_once(plane):
    plane.script(Reply(b"", 503))
    with reading(plane.url) as read:
        read.transport.sleep = lambda seconds: (read.slept.append(seconds), plane.close())
        assert isinstance(read.get(), program.Refused) and read.slept == [0.5]


def test_failed_handshake_ends_at_once():
    with ControlPlane("untrusted") as plane, reading(plane.url, ca_file=CA_FILE) as read:
        assert "no TLS" in read.get().message and (read.slept, seen(plane)) == ([], (1, 0))


def dated(seconds):
    """An HTTP date, so many seconds from now."""
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize("header, least, most", [
    ("0", 0, 0), ("1", 1, 1), ("007", 7, 7), ("30", 30, 30), ("31", 30, 30), ("86400", 30, 30), (str(10 ** 30), 30, 30),
    (" 3 ", 3, 3), ("", .5, .5), ("-5", .5, .5), ("soon", .5, .5), ("1.5", .5, .5), ("+3", .5, .5), ("3 s", .5, .5),
    ("1e3", .5, .5), ("0x10", .5, .5), ("\xb3", .5, .5), ("Infinity", .5, .5), ("nan", .5, .5), ("3, 4", .5, .5),
    (20, 10, 20), (3600, 30, 30), (-3600, .5, .5), ("Sun, 06 Nov 1994 08:49:37 GMT", .5, .5),
    ("Fri, 31 Dec 9999 23:59:59 GMT", 30, 30), ("Fri, 31 Dec 99999 23:59:59 GMT", .5, .5),
    ("Fri, 31 Dec %d 23:59:59 GMT" % 10 ** 30, .5, .5),
    ("Sat, 99 Nov 2094 08:49:37 GMT", .5, .5), ("Mon, 01 Jan", .5, .5), ("GMT", .5, .5)])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept_within_30_seconds(plane, header, least, most, status):
    text = header if isinstance(header, str) else dated(header)
    plane.script(Reply(b"", status, [("Retry-After", text)]), Reply(b"ok"))
    with reading(plane.url) as read:
        assert read.get() == b"ok" and least <= read.slept[0] <= most and len(read.slept) == 1


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone cannot be set")
@pytest.mark.parametrize("zone", ["XXX-9", "YYY8"])
@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"])
def test_retry_after_date_is_utc_in_all_three_forms_of_http(plane, monkeypatch, zone, form):
    # FINDING: the asctime form, which names no zone, is taken for local time
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        text = time.strftime(form, time.gmtime(time.time() + 20))
        plane.script(Reply(b"", 503, [("Retry-After", text)]), Reply(b"ok"))
        with reading(plane.url) as read:
            assert read.get() == b"ok" and 10 <= read.slept[0] <= 20
    finally:
        monkeypatch.undo()
        time.tzset()


def test_retry_after_counts_for_its_own_answer_only(plane):
    plane.script(Reply(b"", 503, [("Retry-After", "7")]), DROP, Reply(b"ok"))
    with reading(plane.url) as read:
        assert read.get() == b"ok" and read.slept == [7.0, 1.0]


def test_each_retry_is_told_on_stderr(plane):
    now = [("Retry-After", "0")]
    plane.script(Reply(b"", 503, now), Reply({"title": "Slow down", "code": "busy"}, 429, now), Reply(page()))
    result = run_cli(*LIST + ("--output", "jsonl"), plane=plane)
    retries = result.err.splitlines()
    assert (result.code, result.out, len(retries)) == (0, b"", 2)
    assert re.match("retry: HTTP 503 Service Unavailable; again in 0 s", retries[0])
    assert re.match("retry: HTTP 429 Slow down; code busy; again in 0 s", retries[1])


# ---- the trace

def test_nothing_is_traced_without_verbose(plane):
    assert run_cli(*LIST, plane=plane).err == ""


@pytest.mark.parametrize("flag", ["-v", "--verbose"])
def test_trace_shows_requests_and_responses_on_stderr_alone(plane, flag):
    plain, traced = run_cli(*LIST, plane=plane), run_cli(*LIST + (flag,), plane=plane)
    assert (traced.code, traced.out) == (0, plain.out)
    lines = traced.err.splitlines()
    for line in ("> GET %s HTTP/1.1" % PATH, "> Authorization: ***", "> Accept: application/json", "< HTTP/1.1 200 OK",
                 "< Content-Type: application/json"):
        assert lines.count(line) == 1


def test_trace_masks_cookies_and_whatever_echoes_the_token(plane):
    secrets = [(name, "hush%d" % number) for number, name in enumerate(
        ("Set-Cookie", "set-cookie", "COOKIE", "Authorization", "Proxy-Authorization"))]
    result = answered(plane, Reply(page(), headers=secrets + [("X-Echo", "<%s>" % TOKEN)]), *LIST + ("-v",))
    assert result.code == 0 and "hush" not in result.err and "< X-Echo: <***>" in result.err
    assert result.err.count(": ***\n") == 1 + len(secrets)


def test_trace_masks_a_short_token(plane):
    answered(plane, page(), *LIST)
    result = answered(plane, page(), *LIST + ("-v",), env={"PLEXSPHERE_TOKEN": "qwz"})
    assert result.code == 0 and "> Authorization: ***\n" in result.err and "qwz" not in result.err


def test_trace_is_printable_text(plane):
    result = answered(plane, Reply(page(), headers=[("X-Evil", "a\x1b[31m\x9b\x07b")]), *LIST + ("-v",))
    assert "< X-Evil: a\\x1b[31m\\x9b\\x07b\n" in result.err


def test_trace_shows_every_attempt(plane):
    plane.script(Reply(b"", 503, [("Retry-After", "0")]), Reply(page()))
    err = run_cli(*LIST + ("-v",), plane=plane).err
    assert err.count("> GET ") == 2 and "< HTTP/1.1 503 Service Unavailable" in err and "\nretry: HTTP 503" in err


@pytest.mark.parametrize("ago, seconds", [(30, None), (0, 0), (-20, 20), (-300, 30)])
def test_retry_after_date_that_is_past_says_nothing(ago, seconds):
    assert program.retry_after("Tue, 24 Nov 2026 15:00:00 GMT", 1795532400 + ago) == seconds
