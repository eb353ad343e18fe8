"""Verbs for completion: ask the real shells what they would offer. A line is what was typed before TAB."""

import functools
import os
import select
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


@functools.lru_cache(maxsize=None)
def offers(shell, lines):
    """The set of words that the shell offers, by line. The folder holds `a_file` and `_plexctl_exec_log`."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in (("a_file", ""), ("_plexctl_exec_log", script(shell)), ("setup", ZSH_SETUP)):
            with open(os.path.join(directory, name), "w") as file:
                file.write(text)
        if shell == "zsh":      # whose start takes long
            return zsh(lines, directory)
        return {line: {"bash": bash, "fish": fish}[shell](line, directory) for line in lines}


def environment(directory, **variables):
    return dict({"PATH": os.environ["PATH"], "HOME": directory, "LC_ALL": "C.UTF-8", "TERM": "dumb"}, **variables)


def answer_of(argv, directory, **variables):
    """The lines that a shell prints, without any settings of the user's."""
    process = subprocess.Popen(argv, env=environment(directory, **variables), cwd=directory, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err == b"", err
    return out.decode("utf-8").splitlines()


# bash calls the function with COMP_WORDS split at blanks and, as readline does, around each `=`.
BASH = r"""
. ./_plexctl_exec_log
read -ra COMP_WORDS <<< "${LINE//=/ = }"
[[ $LINE == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$LINE COMP_POINT=${#LINE}
[[ $(complete -p "${COMP_WORDS[0]}") =~ -F\ ([^ ]+) ]] || exit 1
"${BASH_REMATCH[1]}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def bash(line, directory):
    return set(answer_of(["bash", "--norc", "--noprofile", "-c", BASH], directory, LINE=line)) - {""}


# A shell on a pseudo-terminal whose first prompt completes each line; compadd tells what it is given, and obeys.
ZSH = r"""
zmodload zsh/zpty
zpty offering zsh -f -i
zpty -w offering 'PS1=; source ./setup'
zpty -r offering seen '*<done>*'
cat offered
zpty -d offering
"""
ZSH_SETUP = r"""
fpath=($PWD $fpath)
autoload -Uz compinit
compinit -u -D
zstyle ':completion:*' menu no
unsetopt auto_list auto_menu beep
compadd() { local -a hits; builtin compadd -O hits "$@"; print -rl -- $hits >> offered; builtin compadd "$@" }
offer() {
    local line
    for line in ${(f)ASKED}; do
        print -r -- "== $line" >> offered
        BUFFER=$line CURSOR=$#line
        zle complete-word
    done
    print "<d""one>"
}
zle -N zle-line-init offer
"""


def zsh(lines, directory):
    found = {}
    for row in answer_of(["zsh", "-f", "-c", ZSH], directory, ASKED="\n".join(lines)):
        if row.startswith("== "):
            words = found[row[3:]] = set()
        elif row:
            words.add(row)
    return found


FISH = "source ./_plexctl_exec_log; complete -C $LINE"


def fish(line, directory):
    """What begins with the last word: fish offers near misses too."""
    found = answer_of(["fish", "--no-config", "-c", FISH], directory, LINE=line)
    begun = line.split(" ")[-1]
    return {row.split("\t")[0][begun.find("=") + 1:] for row in found if row.startswith(begun)}


def typed_into_bash(line, directory):
    """What an interactive bash shows when somebody types the line; plexctl-exec-log prints its arguments."""
    with open(os.path.join(directory, "rc"), "w") as file:
        file.write(script("bash") + "\nplexctl-exec-log() { printf '<%s>' \"$@\"; echo; }\nPS1='READY '\n")
    master, slave = os.openpty()
    process = subprocess.Popen(["bash", "--noprofile", "--rcfile", "rc", "-i"], env=environment(directory),
                               cwd=directory, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    try:
        shown = read_until(master, b"READY ")
        os.write(master, line.encode() + b"\n")
        shown += read_until(master, b"READY ")
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)
    return shown.decode("utf-8")


def read_until(descriptor, end):
    shown = b""
    while end not in shown and select.select([descriptor], [], [], 20)[0]:
        shown += os.read(descriptor, 4096)
    return shown
