"""Section 1: which Executions and targets are shown. Walks, times, the last ones, statuses, nodes, nothing found."""

import itertools
import re
import time

import pytest

from control_plane import PROJECT, STATUSES
from kit import (EXECUTION, GET, HELP_FLAGS, LIST, NODES, encode, error_lines, every_list_format, execution,
                 expect_usage_error, inline, list_ids, page, read_listing, read_queries, rule, run_against, run_cli,
                 run_process, run_walk, serve_pages, shorten_id, target)
from server import Reply


def make_executions(*times, **members):
    """Return an Execution for each time, whose id is that time."""
    return [execution(id=text, created_at=text, **members) for text in times]


# In the order in which they are requested.
RUNNING, FAILED = ("pending", "ack", "started"), ("failed", "cancelled", "timeout")
LOGGED_STATUSES = STATUSES + ("FAILED", "failed ", "", None)
#: Three pages: an Execution for each status, a day apart, in the order of their creation, every other one a hook.
LOG = [execution(id="e%d" % day, status=status, created_at="2026-03-%02dT12:00:00Z" % (day + 1),
                 type=("builtin", "hook")[day % 2]) for day, status in enumerate(LOGGED_STATUSES)]
LOG_PAGES = [LOG[:4], LOG[4:7], LOG[7:]]


# ---- 1.8: walks

#: What each flag that makes a walk keeps of LOG: statuses, which add up, or a condition on an Execution, of which all
#: must hold. --last is applied at the end.
KEEPS = {"--all": (), "--last=2": (), "--failed": FAILED, "--running": RUNNING,
         "--since=2026-03-02T12": lambda wire: wire["created_at"] >= "2026-03-02T12",
         "--until=2026-03-07 12:00": lambda wire: wire["created_at"] < "2026-03-07T12:00"}
COMBINATIONS = [flags for size in range(1, 1 + len(KEEPS)) for flags in itertools.combinations(sorted(KEEPS), size)]


@rule("1.8", "1.8b", "1.9", "1.9a", "1.10", "1.12", "1.12a", "1.17")
@pytest.mark.parametrize("flags", COMBINATIONS, ids=" ".join)
def test_every_combination_of_flags_walks_all_pages_and_keeps_matches(plane, flags):
    chosen = sum([KEEPS[flag] for flag in flags if not callable(KEEPS[flag])], ()) or LOGGED_STATUSES
    conditions = [KEEPS[flag] for flag in flags if callable(KEEPS[flag])]
    kept = [wire["id"] for wire in LOG if wire["status"] in chosen and all(keeps(wire) for keeps in conditions)]
    found = list_ids(plane, *flags + ("--action-name", "a&b"), pages=LOG_PAGES)
    assert found == (kept[-2:] if "--last=2" in flags else kept)
    sent = {"action_name": "a&b", "limit": "200"}
    queries = [dict(sent, status=status) for status in chosen] if chosen != LOGGED_STATUSES else [sent]
    expected = [dict(query, **cursor) for query in queries for cursor in ({}, {"cursor": "c2"}, {"cursor": "c3"})]
    asked, expected = [sorted(sorted(query.items()) for query in some) for some in (read_queries(plane), expected)]
    assert asked == expected


@rule("1.8b")
def test_every_flag_of_list_is_in_the_table_of_filters():
    flags = set(HELP_FLAGS["flags of list"].split()) - {"--action-name", "--limit", "--cursor"}
    assert {flag.partition("=")[0] for flag in KEEPS} == flags | {"--failed", "--running"}


@rule("1.8a", "1.8c", "1.7a", "1.7b", "1.7c")
@pytest.mark.parametrize("flags, sent", [
    ("", {"limit": "200"}), ("--limit 0", {}), ("--limit=7", {"limit": "7"}), ("--limit=201", {"limit": "201"}),
    ("--cursor c1", {"limit": "200", "cursor": "c1"}), ("--cursor=", {"limit": "200"})])
@pytest.mark.parametrize("flag", sorted(KEEPS))
def test_walk_starts_at_the_cursor_and_asks_for_200_by_default(plane, flag, flags, sent):
    run_walk(plane, flag, *flags.split(), pages=[LOG])
    several = KEEPS[flag] if KEEPS[flag] and not callable(KEEPS[flag]) and "cursor" not in sent else ()
    assert read_queries(plane) == ([dict(sent, status=status) for status in several] or [sent])


