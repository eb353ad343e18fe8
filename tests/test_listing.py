"""Listings of more than one page: merged statuses, --until, failures midway, and Listing as a library."""

import datetime
import json
import uuid

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import (
    ALL,
    DOCUMENT_FORMATS,
    EXECUTION,
    LIST,
    NODES,
    TABLE_FORMATS,
    encode,
    error_lines,
    every_list_format,
    find_ids,
    listed,
    page,
    read_queries,
    rule,
    run_cli,
    serve_pages,
    target,
)
from server import DROP, HANG, Reply

JSONL = ("--output", "jsonl")
TWO_STATUSES = ("--status", "failed,timeout")


# ---- 1.13: one query for each status, merged

#: An Execution of each status, whose id is its status. They were created in life-cycle order.
ONE_OF_EACH_STATUS = [
    listed("pending", "09:00:00Z", "pending"),
    listed("ack", "09:01:00Z", "ack"),
    listed("started", "09:02:00Z", "started"),
    listed("succeeded", "09:03:00Z", "succeeded"),
    listed("failed", "09:04:00Z", "failed"),
    listed("cancelled", "09:05:00Z", "cancelled"),
    listed("timeout", "09:06:00Z", "timeout"),
]


@rule("1.13", "1.12", "1.8a", "1.8b", "1.7")
@pytest.mark.parametrize(
    "flags, statuses",
    [
        pytest.param(["--failed"], ["failed", "cancelled", "timeout"], id="failed"),
        pytest.param(["--running"], ["pending", "ack", "started"], id="running"),
        pytest.param(
            ["--failed", "--status=succeeded", "--running"],
            ["pending", "ack", "started", "succeeded", "failed", "cancelled", "timeout"],
            id="all seven",
        ),
        pytest.param(
            ["--status", "failed", "--failed"],
            ["failed", "cancelled", "timeout"],
            id="a status twice",
        ),
        pytest.param(
            ["--status", "timeout,ack", "--status", "cancelled"],
            ["ack", "cancelled", "timeout"],
            id="three, not in life-cycle order",
        ),
    ],
)
def test_each_status_is_a_query_with_every_other_filter(plane, flags, statuses):
    serve_pages(plane, [ONE_OF_EACH_STATUS])

    result = run_cli(*LIST, *JSONL, "--action-name=a&b", *flags, plane=plane)

    assert result.code == 0
    assert result.err == ""
    assert find_ids(result) == statuses
    assert read_queries(plane) == [
        {"limit": "200", "action_name": "a&b", "status": status} for status in statuses
    ]


#: The pages of the server, and the ids in the order in which they must be printed. `failed` is the first query,
#: `cancelled` the second, and `timeout` the third.
MERGED_PAGES = [
    pytest.param(
        [
            [listed("a", "09:00:00Z", "failed"), listed("b", "09:01:00Z", "timeout")],
            [listed("c", "09:02:00Z", "timeout"), listed("d", "09:03:00Z", "cancelled")],
            [listed("e", "09:03:30Z", "failed")],
        ],
        ["a", "b", "c", "d", "e"],
        id="three pages",
    ),
    pytest.param(
        [
            [
                listed("a", "09:00:00Z", "timeout"),
                listed("b", "09:00:00Z", "failed"),
                listed("c", "09:00:00Z", "cancelled"),
            ]
        ],
        ["a", "b", "c"],
        id="equal times, so that the ids decide",
    ),
    pytest.param(
        [
            [
                listed("z", "09:00:00Z", "timeout"),
                listed("c", "09:00:00.09999Z", "timeout"),
                listed("b", "09:00:00.1Z", "failed"),
                listed("d", "09:00:00.123456788Z", "timeout"),
            ]
        ],
        ["z", "c", "b", "d"],
        id="fractions of different lengths",
    ),
    pytest.param(
        [
            [
                listed("d", "09:00:00.123456788Z", "timeout"),
                listed("a", "09:00:00.123456789Z", "failed"),
                listed("e", "09:00:01Z", "timeout"),
            ]
        ],
        ["d", "a", "e"],
        id="a difference in the ninth digit",
    ),
    pytest.param(
        [
            [
                listed("a", "09:00:00.50Z", "timeout"),
                listed("b", "09:00:00.5Z", "failed"),
                listed("c", "09:00:00.500Z", "cancelled"),
            ],
            [listed("d", "09:00:01.000Z", "timeout"), listed("e", "09:00:01Z", "failed")],
        ],
        ["a", "b", "c", "d", "e"],
        id="equal times whose texts differ",
    ),
    pytest.param(
        [
            [
                listed("a", "10:00:00+02:00", "timeout"),  # 08:00:00Z
                listed("b", "08:30:00Z", "failed"),
                listed("c", "04:00:00-05:00", "cancelled"),  # 09:00:00Z
                listed("d", "2026-07-15T00:30:00.5+14:00", "timeout"),  # 10:30:00.5Z of the 14th
            ]
        ],
        ["a", "b", "c", "d"],
        id="offsets",
    ),
    pytest.param(
        [
            [
                listed("d", "2026-07-15T00:30:00.5+14:00", "timeout"),  # 10:30:00.5Z of the 14th
                listed("e", "10:30:00.6Z", "failed"),
                listed("f", "05:01:00-05:30", "timeout"),  # 10:31:00Z
                listed("g", "10:31:01-00:00", "failed"),
            ]
        ],
        ["d", "e", "f", "g"],
        id="offsets of half an hour and of minus zero",
    ),
]


@rule("1.13", "1.11")
@pytest.mark.parametrize("pages, ids", MERGED_PAGES)
def test_merge_is_in_the_order_of_created_at_and_then_of_the_id(plane, pages, ids):
    serve_pages(plane, pages)

    result = run_cli(*LIST, *JSONL, "--failed", plane=plane)

    assert result.code == 0
    assert result.err == ""
    assert find_ids(result) == ids


