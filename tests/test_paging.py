"""Sections 1, 3, 6: cursors, --all, and a listing that breaks: nothing is lost, and the next run goes on from there."""

import json

import pytest

import plexctl_exec_log as program
from control_plane import EXECUTIONS, RESET, Reply
from kit import LIST, answered, encoded, execution, page, run_cli

ALL = LIST + ("--all",)


def ids(out):
    """The ids of the items of a json, jsonl or text listing, as far as it goes."""
    lines = out.decode("utf-8").splitlines()
    return [line.split('"')[3] for line in lines if '"id": ' in line] or [json.loads(line)["id"] for line in lines if line.startswith("{")] \
        or [line.split()[0] for line in lines if line.startswith("e-")]


def numbered(first, count):
    """Executions e-FIRST and so on."""
    return [execution(id="e-%d" % number) for number in range(first, first + count)]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_all_follows_the_cursors_over_one_connection(plane, form):
    result = run_cli(*ALL + ("--limit", "7", "--output", form), plane=plane)
    assert ids(result.out) == [item["id"] for item in EXECUTIONS]
    assert (len(plane.requests), plane.connections, result.err) == (9, 1, "")


def test_filters_go_along_with_every_page(plane):
    run_cli(*ALL + ("--limit", "2", "--status", "failed"), plane=plane)
    assert len(plane.requests) > 1 and all("status=failed" in request.target and "limit=2" in request.target for request in plane.requests)


def test_threading_the_cursor_shows_every_execution_once(plane):
    seen, cursor = [], ""
    while not seen or cursor:
        lines = run_cli(*LIST + ("--limit", "9", "--cursor", cursor), plane=plane).out.decode("ascii").splitlines()
        cursor = lines.pop().split(": ", 1)[1] if lines[-1].startswith("next_cursor: ") else ""
        seen += [line.split()[0] for line in lines[1:]]
    assert seen == [item["id"] for item in EXECUTIONS]


def test_tampered_cursor_and_high_limit_are_refused_by_the_server(plane):
    assert "invalid_cursor" in run_cli(*LIST + ("--cursor", "-tampered"), plane=plane).err
    assert "invalid_limit" in run_cli(*LIST + ("--limit", "201"), plane=plane).err


BREAKS = {"refused": Reply({"title": "Gone"}, 410), "cut": Reply(encoded(page(*numbered(3, 3), next_cursor="c3")), cut=700),
          "malformed": Reply(encoded(page(*numbered(3, 2)))[:-2] + b",]}"), "wrong": Reply({"items": numbered(3, 1) + [1]}),
          "not ours": Reply({}), "empty": Reply(b"")}


@pytest.mark.parametrize("form", ["text", "json", "yaml", "jsonl"])
@pytest.mark.parametrize("fault", sorted(BREAKS))
def test_break_on_a_later_page_names_the_cursor_that_resumes(plane, fault, form):
    plane.script(Reply(page(*numbered(1, 2), next_cursor="c2")), BREAKS[fault])
    result = run_cli(*ALL + ("--output", form), plane=plane)
    assert result.code == 1 and "error: " in result.err
    where = result.err if form == "jsonl" else result.out.decode("ascii")
    assert {"text": "next_cursor: c2\n", "json": '  "next_cursor": "c2"\n}\n', "yaml": 'next_cursor: "c2"\n', "jsonl": "next_cursor: c2\n"}[form] in where
    if form in ("text", "json", "jsonl"):
        assert ids(result.out)[:2] == ["e-1", "e-2"]
    if form == "json":
        assert json.loads(result.out.decode("ascii"))["next_cursor"] == "c2"


@pytest.mark.parametrize("form", ["text", "json", "jsonl"])
@pytest.mark.parametrize("cut", [1, 200, 700, 1000, -1])
def test_two_runs_hold_every_execution(plane, form, cut):
    first, second = page(*numbered(1, 3), next_cursor="c2"), page(*numbered(4, 4))
    body = encoded(second)
    plane.script(Reply(first), Reply(body, cut=cut % len(body)), Reply(second))
    broken = run_cli(*ALL + ("--output", form), plane=plane)
    resumed = run_cli(*LIST + ("--cursor", "c2", "--output", form), plane=plane)
    assert (broken.code, resumed.code) == (1, 0)
    assert sorted(set(ids(broken.out) + ids(resumed.out))) == ["e-%d" % number for number in range(1, 8)]


