"""Section 10: shtab makes the completion of bash and zsh from make_parser()."""

import functools
import importlib.util
import shutil
import subprocess
import sys

import pytest

from kit import ROOT, environment

HAS_MODULE = importlib.util.find_spec("shtab") is not None
pytestmark = pytest.mark.skipif(not (HAS_MODULE or shutil.which("shtab")), reason="needs shtab")

# bash calls the function that is registered for the first word, and offers what it leaves in COMPREPLY.
ASK = r"""
. /dev/stdin
read -ra COMP_WORDS <<< "$1"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$1 COMP_POINT=${#1}
[[ $(complete -p "${COMP_WORDS[0]}") =~ -F\ ([^ ]+) ]] || exit 1
"${BASH_REMATCH[1]}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


@functools.lru_cache(None)
def script(shell):
    """The completion that shtab makes."""
    line = ([sys.executable, "-m"] if HAS_MODULE else []) + ["shtab", "--shell", shell, "plexctl_exec_log.make_parser"]
    return subprocess.run(line, env=environment(env={"PYTHONPATH": ROOT}), stdout=subprocess.PIPE, check=True).stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize("line, offered", [
    ("exec-log get --", {"--id", "--node", "--wait", "--output-dir", "--project", "--server"}), ("list --st", {"--status"}),
    ("exec-log list --output j", {"json", "jsonl"}), ("get --color a", {"auto", "always"}), ("exec-log l", {"list"})])
def test_bash_offers(line, offered):
    asked = ["bash", "--norc", "--noprofile", "-c", ASK, "bash", "plexctl_exec_log.py " + line]
    done = subprocess.run(asked, input=script("bash"), env=environment(), stdout=subprocess.PIPE)
    assert set(done.stdout.decode().split()) >= offered


def test_zsh_is_told_of_both_commands_and_their_flags():
    assert script("zsh").startswith(b"#compdef plexctl_exec_log.py") and script("zsh").count(b"--cursor") == script("zsh").count(b"--node") > 0
