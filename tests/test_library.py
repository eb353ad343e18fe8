"""Where the program runs, how it is started and imported, its public names, and Transport as programs make it.

What programs pass and catch is in test_programs.py. Windows and Ctrl-C have files of their own, too."""

import ast
import inspect
import io
import json
import operator
import os
import re
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, SHOWCASE, SHOWCASE_NODES, TOKEN
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
    Proxy,
    archive,
    as_given,
    error_lines,
    execution,
    inline,
    page,
    posix_only,
    read_queries,
    read_text,
    run_python,
    surroundings,
    target,
)
from server import CA_FILE, Reply

#: The command line of a `get` that prints the 256 bytes of ALL_BYTES, which are in the sample data of control_plane.py.
GET_ALL_BYTES = ("get", SHOWCASE, "--project", PROJECT, "-o", "raw")
GET_ALL_BYTES += ("--node", SHOWCASE_NODES["binary"])


def run_program(source, plane):
    """Run a program that can import the module. Warnings are errors there."""
    return run_python(
        *["-X", "dev", "-W", "error", "-c", source],
        plane=plane,
        env={"PYTHONPATH": ROOT, "PLEXSPHERE_PROJECT": PROJECT, "PYTHONIOENCODING": "utf-8"},
    )


# ---- every Python, and every way to start it


@pytest.mark.skipif(sys.version_info < (3, 8), reason="needs the argument feature_version")
def test_source_is_python_3_6():
    ast.parse(SOURCE, feature_version=(3, 6))  # raises SyntaxError for later syntax


#: An environment in which Python takes arguments and standard streams for ASCII.
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(["plexctl_exec_log.py"], id="by its path"),
        pytest.param(["-m", "plexctl_exec_log"], id="as a module"),
        pytest.param(["-"], id="from stdin"),  # which has the source in all of these
        pytest.param(["-I", "-u", "-B", "-S", "plexctl_exec_log.py"], id="isolated and unbuffered"),
        pytest.param(
            ["-bb", "-OO", "-X", "dev", "-W", "error", "plexctl_exec_log.py"],
            id="optimised, warnings fail",
        ),
        pytest.param(
            ["-c", "import sys, plexctl_exec_log; sys.exit(plexctl_exec_log.main())"], id="imported"
        ),
    ],
)
def test_program_does_the_same_however_it_is_started(plane, start):
    action = "red\u00e9 \u6f22"  # neither ASCII nor Latin-1 has both letters
    # A page with one row, and a second page that fails.
    plane.script(
        Reply(page(execution(action=action), next_cursor="c")), Reply({"detail": "lost"}, 404)
    )
    argv = LIST + ("--all", "--action-name", as_given(action))

    with open(MODULE, "rb") as file:
        result = run_python(*start, *argv, plane=plane, env=ASCII, cwd=ROOT, stdin=file)

    assert result.code == 1
    header, row = result.out.decode("utf-8").splitlines()
    assert header.startswith("ID  ")
    assert row.startswith("4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  builtin  0/0 ")
    assert row.endswith(" red\u00e9 \u6f22")
    assert error_lines(result) == ["HTTP 404 Not Found; lost"]
    assert result.err.endswith("\nnext_cursor: c\n")
    assert read_queries(plane) == [
        {"action_name": "red\u00e9 \u6f22", "limit": "200"},
        {"action_name": "red\u00e9 \u6f22", "limit": "200", "cursor": "c"},
    ]


@posix_only
def test_program_needs_no_environment_variable(plane, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)

    flags = ["--server", plane.url, "--token-file", str(token_file)]
    out = subprocess.check_output([sys.executable, MODULE, *GET_ALL_BYTES, *flags], env={})

    assert out == ALL_BYTES


