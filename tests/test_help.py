"""The help pages, and the name that the program gives itself."""

import io
import re
import sys

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import run_cli, run_process, table

#: The flags with an entry of their own on a page, in its order. --yes and --reveal-secrets have none.
COMMON_FLAGS = (
    "--project --output --server --token-file --profile --ca-file --allow-http --timeout --color "
    "--verbose --help --version"
)
LIST_FLAGS = (
    "--status --failed --running --action-name --since --until --updated-since --updated-until "
    "--last --all --limit --cursor"
)
TARGETS_FLAGS = LIST_FLAGS.replace("--running", "--running --node --output-dir")
GET_FLAGS = (
    "--status --failed --running --node --output-dir --id --wait --wait-timeout --exit-status"
)

every_page = pytest.mark.parametrize(
    "line", ["--help", "list --help", "targets --help", "get --help"]
)


def show_help(line, **options):
    """Return the help page that a command line prints."""
    result = run_cli(*line.split(), **options)

    assert (result.code, result.err) == (0, "")
    return result.out.decode("ascii")


def find_section(page, title):
    """Return the lines of a section of a help page, whose title is a line that ends with a colon."""
    return page.partition("\n%s:\n" % title)[2].partition("\n\n")[0].splitlines()


@pytest.mark.parametrize(
    "started, name",
    [
        pytest.param("/x/other", "other", id="installed command"),
        pytest.param("/x/other.py", "python3 other.py", id="file"),
        pytest.param("a\nb", "a\\nb", id="newline in the name"),
        pytest.param("-", "python3 -", id="read from stdin"),
        pytest.param("", "python3 plexctl_exec_log.py", id="without a name"),
    ],
)
def test_program_uses_the_name_it_was_started_under(monkeypatch, started, name):
    monkeypatch.setattr(sys, "argv", [started])  # Not run_cli, which sets it, too.

    out = io.BytesIO()
    program.main(["--help"], out, io.StringIO())

    usage = "usage: %s COMMAND [flags]\n" % name
    assert out.getvalue().decode("ascii").startswith(usage)


@table("""
    line                             | usage    | command
    --help                           | COMMAND  |
    help                             | COMMAND  |
    exec-log help                    | COMMAND  |
    # Other arguments are ignored.
    lst --help                       | COMMAND  |
    list --help                      | list     | list
    -h list                          | list     | list
    help list                        | list     | list
    exec-log list -h x               | list     | list
    list --wait --limit=7 --help     | list     | list
    targets --help                   | targets  | targets
    help targets                     | targets  | targets
    get --help                       | get UUID | get
    help get                         | get UUID | get
    --help get --wait                | get UUID | get
    get ID --output=x --help         | get UUID | get
""")
def test_help_of_a_command_shows_its_flags_and_plain_help_those_of_all_commands(
    line, usage, command
):
    page = show_help(line)

    own_flags = {"": "", "list": LIST_FLAGS, "targets": TARGETS_FLAGS, "get": GET_FLAGS}[command]
    assert page.startswith("usage: python3 plexctl_exec_log.py %s [flags]\n" % usage)
    # An entry begins with two spaces: `  --all ...`, `  -v, --verbose ...` or `  -n N, --last N ...`.
    found = re.findall("(?m)^  (?:-[^-]+, )?(--[a-z-]+)", page)
    assert found == own_flags.split() + COMMON_FLAGS.split()


def test_plain_help_is_an_overview_of_at_most_60_lines_with_an_example_of_each_command():
    page = show_help("--help")

    assert len(page.splitlines()) <= 60
    assert find_section(page, "commands, each with an example") == [
        "  list      Executions",
        "            list --failed --updated-since 9:00",
        "  targets   targets of many Executions",
        "            targets --failed --updated-since 22:00 --updated-until 2:30",
        "  get UUID  one Execution, with what its targets printed",
        "            get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 --failed",
    ]


@table("""
    line
    # an unknown flag, a value for a flag that takes none, a `--`, and a flag without its value
    list --bogus --help
    --all=x --version
    list -- --help
    --help --cursor
""")
def test_help_and_version_do_not_hide_an_error_about_a_flag(line):
    result = run_cli(*line.split())

    assert result.code == 2
    assert result.out == b""
    assert result.err.startswith("error: ")


@every_page
def test_help_has_at_most_80_columns_whatever_the_width_of_the_terminal(line):
    wide = show_help(line, env={"COLUMNS": "200"}, terminals=("stdout",))
    narrow = show_help(line, env={"COLUMNS": "40"}, terminals=("stdout",))

    assert [printed for printed in wide.splitlines() if len(printed) > 80] == []
    assert narrow == wide


@pytest.mark.parametrize("line", ["list --help", "targets --help", "get --help"])
def test_help_of_a_command_lists_the_statuses(line):
    assert (
        "\nStatuses: pending, ack, started (unfinished); succeeded, failed, cancelled,\n"
        "timeout (final)."
    ) in show_help(line)


