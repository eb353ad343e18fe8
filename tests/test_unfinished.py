"""Rule 9.6b: after `get`, a line or a hint says that the Execution has not finished. Only terminals get the hint."""

import pytest

from kit import GET, NODES, archive, execution, hint_lines, inline, rule, run_cli, target
from server import Reply

#: Of these targets, two have succeeded.
TWO_OF_THREE = [
    target(inline(b"x\n"), NODES[0], "succeeded"),
    target(inline(b"y\n"), NODES[1], "succeeded"),
    target(None, NODES[2], "started"),
]


@rule("9.6b")
@pytest.mark.parametrize(
    "status, shown",
    [
        ("pending", "pending (2 of 3 succeeded)"),
        ("ack", "ack (2 of 3 succeeded)"),
        ("started", "started (2 of 3 succeeded)"),
        ("on hold", "on\\x20hold (2 of 3 succeeded)"),
    ],
)
@pytest.mark.parametrize("format", ["text", "table", "wide", "id", "json", "yaml", "jsonl"])
def test_hint_after_get_says_that_the_execution_has_not_finished(plane, format, status, shown):
    plane.script(Reply(execution(TWO_OF_THREE, status=status)))

    result = run_cli(*GET, "-o", format, plane=plane, terminals=["stderr"])

    assert result.code == 0
    assert len(hint_lines(result)) == 1
    assert hint_lines(result)[0].endswith(": " + shown)


@rule("9.6b")
@pytest.mark.parametrize(
    "status",
    [
        "succeeded",
        "failed",
        "cancelled",
        "timeout",
        None,
        "",
        pytest.param(5, id="a number"),
        pytest.param(["started"], id="a list"),
    ],
)
def test_no_hint_is_given_if_the_status_is_final_absent_or_no_text(plane, status):
    plane.script(Reply(execution(TWO_OF_THREE, status=status)))

    result = run_cli(*GET, "-o", "raw", plane=plane, terminals=["stderr"])

    assert result.code == 0
    assert result.out == b"x\ny\n"
    assert result.err == ""  # not: the Execution has not finished


@rule("9.6b")
def test_no_hint_is_given_if_stderr_is_not_a_terminal(plane):
    plane.script(Reply(execution(TWO_OF_THREE, status="started")))

    result = run_cli(*GET, "-o", "jsonl", plane=plane, terminals=["stdout"])

    assert result.code == 0
    assert result.err == ""  # not: the Execution has not finished


on_every_stderr = pytest.mark.parametrize(
    "terminals",
    [
        pytest.param(["stdout"], id="stderr in a pipe"),
        pytest.param(["stderr"], id="stderr on a terminal"),
    ],
)


@rule("9.6b")
@on_every_stderr
@pytest.mark.parametrize(
    "format, out", [("raw", b"x\ny\n"), ("lines", NODES[0].encode() + b": x\n")]
)
@pytest.mark.parametrize(
    "status, line",
    [
        ("pending", "status: pending (2 of 3 succeeded)\n"),
        ("ack", "status: ack (2 of 3 succeeded)\n"),
        ("started", "status: started (2 of 3 succeeded)\n"),
        ("on hold", "status: on\\x20hold (2 of 3 succeeded)\n"),
    ],
)
def test_raw_and_lines_end_with_the_status_on_stderr(plane, format, out, status, line, terminals):
    plane.script(Reply(execution(TWO_OF_THREE, status=status)))

    result = run_cli(*GET, "-o", format, plane=plane, terminals=terminals)

    assert result.code == 0
    assert result.out.startswith(out)
    assert result.err == line


@rule("9.6b", "9.3c")
@on_every_stderr
def test_output_dir_ends_with_the_status_on_stderr(plane, tmp_path, terminals):
    plane.script(
        Reply(execution([target(inline(b"x\n")), target(archive(), NODES[1])], status="started"))
    )
    folder = str(tmp_path / "out")

    result = run_cli(*GET, "--output-dir", folder, plane=plane, terminals=terminals)

    assert result.code == 0
    assert result.err == folder + ": 1 inline, 1 archived\nstatus: started (2 of 2 succeeded)\n"


@rule("9.6b", "9.2")
@pytest.mark.parametrize("format", ["text", "jsonl"])
def test_exit_status_ends_with_the_status_of_an_unfinished_run_on_stderr(plane, format):
    plane.script(Reply(execution(TWO_OF_THREE, status="started")))

    result = run_cli(*GET, "--exit-status", "-o", format, plane=plane)

    assert result.code == 5
    assert result.err == "status: started (2 of 3 succeeded)\n"


@rule("9.6b", "9.2", "5.7b")
def test_line_with_the_status_follows_the_errors_and_changes_no_exit_code(plane):
    plane.script(Reply(execution([target(archive())], status="started")))

    result = run_cli(*GET, "-o", "raw", "--exit-status", plane=plane)

    assert result.code == 1
    assert result.err.startswith("error: the output of target ")
    assert result.err.endswith("\nstatus: started (1 of 1 succeeded)\n")


@rule("9.6b", "5.4")
def test_hint_counts_all_targets_even_if_some_are_selected(plane):
    plane.script(Reply(execution(TWO_OF_THREE, status="started")))

    result = run_cli(*GET, "--node", NODES[2], plane=plane, terminals=["stderr"])

    assert result.code == 0
    assert hint_lines(result) == ["the Execution has not finished: started (2 of 3 succeeded)"]
