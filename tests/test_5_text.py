"""Section 5, the text form: the table of `list`, the sections of `get`, and what is unreadable."""

import pytest

from kit import (EXECUTION, GET, GET_FORMS, LIST, LIST_FORMS, NODES, HaltingAnswer, archive, encode, error_lines,
                 execution, inline, page, posix_only, read_sections, rule, run_against, run_cli, run_on_terminal,
                 shorten_id, target)
from server import Reply

HEADER = ("ID                                    STATUS     TYPE     TARGETS  CREATED_AT            "
          "UPDATED_AT            ACTION\n")
ROW = ("4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  builtin  0/0      2026-05-02T10:00:00Z  "
       "2026-05-02T10:00:09Z  restart-nginx\n")
NARROW = ("ID                                    STATUS     TARGETS  CREATED_AT            ACTION\n"
          "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  0/0      2026-05-02T10:00:00Z  restart-nginx\n")
WIDTHS = {"id": 36, "status": 9, "type": 7, "targets": 7, "created_at": 20, "updated_at": 20, "action": 0}
CELLS = dict(zip(WIDTHS, ROW.split()))
ALL_BYTES = bytes(range(256))
RAW = GET + ("--output", "raw")


def make_line(**cells):
    """The row of ROW with other cells."""
    return "  ".join(dict(CELLS, **cells)[name].ljust(width) for name, width in WIDTHS.items()) + "\n"


# ---- 5.2: the table

@rule("5.2")
def test_table_is_these_bytes(plane):
    second = execution([target(), target(status="failed"), target()], id="0199aaaa-0000-7000-8000-000000000001",
                       status="failed", type="hook", action="two words", created_at=None, updated_at="")
    result = run_against(plane, page(execution(), second, next_cursor="c-2"), *LIST)
    assert result.out.decode() == HEADER + ROW + (
        "0199aaaa-0000-7000-8000-000000000001  failed     hook     2/3      -                     "
        "-                     two words\n"
        "next_cursor: c-2\n")
    assert (result.code, result.err) == (0, "")


@rule("5.2")
def test_empty_page_is_the_header_alone(plane):
    assert run_against(plane, page(), *LIST) == (0, HEADER.encode(), "")
    assert run_against(plane, page(next_cursor="c"), *LIST) == (0, HEADER.encode() + b"next_cursor: c\n", "")


@rule("5.2", "5.10")
@pytest.mark.parametrize("members, cells", [
    ({"status": None}, {"status": "-"}), ({"status": ""}, {"status": "-"}), ({"id": ""}, {"id": "-"}),
    ({"type": ""}, {"type": "-"}), ({"action": ""}, {"action": "-"}), ({"created_at": ""}, {"created_at": "-"}),
    ({"targets": [target(), target(status="failed"), target(status=None)]}, {"targets": "1/3"}),
    ({"created_at": "2026-05-02T10:00:00.123456789Z"}, {}), ({"created_at": "2026-05-02T10:00:00Z"}, {}),
    ({"created_at": "2026-05-02T10:00:00.1+02:00"}, {"created_at": "2026-05-02T10:00:00+02:00"}),
    ({"updated_at": "2026-05-02T10:00:00.5+02:00"}, {"updated_at": "2026-05-02T10:00:00+02:00"}),
    ({"updated_at": "yesterday"}, {"updated_at": "yesterday"}), ({"updated_at": "2026.5"}, {"updated_at": "2026.5"}),
    ({"created_at": "a b"}, {"created_at": "a\\x20b"}), ({"type": "a b"}, {"type": "a\\x20b"}),
    ({"status": "no such"}, {"status": "no\\x20such"}), ({"id": "e\n1"}, {"id": "e\\x0a1"}),
    ({"status": "\u00e4\u20ac"}, {"status": "\u00e4\u20ac"}), ({"action": " a  b "}, {"action": " a  b "}),
    ({"action": "a\x1b\u2028\ufffe"}, {"action": "a\\x1b\\u2028\\ufffe"})], ids=shorten_id)
