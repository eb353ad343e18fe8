"""Section 9: get --output-dir."""

import hashlib
import os

import pytest

from control_plane import ARCHIVED_OBJECTS, EXECUTIONS, PROJECT, SHOWCASE, SHOWCASE_NODES, Reply, write_objects
from kit import EXECUTION, GET, LIST, NODES, answered, archive, execution, inline, run_cli, sections, target
from kit_folder import checksums, contents, holds, holds_by_hand, mode, saved, under_umask

BINARY = bytes(range(256)) + b"\r\n\n\x00"
DIGEST = hashlib.sha256(b"archived\n").hexdigest()
ALWAYS = {"SHA256SUMS", "ARCHIVED.sha256", "nodes.succeeded", "nodes.failed"}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def saved_targets(plane, folder, *targets, **options):
    plane.script(Reply(execution(targets)))
    return saved(plane, folder, **options)


# ---- what is in it

def test_files_hold_exactly_the_bytes_and_nothing_else_is_there(plane, folder):
    result = saved_targets(plane, folder, target(inline(BINARY)))
    assert result.code == 0 and result.err == ""
    assert contents(folder) == {
        NODES[0] + ".out": BINARY, "ARCHIVED.sha256": b"", "nodes.failed": b"",
        "nodes.succeeded": NODES[0].encode() + b"\n",
        "SHA256SUMS": ("%s  %s.out\n" % (hashlib.sha256(BINARY).hexdigest(), NODES[0])).encode()}


def test_bytes_are_exact_whatever_they_are(plane, folder):
    outputs = [b"", b"no newline", b"\xef\xbb\xbfa\r\n", b"\x1b[31m", b"\n", b"x" * 16384, b"==> x <==\n"]
    saved_targets(plane, folder, *[target(inline(data), node) for data, node in zip(outputs, NODES)])
    assert [contents(folder)[node + ".out"] for node in NODES[:len(outputs)]] == outputs


def test_inline_output_without_bytes_is_an_empty_file(plane, folder):
    saved_targets(plane, folder, target({"kind": "inline"}))
    assert contents(folder)[NODES[0] + ".out"] == b""


def test_sha256sum_confirms_every_inline_output(plane, folder):
    outputs = [inline(BINARY * number) for number in range(10)]
    saved_targets(plane, folder, *[target(output, node) for output, node in zip(outputs, NODES)])
    assert len(checksums(contents(folder)["SHA256SUMS"])) == 10
    assert holds(folder, "SHA256SUMS") and holds_by_hand(folder, "SHA256SUMS")


def test_sha256sum_finds_a_changed_output(plane, folder):
    saved_targets(plane, folder, target(inline(b"a")))
    (folder / (NODES[0] + ".out")).write_bytes(b"b")
    assert not holds(folder, "SHA256SUMS") and not holds_by_hand(folder, "SHA256SUMS")


def test_execution_without_targets_leaves_empty_lists(plane, folder):
    assert saved_targets(plane, folder).code == 0
    assert contents(folder) == dict.fromkeys(ALWAYS, b"")


def test_target_without_output_has_no_file(plane, folder):
    assert saved_targets(plane, folder, target()).code == 0
    assert set(contents(folder)) == ALWAYS and contents(folder)["nodes.succeeded"] == NODES[0].encode() + b"\n"


def test_nodes_are_listed_by_how_they_ended(plane, folder):
    statuses = ("succeeded", "failed", "cancelled", "timeout", "pending", "ack", "started", "Succeeded", "", None)
    saved_targets(plane, folder, *[target(None, node, status) for node, status in zip(NODES, statuses)])
    lists = {name: data.decode() for name, data in contents(folder).items() if name.startswith("nodes.")}
    assert lists == {"nodes.succeeded": NODES[0] + "\n", "nodes.failed": "".join(node + "\n" for node in NODES[1:4]),
                     "nodes.unfinished": "".join(node + "\n" for node in NODES[4:])}


def test_stdout_gets_the_recap(plane, folder):
    wire = execution([target(inline(b"out\n")), target(archive(), NODES[1], "failed")], action="two words")
    plane.script(Reply(wire), Reply(wire))
    recap = sections(run_cli(*GET, plane=plane).out)[1]
    assert saved(plane, folder).out == recap and recap.count(b"\n") == 2 and b"1/2" in recap


