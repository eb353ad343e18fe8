"""Section 2: where server and token come from, what is refused, and what is never shown."""

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from control_plane import TOKEN
from kit import (GET, HOME, LIST, LIST_FORMS, PATIENCE, WINDOWS, execution, inline, page, posix_only, read_mode, rule,
                 run_against, run_cli, save_to_folder, shorten_id, target)
from kit_net import NAME, Proxy
from server import Reply

OTHER = "another-token-0123456789"
NOBODY = 65534
needs_root = pytest.mark.skipif(WINDOWS or os.geteuid() != 0, reason="needs root, who alone gives files to other users")


class Home:
    """A home directory with a config file."""

    def __init__(self, path):
        self.path = path
        self.config = path / ".config" / "plexctl" / "config.json"

    def write(self, document, mode=0o600, where=None):
        """Write the config file, below another folder than ~/.config if `where` says so."""
        file = self.config if where is None else where / "plexctl" / "config.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        file.chmod(mode)

    def profile(self, url, token=TOKEN, default="lab-7"):
        """Write a config with one profile, lab-7, which is the default."""
        self.write({"default": default, "profiles": {"lab-7": {"server": url, "token": token}}})

    def run(self, *argv, env=None, **options):
        return run_cli(*LIST + argv, env=dict({HOME: str(self.path)}, **(env or {})), **options)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def token_file(tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    return tmp_path / "token"


def read_bearers(plane):
    """The token of each request that came."""
    return [asked.headers["authorization"].partition("Bearer ")[2] for asked in plane.requests]


# ---- 2.1, 2.2: which server and which token

def take(has):
    """What section 2 says of sources that have a server (s), a token (t) or both (st): an exit code, or the pair."""
    order = ["flag", "environ", "default"] if has["named"] is None else ["flag", "named", "environ"]
    server, token = [next((source for source in order if letter in has[source]), None) for letter in "st"]
    if token is None:
        return 3
    if server is None:
        return 2
    elsewhere = token in ("named", "default") and "s" in has[token] and server != token
    return 3 if elsewhere else (server, token)


@rule("2.1", "2.2", "2.6")
@pytest.mark.parametrize("named", [None, "", "s", "t", "st"], ids="named={}".format)
@pytest.mark.parametrize("flag", ["", "s", "t", "st"], ids="flag={}".format)
def test_server_and_token_come_each_from_the_first_source_that_has_one(plane, home, token_file, flag, named):
    def members(source):
        whole = {"s": ("server", "%s/%s" % (plane.url, source)), "t": ("token", "token-of-" + source)}
        return dict(whole[letter] for letter in has[source] or "")

    token_file.write_text("token-of-flag")
    has = {"flag": flag, "named": named}
    for has["environ"], has["default"] in itertools.product(["", "s", "t", "st"], repeat=2):
        home.write({"default": "d", "profiles": {"n": members("named"), "d": members("default")}})
        argv = ("--profile", "n") * (named is not None) + ("--server", plane.url + "/flag") * ("s" in flag)
        argv += ("--token-file", str(token_file)) * ("t" in flag)
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


@rule("2.2")
@pytest.mark.parametrize("source, default", [
    ("--server", "lab-7"), ("--server", None), ("PLEXSPHERE_URL", "lab-7")], ids=[
    "default profile, flag", "named profile, flag", "default profile, environment"])
def test_token_for_another_server_is_3_and_the_message_tells_all(plane, home, source, default):
    home.profile("https://prod.example/api", default=default)
    argv = () if default else ("--profile", "lab-7")
    argv += ("--server", plane.url) if source == "--server" else ()
    result = home.run(*argv, env={"PLEXSPHERE_URL": plane.url if source == "PLEXSPHERE_URL" else ""})
    assert (result.code, result.out, plane.requests) == (3, b"", [])
    error, hint = re.match(r"error: (.+)\nhint: (.+)\n\Z", result.err).groups()
    assert all(part in error for part in ("lab-7", "https://prod.example", plane.url.split("//")[1], source))
    assert "--token-file" in hint and "PLEXSPHERE_TOKEN" in hint and source in hint


@rule("2.2")
@pytest.mark.parametrize("profile_s, asked, same", [
    ("http://127.0.0.1:1", "HTTP://127.0.0.1:1/", True), ("http://localhost:1/", "http://LOCALHOST:1", True),
    ("http://127.0.0.1:1/A/", "http://127.0.0.1:1/A", True), ("http://127.0.0.1", "http://127.0.0.1:80/", True),
    ("https://127.0.0.1:443", "https://127.0.0.1", True), ("http://127.0.0.1:1/A", "http://127.0.0.1:1/a", False),
    ("http://127.0.0.1:1", "http://127.0.0.1:2", False), ("http://127.0.0.1:1", "http://127.0.0.1:1/prefix", False),
    ("http://127.0.0.1:443", "https://127.0.0.1:443", False), ("http://localhost:1", "http://127.0.0.1:1", False)])
def test_servers_are_compared_after_parsing(home, profile_s, asked, same):
    home.profile(profile_s)
    result = home.run("--server", asked)
    assert result.code == (1 if same else 3), result.err        # 1: nobody listens there


@rule("2.2")
def test_token_of_a_profile_without_a_server_goes_where_the_user_says(plane, home):
    home.write({"profiles": {"lab-7": {"token": TOKEN, "server": None}}})
    assert home.run("--profile", "lab-7", "--server", plane.url).code == 0
    assert home.run("--profile", "lab-7", env={"PLEXSPHERE_URL": plane.url}).code == 0


@rule("2.2", "2.7")
def test_profile_s_malformed_server_is_refused_and_not_shown(plane, home):
    home.profile("http://ann:hunter22@x/")
    result = home.run("--server", plane.url)
    assert result.code in (2, 3) and plane.requests == [] and "hunter22" not in result.err and "lab-7" in result.err


# ---- 2.3: the config file

@rule("2.3")
def test_config_stands_below_xdg_config_home_where_that_is_absolute_and_has_one(plane, home, tmp_path, monkeypatch):
    monkeypatch.chdir(str(tmp_path))
    home.profile(plane.url)
    home.write(b"no JSON", where=tmp_path / "relative")
    for xdg in ("", "relative", str(tmp_path / "none"), None):
        assert home.run(env={"XDG_CONFIG_HOME": xdg}).code == 0, xdg
    home.write(b"no JSON", where=tmp_path / "xdg")
    assert home.run(env={"XDG_CONFIG_HOME": str(tmp_path / "xdg")}).code == 3


@rule("2.3")
def test_config_below_xdg_config_home_is_read(plane, home, tmp_path):
    home.write(b"no JSON")
    home.write({"default": "x", "profiles": {"x": {"server": plane.url, "token": TOKEN}}}, where=tmp_path / "xdg")
    assert home.run(env={"XDG_CONFIG_HOME": str(tmp_path / "xdg")}).code == 0


@rule("2.3")
@posix_only
def test_without_home_the_user_database_tells_the_home_directory(plane, home, monkeypatch):
    import pwd
    home.profile(plane.url)
    user = pwd.struct_passwd(("someone", "x", os.getuid(), os.getgid(), "", str(home.path), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: user)      # the machine's database, not the program
    assert home.run(env={HOME: None}).code == 0 and read_bearers(plane) == [TOKEN]


@rule("2.3")
@pytest.mark.parametrize("where", ["", "relative", "~"])
def test_without_an_absolute_home_directory_there_is_no_config(home, tmp_path, monkeypatch, where):
    home.write(b"no JSON", where=tmp_path / where / ".config")
    monkeypatch.chdir(str(tmp_path))
    result = home.run(env={HOME: where})
    assert result.code == 3 and "no token" in result.err


@rule("2.3", "8.5")
@pytest.mark.skipif(not WINDOWS, reason="is about Windows alone")
def test_on_windows_home_is_no_home_directory(plane, home, tmp_path):
    home.profile(plane.url)
    home.write(b"no JSON", where=tmp_path / "unix" / ".config")
    assert home.run(env={"HOME": str(tmp_path / "unix")}).code == 0


@rule("2.3")
def test_config_is_not_opened_when_nothing_is_needed_from_it(plane, home, token_file):
    home.write(b"no JSON", mode=0o666)
    assert home.run("--profile", "x", "--server", plane.url, "--token-file", str(token_file)).code == 0
    assert home.run(plane=plane).code == 0
    assert home.run("--profile", "x", plane=plane).code == 3


@rule("2.3")
def test_config_is_never_written(plane, home):
    home.run("--profile", "x", plane=plane)
    assert os.listdir(str(home.path)) == []
    home.profile(plane.url)
    before = home.config.stat().st_mtime_ns, home.config.read_bytes()
    assert home.run().code == 0
    assert (home.config.stat().st_mtime_ns, home.config.read_bytes()) == before
    assert os.listdir(str(home.config.parent)) == ["config.json"]


@rule("2.3")
@pytest.mark.parametrize("members", [
    {"default": 1}, {"default": "nowhere"}, {"profiles": {"x": 1}}, {"profiles": {"x": {"token": 1}}}, {"more": [1]}],
    ids=json.dumps)
def test_only_what_is_used_of_the_config_is_judged(plane, home, members):
    lab = {"lab": {"server": plane.url, "token": TOKEN, "more": 1}}
    home.write(dict(members, profiles=dict(members.get("profiles", {}), **lab)))
    assert home.run("--profile", "lab").code == 0


@rule("2.3")
def test_member_of_a_profile_that_is_not_used_is_not_judged(plane, home, token_file):
    home.write({"profiles": {"lab": {"server": plane.url, "token": {}}}})
    assert home.run("--profile", "lab", "--token-file", str(token_file)).code == 0


MALFORMED = {
    "nothing": b"", "a brace": b"{", "a list": b"[]", "a string": b'"x"', "a number": b"0", "a NUL": b"\x00",
    "too deep": b"[" * 100000, "not UTF-8": b'{"\xff": 1}{', "profiles: list": {"profiles": []},
    "profiles: string": {"profiles": "lab"}, "profile: number": {"profiles": {"lab": 1}},
    "profile: string": {"profiles": {"lab": "x"}}, "profile: list": {"profiles": {"lab": [1]}},
    "token: list": {"profiles": {"lab": {"token": ["x"]}}}, "token: number": {"profiles": {"lab": {"token": 12345678}}},
    "token: empty": {"profiles": {"lab": {"token": ""}}}, "token: blank": {"profiles": {"lab": {"token": " "}}},
    "token: two words": {"profiles": {"lab": {"token": "a b"}}}, "server: number": {"profiles": {"lab": {"server": 1}}},
    "no such profile": {"default": "lab", "profiles": {"LAB": {}}}, "no profiles": {"default": "lab"}}


@rule("2.3")
@pytest.mark.parametrize("default, profiles, says", [
    ("", {"lab": {}}, 'no profile ""'), (None, {"lab": {}}, "no token"), ("lab", None, 'no profile "lab"')],
    ids=["empty", "null", "profiles null"])
def test_null_counts_as_absent_and_an_empty_default_is_an_error(home, default, profiles, says):
    home.write({"default": default, "profiles": profiles})
    result = home.run()
    assert result.code == 3 and says in result.err


@rule("2.3", "2.5")
@pytest.mark.parametrize("case", sorted(MALFORMED))
def test_malformed_config_is_3_though_the_environment_has_both(plane, home, case):
    home.write(MALFORMED[case])
    result = home.run("--profile", "lab", plane=plane)
    assert (result.code, plane.requests) == (3, []) and result.err.startswith("error: ")
    if not case.startswith(("token: ", "server: ")):
        assert str(home.config) in result.err


@rule("2.3", "2.5")
@pytest.mark.parametrize("default", [1, "", [], {}, "nowhere"], ids=json.dumps)
def test_default_that_names_no_profile_is_3(plane, home, default):
    home.write({"default": default, "profiles": {"lab": {"server": plane.url, "token": TOKEN}}})
    assert home.run().code == 3 and plane.requests == []


@rule("2.3", "2.6")
@pytest.mark.parametrize("config", [
    {}, {"default": None, "profiles": None}, {"default": "lab", "profiles": {"lab": None}},
    {"default": "lab", "profiles": {"lab": {"server": None, "token": None}}}], ids=json.dumps)
def test_null_counts_as_absent(plane, home, config):
    home.write(config)
    assert "no token" in home.run().err
    if config.get("profiles"):
        assert home.run("--profile", "lab", plane=plane).code == 0


@rule("2.3", "2.6")
@pytest.mark.parametrize("server", ["", "x", "https://ann:hunter22@h"])
def test_profile_s_bad_server_is_refused_and_not_shown(home, server):
    home.profile(server)
    result = home.run()
    assert result.code in (2, 3) and "lab-7" in result.err and "hunter22" not in result.err


@rule("2.5")
@pytest.mark.parametrize("name", ["nowhere", "-", "NOWHERE", "lab "])
def test_unknown_profile_is_3_and_names_the_file(plane, home, name):
    home.profile(plane.url)
    result = home.run("--profile=" + name, plane=plane)
    assert (result.code, plane.requests) == (3, []) and str(home.config) in result.err


@rule("2.5")
def test_profile_without_any_config_file_is_3(plane, home):
    result = home.run("--profile", "nowhere", plane=plane)
    assert result.code == 3 and '"nowhere"' in result.err


# ---- 2.4: files that others can read or have made

MODES = [0o600, 0o400, 0o700, 0o4600, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777, 0o4644]


@rule("2.4")
@posix_only
@pytest.mark.parametrize("mode", MODES, ids=oct)
def test_file_that_others_have_access_to_is_3_and_names_mode_and_cure(plane, home, token_file, mode):
    home.profile(plane.url)
    link = home.path / "link"
    link.symlink_to(token_file)
    for path in (token_file, link, home.config):
        argv = () if path == home.config else ("--token-file", str(path))
        path.chmod(mode)
        result = home.run(*argv, env={"PLEXSPHERE_URL": plane.url})
        refused = bool(mode & 0o77)
        assert result.code == 3 * refused and (str(path) in result.err) == (" %04o" % mode in result.err) == refused
        assert bool(re.search("\nhint: chmod 600 .*%s\n" % path, result.err)) == refused == (not plane.requests)
        del plane.requests[:]


@rule("2.4", "8.5")
@pytest.mark.skipif(not WINDOWS, reason="is about Windows alone")
def test_on_windows_modes_are_not_judged(plane, home, token_file):
    token_file.chmod(0o666)
    assert home.run("--token-file", str(token_file), plane=plane).code == 0


@rule("2.4")
@posix_only
@pytest.mark.parametrize("name", ["-rf", "a b", "x;y", "x", "it's", "$HOME"])
def test_cure_can_be_pasted_into_a_shell(plane, home, token_file, tmp_path, monkeypatch, name):
    monkeypatch.chdir(str(tmp_path))
    token_file.rename(name)
    os.chmod(name, 0o644)
    hint = home.run("--token-file=" + name, plane=plane).err.partition("\nhint: ")[2]
    assert "chmod 600" in hint and subprocess.call(["sh", "-c", hint]) == 0 and read_mode(name) == 0o600


@rule("2.4")
@posix_only
def test_device_is_refused_without_a_chmod(plane, home):
    result = home.run("--token-file=/dev/null", plane=plane)
    assert result.code == 3 and "chmod" not in result.err


def give_away(path, plane, home, *argv):
    """Give the file to another user. Return what the program says, which must refuse it."""
    os.chown(str(path), NOBODY, -1)
    result = home.run(*argv, env={"PLEXSPHERE_URL": plane.url})
    assert (result.code, plane.requests) == (3, [])
    return result.err


@rule("2.4")
@needs_root
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700], ids=oct)
def test_file_of_another_user_is_3_and_names_the_owner(plane, home, token_file, mode):
    home.profile(plane.url)
    for path, argv in ((token_file, ("--token-file", str(token_file))), (home.config, ())):
        path.chmod(mode)
        told = give_away(path, plane, home, *argv)
        assert str(path) in told and re.search("%d|nobody" % NOBODY, told) and "hint: chmod" not in told


