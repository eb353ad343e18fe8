"""Rule 3.6: which proxies are used, what they are told, and what is never told; and 3.1 behind a proxy."""

import base64
import sys

import pytest

from control_plane import PROJECT, TOKEN, ControlPlane
from kit import GET, LIST, WINDOWS, execution, page, rule, run_cli, wait_until
from kit_net import (LONG_LABEL, LONG_NAME, NAME, NO_NAME, Proxy, Raw, ask, count_contacts, nobody_listening,
                     read_error, read_hint, stall, was_asked_once)
from server import CA_FILE, DROP, RESET, Reply

HTTP, HTTPS = "http://" + NAME, "https://" + NAME
PATH = "/v1/projects/%s/executions" % PROJECT
PASSWORD = "s3cret word"
USER_INFO = "ann:s3cret%20word@"
BASIC = base64.b64encode(b"ann:" + PASSWORD.encode()).decode()
CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
FORBIDDEN = Reply(b"", 403)


@pytest.fixture
def proxy(plane):
    with Proxy(plane) as running:
        yield running


@pytest.fixture
def tls_proxy(tls_plane):
    with Proxy(tls_plane) as running:
        yield running


def set_proxy(proxy_url, url=HTTPS, **env):
    """The environment of a run against a server that only a proxy can reach."""
    return dict({"PLEXSPHERE_URL": url, "PLEXSPHERE_TOKEN": TOKEN, "SSL_CERT_FILE": CA_FILE,
                 "HTTP_PROXY": proxy_url, "HTTPS_PROXY": proxy_url}, **env)


def run(*argv, **env):
    """Run `list` in this environment, over plain http too. Its Result."""
    return run_cli(*LIST + ("--allow-http",) + argv, env=env)


def add_user(proxy, user_info=USER_INFO):
    """The proxy's URL with user info, or with that of somebody else."""
    return proxy.url.replace("//", "//" + user_info)


def blames_the_proxy(result, url=HTTPS):
    """The error of a run that failed at the proxy, and whose hint says where that is set."""
    hint = read_hint(result)
    assert ("HTTPS_PROXY" if url == HTTPS else "HTTP_PROXY") in hint, result.err
    assert "NO_PROXY" in hint and "--server" not in hint, result.err
    return read_error(result)


# ---- the two ways through

@rule("3.6", "3.1")
def test_https_goes_through_a_tunnel_and_its_proxy_never_sees_the_token(tls_proxy):
    result = run(**set_proxy(add_user(tls_proxy)))
    tunnel, = tls_proxy.requests
    assert result.code == 0 and (tunnel.method, tunnel.target) == ("CONNECT", NAME + ":443")
    assert tunnel.headers["proxy-authorization"] == "Basic " + BASIC and TOKEN not in repr(tunnel)
    inner, = tls_proxy.plane.requests
    assert inner.target == PATH and inner.headers["host"] == NAME and "proxy-authorization" not in inner.headers
    assert inner.headers["authorization"] == "Bearer " + TOKEN


@rule("3.6")
def test_bytes_for_the_proxy_of_a_tunnel_hold_nothing_of_the_request():
    heads = []
    with Raw(lambda sock: heads.append(sock.recv(65536)) or sock.sendall(CONNECTED) or sock.recv(65536)) as proxy:
        run(**set_proxy(proxy.url))
    first, *headers = heads[0].decode("ascii").rstrip("\r\n").split("\r\n")
    assert first.startswith("CONNECT %s:443 HTTP/1." % NAME)
    assert {header.partition(":")[0].lower() for header in headers} <= {"host"}     # http.client's, from 3.12 on


@rule("3.6", "3.1")
def test_http_goes_in_absolute_form(proxy):
    result = run(**set_proxy(add_user(proxy), HTTP))
    request, = proxy.requests
    assert result.code == 0 and (request.method, request.target) == ("GET", HTTP + PATH)
    assert request.headers["host"] == NAME and request.headers["authorization"] == "Bearer " + TOKEN
    assert request.headers["proxy-authorization"] == "Basic " + BASIC


@rule("3.6")
def test_without_user_info_no_credentials_are_sent(proxy):
    assert run(**set_proxy(proxy.url, HTTP)).code == 0 and "proxy-authorization" not in proxy.requests[0].headers


@rule("3.6", "2.6")
@pytest.mark.parametrize("url, target", [
    (HTTPS + ":8443/prefix", NAME + ":8443"), ("https://224.1.2.3:9", "224.1.2.3:9"),
    ("https://A.test:00443", "a.test:443")])
