"""Listings of more than one page: merged statuses, --until, failures midway, and Listing as a library."""

import datetime
import json
import re
import uuid

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, STATUSES
from kit import (
    ALL,
    EXECUTION,
    LIST,
    NODES,
    ask,
    encode,
    error_lines,
    every_list_format,
    list_ids,
    listed,
    page,
    read_ids,
    read_listing,
    read_queries,
    rule,
    run_cli,
    serve_pages,
    target,
)
from server import DROP, HANG, Reply

JSONL = ("--output", "jsonl")
TWO = ("--status", "failed,timeout")


def read_table(text):
    """Return the rows of a table: the cells between its bars."""
    return [[" ".join(cell.split()) for cell in line.split("|")] for line in text.strip().splitlines()]


# ---- 1.13: one query for each status, merged


@rule("1.13", "1.12a", "1.8a", "1.8b", "1.7")
@pytest.mark.parametrize(
    "flags, statuses",
    [
        ("--failed", STATUSES[4:]),
        ("--running", STATUSES[:3]),
        ("--failed --status=succeeded --running", STATUSES),
        ("--status failed --failed", STATUSES[4:]),
        ("--status timeout,ack --status cancelled", ("ack", "cancelled", "timeout")),
    ],
)
def test_each_status_is_a_query_with_every_other_filter(plane, flags, statuses):
    pages = [[listed("e-%d" % number, status=status) for number, status in enumerate(STATUSES)]]
    found = list_ids(plane, "--action-name=a&b", *flags.split(), pages=pages)
    assert found == ["e-%d" % STATUSES.index(status) for status in statuses]
    assert read_queries(plane) == [{"limit": "200", "action_name": "a&b", "status": status} for status in statuses]


#: The Executions that a merge must print, in their order, and the number on each page. No order is that of the texts.
ORDERED = read_table("""
2 | a 09:00:00Z failed, b 09:01:00Z timeout, c 09:02:00Z timeout, d 09:03:00Z cancelled, e 09:03:30Z failed
3 | a 09:00:00Z timeout, b 09:00:00Z failed, c 09:00:00Z cancelled
9 | z 09:00:00Z timeout, c 09:00:00.09999Z timeout, b 09:00:00.1Z failed, d 09:00:00.123456788Z timeout
9 | d 09:00:00.123456788Z timeout, a 09:00:00.123456789Z failed, e 09:00:01Z timeout
3 | a 09:00:00.50Z timeout, b 09:00:00.5Z failed, c 09:00:00.500Z cancelled, d 09:00:01.000Z timeout, e 09:00:01Z failed
9 | a 10:00:00+02:00 timeout, b 08:30:00Z failed, c 04:00:00-05:00 cancelled, d 2026-07-15T00:30:00.5+14:00 timeout
9 | d 2026-07-15T00:30:00.5+14:00 timeout, e 10:30:00.6Z failed, f 05:01:00-05:30 timeout, g 10:31:01-00:00 failed""")


@rule("1.13", "1.11")
@pytest.mark.parametrize("size, rows", ORDERED)
def test_merge_is_in_the_order_of_created_at_and_then_of_the_id(plane, size, rows):
    log = [listed(*row.split()) for row in rows.split(", ")]
    pages = [log[place : place + int(size)] for place in range(0, len(log), int(size))]
    assert list_ids(plane, "--failed", pages=pages) == [wire["id"] for wire in log]


@rule("1.13a")
@every_list_format
@pytest.mark.parametrize("seen", ["pending started", "pending ack started", "ack started"])
def test_execution_that_moves_on_between_queries_is_printed_once(plane, seen, format):
    spellings = {"pending": "09:30:00.50Z", "ack": "11:30:00.5+02:00", "started": "09:30:00.5Z"}
    for status, created in spellings.items():
        copies = [listed("b", created, status, action="as-" + status)] * (status in seen)
        plane.script(Reply(page(listed("a", status=status), *copies + [listed("c", "09:30:00.5Z", status)])))
    result = run_cli(*LIST + ("--running", "--output", format), plane=plane)
    assert read_ids(result, format) == ["a", "b", "c"]
    assert re.findall(b"as-[a-z]+", result.out) in ([b"as-started"], [])  # a format need not show the action


