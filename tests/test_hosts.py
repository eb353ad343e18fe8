"""Sections 3 and 6, which servers are reached: TLS, plain http, redirects, and the hints for a wrong server."""

import os
import re
import shutil
import socket
import ssl
import sys

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN, ControlPlane
from kit import (
    ALL,
    GET,
    LIST,
    PATH,
    ROOT,
    STARTED,
    Proxy,
    Raw,
    error_lines,
    execution,
    hint_lines,
    page,
    posix_only,
    retry_lines,
    rule,
    run_cli,
    run_process,
    run_python,
)
from server import CA_FILE, DROP, TLS_DIR, Reply

TLS_ADVICE = "check the port (is it for https?), the server's name and the local clock; for a private CA, use --ca-file"
UNTRUSTED_CA = os.path.join(TLS_DIR, "untrusted.pem")


# ---- 3.2: certificates


@rule("3.2", "3.2a")
@pytest.mark.parametrize(
    "certificate, flags, system_cas",
    [
        # Without system_cas, the CAs of the system count, and the test's own CA is not among them.
        pytest.param("expired", (), CA_FILE, id="expired"),
        pytest.param("wrong-host", (), CA_FILE, id="another host's"),
        pytest.param(
            "wrong-host", ("--ca-file", CA_FILE), None, id="another host's, with --ca-file"
        ),
        pytest.param("untrusted", (), CA_FILE, id="from an unknown CA"),
        pytest.param(True, (), None, id="valid, but its CA is not among the system's"),
        pytest.param(
            True, ("--ca-file", UNTRUSTED_CA), CA_FILE, id="valid, but --ca-file names another CA"
        ),
    ],
)
def test_invalid_certificate_means_exit_1_and_nothing_is_sent(certificate, flags, system_cas):
    with ControlPlane(tls=certificate) as server:
        result = run_cli(*LIST, *flags, plane=server, env={"SSL_CERT_FILE": system_cas})

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result)[0].startswith("TLS with localhost:%d failed: " % server.address[1])
    assert hint_lines(result) == [TLS_ADVICE]
    assert server.connections == 1
    assert server.requests == []


@rule("3.2", "3.2a")
@pytest.mark.parametrize(
    "flags, env",
    [
        # None removes a variable.
        pytest.param((), {"SSL_CERT_FILE": CA_FILE, "SSL_CERT_DIR": None}, id="SSL_CERT_FILE"),
        pytest.param((), {"SSL_CERT_FILE": None, "SSL_CERT_DIR": TLS_DIR}, id="SSL_CERT_DIR"),
        pytest.param(
            ("--ca-file", CA_FILE), {"SSL_CERT_FILE": None, "SSL_CERT_DIR": None}, id="--ca-file"
        ),
    ],
)
def test_cas_come_from_a_flag_or_a_variable(tls_plane, flags, env):
    if hasattr(ssl, "TLSVersion"):
        # This is the oldest version that the program accepts.
        tls_plane.context.maximum_version = ssl.TLSVersion.TLSv1_2

    result = run_cli(*LIST, *flags, plane=tls_plane, env=env)

    assert result.code == 0
    assert len(tls_plane.requests) == 1


#: A configuration of OpenSSL that allows everything from TLS 1.0 on.
LAX_POLICY = """
openssl_conf = a
[a]
ssl_conf = b
[b]
system_default = c
[c]
MinProtocol = TLSv1
CipherString = DEFAULT:@SECLEVEL=0
"""


def read_offered_versions(hello):
    """Return the TLS versions that a ClientHello offers, two bytes each: its extension 43 (RFC 8446, 4.2.1)."""
    extension = re.search(rb"\x00\x2b\x00.[\x02-\x10]((?:\x03[\x00-\x04])+)", hello, re.DOTALL)
    versions = extension.group(1)
    return [versions[start : start + 2] for start in range(0, len(versions), 2)]


