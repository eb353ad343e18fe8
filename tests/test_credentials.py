"""Section 2: where server and token come from, what is refused, and what is never shown."""

import codecs
import json
import os
import re
import shlex

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN
from kit import HOME, LIST, WINDOWS, page, posix_only, rule, run_against, run_cli, shorten_id
from server import Reply

ANOTHER_FILE = "use a file that you own, with mode 0600, or a pipe"
OTHER = "another-token-0123456789"
NOBODY = 65534


class Home:
    """A home directory. Its config file, and a token file, are written by its methods."""

    def __init__(self, path):
        self.path, self.token_file = path, path / "token"
        self.config = path / ".config" / "plexctl" / "config.json"

    def write(self, text, base=""):
        """Write the config file, below another folder than ~/.config if `base` says so."""
        file = self.path / (base or ".config") / "plexctl" / "config.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o600)

    def write_profile(self, url, token=TOKEN, base=""):
        """Write a config file whose default is the profile lab."""
        self.write(json.dumps({"default": "lab", "profiles": {"lab": {"server": url, "token": token}}}), base)

    def write_token(self, token):
        """Write the token file, and return the flag that names it."""
        self.token_file.write_bytes(token if isinstance(token, bytes) else token.encode("utf-8", "surrogateescape"))
        self.token_file.chmod(0o600)
        return "--token-file=%s" % self.token_file

    def run(self, *argv, plane=None, **env):
        return run_cli(*LIST + argv, plane=plane, env=dict({HOME: str(self.path)}, **env))

    def tell(self, *argv, **options):
        """Run, and return the exit code, the error and the hint: `3 ERROR | HINT`, or `0 ` after a success."""
        result = self.run(*argv, **options)
        assert result.code == 0 or not result.out
        return "%d %s" % (result.code, " | ".join(re.findall("(?:error|hint): (.*)\n", result.err)))

    def run_with(self, source, token, plane, *argv):
        """Run against the plane with a token that comes from --token-file, PLEXSPHERE_TOKEN or a profile."""
        self.write_profile(plane.url, token if "profile" in source else None)
        argv += (self.write_token(token),) if source == "--token-file" else ()
        return self.run(*argv, PLEXSPHERE_TOKEN=token if source == "PLEXSPHERE_TOKEN" else "")


each_source = pytest.mark.parametrize("source", ["--token-file", "PLEXSPHERE_TOKEN", 'profile "lab"'])


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def read_bearers(plane):
    """Return the token of each request that came."""
    return [request.headers["authorization"][7:] for request in plane.requests]


# ---- 2.1, 2.2: which server and which token

#: Profiles with a server (s), a token (t) or both (st, and the default profile d). @ is the URL of the plane.
PROFILES = """{"default": "d", "profiles": {"s": {"server": "@/s"}, "t": {"token": "of-t"},
               "st": {"server": "@/st", "token": "of-st"}, "d": {"server": "@/d", "token": "of-d"}}}"""
