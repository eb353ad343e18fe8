"""Section 3, proxies: which are used, what they are told, and what is never told."""

import base64
import os

import pytest

import plexctl_exec_log as program
from control_plane import CA_FILE, DROP, PROJECT, TOKEN, ControlPlane, Reply
from kit import LIST, page, run_cli, surroundings
from kit_net import NAME, Proxy, asked, bare_socket

HTTP, HTTPS = "http://" + NAME, "https://" + NAME
PATH = "/v1/projects/%s/executions" % PROJECT
PASSWORD = "s3cret word"
USER_INFO = "ann:s3cret%20word@"
BASIC = base64.b64encode(b"ann:" + PASSWORD.encode()).decode()


@pytest.fixture
def proxy(plane):
    with Proxy(plane) as running:
        yield running


@pytest.fixture
def tls_proxy(tls_plane):
    with Proxy(tls_plane) as running:
        yield running


def around(url, **env):
    """The environment of a run against a server that only a proxy can reach."""
    return dict({"PLEXSPHERE_URL": url, "PLEXSPHERE_TOKEN": TOKEN, "SSL_CERT_FILE": CA_FILE,
                 "PLEXSPHERE_ALLOW_HTTP": "1"}, **env)


def run(url, *argv, **env):
    return run_cli(*LIST + argv, env=around(url, **env))


def chosen(url, **env):
    """The proxy that is used for the url, or None."""
    with surroundings(env=env):
        return program.find_proxy(program.Server.parse(url), os.environ)


def with_user(proxy, user_info=USER_INFO):
    return proxy.url.replace("//", "//" + user_info)


# ---- the two ways through

def test_https_goes_through_a_tunnel_and_its_proxy_never_sees_the_token(tls_proxy):
    result = run(HTTPS, HTTPS_PROXY=with_user(tls_proxy))
    tunnel, = tls_proxy.requests
    assert result.code == 0 and (tunnel.method, tunnel.target) == ("CONNECT", NAME + ":443")
    assert tunnel.headers["proxy-authorization"] == "Basic " + BASIC and TOKEN not in repr(tunnel)
    inner, = tls_proxy.plane.requests
    assert inner.target == PATH and inner.headers["host"] == NAME and "proxy-authorization" not in inner.headers


def test_http_goes_in_absolute_form(proxy):
    result = run(HTTP, HTTP_PROXY=with_user(proxy))
    request, = proxy.requests
    assert result.code == 0 and (request.method, request.target) == ("GET", HTTP + PATH)
    assert request.headers["host"] == NAME and request.headers["authorization"] == "Bearer " + TOKEN
    assert request.headers["proxy-authorization"] == "Basic " + BASIC


@pytest.mark.parametrize("url, target, host", [     # the Host of a CONNECT is http.client's
    (HTTPS + ":8443/prefix", NAME + ":8443", None), ("https://10.1.2.3:9", "10.1.2.3:9", None),
    (HTTP + ":8080/api/", HTTP + ":8080/api" + PATH, NAME + ":8080"), ("http://[2001:DB8::1]", "http://[2001:db8::1]" + PATH, "[2001:db8::1]")])
def test_proxy_is_told_host_port_and_prefix(proxy, url, target, host):
    proxy.script(Reply(b"", 403))
    run(url, HTTP_PROXY=proxy.url, HTTPS_PROXY=proxy.url)
    request, = proxy.requests
    assert request.target == target and host in (request.headers.get("host"), None)
    assert "proxy-authorization" not in request.headers


def test_name_is_verified_through_a_tunnel(tls_proxy):
    result = run("https://other.test", HTTPS_PROXY=tls_proxy.url)
    assert result.code == 1 and "no TLS with" in result.err and tls_proxy.plane.requests == []


@pytest.mark.parametrize("url", [HTTP, HTTPS])
def test_connection_through_a_proxy_is_kept_across_pages(url):
    with ControlPlane(tls=url == HTTPS) as plane, Proxy(plane) as proxy:
        result = run(url, "--all", "--limit", "20", HTTP_PROXY=proxy.url, HTTPS_PROXY=proxy.url)
        assert result.code == 0 and len(plane.requests) >= 3 and (proxy.connections, plane.connections) == (1, 1)


# ---- which proxy

