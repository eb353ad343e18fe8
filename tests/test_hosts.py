"""Which servers are reached: TLS, plain http, and redirects."""

import os
import re
import shutil
import ssl
import sys

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN, ControlPlane
from kit import (
    LIST,
    ROOT,
    nobody_listening,
    table,
    Proxy,
    Raw,
    error_lines,
    hint_lines,
    posix_only,
    retry_lines,
    run_cli,
    run_python,
)
from server import CA_FILE, TLS_DIR, Reply

ANOTHER_CA = os.path.join(TLS_DIR, "untrusted.pem")


# ---- certificates


@pytest.mark.parametrize(
    "certificate, flags, ssl_cert_file",
    [
        # True is a valid certificate. Without SSL_CERT_FILE (None), the CAs of the system count, not CA_FILE.
        pytest.param("expired", (), CA_FILE, id="expired"),
        pytest.param("wrong-host", (), CA_FILE, id="another host's"),
        pytest.param(
            "wrong-host", ("--ca-file", CA_FILE), None, id="another host's, with --ca-file"
        ),
        pytest.param("untrusted", (), CA_FILE, id="from an unknown CA"),
        pytest.param(True, (), None, id="valid, but its CA is not among the system's"),
        pytest.param(
            True, ("--ca-file", ANOTHER_CA), CA_FILE, id="valid, but --ca-file names another CA"
        ),
    ],
)
def test_certificate_that_is_rejected_means_exit_1_and_nothing_is_sent(
    certificate, flags, ssl_cert_file
):
    with ControlPlane(tls=certificate) as server:
        result = run_cli(*LIST, *flags, plane=server, env={"SSL_CERT_FILE": ssl_cert_file})

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result)[0].startswith("TLS with localhost:%d failed: " % server.address[1])
    assert hint_lines(result) == [
        "check the port (is it for https?), the server's name and the local clock; for a private CA, use --ca-file"
    ]
    assert server.connections == 1  # there was no retry
    assert server.requests == []


@pytest.mark.parametrize(
    "flags, env",
    [
        # None removes a variable. Otherwise run_cli sets SSL_CERT_FILE to CA_FILE.
        pytest.param((), {"SSL_CERT_FILE": CA_FILE, "SSL_CERT_DIR": None}, id="SSL_CERT_FILE"),
        pytest.param((), {"SSL_CERT_FILE": None, "SSL_CERT_DIR": TLS_DIR}, id="SSL_CERT_DIR"),
        pytest.param(
            ("--ca-file", CA_FILE), {"SSL_CERT_FILE": None, "SSL_CERT_DIR": None}, id="--ca-file"
        ),
    ],
)
def test_tls_1_2_works_with_cas_from_a_flag_or_a_variable(tls_plane, flags, env):
    if hasattr(ssl, "TLSVersion"):  # Python 3.7 and later
        tls_plane.context.maximum_version = ssl.TLSVersion.TLSv1_2

    result = run_cli(*LIST, *flags, plane=tls_plane, env=env)

    assert result.code == 0
    assert len(tls_plane.requests) == 1


def read_offered_versions(hello):
    """Return the TLS versions that a ClientHello offers, two bytes each: its extension 43 (RFC 8446, 4.2.1)."""
    extension = re.search(rb"\x00\x2b\x00.[\x02-\x10]((?:\x03[\x00-\x04])+)", hello, re.DOTALL)
    versions = extension.group(1)
    return [versions[start : start + 2] for start in range(0, len(versions), 2)]


def make_lax(context, oldest="TLSv1"):
    """Let a context offer old versions of TLS, as an openssl.cnf may do."""
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.options &= ~(ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1)
    if hasattr(ssl, "TLSVersion"):
        context.minimum_version = getattr(ssl.TLSVersion, oldest)
    return context


def make_strict(context):
    """Let a context offer only TLS 1.3, as an openssl.cnf may do."""
    if hasattr(ssl, "TLSVersion"):
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    else:  # Python 3.6, where a minimum is a set of options, which the program can only extend
        context.options |= ssl.OP_NO_TLSv1_2
    return context


