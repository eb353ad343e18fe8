#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# /// script
# requires-python = ">=3.6"
# dependencies = []
# ///
# mypy: check-untyped-defs, allow-untyped-defs, allow-untyped-calls, no-warn-return-any
"""plexctl exec-log: show what the actions of a plexsphere control plane did, and what each machine printed.

    plexctl_exec_log.py [exec-log] list --project UUID [flags]
    plexctl_exec_log.py [exec-log] get UUID --project UUID [flags]

An Execution is one run of an action; its targets are the machines that it ran on. The file needs Python 3.6 or later
and the standard library. It never changes anything on the server. Each section uses only itself and those above it:

    Safe text     escape control characters, mask secrets
    Errors        one family of expected failures, each with its exit code
    Settings      find server, token and proxy in flags, environment and config file
    Transport     send one GET, retry it, read and decode the whole response, turn failures into errors
    Wire model    read the values that the server sends
    Operations    request one page, all pages or one Execution; wait until its status is final
    Formats       turn a response into a table, sections, ids, lines, raw bytes or json; save outputs in a folder
    Command line  parse flags, manage the standard streams, run

Programs can import it; __all__ lists the public names. This example prints a line for each target of the Executions
that failed, were cancelled or timed out: its node id, its status, and its output, or where the output is archived, or
why it cannot be read.

    from plexctl_exec_log import *

    try:
        project = "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13"
        with Transport.from_settings() as transport:
            for execution in Listing(transport, project, statuses=FAILED_STATUSES):
                for target in get_execution(transport, project, execution.get("id", ""))["targets"]:
                    output = OutputRef.from_wire(target.get("output_ref"))
                    text = output.fault or output.location or output.data.decode("utf-8", "replace")
                    print(make_visible("%s %s %s" % (target.get("node_id"), target.get("status"), text)))
    except ExecLogError as error:
        print("the report is incomplete:", type(error).__name__, error.hint)

Executions and targets are the JSON objects of the API, as dicts. A program reads these members:

    execution   id, status, action      strings; a status is one of RUNNING_STATUSES or FINAL_STATUSES
                type                    "builtin" or "hook"
                created_at, updated_at  times (RFC 3339), such as "2026-07-14T09:28:41Z"
                targets                 a list of targets
    target      node_id, status         strings
                created_at, updated_at  times
                output_ref              for OutputRef.from_wire; absent or null if there is no output

Of these, get_execution checks that the id is the one that was requested, and that `targets` is a list of objects.
Other members, and all members of what a Listing yields, may be absent, null or of another type.

What it touches, and what it trusts
-----------------------------------
It connects to the server that --server, PLEXSPHERE_URL or the profile names, or to the proxy that the environment names
for that server. No proxy of the environment is used for this host. It sends only GET requests and, for https through a
proxy, CONNECT to that proxy. It follows no redirect, and never fetches an archived output.

Flags, environment and config file select one server. The token is sent in one header, to one server:

    token from                          sent to
    --token-file, PLEXSPHERE_TOKEN      the selected server
    a profile without a server          the selected server
    a profile with a server             the profile's server; if another one was selected, nothing is sent

Certificates and host names are verified. Without --allow-http, plain http goes only to this host, where any user may be
listening. A proxy for plain http can read the token, too.

It reads the token file and the config file, which others must not be able to read (a pipe may have any mode); the
--ca-file, which must not be writable by everybody (its owner and group are not checked); and PLEXSPHERE_URL,
PLEXSPHERE_TOKEN, PLEXSPHERE_PROJECT, XDG_CONFIG_HOME, HOME or USERPROFILE, NO_COLOR, TERM and the proxy variables. As
in every Python program, SSL_CERT_FILE and SSL_CERT_DIR choose the CAs, SSLKEYLOGFILE names a file whose readers can
decrypt the traffic, and OPENSSL_CONF configures OpenSSL. argparse reads LANGUAGE, LC_ALL, LC_MESSAGES and LANG, and
urllib reads REQUEST_METHOD. Apart from SSLKEYLOGFILE and bytecode, which Python writes, it writes only into the
--output-dir folder: choose one whose parents others cannot write to. Started by its path, it imports nothing from its
own folder; `python3 -I` ignores PYTHONPATH, too.

stderr shows *** for PLEXSPHERE_TOKEN and, once the settings have been found, for the token, the proxy's password and
its Basic credentials, if they have at least 8 characters. Before that, an error may quote a path, or an argument of up
to 40 characters, so do not type a token as an argument. The traceback of a bug is not masked.

The server and the machines are not trusted. On a terminal, which must use UTF-8, CSI sequences (colours, cursor
movements) and `ESC ( B` are removed from outputs, carriage returns become line feeds, and all other control characters
except tabs and line feeds are escaped. The `text` format indents outputs, so that no line of an output looks like a
line that this program prints; but the wrapped part of a long line may. Names, ids and error texts are always escaped,
and json is ASCII. **A pipe, and a file of --output-dir, get the exact
bytes of outputs, even if a terminal is at the pipe's other end:** if a terminal reads the pipe, use --output json.

Limits
------
A response is read whole, checked, then used. An Execution, or a page limited to one Execution, may be up to 256 MiB.
Other pages may be up to 32 MiB. These limits hold for the size that is received and for the decompressed size. In
memory, a decoded response usually takes up to five times its size, and a hostile one two hundred times: use `ulimit
-v`. --wait holds two responses, and --last N holds N Executions. A listing of several statuses holds all Executions of
the running statuses, a page for each final status, and all Executions of one created_at. The number of pages and the
size of what is printed are unlimited.

--timeout limits each network operation, and --wait-timeout a whole wait. Nothing limits the total time of the other
commands. These can exceed both limits, so use timeout(1):

    a slow resolver, and several addresses of the server, each with a full timeout
    headers, chunk sizes and trailers that arrive byte by byte
    endless trailers, endless interim responses (status 100) and, before 3.12, endless headers of a proxy
    slow parsing of hostile headers, and slow decoding of hostile bodies
    connecting through a proxy: the connection, the tunnel and the TLS handshake may each take the time that is left

Where to look in the code
-------------------------
    connections, certificates       Transport._connect, make_tls_context
    where settings come from        choose_setting, find_settings, find_project
    where the token goes            find_settings, pin_token, Transport._read_head
    what is read                    Transport._read_body, decompress, decode_object, read_private_file
    what is written                 Console, make_folder, save_outputs
    escaping, masking               make_terminal_safe, make_visible, Console.redact
"""

import sys

# Python puts the folder of a script, or the current folder, first on the import path. Remove it before anything else is
# imported, so that this file imports nothing from there. With -I, or -P (safe_path, 3.11), there is no such entry.
if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]


def restore_sigint() -> None:
    """Make Ctrl-C kill the process at once, as it kills a C program, so that a shell loop around it stops, too.

    If SIGINT is ignored, as in a background job, it stays ignored."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    restore_sigint()  # before the imports below, which take some time

import argparse
import io
import json
import os
import re
import stat
import time
from binascii import a2b_base64, b2a_base64
from collections import namedtuple
from contextlib import contextmanager
from functools import partial
from itertools import chain, groupby
from math import isfinite

TYPE_CHECKING = False  # type checkers assume True; at run time, importing `typing` is slow
if TYPE_CHECKING:
    import typing as t
    from datetime import datetime
    from uuid import UUID as AnyUUID

    AnyTransport = t.TypeVar("AnyTransport", bound="Transport")
    Parameters = t.Mapping[str, t.Union[str, int, None]]
    JSONObject = t.Dict[str, t.Any]

WINDOWS = os.name == "nt"

__version__ = "6.2.0"
__all__ = [
    "main",
    "make_parser",
    "Transport",
    "Server",
    "Listing",
    "get_page",
    "get_execution",
    "wait_for_execution",
    "OutputRef",
    "ExecLogError",
    "UsageError",
    "CredentialsError",
    "RemoteError",
    "APIError",
    "ConnectError",
    "UnusableResponse",
    "ResponseTooLarge",
    "TimedOut",
    "WaitTimeout",
    "parse_uuid",
    "make_visible",
    "RUNNING_STATUSES",
    "FINAL_STATUSES",
    "FAILED_STATUSES",
]

# The statuses, in life-cycle order.
RUNNING_STATUSES = ("pending", "ack", "started")
FINAL_STATUSES = ("succeeded", "failed", "cancelled", "timeout")
FAILED_STATUSES = ("failed", "cancelled", "timeout")
STATUSES = RUNNING_STATUSES + FINAL_STATUSES


# ------------------------------------------------------------------------------------------------ Safe text


def make_visible(text: str) -> str:
    r"""Return text as one line of printable characters. All others are escaped: \n, \x1b, \u200b, \U000e0001.

    Older Pythons also escape newer characters that their Unicode tables lack."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def escape_field(text: "t.Optional[str]") -> str:
    r"""Return text as one field of a line: `a b` becomes `a\x20b`, and None or "" becomes `-`."""
    return make_visible(text or "-").replace(" ", "\\x20")


# A complete CSI sequence (ECMA-48, 5.4), such as `\x1b[1;31m` (red); or `ESC ( B`, which `tput sgr0` sends.
TERMINAL_SEQUENCES = "\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\(B"


def make_terminal_safe(data: bytes) -> bytes:
    """Return the bytes of an output for a UTF-8 terminal.

    CSI sequences (most colours and cursor movements) and `ESC ( B` are removed. CR LF and CR become LF. Tabs,
    line feeds and printable characters are kept; all others are escaped."""
    text = data.decode("utf-8", "backslashreplace")
    text = re.sub(TERMINAL_SEQUENCES, "", text)  # what remains may form a new sequence, so escape every ESC below
    text = re.sub("\r\n?", "\n", text)
    text = re.sub("[^\t\n -~]+", lambda match: make_visible(match.group()), text)
    return text.encode("utf-8")


def mask(text, secrets):
    """Return text with each secret of at least 8 characters replaced by ***. Shorter ones may match unrelated text."""
    for secret in sorted(secrets, key=len, reverse=True):  # a longer secret may contain a shorter one
        if len(secret) >= 8:
            text = text.replace(secret, "***")
    return text


def describe_count(number, noun):
    """Return `1 byte` or `2 bytes`."""
    return "%d %s%s" % (number, noun, "" if number == 1 else "s")


def describe_error(error: Exception) -> str:
    """Return the message of a standard-library exception, or its class name if it has none."""
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


# --------------------------------------------------------------------------------------------------- Errors
#
# An error takes the message first, and has a default for everything else, so that it can be copied and pickled: Python
# calls the class with `args`, which Exception.__init__ sets to the message, and then restores the other attributes.


class ExecLogError(Exception):
    """An expected failure. The command prints `error: MESSAGE` and `hint: HINT`, and exits with `exit_code`.

    The message may contain unescaped text from the server, which may even echo the token. The messages of an APIError
    and of a redirect are masked, others are not. Before you log one, mask every string in Transport.secrets, and
    pass it through make_visible().

        exit_code   the exit code of the command
        hint        the next step for a person at the command line, or ""
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ReaderGone(ExecLogError):
    """The reading end of standard output was closed. The command prints no message for this."""

    exit_code = 141


class UsageError(ExecLogError):
    """An argument, a server URL, a proxy or a CA file is missing or unusable."""

    exit_code = 2


class CredentialsError(ExecLogError):
    """There is no usable token: the token, its file, the config file or its profile is missing, insecure or malformed,
    or the profile's token is for another server."""

    exit_code = 3


class RemoteError(ExecLogError):
    """The request failed, or this module refuses to send it.

        retryable       whether the same request may succeed in a moment
        retry_after     seconds that the server asks clients to wait, or None

    Retryable: a lost connection, a body that is cut short, a failure to connect, a network timeout, the statuses 429,
    500, 502, 503 and 504, and a 200 whose body is empty, not JSON or not an object, although an earlier one on the same
    Transport was an object.
    Not retryable: a name that does not exist, a rejected certificate, a time limit that has passed, and everything
    else. A lost connection, a redirect, and plain http that is refused raise RemoteError or a private subclass.
    """

    def __init__(
        self, message: str, hint: str = "", retryable: bool = False, retry_after: "t.Optional[float]" = None
    ) -> None:
        super().__init__(message, hint)
        self.retryable = retryable
        self.retry_after = retry_after


class ConnectError(RemoteError):
    """No connection could be made: DNS, TCP, TLS or a proxy. (If connecting takes too long, TimedOut is raised.)"""


class NoResponse(RemoteError):
    """The connection was lost before a response arrived."""


class UnusableResponse(RemoteError):
    """The response is malformed, too large, or not the one that was requested. Another attempt would not help."""


class ResponseTooLarge(UnusableResponse):
    """The body exceeds the limit for this request."""


class TimedOut(RemoteError):
    """A network operation took longer than the timeout (retryable), or a time limit has passed (not retryable)."""


class WaitTimeout(TimedOut):
    """The wait for an Execution timed out, and no final status is known. The exit code is the same as timeout(1)'s.

    execution   the last response, or None if there was none
    """

    exit_code = 124

    def __init__(self, message: str, hint: str = "", execution: "t.Optional[JSONObject]" = None) -> None:
        super().__init__(message, hint)
        self.execution = execution


