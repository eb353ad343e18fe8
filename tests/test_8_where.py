"""Section 8: where it runs, however it is started, and what importing it does. Windows has a file of its own."""

import ast
import io
import json
import os
import subprocess
import sys
import zipfile

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, SHOWCASE, SHOWCASE_NODES, TOKEN
from kit import (GET, HOME, LIST, MODULE, NODES, PATIENCE, ROOT, WINDOWS, ByteScreen, execution, inline, load_module,
                 make_environment, page, posix_only, read_file, rule, run_cli, run_in_shell, run_process, surroundings,
                 target)
from server import Reply

BYTES = bytes(range(256))
BINARY = ("get", "--project", PROJECT, "--id", SHOWCASE, "--node", SHOWCASE_NODES["binary"], "--output", "raw")
SOURCE = read_file(MODULE).decode("utf-8")
IMPORTED = sorted({name.split(".")[0] for node in ast.walk(ast.parse(SOURCE)) for name in (
    [alias.name for alias in node.names] if isinstance(node, ast.Import) else
    [node.module] if isinstance(node, ast.ImportFrom) else [])})
VERSION = ("version=%s\n" % program.__version__).encode()
not_pypy = pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy itself does not start there")


def run_python(*line, plane=None, env=None, **options):
    """Run any command line of this Python. Its exit code, stdout as bytes, stderr as text."""
    done = subprocess.run([sys.executable] + list(line), env=make_environment(plane, env), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE, **dict({"stdin": subprocess.DEVNULL}, **options))
    return done.returncode, done.stdout, done.stderr.decode("utf-8")


# ---- 8.1: every Python, the standard library alone

@rule("8.1")
@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs sys.stdlib_module_names")
def test_only_the_standard_library_is_imported():
    assert len(IMPORTED) > 5 and set(IMPORTED) <= sys.stdlib_module_names


@rule("8.1")
@pytest.mark.skipif(sys.version_info < (3, 8), reason="needs ast.parse(feature_version=)")
def test_syntax_is_that_of_python_3_6():
    ast.parse(SOURCE, feature_version=(3, 6))


@rule("8.1")
@pytest.mark.parametrize("argv, flags, code", [
    (BINARY, "-I", 0), (BINARY, "-OO", 0), (BINARY, "-B -E -s -S", 0), (BINARY, "-u", 0),
    (BINARY, "-bb -X dev -W error", 0), (GET, "-bb -X dev -W error -OO", 1), (GET, "-I", 1)])
def test_python_flags_change_nothing(plane, argv, flags, code):
    result = run_process(*argv, plane=plane, python=flags.split())
    assert result == run_cli(*argv, plane=plane) and result.code == code


@posix_only
@rule("8.1")
def test_no_environment_at_all_is_needed(tmp_path, plane):
    token = tmp_path / "token"
    token.write_text(plane.token)
    token.chmod(0o600)
    line = [sys.executable, MODULE, "--server", plane.url, "--token-file", str(token)] + list(LIST)
    assert subprocess.run(line, env={}, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).returncode == 0


@rule("8.1")
@pytest.mark.parametrize("home", [None, "", "/no such folder", "relative"])
def test_no_home_is_needed(plane, home):
    result = run_process(*LIST, plane=plane, env={HOME: home, "XDG_CONFIG_HOME": home}, python=["-I"])
    assert (result.code, result.err) == (0, "")


@posix_only
@rule("8.1", "5.1", "1.13")
@pytest.mark.parametrize("env", [
    {"LC_ALL": None, "LANG": "C"}, {"LC_ALL": "POSIX"}, pytest.param({"LC_ALL": "no_SUCH.locale"}, marks=not_pypy),
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "utf-16"}],
    ids=["LANG=C", "POSIX", "unknown", "ASCII", "UTF-16 streams"])
