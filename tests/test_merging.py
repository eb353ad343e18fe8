"""Listings of several statuses, and Executions that a listing leaves out.

A listing of several statuses is a merge: there is a query for each status.
"""

import json
import random
from datetime import datetime, timezone
from urllib.parse import parse_qsl

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import (
    EXECUTION,
    NODES,
    error_lines,
    find_ids,
    listed,
    make_pages,
    page,
    read_queries,
    run_line,
    serve_pages,
    table,
    target,
)
from server import HANG, Reply


def make_linked_pages(text):
    """Return pages of Executions, as make_pages reads them. A page that ends with `+` has the next_cursor c2."""
    pages = [(one_page.strip(" +"), "+" in one_page.split()) for one_page in text.split(" / ")]
    return [page(*make_pages(words)[0], next_cursor="c2" * has_next) for words, has_next in pages]


def read_statuses(result):
    """Return the status of each Execution that `list -o jsonl` printed."""
    return [json.loads(line)["status"] for line in result.out.decode("utf-8").splitlines()]


# ---- the order of requests and of rows


def test_running_statuses_are_read_to_their_ends_before_final_ones(plane):
    # Two pages of pending, one of started, and two of failed: `+` says that another page follows.
    answers = make_linked_pages(
        "p1@09:00:00Z=pending + / p2@09:02:00Z=pending / s1@09:01:00Z=started / "
        "f1@09:00:30Z=failed + / f2@09:03:00Z=failed"
    )

    result = run_line("list --status failed,started,pending -o jsonl", plane, *answers)

    assert result.code == 0
    assert read_queries(plane) == [
        {"limit": "200", "status": "pending"},
        {"limit": "200", "status": "pending", "cursor": "c2"},
        {"limit": "200", "status": "started"},
        {"limit": "200", "status": "failed"},
        {"limit": "200", "status": "failed", "cursor": "c2"},
    ]
    assert find_ids(result) == ["p1", "f1", "s1", "p2", "f2"]  # in the order of their times


# fmt: off
@table("""
    pages | ids
    # An Execution is ID@TIME=STATUS. Without a status, it has failed. The pages of each status are in order already.
    a@09:00:00Z b@09:01:00Z=timeout / c@09:02:00Z=timeout d@09:03:00Z=cancelled / e@09:03:30Z | a b c d e
    # If times are equal, even if their texts differ, the ids decide.
    a@09:00:00Z=timeout b@09:00:00Z c@09:00:00Z=cancelled                                     | a b c
    a@09:00:00.50Z=timeout b@09:00:00.5Z c@09:00:00.500Z=cancelled / d@09:00:01.000Z=timeout e@09:00:01Z | a b c d e
    # Times are compared with all digits of their fractions,
    z@09:00:00Z=timeout c@09:00:00.09999Z=timeout b@09:00:00.1Z d@09:00:00.12Z=timeout        | z c b d
    d@09:00:00.123456788Z=timeout a@09:00:00.123456789Z e@09:00:01Z=timeout                   | d a e
    # and as instants: 8:00, 8:30, 9:00 and 10:30:00.5 in UTC, and then 10:30:00.6, 10:31:00 and 10:31:01.
    a@10:00:00+02:00=timeout b@08:30:00Z c@04:00:00-05:00=cancelled d@2026-07-15T00:30:00.5+14:00=timeout | a b c d
    d@2026-07-15T00:30:00.5+14:00=timeout e@10:30:00.6Z f@05:01:00-05:30=timeout g@10:31:01-00:00 | d e f g
""")
# fmt: on
def test_merge_is_in_the_order_of_created_at_and_then_of_the_id(plane, pages, ids):
    serve_pages(plane, make_pages(pages))

    result = run_line("list --failed -o jsonl", plane)

    assert (result.code, result.err) == (0, "")
    assert find_ids(result) == ids.split()


