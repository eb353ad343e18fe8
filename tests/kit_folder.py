"""Verbs for get --output-dir: what a folder holds, and whether its checksums hold."""

import hashlib
import os
import re
import shutil
import stat
import subprocess

from kit import GET, run_cli

ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}


def saved(plane, folder, *flags, **options):
    """Run `get --output-dir`. Its Result."""
    return run_cli(*GET + ("--output-dir", str(folder)) + flags, plane=plane, **options)


def contents(folder):
    """Everything in it: the bytes by name."""
    return {name: read(os.path.join(str(folder), name)) for name in os.listdir(str(folder))}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def mode(path):
    return stat.S_IMODE(os.lstat(str(path)).st_mode)


def under_umask(mask):
    """Interpreter flags for run_cli."""
    return "-c", ("import os, runpy, sys; os.umask(%d); del sys.argv[0]; "
                  "runpy.run_path(sys.argv[0], run_name='__main__')" % mask)


def checksums(data):
    """The (digest, name) pairs of a checksum file, read as `sha256sum -c` of GNU coreutils reads them."""
    pairs = []
    for line in data.decode("utf-8").split("\n")[:-1]:
        marked, digest, name = re.match(r"(\\?)([0-9a-f]{64})  (.+)\Z", line, re.DOTALL).groups()
        if marked:
            name = re.sub(r"\\[\\nr]", lambda match: ESCAPES[match.group()], name)
        pairs.append((digest, name))
    return pairs


def holds(folder, sums):
    """Whether every line of the folder's file `sums` (or a path) holds there, by the real sha256sum if there is one."""
    if shutil.which("sha256sum"):
        return not subprocess.call(["sha256sum", "-c", "--strict", "--quiet", str(sums)], cwd=str(folder))
    return holds_by_hand(folder, sums)


def holds_by_hand(folder, sums):
    return all(digest == hashlib.sha256(read(os.path.join(str(folder), name))).hexdigest()
               for digest, name in checksums(read(os.path.join(str(folder), str(sums)))))