def test_node_keeps_that_target_alone(plane, folder):
    plane.script(Reply(execution([target(inline(b"%d" % number), NODES[number]) for number in range(3)])))
    result = saved(plane, folder, "--node", NODES[1].upper())
    assert result.code == 0 and b" 3/3 " in result.out
    assert set(contents(folder)) == ALWAYS | {NODES[1] + ".out"}
    assert contents(folder)["nodes.succeeded"] == NODES[1].encode() + b"\n"


def test_node_that_is_no_target_is_1(plane, folder):
    plane.script(Reply(execution([target(inline(b"x"))])))
    result = saved(plane, folder, "--node", NODES[1])
    assert result.code == 1 and NODES[1] in result.err and NODES[0] + ".out" not in contents(folder)


def test_exit_status_judges_what_was_saved(plane, folder):
    plane.script(Reply(execution([target(inline(b"x"))], status="failed")))
    assert saved(plane, folder, "--exit-status").code == 5 and contents(folder)[NODES[0] + ".out"] == b"x"


# ---- archived outputs

def test_archived_output_with_a_digest_is_a_line(plane, folder):
    result = saved_targets(plane, folder, target(archive("b", "k/1.log", sha256=DIGEST)))
    assert result.code == 0 and result.err == "" and set(contents(folder)) == ALWAYS
    assert contents(folder)["ARCHIVED.sha256"] == ("%s  b/k/1.log\n" % DIGEST).encode()


def test_archived_output_without_a_digest_is_no_line(plane, folder):
    result = saved_targets(plane, folder, target(archive("b", "1", sha256=DIGEST)), target(archive("b", "2"), NODES[1]))
    assert result.code == 0 and checksums(contents(folder)["ARCHIVED.sha256"]) == [(DIGEST, "b/1")]


def test_digest_that_is_none_is_named_and_no_line(plane, folder):
    digests = ["abc", DIGEST + "0", DIGEST[:-1] + "g", DIGEST + "\n", DIGEST[:-1] + " "]
    wire = [target(archive(sha256=sha256), node) for sha256, node in zip(digests, NODES)]
    result = saved_targets(plane, folder, *wire)
    assert contents(folder)["ARCHIVED.sha256"] == b""
    for sha256, node in zip(digests, NODES):
        assert any(node in line and sha256.strip() in line for line in result.err.splitlines())
    assert result.err.count("warning: ") == len(digests)


WITH_ARCHIVED = [wire["id"] for wire in EXECUTIONS if any("bucket" in target.get("output_ref", ())
                                                          for target in wire["targets"])]


@pytest.mark.parametrize("identity", WITH_ARCHIVED[:3])
def test_archived_sha256_confirms_what_the_object_store_holds(plane, folder, tmp_path, identity):
    run_cli("get", "--project", PROJECT, "--id", identity, "--output-dir", str(folder), plane=plane)
    write_objects(str(tmp_path / "objects"))
    names = [name for _, name in checksums(contents(folder)["ARCHIVED.sha256"])]
    assert names and set(names) <= set(ARCHIVED_OBJECTS)
    assert holds(tmp_path / "objects", folder / "ARCHIVED.sha256")
    assert holds_by_hand(tmp_path / "objects", folder / "ARCHIVED.sha256")


def test_showcase_is_saved_whole(plane, folder):
    result = run_cli("get", "--project", PROJECT, "--id", SHOWCASE, "--output-dir", str(folder), plane=plane)
    assert result.code == 0 and holds(folder, "SHA256SUMS")
    assert {name for name in contents(folder) if name.endswith(".out")} == {
        SHOWCASE_NODES[case] + ".out" for case in ("text", "binary", "empty")}
    assert contents(folder)[SHOWCASE_NODES["binary"] + ".out"] == bytes(range(256))


ODD_NAMES = ["a b", " a ", "*a", "a\\b", "a\\nb", "\\", "a\nb", "\n", "\n\n  x\\\n", "a\tb", "\u00e9\u20ac\U0001f600",
             "a..b", "..a/b..", "...", "-", "--help", "#", "a\x1bb", "a\u2028b", "a\x85b", "a\x0bb"]


def node_number(number):
    return "%s%02x" % (NODES[0][:-2], number)


