#!/usr/bin/env python3
# /// script
# requires-python = ">=3.6"
# dependencies = []
# ///
"""plexctl exec-log: show what the actions of a plexsphere control plane did, and what each machine printed.

    plexctl_exec_log.py exec-log list --project UUID [flags]
    plexctl_exec_log.py exec-log get  --project UUID --id UUID [flags]

One file for Python 3.6 or newer, on the standard library alone. It only reads. The sections, helpers first and the
command line last; at module level every name is defined before it is used:

    Safe text     escape what must not reach a terminal or imitate our own lines
    Errors        one family of expected failures, each with its exit code
    Settings      find server, token and proxy in flags, environment and config file
    Transport     send GET requests over one kept connection: deadlines, retries, no redirects
    JSON text     decode values while their bytes still arrive
    Wire model    read and check the objects that the server sends
    Operations    fetch one page, all pages, one Execution; wait for its end
    Forms         turn a document into json, jsonl, yaml, a table, sections, bare bytes or a folder of files
    Command line  parse flags, own the standard streams, run

Programs may import it: the names in __all__ are public, all others may change.

    transport = Transport(Server.parse("https://plexsphere.example"), token)
    for page in walk(transport, project, {"status": "failed"}):
        for execution in page.elements:
            print(execution["id"], execution["action"])

What it touches, and what it trusts
-----------------------------------
Connections. It keeps one connection at a time. That goes to the host and port of --server, PLEXSPHERE_URL or the
profile (a server and a token that the config file names), or to the proxy that the environment names for that server.
The system's resolver looks up the name of the server, or that of the proxy if there is one. Only `GET` is sent, and
`CONNECT host:port` to a proxy before https. TLS is verified against the system's CAs, or those of --ca-file alone.

Token. It is sent in one header, to that server alone: redirects are refused, CONNECT does not carry it, and the token
of a profile that names a server goes to that server only. Plain http is refused unless the server is this host or
--allow-http is given. Over plain http these can read the token: the process that listens on that port, the network, and
an HTTP proxy (never used for this host). A proxy's own login goes to the proxy unencrypted.

Waiting. --timeout bounds these as a whole: the TLS handshake; one request up to the end of the response's headers; the
body of an error. It bounds these one by one: the connection to each address of a name; each read of a proxy's answer;
the wait for each piece of a body. It does not bound the lookup of a name, nor the opening of a pipe. A request is made
three times at most, after pauses of 30 s at most. So a server that sends a byte now and then holds the program for as
long as it likes; where that matters, run it under `timeout 300`.

Files read. The token file and the config file, which must be private: mode and owner are checked; of a pipe, which the
shell makes for `<(...)`, only the owner; on Windows neither. The file of --ca-file. Python, OpenSSL and the C library
read their own: modules, message catalogues, the system's CAs, openssl.cnf, resolver, user database, locale, time zone.

Files written. None, unless --output-dir is given: then new files of mode 0600 in one new or empty folder, whose parents
are not looked at. Python may write bytecode (.pyc) when this file is imported, and writes the TLS session keys to the
file that SSLKEYLOGFILE names, unless it runs with -I.

Environment. PLEXSPHERE_URL, PLEXSPHERE_TOKEN, PLEXSPHERE_PROJECT, XDG_CONFIG_HOME, HOME (USERPROFILE on Windows),
NO_COLOR, TERM; HTTP_PROXY, HTTPS_PROXY, NO_PROXY in either case and REQUEST_METHOD, through urllib; COLUMNS, LINES,
LANGUAGE, LC_ALL, LC_MESSAGES, LANG, through argparse. Python, the C library, the loader and OpenSSL read more: PYTHON*,
TZ, LC_*, HOSTALIASES, RES_OPTIONS, LD_*, SSLKEYLOGFILE, SSL_CERT_FILE, SSL_CERT_DIR, OPENSSL_*. Some of it can load
code into the process, and -I does not stop that: clear the environment (env -i) where it is not yours.

Never. It starts no process, evaluates nothing that it read, fetches no archived output and follows no redirect. Started
as a script, it imports nothing that lies beside it. (PYTHONPATH still counts, where an empty entry means the current
folder; -I turns it off.)

Secrets. On stderr these are masked, as they are and percent-encoded, if they have 8 characters or more: the token,
PLEXSPHERE_TOKEN, a proxy's password and login. What the server sends for stdout is not searched. Exceptions hold the
server's text as it came: a program that imports this file masks and escapes it itself.

The server, and the machines whose output it relays, are not trusted. On a terminal, which must be one for UTF-8, their
text is escaped. A JSON value may have 64 Mi characters (a quarter more may pass), an error's body 64 KiB. Not bounded
are the number of values, the blanks between them, the space on your disk, and memory as a whole: objects take twenty
times their text, and deeply nested ones are indented line by line. Set `ulimit -v` where that matters. An answer's `id`
is checked when it arrives, which may be after its targets were printed: then the exit code tells.

Only the caller can prevent that another program writes an output raw to a terminal (`| less -R`), that a copy of this
file was changed, or that somebody owns the account, the host, its CAs or its environment.

Where to look
-------------
    connecting; certificates                Transport._connect, make_tls_context
    the token's one header                  Transport.__init__
    the token's one server                  find_settings (its last step), Transport._check_status (redirects)
    secrets read from files                 read_private_file, find_strangers
    files made                              make_folder, open_new
    standard output and error, masking      Console, Console.line
    text made harmless                      make_terminal_safe, make_visible
    bounds of what is read                  JSONText._read_more, Transport._read_problem
"""

import sys

if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    # Take the script's folder off the import path, so that nothing beside it is imported. Python puts it first unless
    # -I or -P (`safe_path`, from 3.11 on) is given.
    del sys.path[0]

import argparse
import codecs
import gc
import io
import json
import os
import re
import stat
import time
from binascii import a2b_base64, b2a_base64
from collections import namedtuple
from functools import lru_cache, partial
from itertools import chain, count
from operator import is_not

TYPE_CHECKING = False       # type checkers take it for true; at run time `typing` is slow to import
if TYPE_CHECKING:
    import typing as t

WINDOWS = os.name == "nt"

__version__ = "3.0.0"
__all__ = ("main make_parser Transport Server Document get_page walk get_execution wait_for_execution OutputRef "
           "ExecLogError UsageError CredentialsError RemoteError APIError").split()


# ------------------------------------------------------------------------------------------------ Safe text

def escape(character: str) -> str:
    r"""Return one character as \xNN, \uNNNN or \UNNNNNNNN, which YAML and Python both read back."""
    if character < "\x80":
        return "\\x%02x" % ord(character)
    return character.encode("ascii", "backslashreplace").decode("ascii")


def make_visible(text: str) -> str:
    """Return text as one line of printable characters, everything else escaped."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else escape(character) for character in text)


def make_field(text: "t.Optional[str]") -> str:
    r"""Return text for a field that ends at a blank: `a b` becomes `a\x20b`, and None or empty becomes `-`. A backslash
    stays as it is, so this cannot be undone."""
    return make_visible(text or "-").replace(" ", "\\x20")


# What is looked at before it goes to a terminal. Tab, LF and ASCII from blank to `~` are not matched, and pass.
DOUBTFUL = ("\r\n"                          # CR LF: passes
            "|\x1b\\[[0-9;:]*m"             # an SGR colour, as `\x1b[1;31m`: passes if colours are wanted
            "|[^\t\n\r\x1b -~]+"            # anything else but CR and ESC: passes if printable, as `\u00e9`
            "|[\r\x1b]")                    # any other CR or ESC: escaped

# The beginning of a line that a person could take for a section header: `==>`, ` = =>`, `\x1b[1m=\u200b=>`. Before and
# between the three characters may stand colours, blanks and anything outside ASCII, much of which is invisible. No two
# parts of GAP match the same character, so the search takes linear time.
GAP = "[^!-~\n\x1b]*(?:\x1b\\[[0-9;:]*m[^!-~\n\x1b]*)*"
FORGED_HEADER = "(?m)^(%s)=(?=%s=%s>)" % (GAP, GAP, GAP)


def make_terminal_safe(data: bytes, colours: bool = True) -> bytes:
    """Return output bytes for a UTF-8 terminal. Printable characters, tab, LF, CR LF and, if `colours`, SGR colours
    pass; everything else is shown as an escape. No line begins as a section header does. (A line that the terminal
    wraps, or look-alike characters, may still seem to. The `N bytes` of a real header count what came, not what is
    shown.) Colour is reset at the end."""
    def replace(match):
        found = match.group()
        # Of the four alternatives, only a colour contains ESC [. SGR 8, as in `\x1b[1;8m`, conceals text, and is not
        # let through; other ways to conceal, as black on black, are.
        is_colour = "\x1b[" in found and colours and not re.search("[\\[;:]0*8[;:m]", found)
        return found if found == "\r\n" or is_colour else make_visible(found)

    text = re.sub(DOUBTFUL, replace, data.decode("utf-8", "backslashreplace"))
    text = re.sub(FORGED_HEADER, "\\1\\\\x3d", text)        # `==>` becomes `\x3d=>`
    return (text + "\x1b[0m" if "\x1b" in text else text).encode("utf-8")


def error_text(error: Exception) -> str:
    """Return what an exception of the standard library says, or else its name."""
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


# --------------------------------------------------------------------------------------------------- Errors

class ExecLogError(Exception):
    """An expected failure. main prints `error: MESSAGE` and `hint: HINT`, and returns `exit_code`. This class itself is
    raised for standard output, the output folder, and a --node that is not there. The message may quote the server."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint    # the next step, or empty


class UsageError(ExecLogError, argparse.ArgumentTypeError):
    """The command line, or a setting that stands for a flag, cannot be used. It is argparse's own error too, so that
    a function that raises it serves as a `type=`."""

    exit_code = 2


class CredentialsError(ExecLogError):
    """There is no token, or one that must not be used."""

    exit_code = 3


class RemoteError(ExecLogError):
    """The read failed at the server or on the way to it, or the answer is not what was asked for. If `retryable`,
    Transport.get asks again: the server is overloaded, or an open connection was lost before the response. If
    `transient`, a wait for an Execution goes on: retryable failures, failed connections, timeouts and cut bodies."""

    retry_after = None      # type: t.Optional[float]     # seconds for which the server wants to be left alone

    def __init__(self, message: str, hint: str = "", retryable: bool = False, transient: bool = False) -> None:
        super().__init__(message, hint)
        self.retryable = retryable
        self.transient = transient or retryable


API_HINT = "check --server, PLEXSPHERE_URL or the profile: is this the API?"
PROXY_HINT = "check HTTPS_PROXY, HTTP_PROXY (user:password@ before the host if it wants a login) and NO_PROXY"
OVERLOAD_HINT = "the server is overloaded or restarting: try again in a minute"
STATUS_HINTS = {
    400: "the server refused the value of a flag",
    401: "log in again: the token is missing, expired or not this server's",
    403: "ask an owner of the Project to let this token read its Executions",
    404: "check --project, --id and --server: no such thing there, or it is hidden from this token",
    407: PROXY_HINT,
    429: "too many requests: try again in a minute",
    500: "the server failed: try again, then give its operators the time, the command and any correlation id",
    501: "this server runs no actions: its operators must provision the actions dispatch first",
    502: OVERLOAD_HINT,
    503: OVERLOAD_HINT,
    504: OVERLOAD_HINT,
}


