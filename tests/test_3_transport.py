"""Rules 3.1 to 3.5, 3.7 to 3.9 and 8.4: what is sent, to whom, for how long it may take, and what is asked again."""

import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN, ControlPlane
from kit import (EXECUTION, GET, LIST, PATIENCE, ROOT, Clock, Result, check_promises, encode, execution, inline,
                 make_environment, make_transport, page, rule, run_against, run_cli, run_process, shorten_id, target,
                 wait_until)
from kit_net import (LONG_LABEL, LONG_NAME, NO_NAME, Flood, Proxy, Raw, ask, count_contacts, drip, nobody_accepting,
                     nobody_listening, read_error, read_hint, stall, was_asked_once)
from server import CA_FILE, DROP, RESET, TLS_DIR, Reply

PATH = "/v1/projects/%s/executions" % PROJECT
HASHED_CA = "6a3bdf44.0"        # openssl x509 -subject_hash: it stays while the CA's name does
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EMPTY_PAGE = encode(page())
DENIED = encode({"code": "rebac_denied"})
MORE = page(next_cursor="c")
ALL = LIST + ("--all",)
QUICK = LIST + ("--timeout", "0.1")


def over_tls(server):
    """The environment of a run that is to speak TLS to a server that speaks none."""
    return {"PLEXSPHERE_URL": "https://%s:%d" % server.address}


def reset_after(first):
    """An answer that is reset a moment after its beginning."""
    return lambda sock: (sock.sendall(first), time.sleep(0.05), RESET(sock))


# ---- the request

@rule("3.1")
@pytest.mark.parametrize("argv, target", [
    (LIST, PATH), (LIST + ("--status", "failed", "--limit", "7"), PATH + "?status=failed&limit=7"),
    (GET, PATH + "/" + EXECUTION)], ids=["list", "list with parameters", "get"])
def test_request_is_these_bytes(argv, target):
    heads = []
    with Raw(lambda sock: heads.append(sock.recv(65536)) or sock.sendall(OK % 12 + EMPTY_PAGE)) as server:
        run_cli(*argv, plane=server)
    first, *headers = heads[0].decode("ascii").split("\r\n")
    assert first == "GET %s HTTP/1.1" % target and headers[-2:] == ["", ""]
    assert sorted(headers[:-2]) == [
        "Accept-Encoding: identity", "Accept: application/json", "Authorization: Bearer " + TOKEN,
        "Host: 127.0.0.1:%d" % server.address[1], "User-Agent: plexctl-exec-log/" + program.__version__]


@rule("3.1")
def test_every_request_is_a_get_with_the_same_headers(plane):
    started, ended = execution(status="started"), execution()
    ask(plane, Reply(b"", 503), Reply(MORE), DROP, Reply(page()), argv=ALL)
    ask(plane, Reply(started), Reply(b"", 502), Reply(ended), Reply(ended), argv=GET + ("--wait",))
    ask(plane, Reply(b"", 302, [("Location", "/x")]), Reply(b"", 401))
    assert len(plane.requests) == 9 and {request.method for request in plane.requests} == {"GET"}
    assert all(request.headers == plane.requests[0].headers for request in plane.requests)


@rule("3.1", "2.6")
@pytest.mark.parametrize("given, prefix", [
    ("{url}/", ""), ("{url}/api", "/api"), ("{url}/api/", "/api"), ("{url}//", ""), ("{url}/a/b%20c/", "/a/b%20c"),
    ("{url}/~x;y=1,z", "/~x;y=1,z"), ("HTTP{rest}", ""), ("http://LocalHost:{port}/A", "/A")])
def test_server_may_have_a_prefix_which_stands_before_the_path(plane, given, prefix):
    url = given.format(url=plane.url, rest=plane.url[4:], port=plane.address[1])
    assert run_cli(*LIST + ("--server", url), plane=plane).code == (1 if prefix else 0)
    assert plane.requests[0].target == prefix + PATH


# ---- TLS

def refuse(plane, *argv, **env):
    """The hint of a run that does not trust the plane: it asks nothing and does not try again."""
    result, slept = ask(plane, argv=LIST + argv, env=env)
    assert "TLS" in read_error(result) and (slept, count_contacts(plane)) == ([], (1, 0))
    return read_hint(result)


@rule("3.2", "6.2")
@pytest.mark.parametrize("kind, argv, says", [     # 3.6 does not tell them apart
    ("expired", (), "renew" if sys.version_info >= (3, 7) else "--ca-file"),
    ("wrong-host", (), "another name" if sys.version_info >= (3, 7) else "--server"),
    ("wrong-host", ("--ca-file", CA_FILE), "--server"), ("untrusted", (), "with --ca-file"),
    (True, ("--ca-file", os.path.join(TLS_DIR, "untrusted.pem")), "with --ca-file")],
    ids=["expired", "of another host", "of another host, with --ca-file", "of an unknown CA", "not of the --ca-file"])
def test_certificate_that_does_not_fit_is_1_with_a_hint(kind, argv, says):
    with ControlPlane(tls=kind) as plane:
        assert says in refuse(plane, *argv)


