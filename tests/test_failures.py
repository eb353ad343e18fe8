"""Sections 6.3 and 6.4: an answer that breaks, wherever it is cut, and cursors that lead nowhere."""


import pytest

from kit import (ALL, EXECUTION, GET, LIST, LIST_FORMATS, NODES, FailingStream, encode, error_lines, every_get_format,
                 every_list_format, execution, inline, page, read_listing, rule, run_against, run_cli, target)
from server import HANG, Reply


def number_items(*numbers):
    """Return the Executions e-1 and so on."""
    return [execution(id="e-%d" % number) for number in numbers]


def read_cursor(result):
    """Return the cursor that the last line of standard error tells, None if there is no such line."""
    assert result.err.count("next_cursor") <= 1
    last = result.err.splitlines()[-1:] or [""]
    return last[0][len("next_cursor: "):] if last[0].startswith("next_cursor: ") else None


SECOND_PAGE = b'{"items":[{"id":"e-3"},{"id":"e-4"}],"n":-1.5,"next_cursor":"c9"}'
GOT = encode({"id": EXECUTION, "status": "failed", "type": "hook",
              "targets": [target(inline(b"ab"), NODES[0]), target(inline(b"cd"), NODES[1])]})
FIRST_PAGE = Reply(page({"id": "e-1"}, {"id": "e-2"}, next_cursor="c2"))
WAYS_TO_BREAK = {"cut": lambda body, place: Reply(body, cut=place), "closed": lambda body, place: Reply(body[:place]),
                 "spoiled": lambda body, place: Reply(body[:place] + b"\x01" + body[place:])}


def break_everywhere(plane, before, body, argv, format, fault="cut", step=1):
    """Yield each place and what the program prints if the last answer is broken there: the beginning of what it would
    print else. So nothing is completed."""
    plane.script(*before + [Reply(body), Reply(page())])
    whole = run_cli(*argv + ("--output", format), plane=plane)
    assert whole.code == 0
    attempts = 3 if argv is ALL and fault != "spoiled" else 1
    for place in range(0, len(body), step):
        plane.answers.clear()
        plane.script(*before + [WAYS_TO_BREAK[fault](body, place)] * attempts)
        result = run_cli(*argv + ("--output", format), plane=plane)
        assert (len(plane.answers), len(error_lines(result, "retry"))) == (0, attempts - 1), place
        assert result.code == 1, place
        assert len(error_lines(result)) == 1, place
        assert whole.out.startswith(result.out), place
        assert format in ("jsonl", "lines", "raw") or before or result.out.rstrip() != whole.out.rstrip(), place
        yield place, result


@rule("6.3", "6.3a", "6.3b", "6.3e", "3.11h")
@pytest.mark.parametrize("argv, before, cursor", [(ALL, [FIRST_PAGE], "c2"), (LIST + ("--cursor", "c8"), [], "c8"),
                                                  (LIST, [], None)], ids=["walk", "page", "first page"])
@pytest.mark.parametrize("format, fault", [(format, "cut") for format in LIST_FORMATS] + [
    ("json", "closed"), ("text", "spoiled"), ("json", "spoiled")])
def test_listing_broken_anywhere_prints_complete_items_and_the_cursor(plane, argv, before, cursor, format, fault):
    for place, result in break_everywhere(plane, before, SECOND_PAGE, argv, format, fault, 1 if fault == "cut" else 3):
        came = sum(place > SECOND_PAGE.index(end) for end in (b"},", b"}]"))
        assert read_listing(result, format)[0] == ["e-1", "e-2", "e-3", "e-4"][0 if before else 2:2 + came], place
        assert read_cursor(result) == cursor and b"next_cursor" not in result.out, place
        assert format not in ("json", "yaml") or not result.out.endswith(b"}\n")


@rule("6.3", "6.3a", "3.11h")
@every_get_format
def test_get_broken_anywhere_prints_complete_targets_and_no_recap(plane, format):
    for place, result in break_everywhere(plane, [], GOT, GET, format, step=5):
        came = [place > GOT.index(b"},{"), place > GOT.index(b"}],")]
        shown = [mark in result.out for mark in ((b"ab", b"cd") if format == "raw" else map(str.encode, NODES[:2]))]
        assert shown == came and read_cursor(result) is None, place
        assert format not in ("text", "table") or EXECUTION.encode() not in result.out, "that is the recap"


