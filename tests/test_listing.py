"""Listings of more than one page: --until, failures midway, cursors that form a loop, and Listing as a library.

Several statuses are in test_merging.py. In the tables, a word stands for an answer of the server:

    two               the first page: Executions a and b of 9:00 and 9:10, and the cursor -c2
    circle            a page with the Execution c and the cursor -c2, once more
    404, 503:31       an empty object with this HTTP status; with a Retry-After of 31 seconds
    rejected          400 with the code invalid_cursor
    cut               a page that is cut short
    drop, hang        a connection that ends, or falls silent, before the answer
    html, empty       no JSON; a page without Executions
    bare400           400 with HTML
    items, targets    a page in which this is malformed
    soon              a page with the Execution c, which was created "soon"
    32MiB, 256MiB     a page that announces a byte more than this
"""

import datetime
import json
import uuid

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import (
    EXECUTION,
    error_lines,
    find_ids,
    listed,
    make_pages,
    page,
    read_queries,
    run_line,
    serve_pages,
    table,
)
from server import DROP, HANG, Reply

TWO = page(listed("a", "09:00:00Z"), listed("b", "09:10:00Z"), next_cursor="-c2")
ANSWERS = {
    "two": Reply(TWO),
    "circle": Reply(page(listed("c", "09:20:00Z"), next_cursor="-c2")),
    "rejected": Reply({"code": "invalid_cursor"}, 400),
    "cut": Reply(page(listed("c", "09:20:00Z")), cut=20),
    "drop": DROP,
    "hang": HANG,
    "html": Reply(b"<html>"),
    "bare400": Reply(b"<html>", 400),
    "empty": Reply(page()),
    "items": Reply({"items": [1]}),
    "soon": Reply(page(listed("c", "soon"), next_cursor="-c3")),
    "targets": Reply(page(listed("c", targets=[1]))),
    "32MiB": Reply(announce=33554433),
    "256MiB": Reply(announce=268435457),
}


def make_answer(word):
    """Return the answer that a word stands for."""
    if word in ANSWERS:
        return ANSWERS[word]
    status, *retry_after = word.split(":")
    return Reply({}, int(status), [("Retry-After", seconds) for seconds in retry_after])


def make_answers(words):
    """Return the answers that these words stand for."""
    return [make_answer(word) for word in words.split()]


# ---- --until ends the listing


@table("""
    pages                                           | requests | printed
    # Each time is an Execution that was created then; `/` ends a page. The first page after 9:30 ends the listing: one
    # whose times ascend, are not all equal, and are all at or after 9:30.
    9:30 9:40 / 9:50 / 9:55                         | 1 |
    9:00 9:10 / 9:30 9:40 / 9:50 / 9:20             | 2 | 9:00 9:10
    9:10 / 9:40 9:40 9:50 / 9:55                    | 2 | 9:10
    # A page does not end the listing if its first time is earlier,
    9:10 9:40 / 9:50 9:55 / 9:56                    | 2 | 9:10
    9:29 9:30 / 9:29 9:40 9:50 / 9:56               | 3 | 9:29 9:29
    # if a time falls,
    9:30 9:40 9:35 / 9:50 9:55 / 9:20               | 2 |
    9:30 9:40 9:35 / 9:50 / 9:20                    | 3 | 9:20
    9:40 9:30 9:50 / 9:35 9:36 / 9:20               | 2 |
    9:50 9:40 / 9:35 9:30 / 9:20 9:10               | 3 | 9:20 9:10
    # if its times are equal, or if it has fewer than two.
    9:40 9:40 / 9:40 9:40 9:40 / 9:40 9:20          | 3 | 9:20
    9:10 / 9:50 / 9:30                              | 3 | 9:10
    / / 9:30 9:40 / 9:50                            | 3 |
    # Other pages do not matter.
    9:10 9:20 / 9:05 / 9:40 9:50 / 9:55             | 3 | 9:10 9:20 9:05
    9:00 / 9:10 / 9:20                              | 3 | 9:00 9:10 9:20
""")
@pytest.mark.parametrize("format", ["-o jsonl", "-o json"])
def test_until_ends_the_listing_after_a_page_of_later_times(
    plane, pages, requests, printed, format
):
    # The id of each Execution is its time.
    times = [one_page.split() for one_page in pages.split("/")]
    serve_pages(plane, [[listed(time, "0%s:00Z" % time) for time in page] for page in times])

    result = run_line("list --until 2026-07-14T09:30 " + format, plane)

    assert (result.code, result.err) == (0, "")
    assert find_ids(result) == printed.split()
    assert b"next_cursor" not in result.out
    assert len(plane.requests) == int(requests)