@pytest.mark.parametrize("url, env, used", [
    (HTTP, {"HTTP_PROXY": "a:1"}, ("a", 1)), (HTTPS, {"HTTPS_PROXY": "a:1"}, ("a", 1)), (HTTP, {"HTTPS_PROXY": "a:1"}, None),
    (HTTPS, {"HTTP_PROXY": "a:1"}, None), (HTTP, {"HTTP_PROXY": "a:1", "http_proxy": "b:2"}, ("b", 2)),
    (HTTPS, {"HTTPS_PROXY": "a:1", "https_proxy": "b:2"}, ("b", 2)), (HTTP, {"HTTP_PROXY": ""}, None),
    (HTTP, {"http_proxy": "", "HTTP_PROXY": "a:1"}, None), (HTTP, {"ALL_PROXY": "a:1", "all_proxy": "a:1"}, None), (HTTP, {}, None),
    (HTTP, {"HTTP_PROXY": "a:1", "REQUEST_METHOD": "GET"}, None), (HTTP, {"HTTP_PROXY": "HTTP://A.b:65535/"}, ("a.b", 65535)),
    (HTTP, {"HTTP_PROXY": "proxy"}, ("proxy", 80)), (HTTPS, {"https_proxy": "http://proxy"}, ("proxy", 80)),
    (HTTPS, {"HTTPS_PROXY": "http://ann:b@c@proxy:8"}, ("proxy", 8)), (HTTPS, {"HTTPS_PROXY": "[::1]:3128"}, ("::1", 3128))])
def test_proxy_is_the_one_that_urllib_finds(url, env, used):
    found = chosen(url, **env)
    assert (found and (found.host, found.port)) == used


@pytest.mark.parametrize("value", [
    "http://", "http://ann:hunter22@", "http://hunter22:0", "http://hunter22:65536", "http://hunter22:p", "http://proxy/hunter22",
    "http://hunter22?x", "http://hunter22#x", "socks5://ann:hunter22@proxy", "https://ann:hunter22@proxy", "ftp://hunter22",
    "http:hunter22", "http://hunter 22", "//hunter22", "http://h\u00f6nter22:3128", "hunter22\n", "://hunter22/x", "http://http://hunter22"])
def test_unusable_proxy_is_2_and_not_shown(value):
    for url, variable in ((HTTPS, "https_proxy"), (HTTP, "HTTP_PROXY")):
        result = run(url, **{variable: value})
        assert (result.code, result.out) == (2, b"") and variable in result.err.replace(variable.upper(), variable)
        assert "nter" not in result.err and "ann" not in result.err


@pytest.mark.parametrize("host, no_proxy, bypassed", [
    ("a.test", "", False), ("a.test", " , ,", False), ("a.test", "*", True), ("a.test", "a.test", True), ("a.test", "A.Test", True),
    ("a.test", "b.test, a.test ,", True), ("x.a.test", "a.test", True), ("xa.test", "a.test", False), ("a.test", "x.a.test", False),
    ("a.test.evil.test", "a.test", False), ("x.a.test", ".a.test", True), ("xa.test", ".a.test", False),
    ("a.test", "a.test:443", True), ("a.test", "a.test:8443", False), ("a.test", "10.0.0.0/8", False),
    ("10.1.2.3", "10.1.2.3", True), ("10.1.2.3", "10.1.2.30", False), ("10.1.2.30", "10.1.2.3", False),
    ("10.1.2.3", "10.1.2.3:443", True), ("10.1.2.3", "10.1.2.3:80", False),
    ("10.1.2.3", "b.test, 10.0.0.0/8", True), ("11.1.2.3", "10.0.0.0/8", False), ("10.1.3.255", "10.1.2.0/23", True),
    ("10.1.4.0", "10.1.2.0/23", False), ("10.1.2.3", "10.9.9.9/8", True), ("10.1.2.3", "10.0.0.0/99", False),
    ("10.1.2.3", "fe80::/10", False), ("2001:db8::1", "2001:db8::1", True), ("2001:db8::1", "2001:DB8:0::1", True),
    ("2001:db8::1", "[2001:db8::1]", True), ("2001:db8::1", "2001:db8::/32", True), ("2001:db9::1", "2001:db8::/32", False),
    ("2001:db8::1", "2001:db8::2", False)])
def test_no_proxy_is_urllibs_with_cidr_ranges_besides(host, no_proxy, bypassed):
    url = "https://%s" % ("[%s]" % host if ":" in host else host)
    assert (chosen(url, HTTPS_PROXY="proxy:1", NO_PROXY=no_proxy) is None) == bypassed
    assert (chosen(url, HTTPS_PROXY="proxy:1", NO_PROXY="other.test", no_proxy=no_proxy) is None) == bypassed


