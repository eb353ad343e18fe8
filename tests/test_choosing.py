"""Which Executions and targets are shown: walks, nodes, the newest ones, malformed times, nothing found."""

import itertools
import json
import re

import pytest

import plexctl_exec_log as program
from flag_values import FILTERS, make_kept
from kit import (
    BOTH,
    FORMATS_WITHOUT_NODES,
    GET,
    GET_FORMATS,
    LIST,
    NODES,
    error_lines,
    every_get_format,
    every_list_format,
    execution,
    find_ids,
    hint_lines,
    inline,
    listed,
    page,
    read_queries,
    rule,
    run_against,
    run_cli,
    serve_pages,
    target,
)

# ---- 1.8: walks


def make_logged(day, status):
    """Return an Execution with the id "e" and its day, counted from the first of March at noon.

    All ran on NODES[3], and each also on one of the first three machines, in turn."""
    return execution(
        [target(node=NODES[day % 3].upper()), target(node=NODES[3])],
        id="e%d" % day,
        status=status,
        created_at="2026-03-%02dT12:00:00Z" % (day + 1),
    )


#: An Execution for each status, a day apart, oldest first.
LOG = [
    make_logged(0, "pending"),
    make_logged(1, "ack"),
    make_logged(2, "started"),
    make_logged(3, "succeeded"),
    make_logged(4, "failed"),
    make_logged(5, "cancelled"),
    make_logged(6, "timeout"),
    # These are none of the seven statuses.
    make_logged(7, "FAILED"),
    make_logged(8, "failed "),
    make_logged(9, ""),
    make_logged(10, None),
]
LOG_PAGES = [LOG[:4], LOG[4:7], LOG[7:]]


SINCE, UNTIL = "--since=2026-03-02T12", "--until=2026-03-07 12:00"
FLAGS_THAT_FILTER = {"%s=%s" % (name, values.first): values for name, values in FILTERS.items()}

#: Executions, oldest first: when each was created, its status, and the only flag that leaves it out, or "".
WALKED = [
    ("2026-03-01T12:00:00Z", "failed", SINCE),
    ("2026-03-02T11:59:59.9Z", "failed", SINCE),
    ("2026-03-02T12:00:00Z", "failed", ""),
    ("2026-03-03T01:00:00Z", "pending", "--failed"),
    ("2026-03-03T02:00:00Z", "ack", "--failed"),
    ("2026-03-03T03:00:00Z", "started", "--failed"),
    ("2026-03-03T04:00:00Z", "succeeded", "--failed"),
    ("2026-03-03T05:00:00Z", "cancelled", ""),
    ("2026-03-03T06:00:00Z", "FAILED", "--failed"),
    ("2026-03-03T07:00:00Z", "failed ", "--failed"),
    ("2026-03-03T08:00:00Z", "", "--failed"),
    ("2026-03-03T09:00:00Z", None, "--failed"),
    ("2026-03-03T10:00:00Z", "timeout", ""),
]
WALKED += [
    ("2026-03-04T12:00:%02dZ" % number, "cancelled", flag)
    for number, flag in enumerate(FLAGS_THAT_FILTER)
]
WALKED += [
    ("2026-03-07T12:00:00Z", "timeout", UNTIL),
    ("2026-03-07T12:00:00.1Z", "failed", UNTIL),
    ("2026-03-08T12:00:00Z", "cancelled", UNTIL),
]


def make_walked(place):
    """Return the Execution at this place in WALKED."""
    created_at, status, flag = WALKED[place]
    wire = make_kept(id="e%02d" % place, created_at=created_at, status=status)
    return dict(wire, **FLAGS_THAT_FILTER[flag].other) if flag in FLAGS_THAT_FILTER else wire


WALKED_WIRES = [make_walked(place) for place in range(len(WALKED))]
WALKED_PAGES = [WALKED_WIRES[:4], WALKED_WIRES[4:-2], WALKED_WIRES[-2:]]

#: The flags that make a walk. --all and --last leave out no Execution, but --last=2 prints only the newest two.
FLAGS_OF_A_WALK = ["--all", "--last=2", "--failed", SINCE, UNTIL] + list(FLAGS_THAT_FILTER)
#: Each of these flags, every two of them, all of them except one, and all.
COMBINATIONS = [
    flags
    for size in (1, 2, len(FLAGS_OF_A_WALK) - 1, len(FLAGS_OF_A_WALK))
    for flags in itertools.combinations(FLAGS_OF_A_WALK, size)
]
every_combination_of_flags = pytest.mark.parametrize("flags", COMBINATIONS, ids=" ".join)