# ---- 1.9d: --until ends the query

#: How many of the pages `--until 09:30` requests, and the minutes after nine on each page.
WALKS = [
    [line[0], line.partition(": ")[2]]
    for line in """
1: 30 40 | 50 | 55
2: 00 10 | 30 40 | 50 | 20
2: 10 | 40 40 50 | 55
2: 10 40 | 50 55 | 56
3: 29 30 | 29 40 50 | 56
2: 30 40 35 | 50 55 | 20
3: 30 40 35 | 50 | 20
2: 40 30 50 | 35 36 | 20
3: 50 40 | 35 30 | 20 10
3: 40 40 | 40 40 40 | 40 20
3: 10 | 50 | 30
3: | | 30 40 | 50
3: 10 20 | 05 | 40 50 | 55
3: 00 | 10 | 20""".split("\n")[1:]
]


def make_pages(layout):
    """Return pages of Executions, whose ids are their minutes, for a row of WALKS."""
    return [[listed(minute, "09:%s:00Z" % minute) for minute in one.split()] for one in layout.split("|")]


@rule("1.9d", "1.9")
@pytest.mark.parametrize("requests, layout", WALKS)
def test_until_ends_the_query_after_a_page_that_lies_after_it(plane, requests, layout):
    requests = int(requests)
    shown = [minute for one in layout.split("|")[:requests] for minute in one.split() if minute < "30"]
    for format in "jsonl", "json", "text":
        serve_pages(plane, make_pages(layout))
        result = run_cli(*LIST + ("--until", "2026-07-14T09:30", "--output", format), plane=plane)
        assert read_ids(result, format) == shown and b"next_cursor" not in result.out
    assert len(plane.requests) == 3 * requests


#: Times that are equal as times, and not as texts.
EQUAL = ["09:40:00.5Z", "09:40:00.50Z", "11:40:00.5+02:00", "04:40:00.500-05:00", "09:40:00.5+00:00"]


@rule("1.9d", "1.11")
@pytest.mark.parametrize(
    "times, requests",
    [
        (EQUAL, 2),
        (EQUAL + ["09:40:00.51Z"], 1),
        (["11:40:00+02:00", "09:41:00Z"], 1),
        (["09:40:00.5Z", "09:40:00Z", "09:50:00Z"], 2),
        (["11:29:59.9+02:00", "09:50:00Z"], 2),
    ],
    ids=["equal", "rises by a fraction", "falls as text", "falls by a fraction", "starts before"],
)
def test_until_compares_times_and_not_texts(plane, times, requests):
    serve_pages(plane, [[listed("x", created) for created in times], [listed("y", "09:20:00Z")]])
    assert run_cli(*LIST + ("--until=2026-07-14T09:30",), plane=plane).code == 0 and len(plane.requests) == requests


# ---- 6.3, 6.4: failures midway