def test_row_shows_what_came_and_a_dash_for_nothing(plane, members, cells):
    wire = execution(**members)
    result = run_against(plane, page(wire), *LIST)
    assert result.out.decode("utf-8") == HEADER + make_line(**cells) and (result.code, result.err) == (0, "")
    if "id" not in members:
        assert run_against(plane, wire).out.endswith(b"\n\n" + result.out if wire["targets"] else result.out)


@rule("5.2")
@pytest.mark.parametrize("name", [name for name in WIDTHS if name != "targets"])
def test_longer_value_shifts_its_own_row_alone(plane, name):
    value = "v" * 300
    wide = execution(**{name: value})
    plane.script(Reply(page(execution(), wide, execution(), next_cursor="c2")), Reply(page(execution(), wide)))
    result = run_cli(*LIST + ("--all",), plane=plane)
    shifted = make_line(**{name: value})
    assert result.out.decode() == HEADER + ROW + shifted + ROW + ROW + shifted


@rule("5.2")
def test_many_targets_shift_their_own_row_alone(plane):
    many = execution([{"status": "succeeded"}] * 12345)
    out = run_against(plane, page(many, execution()), *LIST).out.decode()
    assert out == HEADER + make_line(targets="12345/12345") + ROW


@rule("5.2", "1.8")
def test_walk_has_one_header_and_no_cursor(plane):
    plane.script(Reply(page(execution(), next_cursor="c2")), Reply(page(next_cursor="c3")), Reply(page(execution())))
    assert run_cli(*LIST + ("--all",), plane=plane) == (0, (HEADER + ROW + ROW).encode(), "")


@rule("5.2", "7.1")
def test_row_is_out_before_the_next_has_come(plane):
    body = encode(page(execution(), execution(id="the-second"), next_cursor="c2"))
    place = body.index(b"the-second")
    halting = HaltingAnswer(body[:place], body[place:], b"nginx\n")
    plane.script(halting, Reply(page()))
    assert run_cli(*LIST + ("--all",), plane=plane, stdout=halting.out).code == 0
    assert halting.seen.decode() == HEADER + ROW


@rule("5.2", "7.1")
@pytest.mark.parametrize("form", LIST_FORMS)
@pytest.mark.parametrize("flag", ["--all", "--since=2026-01-01", "--until=2027-01-01"])
def test_page_is_out_before_the_next_has_come(plane, form, flag):
    halting = HaltingAnswer(b"", encode(page(execution(id="e-2"))), b"e-1")
    plane.script(Reply(page(execution(id="e-1"), next_cursor="c2")), halting)
    assert run_cli(*LIST + (flag, "--output", form), plane=plane, stdout=halting.out).code == 0
    assert b"e-1" in halting.seen and b"e-2" not in halting.seen


@rule("5.2")
@posix_only
@pytest.mark.parametrize("columns, is_narrow", [(80, True), (129, True), (130, False), (200, False)])
def test_narrow_terminal_shows_two_columns_less(plane, columns, is_narrow):
    plane.script(Reply(page(execution(), next_cursor="c")))
    result = run_on_terminal(*LIST + ("--color", "never"), streams=["stdout"], columns=columns, plane=plane)
    assert result.out.decode() == (NARROW if is_narrow else HEADER + ROW) + "next_cursor: c\n"


@rule("5.2", "5.3")
@posix_only
def test_recap_on_a_narrow_terminal_is_narrow_too(plane):
    plane.script(Reply(execution()))
    assert run_on_terminal(*GET + ("--color", "never"), columns=100, plane=plane).out.decode() == NARROW


@rule("5.2")
@posix_only
def test_longer_values_on_a_narrow_terminal_shift_their_own_row_alone(plane):
    plane.script(Reply(page(execution(status="s" * 20), execution())))
    lines = run_on_terminal(*LIST + ("--color", "never"), columns=100, plane=plane).out.decode().splitlines()
    assert [text.find("0/0") for text in lines] == [-1, 60, 49] and lines[2] == NARROW.splitlines()[1]