def test_proxy_is_asked_for_a_tunnel_to_host_and_port(proxy, url, target):
    proxy.script(FORBIDDEN)
    run(**set_proxy(proxy.url, url))
    assert (proxy.requests[0].method, proxy.requests[0].target) == ("CONNECT", target)


@rule("3.6", "3.1", "2.6")
@pytest.mark.parametrize("url, target, host", [
    (HTTP + ":8080/api/", HTTP + ":8080/api", NAME + ":8080"), (HTTP + ":80", HTTP, NAME),
    (HTTP + ":00080", HTTP, NAME),
    (HTTP + ":443", HTTP + ":443", NAME + ":443"), (HTTP + ":65535", HTTP + ":65535", NAME + ":65535"),
    ("http://[FF02::DB8]", "http://[ff02::db8]", "[ff02::db8]"),
    ("http://[FF02::DB8]:8", "http://[ff02::db8]:8", "[ff02::db8]:8")])
def test_host_header_leaves_out_the_default_port(proxy, url, target, host):
    proxy.script(Reply(page()))
    assert run(**set_proxy(proxy.url, url)).code == 0
    assert (proxy.requests[0].target, proxy.requests[0].headers["host"]) == (target + PATH, host)


@rule("3.1", "2.6")
@pytest.mark.parametrize("port, host", [("", NAME), (":443", NAME), (":80", NAME + ":80"), (":8443", NAME + ":8443")])
def test_host_header_of_https_leaves_out_443(tls_proxy, port, host):
    assert run(**set_proxy(tls_proxy.url, HTTPS + port)).code == 0
    assert tls_proxy.plane.requests[0].headers["host"] == host


@rule("3.6", "3.2")
def test_name_is_verified_through_a_tunnel(tls_proxy):
    result = run(**set_proxy(tls_proxy.url, "https://other.test"))
    assert "TLS" in read_error(result) and tls_proxy.plane.requests == []
    if sys.version_info >= (3, 7):      # 3.6 does not say what is wrong
        assert "another name" in read_hint(result) and "_PROXY" not in read_hint(result)    # the proxy did its part


@rule("3.6", "3.7")
@pytest.mark.parametrize("url", [HTTP, HTTPS])
def test_connection_through_a_proxy_is_kept_across_pages(url):
    with ControlPlane(tls=url == HTTPS) as plane, Proxy(plane) as proxy:
        result = run("--all", "--limit", "20", **set_proxy(proxy.url, url))
        assert result.code == 0 and len(plane.requests) >= 3 and (proxy.connections, plane.connections) == (1, 1)


@rule("3.6", "3.7")
def test_tunnel_that_went_cold_is_reopened_in_silence(tls_proxy):
    tls_proxy.plane.script(Reply(page(next_cursor="c"), close=True), Reply(page()))
    result = run("--all", **set_proxy(tls_proxy.url))
    assert (result.code, result.err) == (0, "")
    assert count_contacts(tls_proxy) == count_contacts(tls_proxy.plane) == (2, 2)


@rule("3.6", "3.8")
def test_server_behind_a_proxy_is_retried_like_any_other(proxy):
    result, slept = ask(proxy, Reply(b"", 503), DROP, Reply(page()), argv=LIST + ("--allow-http",),
                        env=set_proxy(proxy.url, HTTP))
    assert (result.code, slept, len(proxy.requests)) == (0, [0.5, 1.0], 3)


# ---- which proxy

@rule("3.6")
@pytest.mark.parametrize("scheme, env, used", [
    ("http", {"HTTP_PROXY": "A"}, "A"), ("https", {"HTTPS_PROXY": "A"}, "A"), ("http", {"HTTPS_PROXY": "A"}, None),
    ("https", {"HTTP_PROXY": "A"}, None), ("http", {"HTTP_PROXY": ""}, None), ("http", {}, None),
    ("http", {"ALL_PROXY": "A", "all_proxy": "A"}, None), ("http", {"HTTP_PROXY": "A", "REQUEST_METHOD": "GET"}, None),
    ("http", {"http_proxy": "A", "REQUEST_METHOD": "GET"}, "A"), ("http", {"HTTP_PROXY": "HTTP://A/"}, "A"),
    ("https", {"https_proxy": "http://A"}, "A"),
    ("https", {"HTTPS_PROXY": "http://ann:b@c@A"}, "A"),
    ("https", {"HTTPS_PROXY": "ann:b@A"}, "A"),
    ("http", {"HTTP_PROXY": "A", "http_proxy": "B"}, "B"), ("https", {"HTTPS_PROXY": "A", "https_proxy": "B"}, "B"),
    ("http", {"http_proxy": "", "HTTP_PROXY": "A"}, None)])
