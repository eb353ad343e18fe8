"""Pages of a walk that are requested again, and times with an offset."""

import json
import re

import pytest

from kit import (ALL, CLOSE_HEAD, GET, LIST, encode, error_lines, every_list_format, execution, expect_usage_error,
                 page, posix_only, read_listing, read_queries, rule, run_cli, run_on_terminal, serve_pages)
from kit_net import ask, stall
from server import Reply
from test_listing import JSONL, TEN, listed, make_pages, read_ids, truncate_each


# ---- 3.8a to 3.8c: pages that are requested again

def listed_apart(*names):
    return [listed(name, "09:30:%02d.5Z" % number) for number, name in enumerate(names)]


@rule("3.11", "3.11b", "3.11d")
@pytest.mark.parametrize("flags", ["--all", "--all --last=15", "--since 2026-07-14T03", "--cursor=c1 --failed"])
@every_list_format
def test_walk_whose_every_page_is_truncated_once_prints_all_rows_once(plane, format, flags):
    argv, slept = LIST + tuple(flags.split()) + ("--output", format), []
    serve_pages(plane, TEN)
    whole = run_cli(*argv, plane=plane)
    del plane.requests[:]
    serve_pages(plane, TEN, reply=truncate_each)
    result = run_cli(*argv, plane=plane, sleep=slept.append)
    assert (result.code, result.out, len(plane.requests)) == (0, whole.out, 20)
    assert len(error_lines(result, "retry")) == len(result.err.splitlines()) == 10 and slept == [0.5] * 10


@rule("3.11a", "3.11d", "3.11f")
@pytest.mark.parametrize("first", [False, True], ids=["later page", "first page"])
@pytest.mark.parametrize("came", [(2, 3, 1), (3, 0, 3), (0, 0, 0), (1, 2, 3)], ids=str)
def test_page_that_breaks_three_times_prints_its_rows_once_and_the_cursor(plane, came, first):
    body = encode(page(*listed_apart("a", "b", "c", "d")))
    ends = [0] + [place.end() for place in re.finditer(b'"updated_at":"[^"]*"}', body)]
    lead = [] if first else [Reply(page(listed("z", "09:00:00Z"), next_cursor="c9"))]
    result, slept = ask(plane, *lead + [Reply(body, cut=ends[count] + 20) for count in came], argv=ALL + JSONL)
    assert result.code == 1 and slept == [0.5, 1.0] and not plane.answers
    assert read_listing(result, "jsonl")[0] == ([] if first else ["z"]) + ["a", "b", "c"][:max(came)]
    labels = [line.partition(":")[0] for line in result.err.splitlines()]
    assert labels == ["retry", "retry", "error"] + ([] if first else ["next_cursor"])
    assert first or result.err.endswith("\nnext_cursor: c9\n")


@rule("3.11a", "3.11c")
@pytest.mark.parametrize("answers, pauses", [
    ("cut 503 ok", [0.5, 0.5]), ("503 cut 503 503 ok", [0.5, 0.5, 0.5, 1.0]),
    ("cut cut ok", [0.5, 1.0]), ("cut 503 cut 503 503 ok", [0.5, 0.5, 1.0, 0.5, 1.0])])
def test_retries_begin_anew_in_each_attempt_and_attempts_at_each_page(plane, answers, pauses):
    for_page = [{"ok": Reply(page(*listed_apart("c", "d"))), "503": Reply({}, 503), "cut": Reply(page(*listed_apart(
        "c", "d")), cut=500)}[answer] for answer in answers.split()]
    first = [Reply(page(*listed_apart("a", "b"), next_cursor="c2"), cut=500)] * 2 + [
        Reply(page(*listed_apart("a", "b"), next_cursor="c2"))]
    result, slept = ask(plane, *first + for_page, argv=ALL + JSONL)
    assert (result.code, read_listing(result, "jsonl")[0], slept) == (0, ["a", "b", "c", "d"], [0.5, 1.0] + pauses)
    assert len(error_lines(result, "retry")) == len(pauses) + 2