#: Runs the program as a script, and reports each attempt to change the file system or to run another program.
WATCHED = """
import os, runpy, sys

CHANGES = {
    "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.utime", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile",
    "os.startfile/2", "pty.spawn",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def is_change(event, details):
    # The built-in open() reports its mode, such as "r", os.open() reports None for it, and both report the flags.
    if event == "open" and isinstance(details[0], (str, bytes)):
        path, mode, flags = details
        return mode != "r" and flags & WRITING  # PyPy reports O_WRONLY for every open()
    return event in CHANGES or event.split(".")[0] in ("subprocess", "shutil", "tempfile")

def watch(event, details):
    if is_change(event, details):
        sys.stderr.write("%s %r\\n" % (event, details))

sys.addaudithook(watch)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.skipif(not hasattr(sys, "addaudithook"), reason="needs sys.addaudithook")
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(LIST + ("--last", "3"), id="list"),
        pytest.param(GET_ALL_BYTES, id="get"),
    ],
)
def test_program_without_output_dir_writes_no_file_and_runs_no_program(tls_plane, argv):
    # -B: otherwise Python itself would write the bytecode of what it imports.
    result = run_python("-B", "-c", WATCHED, MODULE, *argv, plane=tls_plane)

    assert result.code == 0
    assert result.out != b""
    assert result.err == ""  # nothing was reported


@pytest.mark.skipif(not hasattr(sys, "addaudithook"), reason="needs sys.addaudithook")
@pytest.mark.skipif(
    sys.implementation.name == "pypy", reason="PyPy does not report os.mkdir and os.rename"
)
def test_program_with_output_dir_is_seen_to_make_a_folder_and_files(tls_plane, tmp_path):
    argv = ("get", SHOWCASE, "--project", PROJECT, "--output-dir", str(tmp_path / "new"))

    result = run_python("-B", "-c", WATCHED, MODULE, *argv, plane=tls_plane)

    assert result.code == 0
    changes = [line.split()[0] for line in result.err.splitlines()]
    assert {"os.mkdir", "open", "os.rename"} <= set(changes)


# ---- the folder of the script
#
# Some modules are imported only where they are needed, so the flags of these tests use as many as possible.


@pytest.fixture(scope="module")
def hostile_folder(tmp_path_factory):
    """A folder with a copy of the program. Beside it, each module of the standard library has a hostile namesake, which
    ends the process with exit code 9 if it is imported."""
    folder = tmp_path_factory.mktemp("hostile")
    # What the program imports, and what that imports. Python 3.10 and later have sys.stdlib_module_names.
    names = set(re.findall(r"(?m)^ *(?:import|from) (\w+)", SOURCE))
    names.update(getattr(sys, "stdlib_module_names", sys.builtin_module_names))
    names.update("email encodings enum http importlib ssl select selectors zipimport".split())
    for name in names:
        (folder / (name + ".py")).write_text(
            "import os\nos.write(2, b'it was imported')\nos._exit(9)\n"
        )
    (folder / "plexctl_exec_log.py").write_bytes(SOURCE.encode("utf-8"))
    return str(folder)


def test_wait_and_output_dir_import_nothing_from_the_scripts_folder(
    tls_plane, hostile_folder, tmp_path
):
    # One output can be saved, and the other one is an error.
    tls_plane.script(Reply(execution([target(inline(b"one\n")), target({"kind": "?"}, NODES[1])])))
    flags = ["--wait", "--wait-timeout", "9", "--output-dir", str(tmp_path / "new")]

    result = run_python("plexctl_exec_log.py", *GET, *flags, plane=tls_plane, cwd=hostile_folder)

    assert result.code == 1
    assert error_lines(result) == [
        'the output of target a1b2c301-0000-4000-8000-000000000001 is unreadable: unknown kind "?"'
    ]
    assert "it was imported" not in result.err


def test_list_through_a_proxy_imports_nothing_from_the_scripts_folder(plane, hostile_folder):
    flags = ["--last", "2", "--since", "2026-07-01", "--until", "2030-01-01T00:00+01:00", "-v"]
    # The plane is the proxy, and answers itself.
    env = {"PLEXSPHERE_URL": "http://plane.test", "HTTP_PROXY": plane.url}
    line = ["plexctl_exec_log.py", *LIST, *flags, "--allow-http"]

    result = run_python(*line, plane=plane, env=env, cwd=hostile_folder)

    assert result.code == 0
    assert result.out.startswith(b"ID  ")
    assert len(plane.requests) > 0
    assert "it was imported" not in result.err


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({}, id="own folder is first on the path"),
        # From 3.11 on, this keeps the script's folder out of the path.
        pytest.param({"PYTHONSAFEPATH": "1"}, id="safe path"),
    ],
)
def test_script_removes_only_its_own_folder_from_the_import_path(tmp_path, env):
    # The program imports this file from PYTHONPATH, in place of the standard library's argparse. It prints the first
    # entry of the path, which must be the folder of PYTHONPATH.
    (tmp_path / "argparse.py").write_text(
        "import os, sys\nos.write(1, sys.path[0].encode())\nos._exit(0)\n"
    )

    result = run_python(MODULE, "--version", env=dict(env, PYTHONPATH=str(tmp_path)))

    assert result.code == 0
    assert result.out == str(tmp_path).encode()
    assert result.err == ""


# ---- import and main change nothing in the process

#: The beginning of a program: list_changes(before) names what has changed in the process since take_stock().
TAKE_STOCK = """
import gc, io, json, locale, os, signal, socket, sys, threading, warnings

