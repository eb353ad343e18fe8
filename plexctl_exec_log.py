#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# /// script
# requires-python = ">=3.6"
# dependencies = []
# ///
# mypy: check-untyped-defs, allow-untyped-defs, allow-untyped-calls, no-warn-return-any
"""plexctl exec-log: show what the actions of a control plane did, and what each machine printed.

    plexctl_exec_log.py list [flags]
    plexctl_exec_log.py targets [flags]
    plexctl_exec_log.py get UUID [flags]

An Execution is one run of an action of the plexsphere control plane; its targets are
the machines that it ran on. This file never changes anything on the server.

Programs can import it; __all__ lists the public names. At run time, an argument of a wrong
type may raise TypeError or another Python error; a type checker reports it, if the file is
copied into the program's repository. This example prints a line for each target of the
Executions that failed, were cancelled or timed out: its node id, its status, and its
output, or where the output is archived, or why it cannot be read.

    from plexctl_exec_log import FAILED_STATUSES, ExecLogError, Listing, OutputRef
    from plexctl_exec_log import Transport, get_execution, make_visible

    try:
        project = "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13"
        with Transport.from_settings() as transport:
            for execution in Listing(transport, project, statuses=FAILED_STATUSES):
                for target in get_execution(transport, project, execution.get("id", ""))["targets"]:
                    output = OutputRef.from_wire(target.get("output_ref"))
                    text = output.fault or output.location or output.data.decode("utf-8", "replace")
                    status = target.get("status")
                    print(make_visible("%s %s %s" % (target.get("node_id"), status, text)))
    except ExecLogError as error:
        print("the report is incomplete:", type(error).__name__, error.hint)

Executions and targets are the JSON objects of the API, as dicts. get_page requests
/v1/projects/PROJECT/executions, and get_execution /v1/projects/PROJECT/executions/ID. This
file relies on pages in the order of creation, the oldest Execution first, with 50
Executions by default and 200 at most. This is an Execution:

    {"id": "019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61", "action": "collect-diagnostics",
     "type": "builtin", "status": "failed",
     "created_at": "2026-07-14T09:02:57.25Z", "updated_at": "2026-07-14T09:29:39Z",
     "targets": [
        {"node_id": "019d907a-eb47-73a5-a611-bb4e4cda0712", "status": "succeeded",
         "created_at": "2026-07-14T09:02:57Z", "updated_at": "2026-07-14T09:03:10Z",
         "output_ref": {"kind": "inline", "inline_bytes": "ZG9uZQo="}},
        {"node_id": "019d297b-ba27-797c-a09e-d0cec33ceb2d", "status": "failed",
         "created_at": "2026-07-14T09:02:57Z", "updated_at": "2026-07-14T09:29:39Z",
         "output_ref": {"kind": "object_store", "bucket": "logs", "key": "db-02.log",
                        "sha256": "64 hexadecimal digits, or absent"}},
        {"node_id": "019d0fbb-eddf-7f59-96a3-862448e7e91c", "status": "cancelled",
         "created_at": "2026-07-14T09:02:57Z", "updated_at": "2026-07-14T09:02:58Z",
         "output_ref": null}]}

The type is "builtin" or "hook". RUNNING_STATUSES and FINAL_STATUSES list the statuses.
Times are those of RFC 3339. `output_ref` is null or absent if there is no output.
get_execution checks that the id is the one that was requested, and that `targets` is a list
of objects. Any other member, here or in an Execution that a Listing yields, may be absent,
null or of another type; see Listing for what it checks.

Integers are exact up to at least 308 digits, except that -0 becomes 0. Other numbers become
doubles; a number too large for one makes the response malformed, and a tiny one becomes 0.
If a name is repeated in an object, its last value counts.

What it touches, and what it trusts
-----------------------------------
It connects to the server that --server, PLEXSPHERE_URL or the profile names, or to the
proxy that the environment names for that server. It sends only GET requests and, for https
through a proxy, CONNECT to that proxy. It follows no redirect, and never fetches an
archived output.

Flags, environment and config file select one server. The token is sent in one header,
to one server:

    token from                          sent to
    --token-file, PLEXSPHERE_TOKEN      the selected server
    a profile without a server          the selected server
    a profile with a server             that server; if another one was selected, nothing is sent

Certificates and host names are verified with the defaults of ssl.create_default_context(),
and TLS is 1.2 or later. Https through a proxy to an IPv6 address needs Python 3.13.

Without --allow-http, plain http goes only to this host: `localhost` (resolved as usual), a
loopback address (127.0.0.0/8, ::1; from Python 3.13 on also ::ffff:127.0.0.1) or an
unspecified one (0.0.0.0, ::). Any user of this host may be listening there. No proxy of the
environment is used for this host. A proxy for plain http can read the token, too.

It reads these files, besides those that Python and its libraries read. On Windows, modes
and owners are not checked.

    token file, config file     owned by the user or root, without access for group or others.
                                A pipe must have such an owner, too, but may have any mode
    --ca-file                   not writable by everybody. This check is against mistakes:
                                choose a file whose folders others cannot write to

It reads PLEXSPHERE_URL, PLEXSPHERE_TOKEN, PLEXSPHERE_PROJECT, XDG_CONFIG_HOME, HOME or
USERPROFILE, NO_COLOR, TERM and the proxy variables. As in every Python program,
SSL_CERT_FILE and SSL_CERT_DIR choose the CAs, SSLKEYLOGFILE names a file whose readers
can decrypt the traffic, and OPENSSL_CONF, which may load code, configures OpenSSL.
OpenSSL and the resolver read more. urllib reads REQUEST_METHOD.

Apart from SSLKEYLOGFILE and bytecode, which Python writes, it writes only into the
--output-dir folder, where it removes nothing but its own unfinished index: choose a folder
whose parents others cannot write to. Started by its path, it imports nothing from its own
folder; `python3 -I` ignores PYTHONPATH and SSLKEYLOGFILE, too. With `python3 -m`, Python
itself may import from the current folder first.

The command masks secrets on stderr only, and only where their exact text appears:
PLEXSPHERE_TOKEN and, once the settings have been found, the token, the proxy's password
and its Basic credentials, if they have at least 8 characters. Before the settings have been
found, an error may quote any path, the server's URL, the names of profiles and of unknown
flags, and any other argument of at most 40 characters, so put no secret in any of them. The
traceback of a bug is not masked, and tools that record local variables may record the token.

The server and the machines are not trusted. What reaches a reader:

    reader                   outputs in text        in raw, lines   names, ids, errors   json
    terminal (UTF-8)         escaped and indented   escaped         escaped              ASCII
    pipe or file             exact bytes            exact bytes     escaped              ASCII
    file of --output-dir     exact bytes            -               escaped (targets)    -
    stderr                   -                      -               escaped, masked      -

Escaped text has no characters that str.isprintable() calls unprintable, such as control
and format characters, except tabs and line feeds in outputs. (Combining characters, some
that look like a space, letters that look alike, and letters written from right to left
stay.) From outputs, CSI sequences (colours, cursor movements) and `ESC ( B` are removed,
and carriage returns become line feeds. Indented lines begin with two spaces. No line of this
program does, except an action, which narrow terminals show below the last row. The other
formats indent no output: an output, an id or a status in them, also an id in a table, may
look like an error of this program.

A terminal may wrap any long line; the wrapped part may look like any other line. A pipe
gets exact bytes even if a terminal is at its other end, as with `ssh host command`,
`watch` or cat: use --output json there, and on terminals that are not UTF-8.

Limits
------
A response is read whole, checked, then used. An Execution, or a page limited to one
Execution, may be up to 256 MiB. Other pages may be up to 32 MiB. These limits hold for
the size that is received, without the framing of chunks, and for the decompressed size.
In memory, a decoded response usually takes up to five times its size, and a hostile one
two hundred times: use `ulimit -v`. Leave the stack at 8 MiB (`ulimit -s`): with less,
deeply nested JSON can crash Python 3.12 and 3.13.

In memory, --wait holds two responses, and --last N holds N Executions and a page. A listing
of several statuses, which `targets` may send, too, holds all Executions of the running
statuses, a page for each final status, and all Executions of one created_at. There is no
limit on the number of pages (all their cursors are kept), on the number of saved files, or
on the size of what is printed.

--timeout limits each network operation, and --wait-timeout a whole wait. Nothing limits
the total time of the other commands, or of opening and reading a pipe that was given as a
file. The following can exceed both limits, so use timeout(1):

    a slow resolver, and several addresses of the server, each with a full timeout
    headers, chunk sizes and trailers that arrive byte by byte
    endless trailers, endless interim responses (status 100)
    endless TLS messages without data, such as session tickets
    endless headers of a proxy, before Python 3.12
    parsing hostile headers, which may take hours, and decoding hostile bodies
    slow escaping of long texts, up to a second per MB
    a full pipe at standard output or standard error
    a new connection: connecting, a proxy's tunnel and TLS each get the time that was left

Where to look in the code
-------------------------
    connections, certificates       Transport._connect, make_tls_context, find_proxy, is_this_host
    where settings come from        choose_setting, find_settings, find_project
    where the token goes            find_settings, pin_token
                                    Transport.__init__, Transport.get, Transport._read_head
    what is read                    Transport._read_body, decompress, decode_json
                                    read_private_file, check_ca_file
    what is written                 Console, make_folder, OutputFolder, write_file
    escaping, masking               make_terminal_safe, make_visible, Console.redact
"""

import sys

# Python puts the folder of a script, or the current folder, first on the import path.
# Remove it before anything else is imported, so that this file imports nothing from
# there. With -I, or -P (safe_path, 3.11), there is no such entry.
if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]


def restore_sigint() -> None:
    """Make Ctrl-C kill the process at once, as it kills a C program, so that a shell
    loop around it stops, too.

    If SIGINT is ignored, as in a background job, it stays ignored. While Python starts and
    compiles this file, Ctrl-C prints a traceback."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    restore_sigint()  # before the imports below, which take some time

import argparse
import http.client
import io
import json
import os
import re
import selectors
import socket
import stat
import time
from binascii import a2b_base64, b2a_base64
from collections import namedtuple
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import chain, groupby
from math import isfinite
from urllib.parse import quote, unquote_to_bytes, urlencode

# A Python may be built without these two.
try:
    import ssl
except ImportError:
    ssl = None  # type: ignore[assignment]
try:
    import zlib
except ImportError:
    zlib = None  # type: ignore[assignment]

# Type checkers assume True; at run time, importing `typing` is slow.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing as t
    from uuid import UUID as AnyUUID

    AnyTransport = t.TypeVar("AnyTransport", bound="Transport")
    Parameters = t.Mapping[str, t.Union[str, int, None]]
    JSONObject = t.Dict[str, t.Any]

WINDOWS = os.name == "nt"

__version__ = "7.3.0"
__all__ = [
    "main",
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

# Each of the following sections uses only itself and those above it.


# ---------------------------------------------------------------------------------------- Safe text


def escape_unprintable(text, kept=""):
    """Return text with its unprintable characters escaped, except those in `kept`."""
    # str.translate is slow for characters that are not in the table.
    table = {}
    for character in set(text):
        escape = character
        if not character.isprintable() and character not in kept:
            escape = character.encode("unicode_escape").decode("ascii")
        table[ord(character)] = escape
    return text.translate(table)


def make_visible(text: str) -> str:
    r"""Return text as one line of printable characters.

    All others are escaped: \n, \x1b, \u200b, \U000e0001. Older Pythons also escape
    newer characters that their Unicode tables lack."""
    if text.isprintable():
        return text
    return escape_unprintable(text)


def escape_blanks(text: "t.Optional[str]") -> str:
    r"""Return text as one field of a message: `a b` becomes `a\x20b`, and None or "" becomes `-`.

    Console.redact escapes the rest, once it has masked secrets and cut the message."""
    return (text or "-").replace(" ", "\\x20")


def escape_field(text: "t.Optional[str]") -> str:
    """Return text as one field of a line of stdout."""
    # Listings are faster with this check, because few fields need escapes.
    if text and text.isprintable() and " " not in text:
        return text
    return escape_blanks(make_visible(text or ""))


# A complete CSI sequence (ECMA-48, 5.4), such as `\x1b[1;31m` (red); or `ESC ( B`,
# which `tput sgr0` sends.
TERMINAL_SEQUENCES = "\x1b\\[[0-?]*[ -/]*[@-~]|\x1b\\(B"


def make_terminal_safe(data: bytes) -> bytes:
    """Return the bytes of an output for a UTF-8 terminal.

    CSI sequences (most colours and cursor movements) and `ESC ( B` are removed.
    CR LF and CR become LF. Tabs, line feeds and printable characters are kept;
    all others are escaped."""
    text = data.decode("utf-8", "backslashreplace")

    # What remains may form a new sequence, so escape every ESC below.
    text = re.sub(TERMINAL_SEQUENCES, "", text)
    text = re.sub("\r\n?", "\n", text)
    if not re.sub("[\t\n -~]+", "", text).isprintable():
        text = escape_unprintable(text, kept="\t\n")
    return text.encode("utf-8")


def escape_digest_mark(location):
    """Return the place of an archived output so that its key cannot imitate a digest."""
    return location.replace(" (sha256:", "\\x20(sha256:")


SHORTEST_SECRET = 8  # characters; shorter ones may match unrelated text


def mask(text, secrets):
    """Return text with each secret of at least SHORTEST_SECRET characters replaced by ***."""
    # The longest comes first, because a longer secret may contain a shorter one.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


def list_spellings(secret):
    """Return a secret as messages may contain it, with and without the escapes above; [] for
    one that mask() leaves."""
    if len(secret) < SHORTEST_SECRET:  # the escapes would make it longer
        return []
    return [secret, escape_blanks(secret), escape_digest_mark(secret)]


def quote_cursor(cursor, for_terminal, secrets=()):
    """Return a next_cursor, quoted for a shell if it is for a terminal, from which people paste it.

    The caller escapes it. Secrets are masked first, because quoting could split one."""
    if not for_terminal:
        return cursor

    import shlex

    return shlex.quote(mask(cursor, secrets))


def describe_count(number, noun):
    """Return `1 byte` or `2 bytes`."""
    ending = "" if number == 1 else "s"
    return "%d %s%s" % (number, noun, ending)


def describe_having(number, noun):
    """Return `1 byte has` or `2 bytes have`."""
    return describe_count(number, noun) + (" has" if number == 1 else " have")


def describe_error(error: Exception) -> str:
    """Return the message of a standard-library exception, or its class name if it has none."""
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


# ------------------------------------------------------------------------------------------- Errors


class ExecLogError(Exception):
    """An expected failure.

    The command prints `error: MESSAGE` and `hint: HINT`, and exits with `exit_code`.

    The message may contain unescaped text from the server: before you log it, pass it
    through make_visible(). In the message, *** replaces the strings of Transport.secrets,
    except those of fewer than 8 characters. `problem`, `execution` and lines of `trace` are
    not masked if the server echoes the token in them.

    The traceback and the context of an error may keep the response and the token: before
    you store an error, call with_traceback(None), set `__context__` to None, and drop
    `problem` and `execution`.

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
    """An argument, a server URL, a proxy or a CA file is missing or unusable, or plain
    http to another host was not allowed.

    To tell a user's malformed id from a malformed setting, call parse_uuid first."""

    exit_code = 2


class CredentialsError(ExecLogError):
    """The token, its file, the config file or its profile is missing, insecure or malformed,
    or the profile's token is for another server."""

    exit_code = 3


class RemoteError(ExecLogError):
    """The request failed. A redirect with a Location raises this class itself.

        retryable       whether the same request may succeed in a moment
        retry_after     seconds that the server asks clients to wait, at most 86400; None if
                        it does not ask, or gives a date

    An error may be of a private subclass of the class that is documented for it.

    Retryable: a lost connection (unless a TLS alert says why), a body that is cut short, a
    failure to connect, a network timeout, the statuses 429, 500, 502, 503 and 504, and a
    200 whose body is empty, not JSON or not an object, after an earlier 200 on this
    Transport was an object. A body that contains a number out of range counts as not JSON.

    Not retryable: a name that does not exist, a TLS error other than a closed connection
    (such as a rejected certificate), a proxy's 4xx to CONNECT (except 408 and 429), a time
    limit that has passed, and everything else.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        retryable: bool = False,
        retry_after: "t.Optional[float]" = None,
    ) -> None:
        super().__init__(message, hint)
        self.retryable = retryable
        self.retry_after = retry_after


class ConnectError(RemoteError):
    """No connection could be made: DNS, TCP, TLS or a proxy.

    If connecting takes too long, TimedOut is raised."""


class NoResponse(RemoteError):
    """The connection was lost before a response arrived."""


class UnusableResponse(RemoteError):
    """The response is malformed, too large, or not the one that was requested.
    Another attempt would not help."""


class ResponseTooLarge(UnusableResponse):
    """The body exceeds the limit for this request."""


class TimedOut(RemoteError):
    """A network operation took longer than the timeout (retryable), or a time limit has
    passed (not retryable). From Python 3.10 on, the timeout of the operating system counts
    as one of a network operation."""


class WaitTimeout(TimedOut):
    """The wait for an Execution, or for its targets on some nodes, timed out.

    The exit code is the same as timeout(1)'s.

    execution   the last response, or None if there was none
    """

    exit_code = 124

    def __init__(
        self,
        message: str,
        hint: str = "",
        execution: "t.Optional[JSONObject]" = None,
    ) -> None:
        super().__init__(message, hint)
        self.execution = execution


# The HTTP statuses after which another attempt may succeed.
RETRIED_STATUSES = (429, 500, 502, 503, 504)


class APIError(RemoteError):
    """A response that is neither a 200 nor a redirect with a Location.

    status      the HTTP status
    problem     the JSON object of the body (RFC 9457), or {} if there is none
    exit_code   3 for a 401; 77 for a 403 with the code rebac_denied, and 4 for another 403;
                otherwise 1
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        status: int = 0,
        problem: "t.Optional[JSONObject]" = None,
        retry_after: "t.Optional[float]" = None,
    ) -> None:
        super().__init__(message, hint, status in RETRIED_STATUSES, retry_after)
        self.status = status
        self.problem = problem or {}

        # This is the only place where an HTTP status, or the `code` of a Problem,
        # becomes an exit code.
        if status == 401:
            self.exit_code = 3
        elif status == 403 and self.problem.get("code") == "rebac_denied":
            self.exit_code = 77
        elif status == 403:
            self.exit_code = 4


def make_malformed_error(problem: str, hint: str = "") -> UnusableResponse:
    return UnusableResponse("the response is malformed: " + problem, hint)


# ------------------------------------------------------------------------------------------ Console

# What a stream may raise, apart from OSError: AttributeError if it is None, ValueError if it
# is closed.
STREAM_ERRORS = (OSError, ValueError, AttributeError)


def is_terminal(stream):
    try:
        return bool(stream.isatty())
    except STREAM_ERRORS:
        return False


def is_same_file(first, second):
    """Return whether two streams write to the same file or pipe. Always False on Windows."""
    if WINDOWS:
        return False
    try:
        return os.path.samestat(os.fstat(first.fileno()), os.fstat(second.fileno()))
    except STREAM_ERRORS:
        return False


def get_width(stream):
    """Return the width of a terminal in columns, or 0 if it does not report its width."""
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except STREAM_ERRORS:
        return 0


LINE_LIMIT = 4000  # characters of a line on stderr: most of what a server says of a failure


