#!/usr/bin/env python3
"""plexctl exec-log: what the actions of a plexsphere control plane did, and what each machine printed.

    plexctl_exec_log.py exec-log list --project UUID [flags]
    plexctl_exec_log.py exec-log get  --project UUID --id UUID [flags]

One file, Python 3.6 or newer, nothing but the standard library; it only reads. Data runs down the file:

    Safe text     what may be shown of text that somebody else wrote
    Errors        the one family of expected failures, each with its exit code
    Settings      flags, environment and config file become a server, a token and a proxy
    Transport     one kept HTTP(S) connection: deadlines, retries, redirects refused
    JSON text     bytes become events as they arrive: members, and the elements of one streamed list
    Wire model    what is read from the objects of the wire contract
    Operations    a page, all pages, one Execution, waiting for its end
    Documents     events become json, jsonl or yaml
    Text          events become a table, sections, bare bytes or a folder of files
    Command line  flags, standard streams, main

Programs may import it too: the names in __all__ are public, all others may change. Sections that are named without
a title are those of the project's contract.
"""

import argparse
import codecs
import gc
import io
import json
import os
import re
import stat
import sys
import time
from binascii import a2b_base64, b2a_base64
from collections import Counter, namedtuple
from functools import lru_cache, partial

__version__ = "2.0.0"
__all__ = ["main", "make_parser", "Transport", "Server", "walk", "get_execution", "wait_for_execution", "OutputRef",
           "ELEMENT", "ExecLogError", "UsageError", "CredentialsError", "RemoteError", "APIError"]


# ------------------------------------------------------------------------------------------------ Safe text

def escaped(character):
    r"""One character as \xNN, \uNNNN or \UNNNNNNNN, which YAML and Python both read back."""
    code = ord(character)
    return "\\x%02x" % code if code < 0x100 else "\\u%04x" % code if code < 0x10000 else "\\U%08x" % code


def visible(text):
    """Text as one line of printable characters, everything else escaped (contract, section 5)."""
    return text if text.isprintable() else "".join(c if c.isprintable() else escaped(c) for c in text)


def framed(text):
    """Text for a place whose end a blank marks: visible, no blank in it, `-` for nothing."""
    return visible(text or "-").replace(" ", "\\x20")


# What a terminal is not simply given: CR LF and SGR colour are looked at as wholes, all else one by one.
DOUBTFUL = "\r\n|\x1b\\[[0-9;:]{0,64}m|[^\t\n\x20-\x7e]"
CONCEALING = "[\\[;:]0*8[;:m]"


def terminal_safe(data):
    """Output bytes for a UTF-8 terminal: text, tab, newline and colour pass, all else is shown, not done. Colour is
    reset at the end."""
    def shown(match):
        found = match.group()
        is_colour = len(found) > 2 and not re.search(CONCEALING, found)
        return found if found == "\r\n" or found.isprintable() or is_colour else escaped(found[0]) + found[1:]

    safe = re.sub(DOUBTFUL, shown, data.decode("utf-8", "backslashreplace")).encode("utf-8")
    return safe + b"\x1b[0m" if b"\x1b" in safe else safe


def error_text(error):
    """What an exception of the standard library says, on its own or by its name."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


# --------------------------------------------------------------------------------------------------- Errors

class ExecLogError(Exception):
    """An expected failure: main shows `error: MESSAGE` and `hint: HINT`, and returns exit_code. The plain one is of
    standard output and the output folder."""

    exit_code = 1

    def __init__(self, message, hint=""):
        super().__init__(message)
        self.hint = hint


class UsageError(ExecLogError, argparse.ArgumentTypeError):
    """The command line, or a setting that stands for a flag, cannot be used. argparse knows it as its own, so
    whatever raises it serves as a `type=`. `usage` is shown before the message."""
    exit_code = 2
    usage = ""


class CredentialsError(ExecLogError):
    """No token, or one that must not be used."""
    exit_code = 3


class RemoteError(ExecLogError):
    """The read failed at the server or on the way to it, or the answer is none of the contract's. `retried`: worth
    asking again at once (section 3). `waited_out`: no reason to stop waiting (section 9). `retry_after`: seconds to
    leave the server alone, or None."""

    retry_after = None

    def __init__(self, message, hint="", retried=False, waited_out=False):
        super().__init__(message, hint)
        self.retried, self.waited_out = retried, waited_out or retried


API_HINT = "is this the API? check --server, PLEXSPHERE_URL or the profile"
STATUS_HINTS = {                    # the next step after an HTTP status
    400: "the server refused the value of a flag",
    401: "log in again: the token is missing, expired or not this server's",
    403: "ask an owner of the project for the relation that reads its executions",
    404: "check --project, --id and --server: no such thing there, or it is hidden from this token",
    407: "put user:password@ before the proxy's host in HTTPS_PROXY or HTTP_PROXY",
}
RETRIED_STATUSES = (429, 502, 503, 504)
PROBLEM_LABELS = (("detail", ""), ("code", "code "), ("reason", "reason: "), ("relation_path", "relation path: "),
                  ("correlation_id", "correlation id: "))


class APIError(RemoteError):
    """An answer with any status but 200: `status`, and `problem`, the JSON object of the body (RFC 9457), empty where
    it had none. The one place where a status and a Problem's `code` become an exit code (contract, section 6)."""

    def __init__(self, status, phrase, problem, hint="", retry_after=None):
        texts = {name: value for name, value in problem.items() if value and isinstance(value, str)}
        if isinstance(problem.get("relation_path"), list):
            texts["relation_path"] = " > ".join(step for step in problem["relation_path"] if isinstance(step, str))
        parts = [("HTTP %d %s" % (status, texts.get("title", phrase))).strip()]
        parts += [label + texts[name] for name, label in PROBLEM_LABELS if texts.get(name)]
        super().__init__("; ".join(parts), hint or STATUS_HINTS.get(status, ""), status in RETRIED_STATUSES)
        self.status, self.problem, self.retry_after = status, problem, retry_after
        if status == 403:
            self.exit_code = 77 if problem.get("code") == "rebac_denied" else 4
        elif status == 401:
            self.exit_code = 3


KINDS = {str: "a string", dict: "an object", list: "a list"}


def typed(value, kind, what, error=RemoteError):
    """A JSON value of this kind, or null. Raises the error, which names what was expected to be of the kind."""
    if value is not None and not isinstance(value, kind):
        raise error("%s: expected %s" % (what, KINDS[kind]))
    return value


# ------------------------------------------------------------------------------------------------- Settings

# Patterns that a run may not need are strings: re compiles them when it does.
SERVER_URL = r"([hH][tT][tT][pP][sS]?)://(\[[0-9a-fA-F:.]+\]|[^/?#@:\[\]\\]+)(?::([0-9]{1,5}))?(/[^?#]*)?"
VISIBLE_ASCII = "[!-~]+"
DEFAULT_PORTS = {"http": 80, "https": 443}
TOKEN_FILE_LIMIT = 64 << 10         # bytes
CONFIG_FILE_LIMIT = 1 << 20         # bytes


class Server(namedtuple("Server", "scheme host port prefix")):
    """Where the API is: `http` or `https`, a bare lower-case host, a port, a path without its last slash."""

    @classmethod
    def parse(cls, url, where=""):
        """From `http(s)://host[:port][/prefix]` in visible ASCII; `where` tells where it stands. UsageError for any
        other, which is not quoted: what is wrong with it may be a password."""
        match = re.fullmatch(SERVER_URL, url) if re.fullmatch(VISIBLE_ASCII, url) else None
        scheme, host, digits, path = match.groups() if match else ("http", "", "0", "")
        port = int(digits or DEFAULT_PORTS[scheme.lower()])
        if not 0 < port < 65536:
            raise UsageError("expected http(s)://host[:port][/prefix]" + where)
        return cls(scheme.lower(), host.strip("[]").lower(), port, (path or "").rstrip("/"))

    @property
    def authority(self):
        """The value of the Host header (RFC 9110, 7.2)."""
        host = "[%s]" % self.host if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else "%s:%d" % (host, self.port)


