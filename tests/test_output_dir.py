"""Rules 9.3, 9.7 and 9.8: get --output-dir."""

import hashlib
import os
import pathlib
import re

import pytest

from kit import (
    ALL_BYTES,
    BOTH,
    DIGEST,
    GET,
    GET_FORMATS,
    NODES,
    archive,
    error_lines,
    execution,
    inline,
    posix_only,
    rule,
    run_cli,
    run_process,
    shorten_id,
    target,
)
from server import Reply
from test_text import COORDINATES

N_1, N_2 = NODES[:2]
STORED, TAPE = archive("b", "k/1", sha256=DIGEST), {"kind": "tape"}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def save_to_folder(plane, folder, *flags, **options):
    """Run `get --output-dir`, and return its Result."""
    return run_cli(*GET + ("--output-dir", str(folder)) + flags, plane=plane, **options)


def save_targets(plane, folder, *targets, flags=(), **options):
    """Run `get --output-dir` for an Execution with these targets, and return its Result."""
    plane.script(Reply(execution(targets)))
    return save_to_folder(plane, folder, *flags, **options)


def read_folder(folder):
    """Return the files of a folder: their bytes by name."""
    return {path.name: path.read_bytes() for path in pathlib.Path(str(folder)).iterdir()}


def read_rows(folder):
    """Return the lines of the file `targets`, each a list of fields."""
    *lines, end = read_folder(folder)["targets"].decode("utf-8").split("\n")
    assert end == ""
    return [line.split("\t") for line in lines]


def row_of(data, node=N_1, status="succeeded"):
    """Return the expected line of an inline output."""
    return [node, status, "inline", str(len(data)), hashlib.sha256(data).hexdigest(), "-"]


# ---- 9.3 and 9.8: files, the index and the summary

SAVED = [ALL_BYTES + b"\r\n", b"", b"no newline", b"\xef\xbb\xbfa\r\n", b"\x1b[31m\x1b[2J\x9b", b"x" * 16384]


@rule("9.3", "9.8")
def test_files_hold_the_exact_bytes_even_beside_terminals(plane, folder):
    nodes = [NODES[5].upper()] + NODES[4::-1]
    targets = map(target, map(inline, SAVED), nodes)
    result = save_targets(plane, "%s/." % folder, *targets, flags=("--color", "always"), terminals=BOTH)
    assert (result.code, result.err) == (0, "")
    assert read_rows(folder) == list(map(row_of, SAVED, nodes))
    assert dict(read_folder(folder), targets=0) == dict(zip([node + ".out" for node in nodes], SAVED), targets=0)


#: Outputs and statuses, and the fields of their lines from STATUS on.
INDEX_LINES = [
    (None, "pending", "pending none - - -"),
    (None, None, "- none - - -"),
    (TAPE, "ack", "ack unreadable - - -"),
    (None, "two words\t", "two\\x20words\\t none - - -"),
    (STORED, "ack", "ack archived - %s b/k/1" % DIGEST),
    (archive("b", "k", sha256="no\t d"), "ack", "ack archived - no\\t\\x20d b/k"),
] + [(archive(bucket, key), "ack", "ack archived - - " + shown) for bucket, key, shown in COORDINATES]


@rule("9.8", "9.3", "5.10")
def test_each_target_has_a_line_of_six_fields_in_the_order_of_the_response(plane, folder):
    nodes = ["%08d-0000-4000-8000-000000000000" % (99 - number) for number in range(len(INDEX_LINES))]
    result = save_targets(
        plane, folder, *[target(output, node, status) for (output, status, _), node in zip(INDEX_LINES, nodes)]
    )
    assert (result.code, len(error_lines(result)), list(read_folder(folder))) == (1, 1, ["targets"])
    assert read_rows(folder) == [[node] + fields.split(" ", 4) for (_, _, fields), node in zip(INDEX_LINES, nodes)]


SUMMARY_OUTPUTS = {"i": inline(b"x"), "n": None, "a": STORED, "u": TAPE}


@rule("9.3c")
@pytest.mark.parametrize(
    "outputs, said",
    [
        ("", ""),
        ("ini", ""),
        ("inaai", ": 2 inline, 2 archived, 1 none\n"),
        ("a", ": 1 archived\n"),
        ("u", ": 1 unreadable\n"),
        ("i" * 11, ": 10 inline, 1 unsaved\n"),
        ("unai" * 2 + "iii", ": 4 inline, 2 archived, 2 none, 2 unreadable, 1 unsaved\n"),
    ],
)
def test_summary_counts_the_targets_if_an_output_was_not_saved(plane, folder, outputs, said):
    targets = [target(SUMMARY_OUTPUTS[output], node) for output, node in zip(outputs, NODES + [N_1])]
    result = save_targets(plane, folder, *targets)
    assert "".join(re.findall("(?m)^(?!error: ).*\n", result.err)) == str(folder) * bool(said) + said


