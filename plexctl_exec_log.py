#!/usr/bin/env python3
# /// script
# requires-python = ">=3.6"
# dependencies = []
# ///
# mypy: allow-untyped-defs, allow-untyped-calls, no-check-untyped-defs, no-warn-return-any
"""plexctl exec-log: show what the actions of a plexsphere control plane did, and what each machine printed.

    plexctl_exec_log.py [exec-log] list --project UUID [flags]
    plexctl_exec_log.py [exec-log] get  --project UUID UUID [flags]

One file for Python 3.6 or newer, on the standard library alone. It only reads. Its sections; each function and class
stands above those that use it:

    Safe text     escape what must not reach a terminal, or imitate a section's header there
    Errors        one family of expected failures, each with its exit code
    Settings      find server, token and proxy in flags, environment and config file
    Transport     send GET requests: kept connections, retries, no redirects; make errors of what is no answer
    JSON text     decode values while their bytes still arrive
    Wire model    read and check the objects that the server sends
    Operations    fetch one page, all pages, one Execution; wait for its end
    Forms         turn a document into a table, sections, lines, bare bytes, json or a folder of files
    Command line  parse flags, own the standard streams, run

Programs may import it; the names in __all__ are public. A report of what failed, and what each target printed:

    try:
        with Transport.from_settings() as transport:
            for page in walk(transport, "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13", {"status": "failed"}):
                for execution in page.elements:
                    for target in get_execution(transport, execution.get("project_id"), execution.get("id")).elements:
                        output = OutputRef.from_wire(target.get("output_ref"))
                        text = output.fault or output.location or output.data.decode("utf-8", "replace")
                        print(make_visible("%s %s %s" % (target.get("node_id"), target.get("status"), text)))
    except ExecLogError as error:
        print("the report ends here:", make_visible(str(error)))

What it touches, and what it trusts
-----------------------------------
Connections go to the host and port of --server, PLEXSPHERE_URL or the profile, or to the proxy that the environment
names for that server, looked up by the system's resolver. Only `GET` is sent, and `CONNECT host:port` to a proxy before
https. TLS is verified against the system's CAs, or those of --ca-file alone.

The token is sent in one header, for that server alone: redirects are refused, CONNECT does not carry it, and the token
of a profile that names a server goes to that server only. Plain http is refused unless the server is this host (a
loopback or unspecified address, or `localhost`) or --allow-http is given: whoever listens there, the network and a
proxy can then read it.

--timeout bounds each single wait for the network: connecting to an address, each read, each write. Nothing bounds the
run, --wait-timeout neither: a server that drips or sends headers without end, a slow resolver, a pipe that nobody
writes to or reads from can hold the program. GNU `timeout 300` bounds a run.

Files read: the token file and the config file, whose mode and owner are checked (of a pipe, as the shell makes for
`<(...)`, the owner alone; on Windows neither); the file of --ca-file. Files written: those in the one folder of
--output-dir. Python and the C library read their own (modules, CAs, openssl.cnf, resolver, locale) and write .pyc and
the file that SSLKEYLOGFILE names.

Environment: PLEXSPHERE_URL, PLEXSPHERE_TOKEN, PLEXSPHERE_PROJECT, XDG_CONFIG_HOME, HOME (USERPROFILE on Windows),
NO_COLOR, TERM; HTTP_PROXY, HTTPS_PROXY, NO_PROXY in either case, REQUEST_METHOD. Python and its libraries read more
(PYTHON*, LD_*, SSL_CERT_*, OPENSSL_*, LANG, COLUMNS), which may load code: clear it (env -i) where it is not yours.

It starts no process, evaluates nothing that it read, and fetches no archived output. The script imports nothing that
lies beside it. On stderr the token, PLEXSPHERE_TOKEN, a proxy's password and its Basic string become `***` once they
are known, where they stand as they are, from 8 characters on. stdout and exceptions are not searched for them.

The server, and the machines whose output it relays, are not trusted. On a terminal (for UTF-8) their text is escaped;
json escapes a list of its own, JSON_ESCAPED. A JSON value has at most 64 Mi characters (a quarter more may pass), an
error's body 64 KiB. Not bounded are the number of values, the disk, and memory as a whole: objects take up to 100 times
their text, and deeply nested ones, which json indents, thousands of times. Set `ulimit -v` where it matters. What was
printed before an answer broke stands: the exit code tells. Only you can prevent that another program writes an output
raw to a terminal (`| less -R`), that a copy of this file was changed, or that somebody owns the host.

Where to look
-------------
    connecting; certificates                Transport._connect, make_tls_context
    the token's one header, one server      Transport.__init__, find_settings (its last step), Transport._make_error
    secrets read from files                 read_private_file, check_access
    files made                              OutputFolder
    standard output and error, masking      Console
    text made harmless                      make_terminal_safe, make_visible, make_json_visible
    bounds of what is read                  JSONReader._fill, Transport._read_problem
"""

import sys

# Python puts the script's folder first on the import path, unless -I or -P (`safe_path`, from 3.11 on) is given. Take
# it off before anything else is imported, so that nothing that lies beside the script is. (`sys` is built in.)
if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]


def restore_sigint() -> None:
    """Let Ctrl-C end the process by the signal, at once, as it ends a program in C. Python's own handler would wait for
    a call to return, and show a traceback. Whoever ignores SIGINT, as a job in the background does, goes on to."""
    import signal
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    restore_sigint()        # before the imports below, which take a while

import argparse
import codecs
import io
import json
import os
import re
import stat
import time
from binascii import a2b_base64, b2a_base64
from collections import namedtuple
from copy import copy
from functools import partial
from itertools import chain

TYPE_CHECKING = False       # type checkers take it for true; at run time `typing` is slow to import
if TYPE_CHECKING:
    import typing as t
    from uuid import UUID as AnyUUID
    Parameters = t.Mapping[str, t.Optional[str]]

WINDOWS = os.name == "nt"

__version__ = "4.0.0"
__all__ = ["main", "make_parser", "Transport", "Server", "Document", "get_page", "walk", "get_execution",
           "wait_for_execution", "OutputRef", "ExecLogError", "UsageError", "CredentialsError", "RemoteError",
           "APIError", "WaitTimeout", "parse_uuid", "make_visible", "RUNNING_STATUSES", "FINAL_STATUSES",
           "FAILED_STATUSES"]

RUNNING_STATUSES = ("pending", "ack", "started")
FINAL_STATUSES = ("succeeded", "failed", "cancelled", "timeout")
FAILED_STATUSES = ("failed", "cancelled", "timeout")


# ------------------------------------------------------------------------------------------------ Safe text

def make_visible(text: str) -> str:
    r"""Return text as one line of printable characters, everything else escaped: as \n, \x1b, \u200b, \U000e0001. (An
    old Python takes a new character for unprintable, and escapes it.)"""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
                   for character in text)


def escape_field(text: "t.Optional[str]") -> str:
    r"""Return text for a field that ends at a blank: `a b` becomes `a\x20b`, and None or empty becomes `-`. A backslash
    stays as it is, so this cannot be undone."""
    return make_visible(text or "-").replace(" ", "\\x20")


# A complete CSI sequence (ECMA-48, 5.4), as `\x1b[1;31m` for red or `\x1b[2J`, and what `tput sgr0` adds to it.
TERMINAL_SEQUENCES = "\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\(B"

# A line whose first visible ASCII characters are `==>`, as those of a section header. Whatever else may stand before
# them and between them: blanks, and letters of other scripts, of which some are invisible.
FORGED_HEADER = r"(?m)^([^!-~\n]*)=([^!-~\n]*=[^!-~\n]*>)"


def make_terminal_safe(data: bytes) -> bytes:
    """Return output bytes for a UTF-8 terminal: without colours and cursor movements, CR LF and CR as line breaks, and
    everything else that is not printable, tab or LF shown as an escape. No line begins as a section header does. (A
    line that the terminal wraps, or look-alike characters, may still seem to.)"""
    text = data.decode("utf-8", "backslashreplace")
    text = re.sub(TERMINAL_SEQUENCES, "", text)     # if this joins what makes another, its ESC is escaped below
    text = re.sub("\r\n?", "\n", text)
    text = re.sub("[^\t\n -~]+", lambda found: make_visible(found.group()), text)
    return re.sub(FORGED_HEADER, r"\1\\x3d\2", text).encode("utf-8")


def mask(text, secrets):
    """Return text with *** in place of the secrets, the longest first: one may hold another. A secret of fewer than 8
    characters stays, since it would mask innocent text."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 8:
            text = text.replace(secret, "***")
    return text


def describe_error(error: Exception) -> str:
    """Return what an exception of the standard library says, or else its name."""
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


# --------------------------------------------------------------------------------------------------- Errors
#
# Each error can be copied and pickled. Python does that by calling the class with `args`, which
# super().__init__(message) sets to the message alone, and then restoring the other attributes. So every class takes the
# message first, and all else has a default; a subclass of yours must, too.

class ExecLogError(Exception):
    """An expected failure. The command prints `error: MESSAGE` and `hint: HINT`, and exits with `exit_code`. The class
    itself is raised for standard output and the output folder. The message may quote the server, unescaped.

        exit_code   the code with which the command exits
        hint        the next step for a person at the command line, or empty
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(ExecLogError, argparse.ArgumentTypeError):
    """An argument, or a setting that stands for one, cannot be used. It is argparse's own error too: if a function that
    serves as a `type=` raises it, argparse says `argument --flag: MESSAGE`."""

    exit_code = 2


class CredentialsError(ExecLogError):
    """There is no token, or one that must not be used."""

    exit_code = 3


class RemoteError(ExecLogError):
    """The read failed at the server or on the way to it, or the answer is not what was asked for.

        retryable       Transport.get asks again: the server is overloaded, or the connection was lost before the
                        response
        transient       a wait goes on: what is retryable, failed connections, timeouts, cut bodies
        retry_after     seconds for which the server wants to be left alone, 30 at most, or None
        can_resume      whether the same cursor may be asked for again; if not, begin without one
    """

    def __init__(self, message: str, hint: str = "", retryable: bool = False, transient: bool = False,
                 can_resume: bool = True, retry_after: "t.Optional[float]" = None) -> None:
        super().__init__(message, hint)
        self.retryable = retryable
        self.transient = transient or retryable
        self.can_resume = can_resume
        self.retry_after = retry_after


