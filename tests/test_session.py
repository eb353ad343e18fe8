"""The runner of terminal sessions reads strictly, and shows every difference.

session.py says how to read a session, and session.md shows what is equal.
"""

import os

import pytest

import plexctl_exec_log as program
from kit import posix_only, read_text
from session import SessionError, find_differences, read_sessions, replay, rewrite

pytestmark = posix_only

PRESET = """# Title

    $ alias plog='plexctl_exec_log.py list --output id'
    $ export PROJECT=019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13
    $ export PLEXSPHERE_PROJECT=$PROJECT PLEXSPHERE_URL=$SERVER PLEXSPHERE_TOKEN=some-token

## A session

"""


def compare(preset, session):
    """Run a session, and return what find_differences shows."""
    return find_differences(session, replay(preset, session))


@pytest.fixture
def write(tmp_path):
    """A function that writes a file of sessions, and returns its path."""

    def write_file(text):
        path = tmp_path / "file.md"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write_file


NOT_PROSE = "this is neither prose nor indented by four spaces"
MALFORMED = "this line is malformed"


# fmt: off
@pytest.mark.parametrize("lines, line_number, fault", [
    # headings
    (["prose", "", "    $ true"], 3, "a command needs a heading"),
    (["# T", "# U"], 2, "expected `# TITLE` once, or `## SENTENCE`"),
    (["## S"], 1, "expected `# TITLE` once, or `## SENTENCE`"),
    (["# T", "## S", "    never x", "## U"], 4, "no command stands above this heading"),
    (["# T", "## S", "    never x"], 3, "the file ends without a command"),
    # what looks like a session, but is not indented like one
    (["# T", "## S", "$ true"], 3, NOT_PROSE),
    (["# T", "## S", "```"], 3, NOT_PROSE),
    # lines that belong to no command
    (["# T", "## S", "    true"], 3, "expected a command, `<- STATUS` or `never TEXT`"),
    (["# T", "## S", "    $ true", "prose", "    x"], 5, "this line belongs to no command"),
    (["# T", "## S", "    $ true", "    x", "    > y"], 5, "this line continues nothing"),
    # lines that are nearly something else
    (["# T", "## S", "    $ true", "    $true"], 4, MALFORMED),
    (["# T", "## S", "    $ true", "    >x"], 4, MALFORMED),
    (["# T", "## S", "    $ true", "    <- 20 {}"], 4, MALFORMED),
    (["# T", "## S", "    $ true", "    exit code 3"], 4, MALFORMED),
    (["# T", "## S", "    $ true", "    ! crash: x"], 4, MALFORMED),
    # what only a shell would understand
    (["# T", "## S", "    $ true", "    $ echo a | cat"], 4, "no shell is started: quote |"),
    (["# T", "    $ echo '' \"'\" & echo '", "    > '", "## S", "    $ true"], 2, "no shell is started: quote &"),
])
# fmt: on
def test_what_cannot_be_read_is_an_error_with_file_and_line(write, lines, line_number, fault):
    path = write("\n".join(lines))

    with pytest.raises(SessionError) as caught:
        read_sessions(path)

    assert str(caught.value) == "%s:%d: %s" % (path, line_number, fault)


