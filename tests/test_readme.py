"""The README says what is: its commands are run and their outputs compared, its tables are the program's."""

import json
import os
import re

import kit_readme
import picture
import plexctl_exec_log as program
from control_plane import EXECUTIONS, PROJECT
from kit import GET, LIST, ROOT, run_cli, surroundings

README = kit_readme.read()
ROW = re.compile(r"^\| (`-[^|]+) \| ([^|]*?) ?\| .+ \|$", re.MULTILINE)      # | `--timeout SECONDS` | 30 | what it is for |


def flags_of(parser):
    """All flags of a parser and of its commands: argparse's actions by their names, sorted."""
    found = {tuple(sorted(action.option_strings)): action for action in parser._actions if action.option_strings}
    for action in parser._actions:
        for inner in action.choices.values() if isinstance(action.choices, dict) else ():
            found.update(flags_of(inner))
    return found


def true_row(names, action, defaults):
    """A flag's row of the table: names, value, and the default, empty where it is none and told in words."""
    value = "{%s}" % ",".join(action.choices) if action.choices else action.metavar or ""
    default = "required" if action.required else defaults.get(action.dest) or ""
    return names, value, "%g" % default if isinstance(default, float) else default


def told_row(names, default):
    """What a row of the README says of the same."""
    words = [word.partition(" ") for word in re.findall("`([^`]+)`", names)]
    return tuple(sorted(word[0] for word in words)), "".join(word[2] for word in words), default.replace("`", "")


def test_commands_print_what_the_readme_shows():
    assert kit_readme.up_to_date(README) == README


def test_readme_is_short():
    assert len(README) <= 12000


def test_flag_table_is_the_parser_s():
    defaults = dict(vars(program.parse(LIST)), **vars(program.parse(GET)))
    true = [true_row(names, action, defaults) for names, action in sorted(flags_of(program.make_parser()).items())
            if not {"--help", "--version"} & set(names)]
    in_words = {names for names, _, default in true if not default}
    told = [row[:2] + ("" if row[0] in in_words and row[2] != "required" else row[2],) for row in
            sorted(told_row(*found) for found in ROW.findall(README))]
    assert told == true


def test_exit_code_table_is_that_of_the_help():
    told = re.findall(r"^\| (\d+) \| (.+) \|$", README.replace("`", ""), re.MULTILINE)
    assert told == re.findall(r"^  (\d+) +(.+)$", run_cli("--help").out.decode("ascii"), re.MULTILINE) and len(told) == 9


def test_links_lead_somewhere():
    headings = {"#" + re.sub("[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in re.findall("^#+ (.+)$", README, re.MULTILINE)}
    links = {link for link in re.findall(r"(?:\]\(|src=\")([^)\"]+)", README) if "://" not in link}
    assert [link for link in links - headings if link[0] == "#" or not os.path.exists(os.path.join(ROOT, link))] == []


def test_picture_is_of_the_present_output():
    with open(picture.PICTURE, encoding="utf-8") as file:
        assert file.read() == picture.picture()


def test_version_has_its_line_of_changes():
    assert "- %s: " % program.__version__ in README


def test_library_example_runs(plane, capsys):
    example = re.search("```python\n(.+?)```", README, re.DOTALL).group(1)
    with surroundings(plane):
        exec(example.replace("https://plexsphere.example", plane.url), {"token": plane.token, "project": PROJECT})
    ids = {item["id"]: item["status"] for item in EXECUTIONS}
    printed = [word for word in capsys.readouterr().out.split() if word in ids]
    assert printed == [name for name, status in ids.items() if status == "failed"]


def test_config_example_is_read(tmp_path, plane):
    config = json.loads(re.search("```json\n(.+?)```", README, re.DOTALL).group(1))
    config["profiles"][config["default"]].update(server=plane.url, token=plane.token)
    file = tmp_path / "plexctl" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps(config))
    file.chmod(0o600)
    assert run_cli(*LIST, env={"XDG_CONFIG_HOME": str(tmp_path)}).code == 0
