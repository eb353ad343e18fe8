"""Section 5, what people read: the tables, the sections of `get`, raw and lines, and what is unreadable."""

import re

import pytest

from kit import (ALL_BYTES, BYTE_FORMATS, DIGEST, DOCUMENT_FORMATS, EXECUTION, GET, GET_LINES, GET_RAW, GET_TABLE, LIST,
                 NODES, TABLE_FORMATS, WINDOWS, archive, error_lines, every_get_format, execution, inline, page,
                 posix_only, read_sections, rule, run_against, run_on_terminal, run_process, shorten_id,
                 target)
from server import Reply

HEADER = ("ID                                    STATUS     TYPE     TARGETS  CREATED_AT            "
          "UPDATED_AT            ACTION\n")
ROW = ("4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  builtin  0/0      2026-05-02T10:00:00Z  "
       "2026-05-02T10:00:09Z  restart-nginx\n")
TARGETS_HEADER = "NODE_ID                               STATUS     UPDATED_AT            OUTPUT\n"
WIDTHS = {"id": 36, "status": 9, "type": 7, "targets": 7, "created_at": 20, "updated_at": 20, "action": 0}
CELLS = dict(zip(WIDTHS, ROW.split()))


def make_line(**cells):
    """The row of ROW with other cells."""
    return "  ".join(dict(CELLS, **cells)[name].ljust(width) for name, width in WIDTHS.items()) + "\n"


def show_on_terminal(plane, wire, *argv, **options):
    """What a real terminal is shown without colour. Windows has none."""
    if WINDOWS:
        pytest.skip("needs a pseudo-terminal")
    plane.script(Reply(wire))
    return run_on_terminal(*argv + ("--color", "never"), plane=plane, **options).out.decode()


# ---- 5.2: the table of Executions

@rule("1.8d", "5.2", "5.2a", "5.2b", "5.2c", "5.2d", "5.2e", "5.2j")
@pytest.mark.parametrize("format", TABLE_FORMATS)
def test_table_has_exactly_these_bytes(plane, format):
    second = execution([target(), target(status="failed"), target()], id="0199aaaa-0000-7000-8000-000000000001",
                       status="failed", type="hook", action="two words", created_at=None, updated_at="")
    result = run_against(plane, page(execution(), second, next_cursor="c 2" * 2000), *LIST + ("--output", format))
    assert result.out.decode() == HEADER + ROW + (
        "0199aaaa-0000-7000-8000-000000000001  failed     hook     2/3      -                     "
        "-                     two words\n"
        "next_cursor: %s\n" % ("c 2" * 2000))
    assert (result.code, result.err) == (0, "")
    assert run_against(plane, page(), *LIST + ("--output", format)) == (0, HEADER.encode(), "")


@rule("5.2b", "5.2c", "5.2d", "5.3b", "5.10a")
@pytest.mark.parametrize("members, cells", [
    (dict(dict.fromkeys(WIDTHS, ""), targets=[]), dict(dict.fromkeys(WIDTHS, "-"), targets="0/0")),
    ({"targets": [target(), target(status="failed"), target(status=None)]}, {"targets": "1/3"}),
    ({"created_at": "2026-05-02T10:00:00.123456789Z"}, {}), ({"created_at": "2026-05-02T10:00:00Z"}, {}),
    ({"created_at": "2026-05-02T10:00:00.1+02:00"}, {"created_at": "2026-05-02T10:00:00+02:00"}),
    ({"updated_at": "2026-05-02T10:00:00.5+02:00"}, {"updated_at": "2026-05-02T10:00:00+02:00"}),
    ({"updated_at": "yesterday"}, {"updated_at": "yesterday"}), ({"type": "a b"}, {"type": "a\\x20b"}),
    ({"created_at": "a b"}, {"created_at": "a\\x20b"}), ({"updated_at": "1:2026.5"}, {"updated_at": "1:2026.5"}),
    ({"status": "no such"}, {"status": "no\\x20such"}), ({"id": "e\n1"}, {"id": "e\\n1"}),
    ({"status": "\u00e4\u20ac"}, {"status": "\u00e4\u20ac"}), ({"action": " a  b "}, {"action": " a  b "}),
    ({"action": "a\x1b\u2028\ufffe"}, {"action": "a\\x1b\\u2028\\ufffe"})], ids=shorten_id)
