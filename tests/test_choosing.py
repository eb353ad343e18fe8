"""Which Executions and targets are shown: filters, all pages, the newest ones, malformed times, nothing found."""

import itertools
import json
import re

import pytest

from kit import (
    BOTH,
    NODES,
    error_lines,
    every_get_format,
    every_list_format,
    execution,
    find_ids,
    hint_lines,
    inline,
    listed,
    make_pages,
    page,
    run_line,
    serve_pages,
    table,
    target,
)

# ---- filters


def make_run(name, time, status="failed", updated="10:30:00Z"):
    """Return an Execution that was created at this time of 2026-07-14."""
    return listed(name, time, status, updated_at="2026-07-14T" + updated)


#: Three pages, oldest first. Except a and b, each Execution is named after why one of the flags below leaves it out.
RUNS = [
    [make_run("old", "09:00:00Z"), make_run("idle", "09:10:00Z", updated="10:04:59.9Z")],
    [make_run("running", "09:30:00Z", "ack")],
    [
        make_run("a", "09:40:00Z"),
        make_run("b", "09:50:00Z", "timeout"),
        make_run("late", "10:00:00Z"),
    ],
]
#: What each flag leaves out.
LEFT_OUT_BY = {
    "--since 2026-07-14T09:10": "old",
    "--updated-since 2026-07-14T10:05": "idle",
    "--failed": "running",
    "--until '2026-07-14 10:00'": "late",
}
#: None of these flags, each one, each two of them, and so on, up to all of them.
EVERY_COMBINATION = [
    flags
    for size in range(len(LEFT_OUT_BY) + 1)
    for flags in itertools.combinations(sorted(LEFT_OUT_BY), size)
]


@pytest.mark.parametrize("flags", EVERY_COMBINATION, ids=" ".join)
def test_list_prints_what_matches_every_flag_on_any_page(plane, flags):
    serve_pages(plane, RUNS)  # three pages, none of which is wholly past --until
    matching = ["old", "idle", "running", "a", "b", "late"]
    for flag in flags:
        matching.remove(LEFT_OUT_BY[flag])

    result = run_line("list --all -o jsonl " + " ".join(flags), plane)
    requests = len(plane.requests)
    last = run_line("list --last 2 -o jsonl " + " ".join(flags), plane)

    assert (result.code, error_lines(result)) == (0, [])
    assert find_ids(result) == matching
    assert find_ids(last) == matching[-2:]
    # --failed stands for three statuses, and the pages of each are read.
    assert requests == (9 if "--failed" in flags else 3)


@table("""
    flags                                         | queries
    # a single page; `none` is a request without a query
                                                  | none
    --limit=7 --action-name x                     | action_name=x&limit=7
    --cursor=c2 --status=failed,failed            | status=failed&cursor=c2
    --cursor=                                     | none
    # all three pages, with 200 Executions on a page unless --limit says otherwise
    --all                                         | limit=200 limit=200&cursor=c2 limit=200&cursor=c3
    --all --limit 0                               | none cursor=c2 cursor=c3
    --all --limit=201                             | limit=201 limit=201&cursor=c2 limit=201&cursor=c3
    --last 9                                      | limit=200 limit=200&cursor=c2 limit=200&cursor=c3
    --since 2026-07-14 --cursor c2                | limit=200&cursor=c2 limit=200&cursor=c3
    --until=2027-01-01 --limit 7                  | limit=7 limit=7&cursor=c2 limit=7&cursor=c3
    --updated-since 2026-07-14 --limit 1 --cursor= | limit=1 limit=1&cursor=c2 limit=1&cursor=c3
    --status=x --all --action-name y --cursor c3  | action_name=y&limit=200&cursor=c3&status=x
""")
def test_page_or_all_pages_get_the_cursor_the_limit_and_what_the_server_filters(
    plane, flags, queries
):
    serve_pages(plane, RUNS)

    result = run_line("list " + flags, plane)

    assert result.code == 0
    # The order of the parameters does not matter.
    sent = [request.target.partition("?")[2] or "none" for request in plane.requests]
    assert [sorted(query.split("&")) for query in sent] == [
        sorted(query.split("&")) for query in queries.split()
    ]


def test_updated_since_compares_instants_with_all_digits_of_the_servers_times(plane):
    wires = [
        execution(id="a nanosecond before", updated_at="2026-07-14T09:29:59.999999999Z"),
        execution(id="exact, with an offset", updated_at="2026-07-14T11:30:00+02:00"),
        execution(id="before, with an offset", updated_at="2026-07-14T10:30:00+02:00"),
        execution(id="a nanosecond after", updated_at="2026-07-14T09:30:00.000000001Z"),
    ]

    result = run_line(
        "list -o jsonl --updated-since 2026-07-14T11:30:00+02:00", plane, page(*wires)
    )

    assert find_ids(result) == ["exact, with an offset", "a nanosecond after"]


