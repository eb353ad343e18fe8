"""Sections 8 and 10: where the program runs, and the module as a library.

Operations, time limits and a program's own exceptions are in other files, and so are Windows and Ctrl-C."""

import ast
import copy
import inspect
import io
import json
import os
import pickle
import re
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

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
    Result,
    archive,
    as_given,
    error_lines,
    execution,
    inline,
    nobody_listening,
    page,
    posix_only,
    read_queries,
    read_text,
    rule,
    run_python,
    surroundings,
    target,
)
from server import DROP, HANG, Reply

PUBLIC_NAMES = [
    "APIError",
    "ConnectError",
    "CredentialsError",
    "ExecLogError",
    "FAILED_STATUSES",
    "FINAL_STATUSES",
    "Listing",
    "OutputRef",
    "RUNNING_STATUSES",
    "RemoteError",
    "ResponseTooLarge",
    "Server",
    "TimedOut",
    "Transport",
    "UnusableResponse",
    "UsageError",
    "WaitTimeout",
    "get_execution",
    "get_page",
    "main",
    "make_visible",
    "parse_uuid",
    "wait_for_execution",
]

#: The command line of a `get` that prints the 256 bytes of ALL_BYTES.
GET_ALL_BYTES = (
    "get",
    SHOWCASE,
    "--project",
    PROJECT,
    "--node",
    SHOWCASE_NODES["binary"],
    "--output",
    "raw",
)


def run_importing_program(source, plane):
    """Run a program that imports the public names of the module. Warnings are errors there."""
    return run_python(
        *["-X", "dev", "-W", "error", "-c", "from plexctl_exec_log import *\n" + source],
        plane=plane,
        env={"PYTHONPATH": ROOT, "PLEXSPHERE_PROJECT": PROJECT, "PYTHONIOENCODING": "utf-8"},
    )


# ---- 8.1: every Python, every way to start it, nothing but the standard library


def list_imported_modules():
    """Return the names of the modules that the program imports anywhere: `http` for `from http import client`."""
    names = set()
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    return names


@rule("8.1")
@pytest.mark.skipif(sys.version_info < (3, 8), reason="needs the argument feature_version")
def test_source_is_python_3_6():
    ast.parse(SOURCE, feature_version=(3, 6))


@rule("8.1")
@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs sys.stdlib_module_names")
def test_program_imports_only_the_standard_library():
    imported = list_imported_modules()

    assert "argparse" in imported  # at the top of the file
    assert "difflib" in imported  # in a function
    assert imported - sys.stdlib_module_names == set()


#: The program's environment, in which Python takes its arguments and streams for ASCII.
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@rule("8.1", "8.1a", "8.1c")
@pytest.mark.parametrize(
    "start",
    [
        pytest.param(["plexctl_exec_log.py"], id="by its path"),
        pytest.param(["-m", "plexctl_exec_log"], id="as a module"),
        pytest.param(["-"], id="from stdin"),
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
    plane.script(
        Reply(page(execution(action=action), next_cursor="c")), Reply({"detail": "lost"}, 404)
    )
    argv = LIST + ("--all", "--action-name", as_given(action))

    with open(MODULE, "rb") as file:
        result = run_python(*start, *argv, plane=plane, env=ASCII, cwd=ROOT, stdin=file)

    assert result.code == 1
    header, row = result.out.decode("utf-8").splitlines()
    assert header.split() == [
        "ID",
        "STATUS",
        "TYPE",
        "TARGETS",
        "CREATED_AT",
        "UPDATED_AT",
        "ACTION",
    ]
    assert row.startswith("4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  builtin  0/0 ")
    assert row.endswith(" red\u00e9 \u6f22")
    assert error_lines(result) == ["HTTP 404 Not Found; lost"]
    assert result.err.endswith("\nnext_cursor: c\n")
    assert read_queries(plane) == [
        {"action_name": "red\u00e9 \u6f22", "limit": "200"},
        {"action_name": "red\u00e9 \u6f22", "limit": "200", "cursor": "c"},
    ]


@posix_only
@rule("8.1c")
def test_program_needs_no_environment_variable(plane, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)

    out = subprocess.check_output(
        [
            sys.executable,
            MODULE,
            *GET_ALL_BYTES,
            "--server",
            plane.url,
            "--token-file",
            str(token_file),
        ],
        env={},
    )

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


@rule("8.1b", "8.1c")
@pytest.mark.skipif(not hasattr(sys, "addaudithook"), reason="needs sys.addaudithook")
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(LIST + ("--last", "3"), id="list"),
        pytest.param(GET_ALL_BYTES, id="get"),
    ],
)
def test_program_writes_no_file_and_runs_no_program(tls_plane, argv):
    # The plane serves the Executions of control_plane.py, of which SHOWCASE is one.
    # -B: Python itself would write the bytecode of what it imports.
    result = run_python("-B", "-c", WATCHED, MODULE, *argv, plane=tls_plane)

    assert result.code == 0
    assert result.out != b""
    assert result.err == ""  # nothing was reported


# ---- 8.2: the folder of the script