def read_private_file(path, limit):
    """A file that holds a secret. CredentialsError where others may read it, and where it cannot be read. The opened
    file is judged, so that its name cannot be pointed elsewhere meanwhile; pipes and Windows have no such mode."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name != "nt" and not stat.S_ISFIFO(mode) and mode & 0o077:
                import shlex
                name = shlex.quote("./" + path if path.startswith("-") else path)
                raise CredentialsError("%s is insecure: its mode is %04o, others than its owner have access"
                                       % (path, stat.S_IMODE(mode)), "chmod 600 " + name if stat.S_ISREG(mode) else "")
            data = file.read(limit + 1)
            if len(data) > limit:
                raise CredentialsError("%s is larger than %d KiB" % (path, limit >> 10))
            return data
    except (OSError, ValueError) as error:      # ValueError: a NUL in the name
        raise CredentialsError("cannot read %s: %s" % (path, error_text(error)))


def read_profile(name, environ):
    """Name and members of the profile called so, or of the config file's default one; none without a config file.
    Layout: {"default": NAME, "profiles": {NAME: {"server": URL, "token": TOKEN}}}. Only what is used is judged."""
    base = environ.get("XDG_CONFIG_HOME", "")
    path = os.path.join(base, "plexctl", "config.json")
    if not os.path.isabs(base) or not os.path.exists(path):
        base = environ.get("HOME", os.path.expanduser("~"))     # which may be relative, or `~` itself
        path = os.path.join(base, ".config", "plexctl", "config.json")
    if not os.path.isabs(base) or not os.path.lexists(path):
        path = None
    try:
        loaded = json.loads(read_private_file(path, CONFIG_FILE_LIMIT).decode("utf-8")) if path else {}
    except (ValueError, RecursionError):
        raise CredentialsError("%s is no JSON" % path)
    members = typed(loaded, dict, str(path), CredentialsError) or {}
    if name is None:
        name = typed(members.get("default"), str, "%s: default" % path, CredentialsError)
    if name is None:
        return None, {}
    profiles = typed(members.get("profiles"), dict, "%s: profiles" % path, CredentialsError) or {}
    if name not in profiles:
        raise CredentialsError('there is no profile "%s" in %s' % (name, path or "any config file"))
    return name, typed(profiles[name], dict, '%s: profile "%s"' % (path, name), CredentialsError) or {}


def clean_token(token):
    """The token without white space around it, visible ASCII, lest http.client quotes it. CredentialsError."""
    if not re.fullmatch(VISIBLE_ASCII, token.strip()):
        raise CredentialsError("the token is empty, or holds something else than visible ASCII")
    return token.strip()


def find_settings(flags, environ):
    """The server, the token and a warning, perhaps empty; each from the first that has it (contract, section 2). The
    config file is opened only when something is needed from it. UsageError, CredentialsError."""
    profile_of = lru_cache(None)(lambda: read_profile(flags.profile, environ))

    def find(key, variable):
        value, source = environ.get(variable) or None, variable
        if flags.profile or value is None:
            name, profile = profile_of()
            own = typed(profile.get(key), str, '%s of profile "%s"' % (key, name), CredentialsError)
            if own is not None:
                value, source = own, 'profile "%s"' % name
        return value, source

    server = flags.server
    if not server:
        url, source = find("server", "PLEXSPHERE_URL")
        server = None if url is None else Server.parse(url, " in " + source)
    if flags.token_file:
        source = flags.token_file
        token = read_private_file(source, TOKEN_FILE_LIMIT).decode("utf-8", "replace")
    else:
        token, source = find("token", "PLEXSPHERE_TOKEN")
    if token is None:
        raise CredentialsError("no token", "give --token-file, PLEXSPHERE_TOKEN or a profile that has one")
    token = clean_token(token)
    if server is None:
        raise UsageError("no server: give --server, PLEXSPHERE_URL or a profile that has one")
    if flags.token_file or source == "PLEXSPHERE_TOKEN":
        return server, token, ""
    url, own = "%s://%s%s" % (server.scheme, server.authority, server.prefix), profile_of()[1].get("server")
    return server, token, "" if str(own).rstrip("/") == url else "the token of %s (%s) goes to %s" % (source, own, url)


def is_this_host(host):
    """Whether a connection to the host stays on this machine."""
    import ipaddress
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ("." + host.rstrip(".")).endswith(".localhost")
    return address.is_loopback or address.is_unspecified


class Proxy:
    """An HTTP proxy: `[http://][user:password@]host[:port]`. A plain class: no repr of it shows the password.
    `headers` are for the proxy alone (RFC 7617), `secrets` are what must not be shown. UsageError."""

    def __init__(self, url, variable):
        scheme, _, rest = url.rpartition("://")
        user_info, at, address = rest.rpartition("@")
        server = Server.parse("http://" + address, " in " + variable)
        if server.prefix or scheme.lower() not in ("", "http"):
            raise UsageError("expected http://host:port in " + variable)
        self.host, self.port = server.host, server.port
        self.headers, self.secrets = {}, []
        if at:
            from urllib.parse import unquote_to_bytes
            user, _, password = user_info.partition(":")
            pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
            basic = b2a_base64(pair, newline=False).decode("ascii")
            self.headers = {"Proxy-Authorization": "Basic " + basic}
            self.secrets = [basic, unquote_to_bytes(password).decode("utf-8", "replace"), user_info]


def find_proxy(server, environ):
    """The proxy that the environment names for the server, as urllib reads it, with CIDR ranges in NO_PROXY."""
    variable = server.scheme + "_proxy"
    if not any(name.lower() == variable for name in environ) or is_this_host(server.host):
        return None
    import ipaddress
    from urllib.request import getproxies_environment, proxy_bypass_environment
    proxies = getproxies_environment()
    for entry in proxies.get("no", "").split(","):
        try:
            if ipaddress.ip_address(server.host) in ipaddress.ip_network(entry.strip(" []"), strict=False):
                return None
        except ValueError:
            pass        # one of them is a name
    url = proxies.get(server.scheme)
    bypassed = proxy_bypass_environment("%s:%d" % (server.host, server.port), proxies)
    return Proxy(url, variable.upper()) if url and not bypassed else None


# ------------------------------------------------------------------------------------------------ Transport

USER_AGENT = "plexctl-exec-log/" + __version__
SLICE = 1 << 18                     # bytes taken from the network at once, if they are there
ERROR_BODY_LIMIT = 64 << 10         # bytes
DEFAULT_TIMEOUT = 30.0              # seconds
RETRY_PAUSES = (0.5, 1.0)           # seconds before the first and the second retry
RETRY_AFTER_LIMIT = 30.0            # seconds
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie")
CONNECT_HINTS = (                   # a sign in the text of a failure, the next step
    ("tunnel connection failed: 407", STATUS_HINTS[407]),
    ("tunnel connection failed", "check HTTPS_PROXY and NO_PROXY"),
    ("expired", "the server's operator must renew its certificate; --ca-file does not help"),
    ("match", "the certificate is for another name: check the host of --server; --ca-file does not help"),
    ("certificate", "is it signed by a CA of your own? then name that with --ca-file"),
    ("version number|http request|record layer",
     "the port speaks no TLS: check it, or use http:// if the server is on this host"),
)


def timed_out(what, seconds):
    """The error for a wait that took too long."""
    return RemoteError("timed out: %s took more than %g s" % (what, seconds),
                       "a slow server or network may need a longer --timeout", waited_out=True)


class Wire(io.RawIOBase):
    """A connected socket as http.client wants it, which raises RemoteError for a phase that does not end before the
    deadline, a time of the clock. `received`: something came since the last request. `ended`: the far side closed."""

    def __init__(self, sock, timeout, clock):
        import socket
        self.received = self.ended = False
        self.sock = sock
        self._timeout, self._clock = timeout, clock
        self._expired = (socket.timeout, TimeoutError)      # one and the same from 3.10 on

    def begin(self, phase, seconds):
        """What is done from here on has so many seconds."""
        self._phase, self._deadline = phase, self._clock() + seconds

    def _timed(self, operation, data):
        left = self._deadline - self._clock()
        try:
            if left > 0:
                self.sock.settimeout(left)
                return operation(data)
        except self._expired:
            pass
        raise timed_out(self._phase, self._timeout)

    def sendall(self, data):
        """Send a request. OSError."""
        self.received = False
        self._timed(self.sock.sendall, data)

    def makefile(self, *_):
        """The reader of one response."""
        return io.BufferedReader(self, SLICE)

    def readable(self):
        return True

    def readinto(self, buffer):
        """Wait for bytes, then take all that are there: a TLS read gives 16 KiB, and few large slices cost less."""
        size = more = self._timed(self.sock.recv_into, buffer)
        self.received, self.ended = self.received or size > 0, not size
        self.sock.settimeout(0)
        try:
            while more and size < len(buffer):
                more = self.sock.recv_into(memoryview(buffer)[size:])
                size += more
        except OSError:
            pass        # nothing is there, or a fault; the next wait meets it, or the end
        return size

    def close(self):
        """Nothing: http.client closes what it has handed to a response, and the response still reads from here."""


def tls_context(ca_file):
    """The standard library's verifying context, TLS 1.2 or newer. UsageError for an unusable --ca-file."""
    import ssl
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError, TypeError) as error:       # a NUL in the name is one of the last two
        raise UsageError("argument --ca-file: " + error_text(error))
    if sys.version_info < (3, 10):      # from then on that is the default
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    return context


def connect_failure(where, timeout, error):
    """A connection that could not be made: name, TCP, proxy or TLS."""
    import socket
    import ssl
    if isinstance(error, (socket.timeout, TimeoutError)):
        return timed_out("connecting to " + where, timeout)
    if isinstance(error, ConnectionRefusedError):
        return RemoteError("nothing listens at %s: connection refused" % where, API_HINT, waited_out=True)
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return RemoteError("the name of %s does not resolve" % where, API_HINT)
    cause = error_text(error)
    hint = next((step for sign, step in CONNECT_HINTS if re.search(sign, cause.lower())), "")
    failed = "no TLS with" if isinstance(error, (ssl.SSLError, ssl.CertificateError)) else "cannot connect to"
    return RemoteError("%s %s: %s" % (failed, where, cause), hint)


