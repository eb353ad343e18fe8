"""Formats, apart from what list.md and get.md show: boundaries, exact bytes, odd characters and numbers, OutputRef."""

import json

import pytest

import plexctl_exec_log as program
from kit import (
    ALL_BYTES,
    GET_TABLE,
    LIST,
    archive,
    execution,
    inline,
    page,
    posix_only,
    run_against,
    run_line,
    run_on_screen,
    table,
    target,
)
from server import Reply

# ---- tables


def find_titles(screen):
    """Return the titles in each line of a header: in each line that begins with a capital."""
    lines = screen.decode("utf-8").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip()[:1].isupper()]


@posix_only
@table("""
    columns | titles
    # In a pipe, and with -o wide on any terminal, a listing has all columns: see list.md.
    40      | ID STATUS CREATED_UTC ACTION
    87      | ID STATUS CREATED_UTC ACTION
    88      | ID STATUS TARGETS CREATED_UTC ACTION
    103     | ID STATUS TARGETS CREATED_UTC ACTION
    104     | ID STATUS TARGETS CREATED_UTC UPDATED_UTC ACTION
    129     | ID STATUS TARGETS CREATED_UTC UPDATED_UTC ACTION
    130     | ID STATUS TYPE TARGETS CREATED_AT UPDATED_AT ACTION
    # A terminal that reports no width:
    0       | ID STATUS TYPE TARGETS CREATED_AT UPDATED_AT ACTION
""")
def test_width_of_the_terminal_decides_the_columns_of_list(plane, columns, titles):
    argv = LIST + ("--color", "never")

    result = run_on_screen(plane, page(), *argv, columns=int(columns))

    assert find_titles(result.out) == [titles]


@posix_only
@table("""
    columns | titles_of_targets                 | titles_of_execution
    # A slash stands where another line begins.
    40      | NODE_ID STATUS UPDATED_UTC OUTPUT | ID STATUS TARGETS CREATED_UTC UPDATED_UTC / ACTION
    103     | NODE_ID STATUS UPDATED_UTC OUTPUT | ID STATUS TARGETS CREATED_UTC UPDATED_UTC / ACTION
    104     | NODE_ID STATUS UPDATED_AT OUTPUT  | ID STATUS TARGETS CREATED_UTC UPDATED_UTC ACTION
    129     | NODE_ID STATUS UPDATED_AT OUTPUT  | ID STATUS TARGETS CREATED_UTC UPDATED_UTC ACTION
    130     | NODE_ID STATUS UPDATED_AT OUTPUT  | ID STATUS TYPE TARGETS CREATED_AT UPDATED_AT ACTION
    # A terminal that reports no width:
    0       | NODE_ID STATUS UPDATED_AT OUTPUT  | ID STATUS TYPE TARGETS CREATED_AT UPDATED_AT ACTION
""")
def test_width_of_the_terminal_decides_the_columns_of_get(
    plane, columns, titles_of_targets, titles_of_execution
):
    argv = GET_TABLE + ("--color", "never")

    result = run_on_screen(plane, execution(), *argv, columns=int(columns))

    assert find_titles(result.out) == [titles_of_targets] + titles_of_execution.split(" / ")


