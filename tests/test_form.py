"""Checks of the program's source, for security reviewers: it touches the outside world in few places, and each section
uses only what stands above it. A suggestion names only what exists."""

import ast
import re
import sys

import pytest

import plexctl_exec_log as program
from kit import SOURCE, VARIABLES_READ

#: The only modules that may be imported, all of the standard library.
ALLOWED_IMPORTS = set(
    "argparse binascii collections contextlib datetime difflib email functools hashlib heapq http io ipaddress "
    "itertools json math os re selectors shlex signal socket ssl stat sys time typing urllib uuid zlib".split()
)

#: For each effect: the names in the source that have it, and the functions in which at least one of them occurs.
#: `open of os` is os.open, `open of builtins` is open. "Where to look in the code" in the docstring says which matter.
# fmt: off
FEW_PLACES = {
    # The probe has no socket.
    "connections are made": (
        {"HTTPConnection", "HTTPSConnection"},
        {"Transport._connect", "can_tunnel_to_ipv6.Probe"},
    ),
    "servers are verified": ({"create_default_context"}, {"make_tls_context"}),
    "the token is sent": ({"Bearer "}, {"Transport.__init__"}),
    "the environment is read": (
        {"environ of os", "getproxies_environment", "proxy_bypass_environment", "expanduser"},
        {"find_config_file", "find_settings", "find_proxy", "find_project", "make_view", "run", "main"}
        | {"run_as_script"},
    ),
    "files are opened": ({"open of builtins", "open of os"}, {"read_private_file", "write_file"}),
    "a file is renamed or removed": (
        {"rename of os", "remove of os"},
        {"OutputFolder._begin", "OutputFolder.finish"},
    ),
    "a folder is made": ({"mkdir"}, {"make_folder", "OutputFolder._make_subfolder"}),
    "SIGINT is set": ({"signal of signal"}, {"restore_sigint"}),
    # Neither function catches it: one is a subclass, the other has a parameter of this type.
    "everything is caught": ({"Exception"}, {"ExecLogError", "describe_error"}),
    "the process ends": ({"_exit"}, {"run_as_script"}),
}
# fmt: on

FORBIDDEN_NAMES = {
    # Other programs and other code.
    *"subprocess system popen fork execv execve execvp spawnl spawnv posix_spawn startfile ctypes".split(),
    *"eval exec __import__ import_module pickle marshal shelve globals setattr".split(),
    "compile of builtins",
    # Other connections, and TLS that does not verify.
    *"create_connection socketpair urlopen build_opener urlretrieve bind listen".split(),
    "socket of socket",
    *"CERT_NONE check_hostname verify_mode _create_unverified_context SSLContext set_debuglevel".split(),
    # Other ways to change files and the environment.
    *"fdopen read_text write_text mkstemp unlink rmdir rmtree symlink getenv putenv".split(),
    *["replace of os", "chmod of os"],
    # Other ways to end or to catch everything.
    *"quit redirect_stdout BaseException".split(),
    "exit of sys",
}

TREE = ast.parse(SOURCE)
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


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


@pytest.mark.parametrize("effect", sorted(FEW_PLACES))
def test_sensitive_names_occur_exactly_in_the_functions_listed_for_them(effect):
    # FEW_PLACES, above, has for each effect the names that have it, and all functions that contain one of them.
    names, expected = FEW_PLACES[effect]
    found = set().union(*[INDEX.get(name, set()) for name in names])
    advice = "if this is meant, change FEW_PLACES here, and 'Where to look in the code' in the program's docstring"
    assert found == expected, "functions where %s: %s" % (effect, advice)


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
    # All of these are in the standard library, which Python 3.10 and later can list.
    assert ALLOWED_IMPORTS - set(getattr(sys, "stdlib_module_names", ALLOWED_IMPORTS)) == set()


def test_environment_is_read_by_name_except_for_proxies():
    _, *names_and_bodies = re.split(r"(?m)^(?:def|class) (\w+)", SOURCE)
    functions = dict(zip(names_and_bodies[::2], names_and_bodies[1::2]))
    # Any use of os.environ except os.environ.get("NAME") and os.environ["NAME"]. run_as_script removes variables.
    other_use = re.compile(r'os\.environ\b(?!(?:\.get\(|\[)"[A-Z_]+")')
    assert {name for name, body in functions.items() if other_use.search(body)} == {
        "find_proxy",
        "run_as_script",
    }


def test_docstring_names_every_environment_variable_that_the_program_reads():
    # One paragraph lists all of them. Others mention some, too.
    paragraphs = program.__doc__.split("\n\n")
    missing = [set(VARIABLES_READ) - set(re.findall("[A-Z_]+", text)) for text in paragraphs]

    assert "PLEXSPHERE_URL" in VARIABLES_READ
    assert min(missing, key=len) == set()


def test_no_name_is_used_above_its_definition():
    top_level = {node.name: node for node in TREE.body if isinstance(node, DEFINITIONS)}
    assigned = [node for node in TREE.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    defined = {
        name.id: node.lineno
        for node in assigned
        for target in getattr(node, "targets", None) or [node.target]
        for name in ast.walk(target)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    defined.update({name: node.lineno for name, node in top_level.items()})
    assert len(defined) > 100
    # A function or class, and a name in it that is defined below it.
    used_too_early = [
        (name, inner.id)
        for name, node in top_level.items()
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and defined.get(inner.id, 0) > node.lineno
    ]
    assert used_too_early == []


# ---- suggestions


def list_values(flag):
    """Return the words that a suggestion may have after a flag: the name of its value, or a format."""
    formats = [*program.LIST_FORMATS, *program.GET_FORMATS] if "--output" in flag.names else []
    return [flag.metavar, *formats] if flag.metavar else []


def exists(suggestion):
    """Return whether a suggestion is a status, or a command line: `[list | get [UUID]] [FLAG [VALUE]]...`."""
    if suggestion in program.STATUSES:
        return True
    words = suggestion.split()
    command = words.pop(0) if words[0] in program.COMMANDS else ""
    if command == "get" and words[:1] == ["UUID"]:
        del words[0]
    while words:
        flag = program.FLAGS_BY_NAME.get(words.pop(0))
        if flag is None or (command and command not in flag.commands):
            return False
        if words and words[0] in list_values(flag):
            del words[0]
    return True


@pytest.mark.parametrize("habit", sorted(program.HABITS))
def test_habit_suggests_only_flags_commands_formats_and_statuses_that_exist(habit):
    suggestions = program.HABITS[habit].split(" or ")

    assert [text for text in suggestions if not exists(text)] == []


@pytest.mark.parametrize(
    "text",
    ["--gone", "-o gone", "gone", "list UUID", "list --wait", "get --last", "--all N", "--last 5"],
)
def test_suggestion_that_names_what_does_not_exist_is_noticed(text):
    assert not exists(text)