# ---- 1.9: times

@rule("1.9", "1.9a", "1.9c", "1.9d", "1.9h", "1.9i")
@pytest.mark.parametrize("when, before, first", [
    ("2026-11-24", "2026-11-23T23:59:59.999999Z", "2026-11-24T00:00:00Z"),
    ("2026-11-24T09", "2026-11-24T08:59:59Z", "2026-11-24T09:00:00.0Z"),
    ("2026-11-24 09", "2026-11-24T08:59:59.99Z", "2026-11-24T09:00:00Z"),
    ("2026-11-24T09:30", "2026-11-24T09:29:59.9Z", "2026-11-24T09:30:00Z"),
    ("2026-11-24 09:30Z", "2026-11-24T09:29:59.9Z", "2026-11-24T09:30:00.5Z"),
    ("2026-11-24T09:30:07Z", "2026-11-24T09:30:06.999Z", "2026-11-24T09:30:07Z"),
    ("2026-11-24 09:30:07", "2026-11-24T09:30:06Z", "2026-11-24T09:30:07.000001Z"),
    (" 2026-11-24T09:30:07.25Z\n", "2026-11-24T09:30:06Z", "2026-11-24T09:30:07Z"),
    ("2026-7-4", "2026-07-03T23:59:59Z", "2026-07-04T00:00:00Z"),
    ("2024-02-29", "2024-02-28T23:59:59Z", "2024-02-29T00:00:00Z")])
def test_since_includes_its_time_and_until_excludes_it(plane, when, before, first):
    pages = [make_executions(before, first), make_executions("1999-01-01T00:00:00Z", "2027-01-01T00:00:00Z")]
    assert list_ids(plane, "--since", when, pages=pages) == [first, "2027-01-01T00:00:00Z"]
    assert list_ids(plane, "--until=" + when, pages=pages) == [before, "1999-01-01T00:00:00Z"]


def tell_time(seconds, pattern="%Y-%m-%dT%H:%M:%SZ"):
    """Return the time in UTC so many seconds from now."""
    return time.strftime(pattern, time.gmtime(time.time() + seconds))


@rule("1.9b")
@pytest.mark.parametrize("age, seconds", [("90s", 90), ("3000m", 180000), ("200h", 720000), ("150d", 12960000),
                                          ("60w", 36288000), ("0s", 0), ("007d", 604800), ("-2h", 7200)])
def test_age_counts_back_from_now(plane, age, seconds):
    old, young = make_executions(tell_time(-seconds - 60), tell_time(60 - seconds))
    assert list_ids(plane, "--since", age, pages=[[old, young]]) == [young["id"]]
    assert list_ids(plane, "--until=" + age, pages=[[old, young]]) == [old["id"]]


@rule("1.9b")
@pytest.mark.parametrize("age", ["9" * 400 + "w", "9" * 5000 + "s", "3000w"], ids=shorten_id)
def test_very_large_age_keeps_everything(plane, age):
    assert list_ids(plane, "--since", age, pages=LOG_PAGES) == [wire["id"] for wire in LOG]


@rule("1.9d", "1.9e")
@pytest.mark.parametrize("zone", ["EAST-14", "WEST+11"])
def test_times_are_utc_in_every_local_time_zone(plane, zone):
    created = [tell_time(minutes * 60) for minutes in (-121, -119, -61, -59, -4, -2)]
    plane.script(Reply(page(*make_executions(*created[:4]))), Reply(page(*make_executions(*created[4:]))))
    runs = [run_process(*LIST + flags + ("--output", "jsonl"), plane=plane, env={"TZ": zone}) for flags in (
        ("--since", "2h", "--until", tell_time(-3600, "%Y-%m-%d %H:%M")), ("--since", tell_time(-180, "%H:%M")))]
    assert [read_listing(run, "jsonl")[0] for run in runs] == [created[1:3], created[5:]]