#: What is said: the exit code and, after a success, the sources of server and token; otherwise the error and the hint.
#: Below it, after a config file, flags and variables. In a config file, L stands for the profile lab; @ is the server,
#: CONFIG the config file, F a token file, and hunter22 a secret.
SETTINGS = """
0 flag file
    PROFILES ~ --server=@/flag F --profile=st PLEXSPHERE_URL=@/env PLEXSPHERE_TOKEN=of-env
    PROFILES ~ --server=@/flag F --profile=nowhere
0 st st
    PROFILES ~ PLEXSPHERE_URL=@/env PLEXSPHERE_TOKEN=of-env --profile=st
0 st file
    PROFILES ~ --profile=st F
0 env t
    PROFILES ~ PLEXSPHERE_URL=@/env PLEXSPHERE_TOKEN=of-env --profile=t
0 flag t
    PROFILES ~ --profile=t --server=@/flag
0 s env
    PROFILES ~ PLEXSPHERE_URL=@/env PLEXSPHERE_TOKEN=of-env --profile=s
0 d env
    PROFILES ~ PLEXSPHERE_TOKEN=of-env
0 flag env
    PROFILES ~ --profile=s --server=@/flag PLEXSPHERE_TOKEN=of-env
0 env file
    PROFILES ~ F PLEXSPHERE_URL=@/env
0 env env
    PROFILES ~ PLEXSPHERE_URL=@/env PLEXSPHERE_TOKEN=of-env
0 d file
    PROFILES ~ F PLEXSPHERE_TOKEN=of-env
0 d d
    PROFILES ~
    PROFILES ~ PLEXSPHERE_URL=@/d PLEXSPHERE_TOKEN=
2 no server | pass --server, set PLEXSPHERE_URL, or use a profile with a server; profile "t" has none
    PROFILES ~ --profile=t
    PROFILES ~ F --profile=t
3 no token | pass --token-file, set PLEXSPHERE_TOKEN, or use a profile with a token; profile "s" has none
    PROFILES ~ --profile=s
    PROFILES ~ --profile=s --server=@/flag
3 no token | pass --token-file, set PLEXSPHERE_TOKEN, or use a profile with a token; there is no default profile
    ~
    {} ~
    ~ --server=@
2 no server | pass --server, set PLEXSPHERE_URL, or use a profile with a server; there is no default profile
    ~ PLEXSPHERE_TOKEN=x
    {"default": null, "profiles": null} ~ PLEXSPHERE_TOKEN=x
2 no server | pass --server, set PLEXSPHERE_URL, or use a profile with a server; profile "lab" has none
    {"default": "lab", L{"token": "x", "server": null}}} ~
    {"default": 1, L{}, "x": 1}} ~ --profile lab PLEXSPHERE_TOKEN=x
3 no token | pass --token-file, set PLEXSPHERE_TOKEN, or use a profile with a token; profile "lab" has none
    {Lnull}} ~ --profile lab
3 there is no config file | looked for HOME/xdg/plexctl/config.json and CONFIG
    ~ --profile lab
3 CONFIG has no profile with the given name | its profiles are: lab
    {L{}}} ~ --profile hunter22
    {L{}}} ~ --profile LAB
3 CONFIG has no profile with the given name | its profiles are: lab, b
    {L{}, "b": {}}} ~ --profile la
3 CONFIG has no profile with the given name | its profiles are: none
    {"profiles": null} ~ --profile lab
3 CONFIG: "default" names a profile that does not exist | its profiles are: lab
    {"default": "hunter22", L{}}} ~
    {"default": 1, L{}}} ~
    {"default": [], L{}}} ~
    {"default": "", L{}}} ~
3 CONFIG is not valid JSON
    { ~ --profile lab
3 CONFIG: top level: expected an object
    ["hunter22"] ~
3 CONFIG: profiles: expected an object
    {"profiles": "hunter22"} ~
3 CONFIG: profile "lab": expected an object
    {L"hunter22"}} ~ --profile lab
3 token of profile "lab": expected a string
    {L{"token": ["hunter22"]}}} ~ --profile lab
3 server of profile "lab": expected a string
    {L{"server": 1}}} ~ --profile lab PLEXSPHERE_TOKEN=x
3 the token is empty, or contains characters other than visible ASCII | it came from profile "lab"
    {L{"token": "", "server": "@"}}} ~ --profile lab PLEXSPHERE_TOKEN=x
2 the server of profile "lab": expected http(s)://host[:port][/prefix] | write it as https://HOST
    {"default": "lab", L{"server": "", "token": "x"}}} ~ --server=@
"""
ELSEWHERE = (
    '3 the token of profile "%s" is for %s, but the request would go to @ | the server came from %s; '
    "leave that out, or pass a token for it with --token-file"
)
SPECIAL_SETTINGS = [
    ("PROFILES", "PLEXSPHERE_URL=@", ELSEWHERE % ("d", "@/d", "PLEXSPHERE_URL")),
    ("PROFILES", "--server=@", ELSEWHERE % ("d", "@/d", "--server")),
    ("PROFILES", "--server=@ --profile=st PLEXSPHERE_TOKEN=x", ELSEWHERE % ("st", "@/st", "--server")),
    (
        '{"default": "lab", L{"server": "https://plane.test/a/", "token": "x"}}}',
        "--server=@",
        ELSEWHERE % ("lab", "https://plane.test/a", "--server"),
    ),
    ("[" * 100000, "--profile=lab", "3 CONFIG is not valid JSON"),
    (" ", "--profile=lab", "3 CONFIG is not valid JSON"),
]