def seconds_to_wait(header):
    """What a Retry-After asks for (RFC 9110, 10.2.3), in seconds, at most 30; None where it says nothing usable."""
    text = (header or "").strip()
    from datetime import timezone
    from email.utils import parsedate_to_datetime
    try:        # HTTP's dates are UTC, whether they say so or not
        seconds = float(text) if re.fullmatch("[0-9]+", text) else \
            parsedate_to_datetime(text).replace(tzinfo=timezone.utc).timestamp() - time.time()
    except (TypeError, ValueError, IndexError, OverflowError, AttributeError):  # differs by version and by text
        return None
    return min(seconds, RETRY_AFTER_LIMIT) if seconds >= 0 else None


def ignore(*_):
    """The listener where the user of a class gave none."""


class Transport:
    """GET requests to one server over one kept connection (contract, section 3). `say(label, text)` is told of
    retries, `trace(text)` of every request and response. Clock and sleep (seconds) are parameters; `limit`, a time of
    the clock or None, ends every wait but a proxy's answer; `received` counts the bytes of bodies. Plain http to
    another host raises RemoteError unless allow_http. No repr shows the token."""

    def __init__(self, server, token, ca_file=None, timeout=DEFAULT_TIMEOUT, allow_http=False, proxy=None, say=ignore,
                 trace=ignore, clock=time.monotonic, sleep=time.sleep):
        if server.scheme == "http" and not allow_http and not is_this_host(server.host):
            raise RemoteError("plain http to %s would show the token to the network" % server.host,
                              "use https://, or allow it with --allow-http")
        from http.client import HTTPException
        self.server = server
        self._faults = (OSError, HTTPException, ValueError)     # ValueError: a negative chunk size on 3.6
        self.clock, self.sleep = clock, sleep
        self.limit, self.received = None, 0
        self._ca_file = ca_file
        self._timeout = timeout
        self._proxy = proxy
        self._say, self._trace = say, trace
        self._context = self._connection = self._wire = None
        self._headers = {"Host": server.authority, "Authorization": "Bearer " + clean_token(token),
                         "Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": USER_AGENT}

    def close(self):
        """Close the kept connection, if any."""
        if self._wire is not None:
            self._wire.sock.close()
        self._connection = self._wire = None

    def bounded(self, seconds):
        """The seconds, cut to what the limit leaves."""
        return seconds if self.limit is None else max(0.0, min(seconds, self.limit - self.clock()))

    def get(self, path, parameters, pauses=RETRY_PAUSES):
        """The body of a 200 as it arrives, in slices, to be read before the next get. Headers are in on return.
        Parameters, text or bytes, are percent-encoded; empty ones are left out. Where asking again may help, it is
        asked again after each of the pauses. RemoteError, from the iterator too."""
        from urllib.parse import quote, urlencode
        given = [(name, value) for name, value in parameters.items() if value]
        query = urlencode(given, quote_via=quote, safe="")
        target = self.server.prefix + path + ("?" + query if query else "")
        left = list(pauses)
        while True:
            try:
                return self._slices(self._exchange(target))
            except RemoteError as error:
                if not left or not error.retried:
                    raise
                pause = left.pop(0)
                wait = pause if error.retry_after is None else error.retry_after
                self._say("retry", "%s; again in %.1f s" % (error, wait))
                self.sleep(self.bounded(wait))

    def _exchange(self, target):
        """One request and its response, a 200; after any other the connection is closed."""
        is_kept = self._wire is not None
        try:
            if not is_kept:
                self._connect()
            return self._accepted(self._ask(target))
        except RemoteError as error:
            went_cold = is_kept and error.retried and not self._wire.received
            self.close()
            if not went_cold:
                raise
        return self._exchange(target)

    def _connect(self):
        """A new connection, through the proxy's tunnel where https needs it."""
        from http.client import HTTPConnection, HTTPSConnection
        server, proxy = self.server, self._proxy
        at, timeout = proxy or server, self.bounded(self._timeout)
        where = "proxy %s:%d" % (at.host, at.port) if proxy else server.authority
        if server.scheme == "http":
            connection = HTTPConnection(at.host, at.port, timeout=timeout)
        else:
            self._context = self._context or tls_context(self._ca_file)
            connection = HTTPSConnection(at.host, at.port, timeout=timeout, context=self._context)
        if proxy and server.scheme == "https":
            connection.set_tunnel(server.host, server.port, proxy.headers)
            self._trace_lines(">", "CONNECT %s:%d" % (server.host, server.port), proxy.headers.items())
        try:
            connection.connect()
        except self._faults as error:       # among them CertificateError on 3.6, UnicodeError
            connection.close()
            raise connect_failure(where, self._timeout, error)
        self._wire = Wire(connection.sock, self._timeout, self.clock)
        connection.sock, connection.auto_open = self._wire, 0
        self._connection = connection

    def _ask(self, target):
        """One request on the open connection, and the response with its headers."""
        headers = self._headers
        if self._proxy and self.server.scheme == "http":
            target = "http://" + self.server.authority + target
            headers = dict(headers, **self._proxy.headers)
        self._trace_lines(">", "GET %s HTTP/1.1" % target, headers.items())
        lost = RemoteError("the connection was lost before the response headers were complete", retried=True)
        self._wire.begin("the response", self.bounded(self._timeout))
        try:
            self._connection.request("GET", target, headers=headers)
            response = self._connection.getresponse()
        except OSError:
            raise lost
        except self._faults as error:
            raise lost if self._wire.ended else RemoteError(
                "what answers speaks no proper HTTP: %s" % error_text(error), API_HINT)
        if self._wire.ended:    # http.client takes the end of the connection for the end of the headers
            raise lost
        self._trace_lines("<", "HTTP/1.1 %d %s" % (response.status, response.reason), response.getheaders())
        return response

    def _trace_lines(self, mark, first, headers):
        self._trace(mark + " " + first)
        for name, value in headers:
            self._trace("%s %s: %s" % (mark, name, "***" if name.lower() in SECRET_HEADERS else value))

    def _accepted(self, response):
        """The response if it is a 200. RemoteError, APIError."""
        if response.status == 200:
            return response
        location = response.getheader("Location")
        if 300 <= response.status < 400 and location:
            raise RemoteError("HTTP %d: redirected to %s, and redirects are not followed: the token goes to the "
                              "named server only" % (response.status, location), "name the right --server")
        problem, is_html = self._problem(response)
        raise APIError(response.status, response.reason, problem, API_HINT if is_html else "",
                       seconds_to_wait(response.getheader("Retry-After")))

    def _problem(self, response):
        """The JSON object of an error's body, if any, and whether it is HTML; of one timeout and 64 KiB at most."""
        body, piece = b"", b"-"
        self._wire.begin("the error's body", self.bounded(self._timeout))
        try:
            while piece and len(body) < ERROR_BODY_LIMIT:
                piece = response.read1(ERROR_BODY_LIMIT - len(body))
                body += piece
        except self._faults + (RemoteError,):
            pass
        is_html = "html" in response.getheader("Content-Type", "").lower() or body.lstrip()[:1] == b"<"
        try:
            problem = json.loads(body.decode("utf-8"), parse_int=float)     # an int of 5,000 digits fails on 3.11
        except (ValueError, RecursionError):
            problem = None
        return problem if isinstance(problem, dict) else {}, is_html

    def _slices(self, response):
        """The body as it arrives; the connection is kept if it was read to its announced end."""
        wire, whole = self._wire, False
        try:
            while True:
                self._wire.begin("the next piece of the body", self.bounded(self._timeout))
                piece = response.read1(SLICE)
                if not piece:
                    break
                self.received += len(piece)
                yield piece
            if response.length:
                raise RemoteError("the body ended short of what was announced; bytes missing: %d" % response.length,
                                  waited_out=True)
            whole = not response.will_close
            response.close()    # before 3.13 a response stays open after its last byte, and the next one is refused
        except self._faults as error:
            raise RemoteError("the connection was lost within the body: %s" % error_text(error), waited_out=True)
        finally:
            if not whole and self._wire is wire:        # an abandoned body may be finalized late
                self.close()


# ------------------------------------------------------------------------------------------------ JSON text

VALUE_LIMIT = 256 << 20             # characters of one JSON value
BLANKS = re.compile("[ \t\n\r]*")

# Events are pairs (name, value). A name that is a string is a member of the document; the others are marks: an element
# of the streamed list; one that was not asked for; the next page follows, whose cursor is the value; the document is
# whole; it will never be whole, and nothing says how to go on.
ELEMENT, SKIPPED, PAGE, END, BROKEN = range(5)


