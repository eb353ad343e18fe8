"""Section 5, what people read: the tables, the sections of `get`, raw and lines, what is unreadable. And OutputRef."""

import json
import re
import threading

import pytest

import plexctl_exec_log as program
from kit import (
    ALL_BYTES,
    DIGEST,
    DOCUMENT_FORMATS,
    EXECUTION,
    GET,
    GET_TABLE,
    LIST,
    NODES,
    TABLE_FORMATS,
    archive,
    drain,
    error_lines,
    every_get_format,
    execution,
    inline,
    open_terminal,
    page,
    posix_only,
    rule,
    run_against,
    target,
)

#: The layouts of the table of Executions: the header and the row of one whose action is A.
WIDEST = (
    "ID                                    STATUS     TYPE     TARGETS  "
    "CREATED_AT            UPDATED_AT            ACTION\n"
    "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  builtin  0/0      "
    "2026-05-02T10:00:00Z  2026-05-02T10:00:09Z  A\n"
)
MIDDLE = (
    "ID                                    STATUS     TARGETS  CREATED      UPDATED      ACTION\n"
    "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  succeeded  0/0      05-02T10:00  05-02T10:00  A\n"
)
NARROW = (
    "ID                                   STATUS    UPDATED     ACTION\n"
    "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f succeeded 05-02T10:00 A\n"
)
HEADER, ROW = WIDEST.replace("  A\n", "  restart-nginx\n").splitlines(True)
WIDTHS = {"id": 36, "status": 9, "type": 7, "targets": 7, "created_at": 20, "updated_at": 20, "action": 0}
CELLS = dict(zip(WIDTHS, ROW.split()))


def make_line(**cells):
    """The row of ROW with other cells."""
    return "  ".join(dict(CELLS, **cells)[name].ljust(width) for name, width in WIDTHS.items()) + "\n"


def run_on_screen(plane, wire, *argv, columns=80, **options):
    """Run against this answer, with stdout on a real pseudo-terminal. Return the Result. COLUMNS does not count."""
    far, near = open_terminal(columns)
    shown = []
    reader = threading.Thread(target=lambda: shown.append(drain(far)))
    reader.start()
    try:
        with open(near, "wb") as stdout:
            result = run_against(plane, wire, *argv, stdout=stdout, env={"COLUMNS": "100"}, **options)
    finally:
        reader.join()
    return result._replace(out=shown[0])


def show_on_screen(plane, wire, *argv, columns):
    """What such a terminal shows, without colours."""
    return run_on_screen(plane, wire, *argv + ("--color", "never"), columns=columns).out.decode("utf-8")


# ---- 5.2: the table of Executions


@rule("5.2", "5.2b", "5.2c", "5.2d")
@pytest.mark.parametrize("format", TABLE_FORMATS)
def test_table_has_exactly_these_bytes(plane, format):
    second = execution(
        [target(), target(status="failed"), target()],
        id="0199aaaa-0000-7000-8000-000000000001",
        status="failed",
        type="hook",
        action="two words",
        created_at=None,
        updated_at="",
    )
    wire, argv = page(execution(), second, next_cursor="c 2" * 2000), LIST + ("--output", format)
    result = run_against(plane, wire, *argv, env={"COLUMNS": "80"})
    assert result == (
        0,
        (
            HEADER
            + ROW
            + (
                "0199aaaa-0000-7000-8000-000000000001  failed     hook     2/3      -                     "
                "-                     two words\n"
                "next_cursor: %s\n" % ("c 2" * 2000)
            )
        ).encode(),
        "",
    )
    assert run_against(plane, page(), *argv) == (0, HEADER.encode(), "")


@rule("5.2b", "5.2c", "5.10")
@pytest.mark.parametrize(
    "members, cells",
    [
        ({"type": "a b", "status": "v" * 300}, {"type": "a\\x20b", "status": "v" * 300}),
        ({"created_at": "a b", "id": "e\n1"}, {"created_at": "a\\x20b", "id": "e\\n1"}),
        ({"status": "\u00e4", "action": " a  \x1b\u2028 "}, {"status": "\u00e4", "action": " a  \\x1b\\u2028 "}),
    ],
    ids=["spaces", "line feed", "printable"],
)
def test_cell_is_escaped_and_shifts_only_its_own_row(plane, members, cells):
    result = run_against(plane, page(execution(**members), execution()), *LIST)
    assert result == (0, (HEADER + make_line(**cells) + ROW).encode("utf-8"), "")