@rule("2.4")
@needs_root
def test_pipe_and_folder_of_another_user_are_3(plane, home, tmp_path):
    reading, writing = os.pipe()
    os.write(writing, TOKEN.encode())
    os.close(writing)
    pipe, folder = "/dev/fd/%d" % reading, str(tmp_path / "folder")
    assert re.search("%d|nobody" % NOBODY, give_away(pipe, plane, home, "--token-file", pipe))
    os.close(reading)
    os.mkdir(folder, 0o700)
    give_away(folder, plane, home, "--token-file", folder)


@rule("2.4")
@needs_root
def test_file_of_the_user_passes_who_is_not_root(plane):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "token")
        with open(path, "w") as file:
            file.write(TOKEN)
        os.chmod(path, 0o600)
        for name in (folder, path):
            os.chown(name, NOBODY, -1)
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            result = run_cli(*LIST + ("--token-file", path), plane=plane, env={"PLEXSPHERE_TOKEN": OTHER})
        finally:
            os.setresuid(0, 0, 0)
    assert result.code == 0 and read_bearers(plane) == [TOKEN]


@rule("2.4")
@posix_only
@pytest.mark.parametrize("mode", [0o600, 0o666], ids=oct)
def test_own_pipe_passes_whatever_its_mode(plane, home, tmp_path, mode):
    os.mkfifo(str(tmp_path / "pipe"))
    os.chmod(str(tmp_path / "pipe"), mode)
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("  %s\r\n" % TOKEN,))
    writer.start()
    assert home.run("--token-file", str(tmp_path / "pipe"), plane=plane, env={"PLEXSPHERE_TOKEN": OTHER}).code == 0
    writer.join()


