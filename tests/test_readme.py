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
from control_plane import DEMO, PROJECT, SHOWCASE
from kit import (
    HERE,
    MODULE,
    README,
    ROOT,
    VARIABLES_READ,
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


#: A machine that failed in DEMO and in SHOWCASE.
NODE = "019d907a-eb47-73a5-a611-bb4e4cda0712"
BLOCKS = re.findall("(?ms)^```sh\n(.*?)^```$", read_section("Recipes"))
#: A line that begins with `plog` is a recipe of its own. test_poll.py runs the block that defines `report`.
RECIPES = []
for block in BLOCKS:
    if "report()" not in block:
        RECIPES += re.split("\n(?=plog )", block.rstrip("\n"))
every_shell = pytest.mark.parametrize("shell", ["bash", "sh"])
every_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=range(len(RECIPES)))


def run_recipe(recipe, shell, plane, folder, token):
    """Paste a recipe into a shell, with values for its placeholders, and for 1d the last hour of the sample data."""
    for placeholder, value in (("ID", SHOWCASE), ("NODE", NODE), ("1d", "2026-07-14T09:00")):
        recipe = re.sub(r"\b%s\b" % placeholder, value, recipe)
    plog = 'plog() { %s %s "$@"; }\n' % (shlex.quote(sys.executable), shlex.quote(MODULE))
    env = {"PLEXSPHERE_TOKEN": token, "PLEXSPHERE_PROJECT": PROJECT}
    return subprocess.run(
        [shell],
        input=plog + recipe,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="backslashreplace",
        cwd=str(folder),
        env=make_environment(plane, env),
        timeout=120,
    )


@posix_only
def test_commands_print_what_the_readme_shows(tmp_path):
    """A bash that was started as the README says runs the commands of all ```console blocks, in a copy of the clone."""
    shown = "".join(re.findall("(?ms)^```console\n(.*?)^```$", README_TEXT))
    commands = re.findall(r"(?m)^\$ (.+)$", shown)
    assert len(commands) == 6  # so that none is overlooked
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


@posix_only
@every_shell
@every_recipe
def test_recipes_print_outputs_and_report_only_what_is_archived_unfinished_or_saved(
    plane, tmp_path, recipe, shell
):
    result = run_recipe(recipe, shell, plane, tmp_path, plane.token)

    assert result.stdout
    reported = re.compile(
        "error: the output of target [-0-9a-f]+ is archived: |status: |incomplete: "
    )
    assert [line for line in result.stderr.splitlines() if not reported.match(line)] == []


@posix_only
@every_shell
@every_recipe
def test_recipes_show_that_a_token_is_rejected(plane, tmp_path, recipe, shell):
    result = run_recipe(recipe, shell, plane, tmp_path, "rejected-token")

    assert "error: HTTP 401 Unauthorized" in result.stderr
    # The recipe that waits says what to do.
    assert result.stdout in ("", "see the error\n")


def find_recipe(*words):
    """Return the recipe that contains these words."""
    (recipe,) = [text for text in RECIPES if all(word in text for word in words)]
    return recipe


@posix_only
def test_search_in_all_runs_names_the_run_the_machine_and_its_status(plane, tmp_path):
    search = find_recipe("plog targets", "^[^ ]")

    found = run_recipe(search, "bash", plane, tmp_path, plane.token)

    assert found.stdout == "%s %s failed journalctl: No space left on device\n" % (SHOWCASE, NODE)


@posix_only
@pytest.mark.parametrize(
    "words", [("plog targets", "^[^ ]"), ("plog get", "^[^ ]")], ids=["targets", "get"]
)
@pytest.mark.parametrize("searched", ["failed", "019d907a", "succeeded"])
def test_search_matches_only_the_text_of_a_line(plane, tmp_path, words, searched):
    # A status, or the beginning of a node id.
    search = find_recipe(*words).replace("No space", searched)

    found = run_recipe(search, "bash", plane, tmp_path, plane.token)

    lines = [
        line.split(" ", 3 if words[0] == "plog targets" else 1)[-1]
        for line in found.stdout.splitlines()
    ]
    assert [line for line in lines if searched not in line] == []


@posix_only
@every_shell
def test_count_of_failures_has_a_line_for_each_machine(plane, tmp_path, shell):
    found = run_recipe(find_recipe("uniq -c"), shell, plane, tmp_path, plane.token)

    counts = [line.split() for line in found.stdout.splitlines()]
    assert ["2", NODE] in counts
    assert [int(count) for count, _ in counts] == sorted([int(count) for count, _ in counts])[::-1]


