"""Listings of more than one page: merged statuses, --until, pages that break off, and Listing as a library."""

import datetime
import inspect
import json
import re
import socket
import time

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, STATUSES
from kit import (ALL, CLOSE_HEAD, LIST, HaltingAnswer, collect_warnings, encode, error_lines, every_list_format,
                 execution, list_ids, page, read_listing, read_queries, rule, run_cli, serve_pages, wait_until)
from kit_net import ask, stall
from server import Reply
from test_library import catch

JSONL = ("--output", "jsonl")


def listed(name, created="09:30:00Z", status="failed", **members):
    """Return an Execution. `created` may lack its day, which is 2026-07-14."""
    day = "2026-07-14T" if re.match("[0-9]{2}:", str(created)) else ""
    return execution(id=name, created_at=day + created if day else created, status=status, **members)


def read_ids(result, format="jsonl"):
    """Return the ids of a listing that must succeed without a word."""
    assert (result.code, result.err) == (0, "")
    return read_listing(result, format)[0]


# ---- 1.17: one query for each status, merged

@rule("1.17", "1.17d", "1.8c", "1.12", "1.12a", "1.12b")
@pytest.mark.parametrize("flags, statuses", [
    ("--failed", STATUSES[4:]), ("--running", STATUSES[:3]), ("--failed --status=succeeded --running", STATUSES),
    ("--status failed --failed", STATUSES[4:]), ("--status ack --status= --status=succeeded", ("ack", "succeeded")),
    ("--status timeout --status=cancelled --status ack --status timeout", ("ack", "cancelled", "timeout"))])
def test_queries_start_in_the_order_of_a_life_with_every_other_filter(plane, flags, statuses):
    pages = [[listed("e-%d" % number, status=status) for number, status in enumerate(STATUSES)]]
    found = list_ids(plane, "--action-name=a&b", *flags.split(), pages=pages)
    assert found == ["e-%d" % STATUSES.index(status) for status in statuses]
    assert read_queries(plane) == [{"limit": "200", "action_name": "a&b", "status": status} for status in statuses]


ORDERED = {
    "several pages": [[("a", "09:00:00Z", "failed"), ("b", "09:01:00Z", "timeout")],
                      [("c", "09:02:00Z", "timeout"), ("d", "09:03:00Z", "cancelled")],
                      [("e", "09:03:30Z", "failed"), ("f", "09:04:00Z", "timeout")]],
    "ties": [[("a", "09:00:00Z", "timeout"), ("b", "09:00:00Z", "failed"), ("c", "09:00:00Z", "cancelled")]],
    "fractions": [[("a", "09:00:00Z", "timeout"), ("c", "09:00:00.09999Z", "timeout"), ("b", "09:00:00.1Z", "failed"),
                   ("d", "09:00:00.123456788Z", "timeout"), ("e", "09:00:00.123456789Z", "failed")]],
    "zeros": [[("a", "09:00:00.50Z", "timeout"), ("b", "09:00:00.5Z", "failed"), ("c", "09:00:00.500Z", "cancelled")]],
    "offsets": [[("a", "10:00:00+02:00", "timeout"), ("b", "08:30:00Z", "failed"), ("c", "04:00:00-05:00", "cancelled"),
                 ("d", "2026-07-15T00:30:00.5+14:00", "timeout"), ("e", "10:30:00.6Z", "failed")]]}


@rule("1.17a", "1.11b")
@pytest.mark.parametrize("pages", list(ORDERED.values()), ids=list(ORDERED))
def test_merge_is_in_the_order_of_created_at_and_then_of_the_id(plane, pages):
    assert list_ids(plane, "--failed", pages=[[listed(*values) for values in one] for one in pages]) == [
        values[0] for one in pages for values in one]