def take_stock():
    umask = os.umask(0o22)  # the only way to ask for it is to set it
    os.umask(umask)
    return {
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "arguments": sys.argv[:],
        "import path": sys.path[:],
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "locale": locale.setlocale(locale.LC_ALL),
        "limits": (sys.getrecursionlimit(), socket.getdefaulttimeout()),
        "warnings": warnings.filters[:],
        "signal handlers": (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)),
        "hooks": (sys.excepthook, sys.displayhook),
        "garbage collector": (gc.isenabled(), gc.get_threshold() if hasattr(gc, "get_threshold") else None),
        "threads": threading.active_count(),
        "umask": umask,
    }

def list_changes(before):
    after = take_stock()
    return [name for name in before if before[name] != after[name]]
"""


def test_import_and_main_change_nothing_in_the_process(plane, tmp_path):
    source = """
before = take_stock()
import plexctl_exec_log
print("changed by the import:", list_changes(before))
print("typing was imported:", "typing" in sys.modules)

def list_attributes():
    return {name: id(value) for name, value in vars(plexctl_exec_log).items()}

attributes = list_attributes()
codes = [plexctl_exec_log.main(argv, io.BytesIO(), io.StringIO()) for argv in json.loads(sys.argv[1])]
print("exit codes:", codes)
print("changed:", list_changes(before))
print("the module has changed:", list_attributes() != attributes)
"""
    command_lines = [
        ["--help"],
        ["--version"],
        ["nonsense"],  # exit code 2
        ["list"],  # 2: without a Project
        LIST,
        GET,  # 1: the plane has no such Execution
        LIST + ("--all",),
        ["get", SHOWCASE, "--project", PROJECT, "--output-dir", str(tmp_path / "new")],
    ]
    # typing would cost time at each start. -S: otherwise the module `site` may import it.
    line = ["-S", "-c", TAKE_STOCK + source, json.dumps(command_lines)]

    result = run_python(*line, plane=plane, env={"PYTHONPATH": ROOT})

    assert result.code == 0
    assert result.out.decode("ascii").splitlines() == [
        "changed by the import: []",
        "typing was imported: False",
        "exit codes: [0, 0, 2, 2, 0, 1, 0, 0]",
        "changed: []",
        "the module has changed: False",
    ]
    assert result.err == ""


def test_main_writes_to_the_stdout_of_the_process(monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), "utf-16-le")
    stdout.write("A")  # is still in the buffer of the text layer
    monkeypatch.setattr(sys, "stdout", stdout)

    code = program.main(["--version"])

    assert code == 0
    # What was written before comes first. The program writes bytes, whatever the encoding is.
    version = program.__version__.encode("ascii")
    assert stdout.buffer.getvalue() == b"A\0version=" + version + b"\n"


def test_main_reads_sys_argv_and_writes_to_the_stderr_of_the_process(monkeypatch):
    stderr = io.TextIOWrapper(io.BytesIO(), "ascii")
    # A mistake that comes before the developer's own config file is read.
    monkeypatch.setattr(sys, "argv", ["any name", "get"])
    monkeypatch.setattr(sys, "stderr", stderr)

    code = program.main()

    assert code == 2
    assert stderr.buffer.getvalue().startswith(b"error: no Execution id")


def test_transport_serves_several_threads_one_at_a_time_under_a_lock(tls_plane):
    tls_plane.answer_to = lambda request: Reply({"target": request.target})
    server = program.Server.parse(tls_plane.url)
    lock = threading.Lock()

    def get(number):
        with lock:
            return transport.get("/%d" % number, {})

    with program.Transport(server, TOKEN, ca_file=CA_FILE) as transport:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(get, range(40)))

    assert found == [{"target": "/%d" % number} for number in range(40)]
    assert tls_plane.connections == 1


# ---- names, types, the example

PUBLIC_NAMES = (
    "APIError ConnectError CredentialsError ExecLogError FAILED_STATUSES FINAL_STATUSES "
    "Listing OutputRef RUNNING_STATUSES RemoteError ResponseTooLarge Server TimedOut "
    "Transport UnusableResponse UsageError WaitTimeout get_execution get_page main "
    "make_visible parse_uuid wait_for_execution"
).split()


def test_public_names_are_these():
    assert sorted(program.__all__) == PUBLIC_NAMES


def test_typed_program_imports_and_uses_every_public_name():
    # .ci/ci.py runs `mypy --strict` on this program.
    words = re.findall(r"\w+", read_text(os.path.join(HERE, "typed_program.py")))

    # A name occurs in the import, and where it is used.
    assert [name for name in PUBLIC_NAMES if words.count(name) < 2] == []


def read_example():
    """Return the example of the module's docstring, with its imports."""
    example = re.search(
        "(?m)^    from plexctl_exec_log import .*\n(?:(?:    .*)?\n)+", program.__doc__
    )
    return textwrap.dedent(example.group())


