"""Rules 9.3, 9.7 and 9.8: get --output-dir."""

import os

import pytest

from kit import (
    ALL_BYTES,
    ARCHIVE_PLACES,
    BOTH,
    GET,
    NODES,
    archive,
    error_lines,
    execution,
    inline,
    posix_only,
    rule,
    run_against,
    run_cli,
    run_process,
    target,
)
from server import Reply

#: The id of the first node, which most targets have, and the name of its file.
FIRST_NODE = "a1b2c300-0000-4000-8000-000000000000"
FIRST_FILE = "a1b2c300-0000-4000-8000-000000000000.out"
SECOND_FILE = "a1b2c301-0000-4000-8000-000000000001.out"
DIGEST = "ab" * 32  # the SHA-256 of an archived output, as the server sends it
TAPE = {"kind": "tape"}  # an output of an unknown kind, which is unreadable


@pytest.fixture
def folder(tmp_path):
    """A folder that does not exist yet, in one that is empty."""
    return tmp_path / "out"


def read_folder(folder):
    """Return the files of a folder: their bytes by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read_index(folder):
    """Return the text of the file `targets`."""
    return (folder / "targets").read_bytes().decode("utf-8")


# ---- 9.3 and 9.8: files, the index and the summary


@rule("9.3", "9.8")
@pytest.mark.parametrize(
    "data, size_and_digest",
    [
        pytest.param(
            ALL_BYTES + b"\r\n",
            "258\t597d1e59fcce9a3f615f0c66170581aa200cd089392f38d405e7e6c5d0c50fc6",
            id="all bytes",
        ),
        pytest.param(
            b"",
            "0\te3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            id="no bytes",
        ),
        pytest.param(
            b"no newline",
            "10\t84629f9a7125f5b50e9767df4fea1e93b34462b57bd35a12ebca2b52520f5c84",
            id="no newline",
        ),
        pytest.param(
            b"\xef\xbb\xbfa\r\n",
            "6\tea3948106c12d96eaf84d4bb8be214b194c3442acb99a3005251960b0ec2ba63",
            id="a byte order mark and CR LF",
        ),
        pytest.param(
            b"\x1b[31m\x1b[2J\x9b",
            "10\teaf0ce56cb12eeff54247d2de46831cef004fbbe05e43fb047c46aa9aec802bc",
            id="what a terminal would not get",
        ),
        pytest.param(
            b"x" * 16384,
            "16384\t1536c422c31cc98834759d7085cda394a3510a03d78188248986a6b1a7207d03",
            id="16 KiB",
        ),
    ],
)
def test_file_contains_the_exact_bytes_if_streams_are_terminals_too(
    plane, folder, data, size_and_digest
):
    wire = execution([target(inline(data))])
    argv = GET + ("--output-dir", str(folder), "--color", "always")

    result = run_against(plane, wire, *argv, terminals=BOTH)

    assert result.code == 0
    assert result.err == ""
    assert (folder / FIRST_FILE).read_bytes() == data
    assert read_index(folder) == FIRST_NODE + "\tsucceeded\tinline\t" + size_and_digest + "\t-\n"
    assert sorted(os.listdir(str(folder))) == [FIRST_FILE, "targets"]


@rule("9.3", "9.8")
def test_index_has_a_line_for_each_target_in_the_order_of_the_response(plane, folder):
    wire = execution(
        [
            target(inline(b"x\n"), "A1B2C302-0000-4000-8000-000000000002"),
            target(archive("logs", "a b.log", sha256="5d41402a"), NODES[1], "failed"),
            target(inline(b"y"), NODES[0], "timeout"),
            target(None, NODES[3], "pending"),
        ]
    )

    # The dot at the end changes nothing.
    result = run_against(plane, wire, *GET, "--output-dir", "%s/." % folder)

    assert result.code == 0
    assert read_folder(folder) == {
        "A1B2C302-0000-4000-8000-000000000002.out": b"x\n",
        "a1b2c300-0000-4000-8000-000000000000.out": b"y",
        "targets": (
            b"A1B2C302-0000-4000-8000-000000000002\tsucceeded\tinline\t2\t"
            b"73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac\t-\n"
            b"a1b2c301-0000-4000-8000-000000000001\tfailed\tarchived\t-\t5d41402a\tlogs/a b.log\n"
            b"a1b2c300-0000-4000-8000-000000000000\ttimeout\tinline\t1\t"
            b"a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa\t-\n"
            b"a1b2c303-0000-4000-8000-000000000003\tpending\tnone\t-\t-\t-\n"
        ),
    }


@rule("9.8", "5.10")
@pytest.mark.parametrize(
    "output, status, fields",
    [
        pytest.param(None, "pending", "pending\tnone\t-\t-\t-", id="no output"),
        pytest.param(None, None, "-\tnone\t-\t-\t-", id="no status"),
        pytest.param(
            None,
            "two words\t",
            "two\\x20words\\t\tnone\t-\t-\t-",
            id="a status with a space and a tab",
        ),
        pytest.param(
            archive("b", "k/1", sha256=DIGEST),
            "ack",
            "ack\tarchived\t-\t" + DIGEST + "\tb/k/1",
            id="archived",
        ),
        pytest.param(
            archive("b", "k", sha256="no\t d"),
            "ack",
            "ack\tarchived\t-\tno\\t\\x20d\tb/k",
            id="an odd digest",
        ),
        pytest.param(
            archive("b", "k"), "ack", "ack\tarchived\t-\t-\tb/k", id="archived without a digest"
        ),
    ],
)
def test_line_of_a_target_without_a_file_has_six_fields(plane, folder, output, status, fields):
    wire = execution([target(output, FIRST_NODE, status)])

    result = run_against(plane, wire, *GET, "--output-dir", str(folder))

    assert result.code == 0
    assert error_lines(result) == []
    assert read_index(folder) == FIRST_NODE + "\t" + fields + "\n"
    assert os.listdir(str(folder)) == ["targets"]


@rule("9.8", "5.10")
@pytest.mark.parametrize("bucket, key, shown", ARCHIVE_PLACES)
def test_last_field_of_a_line_is_bucket_and_key_for_pasting(plane, folder, bucket, key, shown):
    wire = execution([target(archive(bucket, key))])

    result = run_against(plane, wire, *GET, "--output-dir", str(folder))

    assert result.code == 0
    assert read_index(folder) == FIRST_NODE + "\tsucceeded\tarchived\t-\t-\t" + shown + "\n"


@rule("9.8", "9.3")
def test_unreadable_output_is_an_error_and_has_a_line_but_no_file(plane, folder):
    wire = execution([target(TAPE), target(inline(b"x\n"), NODES[1])])

    result = run_against(plane, wire, *GET, "--output-dir", str(folder))

    assert result.code == 1
    assert error_lines(result) == [
        "the output of target " + FIRST_NODE + ' is unreadable: unknown kind "tape"'
    ]
    assert read_folder(folder) == {
        SECOND_FILE: b"x\n",
        "targets": (
            b"a1b2c300-0000-4000-8000-000000000000\tsucceeded\tunreadable\t-\t-\t-\n"
            b"a1b2c301-0000-4000-8000-000000000001\tsucceeded\tinline\t2\t"
            b"73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac\t-\n"
        ),
    }


@rule("9.3c")
@pytest.mark.parametrize(
    "targets",
    [
        pytest.param([], id="no target"),
        pytest.param(
            [
                target(inline(b"x"), NODES[0]),
                target(None, NODES[1]),
                target(inline(b"x"), NODES[2]),
            ],
            id="two outputs and none",
        ),
    ],
)
def test_no_summary_is_printed_if_every_output_was_saved(plane, folder, targets):
    result = run_against(plane, execution(targets), *GET, "--output-dir", str(folder))

    assert result.code == 0
    assert result.err == ""


@rule("9.3c")
@pytest.mark.parametrize(
    "targets, code, summary",
    [
        # To have been archived is no error. To be unreadable or unsaved is one.
        pytest.param([target(archive(), NODES[0])], 0, "1 archived", id="one is archived"),
        pytest.param([target(TAPE, NODES[0])], 1, "1 unreadable", id="one is unreadable"),
        pytest.param(
            [
                target(inline(b"x"), NODES[0]),
                target(None, NODES[1]),
                target(inline(b"x"), NODES[2]),
                target(archive(), NODES[3]),
                target(archive(), NODES[4]),
                target(inline(b"x"), NODES[5]),
            ],
            0,
            "3 inline, 2 archived, 1 none",
            id="saved and archived ones",
        ),
        pytest.param(
            [
                target(inline(b"x"), NODES[0]),
                target(inline(b"x"), NODES[1]),
                target(inline(b"x"), NODES[0]),
            ],
            1,
            "2 inline, 1 unsaved",
            id="a repeated node is unsaved",
        ),
        pytest.param(
            [
                target(TAPE, NODES[0]),
                target(None, NODES[1]),
                target(archive(), NODES[2]),
                target(inline(b"x"), NODES[3]),
                target(TAPE, NODES[4]),
                target(None, NODES[5]),
                target(archive(), NODES[6]),
                target(inline(b"x"), NODES[7]),
                target(inline(b"x"), NODES[8]),
                target(inline(b"x"), NODES[9]),
                target(inline(b"x"), NODES[0]),
            ],
            1,
            "4 inline, 2 archived, 2 none, 2 unreadable, 1 unsaved",
            id="all kinds",
        ),
    ],
)
def test_summary_counts_the_targets_if_an_output_was_not_saved(
    plane, folder, targets, code, summary
):
    result = run_against(plane, execution(targets), *GET, "--output-dir", str(folder))

    assert result.code == code
    lines = result.err.splitlines()
    assert lines[-1] == "%s: %s" % (folder, summary)
    assert [line for line in lines[:-1] if not line.startswith("error: ")] == []


#: An Execution that has failed, with an output of two targets, and a third one that is archived.
FAILED_ON_TWO = execution(
    [
        target(inline(b"x\n"), NODES[0]),
        target(inline(b"y"), NODES[1], "failed"),
        target(archive("b", "k"), NODES[2], "timeout"),
    ],
    status="failed",
)
#: Its recap, which counts all targets.
RECAP_OF_FAILED_ON_TWO = (
    b"ID                                    STATUS     TYPE     TARGETS  "
    b"CREATED_AT            UPDATED_AT            ACTION\n"
    b"4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  failed     builtin  1/3      "
    b"2026-05-02T10:00:00Z  2026-05-02T10:00:09Z  restart-nginx\n"
)


@rule("9.3a", "9.3c", "9.2")
@pytest.mark.parametrize("flags", [(), ("-o", "text")], ids=["default", "-o text"])
def test_stdout_gets_the_recap_and_exit_status_counts_as_usual(plane, folder, flags):
    argv = GET + ("--output-dir", str(folder), "--exit-status") + flags

    result = run_against(plane, FAILED_ON_TWO, *argv)

    assert result.code == 5
    assert result.out == RECAP_OF_FAILED_ON_TWO
    assert result.err == "%s: 2 inline, 1 archived\n" % folder
    assert sorted(os.listdir(str(folder))) == [FIRST_FILE, SECOND_FILE, "targets"]


@rule("9.3c", "5.4")
@pytest.mark.parametrize(
    "flags, summary",
    [
        # Without a selection, a folder of inline outputs would get no summary.
        pytest.param(["--failed"], "2 of 5 targets: 1 inline, 1 archived", id="some"),
        pytest.param(["--running", "--failed"], "3 of 5 targets: 2 inline, 1 archived", id="more"),
        pytest.param(["--status", "succeeded"], "1 of 5 targets: 1 none", id="no output"),
        pytest.param(["--node", NODES[0]], "1 of 5 targets: 1 inline", id="a node"),
        pytest.param(["--status", "cancelled"], "0 of 5 targets", id="none of them"),
    ],
)
def test_summary_says_how_many_targets_were_selected(plane, folder, flags, summary):
    targets = [
        target(inline(b"x"), NODES[0], status="failed"),
        target(archive(), NODES[1], status="failed"),
        target(None, NODES[2], status="succeeded"),
        target(inline(b"y"), NODES[3], status="started"),
        target(inline(b"z"), NODES[4], status="on hold"),
    ]
    argv = GET + ("--output-dir", str(folder)) + tuple(flags)

    result = run_against(plane, execution(targets), *argv)

    assert result.code == 0
    assert result.err == "%s: %s\n" % (folder, summary)


@rule("9.3a", "9.8", "5.4")
def test_only_selected_targets_are_saved_and_have_a_line(plane, folder):
    argv = GET + ("--output-dir", str(folder), "--node", NODES[1])

    result = run_against(plane, FAILED_ON_TWO, *argv)

    assert result.code == 0
    assert result.out == RECAP_OF_FAILED_ON_TWO
    assert result.err == "%s: 1 of 3 targets: 1 inline\n" % folder
    assert read_folder(folder) == {
        SECOND_FILE: b"y",
        "targets": (
            b"a1b2c301-0000-4000-8000-000000000001\tfailed\tinline\t1\t"
            b"a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa\t-\n"
        ),
    }


@rule("9.3a", "9.8", "5.4", "5.4a")
def test_node_that_is_not_a_target_is_an_error_and_others_are_saved(plane, folder):
    argv = GET + (
        "--output-dir",
        str(folder),
        "--node",
        NODES[5],
        "--node",
        NODES[1],
        "--exit-status",
    )

    result = run_against(plane, FAILED_ON_TWO, *argv)

    assert result.code == 1
    assert result.out == RECAP_OF_FAILED_ON_TWO
    assert result.err == (
        "error: node a1b2c305-0000-4000-8000-000000000005 is not a target of "
        "Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f\n"
        "%s: 1 of 3 targets: 1 inline\n" % folder
    )
    assert sorted(os.listdir(str(folder))) == [SECOND_FILE, "targets"]


# ---- 9.3b: targets without a file


@rule("9.3b", "9.8")
@pytest.mark.parametrize(
    "node, shown",
    [
        pytest.param("", "-", id="empty"),
        pytest.param(None, "-", id="null"),
        pytest.param("x-7", "x-7", id="a short name"),
        pytest.param("../../x", "../../x", id="a path upwards"),
        pytest.param("/tmp/escaped", "/tmp/escaped", id="an absolute path"),
        pytest.param("..", "..", id="two dots"),
        pytest.param("targets", "targets", id="the name of the index"),
        pytest.param("a\\b", "a\\b", id="a backslash"),
        pytest.param("x\ny", "x\\ny", id="a line feed inside"),
        pytest.param("a\tb", "a\\tb", id="a tab"),
        pytest.param(FIRST_NODE + "\n", FIRST_NODE + "\\n", id="a UUID and a line feed"),
        pytest.param(" " + FIRST_NODE, "\\x20" + FIRST_NODE, id="a UUID after a space"),
        pytest.param("{" + FIRST_NODE + "}", "{" + FIRST_NODE + "}", id="a UUID in braces"),
        pytest.param(FIRST_NODE + "/../x", FIRST_NODE + "/../x", id="a UUID and a path"),
        pytest.param("urn:uuid:" + FIRST_NODE, "urn:uuid:" + FIRST_NODE, id="a UUID as a URN"),
        pytest.param(FIRST_NODE + "\0", FIRST_NODE + "\\x00", id="a UUID and NUL"),
        pytest.param(FIRST_NODE + "0", FIRST_NODE + "0", id="a UUID with a digit too many"),
        pytest.param(
            "a1b2c300000040008000000000000000",
            "a1b2c300000040008000000000000000",
            id="without hyphens",
        ),
        pytest.param(
            "a1b2c300-0000-4000-8000-00000000000\u0661",
            "a1b2c300-0000-4000-8000-00000000000\u0661",
            id="an Arabic digit",
        ),
        pytest.param(
            "a1b2c300-0000-4000-8000-00000000000g",
            "a1b2c300-0000-4000-8000-00000000000g",
            id="a letter after f",
        ),
    ],
)
def test_malformed_node_id_keeps_its_line_but_gets_no_file(plane, folder, node, shown):
    wire = execution([target(inline(b"bad"), node)])

    result = run_against(plane, wire, *GET, "--output-dir", str(folder))

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith("target " + shown + " ")
    assert read_index(folder) == shown + "\tsucceeded\tunsaved\t-\t-\t-\n"
    assert os.listdir(str(folder)) == ["targets"]
    assert os.listdir(str(folder.parent)) == ["out"]


@rule("9.3b", "9.8")
@pytest.mark.parametrize(
    "output", [None, archive("b", "k", sha256=DIGEST)], ids=["no output", "archived"]
)
def test_malformed_node_id_makes_every_kind_of_output_unsaved(plane, folder, output):
    wire = execution([target(output, "x-7")])

    result = run_against(plane, wire, *GET, "--output-dir", str(folder))

    assert result.code == 1
    assert error_lines(result) == ["target x-7 is not saved: its node id is not a canonical UUID"]
    assert read_index(folder) == "x-7\tsucceeded\tunsaved\t-\t-\t-\n"


@rule("9.3b", "9.8")
def test_targets_around_malformed_node_ids_are_saved(plane, folder):
    wire = execution(
        [
            target(inline(b"1"), "../x"),
            target(inline(b"x\n"), NODES[0]),
            target(inline(b"2"), "../y"),
            target(inline(b"y"), NODES[1]),
        ]
    )

    result = run_against(plane, wire, *GET, "--output-dir", str(folder))

    assert result.code == 1
    assert error_lines(result) == [
        "target ../x is not saved: its node id is not a canonical UUID",
        "target ../y is not saved: its node id is not a canonical UUID",
    ]
    assert read_folder(folder) == {
        FIRST_FILE: b"x\n",
        SECOND_FILE: b"y",
        "targets": (
            b"../x\tsucceeded\tunsaved\t-\t-\t-\n"
            b"a1b2c300-0000-4000-8000-000000000000\tsucceeded\tinline\t2\t"
            b"73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac\t-\n"
            b"../y\tsucceeded\tunsaved\t-\t-\t-\n"
            b"a1b2c301-0000-4000-8000-000000000001\tsucceeded\tinline\t1\t"
            b"a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa\t-\n"
        ),
    }


@rule("9.3b", "9.8")
@pytest.mark.parametrize(
    "output, first_fields, files",
    [
        pytest.param(
            inline(b"1"),
            "inline\t1\t6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\t-",
            {"A1B2C300-0000-4000-8000-000000000000.out": b"1"},
            id="inline",
        ),
        pytest.param(None, "none\t-\t-\t-", {}, id="none"),
        pytest.param(TAPE, "unreadable\t-\t-\t-", {}, id="unreadable"),
    ],
)
def test_only_the_first_target_of_a_repeated_node_may_get_a_file(
    plane, folder, output, first_fields, files
):
    wire = execution(
        [
            # Capitals make no difference, because some file systems ignore them.
            target(output, "A1B2C300-0000-4000-8000-000000000000"),
            target(inline(b"2"), "a1b2c300-0000-4000-8000-000000000000"),
            target(inline(b"3"), "a1b2c300-0000-4000-8000-000000000000"),
        ]
    )

    result = run_against(plane, wire, *GET, "--output-dir", str(folder))

    assert result.code == 1
    assert error_lines(result)[-2:] == [
        "target a1b2c300-0000-4000-8000-000000000000 is not saved: an earlier target has the same node id",
        "target a1b2c300-0000-4000-8000-000000000000 is not saved: an earlier target has the same node id",
    ]
    assert read_index(folder) == (
        ("A1B2C300-0000-4000-8000-000000000000\tsucceeded\t" + first_fields + "\n")
        + "a1b2c300-0000-4000-8000-000000000000\tsucceeded\tunsaved\t-\t-\t-\n"
        + "a1b2c300-0000-4000-8000-000000000000\tsucceeded\tunsaved\t-\t-\t-\n"
    )
    saved = read_folder(folder)
    del saved["targets"]
    assert saved == files


# ---- 9.3, 9.3d and 9.8a: modes and failures


@posix_only
@rule("9.3", "9.7")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077], ids=oct)
def test_modes_are_private_under_open_and_usual_umasks(plane, folder, mask):
    # The umask 0 takes no permission away: the program itself must ask for these modes.
    before = os.umask(mask)
    try:
        result = run_against(
            plane, execution([target(inline(b"x"))]), *GET, "--output-dir", str(folder)
        )
    finally:
        os.umask(before)

    assert result.code == 0
    assert folder.lstat().st_mode & 0o7777 == 0o700
    assert (folder / "targets").lstat().st_mode & 0o7777 == 0o600
    assert (folder / FIRST_FILE).lstat().st_mode & 0o7777 == 0o600


@rule("9.7", "9.8a", "4.4", "3.10")
@pytest.mark.parametrize(
    "answer, code",
    [
        pytest.param(
            Reply(execution([target(inline(b"x"))]), cut=300), 1, id="the response is cut off"
        ),
        pytest.param(Reply({}, 403), 4, id="forbidden"),
        pytest.param(
            Reply(execution([target(inline(b"x")), target(node=7)])),
            1,
            id="the second node id is a number",
        ),
    ],
)
def test_failure_leaves_an_empty_folder_which_the_next_run_accepts(plane, folder, answer, code):
    files_at_request = []

    def answer_and_look(request):
        files_at_request.append(os.listdir(str(folder)))  # fails if the folder does not exist yet
        return answer

    plane.answer_to = answer_and_look

    result = run_cli(*GET, "--output-dir", str(folder), plane=plane)

    assert result.code == code
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert str(folder) not in result.err  # there is no summary
    assert files_at_request[0] == []
    assert os.listdir(str(folder)) == []

    next_result = run_against(
        plane, execution([target(inline(b"x"))]), *GET, "--output-dir", str(folder)
    )

    assert next_result.code == 0


def plant_link(path):
    """Make a symbolic link to a file that does not exist, beside the folder."""
    os.symlink("../victim", path)


def plant_full_folder(path):
    os.makedirs(os.path.join(path, "inner"))


@posix_only
@rule("9.3", "9.3d", "9.8a")
@pytest.mark.parametrize(
    "name, plant, files",
    [
        pytest.param(
            "targets.partial", plant_link, ["targets.partial"], id="the first file is in place"
        ),
        pytest.param(
            SECOND_FILE,
            plant_link,
            [FIRST_FILE, SECOND_FILE, "targets.partial"],
            id="the second output is in place",
        ),
        pytest.param(
            "targets",
            plant_full_folder,
            [FIRST_FILE, SECOND_FILE, "targets", "targets.partial"],
            id="the name of the finished index is in place",
        ),
    ],
)
def test_file_is_never_replaced_and_the_error_names_it(plane, folder, name, plant, files):
    path = str(folder / name)

    def plant_and_answer(request):
        """Somebody makes a file of this name after the program has checked that the folder is empty."""
        plant(path)
        return Reply(execution([target(inline(b"x"), NODES[0]), target(inline(b"x"), NODES[1])]))

    plane.answer_to = plant_and_answer

    result = run_cli(*GET, "--output-dir", str(folder), plane=plane)

    assert result.code == 1
    assert result.out == b""
    (line,) = result.err.splitlines()
    assert line.startswith("error: cannot write %s: " % path)
    assert sorted(os.listdir(str(folder))) == files
    assert os.listdir(str(folder.parent)) == ["out"]  # no victim was written


def limit_file_size():
    """Let no file of this process grow beyond 3,000 bytes, as if the disk was full. The error is EFBIG, not ENOSPC."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))