class APIError(RemoteError):
    """An answer whose HTTP status is neither 200 nor a redirect. This is the one place where a status and the `code` of
    a Problem (RFC 9457) become an exit code."""

    def __init__(self, status: int, phrase: str, problem: "t.Dict[str, t.Any]",
                 retry_after: "t.Optional[float]" = None) -> None:
        def read(name):
            """Return a member of the Problem as text, empty if it is none. `relation_path` is a list of texts."""
            value = problem.get(name)
            if isinstance(value, list):
                value = " > ".join(step for step in value if isinstance(step, str))
            return value if isinstance(value, str) else ""

        parts = [("HTTP %d %s" % (status, read("title") or phrase)).strip()]
        labels = {"detail": "", "code": "code ", "reason": "reason: ", "relation_path": "relation path: ",
                  "correlation_id": "correlation id: "}
        parts += [label + read(name) for name, label in labels.items() if read(name)]
        message = "; ".join(parts)

        # Name the flag that a 400 is about: `cursor` for the code `invalid_cursor`, but not for `cursors`.
        hint = STATUS_HINTS.get(status, "")
        blamed = re.search("(?<![a-z])(cursor|limit|status)(?![a-z])", message)
        if status == 400 and blamed:
            hint = "the server refused the value of --" + blamed.group()

        super().__init__(message, hint, retryable=status in (429, 502, 503, 504))
        self.status = status            # of HTTP
        self.problem = problem          # the JSON object of the body, empty if it had none
        self.retry_after = retry_after
        if status == 401:
            self.exit_code = 3
        elif status == 403:
            self.exit_code = 77 if problem.get("code") == "rebac_denied" else 4


KINDS = {str: "a string", dict: "an object", list: "a list"}


def check_type(value: "t.Any", kind: type, what: str,
               error: "t.Callable[[str], ExecLogError]" = RemoteError) -> "t.Any":
    """Return a JSON value if it is null or of the kind. Raises the error for any other value, as `status: expected a
    string` for the status."""
    if value is not None and not isinstance(value, kind):
        raise error("%s: expected %s" % (what, KINDS[kind]))
    return value


# ------------------------------------------------------------------------------------------------- Settings

# As `https://[::1]:8443/prefix/`: scheme, host, port and path. The look ahead wants visible ASCII alone. No host holds
# `@`, and no path `?` or `#`: a URL with a login or a query does not match. (Patterns that a run may not need are
# strings: they are compiled at their first use.)
SERVER_URL = r"(?=[!-~]+\Z)([hH][tT][tT][pP][sS]?)://(\[[0-9a-fA-F:.]+\]|[^/?#@:\[\]\\]+)(?::([0-9]{1,5}))?(/[^?#]*|)"
DEFAULT_PORTS = {"http": 80, "https": 443}