@pytest.fixture(scope="module")
def hostile_folder(tmp_path_factory):
    """A folder with a copy of the program, and with a hostile file for every module of the standard library."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "plexctl_exec_log.py").write_bytes(SOURCE.encode("utf-8"))
    names = list_imported_modules()
    # Python 3.10 and later have sys.stdlib_module_names.
    names.update(getattr(sys, "stdlib_module_names", sys.builtin_module_names))
    names.update(
        [
            "email",
            "encodings",
            "enum",
            "http",
            "importlib",
            "ssl",
            "select",
            "selectors",
            "zipimport",
        ]
    )
    for name in names:
        (folder / (name + ".py")).write_text(
            "import os\nos.write(2, b'it was imported')\nos._exit(9)\n"
        )
    return str(folder)


# These four runs together import nearly everything that the program imports.


@rule("8.2")
def test_usage_error_imports_nothing_from_the_scripts_folder(hostile_folder):
    result = run_python("plexctl_exec_log.py", "nonsense", cwd=hostile_folder)

    assert "it was imported" not in result.err
    assert result.code == 2
    assert error_lines(result) == ["unknown command; expected list or get"]


@rule("8.2")
def test_get_imports_nothing_from_the_scripts_folder(tls_plane, hostile_folder):
    tls_plane.script(
        Reply(execution([target(inline(b"one\n")), target({"kind": "unknown"}, NODES[1])]))
    )

    result = run_python("plexctl_exec_log.py", *GET, plane=tls_plane, cwd=hostile_folder)

    assert "it was imported" not in result.err
    assert result.code == 1
    assert error_lines(result) == [
        'the output of target a1b2c301-0000-4000-8000-000000000001 is unreadable: unknown kind "unknown"'
    ]


@rule("8.2")
def test_wait_and_output_dir_import_nothing_from_the_scripts_folder(
    tls_plane, hostile_folder, tmp_path
):
    tls_plane.script(
        Reply(execution([target(inline(b"one\n")), target({"kind": "unknown"}, NODES[1])]))
    )
    flags = ["--wait", "--wait-timeout", "9", "--output-dir", str(tmp_path / "new")]

    result = run_python("plexctl_exec_log.py", *GET, *flags, plane=tls_plane, cwd=hostile_folder)

    assert "it was imported" not in result.err
    assert result.code == 1
    assert error_lines(result) == [
        'the output of target a1b2c301-0000-4000-8000-000000000001 is unreadable: unknown kind "unknown"'
    ]


@rule("8.2")
def test_list_through_a_proxy_imports_nothing_from_the_scripts_folder(plane, hostile_folder):
    flags = ["--last", "2", "--since", "07-01", "--until", "2030-01-01T00:00+01:00", "-v"]
    # The plane is the proxy, and answers itself.
    env = {
        "PLEXSPHERE_URL": "http://plane.test",
        "HTTP_PROXY": plane.url,
    }

    result = run_python(
        "plexctl_exec_log.py",
        *LIST,
        *flags,
        "--allow-http",
        plane=plane,
        env=env,
        cwd=hostile_folder,
    )

    assert "it was imported" not in result.err
    assert result.code == 0
    assert result.out.startswith(b"ID  ")
    assert len(plane.requests) > 0


@rule("8.2")
@pytest.mark.parametrize(
    "env",
    [
        pytest.param({}, id="own folder is first on the path"),
        # From 3.11 on, this keeps the script's folder out of the path.
        pytest.param({"PYTHONSAFEPATH": "1"}, id="safe path"),
    ],
)
def test_script_removes_only_its_own_folder_from_the_import_path(tmp_path, env):
    """The first entry that is left is the folder of PYTHONPATH."""
    # The program imports this file in place of the standard library's argparse.
    (tmp_path / "argparse.py").write_text(
        "import os, sys\nos.write(1, sys.path[0].encode())\nos._exit(0)\n"
    )

    result = run_python(MODULE, "--version", env=dict(env, PYTHONPATH=str(tmp_path)))

    assert result.code == 0
    assert result.out == str(tmp_path).encode()
    assert result.err == ""


# ---- 8.3: import and main change nothing in the process

#: The beginning of a program: list_changes(before) names what has changed in the process since take_stock().
TAKE_STOCK = """
import gc, io, json, locale, os, signal, sys, threading, warnings

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


@rule("8.1a", "8.3a")
def test_import_changes_nothing_in_the_process():
    source = """
before = take_stock()
import plexctl_exec_log
print("changed:", list_changes(before))
print("typing was imported:", "typing" in sys.modules)
"""

    # -S: the module `site` may import typing by itself.
    result = run_python("-S", "-c", TAKE_STOCK + source, env={"PYTHONPATH": ROOT})

    assert result.code == 0
    assert result.out.decode("ascii").splitlines() == ["changed: []", "typing was imported: False"]
    assert result.err == ""


