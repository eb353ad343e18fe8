"""Rules 3.1 to 3.5, 3.7 to 3.9 and 8.4: what is sent, to whom, how long each wait may take, and what is asked again."""

import os
import re
import socket
import ssl
import sys
import time

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN, ControlPlane
from kit import (ALL, EXECUTION, GET, HERE, LIST, ROOT, Clock, check_promises, encode, error_lines, execution,
                 make_transport, page, rule, run_against, run_cli, run_process, run_python, shorten_id, surroundings,
                 wait_until)
from kit_net import (BAD_HEADER, CHUNKED, EMAIL_RAISES, NO_NAME, PATH, Flood, Proxy, Raw, ask, count_contacts,
                     nobody_accepting, nobody_listening, read_error, read_hint, stall, was_asked_once)
from server import CA_FILE, DROP, HANG, RESET, TLS_DIR, Reply

LENGTH_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
EMPTY_PAGE = encode(page())
DENIED_BODY = encode({"code": "rebac_denied"})
BUSY, MORE = Reply(b"", 503), Reply(page(next_cursor="c"))
QUICK = LIST + ("--timeout", "0.1")


def reset_after(first):
    """An answer that is reset a moment after its beginning."""
    return lambda sock: (sock.sendall(first), time.sleep(0.05), RESET(sock))


# ---- the request

@rule("3.1")
@pytest.mark.parametrize("argv, target", [
    (LIST, PATH), (LIST + ("--status", "a b"), PATH + "?status=a%20b"), (GET, PATH + "/" + EXECUTION)],
    ids=["list", "list with a parameter", "get"])
def test_request_has_exactly_these_bytes(argv, target):
    heads = []
    with Raw(lambda sock: heads.append(sock.recv(65536)) or sock.sendall(LENGTH_HEAD % 12 + EMPTY_PAGE)) as server:
        run_cli(*argv, plane=server)
    first, *headers = heads[0].decode("ascii").split("\r\n")
    assert first == "GET %s HTTP/1.1" % target and headers[-2:] == ["", ""]
    assert sorted(headers[:-2]) == [
        "Accept-Encoding: identity", "Accept: application/json, application/problem+json",
        "Authorization: Bearer " + TOKEN, "Host: 127.0.0.1:%d" % server.address[1],
        "User-Agent: plexctl-exec-log/" + program.__version__]


@rule("3.1")
def test_every_request_is_a_get_with_the_same_headers(plane):
    started, ended = execution(status="started"), execution()
    ask(plane, BUSY, MORE, DROP, Reply(page()), argv=ALL)
    ask(plane, Reply(started), Reply(b"", 502), Reply(ended), Reply(ended), argv=GET + ("--wait",))
    ask(plane, Reply(b"", 302, [("Location", "/x")]), Reply(b"", 401))
    assert len(plane.requests) == 9 and {request.method for request in plane.requests} == {"GET"}
    assert all(request.headers == plane.requests[0].headers for request in plane.requests)


@rule("3.1", "2.6e")
@pytest.mark.parametrize("given, prefix", [
    ("{url}/", ""), ("{url}/api", "/api"), ("{url}//", ""), ("{url}/a/b%20c/", "/a/b%20c"),
    ("{url}/~x;y=1,z!$&'()*+:@.-_", "/~x;y=1,z!$&'()*+:@.-_"), ("HTTP{rest}", ""), ("http://LocalHost:{port}/A", "/A")])
def test_server_prefix_comes_before_the_path(plane, given, prefix):
    url = given.format(url=plane.url, rest=plane.url[4:], port=plane.address[1])
    assert run_cli(*LIST + ("--server", url), plane=plane).code == (1 if prefix else 0)
    assert plane.requests[0].target == prefix + PATH


# ---- TLS

def expect_untrusted(plane, *argv, **env):
    """Run against a plane that is not trusted: it is asked nothing, and not tried again."""
    result, slept = ask(plane, argv=LIST + argv, env=env)
    assert read_error(result).startswith("error: TLS with ")
    assert [word for word in ("clock", "server's name", "--ca-file") if word not in read_hint(result)] == []
    assert (slept, count_contacts(plane)) == ([], (1, 0))