@table("""
    first_page                                                              | printed
    # a@09:40:00.5Z is an Execution, its id and its time of creation on 2026-07-14.
    # Equal times do not show the order of the server: the second page is requested, which has y.
    a@09:40:00.5Z b@09:40:00.50Z c@11:40:00.5+02:00 d@04:40:00.500-05:00    | y
    a@09:40:00.50Z b@09:40:00.5Z                                            | y
    # The last time is later than the equal ones before it: the listing ends.
    a@09:40:00.5Z b@09:40:00.50Z c@11:40:00.5+02:00 d@09:40:00.51Z          |
    # The times rise (9:40, 9:41), though their texts fall.
    a@11:40:00+02:00 b@09:41:00Z                                            |
    # The first two times fall, although the last one rises.
    a@09:40:00.5Z b@09:40:00Z c@09:50:00Z                                   | y
    # The first time is earlier than 9:30, though its text is not.
    a@11:29:59.9+02:00 b@09:50:00Z                                          | a y
""")
def test_until_compares_times_and_not_texts(plane, first_page, printed):
    serve_pages(plane, make_pages(first_page + " / y@09:20:00Z"))

    result = run_line("list --until=2026-07-14T09:30 -o jsonl", plane)

    assert result.code == 0
    assert find_ids(result) == printed.split()


# ---- a listing fails midway


@table("""
    flags                           | answers          | code | printed | last_line
    # The words of `answers` are explained at the top of this file: `two` is a page with a, b and the cursor -c2.
    # The first page fails, whose cursor was typed. A lost connection is retried twice.
    --cursor=c7                     | 404              | 1    |         | next_cursor: c7
    --cursor=c7                     | 401              | 3    |         | next_cursor: c7
    --cursor=c7 --status=ack        | drop drop drop   | 1    |         | next_cursor: c7
    --cursor=c7 --all               | 404              | 1    |         | next_cursor: c7
    # The second page fails. What was printed remains.
    --all                           | two 404          | 1    | a b     | next_cursor: -c2
    --all                           | two 403          | 4    | a b     | next_cursor: -c2
    --all --status failed           | two 404          | 1    | a b     | next_cursor: -c2
    --since 2026-07-14 --cursor c7  | two 410          | 1    | a b     | next_cursor: -c2
    --all                           | two cut cut cut  | 1    | a b     | next_cursor: -c2
    --all                           | two 503:31       | 1    | a b     | next_cursor: -c2
    --all                           | two html html html | 1  | a b     | next_cursor: -c2
    --all                           | two bare400      | 1    | a b     | next_cursor: -c2
    --all --timeout 1               | two hang         | 1    | a b     | next_cursor: -c2
    # a and b were updated before.
    --updated-since 2030-01-01      | two 404          | 1    |         | next_cursor: -c2
    # There is no such line on a first page without a cursor,
                                    | 404              | 1    |         |
    --cursor=                       | 404              | 1    |         |
    --all                           | 404              | 1    |         |
    # with --last, which prints nothing,
    --last 5                        | two 404          | 1    |         |
    --last 5 --cursor c7            | 404              | 1    |         |
    # or after a failure that would recur.
    --cursor=c7                     | rejected         | 1    |         |
    --cursor=c7                     | html             | 1    |         |
    --cursor=c7                     | items            | 1    |         |
    --cursor=c7                     | 32MiB            | 1    |         |
    --all                           | two rejected     | 1    | a b     |
    --all                           | two items        | 1    | a b     |
    --all                           | two circle       | 1    | a b c   |
    --all --limit=1                 | two 256MiB       | 1    | a b     |
    --since 2026-07-14              | two soon         | 1    | a b     |
""")
def test_listing_that_fails_keeps_its_rows_and_says_where_to_resume_if_that_may_help(
    plane, flags, answers, code, printed, last_line
):
    result = run_line("list -o jsonl " + flags, plane, *make_answers(answers))

    assert result.code == int(code)
    assert find_ids(result) == printed.split()
    assert len(error_lines(result)) == 1
    found = [line for line in result.err.splitlines() if line.startswith("next_")]
    assert found == ([last_line] if last_line else [])
    assert not last_line or result.err.endswith("\n%s\n" % last_line)
    assert len(plane.requests) == len(answers.split())  # all attempts were made, and no other


