"""Section 9: get --output-dir."""

import hashlib
import os
import shutil
import signal
import subprocess
import time

import pytest

from control_plane import PROJECT, SHOWCASE, SHOWCASE_NODES, write_objects
from kit import (GET, LIST, NODES, PATIENCE, archive, as_given, encode, error_lines, execution, finish_cli, inline,
                 posix_only, read_folder, read_mode, read_sections, rule, run_cli, save_to_folder, start_cli, target,
                 wait_until)
from server import HANG, Reply

pytestmark = rule("9.3")
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
BINARY = bytes(range(256)) + b"\r\n\n\x00"
DIGEST = hashlib.sha256(b"archived\n").hexdigest()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def save_targets(plane, folder, *targets, flags=(), options=(), **members):
    """Run `get --output-dir` for an Execution with these targets. Its Result."""
    plane.script(Reply(execution(targets, **members)))
    return save_to_folder(plane, folder, *flags, **dict(options))


def number_nodes(outputs):
    """A target for each of the outputs."""
    return [target(output, "%s%02x" % (NODES[0][:-2], number)) for number, output in enumerate(outputs)]


def read_rows(folder, name="targets"):
    """The lines of the folder's file, each a list of fields."""
    data = read_folder(folder)[name].decode("utf-8")
    assert data == "" or data.endswith("\n")
    return [line.split("\t") for line in data.split("\n")[:-1]]


def row(output="none", size="-", digest="-", where="-", node=NODES[0], status="succeeded"):
    """The fields of a line that are expected."""
    return [node, status, output, size, digest, where]


def row_of(data, **fields):
    """The line of an inline output."""
    return row("inline", str(len(data)), hashlib.sha256(data).hexdigest(), **fields)


# ---- what is in it

OUTPUTS = {
    "every byte": BINARY, "empty": b"", "no newline": b"no newline", "BOM and CR LF": b"\xef\xbb\xbfa\r\n",
    "escapes": b"\x1b[31m\x1b[2J\x00\x9b", "newline": b"\n", "16 KiB": b"x" * 16384, "header": b"==> x <==\n"}


@rule("5.9")
@pytest.mark.parametrize("terminals", [(), ("stdout", "stderr")], ids=["pipe", "terminal"])
@pytest.mark.parametrize("color", ["auto", "always"])
def test_files_hold_exactly_the_bytes_wherever_stdout_goes(plane, folder, terminals, color):
    targets = number_nodes(map(inline, OUTPUTS.values()))
    result = save_targets(plane, folder, *targets, flags=("--color", color), options={"terminals": terminals})
    names = [wire["node_id"] for wire in targets]
    lines = [row_of(data, node=name) for name, data in zip(names, OUTPUTS.values())]
    assert (result.code, error_lines(result)) == (0, []) and read_rows(folder) == lines
    files = read_folder(folder)
    del files["targets"]
    assert files == {name + ".out": data for name, data in zip(names, OUTPUTS.values())}


#: A target, and its line in `targets`.
LINES = [
    (target(inline(b"out\n")), row_of(b"out\n")), (target(None, status="pending"), row(status="pending")),
    (target(archive("b", "k/1", sha256=DIGEST)), row("archived", "-", DIGEST, "b/k/1")),
    (target(archive("b", "k")), row("archived", "-", "-", "b/k")),
    (target(archive("b", "k", sha256="no digest\t")), row("archived", "-", "no\\x20digest\\x09", "b/k")),
    (target({"kind": "inline"}), row_of(b"")), (target(None, status=None), row(status="-")),
    (target({"kind": "tape"}), row("unreadable")), (target(archive("b", None)), row("unreadable")),
    (target({"kind": "inline", "inline_bytes": "Y"}), row("unreadable")),
    (target(archive(" a\tb", "c\nd\u00e9\x1b\\")), row("archived", where="\\x20a\\x09b/c\\x0ad\u00e9\\x1b\\")),
    (target(None, status="two words\t"), row(status="two\\x20words\\x09"))]


