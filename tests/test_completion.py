"""Section 9: completion scripts, asked through the real shells."""

import os

import pytest

from control_plane import STATUSES
from kit import run_cli
from kit_completion import SHELLS, answer_of, needs, offers, script, typed_into_bash

COMMANDS = ("plexctl-exec-log", "plexctl_exec_log.py")
PERSISTENT = {"--server", "--profile", "--token-file", "--output", "--yes", "--reveal-secrets", "--ca-file",
              "--timeout", "--color", "--verbose", "--allow-http"}
LIST_FLAGS = PERSISTENT | {"--project", "--status", "--action-name", "--cursor", "--all", "--limit", "--help"}
GET_FLAGS = PERSISTENT | {"--project", "--id", "--node", "--wait", "--wait-timeout", "--exit-status", "--output-dir",
                          "--help"}
LIST_FORMS = {"text", "json", "yaml", "jsonl"}
GET_FORMS = LIST_FORMS | {"raw"}
COLORS = {"auto", "always", "never"}

EXACT = [       # a line, and all that is offered
    ("list --output ", LIST_FORMS), ("get --output ", GET_FORMS),
    ("list --output=", LIST_FORMS), ("get --output=", GET_FORMS),
    ("list --output j", {"json", "jsonl"}), ("get --output=r", {"raw"}), ("list --output=r", set()),
    ("exec-log list --output ", LIST_FORMS), ("exec-log get --output ", GET_FORMS),
    ("--yes get --all --output ", GET_FORMS), ("get --project x --output json --output ", GET_FORMS),
    ("list --status ", set(STATUSES)), ("list --status=", set(STATUSES)), ("list --status c", {"cancelled"}),
    ("exec-log list --status s", {"started", "succeeded"}),
    ("list --color ", COLORS), ("get --color=a", {"auto", "always"}),
    ("completion ", set(SHELLS)), ("completion z", {"zsh"}),
    ("list --project ", set()), ("get --id ", set()), ("get --wait-timeout ", set()), ("list --cursor ", set()),
    ("get --output-dir a", {"a_file"}), ("list --token-file a", {"a_file"}), ("get --ca-file a", {"a_file"})]
FLAGS = [       # a line, and the flags that are offered
    ("list --", LIST_FLAGS), ("get --", GET_FLAGS), ("exec-log get --", GET_FLAGS), ("list --all --", LIST_FLAGS),
    ("get --output json --", GET_FLAGS), ("get --wait --", GET_FLAGS), ("get --wai", {"--wait", "--wait-timeout"}),
    ("list --wai", set())]
WORDS = [       # a line, and the commands that are among what is offered
    ("", {"exec-log", "list", "get", "completion"}), ("l", {"list"}), ("exec-log ", {"list", "get"}),
    ("--yes ", {"list", "get"}), ("exec-log g", {"get"})]
FLAG_FIRST = [  # a line without a subcommand, and what is among what is offered
    ("--", PERSISTENT | {"--version", "--help"}), ("--output ", LIST_FORMS), ("--output=", LIST_FORMS),
    ("--color ", COLORS)]

LINES = tuple("%s %s" % (command, line) for command in COMMANDS for line, _ in EXACT + FLAGS + WORDS + FLAG_FIRST)
REAL_SHELLS = [pytest.param(shell, marks=needs(shell)) for shell in SHELLS]


def offered(shell, command, line):
    return offers(shell, LINES)["%s %s" % (command, line)]


@pytest.mark.parametrize("line, words", EXACT, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("shell", REAL_SHELLS)
def test_values_are_completed(shell, line, words):
    for command in COMMANDS:
        assert offered(shell, command, line) == words


@pytest.mark.parametrize("line, flags", FLAGS, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("shell", REAL_SHELLS)
def test_flags_of_the_command_are_completed_and_no_others(shell, line, flags):
    for command in COMMANDS:
        found = {word for word in offered(shell, command, line) if word.startswith("--")}
        # fish gives the two that stand alone to every command
        assert found - {"--help", "--version"} == flags - {"--help", "--version"}
        assert found >= flags


@pytest.mark.parametrize("line, words", WORDS, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("shell", REAL_SHELLS)
def test_subcommands_are_completed(shell, line, words):
    for command in COMMANDS:
        assert offered(shell, command, line) >= words


@pytest.mark.parametrize("line, words", FLAG_FIRST, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("shell", REAL_SHELLS)
def test_flags_before_the_subcommand_are_completed(shell, line, words):
    for command in COMMANDS:
        assert offered(shell, command, line) >= words


@needs("bash")
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")
@pytest.mark.parametrize("line, arguments", [
    ("plexctl-exec-log li\t --output=ya\t", "<list><--output=yaml>"),
    ("plexctl-exec-log get --output r\t --wait-t\t 5", "<get><--output><raw><--wait-timeout><5>"),
    ("plexctl-exec-log list --status=ca\t --al\t", "<list><--status=cancelled><--all>")])
def test_tab_typed_into_bash_completes_the_word(tmp_path, line, arguments):
    assert arguments in typed_into_bash(line, str(tmp_path))


@needs("zsh")
@pytest.mark.parametrize("how", ["autoload -Uz compinit; compinit -u -D", "autoload -Uz compinit; compinit -u -D; "
                                 "unset '_comps[plexctl-exec-log]'; source ./_plexctl_exec_log"],
                         ids=["fpath", "sourced"])
def test_zsh_knows_both_commands(tmp_path, how):
    (tmp_path / "_plexctl_exec_log").write_text(script("zsh"))
    shown = answer_of(["zsh", "-f", "-c", "fpath=($PWD $fpath); %s; print -r -- "
                       "$_comps[plexctl-exec-log] $_comps[plexctl_exec_log.py]" % how], str(tmp_path))
    assert shown == ["_plexctl_exec_log _plexctl_exec_log"]


# ---- the scripts themselves

@pytest.mark.parametrize("shell, line", [
    ("bash", "# bash completion for plexctl-exec-log"), ("fish", "# fish completion for plexctl-exec-log"),
    ("zsh", "#compdef plexctl-exec-log plexctl_exec_log.py")])
def test_first_line_names_shell_and_command(shell, line):
    result = run_cli("completion", shell)
    assert (result.code, result.err) == (0, "") and result.out.decode("ascii").split("\n")[0] == line
    assert result.out.endswith(b"\n")


@pytest.mark.parametrize("argv", [
    ["completion"], ["completion", "csh"], ["completion", "BASH"], ["completion", ""], ["completion", "bash", "zsh"],
    ["completion", "--all", "bash"], ["exec-log", "completion", "bash"], ["completion", "--project", "x", "bash"]],
    ids=" ".join)
def test_anything_but_one_known_shell_is_2(argv):
    result = run_cli(*argv)
    assert (result.code, result.out) == (2, b"") and "usage: " in result.err


def test_completion_takes_the_persistent_flags(plane):
    result = run_cli("--verbose", "completion", "--yes", "bash", "--output=json", plane=plane)
    assert result.code == 0 and result.out.decode() == script("bash") and plane.requests == []
