"""What the repository says of the file: its mode, its licence, the Pythons that it is for."""

import glob
import os
import re
import shutil
import stat
import subprocess

import pytest

from kit import MODULE, PATIENCE, ROOT, make_environment, posix_only, read_file, rule

LICENCE = "SPDX-License-Identifier: Apache-2.0"


def read(name):
    return read_file(os.path.join(ROOT, name)).decode("utf-8")


@rule("8.1e")
@posix_only
def test_file_is_executable():
    assert stat.S_IMODE(os.stat(MODULE).st_mode) & 0o111 == 0o111


@rule("8.1e")
@posix_only
@pytest.mark.skipif(not shutil.which("python3"), reason="needs python3 in PATH, for the first line of the file")
def test_file_runs_by_its_name():
    done = subprocess.run([MODULE, "--version"], env=make_environment(), stdout=subprocess.PIPE, timeout=PATIENCE)
    assert done.returncode == 0 and done.stdout.startswith(b"version=")


@rule("8.1f")
def test_header_names_the_licence():
    header = read("plexctl_exec_log.py").partition('"""')[0]
    assert "\n# %s\n" % LICENCE in header


@rule("8.1f")
def test_readme_names_the_licence_on_one_line():
    assert [line for line in read("README.md").splitlines() if LICENCE in line] and len(
        re.findall("Apache", read("README.md"))) == 1


@rule("8.1f")
def test_package_names_the_licence_to_a_flit_that_knows_it():
    settings = read("pyproject.toml")
    assert re.findall("(?m)^license = (.+)$", settings) == ['"Apache-2.0"']
    low, = re.findall(r"(?m)^requires = \[\"flit_core >=(\d+)\.(\d+)", settings)
    assert (int(low[0]), int(low[1])) >= (3, 11) and "License ::" not in settings


def list_minors(first, last):
    """Return ["3.6", "3.7", ...]."""
    return ["3.%d" % minor for minor in range(int(first), int(last) + 1)]


@rule("8.1g")
def test_readme_and_classifiers_name_the_same_pythons():
    classifiers = re.findall(r"Programming Language :: Python :: (3\.\d+)\"", read("pyproject.toml"))
    first, last = re.search(r"CPython 3\.(\d+) to 3\.(\d+)", read("README.md")).groups()
    assert len(classifiers) > 5 and classifiers == list_minors(first, last)


@rule("8.1g")
def test_implementations_are_those_of_the_readme():
    tried = re.search(r"(?m)^.*CPython 3\.\d+ to 3\.\d+.*$", read("README.md")).group()
    named = re.findall("Implementation :: (\\w+)", read("pyproject.toml"))
    assert sorted(named) == [name for name in ("CPython", "GraalPy", "PyPy") if re.search(r"\b%s\b" % name, tried)]


@rule("8.1g")
@pytest.mark.skipif(not glob.glob(os.path.join(ROOT, ".ci", "*")), reason="the package has no .ci")
def test_ci_takes_its_list_from_the_classifiers():
    script = read(os.path.join(".ci", "ci.py"))
    assert "pyproject.toml" in script and "Programming Language :: Python :: " in script
