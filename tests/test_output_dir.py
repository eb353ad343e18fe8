"""--output-dir, apart from what folder.md shows: exact bytes, odd node ids, races, full disks, owners."""

import os
import signal

import pytest

from kit import (
    ALL_BYTES,
    BOTH,
    GET,
    NODES,
    TARGETS,
    WINDOWS,
    archive,
    error_lines,
    execution,
    finish_process,
    inline,
    make_command,
    page,
    posix_only,
    run_against,
    run_cli,
    run_process,
    start_line,
    target,
    wait_until,
)
from server import HANG, Reply

#: The node that target() has by default.
FIRST_NODE = "a1b2c300-0000-4000-8000-000000000000"
FIRST_FILE = "a1b2c300-0000-4000-8000-000000000000.out"
SECOND_FILE = "a1b2c301-0000-4000-8000-000000000001.out"


@pytest.fixture
def folder(tmp_path):
    """A folder that does not exist yet, in one that is empty."""
    return tmp_path / "out"


def read_index(folder):
    """Return the file `targets`: a line with node, status, kind, bytes, SHA-256 and BUCKET/KEY for each target."""
    return (folder / "targets").read_bytes().decode("utf-8")


# fmt: off
@pytest.mark.parametrize("data, size_and_digest", [
    (ALL_BYTES + b"\r\n", "258\t597d1e59fcce9a3f615f0c66170581aa200cd089392f38d405e7e6c5d0c50fc6"),
    (b"", "0\te3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (b"\x1b[31m\x1b[2J\x9b", "10\teaf0ce56cb12eeff54247d2de46831cef004fbbe05e43fb047c46aa9aec802bc"),
], ids=["all bytes", "no bytes", "what a terminal would not get"])
# fmt: on
def test_file_contains_the_exact_bytes_even_if_streams_are_terminals(
    plane, folder, data, size_and_digest
):
    argv = GET + ("--output-dir", str(folder), "--color", "always")

    result = run_against(plane, execution([target(inline(data))]), *argv, terminals=BOTH)

    assert result.code == 0
    assert (folder / FIRST_FILE).read_bytes() == data
    assert read_index(folder) == FIRST_NODE + "\tsucceeded\tinline\t" + size_and_digest + "\t-\n"


# fmt: off
@pytest.mark.parametrize("members, fields", [
    # Bucket and key keep their spaces, quotes and backslashes, so that they can be pasted.
    ({"bucket": "  my logs", "key": "a  b  "}, "-\t  my logs/a  b  "),
    ({"bucket": "b", "key": 'it\'s "$HOME" \\x20'}, '-\tb/it\'s "$HOME" \\x20'),
    # Unprintable characters are escaped, and in a digest spaces, too.
    ({"bucket": "b\tc\x1b", "key": "k\nl\x7f\u2028\xa0"}, "-\tb\\tc\\x1b/k\\nl\\x7f\\u2028\\xa0"),
    ({"bucket": "b", "key": "k", "sha256": "no\t d"}, "no\\t\\x20d\tb/k"),
])
# fmt: on
def test_digest_bucket_and_key_are_escaped_only_where_needed(plane, folder, members, fields):
    answer = execution([target(archive(**members))])

    result = run_against(plane, answer, *GET, "--output-dir", str(folder))

    assert result.code == 0
    assert read_index(folder) == FIRST_NODE + "\tsucceeded\tarchived\t-\t" + fields + "\n"


# fmt: off
@pytest.mark.parametrize("node, shown", [
    (None, "-"),
    ("", "-"),
    ("x-7", "x-7"),
    ("targets", "targets"),
    # paths
    ("..", ".."),
    ("../x", "../x"),
    ("/tmp/escaped", "/tmp/escaped"),
    ("a\\b", "a\\b"),
    (FIRST_NODE + "/../x", FIRST_NODE + "/../x"),
    # nearly a UUID
    (FIRST_NODE + "\n", FIRST_NODE + "\\n"),
    (" " + FIRST_NODE, "\\x20" + FIRST_NODE),
    (FIRST_NODE + "\0", FIRST_NODE + "\\x00"),
    (FIRST_NODE + "0", FIRST_NODE + "0"),
    ("{" + FIRST_NODE + "}", "{" + FIRST_NODE + "}"),
    ("urn:uuid:" + FIRST_NODE, "urn:uuid:" + FIRST_NODE),
    ("a1b2c300000040008000000000000000", "a1b2c300000040008000000000000000"),
    ("a1b2c300-0000-4000-8000-00000000000\u0661", "a1b2c300-0000-4000-8000-00000000000\u0661"),
    ("a1b2c300-0000-4000-8000-00000000000g", "a1b2c300-0000-4000-8000-00000000000g"),
], ids=ascii)
# fmt: on
def test_node_id_that_is_no_canonical_uuid_gets_no_file(plane, folder, node, shown):
    answer = execution([target(inline(b"bad"), node)])

    result = run_against(plane, answer, *GET, "--output-dir", str(folder))

    assert result.code == 1
    assert error_lines(result) == [
        "target %s is not saved: its node id is not a canonical UUID" % shown
    ]
    assert read_index(folder) == shown + "\tsucceeded\tunsaved\t-\t-\t-\n"
    assert os.listdir(str(folder)) == ["targets"]
    assert os.listdir(str(folder.parent)) == ["out"]  # nothing was written beside the folder


# ---- failures


@pytest.mark.parametrize(
    "answer", [Reply(execution(), cut=300), Reply({}, 403)], ids=["cut off", "forbidden"]
)
def test_folder_is_made_before_the_request_and_stays_empty_if_it_fails(plane, folder, answer):
    files_at_request = []

    def answer_and_look(request):
        files_at_request.append(os.listdir(str(folder)))  # fails if the folder does not exist yet
        return answer

    plane.answer_to = answer_and_look

    result = run_cli(*GET, "--output-dir", str(folder), plane=plane)

    assert result.code != 0
    assert result.out == b""
    assert files_at_request[0] == []
    assert os.listdir(str(folder)) == []


# Until the index `targets` is complete, it is the file targets.partial, which is written first and renamed last.
@posix_only
@pytest.mark.parametrize(
    "name, files_in_the_end",
    [
        ("targets.partial", ["targets.partial"]),
        (SECOND_FILE, [FIRST_FILE, SECOND_FILE, "targets.partial"]),
        # Another command has finished: nothing beside its index says that the folder is incomplete.
        ("targets", ["targets"]),
    ],
)
def test_file_is_never_replaced_and_the_error_names_it(plane, folder, name, files_in_the_end):
    path = str(folder / name)

    def plant_and_answer(request):
        """Somebody links this name to a file beside the folder, after the folder was checked to be empty."""
        os.symlink("../victim", path)
        return Reply(execution([target(inline(b"x"), NODES[0]), target(inline(b"x"), NODES[1])]))

    plane.answer_to = plant_and_answer

    result = run_cli(*GET, "--output-dir", str(folder), plane=plane)

    assert result.code == 1
    assert result.out == b""
    (line,) = result.err.splitlines()
    assert line.startswith("error: cannot write %s: " % path)
    assert sorted(os.listdir(str(folder))) == files_in_the_end
    assert os.listdir(str(folder.parent)) == ["out"]  # no victim was written


def limit_file_size():
    """Let no file of this process grow beyond 3,000 bytes, as if the disk was full. The error is EFBIG, not ENOSPC."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))


@posix_only
def test_file_that_cannot_be_written_is_named(plane, tmp_path):
    # The second output is too large.
    outputs = [target(inline(b"y" * 3000), NODES[0]), target(inline(b"y" * 3001), NODES[1])]
    plane.script(Reply(execution(outputs)))
    argv = GET + ("--output-dir", "out")

    result = run_process(*argv, plane=plane, cwd=str(tmp_path), preexec_fn=limit_file_size)

    assert result.code == 1
    assert result.out == b""
    assert result.err == "error: cannot write out/%s: File too large\n" % SECOND_FILE
    assert sorted(os.listdir(str(tmp_path / "out"))) == [FIRST_FILE, SECOND_FILE, "targets.partial"]


#: Two Executions with an output each, and the place of the second output.
FIRST_RUN = execution([target(inline(b"first"))], id="11111111-1111-4111-8111-111111111111")
SECOND_RUN = execution([target(inline(b"y" * 3001))], id="22222222-2222-4222-8222-222222222222")
SECOND_PLACE = "night/22222222-2222-4222-8222-222222222222/" + FIRST_FILE


@posix_only
def test_targets_keeps_what_it_saved_before_a_file_that_cannot_be_written(plane, tmp_path):
    plane.script(Reply(page(FIRST_RUN, SECOND_RUN)))
    argv = TARGETS + ("--output-dir", "night")

    result = run_process(*argv, plane=plane, cwd=str(tmp_path), preexec_fn=limit_file_size)

    assert result.code == 1
    assert result.out == b""
    assert result.err == (
        "error: cannot write %s: File too large\n"
        "hint: the folder is incomplete: start again with a new one\n" % SECOND_PLACE
    )
    (line,) = (tmp_path / "night" / "targets.partial").read_text().splitlines()
    assert line.startswith("11111111-1111-4111-8111-111111111111\ta1b2c300-0000-4000-8000-")
    assert not (tmp_path / "night" / "targets").exists()


@posix_only
def test_killed_targets_leaves_a_line_for_each_file_of_an_execution_before_the_last(
    plane, tmp_path
):
    plane.script(Reply(page(FIRST_RUN, SECOND_RUN, next_cursor="c2")), HANG)
    argv = TARGETS + ("--output-dir", str(tmp_path / "night"))

    with start_line(make_command(*argv), plane) as process:
        wait_until(lambda: len(plane.requests) == 2)
        process.send_signal(signal.SIGKILL)
        finish_process(process)

    lines = (tmp_path / "night" / "targets.partial").read_text().splitlines()
    assert [line[:8] for line in lines] == ["11111111", "22222222"]
    assert (tmp_path / SECOND_PLACE).read_bytes() == b"y" * 3001


def test_index_that_cannot_be_renamed_means_exit_1_and_is_named(plane, folder, monkeypatch):
    def fail(source, destination):
        raise OSError(5, "it fails")

    monkeypatch.setattr(os, "rename", fail)
    answer = execution([target(inline(b"x"))])

    result = run_against(plane, answer, *GET, "--output-dir", str(folder))

    assert result.code == 1
    assert result.out == b""
    assert result.err == "error: cannot write %s: it fails\n" % (folder / "targets")
    assert sorted(os.listdir(str(folder))) == [FIRST_FILE, "targets.partial"]


# ---- folders that are refused


@pytest.mark.skipif(WINDOWS or os.geteuid() != 0, reason="needs root, to give a folder away")
def test_folder_of_another_user_is_refused(plane, folder):
    folder.mkdir(mode=0o700)
    os.chown(str(folder), 12345, -1)

    result = run_cli(*GET, "--output-dir", str(folder), plane=plane)

    assert result.code == 1
    assert error_lines(result) == [
        "the folder %s cannot be used: it belongs to another user (uid 12345)" % folder
    ]
    assert plane.requests == []


@posix_only
@pytest.mark.parametrize(
    "ending, words",
    # The last folder would be in a folder that does not exist.
    [("x" * 300, "too long"), ("\0", "null"), ("/\n", "No such file")],
    ids=["a name of 303 characters", "NUL", "a line feed in a missing folder"],
)
def test_impossible_name_of_a_folder_is_an_error_before_anything_is_sent(
    plane, folder, ending, words
):
    result = run_cli(*GET, "--output-dir", str(folder) + ending, plane=plane)

    assert result.code == 1
    (error,) = error_lines(result)
    assert error.startswith("the folder %s" % folder)
    assert words in error
    assert plane.requests == []