@rule("3.2", "6.2")
@pytest.mark.parametrize("kind", ["expired", "wrong-host", "untrusted"])
@pytest.mark.parametrize("word", ["expired", "match", "certificate", "wrong-version-number", "self-signed", "verify"])
def test_hint_does_not_depend_on_words_in_the_hosts_name(kind, word):
    hints = set()
    for host in ("a.test", word + ".test"):
        with ControlPlane(tls=kind) as plane, Proxy(plane) as proxy:
            result = run_cli(*LIST, plane=plane, env={"PLEXSPHERE_URL": "https://" + host, "HTTPS_PROXY": proxy.url})
            assert "TLS" in read_error(result) and plane.requests == []
        hints.add(read_hint(result))
    assert len(hints) == 1


@rule("3.2", "1.3")
def test_ca_file_is_trusted_instead_of_the_systems_cas(tls_plane):
    assert "with --ca-file" in refuse(tls_plane, SSL_CERT_FILE=None)
    assert run_cli(*LIST + ("--ca-file", CA_FILE), plane=tls_plane, env={"SSL_CERT_FILE": None}).code == 0
    assert tls_plane.requests[0].headers["authorization"] == "Bearer " + TOKEN


@rule("3.2", "1.3")
@pytest.mark.parametrize("content", [None, b"", b"no certificate\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n", "folder"],
                         ids=["missing", "empty", "text", "broken", "folder"])
def test_unusable_ca_file_is_2_and_nothing_is_sent(tls_plane, tmp_path, content):
    file = tmp_path / "ca.pem"
    if isinstance(content, bytes):
        file.write_bytes(content)
    result = run_cli(*LIST + ("--ca-file", str(tmp_path if content == "folder" else file)), plane=tls_plane)
    assert (result.code, count_contacts(tls_plane)) == (2, (0, 0)) and "--ca-file" in result.err.split("error: ")[1]


@rule("3.2", "1.3")
def test_ssl_cert_dir_holds(tls_plane, tmp_path):
    shutil.copy(CA_FILE, str(tmp_path / HASHED_CA))
    assert run_cli(*LIST, plane=tls_plane, env={"SSL_CERT_FILE": None, "SSL_CERT_DIR": str(tmp_path)}).code == 0


LAX = """openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]
MinProtocol = TLSv1\nCipherString = DEFAULT:@SECLEVEL=0\n"""


@rule("3.2")
def test_no_tls_below_1_2_is_offered_however_lax_the_system_is(tmp_path):
    (tmp_path / "openssl.cnf").write_text(LAX)
    hellos = []
    with Raw(lambda sock: hellos.append(sock.recv(65536))) as server:
        run_process(*LIST, plane=server, env=dict(over_tls(server), OPENSSL_CONF=str(tmp_path / "openssl.cnf")))
    # The extension supported_versions (43), or without it the version of the ClientHello itself.
    versions = re.search(b"\\x00\\x2b\\x00.([\\x02-\\x10])((?:\\x03[\\x00-\\x04])+)", hellos[0], re.DOTALL)
    offered = versions.group(2)[:versions.group(1)[0]] if versions else hellos[0][9:11]
    assert {offered[at:at + 2] for at in range(0, len(offered), 2)} <= {b"\x03\x03", b"\x03\x04"}


@rule("3.2")
@pytest.mark.skipif(sys.version_info < (3, 7), reason="ssl cannot limit the version of this server")
def test_tls_1_2_suffices(tls_plane):
    tls_plane.context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert run_cli(*LIST, plane=tls_plane).code == 0


@rule("3.2", "6.2")
def test_https_to_a_port_without_tls_is_1_with_a_hint():
    answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThis is http."
    with Raw(lambda sock: sock.recv(65536) and sock.sendall(answer)) as server:
        result, slept = ask(server, env=over_tls(server))
    assert read_error(result) and (slept, server.connections) == ([], 1) and "speaks no TLS" in read_hint(result)


# ---- plain http

THIS_HOST = ["localhost", "LOCALHOST", "localhost.", "LocalHost.", "127.0.0.1", "127.255.255.254", "127.0.0.0",
             "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::0.0.0.1]", "0.0.0.0", "[::]", "[0::0]"]
OTHER_HOSTS = ["a.localhost", "a.b.LocalHost", "a.localhost.", ".localhost", "127.evil.test",
               "127.0.0.1.evil.test", "localhost.evil.test", "notlocalhost", "evil-localhost", "localhost-evil",
               "127.0.0.1evil.test", "1270.0.0.1", "127.0.0.256", "128.0.0.1", "126.255.255.255", "10.0.0.1",
               "0.0.0.1", "[::2]", "[1::1]", "[::ffff:10.0.0.1]", "[fe80::1]", "[127::1]", "a.test", "none", "127",
               "127.1", "0x7f.0.0.1", "2130706433", "0", "127.0.0.1."]


@rule("3.3")
@pytest.mark.parametrize("host", THIS_HOST)
def test_plain_http_goes_to_this_host(host):
    program.Transport(program.Server.parse("http://%s:1" % host), TOKEN).close()


@rule("3.3")
@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_plain_http_goes_to_no_other_host(host):
    with pytest.raises(program.RemoteError, match="plain http to") as caught:
        program.Transport(program.Server.parse("http://%s:1" % host), TOKEN)
    assert "--allow-http" in caught.value.hint and caught.value.exit_code == 1


@rule("3.3")
@pytest.mark.parametrize("argv, env, sent", [
    ((), {}, 0), ((), {"PLEXSPHERE_ALLOW_HTTP": "1"}, 0), (("--allow-http",), {}, 1)],
    ids=["not allowed", "no variable allows it", "--allow-http"])
