"""The README is true: its commands are run beside sample data, and its tables match the program."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

import plexctl_exec_log as program
from control_plane import DEMO, PROJECT
from kit import (
    HERE,
    MODULE,
    README,
    ROOT,
    error_lines,
    hint_lines,
    make_environment,
    posix_only,
    read_text,
    run_cli,
    write_private_file,
)

README_TEXT = read_text(README)
#: The first block of JSON, in the section on installing: a config file with placeholders.
CONFIG_EXAMPLE = re.search("```json\n(.+?)```", README_TEXT, re.DOTALL).group(1)


def read_section(title):
    return README_TEXT.partition("\n## %s\n" % title)[2].partition("\n## ")[0]


@posix_only
def test_commands_print_what_the_readme_shows(tmp_path):
    """A bash that was started as the README says runs the commands of all ```console blocks, in a copy of the clone."""
    shown = "".join(re.findall("(?ms)^```console\n(.*?)^```$", README_TEXT))
    commands = re.findall(r"(?m)^\$ (.+)$", shown)
    assert len(commands) == 5  # so that none is overlooked
    # Bash prints each command before it runs it, as a terminal would.
    script = "".join(
        "echo %s\n{ %s\n} 2>&1\n" % (shlex.quote("$ " + command), command) for command in commands
    )
    folder = str(tmp_path)
    shutil.copy(MODULE, folder)
    shutil.copytree(HERE, folder + "/tests", ignore=shutil.ignore_patterns("__pycache__"))
    os.mkdir(folder + "/tools")
    os.symlink(sys.executable, folder + "/tools/python3")
    path = folder + "/tools" + os.pathsep + make_environment()["PATH"]
    start = re.search("`(export CLONE=)/path/to/clone`, then `(.+? -- bash)`", README_TEXT)

    printed = subprocess.check_output(
        ["bash", "-c", "%s%s\n%s" % (start.group(1), shlex.quote(folder), start.group(2))],
        input=script.encode("utf-8"),
        cwd=folder,
        env=make_environment(env={"PATH": path, "HOME": folder}),
        timeout=120,
    )

    assert printed.decode("utf-8") == shown


@pytest.mark.parametrize(
    "line", re.findall(r"(?m)^\|.*\| `plog ([^`$]+)` \|$", read_section("Commands"))
)
def test_each_command_of_the_readme_works(plane, tmp_path, line):
    # These run and machine are in the plane's sample data: the machine is a target of the run, which failed.
    values = {
        "ID": DEMO,
        "NODE": "019d907a-eb47-73a5-a611-bb4e4cda0712",
        "out": str(tmp_path / "out"),
    }
    argv = [values.get(word, word) for word in line.split()]

    result = run_cli(*argv, plane=plane, env={"PLEXSPHERE_PROJECT": PROJECT})

    # With --exit-status, 5 says that the run has not succeeded.
    assert result.code == (5 if "--exit-status" in argv else 0)
    assert error_lines(result) == []


def test_exit_codes_of_the_readme_are_those_of_the_help():
    listed = re.findall(r"(?m)^\| ([0-9]+) \| (.+) \|$", read_section("When a command fails"))
    help_page = " ".join(run_cli("--help").out.decode("ascii").split())

    assert len(listed) == 10  # 0 to 5, 77, 124, 130 and 141
    assert "exit codes: " + " ".join(" ".join(row) for row in listed) in help_page


def test_formats_of_the_readme_are_those_of_the_program():
    section = read_section("Formats and terminals").replace(" (default)", "")
    rows = re.findall(r"(?m)^\| ([a-z, ]+) \|", section)

    assert set(", ".join(rows).split(", ")) == set(program.LIST_FORMATS) | set(program.GET_FORMATS)


def test_readme_names_every_flag_with_which_list_reads_all_pages():
    text = " ".join(README_TEXT.split())

    (sentence,) = re.findall(r"[^.]* it reads all pages\b", text)
    flags = {flag.names[-1] for flag in program.FLAGS if flag.reads_all_pages}
    assert flags - set(re.findall("--[a-z-]+", sentence)) == set()
    assert "several statuses" in sentence


def test_every_link_has_a_target():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README_TEXT)
    anchors = re.findall(r"\]\(#([^)]+)\)", README_TEXT)
    titles = re.findall("(?m)^## (.+)$", README_TEXT)

    assert links  # files, such as tests/README.md
    assert [link for link in links if not os.path.exists(os.path.join(ROOT, link))] == []
    assert anchors
    assert set(anchors) <= {title.lower().replace(" ", "-") for title in titles}


def test_config_example_works_with_real_values(tmp_path, plane):
    config = json.loads(CONFIG_EXAMPLE)
    config["profiles"][config["default"]].update(
        server=plane.url, token=plane.token, project=PROJECT
    )
    write_private_file(tmp_path / "plexctl" / "config.json", json.dumps(config).encode())

    assert run_cli("list", env={"XDG_CONFIG_HOME": str(tmp_path)}).code == 0


def test_placeholders_of_the_config_example_are_refused(tmp_path):
    # In the example, "project" is not a UUID, and "token" contains spaces.
    write_private_file(tmp_path / "plexctl" / "config.json", CONFIG_EXAMPLE.encode())

    without_flags = run_cli("list", env={"XDG_CONFIG_HOME": str(tmp_path)})
    with_project = run_cli("list", "--project", PROJECT, env={"XDG_CONFIG_HOME": str(tmp_path)})

    assert without_flags.code == 2
    assert error_lines(without_flags)[0].startswith('project of profile "prod": ')
    assert with_project.code == 3
    assert error_lines(with_project)[0].startswith("the token ")
    assert hint_lines(with_project) == ['it came from profile "prod"']
