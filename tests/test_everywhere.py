"""Section 8: where it runs, however it is started; and that it loads no more than it needs."""

import hashlib
import io
import os
import subprocess
import sys
import zipfile

import pytest

from control_plane import PROJECT, SHOWCASE, SHOWCASE_NODES, Reply
from kit import GET, LIST, MODULE, ROOT, answered, environment, execution, inline, page, run_cli, target
from kit_streams import PATIENCE, load_module, run_shell

BYTES = bytes(range(256))
BINARY = ("get", "--project", PROJECT, "--id", SHOWCASE, "--node", SHOWCASE_NODES["binary"])
not_pypy = pytest.mark.skipif(sys.implementation.name == "pypy", reason="PyPy itself does not start there")
posix_only = pytest.mark.skipif(os.name == "nt", reason="POSIX")


def digest_of(path):
    with open(str(path), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def run_python(*line, plane=None, env=None, **options):
    """Any command line of this Python. Its exit code, stdout as bytes, stderr as text."""
    done = subprocess.run([sys.executable] + list(line), env=environment(plane, env), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE, **dict({"stdin": subprocess.DEVNULL}, **options))
    return done.returncode, done.stdout, done.stderr.decode("utf-8")


# ---- flags of the interpreter

@pytest.mark.parametrize("flags", [("-I",), ("-O",), ("-OO",), ("-W", "error"), ("-X", "dev"), ("-bb", "-W", "error"),
                                   ("-B", "-E", "-s", "-S"), ("-u",)], ids=" ".join)
def test_python_flags_change_nothing(plane, flags):
    runs = [run_cli(*argv, plane=plane, python=flags) for argv in (BINARY + ("--output", "raw"), LIST + ("--all",))]
    assert [(run.code, run.err) for run in runs] == [(0, "")] * 2
    assert runs[0].out == BYTES and runs[1].out.count(b"\n") > 50


@pytest.mark.parametrize("argv, code", [(("--help",), 0), (("nonsense",), 2), (GET, 1)], ids=["help", "usage", "404"])
def test_strict_python_changes_no_failure(plane, argv, code):
    strict, plain = [run_cli(*argv, plane=plane, python=flags) for flags in (("-X", "dev", "-W", "error", "-OO"), ())]
    assert strict == plain and plain.code == code


# ---- the environment

@pytest.mark.parametrize("home", ["", None, "relative/path", "/dev/null"],
                         ids=["empty", "missing", "relative", "no folder"])
@pytest.mark.parametrize("token, code", [(True, 0), (False, 3)], ids=["token", "no token"])
def test_no_home_is_needed(plane, home, token, code):
    env = dict({"HOME": home}, **{} if token else {"PLEXSPHERE_TOKEN": None})
    assert run_cli(*LIST, plane=plane, env=env).code == code


@posix_only
def test_no_environment_at_all_is_needed(tmp_path, plane):
    token = tmp_path / "token"
    token.write_text(plane.token)
    token.chmod(0o600)
    line = [sys.executable, MODULE, "--server", plane.url, "--token-file", str(token)] + list(LIST)
    assert subprocess.run(line, env={}, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).returncode == 0


LOCALES = pytest.mark.parametrize("env", [
    {"LC_ALL": None, "LANG": "C"}, {"LC_ALL": "POSIX"}, pytest.param({"LC_ALL": "no_SUCH.locale"}, marks=not_pypy),
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "utf-16"}], ids=["LANG=C", "POSIX", "unknown", "ASCII", "UTF-16 streams"])


@LOCALES
def test_bytes_of_an_output_are_the_same_in_every_locale(plane, env):
    assert run_cli(*BINARY + ("--output", "raw"), plane=plane, env=env)[:2] == (0, BYTES)


@LOCALES
def test_text_is_utf_8_in_every_locale(plane, env):
    plane.script(Reply(page(execution(action="red\u00e9marrer \u6f22"))), Reply({"detail": "refus\u00e9 \u6f22"}, 400))
    assert "red\u00e9marrer \u6f22\n".encode() in run_cli(*LIST, plane=plane, env=env).out
    assert "refus\u00e9 \u6f22\n" in run_cli(*LIST, plane=plane, env=env).err.replace("; ", "\n")


@posix_only
@LOCALES
def test_argument_is_sent_as_its_bytes_in_every_locale(plane, env):
    argv = LIST + ("--action-name", "red\u00e9 \u6f22".encode(), "--status", b"\xff", "--cursor", b"%\xc3")
    answered(plane, page(), *argv, env=env)
    assert plane.requests[0].target.endswith("?status=%FF&action_name=red%C3%A9%20%E6%BC%A2&cursor=%25%C3")


