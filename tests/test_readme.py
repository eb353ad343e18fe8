"""The README is true: its commands are run and their outputs compared, and its tables match the program."""

import json
import os
import re

import pytest

import plexctl_exec_log as program
import renew
from control_plane import DEMO, PROJECT
from kit import (
    CONTRACT,
    GET_FORMATS,
    LIST,
    LIST_FORMATS,
    README,
    ROOT,
    error_lines,
    hint_lines,
    posix_only,
    read_text,
    rule,
    run_cli,
)

README_TEXT = read_text(README)
RENEW = "run: PYTHONPATH=. .venv/bin/python tests/renew.py"


@posix_only
def test_commands_print_what_the_readme_shows():
    assert renew.COMMAND.search(README_TEXT)
    assert renew.renew_outputs(README_TEXT) == README_TEXT, RENEW


@pytest.mark.parametrize(
    "path, tables",
    [
        pytest.param(README, ["exit codes"], id="README.md"),
        pytest.param(CONTRACT, ["formats", "flags", "exit codes"], id="contract.md"),
    ],
)
def test_tables_match_the_program(path, tables):
    text = read_text(path)
    assert re.findall("(?m)^<!-- (.+) -->\n(?s:.*?)^<!-- end -->$", text) == tables
    assert renew.renew_tables(text) == text, RENEW


def test_every_format_is_in_the_readme():
    rows = re.findall(
        r"(?m)^\| ([a-z, ]+?)(?: \(default\))? \|",
        README_TEXT.partition("\n## Formats and terminals\n")[2].partition("\n## ")[0],
    )
    assert sorted(", ".join(rows).split(", ")) == sorted(set(LIST_FORMATS + GET_FORMATS))


def test_every_link_has_a_target():
    lines = re.findall("^#+ (.+)$", README_TEXT, re.MULTILINE)
    headings = {"#" + re.sub("[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in lines}
    links = {
        link for link in re.findall(r"(?:\]\(|src=\")([^)\"]+)", README_TEXT) if "://" not in link
    } - headings
    assert links
    assert [
        link for link in links if link[0] == "#" or not os.path.exists(os.path.join(ROOT, link))
    ] == []


def test_version_has_a_line_in_the_changes():
    assert "**%s.** " % program.__version__ in README_TEXT


def test_config_example_is_read(tmp_path, plane):
    config = json.loads(re.search("```json\n(.+?)```", README_TEXT, re.DOTALL).group(1))
    config["profiles"][config["default"]].update(
        server=plane.url, token=plane.token, project=PROJECT
    )
    file = tmp_path / "plexctl" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps(config))
    file.chmod(0o600)

    assert run_cli("list", env={"XDG_CONFIG_HOME": str(tmp_path)}).code == 0


@rule("1.5a", "2.5", "2.5b")
def test_placeholders_of_the_config_example_are_refused(tmp_path):
    # In the example, "project" is not a UUID, and "token" contains spaces.
    file = tmp_path / "plexctl" / "config.json"
    file.parent.mkdir()
    file.write_text(re.search("```json\n(.+?)```", README_TEXT, re.DOTALL).group(1))
    file.chmod(0o600)

    project_left_in = run_cli("list", env={"XDG_CONFIG_HOME": str(tmp_path)})
    token_left_in = run_cli(*LIST, env={"XDG_CONFIG_HOME": str(tmp_path)})

    assert project_left_in.code == 2
    assert error_lines(project_left_in)[0].startswith('project of profile "prod": ')
    assert token_left_in.code == 3
    assert error_lines(token_left_in)[0].startswith("the token is empty, or contains ")
    assert hint_lines(token_left_in) == ['it came from profile "prod"']


def list_commands():
    """Return the command lines of the section "Commands", except loops."""
    section = README_TEXT.partition("\n## Commands\n")[2].partition("\n## ")[0]
    return re.findall(r"^\|.*\| `plog ([^`$]+)` \|$", section, re.MULTILINE)


@pytest.mark.parametrize("line", list_commands())
def test_each_command_of_the_readme_works(plane, tmp_path, line):
    # The machine is a target of the run, which failed.
    values = {
        "ID": DEMO,
        "NODE": "019d907a-eb47-73a5-a611-bb4e4cda0712",
        "out": str(tmp_path / "out"),
    }
    argv = [values.get(word, word) for word in line.split()]

    result = run_cli(*argv, plane=plane, env={"PLEXSPHERE_PROJECT": PROJECT})

    assert result.code == (5 if "--exit-status" in argv else 0)
    assert error_lines(result) == []
