"""Which Executions and targets are shown: walks, nodes, the newest ones, malformed times, nothing found."""

import itertools
import re
from urllib.parse import parse_qsl

import pytest

from control_plane import PROJECT, STATUSES
from kit import (
    BOTH,
    EXECUTION,
    GET,
    LIST,
    LIST_FORMATS,
    NODES,
    error_lines,
    every_get_format,
    every_list_format,
    execution,
    hint_lines,
    inline,
    list_ids,
    page,
    read_listing,
    read_queries,
    rule,
    run_against,
    run_walk,
    serve_pages,
    target,
)
from test_listing import read_table

LOGGED_STATUSES = STATUSES + ("FAILED", "failed ", "", None)
#: Three pages: an Execution for each status, a day apart, oldest first. The n-th ran on node n % 3, and on node 3;
#: the types alternate.
LOG = [
    execution(
        [target(node=NODES[day % 3].upper()), target(node=NODES[3])],
        id="e%d" % day,
        status=status,
        type=["builtin", "hook"][day % 2],
        created_at="2026-03-%02dT12:00:00Z" % (day + 1),
    )
    for day, status in enumerate(LOGGED_STATUSES)
]
LOG_PAGES = [LOG[:4], LOG[4:7], LOG[7:]]
LOG_IDS = [wire["id"] for wire in LOG]


# ---- 1.8: walks

#: What each flag that makes a walk keeps of LOG: statuses, or a condition on the day. --last is applied at the end.
KEEPS = {
    "--all": (),
    "--last=2": (),
    "--failed": STATUSES[4:],
    "--since=2026-03-02T12": lambda day: day >= 1,
    "--until=2026-03-07 12:00": lambda day: day < 6,
    "--node=" + NODES[2]: lambda day: day % 3 == 2,
}
COMBINATIONS = [
    flags for size in (1, 2, len(KEEPS) - 1, len(KEEPS)) for flags in itertools.combinations(sorted(KEEPS), size)
]


@rule("1.7", "1.8", "1.8a", "1.8b", "1.8c", "1.9", "1.10", "1.12a", "1.13")
@pytest.mark.parametrize("flags", COMBINATIONS, ids=" ".join)
def test_every_combination_of_flags_walks_all_pages_and_keeps_matches(plane, flags):
    chosen = STATUSES[4:] if "--failed" in flags else LOGGED_STATUSES
    conditions = [KEEPS[flag] for flag in flags if callable(KEEPS[flag])]
    kept = [
        name
        for day, name in enumerate(LOG_IDS)
        if LOGGED_STATUSES[day] in chosen and all(keeps(day) for keeps in conditions)
    ]
    assert list_ids(plane, *flags + ("--action-name", "a&b"), pages=LOG_PAGES) == (
        kept[-2:] if "--last=2" in flags else kept
    )
    sent = {"action_name": "a&b", "limit": "200"}
    queries = [dict(sent, status=status) for status in STATUSES[4:]] if "--failed" in flags else [sent]
    expected = [dict(query, **cursor) for query in queries for cursor in ({}, {"cursor": "c2"}, {"cursor": "c3"})]
    asked, expected = [sorted(sorted(query.items()) for query in some) for some in (read_queries(plane), expected)]
    assert asked == expected


#: Flags, the parameters of each request, the pages that are requested, and the number of Executions that are printed.
REQUESTS = read_table("""
                                    |                               | 1     | 4
--limit=7 --action-name x           | limit=7&action_name=x         | 1     | 4
--cursor=c2 --status=failed,failed  | status=failed                 | 2     | 1
--cursor=                           |                               | 1     | 4
--all --limit 0                     |                               | 123   | 11
--all --limit=201                   | limit=201                     | 123   | 11
--last 9                            | limit=200                     | 123   | 9
--since 2026-03-01 --cursor c2      | limit=200                     | 23    | 7
--until=2027-01-01 --limit 7        | limit=7                       | 123   | 11
--status=failed --last 3 --cursor=  | limit=200&status=failed       | 123   | 1
--node NODE --limit 1               | limit=1                       | 123   | 11
--status=x --all --action-name y    | limit=200&status=x&action_name=y | 123 | 0""")