def archived_targets(*keys):
    return [target(archive("b", key, sha256=DIGEST), node_number(number)) for number, key in enumerate(keys)]


def test_odd_names_are_written_as_sha256sum_reads_them(plane, folder, tmp_path):
    result = saved_targets(plane, folder, *archived_targets(*ODD_NAMES))
    assert result.code == 0 and result.err == ""
    assert checksums(contents(folder)["ARCHIVED.sha256"]) == [(DIGEST, "b/" + key) for key in ODD_NAMES]
    for key in ODD_NAMES:
        path = tmp_path / "objects" / "b" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"archived\n")
    assert holds(tmp_path / "objects", folder / "ARCHIVED.sha256")


def test_carriage_return_in_a_name_is_escaped(plane, folder):       # as coreutils 9.0 and newer have it
    saved_targets(plane, folder, *archived_targets("a\rb", "a\r", "\r\n"))
    assert contents(folder)["ARCHIVED.sha256"].decode().split("\n") == [
        "\\%s  b/%s" % (DIGEST, name) for name in ("a\\rb", "a\\r", "\\r\\n")] + [""]


def test_name_that_needs_no_escape_is_not_marked(plane, folder):
    saved_targets(plane, folder, target(archive("b", "\t \u00e9", sha256=DIGEST)))
    assert contents(folder)["ARCHIVED.sha256"].startswith(DIGEST.encode())


LEADING_OUT = [("/etc", "passwd"), ("/", "x"), ("..", "x"), ("b", "../x"), ("b", "a/../../x"), ("b", ".."),
               ("b", "a/.."), ("../b", "x"), ("b/..", "x")]


def test_names_that_lead_out_are_left_out_and_named(plane, folder):
    wire = [target(archive(bucket, key, sha256=DIGEST), node_number(number))
            for number, (bucket, key) in enumerate(LEADING_OUT)]
    result = saved_targets(plane, folder, target(archive("b", "kept", sha256=DIGEST), NODES[1]), *wire)
    assert checksums(contents(folder)["ARCHIVED.sha256"]) == [(DIGEST, "b/kept")]
    assert contents(folder)["nodes.succeeded"].count(b"\n") == len(wire) + 1
    for number, names in enumerate(LEADING_OUT):
        assert any("%s/%s" % names in line and node_number(number) in line for line in result.err.splitlines())


def test_names_that_no_file_can_have_are_named(plane, folder):
    result = saved_targets(plane, folder, *archived_targets("a\x00b", "a\ud800b"))
    assert contents(folder)["ARCHIVED.sha256"] == b"" and node_number(0) in result.err and node_number(1) in result.err


# ---- targets that cannot be saved

def test_unreadable_output_is_named_and_costs_no_other_target(plane, folder):
    result = saved_targets(plane, folder, target({"kind": "tape"}), target(inline(b"x"), NODES[1]),
                           target({"kind": "inline", "inline_bytes": "Y"}, NODES[2]))
    assert result.code == 1 and NODES[0] in result.err and "tape" in result.err and NODES[2] in result.err
    assert set(contents(folder)) == ALWAYS | {NODES[1] + ".out"} and b" 3/3 " in result.out


BAD_IDS = [     # and how they are shown
    ("", "-"), (None, "-"), ("node-7", "node-7"), ("../../escaped", "../../escaped"), ("/tmp/escaped", "/tmp/escaped"),
    ("a/b", "a/b"), ("nodes.failed", "nodes.failed"), (NODES[1] + "\n", NODES[1] + "\\x0a"),
    (" " + NODES[1], "\\x20" + NODES[1]), ("{%s}" % NODES[1], "{%s}" % NODES[1]),
    ("urn:uuid:" + NODES[1], "urn:uuid:" + NODES[1]), (NODES[1].replace("-", ""), NODES[1].replace("-", "")),
    (NODES[1] + "/../x", NODES[1] + "/../x"), (NODES[1] + "\x00", NODES[1] + "\\x00"),
    (NODES[1][:-1] + "\u0661", NODES[1][:-1] + "\u0661"), ("x\ny.out", "x\\x0ay.out"), ("\x1b[2J", "\\x1b[2J"),
    (".", "."), ("..", ".."), ("-rf", "-rf")]