@pytest.mark.parametrize("host", ["127.evil" + NO_NAME, NO_NAME + ".localhost"])
def test_plain_http_to_another_host_is_sent_only_if_the_flag_allows_it(plane, host, argv, env, sent):
    # Through a proxy, so that the name would be reached if it was asked for.
    with Proxy(plane) as proxy:
        env = dict(env, PLEXSPHERE_URL="http://" + host, HTTP_PROXY=proxy.url)
        result = run_cli(*LIST + argv, plane=plane, env=env)
        assert (result.code, count_contacts(proxy)) == (1 - sent, (sent, sent))
        assert sent or "plain http to %s" % host in read_error(result) and "--allow-http" in read_hint(result)


# ---- redirects

@rule("3.4", "6.2")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 399])
def test_redirect_is_named_and_never_followed(plane, status):
    with ControlPlane() as other:
        location = other.url + "/login"
        result, slept = ask(plane, Reply({"title": "Moved"}, status, [("Location", location)]))
        assert location in read_error(result) and read_hint(result)
        assert (slept, count_contacts(plane), other.connections) == ([], (1, 1), 0)


@rule("3.4", "2.7", "5.10")
@pytest.mark.parametrize("location, shown", [
    ("https://sso.test/in?code=hunter22", "https://sso.test/in"), ("https://sso.test?hunter22", "https://sso.test"),
    ("https://sso.test/in?a=b?hunter22#hunter22", "https://sso.test/in"), ("/in?next=hunter22", "/in"),
    ("//ann:hunter22@sso.test/", "//***@sso.test/"), ("https://ann:hunter22@sso.test/", "https://***@sso.test/"),
    ("https://sso.test/\x1b[31m", "https://sso.test/\\x1b[31m")], ids=ascii)
def test_redirects_target_is_named_without_query_and_user_info(plane, location, shown):
    error = read_error(run_against(plane, Reply(b"", 302, [("Location", location)]), *LIST))
    assert shown in error and "hunter22" not in error and "\x1b" not in error


@rule("3.4")
@pytest.mark.parametrize("status, headers", [
    (299, [("Location", "/login")]), (400, [("Location", "/login")]), (302, [])])
def test_location_counts_in_a_redirect_alone(plane, status, headers):
    result = run_against(plane, Reply({"title": "Xyz"}, status, headers), *LIST)
    assert "HTTP %d Xyz" % status in read_error(result) and "/login" not in result.err


# ---- time

def read_timeout(server, *argv, **options):
    """The error of a run with 0.1 s of patience, which neither tries again nor forgets to say what helps."""
    result, slept = ask(server, argv=QUICK + argv, **options)
    error = read_error(result)
    assert "timed out: " in error and "took more than 0.1 s" in error and "--timeout" in read_hint(result)
    assert slept == []
    return error


@rule("3.5")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a full queue refuses connections")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_connecting_ends_within_the_timeout(plane, scheme):
    with nobody_accepting() as address:
        began = time.monotonic()
        assert address in read_timeout(plane, env={"PLEXSPHERE_URL": "%s://%s" % (scheme, address)})
        assert time.monotonic() - began < PATIENCE      # without a timeout of ours the system's ends it, after minutes