def test_cursor_to_resume_at_is_not_cut(plane):
    # Other lines of standard error are cut after 4,000 characters.
    result = run_line("list --cursor " + "c" * 5000, plane, Reply({}, 404))

    assert result.err.endswith("\nnext_cursor: %s\n" % ("c" * 5000))


def test_table_and_json_of_a_listing_that_fails_keep_their_rows(plane):
    text = run_line("list --all", plane, Reply(TWO), Reply({}, 404))
    document = run_line("list --all -o json", plane, Reply(TWO), Reply({}, 404))

    assert find_ids(text) == ["a", "b"]
    assert find_ids(document) == ["a", "b"]
    with pytest.raises(ValueError):  # the json is incomplete
        json.loads(document.out.decode())
    # The cursor is only on standard error, also for the formats that otherwise print it on standard output.
    assert b"next_" not in text.out + document.out
    assert text.err.endswith("\nnext_cursor: -c2\n")
    assert document.err.endswith("\nnext_cursor: -c2\n")


@table("""
    typed | next_cursors   | repeated
    # Each page has a next_cursor: those of the first, second, third and fourth page.
          | c1 c1          | c1
          | c1 c2 c1       | c1
          | c1 c2 c3 c2    | c2
    # The first page is that of --cursor c1.
    c1    | c1             | c1
    c1    | c2 c1          | c1
    c1    | c2 c2          | c2
""")
def test_cursor_that_was_followed_before_is_an_error(plane, typed, next_cursors, repeated):
    # Each page has one Execution, whose id is the next_cursor of the page.
    answers = [page(listed(cursor), next_cursor=cursor) for cursor in next_cursors.split()]
    # Another request would get an empty page, and the listing would succeed.
    serve_pages(plane, [])

    result = run_line("list --all -o jsonl --cursor=" + typed, plane, *answers)

    assert result.code == 1
    assert find_ids(result) == next_cursors.split()
    assert error_lines(result) == ["the server's cursors form a loop: %s was repeated" % repeated]


# ---- the library


class Canned(program.Transport):
    """A Transport that answers each request with the next of its `answers`. It notes their paths and parameters."""

    def __init__(self, *answers):
        super().__init__(program.Server.parse("https://plexsphere.example"), "token")
        self.answers = list(answers)
        self.paths, self.queries = [], []

    def get(self, path, parameters, max_bytes=0):
        self.paths.append(path)
        self.queries.append(dict(parameters))
        return self.answers.pop(0)


