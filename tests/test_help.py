"""The help pages, the parsers of the two commands, and the name that the program gives itself."""

import io
import re
import sys

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import (
    GET_FORMATS,
    LIST_FORMATS,
    posix_only,
    rule,
    run_cli,
    run_on_terminal,
    run_process,
)


def list_flags(command):
    """Return the long names of a command's own flags, or with "" of those of both commands, in the order of the help.

    contract.md has a table of them, so that a lost flag shows in a diff."""
    return [flag.names[-1] for flag in program.FLAGS if flag.command == command and flag.list_help]


COMMON_FLAGS, FLAGS_OF_LIST, FLAGS_OF_GET = list_flags(""), list_flags("list"), list_flags("get")

every_page_of_help = pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["--help"], id="common page"),
        pytest.param(["list", "--help"], id="page of list"),
        pytest.param(["get", "--help"], id="page of get"),
    ],
)


def find_flags(page):
    """Return the long names of the flags that have an entry of their own on a help page."""
    # An entry begins with two spaces: `  --all ...`, `  -v, --verbose ...` or `  -n N, --last N ...`.
    return re.findall("(?m)^  (?:-[^-]+, )?(--[a-z-]+)", page)


# ---- 1.14: the name of the program


@rule("1.14")
@pytest.mark.parametrize(
    "started, usage",
    [
        pytest.param(
            "/x/other",
            "usage: other [exec-log] {list,get} [UUID] [flags]\n",
            id="installed command",
        ),
        pytest.param(
            "/x/other.py",
            "usage: python3 other.py [exec-log] {list,get} [UUID] [flags]\n",
            id="file",
        ),
        pytest.param(
            "a\nb", "usage: a\\nb [exec-log] {list,get} [UUID] [flags]\n", id="newline in the name"
        ),
        pytest.param(
            "-", "usage: python3 - [exec-log] {list,get} [UUID] [flags]\n", id="read from stdin"
        ),
        pytest.param(
            "",
            "usage: python3 plexctl_exec_log.py [exec-log] {list,get} [UUID] [flags]\n",
            id="without a name",
        ),
    ],
)
def test_program_uses_the_name_it_was_started_under(monkeypatch, started, usage):
    monkeypatch.setattr(sys, "argv", [started])

    out = io.BytesIO()
    program.main(["--help"], out, io.StringIO())

    assert out.getvalue().decode("ascii").startswith(usage)


# ---- 1.15: the help pages


@rule("1.15", "1.15b")
@pytest.mark.parametrize(
    "line",
    [
        pytest.param("--help", id="flag"),
        pytest.param("help", id="word"),
        pytest.param("exec-log help", id="word after exec-log"),
        pytest.param("lst --help", id="with an unknown command"),
    ],
)
def test_common_page_shows_the_flags_of_both_commands(line):
    result = run_cli(*line.split())

    assert result.code == 0
    assert result.err == ""
    page = result.out.decode("ascii")
    assert page.startswith(
        "usage: python3 plexctl_exec_log.py [exec-log] {list,get} [UUID] [flags]\n"
    )
    assert find_flags(page) == COMMON_FLAGS + FLAGS_OF_LIST + FLAGS_OF_GET


@rule("1.15", "1.15b")
@pytest.mark.parametrize(
    "line",
    [
        pytest.param("list --help", id="after list"),
        pytest.param("-h list", id="short, before list"),
        pytest.param("help list", id="as a word"),
        pytest.param("exec-log list -h x", id="with exec-log and a superfluous argument"),
        pytest.param("list --wait --limit=7 --help", id="with a flag of get and one of list"),
    ],
)
def test_page_of_list_shows_its_flags_and_ignores_other_arguments(line):
    result = run_cli(*line.split())

    assert result.code == 0
    assert result.err == ""
    page = result.out.decode("ascii")
    assert page.startswith("usage: python3 plexctl_exec_log.py [exec-log] list [flags]\n")
    assert find_flags(page) == COMMON_FLAGS + FLAGS_OF_LIST


