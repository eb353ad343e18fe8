#!/usr/bin/env python3
"""plexctl exec-log: what the actions of a plexsphere control plane did, and what each machine printed.

    plexctl_exec_log.py exec-log list --project UUID [flags]
    plexctl_exec_log.py exec-log get  --project UUID --id UUID [flags]

One file, Python 3.6 or newer, nothing but the standard library; it only reads. Data runs down the file:

    Constants     the numbers and words that the rest is built on
    Safe text     what may be shown of text that somebody else wrote
    Errors        the one family of expected failures, each with its exit code
    Settings      flags, environment and config file become a server, a token and a proxy
    Transport     one kept HTTP(S) connection; deadlines, retries, redirects refused
    Wire model    bytes become JSON values as they arrive, values become records
    Operations    list and get as streams of events or of records; waiting for an end
    Rendering     events become text, raw, json, yaml, jsonl or a folder of files
    Command line  flags, help, completion, standard streams, main

Public API: main, Transport, Server, list_executions, get_execution, wait_for_execution, the records Execution,
ExecutionTarget and OutputRef, and ExecLogError with its subclasses. All other names may change.

    transport = Transport(Server.parse("https://plexsphere.example"), token)
    for target in get_execution(transport, project, execution_id):
        ...                                     # every ExecutionTarget, and the Execution itself last
"""

import gc
import io
import os
import re
import sys
import time
from collections import namedtuple

TYPE_CHECKING = False       # typing costs milliseconds of start-up, so only checkers import it
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

    Event = Tuple[str, str, Any]
    Say = Callable[[str, str], None]

__version__ = "1.0.0"
__all__ = ["main", "Transport", "Server", "list_executions", "get_execution", "wait_for_execution", "Execution",
           "ExecutionTarget", "OutputRef", "ExecLogError", "UsageError", "CredentialsError", "OutputError",
           "RemoteError", "TransportError", "MalformedBody", "APIError"]


# ------------------------------------------------------------------------------------------------ Constants

PROGRAM = "plexctl_exec_log.py"
CONSOLE_SCRIPT = "plexctl-exec-log"
USER_AGENT = "plexctl-exec-log/" + __version__

STATUSES = ("pending", "ack", "started", "succeeded", "failed", "cancelled", "timeout")
FINAL_STATUSES = ("succeeded", "failed", "cancelled", "timeout")

SLICE = 1 << 16                     # bytes taken from the network, or given to standard output, at once
VALUE_LIMIT = 256 << 20             # characters of one JSON value
NUMBER_LIMIT = 1000                 # characters of one JSON number
ERROR_BODY_LIMIT = 64 << 10         # bytes
TOKEN_FILE_LIMIT = 64 << 10         # bytes
CONFIG_FILE_LIMIT = 1 << 20         # bytes
TABLE_ROWS = 200                    # rows that are aligned with each other

DEFAULT_TIMEOUT = 30.0              # seconds
LONGEST_TIMEOUT = 86400.0           # seconds
RETRIED_STATUSES = (429, 502, 503, 504)
RETRY_PAUSES = (0.5, 1.0)           # seconds before the first and the second retry
RETRY_AFTER_LIMIT = 30.0            # seconds
POLL_PAUSE, POLL_GROWTH, LONGEST_POLL_PAUSE = 2.0, 1.5, 15.0      # seconds, factor, seconds

SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie")
SHORTEST_MASKED_SECRET = 8          # characters; anything shorter would mask innocent text

API_HINT = "is this the API? check --server, PLEXSPHERE_URL or the profile"
PROXY_HINT = "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
HINTS = {                           # the next step after an HTTP status
    400: "the server refused the value of a flag",
    401: "log in again: the token is missing, expired or not this server's",
    403: "ask an owner of the project for the relation that reads its executions",
    404: "check --project, --id and --server: no such thing there, or it is hidden from this token",
    407: "put user:password@ before the proxy's host in HTTPS_PROXY or HTTP_PROXY",
    429: "wait, then run the command again",
}

EXIT_FAILURE, EXIT_USAGE, EXIT_CREDENTIALS, EXIT_FORBIDDEN, EXIT_NOT_SUCCEEDED = 1, 2, 3, 4, 5
EXIT_REBAC_DENIED, EXIT_INTERRUPTED, EXIT_READER_GONE = 77, 130, 141
EXIT_CODES = (                      # contract section 6; for --help and the README
    (0, "everything asked for was written to standard output"),
    (EXIT_FAILURE, "transport or API failure, malformed answer, unreadable output, standard output unwritable"),
    (EXIT_USAGE, "usage: the command line, or a setting that stands for a flag"),
    (EXIT_CREDENTIALS, "credentials missing or insecure, or refused by the server (401)"),
    (EXIT_FORBIDDEN, "forbidden (403)"),
    (EXIT_NOT_SUCCEEDED, "with --exit-status: printed, but the Execution's status is not succeeded"),
    (EXIT_REBAC_DENIED, "forbidden for want of a relation (403 with the code rebac_denied)"),
    (EXIT_INTERRUPTED, "interrupted (Ctrl-C)"),
    (EXIT_READER_GONE, "the reader of standard output went away"),
)


# ------------------------------------------------------------------------------------------------ Safe text

def escaped(character: str) -> str:
    r"""One character as \xNN, \uNNNN or \UNNNNNNNN, which YAML and Python both read back."""
    code = ord(character)
    return "\\x%02x" % code if code < 0x100 else "\\u%04x" % code if code < 0x10000 else "\\U%08x" % code


def visible(text: str) -> str:
    """Text as one line of printable characters, everything else escaped (contract section 5)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else escaped(c) for c in text)


def is_plain(text: str) -> bool:
    """Whether a text needs no escape, not even where a blank marks its end."""
    return text.isprintable() and " " not in text


def framed(text: "Optional[str]") -> str:
    """Text for a place whose end a blank marks: visible, no blank in it, `-` for nothing."""
    if not text:
        return "-"
    return text if is_plain(text) else visible(text).replace(" ", "\\x20")


def error_text(error: Exception) -> str:
    """What an exception of the standard library says, on its own or by its name."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


# What needs a second look on a terminal: CR LF and SGR colour as wholes, else one character.
DOUBTFUL = "\r\n|\x1b\\[[0-9;:]{0,64}m|[^\t\n\x20-\x7e]"
CONCEALING = "[\\[;:]0*8[;:m]"
COLOUR_RESET = b"\x1b[0m"


def passed_or_escaped(match: "Any") -> str:
    """One DOUBTFUL match as the terminal may see it."""
    found = match.group()
    if found == "\r\n" or found.isprintable():
        return str(found)
    if len(found) > 1:
        return "\\x1b" + found[1:] if re.search(CONCEALING, found) else str(found)
    return escaped(chr(ord(found) & 0xFF) if "\udc80" <= found <= "\udcff" else found)   # surrogateescape


def terminal_safe(data: bytes) -> bytes:
    """Output bytes for a UTF-8 terminal: text, tab, newline and colour pass, all else is shown, not done.

    Ends with a colour reset where colour passed.
    """
    safe = re.sub(DOUBTFUL, passed_or_escaped, data.decode("utf-8", "surrogateescape")).encode("utf-8")
    return safe + COLOUR_RESET if b"\x1b" in safe else safe


# --------------------------------------------------------------------------------------------------- Errors

class ExecLogError(Exception):
    """An expected failure: main shows `error: MESSAGE` and `hint: HINT`, and returns exit_code.

    ExecLogError
      UsageError            2   the command line, or a setting that stands for a flag
      CredentialsError      3   token missing, unreadable, insecure, malformed
      OutputError           1   standard output or the output folder cannot be written
        ReaderGone        141   whoever read standard output left; nothing is said
      RemoteError           1   the read failed at the server or on the way
        TransportError      1   no connection, TLS, framing of the answer
          Refused           1   nothing listens there
          Silence           1   --timeout passed
          ConnectionLost    1   broken off before the headers were complete
        MalformedBody       1   not the JSON that the contract names
          BodyCut           1   less of it than was announced
        APIError      1 3 4 77  any status but 200
        WaitExpired         1   --wait-timeout passed
    """

    exit_code = EXIT_FAILURE
    retried = False             # worth asking again at once (contract section 3)
    waited_out = False          # no reason to stop waiting for an Execution (contract section 9)
    retry_after = None          # type: Optional[float]

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ExecLogError):
    """The command line, or a setting that stands for a flag, cannot be used."""
    exit_code = EXIT_USAGE


class CredentialsError(ExecLogError):
    """No token, or one that must not be used."""
    exit_code = EXIT_CREDENTIALS


class OutputError(ExecLogError):
    """Standard output or the output folder does not take what is written to it."""


class ReaderGone(OutputError):
    """The reader of standard output closed its end."""
    exit_code = EXIT_READER_GONE


class RemoteError(ExecLogError):
    """The read failed at the server or on the way to it."""


class TransportError(RemoteError):
    """No connection, no TLS, or no HTTP on it."""


class Refused(TransportError):
    """Nothing listens at the address."""
    waited_out = True


class Silence(TransportError):
    """The far side said nothing for as long as --timeout allows."""
    waited_out = True


class ConnectionLost(TransportError):
    """The connection broke before the response headers were complete."""
    retried = waited_out = True


class MalformedBody(RemoteError):
    """The body is not what the contract names, section 3 or 4."""


class BodyCut(MalformedBody):
    """The connection ended before the body did."""
    waited_out = True


class WaitExpired(RemoteError):
    """The overall deadline of --wait-timeout passed."""


def text_of(problem: "Dict[str, Any]", name: str) -> str:
    """A text member of a Problem, empty where it has none."""
    value = problem.get(name)
    return value if isinstance(value, str) else ""


def describe_problem(status: int, phrase: str, problem: "Dict[str, Any]") -> str:
    """An HTTP status and what the Problem says of it, as one sentence (contract section 6)."""
    path = problem.get("relation_path")
    relations = [step for step in path if isinstance(step, str)] if isinstance(path, list) else []
    details = [("", text_of(problem, "detail")), ("code ", text_of(problem, "code")),
               ("reason: ", text_of(problem, "reason")), ("relation path: ", " > ".join(relations)),
               ("correlation id: ", text_of(problem, "correlation_id"))]
    headline = "HTTP %d %s" % (status, text_of(problem, "title") or phrase)
    return "; ".join([headline.strip()] + [label + text for label, text in details if text])


def exit_code_of(status: int, code: object) -> int:
    """The exit code for an HTTP status and a Problem's `code`: the one place that knows (contract section 6)."""
    if status == 403:
        return EXIT_REBAC_DENIED if code == "rebac_denied" else EXIT_FORBIDDEN
    return EXIT_CREDENTIALS if status == 401 else EXIT_FAILURE


class APIError(RemoteError):
    """An answer with any status but 200.

    `status` is the HTTP status, `problem` the JSON object of the body (RFC 9457), empty where it had none.
    """

    def __init__(self, status: int, phrase: str, problem: "Dict[str, Any]", hint: str = "",
                 retry_after: "Optional[float]" = None) -> None:
        super().__init__(describe_problem(status, phrase, problem), hint or HINTS.get(status, ""))
        self.status = status
        self.problem = problem
        self.exit_code = exit_code_of(status, problem.get("code"))
        self.retried = self.waited_out = status in RETRIED_STATUSES
        self.retry_after = retry_after


# ------------------------------------------------------------------------------------------------- Settings

# Patterns that a run may not need are strings: re compiles them when it does.
SERVER_URL = r"([hH][tT][tT][pP][sS]?)://(\[[0-9a-fA-F:.]+\]|[^/?#@:\[\]\\]+)(?::([0-9]{1,5}))?(/[^?#]*)?"
PROXY_URL = r"(?:([a-zA-Z0-9+.-]*)://)?(?:([^/?#]*)@)?(\[[0-9a-fA-F:.]+\]|[^/?#@:\[\]\\]+)(?::([0-9]{1,5}))?/?"
VISIBLE_ASCII = "[!-~]+"
DEFAULT_PORTS = {"http": 80, "https": 443}


def bracketed(host: str) -> str:
    """A host as it stands before a port: an IPv6 address in brackets."""
    return "[%s]" % host if ":" in host else host


def port_number(digits: "Optional[str]", default: int) -> int:
    """A port from its digits, `default` where there are none. ValueError out of 1..65535."""
    port = int(digits or default)
    if not 0 < port < 65536:
        raise ValueError("port %d is out of range" % port)
    return port


class Server(namedtuple("Server", "scheme host port prefix")):
    """Where the API is: `http` or `https`, a bare lower-case host, a port, a path without its last slash."""
    __slots__ = ()

    @classmethod
    def parse(cls, url: str) -> "Server":
        """From `http(s)://host[:port][/prefix]` in visible ASCII. Any other raises UsageError, unquoted:
        what is wrong with it may be a password."""
        match = re.fullmatch(SERVER_URL, url)
        if not (match and re.fullmatch(VISIBLE_ASCII, url)):
            raise UsageError("the server is no http(s)://host[:port][/prefix]")
        scheme, host, port, prefix = match.groups()
        try:
            number = port_number(port, DEFAULT_PORTS[scheme.lower()])
        except ValueError as error:
            raise UsageError("the server's %s" % error)
        return cls(scheme.lower(), host.strip("[]").lower(), number, (prefix or "").rstrip("/"))

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        at_default = self.port == DEFAULT_PORTS[self.scheme]
        return bracketed(self.host) if at_default else "%s:%d" % (bracketed(self.host), self.port)

    @property
    def url(self) -> str:
        """The URL that the paths of the API are appended to."""
        return "%s://%s%s" % (self.scheme, self.authority, self.prefix)


class Settings:
    """What a command takes from its surroundings. A plain class: no repr of it shows the token."""

    def __init__(self, server: Server, token: str, proxy: "Optional[Proxy]", allow_http: bool,
                 colour: bool, warnings: "Sequence[str]") -> None:
        self.server = server
        self.token = token
        self.proxy = proxy
        self.allow_http = allow_http
        self.colour = colour            # whether a terminal may be given colour
        self.warnings = warnings


