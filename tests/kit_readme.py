#!/usr/bin/env python3
"""The README's commands: run in order, in one shell beside the sample control plane, and their outputs.

    PYTHONPATH=. python3 tests/kit_readme.py   writes them into README.md; tests/test_readme.py compares
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

from kit import HERE, MODULE, ROOT, make_environment

README = os.path.join(ROOT, "README.md")
CONSOLE = re.compile("(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
MARK = "=== next command ==="


def read_readme():
    """Return the README's text."""
    with open(README, encoding="utf-8") as file:
        return file.read()


def run_commands(commands):
    """Return what each command prints on both streams. One bash runs them all, in a copy of the clone."""
    script = "shopt -s expand_aliases\n"       # as an interactive shell has it
    script += "".join("echo '%s'\n{ %s\n} 2>&1\n" % (MARK, command) for command in commands)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(MODULE, folder)
        shutil.copytree(HERE, os.path.join(folder, "tests"), ignore=shutil.ignore_patterns("__pycache__"))

        # Make python3 this very Python, and mail nothing that leaves this machine: it ends in the file `mailed`.
        tools = os.path.join(folder, "bin")
        os.mkdir(tools)
        for name, line in (("python3", 'exec "%s" "$@"' % sys.executable), ("mail", "cat >>mailed")):
            with open(os.path.join(tools, name), "w") as file:
                file.write("#!/bin/sh\n%s\n" % line)
            os.chmod(file.name, 0o755)
        env = make_environment(env={"PATH": tools + os.pathsep + os.environ["PATH"], "HOME": folder})

        plane = ["python3", "tests/control_plane.py", "--objects", "store", "--", "bash"]
        done = subprocess.run(plane, input=script.encode("utf-8"), stdout=subprocess.PIPE, cwd=folder, env=env,
                              timeout=120)
    return done.stdout.decode("utf-8").split(MARK + "\n")[1:]


def renew(text):
    """Return the README with the outputs that its commands, the lines after `$ `, have now."""
    blocks = [re.findall(r"^\$ (.+)$", block, re.MULTILINE) for block in CONSOLE.findall(text)]
    printed = iter(run_commands([command for commands in blocks for command in commands]))
    shown = iter(["".join("$ %s\n%s" % (command, next(printed)) for command in commands) for commands in blocks])
    return CONSOLE.sub(lambda match: next(shown), text)


if __name__ == "__main__":
    new = renew(read_readme())
    with open(README, "w", encoding="utf-8") as readme:
        readme.write(new)
