"""What differs on Windows, and what must not.

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
    ROOT,
    WINDOWS,
    ByteScreen,
    FailingStream,
    Result,
    execution,
    finish_process,
    inline,
    make_command,
    make_environment,
    run_process,
    start_line,
    surroundings,
    target,
    wait_until,
)
from server import HANG, Reply

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
    """Run the main of a module, and return its Result."""
    out = stdout or io.BytesIO()
    err = io.StringIO()
    with surroundings(plane, env):
        code = module.main(list(argv), out, err)
    return Result(code, out.getvalue(), err.getvalue())


# ---- a stdout whose reader has gone, or that fails


@pytest.mark.parametrize(
    "error, code, err",
    [
        pytest.param(errno.EPIPE, 141, "", id="EPIPE"),
        pytest.param(errno.EINVAL, 141, "", id="EINVAL"),
        pytest.param(errno.EIO, 1, "error: cannot write to standard output: it fails\n", id="EIO"),
    ],
)
def test_windows_takes_only_epipe_and_einval_for_a_broken_pipe(
    plane, windows_program, error, code, err
):
    stdout = FailingStream(OSError(error, "it fails"))

    result = call_main(windows_program, plane, LIST, stdout=stdout)

    assert result.code == code
    assert result.err == err


@pytest.mark.skipif(WINDOWS, reason="Windows reports a broken pipe as EINVAL")
@pytest.mark.parametrize("error, code", [(errno.EPIPE, 141), (errno.EINVAL, 1)])
def test_other_systems_take_only_epipe_for_a_broken_pipe(plane, error, code):
    result = call_main(program, plane, LIST, stdout=FailingStream(OSError(error, "it fails")))

    assert result.code == code


def test_reader_that_goes_midway_ends_the_program_silently(plane):
    plane.script(Reply(execution([target(inline(bytes(737280)))])))  # more than a pipe holds
    process = start_line(make_command(*GET), plane)
    first_bytes = process.stdout.read(1000)
    process.stdout.close()
    process.stdout = None  # so that nobody reads on

    result = finish_process(process)

    assert first_bytes.startswith(
        b"==> a1b2c300-0000-4000-8000-000000000000 succeeded 737280 bytes <=="
    )
    assert result.code == 141
    assert result.err == ""


# ---- colours, the home folder, modes


def test_windows_has_no_colours_unless_they_are_requested(plane, windows_program):
    auto = call_main(windows_program, plane, LIST, stdout=ByteScreen())  # a terminal
    always = call_main(windows_program, plane, LIST + ("--color", "always"), stdout=ByteScreen())

    assert auto.code == always.code == 0
    assert auto.out.startswith(b"ID  ")
    assert b"\x1b[" not in auto.out
    assert b"\x1b[" in always.out


def test_windows_finds_the_home_folder_and_checks_no_modes(plane, windows_program, tmp_path):
    config = tmp_path / ".config" / "plexctl" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text('{"default": "lab", "profiles": {"lab": {"token": "%s"}}}' % TOKEN)
    config.chmod(0o666)  # on other systems, a file with a token must not be readable by all
    # HOME of kit.py is "HOME", and on Windows "USERPROFILE", where "HOME" must not count.
    env = {"PLEXSPHERE_TOKEN": None, "HOME": "/nowhere", HOME: str(tmp_path)}

    result = call_main(windows_program, plane, LIST, env)

    assert result.code == 0
    assert plane.requests[0].headers["authorization"] == "Bearer " + TOKEN  # of the config file


# ---- Ctrl-C

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
print(json.dumps({"code": child.returncode, "out": out.decode(), "err": err.decode()}))
"""
CREATE_NO_WINDOW = 0x08000000
# STATUS_CONTROL_C_EXIT, the exit code of a process that Ctrl-C has ended.
CONTROL_C_EXIT = 0xC000013A


@windows_only
def test_ctrl_c_ends_the_process_while_it_waits(plane):
    plane.script(Reply(execution(status="started")), HANG)
    line = [sys.executable, "-c", PRESS] + make_command(*GET, "--wait")
    with subprocess.Popen(
        line,
        env=make_environment(plane),
        cwd=ROOT,
        creationflags=CREATE_NO_WINDOW,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as helper:
        wait_until(lambda: len(plane.requests) == 2)  # the second request gets no answer
        printed = helper.communicate(b"press\n", timeout=60)[0]

    result = json.loads(printed.decode())
    assert result["code"] == CONTROL_C_EXIT
    assert result["out"] == ""
    assert result["err"] == "status: started (0 of 0 succeeded)\r\n"


# ---- no translation of newlines

#: Bytes that Windows would change, or take for the end, in the text mode of a file.
ALL_BYTES_AND_NEWLINES = ALL_BYTES + b"\n\r\n\x1a\n"


def test_stdout_and_saved_files_have_no_newline_translation(plane, tmp_path):
    answer = Reply(execution([target(inline(ALL_BYTES_AND_NEWLINES))]))
    plane.script(answer, answer)

    printed = run_process(*GET, plane=plane)
    saved = run_process(*GET, "--output-dir", str(tmp_path / "out"), plane=plane)

    assert printed.code == saved.code == 0
    assert ALL_BYTES_AND_NEWLINES in printed.out
    assert b"\r" not in printed.out.replace(ALL_BYTES_AND_NEWLINES, b"")  # in the other lines
    file = tmp_path / "out" / "a1b2c300-0000-4000-8000-000000000000.out"
    assert file.read_bytes() == ALL_BYTES_AND_NEWLINES
    assert b"\r" not in (tmp_path / "out" / "targets").read_bytes()