class APIError(RemoteError):
    """A response that is neither a 200 nor a redirect with a Location.

    In the message, *** replaces the strings of Transport.secrets that have at least 8 characters. `problem` is not
    masked, and neither are shorter secrets.

        status      the HTTP status
        problem     the JSON object of the body (RFC 9457), or {} if there is none
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        status: int = 0,
        problem: "t.Optional[JSONObject]" = None,
        retry_after: "t.Optional[float]" = None,
    ) -> None:
        super().__init__(message, hint, status in (429, 500, 502, 503, 504), retry_after)
        self.status = status
        self.problem = problem or {}

        # This is the only place where an HTTP status, or the `code` of a Problem, becomes an exit code.
        if status == 401:
            self.exit_code = 3
        elif status == 403:
            self.exit_code = 77 if self.problem.get("code") == "rebac_denied" else 4


API_HINT = "check --server, PLEXSPHERE_URL or the profile: does it point to the API?"


def make_malformed_error(problem: str) -> UnusableResponse:
    """Return the error for a response that is not what the API would send."""
    return UnusableResponse("the response is malformed: " + problem, API_HINT)


TYPE_NAMES: "t.Dict[type, str]" = {str: "a string", dict: "an object", list: "a list"}


def check_type(
    value: "t.Any", expected: type, label: str, make_error: "t.Callable[[str], Exception]" = make_malformed_error
) -> "t.Any":
    """Return a JSON value if it is null or has the expected type. Otherwise raise make_error(`LABEL: expected ...`)."""
    if value is not None and not isinstance(value, expected):
        raise make_error("%s: expected %s" % (label, TYPE_NAMES[expected]))
    return value


# ------------------------------------------------------------------------------------------------- Settings

# For example `https://[::1]:8443/prefix/`. User info, a query, a fragment and characters outside ASCII do not match.
SERVER_URL = r"""
    (https?) ://
    ( \[ [0-9a-f:.]+ \] |                           # the host: an IPv6 address
      [\w-]{1,63} (?: \. [\w-]{1,63} )* \.? )        #     or the labels of a name (RFC 1035, 2.3.4), or an IPv4 address
    (?: : ( [0-9]{1,5} ) )?                         # the port
    ( / [\w/.~%:@!$&'()*+,;=-]* )?                  # the path (RFC 3986, 3.3)
    """
DEFAULT_PORTS = {"http": 80, "https": 443}
PORT_FAULT = "; its port is not between 1 and 65535"
# Beginnings of malformed URLs, and what is wrong with such a URL.
URL_FAULTS = (
    ("(?!https?://)", "; it does not begin with https:// or http://"),
    ("https?://[^/?#]*@", "; it contains user info"),
    ("[^?#]*[?#]", "; it contains a query or a fragment"),
    ("https?://[^/]*:[1-9][0-9]{5,}(?:/|$)", PORT_FAULT),
)


def describe_url_fault(url):
    """Return what is wrong with a malformed URL, without showing a part of it, or "" if that is not plain."""
    faults = (fault for pattern, fault in URL_FAULTS if re.match(pattern, url, re.IGNORECASE))
    return next(faults, "")


class Server(namedtuple("Server", "scheme host port prefix")):
    """The address of the API.

    scheme      `http` or `https`
    host        in lower case, without brackets
    port        a number
    prefix      the path before `/v1`, without a trailing slash; usually ""
    """

    # For type checkers only.
    scheme: str
    host: str
    port: int
    prefix: str

    @classmethod
    def parse(cls, url: str, label: str = "the server") -> "Server":
        """Parse `http(s)://host[:port][/prefix]`. Raises UsageError, whose message begins with `label`.

        The message does not quote the URL, because the faulty part may be a password."""
        url = url.strip() if isinstance(url, str) else ""
        match = re.fullmatch(SERVER_URL, url, re.ASCII | re.IGNORECASE | re.VERBOSE)
        if match:
            scheme, host, digits, path = match.groups()
            port = int(digits or DEFAULT_PORTS[scheme.lower()])
            if 0 < port < 65536:
                return cls(scheme.lower(), host.strip("[]").lower(), port, (path or "").rstrip("/"))
        fault = PORT_FAULT if match else describe_url_fault(url)
        raise UsageError("%s: expected http(s)://host[:port][/prefix]%s" % (label, fault), "write it as https://HOST")

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110, 7.2)."""
        host = "[%s]" % self.host if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else "%s:%d" % (host, self.port)

    @property
    def url(self) -> str:
        """The URL in its shortest form."""
        return "%s://%s%s" % (self.scheme, self.authority, self.prefix)


def check_access(status, forbidden):
    """Return what is wrong with the owner or mode of a file or folder, or "". `status` is its os.stat() result.

    The owner must be the user or root, and no bit of `forbidden` may be set in the mode. On Windows, os.stat() does
    not report them."""
    if WINDOWS:
        return ""
    if status.st_uid not in (0, os.geteuid()):
        return "it belongs to another user (uid %d)" % status.st_uid
    mode = stat.S_IMODE(status.st_mode)
    return "its mode %04o is too open" % mode if mode & forbidden else ""


def suggest_chmod(mode, path, status):
    """Return the command that gives a file this mode, or "" unless it is a regular file that the user owns.

    `status` is its os.stat() result. Not for Windows."""
    if status.st_uid != os.geteuid() or not stat.S_ISREG(status.st_mode) or not path.isprintable():
        return ""
    import shlex

    return "chmod %s -- %s" % (mode, shlex.quote(path))


def read_private_file(path, limit, name):
    """Return the text of a file that contains a secret, without its byte order mark.

    People paste tokens in place of paths. Therefore messages show the path only if it exists or starts like a path, and
    otherwise `name`. Raises CredentialsError if the file is unreadable, accessible to other users, or larger than
    `limit` bytes."""
    try:
        if os.path.isabs(path) or path.startswith(("./", "../", "~")) or os.path.lexists(path):
            name = path
        with open(path, "rb") as file:
            # Check the opened file, not its name, which may refer to a different file by now.
            status = os.fstat(file.fileno())
            is_pipe = stat.S_ISFIFO(status.st_mode)  # such as `<(...)`, which may have any mode
            problem = check_access(status, 0 if is_pipe else 0o077)
            if problem:
                hint = suggest_chmod("600", path, status) or "use a file that you own, with mode 0600, or a pipe"
                raise CredentialsError("%s is insecure: %s" % (name, problem), hint)
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: the path contains a NUL
        raise CredentialsError("cannot read %s: %s" % (name, describe_error(error)))

    if len(data) > limit:
        raise CredentialsError("%s is larger than %d KiB" % (name, limit >> 10))
    return data.decode("utf-8-sig", "replace")


def find_config_file():
    """Return (path of the config file or None, the paths that were tried)."""
    bases = os.environ.get("XDG_CONFIG_HOME", ""), os.path.join(os.path.expanduser("~"), ".config")
    paths = [os.path.join(base, "plexctl", "config.json") for base in bases if os.path.isabs(base)]
    return next(filter(os.path.lexists, paths), None), paths


def read_config(path):
    """Return the JSON object in the config file. Raises CredentialsError."""
    text, fault = read_private_file(path, 1 << 20, path), ""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        fault = str(error)
    if fault:  # raised outside of `except`, because the JSON error carries the whole text, with its tokens
        raise CredentialsError("%s is not valid JSON: %s" % (path, fault))
    return check_type(config or {}, dict, "%s: top level" % path, CredentialsError)


def read_profile(name):
    """Return (title, members) of a profile of the config file; the default profile if the name is None.

    The config file is {"default": NAME, "profiles": {NAME: {"server": URL, "token": TOKEN, "project": UUID}}}. Each
    member may be absent or null. Without a default profile, the title is "". Raises CredentialsError for an unusable
    config file, and if there is no profile with the name."""
    path, paths = find_config_file()
    if path is None and name is None:
        return "", {}
    if path is None:
        raise CredentialsError("there is no config file", "looked for " + " and ".join(paths))

    def expect_object(value, label):
        return check_type(value or {}, dict, "%s: %s" % (path, label), CredentialsError)

    # Find the profile. An unknown name is not shown, because it may be a token in the wrong place.
    config = read_config(path)
    profiles = expect_object(config.get("profiles"), "profiles")
    if name is None and config.get("default") is None:
        return "", {}
    chosen = config["default"] if name is None else name
    if not isinstance(chosen, str) or chosen not in profiles:
        problem = (
            "%s has no profile with the given name"
            if name is not None
            else '%s: "default" names a profile that does not exist'
        )
        raise CredentialsError(problem % path, "profiles in this file: " + (", ".join(profiles) or "none"))

    # Read the profile.
    title = 'profile "%s"' % chosen
    profile = expect_object(profiles[chosen], title)
    for member in ("server", "token"):
        check_type(profile.get(member), str, "%s of %s" % (member, title), CredentialsError)
    return title, profile


class Profile:
    """The profile that --profile names, or else the default profile. The config file is read when it is first needed.

    name        the name that --profile gives, or None
    title       once it has been read: `profile "NAME"`, or "" if there is no default profile
    """

    def __init__(self, name):
        self.name = name
        self.title = ""
        self._members = None  # a dict, once it has been read

    def get(self, member):
        """Return a member, or None if it is absent or null. Raises CredentialsError for an unusable config file."""
        if self._members is None:
            self.title, self._members = read_profile(self.name)
        return self._members.get(member)

    def describe_missing(self):
        """Return what a hint says of this profile if it lacks a setting. It must have been asked for that."""
        if self.title:
            return "%s has none" % self.title
        path, paths = find_config_file()
        if path is not None:
            return "%s has no default profile" % path
        if paths:
            return "there is no config file (looked for %s)" % " and ".join(paths)
        return "there is no default profile"


def choose_setting(flag, variable, profile, member):
    """Return (value, name of its flag or variable). The name is "" if the value is the profile's, or None.

    `flag` and `variable` are (name, value). The first source that has a value wins:

        without --profile       1. the flag     2. the variable, unless empty   3. the default profile
        with --profile          1. the flag     2. that profile                 3. the variable, unless empty

    The config file is read only if the order gets to the profile. Raises CredentialsError."""
    flag_name, flag_value = flag
    variable_name, variable_value = variable
    if flag_value is not None:
        return flag_value, flag_name
    if profile.name is None and variable_value:
        return variable_value, variable_name
    value = profile.get(member)
    if value is None and variable_value:
        return variable_value, variable_name
    return value, ""


def validate_token(token, source=""):
    """Return the token, stripped of surrounding white space.

    `source` says where the token came from. Raises CredentialsError unless the token consists of visible ASCII
    characters. (http.client accepts others, and its own errors quote the token: see HTTPConnection.putheader.)"""
    token = token.strip() if isinstance(token, str) else ""
    if re.fullmatch("[!-~]+", token):
        return token
    origin = "it came from " + source if source else ""
    if token[:7].lower() == "bearer ":
        hint = "; ".join(filter(None, ['remove the word "Bearer" from the token', origin]))
        raise CredentialsError('the token begins with "Bearer "', hint)
    raise CredentialsError("the token is empty, or contains characters other than visible ASCII", origin)


def pin_token(title, profile_server, server, server_source):
    """Raise CredentialsError if a profile names a server other than the selected one.

    The profile's token is only for the profile's server. Raises UsageError if the profile's URL is malformed."""
    pinned = Server.parse(profile_server, "server of " + title)
    if pinned != server:
        raise CredentialsError(
            "the token of %s is for %s, but the request would go to %s" % (title, pinned.url, server.url),
            "the server came from %s: remove it, or pass a token for that server with --token-file" % server_source,
        )


def find_settings(server_url, profile, token_file):
    """Return (server, token, the token's source). `profile` is a Profile; the others are values of the flags, or None.

    Server and token are looked up separately, by choose_setting. A profile's token goes only to the profile's server,
    if it names one. Raises UsageError for a missing or malformed server, and CredentialsError for a missing or unusable
    token, and for an unusable config file."""
    variable = "PLEXSPHERE_URL", os.environ.get("PLEXSPHERE_URL")
    url, url_name = choose_setting(("--server", server_url), variable, profile, "server")
    variable = "PLEXSPHERE_TOKEN", os.environ.get("PLEXSPHERE_TOKEN")
    token, token_name = choose_setting(("--token-file", token_file), variable, profile, "token")
    server_source = url_name or "server of " + profile.title
    token_source = token_name or profile.title

    # Refuse what is missing or malformed.
    server = None if url is None else Server.parse(url, server_source)
    if token_file is not None:
        token = read_private_file(os.fspath(token_file), 64 << 10, "the token file")
    if token is None:
        hint = "pass --token-file, set PLEXSPHERE_TOKEN, or use a profile with a token; " + profile.describe_missing()
        raise CredentialsError("no token", hint)
    token = validate_token(token, token_source)
    if server is None:
        hint = "pass --server, set PLEXSPHERE_URL, or use a profile with a server; " + profile.describe_missing()
        raise UsageError("no server", hint)

    # A profile's token goes only to the profile's server, if it names one.
    if not token_name and profile.get("server") is not None:
        pin_token(profile.title, profile.get("server"), server, server_source)
    return server, token, token_source


def is_this_host(host: str) -> bool:
    """Return whether the host is this machine: `localhost`, or a loopback or unspecified address."""
    import ipaddress

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"  # `localhost.` may be looked up in DNS
    return address.is_loopback or address.is_unspecified


class Proxy:
    """An HTTP proxy: `[http://][user:password@]host[:port]`. (Not a namedtuple, whose repr() would show the password.)

    host, port      the proxy's address
    headers         headers that only the proxy gets
    secrets         strings to mask: the Basic credentials, and the password
    """

    def __init__(self, url: str) -> None:
        # `http://ann:p@ss@proxy:80` becomes `http`, `ann:p@ss` and `proxy:80`. `proxy:80` has only the last of these.
        scheme, _, remainder = url.rpartition("://") if isinstance(url, str) else ("", "", "")
        user_info, at, address = remainder.rpartition("@")
        try:
            if scheme.lower() not in ("", "http"):
                raise UsageError("not an http proxy")
            parsed = Server.parse("http://" + address)
        except UsageError:
            raise UsageError(
                "the proxy: expected http://host:port", "check HTTPS_PROXY and HTTP_PROXY: write it as http://HOST:PORT"
            )
        self.host, self.port = parsed.host, parsed.port
        self.headers = {}
        self.secrets = []

        if at:  # RFC 7617
            from urllib.parse import unquote_to_bytes

            login = unquote_to_bytes(os.fsencode(user_info if ":" in user_info else user_info + ":"))
            basic = b2a_base64(login, newline=False).decode("ascii")
            self.headers = {"Proxy-Authorization": "Basic " + basic}
            self.secrets = [basic, login.decode("utf-8", "replace").partition(":")[2]]


def find_proxy(server):
    """Return the URL of the proxy that the environment names for the server, or None.

    urllib.request decides (getproxies_environment, proxy_bypass_environment), except that this host is never reached
    through a proxy."""
    # Import urllib.request, which is slow, only if there is a variable for it.
    name = server.scheme + "_proxy"
    if is_this_host(server.host) or not any(variable.lower() == name for variable in os.environ):
        return None
    from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

    proxies = getproxies_environment()
    if proxy_bypass_environment("%s:%d" % (server.host, server.port), proxies):
        return None
    return proxies.get(server.scheme) or None


# ------------------------------------------------------------------------------------------------ Transport
#
# What this section relies on in http.client, from Python 3.6 to 3.13:
#
#     HTTPConnection.connect      connects, asks a proxy for a tunnel with the headers of set_tunnel() only, so without
#                                 the token, and then does the TLS handshake with the server's name.
#     timeout, settimeout()       limit each attempt to connect, each handshake, each read and each write separately.
#     HTTPConnection.getresponse  skips responses with status 100, takes truncated headers for complete ones, and lets
#                                 the `email` package parse them. After `Connection: close` it sets connection.sock to
#                                 None; the response's file keeps the socket open.
#     HTTPResponse.read1(n)       returns at most n bytes as soon as there are any, and b"" at the end. It lowers
#                                 response.length, the number of bytes to come. If a body with a Content-Length is
#                                 truncated, it returns b"" and response.length stays above 0; if a chunked body is
#                                 truncated, it raises.

READ_SIZE = 32 << 10  # bytes to read at once: two TLS records
PIECE_SIZE = 1 << 20  # bytes to decompress at once
ERROR_BODY_LIMIT = 1 << 20  # bytes; a Problem has a few hundred
EXECUTION_LIMIT = 256 << 20  # bytes of a body: 11,000 targets with the largest inline output
PAGE_LIMIT = 32 << 20  # bytes of a body with several Executions
DEFAULT_TIMEOUT = 30.0  # seconds
RETRY_PAUSES = (0.5, 1.0)  # seconds before the first and the second retry
LONGEST_RETRY_AFTER = 30.0  # seconds; if the server asks for more, the attempts end
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie", "location")

HTTPS_HINT = "if this port is for https, write https:// in the server's URL"
LOST_HINT = "the server, or a proxy in between, closed the connection: try again"
GATEWAY_HINT = "a gateway in front of the server may have answered: try again"
CONNECT_HINT = "check --server, PLEXSPHERE_URL or the profile, the network, and whether you need a proxy"
PROXY_HINT = (
    "check the server's name and port, HTTPS_PROXY, HTTP_PROXY and NO_PROXY "
    "(if the proxy needs a login, put user:password@ before its host)"
)
TLS_HINT = "check the port (is it for https?), the server's name and the local clock; for a private CA, use --ca-file"
CLIENT_CERTIFICATE_HINT = "client certificates are not supported: ask for a server URL that does not require one"
OVERLOAD_HINT = "the server, or a gateway in front of it, may be overloaded or restarting: try again later"
STATUS_HINTS = {
    400: "the server rejected the value of a flag: compare the flags with --help",
    401: "get a new token: the token%s is invalid, expired or for another server",  # %s: ` from PLEXSPHERE_TOKEN`
    403: "ask an owner of the Project to let this token read its Executions",
    404: "not found, or not visible to this token: check the Project (--project), the id (for get) and the server",
    407: PROXY_HINT,
    429: "too many requests: try again later",
    500: "try again; if it keeps failing, send the server's operators the time, the command and any correlation id",
    501: "this server cannot run actions: ask its operators to enable action dispatch",
    502: OVERLOAD_HINT,
    503: OVERLOAD_HINT,
    504: OVERLOAD_HINT,
}
PROBLEM_HINTS = {  # by the `code` of a 400, and by the `reason` of a 403
    "invalid_cursor": "the server rejected the cursor: use it only with the filters of the listing that printed it",
    "invalid_limit": "use a --limit of at most 200",
    "invalid_status": "the server rejected the value of --status: --help lists the valid ones",
    "caveat_violation": "the token is valid, but not here and now: check its validity period, your source address and "
    "how you logged in",
}

# What http.client may raise for malformed headers, apart from HTTPException, because the `email` package parses them.
PARSER_ERRORS = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


def check_seconds(seconds: float, label: str) -> float:
    """Return a number of seconds if it is more than 0 and at most one day. Otherwise raises UsageError."""
    if not isinstance(seconds, (int, float)) or not 0 < seconds <= 86400:
        raise UsageError("%s: expected a number of seconds, more than 0 and at most 86400 (one day)" % label)
    return seconds


def check_server(server):
    """Return what Server.parse returns for the URL of a Server. Raises UsageError if that is another server.

    A Server made by hand may have any parts: a prefix such as `@other.example` would send the token elsewhere."""
    try:
        parsed = Server.parse(server.url)
        if parsed == (server.scheme, server.host.lower(), server.port, server.prefix):
            return parsed
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError, UsageError):
        pass  # it is not a Server, or one of its parts has the wrong type or form
    raise UsageError("server: expected a Server, such as Server.parse(url)")


def check_ca_file(path):
    """Raise UsageError unless the path leads to a file or a pipe, such as `<(...)`, that is not writable by everybody.

    Raises OSError if there is none."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISFIFO(status.st_mode):
        raise UsageError("the CA file %s is neither a file nor a pipe" % path, "use a file with certificates in PEM")
    if status.st_mode & 0o002 and not WINDOWS:
        hint = suggest_chmod("o-w", path, status) or "use a file that others cannot write to"
        raise UsageError("the CA file %s is insecure: anyone can write to it" % path, hint)


def make_tls_context(ca_file):
    """Return ssl.create_default_context(), with TLS 1.2 or later. It verifies certificates and host names.

    It trusts the system's CAs if `ca_file` is None, and otherwise only the CAs in that file. Raises UsageError for a
    file that everybody may write to or that cannot be used, and RemoteError if this Python has no ssl module."""
    try:
        import ssl
    except ImportError:
        raise RemoteError("this Python has no TLS: it was built without the ssl module", "use a Python built with ssl")
    try:
        if ca_file is not None:
            ca_file = os.fspath(ca_file)
            check_ca_file(ca_file)
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError, TypeError) as error:
        # If the error names another file, it is about SSLKEYLOGFILE.
        is_about_ca = ca_file is not None and getattr(error, "filename", None) in (None, ca_file)
        name = "CA file %s" % ca_file if is_about_ca else "file that SSLKEYLOGFILE names"
        raise UsageError("cannot use the %s: %s" % (name, describe_error(error)))

    # openssl.cnf may allow less than TLS 1.2. Python 3.6 has only the older options.
    if not hasattr(context, "minimum_version"):
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    elif context.minimum_version < ssl.TLSVersion.TLSv1_2:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def can_be_read(sock):
    """Return whether a read would return at once: there are bytes, or the other end has closed the connection."""
    import select

    if hasattr(sock, "pending") and sock.pending():  # bytes that SSLSocket has already decrypted
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()  # select() itself refuses descriptors above 1023
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def read_number(literal):
    """Return a JSON number as an int or a float.

    Raises ValueError for NaN, Infinity, and numbers outside the range of a double.

    json.loads calls it. A number within the range has at most 309 digits, so int() is fast."""
    if not isfinite(float(literal)):
        raise ValueError("a number is out of range")
    return int(literal) if literal.lstrip("-").isdigit() else float(literal)


def make_gateway_error(problem):
    """Return the error for a 200 that is not what the API would send, although an earlier one was."""
    return RemoteError("the response is malformed: " + problem, GATEWAY_HINT, retryable=True)


def decode_object(body, may_be_cut=False, make_error=make_malformed_error):
    """Decode a body as a JSON object. The body, a bytearray, is emptied.

    Raises make_error(...) for a body that is empty, not JSON or not an object, a retryable RemoteError if it may have
    been cut short, and UnusableResponse for one that is nested too deeply."""
    is_empty = not body
    try:
        text = body.decode("utf-8")
        body.clear()  # free it before json makes its objects
        value = json.loads(text, parse_int=read_number, parse_float=read_number, parse_constant=read_number)
    except RecursionError:
        raise make_malformed_error("its body is nested too deeply")
    except ValueError:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        if may_be_cut:
            raise RemoteError("the body is malformed or was cut short", LOST_HINT, retryable=True)
        raise make_error("its body is empty" if is_empty else "its body is not valid JSON")
    if not isinstance(value, dict):
        raise make_error("its body is not a JSON object")
    return value


def make_gzip_decoder():
    """Return a decompressor for one gzip stream (RFC 1952), or None if this Python has no zlib."""
    try:
        import zlib
    except ImportError:
        return None
    return zlib.decompressobj(16 + zlib.MAX_WBITS)  # 16: with the header and the checksum of gzip


def decompress(decoder, data):
    """Yield what the next bytes of a gzip stream decompress to, in pieces of at most PIECE_SIZE bytes.

    Raises UnusableResponse for corrupt data, and for data after the end of the stream."""
    import zlib

    while True:
        try:
            piece = decoder.decompress(data, PIECE_SIZE)
        except zlib.error:
            raise make_malformed_error("its gzip data is corrupt")
        if decoder.unused_data:
            raise make_malformed_error("its gzip data is followed by other data")
        data = decoder.unconsumed_tail
        if not piece and not data:  # zlib may hold back bytes although it has consumed all data
            return
        yield piece


def do_nothing(*_: object) -> None:
    """The default callback."""


def read_encoding(response):
    """Return the Content-Encoding of a response in lower case (RFC 9110, 8.4.1): "gzip", "identity" or another one."""
    encoding = response.getheader("Content-Encoding", "").strip(" \t").lower() or "identity"
    return "gzip" if encoding == "x-gzip" else encoding


class Transport:
    """Sends GET requests to one server, one after the other, over one connection that is kept between them.

        with Transport.from_settings() as transport: ...                    the command's server, token and proxy
        Transport(Server.parse("https://plexsphere.example"), token)        no proxy, no profile

    A Transport belongs to one thread. After a fork, the child opens a connection of its own. Do not copy or pickle a
    Transport: a copy shares the connection, and a pickle contains the token. A new token needs a new Transport. To test
    a program without a server, override get(self, path, parameters, max_bytes=256 << 20) in a subclass, and return a
    dict. An overridden get does not retry.

    An exception of your own, from a callback or a signal handler, propagates if its class inherits directly from
    Exception or BaseException. Any other, such as TimeoutError, may be taken for a failure of the connection. After an
    exception has interrupted a request, a new Transport is the safe choice.

        server          the Server, with its host in lower case
        secrets         strings to mask: the token, the proxy's password and Basic credentials
        received        number of body bytes received so far, before decompression
        token_source    where the token came from, for the hint of a 401; "" if that is unknown
        clock           the monotonic clock, a function that returns seconds (default: time.monotonic)
    """

    def __init__(
        self,
        server: Server,
        token: str,
        *,
        proxy: "t.Optional[str]" = None,
        ca_file: "t.Union[str, os.PathLike[str], None]" = None,
        timeout: float = DEFAULT_TIMEOUT,
        allow_http: bool = False,
        pauses: "t.Iterable[float]" = RETRY_PAUSES,
        on_retry: "t.Callable[[str], t.Any]" = do_nothing,
        on_progress: "t.Callable[[], t.Any]" = do_nothing,
        trace: "t.Callable[[str], t.Any]" = do_nothing,
        clock: "t.Callable[[], float]" = time.monotonic,
        sleep: "t.Callable[[float], t.Any]" = time.sleep,
    ) -> None:
        """Prepare requests; nothing is sent.

        Raises UsageError, CredentialsError, and RemoteError if plain http is refused.

            proxy           URL of an http proxy; None for no proxy. It is used for this host, too, and can read the
                            token if the server's URL is for plain http
            ca_file         PEM file of the CAs to trust instead of the system's
            timeout         seconds for each network operation (connect, handshake, read, write), at most 86400
            allow_http      whether plain http may go to hosts other than this one
            pauses          seconds before each retry of a request
            on_retry        called as on_retry(text) before such a pause; the text says what failed
            on_progress     called before each request and after each read of a body
            trace           called as trace(line) for each line of a request or response head; the values of
                            SECRET_HEADERS are masked
            clock, sleep    replacements for time.monotonic and time.sleep, for tests: replace both or neither

        Callbacks get unescaped text."""
        server = check_server(server)
        if server.scheme == "http" and not allow_http and not is_this_host(server.host):
            raise RemoteError(
                "plain http to %s would expose the token to the network" % server.host,
                "use https://, or allow plain http with --allow-http",
            )
        token = validate_token(token)
        self.server = server
        self._proxy = None if proxy is None else Proxy(proxy)
        self.secrets = [token] + (self._proxy.secrets if self._proxy else [])
        self.received = 0

        # Options.
        self._ca_file = ca_file
        self._timeout = check_seconds(timeout, "timeout")
        self._pauses = tuple(pauses)
        self._on_retry, self._on_progress, self._trace = on_retry, on_progress, trace
        self.clock, self._sleep = clock, sleep
        self.token_source = ""
        self._headers = {
            "Host": server.authority,
            "Authorization": "Bearer " + token,
            "Accept": "application/json, application/problem+json",
            "Accept-Encoding": "gzip" if make_gzip_decoder() else "identity",
            "User-Agent": "plexctl-exec-log/" + __version__,
        }

        # State.
        self._tls_context = None  # made for the first connection
        self._was_answered = False  # whether the server has sent any response
        self._has_found_api = False  # whether a 200 was a JSON object
        self._ends: "t.Dict[object, float]" = {}  # the end of each time limit in force, by the clock
        self._idle = None  # the connection that is kept for the next request
        self._idle_pid = 0  # the process that opened it

    @classmethod
    def from_settings(
        cls: "t.Type[AnyTransport]",
        server: "t.Optional[str]" = None,
        profile: "t.Optional[str]" = None,
        token_file: "t.Optional[str]" = None,
        **options: "t.Any",
    ) -> "AnyTransport":
        """Make a Transport with the settings that the command would use.

        The arguments are the values of the command's flags: a URL, a name and a path. The environment and the config
        file supply the rest. `options` are the other arguments of Transport, except proxy. Raises the errors of
        Transport(); UsageError for a missing server; and CredentialsError for a missing token or an unusable file."""
        found, token, source = find_settings(server, Profile(profile), token_file)
        transport = cls(found, token, proxy=find_proxy(found), **options)
        transport.token_source = source
        return transport

    def __enter__(self: "AnyTransport") -> "AnyTransport":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connection. The next request opens another one."""
        connection = self._take_idle()
        if connection is not None:
            connection.close()

    def _take_idle(self):
        """Remove and return the idle connection, or None if there is none that this process can use."""
        connection, self._idle = self._idle, None
        if connection is None:
            return None
        # Readable: the server closed it, or sent something that nobody requested. After a fork, closing affects only
        # the child's copy of the descriptor.
        if self._idle_pid != os.getpid() or can_be_read(connection.sock):
            connection.close()
            return None
        return connection

    @contextmanager
    def time_limit(self, seconds: float) -> "t.Iterator[None]":
        """Limit the time of requests on this Transport inside the `with` block.

        After the limit, requests and reads raise TimedOut. No pause outlasts it. Limits may be nested; the earliest
        end counts. These can overrun it: resolving a name, connecting to its further addresses, a tunnel and a TLS
        handshake, a server that sends headers, chunk sizes or trailers byte by byte, and decoding. Raises UsageError
        unless `seconds` is more than 0 and at most 86400."""
        end = self.clock() + check_seconds(seconds, "seconds")
        limit = object()
        try:
            self._ends[limit] = end
            yield
        finally:
            self._ends.pop(limit, None)

    def _time_left(self):
        """Return the seconds until the earliest time limit ends."""
        return min(self._ends.values(), default=float("inf")) - self.clock()

    def _check_time(self):
        if self._time_left() <= 0:
            raise TimedOut("the time limit has passed")

    def _socket_timeout(self):
        """Return the seconds for the next network operation. It is never 0, which would mean non-blocking."""
        return max(min(self._timeout, self._time_left()), 0.001)

    def get(self, path: str, parameters: "Parameters", max_bytes: int = EXECUTION_LIMIT) -> "JSONObject":
        """Send a GET, and return the JSON object of its 200 response.

        `path` begins with `/`, and is sent unchanged after the server's prefix. Parameters are percent-encoded; those
        that are None, "" or 0 are left out. After a retryable failure, the request is repeated, at most once for each
        pause, except in these cases:

            a timeout, because it has already taken long enough
            a failure to connect, before the server has ever responded
            a Retry-After of more than 30 seconds, and a pause that would outlast a time limit

        Raises RemoteError; ResponseTooLarge for a body of more than `max_bytes`; and UsageError for an unusable CA
        file, for a path that does not begin with `/` or has characters other than visible ASCII, and for a parameter
        that is not valid Unicode."""
        from urllib.parse import quote, urlencode

        if not isinstance(path, str) or not re.fullmatch("/[!-~]*", path):
            raise UsageError("path: expected / and visible ASCII, with other characters percent-encoded")
        try:
            query = urlencode(
                [pair for pair in parameters.items() if pair[1]], quote_via=quote, safe="", errors="surrogateescape"
            )
        except UnicodeEncodeError:
            raise UsageError("a parameter contains a lone surrogate, which cannot be sent")
        target = self.server.prefix + path + ("?" + query if query else "")

        for pause in self._pauses:
            try:
                return self._get_once(target, max_bytes)
            except RemoteError as error:
                pause = pause if error.retry_after is None else error.retry_after
                if not self._can_repeat(error, pause):
                    raise
                failure = str(error)
            self.pause(pause, failure)
        return self._get_once(target, max_bytes)

    def _can_repeat(self, error, pause):
        """Return whether to send a request again after a pause."""
        is_hopeless = (
            isinstance(error, TimedOut)
            or isinstance(error, ConnectError)
            and not self._was_answered
            or (error.retry_after or 0) > LONGEST_RETRY_AFTER
        )
        return error.retryable and not is_hopeless and pause < self._time_left()

    def pause(self, seconds: float, failure: str = "") -> bool:
        """Report a failure, if there is one, to on_retry, and sleep. Return False if a time limit passes meanwhile.

        The sleep ends at the earliest time limit."""
        left = self._time_left()
        if failure:
            self._on_retry("%s; waiting %.1f s" % (failure, min(seconds, left)))
        self._sleep(max(0.0, min(seconds, left)))
        return seconds < left

    def _get_once(self, target, max_bytes):
        """Send one request, and return the JSON object of its 200 response."""
        self._on_progress()
        self._check_time()
        response, body = self._exchange_on_idle_or_new(target, max_bytes)
        if response.status != 200:
            raise self._make_error(response, body)

        # Chunks, a Content-Length and a gzip stream mark the end of the body.
        has_length = response.getheader("Content-Length") is not None
        may_be_cut = not (response.chunked or has_length or read_encoding(response) == "gzip")
        make_error = make_gateway_error if self._has_found_api else make_malformed_error
        value = decode_object(body, may_be_cut, make_error)
        self._has_found_api = True
        return value

    def _exchange_on_idle_or_new(self, target, max_bytes):
        """Send one request on the idle connection or on a new one, and return (response, body)."""
        idle = self._take_idle()
        if idle is not None:
            try:
                return self._exchange(idle, target, max_bytes)
            except NoResponse:
                pass  # some servers close an idle connection without saying so
        return self._exchange(self._connect(), target, max_bytes)

    def _connect(self):
        """Return a new connection. For https via a proxy, it goes through a tunnel that the proxy opens.

        Raises ConnectError or TimedOut, and UsageError for an unusable CA file."""
        from http import client

        server, proxy = self.server, self._proxy
        peer = proxy or server
        connection: "client.HTTPConnection"
        if server.scheme == "https":
            self._tls_context = context = self._tls_context or make_tls_context(self._ca_file)
            connection = client.HTTPSConnection(peer.host, peer.port, timeout=self._socket_timeout(), context=context)
        else:
            connection = client.HTTPConnection(peer.host, peer.port, timeout=self._socket_timeout())

        if proxy and server.scheme == "https":
            self._trace_lines(">", "CONNECT %s:%d" % (server.host, server.port), proxy.headers.items())

        is_connected = False
        try:
            if proxy and server.scheme == "https":
                connection.set_tunnel(server.host, server.port, proxy.headers)
            connection.connect()
            is_connected = True
        except (OSError, client.HTTPException, ValueError) as error:  # ValueError: CertificateError on 3.6
            raise self._make_connect_error(error)
        finally:
            if not is_connected:
                connection.close()
        return connection

    def _make_timeout_error(self, what, advice=""):
        """Return the error for a network operation that took too long. Its hint begins with `advice`."""
        if self._time_left() <= 0.01:  # a socket may time out a little early
            return TimedOut("the time limit has passed: " + what)
        return TimedOut(
            "timed out: " + what,
            advice + "if the server or network is slow, raise --timeout (now %g s)" % self._timeout,
            retryable=True,
        )

    def _make_connect_error(self, error):
        """Return the error for a connection that could not be made: DNS, TCP, proxy or TLS."""
        import socket

        ssl = sys.modules.get("ssl")  # None without https
        peer, host, hint = self.server.authority, self.server.host, CONNECT_HINT
        if self._proxy:
            peer += " through proxy %s:%d" % (self._proxy.host, self._proxy.port)
            host, hint = self._proxy.host, PROXY_HINT

        # The order matters: except for CertificateError on 3.6, all of these are OSErrors.
        if isinstance(error, socket.timeout):
            return self._make_timeout_error("connecting to " + peer, hint + "; ")
        if ssl and isinstance(error, (ssl.SSLError, ssl.CertificateError)):
            # The other end closed the connection. Python 3.6 and 3.7 name the EOF of OpenSSL 3 only in the message.
            was_closed = isinstance(
                error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)
            ) or "unexpected eof while reading" in str(error)
            return ConnectError(
                "TLS with %s failed: %s" % (self.server.authority, describe_error(error)), TLS_HINT, was_closed
            )
        if isinstance(error, socket.gaierror):
            return ConnectError(
                "cannot connect to %s: the name %s does not resolve" % (peer, host),
                hint,
                error.errno == socket.EAI_AGAIN,
            )
        return ConnectError("cannot connect to %s: %s" % (peer, describe_error(error)), hint, retryable=True)

    def _exchange(self, connection, target, max_bytes):
        """Send one request on a connection, which is then kept or closed, and return (response, body).

        Raises RemoteError: NoResponse if the connection was lost before the response."""
        sock = connection.sock  # getresponse may set connection.sock to None
        body, can_be_kept = bytearray(), False
        try:
            response = self._read_head(connection, sock, target)
            self._was_answered = True
            try:
                body = self._read_body(sock, response, max_bytes if response.status == 200 else ERROR_BODY_LIMIT)
                can_be_kept = response.status >= 200 and not response.will_close
            except RemoteError:
                # The body of an error need not arrive: the status says enough.
                if response.status == 200:
                    raise
            finally:
                response.close()  # before 3.13, one with a Content-Length stays open, and so blocks the next response
            return response, body
        finally:
            if can_be_kept:
                self._idle, self._idle_pid = connection, os.getpid()
            else:
                connection.close()

    def _read_head(self, connection, sock, target):
        """Send a request, and return its response once the headers have arrived. Raises RemoteError."""
        import socket
        from http.client import HTTPException

        headers = self._headers
        if self._proxy and self.server.scheme == "http":
            target = "http://" + self.server.authority + target
            headers = dict(headers, **self._proxy.headers)
        self._trace_lines(">", "GET %s HTTP/1.1" % target, headers.items())

        try:
            sock.settimeout(self._socket_timeout())
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
        except socket.timeout:
            raise self._make_timeout_error("no response")
        except OSError as error:  # including RemoteDisconnected: it was closed before the first byte
            # With TLS 1.3, a server may reject the client only now: with an alert, such as "certificate required".
            why = ": " + describe_error(error) if "alert" in str(error) else ""
            hint = CLIENT_CERTIFICATE_HINT if "certificate required" in why else self._suspect_https(LOST_HINT)
            raise NoResponse("the connection was lost before a response arrived" + why, hint, retryable=not why)
        except (HTTPException,) + PARSER_ERRORS as error:
            raise UnusableResponse(
                "the response is not valid HTTP: %s" % describe_error(error), self._suspect_https(API_HINT)
            )

        version = "1.0" if response.version == 10 else "1.1"
        self._trace_lines("<", "HTTP/%s %d %s" % (version, response.status, response.reason), response.getheaders())
        return response

    def _suspect_https(self, hint):
        """Return the hint about https if the first response to plain http cannot be used, and otherwise `hint`."""
        return hint if self._was_answered or self.server.scheme == "https" else HTTPS_HINT

    def _read_body(self, sock, response, max_bytes):
        """Return the decompressed body of a response as a bytearray. Raises RemoteError.

        `max_bytes` limits the number of bytes that are received, and the number that they decompress to."""
        too_large = ResponseTooLarge("the response is larger than %g MiB" % (max_bytes / (1 << 20)))
        if (response.length or 0) > max_bytes:  # None without a Content-Length
            raise too_large
        encoding = read_encoding(response)
        decoder = make_gzip_decoder() if encoding == "gzip" else None
        if decoder is None and encoding != "identity":
            raise make_malformed_error('its Content-Encoding is "%s"' % response.getheader("Content-Encoding"))

        # Read to the end, even after the end of the gzip data: the next response on this connection begins there.
        body, received = bytearray(), 0
        for chunk in self._receive_chunks(sock, response):
            received += len(chunk)
            if received > max_bytes:  # gzip data may decompress to nothing for ever
                raise too_large
            for piece in decompress(decoder, chunk) if decoder else [chunk]:
                body += piece
                if len(body) > max_bytes:
                    raise too_large

        if decoder and not decoder.eof:
            raise RemoteError("the body was cut short: its gzip data has no end", LOST_HINT, retryable=True)
        return body

    def _receive_chunks(self, sock, response):
        """Yield the bytes of a body as they arrive. Raises RemoteError if they stop before its end."""
        import socket
        from http.client import HTTPException

        while True:
            try:
                if self._ends and not response.isclosed():  # from 3.13 on, a response closes itself at its end
                    self._check_time()
                    # Without a time limit, the timeout that _read_head has set still applies.
                    sock.settimeout(self._socket_timeout())
                chunk = response.read1(READ_SIZE)
            except socket.timeout:
                raise self._make_timeout_error("the body stalled")
            except OSError as error:
                raise RemoteError(
                    "the connection was lost while reading the body: %s" % describe_error(error),
                    LOST_HINT,
                    retryable=True,
                )
            except (HTTPException, ValueError, OverflowError):  # the last two: bad chunk sizes
                raise RemoteError("the chunked body is malformed or was cut short", LOST_HINT, retryable=True)
            if not chunk:
                break

            self.received += len(chunk)
            self._on_progress()
            yield chunk

        if response.length:
            missing = describe_count(response.length, "byte") + (" is" if response.length == 1 else " are")
            raise RemoteError(
                "the connection was lost while reading the body: %s missing" % missing, LOST_HINT, retryable=True
            )

    def _trace_lines(self, mark, first, headers):
        """Trace a request or a response, with the values of SECRET_HEADERS masked."""
        self._trace(mark + " " + first)
        for name, value in headers:
            self._trace("%s %s: %s" % (mark, name, "***" if name.lower() in SECRET_HEADERS else value))

    def _make_redirect_error(self, status, location):
        """Return the error for a redirect, which is not followed."""
        # Show neither a query, which may contain an authorization code, nor a URL with user info. Mask first: if the
        # token is `abcd?efgh`, cutting at `?` would leave `abcd`.
        shown = "***" if "@" in location else re.split("[?#]", mask(location, self.secrets))[0]
        return RemoteError(
            "HTTP %d: refused to follow a redirect to %s, to keep the token from other servers" % (status, shown),
            "if that is the API, pass the part of its URL before /v1 as --server",
        )

    def _make_error(self, response, body):
        """Return the error for a response that is not a 200."""
        status, location = response.status, response.getheader("Location")
        if 300 <= status < 400 and location:
            return self._make_redirect_error(status, location)
        try:
            problem = decode_object(body)
        except RemoteError:
            problem = {}

        def show(name):
            """Return a member of the Problem as text, or "" if it is not text. The list `relation_path` is joined."""
            value = problem.get(name)
            if isinstance(value, list):
                value = " > ".join(step for step in value if isinstance(step, str))
            return value if isinstance(value, str) else ""

        # Retry-After may also be a date, which is ignored.
        seconds = response.getheader("Retry-After", "").strip()
        retry_after = float(seconds) if re.fullmatch("[0-9]+", seconds) else None
        correlation_id = show("correlation_id") or response.getheader("X-Correlation-Id")
        parts = [show("detail")] + [
            label + ": " + text
            for label, text in (
                ("code", show("code")),
                ("reason", show("reason")),
                ("relation path", show("relation_path")),
                ("correlation id", correlation_id),
                ("retry after", retry_after and seconds + " s"),
            )
            if text
        ]
        description = "; ".join(filter(None, [show("title") or response.reason] + parts))
        message = ("HTTP %d %s" % (status, description)).rstrip()  # there may be no description
        message = mask(message, self.secrets)
        return APIError(message, self._choose_hint(status, problem, show), status, problem, retry_after)

    def _choose_hint(self, status, problem, show):
        """Return the hint for the status of a response. show(name) returns a member of its Problem."""
        if status == 401:
            return STATUS_HINTS[401] % (" from " + self.token_source if self.token_source else "")
        if status == 404 and self.server.prefix.endswith("/v1"):
            return "leave /v1 out of the server's URL"
        if status == 400 and not problem and self.server.scheme == "http":
            return HTTPS_HINT
        if status in (400, 403, 404) and not problem or 300 <= status < 400:
            return API_HINT
        return PROBLEM_HINTS.get(show("code" if status == 400 else "reason"), STATUS_HINTS.get(status, ""))


