"""Every rule of tests/contract.md has a test, and every rule number in a test exists. Also style checks of the suite.

A test carries a rule by `@rule("3.8")`, `pytestmark = rule("9.3")`, or `marks=rule("3.8")` at a row. This file reads
the sources of the tests, so its result does not depend on which tests are run.
"""

import ast
import collections
import functools
import glob
import os
import re

import pytest

import plexctl_exec_log as program
from kit import CONTRACT, GET_FORMATS, HERE, LIST_FORMATS, MODULE, VARIABLES_READ, read_text

SOURCES = sorted(glob.glob(os.path.join(HERE, "*.py")))
TESTS = [path for path in SOURCES if os.path.basename(path).startswith("test_")]


@functools.lru_cache(None)
def parse(path):
    return ast.parse(read_text(path))


def list_rules():
    """The numbers of the contract, in their order."""
    return re.findall(r"^([0-9]+\.[0-9]+[a-z]?) ", read_text(CONTRACT), re.MULTILINE)


def list_carried(tree):
    """The numbers that a piece of source carries: the arguments of every call of rule()."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and name_called(node) == "rule"]
    return [ast.literal_eval(argument) for call in calls for argument in call.args]


def name_called(call):
    """The name of what a call calls, without what stands before its last dot."""
    return getattr(call.func, "attr", getattr(call.func, "id", None))


def test_every_rule_has_a_test_and_every_number_is_a_rule():
    carrying = {number for path in SOURCES for number in list_carried(parse(path))}
    assert sorted(set(list_rules()) - carrying) == [], "rules without a test"
    assert sorted(carrying - set(list_rules())) == [], "numbers that are no rules"


def test_every_flag_is_in_the_contract():
    flags = {flag.names[-1] for flag in program.FLAGS}
    assert flags - set(find_flags_named(" ".join(read_rules().values()))) == set(), (
        "write a rule for each of these flags"
    )


def test_every_format_is_in_the_contract():
    words = re.findall("[a-z]+", " ".join(re.findall(r"(?m)^5\.[0-9]+[a-z]? .*(?:\n .*)*", read_text(CONTRACT))))
    assert set(LIST_FORMATS + GET_FORMATS) - set(words) == set(), "write a rule for each of these formats"


@functools.lru_cache(None)
def read_rules():
    """Return the texts of the rules by their numbers, each on one line. A rule ends before a rule, heading or table."""
    pattern = r"(?ms)^([0-9]+\.[0-9]+[a-z]?) (.*?)(?=^[0-9]+\.[0-9]+[a-z]? |^#|^<!--|\Z)"
    return {number: " ".join(text.split()) for number, text in re.findall(pattern, read_text(CONTRACT))}


def read_rule(number):
    """Return the text of a rule on one line."""
    return read_rules()[number]


def find_flags_named(text):
    """Return the long names of flags in a text, each once, in alphabetical order."""
    return sorted(set(re.findall("--[a-z]+(?:-[a-z]+)*", text)))


def test_flag_whose_help_says_repeatable_accumulates():
    assert [flag.names[-1] for flag in program.FLAGS if "repeatable" in flag.list_help and not flag.is_repeatable] == []


def test_flag_accepts_a_uuid_if_the_help_says_so():
    accepting = [flag.names[-1] for flag in program.FLAGS if flag.parse is program.parse_uuid]

    assert [flag.names[-1] for flag in program.FLAGS if flag.metavar == "UUID"] == accepting


#: What the standard library reads for the program: urllib.request, expanduser() and ssl.
VARIABLES_OF_THE_LIBRARY = [
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "HOME",
    "USERPROFILE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSLKEYLOGFILE",
]


@pytest.mark.parametrize("name", VARIABLES_READ + VARIABLES_OF_THE_LIBRARY)
def test_every_environment_variable_that_is_read_is_in_a_rule(name):
    numbers = [number for number, text in read_rules().items() if name in re.findall("[A-Z_]+", text)]

    assert numbers != [], "write a rule for this variable"


def test_rule_about_statuses_lists_those_of_the_program():
    statuses = "pending, ack, started, succeeded, failed, cancelled or timeout"

    assert read_rule("4.1") == "A status is %s. The last four are final." % statuses
    assert re.findall("[a-z]+", statuses.replace(" or ", " ")) == list(
        program.RUNNING_STATUSES + program.FINAL_STATUSES
    )
    assert len(program.FINAL_STATUSES) == 4


def test_rule_about_failed_and_running_lists_the_statuses_of_the_program():
    assert re.findall("--status ([a-z,]+)", read_rule("1.12a")) == [
        ",".join(program.RUNNING_STATUSES),
        ",".join(program.FAILED_STATUSES),
    ]


def test_rule_about_statuses_that_are_retried_lists_those_of_the_program():
    listed = [int(status) for status in re.findall("[0-9]{3}", read_rule("3.8"))]

    assert listed == [status for status in range(100, 600) if program.APIError("", status=status).retryable]


def test_contract_is_that_of_this_version():
    assert "what version %s of" % program.__version__ in read_text(CONTRACT)


def test_rules_are_numbered_in_order_without_gaps():
    found = [re.match(r"(\d+)\.(\d+)(.?)", number).groups() for number in list_rules()]
    assert len(found) > 50
    numbers = [(int(section), int(number), letter) for section, number, letter in found]
    plain = [(section, number) for section, number, letter in numbers if not letter]
    counts = collections.Counter(section for section, _ in plain)
    assert plain == [(section, number) for section in sorted(counts) for number in range(1, 1 + counts[section])]
    assert sorted(counts) == list(range(1, 1 + len(counts)))
    assert numbers == sorted(set(numbers)) and {number[:2] for number in numbers} == set(plain)


def test_guide_lists_every_file_of_the_suite():
    guide = read_text(os.path.join(HERE, "README.md"))
    assert [os.path.basename(path) for path in SOURCES if "`%s`" % os.path.basename(path) not in guide] == []


def test_test_names_have_at_most_70_characters():
    names = [name for path in TESTS for name in re.findall(r"def (test_\w+)", read_text(path))]
    assert len(names) > 200
    assert [name for name in names if len(name) > 70] == []


def list_defined(path):
    """The names of functions, classes and values that a file defines, without its tests."""
    body = parse(path).body
    defined = {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    defined |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return {name for name in defined if not name.startswith("test_")} - {"main", "pytestmark"}


def test_helper_name_means_one_thing_in_the_whole_suite():
    # benchmark.py and typed_program.py are programs: no test imports them.
    paths = [path for path in SOURCES if os.path.basename(path) not in ("benchmark.py", "typed_program.py")]
    counts = collections.Counter(name for path in paths for name in list_defined(path))
    assert len(counts) > 300
    assert [name for name, count in sorted(counts.items()) if count > 1] == []


@pytest.mark.parametrize("path", SOURCES + [CONTRACT, MODULE], ids=os.path.basename)
def test_lines_have_at_most_120_columns(path):
    lines = read_text(path).split("\n")
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


@functools.lru_cache(None)
def list_used(path):
    """The names that a file uses: variables, attributes, and parameters, which may be fixtures."""
    nodes = list(ast.walk(parse(path)))
    used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    used |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return used


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if os.path.basename(path) in ("kit.py", "server.py")], ids=os.path.basename
)
def test_every_helper_is_used(path):
    programs = [os.path.join(HERE, name) for name in ("benchmark.py", "typed_program.py")]
    used = set().union(*[list_used(source) for source in SOURCES if source not in programs])
    assert sorted(list_defined(path) - used) == []


def test_every_helper_of_a_test_file_is_used_there():
    fixture_of_every_test = "heeded_interrupts"  # in test_interrupt.py
    unused = {os.path.basename(path): list_defined(path) - list_used(path) - {fixture_of_every_test} for path in TESTS}
    assert {name: names for name, names in unused.items() if names} == {}


def test_no_test_file_is_imported():
    imports = [
        node for path in SOURCES for node in ast.walk(parse(path)) if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    imported = {getattr(node, "module", None) or alias.name for node in imports for alias in node.names}
    assert len(imported) > 20
    assert sorted(name for name in imported if name.startswith("test_")) == []
