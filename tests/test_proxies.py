"""Rules 3.6: which proxies are used, what they are told, and what is never told."""

import base64
import os
import re

import pytest

from control_plane import TOKEN, ControlPlane
from kit import (
    LIST,
    NAME,
    NO_NAME,
    PATH,
    WINDOWS,
    Proxy,
    Raw,
    ask,
    error_lines,
    hint_lines,
    nobody_listening,
    page,
    read_error,
    rule,
    run_cli,
    stall,
)
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
    return dict(
        {
            "PLEXSPHERE_URL": url,
            "PLEXSPHERE_TOKEN": TOKEN,
            "SSL_CERT_FILE": CA_FILE,
            "HTTP_PROXY": proxy_url,
            "HTTPS_PROXY": proxy_url,
        },
        **env,
    )


def run_list(*argv, **env):
    """Run `list` in this environment, over plain http too, and return its Result."""
    return run_cli(*LIST + ("--allow-http",) + argv, env=env)


def add_user(proxy, user_info=USER_INFO):
    """Return the proxy's URL with user info."""
    return proxy.url.replace("//", "//" + user_info)


def read_blame(result):
    """Return the error of a run that failed at the proxy, and whose hint names its variables."""
    assert re.search("hint: (?=.*HTTPS_PROXY)(?=.* HTTP_PROXY)(?=.*NO_PROXY)(?!.*--server)", result.err), result.err
    return read_error(result)


# ---- the two ways through


@rule("3.6b")
@pytest.mark.parametrize(
    "user_info, headers", [("", {}), (USER_INFO, {"proxy-authorization": "Basic " + BASIC})], ids=["no user", "user"]
)
def test_tunnel_for_https_reveals_nothing_of_the_request(tls_proxy, user_info, headers):
    result = run_list("-v", **set_proxy(add_user(tls_proxy, user_info)))
    (tunnel,), (inner,) = tls_proxy.requests, tls_proxy.plane.requests
    tunnel.headers.pop("host", None)  # http.client's, from 3.12 on
    assert (result.code, tunnel) == (0, ("CONNECT", NAME + ":443", headers))
    assert (inner.target, inner.headers["host"], inner.headers["authorization"]) == (PATH, NAME, "Bearer " + TOKEN)
    assert "proxy-authorization" not in inner.headers and "s3cret" not in result.err
    assert result.err.startswith("> CONNECT %s:443\n> %s" % (NAME, "Proxy-Authorization: ***\n" if headers else "GET "))


@rule("3.6a", "3.6b")
@pytest.mark.parametrize(
    "user_info, pair",
    [
        ("", None),
        ("ann@", b"ann:"),
        (":b@", b":b"),
        ("a%3Ab:c%40d@", b"a:b:c@d"),
        ("a+b@b:c@", b"a+b@b:c"),
        ("%C3%A4:%FF@", b"\xc3\xa4:\xff"),
        ("ann:\udcff@", b"ann:" + os.fsencode("\udcff")),
        ("ann:" + "x" * 99 + "@", b"ann:" + b"x" * 99),
    ],
)
def test_http_uses_absolute_form_and_user_info_is_percent_decoded(proxy, user_info, pair):
    result = run_list(**set_proxy(add_user(proxy, user_info), HTTP))
    ((method, target, headers),) = proxy.requests
    assert (result.code, method, target, headers["host"]) == (0, "GET", HTTP + PATH, NAME)
    assert headers["authorization"] == "Bearer " + TOKEN
    assert headers.get("proxy-authorization") == (pair and "Basic " + base64.b64encode(pair).decode())


@rule("3.6b", "3.1")
@pytest.mark.parametrize(
    "row",
    [
        "http://NAME:8080/api/ http://NAME:8080/apiPATH NAME:8080",
        "HTTP://NAME:00080 http://NAMEPATH NAME",
        "http://NAME:443/%41 http://NAME:443/%41PATH NAME:443",
        "https://NAME:8443/a NAME:8443 NAME:8443",
        "http://[FF02::DB8]:8 http://[ff02::db8]:8PATH [ff02::db8]:8",
        "https://NAME:00443 NAME:443 NAME",
        "https://NAME:80 NAME:80 NAME:80",
    ],
)
def test_target_names_the_port_and_host_header_omits_a_default_one(row):
    url, target, host = row.replace("NAME", NAME).replace("PATH", PATH).split()
    with ControlPlane(tls=url.startswith(HTTPS)) as plane, Proxy(plane) as proxy:
        (plane if plane.context else proxy).script(Reply(page()))
        assert run_list(**set_proxy(proxy.url, url)).code == 0
        assert (proxy.requests[0].target, (plane.requests or proxy.requests)[0].headers["host"]) == (target, host)


# ---- which proxy