def list_settings():
    """Yield the rows of both tables."""
    said = ""
    for line in SETTINGS.strip().splitlines():
        if line[0] == " ":
            yield tuple(line[4:].split("~")) + (said,)
        said = said if line[0] == " " else line


@rule("2.1", "2.2", "2.3b", "2.5a", "2.5c", "2.6a", "2.6b")
@pytest.mark.parametrize("config, words, said", SPECIAL_SETTINGS + list(list_settings()), ids=shorten_id)
def test_settings_come_from_the_first_source_or_are_explained(plane, home, config, words, said):
    if config.strip() or config == " ":
        home.write(config.replace("PROFILES", PROFILES).replace("L", '"profiles": {"lab": ').replace("@", plane.url))
    words = words.replace("@", plane.url).replace("F", home.write_token("of-file")).split()
    variables = dict(word.split("=") for word in words if word[:4] == "PLEX")
    plane.answer_to = lambda request: Reply(page())
    flags = [word for word in words if word[:4] != "PLEX"]
    told = home.tell(*flags, XDG_CONFIG_HOME=str(home.path / "xdg"), **variables)
    for request in plane.requests:
        told += request.target.split("/")[1] + " " + request.headers["authorization"][10:]
    told = re.sub("not valid JSON: [A-Za-z].*", "not valid JSON", told)  # Pythons differ in what they say
    told = told.replace(str(home.config), "CONFIG").replace(str(home.path), "HOME").replace(plane.url, "@")
    assert told.replace(os.sep, "/") == said
    assert plane.connections == len(plane.requests) == (said[0] == "0")


@rule("2.2a", "2.6a")
@pytest.mark.parametrize(
    "row",
    [
        "http://localhost:1/ HTTP://LOCALHOST:1 1",
        "http://127.0.0.1:1/A/ http://127.0.0.1:1/A 1",
        "http://127.0.0.1 http://127.0.0.1:80/ 1",
        "https://127.0.0.1:443 https://127.0.0.1 1",
        "http://127.0.0.1:1/A http://127.0.0.1:1/a 3",
        "http://127.0.0.1:1 http://127.0.0.1:2 3",
        "http://localhost:1 http://127.0.0.1:1 3",
        "http://127.0.0.1:443 https://127.0.0.1:443 3",
    ],
)
def test_servers_are_compared_after_parsing(home, row):
    """The server of the profile, that of --server, and the exit code: 1 if they are the same. Nobody listens there."""
    own, other, code = row.split()
    home.write_profile(own)
    assert home.run("--server", other).code == int(code)


# ---- 2.3: the config file


@rule("2.3", "2.5a")
@pytest.mark.parametrize(
    "home_is, xdg, found",
    [
        ("{}", None, ".config"),
        ("{}", "", ".config"),
        ("{}", "relative", ".config"),
        ("{}", "{}/none", ".config"),
        ("{}", "{}/xdg", "xdg"),
        ("{}", "{}/folder", None),
        ("relative", "{}/xdg", "xdg"),
        ("relative", None, None),
    ],
)
def test_config_file_is_searched_in_absolute_paths_only(plane, home, tmp_path, monkeypatch, home_is, xdg, found):
    """`found` is the folder of the config file that is used. Each has a token of its own."""
    monkeypatch.chdir(str(tmp_path))
    for base in (".config", "xdg", "relative", "relative/.config"):
        home.write_profile(plane.url + "/in/" + base, base=base)
    (tmp_path / "folder" / "plexctl" / "config.json").mkdir(parents=True)  # what cannot be read is not passed over
    home.run(**{HOME: home_is.format(tmp_path), "XDG_CONFIG_HOME": xdg and xdg.format(tmp_path)})
    assert [asked.target.split("/")[2] for asked in plane.requests] == ([found] if found else [])


@rule("2.3a")
def test_unneeded_config_file_is_not_opened(plane, home):
    home.write("no JSON")
    flag = home.write_token(TOKEN)
    assert [
        home.run(*argv, PLEXSPHERE_URL=plane.url).code
        for argv in ((flag,), (flag, "--profile=x", "--server", plane.url), (flag, "--profile=x"), ())
    ] == [0, 0, 3, 3]


