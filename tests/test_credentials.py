"""Section 2: where server and token come from, and what is refused."""

import json
import os

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN, ControlPlane, Reply
from kit import LIST, run_cli

OTHER = "another-token-0123456789"


class Home:
    """A home directory with a config file."""

    def __init__(self, path):
        self.path = path
        self.config = path / ".config" / "plexctl" / "config.json"

    def write(self, document, mode=0o600, where=None):
        """Write the config file; where: below another folder than ~/.config."""
        file = self.config if where is None else where / "plexctl" / "config.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(document if isinstance(document, str) else json.dumps(document))
        file.chmod(mode)

    def profile(self, plane, token=TOKEN, name="lab"):
        """Write a config with one profile, which is the default."""
        self.write({"default": name, "profiles": {name: {"server": plane.url, "token": token}}})

    def run(self, *argv, env=None, **options):
        return run_cli(*LIST + argv, env=dict({"HOME": str(self.path)}, **(env or {})), **options)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    return file


def bearer(plane):
    """The token that the last request carried."""
    return plane.requests[-1].headers["authorization"]


def test_environment(plane, home):
    assert home.run(plane=plane).code == 0


def test_default_profile(plane, home):
    home.profile(plane)
    assert home.run().code == 0 and bearer(plane) == "Bearer " + TOKEN


def test_named_profile_goes_before_the_environment(plane, home):
    home.profile(plane)
    env = {"PLEXSPHERE_URL": "https://elsewhere.invalid", "PLEXSPHERE_TOKEN": OTHER}
    assert home.run("--profile", "lab", env=env).code == 0


def test_environment_goes_before_the_default_profile(plane, home):
    with ControlPlane() as other:
        home.profile(other, OTHER)
        assert home.run(plane=plane).code == 0 and not other.requests


def test_flags_go_before_all(plane, home, token_file):
    with ControlPlane() as other:
        home.profile(other, OTHER)
        env = {"PLEXSPHERE_URL": other.url, "PLEXSPHERE_TOKEN": OTHER}
        argv = ("--profile", "lab", "--server", plane.url, "--token-file", str(token_file))
        assert home.run(*argv, env=env).code == 0 and not other.requests


@pytest.mark.parametrize("profile", [{"server": None}, {"token": None}, {}])
def test_server_and_token_are_resolved_apart(plane, home, profile):
    whole = dict({"server": plane.url, "token": TOKEN}, **profile)
    home.write({"profiles": {"lab": {key: value for key, value in whole.items() if value}}})
    assert home.run("--profile", "lab", plane=plane).code == 0


def test_named_profile_without_a_token_falls_to_the_default_profile(plane, home):
    home.write({"default": "b", "profiles": {"a": {"server": plane.url}, "b": {"token": TOKEN}}})
    result = home.run("--profile", "a")
    assert result.code == 0 and result.err.startswith('warning: the token of profile "b"')


def test_empty_environment_counts_as_unset(plane, home):
    home.profile(plane)
    assert home.run(env={"PLEXSPHERE_URL": "", "PLEXSPHERE_TOKEN": ""}).code == 0


@pytest.mark.parametrize("server, warned", [("https://prod.example", True), (None, True), ("http://user@x/", True), ("same", False)])
def test_profile_token_to_another_server_warns(plane, home, server, warned):
    profile = {"token": TOKEN, "server": plane.url + "/" if server == "same" else server}
    home.write({"default": "prod", "profiles": {"prod": profile}})
    result = home.run("--server", plane.url)
    assert result.code == 0 and ("warning: " in result.err) is warned
    assert not warned or plane.url in result.err and '"prod"' in result.err


def test_config_below_xdg_config_home(plane, home, tmp_path):
    home.write({"default": "x", "profiles": {"x": {"server": plane.url, "token": TOKEN}}}, where=tmp_path / "xdg")
    home.write("no json")
    assert home.run(env={"XDG_CONFIG_HOME": str(tmp_path / "xdg")}).code == 0


@pytest.mark.parametrize("xdg", ["", "relative", "/no/such/folder"])
def test_unusable_xdg_config_home_falls_to_home(plane, home, xdg):
    home.profile(plane)
    assert home.run(env={"XDG_CONFIG_HOME": xdg}).code == 0