@rule("3.2")
def test_tls_below_1_2_is_never_offered(tmp_path):
    policy = tmp_path / "openssl.cnf"
    policy.write_text(LAX_POLICY)
    hellos = []
    with Raw(lambda sock: hellos.append(sock.recv(65536))) as server:
        env = {
            "PLEXSPHERE_URL": "https://127.0.0.1:%d" % server.address[1],
            "OPENSSL_CONF": str(policy),
        }
        run_process(*LIST, plane=server, env=env)

    versions = read_offered_versions(hellos[0])

    assert b"\x03\x03" in versions  # TLS 1.2
    assert b"\x03\x02" not in versions  # TLS 1.1
    assert b"\x03\x01" not in versions  # TLS 1.0
    assert b"\x03\x00" not in versions  # SSL 3


IS_CPYTHON = sys.implementation.name == "cpython"


@posix_only  # on Windows the alert may not arrive
@pytest.mark.skipif(
    not IS_CPYTHON, reason="PyPy's ssl module fails at a connection that is reset here"
)
@rule("3.2", "3.8")
def test_alert_of_a_server_that_demands_a_certificate_is_shown_and_final(tls_plane):
    tls_plane.context.verify_mode = ssl.CERT_REQUIRED

    # With TLS 1.3 the alert comes after the handshake, and is lost if the server's reset overtakes it: then try again.
    for _ in range(50):
        result = run_cli(*LIST, plane=tls_plane)
        if "alert" in result.err:
            break

    assert result.code == 1
    assert "alert" in error_lines(result)[0]
    # An attempt whose alert was lost may have been retried.
    assert "alert" not in "".join(retry_lines(result))
    assert hint_lines(result) == [
        "client certificates are not supported: ask for a server URL that does not require one"
    ]


# ---- 3.2b: files that TLS needs


@rule("3.2b")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(os.path.join(TLS_DIR, "missing.pem"), id="missing"),
        pytest.param(os.path.join(TLS_DIR, "README.md"), id="not PEM"),
    ],
)
def test_unusable_ca_file_means_exit_2_and_is_named(tls_plane, path):
    result = run_cli(*LIST, "--ca-file", path, plane=tls_plane)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result)[0].startswith("cannot use the CA file %s: " % path)
    assert tls_plane.connections == 0


@rule("3.2b")
def test_ca_file_whose_name_contains_nul_means_exit_2_and_is_named(tls_plane):
    result = run_cli(*LIST, "--ca-file", "ca\0.pem", plane=tls_plane)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result)[0].startswith("cannot use the CA file ca\\x00.pem: ")
    assert tls_plane.connections == 0


@rule("3.2b")
@pytest.mark.skipif(
    not hasattr(ssl.SSLContext, "keylog_filename"), reason="this Python knows no SSLKEYLOGFILE"
)
@pytest.mark.parametrize(
    "flags",
    [
        pytest.param((), id="without --ca-file"),
        pytest.param(
            ("--ca-file", CA_FILE),
            id="with a usable --ca-file",
            marks=pytest.mark.skipif(not IS_CPYTHON, reason="PyPy's error does not name the file"),
        ),
    ],
)
def test_unusable_keylog_file_means_exit_2_and_its_variable_is_named(tls_plane, tmp_path, flags):
    keylog_file = str(tmp_path / "missing folder" / "log")

    result = run_cli(*LIST, *flags, plane=tls_plane, env={"SSLKEYLOGFILE": keylog_file})

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result)[0].startswith("cannot use the file that SSLKEYLOGFILE names: ")
    assert tls_plane.connections == 0


@rule("3.2b")
@posix_only
@pytest.mark.parametrize("mode", [0o602, 0o666], ids=oct)
def test_ca_file_that_anyone_can_write_to_is_refused(tls_plane, tmp_path, monkeypatch, mode):
    monkeypatch.chdir(str(tmp_path))
    shutil.copy(CA_FILE, "it's a CA")
    os.chmod("it's a CA", mode)

    result = run_cli(*LIST, "--ca-file", "it's a CA", plane=tls_plane)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ["the CA file it's a CA is insecure: anyone can write to it"]
    assert hint_lines(result) == ["""chmod o-w -- 'it'"'"'s a CA'"""]
    assert tls_plane.connections == 0


