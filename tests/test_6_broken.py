"""Sections 6.3 and 6.4: a document that breaks, wherever it is cut, and cursors that lead nowhere."""

import json
import sys

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN
from kit import (EXECUTION, GET, GET_FORMS, LIST, LIST_FORMS, NODES, encode, error_lines, execution, inline, page,
                 read_listing, read_sections, rule, run_against, run_cli, target)
from kit_yaml import read_yaml
from server import Reply, ScriptedServer

ALL = LIST + ("--all",)
every_form = pytest.mark.parametrize("form", LIST_FORMS)


def number_items(first, count):
    """Executions e-FIRST and so on."""
    return [execution(id="e-%d" % number) for number in range(first, first + count)]


def is_json(out):
    """Whether a parser takes it for a whole document."""
    try:
        json.loads(out.decode("ascii"))
    except ValueError:
        return False
    return True


# ---- 6.3: a small listing, cut at every place, and at every place spoiled by a byte that no JSON has

LISTED = b'{"items":[{"id":"e-3"},{"id":"e-4"}],"n":-1.5,"next_cursor":"c9"}'
ITEMS = [{"id": "e-%d" % number} for number in (1, 2, 3, 4)]
FIRST = Reply(page(*ITEMS[:2], next_cursor="c2"))
FAULTS = {"cut": lambda place: Reply(LISTED, cut=place),
          "spoiled": lambda place: Reply(LISTED[:place] + b"\x01" + LISTED[place:])}


def find_places(body, form):
    """Where a body is broken: at every place, or for the forms that share their code with others at every third."""
    return range(0, len(body), 1 if form in ("text", "json") else 3)


def break_listings(plane, before, fault, argv):
    """For each place, after these answers, the place and the Result of reading the listing that is broken there."""
    for place in find_places(LISTED, argv[-1]):
        plane.answers.clear()
        plane.script(*before + [FAULTS[fault](place)])
        result = run_cli(*argv, plane=plane)
        assert result.code == 1 and len(error_lines(result)) == 1
        yield place, result


def came_whole(place):
    """How many of the listing's items are whole before the place."""
    return sum(place > LISTED.index(end) for end in (b"},", b"}]"))


@rule("6.3")
@pytest.mark.parametrize("form, fault", [(form, "cut") for form in LIST_FORMS] + [("json", "spoiled")])
def test_walk_broken_anywhere_prints_whole_rows_and_the_cursor_that_resumes(plane, form, fault):
    for place, result in break_listings(plane, [FIRST], fault, ALL + ("--output", form)):
        ids, cursors = read_listing(result, form)
        assert cursors == ["c2"], place
        assert ids == ["e-1", "e-2", "e-3", "e-4"][:2 + came_whole(place)], place
        if form in ("json", "yaml"):
            document = {"json": json.loads, "yaml": read_yaml}[form](result.out.decode("ascii"))
            assert document == {"items": ITEMS[:len(ids)], "next_cursor": "c2"}, place
            assert list(document)[1] == "next_cursor" and b"incomplete" not in result.out


@rule("6.3")
@every_form
def test_first_page_broken_anywhere_is_never_taken_for_whole(plane, form):
    for place, result in break_listings(plane, [], "cut", LIST + ("--output", form)):
        ids, cursors = read_listing(result, form)
        assert cursors == [] and "c9" not in result.err and b"c9" not in result.out, place
        assert ids == ["e-3", "e-4"][:came_whole(place)], place
        assert form != "json" or not is_json(result.out), place
        assert form != "yaml" or result.out == b"" or (b"\n" + result.out).endswith(b"\n# incomplete\n"), place
        assert form not in ("text", "jsonl") or result.out == b"" or result.out.endswith(b"\n")


@rule("6.3")
@pytest.mark.parametrize("form", ["text", "jsonl"])
def test_later_page_broken_anywhere_tells_its_own_cursor(plane, form):
    for place, result in break_listings(plane, [], "cut", LIST + ("--cursor", "c8", "--output", form)):
        ids, cursors = read_listing(result, form)
        assert ids == ["e-3", "e-4"][:came_whole(place)], place
        assert cursors == ["c8"] or cursors == [] == ids and result.out == b"", place