@rule("8.3a")
def test_main_changes_nothing_in_the_process(plane, tmp_path):
    source = """
import plexctl_exec_log

def list_attributes():
    return {name: id(value) for name, value in vars(plexctl_exec_log).items()}

before, attributes = take_stock(), list_attributes()
codes = [plexctl_exec_log.main(argv, io.BytesIO(), io.StringIO()) for argv in json.loads(sys.argv[1])]
print("exit codes:", codes)
print("changed:", list_changes(before))
print("the module has changed:", list_attributes() != attributes)
"""
    command_lines = [
        ["--help"],
        ["--version"],
        ["nonsense"],
        ["list"],  # without a Project
        LIST,
        GET,  # the plane has no such Execution
        LIST + ("--all",),
        ["get", SHOWCASE, "--project", PROJECT, "--output-dir", str(tmp_path / "new")],
    ]

    result = run_python(
        "-S",
        "-c",
        TAKE_STOCK + source,
        json.dumps(command_lines),
        plane=plane,
        env={"PYTHONPATH": ROOT},
    )

    assert result.code == 0
    assert result.out.decode("ascii").splitlines() == [
        "exit codes: [0, 0, 2, 2, 0, 1, 0, 0]",
        "changed: []",
        "the module has changed: False",
    ]
    assert result.err == ""


@rule("8.3")
def test_main_writes_to_the_stdout_of_the_process(monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), "utf-16-le")
    stdout.write("me")  # is still in the buffer of the text layer
    monkeypatch.setattr(sys, "stdout", stdout)

    code = program.main(["--version"])

    assert code == 0
    # What was written before comes first. The program writes bytes, whatever the encoding is.
    assert (
        stdout.buffer.getvalue() == b"m\0e\0version=" + program.__version__.encode("ascii") + b"\n"
    )


@rule("8.3")
def test_main_reads_sys_argv_and_writes_to_the_stderr_of_the_process(monkeypatch):
    stderr = io.TextIOWrapper(io.BytesIO(), "ascii")
    # A mistake that comes before the developer's own config file is read.
    monkeypatch.setattr(sys, "argv", ["any name", "get"])
    monkeypatch.setattr(sys, "stderr", stderr)

    code = program.main()

    assert code == 2
    assert stderr.buffer.getvalue().startswith(b"error: no Execution id")


@rule("8.3", "8.3a", "10.2d")
def test_main_runs_in_several_threads_each_with_its_own_streams(plane):
    slept = []

    def run_get(execution_id):
        out, err = io.BytesIO(), io.StringIO()
        code = program.main(["get", execution_id, "--output", "jsonl"], out, err, slept.append)
        return Result(code, out.getvalue(), err.getvalue())

    plane.script(Reply({}, 503))  # the answer to whoever asks first

    with surroundings(plane, {"PLEXSPHERE_PROJECT": PROJECT}), ThreadPoolExecutor(8) as pool:
        *results, refused = pool.map(run_get, [SHOWCASE] * 6 + ["nonsense"])

    assert [result.code for result in results] == [0, 0, 0, 0, 0, 0]
    # There is a line for each target.
    assert [result.out.count(b"\n") for result in results] == [
        6,
        6,
        6,
        6,
        6,
        6,
    ]
    messages = sorted(result.err for result in results)
    assert messages[:5] == ["", "", "", "", ""]
    assert messages[5].startswith("retry: HTTP 503")
    assert slept == [0.5]
    assert refused.code == 2
    assert refused.out == b""
    assert len(error_lines(refused)) == 1
    assert "nonsense" in error_lines(refused)[0]


# ---- 8.4: a Python without the ssl module. test_hosts.py has more of it.


@rule("8.4")
def test_refused_connection_without_ssl_is_an_ordinary_error():
    # A None in sys.modules makes `import _ssl`, and therefore `import ssl`, fail as on a Python without it.
    source = "import sys; sys.modules['_ssl'] = None; import plexctl_exec_log; sys.exit(plexctl_exec_log.main())"

    with nobody_listening() as address:
        env = {"PYTHONPATH": ROOT, "PLEXSPHERE_URL": "http://" + address, "PLEXSPHERE_TOKEN": TOKEN}
        result = run_python("-c", source, *LIST, env=env)

    assert result.code == 1
    assert result.out == b""
    assert result.err.startswith("error: cannot connect to 127.0.0.1:")
    assert len(error_lines(result)) == 1
    assert "Traceback" not in result.err


# ---- 10.1: names, types, the example


@rule("10.1", "10.1a")
def test_public_names_are_those_of_the_contract():
    assert sorted(program.__all__) == PUBLIC_NAMES


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_typed_program_covers_every_public_name(name):
    # .ci/ci.py runs `mypy --strict` on this program.
    source = read_text(os.path.join(HERE, "typed_program.py"))

    assert len(re.findall(r"\b%s\b" % name, source)) >= 2  # it is imported, and used


def read_example():
    """Return the example of the module's docstring, indented as it is there."""
    return re.search("(?m)^    try:\n(?:(?:    .*)?\n)+", program.__doc__).group().rstrip() + "\n"


