"""Listings of several statuses, and what a walk leaves out: nothing that runs is missed, and nothing comes twice."""

import json
import random
from datetime import datetime, timezone
from urllib.parse import parse_qsl

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import (
    EXECUTION,
    LIST,
    error_lines,
    listed,
    page,
    read_listing,
    read_queries,
    rule,
    run_cli,
)
from server import Reply


def read_statuses(result):
    """Return the status of each Execution that `list -o jsonl` printed."""
    return [json.loads(line)["status"] for line in result.out.decode("utf-8").splitlines()]


# ---- 1.13: the order of requests and of rows


@rule("1.13", "1.13a")
def test_running_statuses_are_read_to_their_ends_before_final_ones(plane):
    plane.script(
        Reply(page(listed("p1", "09:00:00Z", "pending"), next_cursor="c2")),
        Reply(page(listed("p2", "09:02:00Z", "pending"))),
        Reply(page(listed("s1", "09:01:00Z", "started"))),
        Reply(page(listed("f1", "09:00:30Z", "failed"), next_cursor="c2")),
        Reply(page(listed("f2", "09:03:00Z", "failed"))),
    )

    result = run_cli(*LIST, "--status", "failed,started,pending", "-o", "jsonl", plane=plane)

    assert result.code == 0
    assert read_queries(plane) == [
        {"limit": "200", "status": "pending"},
        {"limit": "200", "status": "pending", "cursor": "c2"},
        {"limit": "200", "status": "started"},
        {"limit": "200", "status": "failed"},
        {"limit": "200", "status": "failed", "cursor": "c2"},
    ]
    assert read_listing(result, "jsonl")[0] == ["p1", "f1", "s1", "p2", "f2"]


@rule("1.13", "1.13d")
@pytest.mark.parametrize(
    "first, second",
    [
        pytest.param("pending", "started", id="running statuses"),
        pytest.param("failed", "timeout", id="final statuses"),
        pytest.param("started", "failed", id="a running and a final status"),
    ],
)
def test_equal_times_come_once_for_each_id_in_the_order_of_ids(plane, first, second):
    at_once = "09:30:00Z"
    plane.script(
        Reply(
            page(
                listed("c", at_once, first),
                listed("a", at_once, first),
                listed("b", at_once, first),
            )
        ),
        Reply(page(listed("b", at_once, second), listed("c", at_once, second))),
    )

    result = run_cli(*LIST, "--status", first + "," + second, "-o", "jsonl", plane=plane)

    assert result.code == 0
    assert read_listing(result, "jsonl")[0] == ["a", "b", "c"]
    assert read_statuses(result) == [first, second, second]