class Server(namedtuple("Server", "scheme host port prefix")):
    """Where the API is: `http` or `https`, a lower-case host without brackets, a port, a path without a last slash."""

    @classmethod
    def parse(cls, url: str, where: str = "") -> "Server":
        """Parse `http(s)://host[:port][/prefix]` in visible ASCII. `where` ends the error's message, as ` in NAME`.
        Raises UsageError, which does not quote the URL: what is wrong with it may be a password."""
        match = re.fullmatch(SERVER_URL, url)
        # Without a match say port 0, which is refused below.
        scheme, host, digits, path = match.groups() if match else ("http", "", "0", "")
        port = int(digits or DEFAULT_PORTS[scheme.lower()])
        if not 0 < port < 65536:
            raise UsageError("expected http(s)://host[:port][/prefix]" + where)
        return cls(scheme.lower(), host.strip("[]").lower(), port, path.rstrip("/"))

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110, 7.2)."""
        host = "[%s]" % self.host if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else "%s:%d" % (host, self.port)

    @property
    def url(self) -> str:
        """The URL in its shortest spelling."""
        return "%s://%s%s" % (self.scheme, self.authority, self.prefix)


def find_strangers(status, forbidden):
    """Return how anyone but the user and root has access to a file or folder, or "" if nobody has. `status` is its
    os.stat() result, `forbidden` the permission bits that let others in. On Windows nothing is checked: it has neither
    modes nor owners of this kind."""
    if WINDOWS:
        return ""
    if status.st_uid not in (0, os.geteuid()):
        return "it belongs to another user (uid %d): make one of your own" % status.st_uid
    mode = status.st_mode & 0o7777
    return "its mode %04o lets others in" % mode if mode & forbidden else ""


def read_private_file(path, limit, alias):
    """Return the text of a file that holds a secret, without its byte order mark. Raises CredentialsError if it is not
    private, not readable or larger than `limit` bytes. Where no file of that name was found, the error shows `alias`
    instead of the name: it may be a token that was pasted in the wrong place."""
    try:
        with open(path, "rb") as file:
            # Check the opened file, so that its name cannot be pointed elsewhere meanwhile. A pipe, as the shell makes
            # for `<(...)`, may have any mode: 0 forbids no bit.
            status = os.fstat(file.fileno())
            problem = find_strangers(status, 0 if stat.S_ISFIFO(status.st_mode) else 0o077)
            if problem:
                import shlex
                # chmod mends a mode, but no owner, and no device.
                is_mendable = "mode" in problem and stat.S_ISREG(status.st_mode)
                raise CredentialsError("%s is insecure: %s" % (path, problem),
                                       "chmod 600 -- " + shlex.quote(path) if is_mendable else "")
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:      # ValueError: a NUL in the name
        # These two errors show that the path exists, so it is no token.
        name = path if isinstance(error, (PermissionError, IsADirectoryError)) else alias
        raise CredentialsError("cannot read %s: %s" % (name, error_text(error)))

    if len(data) > limit:
        raise CredentialsError("%s is larger than %d KiB" % (path, limit >> 10))
    return data.decode("utf-8-sig", "replace")


def read_profile(name):
    """Return (name, members) of the named profile, or of the config file's default profile if `name` is None; (None,
    {}) if there is no default. The file holds {"default": NAME, "profiles": {NAME: {"server": URL, "token": TOKEN}}}.
    Only what is used is checked. Raises CredentialsError."""
    # Find the config file.
    home = os.environ.get("USERPROFILE" if WINDOWS else "HOME", os.path.expanduser("~"))
    bases = os.environ.get("XDG_CONFIG_HOME", ""), os.path.join(home, ".config")
    paths = [os.path.join(base, "plexctl", "config.json") for base in bases if os.path.isabs(base)]
    path = next(filter(os.path.lexists, paths), None)

    # Read what is needed of it. No file, and an empty JSON value, count as {}.
    try:
        config = path and json.loads(read_private_file(path, 1 << 20, path)) or {}
        if name is None:
            name = config.get("default")
        if name is None:
            return None, {}
        profiles = config.get("profiles") or {}
        if name in profiles:
            return name, dict(profiles[name] or {})
    except (ValueError, RecursionError, AttributeError, TypeError):
        raise CredentialsError('%s is not JSON of the form {"default": NAME, "profiles": {NAME: {"server": URL, '
                               '"token": TOKEN}}}' % path)
    raise CredentialsError('there is no profile "%s" in %s' % (name, path or " or ".join(paths)))


def clean_token(token):
    """Return the token without white space around it. Raises CredentialsError unless it is visible ASCII. (http.client
    refuses other characters too, but quotes the whole token in its error.)"""
    token = token.strip()
    if not re.fullmatch("[!-~]+", token):
        raise CredentialsError("the token is empty, or not one line of visible ASCII without blanks")
    return token


def find_settings(flags):
    """Return (server, token). Each comes from the first source that has it: its flag, the profile that --profile names,
    the environment (PLEXSPHERE_URL, PLEXSPHERE_TOKEN), the config file's default profile. --profile turns the default
    profile off. A profile's token goes to the profile's own server. So with every pair of sources:

                        token: --token-file     --profile           environment     default profile
        server: --server       sent             same server only    sent            same server only
                --profile      sent             sent                sent            (not used)
                environment    sent             same server only    sent            same server only
                default        sent             (not used)          sent            sent

    `same server only` is the last step below: sent if the profile has no server of its own, or that very one; else
    CredentialsError. The config file is opened only if something is needed from it. Raises UsageError for a bad or
    missing server, and CredentialsError for a bad or missing token."""
    load_profile = lru_cache()(lambda: read_profile(flags.profile))

    def find(key, variable):
        """Return the value for which there is no flag, and its source: from --profile's profile, else the variable
        (empty counts as unset), else the default profile. No variable has the name "": that leaves the profile."""
        value, source = os.environ.get(variable) or None, variable
        if flags.profile or value is None:
            name, profile = load_profile()
            member = check_type(profile.get(key), str, '%s of profile "%s"' % (key, name), CredentialsError)
            if member is not None:
                return member, 'profile "%s"' % name
        return value, source

    # Find the server first: a bad one is reported before credentials are looked for.
    server, server_source = flags.server, "--server"
    if not server:
        url, server_source = find("server", "PLEXSPHERE_URL")
        if url is not None:
            server = Server.parse(url, " in " + server_source)

    # Find the token.
    if flags.token_file:
        token, source = read_private_file(flags.token_file, 64 << 10, "the file of --token-file"), ""
    else:
        token, source = find("token", "PLEXSPHERE_TOKEN")
    if token is None:
        raise CredentialsError("no token", "give --token-file, PLEXSPHERE_TOKEN or a profile that has one")
    token = clean_token(token)
    if server is None:
        raise UsageError("no server", "give --server, PLEXSPHERE_URL or a profile that has one")

    # Keep a profile's token from any server but the profile's own. The token's source is `profile "NAME"`, the name of
    # a variable, or empty for --token-file.
    own_url = find("server", "")[0] if source.startswith("profile") else None
    own = server if own_url is None else Server.parse(own_url, " in " + source)
    if own != server:
        raise CredentialsError(
            "the token of %s is for %s, but the request would go to %s (from %s)"
            % (source, own.url, server.url, server_source),
            "for that server give its own token with --token-file or PLEXSPHERE_TOKEN; for the profile's server leave "
            "out --server and unset PLEXSPHERE_URL")
    return server, token


def is_this_host(host: str) -> bool:
    """Tell whether the host is this machine: a loopback or unspecified address, or the name `localhost`, whatever the
    resolver makes of it."""
    import ipaddress
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("localhost", "localhost.")
    return address.is_loopback or address.is_unspecified


class Proxy:
    """An HTTP proxy. Not a namedtuple, so that repr() does not show the password."""

    def __init__(self, url: str, variable: str) -> None:
        """Parse `[http://][user:password@]host[:port]`. `variable` names its source in messages. Raises UsageError."""
        scheme, _, rest = url.rpartition("://")
        user_info, at, address = rest.rpartition("@")
        server = Server.parse("http://" + address, " in " + variable)
        if scheme.lower() not in ("", "http"):
            raise UsageError("expected http://host:port in " + variable)
        self.host, self.port = server.host, server.port
        self.headers = {}               # for the proxy alone
        self.secrets = []               # texts that must not be shown: the header, the login as given, the password

        if at:      # RFC 7617
            from urllib.parse import unquote_to_bytes
            login = unquote_to_bytes(os.fsencode(user_info if ":" in user_info else user_info + ":"))
            basic = b2a_base64(login, newline=False).decode("ascii")
            self.headers = {"Proxy-Authorization": "Basic " + basic}
            self.secrets = [basic, user_info, login.decode("utf-8", "replace").partition(":")[2]]


def find_proxy(server):
    """Return the Proxy that the environment names for the server, or None. urllib.request reads the variables: the name
    in lower case wins, and HTTP_PROXY does not count in a CGI script (where REQUEST_METHOD is set). This host is never
    reached through a proxy."""
    variable = server.scheme + "_proxy"
    if variable not in map(str.lower, os.environ) or is_this_host(server.host):
        return None     # as nearly always: urllib.request is slow to import
    from urllib.request import getproxies_environment, proxy_bypass_environment
    proxies = getproxies_environment()
    url = proxies.get(server.scheme)
    if not url or proxy_bypass_environment("%s:%d" % (server.host, server.port), proxies):
        return None
    return Proxy(url, variable.upper())


# ------------------------------------------------------------------------------------------------ Transport
#
# How http.client is used. HTTPConnection.connect() looks up the name, connects, asks the proxy for a tunnel and shakes
# hands; its timeout bounds each single read, so in what follows a server that drips a byte a second could hold the
# program for ever. Therefore the connection's socket is then replaced by a TimedSocket, which gives every read the time
# that is left until one deadline. These calls are made on the stand-in:
#
#     request()        calls sendall() for the request
#     getresponse()    calls makefile() for a reader of this one response, and reads status and headers
#     read1(n)         reads from that reader, n bytes at most; b"" is the end
#     close()          of a `Connection: close` response is called as soon as the headers are in, while the body is
#                      still to be read. So the stand-in's does nothing; Transport.close() closes the real socket.
#
# There is one deadline for a request with all headers of its response, one for the body of an error, and a new one for
# each piece of a good body: a large one may take long, and is printed as it comes.
#
# How the end of a body is recognized, by HTTPResponse.read1() and by what it leaves:
#
#     kind of body                at its end                       if the connection is cut before
#     Content-Length: N           b"", response.length is 0        b"", response.length is what is missing
#     Transfer-Encoding: chunked  b"" after the last chunk         raises IncompleteRead or ValueError
#     neither                     b"", response.length is None     b"": the JSON text is incomplete, and tells

SLICE = 1 << 18                     # most bytes taken from the network at once; larger ones were no faster
ERROR_BODY_LIMIT = 64 << 10         # bytes: a Problem has a few hundred
DEFAULT_TIMEOUT = 30.0              # seconds
RETRY_PAUSES = (0.5, 1.0)           # seconds before the first and the second retry

OTHER_NAME_HINT = "the certificate is for another name: check the host of --server; --ca-file does not help"
TLS_HINTS = {       # by OpenSSL's X509_V_ERR code (from 3.7 on), or else by the reason of an SSLError
    9: "the certificate is not valid yet: is this host's clock right?",
    10: "the server's operator must renew its certificate; --ca-file does not help",
    62: OTHER_NAME_HINT,
    64: OTHER_NAME_HINT,
    "CERTIFICATE_VERIFY_FAILED": "is it signed by a CA of your own? then name that with --ca-file",
    "WRONG_VERSION_NUMBER": "the port speaks no TLS: check it, or use http:// if the server is on this host",
}


def timed_out(phase, seconds, hint=""):
    """Return the error for a wait that took too long."""
    return RemoteError("timed out: %s took more than %g s" % (phase, seconds),
                       hint or "a slow server or network may need a longer --timeout", transient=True)


class TimedSocket(io.RawIOBase):
    """A connected socket that http.client reads and writes. begin() starts a phase; all reads and writes of a phase
    share one deadline."""

    def __init__(self, sock, clock):
        import socket
        self.sock = sock            # the real one
        self.received = False       # whether something came since the last request
        self.ended = False          # whether a read that waited found the connection closed
        self._clock = clock
        self._expired = socket.timeout

    def begin(self, phase, seconds):
        """Allow so many seconds for all that is done until the next begin(). `phase` names it in the error."""
        self._phase, self._seconds = phase, seconds
        self._deadline = self._clock() + seconds

    def _run(self, operation, data):
        """Run a socket's operation within the deadline. Raises RemoteError past it, and OSError as the operation
        does."""
        left = self._deadline - self._clock()
        try:
            if left > 0:
                self.sock.settimeout(left)
                return operation(data)
        except self._expired:
            pass
        # No time was left, or it has passed.
        raise timed_out(self._phase, self._seconds)

    def sendall(self, data):
        """Send a request. Raises RemoteError, OSError."""
        self.received = False
        self._run(self.sock.sendall, data)

    def makefile(self, *_):
        """Return the buffered reader of one response. What the server sent beyond that response is lost with it."""
        return io.BufferedReader(self, SLICE)

    def readable(self):
        return True

    def readinto(self, buffer):
        """Wait for bytes, then take all that are there without waiting: one TLS read gives 16 KiB at most. Raises
        RemoteError, OSError."""
        # Wait for the first.
        size = self._run(self.sock.recv_into, buffer)
        self.received |= size > 0
        self.ended = not size

        # Take more, if there is any.
        taken = size
        self.sock.settimeout(0)
        try:
            while taken and size < len(buffer):
                taken = self.sock.recv_into(memoryview(buffer)[size:])
                size += taken
        except OSError:
            pass        # nothing more is there (BlockingIOError, SSLWantReadError), or a fault that the next read meets
        return size

    def close(self):
        """Do nothing; see the head of this section."""


def make_tls_context(ca_file):
    """Return the standard library's context, which verifies certificate and host name, with TLS 1.2 or newer. The
    system's CAs are trusted if `ca_file` is None, else those of the file alone. Raises UsageError for an unusable
    --ca-file, RemoteError if this Python has no ssl module."""
    try:
        import ssl
    except ImportError:
        raise RemoteError("this Python has no TLS: it was built without the ssl module", "run another Python")
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError, TypeError) as error:       # a NUL in the name is one of the last two
        raise UsageError("the file of --ca-file or SSLKEYLOGFILE cannot be used: " + error_text(error))
    if not hasattr(context, "minimum_version"):     # Python 3.6, or an OpenSSL older than 1.1.0
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    elif context.minimum_version < ssl.TLSVersion.TLSv1_2:      # as where openssl.cnf allows it; a stricter one stays
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def do_nothing(*_):
    """Do nothing. This is the default of callbacks."""


class Transport:
    """GET requests to one server over one kept connection. Not a namedtuple, so that repr() does not show the token.
    Making one raises RemoteError for plain http to another host unless `allow_http`, CredentialsError for a bad
    token."""

    def __init__(self, server: Server, token: str, ca_file: "t.Optional[str]" = None, timeout: float = DEFAULT_TIMEOUT,
                 allow_http: bool = False, proxy: "t.Optional[Proxy]" = None,
                 say: "t.Callable[[str, str], t.Any]" = do_nothing, trace: "t.Callable[[str], t.Any]" = do_nothing,
                 clock: "t.Callable[[], float]" = time.monotonic, sleep: "t.Callable[[float], t.Any]" = time.sleep,
                 before_wait: "t.Callable[[], t.Any]" = do_nothing) -> None:
        if server.scheme == "http" and not allow_http and not is_this_host(server.host):
            raise RemoteError("plain http to %s would show the token to the network" % server.host,
                              "use https://, or allow it with --allow-http")
        from http.client import HTTPException

        # What the caller wants.
        self.server = server
        self.clock, self.sleep = clock, sleep
        self._ca_file = ca_file
        self._timeout = timeout             # seconds
        self._proxy = proxy
        self._say = say                     # say(label, text) is told of each retry
        self._trace = trace                 # trace(text) is told of each request and response
        self._before_wait = before_wait     # called before each wait for the network

        # What is sent with each request.
        self._headers = {"Host": server.authority, "Authorization": "Bearer " + clean_token(token),
                         "Accept": "application/json", "Accept-Encoding": "identity",
                         "User-Agent": "plexctl-exec-log/" + __version__}

        # Where things stand.
        self.end = None             # type: t.Optional[float]     # a time of the clock that ends every wait
        self.received = 0           # bytes of bodies
        self._context = None        # of TLS, made at the first connection
        self._socket = None         # the TimedSocket of the connection that is kept
        self._is_idle = False       # whether the last body was read to its end, and another request may follow

        # What http.client raises. ValueError: a chunk size below 0 on 3.6, or a name that no host can have.
        self._faults = (OSError, HTTPException, ValueError)

    def close(self) -> None:
        """Close the kept connection, if there is one."""
        if self._socket:
            self._socket.sock.close()
        self._socket = None

    def bound(self, seconds: float) -> float:
        """Return the seconds, or what is left until `end` if that is less; 0 if it has passed."""
        return seconds if self.end is None else max(0.0, min(seconds, self.end - self.clock()))

    def get(self, path: str, parameters: "t.Dict[str, t.Union[str, bytes, None]]",
            pauses: "t.Iterable[float]" = RETRY_PAUSES) -> "t.Iterator[bytes]":
        """Send a GET, and return an iterator over the body of its 200 response. The headers are in on return; read the
        body before the next get. `path` is sent as it is. Parameters are percent-encoded, empty ones left out. A
        retryable failure up to the headers is retried after each of the pauses (seconds). Raises RemoteError, from the
        iterator too."""
        from urllib.parse import quote, urlencode
        query = urlencode([pair for pair in parameters.items() if pair[1]], quote_via=quote, safe="")
        target = self.server.prefix + path + ("?" + query if query else "")

        for pause in [*pauses, None]:     # None: do not retry any more
            self._before_wait()
            try:
                return self._read_slices(self._exchange(target))
            except RemoteError as error:
                if pause is None or not error.retryable:
                    raise
                if error.retry_after is not None:
                    pause = error.retry_after
                self._say("retry", "%s; again in %.1f s" % (error, pause))
                self.sleep(self.bound(pause))

    def _exchange(self, target):
        """Send one request and return its response, a 200 with its body unread. Otherwise close the connection and
        raise RemoteError."""
        if not self._is_idle:
            self.close()
        self._is_idle = False

        # Use the kept connection. If the server has closed it meanwhile, that is, it fails before any byte came, go
        # round again, silently, with a new one. With a new one a round returns or raises.
        for is_kept in (bool(self._socket), False):
            try:
                if not self._socket:
                    self._connect()
                return self._check_status(self._ask(target))
            except RemoteError as error:
                went_cold = is_kept and error.retryable and not self._socket.received
                self.close()
                if not went_cold:
                    raise

    def _connect(self):
        """Open a connection, through the proxy's tunnel for https. Raises RemoteError, and UsageError for the file of
        --ca-file."""
        from http.client import HTTPConnection
        server, proxy = self.server, self._proxy
        at, timeout = proxy or server, self.bound(self._timeout)

        # Prepare a connection that has not been opened yet.
        if server.scheme == "https":
            self._context = self._context or make_tls_context(self._ca_file)
            from http.client import HTTPSConnection
            connection = HTTPSConnection(at.host, at.port, timeout=timeout, context=self._context)
        else:
            connection = HTTPConnection(at.host, at.port, timeout=timeout)

        # Look up the name, connect, open the tunnel, shake hands. CONNECT carries the proxy's headers alone; the
        # certificate must be that of the tunnel's far end, the server.
        try:
            if proxy and server.scheme == "https":
                self._trace_lines(">", "CONNECT %s:%d" % (server.host, server.port), proxy.headers.items())
                connection.set_tunnel(server.host, server.port, proxy.headers)
            connection.connect()
        except self._faults as error:       # among them UnicodeError, for a name that no host can have
            connection.close()
            raise self._explain(error)

        # Put the stand-in in the socket's place. auto_open=0: http.client must not connect by itself.
        self._socket = TimedSocket(connection.sock, self.clock)
        connection.sock, connection.auto_open = self._socket, 0
        self._connection = connection       # http.client's

    def _explain(self, error):
        """Return the RemoteError for a connection that could not be made: name, TCP, proxy or TLS."""
        import socket
        ssl = sys.modules.get("ssl")        # a Python without TLS has none
        proxy, cause = self._proxy, error_text(error)
        where, hint = self.server.authority, API_HINT
        if proxy:
            where, hint = "proxy %s:%d" % (proxy.host, proxy.port), PROXY_HINT

        if isinstance(error, socket.timeout):
            return timed_out("connecting to " + where, self._timeout, proxy and hint)       # else: a longer --timeout
        if ssl and isinstance(error, (ssl.SSLError, ssl.CertificateError)):
            # Look for the certificate's error, then the handshake's. (The text holds the server's name: do not search
            # that for words.)
            hint = TLS_HINTS.get(getattr(error, "verify_code", 0)) or TLS_HINTS.get(getattr(error, "reason", 0), hint)
            return RemoteError("no TLS with %s: %s" % (self.server.authority, cause), hint)
        if isinstance(error, ConnectionRefusedError):
            return RemoteError("nothing listens at %s: connection refused" % where, hint, transient=True)
        if isinstance(error, (socket.gaierror, UnicodeError)):
            return RemoteError("the name of %s does not resolve" % where, hint)
        return RemoteError("cannot connect to %s: %s" % (where, cause), hint, transient=True)

    def _ask(self, target):
        """Send one request on the open connection, and return the response once its headers are complete. Raises
        RemoteError."""
        headers = self._headers
        if self._proxy and self.server.scheme == "http":
            target = "http://" + self.server.authority + target
            headers = dict(headers, **self._proxy.headers)
        self._trace_lines(">", "GET %s HTTP/1.1" % target, headers.items())

        # A lost connection shows as an OSError; as another error once it has ended; or not at all: http.client takes
        # the end of the connection for the end of the headers.
        self._socket.begin("the response", self.bound(self._timeout))
        try:
            self._connection.request("GET", target, headers=headers)
            response = self._connection.getresponse()
            if not self._socket.ended:
                self._trace_lines("<", "HTTP/1.1 %d %s" % (response.status, response.reason), response.getheaders())
                return response
        except OSError:
            pass
        except self._faults as error:
            if not self._socket.ended:
                raise RemoteError("what answers speaks no proper HTTP: %s" % error_text(error), API_HINT)
        raise RemoteError("the connection was lost before the response headers were complete", API_HINT,
                          retryable=True)

    def _trace_lines(self, mark, first, headers):
        """Trace a request or a response, its secrets masked."""
        self._trace(mark + " " + first)
        for name, value in headers:
            is_secret = name.lower() in "authorization proxy-authorization cookie set-cookie location".split()
            self._trace("%s %s: %s" % (mark, name, "***" if is_secret else value))

    def _check_status(self, response):
        """Return the response if it is a 200. Raises RemoteError for a redirect, APIError for any other."""
        if response.status == 200:
            return response

        # Name a redirect's target without the query, which may hold a code or a token. Mask our own token first: it may
        # hold a `?`.
        location = response.getheader("Location")
        if 300 <= response.status < 400 and location:
            masked = location.replace(self._headers["Authorization"][7:], "***")        # less `Bearer `
            raise RemoteError("HTTP %d: redirected to %s, and redirects are not followed: the token goes to the named "
                              "server only" % (response.status, re.split("[?#]", masked)[0]), "name the right --server")

        # Retry-After (RFC 9110, 10.2.3) may be a date too, which is not read. Half a minute is waited at most: a longer
        # pause would look like a hang.
        problem, retry_after = self._read_problem(response), response.getheader("Retry-After", "").strip()
        raise APIError(response.status, response.reason, problem,
                       min(float(retry_after), 30.0) if re.fullmatch("[0-9]+", retry_after) else None)

    def _read_problem(self, response):
        """Return the JSON object of an error's body, {} if there is none. Reads for one timeout and 64 KiB at most."""
        # Read up to the end or the limit: read1(0) returns b"" too.
        body = b""
        self._socket.begin("the error's body", self.bound(self._timeout))
        try:
            for piece in iter(lambda: response.read1(ERROR_BODY_LIMIT - len(body)), b""):
                body += piece
        except self._faults + (RemoteError,):
            pass

        # Decode it. What was cut is no JSON.
        try:
            problem = json.loads(body.decode("utf-8"), parse_int=float)     # an int of 5,000 digits fails on 3.11
        except (ValueError, RecursionError):
            return {}
        return problem if isinstance(problem, dict) else {}

    def _read_slices(self, response):
        """Yield the body as it arrives. Raises RemoteError."""
        timed_socket = self._socket
        try:
            while True:
                self._before_wait()
                timed_socket.begin("the next piece of the body", self.bound(self._timeout))
                piece = response.read1(SLICE)
                if not piece:
                    break
                self.received += len(piece)
                yield piece
        except self._faults as error:
            raise RemoteError("the connection was lost within the body: %s" % error_text(error), transient=True)

        # Is it whole? See the table at the head of this section.
        if response.length:
            raise RemoteError("the body ended short of what was announced; bytes missing: %d" % response.length,
                              transient=True)

        # Let the next request follow on this connection, unless the server closes it, or a later get() has opened
        # another one while this body was still read.
        response.close()    # before 3.13 a response stays open after its last byte, and the next one is refused
        self._is_idle = self._socket is timed_socket and not response.will_close