@table("""
    statuses        | printed_statuses
    # running statuses, final ones, and both
    pending,started | pending started started
    failed,timeout  | failed timeout timeout
    started,failed  | started failed failed
""")
def test_executions_of_the_same_time_come_once_in_the_order_of_ids(
    plane, statuses, printed_statuses
):
    first, second = statuses.split(",")
    # The second query finds b and c again, with the second status, which is then printed.
    answers = [
        page(*[listed(name, "09:30:00Z", first) for name in "cab"]),  # not in the order of ids
        page(*[listed(name, "09:30:00Z", second) for name in "bc"]),
    ]

    result = run_line("list -o jsonl --status " + statuses, plane, *answers)

    assert result.code == 0
    assert find_ids(result) == ["a", "b", "c"]
    assert read_statuses(result) == printed_statuses.split()


@table("""
    copies_of_b
    # b in the answers for pending, ack and started. It always has the same time, differently written.
    b@09:30:00.50Z=pending /                        / b@09:30:00.5Z=started
    b@09:30:00.50Z=pending / b@11:30:00.5+02:00=ack / b@09:30:00.5Z=started
    / b@11:30:00.5+02:00=ack / b@09:30:00.5Z=started
""")
def test_execution_that_moves_on_between_queries_comes_once_as_it_was_last(plane, copies_of_b):
    # a and c move on from query to query, too.
    answers = [
        page(listed("a", "09:30:00Z", status), *copies, listed("c", "09:30:00.5Z", status))
        for status, copies in zip(["pending", "ack", "started"], make_pages(copies_of_b))
    ]

    result = run_line("list --running -o jsonl", plane, *answers)

    assert (result.code, result.err) == (0, "")
    assert find_ids(result) == ["a", "b", "c"]
    assert read_statuses(result) == ["started", "started", "started"]


def test_execution_that_starts_while_pending_is_read_is_not_missed(plane):
    # Between the two pages of pending, X goes from pending to started. Nothing is ack, and only the last query finds X.
    # `+` says that another page follows.
    answers = make_linked_pages("w1@09:00:00Z=pending + / w2@09:01:00Z=pending /  / X@09:02:00Z=started")

    result = run_line("list --running -o jsonl", plane, *answers)

    assert result.code == 0
    assert find_ids(result) == ["w1", "w2", "X"]