@rule("3.2a")
@pytest.mark.parametrize("kind, ca", [("expired", None), ("wrong-host", None), ("wrong-host", "ca"),
                                      ("untrusted", None), (True, "untrusted")])
def test_invalid_certificate_exits_1_with_a_hint(kind, ca):
    with ControlPlane(tls=kind) as plane:
        expect_untrusted(plane, *["--ca-file", os.path.join(TLS_DIR, ca + ".pem")] if ca else [])


@rule("3.2b", "3.2c")
def test_ca_file_is_trusted_instead_of_the_systems_cas(tls_plane):
    expect_untrusted(tls_plane, SSL_CERT_FILE=None)
    assert run_cli(*LIST + ("--ca-file", CA_FILE), plane=tls_plane, env={"SSL_CERT_FILE": None}).code == 0
    assert run_cli(*LIST, plane=tls_plane, env={"SSL_CERT_FILE": None, "SSL_CERT_DIR": TLS_DIR}).code == 0


@rule("3.2e")
def test_server_that_demands_a_client_certificate_is_understood(tls_plane):
    def refuse(sock):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(TLS_DIR, "server.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        with context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False) as wrapped:
            pytest.raises(ssl.SSLError, wrapped.do_handshake)
            socket.socket.recv(wrapped, 65536)      # read the request: closing would reset the connection otherwise
    tls_plane.context, tls_plane.serve = None, refuse
    says = "connection was lost" if os.name == "nt" else "alert certificate required"
    assert says in error_lines(ask(tls_plane)[0])[0]


@rule("3.2d")
@pytest.mark.parametrize("path", ["missing.pem", "", "README.md", "\0"], ids=["missing", "folder", "no PEM", "NUL"])
def test_unusable_ca_file_exits_2_and_nothing_is_sent(tls_plane, path):
    result = run_cli(*LIST + ("--ca-file", os.path.join(HERE, path)), plane=tls_plane)
    assert (result.code, count_contacts(tls_plane)) == (2, (0, 0))
    assert "--ca-file" in result.err


LAX = """openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]
MinProtocol = TLSv1\nCipherString = DEFAULT:@SECLEVEL=0\n"""


@rule("3.2")
def test_tls_below_1_2_is_never_offered(tmp_path):
    (tmp_path / "openssl.cnf").write_text(LAX)
    hellos = []
    with Raw(lambda sock: hellos.append(sock.recv(65536))) as server:
        env = {"PLEXSPHERE_URL": "https://%s:%d" % server.address, "OPENSSL_CONF": str(tmp_path / "openssl.cnf")}
        run_process(*LIST, plane=server, env=env)
    # The extension supported_versions (43), or without it the version of the ClientHello itself.
    versions = re.search(b"\\x00\\x2b\\x00.([\\x02-\\x10])((?:\\x03[\\x00-\\x04])+)", hellos[0], re.DOTALL)
    offered = versions.group(2)[:versions.group(1)[0]] if versions else hellos[0][9:11]
    assert {offered[at:at + 2] for at in range(0, len(offered), 2)} <= {b"\x03\x03", b"\x03\x04"}


#: A Python built with OpenSSL 1.0.2: its contexts have no minimum_version.
OLD_OPENSSL = ("import ssl, sys; sys.path.insert(0, %r); import plexctl_exec_log as program\n"
               "def lack(context, value=None): raise AttributeError('minimum_version')\n"
               "ssl.SSLContext.minimum_version = property(lack, lack)\n"
               "sys.exit(program.main(sys.argv[1:]))" % ROOT)


@rule("3.2")
def test_https_works_on_a_python_without_minimum_version(tls_plane):
    result = check_promises(run_python("-c", OLD_OPENSSL, *LIST, plane=tls_plane))
    assert (result.code, result.err) == (0, "")
    assert len(tls_plane.requests) == 1


@rule("3.2", "3.2a")
@pytest.mark.skipif(sys.version_info < (3, 7), reason="ssl cannot limit the version of a context")
def test_tls_1_2_is_accepted_unless_the_policy_of_the_system_is_stricter(tls_plane, monkeypatch):
    strict = ssl.create_default_context(cafile=CA_FILE)
    strict.minimum_version = ssl.TLSVersion.TLSv1_3
    newest, tls_plane.context.maximum_version = tls_plane.context.maximum_version, ssl.TLSVersion.TLSv1_2
    assert run_cli(*LIST, plane=tls_plane).code == 0
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: strict)
    assert run_cli(*LIST, plane=tls_plane).code == 1
    tls_plane.context.maximum_version = newest
    assert run_cli(*LIST, plane=tls_plane).code == 0