# ------------------------------------------------------------------------------------------------ JSON text

BLANKS = re.compile("[ \t\n\r]*")


def read_number(literal):
    """Return a JSON number that a double can hold. Raises JSONDecodeError, also for NaN and Infinity, which RFC 8259
    does not know."""
    if not abs(float(literal)) <= sys.float_info.max:       # `not <=`, so that NaN is caught too
        raise json.JSONDecodeError("a number that is not one of JSON, or too large: %.20s" % literal, "", 0)
    return int(literal) if literal.lstrip("-").isdigit() else float(literal)


def decode_utf8(slices):
    """Yield the text of UTF-8 slices. Raises RemoteError at the first byte that is not UTF-8, after all text before
    it."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    for piece in chain(slices, [b""]):      # the empty one is the end
        try:
            yield decode(piece, not piece)
        except UnicodeDecodeError as error:     # its object: what was left of the last slice, and this one
            yield error.object[:error.start].decode("utf-8")
            raise RemoteError("the body holds bytes that are not UTF-8", transient=not piece)


class JSONText:
    """The text of one JSON document (RFC 8259), read from byte slices only as far as it is needed. json's own decoder
    decodes every value; this class makes sure that all of the value has arrived. Raises RemoteError.

    Take `{"items":[1,2]}` as an example. take("{"), take_value() is `items`, take(":"), take("["), then
    `for _ in find_entries("]"): take_value()`, and so on; peek() shows what comes next."""

    def __init__(self, slices):
        self._pieces = decode_utf8(slices)
        self._scan = json.JSONDecoder(parse_float=read_number, parse_int=read_number,
                                      parse_constant=read_number).raw_decode
        self._text = ""         # a stretch of the document
        self._at = 0            # what stands before this place in _text has been taken
        self._ended = False     # whether the document ends where _text ends
        self._fault = None      # the RemoteError that comes after _text

    def _read_more(self, least):
        """Drop what has been taken, and append at least `least` characters to _text; fewer if the document ends or
        fails before. A failure is raised by the next call: what came before it is taken first."""
        if self._fault:
            raise self._fault
        pieces = [self._text[self._at:]]
        if len(pieces[0]) > 64 << 20:       # characters: three thousand times the largest output that is sent inline
            raise RemoteError("the body holds a value that is too large or malformed")

        try:
            while least > 0:
                pieces.append(next(self._pieces))
                least -= len(pieces[-1])
        except StopIteration:
            self._ended = True
        except RemoteError as error:
            self._fault = error
        self._text, self._at = "".join(pieces), 0

    def peek(self):
        """Return the next character that is no blank, without taking it; empty at the end."""
        while self._text[self._at:self._at + 1] <= " ":     # a blank, a control character, or nothing
            self._at = BLANKS.match(self._text, self._at).end()
            if self._ended or self._at < len(self._text):
                break
            self._read_more(1)
        return self._text[self._at:self._at + 1]

    def take(self, choices):
        """Take the next character that is no blank. It must be one of the choices."""
        character = self.peek()
        if not character or character not in choices:
            raise RemoteError("the body is malformed: expected %s, found %s" % (
                " or ".join(choices), character or "its end"), API_HINT, transient=not character)
        self._at += 1
        return character

    def take_value(self):
        """Take one whole value. If it cannot be decoded, it may only be incomplete: read more and try again, until the
        text ends or _read_more finds the value too large. So what is malformed is noticed only then."""
        self.peek()
        while True:
            # Do not let json scan an object without any `}`: it is incomplete, and to find that out takes json long.
            # (Unless the text has ended, peek has left a character at `at`.)
            text, at = self._text, self._at
            is_cut = not self._ended and text[at] == "{" and text.find("}", at) < 0
            try:
                if not is_cut:
                    value, end = self._scan(text, at)
                    # A number may go on in what is still to come: of `1e-5` only `1e-` may be here, of which json
                    # takes `1`. It is whole if, among the next three characters, there is one that no number holds.
                    if self._ended or not text[end - 1].isdigit() or text[end:end + 3].strip("+-.eE0123456789"):
                        self._at = end
                        return value
            except RecursionError:
                raise RemoteError("the body is nested too deeply")
            except ValueError as error:
                if self._ended:
                    # Tell a text that was cut, which is worth another try, from one that is wrong.
                    ends_early = error.pos >= len(text) or "Unterminated" in error.msg
                    raise RemoteError("the body ends early or is malformed: " + error.msg, transient=ends_early)
            # A quarter more at a time keeps the cost of all attempts at a few times the value's length.
            self._read_more(1 + (len(text) - at) // 4)

    def find_entries(self, end):
        """Yield before each entry of an object or an array, whose opening bracket has been taken; the caller takes the
        entry. At last take `end`."""
        if self.peek() == end:
            self._at += 1
            return
        yield
        while self.peek() == ",":
            self._at += 1
            yield
        self.take("," + end)    # no comma is there: it is named for the error's text


# ----------------------------------------------------------------------------------------------- Wire model

class Document:
    """One answer of the server, a JSON object, read as its bytes arrive. Reading raises RemoteError.

        for execution in get_page(transport, project, {}).elements: ...

    Three names for one cursor: `next_cursor` is the member that the server sends; `resume` is the cursor of what is
    still unread, at first that of this very page; a form's `cursor` is the one that it prints."""

    def __init__(self, slices: "t.Iterable[bytes]", array: str, expected_id: "t.Optional[str]" = None,
                 resume: str = "") -> None:
        self.array = array      # the name of the list that is streamed, `items` or `targets`
        # The members that arrived, in wire order: [] for the list, next_cursor last.
        self.members = {}       # type: t.Dict[str, t.Any]
        self.resume = resume    # the cursor that asks for what is still unread; empty for the beginning
        self.count = 0          # elements read so far
        self.succeeded = 0      # those of them whose status is `succeeded`
        self._text = JSONText(slices)
        self._expected_id = expected_id
        self._steps = self._read()
        # The elements that _read yields, without each None.
        self.elements = filter(partial(is_not, None), self._steps)  # type: t.Iterator[t.Dict[str, t.Any]]

    def read_members(self, *names: str) -> "t.Dict[str, t.Any]":
        """Read on until these members are known, and return what is known. Elements of the list that stand before them
        are lost."""
        for _ in self._steps:
            if self.members.keys() >= set(names):
                break
        return self.members

    def _read(self):
        """Read the object. Yield each element of the list, and None after each other member. next_cursor is added to
        the members when the object is complete: a document that breaks has none."""
        text, members, last = self._text, self.members, {}
        text.take("{")
        for _ in text.find_entries("}"):
            # Read the member's name. For what is no string, take() raises.
            name = text.take_value() if text.peek() == '"' else text.take('"')
            text.take(":")
            if name in members or name in last:
                raise RemoteError('the body has "%s" twice' % name)

            # Stream the list; take any other member as a whole.
            if name == self.array and text.peek() == "[":
                text.take("[")
                members[name] = []
                for _ in text.find_entries("]"):
                    element = text.take_value()
                    if not isinstance(element, dict):
                        raise RemoteError("%s: expected a list of objects" % name)
                    self.count += 1
                    self.succeeded += element.get("status") == "succeeded"
                    yield element
            else:
                kept = last if name == "next_cursor" else members
                kept[name] = self._check_member(name, text.take_value())
                yield None

        if text.peek():
            raise RemoteError("the body is malformed: it goes on after its end")
        needed = "items" if self._expected_id is None else "id"
        if needed not in members:
            raise RemoteError('the answer has no member "%s"' % needed, API_HINT)
        members.update(last)

    def _check_member(self, name, value):
        """Return a member's value. Raises RemoteError if it cannot be part of the answer to what was asked. `object` is
        any type. Where no id is expected, any will do."""
        check_type(value, {self.array: list, "next_cursor": str}.get(name, object), name)
        if name == "id" and self._expected_id not in (None, str(value).lower()):
            raise RemoteError("expected execution %s, the answer's id is %s" % (self._expected_id, value), API_HINT)
        return value


# `019f41fa-e706-7f35-8b48-2edd4d1a60e2`, and what Go's uuid.Parse takes too: `urn:uuid:` before it, braces around it,
# or 32 bare digits.
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
UUID_SPELLINGS = r"(?:urn:uuid:)?(%s)|\{(%s)\}|([0-9a-f]{32})" % (UUID, UUID)

# `2026-11-24T09:30:00.5Z`: a UTC time of RFC 3339. Without the Z, texts sort as the times do: `00` before `00.5`.
UTC_TIME = ("([0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)"
            r"(?:\.[0-9]+)?)Z")
