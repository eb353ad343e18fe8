"""Section 9: get --output-dir."""

import hashlib
import os
import re

import pytest

from kit import (CLOSE_HEAD, GET, GET_FORMATS, LIST, NODES, WINDOWS, archive, as_given, encode, error_lines, execution,
                 inline, posix_only, read_folder, read_mode, read_sections, rule, run_against, run_cli, run_process,
                 save_to_folder, shorten_id, target, wait_until)
from server import Reply
from test_text import COORDINATES, IMITATIONS

ARCHIVE_DIGEST = hashlib.sha256(b"archived\n").hexdigest()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def save_targets(plane, folder, *targets, flags=(), terminals=(), **members):
    """Run `get --output-dir` for an Execution with these targets, and return its Result."""
    plane.script(Reply(execution(targets, **members)))
    return save_to_folder(plane, folder, *flags, terminals=terminals)


def read_rows(folder, name="targets"):
    """Return the lines of the folder's file, each a list of fields."""
    data = read_folder(folder)[name].decode("utf-8")
    assert data == "" or data.endswith("\n")
    return [line.split("\t") for line in data.split("\n")[:-1]]


def row(output="none", size="-", digest="-", where="-", node=NODES[0], status="succeeded"):
    """Return the fields of a line that are expected."""
    return [node, status, output, size, digest, where]


def row_of(data, **fields):
    """Return the expected line of an inline output."""
    return row("inline", str(len(data)), hashlib.sha256(data).hexdigest(), **fields)


OUTPUTS = [bytes(range(256)) + b"\r\n\n\x00", b"", b"no newline", b"\xef\xbb\xbfa\r\n", b"\x1b[31m\x1b[2J\x9b", b"\n",
           b"x" * 16384, b"==> x <==\n"]


@rule("9.3", "9.8")
@pytest.mark.parametrize("terminals", [(), ("stdout", "stderr")], ids=["pipe", "terminal"])
def test_files_hold_the_exact_bytes_wherever_stdout_goes(plane, folder, terminals):
    wires = [target(inline(data), node) for data, node in zip(OUTPUTS, NODES)]
    result = save_targets(plane, folder, *wires, flags=("--color", "always"), terminals=terminals)
    assert result.code == 0
    assert WINDOWS or result.err == ""       # where foreground is unknown, a live line
    files = read_folder(folder)
    assert read_rows(folder) == [row_of(data, node=node) for data, node in zip(OUTPUTS, NODES)] and files.pop("targets")
    assert files == {node + ".out": data for data, node in zip(OUTPUTS, NODES)}


#: A target, and its line in `targets`.
TARGET_LINES = {
    "inline": (target(inline(b"out\n")), row_of(b"out\n")), "empty": (target({"kind": "inline"}), row_of(b"")),
    "none": (target(status="pending"), row(status="pending")), "no status": (target(status=None), row(status="-")),
    "archived": (target(archive("b", "k/1", sha256=ARCHIVE_DIGEST)), row("archived", "-", ARCHIVE_DIGEST, "b/k/1")),
    "no digest": (target(archive("b", "k")), row("archived", "-", "-", "b/k")),
    "odd digest": (target(archive("b", "k", sha256="no\t")), row("archived", "-", "no\\t", "b/k")),
    "odd names": (target(archive(" a\tb", "c\nd\u00e9\x1b")), row("archived", where="\\x20a\\tb/c\\nd\u00e9\\x1b")),
    "odd status": (target(status="two words\t"), row(status="two\\x20words\\t")),
    "kind": (target({"kind": "tape"}), row("unreadable")), "no key": (target(archive("b", None)), row("unreadable"))}
TARGET_LINES.update((name, (target(archive(bucket, key)), row("archived", where=shown)))
                    for name, (bucket, key, shown) in COORDINATES.items())
TARGET_LINES.update((name, (target(archive(bucket, key)), row("archived", where=bucket + "/" + key)))
                    for name, (bucket, key, _) in IMITATIONS.items())


@rule("9.8a", "9.8b", "9.8c")
@pytest.mark.parametrize("wire, fields", [TARGET_LINES[name] for name in TARGET_LINES], ids=list(TARGET_LINES))
def test_targets_line_has_six_fields_even_for_an_unreadable_output(plane, folder, wire, fields):
    result = save_targets(plane, folder, wire, target(inline(b"x"), NODES[1].upper()))
    assert read_rows(folder) == [fields, row_of(b"x", node=NODES[1].upper())]
    assert set(read_folder(folder)) == {"targets", NODES[1].upper() + ".out"} | (
        {NODES[0] + ".out"} if fields[2] == "inline" else set())
    assert (result.code, len(error_lines(result))) == ((1, 1) if fields[2] == "unreadable" else (0, 0))


