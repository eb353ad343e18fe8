#!/usr/bin/env python3
"""Regenerate what is derived from the program:

- the outputs of the commands in README.md
- the tables of flags, formats and exit codes in README.md and tests/contract.md

    PYTHONPATH=. .venv/bin/python tests/renew.py

tests/test_readme.py fails when one of them is out of date.

The README's commands are the lines after `$ `. They run in order, in one bash beside the sample control plane. Where jq
is missing, the output of a command that uses jq stays as it is.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import plexctl_exec_log as program
from kit import CONTRACT, HERE, MODULE, README, make_environment, read_text, run_cli

COMMAND = re.compile(r"^\$ (.+)\n((?:(?!\$ |```).*\n)*)", re.MULTILINE)
MARK = "=== next command ==="


def run_commands(commands):
    """Return what each command prints on both streams. One bash runs them all, in a copy of the clone."""
    script = "".join("echo '%s'\n{ %s\n} 2>&1\n" % (MARK, command) for command in commands)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(MODULE, folder)
        shutil.copytree(
            HERE, os.path.join(folder, "tests"), ignore=shutil.ignore_patterns("__pycache__")
        )

        # Make python3 this very Python.
        tools = os.path.join(folder, "tools")
        os.mkdir(tools)
        os.symlink(sys.executable, os.path.join(tools, "python3"))
        path = tools + os.pathsep + make_environment()["PATH"]
        env = make_environment(env={"PATH": path, "HOME": folder, "CLONE": folder})

        plane = ["python3", "tests/control_plane.py", "--objects", "store", "--", "bash"]
        done = subprocess.run(
            plane,
            input=script.encode("utf-8"),
            stdout=subprocess.PIPE,
            cwd=folder,
            env=env,
            timeout=120,
        )
    return done.stdout.decode("utf-8").split(MARK + "\n")[1:]


def read_help_blocks():
    """Return the blocks of the help page by their titles, such as `flags of list`. A wrapped line is one line.

    Two spaces separate a flag from its text, also where the text begins on the next line."""
    page = re.sub(r"(?m)^(  -(?:(?!  ).)*)\n {8,}", r"\1  ", run_cli("--help").out.decode("ascii"))
    return {
        title: re.sub(r"\n {8,}", " ", block)
        for title, block in re.findall(r"^(\w.*):\n((?:  .*\n)+)", page, re.MULTILINE)
    }


def make_flag_table():
    """Return the rows of the table of flags, in the order of the help. `...` marks flags whose values accumulate."""
    rows = ["| flag | |", "|---|---|"]
    for title, block in read_help_blocks().items():
        if title.startswith("flags of "):
            rows.append("| **`%s`** | |" % title.rpartition(" ")[2])
        for head, text in (
            re.findall("^  (-.*?)  +(.*)$", block, re.MULTILINE)
            if title.startswith("flags")
            else ()
        ):
            names = re.findall("--?[a-z-]+", head)
            shown = ", ".join("`%s`" % name for name in names) + "".join(
                re.findall(" [A-Z]+$", head)
            )
            if program.FLAGS_BY_NAME[names[-1]].is_repeatable:
                shown += "..."
            rows.append("| %s | %s |" % (shown, text))
    return rows


def make_exit_code_table():
    """Return the rows of the table of exit codes."""
    pairs = re.findall("^  ([0-9]+) +(.+)$", read_help_blocks()["exit codes"], re.MULTILINE)
    return ["| code | when |", "|---|---|"] + ["| %s | %s |" % pair for pair in pairs]


def make_format_table():
    """Return a line for each command, with its formats in the order of the help."""
    return [
        "    list    " + ", ".join(program.LIST_FORMATS),
        "    get     " + ", ".join(program.GET_FORMATS),
    ]


def renew_tables(text):
    """Return the text with its tables. Each is between a line such as `<!-- flags -->` and the line `<!-- end -->`."""
    tables = {
        "flags": make_flag_table(),
        "formats": make_format_table(),
        "exit codes": make_exit_code_table(),
    }
    for name, rows in tables.items():
        before, mark, rest = text.partition("<!-- %s -->\n" % name)
        if mark:
            text = (
                before + mark + "\n" + "\n".join(rows) + "\n\n" + rest[rest.index("<!-- end -->") :]
            )
    return text


def renew_outputs(text):
    """Return the README with the outputs that its commands have now."""
    printed = iter(run_commands([command for command, _ in COMMAND.findall(text)]))

    def renew(found):
        output = next(printed)
        keeps = re.search(r"\bjq\b", found.group(1)) and not shutil.which("jq")
        return found.group() if keeps else "$ %s\n%s" % (found.group(1), output)

    return COMMAND.sub(renew, text)


if __name__ == "__main__":
    for path, renew in (
        (README, lambda text: renew_tables(renew_outputs(text))),
        (CONTRACT, renew_tables),
    ):
        new = renew(read_text(path))
        with open(path, "w", encoding="utf-8") as changed:
            changed.write(new)
