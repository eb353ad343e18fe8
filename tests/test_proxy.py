"""Section 3, proxies: which are used, what they are told, and what is never told."""

import base64

import pytest

import plexctl_exec_log as program
from control_plane import CA_FILE, DROP, HANG, PROJECT, TOKEN, ControlPlane, Reply
from kit import LIST, page, run_cli
from kit_proxy import NAME, Proxy, bare_socket, dripping, reading

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


def run(url, *argv, **env):
    """`list` against a server that only a proxy can reach."""
    whole = dict({"PLEXSPHERE_URL": url, "PLEXSPHERE_TOKEN": TOKEN, "SSL_CERT_FILE": CA_FILE,
                  "PLEXSPHERE_ALLOW_HTTP": "1"}, **env)
    return run_cli(*LIST + argv, env=whole)


def with_user(proxy):
    return proxy.url.replace("http://", "http://" + USER_INFO)


# ---- the two ways through

def test_https_goes_through_a_tunnel(tls_proxy):
    result = run(HTTPS, HTTPS_PROXY=tls_proxy.url)
    tunnel, = tls_proxy.requests
    assert result.code == 0 and (tunnel.method, tunnel.target) == ("CONNECT", NAME + ":443")
    assert tls_proxy.plane.requests[0].target == PATH and tls_proxy.plane.requests[0].headers["host"] == NAME


def test_http_goes_in_absolute_form(proxy):
    result = run(HTTP, HTTP_PROXY=proxy.url)
    asked, = proxy.requests
    assert result.code == 0 and (asked.method, asked.target) == ("GET", HTTP + PATH)
    assert asked.headers["host"] == NAME and asked.headers["authorization"] == "Bearer " + TOKEN


def test_proxy_of_https_never_sees_the_token(tls_proxy):
    run(HTTPS, HTTPS_PROXY=with_user(tls_proxy))
    headers = tls_proxy.requests[0].headers
    assert headers["host"] == NAME + ":443" and "authorization" not in headers and TOKEN not in repr(headers)


@pytest.mark.parametrize("url, authority", [
    (HTTPS + ":8443/prefix", NAME + ":8443"), ("https://[2001:DB8::1]", "[2001:db8::1]:443"),
    ("https://10.1.2.3:9", "10.1.2.3:9")])
def test_tunnel_names_host_and_port(proxy, url, authority):
    proxy.script(Reply(b"", 403))
    run(url, HTTPS_PROXY=proxy.url)
    assert proxy.requests[0].target == proxy.requests[0].headers["host"] == authority


def test_absolute_form_names_port_and_prefix(proxy):
    proxy.script(Reply(page()))
    assert run(HTTP + ":8080/api/", HTTP_PROXY=proxy.url).code == 0
    assert proxy.requests[0].target == HTTP + ":8080/api" + PATH
    assert proxy.requests[0].headers["host"] == NAME + ":8080"


def test_name_is_verified_through_a_tunnel(tls_proxy):
    result = run("https://other.test", HTTPS_PROXY=tls_proxy.url)
    assert result.code == 1 and "no TLS with other.test" in result.err and tls_proxy.plane.requests == []


@pytest.mark.parametrize("url", [HTTP, HTTPS])
def test_connection_through_a_proxy_is_kept_across_pages(url):
    with ControlPlane(tls=url == HTTPS) as plane, Proxy(plane) as proxy:
        result = run(url, "--all", "--limit", "5", HTTP_PROXY=proxy.url, HTTPS_PROXY=proxy.url)
        assert result.code == 0 and len(plane.requests) > 3
        assert (proxy.connections, plane.connections) == (1, 1)


# ---- which proxy

@pytest.mark.parametrize("url, wrong, right", [
    (HTTP, "HTTP_PROXY", "http_proxy"), (HTTPS, "HTTPS_PROXY", "https_proxy"),
    (HTTP, "HTTPS_PROXY", "HTTP_PROXY"), (HTTPS, "HTTP_PROXY", "HTTPS_PROXY")])