@rule("10.1a")
def test_sample_in_the_docstring_is_an_execution_with_an_output_of_each_kind():
    sample = json.loads(re.search(r"(?m)^    \{(?:.|\n)*?\]\}$", program.__doc__).group())

    refs = [target["output_ref"] for target in sample["targets"]]
    outputs = [program.OutputRef.from_wire(ref) for ref in refs]
    assert [output.kind for output in outputs] == ["inline", "archived", "none"]
    assert outputs[0].data == b"done\n"
    assert outputs[1].location == "logs/db-02.log"


def test_typed_program_covers_the_example():
    assert read_example() in read_text(os.path.join(HERE, "typed_program.py"))


@rule("10.1a")
def test_example_runs_as_printed_and_reports_each_output_of_what_failed(plane):
    plane.script(
        Reply(page(execution(id=EXECUTION, created_at="2026-07-14T09:30:00Z", status="failed"))),
        Reply(page()),  # nothing was cancelled
        Reply(page(execution(id=SHOWCASE, created_at="2026-07-14T09:31:00Z", status="timeout"))),
        Reply(
            execution(
                [
                    target(
                        inline(b"disk\tfull\n"), "a1b2c300-0000-4000-8000-000000000000", "failed"
                    ),
                    target(
                        archive("logs", "a/b.log"),
                        "a1b2c301-0000-4000-8000-000000000001",
                        "succeeded",
                    ),
                    target({"kind": "tape"}, "a1b2c302-0000-4000-8000-000000000002", "succeeded"),
                ],
                id=EXECUTION,
            )
        ),
        Reply(
            execution(
                [target(None, "a1b2c303-0000-4000-8000-000000000003", "timeout")], id=SHOWCASE
            )
        ),
    )

    result = run_importing_program(textwrap.dedent(read_example()), plane)

    assert result.code == 0
    assert result.out.decode("ascii").splitlines() == [
        r"a1b2c300-0000-4000-8000-000000000000 failed disk\tfull\n",
        "a1b2c301-0000-4000-8000-000000000001 succeeded logs/a/b.log",
        'a1b2c302-0000-4000-8000-000000000002 succeeded unknown kind "tape"',
        "a1b2c303-0000-4000-8000-000000000003 timeout ",
    ]
    assert result.err == ""


@rule("10.1a")
def test_example_reports_a_failed_request(plane):
    plane.script(Reply({}, 403))

    result = run_importing_program(textwrap.dedent(read_example()), plane)

    assert result.code == 0
    lines = result.out.decode("ascii").splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("the report is incomplete: APIError ")
    assert "--server" in lines[0]  # the example prints the error's hint, too
    assert result.err == ""


# ---- 10.2: signatures


def describe_signature(function):
    """Return a signature without its annotations. A default that is a function is shown as `...`."""
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        parameter = parameter.replace(annotation=inspect.Parameter.empty)
        if inspect.isroutine(parameter.default):
            parameter = parameter.replace(default=Ellipsis)
        parameters.append(parameter)
    return str(inspect.Signature(parameters)).replace("Ellipsis", "...")


@rule("10.2", "10.2a", "8.3")
@pytest.mark.parametrize(
    "function, signature",
    [
        pytest.param(
            program.Transport,
            "(server, token, *, proxy=None, ca_file=None, timeout=30.0, allow_http=False, pauses=(0.5, 1.0), "
            "on_retry=..., on_progress=..., trace=..., clock=..., sleep=...)",
            id="Transport",
        ),
        pytest.param(
            program.Transport.from_settings,
            "(server=None, profile=None, token_file=None, **options)",
            id="Transport.from_settings",
        ),
        pytest.param(program.Transport.close, "(self)", id="Transport.close"),
        pytest.param(
            program.Transport.get,
            "(self, path, parameters, max_bytes=268435456)",  # 256 MiB
            id="Transport.get",
        ),
        pytest.param(program.Transport.time_limit, "(self, seconds)", id="Transport.time_limit"),
        pytest.param(program.get_page, "(transport, project, parameters=None)", id="get_page"),
        pytest.param(
            program.get_execution, "(transport, project, execution_id)", id="get_execution"
        ),
        pytest.param(
            program.wait_for_execution,
            "(transport, project, execution_id, seconds=None, on_status=...)",
            id="wait_for_execution",
        ),
        pytest.param(
            program.Listing,
            "(transport, project, *, statuses=(), action_name=None, since=None, until=None, limit=200, cursor=None)",
            id="Listing",
        ),
        pytest.param(program.OutputRef.from_wire, "(ref)", id="OutputRef.from_wire"),
        pytest.param(program.parse_uuid, "(value)", id="parse_uuid"),
        pytest.param(program.make_visible, "(text)", id="make_visible"),
        pytest.param(program.main, "(argv=None, stdout=None, stderr=None, sleep=...)", id="main"),
    ],
)
def test_signature_is_that_of_the_contract(function, signature):
    assert describe_signature(function) == signature


# ---- 10.2: proxies and forks

#: A URL whose host only a proxy can reach, because the name is too long for a resolver.
UNREACHABLE_URL = "http://" + NO_NAME