def test_locale_changes_no_byte_of_arguments_output_and_errors(plane, env):
    plane.script(Reply(page(execution(action="red\u00e9marrer \u6f22"), next_cursor="\u00e9")),
                 Reply({"detail": "refus\u00e9 \u6f22"}, 400))
    argv = LIST + ("--all", "--action-name", "red\u00e9 \u6f22".encode(), "--status", b"\xff", "--cursor", b"%\xc3")
    result = run_process(*argv, plane=plane, env=env)
    asked = [request.target.partition("&cursor=") for request in plane.requests]
    query = "status=%FF&action_name=red%C3%A9%20%E6%BC%A2&limit=200"
    assert {path.partition("?")[2] for path, _, _ in asked} == {query}
    assert [cursor for _, _, cursor in asked] == ["%25%C3", "%C3%A9"]
    assert "red\u00e9marrer \u6f22\nnext_cursor: \u00e9\n".encode() in result.out
    assert "; refus\u00e9 \u6f22\n" in result.err and result.code == 1


@posix_only
@rule("8.1")
def test_closed_stdin_changes_nothing(plane):
    plane.script(*[Reply(execution([target(inline(b"x\n"))]))] * 2)
    assert run_in_shell("<&-", *GET, plane=plane) == run_cli(*GET, plane=plane)


# ---- 8.1: nothing is written to disk

#: Runs the program as a script, and tells each attempt to change something in the file system, and to run something.
AUDITED = """
import os, runpy, sys
def audit(event, details):
    changes = event.split(".")[0] in ("subprocess", "shutil") or event in (
        "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
        "os.chown", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.utime", "os.putenv")
    if event == "open" and isinstance(details[0], (str, bytes)):
        # PyPy tells O_WRONLY of every open().
        changes = details[1] != "r" and details[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    if changes:
        sys.stderr.write("%s %r\\n" % (event, details))
sys.addaudithook(audit)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@rule("8.1")
@pytest.mark.skipif(not hasattr(sys, "addaudithook"), reason="needs sys.addaudithook")
@pytest.mark.parametrize("argv", [("--help",), LIST + ("--all",), LIST + ("--last", "3", "--output", "yaml"), BINARY],
                         ids=["help", "all", "last", "get"])
def test_no_file_is_opened_for_writing_and_no_program_is_run(tls_plane, argv):
    code, out, err = run_python("-B", "-c", AUDITED, MODULE, *argv, plane=tls_plane)
    assert (code, err) == (0, "") and out


@rule("8.1")
def test_folders_are_as_they_were(plane, tmp_path):
    copy = tmp_path / "plexctl_exec_log.py"
    copy.write_bytes(read_file(MODULE))
    env = dict.fromkeys([HOME, "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"], str(tmp_path))
    for argv in (LIST + ("--all",), BINARY):
        assert run_python(str(copy), *argv, plane=plane, env=env, cwd=str(tmp_path))[0] == 0
    assert os.listdir(str(tmp_path)) == ["plexctl_exec_log.py"]


# ---- 8.1: ways to start it

CALLS_MAIN = "import sys\nfrom plexctl_exec_log import main\nsys.exit(main())\n"
BY_PATH = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("any_name", sys.argv.pop(1))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert "any_name" not in sys.modules
sys.exit(module.main())
"""
#: How Python is called, and in which folder. ZIP holds the module and a __main__, LINK and `-` lead to the module.
WAYS = {"file": (["MODULE"], None), "relative path": (["plexctl_exec_log.py"], ROOT), "symlink": (["LINK"], None),
        "module name": (["-m", "plexctl_exec_log"], ROOT), "import": (["-c", CALLS_MAIN], ROOT),
        "path alone": (["-c", BY_PATH, "MODULE"], None), "stdin": (["-"], None),
        "zip": (["ZIP"], None), "isolated zip": (["-I", "ZIP"], None)}