def find_offered_versions(monkeypatch, configure):
    """Return the TLS versions that the program offers if this function configures each default context."""
    create_context = ssl.create_default_context
    monkeypatch.setattr(
        ssl, "create_default_context", lambda **options: configure(create_context(**options))
    )
    hellos = []  # the first message of each connection, which the server then closes
    with Raw(lambda sock: hellos.append(sock.recv(65536))) as server:
        url = "https://127.0.0.1:%d" % server.address[1]
        run_cli(*LIST, plane=server, env={"PLEXSPHERE_URL": url})
    return read_offered_versions(hellos[0])


@pytest.mark.parametrize("oldest", ["TLSv1", "TLSv1_1"])
@pytest.mark.filterwarnings("ignore:ssl")  # the old versions are deprecated
def test_tls_below_1_2_is_never_offered(monkeypatch, oldest):
    versions = find_offered_versions(monkeypatch, lambda context: make_lax(context, oldest))

    assert b"\x03\x03" in versions  # TLS 1.2
    assert b"\x03\x02" not in versions  # TLS 1.1
    assert b"\x03\x01" not in versions  # TLS 1.0
    assert b"\x03\x00" not in versions  # SSL 3


@pytest.mark.skipif(not getattr(ssl, "HAS_TLSv1_3", False), reason="this OpenSSL has no TLS 1.3")
@pytest.mark.filterwarnings("ignore:ssl")
def test_tls_1_2_is_not_offered_if_openssl_is_configured_to_require_1_3(monkeypatch):
    versions = find_offered_versions(monkeypatch, make_strict)

    assert versions == [b"\x03\x04"]  # TLS 1.3


IS_CPYTHON = sys.implementation.name == "cpython"


@posix_only  # on Windows the alert may not arrive
@pytest.mark.skipif(
    not IS_CPYTHON, reason="PyPy's ssl module fails at a connection that is reset here"
)
def test_alert_of_a_server_that_demands_a_certificate_is_shown_and_not_retried(tls_plane):
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


# ---- files that TLS needs


@pytest.mark.parametrize(
    "path, path_in_error",
    [
        pytest.param("missing.pem", "missing.pem", id="missing"),
        pytest.param(__file__, __file__, id="not PEM"),
        pytest.param("ca\0.pem", "ca\\x00.pem", id="NUL in the path, which the error escapes"),
    ],
)
def test_unusable_ca_file_means_exit_2_and_is_named(tls_plane, path, path_in_error):
    result = run_cli(*LIST, "--ca-file", path, plane=tls_plane)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result)[0].startswith("cannot use the CA file %s: " % path_in_error)
    assert tls_plane.connections == 0


