"""Section 3: what is sent, to whom, for how long it may take, and what is asked again."""

import email.utils
import os
import re
import sys
import time
from itertools import repeat

import pytest

import plexctl_exec_log as program
from control_plane import CA_FILE, DROP, HANG, PROJECT, RESET, TLS_DIR, TOKEN, ControlPlane, Reply
from kit import GET, LIST, Clock, answered, encoded, execution, inline, page, run_cli, shortened, target, transport_to
from kit_net import Proxy, Raw, asked, bare_socket, dripping, stalling

PATH = "/v1/projects/%s/executions" % PROJECT
HASHED_CA = "6a3bdf44.0"        # openssl x509 -subject_hash: it stays while the CA's name does
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EMPTY_PAGE = encoded(page())
QUICK = LIST + ("--timeout", "0.1")
ALL = LIST + ("--all",)
MORE = page(next_cursor="c")
DENIED = encoded({"code": "rebac_denied"})


def seen(plane):
    """How often the plane was connected to, and asked."""
    return plane.connections, len(plane.requests)


def resetting(first):
    """An answer that is reset a moment after its beginning."""
    return lambda sock: (sock.sendall(first), time.sleep(0.05), RESET(sock))


# ---- the request

def test_request_has_exactly_this_shape():
    heads = []
    with Raw(lambda sock: (heads.append(sock.recv(65536)), sock.sendall(OK % 12 + EMPTY_PAGE))) as server:
        assert run_cli(*LIST, plane=server).code == 0
    first, *headers = heads[0].decode("ascii").split("\r\n")
    assert first == "GET %s HTTP/1.1" % PATH
    assert sorted(filter(None, headers)) == [
        "Accept-Encoding: identity", "Accept: application/json", "Authorization: Bearer " + TOKEN,
        "Host: 127.0.0.1:%d" % server.address[1], "User-Agent: plexctl-exec-log/" + program.__version__]


@pytest.mark.parametrize("given, prefix", [
    ("{url}/", ""), ("{url}/api", "/api"), ("{url}/api/", "/api"), ("{url}//", ""), ("{url}/a/b%20c/", "/a/b%20c"),
    ("{url}/~x;y=1,z", "/~x;y=1,z"), ("HTTP{rest}", ""), ("http://LocalHost:{port}/A", "/A")])
def test_server_may_have_a_prefix_which_stands_before_the_path(plane, given, prefix):
    url = given.format(url=plane.url, rest=plane.url[4:], port=plane.address[1])
    assert run_cli(*LIST + ("--server", url), plane=plane).code == (1 if prefix else 0)
    assert plane.requests[0].target == prefix + PATH


@pytest.mark.parametrize("url, host", [
    ("http://LocalHost", "localhost"), ("http://localhost:80", "localhost"), ("https://a.test:443", "a.test"),
    ("https://a.test:80", "a.test:80"), ("http://localhost:443", "localhost:443"), ("https://[::1]:8", "[::1]:8"),
    ("https://a.test:1", "a.test:1"), ("https://a.test:65535", "a.test:65535"), ("https://a.test:00443/x", "a.test")])
def test_default_port_is_left_out_of_the_host_header(url, host):
    assert program.Server.parse(url).authority == host


# ---- TLS

def certificate_failure(plane, *argv, **env):
    """The hint of a run that must not trust the plane, nor ask it anything, nor try again."""
    result, slept = asked(plane, argv=LIST + argv, env=env)
    assert (result.code, result.out, slept, seen(plane)) == (1, b"", [], (1, 0)) and "error: no TLS with " in result.err
    return result.err.partition("\nhint: ")[2]


@pytest.mark.parametrize("kind, argv, says", [
    ("expired", (), "does not help" if sys.version_info >= (3, 7) else ""), ("wrong-host", (), "does not help"),
    ("wrong-host", ("--ca-file", CA_FILE), "does not help"), ("untrusted", (), "with --ca-file"),
    (True, ("--ca-file", os.path.join(TLS_DIR, "untrusted.pem")), "with --ca-file")])
def test_certificate_that_does_not_fit_is_1_with_a_hint(kind, argv, says):
    with ControlPlane(tls=kind) as plane:
        hint = certificate_failure(plane, *argv)
    assert "--ca-file" in hint and says in hint


