"""--ca-file: which files are accepted, and what is suggested for others."""

import os
import shlex
import shutil

import pytest

import plexctl_exec_log as program
from kit import (
    ALL,
    LIST,
    WINDOWS,
    error_lines,
    hint_lines,
    page,
    posix_only,
    run_cli,
)
from server import CA_FILE, TLS_DIR, Reply

#: Without SSL_CERT_FILE, which names the same certificate otherwise, only --ca-file makes the server trusted.
ONLY_FLAG = {"SSL_CERT_FILE": None}


@pytest.mark.parametrize(
    "path", [TLS_DIR, pytest.param(os.devnull, marks=posix_only)], ids=["folder", "device"]
)
def test_ca_file_that_is_neither_a_file_nor_a_pipe_is_refused(tls_plane, path):
    result = run_cli(*LIST, "--ca-file", path, plane=tls_plane)

    assert result.code == 2
    assert error_lines(result) == ["the CA file %s is neither a file nor a pipe" % path]
    assert hint_lines(result) == ["use a file with certificates in PEM"]
    assert tls_plane.connections == 0


@posix_only
def test_folder_that_everybody_may_write_to_gets_no_chmod_hint(tls_plane, tmp_path):
    tmp_path.chmod(0o777)  # a file of this mode would get the hint `chmod o-w`

    result = run_cli(*LIST, "--ca-file", str(tmp_path), plane=tls_plane)

    assert result.code == 2
    assert error_lines(result) == ["the CA file %s is neither a file nor a pipe" % tmp_path]
    assert hint_lines(result) == ["use a file with certificates in PEM"]


@posix_only
def test_ca_file_may_be_a_link(tls_plane, tmp_path):
    (tmp_path / "link").symlink_to(CA_FILE)

    result = run_cli(*LIST, "--ca-file", str(tmp_path / "link"), plane=tls_plane, env=ONLY_FLAG)

    assert result.code == 0


@posix_only
def test_ca_file_may_be_a_pipe_which_is_read_once_for_several_connections(tls_plane):
    reading, writing = os.pipe()
    with open(CA_FILE, "rb") as file:
        os.write(writing, file.read())
    os.close(writing)
    # The connection is closed after the first page, so that the second one needs another.
    tls_plane.script(Reply(page(next_cursor="c2"), close=True), Reply(page()))

    result = run_cli(*ALL, "--ca-file", "/dev/fd/%d" % reading, plane=tls_plane, env=ONLY_FLAG)
    os.close(reading)

    assert result.code == 0
    assert tls_plane.connections == 2


@posix_only
@pytest.mark.skipif(
    WINDOWS or os.geteuid() != 0, reason="needs root, who alone gives files to other users"
)
def test_chmod_is_suggested_only_for_an_own_file(tls_plane, tmp_path):
    path = str(tmp_path / "it's a CA.pem")  # a name that a shell needs in quotes
    shutil.copy(CA_FILE, path)
    os.chmod(path, 0o666)  # anyone can write to it

    own = run_cli(*LIST, "--ca-file", path, plane=tls_plane)
    os.chown(path, 65534, -1)  # to the user nobody
    of_another_user = run_cli(*LIST, "--ca-file", path, plane=tls_plane)

    assert own.code == 2
    assert error_lines(own) == ["the CA file %s is insecure: anyone can write to it" % path]
    assert hint_lines(own) == ["chmod o-w -- " + shlex.quote(path)]
    assert of_another_user.code == 2
    assert error_lines(of_another_user) == [
        "the CA file %s is insecure: anyone can write to it" % path
    ]
    assert hint_lines(of_another_user) == ["use a file that others cannot write to"]


@pytest.mark.parametrize("name", ["missing.pem", "README.md"], ids=["missing", "no PEM"])
def test_unusable_ca_file_that_is_a_path_object_is_shown_as_its_path(tls_plane, name):
    class PathLike:  # as pathlib.Path is
        def __fspath__(self):
            return os.path.join(TLS_DIR, name)

    server = program.Server.parse(tls_plane.url)
    with program.Transport(server, "token", ca_file=PathLike()) as transport:
        with pytest.raises(program.UsageError) as caught:
            transport.get("/", {})

    assert str(caught.value).startswith("cannot use the CA file %s: " % os.path.join(TLS_DIR, name))