class WaitTimeout(RemoteError):
    """A RemoteError: an Execution had no final status when the time to wait for it was over. As timeout(1) does, it
    exits with 124.

        status      the last status that was seen, empty if there was no good answer
    """

    exit_code = 124

    def __init__(self, message: str, hint: str = "", status: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


class APIError(RemoteError):
    """An answer whose HTTP status is neither 200 nor a redirect.

        status      the HTTP status
        problem     the JSON object of the body (RFC 9457), its numbers as floats; empty if it had none

    And as every RemoteError has them: exit_code, hint, retryable, transient, retry_after, can_resume.
    """

    def __init__(self, message: str, hint: str = "", status: int = 0, problem: "t.Optional[t.Dict[str, t.Any]]" = None,
                 retry_after: "t.Optional[float]" = None) -> None:
        super().__init__(message, hint, retryable=status in (429, 502, 503, 504), can_resume=status != 400,
                         retry_after=retry_after)
        self.status = status
        self.problem = problem or {}

        # This is the one place where a status and the `code` of a Problem become an exit code.
        if status == 401:
            self.exit_code = 3
        elif status == 403:
            self.exit_code = 77 if self.problem.get("code") == "rebac_denied" else 4


TYPE_NAMES: "t.Dict[type, str]" = {str: "a string", dict: "an object", list: "a list"}


def check_type(value: "t.Any", kind: type, what: str,
               error: "t.Callable[[str], ExecLogError]" = RemoteError) -> "t.Any":
    """Return a JSON value if it is null or of the kind. Raises the error for any other value, as `status: expected a
    string` for the status."""
    if value is not None and not isinstance(value, kind):
        raise error("%s: expected %s" % (what, TYPE_NAMES[kind]))
    return value


# ------------------------------------------------------------------------------------------------- Settings

# As `https://[::1]:8443/prefix/`. A login, a query or anything outside ASCII does not match. (Patterns that a run may
# not need are strings, compiled at their first use.)
SERVER_URL = r"""
    (https?) ://
    ( \[ [0-9a-f:.]+ \] |                           # the host: an IPv6 address,
      [\w-]{1,63} (?: \. [\w-]{1,63} )* \.? )        #     or the labels of a name (RFC 1035, 2.3.4), or an IPv4 address
    (?: : ( [0-9]{1,5} ) )?                         # the port
    ( / [\w/.~%:@!$&'()*+,;=-]* )?                  # the path (RFC 3986, 3.3)
    """
DEFAULT_PORTS = {"http": 80, "https": 443}


class Server(namedtuple("Server", "scheme host port prefix")):
    """Where the API is.

        scheme      `http` or `https`
        host        in lower case, without brackets
        port        a number
        prefix      the path before `/v1`, without a last slash; mostly empty
    """

    @classmethod
    def parse(cls, url: str, what: str = "the server", hint: str = "write it as https://HOST") -> "Server":
        """Parse `http(s)://host[:port][/prefix]`. `what` names the URL in the error. Raises UsageError, which does not
        quote the URL: what is wrong with it may be a password."""
        match = re.fullmatch(SERVER_URL, url.strip(), re.ASCII | re.IGNORECASE | re.VERBOSE)
        if match:
            scheme, host, digits, path = match.groups()
            port = int(digits or DEFAULT_PORTS[scheme.lower()])
            if 0 < port < 65536:
                return cls(scheme.lower(), host.strip("[]").lower(), port, (path or "").rstrip("/"))
        raise UsageError("%s: expected http(s)://host[:port][/prefix]" % what, hint)

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110, 7.2)."""
        host = "[%s]" % self.host if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else "%s:%d" % (host, self.port)

    @property
    def url(self) -> str:
        """The URL in its shortest spelling."""
        return "%s://%s%s" % (self.scheme, self.authority, self.prefix)


def check_access(status, forbidden):
    """Return (problem, is_mode): how anyone but the user and root has access to a file or folder, empty if nobody has,
    and whether its mode is the reason. `status` is its os.stat() result, `forbidden` the permission bits that let
    others in; a POSIX ACL shows in those of the group. On Windows nothing is checked: it has neither modes nor owners
    of this kind."""
    if WINDOWS:
        return "", False
    if status.st_uid not in (0, os.geteuid()):
        return "it belongs to another user (uid %d)" % status.st_uid, False
    mode = stat.S_IMODE(status.st_mode)
    return ("its mode %04o lets others in" % mode, True) if mode & forbidden else ("", False)


def read_private_file(path, limit, name):
    """Return the text of a file that holds a secret, without its byte order mark. `name` stands for the path in
    messages unless that looks like a path: people paste tokens there. Raises CredentialsError if the file is
    unreadable, accessible to other users or larger than `limit` bytes."""
    try:
        if os.path.isabs(path) or path.startswith(("./", "../", "~")) or os.path.lexists(path):
            name = path
        with open(path, "rb") as file:
            # Check the opened file, so that its name cannot be pointed elsewhere meanwhile. A pipe, as the shell makes
            # for `<(...)`, may have any mode: 0 forbids no bit.
            status = os.fstat(file.fileno())
            problem, is_mode = check_access(status, 0 if stat.S_ISFIFO(status.st_mode) else 0o077)
            if problem:
                hint = "make a file of your own"
                if is_mode and stat.S_ISREG(status.st_mode) and path.isprintable():
                    import shlex
                    hint = "chmod 600 -- " + shlex.quote(path)
                raise CredentialsError("%s is insecure: %s" % (name, problem), hint)
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:      # ValueError: a NUL in the path
        raise CredentialsError("cannot read %s: %s" % (name, describe_error(error)))

    if len(data) > limit:
        raise CredentialsError("%s is larger than %d KiB" % (name, limit >> 10))
    return data.decode("utf-8-sig", "replace")


class Profile:
    """A profile of the config file: the one of a name, or the default one if the name is None. The file is read when a
    member is first asked for. It holds {"default": NAME, "profiles": {NAME: {"server": URL, "token": TOKEN}}}; what is
    not used is not checked. Not a namedtuple, so that repr() cannot show a token."""

    def __init__(self, name):
        self.title = ""         # as `profile "lab"`; empty if there is none
        self._why_missing = ""         # why there is none
        self._name = name
        self._members = None    # None until the file has been read

    def get(self, key):
        """Return the `server` or the `token` of the profile, None if it has none. Raises CredentialsError."""
        if self._members is None:
            self._members = self._read()
        return check_type(self._members.get(key), str, "%s of %s" % (key, self.title), CredentialsError)

    def explain(self, key):
        """Return why a setting that was looked for here was not found, for the end of a hint."""
        return "; %s has no %s" % (self.title, key) if self.title else "; " + self._why_missing

    def _read(self):
        # Find the config file. Where no home is known, expanduser returns `~`, which isabs drops.
        home = os.environ.get("USERPROFILE" if WINDOWS else "HOME", os.path.expanduser("~"))
        bases = os.environ.get("XDG_CONFIG_HOME", ""), os.path.join(home, ".config")
        paths = [os.path.join(base, "plexctl", "config.json") for base in bases if os.path.isabs(base)]
        path = next(filter(os.path.lexists, paths), None)
        if path is None and self._name is None:
            self._why_missing = "there is no config file"
            return {}
        if path is None:
            raise CredentialsError("there is no config file", "it is looked for at " + " and ".join(paths) if paths else
                                   "without a home directory there is none")

        # Read it. Null and an empty value count as {}.
        def read(value, what):
            return check_type(value or {}, dict, "%s: %s" % (path, what), CredentialsError)

        try:
            config = read(json.loads(read_private_file(path, 1 << 20, path)), "the whole")
        except (ValueError, RecursionError):
            raise CredentialsError("%s is not JSON" % path)

        # Find the profile. Its name is not quoted before it is known: it may be a token that was pasted there.
        name = config.get("default") if self._name is None else self._name
        if name is None:
            self._why_missing = "%s has no default profile" % path
            return {}
        profiles = read(config.get("profiles"), "profiles")
        if not isinstance(name, str) or name not in profiles:
            raise CredentialsError("%s has no profile of the name that was given" % path,
                                   "it has: " + (", ".join(profiles) or "no profiles"))
        self.title = 'profile "%s"' % name
        return read(profiles[name], self.title)


def validate_token(token, source=""):
    """Return the token without white space around it. `source` says where it came from. Raises CredentialsError unless
    it is visible ASCII. (http.client refuses other characters too, but quotes the whole token in its error.)"""
    token = token.strip()
    if re.fullmatch("[!-~]+", token):
        return token
    is_header = token[:7].lower() == "bearer "
    raise CredentialsError('the token begins with "Bearer "' if is_header else
                           "the token is empty, or not one line of visible ASCII without blanks",
                           (source and "it came from %s" % source) + ("; leave that word out" if is_header else ""))


def find_settings(server_url, profile_name, token_file):
    """Return (server, token, where the token came from). The arguments are those of the flags, None if not given.
    Server and token each come from the first of these that has it:

        without --profile       the flag; PLEXSPHERE_URL or PLEXSPHERE_TOKEN; the default profile of the config file
        with --profile          the flag; that profile; PLEXSPHERE_URL or PLEXSPHERE_TOKEN

    The token of a profile that names a server goes to that server only; any other token goes to the server that was
    found. Raises UsageError for a bad or missing server, and CredentialsError for a bad or missing token."""
    profile = Profile(profile_name)

    def look_up(key, variable):
        """Return (value, source, is_profile) where there is no flag. An empty variable counts as unset."""
        value = os.environ.get(variable) or None
        member = None if value is not None and profile_name is None else profile.get(key)
        return (value, variable, False) if member is None else (member, profile.title, True)

    # 1. Find the server. A bad one is reported before credentials are looked for.
    if server_url is not None:
        server, server_source = Server.parse(server_url), "--server"
    else:
        url, server_source, _ = look_up("server", "PLEXSPHERE_URL")
        server = None if url is None else Server.parse(url, "the server of " + server_source)

    # 2. Find the token.
    is_profile = False
    if token_file is not None:
        token, token_source = read_private_file(os.fspath(token_file), 64 << 10, "the token file"), "--token-file"
    else:
        token, token_source, is_profile = look_up("token", "PLEXSPHERE_TOKEN")
    if token is None:
        raise CredentialsError("no token", "give --token-file, PLEXSPHERE_TOKEN or a profile that has one"
                               + profile.explain("token"))
    token = validate_token(token, token_source)
    if server is None:
        raise UsageError("no server", "give --server, PLEXSPHERE_URL or a profile that has one"
                         + profile.explain("server"))

    # 3. Keep a profile's token from any server but the profile's own, if it names one.
    own_url = profile.get("server") if is_profile else None
    own = server if own_url is None else Server.parse(own_url, "the server of " + profile.title)
    if own != server:
        raise CredentialsError(
            "the token of %s is for %s, but the request would go to %s" % (profile.title, own.url, server.url),
            "that server came from %s; give its own token with --token-file or PLEXSPHERE_TOKEN; for the profile's "
            "server leave out --server and unset PLEXSPHERE_URL" % server_source)
    return server, token, token_source


def is_this_host(host: str) -> bool:
    """Tell whether the host is this machine: a loopback or unspecified address in the usual spellings (127.1 is none),
    or the name `localhost`, whatever the resolver makes of it."""
    import ipaddress
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("localhost", "localhost.")
    return address.is_loopback or address.is_unspecified


class Proxy:
    """An HTTP proxy. Not a namedtuple, so that repr() does not show the password."""

    def __init__(self, url: str, variable: str) -> None:
        """Parse `[http://][user:password@]host[:port]`, where a password may hold `@`. `variable` names its source in
        messages. Raises UsageError."""
        scheme, _, rest = url.rpartition("://")
        user_info, at, address = rest.rpartition("@")
        if scheme.lower() not in ("", "http"):
            raise UsageError("%s: expected http://host:port" % variable)
        server = Server.parse("http://" + address, variable, "write it as http://HOST:PORT")
        self.host, self.port = server.host, server.port
        self.headers = {}               # for the proxy alone
        self.secrets = []               # texts that must not be shown: the login in the header, the password

        if at:      # RFC 7617
            from urllib.parse import unquote_to_bytes
            login = unquote_to_bytes(os.fsencode(user_info if ":" in user_info else user_info + ":"))
            basic = b2a_base64(login, newline=False).decode("ascii")
            self.headers = {"Proxy-Authorization": "Basic " + basic}
            self.secrets = [basic, login.decode("utf-8", "replace").partition(":")[2]]


def find_proxy(server):
    """Return the Proxy that the environment names for the server, or None. urllib.request reads the variables: the name
    in lower case wins, HTTP_PROXY does not count in a CGI script (where REQUEST_METHOD is set), and NO_PROXY is `*` or
    a list of hosts, each with or without a port, of which each stands for its subdomains too. This host is never
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
# How http.client is used, and what it does, from Python 3.6 to 3.13. (Read HTTPConnection.connect, _tunnel and
# getresponse, HTTPResponse.begin and read1.)
#
#     connect()       looks up the name, connects, asks a proxy for a tunnel, shakes hands. CONNECT carries the headers
#                     given to set_tunnel() alone (from 3.12 on also Host; before 3.13 an IPv6 address has no brackets
#                     there). The certificate must be the server's, not the proxy's.
#     timeout         bounds each of these steps, and each later read and write, by itself; not their sum.
#     getresponse()   reads the headers, after skipping interim answers (100). Headers that are cut off count as whole.
#                     `email` parses them, and may raise anything.
#     read1(n)        returns some bytes, n at most, as soon as there are any, and b"" at the end. It lowers
#                     response.length by what it returns. A body that is cut off raises, or just ends; then its JSON is
#                     incomplete, and that is told.
#
# A connection is either idle, and kept for the next request, or it belongs to the one response that is read from it.
# So several responses can be read at once, in any order.

READ_SIZE = 32 << 10                    # most bytes taken from a body at once: two records of TLS
ERROR_BODY_LIMIT = 64 << 10         # bytes: a Problem has a few hundred
DEFAULT_TIMEOUT = 30.0              # seconds
RETRY_PAUSES = (0.5, 1.0)           # seconds before the first and the second retry
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie", "location")

API_HINT = "check --server, PLEXSPHERE_URL or the profile: is this the API?"
PROXY_HINT = "check HTTPS_PROXY, HTTP_PROXY (user:password@ before the host if it wants a login) and NO_PROXY"
OVERLOAD_HINT = "the server is overloaded or restarting: try again in a minute"
STATUS_HINTS = {
    400: "the server refused the value of a flag",
    401: "log in again: the token%s is missing, expired or not this server's",        # ` from PLEXSPHERE_TOKEN`
    403: "ask an owner of the Project to let this token read its Executions",
    404: "check --project, the id and --server: no such thing there, or it is hidden from this token",
    407: PROXY_HINT,
    429: "too many requests: try again in a minute",
    500: "the server failed: try again, then give its operators the time, the command and any correlation id",
    501: "this server runs no actions: its operators must provision the actions dispatch first",
    502: OVERLOAD_HINT,
    503: OVERLOAD_HINT,
    504: OVERLOAD_HINT,
}
PROBLEM_HINTS = {       # by the `code` of a 400, and the `reason` of a 403
    "invalid_cursor": "the server refused the cursor: it belongs to one query, with its filters",
    "invalid_limit": "the server refused the value of --limit",
    "invalid_status": "the server refused the value of --status: --help names the seven",
    "caveat_violation": "the token is good, but not here and now: check the time, the address from which you come, and "
                        "how you logged in",
}
TLS_HINT = "check the port, the host's name and this host's clock; a CA of your own is named with --ca-file"


