"""Rule 3.6: which proxies are used, what they are told, and what is never told; and 3.1 behind a proxy."""

import base64
import os
import re

import pytest

from control_plane import TOKEN, ControlPlane
from kit import LIST, WINDOWS, error_lines, page, rule, run_cli
from kit_net import NAME, NO_NAME, PATH, Proxy, Raw, ask, count_contacts, nobody_listening, read_error, read_hint, stall
from server import CA_FILE, DROP, RESET, Reply

HTTP, HTTPS = "http://" + NAME, "https://" + NAME
USER_INFO, PASSWORD = "ann:s3cret%20word@", "s3cret word"
BASIC = base64.b64encode(b"ann:" + PASSWORD.encode()).decode()
CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
FORBIDDEN_REPLY = Reply(b"", 403)
both_ways = pytest.mark.parametrize("url", [HTTP, HTTPS], ids=["http", "https"])


@pytest.fixture
def proxy(plane):
    with Proxy(plane) as running:
        yield running


@pytest.fixture
def tls_proxy(tls_plane):
    with Proxy(tls_plane) as running:
        yield running


def set_proxy(proxy_url, url=HTTPS, **env):
    """Return the environment of a run against a server that only a proxy can reach."""
    return dict({"PLEXSPHERE_URL": url, "PLEXSPHERE_TOKEN": TOKEN, "SSL_CERT_FILE": CA_FILE,
                 "HTTP_PROXY": proxy_url, "HTTPS_PROXY": proxy_url}, **env)


def run_list(*argv, **env):
    """Run `list` in this environment, over plain http too, and return its Result."""
    return run_cli(*LIST + ("--allow-http",) + argv, env=env)


def add_user(proxy, user_info=USER_INFO):
    """Return the proxy's URL with user info."""
    return proxy.url.replace("//", "//" + user_info)


def read_blame(result):
    """Return the error of a run that failed at the proxy, and whose hint names its variables."""
    assert re.search("(?=.*HTTPS_PROXY)(?=.* HTTP_PROXY)(?=.*NO_PROXY)(?!.*--server)", read_hint(result)), result.err
    return read_error(result)


# ---- the two ways through

@rule("3.6b", "3.6c")
@pytest.mark.parametrize("user_info", ["", USER_INFO], ids=["no user", "user"])
def test_tunnel_for_https_reveals_nothing_of_the_request(tls_proxy, user_info):
    result = run_list(**set_proxy(add_user(tls_proxy, user_info)))
    (tunnel,), (inner,) = tls_proxy.requests, tls_proxy.plane.requests
    told = {name: value for name, value in tunnel.headers.items() if name != "host"}    # http.client's, from 3.12 on
    assert result.code == 0
    assert (tunnel.method, tunnel.target) == ("CONNECT", NAME + ":443")
    assert told == ({"proxy-authorization": "Basic " + BASIC} if user_info else {})
    assert (inner.target, inner.headers["host"], inner.headers["authorization"]) == (PATH, NAME, "Bearer " + TOKEN)
    assert "proxy-authorization" not in inner.headers


@rule("3.6b")
@pytest.mark.parametrize("user_info, pair", [
    ("", None), ("ann@", b"ann:"), (":b@", b":b"), ("a%3Ab:c%40d@", b"a:b:c@d"), ("a+b:c@", b"a+b:c"),
    ("ann@b:c@d@", b"ann@b:c@d"), ("ann:\udcff@", b"ann:" + os.fsencode("\udcff")),
    ("%C3%A4:%FF@", b"\xc3\xa4:\xff"), ("ann:" + "x" * 99 + "@", b"ann:" + b"x" * 99)])