@rule("1.17g")
def test_merge_takes_executions_without_a_usable_id_for_different_ones(plane):
    names = ("", 5, None, ["x"], "a")       # in the order of their texts, as the server would list them
    rows = [listed(name, status=status) for status in STATUSES[4:] for name in names[:4 + (status == "failed")]]
    absent = [{"status": status, "created_at": rows[0]["created_at"]} for status in STATUSES[4:]]
    serve_pages(plane, [rows + absent])
    result = run_cli(*LIST + JSONL + ("--failed",), plane=plane)
    found = [repr(json.loads(line).get("id")) for line in result.out.splitlines()]
    assert result.code == 0 and found.count("None") == 6 and found.count("'a'") == 1
    assert set(found) == set(map(repr, names))


MOVES = {"once": ("pending", "started"), "twice": ("pending", "ack", "started"), "at the end": ("ack", "started")}


@rule("1.17e", "1.17f")
@every_list_format
@pytest.mark.parametrize("seen", list(MOVES.values()), ids=list(MOVES))
def test_execution_that_moves_on_between_queries_is_printed_once(plane, seen, format):
    moved = {status: [listed("b", status=status, action="as-" + status)] for status in seen}
    moved["pending"] = [listed("a", status="pending")] + moved.get("pending", []) + [listed("c", status="pending")]
    plane.script(*[Reply(page(*moved.get(status, []))) for status in STATUSES[:3]])
    result = run_cli(*LIST + ("--running", "--output", format), plane=plane)
    assert read_ids(result, format) == ["a", "b", "c"]
    assert [b"as-" + status.encode() in result.out for status in seen] == [False] * (len(seen) - 1) + [True]


@rule("1.17e")
@pytest.mark.parametrize("flags", ["--last=2", "--last 2 --since 2026-07-14", "--since=2026-07-14T09:30"])
def test_copy_of_an_execution_counts_once_with_other_filters(plane, flags):
    old = listed("a", "09:30:00Z", "pending")
    pending, acknowledged = [listed("b", "09:31:00.5Z", status) for status in ("pending", "ack")]
    plane.script(Reply(page(old, pending)), Reply(page(acknowledged)), Reply(page()))
    assert read_ids(run_cli(*LIST + JSONL + ("--running",) + tuple(flags.split()), plane=plane)) == ["a", "b"]


@rule("1.17b", "1.17c", "1.17g")
def test_server_that_ignores_the_status_shows_no_other_and_nothing_twice(plane):
    odd = [listed("x%d" % number, created, "succeeded") for number, created in enumerate((None, 5, "soon"))]
    pages = [odd + [listed("a", "09:00:00Z"), listed(None, "09:01:00Z", "timeout")],
             [listed("b", "09:02:00Z", None), listed("c", "09:03:00Z", ["failed"]),
              listed("d", "09:04:00Z", "cancelled")]]
    serve_pages(plane, [[dict(wire, action="row") for wire in one] for one in pages], ignores_status=True)
    result = run_cli(*LIST + JSONL + ("--failed",), plane=plane)
    assert [json.loads(line)["id"] for line in result.out.splitlines()] == ["a", None, "d"] and result.code == 0


@rule("1.17j", "1.7c", "4.4b")
@pytest.mark.parametrize("flags", ["--failed", "--status failed --status=timeout", "--failed --until 2027-01-01"])
def test_several_statuses_with_a_cursor_are_one_query_filtered_locally(plane, flags):
    created = "2026-07-14T09:30:00Z" if "until" in flags else "soon"
    odd = [listed("c", "soon", "ack"), listed("c", "soon", ["failed"])]
    serve_pages(plane, [[listed("x")], [listed("a"), listed("b", created, "timeout")] + odd, [listed("d")]])
    argv = LIST + JSONL + tuple(flags.split())
    assert read_ids(run_cli(*argv + ("--cursor=c2",), plane=plane)) == ["a", "b", "d"]
    assert read_queries(plane) == [{"limit": "200", "cursor": "c2"}, {"limit": "200", "cursor": "c3"}]
    serve_pages(plane, [[listed("a")]])
    assert read_ids(run_cli(*argv + ("--cursor=",), plane=plane)) == ["a"] and "status" in read_queries(plane)[-1]