def read_number(literal):
    """A JSON number that a double can hold. RemoteError, also for NaN and Infinity, which RFC 8259 does not know."""
    if not abs(float(literal)) <= sys.float_info.max:
        raise RemoteError("the body holds a number that is none in JSON, or too large: %.20s" % literal)
    return int(literal) if literal.lstrip("-").isdigit() else float(literal)


class JSONText:
    """The text of one JSON document (RFC 8259), taken from byte slices only as far as it is needed. json's decoder does
    every value; this only sees to it that the value is all there. RemoteError."""

    def __init__(self, slices):
        self._slices = iter(slices)
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._scan = json.JSONDecoder(parse_float=read_number, parse_int=read_number,
                                      parse_constant=read_number).raw_decode
        self._text = ""         # what is held of the document; everything before _at has been taken
        self._at = 0
        self._ended = False
        self._fault = None

    def _fill(self, least=0):
        """Hold at least so many characters more, else a quarter more, so that attempts cost a few times the length in
        all; fewer if the text ends before. A fault is kept until they are used."""
        pieces = [self._text[self._at:]]
        least = least or 1 + len(pieces[0]) // 4
        if len(pieces[0]) > VALUE_LIMIT:
            raise RemoteError("the body holds a value that is too large")
        if self._fault:
            raise self._fault
        while least > 0 and not (self._ended or self._fault):
            try:
                piece = next(self._slices, b"")
                pieces.append(self._decode(piece, not piece))
                self._ended = not piece
            except UnicodeDecodeError as error:
                pieces.append(error.object[:error.start].decode("utf-8"))       # what came before counts
                self._fault = RemoteError("the body holds bytes that are no UTF-8", waited_out=not piece)
            except RemoteError as fault:
                self._fault = fault
            least -= len(pieces[-1])
        self._text, self._at = "".join(pieces), 0

    def peek(self):
        """The next character that is no blank, without taking it; empty at the end, unless that was a fault."""
        while True:
            found = self._text[self._at:self._at + 1]
            if found > " ":
                return found        # as nearly always
            self._at = BLANKS.match(self._text, self._at).end()
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._fill(1)

    def take(self, choices):
        """Take the next character that is no blank; it must be one of the choices."""
        found = self.peek()
        if not found or found not in choices:
            raise RemoteError("the body is malformed: expected %s, found %s" % (
                " or ".join(choices), found or "its end"), API_HINT if found == "<" else "", waited_out=not found)
        self._at += 1
        return found

    def value(self):
        """Take one whole value."""
        self.peek()
        while True:
            if not self._ended and self._text[self._at] == "{" and self._text.find("}", self._at) < 0:
                self._fill()        # surely cut: json need not scan it to find that out
                continue
            try:
                value, end = self._scan(self._text, self._at)
                # More of a number may come: after `1`, `e-5`, of which `e-` says nothing yet.
                if self._ended or len(self._text) - end > 2 or not self._text[end - 1].isdigit():
                    self._at = end
                    return value
            except RecursionError:
                raise RemoteError("the body is nested too deeply")
            except ValueError as error:
                self._raise_if_final(error)
            self._fill()

    def _raise_if_final(self, error):
        """Raise unless more text can mend the value that json could not read. A fault well before the end of what is
        held is final, but not an unterminated string, told by its opening quote; what is cut has 12 characters."""
        if error.pos < len(self._text) - 12 and "Unterminated" not in error.msg:
            raise RemoteError("the body is malformed: " + error.msg)
        if self._ended:
            raise RemoteError("the body ends early or is malformed: " + error.msg, waited_out=True)

    def held_value(self):
        """Take one whole value if all of the document seems to be here. Else None, and nothing is taken."""
        try:
            if self._text[-1:] == "}":
                value, self._at = self._scan(self._text, self._at)
                return value
        except (ValueError, RecursionError, RemoteError):
            pass
        return None

    def entries(self, end):
        """Stand before each entry of an object or an array in turn; its closing bracket is taken last."""
        if self.peek() == end:
            self._at += 1
            return
        yield
        while self.take("," + end) == ",":
            yield


def elements(text, array):
    """The elements of a list of objects, one at a time; of an empty one the member, whose value is []."""
    value, values = None, text.held_value()     # all at once takes half the time
    if values is None:
        text.take("[")
        values = (text.value() for _ in text.entries("]"))
    for value in values:
        if not isinstance(value, dict):
            raise RemoteError("%s: expected a list of objects" % array)
        yield ELEMENT, value
    if value is None:
        yield array, []


def document(slices, array, needed):
    """The events of a body that is one object with the member `needed`, whose list `array` is streamed. Raises
    RemoteError where the frame is not as section 4 of the contract has it; what is inside is not judged."""
    text, seen, held, found = JSONText(slices), set(), [], False
    text.take("{")
    for _ in text.entries("}"):
        name = text.value()
        if not isinstance(name, str):
            raise RemoteError("the body is malformed: expected a member's name")
        text.take(":")
        if name in seen:
            raise RemoteError('the body has "%s" twice' % name)
        if name in (array, "next_cursor"):
            seen.add(name)
        found = found or name == needed
        if name == array and text.peek() == "[":
            yield from elements(text, array)
            continue
        value = text.value()
        if name == needed == "id" and not isinstance(value, str):
            raise RemoteError("id: expected a string", API_HINT)
        if name == "next_cursor":
            held = [(name, typed(value, str, name))]
        else:
            yield name, typed(value, list, name) if name == array else value
    if text.peek():
        raise RemoteError("the body is malformed: it goes on after its end")
    if not found:
        raise RemoteError("the answer has no %s" % needed, API_HINT)
    yield from held
    yield END, None


# ----------------------------------------------------------------------------------------------- Wire model

UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
UUID_SPELLINGS = r"(?:urn:uuid:)?(%s)|\{(%s)\}|([0-9a-f]{32})" % (UUID, UUID)
FINAL_STATUSES = ("succeeded", "failed", "cancelled", "timeout")
FAILED_STATUSES = FINAL_STATUSES[1:]


def canonical_uuid(text):
    """The canonical lower-case spelling of a UUID in one of the four that Go's uuid.Parse takes. UsageError."""
    match = re.fullmatch(UUID_SPELLINGS, text.lower())
    if not match:
        raise UsageError("expected a UUID, as in 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10")
    digits = "".join(match.groups("")).replace("-", "")
    return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])


def text_member(wire, name, where=""):
    """A member that is a string, None where it is null or absent. RemoteError for any other type."""
    return typed(wire.get(name), str, where + name)


def created_at(wire):
    """When an Execution was created: a UTC time of RFC 3339 without its Z, so that texts sort as times do."""
    return typed(wire.get("created_at") or 0, str, "execution %s: created_at" % wire.get("id")).rstrip("Z")


def decode_base64(text):
    """The bytes of standard base64 with exact padding (RFC 4648, 4). ValueError for anything else, which a2b_base64
    skips, as it does what follows the padding: the length of what it returns tells."""
    data = a2b_base64(text)
    padding = text.endswith("=") + text.endswith("==")
    if len(text) % 4 or len(data) != len(text) // 4 * 3 - padding:
        raise ValueError("no standard base64 with exact padding")
    return data


class OutputRef(namedtuple("OutputRef", "kind data location sha256 fault")):
    """What is known of a target's output (contract, section 4). kind `inline`: `data` holds the bytes. kind
    `object_store`: `location` is BUCKET/KEY, and `sha256` a string, perhaps no digest at all, or empty. kind `none`:
    there is no output. kind `unreadable`: `fault` says why."""

    @classmethod
    def from_wire(cls, wire):
        """From a target's `output_ref`. Whatever is wrong in it makes it unreadable, and raises nothing."""
        if wire is None:
            return cls("none", b"", "", "", "")
        try:
            if not isinstance(wire, dict):
                raise ValueError("output_ref: expected an object")
            kind = text_member(wire, "kind")
            if kind == "inline":
                return cls(kind, decode_base64(text_member(wire, "inline_bytes") or ""), "", "", "")
            if kind != "object_store":
                raise ValueError('kind: unknown: "%s"' % kind)
            bucket, key = text_member(wire, "bucket"), text_member(wire, "key")
            if not bucket or not key:
                raise ValueError("bucket or key: expected a string that is not empty")
            return cls(kind, b"", "%s/%s" % (bucket, key), text_member(wire, "sha256") or "", "")
        except (ValueError, RemoteError) as error:    # ValueError: binascii.Error is one
            return cls("unreadable", b"", "", "", str(error))

    @property
    def digest(self):
        """The 64 lower-case hex digits of sha256, empty where it holds no such thing."""
        return self.sha256.lower() if re.fullmatch("[0-9A-Fa-f]{64}", self.sha256) else ""


# ----------------------------------------------------------------------------------------------- Operations

EXECUTIONS = "/v1/projects/%s/executions"
POLL_PAUSE, POLL_GROWTH, LONGEST_POLL_PAUSE = 2.0, 1.5, 15.0      # seconds, factor, seconds