class Console:
    """The standard streams of one run.

    Data for stdout is collected. It is written once 64 KiB have accumulated, before an error,
    a hint, a retry or a network operation, and at the end. stderr gets printable lines with
    secrets masked; errors writing to stderr are ignored.

        stdout_is_terminal, stderr_is_terminal      whether each stream is a terminal
        columns         the width of stdout, or 0 if it is not a terminal or reports no width
        progress        the function that returns the progress line, or None if no such line is
                        shown
        error_count     how often report_error was called
    """

    def __init__(self, stdout, stderr):
        try:
            stdout.flush()  # what the caller printed before
        except STREAM_ERRORS:
            pass

        # A binary stream. With PYTHONUNBUFFERED, it is a raw one.
        self._out = getattr(stdout, "buffer", stdout)
        self._err = stderr  # a text stream
        self.stdout_is_terminal = is_terminal(stdout)
        self.stderr_is_terminal = is_terminal(stderr)
        both_are_terminals = self.stdout_is_terminal and self.stderr_is_terminal
        self._shares_lines = both_are_terminals or is_same_file(self._out, stderr)
        self.columns = get_width(stdout) if self.stdout_is_terminal else 0

        self.progress = None
        self.error_count = 0
        self._begin = time.monotonic()
        self._pending = []  # bytes for stdout
        self._pending_size = 0  # their number
        self._is_mid_line = False  # whether stdout is in the middle of a line
        self._progress_text = ""  # the progress line that is on the terminal
        self._secrets = []

    def add_secrets(self, *secrets):
        """Mask these strings from now on."""
        for secret in secrets:
            self._secrets += list_spellings(secret)

    def write(self, chunk):
        """Write text or bytes to stdout, now or in flush(). Raises the errors of flush()."""
        if isinstance(chunk, str):
            chunk = chunk.encode("utf-8")
        self._pending.append(chunk)
        self._pending_size += len(chunk)
        if self._pending_size >= 65536:
            self.flush()

    def flush(self):
        """Write what was collected for stdout.

        Raises ReaderGone if the reader has closed stdout, and ExecLogError for any
        other failure, including a missing stdout."""
        # A failed write is not repeated.
        data, self._pending, self._pending_size = b"".join(self._pending), [], 0
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
            gone_on_windows = WINDOWS and getattr(error, "errno", 0) == 22
            if isinstance(error, BrokenPipeError) or gone_on_windows:
                raise ReaderGone(message)
            raise ExecLogError(message)
        self._is_mid_line = data[-1:] != b"\n"

    def _write_all(self, data):
        """Write all of the data.

        A raw stream may write only a part of it, or nothing, which it reports as None."""
        left = memoryview(data)
        while left:
            size = self._out.write(left)
            if not size:
                raise OSError("it is not ready (non-blocking)")
            left = left[size:]
        self._out.flush()

    def redact(self, text, limit):
        """Return the first `limit` characters of text (None: all), with its secrets masked
        and its unprintable characters escaped.

        Mask first: cutting or escaping the text could split a secret, which would then
        not be found. Cut twice, so that a huge text is not escaped whole."""
        masked = mask(text, self._secrets)
        return make_visible(masked[:limit])[:limit]

    def describe_cursor(self, cursor):
        """Return the line for stderr that contains a next_cursor."""
        return "next_cursor: " + quote_cursor(cursor, self.stderr_is_terminal, self._secrets)

    def write_line(self, text, limit=LINE_LIMIT):
        """Write one line to stderr, cut after `limit` characters (None: uncut).

        It begins with a line break if stdout goes to the same place and is in
        the middle of a line."""
        self.show_progress("")
        begin = "\n" if self._is_mid_line and self._shares_lines else ""
        self._is_mid_line = False
        self._write_error(begin + self.redact(text, limit) + "\n")

    def report(self, label, text):
        """Write what was collected for stdout, and then the line `LABEL: TEXT` to stderr."""
        self.flush()
        self.write_line("%s: %s" % (label, text))

    def report_error(self, text):
        """Report that a part of what was requested is missing."""
        self.error_count += 1
        self.report("error", text)

    def hint(self, text, always=False):
        """Write a hint to stderr, if that is a terminal or `always` is true. "" is none."""
        if text and (always or self.stderr_is_terminal):
            self.report("hint", text)

    def show_progress(self, text):
        """Replace the progress line; "" removes it.

        A line that the terminal wraps could not be removed, so cut it. (Wide characters
        may still make it wrap.)"""
        if not text and not self._progress_text:
            return
        width = get_width(self._err) or 80
        text = self.redact(text, width - 1)
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
        stdout      must be a file, or a terminal that gets nothing meanwhile (`is_quiet`);
                    not a pipe, whose reader might write to the same terminal
        """
        if not self.stderr_is_terminal:
            return False
        is_foreground = True
        try:
            is_file = stat.S_ISREG(os.fstat(self._out.fileno()).st_mode)
            if hasattr(os, "tcgetpgrp"):  # not on Windows
                is_foreground = os.tcgetpgrp(self._err.fileno()) == os.getpgrp()
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
    """Report an expected failure, and return its exit code.

    A hint follows (default: the error's own), and then `last_line`, uncut."""
    if isinstance(error, ReaderGone):
        return error.exit_code
    console.write_line("error: %s" % error)
    hint = hint or error.hint
    if hint:
        console.write_line("hint: " + hint)
    if last_line:
        console.write_line(last_line, limit=None)
    return error.exit_code


# ------------------------------------------------------------------------------------------- Values

TYPE_NAMES: "t.Dict[type, str]" = {str: "a string", dict: "an object", list: "a list"}


def show_text(record, name):
    """Return a member of a JSON object as text, or "" if it is not text."""
    value = record.get(name)
    return value if isinstance(value, str) else ""


def check_type(
    value: "t.Any",
    expected: type,
    label: str,
    make_error: "t.Callable[[str], Exception]" = make_malformed_error,
) -> "t.Any":
    """Return a JSON value if it is null or has the expected type.
    Otherwise raise make_error(`LABEL: expected ...`)."""
    if value is not None and not isinstance(value, expected):
        raise make_error("%s: expected %s" % (label, TYPE_NAMES[expected]))
    return value


def find_uuid(text):
    """Return the canonical lower-case spelling of a UUID, or "" for other text.

    It accepts the forms of Go's uuid.Parse, which plexctl uses: canonical, after
    `urn:uuid:`, in braces, and 32 hexadecimal digits."""
    # In lower case, no character outside ASCII becomes a hexadecimal digit.
    text = text.strip().lower()
    if re.fullmatch("[0-9a-f]{32}", text):
        return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])
    if text.startswith("urn:uuid:"):
        text = text[len("urn:uuid:") :]
    elif text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    if re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text):
        return text
    return ""


def parse_uuid(value: "t.Union[str, AnyUUID]") -> str:
    """Return the canonical lower-case spelling of a UUID: a uuid.UUID, or a string.

    The string may be canonical, prefixed with `urn:uuid:`, in braces, or 32 hexadecimal
    digits, in any case, and with white space around it. Raises UsageError."""
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


# `2026-11-24T09:30:00.5Z` or `2026-11-24T11:30:00.5+02:00`: a time in the form of RFC
# 3339, 5.6, with capital letters. The groups are the time, the fraction of a second,
# and the offset.
RFC3339_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?"
    r"(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def parse_moment(text):
    """Return the naive datetime for `2026-11-24T09:30:00`.

    Raises ValueError if it is not in the calendar."""
    year, month, day, hour, minute, second = map(int, re.split("[T:-]", text))
    return datetime(year, month, day, hour, minute, second)


def parse_offset(text):
    """Return the timedelta of an offset from UTC: `Z`, `+02:00` or `+0200`."""
    if text == "Z":
        return timedelta(0)
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return -offset if text[0] == "-" else offset


def normalize_time(text):
    """Return an RFC 3339 time in UTC, without the Z, or None if the text is not such a time.

    Texts of this form sort as the times do: `09:30:00` < `09:30:00.25` < `09:30:00.3` <
    `09:30:01`. Trailing zeros of a fraction are removed. Only a time with an offset
    other than `Z` is checked against the calendar."""
    match = RFC3339_TIME.fullmatch(text)
    if not match:
        return None
    moment, fraction, offset = match.groups()
    if offset != "Z":
        try:
            moment = (parse_moment(moment) - parse_offset(offset)).isoformat()
        except (ValueError, OverflowError):
            return None  # not in the calendar, or outside the years 1 to 9999 in UTC
    if not fraction:
        return moment
    return moment + fraction.rstrip("0").rstrip(".")


def to_utc_text(moment):
    """Convert an aware datetime to the form that normalize_time returns. None stays None."""
    if moment is None:
        return None
    offset = moment.utcoffset()
    if offset is None:
        example = "datetime.now(timezone.utc)"
        raise UsageError("since and until: expected an aware datetime, such as " + example)
    try:
        utc = moment.replace(tzinfo=None) - offset
    except OverflowError:
        raise UsageError("since and until: expected a time in the years 1 to 9999 in UTC")
    return normalize_time(utc.isoformat() + "Z")


def show_time(moment):
    """Return an aware datetime in UTC as `2026-07-14T09:29:39Z`."""
    return moment.isoformat()[:19] + "Z"


def is_in_span(moment, since, until):
    """Return whether `since <= moment < until`. All are times of the same form; None is no bound."""
    if since is not None and moment < since:
        return False
    return until is None or moment < until


UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(text):
    """Return a duration such as `30`, `0.5`, `20s`, `5m`, `2h` or `1d` in seconds."""
    seconds = 0.0
    if re.fullmatch("[0-9]+[smhd]", text):
        seconds = float(text[:-1]) * UNIT_SECONDS[text[-1]]
    elif re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", text):
        seconds = float(text)
    if not 0 < seconds <= 86400:
        raise UsageError(
            "expected a duration such as 30 (seconds), 5m, 2h or 1d (above 0, at most 1d)"
        )
    return seconds


# ----------------------------------------------------------------------------------------- Settings
#
# A server or proxy that is missing or malformed raises UsageError. An unusable token,
# token file, config file or profile raises CredentialsError.

# For example `https://[::1]:8443/prefix/`. User info, a query, a fragment and
# characters outside ASCII do not match.
SERVER_URL_PATTERN = r"""
    (https?) ://
    (                                           # the host:
        \[ [0-9a-f:.]+ \] |                     #     an IPv6 address, or
        [\w-]{1,63} (?: \. [\w-]{1,63} )* \.?   #     a name (RFC 1035, 2.3.4) or an IPv4 address
    )
    (?: : ( [0-9]{1,5} ) )?                     # the port
    ( / [\w/.~%:@!$&'()*+,;=-]* )?              # the path (RFC 3986, 3.3)
    """
DEFAULT_PORTS = {"http": 80, "https": 443}


class Server(namedtuple("Server", "scheme host port prefix")):
    """The address of the API.

    Make one with Server.parse: the members of one made by hand are not checked.

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
        """Parse `http(s)://host[:port][/prefix]`.

        Raises UsageError, whose message begins with `label`. The message does not quote
        the URL, because the faulty part may be a password."""
        url = url.strip()

        match = re.fullmatch(SERVER_URL_PATTERN, url, re.ASCII | re.IGNORECASE | re.VERBOSE)
        if match:
            scheme, host, digits, path = match.groups()
            scheme = scheme.lower()
            host = host.strip("[]").lower()
            port = int(digits or DEFAULT_PORTS[scheme])
            prefix = (path or "").rstrip("/")
            if 0 < port < 65536:
                return cls(scheme, host, port, prefix)

        raise UsageError(
            "%s: expected http(s)://host[:port][/prefix]" % label,
            "write it as https://HOST or https://HOST:PORT, without a user name, query or fragment",
        )

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110, 7.2)."""
        host = self.host
        if ":" in host:  # an IPv6 address
            host = "[%s]" % host
        if self.port == DEFAULT_PORTS[self.scheme]:
            return host
        return "%s:%d" % (host, self.port)

    @property
    def url(self) -> str:
        """The URL in its shortest form."""
        return "%s://%s%s" % (self.scheme, self.authority, self.prefix)


def describe_access_fault(file_info, forbidden):
    """Return what is wrong with the owner or mode of a file or folder, or "".

    `file_info` is its os.stat() result. The owner must be the user or root, and no bit of
    `forbidden` may be set in the mode. On Windows, os.stat() does not report them."""
    if WINDOWS:
        return ""
    if file_info.st_uid not in (0, os.geteuid()):
        return "it belongs to another user (uid %d)" % file_info.st_uid
    mode = stat.S_IMODE(file_info.st_mode)
    if mode & forbidden:
        return "its mode %04o is too open" % mode
    return ""


def suggest_chmod(mode, path, file_info):
    """Return the command that gives a file this mode, or "" unless it is a regular file
    that the user owns.

    `file_info` is its os.stat() result. Not for Windows."""
    is_own_file = file_info.st_uid == os.geteuid() and stat.S_ISREG(file_info.st_mode)
    if not is_own_file or not path.isprintable():
        return ""

    import shlex

    return "chmod %s -- %s" % (mode, shlex.quote(path))


def read_private_file(path, limit, name):
    """Return the text of a file that contains a secret, without its byte order mark.

    People paste tokens in place of paths. Therefore messages show the path only if it
    exists or starts like a path, and otherwise `name`. A file that other users can
    access, or that is larger than `limit` bytes, is refused."""
    try:
        looks_like_path = os.path.isabs(path) or path.startswith(("./", "../", "~"))
        if looks_like_path or os.path.lexists(path):
            name = path

        with open(path, "rb") as file:
            # Check the opened file, not its name, which may refer to a different file by now.
            file_info = os.fstat(file.fileno())
            is_pipe = stat.S_ISFIFO(file_info.st_mode)  # such as `<(...)`, which may have any mode
            problem = describe_access_fault(file_info, 0 if is_pipe else 0o077)
            if problem:
                general_hint = "use a file that you own, with mode 0600, or a pipe"
                hint = suggest_chmod("600", path, file_info) or general_hint
                raise CredentialsError("%s is insecure: %s" % (name, problem), hint)
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: the path contains a NUL
        # The cause has the path, which may be a token.
        raise CredentialsError("cannot read %s: %s" % (name, describe_error(error))) from None

    if len(data) > limit:
        raise CredentialsError("%s is larger than %d KiB" % (name, limit >> 10))
    return data.decode("utf-8-sig", "replace")


def find_config_file():
    """Return (path of the config file or None, the paths that were tried)."""
    default_base = os.path.join(os.path.expanduser("~"), ".config")
    bases = os.environ.get("XDG_CONFIG_HOME", ""), default_base
    paths = [os.path.join(base, "plexctl", "config.json") for base in bases if os.path.isabs(base)]
    return next(filter(os.path.lexists, paths), None), paths


def read_config(path):
    text = read_private_file(path, 1 << 20, path)
    fault = ""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        fault = str(error)

    # Raise outside of `except`, because the JSON error carries the whole text, with its tokens.
    if fault:
        raise CredentialsError("%s is not valid JSON: %s" % (path, fault))
    return check_type(config, dict, "%s: top level" % path, CredentialsError) or {}


def read_profile(name):
    """Return (title, members) of a profile of the config file; the default profile if
    the name is None.

    This is the config file:

        {"default": NAME, "profiles": {NAME: {"server": URL, "token": TOKEN, "project": UUID}}}

    Each member may be absent or null. Without a default profile, the title is ""."""
    path, paths = find_config_file()
    if path is None and name is None:
        return "", {}
    if path is None:
        raise CredentialsError("there is no config file", "looked for " + " and ".join(paths))

    def expect_object(value, label):
        return check_type(value, dict, "%s: %s" % (path, label), CredentialsError) or {}

    # Find the profile. An unknown name is not shown, because it may be a token
    # in the wrong place.
    config = read_config(path)
    profiles = expect_object(config.get("profiles"), "profiles")
    if name is None and config.get("default") is None:
        return "", {}
    chosen = config["default"] if name is None else name
    if not isinstance(chosen, str) or chosen not in profiles:
        if name is None:
            problem = '%s: "default" names a profile that does not exist' % path
        else:
            problem = "%s has no profile with the given name" % path
        names = ", ".join(profiles) or "none"
        raise CredentialsError(problem, "profiles in this file: " + names)

    # Read the profile.
    title = 'profile "%s"' % chosen
    profile = expect_object(profiles[chosen], title)
    for member in ("server", "token"):
        check_type(profile.get(member), str, "%s of %s" % (member, title), CredentialsError)
    return title, profile


class Profile:
    """The profile that --profile names, or else the default profile.

    The config file is read when it is first needed.

    name        the name that --profile gives, or None
    """

    def __init__(self, name):
        self.name = name
        self._content = None  # what read_profile returns, once it has been called

    def _read(self):
        if self._content is None:
            self._content = read_profile(self.name)
        return self._content

    @property
    def title(self):
        """`profile "NAME"`, or "" if there is no default profile."""
        title, _ = self._read()
        return title

    def get(self, member):
        """Return a member, or None if it is absent or null."""
        _, members = self._read()
        return members.get(member)

    def describe_missing(self, flag, variable, member):
        """Return the hint for a setting that no source has."""
        path, paths = find_config_file()
        if self.title:
            fault = "%s has none" % self.title
        elif path is not None:
            fault = "%s has no default profile" % path
        elif paths:
            fault = "there is no config file (looked for %s)" % " and ".join(paths)
        else:
            fault = "there is no default profile"
        advice = "pass %s, set %s, or use a profile with a %s; " % (flag, variable, member)
        return advice + fault


class Setting:
    """A setting that choose_setting has looked up.

    It is not a namedtuple, whose repr() would show a token.

    value               None if no source has one
    source              where the value came from, such as `--server`, `PLEXSPHERE_URL` or
                        `server of profile "prod"`
    is_from_profile     whether it is the profile's, not a flag's or a variable's
    """

    def __init__(self, value, source, is_from_profile):
        self.value = value
        self.source = source
        self.is_from_profile = is_from_profile


def choose_setting(flag, variable, profile, member):
    """Return the Setting for a member of a profile.

    `flag` and `variable` are (name, value). The first source that has a value wins. An
    empty variable has none.

        without --profile   1. the flag   2. the variable   3. the default profile
        with --profile      1. the flag   2. that profile   3. the variable

    The config file is read only if the order gets to the profile."""
    flag_name, flag_value = flag
    variable_name, variable_value = variable
    if flag_value is not None:
        return Setting(flag_value, flag_name, is_from_profile=False)

    variable_comes_first = profile.name is None
    if variable_value and (variable_comes_first or profile.get(member) is None):
        return Setting(variable_value, variable_name, is_from_profile=False)
    source = "%s of %s" % (member, profile.title)
    return Setting(profile.get(member), source, is_from_profile=True)


def validate_token(token, source=""):
    """Return the token, stripped of surrounding white space.

    `source` says where the token came from. The token must consist of visible ASCII
    characters. http.client accepts others, and its own errors quote the token: see
    HTTPConnection.putheader."""
    token = token.strip()
    advice = ""
    if token[:7].lower() == "bearer ":
        problem = 'the token begins with "Bearer "'
        advice = 'remove the word "Bearer" from the token'
    elif token.startswith(('"', "'")):
        problem = "the token begins with a quotation mark"
        advice = "remove the quotation marks around the token"
    elif re.fullmatch("[!-~]+", token):
        return token
    else:
        problem = "the token is empty, or contains characters other than visible ASCII"

    origin = ""
    if source:
        origin = "it came from " + source
    hint = "; ".join(part for part in (advice, origin) if part)
    raise CredentialsError(problem, hint)


def pin_token(title, profile_server, server, server_source):
    """Raise CredentialsError if a profile names a server other than the selected one.

    The profile's token is only for the profile's server."""
    pinned = Server.parse(profile_server, "server of " + title)
    if pinned == server:
        return

    problem = "the token of %s is for %s, but the request would go to %s"
    hint = "the server came from %s: remove it, or pass a token for that server with --token-file"
    raise CredentialsError(problem % (title, pinned.url, server.url), hint % server_source)


def find_settings(server_url, profile, token_file):
    """Return (server, token, the token's source).

    `profile` is a Profile; the others are values of the flags, or None. Server and
    token are looked up separately, by choose_setting."""
    server_setting = choose_setting(
        flag=("--server", server_url),
        variable=("PLEXSPHERE_URL", os.environ.get("PLEXSPHERE_URL")),
        profile=profile,
        member="server",
    )
    token_setting = choose_setting(
        flag=("--token-file", token_file),
        variable=("PLEXSPHERE_TOKEN", os.environ.get("PLEXSPHERE_TOKEN")),
        profile=profile,
        member="token",
    )

    # Refuse what is malformed or missing. A malformed server is reported first, then the
    # token, and then a missing server.
    server = None
    if server_setting.value is not None:
        server = Server.parse(server_setting.value, server_setting.source)
    if token_setting.value is None:
        hint = profile.describe_missing("--token-file", "PLEXSPHERE_TOKEN", "token")
        raise CredentialsError("no token", hint)
    # A flag has the path of a file; a variable or a profile has the token itself.
    text = token_setting.value
    if token_file is not None:
        text = read_private_file(os.fspath(token_file), 64 << 10, "the token file")
    token_source = profile.title if token_setting.is_from_profile else token_setting.source
    token = validate_token(text, token_source)
    if server is None:
        hint = profile.describe_missing("--server", "PLEXSPHERE_URL", "server")
        raise UsageError("no server", hint)

    # A profile's token goes only to that profile's server, if it names one.
    if token_setting.is_from_profile and profile.get("server") is not None:
        pin_token(profile.title, profile.get("server"), server, server_setting.source)
    return server, token, token_source


def find_project(project, profile):
    """Return (UUID of the Project, its source).

    `project` is the value of --project, or None, and `profile` is a Profile.
    Raises CredentialsError for an unusable config file, and UsageError for a
    missing or malformed Project."""
    setting = choose_setting(
        flag=("--project", project),
        variable=("PLEXSPHERE_PROJECT", os.environ.get("PLEXSPHERE_PROJECT")),
        profile=profile,
        member="project",
    )
    if setting.value is None:
        hint = profile.describe_missing("--project UUID", "PLEXSPHERE_PROJECT", "project")
        raise UsageError("no Project", hint)
    text = check_type(setting.value, str, setting.source, CredentialsError)
    return parse_named_uuid(text, setting.source), setting.source


def is_this_host(host: str) -> bool:
    """Return whether the host is this machine: `localhost`, a loopback or unspecified address."""
    import ipaddress

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"  # `localhost.` may be looked up in DNS
    return address.is_loopback or address.is_unspecified


class Proxy:
    """An HTTP proxy: `[http://][user:password@]host[:port]`.

    It is not a namedtuple, whose repr() would show the password.

    host, port      the proxy's address
    headers         headers that only the proxy gets
    secrets         strings to mask: the Basic credentials, and the password, as UTF-8 and
                    as Latin-1 if it is not ASCII
    """

    def __init__(self, url: str) -> None:
        # `http://ann:p@ss@proxy:80` becomes `http`, `ann:p@ss` and `proxy:80`.
        # `proxy:80` has only the last of these.
        scheme, _, remainder = url.rpartition("://")
        user_info, at, address = remainder.rpartition("@")
        try:
            if scheme.lower() not in ("", "http"):
                raise UsageError("not an http proxy")
            parsed = Server.parse("http://" + address)
        except UsageError:
            hint = "check HTTPS_PROXY and HTTP_PROXY: write the URL as http://HOST:PORT"
            raise UsageError("the proxy: expected http://host:port", hint)
        self.host, self.port = parsed.host, parsed.port
        self.headers = {}
        self.secrets = []

        if at:  # RFC 7617
            if ":" not in user_info:
                user_info += ":"
            login = unquote_to_bytes(os.fsencode(user_info))
            basic = b2a_base64(login, newline=False).decode("ascii")
            self.headers = {"Proxy-Authorization": "Basic " + basic}

            # An echo in JSON is read as UTF-8, one in a header or a reason phrase as Latin-1.
            logins = [login.decode("utf-8", "replace"), login.decode("latin-1")]
            passwords = [text.partition(":")[2] for text in logins]
            self.secrets = list(dict.fromkeys([basic] + passwords))


def find_proxy(server):
    """Return the URL of the proxy that the environment names for the server, or None.

    urllib.request decides (getproxies_environment, proxy_bypass_environment), except
    that this host is never reached through a proxy."""
    # Import urllib.request, which is slow, only if there is a variable for it.
    name = server.scheme + "_proxy"
    is_set = any(variable.lower() == name for variable in os.environ)
    if not is_set or is_this_host(server.host):
        return None

    from urllib.request import (  # type: ignore[attr-defined]
        getproxies_environment,
        proxy_bypass_environment,
    )

    proxies = getproxies_environment()
    if proxy_bypass_environment("%s:%d" % (server.host, server.port), proxies):
        return None
    return proxies.get(server.scheme) or None


# -------------------------------------------------------------------------------------------- Hints
#
# What to do about a failed request.


class Doubt(str):
    """A hint that doubts what was typed. Once the API has answered, it is left out."""