def test_row_shows_values_and_a_dash_for_missing_ones(plane, members, cells):
    wire = execution(**members)
    result = run_against(plane, page(wire), *LIST)
    assert result.out.decode("utf-8") == HEADER + make_line(**cells)
    assert (result.code, result.err) == (0, "")
    if "id" not in members:
        assert run_against(plane, wire).out.endswith(b"\n\n" + result.out if wire["targets"] else result.out)


@rule("5.2a")
@pytest.mark.parametrize("name", list(WIDTHS))
def test_longer_value_shifts_only_its_own_row(plane, name):
    value = [{"status": "succeeded"}] * 12345 if name == "targets" else "v" * 300
    out = run_against(plane, page(execution(), execution(**{name: value}), execution()), *LIST).out.decode()
    assert out == HEADER + ROW + make_line(**{name: "12345/12345" if name == "targets" else value}) + ROW


@rule("5.2f", "1.11c")
def test_narrow_row_shows_times_to_the_minute_or_a_dash(plane):
    times = {"2026-05-02T10:00:00.5Z": "05-02T10:00", "2026-12-31T23:59": "12-31T23:59", None: "-", "": "-",
             "2026-07-15T00:29:41.5+02:00": "07-14T22:29", "2026-07-14T23:29:41-02:30": "07-15T01:59",
             "0001-01-01T00:30:00+01:00": "01-01T00:30",
             "2026-05-02 10:00:00Z": "-", "12026-05-02T10:00:00Z": "-", "yesterday": "-", "\u0662026-05-02T10:00": "-"}
    wire = page(*[execution(created_at=time, updated_at=time) for time in times])
    rows = show_on_terminal(plane, wire, *LIST, columns=120).splitlines()[1:]
    assert [row.split()[3:5] for row in rows] == [[shown, shown] for shown in times.values()]


# ---- 5.3: sections and the recap; 5.3a: the table of targets

EACH = execution([
    target(inline(b"with newline\n"), NODES[0]), target(inline(b"without"), NODES[1], "failed"),
    target(inline(b""), NODES[2]), target(archive("logs", "a/b.log", sha256=DIGEST), NODES[3]),
    target(archive("logs", "c.log"), NODES[4], "timeout"), target(node=NODES[5], status="pending"),
    target(inline(b"\n\n"), NODES[6], updated_at=None)], status="failed")
RECAP = HEADER + make_line(status="failed", targets="4/7")


@rule("5.3", "5.3a", "5.3b", "5.3c", "5.3d")
def test_sections_and_recap_have_exactly_these_bytes(plane):
    assert run_against(plane, EACH) == (0, ("""\
==> a1b2c300-0000-4000-8000-000000000000 succeeded 13 bytes <==
with newline

==> a1b2c301-0000-4000-8000-000000000001 failed 7 bytes <==
without

==> a1b2c302-0000-4000-8000-000000000002 succeeded 0 bytes <==

==> a1b2c303-0000-4000-8000-000000000003 succeeded archived <==
archived: logs/a/b.log (sha256:%s)

==> a1b2c304-0000-4000-8000-000000000004 timeout archived <==
archived: logs/c.log

==> a1b2c305-0000-4000-8000-000000000005 pending no output <==

==> a1b2c306-0000-4000-8000-000000000006 succeeded 2 bytes <==



""" % DIGEST + RECAP).encode(), "")
    assert run_against(plane, execution()) == (0, (HEADER + ROW).encode(), "")