@rule("1.15", "1.15b")
@pytest.mark.parametrize(
    "line",
    [
        pytest.param("get --help", id="after get"),
        pytest.param("help get", id="as a word"),
        pytest.param("--help get --wait", id="before get, with a flag"),
        pytest.param("get ID --output=x --help", id="with malformed values"),
    ],
)
def test_page_of_get_shows_its_flags_and_ignores_other_arguments(line):
    result = run_cli(*line.split())

    assert result.code == 0
    assert result.err == ""
    page = result.out.decode("ascii")
    assert page.startswith("usage: python3 plexctl_exec_log.py [exec-log] get UUID [flags]\n")
    assert find_flags(page) == COMMON_FLAGS + FLAGS_OF_GET


@rule("1.15b")
@pytest.mark.parametrize(
    "line",
    [
        pytest.param("list --bogus --help", id="unknown flag"),
        pytest.param("--all=x --version", id="value for a switch"),
        pytest.param("list -- --help", id="double hyphen"),
        pytest.param("--help --cursor", id="missing value"),
    ],
)
def test_help_and_version_do_not_hide_a_malformed_flag(line):
    result = run_cli(*line.split())

    assert result.code == 2
    assert result.out == b""
    assert result.err.startswith("error: ")


@rule("1.15")
@every_page_of_help
def test_help_page_has_at_most_80_columns_on_a_wider_terminal(argv):
    result = run_cli(*argv, env={"COLUMNS": "200"}, terminals=("stdout",))

    assert result.code == 0
    assert max(len(line) for line in result.out.splitlines()) <= 80


@rule("1.15")
@every_page_of_help
def test_help_page_of_a_narrow_terminal_is_that_of_a_wide_one(argv):
    wide = run_cli(*argv, env={"COLUMNS": "200"}, terminals=("stdout",))

    narrow = run_cli(*argv, env={"COLUMNS": "40"}, terminals=("stdout",))

    assert wide.code == 0
    assert wide.out.startswith(b"usage: ")
    assert narrow.code == 0
    assert narrow.out == wide.out


@rule("1.15")
@every_page_of_help
@pytest.mark.parametrize("flag", ["--yes", "--reveal-secrets"])
def test_help_page_does_not_show_flags_without_effect(argv, flag):
    page = run_cli(*argv).out.decode("ascii")

    assert page.startswith("usage: ")
    assert flag not in page


@rule("1.15", "1.15a")
@pytest.mark.parametrize(
    "argv, titles",
    [
        pytest.param(
            ["--help"],
            [
                "flags",
                "flags of list",
                "flags of get",
                "formats of list",
                "formats of get",
                "exit codes",
                "examples, with server, token and Project set",
            ],
            id="common page",
        ),
        pytest.param(
            ["list", "--help"],
            [
                "flags",
                "flags of list",
                "formats of list",
                "exit codes",
                "examples, with server, token and Project set",
            ],
            id="page of list",
        ),
        pytest.param(
            ["get", "--help"],
            [
                "flags",
                "flags of get",
                "formats of get",
                "exit codes",
                "examples, with server, token and Project set",
            ],
            id="page of get",
        ),
    ],
)
def test_help_page_has_these_sections(argv, titles):
    page = run_cli(*argv).out.decode("ascii")

    assert re.findall(r"(?m)^(\w.*):\n", page) == titles


@rule("1.15a")
@every_page_of_help
def test_help_page_lists_the_statuses(argv):
    page = run_cli(*argv).out.decode("ascii")

    assert (
        "\nStatuses: pending, ack, started; final: succeeded, failed, cancelled, timeout.\n" in page
    )


@rule("1.15a")
@every_page_of_help
def test_help_page_lists_the_exit_codes(argv):
    page = run_cli(*argv).out.decode("ascii")

    section = page.partition("exit codes:\n")[2]
    assert re.findall(r"(?m)^  (\d+) ", section) == [
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
        "77",
        "124",
        "130",
        "141",
    ]