CONNECT_HINT = Doubt(
    "check --server, PLEXSPHERE_URL or the profile, the network, and whether you need a proxy"
)
PROXY_HINT = Doubt(
    "check the server's name and port, HTTPS_PROXY, HTTP_PROXY and NO_PROXY "
    "(if the proxy needs a login, put user:password@ before its host)"
)
TLS_HINT = Doubt(
    "check the port (is it for https?), the server's name and the local clock; "
    "for a private CA, use --ca-file"
)
PLAIN_HTTP_HINT = Doubt("if this port is for https, write https:// in the server's URL")
NOT_API_HINT = Doubt("check --server, PLEXSPHERE_URL or the profile: the URL may not be the API's")
REDIRECT_HINT = Doubt("if that is the API, use the part of its URL before /v1 as the server's URL")
V1_TWICE_HINT = Doubt("leave /v1 out of the server's URL")
CLIENT_CERTIFICATE_HINT = (
    "client certificates are not supported: ask for a server URL that does not require one"
)
LOST_CONNECTION_HINT = "the server, or a proxy in between, closed the connection: try again"
CUT_BODY_HINT = "the server, or a proxy in between, may have closed the connection early: try again"
OVERLOAD_HINT = (
    "the server, or a gateway in front of it, may be overloaded or restarting: try again later"
)

# By the HTTP status and a word: the `code` of a 400, the `reason` of a 403, or "" for any other.
STATUS_HINTS = {
    (400, ""): "the server rejected the value of a flag: check the flags against --help",
    (400, "invalid_cursor"): Doubt(
        "the server rejected the cursor: "
        "use it only with the filters of the listing that printed it"
    ),
    (400, "invalid_limit"): "use a --limit of at most 200",
    (400, "invalid_status"): (
        "the server rejected the value of --status: --help lists the valid ones"
    ),
    # For example, %s is ` from PLEXSPHERE_TOKEN`.
    (401, ""): "get a new token: the token%s is invalid, expired or for another server",
    (403, ""): "ask an owner of the Project to let this token read its Executions",
    (403, "caveat_violation"): (
        "the token is valid, but its conditions are not met: "
        "check its validity period, your source address and how you logged in"
    ),
    # For example, %s is `PLEXSPHERE_PROJECT`.
    (404, ""): Doubt(
        "not found, or not visible to this token: "
        "check the Project (%s), the server and, for get, that the id is an Execution's"
    ),
    (407, ""): PROXY_HINT,
    (429, ""): "too many requests: try again later",
    (500, ""): (
        "try again; if it keeps failing, "
        "send the server's operators the time, the command and any correlation id"
    ),
    (501, ""): "this server cannot run actions: ask its operators to enable action dispatch",
    (502, ""): OVERLOAD_HINT,
    (503, ""): OVERLOAD_HINT,
    (504, ""): OVERLOAD_HINT,
}


# ---------------------------------------------------------------------------------------- Transport
#
# What this section relies on in http.client, from Python 3.6 to 3.15:
#
#     HTTPConnection.connect      connects, asks a proxy for a tunnel with the headers
#                                 of set_tunnel() only, so without the token, and then
#                                 does the TLS handshake with the server's name.
#     HTTPConnection.request      would connect by itself (auto_open) if connection.sock
#                                 were None. It never is here: _connect connects, and
#                                 a connection is kept only if nothing has closed it.
#     timeout, settimeout()       limit each attempt to connect, each handshake, each
#                                 read and each write separately.
#     HTTPConnection.getresponse  skips responses with status 100, takes truncated
#                                 headers for complete ones, and lets the `email`
#                                 package parse them. After `Connection: close` it sets
#                                 connection.sock to None; the response's file keeps
#                                 the socket open.
#     HTTPResponse.read1(n)       returns at most n bytes as soon as there are any, and
#                                 b"" at the end. It lowers response.length, the number
#                                 of bytes to come. If a body with a Content-Length is
#                                 truncated, it returns b"" and response.length stays
#                                 above 0; if a chunked body is truncated, it raises.
#                                 A response discards its own buffer when it is closed,
#                                 so surplus bytes in it reach no later response.
#
# A request that fails raises RemoteError or a subclass of it. Private docstrings do
# not repeat that.

READ_SIZE = 32 << 10  # bytes to read at once: two TLS records
PIECE_SIZE = 1 << 20  # bytes to decompress at once
ERROR_BODY_LIMIT = 1 << 20  # bytes; a Problem has a few hundred
EXECUTION_LIMIT = 256 << 20  # bytes of a body: 11,000 targets with the largest inline output
PAGE_LIMIT = 32 << 20  # bytes of a body with several Executions
DEFAULT_TIMEOUT = 30.0  # seconds
RETRY_PAUSES = (0.5, 1.0)  # seconds before the first and the second retry
LONGEST_RETRY_AFTER = 30.0  # seconds; if the server asks for more, the attempts end
RETRY_AFTER_LIMIT = 86400.0  # seconds; a longer Retry-After counts as this
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie", "location")

LOST_BODY = "the connection was lost while reading the body: %s"

# What http.client may raise for malformed headers, apart from HTTPException, because
# the `email` package parses them. No document lists these: some were seen when malformed
# headers were tried on each Python, the others are a precaution against a traceback.
PARSER_ERRORS = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)

# What http.client may raise for a failure of TLS. On 3.6, CertificateError is a ValueError.
TLS_ERRORS = (ssl.SSLError, ssl.CertificateError) if ssl else ()


def check_ca_file(path):
    """Raise UsageError unless the path leads to a file or a pipe that not everybody can write to.

    A shell makes a pipe for `<(...)`. Raises OSError if there is nothing at the path."""
    file_info = os.stat(path)
    if not stat.S_ISREG(file_info.st_mode) and not stat.S_ISFIFO(file_info.st_mode):
        raise UsageError(
            "the CA file %s is neither a file nor a pipe" % path,
            "use a file with certificates in PEM",
        )
    if file_info.st_mode & 0o002 and not WINDOWS:
        hint = suggest_chmod("o-w", path, file_info) or "use a file that others cannot write to"
        raise UsageError("the CA file %s is insecure: anyone can write to it" % path, hint)


def make_tls_context(ca_file):
    """Return ssl.create_default_context(), with TLS 1.2 or later.

    It verifies certificates and host names. It trusts the system's CAs if `ca_file`
    is None, and otherwise only the CAs in that file. Raises UsageError for a file
    that everybody may write to or that cannot be used, and RemoteError if this
    Python has no ssl module."""
    if ssl is None:
        raise RemoteError(
            "this Python has no TLS: it was built without the ssl module",
            "use a Python built with ssl",
        )
    try:
        if ca_file is not None:
            ca_file = os.fspath(ca_file)
            check_ca_file(ca_file)
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        # An error that names another file is about SSLKEYLOGFILE.
        named_file = getattr(error, "filename", None)
        if ca_file is not None and named_file in (None, ca_file):
            label = "CA file %s" % ca_file
        else:
            label = "file that SSLKEYLOGFILE names"
        raise UsageError("cannot use the %s: %s" % (label, describe_error(error)))

    # openssl.cnf may allow less than TLS 1.2. Python 3.6 has only the older options.
    if not hasattr(context, "minimum_version"):
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    elif context.minimum_version < ssl.TLSVersion.TLSv1_2:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def can_be_read(sock):
    """Return whether a read would return at once: there are bytes, or the connection was closed."""
    if hasattr(sock, "pending") and sock.pending():  # bytes that SSLSocket has already decrypted
        return True
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            return bool(selector.select(0))
    except OSError:  # such as too many open files
        return True  # so that the connection is not used again


def read_number(literal):
    """Return a JSON number as an int or a float. json.loads calls this function.

    Raises ValueError for NaN, Infinity, and numbers outside the range of a double. A
    number within the range has at most 309 digits, so int() is fast."""
    number = float(literal)
    if not isfinite(number):
        raise ValueError("a number is out of range")
    if literal.lstrip("-").isdigit():
        return int(literal)
    return number


def make_cut_error(message):
    """Return the error for a body that did not arrive whole."""
    return RemoteError(message, CUT_BODY_HINT, retryable=True)


def decode_json(body):
    """Return the JSON value of a body, a bytearray, which is emptied.

    Raises ValueError, whose message says that the body is empty or not valid JSON, and
    RecursionError for a body that is nested too deeply."""
    if not body:
        raise ValueError("its body is empty")
    try:
        text = body.decode("utf-8")
        body.clear()  # free it before json makes its objects
        return json.loads(
            text, parse_int=read_number, parse_float=read_number, parse_constant=read_number
        )
    except ValueError:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        body.clear()
        raise ValueError("its body is not valid JSON")


def make_gzip_decoder():
    """Return a decompressor for one gzip stream (RFC 1952), or None if this Python has no zlib."""
    if zlib is None:
        return None
    return zlib.decompressobj(16 + zlib.MAX_WBITS)  # 16: with the header and the checksum of gzip


def decompress(decoder, data):
    """Decompress the next bytes of a gzip stream, and yield pieces of at most PIECE_SIZE bytes.

    Each turn yields bytes or consumes data, so the loop ends. The caller limits how much
    the pieces may add up to. Raises UnusableResponse for corrupt data, and for data after
    the end of the stream."""
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


def check_seconds(seconds, label):
    """Raise UsageError unless `seconds` is a number, more than 0 and at most a day."""
    if not isinstance(seconds, (int, float)) or not 0 < seconds <= 86400:
        expected = "expected a number of seconds, more than 0 and at most 86400 (one day)"
        raise UsageError("%s: %s" % (label, expected))


def do_nothing(*_: object) -> None:
    """The default callback."""


def read_encoding(response):
    """Return the Content-Encoding of a response in lower case: "gzip", "identity" or another."""
    encoding = response.getheader("Content-Encoding", "").strip(" \t").lower()
    if encoding == "x-gzip":  # an alias (RFC 9110, 8.4.1.3)
        return "gzip"
    return encoding or "identity"


def can_tunnel_to_ipv6():
    """Return whether http.client puts an IPv6 address into brackets in a CONNECT (RFC 9112,
    3.2.3), as it does from Python 3.13 on."""

    class Probe(http.client.HTTPConnection):
        def send(self, data):
            raise ConnectionError(data)

    probe = Probe("localhost")
    probe.set_tunnel("::1", 443)
    try:
        probe._tunnel()  # type: ignore[attr-defined]
    except ConnectionError as error:
        return b"CONNECT [::1]:443 " in error.args[0]
    return False


class Transport:
    """Sends GET requests to one server, one after the other, over one connection that is kept.

        # the command's server, token and proxy
        with Transport.from_settings() as transport: ...

        # no proxy, no profile
        Transport(Server.parse("https://plexsphere.example"), token)

    Several threads may use a Transport one at a time, under a lock; a time limit is for all
    of them. After a fork, the child opens a connection of its own. Do not copy or pickle a
    Transport: a copy shares the connection, and a pickle contains the token. A new token
    needs a new Transport.

    To test a program without a server, override get(self, path, parameters,
    max_bytes=256 << 20) in a subclass. `path` is a string and `max_bytes` an int;
    `parameters` maps strings to strings, ints or None, of which None, "" and 0 would not be
    sent. Return a dict, as json.loads does for an object, or raise a RemoteError. get_page
    and get_execution set `items` and `targets` in that dict. An overridden get() is neither
    retried nor subject to time limits; wait_for_execution still waits out retryable failures
    and ends its pauses on time.

    An exception of your own, from a callback or a signal handler, propagates if its
    class inherits directly from Exception or BaseException. A subclass of a built-in error,
    such as TimeoutError, may be taken for a failure of the connection. After an exception
    has interrupted a request, a new Transport is the safe choice.

        server          the Server
        secrets         strings to mask: the token, the proxy's password and Basic credentials
        received        number of body bytes received so far, before decompression
        token_source    where the token came from, for the hint of a 401; "" if that is unknown
        project_source  where the Project came from, for the hint of a 404
        has_found_api   whether a 200 was a JSON object. Hints then no longer doubt what was
                        typed
        clock           the monotonic clock, a function that returns seconds
                        (default: time.monotonic)
        server_date     the Date of the first 200 that was a JSON object, as the server sent it;
                        "" if there is none, or a cache has kept it (Age)
        date_arrival    time.time() when this Date arrived
    """

    # Not in __init__: for get_page, get_execution and a Listing, a subclass that overrides get()
    # need not call it.
    has_found_api = False
    secrets: "t.List[str]" = []

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
        """Prepare requests; nothing is sent. White space around the token is removed.

        Raises CredentialsError for a malformed token, and UsageError, for example if plain
        http is refused or the timeout is out of range.

            proxy           URL of an http proxy; None for no proxy. It is used for this
                            host, too, and can read the token if the server's URL is for
                            plain http
            ca_file         PEM file of the CAs to trust instead of the system's. The
                            CAs are read once, for the first connection: in a program that
                            runs for weeks, make a new Transport after a 401 or a rejected
                            certificate
            timeout         seconds for each network operation (connect, handshake,
                            read, write): more than 0, and at most 86400
            allow_http      whether to allow plain http to hosts other than this one
            pauses          seconds before each retry of a request; a negative number
                            means no pause
            on_retry        called as on_retry(text) before such a pause; the text says
                            what failed
            on_progress     called before each attempt of a request, and after each read of a
                            body
            trace           called as trace(line) for each line of a request or response
                            head. *** replaces the values of Authorization,
                            Proxy-Authorization, Cookie, Set-Cookie and Location. A token
                            that a server echoes in another header, or in the reason
                            phrase, is shown. Not traced: a proxy's response to CONNECT,
                            interim responses (1xx), and the Host line that http.client
                            adds to CONNECT from Python 3.12 on
            clock, sleep    replacements for time.monotonic and time.sleep, for tests. A
                            `sleep` that does not take real time needs a `clock`, too

        Callbacks get unescaped text."""
        if server.scheme != "https" and not allow_http and not is_this_host(server.host):
            raise UsageError(
                "plain http to %s would expose the token to the network" % server.host,
                "use https://, or allow plain http with --allow-http",
            )
        check_seconds(timeout, "timeout")
        token = validate_token(token)
        self.server = server
        self.secrets = [token]
        self.received = 0
        self.token_source = ""
        self.project_source = "--project"
        self.server_date = ""
        self.date_arrival = 0.0
        self._proxy = None
        if proxy is not None:
            self._proxy = Proxy(proxy)
            self.secrets += self._proxy.secrets
            if server.scheme == "https" and ":" in server.host and not can_tunnel_to_ipv6():
                raise UsageError(
                    "this Python cannot reach an IPv6 address through a proxy",
                    "use Python 3.13 or later, or a host name in the server's URL",
                )

        # Options.
        self._ca_file = ca_file
        self._timeout = timeout
        self._pauses = tuple(pauses)
        self._on_retry = on_retry
        self._on_progress = on_progress
        self._trace = trace
        self.clock = clock
        self._sleep = sleep
        self._headers = {
            "Host": server.authority,
            "Authorization": "Bearer " + token,
            "Accept": "application/json, application/problem+json",
            "Accept-Encoding": "gzip" if make_gzip_decoder() else "identity",
            "User-Agent": "plexctl-exec-log/" + __version__,
        }
        self._origin = ""  # what stands before the path in a request target
        if self._proxy and server.scheme != "https":  # it gets the request itself, not a CONNECT
            self._origin = "http://" + server.authority
            self._headers.update(self._proxy.headers)

        # State.
        self._tls_context = None  # made for the first connection
        self._was_answered = False  # whether the server has sent any response
        self._head_arrival = 0.0  # time.time() when the last response began
        # The end of each time limit in force, by the clock. The limits may end in any order.
        self._ends: "t.Dict[object, float]" = {}
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

        The arguments are the values of the command's flags: a URL, a name and a
        path. The environment and the config file supply the rest. `options` are the
        other arguments of Transport, except proxy; a type checker does not notice a wrong
        name in them. It looks up no Project, and with `server` and `token_file` it reads no
        profile. Raises the errors of Transport(); UsageError for a missing server, or one that
        is malformed, also in a profile; and CredentialsError for a missing token, an unusable
        file or profile, or a server of a profile that is not a string."""
        return cls._from_profile(server, Profile(profile), token_file, **options)

    @classmethod
    def _from_profile(cls, server_url, profile, token_file, **options):
        """Do what from_settings does. `profile` is a Profile, which may have been asked before."""
        server, token, token_source = find_settings(server_url, profile, token_file)
        transport = cls(server, token, proxy=find_proxy(server), **options)
        transport.token_source = token_source
        return transport

    def __enter__(self: "AnyTransport") -> "AnyTransport":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connection. The next request opens another one.

        Call this between jobs that are minutes apart: if a firewall has dropped the
        connection, the next request would take a whole timeout to fail."""
        connection = self._take_idle()
        if connection is not None:
            connection.close()

    def _take_idle(self):
        """Remove and return the idle connection, or None if this process can use none."""
        connection, self._idle = self._idle, None
        if connection is None:
            return None

        # Readable: the server closed it, or sent something that nobody requested. After
        # a fork, closing affects only the child's copy of the descriptor.
        if self._idle_pid != os.getpid() or can_be_read(connection.sock):
            connection.close()
            return None
        return connection

    @contextmanager
    def time_limit(self, seconds: float) -> "t.Iterator[None]":
        """Limit the time of requests on this Transport inside the `with` block.

        After the limit, requests and reads raise TimedOut, except that a response with an
        error status is reported as such. No pause outlasts it. Several limits may be in
        force, and end in any order; the earliest one counts. Callbacks can overrun a limit,
        and so can what the module's docstring lists under "Limits". Raises UsageError unless
        `seconds` is more than 0 and at most 86400."""
        check_seconds(seconds, "seconds")
        end = self.clock() + seconds
        limit = object()
        try:
            self._ends[limit] = end
            yield
        finally:
            self._ends.pop(limit, None)

    def _time_left(self):
        """Return the seconds until the earliest time limit ends."""
        return min(self._ends.values(), default=float("inf")) - self.clock()

    def _require_time(self):
        """Return the seconds for the next network operation, which are never 0.

        Raises TimedOut if a time limit has passed."""
        left = self._time_left()
        if left <= 0:
            raise TimedOut("the time limit has passed")
        return min(self._timeout, left)

    def get(
        self, path: str, parameters: "Parameters", max_bytes: int = EXECUTION_LIMIT
    ) -> "JSONObject":
        """Send a GET, and return the JSON object of its 200 response.

        `path` begins with `/`, and is sent unchanged after the server's prefix.
        Parameters are percent-encoded; those that are None, "" or 0 are left out.
        After a failure, the request is repeated, at most once for each pause. (If the idle
        connection turns out to be closed, the request is sent again at once.)

            failure                                         repeated
            a lost connection, a body that is or may be     yes
            cut short
            a status that RemoteError lists as retryable    yes, after the server's Retry-After,
                                                            if any, unless it exceeds 30 seconds
            a 200 without a JSON object, after a good one   yes
            a failure to connect that is retryable          once the server has responded
            a timeout, and any other failure                no
            any failure, if the pause would outlast a       no
            time limit

        Raises RemoteError; ResponseTooLarge for a body of more than `max_bytes`;
        and UsageError for an unusable CA file, for a parameter with a lone surrogate,
        and if prefix + path does not begin with `/` or has characters other than visible
        ASCII. The surrogates that stand for bytes (U+DC80 to U+DCFF, PEP 383) are sent
        as these bytes."""
        # If this began with `@other.example`, a proxy would send the token there.
        whole_path = self.server.prefix + path
        if not re.fullmatch("/[!-~]*", whole_path):
            raise UsageError(
                "path: expected / and visible ASCII, with other characters percent-encoded"
            )
        fields = [(name, value) for name, value in parameters.items() if value]
        try:
            query = urlencode(fields, quote_via=quote, safe="", errors="surrogateescape")
        except UnicodeEncodeError:
            raise UsageError("a parameter contains a lone surrogate, which cannot be sent")
        request_target = self._origin + whole_path
        if query:
            request_target += "?" + query

        for scheduled_pause in self._pauses:
            try:
                return self._get_once(request_target, max_bytes)
            except RemoteError as error:
                pause = scheduled_pause if error.retry_after is None else error.retry_after
                if not self._can_repeat(error, pause):
                    raise
                failure = str(error)
            self.pause(pause, failure)
        return self._get_once(request_target, max_bytes)

    def _can_repeat(self, error, pause):
        if not error.retryable or isinstance(error, TimedOut):
            return False
        if isinstance(error, ConnectError) and not self._was_answered:
            return False
        if error.retry_after is not None and error.retry_after > LONGEST_RETRY_AFTER:
            return False
        return pause < self._time_left()

    def pause(self, seconds: float, failure: str = "") -> bool:
        """Report a failure, if there is one, to on_retry, and sleep.

        The sleep ends at the earliest time limit. Return whether that limit leaves more time
        than the whole pause."""
        left = self._time_left()
        duration = max(0.0, min(seconds, left))
        if failure:
            self._on_retry("%s; waiting %.1f s" % (failure, duration))
        self._sleep(duration)
        return seconds < left

    def _get_once(self, request_target, max_bytes):
        """Send one request, and return the JSON object of its 200 response."""
        self._on_progress()
        self._require_time()
        try:
            response, body = self._send(request_target, max_bytes)
            return self._read_object(response, body)
        except RemoteError as error:
            # The server may echo the token. str() and pickle use args.
            error.args = (mask(str(error), self.secrets),)
            # A program may keep the error. Its context and the frames below this one would keep
            # the body; this frame and its callers keep this Transport, and so the token.
            error.__context__ = None
            raise error.with_traceback(None)

    def _send(self, request_target, max_bytes):
        """Send one request, on the idle connection if there is one. Return (response, body)."""
        connection = self._take_idle()
        if connection is not None:
            try:
                return self._exchange(connection, request_target, max_bytes)
            except NoResponse:
                pass  # it was closed after _take_idle had looked: try a new one
        return self._exchange(self._connect(), request_target, max_bytes)

    def _read_object(self, response, body):
        """Return the JSON object of a 200 response, or raise the error for another response."""
        if response.status != 200:
            raise self._make_error(response, body)

        # Chunks, a Content-Length and a gzip stream mark the end of the body.
        has_length = response.length is not None
        is_gzip = read_encoding(response) == "gzip"
        may_be_cut = not (response.chunked or has_length or is_gzip)
        try:
            value = decode_json(body)
        except RecursionError:
            raise make_malformed_error("its body is nested too deeply")
        except ValueError as error:
            if may_be_cut:
                raise make_cut_error("the body is malformed or was cut short")
            raise self._make_not_api_error(str(error))
        if not isinstance(value, dict):
            raise self._make_not_api_error("its body is not a JSON object")

        if not self.has_found_api:
            self.has_found_api = True
            self.date_arrival = self._head_arrival
            if response.getheader("Age") is None:
                self.server_date = response.getheader("Date", "")
        return value

    def _make_not_api_error(self, problem):
        """Return the error for a 200 that is not a JSON object.

        After a good response, a gateway may have answered, so another attempt may help."""
        message = "the response is malformed: " + problem
        hint = self._show_hint(NOT_API_HINT)
        if self.has_found_api:
            return RemoteError(message, hint, retryable=True)
        return UnusableResponse(message, hint)

    def _connect(self):
        """Return a new connection.

        For https via a proxy, it goes through a tunnel that the proxy opens. Raises
        ConnectError or TimedOut, and UsageError for an unusable CA file."""
        server, proxy = self.server, self._proxy
        peer = proxy or server
        is_https = server.scheme == "https"
        if is_https and self._tls_context is None:
            self._tls_context = make_tls_context(self._ca_file)

        if proxy and is_https:
            first_line = "CONNECT %s:%d" % (server.host, server.port)
            self._trace_lines(">", first_line, proxy.headers.items())

        timeout = self._require_time()
        connection: http.client.HTTPConnection
        if is_https:
            connection = http.client.HTTPSConnection(
                peer.host, peer.port, timeout=timeout, context=self._tls_context
            )
        else:
            connection = http.client.HTTPConnection(peer.host, peer.port, timeout=timeout)

        if proxy and is_https:
            connection.set_tunnel(server.host, server.port, proxy.headers)

        is_connected = False
        try:
            self._open(connection)
            is_connected = True
        finally:
            if not is_connected:
                connection.close()
        return connection

    def _open(self, connection):
        """Connect a new connection: DNS, TCP, the tunnel of a proxy, TLS."""
        server, proxy = self.server, self._proxy
        if proxy:
            peer = "%s through proxy %s:%d" % (server.authority, proxy.host, proxy.port)
            host, hint = proxy.host, self._show_hint(PROXY_HINT)
        else:
            peer = server.authority
            host, hint = server.host, self._show_hint(CONNECT_HINT)

        # Most of these errors are OSErrors, so the order matters.
        try:
            connection.connect()
        except socket.timeout:
            raise self._make_timeout_error("connecting to " + peer, hint)
        except TLS_ERRORS as error:
            # Python 3.6 and 3.7 name the EOF of OpenSSL 3 only in the message.
            is_eof = "unexpected eof while reading" in str(error)
            was_closed = is_eof or isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
            message = "TLS with %s failed: %s" % (server.authority, describe_error(error))
            raise ConnectError(message, self._show_hint(TLS_HINT), retryable=was_closed)
        except socket.gaierror as error:
            message = "cannot connect to %s: the name %s does not resolve" % (peer, host)
            may_resolve_later = error.errno == socket.EAI_AGAIN
            raise ConnectError(message, hint, retryable=may_resolve_later)
        except (OSError, http.client.HTTPException, ValueError) as error:
            # http.client says only in its message that a proxy has refused a tunnel.
            is_refused = re.match("Tunnel connection failed: (?!408|429)4[0-9]{2} ", str(error))
            message = "cannot connect to %s: %s" % (peer, describe_error(error))
            raise ConnectError(message, hint, retryable=not is_refused)

    def _make_timeout_error(self, what, advice=""):
        """Return the error for a network operation that took too long.

        The hint begins with `advice`, if any; if a time limit has passed, there is none."""
        if self._time_left() <= 0.01:  # a socket may time out a little early
            return TimedOut("the time limit has passed: " + what)
        hint = "if the server or network is slow, raise --timeout (now %g s)" % self._timeout
        if advice:
            hint = "%s; %s" % (advice, hint)
        return TimedOut("timed out: " + what, hint, retryable=True)

    def _exchange(self, connection, request_target, max_bytes):
        """Send one request on a connection, which is then kept or closed.

        Return (response, body). The body of an error is None if it could not be read.
        Raises NoResponse if the connection was lost before the response."""
        sock = connection.sock  # getresponse may set connection.sock to None
        can_be_kept = False
        try:
            response = self._read_head(connection, sock, request_target)
            self._was_answered = True
            # Before 3.13, a response with a Content-Length stays open, and blocks the next one.
            with response:
                if response.status == 200:
                    body = self._read_body(sock, response, max_bytes)
                else:
                    body = self._read_error_body(sock, response)
            # After a 1xx, the final response is still to come.
            is_body_read = body is not None and response.status >= 200
            can_be_kept = is_body_read and not response.will_close
            return response, body
        finally:
            if can_be_kept:
                self._idle, self._idle_pid = connection, os.getpid()
            else:
                connection.close()

    def _read_head(self, connection, sock, request_target):
        """Send a request, and return its response once the headers have arrived."""
        self._trace_lines(">", "GET %s HTTP/1.1" % request_target, self._headers.items())
        try:
            sock.settimeout(self._require_time())
            connection.request("GET", request_target, headers=self._headers)
            response = connection.getresponse()
            self._head_arrival = time.time()
        except socket.timeout:
            raise self._make_timeout_error("no response")
        except OSError as error:
            # RemoteDisconnected is one: the connection was closed before the first byte.
            raise self._make_no_response_error(error)
        except (http.client.HTTPException,) + PARSER_ERRORS as error:
            message = "the response is not valid HTTP: %s" % describe_error(error)
            # A port for https sends no HTTP at all, and so no headers that are too long.
            may_be_https = isinstance(error, http.client.BadStatusLine)
            raise UnusableResponse(message, self._show_not_api_hint(may_be_https))

        version = "1.0" if response.version == 10 else "1.1"
        status_line = "HTTP/%s %d %s" % (version, response.status, response.reason)
        self._trace_lines("<", status_line, response.getheaders())
        return response

    def _make_no_response_error(self, error):
        """Return the error for a connection that was lost before a response arrived."""
        message = "the connection was lost before a response arrived"
        hint = LOST_CONNECTION_HINT
        if self.server.scheme == "http" and not self._was_answered:
            hint = PLAIN_HTTP_HINT
        if "alert" not in str(error):
            return NoResponse(message, hint, retryable=True)

        # With TLS 1.3, a server may reject the client only after the handshake: with an
        # alert, such as "certificate required".
        reason = describe_error(error)
        if "certificate required" in reason:
            hint = CLIENT_CERTIFICATE_HINT
        return NoResponse("%s: %s" % (message, reason), hint)

    def _show_hint(self, hint):
        """Return a hint, or "" if it doubts what was typed although the API has answered."""
        if isinstance(hint, Doubt) and self.has_found_api:
            return ""
        return hint

    def _show_not_api_hint(self, may_be_https):
        """Return the hint for a response that does not look like the API's."""
        if may_be_https and self.server.scheme == "http":
            return self._show_hint(PLAIN_HTTP_HINT)
        return self._show_hint(NOT_API_HINT)

    def _read_body(self, sock, response, max_bytes):
        """Return the decompressed body of a response as a bytearray.

        `max_bytes` limits the number of bytes that are received, and the number
        that they decompress to."""
        too_large = "the response is larger than %g MiB" % (max_bytes / (1 << 20))
        if (response.length or 0) > max_bytes:  # None without a Content-Length
            raise ResponseTooLarge(too_large)
        encoding = read_encoding(response)
        decoder = None
        if encoding == "gzip":
            decoder = make_gzip_decoder()  # None without zlib
        if decoder is None and encoding != "identity":
            unknown = response.getheader("Content-Encoding")
            raise make_malformed_error('its Content-Encoding "%s" is not supported' % unknown)

        # Read to the end, even after the end of the gzip data: the next response on
        # this connection begins there.
        body = bytearray()
        received = 0
        for chunk in self._receive_chunks(sock, response):
            received += len(chunk)
            if received > max_bytes:  # gzip data may decompress to nothing for ever
                raise ResponseTooLarge(too_large)
            pieces = [chunk]
            if decoder:
                pieces = decompress(decoder, chunk)
            for piece in pieces:
                body += piece
                if len(body) > max_bytes:
                    raise ResponseTooLarge(too_large)

        if decoder and not decoder.eof:
            raise make_cut_error("the body was cut short: its gzip data has no end")
        return body

    def _read_error_body(self, sock, response):
        """Return the body of an error, or None if that fails: its status says enough."""
        try:
            return self._read_body(sock, response, ERROR_BODY_LIMIT)
        except RemoteError:
            return None

    def _receive_chunks(self, sock, response):
        """Yield the bytes of a body as they arrive; raise RemoteError if its end is missing."""
        while True:
            try:
                # From 3.13 on, a response closes itself at its end.
                # Without a time limit, the timeout that _read_head has set still applies.
                if self._ends and not response.isclosed():
                    sock.settimeout(self._require_time())
                chunk = response.read1(READ_SIZE)
            except socket.timeout:
                raise self._make_timeout_error("the body stalled")
            except OSError as error:
                raise make_cut_error(LOST_BODY % describe_error(error))
            except (http.client.HTTPException, ValueError, OverflowError):
                # The last two are about the sizes of chunks. They quote the size, in which
                # a server may echo the token.
                raise make_cut_error("the chunked body is malformed or was cut short") from None
            if not chunk:
                break

            self.received += len(chunk)
            self._on_progress()
            yield chunk

        if response.length:
            verb = "is" if response.length == 1 else "are"
            missing = "%s %s missing" % (describe_count(response.length, "byte"), verb)
            raise make_cut_error(LOST_BODY % missing)

    def _trace_lines(self, mark, first, headers):
        """Trace a request or a response, with the values of SECRET_HEADERS masked."""
        self._trace(mark + " " + first)
        for name, value in headers:
            shown = "***" if name.lower() in SECRET_HEADERS else value
            self._trace("%s %s: %s" % (mark, name, shown))

    def _make_redirect_error(self, status, location):
        """Return the error for a redirect, which is not followed."""
        # Show no query, which may contain an authorization code. Mask first: if the
        # token is `abcd?efgh`, cutting at `?` would leave `abcd`.
        shown = re.split("[?#]", mask(location, self.secrets))[0]
        if "@" in location:  # user info
            shown = "***"
        refusal = "refused to follow a redirect to %s, to keep the token from other servers" % shown
        return RemoteError("HTTP %d: %s" % (status, refusal), self._show_hint(REDIRECT_HINT))

    def _make_error(self, response, body):
        """Return the error for a response that is not a 200.

        `body` is None if it could not be read."""
        try:
            problem = decode_json(body or bytearray())
        except (ValueError, RecursionError):
            problem = {}
        if not isinstance(problem, dict):
            problem = {}
        status, location = response.status, response.getheader("Location")
        if 300 <= status < 400 and location:
            return self._make_redirect_error(status, location)

        # Retry-After may also be a date, which is ignored.
        seconds = response.getheader("Retry-After", "").strip()
        retry_after = None
        if re.fullmatch("[0-9]+", seconds):
            retry_after = min(float(seconds), RETRY_AFTER_LIMIT)

        # Describe what is known.
        path = problem.get("relation_path")
        if not isinstance(path, list):
            path = [path]
        steps = [step for step in path if isinstance(step, str)]
        title = show_text(problem, "title") or response.reason
        header_id = response.getheader("X-Correlation-Id")
        details = [
            ("code", show_text(problem, "code")),
            ("reason", show_text(problem, "reason")),
            ("relation path", " > ".join(steps)),
            ("correlation id", show_text(problem, "correlation_id") or header_id),
        ]
        if retry_after:
            details.append(("retry after", seconds + " s"))
        parts = [title, show_text(problem, "detail")]
        parts += [label + ": " + text for label, text in details if text]
        description = "; ".join(part for part in parts if part)

        message = ("HTTP %d %s" % (status, description)).rstrip()  # there may be no description
        hint = self._choose_hint(status, problem)
        return APIError(message, hint, status, problem, retry_after)

    def _choose_hint(self, status, problem):
        """Return the hint for an HTTP status other than 200, or "" if there is none."""
        if status == 404 and self.server.prefix.endswith("/v1"):
            return self._show_hint(V1_TWICE_HINT)
        # The API sends a Problem with these. A port for https answers plain http with a 400.
        is_bare = status in (400, 403, 404) and not problem
        if is_bare or 300 <= status < 400:
            return self._show_not_api_hint(may_be_https=status == 400)

        word = ""
        if status == 400:
            word = show_text(problem, "code")
        elif status == 403:
            word = show_text(problem, "reason")
        general_hint = STATUS_HINTS.get((status, ""), "")
        hint = self._show_hint(STATUS_HINTS.get((status, word), general_hint))

        # Say where a setting came from.
        origin = ""
        if status == 401 and self.token_source:
            origin = " from " + self.token_source
        elif status == 404:
            origin = self.project_source
        return hint.replace("%s", origin)