def test_config_is_not_opened_when_nothing_is_needed_from_it(plane, home, token_file):
    home.write("no json", mode=0o666)
    assert home.run("--profile", "lab", "--server", plane.url, "--token-file", str(token_file)).code == 0
    assert home.run(plane=plane).code == 0


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_insecure_token_file_is_3_and_names_the_cure(plane, home, token_file, mode):
    token_file.chmod(mode)
    result = home.run("--token-file", str(token_file), plane=plane)
    assert (result.code, plane.requests) == (3, [])
    assert str(token_file) in result.err and "%04o" % mode in result.err and "\nhint: chmod 600 " in result.err


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_private_token_file_passes(plane, home, token_file, mode):
    token_file.chmod(mode)
    assert home.run("--token-file", str(token_file), plane=plane, env={"PLEXSPHERE_TOKEN": OTHER}).code == 0


def test_mode_is_that_of_the_opened_file_not_of_the_link(plane, home, token_file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(token_file)
    assert home.run("--token-file", str(link), plane=plane).code == 0
    token_file.chmod(0o644)
    assert home.run("--token-file", str(link), plane=plane).code == 3


def test_insecure_config_is_3(plane, home):
    home.profile(plane)
    home.config.chmod(0o644)
    result = home.run()
    assert result.code == 3 and "chmod 600 %s" % home.config in result.err


def test_token_through_a_pipe(plane, home):
    reader, writer = os.pipe()
    os.write(writer, b"  %s\r\n" % TOKEN.encode())
    os.close(writer)
    try:
        result = home.run("--token-file", "/dev/fd/%d" % reader, plane=plane, env={"PLEXSPHERE_TOKEN": ""}, pass_fds=[reader])
    finally:
        os.close(reader)
    assert result.code == 0


@pytest.mark.parametrize("data, says", [
    (b"", "empty"), (b" \t\r\n", "empty"), (b"two words", "visible ASCII"), (b"line\nline", "visible ASCII"), (b"caf\xc3\xa9", "visible ASCII"),
    (b"\xff\xfe", "UTF-8"), (b"a\0b", "visible ASCII"), (b"\xef\xbb\xbftoken", "visible ASCII"), (b"x" * (64 * 1024 + 1), "64 KiB")])
def test_malformed_token_file_is_3(plane, home, token_file, data, says):
    token_file.write_bytes(data)
    result = home.run("--token-file", str(token_file), plane=plane)
    assert (result.code, plane.requests) == (3, []) and says in result.err


@pytest.mark.parametrize("token", [" ", "two words", "caf\u00e9", "a\x7fb"])
def test_malformed_token_in_the_environment_is_3(plane, home, token):
    assert home.run(plane=plane, env={"PLEXSPHERE_TOKEN": token}).code == 3


def test_token_is_stripped(plane, home):
    assert home.run(plane=plane, env={"PLEXSPHERE_TOKEN": "\n %s\t\n" % TOKEN}).code == 0
    assert bearer(plane) == "Bearer " + TOKEN


@pytest.mark.parametrize("path", ["no/such/file", ".", "a\nb"])
def test_unreadable_token_file_is_3(plane, home, path):
    result = home.run("--token-file", path, plane=plane)
    assert result.code == 3 and result.err.startswith("error: ") and result.err.count("\n") == 1 + ("hint:" in result.err)


@pytest.mark.parametrize("config, says", [
    ("", "JSON"), ("{", "JSON"), ("[]", "object"), ('"x"', "object"), ("[" * 100000, "JSON"), ("\x00", "JSON"),
    ({"default": 1}, "string"), ({"default": "lab"}, "no profile"), ({"default": "lab", "profiles": []}, "object"),
    ({"default": "lab", "profiles": {"lab": 1}}, "object"), ({"default": "lab", "profiles": {"lab": {"server": 1}}}, "string"),
    ({"default": "lab", "profiles": {"lab": {"server": "https://h", "token": ["x"]}}}, "string"),
    ({"default": "lab", "profiles": {"lab": {"server": "https://h", "token": ""}}}, "empty"),
    ({"default": "lab", "profiles": {"lab": {"server": "https://h", "token": "a b"}}}, "visible ASCII"),
    (" " * (1 << 20) + "{}", "1024 KiB")])
def test_malformed_config_is_3(home, config, says):
    home.write(config)
    result = home.run()
    assert result.code == 3 and says in result.err


@pytest.mark.parametrize("config", [{}, {"profiles": {}}, {"default": "b", "profiles": {"b": {}}}, None])
def test_unknown_profile_is_3(plane, home, config):
    if config is not None:
        home.write(config)
    result = home.run("--profile", "nowhere", plane=plane)
    assert result.code == 3 and '"nowhere"' in result.err


def test_no_token_is_3_whether_or_not_a_server_is_known(plane, home):
    assert home.run().code == 3
    assert home.run(env={"PLEXSPHERE_URL": plane.url}).code == 3


def test_token_without_server_is_2(home):
    result = home.run(env={"PLEXSPHERE_TOKEN": TOKEN})
    assert result.code == 2 and "no server" in result.err and result.err.startswith("usage: ")


@pytest.mark.parametrize("server", [
    "host", "ftp://host", "https://", "https:///x", "https://u:p4ssw0rd@host", "https://host?x", "https://host/#f", "https://host:0",
    "https://host:65536", "https://host:x", "https://host:", "https://ho st", "https://host\n", "https://h\u00f6st", "//host", "https:host",
    "https://[::1", "https://::1", "https://host/a?b", "https://u@host", "https://host/\x7f", "https://ho\\st"])
@pytest.mark.parametrize("source", ["--server", "PLEXSPHERE_URL"])
def test_bad_server_is_2_before_credentials_are_looked_for(home, server, source):
    result = home.run("--server", server) if source == "--server" else home.run(env={source: server})
    assert result.code == 2 and source in result.err and "p4ssw0rd" not in result.err


@pytest.mark.parametrize("spelling", ["{url}", "{url}/", "HTTP{rest}", "{url}/prefix/", "http://LocalHost:{port}"])
def test_server_spellings(plane, home, spelling):
    server = spelling.format(url=plane.url, rest=plane.url[4:], port=plane.url.rsplit(":", 1)[1])
    home.run("--server", server, plane=plane)
    assert plane.requests[0].target.startswith("/prefix/v1/" if "prefix" in spelling else "/v1/")


def test_short_token_is_not_masked_in_other_words(plane, home):
    result = home.run("-v", plane=plane, env={"PLEXSPHERE_TOKEN": "ert"})
    assert "the cert" not in result.err and "> Accept: application/json" in result.err and "***" in result.err


def test_echoed_token_is_masked_on_stderr(plane, home):
    plane.script(Reply({"title": "bad " + TOKEN, "detail": "Bearer " + TOKEN}, 400, [("X-Echo", TOKEN), ("Set-Cookie", "k=v1")]))
    result = home.run("-v", "--action-name", TOKEN, plane=plane)
    assert result.code == 1 and "bad ***" in result.err and "X-Echo: ***" in result.err and "v1" not in result.err.split("Set-Cookie")[1].split("\n")[0]


def test_token_that_looks_like_user_info_is_masked_whole(plane, home):
    token = "aaaaaaaaaaaa//bbbbbb@cccccccccccc"
    plane.script(Reply({"title": "no", "detail": "not " + token}, 400))
    result = home.run(plane=plane, env={"PLEXSPHERE_TOKEN": token})
    assert "; not ***\n" in result.err and "aaaa" not in result.err and "cccc" not in result.err


def test_words_that_are_no_command_are_not_quoted(home):
    for word in ("https://ann:hunter2@host", TOKEN):
        assert word not in home.run(word).err and word not in run_cli(word, "--project", "x").err


def test_config_below_a_relative_xdg_config_home_is_not_read(plane, home, tmp_path):
    home.write("no json", where=tmp_path / "relative")
    home.profile(plane)
    assert home.run(env={"XDG_CONFIG_HOME": "relative"}, cwd=str(tmp_path)).code == 0


def test_profile_token_to_another_port_warns(plane, home):
    with ControlPlane() as other:
        home.profile(other)
        assert "warning: " in home.run("--server", plane.url).err


def test_secret_files_are_read_to_their_limit(tmp_path):
    file = tmp_path / "token"
    file.write_bytes(b"x" * 1000)
    file.chmod(0o600)
    assert len(program.read_private_file(str(file), 1000)) == 1000
    with pytest.raises(program.CredentialsError):
        program.read_private_file(str(file), 999)


def test_token_of_eight_characters_is_masked(plane, home):
    plane.script(Reply({"title": "no", "detail": "not 12345678"}, 400))
    assert "; not ***\n" in home.run(plane=plane, env={"PLEXSPHERE_TOKEN": "12345678"}).err


def test_single_dash_is_a_value(plane, home):
    result = home.run("--profile", "-", plane=plane)
    assert result.code == 3 and '"-"' in result.err
