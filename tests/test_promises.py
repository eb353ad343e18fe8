"""What the module promises about itself: small, read from top to bottom, and what it touches is touched in one place."""

import ast
import io
import os
import re
import subprocess
import sys
import tokenize

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import MODULE, ROOT, environment, read

# The budget; tokens without comments and layout.
MOST_LINES, MOST_TOKENS = 1700, 12000
LONGEST_FUNCTION, MEDIAN_FUNCTION, DEEPEST_NESTING, LONGEST_LINE = 40, range(8, 13), 3, 120

# All that is imported: the standard library.
IMPORTED = {"argparse", "binascii", "codecs", "collections", "contextlib", "datetime", "email", "functools", "gc", "hashlib", "heapq", "http", "io",
            "ipaddress", "json", "os", "re", "select", "shlex", "socket", "ssl", "stat", "sys", "time", "typing", "urllib"}

# For a security reviewer: what is named, and the only functions that name it.
ENVIRONMENT = {"find_proxy", "main", "read_profile", "run", "show"}
ONLY_IN = {
    "connections are made": ({"HTTPConnection", "HTTPSConnection"}, {"Transport._connect"}),
    "servers are verified": ({"create_default_context"}, {"tls_context"}),
    "the token is sent": ({"Authorization", "Bearer "}, {"Transport.__init__"}),
    "the environment is read": ({"environ of os", "getproxies_environment", "proxy_bypass_environment", "expanduser"}, ENVIRONMENT),
    "files are opened": ({"open"}, {"read_private_file", "write_new"}),
    "files are read": ({"rb", "read"}, {"read_private_file"}),
    "files are written": ({"xb", "open of os"}, {"write_new"}),
    "a folder is made": ({"mkdir"}, {"make_folder"}),
    "its own file is read": ({"get_data"}, {"VersionAction.__call__"})}
NOWHERE = {
    "subprocess", "system", "popen", "fork", "execv", "execve", "execvp", "spawnl", "spawnv", "posix_spawn", "startfile", "ctypes",
    "eval", "exec", "__import__", "import_module", "compile of builtins", "pickle", "marshal", "shelve", "globals", "setattr",
    "create_connection", "socket of socket", "socketpair", "urlopen", "build_opener", "urlretrieve", "bind", "listen", "getenv", "putenv",
    "fdopen", "read_text", "write_text", "mkstemp", "unlink", "remove", "rename", "replace of os", "rmdir", "rmtree", "chmod of os", "symlink",
    "CERT_NONE", "check_hostname", "verify_mode", "_create_unverified_context", "SSLContext", "set_debuglevel", "exit of os", "_exit", "quit"}

# The numbers of the contract that no test can reach, or that only change a rhythm.
NUMBERS = {"VALUE_LIMIT": 256 << 20, "TABLE_ROWS": 200, "LINE_LENGTH": 4000, "ERROR_BODY_LIMIT": 65536, "LONGEST_TIMEOUT": 86400.0,
           "TOKEN_FILE_LIMIT": 65536, "CONFIG_FILE_LIMIT": 1 << 20, "RETRY_AFTER_LIMIT": 30.0, "SLICE": 1 << 18, "WIDEST_COLUMN": 200}

SOURCE = read(MODULE).decode("utf-8")
TREE = ast.parse(SOURCE)
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
FUNCTIONS = [node for node in ast.walk(TREE) if isinstance(node, ast.FunctionDef)]
TOP_LEVEL = {node.name: node for node in TREE.body if isinstance(node, DEFINITIONS)}


def length(node):
    """Lines of a function; 3.6 and 3.7 tell only where things begin."""
    return max(getattr(inner, "end_lineno", getattr(inner, "lineno", 0)) for inner in ast.walk(node)) - node.lineno + 1


