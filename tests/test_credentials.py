"""Section 2: where server and token come from, what is refused, and what is never shown."""

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
    GET,
    HOME,
    LIST,
    WINDOWS,
    error_lines,
    execution,
    hint_lines,
    page,
    posix_only,
    rule,
    run_cli,
    surroundings,
    write_private_file,
)
from server import Reply

OTHER_TOKEN = "another-token-0123456789"
ANOTHER_FILE = "use a file that you own, with mode 0600, or a pipe"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home directory. It is also the current directory."""
    monkeypatch.chdir(str(tmp_path))
    return tmp_path


def write_config(home, config, folder=".config"):
    """Write a JSON value to the config file in this folder of the home directory. Return its path."""
    return write_private_file(
        home / folder / "plexctl" / "config.json", json.dumps(config).encode("ascii")
    )


def run_with_home(home, plane, flags=(), env=None, command=LIST):
    """Run `list` with this home directory. The plane is the proxy for all servers, so that every request reaches it."""
    whole = dict(
        {HOME: str(home), "HTTP_PROXY": plane.url, "HTTPS_PROXY": plane.url}, **(env or {})
    )
    return run_cli(*command, "--allow-http", *flags, env=whole)


# ---- 2.1: the first source that has a value wins

PROFILES = {
    "default": "usual",
    "profiles": {
        "usual": {"server": "http://usual.test", "token": "token-of-usual"},
        "other": {"server": "http://other.test", "token": "token-of-other"},
        "server-only": {"server": "http://server-only.test"},
        "token-only": {"token": "token-of-token-only"},
    },
}


@rule("2.1", "2.2")
@pytest.mark.parametrize(
    "flags, env, host, token",
    [
        pytest.param(
            ["--server", "http://flag.test", "--token-file", "token", "--profile", "other"],
            {"PLEXSPHERE_URL": "http://variable.test", "PLEXSPHERE_TOKEN": "token-of-variable"},
            "flag.test",
            "token-of-file",
            id="flags win over everything",
        ),
        pytest.param(
            ["--server", "http://flag.test", "--token-file", "token", "--profile", "unknown"],
            {},
            "flag.test",
            "token-of-file",
            id="with both flags, an unknown profile is not looked up",
        ),
        pytest.param(
            ["--server", "http://flag.test"],
            {"PLEXSPHERE_URL": "http://variable.test", "PLEXSPHERE_TOKEN": "token-of-variable"},
            "flag.test",
            "token-of-variable",
            id="server from the flag, token from the variable",
        ),
        pytest.param(
            ["--profile", "other"],
            {"PLEXSPHERE_URL": "http://variable.test", "PLEXSPHERE_TOKEN": "token-of-variable"},
            "other.test",
            "token-of-other",
            id="--profile wins over the variables",
        ),
        pytest.param(
            ["--profile", "other", "--token-file", "token"],
            {},
            "other.test",
            "token-of-file",
            id="server from --profile, token from the file",
        ),
        pytest.param(
            ["--profile", "token-only"],
            {"PLEXSPHERE_URL": "http://variable.test", "PLEXSPHERE_TOKEN": "token-of-variable"},
            "variable.test",
            "token-of-token-only",
            id="a profile without a server leaves the server to the variable",
        ),
        pytest.param(
            ["--profile", "token-only", "--server", "http://flag.test"],
            {},
            "flag.test",
            "token-of-token-only",
            id="a profile without a server gives its token to any server",
        ),
        pytest.param(
            ["--profile", "server-only"],
            {"PLEXSPHERE_URL": "http://variable.test", "PLEXSPHERE_TOKEN": "token-of-variable"},
            "server-only.test",
            "token-of-variable",
            id="a profile without a token leaves the token to the variable",
        ),
        pytest.param(
            ["--profile", "server-only", "--server", "http://flag.test"],
            {"PLEXSPHERE_TOKEN": "token-of-variable"},
            "flag.test",
            "token-of-variable",
            id="the server of --profile does not bind the token of the variable",
        ),
        pytest.param(
            [],
            {"PLEXSPHERE_URL": "http://variable.test", "PLEXSPHERE_TOKEN": "token-of-variable"},
            "variable.test",
            "token-of-variable",
            id="variables win over the default profile",
        ),
        pytest.param(
            ["--token-file", "token"],
            {"PLEXSPHERE_URL": "http://variable.test"},
            "variable.test",
            "token-of-file",
            id="server from the variable, token from the file",
        ),
        pytest.param(
            [],
            {"PLEXSPHERE_TOKEN": "token-of-variable"},
            "usual.test",
            "token-of-variable",
            id="server from the default profile, token from the variable",
        ),
        pytest.param(
            ["--token-file", "token"],
            {"PLEXSPHERE_TOKEN": "token-of-variable"},
            "usual.test",
            "token-of-file",
            id="server from the default profile, token from the file",
        ),
        pytest.param(
            [],
            {},
            "usual.test",
            "token-of-usual",
            id="the default profile is the last source",
        ),
        pytest.param(
            [],
            {"PLEXSPHERE_URL": "", "PLEXSPHERE_TOKEN": ""},
            "usual.test",
            "token-of-usual",
            id="empty variables do not count",
        ),
        pytest.param(
            [],
            {"PLEXSPHERE_URL": "http://usual.test", "PLEXSPHERE_TOKEN": ""},
            "usual.test",
            "token-of-usual",
            id="the variable may name the server of the default profile",
        ),
    ],
)
def test_server_and_token_come_from_the_first_source_that_has_one(
    plane, home, flags, env, host, token
):
    write_config(home, PROFILES)
    write_private_file(home / "token", b"token-of-file")
    plane.script(Reply(page()))

    result = run_with_home(home, plane, flags, env)

    assert result.code == 0
    assert plane.requests[0].headers["host"] == host
    assert plane.requests[0].headers["authorization"] == "Bearer " + token


#: A config file whose profiles name the Projects 1111... and 2222..., and settings that need no config file.
PROJECTS = {
    "default": "usual",
    "profiles": {
        "usual": {"project": "11111111-1111-4111-8111-111111111111"},
        "other": {"project": "22222222-2222-4222-8222-222222222222"},
        "none": {"project": None},
    },
}
WITHOUT_CONFIG_FILE = {
    "PLEXSPHERE_URL": "http://variable.test",
    "PLEXSPHERE_TOKEN": "token-of-variable",
}


@rule("1.5", "2.1", "2.3b")
@pytest.mark.parametrize(
    "flags, variable, project",
    [
        pytest.param(
            ["--project", "33333333-3333-4333-8333-333333333333", "--profile", "other"],
            "44444444-4444-4444-8444-444444444444",
            "33333333-3333-4333-8333-333333333333",
            id="the flag wins over everything",
        ),
        pytest.param(
            ["--profile", "other"],
            "44444444-4444-4444-8444-444444444444",
            "22222222-2222-4222-8222-222222222222",
            id="--profile wins over the variable",
        ),
        pytest.param(
            ["--profile", "none"],
            "44444444-4444-4444-8444-444444444444",
            "44444444-4444-4444-8444-444444444444",
            id="a profile without a Project leaves it to the variable",
        ),
        pytest.param(
            [],
            "44444444-4444-4444-8444-444444444444",
            "44444444-4444-4444-8444-444444444444",
            id="the variable wins over the default profile",
        ),
        pytest.param(
            [],
            "",
            "11111111-1111-4111-8111-111111111111",
            id="the default profile, with an empty variable",
        ),
        pytest.param(
            [],
            None,
            "11111111-1111-4111-8111-111111111111",
            id="the default profile is the last source",
        ),
    ],
)
def test_project_comes_from_the_first_source_that_has_one(plane, home, flags, variable, project):
    write_config(home, PROJECTS)
    plane.script(Reply(page()))

    env = dict(WITHOUT_CONFIG_FILE, PLEXSPHERE_PROJECT=variable)
    result = run_with_home(home, plane, flags, env, command=("list",))

    assert result.code == 0
    assert plane.requests[0].target == "http://variable.test/v1/projects/" + project + "/executions"


@rule("1.5a", "2.3b")
@pytest.mark.parametrize(
    "project, code, fault",
    [
        pytest.param(
            "p4ssw0rd",
            2,
            "expected a UUID, such as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10",
            id="text",
        ),
        pytest.param(
            "", 2, "expected a UUID, such as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10", id="empty text"
        ),
        pytest.param(["p4ssw0rd"], 3, "expected a string", id="a list"),
        pytest.param(0, 3, "expected a string", id="a number"),
    ],
)
def test_malformed_project_of_a_profile_is_refused_and_not_shown(plane, home, project, code, fault):
    write_config(home, {"default": "lab", "profiles": {"lab": {"project": project}}})

    # Server and token are missing, too.
    result = run_with_home(home, plane, command=("list",))

    assert result.code == code
    assert error_lines(result) == ['project of profile "lab": ' + fault]
    assert "p4ssw0rd" not in result.err
    assert plane.connections == 0


@rule("1.5", "1.5b")
@pytest.mark.parametrize(
    "flags, missing",
    [
        pytest.param([], 'profile "lab" has none', id="the default profile"),
        pytest.param(["--profile", "other"], 'profile "other" has none', id="--profile"),
    ],
)
def test_missing_project_exits_2_before_server_and_token_are_looked_up(plane, home, flags, missing):
    write_config(home, {"default": "lab", "profiles": {"lab": {}, "other": {"project": None}}})

    result = run_with_home(home, plane, flags, command=("list",))

    assert result.code == 2
    assert error_lines(result) == ["no Project"]
    assert hint_lines(result)[0].endswith("; " + missing)


@rule("1.5b")
@pytest.mark.parametrize(
    "flags, variable",
    [
        pytest.param([], "", id="without any Project"),
        pytest.param(
            ["--profile", "lab"],
            "44444444-4444-4444-8444-444444444444",
            id="--profile and the variable",
        ),
    ],
)
def test_config_file_that_is_needed_for_the_project_must_be_usable(plane, home, flags, variable):
    config_file = write_private_file(home / ".config" / "plexctl" / "config.json", b"not JSON")

    # An unusable server does not matter yet.
    env = dict(WITHOUT_CONFIG_FILE, PLEXSPHERE_PROJECT=variable, PLEXSPHERE_URL="x")
    result = run_with_home(home, plane, flags, env, command=("list",))

    assert result.code == 3
    assert error_lines(result)[0].startswith("%s is not valid JSON: " % config_file)


@rule("1.5b", "2.3a")
@pytest.mark.parametrize(
    "flags, variable",
    [
        pytest.param(
            ["--project", "33333333-3333-4333-8333-333333333333"], "", id="with --project"
        ),
        pytest.param([], "44444444-4444-4444-8444-444444444444", id="with the variable"),
        pytest.param(
            ["--project", "33333333-3333-4333-8333-333333333333", "--profile", "lab"]
            + ["--server", "http://flag.test", "--token-file", "token"],
            "",
            id="with flags for everything, and a profile",
        ),
    ],
)
def test_config_file_that_is_not_needed_for_the_project_may_be_broken(plane, home, flags, variable):
    write_private_file(home / ".config" / "plexctl" / "config.json", b"not JSON")
    write_private_file(home / "token", b"token-of-file")
    plane.script(Reply(page()))

    env = dict(WITHOUT_CONFIG_FILE, PLEXSPHERE_PROJECT=variable)
    result = run_with_home(home, plane, flags, env, command=("list",))

    assert result.code == 0
    assert result.err == ""


@posix_only
@rule("2.3a")
def test_config_file_is_read_once_for_project_server_and_token(plane, home):
    config_file = home / ".config" / "plexctl" / "config.json"
    config_file.parent.mkdir(parents=True)
    os.mkfifo(str(config_file))
    profile = {
        "server": "http://lab.test",
        "token": "token-of-lab",
        "project": "11111111-1111-4111-8111-111111111111",
    }
    config = json.dumps({"default": "lab", "profiles": {"lab": profile}})
    (home / "broken").write_bytes(b"not JSON")
    plane.script(Reply(page()))

    def serve_once():
        with open(str(config_file), "w") as pipe:  # waits until the program reads
            os.replace(str(home / "broken"), str(config_file))  # for a second reading
            pipe.write(config)

    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve_once)
        result = run_with_home(home, plane, command=("list",))
        served.result()

    assert result.code == 0
    assert plane.requests[0].target == (
        "http://lab.test/v1/projects/11111111-1111-4111-8111-111111111111/executions"
    )
    assert plane.requests[0].headers["authorization"] == "Bearer token-of-lab"


@rule("10.2a", "2.3a")
def test_from_settings_looks_up_no_project(home):
    write_private_file(home / ".config" / "plexctl" / "config.json", b"not JSON")

    with surroundings(env=dict(WITHOUT_CONFIG_FILE, PLEXSPHERE_PROJECT="x", **{HOME: str(home)})):
        transport = program.Transport.from_settings(allow_http=True)

    assert transport.secrets == ["token-of-variable"]


@rule("10.2a")
def test_from_settings_ignores_the_project_of_a_profile(home):
    write_config(
        home, {"profiles": {"lab": {"server": "http://127.0.0.1:1", "token": "x", "project": 5}}}
    )

    with surroundings(env={HOME: str(home)}):
        transport = program.Transport.from_settings(profile="lab")

    assert transport.server.url == "http://127.0.0.1:1"


# ---- 2.2: the token of a profile goes only to the server of the profile


@rule("2.2")
@pytest.mark.parametrize(
    "flags, env, error, hint",
    [
        pytest.param(
            ["--server", "http://elsewhere.test"],
            {},
            'the token of profile "usual" is for http://usual.test, but the request would go to http://elsewhere.test',
            "the server came from --server: remove it, or pass a token for that server with --token-file",
            id="default profile and --server",
        ),
        pytest.param(
            [],
            {"PLEXSPHERE_URL": "http://elsewhere.test"},
            'the token of profile "usual" is for http://usual.test, but the request would go to http://elsewhere.test',
            "the server came from PLEXSPHERE_URL: remove it, or pass a token for that server with --token-file",
            id="default profile and PLEXSPHERE_URL",
        ),
        pytest.param(
            ["--server", "http://usual.test/prefix/"],
            {},
            'the token of profile "usual" is for http://usual.test, but the request would go to '
            "http://usual.test/prefix",
            "the server came from --server: remove it, or pass a token for that server with --token-file",
            id="another prefix on the same host",
        ),
        pytest.param(
            # The token of --profile comes before PLEXSPHERE_TOKEN.
            ["--profile", "other", "--server", "http://elsewhere.test"],
            {"PLEXSPHERE_TOKEN": "token-of-variable"},
            'the token of profile "other" is for http://other.test, but the request would go to http://elsewhere.test',
            "the server came from --server: remove it, or pass a token for that server with --token-file",
            id="--profile, --server and PLEXSPHERE_TOKEN",
        ),
    ],
)
def test_token_of_a_profile_is_not_sent_to_another_server(plane, home, flags, env, error, hint):
    write_config(home, PROFILES)

    result = run_with_home(home, plane, flags, env)

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == [error]
    assert hint_lines(result) == [hint]
    assert plane.connections == 0


@rule("2.2")
def test_refused_server_of_a_profile_is_shown_in_its_shortest_form(plane, home):
    profile = {"server": "HTTPS://Plane.test:443/a/", "token": "x"}
    write_config(home, {"default": "lab", "profiles": {"lab": profile}})

    result = run_with_home(home, plane, ["--server", "http://elsewhere.test:80/"])

    assert result.code == 3
    assert error_lines(result) == [
        'the token of profile "lab" is for https://plane.test/a, but the request would go to http://elsewhere.test'
    ]
    assert plane.connections == 0


@rule("2.2")
@pytest.mark.parametrize(
    "server_of_profile, server_flag",
    [
        pytest.param("http://localhost:1", "HTTP://LOCALHOST:1", id="case of scheme and host"),
        pytest.param(
            "http://127.0.0.1:1/A/", "http://127.0.0.1:1/A", id="slash at the end of a prefix"
        ),
        pytest.param(
            "http://127.0.0.1", "http://127.0.0.1:80/", id="default port of http, slash at the end"
        ),
        pytest.param("https://127.0.0.1:443", "https://127.0.0.1", id="default port of https"),
    ],
)
def test_one_server_may_be_written_in_different_ways(home, server_of_profile, server_flag):
    write_config(
        home, {"default": "lab", "profiles": {"lab": {"server": server_of_profile, "token": "x"}}}
    )

    with surroundings(env={HOME: str(home)}):
        transport = program.Transport.from_settings(server=server_flag)

    # The token of the profile is used. If the servers were different, there would be a CredentialsError.
    assert transport.secrets == ["x"]


@rule("2.2")
@pytest.mark.parametrize(
    "server_of_profile, server_flag",
    [
        pytest.param("http://127.0.0.1:1/A", "http://127.0.0.1:1/a", id="case of the prefix"),
        pytest.param("http://127.0.0.1:1", "http://127.0.0.1:2", id="port"),
        pytest.param("http://localhost:1", "http://127.0.0.1:1", id="name and address of one host"),
        pytest.param("http://127.0.0.1:443", "https://127.0.0.1:443", id="scheme"),
    ],
)
def test_servers_that_differ_in_prefix_port_name_or_scheme_are_different(
    plane, home, server_of_profile, server_flag
):
    write_config(
        home, {"default": "lab", "profiles": {"lab": {"server": server_of_profile, "token": "x"}}}
    )

    result = run_with_home(home, plane, ["--server", server_flag])

    assert result.code == 3
    assert error_lines(result)[0].startswith('the token of profile "lab" is for ')


# ---- 2.6b: no server, no token


@rule("2.6b", "2.3b")
@pytest.mark.parametrize(
    "config, flags, env, hint",
    [
        pytest.param(
            PROFILES,
            ["--profile", "token-only"],
            {},
            '; profile "token-only" has none',
            id="the profile has only a token",
        ),
        pytest.param(
            PROFILES,
            ["--profile", "token-only", "--token-file", "token"],
            {},
            '; profile "token-only" has none',
            id="the profile has only a token, which is not used",
        ),
        pytest.param(
            {"default": "lab", "profiles": {"lab": {"token": "x", "server": None}}},
            [],
            {},
            '; profile "lab" has none',
            id="the server of the default profile is null",
        ),
        pytest.param(
            # With --profile, a wrong default does not matter. Neither does an unknown member.
            {"default": 1, "profiles": {"lab": {}}, "unknown member": 1},
            ["--profile", "lab"],
            {"PLEXSPHERE_TOKEN": "x"},
            '; profile "lab" has none',
            id="the profile is empty",
        ),
        pytest.param(
            {"default": None, "profiles": None},
            [],
            {"PLEXSPHERE_TOKEN": "x"},
            "config.json has no default profile",
            id="default and profiles are null",
        ),
    ],
)
def test_missing_server_is_a_usage_error(plane, home, config, flags, env, hint):
    write_config(home, config)
    write_private_file(home / "token", b"token-of-file")

    result = run_with_home(home, plane, flags, env)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ["no server"]
    assert len(hint_lines(result)) == 1
    assert hint_lines(result)[0].endswith(hint)
    assert plane.connections == 0


@rule("2.6b", "2.3c")
def test_missing_server_is_a_usage_error_without_a_config_file(plane, home):
    result = run_with_home(home, plane, env={"PLEXSPHERE_TOKEN": "x"})

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ["no server"]
    assert hint_lines(result) == [
        "pass --server, set PLEXSPHERE_URL, or use a profile with a server; "
        "there is no config file (looked for %s)" % (home / ".config" / "plexctl" / "config.json")
    ]
    assert plane.connections == 0


@rule("2.5", "2.6b", "2.3b")
@pytest.mark.parametrize(
    "config, flags, hint",
    [
        pytest.param(
            PROFILES,
            ["--profile", "server-only"],
            '; profile "server-only" has none',
            id="the profile has only a server",
        ),
        pytest.param(
            PROFILES,
            ["--profile", "server-only", "--server", "http://flag.test"],
            '; profile "server-only" has none',
            id="the profile has only a server, which is not used",
        ),
        pytest.param(
            {"profiles": {"lab": None}},
            ["--profile", "lab"],
            '; profile "lab" has none',
            id="the profile is null; the server is missing, too",
        ),
        pytest.param(
            {},
            [],
            "config.json has no default profile",
            id="the config file is an empty object; the server is missing, too",
        ),
        pytest.param(
            None,
            [],
            "config.json has no default profile",
            id="the config file is null; the server is missing, too",
        ),
    ],
)
def test_missing_token_means_exit_3(plane, home, config, flags, hint):
    write_config(home, config)

    result = run_with_home(home, plane, flags)

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == ["no token"]
    assert len(hint_lines(result)) == 1
    assert hint_lines(result)[0].endswith(hint)
    assert plane.connections == 0


@rule("2.5", "2.6b", "2.3c")
@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(["--server", "http://flag.test"], id="only the token is missing"),
        pytest.param([], id="the server is missing, too"),
    ],
)
def test_missing_token_means_exit_3_without_a_config_file(plane, home, flags):
    result = run_with_home(home, plane, flags)

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == ["no token"]
    assert hint_lines(result) == [
        "pass --token-file, set PLEXSPHERE_TOKEN, or use a profile with a token; "
        "there is no config file (looked for %s)" % (home / ".config" / "plexctl" / "config.json")
    ]
    assert plane.connections == 0


@rule("2.3c")
def test_both_places_of_a_missing_config_file_are_shown(plane, home):
    result = run_with_home(
        home, plane, env={"XDG_CONFIG_HOME": str(home / "xdg")}, command=("list",)
    )

    assert result.code == 2
    assert error_lines(result) == ["no Project"]
    assert hint_lines(result)[0].endswith(
        "looked for %s and %s)"
        % (home / "xdg" / "plexctl" / "config.json", home / ".config" / "plexctl" / "config.json")
    )


# ---- 2.3: the config file


@rule("2.3")
@pytest.mark.parametrize(
    "xdg_config_home",
    [
        pytest.param(None, id="unset"),
        pytest.param("", id="empty"),
        pytest.param("relative", id="relative path"),
    ],
)
def test_config_file_is_in_the_home_directory_without_xdg_config_home(plane, home, xdg_config_home):
    write_config(
        home, {"default": "lab", "profiles": {"lab": {"server": "http://home.test", "token": "x"}}}
    )
    # The home directory is the current directory, so that this file would be found.
    for folder in ("relative", "."):
        trap = {"default": "lab", "profiles": {"lab": {"server": "http://trap.test", "token": "x"}}}
        write_config(home, trap, folder=folder)
    plane.script(Reply(page()))

    result = run_with_home(home, plane, env={"XDG_CONFIG_HOME": xdg_config_home})

    assert result.code == 0
    assert plane.requests[0].headers["host"] == "home.test"


@rule("2.3")
def test_config_file_in_xdg_config_home_comes_before_the_home_directory(plane, home):
    write_config(
        home, {"default": "lab", "profiles": {"lab": {"server": "http://home.test", "token": "x"}}}
    )
    in_xdg = {"default": "lab", "profiles": {"lab": {"server": "http://xdg.test", "token": "x"}}}
    write_config(home, in_xdg, folder="xdg")
    plane.script(Reply(page()))

    result = run_with_home(home, plane, env={"XDG_CONFIG_HOME": str(home / "xdg")})

    assert result.code == 0
    assert plane.requests[0].headers["host"] == "xdg.test"


@rule("2.3")
def test_xdg_config_home_without_a_config_file_is_passed_over(plane, home):
    write_config(
        home, {"default": "lab", "profiles": {"lab": {"server": "http://home.test", "token": "x"}}}
    )
    plane.script(Reply(page()))

    result = run_with_home(home, plane, env={"XDG_CONFIG_HOME": str(home / "missing")})

    assert result.code == 0
    assert plane.requests[0].headers["host"] == "home.test"


@rule("2.3", "2.5a")
def test_unreadable_config_file_in_xdg_config_home_is_not_passed_over(plane, home):
    write_config(
        home, {"default": "lab", "profiles": {"lab": {"server": "http://home.test", "token": "x"}}}
    )
    unreadable = home / "xdg" / "plexctl" / "config.json"
    unreadable.mkdir(parents=True)  # a folder in place of the file

    result = run_with_home(home, plane, env={"XDG_CONFIG_HOME": str(home / "xdg")})

    assert result.code == 3
    assert error_lines(result)[0].startswith("cannot read %s: " % unreadable)
    assert plane.connections == 0


@rule("2.3")
def test_relative_home_directory_is_not_searched(plane, home):
    trap = {"default": "lab", "profiles": {"lab": {"server": "http://trap.test", "token": "x"}}}
    write_config(home, trap, folder="relative/.config")

    result = run_with_home(home, plane, env={HOME: "relative"})

    assert result.code == 3
    assert error_lines(result) == ["no token"]
    assert hint_lines(result)[0].endswith("; there is no default profile")
    assert plane.connections == 0


@rule("2.3")
def test_xdg_config_home_is_searched_beside_a_relative_home_directory(plane, home):
    in_xdg = {"default": "lab", "profiles": {"lab": {"server": "http://xdg.test", "token": "x"}}}
    write_config(home, in_xdg, folder="xdg")
    plane.script(Reply(page()))

    result = run_with_home(
        home, plane, env={HOME: "relative", "XDG_CONFIG_HOME": str(home / "xdg")}
    )

    assert result.code == 0
    assert plane.requests[0].headers["host"] == "xdg.test"


@rule("2.3a")
@pytest.mark.parametrize(
    "flags, env",
    [
        pytest.param(
            ["--token-file", "token"],
            {"PLEXSPHERE_URL": "http://variable.test"},
            id="without --profile, flag and variable are enough",
        ),
        pytest.param(
            ["--token-file", "token", "--server", "http://flag.test", "--profile", "lab"],
            {},
            id="with --profile, two flags are enough",
        ),
    ],
)
def test_unneeded_config_file_is_not_read(plane, home, flags, env):
    write_private_file(home / ".config" / "plexctl" / "config.json", b"not JSON")
    write_private_file(home / "token", b"token-of-file")
    plane.script(Reply(page()))

    result = run_with_home(home, plane, flags, env)

    assert result.code == 0
    assert result.err == ""


@rule("2.3a")
@pytest.mark.parametrize(
    "flags, env",
    [
        pytest.param([], {"PLEXSPHERE_URL": "http://variable.test"}, id="for the token"),
        pytest.param(["--token-file", "token"], {}, id="for the server"),
        pytest.param(
            # The profile comes before the variable, and may name a server.
            ["--token-file", "token", "--profile", "lab"],
            {"PLEXSPHERE_URL": "http://variable.test"},
            id="for the server of --profile",
        ),
        pytest.param(
            ["--server", "http://flag.test", "--profile", "lab"],
            {"PLEXSPHERE_TOKEN": "token-of-variable"},
            id="for the token of --profile",
        ),
    ],
)
def test_needed_config_file_is_read(plane, home, flags, env):
    config_file = write_private_file(home / ".config" / "plexctl" / "config.json", b"not JSON")
    write_private_file(home / "token", b"token-of-file")

    result = run_with_home(home, plane, flags, env)

    assert result.code == 3
    assert error_lines(result)[0].startswith("%s is " % config_file)
    assert plane.connections == 0


# ---- 2.5a, 2.5c: an unusable config file, an unknown profile


@rule("2.5a")
def test_profile_without_a_config_file_means_exit_3_and_paths_are_shown(plane, home):
    xdg = home / "xdg"

    result = run_with_home(home, plane, ["--profile", "lab"], {"XDG_CONFIG_HOME": str(xdg)})

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == ["there is no config file"]
    assert hint_lines(result) == [
        "looked for %s and %s"
        % (xdg / "plexctl" / "config.json", home / ".config" / "plexctl" / "config.json")
    ]
    assert plane.connections == 0


@rule("2.5a", "2.5c")
@pytest.mark.parametrize(
    "profiles, name, hint",
    [
        pytest.param(
            {"lab": {}},
            "hunter22",
            "profiles in this file: lab",
            id="perhaps a token in the wrong place",
        ),
        pytest.param(
            {"lab": {}}, "LAB", "profiles in this file: lab", id="names are case-sensitive"
        ),
        pytest.param(
            {"lab": {}, "b": {}},
            "la",
            "profiles in this file: lab, b",
            id="names are not abbreviated",
        ),
        pytest.param({"lab": {}}, "l\u00e4b", "profiles in this file: lab", id="not ASCII"),
        pytest.param({}, "lab", "profiles in this file: none", id="there is no profile"),
        pytest.param(None, "lab", "profiles in this file: none", id="profiles are null"),
    ],
)
def test_unknown_profile_means_exit_3_and_its_name_is_not_shown(plane, home, profiles, name, hint):
    config_file = write_config(home, {"profiles": profiles})

    result = run_with_home(home, plane, ["--profile", name])

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == ["%s has no profile with the given name" % config_file]
    assert hint_lines(result) == [hint]
    assert plane.connections == 0


@rule("2.5a", "2.3b", "2.5c")
@pytest.mark.parametrize(
    "default",
    [
        pytest.param("hunter22", id="an unknown name"),
        pytest.param("", id="an empty name"),
        pytest.param(1, id="a number"),
        pytest.param([], id="a list"),
    ],
)
def test_unknown_default_profile_means_exit_3_and_its_name_is_not_shown(plane, home, default):
    config_file = write_config(home, {"default": default, "profiles": {"lab": {}}})

    result = run_with_home(home, plane)

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == [
        '%s: "default" names a profile that does not exist' % config_file
    ]
    assert hint_lines(result) == ["profiles in this file: lab"]
    assert plane.connections == 0


@rule("2.5a")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" ", id="a space"),
        pytest.param(b'{"profiles": {"lab": {"token": "hunter22"', id="cut off"),
        pytest.param(b"[" * 100000, id="nested too deeply"),
    ],
)
def test_config_file_that_is_not_json_means_exit_3(plane, home, data):
    config_file = write_private_file(home / ".config" / "plexctl" / "config.json", data)

    result = run_with_home(home, plane, ["--profile", "lab"])

    assert result.code == 3
    assert result.out == b""
    # What follows the colon is Python's, and differs by version.
    assert error_lines(result)[0].startswith("%s is not valid JSON: " % config_file)
    assert "hunter22" not in result.err
    assert hint_lines(result) == []
    assert plane.connections == 0


@rule("2.5a", "2.7b")
def test_error_for_a_config_file_that_is_not_json_does_not_carry_its_text(home):
    write_private_file(
        home / ".config" / "plexctl" / "config.json", b'{"profiles": {"lab": {"token": "hunter22"'
    )

    with surroundings(env={HOME: str(home)}):
        with pytest.raises(program.CredentialsError, match="is not valid JSON") as caught:
            program.Transport.from_settings()

    # Python's own error, a JSONDecodeError, has the whole text in its `doc`.
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


@rule("2.5d", "2.7b")
def test_traceback_of_an_unreadable_token_file_does_not_show_what_the_message_hides(home):
    with surroundings(env={HOME: str(home), "PLEXSPHERE_URL": "http://127.0.0.1:1"}):
        with pytest.raises(program.CredentialsError, match="cannot read the token file") as caught:
            program.Transport.from_settings(token_file="hunter22hunter22")

    error = caught.value
    printed = traceback.format_exception(type(error), error, error.__traceback__)
    assert "No such file or directory: 'hunter22" not in "".join(printed)


@rule("2.5a")
@pytest.mark.parametrize(
    "config, fault",
    [
        pytest.param(["hunter22"], "top level: expected an object", id="the config file is a list"),
        pytest.param(
            {"profiles": "hunter22"}, "profiles: expected an object", id="profiles is a string"
        ),
        pytest.param(
            {"profiles": {"lab": "hunter22"}},
            'profile "lab": expected an object',
            id="the profile is a string",
        ),
        # These are false in Python, as null is.
        pytest.param([], "top level: expected an object", id="the config file is an empty list"),
        pytest.param(False, "top level: expected an object", id="the config file is false"),
        pytest.param(0, "top level: expected an object", id="the config file is zero"),
        pytest.param({"profiles": ""}, "profiles: expected an object", id="profiles is empty"),
        pytest.param({"profiles": False}, "profiles: expected an object", id="profiles is false"),
        pytest.param(
            {"profiles": {"lab": 0}},
            'profile "lab": expected an object',
            id="the profile is zero",
        ),
        pytest.param(
            {"profiles": {"lab": []}},
            'profile "lab": expected an object',
            id="the profile is an empty list",
        ),
    ],
)
def test_wrong_type_in_the_config_file_means_exit_3_and_its_place_is_named(
    plane, home, config, fault
):
    config_file = write_config(home, config)

    result = run_with_home(home, plane, ["--profile", "lab"])

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == ["%s: %s" % (config_file, fault)]
    assert hint_lines(result) == []
    assert plane.connections == 0


@rule("2.5a")
@pytest.mark.parametrize(
    "profile, env, error",
    [
        pytest.param(
            {"token": ["hunter22"]},
            {},
            'token of profile "lab": expected a string',
            id="token is a list",
        ),
        pytest.param(
            {"server": 1},
            {"PLEXSPHERE_TOKEN": "x"},
            'server of profile "lab": expected a string',
            id="server is a number",
        ),
    ],
)
def test_wrong_type_in_a_profile_means_exit_3_and_the_profile_is_named(
    plane, home, profile, env, error
):
    write_config(home, {"profiles": {"lab": profile}})

    result = run_with_home(home, plane, ["--profile", "lab"], env)

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == [error]
    assert hint_lines(result) == []
    assert plane.connections == 0


@rule("2.3b", "2.5b")
def test_empty_token_of_a_profile_is_not_a_missing_one(plane, home):
    write_config(home, {"profiles": {"lab": {"server": "http://plane.test", "token": ""}}})

    result = run_with_home(home, plane, ["--profile", "lab"], {"PLEXSPHERE_TOKEN": "x"})

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == [
        "the token is empty, or contains characters other than visible ASCII"
    ]
    assert hint_lines(result) == ['it came from profile "lab"']
    assert plane.connections == 0


@rule("2.3b", "2.6a")
@pytest.mark.parametrize(
    "flags",
    [
        pytest.param([], id="as the server"),
        # The server of the profile also says where its token may go.
        pytest.param(["--server", "http://flag.test"], id="beside --server"),
    ],
)
def test_empty_server_of_a_profile_is_not_a_missing_one(plane, home, flags):
    write_config(home, {"default": "lab", "profiles": {"lab": {"server": "", "token": "x"}}})

    result = run_with_home(home, plane, flags)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [
        'server of profile "lab": expected http(s)://host[:port][/prefix]; it does not begin with https:// or http://'
    ]
    assert hint_lines(result) == ["write it as https://HOST"]
    assert plane.connections == 0


# ---- 2.4: files with secrets

CLOSED_MODES = [0o600, 0o400, 0o700]
#: Modes that give the group or others one permission each, or all of them, and how an error shows the mode.
OPEN_MODES = [
    pytest.param(0o640, "0640", id="0640"),
    pytest.param(0o620, "0620", id="0620"),
    pytest.param(0o610, "0610", id="0610"),
    pytest.param(0o604, "0604", id="0604"),
    pytest.param(0o602, "0602", id="0602"),
    pytest.param(0o601, "0601", id="0601"),
    pytest.param(0o777, "0777", id="0777"),
]


@rule("2.4")
@posix_only
@pytest.mark.parametrize("mode", CLOSED_MODES, ids=oct)
def test_token_file_that_is_closed_to_others_is_accepted(plane, home, mode):
    write_private_file(home / "my-token", TOKEN.encode()).chmod(mode)

    result = run_with_home(home, plane, ["--token-file", "my-token"], {"PLEXSPHERE_URL": plane.url})

    assert result.code == 0
    assert error_lines(result) == []
    assert plane.requests[0].headers["authorization"] == "Bearer " + TOKEN


@rule("2.4")
@posix_only
@pytest.mark.parametrize("mode", CLOSED_MODES, ids=oct)
def test_config_file_that_is_closed_to_others_is_accepted(plane, home, mode):
    config = {"default": "lab", "profiles": {"lab": {"server": plane.url, "token": TOKEN}}}
    write_config(home, config).chmod(mode)

    result = run_with_home(home, plane)

    assert result.code == 0
    assert error_lines(result) == []
    assert plane.requests[0].headers["authorization"] == "Bearer " + TOKEN


@rule("2.4")
@posix_only
@pytest.mark.parametrize("mode, shown", OPEN_MODES)
@pytest.mark.parametrize(
    "name", [pytest.param("my-token", id="file"), pytest.param("link", id="link to a file")]
)
def test_token_file_that_others_can_access_is_refused(plane, home, name, mode, shown):
    write_private_file(home / "my-token", TOKEN.encode()).chmod(mode)
    (home / "link").symlink_to(home / "my-token")

    result = run_with_home(home, plane, ["--token-file", name], {"PLEXSPHERE_URL": plane.url})

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == ["%s is insecure: its mode %s is too open" % (name, shown)]
    assert hint_lines(result) == ["chmod 600 -- " + name]
    assert plane.connections == 0


@rule("2.4")
@posix_only
@pytest.mark.parametrize("mode, shown", OPEN_MODES)
def test_config_file_that_others_can_access_is_refused(plane, home, mode, shown):
    config_file = write_config(
        home, {"default": "lab", "profiles": {"lab": {"server": plane.url, "token": TOKEN}}}
    )
    config_file.chmod(mode)

    result = run_with_home(home, plane)

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == ["%s is insecure: its mode %s is too open" % (config_file, shown)]
    assert hint_lines(result) == ["chmod 600 -- %s" % config_file]
    assert plane.connections == 0


@rule("2.4")
@posix_only
@pytest.mark.parametrize(
    "name, hint",
    [
        pytest.param("-rf", "chmod 600 -- -rf", id="like a flag"),
        pytest.param("it's", """chmod 600 -- 'it'"'"'s'""", id="quote"),
        pytest.param("$HOME", "chmod 600 -- '$HOME'", id="variable"),
        pytest.param("x\ny", ANOTHER_FILE, id="no command is suggested for an unprintable name"),
    ],
)
def test_hint_for_an_insecure_file_can_be_pasted_into_a_shell(plane, home, name, hint):
    write_private_file(home / name, TOKEN.encode()).chmod(0o644)

    result = run_with_home(home, plane, ["--token-file=" + name], {"PLEXSPHERE_URL": plane.url})

    assert result.code == 3
    assert len(error_lines(result)) == 1
    assert hint_lines(result) == [hint]


@rule("2.4")
@posix_only
def test_chmod_is_not_suggested_for_a_device(plane, home):
    result = run_with_home(
        home, plane, ["--token-file", "/dev/null"], {"PLEXSPHERE_URL": plane.url}
    )

    assert result.code == 3
    assert hint_lines(result) == [ANOTHER_FILE]


@rule("2.4")
@posix_only
def test_mode_is_that_of_the_opened_file_even_if_its_name_is_replaced(plane, home, monkeypatch):
    write_private_file(home / "my-token", TOKEN.encode()).chmod(0o644)
    write_private_file(home / "private", b"another file")
    open_file = open

    def open_and_replace(path, *arguments, **options):
        file = open_file(path, *arguments, **options)
        if path == "my-token":
            os.replace(str(home / "private"), "my-token")
        return file

    monkeypatch.setattr(builtins, "open", open_and_replace)

    result = run_with_home(home, plane, ["--token-file", "my-token"], {"PLEXSPHERE_URL": plane.url})

    assert result.code == 3
    assert error_lines(result) == ["my-token is insecure: its mode 0644 is too open"]
    assert not (home / "private").exists()
    assert plane.connections == 0


#: Ids of users. The tests that have root's rights pretend to run as USER.
USER, ANOTHER_USER, ROOT_USER = 65534, 65533, 0
needs_root = pytest.mark.skipif(
    WINDOWS or os.geteuid() != 0, reason="only root can give files to other users"
)


@rule("2.4")
@needs_root
@pytest.mark.parametrize(
    "owner", [pytest.param(USER, id="the user"), pytest.param(ROOT_USER, id="root")]
)
def test_file_of_the_user_or_root_is_accepted(plane, home, monkeypatch, owner):
    path = write_private_file(home / "my-token", TOKEN.encode())
    os.chown(str(path), owner, -1)
    monkeypatch.setattr(os, "geteuid", lambda: USER)

    result = run_with_home(home, plane, ["--token-file", "my-token"], {"PLEXSPHERE_URL": plane.url})

    assert result.code == 0
    assert error_lines(result) == []
    assert plane.requests[0].headers["authorization"] == "Bearer " + TOKEN


@rule("2.4")
@needs_root
@pytest.mark.parametrize(
    "owner, mode, error, hint",
    [
        pytest.param(
            ANOTHER_USER,
            0o600,
            "my-token is insecure: it belongs to another user (uid 65533)",
            "use a file that you own, with mode 0600, or a pipe",
            id="another user's",
        ),
        pytest.param(
            ROOT_USER,
            0o640,
            "my-token is insecure: its mode 0640 is too open",
            "use a file that you own, with mode 0600, or a pipe",
            id="root's, open to others",
        ),
        pytest.param(
            USER,
            0o640,
            "my-token is insecure: its mode 0640 is too open",
            "chmod 600 -- my-token",
            id="the user's own, open to others",
        ),
    ],
)
def test_chmod_is_suggested_only_for_a_file_of_the_user(
    plane, home, monkeypatch, owner, mode, error, hint
):
    path = write_private_file(home / "my-token", TOKEN.encode())
    path.chmod(mode)
    os.chown(str(path), owner, -1)
    monkeypatch.setattr(os, "geteuid", lambda: USER)

    result = run_with_home(home, plane, ["--token-file", "my-token"], {"PLEXSPHERE_URL": plane.url})

    assert result.code == 3
    assert error_lines(result) == [error]
    assert hint_lines(result) == [hint]
    assert plane.connections == 0


@rule("2.4b", "2.5")
@posix_only
def test_pipe_is_accepted_whatever_its_mode(plane, home):
    # As with --token-file <(pass show plexsphere).
    reading, writing = os.pipe()
    os.write(writing, b"  token-of-pipe\r\n")
    os.close(writing)
    os.fchmod(reading, 0o666)
    plane.script(Reply(page()))

    result = run_with_home(
        home, plane, ["--token-file", "/dev/fd/%d" % reading], {"PLEXSPHERE_URL": plane.url}
    )
    os.close(reading)

    assert result.code == 0
    assert result.err == ""
    assert plane.requests[0].headers["authorization"] == "Bearer token-of-pipe"


@rule("2.4c")
def test_token_file_of_64_kib_is_accepted(plane, home):
    data = codecs.BOM_UTF8 + TOKEN.encode()
    write_private_file(home / "token", data.ljust(65536))

    result = run_with_home(home, plane, ["--token-file", "token"], {"PLEXSPHERE_URL": plane.url})

    assert result.code == 0
    assert plane.requests[0].headers["authorization"] == "Bearer " + TOKEN


@rule("2.4c")
def test_token_file_of_more_than_64_kib_is_refused(plane, home):
    data = codecs.BOM_UTF8 + TOKEN.encode()
    write_private_file(home / "token", data.ljust(65537))

    result = run_with_home(home, plane, ["--token-file", "token"], {"PLEXSPHERE_URL": plane.url})

    assert result.code == 3
    assert error_lines(result) == ["token is larger than 64 KiB"]
    assert plane.connections == 0


def write_until_it_breaks(descriptor, size):
    """Write this many bytes into a pipe, or fewer if its reader goes. Return how many, and close the pipe."""
    written = 0
    with contextlib.suppress(BrokenPipeError):
        while written < size:
            written += os.write(descriptor, b"x" * 4096)
    os.close(descriptor)
    return written


@rule("2.4c")
@posix_only
def test_token_file_without_an_end_is_not_read_beyond_its_limit(plane, home):
    reading, writing = os.pipe()

    with ThreadPoolExecutor(1) as pool, open(reading, "rb", buffering=0):
        written = pool.submit(write_until_it_breaks, writing, size=16 << 20)
        result = run_with_home(
            home, plane, ["--token-file", "/dev/fd/%d" % reading], {"PLEXSPHERE_URL": plane.url}
        )

    assert result.code == 3
    assert error_lines(result) == ["/dev/fd/%d is larger than 64 KiB" % reading]
    assert written.result() < 1 << 20


@rule("2.4c")
def test_config_file_of_1_mib_is_accepted(plane, home):
    config = '{"default": "lab", "profiles": {"lab": {"server": "%s", "token": "%s"}}}' % (
        plane.url,
        TOKEN,
    )
    data = codecs.BOM_UTF8 + config.encode()
    write_private_file(home / ".config" / "plexctl" / "config.json", data.ljust(1048576))

    result = run_with_home(home, plane)

    assert result.code == 0
    assert plane.requests[0].headers["authorization"] == "Bearer " + TOKEN


@rule("2.4c")
def test_config_file_of_more_than_1_mib_is_refused(plane, home):
    config = '{"default": "lab", "profiles": {"lab": {"server": "%s", "token": "%s"}}}' % (
        plane.url,
        TOKEN,
    )
    data = codecs.BOM_UTF8 + config.encode()
    config_file = write_private_file(
        home / ".config" / "plexctl" / "config.json", data.ljust(1048577)
    )

    result = run_with_home(home, plane)

    assert result.code == 3
    assert error_lines(result) == ["%s is larger than 1024 KiB" % config_file]
    assert plane.connections == 0


# ---- 2.5: tokens

each_token_source = pytest.mark.parametrize(
    "source", ["--token-file", "PLEXSPHERE_TOKEN", 'profile "lab"']
)


def give_token(home, source, token):
    """Arrange that this token comes from this source. Return the flags and the variables that it needs."""
    if source == "--token-file":
        write_private_file(home / "token", token.encode("utf-8", "surrogateescape"))
        return ["--token-file", "token"], {}
    if source == "PLEXSPHERE_TOKEN":
        return [], {"PLEXSPHERE_TOKEN": token}
    assert source == 'profile "lab"'
    write_config(home, {"profiles": {"lab": {"token": token}}})
    return ["--profile", "lab"], {}


@rule("2.5")
@each_token_source
def test_white_space_around_a_token_is_removed(plane, home, source):
    flags, env = give_token(home, source, "\n\t some-token \r\n")
    plane.script(Reply(page()))

    result = run_with_home(home, plane, flags + ["--server", plane.url], env)

    assert result.code == 0
    assert plane.requests[0].headers["authorization"] == "Bearer some-token"


@rule("2.5")
@each_token_source
def test_token_may_have_any_visible_ascii_characters(plane, home, source):
    token = "!#$%&'()*+,-./0123456789:;<=>?@ABCXYZ[\\]^_`abcxyz{|}~\""
    flags, env = give_token(home, source, token)
    plane.script(Reply(page()))

    result = run_with_home(home, plane, flags + ["--server", plane.url], env)

    assert result.code == 0
    assert plane.requests[0].headers["authorization"] == "Bearer " + token


@rule("2.5", "2.5b")
@each_token_source
@pytest.mark.parametrize(
    "token",
    [
        pytest.param(" \t\r\n", id="only white space"),
        pytest.param("hunter 22", id="space"),
        pytest.param("hunter\n22", id="line feed"),
        pytest.param("hunt\x7f22", id="DEL"),
        pytest.param("~\x1f!", id="control character between ~ and !"),
        pytest.param("hunt\u00e922", id="Latin-1"),
        pytest.param("hunt\udcff22", id="a byte that is not UTF-8"),
    ],
)
def test_token_with_other_characters_than_visible_ascii_means_exit_3(plane, home, source, token):
    flags, env = give_token(home, source, token)

    result = run_with_home(home, plane, flags + ["--server", plane.url], env)

    assert result.code == 3
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert len(hint_lines(result)) == 1
    assert hint_lines(result)[0].endswith(source)
    # Neither the beginning nor the end of the token is shown.
    assert "hunt" not in result.err
    assert "22" not in result.err
    assert plane.connections == 0


@rule("2.5")
@each_token_source
@pytest.mark.parametrize(
    "token",
    [
        pytest.param("Bearer hunter22", id="Bearer"),
        pytest.param("bearer  hunter22 ", id="bearer, two spaces"),
    ],
)
def test_token_that_begins_with_bearer_means_exit_3(plane, home, source, token):
    flags, env = give_token(home, source, token)

    result = run_with_home(home, plane, flags + ["--server", plane.url], env)

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == ['the token begins with "Bearer "']
    assert hint_lines(result) == ['remove the word "Bearer" from the token; it came from ' + source]
    assert plane.connections == 0


@rule("2.5")
@each_token_source
@pytest.mark.parametrize("token", ['"hunter22"', "'hunter22'", '"hunter22'])
def test_token_that_begins_with_a_quotation_mark_means_exit_3(plane, home, source, token):
    flags, env = give_token(home, source, token)

    result = run_with_home(home, plane, flags + ["--server", plane.url], env)

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result) == ["the token begins with a quotation mark"]
    assert hint_lines(result) == [
        "remove the quotation marks around the token; it came from " + source
    ]
    assert "hunter22" not in result.err
    assert plane.connections == 0


@rule("2.5b")
@each_token_source
def test_hint_for_a_401_says_where_the_token_came_from(plane, home, source):
    flags, env = give_token(home, source, "expired-token")
    plane.script(Reply({"detail": "expired"}, 401))

    result = run_with_home(home, plane, flags + ["--server", plane.url], env)

    assert result.code == 3
    assert error_lines(result) == ["HTTP 401 Unauthorized; expired"]
    assert hint_lines(result) == [
        "get a new token: the token from %s is invalid, expired or for another server" % source
    ]


@rule("2.5a", "2.5d")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param("hunter22", id="a word"),
        pytest.param("hunter22/x", id="a slash"),
        pytest.param("token/hunter22", id="below a file"),
        pytest.param("hunter22" * 600, id="too long for a path"),
        pytest.param("hunter22\0", id="NUL"),
        pytest.param(".hunter22", id="a leading dot"),
    ],
)
def test_missing_token_file_means_exit_3_and_what_may_be_a_token_is_hidden(plane, home, path):
    write_private_file(home / "token", TOKEN.encode())

    result = run_with_home(home, plane, ["--token-file", path], {"PLEXSPHERE_URL": plane.url})

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result)[0].startswith("cannot read the token file: ")
    assert "hunter22" not in result.err
    assert plane.connections == 0


@rule("2.5a", "2.5d")
@pytest.mark.parametrize("path", ["./missing", "../missing", "~missing", "folder"])
def test_unreadable_token_file_means_exit_3_and_what_is_a_path_is_shown(plane, home, path):
    (home / "folder").mkdir()

    result = run_with_home(home, plane, ["--token-file", path], {"PLEXSPHERE_URL": plane.url})

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result)[0].startswith("cannot read %s: " % path)
    assert plane.connections == 0


@rule("2.5a", "2.5d")
def test_unreadable_token_file_means_exit_3_and_an_absolute_path_is_shown(plane, home):
    path = str(home / "missing")

    result = run_with_home(home, plane, ["--token-file", path], {"PLEXSPHERE_URL": plane.url})

    assert result.code == 3
    assert result.out == b""
    assert error_lines(result)[0].startswith("cannot read %s: " % path)
    assert plane.connections == 0


# ---- 2.6: servers


@rule("2.2", "2.6", "10.1b")
@pytest.mark.parametrize(
    "url, scheme, host, port, prefix",
    [
        pytest.param(
            "https://plane.test", "https", "plane.test", 443, "", id="default port of https"
        ),
        pytest.param(
            "HTTP://A_b.Test./", "http", "a_b.test.", 80, "", id="upper case, underscore, final dot"
        ),
        pytest.param(
            " https://[2001:DB8::1]:65535/A/b%20c//\n",
            "https",
            "2001:db8::1",
            65535,
            "/A/b%20c",
            id="white space, IPv6, largest port, prefix",
        ),
        pytest.param(
            "http://127.0.0.1:1/~x;y=1,z!$&'()*+:@.-_",
            "http",
            "127.0.0.1",
            1,
            "/~x;y=1,z!$&'()*+:@.-_",
            id="IPv4, smallest port, all characters of a path",
        ),
        pytest.param(
            # 63 characters are the longest label of a name.
            "https://aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg.test:00443",
            "https",
            "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg.test",
            443,
            "",
            id="longest label, zeros before the port",
        ),
    ],
)
def test_server_has_scheme_host_port_and_prefix(url, scheme, host, port, prefix):
    server = program.Server.parse(url)

    assert server.scheme == scheme
    assert server.host == host
    assert server.port == port
    assert server.prefix == prefix


def give_server(home, source, url):
    """Arrange that this server comes from this source. Return the flags and the variables that it needs."""
    if source == "--server":
        return ["--server", url], {}
    if source == "PLEXSPHERE_URL":
        return [], {"PLEXSPHERE_URL": url}
    assert source == 'profile "lab"'
    write_config(home, {"profiles": {"lab": {"server": url}}})
    return ["--profile", "lab"], {}


@rule("2.6", "2.6a", "1.14a")
@pytest.mark.parametrize("source", ["--server", "PLEXSPHERE_URL", 'profile "lab"'])
@pytest.mark.parametrize(
    "url, fault",
    [
        # p4ssw0rd stands for a secret in the wrong place.
        pytest.param("p4ssw0rd", "; it does not begin with https:// or http://", id="a word"),
        pytest.param("//p4ssw0rd", "; it does not begin with https:// or http://", id="no scheme"),
        pytest.param(
            "xhttps://p4ssw0rd", "; it does not begin with https:// or http://", id="another scheme"
        ),
        pytest.param(
            "https:p4ssw0rd", "; it does not begin with https:// or http://", id="no slashes"
        ),
        pytest.param("https:///p4ssw0rd", "", id="three slashes"),
        pytest.param("https://", "", id="no host"),
        pytest.param("https://ann:p4ssw0rd@host", "; it contains user info", id="user info"),
        pytest.param(
            "https://host:p4ssw0rd@x", "; it contains user info", id="user info like a port"
        ),
        pytest.param(
            "https://p4ssw0rd?x", "; it contains a query or a fragment", id="query after the host"
        ),
        pytest.param(
            "https://host/a?p4ssw0rd",
            "; it contains a query or a fragment",
            id="query after the path",
        ),
        pytest.param("https://p4ssw0rd/#f", "; it contains a query or a fragment", id="fragment"),
        pytest.param("https://p4ssw0rd/\x7f", "", id="control character"),
        pytest.param("https://p4ss w0rd", "", id="space"),
        pytest.param("https://p4ss\\w0rd", "", id="backslash"),
        pytest.param("https://p4ssw0r\u00f6", "", id="not ASCII"),
        pytest.param("https://.p4ssw0rd", "", id="empty label at the beginning"),
        pytest.param("https://p4ssw0rd..test", "", id="empty label in the middle"),
        pytest.param(
            "https://p4ssw0rdp4ssw0rdp4ssw0rdp4ssw0rdp4ssw0rdp4ssw0rdp4ssw0rdp4ssw0rd.test",
            "",
            id="label of 64 characters",
        ),
        pytest.param("https://p4ssw0rd:", "", id="empty port"),
        pytest.param("https://p4ssw0rd:x", "", id="port without digits"),
        pytest.param("https://p4ssw0rd:0", "; its port is not between 1 and 65535", id="port 0"),
        pytest.param(
            "https://p4ssw0rd:65536", "; its port is not between 1 and 65535", id="port above 65535"
        ),
        pytest.param(
            "https://host:100000/p4ssw0rd",
            "; its port is not between 1 and 65535",
            id="port of six digits above 65535",
        ),
        pytest.param("https://host:000443", "", id="port of six digits"),
        pytest.param("https://[p4ssw0rd]", "", id="no address in brackets"),
        pytest.param("https://[::1", "", id="bracket without its end"),
        pytest.param("https://::1", "", id="IPv6 without brackets"),
    ],
)
def test_malformed_server_means_exit_2_and_is_not_shown(plane, home, source, url, fault):
    flags, env = give_server(home, source, url)
    named = 'server of profile "lab"' if source == 'profile "lab"' else source

    result = run_with_home(home, plane, flags, env)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ["%s: expected http(s)://host[:port][/prefix]" % named + fault]
    assert len(hint_lines(result)) == 1
    # Neither the beginning nor the end of the secret is shown.
    assert "p4ss" not in result.err
    assert "w0r" not in result.err
    assert plane.connections == 0


# ---- 2.7: what is never shown


@rule("2.7", "2.7a")
@pytest.mark.parametrize(
    "token, sent, shown",
    [
        pytest.param("12345678", "not 12345678.", "not ***.", id="8 characters"),
        pytest.param("1234567", "not 1234567.", "not 1234567.", id="7 characters are not masked"),
        pytest.param("a-token-", "a-token-a-token-a-token-", "*********", id="repeated"),
        pytest.param("a.c.e.g.", "abcdefgh", "abcdefgh", id="a dot stands only for a dot"),
        pytest.param("a/c(e)g.[", "Bearer a/c(e)g.[", "Bearer ***", id="punctuation"),
    ],
)
def test_token_of_8_characters_or_more_is_masked_in_headers_and_errors(plane, token, sent, shown):
    plane.script(Reply({"detail": sent}, 400, [("X-Echo", sent)]))

    result = run_cli(*LIST, "-v", plane=plane, env={"PLEXSPHERE_TOKEN": token})

    assert result.code == 1
    assert error_lines(result) == ["HTTP 400 Bad Request; " + shown]
    assert "< X-Echo: %s\n" % shown in result.err
    assert "> Authorization: ***\n" in result.err


@rule("2.7a")
def test_trace_shows_a_header_whose_name_only_contains_a_secret_one(plane):
    headers = [("Cookie", "hunter22"), ("X-Cookie", "shown-1"), ("Cookie-Policy", "shown-2")]
    plane.script(Reply(page(), headers=headers))

    result = run_cli(*LIST, "-v", plane=plane)

    assert result.code == 0
    assert "< Cookie: ***\n" in result.err
    assert "< X-Cookie: shown-1\n" in result.err
    assert "< Cookie-Policy: shown-2\n" in result.err
    assert "hunter22" not in result.err


@rule("2.7")
@each_token_source
def test_token_from_any_source_is_masked_everywhere_on_stderr(plane, home, source):
    flags, env = give_token(home, source, OTHER_TOKEN)
    flags += [
        "--server",
        plane.url,
        "--action-name",
        OTHER_TOKEN,
        "--cursor",
        "<%s>" % OTHER_TOKEN,
        "-v",
    ]
    plane.script(Reply({"detail": OTHER_TOKEN}, 400))

    result = run_with_home(home, plane, flags, env)

    assert error_lines(result) == ["HTTP 400 Bad Request; ***"]
    assert "action_name=***&" in result.err
    assert "cursor=%3C***%3E" in result.err
    assert OTHER_TOKEN not in result.err


@rule("2.7")
@pytest.mark.parametrize(
    "variable, in_file",
    [
        pytest.param(
            "another-token-0123456789", "12345678-and-more", id="they have nothing in common"
        ),
        # Where one contains the other, the longer one must be masked first: otherwise its remainder would be shown.
        # A token of 8 characters is the shortest that is masked.
        pytest.param(
            "12345678", "12345678-and-more", id="the variable is the beginning of the token"
        ),
        pytest.param(
            "12345678-and-more", "12345678", id="the token is the beginning of the variable"
        ),
        pytest.param("2345678-", "12345678-9", id="the variable is in the middle of the token"),
    ],
)
def test_token_variable_is_masked_beside_the_token_that_is_used(plane, home, variable, in_file):
    write_private_file(home / "token", in_file.encode())
    plane.script(Reply({"detail": "<%s> <%s>" % (variable, in_file)}, 400))

    # White space around a token is removed (2.5).
    env = {"PLEXSPHERE_URL": plane.url, "PLEXSPHERE_TOKEN": " %s\n" % variable}
    result = run_with_home(home, plane, ["--token-file", "token"], env)

    assert error_lines(result) == ["HTTP 400 Bad Request; <***> <***>"]


@rule("2.7")
@pytest.mark.parametrize("offset", range(3800, 3920, 9))
def test_error_is_never_cut_inside_a_token(plane, offset):
    # The error quotes this id after about 100 other characters, and a line is cut after 4,000. The
    # token begins before the cut, across it, or after it.
    wrong_id = "#" * offset + OTHER_TOKEN + "#" * 50
    plane.script(Reply(execution(id=wrong_id)))

    result = run_cli(*GET, plane=plane, env={"PLEXSPHERE_TOKEN": OTHER_TOKEN})

    assert result.code == 1
    assert "####" in result.err
    # Neither the beginning nor the end of the token is shown.
    assert "another" not in result.err
    assert "456789" not in result.err


@rule("2.7b")
def test_repr_shows_no_secret():
    server = program.Server.parse("https://plane.test")
    transport = program.Transport(server, TOKEN, proxy="http://ann:hunter:22@127.0.0.1:1")
    own_objects = [
        value for value in vars(transport).values() if type(value).__module__ == program.__name__
    ]

    shown = repr([transport] + own_objects)

    assert len(own_objects) >= 2  # the server, and what it knows of the proxy
    assert transport.secrets == [TOKEN, "YW5uOmh1bnRlcjoyMg==", "hunter:22"]
    assert TOKEN not in shown
    assert "YW5uOmh1bnRlcjoyMg==" not in shown  # base64 of ann:hunter:22
    assert "hunter:22" not in shown