FINAL_STATUSES = "succeeded failed cancelled timeout".split()
FAILED_STATUSES = FINAL_STATUSES[1:]


def parse_uuid(text: str, where: str = "") -> str:
    """Return the canonical lower-case spelling of a UUID. `where` ends the error's message, as ` in NAME`.
    Raises UsageError."""
    match = re.fullmatch(UUID_SPELLINGS, text.lower())
    if not match:
        raise UsageError("expected a UUID as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10" + where)
    digits = "".join(match.groups("")).replace("-", "")
    return re.sub("(.{8})(.{4})(.{4})(.{4})", r"\1-\2-\3-\4-", digits)


def get_text(record, name, where=""):
    """Return a member that is a string, None if it is null or absent. Raises RemoteError for any other type."""
    return check_type(record.get(name), str, where + name)


def has_failed(record):
    """Tell whether an Execution or a target ended without success."""
    return record.get("status") in FAILED_STATUSES


def read_created_at(execution):
    """Return when an Execution was created, without the Z, so that texts sort as times do. Raises RemoteError."""
    match = re.fullmatch(UTC_TIME, str(execution.get("created_at")))
    if not match:
        raise RemoteError("execution %s: created_at: expected a UTC time as 2026-11-24T09:30:00Z"
                          % execution.get("id"))
    return match.group(1)


def decode_base64(text: str) -> bytes:
    """Decode standard base64 with exact padding (RFC 4648, 4). Raises ValueError for anything else, as `QQ=`, `Q Q==`
    and `QQ==QQ==`. a2b_base64 skips foreign characters and whatever follows the padding: then the result is
    shorter than three bytes for each four characters, less the padding."""
    data = a2b_base64(text)
    padding = text.endswith("=") + text.endswith("==")
    if len(text) % 4 or len(data) != len(text) // 4 * 3 - padding:
        raise ValueError("inline_bytes: expected standard base64 with exact padding")
    return data


class OutputRef(namedtuple("OutputRef", "kind data location sha256 fault")):
    """A target's output.

        kind            data    location        sha256                          fault
        inline          bytes   ""              ""                              ""
        archived        b""     BUCKET/KEY      as it came, "" if absent        ""
        none            b""     ""              ""                              ""
        unreadable      b""     ""              ""                              what is wrong with it
    """

    @classmethod
    def from_wire(cls, ref: "t.Any") -> "OutputRef":
        """Read a target's `output_ref`. Whatever is wrong in it makes the output unreadable, and raises nothing."""
        if ref is None:
            return cls("none", b"", "", "", "")
        try:
            kind = get_text(check_type(ref, dict, "output_ref"), "kind")
            if kind == "inline":
                return cls(kind, decode_base64(get_text(ref, "inline_bytes") or ""), "", "", "")
            if kind != "object_store":
                raise ValueError('kind: unknown: "%s"' % kind)
            bucket, key = get_text(ref, "bucket"), get_text(ref, "key")
            if not (bucket and key):
                raise ValueError("bucket or key: expected a string that is not empty")
            return cls("archived", b"", "%s/%s" % (bucket, key), get_text(ref, "sha256") or "", "")
        except (ValueError, RemoteError) as error:      # binascii.Error is a ValueError
            return cls("unreadable", b"", "", "", str(error))


# ----------------------------------------------------------------------------------------------- Operations

EXECUTIONS = "/v1/projects/%s/executions"


def get_page(transport: Transport, project: str, parameters: "t.Dict[str, t.Any]") -> Document:
    """Ask for one page of a Project's Executions, and return it as soon as its headers are in. `project` is a canonical
    UUID, which is not checked. `parameters` are those of the API, text or bytes: status, action_name, limit, cursor.
    Raises RemoteError."""
    return Document(transport.get(EXECUTIONS % project, parameters), "items",
                    resume=os.fsdecode(parameters.get("cursor") or ""))


def walk(transport: Transport, project: str, parameters: "t.Dict[str, t.Any]") -> "t.Iterator[Document]":
    """Yield the pages of a Project's Executions. The next one is asked for when you come back for it. Raises
    RemoteError, also if a cursor repeats: Brent's algorithm (1980) finds a cycle of any length while it remembers one
    cursor, the 1st, then the 3rd, the 7th, the 15th and so on."""
    parameters = dict(parameters)
    remembered, steps, power = None, 0, 1       # steps since then; steps after which the next one is remembered
    while True:
        page = get_page(transport, project, parameters)
        yield page
        for _ in page.elements:
            pass        # read what the caller left
        cursor = page.members.get("next_cursor")
        if not cursor:
            return

        # Move on. If asking for the next page fails, this page's `resume` already is the cursor of that.
        try:
            parameters["cursor"] = cursor.encode("utf-8")
        except UnicodeEncodeError:
            raise RemoteError("next_cursor holds half a surrogate pair, which cannot be sent back")
        page.resume = cursor
        if cursor == remembered:
            raise RemoteError("the server's cursors go round in a circle: %s came again" % cursor)
        steps += 1
        if steps == power:
            remembered, steps, power = cursor, 0, power * 2


class JoinedPages:
    """All pages of a walk as one Document that has `items` alone. Its elements raise RemoteError. `page`, the one that
    is being read, is not there before the first has begun; then nothing is shown, and nobody asks for `resume`."""

    array = "items"

    def __init__(self, pages):
        self.members = {}       # `items`, once a page is complete
        self.page_count = 0     # pages that have begun to arrive
        self.count = 0          # Executions of those that have arrived
        self.elements = self._read(pages)

    @property
    def resume(self):
        """The cursor of what is still unread."""
        return self.page.resume

    def _read(self, pages):
        for self.page in pages:
            self.page_count += 1
            yield from self.page.elements
            self.count += self.page.count
            self.members["items"] = []      # now something has arrived, even if this page is empty


def select_last(executions: "t.Iterable[t.Dict[str, t.Any]]", number: int) -> "t.List[t.Dict[str, t.Any]]":
    """Return the `number` Executions that were created last, oldest first; of those created at one moment the ones that
    came last. Holds no more than these. Raises RemoteError."""
    from heapq import nlargest
    arrival = count()
    return nlargest(number, executions, key=lambda execution: (read_created_at(execution), next(arrival)))[::-1]


def get_execution(transport: Transport, project: str, execution_id: str,
                  pauses: "t.Iterable[float]" = RETRY_PAUSES) -> Document:
    """Ask for one Execution by its canonical id (not checked), and return it as soon as the headers are in. Its
    elements are the targets; OutputRef.from_wire reads the `output_ref` of one. Raises RemoteError."""
    return Document(transport.get("%s/%s" % (EXECUTIONS % project, execution_id), {}, pauses), "targets", execution_id)


def poll(transport, project, execution_id, told, say):
    """Ask for the status of an Execution until it is final, and return it; see wait_for_execution. Raises RemoteError.
    The pauses are 2 s, then each half as long again, 15 s at most."""
    known, pause = "", 2.0      # the last status, "" before the first answer; seconds
    while True:
        rest = pause            # of this round; longer if the server asks for it
        try:
            # Read the status alone: the targets may be many. The next request gives up what is left.
            document = get_execution(transport, project, execution_id, () if known else RETRY_PAUSES)
            status = get_text(document.read_members("id", "status"), "status")
            if make_field(status) != known:
                known = make_field(status)
                told(status)
            if status in FINAL_STATUSES:
                return status
        except RemoteError as error:
            # Wait out what may pass, once there was a good answer. bound() is 0 if the time is up: that is said below.
            if transport.bound(1.0):
                if not (known and error.transient):
                    raise
                say("retry", str(error))
            rest = max(pause, error.retry_after or 0.0)

        transport.sleep(transport.bound(rest))
        if not transport.bound(1.0):
            raise RemoteError("--wait-timeout passed; the last status was %s" % (known or "not answered"))
        pause = min(pause * 1.5, 15.0)


def wait_for_execution(transport: Transport, project: str, execution_id: str, seconds: "t.Optional[float]" = None,
                       told: "t.Callable[[t.Optional[str]], t.Any]" = do_nothing,
                       say: "t.Callable[[str, str], t.Any]" = do_nothing) -> str:
    """Wait until the status of an Execution is final, and return it. `told(status)` is given each change of it,
    `say(label, text)` each failure that is waited out. Raises RemoteError after so many seconds (None: never), and at
    once for a failure that waiting does not mend."""
    transport.end = None if seconds is None else transport.clock() + seconds
    try:
        return poll(transport, project, execution_id, told, say)
    finally:
        transport.end = None


# ---------------------------------------------------------------------------------------------------- Forms
#
# A form turns a document into what is printed. It renders the elements one by one. Where the document fails, its state
# says what may still be printed. Form.elements() alone decides on the state.
#
#     NOTHING     nothing arrived               print nothing
#     RESUMABLE   a cursor asks for the rest    complete what is printed, with that cursor as next_cursor
#     BROKEN      there is no such cursor       leave it visibly incomplete
#     WHOLE       it did not fail

NOTHING, RESUMABLE, BROKEN, WHOLE = "nothing", "resumable", "broken", "whole"


class Form:
    """The base of all forms. A form has render(element), which may raise RemoteError, and pieces(), which yields what
    is printed, text or bytes. pieces() does not raise what fails in the document or in rendering: it is kept in
    `failure`. `view` is the Console, of which forms use say(label, text), guard(bytes), paint(text, code), is_coloured
    and is_narrow."""

    shown = 0           # elements rendered so far
    state = NOTHING
    cursor = ""         # of the next page, or of what is still unread
    ending = ""         # what is printed after the elements
    failure = None      # the RemoteError at which the document ended

    def __init__(self, document, view):
        self.document = document
        self.view = view

    def pieces(self):
        yield from self.elements()
        yield self.ending

    def conclude(self):
        """Prepare the ending, once the state is known. It is not called if nothing arrived. In the state WHOLE it may
        raise RemoteError or RecursionError; then it is called once more, in another state, and must not raise."""

    def elements(self):
        """Yield the rendered elements. At the end, or where the document fails, set state, cursor and failure."""
        document = self.document
        try:
            for element in document.elements:
                rendered = self.render(element)
                self.shown += 1
                yield rendered
            self.state, self.cursor = WHOLE, document.members.get("next_cursor") or ""
            self.conclude()
        except (RemoteError, RecursionError) as error:
            self.failure = error
            if isinstance(error, RecursionError):
                self.failure = RemoteError("the body is nested too deeply to be printed")
            if self.shown or document.members:
                self.cursor = document.resume
                self.state = RESUMABLE if self.cursor else BROKEN
                self.conclude()


class WireForm(Form):
    r"""The base of json and yaml, which print the members of the document too. A form of this kind has two more
    methods, render_element(element) and render_member(name, value), and these texts to put between what they return,
    here those of json:

        start           `{\n  ` before the first member
        next_member     `,\n  ` before each other
        list_start      `"items": [\n    ` before the first element: the list is a member, too
        next_element    `,\n    ` before each other
        list_end        `\n  ]` after the last one, unless the list was cut
        end             `\n}\n`; broken_end, nothing, if the document is broken
    """

    seen = 0            # members of the document that were rendered or left out

    def render(self, element):
        text, array = self.render_element(element), self.document.array
        if self.shown:
            return self.next_element + text
        members = self.render_new_members(array)        # those before the list
        return self.start + self.next_member.join(members + [self.list_start % array + text])

    def conclude(self):
        members, array = self.document.members, self.document.array
        if self.state == RESUMABLE:
            members.setdefault(array, [])
            members["next_cursor"] = self.cursor

        # Render the other members; among them the list, if it is known to be empty. Close the list unless it was cut.
        is_broken, text = self.state == BROKEN, ""
        rest = self.render_new_members(array if self.shown or is_broken else None)
        if not self.shown:
            text = self.start + self.next_member.join(rest)
        elif rest or not is_broken:
            text = self.next_member.join([self.list_end] + rest)
        self.ending = text + (self.broken_end if is_broken else self.end)

    def render_new_members(self, left_out):
        """Return the texts of the members that arrived since the last call, except the one named `left_out`."""
        members, texts = self.document.members, []
        for name in list(members)[self.seen:]:
            self.seen += 1
            try:
                if name != left_out:
                    texts.append(self.render_member(name, members[name]))
            except RecursionError:
                if not self.failure:    # after a failure, leave it out
                    raise
        return texts


