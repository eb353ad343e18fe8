"""Two conditions at once, where each alone is tested elsewhere: an id and another id, a cut and a bad byte, a duplicate
and an output of another kind. Tests are in the order of the contract's sections."""

import os
import subprocess
import sys

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import (EXECUTION, GET, LIST, NODES, PATIENCE, ROOT, archive, encode, error_lines, execution, inline,
                 make_environment, posix_only, read_folder, refuse, rule, run_against, run_cli, save_to_folder, target)
from server import Reply

JSONL = LIST + ("--output", "jsonl")
OTHER = "6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"
SPELLINGS = {"canonical": OTHER, "urn": "urn:uuid:" + OTHER, "braces": "{%s}" % OTHER, "bare": OTHER.replace("-", "")}


# ---- 1: command line

@rule("1.2", "1.15a")
@pytest.mark.parametrize("ids", [(EXECUTION, "--id", OTHER), ("--id", OTHER, EXECUTION),
                                 (EXECUTION, "--id=" + EXECUTION)], ids=["word first", "flag first", "the same"])
def test_get_takes_one_id_not_a_word_and_a_flag(ids):
    refuse("get", "--project", PROJECT, *ids)


#: Where an id gets a message of its own, because it is an id in the wrong place.
STRAY = {"the command": (), "after list": ("list", "--project", PROJECT), "after get --id": GET,
         "after get ID": ("get", EXECUTION, "--project", PROJECT)}


@rule("1.6", "1.15a")
@pytest.mark.parametrize("place", list(STRAY))
@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_id_in_the_wrong_place_is_recognised_in_upper_case_too(place, spelling):
    lower, argv = SPELLINGS[spelling], STRAY[place]
    said = refuse(*argv + (lower.upper(),))
    assert said == refuse(*argv + (lower,))
    assert said != refuse(*argv + ("g" * len(lower),)), "it is not recognised at all"
    assert OTHER not in said.lower()


# ---- 3: bodies

@rule("3.10")
def test_bad_byte_is_the_same_fault_wherever_the_body_was_cut_before(plane):
    body = '{"items":[{"id":"\u00e9"},{"id":"\u20ac\U0001f600"},{"id":"x'.encode() + b'\xff"}]}'
    whole = run_against(plane, Reply(body), *JSONL)
    assert (whole.code, whole.out.count(b"\n"), len(error_lines(whole))) == (1, 2, 1)
    for place in range(1, len(body)):
        assert run_against(plane, Reply((body[:place], body[place:]), framing="chunked"), *JSONL) == whole, place


#: Tokens between which blanks may stand, and what is a blank in other languages than JSON.
TOKENS = [b"", b"{", b'"items"', b":", b"[", b'{"id":"a"}', b",", b'{"id":"b"}', b"]", b",", b'"n"', b":", b"1", b"}"]
NO_BLANKS = {"VT": b"\v", "FF": b"\f", "FS": b"\x1c", "US": b"\x1f", "NUL": b"\0", "NEL": b"\xc2\x85",
             "no-break": b"\xc2\xa0", "ideographic": b"\xe3\x80\x80", "U+2028": b"\xe2\x80\xa8"}


@rule("3.10")
@pytest.mark.parametrize("blank", [b""] + list(NO_BLANKS.values()), ids=["none"] + list(NO_BLANKS))
@pytest.mark.parametrize("empty", [False, True], ids=["full", "empty"])
def test_blank_of_another_language_is_malformed_behind_one_of_json(plane, blank, empty):
    tokens = TOKENS[:5] + TOKENS[8:] if empty else TOKENS
    for place in range(1, len(tokens) + 1):
        body = b"".join(tokens[:place]) + b" \t\r\n" + blank + b"\n" + b"".join(tokens[place:])
        assert run_against(plane, Reply(body), *JSONL).code == (1 if blank else 0), body


# ---- 9: comfort

#: What a target of a node may have printed, and the exit code of a run with this target alone.
FIRST = {"none": None, "archived": archive(), "unreadable": {"kind": "tape"}, "inline": inline(b"first"),
         "empty": {"kind": "inline"}}


@rule("9.3")
@pytest.mark.parametrize("kind", list(FIRST))
@pytest.mark.parametrize("upper", [(False, False), (False, True), (True, False)], ids=["same", "second", "first"])
def test_node_that_came_before_becomes_no_file_whatever_its_first_output_was(plane, tmp_path, kind, upper):
    first, second = [NODES[0].upper() if is_upper else NODES[0] for is_upper in upper]
    plane.script(Reply(execution([target(FIRST[kind], first), target(inline(b"second"), second)])))
    result = save_to_folder(plane, tmp_path / "out")
    files = read_folder(tmp_path / "out")
    assert [line.split(b"\t")[0] for line in files.pop("targets").splitlines()] == [first.encode(), second.encode()]
    assert files == {"inline": {first + ".out": b"first"}, "empty": {first + ".out": b""}}.get(kind, {})
    assert result.code == 1
    assert second in error_lines(result)[-1]


@rule("9.3")
@posix_only
@pytest.mark.parametrize("when", ["before", "after"])
def test_folder_whose_name_is_moved_while_it_is_opened_is_the_one_opened(plane, tmp_path, monkeypatch, when):
    folder, moved, victim = [tmp_path / name for name in ("out", "moved", "victim")]

    def swap():
        folder.rename(moved)
        folder.symlink_to(victim)

    def open_in_a_race(path, *rest, **options):
        if path != str(folder):
            return os_open(path, *rest, **options)
        if when == "before":
            swap()
        descriptor = os_open(path, *rest, **options)
        if when == "after":
            swap()
        return descriptor

    victim.mkdir(0o700)
    if when == "after":
        victim.chmod(0o777)         # what is checked now would be refused twice over
        (victim / "mine").write_bytes(b"")
    before, os_open = read_folder(victim), os.open
    monkeypatch.setattr(os, "open", open_in_a_race)
    plane.script(Reply(execution([target(inline(b"x"))])))
    result = save_to_folder(plane, folder)
    assert moved.exists(), "the program does not open the folder by os.open: stage the race anew"
    assert read_folder(victim) == before
    if when == "before":            # it is a link by now, and refused
        assert (result.code, plane.requests, read_folder(moved)) == (1, [], {})
    else:
        assert (result.code, set(read_folder(moved))) == (0, {"targets", NODES[0] + ".out"})


# ---- 10: as a library

FORK = """
import os
from plexctl_exec_log import RemoteError, Transport, get_page
with Transport.from_settings() as transport:
    elements = get_page(transport, %r, {}).elements
    print(next(elements)["id"], flush=True)
    child = os.fork()
    if not child:
        try:
            print("the child got", list(elements), flush=True)
        except RemoteError:
            os._exit(7)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 7 << 8
    print([element["id"] for element in elements], len(list(get_page(transport, %r, {}).elements)))
"""


@rule("10.3")
@posix_only
def test_document_that_is_half_read_before_a_fork_is_read_on_by_the_parent_alone(plane):
    pieces = (b'{"items":[{"id":"a"},', b'{"id":"b"},', b'{"id":"c"}]}')
    plane.script(Reply(pieces, framing="chunked"), Reply({"items": [{}]}))
    env = make_environment(plane, {"PYTHONPATH": ROOT})
    done = subprocess.run([sys.executable, "-c", FORK % (PROJECT, PROJECT)], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (0, b"a\n['b', 'c'] 1\n")