@posix_only
@table("""
    sent                           | in_pipe                   | narrow
    # Times are shown in UTC, without a fraction. The present time is 2026-07-14T09:31:07.25Z.
    2026-07-14T09:28:41Z           | 2026-07-14T09:28:41Z      | 07-14T09:28
    2026-07-14T09:28:41.999999999Z | 2026-07-14T09:28:41Z      | 07-14T09:28
    2026-07-14T00:28:41.5+02:00    | 2026-07-13T22:28:41Z      | 07-13T22:28
    2026-12-31T23:45:00-00:30      | 2027-01-01T00:15:00Z      | 2027-01-01
    2026-07-14T09:28:41-23:59      | 2026-07-15T09:27:41Z      | 07-15T09:27
    # A narrow table shows the date if a time is 180 days old (09:31:07.25 on 2026-01-15), or more than a day ahead.
    2026-01-15T09:31:07.25Z        | 2026-01-15T09:31:07Z      | 2026-01-15
    2026-01-15T09:31:07.250001Z    | 2026-01-15T09:31:07Z      | 01-15T09:31
    2026-01-15T08:31:08-01:00      | 2026-01-15T09:31:08Z      | 01-15T09:31
    2026-01-15T10:31:07+01:00      | 2026-01-15T09:31:07Z      | 2026-01-15
    2026-07-15T09:31:07.25Z        | 2026-07-15T09:31:07Z      | 07-15T09:31
    2026-07-15T09:31:07.250001Z    | 2026-07-15T09:31:07Z      | 2026-07-15
    # The calendar does not matter if the offset is Z: there is no 30th of February.
    2025-02-30T00:00:00Z           | 2025-02-30T00:00:00Z      | 2025-02-30
    # Other text is shown as sent, except that a space is escaped. (\u0662 is an Arabic 2.)
    yesterday                      | yesterday                 | yesterday
    2026-07-14T09:28:41            | 2026-07-14T09:28:41       | 2026-07-14T09:28:41
    2026-07-14T09:28Z              | 2026-07-14T09:28Z         | 2026-07-14T09:28Z
    2026-07-14T09:28:41.Z          | 2026-07-14T09:28:41.Z     | 2026-07-14T09:28:41.Z
    2026-07-14T09:28:41Zx          | 2026-07-14T09:28:41Zx     | 2026-07-14T09:28:41Zx
    2026-07-14T09:28:41+24:00      | 2026-07-14T09:28:41+24:00 | 2026-07-14T09:28:41+24:00
    2026-07-14T09:28:41+01:60      | 2026-07-14T09:28:41+01:60 | 2026-07-14T09:28:41+01:60
    2026-02-30T00:00:00+01:00      | 2026-02-30T00:00:00+01:00 | 2026-02-30T00:00:00+01:00
    0001-01-01T00:00:00+00:01      | 0001-01-01T00:00:00+00:01 | 0001-01-01T00:00:00+00:01
    12026-07-14T09:28:41Z          | 12026-07-14T09:28:41Z     | 12026-07-14T09:28:41Z
    \u0662026-07-14T09:28:41Z      | \u0662026-07-14T09:28:41Z | \u0662026-07-14T09:28:41Z
    2026-07-14 09:28:41Z           | 2026-07-14\\x2009:28:41Z  | 2026-07-14\\x2009:28:41Z
""")
def test_time_is_shown_in_utc_and_on_narrow_terminals_without_year_and_seconds(
    plane, sent, in_pipe, narrow
):
    answer = page(execution(created_at=sent, updated_at=sent))

    to_pipe = run_against(plane, answer, *LIST)
    to_screen = run_on_screen(plane, answer, *LIST, "--color", "never", columns=80)

    created_at, updated_at = to_pipe.out.decode("utf-8").splitlines()[1].split()[4:6]
    assert (created_at, updated_at) == (in_pipe, in_pipe)
    # The columns are ID STATUS CREATED_UTC ACTION.
    assert to_screen.out.decode("utf-8").splitlines()[1].split()[2] == narrow


# ---- json, yaml and jsonl


@pytest.mark.parametrize("format", ["-o json", "-o yaml", "-o jsonl"])
@pytest.mark.parametrize(
    "sent",
    [
        "[0, -1, 1000000000000000000000000000000, 1.5, 1e-07, 1.0, true, null]",
        '"\u00e9\u20ac\u2028\ufeff\U0001f600\x7f\x85\\ud800\\u0000\\/\\"\\n\\u001b\u009b"',
        '{"\u00e9\u2028\U0001f600": [[], {}, [[]]]}',
    ],
    ids=["numbers", "characters", "names"],
)
def test_documents_are_ascii_and_keep_numbers_and_characters(plane, format, sent):
    answer = Reply('{"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", "targets": [{"x": %s}]}' % sent)

    result = run_line("get $ID " + format, plane, answer)

    printed = json.loads(result.out.decode("ascii"))
    # jsonl prints each target, the others print the Execution.
    element = printed if format == "-o jsonl" else printed["targets"][0]
    # As texts, because == would ignore the difference between 1, 1.0 and true.
    assert json.dumps(element["x"]) == json.dumps(json.loads(sent))