@rule("10.2a")
def test_from_settings_uses_the_proxy_of_the_environment(plane):
    with Proxy(plane) as proxy, surroundings(plane, {"HTTP_PROXY": proxy.url}):
        with program.Transport.from_settings(UNREACHABLE_URL, allow_http=True) as transport:
            found = program.get_page(transport, PROJECT)

    assert len(found["items"]) > 0
    assert len(proxy.requests) == 1


@rule("10.2a", "10.2c")
def test_from_settings_knows_where_the_token_came_from(plane):
    with surroundings(plane):
        transport = program.Transport.from_settings()

    assert transport.token_source == "PLEXSPHERE_TOKEN"


@rule("10.2")
def test_transport_uses_the_proxy_that_it_is_given(plane):
    server = program.Server.parse(UNREACHABLE_URL)

    with Proxy(plane) as proxy:
        with program.Transport(server, TOKEN, allow_http=True, proxy=proxy.url) as transport:
            found = program.get_page(transport, PROJECT)

    assert len(found["items"]) > 0
    assert len(proxy.requests) == 1


@rule("10.2")
def test_transport_without_a_proxy_does_not_use_that_of_the_environment(plane):
    server = program.Server.parse(UNREACHABLE_URL)

    with Proxy(plane) as proxy, surroundings(plane, {"HTTP_PROXY": proxy.url}):
        with program.Transport(server, TOKEN, allow_http=True) as transport:
            with pytest.raises(program.RemoteError, match="does not resolve"):
                program.get_page(transport, PROJECT)

    assert proxy.requests == []


@rule("10.2a")
def test_from_settings_of_a_subclass_makes_an_object_of_the_subclass(plane):
    class OwnTransport(program.Transport):
        pass

    with surroundings(plane):
        transport = OwnTransport.from_settings()

    assert type(transport) is OwnTransport


@posix_only
@rule("10.2d")
def test_forked_child_opens_a_connection_of_its_own(plane):
    source = """
import os

def read_status():
    return get_execution(transport, os.environ["PLEXSPHERE_PROJECT"], "%s")["status"]

with Transport.from_settings() as transport:
    print("before the fork:", read_status(), flush=True)
    child = os.fork()
    if child == 0:
        print("in the child:", read_status(), read_status(), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print("in the parent:", read_status())
"""

    # In the sample data of the plane, the status of SHOWCASE is "failed".
    result = run_importing_program(source % SHOWCASE, plane)

    assert result.code == 0
    assert result.out.decode("ascii").splitlines() == [
        "before the fork: failed",
        "in the child: failed failed",
        "in the parent: failed",
    ]
    assert result.err == ""
    assert len(plane.requests) == 4
    assert plane.connections == 2


# ---- 10.3a: a test of a program overrides Transport.get


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


@rule("10.3a")
@pytest.mark.parametrize(
    "limit, max_bytes",
    [
        pytest.param(1, 256 << 20, id="one Execution"),
        pytest.param("1", 256 << 20, id="one Execution, as text"),
        pytest.param(11, 32 << 20, id="eleven Executions"),
    ],
)
def test_get_page_uses_a_get_that_a_test_overrides(limit, max_bytes):
    transport = CannedTransport()

    found = program.get_page(transport, PROJECT, {"limit": limit})

    assert found["items"] == [STARTED]
    assert transport.asked == [(PATH, None, max_bytes)]


@rule("10.3a")
def test_listing_uses_a_get_that_a_test_overrides():
    transport = CannedTransport()

    found = list(program.Listing(transport, PROJECT, statuses=["failed", "started"]))

    assert found == [STARTED]  # both queries have returned the same Execution
    assert transport.asked == [(PATH, "started", 32 << 20), (PATH, "failed", 32 << 20)]


@rule("10.3a")
@pytest.mark.parametrize("operation", [program.get_execution, program.wait_for_execution])
def test_operation_for_one_execution_uses_a_get_that_a_test_overrides(operation):
    transport = CannedTransport()

    found = operation(transport, PROJECT, EXECUTION)

    assert found["status"] == "failed"
    assert transport.asked == [(PATH + "/" + EXECUTION, None, 256 << 20)]


# ---- 10.6: errors


@rule("10.6")
@pytest.mark.parametrize(
    "error_class, base, exit_code",
    [
        pytest.param(program.UsageError, program.ExecLogError, 2, id="UsageError"),
        pytest.param(program.CredentialsError, program.ExecLogError, 3, id="CredentialsError"),
        pytest.param(program.RemoteError, program.ExecLogError, 1, id="RemoteError"),
        pytest.param(program.TimedOut, program.RemoteError, 1, id="TimedOut"),
        pytest.param(program.APIError, program.RemoteError, 1, id="APIError"),
        pytest.param(program.ConnectError, program.RemoteError, 1, id="ConnectError"),
        pytest.param(program.UnusableResponse, program.RemoteError, 1, id="UnusableResponse"),
        pytest.param(program.ResponseTooLarge, program.UnusableResponse, 1, id="ResponseTooLarge"),
        pytest.param(program.WaitTimeout, program.TimedOut, 124, id="WaitTimeout"),
    ],
)
def test_error_class_has_its_base_exit_code_and_hint(error_class, base, exit_code):
    error = error_class("it failed", "try again")

    assert isinstance(error, base)
    assert error.exit_code == exit_code
    assert str(error) == "it failed"
    assert error.hint == "try again"