def test_sample_in_the_docstring_is_an_execution_with_an_output_of_each_kind():
    sample = json.loads(re.search(r"(?m)^    \{(?:.|\n)*?\]\}$", program.__doc__).group())

    refs = [target["output_ref"] for target in sample["targets"]]
    outputs = [program.OutputRef.from_wire(ref) for ref in refs]
    assert [output.kind for output in outputs] == ["inline", "archived", "none"]
    assert outputs[0].data == b"done\n"
    assert outputs[1].location == "logs/db-02.log"


def test_typed_program_covers_the_example():
    _, _, statements = read_example().rstrip("\n").partition("\n\n")
    typed_program = read_text(os.path.join(HERE, "typed_program.py"))
    assert textwrap.indent(statements, "    ") in typed_program


def test_example_runs_as_printed_and_reports_each_output_of_what_failed(plane):
    targets = [
        target(inline(b"disk\tfull\n"), NODES[0], "failed"),
        target(archive("logs", "a/b.log"), NODES[1], "succeeded"),
        target({"kind": "tape"}, NODES[2], "succeeded"),  # an unknown kind
    ]
    plane.script(
        # It lists what failed, what was cancelled, and what timed out,
        Reply(page(execution(id=EXECUTION, created_at="2026-07-14T09:30:00Z", status="failed"))),
        Reply(page()),
        Reply(page(execution(id=SHOWCASE, created_at="2026-07-14T09:31:00Z", status="timeout"))),
        # and gets the two Executions.
        Reply(execution(targets, id=EXECUTION)),
        Reply(execution([target(None, NODES[3], "timeout")], id=SHOWCASE)),
    )

    result = run_program(read_example(), plane)

    assert result.code == 0
    assert result.out.decode("ascii").splitlines() == [
        r"a1b2c300-0000-4000-8000-000000000000 failed disk\tfull\n",
        "a1b2c301-0000-4000-8000-000000000001 succeeded logs/a/b.log",
        'a1b2c302-0000-4000-8000-000000000002 succeeded unknown kind "tape"',
        "a1b2c303-0000-4000-8000-000000000003 timeout ",
    ]
    assert result.err == ""


def test_example_reports_a_failed_request(plane):
    plane.script(Reply({}, 403))

    result = run_program(read_example(), plane)

    assert result.code == 0
    lines = result.out.decode("ascii").splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("the report is incomplete: APIError ")
    assert "--server" in lines[0]  # the example prints the error's hint, too
    assert result.err == ""


# ---- signatures


def describe_signature(function):
    """Return a signature without its annotations. A default that is a function is shown as `...`."""
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        parameter = parameter.replace(annotation=inspect.Parameter.empty)
        if inspect.isroutine(parameter.default):
            parameter = parameter.replace(default=Ellipsis)
        parameters.append(parameter)
    return str(inspect.Signature(parameters)).replace("Ellipsis", "...")