# ----------------------------------------------------------------------------------------------- Wire model

# `2026-11-24T09:30:00.5Z` or `2026-11-24T11:30:00.5+02:00`: a time in the form of RFC 3339, 5.6, with capital letters.
# The groups are the time, the fraction of a second, and the offset.
RFC3339_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?"
    r"(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def find_uuid(text):
    """Return the canonical lower-case spelling of a UUID, or "" for other text.

    It accepts the forms of Go's uuid.Parse, which plexctl uses: canonical, after `urn:uuid:`, in braces, and 32
    hexadecimal digits."""
    text = text.strip().lower()
    if re.fullmatch("[0-9a-f]{32}", text):
        return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])
    if text.startswith("urn:uuid:"):
        text = text[len("urn:uuid:") :]
    elif text[:1] == "{" and text[-1:] == "}":
        text = text[1:-1]
    return text if re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) else ""


def parse_uuid(value: "t.Union[str, AnyUUID]") -> str:
    """Return the canonical lower-case spelling of a UUID: a uuid.UUID, or a string. Raises UsageError.

    The string may be canonical, prefixed with `urn:uuid:`, in braces, or 32 hexadecimal digits."""
    uuid = find_uuid(str(value))
    if not uuid:
        raise UsageError("expected a UUID, such as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10")
    return uuid