def test_lower_case_and_own_scheme_go_first(plane, url, wrong, right):
    with Proxy(plane) as one, Proxy(plane) as other:
        other.script(Reply(b"", 400))
        run(url, **{wrong: one.url, right: other.url})
        assert (one.connections, len(other.requests)) == (0, 1)


def test_empty_variable_counts_as_unset(proxy):
    assert run(HTTP, http_proxy="", HTTP_PROXY=proxy.url, no_proxy="", NO_PROXY="").code == 0
    assert len(proxy.requests) == 1


def test_proxy_without_scheme_is_http(proxy):
    assert run(HTTP, http_proxy=proxy.url[len("http://"):]).code == 0 and len(proxy.requests) == 1


@pytest.mark.parametrize("scheme", ["https", "socks5"])
def test_other_proxy_scheme_is_usage(proxy, scheme):
    result = run(HTTP, http_proxy=with_user(proxy).replace("http", scheme, 1))
    assert result.code == 2 and "error: http_proxy" in result.err and proxy.connections == 0
    assert "s3cret" not in result.err and "ann" not in result.err


@pytest.mark.parametrize("value", [
    "http://", "http://ann:hunter22@", "http://proxy:0", "http://proxy:65536", "http://proxy:p", "http://proxy/path",
    "http://proxy?x", "socks5h://proxy", "ftp://proxy", "http:proxy", "http://pro xy", "//proxy",
    "http://pr\u00f6xy:3128"])
def test_malformed_proxy_is_usage_and_is_not_shown(value):
    with pytest.raises(program.UsageError) as caught:
        program.find_proxy(program.Server.parse(HTTPS), {"HTTPS_PROXY": value})
    assert "HTTPS_PROXY" in caught.value.message and "hunter22" not in caught.value.message


@pytest.mark.parametrize("no_proxy, other, proxied", [
    (None, None, True), (NAME, None, False), (None, NAME, False), ("other.test", NAME, True),
    (NAME, "other.test", False), ("*", None, False), (NAME + ":81", None, True), ("10.0.0.0/8, .test", None, False)])
def test_no_proxy(plane, proxy, no_proxy, other, proxied):
    environ = {"http_proxy": proxy.url, "no_proxy": no_proxy, "NO_PROXY": other}
    found = program.find_proxy(program.Server.parse(HTTP), {name: value for name, value in environ.items() if value})
    assert (found is not None) == proxied


def test_name_in_no_proxy_is_looked_up_here(proxy):
    result = run(HTTP, http_proxy=proxy.url, NO_PROXY="." + NAME.split(".")[1])
    assert result.code == 1 and proxy.connections == 0 and "error: " in result.err


@pytest.mark.parametrize("tls", [False, True])
def test_this_host_is_never_proxied(tls):
    with ControlPlane(tls) as plane, Proxy(plane) as proxy:
        result = run(plane.url, HTTP_PROXY=proxy.url, https_proxy=proxy.url)
        assert (result.code, proxy.connections, len(plane.requests)) == (0, 0, 1)


