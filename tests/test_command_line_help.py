"""The parsers of the two commands, their help pages, the word `help`, the name that the program gives itself, and
durations."""

import re
import subprocess
import sys

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import GET, LIST, MODULE, PATIENCE, make_environment, expect_usage_error, rule, run_cli, surroundings

#: A few flags of each group, which one page shows and another does not.
OF_BOTH, OF_LIST, OF_GET = {"--project", "--output", "--help"}, {"--since", "--last", "--cursor"}, {"--node", "--wait"}
PAGES = {"list": OF_BOTH | OF_LIST, "get": OF_BOTH | OF_GET}
ALL_FLAGS = OF_BOTH | OF_LIST | OF_GET


def find_shown(page):
    """Return which of these flags have an entry of their own on a help page."""
    return ALL_FLAGS & set(re.findall("(?m)^  (?:-[^-]+, )?(--[a-z-]+)", page))


def read_page(*argv):
    """Return the page that a command line prints, which must exit 0 with nothing on stderr."""
    result = run_cli(*argv, terminals=("stdout",))
    assert (result.code, result.err) == (0, "")
    return result.out.decode("ascii")


# ---- 1.1a: a parser for each command

@rule("1.1a")
@pytest.mark.parametrize("command", ["list", "get"])
def test_parser_of_a_command_has_its_flags_and_no_others(command):
    with surroundings():
        shown = find_shown(program.make_parser(command).format_help())
    assert shown == PAGES[command]


@rule("1.1")
def test_parser_without_a_command_has_the_flags_of_both():
    with surroundings():
        assert find_shown(program.make_parser().format_help()) == ALL_FLAGS


@rule("1.1a")
def test_parser_of_a_command_reads_its_flags():
    with surroundings():
        assert program.make_parser("list").parse_args(["--last=3"]).last == 3
        assert program.make_parser("get").parse_args(["--node=" + PROJECT]).node == [PROJECT]


# ---- 1.16: pages

@rule("1.16c")
@pytest.mark.parametrize("argv", [
    ("list", "--help"), ("get", "--help"), ("-h", "list"), ("--help", "get", "--wait"), ("exec-log", "list", "-h"),
    ("list", "--all", "--help"), GET + ("--help",)],
    ids=["list", "get", "-h list", "flag", "exec-log", "--all", "whole"])
def test_page_of_a_command_shows_the_common_flags_and_its_own(argv):
    page = read_page(*argv)
    assert find_shown(page) == PAGES["list" if "list" in argv else "get"]
    assert max(map(len, page.splitlines())) <= 80


@rule("1.16a")
def test_page_without_a_command_shows_all_flags():
    assert find_shown(read_page("--help")) == ALL_FLAGS


@rule("1.16d")
@pytest.mark.parametrize("words, flags", [
    ("help", "--help"), ("exec-log help", "--help"), ("help list", "list --help"), ("help get", "get --help")])
def test_word_help_prints_the_page_of_the_flag(words, flags):
    assert read_page(*words.split()) == read_page(*flags.split())


@rule("1.16e")
@pytest.mark.parametrize("argv, word", [
    (("help", "foo"), "foo"), (LIST + ("help",), "help"), (GET + ("help",), "help")], ids=["help foo", "list", "get"])
def test_word_that_help_does_not_know_exits_2_and_so_does_help_at_the_end(argv, word):
    assert word in expect_usage_error(*argv)


# ---- 1.1b: the name of a script that was read from stdin

def run_from_stdin(*argv):
    """Feed the program to a Python, and return its exit code, stdout and stderr."""
    with open(MODULE, "rb") as source:
        done = subprocess.run([sys.executable, "-"] + list(argv), stdin=source, env=make_environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
    return done.returncode, done.stdout.decode("ascii"), done.stderr.decode("ascii")


@rule("1.1c")
def test_hint_of_a_script_from_stdin_is_a_command():
    code, out, err = run_from_stdin("list")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == "hint: python3 - --help"


@rule("1.1c")
def test_help_of_a_script_from_stdin_shows_commands():
    code, out, err = run_from_stdin("--help")
    assert (code, err) == (0, "") and out.startswith("usage: python3 - ")
    assert "\n  python3 - list " in out


# ---- 1.3a: durations

@rule("1.3b")
@pytest.mark.parametrize("flag", ["--timeout", "--wait-timeout"])
@pytest.mark.parametrize("text, seconds", [
    ("20s", 20), ("5m", 300), ("2h", 7200), ("1d", 86400), ("30", 30), ("0.5", 0.5), ("1s", 1), ("86400s", 86400),
    ("1440m", 86400), ("24h", 86400)])
def test_duration_is_seconds_or_a_number_and_a_unit(flag, text, seconds):
    with surroundings():
        given = program.make_parser("get").parse_args(["%s=%s" % (flag, text)])
    assert getattr(given, flag[2:].replace("-", "_")) == seconds


DURATIONS = ["0s", "0m", "0d", "86401s", "1441m", "25h", "2d", "9999999999999999d", "1w", "5x", "s", "m", "5 m", " 5m",
             "5m ", "5m\n", "5mm", "-5m", "+5m", "1h30m", "5M", "5min", "\u0665m", "9" * 5000 + "s"]


@rule("1.3c", "1.3d")
@pytest.mark.parametrize("text", DURATIONS, ids=lambda text: ascii(text)[:24])
def test_duration_beyond_the_limits_or_of_another_format_exits_2(text):
    errors = {flag: expect_usage_error(*GET + ("--wait", "%s=%s" % (flag, text)))
              for flag in ("--timeout", "--wait-timeout")}
    for flag, error in errors.items():
        assert error.startswith("argument %s: " % flag)
        assert set(re.findall(r"\b[1-9][0-9]*[smhd]\b", error)) - {text.strip()}, "no example of the format"