def test_http_uses_absolute_form_and_user_info_is_percent_decoded(proxy, user_info, pair):
    result = run_list(**set_proxy(add_user(proxy, user_info), HTTP))
    request, = proxy.requests
    assert result.code == 0
    assert (request.method, request.target) == ("GET", HTTP + PATH)
    assert request.headers["host"] == NAME and request.headers["authorization"] == "Bearer " + TOKEN
    assert request.headers.get("proxy-authorization") == (pair and "Basic " + base64.b64encode(pair).decode())


@rule("3.6c", "3.1")
@pytest.mark.parametrize("url, target, host", [
    (HTTP + ":8080/api/", HTTP + ":8080/api" + PATH, NAME + ":8080"), (HTTP.upper() + ":00080", HTTP + PATH, NAME),
    (HTTP + ":443/%41", HTTP + ":443/%41" + PATH, NAME + ":443"), (HTTPS + ":8443/a", NAME + ":8443", NAME + ":8443"),
    ("http://[FF02::DB8]", "http://[ff02::db8]" + PATH, "[ff02::db8]"), (HTTPS + ":00443", NAME + ":443", NAME),
    ("http://[FF02::DB8]:8", "http://[ff02::db8]:8" + PATH, "[ff02::db8]:8"),
    (HTTPS + ":80", NAME + ":80", NAME + ":80")])
def test_connect_names_the_port_and_host_header_omits_a_default_one(url, target, host):
    with ControlPlane(tls=url.startswith(HTTPS)) as plane, Proxy(plane) as proxy:
        (plane if plane.context else proxy).script(Reply(page()))
        assert run_list(**set_proxy(proxy.url, url)).code == 0
        assert (proxy.requests[0].target, (plane.requests or proxy.requests)[0].headers["host"]) == (target, host)


@rule("3.6g", "3.2a")
@pytest.mark.parametrize("name, first", [("other.test", b""), (NAME, CONNECTED), (NAME, CONNECTED + b"no TLS")],
                         ids=["another name", "cut", "no TLS"])
def test_tunnel_without_valid_tls_exits_1_without_blaming_the_proxy(tls_proxy, name, first):
    def talk(sock):
        sock.sendall(first)
        sock.recv(65536)        # its greeting: what is closed before that is reset

    result, slept = ask(tls_proxy, talk if first else None, env=set_proxy(tls_proxy.url, "https://" + name))
    assert "TLS with %s failed: " % name in read_error(result) and "_PROXY" not in read_hint(result)
    assert (slept, len(tls_proxy.requests), tls_proxy.plane.requests) == ([], 1, [])


@rule("3.7", "3.7a")
def test_tunnel_is_kept_across_pages_and_silently_reopened(tls_proxy):
    tls_proxy.plane.script(Reply(page(next_cursor="b")), Reply(page(next_cursor="c"), close=True), Reply(page()))
    result = run_list("--all", **set_proxy(tls_proxy.url))
    contacts = count_contacts(tls_proxy), count_contacts(tls_proxy.plane)
    assert (result.code, result.err, contacts) == (0, "", ((2, 2), (2, 3)))


# ---- which proxy

@rule("3.6")
@pytest.mark.parametrize("scheme, env, used", [
    ("http", {"HTTP_PROXY": "A"}, True), ("https", {"https_proxy": "http://A"}, True), ("http", {}, False),
    ("http", {"HTTPS_PROXY": "A"}, False), ("https", {"HTTP_PROXY": "A"}, False), ("http", {"HTTP_PROXY": ""}, False),
    ("http", {"ALL_PROXY": "A", "all_proxy": "A"}, False), ("http", {"HTTP_PROXY": "HTTP://A/"}, True),
    ("http", {"HTTP_PROXY": "A", "REQUEST_METHOD": "GET"}, False), ("https", {"HTTPS_PROXY": "ann:b@c@A"}, True),
    ("http", {"http_proxy": "A", "REQUEST_METHOD": "GET"}, True), ("http", {"HTTP_PROXY": "", "http_proxy": "A"}, True),
    ("http", {"HTTP_PROXY": "A", "http_proxy": ""}, False)])