@rule("5.2")
@posix_only
def test_pipe_beside_a_narrow_terminal_gets_the_whole_table(plane):
    plane.script(Reply(page(execution())))
    result = run_on_terminal(*LIST, streams=["stderr"], columns=80, plane=plane, env={"COLUMNS": "80"})
    assert result.out.decode() == HEADER + ROW


# ---- 5.3: sections and the recap

@rule("5.3")
def test_sections_and_recap_are_these_bytes(plane):
    wire = execution([
        target(inline(b"with newline\n"), NODES[0]), target(inline(b"without"), NODES[1], "failed"),
        target(inline(b""), NODES[2]), target(archive("logs", "a/b.log", sha256="ab" * 32), NODES[3]),
        target(archive("logs", "c.log"), NODES[4], "timeout"), target(node=NODES[5], status="pending"),
        target(inline(b"\n\n"), NODES[6])], status="failed")
    result = run_against(plane, wire)
    assert result.out.decode() == """\
==> a1b2c300-0000-4000-8000-000000000000 succeeded 13 bytes <==
with newline

==> a1b2c301-0000-4000-8000-000000000001 failed 7 bytes <==
without

==> a1b2c302-0000-4000-8000-000000000002 succeeded 0 bytes <==

==> a1b2c303-0000-4000-8000-000000000003 succeeded archived <==
archived: logs/a/b.log (sha256:abababababababababababababababababababababababababababababababab)

==> a1b2c304-0000-4000-8000-000000000004 timeout archived <==
archived: logs/c.log

==> a1b2c305-0000-4000-8000-000000000005 pending no output <==

==> a1b2c306-0000-4000-8000-000000000006 succeeded 2 bytes <==



""" + HEADER + make_line(status="failed", targets="4/7")
    assert (result.code, result.err) == (0, "")


@rule("5.3", "5.9")
def test_sections_hold_the_exact_bytes(plane):
    outputs = [ALL_BYTES, b"\r", b"==> forged succeeded 3 bytes <==\nabc\n\n", b"\r\n" * 5, b"x" * 20000,
               "\u20ac".encode() * 5000]
    wire = execution([target(inline(data), NODES[number]) for number, data in enumerate(outputs)])
    found, recap = read_sections(run_against(plane, wire).out)
    assert [section[3] for section in found] == outputs and [section[0] for section in found] == NODES[:len(outputs)]
    assert recap.decode() == HEADER + make_line(targets="6/6")


@rule("5.3", "5.9")
def test_count_is_that_of_the_bytes_even_where_a_terminal_is_shown_more(plane):
    result = run_against(plane, execution([target(inline(b"\x1b[2J\x00"))]), terminals=("stdout",))
    assert b" 5 bytes " in result.out and b"\\x1b[2J\\x00\n" in result.out


@rule("5.3")
def test_get_without_targets_is_the_recap_alone(plane):
    assert run_against(plane, execution()) == (0, (HEADER + ROW).encode(), "")


@rule("5.3", "7.1")
@pytest.mark.parametrize("form", GET_FORMS)
def test_target_is_out_before_the_next_has_come(plane, form):
    wanted = b"YWJj" if form in ("json", "yaml", "jsonl") else b"abc"
    first = b'{"id":"%s","targets":[{"node_id":"n","output_ref":{"inline_bytes":"YWJj","kind":"inline"}}' % (
        EXECUTION.encode())
    halting = HaltingAnswer(first + b",", b'{"node_id":"m"}]}', wanted)
    plane.script(halting)
    assert run_cli(*GET + ("--output", form), plane=plane, stdout=halting.out).code == 0
    assert wanted in halting.seen and b"m" not in halting.seen.replace(b"items", b"")


# ---- 5.4: --node and --failed