@posix_only
def test_nothing_is_written_to_disk(plane, tmp_path):
    (tmp_path / "module").mkdir()
    copy = tmp_path / "module" / "plexctl_exec_log.py"
    with open(MODULE, "rb") as file:
        copy.write_bytes(file.read())
    for folder in (tmp_path / "module", tmp_path):
        folder.chmod(0o500)
    env = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    for argv in (LIST + ("--all",), ("get", "--project", PROJECT, "--id", SHOWCASE)):
        assert run_python(str(copy), *argv, plane=plane, env=env, cwd=str(tmp_path))[0] == 0
    found = [name for _, folders, files in os.walk(str(tmp_path)) for name in folders + files]
    for folder in (tmp_path, tmp_path / "module"):
        folder.chmod(0o700)
    assert found == ["module", "plexctl_exec_log.py"]


@posix_only
@pytest.mark.parametrize("argv", [("--version",), LIST, GET], ids=["version", "list", "get"])
def test_closed_stdin_changes_nothing(plane, argv):
    plane.script(*[Reply(page() if argv is LIST else execution([target(inline(b"x\n"))]))] * 2)
    assert run_shell("<&-", *argv, plane=plane) == run_cli(*argv, plane=plane)


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


def zipped(path):
    with zipfile.ZipFile(str(path), "w") as archive:
        archive.write(MODULE, "plexctl_exec_log.py")
        archive.writestr("__main__.py", CALLS_MAIN)
    return str(path)


def by_file(tmp_path, argv, **options):
    return run_python(MODULE, *argv, **options)


def by_relative_path(tmp_path, argv, **options):
    return run_python("plexctl_exec_log.py", *argv, cwd=ROOT, **options)


def by_symlink(tmp_path, argv, **options):
    os.symlink(MODULE, str(tmp_path / "link"))
    return run_python(str(tmp_path / "link"), *argv, **options)


def by_module_name(tmp_path, argv, **options):
    return run_python("-m", "plexctl_exec_log", *argv, env={"PYTHONPATH": ROOT}, **options)


def by_name_in_zip(tmp_path, argv, **options):
    env = {"PYTHONPATH": zipped(tmp_path / "some.zip")}
    return run_python("-m", "plexctl_exec_log", *argv, env=env, cwd=str(tmp_path), **options)


def by_zip(tmp_path, argv, **options):
    return run_python(zipped(tmp_path / "some.zip"), *argv, **options)


def by_isolated_zip(tmp_path, argv, **options):
    return run_python("-I", zipped(tmp_path / "some.zip"), *argv, **options)


def by_import(tmp_path, argv, **options):
    return run_python("-c", CALLS_MAIN, *argv, env={"PYTHONPATH": ROOT}, **options)


def by_path_alone(tmp_path, argv, **options):
    return run_python("-c", BY_PATH, MODULE, *argv, **options)


def by_stdin(tmp_path, argv, **options):
    with open(MODULE, "rb") as file:
        return run_python("-", *argv, stdin=file, **options)


FILES = [by_file, by_relative_path, by_module_name, by_name_in_zip, by_zip, by_isolated_zip, by_import, by_path_alone,
         pytest.param(by_symlink, marks=posix_only)]


@pytest.mark.parametrize("way", FILES + [by_stdin])
def test_every_way_to_start_it_runs_it(plane, tmp_path, way):
    code, out, err = way(tmp_path, BINARY + ("--output", "raw"), plane=plane)
    assert (code, out, err) == (0, BYTES, "")


@pytest.mark.parametrize("way", FILES)
def test_version_tells_the_digest_of_the_file_that_runs(tmp_path, way):
    expected = "version=%s sha256=%s\n" % (load_module().__version__, digest_of(MODULE))
    assert way(tmp_path, ("--version",)) == (0, expected.encode(), "")


def test_digest_is_unknown_where_there_is_no_file(tmp_path):
    expected = "version=%s sha256=unknown\n" % load_module().__version__
    assert by_stdin(tmp_path, ("--version",)) == (0, expected.encode(), "")


def test_another_copy_has_another_digest(tmp_path):
    copy = tmp_path / "copy.py"
    with open(MODULE, "rb") as file:
        copy.write_bytes(file.read() + b"# changed\n")
    assert digest_of(copy) != digest_of(MODULE)
    assert digest_of(copy).encode() in run_python(str(copy), "--version")[1]


# ---- what is loaded, and when

NETWORK = ("ssl", "_ssl", "socket", "_socket", "http", "http.client", "json", "urllib", "urllib.request", "email",
           "selectors", "ipaddress")