@rule("5.3e", "5.3f", "5.3g")
def test_target_table_has_exactly_these_bytes(plane):
    expected = TARGETS_HEADER + """\
a1b2c300-0000-4000-8000-000000000000  succeeded  2026-05-02T10:00:09Z  13 bytes
a1b2c301-0000-4000-8000-000000000001  failed     2026-05-02T10:00:09Z  7 bytes
a1b2c302-0000-4000-8000-000000000002  succeeded  2026-05-02T10:00:09Z  0 bytes
a1b2c303-0000-4000-8000-000000000003  succeeded  2026-05-02T10:00:09Z  archived: logs/a/b.log (sha256:%s)
a1b2c304-0000-4000-8000-000000000004  timeout    2026-05-02T10:00:09Z  archived: logs/c.log
a1b2c305-0000-4000-8000-000000000005  pending    2026-05-02T10:00:09Z  no output
a1b2c306-0000-4000-8000-000000000006  succeeded  -                     2 bytes

""" % DIGEST
    assert run_against(plane, EACH, *GET_TABLE) == (0, (expected + RECAP).encode(), "")
    odd = execution([target({"kind": "tape"}, "n 1", "s" * 20), target(updated_at="a\nb")])
    result = run_against(plane, odd, *GET_TABLE)
    rows = "%-36s  %s  2026-05-02T10:00:09Z  unreadable\n%s  succeeded  %-20s  no output\n\n" % (
        "n\\x201", "s" * 20, NODES[0], "a\\nb")
    assert result.out.decode() == TARGETS_HEADER + rows + HEADER + make_line(targets="1/2")
    assert result.code == 1
    assert ["n\\x201" in line for line in error_lines(result)] == [True]
    assert run_against(plane, execution(), *GET_TABLE) == (0, (TARGETS_HEADER + "\n" + HEADER + ROW).encode(), "")


# ---- 5.2f to 5.2i: what a terminal of a certain width shows of the tables

#: The rows of one Execution, from the widest table to the narrowest. Its action is A.
WIDEST = ("ID                                    STATUS     TYPE     TARGETS  "
        "CREATED_AT            UPDATED_AT            ACTION\n"
        "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  builtin  0/0      "
        "2026-05-02T10:00:00Z  2026-05-02T10:00:09Z  A\n")
WITH_CREATED = ("ID                                    STATUS     TARGETS  CREATED      UPDATED      ACTION\n"
                "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  0/0      05-02T10:00  05-02T10:00  A\n")
WITH_TARGETS = ("ID                                    STATUS     TARGETS  UPDATED      ACTION\n"
                "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  0/0      05-02T10:00  A\n")
NARROWEST = ("ID                                   STATUS    UPDATED     ACTION\n"
             "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f succeeded 05-02T10:00 A\n")
BY_WIDTH = {40: NARROWEST, 79: NARROWEST, 80: NARROWEST, 90: NARROWEST, 91: WITH_TARGETS, 103: WITH_TARGETS,
            104: WITH_CREATED, 129: WITH_CREATED, 130: WIDEST, 0: WIDEST}
FOUR_TARGETS = execution([target(inline(b"xy"), NODES[0]), target(archive("b", "a key"), NODES[1], "failed"),
                     target(None, NODES[2], "ack", updated_at=None), target(None, NODES[3], updated_at="odd time")])


@rule("5.2f", "5.2g", "5.2h", "5.2i", "5.3b", "5.3e")
@pytest.mark.parametrize("columns", sorted(BY_WIDTH))
def test_width_of_the_terminal_decides_the_columns(plane, columns):
    wire = execution(action="A")
    shown = show_on_terminal(plane, page(wire, next_cursor="c"), *LIST, columns=columns)
    assert shown == BY_WIDTH[columns] + "next_cursor: c\n"
    assert show_on_terminal(plane, wire, *GET, columns=columns) == BY_WIDTH[columns]
    below = show_on_terminal(plane, wire, *GET + ("-o", "table"), columns=columns).partition("\n\n")[2]
    assert below == BY_WIDTH[columns]