#: What the last line on stderr says of outputs, if one is in no file; and without targets.
OUT, STORED = inline(b"x"), archive(sha256=ARCHIVE_DIGEST)
TALLIES = {
    "empty digest": ([archive(sha256=""), archive(sha256=None), OUT], ["1 file, 2 archived (2 without a digest)"]),
    "several": ([archive(), {"kind": "tape"}], ["0 files, 1 archived (1 without a digest), 1 unreadable"]),
    "one without": ([STORED, archive(), None], ["0 files, 2 archived (1 without a digest), 1 no output"]),
    "archived": ([OUT, STORED, OUT, STORED, None], ["2 files, 2 archived, 1 no output"]), "no targets": ([], []),
    "no digest": ([archive()] * 2, ["0 files, 2 archived (2 without a digest)"]), "all written": ([OUT, OUT], []),
    "odd digest": ([STORED, archive(sha256="odd")], ["0 files, 2 archived"]), "no output": ([OUT, None], []),
    "twice": ([OUT] * 9 + [STORED], ["9 files, 1 without a file"]), "one": ([OUT, STORED], ["1 file, 1 archived"]),
    "unreadable": ([{"kind": "tape"}], ["0 files, 1 unreadable"])}


@rule("9.3g", "9.3h", "9.3i")
@pytest.mark.parametrize("outputs, said", [TALLIES[name] for name in TALLIES], ids=list(TALLIES))
def test_last_line_counts_outputs_if_one_has_no_file(plane, tmp_path, monkeypatch, outputs, said):
    monkeypatch.chdir(str(tmp_path))
    result = save_targets(plane, "./o t/", *[target(*wire) for wire in zip(outputs, NODES[:9] + NODES[:1])])
    lines = [line for line in result.err.splitlines() if not line.startswith("error: ")]
    assert lines == ["./o t/: " + line for line in said] and result.err.splitlines()[-1:] == lines
    assert len(read_rows("o t")) == len(outputs)


@rule("9.3g")
def test_targets_that_are_filtered_out_are_not_counted(plane, folder):
    wires = target(archive(), NODES[0]), target(archive(sha256=ARCHIVE_DIGEST), NODES[1], "failed")
    result = save_targets(plane, folder, *wires, flags=["--failed", "--node", NODES[1], "--node", NODES[2]])
    assert result.err.splitlines()[1:] == ["%s: 0 files, 1 archived" % folder] and NODES[2] in error_lines(result)[0]


@rule("9.3d")
def test_stdout_gets_only_the_recap(plane, folder):
    targets = [target(inline(b"out\n")), target(archive(), NODES[1], "failed")]
    plane.script(*[Reply(execution(targets, action="two words"))] * 2)
    _, recap = read_sections(run_cli(*GET, plane=plane).out)
    assert save_to_folder(plane, folder).out == recap and recap.count(b"\n") == 2 and b"1/2" in recap


@rule("9.8", "5.4", "5.4a", "5.4c", "5.4e")
@pytest.mark.parametrize("flags, code, kept", [
    (["--node", NODES[1].upper()], 0, [1]), (["--failed"], 0, [1, 2]), (["--exit-status"], 5, [0, 1, 2]),
    (["--node", NODES[5], "--node", NODES[2]], 1, [2])], ids=["--node", "--failed", "--exit-status", "missing node"])
def test_get_filters_apply_and_the_recap_counts_all(plane, folder, flags, code, kept):
    wires = [target(inline(b"x"), *wire) for wire in zip(NODES, ("succeeded", "failed", "timeout"))]
    result = save_targets(plane, folder, *wires, flags=flags, status="failed")
    assert result.code == code
    assert b" 1/3 " in result.out
    assert [NODES[5] in line for line in error_lines(result)] == [True] * (code == 1)
    assert [NODES.index(fields[0]) for fields in read_rows(folder)] == kept
    assert set(read_folder(folder)) == {"targets"} | {NODES[number] + ".out" for number in kept}


TWO = execution([target(inline(b"first")), target(inline(b"second"), NODES[1])])
SECOND = encode(TWO).index(b',{"created_at"')      # where the second target begins


@rule("9.3c", "9.8d")
def test_files_and_lines_are_written_as_targets_arrive(plane, folder):
    there = []

    def halting(sock):
        sock.sendall(CLOSE_HEAD + encode(TWO)[:SECOND])
        wait_until(lambda: read_folder(folder).get("targets.partial", b"").endswith(b"\n"))
        there.append(read_folder(folder))
        sock.sendall(encode(TWO)[SECOND:])

    plane.script(halting)
    assert save_to_folder(plane, folder).code == 0
    assert there == [{"targets.partial": "\t".join(row_of(b"first")).encode() + b"\n", NODES[0] + ".out": b"first"}]
    assert set(read_folder(folder)) == {"targets", NODES[0] + ".out", NODES[1] + ".out"}