class MovingServer:
    """Answers with pages of two Executions, some of which move on to their next status between two requests.

    As in the API, a cursor is a position in the order of creation, and the statuses of an Execution only advance."""

    LIFE = ["pending", "ack", "started", "succeeded"]

    def __init__(self, seed):
        self.random = random.Random(seed)
        # The place of each status in LIFE.
        self.steps = [self.random.choice([0, 0, 1, 2, 3]) for _ in range(20)]
        self.has_run_throughout = [step < 3 for step in self.steps]

    def answer_to(self, request):
        query = dict(parse_qsl(request.target.partition("?")[2]))
        position = int(query.get("cursor", "0"))
        found = [
            number
            for number in range(position, 20)
            if self.LIFE[self.steps[number]] == query["status"]
        ]
        items = []
        for number in found[:2]:
            self.advance_some()  # between filtering and sending, too
            items.append(
                listed(
                    "e%02d" % number, "09:%02d:00Z" % (number // 2), self.LIFE[self.steps[number]]
                )
            )
        self.advance_some()
        return Reply(page(*items, next_cursor=str(found[1] + 1) if len(found) > 2 else None))

    def advance_some(self):
        for number in range(20):
            if self.random.random() < 0.02 and self.steps[number] < 3:
                self.steps[number] += 1
                self.has_run_throughout[number] = self.steps[number] < 3


@pytest.mark.parametrize("seed", range(25))
def test_nothing_that_runs_throughout_is_missed_or_repeated(plane, transport, seed):
    # The program reads all pages of pending, then those of ack, then those of started. In another order, it would miss
    # an Execution that moves on to a status that was read before.
    server = MovingServer(seed)
    plane.answer_to = server.answer_to

    found = list(program.Listing(transport, PROJECT, statuses=program.RUNNING_STATUSES))

    ids = [wire["id"] for wire in found]
    assert ids == sorted(set(ids))  # none is repeated, and the oldest are first
    assert {wire["status"] for wire in found} <= {"pending", "ack", "started"}
    ran_throughout = ["e%02d" % number for number in range(20) if server.has_run_throughout[number]]
    assert [name for name in ran_throughout if name not in ids] == []


@pytest.mark.parametrize("wrong_id", [None, 5, ["x"]], ids=ascii)
@pytest.mark.parametrize("statuses", ["pending,ack", "failed,timeout"], ids=["running", "final"])
def test_merge_needs_ids_that_are_text(plane, statuses, wrong_id):
    # Without a status, neither query leaves it out.
    plane.answer_to = lambda request: Reply(page(listed(wrong_id, status=None)))

    result = run_line("list --status " + statuses, plane)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == [
        "the response is malformed: an Execution's id: expected a string"
    ]
    # A single status is no merge, and jsonl prints any id.
    single = run_line("list -o jsonl --status " + statuses.split(",")[0], plane)
    assert (single.code, len(single.out.splitlines())) == (0, 1)


def test_empty_cursor_counts_as_none_with_several_statuses(plane):
    serve_pages(plane, [])  # Each query finds nothing.

    result = run_line("list --failed --cursor ''", plane)

    assert result.code == 0
    queries = read_queries(plane)
    assert [query["status"] for query in queries] == ["failed", "cancelled", "timeout"]
    assert [query for query in queries if "cursor" in query] == []


# ---- Executions of another status


@table("""
    flags                       | printed
    # This server ignores the parameter `status`. All pages are read:
    --all --status failed       | failed
    --last 9 --status failed    | failed
    --failed                    | failed
    # A single page is printed as it was sent, and so is every page for a status that is none of the seven.
    --status failed             | pending succeeded failed started
    --all --status paused       | pending succeeded failed started
""")
def test_listing_of_all_pages_leaves_out_what_has_another_known_status(plane, flags, printed):
    # The id of each Execution is its status.
    every = [
        listed(status, status=status) for status in ["pending", "succeeded", "failed", "started"]
    ]
    plane.answer_to = lambda request: Reply(page(*every))

    result = run_line("list -o jsonl " + flags, plane)

    assert result.code == 0
    assert find_ids(result) == printed.split()


def test_listing_of_all_pages_keeps_executions_without_a_known_status(plane):
    statuses = ["paused", "ACK", None, 5, ["ack"]]
    answer = page(*[listed(str(status), status=status) for status in statuses])

    result = run_line("list --all --status failed -o jsonl", plane, answer)

    assert result.code == 0
    assert find_ids(result) == ["paused", "ACK", "None", "5", "['ack']"]


def test_time_of_an_execution_that_is_left_out_still_ends_the_query(plane):
    # a is left out, because its status is ack. The page ends the query only because a and b have two ascending times.
    # With b alone, the second page would be requested, which `+` announces.
    answers = make_linked_pages("a@09:40:00Z=ack b@09:50:00Z +")

    result = run_line("list --status=failed --until=2026-07-14T09:30 -o jsonl", plane, *answers)

    assert (result.code, result.out) == (0, b"")
    assert len(plane.requests) == 1


def test_malformed_created_at_of_an_execution_that_is_left_out_is_reported(plane):
    answer = page(listed(EXECUTION, "soon", "ack"))

    result = run_line("list --status=failed --since=2026-07-14T09:30", plane, answer)

    assert result.code == 1
    assert error_lines(result) == [
        "the response is malformed: Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f: created_at: "
        "expected a time such as 2026-11-24T09:30:00Z"
    ]


# ---- a merge fails midway

FAILURES = {
    "404": Reply({}, 404),
    "hang": HANG,
    "rejected": Reply({"code": "invalid_cursor"}, 400),
    "items": Reply({"items": [1]}),  # malformed
    "256MiB": Reply(announce=268435457),  # a byte more than a page of one Execution may have
    "circle": Reply(page(listed("e", "09:30:00Z"), next_cursor="c2")),  # its own cursor
}


@table("""
    time_of_b       | time_of_c                   | flags        | failure  | printed | last_line
    # a was created at 9:00. The last line has the time of c, here 9:28:41, in UTC and without a fraction.
    09:28:41Z       | 09:28:41Z                   |              | 404      | a b c   | next_since: 2026-07-14T09:28:41Z
    09:28:41.25Z    | 09:28:41.999999999Z         |              | 404      | a b c   | next_since: 2026-07-14T09:28:41Z
    11:28:41+02:00  | 2026-07-13T19:28:41.5-14:00 |              | 404      | a b c   | next_since: 2026-07-14T09:28:41Z
    09:28:41Z       | 09:28:41Z                   | --timeout 1  | hang     | a b c   | next_since: 2026-07-14T09:28:41Z
    # A filter that drops all of them does not change the time.
    09:28:41Z       | 09:28:41Z                   | --updated-since 2030-01-01 | 404 || next_since: 2026-07-14T09:28:41Z
    # There is no such line if a time has fallen: b is before a (in the third row, its text is not), or c is before b,
    08:59:59Z       | 09:28:41Z                   |              | 404      | a b c   |
    08:59:59.99999Z | 09:28:41Z                   |              | 404      | a b c   |
    10:59:59+02:00  | 09:28:41Z                   |              | 404      | a b c   |
    09:28:41.5Z     | 09:28:41.25Z                |              | 404      | a b c   |
    # even if a filter drops them,
    08:59:59Z       | 09:28:41Z                   | --updated-since 2030-01-01 | 404 | |
    # with --last, which prints nothing,
    09:28:41Z       | 09:28:41Z                   | --last 5     | 404      |         |
    # or after a failure that would recur. The loop is noticed only after its page, so that d is merged, too.
    09:28:41Z       | 09:28:41Z                   |              | rejected | a b c   |
    09:28:41Z       | 09:28:41Z                   |              | items    | a b c   |
    09:28:41Z       | 09:28:41Z                   | --limit 1    | 256MiB   | a b c   |
    09:28:41Z       | 09:28:41Z                   |              | circle   | a b c d |
""")
def test_merge_that_fails_keeps_its_rows_and_says_since_when_to_resume_if_that_may_help(
    plane, time_of_b, time_of_c, flags, failure, printed, last_line
):
    """The second page of the failed Executions fails. d is held back, because that page may have others of its time."""
    here = [target(node=NODES[0])]
    first = page(
        listed("a", "09:00:00Z", targets=here),
        listed("b", time_of_b),
        listed("c", time_of_c, targets=here),
        listed("d", "09:29:00Z"),
        next_cursor="c2",
    )
    timed_out = page(listed("late", "09:50:00Z", "timeout"))

    line = "list -o jsonl --status failed,timeout " + flags
    result = run_line(line, plane, first, timed_out, FAILURES[failure])

    assert result.code == 1
    assert find_ids(result) == printed.split()
    assert len(error_lines(result)) == 1
    found = [line for line in result.err.splitlines() if line.startswith("next_")]
    assert found == ([last_line] if last_line else [])
    assert not last_line or result.err.endswith("\n%s\n" % last_line)


@table("""
    flags                   | good_pages
    # The first query fails, the second one, and the second page of a running status, which is read to its end first.
    --status failed,timeout | 0
    --status failed,timeout | 1
    --running               | 1
""")
def test_merge_that_fails_before_its_first_execution_names_no_time(plane, flags, good_pages):
    # Without a status, no query leaves it out. Only the page of --running has a cursor.
    answer = page(listed("a", status=None), next_cursor="c2" * ("running" in flags))

    result = run_line("list " + flags, plane, *[answer] * int(good_pages), Reply({}, 404))

    assert (result.code, result.out) == (1, b"")
    assert error_lines(result) == ["HTTP 404 Not Found"]
    assert "next_" not in result.err


# ---- the library: where a failed merge can be resumed


def read_until_it_fails(listing):
    """Iterate over a listing, and return the ids before its failure."""
    ids = []
    try:
        for wire in listing:
            ids.append(wire["id"])
    except program.RemoteError:
        return ids
    raise AssertionError("it did not fail")


def test_next_since_resumes_a_merge_that_failed(plane, transport):
    failed = Reply(
        page(
            listed("a", "09:00:00.25Z"),
            listed("b", "09:00:01Z"),
            listed("c", "09:30:00Z"),
            next_cursor="2",
        )
    )
    # The first page of each status, and the second page of `failed`.
    plane.script(failed, Reply(page()), Reply({}, 404))
    listing = program.Listing(transport, PROJECT, statuses=["failed", "timeout"])
    assert listing.next_since is None

    # `c` may still be followed by an Execution with the same time, so it is not merged yet.
    assert read_until_it_fails(listing) == ["a", "b"]
    assert listing.next_since == datetime(2026, 7, 14, 9, 0, 1, tzinfo=timezone.utc)

    plane.script(failed, Reply(page()), Reply(page()))
    again = program.Listing(
        transport, PROJECT, statuses=["failed", "timeout"], since=listing.next_since
    )
    assert [wire["id"] for wire in again] == ["b", "c"]
    assert again.next_since is None  # this one has not failed


@pytest.mark.parametrize(
    "statuses, time_of_a, time_of_b",
    [
        pytest.param(["failed"], "09:00:00Z", "09:10:00Z", id="single query"),
        pytest.param(["failed", "timeout"], "09:10:00Z", "09:00:00Z", id="times have fallen"),
        pytest.param(
            ["failed", "timeout"],
            "2026-13-45T09:00:00Z",
            "2026-13-45T09:00:01Z",
            id="times are no dates",
        ),
    ],
)
def test_next_since_is_none_with_a_single_query_or_unusable_times(
    plane, transport, statuses, time_of_a, time_of_b
):
    first_page = page(
        listed("a", time_of_a),
        listed("b", time_of_b),
        listed("c", "2027-01-01T00:00:00Z"),  # the latest, so that a merge yields a and b
        next_cursor="2",
    )
    plane.script(Reply(first_page))
    # No Execution has the status timeout. The second page of `failed` fails.
    plane.answer_to = (
        lambda request: Reply(page()) if "timeout" in request.target else Reply({}, 404)
    )
    listing = program.Listing(transport, PROJECT, statuses=statuses)

    assert read_until_it_fails(listing)[:2] == ["a", "b"]
    assert listing.next_since is None


def test_second_iteration_of_a_merge_forgets_that_times_had_fallen(plane, transport):
    first = page(listed("a", "09:10:00Z"), listed("b", "09:00:00Z"))
    second = page(
        listed("b", "09:00:00Z"),
        listed("a", "09:10:00Z"),
        listed("c", "09:30:00Z"),
        next_cursor="2",
    )
    # Each iteration begins with a page of `failed`, and one of `timeout`. The second one fails after that.
    plane.script(Reply(first), Reply(page()), Reply(second), Reply(page()), Reply({}, 404))
    listing = program.Listing(transport, PROJECT, statuses=["failed", "timeout"])
    list(listing)

    assert read_until_it_fails(listing) == ["b", "a"]
    assert listing.next_since == datetime(2026, 7, 14, 9, 10, tzinfo=timezone.utc)


def test_second_iteration_of_a_merge_forgets_the_time_of_one_that_was_abandoned(plane, transport):
    plane.script(Reply(page(listed("a", "09:00:00Z"), listed("b", "09:10:00Z"))), Reply(page()))
    listing = program.Listing(transport, PROJECT, statuses=["failed", "timeout"])
    abandoned = iter(listing)
    assert next(abandoned)["id"] == "a"
    assert listing.next_since == datetime(2026, 7, 14, 9, tzinfo=timezone.utc)

    plane.script(Reply({}, 404))  # The second iteration fails before its first Execution.

    assert read_until_it_fails(listing) == []
    assert listing.next_since is None
