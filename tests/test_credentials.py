"""Section 2: where server and token come from, what is refused, and what is never shown."""

import json
import os
import re
import threading

import pytest

from control_plane import TOKEN, Reply
from kit import LIST, answered, page, run_cli, shortened

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
        file.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        file.chmod(mode)

    def profile(self, url, token=TOKEN):
        """Write a config with one profile, which is the default."""
        self.write({"default": "lab", "profiles": {"lab": {"server": url, "token": token}}})

    def run(self, *argv, env=None, **options):
        return run_cli(*LIST + argv, env=dict({"HOME": str(self.path)}, **(env or {})), **options)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def token_file(tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    return tmp_path / "token"


# ---- which server and which token

# A source has a server, a token or both (s, t, st); None: no --profile is given.
@pytest.mark.parametrize("flag, named, environ, default, taken", [
    ("st", "st", "st", "st", "flag flag"), ("", "st", "st", "st", "named named"), ("", None, "st", "st", "environ environ"),
    ("", None, "", "st", "default default"), ("s", "st", "st", "st", "flag named"), ("t", "st", "st", "st", "named flag"),
    ("s", None, "st", "st", "flag environ"), ("t", None, "st", "st", "environ flag"), ("s", None, "", "t", "flag default"),
    ("t", None, "", "s", "default flag"), ("", "s", "st", "st", "named environ"), ("", "t", "st", "st", "environ named"),
    ("", "", "st", "st", "environ environ"), ("", None, "s", "st", "environ default"), ("", None, "t", "st", "default environ"),
    ("s", "", "t", "st", "flag environ"), ("t", "", "s", "st", "environ flag"),
    # a named profile stands in for the default one
    ("", "s", "", "st", 3), ("", "t", "", "st", 2), ("", "", "s", "st", 3), ("s", "", "", "st", 3), ("", "", "t", "st", 2),
    ("t", "", "", "st", 2), ("", "", "", "st", 3),
    # nobody has it
    ("", None, "", "", 3), ("s", None, "", "", 3), ("t", None, "", "", 2), ("", None, "t", "", 2), ("", None, "s", "s", 3)])
def test_server_and_token_are_resolved_apart(plane, home, token_file, flag, named, environ, default, taken):
    def members(source, has):
        whole = {"s": ("server", "%s/%s" % (plane.url, source)), "t": ("token", "token-of-" + source)}
        return dict(whole[letter] for letter in has)
    home.write({"default": "d", "profiles": {"n": members("named", named or ""), "d": members("default", default)}})
    token_file.write_text("token-of-flag")
    argv = ("--profile", "n") * (named is not None) + ("--server", plane.url + "/flag") * ("s" in flag)
    argv += ("--token-file", str(token_file)) * ("t" in flag)
    has = members("environ", environ)
    plane.script(Reply(page()))
    result = home.run(*argv, env={"PLEXSPHERE_URL": has.get("server", ""), "PLEXSPHERE_TOKEN": has.get("token", "")})
    if isinstance(taken, int):
        assert (result.code, plane.requests) == (taken, []) and result.err.startswith("usage: ") == (taken == 2)
        assert ("no server" if taken == 2 else "no token") in result.err
        return
    request, = plane.requests
    server, token = request.target.split("/")[1], request.headers["authorization"].replace("Bearer token-of-", "")
    assert (result.code, server + " " + token) == (0, taken)
    assert ("warning: " in result.err) == (token in ("named", "default") and server != token)


@pytest.mark.parametrize("server, warned", [
    ("https://prod.example", True), (None, True), ("http://ann:hunter22@x/", True), ("%s/", False), ("%s", False), ("%s/prefix", True), ("%s0", True)])
def test_profile_token_to_another_server_warns_and_names_both(plane, home, server, warned):
    home.profile(server and server.replace("%s", plane.url))
    result = home.run("--server", plane.url)
    assert result.code == 0 and (result.err.count("\n"), result.err.startswith("warning: ")) == (int(warned), warned)
    assert not warned or plane.url in result.err and '"lab"' in result.err and "hunter22" not in result.err


@pytest.mark.parametrize("server", [
    "host", "ftp://host", "https://", "https:///x", "https://ann:p4ssw0rd@host", "https://p4ssw0rd?x", "https://p4ssw0rd/#f", "https://p4ssw0rd:0",
    "https://p4ssw0rd:65536", "https://p4ssw0rd:x", "https://p4ssw0rd:", "https://p4ss w0rd", "https://p4ssw0rd\n", "https://p4ssw0r\u00f6", "//p4ssw0rd",
    "https:p4ssw0rd", "https://[::1", "https://::1", "https://host/a?p4ssw0rd", "https://p4ssw0rd@host", "https://p4ssw0rd/\x7f",
    "https://p4ss\\w0rd", "https://host:000443", "xhttps://p4ssw0rd", " https://p4ssw0rd", "https://[p4ssw0rd]", "https://host:p4ssw0rd@x"])
@pytest.mark.parametrize("source", ["--server", "PLEXSPHERE_URL"])
def test_bad_server_is_2_before_credentials_are_looked_for(home, server, source):
    home.write(b"no JSON")
    result = home.run("--server", server) if source == "--server" else home.run(env={source: server})
    assert result.code == 2 and result.err.startswith("usage: ") and source in result.err.split("error: ")[1]
    assert "p4ss" not in result.err and "w0r" not in result.err


# ---- the config file

def test_config_stands_below_xdg_config_home_where_it_is_absolute_and_has_one(plane, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home.profile(plane.url)
    for xdg in ("", "relative", str(tmp_path / "none")):
        home.write(b"no JSON", where=tmp_path / "relative")
        assert home.run(env={"XDG_CONFIG_HOME": xdg}).code == 0
    home.write(b"no JSON", where=tmp_path / "xdg")
    assert home.run(env={"XDG_CONFIG_HOME": str(tmp_path / "xdg")}).code == 3


@pytest.mark.parametrize("where", ["", "relative", "~"])
def test_no_home_directory_is_no_config(home, tmp_path, monkeypatch, where):
    home.write(b"no JSON", where=tmp_path / where / ".config")
    monkeypatch.chdir(tmp_path)
    assert "no token" in home.run(env={"HOME": where}).err


def test_config_is_not_opened_when_nothing_is_needed_from_it(plane, home, token_file):
    home.write(b"no JSON", mode=0o666)
    assert home.run("--profile", "lab", "--server", plane.url, "--token-file", str(token_file)).code == 0
    assert home.run(plane=plane).code == 0 and home.run("--profile", "lab", plane=plane).code == 3


@pytest.mark.parametrize("members", [
    {"default": 1}, {"default": "nowhere"}, {"profiles": {"x": 1}}, {"profiles": {"x": {"token": 1}}}, {"more": [1]}])
def test_only_what_is_used_of_the_config_is_judged(plane, home, token_file, members):
    lab = {"lab": {"server": plane.url, "token": TOKEN, "more": 1}}
    home.write(dict(members, profiles=dict(members.get("profiles", {}), **lab)))
    assert home.run("--profile", "lab").code == 0
    home.write({"profiles": {"lab": {"server": 1, "token": TOKEN}, "": {"server": plane.url, "token": {}}}})
    assert home.run("--profile", "lab", "--server", plane.url).code == 0


def test_unknown_profile_is_3(plane, home):
    assert '"nowhere" in any config file' in home.run("--profile", "nowhere", plane=plane).err
    for name in ("nowhere", "-"):
        home.write({"default": "b", "profiles": {"b": {}}})
        result = home.run("--profile", name, plane=plane)
        assert result.code == 3 and '"%s" in %s' % (name, home.config) in result.err


@pytest.mark.parametrize("config, says", [
    (b"", "JSON"), (b"{", "JSON"), (b"[]", "object"), (b'"x"', "object"), (b"0", "object"), (b"[" * 100000, "JSON"), (b"\x00", "JSON"),
    (b"\xff{}", "JSON"), (b"\xef\xbb\xbf{}", "JSON"), (b"null", "no token"), ({}, "no token"), ({"default": None, "profiles": None}, "no token"),
    ({"default": 1}, "string"), ({"default": ""}, "no profile"), ({"default": "lab"}, "no profile"), ({"default": "lab", "profiles": []}, "object"),
    ({"default": "lab", "profiles": ""}, "object"), ({"default": "x", "profiles": {"lab": {}}}, '"x"'),
    (b" " * ((1 << 20) - 1) + b"{}", "1024 KiB"), (b" " * ((1 << 20) - 2) + b"{}", "no token")], ids=shortened)
def test_malformed_config_is_3(home, config, says):
    home.write(config)
    result = home.run()
    assert result.code == 3 and says in result.err


@pytest.mark.parametrize("profile, codes, says", [
    (1, [3], "object"), ("", [3], "object"), ([], [3], "object"), (None, [3], "no token"), ({"server": 1}, [3], "string"),
    ({"token": ["x"]}, [3], "string"), ({"token": ""}, [3], "empty"), ({"token": " "}, [3], "empty"), ({"token": "a b"}, [3], "visible ASCII"),
    ({"token": None}, [3], "no token"), ({"server": None, "token": TOKEN}, [2], "no server"), ({"server": ""}, [2, 3], '"lab"'),
    ({"server": "https://ann:hunter22@h", "token": TOKEN}, [2], '"lab"')])
def test_malformed_profile_is_refused(home, profile, codes, says):
    for argv, default in (((), "lab"), (("--profile", "lab"), None)):
        home.write({"default": default, "profiles": {"lab": profile}})
        result = home.run(*argv)
        assert result.code in codes and says in result.err and "hunter22" not in result.err


# ---- files that hold secrets

@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o4600, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777, 0o4644])
def test_file_that_others_have_access_to_is_3_and_names_the_cure(plane, home, token_file, mode):
    home.profile(plane.url)
    link = home.path / "link"
    link.symlink_to(token_file)
    for path in (token_file, link, home.config):
        argv = () if path == home.config else ("--token-file", str(path))
        path.chmod(mode)
        result = home.run(*argv, env={"PLEXSPHERE_URL": plane.url})
        refused = bool(mode & 0o77)
        assert result.code == 3 * refused and (str(path) in result.err) == (" %04o" % mode in result.err) == refused
        assert ("\nhint: chmod 600 %s\n" % path in result.err) == refused == (not plane.requests)
        plane.requests.clear()