FIRST = Reply(page(listed("a", "09:00:00Z"), listed("b", "09:10:00Z"), next_cursor="-c2"))
CUT = Reply(encode(page(listed("x", "09:20:00Z"))), cut=20)
#: What the tables of failures call answers.
NAMED = {
    "ok": FIRST,
    "gone": Reply({}, 404),
    "401": Reply({}, 401),
    "403": Reply({}, 403),
    "410": Reply({}, 410),
    "invalid": Reply({"code": "invalid_cursor"}, 400),
    "later": Reply({}, 503, [("Retry-After", "31")]),
    "cut": CUT,
    "none": Reply(page()),
    "malformed": Reply({"items": [1]}),
    "large": Reply(announce=(256 << 20) + 1),
    "silent": HANG,
    "drop": DROP,
    "circle": Reply(page(listed("c", "09:20:00Z"), next_cursor="-c2")),
    "html": Reply(b"<html>"),
    "row": Reply(page(listed("a", status=5))),
    "time": Reply(page(listed("a", "soon"), next_cursor="c")),
    "targets": Reply(page(listed("a", targets=[1]))),
}
CODES = {"401": 3, "403": 4}
LONG = "c" * 5000
#: Flags, the answers, and the cursor of the last line on stderr. The first page has a and b.
FAILURES = read_table("""
--cursor=c7                             | gone              | c7
                                        | gone              |
--cursor=                               | gone              |
--cursor LONG                           | gone              | LONG
--cursor c7                             | 401               | c7
--cursor=c7                             | invalid           |
--cursor=c7                             | malformed         |
--cursor=c7                             | large             |
--cursor=c7                             | row               |
--cursor=c7                             | html              |
--cursor=c7 --status=ack                | drop drop drop    | c7
--all                                   | gone              |
--all --cursor c7                       | gone              | c7
--all                                   | ok gone           | -c2
--all -o json                           | ok gone           | -c2
--all -o jsonl                          | ok 403            | -c2
--since 2026-07-14 --cursor c7          | ok 410            | -c2
--node NODE -o wide                     | ok gone           | -c2
--node NODE                             | ok targets        |
--all                                   | ok cut cut cut    | -c2
--all                                   | ok later          | -c2
--all --timeout 0.2                     | ok silent         | -c2
--all --status failed                   | ok gone           | -c2
--all                                   | ok invalid        |
--all                                   | ok malformed      |
--all --limit=1                         | ok large          |
--since 2026-07-14                      | ok time           |
--all                                   | ok circle         |
--last 5                                | ok gone           |
--last=5 --cursor c7                    | gone              |""")


@rule("6.3", "6.3a", "6.3d", "6.4", "1.10a", "1.8c")
@pytest.mark.parametrize("flags, answers, cursor", FAILURES)
def test_failure_keeps_earlier_rows_and_ends_with_next_cursor(plane, flags, answers, cursor):
    flags, cursor = [text.replace("LONG", LONG).replace("NODE", NODES[1]) for text in (flags, cursor)]
    result, _ = ask(plane, *map(NAMED.get, answers.split()), argv=LIST + tuple(flags.split()))
    format = flags.partition("-o ")[2] or "text"
    rows = ["a", "b"] * ("ok" in answers and "--last" not in flags and "--node" not in flags)
    assert (result.code, len(error_lines(result))) == (CODES.get(answers[-3:], 1), 1) and not plane.answers
    assert read_listing(result, format)[0] == rows + ["c"] * ("circle" in answers)
    assert not result.out.rstrip().endswith(b"]}") and b"next_" not in result.out and "next_since" not in result.err
    assert result.err.endswith("\nnext_cursor: %s\n" % cursor) if cursor else "next_" not in result.err


#: The time of the last Executions before the failure, further flags, the failure, and whether next_since follows, which
#: is 09:28:41 then. If the times have fallen, it does not follow.
MERGE_FAILURES = read_table("""
09:28:41Z       09:28:41Z                           |                                   | gone          | yes
09:28:41Z       09:28:41Z                           |                                   | cut cut cut   | yes
09:28:41Z       09:28:41Z                           | -o json                           | 403           | yes
09:28:41Z       09:28:41Z                           | --timeout 0.2                     | silent        | yes
09:28:41Z       09:28:41Z                           | --action-name x                   | later         | yes
09:28:41.5Z     09:28:41.6Z                         | --since 2026-07-14T03:30-05:00    | 401           | yes
11:28:41+02:00  2026-07-13T19:28:41.5-14:00         | -o table                          | gone          | yes
09:28:41.25Z    09:28:41.999999999Z                 | -o jsonl                          | gone          | yes
09:28:41Z       09:28:41Z                           | --node WHERE                      | gone          | yes
09:28:41Z       09:28:41Z                           | --node NOWHERE                    | gone          | yes
08:59:59Z       09:28:41Z                           | --node WHERE                      | gone          | no
08:59:59Z       09:28:41Z                           |                                   | gone          | no
08:59:59.99999Z 09:28:41Z                           |                                   | gone          | no
10:59:59+02:00  09:28:41Z                           |                                   | gone          | no
09:28:41.5Z     09:28:41.25Z                        |                                   | gone          | no
09:28:41Z       09:28:41Z                           | --last 5                          | gone          | no
09:28:41Z       09:28:41Z                           |                                   | invalid       | no
09:28:41Z       09:28:41Z                           | -o json                           | malformed     | no
09:28:41Z       09:28:41Z                           | --limit 1                         | large         | no
09:28:41Z       09:28:41Z                           |                                   | circle        | no""")


