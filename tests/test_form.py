"""Checks of the program's source, for reviewers: it reads from top to bottom, and few places touch the outside world.

No rule of the contract says these things.
"""

import ast
import re
import sys

import pytest

import plexctl_exec_log as program
from kit import SOURCE, VARIABLES_READ

#: The only modules that may be imported, all of the standard library.
ALLOWED_IMPORTS = {
    "argparse",
    "binascii",
    "collections",
    "contextlib",
    "datetime",
    "difflib",
    "functools",
    "hashlib",
    "heapq",
    "http",
    "io",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "os",
    "re",
    "selectors",
    "shlex",
    "signal",
    "socket",
    "ssl",
    "stat",
    "sys",
    "time",
    "typing",
    "urllib",
    "uuid",
    "zlib",
}

#: For a security reviewer: what is named, and the functions that may name it. The docstring's map says which matter.
FEW_PLACES = {
    "connections are made": ({"HTTPConnection", "HTTPSConnection"}, {"Transport._connect"}),
    "servers are verified": ({"create_default_context"}, {"make_tls_context"}),
    "the token is sent": ({"Bearer "}, {"Transport.__init__"}),
    "the environment is read": (
        {"environ of os", "getproxies_environment", "proxy_bypass_environment", "expanduser"},
        {"find_config_file", "find_settings", "find_proxy", "find_project", "run", "main"},
    ),
    "files are opened": (
        {"open of builtins", "open of os"},
        {"read_private_file", "write_new_file"},
    ),
    "a file is renamed": ({"rename of os"}, {"save_outputs"}),
    "a folder is made": ({"mkdir"}, {"make_folder"}),
    "SIGINT is set": ({"signal of signal"}, {"restore_sigint"}),
    # Neither function catches it: one is a subclass, the other has a parameter of this type.
    "everything is caught": (
        {"Exception"},
        {"ExecLogError", "describe_error"},
    ),
    "the process ends": ({"_exit"}, {"run_as_script"}),
}
FORBIDDEN_NAMES = {
    "subprocess",
    "system",
    "popen",
    "fork",
    "execv",
    "execve",
    "execvp",
    "spawnl",
    "spawnv",
    "posix_spawn",
    "startfile",
    "eval",
    "exec",
    "__import__",
    "import_module",
    "compile of builtins",
    "pickle",
    "marshal",
    "shelve",
    "globals",
    "setattr",
    "create_connection",
    "socket of socket",
    "socketpair",
    "urlopen",
    "build_opener",
    "urlretrieve",
    "bind",
    "listen",
    "getenv",
    "putenv",
    "fdopen",
    "read_text",
    "write_text",
    "mkstemp",
    "unlink",
    "remove of os",
    "replace of os",
    "rmdir",
    "rmtree",
    "chmod of os",
    "symlink",
    "CERT_NONE",
    "check_hostname",
    "verify_mode",
    "_create_unverified_context",
    "SSLContext",
    "set_debuglevel",
    "exit of sys",
    "quit",
    "ctypes",
    "redirect_stdout",
    "BaseException",
}

TREE = ast.parse(SOURCE)
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
TOP_LEVEL = {node.name: node for node in TREE.body if isinstance(node, DEFINITIONS)}


def list_names(node):
    """What a node names: a variable (also `of builtins`), an attribute (also `of OWNER`), an import, a text."""
    if isinstance(node, ast.Attribute):
        return {node.attr, "%s of %s" % (node.attr, getattr(node.value, "id", None))}
    if isinstance(node, ast.Name):
        return {node.id, node.id + " of builtins"}
    if isinstance(node, ast.alias):
        return set(node.name.split("."))
    member = {"Str": "s", "Constant": "value"}.get(type(node).__name__)  # 3.6 and 3.7 have Str
    return {getattr(node, member)} if member else set()


