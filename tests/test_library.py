"""Sections 8 and 10: where the program runs, and the module as a library.

Operations, time limits and a program's own exceptions are in other files, and so are Windows and Ctrl-C."""

import ast
import concurrent.futures
import copy
import inspect
import io
import operator
import os
import pickle
import re
import subprocess
import sys
import tempfile
import textwrap
from datetime import datetime

import pytest

import plexctl_exec_log as program
from control_plane import EXECUTIONS, PROJECT, SHOWCASE, SHOWCASE_NODES, TOKEN
from kit import (
    ALL_BYTES,
    EXECUTION,
    GET,
    HERE,
    LIST,
    MODULE,
    NODES,
    NO_NAME,
    PATH,
    ROOT,
    SOURCE,
    STARTED,
    WINDOWS,
    Proxy,
    execution,
    inline,
    page,
    posix_only,
    read_queries,
    read_text,
    rule,
    run_cli,
    run_python,
    surroundings,
    target,
)
from server import DROP, HANG, Reply

PUBLIC_NAMES = """APIError ConnectError UnusableResponse
    CredentialsError ExecLogError FAILED_STATUSES FINAL_STATUSES Listing OutputRef RemoteError
    RUNNING_STATUSES ResponseTooLarge Server TimedOut Transport UsageError WaitTimeout get_execution get_page main
    make_parser make_visible parse_uuid wait_for_execution""".split()
#: Names of 5.0.0 that must not return, public or private.
GONE_NAMES = set(
    """Document JSONReader ReadAhead CursorCheck TimeWindow SelectedTargets ErrorCount walk deadline_passed
    remaining transient can_resume copy_error read_members resume last_created_at""".split()
)


def catch(call, *arguments, **options):
    """Call, and return the ExecLogError that this raises."""
    with pytest.raises(program.ExecLogError) as caught:
        call(*arguments, **options)
    return caught.value


def run_program(source, plane):
    """Run a program that imports the module, and return what it prints. Warnings are errors there."""
    with tempfile.TemporaryFile("w+") as file:
        file.write("from plexctl_exec_log import *\n" + source)
        file.seek(0)
        result = run_python(
            "-X",
            "dev",
            "-W",
            "error",
            "-",
            plane=plane,
            stdin=file,
            env={"PYTHONPATH": ROOT, "PLEXSPHERE_PROJECT": PROJECT, "PYTHONIOENCODING": "utf-8"},
        )
    assert (result.code, result.err) == (0, "")
    return result.out.decode("utf-8")


# ---- 8.1, 8.2: every Python, every way to start it, nothing but the standard library

BINARY_OUTPUT = ("get", SHOWCASE, "--project", PROJECT, "--node", SHOWCASE_NODES["binary"], "--output", "raw")
MODULES_USED = set(re.findall(r"(?m)^ *(?:import|from) (\w+)(?: as \w|$|\.\w+ import| import)", SOURCE))


@rule("8.1")
@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs sys.stdlib_module_names")
def test_source_is_python_3_6_and_imports_only_the_standard_library():
    assert len(MODULES_USED) > 20 and sys.stdlib_module_names >= MODULES_USED
    ast.parse(SOURCE, feature_version=(3, 6))


ACCENTS = "red\u00e9 \u6f22"
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
#: Flags of Python, and the program.
STARTS = [
    "plexctl_exec_log.py",
    "-m plexctl_exec_log",
    "-",
    "-I -u -B -S plexctl_exec_log.py",
    "-bb -OO -X dev -W error plexctl_exec_log.py",
    "-c __import__('sys').exit(__import__('plexctl_exec_log').main())",
]


@rule("8.1", "8.1a", "8.1c")
@pytest.mark.parametrize("start", STARTS)
def test_program_does_the_same_however_it_is_started(plane, start):
    plane.script(*[Reply(page(execution(action=ACCENTS), next_cursor="c")), Reply({"detail": "lost"}, 404)] * 2)
    argv = LIST + ("--all", "--action-name", ACCENTS if WINDOWS else ACCENTS.encode("utf-8"))
    with open(MODULE, "rb") as file:
        result = run_python(*start.split(), *argv, plane=plane, env=ASCII, cwd=ROOT, stdin=file)
    assert result == run_cli(*argv, plane=plane) and result.out.decode("utf-8").endswith(ACCENTS + "\n")
    assert {query["action_name"] for query in read_queries(plane)} == {ACCENTS}