# ---- plain http, and redirects

THIS_HOST = ["LocalHost", "localhost.", "127.0.0.1", "127.255.255.254", "[::1]", "[0:0::0001]", "[::0.0.0.1]",
             "0.0.0.0", "[::]"]
OTHER_HOSTS = ["A_9-%s.%s.test" % ("a" * 59, "_-9" * 21), "a.localhost", "localhost.evil.test", "notlocalhost",
               "127.evil.test", "127.0.0.1.evil.test", "127.0.0.1.", "127.0.0.256", "128.0.0.1", "10.0.0.1", "0.0.0.1",
               "127.1", "0x7f.0.0.1", "2130706433", "[::2]", "[fe80::1]", "[127::1]", "[::ffff:10.0.0.1]"]


@rule("3.3", "3.3a", "2.6e")
@pytest.mark.parametrize("host", THIS_HOST + OTHER_HOSTS, ids=shorten_id)
def test_plain_http_goes_to_this_host_only(host):
    try:
        program.Transport(program.Server.parse("http://%s:65535" % host), TOKEN).close()
        assert host in THIS_HOST
    except program.RemoteError as error:
        assert host in OTHER_HOSTS and "plain http to" in str(error) and "--allow-http" in error.hint


@rule("3.3a")
@pytest.mark.parametrize("argv, env, sent", [
    ((), {}, 0), ((), {"PLEXSPHERE_ALLOW_HTTP": "1"}, 0), (("--allow-http",), {}, 1)],
    ids=["not allowed", "no variable allows it", "--allow-http"])
def test_plain_http_to_another_host_needs_the_flag(plane, argv, env, sent):
    # Through a proxy, so that the name would be reached if it was asked for.
    with Proxy(plane) as proxy:
        env = dict(env, PLEXSPHERE_URL="http://" + NO_NAME, HTTP_PROXY=proxy.url)
        result = run_cli(*LIST + argv, plane=plane, env=env)
        assert (result.code, count_contacts(proxy)) == (1 - sent, (sent, sent))
        assert sent or "plain http to %s" % NO_NAME in read_error(result) and "--allow-http" in read_hint(result)


@rule("3.4", "3.4a")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 399, 299, 400])
def test_redirect_is_reported_and_never_followed(plane, status):
    with ControlPlane() as other:
        location = other.url + "/login"
        result, slept = ask(plane, Reply({"title": "Moved"}, status, [("Location", location)]))
        assert (location in read_error(result)) == (300 <= status < 400) and "HTTP %d" % status in result.err
        assert (slept, count_contacts(plane), other.connections) == ([], (1, 1), 0)


@rule("3.4a")
@pytest.mark.parametrize("location, shown", [
    ("https://sso.test/in?code=hunter22", "https://sso.test/in"), ("https://sso.test?hunter22", "https://sso.test"),
    ("https://sso.test/in#hunter22", "https://sso.test/in"), ("/in?next=hunter22", "/in"),
    ("//ann:hunter22@sso.test/", "sso.test/"), ("https://a@hunter22@sso.test/in", "sso.test/in"),
    ("https://a@sso.test/in?u=b@hunter22", "sso.test/in"), ("https://sso.test/in#a@hunter22", "https://sso.test/in"),
    ("https://sso.test/a@hunter22.test/v1", "***"), ("https://sso.test/a//b@hunter22", "***"), ("/a@hunter22", "***"),
    ("https:\\\\ann:hunter22@sso.test/in", "sso.test/in"), ("ann:hunter22@sso.test", "sso.test"),
    ("https://sso.test/" + TOKEN, "https://sso.test/***"), ("https://sso.test/\x1b[31m", "https://sso.test/\\x1b[31m")],
    ids=ascii)
