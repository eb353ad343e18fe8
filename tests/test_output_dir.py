"""Section 9: get --output-dir."""

import hashlib
import os

import pytest

import plexctl_exec_log as program
from control_plane import ARCHIVED_OBJECTS, PROJECT, SHOWCASE, SHOWCASE_NODES, Reply, write_objects
from kit import GET, LIST, NODES, archive, checksums, contents, encoded, execution, holds, holds_by_hand, inline, mode, \
    run_cli, saved, sections, target

BINARY = bytes(range(256)) + b"\r\n\n\x00"
DIGEST = hashlib.sha256(b"archived\n").hexdigest()
ALWAYS = {"SHA256SUMS", "ARCHIVED.sha256", "nodes.succeeded", "nodes.failed"}
posix_only = pytest.mark.skipif(os.name == "nt", reason="modes, links and pipes are POSIX's")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def saved_targets(plane, folder, *targets, flags=(), **members):
    plane.script(Reply(execution(targets, **members)))
    return saved(plane, folder, *flags)


def node_number(number):
    return "%s%02x" % (NODES[0][:-2], number)


def numbered(outputs):
    """A target for each of the outputs."""
    return [target(output, node_number(number)) for number, output in enumerate(outputs)]


def lines_of(folder, name):
    return contents(folder)[name].decode().splitlines()


# ---- what is in it

def test_files_hold_exactly_the_bytes_and_nothing_else_is_there(plane, folder):
    outputs = [BINARY, b"", b"no newline", b"\xef\xbb\xbfa\r\n", b"\x1b[31m", b"\n", b"x" * 16384, b"==> x <==\n"]
    result = saved_targets(plane, folder, *numbered(map(inline, outputs)))
    names = [node_number(number) for number in range(len(outputs))]
    sums = ["%s  %s.out\n" % (hashlib.sha256(data).hexdigest(), name) for data, name in zip(outputs, names)]
    assert (result.code, result.err) == (0, "")
    assert contents(folder) == dict(
        {name + ".out": data for data, name in zip(outputs, names)}, **{
            "SHA256SUMS": "".join(sums).encode(), "ARCHIVED.sha256": b"", "nodes.failed": b"",
            "nodes.succeeded": "".join(name + "\n" for name in names).encode()})
    assert holds(folder, "SHA256SUMS") and holds_by_hand(folder, "SHA256SUMS")


@pytest.mark.parametrize("targets, files", [
    ([], set()), ([target()], set()), ([target({"kind": "inline"})], {NODES[0] + ".out"})], ids=["no target", "no output", "empty"])
def test_target_without_output_has_no_file_and_the_lists_are_always_there(plane, folder, targets, files):
    assert saved_targets(plane, folder, *targets).code == 0
    assert set(contents(folder)) == ALWAYS | files and b"".join(contents(folder)[name] for name in files) == b""
    assert lines_of(folder, "nodes.succeeded") == [NODES[0]] * len(targets)


def test_nodes_are_listed_by_how_they_ended(plane, folder):
    statuses = ("succeeded", "failed", "cancelled", "timeout", "pending", "ack", "started", "Succeeded", "", None)
    saved_targets(plane, folder, *[target(None, node, status) for node, status in zip(NODES, statuses)])
    lists = {name: lines_of(folder, name) for name in contents(folder) if name.startswith("nodes.")}
    assert lists == {"nodes.succeeded": NODES[:1], "nodes.failed": NODES[1:4], "nodes.unfinished": NODES[4:]}


def test_stdout_gets_the_recap(plane, folder):
    plane.script(*[Reply(execution([target(inline(b"out\n")), target(archive(), NODES[1], "failed")], action="two words"))] * 2)
    recap = sections(run_cli(*GET, plane=plane).out)[1]
    assert saved(plane, folder).out == recap and recap.count(b"\n") == 2 and b"1/2" in recap


@pytest.mark.parametrize("flags, code, kept", [
    (["--node", NODES[1].upper()], 0, [1]), (["--node", NODES[3]], 1, []), (["--failed"], 0, [1, 2]), (["--exit-status"], 5, [0, 1, 2])])
