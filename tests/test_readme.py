"""The README says what is: its commands are run and their outputs compared, its tables are the program's."""

import json
import re

import pytest

import kit_readme
import picture
import plexctl_exec_log as program
from control_plane import EXECUTIONS, PROJECT
from kit import LIST, run_cli

README = kit_readme.read()


def test_commands_print_what_the_readme_shows():
    assert kit_readme.up_to_date(README) == README


def test_exit_code_table_is_the_program_s():
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", README, re.MULTILINE)
    assert [(int(code), text) for code, text in rows] == list(program.EXIT_CODES)


@pytest.mark.parametrize("command", ["list", "get"])
def test_help_texts_are_the_program_s(command):
    assert run_cli(command, "--help").out.decode("ascii") in README


def test_every_flag_is_told():
    assert [row.name for row in program.FLAGS if row.name not in README] == []


def test_picture_is_of_the_present_output():
    with open(picture.PICTURE, encoding="utf-8") as file:
        assert file.read() == picture.picture()


def test_public_names_are_told_where_they_can_be_looked_up():
    assert "`__all__`" in README and all(name in program.__doc__ or name.endswith("Error") or name == "MalformedBody"
                                         for name in program.__all__)


def test_links_within_the_page_lead_somewhere():
    headings = {re.sub("[^a-z ]", "", line.lower()).replace(" ", "-") for line in re.findall("^## (.+)$", README, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([a-z-]+)\)", README)) <= headings


def test_version_has_its_line_of_changes():
    assert "- %s: " % program.__version__ in README


def test_library_example_runs(plane, capsys):
    example = re.search("```python\n(.+?)```", README, re.DOTALL).group(1)
    exec(example.replace("https://plexsphere.example", plane.url), {"token": plane.token, "project": PROJECT})
    assert capsys.readouterr().out.split()[::2] == [item["id"] for item in EXECUTIONS if item["status"] == "failed"]


def test_config_example_is_read(tmp_path, plane):
    config = json.loads(re.search("```json\n(.+?)```", README, re.DOTALL).group(1))
    config["profiles"]["lab"].update(server=plane.url, token=plane.token)
    folder = tmp_path / "plexctl"
    folder.mkdir()
    file = folder / "config.json"
    file.write_text(json.dumps(config))
    file.chmod(0o600)
    assert run_cli(*LIST, env={"XDG_CONFIG_HOME": str(tmp_path)}).code == 0