@posix_only
@rule("8.1c")
def test_program_needs_no_environment_variable(plane, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    line = [sys.executable, MODULE, *BINARY_OUTPUT, "--server", plane.url, "--token-file", str(tmp_path / "token")]
    assert subprocess.check_output(line, env={}) == ALL_BYTES


#: Runs the program as a script, and reports each attempt to change something in the file system or to run something.
WATCHED = """
import os, runpy, sys
def watch(event, details):
    changes = event.split(".")[0] in ("subprocess", "shutil", "tempfile") or event in ["os." + name for name in (
        "mkdir remove rename rmdir link symlink truncate chmod chown utime system exec fork posix_spawn").split()]
    if event == "open" and isinstance(details[0], (str, bytes)):
        # PyPy reports O_WRONLY for every open().
        changes = details[1] != "r" and details[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    if changes:
        sys.stderr.write("%s %r\\n" % (event, details))
sys.addaudithook(watch)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@rule("8.1b", "8.1c")
@pytest.mark.skipif(not hasattr(sys, "addaudithook"), reason="needs sys.addaudithook")
@pytest.mark.parametrize("argv", [LIST + ("--last", "3"), BINARY_OUTPUT], ids=["list", "get"])
def test_program_writes_no_file_and_runs_no_program(tls_plane, argv):
    code, out, err = run_python("-B", "-c", WATCHED, MODULE, *argv, plane=tls_plane)
    assert (code, err) == (0, "") and out


@pytest.fixture(scope="module")
def hostile_folder(tmp_path_factory):
    """A copy of the program in a folder with a hostile file for every module of the standard library."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "plexctl_exec_log.py").write_bytes(SOURCE.encode("utf-8"))
    for name in (
        MODULES_USED
        | set(getattr(sys, "stdlib_module_names", sys.builtin_module_names))
        | {"email", "encodings", "enum", "http", "importlib", "ssl", "select", "selectors", "urllib", "zipimport"}
    ):
        (folder / (name + ".py")).write_text("import os\nos.write(2, b'it was imported')\nos._exit(9)\n")
    return str(folder)


#: Exit codes, and command lines that between them import all that the program imports.
IMPORTING = [
    "2 nonsense",
    "1 get ID",
    "1 get ID --wait --wait-timeout 9 --output-dir NEW",
    "0 list --last 2 --since 07-01 --until 2030-01-01T00:00+01:00 --server http://plane.test --allow-http -v",
]


@rule("8.2")
@pytest.mark.parametrize("line", IMPORTING)
def test_script_imports_nothing_from_its_own_folder(tls_plane, plane, hostile_folder, tmp_path, line):
    tls_plane.script(Reply(execution([target(inline(b"one\n")), target({"kind": "?"}, NODES[1])])))
    code, *argv = line.replace("NEW", str(tmp_path / "new")).replace("ID", EXECUTION).split()
    result = run_python(
        "plexctl_exec_log.py",
        *argv,
        plane=tls_plane,
        cwd=hostile_folder,
        env={"HTTP_PROXY": plane.url, "PLEXSPHERE_PROJECT": PROJECT},
    )
    assert "it was imported" not in result.err and result.code == int(code), result.err


@rule("8.2")
@pytest.mark.parametrize("env", [{}, {"PYTHONSAFEPATH": "1"}], ids=["own folder first", "safe path"])
def test_script_keeps_the_rest_of_the_import_path(tmp_path, env):
    # What is imported in place of argparse shows the path. From 3.11 on, PYTHONSAFEPATH keeps the script's folder out.
    (tmp_path / "argparse.py").write_text("import os, sys\nos.write(1, sys.path[0].encode())\nos._exit(0)\n")
    env = dict(env, PYTHONPATH=str(tmp_path))
    assert run_python(MODULE, "--version", env=env) == (0, str(tmp_path).encode(), "")


# ---- 8.3: import and main change nothing in the process

#: Prints what importing the program, and then calling main, changed in the process.
COMPARED = """
import gc, io, locale, os, signal, sys, threading, warnings
def take_stock():
    return dict(streams=(sys.stdin, sys.stdout, sys.stderr), argv=sys.argv[:], path=sys.path[:], folder=os.getcwd(),
                environment=dict(os.environ), locale=locale.setlocale(locale.LC_ALL), filters=warnings.filters[:],
                handlers=[signal.getsignal(number) for number in (2, 15)], hooks=(sys.excepthook, sys.displayhook),
                collector=(gc.isenabled(), getattr(gc, "get_threshold", int)()), threads=threading.active_count(),
                umask=(os.umask(18), os.umask(18)))
os.umask(18)
before = take_stock()
import plexctl_exec_log as program
after = take_stock()
print("import", [name for name in before if before[name] != after[name]], "typing" in sys.modules)
names = {name: id(value) for name, value in vars(program).items()}
codes = [program.main(line.split(), io.BytesIO(), io.StringIO()) for line in sys.argv[1:]]
after = take_stock()
print("main", [name for name in before if before[name] != after[name]], codes,
      names == {name: id(value) for name, value in vars(program).items()})
"""


@rule("8.1a", "8.3a")
def test_import_and_main_change_nothing_in_the_process(plane, tmp_path):
    lines = [
        "--help",
        "--version",
        "nonsense",
        "list",
        " ".join(LIST),
        " ".join(GET),
        " ".join(LIST + ("--all",)),
        "get --project %s %s --output-dir %s" % (PROJECT, SHOWCASE, tmp_path / "out"),
    ]
    code, out, err = run_python("-S", "-c", COMPARED, *lines, plane=plane, env={"PYTHONPATH": ROOT})
    assert (code, err, out.decode().splitlines()) == (
        0,
        "",
        ["import [] False", "main [] [0, 0, 2, 2, 0, 1, 0, 0] True"],
    )


VERSION = program.__version__.encode("ascii")


@rule("8.3")
def test_main_uses_sys_argv_and_the_streams_of_the_process(monkeypatch):
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-16-le"), io.TextIOWrapper(io.BytesIO())
    for name, value in (("argv", ["any name", "list"]), ("stdout", out), ("stderr", err)):
        monkeypatch.setattr(sys, name, value)
    out.write("me")
    assert program.main(["--version"]) == 0 and out.buffer.getvalue() == b"m\0e\0version=%s\n" % VERSION
    assert program.main() == 2 and err.buffer.getvalue().startswith(b"error: no Project")


@rule("8.3", "8.3a", "10.2d")
def test_main_runs_in_several_threads_each_with_its_own_streams(plane):
    def run(identity):
        out, err = io.BytesIO(), io.StringIO()
        code = program.main(["get", identity, "-o", "jsonl"], out, err, slept.append)
        return "%d %d %s" % (code, out.getvalue().count(b"\n"), err.getvalue()[:10])

    slept = []
    plane.script(Reply({}, 503))
    with surroundings(plane, {"PLEXSPHERE_PROJECT": PROJECT}), concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = sorted(pool.map(run, [SHOWCASE] * 6 + ["nonsense"]))
    assert results == ["0 6 "] * 5 + ["0 6 retry: HTT", "2 0 error: get"] and slept == [0.5]


# ---- 10.1: names, types, the example


@rule("10.1", "10.1a")
def test_public_names_are_those_of_the_contract_and_old_ones_are_gone():
    assert sorted(program.__all__) == sorted(PUBLIC_NAMES)
    nodes = ast.walk(ast.parse(SOURCE))
    words = {str(getattr(node, field, "")) for node in nodes for field in ("id", "attr", "name", "arg")}
    assert {word.strip("_") for word in words} & GONE_NAMES == set()
    assert " ".join(program.RUNNING_STATUSES + program.FINAL_STATUSES) == (
        "pending ack started succeeded failed cancelled timeout"
    )
    assert program.FINAL_STATUSES[1:] == program.FAILED_STATUSES and len(program.FINAL_STATUSES) == 4


@rule("10.1a")
def test_typed_program_has_every_public_name_and_the_example():
    # .ci/ci.py runs `mypy --strict` on this program.
    source = read_text(os.path.join(HERE, "typed_program.py"))
    assert [name for name in PUBLIC_NAMES if source.count(name) < 2] == [] and read_example() in source


def read_example():
    """Return the example of the module's docstring, indented as it is there."""
    return re.search("(?m)^    try:\n(?:(?:    .*)?\n)+", program.__doc__).group().rstrip() + "\n"


@rule("10.1a")
def test_example_runs_as_printed_and_reports_each_failed_output(plane):
    lines = run_program(textwrap.dedent(read_example()), plane).splitlines()
    targets = [each for wire in EXECUTIONS if wire["status"] in program.FAILED_STATUSES for each in wire["targets"]]
    assert [line[:36] for line in lines] == [each["node_id"] for each in targets]
    assert sum(" plexsphere-exec-logs/executions/" in line for line in lines) == 2
    plane.script(Reply({}, 403))
    report = run_program(textwrap.dedent(read_example()), plane)
    assert report.splitlines() == ["the report is incomplete: HTTP 403 Forbidden"]


URLS = {
    "https://Plane.Example": "https plane.example 443 ''",
    "http://[::1]": "http ::1 80 ''",
    " HTTPS://10.0.0.1:8443/a/B/ ": "https 10.0.0.1 8443 '/a/B'",
    "http://h:1/": "http h 1 ''",
    "http://h:65535": "http h 65535 ''",
}


@rule("10.1b")
@pytest.mark.parametrize("url", sorted(URLS))
def test_server_has_the_parts_of_its_url(url):
    server = program.Server.parse(url)
    assert "%s %s %d %r" % (server.scheme, server.host, server.port, server.prefix) == URLS[url]


# ---- 10.2, 10.3a: Transport


class AnyFunction:
    """Stands in a signature for a default that is a function."""

    def __repr__(self):
        return ""


SIGNATURES = {
    "Transport": "server, token, *, proxy=None, ca_file=None, timeout=30.0, allow_http=False, pauses=(0.5, 1.0), "
    "on_retry=, on_progress=, trace=, clock=, sleep=",
    "Transport.from_settings": "server=None, profile=None, token_file=None, **options",
    "Transport.close": "self",
    "Transport.get": "self, path, parameters, max_bytes=%d" % (256 << 20),
    "Transport.time_limit": "self, seconds",
    "get_page": "transport, project, parameters=None",
    "get_execution": "transport, project, execution_id",
    "wait_for_execution": "transport, project, execution_id, seconds=None, on_status=",
    "Listing": "transport, project, *, statuses=(), action_name=None, since=None, until=None, limit=200, cursor=None",
    "OutputRef.from_wire": "ref",
    "parse_uuid": "value",
    "make_visible": "text",
    "make_parser": "command=''",
    "main": "argv=None, stdout=None, stderr=None, sleep=",
}


@rule("10.2", "10.2a", "8.3")
@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_signature_is_that_of_the_contract(name):
    given = inspect.signature(operator.attrgetter(name)(program))
    plain = [
        each.replace(annotation=each.empty, default=AnyFunction() if inspect.isroutine(each.default) else each.default)
        for each in given.parameters.values()
    ]
    assert str(inspect.Signature(plain)) == "(%s)" % SIGNATURES[name]


@rule("10.2", "10.2a")
def test_from_settings_uses_the_proxy_of_the_environment(plane):
    url, own = "http://" + NO_NAME, type("OwnTransport", (program.Transport,), {})
    with Proxy(plane) as proxy, surroundings(plane, {"HTTP_PROXY": proxy.url}):
        found = own.from_settings(url, allow_http=True)
        given = own(found.server, TOKEN, allow_http=True, proxy=proxy.url)
        for transport in (found, given):
            assert program.get_page(transport, PROJECT)["items"] and type(transport) is own
            transport.close()
        without = own(found.server, TOKEN, allow_http=True)
        assert "does not resolve" in str(catch(program.get_page, without, PROJECT)) and len(proxy.requests) == 2


@posix_only
@rule("10.2d")
def test_forked_child_opens_a_connection_of_its_own(plane):
    assert run_program(
        """
import os
def read():
    return get_execution(transport, os.environ["PLEXSPHERE_PROJECT"], "%s")["status"] == "failed"
with Transport.from_settings() as transport:
    read()
    child = os.fork()
    if not child:
        os._exit(not (read() and read()))
    print(os.waitpid(child, 0)[1], read())
"""
        % SHOWCASE,
        plane,
    ) == "0 True\n" and (plane.connections, len(plane.requests)) == (2, 4)


@rule("10.3a")
def test_every_operation_uses_a_get_that_a_test_overrides():
    class OwnGet(program.Transport):
        def get(self, path, parameters, max_bytes=0):
            asked.append("%s %s %d" % (path[len(PATH) :], parameters.get("status", ""), max_bytes >> 20))
            return dict(STARTED, status="failed", items=[STARTED])

    asked, canned = [], OwnGet(program.Server.parse("http://127.0.0.1:1"), TOKEN)
    pages = [program.get_page(canned, PROJECT, {"limit": limit})["items"] for limit in ("1", 1, 11)]
    assert pages + [list(program.Listing(canned, PROJECT, statuses=["failed", "started"]))] == [[STARTED]] * 4
    for operation in (program.get_execution, program.wait_for_execution):
        assert operation(canned, PROJECT, EXECUTION)["status"] == "failed"
    assert asked == ["  256", "  256", "  32", " started 32", " failed 32"] + ["/%s  256" % EXECUTION] * 2


# ---- 10.6: errors

FAMILY = """UsageError ExecLogError 2; CredentialsError ExecLogError 3; RemoteError ExecLogError 1;
    TimedOut RemoteError 1; APIError RemoteError 1; ConnectError RemoteError 1;
    UnusableResponse RemoteError 1; ResponseTooLarge UnusableResponse 1; WaitTimeout TimedOut 124"""


def describe_kind(error):
    """Return the nearest public class of an error, its exit code and its attributes, after copying it."""
    for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert [type(twin), twin.args, vars(twin), str(twin)] == [type(error), error.args, vars(error), str(error)]
    kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in PUBLIC_NAMES)
    extra = [getattr(error, name) for name in ("retryable", "status", "problem", "execution") if hasattr(error, name)]
    return " ".join(map(str, [kind, error.exit_code] + extra))