@rule("3.2b")
@posix_only
@pytest.mark.parametrize("mode", [0o664, 0o675], ids=oct)
def test_ca_file_that_only_its_group_can_write_to_is_accepted(tls_plane, tmp_path, mode):
    path = shutil.copy(CA_FILE, str(tmp_path / "ca.pem"))
    os.chmod(path, mode)

    result = run_cli(*LIST, "--ca-file", path, plane=tls_plane)

    assert result.code == 0
    assert error_lines(result) == []


# ---- 8.4: a Python without TLS

#: Runs the program as on a Python without the ssl module.
NO_SSL = """
import sys
sys.modules["_ssl"] = None
sys.path.insert(0, %r)
import plexctl_exec_log
sys.exit(plexctl_exec_log.main(sys.argv[1:]))
"""


@rule("8.4")
def test_plain_http_works_on_a_python_without_ssl(plane):
    result = run_python("-c", NO_SSL % ROOT, *LIST, plane=plane)

    assert result.code == 0
    assert error_lines(result) == []
    assert len(plane.requests) == 1


@rule("8.4")
def test_https_means_exit_1_on_a_python_without_ssl(plane):
    url = "https://127.0.0.1:%d" % plane.address[1]

    result = run_python("-c", NO_SSL % ROOT, *LIST, plane=plane, env={"PLEXSPHERE_URL": url})

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ["this Python has no TLS: it was built without the ssl module"]
    assert hint_lines(result) == ["use a Python built with ssl"]
    assert plane.connections == 0


# ---- 3.3: plain http

OTHER_HOSTS = [
    "a.localhost",
    "localhost.evil.test",
    "notlocalhost",
    "127.evil.test",
    "127.0.0.1.evil.test",
    "127.0.0.1.",
    "127.0.0.256",
    "128.0.0.1",
    "126.255.255.255",
    "10.0.0.1",
    "0.0.0.1",
    # Some resolvers take the next three for 127.0.0.1.
    "127.1",
    "0x7f.0.0.1",
    "2130706433",
    "[::2]",
    "[fe80::1]",
    "[127::1]",
    "[::ffff:10.0.0.1]",
    "localhost.",  # a resolver may ask DNS for it
]


@rule("3.3")
@pytest.mark.parametrize(
    "host",
    [
        "LocalHost",
        "127.0.0.1",
        "127.255.255.254",
        "[::1]",
        # The next two are other ways to write ::1.
        "[0:0::0001]",
        "[::0.0.0.1]",
        "0.0.0.0",
        "[::]",
    ],
)
def test_plain_http_may_go_to_this_host(host):
    server = program.Server.parse("http://%s:65535" % host)

    transport = program.Transport(server, TOKEN)

    assert transport.server == server


@rule("3.3")
@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_plain_http_to_another_host_is_refused(host):
    server = program.Server.parse("http://%s:65535" % host)

    with pytest.raises(program.UsageError) as caught:
        program.Transport(server, TOKEN)

    assert str(
        caught.value
    ) == "plain http to %s would expose the token to the network" % host.strip("[]")


@rule("3.3")
@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_plain_http_to_another_host_can_be_allowed(host):
    server = program.Server.parse("http://%s:65535" % host)

    transport = program.Transport(server, TOKEN, allow_http=True)

    assert transport.server == server


@rule("3.3")
def test_plain_http_to_another_host_means_exit_2_without_allow_http(plane):
    # A request would reach the proxy. There is no variable in place of the flag.
    with Proxy(plane) as proxy:
        env = {
            "PLEXSPHERE_URL": "http://control-plane.test",
            "HTTP_PROXY": proxy.url,
            "PLEXSPHERE_ALLOW_HTTP": "1",
        }
        result = run_cli(*LIST, plane=plane, env=env)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [
        "plain http to control-plane.test would expose the token to the network"
    ]
    assert hint_lines(result) == ["use https://, or allow plain http with --allow-http"]
    assert proxy.connections == 0