@rule("1.9g")
def test_time_without_a_year_later_today_is_last_years(plane):
    soon, wire = tell_time(180, "%m-%dT%H:%M"), make_executions(tell_time(-100 * 86400))
    if soon.startswith(("02-29", "01-01")):
        pytest.skip("last year had no such day, or this is the end of a year")
    for later in (soon, soon + "-02:00"):
        assert list_ids(plane, "--since", later, pages=[wire]) == [wire[0]["id"]]
    assert list_ids(plane, "--since", soon + "+02:00", pages=[wire]) == []      # earlier today, and so this year's


@rule("1.9i")
@pytest.mark.parametrize("value", [
    "2026-07-14T11:30:00\u221202:00", "2026-07-14T11:30:00+02:00:00", "2026-07-14T11:30:00Z+02:00", "2026-11-24T09:60",
    "2026-07-14T11:30:00 +02:00", "2026-07-14T11:30:00+02:00Z", "2026-07-14T11:30:00+24:00", "2026-07-14T11:30:00+0200",
    "2026-07-14T11:30:00+02:60", "0001-01-01T00:30:00+01:00", "9999-12-31T23:30:00-01:00", "2026-02-30T00:00:00+02:00",
    "2026-07-14T11:30:00+2:00", "2026-11-24T09:30:00+01", "2026-07-14T11:30:00+02", "2026-11-24T09:30:62Z", "yesterday",
    "2026-07-14T11+02:00", "2026-07-14+02:00", "2026-11-24T09Z", "2026-11-24  09", "2026-11-24T24", "2026-11-24_09",
    "2026-11-24TZ", "2026-11-24Z", "2026-11-24T", "11:30+02:00", "2026-02-30", "2026-13-01", "0000-01-01", "\u0669:30",
    "26-11-24", "20261124", "02-30T09", "\u0663h", "2026-11", "9:30:00", "009:30", "1h30m", "24:00", "-9:30", "13-01",
    "9:30Z", "1.5h", "--1h", "1_0s", "2026", "9:60", "7-14", "9h30", "now", "+1h", "1ms", "2 h", "9:3", ":30", "90", "",
    "1H", "1y", "1M", "9:", "h", "1", " "], ids=ascii)
def test_malformed_when_exits_2(value):
    for flag in ("--since", "--until"):
        error = expect_usage_error(*LIST + (flag + "=" + value,))
        assert error.startswith("argument %s: expected an age " % flag)


@rule("1.9j")
@pytest.mark.parametrize("since, until", [("2026-03-02", "2026-03-01"), ("1h", "2h"), ("1d", "2020-01-01"),
                                          ("2026-03-01T00:00:01", "2026-03-01"), ("9999-12-31T10", "9:30"),
                                          ("2026-07-14T11:30:01+02:00", "2026-07-14T04:30:00-05:00")])
def test_until_before_since_exits_2(since, until):
    for flags in (("--since", since, "--until", until), ("--until", until, "--since=" + since)):
        assert expect_usage_error(*LIST + flags).startswith("argument --until: ")


@rule("1.9e")
@pytest.mark.parametrize("seconds, ago", [(-180, 180), (180, 86220)], ids=["today's", "yesterday's"])
def test_time_of_day_means_the_latest_past_one(plane, seconds, ago):
    old, young = make_executions(tell_time(-ago - 90), tell_time(90 - ago))
    clock = tell_time(seconds, "%H:%M")
    assert list_ids(plane, "--since", clock, pages=[[old, young]]) == [young["id"]]
    assert list_ids(plane, "--until", clock, pages=[[old, young]]) == [old["id"]]


@rule("1.9g")
@pytest.mark.parametrize("pattern", ["%m-%d", "%m-%dT%H", "%m-%d %H:%M", "%m-%dT%H:%M:%SZ"])
@pytest.mark.parametrize("days", [-40, -1, 0, 1, 2, 40])
def test_time_without_a_year_means_the_latest_past_one(plane, days, pattern):
    text, day = tell_time(days * 86400, pattern), tell_time(days * 86400)
    if text.startswith("02-29"):
        pytest.skip("last year had no such day")
    first = "%d-%s" % (int(day[:4]) - (days > 0), text.replace(" ", "T"))
    first += "T00:00:00Z"[len(first) - 10:]
    before = first.replace(first[:4], str(int(first[:4]) - 1), 1)
    assert list_ids(plane, "--since", text, pages=[make_executions(before, first)]) == [first]
    assert list_ids(plane, "--until", text, pages=[make_executions(before, first)]) == [before]