def check_seconds(seconds: float, lead: str = "") -> float:
    """Return a number of seconds above 0, a day at most. Raises UsageError for anything else; `lead` begins it."""
    if not isinstance(seconds, (int, float)) or not 0 < seconds <= 86400:
        raise UsageError(lead + "expected seconds, more than 0 and 86400 (a day) at most")
    return seconds


def make_tls_context(ca_file):
    """Return the standard library's context, which verifies certificate and host name, with TLS 1.2 or newer. The
    system's CAs are trusted if `ca_file` is None or empty, else those of the file alone. Raises UsageError for an
    unusable file, RemoteError if this Python has no ssl module."""
    try:
        import ssl
    except ImportError:
        raise RemoteError("this Python has no TLS: it was built without the ssl module", "run another Python")
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError, TypeError) as error:       # a NUL in the name is one of the last two
        raise UsageError("the file of CAs, or the one of SSLKEYLOGFILE, cannot be used: " + describe_error(error),
                         "check --ca-file")
    # Do not rely on its own minimum: openssl.cnf can lower it, and some systems build Python without one.
    if sys.version_info < (3, 7):
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    elif context.minimum_version < ssl.TLSVersion.TLSv1_2:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def do_nothing(*_: object) -> None:
    """Do nothing. This is the default of callbacks."""


class Transport:
    """GET requests to one server. One connection is kept from request to request; documents that are read at the same
    time have one each. It is a context manager, and belongs to one thread: give each thread its own. After a fork the
    child opens connections of its own.

        with Transport.from_settings() as transport: ...        the server, token and proxy that the command would use
        Transport(Server.parse("https://plexsphere.example"), token)        these alone; no proxy, no environment

    To test a program without a server, override `get`, the only method that talks to one. It returns chunks of a body,
    or raises RemoteError. (For a wait, give `clock` and `sleep` too.)

        class Canned(Transport):
            def get(self, path, parameters, pauses=()):
                return iter([b'{"items": [{"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"}]}'])

    Not a namedtuple, so that repr() does not show the token.

        server      the Server
        secrets     texts that must not be shown: the token, the proxy's password and Basic string
        received    bytes of bodies so far
        deadline    a time of the clock at which every wait ends, or None; for wait_for_execution alone
    """

    def __init__(self, server: Server, token: str, *, ca_file: "t.Optional[str]" = None,
                 timeout: float = DEFAULT_TIMEOUT, allow_http: bool = False, proxy: "t.Optional[Proxy]" = None,
                 token_source: str = "", on_retry: "t.Callable[[str], t.Any]" = do_nothing,
                 trace: "t.Callable[[str], t.Any]" = do_nothing, before_wait: "t.Callable[[], t.Any]" = do_nothing,
                 clock: "t.Callable[[], float]" = time.monotonic,
                 sleep: "t.Callable[[float], t.Any]" = time.sleep) -> None:
        """Prepare requests; nothing is sent yet.

            ca_file         PEM file of the CAs to trust instead of the system's
            timeout         seconds for each single wait for the network: more than 0, at most 86400
            allow_http      whether plain http may go to another host than this one
            proxy           a Proxy, as from_settings() finds it
            token_source    where the token came from, for the hint of a 401
            on_retry        called as on_retry(text) before each retry
            trace           trace(line) is told each line of requests and responses, the values of SECRET_HEADERS masked
            before_wait     called before each wait for the network
            clock, sleep    seconds; for tests

        What is told may quote the server, unescaped: make_visible() it.

        Raises RemoteError for plain http to another host, CredentialsError for a bad token, UsageError for a bad
        timeout."""
        if server.scheme == "http" and not allow_http and not is_this_host(server.host):
            raise RemoteError("plain http to %s would show the token to the network" % server.host,
                              "use https://, or allow it with --allow-http")
        token = validate_token(token, token_source)
        self.server = server
        self.secrets = [token] + (proxy.secrets if proxy else [])
        self.received = 0
        self.deadline: "t.Optional[float]" = None
        self.clock, self.sleep = clock, sleep

        # What the caller wants.
        self._ca_file = ca_file
        self._timeout = check_seconds(timeout, "timeout: ")
        self._proxy = proxy
        self._token_source = token_source
        self._on_retry, self._trace, self._before_wait = on_retry, trace, before_wait

        # What is sent with each request.
        self._headers = {"Host": server.authority, "Authorization": "Bearer " + token,
                         "Accept": "application/json, application/problem+json", "Accept-Encoding": "identity",
                         "User-Agent": "plexctl-exec-log/" + __version__}

        # Where things stand.
        self._context = None        # of TLS, made at the first connection
        self._keep_alive = True          # whether connections are kept, as they are until close()
        self._idle: "t.Dict[int, t.Any]" = {}   # the kept connection, by the id of the process that may use it

    @classmethod
    def from_settings(cls, server: "t.Optional[str]" = None, profile: "t.Optional[str]" = None,
                      token_file: "t.Optional[str]" = None, **options: "t.Any") -> "Transport":
        """Make a Transport with the settings of the command: server URL, profile and token file as its flags give them,
        and what is not given from the environment, the config file and the proxy variables. `options` are further
        arguments of Transport, but proxy and token_source. Raises UsageError, CredentialsError, RemoteError."""
        place, token, source = find_settings(server, profile, token_file)
        return cls(place, token, proxy=find_proxy(place), token_source=source, **options)

    def __enter__(self) -> "Transport":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connection, and keep none from now on. What is unread can be read on."""
        self._keep_alive = False
        self._set_idle(None)

    def _set_idle(self, connection):
        """Keep a connection, or none, in place of the one that was kept before."""
        for other in self._idle.values():
            other.close()
        self._idle = {os.getpid(): connection} if connection else {}

    def remaining(self, seconds: float) -> float:
        """Return the seconds, or what is left until `deadline` if that is less; 0 if it has passed."""
        return seconds if self.deadline is None else max(0.0, min(seconds, self.deadline - self.clock()))

    def deadline_passed(self) -> bool:
        """Tell whether `deadline` has passed."""
        return self.deadline is not None and self.clock() >= self.deadline

    def get(self, path: str, parameters: "Parameters",
            pauses: "t.Iterable[float]" = RETRY_PAUSES) -> "t.Iterator[bytes]":
        """Send a GET, and return an iterator over the body of its 200 response, whose headers are in on return. `path`
        is sent as it is. Parameters are percent-encoded, empty ones left out. (What Python could not decode of a
        command line is sent as the bytes that it was.) A retryable failure is retried after each of the pauses
        (seconds), or instead as many seconds as the server asked for, unless `deadline` has passed. (Beside these
        tries, a kept connection that went cold is replaced without a word.) Raises RemoteError, from the iterator too, and
        UsageError for an unusable file of CAs."""
        from urllib.parse import quote, urlencode
        try:
            query = urlencode([pair for pair in parameters.items() if pair[1]], quote_via=quote, safe="",
                              errors="surrogateescape")
        except UnicodeEncodeError:
            raise UsageError("a parameter holds half a surrogate pair, which cannot be sent")
        target = self.server.prefix + path + ("?" + query if query else "")

        for pause in pauses:
            try:
                return self._request(target)
            except RemoteError as error:
                if not error.retryable:
                    raise
                rest = pause if error.retry_after is None else error.retry_after
                self._on_retry("%s; again in %.1f s" % (error, rest))
                self.sleep(self.remaining(rest))
                if self.deadline_passed():
                    raise
        return self._request(target)

    def _request(self, target):
        """Send one request, and return an iterator over the body of its 200 response. Raises RemoteError."""
        self._before_wait()

        # Try the kept connection. If it is lost, since the server has closed it meanwhile, ask once more on a new one.
        kept, answer = self._idle.pop(os.getpid(), None), None
        if kept:
            try:
                answer = self._exchange(kept, target)
            except RemoteError as error:
                if not error.retryable:     # here that is a lost connection alone
                    raise
        response, chunks = answer or self._exchange(self._connect(), target)

        if response.status == 200:
            return chunks
        try:
            raise self._make_error(response, chunks)
        finally:
            chunks.close()

    def _connect(self):
        """Return a new connection, through the proxy's tunnel for https. Raises RemoteError, and UsageError for the
        file of CAs."""
        from http import client
        server, proxy = self.server, self._proxy
        at = proxy or server
        make = client.HTTPConnection
        if server.scheme == "https":
            self._context = self._context or make_tls_context(self._ca_file)
            make = partial(client.HTTPSConnection, context=self._context)
        connection = make(at.host, at.port, timeout=self._socket_timeout())

        try:
            if proxy and server.scheme == "https":
                self._trace_lines(">", "CONNECT %s:%d" % (server.host, server.port), proxy.headers.items())
                connection.set_tunnel(server.host, server.port, proxy.headers)
            connection.connect()
        except (OSError, client.HTTPException, ValueError) as error:
            # OSError for a proxy's refusal, too; ValueError for a certificate on 3.6.
            connection.close()
            raise self._connect_error(error)
        return connection

    def _socket_timeout(self):
        """Return the seconds that the next wait for the network may take. Never 0, which would mean not to wait."""
        return max(self.remaining(self._timeout), 0.001)

    def _timeout_error(self, what):
        """Return the error for a wait that took too long."""
        return RemoteError("timed out: " + what, "a slow server or network may need a longer --timeout than %g s"
                           % self._timeout, transient=True)

    def _connect_error(self, error):
        """Return the RemoteError for a connection that could not be made: name, TCP, proxy or TLS."""
        import socket
        ssl = sys.modules.get("ssl")        # a Python without TLS has none
        where, hint = self.server.authority, API_HINT
        if self._proxy:
            where, hint = "proxy %s:%d" % (self._proxy.host, self._proxy.port), PROXY_HINT

        # The order counts: all of these but CertificateError on 3.6 are OSErrors.
        if isinstance(error, socket.timeout):
            return self._timeout_error("connecting to " + where)
        if ssl and isinstance(error, (ssl.SSLError, ssl.CertificateError)):
            return RemoteError("no TLS with %s: %s" % (self.server.authority, describe_error(error)), TLS_HINT)
        is_name = isinstance(error, socket.gaierror)
        what = "its name does not resolve" if is_name else describe_error(error)
        return RemoteError("cannot connect to %s: %s" % (where, what), hint, transient=not is_name)

    def _exchange(self, connection, target):
        """Send one request, and return (response, iterator over its body) once the headers are in. Raises RemoteError,
        which is retryable if the connection was lost."""
        headers = self._headers
        sock = connection.sock      # which http.client forgets after `Connection: close`
        if self._proxy and self.server.scheme == "http":
            target = "http://" + self.server.authority + target
            headers = dict(headers, **self._proxy.headers)

        chunks = None
        try:
            self._trace_lines(">", "GET %s HTTP/1.1" % target, headers.items())
            response = self._send(connection, target, headers)
            self._trace_lines("<", "HTTP/1.1 %d %s" % (response.status, response.reason), response.getheaders())
            chunks = self._read_body(connection, response, sock)
            next(chunks)        # begin it: then it keeps or closes the connection, even if nobody reads on
            return response, chunks
        finally:
            if chunks is None:
                connection.close()

    def _send(self, connection, target, headers):
        """Send a request, and return its response. Raises RemoteError."""
        import socket
        try:
            connection.sock.settimeout(self._socket_timeout())
            connection.request("GET", target, headers=headers)
            return connection.getresponse()
        except socket.timeout:
            raise self._timeout_error("no response")
        except OSError:     # among them RemoteDisconnected: it was closed before the first byte
            raise RemoteError("the connection was lost before the response", API_HINT, retryable=True)
        except Exception as error:      # HTTPException for the status line, and whatever `email` makes of the headers
            raise RemoteError("what answers speaks no proper HTTP: %s" % describe_error(error), API_HINT)

    def _trace_lines(self, mark, first, headers):
        """Trace a request or a response, its secrets masked."""
        self._trace(mark + " " + first)
        for name, value in headers:
            self._trace("%s %s: %s" % (mark, name, "***" if name.lower() in SECRET_HEADERS else value))

    def _make_error(self, response, chunks):
        """Return the error for a response that is no 200: RemoteError for a redirect, else APIError."""
        # Name a redirect's target without what stands before an `@`, and without its query: they may hold a password
        # or a code. Mask our own secrets before the text is cut: of the token `abc?def` the cut would leave `abc`.
        status, location = response.status, response.getheader("Location")
        if 300 <= status < 400 and location:
            target = re.split("[?#]", mask(location, self.secrets))[0].rpartition("@")[2]
            return RemoteError("HTTP %d: redirected to %s, and redirects are not followed: the token goes to the named "
                               "server only" % (status, target), "name the right --server")

        problem = self._read_problem(chunks)

        def read(name):
            """Return a member of the Problem as text, empty if it is none. `relation_path` is a list of texts."""
            value = problem.get(name)
            if isinstance(value, list):
                value = " > ".join(step for step in value if isinstance(step, str))
            return value if isinstance(value, str) else ""

        # Say what the Problem says.
        parts = {"": read("detail"), "code ": read("code"), "reason: ": read("reason"),
                 "relation path: ": read("relation_path"),
                 "correlation id: ": read("correlation_id") or response.getheader("X-Correlation-Id")}
        message = ("HTTP %d %s" % (status, read("title") or response.reason)).strip()
        message += "".join("; " + label + text for label, text in parts.items() if text)

        # Find the next step.
        hint = STATUS_HINTS.get(status, "")
        if status == 401:
            hint = hint % (" from " + self._token_source if self._token_source else "")
        elif status == 404 and not problem:
            hint = API_HINT
        elif status in (400, 403):
            hint = PROBLEM_HINTS.get(read("code" if status == 400 else "reason"), hint)

        # Retry-After may also be a date, which is not read. A number of 500 digits is infinite, and cut to 30.
        retry_after = response.getheader("Retry-After", "").strip()
        return APIError(message, hint, status, problem,
                        min(float(retry_after), 30.0) if re.fullmatch("[0-9]+", retry_after) else None)

    def _read_problem(self, chunks):
        """Return the JSON object of an error's body, {} if there is none, or if the body has more than 64 KiB."""
        body = b""
        try:
            for chunk in chunks:
                body += chunk
                if len(body) > ERROR_BODY_LIMIT:
                    return {}
        except RemoteError:
            pass        # what came is used; if it was cut, it is no JSON
        try:
            problem = json.loads(body.decode("utf-8"), parse_int=float)     # an int of 5,000 digits fails on 3.11
        except (ValueError, RecursionError):
            return {}
        return problem if isinstance(problem, dict) else {}

    def _read_body(self, connection, response, sock):
        """Yield the body of a response as it arrives, after an empty slice at once. Raises RemoteError."""
        process, is_read = os.getpid(), False
        try:
            yield b""
            while not is_read:
                self._before_wait()
                if process != os.getpid():
                    raise RemoteError("an answer can be read only in the process that asked for it, not after a fork")
                chunk = self._read_chunk(response, sock)
                self.received += len(chunk)
                is_read = not chunk
                yield chunk
        finally:
            # Before 3.13 a response stays open after its last byte, and the next one is refused. (`length` is what is
            # missing of the body, None if its length was not announced.)
            is_whole = is_read and not response.length
            response.close()
            if is_whole and self._keep_alive and not response.will_close:
                self._set_idle(connection)
            else:
                connection.close()

    def _read_chunk(self, response, sock):
        """Return the next bytes of a body, none at its end. Raises RemoteError."""
        import socket
        from http.client import HTTPException
        try:
            if not response.isclosed():     # since 3.13 it closes itself at its last byte, and with it the socket
                sock.settimeout(self._socket_timeout())
            return response.read1(READ_SIZE)
        except socket.timeout:
            raise self._timeout_error("the body stopped")
        except (OSError, HTTPException, ValueError, OverflowError) as error:    # the last two: an impossible chunk size
            raise RemoteError("the connection was lost within the body: %s" % describe_error(error), transient=True)