def insecure_file(path: str, mode: int) -> CredentialsError:
    """The error for a secret that others can read, with the command that mends it."""
    import shlex
    name = "./" + path if path.startswith("-") else path
    return CredentialsError("%s is insecure: its mode is %04o, others than its owner have access" % (path, mode),
                            hint="chmod 600 %s" % shlex.quote(name))


def read_private_file(path: str, limit: int) -> bytes:
    """A file that holds a secret. CredentialsError where others may read it, and where it cannot be read.

    The check is made on the opened file, so that the name cannot be pointed elsewhere in between. Pipes
    have no mode that means anything; Windows has none at all.
    """
    import stat
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name != "nt" and not stat.S_ISFIFO(mode) and mode & 0o077:
                raise insecure_file(path, stat.S_IMODE(mode))
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:      # ValueError: a NUL in the name
        raise CredentialsError("cannot read %s: %s" % (path, error_text(error)))
    if len(data) > limit:
        raise CredentialsError("%s is larger than %d KiB" % (path, limit >> 10))
    return data


def clean_token(token: str, source: str) -> str:
    """The token without surrounding white space. CredentialsError for anything but visible ASCII."""
    token = token.strip()
    if not token:
        raise CredentialsError("the token from %s is empty" % source)
    if not re.fullmatch(VISIBLE_ASCII, token):
        raise CredentialsError("the token from %s holds something else than visible ASCII" % source)
    return token


def read_token_file(path: str) -> str:
    """The token that a file or pipe holds."""
    data = read_private_file(path, TOKEN_FILE_LIMIT)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise CredentialsError("the token from %s is no UTF-8 text" % path)


def config_path(environ: "Mapping[str, str]") -> "Optional[str]":
    """Where the config file is looked for; None without a home directory."""
    base = environ.get("XDG_CONFIG_HOME", "")
    path = os.path.join(base, "plexctl", "config.json")
    if os.path.isabs(base) and os.path.exists(path):
        return path
    home = environ.get("HOME") if "HOME" in environ else os.path.expanduser("~")
    return os.path.join(home, ".config", "plexctl", "config.json") if home and os.path.isabs(home) else None


class Profiles:
    """The config file, opened at the first question: {"default": NAME, "profiles": {NAME: {"server", "token"}}}."""

    def __init__(self, environ: "Mapping[str, str]", named: "Optional[str]") -> None:
        self.named = named
        self.path = None            # type: Optional[str]
        self._environ = environ
        self._document = None       # type: Optional[Dict[str, Any]]

    def _load(self) -> "Dict[str, Any]":
        if self._document is None:
            self.path = config_path(self._environ)
            exists = self.path is not None and os.path.lexists(self.path)
            self._document = self._read(str(self.path)) if exists else {}
        return self._document

    def _read(self, path: str) -> "Dict[str, Any]":
        import json
        try:
            document = json.loads(read_private_file(path, CONFIG_FILE_LIMIT).decode("utf-8"))
        except (ValueError, RecursionError):
            raise CredentialsError("%s is no JSON" % path)
        return self._object(document, "it")

    def _object(self, value: "Any", what: str) -> "Dict[str, Any]":
        if not isinstance(value, dict):
            raise CredentialsError("%s: expected %s to be an object" % (self.path, what))
        return value

    def _text(self, holder: "Dict[str, Any]", key: str, what: str) -> "Optional[str]":
        value = holder.get(key)
        if value is not None and not isinstance(value, str):
            raise CredentialsError("%s: expected %s to be a string" % (self.path, what))
        return value

    def default(self) -> "Optional[str]":
        """The name that the default pointer holds."""
        return self._text(self._load(), "default", '"default"')

    def get(self, name: str, key: str) -> "Optional[str]":
        """`server` or `token` of a profile, None where it has none. CredentialsError for an unknown profile."""
        document = self._load()
        profiles = document.get("profiles")
        profile = {} if profiles is None else self._object(profiles, '"profiles"')
        if name not in profile:
            raise CredentialsError('there is no profile "%s" in %s' % (name, self.path or "any config file"))
        return self._text(self._object(profile[name], 'profile "%s"' % name), key,
                          "%s of profile \"%s\"" % (key, name))


Found = namedtuple("Found", "value source profile")     # profile: the name of the one it came from, else None


def find_setting(key: str, variable: str, profiles: Profiles, environ: "Mapping[str, str]") -> "Optional[Found]":
    """`server` or `token` from the first that has it below the flag (contract section 2)."""
    def from_profile(name: "Optional[str]") -> "Optional[Found]":
        value = profiles.get(name, key) if name else None
        return None if value is None else Found(value, 'profile "%s"' % name, name)

    found = from_profile(profiles.named)
    if found is None and environ.get(variable):
        found = Found(environ[variable], variable, None)
    return found or from_profile(profiles.default())


def find_server(flag: "Optional[str]", profiles: Profiles, environ: "Mapping[str, str]") -> "Optional[Server]":
    """The server, judged before anyone looks for a token."""
    found = Found(flag, "--server", None) if flag else find_setting("server", "PLEXSPHERE_URL", profiles, environ)
    if found is None:
        return None
    try:
        return Server.parse(found.value)
    except UsageError as error:
        raise UsageError("%s (from %s)" % (error.message, found.source))


def find_token(flag: "Optional[str]", profiles: Profiles, environ: "Mapping[str, str]") -> Found:
    """The token, clean. CredentialsError where there is none."""
    found = Found(read_token_file(flag), flag, None) if flag else \
        find_setting("token", "PLEXSPHERE_TOKEN", profiles, environ)
    if found is None:
        raise CredentialsError("no token", hint="give --token-file, PLEXSPHERE_TOKEN or a profile that has one")
    return found._replace(value=clean_token(found.value, found.source))


def foreign_token_warning(name: str, server: Server, profiles: Profiles) -> str:
    """What to tell where a profile's token goes to a server that is not that profile's, else nothing."""
    own = profiles.get(name, "server")
    try:
        if own and Server.parse(own) == server:
            return ""
    except UsageError:
        own = "an unusable server"
    return 'the token of profile "%s" (%s) goes to another server: %s' % (name, own or "without a server", server.url)


# ---- proxies

def basic_authorization(user_info: "Optional[str]") -> str:
    """The Proxy-Authorization for a URL's user info (RFC 7617), empty without one."""
    if user_info is None:
        return ""
    from binascii import b2a_base64
    from urllib.parse import unquote_to_bytes
    user, _, password = user_info.partition(":")
    pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return "Basic " + b2a_base64(pair, newline=False).decode("ascii")


class Proxy(namedtuple("Proxy", "host port authorization")):
    """An HTTP proxy; authorization is the value of Proxy-Authorization, or empty."""
    __slots__ = ()

    def __repr__(self) -> str:
        return "Proxy(%r, %r, ***)" % (self.host, self.port)

    @property
    def secrets(self) -> "List[str]":
        """What must not be shown: the base64 of user and password, and the password."""
        from binascii import a2b_base64
        encoded = self.authorization[len("Basic "):]
        return [encoded, a2b_base64(encoded).partition(b":")[2].decode("utf-8", "replace")]

    @classmethod
    def parse(cls, url: str, variable: str) -> "Proxy":
        """From `[http://][user:password@]host[:port]`. UsageError names the variable, never its value."""
        match = re.fullmatch(PROXY_URL, url)
        if not match or (match.group(1) or "http").lower() != "http" or not re.fullmatch(VISIBLE_ASCII, url):
            raise UsageError("%s is no http://host:port, with user and password before the host or without" % variable)
        try:
            port = port_number(match.group(4), 80)
        except ValueError as error:
            raise UsageError("%s: %s" % (variable, error))
        return cls(match.group(3).strip("[]"), port, basic_authorization(match.group(2)))


def ip_address(host: str) -> "Any":
    """The host as an ipaddress object, None for a name."""
    import ipaddress
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_this_host(host: str) -> bool:
    """Whether a connection to the host stays on this machine."""
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = str(ip_address(host))
    return address in ("::1", "::", "0.0.0.0") or address.startswith("127.")


def split_port(entry: str) -> "Tuple[str, str]":
    """`host`, `host:port`, `[v6]:port`, a bare IPv6 address or a CIDR range, as (host, port or empty)."""
    if entry.startswith("["):
        host, _, port = entry[1:].partition("]")
        return host, port.lstrip(":")
    if entry.count(":") > 1:
        return entry, ""
    host, _, port = entry.partition(":")
    return host, port


def covers(pattern: str, host: str) -> bool:
    """Whether one NO_PROXY pattern covers the host: `*`, an address, a CIDR range, a name and all below it,
    or with a leading dot only what is below it (as in Go)."""
    if pattern == "*":
        return True
    address = ip_address(host)
    if address is not None:
        import ipaddress
        try:
            return address in ipaddress.ip_network(pattern, strict=False)
        except ValueError:
            return False
    suffix = pattern.lstrip("*")
    return host.endswith(suffix) if suffix.startswith(".") else host == suffix or host.endswith("." + suffix)


def bypasses_proxy(host: str, port: int, no_proxy: str) -> bool:
    """Whether NO_PROXY, or being this very host, keeps the connection away from any proxy."""
    if is_this_host(host):
        return True
    entries = [split_port(entry) for entry in re.split(r"[\s,]+", no_proxy.lower()) if entry]
    return any(covers(pattern, host.rstrip(".")) for pattern, only in entries
               if pattern and only in ("", str(port)))


def find_proxy(server: Server, environ: "Mapping[str, str]") -> "Optional[Proxy]":
    """The proxy that the environment names for the server; lower case goes before upper case."""
    for variable in (server.scheme + "_proxy", (server.scheme + "_proxy").upper()):
        if environ.get(variable):
            no_proxy = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
            bypassed = bypasses_proxy(server.host, server.port, no_proxy)
            return None if bypassed else Proxy.parse(environ[variable], variable)
    return None


def find_settings(args: "Any", environ: "Mapping[str, str]") -> Settings:
    """Settings from parsed flags and the environment. UsageError, CredentialsError."""
    profiles = Profiles(environ, args.profile)
    server = find_server(args.server, profiles, environ)
    token = find_token(args.token_file, profiles, environ)
    if server is None:
        raise UsageError("no server: give --server, PLEXSPHERE_URL or a profile that has one")
    warning = foreign_token_warning(token.profile, server, profiles) if token.profile is not None else ""
    allow_http = args.allow_http or environ.get("PLEXSPHERE_ALLOW_HTTP") == "1"
    colour = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Settings(server, token.value, find_proxy(server, environ), allow_http, colour,
                    [warning] if warning else [])


# ------------------------------------------------------------------------------------------------ Transport

class Deadlines:
    """How long the far side may still be silent.

    A phase (connecting, handshake, headers, the next piece of a body) must be complete within the timeout.
    `limit` bounds everything that is done until it is taken back, whatever arrives (--wait-timeout).
    """

    def __init__(self, timeout: float, clock: "Callable[[], float]") -> None:
        self.timeout = timeout
        self.limit = None       # type: Optional[float]
        self._clock = clock
        self.begin("anything")

    def begin(self, phase: str, extends: bool = False) -> None:
        """A phase begins; if it extends, progress() restarts it."""
        self._phase, self._extends, self._phase_end = phase, extends, self._clock() + self.timeout

    def progress(self) -> None:
        """A part of a TLS record came, which nobody can read yet: slow progress is no silence."""
        if self._extends:
            self._phase_end = self._clock() + self.timeout

    def allowed(self, seconds: float) -> float:
        """The seconds, cut to what the limit leaves. WaitExpired where it leaves none."""
        if self.limit is None:
            return seconds
        left = self.limit - self._clock()
        if left <= 0:
            raise WaitExpired("--wait-timeout passed")
        return min(seconds, left)

    def left(self) -> float:
        """Seconds that the next wait may take. Silence or WaitExpired where none are left."""
        seconds = self._phase_end - self._clock()
        if seconds <= 0:
            raise self.silence()
        return self.allowed(seconds)

    def silence(self) -> Silence:
        """The error for a wait that took too long."""
        return Silence("timed out: %s did not come within %g s" % (self._phase, self.timeout),
                       hint="a slow server or network may need a longer --timeout")

    def expired(self) -> ExecLogError:
        """Which deadline a wait of left() seconds has met."""
        try:
            self.left()
        except RemoteError as error:
            return error
        return self.silence()


def is_ragged_end(error: Exception) -> bool:
    """Whether a TLS connection ended without close_notify, as http.client's bodies may.

    ssl takes that for an end, but for OpenSSL 3 with Python 3.6 and 3.7, and on PyPy, where it is a RuntimeError.
    """
    return "unexpected eof" in str(error) or isinstance(error, RuntimeError)