@rule("6.3", "6.3b", "6.3c", "6.3d", "1.10a", "1.8c")
@pytest.mark.parametrize("times, flags, failure, is_told", MERGE_FAILURES)
def test_merge_that_fails_ends_with_next_since_which_resumes_it(plane, times, flags, failure, is_told):
    # The last Execution of a page may still be followed by a newer copy, so it is not merged yet.
    here = [target(node=NODES[1])]
    times = ["09:00:00Z"] + times.split() + ["09:29:00Z"]
    rows = [listed("r%d" % number, created, targets=here[number % 2 :]) for number, created in enumerate(times)]
    late = listed("s", "09:50:00Z", "timeout")
    argv = flags.replace("NOWHERE", NODES[2]).replace("WHERE", NODES[1].upper()).split()
    result, _ = ask(
        plane,
        Reply(page(*rows, next_cursor="-c2")),
        Reply(page(late)),
        *map(NAMED.get, failure.split()),
        argv=LIST + TWO + tuple(argv),
    )
    shown = [] if "last" in flags or "NO" in flags else ["r0", "r2"] if "WHERE" in flags else ["r0", "r1", "r2"]
    assert read_listing(result, flags[3:] if "-o" in flags else "text")[0] == shown + ["r3"] * (failure == "circle")
    assert result.code == CODES.get(failure, 1)
    assert b"next_" not in result.out and "next_cursor" not in result.err
    is_last = result.err.endswith("\nnext_since: 2026-07-14T09:28:41Z\n")
    assert (is_last, "next_" in result.err) == (is_told == "yes",) * 2


@rule("6.3c")
def test_next_since_resumes_a_merge(plane):
    pages = [
        [listed("a", "09:00:00.25Z"), listed("b", "09:00:00.75Z"), listed("x", "09:00:01Z", "timeout")],
        [listed("c", "09:00:00.8Z"), listed("d", "09:00:02Z")],
    ]
    serve_pages(plane, pages, reply=lambda number, body: Reply({}, 404) if number == 3 else Reply(body))
    result = run_cli(*LIST + TWO + JSONL, plane=plane)
    again = run_cli(*LIST + TWO + JSONL + ("--since", result.err.split()[-1]), plane=plane)
    assert read_listing(result, "jsonl")[0] == ["a"] and read_listing(again, "jsonl")[0] == ["a", "b", "c", "x", "d"]


@rule("6.3d")
@pytest.mark.parametrize("answers", ["gone", "ok gone", "ok cut cut cut"])
def test_merge_that_fails_before_its_first_execution_names_no_time(plane, answers):
    result, _ = ask(plane, *map(NAMED.get, answers.split()), argv=LIST + TWO)
    assert (result.code, result.out) == (1, b"") and "next_" not in result.err


@rule("6.4")
@pytest.mark.parametrize(
    "start, cursors, requests",
    read_table("""
  | x x     | 2
  | x y x   | 3
  | x y z y | 4
x | x       | 1
x | y x     | 2
x | y y     | 2"""),
)
def test_cursor_that_a_walk_has_followed_is_an_error(plane, start, cursors, requests):
    serve_pages(plane, [])
    plane.script(*[Reply(page(listed(cursor), next_cursor=cursor)) for cursor in cursors.split()])
    result = run_cli(*ALL + JSONL + ("--cursor=" + start,), plane=plane)
    assert (result.code, len(plane.requests), read_listing(result, "jsonl")[0]) == (1, int(requests), cursors.split())
    assert error_lines(result) == ["the server's cursors form a loop: %s was repeated" % cursors[-1]]