@rule("2.4")
@posix_only
def test_pipe_of_a_process_substitution_passes(plane, home):
    reading, writing = os.pipe()
    os.write(writing, TOKEN.encode() + b"\n")
    os.close(writing)
    result = home.run("--token-file", "/dev/fd/%d" % reading, plane=plane, env={"PLEXSPHERE_TOKEN": OTHER})
    os.close(reading)
    assert result.code == 0 and read_bearers(plane) == [TOKEN]


@contextlib.contextmanager
def when_opening(event, do):
    """Do something once, just before ("c_call") or just after ("c_return") this thread calls open()."""
    pending = [do]

    def watch(frame, happened, function):
        if happened == event and pending and getattr(function, "__name__", "") == "open":
            pending.pop()()

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)
    assert not pending, "open() was not called"


@rule("2.4")
@posix_only
@pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy tells nobody of its calls of open()")
@pytest.mark.parametrize("event, mode, later_mode, code", [
    ("c_call", 0o600, 0o644, 3), ("c_call", 0o644, 0o600, 0), ("c_return", 0o600, 0o644, 0),
    ("c_return", 0o644, 0o600, 3)],
    ids=["insecure before opening", "secure before opening", "insecure after opening", "secure after opening"])
def test_opened_file_is_judged_and_not_its_name(plane, home, token_file, tmp_path, event, mode, later_mode, code):
    later = tmp_path / "later"
    later.write_text(TOKEN)
    later.chmod(later_mode)
    token_file.chmod(mode)
    with when_opening(event, lambda: later.replace(token_file)):
        result = home.run("--token-file", str(token_file), env={"PLEXSPHERE_URL": plane.url})
    assert (result.code, len(plane.requests)) == (code, 0 if code else 1)