@rule("8.1")
@pytest.mark.parametrize("way", sorted(WAYS))
def test_it_runs_however_it_is_started(plane, tmp_path, way):
    line, cwd = WAYS[way]
    paths = {"MODULE": MODULE, "ZIP": str(tmp_path / "some.zip"), "LINK": str(tmp_path / "link")}
    if way == "symlink" and WINDOWS:
        pytest.skip("links need privileges on Windows")
    if way == "symlink":
        os.symlink(MODULE, paths["LINK"])
    with zipfile.ZipFile(paths["ZIP"], "w") as packed:
        packed.write(MODULE, "plexctl_exec_log.py")
        packed.writestr("__main__.py", CALLS_MAIN)
    with open(MODULE, "rb") as file:
        line = [paths.get(part, part) for part in line] + list(BINARY)
        assert run_python(*line, plane=plane, cwd=cwd, stdin=file) == (0, BYTES, "")


# ---- 8.2: nothing beside the script is imported

#: What every name beside the script would do if it were imported.
HOSTILE = "import os\nos.write(2, ('imported: %s\\n' % __name__).encode())\n"


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory):
    """A copy of the program in a folder with a hostile file for every module of the standard library."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "plexctl_exec_log.py").write_bytes(read_file(MODULE))
    for name in set(IMPORTED) | set(getattr(sys, "stdlib_module_names", sys.builtin_module_names)) | {
            "email", "encodings", "http", "importlib", "ssl", "socket", "select", "selectors", "urllib", "zipimport"}:
        (folder / (name + ".py")).write_text(HOSTILE)
    return folder


WIRE = execution([target(inline(b"one\n")), target({"kind": "inline", "inline_bytes": "?"}, NODES[1], "failed")])
#: Command lines that between them load all that the program loads.
EVERY_IMPORT = [("--help",), ("list", "--help"), ("nonsense",), LIST + ("--last", "2", "--since", "2020-01-01"),
                LIST + ("--all", "--until", "2030-01-01T00:00:00Z", "--output", "yaml"), GET, GET + ("--output", "raw"),
                GET + ("--wait", "--wait-timeout", "9", "--color", "always"), GET + ("-v", "--output", "json")]


@rule("8.2")
@pytest.mark.parametrize("argv", EVERY_IMPORT, ids=lambda argv: " ".join(argv[1:2] + argv[4:]) or argv[0])
def test_nothing_beside_the_script_is_imported(tls_plane, shared_folder, argv):
    def answers():
        return [Reply(WIRE if "get" in argv else page(WIRE))] * (1 + ("--wait" in argv)) if "--project" in argv else []

    tls_plane.script(*answers())
    shown = run_python("plexctl_exec_log.py", *argv, plane=tls_plane, cwd=str(shared_folder), env={"COLUMNS": "80"})
    assert "imported" not in shown[2] and not tls_plane.answers
    tls_plane.script(*answers())
    assert shown[:2] == run_cli(*argv, plane=tls_plane, env={"COLUMNS": "80"})[:2]


@rule("8.2")
@pytest.mark.parametrize("start", [
    "{folder}/plexctl_exec_log.py", "./plexctl_exec_log.py", "../{name}/plexctl_exec_log.py",
    pytest.param("{link}", marks=posix_only)], ids=["absolute", "dot", "parent", "link"])
def test_nothing_beside_the_script_is_imported_however_its_path_is_written(plane, shared_folder, tmp_path, start):
    if "link" in start:
        os.symlink(str(shared_folder / "plexctl_exec_log.py"), str(tmp_path / "link"))
    path = start.format(folder=shared_folder, name=shared_folder.name, link=tmp_path / "link")
    code, out, err = run_python(path, *LIST, plane=plane, cwd=str(shared_folder))
    assert (code, err) == (0, "") and out.startswith(b"ID ")


@rule("8.2")
def test_config_file_and_proxy_load_nothing_from_beside_the_script(plane, shared_folder, tmp_path):
    config = tmp_path / "plexctl" / "config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"default": "x", "profiles": {"x": {"server": "http://plane.test", "token": TOKEN}}}))
    config.chmod(0o600)
    env = {"XDG_CONFIG_HOME": str(tmp_path), "HTTP_PROXY": plane.url, "PATH": os.environ["PATH"]}
    err = run_python(str(shared_folder / "plexctl_exec_log.py"), "--allow-http", *LIST, env=env)[2]
    assert "imported" not in err and [request.target[:18] for request in plane.requests] == ["http://plane.test/"]


#: In a folder of PYTHONPATH, this tells at the exit what the import path has become.
SITE = "import atexit, sys\natexit.register(lambda: sys.stderr.write(sys.path[0] + '\\n'))\n"


@rule("8.2")
@pytest.mark.parametrize("env", [{}, {"PYTHONSAFEPATH": "1"}], ids=["script's folder first", "safe path"])
def test_only_the_folder_of_the_script_is_taken_off_the_import_path(tmp_path, env):
    """From 3.11 on, PYTHONSAFEPATH keeps Python itself from putting that folder first."""
    (tmp_path / "sitecustomize.py").write_text(SITE)
    code, out, err = run_python(MODULE, "--version", env=dict(env, PYTHONPATH=str(tmp_path)))
    assert (code, out, err.splitlines()) == (0, VERSION, [str(tmp_path)])


@rule("8.2", "8.3")
def test_import_path_of_an_importer_is_not_touched():
    script = "import sys; before = sys.path[:]; import plexctl_exec_log; sys.exit(sys.path != before)"
    assert run_python("-c", script, cwd=ROOT) == (0, b"", "")


# ---- 8.3: import and main have no effect on the process

#: Tells what importing the program, and then calling main, change in the process.
EFFECTS = """
import gc, io, os, re, signal, sys, threading, time, warnings, collections, functools, importlib.util, locale