# ---- 2.4: files with secrets


@rule("2.4", "2.4a")
@posix_only
@pytest.mark.parametrize("kind", ["token", "link", "config"])
def test_file_with_a_secret_must_be_closed_to_others(plane, home, kind):
    home.write_profile(plane.url)
    home.write_token(TOKEN)
    (home.path / "link").symlink_to(home.token_file)
    path = home.config if kind == "config" else home.path / kind
    for mode in (0o600, 0o400, 0o700, 0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o777):
        path.chmod(mode)
        told = home.tell(*["--token-file", str(path)] * (kind != "config"), PLEXSPHERE_URL=plane.url)
        refused = "3 %s is insecure: its mode %04o gives other users access | chmod 600 -- %s" % (path, mode, path)
        assert told == (refused if mode & 0o77 else "0 ")


@rule("2.4a")
@posix_only
@pytest.mark.parametrize("name", ["-rf", "it's", "$HOME", "x\ny", "/dev/null"], ids=ascii)
def test_chmod_hint_is_for_files_only_and_is_shell_quoted(home, tmp_path, monkeypatch, name):
    monkeypatch.chdir(str(tmp_path))
    home.write_token(TOKEN)
    home.token_file.chmod(0o644)
    home.token_file.rename(name.replace("/dev/null", "x"))
    hint = home.tell("--token-file=" + name, PLEXSPHERE_URL="http://127.0.0.1:1").partition(" | ")[2]
    has_cure = name not in ("x\ny", "/dev/null")
    assert hint == ("chmod 600 -- " + shlex.quote(name) if has_cure else ANOTHER_FILE)


#: The owner and the mode of a file, and what is said.
OWNERS = [
    (0, 0o600, "0 "),
    (NOBODY, 0o600, "0 "),
    (0, 0o640, "its mode 0640 gives other users access | use a file "),
    (NOBODY - 1, 0o600, "it belongs to another user (uid 65533) | use a file "),
    (NOBODY, 0o640, " | chmod 600 "),
]


@rule("2.4", "2.4a")
@pytest.mark.skipif(WINDOWS or os.geteuid() != 0, reason="needs root, who alone gives files to other users")
@pytest.mark.parametrize("owner, mode, says", OWNERS)
def test_file_belongs_to_the_user_or_root_and_only_own_ones_get_chmod(plane, home, monkeypatch, owner, mode, says):
    argv = home.write_token(TOKEN)
    home.token_file.chmod(mode)
    os.chown(str(home.token_file), owner, -1)
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    told = home.tell(argv, PLEXSPHERE_URL=plane.url)
    assert says in told and told.startswith("0 " if says == "0 " else "3 %s is insecure: " % home.token_file)


@rule("2.4b", "2.5")
@posix_only
def test_pipe_is_accepted_whatever_its_mode(plane, home):
    reading, writing = os.pipe()
    os.write(writing, b"  %s\r\n" % TOKEN.encode())  # as from <(pass show plexsphere)
    os.close(writing)
    os.fchmod(reading, 0o666)
    told = home.tell("--token-file", "/dev/fd/%d" % reading, plane=plane, PLEXSPHERE_TOKEN=OTHER)
    os.close(reading)
    assert (told, read_bearers(plane)) == ("0 ", [TOKEN])


@rule("2.4c")
@pytest.mark.parametrize("extra", [0, 1])
def test_token_file_is_limited_to_64_kib_and_config_file_to_1_mib(plane, home, extra):
    home.write_profile(plane.url)
    home.config.write_bytes((codecs.BOM_UTF8 + home.config.read_bytes()).ljust((1 << 20) + extra))
    flag = home.write_token((codecs.BOM_UTF8 + TOKEN.encode()).ljust((64 << 10) + extra))
    told = home.tell(flag, PLEXSPHERE_URL=plane.url) + home.tell()
    refused = "3 %s is larger than 64 KiB3 %s is larger than 1024 KiB" % (home.token_file, home.config)
    assert told == (refused if extra else "0 0 ")


# ---- 2.5, 2.6: tokens, files and servers that cannot be used