class JSONForm(WireForm):
    """The wire document, indented by 2. A broken one is left open, so that no parser takes it for whole."""

    start, next_member = "{\n  ", ",\n  "
    list_start, next_element, list_end = '"%s": [\n    ', ",\n    ", "\n  ]"
    end, broken_end = "\n}\n", ""
    encode = json.JSONEncoder(indent=2).encode

    def render_member(self, name, value):
        return self.encode({name: value})[4:-2]     # without the 4 characters `{\n  ` and the 2 `\n}`

    def render_element(self, element):
        return self.encode(element).replace("\n", "\n    ")


class JSONLinesForm(Form):
    """One compact object of the list on each line. The cursor goes to standard error."""

    encode = json.JSONEncoder(separators=(",", ":")).encode

    def render(self, element):
        return self.encode(element) + "\n"

    def conclude(self):
        if self.cursor:
            self.view.say("next_cursor", self.cursor)


YAML_WORDS = "y n yes no on off true false null".split()       # YAML 1.1 reads them as other types


def render_yaml_string(text):
    """Return a double-quoted scalar in ASCII, the one style that no loader of YAML 1.1 or 1.2 takes for another type.
    JSON's escapes are YAML's too; what JSON would write as a surrogate pair is one escape in YAML. Half a pair stays an
    escape that some loaders refuse."""
    return re.sub("[^ -~]", lambda found: escape(found.group()), json.dumps(text, ensure_ascii=False))


def render_yaml(value, pad):
    """Return the block form of a value: its first line as it is, each other one after `pad`. Raises RecursionError for
    a value that is nested too deeply. {"a": [{"b": 1, "c": 2}]} becomes

        a:
          - b: 1
            c: 2
    """
    deeper = pad + "  "
    lines = []
    if isinstance(value, dict):
        for name, inner in value.items():
            is_plain = re.fullmatch("[a-z][a-z_]{0,63}", name) and name not in YAML_WORDS
            lead = "\n" + deeper if inner and isinstance(inner, (dict, list)) else " "
            key = name if is_plain else render_yaml_string(name)
            lines.append(key + ":" + lead + render_yaml(inner, deeper))
    elif isinstance(value, list):
        for inner in value:
            lines.append("- " + render_yaml(inner, deeper))
    if lines:
        return ("\n" + pad).join(lines)

    # A scalar, or an empty collection.
    if isinstance(value, str):
        return render_yaml_string(value)
    text = json.dumps(value)
    # YAML 1.1 wants the dot that Python leaves out of 1e+22.
    return text.replace("e", ".0e") if isinstance(value, float) and "." not in text else text


class YAMLForm(WireForm):
    """The wire document in block style, ASCII."""

    start, next_member = "", "\n"
    list_start, next_element, list_end = "%s:\n", "\n", ""
    end, broken_end = "\n", "\n# incomplete\n"

    def render_member(self, name, value):
        return render_yaml({name: value}, "")

    def render_element(self, element):
        return "  - " + render_yaml(element, "    ")


COLUMNS = "ID STATUS TYPE TARGETS CREATED_AT UPDATED_AT ACTION".split()
WIDE_TERMINAL = 130     # columns: 111 of all others and their gaps, and an action of 19 characters
ROW_MEMBERS = "id status type created_at updated_at action".split()
TEXT_TYPES = {str, type(None)}
# The fraction of a second, as `.25` in `09:30:00.25Z`. The dot comes first, so that `re` looks back only where one is.
FRACTION = re.compile(r"\.(?<=:[0-9]{2}\.)[0-9]+")
STATUS_COLOURS = {"succeeded": "32", "failed": "31", "timeout": "31", "cancelled": "33", "started": "36", "ack": "36"}


def render_row(cells, view):
    """Return the line of a table for seven cells. ACTION is last because it has no bound."""
    identity, status, kind, targets, created, updated, action = cells
    if view.is_coloured:        # pad it first: escape codes are no width
        status = view.paint("%-9s" % status, STATUS_COLOURS.get(status))
    if view.is_narrow:
        return "%-36s  %-9s  %-7s  %-20s  %s" % (identity, status, targets, created, action)
    return "%-36s  %-9s  %-7s  %-7s  %-20s  %-20s  %s" % (identity, status, kind, targets, created, updated, action)


def render_header(view):
    """Return the line above a table."""
    return view.paint(render_row(COLUMNS, view), "1") + "\n"


def render_execution(execution, succeeded, total, view):
    """Return the row of an Execution. Raises RemoteError for a member of a wrong type."""
    values = [execution.get(name) for name in ROW_MEMBERS]
    if not TEXT_TYPES.issuperset(map(type, values)):
        raise RemoteError("execution %s: expected strings: %s" % (values[0], ", ".join(ROW_MEMBERS)))
    identity, status, kind, created, updated, action = values
    cells = [identity, status, kind, "%d/%d" % (succeeded, total), FRACTION.sub("", created or ""),
             FRACTION.sub("", updated or "")]

    # Look at the row as a whole: make_field changes no cell that is not empty, has no blank and is printable. This
    # spares a hundred thousand rows six looks each.
    joined = "".join([cell or " " for cell in cells])
    if " " in joined or not joined.isprintable():
        cells = [make_field(cell) for cell in cells]
    return render_row(cells + [make_visible(action or "-")], view) + "\n"


class TableForm(Form):
    """A row for each Execution of a listing; at the end the cursor of the next page."""

    def render(self, execution):
        targets = check_type(execution.get("targets"), list, "targets") or []
        # 0 is no status, and refused below.
        statuses = [target.get("status") if isinstance(target, dict) else 0 for target in targets]
        if not TEXT_TYPES.issuperset(map(type, statuses)):
            raise RemoteError("execution %s: targets: expected objects, whose status is a string"
                              % execution.get("id"))
        row = render_execution(execution, statuses.count("succeeded"), len(statuses), self.view)
        return row if self.shown else render_header(self.view) + row

    def conclude(self):
        self.ending = "" if self.shown else render_header(self.view)
        if self.cursor:
            self.ending += "next_cursor: %s\n" % make_visible(self.cursor)


class TargetForm(Form):
    """The base of the forms of an Execution that look into its targets."""

    def read_target(self, target):
        """Return (node id, status, OutputRef). Reports an output that is unreadable. Raises RemoteError."""
        node_id = get_text(target, "node_id", "a target's ")
        status = get_text(target, "status", "target %s: " % make_field(node_id))
        output = OutputRef.from_wire(target.get("output_ref"))
        if output.kind == "unreadable":
            self.view.say("error", "the output of target %s is unreadable: %s" % (make_field(node_id), output.fault))
        return node_id, status, output

    def conclude(self):
        document = self.document
        if self.state == WHOLE:
            row = render_execution(document.members, document.succeeded, document.count, self.view)
            self.ending = render_header(self.view) + row        # a recap


def describe_archived(output):
    """Return where an archived output is, and its digest if it has one."""
    return make_field(output.location) + (" (sha256:%s)" % make_field(output.sha256) if output.sha256 else "")


class SectionsForm(TargetForm):
    """A section for each target, as `==> NODE_ID STATUS N bytes <==` and the N bytes; then the recap."""

    def render(self, target):
        node_id, status, output = self.read_target(target)

        # Show it, and say what it is: `N bytes`, `no output`, `archived` or `unreadable`.
        body = self.view.guard(output.data)
        if output.kind == "archived":
            body = b"archived: %s\n" % describe_archived(output).encode("utf-8")
        what = {"inline": "%d bytes" % len(output.data), "none": "no output"}.get(output.kind, output.kind)
        if output.data[-1:] not in (b"\n", b""):
            body += b"\n"

        paint = self.view.paint
        header = (paint("==> %s " % make_field(node_id), "1")
                  + paint(make_field(status), STATUS_COLOURS.get(status, "1")) + paint(" %s <==" % what, "1"))
        return header.encode("utf-8") + b"\n" + body + b"\n"


class RawForm(TargetForm):
    """The bytes of the inline outputs, one after the other, and nothing else. Reports each target that has none."""

    def conclude(self):
        super().conclude()
        self.ending = ""        # no recap

    def render(self, target):
        node_id, _, output = self.read_target(target)
        if output.kind == "archived":
            self.view.say("error", "the output of target %s is archived: %s"
                          % (make_field(node_id), describe_archived(output)))
        elif output.kind == "none":
            self.view.say("no output", "target " + make_field(node_id))
        return self.view.guard(output.data)


def make_folder(path):
    """Make the output folder, or check that it is empty and nobody else can write to it. Return its absolute path.
    Raises ExecLogError, which says what is wrong with it."""
    try:
        folder = os.path.abspath(path)      # without a last slash or `/.`, behind which a link would not show
        if os.path.islink(folder):
            raise OSError("it is a symbolic link")      # an error like those of the calls below
        if not os.path.isdir(folder):
            os.mkdir(folder, 0o700)
        if os.listdir(folder):
            raise OSError("it is not empty")
        problem = find_strangers(os.stat(folder), 0o022)
        if problem:
            raise OSError(problem)
        return folder
    except (OSError, ValueError) as error:      # ValueError: a NUL in the name
        raise ExecLogError("--output-dir %s: %s" % (path, error_text(error)))


def open_new(path):
    """Open a new file, mode 0600, for bytes. Mode x fails if there is anything of that name, a link too."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


class FolderForm(TargetForm):
    """A file for each inline output, and `targets`, a line for each target, which is named `targets.partial` until
    all is there. Prints the recap alone. Holds the node ids of all targets. pieces() raises ExecLogError for a file
    that cannot be written."""

    def __init__(self, document, view, folder):
        super().__init__(document, view)
        self._folder = folder
        self._nodes = set()     # in lower case: names may differ by case alone, and some file systems ignore that

    def render(self, target):
        node_id, status, output = self.read_target(target)
        is_inline = output.kind == "inline"

        # Write the output to its file. A node id that is a UUID is a safe name.
        node = (node_id or "").lower()
        if node in self._nodes or not re.fullmatch(UUID, node):
            self.view.say("error", "target %s has no file: its node id came before, or is not a UUID"
                          % make_field(node_id))
        elif is_inline:
            with open_new(os.path.join(self._folder, node_id + ".out")) as file:
                file.write(output.data)
        self._nodes.add(node)

        # Write its line to the file that pieces() keeps open. make_field shows False as `-`.
        from hashlib import sha256
        fields = (node_id, status, output.kind, is_inline and "%d" % len(output.data),
                  sha256(output.data).hexdigest() if is_inline else output.sha256, output.location)
        self._targets.write(("\t".join(map(make_field, fields)) + "\n").encode("utf-8"))
        self._targets.flush()

    def pieces(self):
        path = os.path.join(self._folder, "targets")
        try:
            with open_new(path + ".partial") as self._targets:
                for _ in self.elements():
                    pass
            if self.state == WHOLE:
                os.rename(path + ".partial", path)
        except OSError as error:
            raise ExecLogError("cannot write %s: %s" % (error.filename or self._folder, error_text(error)))
        yield self.ending


LIST_FORMS = {"text": TableForm, "json": JSONForm, "yaml": YAMLForm, "jsonl": JSONLinesForm}
GET_FORMS = dict(LIST_FORMS, text=SectionsForm, raw=RawForm)


# --------------------------------------------------------------------------------------------- Command line

EXIT_CODES = """exit codes:
  0    everything asked for was written
  1    the transport, the server, an answer or output failed
  2    usage: the command line, or a setting for a flag
  3    credentials missing, insecure or refused (401)
  4    forbidden (403)
  5    with --exit-status: printed, but not succeeded
  77   forbidden for want of a relation (rebac_denied)
  130  interrupted (Ctrl-C)
  141  the reader of standard output went away
