"""Section 8: where it runs, and however it is started."""

import hashlib
import io
import os
import subprocess
import sys
import zipfile

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, SHOWCASE, SHOWCASE_NODES, Reply
from kit import GET, LIST, MODULE, PATIENCE, ROOT, ByteScreen, environment, execution, inline, page, read, \
    run_cli, run_process, run_shell, surroundings, target

BYTES = bytes(range(256))
BINARY = ("get", "--project", PROJECT, "--id", SHOWCASE, "--node", SHOWCASE_NODES["binary"], "--output", "raw")
not_pypy = pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy itself does not start there")
posix_only = pytest.mark.skipif(os.name == "nt", reason="POSIX")


def run_python(*line, plane=None, env=None, **options):
    """Any command line of this Python. Its exit code, stdout as bytes, stderr as text."""
    done = subprocess.run([sys.executable] + list(line), env=environment(plane, env), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE, **dict({"stdin": subprocess.DEVNULL}, **options))
    return done.returncode, done.stdout, done.stderr.decode("utf-8")


# ---- flags of the interpreter

@pytest.mark.parametrize("argv, flags, code", [
    (BINARY, "-I", 0), (BINARY, "-OO", 0), (BINARY, "-B -E -s -S", 0), (BINARY, "-u", 0), (BINARY, "-bb -X dev -W error", 0),
    (GET, "-bb -X dev -W error -OO", 1)])
def test_python_flags_change_nothing(plane, argv, flags, code):
    result = run_process(*argv, plane=plane, python=flags.split())
    assert result == run_cli(*argv, plane=plane) and result.code == code


# ---- the environment

@posix_only
def test_no_environment_at_all_is_needed(tmp_path, plane):
    token = tmp_path / "token"
    token.write_text(plane.token)
    token.chmod(0o600)
    line = [sys.executable, MODULE, "--server", plane.url, "--token-file", str(token)] + list(LIST)
    assert subprocess.run(line, env={}, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).returncode == 0


@posix_only
@pytest.mark.parametrize("env", [
    {"LC_ALL": None, "LANG": "C"}, {"LC_ALL": "POSIX"}, pytest.param({"LC_ALL": "no_SUCH.locale"}, marks=not_pypy),
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "utf-16"}],
    ids=["LANG=C", "POSIX", "unknown", "ASCII", "UTF-16 streams"])
def test_locale_changes_no_byte_of_arguments_output_and_errors(plane, env):
    plane.script(Reply(page(execution(action="red\u00e9marrer \u6f22"), next_cursor="\u00e9")),
                 Reply({"detail": "refus\u00e9 \u6f22"}, 400))
    argv = LIST + ("--all", "--action-name", "red\u00e9 \u6f22".encode(), "--status", b"\xff", "--cursor", b"%\xc3")
    result = run_process(*argv, plane=plane, env=env)
    query = "?status=%FF&action_name=red%C3%A9%20%E6%BC%A2&cursor="
    assert [query + asked.target.split(query)[1] for asked in plane.requests] == [query + "%25%C3", query + "%C3%A9"]
    assert "red\u00e9marrer \u6f22\nnext_cursor: \u00e9\n".encode() in result.out
    assert "; refus\u00e9 \u6f22\n" in result.err and result.code == 1


@posix_only
def test_nothing_is_written_to_disk(plane, tmp_path):
    copy = tmp_path / "plexctl_exec_log.py"
    copy.write_bytes(read(MODULE))
    tmp_path.chmod(0o500)
    env = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    code = run_python(str(copy), *LIST + ("--all",), plane=plane, env=env, cwd=str(tmp_path))[0]
    tmp_path.chmod(0o700)
    assert (code, os.listdir(str(tmp_path))) == (0, ["plexctl_exec_log.py"])


@posix_only
def test_closed_stdin_changes_nothing(plane):
    plane.script(*[Reply(execution([target(inline(b"x\n"))]))] * 2)
    assert run_shell("<&-", *GET, plane=plane) == run_cli(*GET, plane=plane)


# ---- ways to start it

CALLS_MAIN = "import sys\nfrom plexctl_exec_log import main\nsys.exit(main())\n"
BY_PATH = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("any_name", sys.argv.pop(1))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert "any_name" not in sys.modules
sys.exit(module.main())
"""

#: How Python is called, and in which folder. ZIP holds the module and a __main__, LINK leads to the module, which is `-` too.
WAYS = {"file": (["MODULE"], None), "relative path": (["plexctl_exec_log.py"], ROOT), "symlink": (["LINK"], None),
        "module name": (["-m", "plexctl_exec_log"], ROOT), "zip": (["ZIP"], None), "isolated zip": (["-I", "ZIP"], None),
        "import": (["-c", CALLS_MAIN], ROOT), "path alone": (["-c", BY_PATH, "MODULE"], None), "standard input": (["-"], None)}
VERSION = "version=%s sha256=%s\n" % (program.__version__, hashlib.sha256(read(MODULE)).hexdigest())
UNKNOWN = "version=%s sha256=unknown\n" % program.__version__


@posix_only
@pytest.mark.parametrize("way, argv, shown", [(way, ["--version"], VERSION.encode()) for way in sorted(WAYS) if way != "standard input"] + [
    ("standard input", ["--version"], UNKNOWN.encode())] + [(way, BINARY, BYTES) for way in ("isolated zip", "path alone", "standard input")])
def test_it_runs_however_it_is_started_and_tells_the_digest_of_the_file_that_runs(plane, tmp_path, way, argv, shown):
    line, cwd = WAYS[way]
    paths = {"MODULE": MODULE, "ZIP": str(tmp_path / "some.zip"), "LINK": str(tmp_path / "link")}
    os.symlink(MODULE, paths["LINK"])
    with zipfile.ZipFile(paths["ZIP"], "w") as archive:
        archive.write(MODULE, "plexctl_exec_log.py")
        archive.writestr("__main__.py", CALLS_MAIN)
    with open(MODULE, "rb") as file:
        line = [paths.get(part, part) for part in line] + list(argv)
        assert run_python(*line, plane=plane, cwd=cwd, stdin=file) == (0, shown, "")


# ---- main as a function

def test_main_leaves_nothing_in_the_buffer_of_its_callers_and_keeps_the_order():
    raw = io.BytesIO()
    buffered = io.BufferedWriter(raw)
    buffered.write(b"before\n")
    assert run_cli("--help", stdout=buffered).code == 0 and raw.getvalue().startswith(b"before\nusage: ")


@pytest.mark.parametrize("make", [io.BytesIO, io.StringIO, ByteScreen, lambda: io.TextIOWrapper(io.BytesIO(), "ascii")])
def test_stderr_may_be_a_stream_of_bytes_or_of_text(make):
    stderr = make()
    with surroundings():
        assert program.main(["nonsense\u20ac"], io.BytesIO(), stderr) == 2
    told = getattr(stderr, "buffer", stderr).getvalue()
    assert (told if isinstance(told, str) else told.decode("utf-8")).startswith("usage: ")


@pytest.mark.parametrize("closed, code", [("stdout", 1), ("stderr", 0)])
def test_main_bears_a_closed_stream(closed, code):
    streams = {"stdout": io.BytesIO(), "stderr": io.BytesIO()}
    streams[closed].close()
    with surroundings():
        assert program.main(["--version"], **streams) == code


def test_main_takes_streams_and_arguments_of_the_process(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["any name", "--version"])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-16"))
    assert program.main() == 0 and sys.stdout.buffer.getvalue() == VERSION.encode()