@posix_only
@rule("9.3d", "9.8a", "6.1")
def test_file_that_cannot_be_written_is_named(plane, tmp_path):
    wire = execution([target(inline(b"y" * 3000), NODES[0]), target(inline(b"y" * 3001), NODES[1])])
    plane.script(Reply(wire))
    argv = GET + ("--output-dir", "out")

    result = run_process(*argv, plane=plane, cwd=str(tmp_path), preexec_fn=limit_file_size)

    assert result.code == 1
    assert result.out == b""
    assert (
        result.err
        == "error: cannot write out/a1b2c301-0000-4000-8000-000000000001.out: File too large\n"
    )
    assert sorted(os.listdir(str(tmp_path / "out"))) == [FIRST_FILE, SECOND_FILE, "targets.partial"]


# ---- 9.7 and 9.7a: which folders are accepted

as_root = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="needs root, to give a folder away"
)


@posix_only
@rule("9.7a")
@pytest.mark.parametrize("mode", [0o700, 0o755], ids=oct)
def test_empty_folder_that_only_the_user_may_write_is_used(plane, folder, mode):
    folder.mkdir()
    folder.chmod(mode)

    result = run_against(
        plane, execution([target(inline(b"x"))]), *GET, "--output-dir", str(folder)
    )

    assert result.code == 0
    assert sorted(os.listdir(str(folder))) == [FIRST_FILE, "targets"]
    assert folder.lstat().st_mode & 0o7777 == mode