def build_index(node, where, index):
    """Return the index: for each name, the functions (CLASS.NAME) that contain it."""
    for child in ast.iter_child_nodes(node):
        inner = (where + "." + child.name).strip(".") if isinstance(child, DEFINITIONS) else where
        for name in list_names(child):
            index.setdefault(name, set()).add(inner)
        build_index(child, inner, index)
    return index


INDEX = build_index(TREE, "", {})


# ---- read from top to bottom


def test_no_name_is_used_above_its_definition():
    assigned = [node for node in TREE.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    defined = {
        name.id: node.lineno
        for node in assigned
        for target in getattr(node, "targets", None) or [node.target]
        for name in ast.walk(target)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    assert len(defined) > 20
    defined.update({name: node.lineno for name, node in TOP_LEVEL.items()})
    used = [
        (name, inner.id)
        for name, node in TOP_LEVEL.items()
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and defined.get(inner.id, 0) > node.lineno
    ]
    assert used == []


# ---- the docstring's map points at what exists


def test_sections_are_in_the_order_of_the_map():
    banners = re.findall("^# -{40,} (.+)$", SOURCE, re.MULTILINE)
    assert len(banners) > 5
    assert banners == re.findall("^    ([A-Z][A-Za-z ]+?)  +\\S", program.__doc__, re.MULTILINE)


def test_names_in_the_review_page_of_the_docstring_exist():
    page = program.__doc__.partition("Where to look in the code\n-------------------------\n")[2]
    named = re.findall("\\b(?:[A-Z][A-Za-z]+(?:\\.[a-z_]+)?|[a-z]+(?:_[a-z]+)+)\\b", page)
    defined = set(TOP_LEVEL) | {
        "%s.%s" % (outer, node.name)
        for outer, found in TOP_LEVEL.items()
        for node in getattr(found, "body", [])
        if isinstance(node, ast.FunctionDef)
    }
    assert len(named) > 10
    assert set(named) - defined == set()


def test_docstring_names_the_environment_variables_that_are_read():
    assert len(VARIABLES_READ) > 5
    assert [name for name in VARIABLES_READ if name not in program.__doc__] == []


def test_environment_is_read_by_name_except_for_proxies():
    _, *names_and_bodies = re.split(r"(?m)^(?:def|class) (\w+)", SOURCE)
    functions = dict(zip(names_and_bodies[::2], names_and_bodies[1::2]))
    # Any use of os.environ except os.environ.get("NAME") and os.environ["NAME"].
    other_use = re.compile(r'os\.environ\b(?!(?:\.get\(|\[)"[A-Z_]+")')
    assert {name for name, body in functions.items() if other_use.search(body)} == {"find_proxy"}


# ---- what it touches


@pytest.mark.parametrize("what", sorted(FEW_PLACES))
def test_sensitive_names_occur_only_in_the_functions_listed_for_them(what):
    names, expected = FEW_PLACES[what]
    found = set().union(*[INDEX.get(name, set()) for name in names])
    advice = "if this is meant, change FEW_PLACES here, and 'Where to look in the code' in the program's docstring"
    assert found == expected, "functions where %s: %s" % (what, advice)


def test_forbidden_names_do_not_occur():
    assert {name: INDEX[name] for name in FORBIDDEN_NAMES & set(INDEX)} == {}


def test_only_allowed_modules_are_imported():
    found = {
        alias.name
        for node in ast.walk(TREE)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    found |= {node.module for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in found} <= ALLOWED_IMPORTS
    assert ALLOWED_IMPORTS - set(getattr(sys, "stdlib_module_names", ALLOWED_IMPORTS)) == set()


def test_private_names_are_used_only_inside_their_class():
    uses = [
        "%s.%s (line %d)" % (getattr(node.value, "id", "..."), node.attr, node.lineno)
        for node in ast.walk(TREE)
        if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr)
        if getattr(node.value, "id", None) not in ("self", "os")  # os._exit is public
    ]
    assert uses == []