def test_redirect_target_is_shown_without_query_and_user_info(plane, location, shown):
    error = read_error(run_against(plane, Reply(b"", 302, [("Location", location)]), *LIST))
    assert "redirect to %s not followed" % shown in error and "hunter22" not in error


# ---- time

@rule("3.5")
def test_timeout_is_30_seconds_by_default(plane, monkeypatch):
    def connect(address, timeout, *rest):
        timeouts.append(timeout)
        return create_connection(address, timeout, *rest)

    timeouts, create_connection = [], socket.create_connection
    monkeypatch.setattr(socket, "create_connection", connect)
    assert run_cli(*LIST, plane=plane).code == 0
    with surroundings(plane), program.Transport.from_settings() as transport:
        list(program.get_page(transport, PROJECT, {}).elements)
    assert timeouts == [30, 30]


ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a full queue may refuse connections")


@rule("3.5", "3.5a")
@pytest.mark.parametrize("scheme, make", [
    pytest.param("http", nobody_accepting, marks=ON_LINUX), pytest.param("https", nobody_accepting, marks=ON_LINUX),
    ("https", lambda: Raw(stall(b""))), ("https", lambda: Raw(stall(b"\x16\x03\x03")))],
    ids=["connecting for http", "connecting for https", "no TLS handshake", "cut TLS record"])
def test_timeout_limits_connecting_and_the_tls_handshake(plane, scheme, make):
    with make() as server:
        address = server if isinstance(server, str) else "%s:%d" % server.address
        result, slept = ask(plane, argv=QUICK, env={"PLEXSPHERE_URL": "%s://%s" % (scheme, address)})
    assert read_error(result) == "error: timed out: connecting to " + address
    assert "--timeout longer than 0.1 s" in read_hint(result) and slept == []


@rule("3.5")
def test_timeout_limits_each_wait_not_their_sum(plane):
    pieces = [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 12\r\n", b"X: y\r\n", b"\r\n", b'{"it', b'ems"', b":[", b"]}"]
    plane.script(lambda sock: [(sock.sendall(piece), time.sleep(0.08)) for piece in pieces])
    assert run_cli(*LIST + ("--timeout", "0.4"), plane=plane).code == 0


# ---- the bodies of errors

@rule("3.5b")
@pytest.mark.parametrize("size, code", [(65536, 77), (65537, 4), (1 << 20, 4)])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_error_body_is_used_up_to_64_kib(plane, size, code, framing):
    body = DENIED_BODY[:-1] + b" " * (size - len(DENIED_BODY)) + b"}"
    assert run_against(plane, Reply(body, 403, framing=framing, slices=40000), *LIST).code == code


ENDLESS = {
    "error's body": Flood(b"HTTP/1.1 500 No\r\n\r\n", b"x" * 65536),
    "status line": Flood(b"HTTP/1.1 500 ", b"x" * 65536), "header": Flood(b"HTTP/1.1 500 No\r\nX: ", b"x" * 65536),
    "headers": Flood(b"HTTP/1.1 500 No\r\n", b"X: y\r\n" * 9999), "chunk size": Flood(CHUNKED, b"0" * 65536)}


@rule("3.5b")
@pytest.mark.parametrize("flood", list(ENDLESS.values()), ids=list(ENDLESS))
def test_endless_response_is_abandoned_early(plane, flood):
    flood.sent = 0
    result, slept = ask(plane, flood)
    assert (result.code, slept, count_contacts(plane)) == (1, [], (1, 1))
    assert len(error_lines(result)) == 1
    plane.close()
    assert flood.sent < 32 << 20        # what fits into the buffers of two sockets


# ---- the kept connection, and retries

LOST = {"dropped": DROP, "reset": RESET, "dropped after a 100": b"HTTP/1.1 100 Continue\r\n\r\n",
        "reset within the status line": reset_after(b"HTTP/1.1 2"),
        "reset within headers": reset_after(LENGTH_HEAD[:19])}