@rule("6.3")
@every_form
@pytest.mark.parametrize("cursor", ["", "c8"], ids=["first page", "later page"])
def test_document_that_goes_on_after_its_end_is_broken(plane, form, cursor):
    result = run_against(plane, Reply(LISTED + b"x"), *LIST + ("--cursor", cursor, "--output", form))
    assert result.code == 1 and read_listing(result, form) == (["e-3", "e-4"], [cursor] if cursor else [])
    assert form != "json" or is_json(result.out) == bool(cursor)
    assert form != "yaml" or result.out.endswith(b"# incomplete\n") == (not cursor)


# ---- 6.3: a small get, cut at every place

GOT = b'{"id":"%s","status":"failed","targets":[{"node_id":"n","output_ref":{"kind":"inline","inline_bytes":"YWI="}},' \
      b'{"node_id":"m"}],"type":"hook"}' % EXECUTION.encode()
WITHIN_ID = range(10, 42)       # the same code runs for a cut at each place within the id


@rule("6.3")
@pytest.mark.parametrize("form", GET_FORMS)
def test_get_broken_anywhere_prints_whole_targets_and_is_never_taken_for_whole(plane, form):
    plane.script(Reply(GOT))
    truth = run_cli(*GET + ("--output", form), plane=plane)
    assert truth.code == 0
    for place in find_places(GOT, form):
        if place in WITHIN_ID:
            continue
        plane.script(Reply(GOT, cut=place))
        result = run_cli(*GET + ("--output", form), plane=plane)
        assert result.code == 1 and len(error_lines(result)) == 1 and "next_cursor" not in result.err, place
        out = result.out
        if form == "text":
            assert truth.out.startswith(out) and b"ID " not in out, place
            assert out == b"" or out.endswith(b"\n") and b"<==\n" in out
            shown = out.count(b"<==\n")
        elif form == "json":
            assert not is_json(out) and truth.out.startswith(out[:-4] if out.endswith(b"\n  ]") else out), place
            shown = out.count(b"node_id")
        elif form == "yaml":
            assert out == b"" or out.endswith(b"\n# incomplete\n"), place
            assert truth.out.startswith(out.replace(b"# incomplete\n", b""))
            shown = out.count(b"node_id")
        else:
            assert truth.out.startswith(out) and out in (b"", b"ab") or form == "jsonl", place
            shown = out.count(b"\n") if form == "jsonl" else out.count(b"ab")
            assert form == "raw" or truth.out.splitlines(True)[:shown] == out.splitlines(True)
        came = [place > GOT.index(b"}},") + 1, place > GOT.index(b"}],") and form != "raw"]
        assert shown == sum(came), place


@rule("6.3")
@pytest.mark.parametrize("form, end", [
    ("json", b': "builtin"'), ("yaml", b"\n# incomplete\n"), ("text", b"no output <==\n"), ("jsonl", b"}\n"),
    ("raw", b"")])
def test_broken_get_has_no_end(plane, form, end):
    body = encode(execution([target(node=NODES[0])]))
    result = run_against(plane, Reply(body, cut=len(body) - 30), *GET + ("--output", form))
    assert result.code == 1 and b"ID " not in result.out and b"cursor" not in result.out
    assert result.out.rstrip(b"\n").endswith(end.rstrip(b"\n")) and (form != "json" or not is_json(result.out))


@rule("6.3", "3.10")
@pytest.mark.parametrize("fault", [{"announce": 9999}, {"framing": "chunked", "slices": 30, "cut": 60}],
                         ids=["length", "chunked"])
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_number_that_may_be_cut_is_not_printed(plane, fault, form):
    plane.script(Reply(b'{"items":[],"x":"%s","total":12' % (b"y" * 25), **fault))
    result = run_cli(*LIST + ("--cursor", "c", "--output", form), plane=plane)
    assert result.code == 1 and b"total" not in result.out and b"12" not in result.out


# ---- 6.3: what breaks a page

CUT = encode(page(*number_items(3, 3), next_cursor="c3"))
#: What the second page is: its answer, how many Executions are printed with those of the first, and the exit code. A
#: cut at 700 is within the third Execution of the second page.
BREAKS = {
    "refused": (Reply({"title": "Gone"}, 410), 2, 1), "denied": (Reply({"code": "rebac_denied"}, 403), 2, 77),
    "forbidden": (Reply({}, 403), 2, 4), "unauthenticated": (Reply({}, 401), 2, 3), "cut": (Reply(CUT, cut=700), 4, 1),
    "reset": (Reply(CUT, cut=700, reset=True), 4, 1),
    "chunk cut": (Reply(CUT, framing="chunked", slices=100, cut=700), 4, 1),
    "closed early": (Reply(CUT, framing="close", cut=700), 4, 1), "cut at once": (Reply(CUT, cut=1), 2, 1),
    "cut last": (Reply(CUT, cut=len(CUT) - 1), 5, 1), "malformed": (Reply(CUT[:-2] + b",]}"), 5, 1),
    "empty": (Reply(b""), 2, 1), "not ours": (Reply({}), 2, 1),
    "no object": (Reply({"items": number_items(3, 1) + [1]}), 3, 1),
    "items twice": (Reply(CUT[:-1] + b',"items":[]}'), 5, 1), "no UTF-8": (Reply(CUT[:-1] + b',"x":"\xff"}'), 5, 1),
    "redirect": (Reply(b"", 302, [("Location", "/x")]), 2, 1)}


