"""Proxies: which ones are used, what they are told, and what is never told."""

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
    run_cli,
    stall,
    table,
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
    """Run `list --allow-http` against the server at `url`, with this proxy for http and https."""
    whole = {
        "PLEXSPHERE_URL": url,
        "PLEXSPHERE_TOKEN": TOKEN,
        "SSL_CERT_FILE": CA_FILE,
        "HTTP_PROXY": proxy_url,
        "HTTPS_PROXY": proxy_url,
    }
    return run_cli(*LIST, "--allow-http", *flags, env=dict(whole, **(env or {})), **options)


def run_with_variables(url, **env):
    """Run `list --allow-http` against the server at `url`. Only these variables name proxies."""
    return run_cli(
        *LIST, "--allow-http", env=dict({"PLEXSPHERE_URL": url, "PLEXSPHERE_TOKEN": TOKEN}, **env)
    )


# ---- TLS through a proxy


def test_error_for_tls_that_fails_inside_a_tunnel_names_only_the_server():
    with ControlPlane(tls="untrusted") as plane, Proxy(plane) as proxy:
        result = run_via(proxy.url, "https://control-plane.test")

    assert result.code == 1
    (error,) = error_lines(result)
    assert error.startswith("TLS with control-plane.test failed: ")
    assert "127.0.0.1" not in error  # the proxy's address
    assert len(proxy.requests) == 1


# ---- what a proxy is told


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


def test_https_to_an_ipv6_address_is_refused_if_python_would_send_it_without_brackets(tls_proxy):
    result = run_via(tls_proxy.url, "https://[2001:db8::1]:8443")

    tunnels = [request.target for request in tls_proxy.requests]
    if tunnels:  # from Python 3.13 on; the certificate is for another name
        assert tunnels == ["[2001:db8::1]:8443"]
        assert result.code == 1
    else:
        assert result.code == 2
        assert error_lines(result) == ["this Python cannot reach an IPv6 address through a proxy"]
        assert hint_lines(result) == [
            "use Python 3.13 or later, or a host name in the server's URL"
        ]


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


def test_http_request_to_a_proxy_names_the_whole_url(proxy):
    result = run_via(proxy.url, "http://control-plane.test")

    assert result.code == 0
    (request,) = proxy.requests
    assert request.method == "GET"
    assert request.target == "http://control-plane.test" + PATH
    assert request.headers["host"] == "control-plane.test"
    assert request.headers["authorization"] == "Bearer " + TOKEN
    assert "proxy-authorization" not in request.headers


@table("""
    user_info    | header
    # No password (base64 of `ann:`), and no name (`:b`)
    ann@         | Basic YW5uOg==
    :b@          | Basic OmI=
    # An escaped colon and at sign (`a:b:c@d`), and plain signs, which stay (`a+b@b:c`)
    a%3Ab:c%40d@ | Basic YTpiOmNAZA==
    a+b@b:c@     | Basic YStiQGI6Yw==
    # The bytes C3 A4 3A FF, which are not UTF-8
    %C3%A4:%FF@  | Basic w6Q6/w==
""")
def test_user_info_of_a_proxy_is_percent_decoded(proxy, user_info, header):
    proxy_url = proxy.url.replace("http://", "http://" + user_info)

    result = run_via(proxy_url, "http://control-plane.test")

    assert result.code == 0
    assert proxy.requests[0].headers["proxy-authorization"] == header
    assert proxy.requests[0].headers["authorization"] == "Bearer " + TOKEN


def test_base64_of_a_long_password_has_no_line_breaks(proxy):
    proxy_url = proxy.url.replace("http://", "http://ann:%s@" % ("x" * 99))

    result = run_via(proxy_url, "http://control-plane.test")

    assert result.code == 0
    header = proxy.requests[0].headers["proxy-authorization"]
    # Base64 of `ann:xx`, of 32 times `xxx`, and of `x`: 140 characters. MIME would break the line after 76.
    assert header == "Basic YW5uOnh4" + 32 * "eHh4" + "eA=="


def test_user_info_of_a_proxy_may_contain_bytes_that_are_not_text(proxy):
    # This is how Python shows the byte 0xFF of a variable. On Windows, variables contain no bytes.
    password = "\udcff"
    proxy_url = proxy.url.replace("http://", "http://ann:%s@" % password)

    result = run_via(proxy_url, "http://control-plane.test")

    assert result.code == 0
    expected = "Basic " + base64.b64encode(b"ann:" + os.fsencode(password)).decode()
    assert proxy.requests[0].headers["proxy-authorization"] == expected