@rule("5.2h")
def test_row_fits_in_80_columns_if_its_action_has_20_characters(plane):
    actions, statuses = ["a" * length for length in (1, 20, 21, 22)], ["succeeded", "cancelled", None, "ack"]
    wires = [execution([target()] * 9999, action=action, status=status) for action, status in zip(actions, statuses)]
    lines = show_on_terminal(plane, page(*wires), *LIST, columns=80).splitlines()
    assert [len(line) for line in lines[1:3]] == [60, 79]
    assert [line.split(" ")[-1] for line in lines[1:]] == actions


@rule("5.2h", "5.10a")
def test_narrowest_row_keeps_its_frame(plane):
    wires = [execution(id="i d", status="two words", updated_at=None, action="two  words"),
             execution(status="s" * 12, updated_at="odd")]
    lines = show_on_terminal(plane, page(*wires), *LIST, columns=80).splitlines()
    assert lines[1] == "i\\x20d".ljust(36) + " two\\x20words -           two  words"
    assert lines[2] == wires[1]["id"] + " " + "s" * 12 + " -           restart-nginx"


@posix_only
@rule("5.2h", "9.4")
def test_colour_does_not_change_the_narrowest_columns(plane):
    plane.script(Reply(page(execution(status="ack"))))
    out = run_on_terminal(*LIST + ("--color", "always"), plane=plane, columns=80).out.decode()
    assert "\n4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f \x1b[36mack      \x1b[0m 05-02T10:00 restart-nginx\n" in out


#: The table of these targets, on terminals of fewer than 104 columns and on others.
NARROW_TARGETS = """\
NODE_ID                               STATUS     UPDATED      OUTPUT
a1b2c300-0000-4000-8000-000000000000  succeeded  05-02T10:00  2 bytes
a1b2c301-0000-4000-8000-000000000001  failed     05-02T10:00  archived: b/a key
a1b2c302-0000-4000-8000-000000000002  ack        -            no output
a1b2c303-0000-4000-8000-000000000003  succeeded  -            no output"""
WIDE_TARGETS = """\
NODE_ID                               STATUS     UPDATED_AT            OUTPUT
a1b2c300-0000-4000-8000-000000000000  succeeded  2026-05-02T10:00:09Z  2 bytes
a1b2c301-0000-4000-8000-000000000001  failed     2026-05-02T10:00:09Z  archived: b/a key
a1b2c302-0000-4000-8000-000000000002  ack        -                     no output
a1b2c303-0000-4000-8000-000000000003  succeeded  odd\\x20time           no output"""


@rule("5.3e", "5.3h")
@pytest.mark.parametrize("columns", [40, 80, 91, 103, 104, 129, 130, 0])
def test_table_of_targets_shortens_its_times_on_narrow_terminals(plane, columns):
    shown = show_on_terminal(plane, FOUR_TARGETS, *GET_TABLE, columns=columns).partition("\n\n")[0]
    assert shown == (NARROW_TARGETS if 0 < columns < 104 else WIDE_TARGETS)


@rule("5.2i")
@pytest.mark.parametrize("variable", ["40", "80", "100", "200"])
def test_variable_columns_does_not_count(plane, variable):
    wire, env = page(execution(action="A")), {"COLUMNS": variable}
    assert show_on_terminal(plane, wire, *LIST, columns=80, env=env) == NARROWEST
    assert show_on_terminal(plane, wire, *LIST, columns=200, env=env) == WIDEST
    assert show_on_terminal(plane, wire, *LIST, columns=0, env=env) == WIDEST


@rule("5.2", "5.2i")
@pytest.mark.parametrize("variable", [None, "80"])
def test_pipe_beside_a_narrow_terminal_gets_the_widest_tables(plane, variable):
    options = {"streams": ["stderr"], "columns": 80, "env": {"COLUMNS": variable}}
    assert show_on_terminal(plane, page(execution(action="A")), *LIST, **options) == WIDEST
    shown = show_on_terminal(plane, execution([target()], action="A"), *GET + ("-o", "table"), **options)
    assert "  2026-05-02T10:00:09Z  no output\n" in shown