@rule("10.6")
@pytest.mark.parametrize(
    "error_class",
    [
        program.UsageError,
        program.CredentialsError,
        program.RemoteError,
        program.TimedOut,
        program.APIError,
        program.ConnectError,
        program.UnusableResponse,
        program.ResponseTooLarge,
        program.WaitTimeout,
    ],
)
def test_error_class_has_an_empty_hint_by_default(error_class):
    assert error_class("it failed").hint == ""


@rule("10.6")
def test_api_error_has_an_empty_problem_by_default():
    assert program.APIError("it failed").problem == {}


def find_public_class(error):
    """Return the nearest public class of an error, which may have a private class."""
    return next(kind for kind in type(error).__mro__ if kind.__name__ in PUBLIC_NAMES)


def catch_page_error(plane, answer):
    """Return the error that get_page raises for this answer, without any retry."""
    plane.script(answer)
    timeout = 0.2 if answer is HANG else 30
    with program.Transport(
        program.Server.parse(plane.url), TOKEN, pauses=(), timeout=timeout
    ) as transport:
        with pytest.raises(program.ExecLogError) as caught:
            program.get_page(transport, PROJECT)
    return caught.value


@rule("10.6")
@pytest.mark.parametrize(
    "answer, exit_code, retryable, status, problem",
    [
        pytest.param(
            Reply({"code": "x"}, 400), 1, False, 400, {"code": "x"}, id="400 with a Problem"
        ),
        pytest.param(Reply({}, 401), 3, False, 401, {}, id="401 with an empty object"),
        pytest.param(Reply("no", 403), 4, False, 403, {}, id="403 without JSON"),
        pytest.param(
            Reply({"code": "x"}, 403), 4, False, 403, {"code": "x"}, id="403 with a Problem"
        ),
        pytest.param(
            Reply({"code": "rebac_denied"}, 403),
            77,
            False,
            403,
            {"code": "rebac_denied"},
            id="403 for a relation",
        ),
        pytest.param(Reply({"n": 1}, 503), 1, True, 503, {"n": 1}, id="503 with an object"),
        pytest.param(Reply(b"", 302), 1, False, 302, {}, id="redirect without a Location"),
    ],
)
def test_api_error_has_the_status_and_the_problem(
    plane, answer, exit_code, retryable, status, problem
):
    error = catch_page_error(plane, answer)

    assert find_public_class(error) is program.APIError
    assert error.exit_code == exit_code
    assert error.retryable is retryable
    assert error.status == status
    assert error.problem == problem


@rule("10.6")
@pytest.mark.parametrize(
    "answer, error_class, retryable",
    [
        pytest.param(DROP, program.RemoteError, True, id="connection closed"),
        pytest.param(Reply(b"{}", cut=1), program.RemoteError, True, id="body cut short"),
        pytest.param(Reply(b"<html>"), program.UnusableResponse, False, id="body that is not JSON"),
        pytest.param(
            Reply(b"", 302, [("Location", "/x")]), program.RemoteError, False, id="redirect"
        ),
        pytest.param(HANG, program.TimedOut, True, id="no answer"),
        pytest.param(
            Reply(announce=(32 << 20) + 1),
            program.ResponseTooLarge,
            False,
            id="page of more than 32 MiB",
        ),
    ],
)
def test_error_of_a_failed_response_has_its_public_class(plane, answer, error_class, retryable):
    error = catch_page_error(plane, answer)

    assert find_public_class(error) is error_class
    assert error.exit_code == 1
    assert error.retryable is retryable


@rule("10.6", "10.5a")
def test_error_of_a_wait_that_timed_out_has_the_last_response(plane, transport):
    plane.script(Reply(STARTED))

    with pytest.raises(program.WaitTimeout) as caught:
        program.wait_for_execution(transport, PROJECT, EXECUTION, seconds=1)

    assert caught.value.exit_code == 124
    assert caught.value.retryable is False
    assert caught.value.execution == STARTED


@rule("10.6")
def test_error_of_a_time_limit_that_has_passed_is_not_retryable(plane, clock, transport):
    with transport.time_limit(5):
        clock.sleep(5)
        with pytest.raises(program.TimedOut) as caught:
            transport.get("/", {})

    assert find_public_class(caught.value) is program.TimedOut
    assert caught.value.exit_code == 1
    assert caught.value.retryable is False
    assert plane.requests == []


def pickle_and_unpickle(error):
    return pickle.loads(pickle.dumps(error))


every_way_to_copy = pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, pickle_and_unpickle]
)