@rule("5.10", "5.6")
@pytest.mark.parametrize("wire, fields", LINES, ids=["inline", "none", "archived", "no digest", "odd digest", "empty",
                                                   "no status", "kind", "no key", "base64", "odd names", "odd status"])
def test_line_of_targets_has_six_fields(plane, folder, wire, fields):
    result = save_targets(plane, folder, wire)
    assert read_rows(folder) == [fields] and set(read_folder(folder)) == {"targets"} | (
        {NODES[0] + ".out"} if fields[2] == "inline" else set())
    assert (result.code, len(error_lines(result))) == ((1, 1) if fields[2] == "unreadable" else (0, 0))


def test_file_has_the_node_id_s_own_spelling(plane, folder):
    node = NODES[0].upper()
    assert save_targets(plane, folder, target(inline(b"x"), node)).code == 0
    assert set(read_folder(folder)) == {"targets", node + ".out"}


def test_targets_are_in_wire_order_and_an_unreadable_one_costs_no_other(plane, folder):
    wires = [target({"kind": "tape"}, NODES[3]), target(inline(b"x"), NODES[1]), target(node=NODES[2])]
    result = save_targets(plane, folder, *wires)
    assert result.code == 1 and len(error_lines(result)) == 1 and NODES[3] in result.err and "tape" in result.err
    assert read_rows(folder) == [row("unreadable", node=NODES[3]), row_of(b"x", node=NODES[1]), row(node=NODES[2])]
    assert (folder / (NODES[1] + ".out")).read_bytes() == b"x" and b" 3/3 " in result.out


def test_execution_without_targets_has_an_empty_file_targets(plane, folder):
    assert save_targets(plane, folder).code == 0 and read_folder(folder) == {"targets": b""}


@rule("5.3")
def test_stdout_gets_the_recap_alone(plane, folder):
    targets = [target(inline(b"out\n")), target(archive(), NODES[1], "failed")]
    plane.script(*[Reply(execution(targets, action="two words"))] * 2)
    recap = read_sections(run_cli(*GET, plane=plane).out)[1]
    assert save_to_folder(plane, folder).out == recap and recap.count(b"\n") == 2 and b"1/2" in recap


@rule("5.4", "9.2", "1.12")
@pytest.mark.parametrize("flags, code, kept", [
    (["--node", NODES[1].upper()], 0, [1]), (["--failed"], 0, [1, 2]), (["--exit-status"], 5, [0, 1, 2])],
    ids=["--node", "--failed", "--exit-status"])
def test_flags_of_get_hold_and_the_recap_counts_all(plane, folder, flags, code, kept):
    data, statuses = [b"0", b"1", b"2"], ("succeeded", "failed", "timeout")
    targets = [target(inline(one), node, status) for one, node, status in zip(data, NODES, statuses)]
    result = save_targets(plane, folder, *targets, flags=flags, status="failed")
    assert result.code == code and b" 1/3 " in result.out
    assert read_rows(folder) == [row_of(data[number], node=NODES[number], status=statuses[number]) for number in kept]
    assert set(read_folder(folder)) == {"targets"} | {NODES[number] + ".out" for number in kept}


@rule("5.4")
def test_node_that_is_no_target_is_1(plane, folder):
    result = save_targets(plane, folder, target(inline(b"x")), flags=("--node", NODES[3]))
    assert result.code == 1 and NODES[3] in error_lines(result)[0] and NODES[0] + ".out" not in read_folder(folder)


# ---- what awk alone answers

def answer(folder, program):
    """What awk prints for the folder's file `targets`, by lines."""
    line = ["awk", "-F", "\t", program, "targets"]
    return subprocess.check_output(line, cwd=str(folder)).decode("utf-8").splitlines()