@table("""
    url                               | target                            | host
    # A slash at the end and a default port are omitted. Scheme and host are in lower case.
    http://control-plane.test:8080/a/ | http://control-plane.test:8080/a  | control-plane.test:8080
    HTTP://Control-Plane.test:00080   | http://control-plane.test         | control-plane.test
    http://[FF02::DB8]:8              | http://[ff02::db8]:8              | [ff02::db8]:8
    # 443 is not the default port of http.
    http://control-plane.test:443/%41 | http://control-plane.test:443/%41 | control-plane.test:443
""")
def test_http_request_to_a_proxy_names_the_normalized_url(proxy, url, target, host):
    proxy.script(Reply(page()))

    result = run_via(proxy.url, url)

    assert result.code == 0
    assert proxy.requests[0].target == target + PATH
    assert proxy.requests[0].headers["host"] == host


@table("""
    url                               | target                  | host
    https://control-plane.test:8443/a | control-plane.test:8443 | control-plane.test:8443
    https://control-plane.test:00443  | control-plane.test:443  | control-plane.test
    https://control-plane.test:80     | control-plane.test:80   | control-plane.test:80
""")
def test_tunnel_names_every_port_and_host_header_omits_a_default_one(tls_proxy, url, target, host):
    tls_proxy.plane.script(Reply(page()))

    result = run_via(tls_proxy.url, url)

    assert result.code == 0
    assert tls_proxy.requests[0].target == target
    assert tls_proxy.plane.requests[0].headers["host"] == host


# ---- which proxy is used


@table("""
    url                        | variable
    # A scheme is optional. Its case does not matter, nor does that of the variable.
    http://control-plane.test  | HTTP_PROXY=$ADDRESS
    http://control-plane.test  | HTTP_PROXY=HTTP://$ADDRESS/
    http://control-plane.test  | Http_Proxy=$ADDRESS
    https://control-plane.test | https_proxy=http://$ADDRESS
    # The last @ ends the user info.
    https://control-plane.test | HTTPS_PROXY=ann:b@c@$ADDRESS
""")
def test_proxy_of_the_scheme_is_used(proxy, url, variable):
    proxy.script(Reply(b"", 403))  # any answer will do
    name, _, value = variable.partition("=")

    run_with_variables(url, **{name: value.replace("$ADDRESS", "127.0.0.1:%d" % proxy.address[1])})

    assert proxy.connections == 1


@table("""
    variables                                   | scheme
    # The proxy is for the other scheme. ALL_PROXY is ignored.
    HTTPS_PROXY=$URL                            | http
    HTTP_PROXY=$URL                             | https
    ALL_PROXY=$URL                              | http
    ALL_PROXY=$URL                              | https
    # An empty variable means no proxy. In lower case, it overrides one in upper case.
    HTTP_PROXY= HTTPS_PROXY=$URL ALL_PROXY=$URL | http
    http_proxy= HTTP_PROXY=$URL                 | http
    # In a CGI script, HTTP_PROXY may be the header `Proxy` of a client.
    HTTP_PROXY=$URL REQUEST_METHOD=GET          | http
""")
def test_no_proxy_is_used_with_these_variables(proxy, variables, scheme):
    if WINDOWS and "http_proxy" in variables:
        pytest.skip("a variable has one spelling on Windows, in upper case")
    pairs = [each.split("=") for each in variables.replace("$URL", proxy.url).split()]

    # Without a proxy, not even a resolver is asked for NO_NAME, because the name is too long.
    result = run_with_variables("%s://%s" % (scheme, NO_NAME), **dict(pairs))

    assert result.code == 1
    assert proxy.connections == 0
    assert error_lines(result)[0].startswith("cannot connect to %s: " % NO_NAME)


@table("""
    proxy_url
    # No host
    http://
    http://ann:hunter22@
    # A port or a query that is not valid
    http://hunter22:0
    http://hunter22:65536
    http://hunter22?x
    # A scheme other than http, or one without // (test_proxy_of_the_scheme_is_used has a proxy without a scheme)
    socks5://ann:hunter22@proxy
    https://ann:hunter22@proxy
    http:hunter22
    //hunter22
    # Not a valid host name
    hunter22..test
    http://hunter 22
    http://h\u00f6nter22:8
""")
def test_unusable_proxy_means_exit_2_and_is_not_shown(proxy_url):
    result = run_via(proxy_url, "https://control-plane.test")

    # No part of the URL, which may be a password, is in the message.
    assert result == (
        2,
        b"",
        "error: the proxy: expected http://host:port\n"
        "hint: check HTTPS_PROXY and HTTP_PROXY: write the URL as http://HOST:PORT\n",
    )


