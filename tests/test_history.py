"""Sections 1, 5, 9: --since and --last, --all from a cursor on, get --failed, and progress on a terminal."""

import os
import re
import time

import pytest

import plexctl_exec_log as program
from control_plane import EXECUTIONS, Reply
from kit import (FORMS, GET, LIST, NODES, answered, contents, drained, encoded, execution, inline, listed, on_terminal,
                 opened_terminal, page, run_cli, saved, sections, start_cli, target)


def created(*times):
    """An Execution for each time, whose id is that time."""
    return [execution(id=text, created_at=text) for text in times]


def walked(plane, *argv, form="jsonl", pages=()):
    """The Result of a walk over these pages of Executions, whose cursors are c2, c3 and so on."""
    cursors = ["c%d" % number for number in range(2, len(pages) + 1)] + [None]
    plane.script(*[Reply(page(*items, next_cursor=cursor)) for items, cursor in zip(pages, cursors)])
    return run_cli(*LIST + argv + ("--output", form), plane=plane)


WHEN = ["", " ", "now", "yesterday", "h", "1", "90", "1.5h", "-1h", "+1h", "1H", "1y", "1M", "1ms", "2 h", " 2h", "2h ", "2h\n", "1h30m", "\u0663h", "1_0s",
        "2026", "2026-11", "2026-1-1", "2026-11-24\n", "2026-11-24Z", "2026-11-24T", "2026-11-24T9", "2026-11-24T09Z", "2026-11-24T09:30Z", "2026-11-24 09",
        "2026-11-24T09:30:00", "2026-11-24t09:30:00z", "2026-11-24T09:30:00+01:00", "2026-02-30", "2026-13-01", "2025-02-29", "2026-11-24T24",
        "2026-11-24T09:60", "2026-11-24T09:30:61Z", "0000-01-01", "20261124", "\u0662026-11-24"]


@pytest.mark.parametrize("argv", [LIST + ("--since=" + when,) for when in WHEN] + [
    LIST + ("--last=" + count,) for count in ["", "0", "00", "-1", "+1", "1.0", "x", "1 ", "1\n", "1_0", "\u0663"]] + [
    LIST + ("--all", "--since", "1h"), LIST + ("--last", "1", "--all"), LIST + ("--since", "1h", "--last", "1"), GET + ("--failed", "--node", NODES[0]),
    LIST + ("--output", "raw"), LIST + ("--output", "JSONL"), GET + ("--output", "")])
def test_anything_else_and_what_excludes_each_other_is_usage(plane, argv):
    result = run_cli(*argv, plane=plane)
    assert (result.code, result.out, plane.requests) == (2, b"", []) and "\nerror: argument --" in result.err


@pytest.mark.parametrize("when, before, first", [
    ("2026-11-24", "2026-11-23T23:59:59.999999Z", "2026-11-24T00:00:00Z"), ("2026-11-24T09", "2026-11-24T08:59:59Z", "2026-11-24T09:00:00.0Z"),
    ("2026-11-24T09:30", "2026-11-24T09:29:59.9Z", "2026-11-24T09:30:00Z"), ("2026-11-24T09:30:07Z", "2026-11-24T09:30:06.999Z", "2026-11-24T09:30:07Z"),
    ("2024-02-29", "2024-02-28T23:59:59Z", "2024-02-29T00:00:00Z"), ("2026-11-24T23:59:59Z", "2026-11-24T23:59:58Z", "2026-11-24T23:59:59.000001Z")])
def test_since_keeps_what_was_created_at_or_after_a_time(plane, when, before, first):
    result = walked(plane, "--since", when, pages=[created(before, first), created("1999", "2027")])
    assert listed(result, "jsonl") == ([first, "2027"], []) and (result.code, result.err) == (0, "")


@pytest.mark.parametrize("age, seconds", [("90s", 90), ("3000m", 180000), ("200h", 720000), ("150d", 12960000), ("60w", 36288000), ("0s", 0), ("007d", 604800)])
def test_since_an_age_counts_back_from_now(plane, age, seconds):
    old, young = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds + by)) for by in (-40, 40)]
    assert listed(walked(plane, "--since", age, pages=[created(old, young)]), "jsonl")[0] == [young]


