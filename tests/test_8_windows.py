"""Section 8.5: what differs on Windows, and what must not. Twins of these tests run elsewhere.

On Windows a helper with a console of its own starts the program, presses Ctrl-C, and reads what the console shows.
"""

import errno
import json
import os
import re
import subprocess
import sys
import threading
import time

import pytest

from control_plane import TOKEN
from kit import (GET, LIST, NODES, PATIENCE, ROOT, WINDOWS, encode, execution, finish_cli, inline, make_command,
                 make_environment, page, read_folder, rule, run_cli, run_process, save_to_folder, start_cli, target,
                 wait_until)
from kit_net import Raw, nobody_accepting
from server import HANG, Reply

pytestmark = rule("8.5")
windows_only = pytest.mark.skipif(not WINDOWS, reason="needs a Windows console")
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
SMALL = execution([target(inline(b"some output\n"))])
LARGE = execution([target(inline(b"%06d" % number * 2048), NODES[0]) for number in range(60)])   # 720 KiB decoded
TWO = execution([target(inline(b"first\n")), target(inline(b"second\n"), NODES[1])])


# ---- the reader of stdout, and a full device

@rule("6.1", "6.2")
@pytest.mark.parametrize("argv", [GET, GET + ("--output", "json"), GET + ("--output", "raw")],
                         ids=["text", "json", "raw"])
def test_reader_that_leaves_in_the_middle_is_141_silently(plane, argv):
    plane.script(Reply(LARGE))
    process = start_cli(*argv, plane=plane)
    assert process.stdout.read(1000)
    process.stdout.close()
    process.stdout = None
    assert finish_cli(process)[::2] == (141, "")


@rule("6.1", "6.2")
@pytest.mark.parametrize("argv", [LIST, GET], ids=["list", "get"])
def test_reader_that_left_before_the_first_byte_is_141_silently(plane, argv):
    left = threading.Event()

    def late(sock):
        left.wait(PATIENCE)
        sock.sendall(OK + encode(SMALL if argv == GET else page(SMALL)))

    plane.script(late)
    process = start_cli(*argv, plane=plane)
    process.stdout.close()
    process.stdout = None
    left.set()
    assert finish_cli(process)[::2] == (141, "")


class Failing:
    """A stream whose writing fails so."""

    def __init__(self, number):
        self.error = OSError(number, os.strerror(number))

    def write(self, data):
        raise self.error


@rule("6.1", "6.2")
@pytest.mark.parametrize("number, code", [
    (errno.EPIPE, 141), (errno.EINVAL, 141 if WINDOWS else 1), (errno.ENOSPC, 1), (errno.EIO, 1), (errno.EBADF, 1)],
    ids=["EPIPE", "EINVAL", "ENOSPC", "EIO", "EBADF"])
def test_which_failure_of_stdout_is_a_reader_that_left(plane, number, code):
    plane.script(Reply(SMALL))
    result = run_cli(*GET, plane=plane, stdout=Failing(number))
    assert (result.code, result.err.count("error: cannot write standard output: ")) == (code, code == 1)


@rule("6.1", "6.2")
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_device_is_1(plane):
    plane.script(Reply(SMALL))
    with open("/dev/full", "wb", buffering=0) as full:
        result = run_process(*GET, plane=plane, stdout=full)
    assert result.code == 1 and "No space left" in result.err and result.err.count("\n") == 1


# ---- Ctrl-C

#: In a console of its own: starts the command line, presses Ctrl-C when a line comes on standard input, and prints the
#: exit code, the seconds that it took, and what was written, as JSON.
PRESS = """
import ctypes, json, signal, subprocess, sys, time
flags = int(sys.argv[1])
child = subprocess.Popen(sys.argv[2:], creationflags=flags, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
sys.stdin.readline()
signal.signal(signal.SIGINT, signal.SIG_IGN)
began = time.monotonic()
if not ctypes.windll.kernel32.GenerateConsoleCtrlEvent(0, 0):
    raise ctypes.WinError()
if sys.stdin.readline():
    out, err = child.communicate(timeout=60)
    print(json.dumps([child.returncode, time.monotonic() - began, out.decode(), err.decode()]))
"""
CREATE_NO_WINDOW, CREATE_NEW_PROCESS_GROUP = 0x08000000, 0x200


