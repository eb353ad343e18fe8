#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# /// script
# requires-python = ">=3.6"
# dependencies = []
# ///
# mypy: allow-untyped-defs, allow-untyped-calls, no-check-untyped-defs, no-warn-return-any
"""plexctl exec-log: show what the actions of a plexsphere control plane did, and what each machine printed.

    plexctl_exec_log.py [exec-log] list --project UUID [flags]
    plexctl_exec_log.py [exec-log] get UUID --project UUID [flags]

An Execution is one run of an action. Its targets are the machines that the action ran on. This is a single file for
Python 3.6 or later. It needs only the standard library, and it never changes anything on the server. It has nine
sections. Each section uses only its own definitions and those of the sections above it.

    Safe text     escape control characters, and lines that imitate a section header
    Errors        one family of expected failures, each with its exit code
    Settings      find server, token and proxy in flags, environment and config file
    Transport     send GET requests: reuse connections, retry, enforce deadlines; turn non-200 responses into errors
    JSON text     decode JSON while its bytes are still arriving
    Wire model    read and check the objects that the server sends
    Operations    request one page, all pages or one Execution; wait until its status is final
    Formats       print a response as a table, sections, lines, raw bytes or json; save outputs in a folder
    Command line  parse flags, manage the standard streams, run

Programs can import it. The public names are listed in __all__. This example prints the output of each target of the
failed Executions:

    try:
        project = "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13"
        with Transport.from_settings() as transport:
            for page in walk(transport, project, {"status": "failed"}):
                # Read the whole page first: a server may close a response that stays half-read for too long.
                for execution in list(page.elements):
                    with get_execution(transport, project, str(execution.get("id"))) as document:
                        for target in document.elements:
                            output = OutputRef.from_wire(target.get("output_ref"))
                            text = output.fault or output.location or output.data.decode("utf-8", "replace")
                            print(make_visible("%s %s %s" % (target.get("node_id"), target.get("status"), text)))
    except ExecLogError as error:
        print("the report is incomplete:", make_visible(str(error)))

What it touches, and what it trusts
-----------------------------------
Connections: it connects to the server that --server, PLEXSPHERE_URL or the profile gives. If the environment names a
proxy for that server, and the server is not this host, it connects to the proxy instead. It sends only `GET`, plus
`CONNECT host:port` when it reaches an https server through a proxy. Certificates are verified against the system's CAs,
or with --ca-file only against the CAs in that file. The system's resolver looks up names.

The token is sent in one header, and only to that server. Redirects are refused, and CONNECT does not contain the token.
If a profile names a server, the profile's token is sent only to that server. Any other token is sent to the server that
was found. (So if the profile of --profile names a server but has no token, PLEXSPHERE_TOKEN is sent to that server.)

Plain http is refused, with two exceptions: the server is this host (a loopback or unspecified address, or `localhost`),
or --allow-http is given. With plain http, the network, a proxy, and whatever program listens at that address can read
the token.

Time: --timeout limits each network operation on its own: each connect, each TLS handshake, each read and each write.
Nothing limits the whole run, not even --wait-timeout. Use GNU `timeout 300` to limit it. These can stall the program:

    - a server or a proxy that sends its headers or its body byte by byte, and a body that never ends
    - endless interim responses or trailers, and, before Python 3.12, endless headers from a proxy
    - hundreds of KiB of headers, which `email` may take minutes to parse
    - a JSON value of tens of MiB, which json may take more than a minute to decode
    - a slow resolver, and a pipe whose other end does nothing

Files: it reads the token file and the config file, and checks the owner and the mode of both. For a pipe, such as the
shell's `<(...)`, it checks only the owner. On Windows it checks neither owner nor mode. It reads the --ca-file file.
It writes files only in the --output-dir folder. Python and the C library also read files of their own (modules, CAs,
openssl.cnf, resolver, locale), and Python writes .pyc files. If SSLKEYLOGFILE is set, Python 3.8 or later writes the
TLS keys to that file: anyone who can read the file and has recorded the traffic can read the token.

Environment: it reads PLEXSPHERE_URL, PLEXSPHERE_TOKEN, PLEXSPHERE_PROJECT, XDG_CONFIG_HOME, HOME (on Windows
USERPROFILE), NO_COLOR and TERM. For proxies it reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY (in upper or lower case), and
REQUEST_METHOD. Python and its libraries read others, for example PYTHON*, LD_*, SSL_CERT_*, SSLKEYLOGFILE, OPENSSL_*,
LANG and LC_*. Some of these can make Python load code. Use `env -i` if someone else may have set them.

It starts no processes, evaluates nothing that it reads, and never fetches an archived output. Started by its path, it
imports nothing from its own folder. (With `python3 -m`, Python itself imports modules from the current folder.)

On stderr it replaces these secrets with `***` where they appear verbatim, if they have at least 8 characters:

    PLEXSPHERE_TOKEN                                            from the start
    the token, a proxy's password, a proxy's Basic credentials  once it has read all settings

It masks nothing on stdout. In the messages of exceptions it masks secrets only within the target of a redirect.

It does not trust the server, nor the machines whose output the server relays. On a terminal it makes outputs safe, in
every format: it removes CSI sequences (most colours and cursor movements), and escapes everything else that is not
printable. (It assumes that the terminal uses UTF-8.) In all other text, such as names, ids and error texts, it always
escapes unprintable characters; json, yaml and jsonl escape only control characters and the characters in JSON_ESCAPED.
Printable characters are left as they are, even if they look like other characters or like spaces. The exceptions are:

    a space becomes `\\x20`    in tables, section headers, the index, the line prefixes of the format `lines`, node ids
                              in messages, and `status:` lines. But the spaces of ACTION are kept, and so are those
                              inside BUCKET/KEY. (Outside the index, the space of ` (sha256:` in a KEY is escaped,
                              because it would look like the start of a digest)
    a `=` becomes `\\x3d`      in an output on a terminal, where the `=` would begin a section header

Nothing is escaped for a shell. Before you paste a cursor, an id or a key into a POSIX shell, put it in single quotes,
and make sure that it contains none.

**A pipe gets the bytes of outputs unescaped.** So `get ... | cat`, `get ... | less -r`, and `ssh host
plexctl_exec_log.py get ...` without `ssh -t` send them to your terminal as they are. (`less -R` stops cursor movements,
but lets colours, links and imitated section headers through.) `--output json` and `ssh -t` avoid that.

If the terminal wraps a long line, the wrapped part may imitate another line: a section header, a row of a table, or, in
the format `lines`, a line of another node.

Size: a JSON value may have at most about 80 Mi characters. An error body larger than 64 KiB is ignored. There is no
limit on the number of values, on disk use, or on total memory. Decoded objects take up to 100 times the memory of their
text. Deeply nested objects can become thousands of times longer when json indents them. So can an output of many short
lines in the format `lines`: each line repeats the node id, and the server may choose a very long one. Use `ulimit -v`
where that matters.

Output printed before a failure remains: check the exit code. json, yaml and jsonl print numbers as Python parsed them,
as an int or a double. Nothing here protects you if this file was modified, or if the host is compromised.

Exceptions in programs that import it
-------------------------------------
An exception that your callback or your signal handler raises propagates through every function here, including `main`
(but see Document). Raise a class of your own that inherits directly from Exception or BaseException.

The following classes, and their subclasses, may be taken for a failure of the network, a file, a stream, a parser or an
import: OSError (TimeoutError is one), ValueError, LookupError, TypeError, AttributeError, OverflowError,
RecursionError, ImportError, EOFError, NotImplementedError, StopIteration, http.client.HTTPException and RemoteError.
While `main` runs, the same is true of MemoryError, of ExecLogError and of its subclasses.

An exception keeps the stack frames that it has passed through. So a socket may stay open until Python frees the
exception.

Where to look
-------------
    connecting, certificates                Transport._connect, make_tls_context
    where the token is sent                 Transport.__init__ (the header), Transport._exchange, Transport._send
    which server gets which token           find_settings, pin_token
    redirects, and what errors quote        Transport._make_redirect_error, Transport._make_error
    files with secrets                      read_private_file, check_owner, check_mode
    files written                           OutputFolder
    standard output and error, masking      Console
    escaping                                make_terminal_safe, make_visible, make_json_visible
    limits on what is read                  JSONReader._fill, Transport._read_problem
"""

import sys

# What Python puts first on the import path:
#
#     python3 FILE            the folder of the file
#     python3 - < FILE        the current folder
#     python3 -m NAME         the current folder, from which Python itself may import modules before this line runs
#     with -I, or -P          nothing (-P is `safe_path`, from 3.11 on)
#
# Remove that entry before anything else is imported, so that this file imports nothing from it. (`sys` is built in.)
if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]


def restore_sigint() -> None:
    """Make Ctrl-C kill the process with SIGINT immediately, as it would a C program.

    Python's own handler may have to wait until a C call returns, and would then show a traceback. If SIGINT is ignored,
    as in a background job, it stays ignored."""
    import signal
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    restore_sigint()        # before the imports below, which take some time

    # Let CPython look for reference cycles less often than by default. This saves 2% of the time of a short run. (The
    # search cannot be turned off: on older Pythons, json's encoder makes a cycle for each element that it indents.)
    if sys.implementation.name == "cpython":
        import gc
        gc.set_threshold(20000)

import argparse
import codecs
import io
import json
import os
import re
import stat
import time
from binascii import a2b_base64, b2a_base64
from collections import Counter, deque, namedtuple
from functools import partial
from itertools import chain
from math import isfinite

TYPE_CHECKING = False       # type checkers assume True; at run time, importing `typing` is slow
if TYPE_CHECKING:
    import typing as t
    from datetime import datetime
    from uuid import UUID as AnyUUID
    AnyTransport = t.TypeVar("AnyTransport", bound="Transport")
    Parameters = t.Mapping[str, t.Union[str, int, None]]
else:
    Parameters = dict       # query parameters of the API, by name; None, "" and 0 mean: not given

WINDOWS = os.name == "nt"

__version__ = "5.0.0"
__all__ = ["main", "make_parser", "Transport", "Server", "Document", "Listing", "Parameters", "get_page", "walk",
           "get_execution", "wait_for_execution", "OutputRef", "ExecLogError", "UsageError", "CredentialsError",
           "RemoteError", "APIError", "WaitTimeout", "parse_uuid", "make_visible", "RUNNING_STATUSES",
           "FINAL_STATUSES", "FAILED_STATUSES"]

# The statuses, in life-cycle order.
RUNNING_STATUSES = ("pending", "ack", "started")
FINAL_STATUSES = ("succeeded", "failed", "cancelled", "timeout")
FAILED_STATUSES = ("failed", "cancelled", "timeout")
STATUSES = RUNNING_STATUSES + FINAL_STATUSES
STATUS_ORDER = {status: number for number, status in enumerate(STATUSES)}


# ------------------------------------------------------------------------------------------------ Safe text

def make_visible(text: str) -> str:
    r"""Return text as one line of printable characters. All others are escaped: \n, \x1b, \u200b, \U000e0001.

    Older Pythons also escape newer characters that their Unicode tables lack."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
                   for character in text)


def escape_field(text: "t.Optional[str]") -> str:
    r"""Return text as one field of a line whose fields are separated by spaces or tabs.

    `a b` becomes `a\x20b`, and None or "" becomes `-`. Backslashes are not escaped, so this cannot be reversed."""
    return make_visible(text or "-").replace(" ", "\\x20")


def escape_location(text: str) -> str:
    r"""Return the BUCKET/KEY of an archived output in a form that can be pasted: inner spaces are kept.

    Unprintable characters are escaped, and so are spaces at either end, which nobody would see."""
    text = make_visible(text)       # never only spaces, because it contains a `/` or is `-`
    before = len(text) - len(text.lstrip(" "))
    after = len(text) - len(text.rstrip(" "))
    return "\\x20" * before + text.strip(" ") + "\\x20" * after


# Either a complete CSI sequence (ECMA-48, 5.4), such as `\x1b[1;31m` (red); or `ESC ( B`, which `tput sgr0` sends. The
# character classes are disjoint, so matching takes linear time.
TERMINAL_SEQUENCES = "\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\(B"

# A line whose first visible ASCII characters are `==>`, as in a section header. Spaces, control characters and
# non-ASCII characters (some invisible) may come before and between them. The two groups are the text before the first
# `=`, and the text after it, up to and including the `>`. `==> a` and ` = = >` match; `a ==>` and `==a>` do not.
# (A GAP contains no `=`, so matching takes linear time here, too.)
GAP = r"[^!-~\n]*"
FORGED_HEADER = "(?m)^(" + GAP + ")=(" + GAP + "=" + GAP + ">)"


def make_terminal_safe(data: bytes) -> bytes:
    """Return the bytes of an output for a UTF-8 terminal.

    CSI sequences (most colours and cursor movements) and `ESC ( B` are removed. CR LF and CR become LF. Tabs,
    line feeds and printable characters are kept; all others are escaped. No line of the result begins like a section
    header. (A line that the terminal wraps, or look-alike characters, may still look like one.)"""
    # The first two substitutions may form new sequences and new lines. So escape every ESC, and check the lines, only
    # after them.
    text = data.decode("utf-8", "backslashreplace")
    text = re.sub(TERMINAL_SEQUENCES, "", text)
    text = re.sub("\r\n?", "\n", text)
    text = re.sub("[^\t\n -~]+", lambda match: make_visible(match.group()), text)
    return re.sub(FORGED_HEADER, r"\1\\x3d\2", text).encode("utf-8")


def mask(text, secrets):
    """Return text with each secret replaced by ***.

    Longer secrets are replaced first, because they may contain shorter ones. Secrets shorter than 8 characters are left
    alone, because they could match unrelated text."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 8:
            text = text.replace(secret, "***")
    return text


def describe_error(error: Exception) -> str:
    """Return the message of a standard-library exception, or its class name if it has none."""
    message = str(getattr(error, "strerror", None) or error)
    return message or type(error).__name__


# --------------------------------------------------------------------------------------------------- Errors
#
# Every error can be copied and pickled. Python does this by calling the class with `args`, and then restoring the other
# attributes (__dict__). super().__init__(message) sets `args` to the message. So every class takes the message first,
# and has a default for everything else. Your subclasses must do the same.