@rule("1.9e")
@pytest.mark.parametrize("since, until, last, first", [
    ("2026-03-01T08", "19:30", "2026-03-01T19:29:59Z", "2026-03-01T19:30:00Z"),
    ("2026-03-01T20:00", "20:00", "2026-03-02T19:59:59Z", "2026-03-02T20:00:00Z"),
    ("2026-03-01T09:29:59", "09:30", "2026-03-01T09:29:59Z", "2026-03-01T09:30:00Z"),
    ("2026-02-28 23:30", "0:15", "2026-03-01T00:14:59Z", "2026-03-01T00:15:00Z")])
def test_until_a_time_of_day_means_the_first_after_since(plane, since, until, last, first):
    assert list_ids(plane, "--until", until, "--since", since, pages=[make_executions(last, first)]) == [last]


@rule("1.9e")
def test_until_a_time_of_day_follows_a_since_that_is_an_age(plane):
    # The clock showed the time of --until 26 hours ago, and again 2 hours ago.
    made = make_executions(*[tell_time(-3600 * age) for age in (29, 27, 25, 3, 1)])
    until = tell_time(-3600 * 26, "%H:%M")
    assert list_ids(plane, "--since", "28h", "--until", until, pages=[made]) == [made[1]["id"]]


@rule("1.9f")
@pytest.mark.parametrize("flags, taken", [
    ("--since {0}", "since {2}Z"), ("--until={1}", "until {3}Z"), ("--since={1} --until={0}", "since {3}Z, until {2}Z"),
    ("--since=2026-03-01 --until=23:59", "until 2026-03-01T23:59Z"), ("--since 2h --until 2099-12-31", ""),
    ("--since=2026-03-01 --until=\t9:30\r", "until 2026-03-01T09:30Z")])
def test_hint_on_a_terminal_shows_how_a_time_was_understood(plane, flags, taken):
    today, yesterday, before = [tell_time(seconds, "%Y-%m-%dT%H:%M") for seconds in (-180, 180 - 86400, 0)]
    argv = flags.format(today[11:], yesterday[11:]).split(" ")
    result = run_walk(plane, *argv, pages=[LOG], terminals=("stderr",))
    found = re.match(r"(?:hint: (.*) \(now: (..:..)Z\)\n)?(hint: no Execution matches\n)?\Z", result.err)
    assert (found.group(1) or "") == taken.format("", "", today, yesterday)
    assert found.group(2) in (before[11:], tell_time(0, "%H:%M"), None)
    assert run_walk(plane, *argv, pages=[LOG]).err == ""


# ---- 1.10, 1.11: the last ones, and times that are none

OLD, MIDDLE, NEW, LATER = make_executions(*["2026-01-0%dT00:00:00Z" % day for day in (1, 2, 3, 4)])
TIED = [dict(MIDDLE, id=name) for name in "cab"]
FRACTIONS = make_executions("2026-01-02T00:00:00.25Z", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00.5Z",
                            "2026-01-02T00:00:00.123456789Z")
OFFSETS = make_executions("2026-07-15T09:15:00.2+23:45", "2026-07-14T04:30:00.1-05:00", "2026-07-14T09:30:00.15Z",
                          "2026-07-14T23:30:00+14:00")
SAME_TIMES = make_executions("2026-07-14T09:30:00.000Z", "2026-07-14T09:30:00Z")
NANOSECONDS = make_executions("2026-07-14T09:30:00.123456789Z", "2026-07-14T09:30:00.123456788Z")