#: A time as the server sent it, and in the widest and in the other layouts.
TIMES = [
    line.split()
    for line in """
2026-07-14T09:28:41Z                2026-07-14T09:28:41Z    07-14T09:28
2026-07-14T09:28:41.999999999Z      2026-07-14T09:28:41Z    07-14T09:28
2026-07-14T00:28:41.5+02:00         2026-07-13T22:28:41Z    07-13T22:28
2026-12-31T23:45:00-00:30           2027-01-01T00:15:00Z    01-01T00:15
2026-07-14T09:28:41-23:59           2026-07-15T09:27:41Z    07-15T09:27""".splitlines()[1:]
]
NO_TIMES = (
    "yesterday 2026-07-14T09:28:41 2026-07-14T09:28:41+24:00 2026-07-14T09:28:41+01:60 2026-07-14T09:28Z "
    "2026-02-30T00:00:00+01:00 0001-01-01T00:00:00+00:01 12026-07-14T09:28:41Z 2026-07-14T09:28:41.Z "
    "\u0662026-07-14T09:28:41Z 2026-07-14T09:28:41Zx"
).split()


@posix_only
@rule("5.2c", "4.2")
@pytest.mark.parametrize("columns, cells, layout", [(130, [4, 5], 1), (80, [2], 2)])
def test_times_are_in_utc_and_other_text_is_shown_as_sent(plane, columns, cells, layout):
    times = TIMES + [[text] * 3 for text in NO_TIMES] + [["2026-07-14 09:28:41Z"] + ["2026-07-14\\x2009:28:41Z"] * 2]
    wires = [execution(created_at=row[0], updated_at=row[0]) for row in times]
    shown = show_on_screen(plane, page(*wires), *LIST, columns=columns).splitlines()[1:]
    assert [[line.split()[cell] for cell in cells] for line in shown] == [[row[layout]] * len(cells) for row in times]


#: The table of targets, on terminals of fewer than 104 columns and on others.
FOUR_TARGETS = [
    target(inline(b"x"), NODES[0]),
    target(archive("b", "a key"), NODES[1], "failed"),
    target({"kind": "tape"}, NODES[2], "ack", updated_at=None),
    target(None, NODES[3], updated_at="2026-05-02T11:00:09+01:00"),
]
SHORT_TIMES = """\
NODE_ID                               STATUS     UPDATED      OUTPUT
a1b2c300-0000-4000-8000-000000000000  succeeded  05-02T10:00  1 byte
a1b2c301-0000-4000-8000-000000000001  failed     05-02T10:00  archived: b/a key
a1b2c302-0000-4000-8000-000000000002  ack        -            unreadable
a1b2c303-0000-4000-8000-000000000003  succeeded  05-02T10:00  no output

"""
LONG_TIMES = """\
NODE_ID                               STATUS     UPDATED_AT            OUTPUT
a1b2c300-0000-4000-8000-000000000000  succeeded  2026-05-02T10:00:09Z  1 byte
a1b2c301-0000-4000-8000-000000000001  failed     2026-05-02T10:00:09Z  archived: b/a key
a1b2c302-0000-4000-8000-000000000002  ack        -                     unreadable
a1b2c303-0000-4000-8000-000000000003  succeeded  2026-05-02T10:00:09Z  no output

"""