@rule("1.8", "1.8a", "1.8b", "1.7")
@pytest.mark.parametrize("flags, sent, places, count", REQUESTS)
def test_single_page_or_walk_sends_the_cursor_limit_and_filters(plane, flags, sent, places, count):
    result = run_walk(plane, *flags.replace("NODE", NODES[3]).split(), pages=LOG_PAGES)
    cursors = ["&cursor=c" + place if place > "1" else "" for place in places]
    assert read_queries(plane) == [dict(parse_qsl(sent + cursor)) for cursor in cursors]
    assert (result.code, len(read_listing(result, "jsonl")[0])) == (0, int(count))


@rule("1.8c", "1.8b")
@every_list_format
def test_node_selects_whole_executions_of_any_of_several_machines(plane, format):
    odd = [execution([target(node=7), target(node=None)], id="odd"), dict(execution(id="none"), targets=None)]
    both = execution([target(node=NODES[0], status="failed"), target(node=NODES[1])], id="both")
    pages, argv = [odd, LOG[:3] + [both], LOG[3:5]], ("--node", NODES[0].upper(), "--node=" + NODES[1])
    found = run_walk(plane, *argv, format=format, pages=pages)
    assert read_listing(found, format)[0] == ["e0", "e1", "both", "e3", "e4"]
    assert found == run_against(plane, page(*LOG[:2] + [both] + LOG[3:5]), *LIST + ("--output", format))


# ---- 1.10, 1.11: the newest ones, and times that are none

#: Flags, the times on the pages of the server (a day in January, if short), and the places of those that are printed.
WALKED = read_table("""
--since=2026-01-02      | 01 03 / / 03 02 04                | 1 2 3 4
--since=2026-01-02      | 01                                |
--since=2026-01-02 --until 2026-01-02T00:00Z | 01 / 02 / 03 |
--all                   | /                                 |
--last=2                | 03 / 04 02 / 01                   | 0 1
--last=10               | / 01 03                           | 0 1
--last=2                | /                                 |
--last=2                | 02 02 02                          | 1 2
-n 999999999            | 03 01                             | 1 0
-n3                     | 02.25 02 02.5 02.123456789        | 3 0 2
--last=2                | 2026-07-15T09:15:00.2+23:45 2026-07-14T04:30:00.1-05:00 2026-07-14T09:30:00.15Z | 2 0
--last=01               | 2026-07-14T23:30:00+14:00 2026-07-14T09:30:00.000Z 2026-07-14T09:30:00Z | 2
--last=1                | 02.123456789 02.123456788         | 0""")


@rule("1.8b", "1.10", "1.11", "5.8a")
@pytest.mark.parametrize("flags, layout, kept", WALKED)
def test_matches_of_a_walk_are_one_document(plane, flags, layout, kept):
    times = [time if "T" in time else "2026-01-%sT00:00:00%sZ" % (time[:2], time[2:]) for time in layout.split()]
    found = iter(
        [
            execution(id="e%d" % place, created_at=time)
            for place, time in enumerate(time for time in times if "/" not in time)
        ]
    )
    pages = [[next(found) for _ in one.split()] for one in layout.split("/")]
    matching = [wire for place in kept.split() for wire in sum(pages, []) if wire["id"] == "e" + place]
    for format in ("json", "jsonl", "text"):
        one = run_against(plane, page(*matching), *LIST + ("--output", format))
        assert run_walk(plane, *flags.split(), format=format, pages=pages) == one
        assert kept or format != "json" or one.out == b'{\n  "items": []\n}\n'


@rule("1.11", "1.10a")
@pytest.mark.parametrize(
    "value",
    [
        "9999-12-31T23:30:00.5-00:31",
        "0001-01-01T00:30:00+01:00",
        "2026-07-14T09:30:00+24:00",
        "2026-01-02T00:00:00.Z",
        "2026-02-30T09:30:00+02:00",
        "2026-07-14T09:30:00+0200",
        "2026-01-02T00:00:00Z\n",
        "2026-01-02T00:00:00",
        None,
        5,
        "2026-07-14T09:30:00+02:60",
        "2026-01-02 00:00:00Z",
        "2026-01-02T00:00Z",
    ],
    ids=ascii,
)
def test_malformed_created_at_fails_only_where_it_is_compared(plane, value):
    pages = [[LOG[0], execution([target(node=NODES[0])], id="x", status="ack", created_at=value)]]
    for flag, ids in (
        ("--since=2026-01-01", ["e0"]),
        ("--until=2027-01-01", ["e0"]),
        ("--last=5", []),
        ("--running", []),
    ):
        result = run_walk(plane, flag, pages=pages)
        assert (result.code, read_listing(result, "jsonl")[0]) == (1, ids)
        assert error_lines(result) == [
            "the response is malformed: Execution x: created_at: expected a time such as 2026-11-24T09:30:00Z"
        ]
    for flags in ("--all", "--node=" + NODES[0], "--all --status=ack"):
        assert list_ids(plane, *flags.split(), pages=pages)[-1] == "x"


