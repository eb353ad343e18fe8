"""Rules 3.6: which proxies are used, what they are told, and what is never told."""

import base64
import os

import pytest

from control_plane import TOKEN, ControlPlane
from kit import (
    LIST,
    NO_NAME,
    PATH,
    WINDOWS,
    Proxy,
    Raw,
    error_lines,
    hint_lines,
    nobody_listening,
    page,
    refuse_tunnel,
    rule,
    run_cli,
    stall,
)
from server import CA_FILE, DROP, RESET, Reply

# Only the proxies of these tests know the name control-plane.test. The certificate of the plane is for this name.
both_ways = pytest.mark.parametrize(
    "url", ["http://control-plane.test", "https://control-plane.test"], ids=["http", "https"]
)
PROXY_ADVICE = (
    "check the server's name and port, HTTPS_PROXY, HTTP_PROXY and NO_PROXY "
    "(if the proxy needs a login, put user:password@ before its host)"
)


@pytest.fixture
def proxy(plane):
    """A proxy that leads to a plane over http."""
    with Proxy(plane) as running:
        yield running


@pytest.fixture
def tls_proxy(tls_plane):
    """A proxy whose tunnels lead to a plane over https."""
    with Proxy(tls_plane) as running:
        yield running


def run_via(proxy_url, url, *flags, env=None, **options):
    """Run `list` against the server at `url`, with this proxy for http and https."""
    whole = {
        "PLEXSPHERE_URL": url,
        "PLEXSPHERE_TOKEN": TOKEN,
        "SSL_CERT_FILE": CA_FILE,
        "HTTP_PROXY": proxy_url,
        "HTTPS_PROXY": proxy_url,
    }
    return run_cli(*LIST, "--allow-http", *flags, env=dict(whole, **(env or {})), **options)


def run_with_variables(url, **env):
    """Run `list` against the server at `url`. The proxies are only those that these variables name."""
    return run_cli(
        *LIST, "--allow-http", env=dict({"PLEXSPHERE_URL": url, "PLEXSPHERE_TOKEN": TOKEN}, **env)
    )


# ---- 3.6c: TLS through a proxy


@rule("3.6c", "3.2")
def test_error_for_tls_that_fails_inside_a_tunnel_names_only_the_server():
    with ControlPlane(tls="untrusted") as plane, Proxy(plane) as proxy:
        result = run_via(proxy.url, "https://control-plane.test")

    assert result.code == 1
    (error,) = error_lines(result)
    assert error.startswith("TLS with control-plane.test failed: ")
    assert "127.0.0.1" not in error  # the proxy's address
    assert len(proxy.requests) == 1


# ---- 3.6b: what a proxy is told


@rule("3.6b")
def test_https_goes_through_a_tunnel_that_reveals_only_host_and_port(tls_proxy):
    result = run_via(tls_proxy.url, "https://control-plane.test", "-v")

    assert result.code == 0
    (tunnel,) = tls_proxy.requests
    assert tunnel.method == "CONNECT"
    assert tunnel.target == "control-plane.test:443"
    tunnel.headers.pop("host", None)  # http.client sends it from Python 3.12 on
    assert tunnel.headers == {}
    (inner,) = tls_proxy.plane.requests
    assert inner.target == PATH
    assert inner.headers["host"] == "control-plane.test"
    assert inner.headers["authorization"] == "Bearer " + TOKEN
    assert result.err.startswith("> CONNECT control-plane.test:443\n> GET /v1/")


@rule("3.6b", "3.6a")
def test_only_the_proxy_of_a_tunnel_gets_its_user_info(tls_proxy):
    proxy_url = tls_proxy.url.replace("http://", "http://ann:s3cret%20word@")

    result = run_via(proxy_url, "https://control-plane.test", "-v")

    assert result.code == 0
    (tunnel,) = tls_proxy.requests
    tunnel.headers.pop("host", None)  # http.client sends it from Python 3.12 on
    # This is base64 of "ann:s3cret word".
    assert tunnel.headers == {"proxy-authorization": "Basic YW5uOnMzY3JldCB3b3Jk"}
    (inner,) = tls_proxy.plane.requests
    assert inner.headers["authorization"] == "Bearer " + TOKEN
    assert "proxy-authorization" not in inner.headers
    assert result.err.startswith(
        "> CONNECT control-plane.test:443\n> Proxy-Authorization: ***\n> GET /v1/"
    )
    assert "s3cret" not in result.err
    assert "YW5uOnMzY3JldCB3b3Jk" not in result.err