# ------------------------------------------------------------------------------------------------ JSON text

WHITESPACE = re.compile("[ \t\n\r]*")
VALUE_LIMIT = 64 << 20      # characters: three thousand times the largest output that is sent inline


def read_number(literal):
    """Return a JSON number that a double can hold (`-0` becomes 0, `1E2` 100.0). Raises JSONDecodeError, also for NaN
    and Infinity, which RFC 8259 does not know."""
    if not abs(float(literal)) <= sys.float_info.max:       # `not <=`, so that NaN is caught too
        raise json.JSONDecodeError("a number that is not one of JSON, or too large", "", 0)
    return int(literal) if literal.lstrip("-").isdigit() else float(literal)


def decode_utf8(chunks):
    """Yield the text of UTF-8 chunks. Raises RemoteError at the first byte that is not UTF-8, after all text before
    it."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    for chunk in chain(chunks, [b""]):      # the empty one is the end
        try:
            yield decode(chunk, not chunk)
        except UnicodeDecodeError as error:
            # `object` is what was decoded: the rest of the slice before, a cut character, and this slice.
            yield error.object[:error.start].decode("utf-8")
            raise RemoteError("the body holds bytes that are not UTF-8", transient=not chunk)


class JSONReader:
    """The text of one JSON document (RFC 8259), read from byte chunks only as far as it is needed. json's own decoder
    decodes every value; this class makes sure that all of the value has arrived. Raises RemoteError.

    Take `{"items":[1,2]}` as an example: next_entry("{}", True), read_value() is `items`, expect(":"),
    next_entry("[]", True), read_value() is 1, next_entry("[]", False), read_value() is 2, next_entry("[]", False) is
    False, and next_entry("{}", False) is, too."""

    def __init__(self, chunks):
        self._texts = decode_utf8(chunks)
        self._scan = json.JSONDecoder(parse_float=read_number, parse_int=read_number,
                                      parse_constant=read_number).raw_decode
        self._text = ""         # a stretch of the document
        self._pos = 0            # what stands before this place in _text has been taken
        self._ended = False     # whether the document ends where _text ends
        self._error = None      # the RemoteError that comes after _text; a copy, since that holds no frames

    def _fill(self, least):
        """Drop what has been taken, and append at least `least` characters to _text; fewer if the document ends or
        fails before. A failure is raised by the next call: of `[{},{` that breaks off, {} is taken first."""
        if self._error:
            raise copy(self._error)
        parts = [self._text[self._pos:]]
        if len(parts[0]) > VALUE_LIMIT:
            raise RemoteError("the body holds a value that is too large or malformed")

        try:
            while least > 0:
                parts.append(next(self._texts))
                least -= len(parts[-1])
        except StopIteration:
            self._ended = True
        except RemoteError as error:
            self._error = copy(error)
        self._text, self._pos = "".join(parts), 0

    def fail_with(self, error):
        """Let all further reading fail with this error."""
        self._text, self._pos, self._ended, self._error = "", 0, False, copy(error)

    def peek(self):
        """Return the next character that is no blank, without taking it; empty at the end. Afterwards it stands at
        `_pos`, or the document has ended."""
        while self._text[self._pos:self._pos + 1] in " \t\n\r":      # a blank, or "", which is in every text
            self._pos = WHITESPACE.match(self._text, self._pos).end()
            if self._ended or self._pos < len(self._text):
                break
            self._fill(1)
        return self._text[self._pos:self._pos + 1]

    def expect(self, choices):
        """Take the next character that is no blank. It must be one of the choices."""
        character = self.peek()
        if not character:
            raise RemoteError("the body ends early", transient=True)
        if character not in choices:
            raise RemoteError("the body is malformed: expected %s, found %s" % (" or ".join(choices), character),
                              API_HINT)
        self._pos += 1
        return character

    def next_entry(self, brackets, is_first):
        """Tell whether another entry of an object `{}` or an array `[]` follows, and take what stands before it: the
        opening bracket before the first one, a comma before any other. Take the closing bracket if none follows."""
        if not is_first and self.peek() == ",":     # as nearly always
            self._pos += 1
            return True
        begin, end = brackets
        if is_first:
            self.expect(begin)
            if self.peek() != end:
                return True
        self.expect("," + end)
        return False

    def read_value(self):
        """Take one whole value. If it cannot be decoded, it may only be incomplete: read more and try again, until the
        text ends or _fill finds the value too large. So what is malformed is noticed only then."""
        self.peek()     # now a character stands at _pos, or the text has ended
        while True:
            text, at = self._text, self._pos
            try:
                # Do not let json scan an object without any `}`: it is incomplete, and to find that out takes json
                # long. (This saves a third of the time of a large `get`.)
                if self._ended or text[at] != "{" or text.find("}", at) >= 0:
                    value, end = self._scan(text, at)

                    # Believe a number only with three characters behind it: of `1e-5`, of which `1e-` may be here, json
                    # takes 1.
                    if self._ended or not isinstance(value, (int, float)) or end + 3 <= len(text):
                        break
            except RecursionError:
                raise RemoteError("the body is nested too deeply")
            except ValueError as error:     # int() of Python 3.11 refuses 5,000 digits with one that has no `msg`
                if self._ended:
                    # A text that was cut is worth another try: json finds the fault at its end, or no `}` is there.
                    was_cut = getattr(error, "pos", 0) >= len(text) or not text.rstrip().endswith("}")
                    raise RemoteError("the body ends early or is malformed: %s" % getattr(error, "msg", error),
                                      transient=was_cut)
            # A quarter more at a time keeps the cost of all attempts at a few times the value's length.
            self._fill(1 + (len(text) - at) // 4)

        self._pos = end
        return value


# ----------------------------------------------------------------------------------------------- Wire model

END = object()      # what is read when nothing is left


class Document:
    """One answer of the server, a JSON object, read as its bytes arrive. Reading raises RemoteError, and after that the
    same again. While it is unread it holds a connection: drop it, or close() it if something, as an error, may hold it.

        for execution in get_page(transport, project, {}).elements: ...

        list_name   the name of the list that is streamed: `items` or `targets`
        elements    iterator over the objects of that list that are still unread, as the server sent them
        members     the other members that have arrived, in their order; [] stands for the list. `next_cursor` is added
                    last, when the document is complete; one that breaks has none
        count       elements read so far
        succeeded   those of them whose status is `succeeded`
        cursor      the cursor that this page was asked with, empty for the first page
        resume      the cursor at which to go on: that of this page until it is complete, then that of the next one;
                    empty for the first page, None after the last one
    """

    def __init__(self, chunks: "t.Iterable[bytes]", list_name: str, expected_id: "t.Optional[str]" = None,
                 cursor: str = "") -> None:
        self.list_name = list_name
        self.members: "t.Dict[str, t.Any]" = {}
        self._last: "t.Dict[str, t.Any]" = {}       # next_cursor, until the document is complete
        self.count = 0
        self.succeeded = 0
        self.cursor = cursor
        self.resume: "t.Optional[str]" = cursor
        self._expected_id = expected_id
        self._chunks = chunks
        self._text = JSONReader(chunks)
        self._in_list = False        # whether what comes next belongs to the list
        self._is_complete = False

    @property
    def elements(self) -> "t.Iterator[t.Dict[str, t.Any]]":
        """The elements that are still unread."""
        while True:
            element = self._advance()
            if element is END:
                return
            if element is not None:
                yield element

    def close(self) -> None:
        """Give up what is unread, and the connection on which it would come. Reading on raises RemoteError."""
        self._fail(RemoteError("the document was closed"))

    def _fail(self, error):
        self._text.fail_with(error)
        getattr(self._chunks, "close", do_nothing)()

    def read_members(self, *names: str) -> "t.Dict[str, t.Any]":
        """Read on until these members are known, and return what is known. Elements of the list that stand before them
        are lost."""
        while not self.members.keys() >= set(names) and self._advance() is not END:
            pass
        return self.members

    def _advance(self):
        """Read one element of the list and return it, or one other member and return None. Return END at the end."""
        text, members = self._text, self.members
        try:
            if self._in_list:
                if text.next_entry("[]", self.count == 0):
                    element = text.read_value()
                    if not isinstance(element, dict):
                        raise RemoteError("%s: expected a list of objects" % self.list_name)
                    self.count += 1
                    self.succeeded += element.get("status") == "succeeded"
                    return element
                self._in_list = False

            if not self._is_complete:
                if text.next_entry("{}", not (members or self._last)):
                    return self._read_member()
                self._finish()
            return END
        except RemoteError as error:
            self._fail(error)
            raise

    def _read_member(self):
        # Read the name. For what is no string, expect() raises.
        text = self._text
        name = text.read_value() if text.peek() == '"' else text.expect('"')
        text.expect(":")
        if name in self.members or name in self._last:
            raise RemoteError('the body has "%s" twice' % name)

        # Stream the list; take any other member as a whole.
        if name == self.list_name and text.peek() == "[":
            self.members[name] = []
            self._in_list = True
        else:
            kept = self._last if name == "next_cursor" else self.members
            kept[name] = self._check_member(name, text.read_value())

    def _finish(self):
        if self._text.peek():
            raise RemoteError("the body is malformed: it goes on after its end")
        needed = "items" if self._expected_id is None else "id"
        if needed not in self.members:
            raise RemoteError('the answer has no member "%s"' % needed, API_HINT)
        self.members.update(self._last)
        self.resume = self._last.get("next_cursor") or None
        self._is_complete = True

    def _check_member(self, name, value):
        """Return a member's value. Raises RemoteError if it cannot be part of the answer to what was asked. `object` is
        any type. Where no id is expected, any will do."""
        check_type(value, {self.list_name: list, "next_cursor": str}.get(name, object), name)
        if name == "id" and self._expected_id not in (None, str(value).lower()):
            raise RemoteError("expected execution %s, the answer's id is %s" % (self._expected_id, value), API_HINT)
        return value


# `019f41fa-e706-7f35-8b48-2edd4d1a60e2`, and what Go's uuid.Parse takes too: `urn:uuid:` before it, braces around it,
# or 32 bare digits.
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
UUID_SPELLINGS = r"(?:urn:uuid:)?%s|\{%s\}|[0-9a-f]{32}" % (UUID, UUID)

# `2026-11-24T09:30:00.5Z`: a UTC time of RFC 3339. Without the Z, texts sort as the times do: `00` before `00.5`. (But
# for zeros at the end: `00.5` sorts before `00.50`.)
UTC_TIME = r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)Z"


def parse_uuid(value: "t.Union[str, AnyUUID]", where: str = "") -> str:
    """Return the canonical lower-case spelling of a UUID. It may be a uuid.UUID, or text: canonical, with `urn:uuid:`
    before it, in braces, or 32 digits. `where` ends the error's message, as ` in NAME`. Raises UsageError."""
    text = str(value).strip().lower()
    if not re.fullmatch(UUID_SPELLINGS, text):
        raise UsageError("expected a UUID as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10" + where)
    digits = re.sub("urn:uuid:|[{}-]", "", text)
    return re.sub("(.{8})(.{4})(.{4})(.{4})", r"\1-\2-\3-\4-", digits)