@rule("2.5", "2.5b")
@pytest.mark.parametrize(
    "token",
    [
        " \t\r\n",
        "hunter 22",
        "hunter\n22",
        "hunt\u00e922",
        "hunt\udcff22",
        "hunt\x7f22",
        "~\x1f!",
        "Bearer hunter22",
        "bearer  hunter22 ",
        "\n\t %s \r\n" % TOKEN,
    ],
    ids=ascii,
)
@each_source
def test_token_is_stripped_and_must_be_visible_ascii(plane, home, source, token):
    said = (
        'error: the token begins with "Bearer "\nhint: remove the word "Bearer" from the token; it came from %s\n'
        % source
        if "earer" in token
        else (
            "error: the token is empty, or contains characters other than visible ASCII\nhint: it came from %s\n"
            % source
        )
    )
    assert home.run_with(source, token, plane)[::2] == ((0, "") if TOKEN in token else (3, said))
    assert read_bearers(plane) == [TOKEN] * (TOKEN in token)


HIDDEN_PATHS = ["hunter22", "hunter22/x", "token/hunter22", "hunter22" * 600, "hunter22\0", ".hunter22"]


@rule("2.5a", "2.5d")
@pytest.mark.parametrize("name", HIDDEN_PATHS + ["./x", "../x", "~x", os.path.abspath("x"), "folder"], ids=shorten_id)
def test_unreadable_token_file_exits_3_and_only_a_path_is_shown(plane, home, tmp_path, monkeypatch, name):
    home.write_token(TOKEN)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(str(tmp_path))
    told = home.tell("--token-file", name, plane=plane)
    assert told.startswith("3 cannot read %s: " % ("the token file" if name in HIDDEN_PATHS else name))
    assert "hunter22" not in told and not plane.requests


@rule("2.6", "2.2a")
@pytest.mark.parametrize(
    "url, parts",
    [
        ("https://plane.test", "https plane.test 443 "),
        ("HTTP://A_b.Test./", "http a_b.test. 80 "),
        (" https://[2001:DB8::1]:65535/A/b%20c//\n", "https 2001:db8::1 65535 /A/b%20c"),
        ("http://127.0.0.1:1/~x;y=1,z!$&'()*+:@.-_", "http 127.0.0.1 1 /~x;y=1,z!$&'()*+:@.-_"),
        ("https://%s.test:00443" % ("a" * 63), "https %s.test 443 " % ("a" * 63)),
    ],
)
def test_server_has_scheme_host_port_and_prefix(url, parts):
    assert "%s %s %d %s" % program.Server.parse(url) == parts


#: p4ssw0rd stands for a secret in the wrong place.
NO_SERVERS = [
    "https://%s.test" % ("p4ssw0rd" * 8),
    "https://ann:p4ssw0rd@host",
    "https://host:p4ssw0rd@x",
    "https://host/a?p4ssw0rd",
    "https://p4ssw0rd:65536",
    "https://p4ssw0rd..test",
    "https://p4ssw0r\u00f6",
    "https://p4ssw0rd/\x7f",
    "https://p4ssw0rd/#f",
    "https://host:000443",
    "xhttps://p4ssw0rd",
    "https://p4ssw0rd?x",
    "https://p4ssw0rd:0",
    "https://p4ssw0rd:x",
    "https://p4ss\\w0rd",
    "https://[p4ssw0rd]",
    "https:///p4ssw0rd",
    "https://p4ssw0rd:",
    "https://p4ss w0rd",
    "https://.p4ssw0rd",
    "p4ssw0rd",
    "https:p4ssw0rd",
    "https://[::1",
    "https://::1",
    "//p4ssw0rd",
    "https://",
]


@rule("2.6", "2.6a", "1.14a")
@pytest.mark.parametrize("source", ["--server", "PLEXSPHERE_URL", 'profile "lab"'])
def test_malformed_server_exits_2_before_credentials_and_is_not_shown(home, source):
    for server in NO_SERVERS:
        home.write_profile(server, "")
        told = home.tell(
            *["--server", server] * (source == "--server"), PLEXSPHERE_URL=server if source == "PLEXSPHERE_URL" else ""
        )
        assert told == (
            "2 the server of %s: expected http(s)://host[:port][/prefix] | write it as https://HOST" % source
        ), server