@rule("3.11e", "3.11d")
@pytest.mark.parametrize("flags", ["--all", "--since=2026-07-14", "--all --limit=5"])
def test_execution_without_an_id_is_never_skipped_and_ids_are_of_one_page(plane, flags):
    items = [listed("a"), listed(None), listed("b"), dict(listed("x", action="last"))]
    absent = [{name: value for name, value in items[1].items() if name != "id"}]
    for odd in ([items[1]], absent):
        body = encode(page(*items[:1] + odd + items[2:], next_cursor="c2"))
        again = encode(page(listed("a"), listed("b"), listed("c")))
        plane.script(Reply(body, cut=body.index(b'"id":"b"')), Reply(body),
                     Reply(again, cut=again.index(b'"id":"c"')), Reply(again))
        result = run_cli(*LIST + JSONL + tuple(flags.split()), plane=plane)
        found = [json.loads(line).get("id") for line in result.out.splitlines()]
        assert (result.code, found) == (0, ["a", None, None, "b", "x", "a", "b", "c"])


@rule("3.11d", "1.9k")
def test_times_of_an_attempt_that_is_repeated_have_not_fallen(plane):
    pages = make_pages("00 10 | 30 40 50")
    bodies = [encode(page(*one, next_cursor=cursor)) for one, cursor in zip(pages, ("c2", "c3"))]
    answers = [answer for body in bodies for answer in (Reply(body, cut=len(body) - 30), Reply(body))]
    result, _ = ask(plane, *answers, argv=LIST + JSONL + ("--until=2026-07-14T09:30",))
    assert (result.code, read_listing(result, "jsonl")[0], len(plane.requests)) == (0, ["00", "10"], 4)


@rule("3.11")
def test_cursor_that_a_truncated_page_names_first_is_not_used(plane):
    plane.script(Reply(b'{"next_cursor":"c9","items":[{"id":"a"},{"id":"b"}]}', cut=40),
                 Reply(page({"id": "a"}, {"id": "b"}, next_cursor="c2")), Reply(page()))
    result = run_cli(*ALL + JSONL, plane=plane)
    assert read_listing(result, "jsonl")[0] == ["a", "b"]
    assert [query.get("cursor") for query in read_queries(plane)] == [None, None, "c2"]


@rule("3.11", "3.5a")
def test_page_whose_body_falls_silent_is_requested_again(plane):
    body = encode(page(*listed_apart("a", "b")))
    result, slept = ask(plane, stall(CLOSE_HEAD + body[:500]), Reply(body), argv=ALL + JSONL + ("--timeout=0.2",))
    assert (result.code, read_listing(result, "jsonl")[0], slept) == (0, ["a", "b"], [0.5])


@rule("3.11h")
@pytest.mark.parametrize("argv", [LIST, LIST + ("--cursor=c",), LIST + ("--status=failed", "--limit=9"), GET])
def test_single_page_and_get_are_not_requested_again(plane, argv):
    wire = page(execution()) if "list" in argv else execution()
    result, slept = ask(plane, Reply(wire, cut=300), argv=argv)
    assert (result.code, len(plane.requests), slept, error_lines(result, "retry")) == (1, 1, [], [])


@rule("3.11")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_page_of_a_merge_is_requested_again_too(plane, count):
    lists = [page(listed("a", "09:00:00Z"), listed("c", "09:02:00Z")), page(listed("b", "09:01:00Z", "timeout"))]
    result, slept = ask(plane, Reply(lists[0]), *[Reply(lists[1], cut=200)] * count + [Reply(lists[1])],
                        argv=LIST + JSONL + ("--status=failed", "--status=timeout"))
    assert slept == [0.5, 1.0][:count] and result.code == (count == 3)
    assert read_listing(result, "jsonl")[0] == (["a", "b", "c"] if count < 3 else []) and "next_" not in result.err


# ---- 1.9, 1.11, 1.11a: times with an offset

@rule("1.9d", "1.9h", "1.11", "1.11b")
@pytest.mark.parametrize("when", [
    "2026-07-14T11:30:00+02:00", "2026-07-14 11:30:00+02:00", "2026-07-14T11:30+02:00", "2026-07-14T04:00:00-05:30",
    "2026-07-14T11:30:00.75+02:00", "2026-07-14T09:30:00+00:00", "2026-07-14T09:30:00-00:00",
    "2026-07-15T09:29:00+23:59", " 2026-07-13 09:31-23:59 "])
def test_time_with_an_offset_is_the_same_moment_as_in_utc(plane, when):
    times = ["09:29:59.999Z", "11:29:59.9+02:00", "09:30:00Z", "23:30:00+14:00", "04:00:00-05:30", "09:30:00.1+00:00"]
    rows = [listed("e%d" % number, created) for number, created in enumerate(times)]
    serve_pages(plane, [rows])
    assert read_ids(run_cli(*LIST + JSONL + ("--since", when), plane=plane)) == ["e2", "e3", "e4", "e5"]
    assert read_ids(run_cli(*LIST + JSONL + ("--until", when), plane=plane)) == ["e0", "e1"]