def get_text(record, name, where=""):
    """Return a member that is a string, None if it is null or absent. Raises RemoteError for any other type."""
    return check_type(record.get(name), str, where + name)


def read_created_at(execution):
    """Return when an Execution was created, without the Z, so that texts sort as times do. Raises RemoteError."""
    match = re.fullmatch(UTC_TIME, str(execution.get("created_at")))
    if not match:
        raise RemoteError("execution %s: created_at: expected a UTC time as 2026-11-24T09:30:00Z"
                          % execution.get("id"))
    return match.group(1)


BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def decode_base64(text: str) -> bytes:
    """Decode standard base64 with exact padding (RFC 4648, 4). Raises ValueError for anything else. (What a2b_base64
    itself refuses differs from Python to Python.)"""
    data = text.encode("ascii", "replace")      # `?` is not of the alphabet
    rest = data.translate(None, BASE64)     # what is not of the alphabet
    if len(data) % 4 or rest not in (b"", b"=", b"==") or not data.endswith(rest):
        raise ValueError("inline_bytes: expected standard base64 with exact padding")
    return a2b_base64(data)


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
            if kind == "inline":        # an empty output has no inline_bytes
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


def get_page(transport: Transport, project: "t.Union[str, AnyUUID]", parameters: "Parameters") -> Document:
    """Ask for one page of a Project's Executions, and return it as soon as its headers are in. `parameters` are those
    of the API: status, action_name, limit, cursor. Raises RemoteError, and UsageError for an id that is no UUID or an
    unusable file of CAs."""
    path = EXECUTIONS % parse_uuid(project)
    return Document(transport.get(path, parameters), "items", cursor=parameters.get("cursor") or "")


def walk(transport: Transport, project: "t.Union[str, AnyUUID]", parameters: "Parameters") -> "t.Iterator[Document]":
    """Yield the pages of a Project's Executions. Each is asked for when you come for it, and what you left unread of
    the one before is skipped. Raises as get_page does; also RemoteError if a cursor comes again, for which all of them
    are remembered. To go on after an error, walk anew with the last page's `resume` as the cursor; to look for what is
    new after the end, with the last page's `cursor`."""
    query = dict(parameters)
    seen = {hash(parameters.get("cursor") or "")}       # hashes of the cursors that were asked for
    while True:
        page = get_page(transport, project, query)
        yield page
        for _ in page.elements:
            pass        # read what the caller left
        cursor = page.resume
        if cursor is None:
            return

        if hash(cursor) in seen:
            raise RemoteError("the server's cursors go round in a circle: %s came again" % cursor, can_resume=False)
        if re.search("[\ud800-\udfff]", cursor):
            raise RemoteError("next_cursor holds half a surrogate pair, which cannot be sent back", can_resume=False)
        seen.add(hash(cursor))
        query["cursor"] = cursor


def select_last(executions: "t.Iterable[t.Dict[str, t.Any]]", number: int) -> "t.List[t.Dict[str, t.Any]]":
    """Return the `number` Executions that were created last, oldest first; of those created at one moment the ones that
    came last. Holds no more than these. Raises RemoteError."""
    from heapq import heappush, heappushpop
    latest: "t.List[t.Any]" = []        # a heap of (time, place of arrival, Execution): [0] is the first to go
    for arrival, execution in enumerate(executions):
        push = heappush if arrival < number else heappushpop
        push(latest, (read_created_at(execution), arrival, execution))
    return [execution for _, _, execution in sorted(latest)]


def get_execution(transport: Transport, project: "t.Union[str, AnyUUID]", execution_id: "t.Union[str, AnyUUID]",
                  pauses: "t.Iterable[float]" = RETRY_PAUSES) -> Document:
    """Ask for one Execution, and return it as soon as its headers are in. Its elements are the targets;
    OutputRef.from_wire reads the `output_ref` of one. Raises as get_page does."""
    project, execution_id = parse_uuid(project), parse_uuid(execution_id)
    return Document(transport.get("%s/%s" % (EXECUTIONS % project, execution_id), {}, pauses), "targets", execution_id)


def wait_for_execution(transport: Transport, project: "t.Union[str, AnyUUID]", execution_id: "t.Union[str, AnyUUID]",
                       seconds: "t.Optional[float]" = None, on_status: "t.Callable[[str], t.Any]" = do_nothing,
                       on_retry: "t.Callable[[str], t.Any]" = do_nothing) -> str:
    """Wait until the status of an Execution is final, and return it. `on_status(status)` is given each change of it,
    and the status after each failure (`-` if the answer has none; an unknown status is not final), `on_retry(text)`
    each failure that is waited out. The pauses are 2 s, then each half as long again, 15 s at most.

    Raises WaitTimeout once so many seconds have passed, whatever failed last (None: never; 0: ask once, retries aside,
    and raise what fails); before that RemoteError for a failure that waiting does not mend, or that comes before the
    first good answer. Raises UsageError for an id that is no UUID, or seconds that are neither 0 nor as Transport's
    timeout may be."""
    if seconds:
        check_seconds(seconds, "seconds: ")
    status, shown, pause = "", "", 2.0
    outer_deadline = transport.deadline
    transport.deadline = transport.clock() + seconds if seconds else None
    try:
        while True:
            # Ask for the status alone: the targets may be many. What is left unread is given up.
            failure, rest = "", pause
            try:
                pauses = () if status else RETRY_PAUSES
                members = get_execution(transport, project, execution_id, pauses).read_members("id", "status")
                new = get_text(members, "status") or "-"
            except RemoteError as error:
                failure, rest = str(error), max(pause, error.retry_after or 0.0)
                if not (status and error.transient or transport.deadline_passed()):
                    raise
                shown = ""

            # Tell what is new.
            else:
                status = new
                if status != shown:
                    on_status(status)
                    shown = status
                if status in FINAL_STATUSES:
                    return status

            # Wait, if there is time.
            if failure and not transport.deadline_passed():
                on_retry(failure)
            if seconds != 0:
                transport.sleep(transport.remaining(rest))
            if seconds == 0 or transport.deadline_passed():
                raise WaitTimeout("waited %g s; %s%s" % (
                    seconds or 0, "the last status was " + status if status else "no answer came",
                    failure and "; at last: " + failure),
                    "it may still be running: wait again, or longer", status)
            pause = min(pause * 1.5, 15.0)
    finally:
        transport.deadline = outer_deadline


# ---------------------------------------------------------------------------------------------------- Forms
#
# A form is a generator of what is printed, text or bytes. It is given the document, an iterator over the elements to
# show, and the console: the Console, of which forms use is_coloured, columns, encode_for_stdout(bytes) and
# report_error(text). If the document fails, the iterator raises RemoteError in the midst of the form. Then nothing
# more is printed: no form completes what is broken, so that nobody takes it for whole.

COLOURS = {"succeeded": "32", "failed": "31", "timeout": "31", "cancelled": "33", "started": "36", "ack": "36"}
BOLD = "1"


def paint(text, code, console):
    """Return text in an SGR colour (ECMA-48, 8.3.117), as it is if there is no code or no colour."""
    return "\x1b[%sm%s\x1b[0m" % (code, text) if console.is_coloured and code else text


def paint_status(status, console):
    """Return a status in its colour for a table. It is padded before that: escape codes are no width."""
    return paint("%-9s" % escape_field(status), COLOURS.get(status), console)


# What json escapes beside the controls below U+0020: the common characters that are not printed, change the direction
# of a text or are none. It is a list of our own, so that it is the same on every Python; rare ones are not in it.
JSON_ESCAPED = "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffe\uffff\ud800-\udfff]"
encode_indented = json.JSONEncoder(indent=2, ensure_ascii=False).encode
encode_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def make_json_visible(text):
    r"""Return a JSON text with each JSON_ESCAPED character as \uNNNN. Such characters stand only within strings."""
    return re.sub(JSON_ESCAPED, lambda found: "\\u%04x" % ord(found.group()), text)


def indent_json(value, depth):
    """Return a value as indented JSON text that stands `depth` levels deep. (Within its strings no line breaks.)"""
    return make_json_visible(encode_indented(value)).replace("\n", "\n" + "  " * depth)


def format_json(document, elements, console):
    """Yield the document, its members in their order, next_cursor last, indented by 2. YAML 1.2 contains JSON: this
    serves for yaml too."""
    def format_members(names):
        return [indent_json(name, 0) + ": " + indent_json(document.members[name], 1) for name in names]

    # Read the first element. What has arrived now stands before it, but for the list itself, which comes last.
    first = next(elements, None)
    names = list(document.members)
    if first is None:
        yield "{\n  " + ",\n  ".join(format_members(names)) + "\n}\n"
        return

    names.pop()
    yield "{\n  " + ",\n  ".join(format_members(names) + ['"%s": [\n    ' % document.list_name]) + indent_json(first, 2)
    for element in elements:
        yield ",\n    " + indent_json(element, 2)
    after = list(document.members)[len(names) + 1:]
    yield "\n  ]" + "".join(",\n  " + text for text in format_members(after)) + "\n}\n"


def format_jsonl(document, elements, console):
    """Yield one compact object on each line."""
    for element in elements:
        yield make_json_visible(encode_compact(element)) + "\n"


# The tables of Executions: from how many columns of a terminal on; the names of the seven cells of a row; its format.
# The last cell has no bound. In a narrow terminal the times are shorter, and the format leaves out some of the cells.
TABLES = [
    (130, "ID STATUS TYPE TARGETS CREATED_AT UPDATED_AT ACTION", "{:36}  {:9}  {:7}  {:7}  {:20}  {:20}  {}\n"),
    (104, "ID STATUS TYPE TARGETS CREATED UPDATED ACTION", "{0:36}  {1:9}  {3:7}  {4:11}  {5:11}  {6}\n"),
    (0, "ID STATUS TYPE TARGETS CREATED UPDATED ACTION", "{0:36}  {1:9}  {3:7}  {5:11}  {6}\n"),
]
TARGET_TABLE = 0, "NODE_ID STATUS UPDATED_AT OUTPUT", "{:36}  {:9}  {:20}  {}\n"
ROW_MEMBERS = "id status type created_at updated_at action".split()
TEXT_TYPES = {str, type(None)}


def remove_fraction(text):
    """Return a time without the fraction of a second: `09:30:00Z` for `09:30:00.25Z`. What is no time mostly stays."""
    head, _, tail = (text or "").partition(".")     # of a time, head ends in `:00`
    return head + tail.lstrip("0123456789") if head[-3:-2] == ":" else text