# ---- 5.4: targets

TEN_TARGETS = execution(
    [target(inline(b"%d\n" % number), NODES[number], status) for number, status in enumerate(LOGGED_STATUSES[:9])]
    + [target({"kind": "tape"}, NODES[9].upper(), "odd"), {"node_id": 7, "status": "cancelled"}]
)
#: Flags, the numbers of the nodes whose targets are shown, and the nodes that are missing.
CHOICES = [
    ("--node {3}", "3", []),
    ("--node {5} --node {2}", "25", []),
    ("--node={4} --node {4}", "4", []),
    ("--node {4} --node {2} --failed", "4", []),
    ("--node {2} --failed", "", []),
    ("--status FAILED,ack", "14", []),
    ("--running --node {5} --failed", "5", []),
    ("--running", "012", []),
    ("--running --status=timeout", "0126", []),
    ("--node {3} --node {0} --status succeeded", "3", []),
    ("--node {3} --node {10}", "3", [PROJECT]),
    ("--node {11} --node {10} --failed --node={11}", "", [EXECUTION, PROJECT]),
]
SHOWN_NODES = rb'(?m)(?:"node_id": ?"|^==> |^)a1b2c30(\d)-'


@rule("5.4", "5.4a", "1.12a", "9.6a")
@every_get_format
@pytest.mark.parametrize("flags, numbers, missing", CHOICES, ids=[flags for flags, _, _ in CHOICES])
def test_nodes_and_statuses_select_targets(plane, flags, numbers, missing, format):
    argv = GET + ("-o", format) + tuple(flags.format(*NODES + [PROJECT, EXECUTION]).split())
    result = run_against(plane, TEN_TARGETS, *argv, terminals=("stderr",))
    found = re.findall(rb"(\d)\n" if format == "raw" else SHOWN_NODES, result.out)
    assert (b"".join(found).decode(), result.code) == (numbers, 1 if missing else 0)
    assert hint_lines(result) == ["no target matches"] * (not numbers and not missing)
    errors = sorted(error_lines(result), reverse=True)
    assert errors == ["node %s is not a target of Execution %s" % (node, EXECUTION) for node in missing]


# ---- 9.6: hints on a terminal

FOLLOW = "more Executions follow (the oldest come first): use --last N, --since WHEN or --all"
#: Flags, the response, and the hint.
HINTS = [
    ("", page(), "no Execution matches"),
    ("--until=2020-01-01T00:00:00Z", page(LOG[0]), "no Execution matches"),
    ("--cursor c", page(), "no more Executions match"),
    ("--cursor c --all", page(LOG[0]), None),
    ("--last 3 -o jsonl", page(), "no Execution matches"),
    ("", page(LOG[0]), None),
    ("--cursor=", page(next_cursor=""), "no Execution matches"),
    ("--all -o wide", page(LOG[0]), None),
    ("--node " + NODES[9], page(LOG[0]), "no Execution matches"),
    ("-o raw --failed", execution(), "no target matches"),
    ("-o raw", execution(), None),
] + [("-o " + format, page(*LOG[:size], next_cursor="c"), FOLLOW) for format in LIST_FORMATS for size in (0, 1)]


@rule("9.6", "9.6a")
@pytest.mark.parametrize("flags, wire, hint", HINTS, ids=range(len(HINTS)))
def test_hint_on_a_terminal_says_what_follows_or_that_nothing_matches(plane, flags, wire, hint):
    serve_pages(plane, [])
    for terminals in (BOTH, ("stdout",)):
        argv = (LIST if "items" in wire else GET) + tuple(flags.split())
        result = run_against(plane, wire, *argv, terminals=terminals)
        said = [hint] if hint and "stderr" in terminals else []
        assert (result.code, hint_lines(result), b"hint: " in result.out) == (0, said, False)