TARGETS = [target(inline(b"0"), NODES[0]), target(inline(b"1"), NODES[1], "failed"), target(node=NODES[2]),
           target(inline(b"3"), NODES[3], "cancelled"), target(archive(), NODES[4], "timeout"),
           target(inline(b"5"), NODES[5], "started"), target(inline(b"6"), NODES[6], None),
           target(inline(b"7"), NODES[7], "FAILED"), target(inline(b"8"), NODES[8].upper())]
FLAGS = {"--node": (("--node", NODES[3]), [3]), "--node, of another case": (("--node", NODES[8]), [8]),
         "--failed": (("--failed",), [1, 3, 4])}
chosen = pytest.mark.parametrize("flags, places", list(FLAGS.values()), ids=list(FLAGS))


@rule("5.4", "1.12")
@chosen
@pytest.mark.parametrize("form", ["json", "yaml", "jsonl", "raw"])
def test_chosen_targets_are_printed_as_if_the_others_were_not_there(plane, form, flags, places):
    whole, kept = execution(TARGETS), execution([TARGETS[place] for place in places])
    result = run_against(plane, whole, *GET + flags + ("--output", form))
    assert result == run_against(plane, kept, *GET + ("--output", form))
    assert result.code == (form == "raw" and 4 in places) and NODES[0].encode() not in result.out


@rule("5.4", "1.12")
@chosen
def test_recap_counts_all_targets(plane, flags, places):
    result = run_against(plane, execution(TARGETS), *GET + flags)
    found, recap = read_sections(result.out)
    assert [section[0].lower() for section in found] == [NODES[place] for place in places]
    assert recap.decode() == HEADER + make_line(targets="3/9") and (result.code, result.err) == (0, "")


@rule("5.4", "1.12")
@pytest.mark.parametrize("form", GET_FORMS)
def test_none_failed_is_no_failure(plane, form):
    result = run_against(plane, execution(TARGETS[:1]), *GET + ("--failed", "--output", form))
    assert (result.code, result.err) == (0, "") and b"MA==" not in result.out and b"==>" not in result.out
    if form == "text":
        assert result.out.decode() == HEADER + make_line(targets="1/1")
    else:
        assert result == run_against(plane, execution(), *GET + ("--output", form))


@rule("5.4")
@pytest.mark.parametrize("targets", [TARGETS, []], ids=["others", "none"])
@pytest.mark.parametrize("form", GET_FORMS)
def test_node_that_is_no_target_is_1(plane, form, targets):
    result = run_against(plane, execution(targets), *GET + ("--node", NODES[9], "--output", form))
    assert result.code == 1 and NODES[9] in error_lines(result)[0] and NODES[0].encode() not in result.out


@rule("5.4")
def test_node_that_comes_twice_is_shown_twice(plane):
    wire = execution([target(inline(b"one"), NODES[1]), target(inline(b"two")), target(inline(b"three"), NODES[1])])
    assert run_against(plane, wire, *RAW + ("--node", NODES[1])) == (0, b"onethree", "")


@rule("5.4", "1.12", "5.6")
@pytest.mark.parametrize("flags", [("--node", NODES[1]), ("--failed",)], ids=["node", "failed"])
@pytest.mark.parametrize("form", GET_FORMS)
def test_output_that_was_not_asked_for_is_not_judged(plane, form, flags):
    wire = execution([target({"kind": "tape"}), target(inline(b"x"), NODES[1], "failed"), target(archive())])
    result = run_against(plane, wire, *GET + flags + ("--output", form))
    assert (result.code, result.err) == (0, "")


# ---- 5.5: archived outputs

@rule("5.5", "5.3")
@pytest.mark.parametrize("digest, shown", [
    ("ab" * 32, "ab" * 32), ("AB" * 32, "AB" * 32), ("abc d", "abc\\x20d"), ("a" * 63, "a" * 63),
    ("g" * 65, "g" * 65), ("a" * 64 + "\n", "a" * 64 + "\\x0a")], ids=[
        "a digest", "upper case", "a blank", "short", "no hex", "a newline"])
