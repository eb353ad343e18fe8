"""The module's form: small, read from top to bottom, and what it touches is touched in one place.

These are no rules of the contract. Every limit leaves room, so that an added line does not turn the suite red.
"""

import ast
import re
import sys

import plexctl_exec_log as program
from kit import SOURCE

LONGEST_FUNCTION = 60       # lines, with its docstring and its blank lines
LONGEST_WALL = 20           # lines without a blank one or a comment
DEEPEST_NESTING, LONGEST_LINE = 4, 120

# All that is imported: the standard library.
ALLOWED = {"argparse", "binascii", "codecs", "collections", "copy", "datetime", "difflib", "functools", "hashlib",
            "heapq", "http", "io", "ipaddress", "itertools", "json", "os", "re", "shlex", "signal", "socket", "ssl",
            "stat", "sys", "time", "typing", "urllib", "uuid"}

NOWHERE = {
    "subprocess", "system", "popen", "fork", "execv", "execve", "execvp", "spawnl", "spawnv", "posix_spawn",
    "startfile", "eval", "exec", "__import__", "import_module", "compile of builtins", "pickle", "marshal", "shelve",
    "globals", "setattr", "create_connection", "socket of socket", "socketpair", "urlopen", "build_opener",
    "urlretrieve", "bind", "listen", "getenv", "putenv", "fdopen", "read_text", "write_text", "mkstemp", "unlink",
    "remove of os", "replace of os", "rmdir", "rmtree", "chmod of os", "symlink", "CERT_NONE", "check_hostname",
    "verify_mode", "_create_unverified_context", "SSLContext", "set_debuglevel", "exit of sys", "quit", "ctypes",
    "redirect_stdout", "lru_cache", "BaseException"}

TREE = ast.parse(SOURCE)
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
FUNCTIONS = [node for node in ast.walk(TREE) if isinstance(node, ast.FunctionDef)]
TOP_LEVEL = {node.name: node for node in TREE.body if isinstance(node, DEFINITIONS)}


def count_lines(node):
    """Lines of a function; 3.6 and 3.7 tell only where things begin."""
    ends = [getattr(inner, "end_lineno", getattr(inner, "lineno", 0)) or 0 for inner in ast.walk(node)]
    return max(ends) - node.lineno + 1