@rule("2.4")
@pytest.mark.parametrize("size, code", [(65536, 0), (65537, 3), (1 << 20, 3)])
def test_token_file_has_at_most_64_kib(plane, home, token_file, size, code):
    token_file.write_bytes(TOKEN.encode().ljust(size, b"\n"))
    result = home.run("--token-file", str(token_file), plane=plane)
    assert (result.code, len(plane.requests)) == (code, not code) and ("64 KiB" in result.err) == bool(code)


@rule("2.4")
@pytest.mark.parametrize("size, code", [(1 << 20, 0), ((1 << 20) + 1, 3)])
def test_config_file_has_at_most_1_mib(plane, home, size, code):
    config = json.dumps({"default": "x", "profiles": {"x": {"server": plane.url, "token": TOKEN}}})
    home.write(config.encode().ljust(size, b" "))
    result = home.run()
    assert result.code == code and bool(re.search("1 MiB|1024 KiB", result.err)) == bool(code)


@rule("2.4")
@posix_only
@pytest.mark.parametrize("what, limit", [("token", 64 << 10), ("config", 1 << 20)])
def test_no_more_is_read_of_a_file_without_end(plane, home, what, limit):
    reading, writing = os.pipe()
    home.config.parent.mkdir(parents=True)
    home.config.symlink_to("/dev/fd/%d" % reading)
    written = []

    def write():
        with contextlib.suppress(BrokenPipeError):
            while sum(written) < 16 << 20:
                written.append(os.write(writing, b"x" * 65536))
        os.close(writing)

    writer = threading.Thread(target=write)
    writer.start()
    argv = ("--token-file", "/dev/fd/%d" % reading) if what == "token" else ()
    result = home.run(*argv, env={"PLEXSPHERE_URL": plane.url})
    os.close(reading)
    writer.join()
    assert result.code == 3 and sum(written) < 2 * limit + (256 << 10)