#: Copies of one Execution, as the queries for three statuses return it. The times are equal, though not as texts.
PENDING_COPY = listed("b", "09:30:00.50Z", "pending", action="as-pending")
ACK_COPY = listed("b", "11:30:00.5+02:00", "ack", action="as-ack")
STARTED_COPY = listed("b", "09:30:00.5Z", "started", action="as-started")


def serve_moving_executions(plane, pending, ack, started):
    """Answer the queries for these statuses with a and c, which move on from query to query, and with copies of b.

    c was created at the same time as b."""
    plane.script(
        Reply(
            page(
                listed("a", "09:30:00Z", "pending"), *pending, listed("c", "09:30:00.5Z", "pending")
            )
        ),
        Reply(page(listed("a", "09:30:00Z", "ack"), *ack, listed("c", "09:30:00.5Z", "ack"))),
        Reply(
            page(
                listed("a", "09:30:00Z", "started"), *started, listed("c", "09:30:00.5Z", "started")
            )
        ),
    )


when_b_moves_on = pytest.mark.parametrize(
    "pending, ack, started",
    [
        pytest.param([PENDING_COPY], [], [STARTED_COPY], id="pending, then started"),
        pytest.param([PENDING_COPY], [ACK_COPY], [STARTED_COPY], id="pending, ack, then started"),
        pytest.param([], [ACK_COPY], [STARTED_COPY], id="ack, then started"),
    ],
)


@rule("1.13d")
@every_list_format
@when_b_moves_on
def test_execution_that_moves_on_between_queries_is_printed_once(
    plane, pending, ack, started, format
):
    serve_moving_executions(plane, pending, ack, started)

    result = run_cli(*LIST, "--running", "--output", format, plane=plane)

    assert result.code == 0
    assert result.err == ""
    assert find_ids(result, format) == ["a", "b", "c"]


@rule("1.13d")
@pytest.mark.parametrize("format", TABLE_FORMATS + DOCUMENT_FORMATS)
@when_b_moves_on
def test_execution_that_moves_on_is_shown_as_the_latest_query_sent_it(
    plane, pending, ack, started, format
):
    serve_moving_executions(plane, pending, ack, started)

    result = run_cli(*LIST, "--running", "--output", format, plane=plane)

    assert result.code == 0
    assert b"as-started" in result.out
    assert b"as-pending" not in result.out
    assert b"as-ack" not in result.out


# ---- 1.9d: --until ends the query

#: The times on the pages of the server, how many of these pages `--until 2026-07-14T09:30` requests, and the times of
#: the Executions that it prints. A page ends the query if its times ascend, are not all equal, and are all at or after
#: --until (rule 1.9d).
PAGES_AND_REQUESTS = [
    pytest.param(
        [["09:30", "09:40"], ["09:50"], ["09:55"]],
        1,
        [],
        id="the first page lies after it",
    ),
    pytest.param(
        [["09:00", "09:10"], ["09:30", "09:40"], ["09:50"], ["09:20"]],
        2,
        ["09:00", "09:10"],
        id="the second page lies after it",
    ),
    pytest.param(
        [["09:10"], ["09:40", "09:40", "09:50"], ["09:55"]],
        2,
        ["09:10"],
        id="a page whose times are partly equal",
    ),
    pytest.param(
        [["09:10", "09:40"], ["09:50", "09:55"], ["09:56"]],
        2,
        ["09:10"],
        id="a page that only ends after it does not end the query",
    ),
    pytest.param(
        [["09:29", "09:30"], ["09:29", "09:40", "09:50"], ["09:56"]],
        3,
        ["09:29", "09:29"],
        id="two pages that begin before it do not end the query",
    ),
    pytest.param(
        [["09:30", "09:40", "09:35"], ["09:50", "09:55"], ["09:20"]],
        2,
        [],
        id="a page whose last time falls does not end the query",
    ),
    pytest.param(
        [["09:30", "09:40", "09:35"], ["09:50"], ["09:20"]],
        3,
        ["09:20"],
        id="a page of one Execution does not end the query",
    ),
    pytest.param(
        [["09:40", "09:30", "09:50"], ["09:35", "09:36"], ["09:20"]],
        2,
        [],
        id="a page whose second time falls does not end the query",
    ),
    pytest.param(
        [["09:50", "09:40"], ["09:35", "09:30"], ["09:20", "09:10"]],
        3,
        ["09:20", "09:10"],
        id="newest first",
    ),
    pytest.param(
        [["09:40", "09:40"], ["09:40", "09:40", "09:40"], ["09:40", "09:20"]],
        3,
        ["09:20"],
        id="all equal",
    ),
    pytest.param(
        [["09:10"], ["09:50"], ["09:30"]],
        3,
        ["09:10"],
        id="one Execution on each page",
    ),
    pytest.param(
        [[], [], ["09:30", "09:40"], ["09:50"]],
        3,
        [],
        id="empty pages do not end the query",
    ),
    pytest.param(
        [["09:10", "09:20"], ["09:05"], ["09:40", "09:50"], ["09:55"]],
        3,
        ["09:10", "09:20", "09:05"],
        id="times that fall from page to page",
    ),
    pytest.param(
        [["09:00"], ["09:10"], ["09:20"]],
        3,
        ["09:00", "09:10", "09:20"],
        id="all before it",
    ),
]


@rule("1.9d", "1.9")
@pytest.mark.parametrize("format", ["jsonl", "json", "text"])
@pytest.mark.parametrize("pages, requests, printed", PAGES_AND_REQUESTS)
def test_until_ends_the_query_after_a_page_that_lies_after_it(
    plane, pages, requests, printed, format
):
    # The id of each Execution is its time.
    serve_pages(plane, [[listed(time, time + ":00Z") for time in times] for times in pages])

    result = run_cli(*LIST, "--until", "2026-07-14T09:30", "--output", format, plane=plane)

    assert result.code == 0
    assert result.err == ""
    assert find_ids(result, format) == printed
    assert b"next_cursor" not in result.out
    assert len(plane.requests) == requests