@pytest.mark.skipif(
    not hasattr(ssl.SSLContext, "keylog_filename"), reason="this Python knows no SSLKEYLOGFILE"
)
@pytest.mark.parametrize(
    "flags",
    [
        pytest.param((), id="without --ca-file"),
        pytest.param(
            ("--ca-file", CA_FILE),
            id="with --ca-file, which is not blamed",
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
    assert hint_lines(result) == ["""chmod o-w -- 'it'"'"'s a CA'"""]  # quoted for a shell
    assert tls_plane.connections == 0


@posix_only
@pytest.mark.parametrize("mode", [0o664, 0o675], ids=oct)
def test_ca_file_that_only_its_group_can_write_to_is_accepted(tls_plane, tmp_path, mode):
    path = shutil.copy(CA_FILE, str(tmp_path / "ca.pem"))
    os.chmod(path, mode)

    result = run_cli(*LIST, "--ca-file", path, plane=tls_plane)

    assert result.code == 0
    assert error_lines(result) == []


# ---- a Python without TLS

#: Runs the program as on a Python without the ssl module.
NO_SSL = """
import sys
sys.modules["_ssl"] = None
sys.path.insert(0, %r)
import plexctl_exec_log
sys.exit(plexctl_exec_log.main(sys.argv[1:]))
"""


def test_plain_http_works_and_a_failure_is_reported_on_a_python_without_ssl(plane):
    listed = run_python("-c", NO_SSL % ROOT, *LIST, plane=plane)
    with nobody_listening() as address:
        env = {"PLEXSPHERE_URL": "http://" + address}
        refused = run_python("-c", NO_SSL % ROOT, *LIST, plane=plane, env=env)

    assert listed.code == 0
    assert error_lines(listed) == []
    assert len(plane.requests) == 1
    assert refused.code == 1
    assert error_lines(refused)[0].startswith("cannot connect to %s: " % address)


def test_https_means_exit_1_on_a_python_without_ssl(plane):
    url = "https://127.0.0.1:%d" % plane.address[1]

    result = run_python("-c", NO_SSL % ROOT, *LIST, plane=plane, env={"PLEXSPHERE_URL": url})

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ["this Python has no TLS: it was built without the ssl module"]
    assert hint_lines(result) == ["use a Python built with ssl"]
    assert plane.connections == 0


# ---- plain http


@table("""
    host
    LocalHost
    127.0.0.1
    127.255.255.254
    # ::1, and other ways to write it
    [::1]
    [0:0::0001]
    [::0.0.0.1]
    # A connection to these reaches this host, too.
    0.0.0.0
    [::]
""")
def test_plain_http_may_go_to_this_host(host):
    server = program.Server.parse("http://%s:8080" % host)

    program.Transport(server, TOKEN)  # raises nothing, without allow_http


@table("""
    host
    # Names that only contain localhost or 127.
    a.localhost
    localhost.evil.test
    notlocalhost
    127.evil.test
    127.0.0.1.evil.test
    # Addresses outside 127.0.0.0 to 127.255.255.255, or malformed ones.
    127.0.0.1.
    127.0.0.256
    128.0.0.1
    126.255.255.255
    10.0.0.1
    0.0.0.1
    [::2]
    [fe80::1]
    [127::1]
    [::ffff:10.0.0.1]
    # Some resolvers take these for 127.0.0.1.
    127.1
    0x7f.0.0.1
    2130706433
    # A resolver may ask DNS for it.
    localhost.
""")
def test_plain_http_to_another_host_must_be_allowed(host):
    server = program.Server.parse("http://%s:8080" % host)

    program.Transport(server, TOKEN, allow_http=True)  # raises nothing
    with pytest.raises(program.UsageError) as caught:
        program.Transport(server, TOKEN)

    shown = host.strip("[]")
    assert str(caught.value) == "plain http to %s would expose the token to the network" % shown


def test_plain_http_to_another_host_means_exit_2_without_allow_http(plane):
    # With --allow-http, the proxy gets it: test_http_request_to_a_proxy_names_the_whole_url in test_proxies.py.
    with Proxy(plane) as proxy:  # would receive the request
        env = {
            "PLEXSPHERE_URL": "http://control-plane.test",
            "HTTP_PROXY": proxy.url,
            "PLEXSPHERE_ALLOW_HTTP": "1",  # there is no such variable
        }
        result = run_cli(*LIST, plane=plane, env=env)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [
        "plain http to control-plane.test would expose the token to the network"
    ]
    assert hint_lines(result) == ["use https://, or allow plain http with --allow-http"]
    assert proxy.connections == 0


# ---- redirects


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
    assert len(hint_lines(result)) == 1  # its text stands in test_failures.py
    assert len(plane.requests) == 1
    assert other.connections == 0


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


@table("""
    location                              | shown
    # The query and the fragment are cut off.
    https://sso.test/in?code=hunter22     | https://sso.test/in
    https://sso.test#hunter22?x           | https://sso.test
    /?next=hunter22                       | /
    # A URL with user info is hidden, with or without a scheme.
    //ann:hunter22@sso.test/              | ***
    https://a@hunter22@sso.test/in        | ***
    ann:hunter22@sso.test                 | ***
    # A `?` or a `#` in the password looks like the end of the path.
    https://ann:hunter22?x@sso.test/      | ***
    https://ann:hunter22#x@sso.test/      | ***
    # The token, to?ken#of, is masked first. If the query was cut off first, `to` would be shown.
    https://sso.test/to?ken#of/x?hunter22 | https://sso.test/***/x
""")
def test_redirect_target_is_shown_without_secrets(plane, location, shown):
    plane.script(Reply(b"", 302, [("Location", location)]))

    result = run_cli(*LIST, plane=plane, env={"PLEXSPHERE_TOKEN": "to?ken#of"})

    assert result.code == 1
    assert error_lines(result) == [
        "HTTP 302: refused to follow a redirect to %s, to keep the token from other servers" % shown
    ]
    assert "hunter22" not in result.err


def test_control_character_in_a_redirect_target_is_escaped(plane):
    plane.script(Reply(b"", 302, [("Location", "https://sso.test/\x1b[31m")]))

    result = run_cli(*LIST, plane=plane)

    assert "redirect to https://sso.test/\\x1b[31m, to keep" in error_lines(result)[0]