# ---- 2.5, 2.6: tokens and servers that cannot be used

@rule("2.5", "8.6")
@pytest.mark.parametrize("data, sent", [
    (TOKEN.encode(), TOKEN), (b"\n\t %s \r\n" % TOKEN.encode(), TOKEN), (b"!~", "!~"), (b"", None), (b" \t\r\n", None),
    (b"two words", None), (b"line\nline", None), (b"caf\xc3\xa9", None), (b"\xff\xfe", None), (b"a\0b", None),
    (b"a\x7fb", None), (b"\xef\xbb\xbf%s\r\n" % TOKEN.encode(), TOKEN), (b"\xef\xbb\xbf", None),
    (b"%s\xef\xbb\xbf" % TOKEN.encode(), None)], ids=shorten_id)
def test_token_file_holds_a_token_of_visible_ascii(plane, home, token_file, data, sent):
    token_file.write_bytes(data)
    plane.script(Reply(page()))
    result = home.run("--token-file", str(token_file), plane=plane)
    assert (result.code, read_bearers(plane)) == ((0, [sent]) if sent else (3, []))
    assert "caf" not in result.err and "words" not in result.err


@rule("2.5")
@pytest.mark.parametrize("token, sent", [
    (" ", None), ("two words", None), ("caf\u00e9", None), ("a\x7fb", None), ("\n %s\t\n" % TOKEN, TOKEN),
    ("!~", "!~")], ids=ascii)
@pytest.mark.parametrize("source", ["environment", "profile"])
def test_token_of_environment_and_profile_is_stripped_and_judged_too(plane, home, token, sent, source):
    home.profile(plane.url, token)
    plane.script(Reply(page()))
    result = home.run(env={} if source == "profile" else {"PLEXSPHERE_URL": plane.url, "PLEXSPHERE_TOKEN": token})
    assert (result.code, read_bearers(plane)) == ((0, [sent]) if sent else (3, []))


@rule("2.3", "8.6")
def test_byte_order_mark_of_the_config_file_is_ignored(plane, home):
    config = {"default": "x", "profiles": {"x": {"server": plane.url, "token": TOKEN}}}
    home.write(b"\xef\xbb\xbf" + json.dumps(config).encode())
    assert home.run().code == 0 and read_bearers(plane) == [TOKEN]


@rule("2.5", "2.7")
@pytest.mark.parametrize("name", [
    "nosuch-x", "no/such/x", "token/below-a-file", "s" * 5000, "./nosuch", "nosuch\u20ac"], ids=shorten_id)
