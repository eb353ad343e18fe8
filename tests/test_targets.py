"""Which targets the command `targets` selects, and which requests it sends. What it prints is in targets.md."""

import pytest

from kit import (
    NODES,
    TARGETS,
    TARGETS_FORMATS,
    error_lines,
    inline,
    listed,
    page,
    posix_only,
    read_queries,
    run_line,
    run_on_screen,
    serve_pages,
    table,
    target,
)


def make_target(node, status, updated):
    """Return a target on NODES[node], last updated at this time of 2026-07-14, whose output is its node's number."""
    output = inline(b"%d\n" % node)
    return target(output, NODES[node], status, updated_at="2026-07-14T%s:00Z" % updated)


#: The output of a target is the number of its node. `mixed` ended at 9:40, and node 0 has failed in `open`, too.
RUNS = [
    [
        listed("old", "08:00:00Z", "failed", targets=[make_target(0, "failed", "08:10")]),
        listed("good", "09:00:00Z", "succeeded", targets=[make_target(0, "succeeded", "09:05")]),
    ],
    [
        listed(
            "mixed",
            "09:10:00Z",
            "failed",
            action="kernel-patch",
            targets=[
                make_target(0, "succeeded", "09:20"),
                make_target(1, "failed", "09:30"),
                make_target(2, "timeout", "09:40"),
            ],
        ),
        listed(
            "open",
            "09:15:00Z",
            "started",
            targets=[make_target(0, "failed", "09:25"), make_target(1, "started", "09:45")],
        ),
    ],
]


@table("""
    flags                              | selected
    # The id of each Execution, and the nodes of its selected targets
                                       | old:0 good:0 mixed:0,1,2 open:0,1
    # Statuses, nodes and times of update are those of the target.
    --failed                           | old:0 mixed:1,2 open:0
    --running                          | open:1
    --status succeeded                 | good:0 mixed:0
    --status timeout,started           | mixed:2 open:1
    --node $NODE                       | old:0 good:0 mixed:0 open:0
    --node a1b2c301-0000-4000-8000-000000000001,$NODE --failed | old:0 mixed:1 open:0
    --node 'a1b2c301-0000-4000-8000-000000000001, a1b2c302-0000-4000-8000-000000000002' | mixed:1,2 open:1
    --node a1b2c301-0000-4000-8000-000000000001 --node a1b2c302-0000-4000-8000-000000000002 | mixed:1,2 open:1
    --node $NODE --failed              | old:0 open:0
    --updated-since 2026-07-14T09:25Z  | mixed:1,2 open:0,1
    --updated-until 2026-07-14T09:25Z  | old:0 good:0 mixed:0
    --failed --updated-since 2026-07-14T09:25Z --updated-until 2026-07-14T09:40Z | mixed:1 open:0
    # --action-name, --since and --until are those of the Execution.
    --action-name restart-nginx        | old:0 good:0 open:0,1
    --since 2026-07-14T09:10Z --failed | mixed:1,2 open:0
    --until 2026-07-14T09:10Z --failed | old:0
    # --last selects Executions, before their targets are looked at. With --node, only those with this target count.
    --last 1                           | open:0,1
    --last 2 --failed                  | mixed:1,2 open:0
    --last 3 --node $NODE --failed     | open:0
    --last 4 --node $NODE --failed     | old:0 open:0
    --last 1 --node a1b2c302-0000-4000-8000-000000000002 | mixed:2
    --last 1 --until 2026-07-14T09:10Z --status succeeded | good:0
    # These change nothing.
    --all --limit 1 --failed           | old:0 mixed:1,2 open:0
""")
def test_flags_select_targets(plane, flags, selected):
    pages = RUNS
    if "--action-name" in flags:  # the server selects these
        pages = [[wire for wire in wires if wire["action"] == "restart-nginx"] for wires in RUNS]
    serve_pages(plane, pages)

    result = run_line("targets -o lines " + flags, plane)

    assert (result.code, error_lines(result)) == (0, [])
    found = {}
    for line in result.out.decode("ascii").splitlines():
        execution_id, _, _, node = line.split()
        found.setdefault(execution_id, []).append(node)
    assert " ".join("%s:%s" % (name, ",".join(found[name])) for name in found) == selected


@table("""
    flags                          | statuses
    # `-` is a query for all Executions.
                                   | -
    --node $NODE                   | -
    --status succeeded             | -
    --failed --status succeeded    | -
    --failed --last 5              | -
    # Any Execution may have a target with another status, except one that has succeeded.
    --failed                       | pending ack started failed cancelled timeout
    --status ack --node $NODE      | pending ack started failed cancelled timeout
    --running --since 2026-07-14   | pending ack started failed cancelled timeout
""")
def test_targets_asks_for_all_executions_or_for_those_that_have_not_succeeded(
    plane, flags, statuses
):
    serve_pages(plane, [])

    result = run_line("targets " + flags, plane)

    assert result.code == 0
    queries = read_queries(plane)
    assert [query.get("status", "-") for query in queries] == statuses.split()
    assert {query["limit"] for query in queries} == {"200"}


@table("""
    flags
    --cursor c2
    --cursor c2 --status succeeded
    --cursor c2 --last 1 --failed
""")
def test_cursor_works_with_a_query_for_all_executions(plane, flags):
    serve_pages(plane, RUNS)

    result = run_line("targets -o id " + flags, plane)

    assert (result.code, error_lines(result)) == (0, [])
    assert [query["cursor"] for query in read_queries(plane)] == ["c2"]
    assert result.out


def test_status_of_a_target_must_match_exactly(plane):
    wire = listed("x", status="failed", targets=[target(status="FAILED"), target(status="failed ")])
    serve_pages(plane, [[wire]])

    result = run_line("targets -o id --failed", plane)

    assert (result.code, result.out) == (0, b"")


@posix_only
def test_narrow_terminal_shows_recent_times_without_a_year(plane):
    recent = target(status="failed", updated_at="2026-07-14T09:28:41Z")

    result = run_on_screen(plane, page(listed("x", targets=[recent])), *TARGETS, "--color", "never")

    assert "  failed     07-14T09:28  none\n" in result.out.decode("ascii")


@pytest.mark.parametrize("format", TARGETS_FORMATS)
def test_selected_target_whose_node_id_is_no_text_is_an_error_except_in_json(plane, format):
    wire = listed("x", status="failed", targets=[target(node=5)])

    result = run_line("targets " + format, plane, page(wire))

    prints_json = "json" in format or "yaml" in format
    assert result.code == (0 if prints_json else 1)
    assert len(error_lines(result)) == (0 if prints_json else 1)
