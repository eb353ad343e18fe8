"""What the module promises about itself: one file, the standard library alone, read from top to bottom."""

import ast
import os
import re
import subprocess
import sys

import pytest

import plexctl_exec_log as program
from kit import MODULE, ROOT, environment

with open(MODULE, encoding="utf-8") as file:
    SOURCE = file.read()
TREE = ast.parse(SOURCE)
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)

STANDARD_LIBRARY = {
    "binascii", "codecs", "collections", "datetime", "email", "gc", "hashlib", "http", "io", "ipaddress", "json", "os", "re", "select", "selectors", "shlex", "socket",
    "ssl", "stat", "sys", "textwrap", "time", "typing", "urllib"}


def functions():
    """Every function and method of the module."""
    return [node for node in ast.walk(TREE) if isinstance(node, ast.FunctionDef)]


def end_line(node):
    """The last line of a node; 3.6 and 3.7 do not say."""
    return max(getattr(inner, "lineno", 0) for inner in ast.walk(node))


def nesting(node):
    """How many blocks stand inside each other in a function; its inner functions count for themselves, an elif for none."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, DEFINITIONS):
            is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
            deepest = max(deepest, nesting(child) - is_elif)
    return deepest + isinstance(node, (ast.For, ast.While, ast.If, ast.With, ast.Try))


def names_of(node):
    """What a top-level statement defines."""
    if isinstance(node, DEFINITIONS):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]


def test_only_the_standard_library_is_imported():
    modules = {alias.name for node in ast.walk(TREE) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in modules} <= STANDARD_LIBRARY


def names_used(node):
    """The names that a definition takes from outside: not its arguments, attributes and local variables."""
    own = {used.id for used in ast.walk(node) if isinstance(used, ast.Name) and not isinstance(used.ctx, ast.Load)}
    own |= {used.arg for used in ast.walk(node) if isinstance(used, ast.arg)}
    return {used.id for used in ast.walk(node) if isinstance(used, ast.Name)} - own


def test_no_name_is_used_above_its_definition():
    defined = {name: node.lineno for node in TREE.body for name in names_of(node)}
    late = [(node.name, name) for node in TREE.body if isinstance(node, DEFINITIONS) for name in names_used(node)
            if defined.get(name, 0) > node.lineno]
    assert late == []


def test_sections_stand_in_the_order_of_the_map():
    banners = re.findall("^# -{60,} (.+)$", SOURCE, re.MULTILINE)
    assert banners == re.findall("^    ([A-Z][a-z ]+?)  +\\S", program.__doc__, re.MULTILINE)


def test_functions_are_short_and_flat():
    long = [node.name for node in functions() if end_line(node) - node.lineno >= 30]
    deep = [node.name for node in functions() if nesting(node) > 3]
    assert (long, deep) == ([], [])


def test_public_names_are_documented():
    defined = {node.name: ast.get_docstring(node) for node in TREE.body if isinstance(node, DEFINITIONS)}
    assert [name for name in program.__all__ if not defined[name]] == []
    assert all(ast.get_docstring(node) for node in TREE.body if isinstance(node, DEFINITIONS))


def test_lines_are_at_most_120_characters():
    assert [number for number, line in enumerate(SOURCE.splitlines(), 1) if len(line) > 120] == []


def test_leaving_is_the_last_line_alone():
    assert SOURCE.count("sys.exit(") == 1 and SOURCE.rstrip().endswith("sys.exit(exit_code)")


def test_no_handler_catches_everything():
    caught = [ast.dump(node.type) for node in ast.walk(TREE) if isinstance(node, ast.ExceptHandler) and node.type is not None]
    assert not [dump for dump in caught if "'Exception'" in dump]
    bare = [node for node in ast.walk(TREE) if isinstance(node, ast.ExceptHandler)
            and (node.type is None or "BaseException" in ast.dump(node.type))]
    assert all(isinstance(node.body[-1], ast.Raise) for node in bare)      # they close something and raise on


def test_top_level_of_the_repository():
    listed = subprocess.check_output(["git", "ls-files"], cwd=ROOT).decode("utf-8").splitlines()
    top = {name.split("/")[0] for name in listed}
    assert {name for name in top if not name.startswith(".")} <= {"plexctl_exec_log.py", "tests", "pyproject.toml", "README.md"}


@pytest.mark.parametrize("argv, code", [(["--help"], 0), (["get", "--help"], 0), (["--version"], 0), (["completion", "bash"], 0), ([], 2),
                                        (["list", "--project", "x"], 2)])
def test_no_network_code_is_loaded_without_need(argv, code):
    check = ("import sys; before = set(sys.modules); sys.path.insert(0, %r); import plexctl_exec_log as p; code = p.main(%r);"
             "print('loaded', sorted({'ssl', 'socket', 'http.client', 'json', 'argparse', 'typing'} & set(sys.modules) - before), code)" % (ROOT, argv))
    out = subprocess.check_output([sys.executable, "-c", check], env=environment(), stderr=subprocess.DEVNULL).decode("utf-8")
    loaded = "[]" if sys.implementation.name == "cpython" else out.split("loaded ")[1].split("]")[0] + "]"
    assert out.splitlines()[-1] == "loaded %s %d" % (loaded, code)


def test_version_is_in_the_module_alone():
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        assert program.__version__ not in file.read() and re.fullmatch(r"\d+\.\d+\.\d+", program.__version__)