def test_proxy_is_the_one_that_urllib_finds(proxy, scheme, env, used):
    if WINDOWS and "http_proxy" in env:
        pytest.skip("a variable has one spelling on Windows, in upper case")
    proxy.script(FORBIDDEN_REPLY)
    env = {name: value.replace("A", "%s:%d" % proxy.address[:2]) for name, value in env.items()}
    # Without a proxy this name is not even asked for.
    run_list(PLEXSPHERE_URL="%s://%s" % (scheme, NAME if used else NO_NAME), PLEXSPHERE_TOKEN=TOKEN, **env)
    assert proxy.connections == used


@rule("3.6a", "2.7")
@pytest.mark.parametrize("value", [
    "http://", "http://ann:hunter22@", "http://hunter22:0", "http://hunter22:65536", "http://hunter22:p",
    "http://hunter22?x", "http://hunter22#x", "socks5://ann:hunter22@proxy", "https://ann:hunter22@proxy",
    "http:hunter22", "//hunter22", "hunter22..test", "http://hunter 22", "http://http://hunter22",
    "http://h\u00f6nter22:8"], ids=ascii)
@pytest.mark.parametrize("url, variable", [(HTTPS, "Https_Proxy"), (HTTP, "HTTP_PROXY")], ids=["https", "http"])
def test_unusable_proxy_exits_2_and_is_not_shown(value, url, variable):
    result = run_list(PLEXSPHERE_URL=url, PLEXSPHERE_TOKEN=TOKEN, **{variable.upper(): "proxy", variable: value})
    assert (result.code, result.out) == (2, b"")
    assert error_lines(result)[0].startswith((variable.upper() if WINDOWS else variable) + ": ")
    assert "nter" not in result.err and "ann" not in result.err


@rule("3.6")
@pytest.mark.parametrize("host, no_proxy, bypassed", [
    ("NAME", " , ,", False), ("NAME", "*", True), ("B.NAME", "b.NAME", True), ("NAME", "b, NAME ,", True),
    ("x.NAME", "NAME", True), ("xNAME", "NAME", False), ("NAME", "x.NAME", False), ("x.NAME", ".NAME", True),
    ("NAME", "NAME:80", True), ("NAME:8", "NAME:8", True), ("NAME:8", "NAME:9", False), ("NAME:8", "NAME", True),
    ("224.1.2.3", "224.1.2.3", True), ("224.1.2.3", "224.1.2.30", False),
    ("224.1.2.3", "224.0.0.0/8", False), ("[ff02::db8]", "ff02::/16", False)])
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_no_proxy_works_as_in_urllib(proxy, variable, host, no_proxy, bypassed):
    """No bypass sends a packet: NO_NAME is not asked for, a multicast address cannot be connected to."""
    proxy.script(FORBIDDEN_REPLY)
    host, no_proxy = host.replace("NAME", NO_NAME), no_proxy.replace("NAME", NO_NAME)
    run_list(**set_proxy(proxy.url, "http://" + host, **{variable: no_proxy}))
    assert count_contacts(proxy) == ((0, 0) if bypassed else (1, 1))


@rule("3.6d", "3.3")
@pytest.mark.parametrize("host, proxied", [
    ("localhost", False), ("LOCALHOST", False), ("127.9.9.9", False), ("[::1]", False), ("0.0.0.0", False),
    ("[::]", False), ("[0:0::1]", False), ("a.localhost", True)])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_this_host_is_never_proxied_but_localhost_subdomains_are(proxy, scheme, host, proxied):
    proxy.script(FORBIDDEN_REPLY)
    with nobody_listening() as address:
        result = run_list(**set_proxy(proxy.url, "%s://%s:%s" % (scheme, host, address.rpartition(":")[2])))
    assert result.code != 0
    assert proxy.connections == proxied


