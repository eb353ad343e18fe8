"""Sections 3 and 6, which servers are reached: TLS, plain http, redirects, and the hints for a wrong server."""

import os
import re
import shlex
import shutil
import ssl
import sys

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN, ControlPlane
from kit import (
    LIST,
    NO_NAME,
    ROOT,
    Proxy,
    Raw,
    count_contacts,
    error_lines,
    hint_lines,
    posix_only,
    rule,
    run_against,
    run_cli,
    run_process,
    run_python,
    shorten_id,
)
from server import CA_FILE, DROP, TLS_DIR, Reply

TLS_ADVICE = "check the port (is it for https?), the server's name and the local clock; for a private CA, use --ca-file"


# ---- 3.2: TLS


@rule("3.2", "3.2a")
@pytest.mark.parametrize(
    "certificate, ca_file, system_cas",
    [
        ("expired", "", CA_FILE),
        ("wrong-host", "", CA_FILE),
        ("wrong-host", "ca.pem", None),
        ("untrusted", "", CA_FILE),
        (True, "", None),
        (True, "untrusted.pem", CA_FILE),
    ],
)
def test_invalid_certificate_exits_1_and_nothing_is_sent(certificate, ca_file, system_cas):
    flags = ("--ca-file", os.path.join(TLS_DIR, ca_file)) if ca_file else ()
    with ControlPlane(tls=certificate) as plane:
        result = run_cli(*LIST + flags, plane=plane, env={"SSL_CERT_FILE": system_cas})
        assert (result.code, count_contacts(plane), hint_lines(result)) == (1, (1, 0), [TLS_ADVICE])
    assert result.err.startswith("error: TLS with localhost:%d failed: " % plane.address[1])


@rule("3.2", "3.2a")
@pytest.mark.parametrize(
    "flags, env",
    [((), {"SSL_CERT_FILE": CA_FILE}), ((), {"SSL_CERT_DIR": TLS_DIR}), (("--ca-file", CA_FILE), {})],
    ids=str,
)
def test_cas_come_from_a_flag_or_a_variable(tls_plane, flags, env):
    if hasattr(ssl, "TLSVersion"):
        tls_plane.context.maximum_version = ssl.TLSVersion.TLSv1_2
    result = run_cli(*LIST + flags, plane=tls_plane, env=dict({"SSL_CERT_FILE": None}, **env))
    assert (result.code, len(tls_plane.requests)) == (0, 1)


#: A policy that allows everything.
LAX_POLICY = """openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]
MinProtocol = TLSv1\nCipherString = DEFAULT:@SECLEVEL=0\n"""


@rule("3.2")
def test_tls_below_1_2_is_never_offered(tmp_path):
    (tmp_path / "openssl.cnf").write_text(LAX_POLICY)
    hellos = []
    with Raw(lambda sock: hellos.append(sock.recv(65536))) as server:
        env = {"PLEXSPHERE_URL": "https://%s:%d" % server.address, "OPENSSL_CONF": str(tmp_path / "openssl.cnf")}
        run_process(*LIST, plane=server, env=env)
    # The extension supported_versions (43).
    versions = re.search(b"\\x00\\x2b\\x00.[\\x02-\\x10]((?:\\x03[\\x00-\\x04])+)", hellos[0], re.DOTALL)
    assert set(versions.group(1)[1::2]) <= {3, 4}


IS_CPYTHON = sys.implementation.name == "cpython"  # PyPy's error does not name the file


def expect_unusable(plane, name, *flags, **env):
    """Run with a file that cannot be used. The program names it, and connects to nobody."""
    result = run_cli(*LIST + flags, plane=plane, env=env)
    assert (result.code, plane.connections) == (2, 0)
    assert result.err.startswith("error: cannot use the %s: " % name.replace("\0", "\\x00"))


@rule("3.2b")
@pytest.mark.parametrize("name", ["missing.pem", "README.md", "\0"], ids=["missing", "no PEM", "NUL"])
def test_unusable_ca_file_exits_2_and_is_named(tls_plane, name):
    path = os.path.join(TLS_DIR, name)
    expect_unusable(tls_plane, "CA file " + path, "--ca-file", path)


@rule("3.2b")
@pytest.mark.skipif(not hasattr(ssl.SSLContext, "keylog_filename"), reason="this Python knows no SSLKEYLOGFILE")
@pytest.mark.parametrize("flags", [(), ("--ca-file", CA_FILE)][: 1 + IS_CPYTHON], ids=len)
def test_unusable_keylog_file_exits_2_and_is_named(tls_plane, tmp_path, flags):
    expect_unusable(tls_plane, "file that SSLKEYLOGFILE names", *flags, SSLKEYLOGFILE=str(tmp_path / "no" / "log"))