#: The requests of a walk over three pages.
QUERIES_OF_A_WALK = [
    {"action_name": "a&b", "limit": "200"},
    {"action_name": "a&b", "limit": "200", "cursor": "c2"},
    {"action_name": "a&b", "limit": "200", "cursor": "c3"},
]
#: The requests of such a walk with --failed.
QUERIES_OF_A_MERGE = [
    {"action_name": "a&b", "limit": "200", "status": "failed"},
    {"action_name": "a&b", "limit": "200", "status": "failed", "cursor": "c2"},
    {"action_name": "a&b", "limit": "200", "status": "failed", "cursor": "c3"},
    {"action_name": "a&b", "limit": "200", "status": "cancelled"},
    {"action_name": "a&b", "limit": "200", "status": "cancelled", "cursor": "c2"},
    {"action_name": "a&b", "limit": "200", "status": "cancelled", "cursor": "c3"},
    {"action_name": "a&b", "limit": "200", "status": "timeout"},
    {"action_name": "a&b", "limit": "200", "status": "timeout", "cursor": "c2"},
    {"action_name": "a&b", "limit": "200", "status": "timeout", "cursor": "c3"},
]


def test_every_flag_that_makes_a_walk_is_combined_with_the_others():
    # --failed is left out: it makes a walk by its several statuses.
    names = {flag.partition("=")[0] for flag in FLAGS_OF_A_WALK} - {"--failed"}

    assert names == {flag.names[-1] for flag in program.FLAGS if flag.reads_all_pages}


@rule("1.7", "1.8", "1.8b", "1.9", "1.10", "1.12", "1.13")
@every_combination_of_flags
def test_walk_prints_what_matches_every_flag(plane, flags):
    serve_pages(plane, WALKED_PAGES)
    expected_ids = [
        "e%02d" % place
        for place, (_, _, left_out_by) in enumerate(WALKED)
        if left_out_by not in flags
    ]
    if "--last=2" in flags:
        expected_ids = expected_ids[-2:]

    result = run_cli(*LIST, "--output", "jsonl", "--action-name", "a&b", *flags, plane=plane)

    assert result.code == 0
    assert result.err == ""
    assert find_ids(result) == expected_ids


@rule("1.7", "1.8", "1.8a", "1.12", "1.13")
@every_combination_of_flags
def test_walk_requests_all_pages_whatever_the_flags_select(plane, flags):
    serve_pages(plane, WALKED_PAGES)
    expected_queries = QUERIES_OF_A_MERGE if "--failed" in flags else QUERIES_OF_A_WALK

    result = run_cli(*LIST + ("--action-name", "a&b"), *flags, plane=plane)

    assert result.code == 0
    queries = read_queries(plane)
    assert len(queries) == len(expected_queries)
    for query in expected_queries:
        assert query in queries


@rule("1.7")
@pytest.mark.parametrize(
    "flags, sent",
    [
        pytest.param([], ["Restart-NGINX"], id="a single page"),
        pytest.param(["--all"], ["Restart-NGINX"], id="a walk"),
        pytest.param(["--last", "3"], ["Restart-NGINX"], id="the newest ones"),
        pytest.param(
            ["--failed"],
            ["Restart-NGINX", "Restart-NGINX", "Restart-NGINX"],
            id="a merge of three queries",
        ),
    ],
)
def test_action_name_is_sent_in_the_given_spelling(plane, flags, sent):
    serve_pages(plane, [[]])

    result = run_cli(*LIST, "--action-name", "Restart-NGINX", *flags, plane=plane)

    assert result.code == 0
    assert [query["action_name"] for query in read_queries(plane)] == sent