@pytest.mark.skipif(not shutil.which("awk"), reason="needs awk")
def test_awk_tells_who_failed_who_printed_the_same_and_what_has_no_digest(plane, folder):
    outputs = [inline(b"same"), inline(b"other"), inline(b"same"), archive(), archive("b", "k", sha256=DIGEST), None]
    statuses = ("succeeded", "failed", "succeeded", "timeout", "succeeded", "pending")
    save_targets(plane, folder, *[target(*wire) for wire in zip(outputs, NODES, statuses)])
    assert answer(folder, '$2 ~ /^(failed|cancelled|timeout)$/ { print $1 }') == [NODES[1], NODES[3]]
    assert answer(folder, '$3 == "archived" && $5 == "-" { print $6 }') == ["logs/a/b.log"]
    assert answer(folder, '$3 == "inline" { n[$5]++ } END { for (d in n) if (n[d] > 1) print n[d], d }') == [
        "2 " + hashlib.sha256(b"same").hexdigest()]


@pytest.mark.skipif(not (shutil.which("awk") and shutil.which("sha256sum")), reason="needs awk and sha256sum")
def test_sha256sum_confirms_the_outputs_and_what_the_object_store_holds(plane, folder, tmp_path):
    result = run_cli("get", "--project", PROJECT, "--id", SHOWCASE, "--output-dir", str(folder), plane=plane)
    assert result.code == 0 and read_folder(folder)[SHOWCASE_NODES["binary"] + ".out"] == bytes(range(256))
    write_objects(str(tmp_path / "objects"))
    for program, place in (('$3 == "inline" { print $5 "  " $1 ".out" }', folder),
                           ('$3 == "archived" && $5 != "-" { print $5 "  " $6 }', tmp_path / "objects")):
        sums = answer(folder, program)
        check = subprocess.Popen(["sha256sum", "-c", "--quiet", "--strict"], cwd=str(place), stdin=subprocess.PIPE)
        check.communicate(("\n".join(sums) + "\n").encode())
        assert check.returncode == 0 and sums


# ---- a folder without `targets` is incomplete

TWO = execution([target(inline(b"first")), target(inline(b"second"), NODES[1])])


SECOND = encode(TWO).index(b',{"created_at"')      # where the second target begins


@rule("7.1")
def test_files_and_lines_are_written_as_targets_arrive(plane, folder):
    there = []

    def halting(sock):
        sock.sendall(OK + encode(TWO)[:SECOND])
        end = time.monotonic() + PATIENCE
        while not there and time.monotonic() < end:
            time.sleep(0.005)
            if read_folder(folder).get("targets.partial", b"").endswith(b"\n"):
                there.append(read_folder(folder))      # afresh: the file may have come while the first look went on
        sock.sendall(encode(TWO)[SECOND:])

    plane.script(halting)
    assert save_to_folder(plane, folder).code == 0
    line = "\t".join(row_of(b"first")).encode() + b"\n"
    assert there == [{"targets.partial": line, NODES[0] + ".out": b"first"}]
    assert read_rows(folder) == [row_of(b"first"), row_of(b"second", node=NODES[1])]
    assert set(read_folder(folder)) == {"targets", NODES[0] + ".out", NODES[1] + ".out"}


@pytest.mark.parametrize("answer, code, lines", [
    (Reply(TWO, cut=SECOND + 20), 1, 1), (Reply(TWO, cut=len(encode(TWO)) - 1), 1, 2),
    (Reply(execution([target(inline(b"first")), target(node=7)])), 1, 1),
    (Reply(encode(dict(TWO, zzz=0))[:-2] + b"?}"), 1, 2), (Reply(dict(TWO, id=NODES[5])), 1, None),
    (Reply({"code": "rebac_denied"}, 403), 77, None), (Reply({}, 404), 1, None)],
    ids=["cut in a target", "cut at the end", "wrong type", "malformed", "other id", "403", "404"])
def test_failure_is_as_ever_and_leaves_no_targets(plane, folder, answer, code, lines):
    plane.script(answer)
    result = save_to_folder(plane, folder)
    assert (result.code, result.out, len(error_lines(result))) == (code, b"", 1)
    assert "targets" not in read_folder(folder)
    if lines:
        assert [NODES[0], NODES[1]][:lines] == [fields[0] for fields in read_rows(folder, "targets.partial")]
        assert (folder / (NODES[0] + ".out")).read_bytes() == b"first"