@posix_only
@rule("5.2", "5.2a", "5.2d", "5.3b", "5.3c")
@pytest.mark.parametrize(
    "columns, table",
    [
        (40, NARROW),
        (80, NARROW),
        (103, NARROW),
        (104, MIDDLE),
        (129, MIDDLE),
        (130, WIDEST),
        (200, WIDEST),
        (0, WIDEST),
    ],
)
def test_width_of_the_terminal_decides_the_columns(plane, columns, table):
    listing, wire = page(execution(action="A"), next_cursor="c"), execution(FOUR_TARGETS, action="A")

    recap, rows = table.replace("0/0", "2/4"), SHORT_TIMES if 0 < columns < 104 else LONG_TIMES
    wide = LONG_TIMES + WIDEST.replace("0/0", "2/4")
    for answer, argv, shown in (
        (listing, LIST, table + "next_cursor: c\n"),
        (listing, LIST + ("-o", "wide"), WIDEST + "next_cursor: c\n"),
        (wire, GET, recap),
        (wire, GET_TABLE, rows + recap),
        (wire, GET + ("-o", "wide"), wide),
    ):
        out = show_on_screen(plane, answer, *argv, columns=columns)
        assert out[out.index("ID ") if argv == GET else 0 :] == shown


# ---- 5.3: sections and the recap; the table of targets

EACH = execution(
    [
        target(inline(b"with newline\n"), NODES[0]),
        target(inline(b"without\r"), NODES[1], "failed"),
        target(inline(b""), NODES[2]),
        target(archive("logs", "a/b.log", sha256=DIGEST), NODES[3]),
        target(archive("logs", "c.log"), NODES[4], "timeout"),
        target(node=NODES[5], status="pending"),
        target(inline(b"\n"), NODES[6], updated_at=None),
        target({"kind": "tape"}, "n 7", None),
    ],
    status="failed",
)
RECAP = HEADER + make_line(status="failed", targets="4/8")
UNREADABLE_ERROR = 'error: the output of target n\\x207 is unreadable: unknown kind "tape"\n'


@rule("5.3", "5.3a", "5.3b", "5.3c", "5.6", "4.2")
def test_sections_and_recap_have_exactly_these_bytes(plane):
    assert run_against(plane, EACH) == (
        1,
        (
            """\
==> a1b2c300-0000-4000-8000-000000000000 succeeded 13 bytes <==
with newline

==> a1b2c301-0000-4000-8000-000000000001 failed 8 bytes <==
without\r

==> a1b2c302-0000-4000-8000-000000000002 succeeded 0 bytes <==

==> a1b2c303-0000-4000-8000-000000000003 succeeded archived <==
archived: logs/a/b.log (sha256:%s)

==> a1b2c304-0000-4000-8000-000000000004 timeout archived <==
archived: logs/c.log

==> a1b2c305-0000-4000-8000-000000000005 pending no output <==

==> a1b2c306-0000-4000-8000-000000000006 succeeded 1 byte <==


==> n\\x207 - unreadable <==

"""
            % DIGEST
            + RECAP
        ).encode(),
        UNREADABLE_ERROR,
    )
    assert run_against(plane, execution()) == (0, (HEADER + ROW).encode(), "")
    header = LONG_TIMES.splitlines(True)[0]
    assert run_against(plane, execution(), *GET_TABLE) == (0, (header + "\n" + HEADER + ROW).encode(), "")


# ---- 5.4: which targets

TARGETS = [
    target(inline(b"%d" % place), NODES[node], status)
    for place, (node, status) in enumerate(
        [
            (0, "succeeded"),
            (1, "failed"),
            (2, [5]),
            (3, "cancelled"),
            (4, "timeout"),
            (5, "started"),
            (6, None),
            (7, "FAILED"),
            (8, "succeeded"),
            (3, "pending"),
        ]
    )
] + [target(archive(), None, "ack")]
TARGETS[8]["node_id"] = NODES[8].upper()
TARGETS[2]["output_ref"] = {"kind": "tape"}
#: Flags, with N3 for a node, and the places of the targets that they select.
CHOOSING_FLAGS = {
    "--node N3": [3, 9],
    "--node N8": [8],
    "--failed": [1, 3, 4],
    "--running": [5, 9, 10],
    "--status timeout --running": [4, 5, 9, 10],
    "--node N5 --node N1": [1, 5],
    "--node N3 --failed": [3],
    "--node N0 --node N1 --status failed": [1],
    "--failed --node N0": [],
}


