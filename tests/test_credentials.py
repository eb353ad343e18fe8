"""Settings and credentials, apart from what credentials.md shows: pipes, owners, large files, odd characters, masking,
and Python."""

import builtins
import codecs
import contextlib
import json
import os
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN
from kit import (
    HOME,
    WINDOWS,
    Proxy,
    archive,
    error_lines,
    execution,
    hint_lines,
    page,
    posix_only,
    run_line,
    surroundings,
    table,
    target,
    write_private_file,
)
from server import Reply

OTHER_TOKEN = "another-token-0123456789"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home directory. It is also the current directory."""
    monkeypatch.chdir(str(tmp_path))
    return tmp_path


def write_config(home, text):
    return write_private_file(home / ".config" / "plexctl" / "config.json", text.encode("utf-8"))


def run_at_home(home, plane, flags="", answer=None, **env):
    """Run `list` with these flags, without PLEXSPHERE_TOKEN unless env sets it, and return the Result. The plane gives
    this answer, or an empty page."""
    env = dict({HOME: str(home), "PLEXSPHERE_TOKEN": None}, **env)
    return run_line("list -o id " + flags, plane, answer or page(), env=env)


# ---- the config file


@posix_only
def test_config_file_is_read_once_for_project_server_and_token(plane, home):
    # The config file is a pipe. A second reading would find a broken file in its place.
    config_file = home / ".config" / "plexctl" / "config.json"
    config_file.parent.mkdir(parents=True)
    os.mkfifo(str(config_file))
    (home / "broken").write_bytes(b"not JSON")
    project = "11111111-1111-4111-8111-111111111111"
    profile = {"server": plane.url, "token": "token-of-lab", "project": project}

    def serve_once():
        with open(str(config_file), "w") as pipe:  # waits until the program reads
            os.replace(str(home / "broken"), str(config_file))
            pipe.write(json.dumps({"default": "lab", "profiles": {"lab": profile}}))

    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve_once)
        run_at_home(home, plane, PLEXSPHERE_URL=None, PLEXSPHERE_PROJECT=None)
        served.result()

    assert plane.requests[0].target == "/v1/projects/%s/executions" % project
    assert plane.requests[0].headers["authorization"] == "Bearer token-of-lab"


def test_from_settings_looks_up_no_project(home):
    write_config(
        home,
        '{"default": "lab", "profiles": {"lab": {"server": "http://127.0.0.1:1", "token": "t-1", "project": 5}}}',
    )

    # A lookup would fail: neither the Project of the profile nor that of the environment is a UUID.
    with surroundings(env={HOME: str(home), "PLEXSPHERE_PROJECT": "x"}):
        transport = program.Transport.from_settings()

    assert transport.server.url == "http://127.0.0.1:1"
    assert transport.secrets == ["t-1"]  # its token


@pytest.mark.parametrize("text", ['{"token": "hunter22"', "[" * 100000], ids=["cut off", "deep"])
def test_error_for_a_config_file_that_is_not_json_does_not_carry_its_text(home, text):
    write_config(home, text)

    with surroundings(env={HOME: str(home)}):
        with pytest.raises(program.CredentialsError, match="is not valid JSON") as caught:
            program.Transport.from_settings()

    assert "hunter22" not in str(caught.value)
    # Python's own error, a JSONDecodeError, has the whole text in its `doc`.
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_traceback_of_an_unreadable_token_file_does_not_show_what_the_message_hides(home):
    # The message hides the path, which may be a token in the wrong place.
    with surroundings(env={HOME: str(home), "PLEXSPHERE_URL": "http://127.0.0.1:1"}):
        with pytest.raises(program.CredentialsError, match="cannot read the token file") as caught:
            program.Transport.from_settings(token_file="hunter22hunter22")

    error = caught.value
    printed = traceback.format_exception(type(error), error, error.__traceback__)
    # Python's own error is not shown. (The path itself is: the traceback quotes a line of this test.)
    assert "No such file or directory: 'hunter22" not in "".join(printed)


# ---- files with secrets

#: Ids of users. A test that needs root's rights pretends to run as USER.
USER, ANOTHER_USER, ROOT_USER = 65534, 65533, 0
USE_ANOTHER = "use a file that you own, with mode 0600, or a pipe"
needs_root = pytest.mark.skipif(
    WINDOWS or os.geteuid() != 0, reason="only root can give files to other users"
)


@needs_root
@pytest.mark.parametrize(
    "owner, mode, error, hint",
    [
        (USER, 0o400, "", ""),
        (ROOT_USER, 0o600, "", ""),
        (USER, 0o640, "its mode 0640 is too open", "chmod 600 -- token"),
        # The user cannot change the mode of these files.
        (ROOT_USER, 0o640, "its mode 0640 is too open", USE_ANOTHER),
        (ANOTHER_USER, 0o600, "it belongs to another user (uid 65533)", USE_ANOTHER),
    ],
)
def test_only_a_secure_file_is_accepted(plane, home, monkeypatch, owner, mode, error, hint):
    path = write_private_file(home / "token", b"x")
    path.chmod(mode)
    os.chown(str(path), owner, -1)
    monkeypatch.setattr(os, "geteuid", lambda: USER)

    result = run_at_home(home, plane, "--token-file token")

    if error:
        assert result.code == 3
        assert result.err == "error: token is insecure: %s\nhint: %s\n" % (error, hint)
        assert plane.connections == 0
    else:
        assert (result.code, result.err) == (0, "")


@posix_only
@pytest.mark.parametrize("mode", [0o620, 0o610, 0o602, 0o601], ids=oct)
def test_any_permission_of_group_or_others_is_too_much(plane, home, mode):
    write_private_file(home / "token", b"x").chmod(mode)

    result = run_at_home(home, plane, "--token-file token")

    assert error_lines(result) == ["token is insecure: its mode %04o is too open" % mode]


@posix_only
def test_no_command_is_suggested_for_an_unprintable_name(plane, home):
    write_private_file(home / "x\ny", b"x").chmod(0o644)

    result = run_at_home(home, plane, "--token-file 'x\ny'")

    # For a printable name, it would be `chmod 600 -- NAME`.
    assert hint_lines(result) == [USE_ANOTHER]


@posix_only
def test_mode_is_that_of_the_opened_file_even_if_its_name_is_replaced(plane, home, monkeypatch):
    write_private_file(home / "my-token", b"x").chmod(0o644)
    write_private_file(home / "private", b"another file")
    open_file = open

    def open_and_replace(path, *arguments, **options):
        file = open_file(path, *arguments, **options)
        if path == "my-token":
            os.replace(str(home / "private"), "my-token")
        return file

    monkeypatch.setattr(builtins, "open", open_and_replace)

    result = run_at_home(home, plane, "--token-file my-token")

    assert error_lines(result) == ["my-token is insecure: its mode 0644 is too open"]
    assert not (home / "private").exists()  # It has replaced my-token.


@posix_only
def test_mode_is_that_of_the_opened_file_even_if_the_path_led_to_another_just_before(
    plane, home, monkeypatch
):
    write_private_file(home / "my-token", b"x")
    write_private_file(home / "insecure", b"another file").chmod(0o644)
    open_file = open

    def replace_and_open(path, *arguments, **options):
        if path == "my-token":
            os.replace(str(home / "insecure"), "my-token")
        return open_file(path, *arguments, **options)

    monkeypatch.setattr(builtins, "open", replace_and_open)

    result = run_at_home(home, plane, "--token-file my-token")

    assert error_lines(result) == ["my-token is insecure: its mode 0644 is too open"]
    assert plane.connections == 0


@posix_only
def test_pipe_is_accepted_whatever_its_mode(plane, home):
    # As with --token-file <(pass show plexsphere).
    reading, writing = os.pipe()
    os.write(writing, b"  token-of-pipe\r\n")
    os.close(writing)
    os.fchmod(reading, 0o666)

    run_at_home(home, plane, "--token-file /dev/fd/%d" % reading)
    os.close(reading)

    assert plane.requests[0].headers["authorization"] == "Bearer token-of-pipe"


@needs_root
def test_pipe_of_another_user_is_refused(plane, home, monkeypatch):
    reading, writing = os.pipe()
    os.write(writing, b"token-of-pipe")
    os.close(writing)
    os.fchown(reading, ANOTHER_USER, -1)
    monkeypatch.setattr(os, "geteuid", lambda: USER)

    result = run_at_home(home, plane, "--token-file /dev/fd/%d" % reading)
    os.close(reading)

    assert result.code == 3
    assert error_lines(result) == [
        "/dev/fd/%d is insecure: it belongs to another user (uid 65533)" % reading
    ]
    assert hint_lines(result) == [USE_ANOTHER]
    assert plane.connections == 0


@pytest.mark.parametrize("excess", [0, 1], ids=["just small enough", "a byte too large"])
def test_token_file_has_at_most_64_kib_and_config_file_1_mib(plane, home, excess):
    # Both begin with a byte order mark, which counts: \ufeff is a character of three bytes.
    write_private_file(home / "token", (codecs.BOM_UTF8 + b"x").ljust(64 * 1024 + excess))
    config = '\ufeff{"profiles": {"lab": {"token": "x"}}}'.ljust(1024 * 1024 - 2 + excess)
    path = write_config(home, config)

    of_token = run_at_home(home, plane, "--token-file token")
    plane.answers.clear()  # an error has left the answer unused
    of_config = run_at_home(home, plane, "--profile lab")

    if excess:
        assert error_lines(of_token) == ["token is larger than 64 KiB"]
        assert error_lines(of_config) == ["%s is larger than 1024 KiB" % path]
        assert plane.connections == 0
    else:
        assert (of_token.code, of_config.code) == (0, 0)


def write_until_it_breaks(descriptor, size):
    """Write this many bytes into a pipe, or fewer if its reader goes. Return how many, and close the pipe."""
    written = 0
    with contextlib.suppress(BrokenPipeError):
        while written < size:
            written += os.write(descriptor, b"x" * 4096)
    os.close(descriptor)
    return written


@posix_only
def test_token_file_without_an_end_is_not_read_beyond_its_limit(plane, home):
    reading, writing = os.pipe()

    with ThreadPoolExecutor(1) as pool, open(reading, "rb", buffering=0):
        # 16 MiB stand for an endless file.
        written = pool.submit(write_until_it_breaks, writing, size=16 * 1024 * 1024)
        result = run_at_home(home, plane, "--token-file /dev/fd/%d" % reading)

    assert error_lines(result) == ["/dev/fd/%d is larger than 64 KiB" % reading]
    assert written.result() < 1024 * 1024  # some of which is only in the buffer of the pipe


# ---- tokens


def test_token_may_have_any_visible_ascii_characters(plane, home):
    token = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCXYZ[\\]^_`abcxyz{|}~"

    # White space around a token is removed.
    run_at_home(home, plane, PLEXSPHERE_TOKEN="\n\t %s \r\n" % token)

    assert plane.requests[0].headers["authorization"] == "Bearer " + token


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(b" \t\r\n", id="only white space"),
        pytest.param(b"hunter\n22", id="line feed"),
        pytest.param(b"hunt\x7f22", id="DEL"),
        pytest.param(b"~\x1f!", id="control character between ~ and !"),
        pytest.param(b"hunt\xc3\xa922", id="not ASCII"),
        pytest.param(b"hunt\xff22", id="a byte that is not UTF-8"),
    ],
)
def test_token_with_other_characters_than_visible_ascii_means_exit_3(plane, home, token):
    write_private_file(home / "token", token)

    result = run_at_home(home, plane, "--token-file token")

    assert result.code == 3
    assert error_lines(result) == [
        "the token is empty, or contains characters other than visible ASCII"
    ]
    assert plane.connections == 0


@pytest.mark.parametrize("path", ["hunter22" * 600, "hunter22\0"], ids=["too long", "NUL"])
def test_token_in_place_of_the_path_of_a_token_file_is_not_shown(plane, home, path):
    result = run_at_home(home, plane, "--token-file " + path)

    assert result.code == 3
    assert error_lines(result)[0].startswith("cannot read the token file: ")
    assert "hunter22" not in result.err


# ---- servers


@table("""
    url                                      | parts
    # scheme, host, port and prefix
    https://plane.test                       | https plane.test 443
    https://plane.test:00443//               | https plane.test 443
    HTTP://A_b.Test./                        | http a_b.test. 80
    https://[2001:DB8::1]:65535/A/b%20c//    | https 2001:db8::1 65535 /A/b%20c
    http://127.0.0.1:1/~x;y=1,z!$&'()*+:@.-_ | http 127.0.0.1 1 /~x;y=1,z!$&'()*+:@.-_