@rule("1.9i")
@pytest.mark.parametrize("value", [
    "2026-07-14+02:00", "2026-07-14T11+02:00", "11:30+02:00", "2026-07-14T11:30:00+02", "2026-07-14T11:30:00+0200",
    "2026-07-14T11:30:00+2:00", "2026-07-14T11:30:00+24:00", "2026-07-14T11:30:00+02:60", "2026-07-14T11:30:00Z+02:00",
    "2026-07-14T11:30:00 +02:00", "2026-07-14T11:30:00+02:00Z", "2026-07-14T11:30:00+02:00:00",
    "2026-07-14T11:30:00\u221202:00", "0001-01-01T00:30:00+01:00", "9999-12-31T23:30:00-01:00",
    "2026-02-30T00:00:00+02:00"], ids=ascii)
def test_malformed_offset_exits_2(value):
    for flag in ("--since", "--until"):
        assert expect_usage_error(*LIST + (flag + "=" + value,)).startswith("argument %s: expected an age " % flag)


@rule("1.9j")
def test_until_before_since_is_compared_in_utc(plane):
    since, until = "--since=2026-07-14T11:30:01+02:00", "--until=2026-07-14T04:30:00-05:00"
    assert expect_usage_error(*LIST + (since, until)).startswith("argument --until: ")
    serve_pages(plane, [[listed("a")]])
    flags = since.replace("01+", "00+"), "--until=2026-07-14T09:31"
    assert read_ids(run_cli(*LIST + JSONL + flags, plane=plane)) == ["a"]


@rule("1.11", "1.11a")
@pytest.mark.parametrize("created", [
    "0001-01-01T00:30:00+01:00", "9999-12-31T23:30:00.5-00:31", "2026-07-14T09:30:00+24:00", "2026-07-14T09:30:00+02",
    "2026-07-14T09:30:00+0200", "2026-07-14T09:30:00+02:00Z", "2026-07-14T09:30:00+02:00\n",
    "2026-02-30T09:30:00+02:00", "2026-07-14T09:30:00.+02:00", "2026-07-14T09:30+02:00", "2026-07-14T09:30:00+02:60",
    "2026-07-14T09:30:00 02:00"])
@pytest.mark.parametrize("flag", ["--since=2026-01-01", "--until=2027-01-01", "--last=2", "--failed"])
def test_created_at_with_a_malformed_offset_exits_1(plane, created, flag):
    serve_pages(plane, [[listed("a", "09:00:00+02:00"), execution(id="b", status="failed", created_at=created)]])
    result = run_cli(*LIST + JSONL + (flag,), plane=plane)
    assert result.code == 1 and "created_at" in error_lines(result)[0] and len(plane.requests) <= 3
    assert run_cli(*ALL, plane=plane).code == 0


@rule("1.11b")
def test_last_compares_offsets_in_utc(plane):
    times = ["11:30:00.2+02:00", "04:30:00.1-05:00", "09:30:00.15Z", "23:30:00+14:00"]
    serve_pages(plane, [[listed(created, created) for created in times]])
    assert read_ids(run_cli(*LIST + JSONL + ("--last=2",), plane=plane)) == [times[2], times[0]]


@posix_only
@rule("1.11c")
def test_table_shows_an_offset_as_it_came_and_a_shortened_time_in_utc(plane):
    wire = listed("a", "2026-07-15T00:29:41.5+02:00", updated_at="2026-12-31T23:59:59-00:01")
    serve_pages(plane, [[wire, listed("b", "0001-01-01T00:30:00+01:00")]])
    wide, narrow = [run_on_terminal(*LIST + ("--color=never",), plane=plane, columns=columns) for columns in (200, 120)]
    assert wide.out.split()[7:14] == [b"a", b"failed", b"builtin", b"0/0", b"2026-07-15T00:29:41+02:00",
                                      b"2026-12-31T23:59:59-00:01", b"restart-nginx"]
    assert narrow.out.split()[6:12] == [b"a", b"failed", b"0/0", b"07-14T22:29", b"01-01T00:00", b"restart-nginx"]
    assert (wide.code, narrow.code) == (0, 0)