class Untouchable(dict):
    def touch(self, *_):
        raise AssertionError("the environment was read")
    get = keys = items = __getitem__ = __contains__ = __iter__ = touch

def state():
    handlers = [signal.getsignal(number) for number in range(1, 65) if number not in (9, 19, 32, 33)
                and (os.name != "nt" or number in (2, 15))]
    return dict(streams=(sys.stdin, sys.stdout, sys.stderr), path=sys.path[:], argv=sys.argv[:], folder=os.getcwd(),
                handlers=handlers, collector=gc.isenabled() and getattr(gc, "get_threshold", tuple)(),
                frozen=getattr(gc, "get_freeze_count", int)(), threads=threading.active_count(),
                hooks=(sys.excepthook, sys.displayhook, sys.gettrace()), finders=sys.meta_path[:],
                filters=warnings.filters[:], locale=locale.setlocale(locale.LC_ALL))

def tell(what, before):
    now = state()
    print(what, sorted(name for name in now if now[name] != before[name]))

environ, os.environ, before, modules = os.environ, Untouchable(), state(), set(sys.modules)
spec = importlib.util.spec_from_file_location("program", sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
os.environ = environ
tell("import", before)
print("modules", [name for name in set(sys.modules) - modules if name.split(".")[0] not in STDLIB])
variables, before = dict(os.environ), state()
codes = [program.main(line.split(), io.BytesIO(), io.BytesIO()) for line in sys.argv[2:]]
tell("main", before)
print("environment", dict(os.environ) == variables, "codes", codes)
""".replace("STDLIB", "getattr(sys, 'stdlib_module_names', sys.modules)")


@rule("8.3")
def test_import_and_main_change_nothing_in_the_process(plane):
    lines = ["--help", "--version", "nonsense", "list", " ".join(LIST), " ".join(GET), " ".join(LIST + ("--all",))]
    code, out, err = run_python("-S", "-c", EFFECTS, MODULE, *lines, plane=plane)
    assert (code, err, out.decode().splitlines()) == (0, "", [
        "import []", "modules []", "main []", "environment True codes [0, 0, 2, 2, 0, 1, 0]"])


@rule("8.3")
def test_import_writes_nothing_and_is_no_run(capfd):
    assert load_module().__version__ == program.__version__ and capfd.readouterr() == ("", "")


@rule("8.3")
@pytest.mark.parametrize("argv, code", [
    ([], 2), (["--help"], 0), (["get", "--help"], 0), (["--version"], 0), (["list", "--no-such-flag"], 2),
    (["list", "x"], 2), (["list", "--project", PROJECT], 3),
    (["list", "--project", PROJECT, "--server", "http://127.0.0.1:1"], 3)])
def test_main_returns_and_never_exits(argv, code):
    assert run_cli(*argv).code == code


@rule("8.3")
def test_main_leaves_nothing_in_the_buffer_of_its_callers_and_keeps_the_order():
    raw = io.BytesIO()
    buffered = io.BufferedWriter(raw)
    buffered.write(b"before\n")
    assert run_cli("--help", stdout=buffered).code == 0 and raw.getvalue().startswith(b"before\nusage: ")


@rule("8.3")
@pytest.mark.parametrize("make", [io.BytesIO, io.StringIO, ByteScreen, lambda: io.TextIOWrapper(io.BytesIO(), "ascii")],
                         ids=["bytes", "text", "terminal", "ASCII"])
def test_stderr_may_be_a_stream_of_bytes_or_of_text(make):
    stderr = make()
    with surroundings():
        assert program.main(["nonsense\u20ac"], io.BytesIO(), stderr) == 2
    shown = getattr(stderr, "buffer", stderr).getvalue()
    assert (shown if isinstance(shown, str) else shown.decode("utf-8")).startswith("error: ")


@rule("8.3")
@pytest.mark.parametrize("closed, code", [("stdout", 1), ("stderr", 0)])
def test_main_bears_a_closed_stream(closed, code):
    streams = {"stdout": io.BytesIO(), "stderr": io.BytesIO()}
    streams[closed].close()
    with surroundings():
        assert program.main(["--version"], **streams) == code


@rule("8.3")
def test_main_takes_streams_and_arguments_of_the_process(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["any name", "--version"])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-16"))
    assert program.main() == 0 and sys.stdout.buffer.getvalue() == VERSION


# ---- 8.6: a byte order mark

BOM = b"\xef\xbb\xbf"


def private(path, data):
    """Write a file that is its owner's alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(0o600)
    return str(path)


@rule("8.6")
@pytest.mark.parametrize("data, code", [
    (BOM + b"%s", 0), (BOM + b"%s\r\n", 0), (BOM + b" %s\n", 0), (BOM, 3), (BOM + b"\r\n", 3), (BOM + BOM + b"%s", 3),
    (b"%s" + BOM, 3), (b"a" + BOM + b"%s", 3)],
    ids=["first", "CR LF", "blank", "alone", "no token", "twice", "last", "within"])
def test_byte_order_mark_before_a_token_is_ignored(plane, tmp_path, data, code):
    path = private(tmp_path / "token", data.replace(b"%s", TOKEN.encode()))
    result = run_cli(*LIST + ("--token-file", path), plane=plane)
    assert (result.code, len(plane.requests)) == (code, code == 0)


@rule("8.6")
@pytest.mark.parametrize("mark, code", [(BOM, 0), (b"", 0), (BOM + BOM, 3), (b" " + BOM, 3)],
                         ids=["once", "none", "twice", "after a blank"])
def test_byte_order_mark_before_the_config_file_is_ignored(plane, tmp_path, mark, code):
    profile = {"default": "x", "profiles": {"x": {"server": plane.url, "token": TOKEN}}}
    private(tmp_path / "plexctl" / "config.json", mark + json.dumps(profile).encode())
    result = run_cli(*LIST, env={"XDG_CONFIG_HOME": str(tmp_path)})
    assert (result.code, len(plane.requests)) == (code, code == 0)