def walk(transport, project, parameters):
    """The events of all pages from the cursor on, as of one document that has `items` alone, and PAGE between them.
    RemoteError also for a cursor that cannot be sent and for one that comes again, which is seen with one of them
    held, whatever the length of the cycle (Brent 1980)."""
    parameters = dict(parameters)
    kept, steps, power, empty = None, 0, 1, True
    while True:
        following = None
        for name, value in document(transport.get(EXECUTIONS % project, parameters), "items", "items"):
            if name == ELEMENT:
                empty = False
                yield name, value
            elif name == "next_cursor":
                following = value
        if not following:
            break
        try:
            parameters["cursor"] = following.encode("utf-8")
        except UnicodeEncodeError:
            raise RemoteError("next_cursor holds half a surrogate pair, which cannot be sent back")
        yield PAGE, following
        if following == kept:
            raise RemoteError("the server's cursors go round in a circle: %s came again" % following)
        steps += 1
        if steps == power:
            kept, steps, power = following, 0, power * 2
    if empty:
        yield "items", []
    yield END, None


def selected(events, array, wanted):
    """The same events, SKIPPED for the elements that are not wanted; a list of which nothing is left is []."""
    kept = skipped = False
    for name, value in events:
        if name == ELEMENT and wanted(value):
            kept = True
        elif name == ELEMENT:
            name, skipped = SKIPPED, True
        elif skipped and not kept and name != PAGE:     # here the list is over
            skipped = False
            yield array, []
        yield name, value


def last_created(events, count):
    """The Executions that were created last, oldest first, as of one document. Holds so many, and reads all first."""
    from heapq import nlargest
    executions = (value for name, value in events if name == ELEMENT)
    ranked = ((created_at(wire), number, wire) for number, wire in enumerate(executions))
    found = nlargest(count, ranked)
    yield from ((ELEMENT, wire) for _, _, wire in reversed(found))
    if not found:
        yield "items", []
    yield END, None


def get_execution(transport, project, execution_id, pauses=RETRY_PAUSES):
    """The events of one Execution: (NAME, value) for each member in wire order, but (ELEMENT, target) for each of its
    targets, one at a time, and last (END, None). OutputRef.from_wire reads a target's `output_ref`. RemoteError."""
    return document(transport.get("%s/%s" % (EXECUTIONS % project, execution_id), {}, pauses), "targets", "id")


def execution_status(transport, project, execution_id, pauses):
    """The Execution's present status. The body is read only until both id and status are known, its targets may be
    many; the connection is given up for that."""
    known = {}
    for name, value in get_execution(transport, project, execution_id, pauses):
        if name in ("id", "status"):
            known[name] = value
        if len(known) == 2:
            break
    transport.close()
    return text_member(known, "status")


def polled(transport, project, execution_id, told, say):
    """The final status of an Execution, asked for until it has one or the transport's limit is there."""
    changes, pause = [], POLL_PAUSE         # the last change of the status, none before the first
    while True:
        rest = pause
        try:
            status = execution_status(transport, project, execution_id, () if changes else RETRY_PAUSES)
            if changes[-1:] != [status]:
                changes = [status]
                told(status)
            if status in FINAL_STATUSES:
                return status
        except RemoteError as error:
            in_time = transport.bounded(1.0) > 0
            if in_time and not (changes and error.waited_out):
                raise
            transport.close()
            rest = max(pause, error.retry_after or 0.0)
            if in_time:
                say("retry", str(error))
        transport.sleep(transport.bounded(rest))
        if not transport.bounded(1.0):
            last = "the last status was %s" % framed(changes[-1]) if changes else "no status was answered"
            raise RemoteError("--wait-timeout passed; " + last)
        pause = min(pause * POLL_GROWTH, LONGEST_POLL_PAUSE)


def wait_for_execution(transport, project, execution_id, seconds=None, told=ignore, say=ignore):
    """The final status of an Execution, waited for (contract, section 9). `told(status)` is given each change of it,
    `say` each fault that is waited out; `seconds` bounds it all, None for no bound. RemoteError past the bound, and
    for what waiting does not mend."""
    transport.limit = None if seconds is None else transport.clock() + seconds
    try:
        return polled(transport, project, execution_id, told, say)
    finally:
        transport.limit = None


# ------------------------------------------------------------------------------------------------ Documents

# A form takes the events of a document and a View, and yields what is printed, text or bytes. `array` names the
# streamed list, `cursor` is that of the page, `terminal` and `colour` tell what standard output bears, and `say` is
# told a label and a text for standard error.
View = namedtuple("View", "array cursor terminal colour say")


def presented(events, view, element, member=lambda name, value: value):
    """The events as a form prints them: elements and members rendered, and what is shown when the events fail. When
    that happens after they began, the cursor of the page that failed takes the place of next_cursor, and the document
    ends well; where no cursor can say how to go on it is BROKEN. Then the failure is raised again."""
    begun = listed = False
    cursor = view.cursor
    try:
        for name, value in events:
            begun = True
            if name == ELEMENT:
                listed = True
                yield name, element(value)
            elif isinstance(name, str):
                listed = listed or name == view.array
                yield name, member(name, value)
            else:
                cursor = value if name == PAGE else cursor
                yield name, value
        return
    except RecursionError:
        failure = RemoteError("the body is nested too deeply to be printed")
    except RemoteError as error:
        failure = error
    if begun and cursor:
        if not listed:
            yield view.array, member(view.array, [])
        yield "next_cursor", member("next_cursor", cursor)
    if begun:
        yield END if cursor else BROKEN, None
    raise failure


def json_document(events, view):
    """The wire document, indented by 2; one that is BROKEN is left open, so that no parser takes it for whole."""
    encode = json.JSONEncoder(indent=2).encode
    lead, is_listing = "{\n  ", False
    for name, text in presented(events, view, lambda value: encode(value).replace("\n", "\n    "),
                                lambda name, value: encode(value).replace("\n", "\n  ")):
        if name == ELEMENT:
            yield (",\n    " if is_listing else '%s"%s": [\n    ' % (lead, view.array)) + text
            lead, is_listing = ",\n  ", True
        elif name == END or isinstance(name, str):
            closing = "\n  ]" if is_listing else ""
            yield closing + ("\n}\n" if name == END else "%s%s: %s" % (lead, encode(name), text))
            lead, is_listing = ",\n  ", False


def json_lines(events, view):
    """One compact object of the streamed list a line; the cursor goes to standard error."""
    for name, value in presented(events, view, json.JSONEncoder(separators=(",", ":")).encode):
        if name == ELEMENT:
            yield value + "\n"
        elif name == "next_cursor" and value:
            view.say("next_cursor", value)


YAML_ESCAPED = '[^ !#-\\[\\]-~]'
YAML_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
YAML_PLAIN_KEY = "[a-z][a-z_]{0,63}"
YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")


def yaml_string(text):
    """A double-quoted scalar in ASCII: the one style that no loader of YAML 1.1 or 1.2 takes for another type."""
    return '"%s"' % re.sub(YAML_ESCAPED, lambda found: YAML_SHORT.get(found.group()) or escaped(found.group()), text)


def yaml_scalar(value):
    """Any value that takes one line, empty collections included."""
    if isinstance(value, str):
        return yaml_string(value)
    text = json.dumps(value)
    if isinstance(value, float) and "." not in text:
        return text.replace("e", ".0e")         # YAML 1.1 wants the dot that Python leaves out of 1e+22
    return text


def yaml_node(value, pad):
    """The block form of a value: its first line as it is, all others after `pad`. RecursionError. One frame a level."""
    deeper = pad + "  "
    lines = []
    if isinstance(value, dict):
        for name, inner in value.items():
            is_plain = re.fullmatch(YAML_PLAIN_KEY, name) and name not in YAML_WORDS
            lead = "\n" + deeper if inner and isinstance(inner, (dict, list)) else " "
            lines.append((name if is_plain else yaml_string(name)) + ":" + lead + yaml_node(inner, deeper))
    elif isinstance(value, list):
        for inner in value:
            lines.append("- " + yaml_node(inner, deeper))
    return ("\n" + pad).join(lines) or yaml_scalar(value)


def yaml_document(events, view):
    """The wire document in block style, ASCII."""
    is_listing = False
    for name, text in presented(events, view, lambda value: "  - " + yaml_node(value, "    "),
                                lambda name, value: yaml_node({name: value}, "")):
        if name == ELEMENT and not is_listing:
            is_listing = True
            yield view.array + ":\n"
        if name == ELEMENT or isinstance(name, str):
            yield text + "\n"
        elif name == BROKEN:
            yield "# incomplete\n"


# ----------------------------------------------------------------------------------------------------- Text

COLUMNS = ("ID", "STATUS", "TYPE", "TARGETS", "CREATED_AT", "UPDATED_AT", "ACTION")
ROW_MEMBERS = ("id", "status", "type", "created_at", "updated_at", "action")
TEXT_TYPES = {str, type(None)}
TABLE_ROWS = 200                    # rows that are aligned with each other
WIDEST_COLUMN = 200                 # characters; a longer cell shifts its own row alone
STATUS_COLOURS = {"succeeded": "32", "failed": "31", "timeout": "31", "cancelled": "33", "started": "36", "ack": "36"}