@rule("9.8d", "9.3h")
@pytest.mark.parametrize("answer, code, lines", [
    (Reply(TWO, cut=SECOND + 20), 1, 1), (Reply(TWO, cut=len(encode(TWO)) - 1), 1, 2),
    (Reply(execution([target(inline(b"first")), target(node=7)])), 1, 1), (Reply({}, 403), 4, None)],
    ids=["cut in a target", "cut at the end", "wrong type", "403"])
def test_failure_leaves_no_targets_file_and_no_last_line(plane, folder, answer, code, lines):
    plane.script(answer)
    result = save_to_folder(plane, folder)
    assert (result.code, result.out, result.err.splitlines()[0][:7]) == (code, b"", "error: ")
    assert "targets" not in read_folder(folder) and " file" not in result.err
    assert not lines or NODES[:lines] == [fields[0] for fields in read_rows(folder, "targets.partial")]


ONE = NODES[1]
BAD_IDS = {     # and how they are shown
    "": "-", None: "-", "node-7": "node-7", "../../escaped": "../../escaped", "/tmp/escaped": "/tmp/escaped",
    "a\\b": "a\\b", "..": "..", "targets": "targets", "targets.partial": "targets.partial", "x\ny": "x\\ny",
    "a\tb": "a\\tb", ONE + "\n": ONE + "\\n", " " + ONE: "\\x20" + ONE, "{%s}" % ONE: "{%s}" % ONE,
    ONE + "/../x": ONE + "/../x", "urn:uuid:" + ONE: "urn:uuid:" + ONE, ONE.replace("-", ""): ONE.replace("-", ""),
    ONE + "\0": ONE + "\\x00", ONE[:-1] + "\u0661": ONE[:-1] + "\u0661", ONE[:-1] + "g": ONE[:-1] + "g"}


@rule("9.3e")
@pytest.mark.parametrize("output", [inline(b"bad"), None], ids=["inline", "none"])
def test_malformed_node_id_keeps_its_line_but_gets_no_file(plane, folder, output):
    result = save_targets(plane, folder, *[target(output, node) for node in BAD_IDS] + [target(inline(b"good"))])
    assert (result.code, len(error_lines(result))) == (1, len(BAD_IDS))
    assert all(BAD_IDS[node] in line for line, node in zip(error_lines(result), BAD_IDS))
    assert [fields[0] for fields in read_rows(folder)] == list(BAD_IDS.values()) + [NODES[0]]
    assert set(read_folder(folder)) == {"targets", NODES[0] + ".out"} and os.listdir(str(folder.parent)) == ["out"]


@rule("9.3f")
@pytest.mark.parametrize("output, data", [(None, None), (archive(), None), ({"kind": "tape"}, None),
                                          (inline(b"first"), b"first"), ({"kind": "inline"}, b"")],
                         ids=["none", "archived", "unreadable", "inline", "empty"])
@pytest.mark.parametrize("first, second", [(NODES[0], NODES[0]), (NODES[0], NODES[0].upper()),
                                           (NODES[0].upper(), NODES[0])], ids=["same", "second upper", "first upper"])
def test_node_that_comes_twice_keeps_its_line_but_gets_no_second_file(plane, folder, output, data, first, second):
    result = save_targets(plane, folder, target(output, first), target(inline(b"second"), second))
    assert result.code == 1
    assert second in error_lines(result)[-1]
    assert b" 2/2 " in result.out
    rows, files = read_rows(folder), read_folder(folder)
    assert (rows[0][0], rows[1]) == (first, row_of(b"second", node=second))
    assert files == dict({"targets": files["targets"]}, **{} if data is None else {first + ".out": data})


@rule("9.3b", "9.7", "9.7b")
@posix_only
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077], ids=oct)
@pytest.mark.parametrize("made", [None, 0o755], ids=["new", "0755 through LINK/."])
def test_modes_are_private_under_every_umask(plane, folder, mask, made):
    if made:
        folder.mkdir()
        folder.chmod(made)
        folder.with_name("link").symlink_to("out")
    before, path = os.umask(mask), "%s/link/." % folder.parent if made else folder
    try:
        result = save_targets(plane, path, target(inline(b"x")), target(status="started", node=NODES[1]))
    finally:
        os.umask(before)
    assert (result.code, read_mode(folder)) == (0, made or 0o700)
    assert [read_mode(folder / name) for name in read_folder(folder)] == [0o600] * 2