# ---- 5.4: which targets

TARGETS = [
    target(inline(b"0"), NODES[0]), target(inline(b"1"), NODES[1], "failed"), target({"kind": "tape"}, NODES[2], [5]),
    target(inline(b"3"), NODES[3], "cancelled"), target(archive(), NODES[4], "timeout"),
    target(inline(b"5"), NODES[5], "started"), target(inline(b"6"), NODES[6], None),
    target(inline(b"7"), NODES[7], "FAILED"), target(inline(b"8"), NODES[8].upper()),
    target(inline(b"9"), NODES[3], "pending")]
CHOOSING_FLAGS = {"--node=" + NODES[3]: [3, 9], "--node=" + NODES[8]: [8], "--failed": [1, 3, 4], "--running": [5, 9],
                  "--status=started": [5], "--status=timeout --running": [4, 5, 9],
                  "--failed --status=timeout": [1, 3, 4],
                  "--node=%s --node=%s" % (NODES[5], NODES[1]): [1, 5], "--node=%s --failed" % NODES[3]: [3],
                  "--node=%s --node=%s --status=failed" % (NODES[0], NODES[1]): [1], "--failed --node=" + NODES[0]: []}


@rule("5.4", "5.4a", "5.4c", "5.4d")
@every_get_format
@pytest.mark.parametrize("flags", list(CHOOSING_FLAGS), ids=shorten_id)
def test_filtered_targets_print_as_if_the_others_did_not_exist(plane, format, flags):
    argv, kept = GET + ("--output", format), execution([TARGETS[place] for place in CHOOSING_FLAGS[flags]])
    result = run_against(plane, execution(TARGETS), *argv + tuple(flags.split()))
    alone = run_against(plane, kept, *argv)
    if format in TABLE_FORMATS:         # the recap counts all
        recap = (HEADER + make_line(targets="2/10")).encode()
        alone = alone._replace(out=alone.out[:alone.out.rindex(b"ID   ")] + recap)
    assert result == alone
    assert result.code == (format in BYTE_FORMATS and 4 in CHOOSING_FLAGS[flags])


@rule("5.4e")
@every_get_format
def test_unknown_node_exits_1_after_the_complete_output(plane, format):
    nodes = GET + ("--output", format, "--node", NODES[1])
    for targets in (TARGETS, TARGETS[1:2]):
        unknown = ("--node", NODES[9], "--node", NODES[9].upper())      # is reported once
        result = run_against(plane, execution(targets), *nodes + unknown + ("--failed",))
        assert result.code == 1
        assert [NODES[9] in line for line in error_lines(result)] == [True]
        assert result.out == run_against(plane, execution(targets), *nodes).out


# ---- 5.5: archived outputs

#: Bucket, key, and what is printed of both where no digest is imitated.
COORDINATES = {
    "space in the key": ("logs", "my run.log", "logs/my run.log"), "only spaces": ("  ", "  ", "\\x20\\x20/\\x20\\x20"),
    "space in the bucket": ("my logs", "a/b.log", "my logs/a/b.log"),
    "spaces side by side": ("logs", "my  run.log", "logs/my  run.log"),
    "several at the ends": ("  logs", "a b  ", "\\x20\\x20logs/a b\\x20\\x20"),
    "spaces at the ends": (" logs", "run.log ", "\\x20logs/run.log\\x20"),
    "spaces about the slash": ("logs ", " run.log", "logs / run.log"),
    "not printable": ("b\tc\x1b", "k\nl\x7f m\u2028", "b\\tc\\x1b/k\\nl\\x7f m\\u2028"),
    "other blanks": ("b\xa0c", "k\u3000l", "b\\xa0c/k\\u3000l"),
    "letters": ("b\u00e9", "\u6f22 \u5b57", "b\u00e9/\u6f22 \u5b57"),
    "quotes": ("b", "it's \"$HOME\" \\x20", "b/it's \"$HOME\" \\x20"), "no space": ("logs", "a/b.log", "logs/a/b.log")}