def test_ca_file_is_trusted_instead_of_the_systems_cas(tls_plane):
    assert "with --ca-file" in certificate_failure(tls_plane, SSL_CERT_FILE=None)
    assert run_cli(*LIST + ("--ca-file", CA_FILE), plane=tls_plane, env={"SSL_CERT_FILE": None}).code == 0
    assert tls_plane.requests[0].headers["authorization"] == "Bearer " + TOKEN


@pytest.mark.parametrize("content", [None, b"", b"no certificate\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n", "folder", "\0"])
def test_unusable_ca_file_is_2_and_nothing_is_sent(tls_plane, tmp_path, content):
    file = tmp_path / "ca.pem"
    if isinstance(content, bytes):
        file.write_bytes(content)
    path = {"folder": str(tmp_path), "\0": "a\0b"}.get(content, str(file))
    result = run_cli(*LIST + ("--ca-file", path), plane=tls_plane)
    assert (result.code, seen(tls_plane)) == (2, (0, 0)) and "--ca-file" in result.err.split("error: ")[1]


def test_ssl_cert_dir_holds(tls_plane, tmp_path):
    (tmp_path / HASHED_CA).symlink_to(CA_FILE)
    assert run_cli(*LIST, plane=tls_plane, env={"SSL_CERT_FILE": None, "SSL_CERT_DIR": str(tmp_path)}).code == 0


def test_no_tls_below_1_2_is_offered():
    hellos = []
    with Raw(lambda sock: hellos.append(sock.recv(65536))) as server:
        run_cli(*LIST, plane=server, env={"PLEXSPHERE_URL": "https://%s:%d" % server.address})
    versions = re.search(b"\\x00\\x2b\\x00.([\\x02-\\x10])((?:\\x03[\\x00-\\x04])+)", hellos[0], re.DOTALL)
    offered = versions.group(2)[:versions.group(1)[0]] if versions else hellos[0][9:11]
    assert {offered[at:at + 2] for at in range(0, len(offered), 2)} <= {b"\x03\x03", b"\x03\x04"}


def test_https_to_a_port_without_tls_is_1_with_a_hint():
    answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThis is http."
    with Raw(lambda sock: (sock.recv(65536), sock.sendall(answer))) as server:
        result, slept = asked(server, env={"PLEXSPHERE_URL": "https://%s:%d" % server.address})
    assert (result.code, slept, server.connections) == (1, [], 1) and "the port speaks no TLS" in result.err


# ---- plain http

THIS_HOST = ["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.LocalHost", "127.0.0.1", "127.255.255.254", "[::1]",
             "[0:0:0:0:0:0:0:1]", "0.0.0.0", "[::]"]
OTHER_HOSTS = ["127.evil.test", "127.0.0.1.evil.test", "localhost.evil.test", "notlocalhost", "evil-localhost", "localhost-evil",
               "127.0.0.1evil.test", "1270.0.0.1", "127.0.0.256", "128.0.0.1", "126.255.255.255", "10.0.0.1", "0.0.0.1",
               "[::2]", "[1::1]", "[::ffff:10.0.0.1]", "[fe80::1]", "[127::1]", "a.test", "none", "127"]


def test_plain_http_goes_to_this_host_alone_unless_allowed():
    for host in THIS_HOST:
        program.Transport(program.Server.parse("http://%s:1" % host), TOKEN)
    for host in OTHER_HOSTS:
        with pytest.raises(program.RemoteError) as caught:
            program.Transport(program.Server.parse("http://%s:1" % host), TOKEN)
        assert "--allow-http" in caught.value.hint and caught.value.exit_code == 1


@pytest.mark.parametrize("host, argv, allowed, sent", [
    ("a.test", (), None, 0), ("127.evil.test", (), None, 0), ("127.evil.test", (), "0", 0), ("a.test", (), "true", 0),
    ("a.test", (), "", 0), ("127.evil.test", (), "1", 1), ("a.test", ("--allow-http",), None, 1)])
def test_plain_http_to_another_host_is_sent_only_when_allowed(plane, host, argv, allowed, sent):
    # Through a proxy, so that the name would be reached if it was asked for.
    with Proxy(plane) as proxy:
        result = run_cli(*LIST + argv, plane=plane, env={
            "PLEXSPHERE_URL": "http://" + host, "HTTP_PROXY": proxy.url, "PLEXSPHERE_ALLOW_HTTP": allowed})
        assert (result.code, seen(proxy)) == (1 - sent, (sent, sent))
    assert sent or "error: plain http to %s" % host in result.err and "\nhint: " in result.err