# ---- 10.5: the library

UTC = datetime.timezone.utc


class Canned(program.Transport):
    """A Transport that answers each request with the next of its `answers`, and records what was requested."""

    def __init__(self, *answers):
        super().__init__(program.Server.parse("https://plexsphere.example"), "token")
        self.answers, self.requested = list(answers), []

    def get(self, path, parameters, max_bytes=0):
        self.requested.append((path, dict(parameters), max_bytes >> 20))
        return self.answers.pop(0)


@rule("10.5", "3.11", "10.3a")
def test_one_page_and_one_execution_as_dicts():
    path = "/v1/projects/%s/executions" % PROJECT
    whole = {"next_cursor": None, "z": 1, "items": [{"id": 5}], "a": {}}
    bare = {"id": EXECUTION.upper(), "targets": None, "b": 1}
    transport = Canned(whole, page(), page(), bare, {"id": EXECUTION, "targets": [{}]})
    found = program.get_page(transport, uuid.UUID(PROJECT))
    assert found == whole and list(found) == ["next_cursor", "z", "items", "a"]
    program.get_page(transport, "{%s}" % PROJECT, {"limit": "1", "status": "x"})
    program.get_page(transport, PROJECT.upper(), {"limit": 2})
    assert program.get_execution(transport, PROJECT, uuid.UUID(EXECUTION)) == dict(bare, targets=[])
    got = program.get_execution(transport, "urn:uuid:" + PROJECT, EXECUTION.upper().replace("-", ""))
    assert got == {"id": EXECUTION, "targets": [{}]}
    assert (
        transport.requested
        == [(path, {}, 32), (path, {"limit": "1", "status": "x"}, 256), (path, {"limit": 2}, 32)]
        + [(path + "/" + EXECUTION, {}, 256)] * 2
    )


#: A response to get_page or get_execution, and what its error says.
REFUSED = read_table("""
{"id": "ID"}                    | no member "items"
{"items": {}}                   | items: expected a list
{"items": [{}, 5]}              | items: expected a list of objects
{"items": [], "next_cursor": 5} | next_cursor: expected a string
{"id": "NODE"}                  | expected Execution ID, but its id is NODE
{"targets": []}                 | the Execution has no id
{"id": "ID", "targets": "x"}    | targets: expected a list
{"id": "ID", "targets": [null]} | targets: expected a list of objects""")


@rule("10.5", "4.3", "4.3a")
@pytest.mark.parametrize("wire, message", REFUSED)
def test_page_or_execution_of_another_shape_is_refused(wire, message):
    wire, message = [text.replace("ID", EXECUTION).replace("NODE", NODES[1]) for text in (wire, message)]
    is_page, transport = "items" in wire + message, Canned(json.loads(wire))
    with pytest.raises(program.RemoteError) as caught:
        program.get_page(transport, PROJECT) if is_page else program.get_execution(transport, PROJECT, EXECUTION)
    assert message in str(caught.value) and not caught.value.retryable
    for wrong in ("x", None, "", NODES[0] + "0"):
        with pytest.raises(program.UsageError):
            program.get_execution(Canned(), PROJECT, wrong)
        with pytest.raises(program.UsageError):
            program.Listing(Canned(), wrong)


def name_all(listing):
    return [wire["id"] for wire in listing]


def see(listing):
    """Return what a Listing says of itself."""
    return listing.page_count, listing.count, listing.next_cursor


@rule("10.5b", "10.5c")
def test_each_iteration_of_a_listing_starts_again_with_its_counters():
    pages = [page(listed("a"), listed("b"), next_cursor="c2"), page(next_cursor="c3"), page(listed("c"))]
    transport = Canned(*pages + pages)
    listing = program.Listing(transport, PROJECT)
    assert see(listing) == (0, 0, None)
    first, walked = iter(listing), []
    assert next(first)["id"] == "a" and see(listing) == (1, 2, None)
    transport.answers = pages + pages
    for _ in range(2):
        for wire in listing:
            walked.append((wire["id"],) + see(listing))
    assert walked == [("a", 1, 2, None), ("b", 1, 2, None), ("c", 3, 3, "c3")] * 2 and see(listing) == (3, 3, None)
    assert [(query["cursor"], query["limit"]) for _, query, _ in transport.requested[1:]] == [
        (None, 200),
        ("c2", 200),
        ("c3", 200),
    ] * 2