@rule("1.17j", "6.3b")
def test_several_statuses_with_a_cursor_end_with_next_cursor_if_they_fail(plane):
    result, _ = ask(plane, Reply(page(listed("a"), next_cursor="c3")), Reply({}, 404),
                    argv=LIST + ("--failed", "--cursor=c2"))
    assert result.code == 1 and result.err.splitlines()[-1] == "next_cursor: c3" and "next_since" not in result.err


@rule("1.17k")
@pytest.mark.parametrize("size", [1, 2, 9])
def test_merge_of_a_newest_first_server_prints_every_execution(plane, size):
    log = [listed("e%d" % number, "09:%02d:00Z" % number, STATUSES[4 + number % 3]) for number in range(9)]
    found = list_ids(plane, "--failed", pages=[log[::-1][place:place + size] for place in range(0, 9, size)])
    assert sorted(found) == [wire["id"] for wire in log]


# ---- 1.17h: pages are read ahead

def wide_row(name, created, status, size):
    return encode(listed(name, created, status, action="x" * size))


def delay(answer):
    """Return a scripted answer that sends this Reply after 0.2 s."""
    return lambda sock: (time.sleep(0.2), answer.send(sock, time.sleep))


@rule("1.17h")
def test_page_of_a_rare_status_is_read_before_the_server_gives_up_on_it(plane):
    def impatient(sock):        # closes what is not read within 0.3 s
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        sock.settimeout(0.3)
        sock.sendall(CLOSE_HEAD + b'{"items":[%s]}' % b",".join(rare))

    rare = [wide_row("r%d" % number, "09:3%d:00Z" % number, "timeout", 15 << 17) for number in range(8)]
    frequent = [Reply(page(listed("f%d" % number, "09:0%d:00Z" % number), next_cursor=cursor), close=True)
                for number, cursor in enumerate(["a", "b", "c", None])]
    plane.script(frequent[0], Reply(page(listed("r", "09:00:30Z", "timeout"), next_cursor="r")), delay(frequent[1]),
                 impatient, *map(delay, frequent[2:]))
    found = read_ids(run_cli(*LIST + JSONL + ("--status=failed", "--status=timeout"), plane=plane))
    assert found == ["f0", "r", "f1", "f2", "f3"] + ["r%d" % number for number in range(8)]


@rule("1.17i")
def test_rest_of_a_page_of_more_than_16_mib_streams(plane):
    rows = [wide_row("e%02d" % number, "09:%02d:00Z" % number, "failed", 1 << 20) for number in range(20)]
    halting = HaltingAnswer(b'{"items":[' + b",".join(rows[:16]), b"," + b",".join(rows[16:]) + b"]}", wanted=b"e01")
    plane.script(halting, Reply(page(listed("z", "10:00:00Z", "timeout"))))
    result = run_cli(*LIST + ("--status=failed", "--status=timeout"), plane=plane, stdout=halting.out)
    assert halting.seen and read_ids(result, "text") == ["e%02d" % number for number in range(20)] + ["z"]


# ---- 6.3f: a merge that fails

CUT_PAGE = Reply(encode(page(listed("n1", "09:29:00Z"), listed("n2", "09:29:01Z"))), cut=20)
MOMENT = "next_since: 2026-07-14T09:28:41Z"
#: The last times of what came, the further flags, the answers of the page that fails, and the last line on stderr.
SAME, MISSING = ("09:28:41Z", "09:28:41Z"), [Reply({}, 404)]
MERGE_FAILURES = {
    "since": (("09:28:41.5Z", "09:28:41.6Z"), "--since 2026-07-14T03:30-05:00", [Reply({}, 401)], MOMENT),
    "offsets": (("11:28:41+02:00", "2026-07-13T19:28:41.5-14:00"), "-o table", MISSING, MOMENT),
    "fractions": (("09:28:41.25Z", "09:28:41.999999999Z"), "-o jsonl", MISSING, MOMENT),
    "fallen by a fraction": (("08:59:59.999999999Z", "09:28:41Z"), "", MISSING, None),
    "fallen by an offset": (("10:59:59+02:00", "09:28:41Z"), "", MISSING, None),
    "fallen within a second": (("09:28:41.5Z", "09:28:41.25Z"), "", MISSING, None), "gone": (SAME, "", MISSING, MOMENT),
    "invalid": (SAME, "", [Reply({"code": "invalid_cursor"}, 400)], None),
    "fallen": (("08:59:59Z", "09:28:41Z"), "", MISSING, None), "last": (SAME, "--last 5", MISSING, None),
    "malformed": (SAME, "-o json", [Reply(b'{"items":[1]}')], MOMENT),
    "circle": (SAME, "", [Reply(page(next_cursor="c2"))], None), "cut three times": (SAME, "", [CUT_PAGE] * 3, MOMENT)}