@pytest.mark.parametrize("form, end", [("json", b"    }"), ("yaml", b"\n# incomplete\n"), ("text", b" restart-nginx\n")])
def test_break_on_the_very_first_page_names_none(plane, form, end):
    body = encoded(page(*numbered(1, 3), next_cursor="c2"))
    result = answered(plane, Reply(body, cut=len(body) - 30), *LIST + ("--output", form))
    assert result.code == 1 and result.out.endswith(end) and b"next_cursor" not in result.out


def test_break_on_a_page_asked_for_names_its_own_cursor(plane):
    body = encoded(page(*numbered(1, 3), next_cursor="c9"))
    result = answered(plane, Reply(body, cut=len(body) - 30), *LIST + ("--cursor", "c8", "--output", "json"))
    assert json.loads(result.out.decode("ascii"))["next_cursor"] == "c8" and ids(result.out) == ["e-1", "e-2", "e-3"][:len(ids(result.out))]


def test_json_is_closed_when_its_first_member_cannot_be_printed(plane):
    body = b'{"deep":%s,"items":[]}' % (b"[" * 995 + b"]" * 995)
    out = answered(plane, Reply(body), *LIST + ("--cursor", "c", "--output", "json")).out
    assert out in (b"", b'{\n  "next_cursor": "c"\n}\n') or json.loads(out.decode("ascii"))["items"] == []


@pytest.mark.parametrize("form", ["text", "json", "yaml", "jsonl"])
def test_failure_before_any_output_prints_nothing(plane, form):
    assert answered(plane, Reply({}, 404), *ALL + ("--output", form)).out == b""


@pytest.mark.parametrize("form, end", [("json", b': "builtin"'), ("yaml", b"\n# incomplete\n"), ("text", b"no output <==\n"), ("jsonl", b"}\n")])
def test_broken_get_has_no_end(plane, form, end):
    body = encoded(execution([{"node_id": "n", "status": "succeeded"}]))
    argv = ("get", "--project", LIST[3], "--id", LIST[3], "--output", form)
    result = answered(plane, Reply(body, cut=len(body) - 30), *argv)
    assert result.code == 1 and result.out.endswith(end) and b"ID " not in result.out


@pytest.mark.parametrize("lead, cycle", [(0, 1), (0, 2), (1, 1), (3, 4), (5, 17)])
def test_cursor_that_comes_again_ends_the_listing(plane, lead, cycle):
    cursors = ["c%d" % number for number in range(lead)] + ["x%d" % (number % cycle) for number in range(6 * cycle + 4 * lead + 4)]
    plane.script(*[Reply(page(*numbered(1, 1), next_cursor=cursor)) for cursor in cursors])
    result = run_cli(*ALL, plane=plane)
    assert result.code == 1 and "came again" in result.err and len(plane.requests) <= 3 * (lead + cycle) + 3
    assert result.out.splitlines()[-1].startswith(b"next_cursor: x")


def test_cycle_is_seen_whatever_its_length():
    for lead in range(0, 40, 3):
        for cycle in range(1, 40):
            check, steps = program.CycleCheck(), 0
            with pytest.raises(program.RemoteError):
                while True:
                    check.add(str(steps if steps < lead else lead + (steps - lead) % cycle))
                    steps += 1
            assert steps <= 3 * (lead + cycle) + 2


def test_no_cycle_is_seen_in_a_long_listing():
    check = program.CycleCheck()
    for number in range(10000):
        check.add(str(number))


def test_fault_between_pages_is_retried(plane):
    plane.script(Reply(page(*numbered(1, 1), next_cursor="c2")), RESET, Reply(page(*numbered(2, 1))))
    result = run_cli(*ALL, plane=plane)
    assert result.code == 0 and ids(result.out) == ["e-1", "e-2"]


def test_null_items_are_none(plane):
    plane.script(Reply({"items": None, "next_cursor": "c2"}), Reply(page(*numbered(1, 1))))
    assert json.loads(run_cli(*ALL + ("--output", "json"), plane=plane).out.decode("ascii")) == page(*numbered(1, 1))


def test_items_after_next_cursor(plane):
    plane.script(Reply(b'{"next_cursor": "c2", "items": [{"id": "e-1"}]}'), Reply(page(*numbered(2, 1))))
    assert ids(run_cli(*ALL, plane=plane).out) == ["e-1", "e-2"]


def test_break_of_a_page_asked_for_with_an_empty_cursor_names_none(plane):
    body = encoded(page(*numbered(1, 3)))
    result = answered(plane, Reply(body, cut=len(body) - 30), *LIST + ("--cursor", "", "--output", "json"))
    assert result.code == 1 and b"next_cursor" not in result.out