@pytest.mark.parametrize("tls", [False, True])
def test_this_host_is_never_proxied(tls):
    with ControlPlane(tls) as plane, Proxy(plane) as proxy:
        assert run(plane.url, HTTP_PROXY=proxy.url, https_proxy=proxy.url).code == 0
        assert (proxy.connections, len(plane.requests)) == (0, 1)
    for host in ("localhost", "x.localhost", "127.9.9.9", "[::1]", "0.0.0.0", "[::]"):
        assert chosen("https://" + host, HTTPS_PROXY="proxy:1") is None


# ---- user info

@pytest.mark.parametrize("user_info, pair", [
    ("ann:b", b"ann:b"), ("ann", b"ann:"), ("ann:", b"ann:"), (":b", b":b"), ("a%3Ab:c%40d", b"a:b:c@d"), ("ann:b:c", b"ann:b:c"),
    ("ann@b:c@d", b"ann@b:c@d"), ("%C3%A4:%FF", b"\xc3\xa4:\xff"), ("a+b:c", b"a+b:c"), ("ann:" + "x" * 99, b"ann:" + b"x" * 99)])
def test_user_info_is_percent_decoded(proxy, user_info, pair):
    assert run(HTTP, HTTP_PROXY=with_user(proxy, user_info + "@")).code == 0
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic " + base64.b64encode(pair).decode()


@pytest.mark.parametrize("answer", [None, Reply(b"", 407), b"no\r\n\r\n"] + [
    b"HTTP/1.1 407 who is %s\r\nContent-Length: 0\r\n\r\n" % echo.encode() for echo in (
        "Basic " + BASIC, BASIC, PASSWORD, "s3cret%20word", USER_INFO)])
@pytest.mark.parametrize("url", [HTTP, HTTPS])
def test_proxy_credentials_are_never_on_stderr_even_where_they_are_echoed(url, answer):
    with ControlPlane(tls=url == HTTPS) as plane, Proxy(plane) as proxy:
        proxy.script(answer)
        result = run(url, "-v", HTTP_PROXY=with_user(proxy), HTTPS_PROXY=with_user(proxy))
    assert (result.code == 0) == (answer is None) and "> Proxy-Authorization: ***\n" in result.err
    assert ("> CONNECT %s:443\n" % NAME in result.err) == (url == HTTPS)
    for secret in (BASIC, "s3cret", USER_INFO, "ann:"):
        assert secret not in result.err


def test_longer_secret_is_masked_before_one_that_it_begins_with(proxy):
    proxy.script(Reply({"title": "not 12345678-and-more"}, 400))
    result = run(HTTP, HTTP_PROXY=with_user(proxy, "ann:12345678@"), PLEXSPHERE_TOKEN="12345678-and-more")
    assert "HTTP 400 not ***\n" in result.err


# ---- proxies that refuse, break or hang

@pytest.mark.parametrize("url", [HTTP, HTTPS])
def test_407_is_1_at_once_with_a_hint(proxy, url):
    proxy.script(Reply(b"", 407, [("Proxy-Authenticate", "Basic")]))
    result = run(url, HTTP_PROXY=proxy.url, HTTPS_PROXY=proxy.url)
    assert result.code == 1 and "407" in result.err and "HTTPS_PROXY" in result.err.split("\nhint: ")[1]
    assert "retry:" not in result.err and len(proxy.requests) == 1 and proxy.plane.connections == 0


@pytest.mark.parametrize("answer, says", [(Reply(b"no", status, [("Location", "http://elsewhere.test/")]), str(status)) for status in (
    302, 403, 429, 500, 502, 503, 504)] + [(DROP, ""), (b"SSH-2.0-OpenSSH\r\n\r\n", ""), (b"HTTP/1.1 200", "")])
def test_refused_tunnel_ends_at_once(proxy, answer, says):
    result, slept = asked(proxy, answer, env=around(HTTPS, HTTPS_PROXY=proxy.url))
    error = [line for line in result.err.splitlines() if line.startswith("error: ")][0]
    assert (result.code, slept, len(proxy.requests)) == (1, [], 1) and "proxy 127.0.0.1:" in error and says in error


def test_server_behind_a_proxy_is_retried_like_any_other(proxy):
    result, slept = asked(proxy, Reply(b"", 503), DROP, Reply(page()), env=around(HTTP, HTTP_PROXY=proxy.url))
    assert (result.code, slept, len(proxy.requests)) == (0, [0.5, 1.0], 3)


@pytest.mark.parametrize("listen, says", [(None, "connection refused"), (5, "timed out: ")])
def test_proxy_that_refuses_or_never_answers_is_1(listen, says):
    with bare_socket(listen) as address:
        result = run(HTTPS, "--timeout", "0.1", HTTPS_PROXY=address)
    assert result.code == 1 and says in result.err and "proxy " + address in result.err and "retry:" not in result.err