@pytest.mark.parametrize("name, quoted", [("-rf", "./-rf"), ("a b", "'a b'"), ("x;y", "'x;y'"), ("x", "x")])
def test_cure_can_be_pasted_into_a_shell(home, token_file, tmp_path, monkeypatch, name, quoted):
    monkeypatch.chdir(tmp_path)
    token_file.rename(name)
    os.chmod(name, 0o644)
    assert home.run("--token-file=" + name).err.endswith("\nhint: chmod 600 %s\n" % quoted)
    assert "hint: " not in home.run("--token-file=/dev/null").err       # a device that all write to


def test_pipe_passes_whatever_its_mode(plane, home, tmp_path):
    os.mkfifo(str(tmp_path / "pipe"))
    os.chmod(str(tmp_path / "pipe"), 0o666)
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("  %s\r\n" % TOKEN,))
    writer.start()
    assert home.run("--token-file", str(tmp_path / "pipe"), plane=plane, env={"PLEXSPHERE_TOKEN": OTHER}).code == 0
    writer.join()


@pytest.mark.parametrize("data, code, says", [
    (TOKEN.encode() + b"\n" * (65536 - len(TOKEN)), 0, ""), (TOKEN.encode() + b"\n" * (65537 - len(TOKEN)), 3, "64 KiB"), (b"", 3, "empty"),
    (b" \t\r\n", 3, "empty"), (b"two words", 3, "visible ASCII"), (b"line\nline", 3, "visible ASCII"), (b"caf\xc3\xa9", 3, "visible ASCII"),
    (b"\xff\xfe", 3, "visible ASCII"), (b"a\0b", 3, "visible ASCII"), (b"\xef\xbb\xbftoken", 3, "visible ASCII")], ids=shortened)