def test_name_that_nothing_has_is_3_and_not_shown(plane, home, token_file, tmp_path, monkeypatch, name):
    monkeypatch.chdir(str(tmp_path))
    result = home.run("--token-file", name, plane=plane)
    assert (result.code, plane.requests) == (3, [])
    assert "--token-file" in result.err and not re.search("nosuch|no/such|below|sss", result.err)


@rule("2.5")
def test_name_with_a_nul_is_3(plane, home):
    assert home.run("--token-file", "a\0b", plane=plane).code == 3


@rule("2.5")
def test_folder_and_dangling_link_are_3(plane, home, tmp_path):
    assert str(tmp_path) in home.run("--token-file", str(tmp_path), plane=plane).err
    if not WINDOWS:
        home.config.parent.mkdir(parents=True)
        home.config.symlink_to("gone")
        assert home.run(env={"PLEXSPHERE_URL": plane.url}).code == 3
    assert home.run("--token-file", str(tmp_path), plane=plane).code == 3 and plane.requests == []


@rule("2.5")
@posix_only
@pytest.mark.skipif(not WINDOWS and os.geteuid() == 0, reason="root reads every file")
def test_unreadable_file_is_3_and_named(plane, home, token_file):
    token_file.chmod(0)
    result = home.run("--token-file", str(token_file), plane=plane)
    assert result.code == 3 and str(token_file) in result.err


@rule("2.6")
@pytest.mark.parametrize("env, code, says", [
    ({}, 3, "no token"), ({"PLEXSPHERE_URL": "http://127.0.0.1:1"}, 3, "no token"),
    ({"PLEXSPHERE_TOKEN": TOKEN}, 2, "no server")], ids=["neither", "a server alone", "a token alone"])
def test_no_token_is_3_and_no_server_is_2(home, env, code, says):
    result = home.run(env=env)
    assert result.code == code and result.err.startswith("error: %s\nhint: give --" % says)


#: p4ssw0rd stands for a secret in the wrong place.
NO_SERVERS = [
    "host", "ftp://host", "https://", "https:///x", "https://ann:p4ssw0rd@host", "https://p4ssw0rd?x",
    "https://p4ssw0rd/#f", "https://p4ssw0rd:0", "https://p4ssw0rd:65536", "https://p4ssw0rd:x", "https://p4ssw0rd:",
    "https://p4ss w0rd", "https://p4ssw0rd\n", "https://p4ssw0r\u00f6", "//p4ssw0rd", "https:p4ssw0rd", "https://[::1",
    "https://::1", "https://host/a?p4ssw0rd", "https://p4ssw0rd@host", "https://p4ssw0rd/\x7f", "https://p4ss\\w0rd",
    "https://host:000443", "xhttps://p4ssw0rd", " https://p4ssw0rd", "https://[p4ssw0rd]", "https://host:p4ssw0rd@x"]


@rule("2.6", "2.7", "1.15")
@pytest.mark.parametrize("server", NO_SERVERS, ids=ascii)
@pytest.mark.parametrize("source", ["--server", "PLEXSPHERE_URL"])
def test_bad_server_is_2_before_credentials_are_looked_for(home, server, source):
    home.write(b"no JSON")
    result = home.run("--server", server) if source == "--server" else home.run(env={source: server})
    assert result.code == 2 and re.match("error: .*%s.*\nhint: .*\n\\Z" % source, result.err)
    assert "p4ss" not in result.err and "w0r" not in result.err


@rule("2.6")
@pytest.mark.parametrize("tail", ["", "/", "/a/b", "/a/b/", "/%41"])
def test_server_may_have_a_prefix(plane, tail):
    run_against(plane, page(), *LIST, env={"PLEXSPHERE_URL": plane.url + tail})
    assert plane.requests[0].target.startswith(tail.rstrip("/") + "/v1/projects/")


# ---- 2.7: what is never shown

def echo(plane, text, token=TOKEN, header=None):
    """Return what the program says, with a trace, of an answer 400 that has this text as its detail."""
    answer = Reply({"detail": text}, 400, [("X-Echo", header)] if header else [])
    result = run_against(plane, answer, *LIST + ("-v",), env={"PLEXSPHERE_TOKEN": token})
    assert result.code == 1
    return result.err


@rule("2.7")
@pytest.mark.parametrize("token, text, shown", [
    ("12345678", "not 12345678.", "not ***."), (TOKEN, "Bearer %s" % TOKEN, "Bearer ***"),
    (TOKEN, TOKEN * 3, "***" * 3),
    ("aaaaaaaa//bbbb@cccc", "not aaaaaaaa//bbbb@cccc.", "not ***."), ("a.c.e.g.", "abcdefgh", "abcdefgh"),
    ("1234567", "not 1234567", "not 1234567")],
    ids=["8 characters", "long", "repeated", "like user info", "dots are dots", "7 characters"])
def test_echoed_token_is_masked(plane, token, text, shown):
    told = echo(plane, "<%s>" % text, token, "<%s>" % text)
    assert "< X-Echo: <%s>\n" % shown in told and "<%s>\n" % shown in told.split("\nerror: ")[1]
    assert "> Authorization: ***\n" in told