@rule("3.6b")
def test_http_request_to_a_proxy_names_the_whole_url(proxy):
    result = run_via(proxy.url, "http://control-plane.test")

    assert result.code == 0
    (request,) = proxy.requests
    assert request.method == "GET"
    assert request.target == "http://control-plane.test" + PATH
    assert request.headers["host"] == "control-plane.test"
    assert request.headers["authorization"] == "Bearer " + TOKEN
    assert "proxy-authorization" not in request.headers


@rule("3.6a", "3.6b")
@pytest.mark.parametrize(
    "user_info, header",
    [
        pytest.param("ann@", "Basic YW5uOg==", id="ann: without a password"),
        pytest.param(":b@", "Basic OmI=", id=":b without a user"),
        pytest.param(
            "a%3Ab:c%40d@", "Basic YTpiOmNAZA==", id="a:b:c@d with an escaped colon and at sign"
        ),
        pytest.param("a+b@b:c@", "Basic YStiQGI6Yw==", id="a+b@b:c with a plain at sign"),
        pytest.param("%C3%A4:%FF@", "Basic w6Q6/w==", id="escaped bytes, UTF-8 or not"),
        # The base64 of a long password has no line breaks.
        pytest.param(
            "ann:" + 99 * "x" + "@", "Basic YW5uOnh4" + 32 * "eHh4" + "eA==", id="a long password"
        ),
    ],
)
def test_user_info_of_a_proxy_is_percent_decoded(proxy, user_info, header):
    result = run_via(
        proxy.url.replace("http://", "http://" + user_info), "http://control-plane.test"
    )

    assert result.code == 0
    assert proxy.requests[0].headers["proxy-authorization"] == header
    assert proxy.requests[0].headers["authorization"] == "Bearer " + TOKEN


@rule("3.6a", "3.6b")
def test_user_info_of_a_proxy_may_contain_bytes_that_are_not_text(proxy):
    # This is how Python shows the byte 0xFF of a variable. On Windows, variables contain no bytes.
    password = "\udcff"

    result = run_via(
        proxy.url.replace("http://", "http://ann:%s@" % password), "http://control-plane.test"
    )

    assert result.code == 0
    pair = b"ann:" + os.fsencode(password)
    assert (
        proxy.requests[0].headers["proxy-authorization"]
        == "Basic " + base64.b64encode(pair).decode()
    )


@rule("3.6b", "3.1")
@pytest.mark.parametrize(
    "url, target, host",
    [
        pytest.param(
            "http://control-plane.test:8080/api/",
            "http://control-plane.test:8080/api",
            "control-plane.test:8080",
            id="another port and a prefix",
        ),
        pytest.param(
            "HTTP://Control-Plane.test:00080",
            "http://control-plane.test",
            "control-plane.test",
            id="the default port, upper case",
        ),
        pytest.param(
            "http://control-plane.test:443/%41",
            "http://control-plane.test:443/%41",
            "control-plane.test:443",
            id="the default port of https, an escaped prefix",
        ),
        pytest.param("http://[FF02::DB8]:8", "http://[ff02::db8]:8", "[ff02::db8]:8", id="IPv6"),
    ],
)
def test_http_request_to_a_proxy_omits_only_a_default_port(proxy, url, target, host):
    proxy.script(Reply(page()))

    result = run_via(proxy.url, url)

    assert result.code == 0
    assert proxy.requests[0].target == target + PATH
    assert proxy.requests[0].headers["host"] == host