@pytest.mark.parametrize(
    "signature",
    [
        "Transport(server, token, *, proxy=None, ca_file=None, timeout=30.0, allow_http=False, "
        "pauses=(0.5, 1.0), on_retry=..., on_progress=..., trace=..., clock=..., sleep=...)",
        "Transport.from_settings(server=None, profile=None, token_file=None, **options)",
        "Transport.close(self)",
        "Transport.get(self, path, parameters, max_bytes=268435456)",  # 256 MiB
        "Transport.pause(self, seconds, failure='')",
        "Transport.time_limit(self, seconds)",
        "get_page(transport, project, parameters=None)",
        "get_execution(transport, project, execution_id)",
        "wait_for_execution(transport, project, execution_id, seconds=None, on_status=..., nodes=())",
        "Listing(transport, project, *, statuses=(), action_name=None, since=None, until=None, "
        "limit=200, cursor=None)",
        "OutputRef.from_wire(ref)",
        "Server.parse(url, label='the server')",
        "parse_uuid(value)",
        "make_visible(text)",
        "main(argv=None, stdout=None, stderr=None, sleep=...)",
    ],
)
def test_signature_is_this(signature):
    name = signature.partition("(")[0]
    function = operator.attrgetter(name)(program)

    assert name + describe_signature(function) == signature


# ---- the settings and the proxy of a Transport

#: A URL whose host only a proxy can reach, because the name is too long for a resolver.
UNREACHABLE_URL = "http://" + NO_NAME


def test_from_settings_uses_the_proxy_of_the_environment(plane):
    with Proxy(plane) as proxy, surroundings(plane, {"HTTP_PROXY": proxy.url}):
        with program.Transport.from_settings(UNREACHABLE_URL, allow_http=True) as transport:
            found = program.get_page(transport, PROJECT)

    assert len(found["items"]) > 0
    assert len(proxy.requests) == 1


def test_from_settings_knows_where_the_token_came_from(plane):
    with surroundings(plane):  # sets PLEXSPHERE_URL and PLEXSPHERE_TOKEN
        transport = program.Transport.from_settings()

    assert transport.token_source == "PLEXSPHERE_TOKEN"


def test_transport_uses_the_proxy_that_it_is_given(plane):
    server = program.Server.parse(UNREACHABLE_URL)

    with Proxy(plane) as proxy:
        with program.Transport(server, TOKEN, allow_http=True, proxy=proxy.url) as transport:
            found = program.get_page(transport, PROJECT)

    assert len(found["items"]) > 0
    assert len(proxy.requests) == 1


def test_transport_without_a_proxy_does_not_use_that_of_the_environment(plane):
    server = program.Server.parse(UNREACHABLE_URL)

    with Proxy(plane) as proxy, surroundings(plane, {"HTTP_PROXY": proxy.url}):
        with program.Transport(server, TOKEN, allow_http=True) as transport:
            with pytest.raises(program.RemoteError, match="does not resolve"):
                program.get_page(transport, PROJECT)

    assert proxy.requests == []


def test_from_settings_of_a_subclass_makes_an_object_of_the_subclass(plane):
    class OwnTransport(program.Transport):
        pass

    with surroundings(plane):
        transport = OwnTransport.from_settings()

    assert type(transport) is OwnTransport


# ---- a test of a program overrides Transport.get


class CannedTransport(program.Transport):
    """Returns the same object for every request, and sends nothing.

    asked       the path, the parameter `status` and the max_bytes of each request
    """

    def __init__(self):
        super().__init__(program.Server.parse("http://127.0.0.1:1"), TOKEN)
        self.asked = []

    def get(self, path, parameters, max_bytes=0):
        self.asked.append((path, parameters.get("status"), max_bytes))
        return execution(status="failed", items=[STARTED])  # an Execution and a page


# A page of one Execution may have 256 MiB, any other one 32 MiB.
@pytest.mark.parametrize("limit, max_bytes", [(1, 256 << 20), ("1", 256 << 20), (11, 32 << 20)])
def test_get_page_passes_max_bytes_to_a_get_that_a_test_overrides(limit, max_bytes):
    transport = CannedTransport()

    found = program.get_page(transport, PROJECT, {"limit": limit})

    assert found["items"] == [STARTED]
    assert transport.asked == [(PATH, None, max_bytes)]


def test_listing_uses_a_get_that_a_test_overrides():
    transport = CannedTransport()

    found = list(program.Listing(transport, PROJECT, statuses=["failed", "started"]))

    assert found == [STARTED]  # once, although both queries have returned it
    assert transport.asked == [(PATH, "started", 32 << 20), (PATH, "failed", 32 << 20)]


@pytest.mark.parametrize("operation", [program.get_execution, program.wait_for_execution])
def test_operation_for_one_execution_uses_a_get_that_a_test_overrides(operation):
    transport = CannedTransport()

    found = operation(transport, PROJECT, EXECUTION)

    assert found["status"] == "failed"
    assert transport.asked == [(PATH + "/" + EXECUTION, None, 256 << 20)]