@rule("6.3f", "6.3g", "6.3h", "6.3i")
@pytest.mark.parametrize("times, flags, broken, last", list(MERGE_FAILURES.values()), ids=list(MERGE_FAILURES))
def test_merge_that_fails_ends_with_next_since_which_resumes_it(plane, times, flags, broken, last):
    rows = [listed("r1", "09:00:00Z"), listed("r2", times[0]), listed("r3", times[1])]
    late = listed("s", "09:50:00Z", "timeout")
    argv = LIST + ("--status=failed", "--status=timeout") + tuple(flags.split())
    result, _ = ask(plane, Reply(page(*rows, next_cursor="c2")), Reply(page(late)), *broken, argv=argv)
    ids = read_listing(result, flags[3:] if "-o" in flags else "text")[0]
    assert result.code in (1, 3) and b"next_" not in result.out and "next_cursor" not in result.err
    if "last" in flags:
        assert ids == [] and "next_since" not in result.err
    elif last:
        assert ids == ["r1", "r2", "r3"] and result.err.splitlines()[-1] == last
        serve_pages(plane, [rows, [late]])
        again = run_cli(*argv[:6] + ("--since=" + last[12:],), plane=plane)
        assert set(ids + read_listing(again, "text")[0]) == {"r1", "r2", "r3", "s"}
    else:
        assert ids[:1] == ["r1"] and "next_since" not in result.err


# ---- 1.9k: --until ends the walk

#: Minutes after nine on each page, and how many of the pages `--until 09:30` requests.
WALKS = {
    "fallen from page to page": ("10 20 | 15 25 | 40 50 | 20", 4), "fallen on the page": ("10 20 | 50 40 | 55 | 20", 4),
    "newest first, one row each": ("50 | 40 | 30 | 20 | 10", 5), "risen from page to page": ("10 20 | 40 | 50", 2),
    "fallen long ago": ("05 00 | 10 20 | 40 50 | 55 | 20", 5), "it lies after": ("00 10 | 30 40 | 50 | 20", 2),
    "equal, then risen": ("40 40 | 40 50 | 55", 2), "newest first": ("50 40 | 35 30 | 20 10", 3),
    "empty pages first": (" | | 30 40 | 50", 3), "empty page": ("10 20 | | 30 40 | 50", 3),
    "equal times": ("40 40 | 40 | 40 20", 3), "in part": ("10 40 | 50 55 | 56", 2), "one row each": ("10 | 30 | 50", 2),
    "at once": ("30 40 | 50 | 55", 1), "none after": ("00 | 10 | 20", 3)}
#: Times that are equal as times, and not as texts.
EQUAL = ["09:40:00.5Z", "09:40:00.50Z", "11:40:00.5+02:00", "04:40:00.500-05:00", "09:40:00.5+00:00"]
EQUAL_ROWS = [listed("x", created) for created in EQUAL + EQUAL[::-1]]


def make_pages(layout):
    """Return pages of Executions, whose ids are their minutes, for a row of WALKS."""
    return [[listed(minute, "09:%s:00Z" % minute) for minute in one.split()] for one in layout.split("|")]