@rule("9.7", "9.7a")
@pytest.mark.parametrize("name", ["out/", "-out", "a b", "\u00e9", ".", "%s"], ids=ascii)
def test_folder_may_have_any_name_relative_to_the_current_folder(plane, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    result = run_against(plane, execution([target(inline(b"x"))]), *GET + ("--output-dir=" + name,))
    assert result.code == 0
    assert (tmp_path / as_given(name) / (NODES[0] + ".out")).read_bytes() == b"x"


as_root = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root, to give a folder away")
#: What stands in the place of the folder, and a word of the message that says so, of no other.
REFUSED = {
    "holds a file": (lambda path: [path.mkdir(), path.chmod(0o700), (path / ".hidden").write_bytes(b"")], "not empty"),
    "another owner": (lambda path: [path.mkdir(), os.chown(str(path), 12345, -1)], "belongs to another user"),
    "holds a folder": (lambda path: [(path / "inner").mkdir(parents=True), path.chmod(0o700)], "not empty"),
    "link to a folder": (lambda path: [(path.parent / "else").mkdir(), path.symlink_to("else")], "link"),
    "others may write": (lambda path: [path.mkdir(), path.chmod(0o1702)], "mode 1702"),
    "group may write": (lambda path: [path.mkdir(), path.chmod(0o770)], "mode 0770"),
    "link to nothing": (lambda path: path.symlink_to("nowhere"), "link"), "a NUL": (lambda path: None, "null"),
    "a file": (lambda path: path.write_bytes(b"mine"), "directory"), "nothing": (lambda path: None, "No such file"),
    "a pipe": (lambda path: os.mkfifo(str(path)), "directory"), "a long name": (lambda path: None, "too long")}


def list_tree(path):
    """Return all that is in a folder: names, sizes of files, which are links."""
    found = [os.path.join(where, name) for where, folders, files in os.walk(str(path)) for name in folders + files]
    return sorted((name, os.path.isfile(name) and os.path.getsize(name), os.path.islink(name)) for name in found)


#: What follows the name of the folder: slashes, or a name in a folder that cannot be.
ENDS = {"link to a folder": ["", "/", "//"], "link to nothing": ["", "/", "//"], "a file": ["", "/inner"],
        "nothing": ["/inner"], "a long name": ["x" * 300], "a NUL": ["\0"]}


@rule("9.7a", "9.7b", "9.7c", "9.7e")
@pytest.mark.parametrize("used, end", [
    pytest.param(used, end, marks=[as_root] * (used == "another owner") + [posix_only] * ("holds" not in used))
    for used in sorted(REFUSED) for end in ENDS.get(used, [""])], ids=shorten_id)
def test_unusable_folder_exits_1_says_why_and_nothing_is_sent(plane, folder, used, end):
    make, words = REFUSED[used]
    make(folder)
    before, opened = list_tree(folder.parent), os.path.isdir("/dev/fd") and len(os.listdir("/dev/fd"))
    result = run_cli(*GET + ("--wait", "--output-dir", str(folder) + end), plane=plane)
    assert (result.code, result.out, plane.requests, len(error_lines(result))) == (1, b"", [], 1)
    assert words in error_lines(result)[0].replace(str(folder), "")
    assert len(error_lines(result, "hint")) == (not end.strip("/"))     # there is none for a folder that cannot be made
    assert not re.search("remove|delete|empty it|rm ", result.err.replace(str(folder.parent), ""))
    assert list_tree(folder.parent) == before and (not opened or len(os.listdir("/dev/fd")) <= opened)


@rule("9.7d")
@posix_only
@pytest.mark.parametrize("when", ["while it waits", "within the answer"])
def test_replacing_the_folder_during_the_run_changes_nothing(plane, folder, tmp_path, when):
    def replace():
        folder.rename(tmp_path / "moved")
        folder.symlink_to("victim")

    def answer(sock):
        sock.sendall(CLOSE_HEAD + encode(TWO)[:SECOND])
        if when != "while it waits":
            wait_until((folder / (NODES[0] + ".out")).exists)
            replace()
        sock.sendall(encode(TWO)[SECOND:])

    (tmp_path / "victim").mkdir()
    plane.script(Reply(execution(status="started")), Reply(TWO), answer)
    result = save_to_folder(plane, folder, "--wait", sleep=lambda _: when == "while it waits" and replace())
    assert (result.code, result.err) == (0, "status: started\nstatus: succeeded\n")
    assert set(read_folder(tmp_path / "moved")) == {"targets", NODES[0] + ".out", NODES[1] + ".out"}
    assert read_folder(tmp_path / "victim") == {}


@rule("9.7b", "9.7d")
@posix_only
@pytest.mark.parametrize("when", ["before", "after"])
def test_race_for_the_folder_leads_nowhere_else(plane, tmp_path, monkeypatch, when):
    folder, moved, victim = [tmp_path / name for name in ("out", "moved", "victim")]
    victim.mkdir(0o700)
    if when == "after":             # whoever looks at the name then refuses it
        victim.chmod(0o777)
        (victim / "mine").write_bytes(b"")
    before, os_open = read_folder(victim), os.open

    def open_in_a_race(path, *rest, **options):
        is_folder = path == str(folder)
        early = os_open(path, *rest, **options) if when == "after" or not is_folder else None
        if is_folder:
            folder.rename(moved)
            folder.symlink_to(victim)
        return os_open(path, *rest, **options) if early is None else early

    monkeypatch.setattr(os, "open", open_in_a_race)
    plane.script(Reply(execution([target(inline(b"x"))])))
    result = save_to_folder(plane, folder)
    assert moved.exists(), "the race did not take place"
    assert read_folder(victim) == before
    assert result.code == (1 if when == "before" else 0)        # before it is opened, a link is refused
    assert set(read_folder(moved)) == (set() if when == "before" else {"targets", NODES[0] + ".out"})


@rule("9.3b", "9.3j")
@posix_only
@pytest.mark.parametrize("name", ["targets", "targets.partial", NODES[0] + ".out"])
@pytest.mark.parametrize("planted", ["link to a file", "link to nothing", "file"])
def test_preexisting_file_or_link_is_not_overwritten(plane, folder, tmp_path, name, planted):
    def plant(sock):
        (folder / name).write_bytes(b"precious") if planted == "file" else (folder / name).symlink_to(victim)
        sock.sendall(CLOSE_HEAD + encode(execution([target(inline(b"x"))])))

    victim = tmp_path / "victim"
    if planted == "link to a file":
        victim.write_bytes(b"precious")
    plane.script(plant)
    result = save_to_folder(plane, folder)
    assert victim.read_bytes() == b"precious" if planted == "link to a file" else not victim.exists()
    if name == "targets":       # it gives way to the new file
        assert result.code == 0
        assert read_rows(folder) == [row_of(b"x")]
    else:
        assert (result.code, result.out) == (1, b"")
        assert error_lines(result)[0] == "cannot write %s: File exists" % (folder / name)
        assert planted != "file" or (folder / name).read_bytes() == b"precious"


SIZE_LIMIT = 3000        # bytes


def limit_files():
    """Let no file of this process grow beyond the limit, as if the disk was full. The error is EFBIG, not ENOSPC."""
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE_LIMIT, SIZE_LIMIT))


