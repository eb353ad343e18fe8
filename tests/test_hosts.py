"""Section 8: where it runs, however it is started, and what importing it does. Windows has a file of its own."""

import ast
import glob
import io
import os
import re
import shutil
import subprocess
import sys

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, SHOWCASE, SHOWCASE_NODES, TOKEN
from kit import (ALL_BYTES, GET, LIST, MODULE, NODES, PATIENCE, README, ROOT, SOURCE, execution, inline,
                 make_environment, page, posix_only, read_file, read_text, rule, run_cli, run_process, run_python,
                 target)
from server import Reply

BINARY = ("get", SHOWCASE, "--project", PROJECT, "--node", SHOWCASE_NODES["binary"], "--output", "raw")
IMPORTED = {name.split(".")[0] for node in ast.walk(ast.parse(SOURCE)) for name in ([node.module] if isinstance(
    node, ast.ImportFrom) else [alias.name for alias in node.names] if isinstance(node, ast.Import) else [])}
VERSION = ("version=%s\n" % program.__version__).encode()


# ---- 8.1: every Python, every surroundings, the standard library alone

@rule("8.1")
@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs sys.stdlib_module_names")
def test_source_has_python_3_6_syntax_and_only_standard_imports():
    assert len(IMPORTED) > 5 and set(IMPORTED) <= sys.stdlib_module_names
    ast.parse(SOURCE, feature_version=(3, 6))


@rule("8.1d")
@pytest.mark.parametrize("argv, flags, code", [
    (BINARY, "-I", 0), (BINARY, "-u -B -E -s -S", 0), (GET, "-bb -X dev -W error -OO", 1)])
def test_interpreter_flags_change_nothing(plane, argv, flags, code):
    result = run_process(*argv, plane=plane, python=flags.split())
    same = run_cli(*argv, plane=plane)
    assert result[:2] == same[:2]
    assert result.err.splitlines() == same.err.splitlines()
    assert result.code == code


@posix_only
@rule("8.1d")
def test_program_works_without_any_environment(tmp_path, plane):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    line = [sys.executable, MODULE, "--server", plane.url, "--token-file", "token"] + list(LIST)
    assert subprocess.run(line, cwd=str(tmp_path), env={}, stdout=subprocess.PIPE).returncode == 0


