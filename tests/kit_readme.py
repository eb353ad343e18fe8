#!/usr/bin/env python3
"""The README's commands: run, in order, in one shell beside the sample control plane, and their outputs.

    PYTHONPATH=. python3 tests/kit_readme.py   writes the present outputs into README.md; tests/test_readme.py compares them
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

from kit import HERE, MODULE, ROOT, environment

README = os.path.join(ROOT, "README.md")
BLOCK = re.compile("(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
MARK = "=== next command ==="


def read():
    """The README's text."""
    with open(README, encoding="utf-8") as file:
        return file.read()


def outputs(lines):
    """What each command line prints on both streams, all in one bash beside the sample control plane."""
    script = "".join("echo '%s'\n{ %s\n} 2>&1\n" % (MARK, line) for line in lines)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(MODULE, folder)
        shutil.copytree(HERE, os.path.join(folder, "tests"), ignore=shutil.ignore_patterns("__pycache__"))
        wrapper = os.path.join(folder, "bin", "python3")        # this very Python
        os.mkdir(os.path.dirname(wrapper))
        with open(wrapper, "w") as file:
            file.write('#!/bin/sh\nexec %s "$@"\n' % sys.executable)
        os.chmod(wrapper, 0o755)
        env = environment(env={"PATH": os.path.dirname(wrapper) + os.pathsep + os.environ["PATH"], "HOME": folder})
        plane = ["python3", "tests/control_plane.py", "--objects", "store", "--", "bash"]
        done = subprocess.run(plane, input=script.encode("utf-8"), stdout=subprocess.PIPE, cwd=folder, env=env, timeout=120)
    return done.stdout.decode("utf-8").split(MARK + "\n")[1:]


def up_to_date(text):
    """The README with the outputs that its commands, the lines after `$ `, have now."""
    blocks = [re.findall(r"^\$ (.+)$", block, re.MULTILINE) for block in BLOCK.findall(text)]
    printed = outputs([line for lines in blocks for line in lines])
    shown = iter(["".join("$ %s\n%s" % (line, printed.pop(0)) for line in lines) for lines in blocks])
    return BLOCK.sub(lambda match: next(shown), text)


if __name__ == "__main__":
    new = up_to_date(read())
    with open(README, "w", encoding="utf-8") as readme:
        readme.write(new)