def test_proxy_is_the_one_that_urllib_finds(plane, scheme, env, used):
    if WINDOWS and len({name.upper() for name in env} - {"REQUEST_METHOD"}) < len(set(env) - {"REQUEST_METHOD"}):
        pytest.skip("a variable has one spelling on Windows")
    if WINDOWS and "REQUEST_METHOD" in env and used:
        pytest.skip("a variable is in upper case on Windows")
    with Proxy(plane) as first, Proxy(plane) as second:
        proxies = {"A": first, "B": second}
        for proxy in proxies.values():
            proxy.script(FORBIDDEN)
        env = {name: value.replace("A", "%s:%d" % first.address[:2]).replace("B", "%s:%d" % second.address[:2])
               for name, value in env.items()}
        # Without a proxy this name is not even asked for.
        run(PLEXSPHERE_URL="%s://%s" % (scheme, NO_NAME if used is None else NAME), PLEXSPHERE_TOKEN=TOKEN, **env)
        assert [name for name in "AB" if proxies[name].connections] == ([used] if used else [])


@rule("3.6")
def test_proxy_without_a_port_has_80_and_its_address_may_be_in_brackets():
    assert "proxy %s:80 " % NO_NAME in blames_the_proxy(run(**set_proxy("http://" + NO_NAME)))
    with nobody_listening() as address:
        port = address.rpartition(":")[2]
        assert ":%s" % port in blames_the_proxy(run(**set_proxy("[::1]:" + port)))


@rule("3.6", "2.7")
@pytest.mark.parametrize("value", [
    "http://", "http://ann:hunter22@", "http://hunter22:0", "http://hunter22:65536", "http://hunter22:p",
    "http://hunter22?x", "http://hunter22#x", "socks5://ann:hunter22@proxy",
    "https://ann:hunter22@proxy", "ftp://hunter22", "http:hunter22", "http://hunter 22", "//hunter22",
    "http://h\u00f6nter22:3128", "hunter22\n", "http://http://hunter22"], ids=ascii)
@pytest.mark.parametrize("url, variable", [(HTTPS, "https_proxy"), (HTTP, "HTTP_PROXY")])
def test_unusable_proxy_is_2_and_not_shown(value, url, variable):
    result = run(PLEXSPHERE_URL=url, PLEXSPHERE_TOKEN=TOKEN, **{variable: value})
    assert (result.code, result.out) == (2, b"") and variable.upper() in result.err.upper()
    assert "nter" not in result.err and "ann" not in result.err


@rule("3.6")
@pytest.mark.parametrize("host, no_proxy, bypassed", [
    ("a..test", "", False), ("a..test", " , ,", False), ("a..test", "*", True), ("a..test", "a..test", True),
    ("a..test", "A..Test", True), ("A..Test", "a..test", True), ("a..test", "b..test, a..test ,", True),
    ("x.a..test", "a..test", True), ("xa..test", "a..test", False), ("a..test", "x.a..test", False),
    ("a..test.evil..test", "a..test", False), ("x.a..test", ".a..test", True), ("xa..test", ".a..test", False),
    ("a..test", "test", True), ("a..test", "est", False), ("a..test", "a..test:80", True),
    ("a..test", "a..test:8443", False), ("a..test:8443", "a..test:8443", True), ("a..test:8443", "a..test", True),
    ("224.1.2.3", "224.1.2.3", True), ("224.1.2.3", "224.1.2.3:80", True), ("224.1.2.3", "224.1.2.3:81", False),
    ("224.1.2.3", "224.1.2.30", False), ("224.1.2.30", "224.1.2.3", False), ("224.1.2.3", "224.0.0.0/8", False),
    ("224.1.2.3", "224.1.2.3/32", False), ("[ff02::db8]", "ff02::db9", False), ("[ff02::db8]", "ff02::/16", False)])
def test_no_proxy_is_read_as_urllib_reads_it(plane, host, no_proxy, bypassed):
    """No bypass sends a packet: an empty label cannot be resolved, a multicast address not be connected to."""
    with Proxy(plane) as proxy:
        proxy.script(Reply(page()))
        result = run(**set_proxy(proxy.url, "http://" + host, NO_PROXY=no_proxy))
        assert (result.code, count_contacts(proxy)) == ((1, (0, 0)) if bypassed else (0, (1, 1)))