def test_digest_is_shown_as_it_came(plane, digest, shown):
    result = run_against(plane, execution([target(archive(sha256=digest))]))
    assert b"\narchived: logs/a/b.log (sha256:%s)\n\n" % shown.encode() in result.out
    assert (result.code, result.err) == (0, "")


@rule("5.5")
@pytest.mark.parametrize("output", [archive(), archive(sha256=None), archive(sha256="")],
                         ids=["absent", "null", "empty"])
def test_without_a_digest_there_is_no_parenthesis(plane, output):
    result = run_against(plane, execution([target(output)]))
    assert b"\narchived: logs/a/b.log\n\n" in result.out and (result.code, result.err) == (0, "")


@rule("5.5", "5.10")
def test_place_of_an_archived_output_is_one_line_without_blanks(plane):
    out = run_against(plane, execution([target(archive("b c", "k\nl"))])).out
    assert b"\narchived: b\\x20c/k\\x0al\n\n" in out


@rule("5.5")
@pytest.mark.parametrize("form", GET_FORMS)
def test_archived_output_is_never_fetched(plane, form):
    bucket = plane.url + "/v1/projects"
    run_against(plane, execution([target(archive(bucket, "key", url=bucket, href=bucket))]), *GET + ("--output", form))
    assert [request.target.rpartition("/")[2] for request in plane.requests] == [EXECUTION]
    assert plane.connections == 1


# ---- 5.6: outputs that cannot be read

UNREADABLE = {
    "a number": 0, "a string": "x", "an empty string": "", "a list": [], "false": False, "no kind": {},
    "null kind": {"kind": None}, "number kind": {"kind": 1}, "unknown kind": {"kind": "tape"},
    "upper-case kind": {"kind": "INLINE"}, "kind none": {"kind": "none"}, "kind unreadable": {"kind": "unreadable"},
    "no kind but bytes": {"inline_bytes": "YQ=="}, "number bytes": {"kind": "inline", "inline_bytes": 1},
    "false bytes": {"kind": "inline", "inline_bytes": False}, "list bytes": {"kind": "inline", "inline_bytes": []},
    "no bucket": {"kind": "object_store", "key": "k"}, "no key": {"kind": "object_store", "bucket": "b"},
    "neither": {"kind": "object_store"}, "null bucket": archive(bucket=None), "empty bucket": archive(bucket=""),
    "number bucket": archive(bucket=1), "null key": archive(key=None), "empty key": archive(key=""),
    "list key": archive(key=["a"]), "number digest": archive(sha256=1), "list digest": archive(sha256=[]),
    "false digest": archive(sha256=False)}
NO_BASE64 = ["=", "==", "===", "====", "Y", "YQ", "YQ=", "YQ===", "YQ==\n", "\nYQ==", "Y Q==", "YWJj=", "YWJj====",
             "YQ==YQ==", "YWJj\n", "=YWJ", "YWJj-_==", "-_-_", "YW=j", "Y===", "YWJjY===", "caf\u00e9", "YWJ\0", "YQ=A",
             "YQ==\u00a0\u00a0\u00a0\u00a0", "    ", "YW\r\nJj", "\uff39\uff31==", "YQ\u003d\u2550", "YQ%3D%3D",
             "YWJj.", "\ud800\ud800\ud800\ud800"]
UNREADABLE.update(("base64 %s" % ascii(text), {"kind": "inline", "inline_bytes": text}) for text in NO_BASE64)