@rule("3.6b", "3.1")
@pytest.mark.parametrize(
    "url, target, host",
    [
        pytest.param(
            "https://control-plane.test:8443/a",
            "control-plane.test:8443",
            "control-plane.test:8443",
            id="another port",
        ),
        pytest.param(
            "https://control-plane.test:00443",
            "control-plane.test:443",
            "control-plane.test",
            id="the default port",
        ),
        pytest.param(
            "https://control-plane.test:80",
            "control-plane.test:80",
            "control-plane.test:80",
            id="the default port of http",
        ),
    ],
)
def test_tunnel_names_every_port_and_host_header_omits_a_default_one(tls_proxy, url, target, host):
    tls_proxy.plane.script(Reply(page()))

    result = run_via(tls_proxy.url, url)

    assert result.code == 0
    assert tls_proxy.requests[0].target == target
    assert tls_proxy.plane.requests[0].headers["host"] == host


# ---- 3.6, 3.6a: which proxy is used


@rule("3.6", "3.6a")
@pytest.mark.parametrize(
    "url, variable, before_address, after_address",
    [
        pytest.param(
            "http://control-plane.test",
            "Http_Proxy",
            "",
            "",
            id="for http, the variable in mixed case",
        ),
        pytest.param(
            "http://control-plane.test", "HTTP_PROXY", "", "", id="for http, only host:port"
        ),
        pytest.param(
            "http://control-plane.test",
            "HTTP_PROXY",
            "HTTP://",
            "/",
            id="for http, upper case and a slash",
        ),
        pytest.param(
            "https://control-plane.test",
            "https_proxy",
            "http://",
            "",
            id="for https, the variable in lower case",
        ),
        pytest.param(
            "https://control-plane.test",
            "HTTPS_PROXY",
            "ann:b@c@",
            "",
            id="for https, user info without http://",
        ),
    ],
)
def test_proxy_of_the_scheme_is_used(proxy, url, variable, before_address, after_address):
    proxy.script(Reply(b"", 403))
    address = "127.0.0.1:%d" % proxy.address[1]

    run_with_variables(url, **{variable: before_address + address + after_address})

    assert proxy.connections == 1


@rule("3.6")
@pytest.mark.parametrize(
    "scheme, variable",
    [
        pytest.param("http", "HTTPS_PROXY", id="http and the proxy for https"),
        pytest.param("https", "HTTP_PROXY", id="https and the proxy for http"),
        pytest.param("http", "ALL_PROXY", id="http and the proxy for all"),
        pytest.param("https", "ALL_PROXY", id="https and the proxy for all"),
    ],
)
def test_proxy_variable_of_another_scheme_or_of_all_is_not_used(proxy, scheme, variable):
    # Without a proxy, not even a resolver is asked for NO_NAME, because the name is too long.
    result = run_with_variables("%s://%s" % (scheme, NO_NAME), **{variable: proxy.url})

    assert result.code == 1
    assert proxy.connections == 0
    assert error_lines(result)[0].startswith("cannot connect to %s: " % NO_NAME)


@rule("3.6")
def test_empty_variable_means_no_proxy(proxy):
    # HTTPS_PROXY and ALL_PROXY do not replace it.
    result = run_with_variables(
        "http://" + NO_NAME, HTTP_PROXY="", HTTPS_PROXY=proxy.url, ALL_PROXY=proxy.url
    )

    assert result.code == 1
    assert proxy.connections == 0
    assert error_lines(result)[0].startswith("cannot connect to %s: " % NO_NAME)


@rule("3.6")
def test_http_proxy_is_not_used_in_a_cgi_script(proxy):
    # There HTTP_PROXY may be the header `Proxy` of a client. REQUEST_METHOD shows that this is a CGI script.
    result = run_with_variables("http://" + NO_NAME, HTTP_PROXY=proxy.url, REQUEST_METHOD="GET")

    assert result.code == 1
    assert proxy.connections == 0
    assert error_lines(result)[0].startswith("cannot connect to %s: " % NO_NAME)


@rule("3.6")
@pytest.mark.skipif(WINDOWS, reason="a variable has one spelling on Windows, in upper case")
def test_empty_variable_in_lower_case_overrides_one_in_upper_case(proxy):
    result = run_with_variables("http://" + NO_NAME, HTTP_PROXY=proxy.url, http_proxy="")

    assert result.code == 1
    assert proxy.connections == 0
    assert error_lines(result)[0].startswith("cannot connect to %s: " % NO_NAME)