@posix_only
@every_shell
def test_recipe_saves_each_run_in_a_folder_of_its_own_and_searches_without_the_index(
    plane, tmp_path, shell
):
    result = run_recipe(find_recipe("--output-dir"), shell, plane, tmp_path, plane.token)

    (night,) = os.listdir(str(tmp_path))
    lines = (tmp_path / night / "targets").read_text().splitlines()
    saved = [line.split("\t")[:2] for line in lines if line.split("\t")[3] == "inline"]
    assert len(saved) > 3
    for run, node in saved:
        assert (tmp_path / night / run / (node + ".out")).exists()
    counts, found = result.stdout.splitlines()
    assert counts.startswith("%s: %d inline, " % (night, len(saved)))
    assert found == "%s/%s/%s.out:journalctl: No space left on device" % (night, SHOWCASE, NODE)


@posix_only
@every_shell
def test_output_has_host_names_after_sed_has_read_the_file_of_the_recipe(plane, tmp_path, shell):
    line, command = re.search("`(s/NODE/.+?)` .*`(plog .+? sed .+?)`", README_TEXT).groups()
    assert line == "s/NODE/web-01/g"
    (tmp_path / "nodes.sed").write_text(line.replace("NODE", NODE) + "\n")

    result = run_recipe(command, shell, plane, tmp_path, plane.token)

    assert "\nweb-01: journalctl: No space left on device\n" in result.stdout
    assert NODE not in result.stdout


@pytest.mark.parametrize(
    "line", re.findall("`plog ([^`$]+)` (?:and|\\|)", read_section("Commands"))
)
def test_each_command_of_the_readmes_table_works(plane, tmp_path, line):
    values = {"ID": DEMO, "NODE": NODE, "out": str(tmp_path / "out")}
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

    assert set(", ".join(rows).split(", ")) == set().union(*program.FORMATS.values())


def test_readme_names_every_flag_with_which_list_reads_all_pages():
    text = " ".join(README_TEXT.split())

    (sentence,) = re.findall(r"[^.]* it reads all pages\b", text)
    flags = {flag.names[-1] for flag in program.FLAGS if flag.reads_all_pages}
    assert flags - set(re.findall("--[a-z-]+", sentence)) == set()
    assert "several statuses" in sentence


def test_section_on_settings_names_every_variable_of_the_program():
    variables = {name for name in VARIABLES_READ if name.startswith("PLEXSPHERE_")}

    assert len(variables) == 3
    assert variables - set(re.findall("[A-Z_]+", read_section("Settings"))) == set()


def test_every_link_to_a_file_or_a_section_has_a_target():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README_TEXT)
    anchors = re.findall(r"\]\(#([^)]+)\)", README_TEXT)
    titles = re.findall("(?m)^## (.+)$", README_TEXT)

    assert links  # files, such as tests/README.md
    assert [link for link in links if not os.path.exists(os.path.join(ROOT, link))] == []
    assert anchors
    assert set(anchors) <= {title.lower().replace(" ", "-") for title in titles}


def test_config_example_works_with_real_values(tmp_path, plane):
    config = json.loads(CONFIG_EXAMPLE)
    values = {"server": plane.url, "token": plane.token, "project": PROJECT}
    profile = config["profiles"][config["default"]]
    # Only members that the example has get a value.
    profile.update({name: values[name] for name in profile})
    write_private_file(tmp_path / "plexctl" / "config.json", json.dumps(config).encode())

    assert run_cli("list", env={"XDG_CONFIG_HOME": str(tmp_path)}).code == 0


def test_token_and_project_of_the_config_example_are_refused(tmp_path):
    # YOUR-SERVER is a possible name of a host. In the example, "project" is not a UUID, and "token" contains spaces.
    write_private_file(tmp_path / "plexctl" / "config.json", CONFIG_EXAMPLE.encode())

    without_flags = run_cli("list", env={"XDG_CONFIG_HOME": str(tmp_path)})
    with_project = run_cli("list", "--project", PROJECT, env={"XDG_CONFIG_HOME": str(tmp_path)})

    assert without_flags.code == 2
    assert error_lines(without_flags)[0].startswith('project of profile "prod": ')
    assert with_project.code == 3
    assert error_lines(with_project)[0].startswith("the token ")
    assert hint_lines(with_project) == ['it came from profile "prod"']