@rule("5.6", "4.4")
@pytest.mark.parametrize("output", list(UNREADABLE.values()), ids=list(UNREADABLE))
def test_unreadable_output_is_named_and_costs_no_other(plane, output):
    wire = execution([target(inline(b"before\n")), target(output, NODES[1], "failed"), target(inline(b"after\n"),
                                                                                           NODES[2])])
    result = run_against(plane, wire)
    found, recap = read_sections(result.out)
    assert [(node, what, body) for node, _, what, body in found] == [
        (NODES[0], "7 bytes", b"before\n"), (NODES[1], "unreadable", b""), (NODES[2], "6 bytes", b"after\n")]
    assert result.code == 1 and recap.decode() == HEADER + make_line(targets="2/3")
    assert [NODES[1] in text for text in error_lines(result)] == [True]

@rule("5.6", "5.7")
def test_raw_names_each_unreadable_output_and_costs_no_other(plane):
    targets = [target(output, "node-%d" % number) for number, output in enumerate(UNREADABLE.values())]
    wire = execution([target(inline(b"before\n"))] + targets + [target(inline(b"after\n"))])
    result = run_against(plane, wire, *RAW)
    assert (result.code, result.out) == (1, b"before\nafter\n")
    assert error_lines(result) == error_lines(run_against(plane, wire))
    assert ["node-%d " % number in line for number, line in enumerate(error_lines(result))] == [True] * len(UNREADABLE)


@rule("5.6", "5.8")
@pytest.mark.parametrize("form", ["json", "yaml", "jsonl"])
def test_documents_take_unreadable_outputs_for_data(plane, form):
    wires = execution([target(output) for output in UNREADABLE.values()])
    result = run_against(plane, wires, *GET + ("--output", form))
    assert (result.code, result.err) == (0, "") and result.out.count(b"node_id") == len(UNREADABLE)


@rule("5.6")
def test_base64_that_is_right_is_read(plane):
    right = {"": b"", "YQ==": b"a", "YWI=": b"ab", "YWJj": b"abc", "+/+/": b"\xfb\xff\xbf", "YWJjYQ==": b"abca"}
    wire = execution([target({"kind": "inline", "inline_bytes": text}) for text in right])
    assert [section[3] for section in read_sections(run_against(plane, wire).out)[0]] == list(right.values())


@rule("5.6")
def test_each_unreadable_output_has_its_line_after_what_was_written_before(plane):
    body = encode(execution([target(inline(b"first\n")), target({"kind": "tape"}, NODES[1])]))
    place = body.index(b"tape")
    halting = HaltingAnswer(body[:place], body[place:], b"first\n")
    plane.script(halting)
    result = run_cli(*GET, plane=plane, stdout=halting.out)
    assert halting.seen.endswith(b"\nfirst\n\n") and len(error_lines(result)) == 1
    wire = execution([target({"kind": "tape"}, node) for node in NODES])
    assert [text.count(node) for node, text in zip(NODES, error_lines(run_against(plane, wire)))] == [1] * 10


# ---- 5.7: raw

@rule("5.7")
def test_raw_is_the_bytes_and_nothing_else(plane):
    wire = execution([target(inline(ALL_BYTES)), target(inline(b"")), target(inline(b"end"), NODES[1])])
    assert run_against(plane, wire, *RAW) == (0, ALL_BYTES + b"end", "")
    assert run_against(plane, execution(), *RAW) == (0, b"", "")


@rule("5.7", "6.2")
def test_raw_has_an_error_line_for_each_archived_output(plane):
    wire = execution([target(archive("b", "k/1", sha256="ab" * 32)), target(inline(b"x"), NODES[1]),
                      target(archive("b c", "k2"), NODES[2])])
    result = run_against(plane, wire, *RAW)
    assert (result.code, result.out) == (1, b"x")
    first, second = error_lines(result)
    assert "b/k/1" in first and "ab" * 32 in first and NODES[0] in first
    assert "b\\x20c/k2" in second and NODES[2] in second


@rule("5.7")
def test_raw_names_a_target_without_output_and_that_is_no_error(plane):
    result = run_against(plane, execution([target(node=NODES[2]), target(inline(b"x"))]), *RAW)
    assert (result.code, result.out, error_lines(result)) == (0, b"x", []) and NODES[2] in result.err
    assert NODES[0] not in result.err
