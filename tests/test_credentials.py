"""Section 2: where server and token come from, what is refused, and what is never shown."""

import codecs
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN
from kit import (HOME, LIST, WINDOWS, error_lines, page, posix_only, read_mode, rule, run_against, run_cli, shorten_id,
                 surroundings)
from server import Reply

OTHER = "another-token-0123456789"
NOBODY = 65534
needs_root = pytest.mark.skipif(WINDOWS or os.geteuid() != 0, reason="needs root, who alone gives files to other users")


class Home:
    """A home directory. Its config file, and a token file, are written by its methods."""

    def __init__(self, path):
        self.path, self.token_file = path, path / "token"
        self.config = path / ".config" / "plexctl" / "config.json"

    def write(self, document, mode=0o600, base=None):
        """Write the config file, below another folder than ~/.config if `base` says so."""
        file = (base or self.path / ".config") / "plexctl" / "config.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        file.chmod(mode)

    def write_profile(self, url, token=TOKEN, default="lab", **options):
        """Write a config file whose default is the profile lab. It also has a profile without a name."""
        profile = {"server": url, "token": token}
        self.write({"default": default, "profiles": {"": profile, "lab": profile}}, **options)

    def write_token(self, token, mode=0o600):
        """Write the token file, and return the flag that names it."""
        self.token_file.write_bytes(token if isinstance(token, bytes) else token.encode("utf-8", "surrogateescape"))
        self.token_file.chmod(mode)
        return "--token-file=%s" % self.token_file

    def run(self, *argv, env=None, **options):
        return run_cli(*LIST + argv, env=dict({HOME: str(self.path)}, **(env or {})), **options)

    def run_with(self, source, token, plane, *argv):
        """Run against the plane with a token that comes from --token-file, PLEXSPHERE_TOKEN or a profile."""
        self.write_profile(plane.url, token if "profile" in source else None)
        argv += (self.write_token(token),) if source == "--token-file" else ()
        return self.run(*argv, env={"PLEXSPHERE_TOKEN": token if source == "PLEXSPHERE_TOKEN" else ""})


each_source = pytest.mark.parametrize("source", ["--token-file", "PLEXSPHERE_TOKEN", 'profile "lab"'])


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def read_bearers(plane):
    """Return the token of each request that came."""
    return [asked.headers["authorization"].partition("Bearer ")[2] for asked in plane.requests]


# ---- 2.1, 2.2: which server and which token

def take(has):
    """Return what section 2 says of sources that have a server (s), a token (t) or both (st): an exit code, or the
    sources of server and token."""
    order = ["flag", "environ", "default"] if has["named"] is None else ["flag", "named", "environ"]
    server, token = [next((source for source in order if letter in has[source]), None) for letter in "st"]
    if token is None:
        return 3
    if server is None:
        return 2
    elsewhere = token in ("named", "default") and "s" in has[token] and server != token
    return 3 if elsewhere else (server, token)


@rule("2.1", "2.1a", "2.1b", "2.2", "2.6", "2.6a", "2.3b")
@pytest.mark.parametrize("named", [None, "", "s", "t", "st"], ids="named={}".format)
@pytest.mark.parametrize("flag", ["", "s", "t", "st"], ids="flag={}".format)
def test_server_and_token_each_come_from_the_first_source_with_one(plane, home, flag, named):
    def members(source):
        whole = {"s": ("server", "%s/%s" % (plane.url, source)), "t": ("token", "token-of-" + source)}
        return dict(whole[letter] for letter in has[source] or "")

    has = {"flag": flag, "named": named}
    for has["environ"], has["default"] in itertools.product(["", "s", "t", "st"], repeat=2):
        home.write({"default": "d", "profiles": {"n": members("named"), "d": members("default")}})
        argv = ("--profile", "n") * (named is not None) + ("--server", plane.url + "/flag") * ("s" in flag)
        argv += (home.write_token("token-of-flag"),) * ("t" in flag)
        env = {"PLEXSPHERE_URL": members("environ").get("server", ""),
               "PLEXSPHERE_TOKEN": members("environ").get("token", "")}
        del plane.requests[:]
        plane.answers.clear()
        plane.script(Reply(page()))
        code, expected = home.run(*argv, env=env).code, take(has)
        if isinstance(expected, int):
            assert (code, plane.requests) == (expected, []), has
        else:
            pair = plane.requests[0].target.split("/")[1], read_bearers(plane)[0].replace("token-of-", "")
            assert (code, pair) == (0, expected), has