def make_full_folder(path):
    (path / ".hidden").mkdir(parents=True)


def make_folder_of_another_user(path):
    path.mkdir()
    path.chmod(0o700)
    os.chown(str(path), 12345, -1)


def make_folder_that_others_may_write(path):
    path.mkdir()
    path.chmod(0o1702)


def make_folder_that_the_group_may_write(path):
    path.mkdir()
    path.chmod(0o720)


def make_link_to_an_empty_folder(path):
    path.symlink_to("empty")


def make_link_to_nothing(path):
    path.symlink_to("nowhere")


def make_file(path):
    path.write_bytes(b"mine")


def make_nothing(path):
    pass


@rule("9.7a")
@pytest.mark.parametrize(
    "make, ending, words",
    [
        pytest.param(make_full_folder, "", "it is not empty", id="not empty"),
        pytest.param(
            make_folder_of_another_user,
            "",
            "belongs to another user (uid 12345)",
            id="of another user",
            marks=as_root,
        ),
        # 1702: the sticky bit does not help.
        pytest.param(
            make_folder_that_others_may_write,
            "",
            "its mode 1702",
            id="others may write",
            marks=posix_only,
        ),
        pytest.param(
            make_folder_that_the_group_may_write,
            "/.",
            "its mode 0720",
            id="the group may write",
            marks=posix_only,
        ),
        pytest.param(
            make_link_to_an_empty_folder,
            "",
            "link",
            id="a link to an empty folder",
            marks=posix_only,
        ),
        pytest.param(
            make_link_to_nothing,
            "",
            "it is a symbolic link",
            id="a dangling link",
            marks=posix_only,
        ),
        pytest.param(make_file, "/in", "Not a directory", id="inside a file", marks=posix_only),
        pytest.param(
            make_nothing,
            "/in",
            "No such file",
            id="inside a folder that is missing",
            marks=posix_only,
        ),
        pytest.param(
            make_nothing, "x" * 300, "too long", id="a name that is too long", marks=posix_only
        ),
    ],
)
def test_unusable_folder_means_exit_1_with_a_reason_and_nothing_is_sent(
    plane, folder, make, ending, words
):
    """`ending` follows the path of the folder on the command line."""
    (folder.parent / "empty").mkdir(mode=0o700)
    make(folder)
    before = sorted(folder.parent.rglob("*"))

    result = run_cli(*GET, "--wait", "--output-dir", str(folder) + ending, plane=plane)

    assert result.code == 1
    assert result.out == b""
    error, hint = result.err.splitlines()
    assert error.startswith("error: the folder %s cannot be used: " % (str(folder) + ending))
    assert words in error
    assert hint == "hint: name a new folder inside an existing one"
    assert plane.requests == []
    assert sorted(folder.parent.rglob("*")) == before