@rule("6.3")
@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("answer, came, code", list(BREAKS.values()), ids=list(BREAKS))
def test_break_on_a_later_page_keeps_its_exit_code_and_the_cursor(plane, answer, came, code, form):
    plane.script(Reply(page(*number_items(1, 2), next_cursor="c2")), answer)
    result = run_cli(*ALL + ("--output", form), plane=plane)
    assert read_listing(result, form) == (["e-%d" % number for number in range(1, came + 1)], ["c2"])
    assert result.code == code and error_lines(result) and (form != "json" or is_json(result.out))


@rule("6.3")
@every_form
@pytest.mark.parametrize("broken", [0, 1, 2, 3])
def test_walk_that_broke_goes_on_with_the_cursor_printed_and_skips_none(plane, form, broken):
    pages = [page(execution(id="%da" % number), execution(id="%db" % number), next_cursor="c%d" % (number + 1))
             for number in range(3)] + [page(execution(id="3a"), execution(id="3b"))]
    replies = [Reply(whole) for whole in pages]
    plane.script(*replies[:broken] + [Reply(pages[broken], cut=500)] + replies[broken:])
    first = run_cli(*ALL + ("--cursor", "c0", "--output", form), plane=plane)
    ids, cursors = read_listing(first, form)
    second = run_cli(*ALL + ("--cursor", cursors[0], "--output", form), plane=plane)
    assert (first.code, second.code, cursors, ids[-1]) == (1, 0, ["c%d" % broken], "%da" % broken)
    assert ids[:-1] + read_listing(second, form)[0] == ["0a", "0b", "1a", "1b", "2a", "2b", "3a", "3b"]
    asked = [request.target.rpartition("cursor=c")[2] for request in plane.requests]
    assert "".join(asked) == "0123"[:broken + 1] + "0123"[broken:]


@rule("6.3")
@every_form
@pytest.mark.parametrize("argv", [ALL, LIST + ("--cursor", "c"), GET], ids=["all", "cursor", "get"])
def test_failure_before_any_output_prints_nothing(plane, argv, form):
    result = run_against(plane, Reply({}, 404), *argv + ("--output", form))
    assert (result.code, result.out) == (1, b"") and "cursor" not in "".join(error_lines(result))


@rule("6.3")
@pytest.mark.parametrize("form, shown", [
    ("json", {"items": [], "next_cursor": "c2"}), ("yaml", b'items: []\nnext_cursor: "c2"\n')], ids=["json", "yaml"])
def test_walk_that_breaks_after_an_empty_page_has_its_items_all_the_same(plane, form, shown):
    plane.script(Reply(page(next_cursor="c2")), Reply({}, 404))
    result = run_cli(*ALL + ("--output", form), plane=plane)
    assert result.code == 1 and shown == (json.loads(result.out.decode()) if form == "json" else result.out)


@rule("6.3")
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_page_that_breaks_before_its_list_has_items_all_the_same(plane, form):
    plane.script(Reply(b'{"total":7,"items":[{"id":"e-1"}]}', cut=12))
    result = run_cli(*LIST + ("--cursor", "c8", "--output", form), plane=plane)
    document = {"json": json.loads, "yaml": read_yaml}[form](result.out.decode("ascii"))
    assert result.code == 1 and document == {"total": 7, "items": [], "next_cursor": "c8"}


@rule("6.3", "1.10", "1.9")
@every_form
@pytest.mark.parametrize("flags, kept, cursors", [
    (("--since", "2026-01-02"), ["new"], ["c2"]), (("--until", "2026-01-02"), ["old", "old"], ["c2"]),
    (("--since", "2026-01-05"), [], ["c2"]), (("--last", "2"), [], [])], ids=["since", "until", "none", "last"])
