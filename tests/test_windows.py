"""Section 8.5: what differs on Windows, and what must not. But for Ctrl-C, the same tests run elsewhere too."""

import errno
import json
import subprocess
import sys
import time

import pytest

from kit import (GET, LIST, NODES, ROOT, SMALL_EXECUTION, WINDOWS, FailingStream, execution, finish_cli, inline,
                 make_command, make_environment, read_folder, rule, run_against, run_process, save_to_folder, start_cli,
                 target, wait_until)
from server import HANG, Reply

windows_only = pytest.mark.skipif(not WINDOWS, reason="needs a Windows console")
LARGE_EXECUTION = execution([target(inline(b"%06d" % number * 2048)) for number in range(60)])     # 720 KiB decoded


@rule("8.5b", "6.2i")
def test_closed_pipe_midway_exits_141_silently(plane):
    plane.script(Reply(LARGE_EXECUTION))
    process = start_cli(*GET, plane=plane)
    assert process.stdout.read(1000)
    process.stdout.close()
    process.stdout = None
    assert finish_cli(process)[::2] == (141, "")


@rule("8.5b", "6.1a")
@pytest.mark.parametrize("name, code", [("EPIPE", 141), ("EINVAL", 141 if WINDOWS else 1), ("EIO", 1)])
def test_which_stdout_errors_mean_a_broken_pipe(plane, name, code):
    error = OSError(getattr(errno, name), "so it fails")
    result = run_against(plane, Reply(SMALL_EXECUTION), stdout=FailingStream(error))
    assert (result.code, result.err) == (code, "error: cannot write to standard output: so it fails\n" * (code == 1))


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
INSTALLED = ["-c", "from plexctl_exec_log import run_as_script; run_as_script()"]


@windows_only
@rule("8.5c")
@pytest.mark.parametrize("answer, flags", [(HANG, ()), (Reply(execution(status="started")), ("--wait",))],
                         ids=["headers", "a pause"])
@pytest.mark.parametrize("start", [make_command()[1:], INSTALLED], ids=["script", "installed"])
def test_ctrl_c_ends_the_process_while_it_waits(plane, answer, flags, start):
    plane.script(answer)
    line = [sys.executable, "-c", PRESS, sys.executable] + start + list(GET + flags)
    helper = subprocess.Popen(line, env=make_environment(plane), cwd=ROOT, creationflags=CREATE_NO_WINDOW,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with helper:
        try:
            wait_until(lambda: plane.requests)
            time.sleep(0.3)
            code, out, err = json.loads(helper.communicate(b"press\n", timeout=60)[0].decode())
        finally:
            helper.kill()
    assert code == CONTROL_C_EXIT and out == "" and err.splitlines() == ["status: started"] * len(flags)


@rule("8.5", "9.3")
def test_stdout_and_files_have_no_newline_translation(plane, tmp_path):
    data = bytes(range(256)) + b"\n\r\n\x1a\n"
    plane.script(*[Reply(execution([target(inline(data))]))] * 3)
    assert run_process(*GET + ("--output", "raw"), plane=plane).out == data
    assert run_process(*GET, plane=plane).out.startswith(b"==> %s succeeded %d bytes <==\n%s\nID " % (
        NODES[0].encode(), len(data), data))
    assert save_to_folder(plane, tmp_path / "out").code == 0
    files = read_folder(tmp_path / "out")
    assert files[NODES[0] + ".out"] == data and files["targets"].count(b"\n") == 1 and b"\r" not in files["targets"]
    assert b"\r" not in run_process(*LIST, plane=plane).out + run_process("--help").out


@rule("8.5e", "9.7a")
def test_folder_mode_is_checked_everywhere_except_on_windows(plane, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    plane.script(Reply(SMALL_EXECUTION))
    assert save_to_folder(plane, tmp_path / "out").code == (0 if WINDOWS else 1)