class Channel(io.RawIOBase):
    """A connected socket as http.client wants it, whose reads are bounded by Deadlines and gather what is there.

    It reads without blocking and waits by a selector, since a blocking TLS read would take a record that comes
    in slowly for silence.
    """

    def __init__(self, sock: "Any", deadlines: Deadlines, idle: "Callable[[], None]") -> None:
        import selectors
        import ssl
        self.received = self.ended = False
        self._sock = sock
        self._records = isinstance(sock, ssl.SSLSocket)
        self._deadlines = deadlines
        self._idle = idle
        self._waits = {ssl.SSLWantReadError: selectors.EVENT_READ, ssl.SSLWantWriteError: selectors.EVENT_WRITE,
                       BlockingIOError: selectors.EVENT_READ}
        self._would_block = tuple(self._waits)
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)

    def sendall(self, data: bytes) -> None:
        """Send a request. OSError, Silence."""
        import socket
        self.received = False
        self._sock.settimeout(self._deadlines.left())
        try:
            self._sock.sendall(data)
        except socket.timeout:
            raise self._deadlines.expired()
        finally:
            self._sock.settimeout(0)

    def makefile(self, mode: str, *_: "Any") -> "io.BufferedReader":
        """The reader for one response."""
        return io.BufferedReader(self, SLICE)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Any") -> int:
        """Wait for bytes, then take all that are there, up to the buffer's length. 0 at the end. OSError, Silence."""
        view, count = memoryview(buffer), 0
        while count < len(view):
            self._deadlines.left()
            try:
                some = self._sock.recv_into(view[count:])
            except self._would_block as error:
                if count:
                    break
                self._wait(self._waits[type(error)])
                continue
            except (OSError, RuntimeError) as error:
                if count or is_ragged_end(error):
                    break       # what came before a fault counts; the next call meets it again, or the end
                raise
            if not some:
                break
            count += some
        self.received = self.received or count > 0
        self.ended = not count
        return count

    def _wait(self, event: int) -> None:
        self._idle()
        self._selector.modify(self._sock, event)
        if not self._selector.select(self._deadlines.left()):
            raise self._deadlines.expired()
        if self._records:
            self._deadlines.progress()

    def close(self) -> None:
        """Nothing: http.client closes what it has handed to a response, and the response still reads from here."""

    def release(self) -> None:
        """Leave the socket open for another owner."""
        self._selector.close()

    def shut(self) -> None:
        """Close the socket."""
        self.release()
        self._sock.close()


def tls_context(ca_file: "Optional[str]") -> "Any":
    """A verifying context, TLS 1.2 or newer, the same on every Python. UsageError for an unusable --ca-file."""
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)   # create_default_context writes keys to SSLKEYLOGFILE
    if hasattr(context, "minimum_version"):
        context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    else:                           # Python 3.6, or an OpenSSL before 1.1.0
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    if not ca_file:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(ca_file)
    except (OSError, ValueError, TypeError) as error:       # a NUL in the name is one of the last two
        reason = "no PEM certificates in it" if isinstance(error, ssl.SSLError) else error_text(error)
        raise UsageError("--ca-file %s: %s" % (ca_file, reason))
    return context


TLS_HINTS = (       # a pattern for the cause, the next step
    ("expired", "the server's operator must renew its certificate; --ca-file does not help"),
    ("match", "the certificate is for another name: check the host of --server; --ca-file does not help"),
    ("certificate", "is it signed by a CA of your own? then name that with --ca-file"),
    ("version_number|http_request|record_layer",
     "the port speaks no TLS: check it, or use http:// if the server is on this host"),
)


def tls_failure(host: str, error: Exception) -> TransportError:
    """A failed handshake, its cause and the flag that helps."""
    cause = getattr(error, "verify_message", "") or getattr(error, "reason", "") or error_text(error)
    text = ("%s %s" % (cause, error)).lower().replace(" ", "_")
    hint = [hint for sign, hint in TLS_HINTS if re.search(sign, text)][:1]
    return TransportError("no TLS with %s: %s" % (host, cause), hint="".join(hint))


def lost_connection(host: str, error: OSError) -> TransportError:
    """A connection that broke while the headers were awaited."""
    import ssl
    if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return tls_failure(host, error)
    return ConnectionLost("the connection was lost before the response headers were complete: %s" % error_text(error))


def connect_failure(where: str, error: Exception, hint: str) -> TransportError:
    """A connection that could not be made."""
    import socket
    if isinstance(error, ConnectionRefusedError):
        return Refused("nothing listens at %s: connection refused" % where, hint=hint)
    if isinstance(error, socket.gaierror):
        return TransportError("the name of %s does not resolve" % where, hint=hint)
    return TransportError("cannot connect to %s: %s" % (where, error_text(error)))


