"""Verbs for completion: ask the real shells what they would offer. `line` is what was typed before TAB."""

import functools
import os
import shutil
import subprocess
import tempfile

import pytest

from kit import run_cli

SHELLS = ("bash", "zsh", "fish")


def needs(shell):
    return pytest.mark.skipif(not shutil.which(shell), reason="%s is not installed here" % shell)


@functools.lru_cache(maxsize=None)
def script(shell):
    return run_cli("completion", shell).out.decode("utf-8")


def answer_of(shell, argv, directory, **variables):
    """What a shell prints; it gets the script, and no settings of the user's."""
    with open(os.path.join(directory, "_plexctl-exec-log"), "w") as file:
        file.write(script(shell))
    env = dict({"PATH": os.environ["PATH"], "HOME": directory, "LC_ALL": "C.UTF-8", "TERM": "dumb"}, **variables)
    process = subprocess.Popen([shell] + argv, env=env, cwd=directory, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err == b"", err
    return out.decode("utf-8").splitlines()


def asked(shell, line, *files):
    """The set of words that the shell offers for the line, in a folder that holds these files."""
    with tempfile.TemporaryDirectory() as directory:
        for name in files:
            open(os.path.join(directory, name), "w").close()
        return {"bash": bash, "zsh": zsh, "fish": fish}[shell](line, directory)


# bash calls the function with COMP_WORDS split at blanks and, as readline does, around each `=`.
BASH = r"""
. ./_plexctl-exec-log
read -ra COMP_WORDS <<< "${LINE//=/ = }"
[[ $LINE == *[\ =] && $LINE != *= ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$LINE COMP_POINT=${#LINE}
registered=$(complete -p "${COMP_WORDS[0]}")
[[ $registered =~ -F\ ([^ ]+) ]] && "${BASH_REMATCH[1]}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" \
    "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def bash(line, directory):
    found = answer_of("bash", ["--norc", "--noprofile", "-c", BASH], directory, LINE=line)
    return {word.strip() for word in found} - {""}


# A shell on a pseudo-terminal whose first prompt completes the line; compadd tells what it is given, and obeys.
ZSH = r"""
zmodload zsh/zpty
zpty offering zsh -f -i
zpty -w offering 'PS1=; source ./setup'
zpty -r offering seen '*<done>*'
[[ -e offered ]] && cat offered
zpty -d offering
"""
ZSH_SETUP = r"""
fpath=($PWD $fpath)
autoload -Uz compinit
compinit -u -D
zstyle ':completion:*' menu no
unsetopt auto_list auto_menu beep
compadd() { local -a hits; builtin compadd -O hits "$@"; print -rl -- $hits >> offered; builtin compadd "$@" }
offer() { BUFFER=$LINE CURSOR=$#LINE; zle complete-word; print "<d""one>" }
zle -N zle-line-init offer
"""


def zsh(line, directory):
    with open(os.path.join(directory, "setup"), "w") as file:
        file.write(ZSH_SETUP)
    return set(answer_of("zsh", ["-f", "-c", ZSH], directory, LINE=line)) - {""}


FISH = "source ./_plexctl-exec-log; complete -C $LINE"


def fish(line, directory):
    found = answer_of("fish", ["--no-config", "-c", FISH], directory, LINE=line)
    return {row.split("\t")[0] for row in found} - {""}