@rule("5.4", "5.8")
@pytest.mark.parametrize("flags", list(CHOOSING_FLAGS))
def test_flags_select_targets_in_the_order_of_the_response(plane, flags):
    argv = re.sub(r"N(\d)", lambda match: NODES[int(match.group(1))].upper(), flags).split()
    result = run_against(plane, execution(TARGETS), *GET + ("-o", "json"), *argv)
    assert result[::2] == (0, "")
    assert json.loads(result.out.decode()) == execution([TARGETS[place] for place in CHOOSING_FLAGS[flags]])


@rule("5.4", "5.4a", "5.3b")
@every_get_format
def test_filter_and_unknown_node_work_in_every_format(plane, format):
    argv = GET + ("--output", format)
    alone = run_against(plane, execution([TARGETS[1], TARGETS[3]]), *argv)
    unknown = ("--node", NODES[9], "--node", NODES[9].upper())
    flags = ("--failed", "--node", NODES[3], "--node", NODES[1]) + unknown
    result = run_against(plane, execution(TARGETS), *argv + flags)
    error = "error: node %s is not a target of Execution %s\n" % (NODES[9], EXECUTION)
    out = alone.out.replace(b"  0/2  ", b"  2/11 ")  # the recap counts all
    assert (alone.code, alone.err) == (0, "") and result == (1, out, error)


# ---- 5.5: archived outputs

#: Bucket, key, and what is printed of both. The last ones look as if a digest followed.
COORDINATES = [
    row.split("|")
    for row in (
        "logs|a/b.log|logs/a/b.log;logs|my  run.log|logs/my  run.log;my logs|a/b.log|my logs/a/b.log;  |  |  /  ;"
        "  logs|a b  |  logs/a b  ;b\tc\x1b|k\nl\x7f m\u2028|b\\tc\\x1b/k\\nl\\x7f m\\u2028;"
        "b\xa0c|\u3000l|b\\xa0c/\\u3000l;"
        'b\u00e9|\u6f22 \u5b57|b\u00e9/\u6f22 \u5b57;b|it\'s "$HOME" \\x20|b/it\'s "$HOME" \\x20'
    ).split(";")
]
IMITATIONS = [
    row.split("|")
    for row in (
        "b|k (sha256:a)|b/k\\x20(sha256:a);b|k (sha256:|b/k\\x20(sha256:;b|k(sha256:a)|b/k(sha256:a);"
        "b (sha256:a)|k|b\\x20(sha256:a)/k;b|k (sha256:a) (sha256:b) c|b/k\\x20(sha256:a)\\x20(sha256:b) c;"
        "b|k (sha512:a) sha256:c|b/k (sha512:a) sha256:c"
    ).split(";")
]
DIGESTS = [(DIGEST, " (sha256:%s)" % DIGEST), ("abc d\n", " (sha256:abc\\x20d\\n)"), (None, ""), ("", "")]


@rule("5.5", "5.3", "5.3c", "5.7b", "5.10")
@pytest.mark.parametrize(
    "format, pattern, code",
    [
        ("text", "(?m)^archived: (.*)", 0),
        ("table", "  archived: (.*)", 0),
        ("raw", "error: the output of target %s is archived: (.*)\n" % NODES[0], 1),
        ("lines", "error: the output of target %s is archived: (.*)\n" % NODES[0], 1),
    ],
)
def test_bucket_and_key_can_be_pasted_and_imitate_no_digest(plane, format, pattern, code):
    rows = [
        (bucket, key, digest, shown + end) for bucket, key, shown in COORDINATES + IMITATIONS for digest, end in DIGESTS
    ]
    wire = execution([*(target(archive(*row[:2], sha256=row[2])) for row in rows), target(inline(b"end\n"))])
    result = run_against(plane, wire, *GET + ("-o", format))
    assert re.findall(pattern, result.err or result.out.decode("utf-8")) == [row[3] for row in rows]
    assert (result.code, len(error_lines(result)), len(plane.requests)) == (code, code * len(rows), 1)
    assert not code or result.out in (b"end\n", NODES[0].encode() + b": end\n")


# ---- 5.6: outputs that cannot be read; 10.5d: OutputRef