# --------------------------------------------------------------------------------------- Wire model
#
# A member of the wrong type or form raises UnusableResponse, or what `make_error` makes.


def read_string(record, name, label_prefix="", make_error=make_malformed_error):
    """Return a member that is a string, or None if it is null or absent."""
    return check_type(record.get(name), str, label_prefix + name, make_error)


def read_objects(record, name):
    """Return a member that is a list of objects; [] if it is null or absent."""
    elements = check_type(record.get(name), list, name) or []
    for element in elements:
        if not isinstance(element, dict):
            raise make_malformed_error("%s: expected a list of objects" % name)
    return elements


def name_execution(execution):
    """Return `Execution ID` for a message, or `Execution -` if the id is not text."""
    return "Execution " + escape_blanks(show_text(execution, "id"))


def read_time(record, name, describe=name_execution, secrets=()):
    """Return a member that is a time, in the form of normalize_time.

    The error quotes describe(record), with these secrets masked."""
    moment = normalize_time(str(record.get(name)))
    if moment is None:
        label = "%s: %s" % (mask(describe(record), secrets), name)
        raise make_malformed_error("%s: expected a time such as 2026-11-24T09:30:00Z" % label)
    return moment


def decode_base64(text: str) -> bytes:
    """Decode standard base64 with exact padding (RFC 4648, 4).

    Raises ValueError for anything else, except that the unused bits of the last character
    may be set (`QR==`). a2b_base64 skips characters outside the alphabet, and stops at the
    padding: then the result is shorter than its length in base64 says."""
    padding = len(text) - len(text.rstrip("="))
    size = len(text) // 4 * 3 - padding
    try:
        data = a2b_base64(text)
        is_exact = len(text) % 4 == 0 and padding <= 2 and len(data) == size
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

    An inline output without bytes is an empty output.
    """

    # For type checkers only.
    kind: str
    data: bytes
    location: str
    sha256: str
    fault: str

    @classmethod
    def from_wire(cls, ref: "t.Any") -> "OutputRef":
        """Read the `output_ref` of a target.

        Any fault makes the output `unreadable`; nothing is raised."""
        if ref is None:
            return cls("none", b"", "", "", "")
        try:
            check_type(ref, dict, "output_ref", ValueError)
            read = partial(read_string, ref, make_error=ValueError)
            kind = read("kind")
            if kind == "inline":
                # An empty output has no inline_bytes.
                data = decode_base64(read("inline_bytes") or "")
                return cls(kind, data, "", "", "")

            if kind != "object_store":
                raise ValueError('unknown kind "%s"' % (kind or ""))
            bucket, key, digest = read("bucket"), read("key"), read("sha256")
            if not bucket or not key:
                raise ValueError("bucket or key: expected a non-empty string")
            return cls("archived", b"", "%s/%s" % (bucket, key), digest or "", "")
        except ValueError as error:
            return cls("unreadable", b"", "", "", str(error))


# --------------------------------------------------------------------------------------- Operations

EXECUTIONS = "/v1/projects/%s/executions"
CURSOR_LIMIT = 8 << 10  # bytes of a next_cursor; a longer one may not fit a request line


def check_cursor(cursor):
    """Raise UnusableResponse for a next_cursor that could not be sent back."""
    try:
        is_usable = len(cursor.encode("utf-8")) <= CURSOR_LIMIT
    except UnicodeEncodeError:  # a lone surrogate
        is_usable = False
    if not is_usable:
        limit = "%d KiB" % (CURSOR_LIMIT >> 10)
        raise make_malformed_error("next_cursor: expected valid Unicode of at most " + limit)


def get_page(
    transport: Transport,
    project: "t.Union[str, AnyUUID]",
    parameters: "t.Optional[Parameters]" = None,
) -> "JSONObject":
    """Return one page of a Project's Executions.

    It is {"items": [Execution, ...], "next_cursor": text}, whose `next_cursor` is null, absent
    or "" on the last page. `items` that are null become []. `parameters` are the API's:
    status, action_name, limit, cursor. A page may be up to 32 MiB; with limit 1, 256 MiB.
    Raises UsageError for a malformed UUID, RemoteError for a malformed page, and the errors
    of Transport.get."""
    parameters = parameters or {}
    is_one_execution = str(parameters.get("limit")) == "1"
    max_bytes = EXECUTION_LIMIT if is_one_execution else PAGE_LIMIT
    path = EXECUTIONS % parse_named_uuid(project, "project")
    # Before the request: get() may set has_found_api.
    hint = "" if transport.has_found_api else NOT_API_HINT
    page = transport.get(path, parameters, max_bytes)
    if "items" not in page:
        raise make_malformed_error('it has no member "items"', hint)
    page["items"] = read_objects(page, "items")
    check_cursor(read_string(page, "next_cursor") or "")
    return page


def read_merge_id(execution):
    execution_id = execution.get("id")
    if not isinstance(execution_id, str):
        raise make_malformed_error("an Execution's id: expected a string")
    return execution_id


def is_page_after(until, times):
    """Return whether the times of a page show that this page and all that follow are at
    or after `until`.

    The times ascend, are not all equal, and are all at or after `until`: so the server
    lists the oldest first."""
    if not times or times[0] < until:
        return False
    if times[0] == times[-1]:
        return False
    return times == sorted(times)


def contradicts(found, requested):
    """Return whether an Execution has another known status than the one that was requested.

    Some servers ignore the parameter, and a status may change between filtering and
    sending. A query for an unknown status may return any."""
    return requested in STATUSES and found in STATUSES and found != requested


def find_resumption_time(created):
    """Return the whole second of a time in the form of normalize_time as an aware datetime,
    or None if the time is not in the calendar."""
    try:
        return parse_moment(created[:19]).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


class Listing:
    """The Executions of a Project that match all filters, from as many pages as needed.
    Iterate over it.

    The server filters by status and action; this class filters by time. It also checks
    the status: it leaves out an Execution whose status is one of the known statuses,
    but not the one that was requested. It does not check the action. With a single
    query, the order is the server's: the oldest first.

    With several statuses, it sends one query for each, in life-cycle order, and merges
    the results by created_at and id. The queries for pending, ack and started are read
    to their ends before anything is yielded. An Execution whose status changes
    meanwhile is yielded once, as the latest query returned it, provided that created_at
    ascends within each query. No Execution is missed if its status is always among those
    requested and cursors follow the order of creation.

    If a page exceeds 32 MiB, its query goes on with a quarter of the limit. Each
    iteration starts again, and resets the counters: use one iterator at a time. It
    raises the errors of get_page, and RemoteError for a repeated cursor. After an
    error, the iterator is finished, like every generator that has raised: with a single
    query, `next_cursor` is then where to resume.

    Where times are compared (`since`, `until`, several statuses), an Execution without
    a valid `created_at` makes the response malformed, and with several statuses so does
    an `id` that is not a string.

    `since` goes by the creation time: it leaves out a long run that failed just now. To
    find what ended since a time, check each Execution's `updated_at`.
    `since` does not save requests: all pages are read (only `until` ends a listing
    early).

    To find new Executions later, note next_cursor while iterating (it is None at the
    end), start at the last one noted, or without one at the beginning, and skip the ids
    already seen. This finds them all if new Executions come after the noted cursor. If the
    server refuses the cursor, start again without it. To find what has ended, too, do one
    of these:

        call get_execution for each id that had not finished at the last look, and then go
        on at the noted cursor for the new ones

        list all Executions with FINAL_STATUSES, and skip the ids already seen. Final
        statuses do not change, so no clock and no order matters

    While it iterates, a Listing has these attributes:

        page_count    number of pages received
        count         number of Executions on these pages, including those that do not match
        next_cursor   the cursor of the first page not yet yielded completely: initially
                      `cursor`; None at the end and with several statuses. It
                      moves on when the iterator is asked for the Execution after the
                      last one of a page
        next_since    the value for `since` with which a merge that failed can be
                      resumed: an aware datetime of whole seconds. Executions of that
                      second are yielded again. None:
                        - with a single query
                        - before the first Execution, and after the last
                        - if times were out of order or do not exist in the calendar
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

        statuses       only Executions with one of these; () for all. An unknown status is
                       sent, too
        action_name    only Executions of exactly this action
        since, until   aware datetimes: only Executions created at or after `since`, and
                       before `until`. A query ends early after a page whose times
                       ascend, are not all equal, and are all at or after `until`
        limit          Executions per page, a whole number; 0 or None for the server's default
        cursor         the page to start with; not with several statuses, because a
                       cursor belongs to one query
        """
        chosen = set(statuses or ())
        if isinstance(statuses, str) or not all(chosen):
            raise UsageError(
                'statuses: expected an iterable of non-empty strings, such as ("failed",)'
            )
        if cursor is not None and not isinstance(cursor, str):
            raise UsageError("cursor: expected a string or None")
        if cursor and len(chosen) > 1:
            raise UsageError("cursor works with at most one status")
        if action_name is not None and not action_name:
            raise UsageError("action_name: expected a non-empty string or None")
        is_whole_number = isinstance(limit, int) and not isinstance(limit, bool)
        if limit is not None and not (is_whole_number and limit >= 0):
            raise UsageError("limit: expected a whole number that is not negative, or None")

        # Known statuses come in life-cycle order, before the others.
        known = [status for status in STATUSES if status in chosen]
        self._statuses = known + sorted(chosen.difference(STATUSES))

        self._transport = transport
        self._project = parse_named_uuid(project, "project")
        self._since = to_utc_text(since)
        self._until = to_utc_text(until)
        self._cursor = cursor or None
        self._parameters = {
            "action_name": action_name,
            "limit": limit or 0,
            "cursor": self._cursor,
        }
        self._reset()

    def _reset(self) -> None:
        self.page_count = 0
        self.count = 0
        self.next_cursor = self._cursor
        self.next_since: "t.Optional[datetime]" = None

    def __iter__(self) -> "t.Iterator[JSONObject]":
        self._reset()
        if not self._statuses:
            return self._query()
        if len(self._statuses) == 1:
            return self._query(self._statuses[0])
        return self._merge()

    def _merge(self):
        """Send one query for each status, and yield their Executions by time and id,
        each in its latest copy."""
        from heapq import merge

        # Read the running statuses to their ends. Each query starts after the one
        # before has ended, so an Execution that leaves `pending` too early to be seen
        # there is seen in `ack` or `started`, or it has finished.
        running = {}
        for status in self._statuses:
            if status in RUNNING_STATUSES:
                for execution in self._query(status):
                    key = self._read_created_at(execution), read_merge_id(execution)
                    running[key] = execution

        # Merge them with the other statuses, which are read page by page, because final
        # statuses do not change.
        unfinished = [running[key] for key in sorted(running)]
        others = [status for status in self._statuses if status not in RUNNING_STATUSES]
        queries = [self._query(status) for status in others]
        merged = merge(unfinished, *queries, key=self._read_created_at)
        latest_time = ""
        is_ascending = True  # whether the times were in order so far
        for created, copies in groupby(merged, self._read_created_at):
            # merge is stable, so the copy of the latest query comes last.
            latest = {read_merge_id(execution): execution for execution in copies}
            is_ascending = is_ascending and created >= latest_time
            latest_time = created
            self.next_since = find_resumption_time(created) if is_ascending else None
            for execution_id in sorted(latest):
                yield latest[execution_id]
        self.next_since = None

    def _read_created_at(self, execution):
        return read_time(execution, "created_at", secrets=self._transport.secrets)

    def _query(self, status=None):
        """Yield the matching Executions of one query, page by page."""
        query = dict(self._parameters, status=status)
        seen = {query["cursor"]}
        since, until = self._since, self._until
        compares_times = since is not None or until is not None
        while True:
            # Request a page.
            page = self._get_page(query)
            cursor = page.get("next_cursor") or None
            self.page_count += 1
            self.count += len(page["items"])

            # Yield what matches.
            times = []
            for execution in page["items"]:
                if compares_times:
                    created = self._read_created_at(execution)
                    times.append(created)
                    if not is_in_span(created, since, until):
                        continue
                if status is None or not contradicts(execution.get("status"), status):
                    yield execution
            del page  # before the next one is decoded

            # Go on, or end.
            if until is not None and is_page_after(until, times):
                cursor = None
            if len(self._statuses) < 2:
                self.next_cursor = cursor
            if cursor is None:
                return
            if cursor in seen:
                shown = mask(cursor, self._transport.secrets)
                raise UnusableResponse("the server's cursors form a loop: %s was repeated" % shown)
            seen.add(cursor)
            query["cursor"] = cursor

    def _get_page(self, query):
        """Request a page of a query.

        If it is too large, lower the limit of this query, and request it again."""
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

    Of two with the same time, the one that arrived later counts as newer. Besides the
    page that is read, only `number` Executions are kept in memory."""
    from heapq import nlargest

    # Arrival numbers are unique, so Executions are never compared.
    entries = (
        (read_time(execution, "created_at"), arrival, execution)
        for arrival, execution in enumerate(executions)
    )
    newest = nlargest(number, entries)
    return [execution for _, _, execution in reversed(newest)]