@rule("3.2b")
@posix_only
@pytest.mark.parametrize("mode", [0o602, 0o666, 0o664, 0o675], ids=oct)
def test_ca_file_must_not_be_writable_by_everybody(tls_plane, tmp_path, mode):
    path = shutil.copy(CA_FILE, str(tmp_path / "it's a CA"))
    os.chmod(path, mode)
    code, _, err = run_cli(*LIST + ("--ca-file", path), plane=tls_plane)
    refused = "error: the CA file %s is insecure: anyone can write to it\nhint: chmod o-w -- %s\n"
    assert (code, err) == ((2, refused % (path, shlex.quote(path))) if mode & 2 else (0, ""))


@posix_only  # on Windows the alert may not arrive
@pytest.mark.skipif(not IS_CPYTHON, reason="PyPy's ssl module fails at a connection that is reset here")
@rule("3.2", "3.8")
def test_alert_of_a_server_that_demands_a_certificate_is_shown_and_final(tls_plane):
    # With TLS 1.3 the alert comes after the handshake, and is lost if the server's reset overtakes it: then try again.
    tls_plane.context.verify_mode = ssl.CERT_REQUIRED
    results = (run_cli(*LIST, plane=tls_plane) for _ in range(50))
    result = next(result for result in results if "alert" in result.err)
    assert result.code == 1 and "alert" in error_lines(result)[0]
    assert "alert" not in "".join(error_lines(result, "retry"))
    assert hint_lines(result) == [
        "client certificates are not supported: ask for a server URL that does not require one"
    ]


# ---- 8.4: a Python without TLS

NO_SSL = (
    "import sys; sys.modules['_ssl'] = None; sys.path.insert(0, %r); import plexctl_exec_log; "
    "sys.exit(plexctl_exec_log.main(sys.argv[1:]))" % ROOT
)


@rule("8.4")
@pytest.mark.parametrize(
    "scheme, code, says",
    [("http", 0, ""), ("https", 1, "error: this Python has no TLS: it was built without the ssl module\nhint: use ")],
)
def test_python_without_ssl_has_plain_http_only(plane, scheme, code, says):
    url = plane.url.replace("http", scheme)
    result = run_python("-c", NO_SSL, *LIST, plane=plane, env={"PLEXSPHERE_URL": url})
    assert (result.code, plane.connections) == (code, 1 - code) and result.err.startswith(says)


# ---- 3.3: plain http

THIS_MACHINE = "LocalHost localhost. 127.0.0.1 127.255.255.254 [::1] [0:0::0001] [::0.0.0.1] 0.0.0.0 [::]".split()
OTHER_MACHINES = """
    a.localhost localhost.evil.test notlocalhost 127.evil.test 127.0.0.1.evil.test 127.0.0.1. 127.0.0.256 128.0.0.1
    126.255.255.255 10.0.0.1 0.0.0.1 127.1 0x7f.0.0.1 2130706433 [::2] [fe80::1] [127::1] [::ffff:10.0.0.1]""".split()


@rule("3.3")
@pytest.mark.parametrize("host", THIS_MACHINE + OTHER_MACHINES, ids=shorten_id)
def test_plain_http_goes_to_this_host_only(host):
    server = program.Server.parse("http://%s:65535" % host)
    if host in THIS_MACHINE:
        program.Transport(server, TOKEN).close()
        return
    with pytest.raises(program.RemoteError, match="plain http to %s would expose the token" % re.escape(server.host)):
        program.Transport(server, TOKEN)
    program.Transport(server, TOKEN, allow_http=True).close()


@rule("3.3")
@pytest.mark.parametrize("flags, sent", [((), 0), (("--allow-http",), 1)], ids=["refused", "allowed"])
def test_plain_http_to_another_host_needs_the_flag(plane, flags, sent):
    # Through a proxy, so that the name would be reached if it was asked for.
    with Proxy(plane) as proxy:
        result = run_cli(
            *LIST + flags,
            plane=plane,
            env={"PLEXSPHERE_URL": "http://" + NO_NAME, "HTTP_PROXY": proxy.url, "PLEXSPHERE_ALLOW_HTTP": "1"},
        )
        assert (result.code, count_contacts(proxy)) == (1 - sent, (sent, sent))
    refused = (
        "error: plain http to %s would expose the token to the network\n"
        "hint: use https://, or allow plain http with --allow-http\n" % NO_NAME
    )
    assert result.err == refused * (not sent)