"""


class Examples(tuple):
    """Values to offer for completion. Any other value is accepted too."""

    def __contains__(self, value):
        return True


def require_text(text):
    """Return the text. Raises UsageError if it is empty: an unset variable, as in `--profile "$X"`, must not select
    another credential."""
    if not text:
        raise UsageError("expected a value that is not empty")
    return text


def parse_limit(text):
    """Return the digits of a page's size, empty for 0: the server's default. Raises UsageError."""
    if not re.fullmatch("[0-9]+", text):
        raise UsageError("expected a whole number of rows, 0 for the server's default")
    return text.lstrip("0")


def parse_count(text):
    """Return a number from 1 on. Raises UsageError."""
    if not re.fullmatch("0*[1-9][0-9]*", text):
        raise UsageError("expected a whole number from 1 on")
    return int(text.lstrip("0")[:18])       # no memory holds so many Executions, and int() refuses 5,000 digits


def parse_duration(text):
    """Return a positive number of seconds, a day at most. Raises UsageError."""
    number = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", text) else 0.0
    if not 0 < number <= 86400:
        raise UsageError("expected seconds, more than 0 and 86400 (a day) at most")
    return number


# As `2026-11-24`, `2026-11-24T09`, `2026-11-24T09:30`, `2026-11-24T09:30:00` and `2026-11-24T09:30:00Z`.
TIMES = "%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"


def parse_when(text):
    """Parse an age or the beginning of a UTC time. Return that time in the form of read_created_at. Raises
    UsageError."""
    moment = None
    if re.fullmatch("[0-9]+[smhdw]", text):
        age = float(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[text[-1]]
        moment = time.gmtime(max(0.0, time.time() - age))
    for form in TIMES:
        try:
            moment = time.strptime(text.replace(" ", "T"), form)
        except ValueError:
            pass        # perhaps one of the others
    if not moment:
        raise UsageError("expected an age as 90s, 30m, 2h, 7d or 2w, or a UTC time as 2026-07-14 or "
                         "'2026-07-14 09:30'")
    return time.strftime("%Y-%m-%dT%H:%M:%S", moment)


def suggest(word, known):
    """Return `; did you mean ...?` with the known word that is nearest, empty if none is near."""
    from difflib import get_close_matches
    return "".join("; did you mean %s?" % near for near in get_close_matches(word, known, 1, 0.7))


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors are UsageErrors. They quote no value, which may be a secret in the wrong place,
    but the name of an unknown flag."""

    def __init__(self, **options):
        # Without a width, each flag that is added looks up the terminal's, which imports half a dozen modules. Only
        # format_help needs that.
        formatter = partial(argparse.RawDescriptionHelpFormatter, width=80)
        super().__init__(allow_abbrev=False, formatter_class=formatter, **options)

    def format_help(self):
        self.formatter_class = argparse.RawDescriptionHelpFormatter
        return super().format_help()

    def error(self, message):
        # Show our own messages, those of parse() and of the functions in TYPES. They and argparse's `expected one
        # argument` begin with one of these words, and quote no value. All others may, as `argument --output: invalid
        # choice: 'xml'` or `ignored explicit argument 'xml'`: say a text of our own instead.
        if not re.match("(argument [^:]+: )?(expected|unexpected|unknown flag) ", message):
            word = re.search("choice: '(.*?)'", message)
            message = re.match("(argument [^:]+: )?", message).group() + "a value that it does not take"
            message += suggest(word.group(1), ["list", "get", "exec-log", *GET_FORMS]) if word else ""
        raise UsageError(message, self.prog + " --help")


# The last two of the first table belong to plexctl. They are accepted and have no effect here.
COMMON_FLAGS = """
--server URL            the control plane (else that of --profile, PLEXSPHERE_URL or the default profile)
--profile NAME          the profile of the config file (else its default)
--token-file FILE       the token's file (else the token of --profile, PLEXSPHERE_TOKEN or the default profile)
--output FORM           text, json, yaml, jsonl, or raw for get alone (default text)
--ca-file FILE          PEM file of the CAs to trust instead of the system's
--timeout SECONDS       the longest silence of the server (default 30)
--color WHICH           auto, always or never: statuses and headers in colour (default auto)
--allow-http            plain http to other hosts too: the network can read the token
-v/--verbose            trace requests and responses on standard error
--yes
--reveal-secrets
"""
LIST_FLAGS = """
--project UUID          the Project (else PLEXSPHERE_PROJECT)
--status STATUS         only this status: pending, ack, started, succeeded, failed, cancelled or timeout
--action-name ACTION    only Executions of exactly this action
--failed                of all pages, only failed, cancelled and timeout
--limit ROWS            Executions per page, 200 at most (0: the server's default)
--cursor CURSOR         the page to begin with: the next_cursor of the page before
--all                   all pages
--since WHEN            of all pages, created at WHEN or later: an age as 2h, or a UTC time as '2026-07-14 09:30'
--until WHEN            of all pages, created before WHEN
--last N                of all pages, the N created last, oldest first
"""
GET_FLAGS = """
--project UUID          the Project (else PLEXSPHERE_PROJECT)
--id UUID               the Execution (required)
--node UUID             only the target with this node id
--failed                only targets that ended failed, cancelled or timeout
--wait                  wait until the Execution's status is final
--wait-timeout SECONDS  give up waiting after so long (with --wait)
--exit-status           exit 5 unless the Execution succeeded
--output-dir FOLDER     write outputs to files in a new folder, and `targets`, a line for each target
"""

# By the name of a flag's value: its type, what it may be, and how shtab completes it.
TYPES = {"URL": Server.parse, "NAME": require_text, "FILE": require_text, "FOLDER": require_text, "UUID": parse_uuid,
         "SECONDS": parse_duration, "WHEN": parse_when, "ROWS": parse_limit, "N": parse_count,
         "FORM": str, "WHICH": str}         # STATUS, ACTION and CURSOR go to the server as the bytes that they are
CHOICES = {"FORM": tuple(GET_FORMS), "WHICH": ("auto", "always", "never"),
           "STATUS": Examples(["pending", "ack", "started"] + FINAL_STATUSES)}