def get_execution(
    transport: Transport,
    project: "t.Union[str, AnyUUID]",
    execution_id: "t.Union[str, AnyUUID]",
) -> "JSONObject":
    """Return one Execution.

    Its `targets` are a list, [] if they are absent or null; OutputRef.from_wire reads
    the `output_ref` of a target. Raises UsageError for a malformed UUID, RemoteError for
    a malformed response, and the errors of Transport.get."""
    project = parse_named_uuid(project, "project")
    execution_id = parse_named_uuid(execution_id, "execution_id")
    path = "%s/%s" % (EXECUTIONS % project, execution_id)
    # Before the request: get() may set has_found_api.
    hint = "" if transport.has_found_api else NOT_API_HINT
    execution = transport.get(path, {}, EXECUTION_LIMIT)

    found = read_string(execution, "id")
    if not found:
        raise make_malformed_error("the Execution has no id", hint)
    if found.lower() != execution_id:
        shown = mask(found, transport.secrets)
        problem = "expected Execution %s, but its id is %s" % (execution_id, shown)
        raise make_malformed_error(problem, hint)
    execution["targets"] = read_objects(execution, "targets")
    return execution


def get_lower_node_id(target):
    """Return the node id of a target in lower case, as --node is parsed."""
    return str(target.get("node_id")).lower()


def select_by_node(targets, nodes):
    """Return the targets on these nodes, or all if `nodes` is empty. Its ids are in lower case."""
    if not nodes:
        return targets
    return [target for target in targets if get_lower_node_id(target) in nodes]


def find_missing_nodes(nodes, targets):
    """Return the nodes on which none of the targets is."""
    if not nodes:
        return []
    found = {get_lower_node_id(target) for target in targets}
    return [node for node in nodes if node not in found]


def count_succeeded(targets):
    statuses = [target.get("status") for target in targets]
    return statuses.count("succeeded")


def count_statuses(targets, nodes):
    """Return how many of the targets on these nodes have each status, and how many nodes are
    no targets: `2 started, 1 failed, 1 missing`."""
    on_nodes = select_by_node(targets, nodes)
    words = [escape_blanks(show_text(target, "status")) for target in on_nodes]
    missing = find_missing_nodes(nodes, on_nodes)

    # The known statuses come in life-cycle order, before the others.
    order = [*STATUSES, *sorted(set(words).difference(STATUSES))]
    counts = ["%d %s" % (words.count(word), word) for word in order if word in words]
    if missing:
        counts.append("%d missing" % len(missing))
    return ", ".join(counts)


def describe_targets(targets, nodes):
    """Return how many targets succeeded: `(2 of 5 succeeded)`; with nodes, also what the
    statuses on them are: `(2 of 5 succeeded); on these nodes: 1 failed, 1 missing`."""
    description = "(%d of %d succeeded)" % (count_succeeded(targets), len(targets))
    if nodes:
        description += "; on these nodes: " + count_statuses(targets, nodes)
    return description


def has_finished(execution, nodes):
    """Return whether the status of an Execution is final or, with nodes, those of all its
    targets on them.

    A node that is not a target is not waited for: an Execution has all of its targets from
    the beginning. Only if it has none at all, its own status decides."""
    if execution.get("status") in FINAL_STATUSES:
        return True
    targets = execution["targets"]
    if not nodes or not targets:
        return False
    return all(target.get("status") in FINAL_STATUSES for target in select_by_node(targets, nodes))


# Seconds. Each scheduled pause is half as long again as the one before.
FIRST_POLL_PAUSE, LONGEST_POLL_PAUSE = 2.0, 15.0
LONGEST_WAIT = 60.0  # no pause is longer, whatever the size of the Execution or Retry-After


def make_wait_timeout(execution_id, execution, nodes, secrets, failure=""):
    if execution is None:
        message = "the wait timed out; no status of Execution %s is known" % execution_id
    else:
        status = show_text(execution, "status") or "-"
        known = (execution_id, status, describe_targets(execution["targets"], nodes))
        message = 'the wait timed out; the last status of Execution %s was "%s" %s' % known
    if failure:
        message += "; the last failure was: %s" % failure
    hint = "the Execution may still be running: wait again, or longer"
    return WaitTimeout(mask(message, secrets), hint, execution)


def poll_until_finished(transport, project, execution_id, on_status, nodes):
    """Poll until has_finished(), or until a time limit of the Transport passes.

    This is the loop of wait_for_execution."""
    execution = None  # the last response
    shown = None  # the statuses, and the number of succeeded targets, that on_status got last
    step = FIRST_POLL_PAUSE  # the next pause of the schedule
    shortest_pause = 0.0  # what the length and the size of the last poll call for
    while True:
        # Poll.
        failure, retry_after = "", 0.0
        begin = transport.clock()
        received = transport.received
        try:
            execution = get_execution(transport, project, execution_id)
            seconds = transport.clock() - begin
            mebibytes = (transport.received - received) / (1 << 20)
            shortest_pause = max(5 * seconds, mebibytes)
        except RemoteError as error:
            if isinstance(error, TimedOut) and not error.retryable:
                raise make_wait_timeout(execution_id, execution, nodes, transport.secrets)
            if execution is None or not error.retryable:
                raise
            failure, retry_after = str(error), error.retry_after or 0.0

        # Show what has changed.
        on_nodes = select_by_node(execution["targets"], nodes) if nodes else []
        statuses = [record.get("status") for record in [execution, *on_nodes]]
        progress = statuses, count_succeeded(execution["targets"])
        if progress != shown:
            on_status(execution)
            shown = progress
        if has_finished(execution, nodes):
            return execution

        # Pause, if there is time.
        pause = min(max(step, shortest_pause, retry_after), LONGEST_WAIT)
        if not transport.pause(pause, failure):
            raise make_wait_timeout(execution_id, execution, nodes, transport.secrets, failure)
        step = min(step * 1.5, LONGEST_POLL_PAUSE)


def wait_for_execution(
    transport: Transport,
    project: "t.Union[str, AnyUUID]",
    execution_id: "t.Union[str, AnyUUID]",
    seconds: "t.Optional[float]" = None,
    on_status: "t.Callable[[JSONObject], t.Any]" = do_nothing,
    nodes: "t.Iterable[t.Union[str, AnyUUID]]" = (),
) -> "JSONObject":
    """Wait until the status of an Execution is final, and return the Execution.

        seconds     limits the wait; None means no limit: an unknown status is polled for ever
        on_status   called as on_status(execution) after the first poll, and when the
                    status, the number of succeeded targets or a status on `nodes` has changed
        nodes       node ids: wait only until the targets on these nodes have final statuses,
                    if the Execution's own is not final before. A node that is not a target is
                    not waited for

    The pauses between polls grow from 2 to 15 seconds. They are longer for a large
    Execution (five times as long as the last poll took, or a second per MiB, if that is
    longer) and after a Retry-After, but at most a minute. To stop a wait from outside, let
    the Transport's `sleep` or `on_progress` raise an exception of your own.

    After the first successful poll of this wait, every retryable failure is waited out,
    and reported to the Transport's on_retry.

    Raises WaitTimeout when this limit or one of the Transport's has passed, UsageError
    for a malformed UUID and unless `seconds` is more than 0 and at most 86400, or None, and
    the errors of get_execution."""
    execution_id = parse_named_uuid(execution_id, "execution_id")
    node_ids = [parse_named_uuid(node, "nodes") for node in nodes]
    if seconds is None:
        return poll_until_finished(transport, project, execution_id, on_status, node_ids)
    with transport.time_limit(seconds):
        return poll_until_finished(transport, project, execution_id, on_status, node_ids)


# ------------------------------------------------------------------------------------------ Formats
#
# A format is a generator that yields what to print, text or bytes: see LIST_FORMATS and the
# tables below it. It takes the elements to print, the object that contains them, a View,
# and report_error(text), which it may call for an output that cannot be shown. A member of
# the wrong type raises UnusableResponse.


class View(namedtuple("View", "is_terminal columns is_coloured recent_times compares_updates")):
    """What a format needs to know of standard output, of the time and of the flags.

    is_terminal         whether stdout is a terminal
    columns             the width for tables
    is_coloured         whether tables and sections get colours
    recent_times        what find_recent_times returns; narrow tables show other times as dates
    compares_updates    whether `list` compares times of update; narrow tables then show
                        these instead of times of creation
    """

    def encode(self, data):
        """Return the bytes of an output, made safe if stdout is a terminal."""
        if not self.is_terminal:
            return data
        return make_terminal_safe(data)


COLOURS = {
    "succeeded": "32",
    "failed": "31",
    "timeout": "31",
    "cancelled": "33",
    "started": "36",
    "ack": "36",
}
BOLD = "1"


def paint(text, code, view):
    """Return text in an SGR colour (ECMA-48, 8.3.117), or unchanged without a code or colours."""
    if not (view.is_coloured and code):
        return text
    return "\x1b[%sm%s\x1b[0m" % (code, text)


def paint_status(status, view):
    """Return a status, padded, then coloured.

    str.format would count the characters of the escape sequences."""
    return paint("%-9s" % escape_field(status), COLOURS.get(status), view)


# encode_compact(value) returns a JSON value as text on one line, in ASCII.
encode_compact = json.JSONEncoder(separators=(",", ":")).encode


def format_json(list_name, elements, whole, view, report_error):
    """Yield an object with these elements in its list.

    Each member begins a line, and so does each element of the list. This is also yaml,
    because parsers of YAML read JSON."""
    separator = "{\n  "
    for name, value in whole.items():
        yield separator + encode_compact(name) + ": "
        separator = ",\n  "
        if name != list_name:
            yield encode_compact(value)
            continue

        # The list.
        first, following = "[\n    ", ",\n    "
        begin = first
        for element in elements:
            yield begin + encode_compact(element)
            begin = following
        yield "[]" if begin == first else "\n  ]"
    yield "\n}\n"


def format_jsonl(elements, whole, view, report_error):
    """Yield one compact object on each line."""
    for element in elements:
        yield encode_compact(element) + "\n"


def format_ids(name, label_prefix, elements, whole, view, report_error):
    """Yield a member of each element, one per line: ids of Executions, or node ids of targets.

    `label_prefix` is that of read_string. An id that begins with `-` would be a flag after
    xargs, so its first character is escaped."""
    for element in elements:
        element_id = read_string(element, name, label_prefix) or ""
        field = escape_field(element_id)
        if element_id.startswith("-"):
            field = "\\x2d" + field[1:]
        yield field + "\n"


def find_recent_times(now):
    """Return (earliest, latest): a time is recent if `earliest < time <= latest`.

    As in `ls -l`, half a year counts as recent. So does a day in the future, because
    this host's clock may be slow."""
    return to_utc_text(now - timedelta(days=180)), to_utc_text(now + timedelta(days=1))


def format_times(text, recent_times):
    """Return a time as two fields, in full and short.

    They are `2026-07-14T09:29:39Z`, and `07-14T09:29` or, for a time that is not recent,
    `2026-07-14`. Text that is not a time is the same in both."""
    moment = normalize_time(text or "")
    if moment is None:
        return escape_field(text), escape_field(text)
    earliest, latest = recent_times
    short = moment[:10]
    if earliest < moment <= latest:
        short = moment[5:16]
    return moment[:19] + "Z", short


# The layouts of a table: each is the narrowest width that it fits, and the format of a row,
# with the names of its columns and their minimum widths. Columns named _AT have times in
# full, those named _UTC short ones.
EXECUTION_LAYOUTS = [
    (
        130,
        "{ID:36}  {STATUS:9}  {TYPE:7}  {TARGETS:7}  {CREATED_AT:20}  {UPDATED_AT:20}  {ACTION}\n",
    ),
    (104, "{ID:36}  {STATUS:9}  {TARGETS:7}  {CREATED_UTC:11}  {UPDATED_UTC:11}  {ACTION}\n"),
    (88, "{ID:36} {STATUS:9} {TARGETS:7} {CREATED_UTC:11} {ACTION}\n"),
    (0, "{ID:36} {STATUS:9} {CREATED_UTC:11} {ACTION}\n"),
]
# In the recap of `get`, the times and TARGETS are worth a second line for the action. It is
# indented, because an action may be named `error: ...`.
RECAP_ROW = "{ID:36} {STATUS:9} {TARGETS:7} {CREATED_UTC:11} {UPDATED_UTC}\n  {ACTION}\n"
RECAP_LAYOUTS = EXECUTION_LAYOUTS[:2] + [(0, RECAP_ROW)]
TARGET_LAYOUTS = [
    (104, "{NODE_ID:36}  {STATUS:9}  {UPDATED_AT:20}  {OUTPUT}\n"),
    (0, "{NODE_ID:36}  {STATUS:9}  {UPDATED_UTC:11}  {OUTPUT}\n"),
]
# `targets` prints a row for each target or, on narrow terminals, one for each Execution and
# those of its targets indented below it.
GROUP_ROW = "{ID:36}  {ACTION}\n"
GROUPED_TARGET_ROW = "  {NODE_ID:36}  {STATUS:9}  {UPDATED_UTC:11}  {OUTPUT}\n"
WIDEST = 140  # enough for every layout
LISTED_TARGET_LAYOUTS = [
    (WIDEST, "{ID:36}  {NODE_ID:36}  {STATUS:9}  {UPDATED_AT:20}  {OUTPUT:10}  {ACTION}\n"),
    (0, GROUPED_TARGET_ROW),
]
ROW_MEMBERS = ("id", "status", "type", "created_at", "updated_at", "action")


def choose_row(layouts, view):
    """Return the format of the rows that fit the width."""
    return next(row for width, row in layouts if view.columns >= width)


def format_header(row, view):
    titles = {name: name for name in re.findall("[A-Z_]+", row)}
    header = row.format_map(titles).rstrip("\n")
    return paint(header, BOLD, view) + "\n"


def format_row(execution, row, view):
    values = []
    for name in ROW_MEMBERS:
        value = execution.get(name)
        if not isinstance(value, str) and value is not None:
            label = "%s: %s" % (name_execution(execution), name)
            raise make_malformed_error(label + ": expected a string")
        values.append(value)
    execution_id, status, kind, created, updated, action = values
    targets = read_objects(execution, "targets")
    created_at, created_utc = format_times(created, view.recent_times)
    updated_at, updated_utc = format_times(updated, view.recent_times)

    # The row chooses from these columns.
    return row.format(
        ID=escape_field(execution_id),
        STATUS=paint_status(status, view),
        TYPE=escape_field(kind),
        TARGETS="%d/%d" % (count_succeeded(targets), len(targets)),
        CREATED_AT=created_at,
        CREATED_UTC=created_utc,
        UPDATED_AT=updated_at,
        UPDATED_UTC=updated_utc,
        ACTION=make_visible(action or "-"),
    )


def format_table(executions, page, view, report_error):
    """Yield a row for each Execution of a listing, and finally the cursor of the next page."""
    row = choose_row(EXECUTION_LAYOUTS, view)
    if view.compares_updates and "UPDATED" not in row:
        row = row.replace("CREATED_UTC", "UPDATED_UTC")  # the time that is compared
    header = format_header(row, view)
    for execution in executions:
        yield header + format_row(execution, row, view)
        header = ""  # it belongs above the first row

    last_line = ""
    cursor = page.get("next_cursor")
    if cursor:
        last_line = "next_cursor: %s\n" % make_visible(quote_cursor(cursor, view.is_terminal))
    yield header + last_line


def read_target(target, report_error, owner=""):
    """Return (node id, status, OutputRef) of a target. Reports an unreadable output.

    `owner` follows the name of the target in errors."""
    node_id = read_string(target, "node_id", "a target's ")
    name = "target " + escape_blanks(node_id) + owner
    status = read_string(target, "status", name + ": ")
    output = OutputRef.from_wire(target.get("output_ref"))
    if output.kind == "unreadable":
        report_error("the output of %s is unreadable: %s" % (name, output.fault))
    return node_id, status, output


def describe_size(output):
    """Return the number of bytes of an inline output, `archived`, `none` or `unreadable`."""
    if output.kind == "inline":
        return str(len(output.data))
    return output.kind


def describe_output(output):
    """Return `N bytes`, `archived: BUCKET/KEY (sha256:DIGEST)`, `no output` or `unreadable`.

    Unprintable characters are not escaped."""
    if output.kind == "inline":
        return describe_count(len(output.data), "byte")
    if output.kind == "none":
        return "no output"
    if output.kind == "unreadable":
        return "unreadable"

    location = escape_digest_mark(output.location)
    if not output.sha256:
        return "archived: " + location
    return "archived: %s (sha256:%s)" % (location, escape_blanks(output.sha256))


def describe_progress(execution, nodes):
    """Return the status and describe_targets(): `started (2 of 5 succeeded)`."""
    status = escape_blanks(read_string(execution, "status"))
    return "%s %s" % (status, describe_targets(execution["targets"], nodes))


def format_recap(execution, view):
    """Return the header and the table row of one Execution.

    They come last, where a terminal shows them."""
    row = choose_row(RECAP_LAYOUTS, view)
    return format_header(row, view) + format_row(execution, row, view)


def format_sections(targets, execution, view, report_error):
    """Yield a section for each target, and then the recap.

    A section is the line `==> NODE_ID STATUS N bytes <==`, the N bytes, a line feed if their
    last line has none, and an empty line. In place of `N bytes`, the line may say `no output`,
    `unreadable` or `archived`; the place of an archived output is the next line. On a terminal,
    the bytes are made safe, and their lines are indented, so that none begins like a header,
    an error or a recap. (The continuation of a line that the terminal wraps may.)"""
    for target in targets:
        node_id, status, output = read_target(target, report_error)
        if output.kind == "archived":
            description = "archived"
            body = make_visible(describe_output(output)).encode("utf-8")
        else:
            description = describe_output(output)
            body = view.encode(output.data)
            if view.is_terminal:
                body = re.sub(b"(?m)^(?=.)", b"  ", body)  # empty lines stay empty
        if body and not body.endswith(b"\n"):
            body += b"\n"

        begin = paint("==> %s " % escape_field(node_id), BOLD, view)
        shown_status = paint(escape_field(status), COLOURS.get(status, BOLD), view)
        end = paint(" %s <==" % description, BOLD, view)
        header = begin + shown_status + end
        yield header.encode("utf-8") + b"\n" + body + b"\n"
    yield format_recap(execution, view)


def format_target(target, row, view, report_error, describe, owner="", **columns):
    """Return the row of a target, with describe(output) as its OUTPUT.

    `owner` is that of read_target, and `columns` are those of its Execution."""
    node_id, status, output = read_target(target, report_error, owner)
    label = "target %s%s: " % (escape_blanks(node_id), owner)
    updated = read_string(target, "updated_at", label)
    updated_at, updated_utc = format_times(updated, view.recent_times)
    return row.format(
        NODE_ID=escape_field(node_id),
        STATUS=paint_status(status, view),
        UPDATED_AT=updated_at,
        UPDATED_UTC=updated_utc,
        OUTPUT=make_visible(describe(output)),
        **columns,
    )


def format_targets(targets, execution, view, report_error):
    """Yield a row for each target, without its output, and then the recap."""
    row = choose_row(TARGET_LAYOUTS, view)
    header = format_header(row, view)
    for target in targets:
        yield header + format_target(target, row, view, report_error, describe_output)
        header = ""  # it belongs above the first row
    yield header + "\n" + format_recap(execution, view)


def format_listed_targets(executions, page, view, report_error):
    """Yield a row for each target of each Execution. An unreadable output is no error here."""
    row = choose_row(LISTED_TARGET_LAYOUTS, view)
    is_grouped = row == GROUPED_TARGET_ROW
    header = format_header(row, view)
    if is_grouped:
        header = format_header(GROUP_ROW, view) + header
    for execution in executions:
        execution_id = read_string(execution, "id", "an Execution's ")
        owner = " of " + name_execution(execution)
        action = read_string(execution, "action", name_execution(execution) + ": ")
        columns = {"ID": escape_field(execution_id), "ACTION": make_visible(action or "-")}
        if is_grouped:
            yield header + GROUP_ROW.format(**columns)
            header = ""
        for target in execution["targets"]:
            yield header + format_target(
                target, row, view, do_nothing, describe_size, owner, **columns
            )
            header = ""  # it belongs above the first row
    yield header