OLD, MIDDLE, NEW, LATER = created("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z")
TIED = [dict(MIDDLE, id=name) for name in "cab"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("flags, pages, kept", [
    (("--since", "2026-01-02"), [[OLD, NEW], [NEW, MIDDLE, LATER]], [NEW, NEW, MIDDLE, LATER]), (("--since", "2026-01-02"), [[OLD], [], [MIDDLE]], [MIDDLE]),
    (("--since", "2026-01-02"), [[OLD]], []), (("--since", "2026-01-02"), [[], []], []), (("--since", "9" * 400 + "w"), [[OLD], [NEW]], [OLD, NEW]),
    (("--last", "2"), [[LATER, OLD, NEW]], [NEW, LATER]), (("--last", "2"), [[], [OLD]], [OLD]), (("--last", "2"), [[], []], []),
    (("--last", "2"), [TIED], TIED[1:])])
def test_walk_is_one_document_of_what_is_kept(plane, form, flags, pages, kept):
    assert walked(plane, *flags, form=form, pages=pages) == answered(plane, page(*kept), *LIST + ("--output", form))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("flags, kept, cursors", [
    (("--since", "2026-01-02"), [NEW["id"]], ["c2"]), (("--since", "2026-01-05"), [], ["c2"]), (("--last", "2"), [], [])])
def test_walk_that_breaks_tells_what_was_kept_and_the_cursor_and_last_nothing(plane, form, flags, kept, cursors):
    plane.script(Reply(page(OLD, NEW, next_cursor="c2")), Reply(page(OLD, OLD), cut=500))
    result = run_cli(*LIST + flags + ("--output", form), plane=plane)
    assert (result.code, listed(result, form)) == (1, (kept, cursors)) and (cursors or not result.out)


TIMES = ["2026-05-02T10:00:00Z", "2026-05-02T10:00:00.5Z", "2026-05-02T10:00:01Z", "2026-05-02T10:01:00Z", "2026-10-02T10:00:00Z", "2027-01-01T00:00:00Z"]


@pytest.mark.parametrize("order", ["creation", "reversed", "shuffled"])
@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 10 ** 12])
def test_last_is_the_n_created_last_oldest_first_whatever_the_order(plane, order, count):
    times = {"creation": TIMES, "reversed": TIMES[::-1], "shuffled": [TIMES[place] for place in (3, 0, 5, 2, 4, 1)]}[order]
    result = walked(plane, "--last", str(count), "--limit", "2", pages=[created(*times[at:at + 2]) for at in (0, 2, 4)])
    assert listed(result, "jsonl") == (TIMES[-count:], []) and (result.code, len(plane.requests)) == (0, 3)
    assert ["limit=2&cursor" in request.target for request in plane.requests] == [False, True, True]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wire", [{"id": "x"}, {"id": "x", "created_at": None}, {"id": "x", "created_at": 5}, {"id": "x", "created_at": [1]}])
def test_execution_without_a_created_at_string_is_malformed_to_since_and_last_alone(plane, form, wire):
    pages = [created("2026-01-02T00:00:00Z") + [wire]]
    for flags, ids in ((("--since", "2026-01-01"), ["2026-01-02T00:00:00Z"]), (("--last", "5"), [])):
        result = walked(plane, *flags, form=form, pages=pages)
        assert (result.code, listed(result, form)[0]) == (1, ids) and "x: created_at" in result.err
    assert walked(plane, "--all", form=form, pages=pages).code == (form == "text" and bool(wire.get("created_at")))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("broken", [0, 1, 2, 3])
def test_walk_that_broke_goes_on_with_the_cursor_printed_and_loses_none(plane, form, broken):
    pages = [page(execution(id="%da" % number), execution(id="%db" % number), next_cursor="c%d" % (number + 1))
             for number in range(3)] + [page(execution(id="3a"), execution(id="3b"))]
    replies = [Reply(whole) for whole in pages]
    plane.script(*replies[:broken] + [Reply(pages[broken], cut=500)] + replies[broken:])
    first = run_cli(*LIST + ("--all", "--cursor", "c0", "--output", form), plane=plane)
    ids, cursors = listed(first, form)
    second = run_cli(*LIST + ("--all", "--cursor", cursors[0], "--output", form), plane=plane)
    assert (first.code, second.code, cursors, ids[-1]) == (1, 0, ["c%d" % broken], "%da" % broken)
    assert ids[:-1] + listed(second, form)[0] == ["0a", "0b", "1a", "1b", "2a", "2b", "3a", "3b"]
    assert "".join(request.target[-1] for request in plane.requests) == "0123"[:broken + 1] + "0123"[broken:]


ENDED = [(NODES[number], status) for number, status in enumerate(["succeeded", "failed", "started", "cancelled", "timeout", None, "FAILED", "failed ", ""])]
WIRE = execution([target(inline(node[-1].encode()), node, status) for node, status in ENDED] + [target({"kind": "tape"}, NODES[9])], status="failed")
FAILED = dict(WIRE, targets=[wire for wire in WIRE["targets"] if wire["status"] in ("failed", "cancelled", "timeout")])
NONE = dict(WIRE, targets=[WIRE["targets"][0]])