@posix_only
@rule("8.1d", "5.1a", "5.1b", "1.13a")
@pytest.mark.parametrize("env, is_escaped", [
    ({}, False), ({"LC_ALL": None, "LANG": "C"}, None), ({"PYTHONIOENCODING": "ascii"}, True),
    ({"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, True)],
    ids=["UTF-8", "LANG=C", "ASCII streams", "ASCII"])
def test_locale_changes_no_byte_of_arguments_and_output(plane, env, is_escaped):
    plane.script(Reply(page(execution(action="red\u00e9marrer \u6f22"), next_cursor="\u00e9")),
                 Reply({"detail": "refus \u6f22"}, 404))
    argv = ("--action-name", "red\u00e9 \u6f22".encode() + b"\xff", "--cursor", b"%\xc3")
    result = run_process(*LIST + ("--all",) + argv, plane=plane, env=env)
    queries = [set(request.target.partition("?")[2].split("&")) for request in plane.requests]
    assert queries == [{"action_name=red%C3%A9%20%E6%BC%A2%FF", "limit=200", "cursor=" + cursor}
                       for cursor in ("%25%C3", "%C3%A9")]
    assert result.out.decode("utf-8").endswith(" red\u00e9marrer \u6f22\n")
    assert result.code == 1
    shown = [text for text in ("refus \u6f22", "refus \\u6f22") if "; %s\n" % text in result.err]
    assert len(shown) == 1 and is_escaped in (None, "\\" in shown[0])


#: Runs the program as a script, and tells each attempt to change something in the file system, and to run something.
AUDITED = """
import os, runpy, sys
def audit(event, details):
    changes = event.split(".")[0] in ("subprocess", "shutil") or event in ["os." + name for name in (
        "mkdir remove rename rmdir link symlink truncate chmod chown system exec fork posix_spawn putenv").split()]
    if event == "open" and isinstance(details[0], (str, bytes)):
        # PyPy tells O_WRONLY of every open().
        changes = details[1] != "r" and details[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    if changes:
        sys.stderr.write("%s %r\\n" % (event, details))
sys.addaudithook(audit)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@rule("8.1b", "8.1c")
@pytest.mark.skipif(not hasattr(sys, "addaudithook"), reason="needs sys.addaudithook")
@pytest.mark.parametrize("argv", [("--help",), LIST + ("--last", "3"), BINARY], ids=["help", "list", "get"])
def test_program_opens_no_file_for_writing_and_runs_no_program(tls_plane, argv):
    code, out, err = run_python("-B", "-c", AUDITED, MODULE, *argv, plane=tls_plane)
    assert (code, err) == (0, "") and out


CALLS_MAIN = "import sys\nfrom plexctl_exec_log import main\nsys.exit(main())\n"


@rule("8.1a")
@pytest.mark.parametrize("line", [["plexctl_exec_log.py"], ["-m", "plexctl_exec_log"], ["-c", CALLS_MAIN], ["-"]],
                         ids=["relative path", "module name", "import", "stdin"])
def test_program_runs_however_it_is_started(plane, line):
    with open(MODULE, "rb") as file:
        assert run_python(*line + list(BINARY), plane=plane, cwd=ROOT, stdin=file) == (0, ALL_BYTES, "")


# ---- 8.2: nothing beside the script is imported

@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory):
    """A copy of the program in a folder with a hostile file for every module of the standard library."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "plexctl_exec_log.py").write_bytes(read_file(MODULE))
    for name in IMPORTED | set(getattr(sys, "stdlib_module_names", sys.builtin_module_names)) | {
            "email", "encodings", "enum", "http", "importlib", "ssl", "select", "selectors", "urllib", "zipimport"}:
        (folder / (name + ".py")).write_text("import os\nos.write(2, ('imported: %s\\n' % __name__).encode())\n")
    return folder


TWO_TARGETS = execution([target(inline(b"one\n")), target({"kind": "inline", "inline_bytes": "?"}, NODES[1], "failed")])
#: Command lines that between them load all that the program loads, and what is answered.
EVERY_IMPORT = [(("--help",), []), (("nonsense",), []),
                (LIST + ("--last", "2", "--since", "2020-01-01", "--until", "2030-01-01"), [Reply(page(TWO_TARGETS))]),
                (GET + ("--wait", "--wait-timeout", "9"), [Reply(TWO_TARGETS)] * 2),
                (GET + ("-v",), [Reply(TWO_TARGETS)]),
                (LIST + ("--server", "http://plane.test", "--allow-http"), [])]


@rule("8.2")
@pytest.mark.parametrize("argv, answers", EVERY_IMPORT, ids=["help", "usage", "list", "wait", "verbose", "proxy"])
def test_script_imports_nothing_from_its_own_folder(tls_plane, plane, shared_folder, argv, answers):
    tls_plane.script(*answers * 2)
    env = {"HTTP_PROXY": plane.url}
    shown = run_python("plexctl_exec_log.py", *argv, plane=tls_plane, env=env, cwd=str(shared_folder))
    assert "imported" not in shown[2] and shown[:2] == run_cli(*argv, plane=tls_plane, env=env)[:2]
    assert not tls_plane.answers and len(plane.requests) == 2 * ("--allow-http" in argv)


@rule("8.2")
@pytest.mark.parametrize("env", [{}, {"PYTHONSAFEPATH": "1"}], ids=["script's folder first", "safe path"])
def test_script_removes_only_its_own_folder_from_the_import_path(tmp_path, env):
    """The module that is imported in place of argparse tells what the path has become. From 3.11 on, PYTHONSAFEPATH
    keeps Python itself from putting that folder first."""
    (tmp_path / "argparse.py").write_text("import os, sys\nos.write(1, sys.path[0].encode())\nos._exit(0)\n")
    env = dict(env, PYTHONPATH=str(tmp_path))
    assert run_python(MODULE, "--version", env=env) == (0, str(tmp_path).encode(), "")


# ---- 8.3: import and main have no effect on the process

#: Tells what importing the program, and then calling main, change in the process.
EFFECTS = """
import gc, io, os, signal, sys, warnings, importlib.util, locale
class Untouchable(dict):
    def touch(self, *_):
        raise AssertionError("the environment was read")
    get = keys = items = __getitem__ = __contains__ = __iter__ = touch
def state():
    return dict(streams=(sys.stdin, sys.stdout, sys.stderr), path=sys.path[:], argv=sys.argv[:], folder=os.getcwd(),
                handlers=[signal.getsignal(number) for number in (2, 15)], locale=locale.setlocale(locale.LC_ALL),
                collector=(gc.isenabled(), getattr(gc, "get_threshold", int)()), filters=warnings.filters[:],
                hooks=(sys.excepthook, sys.displayhook))
def tell(what, before):
    now = state()
    print(what, sorted(name for name in now if now[name] != before[name]))
environ, os.environ, before = os.environ, Untouchable(), state()
spec = importlib.util.spec_from_file_location("program", sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
os.environ = environ
tell("import", before)
variables, before = dict(os.environ), state()
codes = [program.main(line.split(), io.BytesIO(), io.StringIO()) for line in sys.argv[2:]]
tell("main", before)
print("environment", dict(os.environ) == variables, "codes", codes)
"""


@rule("8.3", "8.3a", "10.2a")
def test_import_and_main_change_nothing_in_the_process(plane):
    lines = ["--help", "--version", "nonsense", "list", " ".join(LIST), " ".join(GET), " ".join(LIST + ("--all",))]
    code, out, err = run_python("-S", "-c", EFFECTS, MODULE, *lines, plane=plane)
    assert (code, err, out.decode().splitlines()) == (0, "", [
        "import []", "main []", "environment True codes [0, 0, 2, 2, 0, 1, 0]"])


@rule("10.1b")
def test_import_loads_no_typing():
    code, out, _ = run_python("-S", "-c", "import plexctl_exec_log, sys; print('typing' in sys.modules)", cwd=ROOT)
    assert (code, out.strip()) == (0, b"False")


@rule("8.3b")
def test_main_flushes_the_callers_buffer_in_order():
    raw = io.BytesIO()
    buffered = io.TextIOWrapper(io.BufferedWriter(raw), newline="\n")
    buffered.write("before\n")
    assert run_cli("--version", stdout=buffered).code == 0
    assert raw.getvalue() == b"before\n" + VERSION


@rule("8.3a", "8.3c")
def test_main_uses_sys_argv_and_sys_stdout_and_accepts_falsy_streams(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["any name", "--version"])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-16"))
    falsy = type("Falsy", (io.BytesIO,), {"__bool__": lambda self: False})()
    assert program.main(stdout=falsy) == program.main() == 0
    assert falsy.getvalue() == sys.stdout.buffer.getvalue() == VERSION


# ---- 8.1e to 8.1g: what the repository says of the file

LICENCE = "SPDX-License-Identifier: Apache-2.0"
SETTINGS_TEXT = read_text(os.path.join(ROOT, "pyproject.toml"))


@rule("8.1e")
@posix_only
@pytest.mark.skipif(not shutil.which("python3"), reason="needs python3 in PATH, for the first line of the file")
def test_file_is_executable_and_runs_by_its_name():
    assert os.stat(MODULE).st_mode & 0o111 == 0o111
    assert subprocess.check_output([MODULE, "--version"], env=make_environment(), timeout=PATIENCE) == VERSION


@rule("8.1f")
def test_file_readme_and_package_name_the_licence():
    assert "\n# %s\n" % LICENCE in SOURCE.partition('"""')[0]
    assert [line for line in read_text(README).splitlines() if "Apache" in line and LICENCE in line]
    assert re.findall("(?m)^license = (.+)$", SETTINGS_TEXT) == ['"Apache-2.0"'] and "License ::" not in SETTINGS_TEXT
    low, = re.findall(r"(?m)^requires = \[\"flit_core >=(\d+)\.(\d+)", SETTINGS_TEXT)
    assert (int(low[0]), int(low[1])) >= (3, 11), "an older flit does not know the licence"


@rule("8.1g")
def test_readme_and_classifiers_name_the_same_pythons():
    tried, first, last = re.search(r"(.*CPython 3\.(\d+) to 3\.(\d+).*)", read_text(README)).groups()
    classifiers = re.findall(r"Programming Language :: Python :: (3\.\d+)\"", SETTINGS_TEXT)
    assert len(classifiers) > 5
    assert classifiers == ["3.%d" % minor for minor in range(int(first), int(last) + 1)]
    named = re.findall("Implementation :: (\\w+)", SETTINGS_TEXT)
    assert sorted(named) == [name for name in ("CPython", "GraalPy", "PyPy") if re.search(r"\b%s\b" % name, tried)]


@rule("8.1g")
@pytest.mark.skipif(not glob.glob(os.path.join(ROOT, ".ci", "*")), reason="the package has no .ci")
def test_ci_takes_its_list_from_the_classifiers():
    script = read_text(os.path.join(ROOT, ".ci", "ci.py"))
    assert "pyproject.toml" in script and "Programming Language :: Python :: " in script