def format_node_ids(executions, page, view, report_error):
    """Yield the node id of each target of each Execution, one per line."""
    for execution in executions:
        targets = execution["targets"]
        yield from format_ids("node_id", "a target's ", targets, page, view, report_error)


def read_inline(targets, view, report_error):
    """Yield (node id, bytes for stdout) of each target. Reports archived outputs as errors."""
    for target in targets:
        node_id, _, output = read_target(target, report_error)
        if output.kind == "archived":
            archive = describe_output(output)
            report_error("the output of target %s is %s" % (escape_blanks(node_id), archive))
        yield node_id, view.encode(output.data)


def format_raw(targets, execution, view, report_error):
    """Yield the bytes of the inline outputs, one after the other, and nothing else."""
    for _, data in read_inline(targets, view, report_error):
        yield data


def prefix_lines(prefix, data):
    """Yield each line of an output after a prefix, which is text. Only a LF ends a line."""
    begin = prefix.encode("utf-8")
    for line in io.BytesIO(data):  # splitlines() would also split at CR
        yield begin + line
    if data and not data.endswith(b"\n"):
        yield b"\n"


def format_lines(targets, execution, view, report_error):
    """Yield every line of every inline output, prefixed with its node id: `NODE_ID: LINE`."""
    for node_id, data in read_inline(targets, view, report_error):
        yield from prefix_lines(escape_field(node_id) + ": ", data)


def format_listed_lines(executions, page, view, report_error):
    """Yield every line of every inline output as `ID NODE_ID STATUS LINE`.

    The status is the target's. The first three fields contain no blank."""
    for execution in executions:
        execution_id = read_string(execution, "id", "an Execution's ")
        owner = " of " + name_execution(execution)
        for target in execution["targets"]:
            node_id, status, output = read_target(target, report_error, owner)
            fields = [escape_field(field) for field in (execution_id, node_id, status)]
            yield from prefix_lines(" ".join(fields) + " ", view.encode(output.data))


class Format:
    """A format of --output.

    write               the generator that yields what to print
    help                its line in --help
    is_table            list: whether a reader such as grep drops the last line, with the cursor
    needs_cursor        list: whether the cursor of the next page must follow on stderr,
                        because the format does not contain it
    is_bare             targets and get: whether it prints only outputs, so that stderr must
                        say what has not finished and what is archived
    """

    def __init__(self, write, help, is_table=False, needs_cursor=False, is_bare=False):
        self.write = write
        self.help = help
        self.is_table = is_table
        self.needs_cursor = needs_cursor
        self.is_bare = is_bare


# fmt: off
LIST_FORMATS = {
    "text": Format(format_table, "a table", is_table=True),
    "table": Format(format_table, "the same", is_table=True),
    "wide": Format(format_table, "a table with all columns, whatever the terminal's width",
                   is_table=True),
    "id": Format(partial(format_ids, "id", "an Execution's "),
                 "the id of each Execution", needs_cursor=True),
    "json": Format(partial(format_json, "items"),
                   "one object, which contains the outputs in base64"),
    "yaml": Format(partial(format_json, "items"), "the same"),
    "jsonl": Format(format_jsonl, "an Execution on each line, as json", needs_cursor=True),
}
GET_FORMATS = {
    "text": Format(format_sections,
                   "the output of each target, below a header; then the Execution's row"),
    "table": Format(format_targets,
                    "a row for each target, with output sizes; then the Execution's row"),
    "wide": Format(format_targets, "the same with all columns, whatever the terminal's width"),
    "id": Format(partial(format_ids, "node_id", "a target's "), "the node id of each target"),
    "lines": Format(format_lines, "each line of inline outputs, after its node id", is_bare=True),
    "raw": Format(format_raw, "the inline outputs, one after another (in a pipe, exact bytes)",
                  is_bare=True),
    "json": Format(partial(format_json, "targets"),
                   "one object, which contains the outputs in base64"),
    "yaml": Format(partial(format_json, "targets"), "the same"),
    "jsonl": Format(format_jsonl, "a target on each line, as json"),
}
# These formats get Executions that contain only the selected targets.
TARGETS_FORMATS = {
    "text": Format(format_listed_targets, "a row for each target"),
    "table": Format(format_listed_targets, "the same"),
    "wide": Format(format_listed_targets, "the same, on narrow terminals, too"),
    "id": Format(format_node_ids, "the node id of each target"),
    "json": Format(partial(format_json, "items"),
                   "one object, with Executions that contain only these targets"),
    "yaml": Format(partial(format_json, "items"), "the same"),
    "jsonl": Format(format_jsonl, "such an Execution on each line"),
    "lines": Format(format_listed_lines,
                    "each line of inline outputs, after Execution, node and target's status",
                    is_bare=True),
}
# fmt: on
FORMATS = {"list": LIST_FORMATS, "targets": TARGETS_FORMATS, "get": GET_FORMATS}


# ------------------------------------------------------------------------------------ Output folder


def make_folder(path):
    """Make the folder of --output-dir, or accept an empty one that only its owner, the user or
    root, may write to.

    Return its path. Raises ExecLogError."""
    # Remove `/` and `/.` at the end, which would hide a symbolic link.
    # (os.path.normpath would also remove `link/..`, which is not always the folder
    # that contains the link.)
    folder = re.sub(r"(/\.?)+\Z", "", path) or "/"
    try:
        if not os.path.lexists(folder):
            os.mkdir(folder, 0o700)
        if os.path.islink(folder):
            problem = "it is a symbolic link"
        elif os.listdir(folder):
            problem = "it is not empty"
        else:
            problem = describe_access_fault(os.lstat(folder), 0o022)
    except (OSError, ValueError) as error:  # ValueError: the name contains a NUL
        problem = describe_error(error)
    if problem:
        message = "the folder %s cannot be used: %s" % (path, problem)
        raise ExecLogError(message, "name a new folder inside an existing one")
    return folder


# The kinds of outputs in the index. In the folder, inline outputs are files, and `none`
# has nothing to save; the others are missing.
OUTPUT_KINDS = ("inline", "archived", "none", "unreadable", "unsaved")


def make_write_error(path, error):
    return ExecLogError("cannot write %s: %s" % (path, describe_error(error)))


def write_file(path, data, mode="xb"):
    """Write a file with mode 0600. It must not exist, even as a link; with "ab", it may.

    Raises ExecLogError, which names the file."""
    try:
        with open(path, mode, opener=partial(os.open, mode=0o600)) as file:
            file.write(data)
    except OSError as error:
        raise make_write_error(path, error)


def format_index_line(fields, kind, output):
    """Return the line of a target in the index: these fields, then kind, BYTES, SHA256 and
    BUCKET/KEY, separated by tabs."""
    size, digest = "", output.sha256
    if kind == "inline":
        from hashlib import sha256

        size = str(len(output.data))
        digest = sha256(output.data).hexdigest()
    columns = [escape_field(field) for field in fields + [kind, size, digest]]
    columns.append(make_visible(output.location or "-"))
    line = "\t".join(columns) + "\n"
    return line.encode("utf-8")


def find_id_faults(node_ids):
    """Return why each node id cannot name a file, or ""."""
    faults = []
    seen = set()  # in lower case, because some file systems ignore case
    for node_id in node_ids:
        lower_id = (node_id or "").lower()
        fault = ""
        if not lower_id or find_uuid(lower_id) != lower_id:  # only a UUID is a safe file name
            fault = "its node id is not a canonical UUID"
        elif lower_id in seen:
            fault = "an earlier target has the same node id"
        faults.append(fault)
        seen.add(lower_id)
    return faults


class OutputFolder:
    """The folder of --output-dir: a file for each inline output, and an index of all targets.

    Until finish(), the index is called `targets.partial`. All methods raise ExecLogError for
    what cannot be written.

    path        the folder
    counts      the number of targets of each kind in the index
    has_begun   whether anything was written
    """

    def __init__(self, path):
        self.path = make_folder(path)
        self.counts = dict.fromkeys(OUTPUT_KINDS, 0)
        self.has_begun = False
        self._index = os.path.join(self.path, "targets")
        self._partial_index = self._index + ".partial"

    def save(self, targets, report_error, execution=None):
        """Save the outputs of targets as NODE_ID.out, and report those that cannot be saved.

        If their Execution is given, the files are in a folder with its id, and the lines of
        the index begin with it."""
        execution_id, owner, first_fields = "", "", []
        if execution is not None:
            execution_id = read_string(execution, "id", "an Execution's ") or ""
            owner = " of " + name_execution(execution)
            first_fields = [execution_id]
        entries = [read_target(target, report_error, owner) for target in targets]
        faults = find_id_faults([node_id for node_id, _, _ in entries])

        # Nothing has been written so far: what is malformed leaves the folder as it was.
        self._begin()
        if execution is not None:
            has_files = any(
                output.kind == "inline" and not fault
                for (_, _, output), fault in zip(entries, faults)
            )
            folder_fault = self._make_subfolder(execution_id, has_files)
            if folder_fault:
                faults = [folder_fault] * len(entries)

        lines = []
        for (node_id, status, output), fault in zip(entries, faults):
            kind = output.kind
            if fault:
                name = "target %s%s" % (escape_blanks(node_id), owner)
                report_error("%s is not saved: %s" % (name, fault))
                kind, output = "unsaved", OutputRef.from_wire(None)
            elif kind == "inline":
                write_file(os.path.join(self.path, execution_id, node_id + ".out"), output.data)
            self.counts[kind] += 1
            lines.append(format_index_line(first_fields + [node_id, status], kind, output))
        write_file(self._partial_index, b"".join(lines), mode="ab")

    def finish(self):
        """Give the index its name."""
        self._begin()
        try:
            os.rename(self._partial_index, self._index)
        except OSError as error:
            raise make_write_error(self._index, error)

    def describe(self):
        """Return the number of targets of each kind, `2 inline, 1 archived`, or `no targets`."""
        counts = ["%d %s" % (number, kind) for kind, number in self.counts.items() if number]
        return ", ".join(counts) or "no targets"

    def _begin(self):
        """Make the index, unless that was done before.

        Of two commands at a time, the second one fails here. From here on, the partial index
        is this command's own: no other command can make it while it exists."""
        if self.has_begun:
            return
        write_file(self._partial_index, b"")
        if os.path.lexists(self._index):  # another command had renamed its own before
            try:
                os.remove(self._partial_index)
            except OSError:
                pass
            raise ExecLogError("cannot write %s: another process has written it" % self._index)
        self.has_begun = True

    def _make_subfolder(self, execution_id, has_files):
        """Make the folder of an Execution, if it has files. Return why it cannot have one, or ""."""
        if not execution_id or find_uuid(execution_id) != execution_id:
            return "the Execution's id is not a canonical UUID"
        path = os.path.join(self.path, execution_id)
        if os.path.lexists(path):
            return "an earlier Execution has the same id"
        if has_files:
            try:
                os.mkdir(path, 0o700)
            except OSError as error:
                raise make_write_error(path, error)
        return ""


# -------------------------------------------------------------------------------------------- Flags
#
# The functions of this section, and those of the sections When and Arguments, raise UsageError for
# a mistake in what the user typed. Their docstrings say so only if there is more to say.


def quote_value(value):
    """Return ` "VALUE"` for a message, or "" if the value is long or looks like a flag,
    because it may be a misplaced secret."""
    if len(value) > 40 or value.startswith("-"):
        return ""
    return ' "%s"' % value


def parse_nonempty(text):
    """Return the text. Raises UsageError if it is empty, as an unset shell variable is."""
    if not text:
        raise UsageError("expected a non-empty value")
    return text


def parse_limit(text):
    if not re.fullmatch("[0-9]{1,9}", text):
        raise UsageError("expected a whole number (0 means the server's default)")
    return int(text)


def parse_count(text):
    if not re.fullmatch("0*[1-9][0-9]{0,8}", text):
        raise UsageError("expected a whole number of at least 1")
    return int(text)


def parse_nodes(text):
    """Return the node ids of `UUID, UUID` as a list, in lower case."""
    try:
        return [parse_uuid(part) for part in text.split(",")]
    except UsageError as error:
        raise UsageError(str(error), "targets and get UUID -o table show node ids")


def parse_color(text):
    if text not in ("auto", "always", "never"):
        raise UsageError("expected auto, always or never")
    return text


def parse_statuses(text):
    """Return the statuses of `failed, TIMEOUT` as a list, known ones in lower case."""
    statuses = []
    for part in text.split(","):
        status = part.strip()
        if not status:
            raise UsageError("expected one or more statuses, separated by commas")
        if status.lower() in STATUSES:
            status = status.lower()
        statuses.append(status)
    return statuses


COMMANDS = "list", "targets", "get"
LISTINGS = "list", "targets"
MACHINES = "targets", "get"
GET_ONLY = ("get",)

# The words for {items} and {executions} in the help texts of flags.
HELP_WORDS = {
    "list": {"items": "Executions", "executions": "Executions"},
    "targets": {"items": "targets", "executions": "targets of Executions"},
    "get": {"items": "targets"},
}


class Flag:
    """A flag of the command line.

    commands            the commands that have it
    names               such as "-o --output"; the attribute is a list
    metavar             the name of its value in --help; "" for a switch
    parse               the function that parses the value; None for a switch
    default             its value if it is not given: False for a switch, [] for a repeatable
                        flag, and usually None for others
    help                what --help says of it, with {items} and {executions}, whose words
                        HELP_WORDS has for each command; "" for a flag that is not shown
    targets_help        what `targets --help` says instead, or ""
    is_common           whether it means the same for all commands
    is_repeatable       whether its values accumulate, in a list; otherwise the last one wins
    is_single           whether a second, different value is a mistake instead
    reads_all_pages     whether it makes `list` read all pages
    """

    def __init__(
        self,
        commands,
        names,
        metavar="",
        parse=None,
        help="",
        targets_help="",
        is_repeatable=False,
        is_single=False,
        reads_all_pages=False,
        default=None,
    ):
        self.commands = commands
        self.names = names.split()
        self.metavar = metavar
        self.parse = parse
        self.help = help
        self.targets_help = targets_help
        self.is_common = commands == COMMANDS and "{" not in help
        self.is_repeatable = is_repeatable
        self.is_single = is_single
        self.reads_all_pages = reads_all_pages

        # Say what its value is if it is not given.
        self.default = default
        if is_repeatable:
            self.default = []
        elif not metavar:
            self.default = False

        # The name of its attribute in argparse's namespace.
        self.attribute = self.names[-1].strip("-").replace("-", "_")

    def describe(self, command):
        """Return its help text for a command."""
        text = self.help
        if command == "targets" and self.targets_help:
            text = self.targets_help
        return text.format_map(HELP_WORDS[command])

    def is_given(self, options):
        """Return whether the flag was given, with another value than its default."""
        return getattr(options, self.attribute) != self.default

    def convert(self, text):
        """Convert the text to the flag's value.

        Raises UsageError, which names the flag, and shows the text unless it may be a secret."""
        try:
            return self.parse(text)
        except UsageError as error:
            fault = "%s%s: %s" % (self.names[-1], quote_value(text), error)
            raise UsageError(fault, error.hint)


# fmt: off
FLAGS = [
    Flag(COMMANDS, "--project", "UUID", parse_uuid,
         "the Project (default: from --profile, PLEXSPHERE_PROJECT or the default profile)"),
    Flag(COMMANDS, "-o --output", "FORMAT", str,
         "output format (default: text)", default="text"),
    Flag(COMMANDS, "--server", "URL", parse_nonempty,
         "control plane (default: from --profile, PLEXSPHERE_URL or the default profile)"),
    Flag(COMMANDS, "--token-file", "FILE", parse_nonempty,
         "file with the token "
         "(default: token from --profile, PLEXSPHERE_TOKEN or the default profile)"),
    Flag(COMMANDS, "--profile", "NAME", parse_nonempty,
         "profile in $XDG_CONFIG_HOME/plexctl/config.json, or else ~/.config/plexctl/config.json "
         "(default: its default profile)"),
    Flag(COMMANDS, "--ca-file", "FILE", parse_nonempty,
         "PEM file of the CAs to trust instead of the system's"),
    Flag(COMMANDS, "--allow-http", help="allow plain http to remote hosts (exposes the token)"),
    Flag(COMMANDS, "--timeout", "TIME", parse_duration,
         "limit for a network operation, in seconds or e.g. 5m (default: 30s)"),
    Flag(COMMANDS, "--color", "MODE", parse_color,
         "auto, always or never (default: auto)"),
    Flag(COMMANDS, "-v --verbose", help="print headers on standard error, without the token"),
    Flag(COMMANDS, "-h --help", help="print this help"),
    Flag(COMMANDS, "--version", help="print the version"),
    # Accepted and ignored, for scripts that were written for plexctl.
    Flag(COMMANDS, "--yes"),
    Flag(COMMANDS, "--reveal-secrets"),

    Flag(COMMANDS, "--status", "STATUS", parse_statuses,
         "only {items} with these statuses, e.g. failed,timeout (repeatable)",
         is_repeatable=True),
    Flag(COMMANDS, "--failed",
         help="only {items} that did not succeed: --status failed,cancelled,timeout"),
    Flag(COMMANDS, "--running",
         help="only {items} that have not finished: --status pending,ack,started"),
    Flag(MACHINES, "--node", "UUID", parse_nodes,
         "only targets on these machines, e.g. UUID,UUID (repeatable)", is_repeatable=True),
    Flag(MACHINES, "--output-dir", "FOLDER", parse_nonempty,
         "save the outputs that are not archived, and an index, in a new or empty folder"),

    Flag(LISTINGS, "--action-name", "ACTION", parse_nonempty,
         "only {executions} of this action (exact name)", is_single=True),
    Flag(LISTINGS, "--since", "WHEN", str.strip,
         "only {executions} created at or after WHEN: "
         "2h (ago), 9:30, today, 2026-07-14 or '2026-07-14 09:30' (UTC)",
         reads_all_pages=True),
    Flag(LISTINGS, "--until", "WHEN", str.strip,
         "only {executions} created before WHEN", reads_all_pages=True),
    Flag(LISTINGS, "--updated-since", "WHEN", str.strip,
         "only {items} last updated at or after WHEN; "
         "what has finished was last updated when it ended",
         reads_all_pages=True),
    Flag(LISTINGS, "--updated-until", "WHEN", str.strip,
         "only {items} last updated before WHEN (earlier updates do not count)",
         reads_all_pages=True),
    Flag(LISTINGS, "-n --last", "N", parse_count,
         "only the N that were created last, oldest first",
         targets_help="only targets of the N Executions that were created last; "
                      "with --node, of the last N with such a target",
         reads_all_pages=True),
    Flag(LISTINGS, "--all", help="read all pages",
         targets_help="no effect: targets always reads all pages", reads_all_pages=True),
    Flag(LISTINGS, "--limit", "N", parse_limit,
         "size of a page, at most 200 Executions (default: 50; 200 when reading all pages)",
         targets_help="size of a page, at most 200 Executions (default: 200)"),
    Flag(LISTINGS, "--cursor", "CURSOR", str,
         "start at this cursor (the previous page's next_cursor)",
         targets_help="start at this cursor (the next_cursor of a listing that failed)"),

    Flag(GET_ONLY, "--id", "UUID", parse_uuid,
         "the Execution; `get UUID` is the same", is_single=True),
    Flag(GET_ONLY, "--wait",
         help="wait until the Execution (with --node: each of these targets) has finished"),
    Flag(GET_ONLY, "--wait-timeout", "TIME", parse_duration,
         "with --wait: give up after this long, and exit 124"),
    Flag(GET_ONLY, "--exit-status",
         help="exit 5 instead of 0 unless the Execution (with --node: each of these targets) "
              "has succeeded"),
]
# fmt: on
FLAGS_BY_NAME = {name: flag for flag in FLAGS for name in flag.names}
TAKES_VALUE = {name for name, flag in FLAGS_BY_NAME.items() if flag.metavar}


# --------------------------------------------------------------------------------------------- When

# A time of RFC 3339, whole or cut off after the day, the hour or the minute. Spaces do not
# count (re.VERBOSE), except in brackets.
DATE = r"""
    (?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})
    (?:
        [T ](?P<hour>[0-9]{1,2})
        (?:
            :(?P<minute>[0-9]{2})
            (?:
                :(?P<second>[0-9]{2})
                (?:\.(?P<fraction>[0-9]+))?
            )?
            (?P<offset>Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?
        )?
    )?
"""


def resolve_age(match, now):
    number, unit = match.groups()
    return now - timedelta(seconds=int(number) * UNIT_SECONDS[unit])