@rule("10.6")
@pytest.mark.parametrize("row", FAMILY.split(";"))
def test_error_class_has_its_base_exit_code_and_hint(row):
    name, base, code = row.split()
    error = getattr(program, name)("it failed", "try again")
    assert isinstance(error, getattr(program, base)) and (str(error), error.hint) == ("it failed", "try again")
    assert describe_kind(error).startswith("%s %s" % (name, code)) and type(error)("").hint == ""


#: For each answer: the public class of the error, its exit code, whether it is retryable, status and problem.
ANSWERS_AND_ERRORS = [
    (Reply({"code": "x"}, 400), "APIError 1 False 400 {'code': 'x'}"),
    (Reply({}, 401), "APIError 3 False 401 {}"),
    (Reply("no", 403), "APIError 4 False 403 {}"),
    (Reply({"n": 1}, 503), "APIError 1 True 503 {'n': 1}"),
    (Reply({"code": "rebac_denied"}, 403), "APIError 77 False 403 {'code': 'rebac_denied'}"),
    (Reply(b"", 302), "APIError 1 False 302 {}"),
    (DROP, "RemoteError 1 True"),
    (HANG, "TimedOut 1 True"),
    (Reply(b"", 302, [("Location", "/x")]), "RemoteError 1 False"),
    (Reply(b"{}", cut=1), "RemoteError 1 True"),
    (Reply(b"<html>"), "UnusableResponse 1 False"),
    (Reply(announce=(32 << 20) + 1), "ResponseTooLarge 1 False"),
]