@rule("6.3d", "6.3c")
@every_list_format
@pytest.mark.parametrize("broken", [0, 2])
def test_failed_walk_resumes_at_the_cursor_and_skips_nothing(plane, format, broken):
    pages = [page(execution(id="%da" % number), execution(id="%db" % number), next_cursor="c%d" % (number + 1))
             for number in range(3)] + [page(execution(id="3a"))]
    replies = [Reply(whole) for whole in pages]
    plane.script(*replies[:broken] + [Reply(pages[broken], cut=500)] * 3 + replies[broken:])
    first = run_cli(*ALL + ("--cursor", "c0", "--output", format), plane=plane)
    second = run_cli(*ALL + ("--cursor", read_cursor(first), "--output", format), plane=plane)
    ids = read_listing(first, format)[0]
    assert (first.code, second.code, read_cursor(first), ids[-1]) == (1, 0, "c%d" % broken, "%da" % broken)
    assert ids[:-1] + read_listing(second, format)[0] == ["0a", "0b", "1a", "1b", "2a", "2b", "3a"]
    asked = [request.target.rpartition("cursor=c")[2] for request in plane.requests]
    assert "".join(asked) == "0123"[:broken] + 3 * str(broken) + "0123"[broken:]


CUT = encode(page(*number_items(3, 4, 5), next_cursor="c3"))
DEEP_PAGE = b'{"items":[{"id":"e-3"},{"id":"e-4","x":%s}]}' % (b"[" * 100000 + b"]" * 100000)
#: What the second page is: its answer, how many Executions are printed with those of the first, the exit code, and
#: whether the cursor is told. A cut at 700 is within the third Execution of the second page.
BREAKS = {
    "no status": (Reply(page(*number_items(3) + [execution(status=5)])), 3, 1, True), "empty": (Reply(b""), 2, 1, True),
    "chunk cut": (Reply(CUT, framing="chunked", slices=100, cut=700), 4, 1, True), "gone": (Reply({}, 410), 2, 1, True),
    "no object": (Reply({"items": number_items(3) + [1]}), 3, 1, True), "unauthenticated": (Reply({}, 401), 2, 3, True),
    "refused": (Reply({"code": "invalid_cursor"}, 400), 2, 1, False), "goes on": (Reply(CUT + b"x"), 5, 1, True),
    "redirect": (Reply(b"", 302, [("Location", "/x")]), 2, 1, True), "forbidden": (Reply({}, 403), 2, 4, True),
    "items twice": (Reply(CUT[:-1] + b',"items":[]}'), 5, 1, True), "cut": (Reply(CUT, cut=700), 4, 1, True),
    "denied": (Reply({"code": "rebac_denied"}, 403), 2, 77, True), "nested": (Reply(DEEP_PAGE), 3, 1, True),
    "no UTF-8": (Reply(CUT[:-1] + b',"x":"\xff"}'), 5, 1, True), "reset": (Reply(CUT, cut=700, reset=True), 4, 1, True),
    "malformed": (Reply(CUT[:-1] + b',"x":]}\n'), 5, 1, True), "not ours": (Reply({}), 2, 1, True),
    "silence": (HANG, 2, 1, True)}
#: Those that break in the body, and are requested three times.
REPEATED = ("cut", "reset", "empty", "chunk cut")


@rule("6.3b", "6.3e", "3.11g")
@pytest.mark.parametrize("name", list(BREAKS))
def test_failure_on_a_later_page_keeps_its_exit_code_and_cursor(plane, name):
    answer, came, code, told = BREAKS[name]
    attempts = 3 if name in REPEATED else 1
    plane.script(Reply(page(*number_items(1, 2), next_cursor="c2")), *[answer] * attempts)
    result = run_cli(*ALL + ("--timeout", "0.3"), plane=plane)
    assert len(plane.requests) == 1 + attempts
    assert read_listing(result, "text")[0] == ["e-%d" % number for number in range(1, came + 1)]
    assert (result.code, read_cursor(result)) == (code, "c2" if told else None)
    assert error_lines(result)


@rule("6.3b", "6.3e")
@every_list_format
@pytest.mark.parametrize("flags, told", [("--all", None), ("--cursor c8", "c8"), ("--cursor=", None),
                                         ("--cursor c8 --all", "c8"), ("--cursor c8 --last 2", None)])
def test_failure_before_any_output_shows_the_given_cursor(plane, flags, told, format):
    argv = LIST + tuple(flags.split()) + ("--output", format)
    refused = run_against(plane, Reply({}, 404), *argv)
    plane.close()
    for result in (refused, run_cli(*argv, plane=plane)):
        assert (result.code, result.out, read_cursor(result)) == (1, b"", told)


OLD_ONE = execution(id="old", created_at="2026-01-01T00:00:00Z")


@rule("6.3", "6.3e", "1.10e")
@every_list_format
@pytest.mark.parametrize("flags, kept, cursor", [
    (("--since", "2026-01-02"), ["new"], "c2"), (("--since", "2026-07-01"), [], "c2"), (("--last", "2"), [], None)],
    ids=["some", "none", "last"])