TRANSIENT = dict(LOST, **{
    "429": Reply(b"", 429), "502": Reply(b"", 502), "503 HTML": Reply(b"<html>", 503), "504": Reply(b"", 504),
    "503 cut": Reply(b"x" * 99, 503, cut=9), "503 with Location": Reply(b"", 503, [("Location", "/y")])})


@rule("3.8", "3.8a", "3.8b")
@pytest.mark.parametrize("fault", list(TRANSIENT.values()), ids=list(TRANSIENT))
@pytest.mark.parametrize("times", [2, 3])
def test_transient_failure_is_retried_twice(plane, fault, times):
    result, slept = ask(plane, *[fault] * times + [Reply(page())])
    assert (result.code, slept, len(plane.requests)) == (times - 2, [0.5, 1.0], 3)
    assert len(error_lines(result, "retry")) == 2 and len(error_lines(result)) == times - 2


LONG_PAGE = encode(page(execution(action="x" * 9000), next_cursor="c2"))
ONE_AND_MORE = LENGTH_HEAD % len(LONG_PAGE) + LONG_PAGE + LENGTH_HEAD % 12 + EMPTY_PAGE
#: The answers, the pauses, the numbers of connections and of requests, the exit code.
SEQUENCES = {
    "bytes follow a page": ([lambda sock: (sock.sendall(ONE_AND_MORE), sock.recv(1))], [], (2, 2), 0),
    "two reads have two retries each": ([DROP, BUSY, MORE, BUSY, BUSY], [0.5, 1.0] * 2, (2, 6), 0),
    "several kinds share them": ([DROP, Reply(b"", 429, close=True), BUSY], [0.5, 1.0], (3, 3), 1),
    "it is reset within headers": ([MORE, LOST["reset within headers"]], [], (2, 3), 0),
    "an error's body is cut": ([MORE, Reply(b"{", 503, cut=0)], [0.5], (2, 3), 0),
    "a new one is dropped after it": ([MORE, DROP, DROP], [0.5], (3, 4), 0),
    "a new one is reset after it": ([MORE, RESET, RESET], [0.5], (3, 4), 0),
    "three are dropped": ([MORE] + [DROP] * 3, [0.5, 1.0], (4, 5), 0), "it is reset": ([MORE, RESET], [], (2, 3), 0),
    "four are dropped": ([MORE] + [DROP] * 4, [0.5, 1.0], (4, 5), 1),
    "an error is read to its end": ([MORE, BUSY], [0.5], (1, 3), 0),
    "a kept connection is dropped": ([MORE, DROP], [], (2, 3), 0)}
SEQUENCES.update((name, ([Reply(page(next_cursor=cursor), **how) for cursor in "ab"], [], (connections, 3), 0))
                 for name, how, connections in [
                     ("kept", {}, 1), ("chunked", {"framing": "chunked"}, 1),
                     ("without length", {"framing": "close"}, 3), ("went cold", {"close": True}, 3),
                     ("announced", {"headers": [("Connection", "close")]}, 3)])


@rule("3.7", "3.7a", "3.7b", "3.8a")
@pytest.mark.parametrize("answers, slept, counts, code", list(SEQUENCES.values()), ids=list(SEQUENCES))
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_lost_connection_is_silently_replaced_with_two_retries_per_read(tls, answers, slept, counts, code):
    if tls and answers[-1] is LOST["reset within headers"] and sys.implementation.name == "pypy":
        pytest.skip("PyPy's ssl raises RuntimeError there")
    with ControlPlane(tls) as plane:
        result, pauses = ask(plane, *answers + [Reply(page())], argv=ALL)
        assert (pauses, count_contacts(plane), result.code) == (slept, counts, code)
        assert len(error_lines(result, "retry")) == len(slept)
        assert bool(slept) == bool(result.err)