@rule("1.8", "1.8a", "1.8b", "1.7", "1.7a", "1.13b")
@pytest.mark.parametrize(
    "flags, queries, ids",
    [
        # A single page.
        pytest.param([], [{}], ["e0", "e1", "e2", "e3"], id="no flag"),
        pytest.param(
            ["--limit=7", "--action-name", "x"],
            [{"limit": "7", "action_name": "x"}],
            ["e0", "e1", "e2", "e3"],
            id="limit and action",
        ),
        pytest.param(
            ["--limit=1000"],
            [{"limit": "1000"}],
            ["e0", "e1", "e2", "e3"],
            id="a limit that only the server rejects",
        ),
        pytest.param(
            ["--cursor=c2", "--status=failed,failed"],
            [{"status": "failed", "cursor": "c2"}],
            ["e4"],
            id="one status, given twice, and a cursor",
        ),
        pytest.param(["--cursor="], [{}], ["e0", "e1", "e2", "e3"], id="an empty cursor"),
        # A walk.
        pytest.param(
            ["--all", "--limit", "0"],
            [{}, {"cursor": "c2"}, {"cursor": "c3"}],
            ["e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "e10"],
            id="all with the limit 0",
        ),
        pytest.param(
            ["--all", "--limit=201"],
            [{"limit": "201"}, {"limit": "201", "cursor": "c2"}, {"limit": "201", "cursor": "c3"}],
            ["e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "e10"],
            id="all with a limit that only the server rejects",
        ),
        pytest.param(
            ["--last", "9"],
            [{"limit": "200"}, {"limit": "200", "cursor": "c2"}, {"limit": "200", "cursor": "c3"}],
            ["e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "e10"],
            id="last",
        ),
        pytest.param(
            ["--since", "2026-03-01", "--cursor", "c2"],
            [{"limit": "200", "cursor": "c2"}, {"limit": "200", "cursor": "c3"}],
            ["e4", "e5", "e6", "e7", "e8", "e9", "e10"],
            id="since from a cursor",
        ),
        pytest.param(
            ["--until=2027-01-01", "--limit", "7"],
            [{"limit": "7"}, {"limit": "7", "cursor": "c2"}, {"limit": "7", "cursor": "c3"}],
            ["e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "e10"],
            id="until and limit",
        ),
        pytest.param(
            ["--status=failed", "--last", "3", "--cursor="],
            [
                {"limit": "200", "status": "failed"},
                {"limit": "200", "status": "failed", "cursor": "c2"},
                {"limit": "200", "status": "failed", "cursor": "c3"},
            ],
            ["e4"],
            id="last of one status, and an empty cursor",
        ),
        pytest.param(
            ["--node", NODES[3], "--limit", "1"],
            [{"limit": "1"}, {"limit": "1", "cursor": "c2"}, {"limit": "1", "cursor": "c3"}],
            ["e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "e10"],
            id="node and limit",
        ),
        pytest.param(
            ["--status=x", "--all", "--action-name", "y"],
            [
                {"limit": "200", "status": "x", "action_name": "y"},
                {"limit": "200", "status": "x", "action_name": "y", "cursor": "c2"},
                {"limit": "200", "status": "x", "action_name": "y", "cursor": "c3"},
            ],
            [],
            id="all of an unknown status and an action",
        ),
    ],
)
def test_single_page_or_walk_sends_the_cursor_limit_and_filters(plane, flags, queries, ids):
    serve_pages(plane, LOG_PAGES)

    result = run_cli(*LIST, "--output", "jsonl", *flags, plane=plane)

    assert result.code == 0
    assert find_ids(result) == ids
    assert read_queries(plane) == queries


#: Executions for `list --node`: on both of the machines, on none, and on machines whose node ids are no text.
RAN_ON_BOTH = execution([target(node=NODES[0], status="failed"), target(node=NODES[1])], id="both")
RAN_NOWHERE = dict(execution(id="none"), targets=None)
RAN_ON_ODD_NODES = execution([target(node=7), target(node=None)], id="odd")


@rule("1.8c", "1.8b")
@every_list_format
def test_node_selects_whole_executions_of_any_of_several_machines(plane, format):
    # e0 and e3 ran on NODES[0], e1 and e4 on NODES[1], e2 on NODES[2], and each of them also on
    # NODES[3], which is not named.
    serve_pages(plane, [[RAN_ON_ODD_NODES, RAN_NOWHERE], LOG[:3] + [RAN_ON_BOTH], LOG[3:5]])

    nodes = ("--node", NODES[0].upper(), "--node=" + NODES[1])
    result = run_cli(*LIST, *nodes, "--output", format, plane=plane)

    assert result.code == 0
    assert result.err == ""
    assert find_ids(result, format) == ["e0", "e1", "both", "e3", "e4"]
    # Their rows are those of a page with just these, so that TARGETS counts NODES[3], too.
    whole = run_against(
        plane, page(LOG[0], LOG[1], RAN_ON_BOTH, LOG[3], LOG[4]), *LIST, "--output", format
    )
    assert whole.code == 0
    assert result.out == whole.out


# ---- 1.10: the newest ones; 5.8a: one document

#: Flags that make a walk (a listing that reads page after page), the pages of the server, and the ids of the Executions
#: that match, in the order in which they are printed. The times are those of a day, 2026-07-14.
WALKS_AND_MATCHES = [
    pytest.param(
        ["--since=2026-07-14T02:00"],
        [
            [listed("a", "01:00:00Z"), listed("b", "03:00:00Z")],
            [],
            [listed("c", "03:00:00Z"), listed("d", "02:00:00Z"), listed("e", "04:00:00Z")],
        ],
        ["b", "c", "d", "e"],
        id="since keeps the order of the server",
    ),
    pytest.param(
        ["--since=2026-07-14T02:00"], [[listed("a", "01:00:00Z")]], [], id="since without a match"
    ),
    pytest.param(
        ["--since=2026-07-14T02:00", "--until", "2026-07-14T02:00Z"],
        [[listed("a", "01:00:00Z")], [listed("b", "02:00:00Z")], [listed("c", "03:00:00Z")]],
        [],
        id="until is the same time as since",
    ),
    pytest.param(["--all"], [[], []], [], id="all of two empty pages"),
    pytest.param(
        ["--last=2"],
        [
            [listed("a", "03:00:00Z")],
            [listed("b", "04:00:00Z"), listed("c", "02:00:00Z")],
            [listed("d", "01:00:00Z")],
        ],
        ["a", "b"],
        id="the newest are on the first pages",
    ),
    pytest.param(
        ["--last=10"],
        [[], [listed("a", "01:00:00Z"), listed("b", "03:00:00Z")]],
        ["a", "b"],
        id="last of fewer, after an empty page",
    ),
    pytest.param(
        ["--last=2", "--since=2026-07-14T02:00"],
        [[listed("a", "01:00:00Z"), listed("b", "03:00:00Z")]],
        ["b"],
        id="last of fewer, because since leaves one out",
    ),
    pytest.param(["--last=2"], [[], []], [], id="last of two empty pages"),
    pytest.param(
        ["--last=2"],
        [[listed("a", "02:00:00Z"), listed("b", "02:00:00Z"), listed("c", "02:00:00Z")]],
        ["b", "c"],
        id="of equal times the later arrivals are newer",
    ),
    pytest.param(
        ["-n", "999999999"],
        [[listed("a", "03:00:00Z"), listed("b", "01:00:00Z")]],
        ["b", "a"],
        id="last of a huge number sorts",
    ),
    pytest.param(
        ["-n3"],
        [
            [
                listed("a", "02:00:00.25Z"),
                listed("b", "02:00:00Z"),
                listed("c", "02:00:00.5Z"),
                listed("d", "02:00:00.123456789Z"),
            ]
        ],
        ["d", "a", "c"],
        id="fractions of different lengths",
    ),
    pytest.param(
        ["--last=1"],
        [[listed("a", "02:00:00.123456789Z"), listed("b", "02:00:00.123456788Z")]],
        ["a"],
        id="a difference in the ninth digit",
    ),
    pytest.param(
        ["--last=1"],
        [[listed("a", "02:00:00.1234567892Z"), listed("b", "02:00:00.1234567891Z")]],
        ["a"],
        id="a difference in the tenth digit",
    ),
    pytest.param(
        ["--last=2"],
        [
            [
                listed("a", "2026-07-15T09:15:00.2+23:45"),  # 09:30:00.2Z of the 14th
                listed("b", "04:30:00.1-05:00"),  # 09:30:00.1Z
                listed("c", "09:30:00.15Z"),
            ]
        ],
        ["c", "a"],
        id="offsets",
    ),
    pytest.param(
        ["--last=01"],
        [[listed("a", "02:00:00Z"), listed("b", "03:00:00Z")]],
        ["b"],
        id="a number with a leading zero",
    ),
    pytest.param(
        ["--last=1"],
        [
            [
                listed("a", "23:30:00+14:00"),  # 09:30:00Z
                listed("b", "09:30:00.000Z"),
                listed("c", "09:30:00Z"),
            ]
        ],
        ["c"],
        id="equal times whose texts differ, so that the last arrival is the newest",
    ),
]


@rule("1.8b", "1.10", "1.11")
@pytest.mark.parametrize("format", ["json", "jsonl", "text"])
@pytest.mark.parametrize("flags, pages, ids", WALKS_AND_MATCHES)
def test_walk_prints_its_matches_in_order(plane, flags, pages, ids, format):
    serve_pages(plane, pages)

    result = run_cli(*LIST, "--output", format, *flags, plane=plane)

    assert result.code == 0
    assert result.err == ""
    assert find_ids(result, format) == ids


@rule("5.8a", "1.8b")
@pytest.mark.parametrize("format", ["json", "jsonl", "text"])
@pytest.mark.parametrize("flags, pages, ids", WALKS_AND_MATCHES)
def test_walk_prints_the_same_as_one_page_that_has_only_its_matches(
    plane, flags, pages, ids, format
):
    serve_pages(plane, pages)
    executions = {wire["id"]: wire for one_page in pages for wire in one_page}
    single_page = page(*[executions[name] for name in ids])

    walk = run_cli(*LIST, "--output", format, *flags, plane=plane)
    single = run_against(plane, single_page, *LIST, "--output", format)

    assert single.code == 0
    assert find_ids(single, format) == ids
    assert walk.code == 0
    assert walk.out == single.out


@rule("5.8a")
@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(["--since=2027-01-01"], id="since"),
        pytest.param(["--node", NODES[9]], id="node"),
        pytest.param(["--failed", "--until", "2026-03-01"], id="a merge"),
        pytest.param(["--last", "2", "--status", "x"], id="last"),
    ],
)
def test_json_of_a_walk_without_a_match_is_a_document(plane, flags):
    serve_pages(plane, LOG_PAGES)

    result = run_cli(*LIST, "--output", "json", *flags, plane=plane)

    assert result.code == 0
    assert json.loads(result.out.decode()) == {"items": []}


# ---- 1.11: times that are none

every_malformed_time = pytest.mark.parametrize(
    "value",
    [
        pytest.param("9999-12-31T23:30:00.5-00:31", id="the year 10000 in UTC"),
        pytest.param("0001-01-01T00:30:00+01:00", id="the year 0 in UTC"),
        pytest.param("2026-07-14T09:30:00+24:00", id="an offset of a day"),
        pytest.param("2026-07-14T09:30:00+02:60", id="an offset of 60 minutes"),
        pytest.param("2026-07-14T09:30:00+0200", id="an offset without a colon"),
        pytest.param("2026-01-02T00:00:00", id="no offset"),
        pytest.param("2026-01-02T00:00:00.Z", id="a point without a fraction"),
        pytest.param("2026-02-30T09:30:00+02:00", id="a day that does not exist"),
        pytest.param("2026-01-02T00:00:00Z\n", id="a line feed at the end"),
        pytest.param("2026-01-02 00:00:00Z", id="a space for the T"),
        pytest.param("2026-01-02T00:00Z", id="no seconds"),
        pytest.param(None, id="null"),
        pytest.param(5, id="a number"),
    ],
)


@rule("1.11", "1.10")
@every_malformed_time
@pytest.mark.parametrize(
    "flag, ids",
    [
        pytest.param("--since=2026-01-01", ["e0"], id="since"),
        pytest.param("--until=2027-01-01", ["e0"], id="until"),
        pytest.param("--last=5", [], id="last"),
        pytest.param("--running", [], id="a merge"),
    ],
)
def test_malformed_created_at_fails_where_times_are_compared(plane, value, flag, ids):
    serve_pages(plane, [[LOG[0], execution(id="x", status="ack", created_at=value)]])

    result = run_cli(*LIST, "--output", "jsonl", flag, plane=plane)

    assert result.code == 1
    assert find_ids(result) == ids
    assert error_lines(result) == [
        "the response is malformed: Execution x: created_at: expected a time such as 2026-11-24T09:30:00Z"
    ]


@rule("1.11", "1.9e")
@every_malformed_time
def test_malformed_updated_at_fails_where_it_is_compared(plane, value):
    serve_pages(plane, [[LOG[0], execution(id="x", updated_at=value)]])

    result = run_cli(*LIST + ("--output", "jsonl", "--updated-since", "2026-01-01"), plane=plane)

    assert result.code == 1
    assert find_ids(result) == ["e0"]
    assert error_lines(result) == [
        "the response is malformed: Execution x: updated_at: expected a time such as 2026-11-24T09:30:00Z"
    ]


@rule("1.11", "1.9e")
def test_updated_since_compares_instants_with_all_digits(plane):
    wires = [
        execution(id="just before", updated_at="2026-07-14T09:29:59.999999999Z"),
        execution(id="exact, with an offset", updated_at="2026-07-14T11:30:00+02:00"),
        execution(id="before, with an offset", updated_at="2026-07-14T10:30:00+02:00"),
        execution(id="a nanosecond after", updated_at="2026-07-14T09:30:00.000000001Z"),
    ]
    serve_pages(plane, [wires])

    result = run_cli(
        *LIST + ("--output", "jsonl", "--updated-since", "2026-07-14T11:30:00+02:00"), plane=plane
    )

    assert result.code == 0
    assert find_ids(result) == ["exact, with an offset", "a nanosecond after"]


@rule("1.9e")
def test_updated_since_with_last_prints_those_created_last(plane):
    wires = [
        # It was updated last.
        execution(id="a", created_at="2026-07-14T09:01:00Z", updated_at="2026-07-14T09:59:00Z"),
        execution(id="b", created_at="2026-07-14T09:02:00Z", updated_at="2026-07-14T09:50:00Z"),
        execution(id="c", created_at="2026-07-14T09:03:00Z", updated_at="2026-07-14T09:40:00Z"),
        # It was created last.
        execution(id="d", created_at="2026-07-14T09:04:00Z", updated_at="2026-07-14T09:05:00Z"),
    ]
    serve_pages(plane, [wires])

    result = run_cli(
        *LIST, "-o", "id", "--updated-since", "2026-07-14T09:30:00Z", "--last", "2", plane=plane
    )

    assert result.code == 0
    assert result.out == b"b\nc\n"


@rule("1.11")
@every_malformed_time
@pytest.mark.parametrize(
    "flags, ids",
    [
        pytest.param(["--all"], ["e0", "x"], id="all"),
        pytest.param(["--node=" + NODES[0]], ["e0", "x"], id="node"),
        pytest.param(["--all", "--status=ack"], ["x"], id="one status"),
    ],
)
def test_malformed_created_at_is_accepted_if_no_times_are_compared(plane, value, flags, ids):
    odd = execution([target(node=NODES[0])], id="x", status="ack", created_at=value)
    serve_pages(plane, [[LOG[0], odd]])

    result = run_cli(*LIST, "--output", "jsonl", *flags, plane=plane)

    assert result.code == 0
    assert result.err == ""
    assert find_ids(result) == ids


# ---- 5.4: targets

#: The output of each target is its number. The last two targets are faulty, and must do no harm unless they are chosen.
ELEVEN_TARGETS = execution(
    [
        target(inline(b"0\n"), NODES[0], "pending"),
        target(inline(b"1\n"), NODES[1], "ack"),
        target(inline(b"2\n"), NODES[2], "started"),
        target(inline(b"3\n"), NODES[3], "succeeded"),
        target(inline(b"4\n"), NODES[4], "failed"),
        target(inline(b"5\n"), NODES[5], "cancelled"),
        target(inline(b"6\n"), NODES[6], "timeout"),
        target(inline(b"7\n"), NODES[7], "FAILED"),
        target(inline(b"8\n"), NODES[8], "failed "),
        target({"kind": "tape"}, NODES[9].upper(), "odd"),
        {"node_id": 7, "status": "cancelled"},
    ],
    domain_id="",  # else it is one of the nodes
)


def find_nodes(result):
    """Return the node ids on standard output, in their order."""
    return re.findall("(?i)a1b2c30[0-9]-0000-4000-8000-00000000000[0-9]", result.out.decode())


#: The tests of raw, which prints no node ids, look at the outputs.
every_format_with_nodes = pytest.mark.parametrize(
    "format", [format for format in GET_FORMATS if format not in FORMATS_WITHOUT_NODES]
)


@rule("5.4", "1.12", "9.6a")
@every_format_with_nodes
@pytest.mark.parametrize(
    "flags, nodes",
    [
        pytest.param(["--node", NODES[3]], [NODES[3]], id="one node"),
        pytest.param(
            ["--node", NODES[5], "--node", NODES[2]],
            [NODES[2], NODES[5]],
            id="two nodes, shown in the order of the response",
        ),
        pytest.param(["--node=" + NODES[4], "--node", NODES[4]], [NODES[4]], id="a node twice"),
        pytest.param(
            ["--node", NODES[4], "--node", NODES[2], "--failed"],
            [NODES[4]],
            id="two nodes, of which one has failed",
        ),
        pytest.param(
            ["--status", "FAILED,ack"], [NODES[1], NODES[4]], id="two statuses, one in upper case"
        ),
        pytest.param(
            ["--running", "--node", NODES[5], "--failed"], [NODES[5]], id="six statuses and a node"
        ),
        pytest.param(["--running"], [NODES[0], NODES[1], NODES[2]], id="running"),
        pytest.param(
            ["--running", "--status=timeout"],
            [NODES[0], NODES[1], NODES[2], NODES[6]],
            id="running and another status",
        ),
        pytest.param(
            ["--node", NODES[3], "--node", NODES[0], "--status", "succeeded"],
            [NODES[3]],
            id="two nodes, of which one has succeeded",
        ),
    ],
)
def test_nodes_and_statuses_select_targets(plane, flags, nodes, format):
    result = run_against(
        plane, ELEVEN_TARGETS, *GET, "--output", format, *flags, terminals=["stderr"]
    )

    assert result.code == 0
    assert result.err == ""
    assert find_nodes(result) == nodes


@rule("5.4", "1.12", "9.6a")
@pytest.mark.parametrize(
    "flags, out",
    [
        pytest.param(["--node", NODES[3]], b"3\n", id="one node"),
        pytest.param(
            ["--node", NODES[5], "--node", NODES[2]], b"2\n5\n", id="in the order of the response"
        ),
        pytest.param(["--node=" + NODES[4], "--node", NODES[4]], b"4\n", id="a node twice"),
        pytest.param(["--status", "FAILED,ack"], b"1\n4\n", id="two statuses, one in upper case"),
        pytest.param(
            ["--running", "--status=timeout"], b"0\n1\n2\n6\n", id="running and another status"
        ),
        pytest.param(
            ["--running", "--node", NODES[5], "--failed"], b"5\n", id="six statuses and a node"
        ),
    ],
)
def test_nodes_and_statuses_select_raw_outputs(plane, flags, out):
    result = run_against(
        plane, ELEVEN_TARGETS, *GET, "--output", "raw", *flags, terminals=["stderr"]
    )

    assert result.code == 0
    assert result.err == ""
    assert result.out == out


@rule("5.4", "9.6a")
@every_get_format
def test_node_whose_status_is_not_selected_gives_a_hint(plane, format):
    # The target at this node is `started`.
    flags = ("--node", NODES[2], "--failed", "--output", format)

    result = run_against(plane, ELEVEN_TARGETS, *GET, *flags, terminals=("stderr",))

    assert result.code == 0
    assert result.err == "hint: no target matches\n"
    assert find_nodes(result) == []


@rule("5.4a")
@every_format_with_nodes
def test_node_that_is_not_a_target_is_an_error_beside_the_output(plane, format):
    flags = (
        "--node",
        NODES[3],
        "--node",
        "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13",
        "--output",
        format,
    )

    result = run_against(plane, ELEVEN_TARGETS, *GET, *flags, terminals=("stderr",))

    assert result.code == 1
    assert result.err == (
        "error: node 019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13 is not a target of Execution "
        "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f\n"
    )
    assert find_nodes(result) == [NODES[3]]


@rule("5.4a")
def test_node_that_is_not_a_target_is_an_error_beside_raw_output(plane):
    flags = (
        "--node",
        NODES[3],
        "--node",
        "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13",
        "--output",
        "raw",
    )

    result = run_against(plane, ELEVEN_TARGETS, *GET, *flags, terminals=("stderr",))

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13" in error_lines(result)[0]
    assert result.out == b"3\n"  # the output of NODES[3]


@rule("5.4a", "9.6a")
@every_get_format
def test_each_node_that_is_not_a_target_is_reported_once(plane, format):
    # The first node is given twice.
    flags = (
        "--node",
        "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",
        "--node",
        "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13",
        "--failed",
        "--node=4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",
    )

    result = run_against(
        plane, ELEVEN_TARGETS, *GET, *flags, "--output", format, terminals=("stderr",)
    )

    assert result.code == 1
    assert find_nodes(result) == []
    assert sorted(error_lines(result)) == [
        "node 019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13 is not a target of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",
        "node 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f is not a target of Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",
    ]
    assert hint_lines(result) == []  # not the hint that no target matches


@rule("5.4")
def test_raw_prints_nothing_if_no_target_matches(plane):
    # The target at this node is `started`.
    result = run_against(
        plane, ELEVEN_TARGETS, *GET, "--output", "raw", "--node", NODES[2], "--failed"
    )

    assert result.code == 0
    assert result.out == b""
    assert result.err == ""


@rule("5.4a")
def test_raw_prints_nothing_for_a_node_that_is_not_a_target(plane):
    flags = ("--output", "raw", "--node", "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13", "--failed")

    result = run_against(plane, ELEVEN_TARGETS, *GET, *flags)

    assert result.code == 1
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13" in error_lines(result)[0]


# ---- 9.6: hints on a terminal

#: A command line, the response, and the hint on a terminal.
HINTS_OF_NOTHING = [
    pytest.param(LIST, page(), "no Execution matches", id="an empty page"),
    pytest.param(
        LIST + ("--cursor=",), page(next_cursor=""), "no Execution matches", id="empty cursors"
    ),
    pytest.param(
        LIST + ("--cursor", "c"),
        page(),
        "no more Executions match",
        id="an empty page after a cursor",
    ),
    pytest.param(
        LIST + ("--updated-since=2030-01-01T00:00:00Z",),
        page(LOG[0]),
        "no Execution matches",
        id="a walk without a match",
    ),
    pytest.param(
        LIST + ("--cursor", "c", "--node", NODES[9]),
        page(LOG[0]),
        "no more Executions match",
        id="a walk without a match after a cursor",
    ),
    pytest.param(
        LIST + ("--node", NODES[9]), page(LOG[0]), "no Execution matches", id="another node"
    ),
    pytest.param(
        LIST + ("--last", "3", "-o", "jsonl"),
        page(),
        "no Execution matches",
        id="last of none, jsonl",
    ),
    pytest.param(
        GET + ("-o", "raw", "--failed"), execution(), "no target matches", id="no target, raw"
    ),
]


@rule("9.6a")
@pytest.mark.parametrize("argv, wire, hint", HINTS_OF_NOTHING)
def test_hint_on_a_terminal_says_that_nothing_matches(plane, argv, wire, hint):
    result = run_against(plane, wire, *argv, terminals=BOTH)

    assert result.code == 0
    assert hint_lines(result) == [hint]
    assert b"hint: " not in result.out


@rule("9.6a")
@pytest.mark.parametrize("flag", ["--since=2030-01-01T00:00:00Z", "--until=2020-01-01T00:00:00Z"])
def test_hint_that_nothing_matches_says_which_times_are_compared(plane, flag):
    result = run_against(plane, page(LOG[0]), *LIST + (flag,), terminals=BOTH)

    assert result.code == 0
    assert hint_lines(result) == [
        "no Execution matches (--since and --until compare the time of creation; "
        "--updated-since compares the last change)"
    ]


@rule("9.6a")
def test_hint_that_nothing_matches_does_not_explain_updated_since_if_given(plane):
    flags = ("--since=2030-01-01T00:00:00Z", "--updated-since=2020-01-01T00:00:00Z")

    result = run_against(plane, page(LOG[0]), *LIST + flags, terminals=BOTH)

    assert result.code == 0
    assert hint_lines(result) == ["no Execution matches"]


@rule("9.6a")
@pytest.mark.parametrize("argv, wire, hint", HINTS_OF_NOTHING)
def test_no_hint_says_that_nothing_matches_unless_stderr_is_a_terminal(plane, argv, wire, hint):
    result = run_against(plane, wire, *argv, terminals=("stdout",))

    assert result.code == 0
    assert hint not in result.err
    assert result.err == ""
    assert b"hint: " not in result.out


#: A page of a single listing that has a next page, with and without an Execution.
every_page_before_the_last = pytest.mark.parametrize(
    "wire",
    [
        pytest.param(page(next_cursor="c"), id="an empty page"),
        pytest.param(page(LOG[0], next_cursor="c"), id="a page of one Execution"),
    ],
)


@rule("9.6")
@every_list_format
@every_page_before_the_last
@pytest.mark.parametrize("terminals", [(), BOTH], ids=["pipes", "terminals"])
def test_hint_says_that_more_executions_follow(plane, wire, format, terminals):
    result = run_against(plane, wire, *LIST, "--output", format, terminals=terminals)

    assert result.code == 0
    assert len(hint_lines(result)) == 1
    assert "--all" in hint_lines(result)[0]  # the hint that nothing was found names no flag
    assert b"hint: " not in result.out


@rule("9.6")
def test_hint_that_more_executions_follow_names_three_flags(plane):
    result = run_against(plane, page(next_cursor="c"), *LIST, terminals=["stderr"])

    assert hint_lines(result) == [
        "more Executions follow (the oldest come first): use --last N, --since WHEN or --all"
    ]


@rule("9.6")
@pytest.mark.parametrize("flags", [["--limit", "5"], ["--limit", "0"], ["--cursor", ""]])
@pytest.mark.parametrize("terminals, count", [(("stdout",), 0), (("stderr",), 1)])
def test_caller_who_gives_limit_or_cursor_gets_the_hint_only_on_a_terminal(
    plane, flags, terminals, count
):
    # A loop over pages would otherwise mail a line for each.
    result = run_against(plane, page(next_cursor="c"), *LIST, *flags, terminals=terminals)

    assert result.code == 0
    assert len(hint_lines(result)) == count


@rule("9.6a")
def test_no_hint_about_an_execution_without_targets_if_none_were_selected(plane):
    result = run_against(plane, execution(), *GET, "-o", "raw", terminals=BOTH)

    assert result.code == 0
    assert result.out == b""
    assert result.err == ""  # with --failed: no target matches


@rule("9.6", "9.6a")
@pytest.mark.parametrize(
    "flags",
    [
        pytest.param([], id="a single page"),
        pytest.param(["--all", "-o", "wide"], id="a walk"),
        pytest.param(["--all", "--cursor", "c"], id="a walk from a cursor"),
    ],
)
def test_no_hint_after_the_last_page_if_there_was_a_match(plane, flags):
    result = run_against(plane, page(LOG[0]), *LIST, *flags, terminals=BOTH)

    assert result.code == 0
    assert result.err == ""  # without LOG[0]: no Execution matches
    assert b"hint: " not in result.out