@rule("2.7", "2.7b")
@pytest.mark.parametrize("answer", [None, b"no\r\n\r\n"] + [
    b"HTTP/1.1 407 who is %s\r\nContent-Length: 0\r\n\r\n" % echo.encode() for echo in (BASIC, PASSWORD)],
    ids=ascii)
@both_ways
def test_proxy_credentials_are_masked_even_when_echoed(url, answer):
    with ControlPlane(tls=url == HTTPS) as plane, Proxy(plane) as proxy:
        proxy.script(answer)
        result = run_list("-v", **set_proxy(add_user(proxy), url))
    assert (result.code == 0) == (answer is None)
    assert "NO_PROXY" in result.err or b"407" not in (answer or b"")
    assert "> Proxy-Authorization: ***\n" in result.err
    assert ("> CONNECT %s:443" % NAME in result.err) == (url == HTTPS)
    assert not [secret for secret in (BASIC, "s3cret", "ann:") if secret in result.err]


@rule("2.7")
def test_unprintable_password_of_a_proxy_is_masked(plane):
    with Proxy(plane) as proxy:
        proxy.script(Reply({"detail": "not pass\tword-1"}, 400))
        env = {"PLEXSPHERE_URL": "http://" + NO_NAME, "PLEXSPHERE_TOKEN": plane.token,
               "HTTP_PROXY": proxy.url.replace("//", "//ann:pass%09word-1@")}
        result = run_cli(*LIST + ("--allow-http",), env=env)
        assert (result.code, len(proxy.requests)) == (1, 1)
    assert "not ***" in error_lines(result)[0]


# ---- proxies that refuse, break or hang

PROXY_FAULTS = {str(status): Reply(b"no", status, [("Location", "http://else.test/")])
                for status in (302, 403, 407, 503)}
PROXY_FAULTS.update({"dropped": DROP, "reset": RESET, "SSH": b"SSH-2.0-OpenSSH\r\n\r\n", "long line": b"x" * 70000})


@rule("3.6e")
@pytest.mark.parametrize("name", sorted(PROXY_FAULTS))
def test_refused_tunnel_fails_at_once_and_names_the_proxy(proxy, name):
    result, slept = ask(proxy, PROXY_FAULTS[name], env=set_proxy(proxy.url))
    error = read_blame(result)
    assert " %s through proxy 127.0.0.1:%d" % (NAME, proxy.address[1]) in error
    assert name in error or not name.isdigit()
    assert "user:password@" in read_hint(result)
    assert (slept, len(proxy.requests)) == ([], 1)


@rule("3.6e", "3.6a")
@both_ways
@pytest.mark.parametrize("proxy_url, says", [
    ("%s", " through proxy %s: "), (NO_NAME, " through proxy {0}:80: the name {0} does not resolve".format(NO_NAME))],
    ids=["dead", "no name"])
def test_unreachable_proxy_exits_1_and_is_named(url, proxy_url, says):
    with nobody_listening() as address:
        assert says.replace("%s", address) in read_blame(run_list(**set_proxy(proxy_url.replace("%s", address), url)))


@rule("3.6e", "3.6f", "3.6g", "3.5")
@pytest.mark.parametrize("url, first", [
    (HTTP, b""), (HTTPS, b""), (HTTPS, b"HTTP/1.1 200 OK\r\nX: y"), (HTTPS, CONNECTED)], ids=ascii)
def test_silent_proxy_exits_1_within_the_timeout(url, first):
    with Raw(stall(first)) as proxy:
        result, slept = ask(proxy, argv=LIST + ("--timeout", "0.1", "--allow-http"), env=set_proxy(proxy.url, url))
        says = "no response" if url == HTTP else "connecting to %s through proxy %s:%d" % ((NAME,) + proxy.address)
        assert "timed out: " + says in (read_error if url == HTTP else read_blame)(result) and slept == []
        assert "--timeout longer than 0.1 s" in read_hint(result)