def test_filtered_walk_that_breaks_tells_what_was_kept_and_last_nothing(plane, form, flags, kept, cursors):
    old, new = [execution(id=name, created_at=time) for name, time in (("old", "2026-01-01T00:00:00Z"),
                                                                      ("new", "2026-01-03T00:00:00Z"))]
    plane.script(Reply(page(old, new, next_cursor="c2")), Reply(page(old, old), cut=500))
    result = run_cli(*LIST + flags + ("--output", form), plane=plane)
    assert result.code == 1 and read_listing(result, form) == (kept, cursors) and (cursors or not result.out)


@rule("6.3", "4.4")
def test_row_that_cannot_be_judged_breaks_the_page(plane):
    plane.script(Reply(page(*number_items(1, 1), next_cursor="c2")),
                 Reply(page(*number_items(2, 1) + [execution(status=5)])))
    result = run_cli(*ALL, plane=plane)
    assert result.code == 1 and read_listing(result, "text") == (["e-1", "e-2"], ["c2"])


@rule("6.3", "3.10")
@pytest.mark.parametrize("form", LIST_FORMS)
def test_item_that_cannot_be_printed_breaks_the_page(plane, form):
    deep = b'{"id":"e-2","targets":null,"deep":%s}' % (b"[" * 100000 + b"]" * 100000)
    plane.script(Reply(page(*number_items(1, 1), next_cursor="c2")), Reply(b'{"items":[%s]}' % deep))
    result = run_cli(*ALL + ("--output", form), plane=plane)
    assert result.code == 1 and read_listing(result, form) == (["e-1"], ["c2"])


@rule("6.3", "3.10")
@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize("levels", [450, 980, 5000, 100000])
@pytest.mark.parametrize("cursor", ["", "c8"], ids=["first page", "later page"])
def test_members_that_are_nested_too_deeply_are_printed_or_break_the_page(plane, form, levels, cursor):
    deep = b"[" * levels + b"]" * levels
    body = b'{"next_cursor":"c9","items":[{"id":"e-1"}],"a":%s,"b":%s,"c":%s}' % (deep, deep, deep)
    result = run_against(plane, Reply(body), *LIST + ("--cursor", cursor, "--output", form))
    assert result.code or result == (0, result.out, "") and levels < 100000
    if result.code:
        assert result.code == 1 and len(error_lines(result)) == 1
        assert not cursor or read_listing(result, form)[1] == [cursor]
        assert form != "json" or is_json(result.out) == bool(cursor)
        assert form != "yaml" or result.out.endswith(b"\n# incomplete\n") == (not cursor)


@rule("6.3")
@pytest.mark.parametrize("cursor, shown", [("-c 2", "-c 2"), ("caf\u00e9", "caf\u00e9"), ("a\n", "a\\x0a")],
                         ids=ascii)
def test_cursor_of_a_broken_page_is_one_line_in_text_and_exact_in_json(plane, cursor, shown):
    plane.script(*[Reply(page(*number_items(1, 1), next_cursor=cursor)), Reply({}, 404)] * 2)
    assert read_listing(run_cli(*ALL, plane=plane), "text") == (["e-1"], [shown])
    out = run_cli(*ALL + ("--output", "json"), plane=plane).out
    assert json.loads(out.decode())["next_cursor"] == cursor


@rule("6.3")
def test_sections_before_the_break_are_whole(plane):
    body = encode(execution([target(inline(data), node) for data, node in zip([b"one\n", b"two", b"3"], NODES)]))
    result = run_against(plane, Reply(body, cut=body.rindex(b'"inline_bytes"')))
    assert result.code == 1 and [section[3] for section in read_sections(result.out.rstrip(b"\n") + b"\n\n")[0]] == [
        b"one\n", b"two"]


# ---- 6.4: cursors

class Circle(ScriptedServer):
    """A server whose pages lead through `lead` cursors into a cycle of this length, or none, and then end."""

    def __init__(self, lead, cycle=0, filler=""):
        self.lead, self.cycle, self.filler, self.pages = lead, cycle, filler, 0
        super().__init__()

    def answer_to(self, request):
        number = self.pages
        self.pages += 1
        self.requests.clear()
        if number >= self.lead and self.cycle:
            number = self.lead + (number - self.lead) % self.cycle
        is_last = number >= self.lead and not self.cycle
        return Reply(page({"id": "e"}, next_cursor=None if is_last else "c%d%s" % (number, self.filler)))