""")
def test_server_has_scheme_host_port_and_prefix(url, parts):
    parsed = program.Server.parse(" %s\n" % url)  # White space around a URL is removed.

    assert " ".join(map(str, parsed)).strip() == parts


def test_label_of_a_name_has_at_most_63_characters():
    assert program.Server.parse("https://%s.test" % ("a" * 63)).host == "a" * 63 + ".test"
    with pytest.raises(program.UsageError):
        program.Server.parse("https://%s.test" % ("a" * 64))


@table("""
    url
    # p4ssw0rd stands for a secret in the wrong place.
    p4ssw0rd
    //p4ssw0rd
    xhttps://p4ssw0rd
    https:p4ssw0rd
    https:///p4ssw0rd
    https://
    https://ann:p4ssw0rd@host
    https://host:p4ssw0rd@x
    https://p4ssw0rd?x
    https://host/a?p4ssw0rd
    https://p4ssw0rd/#f
    https://p4ssw0rd/\x7f
    https://p4ss w0rd
    https://p4ss\\w0rd
    https://p4ssw0r\xf6
    https://.p4ssw0rd
    https://p4ssw0rd..test
    https://p4ssw0rd:
    https://p4ssw0rd:x
    https://p4ssw0rd:0
    https://p4ssw0rd:65536
    https://host:100000/p4ssw0rd
    https://host:000443
    https://[p4ssw0rd]
    https://[::1
    https://::1