def shorten_time(text):
    """Return `07-14T09:29` for `2026-07-14T09:29:39.5Z`, and `-` for what does not begin as a time does."""
    return text[5:16] if re.match("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}", text or "") else "-"


def choose_table(console):
    """Return the table of Executions that fits."""
    return next(table for table in TABLES if console.columns >= table[0])


def format_header(table, console):
    """Return the line above a table."""
    _, names, row = table
    return paint(row.format(*names.split())[:-1], BOLD, console) + "\n"


def format_row(execution, succeeded, total, table, console):
    """Return the row of an Execution. Raises RemoteError for a member of a wrong type."""
    values = [execution.get(name) for name in ROW_MEMBERS]
    if not TEXT_TYPES.issuperset(map(type, values)):
        raise RemoteError("execution %s: expected strings: %s" % (values[0], ", ".join(ROW_MEMBERS)))
    execution_id, status, kind, created, updated, action = values
    show_time = remove_fraction if table is TABLES[0] else shorten_time
    cells = [execution_id, status, kind, "%d/%d" % (succeeded, total), show_time(created), show_time(updated)]

    # Look at the row as a whole: escape_field changes no cell that is not empty, has no blank and is printable. This
    # spares a hundred thousand rows six looks each (a tenth of a listing).
    joined = "".join([cell or " " for cell in cells])
    if " " in joined or not joined.isprintable():
        cells = [escape_field(cell) for cell in cells]
    if console.is_coloured:
        cells[1] = paint_status(status, console)
    return table[2].format(*cells, make_visible(action or "-"))


def format_table(document, elements, console):
    """Yield a row for each Execution of a listing, and at last the cursor of the next page."""
    table = choose_table(console)
    header = format_header(table, console)
    for execution in elements:
        # 0 is no status, and refused below.
        targets = check_type(execution.get("targets"), list, "targets") or []
        statuses = [target.get("status") if isinstance(target, dict) else 0 for target in targets]
        if not TEXT_TYPES.issuperset(map(type, statuses)):
            raise RemoteError("execution %s: targets: expected objects, whose status is a string"
                              % execution.get("id"))
        yield header + format_row(execution, statuses.count("succeeded"), len(statuses), table, console)
        header = ""     # it stands above the first row

    cursor = document.members.get("next_cursor")
    yield header + ("next_cursor: %s\n" % make_visible(cursor) if cursor else "")


def read_target(target, console):
    """Return (node id, status, OutputRef) of a target. Complains about an output that is unreadable. Raises
    RemoteError."""
    node_id = get_text(target, "node_id", "a target's ")
    status = get_text(target, "status", "target %s: " % escape_field(node_id))
    output = OutputRef.from_wire(target.get("output_ref"))
    if output.kind == "unreadable":
        console.report_error("the output of target %s is unreadable: %s" % (escape_field(node_id), output.fault))
    return node_id, status, output


def describe_output(output):
    """Return `N bytes`, `archived: BUCKET/KEY (sha256:DIGEST)`, `no output` or `unreadable`."""
    if output.kind == "archived":
        digest = " (sha256:%s)" % escape_field(output.sha256) if output.sha256 else ""
        return "archived: " + escape_field(output.location) + digest
    return {"inline": "%d bytes" % len(output.data), "none": "no output"}.get(output.kind, output.kind)


def format_recap(document, console):
    """Return the table of one Execution. It stands at the end, because targets are printed as they arrive, and the end
    is what a terminal shows."""
    table = choose_table(console)
    row = format_row(document.members, document.succeeded, document.count, table, console)
    return format_header(table, console) + row


def format_sections(document, elements, console):
    """Yield a section for each target, as `==> NODE_ID STATUS N bytes <==` and the N bytes, which a terminal is shown
    made safe; then the recap."""
    for target in elements:
        node_id, status, output = read_target(target, console)
        is_archived = output.kind == "archived"
        description = describe_output(output)
        body = (description + "\n").encode("utf-8") if is_archived else console.encode_for_stdout(output.data)
        if body[-1:] not in (b"\n", b""):
            body += b"\n"

        what = "archived" if is_archived else description
        header = [paint("==> %s " % escape_field(node_id), BOLD, console),
                  paint(escape_field(status), COLOURS.get(status, BOLD), console),
                  paint(" %s <==" % what, BOLD, console)]
        yield "".join(header).encode("utf-8") + b"\n" + body + b"\n"
    yield format_recap(document, console)


def format_targets(document, elements, console):
    """Yield a row for each target, without its output; then the recap."""
    header = format_header(TARGET_TABLE, console)
    for target in elements:
        node_id, status, output = read_target(target, console)
        updated = get_text(target, "updated_at", "target %s: " % escape_field(node_id))
        yield header + TARGET_TABLE[2].format(escape_field(node_id), paint_status(status, console),
                                              escape_field(remove_fraction(updated)), describe_output(output))
        header = ""
    yield header + "\n" + format_recap(document, console)


def read_inline(elements, console):
    """Yield (node id, output as bytes for stdout) of each target. Complains about those that are archived."""
    for target in elements:
        node_id, _, output = read_target(target, console)
        if output.kind == "archived":
            console.report_error("the output of target %s is %s" % (escape_field(node_id), describe_output(output)))
        yield node_id, console.encode_for_stdout(output.data)


def format_raw(document, elements, console):
    """Yield the bytes of the inline outputs, one after the other, and nothing else."""
    for _, data in read_inline(elements, console):
        yield data


def format_lines(document, elements, console):
    """Yield every line of every inline output after its node, as `NODE_ID: LINE`."""
    for node_id, data in read_inline(elements, console):
        lines = data.split(b"\n")       # splitlines() would break at CR, too
        if not lines[-1]:
            lines.pop()                 # nothing follows the last line break
        lead = escape_field(node_id).encode("utf-8") + b": "
        yield b"".join(lead + line + b"\n" for line in lines)


LIST_FORMATS = {"text": format_table, "table": format_table, "json": format_json, "yaml": format_json,
              "jsonl": format_jsonl}
GET_FORMATS = {"text": format_sections, "table": format_targets, "lines": format_lines, "raw": format_raw,
             "json": format_json, "yaml": format_json, "jsonl": format_jsonl}


class OutputFolder:
    """The folder of --output-dir: new, or empty and for nobody else to write to. It is opened once, and everything in
    it is reached through that descriptor, so that it does not matter what its name stands for later. (Windows has no
    such descriptors.)"""

    def __init__(self, path):
        """Make the folder if it is missing, open it and check it. Raises ExecLogError, which says what is wrong."""
        self.path = path            # as it was given
        self._descriptor = None     # of the open folder; None on Windows
        self._base = ""             # what stands before each name: on Windows the folder's path

        hint = ""
        try:
            folder = path.rstrip("/") or path       # behind a last slash a link would not show
            if not os.path.lexists(folder):
                os.mkdir(folder, 0o700)
            hint = "name another, or remove it"

            # Open it, and check what was opened. Our errors are like those of the calls. (O_NOFOLLOW refuses a link;
            # islink is for the message, and for Windows.)
            if os.path.islink(folder):
                raise OSError("it is a symbolic link")
            if WINDOWS:
                self._base = folder
            else:
                self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                problem, _ = check_access(os.fstat(self._descriptor), 0o022)
                if problem:
                    raise OSError(problem)
            if os.listdir(folder if WINDOWS else self._descriptor):
                raise OSError("it is not empty")
        except (OSError, ValueError) as error:      # ValueError: a NUL in the name
            self.close()
            raise ExecLogError("the folder %s cannot be used: %s" % (path, describe_error(error)),
                               hint)

    def close(self):
        """Let go of the folder."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def create(self, name):
        """Open a new file, mode 0600, for bytes. Mode x (O_EXCL) fails if the name exists, as a link too."""
        return open(os.path.join(self._base, name), "xb", opener=lambda path, flags: os.open(
            path, flags, 0o600, dir_fd=self._descriptor))

    def rename(self, old, new):
        """Rename a file of the folder."""
        os.rename(os.path.join(self._base, old), os.path.join(self._base, new),
                  src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)


def format_index_line(node_id, status, output):
    """Return a target's line of the file `targets`: NODE_ID, STATUS, kind, BYTES, SHA256, BUCKET/KEY."""
    size, digest = "", output.sha256
    if output.kind == "inline":
        from hashlib import sha256
        size, digest = "%d" % len(output.data), sha256(output.data).hexdigest()
    fields = node_id, status, output.kind, size, digest, output.location
    return ("\t".join(map(escape_field, fields)) + "\n").encode("utf-8")


def save_output(target, console, folder, nodes):
    """Write a target's inline output to its file. Return (what became of it, the target's line of the file `targets`).
    `nodes` are the node ids that came before, in lower case: names may differ by case alone, and some file systems
    ignore that."""
    node_id, status, output = read_target(target, console)
    outcome = {"none": "no output", "inline": "files"}.get(output.kind, output.kind)
    node = (node_id or "").lower()
    if node in nodes or not re.fullmatch(UUID, node):       # a UUID is a safe name
        console.report_error("target %s has no file: its node id came before, or is not a UUID" % escape_field(node_id))
        outcome = "without a file"
    elif output.kind == "inline":
        with folder.create(node_id + ".out") as file:
            file.write(output.data)
    nodes.add(node)
    return outcome, format_index_line(node_id, status, output)


def write_folder(document, elements, console, folder, tally):
    """Write a file for each inline output, and `targets`, a line for each target, which is named `targets.partial`
    until all is there. Yield the recap alone. `tally` counts what became of the outputs. Holds the node ids of all
    targets. Raises ExecLogError for a file that cannot be written."""
    nodes = set()
    try:
        with folder.create("targets.partial") as targets:
            for target in elements:
                outcome, line = save_output(target, console, folder, nodes)
                tally[outcome] = tally.get(outcome, 0) + 1
                targets.write(line)
                targets.flush()
        folder.rename("targets.partial", "targets")
    except OSError as error:
        raise ExecLogError("cannot write %s: %s" % (os.path.join(folder.path, error.filename or ""),
                                                    describe_error(error)))
    yield format_recap(document, console)


# --------------------------------------------------------------------------------------------- Command line

EXIT_CODES = """exit codes:
  0    everything asked for was written
  1    the transport, the server, an answer or output failed
  2    usage: the command line, or a setting for a flag
  3    credentials missing, insecure or refused (401)
  4    forbidden (403)
  5    with --exit-status: printed, but not succeeded
  77   forbidden for want of a relation (rebac_denied)
  124  --wait-timeout passed: still running
  130  ended by Ctrl-C, as a shell tells it
  141  the reader of standard output went away
"""
EXAMPLES = """
examples:
  %(prog)s list --failed --since 9:00
  %(prog)s get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 -o table
  %(prog)s get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 --failed
"""

# The flags. A line holds the names, the name of the value unless it is a switch, two blanks or more, and the help. The
# last two of the first table belong to plexctl: they are accepted, have no effect here, and are not shown.
COMMON_FLAGS = """
--project UUID          the Project (else PLEXSPHERE_PROJECT)
--status STATUS         only this status; may be given more than once
--failed                only failed, cancelled and timeout
--running               only pending, ack and started
-o/--output FORM        text, table, json, yaml (JSON, which is YAML), jsonl; get: lines, raw too
--server URL            control plane (else --profile, PLEXSPHERE_URL, default profile)
--token-file FILE       token (else --profile, PLEXSPHERE_TOKEN, default profile)
--profile NAME          profile of the config file (else its default)
--ca-file FILE          PEM file of the CAs to trust instead of the system's
--allow-http            plain http to other hosts: the network can read the token
--timeout SECONDS       for each single wait for the network (default 30)
--color WHICH           auto, always or never (default auto)
-v/--verbose            trace requests and responses on standard error
-h/--help               print this page
--version               print the version
--yes
--reveal-secrets
"""
LIST_FLAGS = """
--action-name ACTION    only Executions of exactly this action
--since WHEN            CREATED_AT is WHEN or later: 2h, 9:30, '2026-07-14 09:30' (UTC)
--until WHEN            CREATED_AT is before WHEN
--last N                the N created last, oldest first
--all                   all pages
--limit ROWS            Executions per page, 200 at most
--cursor CURSOR         the page to begin with: the next_cursor of the one before
"""
GET_FLAGS = """
--id UUID               the Execution; `get UUID` is the same
--node UUID             only this target; may be given more than once
--wait                  wait until the Execution's status is final
--wait-timeout SECONDS  exit 124 after so long (with --wait)
--exit-status           exit 5 unless the Execution succeeded
--output-dir FOLDER     outputs as files in a new folder, and `targets`, a line for each
"""
DESCRIPTION = """Show what plexsphere actions ran and printed. A status is pending, ack, started,
succeeded, failed, cancelled or timeout. list prints one page, the oldest first;
all flags that choose, but --action-name and a single --status, read all pages."""
Flag = namedtuple("Flag", "names value text command")   # value: empty for a switch; command: empty for both