@table("""
    line           | codes
    --help         | 0 1 2 3 4 5 77 124 130 141
    list --help    | 0 1 2 3 4 77 130 141
    targets --help | 0 1 2 3 4 77 130 141
    get --help     | 0 1 2 3 4 5 77 124 130 141
""")
def test_help_lists_the_exit_codes_that_a_command_can_have(line, codes):
    section = "\n".join(find_section(show_help(line), "exit codes"))

    assert re.findall("(?m)^  ([0-9]+) ", section) == codes.split()


@table("""
    line           | entry
    list --help    | only Executions with these statuses, e.g. failed,timeout (repeatable)
    targets --help | only targets with these statuses, e.g. failed,timeout (repeatable)
    get --help     | only targets with these statuses, e.g. failed,timeout (repeatable)
    list --help    | only Executions of this action (exact name)
    targets --help | only targets of Executions of this action (exact name)
    list --help    | only the N that were created last, oldest first
    targets --help | only targets of the N Executions that were created last;
""")
def test_help_says_what_a_flag_selects_for_a_command(line, entry):
    # Lines are broken anywhere: put them together again.
    assert " %s " % entry in " ".join(show_help(line).split())


@table("""
    flag         | default
    --project    | from --profile, PLEXSPHERE_PROJECT or the default profile
    --output     | text
    --server     | from --profile, PLEXSPHERE_URL or the default profile
    --token-file | token from --profile, PLEXSPHERE_TOKEN or the default profile
    --profile    | its default profile
    --timeout    | 30s
    --color      | auto
    --limit      | 50; 200 when reading all pages
""")
def test_help_names_these_defaults_of_flags(flag, default):
    page = show_help("list --help")

    # An entry ends where the next one begins, or at an empty line.
    # Its lines are broken anywhere: put them together again.
    (entry,) = re.findall(r"(?ms)^  (?:-[^-]+, )?%s .*?(?=^  -|^$)" % flag, page)
    assert "(default: %s)" % default in " ".join(entry.split())


@table("""
    line           | title   | formats
    list --help    | list    | -o text -o table -o wide -o id -o json -o yaml -o jsonl
    targets --help | targets | -o text -o table -o wide -o id -o json -o yaml -o jsonl -o lines
    get --help     | get     | -o text -o table -o wide -o id -o lines -o raw -o json -o yaml -o jsonl
""")
def test_help_has_a_line_for_each_format(line, title, formats):
    lines = find_section(show_help(line), "formats of " + title)

    assert " ".join("-o " + line.split()[0] for line in lines) == formats
    assert all(len(line.split()) > 2 for line in lines)  # the name and a few words


def test_help_has_no_colours_even_if_the_environment_forces_them():
    # From 3.14 on, argparse colours help pages by default.
    result = run_process("--help", env={"FORCE_COLOR": "1"})

    assert b"--verbose" in result.out
    assert b"\x1b" not in result.out


LIST_EXAMPLES = [
    "list --failed --updated-since 9:00",
    "list --action-name restart-nginx --last 1",
]
TARGETS_EXAMPLES = [
    "targets --failed --updated-since 22:00 --updated-until 2:30",
    "targets --node 019d907a-eb47-73a5-a611-bb4e4cda0712 --last 10",
    "targets --updated-since 1d --output-dir night",
]
GET_EXAMPLES = [
    "get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 --failed",
    "get 019f5fdd-76ef-7ee4-9d7e-18d62ffa4a61 -o table",
]


def test_help_names_every_flag_with_which_list_reads_all_pages():
    # Lines are broken anywhere: put them together again.
    page = " ".join(show_help("list --help").split())

    (sentence,) = re.findall(r"[^.]* it reads all pages\b", page)
    flags = {flag.names[-1] for flag in program.FLAGS if flag.reads_all_pages}
    assert "--all" in flags
    assert flags - set(re.findall("--[a-z-]+", sentence)) == set()
    assert "several statuses" in sentence


@pytest.mark.parametrize(
    "line, examples",
    [
        ("list --help", LIST_EXAMPLES),
        ("targets --help", TARGETS_EXAMPLES),
        ("get --help", GET_EXAMPLES),
    ],
)
def test_help_has_examples(line, examples):
    section = find_section(show_help(line), "examples, with server, token and Project set")

    assert section == ["  " + example for example in examples]


@pytest.mark.parametrize("example", LIST_EXAMPLES + TARGETS_EXAMPLES + GET_EXAMPLES)
def test_example_runs_as_printed_with_server_token_and_project_set(
    plane, tmp_path, monkeypatch, example
):
    monkeypatch.chdir(str(tmp_path))
    # The plane answers from its sample data, to which the id of the examples belongs.
    result = run_cli(*example.split(), plane=plane, env={"PLEXSPHERE_PROJECT": PROJECT})

    assert result.code == 0
    assert "error: " not in result.err
    assert result.out