@rule("6.4")
@pytest.mark.parametrize("lead", [0, 1, 2, 5, 12])
@pytest.mark.parametrize("cycle", [1, 2, 3, 7])
def test_walk_ends_with_1_at_a_cursor_that_comes_again(lead, cycle):
    with Circle(lead, cycle) as plane:
        result = run_cli(*ALL + ("--output", "json"), plane=plane)
    document = json.loads(result.out.decode())
    assert result.code == 1 and error_lines(result) and document["next_cursor"] in result.err
    assert lead + cycle < plane.pages <= 3 * (lead + cycle) + 3
    assert int(document["next_cursor"][1:]) >= lead and len(document["items"]) == plane.pages


@rule("6.4")
def test_cycle_of_any_length_is_seen_by_the_library():
    for lead, cycle in ((0, 40), (9, 13), (33, 1), (17, 31)):
        with Circle(lead, cycle) as plane:
            transport = program.Transport(program.Server.parse(plane.url), TOKEN)
            with pytest.raises(program.RemoteError):
                for document in program.walk(transport, LIST[3], {}):
                    assert [wire["id"] for wire in document.elements] == ["e"]
            transport.close()
        assert lead + cycle < plane.pages <= 3 * (lead + cycle) + 3


@rule("6.4")
def test_walk_without_a_cycle_ends_at_its_end():
    with Circle(70) as plane:
        result = run_cli(*ALL + ("--output", "jsonl"), plane=plane)
    assert (result.code, result.out.count(b"\n"), result.err, plane.pages) == (0, 71, "", 71)


@rule("6.4", "7.1")
@pytest.mark.skipif(sys.implementation.name != "cpython", reason="only CPython traces memory")
def test_cursors_of_a_long_walk_are_not_kept():
    """100 cursors of 64 KiB would be 6.4 MB."""
    import tracemalloc
    peaks = []
    for pages in (8, 100):
        with Circle(pages, filler="x" * 65536) as plane:
            tracemalloc.start()
            try:
                assert run_cli(*ALL + ("--output", "jsonl"), plane=plane).code == 0
                peaks.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2000000, peaks


@rule("6.4", "6.3")
@every_form
def test_cursor_that_comes_again_counts_as_that_of_the_page_that_failed(plane, form):
    plane.script(*[Reply(page(*number_items(1, 1), next_cursor="c"))] * 9)
    result = run_cli(*ALL + ("--output", form), plane=plane)
    ids, cursors = read_listing(result, form)
    assert (result.code, cursors, len(plane.requests)) == (1, ["c"], 2) and ids == ["e-1"] * 2


@rule("6.4")
def test_cursor_that_was_asked_for_may_come_again_too(plane):
    plane.script(*[Reply(page(*number_items(1, 1), next_cursor="c"))] * 9)
    result = run_cli(*ALL + ("--cursor", "c"), plane=plane)
    assert result.code == 1 and read_listing(result, "text")[1] == ["c"] and len(plane.requests) <= 3


@rule("6.4", "6.3")
@every_form
@pytest.mark.parametrize("asked, shown", [("c8", ["c8"]), ("", [])], ids=["later page", "first page"])
def test_cursor_that_cannot_be_sent_ends_the_walk(plane, form, asked, shown):
    first = page(*number_items(1, 1), next_cursor="a\ud800")
    result = run_against(plane, first, *ALL + ("--cursor", asked, "--output", form))
    assert (result.code, len(plane.requests)) == (1, 1) and error_lines(result)
    assert read_listing(result, form) == (["e-1"], shown)
    assert form != "json" or is_json(result.out) == bool(shown)


@rule("6.4", "5.8")
def test_cursor_that_cannot_be_sent_is_no_fault_of_a_single_page(plane):
    result = run_against(plane, page(next_cursor="\ud800"), *LIST + ("--output", "json"))
    assert result.code == 0 and json.loads(result.out.decode())["next_cursor"] == "\ud800"


@rule("6.4", "1.13")
@pytest.mark.parametrize("cursor, sent", [("a b&c=%/+#", "a%20b%26c%3D%25%2F%2B%23"), ("-\u00e9\n", "-%C3%A9%0A")],
                         ids=ascii)
def test_any_other_cursor_is_sent_as_it_came(plane, cursor, sent):
    plane.script(Reply(page(next_cursor=cursor)), Reply(page()))
    assert run_cli(*ALL, plane=plane).code == 0
    assert plane.requests[1].target.rpartition("cursor=")[2] == sent