@rule("3.5")
@pytest.mark.parametrize("talk", [
    stall(b""), stall(b"\x16\x03\x03"), drip(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xf0\x03\x03", b"\0")],
    ids=["silent", "cut record", "dripping ServerHello"])
def test_tls_handshake_ends_within_the_timeout(talk):
    with Raw(talk) as server:
        read_timeout(server, env=over_tls(server))
        wait_until(lambda: server.connections == 1)


HEADERS = {
    "silent": stall(b""), "silent in a line": stall(b"HTTP/1.1 200 OK\r\nX: y"),
    "silent after a line": stall(b"HTTP/1.1 200 OK\r\n"),
    "dripping status": drip(b"", b"H"), "dripping value": drip(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "dripping lines": drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.06),
    "dripping 100s": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n")}
BODIES = {
    "silent": stall(OK % 99), "silent within": stall(OK % 99 + b"{"),
    "silent, ends with connection": stall(b"HTTP/1.1 200 OK\r\n\r\n{"),
    "silent before its end": stall(OK % 13 + EMPTY_PAGE), "silent chunk": stall(CHUNKED + b"1\r\n{\r\n"),
    "silent before the last chunk": stall(CHUNKED + b"c\r\n%s\r\n" % EMPTY_PAGE),
    "dripping chunk size": drip(CHUNKED, b"0"), "dripping extension": drip(CHUNKED + b"1;x=", b"y"),
    "dripping trailers": drip(CHUNKED + b"c\r\n%s\r\n0\r\n" % EMPTY_PAGE, b"X: y\r\n", 0.06)}
FLOODS = {
    "100s": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99, 0),
    "trailers": drip(CHUNKED + b"c\r\n%s\r\n0\r\n" % EMPTY_PAGE, b"X: y\r\n" * 9999, 0)}


@rule("3.5", "3.8")
@pytest.mark.parametrize("answer", list(HEADERS.values()), ids=list(HEADERS))
def test_headers_that_do_not_end_are_1_within_one_timeout_and_not_asked_for_again(plane, answer):
    plane.script(answer)
    read_timeout(plane)
    assert was_asked_once(plane)


@rule("3.5", "3.8")
@pytest.mark.parametrize("answer", [HEADERS["silent"], HEADERS["dripping value"]], ids=["silent", "dripping"])
def test_headers_that_do_not_end_are_1_over_tls_too(tls_plane, answer):
    tls_plane.script(answer)
    read_timeout(tls_plane)
    wait_until(lambda: tls_plane.connections == 1)


@rule("3.5", "3.8")
@pytest.mark.parametrize("answer", list(BODIES.values()), ids=list(BODIES))
def test_body_that_falls_silent_is_1_within_one_timeout_and_not_asked_for_again(plane, answer):
    result, slept = ask(plane, answer, argv=QUICK)
    assert (result.code, slept) == (1, []) and was_asked_once(plane)
    assert "took more than 0.1 s" in result.err and "--timeout" in read_hint(result)


@rule("3.5", "3.8")
@pytest.mark.parametrize("answer", list(FLOODS.values()), ids=list(FLOODS))
def test_flood_is_1_within_one_timeout_and_not_asked_for_again(plane, answer):
    """Some versions of http.client stop it at the hundredth, and say so in words of their own."""
    result, slept = ask(plane, answer, argv=QUICK)
    assert (result.code, slept) == (1, []) and "error: " in result.err and was_asked_once(plane)


@rule("3.5")
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_that_drips_is_no_silence(plane, framing):
    body = execution([target(inline(b"done\n"))])
    plane.script(Reply(body, framing=framing, slices=len(encode(body)) // 8, pause=0.06))
    result = run_cli(*GET + ("--timeout", "0.4", "--output", "raw"), plane=plane)
    assert (result.code, result.out, count_contacts(plane)) == (0, b"done\n", (1, 1))


@rule("3.5")
@pytest.mark.parametrize("now, code", [(20.0, 0), (30.0, 1), (31.0, 1)])
def test_headers_have_30_seconds_and_a_dripping_server_no_more(plane, now, code):
    times = [0.0]

    def answer(sock):
        """Answer in two pieces, so much later: time is looked at between them."""
        times[0] = now
        sock.sendall(b"HTTP/1.1 200 OK\r\n")
        sock.recv(1) if code else sock.sendall(b"Content-Length: 12\r\n\r\n" + EMPTY_PAGE)

    plane.script(answer)
    transport = program.Transport(program.Server.parse(plane.url), TOKEN, clock=lambda: times[0])
    try:
        assert list(program.get_page(transport, PROJECT, {}).elements) == [] and code == 0
    except program.RemoteError as error:
        assert code == 1 and "more than 30 s" in str(error)
    finally:
        transport.close()


# ---- the bodies of errors

@rule("3.5", "6.1")
@pytest.mark.parametrize("size, code", [(65536, 77), (65537, 4), (1 << 20, 4)])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_errors_body_is_read_to_64_kib(plane, size, code, framing):
    body = encode({"code": "rebac_denied", "detail": ""})
    body = body.replace(b'""', b'"%s"' % (b"d" * (size - len(body))))
    assert run_against(plane, Reply(body, 403, framing=framing, slices=40000), *LIST).code == code


FORBIDDEN = b"HTTP/1.1 403 No\r\n"
PARTIAL = {
    "silent": stall(FORBIDDEN + b"Content-Length: 999\r\n\r\n" + DENIED),
    "dripping": drip(FORBIDDEN + b"Content-Length: 99999\r\n\r\n" + DENIED, b" "),
    "dripping, ends with connection": drip(FORBIDDEN + b"\r\n" + DENIED, b" "),
    "dripping chunks": drip(FORBIDDEN + b"Transfer-Encoding: chunked\r\n\r\n17\r\n%s\r\n" % DENIED, b"1\r\n \r\n"),
    "cut": Reply(DENIED + b" " * 8, 403, cut=30), "short": Reply(DENIED, 403, announce=99),
    "cut chunk": Reply(DENIED + b" " * 8, 403, framing="chunked", slices=30, cut=30),
    "reset": reset_after(FORBIDDEN + b"Content-Length: 999\r\n\r\n" + DENIED),
    "slow": Reply(DENIED + b" " * 8, 403, slices=8, pause=0.03)}


@rule("3.5", "6.1")
@pytest.mark.parametrize("answer", list(PARTIAL.values()), ids=list(PARTIAL))
def test_errors_body_is_read_for_one_timeout_and_what_came_is_used(plane, answer):
    ends = isinstance(answer, Reply)        # what does not end is read for the whole timeout
    result, slept = ask(plane, answer, argv=LIST + ("--timeout", "5" if ends else "0.3"))
    assert (result.code, slept, count_contacts(plane)) == (77, [], (1, 1))
    assert "error: HTTP 403 " in result.err and "rebac_denied" in result.err


@rule("3.5", "6.1")
def test_errors_body_has_a_timeout_of_its_own(plane):
    times, traced = [0.0], threading.Event()

    def answer(sock):
        """Send the headers after 20 of the 30 seconds, and the body after 20 more."""
        times[0] = 20.0
        sock.sendall(FORBIDDEN + b"Content-Length: %d\r\n\r\n" % len(DENIED))
        traced.wait(PATIENCE)
        times[0] = 40.0
        for piece in (DENIED[:5], DENIED[5:]):
            sock.sendall(piece)
            time.sleep(0.05)

    plane.script(answer)
    transport = program.Transport(program.Server.parse(plane.url), TOKEN, clock=lambda: times[0],
                                  trace=lambda text: text.startswith("< ") and traced.set())
    with pytest.raises(program.APIError) as caught:
        program.get_page(transport, PROJECT, {})
    assert caught.value.exit_code == 77
    transport.close()


@rule("3.5")
def test_errors_body_has_one_timeout_in_all(plane):
    """A second passes with each piece of a body that goes on; of the 30 seconds the last is the 30th."""
    times, pieces = [0.0], []

    def answer(sock):
        sock.sendall(FORBIDDEN + b"Content-Length: 999\r\n\r\n" + DENIED)
        while len(pieces) < 200:
            traced.wait(PATIENCE)
            time.sleep(0.01)        # so that each piece is read by itself
            times[0] += 1.0
            pieces.append(b" ")
            sock.sendall(b" ")

    traced = threading.Event()
    plane.script(answer)
    transport = program.Transport(program.Server.parse(plane.url), TOKEN, clock=lambda: times[0],
                                  trace=lambda text: text.startswith("< ") and traced.set())
    with pytest.raises(program.APIError) as caught:
        program.get_page(transport, PROJECT, {})
    assert caught.value.exit_code == 77 and 25 < len(pieces) < 60
    transport.close()


@rule("3.5")
@pytest.mark.parametrize("broken", [b"-5\r\n", b"x\r\n", b"", b"9" * 70000], ids=shorten_id)
def test_errors_body_that_cannot_be_read_leaves_the_status(plane, broken):
    answer = FORBIDDEN + b"Transfer-Encoding: chunked\r\n\r\n" + broken
    result, slept = ask(plane, answer)
    assert (result.code, slept, count_contacts(plane)) == (4, [], (1, 1)) and "error: HTTP 403 " in result.err


ENDLESS = {
    "body": Flood(b"HTTP/1.1 500 No\r\n\r\n", b"x" * 65536),
    "chunks": Flood(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n", b"8000\r\n%s\r\n" % (b"x" * 32768)),
    "chunk size": Flood(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n", b"0" * 65536),
    "status line": Flood(b"HTTP/1.1 500 ", b"x" * 65536), "header": Flood(b"HTTP/1.1 500 No\r\nX: ", b"x" * 65536),
    "headers": Flood(b"HTTP/1.1 500 No\r\n", b"X: y\r\n" * 9999),
    "size of a good body's chunk": Flood(CHUNKED, b"0" * 65536)}


@rule("3.5", "7.1")
@pytest.mark.parametrize("flood", list(ENDLESS.values()), ids=list(ENDLESS))
def test_flood_is_left_long_before_the_timeout(plane, flood):
    flood.sent = 0
    result, slept = ask(plane, flood)
    assert (result.code, slept, count_contacts(plane)) == (1, [], (1, 1)) and result.err.count("error: ") == 1
    plane.close()
    assert flood.sent < 32 << 20        # what fits into the buffers of two sockets, not what half a minute brings


# ---- the kept connection

@rule("3.7")
@pytest.mark.parametrize("first, connections", [
    (Reply(MORE), 1), (Reply(MORE, framing="chunked"), 1), (Reply(MORE, framing="close"), 2),
    (Reply(MORE, headers=[("Connection", "close")]), 2), (Reply(MORE, close=True), 2),
    (b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(encode(MORE)), encode(MORE)), 2)],
    ids=["kept", "chunked", "without length", "announced", "went cold", "HTTP/1.0"])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_connection_is_kept_and_a_closed_one_reopened_in_silence(tls, first, connections):
    with ControlPlane(tls) as plane:
        result, slept = ask(plane, first, Reply(page()), argv=ALL)
        assert (result.code, result.err, slept, count_contacts(plane)) == (0, "", [], (connections, 2))


#: What follows a good answer on the same connection, the pauses, and the numbers of connections and of requests.
@rule("3.7", "3.8")
@pytest.mark.parametrize("faults, slept, counts", [
    ([DROP], [], (2, 3)), ([RESET], [], (2, 3)), ([DROP, DROP], [0.5], (3, 4)), ([RESET, RESET], [0.5], (3, 4)),
    ([DROP] * 3, [0.5, 1.0], (4, 5)), ([DROP] * 4, [0.5, 1.0], (4, 5)), ([b"H"], [0.5], (2, 3)),
    ([b"HTTP/1.1 200 OK\r\nX"], [0.5], (2, 3)), ([Reply(b"", 503)], [0.5], (2, 3))],
    ids=["dropped", "reset", "dropped twice", "reset twice", "dropped three times", "dropped four times",
         "dropped after a byte", "dropped within headers", "503"])
def test_fault_on_a_kept_connection_is_forgiven_once_before_any_byte_and_then_counts(plane, faults, slept, counts):
    result, pauses = ask(plane, Reply(MORE), *faults + [Reply(page())], argv=ALL)
    assert (pauses, count_contacts(plane), result.err.count("retry: ")) == (slept, counts, len(slept))
    assert result.code == (1 if len(faults) == 4 else 0)


@rule("3.7")
def test_each_page_may_find_a_cold_connection(plane):
    cold = [Reply(page(next_cursor="c%d" % number), close=True) for number in range(4)]
    result, slept = ask(plane, *cold + [Reply(page())], argv=ALL)
    assert (result.code, result.err, slept, count_contacts(plane)) == (0, "", [], (5, 5))


@rule("3.7")
@pytest.mark.parametrize("take", [0, 1])
def test_abandoned_body_is_not_read_as_the_next_answer(plane, take):
    """The first page is still held, as a traceback may hold it, and PyPy whatever one does."""
    transport = make_transport(plane, Clock())
    plane.script(Reply(page(execution(), execution()), slices=100), Reply(page(execution(status="failed"))))
    first = program.get_page(transport, PROJECT, {})
    for _ in zip(range(take), first.elements):
        pass
    item, = program.get_page(transport, PROJECT, {}).elements
    assert item["status"] == "failed" and count_contacts(plane) == (2, 2)
    transport.close()


@rule("3.7", "6.2")
def test_transport_goes_on_after_an_error(plane):
    transport = make_transport(plane, Clock())
    plane.script(Reply({"title": "No"}, 404), Reply(page(execution())))
    with pytest.raises(program.APIError) as caught:
        program.get_page(transport, PROJECT, {})
    assert (caught.value.status, caught.value.problem, caught.value.exit_code) == (404, {"title": "No"}, 1)
    assert len(list(program.get_page(transport, PROJECT, {}).elements)) == 1
    transport.close()


# ---- retries

LOST = {"dropped": DROP, "reset": RESET, "first byte": b"H", "status": b"HTTP/1.1 2", "status line": b"HTTP/1.1 200",
        "headers": b"HTTP/1.1 200 OK\r\n", "CR": b"HTTP/1.1 200 OK\r", "header": b"HTTP/1.1 200 OK\r\nX: y",
        "a 100": b"HTTP/1.1 100 Continue\r\n\r\n"}
BUSY = {"429": Reply(b"", 429), "502": Reply(b"", 502), "503 HTML": Reply(b"<html>", 503), "504": Reply(b"", 504),
        "503 cut": Reply(b"x" * 99, 503, cut=9), "503 with Location": Reply(b"", 503, [("Location", "/y")])}
TRANSIENT = dict(BUSY, **{"lost after " + name: answer for name, answer in LOST.items()})


@rule("3.8", "6.2")
@pytest.mark.parametrize("fault", list(TRANSIENT.values()), ids=list(TRANSIENT))
@pytest.mark.parametrize("times", [1, 2, 3])
def test_transient_fault_is_retried_twice(plane, fault, times):
    result, slept = ask(plane, *[fault] * times + [Reply(page())])
    assert (result.code, slept) == (int(times == 3), [0.5, 1.0][:times])
    assert result.err.count("retry: ") == len(slept) and len(plane.requests) == min(times + 1, 3)


@rule("3.8")
@pytest.mark.parametrize("fault", [DROP, RESET, LOST["header"]], ids=["dropped", "reset", "lost within headers"])
def test_connection_that_is_lost_over_tls_is_retried_too(tls_plane, fault):
    result, slept = ask(tls_plane, fault, fault, Reply(page()))
    assert (result.code, slept, count_contacts(tls_plane)) == (0, [0.5, 1.0], (3, 3))


@rule("3.8", "6.2")
@pytest.mark.parametrize("status", [
    201, 204, 206, 302, 304, 400, 401, 403, 404, 405, 408, 409, 410, 418, 425, 428, 430, 500, 501, 505, 507, 509, 599])
def test_no_other_status_is_retried(plane, status):
    result, slept = ask(plane, Reply(b"", status), Reply(page()))
    assert result.code == {401: 3, 403: 4}.get(status, 1) and "error: HTTP %d" % status in result.err
    assert (result.out, slept, count_contacts(plane)) == (b"", [], (1, 1))


NO_HTTP = {"no HTTP": b"no HTTP\r\n\r\n", "SSH": b"SSH-2.0-OpenSSH_9.6\r\n" * 2,
           "TLS alert": b"\x15\x03\x03\x00\x02\x02\x46\r\n", "long status": b"HTTP/1.1 %s\r\n\r\n" % (b"9" * 70000)}
FINAL = {
    "cut body": Reply(page(), cut=9), "reset body": Reply(page(), cut=9, reset=True),
    "short body": Reply(b"{", announce=9), "cut chunk": Reply(page(), framing="chunked", cut=2),
    "reset within the body": reset_after(OK % 99 + b"{"),
    "reset after a chunk": reset_after(CHUNKED + b"1\r\n{\r\n"), "no chunk size": CHUNKED + b"1\r\n{\r\n-5\r\n",
    "gzip": Reply(b"x", headers=[("Content-Encoding", "gzip")])}


@rule("3.8")
@pytest.mark.parametrize("answer", list(FINAL.values()), ids=list(FINAL))
def test_fault_after_the_headers_is_not_retried(plane, answer):
    result, slept = ask(plane, answer, Reply(page()))
    assert (result.code, slept, count_contacts(plane)) == (1, [], (1, 1)) and result.err.count("error: ") == 1


@rule("3.8", "6.2")
@pytest.mark.parametrize("answer", list(NO_HTTP.values()), ids=list(NO_HTTP))
@pytest.mark.parametrize("then", ["goes", "stays"])
def test_something_else_than_http_is_1_with_a_hint_and_not_retried(plane, answer, then):
    result, slept = ask(plane, answer if then == "goes" else stall(answer), Reply(page()))
    assert read_error(result) and "is this the API?" in read_hint(result)
    assert (slept, count_contacts(plane)) == ([], (1, 1))


@rule("3.8")
def test_faults_of_several_kinds_share_the_two_retries_of_a_read(plane):
    assert ask(plane, DROP, Reply(b"", 429), RESET, Reply(page()))[1] == [0.5, 1.0]
    assert len(plane.requests) == 3


@rule("3.8")
def test_each_read_has_two_retries(plane):
    busy = Reply(b"", 503)
    result, slept = ask(plane, DROP, busy, Reply(MORE), busy, busy, Reply(page()), argv=ALL)
    assert (result.code, slept, len(plane.requests)) == (0, [0.5, 1.0] * 2, 6)


@rule("3.8", "6.2")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_refused_connection_ends_at_once(plane, scheme):
    with nobody_listening() as address:
        result, slept = ask(plane, env={"PLEXSPHERE_URL": "%s://%s" % (scheme, address)})
    assert address in read_error(result) and "refused" in result.err and "--server" in read_hint(result) and slept == []


@rule("3.8", "6.2")
@pytest.mark.parametrize("name", [NO_NAME, LONG_LABEL, LONG_NAME, "." + NO_NAME], ids=[
    "empty label", "label of 65 letters", "304 characters", "begins with a dot"])
@pytest.mark.parametrize("argv, scheme", [((), "https"), (("--allow-http",), "http")], ids=["https", "http"])
def test_name_that_is_no_name_ends_at_once(plane, name, argv, scheme):
    result, slept = ask(plane, argv=LIST + argv, env={"PLEXSPHERE_URL": "%s://%s:8080/x" % (scheme, name)})
    assert name[:60] in read_error(result) and "resolve" in result.err
    assert "--server" in read_hint(result) and slept == []


@rule("3.8")
@pytest.mark.parametrize("header, pause", [
    ("0", 0), ("1", 1), ("007", 7), ("29", 29), ("30", 30), ("31", 30), ("86400", 30), (str(10 ** 30), 30), (" 3 ", 3),
    ("9" * 5000, 30), ("", .5), ("-5", .5), ("-0", .5), ("soon", .5), ("+3", .5), ("3 s", .5), ("1e3", .5),
    ("0x10", .5), ("\xb3", .5), ("1_0", .5), ("Infinity", .5), ("nan", .5), ("3, 4", .5),
    ("Sun, 06 Nov 1994 08:49:37 GMT", .5), ("Fri, 31 Dec 9999 23:59:59 GMT", .5), ("Mon, 01 Jan", .5)], ids=shorten_id)
def test_retry_after_is_whole_seconds_and_30_at_most(plane, header, pause):
    result, slept = ask(plane, Reply(b"", 503, [("Retry-After", header)]), Reply(page()))
    assert (result.code, sum(slept), len(plane.requests)) == (0, pause, 2)


@rule("3.8")
@pytest.mark.parametrize("status", [429, 502, 504])
def test_retry_after_counts_whatever_is_retried(plane, status):
    assert ask(plane, Reply(b"", status, [("Retry-After", "9")]), Reply(page()))[1] == [9]


@rule("3.8")
def test_retry_after_of_one_answer_does_not_hold_for_the_next(plane):
    busy = Reply(b"", 503)
    assert ask(plane, Reply(b"", 503, [("Retry-After", "7")]), busy, busy)[1] == [7, 1.0]


@rule("3.8")
def test_pause_before_a_retry_is_a_real_one(plane):
    plane.script(Reply(b"", 503), Reply(page()))
    began = time.monotonic()
    assert run_process(*LIST, plane=plane).code == 0 and time.monotonic() - began >= 0.5


@rule("3.8")
def test_each_retry_is_told_on_a_line_of_stderr(plane):
    faults = Reply(b"", 503, [("Retry-After", "7")]), Reply({"title": "Slow down", "code": "busy"}, 429)
    result, slept = ask(plane, *faults + (Reply(page()),))
    retries = result.err.splitlines()
    assert (result.code, slept, len(retries)) == (0, [7, 1], 2)
    assert re.match(r"retry: HTTP 503 Service Unavailable; .*\b7(\.0)? s", retries[0])
    assert re.match(r"retry: HTTP 429 Slow down; code busy; .*\b1(\.0)? s", retries[1])
    result, _ = ask(plane, DROP, Reply(page()))
    assert re.match(r"retry: .*lost.*\b0\.5 s\n\Z", result.err)


# ---- interim answers

@rule("3.9")
@pytest.mark.parametrize("interim", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n",
                                     b"HTTP/1.1 100 Continue\r\n\r\n" * 3], ids=["one", "with a header", "three"])
def test_interim_100_is_skipped(plane, interim):
    result, slept = ask(plane, interim + OK % 12 + EMPTY_PAGE)
    assert (result.code, slept, count_contacts(plane)) == (0, [], (1, 1)) and result.out.startswith(b"ID ")


@rule("3.9")
@pytest.mark.parametrize("status", [101, 102, 103, 199])
def test_other_interim_answer_ends_the_run(plane, status):
    head = b"HTTP/1.1 %d Xyz\r\nLink: </style.css>\r\n\r\n" % status
    result, slept = ask(plane, head + OK % 12 + EMPTY_PAGE, Reply(page()))
    assert "HTTP %d" % status in read_error(result) and (slept, count_contacts(plane)) == ([], (1, 1))


# ---- lines on standard error

@rule("3.9")
@pytest.mark.parametrize("length", [3990, 3991, 9000, 60000])
def test_line_of_the_trace_has_at_most_4000_characters(plane, length):
    result = run_against(plane, Reply(page(), headers=[("X-Long", "a" * length)]), *LIST + ("-v",))
    line, = [line for line in result.err.splitlines() if line.startswith("< X-Long:")]
    assert len(line) <= 4000 and (length > 3990 or line == "< X-Long: " + "a" * length)


@rule("3.9")
@pytest.mark.parametrize("letter", ["a", "\x1b", "\u20ac", "\U000e0001"], ids=ascii)
def test_error_is_cut_at_4000_characters(plane, letter):
    error = read_error(run_against(plane, Reply({"detail": letter * 5000}, 400), *LIST))
    assert 3900 < len(error) <= 4000


@rule("1.3", "2.7")
@pytest.mark.parametrize("flag", ["-v", "--verbose"])
def test_trace_shows_every_request_and_response_on_stderr_alone(plane, flag):
    plain = run_cli(*LIST, plane=plane)
    assert plain.err == ""
    traced, _ = ask(plane, Reply(b"", 503), None, argv=LIST + (flag,))
    assert (traced.code, traced.out) == (0, plain.out) and "\nretry: HTTP 503" in traced.err
    lines = traced.err.splitlines()
    for line in ("> GET %s HTTP/1.1" % PATH, "> Authorization: ***", "> Accept: application/json"):
        assert lines.count(line) == 2
    for line in ("< HTTP/1.1 503 Service Unavailable", "< HTTP/1.1 200 OK", "< Content-Type: application/json"):
        assert lines.count(line) == 1


@rule("2.7", "5.10")
def test_trace_is_printable_and_masks_cookies_and_whatever_echoes_the_token(plane):
    names = "Set-Cookie", "set-cookie", "COOKIE", "Authorization", "Proxy-Authorization"
    headers = [(name, "hush%d" % number) for number, name in enumerate(names)]
    headers.append(("X-Echo", "<%s>\x1b[31m\x9b" % TOKEN))
    result = run_against(plane, Reply(page(), headers=headers), *LIST + ("-v",))
    assert result.code == 0 and "hush" not in result.err and "< X-Echo: <***>\\x1b[31m\\x9b\n" in result.err
    assert result.err.count(": ***\n") == 1 + len(names)


@rule("2.5")
@pytest.mark.parametrize("token", [
    "tok-secret-1234\x7f", "tok secret 1234", "tok\nsecret-1234", "t\u00f6k-secret", " "], ids=ascii)
def test_token_that_http_cannot_send_is_refused_and_not_quoted(token):
    with pytest.raises(program.CredentialsError) as caught:
        program.Transport(program.Server.parse("https://a.test"), token)
    assert "secret" not in str(caught.value) + str(caught.value.__context__)


# ---- a Python without TLS

WITHOUT_SSL = ("import sys; sys.modules['_ssl'] = None; sys.path.insert(0, %r); import plexctl_exec_log; "
               "sys.exit(plexctl_exec_log.main(sys.argv[1:]))" % ROOT)


def run_without_ssl(*argv, **options):
    """Run the program in a Python that cannot import _ssl, as one that was built without OpenSSL. Its Result."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_SSL] + list(argv), env=make_environment(**options),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
    return check_promises(Result(done.returncode, done.stdout, done.stderr.decode("utf-8").replace(os.linesep, "\n")))


@rule("8.4")
def test_python_without_ssl_reads_plain_http_as_ever(plane):
    assert run_without_ssl(*LIST, plane=plane) == run_cli(*LIST, plane=plane)


@rule("8.4")
@pytest.mark.parametrize("argv", [(), ("--ca-file", CA_FILE), ("-v",)], ids=["plain", "with --ca-file", "with -v"])
def test_python_without_ssl_says_so_for_https_and_connects_to_nobody(tls_plane, argv):
    result = run_without_ssl(*LIST + argv, plane=tls_plane)
    error, = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert (result.code, result.out) == (1, b"") and "this Python has no TLS" in error and tls_plane.requests == []


@rule("8.4")
@pytest.mark.parametrize("answer, says", [
    (b"no HTTP\r\n\r\n", "HTTP"), (b"HTTP/1.1 200 OK\r\n\r\n{", "malformed"), (Reply(b"", 401), "HTTP 401"),
    (stall(b""), "timed out")], ids=["no HTTP", "malformed", "401", "silent"])
def test_python_without_ssl_tells_failures_as_ever(plane, answer, says):
    plane.script(answer)
    result = run_without_ssl(*QUICK, plane=plane)
    assert result.code == (3 if "401" in says else 1) and says in result.err and "no TLS" not in result.err


@rule("8.4")
def test_python_without_ssl_tells_a_refused_connection_as_ever(plane):
    with nobody_listening() as address:
        result = run_without_ssl(*LIST, plane=plane, env={"PLEXSPHERE_URL": "http://" + address})
    assert "refused" in read_error(result)