def resolve_day(match, now):
    """Return the midnight at which `today` or `yesterday` began."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if match.group() == "today":
        return midnight
    return midnight - timedelta(days=1)


def find_time_of_day(hour, minute, start):
    """Return the first time after `start` at which a clock shows this hour and minute."""
    moment = start.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if moment <= start:
        moment += timedelta(days=1)
    return moment


def resolve_time_of_day(match, now):
    """Return the most recent time at which a clock showed `9:30`."""
    hour, minute = map(int, match.groups())
    return find_time_of_day(hour, minute, now - timedelta(days=1))


def resolve_date(match, now):
    """Return the time for `2026-07-14 09:30` or `2026-07-14T11:30+0200`."""
    parts = match.groupdict("0")
    names = "year", "month", "day", "hour", "minute", "second"
    year, month, day, hour, minute, second = [int(parts[name]) for name in names]
    microsecond = int(parts["fraction"].ljust(6, "0")[:6])
    moment = datetime(year, month, day, hour, minute, second, microsecond, timezone.utc)
    return moment - parse_offset(match.group("offset") or "Z")


def refuse_missing_year(match, now):
    raise UsageError("the year is missing: write it as 2026-07-14 or '2026-07-14 09:30'")


# The forms of a WHEN: a name, a pattern (re.VERBOSE), and a function that returns the aware
# datetime for a match and the present time, or raises UsageError, ValueError or OverflowError.
WHEN_FORMS = (
    ("age", "-?([0-9]{1,9})([smhdw])", resolve_age),
    ("day", "today|yesterday", resolve_day),
    ("time of day", "([01]?[0-9]|2[0-3]):([0-5][0-9])", resolve_time_of_day),
    ("date", DATE, resolve_date),
    ("date without a year", "[0-9]{2}-[0-9]{2}([T ].*)?", refuse_missing_year),
)
WHEN_HELP = (
    "an age like 90s, 30m, 2h, 7d or 2w, a time of day like 9:30, today, yesterday, "
    "or a time like 2026-07-14 or '2026-07-14 09:30' "
    "(in UTC; a date with a time may have an offset)"
)


class When(namedtuple("When", "text form moment")):
    """The value of --since, --until, --updated-since or --updated-until.

    text        as it was typed
    form        the name of its form in WHEN_FORMS
    moment      the aware datetime, in UTC, that it means
    """


def parse_when(text, now, start):
    """Return the When for a text; for the end of a span, `start` is the When of its start.

    A time of day as an end is the first one after its start, which must be less than a day
    ago: otherwise, nobody can tell which day is meant. Raises UsageError, ValueError or
    OverflowError."""
    for form, pattern, resolve in WHEN_FORMS:
        match = re.fullmatch(pattern, text, re.VERBOSE)
        if not match:
            continue
        moment = resolve(match, now)
        if form == "time of day" and start is not None:
            if now - start.moment >= timedelta(days=1):
                day = "its start is a day ago or more: write the day, too, such as '%s %s'"
                raise UsageError(day % (moment.date(), text))
            moment = find_time_of_day(moment.hour, moment.minute, start.moment)
        return When(text, form, moment)
    raise ValueError


def get_time():
    """Return the present time as an aware datetime in UTC."""
    return datetime.fromtimestamp(time.time(), timezone.utc)


def resolve_when(flag, text, now, start=None):
    """Return what parse_when returns for the value of this flag, or None for None."""
    if text is None:
        return None
    label = flag + quote_value(text)
    try:
        return parse_when(text, now, start)
    except UsageError as error:
        raise UsageError("%s: %s" % (label, error))
    except (ValueError, OverflowError):
        raise UsageError("%s: expected %s" % (label, WHEN_HELP))


class Times(
    namedtuple(
        "Times",
        "created_since created_before updated_since updated_before "
        "hint must_show_hint depends_on_clock",
    )
):
    """What --since, --until, --updated-since and --updated-until mean.

    created_since, created_before, updated_since, updated_before    aware datetimes, or None
    hint                gives these times in full; "" if all were typed in full
    must_show_hint      whether a pipe gets the hint, too, because the day of an end was not
                        typed
    depends_on_clock    whether one of them was typed without a date, so that it goes by this
                        host's clock
    """

    @property
    def update_span(self):
        """(updated_since, updated_before), each in the form of normalize_time, or None."""
        return to_utc_text(self.updated_since), to_utc_text(self.updated_before)

    @property
    def compares_updates(self):
        return self.update_span != (None, None)


def describe_times(given, now):
    """Return the hint that gives the times in full, or "" if all were typed in full.

    `given` contains (name, When)."""
    if all(RFC3339_TIME.fullmatch(when.text) for _, when in given):
        return ""
    meant = ["%s %s" % (name, show_time(when.moment)) for name, when in given]
    return "%s (now: %s)" % (", ".join(meant), show_time(now))


def check_span(start_flag, start, end_flag, end):
    """Refuse a span without any time in it."""
    if start and end and end.moment <= start.moment:
        times = [to_utc_text(when.moment) + "Z" for when in (end, start)]
        raise UsageError(
            "%s (%s) must be after %s (%s)" % (end_flag, times[0], start_flag, times[1])
        )


def resolve_times(options, now):
    """Return the Times of a command line."""
    since = resolve_when("--since", options.since, now)
    updated_since = resolve_when("--updated-since", options.updated_since, now)
    until = resolve_when("--until", options.until, now, since)
    start = updated_since or since
    updated_until = resolve_when("--updated-until", options.updated_until, now, start)

    # Nothing is updated before it is created.
    check_span("--since", since, "--until", until)
    check_span("--since", since, "--updated-until", updated_until)
    check_span("--updated-since", updated_since, "--updated-until", updated_until)

    named = [
        ("created since", since),
        ("created before", until),
        ("updated since", updated_since),
        ("updated before", updated_until),
    ]
    given = [(name, when) for name, when in named if when]
    hint = describe_times(given, now)
    ends_by_clock = [end for end in (until, updated_until) if end and end.form == "time of day"]
    if until in ends_by_clock and updated_since and not updated_until:
        hint += "; --until goes by the creation time, --updated-until by the last update"

    return Times(
        created_since=since and since.moment,
        created_before=until and until.moment,
        updated_since=updated_since and updated_since.moment,
        updated_before=updated_until and updated_until.moment,
        hint=hint,
        must_show_hint=bool(ends_by_clock),
        depends_on_clock=any(when.form != "date" for _, when in given),
    )


def compare_clocks(transport):
    """Return (server's time, seconds that this host's clock is ahead of it), or None if the
    server's Date is missing, malformed or without a zone."""
    arrival = datetime.fromtimestamp(transport.date_arrival, timezone.utc)
    try:
        server_time = parsedate_to_datetime(transport.server_date)
        ahead = (arrival - server_time).total_seconds()  # without a zone, a TypeError
        return server_time.astimezone(timezone.utc), ahead
    except (TypeError, ValueError, OverflowError, IndexError, NameError):
        return None  # before Python 3.9, `0Mon, ...` is a NameError in the `email` package


def is_span_over(times, transport):
    """Return whether --updated-until is past, so that what is updated from now on does not
    match. "Now" goes by the server's clock, if it is known."""
    if times.updated_before is None:
        return False
    compared = compare_clocks(transport)
    now = compared[0] if compared else get_time()
    return times.updated_before <= now


