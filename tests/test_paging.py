"""Sections 1, 5, 6: cursors, --all, and a listing that breaks: nothing is lost, and the next run goes on from there."""

import json

import pytest

import plexctl_exec_log as program
from control_plane import EXECUTIONS, Reply
from kit import FORMS, GET, LIST, NODES, Halting, answered, encoded, execution, listed, page, run_cli, target

ALL = LIST + ("--all",)
SEEDED = [wire["id"] for wire in EXECUTIONS]


def numbered(first, count):
    """Executions e-FIRST and so on."""
    return [execution(id="e-%d" % number) for number in range(first, first + count)]


@pytest.mark.parametrize("form", FORMS)
def test_all_follows_the_cursors_over_one_connection(plane, form):
    result = run_cli(*ALL + ("--limit", "7", "--output", form), plane=plane)
    assert listed(result, form) == (SEEDED, []) and (result.code, result.err) == (0, "")
    assert (len(plane.requests), plane.connections) == (-(-len(SEEDED) // 7), 1)


@pytest.mark.parametrize("form", FORMS)
def test_threading_the_cursor_shows_every_execution_once(plane, form):
    seen, cursors = [], [""]
    while cursors:
        result = run_cli(*LIST + ("--limit", "29", "--output", form, "--cursor", cursors[0]), plane=plane)
        ids, cursors = listed(result, form)
        seen += ids
    assert seen == SEEDED and "cursor" not in plane.requests[0].target and len(plane.requests) == 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("first, second, document", [
    ({"items": None, "next_cursor": "c2"}, page(*numbered(1, 1)), page(*numbered(1, 1))),
    (b'{"next_cursor": "c2", "items": [{"id": "e-1"}]}', page({"id": "e-2"}), page({"id": "e-1"}, {"id": "e-2"})),
    (page({"id": "1"}, next_cursor="c2", more=1), page(more=[2], next_cursor=None), page({"id": "1"})),
    (page(next_cursor="c2"), page(next_cursor=""), page())],
    ids=["null items", "cursor first", "other members", "nothing"])
def test_all_is_one_document(plane, form, first, second, document):
    plane.script(Reply(first), Reply(second))
    walked = run_cli(*ALL + ("--output", form), plane=plane)
    assert walked == answered(plane, document, *LIST + ("--output", form)) and len(plane.requests) == 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("flag", ["--all", "--since=2026-01-01"])
def test_walk_is_streamed_page_by_page(plane, form, flag):
    halting = Halting(b"", encoded(page(*numbered(2, 1))))
    plane.script(Reply(page(*numbered(1, 1), next_cursor="c2")), halting)
    assert run_cli(*LIST + (flag, "--output", form), plane=plane, stdout=halting.out).code == 0
    assert b"e-1" in halting.seen and b"e-2" not in halting.seen


CUT = encoded(page(*numbered(3, 3), next_cursor="c3"))
BREAKS = {"refused": Reply({"title": "Gone"}, 410), "cut": Reply(CUT, cut=700), "cut at once": Reply(CUT, cut=1),
          "cut last": Reply(CUT, cut=len(CUT) - 1), "malformed": Reply(CUT[:-2] + b",]}"), "empty": Reply(b""),
          "wrong": Reply({"items": numbered(3, 1) + [1]}), "not ours": Reply({}), "denied": Reply({"code": "rebac_denied"}, 403)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fault", sorted(BREAKS))
def test_break_on_a_later_page_prints_what_came_whole_and_the_cursor_that_resumes(plane, fault, form):
    plane.script(Reply(page(*numbered(1, 2), next_cursor="c2")), BREAKS[fault])
    result = run_cli(*ALL + ("--output", form), plane=plane)
    ids, cursors = listed(result, form)
    came = {"cut": 4, "cut last": 5, "malformed": 5, "wrong": 3}.get(fault, 2)
    assert (result.code, cursors) == (77 if fault == "denied" else 1, ["c2"]) and "error: " in result.err
    assert ids == ["e-%d" % number for number in range(1, came + 1)]
    if form == "json":
        assert json.loads(result.out.decode("ascii"))["next_cursor"] == "c2"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("asked", ["c8", ""])
def test_break_on_a_single_page_names_its_own_cursor_if_it_had_one(plane, form, asked):
    body = encoded(page(*numbered(1, 3), next_cursor="c9"))
    result = answered(plane, Reply(body, cut=body.rindex(b"]")), *LIST + ("--cursor", asked, "--output", form))
    assert result.code == 1 and listed(result, form) == (["e-1", "e-2", "e-3"], [asked] if asked else [])
    if not asked:
        ends = {"json": b"    }", "yaml": b"\n# incomplete\n", "text": b" restart-nginx\n", "jsonl": b"}\n"}
        assert result.out.endswith(ends[form])
    elif form == "json":
        assert json.loads(result.out.decode("ascii")) == page(*numbered(1, 3), next_cursor="c8")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("argv", [ALL, LIST + ("--cursor", "c"), GET], ids=["all", "cursor", "get"])
def test_failure_before_any_output_prints_nothing(plane, argv, form):
    result = answered(plane, Reply({}, 404), *argv + ("--output", form))
    assert (result.code, result.out) == (1, b"") and "cursor" not in result.err


@pytest.mark.parametrize("form, end", [
    ("json", b': "builtin"'), ("yaml", b"\n# incomplete\n"), ("text", b"no output <==\n"), ("jsonl", b"}\n"), ("raw", b"")])
def test_broken_get_has_no_end(plane, form, end):
    body = encoded(execution([target(node=NODES[0])]))
    result = answered(plane, Reply(body, cut=len(body) - 30), *GET + ("--output", form))
    assert result.code == 1 and result.out.endswith(end) and b"ID " not in result.out and b"cursor" not in result.out


class Circle:
    """A Transport whose pages lead through so many cursors into a cycle, if any."""

    def __init__(self, lead, cycle=0):
        self.lead, self.cycle, self.pages = lead, cycle, 0

    def get(self, path, parameters):
        number, self.pages = self.pages, self.pages + 1
        if number >= self.lead and self.cycle:
            number = self.lead + (number - self.lead) % self.cycle
        yield encoded(page({}, next_cursor="c%d" % number if number < self.lead or self.cycle else None))


def test_cursor_that_comes_again_is_seen_whatever_the_length_of_the_cycle():
    for lead in range(0, 40, 3):
        for cycle in range(1, 40):
            circle = Circle(lead, cycle)
            with pytest.raises(program.RemoteError, match="came again"):
                list(program.walk(circle, "p", {}))
            assert lead + cycle < circle.pages <= 3 * (lead + cycle) + 3
    assert sum(name == program.ELEMENT for name, _ in program.walk(Circle(3000), "p", {})) == 3001


@pytest.mark.parametrize("form", FORMS)
def test_cursor_that_comes_again_is_1_and_told(plane, form):
    plane.script(*[Reply(page(*numbered(1, 1), next_cursor="c"))] * 9)
    result = run_cli(*ALL + ("--output", form), plane=plane)
    ids, cursors = listed(result, form)
    assert (result.code, cursors, len(plane.requests)) == (1, ["c"], 2) and ids == ["e-1"] * 2


@pytest.mark.parametrize("asked, told", [("c8", ["c8"]), ("", [])])
def test_cursor_that_cannot_be_sent_ends_the_walk(plane, asked, told):
    result = answered(plane, page(*numbered(1, 1), next_cursor="\ud800"), *ALL + ("--cursor", asked))
    assert (result.code, len(plane.requests)) == (1, 1) and listed(result, "text") == (["e-1"], told)
    assert answered(plane, page(next_cursor="\ud800"), *LIST + ("--output", "json")).code == 0


def test_library_walks_with_the_filters_it_was_given(plane):
    transport = program.Transport(program.Server.parse(plane.url), plane.token)
    given = {"status": "failed", "action_name": "", "limit": "1", "cursor": ""}
    found = [value for name, value in program.walk(transport, LIST[3], given) if name == program.ELEMENT]
    transport.close()
    assert {wire["status"] for wire in found} == {"failed"}
    assert len(plane.requests) == len(found) > 1 and given["cursor"] == ""
    assert all("status=failed" in request.target and "limit=1" in request.target for request in plane.requests)


@pytest.mark.parametrize("form, shown", [("json", b'{\n  "items": [],\n  "next_cursor": "c2"\n}\n'), ("yaml", b'items: []\nnext_cursor: "c2"\n')])
def test_walk_that_breaks_after_empty_pages_has_its_items_all_the_same(plane, form, shown):
    plane.script(Reply(page(next_cursor="c2")), Reply({}, 404))
    assert run_cli(*LIST + ("--all", "--output", form), plane=plane)[:2] == (1, shown)


@pytest.mark.parametrize("fault", [{"announce": 9999}, {"framing": "chunked", "slices": 30, "cut": 60}], ids=["length", "chunked"])
def test_number_that_may_be_cut_is_not_printed(plane, fault):
    plane.script(Reply(b'{"items":[],"x":"%s","total":12' % (b"y" * 25), **fault))
    assert b"total" not in run_cli(*LIST + ("--cursor", "c", "--output", "json"), plane=plane).out