def read_flags():
    """Yield the Flags of the tables."""
    for command, table in (("", COMMON_FLAGS), ("list", LIST_FLAGS), ("get", GET_FLAGS)):
        for line in table.strip().splitlines():
            flag, _, text = line.partition("  ")
            names, _, value = flag.partition(" ")
            yield Flag(names.split("/"), value, text.strip(), command)


FLAGS = list(read_flags())


def parse_nonempty(text):
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


def parse_seconds(text):
    """Return a number of seconds, as `30` or `0.5`. Raises UsageError."""
    return check_seconds(float(text) if re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", text) else 0.0)


def parse_which(text):
    """Return when to colour. Raises UsageError."""
    if text not in ("auto", "always", "never"):
        raise UsageError("expected auto, always or never")
    return text


# The beginnings of a UTC time (RFC 3339).
TIME_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%S",
                "%Y-%m-%dT%H:%M:%SZ")
TIME_OF_DAY = "([01]?[0-9]|2[0-3]):[0-5][0-9]"
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}        # seconds


def parse_when(flag, text, now, after=None):
    """Return the moment, a datetime in UTC without a zone, for an age (`2h`), a time of day (`9:30`), a time without a
    year (`07-14T09:30`) or the beginning of a time (`2026-07-14 09`, also `2026-7-14 9`). `now` is a datetime, too. A
    time of day is the first one after the moment `after`, or without that the last one that was. Raises UsageError,
    which names the flag."""
    from datetime import datetime, timedelta
    text = remove_fraction(text.strip())
    if re.fullmatch("-?[0-9]+[smhdw]", text):
        age = float(text.strip("-smhdw")) * UNIT_SECONDS[text[-1]]
        return now - timedelta(seconds=min(age, (now - datetime(1970, 1, 1)).total_seconds()))
    try:
        if re.fullmatch(TIME_OF_DAY, text):
            hour, minute = map(int, text.split(":"))
            start = after or now - timedelta(days=1)
            moment = start.replace(hour=hour, minute=minute, second=0, microsecond=0)
            return moment if moment > start else moment + timedelta(days=1)
    except OverflowError:
        pass        # after the year 9999

    # Complete a time without a year, as a narrow table shows it: it is the last one that was.
    text = text.replace(" ", "T")
    is_short = re.match("[0-9]{2}-[0-9]{2}(T|$)", text)
    if is_short:
        text = "%d-%s" % (now.year, text)

    for form in TIME_FORMATS:
        try:
            moment = datetime.strptime(text, form)
            return moment.replace(year=now.year - 1) if is_short and moment > now else moment
        except ValueError:
            pass        # perhaps another form
    raise UsageError("argument %s: expected an age as 90s, 30m, 2h, 7d or 2w, a time of day as 9:30, or a UTC time as "
                     "2026-07-14, '2026-07-14 09:30' or 07-14T09:30" % flag)


def suggest(word, known):
    """Return `; did you mean ...?` with the known word that is nearest, empty if none is near."""
    from difflib import get_close_matches
    return "".join("; did you mean %s?" % near for near in get_close_matches(word, known, 1, 0.7))


def quote_word(word):
    """Return ` WORD` for a message, empty if it is long: it may be a secret in the wrong place."""
    return " " + word if len(word) <= 20 else ""


# By the name of a flag's value: what makes the value of the text; str, if nothing does.
VALUE_PARSERS = {"URL": parse_nonempty, "NAME": parse_nonempty, "FILE": parse_nonempty, "FOLDER": parse_nonempty,
                 "UUID": parse_uuid, "SECONDS": parse_seconds, "ROWS": parse_limit, "N": parse_count,
                 "WHICH": parse_which}
REPEATABLE = "--status", "--node"         # these flags add up


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors are UsageErrors. They quote no value: the types above quote none."""

    def error(self, message):
        raise UsageError(message)


def get_argv():
    """Return the arguments of the process, the program's name first. A program that embeds Python may have none."""
    return getattr(sys, "argv", None) or [""]


def get_program_name():
    """Return how the program was started, for help that can be pasted."""
    name = make_visible(os.path.basename(get_argv()[0])) or "plexctl_exec_log.py"
    return "python3 " + name if name.endswith(".py") else name


def make_parser() -> argparse.ArgumentParser:
    """Return a new parser of all flags, for shtab, argcomplete and sphinx-argparse too. The words are not among them:
    `exec-log`, `list` or `get`, and an id."""
    # With no width given, each flag that is added looks up the terminal's, which imports half a dozen modules.
    formatter = partial(argparse.RawDescriptionHelpFormatter, width=80, max_help_position=26)
    parser = Parser(prog=get_program_name(), usage="%(prog)s [exec-log] {list,get} [UUID] [flags]",
                    description=DESCRIPTION, epilog=EXIT_CODES + EXAMPLES, add_help=False, allow_abbrev=False,
                    formatter_class=formatter)
    groups = {"": parser.add_argument_group("flags"), "list": parser.add_argument_group("flags of list"),
              "get": parser.add_argument_group("flags of get")}
    for flag in FLAGS:
        options: "t.Dict[str, t.Any]" = {"action": "store_true"}
        if flag.value:
            options = {"metavar": flag.value, "type": VALUE_PARSERS.get(flag.value, str),
                       "action": "append" if flag.names[0] in REPEATABLE else "store"}
        groups[flag.command].add_argument(*flag.names, help=flag.text or argparse.SUPPRESS, **options)
    parser.set_defaults(output="text", timeout=DEFAULT_TIMEOUT, color="auto")
    return parser


def split_arguments(argv):
    """Return (arguments, flags, words): the flags, each as `--flag=value` or `--flag`; the Flags that were given; and
    what is left over. Raises UsageError for an unknown flag before any other mistake.

    A flag takes the next argument for its value, unless that is a flag. So it may begin with `-`, as one cursor in 64
    does, for which argparse alone would take it for a flag."""
    known = {name: flag for flag in FLAGS for name in flag.names}
    arguments, given, words, mistakes = [], [], [], []
    rest = list(argv)
    while rest:
        argument = re.sub("^-o(?=[^=])", "-o=", rest.pop(0))       # `-ojson`, as kubectl takes it
        name, equals, value = argument.partition("=")
        if not re.match("-.", argument) or argument == "--":
            words.append(argument)
            continue
        if name not in known:
            near = suggest("--" + name.lstrip("-").replace("_", "-").lower(),
                           [flag.names[-1] for flag in FLAGS if flag.text])
            raise UsageError("unknown flag" + quote_word(name) + near)

        flag = known[name]
        if flag.value and not equals and rest and rest[0].partition("=")[0] not in known:
            equals, value = "=", rest.pop(0)
        if equals and not flag.value:
            mistakes.append("%s takes no value" % name)
        elif flag.value and (not equals or value == "--"):      # before 3.12.2 argparse drops `--`
            mistakes.append("argument %s: expected one argument" % name)
        given.append(flag)
        arguments.append(flag.names[-1] + equals + value)
    if mistakes:
        raise UsageError(mistakes[0])
    return arguments, given, words


def read_command(words, given):
    """Return the command, and take it from the words. Raises UsageError for any other word in its place, and for a flag
    of the other command."""
    if words[:1] == ["exec-log"]:
        del words[0]
    if not words:
        raise UsageError("expected a command: list or get")
    command = words.pop(0)
    if command not in ("list", "get"):
        near = suggest(command, {"list", "get", "exec-log"} - {command})
        if re.fullmatch(UUID_SPELLINGS, command.lower()):
            near = "; did you mean get UUID?"
        raise UsageError("unknown command" + quote_word(command) + near)
    for flag in given:
        if flag.command not in ("", command):
            raise UsageError("%s is a flag of %s" % (flag.names[-1], flag.command))
    return command


def select_statuses(flags):
    """Return the statuses that the flags choose, each once; none chooses all. An empty --status counts as not given.
    Raises UsageError for one that the program would look for itself and that does not exist: a typo must not be an
    empty answer."""
    groups = (RUNNING_STATUSES if flags.running else ()) + (FAILED_STATUSES if flags.failed else ())
    chosen = dict.fromkeys(chain(filter(None, flags.status or []), groups))     # a set that keeps the order
    known = RUNNING_STATUSES + FINAL_STATUSES
    for status in chosen:
        if status not in known and (flags.command == "get" or len(chosen) > 1):
            raise UsageError("argument --status: unknown status" + quote_word(status) + suggest(status, known))
    return list(chosen)


def set_times(flags):
    """Put moments in the place of --since and --until, and into `taken` what was made of a time of day. Raises
    UsageError."""
    from datetime import datetime, timedelta
    now = datetime(1970, 1, 1) + timedelta(seconds=time.time())
    since, until = flags.since, flags.until
    flags.since = parse_when("--since", since, now) if since is not None else None
    flags.until = parse_when("--until", until, now, flags.since) if until is not None else None
    if flags.since and flags.until and flags.until < flags.since:
        raise UsageError("argument --until: expected a time that is not before --since")
    taken = ["%s %sZ" % (name, moment.isoformat()[:16])
             for name, text, moment in (("since", since, flags.since), ("until", until, flags.until))
             if text and re.fullmatch(TIME_OF_DAY, text.strip())]
    if taken:
        flags.taken = "%s; it is %sZ now" % (", ".join(taken), now.strftime("%H:%M"))


def parse(argv):
    """Return the flags of a command line, checked. Raises UsageError."""
    arguments, given, words = split_arguments(argv)
    flags = make_parser().parse_args(arguments)
    if flags.help or flags.version:
        return flags

    # Read the words, and the variable that stands for a flag.
    flags.command = read_command(words, given)
    if words and flags.command == "get" and not flags.id:
        flags.id = parse_uuid(words.pop(0), " after get")
    if words and re.fullmatch(UUID_SPELLINGS, words[0].lower()):
        raise UsageError("list takes no id; did you mean get UUID?" if flags.command == "list" else
                         "get takes one id; a target is chosen by --node UUID")
    if words:
        raise UsageError("unexpected argument%s: a value follows its flag, in quotes if it holds a blank"
                         % quote_word(words[0]))
    project = os.environ.get("PLEXSPHERE_PROJECT")
    if project and not flags.project:
        flags.project = parse_uuid(project, " in PLEXSPHERE_PROJECT")

    # Check what must be there, and what goes together.
    forms = LIST_FORMATS if flags.command == "list" else GET_FORMATS
    if flags.output not in forms:
        raise UsageError("argument --output: invalid choice%s (choose from %s)%s" % (
            quote_word(flags.output), ", ".join(forms), suggest(flags.output, forms)))
    if not flags.project:
        raise UsageError("expected --project UUID, or PLEXSPHERE_PROJECT")
    if flags.command == "get" and not flags.id:
        raise UsageError("expected the id of an Execution: get UUID")
    if flags.wait_timeout and not flags.wait:
        raise UsageError("argument --wait-timeout: expected with --wait only")
    if flags.output_dir and flags.output != "text":
        raise UsageError("argument --output-dir: expected with --output text only")

    flags.statuses = select_statuses(flags)
    flags.taken = ""
    if flags.since is not None or flags.until is not None:
        set_times(flags)
    return flags


def or_none(action):
    """Call `action`, which asks something of a stream, and return its result. Return None if the stream is missing
    (AttributeError of None), closed (ValueError), or of another kind (LookupError: of no known encoding)."""
    try:
        return action()
    except (OSError, ValueError, AttributeError, LookupError):
        return None