def test_node_ids_that_are_no_uuid_are_named_and_never_a_path(plane, folder):
    result = saved_targets(plane, folder, *[target(inline(b"bad"), node) for node, _ in BAD_IDS] + [
        target(inline(b"good"), NODES[0])])
    assert result.code == 1
    for line, (_, shown) in zip(result.err.splitlines() + [""] * len(BAD_IDS), BAD_IDS):
        assert "target %s " % shown in line
    assert set(contents(folder)) == ALWAYS | {NODES[0] + ".out"} and os.listdir(str(folder.parent)) == ["out"]
    assert contents(folder)["nodes.succeeded"] == NODES[0].encode() + b"\n"


def test_archived_output_of_a_node_that_is_no_uuid_is_named_too(plane, folder):
    assert saved_targets(plane, folder, target(archive(sha256=DIGEST), "node-7")).code == 1


def test_node_that_comes_twice_is_named_and_written_once(plane, folder):
    result = saved_targets(plane, folder, target(inline(b"first")), target(inline(b"second")))
    assert result.code == 1 and NODES[0] in result.err and b" 2/2 " in result.out
    assert contents(folder)[NODES[0] + ".out"] == b"first" and len(checksums(contents(folder)["SHA256SUMS"])) == 1
    assert contents(folder)["nodes.succeeded"] == NODES[0].encode() + b"\n" and holds(folder, "SHA256SUMS")


def test_node_that_comes_twice_in_two_spellings_is_named(plane, folder):
    result = saved_targets(plane, folder, target(inline(b"1"), NODES[0]), target(inline(b"2"), NODES[0].upper()))
    assert result.code == 1 and NODES[0] in result.err.lower()


def test_wrong_type_is_malformed(plane, folder):
    assert saved_targets(plane, folder, target(inline(b"x"), node=7)).code == 1


def test_cut_body_is_1_without_a_recap(plane, folder):
    plane.script(Reply(execution([target(inline(b"whole")), target(inline(b"x" * 999), NODES[1])]), cut=1500))
    result = saved(plane, folder)
    assert (result.code, result.out) == (1, b"")
    assert contents(folder).get(NODES[0] + ".out", b"whole") == b"whole"


# ---- the folder

@pytest.mark.skipif(os.name == "nt", reason="there are no modes here")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077], ids=oct)
def test_modes_are_private_under_every_umask(plane, folder, mask):
    wire = [target(inline(b"x")), target(status="started", node=NODES[1])]
    assert saved_targets(plane, folder, *wire, python=under_umask(mask)).code == 0
    assert mode(folder) == 0o700
    assert {mode(folder / name) for name in contents(folder)} == {0o600} and len(contents(folder)) == 6


@pytest.mark.skipif(os.name == "nt", reason="there are no modes here")
def test_empty_folder_is_used_and_keeps_its_mode(plane, folder):
    folder.mkdir()
    os.chmod(str(folder), 0o750)
    assert saved_targets(plane, folder, target(inline(b"x")), python=under_umask(0)).code == 0
    assert mode(folder) == 0o750 and mode(folder / (NODES[0] + ".out")) == 0o600


def test_relative_folder_is_that_of_the_working_directory(plane, tmp_path):
    plane.script(*[Reply(execution([target(inline(b"x"))]))] * 2)
    assert saved(plane, "here", cwd=str(tmp_path)).code == 0
    assert (tmp_path / "here" / (NODES[0] + ".out")).read_bytes() == b"x"
    (tmp_path / "empty").mkdir()
    assert saved(plane, ".", cwd=str(tmp_path / "empty")).code == 0


@pytest.mark.parametrize("name", ["out/", "-out", "a b", "\u00e9\n"], ids=ascii)
def test_folder_may_have_any_name(plane, tmp_path, name):
    plane.script(Reply(execution([target(inline(b"x"))])))
    result = run_cli(*GET + ("--output-dir=" + name,), plane=plane, cwd=str(tmp_path))
    assert result.code == 0 and (tmp_path / name / (NODES[0] + ".out")).read_bytes() == b"x"


def a_file(path):
    path.write_bytes(b"mine")


def not_empty(path):
    path.mkdir()
    (path / ".hidden").write_bytes(b"mine")


def holding_a_folder(path):
    (path / "inner").mkdir(parents=True)