# ---- 3.4: redirects


@rule("3.4")
@pytest.mark.parametrize("status", [299, 300, 301, 302, 303, 307, 308, 399, 400])
def test_redirect_is_reported_and_never_followed(plane, status):
    with ControlPlane() as other:
        result = run_against(plane, Reply({"title": "Moved"}, status, [("Location", other.url + "/login")]), *LIST)
        assert (result.code, count_contacts(plane), other.connections) == (1, (1, 1), 0)
    refused = (
        "error: HTTP %d: refused to follow a redirect to %s/login, to keep the token from other servers\n"
        "hint: if that is the API, pass the part of its URL before /v1 as --server\n" % (status, other.url)
    )
    assert (result.err == refused) == (300 <= status < 400)


@rule("3.4", "2.7")
@pytest.mark.parametrize(
    "location, shown",
    [
        ("https://sso.test/in?code=hunter22", "https://sso.test/in"),
        ("https://sso.test#hunter22?x", "https://sso.test"),
        ("/?next=hunter22", "/"),
        ("//ann:hunter22@sso.test/", "***"),
        ("https://a@hunter22@sso.test/in", "***"),
        ("ann:hunter22@sso.test", "***"),
        ("https://sso.test/\x1b[31m", "https://sso.test/\\x1b[31m"),
        ("https://sso.test/to?ken#of/x?hunter22", "https://sso.test/***/x"),
    ],
    ids=ascii,
)
def test_redirect_target_is_shown_without_user_info_query_and_fragment(plane, location, shown):
    """The token is masked before the query is cut off, which may begin within it."""
    answer = Reply(b"", 302, [("Location", location)])
    said = run_against(plane, answer, *LIST, env={"PLEXSPHERE_TOKEN": "to?ken#of"}).err
    assert " to a redirect " not in said and "hunter22" not in said
    assert "error: HTTP 302: refused to follow a redirect to %s, to keep" % shown in said


# ---- 6.2c, 6.2d: a wrong server

IS_API = "check --server, PLEXSPHERE_URL or the profile: does it point to the API?"
IS_HTTPS = "if this port is for https, write https:// in the server's URL"
#: Answers: no Problem (400), a Problem (400P), a lost connection, a TLS alert.
ANSWERS = dict(
    {"lost": DROP, "alert": b"\x15\x03\x01\x00\x02\x02\x46"},
    **{
        "%d%s" % (status, kind): Reply({"title": "No"} if kind else b"<p>", status)
        for status in (200, 302, 400, 403, 404, 503)
        for kind in ("", "P")
    },
)
#: The hint, and below it the scheme and the prefix of the server, and its answers.
WRONG_SERVERS = """
leave /v1 out of the server's URL
    http /v1/ 404
    https /api/v1 404P
%s
    https /v1 400
    http /v12 404
    http / 302
    http / 403
    http / 200
    https / 400
    https / alert
    http / 503 alert
%s
    http / 400
    http / lost lost lost
    http / alert
the server, or a proxy in between, closed the connection: try again
    https / lost lost lost
    http / 503 lost lost lost
the server rejected the value of a flag
    http / 400P
not found, or not visible to this token: check the Project (--project), the id (for get) and the server
    http / 404P
""" % (IS_API, IS_HTTPS)


@rule("6.2c", "6.2d", "6.2e")
@pytest.mark.parametrize(
    "row, hint",
    [
        (row, hint)
        for hint, rows in re.findall(r"(?m)^(\S.*)((?:\n    .*)+)", WRONG_SERVERS)
        for row in rows.split("\n    ")[1:]
    ],
)
def test_hint_points_to_what_is_wrong_with_the_server(plane, tls_plane, row, hint):
    scheme, prefix, *answers = row.split()
    server = plane if scheme == "http" else tls_plane
    server.script(*[ANSWERS[answer] for answer in answers])
    result = run_cli(*LIST + ("--server", server.url + prefix), plane=server)
    assert hint_lines(result) == [hint] and not server.answers
    assert server.requests[0].target == "%s/v1/projects/%s/executions" % (prefix.rstrip("/"), PROJECT)


@rule("6.2d")
def test_http_to_a_port_for_https_gets_a_hint(tls_plane):
    result = run_cli(*LIST + ("--server", "http" + tls_plane.url[5:]), plane=tls_plane)
    assert (result.code, hint_lines(result), tls_plane.requests) == (1, [IS_HTTPS], [])