def parse_named_uuid(value, name):
    """Return what parse_uuid returns for an argument or a variable. Errors begin with its name."""
    try:
        return parse_uuid(value)
    except UsageError as error:
        raise UsageError("%s: %s" % (name, error))


def get_text(record, name, where="", make_error=make_malformed_error):
    """Return a member that is a string, or None if it is null or absent. Raises make_error(...) for other types."""
    return check_type(record.get(name), str, where + name, make_error)


def get_lower_node_id(target):
    """Return the node id of a target in lower case, as --node is parsed."""
    return str(target.get("node_id")).lower()


def expect_objects(record, name):
    """Return a member that is a list of objects; [] if it is null or absent. Raises UnusableResponse."""
    elements = check_type(record.get(name), list, name) or []
    if not {dict}.issuperset(map(type, elements)):
        raise make_malformed_error("%s: expected a list of objects" % name)
    return elements


def name_execution(execution):
    """Return `Execution ID` for a message, or `Execution -` if the id is not text."""
    execution_id = execution.get("id")
    return "Execution %s" % (execution_id if isinstance(execution_id, str) and execution_id else "-")


def parse_moment(text):
    """Return the naive datetime for `2026-11-24T09:30:00`. Raises ValueError if it is not in the calendar."""
    from datetime import datetime

    year, month, day, hour, minute, second = map(int, re.split("[T:-]", text))
    return datetime(year, month, day, hour, minute, second)


def parse_offset(text):
    """Return the timedelta of an offset from UTC: `Z`, `+02:00` or `+0200`."""
    from datetime import timedelta

    if text == "Z":
        return timedelta(0)
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return -offset if text[0] == "-" else offset


def normalize_time(text):
    """Return an RFC 3339 time in UTC, without the Z, or None if the text is not such a time.

    Texts of this form sort as the times do: `09:30:00` < `09:30:00.25` < `09:30:00.3` < `09:30:01`. Trailing zeros of a
    fraction are removed. Only a time with an offset other than `Z` is checked against the calendar."""
    match = RFC3339_TIME.fullmatch(text)
    if not match:
        return None
    moment, fraction, offset = match.groups()
    if offset != "Z":
        try:
            moment = (parse_moment(moment) - parse_offset(offset)).isoformat()
        except (ValueError, OverflowError):  # not in the calendar, or outside the years 1 to 9999 in UTC
            return None
    return moment + fraction.rstrip("0").rstrip(".") if fraction else moment


def read_time(execution, name):
    """Return a member that is a time, in the form of normalize_time. Raises UnusableResponse."""
    moment = normalize_time(str(execution.get(name)))
    if moment is None:
        problem = "%s: %s: expected a time such as 2026-11-24T09:30:00Z" % (name_execution(execution), name)
        raise make_malformed_error(problem)
    return moment


def read_created_at(execution):
    """Return when an Execution was created, in the form of normalize_time. Raises UnusableResponse."""
    return read_time(execution, "created_at")


def decode_base64(text: str) -> bytes:
    """Decode standard base64 with exact padding (RFC 4648, 4). Raises ValueError for anything else.

    a2b_base64 skips characters outside the alphabet, and stops at the padding: then the result is too short."""
    padding = len(text) - len(text.rstrip("="))
    try:
        data = a2b_base64(text)
        is_exact = len(text) % 4 == 0 and padding <= 2 and len(data) == len(text) // 4 * 3 - padding
    except ValueError:  # binascii.Error is one
        is_exact = False
    if not is_exact:
        raise ValueError("inline_bytes: expected standard base64 with exact padding")
    return data


class OutputRef(namedtuple("OutputRef", "kind data location sha256 fault")):
    """The output of a target.

    kind            data    location        sha256                          fault
    inline          bytes   ""              ""                              ""
    archived        b""     BUCKET/KEY      as the server sent it, or ""    ""
    none            b""     ""              ""                              ""
    unreadable      b""     ""              ""                              what is wrong with it
    """

    # For type checkers only.
    kind: str
    data: bytes
    location: str
    sha256: str
    fault: str

    @classmethod
    def from_wire(cls, ref: "t.Any") -> "OutputRef":
        """Read the `output_ref` of a target. Any fault makes the output `unreadable`; nothing is raised."""
        if ref is None:
            return cls("none", b"", "", "", "")
        try:
            kind = get_text(check_type(ref, dict, "output_ref", ValueError), "kind", "", ValueError)
            if kind == "inline":  # an empty output has no inline_bytes
                return cls(kind, decode_base64(get_text(ref, "inline_bytes", "", ValueError) or ""), "", "", "")
            if kind != "object_store":
                raise ValueError('unknown kind "%s"' % (kind or ""))
            bucket, key, digest = [get_text(ref, name, "", ValueError) for name in ("bucket", "key", "sha256")]
            if not (bucket and key):
                raise ValueError("bucket or key: expected a non-empty string")
            return cls("archived", b"", "%s/%s" % (bucket, key), digest or "", "")
        except ValueError as error:
            return cls("unreadable", b"", "", "", str(error))


# ----------------------------------------------------------------------------------------------- Operations

EXECUTIONS = "/v1/projects/%s/executions"
CURSOR_LIMIT = 8 << 10  # bytes of a next_cursor; a longer one may not fit a request line


def check_cursor(cursor):
    """Raise UnusableResponse for a next_cursor that could not be sent back."""
    try:
        is_usable = len(cursor.encode("utf-8")) <= CURSOR_LIMIT
    except UnicodeEncodeError:  # a lone surrogate
        is_usable = False
    if not is_usable:
        raise make_malformed_error("next_cursor: expected valid Unicode of at most %d KiB" % (CURSOR_LIMIT >> 10))


def get_page(
    transport: Transport, project: "t.Union[str, AnyUUID]", parameters: "t.Optional[Parameters]" = None
) -> "JSONObject":
    """Return one page of a Project's Executions: {"items": [...], "next_cursor": text, null or absent}.

    `parameters` are the API's: status, action_name, limit, cursor. A page may be up to 32 MiB; with limit 1, 256 MiB.
    Raises UsageError for a malformed UUID, RemoteError for a malformed page, and the errors of Transport.get."""
    parameters = parameters or {}
    max_bytes = EXECUTION_LIMIT if str(parameters.get("limit")) == "1" else PAGE_LIMIT
    page = transport.get(EXECUTIONS % parse_named_uuid(project, "project"), parameters, max_bytes)
    if "items" not in page:
        raise make_malformed_error('it has no member "items"')
    page["items"] = expect_objects(page, "items")
    check_cursor(get_text(page, "next_cursor") or "")
    return page


def read_merge_id(execution):
    """Return the id of an Execution, which a merge needs. Raises UnusableResponse if it is not text."""
    execution_id = execution.get("id")
    if not isinstance(execution_id, str):
        raise make_malformed_error("an Execution's id: expected a string")
    return execution_id


def to_utc_text(moment):
    """Convert an aware datetime to the form that normalize_time returns. None stays None. Raises UsageError."""
    from datetime import datetime

    if moment is None:
        return None
    offset = moment.utcoffset() if isinstance(moment, datetime) else None
    if offset is None:
        raise UsageError("since and until: expected an aware datetime, such as datetime.now(timezone.utc)")
    try:
        utc = moment.replace(tzinfo=None) - offset
    except OverflowError:
        raise UsageError("since and until: expected a time between the years 1 and 9999 in UTC")
    return normalize_time(utc.isoformat() + "Z")


def is_page_after(until, times):
    """Return whether the times of a page show that this page and all that follow are at or after `until`.

    The times ascend, are not all equal, and are all at or after `until`: so the server lists the oldest first."""
    return bool(times) and until <= times[0] < times[-1] and times == sorted(times)