@pytest.mark.parametrize("host, no_proxy, bypassed", [
    ("localhost", "", True), ("x.localhost", "", True), ("127.0.0.1", "", True), ("127.9.9.9", "", True),
    ("::1", "", True), ("0.0.0.0", "", True), ("::", "", True),
    ("127.evil.test", "", False), ("localhost.evil.test", "", False), ("notlocalhost", "", False),
    ("a.test", "", False), ("a.test", " , ,", False), ("a.test", "*", True), ("a.test", "b.test, *", True),
    ("a.test", "a.test", True), ("a.test", "A.Test", True), ("a.test", "b.test,a.test", True),
    ("a.test", "b.test a.test", True), ("a.test", "  b.test ,  a.test  ", True), ("a.test.", "a.test", True),
    ("x.a.test", "a.test", True), ("y.x.a.test", "a.test", True), ("xa.test", "a.test", False),
    ("a.test", "x.a.test", False), ("a.test.evil.test", "a.test", False), ("a.test", "test", True),
    ("x.a.test", ".a.test", True), ("a.test", ".a.test", False), ("xa.test", ".a.test", False),
    ("x.a.test", "*.a.test", True), ("xa.test", "*.a.test", False),
    ("a.test", "a.test:443", True), ("a.test", "a.test:8443", False), ("x.a.test", ".a.test:443", True),
    ("a.test", "*:443", True), ("a.test", "*:80", False), ("a.test", "a.test:80,a.test:443", True),
    ("a.test", ".", False), ("a.test", ":443", False), ("a.test", "a.te", False), ("a.test", "a*", False),
    ("10.1.2.3", "10.1.2.3", True), ("10.1.2.3", "10.1.2.30", False), ("10.1.2.30", "10.1.2.3", False),
    ("10.1.2.3", "10.1.2.3:443", True), ("10.1.2.3", "10.1.2.3:80", False), ("10.1.2.3", "*", True),
    ("10.1.2.3", "10.0.0.0/8", True), ("11.1.2.3", "10.0.0.0/8", False), ("10.1.2.3", "10.1.2.0/23", True),
    ("10.1.4.3", "10.1.2.0/23", False), ("10.1.2.3", "10.9.9.9/8", True), ("10.1.2.3", "10.0.0.0/8:443", True),
    ("10.1.2.3", "10.0.0.0/8:80", False), ("10.1.2.3", "10.0.0.0/99", False), ("10.1.2.3", "2.3", False),
    ("10.1.2.3", ".2.3", False), ("10.1.2.3", "fe80::/10", False), ("a.test", "10.0.0.0/8", False),
    ("2001:db8::1", "2001:db8::1", True), ("2001:db8::1", "2001:DB8:0::1", True),
    ("2001:db8::1", "[2001:db8::1]", True),
    ("2001:db8::1", "[2001:db8::1]:443", True), ("2001:db8::1", "[2001:db8::1]:80", False),
    ("2001:db8::1", "2001:db8::/32", True), ("2001:db9::1", "2001:db8::/32", False),
    ("2001:db8::1", "[2001:db8::/32]:443", True), ("2001:db8::1", "2001:db8::2", False)])
def test_no_proxy_pattern(host, no_proxy, bypassed):
    assert program.bypasses_proxy(host, 443, no_proxy) is bypassed


# ---- user info

def test_user_info_becomes_proxy_authorization_for_the_proxy_alone(proxy, tls_proxy):
    assert run(HTTPS, HTTPS_PROXY=with_user(tls_proxy)).code == run(HTTP, HTTP_PROXY=with_user(proxy)).code == 0
    for one in (proxy, tls_proxy):
        assert one.requests[0].headers["proxy-authorization"] == "Basic " + BASIC
        assert "proxy-authorization" not in one.plane.requests[0].headers


@pytest.mark.parametrize("user_info, pair", [
    ("ann:b", b"ann:b"), ("ann", b"ann:"), ("ann:", b"ann:"), (":b", b":b"), ("a%3Ab:c%40d", b"a:b:c@d"),
    ("ann:b:c", b"ann:b:c"), ("%C3%A4:%FF", b"\xc3\xa4:\xff"), ("a+b:c", b"a+b:c")])
def test_user_info_is_percent_decoded(user_info, pair):
    found = program.find_proxy(program.Server.parse(HTTPS), {"https_proxy": "http://%s@proxy:3128" % user_info})
    assert found.authorization == "Basic " + base64.b64encode(pair).decode()
    assert (found.host, found.port) == ("proxy", 3128) and found.authorization not in repr(found)


def test_no_user_info_sends_no_proxy_authorization(proxy):
    run(HTTP, HTTP_PROXY=proxy.url)
    assert "proxy-authorization" not in proxy.requests[0].headers


@pytest.mark.parametrize("url, answers", [
    (HTTP, []), (HTTPS, []), (HTTP, [Reply(b"", 407)]), (HTTPS, [Reply(b"", 407)]), (HTTPS, [DROP]),
    (HTTPS, [b"no\r\n\r\n"])])
