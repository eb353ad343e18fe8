"""The help pages, the parsers of the two commands, and the name that the program gives itself."""

import argparse
import io
import re
import shlex
import sys

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, STATUSES
from kit import (EXECUTION, GET, GET_FORMATS, HELP_FLAGS, LIST, LIST_FORMATS, MODULE, error_lines, expect_usage_error,
                 rule, run_cli, run_python, surroundings)

#: The flags of each page.
PAGES = {"": set(" ".join(HELP_FLAGS.values()).split())}
PAGES.update((command, set((HELP_FLAGS["flags"] + " " + HELP_FLAGS["flags of " + command]).split()))
             for command in ("list", "get"))


def find_flags(page):
    """Return the flags that have an entry of their own on a help page."""
    return set(re.findall("(?m)^  (?:-[^-]+, )?(--[a-z-]+)", page))


def read_help(*argv, columns=80):
    """Return the help page, as it is on a terminal of so many columns."""
    result = run_cli(*argv or ("--help",), env={"COLUMNS": str(columns)}, terminals=("stdout",))
    assert (result.code, result.err) == (0, "")
    return result.out.decode("ascii")


@rule("1.1", "1.1a")
@pytest.mark.parametrize("command", sorted(PAGES))
def test_parser_of_a_command_has_its_flags_and_no_others(command):
    with surroundings():
        parser, other = [program.make_parser(command) for _ in range(2)]
        given = parser.parse_args(["--failed", "-o", "json"] + ["--node=" + PROJECT] * (command != "list"))
    assert isinstance(parser, argparse.ArgumentParser) and parser is not other
    assert find_flags(parser.format_help()) == PAGES[command]
    assert (given.failed, given.output, given.node) == (True, "json", None if command == "list" else [PROJECT])
    assert parser.get_default("node") is None
    assert parser.parse_known_args(["x"])[1] == ["x"], "it has positional arguments"


@rule("1.1b", "1.1d")
@pytest.mark.parametrize("arguments, name", [
    (["/x/other"], "other"), (["plexctl-exec-log", "list"], "plexctl-exec-log"), ([], "python3 plexctl_exec_log.py"),
    (["/x/other.py"], "python3 other.py"), (None, "python3 plexctl_exec_log.py")],
    ids=["path", "name", "none", "script", "missing"])
def test_program_uses_the_name_it_was_started_under(arguments, name):
    err = io.StringIO()
    with surroundings():
        sys.argv = arguments
        if arguments is None:
            del sys.argv
        assert [program.main(argv, io.BytesIO(), err) for argv in (["list"], None)] == [2, 2]
        assert program.make_parser().format_help().startswith("usage: %s [exec-log] " % name)
    assert err.getvalue().count("\nhint: %s --help\n" % name) == 2


@rule("1.1c")
def test_script_from_stdin_calls_itself_by_a_command():
    with open(MODULE, "rb") as source:
        shown = run_python("-", "--help", stdin=source)
        source.seek(0)
        failed = run_python("-", "list", stdin=source)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(b"usage: python3 - ") and b"\n  python3 - list " in shown.out
    assert (failed.code, failed.out, error_lines(failed, "hint")) == (2, b"", ["python3 - --help"])


@rule("1.16a", "1.16c", "1.16d", "1.16f")
@pytest.mark.parametrize("argv, command", [
    (("--help",), ""), (("list", "--help"), "list"), (("get", "--help"), "get"), (("-h", "list"), "list"),
    (("--help", "get", "--wait"), "get"), (("exec-log", "list", "-h"), "list"), (("list", "--all", "--help"), "list"),
    (GET + ("--help",), "get"), (("help",), ""), (("exec-log", "help"), ""), (("help", "list"), "list"),
    (("help", "get"), "get"), (("get", EXECUTION, "--help"), "get"), (("list", "--wait", "--help"), "list"),
    (("lst", "--help"), "")], ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "")