def test_flags_of_get_hold_and_the_recap_counts_all(plane, folder, flags, code, kept):
    targets = [target(inline(b"%d" % number), NODES[number], status)
               for number, status in enumerate(("succeeded", "failed", "timeout"))]
    result = saved_targets(plane, folder, *targets, flags=flags, status="failed")
    assert result.code == code and b" 1/3 " in result.out and (NODES[3] in result.err) == (NODES[3] in flags)
    assert set(contents(folder)) == ALWAYS | {NODES[number] + ".out" for number in kept}
    assert lines_of(folder, "nodes.succeeded") + lines_of(folder, "nodes.failed") == [NODES[number] for number in kept]


# ---- archived outputs

def test_archived_output_with_a_digest_is_a_line_and_any_other_is_named(plane, folder):
    good = {"k/1.log": DIGEST, "2": DIGEST.upper()}
    bad = [None, "", "abc", DIGEST + "0", DIGEST[:-1], DIGEST[:-1] + "g", DIGEST + "\n", DIGEST[:-1] + " "]
    outputs = [archive("b", key, sha256=sha256) for key, sha256 in sorted(good.items())]
    result = saved_targets(plane, folder, *numbered(outputs + [archive(sha256=sha256) for sha256 in bad] + [archive()]))
    assert result.code == 0 and set(contents(folder)) == ALWAYS
    assert contents(folder)["ARCHIVED.sha256"].decode() == "%s  b/2\n%s  b/k/1.log\n" % (DIGEST, DIGEST)
    for number, (line, sha256) in enumerate(zip(result.err.splitlines(), bad + [None])):
        assert line.startswith("warning: ") and node_number(2 + number) in line and (sha256 or "").strip() in line
    assert result.err.count("\n") == len(bad) + 1


def test_showcase_is_saved_whole_and_sha256sum_confirms_what_the_object_store_holds(plane, folder, tmp_path):
    result = run_cli("get", "--project", PROJECT, "--id", SHOWCASE, "--output-dir", str(folder), plane=plane)
    assert {name for name in contents(folder) if name.endswith(".out")} == {
        SHOWCASE_NODES[case] + ".out" for case in ("text", "binary", "empty")} and result.code == 0
    assert contents(folder)[SHOWCASE_NODES["binary"] + ".out"] == bytes(range(256))
    write_objects(str(tmp_path / "objects"))
    assert {name for _, name in checksums(contents(folder)["ARCHIVED.sha256"])} <= set(ARCHIVED_OBJECTS)
    assert holds(tmp_path / "objects", folder / "ARCHIVED.sha256")
    assert holds_by_hand(tmp_path / "objects", folder / "ARCHIVED.sha256")


ODD_NAMES = ["a b", " a ", "*a", "a\\b", "a\\nb", "\\", "a\nb", "\n", "\n\n  x\\\n", "a\tb", "\u00e9\u20ac\U0001f600",
             "a..b", "..a/b..", "...", "-", "--help", "#", "a\x1bb", "a\u2028b", "a\x85b", "a\x0bb", "\ud7ff\ue000"]


def test_odd_names_are_written_as_sha256sum_reads_them(plane, folder, tmp_path):
    result = saved_targets(plane, folder, *numbered(archive("b", key, sha256=DIGEST) for key in ODD_NAMES))
    assert (result.code, result.err) == (0, "")
    assert checksums(contents(folder)["ARCHIVED.sha256"]) == [(DIGEST, "b/" + key) for key in ODD_NAMES]
    for key in ODD_NAMES:
        path = tmp_path / "objects" / "b" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"archived\n")
    assert holds(tmp_path / "objects", folder / "ARCHIVED.sha256")


@pytest.mark.parametrize("key, line", [     # as coreutils 9.0 and newer have it
    ("a\rb", "\\%s  b/a\\rb\n"), ("\r\n", "\\%s  b/\\r\\n\n"), ("a\\b", "\\%s  b/a\\\\b\n"), ("\t \u00e9", "%s  b/\t \u00e9\n")])
def test_name_is_escaped_and_marked_only_where_it_must_be(plane, folder, key, line):
    saved_targets(plane, folder, target(archive("b", key, sha256=DIGEST)))
    assert contents(folder)["ARCHIVED.sha256"].decode("utf-8") == line % DIGEST


LEADING_OUT = [("/etc", "passwd"), ("/", "x"), ("..", "x"), ("b", "../x"), ("b", "a/../../x"), ("b", ".."), ("b", "a/.."), ("../b", "x"), ("b/..", "x")]
NAMELESS = [("b", "a\x00b"), ("b", "a\ud800b"), ("b", "a\udfffb")]