@rule("1.9k", "1.9l", "1.9m")
@pytest.mark.parametrize("format", ["jsonl", "json", "text"])
@pytest.mark.parametrize("layout, requests", list(WALKS.values()), ids=list(WALKS))
def test_until_ends_the_walk_after_a_page_that_lies_after_it(plane, layout, requests, format):
    serve_pages(plane, make_pages(layout))
    result = run_cli(*LIST + ("--until", "2026-07-14T09:30", "--output", format), plane=plane)
    assert len(plane.requests) == requests and b"next_cursor" not in result.out
    shown = [minute for one in layout.split("|")[:requests] for minute in one.split() if minute < "30"]
    assert read_ids(result, format) == shown


@rule("1.9k", "1.9l", "1.11b")
@pytest.mark.parametrize("pages, kept, requests", [
    ([[row] for row in EQUAL_ROWS] + [[listed("y", "09:20:00Z")]], ["y"], 11),
    ([[listed("a", "09:00:00Z")] + EQUAL_ROWS, [listed("y", "09:50:00Z")], [listed("z", "09:55:00Z")]], ["a"], 2)],
    ids=["not risen", "not fallen"])
def test_times_that_differ_only_as_texts_are_equal(plane, pages, kept, requests):
    assert list_ids(plane, "--until=2026-07-14T09:30", pages=pages) == kept
    assert len(plane.requests) == requests


@rule("1.9k", "1.9d")
@pytest.mark.parametrize("flags, kept, requests", [
    ("--last 1", ["10"], 2), ("--since 2026-07-14T09:05", ["10"], 2), ("--cursor c2", [], 1),
    ("--all", ["00", "10"], 2), ("--cursor=c2 --failed", [], None)])
def test_until_ends_the_walk_with_other_flags_too(plane, flags, kept, requests):
    serve_pages(plane, make_pages("00 10 | 30 40 | 50"))
    argv = LIST + JSONL + ("--until=2026-07-14T11:30+02:00",) + tuple(flags.split())
    assert read_ids(run_cli(*argv, plane=plane)) == kept
    assert requests in (None, len(plane.requests))


@rule("1.9k")
def test_until_ends_each_query_of_a_merge_by_the_times_of_its_own_walk(plane):
    pages = make_pages("00 10 | 30 40 | 50 | 55")
    for one, times in zip(pages, ["09:05:00Z", "09:50:00Z", "09:20:00Z", "09:55:00Z"]):
        one.append(listed(times, times, "timeout"))
    found = list_ids(plane, "--failed", "--until=2026-07-14T09:30", pages=pages)
    assert sorted(found) == ["00", "09:05:00Z", "10"]
    counts = [sum(query["status"] == status for query in read_queries(plane)) for status in STATUSES[4:]]
    assert counts == [2, 4, 2]


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


# ---- 3.11: pages that are requested again