def link_to_empty(path):
    (path.parent / "elsewhere").mkdir()
    path.symlink_to("elsewhere")


def link_to_nothing(path):
    path.symlink_to("nowhere")


def link_to_itself(path):
    path.symlink_to(path.name)


def a_pipe(path):
    os.mkfifo(str(path))


def tree(path):
    return sorted(os.path.join(where, name) for where, folders, files in os.walk(str(path)) for name in folders + files)


UNUSABLE = [(make, "out") for make in (a_file, not_empty, holding_a_folder, link_to_empty, link_to_nothing,
                                       link_to_itself, a_pipe)] + [(make, "out/") for make in (
                                           a_file, not_empty, link_to_empty, link_to_nothing)]


def refused(plane, folder, name):
    before = tree(folder.parent)
    result = run_cli(*GET + ("--wait", "--output-dir", str(folder.parent / name)), plane=plane)
    assert (result.code, result.out) == (1, b"") and "--output-dir" in result.err and plane.requests == []
    assert tree(folder.parent) == before


@pytest.mark.skipif(os.name == "nt", reason="links and pipes need rights here")
@pytest.mark.parametrize("make, name", UNUSABLE, ids=["%s %s" % (make.__name__, name) for make, name in UNUSABLE])
def test_folder_that_is_neither_missing_nor_empty_is_1_and_nothing_is_written_or_sent(plane, folder, make, name):
    make(folder)
    refused(plane, folder, name)


@pytest.mark.parametrize("name", ["missing/out", "file/out", "x" * 300])
def test_folder_that_cannot_be_made_is_1_and_nothing_is_written_or_sent(plane, folder, name):
    a_file(folder.parent / "file")
    refused(plane, folder, name)


def planting(folder, victim, name, targets):
    """An answer before which somebody plants a link."""
    def send(sock):
        os.symlink(str(victim), str(folder / name))
        Reply(execution(targets)).send(sock, bool)
    return send


@pytest.mark.skipif(os.name == "nt", reason="links need rights here")
@pytest.mark.parametrize("name, exists", [(NODES[0] + ".out", False), (NODES[0] + ".out", True), ("SHA256SUMS", True),
                                          ("ARCHIVED.sha256", True), ("nodes.succeeded", True), ("nodes.failed", True),
                                          ("nodes.unfinished", True)])
def test_planted_link_is_not_followed(plane, folder, tmp_path, name, exists):
    victim = tmp_path / "victim"
    if exists:
        victim.write_bytes(b"precious")
    plane.script(planting(folder, victim, name, [target(inline(b"x"), status="started")]))
    result = saved(plane, folder)
    assert (result.code, result.out) == (1, b"") and name in result.err
    assert victim.read_bytes() == b"precious" if exists else not victim.exists()


@pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="files are made by path here")
def test_folder_replaced_by_a_link_is_not_followed(plane, folder, tmp_path):
    def send(sock):
        folder.rename(tmp_path / "moved")
        (tmp_path / "victim").mkdir()
        folder.symlink_to("victim")
        Reply(execution([target(inline(b"x"))])).send(sock, bool)

    plane.script(send)
    saved(plane, folder)
    assert contents(tmp_path / "victim") == {}


# ---- usage

@pytest.mark.parametrize("form", ["json", "yaml", "jsonl", "raw"])
def test_folder_goes_with_text_alone(plane, folder, form):
    result = saved(plane, folder, "--output", form)
    assert (result.code, result.out, plane.requests, folder.exists()) == (2, b"", [], False)


def test_list_has_no_folder(plane, folder):
    assert run_cli(*LIST + ("--output-dir", str(folder)), plane=plane).code == 2 and not folder.exists()


@pytest.mark.parametrize("flags, code", [(["--id", "nonsense"], 2), (["--token-file", "/no such file"], 3)])
def test_no_folder_is_made_by_a_command_that_cannot_run(plane, folder, flags, code):
    assert saved(plane, folder, *flags).code == code and not folder.exists() and plane.requests == []


def test_refused_request_is_as_ever(plane, folder):
    result = answered(plane, Reply({"code": "rebac_denied"}, 403), *GET + ("--output-dir", str(folder)))
    assert result.code == 77 and result.out == b"" and EXECUTION not in str(contents(folder))