def describe_clocks(times, transport):
    """Return the hint that this host's clock and the server's differ by more than a minute, if
    a time was typed that goes by this host's clock, or that is still to come by the server's.
    Otherwise return ""."""
    starts = [moment for moment in (times.created_since, times.updated_since) if moment]
    if not (times.depends_on_clock or starts):
        return ""  # no Date is parsed in vain
    compared = compare_clocks(transport)
    if compared is None:
        return ""
    server_time, ahead = compared
    is_to_come = any((moment - server_time).total_seconds() > 60 for moment in starts)
    if abs(ahead) <= 60 or not (times.depends_on_clock or is_to_come):
        return ""

    # Say how much they differ.
    hours, minutes = divmod(int(abs(ahead) // 60), 60)
    difference = "%d min" % minutes
    if hours:
        difference = "%d h %d min" % (hours, minutes)
    side = "ahead of" if ahead > 0 else "behind"
    text = (
        "this host's clock is %s %s the server's: the listing may miss Executions or include "
        "extra ones; write times in full, by the server's clock (%s)"
    )
    return text % (difference, side, show_time(server_time))


# ---------------------------------------------------------------------------------------- Arguments

# What operators type out of habit, and what to use here instead: a flag, or a command with
# or without one.
HABITS = {
    # Flags of other programs, all with two dashes
    "--after": "--since",
    "--before": "--until",
    "--context": "--profile",
    "--created-before": "--until",
    "--created-since": "--since",
    "--created-until": "--until",
    "--ended-before": "--updated-until",
    "--ended-since": "--updated-since",
    "--ended-until": "--updated-until",
    "--debug": "--verbose",
    "--exit-code": "--exit-status",
    "--f": "get UUID --wait",
    "--follow": "get UUID --wait",
    "--format": "--output",
    "--from": "--since",
    "--grep": "targets -o lines",
    "--host": "targets --node",
    "--json": "-o json",
    "--lines": "--last or targets -o lines",
    "--machine": "targets --node",
    "--name": "--action-name or --node",
    "--started-since": "--since",
    "--tail": "--last or targets -o lines",
    "--target": "targets --node",
    "--to": "--until",
    "--token": "--token-file",
    "--updated-before": "--updated-until",
    "--url": "--server",
    "--w": "get UUID --wait",
    "--watch": "get UUID --wait",
    # A switch with a value
    "--wait=": "--wait --wait-timeout TIME",
    # Commands
    "describe": "get UUID",
    "help": "--help",
    "lines": "targets -o lines",
    "log": "get UUID",
    "logs": "get UUID",
    "ls": "list",
    "machines": "targets",
    "show": "get UUID",
    "version": "--version",
    "wait": "get UUID --wait",
    "watch": "get UUID --wait",
    # Statuses
    "failed": "list --failed or targets --failed",
    "running": "list --running or targets --running",
    "success": "succeeded",
}


def has_flag(command, text):
    """Return whether a command has this flag, with this format if it is -o: `--node`, `-o lines`."""
    name, _, value = text.partition(" ")
    flag = FLAGS_BY_NAME.get(name)
    if flag is None or command not in flag.commands:
        return False
    return name != "-o" or value in FORMATS[command]


def find_habit(word, command):
    """Return what HABITS has for a word after this command, or "" before any, or else "".

    A flag that the command has is suggested without another command; one that only another
    has, only with that command."""
    fitting = []
    for alternative in HABITS.get(word, "").split(" or "):
        other_command, dash, name = alternative.partition("-")
        if command and has_flag(command, dash + name):
            fitting.append(dash + name)
        elif other_command or not command:
            fitting.append(alternative)
    return " or ".join(dict.fromkeys(fitting))


def suggest(word, known, dashes="", command=""):
    """Return `; did you mean ...?` with what find_habit finds for a word, or with the shortest
    known word that it abbreviates, or with one that it resembles; or "". Words are compared
    without their dashes."""
    from difflib import get_close_matches

    habit = find_habit(dashes + word, command)
    if habit:
        return "; did you mean %s?" % habit
    abbreviated = [name for name in known if len(word) > 1 and name.startswith(word)]
    near = sorted(abbreviated, key=len) + get_close_matches(word, known, n=1, cutoff=0.75)
    if not near:
        return ""
    return "; did you mean %s%s?" % (dashes, near[0])


# What wikis and editors make of a hyphen: an en dash, an em dash or a minus sign.
DASHES = "-\u2013\u2014\u2212"


def make_unknown_flag_error(word, command=""):
    """Return the UsageError for an unknown flag. It shows a plain name, and never a value."""
    name = word.partition("=")[0]
    if re.fullmatch("--[A-Za-z_-]{1,40}|-[^-]", name):
        shown = " " + name
    elif name.startswith("--"):
        shown = ""
    else:
        shown = " %s..." % name[:2]

    bare_name = name.strip(DASHES).replace("_", "-").lower()
    known = [flag.names[-1].strip("-") for flag in FLAGS if flag.help]
    known.remove("allow-http")  # which exposes the token
    suggestion = suggest(bare_name, known, "--", command)
    if suggestion or name[:2] not in FLAGS_BY_NAME:
        return UsageError("unknown flag" + shown + suggestion)
    return UsageError("malformed flag" + shown)


def refuse_unknown_flags(words, command):
    """Raise UsageError if one of the words begins like a flag."""
    for word in words:
        if word.startswith(tuple(DASHES)) and word != "-":
            raise make_unknown_flag_error(word, command)


def make_switch_error(name):
    """Return the UsageError for a switch that was given a value, which is not shown."""
    return UsageError("%s takes no value%s" % (name, suggest(name + "=", ())))


def attach_values(argv):
    """Return the arguments with each value attached to its flag: `--cursor=-abc`, `-o=json`.

    argparse takes a value that begins with `-` for a flag, and before Python 3.8 it refuses
    `-ojson`. What argparse would misread is refused."""
    attached: "t.List[str]" = []
    for word in argv:
        name, equals, value = word.partition("=")
        is_known = name in FLAGS_BY_NAME
        if not is_known and attached and attached[-1] in TAKES_VALUE:
            attached[-1] += "=" + word
            value = word
        elif is_known and equals and name not in TAKES_VALUE:
            # `--wait=5m` looks plausible; argparse would ask for a missing value.
            raise make_switch_error(name)
        elif re.match("-o[^=]|-n[0-9]", word) and "-" + name not in FLAGS_BY_NAME:
            attached.append(word[:2] + "=" + word[2:])
        elif not is_known and name[:2] in FLAGS_BY_NAME:
            # `-vh`, or one hyphen too few, as in `-node` and `-output`; argparse would take
            # these for `-v -h`, `-n ode` and `-o utput`.
            raise make_unknown_flag_error(word)
        else:
            attached.append(word)

        if "--" in (word, value):
            # A script puts `--` before an id, or a variable contains it. argparse before
            # Python 3.12.2 loses it as a value.
            raise UsageError('unexpected argument "--"', "leave it out")
    return attached


class StoreSingle(argparse.Action):
    """Store the value of a flag, and refuse a second, different one."""

    def __call__(self, parser, namespace, value, option_string=None):
        values = vars(namespace)
        if values[self.dest] not in (None, value):
            raise UsageError("%s was given twice, with different values" % option_string)
        values[self.dest] = value


class FlagParser(argparse.ArgumentParser):
    """A parser of flags with their values attached. It raises UsageError."""

    color: bool  # whether Python 3.14 and later may colour the help

    def error(self, message):
        """Raise UsageError: a flag lacks its value. argparse would exit."""
        name = message.partition(":")[0].replace("argument ", "")
        raise UsageError(name + " needs a value")


def add_flags(group, flags, command=""):
    """Add flags to an argparse parser or group, with the help of a command."""
    for flag in flags:
        details: "t.Dict[str, t.Any]" = {"help": argparse.SUPPRESS, "action": "store_true"}
        if command and flag.help:
            details["help"] = flag.describe(command)
        if flag.metavar:
            details["action"] = "append" if flag.is_repeatable else "store"
            if flag.is_single:
                details["action"] = StoreSingle
            details["metavar"] = flag.metavar
            details["type"] = flag.convert  # argparse does not catch a UsageError
        group.add_argument(*flag.names, default=flag.default, **details)


def make_unknown_command_error(word):
    """Return the UsageError for an unknown command. It shows only a word that resembles a
    known one, or an id, because another may be a secret."""
    if find_uuid(word):
        suggestion = "; did you mean get UUID?"
    else:
        # `exec-log exec-log` is unknown, too.
        known = [name for name in COMMANDS + ("help", "exec-log") if name != word]
        suggestion = suggest(word, known)
    if not suggestion:
        return UsageError("unknown command; expected list, targets or get")
    return UsageError("unknown command" + quote_value(word) + suggestion)


def select_statuses(options):
    """Return the statuses of --status, --running and --failed, without duplicates.

    An empty list selects all. `list` leaves a single unknown status to the server."""
    statuses = list(chain.from_iterable(options.status))
    if options.running:
        statuses += RUNNING_STATUSES
    if options.failed:
        statuses += FAILED_STATUSES
    selected = list(dict.fromkeys(statuses))

    is_left_to_server = options.command == "list" and len(selected) == 1
    for status in selected:
        if status not in STATUSES and not is_left_to_server:
            suggestion = suggest(status.lower(), STATUSES, command=options.command)
            fault = "unknown status" + suggestion
            raise UsageError("--status%s: %s" % (quote_value(status), fault))
    return selected


def read_id(options, words):
    """Return the id from --id or from these words, or None. Any other word is refused."""
    command, execution_id = options.command, options.id
    if options.wait and any(re.fullmatch("[0-9.]{1,9}[smhd]?", word) for word in words):
        raise make_switch_error("--wait")
    if words and command == "get" and execution_id is None:
        if not words[0]:
            hint = "the command inside $(...) may have found nothing: run it by itself"
            raise UsageError("get: the id is empty", hint)
        execution_id = find_uuid(words[0])
        if not execution_id:
            problem = "get%s: expected a UUID" % quote_value(words[0])
            raise UsageError(problem, "list shows the ids of Executions")
        words = words[1:]

    if words and find_uuid(words[0]):
        if command == "list":
            raise UsageError("list takes no id; did you mean get UUID?")
        if command == "targets":
            raise UsageError("targets takes no id; for a machine, use --node; for a run, get UUID")
        raise UsageError(
            "get takes one id; for one machine, use --node; for several Executions, xargs -n1"
        )
    if words:
        # The word is not shown, because it may be a secret.
        habit = suggest(words[0], (), command=command)
        hint = "write values as in --status failed,timeout --since '2026-07-14 09:30'"
        raise UsageError("unexpected argument" + habit, "" if habit else hint)
    return execution_id


def check_flags(options):
    """Check that `get` has an id, and that the flags fit together."""
    command, output = options.command, options.output
    for flag in FLAGS:
        if flag.is_given(options) and command not in flag.commands:
            commands = " and ".join(flag.commands)
            raise UsageError("%s works only with %s" % (flag.names[-1], commands))

    formats = FORMATS[command]
    if output not in formats:
        expected = ", ".join(formats) + suggest(output, formats, command=command)
        raise UsageError("--output%s: expected %s" % (quote_value(output), expected))

    if command == "get" and options.id is None:
        raise UsageError("no Execution id", "pass one: get UUID")
    if options.wait_timeout is not None and not options.wait:
        raise UsageError("--wait-timeout works only with --wait")
    if options.output_dir is not None and output != "text":
        raise UsageError("--output-dir works only with --output text")


def read_command_line(argv):
    """Return argparse's namespace, whose values are not yet checked together.

    It has the value of every flag, by its attribute, and `command`, which is one of COMMANDS.
    `id` is that of --id or the word of `get`, or None. With --help or --version, only words
    that begin like a flag are refused, and the command may be ""."""
    parser = FlagParser(prog="", add_help=False, allow_abbrev=False)
    add_flags(parser, FLAGS)
    options, words = parser.parse_known_args(attach_values(argv))

    # Take the command.
    if words[:1] == ["exec-log"]:
        words = words[1:]
    if words[:1] == ["help"]:
        options.help = True
        words = words[1:]
    options.command = ""
    if words and words[0] in COMMANDS:
        options.command = words[0]
        words = words[1:]

    if options.help or options.version:
        refuse_unknown_flags(words, options.command)
        return options

    # Judge the words from left to right: a word after an unknown flag may be its value, and secret.
    if not options.command and words:
        refuse_unknown_flags(words[:1], "")
        raise make_unknown_command_error(words[0])
    if not options.command:
        raise UsageError("expected a command: list, targets or get")
    refuse_unknown_flags(words, options.command)
    options.id = read_id(options, words)
    return options


def choose_queries(options):
    """Return the statuses of the Executions to request, one query for each; [] for all.

    For `targets`, an Execution of any status may have a target with a selected status, except
    that one that has succeeded is taken to have only targets that succeeded."""
    if options.command != "targets":
        return options.statuses
    if not options.statuses or "succeeded" in options.statuses or options.last:
        return []
    return [status for status in STATUSES if status != "succeeded"]


def complete_options(options, now):
    """Check what read_command_line returned, and add what follows from several flags:

    nodes               a list of the ids of --node; an empty one selects all
    statuses            a list, from --status, --running and --failed; an empty one selects all
    selects_final       whether one of them is final
    queries             what choose_queries returns
    times               Times, from --since, --until, --updated-since and --updated-until
    reads_all_pages     whether the command reads all pages
    """
    check_flags(options)
    options.nodes = list(dict.fromkeys(chain.from_iterable(options.node)))
    options.statuses = select_statuses(options)
    options.selects_final = any(status in FINAL_STATUSES for status in options.statuses)
    options.queries = choose_queries(options)
    if options.cursor and options.output_dir is not None:
        raise UsageError("--cursor does not work with --output-dir, which saves whole listings")
    if options.cursor and len(options.queries) > 1:
        fault = "--cursor works with at most one status"
        if options.command == "targets":
            fault = "--cursor needs one query: no status, succeeded among them, or --last"
        raise UsageError(fault)
    options.times = resolve_times(options, now)
    if options.command == "targets" and options.last and options.times.compares_updates:
        flag = "--updated-until" if options.updated_since is None else "--updated-since"
        raise UsageError("--last goes by creation: use either --last or " + flag)

    reads_all_pages = any(flag.reads_all_pages and flag.is_given(options) for flag in FLAGS)
    several_queries = len(options.queries) > 1
    options.reads_all_pages = options.command == "targets" or reads_all_pages or several_queries


# --------------------------------------------------------------------------------------------- Help

PURPOSES = {
    "": "Show Executions (runs of actions), and what each target (machine) printed.",
    "list": "List the Executions (runs of actions) of a Project.",
    "targets": "List the targets (machines) of many Executions (runs of actions).",
    "get": "Show one Execution, and what each of its targets (machines) printed.",
}
EXAMPLES = {
    "list": """
  list --failed --updated-since 9:00
  list --action-name restart-nginx --last 1
""",
    "targets": """
  targets --failed --updated-since 22:00 --updated-until 2:30
  targets --node 019d907a-eb47-73a5-a611-bb4e4cda0712 --last 10
  targets --updated-since 1d --output-dir night
""",
    "get": """
  get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 --failed
  get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 -o table
""",
}
# fmt: off
EXIT_CODES = {
    0: "success (an archived output is a failure only for get with raw or lines)",
    1: "a failure not listed below (network, server, output folder), or a part\n"
       "       of what was requested is missing",
    2: "usage: no Project, id or server; an invalid flag, URL, proxy or CA file",
    3: "no usable token, profile or config file; or the token was rejected (401)",
    4: "forbidden (403)",
    5: "get --exit-status: everything was written, but the Execution (with\n"
       "       --node: one of these targets) has not succeeded",
    77: "forbidden: the token lacks a relation to the Project (rebac_denied)",
    124: "get --wait-timeout: the wait timed out before the Execution (with --node:\n"
         "       each of these targets) had a final status",
    130: "killed by Ctrl-C (SIGINT; the shell reports 130)",
    141: "the reader closed standard output (broken pipe)",
}
# fmt: on
EXIT_CODES_OF_GET = (5, 124)
STATUS_HELP = """

Statuses: pending, ack, started (unfinished); succeeded, failed, cancelled,
timeout (final)."""
COLUMN_HELP = """ In tables, TARGETS is succeeded/total: 2/5 means that two of
five succeeded."""
LIST_HELP = """

By default, list prints one page: the oldest 50 Executions that match. With
--all, --last, --since, --until, --updated-since, --updated-until or several
statuses (also --failed, --running), it reads all pages. --last goes by the
creation time, even with --failed. For long listings, use jsonl: its lines can
be used even if the listing fails. For machines, use targets."""
TARGETS_HELP = """

--status, --failed, --running, --node, --updated-since and --updated-until
judge the target: its own status, node and last update. --since, --until,
--action-name and --last select Executions first: --node NODE --failed --last 10
shows in which of the last ten Executions with this target it failed.

targets reads all pages. Without a status, with succeeded among them or with
--last, it reads all Executions. Otherwise it leaves out those that have
succeeded, because all of their targets are taken to have succeeded, and those
with a status that this program does not know. Rows are in the order in which
the Executions were created. OUTPUT is the number of bytes, archived, none or
unreadable."""
LISTING_HELP = """

If a listing fails partway, the last line on standard error usually says how to
resume: pass next_cursor to --cursor, or next_since to --since, in place of an
earlier value. If there is no such line, as with --last, start again.

Times are in UTC, unless they have an offset. A time of day is the most recent
one; as an end, it is the first one after the start. Ages, days and times of
day go by this host's clock."""
OVERVIEW_HELP = """

commands, each with an example:
  list      Executions
            list --failed --updated-since 9:00
  targets   targets of many Executions
            targets --failed --updated-since 22:00 --updated-until 2:30
  get UUID  one Execution, with what its targets printed
            get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 --failed

`COMMAND --help` shows all flags of a command, its formats and more examples."""
DESCRIPTIONS = {
    "": OVERVIEW_HELP,
    "list": STATUS_HELP + COLUMN_HELP + LIST_HELP + LISTING_HELP,
    "targets": STATUS_HELP + TARGETS_HELP + LISTING_HELP,
    "get": STATUS_HELP + COLUMN_HELP,
}


def get_program_name():
    """Return how the program was started, for help: `NAME` or `python3 NAME.py`."""
    path = sys.argv[0] if sys.argv else ""
    name = make_visible(os.path.basename(path)) or "plexctl_exec_log.py"
    if name.endswith(".py") or name == "-":
        return "python3 " + name
    return name


def format_help(command):
    """Return the help page of a command, or an overview for ""."""
    usage = {"": "COMMAND", "get": "get UUID"}.get(command, command)
    epilog = "exit codes:\n"
    for code, text in EXIT_CODES.items():
        if command not in LISTINGS or code not in EXIT_CODES_OF_GET:
            epilog += "  %-3d  %s\n" % (code, text)
    if command:
        formats = ["  %-6s  %s\n" % (name, row.help) for name, row in FORMATS[command].items()]
        epilog = "formats of %s:\n%s\n%s" % (command, "".join(formats), epilog)
        epilog += "\nexamples, with server, token and Project set:" + EXAMPLES[command]

    # By default, HelpFormatter uses the terminal's width.
    formatter = partial(argparse.RawDescriptionHelpFormatter, width=80, max_help_position=26)
    parser = FlagParser(
        prog=get_program_name(),
        usage="%(prog)s " + usage + " [flags]",
        description=PURPOSES[command] + DESCRIPTIONS[command],
        epilog=epilog,
        add_help=False,
        formatter_class=formatter,
    )
    # argparse looks at the process's stdout, not at --color and the stream of the help.
    parser.color = False

    common_flags = [flag for flag in FLAGS if flag.is_common]
    own_flags = [flag for flag in FLAGS if command in flag.commands and not flag.is_common]
    if command:
        add_flags(parser.add_argument_group("flags of " + command), own_flags, command)
    add_flags(parser.add_argument_group("flags of all commands"), common_flags, "list")
    return parser.format_help()


# ----------------------------------------------------------------------------------------- Commands


def explain_failure(error, options):
    """Return a better hint for a failed listing, or "" if the error's own is right."""
    if isinstance(error, ResponseTooLarge) and not options.reads_all_pages and options.limit != 1:
        return "use a smaller --limit"
    if not isinstance(error, APIError) or error.status != 400:
        return ""
    if error.problem.get("code") == "invalid_status" and len(options.queries) == 1:
        return error.hint + suggest(options.queries[0].lower(), STATUSES, command="list")
    return ""


def describe_resumption(error, options, listing, console):
    """Return the last line on stderr after a failed listing, which says where to
    resume, or "" if that would fail again."""
    is_rejected = isinstance(error, APIError) and error.status == 400 and error.problem
    if options.last or is_rejected or isinstance(error, UnusableResponse):
        return ""
    if listing.next_since:
        return "next_since: " + show_time(listing.next_since)
    if listing.next_cursor:
        return console.describe_cursor(listing.next_cursor)
    return ""


def name_target(execution, target):
    """Return `target NODE_ID of Execution ID` for a message."""
    node_id = escape_blanks(show_text(target, "node_id"))
    return "target %s of %s" % (node_id, name_execution(execution))


def select_by_status(targets, statuses):
    """Return the targets with these statuses, or all if `statuses` is empty."""
    if not statuses:
        return targets
    return [target for target in targets if target.get("status") in statuses]


def was_updated_in(span, record, describe=name_execution):
    """Return whether an Execution or a target was last updated in this span: Times.update_span.

    Raises UnusableResponse, which quotes describe(record), if its `updated_at` is no time."""
    since, until = span
    if since is None and until is None:
        return True
    return is_in_span(read_time(record, "updated_at", describe), since, until)


def has_target_on(execution, nodes):
    """Return whether an Execution has a target on one of these nodes, or `nodes` is empty."""
    return not nodes or bool(select_by_node(read_objects(execution, "targets"), nodes))


def select_executions(executions, options):
    """Return an iterator of the Executions that the filters of this program (not of the
    server) keep; with --last, of the newest of them. Both may raise RemoteError."""
    if options.times.compares_updates:
        executions = filter(partial(was_updated_in, options.times.update_span), executions)
    if options.last:
        executions = select_last(executions, options.last)
    return iter(executions)


def describe_no_match(options, noun, reasons=()):
    """Return the hint that nothing matches, with these and other reasons why that may be."""
    if options.cursor:
        return "no more %ss match" % noun
    reasons = list(reasons)
    if options.action_name:
        reasons.append("--action-name needs the exact name")
    if options.updated_since:
        reasons.append("--updated-since leaves out what was not updated since then")
    hint = "no %s matches" % noun
    if reasons:
        hint += " (%s)" % "; ".join(reasons)
    return hint


def make_listing(options, project, transport):
    """Return the Listing that the options describe."""
    return Listing(
        transport,
        project,
        statuses=options.queries,
        action_name=options.action_name,
        since=options.times.created_since,
        until=options.times.created_before,
        cursor=options.cursor,
        limit=200 if options.limit is None else options.limit,
    )


WALK: "JSONObject" = {"items": []}  # in place of a page: json prints a walk as one page


def request_executions(options, project, listing, transport):
    """Return (page, iterator of the Executions to print)."""
    if options.reads_all_pages:
        return WALK, select_executions(listing, options)
    parameters = {
        "status": options.queries[0] if options.queries else None,
        "action_name": options.action_name,
        "limit": options.limit,
        "cursor": options.cursor,
    }
    page = get_page(transport, project, parameters)
    return page, iter(page["items"])


def describe_walk(listing):
    """Return the progress line of a listing, such as `3 pages, 150 Executions`."""
    pages = describe_count(listing.page_count, "page")
    executions = describe_count(listing.count, "Execution")
    return "%s, %s" % (pages, executions)


class Tally:
    """Selects the targets of `targets`, and counts what the command does not show."""

    def __init__(self, options):
        self._options = options
        self._span = options.times.update_span
        self._prints_outputs = TARGETS_FORMATS[options.output].is_bare
        self._counts_outputs = self._prints_outputs or options.output_dir is not None
        self.unfinished = 0  # the Executions with a target that has not finished
        self.without_target = 0  # the finished ones that match, and have no target that does
        self.has_executions = False  # whether there was any to select from
        self.has_nodes = False  # whether one had a target on the nodes of --node
        self.is_empty = True  # whether no target was selected
        # Of the selected targets:
        self.archived = 0
        self.finished = 0
        self.silent = 0  # the finished ones without any bytes of output
        self.without_output = 0  # the finished ones without even an empty output

    def select(self, executions):
        """Yield each Execution that has selected targets, with only these, and count."""
        options = self._options
        for execution in executions:
            targets = read_objects(execution, "targets")
            on_nodes = select_by_node(targets, options.nodes)
            self.has_executions = True
            self.has_nodes = self.has_nodes or bool(on_nodes)
            statuses = [show_text(target, "status") for target in on_nodes]
            self.unfinished += any(status and status not in FINAL_STATUSES for status in statuses)
            self.without_target += self._lacks_target(execution, targets)

            describe = partial(name_target, execution)
            selected = [
                target
                for target in select_by_status(on_nodes, options.statuses)
                if was_updated_in(self._span, target, describe)
            ]
            if self._counts_outputs:
                self._count_outputs(selected)
            if selected:
                self.is_empty = False
                yield dict(execution, targets=selected)

    def _lacks_target(self, execution, targets):
        """Return whether a finished Execution has a selected status, and none of its targets has."""
        is_selected = execution.get("status") in (self._options.statuses or FINAL_STATUSES)
        if not is_selected or execution.get("status") not in FINAL_STATUSES:
            return False
        if select_by_status(targets, self._options.statuses):
            return False
        return was_updated_in(self._span, execution)

    def _count_outputs(self, targets):
        for target in targets:
            output = OutputRef.from_wire(target.get("output_ref"))
            self.archived += output.kind == "archived"
            if target.get("status") in FINAL_STATUSES:
                self.finished += 1
                self.silent += output.kind in ("inline", "none") and not output.data
                self.without_output += output.kind == "none"

    def describe(self, is_over):
        """Return `2 archived outputs; 3 of 7 finished targets without output; 4 Executions
        have unfinished targets`, a part of it, or "". `is_over` says whether no more targets
        can match."""
        parts = []
        if self.archived and self._prints_outputs:
            parts.append(describe_count(self.archived, "archived output"))
        if self.silent and self._prints_outputs:
            total = describe_count(self.finished, "finished target")
            parts.append("%d of %s without output" % (self.silent, total))

        # Other rows show what has not finished.
        needs_count = self._options.selects_final or self._counts_outputs
        if self.unfinished and needs_count and not is_over:
            parts.append(describe_having(self.unfinished, "Execution") + " unfinished targets")
        return "; ".join(parts)


def report_continuation(cursor, options, console):
    """Say on stderr how to continue after a page."""
    list_format = LIST_FORMATS[options.output]
    # A loop over pages, which passes --cursor, would repeat the hint for each.
    console.hint(
        "more Executions follow (the oldest come first): use --last N, --since WHEN or --all",
        always=options.cursor is None and (options.limit is None or list_format.is_table),
    )
    if list_format.needs_cursor:
        console.write_line(console.describe_cursor(cursor), limit=None)


def start_listing(options, project, console, transport):
    """Say what the times mean, and return the Listing of a command. Show its progress line, if it
    may have one."""
    console.hint(options.times.hint, always=options.times.must_show_hint)
    if options.selects_final and options.since and not options.times.compares_updates:
        console.hint(
            "--since goes by the creation of the Execution; "
            "unless you resume a listing, use --updated-since for what ended since then",
            always=True,
        )
    listing = make_listing(options, project, transport)
    reads_before_printing = options.last or options.output_dir or len(options.queries) > 1
    if options.reads_all_pages and console.can_show_progress(is_quiet=reads_before_printing):
        console.progress = partial(describe_walk, listing)
    return listing


def print_listing(executions, page, options, view, console):
    """Print Executions, and return whether there were none. Raises RemoteError."""
    first = next(executions, None)
    if first is not None:
        executions = chain([first], executions)
    if console.stdout_is_terminal:
        console.progress = None  # the first Execution ends the progress line
    write = FORMATS[options.command][options.output].write
    print_chunks(write(executions, page, view, console.report_error), console)
    return first is None


def report_failed_listing(error, options, listing, console, folder=None):
    """Report a failure, and where to resume. Return the exit code.

    With a folder, nothing says where to resume: a second folder with the rest would look
    complete."""
    last_line = ""
    if folder is None:
        last_line = describe_resumption(error, options, listing, console)
    elif folder.has_begun:
        last_line = "hint: the folder is incomplete: start again with a new one"
    return report_failure(console, error, explain_failure(error, options), last_line)


def run_list(options, project, console, view, transport):
    """Run the command `list` and return its exit code."""
    # For one page, the Listing only says where to resume.
    listing = start_listing(options, project, console, transport)
    try:
        page, executions = request_executions(options, project, listing, transport)
        is_empty = print_listing(executions, page, options, view, console)
    except RemoteError as error:
        return report_failed_listing(error, options, listing, console)

    console.hint(describe_clocks(options.times, transport), always=True)
    if page.get("next_cursor"):
        report_continuation(page["next_cursor"], options, console)
    elif is_empty:
        # In a pipe, a mistyped name would look like a quiet night.
        always = bool(options.action_name and not options.cursor)
        console.hint(describe_no_match(options, "Execution"), always)
    return 0


def select_targets(options, listing, tally):
    """Yield the Executions of a Listing with only their selected targets. Raises RemoteError."""
    executions = listing
    if options.last:
        with_node = filter(partial(has_target_on, nodes=options.nodes), listing)
        executions = select_last(with_node, options.last)
    yield from tally.select(executions)


def print_targets(executions, options, view, console):
    """Print the targets of Executions. Return the failure that prevented it, or None."""
    try:
        print_listing(executions, WALK, options, view, console)
    except RemoteError as error:
        return error
    return None


def save_targets(executions, folder, console):
    """Save the outputs of the targets of Executions, and print how many there are of each kind.

    Return the failure that prevented it, of a request or of the folder, or None."""
    try:
        for execution in executions:
            folder.save(execution["targets"], console.report_error, execution)
        folder.finish()
    except ExecLogError as error:
        return error
    print_chunks(["%s: %s\n" % (make_visible(folder.path), folder.describe())], console)
    return None


def describe_no_target(options, tally):
    """Return the hint that no target matches."""
    noun, reasons = "target", []
    if options.last and tally.has_executions:
        noun = "target of the last " + describe_count(options.last, "Execution")
    # Only if all Executions were read is it plain that the ids are wrong.
    is_partial = options.queries or options.since or options.until or options.action_name
    if options.nodes and not tally.has_nodes and not is_partial:
        reasons = ["--node needs node ids, not names or ids of Executions"]
    return describe_no_match(options, noun, reasons)


def report_gaps(tally, options, console):
    """Say on stderr what may be missing in a listing that has ended well."""
    if tally.finished and tally.without_output == tally.finished:
        console.hint(
            "none of the finished targets has an output: compare one with get UUID "
            "(a server may leave outputs out of lists)",
            always=True,
        )
    if tally.without_target:
        finished = describe_having(tally.without_target, "finished Execution")
        console.hint(finished + " no target with a selected status; compare with list", always=True)
    if tally.is_empty:
        console.hint(describe_no_target(options, tally), always=True)


def run_targets(options, project, console, view, transport):
    """Run the command `targets` and return its exit code."""
    folder = None
    if options.output_dir:
        folder = OutputFolder(options.output_dir)  # before any request
    listing = start_listing(options, project, console, transport)
    tally = Tally(options)
    executions = select_targets(options, listing, tally)
    if folder:
        failure = save_targets(executions, folder, console)
    else:
        failure = print_targets(executions, options, view, console)

    incomplete = tally.describe(is_span_over(options.times, transport))
    if incomplete:
        console.report("incomplete", incomplete)
    if failure:
        return report_failed_listing(failure, options, listing, console, folder)
    console.hint(describe_clocks(options.times, transport), always=True)
    report_gaps(tally, options, console)
    return 1 if console.error_count else 0


def request_execution(options, project, console, transport):
    """Return the Execution; with --wait, once it, or its targets on --node, have finished."""
    execution_id = options.id
    shows_progress = console.can_show_progress(is_quiet=True)
    if not options.wait:
        if shows_progress:
            console.progress = lambda: "%.1f MiB" % (transport.received / (1 << 20))
        return get_execution(transport, project, execution_id)

    if options.timeout and not options.wait_timeout:
        console.hint(
            "--timeout limits each network operation; to limit the wait, use --wait-timeout",
            always=True,
        )

    def show_status(execution):
        # Cut it at once: the progress line is drawn anew after each read.
        progress = describe_progress(execution, options.nodes)
        text = console.redact("status: " + progress, LINE_LIMIT)
        if shows_progress:
            console.progress = lambda: text
            console.show_progress(text)
        else:
            console.write_line(text)

    return wait_for_execution(
        transport, project, execution_id, options.wait_timeout, show_status, options.nodes
    )


def report_status(execution, options, console):
    """Say on stderr that an Execution has not finished, or how a wait has ended."""
    status = show_text(execution, "status")
    if not status:
        return
    if options.wait and console.progress is None:
        return  # the wait has shown it; if in its progress line, that is gone
    if status in FINAL_STATUSES and not options.wait:
        return

    progress = describe_progress(execution, options.nodes)
    needs_status = options.output_dir or GET_FORMATS[options.output].is_bare
    if options.wait or needs_status or options.exit_status:
        # A script would not see the status, or what its exit code means, otherwise.
        console.write_line("status: " + progress)
    else:
        console.hint("the Execution has not finished: " + progress)


def report_saved(folder, execution, options, console):
    """Say on stderr what a folder has, if that is not simply the outputs of all targets."""
    counts = folder.describe()
    if options.nodes or options.statuses:
        number = sum(folder.counts.values())
        summary = "%d of %s" % (number, describe_count(len(execution["targets"]), "target"))
        if number:
            summary += ": " + counts
        console.write_line("%s: %s" % (folder.path, summary))
    elif any(folder.counts[kind] for kind in ("archived", "unreadable", "unsaved")):
        console.write_line("%s: %s" % (folder.path, counts))


def run_get(options, project, console, view, transport):
    """Run the command `get` and return its exit code."""
    folder = None
    if options.output_dir:
        folder = OutputFolder(options.output_dir)  # before any waiting
    execution = request_execution(options, project, console, transport)
    on_nodes = select_by_node(execution["targets"], options.nodes)
    targets = select_by_status(on_nodes, options.statuses)

    # Print or save.
    if folder:
        folder.save(targets, console.report_error)
        folder.finish()
        print_chunks([format_recap(execution, view)], console)
    else:
        write = GET_FORMATS[options.output].write
        print_chunks(write(targets, execution, view, console.report_error), console)

    # Report what is missing.
    missing = find_missing_nodes(options.nodes, on_nodes)
    for node in missing:
        console.report_error("node %s is not a target of Execution %s" % (node, options.id))
    if folder:
        report_saved(folder, execution, options, console)
    elif (options.nodes or options.statuses) and not targets and not missing:
        shows_empty_list = options.output in ("json", "yaml")
        console.hint("no target matches", always=not shows_empty_list)
    report_status(execution, options, console)

    if console.error_count:
        return 1
    judged = on_nodes if options.nodes else [execution]
    if options.exit_status and count_succeeded(judged) < len(judged):
        return 5
    return 0


RUN = {"list": run_list, "targets": run_targets, "get": run_get}


def make_view(options, console, now):
    """Return the View of a run."""
    is_coloured = options.color == "always"
    if options.color not in ("always", "never"):
        has_no_colour = WINDOWS or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        is_coloured = console.stdout_is_terminal and not has_no_colour
    is_wide = options.output == "wide" or not console.columns
    return View(
        is_terminal=console.stdout_is_terminal,
        columns=WIDEST if is_wide else console.columns,
        is_coloured=is_coloured,
        recent_times=find_recent_times(now),
        compares_updates=options.times.compares_updates,
    )


def run(argv, console, sleep):
    """Run a command line and return its exit code. Raises ExecLogError."""
    options = read_command_line(argv)
    if options.help:
        print_chunks([format_help(options.command)], console)
        return 0
    if options.version:
        print_chunks(["version=%s\n" % __version__], console)
        return 0

    now = get_time()
    complete_options(options, now)
    view = make_view(options, console, now)

    profile = Profile(options.profile)
    project, project_source = find_project(options.project, profile)
    with Transport._from_profile(
        options.server,
        profile,
        options.token_file,
        ca_file=options.ca_file,
        timeout=options.timeout or DEFAULT_TIMEOUT,
        allow_http=options.allow_http,
        on_retry=lambda text: console.report("retry", text),
        on_progress=console.on_progress,
        trace=console.write_line if options.verbose else do_nothing,
        sleep=sleep,
    ) as transport:
        transport.project_source = project_source
        # This variable may contain the token that is sent: mask() replaces the longest first.
        transport.secrets.append(os.environ.get("PLEXSPHERE_TOKEN", "").strip())
        console.add_secrets(*transport.secrets)
        run_command = RUN[options.command]
        return run_command(options, project, console, view, transport)


def main(
    argv: "t.Optional[t.List[str]]" = None,
    stdout: "t.Optional[t.BinaryIO]" = None,
    stderr: "t.Optional[t.TextIO]" = None,
    sleep: "t.Callable[[float], t.Any]" = time.sleep,
) -> int:
    """Run a command line and return its exit code. This never ends the process.

        argv        the arguments, without the program's name; the default is sys.argv[1:]
        stdout      a binary stream such as io.BytesIO(), whose write() gets a memoryview; the
                    default is sys.stdout.buffer
        stderr      a text stream; the default is sys.stderr
        sleep       a replacement for time.sleep, for tests

    It changes no process-wide state. argparse reads the message catalogues that LANGUAGE,
    LC_ALL, LC_MESSAGES or LANG name. Expected failures are reported on stderr. An OSError,
    ValueError or AttributeError of a stream counts as a failure to write. KeyboardInterrupt
    and other exceptions of your own propagate. Anything else is a bug, whose traceback is
    not masked."""
    out = sys.stdout if stdout is None else stdout
    err = sys.stderr if stderr is None else stderr
    console = Console(out, err)
    console.add_secrets(os.environ.get("PLEXSPHERE_TOKEN", "").strip())

    if argv is None:
        argv = sys.argv[1:]
    try:
        return run(argv, console, sleep)
    except UsageError as error:
        command = next((word for word in argv if word in COMMANDS), "")
        page = ("see %s --help" % command).replace("  ", " ")
        return report_failure(console, error, error.hint or page)
    except ExecLogError as error:
        return report_failure(console, error)
    except MemoryError:
        console.write_line("error: out of memory")
        return 1
    except RecursionError:
        console.write_line("error: the response is nested too deeply to be printed")
        return 1
    finally:
        console.show_progress("")


def run_as_script() -> None:
    """Run the process's own command line, and exit.

    This is the entry point of the installed plexctl-exec-log."""
    restore_sigint()
    # argparse would read the message catalogue that one of these names, at any path.
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        os.environ.pop(name, None)
    exit_code = main()
    # main has flushed both streams, and closed all files. A normal exit would flush the
    # streams again and, if the disk is full, report the same failure a second time.
    os._exit(exit_code)


if __name__ == "__main__":
    run_as_script()