@rule("1.9d", "1.11")
@pytest.mark.parametrize(
    "times, requests, ids",
    [
        # A page ends the query if its times ascend, are not all equal, and are all at or after --until (rule 1.9d).
        # Otherwise the second page is requested, which has y.
        pytest.param(
            [
                "09:40:00.5Z",
                "09:40:00.50Z",
                "11:40:00.5+02:00",
                "04:40:00.500-05:00",
                "09:40:00.5+00:00",
            ],
            2,
            ["y"],
            id="goes on: five equal times, whose texts differ",
        ),
        pytest.param(
            ["09:40:00.50Z", "09:40:00.5Z"],
            2,
            ["y"],
            id="goes on: two equal times, whose texts rise",
        ),
        pytest.param(
            [
                "09:40:00.5Z",
                "09:40:00.50Z",
                "11:40:00.5+02:00",
                "04:40:00.500-05:00",
                "09:40:00.51Z",
            ],
            1,
            [],
            id="ends: four equal times, then one that is a hundredth later",
        ),
        pytest.param(
            ["11:40:00+02:00", "09:41:00Z"],
            1,
            [],
            id="ends: times that rise, though their texts fall",
        ),
        pytest.param(
            ["09:40:00.5Z", "09:40:00Z", "09:50:00Z"],
            2,
            ["y"],
            id="goes on: times that fall by half a second, then rise",
        ),
        pytest.param(
            ["11:29:59.9+02:00", "09:50:00Z"],
            2,
            ["x0", "y"],
            id="goes on: a first time before --until, though its text is not",
        ),
    ],
)
def test_until_compares_times_and_not_texts(plane, times, requests, ids):
    first_page = [listed("x%d" % place, created) for place, created in enumerate(times)]
    serve_pages(plane, [first_page, [listed("y", "09:20:00Z")]])

    result = run_cli(*LIST, "--until=2026-07-14T09:30", plane=plane)

    assert result.code == 0
    assert find_ids(result, "text") == ids
    assert len(plane.requests) == requests


# ---- 6.3: a listing with one query fails midway

#: The first page of a walk. Its cursor begins with a hyphen, as some cursors of a real server do.
PAGE_OF_TWO = Reply(page(listed("a", "09:00:00Z"), listed("b", "09:10:00Z"), next_cursor="-c2"))
#: A page that is cut short. It is retried twice, so that three of these make one failure.
CUT_PAGE = Reply(encode(page(listed("x", "09:20:00Z"))), cut=20)
INVALID_CURSOR = Reply({"code": "invalid_cursor"}, 400)
#: The page after PAGE_OF_TWO, with the same cursor once more.
PAGE_IN_A_CIRCLE = Reply(page(listed("c", "09:20:00Z"), next_cursor="-c2"))
#: Its Content-Length is a byte more than the 256 MiB that a page with --limit 1 may have.
PAGE_OVER_256_MIB = Reply(announce=268435457)
#: A Retry-After of more than 30 seconds ends the attempts.
RETRY_LATER = Reply({}, 503, [("Retry-After", "31")])


@rule("6.3", "6.3a")
@pytest.mark.parametrize(
    "flags, answers, code, cursor",
    [
        pytest.param(["--cursor=c7"], [Reply({}, 404)], 1, "c7", id="404"),
        pytest.param(["--cursor", "c7"], [Reply({}, 401)], 3, "c7", id="401"),
        pytest.param(
            ["--cursor", "c" * 5000],
            [Reply({}, 404)],
            1,
            "c" * 5000,
            id="a long cursor, which is not cut",
        ),
        pytest.param(
            ["--cursor=c7", "--status=ack"],
            [DROP, DROP, DROP],
            1,
            "c7",
            id="connection lost three times",
        ),
        pytest.param(["--all", "--cursor", "c7"], [Reply({}, 404)], 1, "c7", id="404 in a walk"),
    ],
)
def test_failure_of_the_first_page_ends_with_the_given_cursor(plane, flags, answers, code, cursor):
    plane.script(*answers)

    result = run_cli(*LIST, *flags, plane=plane)

    assert result.code == code
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert result.err.endswith("\nnext_cursor: %s\n" % cursor)
    assert "next_since" not in result.err
    assert not plane.answers  # all attempts were made


@rule("6.3", "6.3a")
@pytest.mark.parametrize(
    "flags, format, answers, code",
    [
        pytest.param(["--all"], "text", [Reply({}, 404)], 1, id="404"),
        pytest.param(["--all"], "json", [Reply({}, 404)], 1, id="json"),
        pytest.param(["--all"], "jsonl", [Reply({}, 403)], 4, id="403, jsonl"),
        pytest.param(["--all", "--status", "failed"], "text", [Reply({}, 404)], 1, id="one status"),
        pytest.param(
            ["--since", "2026-07-14", "--cursor", "c7"],
            "text",
            [Reply({}, 410)],
            1,
            id="410, from a cursor",
        ),
        pytest.param(
            ["--all"], "text", [CUT_PAGE, CUT_PAGE, CUT_PAGE], 1, id="page cut short three times"
        ),
        pytest.param(["--all"], "text", [RETRY_LATER], 1, id="a long Retry-After"),
        pytest.param(["--all", "--timeout", "1"], "text", [HANG], 1, id="timeout"),
    ],
)
def test_failure_of_a_later_page_keeps_rows_and_ends_with_its_cursor(
    plane, flags, format, answers, code
):
    plane.script(PAGE_OF_TWO, *answers)

    result = run_cli(*LIST, "--output", format, *flags, plane=plane)

    assert result.code == code
    assert find_ids(result, format) == ["a", "b"]
    assert b"next_" not in result.out
    assert len(error_lines(result)) == 1
    assert result.err.endswith("\nnext_cursor: -c2\n")
    assert "next_since" not in result.err
    assert not plane.answers  # all attempts were made