@pytest.mark.parametrize(
    "before, after",
    [
        pytest.param('"targets": [], "junk": ', "", id="in a member"),
        pytest.param('"targets": [{"a": ', "}]", id="in an element"),
    ],
)
def test_nesting_does_not_multiply_the_output(plane, before, after):
    nested = "[" * 500 + ",".join(["0"] * 4000) + "]" * 500
    sent = '{"id": "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", %s%s%s}' % (before, nested, after)

    result = run_line("get $ID --output json", plane, Reply(sent))

    assert result.code == 0
    # If each of the 4,000 numbers had a line, indented by 500 levels, the output would be hundreds of times as large.
    assert len(result.out) < 2 * len(sent)


# ---- get


@pytest.mark.parametrize(
    "data, lines, added",
    [
        # Of all bytes, only the line feed (10) ends a line. text adds one at the end of an output that lacks it.
        pytest.param(
            ALL_BYTES,
            [bytes(range(10)), bytes(range(11, 256))],
            b"\n",
            id="all bytes, no line feed at the end",
        ),
        pytest.param(b"\n\na\r\n\n", [b"", b"", b"a\r", b""], b"", id="empty lines, CR LF"),
        pytest.param(b"", [], b"", id="nothing"),
    ],
)
def test_pipes_get_the_exact_bytes_of_outputs_with_raw_lines_and_text(plane, data, lines, added):
    answer = execution([target(inline(data), "n\u00e4 1"), target(inline(b"end"), "n2")])

    as_raw = run_line("get $ID --output raw", plane, answer)
    # Neither the flag nor the terminal makes a difference to the bytes.
    flags = "--output lines --color always"
    as_lines = run_line("get $ID " + flags, plane, answer, terminals=["stderr"])
    as_text = run_line("get $ID", plane, answer)

    assert as_raw.out == data + b"end"
    # The space of the first node id is escaped, so that it contains no blank.
    beginning = "n\u00e4\\x201: ".encode("utf-8")
    assert as_lines.out == b"".join(beginning + line + b"\n" for line in lines) + b"n2: end\n"
    assert b" bytes <==\n" + data + added + b"\n==> n2" in as_text.out