@rule("5.8d", "1.9", "1.10", "1.10a", "1.10b", "1.11b")
@every_list_format
@pytest.mark.parametrize("flags, pages, kept", [
    ("--since=2026-01-02", [[OLD, NEW], [], [NEW, MIDDLE, LATER]], [NEW, NEW, MIDDLE, LATER]),
    ("--since=2026-01-02", [[OLD], []], []), ("--failed", [LOG[:4], LOG[7:]], []),
    ("--since=2026-03-02T12 --until=2026-03-02T12:00", LOG_PAGES, []),
    ("--last=2", [[NEW], [LATER, MIDDLE], [OLD]], [NEW, LATER]), ("--last=10", [[], [OLD, NEW]], [OLD, NEW]),
    ("--last=2", [[], []], []), ("--last=2", [TIED], TIED[1:]), ("--last=" + "9" * 5000, [[NEW, OLD]], [OLD, NEW]),
    ("--last=3", [FRACTIONS], [FRACTIONS[3], FRACTIONS[0], FRACTIONS[2]]),
    ("--last=2", [OFFSETS], [OFFSETS[2], OFFSETS[0]]), ("--last=01", [SAME_TIMES], SAME_TIMES[1:]),
    ("--last=1", [NANOSECONDS], NANOSECONDS[:1])],
    ids=["several pages", "nothing kept", "nothing failed", "until since", "any order", "fewer than N",
         "last of nothing", "ties", "huge N", "fractions", "offsets", "spellings of a time", "nanoseconds"])
def test_matches_of_a_walk_are_one_document(plane, format, flags, pages, kept):
    one = run_against(plane, page(*kept), *LIST + ("--output", format))
    assert run_walk(plane, *flags.split(), format=format, pages=pages) == one


@rule("1.10d")
def test_last_holds_only_what_it_keeps_in_memory(plane):
    def body():
        for number in range(1000):
            yield b"%s%s" % (b"," if number else b'{"items":[', encode(execution(id="x", action="a" * 8000)))
        yield b"]}"
    plane.script(Reply(body(), framing="chunked"))
    tracemalloc = pytest.importorskip("tracemalloc", reason="PyPy does not trace memory")
    tracemalloc.start()
    try:
        assert run_cli(*LIST + ("--last", "2"), plane=plane).code == 0
        assert tracemalloc.get_traced_memory()[1] < 4 << 20       # of 8 MB that came
    finally:
        tracemalloc.stop()


@rule("1.11", "1.11a", "1.17c", "1.17j")
@pytest.mark.parametrize("value", [
    "9999-12-31T23:30:00.5-00:31", "2026-07-14T09:30:00+02:00\n", "2026-07-14T09:30:00+02:00Z", "2026-01-02T00:00:00.Z",
    "2026-07-14T09:30:00.+02:00", "0001-01-01T00:30:00+01:00", "2026-07-14T09:30:00+24:00", "2026-02-30T09:30:00+02:00",
    "2026-07-14T09:30:00+02:60", "2026-07-14T09:30:00 02:00", "2026-02-30T00:00:00+00:00", "2026-07-14T09:30:00+0200",
    "2026-07-14T09:30:00+02", "2026-07-14T09:30+02:00", "2026-01-02T00:00:00+00", "2026-01-02T00:00:00Z\n", None, [1],
    "2026-01-02 00:00:00Z", "2026-01-02T00:00:00", "2026-1-02T00:00:00Z", "2026-01-02T00:00Z", "yesterdayZ", "", 5,
    "2026-01-02"], ids=ascii)
def test_malformed_created_at_fails_only_where_it_is_compared(plane, value):
    pages = [[NEW, execution(id="x", status="ack", created_at=value)]]
    for flag, ids in (("--since=2026-01-01", [NEW["id"]]), ("--until=2027-01-01", [NEW["id"]]), ("--last=5", []),
                      ("--running", [])):
        result = run_walk(plane, flag, pages=pages)
        assert (result.code, read_listing(result, "jsonl")[0]) == (1, ids)
        assert "created_at" in error_lines(result)[0]
    assert list_ids(plane, "--all", pages=pages) == [NEW["id"], "x"]
    assert list_ids(plane, "--running", "--cursor=c1", pages=pages) == ["x"]
    for flag in ("--since=2026-01-01", "--until=2027-01-01", "--last=5"):
        assert list_ids(plane, flag, "--failed", format="text", pages=pages) == []


# ---- 1.12: statuses add up