def press_ctrl_c(line, plane, ready, flags=0, then=lambda: None, cwd=None):
    """Run a command line in a console, and press Ctrl-C there when ready() returns. [code, seconds, stdout, stderr]."""
    helper = subprocess.Popen([sys.executable, "-c", PRESS, str(flags)] + line, env=make_environment(plane), cwd=cwd,
                              creationflags=CREATE_NO_WINDOW, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with helper:
        try:
            ready()
            helper.stdin.write(b"press\n")
            helper.stdin.flush()
            then()
            out = helper.communicate(b"tell\n", timeout=60)[0]
        finally:
            helper.kill()
    return json.loads(out.decode())


def cut_before(wire, mark):
    """The answer with this body as far as the mark, after which nothing comes."""
    body = encode(wire)
    return lambda sock: (sock.sendall(OK + body[:body.index(mark)]), HANG(sock))


WAITS = {
    "headers": ([HANG], LIST), "a body": ([cut_before(TWO, b'],"type"')], GET),
    "a wait": ([Reply(execution(status="started"))], GET + ("--wait",)),
    "a retry pause": ([Reply({}, 503, [("Retry-After", "30")])], LIST)}


@windows_only
@rule("6.5")
@pytest.mark.parametrize("name", sorted(WAITS))
@pytest.mark.parametrize("start", ["script", "installed"])
def test_ctrl_c_ends_the_process_with_130_while_it_waits(plane, name, start):
    answers, argv = WAITS[name]
    plane.script(*answers)
    line = make_command(*argv + ("--timeout", "30"))
    if start == "installed":
        line[1:2] = ["-c", installed_script()]
    code, seconds, out, err = press_ctrl_c(line, plane, lambda: wait_until_asked(plane), cwd=ROOT)
    assert code == 130 and seconds < 5 and "Traceback" not in err and "cursor" not in out and "\nID" not in out


def installed_script():
    """What the installed command runs."""
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        function, = re.findall(r'^plexctl-exec-log = "plexctl_exec_log:(\w+)"$', file.read(), re.MULTILINE)
    return "import sys\nfrom plexctl_exec_log import %s\nsys.exit(%s())" % (function, function)


def wait_until_asked(plane):
    """Wait until the program has asked, and waits itself."""
    wait_until(lambda: plane.requests)
    time.sleep(0.3)


@windows_only
@rule("6.5")
def test_ctrl_c_ends_it_while_a_handshake_is_awaited():
    with Raw(HANG) as server:
        line = make_command(*LIST + ("--server", "https://localhost:%d" % server.address[1]))
        code, seconds, _, err = press_ctrl_c(line, server, lambda: (wait_until(lambda: server.connections),
                                                                    time.sleep(0.3)))
        assert (code, err) == (130, "") and seconds < 5


@windows_only
@rule("6.5")
def test_ctrl_c_ends_it_while_connecting(plane):
    with nobody_accepting() as address:
        line = make_command(*LIST + ("--server", "http://" + address))
        code, seconds, _, err = press_ctrl_c(line, plane, lambda: time.sleep(2))
        assert (code, err) == (130, "") and seconds < 5


@windows_only
@rule("6.5")
def test_ctrl_c_that_is_switched_off_for_the_process_stays_off(plane):
    go_on = threading.Event()
    plane.script(lambda sock: (go_on.wait(PATIENCE), sock.sendall(OK + encode(SMALL))))

    def wait_and_go_on():
        time.sleep(1)
        go_on.set()

    told = press_ctrl_c(make_command(*GET), plane, lambda: wait_until_asked(plane), CREATE_NEW_PROCESS_GROUP,
                        wait_and_go_on)
    assert told[0] == 0 and "some output" in told[2] and told[3] == ""


# ---- escape codes and consoles

#: In a console of its own: runs the command line with these streams on the console ("interprets", "plain") or the null
#: device, and prints the exit code and what the console shows, as JSON. wine shows an escape code as it is.
CONSOLE = """
import ctypes, json, os, subprocess, sys
def opened(name):
    if name == "null":
        return os.open("NUL", os.O_RDWR)
    return os.open("CONOUT$", os.O_RDWR if name == "interprets" else os.O_WRONLY)
out, err = map(opened, sys.argv[1:3])
code = subprocess.call(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
import msvcrt
handle = ctypes.c_void_p(msvcrt.get_osfhandle(os.open("CONOUT$", os.O_RDWR)))
buffer, count = ctypes.create_unicode_buffer(80 * 25), ctypes.c_uint()
ctypes.windll.kernel32.ReadConsoleOutputCharacterW(handle, buffer, 80 * 25, 0, ctypes.byref(count))
print(json.dumps([code, buffer[:count.value]]))
"""


def on_console(plane, out, err, *argv, env=None):
    """Run the program on a console. (exit code, what the console shows)."""
    line = [sys.executable, "-c", CONSOLE, out, err] + make_command(*argv)
    told = subprocess.check_output(line, env=make_environment(plane, dict({"TERM": None}, **env or {})),
                                   creationflags=CREATE_NO_WINDOW, stdin=subprocess.DEVNULL, timeout=60)
    return json.loads(told.decode())


COLOURED = execution([target(inline(b"\x1b[31mred\x1b[0m\n"))])


@windows_only
@rule("5.9", "9.4")
@pytest.mark.parametrize("console, env, colour", [
    ("interprets", {}, True), ("interprets", {"TERM": "dumb"}, False), ("plain", {}, False)],
    ids=["interprets", "dumb", "plain"])
def test_escape_codes_are_written_only_to_a_console_that_interprets_them(plane, console, env, colour):
    plane.script(Reply(COLOURED))
    code, shown = on_console(plane, console, console, *GET, env=env)
    assert code == 0 and "red" in shown and ("\x1b" in shown) == colour and ("\\x1b[31mred" in shown) != colour


@windows_only
@rule("9.5")
@pytest.mark.parametrize("console, live", [("interprets", True), ("plain", False)])
def test_live_line_is_shown_only_on_a_console_that_interprets_escape_codes(plane, console, live):
    plane.script(Reply(page(execution(), next_cursor="c")), Reply(page(execution())))
    code, shown = on_console(plane, "null", console, *LIST + ("--all",))
    assert code == 0 and ("page" in shown) == live and ("\x1b" in shown) == live


# ---- the same bytes

def test_stdout_of_the_process_is_not_translated(plane):
    data = bytes(range(256)) + b"\n\r\n\x1a\n"
    plane.script(Reply(execution([target(inline(data))])), Reply(execution([target(inline(data))])), Reply(page(SMALL)))
    assert run_process(*GET + ("--output", "raw"), plane=plane).out == data
    text = run_process(*GET, plane=plane).out
    assert text.startswith(b"==> %s succeeded %d bytes <==\n%s\nID " % (NODES[0].encode(), len(data), data))
    assert b"\r" not in run_process(*LIST, plane=plane).out + run_process("--help").out


@rule("9.3")
def test_files_are_not_translated(plane, tmp_path):
    data = b"a\nb\r\n\x1a\n"
    plane.script(Reply(execution([target(inline(data))])))
    assert save_to_folder(plane, tmp_path / "out").code == 0
    files = read_folder(tmp_path / "out")
    assert files[NODES[0] + ".out"] == data and files["targets"].count(b"\n") == 1 and b"\r" not in files["targets"]


# ---- the home directory, modes and owners

def private_config(home, plane, name):
    """Write a config file with one profile into a home directory."""
    path = home / ".config" / "plexctl" / "config.json"
    path.parent.mkdir(parents=True)
    profile = {"server": plane.url + "/" + name, "token": TOKEN}
    path.write_text(json.dumps({"default": name, "profiles": {name: profile}}))
    path.chmod(0o600)


@rule("2.3")
def test_home_is_userprofile_on_windows_and_home_elsewhere(plane, tmp_path):
    for name in ("HOME", "USERPROFILE"):
        private_config(tmp_path / name, plane, name)
    run_cli(*LIST, env={name: str(tmp_path / name) for name in ("HOME", "USERPROFILE")})
    assert [request.target.split("/")[1] for request in plane.requests] == ["USERPROFILE" if WINDOWS else "HOME"]


@rule("2.3")
@pytest.mark.parametrize("home", [None, ""], ids=["unset", "empty"])
def test_other_variable_is_no_stand_in(plane, tmp_path, home):
    """Where the variable of the home directory is unset, POSIX asks the user database, which knows this user's."""
    private_config(tmp_path, plane, "other")
    mine, other = ("USERPROFILE", "HOME") if WINDOWS else ("HOME", "USERPROFILE")
    run_cli(*LIST, env={mine: home, other: str(tmp_path), "HOMEDRIVE": None, "HOMEPATH": None})
    assert not plane.requests


@rule("2.4")
@pytest.mark.parametrize("kind", ["token file", "config file"])
def test_modes_are_checked_everywhere_but_on_windows(plane, tmp_path, kind):
    private_config(tmp_path, plane, "x")
    path = tmp_path / ".config" / "plexctl" / "config.json"
    argv, env = LIST, {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    if kind == "token file":
        path = tmp_path / "token"
        path.write_text(TOKEN)
        argv, env = LIST + ("--token-file", str(path), "--server", plane.url + "/x"), {}
    path.chmod(0o666)
    result = run_cli(*argv, env=env)
    assert len(plane.requests) == WINDOWS and (result.code == 3) != WINDOWS


@rule("9.3")
def test_mode_of_an_output_folder_is_checked_everywhere_but_on_windows(plane, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    plane.script(Reply(SMALL))
    assert save_to_folder(plane, tmp_path / "out").code == (0 if WINDOWS else 1)