@rule("10.6")
@pytest.mark.parametrize("answer, described", ANSWERS_AND_ERRORS, ids=lambda value: str(value)[:20])
def test_error_of_a_response_says_what_it_is_and_can_be_copied(plane, answer, described):
    plane.script(answer)
    timeout = 0.2 if answer is HANG else 30
    with program.Transport(program.Server.parse(plane.url), TOKEN, pauses=(), timeout=timeout) as transport:
        assert describe_kind(catch(program.get_page, transport, PROJECT)) == described


@rule("10.6")
def test_error_without_a_response_says_what_it_is(plane, clock, transport):
    plane.script(Reply(STARTED))
    error = catch(program.wait_for_execution, transport, PROJECT, EXECUTION, 0)
    assert describe_kind(error) == "WaitTimeout 124 False %s" % error.execution and error.execution == STARTED
    with transport.time_limit(5):
        clock.sleep(5)
        assert describe_kind(catch(transport.get, "/", {})) == "TimedOut 1 False"


# ---- 10.6a: wrong arguments

#: Calls with a wrong argument, and how the error begins.
WRONG_CALLS = r"""
    parse_uuid('')                                                          UsageError expected a UUID, such as
    parse_uuid(7)                                                           UsageError expected a UUID, such as
    parse_uuid(ID + '0')                                                    UsageError expected a UUID, such as
    parse_uuid('(%s)' % ID)                                                 UsageError expected a UUID, such as
    parse_uuid(ID.encode())                                                 UsageError expected a UUID, such as
    get_page(transport, ID + '/..')                                         UsageError project: expected a UUID, such as
    get_page(transport, ID, {'cursor': '\ud800'})                           UsageError a parameter contains a lone
    get_execution(transport, 'x', ID)                                       UsageError project: expected a UUID, such as
    get_execution(transport, ID, None)                                      UsageError execution_id: expected a UUID
    wait_for_execution(transport, ID, 'x')                                  UsageError execution_id: expected a UUID
    wait_for_execution(transport, 'x', ID, 5)                               UsageError project: expected a UUID, such as
    wait_for_execution(transport, ID, ID, -1)                               UsageError seconds: expected a number of
    wait_for_execution(transport, ID, ID, '5')                              UsageError seconds: expected a number of
    wait_for_execution(transport, ID, ID, 86400.1)                          UsageError seconds: expected a number of
    transport.time_limit(0).__enter__()                                     UsageError seconds: expected a number of
    transport.time_limit(None).__enter__()                                  UsageError seconds: expected a number of
    Listing(transport, 'x')                                                 UsageError project: expected a UUID, such as
    Listing(transport, ID, statuses='failed')                               UsageError statuses: expected an iterable
    Listing(transport, ID, statuses=['failed', ''])                         UsageError statuses: expected an iterable
    Listing(transport, ID, since=datetime(2026, 7, 14))                     UsageError since and until: expected an
    Listing(transport, ID, until=datetime(2026, 7, 14))                     UsageError since and until: expected an
    Listing(transport, ID, since='2026-07-14T00:00:00Z')                    UsageError since and until: expected an
    Listing(transport, ID, cursor='c', statuses=['failed', 'x'])            UsageError a cursor belongs to one query
    Transport('https://h', 'token')                                         UsageError server: expected a Server
    Transport(None, 'token')                                                UsageError server: expected a Server
    Transport(transport.server, None)                                       CredentialsError the token is empty
    Transport(transport.server, 'a b')                                      CredentialsError the token is empty
    Transport(transport.server, '\xe9')                                     CredentialsError the token is empty
    Transport(transport.server, 'Bearer x')                                 CredentialsError the token begins with
    Transport(transport.server, 'token', timeout=0)                         UsageError timeout: expected a number of
    Transport(transport.server, 'token', timeout=None)                      UsageError timeout: expected a number of
    Transport(transport.server, 'token', timeout='30')                      UsageError timeout: expected a number of
    Transport(transport.server, 'token', timeout=86400.1)                   UsageError timeout: expected a number of
    Transport(transport.server, 'token', timeout=float('nan'))              UsageError timeout: expected a number of
    Transport(transport.server, 'token', proxy=7)                           UsageError the proxy: expected http://host
    Transport(transport.server, 'token', proxy='')                          UsageError the proxy: expected http://host
    Transport(Server.parse('http://plane.example'), 'token')                RemoteError plain http to plane.example
    Transport.from_settings('x', profile='x')                               CredentialsError there is no config file
    Server.parse(None)                          UsageError the server: expected http(s)://host[:port][/prefix]
    Server.parse('')                            UsageError the server: expected http(s)://host[:port][/prefix]
    Server.parse('ftp://h')                     UsageError the server: expected http(s)://host[:port][/prefix]
    Server.parse('plane.example')               UsageError the server: expected http(s)://host[:port][/prefix]
    Server.parse('https://u:p@h')               UsageError the server: expected http(s)://host[:port][/prefix]
    Server.parse('https://h?q')                 UsageError the server: expected http(s)://host[:port][/prefix]
    Server.parse('https://h#f')                 UsageError the server: expected http(s)://host[:port][/prefix]
    Server.parse('https://h:0')                 UsageError the server: expected http(s)://host[:port][/prefix]
    Server.parse('https://h:65536')             UsageError the server: expected http(s)://host[:port][/prefix]
    Server.parse('https://[::1')                UsageError the server: expected http(s)://host[:port][/prefix]
    Server.parse('https://h/\xe9')              UsageError the server: expected http(s)://host[:port][/prefix]"""


@rule("10.6a", "10.1b")
@pytest.mark.parametrize("row", WRONG_CALLS.strip().split("\n"), ids=str.strip)
def test_wrong_argument_is_an_error_of_the_family_and_nothing_is_sent(plane, transport, row):
    call, text = re.split("   +", row.strip())
    with surroundings(plane):
        error = catch(eval, call, dict(vars(program), transport=transport, ID=PROJECT, datetime=datetime))
    assert (type(error).__name__ + " " + str(error)).startswith(text) and plane.requests == []


@rule("10.6a")
def test_timeout_of_a_day_is_accepted(transport):
    with transport.time_limit(86400):
        assert program.Transport(transport.server, TOKEN, timeout=86400).server is transport.server