@rule("3.6")
@pytest.mark.parametrize("env, bypassed", [
    ({"no_proxy": ".test"}, True), ({"NO_PROXY": "other"}, False), ({"NO_PROXY": "other", "no_proxy": ".test"}, True),
    ({"NO_PROXY": ".test", "no_proxy": "other"}, False)], ids=["lower", "other", "lower wins", "lower wins, other"])
def test_no_proxy_may_be_spelt_in_lower_case_which_then_counts(proxy, env, bypassed):
    if WINDOWS and len(env) == 2:
        pytest.skip("a variable has one spelling on Windows")
    run(**set_proxy(proxy.url, "http://" + NO_NAME, **env))
    assert proxy.connections == (not bypassed)


@rule("3.6")
def test_no_proxy_holds_for_https_too(proxy):
    result = run(**set_proxy(proxy.url, "https://" + NO_NAME, NO_PROXY=".test"))
    assert NO_NAME in read_error(result) and "--server" in read_hint(result) and proxy.connections == 0


@rule("3.6", "3.3")
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_this_host_is_never_proxied(tls):
    with ControlPlane(tls) as plane, Proxy(plane) as proxy:
        for host in ("localhost", "127.0.0.1", "LOCALHOST"):
            url = "%s://%s:%d" % (plane.url.partition(":")[0], host, plane.address[1])
            assert run(**set_proxy(proxy.url, url)).code == 0
        assert (proxy.connections, len(plane.requests)) == (0, 3)


@rule("3.6", "3.3")
@pytest.mark.parametrize("host", ["127.9.9.9", "[::1]", "0.0.0.0", "[::]", "[0:0::1]"])
def test_this_hosts_other_addresses_are_not_proxied_either(proxy, host):
    with nobody_listening() as address:
        result = run(**set_proxy(proxy.url, "https://%s:%s" % (host, address.rpartition(":")[2])))
    assert read_error(result) and proxy.connections == 0


@rule("3.6", "3.3")
def test_names_below_localhost_are_proxied(proxy):
    assert run(**set_proxy(proxy.url, "http://a.localhost")).code == 0 and proxy.connections == 1


# ---- user info

@rule("3.6")
@pytest.mark.parametrize("user_info, pair", [
    ("ann:b", b"ann:b"), ("ann", b"ann:"), ("ann:", b"ann:"), (":b", b":b"), ("a%3Ab:c%40d", b"a:b:c@d"),
    ("ann:b:c", b"ann:b:c"), ("ann@b:c@d", b"ann@b:c@d"), ("%C3%A4:%FF", b"\xc3\xa4:\xff"), ("a+b:c", b"a+b:c"),
    ("ann:" + "x" * 99, b"ann:" + b"x" * 99)])
def test_user_info_is_percent_decoded(proxy, user_info, pair):
    assert run(**set_proxy(add_user(proxy, user_info + "@"), HTTP)).code == 0
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic " + base64.b64encode(pair).decode()


ECHOES = ["Basic " + BASIC, BASIC, PASSWORD, "s3cret%20word", USER_INFO]


@rule("2.7", "3.6")
@pytest.mark.parametrize("answer", [None, Reply(b"", 407), b"no\r\n\r\n"] + [
    b"HTTP/1.1 407 who is %s\r\nContent-Length: 0\r\n\r\n" % echo.encode() for echo in ECHOES],
    ids=["good", "407", "no HTTP", "echoes header", "echoes base64", "echoes password", "echoes %20", "echoes all"])
@pytest.mark.parametrize("url", [HTTP, HTTPS], ids=["http", "https"])
def test_proxy_credentials_are_never_on_stderr_even_where_they_are_echoed(url, answer):
    with ControlPlane(tls=url == HTTPS) as plane, Proxy(plane) as proxy:
        proxy.script(answer)
        result = run("-v", **set_proxy(add_user(proxy), url))
    assert (result.code == 0) == (answer is None) and "> Proxy-Authorization: ***\n" in result.err
    assert ("> CONNECT %s:443" % NAME in result.err) == (url == HTTPS)
    for secret in (BASIC, "s3cret", USER_INFO, "ann:"):
        assert secret not in result.err


@rule("2.7")
def test_longer_secret_is_masked_before_one_that_it_begins_with(proxy):
    proxy.script(Reply({"title": "not 12345678-and-more"}, 400))
    result = run(**set_proxy(add_user(proxy, "ann:12345678@"), HTTP, PLEXSPHERE_TOKEN="12345678-and-more"))
    assert "HTTP 400 not ***\n" in result.err


# ---- proxies that refuse, break or hang

