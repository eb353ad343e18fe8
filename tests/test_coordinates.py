"""BUCKET/KEY of an archived output, wherever it is printed: it can be pasted, and does not imitate a digest."""

import re

import pytest

from kit import (DIGEST, GET, GET_RAW, GET_TABLE, NODES, archive, execution, inline, read_folder, read_sections, rule,
                 run_against, save_to_folder, target)
from server import Reply

#: Bucket, key, and what is printed of both where no digest is imitated.
COORDINATES = {
    "space in the key": ("logs", "my run.log", "logs/my run.log"),
    "space in the bucket": ("my logs", "a/b.log", "my logs/a/b.log"),
    "spaces side by side": ("logs", "my  run.log", "logs/my  run.log"),
    "spaces at the ends": (" logs", "run.log ", "\\x20logs/run.log\\x20"),
    "spaces about the slash": ("logs ", " run.log", "logs / run.log"),
    "not printable": ("b\tc\x1b", "k\nl\x7f m\u2028", "b\\tc\\x1b/k\\nl\\x7f m\\u2028"),
    "other blanks": ("b\xa0c", "k\u3000l", "b\\xa0c/k\\u3000l"),
    "letters": ("b\u00e9", "\u6f22 \u5b57", "b\u00e9/\u6f22 \u5b57"),
    "quotes": ("b", "it's \"$HOME\" \\x20", "b/it's \"$HOME\" \\x20"), "no space": ("logs", "a/b.log", "logs/a/b.log")}
each_place = pytest.mark.parametrize("bucket, key, shown", list(COORDINATES.values()), ids=list(COORDINATES))

#: A key that looks as if a digest followed, and what the sections and the table show of it.
IMITATIONS = {
    "whole": ("k (sha256:%s)" % DIGEST, "k\\x20(sha256:%s)" % DIGEST), "cut": ("k (sha256:", "k\\x20(sha256:"),
    "twice": ("k (sha256:a) (sha256:b)", "k\\x20(sha256:a)\\x20(sha256:b)"),
    "other spaces": ("a key (sha256:a) b", "a key\\x20(sha256:a) b"),
    "other words": ("k (sha512:a) (SHA256:b) sha256:c", "k (sha512:a) (SHA256:b) sha256:c"),
    "no space": ("k(sha256:a)", "k(sha256:a)")}
each_imitation = pytest.mark.parametrize("key, shown", list(IMITATIONS.values()), ids=list(IMITATIONS))
each_digest = pytest.mark.parametrize("digest, end", [(DIGEST, " (sha256:%s)" % DIGEST), (None, "")],
                                      ids=["digest", "no digest"])


def show_coordinates(plane, bucket, key, digest, argv=GET):
    """Return what is printed of an archived output behind `archived: `, or the error line of raw."""
    wire = execution([target(archive(bucket, key, sha256=digest))])
    result = run_against(plane, wire, *argv)
    text = result.err if argv == GET_RAW else result.out.decode("utf-8")
    assert result.code == (argv == GET_RAW)
    line = r"(?:^|  )archived: (.*)\n| is archived: (.*)\n"
    return re.search(line, text, re.MULTILINE).group(2 if argv == GET_RAW else 1)


@rule("5.5b", "5.3d", "5.3f")
@pytest.mark.parametrize("argv", [GET, GET_TABLE, GET_RAW], ids=["text", "table", "raw"])
@each_digest
@each_place
def test_coordinates_are_printed_as_they_were_sent(plane, bucket, key, shown, digest, end, argv):
    assert show_coordinates(plane, bucket, key, digest, argv) == shown + end


@rule("5.5b")
@pytest.mark.parametrize("bucket, key", [("  logs", "a b"), ("logs", "a b  "), ("  ", "  ")])
def test_several_spaces_at_an_end_do_not_stand_bare(plane, bucket, key):
    shown = show_coordinates(plane, bucket, key, None)
    assert shown == shown.strip() and shown.replace("\\x20", " ") == bucket + "/" + key


@rule("5.5c")
@pytest.mark.parametrize("argv", [GET, GET_TABLE, GET_RAW], ids=["text", "table", "raw"])
@each_digest
@each_imitation
def test_key_does_not_imitate_a_digest(plane, key, shown, digest, end, argv):
    assert show_coordinates(plane, "b", key, digest, argv) == "b/" + shown + end


@rule("5.5c")
def test_bucket_does_not_imitate_a_digest(plane):
    assert show_coordinates(plane, "b (sha256:a)", "k", None) == "b\\x20(sha256:a)/k"


@rule("5.5b", "5.3")
def test_section_of_a_key_with_spaces_is_read_by_its_frame(plane):
    wire = execution([target(archive("b", "==> x archived <==")), target(inline(b"end"), NODES[1])])
    sections, _ = read_sections(run_against(plane, wire).out)
    assert [section[3] for section in sections] == [b"archived: b/==> x archived <==", b"end"]


# ---- 9.3: the file `targets`, and the last line

def save(plane, folder, *outputs):
    """Save an Execution of these outputs, and return the Result and the fields of each line of `targets`."""
    plane.script(Reply(execution([target(output, node) for output, node in zip(outputs, NODES)])))
    result = save_to_folder(plane, folder)
    lines = read_folder(folder)["targets"].decode("utf-8").split("\n")[:-1]
    return result, [line.split("\t") for line in lines]


@rule("9.8a", "9.8b", "9.8c")
@each_place
def test_targets_has_the_coordinates_as_they_were_sent(plane, tmp_path, bucket, key, shown):
    _, (fields,) = save(plane, tmp_path / "out", archive(bucket, key, sha256=DIGEST))
    assert fields == [NODES[0], "succeeded", "archived", "-", DIGEST, shown]


@rule("9.8b")
@each_imitation
def test_targets_escapes_no_space_before_a_digest(plane, tmp_path, key, shown):
    _, (fields,) = save(plane, tmp_path / "out", archive("b", key))
    assert fields[4:] == ["-", "b/" + key]


@rule("9.3g", "9.3i")
@pytest.mark.parametrize("outputs, counts", [
    ([archive(), archive(key="k")], "0 files, 2 archived (2 without a digest)"),
    ([archive(sha256=DIGEST), archive(key="k"), None], "0 files, 2 archived (1 without a digest), 1 no output"),
    ([archive(sha256=DIGEST), archive(sha256="odd")], "0 files, 2 archived"),
    ([archive(sha256=""), archive(sha256=None), inline(b"x")], "1 file, 2 archived (2 without a digest)"),
    ([archive()], "0 files, 1 archived (1 without a digest)"),
    ([archive(), {"kind": "tape"}], "0 files, 1 archived (1 without a digest), 1 unreadable")],
    ids=["all", "one of two", "none", "empty", "one", "unreadable"])
def test_last_line_counts_archived_outputs_without_a_digest(plane, tmp_path, outputs, counts):
    result, _ = save(plane, tmp_path / "out", *outputs)
    assert result.err.splitlines()[-1] == "%s: %s" % (tmp_path / "out", counts)


@rule("9.3g")
def test_targets_that_are_filtered_out_are_not_counted(plane, tmp_path):
    plane.script(Reply(execution([target(archive(), NODES[0]), target(archive(sha256=DIGEST), NODES[1], "failed")])))
    result = save_to_folder(plane, tmp_path / "out", "--failed")
    assert result.err == "%s: 0 files, 1 archived\n" % (tmp_path / "out")