@rule("3.6", "3.6a")
@pytest.mark.parametrize(
    "row",
    [
        "http HTTP_PROXY={} yes",
        "http HTTP_PROXY=HTTP://{}/ yes",
        "https https_proxy=http://{} yes",
        "https HTTPS_PROXY=ann:b@c@{} yes",
        "http NONE={} no",
        "http HTTPS_PROXY={} no",
        "https HTTP_PROXY={} no",
        "http HTTP_PROXY= no",
        "http ALL_PROXY={} no",
        "http HTTP_PROXY={} REQUEST_METHOD=GET no",
        "http HTTP_PROXY={} http_proxy= no",
    ],
)
def test_proxy_is_the_one_that_urllib_finds(proxy, row):
    if WINDOWS and "http_proxy" in row:
        pytest.skip("a variable has one spelling on Windows, in upper case")
    proxy.script(FORBIDDEN_REPLY)
    scheme, *pairs, used = row.format(proxy.url[7:]).split()
    env = dict(pair.split("=") for pair in pairs)
    # Without a proxy this name is not even asked for.
    run_list(PLEXSPHERE_URL="%s://%s" % (scheme, NAME if used == "yes" else NO_NAME), PLEXSPHERE_TOKEN=TOKEN, **env)
    assert proxy.connections == (used == "yes")


@rule("3.6a")
@pytest.mark.parametrize(
    "value",
    [
        "http://",
        "http://ann:hunter22@",
        "http://hunter22:0",
        "http://hunter22:65536",
        "http://hunter22?x",
        "socks5://ann:hunter22@proxy",
        "https://ann:hunter22@proxy",
        "http:hunter22",
        "//hunter22",
        "hunter22..test",
        "http://hunter 22",
        "http://h\u00f6nter22:8",
    ],
    ids=ascii,
)
@both_ways
def test_unusable_proxy_exits_2_and_is_not_shown(value, url):
    result = run_list(**set_proxy(value, url))
    assert (result.code, result.out, error_lines(result)) == (2, b"", ["the proxy: expected http://host:port"])
    assert hint_lines(result) == ["check HTTPS_PROXY and HTTP_PROXY: write it as http://HOST:PORT"]


@rule("3.6")
@pytest.mark.parametrize(
    "host, no_proxy, bypassed",
    [
        ("NAME", " , ,", False),
        ("NAME", "*", True),
        ("B.NAME", "b, b.NAME ,", True),
        ("x.NAME", "NAME", True),
        ("xNAME", "NAME", False),
        ("x.NAME", ".NAME", True),
        ("NAME", "NAME:80", True),
        ("NAME:8", "NAME:9", False),
        ("224.1.2.3", "224.1.2.3", True),
        ("224.1.2.3", "224.0.0.0/8", False),
    ],
)
def test_no_proxy_works_as_in_urllib(proxy, host, no_proxy, bypassed):
    """No bypass sends a packet: NO_NAME is not asked for, a multicast address cannot be connected to."""
    proxy.script(FORBIDDEN_REPLY)
    host, no_proxy = host.replace("NAME", NO_NAME), no_proxy.replace("NAME", NO_NAME)
    run_list(**set_proxy(proxy.url, "http://" + host, NO_PROXY=no_proxy))
    assert proxy.connections == (not bypassed)


@rule("3.6")
@pytest.mark.parametrize(
    "host, proxied",
    [
        ("LOCALHOST", False),
        ("127.9.9.9", False),
        ("[::1]", False),
        ("0.0.0.0", False),
        ("[::]", False),
        ("a.localhost", True),
    ],
)
@both_ways
def test_this_host_is_never_proxied_but_localhost_subdomains_are(proxy, url, host, proxied):
    proxy.script(FORBIDDEN_REPLY)
    assert run_list(**set_proxy(proxy.url, url.replace(NAME, host + ":1"))).code != 0
    assert proxy.connections == proxied


# ---- proxies that refuse, break or hang

PROXY_FAULTS = {
    str(status): Reply(b"no", status, [("Location", "http://else.test/")]) for status in (302, 403, 407, 503)
}
PROXY_FAULTS.update({"dropped": DROP, "reset": RESET, "SSH": b"SSH-2.0-OpenSSH\r\n\r\n", "long line": b"x" * 70000})


@rule("3.6c", "3.8a")
@pytest.mark.parametrize("name", sorted(PROXY_FAULTS))
def test_refused_tunnel_fails_at_once_and_names_the_proxy(proxy, name):
    result, slept = ask(proxy, PROXY_FAULTS[name], env=set_proxy(proxy.url))
    error = read_blame(result)
    assert "cannot connect to %s through proxy 127.0.0.1:%d: " % (NAME, proxy.address[1]) in error
    assert (name in error or not name.isdigit()) and "user:password@" in hint_lines(result)[0]
    assert (slept, len(proxy.requests)) == ([], 1)


@rule("3.6c", "3.6a")
@both_ways
@pytest.mark.parametrize(
    "proxy_url, says",
    [
        ("%s", " to %s through proxy {}: " % NAME),
        (NO_NAME, " to {0} through proxy {1}:80: the name {1} does not resolve".format(NAME, NO_NAME)),
    ],
    ids=["dead", "no name"],
)
def test_unreachable_proxy_exits_1_and_is_named(url, proxy_url, says):
    with nobody_listening() as address:
        result = run_list(**set_proxy(proxy_url.replace("%s", address), url))
    assert says.replace("{}", address) in read_blame(result)


@rule("3.6c", "3.5")
@pytest.mark.parametrize("first", [b"", CONNECTED])
def test_silent_proxy_exits_1_within_the_timeout(first):
    with Raw(stall(first)) as proxy:
        result, _ = ask(proxy, argv=LIST + ("--timeout", "0.1"), env=set_proxy(proxy.url))
    assert read_blame(result) == "error: timed out: connecting to %s through proxy %s:%d" % ((NAME,) + proxy.address)
    assert "raise --timeout (now 0.1 s)" in hint_lines(result)[0]