@rule("9.3j", "6.1a")
@posix_only
@pytest.mark.parametrize("targets, named", [
    ([target(inline(b"x"), NODES[1]), target(inline(b"y" * size))], size > SIZE_LIMIT and NODES[0] + ".out")
    for size in (SIZE_LIMIT, SIZE_LIMIT + 1, 8192, 16384)] + [
    ([target(None, "%08x-0000-4000-8000-000000000000" % number) for number in range(100)], "targets.partial")],
    ids=["fits", "a byte too large", "8 KiB", "16 KiB", "index"])
def test_file_that_cannot_be_written_is_named(plane, tmp_path, targets, named):
    plane.script(Reply(execution(targets)))
    result = run_process(*GET + ("--output-dir", "out"), plane=plane, cwd=str(tmp_path), preexec_fn=limit_files)
    assert (result.code, bool(result.out)) == ((1, False) if named else (0, True))
    assert error_lines(result)[:1] == (["cannot write out/%s: File too large" % named] if named else [])
    assert ("targets" in read_folder(tmp_path / "out")) == (not named)


@rule("9.3a", "1.6c")
@pytest.mark.parametrize("argv, flags, code", [
    (LIST, (), 2), (GET, ("--output-dir", ""), 2), (GET, ("--id", "nonsense"), 2),
    (GET, ("--token-file", "/no such file"), 3)] + [(GET, ("--output", format), 2) for format in GET_FORMATS[1:]],
    ids=("list", "empty", "malformed id", "no token") + GET_FORMATS[1:])
def test_invalid_command_creates_no_folder(plane, folder, argv, flags, code):
    result = run_cli(*argv + ("--output-dir", str(folder)) + flags, plane=plane)
    assert (result.code, result.out, plane.requests, folder.exists()) == (code, b"", [], False)