@rule("2.1", "2.2", "2.2b", "2.2c", "2.2d")
@pytest.mark.parametrize("source, profile", [
    ("--server", ()), ("PLEXSPHERE_URL", ()), ("--server", ("--profile", "lab"))])
def test_token_for_another_server_exits_3_and_the_hint_explains(plane, home, source, profile):
    home.write_profile("https://prod.example/api")
    argv = profile + ("--server", plane.url) * (source == "--server")
    env = {"PLEXSPHERE_URL": "" if source == "--server" else plane.url, "PLEXSPHERE_TOKEN": OTHER if profile else ""}
    result = home.run(*argv, env=env)
    assert (result.code, result.out, plane.requests) == (3, b"", [])
    error, hint = error_lines(result) + error_lines(result, "hint")
    assert all(part in error for part in ('profile "lab"', "https://prod.example/api", plane.url))
    assert "came from %s;" % source in hint
    assert "--token-file" in hint and "leave out --server" in hint
    assert ["PLEXSPHERE_TOKEN" in hint, "unset PLEXSPHERE" in hint] == [not profile] * 2


@rule("2.3f")
def test_empty_server_of_a_profile_whose_token_is_used_exits_2(plane, home):
    home.write_profile("")
    assert home.run("--server", plane.url).code == 2


@rule("2.2a", "2.6g", "2.6d")
@pytest.mark.parametrize("own, asked, code", [
    ("http://localhost:1/", "HTTP://LOCALHOST:1", 1), ("http://127.0.0.1:1/A/", " http://127.0.0.1:1/A\n", 1),
    ("http://127.0.0.1", "http://127.0.0.1:80/", 1), ("https://127.0.0.1:443", "https://127.0.0.1", 1),
    ("http://127.0.0.1:1/A", "http://127.0.0.1:1/a", 3), ("http://127.0.0.1:1", "http://127.0.0.1:2", 3),
    ("http://127.0.0.1:1", "http://127.0.0.1:1/prefix", 3), ("http://localhost:1", "http://127.0.0.1:1", 3),
    ("http://127.0.0.1:443", "https://127.0.0.1:443", 3), ("http://ann:hunter22@127.0.0.1:1", "http://127.0.0.1:1", 2)])
def test_servers_are_compared_after_parsing(home, own, asked, code):
    home.write_profile(own)
    result = home.run("--server", asked)
    assert result.code == code, result.err      # 1: nobody listens there
    assert "hunter22" not in result.err and (code == 2) == ('error: the server of profile "lab": ' in result.err)


# ---- 2.3: the config file

@rule("2.3", "2.3a")
@pytest.mark.parametrize("home_is, xdg, found", [
    ("{}", None, ".config"), ("{}", "", ".config"), ("{}", "relative", ".config"), ("{}", "{}/none", ".config"),
    ("{}", "{}/xdg", "xdg"), ("{}", "{}/folder", None), ("", "{}/xdg", "xdg"), ("", None, None),
    ("relative", None, None), ("~", None, None), pytest.param(None, None, ".config", marks=posix_only)])
def test_config_file_is_searched_in_absolute_paths_only(plane, home, tmp_path, monkeypatch, home_is, xdg, found):
    """`found` is the folder of the config file that is used. Each has a token of its own."""
    monkeypatch.chdir(str(tmp_path))
    if home_is is None:         # change the machine's database, not the program
        import pwd
        user = pwd.struct_passwd(("someone", "x", os.getuid(), os.getgid(), "", str(home.path), "/bin/sh"))
        monkeypatch.setattr(pwd, "getpwuid", lambda uid: user)
    for base in (".config", "xdg", "relative", "relative/.config", "~/.config"):
        home.write_profile(plane.url, "token-of-" + base, base=tmp_path / base)
    (tmp_path / "folder" / "plexctl" / "config.json").mkdir(parents=True)       # what cannot be read is not passed over
    plane.script(Reply(page()))
    env = {HOME: home_is and home_is.format(tmp_path), "XDG_CONFIG_HOME": xdg and xdg.format(tmp_path)}
    result = home.run("--profile", "lab", env=env)
    assert (result.code, read_bearers(plane)) == ((0, ["token-of-" + found]) if found else (3, []))
    # An empty HOME is not the root directory. Where there is no place to look at, the message still makes sense.
    assert " /.config" not in result.err
    assert not re.search("error:  | \n", result.err)