# ---- 2.7: what is never shown


def echo(plane, text, token=TOKEN, header=""):
    """Return what the program says, with a trace, of an answer 400 that has this text as its detail."""
    answer = Reply({"detail": text}, 400, [("X-Echo", header)])
    return run_against(plane, answer, *LIST + ("-v",), env={"PLEXSPHERE_TOKEN": token}).err


@rule("2.7", "2.7a")
@pytest.mark.parametrize(
    "token, text, shown",
    [
        ("12345678", "not 12345678.", "not ***."),
        (TOKEN, TOKEN * 3, "***" * 3),
        ("a.c.e.g.", "abcdefgh", "abcdefgh"),
        ("a/c(e)g.[", "Bearer a/c(e)g.[", "Bearer ***"),
        ("1234567", "not 1234567", "not 1234567"),
    ],
    ids=["8 characters", "repeated", "dots are dots", "marks", "7 characters"],
)
def test_echoed_token_is_masked_from_8_characters_on(plane, token, text, shown):
    told = echo(plane, "<%s>" % text, token, "<%s>" % text)
    assert "< X-Echo: <%s>\n" % shown in told and "<%s>\n" % shown in told.split("\nerror: ")[1]
    assert "> Authorization: ***\n" in told


@rule("2.7a")
def test_trace_masks_the_values_of_five_headers(plane):
    names = "Cookie set-cookie LOCATION Authorization Proxy-authorization X-Cookie".split()
    said = run_against(plane, Reply(page(), headers=[(name, "hunter22") for name in names]), *LIST + ("-v",)).err
    assert [name for name in names if "< %s: ***\n" % name in said] == names[:-1] and said.count("hunter22") == 1


@rule("2.7", "2.5b")
@each_source
def test_token_from_any_source_is_masked_and_a_401_names_the_source(plane, home, source):
    plane.script(Reply({"detail": OTHER}, 401))
    result = home.run_with(source, OTHER, plane, "--profile=lab", "--action-name", OTHER, "--cursor=<%s>" % OTHER, "-v")
    assert result.code == 3 and OTHER not in result.err
    assert (
        "\nerror: HTTP 401 Unauthorized; ***\nhint: get a new token: the token from %s is invalid, expired or for "
        "another server\n" % source
    ) in result.err
    assert "action_name=***&" in result.err and "cursor=%3C***%3E" in result.err


@rule("2.7")
@pytest.mark.parametrize(
    "environ, file",
    [(OTHER, TOKEN), ("12345678", "12345678-and-more"), ("12345678-and-more", "12345678"), ("2345678-", "12345678-9")],
    ids=["unlike", "its beginning", "beginning with it", "within it"],
)
def test_token_variable_is_masked_beside_the_token_in_use(plane, home, environ, file):
    """The longest is masked first: the rest of it would be shown otherwise."""
    plane.script(Reply({"detail": "<%s> <%s>" % (environ, file)}, 400))
    told = home.tell(home.write_token(file), PLEXSPHERE_URL=plane.url, PLEXSPHERE_TOKEN=" %s\n" % environ)
    assert "<***> <***>" in told


@rule("2.7")
def test_secret_is_not_masked_on_stdout(plane):
    assert TOKEN.encode() in run_against(plane, page({"action": TOKEN}), *LIST, echoes=True).out


@rule("2.7")
def test_line_is_never_cut_inside_a_token(plane):
    for offset in range(3900, 4000, 9):  # a line has at most 4,000 characters
        told = echo(plane, "#" * offset + TOKEN + "#" * 50)
        assert TOKEN[:4] not in told and TOKEN[-4:] not in told, offset


@rule("2.7b")
def test_repr_shows_no_secret():
    server = program.Server.parse("https://plane.test")
    transport = program.Transport(server, TOKEN, proxy="http://ann:hunter:22@127.0.0.1:1")
    own = [value for value in vars(transport).values() if type(value).__module__ == program.__name__]
    assert {TOKEN, "hunter:22"} <= set(transport.secrets)
    assert own and not re.search("hunter|" + TOKEN, repr([transport] + own))