@pytest.mark.parametrize("digest", [DIGEST, ""], ids=["digest", "none"])
def test_names_that_lead_out_or_that_no_file_can_have_are_left_out_and_named(plane, folder, digest):
    outputs = [archive(*names, sha256=digest) for names in LEADING_OUT + NAMELESS]
    result = saved_targets(plane, folder, *numbered(outputs + [archive("b", "kept", sha256=DIGEST)]))
    assert checksums(contents(folder)["ARCHIVED.sha256"]) == [(DIGEST, "b/kept")] and b" 13/13 " in result.out
    lines = [line for line in result.err.splitlines() if line.startswith("warning: ")]
    for number, names in enumerate(LEADING_OUT + NAMELESS):
        assert node_number(number) in lines[number] and program.visible("%s/%s" % names) in lines[number]


# ---- targets that cannot be saved

def test_unreadable_output_is_named_and_costs_no_other_target(plane, folder):
    result = saved_targets(plane, folder, target({"kind": "tape"}), target(inline(b"x"), NODES[1]),
                           target({"kind": "inline", "inline_bytes": "Y"}, NODES[2]))
    assert result.code == 1 and NODES[0] in result.err and "tape" in result.err and NODES[2] in result.err
    assert set(contents(folder)) == ALWAYS | {NODES[1] + ".out"} and b" 3/3 " in result.out


ONE = NODES[1]
BAD_IDS = [     # and how they are shown
    ("", "-"), (None, "-"), ("node-7", "node-7"), ("../../escaped", "../../escaped"), ("/tmp/escaped", "/tmp/escaped"), ("a/b", "a/b"), (".", "."),
    ("..", ".."), ("-rf", "-rf"), ("nodes.failed", "nodes.failed"), ("x\ny.out", "x\\x0ay.out"), ("\x1b[2J", "\\x1b[2J"), (ONE + "\n", ONE + "\\x0a"),
    (" " + ONE, "\\x20" + ONE), ("{%s}" % ONE, "{%s}" % ONE), ("urn:uuid:" + ONE, "urn:uuid:" + ONE), (ONE.replace("-", ""), ONE.replace("-", "")),
    (ONE + "/../x", ONE + "/../x"), (ONE + "\0", ONE + "\\x00"), (ONE[:-1] + "\u0661", ONE[:-1] + "\u0661"), (ONE[:-1] + "g", ONE[:-1] + "g")]


@pytest.mark.parametrize("output", [inline(b"bad"), archive(sha256=DIGEST), None], ids=["inline", "archived", "none"])
def test_node_ids_that_are_no_uuid_are_named_and_never_a_path(plane, folder, output):
    result = saved_targets(plane, folder, *[target(output, node) for node, _ in BAD_IDS] + [target(inline(b"good"))])
    assert result.code == 1 and result.err.count("\n") == len(BAD_IDS)
    for line, (_, shown) in zip(result.err.splitlines(), BAD_IDS):
        assert "target %s " % shown in line and line.endswith(" is no UUID")
    assert set(contents(folder)) == ALWAYS | {NODES[0] + ".out"} and os.listdir(str(folder.parent)) == ["out"]
    assert lines_of(folder, "nodes.succeeded") == [NODES[0]] and contents(folder)["ARCHIVED.sha256"] == b""


@pytest.mark.parametrize("first, second", [(NODES[0], NODES[0]), (NODES[0], NODES[0].upper()), (NODES[0].upper(), NODES[0])])
def test_node_that_comes_twice_is_named_and_written_once_in_lower_case(plane, folder, first, second):
    result = saved_targets(plane, folder, target(inline(b"first"), first), target(inline(b"second"), second))
    assert result.code == 1 and second in result.err and "came before" in result.err and b" 2/2 " in result.out
    assert contents(folder)[NODES[0] + ".out"] == b"first" and len(checksums(contents(folder)["SHA256SUMS"])) == 1
    assert lines_of(folder, "nodes.succeeded") == [NODES[0]] and holds(folder, "SHA256SUMS")


@pytest.mark.parametrize("answer, code", [
    (Reply(execution([target(inline(b"whole")), target(inline(b"x" * 999), NODES[1])]), cut=1500), 1),
    (Reply(execution([target(inline(b"whole")), target(node=7)])), 1), (Reply({"code": "rebac_denied"}, 403), 77)],
    ids=["cut", "wrong type", "403"])