#: The same where a bucket or a key looks as if a digest followed. The file `targets` escapes nothing there.
IMITATIONS = {
    "whole": ("b", "k (sha256:%s)" % DIGEST, "b/k\\x20(sha256:%s)" % DIGEST),
    "cut": ("b", "k (sha256:", "b/k\\x20(sha256:"), "no digest": ("b", "k(sha256:a)", "b/k(sha256:a)"),
    "twice": ("b", "k (sha256:a) (sha256:b)", "b/k\\x20(sha256:a)\\x20(sha256:b)"),
    "bucket": ("b (sha256:a)", "k", "b\\x20(sha256:a)/k"),
    "other spaces": ("b", "a key (sha256:a) b", "b/a key\\x20(sha256:a) b"),
    "other words": ("b", "k (sha512:a) (SHA256:b) sha256:c", "b/k (sha512:a) (SHA256:b) sha256:c")}
DIGESTS = {"digest": (DIGEST, " (sha256:%s)" % DIGEST), "upper case": ("AB" * 32, " (sha256:%s)" % ("AB" * 32)),
           "blank": ("abc d\n", " (sha256:abc\\x20d\\n)"), "null": (None, ""), "empty": ("", "")}


@rule("5.5a")
def test_key_full_of_spaces_does_not_stall_the_program(plane):
    plane.script(Reply(execution([target(archive("b", "k" + " " * 300000 + "l"))])))
    result = run_process(*GET_TABLE, plane=plane)
    assert result.code == 0
    assert b"archived: b/k" + b" " * 300000 + b"l\n" in result.out


@rule("5.5a", "5.5b", "5.5c", "5.3d", "5.3f", "5.7c")
@pytest.mark.parametrize("argv", [GET, GET_TABLE, GET_RAW, GET_LINES], ids=["text", "table", "raw", "lines"])
@pytest.mark.parametrize("digest, end", list(DIGESTS.values()), ids=list(DIGESTS))
@pytest.mark.parametrize("bucket, key, shown", list(dict(COORDINATES, **IMITATIONS).values()),
                         ids=list(dict(COORDINATES, **IMITATIONS)))
def test_bucket_and_key_can_be_pasted_and_imitate_no_digest(plane, bucket, key, shown, digest, end, argv):
    result = run_against(plane, execution([target(archive(bucket, key, sha256=digest)), target(inline(b"x"))]), *argv)
    is_error = argv in (GET_RAW, GET_LINES)
    text = result.err if is_error else result.out.decode("utf-8")
    assert (result.code, len(error_lines(result))) == (is_error, is_error)
    assert NODES[0] in text and b"x" in result.out
    found = re.search(r"(?m)(?:^|  )archived: (.*)\n| is archived: (.*)\n", text)
    assert (found.group(1) or found.group(2)) == shown + end


@rule("5.5b", "5.3")
def test_section_of_a_key_with_spaces_is_read_by_its_frame(plane):
    wire = execution([target(archive("b", "==> x archived <==")), target(inline(b"end"), NODES[1])])
    sections, _ = read_sections(run_against(plane, wire).out)
    assert [section[3] for section in sections] == [b"archived: b/==> x archived <==", b"end"]


@rule("5.5")
@every_get_format
def test_archived_output_is_never_fetched(plane, format):
    bucket = plane.url + "/v1/projects"
    wire = execution([target(archive(bucket, "key", url=bucket, href=bucket))])
    run_against(plane, wire, *GET + ("--output", format))
    assert [request.target[-36:] for request in plane.requests] == [EXECUTION] and plane.connections == 1


# ---- 5.6: outputs that cannot be read