@posix_only
@rule("9.7a")
def test_folder_name_with_nul_is_unusable(plane, folder):
    result = run_cli(*GET, "--output-dir", str(folder) + "\0", plane=plane)

    assert result.code == 1
    assert result.out == b""
    error, hint = result.err.splitlines()
    assert error.startswith("error: the folder %s\\x00 cannot be used: " % folder)
    assert "null" in error
    assert hint == "hint: name a new folder inside an existing one"
    assert plane.requests == []
    assert os.listdir(str(folder.parent)) == []


@posix_only
@rule("9.7a")
def test_nothing_is_written_into_a_full_folder_behind_a_link_and_two_dots(plane, tmp_path):
    # To the system, link/../out is else/out, which is not empty. To normpath(), it is out, which does not exist.
    # The folder that is checked must be the folder that is written.
    (tmp_path / "else" / "out" / "mine").mkdir(parents=True)
    (tmp_path / "link").symlink_to("else/out")

    result = run_cli(*GET, "--output-dir", "%s/link/../out" % tmp_path, plane=plane)

    assert result.code == 1
    assert error_lines(result) == [
        "the folder %s/link/../out cannot be used: it is not empty" % tmp_path
    ]
    assert plane.requests == []
    assert os.listdir(str(tmp_path / "else" / "out")) == ["mine"]


@rule("9.3a", "9.7")
@pytest.mark.parametrize("format", ["table", "wide", "lines", "raw", "json", "yaml", "jsonl"])
def test_another_format_is_a_usage_error_and_creates_no_folder(plane, folder, format):
    result = run_cli(*GET, "-o", format, "--output-dir", str(folder), plane=plane)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ["--output-dir works only with --output text"]
    assert plane.requests == []
    assert not folder.exists()