@rule("8.5a", "8.5e")
@pytest.mark.skipif(not WINDOWS, reason="is about Windows alone")
def test_on_windows_home_is_ignored_and_modes_are_not_checked(plane, home, tmp_path):
    home.write_profile(plane.url, mode=0o666)
    home.write(b"no JSON", base=tmp_path / "unix" / ".config")
    assert home.run(env={"HOME": str(tmp_path / "unix")}).code == 0


@rule("2.3c", "2.3g")
def test_unneeded_config_file_is_not_opened(plane, home):
    home.write(b"no JSON", mode=0o666)
    assert home.run("--profile", "x", "--server", plane.url, home.write_token(TOKEN)).code == 0
    assert home.run(plane=plane).code == 0
    assert home.run("--profile", "x", plane=plane).code == 3
    assert home.config.read_bytes() == b"no JSON"
    assert os.listdir(str(home.config.parent)) == ["config.json"]


@rule("2.3d")
@pytest.mark.parametrize("members", [
    {"default": 1}, {"default": "nowhere"}, {"profiles": {"x": 1}}, {"profiles": {"x": {"token": 1}}}, {"more": [1]}],
    ids=json.dumps)
def test_only_used_parts_of_the_config_file_are_checked(plane, home, members):
    lab = {"lab": {"server": plane.url, "token": TOKEN, "more": 1}, "tokenless": {"server": plane.url, "token": {}}}
    home.write(dict(members, profiles=dict(members.get("profiles", {}), **lab)))
    assert home.run("--profile", "lab").code == 0
    assert home.run("--profile", "tokenless", home.write_token(TOKEN)).code == 0
    home.write({"profiles": "x"})
    assert home.run(env={"PLEXSPHERE_TOKEN": TOKEN}).code == 2      # no server


#: Config files for `--profile lab`. hunter22 stands for a secret.
MALFORMED_CONFIGS = {
    "nothing": b"", "a brace": b"{", "too deep": b"[" * 100000, "a list": ["hunter22"], "a string": "hunter22",
    "profiles: list": {"profiles": ["hunter22"]}, "profiles: string": {"profiles": "hunter22"},
    "profiles: null": {"profiles": None}, "no such profile": {"profiles": {"LAB": {}}},
    "profile: number": {"profiles": {"lab": 1}}, "profile: string": {"profiles": {"lab": "hunter22"}},
    "token: list": {"profiles": {"lab": {"token": ["hunter22"]}}}, "token: empty": {"profiles": {"lab": {"token": ""}}},
    "token: number": {"profiles": {"lab": {"token": 12345678}}}, "server: number": {"profiles": {"lab": {"server": 1}}}}


@rule("2.5c")
@pytest.mark.parametrize("case", sorted(MALFORMED_CONFIGS))
def test_malformed_config_file_exits_3_despite_the_environment(plane, home, case):
    home.write(MALFORMED_CONFIGS[case])
    result = home.run("--profile", "lab", plane=plane)
    assert (result.code, plane.requests, len(error_lines(result))) == (3, [], 1)
    assert "hunter22" not in result.err
    assert ('profile "lab"' if case.startswith(("token: ", "server: ")) else str(home.config)) in result.err


@rule("2.3e", "2.5a", "2.6", "2.6a", "2.6b")
@pytest.mark.parametrize("config, argv, token, code, lacks", [
    (None, (), "", 3, "there is no config file"), ({}, (), "", 3, "{} has no default profile"),
    ({}, (), TOKEN, 2, "{} has no default profile"),
    ({"default": None, "profiles": None}, (), "", 3, "{} has no default profile"),
    ({"default": "lab", "profiles": {"lab": {"token": "x", "server": None}}}, (), "", 2, 'profile "lab" has no server'),
    ({"profiles": {"lab": None}}, ("--profile", "lab"), "", 3, 'profile "lab" has no token'),
    ({"profiles": {"lab": {}}}, ("--profile", "lab"), TOKEN, 2, 'profile "lab" has no server')],
    ids=["no file", "empty", "token alone", "all null", "server null", "named", "named, token alone"])