def nesting(node):
    """How many blocks stand inside each other in a function; its inner functions count for themselves, an elif for none."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, DEFINITIONS):
            is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
            deepest = max(deepest, nesting(child) - is_elif)
    return deepest + isinstance(node, (ast.For, ast.While, ast.If, ast.With, ast.Try))


def names_of(node):
    """What a node names: a variable (also `of builtins`), an attribute (also `of OWNER`), an import, a text."""
    if isinstance(node, ast.Attribute):
        return {node.attr, "%s of %s" % (node.attr, getattr(node.value, "id", None))}
    if isinstance(node, ast.Name):
        return {node.id, node.id + " of builtins"}
    if isinstance(node, ast.alias):
        return set(node.name.split("."))
    member = {"Str": "s", "Constant": "value"}.get(type(node).__name__)     # 3.6 and 3.7 have Str
    return {getattr(node, member)} if member else set()


def indexed(node, where, index):
    """The index: for each name the functions, as CLASS.NAME, in which it stands."""
    for child in ast.iter_child_nodes(node):
        inner = (where + "." + child.name).strip(".") if isinstance(child, DEFINITIONS) else where
        for name in names_of(child):
            index.setdefault(name, set()).add(inner)
        indexed(child, inner, index)
    return index


INDEX = indexed(TREE, "", {})


def bound(node):
    """The names that a function binds: parameters, variables, imports."""
    inner = list(ast.walk(node))
    return {name.arg for name in inner if isinstance(name, ast.arg)} | {
        name.id for name in inner if isinstance(name, ast.Name) and not isinstance(name.ctx, ast.Load)} | {
        name.asname or name.name for name in inner if isinstance(name, ast.alias)}


# ---- small

def test_numbers_are_the_contract_s():
    assert {name: getattr(program, name) for name in NUMBERS} == NUMBERS


def test_budget_of_lines_and_tokens():
    layout = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    tokens = sum(token.type not in layout for token in tokenize.generate_tokens(io.StringIO(SOURCE).readline))
    assert SOURCE.count("\n") <= MOST_LINES and tokens <= MOST_TOKENS


def test_functions_are_short_and_flat():
    lengths = sorted(map(length, FUNCTIONS))
    assert [node.name for node in FUNCTIONS if length(node) > LONGEST_FUNCTION] == []
    assert lengths[len(lengths) // 2] in MEDIAN_FUNCTION
    assert [node.name for node in FUNCTIONS if nesting(node) > DEEPEST_NESTING] == []


def test_lines_are_short_and_hold_one_statement():
    lines = SOURCE.splitlines()
    assert [line for line in lines if len(line) > LONGEST_LINE or line != line.rstrip() or "\t" in line] == []
    beginnings = [node.lineno for node in ast.walk(TREE) if isinstance(node, ast.stmt)]
    assert sorted({number for number in beginnings if beginnings.count(number) > 1}) == []


# ---- read from top to bottom

def test_sections_stand_in_the_order_of_the_map():
    banners = re.findall("^# -{40,} (.+)$", SOURCE, re.MULTILINE)
    assert banners == re.findall("^    ([A-Z][A-Za-z ]+?)  +\\S", program.__doc__, re.MULTILINE) and len(banners) == 10


def test_no_name_is_used_above_its_definition():
    defined = {name: node.lineno for node in TREE.body if isinstance(node, ast.Assign) for name in bound(node)}
    defined.update({name: node.lineno for name, node in TOP_LEVEL.items()})
    used = [(name, inner.id) for name, node in TOP_LEVEL.items() for inner in ast.walk(node)
            if isinstance(inner, ast.Name) and defined.get(inner.id, 0) > node.lineno]
    assert used == []


def test_no_local_name_is_a_function_s():
    names = {name for name, node in TOP_LEVEL.items() if isinstance(node, ast.FunctionDef)}
    assert [(node.name, name) for node in FUNCTIONS for name in bound(node) & names] == []


def test_everything_is_documented():
    methods = [node for name in set(TOP_LEVEL) & set(program.__all__) for node in TOP_LEVEL[name].body
               if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    assert [node.name for node in list(TOP_LEVEL.values()) + methods if not ast.get_docstring(node)] == []


# ---- what it touches

@pytest.mark.parametrize("what", sorted(ONLY_IN))
def test_only_there(what):
    names, where = ONLY_IN[what]
    assert set().union(*[INDEX.get(name, set()) for name in names]) == where


def test_nowhere():
    assert {name: INDEX[name] for name in NOWHERE & set(INDEX)} == {}


def test_only_the_standard_library_is_imported():
    found = {alias.name for node in ast.walk(TREE) if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in found} <= IMPORTED <= getattr(sys, "stdlib_module_names", IMPORTED)


def test_leaving_is_the_last_line_alone():
    assert SOURCE.count("sys.exit(") == 1 and SOURCE.splitlines()[-1].startswith("    sys.exit(")


def test_no_handler_catches_everything():
    caught = [ast.dump(node.type) if node.type else "" for node in ast.walk(TREE) if isinstance(node, ast.ExceptHandler)]
    assert [dump for dump in caught if not dump or "'Exception'" in dump or "'BaseException'" in dump] == []


NETWORK = ("ssl", "_ssl", "socket", "_socket", "http.client", "json", "urllib.parse", "urllib.request", "email", "ipaddress")
LOADS = """
import io, os, re, signal, sys, time, collections, functools, importlib.util
class Untouchable(dict):
    def touch(self, *_):
        raise AssertionError("the environment was read")
    get = keys = items = __getitem__ = __contains__ = __iter__ = touch
def state():
    return sys.stdout, sys.stderr, sys.path[:], sys.argv[:], os.getcwd(), signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
environ, os.environ, before = os.environ, Untouchable(), state()
spec = importlib.util.spec_from_file_location("program", sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
assert state() == before
os.environ = environ
if sys.implementation.name == "pypy":
    import hashlib      # loads socket there
watched = [name for name in %r if name not in sys.modules]
for line in sys.argv[2:]:
    out = io.BytesIO()
    code = program.main(line.split(), out, io.StringIO())
    print(line, code, bool(out.getvalue()), [name for name in watched if name in sys.modules])
""" % (NETWORK,)
QUIET = [("", 2), ("--help", 0), ("list --help", 0), ("get -h", 0), ("--version", 0), ("nonsense", 2), ("list", 2), ("get --project x --id y", 2),
         ("list --project %s --limit x" % PROJECT, 2), ("list --project %s --all --last 3" % PROJECT, 2), ("list --no-such-flag", 2)]


def test_import_has_no_effects_and_help_version_and_usage_errors_load_no_network_code():
    asked = [sys.executable, "-I", "-S", "-c", LOADS, MODULE] + [line for line, _ in QUIET]
    told = subprocess.check_output(asked, env=environment()).decode().splitlines()
    assert told == ["%s %d %s []" % (line, code, code == 0) for line, code in QUIET]


def test_version_is_in_the_module_alone():
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        assert program.__version__ not in file.read() and re.fullmatch(r"\d+\.\d+\.\d+", program.__version__)