def test_token_file_holds_a_token_of_visible_ascii(plane, home, token_file, data, code, says):
    token_file.write_bytes(data)
    result = home.run("--token-file", str(token_file), plane=plane)
    assert (result.code, len(plane.requests)) == (code, not code) and says in result.err and "caf" not in result.err


@pytest.mark.parametrize("token, sent", [
    (" ", None), ("two words", None), ("caf\u00e9", None), ("a\x7fb", None), ("\n %s\t\n" % TOKEN, TOKEN), ("!~", "!~")])
def test_token_of_the_environment_is_stripped_and_judged_too(plane, token, sent):
    result = answered(plane, page(), *LIST, env={"PLEXSPHERE_TOKEN": token})
    assert result.code == (0 if sent else 3) and len(plane.requests) == bool(sent)
    assert not sent or plane.requests[0].headers["authorization"] == "Bearer " + sent


@pytest.mark.parametrize("path, shown", [("no/such/file", None), (".", None), ("a\nb", "a\\x0ab"), ("a\0b", "a\\x00b"), (TOKEN, "***")])
def test_unreadable_file_is_3(plane, home, path, shown):
    home.write(b"")
    home.config.unlink()
    home.config.symlink_to("gone")
    for argv, file in (("--token-file", path), shown or path), ((), str(home.config)):
        result = home.run(*argv, env={"PLEXSPHERE_URL": plane.url, "PLEXSPHERE_TOKEN": TOKEN if argv else ""})
        assert result.code == 3 and re.match("error: cannot read %s: [^\n]+\n$" % re.escape(file), result.err)