IMPORTS = """
import io, os, re, signal, sys, time, collections, importlib.util
class Untouchable(dict):
    def touch(self, *_):
        raise AssertionError("the environment was read")
    get = keys = items = __getitem__ = __contains__ = __iter__ = touch
environ, os.environ, os.getenv = os.environ, Untouchable(), Untouchable.touch
def state():
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    return sys.stdout, sys.stderr, sys.path[:], sys.argv[:], os.getcwd(), handlers
before = state()
spec = importlib.util.spec_from_file_location("program", sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
assert state() == before
loaded = [name for name in %r if name in sys.modules]
assert not loaded, loaded
os.environ = environ
""" % (NETWORK,)
LOADS = IMPORTS + """
if sys.implementation.name == "pypy":
    import hashlib      # loads socket there
watched = [name for name in %r if name not in sys.modules]
for line in sys.stdin.read().splitlines():
    out = io.BytesIO()
    code = program.main(line.split(), stdout=out, stderr=io.StringIO())
    loaded = [name for name in watched if name in sys.modules]
    print(line, code, bool(out.getvalue()), loaded)
""" % (NETWORK,)
QUIET = [("--help", 0), ("list --help", 0), ("get -h", 0), ("completion --help", 0), ("--version", 0),
         ("completion bash", 0), ("completion zsh", 0), ("completion fish", 0), ("", 2), ("nonsense", 2), ("list", 2),
         ("get --project x --id y", 2), ("list --project %s --limit x" % PROJECT, 2), ("completion sh", 2),
         ("list --project %s --all --cursor c" % PROJECT, 2), ("list --no-such-flag", 2)]


def test_no_key_log_is_written(tls_plane, tmp_path):
    log = tmp_path / "keys"
    assert run_cli(*LIST, plane=tls_plane, env={"SSLKEYLOGFILE": str(log)}).code == 0 and not log.exists()


def test_import_has_no_side_effects():
    assert run_python("-I", "-S", "-c", IMPORTS, MODULE) == (0, b"", "")


def test_help_version_completion_and_usage_errors_load_no_network_code():
    lines = "\n".join(line for line, _ in QUIET).encode()
    done = subprocess.run([sys.executable, "-I", "-S", "-c", LOADS, MODULE], input=lines, stdout=subprocess.PIPE,
                          env=environment(), timeout=PATIENCE)
    told = done.stdout.decode().splitlines()
    assert told == ["%s %d %s []" % (line, code, code == 0) for line, code in QUIET]


# ---- main as a function

@pytest.fixture
def surroundings(monkeypatch, plane):
    """The environment of this very process as kit's environment has it."""
    whole = environment(plane)
    for name in set(os.environ) - {"PYTEST_CURRENT_TEST"}:
        monkeypatch.delenv(name)
    for name, value in whole.items():
        monkeypatch.setenv(name, value)
    return plane


def call(*argv, stdout=None):
    out, err = stdout or io.BytesIO(), io.StringIO()
    return load_module().main(list(argv), stdout=out, stderr=err), out, err.getvalue()


@pytest.mark.parametrize("argv, code", [(tuple(line.split()), code) for line, code in QUIET] + [
    (LIST, 0), (BINARY, 0), (GET, 1), (LIST + ("--token-file", "/no/such/file"), 3), (LIST + ("--server", "x"), 2)])
def test_main_returns_the_exit_code(surroundings, argv, code):
    told, out, err = call(*argv)
    assert (type(told), told) == (int, code) and bool(out.getvalue()) == (code == 0) and bool(err) == (code != 0)


@pytest.mark.parametrize("reply, code", [
    (Reply({}, 401), 3), (Reply({}, 403), 4), (Reply({"code": "rebac_denied"}, 403), 77),
    (Reply(execution(status="failed")), 5)])
def test_main_returns_the_exit_code_of_an_answer(surroundings, reply, code):
    surroundings.script(reply)
    assert call(*GET + ("--exit-status",))[0] == code


def test_main_writes_bytes_to_a_stream_of_its_callers(surroundings):
    code, out, err = call(*BINARY + ("--output", "raw"))
    assert (code, out.getvalue(), err) == (0, BYTES, "")


@pytest.mark.parametrize("argv", [("--help",), LIST], ids=["help", "list"])
@pytest.mark.parametrize("error, code", [(BrokenPipeError(), 141), (OSError(28, "No space left on device"), 1),
                                         (KeyboardInterrupt(), 130)], ids=["reader gone", "full", "interrupt"])
def test_main_returns_what_became_of_its_stream(surroundings, argv, error, code):
    class Failing(io.BytesIO):
        def write(self, data):
            raise error
    assert call(*argv, stdout=Failing())[0] == code


def test_main_leaves_nothing_in_the_buffer_of_its_callers(surroundings):
    raw = io.BytesIO()
    buffered = io.BufferedWriter(raw)
    assert call("--help", stdout=buffered)[0] == 0 and raw.getvalue().startswith(b"usage: ")


def test_main_can_be_called_again(surroundings):
    assert [call(*argv)[0] for argv in (LIST, GET, LIST, ("--help",), LIST)] == [0, 1, 0, 0, 0]


def test_main_takes_its_arguments_from_the_command_line(monkeypatch, surroundings):
    monkeypatch.setattr(sys, "argv", ["any name", "--version"])
    out = io.BytesIO()
    assert load_module().main(stdout=out, stderr=io.StringIO()) == 0 and digest_of(MODULE).encode() in out.getvalue()