@rule("6.3")
def test_json_of_a_walk_that_fails_is_not_closed_off(plane):
    plane.script(PAGE_OF_TWO, Reply({}, 404))

    result = run_cli(*ALL, "--output", "json", plane=plane)

    assert result.code == 1
    assert find_ids(result, "json") == ["a", "b"]
    with pytest.raises(ValueError):
        json.loads(result.out.decode())


@rule("6.3a", "1.8c")
def test_walk_that_fails_without_a_match_prints_only_the_cursor(plane):
    plane.script(PAGE_OF_TWO, Reply({}, 404))

    # The Executions of the first page have no targets, so they ran on no machine.
    result = run_cli(*LIST, "--node", NODES[1], "--output", "wide", plane=plane)

    assert result.code == 1
    assert find_ids(result, "wide") == []
    assert len(error_lines(result)) == 1
    assert result.err.endswith("\nnext_cursor: -c2\n")


@rule("6.3d")
@pytest.mark.parametrize(
    "answer, word",
    [
        pytest.param(INVALID_CURSOR, "invalid_cursor", id="400"),
        pytest.param(Reply(b"<html>"), "JSON", id="no JSON"),
        pytest.param(Reply({"items": [1]}), "items", id="items of a wrong type"),
        pytest.param(
            Reply(page(listed("a", status=5))), "Execution a: status", id="a status of a wrong type"
        ),
        pytest.param(Reply(announce=(32 << 20) + 1), "32 MiB", id="over 32 MiB"),
    ],
)
def test_failure_of_the_first_page_that_would_recur_names_no_cursor(plane, answer, word):
    plane.script(answer)

    result = run_cli(*LIST, "--cursor=c7", plane=plane)

    assert result.code == 1
    assert find_ids(result, "text") == []
    assert len(error_lines(result)) == 1
    assert word in error_lines(result)[0]
    assert "next_" not in result.err  # a 404 would give next_cursor: c7


@rule("6.3", "6.3d", "1.11", "1.8c")
@pytest.mark.parametrize(
    "flags, answer, ids",
    [
        pytest.param(["--all"], INVALID_CURSOR, ["a", "b"], id="400"),
        pytest.param(["--all"], Reply({"items": [1]}), ["a", "b"], id="items of a wrong type"),
        pytest.param(["--all", "--limit=1"], PAGE_OVER_256_MIB, ["a", "b"], id="too large"),
        pytest.param(["--all"], PAGE_IN_A_CIRCLE, ["a", "b", "c"], id="a repeated cursor"),
        pytest.param(
            ["--since", "2026-07-14"],
            Reply(page(listed("c", "soon"), next_cursor="-c3")),
            ["a", "b"],
            id="created_at is not a time",
        ),
        pytest.param(
            ["--node", NODES[1]],
            Reply(page(listed("c", targets=[1]))),
            [],
            id="targets of a wrong type",
        ),
    ],
)
def test_failure_of_a_later_page_that_would_recur_names_no_cursor(plane, flags, answer, ids):
    plane.script(PAGE_OF_TWO, answer)

    result = run_cli(*LIST, *flags, plane=plane)

    assert result.code == 1
    assert find_ids(result, "text") == ids
    assert len(error_lines(result)) == 1
    assert not plane.answers  # both pages were requested
    assert b"next_" not in result.out
    assert "next_" not in result.err


