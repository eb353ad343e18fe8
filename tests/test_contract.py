"""Every rule of tests/contract.md has a test. Every helper is used.

A rule that a test replaces leaves the contract. Its number may stay at other tests until they are replaced, too.

A test carries a rule by `@rule("3.8")`, `pytestmark = rule("9.3")`, or `marks=rule("3.8")` at a row. This file reads
the sources of the tests, so its result does not depend on which tests are run.
"""

import ast
import functools
import glob
import os
import re

import pytest

import plexctl_exec_log as program
from kit import CONTRACT, HERE, VARIABLES_READ, read_text

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
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and name_called(node) == "rule"
    ]
    return [ast.literal_eval(argument) for call in calls for argument in call.args]


def name_called(call):
    """The name of what a call calls, without what stands before its last dot."""
    return getattr(call.func, "attr", getattr(call.func, "id", None))


def test_every_rule_has_a_test():
    carrying = {number for path in SOURCES for number in list_carried(parse(path))}
    assert sorted(set(list_rules()) - carrying) == [], "rules without a test"


def test_flag_whose_help_says_repeatable_accumulates():
    assert [
        flag.names[-1]
        for flag in program.FLAGS
        if "repeatable" in flag.list_help and not flag.is_repeatable
    ] == []


def test_flag_accepts_a_uuid_if_the_help_says_so():
    accepting = [flag.names[-1] for flag in program.FLAGS if flag.parse is program.parse_uuid]

    assert [flag.names[-1] for flag in program.FLAGS if flag.metavar == "UUID"] == accepting


@pytest.mark.parametrize("name", VARIABLES_READ)
def test_every_environment_variable_that_is_read_is_in_the_docstring(name):
    assert name in re.findall("[A-Z_]+", program.__doc__)


def test_contract_is_that_of_this_version():
    assert "what version %s of" % program.__version__ in read_text(CONTRACT)


def test_rules_are_numbered_in_order():
    found = [
        re.fullmatch("([0-9]+)[.]([0-9]+)([a-z]?)", number).groups() for number in list_rules()
    ]
    numbers = [(int(section), int(number), letter) for section, number, letter in found]
    assert numbers == sorted(set(numbers))


def list_defined(path):
    """The names of functions, classes and values that a file defines, without its tests."""
    body = parse(path).body
    defined = {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    defined |= {
        name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
    }
    return {name for name in defined if not name.startswith("test_")} - {"main", "pytestmark"}


@functools.lru_cache(None)
def list_used(path):
    """The names that a file uses: variables, attributes, and parameters, which may be fixtures."""
    nodes = list(ast.walk(parse(path)))
    used = {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    used |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return used


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if os.path.basename(path) in ("kit.py", "server.py")],
    ids=os.path.basename,
)
def test_every_helper_is_used(path):
    programs = [os.path.join(HERE, name) for name in ("benchmark.py", "typed_program.py")]
    used = set().union(*[list_used(source) for source in SOURCES if source not in programs])
    assert sorted(list_defined(path) - used) == []


def test_every_helper_of_a_test_file_is_used_there():
    fixture_of_every_test = "heeded_interrupts"  # in test_interrupt.py
    unused = {
        os.path.basename(path): list_defined(path) - list_used(path) - {fixture_of_every_test}
        for path in TESTS
    }
    assert {name: names for name, names in unused.items() if names} == {}