# ---- redirects

@pytest.mark.parametrize("status, location, shown", [(status, "{url}/login", "{url}/login") for status in (
    300, 301, 302, 303, 307, 308, 399)] + [
    (302, "https://sso.test/?next=\x1b[31m", "https://sso.test/?next=\\x1b[31m"), (302, "//ann:hunter22@sso.test/", "//***@sso.test/"),
    (302, "https://ann:hunter22@sso.test/", "https://***@sso.test/"), (302, "HTTP:ann:hunter22@sso.test", "HTTP:***@sso.test")])
def test_redirect_is_named_safely_and_never_followed(plane, status, location, shown):
    answer = Reply({"title": "Moved"}, status, [("Location", location.replace("{url}", plane.url))])
    result, slept = asked(plane, answer, argv=LIST + ("-v",))
    assert (result.code, result.out, slept, seen(plane)) == (1, b"", [], (1, 1)) and "hunter22" not in result.err
    assert result.err.count(shown.replace("{url}", plane.url)) == 2 and "\nhint: " in result.err


@pytest.mark.parametrize("status, headers", [(299, [("Location", "/login")]), (400, [("Location", "/login")]), (302, [])])
def test_location_counts_in_a_redirect_alone(plane, status, headers):
    assert "error: HTTP %d Xyz" % status in answered(plane, Reply({"title": "Xyz"}, status, headers), *LIST).err


# ---- silence