@rule("3.6", "6.2")
@pytest.mark.parametrize("url", [HTTP, HTTPS], ids=["http", "https"])
def test_407_is_1_at_once_and_the_hint_says_what_is_missing(proxy, url):
    proxy.script(Reply(b"", 407, [("Proxy-Authenticate", "Basic")]))
    result = run(**set_proxy(proxy.url, url))
    assert "407" in read_error(result) and "user:password@" in read_hint(result) and "_PROXY" in read_hint(result)
    assert len(proxy.requests) == 1 and proxy.plane.connections == 0


REFUSALS = [Reply(b"no", status, [("Location", "http://elsewhere.test/")]) for status in (
    302, 403, 429, 500, 502, 503, 504)] + [DROP, RESET, b"SSH-2.0-OpenSSH\r\n\r\n", b"x" * 70000]


@rule("3.6", "3.8")
@pytest.mark.parametrize("answer", REFUSALS, ids=[
    "302", "403", "429", "500", "502", "503", "504", "dropped", "reset", "SSH", "long line"])
def test_refused_tunnel_ends_at_once_and_says_proxy(proxy, answer):
    result, slept = ask(proxy, answer, env=set_proxy(proxy.url))
    assert "proxy 127.0.0.1:%d" % proxy.address[1] in blames_the_proxy(result)
    assert (slept, len(proxy.requests)) == ([], 1)
    assert not isinstance(answer, Reply) or str(answer.status) in result.err


@rule("3.6", "3.8")
@pytest.mark.parametrize("answer", [b"HTTP/1.1 200", CONNECTED, CONNECTED + b"no TLS"], ids=["early", "cut", "no TLS"])
def test_tunnel_that_ends_before_the_server_answers_is_1_and_the_hint_says_proxy(proxy, answer):
    proxy.script(answer)
    assert blames_the_proxy(run(**set_proxy(proxy.url))) and len(proxy.requests) == 1


@rule("3.6", "3.8")
@pytest.mark.parametrize("url", [HTTP, HTTPS], ids=["http", "https"])
def test_dead_proxy_is_1_and_the_hint_says_proxy(url):
    with nobody_listening() as address:
        error = blames_the_proxy(run(**set_proxy(address, url)), url)
    assert "refused" in error and "proxy " + address in error


@rule("3.6", "3.8")
@pytest.mark.parametrize("url", [HTTP, HTTPS], ids=["http", "https"])
@pytest.mark.parametrize("name", [NO_NAME, LONG_LABEL, LONG_NAME], ids=["empty label", "65 letters", "304 characters"])
def test_proxy_that_does_not_resolve_is_1_and_the_hint_says_proxy(url, name):
    error = blames_the_proxy(run(**set_proxy("http://%s:3128" % name, url)), url)
    assert "resolve" in error and "proxy " + name[:60] in error


@rule("3.6")
@pytest.mark.parametrize("name", [NO_NAME, LONG_LABEL], ids=["empty label", "65 letters"])
def test_server_that_is_no_name_is_one_error_behind_a_proxy_too(proxy, name):
    proxy.script(FORBIDDEN)     # before 3.12 Python leaves it to the proxy to find that out
    assert read_error(run(**set_proxy(proxy.url, "https://" + name)))


TALKS = [stall(b""), stall(b"HTTP/1.1 200 OK\r\nX: y"), stall(CONNECTED)]


@rule("3.5", "3.6")
@pytest.mark.parametrize("talk", TALKS, ids=["silent", "silent within its answer", "silent in the tunnel"])
def test_tunnel_that_falls_silent_is_1_within_the_timeout(talk):
    with Raw(talk) as proxy:
        result, slept = ask(proxy, argv=LIST + ("--timeout", "0.1"), env=set_proxy(proxy.url))
        assert "timed out: " in read_error(result) and "took more than 0.1 s" in result.err
        assert talk is TALKS[-1] or "HTTPS_PROXY" in read_hint(result)
        wait_until(lambda: proxy.connections == 1)
        assert slept == []


@rule("3.5", "3.6")
def test_silent_proxy_of_plain_http_is_1_within_the_timeout(proxy):
    proxy.script(stall(b""))
    result = run("--timeout", "0.1", **set_proxy(proxy.url, HTTP))
    assert "timed out: " in read_error(result) and was_asked_once(proxy)


@rule("3.6", "9.1")
def test_get_goes_through_the_proxy_too(proxy):
    proxy.script(Reply(execution()))
    result = run_cli(*GET + ("--allow-http",), env=set_proxy(proxy.url, HTTP))
    assert result.code == 0 and proxy.requests[0].target.startswith(HTTP + PATH + "/")