def painted(text, code):
    """Text in an SGR colour (ECMA-48, 8.3.117), as it is for none."""
    return "\x1b[%sm%s\x1b[0m" % (code, text) if code else text


def whole_seconds(text):
    """A timestamp as it came, less the fraction of its second."""
    before, dot, after = text.partition(".")
    return before + after.lstrip("0123456789") if dot and before[-3:-2] == ":" else text


def row_of(wire, succeeded, total):
    """The cells of an Execution's row. ACTION is last because it alone has no bound, and may hold blanks."""
    values = [wire.get(name) for name in ROW_MEMBERS]
    if not TEXT_TYPES.issuperset(map(type, values)):
        values = [text_member(wire, name, "execution %s: " % wire.get("id")) for name in ROW_MEMBERS]
    identity, status, kind, created, updated, action = values
    row = [identity, status, kind, "%d/%d" % (succeeded, total),
           whole_seconds(created or ""), whole_seconds(updated or "")]
    joined = "".join([cell or " " for cell in row])
    if " " in joined or not joined.isprintable():       # one look at the row, for there may be a hundred thousand
        row = [framed(cell) for cell in row]
    return row + [visible(action or "-")]


def listed_row(wire):
    """The row of an Execution with its targets. RemoteError for a wrong type."""
    targets = [] if wire.get("targets") is None else wire["targets"]
    is_listed = isinstance(targets, list) and {dict}.issuperset(map(type, targets))
    statuses = [target.get("status") for target in targets] if is_listed else [0]
    if not TEXT_TYPES.issuperset(map(type, statuses)):
        raise RemoteError("execution %s: targets: expected objects, whose status is a string" % wire.get("id"))
    return row_of(wire, statuses.count("succeeded"), len(statuses))


class Table:
    """Rows of Executions below one header; columns grow from batch to batch, and never shrink."""

    def __init__(self, colour):
        self._colour = colour
        self._widest = COLUMNS      # cell of each column
        self._is_begun = False

    def lines(self, rows):
        """The rows aligned with each other, the header before them the first time."""
        self._widest = [max(column, key=len) for column in zip(self._widest, *rows)]
        widths = [min(len(cell), WIDEST_COLUMN) for cell in self._widest]
        line = "".join("%%-%ds  " % width for width in widths[:-1]) + "%s"
        header = [] if self._is_begun else [painted(line % COLUMNS, "1" if self._colour else "")]
        self._is_begun = True
        for row in rows if self._colour else ():
            row[1] = painted(row[1].ljust(widths[1]), STATUS_COLOURS.get(row[1], ""))
        return "\n".join(header + [line % tuple(row) for row in rows] + [""])


def listing(events, view):
    """A row an Execution, aligned over a page; at the end the cursor of the next one."""
    table, rows = Table(view.colour), []
    for name, value in presented(events, view, listed_row):
        if name == ELEMENT:
            rows.append(value)
        if len(rows) == TABLE_ROWS or name in (END, "next_cursor") or (rows and name in (PAGE, BROKEN)):
            yield table.lines(rows)
            rows = []
        if name == "next_cursor" and value:
            yield "next_cursor: %s\n" % visible(value)


def judged(events, view):
    """What text, raw and a folder share: (ELEMENT, (node id, status, OutputRef)) for each target that was asked for,
    and last (END, row), the row that `list` has for the Execution. What is unreadable is told. RemoteError."""
    wire, succeeded, total = {}, 0, 0
    for name, value in events:
        if name in (ELEMENT, SKIPPED):
            node_id = text_member(value, "node_id", "a target's ")
            status = text_member(value, "status", "target %s: " % framed(node_id))
            succeeded, total = succeeded + (status == "succeeded"), total + 1
        if name == ELEMENT:
            output = OutputRef.from_wire(value.get("output_ref"))
            if output.kind == "unreadable":
                view.say("error", "the output of target %s is unreadable: %s" % (framed(node_id), output.fault))
            elif output.sha256 and not output.digest:
                view.say("warning", "the digest of target %s is no SHA-256: %s" % (framed(node_id), output.sha256))
            yield ELEMENT, (node_id, status, output)
        elif name in ROW_MEMBERS:
            wire[name] = text_member({name: value}, name)
        elif name == END:
            yield END, row_of(wire, succeeded, total)


def archived(output):
    """Where an archived output is, and its digest if it has one."""
    return framed(output.location) + (" (sha256:%s)" % framed(output.sha256) if output.sha256 else "")


def sections(events, view):
    """A section a target, then the recap: header and row as `list` has them."""
    separator, bold = "", "1" if view.colour else ""
    for name, value in judged(events, view):
        if name == END:
            yield separator + Table(view.colour).lines([value])
            return
        node_id, status, output = value
        what, body = {"none": "no output", "object_store": "archived"}.get(output.kind, output.kind), b""
        if output.kind == "inline":
            what = "%d bytes" % len(output.data)
            body = terminal_safe(output.data) if view.terminal else output.data
            body += b"" if output.data[-1:] in (b"\n", b"") else b"\n"
        elif output.kind == "object_store":
            body = b"archived: %s\n" % archived(output).encode("utf-8")
        code = bold and STATUS_COLOURS.get(status, bold)
        header = [separator, painted("==> %s " % framed(node_id), bold), painted(framed(status), code),
                  painted(" %s <==" % what, bold), "\n"]
        yield "".join(header).encode("utf-8") + body
        separator = "\n"


def raw(events, view):
    """The bytes of inline outputs, one after the other; what is not among them is named."""
    for name, value in judged(events, view):
        if name == END:
            return
        node_id, _, output = value
        if output.kind == "inline":
            yield terminal_safe(output.data) if view.terminal else output.data
        elif output.kind == "object_store":
            view.say("archived", "%s, the output of target %s" % (archived(output), framed(node_id)))
        elif output.kind == "none":
            view.say("no output", "target %s" % framed(node_id))


def make_folder(path):
    """Make the output folder, or see that it is empty and no link. ExecLogError."""
    try:
        if os.path.islink(path.rstrip("/")):
            raise ExecLogError("--output-dir %s is a symbolic link" % path)
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
        if os.listdir(path):
            raise ExecLogError("--output-dir %s is not empty" % path)
    except (OSError, ValueError) as error:      # ValueError: a NUL in the name
        raise ExecLogError("--output-dir %s: %s" % (path, error_text(error)))


def write_new(path, data):
    """Write a new file, readable by its owner only. ExecLogError; mode x follows no link."""
    try:
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
    except OSError as error:
        raise ExecLogError("cannot write %s: %s" % (path, error_text(error)))


def checksum_line(digest, name):
    """A line as sha256sum writes and checks it: names with a backslash or a line end are escaped and marked."""
    plain = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return "%s%s  %s\n" % ("\\" if plain != name else "", digest, plain)


def archived_line(node, output, say):
    """The line of ARCHIVED.sha256 for an archived output; what has none is named."""
    name = output.location
    if name.startswith("/") or ".." in name.split("/") or re.search("[\0\ud800-\udfff]", name):
        say("warning", "the archived output of target %s is left out of ARCHIVED.sha256: it leads out of the folder, "
            "or no file can have its name: %s" % (node, visible(name)))
    elif output.digest:
        return checksum_line(output.digest, name)
    elif not output.sha256:
        say("warning", "the archived output of target %s has no digest: %s" % (node, archived(output)))
    return ""


def folder_files(folder, events, view):
    """A file for each inline output, checksums, and lists of nodes by how they ended; yields the recap. Holds a
    line for each target, and the outputs one at a time."""
    from hashlib import sha256
    names = ("SHA256SUMS", "ARCHIVED.sha256", "nodes.succeeded", "nodes.failed", "nodes.unfinished")
    lines, seen = {name: [] for name in names}, set()
    for name, value in judged(events, view):
        if name == END:
            for list_name in names if lines["nodes.unfinished"] else names[:-1]:
                write_new(os.path.join(folder, list_name), "".join(lines[list_name]).encode("utf-8"))
            yield Table(view.colour).lines([value])
            return
        node_id, status, output = value
        node = (node_id or "").lower()
        if node in seen or not re.fullmatch(UUID, node):
            why = "came before" if node in seen else "is no UUID"
            view.say("error", "target %s is left out: its node id %s" % (framed(node_id), why))
            continue
        seen.add(node)
        ended = "failed" if status in FAILED_STATUSES else status if status == "succeeded" else "unfinished"
        lines["nodes." + ended].append(node + "\n")
        if output.kind == "inline":
            write_new(os.path.join(folder, node + ".out"), output.data)
            lines["SHA256SUMS"].append(checksum_line(sha256(output.data).hexdigest(), node + ".out"))
        elif output.kind == "object_store":
            lines["ARCHIVED.sha256"].append(archived_line(node, output, view.say))