@pytest.mark.parametrize("talk", [HANG, dripping(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xf0\x03\x03", b"\0")], ids=["silent", "dripping"])
def test_tls_handshake_that_does_not_end_is_1_within_one_timeout(talk):
    with Raw(talk) as server:
        result, slept = asked(server, argv=QUICK, env={"PLEXSPHERE_URL": "https://%s:%d" % server.address})
    assert (result.code, slept, server.connections) == (1, [], 1) and "timed out: " in result.err


HEADERS = [HANG, stalling(b"HTTP/1.1 200 OK\r\nX: y"), dripping(b"", b"H"), dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
           dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n")]
BODIES = [stalling(OK % 99), stalling(OK % 99 + b"{"), stalling(b"HTTP/1.1 200 OK\r\n\r\n{"), stalling(CHUNKED + b"1\r\n{\r\n"),
          dripping(CHUNKED, b"0"), dripping(CHUNKED + b"1;x=", b"y"), dripping(CHUNKED + b"c\r\n%s\r\n0\r\n" % EMPTY_PAGE, b"X: y\r\n"),
          dripping(CHUNKED + b"c\r\n%s\r\n0\r\n" % EMPTY_PAGE, b"X: y\r\n" * 9999, 0)]


@pytest.mark.parametrize("says, answer", [("the response", answer) for answer in HEADERS] + [
    ("the next piece of the body", answer) for answer in BODIES])
def test_silence_is_1_within_one_timeout_and_not_retried(plane, says, answer):
    result, slept = asked(plane, answer, argv=QUICK)
    assert (result.code, slept, seen(plane)) == (1, [], (1, 1))
    assert "timed out: %s took more than 0.1 s" % says in result.err and "longer --timeout" in result.err


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_that_drips_is_no_silence(plane, framing):
    body = execution([target(inline(b"done\n"))])
    plane.script(Reply(body, framing=framing, slices=len(encoded(body)) // 8, pause=0.05))
    result = run_cli(*GET + ("--timeout", "0.35", "--output", "raw"), plane=plane)
    assert (result.code, result.out, seen(plane)) == (0, b"done\n", (1, 1))


def test_timeout_is_30_s_unless_given_and_ends_to_the_second(plane):
    for now, fails in ((29.9, False), (30.0, True)):
        times = iter([0.0])
        transport = program.Transport(program.Server.parse(plane.url), TOKEN, clock=lambda times=times, now=now: next(times, now))
        plane.script(Reply(b"ok"))
        try:
            assert b"".join(transport.get("/x", {})) == b"ok" and not fails
        except program.RemoteError as error:
            assert fails and "more than 30 s" in str(error)
        transport.close()


# ---- error bodies

@pytest.mark.parametrize("size, code", [(65536, 77), (65537, 4), (1 << 20, 4)])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_error_body_is_read_to_64_kib(plane, size, code, framing):
    body = encoded({"code": "rebac_denied", "detail": ""})
    body = body.replace(b'""', b'"%s"' % (b"d" * (size - len(body))))
    assert answered(plane, Reply(body, 403, framing=framing, slices=40000), *LIST).code == code


@pytest.mark.parametrize("answer, code, status", [
    (Reply(repeat(b"x" * 65536), 500, framing="chunked"), 1, 500), (dripping(b"HTTP/1.1 500 No\r\n\r\n", b" "), 1, 500),
    (stalling(b"HTTP/1.1 403 No\r\nContent-Length: 999\r\n\r\n" + DENIED), 77, 403),
    (dripping(b"HTTP/1.1 403 No\r\nContent-Length: 99999\r\n\r\n" + DENIED, b" "), 77, 403),
    (dripping(b"HTTP/1.1 403 No\r\n\r\n" + DENIED, b" "), 77, 403)] + [
    (Reply(DENIED + b" " * 8, 403, slices=30, pause=0.05, **how), 77, 403) for how in (
        {"cut": 30}, {"announce": 99}, {"framing": "chunked", "cut": 30})] + [
    (resetting(b"HTTP/1.1 403 No\r\nContent-Length: 999\r\n\r\n" + DENIED), 77, 403)] + [
    (b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n%s" % broken, 4, 403) for broken in (b"-5\r\n", b"x\r\n", b"")])
def test_error_body_is_read_for_one_timeout_and_what_came_is_used(plane, answer, code, status):
    result, slept = asked(plane, answer, argv=LIST + ("--timeout", "0.2"))
    assert (result.code, slept, seen(plane)) == (code, [], (1, 1)) and "error: HTTP %d " % status in result.err


# ---- the kept connection

@pytest.mark.parametrize("first, connections", [
    (Reply(MORE), 1), (Reply(MORE, framing="chunked"), 1), (Reply(MORE, framing="close"), 2),
    (Reply(MORE, headers=[("Connection", "close")]), 2), (Reply(MORE, close=True), 2),
    (b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(encoded(MORE)), encoded(MORE)), 2),
    (b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" + OK % len(encoded(MORE)) + encoded(MORE), 2)],
    ids=["kept", "chunked", "without length", "announced", "went cold", "HTTP/1.0", "after an interim 100"])
@pytest.mark.parametrize("tls", [False, True])
def test_connection_is_kept_and_a_closed_one_reopened_in_silence(tls, first, connections):
    with ControlPlane(tls) as plane:
        result, slept = asked(plane, first, Reply(page()), argv=ALL)
        assert (result.code, result.err, slept, seen(plane)) == (0, "", [], (connections, 2))


@pytest.mark.parametrize("faults, slept, counts", [
    ([DROP], [], (2, 3)), ([RESET], [], (2, 3)), ([DROP, DROP], [0.5], (3, 4)), ([RESET, RESET], [0.5], (3, 4)),
    ([DROP] * 4, [0.5, 1.0], (4, 5)), ([b"H"], [0.5], (2, 3)), ([b"HTTP/1.1 200 OK\r\nX"], [0.5], (2, 3)), ([Reply(b"", 503)], [0.5], (2, 3))])
def test_fault_on_a_kept_connection_is_forgiven_once_before_any_byte_and_then_counts(plane, faults, slept, counts):
    result, pauses = asked(plane, Reply(MORE), *faults + [Reply(page())], argv=ALL)
    assert (pauses, seen(plane), result.err.count("retry: ")) == (slept, counts, len(slept))
    assert result.code == (1 if len(faults) == 4 else 0)


def test_abandoned_body_leaves_no_connection_behind(plane):
    plane.script(Reply(b"x" * 999, slices=333), Reply(b"2"))
    transport = transport_to(plane, Clock())
    slices = transport.get("/x", {})
    next(slices)
    slices.close()
    assert b"".join(transport.get("/x", {})) == b"2" and seen(plane) == (2, 2)
    transport.close()


# ---- retries

@pytest.mark.parametrize("fault", [
    Reply(b"", 429), Reply(b"", 502), Reply(b"<html>", 503), Reply(b"", 504), DROP, RESET, b"HTTP/1.1 200 OK\r\n", b"H",
    b"HTTP/1.1 2", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r", b"HTTP/1.1 200 OK\r\nX: y", Reply(b"x" * 99, 503, cut=9),
    Reply(b"", 503, [("Location", "/y")]), b"HTTP/1.1 100 Continue\r\n\r\n"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_transient_fault_is_retried_twice(plane, fault, times):
    result, slept = asked(plane, *[fault] * times + [Reply(page())])
    assert (result.code, slept) == (int(times == 3), [0.5, 1.0][:times])
    assert result.err.count("retry: ") == len(slept) and len(plane.requests) == min(times + 1, 3)


@pytest.mark.parametrize("answer", [Reply(b"", status) for status in (
    201, 204, 206, 302, 304, 400, 401, 403, 404, 405, 408, 409, 410, 418, 425, 428, 430, 500, 501, 505, 507, 509, 599)] + [
    Reply(page(), cut=9), Reply(page(), cut=9, reset=True), Reply(b"{", announce=9), Reply(page(), framing="chunked", cut=2),
    resetting(OK % 99 + b"{"), resetting(CHUNKED + b"1\r\n{\r\n"), CHUNKED + b"1\r\n{\r\n-5\r\n",
    Reply(b"x", headers=[("Content-Encoding", "gzip")]), b"no HTTP\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n" * 2,
    b"\x15\x03\x03\x00\x02\x02\x46\r\n", b"HTTP/1.1 101 Switching\r\n\r\n", b"HTTP/1.1 103 Hints\r\n\r\n" + OK % 12 + EMPTY_PAGE])
def test_nothing_else_is_retried(plane, answer):
    result, slept = asked(plane, answer, Reply(page()))
    assert result.code in (1, 3, 4) and (result.out, slept, seen(plane)) == (b"", [], (1, 1))


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.6\r\n" * 2, b"\x15\x03\x03\x00\x02\x02\x46\r\n" * 2, b"HTTP/1.1 %s\r\n\r\n" % (b"9" * 70000)])
def test_something_else_than_http_is_1_with_a_hint(plane, answer):
    assert "\nhint: is this the API?" in answered(plane, stalling(answer), *LIST).err


def test_faults_of_several_kinds_share_the_two_retries_of_a_read(plane):
    assert asked(plane, DROP, Reply(b"", 429), RESET, Reply(page()))[1] == [0.5, 1.0]
    plane.answers.clear()
    busy = Reply(b"", 503)
    result, slept = asked(plane, DROP, busy, Reply(MORE), busy, busy, Reply(page()), argv=ALL)
    assert (result.code, slept) == (0, [0.5, 1.0] * 2)


@pytest.mark.parametrize("url, says", [("https://%s" % host, "does not resolve") for host in (
    "no-such-host.invalid", "x" * 64 + ".test", "a..test")] + [("http://%s", "connection refused"), ("https://%s", "connection refused")])
def test_name_that_does_not_resolve_and_refused_connection_end_at_once(url, says):
    slept = []
    with bare_socket() as nobody:
        env = {"PLEXSPHERE_URL": url.replace("%s", nobody), "PLEXSPHERE_TOKEN": TOKEN}
        result = run_cli(*LIST, env=env, sleep=slept.append)
    assert (result.code, slept) == (1, []) and says in result.err.split("\nhint: ")[0] and "\nhint: " in result.err


@pytest.mark.parametrize("header, least, most", [
    ("0", 0, 0), ("1", 1, 1), ("007", 7, 7), ("29", 29, 29), ("30", 30, 30), ("31", 30, 30), ("86400", 30, 30), (str(10 ** 30), 30, 30),
    (" 3 ", 3, 3), ("9" * 5000, 30, 30), ("", .5, .5), ("-5", .5, .5), ("soon", .5, .5), ("1.5", .5, .5), ("+3", .5, .5), ("3 s", .5, .5),
    ("1e3", .5, .5), ("0x10", .5, .5), ("\xb3", .5, .5), ("Infinity", .5, .5), ("nan", .5, .5), ("3, 4", .5, .5),
    (20, 10, 20), (3600, 30, 30), (-3600, .5, .5), (-3, .5, .5), ("Sun, 06 Nov 1994 08:49:37 GMT", .5, .5),
    ("Fri, 31 Dec 9999 23:59:59 GMT", 30, 30), ("Fri, 31 Dec 99999 23:59:59 GMT", .5, .5),
    ("Fri, 31 Dec %d 23:59:59 GMT" % 10 ** 30, .5, .5), ("Sat, 99 Nov 2094 08:49:37 GMT", .5, .5), ("Mon, 01 Jan", .5, .5), ("GMT", .5, .5)], ids=shortened)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_kept_within_30_seconds(plane, header, least, most, status):
    text = header if isinstance(header, str) else email.utils.formatdate(time.time() + header, usegmt=True)
    result, slept = asked(plane, Reply(b"", status, [("Retry-After", text)]), Reply(page()))
    assert result.code == 0 and len(slept) == 1 and least <= slept[0] <= most


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone cannot be set")
@pytest.mark.parametrize("zone", ["XXX-9", "YYY8"])
@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"])
def test_retry_after_date_is_utc_in_all_three_forms_of_http(plane, monkeypatch, zone, form):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        text = time.strftime(form, time.gmtime(time.time() + 20))
        result, slept = asked(plane, Reply(b"", 503, [("Retry-After", text)]), Reply(page()), env={"TZ": zone})
        assert result.code == 0 and 10 <= slept[0] <= 20
    finally:
        monkeypatch.undo()
        time.tzset()


def test_each_retry_is_told_on_stderr(plane):
    faults = Reply(b"", 503, [("Retry-After", "7")]), Reply({"title": "Slow down", "code": "busy"}, 429)
    result, slept = asked(plane, *faults + (Reply(page()),))
    retries = result.err.splitlines()
    assert (result.code, slept, len(retries)) == (0, [7, 1], 2)
    assert re.match(r"retry: HTTP 503 Service Unavailable; .*\b7(\.0)? s", retries[0])
    assert re.match(r"retry: HTTP 429 Slow down; code busy; .*\b1(\.0)? s", retries[1])


# ---- the trace

def test_trace_shows_every_request_and_response_on_stderr_alone(plane):
    plain = run_cli(*LIST, plane=plane)
    assert plain.err == ""
    for flag in ("-v", "--verbose"):
        traced, _ = asked(plane, Reply(b"", 503), None, argv=LIST + (flag,))
        assert (traced.code, traced.out) == (0, plain.out) and "\nretry: HTTP 503" in traced.err
        lines = traced.err.splitlines()
        for line in ("> GET %s HTTP/1.1" % PATH, "> Authorization: ***", "> Accept: application/json"):
            assert lines.count(line) == 2
        for line in ("< HTTP/1.1 503 Service Unavailable", "< HTTP/1.1 200 OK", "< Content-Type: application/json"):
            assert lines.count(line) == 1


def test_trace_is_printable_and_masks_cookies_and_whatever_echoes_the_token(plane):
    secrets = [(name, "hush%d" % number) for number, name in enumerate(
        ("Set-Cookie", "set-cookie", "COOKIE", "Authorization", "Proxy-Authorization"))]
    result = answered(plane, Reply(page(), headers=secrets + [("X-Echo", "<%s>\x1b[31m\x9b" % TOKEN)]), *LIST + ("-v",))
    assert result.code == 0 and "hush" not in result.err and "< X-Echo: <***>\\x1b[31m\\x9b\n" in result.err
    assert result.err.count(": ***\n") == 1 + len(secrets)


@pytest.mark.parametrize("length, shown", [(3989, 3989), (3990, 3990), (3991, 3990), (60000, 3990)])
def test_line_on_stderr_is_cut_at_4000_characters(plane, length, shown):
    result = answered(plane, Reply(page(), headers=[("X-Long", "a" * length)]), *LIST + ("-v",))
    line, = [line for line in result.err.splitlines() if line.startswith("< X-Long: ")]
    assert line.count("a") == shown and len(line) <= 4003


@pytest.mark.parametrize("token", ["tok-secret-1234\x7f", "tok secret 1234", "tok\nsecret-1234", "t\u00f6k-secret", " "])
def test_token_that_http_cannot_send_is_refused_and_not_quoted(token):
    with pytest.raises(program.CredentialsError) as caught:
        program.Transport(program.Server.parse("https://a.test"), token)
    assert "secret" not in str(caught.value) + str(caught.value.__context__)