UNREADABLE = [0, "x", "", [], False, {}, {"kind": None}, {"kind": 1}, {"kind": "tape"}, {"kind": "INLINE"},
              {"kind": "none"}, {"kind": "unreadable"}, {"inline_bytes": "YQ=="}, {"kind": "inline", "inline_bytes": 1},
              {"kind": "inline", "inline_bytes": False}, {"kind": "inline", "inline_bytes": []}, archive(bucket=1),
              {"kind": "object_store", "key": "k"}, {"kind": "object_store", "bucket": "b"}, archive(bucket=None),
              archive(bucket=""), archive(key=""), archive(key=["a"]), archive(sha256=1), archive(sha256=[])]
NO_BASE64 = ["=", "====", "Y", "YQ", "YQ=", "YQ===", "YQ==\n", "\nYQ==", "Y Q==", "YWJj=", "YWJj====", "YQ==YQ==",
             "=YWJ", "YWJj-_==", "-_-_", "YW=j", "Y===", "YWJjY===", "caf\u00e9", "YWJ\0", "YQ=A", "    ", "YW\r\nJj",
             "YQ==\u00a0\u00a0\u00a0\u00a0", "\uff39\uff31==", "YQ%3D%3D", "YWJj.", "\ud800\ud800\ud800\ud800"]
UNREADABLE += [{"kind": "inline", "inline_bytes": text} for text in NO_BASE64]
RIGHT = [b"", b"a", b"ab", b"abc", b"\xfb\xff\xbf", b"abca"]


@rule("5.6", "5.6a", "4.4a")
@pytest.mark.parametrize("output", UNREADABLE, ids=shorten_id)
def test_unreadable_output_is_named_and_the_others_are_printed(plane, output):
    wire = execution([target(inline(b"a\n")), target(output, "n 1", "failed"), target(inline(b"b"), NODES[2]),
                      target({"kind": "tape"}, None)])
    for format, shown in (("text", b"a\n\n==> n\\x201 failed unreadable <==\n\n==> "), ("raw", b"a\nb"),
                        ("lines", ("%s: a\n%s: b\n" % (NODES[0], NODES[2])).encode())):
        result = run_against(plane, wire, *GET + ("--output", format))
        assert result.code == 1
        assert shown in result.out
        assert ["target n\\x201 is unreadable" in line for line in error_lines(result)] == [True, False]


@rule("5.6b")
def test_documents_print_unreadable_outputs_as_data(plane):
    wires = [execution(map(target, outputs)) for outputs in (UNREADABLE, [inline(data) for data in RIGHT])]
    for format in DOCUMENT_FORMATS:
        assert run_against(plane, wires[0], *GET + ("--output", format))[::2] == (0, "")
    assert [section[3] for section in read_sections(run_against(plane, wires[1]).out)[0]] == RIGHT


# ---- 5.7: raw; 5.7a: lines

@rule("5.7", "5.7d")
def test_raw_prints_the_bytes_and_nothing_else(plane):
    wire = execution([target(inline(ALL_BYTES)), target(inline(b"")), target(), target(inline(b"end"), NODES[1])])
    assert run_against(plane, wire, *GET_RAW) == (0, ALL_BYTES + b"end", "")


@rule("5.7a", "5.7b", "5.7d")
@pytest.mark.parametrize("data, lines", [
    (b"one\ntwo\n", [b"one", b"two"]), (b"one\ntwo", [b"one", b"two"]), (b"", []), (b"\n", [b""]),
    (b"\n\na\n\n", [b"", b"", b"a", b""]), (b"a\rb\r\nc\x0b\x0c\x85\x1c", [b"a\rb\r", b"c\x0b\x0c\x85\x1c"]),
    (ALL_BYTES, ALL_BYTES.split(b"\n"))], ids=shorten_id)
def test_lines_prints_each_line_after_its_node(plane, data, lines):
    wire = execution([target(), target(inline(data), "n\u00e4 1"), target(inline(b"end"), NODES[1])])
    expected = [b"n\xc3\xa4\\x201: " + line for line in lines] + [NODES[1].encode() + b": end"]
    assert run_against(plane, wire, *GET_LINES) == (0, b"".join(line + b"\n" for line in expected), "")