def test_missing_token_exits_3_missing_server_2_and_the_hint_says_why(
        home, config, argv, token, code, lacks):
    if config is not None:
        home.write(config)
    result = home.run(*argv, env={"PLEXSPHERE_TOKEN": token})
    assert result.code == code
    assert error_lines(result) == ["no token" if code == 3 else "no server"]
    assert config is not None or os.listdir(str(home.path)) == []       # and it makes none
    hint, = error_lines(result, "hint")
    assert hint.startswith("pass --%s, set PLEXSPHERE_" % ("token-file" if code == 3 else "server"))
    assert hint.endswith("; " + lacks.format(home.config))


@rule("2.3f", "2.5c", "2.5e")
@pytest.mark.parametrize("name", ["hunter22", "LAB", "lab ", "hunter22\n", "", 1, [], {}], ids=ascii)
def test_unknown_profile_exits_3_and_the_hint_lists_known_ones(plane, home, name):
    home.write_profile(plane.url, default=name)
    for argv in ([], ["--profile=%s" % name])[:1 + bool(name)]:
        result = home.run(*argv)
        assert (result.code, plane.requests) == (3, [])
        assert str(home.config) in error_lines(result)[0] and bool(argv) == (" given " in error_lines(result)[0])
        assert error_lines(result, "hint")[0].split()[-1] == "lab"
        assert not re.search("hunter22|LAB", result.err)


# ---- 2.4: files that others can read or have made

@rule("2.4", "2.4b", "2.4c")
@posix_only
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o777], ids=oct)
def test_file_accessible_to_others_exits_3_and_names_mode_and_chmod(plane, home, mode):
    home.write_profile(plane.url, mode=mode)
    home.write_token(TOKEN, mode)
    (home.path / "link").symlink_to(home.token_file)
    is_bad = bool(mode & 0o77)
    for path in (home.token_file, home.path / "link", home.config):
        argv = () if path == home.config else ("--token-file", str(path))
        result = home.run(*argv, env={"PLEXSPHERE_URL": plane.url})
        assert result.code == 3 * is_bad
        assert (" mode %04o " % mode in "".join(error_lines(result))) == is_bad
        assert ("chmod 600 -- %s" % path in error_lines(result, "hint")) == is_bad == (not plane.requests)
        del plane.requests[:]


@rule("2.4c")
@posix_only
@pytest.mark.parametrize("name, is_cured", [
    ("-rf", True), ("a b", True), ("it's", True), ("$HOME", True), ("x\ny", False), ("/dev/null", False)],
    ids=ascii)
def test_chmod_hint_is_for_files_only_and_is_shell_quoted(home, tmp_path, monkeypatch, name, is_cured):
    monkeypatch.chdir(str(tmp_path))
    home.write_token(TOKEN, 0o644)
    if name != "/dev/null":
        home.token_file.rename(name)
    result = home.run("--token-file=" + name, env={"PLEXSPHERE_URL": "http://127.0.0.1:1"})
    assert result.code == 3
    assert ("chmod" in result.err) == is_cured
    if is_cured:
        assert subprocess.call(["sh", "-c", error_lines(result, "hint")[0]]) == 0
        assert read_mode(name) == 0o600