def count_nesting(node):
    """Return how many blocks stand inside each other; inner functions count for themselves, an elif for none."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, DEFINITIONS):
            is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
            deepest = max(deepest, count_nesting(child) - is_elif)
    return deepest + isinstance(node, (ast.For, ast.While, ast.If, ast.With, ast.Try))


def list_names(node):
    """What a node names: a variable (also `of builtins`), an attribute (also `of OWNER`), an import, a text."""
    if isinstance(node, ast.Attribute):
        return {node.attr, "%s of %s" % (node.attr, getattr(node.value, "id", None))}
    if isinstance(node, ast.Name):
        return {node.id, node.id + " of builtins"}
    if isinstance(node, ast.alias):
        return set(node.name.split("."))
    member = {"Str": "s", "Constant": "value"}.get(type(node).__name__)     # 3.6 and 3.7 have Str
    return {getattr(node, member)} if member else set()


def build_index(node, where, index):
    """The index: for each name the functions, as CLASS.NAME, in which it stands."""
    for child in ast.iter_child_nodes(node):
        inner = (where + "." + child.name).strip(".") if isinstance(child, DEFINITIONS) else where
        for name in list_names(child):
            index.setdefault(name, set()).add(inner)
        build_index(child, inner, index)
    return index


INDEX = build_index(TREE, "", {})


def list_bound(node):
    """The names that a function binds: parameters, variables, imports."""
    inner = list(ast.walk(node))
    return {name.arg for name in inner if isinstance(name, ast.arg)} | {
        name.id for name in inner if isinstance(name, ast.Name) and not isinstance(name.ctx, ast.Load)} | {
        name.asname or name.name for name in inner if isinstance(name, ast.alias)}


# ---- small

def test_functions_are_short_and_flat():
    assert [node.name for node in FUNCTIONS if count_lines(node) > LONGEST_FUNCTION] == []
    assert [node.name for node in FUNCTIONS if count_nesting(node) > DEEPEST_NESTING] == []


def test_lines_are_short_and_hold_one_statement():
    lines = SOURCE.splitlines()
    assert [line for line in lines if len(line) > LONGEST_LINE or line != line.rstrip() or "\t" in line] == []
    beginnings = [node.lineno for node in ast.walk(TREE) if isinstance(node, ast.stmt)]
    assert sorted({number for number in beginnings if beginnings.count(number) > 1}) == []


# ---- read from top to bottom

def test_no_walls():
    for node in FUNCTIONS:
        run = 0
        for line in SOURCE.splitlines()[node.lineno - 1:node.lineno - 1 + count_lines(node)]:
            run = 0 if not line.strip() or line.strip().startswith("#") else run + 1
            assert run <= LONGEST_WALL, node.name


def test_sections_stand_in_the_order_of_the_map():
    banners = re.findall("^# -{40,} (.+)$", SOURCE, re.MULTILINE)
    assert len(banners) == 9 and banners == re.findall(
        "^    ([A-Z][A-Za-z ]+?)  +\\S", program.__doc__, re.MULTILINE)


def test_no_name_is_used_above_its_definition():
    defined = {name: node.lineno for node in TREE.body if isinstance(node, ast.Assign) for name in list_bound(node)}
    defined.update({name: node.lineno for name, node in TOP_LEVEL.items()})
    used = [(name, inner.id) for name, node in TOP_LEVEL.items() for inner in ast.walk(node)
            if isinstance(inner, ast.Name) and defined.get(inner.id, 0) > node.lineno]
    assert used == []


def test_no_local_name_is_a_function_s():
    names = {name for name, node in TOP_LEVEL.items() if isinstance(node, ast.FunctionDef)}
    assert [(node.name, name) for node in FUNCTIONS for name in list_bound(node) & names] == []


def test_everything_public_is_documented_and_annotated():
    public = [TOP_LEVEL[name] for name in program.__all__ if name in TOP_LEVEL]
    methods = [node for outer in public if isinstance(outer, ast.ClassDef) for node in outer.body
               if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    functions = methods + [node for node in public if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in list(TOP_LEVEL.values()) + methods if not ast.get_docstring(node)] == []
    assert [node.name for node in functions if node.returns is None] == []


# ---- what it touches

def test_nowhere():
    assert {name: INDEX[name] for name in NOWHERE & set(INDEX)} == {}


def test_only_the_standard_library_is_imported():
    found = {alias.name for node in ast.walk(TREE) if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in found} <= ALLOWED <= set(getattr(sys, "stdlib_module_names", ALLOWED))


def test_the_names_of_the_docstring_s_review_page_exist():
    page = program.__doc__.partition("Where to look\n-------------\n")[2]
    named = re.findall("\\b(?:[A-Z][A-Za-z]+(?:\\.[a-z_]+)?|[a-z]+(?:_[a-z]+)+)\\b", page)
    defined = set(TOP_LEVEL) | {"%s.%s" % (outer, node.name) for outer, found in TOP_LEVEL.items()
                                for node in getattr(found, "body", []) if isinstance(node, ast.FunctionDef)}
    assert len(named) > 10 and set(named) - defined == {"Transport.__init__"} - defined


def test_docstring_names_the_environment_that_is_read():
    read_here = re.findall("environ(?:\\.get\\(|\\[)\"([A-Z_]+)\"|, \"([A-Z]+_[A-Z]+)\"\\)", SOURCE)
    names = {name for pair in read_here for name in pair if name}
    assert len(names) > 5 and [name for name in names if name not in program.__doc__] == []