# ---- the newest ones


@table("""
    flags                           | pages                                                    | ids
    # a@03:00:00Z is an Execution, its id and time of creation on 2026-07-14. A slash begins the next page.
    --last 2                        | a@03:00:00Z / b@04:00:00Z c@02:00:00Z / d@01:00:00Z | a b
    --last=10                       | / a@01:00:00Z b@03:00:00Z                                | a b
    -n 999999999                    | a@03:00:00Z b@01:00:00Z                                  | b a
    --last=2 --since 2026-07-14T02:00 | a@01:00:00Z b@03:00:00Z                                | b
    --last=2                        | /                                                        |
    # Of equal times, even if their texts differ, the one that arrives later is newer.
    -n2                             | a@02:00:00Z b@02:00:00Z / c@02:00:00Z                    | b c
    -n1                             | a@23:30:00+14:00 b@09:30:00.000Z c@09:30:00Z             | c
    # Times are compared with all digits.
    -n3                             | a@02:00:00.25Z b@02:00:00Z c@02:00:00.5Z d@02:00:00.123456789Z | d a c
    -n1                             | a@02:00:00.123456789Z b@02:00:00.123456788Z              | a
    -n1                             | a@02:00:00.1234567892Z b@02:00:00.1234567891Z            | a
    # Times are compared as instants: a is 09:30:00.2 of 2026-07-14 in UTC, and b is 09:30:00.1.
    -n2                             | a@2026-07-15T09:15:00.2+23:45 b@04:30:00.1-05:00 c@09:30:00.15Z | c a
""")
def test_last_prints_the_newest_ones_oldest_first(plane, flags, pages, ids):
    serve_pages(plane, make_pages(pages))

    result = run_line("list -o jsonl " + flags, plane)

    assert (result.code, result.err) == (0, "")
    assert find_ids(result) == ids.split()


def test_listing_without_last_or_several_statuses_keeps_the_order_of_the_server(plane):
    # With --last, the order would be that of the times. Several statuses are merged: test_merging.py.
    before, first = listed("before", "01:00:00Z"), listed("first", "03:00:00Z")
    later, earlier = listed("later", "03:00:00Z"), listed("earlier", "02:00:00Z")
    serve_pages(plane, [[before, first], [], [later, earlier]])

    result = run_line("list -o jsonl --since 2026-07-14T02:00", plane)

    assert (result.code, result.err) == (0, "")
    assert find_ids(result) == ["first", "later", "earlier"]


def test_last_goes_by_the_time_of_creation_also_with_updated_since(plane):
    wires = [
        # It was updated last.
        make_run("a", "09:01:00Z", updated="09:59:00Z"),
        make_run("b", "09:02:00Z", updated="09:50:00Z"),
        make_run("c", "09:03:00Z", updated="09:40:00Z"),
        # It was created last.
        make_run("d", "09:04:00Z", updated="09:05:00Z"),
    ]

    result = run_line("list -o id --updated-since 2026-07-14T09:30 --last 2", plane, page(*wires))

    assert result.out == b"b\nc\n"


@table("""
    flags
    # The RUNS are of 2026-07-14, and none of them has the status x.
    --since=2027-01-01
    --updated-since=2027-01-01
    --failed --until 2026-03-01
    --last 2 --status x
""")
def test_json_of_a_listing_without_a_match_is_a_document_without_items(plane, flags):
    serve_pages(plane, RUNS)

    result = run_line("list -o json " + flags, plane)

    assert result.code == 0
    assert json.loads(result.out.decode()) == {"items": []}


# ---- malformed times

MALFORMED_TIME = (
    "the response is malformed: Execution x: %s: expected a time such as 2026-11-24T09:30:00Z"
)