def make_pipe(data):
    """Return the reading end of a pipe that holds this, and its path."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    return reading, "/dev/fd/%d" % reading


@rule("2.4a", "2.4b", "2.4e")
@needs_root
@pytest.mark.parametrize("what", ["token", "config", "pipe"])
def test_file_of_another_user_exits_3_and_names_the_owner(plane, home, monkeypatch, what):
    home.write_profile(plane.url)
    home.write_token(TOKEN)
    reading, pipe = make_pipe(TOKEN.encode())
    path = {"token": str(home.token_file), "config": str(home.config), "pipe": pipe}[what]
    argv = () if what == "config" else ("--token-file", path)
    with monkeypatch.context() as patch:        # root's files are accepted from everybody
        patch.setattr(os, "geteuid", lambda: NOBODY)
        assert home.run(*argv, env={"PLEXSPHERE_URL": plane.url}).code == 0
    os.chown(path, NOBODY, -1)
    result = home.run(*argv, env={"PLEXSPHERE_URL": plane.url})
    os.close(reading)
    assert (result.code, len(plane.requests)) == (3, 1)
    assert "chmod" not in result.err
    assert path in error_lines(result)[0] and "(uid %d)" % NOBODY in error_lines(result)[0]


@rule("2.4a")
@needs_root
def test_non_root_user_may_use_their_own_token_file(plane):
    with tempfile.TemporaryDirectory() as folder:       # pytest's folder lets nobody else in
        argv = Home(pathlib.Path(folder)).write_token(TOKEN)
        assert run_cli(*LIST + (argv,), plane=plane).code == 0      # imports all that nobody could not read later
        for path in (folder, os.path.join(folder, "token")):
            os.chown(path, NOBODY, -1)
        os.seteuid(NOBODY)
        try:
            result = run_cli(*LIST + (argv,), plane=plane, env={"PLEXSPHERE_TOKEN": OTHER})
        finally:
            os.seteuid(0)
    assert result.code == 0
    assert read_bearers(plane) == [TOKEN] * 2


@rule("2.4e")
@posix_only
def test_own_pipe_is_accepted_whatever_its_mode(plane, home):
    reading, path = make_pipe(b"  %s\r\n" % TOKEN.encode())     # as the shell makes it for <(pass show plexsphere)
    os.fchmod(reading, 0o666)
    result = home.run("--token-file", path, plane=plane, env={"PLEXSPHERE_TOKEN": OTHER})
    os.close(reading)
    assert result.code == 0
    assert read_bearers(plane) == [TOKEN]


@rule("2.4d")
@posix_only
@pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy tells nobody of its calls of open()")
@pytest.mark.parametrize("event, code", [("c_call", 3), ("c_return", 0)], ids=["replaced before open()", "after it"])
def test_opened_file_is_checked_not_its_name(plane, home, tmp_path, event, code):
    home.write_token(TOKEN, 0o644)
    home.token_file.rename(tmp_path / "later")
    argv, pending = home.write_token(TOKEN), [tmp_path / "later"]

    def watch(frame, happened, function):
        """Replace the file once, just before (c_call) or after (c_return) this thread calls open()."""
        if happened == event and pending and getattr(function, "__name__", "") == "open":
            pending.pop().replace(home.token_file)

    sys.setprofile(watch)
    try:
        result = home.run(argv, env={"PLEXSPHERE_URL": plane.url})
    finally:
        sys.setprofile(None)
    assert (result.code, len(plane.requests), pending) == (code, 0 if code else 1, [])


@rule("2.4f", "8.6")
@pytest.mark.parametrize("extra", [0, 1])
def test_token_file_is_limited_to_64_kib_and_config_file_to_1_mib(plane, home, extra):
    home.write_profile(plane.url)
    home.write((codecs.BOM_UTF8 + home.config.read_bytes()).ljust((1 << 20) + extra, b" "))
    argv = home.write_token((codecs.BOM_UTF8 + TOKEN.encode()).ljust((64 << 10) + extra, b"\n"))
    for flags, limit in ((argv, "64 KiB"), ("--verbose", "1024 KiB")):
        result = home.run(flags, env={"PLEXSPHERE_URL": plane.url})
        assert result.code == 3 * extra
        assert (limit in "".join(error_lines(result))) == bool(extra)


@rule("2.4f")
@posix_only
def test_endless_file_is_read_only_to_the_limit(plane, home):
    writer = subprocess.Popen(["head", "-c", str(16 << 20), "/dev/zero"], stdout=subprocess.PIPE)
    result = home.run("--token-file", "/dev/fd/%d" % writer.stdout.fileno(), plane=plane)
    writer.stdout.close()
    assert writer.wait() != 0 and "64 KiB" in result.err        # it could not write it all


# ---- 2.5, 2.6: tokens, files and servers that cannot be used

@rule("2.5", "2.5a", "2.5b", "2.5d")
@pytest.mark.parametrize("token, sent", [
    ("\n\t %s \r\n" % TOKEN, TOKEN), ("!~", "!~"), (" \t\r\n", None), ("hunter 22", None), ("hunter\n22", None),
    ("hunt\u00e922", None), ("hunt\udcff22", None), ("hunt\x7f22", None), ("hunt\x0122", None), ("hunt22\ufeff", None),
    ("Bearer hunter22", None), ("bearer  hunter22", None)], ids=ascii)
@each_source
def test_token_is_stripped_and_must_be_visible_ascii(plane, home, source, token, sent):
    plane.script(Reply(page()))
    result = home.run_with(source, token, plane)
    assert (result.code, read_bearers(plane)) == ((0, [sent]) if sent else (3, []))
    assert "hunt" not in result.err and ("earer" in token) == bool(re.search('with "Bearer "\n.*remove', result.err))
    assert sent or "it came from %s" % source in error_lines(result, "hint")[0]


@rule("2.5c", "2.5f")
@pytest.mark.parametrize("name, is_shown", [
    ("hunter22", False), ("hunter22/x", False), ("token/hunter22", False), ("hunter22" * 600, False),
    ("hunter22\u20ac", False), ("hunter22\0", False), (".hunter22", False), ("./hunter22", True),
    ("../hunter22", True), ("~hunter22", True), ("{}/hunter22", True), ("folder", True)], ids=shorten_id)
def test_unreadable_token_file_exits_3_and_only_a_path_is_shown(
        plane, home, tmp_path, monkeypatch, name, is_shown):
    home.write_token(TOKEN)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(str(tmp_path))
    name = name.format(tmp_path)
    result = home.run("--token-file", name, plane=plane)
    assert (result.code, plane.requests) == (3, [])
    assert (name in result.err) == is_shown and ("hunter22" in result.err) == (is_shown and name != "folder")


#: p4ssw0rd stands for a secret in the wrong place.
NO_SERVERS = [
    "https://a.%s.test" % ("p4ssw0rd" * 8), "https://%s.test" % ("p4ssw0rd" * 8), "https://ann:p4ssw0rd@host",
    "https://host:p4ssw0rd@x", "https://host/a?p4ssw0rd", "https://p4ssw0rd:65536", "https://p4ssw0rd..test",
    "https://p4ssw0r\u00f6", "https://p4ssw0rd/\x7f", "https://p4ssw0rd/#f", "https://host:000443", "xhttps://p4ssw0rd",
    "https://p4ssw0rd?x", "https://p4ssw0rd:0", "https://p4ssw0rd:x", "https://p4ss\\w0rd", "https://[p4ssw0rd]",
    "https:///p4ssw0rd", "https://p4ssw0rd:", "https://p4ss w0rd", "https://.p4ssw0rd", "https://[1::2::3]", "p4ssw0rd",
    "https:p4ssw0rd", "https://[a..b]", "https://[::1", "https://::1", "//p4ssw0rd", "https://", "https://[127.0.0.1]"]


@rule("2.6c", "2.6d", "2.6e", "2.6f", "2.3f")
@pytest.mark.parametrize("server", NO_SERVERS, ids=ascii)
@pytest.mark.parametrize("source", ["--server", "PLEXSPHERE_URL", 'profile "lab"'])
def test_malformed_server_exits_2_before_credentials_and_is_not_shown(home, source, server):
    home.write(b"no JSON") if "profile" not in source else home.write_profile(server, "")
    result = home.run("--server", server) if source == "--server" else home.run(
        env={"PLEXSPHERE_URL": server if source == "PLEXSPHERE_URL" else ""})
    what = "the server" if source == "--server" else "the server of " + source
    assert result.code == 2
    assert [line.split(": ")[0] for line in error_lines(result)] == [what]
    assert error_lines(result, "hint")[0].endswith(" https://HOST")
    assert "p4ss" not in result.err and "w0r" not in result.err


# ---- 2.7: what is never shown

def echo(plane, text, token=TOKEN, header=None):
    """Return what the program says, with a trace, of an answer 400 that has this text as its detail."""
    answer = Reply({"detail": text}, 400, [("X-Echo", header)] if header else [])
    result = run_against(plane, answer, *LIST + ("-v",), env={"PLEXSPHERE_TOKEN": token})
    assert result.code == 1
    return result.err


@rule("2.7")
@pytest.mark.parametrize("token, text, shown", [
    ("12345678", "not 12345678.", "not ***."), (TOKEN, TOKEN * 3, "***" * 3), ("a.c.e.g.", "abcdefgh", "abcdefgh"),
    ("a/c(e)g.[", "Bearer a/c(e)g.[", "Bearer ***"), ("1234567", "not 1234567", "not 1234567")],
    ids=["8 characters", "repeated", "dots are dots", "marks", "7 characters"])
def test_echoed_token_is_masked_from_8_characters_on(plane, token, text, shown):
    told = echo(plane, "<%s>" % text, token, "<%s>" % text)
    assert "< X-Echo: <%s>\n" % shown in told and "<%s>\n" % shown in told.split("\nerror: ")[1]
    assert "> Authorization: ***\n" in told


@rule("2.7", "2.5d")
@each_source
def test_token_from_any_source_is_masked_and_a_401_names_the_source(plane, home, source):
    plane.script(Reply({"detail": OTHER}, 401))
    result = home.run_with(source, OTHER, plane, "--profile=lab", "--action-name", OTHER, "--cursor=<%s>" % OTHER, "-v")
    assert result.code == 3
    assert "the token from %s is" % source in error_lines(result, "hint")[0]
    assert OTHER not in result.err and "HTTP 401 Unauthorized; ***\n" in result.err
    assert "action_name=***&" in result.err and "cursor=%3C***%3E" in result.err


@rule("2.7", "2.7a")
@pytest.mark.parametrize("environ, file", [
    (OTHER, TOKEN), ("12345678", "12345678-and-more"), ("12345678-and-more", "12345678"), ("2345678-", "12345678-9")],
    ids=["unlike", "its beginning", "beginning with it", "within it"])      # the variable has blanks around it
def test_token_variable_is_masked_beside_the_token_in_use(plane, home, environ, file):
    """The longest is masked first: the rest of it would be shown otherwise."""
    plane.script(Reply({"detail": "<%s> <%s>" % (environ, file)}, 400))
    env = {"PLEXSPHERE_URL": plane.url, "PLEXSPHERE_TOKEN": " %s\n" % environ}
    assert "<***> <***>" in home.run(home.write_token(file), env=env).err


@rule("2.7", "3.4a")
def test_token_in_a_redirect_target_is_masked_before_the_query_is_cut_off(plane):
    answer = Reply(b"", 302, [("Location", "https://sso.test/hunter22?hunter22#hunter22/x")])
    told = run_against(plane, answer, *LIST + ("-v",), env={"PLEXSPHERE_TOKEN": "hunter22?hunter22#hunter22"}).err
    assert "hunter" not in told
    assert " https://sso.test/***/x not followed" in told


LIMIT = 4000        # characters of a line on stderr
LONG = "".join("%04x" % (number * 40503 % 65536) for number in range(1050))


@rule("2.7a", "5.1e")
@pytest.mark.parametrize("token, text", [(TOKEN, TOKEN + "#" * 50), (LONG, LONG), (TOKEN, (TOKEN + " ") * 1500)],
                         ids=["once", "longer than a line", "so often that masking makes the line short"])
def test_line_is_never_cut_inside_a_token(plane, token, text):
    # Offsets near the end of the line, and around the place where the token ends with the line.
    for offset in sorted({max(0, end - by) for end in (LIMIT, LIMIT - len(token)) for by in range(0, 70, 6)}):
        told = echo(plane, "#" * offset + text, token)
        assert token[:4] not in told and token[-4:] not in told, offset
        assert max(map(len, told.splitlines())) <= LIMIT, offset


@rule("2.7c")
def test_repr_shows_no_secret():
    env = {"PLEXSPHERE_TOKEN": TOKEN, "HTTPS_PROXY": "http://ann:hunter:22@127.0.0.1:1"}
    with surroundings(env=env), program.Transport.from_settings("https://plane.test") as transport:
        assert {TOKEN, "hunter:22"} <= set(transport.secrets)
        own = [value for value in vars(transport).values() if type(value).__module__ == program.__name__]
    assert own
    for value in [transport] + own:
        assert TOKEN not in repr(value)
        assert "hunter" not in repr(value)