@rule("1.13e")
def test_execution_that_starts_while_pending_is_read_is_not_missed(plane):
    """On its first page, `pending` still has other Executions. Meanwhile, X goes from pending to started."""
    plane.script(
        Reply(page(listed("w1", "09:00:00Z", "pending"), next_cursor="c2")),
        Reply(page(listed("w2", "09:01:00Z", "pending"))),
        Reply(page()),
        Reply(page(listed("X", "09:02:00Z", "started"))),
    )

    result = run_cli(*LIST, "--running", "-o", "jsonl", plane=plane)

    assert result.code == 0
    assert read_listing(result, "jsonl")[0] == ["w1", "w2", "X"]


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
        begin = int(query.get("cursor", "0"))
        found = [
            number
            for number in range(begin, 20)
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


@rule("1.13c", "1.13d", "1.13e")
@pytest.mark.parametrize("seed", range(25))
def test_nothing_that_runs_throughout_is_missed_or_repeated(plane, transport, seed):
    server = MovingServer(seed)
    plane.answer_to = server.answer_to

    found = list(program.Listing(transport, PROJECT, statuses=program.RUNNING_STATUSES))

    ids = [wire["id"] for wire in found]
    assert ids == sorted(set(ids))
    assert {wire["status"] for wire in found} <= {"pending", "ack", "started"}
    ran_throughout = ["e%02d" % number for number in range(20) if server.has_run_throughout[number]]
    assert [name for name in ran_throughout if name not in ids] == []


@rule("1.13f")
@pytest.mark.parametrize("wrong_id", [None, 5, ["x"]], ids=ascii)
@pytest.mark.parametrize(
    "statuses",
    [
        pytest.param("pending,ack", id="running: read to the end"),
        pytest.param("failed,timeout", id="final: page by page"),
    ],
)
def test_merge_needs_ids_that_are_text(plane, statuses, wrong_id):
    first_status = statuses.split(",")[0]
    plane.script(Reply(page(listed(wrong_id, status=first_status))), Reply(page()))

    result = run_cli(*LIST, "--status", statuses, plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == [
        "the response is malformed: an Execution's id: expected a string"
    ]


@rule("6.3b")
def test_failure_while_running_statuses_are_read_names_no_time(plane):
    plane.script(Reply(page(listed("a", status="pending"))), Reply({}, 404))

    result = run_cli(*LIST, "--running", plane=plane)

    assert result.code == 1
    assert result.out == b""
    assert error_lines(result) == ["HTTP 404 Not Found"]
    assert "next_" not in result.err  # a merge of final statuses would give next_since


# ---- 1.13c: Executions of another status


@rule("1.13c")
@pytest.mark.parametrize("flags", ["--all --status failed", "--last 9 --status failed", "--failed"])
def test_walk_leaves_out_what_a_server_sends_with_another_status(plane, flags):
    """This server ignores the parameter `status`."""
    every = [
        listed(status, status=status) for status in ["pending", "succeeded", "failed", "started"]
    ]
    plane.answer_to = lambda request: Reply(page(*every))

    result = run_cli(*LIST, *flags.split(), "-o", "jsonl", plane=plane)

    assert result.code == 0
    assert read_listing(result, "jsonl")[0] == ["failed"]


@rule("1.13c")
def test_walk_keeps_executions_without_a_known_status(plane):
    plane.script(
        Reply(
            page(
                listed("unknown", status="paused"),
                listed("upper case", status="ACK"),
                listed("null", status=None),
                listed("number", status=5),
                listed("list", status=["ack"]),
            )
        )
    )

    result = run_cli(*LIST, "--all", "--status", "failed", "-o", "jsonl", plane=plane)

    assert result.code == 0
    assert read_listing(result, "jsonl")[0] == ["unknown", "upper case", "null", "number", "list"]


@rule("1.13c")
@pytest.mark.parametrize(
    "flags", ["--status failed", "--all --status paused"], ids=["single page", "unknown status"]
)
def test_single_page_and_unknown_status_are_printed_as_sent(plane, flags):
    plane.script(Reply(page(listed("a", status="ack"), listed("b", status="failed"))))

    result = run_cli(*LIST, *flags.split(), "-o", "jsonl", plane=plane)

    assert result.code == 0
    assert read_listing(result, "jsonl")[0] == ["a", "b"]


@rule("1.13c", "1.9d")
def test_time_of_an_execution_that_is_left_out_still_ends_the_query(plane):
    # a is left out, because its status is ack. The page ends the query only because a and b have
    # two ascending times (1.9d). With b alone, the second page would be requested, and c printed.
    plane.script(
        Reply(
            page(
                listed("a", "09:40:00Z", "ack"),
                listed("b", "09:50:00Z", "failed"),
                next_cursor="c2",
            )
        ),
        Reply(page(listed("c", "09:10:00Z"))),
    )

    result = run_cli(
        *LIST, "--status=failed", "--until=2026-07-14T09:30", "-o", "jsonl", plane=plane
    )

    assert result.code == 0
    assert result.out == b""
    assert len(plane.requests) == 1


@rule("1.13c")
def test_malformed_created_at_of_an_execution_that_is_left_out_is_reported(plane):
    plane.script(Reply(page(listed(EXECUTION, "soon", "ack"))))

    result = run_cli(*LIST, "--status=failed", "--since=2026-07-14T09:30", plane=plane)

    assert result.code == 1
    assert error_lines(result) == [
        "the response is malformed: Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f: created_at: "
        "expected a time such as 2026-11-24T09:30:00Z"
    ]


# ---- 10.5c: where a failed merge can be resumed


def read_until_it_fails(listing):
    """Iterate over a listing, and return the ids before its failure."""
    ids = []
    try:
        for wire in listing:
            ids.append(wire["id"])
    except program.RemoteError:
        return ids
    raise AssertionError("it did not fail")


@rule("10.5c", "6.3b")
def test_next_since_resumes_a_merge_that_failed(plane, transport):
    failed = Reply(
        page(
            listed("a", "09:00:00.25Z"),
            listed("b", "09:00:01Z"),
            listed("c", "09:30:00Z"),
            next_cursor="2",
        )
    )
    plane.script(failed, Reply(page()), Reply({}, 404))
    listing = program.Listing(transport, PROJECT, statuses=["failed", "timeout"])
    assert listing.next_since is None

    # `c` may still be followed by an Execution with the same time, so it is not merged yet.
    assert read_until_it_fails(listing) == ["a", "b"]
    assert listing.next_since == datetime(2026, 7, 14, 9, 0, 1, tzinfo=timezone.utc)

    plane.script(Reply(failed.pieces[0]), Reply(page()), Reply(page()))
    again = program.Listing(
        transport, PROJECT, statuses=["failed", "timeout"], since=listing.next_since
    )
    assert [wire["id"] for wire in again] == ["b", "c"]
    assert again.next_since is None  # after the last


@rule("10.5c")
@pytest.mark.parametrize(
    "statuses, first, second",
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
def test_next_since_is_none_if_it_would_not_resume(plane, transport, statuses, first, second):
    plane.script(
        Reply(
            page(
                listed("a", first),
                listed("b", second),
                listed("c", "2027-01-01T00:00:00Z"),
                next_cursor="2",
            )
        )
    )
    plane.answer_to = (
        lambda request: Reply(page()) if "timeout" in request.target else Reply({}, 404)
    )
    listing = program.Listing(transport, PROJECT, statuses=statuses)

    assert read_until_it_fails(listing)[:2] == ["a", "b"]
    assert listing.next_since is None


@rule("10.5b", "10.5c")
def test_second_iteration_of_a_merge_forgets_that_times_had_fallen(plane, transport):
    first = page(listed("a", "09:10:00Z"), listed("b", "09:00:00Z"))
    second = page(
        listed("b", "09:00:00Z"),
        listed("a", "09:10:00Z"),
        listed("c", "09:30:00Z"),
        next_cursor="2",
    )
    plane.script(Reply(first), Reply(page()), Reply(second), Reply(page()), Reply({}, 404))
    listing = program.Listing(transport, PROJECT, statuses=["failed", "timeout"])
    list(listing)

    assert read_until_it_fails(listing) == ["b", "a"]
    assert listing.next_since == datetime(2026, 7, 14, 9, 10, tzinfo=timezone.utc)


@rule("10.5b", "10.5c")
def test_second_iteration_of_a_merge_forgets_the_time_of_one_that_was_abandoned(plane, transport):
    times = ["09:00:00Z", "09:10:00Z", "09:20:00Z"]
    plane.script(Reply(page(*[listed("a", time) for time in times])), Reply(page()))
    listing = program.Listing(transport, PROJECT, statuses=["failed", "timeout"])
    abandoned = iter(listing)
    next(abandoned)
    assert listing.next_since == datetime(2026, 7, 14, 9, tzinfo=timezone.utc)

    # The second iteration fails before its first Execution. To go on at 9:00 would miss what came before.
    plane.script(Reply({}, 404))

    assert read_until_it_fails(listing) == []
    assert listing.next_since is None


@rule("1.13b")
def test_empty_cursor_may_be_given_with_several_statuses(plane):
    plane.answer_to = lambda request: Reply(page())

    result = run_cli(*LIST, "--failed", "--cursor", "", plane=plane)

    assert result.code == 0
    assert [query["status"] for query in read_queries(plane)] == ["failed", "cancelled", "timeout"]