def test_get_page_returns_the_page_as_the_server_sent_it():
    sent = {"next_cursor": None, "z": 1, "items": [{"id": 5}], "a": {}}
    transport = Canned(sent)

    found = program.get_page(transport, uuid.UUID(PROJECT), {"limit": "1", "status": "x"})

    assert found == {"next_cursor": None, "z": 1, "items": [{"id": 5}], "a": {}}
    assert list(found) == ["next_cursor", "z", "items", "a"]
    assert transport.paths == ["/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions"]
    assert transport.queries == [{"limit": "1", "status": "x"}]


@pytest.mark.parametrize("make_id", [uuid.UUID, "urn:uuid:{}".format, str.upper])
def test_get_execution_takes_ids_in_any_form_and_turns_null_targets_into_a_list(make_id):
    transport = Canned({"id": EXECUTION.upper(), "targets": None, "b": 1})

    found = program.get_execution(transport, make_id(PROJECT), make_id(EXECUTION))

    # The id stays as it was sent: the letters of EXECUTION in upper case.
    assert found == {"id": "4D5C2A10-93BE-4E0F-8A57-6F1B2C3D4E5F", "targets": [], "b": 1}
    assert transport.paths == [
        "/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/"  # PROJECT
        "executions/4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"  # EXECUTION
    ]
    assert transport.queries == [{}]


def read_ids(listing):
    """Iterate over a Listing to its end, and return the ids of its Executions."""
    return [wire["id"] for wire in listing]


#: Three pages, of two Executions, of none and of one. They follow the cursors None, c2 and c3.
THREE_PAGES = [
    page(listed("a"), listed("b"), next_cursor="c2"),
    page(next_cursor="c3"),
    page(listed("c")),
]


def test_listing_has_sent_and_counted_nothing_before_its_iteration():
    transport = Canned()

    listing = program.Listing(transport, PROJECT, cursor="c7")

    assert transport.paths == []
    assert (listing.page_count, listing.count, listing.next_cursor) == (0, 0, "c7")


def test_counters_of_a_listing_follow_its_pages():
    transport = Canned(*THREE_PAGES)
    listing = program.Listing(transport, PROJECT)
    seen = []

    for wire in listing:
        seen.append((wire["id"], listing.page_count, listing.count, listing.next_cursor))

    # The id, page_count, count and next_cursor, which leads to the page of the id: None to the first one.
    assert seen == [("a", 1, 2, None), ("b", 1, 2, None), ("c", 3, 3, "c3")]
    assert (listing.page_count, listing.count, listing.next_cursor) == (3, 3, None)
    assert [query["limit"] for query in transport.queries] == [200, 200, 200]  # by default


# The first iteration reads one Execution, which needs one page, or three, which need three pages.
@pytest.mark.parametrize("read", [1, 3], ids=["abandoned", "at the last Execution"])
def test_each_iteration_of_a_listing_starts_again_with_its_counters(read):
    transport = Canned(*THREE_PAGES[:read] + THREE_PAGES)
    listing = program.Listing(transport, PROJECT)
    first = iter(listing)
    for _ in range(read):
        next(first)

    second = iter(listing)
    first_of_second = next(second)

    assert first_of_second["id"] == "a"
    assert (listing.page_count, listing.count, listing.next_cursor) == (1, 2, None)
    assert read_ids(second) == ["b", "c"]
    assert [query["cursor"] for query in transport.queries[-3:]] == [None, "c2", "c3"]


def test_second_iteration_that_fails_has_the_cursor_of_its_own_page(plane, transport):
    plane.script(*[Reply(wire) for wire in THREE_PAGES])
    listing = program.Listing(transport, PROJECT)
    abandoned = iter(listing)
    assert [next(abandoned)["id"] for _ in range(3)] == ["a", "b", "c"]
    assert listing.next_cursor == "c3"

    plane.script(Reply({}, 404))
    with pytest.raises(program.APIError):
        read_ids(listing)

    assert listing.next_cursor is None  # the first page