def spell(token, choose, form="%%%02X"):
    """The token with the characters of the chosen places percent-encoded."""
    return "".join(form % ord(char) if choose(place) else char for place, char in enumerate(token))


SPELLINGS = {"plain": (lambda place: False, ""), "upper": (lambda place: True, "%%%02X"),
             "lower": (lambda place: True, "%%%02x"), "even places": (lambda place: place % 2 == 0, "%%%02X"),
             "odd places": (lambda place: place % 2 == 1, "%%%02x"), "first": (lambda place: place == 0, "%%%02X"),
             "last": (lambda place: place == 14, "%%%02X")}


@rule("2.7")
@pytest.mark.parametrize("token", ["abc/def+ghi~jk=", "~~~///+++===-_.", "(.*)[a]\\d{3}$x", "%41%42%2F~jkmnp"])
@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_percent_encoded_token_is_masked_in_any_spelling(plane, token, spelling):
    assert "<***>\n" in echo(plane, "<%s>" % spell(token, *SPELLINGS[spelling]), token).split("\nerror: ")[1]


@rule("2.7", "1.13")
@pytest.mark.parametrize("token", ["abc/def+ghi~jk=", TOKEN, "a~b~c~d~e"])
def test_token_among_the_arguments_is_masked_in_the_trace(plane, token):
    argv = LIST + ("--action-name", token, "--cursor", "<%s>" % token, "-v")
    result = run_against(plane, page(), *argv, env={"PLEXSPHERE_TOKEN": token})
    assert "action_name=***" in result.err and "cursor=%3C***%3E" in result.err and result.code == 0


@rule("2.7")
@pytest.mark.parametrize("source", ["--token-file", "profile"])
def test_token_is_masked_wherever_it_comes_from(plane, home, token_file, source):
    token_file.write_text(OTHER)
    home.profile(plane.url, OTHER)
    argv = ("--token-file", str(token_file)) if source == "--token-file" else ()
    plane.script(Reply({"detail": OTHER}, 400))
    result = home.run("--action-name", OTHER, "-v", *argv, env={"PLEXSPHERE_URL": plane.url})
    assert result.code == 1 and OTHER not in result.err and "action_name=***" in result.err


@rule("2.7")
def test_token_of_the_environment_is_masked_even_where_another_one_is_used(plane, home, token_file):
    plane.script(Reply({"detail": "<%s>" % OTHER}, 400))
    env = {"PLEXSPHERE_URL": plane.url, "PLEXSPHERE_TOKEN": OTHER}
    assert "<***>" in home.run("--token-file", str(token_file), env=env).err


@rule("2.7", "3.4")
def test_no_piece_of_a_token_is_shown_where_the_query_of_a_redirect_is_cut_off(plane):
    token = "hunter22?hunter22#hunter22"
    answer = Reply(b"", 302, [("Location", "https://sso.test/%s/x" % token)])
    assert "hunter" not in run_against(plane, answer, *LIST, env={"PLEXSPHERE_TOKEN": token}).err


LONG = "".join("%02x" % (number * 167 % 256) for number in range(400))
LIMIT = 4000        # characters of a line on stderr


def shows_a_piece(told, text):
    """Whether the first or the last characters of a text are shown, as they are where it is cut."""
    return text[:4] in told or text[-4:] in told


@rule("2.7", "3.9")
@pytest.mark.parametrize("token, spelling", [
    (TOKEN, "plain"), (TOKEN, "odd places"), (LONG, "plain"), (LONG, "upper"), ((LONG * 6)[:4200], "plain"),
    ("abc/def+ghi~jk=", "upper"), ("abc/def+ghi~jk=", "odd places")], ids=[
    "usual", "usual, mixed", "800 characters", "800 encoded", "longer than a line", "reserved", "reserved, mixed"])
def test_line_is_never_cut_inside_a_token(plane, token, spelling):
    text = spell(token, *SPELLINGS[spelling])
    # Offsets near the end of the line, and around the place where the token ends with the line.
    offsets = set(range(LIMIT - 65, LIMIT + 5, 5)) | {max(0, LIMIT - len(text) - by) for by in range(0, 60, 7)}
    for offset in sorted(offsets):
        told = echo(plane, "#" * offset + text + "#" * 50, token)
        assert not shows_a_piece(told, token) and not shows_a_piece(told, text), offset
        assert max(map(len, told.splitlines())) <= LIMIT, offset


@rule("2.7", "3.9")
@pytest.mark.parametrize("gap", ["", "#", "####", " "])
def test_masking_that_shortens_the_line_uncovers_nothing(plane, gap):
    for begin in range(0, 40, 3):
        assert not shows_a_piece(echo(plane, "#" * begin + (TOKEN + gap) * 1500), TOKEN), begin