NO_BASE64 = (
    "= ==== Y YQ YQ= YQ=== YWJj= YWJj==== YQ==YQ== =YWJ YWJj-_== YW=j Y=== YQ=A YWJj. YWJj!!!! YWJ=YWI= "
    "caf\u00e9 \uff39\uff31== \ud800\ud800\ud800\ud800"
).split(" ") + ["YQ==\n", "\nYQ==", "Y Q==", "    "]
#: What is unreadable, as JSON, and a word of the fault.
FAULTS = [
    (json.loads(line.partition("  ")[0]), line.partition("  ")[2].strip())
    for line in """
0                                           output_ref: expected an object
""                                          output_ref: expected an object
[]                                          output_ref: expected an object
false                                       output_ref: expected an object
{}                                          unknown kind ""
{"kind": null}                              unknown kind ""
{"kind": "INLINE"}                          unknown kind "INLINE"
{"kind": "none"}                            unknown kind "none"
{"kind": 1}                                 kind: expected a string
{"kind": "inline", "inline_bytes": 0}       inline_bytes: expected a string
{"kind": "inline", "inline_bytes": []}      inline_bytes: expected a string
{"kind": "object_store", "key": "k"}        bucket or key
{"kind": "object_store", "bucket": "b"}     bucket or key
{"kind": "object_store", "bucket": "b", "key": ""}              bucket or key
{"kind": "object_store", "bucket": "", "key": "k"}              bucket or key
{"kind": "object_store", "bucket": 1, "key": "k"}               bucket: expected a string
{"kind": "object_store", "bucket": "b", "key": ["a"]}           key: expected a string
{"kind": "object_store", "bucket": "b", "key": "k", "sha256": 1}  sha256: expected a string""".splitlines()[1:]
] + [({"kind": "inline", "inline_bytes": text}, "inline_bytes: expected standard base64") for text in NO_BASE64]
READABLE = [b"", b"a", b"ab", b"abc", b"\xfb\xff\xbf", ALL_BYTES]


@rule("5.6", "4.4a")
@every_get_format
def test_each_unreadable_output_is_reported_and_the_others_are_printed(plane, format):
    targets = [target(output, "n%d" % number) for number, (output, _) in enumerate(FAULTS)]
    wire = execution([*targets, target(inline(b"a\n"), "n"), target(inline(b"b"), "n")])
    code, out, err = run_against(plane, wire, *GET + ("--output", format))
    reported = re.findall(r"error: the output of target n(\d+) is unreadable: ", err)
    assert code == (format not in DOCUMENT_FORMATS) and reported == list(map(str, range(len(FAULTS) * code)))
    assert out == {"raw": b"a\nb", "lines": b"n: a\nn: b\n"}.get(format, out) and b"n9" in out + err.encode()


@rule("10.5d", "4.4a")
def test_output_ref_reads_every_value_and_raises_nothing():
    read = program.OutputRef.from_wire
    archived = read(archive("b", "k/1", sha256="A b"))
    assert (archived.kind, archived.data, archived.location, archived.sha256) == ("archived", b"", "b/k/1", "A b")
    assert [read(inline(data)).data for data in READABLE] == READABLE
    assert [read(value).kind for value in (None, {"kind": "inline", "inline_bytes": None}, {"kind": "inline"})] == [
        "none",
        "inline",
        "inline",
    ]
    assert {read(value)[:4] for value, _ in FAULTS} == {("unreadable", b"", "", "")}
    assert [words for value, words in FAULTS if words not in read(value).fault] == []


# ---- 5.7a: lines


@rule("5.7a", "5.9")
def test_lines_prints_each_line_after_its_node(plane):
    for data, lines in ((ALL_BYTES, ALL_BYTES.split(b"\n")), (b"", []), (b"\n\na\r\n\n", [b"", b"", b"a\r", b""])):
        wire = execution([target(), target(inline(data), "n\u00e4 1"), target(inline(b"end"), NODES[1])])
        expected = [b"n\xc3\xa4\\x201: " + line for line in lines] + [NODES[1].encode() + b": end", b""]
        assert run_against(plane, wire, *GET + ("-o", "lines")) == (0, b"\n".join(expected), "")