# ---- what is never shown

@pytest.mark.parametrize("token, echo, shown", [
    ("1234567", "not 1234567", "not 1234567"), ("12345678", "not 12345678.", "not ***."), (TOKEN, "Bearer %s" % TOKEN, "Bearer ***"),
    (TOKEN, "=%s-%s" % (TOKEN, TOKEN.upper()), "=***-***"), ("abc/def+ghi", "a=abc%2Fdef%2Bghi&b", "a=***&b"), ("abc/def+ghi", "abc%2fdef%2bghi", "***"),
    ("aaaaaaaa//bbbb@cccc", "not aaaaaaaa//bbbb@cccc.", "not ***."), ("a.c.e.g.", "abcdefgh", "abcdefgh")] + [
    (TOKEN, text, shown) for text, shown in (
        ("https://ann:hunter22@h/", "https://***@h/"), ("x //hunter22@h", "x //***@h"), ("https:ann:hunter22@h", "https:***@h"), ("ann@h", "ann@h"),
        ("http://h/a@b", "http://h/a@b"), ("http://h?a@b", "http://h?a@b"))])
def test_echoed_token_and_user_info_of_any_url_are_masked(plane, token, echo, shown):
    answer = Reply({"detail": "<%s>" % echo}, 400, [("X-Echo", echo)])
    result = answered(plane, answer, *LIST + ("-v",), env={"PLEXSPHERE_TOKEN": token})
    assert result.code == 1 and "; <%s>\n" % shown in result.err and "< X-Echo: %s\n" % shown in result.err
    assert "> Authorization: ***\n" in result.err


def test_token_is_masked_wherever_it_comes_from(plane, home, token_file):
    token_file.write_text(OTHER)
    home.profile(plane.url, OTHER)
    for argv in (("--token-file", str(token_file)), ()):
        plane.script(Reply({"detail": OTHER}, 400))
        result = home.run("--action-name", OTHER, "-v", *argv, env={"PLEXSPHERE_URL": plane.url})
        assert result.code == 1 and OTHER not in result.err and "action_name=***" in result.err