def test_listing_sends_its_filters_and_counts_what_it_drops():
    transport = Canned(
        page(
            listed("a", "09:00:00Z"),  # before `since`
            listed("b", "09:10:00Z"),
            listed("c", "09:29:00Z"),
            next_cursor="c3",
        ),
        # Both are not before `until`. It ends the listing here, although the page has a cursor.
        page(listed("d", "09:30:00Z", "ack"), listed("e", "09:40:00Z"), next_cursor="c4"),
    )
    listing = program.Listing(
        transport,
        PROJECT,
        statuses=["failed", "failed"],  # one status
        action_name="x",
        since=datetime.datetime(2026, 7, 14, 9, 10, tzinfo=datetime.timezone.utc),
        until=datetime.datetime(2026, 7, 14, 9, 30, tzinfo=datetime.timezone.utc),
        limit=7,
        cursor="c2",
    )

    ids = read_ids(listing)

    assert ids == ["b", "c"]
    assert (listing.page_count, listing.count, listing.next_cursor) == (2, 5, None)
    assert transport.queries == [
        {"action_name": "x", "limit": 7, "status": "failed", "cursor": "c2"},
        {"action_name": "x", "limit": 7, "status": "failed", "cursor": "c3"},
    ]


@table("""
    statuses  | answers         | page_count | count | next_cursor
    # The words of `answers` are explained at the top of this file.
    # The second page fails, whose cursor is -c2.
              | two cut cut cut | 1          | 2     | -c2
    # The first page fails, which has no cursor.
    x         | 404             | 0          | 0     |
    # The second page has its own cursor.
    failed    | two circle      | 2          | 3     | -c2
    # Two statuses are two queries, which have no cursor in common. The first page of the second query fails.
    failed x  | two 404         | 1          | 2     |
    # After the first page of each query, the second page of the first query fails.
    failed x  | two empty 404   | 2          | 2     |
""")
def test_next_cursor_is_that_of_the_page_to_request_again(
    plane, transport, statuses, answers, page_count, count, next_cursor
):
    plane.script(*make_answers(answers))
    listing = program.Listing(transport, PROJECT, statuses=statuses.split())

    with pytest.raises(program.RemoteError):
        read_ids(listing)

    assert listing.page_count == int(page_count)
    assert listing.count == int(count)
    assert listing.next_cursor == (next_cursor or None)


@pytest.mark.parametrize("make_statuses", [list, tuple, set, iter])  # any iterable
def test_each_status_is_queried_once_in_life_cycle_order_and_unknown_ones_last_in_alphabetical_order(
    plane, transport, make_statuses
):
    plane.script(Reply(page()), Reply(page()), Reply(page()), Reply(page()))
    statuses = make_statuses(["x", "a", "cancelled", "failed", "x"])

    # Without a limit, each query has only the parameter `status`.
    read_ids(program.Listing(transport, PROJECT, statuses=statuses, limit=None))

    assert read_queries(plane) == [
        {"status": "failed"},
        {"status": "cancelled"},
        {"status": "a"},
        {"status": "x"},
    ]


@pytest.mark.parametrize("hours", [0, 5, -3.5])
def test_since_and_until_are_moments_with_their_fraction_in_any_zone(hours):
    zone = datetime.timezone(datetime.timedelta(hours=hours))
    since = datetime.datetime(2026, 7, 14, 9, 0, 0, 250000, datetime.timezone.utc)
    until = datetime.datetime(2026, 7, 14, 9, 59, 0, 1, datetime.timezone.utc)
    transport = Canned(
        page(
            listed("before", "09:00:00.2Z"),
            listed("at since", "09:00:00.25Z"),
            listed("between", "11:00:00.3+02:00"),
            listed("a microsecond before until", "09:59:00Z"),
            listed("at until", "09:59:00.000001Z"),
        )
    )

    listing = program.Listing(
        transport, PROJECT, since=since.astimezone(zone), until=until.astimezone(zone)
    )

    assert read_ids(listing) == ["at since", "between", "a microsecond before until"]