def retry_after(header: "Optional[str]", now: float) -> "Optional[float]":
    """Seconds that a Retry-After asks for (RFC 9110, 10.2.3), at most 30; None where it says nothing usable."""
    text = (header or "").strip()
    if re.fullmatch("[0-9]+", text):
        return min(float(text), RETRY_AFTER_LIMIT)
    from datetime import timezone
    from email.utils import parsedate_to_datetime
    try:
        date = parsedate_to_datetime(text)
        seconds = (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp() - now    # HTTP's are UTC
    except (TypeError, ValueError, IndexError, OverflowError, AttributeError):  # differs by version and by text
        return None
    return min(seconds, RETRY_AFTER_LIMIT) if seconds >= 0 else None


def problem_of(body: bytes) -> "Dict[str, Any]":
    """The JSON object of an error body, empty where it is none."""
    import json
    try:
        problem = json.loads(body.decode("utf-8"), parse_int=float)     # an int of 5,000 digits fails on 3.11
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def ignore(*_: "Any") -> None:
    """The listener that a Transport has where its user gave none."""


class Transport:
    """GET requests to one server over one kept connection (contract section 3).

    `say(label, text)` is told of retries, `trace(text)` of every request and response, and `idle()` runs before
    each wait for the network. Clock and sleep (seconds) are parameters. Plain http to another host raises
    TransportError unless allow_http.
    """

    def __init__(self, server: Server, token: str, ca_file: "Optional[str]" = None,
                 timeout: float = DEFAULT_TIMEOUT, allow_http: bool = False, proxy: "Optional[Proxy]" = None,
                 say: "Say" = ignore, trace: "Callable[[str], None]" = ignore,
                 idle: "Callable[[], None]" = ignore, clock: "Callable[[], float]" = time.monotonic,
                 sleep: "Callable[[float], None]" = time.sleep) -> None:
        if server.scheme == "http" and not allow_http and not is_this_host(server.host):
            raise TransportError("plain http to %s would show the token to the network" % server.host,
                                 hint="use https://, or allow it with --allow-http")
        self.server = server
        self.deadlines = Deadlines(timeout, clock)
        self.retry_pauses = RETRY_PAUSES    # type: Sequence[float]
        self.sleep = sleep
        self.clock = clock
        self._ca_file = ca_file
        self._proxy = proxy
        self._say, self._trace, self._idle = say, trace, idle
        self._context = None                # type: Any
        self._connection = None             # type: Any
        self._channel = None                # type: Any
        self._headers = {"Host": server.authority, "Authorization": "Bearer " + token,
                         "Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": USER_AGENT}

    def __enter__(self) -> "Transport":
        return self

    def __exit__(self, *_: "Any") -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connection, if any."""
        if self._channel is not None:
            self._channel.shut()
        self._connection = self._channel = None

    def rest(self, seconds: float) -> None:
        """Sleep, within the limit. WaitExpired when that passed meanwhile."""
        self.sleep(self.deadlines.allowed(seconds))
        self.deadlines.allowed(0)

    def get(self, path: str, parameters: "Sequence[Tuple[str, Any]]" = ()) -> "Iterator[bytes]":
        """The body of a 200 as it arrives, in slices, to be read before the next get. Headers are in on return.

        Parameters are percent-encoded: bytes as they are, text as the bytes the shell gave. Empty ones are left out.
        Raises TransportError, APIError, MalformedBody; the iterator also BodyCut and Silence.
        """
        from urllib.parse import quote, urlencode
        given = [(name, os.fsencode(value)) for name, value in parameters if value]
        query = urlencode(given, quote_via=quote, safe="")
        target = self.server.prefix + path + ("?" + query if query else "")
        return self._slices(self._answer(target))

    def _answer(self, target: str) -> "Any":
        """The response to one read, asked for again after the faults that allow it."""
        for number, pause in enumerate(self.retry_pauses, 1):
            try:
                return self._exchange(target)
            except RemoteError as error:
                if not error.retried:
                    raise
                wait = pause if error.retry_after is None else error.retry_after
                self._say("retry", "%s; again in %g s (%d of %d)"
                          % (error.message, round(wait, 1), number, len(self.retry_pauses)))
                self.rest(wait)
        return self._exchange(target)

    def _exchange(self, target: str) -> "Any":
        """One request; the connection is open afterwards only if the answer is a 200."""
        try:
            response = self._ask_kept(target) or self._ask_anew(target)
            self._judge(response)
            return response
        except BaseException:
            self.close()
            raise

    def _ask_kept(self, target: str) -> "Any":
        """The response over the kept connection; None where there is none or it went cold."""
        if self._connection is None:
            return None
        try:
            return self._ask(target)
        except ConnectionLost:
            if self._channel.received:
                raise
            self.close()
            return None

    def _ask_anew(self, target: str) -> "Any":
        self._open()
        return self._ask(target)

    def _ask(self, target: str) -> "Any":
        """One request and the headers of its response. ConnectionLost, Silence, TransportError."""
        headers = dict(self._headers)
        if self._proxy and self.server.scheme == "http":
            target = "http://" + self.server.authority + target
            headers.update(self._proxy_headers())
        self.deadlines.begin("the response")
        return self._request(self._connection, self._channel, "GET", target, headers)

    def _request(self, connection: "Any", channel: Channel, method: str, target: str,
                 headers: "Dict[str, str]") -> "Any":
        """The headers of the response to one request on a connection."""
        from http.client import HTTPException
        self._trace_lines(">", "%s %s HTTP/1.1" % (method, target), headers.items())
        try:
            connection.request(method, target, headers=headers)
            response = connection.getresponse()
        except OSError as error:
            raise lost_connection(self.server.authority, error)
        except HTTPException as error:
            if not channel.ended:
                raise TransportError("what answers speaks no proper HTTP: %s" % error_text(error), hint=API_HINT)
        if channel.ended:       # http.client takes the end of the connection for the end of the headers
            raise ConnectionLost("the connection was lost before the response headers were complete")
        self._trace_lines("<", "HTTP/1.1 %d %s" % (response.status, response.reason), response.getheaders())
        return response

    def _trace_lines(self, mark: str, first: str, headers: "Iterable[Tuple[str, str]]") -> None:
        self._trace("%s %s" % (mark, first))
        for name, value in headers:
            self._trace("%s %s: %s" % (mark, name, "***" if name.lower() in SECRET_HEADERS else value))

    def _proxy_headers(self) -> "Dict[str, str]":
        authorization = self._proxy.authorization if self._proxy else ""
        return {"Proxy-Authorization": authorization} if authorization else {}

    def _open(self) -> None:
        """A new connection, through the proxy's tunnel where https needs it. Refused, Silence, TransportError."""
        from http.client import HTTPConnection
        if self.server.scheme == "https" and self._context is None:
            self._context = tls_context(self._ca_file)
        at = self._proxy or self.server
        sock = self._dial(at.host, at.port)
        try:
            if self.server.scheme == "https":
                if self._proxy:
                    self._tunnel(sock)
                sock = self._secure(sock)
            sock.settimeout(0)
            self._channel = Channel(sock, self.deadlines, self._idle)
        except BaseException:
            sock.close()
            raise
        self._connection = HTTPConnection(self.server.host, self.server.port)
        self._connection.auto_open = 0
        self._connection.sock = self._channel

    def _dial(self, host: str, port: int) -> "Any":
        """A TCP connection; the timeout holds for each address of the host."""
        import socket
        where = ("proxy %s:%d" if self._proxy else "%s:%d") % (bracketed(host), port)
        self.deadlines.begin("a connection to " + where)
        try:
            name = host.encode("ascii")     # type: Any  # as bytes: for text, the idna codec is loaded, 2 ms
            return socket.create_connection((name, port), self.deadlines.left())
        except (socket.timeout, TimeoutError):      # the system's own timeout is the second before 3.10
            raise self.deadlines.expired()
        except OSError as error:
            raise connect_failure(where, error, PROXY_HINT if self._proxy else API_HINT)

    def _tunnel(self, sock: "Any") -> None:
        """Have the proxy connect the socket to the server (RFC 9110, 9.3.6)."""
        from http.client import HTTPConnection
        self.deadlines.begin("the proxy's answer")
        sock.settimeout(0)
        channel = Channel(sock, self.deadlines, self._idle)
        proxy = HTTPConnection(self.server.host, self.server.port)
        proxy.sock = channel
        authority = "%s:%d" % (bracketed(self.server.host), self.server.port)
        headers = dict(self._proxy_headers(), Host=authority)
        try:
            response = self._request(proxy, channel, "CONNECT", authority, headers)
        except TransportError as error:
            if isinstance(error, Silence):
                raise
            raise TransportError("the proxy gave no proper answer: %s" % error.message, hint=PROXY_HINT)
        finally:
            channel.release()
        if not 200 <= response.status < 300:
            raise TransportError("the proxy refused to connect: HTTP %d %s" % (response.status, response.reason),
                                 hint=HINTS[407] if response.status == 407 else "")

    def _secure(self, sock: "Any") -> "Any":
        """The socket under TLS, the server's certificate and name verified."""
        import socket
        import ssl
        self.deadlines.begin("the TLS handshake")
        sock.settimeout(self.deadlines.left())      # holds for the handshake as a whole
        try:
            host = self.server.host
            name = host if sys.version_info < (3, 7) else host.encode("ascii")      # as bytes, see _dial
            return self._context.wrap_socket(sock, server_hostname=name)
        except socket.timeout:
            raise self.deadlines.expired()
        except (OSError, ssl.CertificateError, ValueError) as error:    # CertificateError is no OSError on 3.6
            raise tls_failure(self.server.authority, error)

    def _judge(self, response: "Any") -> None:
        """Raise for any answer but a 200 whose body is framed as HTTP/1.1 has it, in no content coding."""
        if response.status != 200:
            raise self._refusal(response)
        lengths = response.headers.get_all("Content-Length", [])
        if lengths and not (len(set(lengths)) == 1 and re.fullmatch("[0-9]{1,18}", lengths[0])):
            raise MalformedBody("the length of the body is announced as %s" % ", ".join(lengths))
        transfer = response.getheader("Transfer-Encoding", "chunked")
        if transfer.lower() != "chunked":
            raise MalformedBody("the body is framed as %s, which is not known here" % transfer)
        coding = response.getheader("Content-Encoding", "identity").strip()
        if coding.lower() not in ("", "identity"):
            raise MalformedBody("the body is encoded as %s, which was not asked for" % coding)

    def _refusal(self, response: "Any") -> RemoteError:
        location = response.getheader("Location")
        if 300 <= response.status < 400 and location:
            return TransportError("HTTP %d: redirected to %s, and redirects are not followed: the token goes to the "
                                  "named server only" % (response.status, location), hint="name the right --server")
        body = self._error_body(response)
        html = "html" in response.getheader("Content-Type", "").lower() or body.lstrip()[:1] == b"<"
        return APIError(response.status, response.reason, problem_of(body), API_HINT if html else "",
                        retry_after(response.getheader("Retry-After"), time.time()))

    def _error_body(self, response: "Any") -> bytes:
        """What comes of an error's body within one timeout, at most 64 KiB."""
        from http.client import HTTPException
        body = b""
        self.deadlines.begin("the error's body")
        try:
            while len(body) < ERROR_BODY_LIMIT:
                piece = response.read1(ERROR_BODY_LIMIT - len(body))
                if not piece:
                    break
                body += piece
        except (OSError, HTTPException, ValueError, Silence):       # ValueError: see _slice
            pass
        return body

    def _slices(self, response: "Any") -> "Iterator[bytes]":
        """The body as it arrives; the connection is kept if it was read to its announced end."""
        whole, channel = False, self._channel
        try:
            while True:
                piece = self._slice(response)
                if not piece:
                    break
                yield piece
            if response.length:
                raise BodyCut("the body ended short of what was announced; bytes missing: %d" % response.length)
            whole = not response.will_close
            response.close()    # before 3.13 a response stays open after its last byte, and the next one is refused
        finally:
            if not whole and self._channel is channel:      # an abandoned body may be finalized late
                self.close()

    def _slice(self, response: "Any") -> bytes:
        from http.client import HTTPException
        self.deadlines.begin("the next piece of the body", extends=True)
        try:
            return bytes(response.read1(SLICE))
        except (OSError, HTTPException, ValueError) as error:       # ValueError: a negative chunk size on 3.6
            raise BodyCut("the connection was lost within the body" +
                          (": " + error_text(error) if isinstance(error, OSError) else ""))


# ----------------------------------------------------------------------------------------------- Wire model

BLANKS = re.compile("[ \t\n\r]*")
NUMBER = re.compile("[-+.eE0-9]*")


def read_float(literal: str) -> float:
    """A JSON number with a fraction or an exponent. MalformedBody for one that no double can hold."""
    value = float(literal)
    if len(literal) > NUMBER_LIMIT or value in (float("inf"), float("-inf")):
        raise MalformedBody("the body holds a number that is too large: %.20s..." % literal)
    return value


def read_integer(literal: str) -> int:
    """A JSON integer, judged as a double before the slow conversion of a long one begins."""
    if len(literal) > 300:
        read_float(literal)
    return int(literal)


def refuse_constant(literal: str) -> None:
    """NaN and Infinity, which json reads and RFC 8259 does not know."""
    raise MalformedBody("the body holds %s, which is no JSON" % literal)


class JSONText:
    """The text of one JSON document (RFC 8259), taken from byte slices only as far as it is needed.

    json's own decoder does every value; this only sees to it that the value is all there. Raises MalformedBody,
    with the place in characters from the start of the body, and BodyCut where the text ends within a value.
    """

    def __init__(self, slices: "Iterable[bytes]") -> None:
        import codecs
        import json
        self._slices = iter(slices)
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._scan = json.JSONDecoder(parse_float=read_float, parse_int=read_integer,
                                      parse_constant=refuse_constant).raw_decode
        self._text = ""         # what is held of the document; everything before _at has been taken
        self._at = 0
        self._before = 0        # characters before _text
        self._ended = False
        self._fault = None      # type: Optional[RemoteError]

    def malformed(self, expected: str) -> MalformedBody:
        """The error for what stands at the present place."""
        found = self._text[self._at:self._at + 1]
        if not found:
            return BodyCut("the body ends at character %d, expected %s" % (self._before + self._at, expected))
        return MalformedBody("the body is malformed at character %d: expected %s, found %s"
                             % (self._before + self._at, expected, found))

    def _arrival(self) -> str:
        """The text of the next slice, empty only at the end."""
        while not self._ended:
            if self._fault:
                raise self._fault
            piece = next(self._slices, b"")
            self._ended = not piece
            try:
                text = self._decode(piece, self._ended)
            except UnicodeDecodeError as error:
                text = error.object[:error.start].decode("utf-8")       # what came before counts
                self._fault, self._ended = MalformedBody("the body holds bytes that are no UTF-8"), False
            if text:
                return text
        return ""

    def _grow(self, least: int) -> None:
        """Hold at least so many characters more, unless the document ends before."""
        pieces, grown = [self._text[self._at:]], 0
        while grown < least and not self._ended:
            try:
                pieces.append(self._arrival())
            except RemoteError as error:
                self._fault = error         # met again when more is asked for; what came before it counts
                if not grown:
                    raise
                break
            grown += len(pieces[-1])
        self._before += self._at
        self._text, self._at = "".join(pieces), 0

    def peek(self) -> str:
        """The next character that is no blank, without taking it; empty at the end."""
        while True:
            found = self._text[self._at:self._at + 1]
            if found > " ":
                return found        # as nearly always
            self._at = BLANKS.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text) or self._ended:
                return self._text[self._at:self._at + 1]
            self._grow(1)

    def take(self, choices: str) -> str:
        """Take the next character that is no blank; it must be one of the choices."""
        found = self.peek()
        if not found or found not in choices:
            raise self.malformed(" or ".join(choices))
        self._at += 1
        return found

    def value(self) -> "Any":
        """Take one whole value."""
        is_object = self.peek() == "{"
        while True:
            if is_object and not self._ended and self._text.find("}", self._at) < 0:
                self._await_more()      # surely cut: json need not scan it to find that out
                continue
            try:
                value, end = self._scan(self._text, self._at)
            except RecursionError:
                raise MalformedBody("the body is nested too deeply after character %d" % (self._before + self._at))
            except ValueError as error:
                self._judge_shortage(error)
            else:
                if self._ended or not self._may_go_on(end):
                    self._at = end
                    return value
            self._await_more()

    def _may_go_on(self, end: int) -> bool:
        """Whether the value is a number that touches the end of what is held: more of it may come."""
        return self._text[end - 1].isdigit() and \
            NUMBER.match(self._text, end).end() == len(self._text)  # type: ignore[union-attr]

    def _judge_shortage(self, error: ValueError) -> None:
        """Raise unless more text can mend the value.

        A fault well before the end of what is held is final, but for an unterminated string, whose place is its
        opening quote. What is cut may be an escape or a literal, 12 characters at the most.
        """
        place = getattr(error, "pos", self._at)
        reason = "at character %d: %s" % (self._before + place, getattr(error, "msg", error))
        if place < len(self._text) - 12 and "Unterminated" not in reason:
            raise MalformedBody("the body is malformed " + reason)
        if self._ended:
            raise BodyCut("the body ends early or is malformed " + reason)

    def _await_more(self) -> None:
        """A quarter more than is held, so that trying again costs a few times the value's length at most."""
        held = len(self._text) - self._at
        if held > VALUE_LIMIT:
            raise MalformedBody("the body holds a value of more than %d MiB" % (VALUE_LIMIT >> 20))
        self._grow(min(max(1, held // 4), VALUE_LIMIT + 1 - held))


def entries(text: JSONText, end: str) -> "Iterator[None]":
    """Stand before each entry of an object or an array in turn; its closing bracket is taken last."""
    if text.peek() == end:
        text.take(end)
        return
    while True:
        yield
        if text.take("," + end) == end:
            return


def member_name(text: JSONText) -> str:
    """Take a member's name and its colon."""
    if text.peek() != '"':
        raise text.malformed("a member's name")
    name = text.value()
    text.take(":")
    return str(name)


def elements(text: JSONText, array: str) -> "Iterator[Event]":
    """The events of a list of objects, one element at a time."""
    text.take("[")
    yield "begin", array, None
    for number, _ in enumerate(entries(text, "]")):
        value = text.value()
        if not isinstance(value, dict):
            raise MalformedBody("%s[%d]: expected an object" % (array, number))
        yield "element", array, value
    yield "end", array, None


def framed_member(name: str, value: "Any", array: str) -> "Any":
    """The value of a member, judged if it belongs to the frame."""
    if name == array and value is not None:
        raise MalformedBody("%s: expected a list" % name)
    if name == "next_cursor" and not isinstance(value, (str, type(None))):
        raise MalformedBody("next_cursor: expected a string")
    return value


def document(slices: "Iterable[bytes]", array: str) -> "Iterator[Event]":
    """The events (kind, name, value) of a body that is one object, whose member `array` is a list of objects.

    `("open", "", None)` once; then for each member in wire order `("member", name, value)`, but for a list
    `array` `("begin", array, None)`, `("element", array, object)` one at a time, `("end", array, None)`. Raises
    MalformedBody where the frame is not as section 4 of the contract has it; what is inside is not judged.
    """
    text = JSONText(slices)
    if text.peek() != "{":
        error = text.malformed("a JSON object")
        error.hint = API_HINT if text.peek() == "<" else ""
        raise error
    text.take("{")
    yield "open", "", None
    seen = set()        # type: set[str]
    for _ in entries(text, "}"):
        name = member_name(text)
        if name in (array, "next_cursor"):
            if name in seen:
                raise MalformedBody('the body has "%s" twice' % name)
            seen.add(name)
        if name == array and text.peek() == "[":
            yield from elements(text, array)
        else:
            yield "member", name, framed_member(name, text.value(), array)
    if text.peek():
        raise text.malformed("nothing after the value")


UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def canonical_uuid(text: str) -> str:
    """The canonical lower-case spelling of a UUID in one of the four that Go's uuid.Parse takes. ValueError."""
    inner = text
    if len(text) == 32:
        inner = "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])
    elif text[:9].lower() == "urn:uuid:":
        inner = text[9:]
    elif text[:1] + text[-1:] == "{}":
        inner = text[1:-1]
    if not UUID.fullmatch(inner):
        raise ValueError("expected a UUID, as in 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10")
    return inner.lower()


TEXT_TYPES = {str, type(None)}


def optional_text(wire: "Mapping[str, Any]", name: str, where: str) -> "Optional[str]":
    """A member that is a string, null or absent. MalformedBody for any other type."""
    value = wire.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedBody("%s: expected a string" % (where + name))
    return value


class OutputRef(namedtuple("OutputRef", "kind data bucket key sha256 fault")):
    """What is known of a target's output (contract section 4).

    kind `inline`: `data` holds the bytes. kind `object_store`: `bucket`, `key` and `sha256` (a string, perhaps no
    digest at all, or None) tell where it is archived. kind `none`: there is no output. kind `unreadable`: `fault`
    says why it cannot be told.
    """
    __slots__ = ()

    def __new__(cls, kind: str, data: bytes = b"", bucket: str = "", key: str = "",
                sha256: "Optional[str]" = None, fault: str = "") -> "OutputRef":
        return super().__new__(cls, kind, data, bucket, key, sha256, fault)

    @property
    def location(self) -> str:
        """BUCKET/KEY of an archived output."""
        return "%s/%s" % (self.bucket, self.key)

    @property
    def digest(self) -> "Optional[str]":
        """The 64 lower-case hex digits of sha256, None where it holds no such thing."""
        return self.sha256.lower() if self.sha256 and re.fullmatch("[0-9A-Fa-f]{64}", self.sha256) else None


NO_OUTPUT = OutputRef("none")


def decode_base64(text: str) -> bytes:
    """The bytes of standard base64 with exact padding (RFC 4648, 4). ValueError for anything else.

    a2b_base64 skips what is not of the alphabet, and whatever follows the padding, so the length of what it
    returns tells whether it met any of that.
    """
    from binascii import a2b_base64
    data = a2b_base64(text)
    padding = 2 if text.endswith("==") else 1 if text.endswith("=") else 0
    if len(text) % 4 or len(data) != len(text) // 4 * 3 - padding:
        raise ValueError("no standard base64 with exact padding")
    return data


def inline_output(wire: "Mapping[str, Any]") -> OutputRef:
    """An output that came along; `inline_bytes` is absent when it is empty."""
    encoded = wire.get("inline_bytes")
    if not isinstance(encoded, (str, type(None))):
        return OutputRef("unreadable", fault="inline_bytes: expected a string")
    try:
        return OutputRef("inline", decode_base64(encoded or ""))
    except ValueError as error:     # binascii.Error is one
        return OutputRef("unreadable", fault="inline_bytes: %s" % error)


def archived_output(wire: "Mapping[str, Any]") -> OutputRef:
    """An output that went to the object store."""
    for name in ("bucket", "key"):
        if not isinstance(wire.get(name), str) or not wire[name]:
            return OutputRef("unreadable", fault="%s: expected a string that is not empty" % name)
    sha256 = wire.get("sha256")
    if not isinstance(sha256, (str, type(None))):
        return OutputRef("unreadable", fault="sha256: expected a string")
    return OutputRef("object_store", bucket=wire["bucket"], key=wire["key"], sha256=sha256 or None)


def output_of(wire: "Any") -> OutputRef:
    """The OutputRef for a target's `output_ref`. Anything wrong in it makes it unreadable, and raises nothing."""
    if wire is None:
        return NO_OUTPUT
    if not isinstance(wire, dict):
        return OutputRef("unreadable", fault="output_ref: expected an object")
    if wire.get("kind") == "inline":
        return inline_output(wire)
    if wire.get("kind") == "object_store":
        return archived_output(wire)
    kind = wire.get("kind")
    return OutputRef("unreadable", fault="kind: %s" % (
        'unknown: "%s"' % visible(kind) if isinstance(kind, str) else "expected a string"))


class ExecutionTarget(namedtuple("ExecutionTarget", "node_id status created_at updated_at output_ref")):
    """One machine of an Execution; strings, or None where the server left them out, and an OutputRef."""
    __slots__ = ()

    @classmethod
    def from_wire(cls, wire: "Mapping[str, Any]") -> "ExecutionTarget":
        """From the wire object. MalformedBody for a wrong type outside of output_ref."""
        node_id = optional_text(wire, "node_id", "a target's ")
        status = optional_text(wire, "status", "target %s: " % framed(node_id))
        return cls(node_id, status, wire.get("created_at"), wire.get("updated_at"), output_of(wire.get("output_ref")))


class TargetCount:
    """How many targets there are and how many of them succeeded."""

    def __init__(self) -> None:
        self.succeeded = self.total = 0

    def add(self, wire: "Mapping[str, Any]") -> None:
        """Count one target. MalformedBody for a status that is no string."""
        if wire.get("status") == "succeeded":
            self.succeeded += 1
        else:
            optional_text(wire, "status", "targets[%d]: " % self.total)
        self.total += 1


def count_targets(targets: "Any") -> TargetCount:
    """The count over an Execution's `targets`, which may be None."""
    count = TargetCount()
    if not isinstance(targets, (list, type(None))):
        raise MalformedBody("targets: expected a list")
    for wire in targets or ():
        if not isinstance(wire, dict):
            raise MalformedBody("targets: expected objects")
        count.add(wire)
    return count


class Execution(namedtuple("Execution", "id action type status created_at updated_at project_id domain_id "
                                        "succeeded total")):
    """One run of an action: its texts, None where the server left one out, and the count of its targets.

    project_id and domain_id are not shown, so they are as they came, whatever their type.
    """
    __slots__ = ()
    SHOWN = ("id", "action", "type", "status", "created_at", "updated_at")
    MEMBERS = SHOWN + ("project_id", "domain_id")

    @classmethod
    def from_wire(cls, wire: "Mapping[str, Any]", count: "Optional[TargetCount]" = None) -> "Execution":
        """From the wire object, whose targets are counted unless their count is given. MalformedBody."""
        count = count or count_targets(wire.get("targets"))
        values = [wire.get(name) for name in cls.MEMBERS]
        if not TEXT_TYPES.issuperset(map(type, values[:len(cls.SHOWN)])):
            for name in cls.SHOWN:
                optional_text(wire, name, "execution %s: " % visible(str(wire.get("id"))))
        return cls._make(values + [count.succeeded, count.total])


# ----------------------------------------------------------------------------------------------- Operations

def executions_path(project: str) -> str:
    """The path of a Project's Executions; `project` is a canonical UUID."""
    return "/v1/projects/%s/executions" % project


def page_events(transport: Transport, project: str, filters: "Sequence[Tuple[str, str]]",
                cursor: "Any") -> "Iterator[Event]":
    """The events of one page of Executions; one without `items` is malformed."""
    parameters = list(filters) + [("cursor", cursor or "")]
    found = False
    for event in document(transport.get(executions_path(project), parameters), "items"):
        found = found or event[1] == "items"
        yield event
    if not found:
        raise MalformedBody("the answer has no items", hint=API_HINT)


def execution_events(transport: Transport, project: str, execution_id: str) -> "Iterator[Event]":
    """The events of one Execution with its targets; one without a string `id` is malformed."""
    found = False
    for event in document(transport.get("%s/%s" % (executions_path(project), execution_id)), "targets"):
        kind, name, value = event
        if kind == "member" and name == "id":
            found = isinstance(value, str)
            if not found:
                break
        yield event
    if not found:
        raise MalformedBody("the answer has no id", hint=API_HINT)


def sendable(cursor: str) -> bytes:
    """The bytes of a cursor that the server named. MalformedBody for one that has none."""
    try:
        return cursor.encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedBody("next_cursor holds half a surrogate pair, which cannot be sent back")


class CycleCheck:
    """Sees that a cursor comes again, whatever the length of the cycle, holding one of them (Brent 1980)."""

    def __init__(self) -> None:
        self._kept = None       # type: Optional[str]
        self._steps, self._power = 0, 1

    def add(self, cursor: str) -> None:
        """RemoteError for a cursor that was seen before; at the latest when the cycle has come round twice."""
        if cursor == self._kept:
            raise RemoteError("the server's cursors go round in a circle: %s came again" % cursor)
        self._steps += 1
        if self._steps == self._power:
            self._kept, self._steps, self._power = cursor, 0, self._power * 2


def every_page(transport: Transport, project: str, filters: "Sequence[Tuple[str, str]]",
               cursor: "Any" = "") -> "Iterator[Event]":
    """The events of all pages from the cursor on, as of one document that has `items` alone.

    `("page", "items", cursor)` stands between two pages, with the cursor of the second.
    """
    cycle, opened = CycleCheck(), False
    while True:
        following = ""
        for event in page_events(transport, project, filters, cursor):
            kind, name, value = event
            if kind == "element":
                yield event
            elif name == "next_cursor":
                following = value or ""
            elif kind == "open" and not opened:
                opened = True
                yield event
                yield "begin", "items", None
        if not following:
            break
        cursor = sendable(following)
        yield "page", "items", following
        cycle.add(following)
    yield "end", "items", None


def list_executions(transport: Transport, project: str, status: str = "", action_name: str = "",
                    cursor: str = "", limit: int = 0) -> "Iterator[Execution]":
    """Every Execution of a Project (a canonical UUID) from the cursor on, page after page, as records.

    Raises RemoteError; what was yielded before is whole.
    """
    filters = [("status", status), ("action_name", action_name), ("limit", str(limit or ""))]
    for kind, _, value in every_page(transport, project, filters, cursor):
        if kind == "element":
            yield Execution.from_wire(value)


def get_execution(transport: Transport, project: str, execution_id: str) -> "Iterator[Any]":
    """Each ExecutionTarget of one Execution as it arrives, in wire order, and the Execution itself last.

    One target is held at a time. Raises RemoteError.
    """
    wire, count = {}, TargetCount()     # type: Dict[str, Any], TargetCount
    for kind, name, value in execution_events(transport, project, execution_id):
        if kind == "element":
            count.add(value)
            yield ExecutionTarget.from_wire(value)
        elif kind == "member":
            wire[name] = value
    yield Execution.from_wire(wire, count)


def execution_status(transport: Transport, project: str, execution_id: str) -> "Optional[str]":
    """The Execution's present status. The body is read only until both id and status are known, its targets may
    be many; the connection is given up for that."""
    known = {}      # type: Dict[str, Any]
    for kind, name, value in execution_events(transport, project, execution_id):
        if kind == "member" and name in ("id", "status"):
            known[name] = value
        if len(known) == 2:
            break
    transport.close()
    return optional_text(known, "status", "")


class Waiter:
    """Asks for an Execution's status until it is final (contract section 9).

    `changed(status)` is told each status that was answered, `say` each fault that is waited out; `seconds` bounds
    it all, None for no bound.
    """

    def __init__(self, transport: Transport, changed: "Callable[[Optional[str]], None]" = ignore,
                 say: "Say" = ignore, seconds: "Optional[float]" = None) -> None:
        self._transport = transport
        self._changed, self._say = changed, say
        self._end = None if seconds is None else transport.clock() + seconds
        self.status = None      # type: Optional[str]
        self._answered = False

    def wait(self, project: str, execution_id: str) -> str:
        """The final status. WaitExpired past the bound; RemoteError for what waiting does not mend."""
        transport, pauses = self._transport, self._transport.retry_pauses
        transport.deadlines.limit = self._end
        try:
            return self._poll(project, execution_id)
        except WaitExpired:
            last = "the last status was %s" % framed(self.status) if self._answered else "no status was answered"
            raise WaitExpired("--wait-timeout passed; " + last)
        finally:
            transport.deadlines.limit, transport.retry_pauses = None, pauses

    def _poll(self, project: str, execution_id: str) -> str:
        pause = POLL_PAUSE
        while True:
            asked_for = self._ask(project, execution_id)
            if self.status in FINAL_STATUSES:
                return str(self.status)
            self._transport.rest(max(pause, asked_for))
            pause = min(pause * POLL_GROWTH, LONGEST_POLL_PAUSE)

    def _ask(self, project: str, execution_id: str) -> float:
        """One question. The seconds that the server asked to be left alone, 0 for none."""
        try:
            self.status = execution_status(self._transport, project, execution_id)
        except RemoteError as error:
            if not (self._answered and error.waited_out):
                raise
            self._transport.close()
            self._say("retry", error.message)
            return error.retry_after or 0.0
        self._answered, self._transport.retry_pauses = True, ()     # from now on every fault gets the same pause
        self._changed(self.status)
        return 0.0


def wait_for_execution(transport: Transport, project: str, execution_id: str,
                       seconds: "Optional[float]" = None) -> str:
    """The final status of an Execution, waited for. WaitExpired after `seconds`; RemoteError."""
    return Waiter(transport, seconds=seconds).wait(project, execution_id)


# ------------------------------------------------------------------------------------------------ Rendering

class Form:
    """An output form: takes the events of the Wire model that it has a method for, and writes bytes.

    `finish(held)` ends a whole document, `held` being the members that were kept for its end; `break_off(cursor)`
    ends one that failed, with the cursor that resumes or None. exit_code is that of a run in which nothing else fails.
    """

    exit_code = 0

    def __init__(self, write: "Callable[[bytes], None]", say: "Say", terminal: bool, colour: bool) -> None:
        self.write = write
        self.say = say
        self.terminal = terminal
        self.colour = colour

    def finish(self, held: "Dict[str, Any]") -> None:
        """The document is whole."""

    def break_off(self, cursor: "Optional[str]") -> None:
        """The document will never be whole."""


# ---- json, jsonl, yaml

TOO_DEEP = "the body is nested too deeply to be printed"


def json_encoder(indent: "Optional[int]") -> "Callable[[Any], str]":
    """json's encoder, pure ASCII. MalformedBody for what is nested deeper than it bears."""
    import json
    encode = json.JSONEncoder(indent=indent, separators=(",", ": " if indent else ":")).encode

    def encoded(value: "Any") -> str:
        try:
            return encode(value)
        except RecursionError:
            raise MalformedBody(TOO_DEEP)
    return encoded


class DocumentForm(Form):
    """What the forms share that write the wire document as it is."""

    CLOSING = INCOMPLETE = b""
    list_name = ""              # of the open list

    def member(self, name: str, value: "Any") -> None:
        """A member of the document."""

    def end(self, name: str, value: None) -> None:
        """The streamed list ends."""

    def finish(self, held: "Dict[str, Any]") -> None:
        for name, value in held.items():
            self.member(name, value)
        self.write(self.CLOSING)

    def break_off(self, cursor: "Optional[str]") -> None:
        if cursor is None:
            self.write(self.INCOMPLETE)
            return
        if self.list_name:
            self.end(self.list_name, None)
        self.finish({"next_cursor": cursor})


class JSONForm(DocumentForm):
    """The wire document, indented by 2; one that breaks off is left open, so that no parser takes it for whole."""

    CLOSING = b"\n}\n"

    def __init__(self, *args: "Any") -> None:
        super().__init__(*args)
        self._encode = json_encoder(2)
        self._separator = "\n  "    # before the next member
        self._empty_list = True

    def _write(self, text: str) -> None:
        self.write(text.encode("ascii"))

    def _add(self, name: str, text: str) -> None:
        self._write("%s%s: %s" % (self._separator, self._encode(name), text))
        self._separator = ",\n  "

    def open(self, name: str, value: None) -> None:
        self._write("{")

    def member(self, name: str, value: "Any") -> None:
        self._add(name, self._encode(value).replace("\n", "\n  "))

    def begin(self, name: str, value: None) -> None:
        self._add(name, "[")
        self.list_name, self._empty_list = name, True

    def element(self, name: str, value: "Dict[str, Any]") -> None:
        lead = "\n    " if self._empty_list else ",\n    "
        self._write(lead + self._encode(value).replace("\n", "\n    "))
        self._empty_list = False

    def end(self, name: str, value: None) -> None:
        self._write("]" if self._empty_list else "\n  ]")
        self.list_name = ""


class JSONLinesForm(Form):
    """One compact object of the streamed list a line; the cursor goes to standard error."""

    def __init__(self, *args: "Any") -> None:
        super().__init__(*args)
        self._encode = json_encoder(None)

    def element(self, name: str, value: "Dict[str, Any]") -> None:
        self.write(self._encode(value).encode("ascii") + b"\n")

    def finish(self, held: "Dict[str, Any]") -> None:
        self.break_off(held.get("next_cursor"))

    def break_off(self, cursor: "Optional[str]") -> None:
        if cursor:
            self.say("next_cursor", cursor)


YAML_ESCAPED = '[^ !#-\\[\\]-~]'
YAML_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
YAML_PLAIN_KEY = "[a-z][a-z_]{0,63}"
YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
LONGEST_YAML_KEY = 1000     # characters; YAML 1.2.2, 7.4.2 ends implicit keys at 1,024


def yaml_string(text: str) -> str:
    """A double-quoted scalar in ASCII: the one style that no loader of YAML 1.1 or 1.2 takes for another type."""
    def escape(match: "Any") -> str:
        return YAML_SHORT_ESCAPES.get(match.group(), escaped(match.group()))

    return '"%s"' % re.sub(YAML_ESCAPED, escape, text)


def yaml_scalar(value: "Any") -> str:
    """Any value that takes one line, empty collections included."""
    if isinstance(value, str):
        return yaml_string(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float):
        text = repr(value)      # YAML 1.1 wants the dot that Python leaves out of 1e+22
        return text if "." in text else text.replace("e", ".0e")
    return "{}" if isinstance(value, dict) else "[]" if isinstance(value, list) else str(value)


def yaml_key(name: str, pad: str) -> str:
    """A key and its colon; `? KEY` on a line of its own where it is too long for an implicit one."""
    plain = re.fullmatch(YAML_PLAIN_KEY, name) and name not in YAML_WORDS
    key = name if plain else yaml_string(name)
    return key + ":" if len(key) <= LONGEST_YAML_KEY else "? %s\n%s:" % (key, pad)


def yaml_node(value: "Any", pad: str) -> str:
    """The block form of a value: its first line as it is, all others after `pad`. RecursionError.

    One frame a level, since 500 levels must pass.
    """
    deeper = pad + "  "
    lines = []
    if isinstance(value, dict):
        for name, inner in value.items():
            lead = "\n" + deeper if inner and isinstance(inner, (dict, list)) else " "
            lines.append(yaml_key(name, pad) + lead + yaml_node(inner, deeper))
    elif isinstance(value, list):
        for inner in value:
            lines.append("- " + yaml_node(inner, deeper))
    return ("\n" + pad).join(lines) or yaml_scalar(value)


class YAMLForm(DocumentForm):
    """The wire document in block style, ASCII."""

    INCOMPLETE = b"# incomplete\n"

    def __init__(self, *args: "Any") -> None:
        super().__init__(*args)
        self._empty_list = True

    def _write(self, value: "Any", pad: str, lead: str = "") -> None:
        try:
            text = lead + yaml_node(value, pad)
        except RecursionError:
            raise MalformedBody(TOO_DEEP)
        self.write(text.encode("ascii") + b"\n")

    def member(self, name: str, value: "Any") -> None:
        self._write({name: value}, "")

    def begin(self, name: str, value: None) -> None:
        self.list_name, self._empty_list = name, True

    def element(self, name: str, value: "Dict[str, Any]") -> None:
        if self._empty_list:
            self.write(name.encode("ascii") + b":\n")
        self._empty_list = False
        self._write(value, "    ", "  - ")

    def end(self, name: str, value: None) -> None:
        if self._empty_list:
            self.member(name, [])
        self.list_name = ""


# ---- text

COLUMNS = ("ID", "STATUS", "TYPE", "TARGETS", "CREATED_AT", "UPDATED_AT", "ACTION")
BOLD = "1"
STATUS_COLOURS = {"succeeded": "32", "failed": "31", "timeout": "31", "cancelled": "33", "started": "36", "ack": "36"}
def painted(text: str, colour: str) -> str:
    """Text in an SGR colour (ECMA-48, 8.3.117), as it is for none."""
    return "\x1b[%sm%s\x1b[0m" % (colour, text) if colour else text


def whole_seconds(at: "Optional[str]") -> str:
    """A timestamp as it came, less the fraction of its second."""
    before, dot, after = (at or "").partition(".")
    return before + after.lstrip("0123456789") if dot and before[-3:-2] == ":" else at or ""


def cells(execution: Execution) -> "List[str]":
    """The cells of an Execution's row. ACTION is last because it alone has no bound, and may hold blanks."""
    row = [execution.id, execution.status, execution.type, "%d/%d" % (execution.succeeded, execution.total),
           whole_seconds(execution.created_at), whole_seconds(execution.updated_at)]
    if not (all(row) and is_plain("".join(row))):       # one look at the row, for there may be a hundred thousand
        row = [framed(cell) for cell in row]
    return row + [visible(execution.action or "-")]


class Table:
    """Rows of Executions below one header; columns grow from batch to batch, and never shrink."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour
        self._widths = [len(name) for name in COLUMNS]
        self._header_due = True

    def lines(self, rows: "List[List[str]]") -> bytes:
        """The rows aligned with each other, the header before them the first time."""
        for column in range(len(COLUMNS) - 1):
            self._widths[column] = max([self._widths[column]] + [len(row[column]) for row in rows])
        line = "".join("%%-%ds  " % width for width in self._widths[:-1]) + "%s\n"
        header = painted((line % COLUMNS)[:-1], BOLD if self._colour else "") + "\n" if self._header_due else ""
        self._header_due = False
        if self._colour:
            for row in rows:
                row[1] = painted(row[1].ljust(self._widths[1]), STATUS_COLOURS.get(row[1], ""))
        return (header + "".join([line % tuple(row) for row in rows])).encode("utf-8")


class TextListForm(Form):
    """A row an Execution; at the end the cursor of the next page."""

    def __init__(self, *args: "Any") -> None:
        super().__init__(*args)
        self._table = Table(self.colour)
        self._rows = []     # type: List[List[str]]

    def element(self, name: str, value: "Dict[str, Any]") -> None:
        self._rows.append(cells(Execution.from_wire(value)))
        if len(self._rows) == TABLE_ROWS:
            self._show_rows()

    def page(self, name: str, value: str) -> None:
        self._show_rows()

    def _show_rows(self) -> None:
        if self._rows:
            self.write(self._table.lines(self._rows))
        self._rows = []

    def _cursor(self, cursor: "Optional[str]") -> None:
        if cursor:
            self.write(("next_cursor: %s\n" % visible(cursor)).encode("utf-8"))

    def finish(self, held: "Dict[str, Any]") -> None:
        self.write(self._table.lines(self._rows))       # with the header, if it is still due
        self._cursor(held.get("next_cursor"))

    def break_off(self, cursor: "Optional[str]") -> None:
        self._show_rows()
        self._cursor(cursor)


class TargetForm(Form):
    """What the forms share that judge each target of an Execution and tell its output."""

    def __init__(self, *args: "Any") -> None:
        super().__init__(*args)
        self._wire = {}     # type: Dict[str, Any]
        self._count = TargetCount()

    def member(self, name: str, value: "Any") -> None:
        if name in Execution.MEMBERS:
            self._wire[name] = value
            if name in Execution.SHOWN:
                optional_text(self._wire, name, "")

    def skip(self, name: str, value: "Dict[str, Any]") -> None:
        """A target that was not asked for; the recap counts it."""
        optional_text(value, "node_id", "a target's ")
        self._count.add(value)

    def element(self, name: str, value: "Dict[str, Any]") -> None:
        self._count.add(value)
        target = ExecutionTarget.from_wire(value)
        output = target.output_ref
        if output.kind == "unreadable":
            self.exit_code = EXIT_FAILURE
            self.say("error", "the output of target %s is unreadable: %s" % (framed(target.node_id), output.fault))
        elif output.sha256 and not output.digest:
            self.say("warning", "the digest of target %s is no SHA-256: %s" % (framed(target.node_id), output.sha256))
        self.target(target, output)

    def target(self, target: ExecutionTarget, output: OutputRef) -> None:
        """Show one target."""

    def recap(self) -> bytes:
        """The header and row that `list` has for the Execution."""
        return Table(self.colour).lines([cells(Execution.from_wire(self._wire, self._count))])


def archived(output: OutputRef) -> str:
    """Where an archived output is, and its digest if it has one."""
    return framed(output.location) + (" (sha256:%s)" % framed(output.sha256) if output.sha256 else "")


class TextGetForm(TargetForm):
    """A section a target, then the recap."""

    _separator = b""

    def _header(self, target: ExecutionTarget, what: str) -> bytes:
        status = framed(target.status)
        if not self.colour:
            return ("==> %s %s %s <==\n" % (framed(target.node_id), status, what)).encode("utf-8")
        coloured = painted(status, STATUS_COLOURS.get(status, BOLD))
        parts = painted("==> %s " % framed(target.node_id), BOLD), coloured, painted(" %s <==" % what, BOLD)
        return ("".join(parts) + "\n").encode("utf-8")

    def target(self, target: ExecutionTarget, output: OutputRef) -> None:
        what, body = {"none": "no output", "object_store": "archived"}.get(output.kind, output.kind), b""
        if output.kind == "inline":
            what, body = "%d bytes" % len(output.data), output.data
            newline = b"" if body.endswith(b"\n") or not body else b"\n"
            body = (terminal_safe(body) if self.terminal else body) + newline
        elif output.kind == "object_store":
            body = ("archived: %s\n" % archived(output)).encode("utf-8")
        self.write(self._separator + self._header(target, what) + body)
        self._separator = b"\n"

    def finish(self, held: "Dict[str, Any]") -> None:
        self.write(self._separator + self.recap())


class RawForm(TargetForm):
    """The bytes of inline outputs, one after the other; what is not among them is named."""

    def target(self, target: ExecutionTarget, output: OutputRef) -> None:
        if output.kind == "inline":
            self.write(terminal_safe(output.data) if self.terminal else output.data)
        elif output.kind == "object_store":
            self.exit_code = EXIT_FAILURE
            self.say("archived", "%s, the output of target %s" % (archived(output), framed(target.node_id)))
        elif output.kind == "none":
            self.say("no output", "target %s" % framed(target.node_id))


# ---- a folder

class OutputFolder:
    """A folder that was missing or empty, and is given new files only. OutputError for anything else."""

    def __init__(self, path: str) -> None:
        self.path = path.rstrip("/") or path
        if os.path.islink(self.path):
            raise OutputError("--output-dir %s is a symbolic link" % path, hint="name the folder itself")
        self._descriptor = None     # type: Optional[int]
        try:
            self._make()
            occupied = os.listdir(self.path if self._descriptor is None else self._descriptor)
        except (OSError, ValueError) as error:
            raise OutputError("--output-dir %s: %s" % (path, error_text(error)))
        if occupied:
            self.close()
            raise OutputError("--output-dir %s is not empty" % path, hint="name a folder that does not exist yet")

    def _make(self) -> None:
        try:
            os.mkdir(self.path, 0o700)
        except FileExistsError:
            pass
        if os.open in os.supports_dir_fd:       # names are looked up in this very folder, whatever becomes of its path
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)

    def close(self) -> None:
        """Let go of the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def write(self, name: str, data: bytes) -> None:
        """A new file, readable by its owner only."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        path = os.path.join(self.path, name)
        try:
            where = path if self._descriptor is None else name
            with open(os.open(where, flags, 0o600, dir_fd=self._descriptor), "wb") as file:
                file.write(data)
        except OSError as error:
            raise OutputError("cannot write %s: %s" % (path, error_text(error)))


def checksum_line(digest: str, name: str) -> str:
    """A line as sha256sum writes and checks it: names with a backslash or a line end are escaped and marked."""
    plain = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "%s%s  %s\n" % ("\\" if plain != name else "", digest, plain)


def unsafe_name(name: str) -> str:
    """Why sha256sum must not be given the name of an archived object to look for; empty if it may."""
    if name.startswith("/") or ".." in name.split("/"):
        return "it leads out of the folder"
    return "no file can have it" if "\0" in name or re.search("[\ud800-\udfff]", name) else ""


class FolderForm(TargetForm):
    """A file for each inline output, checksums, and lists of nodes by how they ended; the recap goes to stdout.

    Holds some 200 bytes for each target, and the outputs one at a time.
    """

    def __init__(self, folder: OutputFolder, *args: "Any") -> None:
        super().__init__(*args)
        self._folder = folder
        self._sums, self._archived = [], []                             # type: List[str], List[str]
        self._nodes = {"succeeded": [], "failed": [], "unfinished": []}  # type: Dict[str, List[str]]
        self._seen = set()                                              # type: set[str]

    def target(self, target: ExecutionTarget, output: OutputRef) -> None:
        node = (target.node_id or "").lower()
        if node in self._seen or not UUID.fullmatch(node):
            self.exit_code = EXIT_FAILURE
            why = "came before" if node in self._seen else "is no UUID"
            self.say("error", "target %s is left out: its node id %s" % (framed(target.node_id), why))
            return
        self._seen.add(node)
        ended = "failed" if target.status in FINAL_STATUSES else "unfinished"
        self._nodes["succeeded" if target.status == "succeeded" else ended].append(node + "\n")
        if output.kind == "inline":
            self._save(node + ".out", output.data)
        elif output.kind == "object_store":
            self._list_archived(node, output)

    def _save(self, name: str, data: bytes) -> None:
        from hashlib import sha256
        self._folder.write(name, data)
        self._sums.append(checksum_line(sha256(data).hexdigest(), name))

    def _list_archived(self, node: str, output: OutputRef) -> None:
        reason = unsafe_name(output.location)
        if reason:
            self.say("warning", "the archived output of target %s is left out of ARCHIVED.sha256: %s: %s"
                     % (node, visible(output.location), reason))
        elif output.digest:
            self._archived.append(checksum_line(output.digest, output.location))
        elif not output.sha256:
            self.say("warning", "the archived output of target %s has no digest: %s" % (node, archived(output)))

    def finish(self, held: "Dict[str, Any]") -> None:
        self._folder.write("SHA256SUMS", "".join(self._sums).encode("ascii"))
        self._folder.write("ARCHIVED.sha256", "".join(self._archived).encode("utf-8"))
        for name, nodes in self._nodes.items():
            if nodes or name != "unfinished":
                self._folder.write("nodes." + name, "".join(nodes).encode("ascii"))
        self._folder.close()
        self.write(self.recap())

    def break_off(self, cursor: "Optional[str]") -> None:
        self._folder.close()


LIST_FORMS = {"text": TextListForm, "json": JSONForm, "yaml": YAMLForm, "jsonl": JSONLinesForm}
GET_FORMS = dict(LIST_FORMS, text=TextGetForm, raw=RawForm)


# --------------------------------------------------------------------------------------------- Command line

EVERY_COMMAND = ("list", "get", "completion")
SHELLS = ("bash", "zsh", "fish")
USAGE = {       # the lines of each
    "list": (PROGRAM + " [flags] [exec-log] list --project UUID [--status S] [--action-name N]",
             "    [--cursor C | --all] [--limit N]"),
    "get": (PROGRAM + " [flags] [exec-log] get --project UUID --id UUID [--node UUID]",
            "    [--wait [--wait-timeout SECONDS]] [--exit-status] [--output-dir DIR]"),
    "completion": (PROGRAM + " completion bash|zsh|fish",),
    "": (PROGRAM + " --version | --help",),
}
SUMMARIES = {
    "list": "Show the Executions of a Project, newest first as the server has them.",
    "get": "Show one Execution and what each of its targets printed.",
    "completion": "Print a completion script for a shell.",
    "": "Read the history of plexsphere actions: what ran, where, and what it printed.",
}


# ---- what a flag's value may be; ValueError says what was expected

def any_text(text: str) -> str:
    """Anything that can be sent as the bytes the shell gave."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ValueError("expected text that has bytes in the file system's encoding")
    return text


def some_text(text: str) -> str:
    """Anything but nothing: an unset shell variable must not choose another credential."""
    if not text:
        raise ValueError("expected a value that is not empty")
    return text


def row_limit(text: str) -> str:
    """Digits, empty for 0: the server's default."""
    if not re.fullmatch("[0-9]+", text):
        raise ValueError("expected a whole number of rows, 0 for the server's default")
    return text.lstrip("0")


def seconds(text: str) -> float:
    """A positive number of seconds, a day at most."""
    number = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", text) else 0.0
    if not 0 < number <= LONGEST_TIMEOUT:
        raise ValueError("expected seconds, more than 0 and %d at most" % LONGEST_TIMEOUT)
    return number


# value: the placeholder of its value, empty for a switch. choices: by command where they differ.
Flag = namedtuple("Flag", "name value commands convert choices required text")


def flag(name: str, value: str, text: str, commands: "Sequence[str]" = EVERY_COMMAND,
         convert: "Callable[[str], Any]" = some_text, choices: "Any" = None, required: bool = False) -> Flag:
    """A row of FLAGS."""
    return Flag(name, value, commands, convert, choices, required, text)


OUTPUTS = {"list": tuple(LIST_FORMS), "get": tuple(GET_FORMS), "completion": tuple(GET_FORMS), "": tuple(GET_FORMS)}
FLAGS = (
    flag("--project", "UUID", "the Project", ("list", "get"), canonical_uuid, required=True),
    flag("--id", "UUID", "the Execution", ("get",), canonical_uuid, required=True),
    flag("--node", "UUID", "only the target with this node id", ("get",), canonical_uuid),
    flag("--status", "STATUS", "only Executions with this status: " + ", ".join(STATUSES), ("list",), any_text),
    flag("--action-name", "NAME", "only Executions of this action", ("list",), any_text),
    flag("--cursor", "CURSOR", "the page to show: the next_cursor of the page before", ("list",), any_text),
    flag("--all", "", "all pages, not with --cursor", ("list",)),
    flag("--limit", "N", "Executions on a page, 0 for the server's default", ("list",), row_limit),
    flag("--wait", "", "wait until the Execution's status is final", ("get",)),
    flag("--wait-timeout", "SECONDS", "give up waiting after so long (with --wait)", ("get",), seconds),
    flag("--exit-status", "", "exit 5 unless the Execution succeeded", ("get",)),
    flag("--output-dir", "DIR", "a file for each inline output, checksums and lists of nodes, in a new folder",
         ("get",)),
    flag("--server", "URL", "the control plane (else PLEXSPHERE_URL, then the profile)"),
    flag("--profile", "NAME", "the profile of the config file (else its default)"),
    flag("--token-file", "PATH", "a file or pipe with the token (else PLEXSPHERE_TOKEN, then the profile)"),
    flag("--output", "FORM", "the form of the output", convert=str, choices=OUTPUTS),
    flag("--ca-file", "PATH", "PEM file of the CAs to trust instead of the system's"),
    flag("--timeout", "SECONDS", "the longest silence of the server (default 30)", convert=seconds),
    flag("--color", "WHEN", "statuses and headers in colour", convert=str, choices=("auto", "always", "never")),
    flag("--allow-http", "", "send the token over plain http to another host (or PLEXSPHERE_ALLOW_HTTP=1)"),
    flag("--yes", "", "accepted, no effect: nothing here asks"),
    flag("--reveal-secrets", "", "accepted, no effect: nothing here is hidden"),
    flag("--verbose", "", "trace requests and responses on standard error (also -v)"),
)
DEFAULTS = {"--output": "text", "--timeout": DEFAULT_TIMEOUT, "--color": "auto"}
SHORT_FLAGS = {"-v": "--verbose", "-h": "--help"}
VALUE_FLAGS = tuple(row.name for row in FLAGS if row.value)
OPAQUE_FLAGS = ("--cursor", "--action-name", "--status")    # their values may begin with -


def choices_of(row: Flag, command: str) -> "Sequence[str]":
    """The values that a flag takes with a command, empty where any may do."""
    choices = row.choices.get(command, ()) if isinstance(row.choices, dict) else row.choices
    return tuple(choices or ())


def flags_of(command: str) -> "List[Flag]":
    """The flags of a command; without one, those that every command has."""
    return [row for row in FLAGS if (command in row.commands if command else row.commands == EVERY_COMMAND)]


# ---- the command line's grammar

def takes_next(name: str, following: "List[str]") -> bool:
    """Whether the next argument is the value of the flag before it."""
    if not following or following[0] == "--":
        return False
    return name in OPAQUE_FLAGS or not following[0].startswith("-") or following[0] == "-"


def split_arguments(argv: "Sequence[str]") -> "Tuple[List[str], List[Tuple[str, Optional[str]]]]":
    """The words, and the flags by their long names, each with its value or None."""
    words, flags, rest = [], [], list(argv)     # type: List[str], List[Tuple[str, Optional[str]]], List[str]
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        name = SHORT_FLAGS.get(name, name)
        if argument == "--":
            return words + rest, flags
        if not argument.startswith("-") or argument == "-":
            words.append(argument)
        elif not equals and name in VALUE_FLAGS and takes_next(name, rest):
            flags.append((name, rest.pop(0)))
        else:
            flags.append((name, value if equals else None))
    return words, flags


def command_of(words: "Sequence[str]") -> "Tuple[str, List[str]]":
    """The command, empty where none is named, and the words after it. UsageError for an unknown one."""
    words = list(words[1:] if words[:1] == ["exec-log"] and words[1:2] != ["completion"] else words)
    if words and words[0] not in EVERY_COMMAND:
        raise UsageError("unknown command", hint="the commands are list, get and completion")     # unquoted: a token?
    return "".join(words[:1]), words[1:]


def flag_value(row: Flag, value: "Optional[str]", command: str) -> "Any":
    """What a flag stands for with the value it was given. UsageError, which never quotes it: it may be a secret."""
    if not row.value and value is not None:
        raise UsageError("%s takes no value" % row.name)
    if not row.value:
        return True
    if value is None:
        raise UsageError("%s needs a value" % row.name, hint="one that begins with - goes as %s=VALUE" % row.name)
    if row.choices and value not in choices_of(row, command):
        raise UsageError("%s: expected one of %s" % (row.name, ", ".join(choices_of(row, command))))
    try:
        return row.convert(value)
    except ValueError as error:
        raise UsageError("%s: %s" % (row.name, error))


class Arguments:
    """The flags of a command as attributes, --token-file as token_file; None or False where they were not given."""

    def __init__(self, rows: "Iterable[Flag]", given: "Mapping[str, Any]") -> None:
        for row in rows:
            setattr(self, row.name[2:].replace("-", "_"), given.get(row.name, None if row.value else False))


def judge_combination(command: str, args: "Any") -> None:
    """UsageError for flags that do not go together."""
    if command == "list" and args.all and args.cursor:
        raise UsageError("--all starts at the first page, so it does not go with --cursor")
    if command == "get" and args.wait_timeout is not None and not args.wait:
        raise UsageError("--wait-timeout needs --wait")
    if command == "get" and args.output_dir and args.output != "text":
        raise UsageError("--output-dir goes with --output text only")


def parse_flags(command: str, flags: "Sequence[Tuple[str, Optional[str]]]") -> "Any":
    """The Arguments of a command. UsageError."""
    rows = {row.name: row for row in (flags_of(command) if command else FLAGS)}
    given = dict(DEFAULTS)      # type: Dict[str, Any]
    for name, value in flags:
        if name not in rows:
            raise UsageError("unknown flag %s" % (name if name.startswith("--") else name[:2]))
        given[name] = flag_value(rows[name], value, command)
    if not command:
        raise UsageError("a command is missing: list, get or completion")
    missing = [row.name for row in rows.values() if row.required and row.name not in given]
    if missing:
        raise UsageError("missing: %s" % ", ".join(missing))
    args = Arguments(rows.values(), given)
    judge_combination(command, args)
    return args


# ---- help and completion, from the same table

def usage_lines(command: str) -> "List[str]":
    """The short usage of a command, of all where none is known."""
    lines = USAGE[command] if command else [line for lines in USAGE.values() for line in lines]
    return [("usage: " if number == 0 else " " * 7) + line for number, line in enumerate(lines)]


def flag_lines(row: Flag, command: str) -> "List[str]":
    """The help of one flag: its text beside it, wrapped."""
    import textwrap
    choices = ": %s (default %s)" % (", ".join(choices_of(row, command)), DEFAULTS[row.name]) if row.choices else ""
    wrapped = textwrap.wrap(row.text + choices + (" (required)" if row.required else ""), 70, break_on_hyphens=False)
    left = ["  %-24s" % (row.name + " " + row.value).rstrip()] + [" " * 26] * (len(wrapped) - 1)
    return [a + b for a, b in zip(left, wrapped)]


def help_text(command: str) -> str:
    """The whole help, the same on every Python."""
    lines = usage_lines(command) + ["", SUMMARIES[command]]
    own = [row for row in flags_of(command) if row.commands != EVERY_COMMAND]
    for title, rows in (("flags", own), ("flags of every command", flags_of(""))):
        if rows:
            lines += ["", title + ":"] + [line for row in rows for line in flag_lines(row, command)]
    lines += ["", "exit codes:"] + ["  %-4d%s" % row for row in EXIT_CODES]
    return "\n".join(lines) + "\n"


FILE_FLAGS = ("--token-file", "--ca-file", "--output-dir")


def completed_values(command: str) -> "Dict[str, Sequence[str]]":
    """The values that can be offered for the flags of a command."""
    values = {row.name: choices_of(row, command) for row in flags_of(command) if choices_of(row, command)}
    return dict(values, **{"--status": STATUSES}) if command == "list" else values


def value_cases(offer: str, files: str) -> str:
    """The branches of a shell's case over COMMAND:FLAG, for the flags with a value."""
    cases = ["%s:%s) %s ;;" % (command or "*", name, offer % " ".join(values))
             for command in ("list", "get", "") for name, values in completed_values(command).items()]
    silent = [name for name in VALUE_FLAGS if name not in FILE_FLAGS + ("--status", "--output", "--color")]
    return "\n        ".join(cases + ["*:%s) %s ;;" % ("|*:".join(FILE_FLAGS), files),
                                      "*:%s) ;;" % "|*:".join(silent)])


def word_cases(offer: str) -> str:
    """The branches for where a flag or a word may stand."""
    flags = {command: " ".join([row.name for row in flags_of(command)] + ["--help"]) for command in ("list", "get")}
    rows = [("list:*", flags["list"]), ("get:*", flags["get"]), ("completion:*", " ".join(SHELLS)),
            ("exec-log:*", "list get " + " ".join(row.name for row in flags_of(""))),
            ("*", "exec-log list get completion --version --help " + " ".join(row.name for row in flags_of("")))]
    return "\n        ".join("%s) %s ;;" % (pattern, offer % words) for pattern, words in rows)


BASH_COMPLETION = """# bash completion for {script}
_plexctl_exec_log() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} command= word
    if [ "$cur" = = ]; then cur=
    elif [ "$prev" = = ]; then prev=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in exec-log) command=$word ;; list|get|completion) command=$word; break ;; esac
    done
    case $command:$prev in
        {values}
        {words}
    esac
}}
complete -F _plexctl_exec_log {script} {program}
"""
BASH_FILES = "compopt -o filenames 2>/dev/null; local IFS=$'\\n'; COMPREPLY=($(compgen -f -- \"$cur\"))"
ZSH_COMPLETION = """#compdef {script} {program}
_plexctl_exec_log() {{
    local command= prev=${{words[CURRENT-1]}} word
    for word in ${{words[2,CURRENT-1]}}; do
        case $word in exec-log) command=$word ;; list|get|completion) command=$word; break ;; esac
    done
    if [[ $PREFIX == --*=* ]]; then
        prev=${{PREFIX%%=*}}
        compset -P '*='
    fi
    case $command:$prev in
        {values}
        {words}
    esac
}}
if [ "$funcstack[1]" = _plexctl_exec_log ]; then
    _plexctl_exec_log "$@"
else
    compdef _plexctl_exec_log {script} {program}
fi
"""


def fish_flag(script: str, command: str, row: Flag) -> str:
    """The line for one flag, for one command or for all."""
    where = " -n '__fish_seen_subcommand_from %s'" % command if command else \
        " -n 'not __fish_seen_subcommand_from list'" if row.name == "--output" else ""
    values = STATUSES if row.name == "--status" else choices_of(row, command)
    if row.name in FILE_FLAGS:
        value = " -r -F"
    else:
        value = " -x -a '%s'" % " ".join(values) if values else " -x" if row.value else ""
    return "complete -c %s%s -l %s%s -d '%s'" % (script, where, row.name[2:], value, row.text.replace("'", "\\'"))


def fish_completion() -> str:
    """A line for each word and flag of each of the two commands."""
    lines = ["# fish completion for " + CONSOLE_SCRIPT]
    for name in (CONSOLE_SCRIPT, PROGRAM):
        lines.append("complete -c %s -f" % name)
        lines.append("complete -c %s -n 'not __fish_seen_subcommand_from exec-log list get completion' "
                     "-a 'exec-log list get completion'" % name)
        lines.append("complete -c %s -n '__fish_seen_subcommand_from exec-log; and not __fish_seen_subcommand_from "
                     "list get' -a 'list get'" % name)
        lines.append("complete -c %s -n '__fish_seen_subcommand_from completion' -a '%s'" % (name, " ".join(SHELLS)))
        lines += [fish_flag(name, command, row) for command in ("list", "get") for row in flags_of(command)
                  if row.commands != EVERY_COMMAND or (command, row.name) == ("list", "--output")]
        lines += [fish_flag(name, "", row) for row in flags_of("")]
        lines += ["complete -c %s -l %s" % (name, word) for word in ("help", "version")]
    return "\n".join(lines) + "\n"


COMPLETIONS = {
    "bash": lambda: BASH_COMPLETION.format(
        script=CONSOLE_SCRIPT, program=PROGRAM,
        values=value_cases('COMPREPLY=($(compgen -W "%s" -- "$cur"))', BASH_FILES),
        words=word_cases('COMPREPLY=($(compgen -W "%s" -- "$cur"))')),
    "zsh": lambda: ZSH_COMPLETION.format(script=CONSOLE_SCRIPT, program=PROGRAM,
                                         values=value_cases("compadd -- %s", "_files"),
                                         words=word_cases("compadd -- %s")),
    "fish": fish_completion,
}


# ---- the standard streams

def is_terminal(stream: "Any") -> bool:
    """Whether a person looks at the stream."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):    # no such method; closed
        return False


class Sink:
    """Standard output: bytes, collected, and written whole or not without an error (contract section 6).

    It writes past Python's own buffer, in which unwritten bytes would bring a second failure at the exit.
    """

    def __init__(self, stream: "BinaryIO") -> None:
        self._stream = stream
        self.terminal = is_terminal(stream)
        self._pending = []      # type: List[bytes]
        self._size = 0

    def write(self, data: bytes) -> None:
        """Take bytes; they are out after flush() at the latest."""
        self._pending.append(data)
        self._size += len(data)
        if self._size >= SLICE:
            self.flush()

    def flush(self) -> None:
        """Write what was taken. ReaderGone, OutputError."""
        data, self._pending, self._size = b"".join(self._pending), [], 0
        if not data:
            return
        try:
            left = memoryview(data)
            while left:
                left = left[self._write_some(left):]
            self._stream.flush()
        except BrokenPipeError:
            raise ReaderGone("the reader of standard output left")
        except (OSError, ValueError) as error:      # ValueError: a closed stream
            raise OutputError("cannot write standard output: %s" % error_text(error))

    def _write_some(self, data: memoryview) -> int:
        count = self._stream.write(data)
        if count is None:       # a non-blocking descriptor that takes nothing now
            import select
            select.select([], [self._stream], [])
        return count or 0


def binary_stream(stream: "Any") -> "Any":
    """The raw stream below a text stream of the process, or a binary stream itself; None for other text streams."""
    if isinstance(stream, (io.RawIOBase, io.BufferedIOBase)):
        return stream
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def binary_stdout() -> "BinaryIO":
    """The raw stream below sys.stdout. OutputError where there is none."""
    if sys.stdout is None:
        raise OutputError("standard output is closed")
    stream = binary_stream(sys.stdout)      # type: Optional[BinaryIO]
    if stream is None:
        raise OutputError("standard output takes no bytes")
    try:
        sys.stdout.flush()      # what an embedding program has left there
    except BrokenPipeError:
        raise ReaderGone("the reader of standard output left")
    except (OSError, ValueError) as error:
        raise OutputError("cannot write standard output: %s" % error_text(error))
    return stream


USER_INFO = r"(?i)(?:(?<=//)|(?<=http:)|(?<=https:))[^/?#\s]*@"
LIVE_LINE_LENGTH = 72       # characters; a longer line would wrap, and then could not be overwritten
LINE_LENGTH = 4000          # characters; what is longer is no message


class Console:
    """Standard error: one visible line at a time, no secret in it. What cannot be written there is dropped.

    It writes past Python's own buffer, as Sink does, and for the same reason.
    """

    def __init__(self, stream: "Any", secrets: "Iterable[str]") -> None:
        self._stream = stream
        self._binary = binary_stream(stream)
        self._secrets = set()       # type: set[str]
        self._live = False
        self.terminal = is_terminal(stream)
        for secret in secrets:
            self.hide(secret)

    def hide(self, secret: str) -> None:
        """Show *** for this text from now on."""
        if len(secret) >= SHORTEST_MASKED_SECRET:
            self._secrets.add(secret)

    def _safe(self, text: str) -> str:
        text = visible(text)
        secrets = "|".join(re.escape(secret) for secret in sorted(self._secrets, key=len, reverse=True))
        text = re.sub(USER_INFO, "***@", re.sub("(?i)" + secrets, "***", text) if secrets else text)
        return text if len(text) <= LINE_LENGTH else text[:LINE_LENGTH] + "..."

    def _write(self, text: str) -> None:
        try:
            if self._binary is None:
                self._stream.write(text)
            else:
                self._binary.write(text.encode("utf-8"))
            self._stream.flush()
        except (OSError, ValueError, AttributeError):   # AttributeError: standard error is closed, so it is None
            pass

    def line(self, text: str) -> None:
        """One line, in place of the live one."""
        self._write(("\r\x1b[K" if self._live else "") + self._safe(text) + "\n")
        self._live = False

    def say(self, label: str, text: str) -> None:
        """A line `LABEL: TEXT`."""
        self.line("%s: %s" % (label, text))

    def live(self, text: str) -> None:
        """The line that the next one overwrites; an empty text removes it. For terminals."""
        if text or self._live:
            self._write("\r\x1b[K" + self._safe(text)[:LIVE_LINE_LENGTH])
        self._live = bool(text)


# ---- the commands

def load_settings(args: "Any", console: Console) -> Settings:
    """The Settings for a command; their secrets are hidden and their warnings told."""
    settings = find_settings(args, os.environ)
    for secret in [settings.token] + (settings.proxy.secrets if settings.proxy else []):
        console.hide(secret)
    for warning in settings.warnings:
        console.say("warning", warning)
    return settings


def make_transport(args: "Any", settings: Settings, sink: Sink, console: Console) -> Transport:
    """The Transport that flags and environment ask for."""
    return Transport(settings.server, settings.token, args.ca_file, args.timeout, settings.allow_http, settings.proxy,
                     say=console.say, trace=console.line if args.verbose else ignore, idle=sink.flush)


def form_arguments(args: "Any", settings: Settings, sink: Sink, console: Console) -> "Tuple[Any, ...]":
    """What every Form is made with. What it says comes after what it wrote before."""
    def say(label: str, text: str) -> None:
        sink.flush()
        console.say(label, text)

    wanted = args.color == "always" or args.color == "auto" and sink.terminal and settings.colour
    return sink.write, say, sink.terminal, args.output == "text" and wanted


def show(form: Form, events: "Iterable[Event]", cursor: "Optional[str]" = None) -> None:
    """Give a document's events to a form. When they fail after they began, the form breaks off, with the cursor of
    the page that failed: the one given, or that of the last `page`."""
    held, began = {}, False     # type: Dict[str, Any], bool
    try:
        for kind, name, value in events:
            began = True
            cursor = value if kind == "page" else cursor
            if (kind, name) == ("member", "next_cursor"):
                held[name] = value
            else:
                getattr(form, kind, ignore)(name, value)
    except RemoteError:
        if began:
            form.break_off(cursor or None)
        raise
    form.finish(held)


def with_progress(events: "Iterable[Event]", console: Console) -> "Iterator[Event]":
    """The same events; a live line counts pages and Executions."""
    pages = executions = 0
    for event in events:
        executions += event[0] == "element"
        if event[0] in ("page", "end"):
            pages += 1
            console.live("%d pages, %d executions" % (pages, executions))
        yield event
    console.live("")


def run_list(args: "Any", sink: Sink, console: Console) -> int:
    """The command `list`."""
    settings = load_settings(args, console)
    form = LIST_FORMS[args.output](*form_arguments(args, settings, sink, console))
    filters = [("status", args.status), ("action_name", args.action_name), ("limit", args.limit)]
    with make_transport(args, settings, sink, console) as transport:
        if args.all:
            events = every_page(transport, args.project, filters)
        else:
            events = page_events(transport, args.project, filters, args.cursor)
        if args.all and console.terminal and not sink.terminal:
            events = with_progress(events, console)
        show(form, events, args.cursor)
    return form.exit_code


class StatusProgress:
    """Tells what a Waiter hears: one live line on a terminal, else a line for each change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = None       # type: Optional[str]
        self._start = time.monotonic()

    def __call__(self, status: "Optional[str]") -> None:
        shown = framed(status)
        if self._console.terminal:
            self._console.live("status: %s, %d s" % (shown, time.monotonic() - self._start))
        elif shown != self._last:
            self._console.say("status", shown)
        self._last = shown


def is_node(wire: "Dict[str, Any]", node: str) -> bool:
    """Whether a target is that of the node, a canonical UUID."""
    node_id = wire.get("node_id")
    return isinstance(node_id, str) and node_id.lower() == node


def selected(events: "Iterable[Event]", node: "Optional[str]", seen: "Dict[str, Any]") -> "Iterator[Event]":
    """The same events, but `skip` for targets of another node. `seen` is told the status, and of any target left."""
    for kind, name, value in events:
        if kind == "element" and node and not is_node(value, node):
            kind = "skip"
        elif kind == "element":
            seen["target"] = True
        elif (kind, name) == ("member", "status"):
            seen["status"] = value
        yield kind, name, value


def run_get(args: "Any", sink: Sink, console: Console) -> int:
    """The command `get`."""
    settings = load_settings(args, console)
    arguments = form_arguments(args, settings, sink, console)
    seen = {}       # type: Dict[str, Any]
    with make_transport(args, settings, sink, console) as transport:
        if args.output_dir:     # made before anything is waited for
            form = FolderForm(OutputFolder(args.output_dir), *arguments)    # type: Form
        else:
            form = GET_FORMS[args.output](*arguments)
        if args.wait:
            Waiter(transport, StatusProgress(console), console.say, args.wait_timeout).wait(args.project, args.id)
            console.live("")
        show(form, selected(execution_events(transport, args.project, args.id), args.node, seen))
    if args.node and "target" not in seen:
        raise ExecLogError("node %s is not a target of execution %s" % (args.node, args.id))
    return form.exit_code or (EXIT_NOT_SUCCEEDED if args.exit_status and seen.get("status") != "succeeded" else 0)


COMMANDS = {"list": run_list, "get": run_get}


def version_text() -> str:
    """The version, and the SHA-256 of the file that runs, wherever it was loaded from."""
    from hashlib import sha256
    try:
        digest = sha256(__loader__.get_data(__file__)).hexdigest()  # type: ignore[name-defined]
    except (NameError, AttributeError, OSError):        # python - < file
        digest = "unknown"
    return "version=%s sha256=%s\n" % (__version__, digest)


def completion_script(operands: "Sequence[str]") -> str:
    """The script for the shell that the operands name. UsageError."""
    if len(operands) != 1 or operands[0] not in COMPLETIONS:
        raise UsageError("completion takes one shell: bash, zsh or fish")
    return COMPLETIONS[operands[0]]()


def run(argv: "Sequence[str]", sink: Sink, console: Console) -> int:
    """Carry out a command line; the exit code. ExecLogError."""
    words, flags = split_arguments(argv)
    command, operands = command_of(words)
    if ("--help", None) in flags:
        text = help_text(command)
    elif ("--version", None) in flags:
        text = version_text()
    else:
        args = parse_flags(command, flags)
        if command in COMMANDS and operands:
            raise UsageError("unexpected argument after %s" % command)
        if command in COMMANDS:
            return COMMANDS[command](args, sink, console)
        text = completion_script(operands)
    sink.write(text.encode("utf-8"))
    return 0


def usage_for(argv: "Sequence[str]") -> "List[str]":
    """The short usage that suits a command line which could not be used."""
    try:
        return usage_lines(command_of(split_arguments(argv)[0])[0])
    except UsageError:
        return usage_lines("")


def report(error: ExecLogError, argv: "Sequence[str]", console: Console) -> int:
    """Tell an expected failure; its exit code."""
    if isinstance(error, ReaderGone):
        return error.exit_code
    for line in usage_for(argv) if isinstance(error, UsageError) else ():
        console.line(line)
    console.say("error", error.message)
    if error.hint:
        console.say("hint", error.hint)
    return error.exit_code


def run_and_report(argv: "Sequence[str]", stdout: "Optional[BinaryIO]", console: Console) -> int:
    """Carry out a command line and tell what failed, after all that was printed before it failed."""
    sink = None
    try:
        sink = Sink(binary_stdout() if stdout is None else stdout)
        code = run(argv, sink, console)
        sink.flush()
        return code
    except ExecLogError as error:
        try:
            if sink is not None:
                sink.flush()
        except OutputError as unwritten:
            if not isinstance(unwritten, ReaderGone):
                report(error, argv, console)
            error = unwritten
        return report(error, argv, console)


def main(argv: "Optional[Sequence[str]]" = None, stdout: "Optional[BinaryIO]" = None, stderr: "Any" = None) -> int:
    """Run the command line `argv` (without the program's name), and return its exit code; never exits.

    `stdout` is a binary stream, `stderr` a text stream; without them the process's own. Every ExecLogError ends
    here, in a line on stderr and its exit code; anything else is a bug and keeps its traceback.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    console = Console(sys.stderr if stderr is None else stderr, [os.environ.get("PLEXSPHERE_TOKEN", "").strip()])
    try:
        return run_and_report(arguments, stdout, console)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except MemoryError:
        console.say("error", "out of memory: a value of the body is too large for this host")
        return EXIT_FAILURE


if __name__ == "__main__":
    exit_code = main()
    if hasattr(gc, "freeze"):       # 3.7; the last collections would go through all that was loaded, for milliseconds
        gc.freeze()
    sys.exit(exit_code)