@rule("1.15")
@pytest.mark.parametrize(
    "argv, entry",
    [
        # Each entry ends where the next flag begins.
        pytest.param(
            ["--help"],
            " --node UUID only Executions that ran on this machine (repeatable; TARGETS still counts all); "
            "get: only this target (repeatable) -o",
            id="node on the common page",
        ),
        pytest.param(
            ["list", "--help"],
            " --node UUID only Executions that ran on this machine (repeatable; TARGETS still counts all) -o",
            id="node of list",
        ),
        pytest.param(
            ["get", "--help"], " --node UUID only this target (repeatable) -o", id="node of get"
        ),
        pytest.param(
            ["--help"],
            " --status STATUS only Executions with these statuses, e.g. failed,timeout (repeatable); "
            "get: only targets with these statuses (repeatable) --failed",
            id="status on the common page",
        ),
        pytest.param(
            ["list", "--help"],
            " --status STATUS only Executions with these statuses, e.g. failed,timeout (repeatable) --failed",
            id="status of list",
        ),
        pytest.param(
            ["get", "--help"],
            " --status STATUS only targets with these statuses (repeatable) --failed",
            id="status of get",
        ),
    ],
)
def test_flag_of_both_commands_has_a_text_for_each(argv, entry):
    page = run_cli(*argv).out.decode("ascii")

    # Lines are broken anywhere: put them together again.
    assert entry in " ".join(page.split())


@rule("1.15")
@pytest.mark.parametrize(
    "argv, title, formats",
    [
        pytest.param(["list", "--help"], "list", LIST_FORMATS, id="list"),
        pytest.param(["get", "--help"], "get", GET_FORMATS, id="get"),
        pytest.param(["--help"], "list", LIST_FORMATS, id="list on the common page"),
        pytest.param(["--help"], "get", GET_FORMATS, id="get on the common page"),
    ],
)
def test_help_has_a_line_for_each_format(argv, title, formats):
    page = run_cli(*argv).out.decode("ascii")

    block = page.partition("formats of %s:\n" % title)[2].partition("\n\n")[0]
    assert [line.split()[0] for line in block.splitlines()] == list(formats)


# From 3.14 on, argparse colours help pages by default.


@rule("9.4")
@every_page_of_help
@posix_only
def test_help_page_on_a_terminal_has_no_colours(argv):
    result = run_on_terminal(*argv, plane=None)

    assert result.code == 0
    assert b"--verbose" in result.out
    assert b"\x1b" not in result.out


@rule("9.4")
@every_page_of_help
def test_help_page_has_no_colours_even_if_the_environment_forces_them(argv):
    result = run_process(*argv, env={"FORCE_COLOR": "1"})

    assert result.code == 0
    assert b"--verbose" in result.out
    assert b"\x1b" not in result.out


# ---- 1.15a: the examples

LIST_EXAMPLES = [
    "list --failed --updated-since 9:00",
    "list --action-name restart-nginx --last 1",
]
GET_EXAMPLES = [
    "get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 -o table",
    "get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 --failed",
]


@rule("1.15a")
@pytest.mark.parametrize(
    "argv, examples",
    [
        pytest.param(["--help"], LIST_EXAMPLES + GET_EXAMPLES, id="common page"),
        pytest.param(["list", "--help"], LIST_EXAMPLES, id="page of list"),
        pytest.param(["get", "--help"], GET_EXAMPLES, id="page of get"),
    ],
)
def test_help_page_has_these_examples(argv, examples):
    page = run_cli(*argv).out.decode("ascii")

    section = page.partition("\nexamples, with server, token and Project set:\n")[2]
    assert section == "".join(
        "  python3 plexctl_exec_log.py " + example + "\n" for example in examples
    )


@rule("1.15a")
@pytest.mark.parametrize("example", LIST_EXAMPLES + GET_EXAMPLES)
def test_example_runs_as_printed_with_server_token_and_project_set(plane, example):
    result = run_cli(*example.split(), plane=plane, env={"PLEXSPHERE_PROJECT": PROJECT})

    assert result.code == 0
    assert result.err == ""
    # The header of a table of Executions, or of the row at the end of `get`.
    assert b"ID " in result.out