@pytest.mark.parametrize(
    "data, lines",
    [
        # Of all bytes, only the line feed (10) ends a line.
        pytest.param(ALL_BYTES, [bytes(range(10)), bytes(range(11, 256))], id="all bytes"),
        pytest.param(b"\n\na\r\n\n", [b"", b"", b"a\r", b""], id="empty lines, CR LF"),
        pytest.param(b"end", [b"end"], id="no line feed at the end"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_pipes_get_the_exact_bytes_of_lines_of_a_listing(plane, data, lines):
    answer = page(execution([target(inline(data), "n1", "failed")], id="e1"))

    result = run_line("targets -o lines --color always", plane, answer, terminals=["stderr"])

    assert result.out == b"".join(b"e1 n1 failed " + line + b"\n" for line in lines)
    assert result.code == 0


# fmt: off
@pytest.mark.parametrize("bucket, key, shown", [
    # Spaces are kept, so that BUCKET/KEY can be pasted.
    ("logs", "a/b.log", "logs/a/b.log"),
    ("  my logs", "a  b  ", "  my logs/a  b  "),
    ("b\u00e9", "\u6f22 \u5b57", "b\u00e9/\u6f22 \u5b57"),
    ("b", 'it\'s "$HOME" \\x20', 'b/it\'s "$HOME" \\x20'),
    # Unprintable characters are escaped, and so are spaces other than the ASCII one.
    ("b\tc\x1b", "k\nl\x7f m\u2028", "b\\tc\\x1b/k\\nl\\x7f m\\u2028"),
    ("b\xa0c", "\u3000l", "b\\xa0c/\\u3000l"),
    # No part of a bucket or key looks like the digest that follows: the space of ` (sha256:` is escaped.
    ("b", "k (sha256:a) (sha256:b) c", "b/k\\x20(sha256:a)\\x20(sha256:b) c"),
    ("b", "k (sha256:", "b/k\\x20(sha256:"),
    ("b (sha256:a)", "k", "b\\x20(sha256:a)/k"),
    ("b", "k(sha256:a) (sha512:a)", "b/k(sha256:a) (sha512:a)"),
])
# fmt: on
def test_place_of_an_archived_output_is_escaped_only_where_needed(plane, bucket, key, shown):
    # The first target has no digest, the second one has.
    answer = execution([target(archive(bucket, key)), target(archive(bucket, key, sha256="5d41"))])

    result = run_line("get $ID", plane, answer)

    lines = result.out.decode("utf-8").split("\n")
    assert [line for line in lines if line.startswith("archived: ")] == [
        "archived: " + shown,
        "archived: " + shown + " (sha256:5d41)",
    ]
    assert len(plane.requests) == 1  # the archive is not asked


# ---- OutputRef


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", b"\xfb\xff\xbf", ALL_BYTES])
def test_output_ref_reads_the_bytes_of_an_inline_output(data):
    output = program.OutputRef.from_wire(inline(data))

    assert output == program.OutputRef("inline", data, location="", sha256="", fault="")


@pytest.mark.parametrize("members", [{}, {"inline_bytes": None}], ids=["absent", "null"])
def test_output_ref_reads_an_inline_output_without_bytes_as_empty(members):
    output = program.OutputRef.from_wire(dict(members, kind="inline"))

    assert output == program.OutputRef("inline", b"", location="", sha256="", fault="")


def test_output_ref_reads_an_archived_output():
    output = program.OutputRef.from_wire(archive("b", "k/1", sha256="A b"))

    # The digest is kept as sent, although it is not one.
    assert output == program.OutputRef("archived", b"", location="b/k/1", sha256="A b", fault="")
    assert output == ("archived", b"", "b/k/1", "A b", "")  # The order of the members does not change.


def test_output_ref_of_null_has_the_kind_none():
    output = program.OutputRef.from_wire(None)

    assert output == program.OutputRef("none", b"", location="", sha256="", fault="")


# fmt: off
@pytest.mark.parametrize("output_ref, fault", [
    (0, "output_ref: expected an object"),
    ("", "output_ref: expected an object"),
    ([], "output_ref: expected an object"),
    (False, "output_ref: expected an object"),
    ({}, 'unknown kind ""'),
    ({"kind": None}, 'unknown kind ""'),
    ({"kind": "INLINE"}, 'unknown kind "INLINE"'),
    ({"kind": "none"}, 'unknown kind "none"'),  # which only this program uses
    ({"kind": 1}, "kind: expected a string"),
    ({"kind": "inline", "inline_bytes": 0}, "inline_bytes: expected a string"),
    ({"kind": "inline", "inline_bytes": []}, "inline_bytes: expected a string"),
    ({"kind": "object_store", "key": "k"}, "bucket or key: expected a non-empty string"),
    ({"kind": "object_store", "bucket": "b"}, "bucket or key: expected a non-empty string"),
    ({"kind": "object_store", "bucket": "b", "key": ""}, "bucket or key: expected a non-empty string"),
    ({"kind": "object_store", "bucket": "", "key": "k"}, "bucket or key: expected a non-empty string"),
    ({"kind": "object_store", "bucket": 1, "key": "k"}, "bucket: expected a string"),
    ({"kind": "object_store", "bucket": "b", "key": ["a"]}, "key: expected a string"),
    ({"kind": "object_store", "bucket": "b", "key": "k", "sha256": 1}, "sha256: expected a string"),
])
# fmt: on
def test_output_ref_says_what_is_wrong_with_an_unreadable_output(output_ref, fault):
    output = program.OutputRef.from_wire(output_ref)

    assert output == program.OutputRef("unreadable", b"", location="", sha256="", fault=fault)


# fmt: off
@pytest.mark.parametrize("text", [
    # padding that is missing, superfluous or misplaced
    "Y", "YQ", "YQ=", "YQ===", "=", "====", "Y===", "YWJj=", "YWJj====",
    "YQ==YQ==", "YWJ=YWI=", "=YWJ", "YW=j", "YQ=A",
    # other characters
    "YWJj-_==", "YWJj.", "YWJj!!!!", "caf\u00e9", "\uff39\uff31==", "\ud800\ud800\ud800\ud800",
    "YQ==\n", "\nYQ==", "Y Q==", "    ",
], ids=ascii)
# fmt: on
def test_output_ref_of_malformed_base64_is_unreadable(text):
    output = program.OutputRef.from_wire({"kind": "inline", "inline_bytes": text})

    fault = "inline_bytes: expected standard base64 with exact padding"
    assert output == program.OutputRef("unreadable", b"", location="", sha256="", fault=fault)
