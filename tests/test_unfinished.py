"""Rule 9.6b: a hint after `get` says that the Execution has not finished. It is given only on a terminal."""

import pytest

from kit import GET, NODES, execution, hint_lines, inline, rule, run_cli, target
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
        ("pending", "pending 2/3"),
        ("ack", "ack 2/3"),
        ("started", "started 2/3"),
        ("on hold", "on\\x20hold 2/3"),
    ],
)
@pytest.mark.parametrize("format", ["text", "raw", "id", "json"])
def test_hint_after_get_says_that_the_execution_has_not_finished(plane, format, status, shown):
    plane.script(Reply(execution(TWO_OF_THREE, status=status)))

    result = run_cli(*GET, "-o", format, plane=plane, terminals=["stderr"])

    assert result.code == 0
    assert len(hint_lines(result)) == 1
    assert hint_lines(result)[0].endswith(": " + shown)


@rule("9.6b")
@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled", "timeout", None, ""])
def test_no_hint_is_given_if_the_status_is_final_or_absent(plane, status):
    plane.script(Reply(execution(TWO_OF_THREE, status=status)))

    result = run_cli(*GET, "-o", "raw", plane=plane, terminals=["stderr"])

    assert result.code == 0
    assert result.out == b"x\ny\n"
    assert result.err == ""  # not: the Execution has not finished


@rule("9.6b")
def test_no_hint_is_given_if_stderr_is_not_a_terminal(plane):
    plane.script(Reply(execution(TWO_OF_THREE, status="started")))

    result = run_cli(*GET, "-o", "raw", plane=plane, terminals=["stdout"])

    assert result.code == 0
    assert result.out == b"x\ny\n"
    assert result.err == ""  # not: the Execution has not finished


@rule("9.6b", "9.3")
def test_hint_is_given_with_output_dir_too(plane, tmp_path):
    plane.script(Reply(execution(TWO_OF_THREE, status="started")))

    result = run_cli(*GET, "--output-dir", str(tmp_path / "out"), plane=plane, terminals=["stderr"])

    assert result.code == 0
    assert hint_lines(result) == ["the Execution has not finished: started 2/3"]


@rule("9.6b", "5.4")
def test_hint_counts_all_targets_even_if_some_are_selected(plane):
    plane.script(Reply(execution(TWO_OF_THREE, status="started")))

    result = run_cli(*GET, "--node", NODES[2], plane=plane, terminals=["stderr"])

    assert result.code == 0
    assert hint_lines(result) == ["the Execution has not finished: started 2/3"]