class Console:
    """The standard streams of one run. Data for stdout is held until the next wait for the network, then written and
    flushed. To stderr go visible lines without secrets; an error of stderr is ignored."""

    def __init__(self, stdout, stderr):
        or_none(lambda: stdout.flush())     # what the caller printed before
        self._out = getattr(stdout, "buffer", stdout)       # a binary stream; a raw one if Python does not buffer
        self._err = stderr                  # a text stream
        self.stdout_is_terminal = bool(or_none(lambda: stdout.isatty()))
        self.stderr_is_terminal = bool(or_none(lambda: stderr.isatty()))
        # The columns of the table that fits: as many as it wants where stdout is no terminal, or tells none (0).
        width = or_none(lambda: os.get_terminal_size(stdout.fileno()).columns) if self.stdout_is_terminal else None
        self.columns = width or TABLES[0][0]

        self.is_coloured = False
        self.has_errors = False     # whether a part of what was asked for could not be had
        self.next_cursor = ""           # at which to go on; the last line on stderr
        self.progress = None            # returns the live line that is drawn before each wait
        self._pending = []              # bytes for stdout
        self._mid_line = False     # whether the last line that the terminal got has no end
        self._progress_text = ""                 # the live line that is on the terminal
        self._secrets = []

    def encode_for_stdout(self, data):
        """Return the bytes of an output as stdout may have them."""
        return make_terminal_safe(data) if self.stdout_is_terminal else data

    def add_secrets(self, *secrets):
        """Mask these texts from now on."""
        self._secrets += secrets

    def write(self, chunk):
        """Write text or bytes to stdout, before the next wait."""
        self._pending.append(chunk.encode("utf-8") if isinstance(chunk, str) else chunk)

    def flush(self):
        """Write what is pending. Raises ExecLogError, with exit code 141 if the reader has left. A stdout that is
        missing is noticed also if nothing is pending: before the first request, that is."""
        data, self._pending = b"".join(self._pending), []
        if self._out is None:
            raise ExecLogError("standard output is closed")
        if not data:
            return
        self.show_progress("")
        try:
            left = memoryview(data)
            while left:
                size = self._out.write(left)    # a raw stream may take less than all, and nothing for now: None
                if size == 0 or size is None and isinstance(self._out, io.RawIOBase):
                    raise OSError("it takes no more for now")
                left = left[len(left) if size is None else size:]
            self._out.flush()
        except (OSError, ValueError, TypeError, AttributeError) as error:   # ValueError: closed; TypeError: for text
            failure = ExecLogError("cannot write standard output: %s" % describe_error(error))
            # Windows says EINVAL (22) for a pipe without a reader.
            if isinstance(error, BrokenPipeError) or WINDOWS and getattr(error, "errno", 0) == 22:
                failure.exit_code = 141
            raise failure
        self._mid_line = self.stdout_is_terminal and data[-1:] != b"\n"

    def redact(self, text):
        """Return text with its secrets masked, made visible. Masked first: an escape could split a secret, as a cut."""
        return make_visible(mask(text, self._secrets))

    def write_line(self, text, limit=4000):
        """Write one line to stderr, after what was printed before, and cut it after `limit` characters (None: not)."""
        self.show_progress("")
        begin = "\n" if self._mid_line and self.stderr_is_terminal else ""
        self._mid_line = False
        self._write_error(begin + self.redact(text)[:limit] + "\n")

    def report(self, label, text):
        """Write a line `LABEL: TEXT` to stderr."""
        self.flush()
        self.write_line("%s: %s" % (label, text))

    def report_retry(self, text):
        """Report a failure after which the same request is sent again."""
        self.report("retry", text)

    def report_error(self, text):
        """Say that a part of what was asked for cannot be had. The run goes on, and exits with 1."""
        self.has_errors = True
        self.report("error", text)

    def show_progress(self, text):
        """Show a live line in place of the last one; an empty text removes it. With more than 72 characters it might
        wrap, and could not be removed."""
        text = self.redact(text)[:72]
        if text != self._progress_text:
            self._write_error("\r%s\r%s" % (" " * len(self._progress_text), text))
            self._progress_text = text

    def _write_error(self, text):
        encoding = getattr(self._err, "encoding", None) or "utf-8"
        or_none(lambda: self._err.write(text.encode(encoding, "backslashreplace").decode(encoding)))
        or_none(lambda: self._err.flush())

    def can_show_progress(self, is_quiet):
        """Tell whether a live line does not mix with other output: stderr is a terminal with this process in its
        foreground, and stdout is a file, or a terminal to which nothing is written before the end (`is_quiet`). Never
        if stdout is a pipe: its reader may write to the same terminal."""
        mode = or_none(lambda: os.fstat(self._out.fileno()).st_mode) or 0
        is_free = stat.S_ISREG(mode) or self.stdout_is_terminal and is_quiet
        if not (self.stderr_is_terminal and is_free):
            return False
        return not hasattr(os, "tcgetpgrp") or or_none(lambda: os.tcgetpgrp(self._err.fileno())) == os.getpgrp()

    def before_wait(self):
        """Write what is pending, and draw the live line."""
        self.flush()
        if self.progress:
            self.show_progress(self.progress())


class Filtered:
    """The elements that all conditions keep. A condition is asked only for what those before it kept. `count` is how
    many were kept so far."""

    def __init__(self, elements, conditions):
        self.count = 0
        self._elements, self._conditions = elements, conditions

    def __iter__(self):
        for element in self._elements:
            for keeps in self._conditions:
                if not keeps(element):
                    break
            else:
                self.count += 1
                yield element


class JoinedPages:
    """All pages of a walk as one Document, of which forms use members, array and elements. What pages hold beside their
    items is left out. `cursor` is that of the first page. `resume` moves on when a page is complete: what fails is the
    page that it names."""

    def __init__(self, pages, cursor):
        self.list_name = "items"
        self.members = {"items": []}
        self.resume = cursor
        self.page_count = 0     # pages that have begun to arrive
        self.count = 0          # Executions of those that have arrived
        self._pages = pages

    @property
    def elements(self):
        """The Executions of all pages."""
        for page in self._pages:
            self.page_count += 1
            yield from page.elements
            self.count += page.count
            self.resume = page.resume


def print_chunks(chunks, console):
    """Print what a form yields, as far as it comes."""
    try:
        for chunk in chunks:
            console.write(chunk)
    except RecursionError:
        raise RemoteError("the body is nested too deeply to be printed")
    finally:
        console.progress = None     # it would hold the document, and so perhaps a connection
        console.flush()


def describe_counts(*counts):
    """Return `1 page, 2 executions` for pairs of a number and a noun."""
    return ", ".join("%d %s%s" % (number, noun, "" if number == 1 else "s") for number, noun in counts)


def keep_nodes(missing):
    """Return the condition that keeps the targets of these nodes, and takes each from `missing` when it has come."""
    wanted = frozenset(missing)

    def is_wanted(target):
        node = str(target.get("node_id")).lower()
        missing.pop(node, None)
        return node in wanted

    return is_wanted


def keep_times(since, until):
    """Return the condition that keeps Executions created from `since` on and before `until`, datetimes or None."""
    first = since.isoformat(timespec="seconds") if since else ""
    end = until.isoformat(timespec="seconds") if until else "~"     # `~` comes after every time
    return lambda execution: first <= read_created_at(execution) < end


def run_list(flags, console, transport):
    """Run the command `list`, and return its exit code."""
    if flags.taken and console.stderr_is_terminal:
        console.report("hint", flags.taken)

    # Choose: one status by the server, several here, after all pages were read.
    parameters = {"action_name": flags.action_name, "limit": flags.limit, "cursor": flags.cursor}
    conditions = []
    if len(flags.statuses) == 1:
        parameters["status"] = flags.statuses[0]
    elif flags.statuses:
        conditions.append(lambda execution: execution.get("status") in flags.statuses)
    if flags.since or flags.until:
        conditions.append(keep_times(flags.since, flags.until))
    is_walk = bool(flags.all or flags.last or conditions)

    document = None
    try:
        # Ask. A walk takes as much at a time as the server gives.
        if is_walk:
            if flags.limit is None:         # it is empty for --limit 0
                parameters["limit"] = "200"
            document = JoinedPages(walk(transport, flags.project, parameters), flags.cursor)
            if console.can_show_progress(flags.last):
                console.progress = lambda: describe_counts((document.page_count, "page"), (document.count, "execution"))
        else:
            document = get_page(transport, flags.project, parameters)

        # Print.
        chosen = Filtered(document.elements, conditions)
        elements = select_last(chosen, flags.last) if flags.last else chosen
        print_chunks(LIST_FORMATS[flags.output](document, iter(elements), console), console)
    except RemoteError as error:
        if error.can_resume and not flags.last:
            console.next_cursor = document.resume if document else flags.cursor
        raise

    # Say how to go on.
    cursor = document.members.get("next_cursor")
    is_table = LIST_FORMATS[flags.output] is format_table
    if flags.output == "jsonl":
        console.next_cursor = cursor
    if console.stderr_is_terminal and not cursor and not chosen.count:
        console.write_line("hint: no Execution matches")
    elif console.stderr_is_terminal and cursor and is_table:
        console.write_line("hint: more follow; the oldest come first: see --last N, --since WHEN, --all")
    return 0


def run_get(flags, console, transport):
    """Run the command `get`, and return its exit code."""
    folder = OutputFolder(flags.output_dir) if flags.output_dir else None     # before anything is waited for
    try:
        if flags.wait:
            tell = console.show_progress if console.can_show_progress(True) else console.write_line
            wait_for_execution(transport, flags.project, flags.id, flags.wait_timeout,
                               lambda status: tell("status: " + escape_field(status)), console.report_retry)

        # Choose the targets.
        missing = dict.fromkeys(flags.node or [])       # nodes that have not come yet
        conditions = [keep_nodes(missing)] if missing else []
        if flags.statuses:
            conditions.append(lambda target: target.get("status") in flags.statuses)
        document = get_execution(transport, flags.project, flags.id)
        if console.can_show_progress(folder):
            console.progress = lambda: describe_counts((document.count, "target"), (transport.received, "byte"))

        # Print them.
        chosen, tally = Filtered(document.elements, conditions), {}
        if folder:
            print_chunks(write_folder(document, iter(chosen), console, folder, tally), console)
        else:
            print_chunks(GET_FORMATS[flags.output](document, iter(chosen), console), console)
    finally:
        if folder:
            folder.close()

    # Say what is not there.
    for node in missing:
        console.report_error("node %s is not a target of execution %s" % (node, flags.id))
    if not chosen.count and not missing and console.stderr_is_terminal:
        console.write_line("hint: no target matches")
    files = tally.pop("files", 0)
    if set(tally) - {"no output"}:
        console.write_line("%s: %s" % (flags.output_dir, ", ".join(
            [describe_counts((files, "file"))] + ["%d %s" % (tally[outcome], outcome) for outcome in sorted(tally)])))
    if console.has_errors:
        return 1
    return 5 if flags.exit_status and document.members.get("status") != "succeeded" else 0


def run(argv, console, sleep):
    """Run a command line, and return its exit code. Raises ExecLogError."""
    flags = parse(argv)
    if flags.help or flags.version:
        console.write(make_parser().format_help() if flags.help else "version=%s\n" % __version__)
        console.flush()
        return 0

    console.is_coloured = flags.color == "always" or flags.color == "auto" and console.stdout_is_terminal and not (
        WINDOWS or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb")
    with Transport.from_settings(
            flags.server, flags.profile, flags.token_file, ca_file=flags.ca_file, timeout=flags.timeout,
            allow_http=flags.allow_http, on_retry=console.report_retry,
            trace=console.write_line if flags.verbose else do_nothing,
            before_wait=console.before_wait, sleep=sleep) as transport:
        console.add_secrets(*transport.secrets)
        return (run_list if flags.command == "list" else run_get)(flags, console, transport)


def main(argv: "t.Optional[t.List[str]]" = None, stdout: "t.Optional[t.BinaryIO]" = None,
         stderr: "t.Optional[t.TextIO]" = None, sleep: "t.Callable[[float], t.Any]" = time.sleep) -> int:
    """Run the command line `argv` (without the program's name; default sys.argv), and return its exit code; never exits
    the process, and changes nothing in it, so that several threads may call it. `stdout` is a binary stream, `stderr` a
    text stream; the default is the process's own. An expected failure is reported on stderr. KeyboardInterrupt passes.
    Anything else is a bug, and keeps its traceback, which is not masked."""
    console = Console(sys.stdout if stdout is None else stdout, sys.stderr if stderr is None else stderr)
    console.add_secrets(os.environ.get("PLEXSPHERE_TOKEN", "").strip())

    try:
        exit_code = run(get_argv()[1:] if argv is None else argv, console, sleep)
    except ExecLogError as error:
        exit_code = error.exit_code
        if exit_code == 141:        # whoever read has had enough, and needs no message
            return exit_code
        console.write_line("error: %s" % error)
        hint = error.hint or (get_program_name() + " --help" if isinstance(error, UsageError) else "")
        if hint:
            console.write_line("hint: " + hint)
    except MemoryError:
        exit_code = 1
        console.write_line("error: out of memory")
    finally:
        console.show_progress("")

    if console.next_cursor:
        console.write_line("next_cursor: " + console.next_cursor, limit=None)
    return exit_code


def run_as_script() -> None:
    """Run the process's own command line, and exit. The installed plexctl-exec-log begins here."""
    restore_sigint()
    exit_code = main()
    # main has flushed both streams. Python would do so again at a usual exit, and fail a second time where a disk is
    # full. (Not to take the interpreter apart also saves a twelfth of a start.)
    os._exit(exit_code)


if __name__ == "__main__":
    run_as_script()