class Listing:
    """The Executions of a Project that match all filters, from as many pages as needed. Iterate over it.

    The server filters by status and action; this class filters by time. It also checks the status: it leaves out an
    Execution whose status is one of the known statuses, but not the one that was requested. It does not check the
    action. With a single query, the order is the server's: the oldest first.

    With several statuses, it sends one query for each, in life-cycle order, and merges the results by created_at and
    id. The queries for pending, ack and started are read to their ends before anything is yielded. An Execution whose
    status changes meanwhile is yielded once, as the latest query returned it, provided that created_at ascends within
    each query. Because a status only moves forward, an Execution whose status is always one of those requested is never
    missed, provided that a cursor is a position in the order of creation, as the API says.

    If a page exceeds 32 MiB, its query goes on with a quarter of the limit. Each iteration starts again, and resets the
    counters: use one iterator at a time. It raises the errors of get_page, and RemoteError for a repeated cursor. After
    an error, the iterator is finished, like every generator that has raised: with a single query, `next_cursor` is then
    where to resume.

    Where times are compared (`since`, `until`, several statuses), an Execution without a valid `created_at` makes the
    response malformed, and with several statuses so does an `id` that is not a string.

    `since` compares the time of creation: it leaves out a long run that failed just now. For what has ended since a
    time, compare `updated_at` of what is yielded. `since` skips no page: all are read. To find new Executions later,
    note next_cursor while iterating (it is None at the end), start at the last one noted, and skip the ids already
    seen. That does not find an old Execution whose status has changed.

        page_count      number of pages received
        count           number of Executions on these pages, including those that do not match
        next_cursor     the cursor of the first page that was not yielded completely: at first `cursor`; None at the end
                        and with several statuses. It moves on when the iterator is asked for the Execution after the
                        last one of a page
        next_since      the value for `since` with which a merge that failed can be resumed: an aware datetime of whole
                        seconds. Executions of that second are yielded again. None with a single query, before the first
                        Execution and after the last, and if times were out of order or do not exist in the calendar
    """

    def __init__(
        self,
        transport: Transport,
        project: "t.Union[str, AnyUUID]",
        *,
        statuses: "t.Iterable[str]" = (),
        action_name: "t.Optional[str]" = None,
        since: "t.Optional[datetime]" = None,
        until: "t.Optional[datetime]" = None,
        limit: "t.Optional[int]" = 200,
        cursor: "t.Optional[str]" = None,
    ) -> None:
        """Prepare the queries. Nothing is sent yet. Raises UsageError.

        statuses        only Executions with one of these; () for all
        action_name     only Executions of exactly this action
        since, until    aware datetimes: only Executions created at or after `since`, and before `until`. A query
                        ends early after a page whose times ascend, are not all equal, and are all at or after `until`
        limit           Executions per page, a whole number; 0 or None for the server's default
        cursor          the page to start with; not with several statuses, because a cursor belongs to one query
        """
        wrong_statuses = UsageError('statuses: expected an iterable of non-empty strings, such as ("failed",)')
        try:
            chosen = set(statuses or ())
        except TypeError:  # it cannot be iterated over, or contains something that is not hashable
            raise wrong_statuses
        if isinstance(statuses, str) or not all(status and isinstance(status, str) for status in chosen):
            raise wrong_statuses
        self._statuses = [status for status in STATUSES if status in chosen] + sorted(chosen.difference(STATUSES))
        if cursor is not None and not isinstance(cursor, str):
            raise UsageError("cursor: expected a string or None")
        if cursor and len(self._statuses) > 1:
            raise UsageError("cursor works with at most one status")
        if action_name is not None and not (action_name and isinstance(action_name, str)):
            raise UsageError("action_name: expected a non-empty string or None")
        if limit is not None and not (isinstance(limit, int) and limit >= 0):
            raise UsageError("limit: expected a whole number that is not negative, or None")

        self._transport = transport
        self._project = parse_named_uuid(project, "project")
        self._since, self._until = to_utc_text(since), to_utc_text(until)
        self._cursor = cursor or None
        self._parameters = {"action_name": action_name, "limit": limit or 0, "cursor": self._cursor}
        self._reset()

    def _reset(self) -> None:
        self.page_count = 0
        self.count = 0
        self.next_cursor = self._cursor
        self._latest = ""  # created_at of the last merged Execution, in the form of normalize_time
        self._is_ascending = True  # whether these times were in order so far

    @property
    def next_since(self) -> "t.Optional[datetime]":
        """The value for `since` with which a merge that failed can be resumed, or None."""
        from datetime import timezone

        if not self._latest or not self._is_ascending:
            return None
        try:
            return parse_moment(self._latest[:19]).replace(tzinfo=timezone.utc)
        except ValueError:  # not in the calendar
            return None

    def __iter__(self) -> "t.Iterator[JSONObject]":
        self._reset()
        if len(self._statuses) > 1:
            return self._merge()
        return self._query(*self._statuses)

    def _merge(self):
        """Send one query for each status, and yield their Executions by time and id, each in its latest copy."""
        from heapq import merge

        # Read the running statuses to their ends. Each query starts after the one before has ended, so an Execution
        # that leaves `pending` too early to be seen there is seen in `ack` or `started`, or it has finished.
        running = {}
        for status in self._statuses:
            if status in RUNNING_STATUSES:
                for execution in self._query(status):
                    running[read_created_at(execution), read_merge_id(execution)] = execution

        # Merge them with the other statuses, which are read page by page, because final statuses do not change.
        queries = [[running[key] for key in sorted(running)]]
        queries += [self._query(status) for status in self._statuses if status not in RUNNING_STATUSES]
        for created, copies in groupby(merge(*queries, key=read_created_at), read_created_at):
            # merge is stable, so the copy of the latest query comes last.
            latest = {read_merge_id(execution): execution for execution in copies}
            self._is_ascending = self._is_ascending and created >= self._latest
            self._latest = created
            for execution_id in sorted(latest):
                yield latest[execution_id]
        self._latest = ""

    def _query(self, status=None):
        """Yield the matching Executions of one query, page by page."""
        query = dict(self._parameters, status=status)
        # Some servers ignore the parameter, and a status may change between filtering and sending.
        other_statuses = [other for other in STATUSES if other != status] if status in STATUSES else []
        seen = {query["cursor"]}
        while True:
            # Request a page.
            page = self._get_page(query)
            cursor = page.get("next_cursor") or None
            self.page_count += 1
            self.count += len(page["items"])

            # Yield what matches.
            times = []
            for execution in page["items"]:
                if self._since or self._until:
                    times.append(read_created_at(execution))
                    if times[-1] < (self._since or "") or self._until and times[-1] >= self._until:
                        continue
                if execution.get("status") not in other_statuses:
                    yield execution
            del page  # before the next one is decoded

            # Go on, or end.
            if self._until and is_page_after(self._until, times):
                cursor = None
            if len(self._statuses) < 2:
                self.next_cursor = cursor
            if cursor is None:
                return
            if cursor in seen:
                raise UnusableResponse("the server's cursors form a loop: %s was repeated" % cursor)
            seen.add(cursor)
            query["cursor"] = cursor

    def _get_page(self, query):
        """Request a page of a query. If it is too large, lower the limit of this query, and request it again."""
        while True:
            try:
                return get_page(self._transport, self._project, query)
            except ResponseTooLarge:
                limit = query["limit"] or 50  # the server's default
                if limit == 1:
                    raise
            query["limit"] = max(1, limit // 4)


def select_last(executions: "t.Iterable[JSONObject]", number: int) -> "t.List[JSONObject]":
    """Return the `number` Executions that were created last, oldest first.

    Of two with the same time, the one that arrived later counts as newer.

    Only `number` Executions are kept in memory. Raises UnusableResponse."""
    from heapq import nlargest

    # Arrival numbers are unique, so Executions are never compared.
    entries = ((read_created_at(execution), arrival, execution) for arrival, execution in enumerate(executions))
    return [execution for _, _, execution in reversed(nlargest(number, entries))]


def get_execution(
    transport: Transport, project: "t.Union[str, AnyUUID]", execution_id: "t.Union[str, AnyUUID]"
) -> "JSONObject":
    """Return one Execution. Its `targets` are a list; OutputRef.from_wire reads the `output_ref` of a target.

    Raises UsageError for a malformed UUID, RemoteError for a malformed response, and the errors of Transport.get."""
    project, execution_id = parse_named_uuid(project, "project"), parse_named_uuid(execution_id, "execution_id")
    execution = transport.get("%s/%s" % (EXECUTIONS % project, execution_id), {}, EXECUTION_LIMIT)
    found = get_text(execution, "id")
    if not found:
        raise make_malformed_error("the Execution has no id")
    if found.lower() != execution_id:
        raise make_malformed_error("expected Execution %s, but its id is %s" % (execution_id, found))
    execution["targets"] = expect_objects(execution, "targets")
    return execution


def count_succeeded(targets):
    """Return how many of the targets succeeded."""
    return sum(target.get("status") == "succeeded" for target in targets)


def describe_targets(targets):
    """Return `SUCCEEDED/TOTAL`, such as `2/5`."""
    return "%d/%d" % (count_succeeded(targets), len(targets))


# Seconds. Each scheduled pause is half as long again as the one before.
FIRST_POLL_PAUSE, LONGEST_POLL_PAUSE = 2.0, 15.0
LONGEST_WAIT = 60.0  # no pause is longer, whatever the size of the Execution or Retry-After


def make_wait_timeout(execution_id, execution, failure=""):
    """Return the error for a wait that timed out. `execution` is the last response, or None if there was none."""
    message = "the wait timed out; no status of Execution %s is known" % execution_id
    if execution is not None:
        status, count = execution.get("status") or "-", describe_targets(execution["targets"])
        message = 'the wait timed out; the last status of Execution %s was "%s" (%s)' % (execution_id, status, count)
    if failure:
        message += "; the last failure was: %s" % failure
    return WaitTimeout(message, "the Execution may still be running: wait again, or longer", execution)


def poll_until_final(transport, project, execution_id, is_single, on_status):
    """Poll until the status is final or a time limit of the Transport passes, or just once if `is_single` is true.

    This is the loop of wait_for_execution."""
    execution, shown = None, None
    step = FIRST_POLL_PAUSE  # the next pause of the schedule
    least = 0.0  # the shortest pause that the length and the size of the last poll call for
    while True:
        # Poll.
        failure, retry_after = "", 0.0
        begin, received = transport.clock(), transport.received
        try:
            execution = get_execution(transport, project, execution_id)
            least = max(5 * (transport.clock() - begin), (transport.received - received) / (1 << 20))
        except RemoteError as error:
            if isinstance(error, TimedOut) and not error.retryable:
                raise make_wait_timeout(execution_id, execution)
            if execution is None or not error.retryable:
                raise
            failure, retry_after = str(error), error.retry_after or 0.0

        # Show what has changed.
        progress = execution.get("status"), count_succeeded(execution["targets"])
        if progress != shown:
            on_status(execution)
            shown = progress
        if progress[0] in FINAL_STATUSES:
            return execution

        # Pause, if there is time.
        pause = min(max(step, least, retry_after), LONGEST_WAIT)
        if is_single or not transport.pause(pause, failure):
            raise make_wait_timeout(execution_id, execution, failure)
        step = min(step * 1.5, LONGEST_POLL_PAUSE)


def wait_for_execution(
    transport: Transport,
    project: "t.Union[str, AnyUUID]",
    execution_id: "t.Union[str, AnyUUID]",
    seconds: "t.Optional[float]" = None,
    on_status: "t.Callable[[JSONObject], t.Any]" = do_nothing,
) -> "JSONObject":
    """Wait until the status of an Execution is final, and return the Execution.

        seconds     limits the wait; None means no limit, even if the status is unknown; 0 means one poll, with its
                    retries. Only the Transport's timeout limits that poll: it raises TimedOut if the server does not
                    respond in time
        on_status   called as on_status(execution) after the first poll, and when the status or the number of succeeded
                    targets has changed

    The pauses between polls grow from 2 to 15 seconds. They are longer for a large Execution (the longer of five times
    the last poll, and a second for each MiB) and after a Retry-After, but at most a minute. After the first successful
    poll of this wait, every retryable failure is waited out, and reported to the Transport's on_retry.

    Raises WaitTimeout when this limit or one of the Transport's has passed, UsageError for seconds that are negative or
    exceed a day, and the errors of get_execution."""
    execution_id = parse_named_uuid(execution_id, "execution_id")
    if seconds is None or seconds == 0:
        return poll_until_final(transport, project, execution_id, seconds == 0, on_status)
    with transport.time_limit(seconds):
        return poll_until_final(transport, project, execution_id, False, on_status)


# -------------------------------------------------------------------------------------------------- Formats
#
# A format is a generator that yields what to print, text or bytes. It takes the elements to print, the object that
# contains them, and the console. Of the console, it uses only is_coloured, columns, recent_times, stdout_is_terminal
# and encode_for_stdout(). A format of `get` also takes report_error(text), which it calls for each output that cannot
# be shown.

COLOURS = {"succeeded": "32", "failed": "31", "timeout": "31", "cancelled": "33", "started": "36", "ack": "36"}
BOLD = "1"


def paint(text, code, console):
    """Return text in an SGR colour (ECMA-48, 8.3.117). Without a code or colours, return it unchanged."""
    return "\x1b[%sm%s\x1b[0m" % (code, text) if console.is_coloured and code else text


def paint_status(status, console):
    """Return a status, padded, then coloured: str.format would count the characters of the escape sequences."""
    return paint("%-9s" % escape_field(status), COLOURS.get(status), console)


# encode_compact(value) returns a JSON value as text on one line, in ASCII.
encode_compact = json.JSONEncoder(separators=(",", ":")).encode


def format_json(list_name, elements, whole, console, report_error=do_nothing):
    """Yield an object with these elements in its list: a line for each member, and one for each element of the list.

    This is also yaml: JSON is valid YAML 1.2."""
    separator = "{\n  "
    for name, value in whole.items():
        yield separator + encode_compact(name) + ": "
        separator = ",\n  "
        if name != list_name:
            yield encode_compact(value)
            continue

        # The list.
        begin = "[\n    "
        for element in elements:
            yield begin + encode_compact(element)
            begin = ",\n    "
        yield "\n  ]" if begin[0] == "," else "[]"
    yield "\n}\n"


def format_jsonl(elements, whole, console, report_error=do_nothing):
    """Yield one compact object on each line."""
    for element in elements:
        yield encode_compact(element) + "\n"


def format_ids(name, owner, elements, whole, console, report_error=do_nothing):
    """Yield a member of each element, one per line: the ids of Executions, or the node ids of targets.

    `owner` is what errors call an element."""
    for element in elements:
        yield escape_field(get_text(element, name, owner)) + "\n"


def find_recent_times(now):
    """Return (earliest, latest): a time is recent if it is later than the first, and not later than the second.

    As in `ls -l`, half a year counts as recent. So does a day in the future, because this host's clock may be slow."""
    from datetime import timedelta

    return to_utc_text(now - timedelta(days=180)), to_utc_text(now + timedelta(days=1))


def format_time(text, recent_times):
    """Return `2026-07-14T09:29:39Z` for `2026-07-14T11:29:39.5+02:00`. Text that is not such a time is unchanged."""
    moment = normalize_time(text or "")
    return moment[:19] + "Z" if moment else text


def format_short_time(text, recent_times):
    """Return `07-14T09:29` for a recent `2026-07-14T11:29:39.5+02:00`, and `2024-07-14` for a time that is not recent.

    Text that is not such a time is unchanged."""
    moment = normalize_time(text or "")
    if moment is None:
        return text
    earliest, latest = recent_times
    if earliest < moment <= latest:
        return moment[5:16]
    return moment[:10]


class Layout(namedtuple("Layout", "min_columns names row format_time")):
    """The layout of a table.

    min_columns     the narrowest terminal that it fits
    names           the names of all cells, including those that `row` leaves out
    row             the format of a row, whose widths are minimum widths
    format_time     the function that formats a time; it takes the time and Console.recent_times
    """


# fmt: off
EXECUTION_LAYOUTS = [
    Layout(130, "ID STATUS TYPE TARGETS CREATED_AT UPDATED_AT ACTION", "{:36}  {:9}  {:7}  {:7}  {:20}  {:20}  {}\n",
           format_time),
    Layout(104, "ID STATUS TYPE TARGETS CREATED UPDATED ACTION", "{0:36}  {1:9}  {3:7}  {4:11}  {5:11}  {6}\n",
           format_short_time),
    Layout(88, "ID STATUS TYPE TARGETS CREATED UPDATED ACTION", "{0:36} {1:9} {3:7} {4:11} {6}\n", format_short_time),
    Layout(0, "ID STATUS TYPE TARGETS CREATED UPDATED ACTION", "{0:36} {1:9} {4:11} {6}\n", format_short_time),
]
# In the recap of `get`, all columns are worth a second line for the action.
RECAP_LAYOUTS = EXECUTION_LAYOUTS[:2] + [
    Layout(0, "ID STATUS TYPE TARGETS CREATED UPDATED ACTION", "{0:36} {1:9} {3:7} {4:11} {5:11} {6}\n",
           format_short_time),
]
TARGET_LAYOUTS = [
    Layout(104, "NODE_ID STATUS UPDATED_AT OUTPUT", "{:36}  {:9}  {:20}  {}\n", format_time),
    Layout(0, "NODE_ID STATUS UPDATED OUTPUT", "{:36}  {:9}  {:11}  {}\n", format_short_time),
]
# fmt: on
ROW_MEMBERS = "id status type created_at updated_at action".split()


def choose_layout(layouts, console, is_wide):
    """Return the widest layout if `is_wide`, and otherwise the first one that fits the terminal."""
    return layouts[0] if is_wide else next(layout for layout in layouts if console.columns >= layout.min_columns)


def format_header(layout, console):
    """Return the header line of a table."""
    return paint(layout.row.format(*layout.names.split())[:-1], BOLD, console) + "\n"


def format_row(execution, layout, console):
    """Return the row of an Execution. Raises UnusableResponse for a member of the wrong type."""
    values = [execution.get(name) for name in ROW_MEMBERS]
    if not {str, type(None)}.issuperset(map(type, values)):
        for name in ROW_MEMBERS:
            check_type(execution.get(name), str, "%s: %s" % (name_execution(execution), name))
    execution_id, status, kind, created, updated, action = values
    targets = expect_objects(execution, "targets")
    cells = [
        execution_id,
        status,
        kind,
        describe_targets(targets),
        layout.format_time(created, console.recent_times),
        layout.format_time(updated, console.recent_times),
    ]
    # Look at all cells at once: few need escapes, and escaping each of them would make a listing a fifth slower.
    # An empty cell counts as a space, because escape_field turns it into `-`.
    row = "".join([cell or " " for cell in cells])
    if " " in row or not row.isprintable():
        cells = [escape_field(cell) for cell in cells]
    if console.is_coloured:
        cells[1] = paint_status(status, console)
    return layout.row.format(*cells, make_visible(action or "-"))


def format_table(executions, page, console, is_wide=False):
    """Yield a row for each Execution of a listing, and finally the cursor of the next page."""
    layout = choose_layout(EXECUTION_LAYOUTS, console, is_wide)
    header = format_header(layout, console)
    for execution in executions:
        yield header + format_row(execution, layout, console)
        header = ""  # it belongs above the first row
    cursor = page.get("next_cursor")
    yield header + ("next_cursor: %s\n" % make_visible(cursor) if cursor else "")


def read_target(target, report_error):
    """Return (node id, status, OutputRef) of a target. Reports an unreadable output. Raises UnusableResponse."""
    node_id = get_text(target, "node_id", "a target's ")
    status = get_text(target, "status", "target %s: " % escape_field(node_id))
    output = OutputRef.from_wire(target.get("output_ref"))
    if output.kind == "unreadable":
        report_error("the output of target %s is unreadable: %s" % (escape_field(node_id), output.fault))
    return node_id, status, output


def describe_output(output):
    """Return `N bytes`, `archived: BUCKET/KEY (sha256:DIGEST)`, `no output` or `unreadable`."""
    if output.kind == "archived":
        # A key must not imitate a digest.
        location = make_visible(output.location).replace(" (sha256:", "\\x20(sha256:")
        digest = " (sha256:%s)" % escape_field(output.sha256) if output.sha256 else ""
        return "archived: " + location + digest
    return {"inline": describe_count(len(output.data), "byte"), "none": "no output"}.get(output.kind, output.kind)


def describe_progress(execution):
    """Return the status and the number of succeeded targets: `started 2/5`. Raises UnusableResponse."""
    return "%s %s" % (escape_field(get_text(execution, "status")), describe_targets(execution["targets"]))


def format_recap(execution, console, is_wide=False):
    """Return the header and the table row of one Execution. They come last, where a terminal shows them."""
    layout = choose_layout(RECAP_LAYOUTS, console, is_wide)
    return format_header(layout, console) + format_row(execution, layout, console)


def format_sections(targets, execution, console, report_error):
    """Yield a section for each target, and then the recap.

    A section is the line `==> NODE_ID STATUS N bytes <==`, the N bytes, a line feed if they do not end with one, and an
    empty line. On a terminal, the bytes are made safe, and their lines are indented, so that none begins like a header,
    an error or a recap. (The continuation of a line that the terminal wraps may.)"""
    for target in targets:
        node_id, status, output = read_target(target, report_error)
        description = describe_output(output)
        if output.kind == "archived":
            body, description = description.encode("utf-8"), "archived"
        else:
            body = console.encode_for_stdout(output.data)
            if console.stdout_is_terminal:
                body = re.sub(b"(?m)^(?=.)", b"  ", body)  # empty lines stay empty
        if body and not body.endswith(b"\n"):
            body += b"\n"

        header = [
            paint("==> %s " % escape_field(node_id), BOLD, console),
            paint(escape_field(status), COLOURS.get(status, BOLD), console),
            paint(" %s <==" % description, BOLD, console),
        ]
        yield "".join(header).encode("utf-8") + b"\n" + body + b"\n"
    yield format_recap(execution, console)


def format_targets(targets, execution, console, report_error, is_wide=False):
    """Yield a row for each target, without its output, and then the recap."""
    layout = choose_layout(TARGET_LAYOUTS, console, is_wide)
    header = format_header(layout, console)
    for target in targets:
        node_id, status, output = read_target(target, report_error)
        updated = get_text(target, "updated_at", "target %s: " % escape_field(node_id))
        shown = layout.format_time(updated, console.recent_times)
        yield header + layout.row.format(
            escape_field(node_id), paint_status(status, console), escape_field(shown), describe_output(output)
        )
        header = ""
    yield header + "\n" + format_recap(execution, console, is_wide)


def read_inline(targets, console, report_error):
    """Yield (node id, bytes for stdout) of each target. Reports archived outputs as errors."""
    for target in targets:
        node_id, _, output = read_target(target, report_error)
        if output.kind == "archived":
            report_error("the output of target %s is %s" % (escape_field(node_id), describe_output(output)))
        yield node_id, console.encode_for_stdout(output.data)


def format_raw(targets, execution, console, report_error):
    """Yield the bytes of the inline outputs, one after the other, and nothing else."""
    for _, data in read_inline(targets, console, report_error):
        yield data


def format_lines(targets, execution, console, report_error):
    """Yield every line of every inline output, prefixed with its node id: `NODE_ID: LINE`."""
    for node_id, data in read_inline(targets, console, report_error):
        lines = data.split(b"\n")  # splitlines() would also split at CR
        if not lines[-1]:
            lines.pop()  # nothing follows the last line break
        prefix = escape_field(node_id).encode("utf-8") + b": "
        for line in lines:
            yield prefix + line + b"\n"


LIST_FORMATS: "t.Dict[str, t.Callable[..., t.Iterator[t.Any]]]" = {
    "text": format_table,
    "table": format_table,
    "wide": partial(format_table, is_wide=True),
    "id": partial(format_ids, "id", "an Execution's "),
    "json": partial(format_json, "items"),
    "yaml": partial(format_json, "items"),
    "jsonl": format_jsonl,
}
GET_FORMATS: "t.Dict[str, t.Callable[..., t.Iterator[t.Any]]]" = {
    "text": format_sections,
    "table": format_targets,
    "wide": partial(format_targets, is_wide=True),
    "id": partial(format_ids, "node_id", "a target's "),
    "lines": format_lines,
    "raw": format_raw,
    "json": partial(format_json, "targets"),
    "yaml": partial(format_json, "targets"),
    "jsonl": format_jsonl,
}


def make_folder(path):
    """Make the folder of --output-dir, or accept an empty one that only the user may write to. Return its path.

    Raises ExecLogError."""
    # Remove `/` and `/.` at the end, which would hide a symbolic link. (os.path.normpath would also remove `link/..`,
    # which is not always the folder that contains the link.)
    problem, folder = "", re.sub(r"(/\.?)+$", "", path) or "/"
    try:
        if not os.path.lexists(folder):
            os.mkdir(folder, 0o700)
        if os.path.islink(folder):
            problem = "it is a symbolic link"
        elif os.listdir(folder):
            problem = "it is not empty"
        else:
            problem = check_access(os.lstat(folder), 0o022)
    except (OSError, ValueError) as error:  # ValueError: the name contains a NUL
        problem = describe_error(error)
    if problem:
        raise ExecLogError(
            "the folder %s cannot be used: %s" % (path, problem), "name a new folder inside an existing one"
        )
    return folder


OUTPUT_KINDS = ("inline", "archived", "none", "unreadable", "unsaved")  # as the index names them


def write_new_file(path, data):
    """Write a file with mode 0600. It must not exist, even as a link. Raises ExecLogError, which names the file."""
    try:
        with open(path, "xb", opener=partial(os.open, mode=0o600)) as file:
            file.write(data)
    except OSError as error:
        raise ExecLogError("cannot write %s: %s" % (path, describe_error(error)))


def format_index_line(node_id, status, kind, output):
    """Return the line of a target in the index: NODE_ID, STATUS, kind, BYTES, SHA256, BUCKET/KEY, separated by tabs."""
    size, digest = "", output.sha256
    if kind == "inline":
        from hashlib import sha256

        size, digest = "%d" % len(output.data), sha256(output.data).hexdigest()
    fields = [escape_field(field) for field in (node_id, status, kind, size, digest)]
    return ("\t".join(fields + [make_visible(output.location or "-")]) + "\n").encode("utf-8")


def save_outputs(targets, folder, report_error):
    """Write each inline output to a file, NODE_ID.out, and the index of all targets to the file `targets`.

    Until everything is written, the index is called `targets.partial`. Return the kind of each target, as in the index.
    Raises ExecLogError for a file that cannot be written."""
    lines, files, kinds = [], {}, []
    seen = set()  # node ids in lower case, because some file systems ignore case
    for target in targets:
        node_id, status, output = read_target(target, report_error)
        kind, node = output.kind, (node_id or "").lower()
        if not node or find_uuid(node) != node or node in seen:  # only a UUID is a safe file name
            fault = "an earlier target has the same node id" if node in seen else "its node id is not a canonical UUID"
            report_error("target %s is not saved: %s" % (escape_field(node_id), fault))
            kind, output = "unsaved", OutputRef.from_wire(None)
        elif kind == "inline":
            files[node_id + ".out"] = output.data
        seen.add(node)
        kinds.append(kind)
        lines.append(format_index_line(node_id, status, kind, output))

    # Write the files.
    partial_index, index = os.path.join(folder, "targets.partial"), os.path.join(folder, "targets")
    write_new_file(partial_index, b"".join(lines))
    for name, data in files.items():
        write_new_file(os.path.join(folder, name), data)
    try:
        os.rename(partial_index, index)
    except OSError as error:
        raise ExecLogError("cannot write %s: %s" % (index, describe_error(error)))
    return kinds


# --------------------------------------------------------------------------------------------- Command line

EXIT_CODES = """exit codes:
  0    everything that was requested was written
  1    a failure not listed below (network, server, plain http that is refused),
         or a part of what was requested is missing
  2    usage: an unusable flag, URL, proxy or CA file; no Project, id or server
  3    no usable token, profile or config file; or the token was rejected (401)
  4    forbidden (403)
  5    get --exit-status: everything was written; the status is not succeeded
  77   forbidden: the token lacks a relation to the Project (rebac_denied)
  124  get --wait-timeout: the wait timed out before a final status was seen
  130  killed by Ctrl-C (SIGINT; the shell reports 130)
  141  the reader closed standard output (broken pipe)
"""
FORMAT_HELP = {
    "list": """formats of list:
  text    a table
  table   the same
  wide    a table with all columns, on every terminal
  id      the id of each Execution
  json    one object, which contains the outputs in base64
  yaml    the same (JSON is valid YAML)
  jsonl   an Execution on each line, as json
""",
    "get": """formats of get:
  text    the output of each target, below a header; then the Execution's row
  table   a row for each target, with the size of its output; then that row
  wide    the same with all columns, on every terminal
  id      the node id of each target
  lines   each line of the outputs after its node id
  raw     the outputs, one after the other (in a pipe, their exact bytes)
  json    one object, which contains the outputs in base64
  yaml    the same (JSON is valid YAML)
  jsonl   a target on each line, as json
""",
}
FORMAT_HELP[""] = FORMAT_HELP["list"] + "\n" + FORMAT_HELP["get"]
EXAMPLES = {
    "list": """  %(prog)s list --failed --updated-since 9:00
  %(prog)s list --action-name restart-nginx --last 1
""",
    "get": """  %(prog)s get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 -o table
  %(prog)s get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 --failed
""",
}
EXAMPLES[""] = EXAMPLES["list"] + EXAMPLES["get"]
STATUS_HELP = "\nStatuses: pending, ack, started; final: succeeded, failed, cancelled, timeout."
LIST_HELP = """
By default, list prints one page: the oldest 50 Executions that match. With
--all, --last, --since, --until, --updated-since, --node or several statuses, it
reads all pages; with --until, only those up to that time. If it fails partway
without --last, the last line on standard error gives a value with which to
resume, next_cursor for --cursor or next_since for --since. Times are in UTC,
unless they have an offset."""
DESCRIPTIONS = {
    "": "Show Executions (runs of actions), and what each target (machine) printed.\n" + STATUS_HELP + LIST_HELP,
    "list": "List the Executions (runs of actions) of a Project.\n" + STATUS_HELP + LIST_HELP,
    "get": "Show one Execution (run of an action), and what each target (machine) printed.\n" + STATUS_HELP,
}


def quote_value(value):
    """Return ` "VALUE"` for a message, or "" if the value is long or looks like a flag, because it may be a misplaced
    secret."""
    return ' "%s"' % value if len(value) <= 40 and not value.startswith("-") else ""


def suggest(word, known, prefix=""):
    """Return `; did you mean ...?` with the prefix and the nearest known word, or "" if none is near."""
    from difflib import get_close_matches

    return "".join("; did you mean %s%s?" % (prefix, near) for near in get_close_matches(word, known, 1, 0.75))


def suggest_status(word):
    """Return `; did you mean ...?` for an unknown status, or ""."""
    habits = {"running": "--running", "success": "succeeded"}
    habit = habits.get(word.lower())
    return "; did you mean %s?" % habit if habit else suggest(word.lower(), STATUSES)


def parse_nonempty(text):
    """Return the text. Raises UsageError if it is empty, as an unset shell variable is."""
    if not text:
        raise UsageError("expected a non-empty value")
    return text


def parse_limit(text):
    """Return a page size. Raises UsageError."""
    if not re.fullmatch("[0-9]{1,9}", text):
        raise UsageError("expected a whole number (0 means the server's default)")
    return int(text)


def parse_count(text):
    """Return a whole number of at least 1. Raises UsageError."""
    if not re.fullmatch("0*[1-9][0-9]{0,8}", text):
        raise UsageError("expected a whole number of at least 1")
    return int(text)


UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(text):
    """Return a duration such as `30`, `0.5`, `20s`, `5m`, `2h` or `1d` in seconds. Raises UsageError."""
    seconds = 0.0
    if re.fullmatch("[0-9]+[smhd]", text):
        seconds = float(text[:-1]) * UNIT_SECONDS[text[-1]]
    elif re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", text):
        seconds = float(text)
    if not 0 < seconds <= 86400:
        raise UsageError("expected a duration such as 30, 20s, 5m, 2h or 1d (more than 0 s, at most 1d)")
    return seconds


def is_duration(word):
    """Return whether a word is a duration, such as `5s`. A UUID of 32 decimal digits is not one."""
    try:
        parse_duration(word)
    except UsageError:
        return False
    return not find_uuid(word)


def parse_color(text):
    """Return the value of --color. Raises UsageError."""
    if text not in ("auto", "always", "never"):
        raise UsageError("expected auto, always or never")
    return text


def parse_statuses(text):
    """Return the statuses of `failed, TIMEOUT` as a list, known ones in lower case. Raises UsageError."""
    statuses = [part.strip() for part in text.split(",")]
    if not all(statuses):
        raise UsageError("expected one or more statuses, separated by commas")
    return [status.lower() if status.lower() in STATUSES else status for status in statuses]


def ran_on_any(nodes, execution):
    """Return whether an Execution ran on one of these nodes. Raises UnusableResponse."""
    return any(get_lower_node_id(target) in nodes for target in expect_objects(execution, "targets"))


def was_updated_since(moment, execution):
    """Return whether an Execution was updated at or after a time in the form of normalize_time.

    Raises UnusableResponse."""
    return read_time(execution, "updated_at") >= moment


class Flag(namedtuple("Flag", "command names list_help get_help metavar parse is_repeatable reads_all_pages keeps")):
    """A flag of the command line.

    command             the command that it belongs to, or "" for both
    names               such as ("-o", "--output")
    list_help           the help text for `list`; plain --help shows get_help, too, if that differs. "" hides the flag
    get_help            the help text for `get`
    metavar             the name of its value in --help; "" for a switch
    parse               the function that parses the value; None for a switch
    is_repeatable       whether its values accumulate, in a list; otherwise the last one wins
    reads_all_pages     whether it makes `list` read all pages
    keeps               None, or for a filter that the program applies, not the server: a function that returns, for
                        the flag's value and an Execution, whether the Execution is kept. Such a flag reads all pages
    """

    @property
    def attribute(self):
        """The name of its attribute in argparse's namespace."""
        return self.names[-1].strip("-").replace("-", "_")

    def convert(self, text):
        """Convert the text to the flag's value.

        Raises UsageError, which names the flag, and shows the text unless it may be a secret."""
        try:
            return self.parse(text)
        except UsageError as error:
            raise UsageError("%s%s: %s" % (self.names[-1], quote_value(text), error))


def make_flag(command, names, list_help, metavar="", parse=None, **facts):
    """Return a Flag. Its names are separated by spaces, and `facts` are the members that differ from the usual ones."""
    members = {"get_help": list_help, "is_repeatable": False, "reads_all_pages": "keeps" in facts, "keeps": None}
    members.update(facts)
    return Flag(command, tuple(names.split()), list_help, metavar=metavar, parse=parse, **members)


# fmt: off
FLAGS = [
    make_flag("", "--project", "the Project (default: from --profile, PLEXSPHERE_PROJECT or the default profile)",
              "UUID", parse_uuid),
    make_flag("", "--status", "only Executions with these statuses, e.g. failed,timeout (repeatable)", "STATUS",
              parse_statuses, get_help="only targets with these statuses (repeatable)", is_repeatable=True),
    make_flag("", "--failed", "short for --status failed,cancelled,timeout"),
    make_flag("", "--running", "short for --status pending,ack,started"),
    make_flag("", "--node", "only Executions that ran on this machine (repeatable; TARGETS still counts all)", "UUID",
              parse_uuid, get_help="only this target (repeatable)", is_repeatable=True, keeps=ran_on_any),
    make_flag("", "-o --output", "one of the formats below (default: text)", "FORMAT", str),
    make_flag("", "--server", "control plane (default: from --profile, PLEXSPHERE_URL or the default profile)", "URL",
              parse_nonempty),
    make_flag("", "--token-file", "file with the token (default: token from --profile, PLEXSPHERE_TOKEN or the default "
              "profile)", "FILE", parse_nonempty),
    make_flag("", "--profile", "profile in $XDG_CONFIG_HOME/plexctl/config.json, or else ~/.config/plexctl/config.json "
              "(default: its default profile)", "NAME",
              parse_nonempty),
    make_flag("", "--ca-file", "PEM file of the CAs to trust instead of the system's", "FILE", parse_nonempty),
    make_flag("", "--allow-http", "allow plain http to remote hosts (exposes the token)"),
    make_flag("", "--timeout", "limit for each network operation, e.g. 5m (default: 30s)", "TIME", parse_duration),
    make_flag("", "--color", "auto, always or never (default: auto)", "MODE", parse_color),
    make_flag("", "-v --verbose", "print request and response headers on standard error, without the token"),
    make_flag("", "-h --help", "print this help"),
    make_flag("", "--version", "print the version"),
    # Accepted and ignored, for scripts that were written for plexctl.
    make_flag("", "--yes", ""),
    make_flag("", "--reveal-secrets", ""),
    make_flag("list", "--action-name", "only Executions of this action (exact name)", "ACTION", parse_nonempty),
    make_flag("list", "--since", "only Executions created at or after WHEN: 2h (ago), 9:30, today or "
              "'2026-07-14 09:30' (UTC)", "WHEN", str, reads_all_pages=True),
    make_flag("list", "--until", "only Executions created before WHEN", "WHEN", str, reads_all_pages=True),
    make_flag("list", "--updated-since", "only Executions updated at or after WHEN; a finished one was updated last "
              "when it ended", "WHEN", str, keeps=was_updated_since),
    make_flag("list", "-n --last", "only the newest N, printed oldest first", "N", parse_count, reads_all_pages=True),
    make_flag("list", "--all", "read all pages", reads_all_pages=True),
    make_flag("list", "--limit", "Executions per page, at most 200 (default: 50; 200 if several pages are read)", "N",
              parse_limit),
    make_flag("list", "--cursor", "start at this cursor (the previous page's next_cursor)", "CURSOR", str),
    make_flag("get", "--id", "the Execution; `get UUID` is the same", "UUID", parse_uuid),
    make_flag("get", "--wait", "wait until the Execution has succeeded, failed, been cancelled or timed out"),
    make_flag("get", "--wait-timeout", "with --wait: give up after this long, and exit 124", "TIME", parse_duration),
    make_flag("get", "--exit-status", "exit 5 instead of 0 if the Execution has not succeeded"),
    make_flag("get", "--output-dir", "save outputs (not archived ones) and an index in a new folder", "FOLDER",
              parse_nonempty),
]
# fmt: on
FLAGS_BY_NAME = {name: flag for flag in FLAGS for name in flag.names}
COMMANDS = "list", "get"

# Flags and commands of other programs, and what to use here instead.
# fmt: off
HABITS = {
    "": {"token": "--token-file", "url": "--server", "host": "--server", "context": "--profile", "debug": "--verbose",
         "json": "-o json", "format": "--output", "machine": "--node", "target": "--node"},
    "list": {"from": "--since", "to": "--until", "after": "--since", "before": "--until",
             "tail": "--last", "lines": "--last",
             "watch": "get UUID --wait", "follow": "get UUID --wait",
             "w": "get UUID --wait", "f": "get UUID --wait"},
    "get": {"watch": "--wait", "follow": "--wait", "w": "--wait", "f": "--wait", "lines": "-o lines",
            "exit-code": "--exit-status"},
}
# fmt: on
WAIT_VALUE_ERROR = "--wait takes no value; did you mean --wait-timeout TIME?"
COMMAND_HABITS = {
    "ls": "list",
    "log": "get UUID",
    "logs": "get UUID",
    "show": "get UUID",
    "describe": "get UUID",
    "wait": "get UUID --wait",
    "watch": "get UUID --wait",
    "version": "--version",
}


def get_program_name():
    """Return the name under which the program was started, without its folder, for help and hints."""
    name = make_visible(os.path.basename("".join(sys.argv[:1]))) or "plexctl_exec_log.py"
    return "python3 " + name if name.endswith(".py") or name == "-" else name


def suggest_flag(word, command):
    """Return `; did you mean ...?` for the name of an unknown flag, without its dashes, or ""."""
    word = word.replace("_", "-").lower()
    habit = HABITS[command].get(word) or HABITS[""].get(word)
    if habit:
        return "; did you mean %s?" % habit
    known = [flag.names[-1].strip("-") for flag in FLAGS if flag.list_help]
    longer = [name for name in known if len(word) > 1 and name.startswith(word)]
    return suggest(longer[0] if longer else word, known, "--")


DASHES = "-\u2013\u2014\u2212"  # what wikis and editors make of a hyphen: an en dash, an em dash or a minus sign


def make_unknown_flag_error(word, words):
    """Return the UsageError for an unknown flag among these words. It shows a plain name, and never a value."""
    name = word.partition("=")[0]
    shown = "" if name.startswith("--") else " %s..." % name[:2]
    if re.fullmatch("--[A-Za-z_-]{1,40}|-[^-]", name):
        shown = " " + name
    command = next((word for word in words if word in COMMANDS), "")
    suggestion = suggest_flag(name.strip(DASHES), command)
    if name[:2] in FLAGS_BY_NAME and not suggestion:
        return UsageError("malformed or combined flags" + shown)
    return UsageError("unknown flag" + shown + suggestion)


def attach_values(argv):
    """Return a command line in which values are attached to flags: `-n5 -o json` becomes `--last=5 --output=json`.

    argparse cannot do it on all Pythons: it takes a value that begins with `-` for a flag, refuses `-n5` before 3.8 if
    abbreviations are off, and makes an empty list of `FLAG=--` before 3.12.2. Raises UsageError."""
    attached, words = [], list(argv)
    while words:
        word = words.pop(0)
        short = re.fullmatch("(-o|-n(?==?[0-9]))=?(.+)", word, re.DOTALL)
        if short:
            word = short.group(1)
            words.insert(0, short.group(2))
        name, equals, value = word.partition("=")
        flag = FLAGS_BY_NAME.get(name)
        if word == "--":
            raise UsageError('unexpected argument "--"', "leave it out")
        if flag is None and re.match("-[^-].", word, re.DOTALL):
            raise make_unknown_flag_error(word, argv)
        if flag is None:
            attached.append(word)
            continue

        # Take the value.
        if name == "--wait" and equals:
            raise UsageError(WAIT_VALUE_ERROR)
        if equals and not flag.metavar:
            raise UsageError("%s takes no value" % name)
        if flag.metavar and not equals:
            value = words.pop(0) if words and words[0].partition("=")[0] not in FLAGS_BY_NAME else "--"
        if value == "--":
            raise UsageError("%s needs a value" % name)
        attached.append("%s=%s" % (flag.names[-1], value) if flag.metavar else name)
    return attached


def refuse_unknown_flags(words):
    """Raise UsageError if one of the words that argparse left over begins like a flag."""
    for word in words:
        flag = FLAGS_BY_NAME.get(word.partition("=")[0])
        if flag:  # left over by the parser of the other command
            raise UsageError("%s works only with %s" % (flag.names[-1], flag.command))
        if word.startswith(tuple(DASHES)) and word != "-":
            raise make_unknown_flag_error(word, words)


def describe_place(word, argv):
    """Return where a superfluous word is in argv: ` after --status`, ` after the id`, ` after list`, or ""."""
    attached = attach_values(argv)
    position = max(number for number, other in enumerate(attached) if other == word)
    previous = attached[position - 1].partition("=")[0] if position else ""
    if find_uuid(previous):
        return " after the id"
    return " after " + previous if previous in FLAGS_BY_NAME or previous in COMMANDS else ""


def refuse_words(words, argv):
    """Raise UsageError if there are any words. They are not shown, because they may be secrets; their place is."""
    if words:
        place = describe_place(words[0], argv)
        raise UsageError("unexpected argument%s: put each value after its flag; quote values with spaces" % place)


class FlagParser(argparse.ArgumentParser):
    """A parser of flags that raises UsageError. (argparse would exit, and show values, which may be secrets.)"""

    color: bool  # whether Python 3.14 and later may colour the help

    def parse_known_args(self, args=None, namespace=None):
        """Return (namespace, the words that are left over). Raises UsageError for a flag without its value."""
        return super().parse_known_args(attach_values(sys.argv[1:] if args is None else args), namespace)

    def parse_args(self, args=None, namespace=None):
        """Return the namespace. Raises UsageError if a word is left over."""
        args = list(sys.argv[1:] if args is None else args)
        flags, words = self.parse_known_args(args, namespace)
        refuse_unknown_flags(words)
        refuse_words(words, args)
        return flags

    def error(self, message):
        """Raise UsageError, for an argument that a caller has added to the parser. Its name is shown, but no value."""
        name = message.partition(":")[0] if message.startswith("argument ") else "an argument"
        raise UsageError("%s is missing or malformed" % name)


def make_parser(command: str = "") -> argparse.ArgumentParser:
    """Return a new parser of all flags. With a command, it has only that command's flags and the common ones.

    It is for help pages and completion: it does not check whether flags fit together. To run a command line, pass the
    arguments to main().

    Its parse_known_args() returns positional arguments as unparsed words: `exec-log`, `list` or `get`, and an id. It
    raises UsageError, never SystemExit."""
    if command not in ("",) + COMMANDS:
        raise UsageError('command: expected "list", "get" or ""')
    # By default, HelpFormatter uses the terminal's width.
    formatter = partial(argparse.RawDescriptionHelpFormatter, width=80, max_help_position=26)
    usage = {"": "{list,get} [UUID]", "list": "list", "get": "get UUID"}[command]
    epilog = (
        FORMAT_HELP[command]
        + "\n"
        + EXIT_CODES
        + "\nexamples, with server, token and Project set:\n"
        + EXAMPLES[command]
    )
    parser = FlagParser(
        prog=get_program_name(),
        usage="%(prog)s [exec-log] " + usage + " [flags]",
        description=DESCRIPTIONS[command],
        epilog=epilog,
        add_help=False,
        allow_abbrev=False,
        formatter_class=formatter,
    )
    parser.color = False  # argparse looks at the process's stdout, not at --color and the stream that gets the help

    for group in ("",) + COMMANDS:
        if command and group not in ("", command):
            continue
        section = parser.add_argument_group("flags of " + group if group else "flags")
        for flag in FLAGS:
            if flag.command != group:
                continue
            text = flag.get_help if command == "get" else flag.list_help
            if not command and flag.get_help != flag.list_help:
                text = "%s; get: %s" % (flag.list_help, flag.get_help)
            options: "t.Dict[str, t.Any]" = {"help": text or argparse.SUPPRESS, "action": "store_true"}
            if flag.metavar:  # argparse does not catch a UsageError
                action = "append" if flag.is_repeatable else "store"
                options.update(metavar=flag.metavar, type=flag.convert, action=action)
            section.add_argument(*flag.names, **options)
    parser.set_defaults(output="text")
    return parser


def describe_unknown_command(word):
    """Return the message for a word that is not a command."""
    meant = "get UUID" if find_uuid(word) else COMMAND_HABITS.get(word)
    known = [name for name in COMMANDS + ("help", "exec-log") if name != word]  # `exec-log exec-log` is unknown, too
    suggestion = "; did you mean %s?" % meant if meant else suggest(word, known)
    return "unknown command" + quote_value(word) + (suggestion or "; expected list or get")


TIME_OF_DAY = "(?:[01]?[0-9]|2[0-3]):[0-5][0-9]"
# A time of RFC 3339, with or without a year, whole or cut off after the day, the hour or the minute. The groups are
# year, month, day, hour, minute, second, fraction, offset.
WHEN = (
    r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{1,2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"(Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)?)?"
)


def parse_time(text, now):
    """Return the time for `2026-07-14 09:30` or `07-14T11:30+0200`. Raises ValueError.

    A time without a year is of this year, or of last year if this year's is still to come."""
    from datetime import datetime, timezone

    match = re.fullmatch(WHEN, text)
    if not match:
        raise ValueError
    has_year = match.group(1) is not None
    *numbers, fraction, _ = match.groups("0")
    year, month, day, hour, minute, second = map(int, numbers)
    if not has_year:
        year = now.year
    moment = datetime(year, month, day, hour, minute, second, int(fraction.ljust(6, "0")[:6]), timezone.utc)
    moment -= parse_offset(match.group(8) or "Z")
    return moment if has_year or moment <= now else moment.replace(year=now.year - 1)


def parse_when(text, now, after=None):
    """Return the aware datetime for a WHEN. Raises ValueError or OverflowError.

    A time of day, such as `9:30`, is the first one after `after`; if that is None, the most recent one."""
    from datetime import timedelta

    age = re.fullmatch("-?([0-9]{1,9})([smhdw])", text)
    if age:
        return now - timedelta(seconds=int(age.group(1)) * UNIT_SECONDS[age.group(2)])
    if text in ("today", "yesterday"):
        return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=text == "yesterday")
    if re.fullmatch(TIME_OF_DAY, text):
        start = after or now - timedelta(days=1)
        hour, minute = map(int, text.split(":"))
        moment = start.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return moment if moment > start else moment + timedelta(days=1)
    return parse_time(text, now)


def get_time():
    """Return the present time as an aware datetime in UTC."""
    from datetime import datetime, timezone

    return datetime.fromtimestamp(time.time(), timezone.utc)


def resolve_when(flag, text, now, after=None):
    """Return the aware datetime for the value of this flag, or None for None. Raises UsageError.

    A time of day is the first one after `after`; if that is None, the most recent one."""
    if text is None:
        return None
    try:
        return parse_when(text.strip(), now, after)
    except (ValueError, OverflowError):
        raise UsageError(
            "%s%s: expected an age like 90s, 30m, 2h, 7d or 2w, a time of day like 9:30, today, yesterday, or a time "
            "like 2026-07-14, '2026-07-14 09:30' or 07-14T09:30 (in UTC, unless it has an offset)"
            % (flag, quote_value(text.strip()))
        )


def resolve_times(since_text, until_text, now):
    """Return the aware datetimes for the values of --since and --until. None stays None. Raises UsageError."""
    since = resolve_when("--since", since_text, now)
    until = resolve_when("--until", until_text, now, after=since)
    if since and until and until < since:
        raise UsageError("--until: must not be before --since")
    return since, until


def describe_times(resolved, now):
    """Return the hint that gives times in full, or "" if they were typed in full.

    `resolved` contains (name, text, aware datetime) for each flag. Text and datetime may be None."""
    meant = [
        "%s %sZ" % (name, moment.isoformat()[:19])
        for name, text, moment in resolved
        if moment is not None and not RFC3339_TIME.fullmatch(text.strip())
    ]
    return "%s (now: %sZ)" % (", ".join(meant), now.isoformat()[:19]) if meant else ""


def select_statuses(flags):
    """Return the statuses of --status, --running and --failed, without duplicates. An empty list selects all.

    Raises UsageError for an unknown status. A single unknown status for `list` is left to the server."""
    groups = (RUNNING_STATUSES if flags.running else ()) + (FAILED_STATUSES if flags.failed else ())
    selected = list(dict.fromkeys(chain(*flags.status or [], groups)))
    for status in selected:
        if status not in STATUSES and (flags.command == "get" or len(selected) > 1):
            raise UsageError("--status%s: unknown status%s" % (quote_value(status), suggest_status(status)))
    return selected


def read_positionals(flags, words):
    """Return the id of the Execution from --id or these words, or None. Raises UsageError for any other word."""
    execution_id = flags.id
    if flags.wait and any(is_duration(word) for word in words):
        raise UsageError(WAIT_VALUE_ERROR)
    if words and flags.command == "get" and execution_id is None:
        if not words[0]:
            raise UsageError(
                "get: the id is empty", "the command inside $(...) may have found nothing: run it by itself"
            )
        execution_id = find_uuid(words[0])
        if not execution_id:
            raise UsageError("get%s: expected a UUID" % quote_value(words[0]))
        words = words[1:]
    if words and find_uuid(words[0]):
        raise UsageError(
            "list takes no id; did you mean get UUID?"
            if flags.command == "list"
            else "get takes one id; for several, use xargs -n1"
        )
    refuse_words(words, flags.argv)
    return execution_id


def check_flags(flags):
    """Check that `get` has an id, and that the flags fit together. Raises UsageError."""
    for flag in FLAGS:
        value = getattr(flags, flag.attribute)
        if flag.command not in ("", flags.command) and value is not None and value is not False:
            raise UsageError("%s works only with %s" % (flag.names[-1], flag.command))
    formats = LIST_FORMATS if flags.command == "list" else GET_FORMATS
    if flags.output not in formats:
        raise UsageError(
            "--output%s: expected %s%s"
            % (quote_value(flags.output), ", ".join(formats), suggest(flags.output, formats))
        )
    if flags.command == "get" and not flags.execution_id:
        raise UsageError("no Execution id", "pass one: get UUID")
    if flags.wait_timeout and not flags.wait:
        raise UsageError("--wait-timeout works only with --wait")
    if flags.output_dir and flags.output != "text":
        raise UsageError("--output-dir works only with --output text")


def read_command_line(argv):
    """Return (flags, words): the flags, not yet checked together, and the words after the command.

    `flags.command` is the command, or "" if there is none, and `flags.argv` the command line. Raises UsageError."""
    flags, words = make_parser().parse_known_args(argv)
    refuse_unknown_flags(words)
    if words[:1] == ["exec-log"]:
        words = words[1:]
    if words[:1] == ["help"]:
        flags.help, words = True, words[1:]
    flags.command, flags.argv = "", argv
    if words and words[0] in COMMANDS:
        flags.command, words = words[0], words[1:]
    return flags, words


def parse_arguments(flags, words, now):
    """Convert and check what read_command_line returned, and return the flags. Raises UsageError.

    The result has `execution_id` (from --id or the word), `statuses` (from --status, --running and --failed), `since`
    and `until` (aware datetimes or None), `updated_since` (in the form of normalize_time, or None), and `time_hint`
    (the hint that gives these times in full, or "")."""
    if not flags.command:
        raise UsageError(describe_unknown_command(words[0]) if words else "expected a command: list or get")
    flags.execution_id = read_positionals(flags, words)
    check_flags(flags)
    flags.statuses = select_statuses(flags)
    if flags.cursor and len(flags.statuses) > 1:
        raise UsageError("--cursor works with at most one status")

    since, until = resolve_times(flags.since, flags.until, now)
    updated_since = resolve_when("--updated-since", flags.updated_since, now)
    resolved = [
        ("created since", flags.since, since),
        ("created before", flags.until, until),
        ("updated since", flags.updated_since, updated_since),
    ]
    flags.time_hint = describe_times(resolved, now)
    flags.since, flags.until, flags.updated_since = since, until, to_utc_text(updated_since)
    del flags.id, flags.status, flags.running, flags.failed
    return flags


def find_project(project, profile):
    """Return the UUID of the Project. `project` is the value of --project, or None, and `profile` is a Profile.

    Raises CredentialsError for an unusable config file, and UsageError for a missing or malformed Project."""
    variable = "PLEXSPHERE_PROJECT", os.environ.get("PLEXSPHERE_PROJECT")
    value, name = choose_setting(("--project", project), variable, profile, "project")
    if value is None:
        hint = "pass --project UUID, set PLEXSPHERE_PROJECT, or use a profile with a project; "
        raise UsageError("no Project", hint + profile.describe_missing())
    source = name or "project of " + profile.title
    return parse_named_uuid(check_type(value, str, source, CredentialsError), source)


# What a stream may raise, apart from OSError: AttributeError if it is None, ValueError if it is closed, TypeError if it
# does not accept bytes (or text), LookupError if its encoding is unknown.
STREAM_ERRORS = (OSError, ValueError, TypeError, AttributeError, LookupError)


def is_terminal(stream):
    """Return whether a stream is a terminal."""
    try:
        return bool(stream.isatty())
    except STREAM_ERRORS:
        return False


def is_same_file(first, second):
    """Return whether two streams write to the same file or pipe. Always False on Windows."""
    try:
        return not WINDOWS and os.path.samestat(os.fstat(first.fileno()), os.fstat(second.fileno()))
    except STREAM_ERRORS:
        return False


def get_width(stream):
    """Return the width of a terminal in columns, or 0 if it does not report its width."""
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except STREAM_ERRORS:
        return 0


class Console:
    """The standard streams of one run.

    Data for stdout is collected. It is written once 64 KiB have accumulated, before a message or a network operation,
    and at the end. stderr gets printable lines with secrets masked; errors writing to stderr are ignored.

        stdout_is_terminal, stderr_is_terminal      whether each stream is a terminal
        columns         the width for tables; enough for the widest if stdout is not a terminal or reports no width
        is_coloured     whether tables and sections get colours
        recent_times    what find_recent_times returns; narrow tables show other times as dates
        progress        the function that returns the progress line, or None if no such line is shown
    """

    def __init__(self, stdout, stderr):
        try:
            stdout.flush()  # what the caller printed before
        except STREAM_ERRORS:
            pass
        self._out = getattr(stdout, "buffer", stdout)  # a binary stream; a raw one with PYTHONUNBUFFERED
        self._err = stderr  # a text stream
        self.stdout_is_terminal = is_terminal(stdout)
        self.stderr_is_terminal = is_terminal(stderr)
        self._shares_lines = (self.stdout_is_terminal and self.stderr_is_terminal) or is_same_file(self._out, stderr)
        self.columns = self.stdout_is_terminal and get_width(stdout) or EXECUTION_LAYOUTS[0].min_columns
        self.is_coloured = False
        self.recent_times = "", ""
        self.progress = None
        self._begin = time.monotonic()
        self._pending = []  # bytes for stdout
        self._pending_size = 0  # their number
        self._is_mid_line = False  # whether stdout is in the middle of a line
        self._progress_text = ""  # the progress line that is on the terminal
        self._secrets = []

    def encode_for_stdout(self, data):
        """Return the bytes of an output, made safe if stdout is a terminal."""
        return make_terminal_safe(data) if self.stdout_is_terminal else data

    def add_secrets(self, *secrets):
        """Mask these strings from now on."""
        self._secrets += secrets

    def write(self, chunk):
        """Write text or bytes to stdout, at the latest when flush() is called. Raises the errors of flush()."""
        data = chunk.encode("utf-8") if isinstance(chunk, str) else chunk
        self._pending.append(data)
        self._pending_size += len(data)
        if self._pending_size >= 65536:
            self.flush()

    def flush(self):
        """Write what was collected for stdout.

        Raises ReaderGone if the reader has closed stdout, and ExecLogError for any other failure, including a missing
        stdout."""
        data, self._pending, self._pending_size = b"".join(self._pending), [], 0  # a failed write is not repeated
        if self._out is None:
            raise ExecLogError("standard output is closed")
        if not data:
            return
        self.show_progress("")
        try:
            self._write_all(data)
        except STREAM_ERRORS as error:
            message = "cannot write to standard output: %s" % describe_error(error)
            # Windows reports EINVAL (22) for a pipe without a reader.
            if isinstance(error, BrokenPipeError) or WINDOWS and getattr(error, "errno", 0) == 22:
                raise ReaderGone(message)
            raise ExecLogError(message)
        self._is_mid_line = data[-1:] != b"\n"

    def _write_all(self, data):
        """Write all of the data. A raw stream may write only a part of it, or nothing, which it reports as None."""
        is_raw = isinstance(self._out, io.RawIOBase)
        left = memoryview(data)
        while left:
            size = self._out.write(left)
            if size is None and not is_raw:
                break  # a caller's stream whose write() returns None
            if not size:
                raise OSError("it is not ready (non-blocking)")
            left = left[size:]
        self._out.flush()

    def redact(self, text):
        """Mask the secrets in text, then escape its unprintable characters.

        Mask first: escaping or cutting the text could split a secret, which would then not be found. Callers cut only
        the result."""
        return make_visible(mask(text, self._secrets))

    def write_line(self, text, limit=4000):
        """Write one line to stderr, cut after `limit` characters (None: uncut).

        It begins with a line break if stdout goes to the same place and is in the middle of a line."""
        self.show_progress("")
        begin = "\n" if self._is_mid_line and self._shares_lines else ""
        self._is_mid_line = False
        self._write_error(begin + self.redact(text)[:limit] + "\n")

    def report(self, label, text):
        """Write what was collected for stdout, and then the line `LABEL: TEXT` to stderr."""
        self.flush()
        self.write_line("%s: %s" % (label, text))

    def hint(self, text):
        """Write a hint to stderr, if that is a terminal."""
        if self.stderr_is_terminal:
            self.report("hint", text)

    def show_progress(self, text):
        """Replace the progress line; "" removes it. A line that the terminal wraps could not be removed, so cut it."""
        if not text and not self._progress_text:
            return
        text = self.redact(text)[: (get_width(self._err) or 80) - 1]
        if text != self._progress_text:
            self._write_error("\r%s\r%s" % (" " * len(self._progress_text), text))
            self._progress_text = text

    def _write_error(self, text):
        try:
            encoding = getattr(self._err, "encoding", None) or "utf-8"
            self._err.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._err.flush()
        except STREAM_ERRORS:
            pass

    def can_show_progress(self, is_quiet):
        """Return whether a progress line can be shown without mixing with other output.

        stderr      must be a terminal with this process in its foreground
        stdout      must be a file, or a terminal that gets nothing meanwhile (`is_quiet`); not a pipe, whose
                    reader might write to the same terminal
        """
        if not self.stderr_is_terminal:
            return False
        try:
            is_file = stat.S_ISREG(os.fstat(self._out.fileno()).st_mode)
            is_foreground = not hasattr(os, "tcgetpgrp") or os.tcgetpgrp(self._err.fileno()) == os.getpgrp()
        except STREAM_ERRORS:
            return False
        return is_foreground and (is_file or (self.stdout_is_terminal and is_quiet))

    def on_progress(self):
        """Write what was collected, and show the progress line, except during the first second."""
        self.flush()
        if self.progress and time.monotonic() - self._begin >= 1:
            self.show_progress(self.progress())


def print_chunks(chunks, console):
    """Print what a format yields. What it yields before an expected failure is printed, too."""
    try:
        for chunk in chunks:
            console.write(chunk)
    except ExecLogError:
        console.flush()
        raise
    console.flush()


def report_failure(console, error, hint="", last_line=""):
    """Report an expected failure, a hint (default: the error's own), and `last_line` uncut. Return the exit code."""
    if isinstance(error, ReaderGone):
        return error.exit_code
    console.write_line("error: %s" % error)
    hint = hint or error.hint or ("see --help" if isinstance(error, UsageError) else "")
    if hint:
        console.write_line("hint: " + hint)
    if last_line:
        console.write_line(last_line, limit=None)
    return error.exit_code


def explain_failure(error, flags, is_walk):
    """Return a better hint for a failed listing, or "" if the error's own is right."""
    if isinstance(error, ResponseTooLarge) and not is_walk and flags.limit != 1:
        return "use a smaller --limit"
    code = error.problem.get("code") if isinstance(error, APIError) and error.status == 400 else ""
    if code == "invalid_status" and len(flags.statuses) == 1:
        return error.hint + suggest_status(flags.statuses[0])
    return ""


def describe_resumption(error, flags, listing):
    """Return the last line on stderr after a failed listing: where to resume. Return "" if that would fail again."""
    if flags.last or isinstance(error, UnusableResponse) or getattr(error, "status", 0) == 400:
        return ""
    if listing is not None and len(flags.statuses) > 1:
        return "next_since: %sZ" % listing.next_since.isoformat()[:19] if listing.next_since else ""
    cursor = flags.cursor if listing is None else listing.next_cursor
    return "next_cursor: " + cursor if cursor else ""


def filter_executions(executions, flags):
    """Return an iterator of the Executions that every filter of this program (not of the server) keeps.

    The iterator may raise UnusableResponse."""
    for flag in FLAGS:
        value = flag.keeps and getattr(flags, flag.attribute)
        if value:
            executions = filter(partial(flag.keeps, value), executions)
    return iter(executions)


def describe_no_match(flags):
    """Return the hint for a listing that has found nothing."""
    hint = "no more Executions match" if flags.cursor else "no Execution matches"
    if (flags.since or flags.until) and not flags.updated_since:
        hint += " (--since and --until compare the time of creation; --updated-since compares the last change)"
    return hint


def make_listing(flags, transport):
    """Return the Listing that the flags describe, or None if they describe one page. Raises UsageError."""
    walks = any(flag.reads_all_pages and getattr(flags, flag.attribute) for flag in FLAGS)
    if not walks and len(flags.statuses) < 2:
        return None
    return Listing(
        transport,
        flags.project,
        statuses=flags.statuses,
        action_name=flags.action_name,
        since=flags.since,
        until=flags.until,
        cursor=flags.cursor,
        limit=200 if flags.limit is None else flags.limit,
    )


def run_list(flags, console, transport):
    """Run the command `list` and return its exit code."""
    if flags.time_hint:
        console.hint(flags.time_hint)
    listing = make_listing(flags, transport)
    begins_late = flags.last is not None or len(flags.statuses) > 1  # whether pages are read before the first row
    if listing is not None and console.can_show_progress(is_quiet=begins_late):
        console.progress = lambda: "%s, %s" % (
            describe_count(listing.page_count, "page"),
            describe_count(listing.count, "Execution"),
        )
    try:
        # Choose: one page as the server sends it, or all pages.
        if listing is None:
            page = get_page(
                transport,
                flags.project,
                {
                    "status": flags.statuses[0] if flags.statuses else None,
                    "action_name": flags.action_name,
                    "limit": flags.limit,
                    "cursor": flags.cursor,
                },
            )
            executions = iter(page["items"])
        else:
            page, executions = {"items": []}, filter_executions(listing, flags)
            if flags.last:
                executions = iter(select_last(executions, flags.last))

        # Print.
        first = next(executions, None)
        if console.stdout_is_terminal:
            console.progress = None
        matching = () if first is None else chain([first], executions)
        print_chunks(LIST_FORMATS[flags.output](matching, page, console), console)
    except RemoteError as error:
        return report_failure(
            console,
            error,
            explain_failure(error, flags, listing is not None),
            describe_resumption(error, flags, listing),
        )

    # Say how to continue.
    cursor = page.get("next_cursor")
    if cursor:
        console.hint("more Executions follow (the oldest come first): use --last N, --since WHEN or --all")
    elif first is None:
        console.hint(describe_no_match(flags))
    if flags.output in ("id", "jsonl") and cursor:
        console.write_line("next_cursor: " + cursor, limit=None)
    return 0


def request_execution(flags, console, transport):
    """Return the Execution; with --wait, when its status is final."""
    has_progress_line = console.can_show_progress(is_quiet=True)
    if not flags.wait:
        if has_progress_line:
            console.progress = lambda: "%.1f MiB" % (transport.received / (1 << 20))
        return get_execution(transport, flags.project, flags.execution_id)

    def show_status(execution):
        text = "status: " + describe_progress(execution)
        if has_progress_line:
            console.progress = lambda: text
            console.show_progress(text)
        else:
            console.write_line(text)

    if flags.timeout and not flags.wait_timeout:
        console.hint("--timeout limits each network operation; to limit the wait, use --wait-timeout")
    return wait_for_execution(transport, flags.project, flags.execution_id, flags.wait_timeout, show_status)


def select_targets(targets, nodes, statuses):
    """Return the targets that match, and the nodes that are missing. Empty nodes or statuses match all targets."""
    selected = [
        target
        for target in targets
        if (not nodes or get_lower_node_id(target) in nodes) and (not statuses or target.get("status") in statuses)
    ]
    found = set(map(get_lower_node_id, targets))
    return selected, [node for node in nodes if node not in found]


def run_get(flags, console, transport):
    """Run the command `get` and return its exit code."""
    folder = flags.output_dir and make_folder(flags.output_dir)  # before any waiting
    execution = request_execution(flags, console, transport)
    console.progress = None
    targets, missing = select_targets(execution["targets"], dict.fromkeys(flags.node or ()), flags.statuses)
    errors = []

    def report_error(text):
        errors.append(text)
        console.report("error", text)

    # Print or save.
    kinds = []
    if folder:
        kinds = save_outputs(targets, folder, report_error)
        print_chunks([format_recap(execution, console)], console)
    else:
        print_chunks(GET_FORMATS[flags.output](targets, execution, console, report_error), console)

    # Report what is missing.
    for node in missing:
        report_error("node %s is not a target of Execution %s" % (node, flags.execution_id))
    if not targets and not missing and (flags.node or flags.statuses):
        console.hint("no target matches")
    if not {"inline", "none"}.issuperset(kinds):
        counts = ["%d %s" % (kinds.count(kind), kind) for kind in OUTPUT_KINDS if kind in kinds]
        console.write_line("%s: %s" % (folder, ", ".join(counts)))
    status = execution.get("status")
    if isinstance(status, str) and status and status not in FINAL_STATUSES:
        progress = describe_progress(execution)
        if folder or flags.output in ("raw", "lines"):  # a script does not see the status otherwise
            console.write_line("status: " + progress)
        else:
            console.hint("the Execution has not finished: " + progress)
    if errors:
        return 1
    return 5 if flags.exit_status and status != "succeeded" else 0


def run(argv, console, sleep):
    """Run a command line and return its exit code. Raises ExecLogError."""
    flags, words = read_command_line(argv)
    if flags.help or flags.version:
        console.write(make_parser(flags.command).format_help() if flags.help else "version=%s\n" % __version__)
        console.flush()
        return 0
    now = get_time()
    flags = parse_arguments(flags, words, now)

    console.recent_times = find_recent_times(now)
    has_no_colour = WINDOWS or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    console.is_coloured = flags.color == "always" or (
        flags.color != "never" and console.stdout_is_terminal and not has_no_colour
    )
    profile = Profile(flags.profile)
    flags.project = find_project(flags.project, profile)
    server, token, token_source = find_settings(flags.server, profile, flags.token_file)
    with Transport(
        server,
        token,
        proxy=find_proxy(server),
        ca_file=flags.ca_file,
        timeout=flags.timeout or DEFAULT_TIMEOUT,
        allow_http=flags.allow_http,
        on_retry=lambda text: console.report("retry", text),
        on_progress=console.on_progress,
        trace=console.write_line if flags.verbose else do_nothing,
        sleep=sleep,
    ) as transport:
        transport.token_source = token_source
        # This variable may contain the token that is sent, and must be masked before it.
        transport.secrets.append(os.environ.get("PLEXSPHERE_TOKEN", "").strip())
        console.add_secrets(*transport.secrets)
        return (run_list if flags.command == "list" else run_get)(flags, console, transport)


def main(
    argv: "t.Optional[t.List[str]]" = None,
    stdout: "t.Optional[t.BinaryIO]" = None,
    stderr: "t.Optional[t.TextIO]" = None,
    sleep: "t.Callable[[float], t.Any]" = time.sleep,
) -> int:
    """Run a command line and return its exit code. This never ends the process.

        argv        the arguments, without the program's name; the default is sys.argv[1:]
        stdout      a binary stream with write() and flush(), such as io.BytesIO(); the default is sys.stdout.buffer
        stderr      a text stream; the default is sys.stderr
        sleep       a replacement for time.sleep, for tests

    It changes no process-wide state, so several threads may call it. Expected failures are reported on stderr.
    KeyboardInterrupt and exceptions of your own propagate. Anything else is a bug, whose traceback is not masked."""
    console = Console(sys.stdout if stdout is None else stdout, sys.stderr if stderr is None else stderr)
    console.add_secrets(os.environ.get("PLEXSPHERE_TOKEN", "").strip())

    try:
        return run(sys.argv[1:] if argv is None else argv, console, sleep)
    except ExecLogError as error:
        return report_failure(console, error)
    except MemoryError:
        console.write_line("error: out of memory")
        return 1
    except RecursionError:
        console.write_line("error: the response is nested too deeply to be printed")
        return 1
    finally:
        console.progress = None
        console.show_progress("")


def run_as_script() -> None:
    """Run the process's own command line, and exit. This is the entry point of the installed plexctl-exec-log."""
    restore_sigint()
    exit_code = main()
    # main has flushed both streams, and closed all files. A normal exit would flush the streams again and, if the disk
    # is full, report the same failure a second time.
    os._exit(exit_code)


if __name__ == "__main__":
    run_as_script()