COMPLETIONS = {"FILE": {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"},
               "FOLDER": {"bash": "_shtab_compgen_dirs", "zsh": "_files -/", "tcsh": "d"}}


def add_flags(parser, table):
    """Add the flags of a table: names, the name of the value unless it is a switch, two blanks or more, the help. One
    without help is hidden."""
    for line in table.strip().splitlines():
        flag, _, text = line.partition("  ")
        names, _, value = flag.partition(" ")
        options = {"action": "store_true"}
        if value:
            options = {"metavar": value, "type": TYPES.get(value, os.fsencode), "choices": CHOICES.get(value)}
        action = parser.add_argument(*names.split("/"), help=text.strip() or argparse.SUPPRESS, **options)
        if value in COMPLETIONS:
            action.complete = COMPLETIONS[value]


@lru_cache()
def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, for shtab, argcomplete and sphinx-argparse too. It is made once: that
    takes longer than parsing, and main() may be called often.

    Flags of every command have no defaults here (SUPPRESS): in `--timeout 5 list` the parser of `list` would set the
    timeout back to its default. parse() starts from a Namespace that holds the defaults. Each parser notes itself in
    `parser`, and its command in `command`; the innermost is the last to do so."""
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    add_flags(common.add_argument_group("flags of every command"), COMMON_FLAGS)

    def prepare(parser):
        """Let a parser take a subcommand."""
        parser.set_defaults(parser=parser)
        return parser.add_subparsers(dest="command", metavar="{list,get}", prog=parser.prog)

    options = {"parents": [common], "epilog": EXIT_CODES}
    program = os.path.basename(sys.argv[0])
    top = Parser(prog=program, usage="%(prog)s [exec-log] {list,get} [flags]", **options,
                 description="Show what plexsphere actions ran and printed.")
    top.add_argument("--version", action="version", version="version=" + __version__, help="print the version")
    commands = prepare(top)
    inner = prepare(commands.add_parser("exec-log", usage="%(prog)s {list,get} [flags]", help="list or get", **options))

    # The word exec-log may be left out.
    for group in (inner, commands):
        for name, table, summary in (
                ("list", LIST_FLAGS, "Show the Executions of a Project, oldest first."),
                ("get", GET_FLAGS, "Show one Execution and what each of its targets printed.")):
            command = group.add_parser(name, usage="%(prog)s [flags]", description=summary, help=summary, **options)
            add_flags(command, table)
            command.set_defaults(parser=command)
    return top


def join_opaque_values(argv, error):
    """Return the arguments, with `--cursor -x` as `--cursor=-x`, since argparse would take `-x` for a flag; so for
    three flags whose values may begin with `-`. A bare `--` is no value. (Before 3.12.2 argparse makes a list of
    `--flag=--`.)"""
    arguments, rest = [], list(argv)
    while rest:
        argument = rest.pop(0)
        if argument in ("--cursor", "--action-name", "--status") and rest and rest[0] != "--":
            argument += "=" + rest.pop(0)
        elif re.fullmatch("--[a-z-]+=--", argument):
            error("argument %s: expected one argument" % argument[:-3])
        arguments.append(argument)
    return arguments


def parse(argv):
    """Return the flags of a command line. Raises UsageError, and SystemExit when --help or --version was printed."""
    top = make_parser()
    defaults = dict.fromkeys("server profile token_file ca_file allow_http verbose".split())
    defaults.update(output="text", timeout=DEFAULT_TIMEOUT, color="auto")
    flags, unknown = top.parse_known_args(join_opaque_values(argv, top.error), argparse.Namespace(**defaults))
    fail = flags.parser.error       # raises

    # Name what is unknown before what is missing: the one may be the other, mistyped.
    for argument in unknown:
        name = re.match("--[a-z]+(-[a-z]+)*(?=$|=)|-[a-z](?=$)", argument)
        if name:
            near = suggest(name.group(), re.findall("(?m)^  (?:-., )?(--[a-z-]+)", flags.parser.format_help()))
            fail("unknown flag " + name.group() + near)
        if argument != "--":
            fail("unexpected argument: each value follows its flag, one with a blank in quotes, as '2026-07-14 09:30'")

    # Check what must be there, and what goes together.
    if not flags.command:
        fail("expected a command: list or get")
    project = os.environ.get("PLEXSPHERE_PROJECT")
    if project and not flags.project:
        flags.project = parse_uuid(project, " in PLEXSPHERE_PROJECT")
    if not flags.project:
        fail("expected --project UUID, or PLEXSPHERE_PROJECT")
    if flags.command == "list":
        if flags.output == "raw":
            fail("argument --output: expected a form of list: raw is one of get alone")
        if flags.since and flags.until and flags.until < flags.since:
            fail("argument --until: expected a time that is not before --since")
        return flags
    if not flags.id:
        fail("expected --id UUID")
    if flags.node and flags.failed:
        fail("argument --failed: expected without --node")
    if flags.wait_timeout and not flags.wait:
        fail("argument --wait-timeout: expected with --wait only")
    if flags.output_dir and flags.output != "text":
        fail("argument --output-dir: expected with --output text only")
    return flags


def attempt(action):
    """Call `action`, a query of a stream, and return its result. Return None if the stream is missing (AttributeError
    of None), closed (ValueError), or of another kind."""
    try:
        return action()
    except (OSError, ValueError, AttributeError):
        return None


def is_terminal(stream):
    """Tell whether the stream is a terminal."""
    return attempt(lambda: stream.isatty())


def get_binary_stream(stream):
    """Return the unbuffered stream below a text stream, after flushing that; any other stream, and None, as it is."""
    attempt(lambda: stream.flush())
    buffer = getattr(stream, "buffer", stream)
    return getattr(buffer, "raw", buffer)


def interprets_escapes(stream):
    """Tell whether the terminal interprets escape codes; a console of Windows is asked to."""
    if not is_terminal(stream) or os.environ.get("TERM") == "dumb":
        return False
    if not WINDOWS:
        return True
    import ctypes
    import msvcrt
    kernel, mode = ctypes.windll.kernel32, ctypes.c_uint()
    handle = attempt(lambda: ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno())))
    if handle is None:
        return True     # no console, but a caller's own stream that calls itself a terminal
    # 4 is ENABLE_VIRTUAL_TERMINAL_PROCESSING, which old consoles refuse.
    return kernel.GetConsoleMode(handle, ctypes.byref(mode)) and kernel.SetConsoleMode(handle, mode.value | 4)


LONGEST_TEXT = 16000                # characters that are looked at; masking shortens what is shown


class Console:
    """The standard streams. Data for stdout is held until the next wait for the network (an interrupt drops it), then
    written below Python's own buffers: Python would flush those at the exit, and fail a second time. To stderr go
    visible lines without secrets; an error of stderr is ignored."""

    def __init__(self, stdout, stderr):
        self.out, self._err = get_binary_stream(stdout), get_binary_stream(stderr)
        self.out_terminal, self.err_terminal = is_terminal(self.out), is_terminal(self._err)
        self.out_escapes = interprets_escapes(self.out)
        self.is_coloured = False
        self.has_errors = False     # whether an `error:` line was written
        self.progress = None        # returns the live line that is drawn before each wait
        self._pending = []          # bytes for stdout
        self._is_live = False       # whether a live line is on the terminal
        self._secrets = []          # patterns, as of `a%2F` and `a/` for `a/`

        columns = attempt(lambda: os.get_terminal_size(self.out.fileno()).columns) or WIDE_TERMINAL     # 0: unknown
        self.is_narrow = self.out_terminal and columns < WIDE_TERMINAL

    def guard(self, data):
        """Return the bytes of an output as stdout may have them."""
        return make_terminal_safe(data, self.out_escapes) if self.out_terminal else data

    def paint(self, text, code):
        """Return text in an SGR colour (ECMA-48, 8.3.117), as it is if there is no code or no colour."""
        return "\x1b[%sm%s\x1b[0m" % (code, text) if self.is_coloured and code else text

    def write(self, piece):
        """Write text or bytes to stdout, soon."""
        self._pending.append(piece.encode("utf-8") if isinstance(piece, str) else piece)
        if len(piece) > 8192:       # an output: write it while it is in the processor's cache, which saves a tenth
            self.flush()

    def flush(self):
        """Write what is pending. Raises ExecLogError, with exit code 141 if the reader has left. Also if nothing is
        pending, a missing stdout is noticed: before the first request, that is."""
        left, self._pending = memoryview(b"".join(self._pending)), []
        if self.out is None:
            raise ExecLogError("standard output is closed")
        if left:
            self.live("")
        try:
            while left:
                size = self.out.write(left)
                if size is None:        # a descriptor that does not block, and takes nothing now
                    time.sleep(0.01)
                left = left[size or 0:]
        except (OSError, ValueError, TypeError) as error:   # ValueError: closed; TypeError: a stream for text
            failure = ExecLogError("cannot write standard output: %s" % error_text(error))
            # Windows says EINVAL (22) for a pipe without a reader.
            if isinstance(error, BrokenPipeError) or WINDOWS and getattr(error, "errno", 0) == 22:
                failure.exit_code = 141
            raise failure

    def hide(self, *secrets):
        """Show *** for these texts from now on, each character as it is or percent-encoded: `a/` also as `%61%2F`."""
        for secret in secrets:
            if len(secret) >= 8:        # anything shorter would mask innocent text
                self._secrets.append("".join("(?:%s|%%%02x)" % (re.escape(character), ord(character))
                                             for character in secret))

    def line(self, text, is_live=False):
        """Write one line to stderr, in place of a live one. A live line is overwritten by the next; an empty one is
        removed."""
        # 1. Shorten a long text at a blank, which no token holds, so that none is cut in two.
        if len(text) > LONGEST_TEXT:
            text = text[:LONGEST_TEXT].rpartition(" ")[0] + " (cut)"

        # 2. Mask the secrets, the longest first, since one may hold another.
        for pattern in sorted(self._secrets, key=len, reverse=True):
            text = re.sub("(?i)" + pattern, "***", text)

        # 3. Mask `user:password@` in any `https://user:password@host` or `http:user:password@host`, and make the text
        # visible. With more than 999 characters the search could take the square of the text's length.
        text = make_visible(re.sub(r"(?i)(?:(?<=//)|(?<=http:)|(?<=https:))[^/?#\s]{0,999}@", "***@", text))

        # 4. Cut it to what is shown, and write it.
        erase = "\r\x1b[K" if is_live or self._is_live else ""
        self._is_live = is_live and bool(text)      # it has 72 characters at most: one that wraps cannot be removed
        text = erase + (text[:72] if is_live else text[:4000] + "\n")
        attempt(lambda: self._err.write(text if isinstance(self._err, io.TextIOBase) else text.encode("utf-8")))

    def say(self, label, text):
        """Write a line `LABEL: TEXT` to stderr, after what was printed before. An `error` makes the exit code 1."""
        self.flush()
        self.has_errors |= label == "error"
        self.line("%s: %s" % (label, text))

    def live(self, text):
        """Show a live line; an empty text removes it."""
        if text or self._is_live:
            self.line(text, is_live=True)

    def can_be_live(self, is_quiet):
        """Tell whether a live line does not mix with other output: stderr is a terminal with this process in its
        foreground, and stdout is a file, the null device, or a terminal to which nothing is written before the end
        (`is_quiet`). Never if stdout is a pipe: its reader may write to the same terminal."""
        mode = attempt(lambda: os.fstat(self.out.fileno()).st_mode) or 0
        is_free = stat.S_ISREG(mode) or stat.S_ISCHR(mode) and (is_quiet or not self.out_escapes)
        if hasattr(os, "tcgetpgrp"):
            is_free = is_free and attempt(lambda: os.tcgetpgrp(self._err.fileno())) == os.getpgrp()
        return is_free and interprets_escapes(self._err)

    def before_wait(self):
        """Write what is pending, and draw the live line."""
        self.flush()
        if self.progress:
            self.live(self.progress())


def show(form, console):
    """Print a document. Raises the failure at which it ended, after what came before it."""
    for piece in form.pieces():
        console.write(piece)
    console.flush()
    if form.failure:
        raise form.failure


def describe_counts(*counts):
    """Return `1 page, 2 executions` for pairs of a number and a noun."""
    return ", ".join("%d %s%s" % (number, noun, "" if number == 1 else "s") for number, noun in counts)


def run_list(flags, console, transport):
    """Run the command `list`, and return its exit code."""
    is_walk = any(map(vars(flags).get, "all since until last failed".split()))
    parameters = {name: getattr(flags, name) for name in "status action_name limit cursor".split()}

    # Choose the Executions.
    if not is_walk:
        document = get_page(transport, flags.project, parameters)
    else:
        if flags.limit is None:         # empty for --limit 0
            parameters["limit"] = "200"         # the most that the server gives
        document = JoinedPages(walk(transport, flags.project, parameters))
        if flags.failed:
            document.elements = filter(has_failed, document.elements)
        if flags.since or flags.until:      # `~` comes after every time
            document.elements = filter(lambda execution: (flags.since or "") <= read_created_at(execution)
                                       < (flags.until or "~"), document.elements)
        if console.can_be_live(flags.last):
            console.progress = lambda: describe_counts((document.page_count, "page"), (document.count, "execution"))
    if flags.last:
        document.elements = iter(select_last(document.elements, flags.last))
        document.page.resume = ""       # if printing fails: no cursor leads back to these

    # Print them.
    form = LIST_FORMS[flags.output](document, console)
    show(form, console)
    if form.cursor and not is_walk and flags.output == "text" and console.err_terminal:
        console.line("hint: the oldest come first; --last N, --since WHEN and --all go further")
    return 0


def run_get(flags, console, transport):
    """Run the command `get`, and return its exit code."""
    folder = make_folder(flags.output_dir) if flags.output_dir else ""      # before anything is waited for
    if flags.wait:
        tell = console.live if console.can_be_live(True) else console.line
        wait_for_execution(transport, flags.project, flags.id, flags.wait_timeout,
                           lambda status: tell("status: " + make_field(status)), console.say)

    # Choose the targets.
    document = get_execution(transport, flags.project, flags.id)
    if console.can_be_live(folder):
        console.progress = lambda: describe_counts((document.count, "target"), (transport.received, "byte"))
    if flags.failed:
        document.elements = filter(has_failed, document.elements)
    if flags.node:
        document.elements = filter(lambda target: str(target.get("node_id")).lower() == flags.node, document.elements)

    # Print them.
    form = FolderForm(document, console, folder) if folder else GET_FORMS[flags.output](document, console)
    show(form, console)
    if flags.node and not form.shown:
        raise ExecLogError("node %s is not a target of execution %s" % (flags.node, flags.id))
    if console.has_errors:
        return 1
    return 5 if flags.exit_status and document.members.get("status") != "succeeded" else 0


def run(argv, console, sleep):
    """Run a command line, and return its exit code. Raises ExecLogError."""
    # Parse. For --help and --version argparse prints to sys.stdout; Console writes it.
    from contextlib import redirect_stdout
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            flags = parse(argv)
    except SystemExit:
        console.write(printed.getvalue())
        console.flush()
        return 0

    # Find out whom to ask, and how.
    console.is_coloured = flags.color == "always" or \
        flags.color == "auto" and console.out_escapes and not os.environ.get("NO_COLOR")
    server, token = find_settings(flags)
    console.hide(token)
    proxy = find_proxy(server)
    console.hide(*proxy.secrets if proxy else ())
    transport = Transport(server, token, flags.ca_file, flags.timeout, flags.allow_http, proxy, console.say,
                          console.line if flags.verbose else do_nothing, sleep=sleep, before_wait=console.before_wait)
    try:
        return (run_list if flags.command == "list" else run_get)(flags, console, transport)
    finally:
        transport.close()


def main(argv: "t.Optional[t.List[str]]" = None, stdout: "t.Optional[t.BinaryIO]" = None,
         stderr: "t.Union[t.BinaryIO, t.TextIO, None]" = None, sleep: "t.Callable[[float], t.Any]" = time.sleep) -> int:
    """Run the command line `argv` (without the program's name; default sys.argv), and return its exit code; never exits
    the process. `stdout` is a binary stream, `stderr` a binary or text stream; the default is the process's own. An
    expected failure is reported on stderr. Anything else is a bug, and keeps its traceback, which is not masked."""
    console = Console(stdout or sys.stdout, stderr or sys.stderr)
    console.hide(os.environ.get("PLEXSPHERE_TOKEN", "").strip())

    try:
        return run(sys.argv[1:] if argv is None else argv, console, sleep)
    except ExecLogError as error:
        # Where a usage error has no hint of its own, say how to get help.
        hint = error.hint or isinstance(error, UsageError) and os.path.basename(sys.argv[0]) + " --help"
        if error.exit_code != 141:      # whoever read has had enough, and needs no message
            console.line("error: %s" % error)
            if hint:
                console.line("hint: " + hint)
        return error.exit_code
    except MemoryError:
        console.line("error: out of memory")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        console.live("")


def exit_on_ctrl_c(event):
    """Handle an event of a Windows console: at Ctrl-C remove a live line and end the process with 130. Return 0 for any
    other event: Windows handles it."""
    if event == 0:      # CTRL_C_EVENT
        if interprets_escapes(sys.stderr):
            os.write(2, b"\r\x1b[K")
        os._exit(130)
    return 0


def run_as_script() -> None:
    """Run the process's own command line, and exit. The installed plexctl-exec-log begins here."""
    if WINDOWS:
        # Python would notice Ctrl-C only when a wait is over. The handler must be kept as long as it may be called.
        import ctypes
        handler = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)(exit_on_ctrl_c)
        ctypes.windll.kernel32.SetConsoleCtrlHandler(handler, 1)
    exit_code = main()
    if exit_code == 130 and not WINDOWS:
        # Die by the signal: a shell ends a loop around the command only then.
        import signal
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    # Spare the garbage collector its last rounds: a twentieth of a short run. PyPy and 3.6, without freeze, call int.
    getattr(gc, "freeze", int)()
    sys.exit(exit_code)


if __name__ == "__main__":
    run_as_script()