@rule("3.6a")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("http://", id="no host"),
        pytest.param("http://ann:hunter22@", id="no host after user info"),
        pytest.param("http://hunter22:0", id="port 0"),
        pytest.param("http://hunter22:65536", id="port above 65535"),
        pytest.param("http://hunter22?x", id="query"),
        pytest.param("socks5://ann:hunter22@proxy", id="socks5"),
        pytest.param("https://ann:hunter22@proxy", id="https"),
        pytest.param("http:hunter22", id="no slashes"),
        pytest.param("//hunter22", id="no scheme"),
        pytest.param("hunter22..test", id="empty label"),
        pytest.param("http://hunter 22", id="space"),
        pytest.param("http://h\u00f6nter22:8", id="not ASCII"),
    ],
)
@both_ways
def test_unusable_proxy_means_exit_2_and_is_not_shown(value, url):
    result = run_via(value, url)

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith("the proxy: ")
    assert len(hint_lines(result)) == 1
    assert "nter22" not in result.err


@rule("3.6a")
def test_error_for_an_unusable_proxy_names_two_variables():
    result = run_via("socks5://proxy", "https://control-plane.test")

    assert result.code == 2
    assert error_lines(result) == ["the proxy: expected http://host:port"]
    assert hint_lines(result) == [
        "check HTTPS_PROXY and HTTP_PROXY: write the URL as http://HOST:PORT"
    ]


@rule("3.6")
@pytest.mark.parametrize(
    "host, no_proxy",
    [
        pytest.param(NO_NAME, "*", id="all hosts"),
        pytest.param(
            "B." + NO_NAME, "b, b." + NO_NAME + " ,", id="one of several, in another case"
        ),
        pytest.param("x." + NO_NAME, NO_NAME, id="a subdomain"),
        pytest.param("x." + NO_NAME, "." + NO_NAME, id="a subdomain of a name with a leading dot"),
        pytest.param(NO_NAME, NO_NAME + ":80", id="the same port"),
        pytest.param("224.1.2.3", "224.1.2.3", id="an address"),
    ],
)
def test_no_proxy_names_servers_that_are_reached_without_a_proxy(proxy, host, no_proxy):
    # No packet is sent: NO_NAME is too long for a resolver, and TCP cannot connect to a multicast address (224.1.2.3).
    result = run_via(proxy.url, "http://" + host, env={"NO_PROXY": no_proxy})

    assert result.code == 1
    assert proxy.connections == 0
    assert error_lines(result)[0].startswith("cannot connect to ")
    assert "through proxy" not in result.err


@rule("3.6")
@pytest.mark.parametrize(
    "host, no_proxy",
    [
        pytest.param(NO_NAME, " , ,", id="no names"),
        pytest.param("x" + NO_NAME, NO_NAME, id="a name that only ends in the same way"),
        pytest.param(NO_NAME + ":8", NO_NAME + ":9", id="another port"),
        pytest.param("224.1.2.3", "224.0.0.0/8", id="a network, which urllib does not know"),
    ],
)
def test_no_proxy_leaves_servers_that_it_does_not_name_to_the_proxy(proxy, host, no_proxy):
    proxy.script(Reply(b"", 403))

    result = run_via(proxy.url, "http://" + host, env={"NO_PROXY": no_proxy})

    assert result.code == 4  # for the 403 of the proxy
    assert proxy.connections == 1