# In the differences, + is before what happens now, and - before what stands in the session.
# fmt: off
@pytest.mark.parametrize("case, lines, differences", [
    # what is printed
    ("printed line not in the session", ["$ echo a"], ["+ a"]),
    ("no wildcard", ["$ echo a", "..."], ["- ...", "+ a"]),
    ("space at the end", ["$ echo 'a '", "a"], ["- a", "+ a "]),
    ("other stream", ["$ sh -c 'echo a >&2'", "a"], ["- a", "+ 2> a"]),
    ("exit code", ["$ false"], ["+ exit 1"]),
    # what no session can promise
    ("no line feed", ["$ printf a", "a"], ["- a", "+ ! no line feed after b'a'"]),
    ("escape", ["$ printf '\\033\\n'", "\\x1b"], ["- \\x1b", "+ ! unprintable: '\\x1b'"]),
    ("not UTF-8", ["$ printf '\\377\\n'", "\\xff"], ["- \\xff", "+ ! unprintable: '\\udcff'"]),
    ("never on stdout", ["never p4ss", "$ echo p4ss", "p4ss"], ["- p4ss", "+ ! never: p4ss"]),
    ("like stderr", ["$ echo 'hint: a'", "hint: a"], ["- hint: a", "+ ! ambiguous: hint: a"]),
    ("like a command", ["$ echo '$ a'"], ["+ ! ambiguous: $ a"]),
    ("empty line at the end", ["$ printf 'a\\n\\n'", "a"], ["+ ! empty line at the end"]),
    # requests
    ("request not in the session", ["$ plog"], ["+ -> $SERVER some-token"]),
    ("other request", ["$ plog --limit 5", "-> $SERVER some-token"],
     ["- -> $SERVER some-token", "+ -> $SERVER?limit=5 some-token"]),
    ("request not sent", ["$ plog", '<- 200 {"items": []}', "<- 200 {}"], ["- <- 200 {}"]),
    ("no request", ["$ echo a", "<- 200 {}", "a"], ["- <- 200 {}"]),
    # An answer above the first command is for any command, and at least one must request it.
    ("no request for the answer above", ["<- 200 {}", "$ plog --version > file"],
     ["+ ! no request for <- 200 {}"]),
    # commands
    ("unknown variable", ["$ echo $MISSING"], ["+ ! cannot be run: KeyError: 'MISSING'"]),
    ("open quotes", ["$ echo 'a", "> b"], ["+ ! cannot be run: ValueError: No closing quotation"]),
])
# fmt: on
def test_difference_is_shown(write, case, lines, differences):
    # PRESET makes `plog` an alias for `list --output id`.
    path = write(PRESET + "".join("    %s\n" % line for line in lines))

    shown = compare(*read_sessions(path))

    assert [line for line in shown.split("\n") if line.startswith(("- ", "+ "))] == differences


def test_difference_begins_with_the_line_and_the_command(write):
    # `$ echo b` is the third line below the PRESET, which has 8 lines.
    path = write(PRESET + "    $ echo a\n    a\n    $ echo b\n    c\n    $ echo d\n    d\n")

    assert compare(*read_sessions(path)) == (
        "%s:11: - stands in the session, + happens now\n  $ echo b\n- c\n+ b\n" % path
    )


@pytest.mark.parametrize("error", [RuntimeError("a bug"), SystemExit(2)], ids=repr)
def test_crash_is_a_difference(write, monkeypatch, error):
    def crash(*arguments, **options):
        raise error

    monkeypatch.setattr(program, "main", crash)
    path = write(PRESET + "    $ plog\n    $ echo still running\n    still running\n")

    assert "\n+ ! crash: %r\n" % error in compare(*read_sessions(path))
    assert "still running" not in compare(*read_sessions(path))


def test_nothing_outlives_a_session(write, tmp_path):
    folder, umask = os.getcwd(), os.umask(0o022)
    os.umask(umask)  # os.umask() cannot read the umask without setting it
    # The first session makes a file, and sets a umask and a variable. The second one finds no file and no variable.
    path = write(
        "# Title\n\n## First\n\n    $ touch file\n    $ umask 077\n    $ export A=1\n\n"
        "## Second\n\n    $ ls\n    $ printenv A\n    exit 1\n"
    )
    preset, first, second = read_sessions(path)

    assert compare(preset, first) == ""  # no difference
    assert compare(preset, second) == ""
    assert os.getcwd() == folder
    assert os.umask(umask) == umask
    assert list(tmp_path.iterdir()) == [tmp_path / "file.md"]


def test_rewriting_replaces_what_happens_and_nothing_else(write):
    # `echo` prints two lines, not `b`; `plog` prints `x`; `false` has an exit code.
    path = write(
        PRESET + "Prose.\n\n    $ echo 'a\n    > a'\n    b\n\nMore\nprose.\n\n"
        '    $ plog\n    <- 200 {"items": [\n    > {"id": "x"}]}\n\n## Another one\n\n    $ false'
    )

    rewrite(path)

    assert read_text(path) == (
        PRESET + "Prose.\n\n    $ echo 'a\n    > a'\n    a\n    a\n\nMore\nprose.\n\n"
        '    $ plog\n    <- 200 {"items": [\n    > {"id": "x"}]}\n    x\n\n## Another one\n\n    $ false\n    exit 1'
    )


def test_rewriting_writes_a_fault_so_that_the_file_cannot_be_read(write):
    path = write(PRESET + "    never hunter22\n    $ echo hunter22\n")

    rewrite(path)  # It writes `! never: hunter22`.

    with pytest.raises(SessionError):
        read_sessions(path)