@rule("10.5b", "10.5c", "1.8a")
def test_listing_sends_its_filters_and_counts_what_it_drops():
    since, until = [datetime.datetime(2026, 7, 14, 9, minute, tzinfo=UTC) for minute in (10, 30)]
    pages = make_pages("00 10 29 | 30 40 | 50")
    transport = Canned(page(*pages[0], next_cursor="c3"), page(*pages[1], next_cursor="c4"))
    listing = program.Listing(
        transport, PROJECT, statuses=["failed"], action_name="x", since=since, until=until, limit=7, cursor="c2"
    )
    assert see(listing) == (0, 0, "c2") and name_all(listing) == ["10", "29"]
    assert see(listing) == (2, 5, None)  # --until has ended it, so no cursor follows
    sent = {"action_name": "x", "limit": 7, "status": "failed"}
    assert [query for _, query, _ in transport.requested] == [dict(sent, cursor="c2"), dict(sent, cursor="c3")]


@rule("10.5c", "10.5b", "1.13")
@pytest.mark.parametrize(
    "statuses, names, found",
    [
        ((), "ok cut cut cut", (1, 2, "-c2")),
        (["ack", "ack"], "ok circle", (2, 3, "-c2")),
        ({"odd", "x", "failed"}, "ok gone", (1, 2, None)),
        (iter(["x"]), "gone", (0, 0, None)),
        (["ack", "x"], "ok none gone", (2, 2, None)),
    ],
)
def test_next_cursor_is_that_of_the_page_that_failed(plane, transport, statuses, names, found):
    plane.script(*map(NAMED.get, names.split()))
    listing = program.Listing(transport, PROJECT, statuses=statuses, limit=None)
    with pytest.raises(program.RemoteError):
        name_all(listing)
    assert see(listing) == found
    if names == "ok gone":
        assert read_queries(plane) == [{"status": "failed"}, {"status": "odd"}]  # unknown ones come last


@rule("10.5b", "1.11", "1.9")
@pytest.mark.parametrize("hours", [0, 5, -3.5])
def test_since_and_until_are_moments_with_their_fraction(hours):
    times = ["09:00:00.2Z", "09:00:00.25Z", "11:00:00.3+02:00", "09:59:00Z", "09:59:00.000001Z"]
    zone = datetime.timezone(datetime.timedelta(hours=hours))
    since = datetime.datetime(2026, 7, 14, 9, 0, 0, 250000, UTC).astimezone(zone)
    until = since + datetime.timedelta(minutes=59, microseconds=-249999)
    listing = program.Listing(Canned(page(*[listed(text, text) for text in times])), PROJECT, since=since, until=until)
    assert name_all(listing) == times[1:4]


@rule("10.6a", "1.13b", "10.5b")
@pytest.mark.parametrize(
    "options, message",
    [
        ({"since": datetime.datetime(2026, 7, 14)}, "aware"),
        ({"until": "2026-07-14T00:00:00Z"}, "aware"),
        (
            {"until": datetime.datetime.max.replace(tzinfo=datetime.timezone(-datetime.timedelta(hours=1)))},
            "1 and 9999",
        ),
        ({"statuses": "failed"}, "iterable of non-empty strings"),
        ({"statuses": ("a", "b"), "cursor": "c"}, "a cursor belongs"),
    ],
)
def test_listing_refuses_wrong_arguments(options, message):
    with pytest.raises(program.UsageError) as caught:
        program.Listing(Canned(), PROJECT, **options)
    assert message in str(caught.value)
    assert name_all(program.Listing(Canned(page(listed("a"))), PROJECT, statuses=["a", "a"], cursor="c")) == ["a"]