@rule("2.7")
@pytest.mark.parametrize("text", [
    "https://ann:hunter22@h.example/", "x //ann:hunter22@h.example", "https:ann:hunter22@h.example",
    "HTTP://ann:hunter22@h.example:80/x@y", "https://hunter22@h.example", "https://ann:hunter22@@h.example",
    "https://ann:hunter%20hunter22@h.example", "<a href='https://ann:hunter22@h.example'>",
    "https://ann:%s@h.example" % ("hunter22" * 120)], ids=shorten_id)
def test_user_info_of_any_url_is_masked(plane, text):
    told = echo(plane, text, header=text)
    assert "hunter" not in told and "ann" not in told and told.count("h.example") == 2


@rule("2.7")
@pytest.mark.parametrize("text", ["ann@h.example", "http://h.example/a@b", "http://h.example?a@b"])
def test_what_is_no_user_info_is_shown(plane, text):
    assert "%s\n" % text in echo(plane, text)


@rule("2.7", "3.4")
def test_user_info_of_a_redirect_s_target_is_not_shown(plane):
    answer = Reply(b"", 302, [("Location", "https://ann:hunter22@h.example/x")])
    result = run_against(plane, answer, *LIST + ("-v",))
    assert result.code == 1 and "hunter22" not in result.err and "h.example" in result.err


@rule("2.7", "3.6")
@pytest.mark.parametrize("answer", [
    None, Reply(b"", 407), Reply(b"", 502), b"", Reply({"detail": "hunter22, ann:hunter22, YW5uOmh1bnRlcjIy"}, 400)],
    ids=["good", "407", "502", "dropped", "echoed"])
def test_user_info_of_the_proxy_is_neither_shown_nor_traced(plane, answer):
    with Proxy(plane) as proxy:
        proxy.script(*[answer] * 3)
        url = proxy.url.replace("//", "//ann:hunter22@")
        env = {"HTTP_PROXY": url, "http_proxy": url, "PLEXSPHERE_URL": "http://" + NAME}
        result = run_cli(*LIST + ("--allow-http", "-v"), plane=plane, env=env)
    assert result.code == (1 if answer is not None else 0) and len(proxy.requests) > 0
    assert "hunter22" not in result.err and "YW5uOmh1bnRlcjIy" not in result.err
    assert "> Proxy-Authorization: ***\n" in result.err


@rule("2.7")
@pytest.mark.parametrize("name", ["Authorization", "proxy-authorization", "Cookie", "Set-Cookie", "SET-COOKIE",
                                  "Location"])
def test_trace_masks_headers_that_hold_secrets(plane, name):
    plane.script(Reply(page(), headers=[(name, "hush=hush; Path=/"), ("X-Other", "shown")]))
    told = run_cli(*LIST + ("-v",), plane=plane).err
    assert "hush" not in told and re.search("^< %s: [*]{3}$" % name, told, re.MULTILINE | re.IGNORECASE)
    assert "\n< X-Other: shown\n" in told and re.search(r"^> Authorization: [*]{3}$", told, re.MULTILINE)


@rule("2.7")
def test_trace_does_not_show_a_short_token(plane):
    result = run_cli(*LIST + ("-v",), plane=plane, env={"PLEXSPHERE_TOKEN": "kx7"})
    assert result.code == 3 and "kx7" not in result.err


@rule("2.7")
@pytest.mark.parametrize("form", LIST_FORMS)
def test_stdout_is_data_and_never_altered(plane, form):
    wire = execution(action="%s https://ann:pw@h" % TOKEN)
    result = run_against(plane, page(wire, next_cursor=TOKEN), *LIST + ("--output", form), echoes=True)
    assert result.out.count(TOKEN.encode()) == (1 if form == "jsonl" else 2) and b"https://ann:pw@h" in result.out


@rule("2.7")
@pytest.mark.parametrize("form", ["text", "raw"])
def test_outputs_are_data_and_never_altered(plane, tmp_path, form):
    data = b"token=%s\n http://ann:pw@h %s" % (TOKEN.encode(), b"Authorization: x\n")
    wire = execution([target(inline(data))])
    assert data in run_against(plane, wire, *GET + ("--output", form), echoes=True).out
    plane.script(Reply(wire))
    assert save_to_folder(plane, tmp_path / "out").code == 0
    assert data in [path.read_bytes() for path in (tmp_path / "out").iterdir()]


@rule("2.7")
@pytest.mark.parametrize("unit", ["http:", "//", "http://", "@", "a@", "https:a", "x", TOKEN[:-1], "%", "%2", "%70"])
def test_masking_takes_time_in_proportion_to_the_text(plane, unit):
    # With the square of this million of characters it would take a minute at least.
    wire = execution([target({"kind": "tape"}, node=unit * (1000000 // len(unit)))])
    begun = time.monotonic()
    assert run_against(plane, wire, *GET).code == 1
    assert time.monotonic() - begun < PATIENCE