@rule("10.6")
@every_way_to_copy
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(program.UsageError("it failed", "try again"), id="UsageError"),
        pytest.param(program.CredentialsError("it failed", "try again"), id="CredentialsError"),
        pytest.param(program.RemoteError("it failed", "try again", True, 5.0), id="RemoteError"),
        pytest.param(program.TimedOut("it failed", "try again", True), id="TimedOut"),
        pytest.param(program.ConnectError("it failed", "try again", True), id="ConnectError"),
        pytest.param(program.UnusableResponse("it failed", "try again"), id="UnusableResponse"),
        pytest.param(program.ResponseTooLarge("it failed", "try again"), id="ResponseTooLarge"),
        pytest.param(
            program.WaitTimeout("it failed", "try again", {"status": "started"}), id="WaitTimeout"
        ),
        pytest.param(
            program.APIError("it failed", "try again", 429, {"code": "slow"}, 5.0), id="APIError"
        ),
    ],
)
def test_error_can_be_copied(error, duplicate):
    twin = duplicate(error)

    assert type(twin) is type(error)
    assert str(twin) == "it failed"
    assert twin.args == error.args
    assert twin.hint == "try again"
    assert twin.exit_code == error.exit_code
    assert vars(twin) == vars(error)


@rule("10.6")
@every_way_to_copy
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Reply({"code": "rebac_denied"}, 403), id="APIError"),
        pytest.param(Reply({}, 503, [("Retry-After", "7")]), id="APIError with a Retry-After"),
        pytest.param(DROP, id="connection closed"),
        pytest.param(HANG, id="no answer"),
        pytest.param(Reply(b"<html>"), id="malformed body"),
        pytest.param(Reply(announce=(32 << 20) + 1), id="page of more than 32 MiB"),
    ],
)
def test_error_of_a_response_can_be_copied(plane, answer, duplicate):
    error = catch_page_error(plane, answer)

    twin = duplicate(error)

    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert twin.args == error.args
    assert twin.exit_code == error.exit_code
    assert vars(twin) == vars(error)


# ---- 10.6b: masking


@rule("10.6b", "10.2c")
def test_message_of_an_api_error_is_masked_and_its_problem_is_not(plane):
    problem = {"title": "no: 12345678", "detail": "no: hunter:22", "code": "YW5uOmh1bnRlcjoyMg=="}
    with Proxy(plane) as proxy:
        server = program.Server.parse("http://control-plane.test")
        address = proxy.url.replace("http://", "http://ann:hunter:22@")
        plane.script(Reply(problem, 403, [("X-Correlation-Id", "12345678")]))
        with program.Transport(server, "12345678", proxy=address, allow_http=True) as transport:
            with pytest.raises(program.APIError) as caught:
                transport.get(PATH, {})

    assert str(caught.value) == "HTTP 403 no: ***; no: ***; code: ***; correlation id: ***"
    assert caught.value.problem == problem


@rule("10.6b")
def test_secret_of_7_characters_is_not_masked_in_the_message(plane):
    plane.script(Reply({"title": "no: 1234567"}, 404))

    with program.Transport(program.Server.parse(plane.url), "1234567") as transport:
        with pytest.raises(program.APIError) as caught:
            transport.get(PATH, {})

    assert str(caught.value) == "HTTP 404 no: 1234567"


@rule("10.6b", "10.2b")
def test_failure_that_is_reported_to_on_retry_is_masked(plane):
    told = []
    plane.script(Reply({"title": "no: 12345678"}, 503), Reply(b"{}"))
    server = program.Server.parse(plane.url)

    with program.Transport(
        server, "12345678", on_retry=told.append, sleep=lambda seconds: None
    ) as transport:
        transport.get(PATH, {})

    assert told == ["HTTP 503 no: ***; waiting 0.5 s"]


# ---- 10.6a: wrong arguments


@rule("10.6a")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param(7, id="number"),
        pytest.param(PROJECT + "0", id="a digit too many"),
        pytest.param("(%s)" % PROJECT, id="in parentheses"),
        pytest.param(PROJECT.encode("ascii"), id="bytes"),
    ],
)
def test_parse_uuid_refuses_what_is_not_a_uuid(value):
    with pytest.raises(program.UsageError) as caught:
        program.parse_uuid(value)

    # It names no argument, unlike the errors of the operations.
    assert str(caught.value) == "expected a UUID, such as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"


@rule("10.6a")
@pytest.mark.parametrize(
    "operation, arguments",
    [
        pytest.param(program.get_page, [PROJECT + "/.."], id="get_page"),
        pytest.param(program.get_execution, ["x", EXECUTION], id="get_execution"),
        pytest.param(program.wait_for_execution, ["x", EXECUTION, 5], id="wait_for_execution"),
        pytest.param(program.Listing, ["x"], id="Listing"),
        pytest.param(program.Listing, [None], id="Listing, None"),
    ],
)
def test_malformed_project_is_a_usage_error_before_anything_is_sent(
    plane, transport, operation, arguments
):
    with pytest.raises(program.UsageError) as caught:
        operation(transport, *arguments)

    assert str(caught.value).startswith("project: ")
    assert plane.requests == []


@rule("10.6a")
@pytest.mark.parametrize(
    "operation, execution_id",
    [
        pytest.param(program.get_execution, "x", id="get_execution"),
        pytest.param(program.get_execution, None, id="get_execution, None"),
        pytest.param(program.wait_for_execution, "x", id="wait_for_execution"),
    ],
)
def test_malformed_execution_id_is_a_usage_error_before_it_is_sent(
    plane, transport, operation, execution_id
):
    with pytest.raises(program.UsageError) as caught:
        operation(transport, PROJECT, execution_id)

    assert str(caught.value).startswith("execution_id: ")
    assert plane.requests == []