def test_failure_is_as_ever_without_a_recap(plane, folder, answer, code):
    plane.script(answer)
    result = saved(plane, folder)
    assert (result.code, result.out) == (code, b"") and contents(folder).get(NODES[0] + ".out", b"whole") == b"whole"


# ---- the folder

@posix_only
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077], ids=oct)
@pytest.mark.parametrize("made, folder_mode", [(False, 0o700), (True, 0o750)], ids=["new", "empty"])
def test_modes_are_private_under_every_umask(plane, folder, mask, made, folder_mode):
    if made:
        folder.mkdir()
        folder.chmod(folder_mode)
    before = os.umask(mask)
    try:
        result = saved_targets(plane, folder, target(inline(b"x")), target(status="started", node=NODES[1]))
    finally:
        os.umask(before)
    assert (result.code, mode(folder)) == (0, folder_mode)
    assert {mode(folder / name) for name in contents(folder)} == {0o600} and len(contents(folder)) == 6


@pytest.mark.parametrize("name", ["here", "out/", "-out", "a b", "\u00e9\n", "./x", "."], ids=ascii)
def test_folder_may_have_any_name_and_is_that_of_the_working_directory(plane, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    plane.script(Reply(execution([target(inline(b"x"))])))
    result = run_cli(*GET + ("--output-dir=" + name,), plane=plane)
    assert result.code == 0 and (tmp_path / name / (NODES[0] + ".out")).read_bytes() == b"x"


USED = {
    "a file": lambda path: path.write_bytes(b"mine"), "a pipe": lambda path: os.mkfifo(str(path)),
    "holds a file": lambda path: [path.mkdir(), (path / ".hidden").write_bytes(b"mine")],
    "holds a folder": lambda path: (path / "inner").mkdir(parents=True),
    "link to an empty folder": lambda path: [(path.parent / "elsewhere").mkdir(), path.symlink_to("elsewhere")],
    "link to nothing": lambda path: path.symlink_to("nowhere"), "link to itself": lambda path: path.symlink_to(path.name)}


def tree(path):
    return sorted(os.path.join(where, name) for where, folders, files in os.walk(str(path)) for name in folders + files)


@posix_only
@pytest.mark.parametrize("used, name", [(used, name) for used in sorted(USED) for name in ("out", "out/", "out//")] + [
    ("a file", name) for name in ("missing/out", "out/new", "x" * 300, "a\0b")])
def test_folder_that_is_neither_missing_nor_empty_is_1_and_nothing_is_written_or_sent(plane, folder, used, name):
    USED[used](folder)
    before = tree(folder.parent)
    result = run_cli(*GET + ("--wait", "--output-dir", "%s/%s" % (folder.parent, name)), plane=plane)
    assert (result.code, result.out, plane.requests) == (1, b"", []) and result.err.startswith("error: --output-dir ")
    assert tree(folder.parent) == before


@posix_only
@pytest.mark.parametrize("exists", [True, False], ids=["to a file", "to nothing"])
@pytest.mark.parametrize("name", sorted(ALWAYS | {"nodes.unfinished", NODES[0] + ".out"}))
def test_planted_link_is_not_followed(plane, folder, tmp_path, name, exists):
    def plant(sock):
        os.symlink(str(victim), str(folder / name))
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + encoded(execution([target(inline(b"x"), status="started")])))

    victim = tmp_path / "victim"
    if exists:
        victim.write_bytes(b"precious")
    plane.script(plant)
    result = saved(plane, folder)
    assert (result.code, result.out) == (1, b"") and name in result.err
    assert victim.read_bytes() == b"precious" if exists else not victim.exists()


# ---- usage

@pytest.mark.parametrize("argv, flags, code", [
    (LIST, (), 2), (GET, ("--output", "json"), 2), (GET, ("--output", "yaml"), 2), (GET, ("--output", "jsonl"), 2), (GET, ("--output", "raw"), 2),
    (GET, ("--output-dir", ""), 2), (GET, ("--id", "nonsense"), 2), (GET, ("--token-file", "/no such file"), 3)])
def test_no_folder_is_made_by_a_command_that_cannot_run(plane, folder, argv, flags, code):
    result = run_cli(*argv + ("--output-dir", str(folder)) + flags, plane=plane)
    assert (result.code, result.out, plane.requests, folder.exists()) == (code, b"", [], False)