TEN = [[listed("e-%d%d" % (tens, units), "0%d:00:%02dZ" % (tens, units)) for units in range(10)] for tens in range(10)]
#: What truncates the first answer for a page, by page.
WAYS = [lambda body: Reply(body, cut=len(body) // 2), lambda body: Reply(body, cut=len(body) // 3, reset=True),
        lambda body: Reply(body, framing="chunked", slices=100, cut=700), lambda body: Reply(body[:-1]),
        lambda body: Reply(body[:1900] + b"\xe2\x82", framing="close"), lambda body: Reply(b""),
        lambda body: Reply(body[:2000], announce=len(body)), lambda body: Reply(body, cut=len(body) - 1),
        lambda body: Reply(body[:body.index(b'"e-83"') + 2], framing="chunked"), lambda body: Reply(body, cut=0)]


def truncate_each(number, body):
    """Answer every other request with a truncated page."""
    return WAYS[number // 2](body) if number % 2 else Reply(body)


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
    for odd in ([items[1]], absent, [listed(["x"])]):
        body = encode(page(*items[:1] + odd + items[2:], next_cursor="c2"))
        again = encode(page(*[listed(name) for name in "abbcdd"]))
        plane.script(Reply(body, cut=body.index(b'"id":"b"')), Reply(body),
                     Reply(again, cut=again.index(b'"id":"c"')), Reply(again))
        result = run_cli(*LIST + JSONL + tuple(flags.split()), plane=plane)
        found = [json.loads(line).get("id") for line in result.out.splitlines()]
        assert (result.code, found) == (0, ["a"] + [odd[0].get("id")] * 2 + ["b", "x"] + list("abbcdd"))


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


@rule("3.11")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_page_of_a_merge_is_requested_again_too(plane, count):
    lists = [page(listed("a", "09:00:00Z"), listed("c", "09:02:00Z")), page(listed("b", "09:01:00Z", "timeout"))]
    result, slept = ask(plane, Reply(lists[0]), *[Reply(lists[1], cut=200)] * count + [Reply(lists[1])],
                        argv=LIST + JSONL + ("--status=failed", "--status=timeout"))
    assert slept == [0.5, 1.0][:count] and result.code == (count == 3)
    assert read_listing(result, "jsonl")[0] == (["a", "b", "c"] if count < 3 else []) and "next_" not in result.err


# ---- 10.11 to 10.14: Listing as a library

UTC = datetime.timezone.utc


def name_all(listing):
    return [wire["id"] for wire in listing.elements]


@rule("10.11")
def test_listing_has_these_parameters_and_is_public():
    parameters = list(inspect.signature(program.Listing).parameters.values())
    assert [(one.name, one.default) for one in parameters[2:]] == [
        ("statuses", ()), ("since", None), ("until", None), ("action_name", None), ("limit", "200"), ("cursor", None)]
    assert [one.name for one in parameters[:2]] == ["transport", "project"] and "Listing" in program.__all__


@rule("10.11", "10.11c", "10.11d", "10.12", "10.12a")
def test_listing_without_filters_is_every_execution_and_counts(plane, transport):
    serve_pages(plane, TEN, reply=truncate_each)
    listing = program.Listing(transport, PROJECT.upper())
    assert (listing.resume, listing.count, listing.page_count, listing.last_created_at) == ("", 0, 0, None)
    assert name_all(listing) == ["e-%02d" % number for number in range(100)]
    assert (listing.count, listing.page_count, listing.list_name, listing.members) == (100, 10, "items", {"items": []})
    assert listing.resume is None and listing.last_created_at == "2026-07-14T09:00:09Z"
    plane.script(Reply({}, 404))
    assert catch(next, listing.elements).status == 404
    assert (listing.resume, listing.count, listing.page_count, listing.last_created_at) == ("", 0, 0, None)


@rule("10.11a", "10.11b")
@pytest.mark.parametrize("zone, hour", [(None, 9), (UTC, 9), (datetime.timezone(datetime.timedelta(hours=2)), 11),
                                        (type("Zone", (datetime.tzinfo,), {"utcoffset": lambda *_: None})(), 9),
                                        (datetime.timezone(datetime.timedelta(hours=-5, minutes=-30)), 4)])
def test_since_and_until_are_datetimes_naive_or_aware_with_their_fraction(plane, transport, zone, hour):
    times = ["09:00:00.2Z", "09:00:00.25Z", "09:00:00.3Z", "09:59:00Z", "09:59:00.000001Z"]
    serve_pages(plane, [[listed(created, created) for created in times]])
    minute = 30 if hour == 4 else 0
    since = datetime.datetime(2026, 7, 14, hour, 0, 0, 250000, zone) - datetime.timedelta(minutes=minute)
    until = since + datetime.timedelta(minutes=59, microseconds=-249999)
    assert name_all(program.Listing(transport, PROJECT, since=since, until=until)) == times[1:4]


@rule("10.11")
def test_listing_passes_on_what_it_is_given(plane, transport):
    serve_pages(plane, [[listed("a"), listed("b", status="ack")], [listed("c")]])
    options = dict(action_name="x", limit="7")
    assert name_all(program.Listing(transport, PROJECT, ("failed",), **options)) == ["a", "c"]
    assert name_all(program.Listing(transport, PROJECT, ["failed", "ack"], cursor="c2", **options)) == ["c"]
    assert name_all(program.Listing(transport, PROJECT, ("failed", "ack"), cursor="", limit="", action_name="")) == [
        "a", "b", "c"]
    sent = dict(options, status="failed")
    assert read_queries(plane)[:5] == [sent, dict(sent, cursor="c2"), dict(options, cursor="c2"), {"status": "ack"},
                                       {"status": "failed"}]


@rule("10.12", "10.11d", "10.12b")
def test_resume_is_the_cursor_of_the_page_that_is_not_complete(plane, transport):
    serve_pages(plane, [[listed("a"), listed("b")], [listed("c", "no time")]])
    listing = program.Listing(transport, PROJECT, cursor="c1")
    assert [(wire["id"], listing.resume) for wire in listing.elements] == [("a", "c1"), ("b", "c1"), ("c", "c2")]
    assert listing.resume is None and listing.last_created_at is None
    assert listing.next_since is None
    plane.script(Reply(page(listed("a"), next_cursor="c2")), *[Reply(page(listed("b")), cut=20)] * 3)
    broken = program.Listing(transport, PROJECT)
    assert catch(name_all, broken).transient and (broken.resume, broken.count, broken.page_count) == ("c2", 1, 2)


@rule("10.12", "10.12a", "10.12b")
def test_merge_has_no_resume_and_the_time_of_its_last_execution(plane, transport):
    serve_pages(plane, [[listed("a", "11:00:00.75+02:00"), listed("b", "09:30:00.5Z", "ack")]])
    listing, seen = program.Listing(transport, PROJECT, ("ack", "failed")), []
    assert listing.resume is None
    for wire in listing.elements:
        seen.append((wire["id"], listing.resume, listing.last_created_at))
    assert seen == [("a", None, "2026-07-14T09:00:00Z"), ("b", None, "2026-07-14T09:30:00Z")]
    assert (listing.next_since, listing.count, listing.resume) == (datetime.datetime(2026, 7, 14, 9, 30), 2, None)
    plane.script(Reply({}, 404))
    assert catch(next, listing.elements).status == 404 and listing.next_since is None


@rule("10.13")
@pytest.mark.parametrize("options", [
    {}, {"statuses": ("failed", "timeout")}, {"statuses": ("failed",), "cursor": "c2"}],
                         ids=["walk", "merge", "cursor"])
def test_leaving_the_loop_early_leaves_no_open_socket_and_no_warning(plane, transport, options):
    def read_four():
        elements = program.Listing(transport, PROJECT, **options).elements
        assert [next(elements)["id"][0] for _ in range(4)] == ["e"] * 4

    big = [listed("e%02d" % number, status=STATUSES[4 + 2 * (number % 2)], action="x" * 200000) for number in range(80)]
    serve_pages(plane, [big[place:place + 20] for place in range(0, 80, 20)])
    assert collect_warnings(read_four) == (None, [])
    transport.close()
    wait_until(lambda: not plane.open)


@rule("3.11", "3.11a")
@pytest.mark.parametrize("value, last", [("a}b", b"a}"), (1e-05, b"1e-"), ([{}], b"[{}")], ids=repr)
def test_page_cut_within_a_string_a_number_or_a_list_is_requested_again(plane, value, last):
    whole = page(execution(), later=value)
    plane.script(Reply(whole, framing="close", cut=encode(whole).index(last) + len(last)), Reply(whole))
    result = run_cli(*ALL, plane=plane)
    assert (result.code, len(plane.requests), len(error_lines(result, "retry"))) == (0, 2, 1)
    assert result.out.count(b" restart-nginx\n") == 1


@rule("10.12", "10.12a", "1.9m")
def test_resume_is_none_after_a_walk_that_until_has_ended(plane, transport):
    rows = [execution(id=str(day), created_at="2026-07-1%dT00:00:00Z" % day) for day in range(6)]
    serve_pages(plane, [rows[:2], rows[2:4], rows[4:]])
    listing = program.Listing(transport, PROJECT, until=datetime.datetime(2026, 7, 12))
    assert [wire["id"] for wire in listing.elements if wire["created_at"] == listing.last_created_at] == ["0", "1"]
    assert (listing.resume, listing.last_created_at, len(plane.requests)) == (None, rows[1]["created_at"], 2)