def test_proxy_credentials_are_never_on_stderr(url, answers):
    with ControlPlane(tls=url == HTTPS) as plane, Proxy(plane) as proxy:
        proxy.script(*answers)
        result = run(url, "-v", HTTP_PROXY=with_user(proxy), HTTPS_PROXY=with_user(proxy))
    assert (result.code == 0) == (not answers) and "> Proxy-Authorization: ***\n" in result.err
    for secret in (BASIC, "s3cret", USER_INFO, "ann:"):
        assert secret not in result.err


@pytest.mark.parametrize("echo", ["Basic " + BASIC, BASIC, PASSWORD])
def test_proxy_credentials_are_not_shown_even_where_the_proxy_echoes_them(proxy, echo):
    # FINDING: only the header's whole value is masked, not its base64 alone, nor the password
    proxy.script(b"HTTP/1.1 407 who is %s\r\nContent-Length: 0\r\n\r\n" % echo.encode())
    result = run(HTTPS, "-v", HTTPS_PROXY=with_user(proxy))
    assert result.code == 1 and echo not in result.err


# ---- proxies that refuse, break or hang

@pytest.mark.parametrize("url", [HTTP, HTTPS])
def test_407_is_1_at_once_with_a_hint(proxy, url):
    proxy.script(Reply(b"", 407, [("Proxy-Authenticate", "Basic")]))
    result = run(url, HTTP_PROXY=proxy.url, HTTPS_PROXY=proxy.url)
    assert result.code == 1 and "HTTP 407" in result.err and "HTTPS_PROXY" in result.err.split("\nhint: ")[1]
    assert len(proxy.requests) == 1 and proxy.plane.connections == 0


@pytest.mark.parametrize("status", [302, 403, 429, 500, 502, 503, 504])
def test_refused_tunnel_ends_at_once(proxy, status):
    proxy.script(Reply(b"no", status, [("Location", "http://elsewhere.test/")]))
    with reading(HTTPS, proxy=program.Proxy("127.0.0.1", proxy.address[1], "")) as read:
        assert "the proxy refused to connect: HTTP %d" % status in read.get().message
    assert len(proxy.requests) == 1 and read.slept == []


def test_server_behind_a_proxy_is_retried_like_any_other(proxy):
    proxy.script(Reply(b"", 503), Reply(b"", 502), Reply(b"ok"))
    with reading(HTTP, proxy=program.Proxy("127.0.0.1", proxy.address[1], ""), allow_http=True) as read:
        assert read.get() == b"ok" and read.slept == [0.5, 1.0]


def test_proxy_that_refuses_connections_is_1(proxy):
    with bare_socket() as nobody:
        result = run(HTTPS, HTTPS_PROXY="127.0.0.1:%d" % nobody.getsockname()[1])
    assert result.code == 1 and "proxy 127.0.0.1:" in result.err and "retry:" not in result.err


@pytest.mark.parametrize("answer", [HANG, dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x")], ids=["silent", "dripping"])
def test_proxy_that_never_answers_is_silence(proxy, answer):
    proxy.script(answer)
    result = run(HTTPS, "--timeout", "0.3", HTTPS_PROXY=proxy.url)
    assert result.code == 1 and "timed out: the proxy's answer" in result.err and "--timeout" in result.err
    assert len(proxy.requests) == 1


def test_plain_http_rule_holds_through_a_proxy(proxy):
    result = run(HTTP, HTTP_PROXY=proxy.url, PLEXSPHERE_ALLOW_HTTP="")
    assert result.code == 1 and "--allow-http" in result.err and proxy.connections == 0


def test_tls_record_that_drips_is_no_silence(tls_proxy):
    def answer(sock):
        tls_proxy.pace = 100, 0.1       # headers and body are two records; the second takes more than twice --timeout
        body = b'{"items": []%s}' % (b" " * 2000)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        sock.sendall(body)
    tls_proxy.plane.script(answer)
    assert run(HTTPS, "--timeout", "0.8", HTTPS_PROXY=tls_proxy.url).code == 0