LIST_FORMS = {"text": listing, "json": json_document, "yaml": yaml_document, "jsonl": json_lines}
GET_FORMS = dict(LIST_FORMS, text=sections, raw=raw)


# --------------------------------------------------------------------------------------------- Command line

PROGRAM = "plexctl_exec_log.py"
LONGEST_TIMEOUT = 86400.0           # seconds
COMMON_DEFAULTS = {"server": None, "profile": None, "token_file": None, "output": "text", "ca_file": None,
                       "timeout": DEFAULT_TIMEOUT, "color": "auto", "verbose": False, "allow_http": False}
OPAQUE_FLAGS = ("--cursor", "--action-name", "--status")    # their values may begin with -
AGE_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
TIME_BEGINNING = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}(:[0-9]{2}(:[0-9]{2}Z)?)?)?"
EXIT_CODES = """exit codes:
  0   everything asked for was written
  1   transport or API failure, malformed answer, unreadable output, standard output unwritable
  2   usage: the command line, or a setting that stands for a flag
  3   credentials missing or insecure, or refused by the server (401)
  4   forbidden (403)
  5   with --exit-status: printed, but the Execution's status is not succeeded
  77  forbidden for want of a relation (403 with the code rebac_denied)
  130 interrupted (Ctrl-C)
  141 the reader of standard output went away
"""


def some_text(text):
    """Anything but nothing: an unset shell variable must not choose another credential. UsageError."""
    if not text:
        raise UsageError("expected a value that is not empty")
    return text


def row_limit(text):
    """Digits, empty for 0: the server's default. UsageError."""
    if not re.fullmatch("[0-9]+", text):
        raise UsageError("expected a whole number of rows, 0 for the server's default")
    return text.lstrip("0")


def how_many(text):
    """A number of Executions to hold. UsageError."""
    if not re.fullmatch("0*[1-9][0-9]*", text):
        raise UsageError("expected a whole number from 1 on")
    return int(text.lstrip("0")[:1000])     # int refuses 5,000 digits from 3.11 on


def duration(text):
    """A positive number of seconds, a day at most. UsageError."""
    number = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", text) else 0.0
    if not 0 < number <= LONGEST_TIMEOUT:
        raise UsageError("expected seconds, more than 0 and %d at most" % LONGEST_TIMEOUT)
    return number


def beginning(text):
    """The time that an age or the beginning of an RFC 3339 time stands for, as created_at tells times. UsageError."""
    if re.fullmatch("[0-9]+[smhdw]", text):
        age = float(text[:-1]) * AGE_UNITS[text[-1]]
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(max(0.0, time.time() - age)))
    from datetime import datetime
    try:
        if re.fullmatch(TIME_BEGINNING, text):
            datetime(*[int(digits) for digits in re.findall("[0-9]+", text)])
            return text.rstrip("Z")
    except ValueError:      # no such day
        pass
    raise UsageError("expected an age as 90s, 30m, 2h, 7d or 2w, or the beginning of a UTC time as "
                     "2026-11-24T09:30:00Z")


class Parser(argparse.ArgumentParser):
    """argparse's parser, whose errors are UsageErrors that quote nothing which may be a secret in the wrong place."""

    def __init__(self, **options):
        super().__init__(allow_abbrev=False, formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(
            prog, max_help_position=26, width=100), **options)
        self.color = False      # 3.14 would put it into usage and help

    def error(self, message):
        error = UsageError(re.sub(r"(?s)(invalid choice|invalid \w+ value|ignored explicit argument).*?"
                                  r"( \(choose from [^()]*\))?$", r"\1\2", message))
        error.usage = self.format_usage()
        raise error


class VersionAction(argparse.Action):
    """--version: what runs, told by version and SHA-256, so that a copy can be checked."""

    def __call__(self, parser, *_):
        from hashlib import sha256
        try:
            digest = sha256(__loader__.get_data(__file__)).hexdigest()
        except (AttributeError, OSError):       # python - < file
            digest = "unknown"
        print("version=%s sha256=%s" % (__version__, digest))
        parser.exit()


def add_common_flags(parser):
    """The flags of every command."""
    add = parser.add_argument
    add("--server", metavar="URL", type=Server.parse, help="the control plane (else PLEXSPHERE_URL, then the profile)")
    add("--profile", metavar="NAME", type=some_text, help="the profile of the config file (else its default)")
    add("--token-file", metavar="PATH", type=some_text, help="the token's file (else PLEXSPHERE_TOKEN, the profile)")
    add("--output", choices=tuple(GET_FORMS), help="the form of the output, raw for get alone (default text)")
    add("--ca-file", metavar="PATH", type=some_text, help="PEM file of the CAs to trust instead of the system's")
    add("--timeout", metavar="SECONDS", type=duration, help="the longest silence of the server (default 30)")
    add("--color", choices=("auto", "always", "never"), help="statuses and headers in colour (default auto)")
    add("--allow-http", action="store_true", help="plain http to other hosts too (or PLEXSPHERE_ALLOW_HTTP=1)")
    add("--yes", action="store_true", help="accepted, no effect: nothing here asks")
    add("--reveal-secrets", action="store_true", help="accepted, no effect: nothing here is hidden")
    add("-v", "--verbose", action="store_true", help="trace requests and responses on standard error")


def add_list_flags(parser):
    """The flags of `list` alone."""
    add = parser.add_argument
    add("--status", metavar="S", type=os.fsencode, help="only Executions with this status")
    add("--action-name", metavar="N", type=os.fsencode, help="only Executions of this action")
    add("--limit", metavar="N", type=row_limit, help="Executions on a page, 0 for the server's default")
    add("--cursor", metavar="C", type=os.fsencode, help="the page to begin with: the next_cursor of the page before")
    add = parser.add_mutually_exclusive_group().add_argument
    add("--all", action="store_true", help="all pages")
    add("--since", metavar="WHEN", type=beginning, help="of all pages what was created since, as 2h or 2026-11-24T09")
    add("--last", metavar="N", type=how_many, help="of all pages the N created last, oldest first")


def add_get_flags(parser):
    """The flags of `get` alone."""
    add = parser.add_argument
    add("--id", metavar="UUID", required=True, type=canonical_uuid, help="the Execution")
    add("--wait", action="store_true", help="wait until the Execution's status is final")
    add("--wait-timeout", metavar="SECONDS", type=duration, help="give up waiting after so long (with --wait)")
    add("--exit-status", action="store_true", help="exit 5 unless the Execution succeeded")
    add("--output-dir", metavar="DIR", type=some_text, help="a new folder for outputs, checksums and lists of nodes")
    add = parser.add_mutually_exclusive_group().add_argument
    add("--node", metavar="UUID", type=canonical_uuid, help="only the target with this node id")
    add("--failed", action="store_true", help="only targets that ended failed, cancelled or timeout")


def make_parser():
    """The command line: what argparse, shtab and other tools know of it. Flags of every command are not set where they
    were not given: a default of an inner parser would overwrite what stood before the command (COMMON_DEFAULTS)."""
    common = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    add_common_flags(common)
    shared = {"parents": [common], "epilog": EXIT_CODES}
    top = Parser(prog=PROGRAM, description="What plexsphere actions ran, where, and what they printed.", **shared)
    top.add_argument("--version", action=VersionAction, nargs=0, help="print version and SHA-256 of this file")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    inner = commands.add_parser("exec-log", help="list or get", **shared).add_subparsers(
        dest="command", metavar="COMMAND")
    commands.required = inner.required = True       # as an argument of add_subparsers it is 3.7's
    for group in (inner, commands):                 # since the word exec-log may be left out
        for name, add_flags, summary in (
                ("list", add_list_flags, "Show the Executions of a Project, in the order of their creation."),
                ("get", add_get_flags, "Show one Execution and what each of its targets printed.")):
            command = group.add_parser(name, description=summary, help=summary, **shared)
            command.add_argument("--project", metavar="UUID", required=True, type=canonical_uuid, help="the Project")
            add_flags(command)
    return top


def parse(argv):
    """The flags of a command line. UsageError; SystemExit where --help or --version was printed."""
    parser, arguments, rest = make_parser(), [], list(argv)
    while rest:
        argument = rest.pop(0)
        if argument in OPAQUE_FLAGS and rest and rest[0] != "--":
            argument += "=" + rest.pop(0)       # argparse takes a value that begins with - for a flag
        elif re.fullmatch("--[a-z-]+=--", argument):
            parser.error("argument %s: expected one argument" % argument[:-3])      # before 3.12.2 it got none
        arguments.append(argument)
    flags, unknown = parser.parse_known_args(arguments, argparse.Namespace(**COMMON_DEFAULTS))
    for argument in unknown:
        name = re.match("--[a-z]+(-[a-z]+)*(?=$|=)|-[a-z](?=$)", argument)
        if argument != "--":
            parser.error("unknown flag " + name.group() if name else "unexpected argument")
    if flags.command == "list" and flags.output == "raw":
        parser.error("argument --output: raw is a form of get alone")
    if flags.command == "get" and flags.wait_timeout and not flags.wait:
        parser.error("argument --wait-timeout: goes with --wait only")
    if flags.command == "get" and flags.output_dir and flags.output != "text":
        parser.error("argument --output-dir: goes with --output text only")
    return flags