@pytest.mark.parametrize(
    "time",
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
def test_malformed_time_is_reported_where_times_are_compared(plane, time):
    # The times of the first one are of May 2026.
    wires = [execution(id="good"), execution(id="x", created_at=time, updated_at=time)]

    created = run_line("list -o id --since 2026-01-01", plane, page(*wires))
    updated = run_line("list -o id --updated-since 2026-01-01", plane, page(*wires))

    assert created[:2] == updated[:2] == (1, b"good\n")
    assert error_lines(created) == [MALFORMED_TIME % "created_at"]
    assert error_lines(updated) == [MALFORMED_TIME % "updated_at"]


@table("""
    flags                 | code
    # Times are compared, by --running in order to merge the listings of three statuses.
    --until 2027-01-01    | 1
    --last 5              | 1
    --running             | 1
    # No times are compared.
    --all                 | 0
    --all --status=ack    | 0
""")
def test_created_at_that_is_text_but_no_time_matters_only_where_it_is_compared(plane, flags, code):
    odd = execution([target(node=NODES[0])], id="x", status="ack", created_at="soon")
    serve_pages(plane, [[odd]])

    result = run_line("list -o id " + flags, plane)

    assert result.code == int(code)
    if result.code == 0:
        assert (result.out, result.err) == (b"x\n", "")
    else:
        assert (result.out, error_lines(result)) == (b"", [MALFORMED_TIME % "created_at"])


# ---- targets

STATUSES = "pending ack started succeeded failed cancelled timeout".split()
#: The node of the target with each status. The program does not know the status on-hold.
NODE_OF = dict(zip(STATUSES + ["on-hold"], NODES))
#: A target of each status, whose output is its status, and others. Those without an output are faulty, and must do no
#: harm unless they are selected.
MIXED_TARGETS = execution(
    [target(inline(b"%s\n" % status.encode()), NODE_OF[status], status) for status in STATUSES]
    + [
        # another target at the node of `timeout`
        target(inline(b"pending-2\n"), NODE_OF["timeout"], "pending"),
        target(inline(b"ack-2\n"), None, "ack"),
        target(inline(b"on-hold\n"), NODE_OF["on-hold"].upper(), "on-hold"),
        target(inline(b"FAILED\n"), NODES[8], "FAILED"),
        target(inline(b"failed-and-a-space\n"), NODES[8], "failed "),
        target(inline(b"null\n"), NODES[8], None),
        target({"kind": "tape"}, NODES[9].upper(), "odd"),
        target({"kind": "tape"}, NODES[9], [5]),
        {"node_id": 7, "status": "cancelled"},
    ],
    domain_id="",  # else it is one of the nodes
)


def get_targets(plane, *flags, nodes="", **options):
    """Run `get` against the MIXED_TARGETS, with these flags, and --node for the node of each of these statuses."""
    chosen = ["--node=" + NODE_OF[status] for status in nodes.split()]
    return run_line("get $ID " + " ".join(list(flags) + chosen), plane, MIXED_TARGETS, **options)


def find_nodes(result):
    """Return the node ids on standard output, in their order."""
    return re.findall("(?i)a1b2c30[0-9]-0000-4000-8000-00000000000[0-9]", result.out.decode())


@table("""
    nodes                 | flags                      | outputs
    # Nodes are named by the status of their target, and outputs, too: pending-2 is another target of timeout's node.
    succeeded             |                            | succeeded
    timeout               |                            | timeout pending-2
    # In the response, the node id of this target is in capitals.
    on-hold               |                            | on-hold
    # Targets are shown in the order of the response, and each once.
    cancelled started     |                            | started cancelled
    failed failed         |                            | failed
    # Both a node and a status must match.
    failed started        | --failed                   | failed
    timeout               | --failed                   | timeout
    cancelled             | --running --failed         | cancelled
    succeeded pending     | --status succeeded         | succeeded
    # ack-2 is a target without a node id.
                          | --status FAILED,ack        | ack failed ack-2
                          | --running --status=timeout | pending ack started timeout pending-2 ack-2
""")
def test_nodes_and_statuses_select_targets(plane, nodes, flags, outputs):
    result = get_targets(plane, "-o raw", flags, nodes=nodes, terminals=["stderr"])

    assert (result.code, result.err) == (0, "")
    assert result.out.decode("ascii").split() == outputs.split()


@every_get_format
def test_every_format_shows_the_selected_targets_and_reports_each_missing_node_once(plane, format):
    missing = "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13"
    flags = "--running --failed --node %s --node %s %s" % (missing, missing, format)

    result = get_targets(plane, flags, nodes="succeeded cancelled")

    assert result.code == 1
    assert result.err == (
        "error: node 019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13 is not a target of Execution "
        "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f\n"
    )
    if format == "-o raw":  # which prints no node ids
        assert result.out == b"cancelled\n"
    else:
        assert find_nodes(result) == [NODE_OF["cancelled"]]


def test_nodes_that_are_all_missing_give_errors_and_no_hint(plane):
    two_missing = "--node 019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13 --node $ID"

    result = get_targets(plane, "--failed -o raw", two_missing, terminals=["stderr"])

    assert (result.code, result.out) == (1, b"")
    assert len(error_lines(result)) == 2
    assert hint_lines(result) == []  # not the hint that no target matches


# ---- hints


@table("""
    line                                            | sent | hint
    # `sent` is the number of Executions that the server sends.
    list                                            | 0    | no Execution matches
    list --cursor=                                  | 0    | no Execution matches
    list --cursor c                                 | 0    | no more Executions match
    list --last 3 -o jsonl                          | 0    | no Execution matches
    # The filters do not keep the one that the server sends.
    list --since=2030-01-01T00:00:00Z               | 1    | no Execution matches
    list --action-name nginx --cursor c             | 0    | no more Executions match
    list --updated-until=2020-01-01T00:00:00Z --cursor c | 1 | no more Executions match
    get $ID -o json --failed                        | 1    | no target matches
    get $ID -o yaml --failed                        | 1    | no target matches
    # An Execution without targets gets no hint, unless a flag selects targets.
    get $ID -o raw                                  | 1    |
""")
def test_hint_on_a_terminal_but_not_in_a_pipe_says_that_nothing_matches(plane, line, sent, hint):
    # The answer is a page, and also an Execution, which has no targets.
    answer = execution(items=[execution()] * int(sent))

    on_terminals = run_line(line, plane, answer, terminals=BOTH)
    without = run_line(line, plane, answer, terminals=["stdout"])

    assert (on_terminals.code, without.code, without.err) == (0, 0, "")
    assert hint_lines(on_terminals) == ([hint] if hint else [])


@every_get_format
def test_hint_also_says_in_a_pipe_that_no_target_matches_unless_an_empty_list_shows_it(
    plane, format
):
    # With raw, empty output would otherwise mean that the machines have printed nothing.
    one_failed = execution([target(status="failed")])

    matches = run_line("get $ID --failed " + format, plane, one_failed)
    nothing_matches = run_line("get $ID --running " + format, plane, one_failed)

    assert (matches.code, matches.err) == (0, "")
    assert nothing_matches.code == 0
    if format in ("-o json", "-o yaml"):
        assert b'"targets": []' in nothing_matches.out
        assert nothing_matches.err == ""
    else:
        assert nothing_matches.err == "hint: no target matches\n"


@pytest.mark.parametrize("terminals", [(), BOTH], ids=["pipes", "terminals"])
def test_hint_says_in_a_pipe_too_that_no_execution_has_the_exact_name_of_an_action(
    plane, terminals
):
    # A mistyped name would look like a quiet night.
    result = run_line("list --action-name ngnix", plane, page(), terminals=terminals)

    assert hint_lines(result) == ["no Execution matches (--action-name needs the exact name)"]


@table("""
    line                                               | has_hint
    list --failed --since 2026-07-14T09:00:00Z         | yes
    list --status succeeded --since 2026-07-14T09:00:00Z | yes
    targets --failed --since 2026-07-14T09:00:00Z      | yes
    # The status is not final, or times of update are compared, or nothing is compared with --since.
    list --running --since 2026-07-14T09:00:00Z        |
    list --since 2026-07-14T09:00:00Z                  |
    list --failed --until 2026-07-14T09:00:00Z         |
    list --failed --since 2026-07-14T09:00:00Z --updated-since 2026-07-14T09:00:00Z |
    list --failed --since 2026-07-14T09:00:00Z --updated-until 2026-07-15T09:00:00Z |
""")
def test_hint_says_in_a_pipe_that_since_goes_by_the_creation_if_a_final_status_is_selected(
    plane, line, has_hint
):
    result = run_line(line, plane, *[page()] * 6)

    hint = (
        "--since goes by the creation of the Execution; "
        "unless you resume a listing, use --updated-since for what ended since then"
    )
    assert hint_lines(result).count(hint) == (1 if has_hint else 0)


@every_list_format
@pytest.mark.parametrize("terminals", [(), BOTH], ids=["pipes", "terminals"])
def test_hint_without_limit_or_cursor_says_that_more_executions_follow(plane, format, terminals):
    answer = page(next_cursor="c")  # which is not the last page

    result = run_line("list " + format, plane, answer, terminals=terminals)

    assert result.code == 0
    assert hint_lines(result) == [
        "more Executions follow (the oldest come first): use --last N, --since WHEN or --all"
    ]


@table("""
    flags
    --color never
    --all -o wide
    --all --cursor c
""")
def test_match_on_the_last_page_leaves_no_hint_about_matches_or_more_pages(plane, flags):
    result = run_line("list " + flags, plane, page(execution()), terminals=BOTH)

    # Without the Execution: no Execution matches or, with --cursor, no more Executions match.
    assert (result.code, result.err) == (0, "")