@rule("1.12c", "1.12b", "1.7c")
@pytest.mark.parametrize("flags, sent", [
    ("--status failed", {"status": "failed"}), ("--status=x", {"status": "x"}), ("--status=", {}),
    ("--status ack --status=ack", {"status": "ack"}), ("--status x --status= --status x", {"status": "x"}),
    ("--status failed --all", {"status": "failed", "limit": "200"}),
    ("--status=x --last 3 --limit 7", {"status": "x", "limit": "7"})])
def test_single_status_is_sent_to_the_server_unchecked(plane, flags, sent):
    rows = [dict(wire, status=sent.get("status", wire["status"])) for wire in LOG]
    found = list_ids(plane, *flags.split(), pages=[rows])
    assert found == [wire["id"] for wire in LOG][-3 if "--last" in flags else 0:]
    assert read_queries(plane) == [sent]


@rule("1.12c")
def test_single_status_of_a_walk_is_left_to_the_server(plane):
    result = run_against(plane, page(*LOG[:7]), *LIST + ("--status", "x", "--all"))
    assert read_listing(result, "text")[0] == [wire["id"] for wire in LOG[:7]]


TEN_TARGETS = execution([target(inline(b"%d\n" % number), NODES[number], status)
                         for number, status in enumerate(LOGGED_STATUSES[:9])]
                        + [target({"kind": "tape"}, NODES[9], "odd")])


# ---- 1.12a, 1.12b: nodes, and nothing found

@rule("1.4d", "5.4", "5.4b", "5.4e", "4.4b")
@pytest.mark.parametrize("flags, out, missing", [
    ("--node {3}", b"3\n", []), ("--node {5} --node {2}", b"2\n5\n", []), ("--node={4} --node {4}", b"4\n", []),
    ("--node {4} --node {2} --failed", b"4\n", []), ("--node {2} --failed", b"", []),
    ("--running --node {5} --failed", b"5\n", []), ("--node {3} --status=", b"3\n", []),
    ("--node {3} --node {0} --status succeeded", b"3\n", []),
    ("--node {3} --node {10}", b"3\n", [PROJECT]), ("--node {11} --node {10} --failed", b"", [EXECUTION, PROJECT])])
def test_several_nodes_add_up_and_statuses_filter_them(plane, flags, out, missing):
    argv = flags.format(*NODES + [PROJECT, EXECUTION]).split()
    odd = [{"node_id": node, "status": "failed"} for node in (7, [], None)]
    wire = dict(TEN_TARGETS, targets=odd + TEN_TARGETS["targets"])
    result = run_against(plane, wire, *GET + ("-o", "raw") + tuple(argv))
    assert (result.out, result.code) == (out, 1 if missing else 0)
    assert error_lines(result) == ["node %s is not a target of Execution %s" % (node, EXECUTION) for node in missing]


NOTHING = [
    ("", page(), "no Execution matches"), ("--since=2026-06-01 -o json", page(LOG[0]), "no Execution matches"),
    ("--cursor c --failed", page(), "no more Executions match"), ("--last 3 -o jsonl", page(), "no Execution matches"),
    ("--failed", page(LOG[3]), "no Execution matches"), ("", page(LOG[0]), None), ("--failed", page(LOG[4]), None),
    ("-o json", page(next_cursor="c"), None),
    ("--status timeout", dict(TEN_TARGETS, targets=TEN_TARGETS["targets"][:5]), "no target matches"),
    ("-o raw", dict(TEN_TARGETS, targets=[]), "no target matches"), ("--running", TEN_TARGETS, None),
    ("", page(next_cursor=""), "no Execution matches"), ("-o raw --failed", execution([target()]), "no target matches")]


@rule("9.6a", "1.12e")
@pytest.mark.parametrize("terminals", [("stderr",), ("stdout",)], ids=["stderr", "stdout"])
@pytest.mark.parametrize("flags, wire, hint", NOTHING, ids=range(len(NOTHING)))
def test_hint_on_a_terminal_says_that_nothing_matches(plane, flags, wire, hint, terminals):
    command = LIST if "items" in wire else GET
    serve_pages(plane, [])
    result = run_against(plane, wire, *command + tuple(flags.split()), terminals=terminals)
    assert (result.code, error_lines(result, "hint")) == (0, [hint] if hint and "stderr" in terminals else [])
