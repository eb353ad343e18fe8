"""The help pages, the parsers of the two commands, and the name that the program gives itself."""

import argparse
import re
import sys

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, STATUSES
from kit import EXECUTION, GET_FORMATS, LIST_FORMATS, rule, run_cli, surroundings

#: The long names of the flags that have a help text, by the title of their group.
HELP_FLAGS = {
    group.title: " ".join(flag.option_strings[-1] for flag in group._group_actions if flag.help != argparse.SUPPRESS)
    for group in program.make_parser()._action_groups
    if group._group_actions
}
#: The flags of each page, in their order.
PAGES_OF_HELP = {
    command: " ".join(HELP_FLAGS[title] for title in titles).split()
    for command, titles in (("", HELP_FLAGS), ("list", ("flags", "flags of list")), ("get", ("flags", "flags of get")))
}


def find_flags(page):
    """Return the flags that have an entry of their own on a help page."""
    return re.findall("(?m)^  (?:-[^-]+, )?(--[a-z-]+)", page)


def read_help(*argv, columns=80):
    """Return the help page, as it is on a terminal of so many columns."""
    result = run_cli(*argv, env={"COLUMNS": str(columns)}, terminals=("stdout",))
    assert (result.code, result.err) == (0, "")
    return result.out.decode("ascii")


@rule("1.1", "1.4c")
@pytest.mark.parametrize("command", sorted(PAGES_OF_HELP))
def test_parser_has_the_flags_of_its_command_and_no_positional_arguments(command):
    with surroundings():
        parser, other = [program.make_parser(command) for _ in range(2)]
        given, words = parser.parse_known_args(["--failed", "x", "-o=json", "--node=" + PROJECT, "--node", EXECUTION])
    assert isinstance(parser, argparse.ArgumentParser) and parser is not other
    assert find_flags(parser.format_help()) == PAGES_OF_HELP[command]
    assert (given.failed, given.output, given.node, words) == (True, "json", [PROJECT, EXECUTION], ["x"])
    assert {"yes", "reveal_secrets"} <= set(vars(given)) and parser.get_default("node") is None


@rule("1.14")
@pytest.mark.parametrize(
    "started, name",
    [
        ("/x/other", "other"),
        ("/x/other.py", "python3 other.py"),
        ("a\nb", "a\\nb"),
        ("-", "python3 -"),
        ("", "python3 plexctl_exec_log.py"),
    ],
    ids=ascii,
)
def test_program_uses_the_name_it_was_started_under(monkeypatch, started, name):
    monkeypatch.setattr(sys, "argv", [started])
    assert program.make_parser().format_help().startswith("usage: %s [exec-log] {list,get} [UUID] [flags]\n" % name)


@rule("1.15", "1.15b")
@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "-h list",
        "get --help",
        "--help get --wait",
        "exec-log list -h x",
        "help",
        "exec-log help",
        "help list",
        "list --wait --limit=7 --help",
        "get ID --output=x --help",
        "help get",
        "lst --help",
    ],
)
def test_page_shows_the_flags_of_its_command_and_ignores_the_rest(line):
    page, (command,) = read_help(*line.split()), re.findall("list|get", line) or [""]
    assert find_flags(page) == PAGES_OF_HELP[command]
    assert page.startswith(
        "usage: python3 plexctl_exec_log.py [exec-log] %s [flags]\n"
        % {"": "{list,get} [UUID]", "list": "list", "get": "get UUID"}[command]
    )


@rule("1.15b")
@pytest.mark.parametrize("line", ["list --bogus --help", "--all=x --version", "list -- --help", "--help --cursor"])
def test_help_and_version_do_not_hide_an_unknown_flag(line):
    assert run_cli(*line.split()).code == 2


@rule("1.15", "1.15a")
@pytest.mark.parametrize("command", sorted(PAGES_OF_HELP))
def test_help_page_has_80_columns_and_all_that_it_promises(command):
    page = read_help(*[command] * bool(command) + ["--help"], columns=200)
    assert max(map(len, page.splitlines())) <= 80 and "--yes" not in page and "--reveal-secrets" not in page
    titles = re.findall(r"(?m)^(\w.*):\n", page)
    assert titles == [title for title in HELP_FLAGS if command in title or title == "flags"] + [
        "exit codes",
        "examples, with server, token and Project set",
    ]
    codes = page[page.index("exit codes:") :]
    assert re.findall(r"(?m)^  (\d+) ", codes) == "0 1 2 3 4 5 77 124 130 141".split()
    assert "\nA status is %s or %s.\n" % (", ".join(STATUSES[:-1]), STATUSES[-1]) in page


#: What the page of list and that of get say about some flags. The common page says `LIST; get: GET`.
TEXTS = {
    "--node UUID": (
        "only Executions that ran on this machine (repeatable); TARGETS counts all machines",
        "only this target (repeatable)",
    ),
    "--status STATUS": ("only Executions with these statuses, e.g. failed,timeout", "only targets with these statuses"),
    "--output FORMAT": (", ".join(LIST_FORMATS), ", ".join(GET_FORMATS)),
}


@rule("1.15")
@pytest.mark.parametrize("flag", list(TEXTS))
def test_flag_of_both_commands_has_a_text_for_each(flag):
    pages = [" ".join(read_help(*words).split()) for words in (["--help"], ["list", "--help"], ["get", "--help"])]
    for page, text in zip(pages, ("%s; get: %s" % TEXTS[flag],) + TEXTS[flag]):
        assert re.search("%s %s -" % (re.escape(flag), re.escape(text)), page), text


@rule("1.15a")
@pytest.mark.parametrize("command, number", [("", 4), ("list", 2), ("get", 2)])
def test_examples_run_as_printed_with_server_token_and_project_set(plane, command, number):
    page = read_help(*[command] * bool(command) + ["--help"])
    examples = re.findall("(?m)^  python3 plexctl_exec_log.py (.*)$", page)
    assert len(examples) == number
    for example in examples:
        result = run_cli(*example.split(), plane=plane, env={"PLEXSPHERE_PROJECT": PROJECT})
        assert (result.code, result.err) == (0, "") and b"ID " in result.out