""")
def test_malformed_server_is_refused_and_not_shown(url):
    with pytest.raises(program.UsageError) as caught:
        program.Server.parse(url)

    assert str(caught.value) == "the server: expected http(s)://host[:port][/prefix]"


# ---- what is never shown


@table("""
    token     | sent                     | shown
    # 8 characters and 7
    12345678  | not 12345678.            | not ***.
    1234567   | not 1234567.             | not 1234567.
    # adjacent tokens
    a-token-  | a-token-a-token-a-token- | *********
    # The token is not a pattern: a dot stands only for a dot.
    a.c.e.g.  | abcdefgh                 | abcdefgh
    a/c(e)g.[ | Bearer a/c(e)g.[         | Bearer ***
""")
def test_token_of_8_characters_or_more_is_masked_in_headers_and_errors(plane, token, sent, shown):
    answer = Reply({"detail": sent}, 400, [("X-Echo", sent)])

    result = run_line("list -v", plane, answer, env={"PLEXSPHERE_TOKEN": token})

    assert error_lines(result) == ["HTTP 400 Bad Request; " + shown]
    assert "< X-Echo: %s\n" % shown in result.err
    assert "> Authorization: ***\n" in result.err


@table("""
    flag               | variable
    --token-file token |
    --profile lab      |
                       | another-token-0123456789
""")
def test_token_from_any_source_is_masked_everywhere_on_stderr(plane, home, flag, variable):
    write_private_file(home / "token", OTHER_TOKEN.encode())
    write_config(home, json.dumps({"profiles": {"lab": {"token": OTHER_TOKEN}}}))
    flags = "%s -v --action-name %s --cursor '<%s>'" % (flag, OTHER_TOKEN, OTHER_TOKEN)
    answer = Reply({"detail": OTHER_TOKEN}, 400)

    result = run_at_home(home, plane, flags, answer, PLEXSPHERE_TOKEN=variable)

    assert error_lines(result) == ["HTTP 400 Bad Request; ***"]
    # -v shows the URL.
    assert "action_name=***&" in result.err
    assert "cursor=%3C***%3E" in result.err
    assert OTHER_TOKEN not in result.err


@table("""
    variable          | in_file
    # the token in PLEXSPHERE_TOKEN, and the one in the token file
    another-token     | 12345678-and-more
    # If one contains the other, the longer one must be masked first: otherwise its remainder would be shown.
    12345678          | 12345678-and-more
    12345678-and-more | 12345678
    2345678-          | 12345678-9
""")
def test_token_variable_is_masked_beside_a_token_file(plane, home, variable, in_file):
    write_private_file(home / "token", in_file.encode())
    answer = Reply({"detail": "<%s> <%s>" % (variable, in_file)}, 400)

    # White space around a token is removed.
    spaced = " %s\n" % variable
    result = run_at_home(home, plane, "--token-file token", answer, PLEXSPHERE_TOKEN=spaced)

    assert error_lines(result) == ["HTTP 400 Bad Request; <***> <***>"]


@pytest.mark.parametrize(
    "password, answer, error",
    [
        # %E2%80%8B is a zero width space, which is escaped on stderr. YW5uOnBhc3PigIt3b3Jk is
        # ann:PASSWORD in base64, as in Proxy-Authorization. A Problem is the JSON object that
        # describes an error (RFC 9457).
        pytest.param(
            "pass%E2%80%8Bword",
            Reply({"detail": "<pass\u200bword> <YW5uOnBhc3PigIt3b3Jk> \u200b"}, 404),
            "HTTP 404 Not Found; <***> <***> \\u200b",
            id="in the detail of a Problem",
        ),
        pytest.param(
            "pass%E2%80%8Bword",
            Reply({"id": "<pass\u200bword> <YW5uOnBhc3PigIt3b3Jk> \u200b"}),
            "the response is malformed: expected Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f, "
            "but its id is <***> <***> \\u200b",
            id="in the id of another Execution",
        ),
        pytest.param(
            "pass%E2%80%8Bword",
            Reply(execution([target({"kind": "<pass\u200bword> \u200b"}, "n")])),
            'the output of target n is unreadable: unknown kind "<***> \\u200b"',
            id="in the kind of an output",
        ),
        pytest.param(
            "correct%20horse%20(sha256:battery",
            Reply(execution([target({"kind": ""}, "correct horse (sha256:battery")])),
            'the output of target *** is unreadable: unknown kind ""',
            id="as a node id, in which both blanks are escaped",
        ),
        pytest.param(
            "correct%20horse%20(sha256:battery",
            Reply(execution([target(archive("correct horse (sha256:battery", "x"), "n")])),
            "the output of target n is archived: ***/x",
            id="as a bucket, in which the blank before a digest is escaped",
        ),
        pytest.param(
            "correct%20horse%20(sha256:battery",
            Reply(
                execution(
                    [target(archive("logs", "x", sha256="correct horse (sha256:battery"), "n")]
                )
            ),
            "the output of target n is archived: logs/x (sha256:***)",
            id="as a digest",
        ),
    ],
)
def test_password_of_a_proxy_is_masked_in_errors_before_they_are_escaped(
    plane, password, answer, error
):
    with Proxy(plane) as proxy:
        proxy.script(answer)
        login = "http://ann:%s@" % password
        env = {
            "PLEXSPHERE_URL": "http://control-plane.test",
            "HTTP_PROXY": proxy.url.replace("http://", login),
        }

        result = run_line("get $ID --allow-http -o lines", env=env)

    assert result.code == 1
    assert error_lines(result) == [error]


@pytest.mark.parametrize(
    "detail, shown",
    [
        pytest.param("x" * 5000, "x" * 5000, id="printable ones"),
        pytest.param("\x1b" * 5000, "\\x1b" * 5000, id="those of escapes"),
    ],
)
def test_error_is_cut_after_4000_characters(plane, detail, shown):
    result = run_line("list", plane, Reply({"detail": detail}, 409))  # which is not retried

    assert result.err == ("error: HTTP 409 Conflict; " + shown)[:4000] + "\n"


@table("""
    shown              | length
    # The error is cut after 4,000 characters, and has 105 before the `#` characters. The token of
    # 24 characters ends at the cut, its last character stands after the cut, or its first seven
    # characters stand before the cut.
    but its id is #### | 3871
    but its id is #### | 3872
    but its id is #### | 3888
    # This error has 94.
    unknown kind "#### | 3882
    unknown kind "#### | 3883
    unknown kind "#### | 3899
""")
def test_error_is_never_cut_inside_a_token(plane, shown, length):
    text = "#" * int(length) + "another-token-0123456789" + "#" * 50
    answers = {
        "but its id is ####": execution(id=text),
        'unknown kind "####': execution([target({"kind": text})]),
    }

    result = run_line(
        "get $ID", plane, answers[shown], env={"PLEXSPHERE_TOKEN": "another-token-0123456789"}
    )

    assert shown in result.err
    assert "another" not in result.err


def test_empty_server_of_from_settings_is_refused_and_not_taken_from_the_environment():
    with surroundings(env={"PLEXSPHERE_URL": "http://127.0.0.1:1", "PLEXSPHERE_TOKEN": TOKEN}):
        with pytest.raises(program.UsageError, match="^--server: expected http"):
            program.Transport.from_settings(server="")


def test_repr_shows_no_secret():
    server = program.Server.parse("https://plane.test")
    transport = program.Transport(server, TOKEN, proxy="http://ann:hunter:22@127.0.0.1:1")
    own_objects = [
        value for value in vars(transport).values() if type(value).__module__ == program.__name__
    ]

    shown = repr([transport] + own_objects)

    assert len(own_objects) >= 2  # the server, and what the Transport knows of the proxy
    # YW5uOmh1bnRlcjoyMg== is base64 of ann:hunter:22.
    assert transport.secrets == [TOKEN, "YW5uOmh1bnRlcjoyMg==", "hunter:22"]
    assert TOKEN not in shown
    assert "YW5uOmh1bnRlcjoyMg==" not in shown
    assert "hunter:22" not in shown