@rule("10.6a")
def test_parameter_with_a_lone_surrogate_is_a_usage_error(plane, transport):
    with pytest.raises(program.UsageError, match="^a parameter contains a lone surrogate"):
        program.get_page(transport, PROJECT, {"cursor": "\ud800"})

    assert plane.requests == []


@rule("10.6a")
@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(0, id="zero"),
        pytest.param(-1, id="negative"),
        pytest.param("5", id="text"),
        pytest.param(86400.1, id="more than a day"),
    ],
)
def test_wait_of_unusable_seconds_is_a_usage_error(plane, transport, seconds):
    with pytest.raises(program.UsageError, match="^seconds: expected a number of seconds"):
        program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)

    assert plane.requests == []


@rule("10.6a")
@pytest.mark.parametrize("seconds", [0, None])
def test_time_limit_of_unusable_seconds_is_a_usage_error(transport, seconds):
    with pytest.raises(program.UsageError, match="^seconds: expected a number of seconds"):
        with transport.time_limit(seconds):
            pass


@rule("10.6a")
@pytest.mark.parametrize(
    "statuses",
    [
        pytest.param("failed", id="one text"),
        pytest.param(["failed", ""], id="an empty status"),
    ],
)
def test_listing_refuses_unusable_statuses(transport, statuses):
    with pytest.raises(
        program.UsageError, match="^statuses: expected an iterable of non-empty strings"
    ):
        program.Listing(transport, PROJECT, statuses=statuses)


@rule("10.6a")
@pytest.mark.parametrize(
    "times",
    [
        pytest.param({"since": datetime(2026, 7, 14)}, id="since without a time zone"),
        pytest.param({"until": datetime(2026, 7, 14)}, id="until without a time zone"),
    ],
)
def test_listing_refuses_a_naive_datetime(transport, times):
    with pytest.raises(program.UsageError, match="^since and until: expected an aware datetime"):
        program.Listing(transport, PROJECT, **times)


@rule("10.6a", "1.13b")
def test_listing_refuses_a_cursor_with_several_statuses(transport):
    with pytest.raises(program.UsageError, match="^cursor works with at most one status"):
        program.Listing(transport, PROJECT, cursor="c", statuses=["failed", "x"])


@rule("10.6a")
@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("a b", id="a space inside"),
        pytest.param("\xe9", id="a letter beyond ASCII"),
    ],
)
def test_transport_refuses_an_unusable_token(transport, token):
    with pytest.raises(
        program.CredentialsError, match="^the token is empty, or contains characters"
    ):
        program.Transport(transport.server, token)


@rule("10.6a")
def test_transport_refuses_a_token_with_the_word_bearer(transport):
    with pytest.raises(program.CredentialsError) as caught:
        program.Transport(transport.server, "Bearer x")

    assert str(caught.value) == 'the token begins with "Bearer "'
    assert caught.value.hint == 'remove the word "Bearer" from the token'


@rule("10.6a")
def test_timeout_and_time_limit_of_a_day_are_accepted(transport):
    with program.Transport(transport.server, TOKEN, timeout=86400) as patient:
        with patient.time_limit(86400):
            found = program.get_page(patient, PROJECT)

    assert len(found["items"]) > 0


@rule("10.6a")
def test_transport_refuses_an_empty_proxy(transport):
    with pytest.raises(program.UsageError, match="^the proxy: expected http://host:port"):
        program.Transport(transport.server, "token", proxy="")


@rule("10.6a")
def test_transport_refuses_plain_http_to_another_host():
    with pytest.raises(
        program.UsageError, match="^plain http to plane.example would expose the token"
    ):
        program.Transport(program.Server.parse("http://plane.example"), "token")


@rule("2.5a", "10.2a")
def test_from_settings_refuses_a_profile_without_a_config_file(plane):
    with surroundings(plane):  # HOME does not exist
        with pytest.raises(program.CredentialsError, match="^there is no config file"):
            program.Transport.from_settings(server=plane.url, profile="lab")


@rule("10.6a", "10.1b")
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="empty"),
        pytest.param("ftp://h", id="another scheme"),
        pytest.param("plane.example", id="no scheme"),
        pytest.param("https://u:p@h", id="user and password"),
        pytest.param("https://h?q", id="query"),
        pytest.param("https://h#f", id="fragment"),
        pytest.param("https://h:0", id="port 0"),
        pytest.param("https://h:65536", id="port 65536"),
        pytest.param("https://[::1", id="bracket without its pair"),
        pytest.param("https://h/\xe9", id="path beyond ASCII"),
    ],
)
def test_malformed_url_is_a_usage_error(url):
    with pytest.raises(program.UsageError) as caught:
        program.Server.parse(url)

    assert str(caught.value).startswith("the server: expected http(s)://host[:port][/prefix]")