@rule("3.7", "3.10a")
def test_connection_that_ended_early_is_not_kept(plane):
    plane.script(Reply(page(), announce=99), Reply(page()), Reply(page()))
    with make_transport(plane, Clock()) as transport:
        short, whole = (program.get_page(transport, PROJECT, {}) for _ in range(2))
        assert list(whole.elements) == []
        with pytest.raises(program.RemoteError, match="bytes are missing"):
            list(short.elements)
        list(program.get_page(transport, PROJECT, {}).elements)
    assert count_contacts(plane) == (2, 3)


@rule("3.5a", "3.7a")
def test_kept_connection_that_is_silent_is_not_replaced(plane):
    plane.script(Reply(page(next_cursor="c2")), HANG, Reply(page()))
    result = run_cli(*LIST + ("--output", "jsonl") + ("--all", "--timeout", "0.2"), plane=plane)
    assert (result.code, len(error_lines(result))) == (1, 1)
    wait_until(lambda: len(plane.requests) >= 2)
    assert (plane.connections, len(plane.requests)) == (1, 2)


BAD_HEADER_RESPONSE = LENGTH_HEAD[:-2] % 12 + BAD_HEADER + b"\r\n" + EMPTY_PAGE
#: What has fallen silent, is broken or no HTTP, and what the only error says. Of an error's body what came is used.
LATE, NO_HTTP, BROKEN, LOST_WITHIN = "timed out: ", "not valid HTTP", "the body", "lost while reading the body"
DENIAL, KNOWN_DENIAL, FORBIDDEN_HEAD = "HTTP 403 ", "; code: rebac_denied", b"HTTP/1.1 403 No\r\n"
FINAL = {
    "silent": (stall(b""), LATE), "silent within a header": (stall(b"HTTP/1.1 200 OK\r\nX: y"), LATE),
    "silent body": (stall(LENGTH_HEAD % 99), LATE), "silent within the body": (stall(LENGTH_HEAD % 99 + b"{"), LATE),
    "silent before its end": (stall(LENGTH_HEAD % 13 + EMPTY_PAGE), LATE),
    "silent chunk": (stall(CHUNKED + b"9\r\n{"), LATE),
    "silent before the last chunk": (stall(CHUNKED + b"c\r\n%s\r\n" % EMPTY_PAGE), LATE),
    "silent body without length": (stall(b"HTTP/1.1 200 OK\r\n\r\n{"), LATE),
    "cut": (Reply(page(), cut=9), BROKEN), "reset": (Reply(page(), cut=9, reset=True), LOST_WITHIN),
    "cut chunk": (Reply(page(), framing="chunked", cut=2), BROKEN), "no chunk size": (CHUNKED + b"-5\r\n", BROKEN),
    "huge chunk size": (CHUNKED + b"-" + b"F" * 24 + b"\r\n", BROKEN),
    "reset body": (reset_after(LENGTH_HEAD % 99 + b"{"), LOST_WITHIN), "gzip": (Reply(b"\x1f\x8b\b\0"), BROKEN),
    "ends after the status": (b"HTTP/1.1 200", BROKEN), "ends within the headers": ((LENGTH_HEAD % 12)[:-3], BROKEN),
    "other": (b"no HTTP\r\n\r\n", NO_HTTP), "a byte": (b"H", NO_HTTP), "SSH": (stall(b"SSH-2.0-9.6\r\n"), NO_HTTP),
    "deep headers": (LENGTH_HEAD[:-2] % 12 + b"Content-Type: message/rfc822\r\r" * 999 + b"\r\n" + EMPTY_PAGE, NO_HTTP),
    "TLS alert": (b"\x15\x03\x03\x00\x02\x02\x46\r\n", NO_HTTP),
    "long status": (b"HTTP/1.1 %s\r\n\r\n" % (b"9" * 70000), NO_HTTP),
    "403, silent": (stall(FORBIDDEN_HEAD + b"Content-Length: 99\r\n\r\n" + DENIED_BODY), KNOWN_DENIAL),
    "403, silent, no length": (stall(FORBIDDEN_HEAD + b"\r\n" + DENIED_BODY), KNOWN_DENIAL),
    "403, reset": (reset_after(FORBIDDEN_HEAD + b"Content-Length: 99\r\n\r\n" + DENIED_BODY), KNOWN_DENIAL),
    "403, cut after the JSON": (Reply(DENIED_BODY + b" " * 8, 403, cut=30), KNOWN_DENIAL),
    "403, no last chunk": (Reply(DENIED_BODY, 403, framing="chunked", slices=23, cut=23), KNOWN_DENIAL),
    "403, cut": (Reply(DENIED_BODY, 403, cut=9), DENIAL), "403, deep": (Reply(b"[" * 65536, 403), DENIAL),
    "403, UTF-16": (Reply(DENIED_BODY.decode().encode("utf-16"), 403), DENIAL),
    "403, silent at once": (stall(FORBIDDEN_HEAD + b"\r\n"), DENIAL),
    "403, no chunk size": (FORBIDDEN_HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", DENIAL)}
if EMAIL_RAISES:
    FINAL["a header that email cannot read"] = BAD_HEADER_RESPONSE, NO_HTTP
FINAL.update((str(status), (Reply(b"", status), "HTTP %d " % status)) for status in (
    201, 204, 206, 304, 400, 401, 403, 404, 408, 409, 425, 500, 501, 505, 599))


@rule("3.5c", "3.8e", "3.8f", "3.5a", "3.10f")
@pytest.mark.parametrize("answer, says", list(FINAL.values()), ids=list(FINAL))
def test_other_failure_gives_one_error_and_is_not_retried(plane, answer, says):
    # What falls silent at once may do so at 0.1 s; of an error's body there is more to come before.
    argv = LIST + ("--timeout", "9" if not callable(answer) else "0.1" if says is LATE else "0.3")
    result, slept = ask(plane, answer, Reply(page()), argv=argv)
    error, = error_lines(result)
    assert says in error
    assert result.code == {"HTTP 401 ": 3, DENIAL: 4, KNOWN_DENIAL: 77}.get(says, 1)
    assert slept == []
    assert was_asked_once(plane) and len(result.err.splitlines()) == 1 + len(error_lines(result, "hint"))
    assert {LATE: "--timeout", NO_HTTP: "does it point to the API?"}.get(says, "") in result.err


@rule("3.8e")
@pytest.mark.parametrize("name", [None, NO_NAME], ids=["refused", "no name"])
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_refused_connection_or_unknown_host_fails_at_once(plane, name, scheme):
    with nobody_listening() as address:
        url = "%s://%s/x" % (scheme, name or address)
        result, slept = ask(plane, argv=LIST + ("--allow-http",), env={"PLEXSPHERE_URL": url})
    assert (name or address)[:60] in read_error(result) and ("resolve" if name else "refused") in result.err
    assert "--server" in read_hint(result) and slept == []


@rule("3.8c")
@pytest.mark.parametrize("status, header, pause", [
    (429, "0", 0), (502, "007", 7), (504, "30", 30), (503, "31", 30), (503, "9" * 5000, 30), (503, " 3 ", 3),
    (503, "", .5), (503, "-5", .5), (503, "soon", .5), (503, "3 s", .5), (503, "1e3", .5), (503, "\xb3", .5),
    (503, "1_0", .5), (503, "2.5", .5), (503, "Fri, 31 Dec 9999 23:59:59 GMT", .5)], ids=shorten_id)
def test_retry_after_is_whole_seconds_and_at_most_30(plane, status, header, pause):
    assert ask(plane, Reply(b"", status, [("Retry-After", header)]), BUSY, BUSY)[1] == [pause, 1.0]


@rule("3.8d")
def test_each_retry_is_reported_on_stderr(plane):
    faults = Reply(b"", 503, [("Retry-After", "7")]), Reply({"title": "Slow down", "code": "busy"}, 429)
    first, second = ask(plane, *faults + (Reply(page()),))[0].err.splitlines()
    assert re.match(r"retry: HTTP 503 Service Unavailable; .*\b7(\.0)? s", first)
    assert re.match(r"retry: HTTP 429 Slow down; code: busy; .*\b1(\.0)? s", second)
    assert re.match(r"retry: .*lost.*\b0\.5 s\n\Z", ask(plane, DROP, Reply(page()))[0].err)


@rule("3.9", "3.9a")
@pytest.mark.parametrize("status, times", [(100, 1), (100, 3), (101, 1), (103, 1), (199, 1)])
def test_status_100_is_skipped_and_other_interim_ones_fail(plane, status, times):
    head = b"HTTP/1.1 %d Xyz\r\nLink: </style.css>\r\n\r\n" % status
    result, slept = ask(plane, head * times + LENGTH_HEAD % 12 + EMPTY_PAGE)
    assert (result.code, slept, count_contacts(plane)) == (int(status > 100), [], (1, 1))
    assert result.out.startswith(b"ID ") if status == 100 else "HTTP %d" % status in read_error(result)


@rule("3.9a", "10.3b")
def test_final_response_after_an_interim_one_goes_to_no_other_request(plane):
    head, late = b"HTTP/1.1 103 Hints\r\n\r\n", LENGTH_HEAD % 12 + EMPTY_PAGE
    plane.script(lambda sock: (sock.sendall(head), sock.recv(9999), sock.sendall(late)), Reply(page({"id": "right"})))
    with make_transport(plane, Clock()) as transport:
        with pytest.raises(program.APIError, match="HTTP 103"):
            program.get_page(transport, PROJECT, {})
        assert list(program.get_page(transport, PROJECT, {}).elements) == [{"id": "right"}]


@rule("5.1e")
@pytest.mark.parametrize("answer", [
    Reply({"detail": "a" * 5000}, 400), Reply({"detail": "\x1b" * 5000}, 400),
    Reply(page(), headers=[("X-Long", "a" * 5000)])], ids=["error", "escapes", "trace"])
def test_line_on_stderr_is_cut_at_4000_characters(plane, answer):
    assert max(map(len, run_against(plane, answer, *LIST + ("-v",)).err.splitlines())) == 4000


@rule("3.1a", "2.7b")
def test_trace_shows_requests_and_responses_on_stderr_with_secrets_masked(plane):
    secret = ["Authorization", "proxy-authorization", "Cookie", "SET-COOKIE", "Location"]
    headers = [(name, "hush=hush; Path=/") for name in secret] + [("X-Other", "shown")]
    traced, _ = ask(plane, b"HTTP/1.0 503 Busy\r\n\r\n", Reply(page(), headers=headers), argv=LIST + ("-v",))
    lines = traced.err.splitlines()
    assert lines[0] == "> GET %s HTTP/1.1" % PATH and traced.out.startswith(b"ID ") and b">" not in traced.out
    assert [lines.count(line) for line in (
        lines[0], "> Authorization: ***", "< HTTP/1.0 503 Busy", "< HTTP/1.1 200 OK",
        "< Content-Type: application/json", "< X-Other: shown")] == [2, 2, 1, 1, 1, 1]
    assert [name for name in secret if "< %s: ***" % name not in lines] == [] and "hush" not in traced.err
    assert "\nretry: HTTP 503" in traced.err


# ---- a Python without TLS

WITHOUT_SSL = ("import sys; sys.modules['_ssl'] = None; sys.path.insert(0, %r); import plexctl_exec_log; "
               "sys.exit(plexctl_exec_log.main(sys.argv[1:]))" % ROOT)


@rule("8.4")
@pytest.mark.parametrize("scheme, answer, code, says", [
    ("http", Reply(page()), 0, ""), ("http", b"no HTTP\r\n\r\n", 1, "HTTP"), ("http", stall(b""), 1, "timed out"),
    ("https", DROP, 1, "this Python has no TLS"), ("", DROP, 1, "does not resolve")],
    ids=["http", "no HTTP", "silent", "https", "no such host"])
def test_python_without_ssl_reads_plain_http_and_rejects_https(plane, scheme, answer, code, says):
    plane.script(answer)
    url = "http://" + NO_NAME if "resolve" in says else plane.url.replace("http", scheme)
    result = run_python("-c", WITHOUT_SSL, "--allow-http", *QUICK, plane=plane, env={"PLEXSPHERE_URL": url})
    assert check_promises(result).code == code
    assert says in result.err
    assert ("no TLS" in result.err) == (scheme == "https")
    assert bool(plane.connections) == (scheme == "http")