@rule("3.3")
def test_allow_http_allows_plain_http_to_another_host(plane):
    with Proxy(plane) as proxy:
        env = {"PLEXSPHERE_URL": "http://control-plane.test", "HTTP_PROXY": proxy.url}
        result = run_cli(*LIST, "--allow-http", plane=plane, env=env)

    assert result.code == 0
    assert error_lines(result) == []
    assert len(proxy.requests) == 1


# ---- 3.4: redirects


@rule("3.4")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 399])
def test_redirect_is_reported_and_not_followed(plane, status):
    with ControlPlane() as other:
        plane.script(Reply({"title": "Moved"}, status, [("Location", other.url + "/login")]))
        result = run_cli(*LIST, plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == [
        "HTTP %d: refused to follow a redirect to %s/login, to keep the token from other servers"
        % (status, other.url)
    ]
    assert hint_lines(result) == [
        "if that is the API, pass the part of its URL before /v1 as --server"
    ]
    assert len(plane.requests) == 1
    assert other.connections == 0


@rule("3.4")
@pytest.mark.parametrize(
    "status, error",
    [
        # 299 and 400 are the nearest statuses that are not redirects.
        pytest.param(299, "HTTP 299 Moved", id="299"),
        pytest.param(400, "HTTP 400 Moved", id="400"),
    ],
)
def test_location_of_another_status_is_not_a_redirect(plane, status, error):
    with ControlPlane() as other:
        plane.script(Reply({"title": "Moved"}, status, [("Location", other.url + "/login")]))
        result = run_cli(*LIST, plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == [error]
    assert len(plane.requests) == 1
    assert other.connections == 0


@rule("3.4", "2.7")
@pytest.mark.parametrize(
    "location, shown",
    [
        pytest.param("https://sso.test/in?code=hunter22", "https://sso.test/in", id="query"),
        pytest.param("https://sso.test#hunter22?x", "https://sso.test", id="fragment"),
        pytest.param("/?next=hunter22", "/", id="query after a path"),
        pytest.param("//ann:hunter22@sso.test/", "***", id="user info without a scheme"),
        pytest.param("https://a@hunter22@sso.test/in", "***", id="user info with two at signs"),
        pytest.param("ann:hunter22@sso.test", "***", id="user info without slashes"),
        pytest.param(
            "https://sso.test/\x1b[31m", "https://sso.test/\\x1b[31m", id="control character"
        ),
        # The token is masked first. If the query was cut off first, a part of the token would be shown.
        pytest.param(
            "https://sso.test/to?ken#of/x?hunter22",
            "https://sso.test/***/x",
            id="token with ? and #, then a query",
        ),
    ],
)
def test_redirect_target_is_shown_without_secrets(plane, location, shown):
    plane.script(Reply(b"", 302, [("Location", location)]))

    result = run_cli(*LIST, plane=plane, env={"PLEXSPHERE_TOKEN": "to?ken#of"})

    assert result.code == 1
    assert error_lines(result) == [
        "HTTP 302: refused to follow a redirect to %s, to keep the token from other servers" % shown
    ]
    assert "hunter22" not in result.err


# ---- hints for a wrong server

IS_HTTPS = "if this port is for https, write https:// in the server's URL"
TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"  # what a port for https may answer to plain http


def test_hint_for_a_404_suggests_leaving_v1_out_of_the_url(plane):
    plane.script(Reply(b"<p>", 404))

    result = run_cli(*LIST, "--server", plane.url + "/v1/", plane=plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert hint_lines(result) == ["leave /v1 out of the server's URL"]
    assert plane.requests[0].target == "/v1" + PATH


def test_hint_for_a_404_suggests_leaving_v1_out_even_if_it_is_a_problem(tls_plane):
    tls_plane.script(Reply({"title": "No"}, 404))

    result = run_cli(*LIST, "--server", tls_plane.url + "/api/v1", plane=tls_plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert hint_lines(result) == ["leave /v1 out of the server's URL"]
    assert tls_plane.requests[0].target == "/api/v1" + PATH


@pytest.mark.parametrize(
    "prefix, answer, code",
    [
        pytest.param("", Reply(b"<p>", 200), 1, id="200 without JSON"),
        pytest.param("", Reply(b"<p>", 302), 1, id="302 without a Location"),
        pytest.param("", Reply(b"<p>", 403), 4, id="403 without a Problem"),
        pytest.param("", Reply(b"<p>", 404), 1, id="404 without a Problem"),
        pytest.param(
            "/v12", Reply(b"<p>", 404), 1, id="404 without a Problem, and the URL ends in /v12"
        ),
    ],
)
def test_hint_asks_whether_the_server_is_the_api(plane, prefix, answer, code):
    plane.script(answer)

    result = run_cli(*LIST, "--server", plane.url + prefix, plane=plane)

    assert result.code == code
    assert len(error_lines(result)) == 1
    assert hint_lines(result) == [
        "check --server, PLEXSPHERE_URL or the profile: does it point to the API?"
    ]


@pytest.mark.parametrize(
    "prefix", [pytest.param("", id="no prefix"), pytest.param("/v1", id="the URL ends in /v1")]
)
def test_hint_for_a_400_over_https_asks_whether_the_server_is_the_api(tls_plane, prefix):
    tls_plane.script(Reply(b"<p>", 400))

    result = run_cli(*LIST, "--server", tls_plane.url + prefix, plane=tls_plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert len(hint_lines(result)) == 1
    assert "check --server" in hint_lines(result)[0]


def test_hint_for_an_invalid_response_over_https_asks_for_the_api(tls_plane):
    # Over http, these bytes give the hint to use https. Inside TLS, as here, they only are no HTTP.
    tls_plane.script(TLS_ALERT)

    result = run_cli(*LIST, plane=tls_plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert len(hint_lines(result)) == 1
    assert "check --server" in hint_lines(result)[0]


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([Reply(b"<p>", 400)], id="400 without a Problem"),
        pytest.param([DROP, DROP, DROP], id="no response, in three attempts"),
        pytest.param([TLS_ALERT], id="not HTTP"),
    ],
)
def test_hint_for_a_wrong_first_response_to_http_asks_for_https(plane, answers):
    plane.script(*answers)

    result = run_cli(*LIST, plane=plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert hint_lines(result) == [IS_HTTPS]
    assert len(plane.requests) == len(answers)


def test_hint_for_plain_http_to_a_real_port_for_https_asks_for_https(tls_plane):
    url = "http://localhost:%d" % tls_plane.address[1]

    result = run_cli(*LIST, "--server", url, plane=tls_plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert hint_lines(result) == [IS_HTTPS]
    assert tls_plane.requests == []


def test_hint_for_a_lost_connection_over_https_says_who_closed_it(tls_plane):
    tls_plane.script(DROP, DROP, DROP)

    result = run_cli(*LIST, plane=tls_plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert hint_lines(result) == [
        "the server, or a proxy in between, closed the connection: try again"
    ]
    assert len(tls_plane.requests) == 3


def test_hint_for_a_lost_connection_after_a_response_says_who_closed_it(plane):
    # The second attempt loses the connection that was kept, and a new one. The third attempt loses another.
    plane.script(Reply(b"<p>", 503), DROP, DROP, DROP)

    result = run_cli(*LIST, plane=plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert len(hint_lines(result)) == 1
    assert "https" not in hint_lines(result)[0]  # a port that has answered http is not for https
    assert len(plane.requests) == 4


@pytest.mark.parametrize(
    "status, hint",
    [
        pytest.param(
            400, "the server rejected the value of a flag: compare the flags with --help", id="400"
        ),
        pytest.param(
            404,
            "not found, or not visible to this token: check the Project (--project), the id (for get) and the server",
            id="404",
        ),
    ],
)
def test_hint_for_a_problem_does_not_doubt_the_server(plane, status, hint):
    plane.script(Reply({"title": "No"}, status))

    result = run_cli(*LIST, plane=plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert hint_lines(result) == [hint]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 101, id="101 headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\na: " + b"b" * 70000, id="a header of 70 KB"),
    ],
)
def test_hint_for_headers_beyond_the_limits_asks_for_the_api_and_not_for_https(plane, answer):
    plane.script(answer)

    result = run_cli(*LIST, plane=plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert len(hint_lines(result)) == 1
    assert "check --server" in hint_lines(result)[0]


# ---- hints after a good response: the URL of the server is right

BY_A_GATEWAY = "a gateway in front of the server may have answered: try again"
FIRST_PAGE = Reply(page(execution(), next_cursor="c2"))


@rule("3.9d")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Reply(b"<p>", 400), id="400 without a Problem"),
        pytest.param(Reply(b"<p>", 403), id="403 without a Problem"),
        pytest.param(Reply(b"<p>", 404), id="404 without a Problem"),
        pytest.param(Reply(b"<p>", 302), id="302 without a Location"),
        pytest.param(Reply(b"", 302, [("Location", "https://sso.example/")]), id="302"),
        pytest.param(TLS_ALERT, id="not HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 101, id="101 headers"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_walk_after_a_good_page_suspects_a_gateway(plane, answer, prefix):
    plane.script(FIRST_PAGE, answer)

    result = run_cli(*ALL, "--server", plane.url + prefix, plane=plane)

    assert result.code in (1, 4)
    assert len(error_lines(result)) == 1
    assert hint_lines(result) == [BY_A_GATEWAY]
    assert len(plane.requests) == 2


@rule("3.9d")
def test_wait_after_a_good_poll_suspects_a_gateway(plane):
    plane.script(Reply(STARTED), Reply(b"<p>", 404))

    result = run_cli(*GET, "--wait", plane=plane)

    assert result.code == 1
    assert error_lines(result) == ["HTTP 404 Not Found"]
    assert hint_lines(result) == [BY_A_GATEWAY]


@rule("3.9d")
def test_wait_for_an_execution_that_disappears_does_not_doubt_the_server(plane):
    plane.script(Reply(STARTED), Reply({"title": "Not Found"}, 404))

    result = run_cli(*GET, "--wait", plane=plane)

    assert result.code == 1
    assert hint_lines(result) == ["not found, or no longer visible to this token"]


@rule("3.9d")
@pytest.mark.parametrize(
    "argv, good, body, error",
    [
        pytest.param(ALL, FIRST_PAGE, {}, 'it has no member "items"', id="page without items"),
        pytest.param(
            GET + ("--wait",), Reply(STARTED), {}, "the Execution has no id", id="without an id"
        ),
    ],
)
def test_response_without_its_members_after_a_good_one_has_no_hint(plane, argv, good, body, error):
    plane.script(good, Reply(body))

    result = run_cli(*argv, plane=plane)

    assert result.code == 1
    assert error_lines(result) == ["the response is malformed: " + error]
    assert hint_lines(result) == []  # the first response would get: does it point to the API?


@rule("3.9d")
@posix_only  # Windows keeps the socket listening
def test_connection_that_fails_after_a_good_page_does_not_doubt_the_server(plane):
    def stop_listening(request):
        plane.socket.shutdown(socket.SHUT_RDWR)
        return Reply(page(execution(), next_cursor="c2"), framing="close")

    plane.answer_to = stop_listening

    result = run_cli(*ALL, plane=plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert "cannot connect" in error_lines(result)[0]
    assert hint_lines(result) == ["an earlier request succeeded: check the network, and try again"]


@rule("3.9d")
def test_only_a_cursor_that_was_typed_is_blamed(plane):
    refusal = Reply({"code": "invalid_cursor"}, 400)
    plane.script(refusal, FIRST_PAGE, refusal)

    typed = run_cli(*LIST, "--cursor", "c1", plane=plane)
    walked = run_cli(*ALL, plane=plane)

    assert len(hint_lines(typed)) == len(hint_lines(walked)) == 1
    assert "use it only with the filters of the listing" in hint_lines(typed)[0]
    assert hint_lines(walked) == [
        "the server rejected the cursor of the next page: start the listing again"
    ]