@pytest.mark.parametrize("broken", [Reply(page(OLD_ONE, OLD_ONE), cut=500), Reply({}, 404), Reply({})],
                         ids=["cut", "refused", "not ours"])
def test_failed_filtered_walk_prints_its_matches_except_with_last(plane, broken, flags, kept, cursor, format):
    plane.script(Reply(page(OLD_ONE, execution(id="new"), next_cursor="c2")), *[broken] * 3)
    result = run_cli(*LIST + flags + ("--output", format), plane=plane)
    assert (result.code, read_listing(result, format)[0], read_cursor(result)) == (1, kept, cursor)
    assert kept or result.out == b""


@rule("6.3c", "5.1e", "5.8c", "5.10b")
@pytest.mark.parametrize("cursor, shown", [("-c 2", "-c 2"), ("caf\u00e9", "caf\u00e9"), ("a\x01", "a\\x01"),
                                           ("x" * 5000, "x" * 5000)], ids=["blank", "accent", "control", "long"])
def test_cursor_line_is_never_cut_and_the_same_after_a_failure(plane, cursor, shown):
    first = Reply(page(*number_items(1), next_cursor=cursor))
    plane.script(first, first, Reply({}, 404))
    whole, broken = [run_cli(*argv + ("--output", "jsonl"), plane=plane) for argv in (LIST, ALL)]
    assert (whole.code, whole.err) == (0, "next_cursor: %s\n" % shown)
    assert whole.out == broken.out
    assert (broken.code, read_cursor(broken)) == (1, shown)


@rule("6.3b")
@pytest.mark.parametrize("flags, out, code", [
    ((), FailingStream(OSError(28, "full")), 1), (("--ca-file", "no such file"), None, 2), ((), None, 0)],
    ids=["stdout is full", "no CAs", "nothing follows"])
def test_last_cursor_is_not_repeated_unless_the_server_failed(tls_plane, flags, out, code):
    tls_plane.script(Reply(page(*[{}] * bool(out))))
    result = run_cli(*LIST + ("--output", "jsonl") + ("--cursor", "c9") + flags, plane=tls_plane, stdout=out)
    assert (result.code, "c9" in result.err) == (code, False)


@rule("6.4", "6.3e")
@pytest.mark.parametrize("lead, cycle, format", [
    (0, 1, "text"), (2, 3, "json"), (12, 7, "yaml"), (0, 70, "jsonl"), (40, 1, "table"), (70, 0, "jsonl")])
@pytest.mark.parametrize("is_given", [False, True], ids=["first page", "given cursor"])
def test_repeated_cursor_exits_1_without_a_cursor_line(plane, lead, cycle, format, is_given):
    cursors = ["c%d" % number for number in range(lead + cycle)] + (["c%d" % lead] if cycle else [None])
    argv = ALL + ("--output", format) + (("--cursor", cursors.pop(0)) if is_given else ())
    plane.script(*[Reply(page({"id": "e"}, next_cursor=cursor)) for cursor in cursors])
    result = run_cli(*argv, plane=plane)
    assert result.code == len(error_lines(result)) == bool(cycle)
    assert read_cursor(result) is None
    assert len(read_listing(result, format)[0]) == len(plane.requests) == len(cursors)
    assert not cycle or " c%d " % lead in error_lines(result)[0]


@rule("6.4a", "6.4b", "6.3e")
@pytest.mark.parametrize("asked, half", [("c8", "a\ud800"), ("", "a\udfff")], ids=["later page", "first page"])
def test_unsendable_cursor_ends_the_walk_and_is_not_shown(plane, asked, half):
    result = run_against(plane, page(*number_items(1), next_cursor=half), *ALL + ("--cursor", asked))
    assert (result.code, len(plane.requests), len(error_lines(result)), read_cursor(result)) == (1, 1, 1, None)
    assert read_listing(result, "text")[0] == ["e-1"]
    assert run_against(plane, page(next_cursor="a\ud800"), *LIST).code == 0


@rule("6.4a", "1.13")
@pytest.mark.parametrize("cursor, sent", [("a b&c=%/+#", "a%20b%26c%3D%25%2F%2B%23"), ("-\u00e9\n", "-%C3%A9%0A")],
                         ids=["reserved", "beyond ASCII"])
def test_any_other_cursor_is_sent_unchanged(plane, cursor, sent):
    plane.script(Reply(page(next_cursor=cursor)), Reply(page()))
    assert run_cli(*ALL, plane=plane).code == 0
    assert plane.requests[1].target.rpartition("cursor=")[2] == sent