@table("""
    no_proxy    | host
    # NAME is too long for a resolver, and TCP cannot connect to a multicast address (224.1.2.3).
    *           | NAME
    224.1.2.3   | 224.1.2.3
    # A list, with blanks, and in any case
    b, b.NAME , | B.NAME
    # The subdomains of a name, with or without a dot before it
    NAME        | x.NAME
    .NAME       | x.NAME
    # The port of the URL, which is 80 by default
    NAME:80     | NAME
""")
def test_servers_named_by_the_variable_no_proxy_are_not_asked_for_through_the_proxy(
    proxy, no_proxy, host
):
    env = {"NO_PROXY": no_proxy.replace("NAME", NO_NAME)}

    result = run_via(proxy.url, "http://" + host.replace("NAME", NO_NAME), env=env)

    assert result.code == 1
    assert proxy.connections == 0
    assert error_lines(result)[0].startswith("cannot connect to ")
    assert "through proxy" not in result.err


@table("""
    no_proxy    | host
    # An empty list, a name that only ends like this one, and another port
    , ,         | NAME
    NAME        | xNAME
    NAME:9      | NAME:8
    # As in urllib, a network is not understood.
    224.0.0.0/8 | 224.1.2.3
""")
def test_servers_not_named_by_the_variable_no_proxy_are_reached_through_the_proxy(
    proxy, no_proxy, host
):
    proxy.script(Reply(b"", 403))
    env = {"NO_PROXY": no_proxy.replace("NAME", NO_NAME)}

    result = run_via(proxy.url, "http://" + host.replace("NAME", NO_NAME), env=env)

    assert result.code == 4  # for the 403 of the proxy
    assert proxy.connections == 1


@pytest.mark.parametrize("host", ["LOCALHOST", "127.9.9.9", "[::1]", "0.0.0.0", "[::]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_this_host_is_not_reached_through_a_proxy_of_the_environment(proxy, scheme, host):
    # Nobody listens on port 1 of this host.
    result = run_via(proxy.url, "%s://%s:1" % (scheme, host))

    assert result.code == 1
    assert error_lines(result)[0].startswith("cannot connect to ")
    assert "through proxy" not in result.err
    assert proxy.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_subdomain_of_localhost_is_reached_through_a_proxy(proxy, scheme):
    proxy.script(Reply(b"", 403))  # any answer will do

    run_via(proxy.url, "%s://a.localhost:1" % scheme)

    assert proxy.connections == 1


# ---- proxies that refuse, break or hang
#
# This is the first request. After a response, a failure to connect is retried: test_transport.py.


@pytest.mark.parametrize(
    "status_line, shown",
    [
        # refuse_tunnel() adds a Location, which is not followed.
        pytest.param(b"HTTP/1.1 302 Found", "302 Found", id="302 with a Location"),
        pytest.param(b"HTTP/1.1 407 Login", "407 Login", id="407"),
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


def test_password_that_is_not_ascii_is_masked_in_the_reason_phrase_of_a_proxy(proxy):
    # http.client reads a reason phrase as Latin-1.
    proxy.script(refuse_tunnel("HTTP/1.1 407 no: pässwört1 for you".encode("utf-8")))
    url = proxy.url.replace("http://", "http://ann:p%C3%A4ssw%C3%B6rt1@")

    result = run_via(url, "https://control-plane.test")

    assert "407 no: *** for you" in error_lines(result)[0]


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
    assert hint_lines(result) == [PROXY_ADVICE]
    assert slept == []


@both_ways
def test_proxy_that_refuses_connections_means_exit_1_and_is_named(url):
    with nobody_listening() as address:
        result = run_via("http://" + address, url)

    assert result.code == 1
    assert result.out == b""
    (error,) = error_lines(result)
    assert error.startswith("cannot connect to control-plane.test through proxy %s: " % address)
    assert hint_lines(result) == [PROXY_ADVICE]


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
    assert hint_lines(result) == [PROXY_ADVICE]


@pytest.mark.parametrize(
    "first_bytes",
    [
        pytest.param(b"", id="before the tunnel"),
        pytest.param(b"HTTP/1.1 200 Connection established\r\n\r\n", id="in the TLS handshake"),
    ],
)
def test_silent_proxy_means_exit_1_after_the_timeout_of_one_operation(first_bytes):
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
