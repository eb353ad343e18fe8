"""The README says what is: its commands are run and their outputs compared, its tables are the program's."""

import argparse
import json
import os
import re
import textwrap

import kit_readme
import picture
import plexctl_exec_log as program
from control_plane import EXECUTIONS, PROJECT
from kit import HERE, LIST, ROOT, posix_only, run_cli, surroundings

README = kit_readme.read_readme()
MOST_CHARACTERS = 14000
#: A flag, as | `--timeout SECONDS` | what it is for |
ROW = re.compile(r"^\| (`-[^|]+) \| .+ \|$", re.MULTILINE)


def list_shown_flags(parser):
    """Return the flags that a parser and its commands show in help: {(names): value}."""
    found = {}
    for action in parser._actions:
        if action.option_strings and action.help != argparse.SUPPRESS:
            found[tuple(sorted(action.option_strings))] = action.metavar or ""
        for command in action.choices.values() if isinstance(action.choices, dict) else ():
            found.update(list_shown_flags(command))
    return found


def list_told_flags():
    """Return what the README's table of flags says of the same."""
    rows = [[word.partition(" ") for word in re.findall("`([^`]+)`", flags)] for flags in ROW.findall(README)]
    return {tuple(sorted(name for name, _, _ in words)): "".join(value for _, _, value in words) for words in rows}


@posix_only
def test_commands_print_what_the_readme_shows():
    assert kit_readme.renew(README) == README


@posix_only
def test_what_failed_is_mailed_once():
    commands = re.findall(r"^\$ (.+)$", README, re.MULTILINE)
    recipe = [command for command in commands if re.search(r"\b(told|news)\b", command)]
    setup = [command for command in commands if "log()" in command]
    mailed = kit_readme.run_commands(setup + recipe * 2 + ["cat mailed"])[-1]
    assert len(recipe) == 3 and mailed.count("  failed  ") == len(mailed.splitlines()) == 2


def test_readme_is_short():
    assert len(README) <= MOST_CHARACTERS


def test_flag_table_is_the_parser_s():
    shown = {names: value for names, value in list_shown_flags(program.make_parser()).items()
             if not {"--help", "--version"} & set(names)}
    assert list_told_flags() == shown


def test_exit_codes_are_those_of_the_help_and_of_the_contract():
    told = re.findall(r"^\| (\d+) \| (.+) \|$", README.replace("`", ""), re.MULTILINE)
    assert told == re.findall(r"^  (\d+) +(.+)$", run_cli("--help").out.decode("ascii"), re.MULTILINE)
    with open(os.path.join(HERE, "contract.md"), encoding="utf-8") as contract:
        assert [code for code, _ in told] == re.findall(r"^\| (\d+) \| ", contract.read(), re.MULTILINE)


def test_links_lead_somewhere():
    lines = re.findall("^#+ (.+)$", README, re.MULTILINE)
    headings = {"#" + re.sub("[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in lines}
    links = {link for link in re.findall(r"(?:\]\(|src=\")([^)\"]+)", README) if "://" not in link} - headings
    assert [link for link in links if link[0] == "#" or not os.path.exists(os.path.join(ROOT, link))] == []


@posix_only
def test_picture_is_of_the_present_output():
    with open(picture.PICTURE, encoding="utf-8") as file:
        assert file.read() == picture.draw_picture()


def test_version_has_its_line_of_changes():
    assert "- **%s.** " % program.__version__ in README


def test_library_example_runs(plane, capsys):
    example = re.search("(?ms)^    transport = .+?(?=^$)", program.__doc__).group()
    names = dict(vars(program), token=plane.token, project=PROJECT)
    with surroundings(plane):
        exec(textwrap.dedent(example).replace("https://plexsphere.example", plane.url), names)
        names["transport"].close()
    statuses = {item["id"]: item["status"] for item in EXECUTIONS}
    printed = [word for word in capsys.readouterr().out.split() if word in statuses]
    assert printed == [identity for identity, status in statuses.items() if status == "failed"]


def test_config_example_is_read(tmp_path, plane):
    config = json.loads(re.search("```json\n(.+?)```", README, re.DOTALL).group(1))
    config["profiles"][config["default"]].update(server=plane.url, token=plane.token)
    file = tmp_path / "plexctl" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps(config))
    file.chmod(0o600)
    assert run_cli(*LIST, env={"XDG_CONFIG_HOME": str(tmp_path)}).code == 0