@posix_only
@rule("6.5")
def test_ctrl_c_leaves_no_targets(plane, folder):
    plane.script(lambda sock: (sock.sendall(OK + encode(TWO)[:SECOND]), HANG(sock)))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)   # a child would inherit that it is ignored
    try:
        process = start_cli(*GET + ("--output-dir", str(folder)), plane=plane)
    finally:
        signal.signal(signal.SIGINT, before)
    wait_until(lambda: (folder / (NODES[0] + ".out")).exists() and read_folder(folder).get("targets.partial"))
    process.send_signal(signal.SIGINT)
    assert finish_cli(process) == (-signal.SIGINT, b"", "")
    assert read_rows(folder, "targets.partial") == [row_of(b"first")] and "targets" not in read_folder(folder)


@posix_only
def test_full_disk_is_1_naming_the_file_and_leaves_no_targets(plane, folder):
    import resource
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
    try:
        result = save_targets(plane, folder, target(inline(b"small")), target(inline(b"x" * 16384), NODES[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (result.code, result.out, len(error_lines(result))) == (1, b"", 1) and "too large" in result.err
    assert "targets" not in read_folder(folder) and (folder / (NODES[0] + ".out")).read_bytes() == b"small"


@rule("6.2")
@pytest.mark.parametrize("closed", [False, True], ids=["full", "closed"])
def test_recap_that_cannot_be_written_is_1(plane, folder, closed):
    with open(os.devnull, "rb", buffering=0) as unwritable:
        plane.script(Reply(TWO))
        if closed:
            unwritable.close()
        result = save_to_folder(plane, folder, stdout=unwritable)
    assert result.code == 1 and "standard output" in result.err


# ---- targets that become no file

ONE = NODES[1]
BAD_IDS = {     # and how they are shown
    "": "-", None: "-", "node-7": "node-7", "../../escaped": "../../escaped", "/tmp/escaped": "/tmp/escaped",
    "a/b": "a/b", "a\\b": "a\\b", ".": ".", "..": "..", "-rf": "-rf", "targets": "targets", "CON": "CON",
    "targets.partial": "targets.partial", "x\ny.out": "x\\x0ay.out", "a\tb": "a\\x09b", "\x1b[2J": "\\x1b[2J",
    ONE + "\n": ONE + "\\x0a", " " + ONE: "\\x20" + ONE, "{%s}" % ONE: "{%s}" % ONE, ONE + "/../x": ONE + "/../x",
    "urn:uuid:" + ONE: "urn:uuid:" + ONE, ONE.replace("-", ""): ONE.replace("-", ""), ONE + "\0": ONE + "\\x00",
    ONE[:-1] + "\u0661": ONE[:-1] + "\u0661", ONE[:-1] + "g": ONE[:-1] + "g", ONE + ".out": ONE + ".out"}


@rule("5.10")
@pytest.mark.parametrize("output", [inline(b"bad"), archive(sha256=DIGEST), None], ids=["inline", "archived", "none"])
def test_node_id_that_is_no_uuid_stays_in_targets_and_becomes_no_file(plane, folder, output):
    bad = list(BAD_IDS)
    result = save_targets(plane, folder, *[target(output, node) for node in bad] + [target(inline(b"good"))])
    assert (result.code, len(error_lines(result))) == (1, len(bad))
    for line, node in zip(error_lines(result), bad):
        assert BAD_IDS[node] in line
    assert [fields[0] for fields in read_rows(folder)] == [BAD_IDS[node] for node in bad] + [NODES[0]]
    assert set(read_folder(folder)) == {"targets", NODES[0] + ".out"} and os.listdir(str(folder.parent)) == ["out"]


@pytest.mark.parametrize("first, second", [
    (NODES[0], NODES[0]), (NODES[0], NODES[0].upper()), (NODES[0].upper(), NODES[0])], ids=["same", "upper", "lower"])
def test_node_that_comes_twice_stays_in_targets_and_is_written_once(plane, folder, first, second):
    result = save_targets(plane, folder, target(inline(b"first"), first), target(inline(b"second"), second))
    error, = error_lines(result)
    assert result.code == 1 and second in error and b" 2/2 " in result.out
    assert read_rows(folder) == [row_of(b"first", node=first), row_of(b"second", node=second)]
    files = read_folder(folder)
    del files["targets"]
    assert {name.lower(): data for name, data in files.items()} == {NODES[0] + ".out": b"first"}


def test_archived_target_that_comes_twice_is_1_too(plane, folder):
    result = save_targets(plane, folder, target(archive()), target(archive()))
    assert (result.code, len(error_lines(result)), len(read_rows(folder))) == (1, 1, 2)


# ---- the folder

@posix_only
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077, 0o177], ids=oct)
@pytest.mark.parametrize("made", [None, 0o700, 0o755, 0o750], ids=["new", "0700", "0755", "0750"])
def test_modes_are_private_under_every_umask(plane, folder, mask, made):
    if made:
        folder.mkdir()
        folder.chmod(made)
    if mask & 0o100 and not made and os.geteuid():
        pytest.skip("such a folder could not be entered")
    before = os.umask(mask)
    try:
        result = save_targets(plane, folder, target(inline(b"x")), target(status="started", node=NODES[1]))
    finally:
        os.umask(before)
    assert (result.code, read_mode(folder)) == (0, made or 0o700 & ~mask)
    assert [read_mode(folder / name) for name in read_folder(folder)] == [0o600 & ~mask] * 2


@pytest.mark.parametrize("name", ["here", "out/", "-out", "a b", "\u00e9", "./x", ".", "%s", "#x"], ids=ascii)
def test_folder_may_have_any_name_and_is_that_of_the_working_directory(plane, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    plane.script(Reply(execution([target(inline(b"x"))])))
    result = run_cli(*GET + ("--output-dir=" + name,), plane=plane)
    assert result.code == 0 and (tmp_path / as_given(name) / (NODES[0] + ".out")).read_bytes() == b"x"


def make_folder(path, permissions=0o700, owner=None):
    path.mkdir()
    path.chmod(permissions)
    if owner is not None:
        os.chown(str(path), owner, -1)


IS_ROOT = os.name != "nt" and os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="needs root, to give a folder away")
#: What stands in the place of the folder, and a word of the message that says so.
REFUSED = {
    "a file": (lambda path: path.write_bytes(b"mine"), ""), "holds a file": (
        lambda path: [path.mkdir(), (path / ".hidden").write_bytes(b"mine")], "empty"),
    "holds a folder": (lambda path: (path / "inner").mkdir(parents=True), "empty"),
    "a pipe": (lambda path: os.mkfifo(str(path)), ""),
    "link to a folder": (lambda path: [(path.parent / "else").mkdir(), path.symlink_to("else")], "link"),
    "link to nothing": (lambda path: path.symlink_to("nowhere"), "link"),
    "link to itself": (lambda path: path.symlink_to(path.name), "link"),
    "group may write": (lambda path: make_folder(path, 0o770), "mode"),
    "others may write": (lambda path: make_folder(path, 0o702), "mode"),
    "sticky": (lambda path: make_folder(path, 0o1777), "mode"),
    "another owner": (lambda path: make_folder(path, owner=12345), "belongs")}
ON_WINDOWS_TOO = ("a file", "holds a file", "holds a folder")


def tree(path):
    """All that is in a folder, and the bytes of the files."""
    found = [os.path.join(where, name) for where, folders, files in os.walk(str(path)) for name in folders + files]
    return sorted((name, os.path.isfile(name) and os.path.getsize(name), os.path.islink(name)) for name in found)


@pytest.mark.parametrize("used, end", [
    pytest.param(used, end, marks=[as_root] * (used == "another owner") + [posix_only] * (used not in ON_WINDOWS_TOO))
    for used in sorted(REFUSED) for end in ("", "/", "/.", "//")])
def test_folder_that_cannot_be_used_is_1_saying_why_and_nothing_is_written_or_sent(plane, folder, used, end):
    make, word = REFUSED[used]
    make(folder)
    before = tree(folder.parent)
    result = run_cli(*GET + ("--wait", "--output-dir", str(folder) + end), plane=plane)
    assert (result.code, result.out, plane.requests, len(error_lines(result))) == (1, b"", [], 1)
    assert "--output-dir" in result.err and word in error_lines(result)[0].replace(str(folder), "")
    assert tree(folder.parent) == before


@posix_only
def test_each_reason_has_a_message_of_its_own(plane, tmp_path):
    messages = {}
    for number, used in enumerate(["a file", "holds a file", "link to a folder", "others may write", "missing parent"]
                                  + ["another owner"] * IS_ROOT):
        path = tmp_path / str(number) / "out"
        if used != "missing parent":
            path.parent.mkdir()
            REFUSED[used][0](path)
        messages[used] = error_lines(save_to_folder(plane, path))[0].replace(str(path), "")
    assert len(set(messages.values())) == len(messages) and not plane.requests


@pytest.mark.parametrize("name", ["missing/out", "file/out", pytest.param("x" * 300, marks=posix_only),
                                  pytest.param("a\0b", marks=posix_only)], ids=["parent", "file", "long", "NUL"])
def test_folder_that_cannot_be_made_is_1_and_nothing_is_written_or_sent(plane, tmp_path, name):
    (tmp_path / "file").write_bytes(b"mine")
    result = run_cli(*GET + ("--output-dir", str(tmp_path / name) if "\0" not in name else name), plane=plane)
    assert (result.code, result.out, plane.requests, len(error_lines(result))) == (1, b"", [], 1)
    assert os.listdir(str(tmp_path)) == ["file"] and (tmp_path / "file").read_bytes() == b"mine"


@posix_only
@pytest.mark.parametrize("exists", [True, False], ids=["to a file", "to nothing"])
@pytest.mark.parametrize("name", ["targets", "targets.partial", NODES[0] + ".out"])
def test_planted_link_is_not_followed(plane, folder, tmp_path, name, exists):
    def plant(sock):
        (folder / name).exists() or os.path.islink(str(folder / name)) or os.symlink(str(victim), str(folder / name))
        sock.sendall(OK + encode(execution([target(inline(b"x"), status="started")])))

    victim = tmp_path / "victim"
    if exists:
        victim.write_bytes(b"precious")
    plane.script(plant)
    result = save_to_folder(plane, folder)
    assert victim.read_bytes() == b"precious" if exists else not victim.exists()
    assert result.code == (1 if name.endswith(".out") else result.code) and not os.path.islink(str(folder / "targets"))


def test_planted_file_is_not_overwritten(plane, folder):
    def plant(sock):
        (folder / (NODES[0] + ".out")).write_bytes(b"precious")
        sock.sendall(OK + encode(execution([target(inline(b"x"))])))

    plane.script(plant)
    result = save_to_folder(plane, folder)
    assert (result.code, result.out) == (1, b"") and NODES[0] + ".out" in error_lines(result)[0]
    assert (folder / (NODES[0] + ".out")).read_bytes() == b"precious" and "targets" not in read_folder(folder)


# ---- usage

@rule("1.15")
@pytest.mark.parametrize("argv, flags, code", [
    (LIST, (), 2), (GET, ("--output", "json"), 2), (GET, ("--output", "yaml"), 2), (GET, ("--output", "jsonl"), 2),
    (GET, ("--output", "raw"), 2), (GET, ("--output-dir", ""), 2), (GET, ("--id", "nonsense"), 2),
    (GET, ("--token-file", "/no such file"), 3)],
    ids=["list", "json", "yaml", "jsonl", "raw", "empty", "malformed id", "no token"])
def test_no_folder_is_made_by_a_command_that_cannot_run(plane, folder, argv, flags, code):
    result = run_cli(*argv + ("--output-dir", str(folder)) + flags, plane=plane)
    assert (result.code, result.out, plane.requests, folder.exists()) == (code, b"", [], False)