@rule("6.3d")
@pytest.mark.parametrize(
    "flags",
    [
        pytest.param([], id="a single page"),
        pytest.param(["--cursor="], id="an empty cursor"),
        pytest.param(["--all"], id="a walk"),
    ],
)
def test_failure_of_a_first_page_without_a_cursor_names_none(plane, flags):
    plane.script(Reply({}, 404))

    result = run_cli(*LIST, *flags, plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ["HTTP 404 Not Found"]
    assert "next_" not in result.err  # with --cursor=c7 it would end with next_cursor: c7


@rule("1.10", "6.3d")
@pytest.mark.parametrize(
    "flags, answers",
    [
        pytest.param(["--last", "5"], [PAGE_OF_TWO, Reply({}, 404)], id="at the second page"),
        pytest.param(
            ["--last=5", "--cursor", "c7"], [Reply({}, 404)], id="at the page of --cursor"
        ),
    ],
)
def test_last_that_fails_prints_nothing_and_names_no_cursor(plane, flags, answers):
    plane.script(*answers)

    result = run_cli(*LIST, *flags, plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ["HTTP 404 Not Found"]
    assert "next_" not in result.err  # without --last it would end with next_cursor: -c2, or c7


# ---- 6.3b: a merge fails midway


def script_failing_merge(plane, time_of_b, time_of_c, failure):
    """Script a page of failed Executions, a page of timed-out ones, and a failure of the second page of failed ones.

    The failed Executions are a, created at 09:00:00, b and c, created at these times, and d, created at 09:29:00.
    The program merges a, b and c. It does not merge d, because the next page may contain Executions with the same time.
    a and c ran on NODES[1], for the tests of `--node`."""
    here = [target(node=NODES[1])]
    plane.script(
        Reply(
            page(
                listed("a", "09:00:00Z", targets=here),
                listed("b", time_of_b),
                listed("c", time_of_c, targets=here),
                listed("d", "09:29:00Z"),
                next_cursor="-c2",
            )
        ),
        Reply(page(listed("late", "09:50:00Z", "timeout"))),
        *failure,
    )


@rule("6.3", "6.3b")
@pytest.mark.parametrize(
    "time_of_b, time_of_c, flags, format, failure, code",
    [
        pytest.param("09:28:41Z", "09:28:41Z", [], "text", [Reply({}, 404)], 1, id="404"),
        pytest.param(
            "09:28:41Z", "09:28:41Z", [], "text", [CUT_PAGE] * 3, 1, id="page cut short three times"
        ),
        pytest.param("09:28:41Z", "09:28:41Z", [], "json", [Reply({}, 403)], 4, id="403, json"),
        pytest.param("09:28:41Z", "09:28:41Z", ["--timeout", "1"], "text", [HANG], 1, id="timeout"),
        pytest.param(
            "09:20:00Z",
            "09:28:41Z",
            ["--action-name", "x"],
            "text",
            [RETRY_LATER],
            1,
            id="long Retry-After",
        ),
        pytest.param(
            "09:28:41.5Z",
            "09:28:41.6Z",
            ["--since", "2026-07-14T03:30-05:00"],  # 08:30Z
            "text",
            [Reply({}, 401)],
            3,
            id="401, fractions of one digit, --since",
        ),
        pytest.param(
            "09:28:41.25Z",
            "09:28:41.999999999Z",
            [],
            "jsonl",
            [Reply({}, 404)],
            1,
            id="the fraction is not rounded, jsonl",
        ),
        pytest.param(
            "11:28:41+02:00",
            "2026-07-13T19:28:41.5-14:00",
            [],
            "table",
            [Reply({}, 404)],
            1,
            id="offsets, the second on another day, table",
        ),
    ],
)
def test_merge_that_fails_ends_with_next_since(
    plane, time_of_b, time_of_c, flags, format, failure, code
):
    script_failing_merge(plane, time_of_b, time_of_c, failure)

    result = run_cli(*LIST, *TWO_STATUSES, "--output", format, *flags, plane=plane)

    assert result.code == code
    assert find_ids(result, format) == ["a", "b", "c"]
    assert len(error_lines(result)) == 1
    assert b"next_" not in result.out
    assert result.err.endswith("\nnext_since: 2026-07-14T09:28:41Z\n")
    assert "next_cursor" not in result.err


@rule("6.3b", "1.8c")
@pytest.mark.parametrize(
    "node, ids",
    [
        pytest.param(NODES[1].upper(), ["a", "c"], id="some match"),
        pytest.param(NODES[2], [], id="none matches"),
    ],
)
def test_next_since_of_a_merge_with_node_is_that_of_all_executions(plane, node, ids):
    script_failing_merge(plane, "09:28:41Z", "09:28:41Z", [Reply({}, 404)])

    result = run_cli(*LIST, *TWO_STATUSES, "--node", node, plane=plane)

    assert result.code == 1
    assert error_lines(result) == ["HTTP 404 Not Found"]
    assert find_ids(result, "text") == ids
    assert result.err.endswith("\nnext_since: 2026-07-14T09:28:41Z\n")


@rule("6.3", "6.3d")
@pytest.mark.parametrize(
    "time_of_b, time_of_c",
    [
        # The time of a, the Execution before b, is 09:00:00Z.
        pytest.param("08:59:59Z", "09:28:41Z", id="by a second"),
        pytest.param("08:59:59.99999Z", "09:28:41Z", id="by a fraction"),
        pytest.param("10:59:59+02:00", "09:28:41Z", id="by a second, though the text rises"),
        pytest.param("09:28:41.5Z", "09:28:41.25Z", id="within a second"),
    ],
)
def test_merge_whose_times_have_fallen_names_no_time(plane, time_of_b, time_of_c):
    script_failing_merge(plane, time_of_b, time_of_c, [Reply({}, 404)])

    result = run_cli(*LIST, *TWO_STATUSES, plane=plane)

    assert result.code == 1
    assert error_lines(result) == ["HTTP 404 Not Found"]
    assert find_ids(result, "text") == ["a", "b", "c"]
    assert "next_" not in result.err  # rising times would give next_since: 2026-07-14T09:28:41Z


@rule("6.3d", "1.8c")
def test_merge_whose_times_have_fallen_at_another_node_names_no_time(plane):
    script_failing_merge(plane, "08:59:59Z", "09:28:41Z", [Reply({}, 404)])

    # b, which is older than a, did not run on this machine.
    result = run_cli(*LIST, *TWO_STATUSES, "--node", NODES[1], plane=plane)

    assert result.code == 1
    assert error_lines(result) == ["HTTP 404 Not Found"]
    assert find_ids(result, "text") == ["a", "c"]
    assert "next_" not in result.err  # rising times would give next_since: 2026-07-14T09:28:41Z


@rule("1.10", "6.3d")
def test_merge_with_last_that_fails_prints_nothing_and_names_no_time(plane):
    script_failing_merge(plane, "09:28:41Z", "09:28:41Z", [Reply({}, 404)])

    result = run_cli(*LIST, *TWO_STATUSES, "--last", "5", plane=plane)

    assert result.code == 1
    assert error_lines(result) == ["HTTP 404 Not Found"]
    assert result.out == b""
    assert "next_" not in result.err  # without --last it would be next_since: 2026-07-14T09:28:41Z


@rule("6.3", "6.3d")
@pytest.mark.parametrize(
    "flags, format, failure, ids",
    [
        pytest.param([], "text", INVALID_CURSOR, ["a", "b", "c"], id="400"),
        pytest.param(
            [], "json", Reply({"items": [1]}), ["a", "b", "c"], id="items of a wrong type, json"
        ),
        pytest.param(["--limit", "1"], "text", PAGE_OVER_256_MIB, ["a", "b", "c"], id="too large"),
        # The loop is noticed only after this page, so that d can be merged, too.
        pytest.param([], "text", PAGE_IN_A_CIRCLE, ["a", "b", "c", "d"], id="a repeated cursor"),
    ],
)
def test_failure_of_a_merge_that_would_recur_names_no_time(plane, flags, format, failure, ids):
    script_failing_merge(plane, "09:28:41Z", "09:28:41Z", [failure])

    result = run_cli(*LIST, *TWO_STATUSES, "--output", format, *flags, plane=plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert find_ids(result, format) == ids
    assert b"next_" not in result.out
    assert "next_" not in result.err  # a 404 would give next_since: 2026-07-14T09:28:41Z


@rule("6.3d")
@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([Reply({}, 404)], id="404 for the first status"),
        pytest.param([PAGE_OF_TWO, Reply({}, 404)], id="404 for the second status"),
        pytest.param(
            [PAGE_OF_TWO, CUT_PAGE, CUT_PAGE, CUT_PAGE],
            id="page of the second status cut short three times",
        ),
    ],
)
def test_merge_that_fails_before_its_first_execution_names_no_time(plane, answers):
    plane.script(*answers)

    result = run_cli(*LIST, *TWO_STATUSES, plane=plane)

    assert result.code == 1
    assert len(error_lines(result)) == 1
    assert result.out == b""
    assert "next_" not in result.err
    assert not plane.answers  # all attempts were made


@rule("6.3b", "6.3c")
def test_next_since_resumes_a_merge(plane):
    serve_pages(
        plane,
        [
            [
                listed("a", "09:00:00.25Z"),
                listed("b", "09:00:00.75Z"),
                listed("x", "09:00:01Z", "timeout"),
            ],
            [listed("c", "09:00:00.8Z"), listed("d", "09:00:02Z")],
        ],
        # Request 3, which fails, is for the second page of failed.
        reply=lambda number, body: Reply({}, 404) if number == 3 else Reply(body),
    )

    interrupted = run_cli(*LIST, *TWO_STATUSES, *JSONL, plane=plane)
    resumed = run_cli(*LIST, *TWO_STATUSES, *JSONL, "--since", "2026-07-14T09:00:00Z", plane=plane)

    assert interrupted.code == 1
    # b is held back until the next time is known: the second page may have Executions of its time.
    assert find_ids(interrupted) == ["a"]
    assert interrupted.err.endswith("\nnext_since: 2026-07-14T09:00:00Z\n")
    assert resumed.code == 0
    assert find_ids(resumed) == ["a", "b", "c", "x", "d"]


# ---- 6.4: cursors that form a loop


@rule("6.4", "6.3")
@pytest.mark.parametrize(
    "start, cursors, repeated",
    [
        pytest.param("", ["x", "x"], "x", id="the second page names itself"),
        pytest.param("", ["x", "y", "x"], "x", id="the third page names the second"),
        pytest.param("", ["x", "y", "z", "y"], "y", id="the fourth page names the third"),
        pytest.param("x", ["x"], "x", id="the first page names --cursor"),
        pytest.param("x", ["y", "x"], "x", id="the second page names --cursor"),
        pytest.param("x", ["y", "y"], "y", id="the second page names itself, after --cursor"),
    ],
)
def test_cursor_that_a_walk_has_followed_is_an_error(plane, start, cursors, repeated):
    # Each page has one Execution, whose id is the cursor of the page. What follows the loop would be an empty page.
    serve_pages(plane, [])
    plane.script(*[Reply(page(listed(cursor), next_cursor=cursor)) for cursor in cursors])

    result = run_cli(*ALL, *JSONL, "--cursor=" + start, plane=plane)

    assert result.code == 1
    assert find_ids(result) == cursors
    assert error_lines(result) == ["the server's cursors form a loop: %s was repeated" % repeated]
    assert len(plane.requests) == len(cursors)


# ---- 10.5: the library

UTC = datetime.timezone.utc


class Canned(program.Transport):
    """A Transport that answers each request with the next of its `answers`.

    paths, queries, sizes       what each request asked for: its path, its parameters, its max_bytes
    """

    def __init__(self, *answers):
        super().__init__(program.Server.parse("https://plexsphere.example"), "token")
        self.answers = list(answers)
        self.paths, self.queries, self.sizes = [], [], []

    def get(self, path, parameters, max_bytes=0):
        self.paths.append(path)
        self.queries.append(dict(parameters))
        self.sizes.append(max_bytes)
        return self.answers.pop(0)


@rule("10.5", "10.3a")
def test_get_page_returns_the_page_as_the_server_sent_it():
    sent = {"next_cursor": None, "z": 1, "items": [{"id": 5}], "a": {}}
    transport = Canned(sent)

    found = program.get_page(transport, PROJECT)

    assert found == {"next_cursor": None, "z": 1, "items": [{"id": 5}], "a": {}}
    assert list(found) == ["next_cursor", "z", "items", "a"]
    assert transport.paths == ["/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions"]


@rule("10.5", "3.11", "10.3a")
@pytest.mark.parametrize(
    "parameters, query, max_bytes",
    [
        pytest.param(None, {}, 32 << 20, id="none"),
        pytest.param({"limit": 2}, {"limit": 2}, 32 << 20, id="two Executions"),
        pytest.param({"limit": 1}, {"limit": 1}, 256 << 20, id="one Execution"),
        pytest.param(
            {"limit": "1", "status": "x"},
            {"limit": "1", "status": "x"},
            256 << 20,
            id="the limit is a text",
        ),
    ],
)
def test_get_page_sends_its_parameters_and_limits_the_size(parameters, query, max_bytes):
    transport = Canned(page())

    program.get_page(transport, PROJECT, parameters)

    assert transport.queries == [query]
    assert transport.sizes == [max_bytes]


@rule("10.5", "10.3a")
@pytest.mark.parametrize(
    "project",
    [
        pytest.param(uuid.UUID("019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13"), id="uuid.UUID"),
        pytest.param("{019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13}", id="in braces"),
        pytest.param("019A3F1C-8A52-7D0E-9B96-C2E85D7F6B13", id="upper case"),
    ],
)
def test_get_page_accepts_any_notation_of_the_project(project):
    transport = Canned(page())

    program.get_page(transport, project)

    assert transport.paths == ["/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions"]


@rule("10.5", "3.11", "4.3", "10.3a")
def test_get_execution_returns_the_execution_with_a_list_of_targets():
    transport = Canned({"id": EXECUTION.upper(), "targets": None, "b": 1})

    found = program.get_execution(transport, PROJECT, EXECUTION)

    assert found == {"id": "4D5C2A10-93BE-4E0F-8A57-6F1B2C3D4E5F", "targets": [], "b": 1}
    assert transport.paths == [
        "/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/"  # PROJECT
        "executions/4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"  # EXECUTION
    ]
    assert transport.queries == [{}]
    assert transport.sizes == [256 << 20]


@rule("10.5", "10.3a")
@pytest.mark.parametrize(
    "project, execution_id",
    [
        pytest.param(uuid.UUID(PROJECT), uuid.UUID(EXECUTION), id="uuid.UUID"),
        pytest.param(
            "urn:uuid:" + PROJECT, "4D5C2A1093BE4E0F8A576F1B2C3D4E5F", id="a URN, and 32 digits"
        ),
    ],
)
def test_get_execution_accepts_any_notation_of_the_ids(project, execution_id):
    transport = Canned({"id": EXECUTION, "targets": [{}]})

    found = program.get_execution(transport, project, execution_id)

    assert found == {"id": EXECUTION, "targets": [{}]}
    assert transport.paths == [
        "/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/"  # PROJECT
        "executions/4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"  # EXECUTION
    ]


@rule("10.5", "4.3", "10.3a")
@pytest.mark.parametrize(
    "wire, message",
    [
        pytest.param(
            {"id": EXECUTION}, 'the response is malformed: it has no member "items"', id="no items"
        ),
        pytest.param(
            {"items": {}},
            "the response is malformed: items: expected a list",
            id="items are an object",
        ),
        pytest.param(
            {"items": [{}, 5]},
            "the response is malformed: items: expected a list of objects",
            id="an item is a number",
        ),
        pytest.param(
            {"items": [], "next_cursor": 5},
            "the response is malformed: next_cursor: expected a string",
            id="the cursor is a number",
        ),
    ],
)
def test_get_page_refuses_a_malformed_page(wire, message):
    with pytest.raises(program.UnusableResponse) as caught:
        program.get_page(Canned(wire), PROJECT)

    assert str(caught.value) == message
    assert not caught.value.retryable


@rule("10.5", "4.3", "4.3a", "10.3a")
@pytest.mark.parametrize(
    "wire, message",
    [
        pytest.param(
            {"id": "a1b2c301-0000-4000-8000-000000000001"},
            "the response is malformed: expected Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f, "
            "but its id is a1b2c301-0000-4000-8000-000000000001",
            id="another id",
        ),
        pytest.param(
            {"targets": []}, "the response is malformed: the Execution has no id", id="no id"
        ),
        pytest.param(
            {"id": EXECUTION, "targets": "x"},
            "the response is malformed: targets: expected a list",
            id="targets are a string",
        ),
        pytest.param(
            {"id": EXECUTION, "targets": [None]},
            "the response is malformed: targets: expected a list of objects",
            id="a target is null",
        ),
    ],
)
def test_get_execution_refuses_a_malformed_execution(wire, message):
    with pytest.raises(program.UnusableResponse) as caught:
        program.get_execution(Canned(wire), PROJECT, EXECUTION)

    assert str(caught.value) == message
    assert not caught.value.retryable


def name_all(listing):
    """Return the ids of all Executions of a Listing."""
    return [wire["id"] for wire in listing]


#: Three pages, of two Executions, of none and of one. They follow the cursors None, c2 and c3.
THREE_PAGES = [
    page(listed("a"), listed("b"), next_cursor="c2"),
    page(next_cursor="c3"),
    page(listed("c")),
]


@rule("10.5b", "10.5c")
def test_listing_has_sent_and_counted_nothing_before_its_iteration():
    transport = Canned()

    listing = program.Listing(transport, PROJECT, cursor="c7")

    assert transport.paths == []
    assert listing.page_count == 0
    assert listing.count == 0
    assert listing.next_cursor == "c7"


@rule("10.5b", "10.5c", "10.3a")
def test_counters_of_a_listing_follow_its_pages():
    listing = program.Listing(Canned(*THREE_PAGES), PROJECT)
    seen = []

    for wire in listing:
        seen.append((wire["id"], listing.page_count, listing.count, listing.next_cursor))

    # The id, page_count, count and next_cursor, which is that of the first page that was not yielded completely.
    assert seen == [("a", 1, 2, None), ("b", 1, 2, None), ("c", 3, 3, "c3")]
    assert listing.page_count == 3
    assert listing.count == 3
    assert listing.next_cursor is None


@rule("10.5b", "10.5c", "10.3a")
def test_each_iteration_of_a_listing_starts_again_with_its_counters():
    transport = Canned(*THREE_PAGES, *THREE_PAGES)
    listing = program.Listing(transport, PROJECT)
    name_all(listing)

    second = iter(listing)
    first_of_second = next(second)

    assert first_of_second["id"] == "a"
    assert listing.page_count == 1
    assert listing.count == 2
    assert listing.next_cursor is None
    assert [query["cursor"] for query in transport.queries] == [None, "c2", "c3", None]
    assert [wire["id"] for wire in second] == ["b", "c"]


@rule("10.5b", "10.5c", "10.3a")
def test_iteration_starts_again_after_one_that_was_abandoned():
    transport = Canned(THREE_PAGES[0], *THREE_PAGES)
    listing = program.Listing(transport, PROJECT)
    abandoned = iter(listing)
    next(abandoned)

    ids = name_all(listing)

    assert ids == ["a", "b", "c"]
    assert listing.page_count == 3
    assert listing.count == 3
    assert [query["cursor"] for query in transport.queries] == [None, None, "c2", "c3"]


@rule("10.5b", "10.5c")
def test_second_iteration_that_fails_has_the_cursor_of_its_own_page(plane, transport):
    plane.script(*[Reply(wire) for wire in THREE_PAGES])
    listing = program.Listing(transport, PROJECT)
    abandoned = iter(listing)
    assert [next(abandoned)["id"] for _ in range(3)] == ["a", "b", "c"]
    assert listing.next_cursor == "c3"

    plane.script(Reply({}, 404))
    with pytest.raises(program.APIError):
        name_all(listing)

    assert listing.next_cursor is None  # the first page


@rule("10.5b", "1.8a", "10.3a")
def test_listing_requests_200_executions_per_page():
    transport = Canned(*THREE_PAGES)

    name_all(program.Listing(transport, PROJECT))

    assert [query["limit"] for query in transport.queries] == [200, 200, 200]


@rule("10.5b", "10.5c", "1.8a", "10.3a")
def test_listing_sends_its_filters_and_counts_what_it_drops():
    transport = Canned(
        page(
            listed("a", "09:00:00Z"),
            listed("b", "09:10:00Z"),
            listed("c", "09:29:00Z"),
            next_cursor="c3",
        ),
        page(listed("d", "09:30:00Z"), listed("e", "09:40:00Z"), next_cursor="c4"),
    )
    listing = program.Listing(
        transport,
        PROJECT,
        statuses=["failed"],
        action_name="x",
        since=datetime.datetime(2026, 7, 14, 9, 10, tzinfo=UTC),
        until=datetime.datetime(2026, 7, 14, 9, 30, tzinfo=UTC),
        limit=7,
        cursor="c2",
    )

    ids = name_all(listing)

    assert ids == ["b", "c"]
    assert listing.page_count == 2
    assert listing.count == 5
    # `until` has ended the query, although the second page has a cursor.
    assert listing.next_cursor is None
    assert transport.queries == [
        {"action_name": "x", "limit": 7, "status": "failed", "cursor": "c2"},
        {"action_name": "x", "limit": 7, "status": "failed", "cursor": "c3"},
    ]


@rule("10.5c")
@pytest.mark.parametrize(
    "statuses, answers, page_count, count, next_cursor",
    [
        pytest.param(
            (),
            [PAGE_OF_TWO, CUT_PAGE, CUT_PAGE, CUT_PAGE],
            1,
            2,
            "-c2",
            id="no status, and the second page fails",
        ),
        pytest.param(
            ["x"], [Reply({}, 404)], 0, 0, None, id="one status, and the first page fails"
        ),
        # A status that is given twice makes one query. Its second page names itself as the page after it, which would
        # therefore be requested again.
        pytest.param(
            ["failed", "failed"],
            [PAGE_OF_TWO, PAGE_IN_A_CIRCLE],
            2,
            3,
            "-c2",
            id="one status, given twice, and a cursor is repeated",
        ),
    ],
)
def test_next_cursor_is_that_of_the_page_to_request_again(
    plane, transport, statuses, answers, page_count, count, next_cursor
):
    plane.script(*answers)
    listing = program.Listing(transport, PROJECT, statuses=statuses, limit=None)

    with pytest.raises(program.RemoteError):
        name_all(listing)

    assert listing.page_count == page_count
    assert listing.count == count
    assert listing.next_cursor == next_cursor


@rule("10.5c", "1.13")
@pytest.mark.parametrize(
    "answers, page_count",
    [
        pytest.param([PAGE_OF_TWO, Reply({}, 404)], 1, id="the second query fails"),
        pytest.param(
            [PAGE_OF_TWO, Reply(page()), Reply({}, 404)],
            2,
            id="the second page of the first query fails",
        ),
    ],
)
def test_merge_that_fails_has_counters_but_no_next_cursor(plane, transport, answers, page_count):
    plane.script(*answers)
    listing = program.Listing(transport, PROJECT, statuses=["failed", "x"])

    with pytest.raises(program.RemoteError):
        name_all(listing)

    assert listing.page_count == page_count
    assert listing.count == 2
    assert listing.next_cursor is None


@rule("10.5b", "1.13")
@pytest.mark.parametrize(
    "make_statuses", [list, tuple, set, iter], ids=["list", "tuple", "set", "iterator"]
)
def test_unknown_statuses_are_queried_last_in_alphabetical_order(plane, transport, make_statuses):
    plane.script(Reply(page()), Reply(page()), Reply(page()))
    statuses = make_statuses(["x", "odd", "failed", "x"])

    name_all(program.Listing(transport, PROJECT, statuses=statuses, limit=None))

    assert read_queries(plane) == [{"status": "failed"}, {"status": "odd"}, {"status": "x"}]


@rule("10.5b", "1.11", "1.9", "10.3a")
@pytest.mark.parametrize(
    "since, until",
    [
        pytest.param(
            datetime.datetime(2026, 7, 14, 9, 0, 0, 250000, UTC),
            datetime.datetime(2026, 7, 14, 9, 59, 0, 1, UTC),
            id="UTC",
        ),
        pytest.param(
            datetime.datetime(
                2026, 7, 14, 14, 0, 0, 250000, datetime.timezone(datetime.timedelta(hours=5))
            ),
            datetime.datetime(
                2026, 7, 14, 14, 59, 0, 1, datetime.timezone(datetime.timedelta(hours=5))
            ),
            id="five hours east",
        ),
        pytest.param(
            datetime.datetime(
                2026, 7, 14, 5, 30, 0, 250000, datetime.timezone(datetime.timedelta(hours=-3.5))
            ),
            datetime.datetime(
                2026, 7, 14, 6, 29, 0, 1, datetime.timezone(datetime.timedelta(hours=-3.5))
            ),
            id="three and a half hours west",
        ),
    ],
)
def test_since_and_until_are_moments_with_their_fraction(since, until):
    transport = Canned(
        page(
            listed("before", "09:00:00.2Z"),
            listed("at since", "09:00:00.25Z"),
            listed("between", "11:00:00.3+02:00"),
            listed("a microsecond before until", "09:59:00Z"),
            listed("at until", "09:59:00.000001Z"),
        )
    )

    ids = name_all(program.Listing(transport, PROJECT, since=since, until=until))

    assert ids == ["at since", "between", "a microsecond before until"]


@rule("1.13b", "10.5b", "10.3a")
def test_listing_accepts_a_cursor_with_one_status_given_twice():
    transport = Canned(page(listed("a")))

    ids = name_all(program.Listing(transport, PROJECT, statuses=["a", "a"], cursor="c"))

    assert ids == ["a"]