@rule("9.3a", "9.8", "9.3c", "5.4", "5.4a", "9.2")
@pytest.mark.parametrize(
    "flags, code, saved, said",
    [
        (["--exit-status", "-o", "text"], 5, {N_1 + ".out", N_2 + ".out"}, "{0}: 2 inline, 1 archived\n"),
        (["--node", NODES[5], "--node", N_2], 1, {N_2 + ".out"}, "error: node %s is not a .*\n" % NODES[5]),
    ],
    ids=["all", "node"],
)
def test_only_selected_targets_are_saved_and_stdout_gets_the_recap(plane, folder, flags, code, saved, said):
    targets = [target(inline(b"x\n")), target(inline(b"y"), N_2, "failed"), target(STORED, NODES[2], "timeout")]
    plane.script(*[Reply(execution(targets, status="failed"))] * 2)
    recap = run_cli(*GET, plane=plane).out.rpartition(b"\nID ")[2]
    result = save_to_folder(plane, folder, *flags)
    assert (result.code, result.out) == (code, b"ID " + recap) and b" 1/3 " in recap
    assert set(read_folder(folder)) == saved | {"targets"} and re.match(
        said.format(re.escape(str(folder))) + r"\Z", result.err
    )


# ---- 9.3b: targets without a file

#: What is not a canonical UUID, N being one, and how it is shown.
BAD_IDS = [
    row.replace("N", N_1).split("|")
    for row in (
        "|-;x-7|x-7;../../x|../../x;/tmp/escaped|/tmp/escaped;..|..;targets|targets;a\\b|a\\b;x\ny|x\\ny;a\tb|a\\tb;"
        "N\n|N\\n; N|\\x20N;{N}|{N};N/../x|N/../x;urn:uuid:N|urn:uuid:N;N\0|N\\x00;N0|N0"
    ).split(";")
] + [[N_1.replace("-", "")] * 2, [N_1[:-1] + "\u0661"] * 2, [N_1[:-1] + "g"] * 2]


@rule("9.3b", "9.8")
def test_malformed_node_id_keeps_its_line_but_gets_no_file(plane, folder):
    targets = [target(output, node) for output, (node, _) in zip([inline(b"bad"), STORED, None] * 7, BAD_IDS)]
    result = save_targets(plane, folder, *targets)
    reports = ["target %s is not saved: its node id is not a canonical UUID" % shown for _, shown in BAD_IDS]
    assert (result.code, error_lines(result)) == (1, reports)
    assert read_rows(folder) == [[shown, "succeeded", "unsaved"] + ["-"] * 3 for _, shown in BAD_IDS]
    assert (os.listdir(str(folder)), os.listdir(str(folder.parent))) == (["targets"], ["out"])


@rule("9.3b", "9.8")
@pytest.mark.parametrize(
    "output, kind, files", [(inline(b"1"), "inline", 2), (None, "none", 1), (TAPE, "unreadable", 1)]
)
def test_node_that_is_repeated_keeps_its_line_but_gets_no_second_file(plane, folder, output, kind, files):
    result = save_targets(plane, folder, target(output, N_1.upper()), target(inline(b"2")), target(inline(b"3")))
    report = "target %s is not saved: an earlier target has the same node id" % N_1
    assert (result.code, error_lines(result)[-2:]) == (1, [report] * 2)
    assert [row[2] for row in read_rows(folder)] == [kind, "unsaved", "unsaved"]
    assert len(read_folder(folder)) == files and read_folder(folder).get(N_1.upper() + ".out", b"1") == b"1"


# ---- 9.3, 9.3d and 9.8a: modes and failures


@posix_only
@rule("9.3", "9.7")
@pytest.mark.parametrize("mask", [0o000, 0o077], ids=oct)
def test_modes_are_private_under_every_umask(plane, folder, mask):
    before = os.umask(mask)
    try:
        assert save_targets(plane, folder, target(inline(b"x"))).code == 0
    finally:
        os.umask(before)
    modes = [path.lstat().st_mode & 0o7777 for path in (folder, folder / "targets", folder / (N_1 + ".out"))]
    assert modes == [0o700, 0o600, 0o600]


@rule("9.7", "9.8a", "4.4", "3.10")
@pytest.mark.parametrize(
    "answer, code",
    [
        (Reply(execution([target(inline(b"x"))]), cut=300), 1),
        (Reply({}, 403), 4),
        (Reply(execution([target(inline(b"x")), target(node=7)])), 1),
    ],
)
def test_failure_leaves_an_empty_folder_which_the_next_run_accepts(plane, folder, answer, code):
    plane.answer_to = lambda request: answer if read_folder(folder) == {} else None
    result = save_to_folder(plane, folder)
    assert (result.code, result.out, read_folder(folder)) == (code, b"", {}) and str(folder) not in result.err
    assert save_targets(plane, folder, target(inline(b"x"))).code == 0


PARTIAL = "targets.partial"