def test_failed_keeps_the_sections_of_what_failed_and_the_recap_counts_all(plane):
    result = answered(plane, WIRE, *GET + ("--failed",))
    found, recap = sections(result.out)
    assert [(section[0], section[3]) for section in found] == [(NODES[1], b"1"), (NODES[3], b"3"), (NODES[4], b"4")]
    assert (result.code, result.err) == (0, "") and b"  2/10  " in recap
    assert answered(plane, NONE, *GET + ("--failed",)) == (0, answered(plane, page(NONE), *LIST).out, "")


@pytest.mark.parametrize("form", ["json", "yaml", "jsonl", "raw"])
def test_failed_in_every_form_is_as_if_the_others_were_not_there(plane, form):
    for wire, kept in ((WIRE, FAILED), (NONE, dict(NONE, targets=[]))):
        result = answered(plane, wire, *GET + ("--failed", "--output", form))
        assert result == answered(plane, kept, *GET + ("--output", form)) and result.code == 0
        assert answered(plane, wire, *GET + ("--failed", "--exit-status", "--output", form)) == result._replace(code=5)


def test_failed_into_a_folder(plane, tmp_path):
    plane.script(Reply(WIRE), Reply(NONE))
    assert saved(plane, tmp_path / "some", "--failed").code == saved(plane, tmp_path / "none", "--failed").code == 0
    found = contents(tmp_path / "some")
    assert [name for name in sorted(found) if name.endswith(".out")] == [NODES[number] + ".out" for number in (1, 3, 4)]
    assert found["nodes.failed"].decode().split() == [NODES[1], NODES[3], NODES[4]] and not found["nodes.succeeded"]
    assert set(contents(tmp_path / "none").values()) == {b""}


def screen(err):
    """What a terminal shows in the end."""
    return "\n".join(line.split("\r\x1b[K")[-1] for line in err.split("\n"))


WALK, BROKEN = LIST + ("--limit", "25"), LIST + ("--all",)
MANY = Reply(page(*[execution()] * 250, next_cursor="c2"))
PAGES = "%d pages, %d executions" % (-(-len(EXECUTIONS) // 25), len(EXECUTIONS))
BYTES = "10 targets, %d bytes" % len(encoded(WIRE))


@pytest.mark.parametrize("argv, terminals, told", [
    (WALK + ("--all",), ["stderr"], PAGES), (WALK + ("--since", "2020-01-01"), ["stderr"], PAGES), (WALK + ("--last", "2"), ["stderr"], PAGES),
    (WALK + ("--last", "2"), ["stdout", "stderr"], PAGES), (WALK + ("--all",), ["stdout", "stderr"], ""), (WALK + ("--all",), ["stdout"], ""),
    (WALK, ["stderr"], ""), (GET, ["stderr"], BYTES), (GET, ["stdout", "stderr"], ""), (GET, ["stdout"], ""),
    (GET + ("--failed",), ["stderr"], BYTES), (GET + ("--output-dir",), ["stdout", "stderr"], BYTES),
    (BROKEN, ["stderr"], "1 pages, 101 executions"), (BROKEN, ["stderr"], "1 pages, 201 executions")])
def test_progress_is_told_where_nothing_else_is_written_and_gone_at_the_end(plane, tmp_path, argv, terminals, told):
    plane.script(*[Reply(WIRE)] if "get" in argv else [MANY, Reply({}, 404)] if argv == BROKEN else [])
    folder = (str(tmp_path / "d"),) if "--output-dir" in argv else ()
    result = on_terminal(*argv + folder, streams=terminals, plane=plane)
    assert result.out and ("\r\x1b[K" + told + "\r\x1b[K" in result.err if told else "\r" not in result.err)
    assert re.sub("(error|hint): .*\n", "", screen(result.err)) == "" and "\r\x1b[K" * 2 not in result.err


def test_progress_is_told_at_every_hundredth_element_and_at_the_end():
    seen, told = dict.fromkeys((program.ELEMENT, program.END), 0), []
    events = [("m%d" % number, 0) for number in range(300)] + [(program.ELEMENT, {})] * 201 + [("status", "x"), (program.END, None)]
    assert list(program.watched(events, seen, told.append, lambda: seen[program.ELEMENT])) == events
    assert told == [1, 101, 201, 201, ""] and seen == {program.ELEMENT: 201, program.END: 1, "status": "x"}


def test_progress_is_gone_when_the_reader_of_stdout_is(plane):
    far, near = opened_terminal()
    reading, writing = os.pipe()
    os.close(reading)
    process = start_cli(*LIST + ("--all", "--output", "jsonl"), plane=plane, stdout=writing, stderr=near)
    os.close(near)
    os.close(writing)
    err = drained([far])[0].decode("ascii")
    assert process.wait() == 141 and "\r" in err and screen(err) == ""
