"""The README is true: its commands are run and their outputs compared, and its tables match the program."""

import json
import os
import re

import pytest

import plexctl_exec_log as program
import renew
from kit import CONTRACT, GET_FORMATS, LIST, LIST_FORMATS, README, ROOT, posix_only, read_text, run_cli

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
    rows = re.findall(r"(?m)^\| ([a-z, ]+) \|", README_TEXT.partition("\n## Formats\n")[2].partition("\n## ")[0])
    assert sorted(", ".join(rows).split(", ")) == sorted(set(LIST_FORMATS + GET_FORMATS))


def test_every_link_has_a_target():
    lines = re.findall("^#+ (.+)$", README_TEXT, re.MULTILINE)
    headings = {"#" + re.sub("[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in lines}
    links = {link for link in re.findall(r"(?:\]\(|src=\")([^)\"]+)", README_TEXT) if "://" not in link} - headings
    assert links
    assert [link for link in links if link[0] == "#" or not os.path.exists(os.path.join(ROOT, link))] == []


def test_version_has_a_line_in_the_changes():
    assert "**%s.** " % program.__version__ in README_TEXT


def test_config_example_is_read(tmp_path, plane):
    config = json.loads(re.search("```json\n(.+?)```", README_TEXT, re.DOTALL).group(1))
    config["profiles"][config["default"]].update(server=plane.url, token=plane.token)
    file = tmp_path / "plexctl" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps(config))
    file.chmod(0o600)
    assert run_cli(*LIST, env={"XDG_CONFIG_HOME": str(tmp_path)}).code == 0
