"""The two helpers that read a notation of their own: table and run_line."""

import pytest

from kit import EXECUTION, page, read_queries, run_line, table
from server import DROP


def test_each_line_of_a_table_is_a_case_named_by_its_first_value_or_its_line():
    mark = table("""
        flags     | query
        # two values, and an empty one
        -n 5      | a b
        --all  x  |
        # the same first value: the line is the name
        -v        | a
        -v        | b
    """).mark

    assert mark.args == (
        ["flags", "query"],
        [["-n 5", "a b"], ["--all  x", ""], ["-v", "a"], ["-v", "b"]],
    )
    assert mark.kwargs == {"ids": ["-n 5", "--all  x", "-v | a", "-v | b"]}


def test_table_with_only_a_header_is_an_error():
    with pytest.raises(AssertionError):
        table("""
            flags
            # nothing
        """)


def test_line_is_split_as_a_shell_splits_it_and_answered_in_order(plane):
    # The first answer closes the connection, so that the request is repeated. $ID stands for EXECUTION.
    result = run_line("list --action-name 'a  b' --cursor $ID", plane, DROP, page())

    assert result.code == 0
    assert read_queries(plane) == 2 * [{"action_name": "a  b", "cursor": EXECUTION}]


def test_answer_that_nobody_asked_for_is_an_error(plane):
    run_line("list", plane, page(), page())  # one request

    # The next run finds the answer that is left.
    with pytest.raises(AssertionError):
        run_line("list", plane)