@rule("3.6")
@pytest.mark.parametrize("host", ["LOCALHOST", "127.9.9.9", "[::1]", "0.0.0.0", "[::]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_this_host_is_never_reached_through_a_proxy(proxy, scheme, host):
    # Nobody listens on port 1.
    result = run_via(proxy.url, "%s://%s:1" % (scheme, host))

    assert result.code == 1
    assert error_lines(result)[0].startswith("cannot connect to ")
    assert "through proxy" not in result.err
    assert proxy.connections == 0


@rule("3.6")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_subdomain_of_localhost_is_reached_through_a_proxy(proxy, scheme):
    proxy.script(Reply(b"", 403))

    run_via(proxy.url, "%s://a.localhost:1" % scheme)

    assert proxy.connections == 1


# ---- 3.6c: proxies that refuse, break or hang


@rule("3.6c", "3.8a")
@pytest.mark.parametrize(
    "status_line, shown",
    [
        pytest.param(b"HTTP/1.1 302 Found", "302 Found", id="302 with a Location"),
        pytest.param(b"HTTP/1.1 403 Forbidden", "403 Forbidden", id="403"),
        pytest.param(b"HTTP/1.1 407 Login", "407 Login", id="407"),
        pytest.param(b"HTTP/1.1 503 Busy", "503 Busy", id="503"),
    ],
)
def test_refused_tunnel_fails_at_once_and_the_status_is_shown(proxy, status_line, shown):
    proxy.script(refuse_tunnel(status_line))
    slept = []

    result = run_via(proxy.url, "https://control-plane.test", sleep=slept.append)

    assert len(proxy.requests) == 1
    assert result.code == 1
    assert result.out == b""
    (error,) = error_lines(result)
    assert error.startswith(
        "cannot connect to control-plane.test through proxy 127.0.0.1:%d: " % proxy.address[1]
    )
    assert shown in error
    assert hint_lines(result) == [PROXY_ADVICE]
    assert slept == []


@rule("3.6c", "3.8a")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(DROP, id="closes the connection"),
        pytest.param(RESET, id="resets the connection"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="is an SSH server"),
        pytest.param(70000 * b"x", id="sends a line without end"),
    ],
)
def test_proxy_that_does_not_speak_http_fails_at_once_and_is_named(proxy, answer):
    proxy.script(answer)
    slept = []

    result = run_via(proxy.url, "https://control-plane.test", sleep=slept.append)

    assert len(proxy.requests) == 1
    assert result.code == 1
    assert result.out == b""
    (error,) = error_lines(result)
    assert error.startswith(
        "cannot connect to control-plane.test through proxy 127.0.0.1:%d: " % proxy.address[1]
    )
    assert len(hint_lines(result)) == 1
    assert "HTTPS_PROXY" in hint_lines(result)[0]
    assert slept == []


@rule("3.6c")
@both_ways
def test_proxy_that_refuses_connections_means_exit_1_and_is_named(url):
    with nobody_listening() as address:
        result = run_via("http://" + address, url)

    assert result.code == 1
    assert result.out == b""
    (error,) = error_lines(result)
    assert error.startswith("cannot connect to control-plane.test through proxy %s: " % address)
    assert len(hint_lines(result)) == 1
    assert "HTTPS_PROXY" in hint_lines(result)[0]


@rule("3.6c", "3.6a")
@both_ways
def test_proxy_whose_name_does_not_resolve_means_exit_1_and_is_named(url):
    result = run_via(NO_NAME, url)

    assert result.code == 1
    assert result.out == b""
    # A proxy without a port has port 80.
    assert error_lines(result) == [
        "cannot connect to control-plane.test through proxy %s:80: the name %s does not resolve"
        % (NO_NAME, NO_NAME)
    ]
    assert len(hint_lines(result)) == 1
    assert "HTTPS_PROXY" in hint_lines(result)[0]


@rule("3.6c", "3.5")
@pytest.mark.parametrize(
    "first_bytes",
    [
        pytest.param(b"", id="before the tunnel"),
        pytest.param(b"HTTP/1.1 200 Connection established\r\n\r\n", id="in the TLS handshake"),
    ],
)
def test_silent_proxy_means_exit_1_within_the_timeout(first_bytes):
    with Raw(stall(first_bytes)) as silent:
        result = run_via(silent.url, "https://control-plane.test", "--timeout", "0.1")

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == [
        "timed out: connecting to control-plane.test through proxy 127.0.0.1:%d" % silent.address[1]
    ]
    assert hint_lines(result) == [
        PROXY_ADVICE + "; if the server or network is slow, raise --timeout (now 0.1 s)"
    ]
