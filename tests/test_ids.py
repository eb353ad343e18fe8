"""Section 5.8: -o id prints ids, for the command line of another run."""

import pytest

from control_plane import PROJECT
from kit import (
    ALL,
    EXECUTION,
    GET,
    LIST,
    NODES,
    error_lines,
    execution,
    hint_lines,
    inline,
    listed,
    page,
    rule,
    run_cli,
    target,
)
from server import Reply

UNREADABLE = {"kind": "tape"}


@rule("5.8e")
def test_list_prints_the_id_of_each_execution(plane):
    plane.script(Reply(page(listed("e-1"), listed("e-2"))))

    result = run_cli(*LIST, "-o", "id", plane=plane)

    assert result.code == 0
    assert result.out == b"e-1\ne-2\n"
    assert result.err == ""


@rule("5.8e")
def test_list_of_nothing_prints_nothing(plane):
    plane.script(Reply(page()))

    result = run_cli(*LIST, "-o", "id", plane=plane)

    assert result.code == 0
    assert result.out == b""


@rule("5.8e", "5.8b")
def test_cursor_of_the_next_page_is_on_stderr(plane):
    plane.script(Reply(page(listed("e-1"), next_cursor="c2")))

    result = run_cli(*LIST, "-o", "id", plane=plane)

    assert result.code == 0
    assert result.out == b"e-1\n"
    assert len(hint_lines(result)) == 1
    assert result.err.startswith("hint: ")
    assert result.err.endswith("\nnext_cursor: c2\n")


@rule("5.8e", "6.3a")
def test_failure_keeps_the_ids_of_earlier_pages(plane):
    plane.script(Reply(page(listed("e-1"), next_cursor="c2")), Reply({}, 404))

    result = run_cli(*ALL, "-o", "id", plane=plane)

    assert result.code == 1
    assert result.out == b"e-1\n"
    assert error_lines(result) == ["HTTP 404 Not Found"]
    assert result.err.endswith("\nnext_cursor: c2\n")


@rule("5.8e", "5.4")
def test_get_prints_the_node_id_of_each_selected_target(plane):
    plane.script(
        Reply(
            execution(
                [
                    target(inline(b"x"), NODES[0], "failed"),
                    target(inline(b"y"), NODES[1], "succeeded"),
                    target(None, NODES[2], "failed"),
                ]
            )
        )
    )

    result = run_cli(*GET, "-o", "id", "--failed", plane=plane)

    assert result.code == 0
    assert (
        result.out
        == b"a1b2c300-0000-4000-8000-000000000000\na1b2c302-0000-4000-8000-000000000002\n"
    )
    assert result.err == ""


@rule("5.8e", "5.6")
def test_get_reads_no_outputs(plane):
    plane.script(Reply(execution([target(UNREADABLE, "node-1"), target(5, "node-2")])))

    result = run_cli(*GET, "-o", "id", plane=plane)

    assert result.code == 0
    assert result.out == b"node-1\nnode-2\n"


@rule("5.8e", "4.2", "5.10")
@pytest.mark.parametrize(
    "sent, shown",
    [
        pytest.param(None, b"-\n", id="null"),
        pytest.param("", b"-\n", id="empty"),
        pytest.param("a b\n\x1b", b"a\\x20b\\n\\x1b\n", id="space, line feed and escape"),
    ],
)
def test_id_is_one_field(plane, sent, shown):
    plane.script(Reply(page(listed(sent))), Reply(execution([target(None, sent)])))

    of_list = run_cli(*LIST, "-o", "id", plane=plane)
    of_get = run_cli(*GET, "-o", "id", plane=plane)

    assert of_list.code == 0
    assert of_list.out == shown
    assert of_get.code == 0
    assert of_get.out == shown


@rule("5.8e", "4.4")
def test_id_that_is_not_text_makes_the_response_malformed(plane):
    plane.script(
        Reply(page(listed("e-1"), listed(5))),
        Reply(execution([target(None, "n"), target(None, 5)])),
    )

    of_list = run_cli(*LIST, "-o", "id", plane=plane)
    of_get = run_cli(*GET, "-o", "id", plane=plane)

    assert of_list.code == 1
    assert of_list.out == b"e-1\n"
    assert error_lines(of_list) == [
        "the response is malformed: an Execution's id: expected a string"
    ]
    assert of_get.code == 1
    assert of_get.out == b"n\n"
    assert error_lines(of_get) == [
        "the response is malformed: a target's node_id: expected a string"
    ]


@rule("5.8e")
def test_id_of_the_newest_run_is_an_argument_of_get(plane):
    plane.script(
        Reply(page(listed("old", "09:00:00Z"), listed(EXECUTION, "09:30:00Z"))),
        Reply(execution([target(inline(b"some output\n"))])),
    )
    newest = run_cli(
        *LIST, "--action-name", "restart-nginx", "--last", "1", "-o", "id", plane=plane
    )

    result = run_cli(
        "get", newest.out.decode("ascii").strip(), "--project", PROJECT, "-o", "raw", plane=plane
    )

    assert newest.out == b"4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f\n"
    assert result.code == 0
    assert result.out == b"some output\n"