@posix_only
@rule("9.3", "9.3d", "9.8a")
@pytest.mark.parametrize(
    "name, plant, others",
    [
        (PARTIAL, lambda path: os.symlink("../victim", path), []),
        (N_2 + ".out", lambda path: os.symlink("../victim", path), [N_1 + ".out", PARTIAL]),
        ("targets", lambda path: os.makedirs(path + "/inner"), [N_1 + ".out", N_2 + ".out", PARTIAL]),
    ],
)
def test_file_is_never_replaced_and_the_error_names_it(plane, folder, name, plant, others):
    answer, path = Reply(execution([target(inline(b"x"), node) for node in (N_1, N_2)])), str(folder / name)
    plane.answer_to = lambda request: plant(path) or answer
    result = save_to_folder(plane, folder)
    assert (result.code, result.out, os.listdir(str(folder.parent))) == (1, b"", ["out"])
    assert re.match("error: cannot write %s: .*\n\\Z" % re.escape(path), result.err)
    assert sorted(os.listdir(str(folder))) == sorted(others + [name])


SIZE_LIMIT = 3000  # bytes


def limit_files():
    """Let no file of this process grow beyond the limit, as if the disk was full. The error is EFBIG, not ENOSPC."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE_LIMIT, SIZE_LIMIT))


@posix_only
@rule("9.3d", "9.8a", "6.1")
def test_file_that_cannot_be_written_is_named(plane, tmp_path):
    plane.script(Reply(execution([target(inline(b"y" * SIZE_LIMIT)), target(inline(b"y" * (SIZE_LIMIT + 1)), N_2)])))
    result = run_process(*GET + ("--output-dir", "out"), plane=plane, cwd=str(tmp_path), preexec_fn=limit_files)
    assert result == (1, b"", "error: cannot write out/%s.out: File too large\n" % N_2)
    assert sorted(os.listdir(str(tmp_path / "out"))) == [N_1 + ".out", N_2 + ".out", "targets.partial"]


# ---- 9.7 and 9.7a: which folders are accepted

as_root = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root, to give a folder away")


def make_owned(path, mode=0o700, owner=-1):
    path.mkdir()
    path.chmod(mode)
    if owner >= 0:
        os.chown(str(path), owner, -1)


#: What stands in the place of the folder, what follows its name, and words of the error.
UNUSABLE = [
    pytest.param(lambda path: (path / ".hidden").mkdir(parents=True), "", "it is not empty", id="not empty"),
    pytest.param(lambda path: make_owned(path, owner=12345), "", "belongs to another user (uid 12345)", marks=as_root),
] + [
    pytest.param(make, end, words, marks=posix_only)
    for make, end, words in (
        (lambda path: make_owned(path, 0o1702), "", "its mode 1702"),
        (lambda path: make_owned(path, 0o720), "/.", "its mode 0720"),
        (lambda path: path.symlink_to("empty"), "", "link"),
        (lambda path: path.symlink_to("empty"), "/.", "link"),
        (lambda path: path.symlink_to("nowhere"), "", "it is a symbolic link"),
        (lambda path: path.write_bytes(b"mine"), "/in", "Not a directory"),
        (id, "/in", "No such file"),
        (id, "x" * 300, "too long"),
        (id, "\0", "null"),
    )
]


@rule("9.7a")
@pytest.mark.parametrize("make, end, words", UNUSABLE, ids=shorten_id)
def test_unusable_folder_exits_1_says_why_and_nothing_is_sent(plane, folder, make, end, words):
    (folder.parent / "empty").mkdir(mode=0o700)
    make(folder)
    before = sorted(folder.parent.rglob("*"))
    result = run_cli(*GET + ("--wait", "--output-dir", str(folder) + end), plane=plane)
    assert (result.code, result.out, plane.requests, sorted(folder.parent.rglob("*"))) == (1, b"", [], before)
    error, hint = result.err.splitlines()
    assert error.startswith("error: the folder %s%s cannot be used: " % (folder, end.replace("\0", "\\x00")))
    assert words in error and hint == "hint: name a new folder inside an existing one"


@posix_only
@rule("9.7a")
def test_folder_behind_a_link_and_two_dots_is_the_one_that_is_checked(plane, tmp_path):
    (tmp_path / "else" / "out" / "mine").mkdir(parents=True)
    (tmp_path / "link").symlink_to("else/out")
    plane.answer_to = lambda request: Reply(execution([target(inline(b"x"))]))
    save_to_folder(plane, "%s/link/../out" % tmp_path)
    assert os.listdir(str(tmp_path / "else" / "out")) == ["mine"]


@rule("9.3a", "9.7")
@pytest.mark.parametrize("format", GET_FORMATS[1:])
def test_another_format_is_a_usage_error_and_creates_no_folder(plane, folder, format):
    result = run_cli(*GET + ("-o", format, "--output-dir", str(folder)), plane=plane)
    assert (result.code, result.out, plane.requests, folder.exists()) == (2, b"", [], False)
    assert error_lines(result) == ["--output-dir works only with --output text"]
