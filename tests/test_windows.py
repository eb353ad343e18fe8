"""Section 8.5: what differs on Windows, and what must not.

Except for Ctrl-C, the tests run everywhere. `windows_program` is the module as it is imported where os.name is "nt"."""

import errno
import importlib.util
import io
import json
import os
import subprocess
import sys

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN
from kit import (
    ALL_BYTES,
    GET,
    HOME,
    LIST,
    MODULE,
    NODES,
    ROOT,
    WINDOWS,
    ByteScreen,
    FailingStream,
    execution,
    finish_process,
    inline,
    make_command,
    make_environment,
    rule,
    run_process,
    start_line,
    surroundings,
    target,
    wait_until,
)
from server import HANG, Reply
from test_output_dir import read_folder, save_to_folder

windows_only = pytest.mark.skipif(not WINDOWS, reason="needs a Windows console")


@pytest.fixture(scope="module")
def windows_program():
    """The module for Windows. On other systems, only its own decisions are those of Windows."""
    spec = importlib.util.spec_from_file_location("program_on_windows", MODULE)
    loaded = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "name", "nt")
        spec.loader.exec_module(loaded)
    return loaded


def call_main(module, plane, argv, env=None, stdout=None):
    """Run the main of a module. Return the exit code, stdout and stderr."""
    out, err = stdout or io.BytesIO(), io.StringIO()
    with surroundings(plane, env):
        return module.main(list(argv), out, err), out.getvalue(), err.getvalue()


@rule("8.5", "6.1", "6.2")
@pytest.mark.parametrize("name, code, code_on_windows", [("EPIPE", 141, 141), ("EINVAL", 1, 141), ("EIO", 1, 1)])
def test_which_stdout_errors_mean_a_broken_pipe(plane, windows_program, name, code, code_on_windows):
    for module, wanted in ((windows_program, code_on_windows), (program, code_on_windows if WINDOWS else code)):
        result = call_main(module, plane, LIST, stdout=FailingStream(OSError(getattr(errno, name), "it fails")))
        assert result == (wanted, b"", "error: cannot write to standard output: it fails\n" * (wanted == 1))


@rule("8.5", "6.1", "6.2")
def test_reader_that_goes_midway_ends_the_program_silently(plane):
    plane.script(Reply(execution([target(inline(bytes(720 << 10)))])))  # more than a pipe holds
    process = start_line(make_command(*GET), plane)
    assert process.stdout.read(1000)
    process.stdout.close()
    process.stdout = None
    assert finish_process(process)[::2] == (141, "")


@rule("8.5a")
def test_windows_has_no_colours_unless_they_are_requested(plane, windows_program):
    for module, wanted in ((windows_program, [False, True]), (program, [not WINDOWS, True])):
        assert wanted == [
            b"\x1b[" in call_main(module, plane, LIST + ("--color", when), stdout=ByteScreen())[1]
            for when in ("auto", "always")
        ]


@rule("8.5a")
def test_windows_finds_the_home_folder_and_checks_no_modes(plane, windows_program, tmp_path):
    config = tmp_path / ".config" / "plexctl" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text('{"default": "lab", "profiles": {"lab": {"token": "%s"}}}' % TOKEN)
    config.chmod(0o666)
    env = {"PLEXSPHERE_TOKEN": None, "HOME": "/nowhere", HOME: str(tmp_path)}
    assert [call_main(module, plane, LIST, env)[0] for module in (windows_program, program)] == [0, 0 if WINDOWS else 3]


#: In a console of its own: starts the command line, presses Ctrl-C when a line comes on standard input, and prints the
#: exit code and what was written, as JSON.
PRESS = """
import ctypes, json, signal, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
sys.stdin.readline()
signal.signal(signal.SIGINT, signal.SIG_IGN)
if not ctypes.windll.kernel32.GenerateConsoleCtrlEvent(0, 0):
    raise ctypes.WinError()
out, err = child.communicate(timeout=60)
print(json.dumps([child.returncode, out.decode(), err.decode()]))
"""
CREATE_NO_WINDOW, CONTROL_C_EXIT = 0x08000000, 0xC000013A


@windows_only
@rule("6.5", "8.5")
def test_ctrl_c_ends_the_process_while_it_waits(plane):
    plane.script(Reply(execution(status="started")), HANG)
    line = [sys.executable, "-c", PRESS] + make_command(*GET + ("--wait",))
    with subprocess.Popen(
        line,
        env=make_environment(plane),
        cwd=ROOT,
        creationflags=CREATE_NO_WINDOW,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as helper:
        wait_until(lambda: len(plane.requests) == 2)
        result = json.loads(helper.communicate(b"press\n", timeout=60)[0].decode())
    assert result == [CONTROL_C_EXIT, "", "status: started 0/0\r\n"]


@rule("8.5", "9.3")
def test_stdout_and_files_have_no_newline_translation(plane, tmp_path):
    data = ALL_BYTES + b"\n\r\n\x1a\n"
    plane.script(*[Reply(execution([target(inline(data))]))] * 2)
    out = run_process(*GET, plane=plane).out
    assert data in out and save_to_folder(plane, tmp_path / "out").code == 0
    files = read_folder(tmp_path / "out")
    assert files[NODES[0] + ".out"] == data and b"\r" not in files["targets"] + out.replace(data, b"")