class ExecLogError(Exception):
    """An expected failure. The command prints `error: MESSAGE` and `hint: HINT`, and exits with `exit_code`.

    This class itself is raised if standard output or the output folder fails. The message may contain unescaped text
    from the server.

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


class UsageError(ExecLogError, argparse.ArgumentTypeError):
    """An argument is missing or unusable.

    The text of a server's URL, the proxy and PLEXSPHERE_PROJECT count as arguments, too. All other faults of the config
    file are CredentialsErrors.

    It is also an error of argparse: if the `type=` function of a flag raises it, argparse reports
    `argument --flag: MESSAGE`."""

    exit_code = 2


class CredentialsError(ExecLogError):
    """There is no usable token.

    The token, its file, its profile or the config file is missing, insecure or malformed, or the profile's token is for
    another server. (This is also raised if the server is looked up in a config file that cannot be used.)"""

    exit_code = 3


class RemoteError(ExecLogError):
    """The request failed, or the response cannot be used, or this module refuses to send the request.

    It refuses plain http to other hosts, and https if this Python has no ssl module.

        retryable       whether Transport.get sends the request again
        transient       whether a wait goes on after this error (once a first response has arrived), and whether a
                        Listing requests a page again if its body fails with this error
        can_resume      whether the same request can succeed later
        retry_after     seconds that the server asks clients to wait, at most 30; or None

        failure                                             retryable   transient   can_resume
        429, 502, 503, 504                                  yes         yes         yes
        the connection was lost before the response         yes         yes         yes
        a name that does not exist                          no          no          yes
        a TLS handshake that fails, but is not cut off      no          no          yes
        any other failure to connect; a network timeout     no          yes         yes
        a truncated body, or a malformed chunked encoding   no          yes         yes
        400                                                 no          no          no
        cursors that form a loop, or cannot be sent back    no          no          no
        anything else, WaitTimeout included                 no          no          yes
    """

    def __init__(self, message: str, hint: str = "", retryable: bool = False, transient: bool = False,
                 can_resume: bool = True, retry_after: "t.Optional[float]" = None) -> None:
        super().__init__(message, hint)
        self.retryable = retryable
        self.transient = transient or retryable
        self.can_resume = can_resume
        self.retry_after = retry_after


class WaitTimeout(RemoteError):
    """The wait for an Execution timed out, and no final status was known. The exit code is the same as timeout(1)'s.

        status      the last status that was seen, or "" if there was none
    """

    exit_code = 124

    def __init__(self, message: str, hint: str = "", status: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


class APIError(RemoteError):
    """A response that is neither a 200 nor a redirect with a Location.

        status      the HTTP status
        problem     the JSON object of the body (RFC 9457), with numbers as floats; {} if there was none, or if the body
                    exceeds 64 KiB

    It also has the attributes of every RemoteError: exit_code, hint, retryable, transient, retry_after, can_resume.
    """

    def __init__(self, message: str, hint: str = "", status: int = 0, problem: "t.Optional[t.Dict[str, t.Any]]" = None,
                 retry_after: "t.Optional[float]" = None) -> None:
        super().__init__(message, hint, retryable=status in (429, 502, 503, 504), can_resume=status != 400,
                         retry_after=retry_after)
        self.status = status
        self.problem = problem or {}

        # This is the only place where an HTTP status, or the `code` of a Problem, becomes an exit code.
        if status == 401:
            self.exit_code = 3
        elif status == 403:
            self.exit_code = 77 if self.problem.get("code") == "rebac_denied" else 4


def copy_error(error):
    """Return a copy of an error, to be raised later. The original's traceback would keep stack frames, and so sockets,
    alive."""
    from copy import copy       # only after a failure, because this import takes 2% of the time of a short run
    return copy(error)


TYPE_NAMES: "t.Dict[type, str]" = {str: "a string", dict: "an object", list: "a list"}


def check_type(value: "t.Any", expected: type, label: str,
               error: "t.Callable[[str], ExecLogError]" = RemoteError) -> "t.Any":
    """Return a JSON value if it is null or has the expected type.

    Otherwise raise the error, with a message such as `status: expected a string`. `label` is the first part of the
    message.
    """
    if value is not None and not isinstance(value, expected):
        raise error("%s: expected %s" % (label, TYPE_NAMES[expected]))
    return value


# ------------------------------------------------------------------------------------------------- Settings

# For example `https://[::1]:8443/prefix/`. These do not match: `https://user@host`, `https://host?query`,
# `https:/host`, `https://host:`, and any URL with a character outside ASCII. re.VERBOSE ignores the spaces and the
# comments. (Patterns that some runs never use are kept as strings and compiled on first use.)
SERVER_URL = r"""
    (https?) ://
    ( \[ [0-9a-f:.]+ \] |                           # the host: an IPv6 address, which parse() checks,
      [\w-]{1,63} (?: \. [\w-]{1,63} )* \.? )        #     or the labels of a name (RFC 1035, 2.3.4), or an IPv4 address
    (?: : ( [0-9]{1,5} ) )?                         # the port
    ( / [\w/.~%:@!$&'()*+,;=-]* )?                  # the path (RFC 3986, 3.3)
    """
DEFAULT_PORTS = {"http": 80, "https": 443}


def is_ipv6_address(text):
    """Return whether the text is an IPv6 address, such as `::1`."""
    import ipaddress
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


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
    def parse(cls, url: str, label: str = "the server", hint: str = "write it as https://HOST") -> "Server":
        """Parse `http(s)://host[:port][/prefix]`. Raises UsageError, whose message begins with `label`.

        The message does not quote the URL, because the faulty part may be a password."""
        match = re.fullmatch(SERVER_URL, url.strip(), re.ASCII | re.IGNORECASE | re.VERBOSE)
        if match:
            scheme, host, digits, path = match.groups()
            port = int(digits or DEFAULT_PORTS[scheme.lower()])
            if 0 < port < 65536 and (host[0] != "[" or is_ipv6_address(host[1:-1])):
                return cls(scheme.lower(), host.strip("[]").lower(), port, (path or "").rstrip("/"))
        raise UsageError("%s: expected http(s)://host[:port][/prefix]" % label, hint)

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110, 7.2)."""
        host = "[%s]" % self.host if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else "%s:%d" % (host, self.port)

    @property
    def url(self) -> str:
        """The URL in its shortest form."""
        return "%s://%s%s" % (self.scheme, self.authority, self.prefix)


def check_owner(status):
    """Return what is wrong with the owner of a file or folder, or "".

    `status` is its os.stat() result. The owner must be the user or root. On Windows nothing is checked, because
    os.stat() does not return the owner there."""
    if WINDOWS or status.st_uid in (0, os.geteuid()):
        return ""
    return "it belongs to another user (uid %d)" % status.st_uid


def check_mode(status, forbidden):
    """Return what is wrong with the mode of a file or folder, or "".

    `forbidden` holds the permission bits that give other users access. A POSIX ACL shows up in the group bits. On
    Windows nothing is checked, because os.stat() does not return such bits there."""
    mode = stat.S_IMODE(status.st_mode)
    return "its mode %04o gives other users access" % mode if mode & forbidden and not WINDOWS else ""


def read_private_file(path, limit, name):
    """Return the text of a file that contains a secret, without its byte order mark.

    People paste tokens in place of paths. So messages quote the path only if it exists, or starts like a path.
    Otherwise they show `name`. Raises CredentialsError if the file is unreadable, accessible to other users, or larger
    than `limit` bytes."""
    try:
        looks_like_path = os.path.isabs(path) or path.startswith(("./", "../", "~"))
        if looks_like_path or os.path.lexists(path):
            name = path
        with open(path, "rb") as file:
            # Check the opened file, not its name, which may refer to a different file by now.
            status = os.fstat(file.fileno())
            problem, hint = check_owner(status), "use a file that you own"
            if not problem and not stat.S_ISFIFO(status.st_mode):       # a pipe, such as `<(...)`, may have any mode
                problem, hint = check_mode(status, 0o077), "use a file with mode 0600, or a pipe"
                if problem and stat.S_ISREG(status.st_mode) and path.isprintable():
                    import shlex
                    hint = "chmod 600 -- " + shlex.quote(path)
            if problem:
                raise CredentialsError("%s is insecure: %s" % (name, problem), hint)
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:      # ValueError: the path contains a NUL
        raise CredentialsError("cannot read %s: %s" % (name, describe_error(error)))

    if len(data) > limit:
        raise CredentialsError("%s is larger than %d KiB" % (name, limit >> 10))
    return data.decode("utf-8-sig", "replace")


class Profile:
    """A profile of the config file: the one with this name, or the default profile if the name is None.

    The config file is {"default": NAME, "profiles": {NAME: {"server": URL, "token": TOKEN}}}. The file is read when a
    setting is first needed, and only the parts that are used are checked. A Profile is not a namedtuple, because a
    namedtuple's repr() would show the token.

        title       such as `profile "lab"`; "" if there is no profile
    """

    def __init__(self, name):
        self.title = ""
        self._why_missing = ""  # why there is no profile
        self._name = name
        self._members = None    # the profile's members; None until the file has been read

    def get(self, key):
        """Return the `server` or the `token` of the profile, or None if it has none. Raises CredentialsError."""
        if self._members is None:
            self._members = self._read()
        return check_type(self._members.get(key), str, "%s of %s" % (key, self.title), CredentialsError)

    def explain(self, key):
        """Return the end of a hint: why get(key) found nothing. Call get(key) first."""
        return "; %s has no %s" % (self.title, key) if self.title else "; " + self._why_missing

    def _read(self):
        # Find the config file. Without a home directory expanduser returns `~`, which isabs rejects.
        home = os.environ.get("USERPROFILE" if WINDOWS else "HOME")
        if home is None:
            home = os.path.expanduser("~")
        bases = os.environ.get("XDG_CONFIG_HOME", ""), os.path.join(home, ".config")
        paths = [os.path.join(base, "plexctl", "config.json") for base in bases if os.path.isabs(base)]
        path = next(filter(os.path.lexists, paths), None)
        if path is None and self._name is None:
            self._why_missing = "there is no config file"
            return {}
        if path is None:
            hint = "looked for " + " and ".join(paths) if paths else "there is no home directory to look in"
            raise CredentialsError("there is no config file", hint)

        # Read it. Null and empty values count as {}.
        def expect_object(value, label):
            return check_type(value or {}, dict, "%s: %s" % (path, label), CredentialsError)

        text = read_private_file(path, 1 << 20, path)
        try:
            config = json.loads(text)
        except (ValueError, RecursionError):
            raise CredentialsError("%s is not valid JSON" % path)
        config = expect_object(config, "top level")

        # Find the profile. An unknown name is not quoted, because it may be a token in the wrong place.
        name = config.get("default") if self._name is None else self._name
        if name is None:
            self._why_missing = "%s has no default profile" % path
            return {}
        profiles = expect_object(config.get("profiles"), "profiles")
        if not name or not isinstance(name, str) or name not in profiles:
            problem = "%s has no profile with the given name" % path
            if self._name is None:
                problem = '%s: "default" names a profile that does not exist' % path
            raise CredentialsError(problem,
                                   "its profiles are: " + (", ".join(profiles) or "none"))
        self.title = 'profile "%s"' % name
        return expect_object(profiles[name], self.title)


def validate_token(token, source=""):
    """Return the token, stripped of surrounding white space.

    `source` says where the token came from. Raises CredentialsError unless the token consists of visible ASCII
    characters. (http.client itself rejects only some of the characters that are refused here. Its error quotes the
    whole token if the token contains a line break. See HTTPConnection.putheader.)"""
    token = token.strip()
    if re.fullmatch("[!-~]+", token):
        return token
    hints = ["it came from " + source] if source else []
    if token[:7].lower() == "bearer ":
        hints.append('remove the word "Bearer"')
        raise CredentialsError('the token begins with "Bearer "', "; ".join(hints))
    raise CredentialsError("the token is empty, or contains characters other than visible ASCII", "; ".join(hints))


def pin_token(profile, server, server_source, profile_was_given):
    """Raise CredentialsError if the profile names a server other than `server`, and UsageError if its URL is malformed.

    If the profile names a server, no other server may get its token. `server_source` says where `server` came
    from. If the profile was given by --profile (`profile_was_given`), it takes precedence over the environment, so the
    hint does not suggest environment variables."""
    url = profile.get("server")
    if url is None:
        return
    profile_server = Server.parse(url, "the server of " + profile.title)
    if profile_server != server:
        if profile_was_given:
            hint = "pass a token for it with --token-file, or use the profile's server: leave out --server"
        else:
            hint = ("pass a token for it with --token-file or PLEXSPHERE_TOKEN, or use the profile's server: "
                    "leave out --server and unset PLEXSPHERE_URL")
        raise CredentialsError("the token of %s is for %s, but the request would go to %s"
                               % (profile.title, profile_server.url, server.url),
                               "the server came from %s; %s" % (server_source, hint))


def look_up(key, variable, profile, profile_was_given):
    """Return (value, source, whether the source is the profile) of a setting whose flag was not given.

    With --profile, the profile takes precedence over the environment variable. The value is None if there is none. An
    empty variable counts as unset."""
    value = os.environ.get(variable) or None
    if value is None or profile_was_given:
        member = profile.get(key)
        if member is not None:
            return member, profile.title, True
    return value, variable, False


def find_settings(server_url, profile_name, token_file):
    """Return (server, token, the token's source). The arguments are the values of the flags, or None.

    Server and token are looked up separately. The first source that has a value wins:

        without --profile       1. the flag     2. PLEXSPHERE_URL or PLEXSPHERE_TOKEN   3. the default profile
        with --profile          1. the flag     2. that profile     3. PLEXSPHERE_URL or PLEXSPHERE_TOKEN

    Where the token goes:

        the token is from                   it is sent to
        --token-file or PLEXSPHERE_TOKEN    the server that was found
        a profile without a server          the server that was found
        a profile with a server             that server; if another server was found, CredentialsError is raised

    Raises UsageError for a missing or malformed server, and CredentialsError for a missing or unusable token or for an
    unusable config file."""
    profile, profile_was_given = Profile(profile_name), profile_name is not None

    # 1. Find the server. A malformed server is reported before the token is looked up.
    server = None
    if server_url is not None:
        server, server_source = Server.parse(server_url), "--server"
    else:
        url, server_source, _ = look_up("server", "PLEXSPHERE_URL", profile, profile_was_given)
        if url is not None:
            server = Server.parse(url, "the server of " + server_source)

    # 2. Find the token.
    if token_file is not None:
        token, token_source = read_private_file(os.fspath(token_file), 64 << 10, "the token file"), "--token-file"
        is_profile_token = False
    else:
        token, token_source, is_profile_token = look_up("token", "PLEXSPHERE_TOKEN", profile, profile_was_given)
    if token is None:
        raise CredentialsError("no token", "pass --token-file, set PLEXSPHERE_TOKEN, or use a profile with a token"
                               + profile.explain("token"))
    token = validate_token(token, token_source)
    if server is None:
        raise UsageError("no server", "pass --server, set PLEXSPHERE_URL, or use a profile with a server"
                         + profile.explain("server"))

    # 3. Keep a profile's token from other servers.
    if is_profile_token:
        pin_token(profile, server, server_source, profile_was_given)
    return server, token, token_source


def is_this_host(host: str) -> bool:
    """Return whether the host is this machine.

    This is true for a loopback or unspecified address in a form that the ipaddress module accepts (so not `127.1`). It
    is also true for `localhost`, whatever that name resolves to."""
    import ipaddress
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in ("localhost", "localhost.")
    return address.is_loopback or address.is_unspecified


class Proxy:
    """An HTTP proxy. It is not a namedtuple, because a namedtuple's repr() would show the password.

        host, port      the proxy's address
        headers         headers that only the proxy gets
        secrets         strings to mask: the Basic credentials, and the password
    """

    def __init__(self, url: str, variable: str) -> None:
        """Parse `[http://][user:password@]host[:port]`. The password may contain `@`, but not `://`.

        `variable` names the source in messages. Raises UsageError for a malformed proxy, and for a proxy that is not an
        http proxy."""
        # `http://ann:p@ss@proxy:80` becomes `http`, `ann:p@ss` and `proxy:80`. `proxy:80` has only the last of these.
        scheme, _, remainder = url.rpartition("://")
        user_info, at, address = remainder.rpartition("@")
        hint = "write it as http://HOST:PORT"
        if scheme.lower() not in ("", "http"):
            raise UsageError("%s: only http proxies are supported" % variable, hint)
        try:
            parsed = Server.parse("http://" + address)
        except UsageError:
            raise UsageError("%s: expected http://host:port" % variable, hint)
        self.host, self.port = parsed.host, parsed.port
        self.headers = {}
        self.secrets = []

        if at:      # RFC 7617
            from urllib.parse import unquote_to_bytes
            login = unquote_to_bytes(os.fsencode(user_info if ":" in user_info else user_info + ":"))
            basic = b2a_base64(login, newline=False).decode("ascii")
            self.headers = {"Proxy-Authorization": "Basic " + basic}
            self.secrets = [basic, login.decode("utf-8", "replace").partition(":")[2]]


def find_proxy(server):
    """Return the Proxy that the environment names for the server, or None.

    This host is never reached through a proxy. Otherwise urllib.request decides (getproxies_environment,
    proxy_bypass_environment):

        HTTPS_PROXY     for an https server; HTTP_PROXY for an http server
        http_proxy      a name in lower case wins over the same name in upper case
        REQUEST_METHOD  if it is set, this is a CGI script, and HTTP_PROXY in upper case is ignored
        NO_PROXY        `*`, or a list of hosts, with or without a port; each also covers its subdomains

    Raises UsageError for a malformed proxy, and for a proxy that is not an http proxy."""
    # Without HTTPS_PROXY (for http: HTTP_PROXY), in upper or lower case, there is no proxy. In that case, avoid the
    # slow import of urllib.request.
    lower_name = server.scheme + "_proxy"
    names = [name for name in os.environ if name.lower() == lower_name]
    if not names or is_this_host(server.host):
        return None
    from urllib.request import getproxies_environment, proxy_bypass_environment
    proxies = getproxies_environment()
    url = proxies.get(server.scheme)
    if not url or proxy_bypass_environment("%s:%d" % (server.host, server.port), proxies):
        return None
    variable = next(name for name in names if os.environ[name] == url)      # getproxies_environment read one of them
    return Proxy(url, variable)


# ------------------------------------------------------------------------------------------------ Transport
#
# What this section relies on in http.client, from Python 3.6 to 3.13, by function. (The tests run on each of these
# Pythons, against real servers.)
#
#     HTTPConnection.connect      resolves the name, connects, and asks a proxy for a tunnel (_tunnel). HTTPSConnection
#                                 then does the TLS handshake, with the server's host name (_tunnel_host). So the
#                                 certificate must be the server's, not the proxy's.
#     HTTPConnection._tunnel      sends CONNECT with only the headers given to set_tunnel(), so without the token. (From
#                                 3.12 on, set_tunnel adds a Host header. Before 3.13, the CONNECT line has no brackets
#                                 around an IPv6 address.)
#     timeout, settimeout()       limit each of these separately: every attempt to connect to an address, every
#                                 handshake, every read and every write. They do not limit name resolution. Nothing
#                                 limits the sum.
#     HTTPConnection.getresponse  reads the headers, after skipping interim responses (100 only; it takes any other 1xx
#                                 for the final response). HTTPResponse.begin mistakes truncated headers for complete
#                                 ones. The `email` package parses them, and can raise the PARSER_ERRORS below. After
#                                 `Connection: close`, getresponse sets connection.sock to None. The response's file
#                                 keeps the socket open.
#     HTTPResponse.read1(n)       returns at most n bytes as soon as there are any, and b"" at the end. In each of these
#                                 versions it lowers response.length, the number of bytes that are still to come (None
#                                 if unknown). If a chunked body is truncated before its last chunk size (0), it raises.
#                                 If a body with a Content-Length is truncated, it returns b"" early, and
#                                 response.length is still above 0.
#
# A connection is either idle and kept for the next request, or it is owned by the _read_body generator that is reading
# a response from it. So several responses can be read at the same time, in any order. (Here a "chunk" is what one read
# returns, not a chunk of HTTP's chunked encoding.)

READ_SIZE = 32 << 10                # maximum number of bytes to read at once: two TLS records
ERROR_BODY_LIMIT = 64 << 10         # bytes; a Problem has a few hundred
DEFAULT_TIMEOUT = 30.0              # seconds
RETRY_PAUSES = (0.5, 1.0)           # seconds before the first and the second retry
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie", "location")

API_HINT = "check --server, PLEXSPHERE_URL or the profile: does it point to the API?"
CONNECT_HINT = "check --server, PLEXSPHERE_URL or the profile, the network, and whether you need HTTPS_PROXY"
PROXY_HINT = ("check the server's name and port, HTTPS_PROXY, HTTP_PROXY and NO_PROXY "
              "(if the proxy needs a login, put user:password@ before its host)")
OVERLOAD_HINT = "the server, or a gateway in front of it, may be overloaded or restarting: try again in a minute"
STATUS_HINTS = {
    400: "the server rejected the value of a flag",
    401: "get a new token: the token%s is invalid, expired or for another server",       # %s: ` from PLEXSPHERE_TOKEN`
    403: "ask an owner of the Project to let this token read its Executions",
    404: "not found, or not visible to this token: check the Project (--project), the id (for get) and the server",
    407: PROXY_HINT,
    429: "too many requests: try again in a minute",
    500: "try again; if it keeps failing, send the server's operators the time, the command and any correlation id",
    501: "this server cannot run actions: ask its operators to enable action dispatch",
    502: OVERLOAD_HINT,
    503: OVERLOAD_HINT,
    504: OVERLOAD_HINT,
}
PROBLEM_HINTS = {       # by the `code` of a 400, and by the `reason` of a 403
    "invalid_cursor": "the server rejected the cursor: use it only with the filters of the listing that printed it",
    "invalid_limit": "the server rejected the value of --limit",
    "invalid_status": "the server rejected the value of --status: --help lists the valid ones",
    "caveat_violation": "the token is genuine, but its conditions are not met: check its validity period, your "
                        "source address and how you logged in",
}
TLS_HINT = "check the port (is it for https?), the server's name and the local clock; for a private CA, use --ca-file"

# What http.client may raise for malformed headers, apart from HTTPException, because the `email` package parses them.
# A program's own exceptions, such as those of a signal handler, must propagate, so this list is as short as possible.
PARSER_ERRORS = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


def check_seconds(seconds: float, prefix: str = "") -> float:
    """Return a number of seconds if it is more than 0 and at most one day.

    Otherwise raises UsageError, whose message begins with `prefix`."""
    if not isinstance(seconds, (int, float)) or not 0 < seconds <= 86400:
        raise UsageError(prefix + "expected a number of seconds, more than 0 and at most 86400 (one day)")
    return seconds


def make_tls_context(ca_file):
    """Return the standard library's default TLS context, restricted. It verifies certificates and host names.

    It requires TLS 1.2 or later. It trusts the system's CAs if `ca_file` is None or "", and otherwise only the CAs in
    that file. Raises UsageError for an unusable file, and RemoteError if this Python has no ssl module."""
    try:
        import ssl
    except ImportError:
        raise RemoteError("this Python has no TLS: it was built without the ssl module", "use a Python built with ssl")
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError, TypeError) as error:       # the last two: the name contains a NUL
        raise UsageError("the CA file or the SSLKEYLOGFILE file cannot be used: " + describe_error(error),
                         "check --ca-file and SSLKEYLOGFILE")

    # Do not rely on the context's own minimum. openssl.cnf can lower it, and some builds of Python set none:
    # minimum_version is then TLSVersion.MINIMUM_SUPPORTED, which is -2, less than every version. Python 3.6, and later
    # Pythons built with OpenSSL 1.0.2, have only the older options.
    if not hasattr(context, "minimum_version"):
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    elif context.minimum_version < ssl.TLSVersion.TLSv1_2:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def do_nothing(*_: object) -> None:
    """Do nothing. This is the default callback."""


def can_be_read(sock):
    """Return whether a read would return at once: there are bytes, or the other end has closed the connection."""
    import select
    if hasattr(sock, "pending") and sock.pending():     # bytes that SSLSocket has already decrypted
        return True
    if not hasattr(select, "poll"):     # Windows
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()        # select() itself refuses descriptors above 1023
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def close_chunks(chunks):
    """Close an iterator over chunks. An overridden Transport.get may return one that has no close()."""
    if hasattr(chunks, "close"):
        chunks.close()


class Transport:
    """Sends GET requests to one server.

    One connection is reused from request to request. Documents that are read at the same time use one connection each.
    A Transport is a context manager. It belongs to one thread: give each thread its own. After a fork, the child
    process opens connections of its own.

        with Transport.from_settings() as transport: ...        uses the command's server, token and proxy
        Transport(Server.parse("https://plexsphere.example"), token)        uses only these: no proxy, no profile

    Every request goes through `get`. To test a program without a server, override it. It must return an iterator over
    the chunks of a body, or raise RemoteError. (An override also replaces the retries and the deadline's checks. To
    test waiting, pass `clock` and `sleep` too.)

        class Canned(Transport):
            def get(self, path, parameters, pauses=None):
                return iter([b'{"items": [{"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"}]}'])

    A Transport is not a namedtuple, because a namedtuple's repr() would show the token.

        server      the Server
        secrets     strings to mask: the token, the proxy's password and Basic credentials
        received    number of body bytes received so far
        pauses      seconds before each retry; () for no retry
        deadline    a value of clock(), for example `time.monotonic() + 60`, or None. You may set it at any time. It
                    applies to everything that runs on this Transport, including a walk.

                    No pause lasts past the deadline. After it, each new request and each read of a body fails with a
                    RemoteError (timed out), and nothing is retried. A deadline that you set during a pause or a
                    network operation takes effect when that pause or operation has ended.

                    The time left is computed before connecting, before sending, and before each read of a body. Each
                    operation listed below may then take that long, so slow ones together can overrun the deadline:

                        connecting      each attempt to connect to an address, each write to the proxy, each read of
                                        the proxy's response, the TLS handshake
                        sending         sending the request, each read of the headers
                        a body          each read of the socket: usually one, or several for chunk sizes and trailers

                    So the deadline does not limit a server or a proxy that sends headers, chunk sizes or trailers bit
                    by bit, nor endless interim responses or trailers. Nor does it limit name resolution, the parsing of
                    large headers, or a proxy that sends headers endlessly (before Python 3.12).
    """

    def __init__(self, server: Server, token: str, *, ca_file: "t.Optional[str]" = None,
                 timeout: float = DEFAULT_TIMEOUT, allow_http: bool = False, proxy: "t.Optional[Proxy]" = None,
                 token_source: str = "", pauses: "t.Iterable[float]" = RETRY_PAUSES,
                 on_retry: "t.Callable[[str], t.Any]" = do_nothing, trace: "t.Callable[[str], t.Any]" = do_nothing,
                 before_wait: "t.Callable[[], t.Any]" = do_nothing, clock: "t.Callable[[], float]" = time.monotonic,
                 sleep: "t.Callable[[float], t.Any]" = time.sleep) -> None:
        """Prepare requests. Nothing is sent yet.

            ca_file         PEM file of the CAs to trust instead of the system's
            timeout         seconds for each network operation: more than 0, at most 86400
            allow_http      whether plain http may go to hosts other than the local machine
            proxy           a Proxy, such as the one that from_settings() finds
            token_source    where the token came from, for the hints about a malformed token and a 401
            pauses          the pause before each retry, in seconds: a finite iterable
            on_retry        called as on_retry(text) before the pause of each retry; the text says what failed
            trace           called as trace(line) for each request line, status line and header line, just before
                            sending or after arrival; the values of SECRET_HEADERS are masked. Not traced: interim
                            responses, a proxy's response to CONNECT, and the Host header that Python 3.12 or later
                            adds to CONNECT. CONNECT is traced before the connection to the proxy is made
            before_wait     called before each request and before each read of a body
            clock, sleep    replacements for time.monotonic and time.sleep, for tests

        The texts for on_retry and trace may contain unescaped text from the server. Pass them through make_visible().
        An exception that a callback raises propagates. (A RemoteError that a callback raises is treated like one that
        this module raises.)

        Raises RemoteError for plain http to another host, CredentialsError for a malformed token, and UsageError for a
        timeout out of range."""
        if server.scheme == "http" and not allow_http and not is_this_host(server.host):
            raise RemoteError("plain http to %s would expose the token to the network" % server.host,
                              "use https://, or allow plain http with --allow-http")
        token = validate_token(token, token_source)
        self.server = server
        self.secrets = [token] + (proxy.secrets if proxy else [])
        self.received = 0
        self.pauses = tuple(pauses)
        self.deadline: "t.Optional[float]" = None
        self.clock, self.sleep = clock, sleep

        # Options.
        self._ca_file = ca_file
        self._timeout = check_seconds(timeout, "timeout: ")
        self._proxy = proxy
        self._token_source = token_source
        self._on_retry, self._trace, self._before_wait = on_retry, trace, before_wait

        # The headers of each request.
        self._headers = {"Host": server.authority, "Authorization": "Bearer " + token,
                         "Accept": "application/json, application/problem+json", "Accept-Encoding": "identity",
                         "User-Agent": "plexctl-exec-log/" + __version__}

        # State.
        self._tls_context = None    # made for the first connection
        self._keep_alive = True     # False after close()
        self._idle = None           # the connection that is kept for the next request
        self._idle_pid = 0          # the process that opened it

    @classmethod
    def from_settings(cls: "t.Type[AnyTransport]", server: "t.Optional[str]" = None,
                      profile: "t.Optional[str]" = None, token_file: "t.Optional[str]" = None,
                      **options: "t.Any") -> "AnyTransport":
        """Make a Transport with the settings that the command would use.

        `server`, `profile` and `token_file` are the values of the command's flags: a URL, a name and a path. The
        environment and the config file supply the rest, and the environment supplies the proxy. `options` are the other
        arguments of Transport, except proxy and token_source. Raises UsageError, CredentialsError, RemoteError."""
        found_server, token, source = find_settings(server, profile, token_file)
        return cls(found_server, token, proxy=find_proxy(found_server), token_source=source, **options)

    def __enter__(self: "AnyTransport") -> "AnyTransport":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connection, and keep none from now on. Open documents stay readable."""
        self._keep_alive = False
        self._close_idle()

    def _close_idle(self):
        connection = self._take_idle()
        if connection is not None:
            connection.close()

    def _keep_idle(self, connection):
        """Keep a connection for the next request, in place of the one that was kept before."""
        self._close_idle()
        if self._keep_alive:
            self._idle, self._idle_pid = connection, os.getpid()
        else:
            connection.close()

    def _take_idle(self):
        """Remove and return the idle connection. Return None if this process has none."""
        connection, self._idle = self._idle, None
        if connection is not None and self._idle_pid != os.getpid():
            connection.close()      # after a fork this closes only the child's copy of the descriptor
            return None
        return connection

    def remaining(self, seconds: float) -> float:
        """Return the seconds until the deadline, but at most `seconds`. Return 0 after the deadline."""
        return seconds if self.deadline is None else max(0.0, min(seconds, self.deadline - self.clock()))

    def deadline_passed(self) -> bool:
        """Return whether there is a deadline and it has passed."""
        return self.deadline is not None and self.clock() >= self.deadline

    def _check_deadline(self):
        if self.deadline_passed():
            raise self._make_timeout_error("the deadline has passed")

    def _socket_timeout(self):
        """Return the seconds for the next network operation. It is never 0, which would mean non-blocking."""
        return max(self.remaining(self._timeout), 0.001)

    def _wait_to_retry(self, error, pause):
        """Report a failure to on_retry, and wait before the same request is sent again.

        `pause` is in seconds. If the server sent Retry-After, that replaces the pause. Raises the error if the deadline
        has passed, or passes meanwhile."""
        if self.deadline_passed():
            raise error
        delay = pause if error.retry_after is None else error.retry_after
        self._on_retry("%s; waiting %.1f s" % (error, self.remaining(delay)))
        self.sleep(self.remaining(delay))
        if self.deadline_passed():
            raise error

    def get(self, path: str, parameters: "Parameters",
            pauses: "t.Optional[t.Iterable[float]]" = None) -> "t.Iterator[bytes]":
        """Send a GET, and return an iterator over the body of its 200 response, once the headers have arrived.

        `path` is sent unchanged, and must consist of visible ASCII characters. Parameters are percent-encoded; those
        that are None, "" or 0 are left out. (Bytes of a command line that Python could not decode are percent-encoded
        as the original bytes.)

        `pauses` are the seconds before each retry; None means those of the Transport. Only a retryable failure is
        retried, and nothing is retried after the deadline. If the server sent Retry-After, that replaces the pause. In
        addition, an idle connection that turns out to be closed is silently replaced.

        Raises RemoteError; the iterator may raise it, too. Raises UsageError for an unusable CA file, and for a
        parameter that contains a lone surrogate other than those that Python uses for undecodable bytes
        (surrogateescape)."""
        from urllib.parse import quote, urlencode
        try:
            query = urlencode([pair for pair in parameters.items() if pair[1]], quote_via=quote, safe="",
                              errors="surrogateescape")
        except UnicodeEncodeError:
            raise UsageError("a parameter contains a lone surrogate, which cannot be sent")
        target = self.server.prefix + path + ("?" + query if query else "")

        # One attempt before each pause, and a last one after them.
        if pauses is None:
            pauses = self.pauses
        for pause in pauses:
            try:
                return self._request(target)
            except RemoteError as error:
                if not error.retryable:
                    raise
                self._wait_to_retry(error, pause)
        return self._request(target)

    def _request(self, target):
        """Send one request, and return an iterator over the body of its 200 response.

        Raises RemoteError, and UsageError for an unusable CA file."""
        self._before_wait()
        self._check_deadline()
        exchange = self._exchange_on_idle(target)
        if exchange is None:
            self._check_deadline()
            exchange = self._exchange(self._connect(), target)
        response, chunks = exchange
        if response.status == 200:
            return chunks
        try:
            raise self._make_error(response, chunks)
        finally:
            chunks.close()

    def _exchange_on_idle(self, target):
        """Send one request on the idle connection, and return what _exchange returns.

        Return None if there is no idle connection, or if it cannot be used any more."""
        connection = self._take_idle()
        if connection is None:
            return None
        if can_be_read(connection.sock):        # the server closed it, or sent something that nobody requested
            connection.close()
            return None
        try:
            return self._exchange(connection, target)
        except RemoteError as error:
            if not error.retryable:
                raise
            return None     # the server closed it meanwhile; _exchange has no other retryable failure

    def _connect(self):
        """Return a new connection. For https via a proxy, it goes through a tunnel that the proxy opens.

        Raises RemoteError, and UsageError for an unusable CA file."""
        from http import client
        server, proxy = self.server, self._proxy
        peer = proxy or server
        make_connection = client.HTTPConnection
        if server.scheme == "https":
            self._tls_context = self._tls_context or make_tls_context(self._ca_file)
            make_connection = partial(client.HTTPSConnection, context=self._tls_context)
        connection = make_connection(peer.host, peer.port, timeout=self._socket_timeout())
        needs_tunnel = proxy and server.scheme == "https"
        if needs_tunnel:
            self._trace_lines(">", "CONNECT %s:%d" % (server.host, server.port), proxy.headers.items())

        connected = False
        try:
            if needs_tunnel:        # the certificate must be the server's (_tunnel_host)
                connection.set_tunnel(server.host, server.port, proxy.headers)
            connection.connect()
            connected = True
        except (OSError, client.HTTPException, ValueError) as error:
            # OSError also for a proxy that refuses (_tunnel). ValueError for a certificate on 3.6 (ssl.match_hostname).
            raise self._make_connect_error(error)
        finally:
            if not connected:
                connection.close()
        return connection

    def _make_timeout_error(self, what, advice=""):
        """Return the error for a network operation that took too long. Its hint begins with `advice`."""
        hint = advice + "a slow server or network may need a --timeout longer than %g s" % self._timeout
        return RemoteError("timed out: " + what, "" if self.deadline_passed() else hint, transient=True)

    def _make_connect_error(self, error):
        """Return the RemoteError for a connection that could not be made: DNS, TCP, proxy or TLS."""
        import socket
        ssl = sys.modules.get("ssl")        # None without https, or if this Python has no TLS
        peer, host, hint = self.server.authority, self.server.host, CONNECT_HINT
        if self._proxy:
            peer += " through proxy %s:%d" % (self._proxy.host, self._proxy.port)
            host, hint = self._proxy.host, PROXY_HINT

        # The order matters: except for CertificateError on 3.6, all of these are OSErrors.
        if isinstance(error, socket.timeout):
            return self._make_timeout_error("connecting to " + peer, hint + "; ")
        if ssl and isinstance(error, (ssl.SSLError, ssl.CertificateError)):
            # The other end closed the connection: without TLS's closing message (EOF), or with it (zero return). Python
            # 3.6 and 3.7 do not recognize the EOF of OpenSSL 3: there, only the error's message reveals it.
            was_closed = (isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
                          or "unexpected eof while reading" in str(error))
            return RemoteError("TLS with %s failed: %s" % (self.server.authority, describe_error(error)), TLS_HINT,
                               transient=was_closed)
        if isinstance(error, socket.gaierror):
            return RemoteError("cannot connect to %s: the name %s does not resolve" % (peer, host), hint,
                               transient=error.errno == socket.EAI_AGAIN)
        return RemoteError("cannot connect to %s: %s" % (peer, describe_error(error)), hint, transient=True)

    def _exchange(self, connection, target):
        """Send one request, and return (response, iterator over its body) once the headers have arrived.

        Raises RemoteError, which is retryable if the connection was lost."""
        headers = self._headers
        sock = connection.sock      # getresponse may set connection.sock to None
        if self._proxy and self.server.scheme == "http":
            target = "http://" + self.server.authority + target
            headers = dict(headers, **self._proxy.headers)

        chunks = None
        try:
            self._trace_lines(">", "GET %s HTTP/1.1" % target, headers.items())
            response = self._send(connection, sock, target, headers)
            version = "1.0" if response.version == 10 else "1.1"
            self._trace_lines("<", "HTTP/%s %d %s" % (version, response.status, response.reason), response.getheaders())
            chunks = self._read_body(connection, sock, response)
            next(chunks)        # run the generator up to its first `yield`; from then on, it closes the connection
            return response, chunks
        finally:
            if chunks is None:
                connection.close()

    def _send(self, connection, sock, target, headers):
        """Send a request, and return its response. Raises RemoteError."""
        import socket
        from http.client import HTTPException
        try:
            sock.settimeout(self._socket_timeout())
            connection.request("GET", target, headers=headers)
            return connection.getresponse()
        except socket.timeout:
            raise self._make_timeout_error("no response")
        except OSError as error:        # including RemoteDisconnected: it was closed before the first byte
            # With TLS 1.3, a server may reject the client only now: with an alert, such as "certificate required".
            why = ": " + describe_error(error) if "alert" in str(error) else ""
            raise RemoteError("the connection was lost before a response arrived" + why, API_HINT, retryable=True)
        except (HTTPException,) + PARSER_ERRORS as error:
            raise RemoteError("the response is not valid HTTP: %s" % describe_error(error), API_HINT)

    def _read_body(self, connection, sock, response):
        """Yield an empty chunk at once, and then the chunks of a body (bytes) as they arrive. Raises RemoteError.

        The generator owns the connection. What it does with the connection at the end:

            the body has ended          keep it for the next request, if the server keeps it open, too
            a failure                   close it
            the generator is closed     close it
            in a forked child           close the child's copy: the parent may still use the connection
            after a 1xx response        close it: the final response is still to come

        (It is a generator, and not a class with __del__: an exception that a signal handler raises in __del__ is lost.
        A generator that has ended runs no code when Python frees it.)"""
        pid, complete = os.getpid(), False
        try:
            yield b""       # from here on, `finally` runs even if the reader stops early
            while not complete:
                self._before_wait()
                if pid != os.getpid():
                    raise RemoteError("a response can be read only in the process that requested it, "
                                      "not in a forked child")
                chunk = self._read_chunk(sock, response)
                self.received += len(chunk)
                complete = not chunk
                yield chunk

        finally:
            response.close()    # before 3.13, one with a Content-Length stays open, and so blocks the next response
            is_reusable = pid == os.getpid() and response.status >= 200 and not response.will_close
            if complete and is_reusable:
                self._keep_idle(connection)
            else:
                connection.close()

    def _read_chunk(self, sock, response):
        """Return the next bytes of a body, or b"" at its end. Raises RemoteError."""
        import socket
        from http.client import HTTPException
        self._check_deadline()
        try:
            if not response.isclosed():     # from 3.13 on it closes itself at its end, and perhaps the socket, too
                sock.settimeout(self._socket_timeout())
            chunk = response.read1(READ_SIZE)
        except socket.timeout:
            raise self._make_timeout_error("the body stalled")
        except (OSError, HTTPException, ValueError, OverflowError) as error:    # the last two: negative chunk sizes
            raise RemoteError("the connection was lost while reading the body, or the body is malformed: %s"
                              % describe_error(error), transient=True)

        still_to_come = response.length or 0        # lowered by read1; None without a Content-Length
        if still_to_come and not chunk:
            raise RemoteError("the connection was lost while reading the body: %d bytes are missing" % still_to_come,
                              transient=True)
        return chunk

    def _trace_lines(self, mark, first, headers):
        """Trace a request or a response, with the values of SECRET_HEADERS masked."""
        self._trace(mark + " " + first)
        for name, value in headers:
            self._trace("%s %s: %s" % (mark, name, "***" if name.lower() in SECRET_HEADERS else value))

    def _make_redirect_error(self, status, location):
        """Return the error for a redirect, which is not followed."""
        # Show the target without user info and query, which may contain a password or a code. Mask our own secrets
        # first: if the token is `abcd?efgh`, cutting at `?` would leave `abcd`.
        masked = mask(location, self.secrets)
        without_query = re.split("[?#]", masked)[0]
        user_info, _, shown = without_query.rpartition("@")
        if "/" in user_info.split("//", 1)[-1]:     # the `@` is in the path, so what follows it is not the host
            shown = "***"
        return RemoteError("HTTP %d: redirect to %s not followed: the token goes only to the given server"
                           % (status, shown),
                           "if it leads to the API, set the server to the part of that URL before /v1")

    def _make_error(self, response, chunks):
        """Return the error for a response that is not a 200.

        This is a RemoteError for a redirect with a Location, and otherwise an APIError."""
        status, location = response.status, response.getheader("Location")
        if 300 <= status < 400 and location:
            return self._make_redirect_error(status, location)

        # Build the message.
        problem = self._read_problem(chunks)

        def show(name):
            """Return a member of the Problem as text, or "" if it is not text. The list `relation_path` is joined."""
            value = problem.get(name)
            if isinstance(value, list):
                value = " > ".join(step for step in value if isinstance(step, str))
            return value if isinstance(value, str) else ""

        parts = [("", show("detail")), ("code: ", show("code")), ("reason: ", show("reason")),
                 ("relation path: ", show("relation_path")),
                 ("correlation id: ", show("correlation_id") or response.getheader("X-Correlation-Id"))]
        message = ("HTTP %d %s" % (status, show("title") or response.reason)).strip()
        message += "".join("; " + label + text for label, text in parts if text)

        # Choose the hint.
        hint = STATUS_HINTS.get(status, "")
        if status == 401:
            hint = hint % (" from " + self._token_source if self._token_source else "")
        elif status in (400, 403, 404) and not problem:
            hint = API_HINT
        elif 300 <= status < 400:
            hint = "this is a redirect without a Location; " + API_HINT
        elif status in (400, 403):
            hint = PROBLEM_HINTS.get(show("code" if status == 400 else "reason"), hint)

        # Retry-After may also be a date, which is ignored. A number of 500 digits becomes infinity, and then 30.
        retry_after = response.getheader("Retry-After", "").strip()
        return APIError(message, hint, status, problem,
                        min(float(retry_after), 30.0) if re.fullmatch("[0-9]+", retry_after) else None)

    def _read_problem(self, chunks):
        """Return the JSON object in the body of an error, or {} if there is none or the body exceeds 64 KiB."""
        data = b""
        try:
            for chunk in chunks:
                data += chunk
                if len(data) > ERROR_BODY_LIMIT:
                    return {}
        except RemoteError:
            pass        # use the bytes that have arrived; truncated JSON is rejected below
        try:
            # parse_int=float, because int() of newer Pythons rejects more than 4,300 digits.
            problem = json.loads(data.decode("utf-8"), parse_int=float)
        except (ValueError, RecursionError):
            return {}
        return problem if isinstance(problem, dict) else {}


# ------------------------------------------------------------------------------------------------ JSON text

WHITESPACE = re.compile("[ \t\n\r]*")

# The limit for a value that is still incomplete, in characters: about 3,000 times the largest inline output. (A value
# may grow by a quarter beyond it, to 80 Mi.)
VALUE_LIMIT = 64 << 20


def read_number(literal):
    """Return a JSON number that is within the range of a double: `-0` becomes 0, `1E2` becomes 100.0.

    json calls it for integers, for all other numbers, and for NaN, Infinity and -Infinity, which RFC 8259
    excludes. Raises JSONDecodeError for these three, and for numbers beyond the range."""
    if not isfinite(float(literal)):
        raise json.JSONDecodeError("not a JSON number, or out of range", "", 0)
    return int(literal) if literal.lstrip("-").isdigit() else float(literal)


def decode_chunks(chunks):
    """Decode chunks of UTF-8, and yield their text.

    If the UTF-8 is malformed, yield the text before the fault, and then raise RemoteError."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    all_arrived = False
    try:
        yield from map(decode, chunks)
        all_arrived = True
        decode(b"", True)       # raises if the last character is incomplete
    except UnicodeDecodeError as error:
        # error.object is what was to be decoded: this chunk, preceded by the incomplete character before it.
        yield error.object[:error.start].decode("utf-8")
        raise RemoteError("the body contains bytes that are not UTF-8", transient=all_arrived)


class JSONReader:
    """Reads one JSON document (RFC 8259) from chunks of bytes, only as far as needed.

    json's own decoder decodes every value. This class makes sure that the whole value has arrived. Every reading method
    can raise RemoteError. This is how they read `{"items":[1,2]}`:

        next_entry("{}", True)      True        consumes {
        read_value()                "items"
        expect(":")                 ":"
        next_entry("[]", True)      True        consumes [
        read_value()                1
        next_entry("[]", False)     True        consumes the comma
        read_value()                2
        next_entry("[]", False)     False       consumes ]
        next_entry("{}", False)     False       consumes }
    """

    def __init__(self, chunks):
        self._texts = decode_chunks(chunks)
        self._scan = json.JSONDecoder(parse_float=read_number, parse_int=read_number,
                                      parse_constant=read_number).raw_decode
        self._text = ""         # the buffered part of the document
        self._pos = 0           # index in _text of the next character to read
        self._ended = False     # whether the document ends where _text ends
        self._error = None      # the RemoteError to raise after _text

    def _fill(self, least):
        """Drop what was read, and append at least `least` characters to _text.

        If the document ends before that, set _ended. If reading fails before that, the next call raises the error. So
        the {} of a truncated `[{},{` is still read."""
        if self._error:
            raise copy_error(self._error)
        parts = [self._text[self._pos:]]
        if len(parts[0]) > VALUE_LIMIT:
            raise RemoteError("the body contains a value that is too large or malformed")

        try:
            while least > 0 and not self._ended:
                text = next(self._texts, None)
                parts.append(text or "")
                least -= len(parts[-1])
                self._ended = text is None
        except RemoteError as error:
            self._error = copy_error(error)
        self._text, self._pos = "".join(parts), 0

    def fail_with(self, error):
        """Make every later read raise this error."""
        self._text, self._pos, self._ended, self._error = "", 0, False, copy_error(error)

    def peek(self):
        """Return the next character that is not white space, without consuming it, or "" at the end.

        Afterwards _pos is its index, or the document has ended."""
        while True:
            character = self._text[self._pos:self._pos + 1]     # "" at the end of _text
            if character and character not in " \t\n\r":
                return character
            self._pos = WHITESPACE.match(self._text, self._pos).end()
            if self._pos == len(self._text):
                if self._ended:
                    return ""
                self._fill(1)

    def expect(self, choices):
        """Consume and return the next character that is not white space. It must be one of the choices."""
        character = self.peek()
        if not character:
            raise RemoteError("the body is truncated", transient=True)
        if character not in choices:
            expected = " or ".join("`%s`" % choice for choice in choices)
            raise RemoteError("the body is malformed: expected %s, found `%s`" % (expected, character), API_HINT)
        self._pos += 1
        return character

    def next_entry(self, brackets, is_first):
        """Advance to the next entry of an object `{}` or a list `[]`, and return whether there is one.

        This consumes the opening bracket before the first entry, a comma before each further entry, and the closing
        bracket after the last one."""
        if is_first:
            self.expect(brackets[0])
            if self.peek() != brackets[1]:
                return True
        elif self.peek() == ",":
            self._pos += 1
            return True
        self.expect("," + brackets[1])
        return False

    def read_value(self):
        """Consume and return one whole value.

        A value that cannot be decoded may just be incomplete. So read more and try again, until the document ends or
        _fill finds the value too large. A malformed value is noticed only then."""
        self.peek()     # now _pos is the index of a character, or the document has ended
        while True:
            found = self._decode(self._text, self._pos)
            if found is not None:
                value, self._pos = found
                return value
            # Grow by a quarter of the value. So all attempts together cost at most five times as much as the last one:
            # 1 + 0.8 + 0.64 + ... = 5.
            self._fill(1 + (len(self._text) - self._pos) // 4)

    def _decode(self, text, start):
        """Return (value, index of its end) for the value at `start`, or None if more text is needed."""
        # Do not let json scan an object without any `}`. The object is incomplete, and json takes a long time to
        # discover that. (This saves 20 to 24% of the time of a large `get`.)
        if not self._ended and text.startswith("{", start) and text.find("}", start) < 0:
            return None
        try:
            value, end = self._scan(text, start)
        except RecursionError:
            raise RemoteError("the body is nested too deeply")
        except json.JSONDecodeError as error:
            if not self._ended:
                return None
            # If the text was truncated, a retry may help.
            was_cut = (error.pos >= len(text)                                   # `{"a": `
                       or not text.rstrip().endswith("}")                       # `{"a": tru`
                       or error.msg.startswith("Unterminated string"))          # `{"a": "{}`
            raise RemoteError("the body is truncated or malformed: %s" % error.msg, transient=was_cut)

        if isinstance(value, (int, float)) and not self._is_whole_number(text[end:end + 3]):
            return None
        return value, end

    def _is_whole_number(self, following):
        """Return True if a number is complete, and False if more text is needed.

        `following` is the text that follows it, at most three characters.

        json mistakes a truncated number for a shorter one: it returns 1 for `1.` of `1.5`, for `1e` of `1e5`, and for
        `1e-` of `1e-5`. In these cases at most two characters follow. So three are needed, or the end of the document.
        """
        if self._ended and re.fullmatch(r"\.|[eE][+-]?", following):
            raise RemoteError("the body is truncated", transient=True)
        return self._ended or len(following) == 3


# ----------------------------------------------------------------------------------------------- Wire model

END = object()      # what Document._advance returns when nothing is left


class Document:
    """One response from the server: a JSON object, read as its bytes arrive.

    Reading may raise RemoteError. An iterator that has raised it has ended, and a new one raises the same error again.
    Until it has been read to its end, a Document holds a connection. Use `with`, which closes the connection:

        with get_page(transport, project, {}) as page:
            for execution in page.elements: ...

    Without `with`, the connection is closed when Python frees the document. A reference cycle, or an exception whose
    traceback refers to the document, delays that. An exception that a signal handler raises while Python frees the
    document is lost.

    If an exception of your own interrupts the reading, such as one raised by a signal handler, do not read on: an
    element may be missing.

        list_name   the name of the list that is streamed: `items` or `targets`
        elements    iterator over the objects of that list that are still unread, as the server sent them
        members     all members that have arrived so far, in order; the streamed list appears as []. `next_cursor` is
                    added last, when the document is complete
        count       number of elements read so far
        succeeded   number of those elements whose status is `succeeded`
        cursor      the cursor that this page was requested with; "" for the first page
        resume      the cursor to resume at: this page's cursor ("" for the first page) until the page is complete; then
                    the next page's, or None if there is none
    """

    def __init__(self, chunks: "t.Iterable[bytes]", list_name: str, expected_id: "t.Optional[str]" = None,
                 cursor: str = "") -> None:
        self.list_name = list_name
        self.members: "t.Dict[str, t.Any]" = {}
        self.count = 0
        self.succeeded = 0
        self.cursor = cursor
        self.resume: "t.Optional[str]" = cursor
        self._expected_id = expected_id
        self._chunks = chunks
        self._reader = JSONReader(chunks)
        self._next_cursor: "t.Dict[str, t.Any]" = {}    # this member, until the document is complete
        self._state = "start"       # what has been read: "start" (nothing), "members", "list" (part of it), "complete"

    def __enter__(self) -> "Document":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def elements(self) -> "t.Generator[t.Dict[str, t.Any], None, None]":
        """The elements that are still unread."""
        while True:
            element = self._advance()
            if element is END:
                return
            if element is not None:
                yield element

    def close(self) -> None:
        """Discard the unread part and close the connection. Reading then raises RemoteError.

        A document that was read to its end is not affected."""
        if self._state != "complete":
            self._fail(RemoteError("the document was closed"))

    def _fail(self, error):
        self._reader.fail_with(error)
        close_chunks(self._chunks)

    def read_members(self, *names: str) -> "t.Dict[str, t.Any]":
        """Read until these members have arrived or the document ends, and return all members so far.

        Members that never arrive are absent from the result. List elements that arrive before the last of these members
        are discarded."""
        while not set(names) <= self.members.keys():
            if self._advance() is END:
                break
        return self.members

    def _advance(self):
        """Read one element of the list and return it, or read something else and return None.

        Return END at the end of the document."""
        try:
            if self._state == "list":
                if self._reader.next_entry("[]", self.count == 0):
                    return self._read_element()
                self._state = "members"
                return None
            if self._state == "complete":
                return END

            is_first = self._state == "start"
            self._state = "members"
            if self._reader.next_entry("{}", is_first):
                self._read_member()
                return None
            self._finish()
            return END
        except RemoteError as error:
            self._fail(error)
            raise

    def _read_element(self):
        element = self._reader.read_value()
        if not isinstance(element, dict):
            raise RemoteError("%s: expected a list of objects" % self.list_name)
        self.count += 1
        self.succeeded += element.get("status") == "succeeded"
        return element

    def _read_member(self):
        reader = self._reader
        if reader.peek() != '"':
            reader.expect('"')      # raises
        name = reader.read_value()
        reader.expect(":")
        if name in self.members or name in self._next_cursor:
            raise RemoteError('the body has "%s" twice' % name)

        # Stream the list. Read each of the other members as a whole. (next_cursor becomes a member only at the end, so
        # that nobody follows the cursor of a truncated page.)
        if name == self.list_name and reader.peek() == "[":
            self.members[name] = []
            self._state = "list"
        else:
            destination = self._next_cursor if name == "next_cursor" else self.members
            destination[name] = self._check_member(name, reader.read_value())

    def _finish(self):
        if self._reader.peek():
            raise RemoteError("the body is malformed: data follows the JSON object")
        # An Execution without `targets` has none: a server written in Go may leave an empty list out (`omitempty`).
        needed = "items" if self._expected_id is None else "id"
        if needed not in self.members:
            raise RemoteError('the response has no member "%s"' % needed, API_HINT)
        self.members.update(self._next_cursor)
        self.resume = self._next_cursor.get("next_cursor") or None
        self._state = "complete"

    def _check_member(self, name, value):
        """Return the value of a member. Raises RemoteError if it cannot be part of the expected response."""
        if name == self.list_name:      # a list would have been streamed, so this is null or malformed
            check_type(value, list, name)
        elif name == "next_cursor":
            check_type(value, str, name)
        elif name == "id" and self._expected_id is not None and str(value).lower() != self._expected_id:
            raise RemoteError("expected Execution %s, but the response's id is %s" % (self._expected_id, value),
                              API_HINT)
        return value


# `2026-11-24T09:30:00.5Z` or `2026-11-24T11:30:00.5+02:00`: a time as RFC 3339, 5.6, defines it. The groups are the
# time, the fraction of a second, and the offset.
RFC3339_TIME = (r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?"
                r"(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])")


def find_uuid(text):
    """Return the canonical lower-case spelling of a UUID: `019f41fa-e706-7f35-8b48-2edd4d1a60e2`. Return "" for other
    text.

    The text may be in one of the forms that Go's uuid.Parse documents: canonical, prefixed with `urn:uuid:`, in braces,
    or 32 digits without hyphens. Case and surrounding white space do not matter."""
    text = text.strip().lower()
    digits = text.replace("urn:uuid:", "").strip("{}").replace("-", "")
    canonical = "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])
    is_uuid = (len(digits) == 32 and set(digits) <= set("0123456789abcdef")
               and text in (canonical, "urn:uuid:" + canonical, "{%s}" % canonical, digits))
    return canonical if is_uuid else ""


def parse_uuid(value: "t.Union[str, AnyUUID]", where: str = "") -> str:
    """Return the canonical lower-case spelling of a UUID.

    The value is a uuid.UUID or a string. The string may be canonical, prefixed with `urn:uuid:`, in braces, or 32
    digits. `where` becomes part of the message of the error, for example ` in NAME`. Raises UsageError."""
    uuid = find_uuid(str(value))
    if not uuid:
        raise UsageError("expected a UUID%s, such as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10" % where)
    return uuid


def get_text(record, name, where=""):
    """Return a member that is a string, or None if it is null or absent. Raises RemoteError for any other type."""
    return check_type(record.get(name), str, where + name)


def parse_offset(offset):
    """Return `Z`, `+02:00` or `-00:30` as a timedelta."""
    from datetime import timedelta
    if offset == "Z":
        return timedelta(0)
    size = timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    return -size if offset[0] == "-" else size


def parse_utc(text):
    """Return `2026-11-24T09:30:00` as a naive datetime, or None if there is no such time."""
    from datetime import datetime
    try:
        return datetime(*map(int, re.split("[T:-]", text)))
    except ValueError:
        return None


def normalize_time(text):
    """Return an RFC 3339 time in UTC, without the Z, or None if the text is not such a time.

    Lower-case `t` and `z` are not accepted, nor is a leap second with an offset.

    Strings of this form sort as the times do: `09:30:00` < `09:30:00.25` < `09:30:00.3` < `09:30:01`. (Seconds have two
    digits, so a fraction is compared only with another fraction or with the end of the text.) Trailing zeros of a
    fraction are removed. Only a time with an offset other than `Z` is checked against the calendar."""
    match = re.fullmatch(RFC3339_TIME, text)
    if not match:
        return None
    moment, fraction, offset = match.groups()
    if offset != "Z":
        local = parse_utc(moment)
        if local is None:
            return None
        try:
            moment = (local - parse_offset(offset)).isoformat()
        except OverflowError:       # before the year 1, or after the year 9999
            return None
    return moment + fraction.rstrip("0").rstrip(".") if fraction else moment


def read_created_at(execution):
    """Return when an Execution was created, in UTC and without the Z, as normalize_time does. Raises RemoteError."""
    created = normalize_time(str(execution.get("created_at")))
    if created is None:
        raise RemoteError("Execution %s: created_at: expected a time such as 2026-11-24T09:30:00Z"
                          % execution.get("id"))
    return created


BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def decode_base64(text: str) -> bytes:
    """Decode standard base64 with exact padding (RFC 4648, 4). Raises ValueError for anything else.

    (a2b_base64 alone ignores characters outside the alphabet, and what follows the padding. Its strict_mode exists only
    from Python 3.11 on. A regular expression would make a large `get` 4% slower.)"""
    data = text.encode("ascii", "replace")      # `?` is not in the alphabet
    padding = data.translate(None, BASE64_ALPHABET)     # the characters that are not in the alphabet
    # These must be nothing, `=` or `==`, and only at the end: not `a=b=`, nor `ab=c`.
    if len(data) % 4 or padding not in (b"", b"=", b"==") or not data.endswith(padding):
        raise ValueError("inline_bytes: expected standard base64 with exact padding")
    return a2b_base64(data)


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
            kind = get_text(check_type(ref, dict, "output_ref"), "kind")
            if kind == "inline":        # an empty output has no inline_bytes
                return cls(kind, decode_base64(get_text(ref, "inline_bytes") or ""), "", "", "")
            if kind != "object_store":
                raise ValueError('unknown kind "%s"' % (kind or ""))
            bucket, key = get_text(ref, "bucket"), get_text(ref, "key")
            if not (bucket and key):
                raise ValueError("bucket or key: expected a non-empty string")
            return cls("archived", b"", "%s/%s" % (bucket, key), get_text(ref, "sha256") or "", "")
        except (ValueError, RemoteError) as error:      # binascii.Error is a ValueError
            return cls("unreadable", b"", "", "", str(error))


# ----------------------------------------------------------------------------------------------- Operations

EXECUTIONS = "/v1/projects/%s/executions"
READ_AHEAD_LIMIT = 16 << 20     # bytes of a page that are read before its first Execution is yielded, in a merge


def get_page(transport: Transport, project: "t.Union[str, AnyUUID]", parameters: "Parameters") -> Document:
    """Request one page of a Project's Executions, and return it once the headers have arrived.

    `parameters` are the API's: status, action_name, limit, cursor. Raises UsageError for a malformed UUID, and the
    errors of Transport.get."""
    path = EXECUTIONS % parse_uuid(project)
    return Document(transport.get(path, parameters), "items", cursor=str(parameters.get("cursor") or ""))


class CursorCheck:
    """Remembers the cursors of a walk, and rejects those that cannot be followed.

    It remembers hashes, which have a fixed size, because a server may send any number of cursors of any length. (If two
    cursors had the same hash, the walk would end with an error.)"""

    def __init__(self, cursor):
        self._seen = {hash(cursor)}

    def check(self, cursor):
        """Raise RemoteError for a cursor that was requested before, or that cannot be sent back."""
        if hash(cursor) in self._seen:
            raise RemoteError("the server's cursors form a loop: %s was repeated" % cursor, can_resume=False)
        if re.search("[\ud800-\udfff]", cursor):
            raise RemoteError("next_cursor contains a lone surrogate, which cannot be sent back", can_resume=False)
        self._seen.add(hash(cursor))


def walk(transport: Transport, project: "t.Union[str, AnyUUID]",
         parameters: "Parameters") -> "t.Generator[Document, None, None]":
    """Yield the pages of a Project's Executions.

    Each page is requested when you reach it. Anything left unread on the previous page is skipped. Do not close a page
    before its end, because next_cursor comes last. To stop early, close the generator (contextlib.closing), which
    closes the page. Raises the same errors as get_page, and RemoteError if a cursor is repeated. To notice that, it
    keeps a hash of every cursor.

    To resume after an error, call walk() again with the last page's `resume` as the cursor. To look for new Executions
    after the end, call it with the last page's `cursor`, and skip the ids that you have. That finds Executions that
    were created since. It does not find an old Execution whose status has changed, such as one that fails later."""
    query = dict(parameters)
    cursors = CursorCheck(parameters.get("cursor") or "")
    while True:
        # Close the page if the caller leaves early. (An exception that a signal handler raises while Python frees the
        # page would be lost.)
        with get_page(transport, project, query) as page:
            yield page
            for _ in page.elements:
                pass        # skip what the caller left unread
        if page.resume is None:
            return
        cursors.check(page.resume)
        query["cursor"] = page.resume


class ReadAhead:
    """An iterator over chunks that reads ahead.

    When it is created, it immediately reads chunks until it holds `limit` bytes or more. A RemoteError that occurs
    meanwhile is raised after the chunks that arrived before it."""

    def __init__(self, chunks, limit):
        self._chunks = chunks
        self._buffer = deque()
        self._error = None
        size = 0
        try:
            for chunk in chunks:
                self._buffer.append(chunk)
                size += len(chunk)
                if size >= limit:
                    break
        except RemoteError as error:
            self._error = copy_error(error)

    def __iter__(self):
        return self

    def __next__(self):
        if self._buffer:
            return self._buffer.popleft()
        if self._error:
            raise copy_error(self._error)
        return next(self._chunks)

    def close(self):
        """Discard what is unread."""
        self._buffer.clear()
        close_chunks(self._chunks)


class TimeWindow:
    """The time window of one query: which Executions lie in it, and whether later pages can contain more of them.

    `since` and `until` are strings as normalize_time returns them, or None."""

    def __init__(self, since, until):
        self._since, self._until = since, until
        self._previous = ""         # the time of the previous Execution
        self._earliest = ""         # the earliest time on this page, or "" before its first Execution
        self._has_risen = self._has_fallen = False

    def start_page(self):
        """Record that the next Execution is on another page."""
        self._earliest = ""

    def contains(self, execution):
        """Return whether an Execution was created at or after `since`, and before `until`. Raises RemoteError."""
        created = read_created_at(execution)
        if self._previous and created > self._previous:
            self._has_risen = True
        if created < self._previous:
            self._has_fallen = True
        self._previous = created
        self._earliest = min(created, self._earliest or created)

        is_early = self._since and created < self._since
        is_late = self._until and created >= self._until
        return not (is_early or is_late)

    def ends_walk(self):
        """Return whether this page and all later ones lie at or after `until`.

        For the later pages, it assumes that the server lists the oldest first. It assumes so only if the times so far
        have risen at least once and never fallen. (A server that lists the newest first would make them fall.
        Executions that are out of order by a page or more can be missed.)"""
        lists_oldest_first = self._has_risen and not self._has_fallen
        is_past = self._until and self._earliest and self._earliest >= self._until
        return bool(lists_oldest_first and is_past)


def make_merge_key(execution):
    """Return what merged Executions are sorted by. Raises RemoteError for a malformed created_at."""
    return read_created_at(execution), str(execution.get("id"))


def keep_last_copies(executions):
    """Yield (created_at, Execution) of merged Executions. Of the copies of an Execution (same time and id), yield only
    the last.

    Copies follow each other, and the last one is from the latest query (heapq.merge is stable). An Execution without an
    id is never treated as a copy. A RemoteError is raised only after the Executions before it have been yielded."""
    kept, kept_key = None, None     # held back, because the next Execution may be a copy of it
    try:
        for execution in executions:
            key = make_merge_key(execution)
            is_copy = key == kept_key and isinstance(execution.get("id"), str)
            if kept is not None and not is_copy:
                yield kept_key[0], kept
            kept, kept_key = execution, key
    except RemoteError:
        if kept is not None:
            yield kept_key[0], kept
        raise
    if kept is not None:
        yield kept_key[0], kept


def to_utc_text(moment):
    """Convert a datetime to the form that normalize_time returns. None stays None.

    A naive datetime is in UTC. Raises UsageError for any other type, for a UTC offset that is not in whole minutes, and
    for a time outside the years 1 to 9999 in UTC."""
    from datetime import datetime
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise UsageError("expected a datetime")
    text = normalize_time(moment.isoformat() + ("Z" if moment.utcoffset() is None else ""))
    if text is None:
        raise UsageError("expected a time between the years 1 and 9999 in UTC, with an offset in whole minutes")
    return text


class Listing:
    """The Executions of a Project that match all filters, from as many pages as needed.

        for execution in Listing(transport, project, statuses=FAILED_STATUSES, since=yesterday).elements: ...

    The server filters by `action_name`. This class filters by time. The status is part of the queries, as follows:

        statuses        cursor      queries                             order
        none, or one    any         one                                 the server's
        several         none        one for each status, merged         by created_at, then by id
        several         given       one, without a status               the server's

    With several statuses, this class also checks the status of each Execution.

    Merged queries start in life-cycle order, from pending to timeout. So if an Execution moves from one of these
    statuses to a later one of them between two queries, the later query returns it, too. It is then yielded once, as
    the later query returned it. No such Execution is missed as long as the results for each status fit on one page.

    From each page of a merged query, up to 16 MiB are read before its first Execution is yielded, so that no response
    stays half-read for long. If the server lists the newest first, merged queries yield every Execution, but in no
    specified order, and an Execution whose status changes may be yielded twice.

    If the body of a page is truncated, or stalls, the page is requested again, at most once for each of the Transport's
    pauses. (Transport.get may retry each of these requests, too.) Executions that were already yielded are recognized
    by their ids, and skipped. An iterator that has raised an error has ended. To stop iterating early, close the
    iterator (contextlib.closing).

    To poll for new failures, list with a `since` that is further back than the longest run takes, and skip the ids that
    you have. A later `since` misses an older Execution that has only just failed.

        elements        iterator over the Executions; each use of `elements` starts again, at `cursor` or the first page
        members         {"items": []}, for compatibility with Document
        list_name       `items`
        page_count      number of pages that have begun to arrive
        count           number of Executions on the complete pages, including those that do not match
        resume          as Document.resume, but None once `until` has ended the listing, and always None if several
                        queries are merged
        last_created_at when the last yielded Execution was created, in UTC, to the second: 2026-07-14T09:28:41Z. None
                        before the first Execution is yielded, and while the last one has a malformed created_at
        next_since      if several queries are merged, the value to pass as `since` to resume after an error. It is
                        the time of last_created_at, as a naive datetime in UTC. It is None before the first Execution
                        is yielded. It becomes and stays None once an Execution is out of order (created before the one
                        yielded just before it). It is always None for a single query, which has `resume`
    """

    def __init__(self, transport: Transport, project: "t.Union[str, AnyUUID]", statuses: "t.Iterable[str]" = (),
                 since: "t.Optional[datetime]" = None, until: "t.Optional[datetime]" = None,
                 action_name: "t.Optional[str]" = None, limit: "t.Union[str, int, None]" = "200",
                 cursor: "t.Optional[str]" = None) -> None:
        """Prepare the queries. Nothing is sent yet. Raises UsageError.

            statuses        only Executions with one of these; () for all
            since, until    only Executions created at or after `since`, and before `until`. Both are datetimes; naive
                            ones are in UTC. With `until`, a query ends early if its times so far have risen at least
                            once and never fallen: after a page on which all times are at or after `until`. (Such times
                            suggest that the server lists the oldest first. An Execution that is out of order by a page
                            or more can be missed.)
            action_name     only Executions of exactly this action
            limit           Executions per page; 0, "" or None for the server's default
            cursor          the page to start with. A cursor belongs to one query. So if both a cursor and several
                            statuses are given, one query without a status is sent, and its results are filtered here
        """
        if isinstance(statuses, str):
            raise UsageError("statuses: expected an iterable of strings, such as (%r,)" % statuses)
        self.list_name = "items"
        self.members: "t.Dict[str, t.Any]" = {"items": []}

        # What to request, and what to keep.
        self._transport = transport
        self._project = parse_uuid(project)
        self._statuses = sorted(dict.fromkeys(statuses), key=lambda status: STATUS_ORDER.get(status, len(STATUSES)))
        self._since, self._until = to_utc_text(since), to_utc_text(until)
        self._cursor = cursor or ""
        self._parameters = {"action_name": action_name, "limit": limit}
        self._is_merged = len(self._statuses) > 1 and not cursor

        self._reset()

    def _reset(self) -> None:
        """Reset the attributes that show how far reading has progressed."""
        self.page_count = 0
        self.count = 0
        self.resume: "t.Optional[str]" = None if self._is_merged else self._cursor
        self.next_since: "t.Optional[datetime]" = None
        self._latest: "t.Dict[str, t.Any]" = {}     # the last yielded Execution

    @property
    def elements(self) -> "t.Generator[t.Dict[str, t.Any], None, None]":
        """The Executions that match."""
        self._reset()
        if self._is_merged:
            yield from self._merge()
        elif len(self._statuses) == 1:
            yield from self._query(self._statuses[0], ())
        else:
            yield from self._query(None, self._statuses)

    @property
    def last_created_at(self) -> "t.Optional[str]":
        """When the last yielded Execution was created."""
        created = normalize_time(str(self._latest.get("created_at")))
        return created and created[:19] + "Z"

    def _request_page(self, query):
        """Request one page, and read ahead in it if several queries are merged."""
        chunks = self._transport.get(EXECUTIONS % self._project, query)
        if self._is_merged:
            chunks = ReadAhead(chunks, READ_AHEAD_LIMIT)
        return Document(chunks, "items", cursor=query["cursor"])

    def _query(self, requested_status, accepted_statuses):
        """Yield the Executions of one query that match.

        `requested_status` is what the server filters by, or None for all. `accepted_statuses` are those that are kept
        here, or () for all."""
        query = dict(self._parameters, status=requested_status, cursor=self._cursor)
        cursors = CursorCheck(self._cursor)
        window = TimeWindow(self._since, self._until)
        while True:
            window.start_page()
            page = yield from self._read_page(query, accepted_statuses, window)
            self.count += page.count
            cursor = None if window.ends_walk() else page.resume        # None: the listing is complete
            if not self._is_merged:
                self.resume = cursor
            if cursor is None:
                return
            cursors.check(cursor)
            query["cursor"] = cursor

    def _read_page(self, query, accepted_statuses, window):
        """Yield the matching Executions of one page. Return its Document once it is complete.

        If reading the body, or a repeated request, fails with a transient error, the page is requested again, at most
        once for each of the Transport's pauses. (Transport.get may retry each of these requests, too.) Executions that
        have been read before are recognized by their ids, and skipped. An Execution without an id is never skipped."""
        needs_times = self._since or self._until or self._is_merged
        page = self._request_page(query)
        self.page_count += 1
        pauses = iter(self._transport.pauses)
        ids = []            # the ids of all Executions read so far
        skipped = set()     # the ids that were read before the last failure
        while True:
            try:
                if page is None:
                    page = self._request_page(query)

                with page:
                    for execution in page.elements:
                        # Skip what an earlier attempt has read.
                        execution_id = execution.get("id")
                        if skipped and isinstance(execution_id, str) and execution_id in skipped:
                            continue
                        ids.append(execution_id)

                        # Keep only what matches.
                        if accepted_statuses and execution.get("status") not in accepted_statuses:
                            continue
                        if needs_times and not window.contains(execution):
                            continue
                        if not self._is_merged:
                            self._latest = execution
                        yield execution
                return page
            except RemoteError as error:
                pause = next(pauses, None)
                if pause is None or not error.transient:
                    raise
                self._transport._wait_to_retry(error, pause)
                page = None
                skipped = {text for text in ids if isinstance(text, str)}

    def _merge(self):
        """Send one query for each status. Yield the results sorted by time and id, without earlier copies.

        Keep next_since and last_created_at up to date."""
        from heapq import merge
        queries = [self._query(status, [status]) for status in self._statuses]
        latest, is_in_order = "", True
        try:
            for created, execution in keep_last_copies(merge(*queries, key=make_merge_key)):
                is_in_order = is_in_order and created >= latest
                latest, self._latest = created, execution
                self.next_since = parse_utc(created[:19]) if is_in_order else None
                yield execution
        finally:
            for query in queries:
                query.close()


def select_last(executions: "t.Iterable[t.Dict[str, t.Any]]", number: int) -> "t.List[t.Dict[str, t.Any]]":
    """Return the `number` Executions that were created last, oldest first.

    Ties are broken by arrival order: a later arrival counts as newer. Only `number` Executions are kept in memory.
    Raises RemoteError."""
    from heapq import nlargest
    # Arrival numbers are unique, so Executions are never compared.
    entries = ((read_created_at(execution), arrival, execution) for arrival, execution in enumerate(executions))
    return [execution for _, _, execution in reversed(nlargest(number, entries))]


def get_execution(transport: Transport, project: "t.Union[str, AnyUUID]", execution_id: "t.Union[str, AnyUUID]",
                  pauses: "t.Optional[t.Iterable[float]]" = None) -> Document:
    """Request one Execution, and return it once the headers have arrived.

    Its elements are the targets; OutputRef.from_wire reads the `output_ref` of a target. `pauses` is as for
    Transport.get. If the body is truncated, nothing is retried. Raises the same errors as get_page."""
    project, execution_id = parse_uuid(project), parse_uuid(execution_id)
    return Document(transport.get("%s/%s" % (EXECUTIONS % project, execution_id), {}, pauses), "targets", execution_id)


FIRST_POLL_PAUSE, LONGEST_POLL_PAUSE = 2.0, 15.0        # seconds


def poll_status(transport, project, execution_id, pauses):
    """Request an Execution, read it only until its id and status have arrived, and return the status.

    Return `-` if there is none."""
    with get_execution(transport, project, execution_id, pauses) as document:
        return get_text(document.read_members("id", "status"), "status") or "-"


def make_wait_timeout(status, failure):
    """Return the error for a wait that timed out. `status` may be "", and `failure` None."""
    message = "the wait timed out, and no final status is known"
    if status:
        message += '; the last status was "%s"' % status
    if failure:
        message += "; the last failure was: %s" % failure
    return WaitTimeout(message, "the Execution may still be running: wait again, or longer", status)


def poll_until_final(transport, project, execution_id, is_single, on_status, on_retry):
    """Poll on behalf of wait_for_execution: until the Transport's deadline, or just once if `is_single` is true."""
    status, reported, pause = "", "", FIRST_POLL_PAUSE
    while True:
        # Request the status. The request is retried only until the first response; later, the next poll is the retry.
        failure = None
        try:
            status = poll_status(transport, project, execution_id, () if status or is_single else None)
        except RemoteError as error:
            # After the deadline, WaitTimeout takes precedence over any failure.
            can_wait = status and error.transient
            if not can_wait and not transport.deadline_passed():
                raise
            failure, reported = error, ""
        else:
            if status != reported:
                on_status(status)
                reported = status
            if status in FINAL_STATUSES:
                return status

        # Wait, if there is time.
        if is_single or transport.deadline_passed():
            raise make_wait_timeout(status, failure)
        delay = pause
        if failure:
            on_retry(str(failure))
            delay = max(pause, failure.retry_after or 0.0)
        transport.sleep(transport.remaining(delay))
        if transport.deadline_passed():
            raise make_wait_timeout(status, failure)
        pause = min(pause * 1.5, LONGEST_POLL_PAUSE)


def wait_for_execution(transport: Transport, project: "t.Union[str, AnyUUID]", execution_id: "t.Union[str, AnyUUID]",
                       seconds: "t.Optional[float]" = None, on_status: "t.Callable[[str], t.Any]" = do_nothing,
                       on_retry: "t.Callable[[str], t.Any]" = do_nothing) -> str:
    """Wait until the status of an Execution is final, and return that status.

        seconds     limits the wait. None means no limit. 0 or less means: send one request, without retries.
        on_status   called as on_status(status) with the first status, with each change, and with the first status after
                    a failure. A response without a status counts as `-`. An unknown status is not final.
        on_retry    called as on_retry(text) before the pause that follows a failure which does not end the wait. (The
                    retries before the first successful response are reported to the Transport's on_retry.)

    It requests the Execution at once, and then after pauses of 2 s, 3 s, 4.5 s and so on, at most 15 s. The server's
    Retry-After can make a pause longer. The deadline of the Transport limits the wait as `seconds` does.

    During the wait, the Transport's deadline is the former one or the end of `seconds`, whichever is earlier. At the
    end the former deadline is restored, unless a callback has set another. If a signal handler of yours raised an
    exception, set the deadline again, because Python may have skipped that step.

    Raises WaitTimeout when the time is up, whatever the last failure was. Before that, raises RemoteError for a failure
    that waiting cannot fix, and for every failure before the first successful response. If `seconds` is 0 or less,
    raises WaitTimeout for a status that is not final, and the RemoteError for a failure. Raises UsageError for a
    malformed UUID or an unusable CA file, and if `seconds` is not a number or exceeds one day."""
    outer_deadline = own_deadline = transport.deadline
    is_single = isinstance(seconds, (int, float)) and seconds <= 0
    if seconds is not None and not is_single:
        end = transport.clock() + check_seconds(seconds, "seconds: ")
        own_deadline = end if outer_deadline is None else min(end, outer_deadline)
    transport.deadline = own_deadline
    try:
        return poll_until_final(transport, project, execution_id, is_single, on_status, on_retry)
    finally:
        if transport.deadline == own_deadline:      # a callback or signal handler may have set another one
            transport.deadline = outer_deadline


# -------------------------------------------------------------------------------------------------- Formats
#
# A format is a generator that yields what to print: text or bytes. It takes the document, an iterator over the elements
# to show, and the console. It uses the console's is_coloured, columns and encode_for_stdout(bytes). A format of `get`
# also takes report_error(text), which it calls for each part of the output that cannot be shown.
#
# If reading the document fails, the iterator raises RemoteError inside the format, and nothing more is printed.
# Incomplete json and yaml are never closed off, and text and table of an incomplete `get` have no recap. jsonl, raw,
# lines and the table of `list` have no end mark: nothing on stdout shows that they are incomplete.

COLOURS = {"succeeded": "32", "failed": "31", "timeout": "31", "cancelled": "33", "started": "36", "ack": "36"}
BOLD = "1"


def paint(text, code, console):
    """Return text in an SGR colour (ECMA-48, 8.3.117). Without a code or colours, return it unchanged."""
    return "\x1b[%sm%s\x1b[0m" % (code, text) if console.is_coloured and code else text


def paint_status(status, console):
    """Return a status in its colour, for a table.

    It is padded first, because str.format would count the escape codes as width."""
    return paint("%-9s" % escape_field(status), COLOURS.get(status), console)


# What the json formats escape besides the controls below U+0020: DEL and the C1 controls; characters that are invisible
# or change the direction of text; U+FFFE and U+FFFF; lone surrogates. The list is our own, so that it is the same on
# every Python. It omits some rarely used characters, such as U+E0001.
JSON_ESCAPED = ("[\x7f-\x9f" "\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff" "\ufffe\uffff"
                "\ud800-\udfff]")
encode_indented = json.JSONEncoder(indent=2, ensure_ascii=False).encode
encode_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def make_json_visible(text):
    r"""Return a JSON text with every JSON_ESCAPED character as \uNNNN. Such characters occur only inside strings."""
    return re.sub(JSON_ESCAPED, lambda match: "\\u%04x" % ord(match.group()), text)


def indent_json(value, depth):
    """Return a value as JSON text, indented for a place `depth` levels deep. (JSON strings contain no line breaks.)"""
    return make_json_visible(encode_indented(value)).replace("\n", "\n" + "  " * depth)


def format_json(document, elements, console, report_error=do_nothing):
    """Yield the document, indented by 2, with its members in order and next_cursor last.

    This is also the yaml format: JSON is valid YAML 1.2."""
    def format_members(names):
        return [indent_json(name, 0) + ": " + indent_json(document.members[name], 1) for name in names]

    first = next(elements, None)
    if first is None:       # all members have arrived
        yield "{\n  " + ",\n  ".join(format_members(document.members)) + "\n}\n"
        return

    # The members before the list have arrived by the time its first element is read. Those after it have arrived only
    # when `elements` is exhausted.
    place = list(document.members).index(document.list_name)
    before = format_members(list(document.members)[:place]) + ['"%s": [\n    ' % document.list_name]
    yield "{\n  " + ",\n  ".join(before) + indent_json(first, 2)
    for element in elements:
        yield ",\n    " + indent_json(element, 2)
    after = format_members(list(document.members)[place + 1:])
    yield "\n  ]" + "".join(",\n  " + text for text in after) + "\n}\n"


def format_jsonl(document, elements, console, report_error=do_nothing):
    """Yield one compact object on each line."""
    for element in elements:
        yield make_json_visible(encode_compact(element)) + "\n"


def remove_fraction(text):
    """Return a time without the fraction of a second: `09:30:00.25Z` becomes `09:30:00Z`.

    Text that is not a time is returned unchanged, unless a colon and exactly two characters immediately precede its
    first `.`."""
    head, _, tail = (text or "").partition(".")     # in a time, head ends like `:00`
    return head + tail.lstrip("0123456789") if head[-3:-2] == ":" else text


def shorten_time(text):
    """Return `07-14T09:29`, in UTC, for `2026-07-14T09:29:39.5Z` or `2026-07-14T11:29:39+02:00`.

    Return `-` for text that does not begin with a time."""
    text = text or ""
    if text[-6:-5] in ("+", "-"):       # perhaps an offset
        text = normalize_time(text) or text
    return text[5:16] if re.match("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}", text) else "-"


class Table(namedtuple("Table", "min_columns names row show_time")):
    """The layout of a table.

        min_columns     the narrowest terminal that it fits
        names           the names of all cells, including those that `row` leaves out
        row             the format of a row; it can leave out some of its cells. The widths are minimum widths
        show_time       the function that formats a time
    """


# The cells of a row are: id, status, type, targets, created, updated, action. On the narrowest terminals a row with an
# action of 20 characters is 79 columns wide.
EXECUTION_TABLES = [
    Table(130, "ID STATUS TYPE TARGETS CREATED_AT UPDATED_AT ACTION", "{:36}  {:9}  {:7}  {:7}  {:20}  {:20}  {}\n",
          remove_fraction),
    Table(104, "ID STATUS TYPE TARGETS CREATED UPDATED ACTION", "{0:36}  {1:9}  {3:7}  {4:11}  {5:11}  {6}\n",
          shorten_time),
    Table(91, "ID STATUS TYPE TARGETS CREATED UPDATED ACTION", "{0:36}  {1:9}  {3:7}  {5:11}  {6}\n", shorten_time),
    Table(0, "ID STATUS TYPE TARGETS CREATED UPDATED ACTION", "{0:36} {1:9} {5:11} {6}\n", shorten_time),
]
TARGET_TABLES = [
    Table(104, "NODE_ID STATUS UPDATED_AT OUTPUT", "{:36}  {:9}  {:20}  {}\n", remove_fraction),
    Table(0, "NODE_ID STATUS UPDATED OUTPUT", "{:36}  {:9}  {:11}  {}\n", shorten_time),
]
ROW_MEMBERS = "id status type created_at updated_at action".split()
TEXT_TYPES = {str, type(None)}


def choose_table(tables, console):
    """Return the first of these tables that fits the terminal."""
    return next(table for table in tables if console.columns >= table.min_columns)


def format_header(table, console):
    """Return the header line of a table."""
    return paint(table.row.format(*table.names.split())[:-1], BOLD, console) + "\n"


def format_row(execution, succeeded, total, table, console):
    """Return the row of an Execution. Raises RemoteError for a member of the wrong type."""
    values = [execution.get(name) for name in ROW_MEMBERS]
    if not TEXT_TYPES.issuperset(map(type, values)):
        raise RemoteError("Execution %s: these must be strings or null: %s" % (values[0], ", ".join(ROW_MEMBERS)))
    execution_id, status, kind, created, updated, action = values
    cells = [execution_id, status, kind, "%d/%d" % (succeeded, total), table.show_time(created),
             table.show_time(updated)]

    # Check the row as a whole. escape_field changes only cells that are empty, contain spaces or are unprintable, so it
    # is rarely needed. (This saves 11 to 14% of the time of a listing.)
    joined = "".join([cell or " " for cell in cells])
    if " " in joined or not joined.isprintable():
        cells = [escape_field(cell) for cell in cells]
    if console.is_coloured:
        cells[1] = paint_status(status, console)
    return table.row.format(*cells, make_visible(action or "-"))


def format_table(document, elements, console):
    """Yield a row for each Execution of a listing, and finally the cursor of the next page."""
    table = choose_table(EXECUTION_TABLES, console)
    header = format_header(table, console)
    for execution in elements:
        # 0 marks a target that is not an object. It is rejected below.
        targets = check_type(execution.get("targets"), list, "targets") or []
        statuses = [target.get("status") if isinstance(target, dict) else 0 for target in targets]
        if not TEXT_TYPES.issuperset(map(type, statuses)):
            raise RemoteError("Execution %s: targets: expected objects with a string status"
                              % execution.get("id"))
        yield header + format_row(execution, statuses.count("succeeded"), len(statuses), table, console)
        header = ""     # it belongs above the first row

    cursor = document.members.get("next_cursor")
    yield header + ("next_cursor: %s\n" % make_visible(cursor) if cursor else "")


def read_target(target, report_error):
    """Return (node id, status, OutputRef) of a target. Reports an unreadable output. Raises RemoteError."""
    node_id = get_text(target, "node_id", "a target's ")
    status = get_text(target, "status", "target %s: " % escape_field(node_id))
    output = OutputRef.from_wire(target.get("output_ref"))
    if output.kind == "unreadable":
        report_error("the output of target %s is unreadable: %s" % (escape_field(node_id), output.fault))
    return node_id, status, output


def describe_output(output):
    """Return `N bytes`, `archived: BUCKET/KEY (sha256:DIGEST)`, `no output` or `unreadable`.

    An archived output without a digest has no parentheses."""
    if output.kind == "archived":
        # A key must not imitate a digest.
        location = escape_location(output.location).replace(" (sha256:", "\\x20(sha256:")
        digest = " (sha256:%s)" % escape_field(output.sha256) if output.sha256 else ""
        return "archived: " + location + digest
    return {"inline": "%d bytes" % len(output.data), "none": "no output"}.get(output.kind, output.kind)


def format_recap(document, console):
    """Return the header and the table row of one Execution.

    They come last, because targets are printed as they arrive, and because the end of the output is what stays visible
    on a terminal."""
    table = choose_table(EXECUTION_TABLES, console)
    row = format_row(document.members, document.succeeded, document.count, table, console)
    return format_header(table, console) + row


def format_sections(document, elements, console, report_error):
    """Yield a section for each target, and then the recap.

    A section is the line `==> NODE_ID STATUS N bytes <==`, the N bytes, a line feed if N is not 0 and they do not end
    with one, and an empty line. For other outputs, the header says `archived`, `no output` or `unreadable`. On a
    terminal the bytes are made safe, which can change their number."""
    for target in elements:
        node_id, status, output = read_target(target, report_error)
        is_archived = output.kind == "archived"
        description = describe_output(output)
        body = description.encode("utf-8") if is_archived else console.encode_for_stdout(output.data)
        if body and not body.endswith(b"\n"):
            body += b"\n"

        header = [paint("==> %s " % escape_field(node_id), BOLD, console),
                  paint(escape_field(status), COLOURS.get(status, BOLD), console),
                  paint(" %s <==" % ("archived" if is_archived else description), BOLD, console)]
        yield "".join(header).encode("utf-8") + b"\n" + body + b"\n"
    yield format_recap(document, console)


def format_targets(document, elements, console, report_error):
    """Yield a row for each target, without its output, and then the recap."""
    table = choose_table(TARGET_TABLES, console)
    header = format_header(table, console)
    for target in elements:
        node_id, status, output = read_target(target, report_error)
        updated = table.show_time(get_text(target, "updated_at", "target %s: " % escape_field(node_id)))
        yield header + table.row.format(escape_field(node_id), paint_status(status, console), escape_field(updated),
                                        describe_output(output))
        header = ""
    yield header + "\n" + format_recap(document, console)


def read_inline(elements, console, report_error):
    """Yield (node id, bytes for stdout) of each target. Reports archived outputs as errors."""
    for target in elements:
        node_id, _, output = read_target(target, report_error)
        if output.kind == "archived":
            report_error("the output of target %s is %s" % (escape_field(node_id), describe_output(output)))
        yield node_id, console.encode_for_stdout(output.data)


def format_raw(document, elements, console, report_error):
    """Yield the bytes of the inline outputs, one after the other, and nothing else."""
    for _, data in read_inline(elements, console, report_error):
        yield data


def format_lines(document, elements, console, report_error):
    """Yield every line of every inline output, prefixed with its node id: `NODE_ID: LINE`."""
    for node_id, data in read_inline(elements, console, report_error):
        lines = data.split(b"\n")       # splitlines() would also split at CR
        if not lines[-1]:
            lines.pop()                 # nothing follows the last line break
        prefix = escape_field(node_id).encode("utf-8") + b": "
        yield b"".join(prefix + line + b"\n" for line in lines)


LIST_FORMATS = {"text": format_table, "table": format_table, "json": format_json, "yaml": format_json,
                "jsonl": format_jsonl}
GET_FORMATS = {"text": format_sections, "table": format_targets, "lines": format_lines, "raw": format_raw,
               "json": format_json, "yaml": format_json, "jsonl": format_jsonl}


class OutputFolder:
    """The folder of --output-dir: new, or empty and writable only by the user.

    It is opened once, and its files are created through its descriptor. So renaming or replacing the folder later has
    no effect. (Windows has no such descriptors.) The methods raise ExecLogError, which names the file.

        path        the folder, as it was given
    """

    def __init__(self, path):
        """Create the folder if it is missing, open it and check it. Raises ExecLogError, which says what is wrong."""
        self.path = path
        self._descriptor = None     # descriptor of the open folder; None on Windows
        self._base = ""             # prefix of each name; on Windows the folder's path
        self._index = None          # the open file `targets.partial`

        hint = ""
        try:
            folder = path.rstrip("/") or path       # a trailing slash would hide a symbolic link
            if not os.path.lexists(folder):
                os.mkdir(folder, 0o700)
            hint = "name a folder that does not exist yet"

            # Open it, and check what was opened. Raise OSError, as system calls do. (O_NOFOLLOW refuses a
            # link; islink is for the message, and for Windows.)
            if os.path.islink(folder):
                raise OSError("it is a symbolic link")
            if WINDOWS:
                self._base = folder
            else:
                self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                status = os.fstat(self._descriptor)
                problem = check_owner(status) or check_mode(status, 0o022)
                if problem:
                    raise OSError(problem)
            if os.listdir(folder if WINDOWS else self._descriptor):
                raise OSError("it is not empty")
        except (OSError, ValueError) as error:      # ValueError: the name contains a NUL
            self.close()
            raise ExecLogError("the folder %s cannot be used: %s" % (path, describe_error(error)), hint)

    def close(self):
        """Close the folder's descriptor, and the index if it is open."""
        descriptor, self._descriptor = self._descriptor, None
        index, self._index = self._index, None
        try:
            if index is not None:
                index.close()       # may write the rest of the line that failed
        except OSError:
            pass        # write_index() has raised it already
        if descriptor is not None:
            os.close(descriptor)

    def write_output(self, name, data):
        """Write a new file."""
        try:
            with self._create(name) as file:
                file.write(data)
        except OSError as error:
            raise self._make_error(name, error)

    def write_index(self, line):
        """Append a line (bytes) to the index. It is called `targets.partial` until finish_index()."""
        try:
            if self._index is None:
                self._index = self._create("targets.partial")
            self._index.write(line)
            self._index.flush()
        except OSError as error:
            raise self._make_error("targets.partial", error)

    def finish_index(self):
        """Give the index its final name, `targets`."""
        index, self._index = self._index, None
        try:
            index.close()
            os.rename(os.path.join(self._base, "targets.partial"), os.path.join(self._base, "targets"),
                      src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except OSError as error:
            raise self._make_error("targets", error)

    def _create(self, name):
        """Create a binary file with mode 0600. This fails if the name exists, even as a link.

        Mode x passes the flags O_WRONLY, O_CREAT, O_EXCL and O_CLOEXEC to the opener (see io.FileIO)."""
        return open(os.path.join(self._base, name), "xb", opener=lambda path, flags: os.open(
            path, flags, 0o600, dir_fd=self._descriptor))

    def _make_error(self, name, error):
        return ExecLogError("cannot write %s: %s" % (os.path.join(self.path, name), describe_error(error)))


def format_index_line(node_id, status, output):
    """Return the line of a target in the index: NODE_ID, STATUS, kind, BYTES, SHA256, BUCKET/KEY, separated by tabs."""
    size, digest = "", output.sha256
    if output.kind == "inline":
        from hashlib import sha256
        size, digest = "%d" % len(output.data), sha256(output.data).hexdigest()
    fields = [escape_field(field) for field in (node_id, status, output.kind, size, digest)]
    fields.append(escape_location(output.location or "-"))
    return ("\t".join(fields) + "\n").encode("utf-8")


def save_outputs(elements, folder, report_error):
    """Write each inline output to a file, NODE_ID.out, and a line for each target to the index.

    Return how many targets had each outcome: files, archived, no output, unreadable, without a file; and how many of
    the archived outputs are without a digest. All node ids are kept in memory. Raises ExecLogError for a file that
    cannot be written."""
    folder.write_index(b"")     # from now on there is a `targets.partial`
    tally = Counter()
    seen = set()        # node ids in lower case, because some file systems ignore case
    for target in elements:
        node_id, status, output = read_target(target, report_error)
        # A UUID is a safe file name. (lower() turns no other letter into one of a to f.)
        node = (node_id or "").lower()
        is_file_name = node and find_uuid(node) == node
        if not is_file_name or node in seen:
            fault = "an earlier target has the same node id" if is_file_name else "its node id is not a canonical UUID"
            report_error("target %s is not saved: %s" % (escape_field(node_id), fault))
            outcome = "without a file"
        elif output.kind == "inline":
            folder.write_output(node_id + ".out", output.data)
            outcome = "files"
        elif output.kind == "archived":
            outcome = "archived"
            if not output.sha256:
                tally["without a digest"] += 1
        else:
            outcome = "no output" if output.kind == "none" else "unreadable"
        seen.add(node)
        tally[outcome] += 1
        folder.write_index(format_index_line(node_id, status, output))
    folder.finish_index()
    return tally


def describe_counts(*counts):
    """Return `1 page, 2 Executions` for pairs of a number and a noun."""
    return ", ".join("%d %s%s" % (number, noun, "" if number == 1 else "s") for number, noun in counts)


def describe_tally(tally):
    """Return the result of save_outputs as `3 files, 2 archived (1 without a digest), 1 no output`.

    Return "" if every outcome is `files` or `no output`. (A target whose node id cannot name a file counts as `without
    a file`, even if it had no output.)"""
    if not (tally["archived"] or tally["unreadable"] or tally["without a file"]):
        return ""
    parts = [describe_counts((tally["files"], "file"))]
    for outcome in ("archived", "no output", "unreadable", "without a file"):
        if tally[outcome]:
            parts.append("%d %s" % (tally[outcome], outcome))
            if outcome == "archived" and tally["without a digest"]:
                parts[-1] += " (%d without a digest)" % tally["without a digest"]
    return ", ".join(parts)


# --------------------------------------------------------------------------------------------- Command line

EXIT_CODES = """exit codes:
  0    everything that was requested was written
  1    a failure not listed below, or a part of what was requested is missing
  2    usage: unknown or malformed flag, URL or proxy; no Project, id or server
  3    no usable token, profile or config file; or the token was rejected (401)
  4    forbidden (403)
  5    with --exit-status: all was written, but the Execution has not succeeded
  77   forbidden: the token lacks a relation to the Project (rebac_denied)
  124  with --wait-timeout: the wait timed out, and no final status was known
  130  killed by Ctrl-C (SIGINT; the shell reports 130)
  141  the reader closed standard output (broken pipe)
"""
EXAMPLES = """
examples:
  %(prog)s list --failed --since 9:00
  %(prog)s get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 -o table
  %(prog)s get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 --failed
"""
STATUS_HELP = """A status is pending, ack, started, succeeded, failed, cancelled or timeout."""
LIST_HELP = """By default, list prints one page, oldest first. With --all, --last, --since,
--until or several statuses, it reads as many pages as needed.

With several statuses and no --cursor, each status is a separate query. If an
Execution moves from one of these to another between the queries, it is printed
once, with the newer status. (Guaranteed only if no query needs a second page.)"""
GET_HELP = """--node, --failed, --running and --status choose targets of the Execution.
Without them, get prints all targets."""
DESCRIPTIONS = {
    "": "Show Executions (runs of actions), and what each target (machine) printed.\n%s\n\n%s" % (
        STATUS_HELP, LIST_HELP),
    "list": "List the Executions (runs of actions) of a Project.\n%s\n\n%s" % (STATUS_HELP, LIST_HELP),
    "get": "Show one Execution (run of an action), and what each target (machine) printed.\n%s\n\n%s" % (
        STATUS_HELP, GET_HELP),
}


def quote_word(word):
    """Return ` WORD` for a message, or "" if the word is long: it may be a secret in the wrong place."""
    return " " + word if len(word) <= 20 else ""


def suggest(word, known, prefix=""):
    """Return `; did you mean ...?` with the prefix and the nearest known word, or "" if none is near."""
    from difflib import get_close_matches
    return "".join("; did you mean %s%s?" % (prefix, near) for near in get_close_matches(word, known, 1, 0.75))


def parse_nonempty(text):
    """Return the text. Raises UsageError if it is empty.

    An unset variable, as in `--profile "$X"`, must not select other credentials."""
    if not text:
        raise UsageError("expected a non-empty value")
    return text


def parse_limit(text):
    """Return the digits of a page size, or "" for 0, the server's default. Raises UsageError."""
    if not re.fullmatch("[0-9]+", text):
        raise UsageError("expected a whole number (0 means the server's default)")
    return text.lstrip("0")


def parse_count(text):
    """Return a whole number of at least 1. Raises UsageError."""
    if not re.fullmatch("0*[1-9][0-9]*", text):
        raise UsageError("expected a whole number of at least 1")
    return int(text.lstrip("0")[:18])       # 18 digits exceed any count; int() may reject 5,000 digits


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


def parse_color(text):
    """Return the value of --color. Raises UsageError."""
    if text not in ("auto", "always", "never"):
        raise UsageError("expected auto, always or never")
    return text


class Flag(namedtuple("Flag", "names metavar parse text")):
    """A flag of the command line.

        names       such as ("-o", "--output")
        metavar     the name of its value in --help; "" for a switch
        parse       the function that parses the value; None for a switch
        text        the help text; None for a flag that is accepted but ignored here (it has an effect only in
                    plexsphere's own `plexctl`)
    """


FLAGS = {
    "": [
        Flag(["--project"], "UUID", parse_uuid, "the Project (default: PLEXSPHERE_PROJECT)"),
        Flag(["--status"], "STATUS", str, "Executions (get: targets) with this status; repeatable"),
        Flag(["--failed"], "", None, "short for the statuses failed, cancelled and timeout"),
        Flag(["--running"], "", None, "short for the statuses pending, ack and started"),
        Flag(["-o", "--output"], "FORMAT", str, "text, table, json, yaml (same as json), jsonl; get: also lines, raw"),
        Flag(["--server"], "URL", parse_nonempty,
             "control plane (default: from --profile, PLEXSPHERE_URL or the default profile)"),
        Flag(["--token-file"], "FILE", parse_nonempty,
             "file with the token (default: token from --profile, PLEXSPHERE_TOKEN or the default profile)"),
        Flag(["--profile"], "NAME", parse_nonempty, "profile (default: the one the config file names)"),
        Flag(["--ca-file"], "FILE", parse_nonempty, "PEM file of the CAs to trust instead of the system's"),
        Flag(["--allow-http"], "", None, "allow plain http to remote hosts (exposes the token)"),
        Flag(["--timeout"], "TIME", parse_duration, "limit per network operation, e.g. 5m (default: 30s)"),
        Flag(["--color"], "WHEN", parse_color, "auto, always or never (default: auto)"),
        Flag(["-v", "--verbose"], "", None, "trace requests and responses on standard error"),
        Flag(["-h", "--help"], "", None, "print this help"),
        Flag(["--version"], "", None, "print the version"),
        Flag(["--yes"], "", None, None),
        Flag(["--reveal-secrets"], "", None, None),
    ],
    "list": [
        Flag(["--action-name"], "ACTION", str, "only Executions of this action (exact name)"),
        Flag(["--since"], "WHEN", str, "CREATED_AT is at or after WHEN: 2h (ago), 9:30 or '2026-07-14 09:30' (UTC)"),
        Flag(["--until"], "WHEN", str, "CREATED_AT is before WHEN"),
        Flag(["-n", "--last"], "N", parse_count, "only the newest N, printed oldest first"),
        Flag(["--all"], "", None, "read all pages"),
        Flag(["--limit"], "N", parse_limit, "Executions per page, at most 200"),
        Flag(["--cursor"], "CURSOR", str, "start at this cursor (the previous page's next_cursor)"),
    ],
    "get": [
        Flag(["--id"], "UUID", parse_uuid, "the Execution; `get UUID` is the same"),
        Flag(["--node"], "UUID", parse_uuid, "only this target (repeatable)"),
        Flag(["--wait"], "", None, "wait until the Execution's status is final"),
        Flag(["--wait-timeout"], "TIME", parse_duration, "with --wait: give up after this long, and exit 124"),
        Flag(["--exit-status"], "", None, "exit 5, not 0, unless the Execution has succeeded"),
        Flag(["--output-dir"], "FOLDER", parse_nonempty,
             "save inline outputs, and an index, in a new folder"),
    ],
}
REPEATABLE = "--status", "--node"
KNOWN_FLAGS = {name: flag for flags in FLAGS.values() for flag in flags for name in flag.names}

# Flags of other programs, and what to use here instead.
HABITS = {
    "": {"--token": "--token-file", "--url": "--server", "--host": "--server", "--context": "--profile",
         "--debug": "--verbose", "--json": "-o json", "--format": "--output"},
    "list": {"--tail": "--last", "--lines": "--last", "--head": "--limit", "--watch": "get UUID --wait",
             "--follow": "get UUID --wait", "-w": "get UUID --wait", "-f": "get UUID --wait"},
    "get": {"--watch": "--wait", "--follow": "--wait", "-w": "--wait", "-f": "--wait", "--lines": "-o lines",
            "--exit-code": "--exit-status"},
}
COMMAND_HABITS = {"ls": "list", "log": "get UUID", "logs": "get UUID", "show": "get UUID", "describe": "get UUID",
                  "wait": "get UUID --wait", "watch": "get UUID --wait", "version": "--version"}


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors are UsageErrors.

    They quote no value. The functions that parse values do not quote them, and split_arguments lets only known flags,
    with their values, reach argparse."""

    def error(self, message):
        raise UsageError(message)


def get_argv():
    """Return the arguments of the process, with the program's name first. A program that embeds Python may have
    none."""
    return getattr(sys, "argv", None) or [""]


def get_program_name():
    """Return the name under which the program was started, without its folder, for help and hints."""
    name = make_visible(os.path.basename(get_argv()[0])) or "plexctl_exec_log.py"
    return "python3 " + name if name.endswith(".py") or name == "-" else name


def make_parser(command: str = "") -> argparse.ArgumentParser:
    """Return a new parser of all flags. With a command (`list` or `get`), only of its flags and the common ones.

    It does not parse the positional arguments: `exec-log`, `list` or `get`, and an id. shtab, argcomplete and
    sphinx-argparse can use it, too."""
    # The width is fixed, so that the help is the same on every terminal. (By default, HelpFormatter.__init__ uses
    # COLUMNS or the terminal's width.)
    formatter = partial(argparse.RawDescriptionHelpFormatter, width=80, max_help_position=26)
    usage = {"": "{list,get} [UUID]", "list": "list", "get": "get UUID"}[command]
    parser = Parser(prog=get_program_name(), usage="%(prog)s [exec-log] " + usage + " [flags]",
                    description=DESCRIPTIONS[command], epilog=EXIT_CODES + EXAMPLES, add_help=False, allow_abbrev=False,
                    formatter_class=formatter)
    for group, flags in FLAGS.items():
        section = parser.add_argument_group("flags of " + group if group else "flags")
        for flag in flags:
            if command and group not in ("", command):
                # The other command's flags are not parsed. But flags.since exists for `get`, too: it is None.
                attribute = flag.names[-1].strip("-").replace("-", "_")
                parser.set_defaults(**{attribute: None if flag.metavar else False})
            elif flag.metavar:
                action = "append" if flag.names[-1] in REPEATABLE else "store"
                section.add_argument(*flag.names, metavar=flag.metavar, type=flag.parse, help=flag.text, action=action)
            else:
                section.add_argument(*flag.names, help=flag.text or argparse.SUPPRESS, action="store_true")
    parser.set_defaults(output="text", timeout=DEFAULT_TIMEOUT, color="auto")
    return parser


def suggest_flag(name, command):
    """Return `; did you mean ...?` for an unknown flag, or "". The command may be ""."""
    name = name.replace("_", "-").lower()
    known_habit = HABITS[command].get(name) or HABITS[""].get(name)
    if known_habit:
        return "; did you mean %s?" % known_habit

    # Suggest a flag that begins with the word, or else the nearest one. Try the flags of this command first, then all.
    # Compare without the dashes, which would make any two flags alike.
    word = name.strip("-")
    for groups in (["", command], FLAGS):
        known = [flag.names[-1].strip("-") for group in groups for flag in FLAGS[group] if flag.text]
        longer = [flag for flag in known if len(word) > 1 and flag.startswith(word)]
        suggestion = suggest(longer[0] if longer else word, known, "--")
        if suggestion:
            return suggestion
    return ""


def split_arguments(argv):
    """Return (flags, positional arguments, unknown flags) of a command line. Raises UsageError.

    The flags get their long names, and are joined with their values:

        get UUID --limit 5      ["--limit=5"], ["get", "UUID"], []
        -n5 -ojson              ["--last=5", "--output=json"], [], []
        list --foo 5            [], ["list", "5"], ["--foo"]

    So a value may begin with `-`, as one cursor in 64 does; argparse would mistake it for a flag
    (ArgumentParser._parse_optional)."""
    flags, positionals, unknown = [], [], []
    remaining = list(argv)
    while remaining:
        argument = remaining.pop(0)
        if re.match("-o[^=]|-n[0-9]", argument):
            argument = argument[:2] + "=" + argument[2:]
        name, equals, value = argument.partition("=")
        if not equals:
            value = None
        if not re.match("-.", argument) or argument == "--":
            positionals.append(argument)
            continue
        flag = KNOWN_FLAGS.get(name)
        if flag is None:
            unknown.append(name)
            continue

        # A flag takes the next argument as its value, unless that is a known flag.
        if flag.metavar and value is None and remaining and remaining[0].partition("=")[0] not in KNOWN_FLAGS:
            value = remaining.pop(0)
        if value is not None and not flag.metavar:
            raise UsageError("%s takes no value" % name)
        if flag.metavar and value in (None, "--"):      # before 3.12.2 argparse drops `--`
            raise UsageError("argument %s: expected one argument" % name)
        flags.append(flag.names[-1] if value is None else "%s=%s" % (flag.names[-1], value))
    return flags, positionals, unknown


def describe_unknown_command(word):
    """Return the message for a word that is not a command."""
    if find_uuid(word):
        return "unknown command; did you mean get UUID?"
    if word in COMMAND_HABITS:
        return "unknown command%s; did you mean %s?" % (quote_word(word), COMMAND_HABITS[word])
    return ("unknown command" + quote_word(word)
            + (suggest(word, {"list", "get", "help", "exec-log"} - {word}) or "; expected list or get"))


def find_command(positionals, is_lenient):
    """Return (command, the remaining positional arguments, whether this is the command `help`).

    The command is `list` or `get`, or "" if there is none. `exec-log` may come first. Raises UsageError for an unknown
    command, unless `is_lenient` is true."""
    words = positionals[1:] if positionals[:1] == ["exec-log"] else positionals
    is_help = words[:1] == ["help"]
    if is_help:
        words = words[1:]
    if words and words[0] not in ("list", "get"):
        if is_lenient:
            return "", [], is_help
        raise UsageError(describe_unknown_command(words[0]))
    return words[0] if words else "", words[1:], is_help


def parse_age(text, now):
    """Return the time that an age such as `2h` refers to, or None if the text is not an age."""
    from datetime import datetime, timedelta
    match = re.fullmatch("-?([0-9]+)([smhdw])", text)
    if not match:
        return None
    age = float(match.group(1)) * UNIT_SECONDS[match.group(2)]
    greatest = (now - datetime(1970, 1, 1)).total_seconds()
    return now - timedelta(seconds=min(age, greatest))


TIME_OF_DAY = "([01]?[0-9]|2[0-3]):[0-5][0-9]"


def parse_time_of_day(text, now, after):
    """Return the time for `9:30`, or None if the text is not a time of day.

    It is the first such time after `after`. If `after` is None, it is the most recent one: the first after `now` minus
    one day."""
    from datetime import timedelta
    if not re.fullmatch(TIME_OF_DAY, text):
        return None
    hour, minute = map(int, text.split(":"))
    try:
        start = after or now - timedelta(days=1)
        moment = start.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return moment if moment > start else moment + timedelta(days=1)
    except OverflowError:       # after the year 9999
        return None


# The accepted times, as strptime formats: those of RFC 3339 (without leap seconds), whole or cut off after the day,
# the hour or the minute.
TIME_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%S",
                "%Y-%m-%dT%H:%M:%SZ")


def parse_time(text, now):
    """Return the time for `2026-07-14 09:30`, `2026-07-14T11:30:00+02:00` or `07-14T09:30`, or None for other text.

    A time without a year, as narrow tables show it, means this year, or last year if it would otherwise be in the
    future."""
    from datetime import datetime
    text = text.replace(" ", "T")
    lacks_year = re.match("[0-9]{2}-[0-9]{2}(T|$)", text)
    if lacks_year:
        text = "%d-%s" % (now.year, text)
    # An offset follows the time of day, unlike the `-14` of a date.
    offset = re.search("(?<=:[0-9]{2})[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]$", text)
    if offset:
        text = text[:offset.start()]

    for time_format in TIME_FORMATS:
        try:
            moment = datetime.strptime(text, time_format)
            if offset:
                moment -= parse_offset(offset.group())
            return moment.replace(year=now.year - 1) if lacks_year and moment > now else moment
        except (ValueError, OverflowError):
            pass        # try the next format
    return None


def parse_when(flag, text, now, after=None):
    """Return the value of --since or --until as a naive datetime in UTC. `now` and `after` are such datetimes, too.

    Raises UsageError, which names the flag."""
    text = remove_fraction(text.strip())
    moment = parse_age(text, now) or parse_time_of_day(text, now, after) or parse_time(text, now)
    if moment is None:
        raise UsageError("argument %s: expected an age like 90s, 30m, 2h, 7d or 2w, a time of day like 9:30, or a time "
                         "like 2026-07-14, '2026-07-14 09:30' or 07-14T09:30 (in UTC, unless it has an offset)" % flag)
    return moment


def resolve_times(since_text, until_text):
    """Return (since, until, hint) for the values of --since and --until, which may be None.

    `since` and `until` are naive datetimes in UTC, or None. The hint gives the full time that each time of day, such as
    `9:30`, stands for; it is "" if neither value is a time of day. Raises UsageError."""
    from datetime import datetime, timedelta
    now = datetime(1970, 1, 1) + timedelta(seconds=time.time())
    since = parse_when("--since", since_text, now) if since_text is not None else None
    until = parse_when("--until", until_text, now, since) if until_text is not None else None
    if since and until and until < since:
        raise UsageError("argument --until: must not be before --since")

    resolved = ["%s %sZ" % (name, moment.isoformat()[:16])
                for name, text, moment in (("since", since_text, since), ("until", until_text, until))
                if text and re.fullmatch(TIME_OF_DAY, text.strip())]
    hint = "%s (now: %sZ)" % (", ".join(resolved), now.strftime("%H:%M")) if resolved else ""
    return since, until, hint


def select_statuses(flags, command):
    """Return the selected statuses, without duplicates. An empty list selects all; an empty --status is ignored.

    Raises UsageError for an unknown status: a typo must not give an empty result. (For `list` with a single status, the
    server checks that.)"""
    groups = (RUNNING_STATUSES if flags.running else ()) + (FAILED_STATUSES if flags.failed else ())
    selected = list(dict.fromkeys(chain(filter(None, flags.status or []), groups)))
    server_checks = command == "list" and len(selected) == 1
    for status in selected:
        if status not in STATUSES and not server_checks:
            raise UsageError("argument --status: unknown status" + quote_word(status) + suggest(status, STATUSES))
    return selected


def read_positionals(command, words, flags):
    """Return the id of the Execution, or None if there is none.

    Raises UsageError for a malformed id, and for a superfluous positional argument."""
    execution_id = flags.id
    if words[:1] == ["--"]:
        raise UsageError("unexpected argument --: leave it out")
    if words and command == "get" and execution_id is None:
        execution_id = parse_uuid(words[0], " after get")
        words = words[1:]
    if words and find_uuid(words[0]):
        raise UsageError("list takes no id; did you mean get UUID?" if command == "list" else
                         "get takes one id; choose a target with --node UUID")
    if words:
        raise UsageError("unexpected argument%s: put each value after its flag; quote values with spaces"
                         % quote_word(words[0]))
    return execution_id


def check_flags(flags, command):
    """Check that the required flags are given, and that the flags fit together. Raises UsageError."""
    formats = LIST_FORMATS if command == "list" else GET_FORMATS
    if flags.output not in formats:
        raise UsageError("argument --output: invalid choice%s (choose from %s)%s" % (
            quote_word(flags.output), ", ".join(formats), suggest(flags.output, formats)))
    if not flags.project:
        raise UsageError("expected --project UUID, or PLEXSPHERE_PROJECT")
    if command == "get" and not flags.execution_id:
        raise UsageError("expected the id of an Execution: get UUID")
    if flags.wait_timeout and not flags.wait:
        raise UsageError("argument --wait-timeout: only valid with --wait")
    if flags.output_dir and flags.output != "text":
        raise UsageError("argument --output-dir: only valid with --output text")


def parse(argv):
    """Return the parsed and checked flags of a command line. Raises UsageError.

    Besides argparse's attributes they have: command, execution_id, statuses, since_time, until_time, time_hint. If
    `help` or `version` is true, only `command` is set, perhaps to ""."""
    arguments, positionals, unknown = split_arguments(argv)
    if unknown:
        command = next((word for word in positionals if word in ("list", "get")), "")
        raise UsageError("unknown flag" + quote_word(unknown[0]) + suggest_flag(unknown[0], command))
    asks_for_page = "--help" in arguments or "--version" in arguments
    command, words, is_help = find_command(positionals, asks_for_page)
    flags, others = make_parser(command).parse_known_args(arguments)
    flags.command, flags.help = command, flags.help or is_help
    if asks_for_page:
        return flags        # whatever other valid flags and words are given
    if others:
        raise UsageError("%s is a flag of %s" % (others[0].partition("=")[0], "get" if command == "list" else "list"))
    if is_help and words:
        raise UsageError("unexpected argument" + quote_word(words[0]))
    if is_help:
        return flags
    if not command:
        raise UsageError("expected a command: list or get")

    flags.execution_id = read_positionals(command, words, flags)
    project = os.environ.get("PLEXSPHERE_PROJECT")
    if project and not flags.project:
        flags.project = parse_uuid(project, " in PLEXSPHERE_PROJECT")
    check_flags(flags, command)
    flags.statuses = select_statuses(flags, command)
    flags.since_time, flags.until_time, flags.time_hint = None, None, ""
    if flags.since is not None or flags.until is not None:
        flags.since_time, flags.until_time, flags.time_hint = resolve_times(flags.since, flags.until)
    return flags


# What a stream may raise, apart from OSError: AttributeError if it is None, ValueError if it is closed, TypeError if it
# does not accept bytes (or text), LookupError if its encoding is unknown.
STREAM_ERRORS = (OSError, ValueError, TypeError, AttributeError, LookupError)


def is_terminal(stream):
    """Return whether a stream is a terminal."""
    try:
        return bool(stream.isatty())
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

    Data for stdout is kept until the next network operation, then written and flushed. stderr gets printable lines with
    secrets masked; errors writing to stderr are ignored.

        stdout_is_terminal, stderr_is_terminal      whether each stream is a terminal
        columns         the width for tables; enough for the widest if stdout is not a terminal or reports no width
        is_coloured     whether tables and sections get colours
        progress        the function that returns the progress line, or None if no such line is shown; called before
                        each request and before each read of a body
    """

    def __init__(self, stdout, stderr):
        try:
            stdout.flush()      # what the caller printed before
        except STREAM_ERRORS:
            pass
        self._out = getattr(stdout, "buffer", stdout)       # a binary stream; a raw one with PYTHONUNBUFFERED
        self._err = stderr                                  # a text stream
        self.stdout_is_terminal = is_terminal(stdout)
        self.stderr_is_terminal = is_terminal(stderr)
        width = get_width(stdout) if self.stdout_is_terminal else 0
        self.columns = width or EXECUTION_TABLES[0].min_columns
        self.is_coloured = False
        self.progress = None
        self._pending = []              # bytes for stdout
        self._mid_line = False          # whether the terminal is in the middle of a line
        self._progress_text = ""        # the progress line that is on the terminal
        self._secrets = []

    def encode_for_stdout(self, data):
        """Return the bytes of an output, made safe if stdout is a terminal."""
        return make_terminal_safe(data) if self.stdout_is_terminal else data

    def add_secrets(self, *secrets):
        """Mask these strings from now on."""
        self._secrets += secrets

    def queue(self, chunk):
        """Queue text or bytes for stdout. They are written before the next network operation."""
        self._pending.append(chunk.encode("utf-8") if isinstance(chunk, str) else chunk)

    def flush(self):
        """Write what is queued.

        Raises ReaderGone if the reader has closed stdout, and ExecLogError for another failure. A missing stdout is
        noticed even if nothing is queued, so it is noticed before the first request."""
        data, self._pending = b"".join(self._pending), []       # a failed write is not repeated
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
        self._mid_line = self.stdout_is_terminal and data[-1:] != b"\n"

    def _write_all(self, data):
        """Write all of the data. A raw stream may write only a part of it, or nothing, which it reports as None."""
        is_raw = isinstance(self._out, io.RawIOBase)
        left = memoryview(data)
        while left:
            size = self._out.write(left)
            if size is None and not is_raw:
                break       # a stream of the caller's, whose write() returns nothing
            if not size:
                raise OSError("it would block")
            left = left[size:]
        self._out.flush()

    def redact(self, text):
        """Mask the secrets in text, then escape its unprintable characters.

        The order matters, because an escape could split a secret. Cutting the text could split one, too. So callers cut
        only the result."""
        return make_visible(mask(text, self._secrets))

    def write_line(self, text, limit=4000):
        """Write one line to stderr, cut after `limit` characters (None: uncut).

        It begins with a line break if both streams are terminals and stdout is in the middle of a line."""
        self.show_progress("")
        begin = "\n" if self._mid_line and self.stderr_is_terminal else ""
        self._mid_line = False
        self._write_error(begin + self.redact(text)[:limit] + "\n")

    def report(self, label, text):
        """Write what is queued for stdout, and then the line `LABEL: TEXT` to stderr."""
        self.flush()
        self.write_line("%s: %s" % (label, text))

    def report_retry(self, text):
        """Report a failure after which the same request is sent again."""
        self.report("retry", text)

    def show_progress(self, text):
        """Replace the progress line; "" removes it.

        It is cut at 72 characters, because a line that the terminal wraps cannot be removed. (Characters that take two
        columns, or that stderr cannot encode, can make it wrap nevertheless.)"""
        text = self.redact(text)[:72]
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
            stdout      must be a file, or a terminal if it gets nothing until the end (`is_quiet`); not a pipe, whose
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

    def before_wait(self):
        """Write what is queued, and show the progress line."""
        self.flush()
        if self.progress:
            self.show_progress(self.progress())


class ErrorCount:
    """Prints an error for each part of the request that cannot be fulfilled, and counts these errors.

    The run continues, and exits 1 at its end."""

    def __init__(self, console):
        self.count = 0
        self._console = console

    def report(self, text):
        """Print one such error."""
        self.count += 1
        self._console.report("error", text)


class SelectedTargets:
    """The targets that match --node and the statuses. An empty list of nodes or of statuses matches all.

        count       number of targets that were yielded
        missing     requested nodes that have not arrived
    """

    def __init__(self, elements, nodes, statuses):
        self.count = 0
        self._elements, self._statuses = elements, statuses
        self._nodes = dict.fromkeys(nodes)      # a set that keeps the order
        self._found = set()     # the requested nodes seen so far

    @property
    def missing(self):
        return [node for node in self._nodes if node not in self._found]

    def __iter__(self):
        for target in self._elements:
            if self._nodes:
                node = str(target.get("node_id")).lower()
                if node not in self._nodes:
                    continue
                self._found.add(node)
            if self._statuses and target.get("status") not in self._statuses:
                continue
            self.count += 1
            yield target


def print_chunks(chunks, console):
    """Print what a format yields, up to an expected failure.

    A program's own exception propagates at once, without flushing what is queued: that could block.
    """
    try:
        for chunk in chunks:
            console.queue(chunk)
    except RecursionError:
        console.flush()
        raise RemoteError("the body is nested too deeply to be printed")
    except ExecLogError:
        console.flush()
        raise
    console.flush()


def report_failure(console, error, hint="", last_line=""):
    """Report an expected failure, a hint (default: the error's own), and `last_line` uncut. Return the exit code."""
    if isinstance(error, ReaderGone):
        return error.exit_code
    console.write_line("error: %s" % error)
    hint = hint or error.hint or (get_program_name() + " --help" if isinstance(error, UsageError) else "")
    if hint:
        console.write_line("hint: " + hint)
    if last_line:
        console.write_line(last_line, limit=None)
    return error.exit_code


def explain_rejection(error, statuses):
    """Return a better hint for a 400 that rejects the value of --status, or "" for another error."""
    is_about_status = getattr(error, "status", 0) == 400 and error.problem.get("code") == "invalid_status"
    if not is_about_status or len(statuses) != 1:
        return ""
    if "," in statuses[0]:
        return "repeat the flag for each status: --status failed --status timeout"
    return error.hint + suggest(statuses[0].strip().lower(), STATUSES)


def describe_resumption(error, flags, document):
    """Return the last line on stderr after a failed listing: where to resume. Return "" if that is not possible."""
    if flags.last or not error.can_resume:
        return ""
    if isinstance(document, Listing) and document.next_since:
        return "next_since: %sZ" % document.next_since.isoformat()
    cursor = flags.cursor if document is None else document.resume
    return "next_cursor: " + cursor if cursor else ""


def run_list(flags, console, transport):
    """Run the command `list`, and return its exit code."""
    if flags.time_hint and console.stderr_is_terminal:
        console.report("hint", flags.time_hint)

    document = None
    try:
        # Choose: one page as the server sends it, or a Listing of all pages.
        if flags.all or flags.last or flags.since_time or flags.until_time or len(flags.statuses) > 1:
            document = Listing(transport, flags.project, flags.statuses, flags.since_time, flags.until_time,
                               flags.action_name, "200" if flags.limit is None else flags.limit, flags.cursor)
            if console.can_show_progress(flags.last is not None):
                console.progress = lambda: describe_counts((document.page_count, "page"),
                                                           (document.count, "Execution"))
        else:
            document = get_page(transport, flags.project, {
                "status": flags.statuses[0] if flags.statuses else None, "action_name": flags.action_name,
                "limit": flags.limit, "cursor": flags.cursor})

        # Print.
        executions = iter(select_last(document.elements, flags.last) if flags.last else document.elements)
        first = next(executions, None)
        matching = executions if first is None else chain([first], executions)
        print_chunks(LIST_FORMATS[flags.output](document, matching, console), console)
    except RemoteError as error:
        return report_failure(console, error, explain_rejection(error, flags.statuses),
                              describe_resumption(error, flags, document))

    # Say how to continue.
    cursor = document.members.get("next_cursor")
    if console.stderr_is_terminal and not cursor and first is None:
        console.write_line("hint: no more Executions match" if flags.cursor else "hint: no Execution matches")
    elif console.stderr_is_terminal and cursor and LIST_FORMATS[flags.output] is format_table:
        console.write_line("hint: more Executions follow (the oldest come first): use --last N, --since WHEN or --all")
    if flags.output == "jsonl" and cursor:
        console.write_line("next_cursor: " + cursor, limit=None)
    return 0


def show_execution(flags, console, transport, folder):
    """Request an Execution, print or save the selected targets, and return the exit code."""
    # Choose.
    document = get_execution(transport, flags.project, flags.execution_id)
    targets = SelectedTargets(document.elements, flags.node or [], flags.statuses)
    errors = ErrorCount(console)
    if console.can_show_progress(folder is not None):
        console.progress = lambda: describe_counts((document.count, "target"), (transport.received, "byte"))

    # Print or save.
    tally = Counter()
    if folder:
        tally = save_outputs(targets, folder, errors.report)
        print_chunks([format_recap(document, console)], console)
    else:
        chunks = GET_FORMATS[flags.output](document, iter(targets), console, errors.report)
        print_chunks(chunks, console)

    # Report what is missing.
    for node in targets.missing:
        errors.report("node %s is not a target of Execution %s" % (node, flags.execution_id))
    if not targets.count and not targets.missing and console.stderr_is_terminal:
        console.write_line("hint: no target matches")
    summary = describe_tally(tally)
    if summary:
        console.write_line("%s: %s" % (flags.output_dir, summary))
    if errors.count:
        return 1
    return 5 if flags.exit_status and document.members.get("status") != "succeeded" else 0


def run_get(flags, console, transport):
    """Run the command `get`, and return its exit code."""
    folder = OutputFolder(flags.output_dir) if flags.output_dir else None     # before any waiting
    try:
        if flags.wait:
            show_status = console.write_line
            if console.can_show_progress(is_quiet=True):
                show_status = console.show_progress
            wait_for_execution(transport, flags.project, flags.execution_id, flags.wait_timeout,
                               lambda status: show_status("status: " + escape_field(status)), console.report_retry)
        return show_execution(flags, console, transport, folder)
    finally:
        if folder:
            folder.close()


def run(argv, console, sleep):
    """Run a command line, and return its exit code. Raises ExecLogError."""
    flags = parse(argv)
    if flags.help or flags.version:
        console.queue(make_parser(flags.command).format_help() if flags.help else "version=%s\n" % __version__)
        console.flush()
        return 0

    has_no_colour = WINDOWS or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    console.is_coloured = flags.color == "always" or (
        flags.color == "auto" and console.stdout_is_terminal and not has_no_colour)
    with Transport.from_settings(
            flags.server, flags.profile, flags.token_file, ca_file=flags.ca_file, timeout=flags.timeout,
            allow_http=flags.allow_http, on_retry=console.report_retry,
            trace=console.write_line if flags.verbose else do_nothing,
            before_wait=console.before_wait, sleep=sleep) as transport:
        console.add_secrets(*transport.secrets)
        return (run_list if flags.command == "list" else run_get)(flags, console, transport)


def main(argv: "t.Optional[t.List[str]]" = None, stdout: "t.Optional[t.BinaryIO]" = None,
         stderr: "t.Optional[t.TextIO]" = None, sleep: "t.Callable[[float], t.Any]" = time.sleep) -> int:
    """Run a command line, and return its exit code. This never ends the process.

        argv        the arguments, without the program's name; the default is sys.argv[1:]
        stdout      a binary stream with write() and flush(); the default is the process's own. If it raises OSError,
                    ValueError, TypeError, AttributeError or LookupError, main returns 1; for BrokenPipeError, 141
        stderr      a text stream; the default is the process's own
        sleep       a replacement for time.sleep, for tests

    It changes no process-wide state, so several threads may call it. Expected failures are reported on stderr.
    KeyboardInterrupt and your own exceptions propagate. (The module's docstring lists the classes that cannot be
    distinguished from expected failures.) Anything else is a bug. Its traceback is not masked."""
    console = Console(sys.stdout if stdout is None else stdout, sys.stderr if stderr is None else stderr)
    console.add_secrets(os.environ.get("PLEXSPHERE_TOKEN", "").strip())

    try:
        return run(get_argv()[1:] if argv is None else argv, console, sleep)
    except ExecLogError as error:
        return report_failure(console, error)
    except MemoryError:
        console.write_line("error: out of memory")
        return 1
    finally:
        console.progress = None     # otherwise it would keep the document alive, and so perhaps a connection
        console.show_progress("")


def run_as_script() -> None:
    """Run the process's own command line, and exit. This is the entry point of the installed plexctl-exec-log."""
    restore_sigint()
    exit_code = main()
    # main has flushed both streams, and closed all files. A normal exit would flush the streams again and, if the disk
    # is full, report the same failure a second time. (Skipping the interpreter's shutdown also saves a twelfth of the
    # time of a short run.)
    os._exit(exit_code)


if __name__ == "__main__":
    run_as_script()