def binary_stream(stream):
    """The raw stream below a text stream of the process, in whose buffer nothing is left; else the stream itself."""
    try:
        stream.flush()
    except (OSError, ValueError, AttributeError):       # AttributeError: closed, so it is None
        pass
    buffer = getattr(stream, "buffer", stream)
    return getattr(buffer, "raw", buffer)


def is_terminal(stream):
    """Whether a person looks at the stream."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):    # none, or no such method; closed
        return False


USER_INFO = r"(?i)(?:(?<=//)|(?<=http:)|(?<=https:))[^/?#\s]*@"
SHORTEST_MASKED_SECRET = 8          # characters; anything shorter would mask innocent text
LINE_LENGTH = 4000                  # characters; what is longer is no message
LIVE_LINE_LENGTH = 72               # characters; a longer line would wrap, and then could not be overwritten


class Console:
    """The standard streams: bytes on standard output; visible lines without secrets on standard error. Both are
    written at once, below Python's own buffers, in which unwritten bytes would bring a second failure at the exit.
    What standard error does not take is dropped; `has_failed` tells whether an error was said."""

    def __init__(self, stdout, stderr):
        self.out, self._err = binary_stream(stdout), binary_stream(stderr)
        self.out_terminal, self.err_terminal = is_terminal(self.out), is_terminal(self._err)
        self.has_failed = self._is_live = False
        self._secrets = set()

    def write(self, piece):
        """Write text or bytes to standard output, whole. ExecLogError, with exit code 141 where its reader has left."""
        left = memoryview(piece.encode("utf-8") if isinstance(piece, str) else piece)
        if self.out is None:
            raise ExecLogError("standard output is closed")
        try:
            while left:
                size = self.out.write(left)
                if size is None:        # a descriptor that does not block, and takes nothing now
                    import select
                    select.select([], [self.out], [])
                left = left[size or 0:]
        except BrokenPipeError:
            error = ExecLogError("the reader of standard output left")
            error.exit_code = 141
            raise error
        except (OSError, ValueError, TypeError) as error:   # ValueError: closed; TypeError: a stream for text
            raise ExecLogError("cannot write standard output: %s" % error_text(error))

    def hide(self, *secrets):
        """Show *** for these texts from now on, percent-encoded or not."""
        for secret in secrets:
            if len(secret) >= SHORTEST_MASKED_SECRET:
                from urllib.parse import quote
                self._secrets.update([secret, quote(secret, safe="")])

    def line(self, text, is_live=False):
        """One line on standard error, in place of a live one, which the next overwrites; an empty one is removed."""
        text = visible(text[:16000])[:16000]        # masking takes the square of the length, and must cut no secret
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = re.sub("(?i)" + re.escape(secret), "***", text)
        text = re.sub(USER_INFO, "***@", text)
        erasing = "\r\x1b[K" if is_live or self._is_live else ""
        self._is_live = is_live and bool(text)
        text = erasing + (text[:LIVE_LINE_LENGTH] if is_live else text[:LINE_LENGTH] + "\n")
        try:
            self._err.write(text if isinstance(self._err, io.TextIOBase) else text.encode("utf-8"))
        except (OSError, ValueError, AttributeError):   # AttributeError: standard error is closed, so it is None
            pass

    def say(self, label, text):
        """A line `LABEL: TEXT`. An `error` says that something is missing on standard output, `archived` too."""
        self.has_failed = self.has_failed or label in ("error", "archived")
        self.line("%s: %s" % (label, text))

    def live(self, text):
        """A live line for a terminal; an empty text removes it."""
        if text or self._is_live:
            self.line(text, is_live=True)


def show(form, events, array, cursor, flags, console):
    """Write a document in a form."""
    is_wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    colour = flags.color == "always" or flags.color == "auto" and console.out_terminal and is_wanted
    for piece in form(events, View(array, cursor, console.out_terminal, colour, console.say)):
        console.write(piece)


def watched(events, seen, tell, progress):
    """The same events. `seen` counts the marks and keeps the status; `tell` is given the progress now and then."""
    for name, value in events:
        if name == "status":
            seen[name] = value
        elif not isinstance(name, str):
            seen[name] += 1
            if name in (PAGE, END) or seen[name] % 100 == 1:
                tell(progress())
            if name == END:
                tell("")
        yield name, value


def run_list(flags, console, transport):
    """The command `list`; its exit code."""
    parameters = {name: getattr(flags, name) for name in ("status", "action_name", "limit", "cursor")}
    if not (flags.all or flags.since or flags.last):
        events = document(transport.get(EXECUTIONS % flags.project, parameters), "items", "items")
    else:
        events, seen = walk(transport, flags.project, parameters), Counter()
        if console.err_terminal and (flags.last or not console.out_terminal):
            events = watched(events, seen, console.live, lambda: "%d pages, %d executions"
                             % (seen[PAGE] + 1, seen[ELEMENT]))
        if flags.since:
            events = selected(events, "items", lambda wire: created_at(wire) >= flags.since)
        if flags.last:
            events = last_created(events, flags.last)
    show(LIST_FORMS[flags.output], events, "items", os.fsdecode(flags.cursor or b""), flags, console)
    return 0


def run_get(flags, console, transport):
    """The command `get`; its exit code."""
    form = GET_FORMS[flags.output]
    if flags.output_dir:
        make_folder(flags.output_dir)       # before anything is waited for
        form = partial(folder_files, flags.output_dir)
    if flags.wait:
        tell = console.live if console.err_terminal else console.line
        wait_for_execution(transport, flags.project, flags.id, flags.wait_timeout,
                           lambda status: tell("status: " + framed(status)), console.say)
        console.live("")
    seen = Counter()
    events = get_execution(transport, flags.project, flags.id)
    if flags.node or flags.failed:
        events = selected(events, "targets", lambda wire: wire.get("status") in FAILED_STATUSES if flags.failed else
                          str(wire.get("node_id")).lower() == flags.node)
    is_told = console.err_terminal and (flags.output_dir or not console.out_terminal)
    events = watched(events, seen, console.live if is_told else ignore, lambda: "%d targets, %d bytes"
                     % (seen[ELEMENT] + seen[SKIPPED], transport.received))
    show(form, events, "targets", "", flags, console)
    if flags.node and not seen[ELEMENT]:
        raise ExecLogError("node %s is not a target of execution %s" % (flags.node, flags.id))
    return 1 if console.has_failed else 5 if flags.exit_status and seen["status"] != "succeeded" else 0


def run(argv, console, sleep):
    """Carry out a command line; its exit code. ExecLogError."""
    from contextlib import redirect_stdout
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            flags = parse(argv)
    except SystemExit:      # --help or --version has printed
        console.write(printed.getvalue())
        return 0
    server, token, warning = find_settings(flags, os.environ)
    console.hide(token)
    if warning:
        console.say("warning", warning)
    proxy = find_proxy(server, os.environ)
    console.hide(*proxy.secrets if proxy else ())
    console.write(b"")      # a closed standard output ends it before anything is asked
    allow_http = flags.allow_http or os.environ.get("PLEXSPHERE_ALLOW_HTTP") == "1"
    transport = Transport(server, token, flags.ca_file, flags.timeout, allow_http, proxy, console.say,
                          console.line if flags.verbose else ignore, sleep=sleep)
    try:
        return (run_list if flags.command == "list" else run_get)(flags, console, transport)
    finally:
        transport.close()


def main(argv=None, stdout=None, stderr=None, sleep=time.sleep):
    """Run the command line `argv` (without the program's name), and return its exit code; never exits. `stdout` is a
    binary stream, `stderr` a binary or text stream; without them the process's own. Every ExecLogError ends here, in
    a line on stderr and its exit code; anything else is a bug and keeps its traceback."""
    console = Console(stdout or sys.stdout, stderr or sys.stderr)
    console.hide(os.environ.get("PLEXSPHERE_TOKEN", ""))
    try:
        return run(sys.argv[1:] if argv is None else argv, console, sleep)
    except ExecLogError as error:
        if error.exit_code == 141:
            return 141      # whoever reads has had enough
        if isinstance(error, UsageError):
            for text in (error.usage or make_parser().format_usage()).splitlines():
                console.line(text)
        console.say("error", str(error))
        if error.hint:
            console.say("hint", error.hint)
        return error.exit_code
    except MemoryError:
        console.say("error", "out of memory")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        console.live("")


if __name__ == "__main__":
    # Hardly anything here needs the collector: it comes seldom, and not at the exit. PyPy has neither, 3.6 no freeze.
    getattr(gc, "set_threshold", int)(3000)
    exit_code = main()
    getattr(gc, "freeze", int)()
    sys.exit(exit_code)