def test_page_of_a_command_shows_the_common_flags_and_its_own(argv, command):
    page = read_help(*argv)
    assert find_flags(page) == PAGES[command]
    assert max(map(len, page.splitlines())) <= 80


@rule("1.16")
@pytest.mark.parametrize("argv, columns", [(("-h",), 80), (("--help",), 40), (("--help",), 200)],
                         ids=["-h", "narrow", "wide"])
def test_help_has_at_most_70_lines_of_80_columns_at_every_width(argv, columns):
    lines = read_help(*argv, columns=columns).splitlines()
    assert lines == read_help().splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert len(lines) + (sys.version_info >= (3, 13)) <= 70, "older Pythons need one line more: shorten a help text"


@rule("1.16a")
def test_help_lists_all_flags_exit_codes_and_three_examples():
    parts = re.split(r"(?m)^(\w.*):\n", read_help())
    assert parts[1::2] == ["flags", "flags of list", "flags of get", "exit codes", "examples"]
    blocks = dict(zip(parts[1::2], parts[2::2]))
    for title, flags in HELP_FLAGS.items():
        found = re.findall(r"^  (?:-\w[^,]*, )?(--[a-z-]+)", blocks[title], re.MULTILINE)
        assert sorted(found) == sorted(flags.split())
    codes = re.findall(r"^  (\d+) ", blocks["exit codes"], re.MULTILINE)
    assert codes == "0 1 2 3 4 5 77 124 130 141".split()
    assert len(blocks["examples"].splitlines()) == 3


@rule("1.16b")
def test_help_names_statuses_walking_flags_and_utc():
    text = " ".join(read_help().split())
    since, until = [re.search(" %s WHEN .*?(?= --[a-z])" % flag, text).group() for flag in ("--since", "--until")]
    assert "CREATED_AT" in since and "UTC" in since and "CREATED_AT" in until
    assert re.search(r"\b%s or %s\b" % (", ".join(STATUSES[:-1]), STATUSES[-1]), text)
    assert "With --all, --last, --since, --until or several statuses, it reads as many pages" in text
    assert "printed once, with the newer status. (Guaranteed only if no query needs a second page.)" in text
    assert "yaml (same as json)" in text and "--yes" not in text and "--reveal-secrets" not in text


@rule("1.16e")
@pytest.mark.parametrize("argv, word", [
    (("help", "foo"), "foo"), (LIST + ("help",), "help"), (GET + ("help",), "help")], ids=["help foo", "list", "get"])
def test_word_that_help_does_not_know_exits_2_and_so_does_help_at_the_end(argv, word):
    assert word in expect_usage_error(*argv)


@rule("1.3a", "1.15a", "1.16a")
@pytest.mark.parametrize("command, formats", [(LIST, LIST_FORMATS), (GET, GET_FORMATS)], ids=["list", "get"])
def test_error_and_help_name_every_format(command, formats):
    error = expect_usage_error(*command + ("--output", "xml"))
    assert sorted(re.findall("[a-z]+", error.partition("choose from ")[2])) == sorted(formats)
    assert set(formats) <= set(re.findall("[a-z]+", run_cli(command[1], "--help").out.decode("ascii")))


@rule("1.16a")
@pytest.mark.parametrize("number", range(3))
def test_examples_in_the_help_run(plane, number):
    line = shlex.split(read_help().splitlines()[-3 + number].partition("|")[0])
    assert line[:2] == ["python3", "plexctl_exec_log.py"]
    result = run_cli(*line[2:], plane=plane, env={"PLEXSPHERE_PROJECT": PROJECT})
    assert result.code == 0
    assert result.out.startswith((b"ID ", b"NODE_ID ", b"==> "))


@rule("1.1")
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_shtab_completes_the_flags(shell):
    shtab = pytest.importorskip("shtab", reason="needs shtab")
    with surroundings():
        script = shtab.complete(program.make_parser(), shell)
    assert all(flag in script for flags in HELP_FLAGS.values() for flag in flags.split())
