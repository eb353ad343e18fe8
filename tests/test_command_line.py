"""Words, flags and their values, times, statuses, and usage errors with their suggestions.

Help is in test_help.py, and the forms of a UUID are in test_uuids.py. Which Executions and targets a command selects,
and in which order, is in test_choosing.py.

The command lines are split as a shell splits them: see run_line in kit.py.
"""

import io
import itertools
import re
import shlex
import time
from datetime import datetime, timedelta, timezone

import pytest

import plexctl_exec_log as program
from control_plane import DEMO, PROJECT, TOKEN
from kit import (
    GET_FORMATS,
    BOTH,
    LIST,
    NODES,
    PATH,
    UNREACHABLE,
    encode,
    error_lines,
    execution,
    find_ids,
    hint_lines,
    inline,
    listed,
    page,
    posix_only,
    read_queries,
    run_cli,
    run_line,
    run_process,
    serve_pages,
    surroundings,
    table,
    target,
    write_private_file,
)
from server import Reply

# ---- words, and where flags and their values stand


@table("""
    line
    # The flags --yes and --reveal-secrets are ignored.
    exec-log list --status=failed --limit 7 --yes -o jsonl
    list --status=failed --limit 7 --reveal-secrets -o jsonl
    --status=failed list --limit 7 --yes -o jsonl
    --limit 7 -o jsonl exec-log --yes list --status=failed
    --limit 7 -o jsonl --yes --status=failed exec-log list
""")
def test_flags_of_list_may_appear_anywhere(plane, line):
    result = run_line(line, plane, page(execution()))

    assert result == (0, encode(execution()) + b"\n", "")
    assert [request.target for request in plane.requests] == [
        "/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions?status=failed&limit=7"
    ]


@table("""
    line
    exec-log get $ID --node $NODE -o raw --failed --yes
    get --node $NODE $ID -o raw --failed --reveal-secrets
    --node $NODE get -o raw $ID --failed --yes
    --node $NODE -o raw --failed exec-log get --id $ID
    --id=$ID --node $NODE -o raw --failed get
    # The same id twice, in two forms, is one id.
    get --id {$ID} --id=urn:uuid:$ID --node $NODE -o raw --failed
""")
def test_flags_and_the_id_of_get_may_appear_anywhere(plane, line):
    wanted = target(inline(b"disk full\n"), NODES[0], "failed")
    of_another_status = target(inline(b"all is well\n"), NODES[0], "succeeded")
    of_another_node = target(inline(b"no route\n"), NODES[1], "failed")

    result = run_line(line, plane, execution([of_another_status, wanted, of_another_node]))

    assert result == (0, b"disk full\n", "")
    assert [request.target for request in plane.requests] == [
        "/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions/4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"
    ]


@pytest.mark.parametrize("line, start_of_output", [("list", b"ID  "), ("get " + DEMO, b"==> ")])
def test_output_text_and_yes_and_reveal_secrets_change_nothing(plane, line, start_of_output):
    # The plane answers from its sample data, to which the Execution DEMO belongs.
    without = run_line(line, plane)

    assert without.code == 0
    assert without.out.startswith(start_of_output)
    assert run_line(line + " --output text", plane) == without
    assert run_line(line + " --yes", plane) == without
    assert run_line(line + " --reveal-secrets", plane) == without


@table("""
    flags         | same_as
    --output=json | --output json
    -o json       | --output json
    -ojson        | --output json
    -o=json       | --output json
    --last=5      | --last 5
    -n 5          | --last 5
    -n5           | --last 5
    -n=05         | --last 5
    # Of these flags, the last of two values counts. Values of --status and of --node add up instead (test_choosing.py).
    # Two different values of --action-name or of --id are refused (test_flags_that_do_not_fit_are_refused).
    -ojsonl -ojson                                                  | --output json
    -n9 --last=5                                                    | --last 5
    --limit 9 --limit=7                                             | --limit 7
    --project 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10 --project=$ID    | --project $ID
    --since 2027-01-01T00:00:00Z --since 2026-07-14T09:00:00Z       | --since 2026-07-14T09:00:00Z
    --until 2020-01-01T00:00:00Z --until 2026-07-14T09:00:00Z       | --until 2026-07-14T09:00:00Z
    --updated-since 2027-01-01T00:00Z --updated-since 2026-07-14T09:00:00Z | --updated-since 2026-07-14T09:00:00Z
    --color always --color never                                    | --color never
    --server x --server http://127.0.0.1:2                          | --server http://127.0.0.1:2
""")
def test_spellings_mean_the_same_and_the_last_of_two_values_of_these_flags_counts(
    plane, flags, same_as
):
    # The plane answers from its sample data: 60 Executions, the newest ones of 2026-07-14.
    expected = run_line("list " + same_as, plane)
    expected_requests = [request.target for request in plane.requests]
    del plane.requests[:]

    result = run_line("list " + flags, plane)

    assert result == expected
    assert [request.target for request in plane.requests] == expected_requests
    # 1 is for the server and the Project that do not exist. A usage error would be 2.
    assert result.code in (0, 1)


def test_last_of_two_profiles_token_files_folders_and_limits_of_a_wait_counts(
    plane, tmp_path, monkeypatch
):
    monkeypatch.chdir(str(tmp_path))
    write_private_file(tmp_path / "token", b"token-of-file")
    config = {"profiles": {"lab": {"server": plane.url + "/lab", "project": PROJECT}}}
    write_private_file(tmp_path / "plexctl" / "config.json", encode(config))

    # Neither the profile nor the file `missing` exists. A limit of a day would not end this test.
    line = (
        "get $ID --profile missing --profile lab --token-file missing --token-file ./token "
        "--output-dir first --output-dir last --wait --wait-timeout 1d --wait-timeout 1s"
    )
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    result = run_line(line, plane, execution(status="ack"), env=env)

    assert result.code == 124
    assert (tmp_path / "last").is_dir()
    assert not (tmp_path / "first").exists()
    (request,) = plane.requests  # The second one would follow after 2 seconds.
    assert request.target.startswith("/lab/")
    assert request.headers["authorization"] == "Bearer token-of-file"


@table("""
    flags                           | query
    # The next argument is the value, even if it begins with a hyphen, except a known flag, before which the value is
    # missing (test_missing_or_unusable_value...), and `--`, which is refused (test_some_usage_errors...).
    --cursor -abc                   | ?cursor=-abc
    --cursor -oAbc                  | ?cursor=-oAbc
    --cursor --x=y                  | ?cursor=--x%3Dy
    --cursor -n5 --yes              | ?cursor=-n5
    --cursor -                      | ?cursor=-
    --cursor ---                    | ?cursor=---
    --cursor '-- x'                 | ?cursor=--%20x
    --cursor -node                  | ?cursor=-node
    --action-name '-rf /'           | ?action_name=-rf%20%2F
    --status -1                     | ?status=-1
    # After an equals sign, the value may even be a known flag, but not `--`.
    --cursor=--all                  | ?cursor=--all
    --cursor=-n                     | ?cursor=-n
    --cursor==                      | ?cursor=%3D
    # An empty cursor means the first page, also as the last of two cursors.
    --cursor ''                     |
    --cursor x --cursor=            |
    # The limit 0 means the server's default. Leading zeros do not matter.
    --limit=00                      |
    --limit 07                      | ?limit=7
    # Only the server rejects a limit above 200.
    --limit 123456789               | ?limit=123456789
    # The same action twice is one action.
    --action-name a --action-name=a | ?action_name=a
    # Reserved characters are percent-encoded, and \xe9 (an accented e) as its two bytes of UTF-8.
    --status 'a&b=c/d?#%+;:@!*\xe9' | ?status=a%26b%3Dc%2Fd%3F%23%25%2B%3B%3A%40%21%2A%C3%A9
""")
def test_values_of_flags_are_sent_in_the_query_percent_encoded(plane, flags, query):
    result = run_line("list " + flags, plane, page())

    assert result.code == 0
    assert [request.target.partition("/executions")[2] for request in plane.requests] == [query]


@posix_only
def test_argument_that_is_not_unicode_is_sent_as_its_bytes(plane):
    # Python passes on the bytes FF and C3, which are not valid UTF-8, as these surrogates. %41 stays %41.
    result = run_line("list --cursor '\udcff\udcc3%41\n'", plane, page())

    assert result.code == 0
    assert plane.requests[0].target.endswith("/executions?cursor=%FF%C3%2541%0A")


@table("""
    time     | seconds
    # seconds
    30       | 30
    .5       | 0.5
    5.       | 5
    86400.0  | 86400
    # a whole number with a unit
    1s       | 1
    86400s   | 86400
    1440m    | 86400
    24h      | 86400
    0001d    | 86400
""")
def test_duration_is_a_number_of_seconds_or_has_a_unit(plane, connect_timeouts, time, seconds):
    # The last of two values counts.
    result = run_line("list --timeout 7 --timeout " + time, plane, page())

    assert result.code == 0
    assert connect_timeouts == [float(seconds)]  # the timeout of the only connection


# ---- times


@pytest.fixture
def set_clock(monkeypatch):
    """A function that sets the clock of this process to a time in UTC."""

    def set_to(text):
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        monkeypatch.setattr(time, "time", moment.timestamp)

    return set_to


@table("""
    when                      | meant
    # ages, at 2026-07-14T09:31:07.25Z
    90s                       | 2026-07-14T09:29:37Z
    30m                       | 2026-07-14T09:01:07Z
    2h                        | 2026-07-14T07:31:07Z
    7d                        | 2026-07-07T09:31:07Z
    2w                        | 2026-06-30T09:31:07Z
    0s                        | 2026-07-14T09:31:07Z
    # A hyphen before an age does not matter.
    -2h                       | 2026-07-14T07:31:07Z
    # days
    today                     | 2026-07-14T00:00:00Z
    yesterday                 | 2026-07-13T00:00:00Z
    # the most recent time of day
    9:30                      | 2026-07-14T09:30:00Z
    09:31                     | 2026-07-14T09:31:00Z
    9:32                      | 2026-07-13T09:32:00Z
    23:59                     | 2026-07-13T23:59:00Z
    0:00                      | 2026-07-14T00:00:00Z
    # RFC 3339, cut off (2026-08-01 is in the future)
    2026-07-14                | 2026-07-14T00:00:00Z
    2026-08-01                | 2026-08-01T00:00:00Z
    2026-07-14T09             | 2026-07-14T09:00:00Z
    2026-07-14 09:30          | 2026-07-14T09:30:00Z
    # an hour of one digit
    2026-07-14 9:15           | 2026-07-14T09:15:00Z
    2026-07-14T9              | 2026-07-14T09:00:00Z
    # with an offset after the minutes, with a space, or without an offset
    2026-07-14T09:30Z         | 2026-07-14T09:30:00Z
    2026-01-01T00:30+01:00    | 2025-12-31T23:30:00Z
    2026-07-14 09:30+0200     | 2026-07-14T07:30:00Z
    2026-07-14 09:30+0545     | 2026-07-14T03:45:00Z
    2026-07-14 09:30:15-03:30 | 2026-07-14T13:00:15Z
    2026-07-14 09:30:15       | 2026-07-14T09:30:15Z
    # Blanks around it do not matter. The quotes are only for this table, which would strip the blanks.
    ' 9:30 '                  | 2026-07-14T09:30:00Z
""")
@pytest.mark.parametrize(
    "flag, words", [("--since", "created since"), ("--updated-since", "updated since")]
)
def test_when_is_an_age_a_day_or_a_time(plane, set_clock, flag, words, when, meant):
    set_clock("2026-07-14T09:31:07.25Z")

    line = "list %s '%s'" % (flag, when.strip("'"))
    result = run_line(line, plane, page(), terminals=["stderr"])

    assert result.code == 0
    assert hint_lines(result)[0] == "%s %s (now: 2026-07-14T09:31:07Z)" % (words, meant)


@table("""
    now                     | when      | meant
    2026-07-14T09:31:00.00Z | 9:31      | 2026-07-14T09:31:00Z
    2024-03-01T00:00:00.00Z | yesterday | 2024-02-29T00:00:00Z
""")
def test_time_of_day_may_be_the_present_moment_and_yesterday_a_leap_day(
    plane, set_clock, now, when, meant
):
    set_clock(now)

    result = run_line("list --since " + when, plane, page(), terminals=["stderr"])

    assert hint_lines(result)[0].startswith("created since " + meant)


@table("""
    flags                                            | selected
    # The numbers are the seconds of times between 09:30:14.9 and the present time, 09:31:07.25.
    --since 2026-07-14T09:30:15Z                     | 15.0 15.2 15.5 07.2 07.25
    --since 2026-07-14T11:30:15.5+02:00              | 15.5 07.2 07.25
    --since 0s                                       | 07.25
    --until 2026-07-14T09:30:15Z                     | 14.9
    --until 2026-07-14T11:30:15.5+02:00              | 14.9 15.0 15.2
    --until 0s                                       | 14.9 15.0 15.2 15.5 07.2
    --updated-since 2026-07-14T09:30:15Z             | 15.0 15.2 15.5 07.2 07.25
    --updated-since 2026-07-14T11:30:15.5+02:00      | 15.5 07.2 07.25
    --updated-since 0s                               | 07.25
    # Only the first six digits of a fraction count.
    --since 2026-07-14T09:30:15.5000009Z             | 15.5 07.2 07.25
    --since 2026-07-14T09:30:15.500001Z              | 07.2 07.25
""")
def test_since_includes_its_instant_and_until_excludes_it(plane, set_clock, flags, selected):
    set_clock("2026-07-14T09:31:07.25Z")
    times = ["09:30:14.9", "09:30:15.0", "09:30:15.2", "09:30:15.5", "09:31:07.2", "09:31:07.25"]
    # The seconds are the ids. An Execution was updated when it was created.
    items = [listed(text[6:], text + "Z", updated_at="2026-07-14T%sZ" % text) for text in times]

    result = run_line("list -o jsonl " + flags, plane, page(*items))

    assert result.code == 0
    assert find_ids(result) == selected.split()
    assert result.err == ""  # not the hint that shows the time, which is for terminals


@table("""
    when      | just_before                 | exact
    # The present time is 2026-07-14T09:31:07.25Z.
    today     | 2026-07-13T23:59:59.999999Z | 2026-07-14T00:00:00Z
    yesterday | 2026-07-12T23:59:59.999999Z | 2026-07-13T00:00:00Z
    9:30      | 2026-07-14T09:29:59.999999Z | 2026-07-14T09:30:00Z
    2h        | 2026-07-14T07:31:07.249999Z | 2026-07-14T07:31:07.25Z
""")
def test_since_is_exact_to_the_microsecond(plane, set_clock, when, just_before, exact):
    set_clock("2026-07-14T09:31:07.25Z")
    items = [listed("just before", just_before), listed("exact", exact)]

    result = run_line("list -o id --since " + when, plane, page(*items))

    assert result.out == b"exact\n"


@table("""
    since | until | hint
    # The first such time after --since may be on the next day. The present time is 2026-07-14T09:31:07.25Z.
    9:00  | 8:00  | created since 2026-07-14T09:00:00Z, created before 2026-07-15T08:00:00Z
    22:00 | 6:00  | created since 2026-07-13T22:00:00Z, created before 2026-07-14T06:00:00Z
    9:30  | 9:30  | created since 2026-07-14T09:30:00Z, created before 2026-07-15T09:30:00Z
    2h    | 7:31  | created since 2026-07-14T07:31:07Z, created before 2026-07-15T07:31:00Z
    # Neither a day nor an age is a time of day.
    yesterday | today | created since 2026-07-13T00:00:00Z, created before 2026-07-14T00:00:00Z
    7d    | 2h    | created since 2026-07-07T09:31:07Z, created before 2026-07-14T07:31:07Z
    # The hint gives full times beside others, and is not needed if all are full.
    2026-07-13T23:00:00Z   | 1:00 | created since 2026-07-13T23:00:00Z, created before 2026-07-14T01:00:00Z
    2026-07-14T09:30:15.5Z | 2026-07-14T11:30:16+02:00 |
""")
def test_until_of_a_time_of_day_is_the_first_after_since(plane, set_clock, since, until, hint):
    set_clock("2026-07-14T09:31:07.25Z")

    # --until stands first: the order of the flags does not matter.
    line = "list --until %s --since %s" % (until, since)
    result = run_line(line, plane, page(), terminals=["stderr"])

    # The last hint says that nothing matches.
    hints = [hint + " (now: 2026-07-14T09:31:07Z)"] if hint else []
    assert hint_lines(result)[:-1] == hints


@table("""
    flags                                     | ends
    # The present time is 2026-07-14T09:31:07Z. Without a start, a time of day is the most recent one.
    --until 9:30                              | 2026-07-14T09:30:00Z
    --until 9:45                              | 2026-07-13T09:45:00Z
    --updated-until 9:45                      | 2026-07-13T09:45:00Z
    # The start of --until is --since; that of --updated-until is --updated-since, or else --since.
    --since 9:00 --until 9:45                 | 2026-07-14T09:45:00Z
    --since 9:00 --updated-until 9:45         | 2026-07-14T09:45:00Z
    --updated-since 9:00 --updated-until 9:45 | 2026-07-14T09:45:00Z
    --updated-since 9:00 --until 9:45         | 2026-07-13T09:45:00Z
    --since 7d --updated-since 9:00 --updated-until 9:45 | 2026-07-14T09:45:00Z
    # The start is less than a day ago: since the present moment yesterday, a second has passed.
    --since 2026-07-13T09:31:08Z --until 9:31 | 2026-07-14T09:31:00Z
    # The start is in the future.
    --since 2026-07-20 --until 9:45           | 2026-07-20T09:45:00Z
""")
def test_time_of_day_as_an_end_follows_its_start_and_is_shown_in_full_in_a_pipe(
    plane, set_clock, flags, ends
):
    set_clock("2026-07-14T09:31:07.25Z")

    result = run_line("list " + flags, plane, page())

    assert result.code == 0
    (hint,) = hint_lines(result)
    assert " (now: 2026-07-14T09:31:07Z)" in hint
    # `created before` is what --until means, and `updated before` what --updated-until means.
    assert re.findall("before ([^, ]+)", hint) == ends.split()


@table("""
    flags
    --until 1h
    --until today --updated-until today
    --updated-since 10m --until 1h
    --since 9:00 --updated-until 2026-07-14T09:45
    --updated-until 2026-07-14T09:45:00Z
    # A start that is a time of day cannot be in the future.
    --since 9:00 --updated-since 9:00
""")
def test_end_that_was_typed_in_full_or_as_an_age_or_a_day_gets_no_hint_in_a_pipe(
    plane, set_clock, flags
):
    set_clock("2026-07-14T09:31:07.25Z")

    result = run_line("list " + flags, plane, page())

    assert (result.code, result.err) == (0, "")


@table("""
    flags                                                  | names_it
    --updated-since 9:00 --until 9:45                      | yes
    --since 8:00 --updated-since 9:00 --until 8:30         | yes
    --updated-since 9:00 --until 9:45 --updated-until 9:45 |
    --since 9:00 --until 9:45                              |
""")
def test_hint_about_until_beside_updated_since_names_updated_until(
    plane, set_clock, flags, names_it
):
    set_clock("2026-07-14T09:31:07.25Z")

    result = run_line("list " + flags, plane, page())

    addition = "; --until goes by the creation time, --updated-until by the last update"
    assert hint_lines(result)[0].endswith(addition if names_it else "(now: 2026-07-14T09:31:07Z)")


@table("""
    flags                                   | flag              | day
    # The present time is 2026-07-14T09:31:07.25Z. The error shows the most recent such time.
    --since yesterday --until 2:30          | --until "2:30"    | 2026-07-14 2:30
    --since yesterday --until 9:32          | --until "9:32"    | 2026-07-13 9:32
    --since 1d --until 9:30                 | --until "9:30"    | 2026-07-14 9:30
    --since 2026-07-01 --updated-until 9:30 | --updated-until "9:30" | 2026-07-14 9:30
    --updated-since 7d --updated-until 9:30 | --updated-until "9:30" | 2026-07-14 9:30
    --updated-since 2026-07-13T09:31:07.25Z --updated-until 9:30 | --updated-until "9:30" | 2026-07-14 9:30
""")
def test_time_of_day_as_an_end_needs_its_day_if_the_start_is_a_day_ago(set_clock, flags, flag, day):
    set_clock("2026-07-14T09:31:07.25Z")

    result = run_line("list " + flags)

    assert result.code == 2
    assert error_lines(result) == [
        "%s: its start is a day ago or more: write the day, too, such as '%s'" % (flag, day)
    ]


@table("""
    flags                                    | end_flag        | end         | start_flag      | start
    # The times are of 2026-07-14.
    --since 2h --until 3h                    | --until         | 06:31:07.25 | --since         | 07:31:07.25
    --updated-since 9:00 --updated-until 1h  | --updated-until | 08:31:07.25 | --updated-since | 09:00:00
    # Nothing is updated before it is created.
    --since 9:00 --updated-until 1h          | --updated-until | 08:31:07.25 | --since         | 09:00:00
    --since 9:00 --updated-since 8:00 --updated-until 8:30 | --updated-until | 08:30:00 | --since | 09:00:00
    # An end at its start leaves no time between them.
    --since today --until today              | --until         | 00:00:00    | --since         | 00:00:00
    --since today --updated-until today      | --updated-until | 00:00:00    | --since         | 00:00:00
    --updated-since 0s --updated-until 0s    | --updated-until | 09:31:07.25 | --updated-since | 09:31:07.25
""")
def test_span_without_any_time_in_it_is_refused(set_clock, flags, end_flag, end, start_flag, start):
    set_clock("2026-07-14T09:31:07.25Z")

    result = run_line("list " + flags)

    assert result.code == 2
    assert error_lines(result) == [
        "%s (2026-07-14T%sZ) must be after %s (2026-07-14T%sZ)" % (end_flag, end, start_flag, start)
    ]


def test_all_times_of_a_command_are_resolved_with_one_present_time(plane, monkeypatch):
    # Each reading of the clock is an hour after the one before.
    readings = itertools.count(1784021467.25, 3600)  # 2026-07-14T09:31:07.25Z
    monkeypatch.setattr(time, "time", lambda: next(readings))

    # --updated-since is the most recent 8:00, not the first one after --since.
    line = "list --since 1h --until 30m --updated-since 8:00"
    result = run_line(line, plane, page(), terminals=["stderr"])

    assert hint_lines(result)[0] == (
        "created since 2026-07-14T08:31:07Z, created before 2026-07-14T09:01:07Z, "
        "updated since 2026-07-14T08:00:00Z (now: 2026-07-14T09:31:07Z)"
    )


def test_age_does_not_depend_on_the_time_zone(plane):
    now = datetime.now(timezone.utc)
    three_hours_ago, an_hour_ago = [
        execution(created_at=(now - timedelta(hours=hours)).isoformat()) for hours in (3, 1)
    ]
    plane.script(Reply(page(three_hours_ago, an_hour_ago)))

    # A zone that is 5:45 hours east of UTC.
    env = {"TZ": "XYZ-5:45"}
    result = run_process(*LIST, "--since", "2h", "-o", "jsonl", plane=plane, env=env)

    assert result.code == 0
    assert result.out == encode(an_hour_ago) + b"\n"


# fmt: off
@pytest.mark.parametrize("when", [
    # no age (\u0662 is an Arabic 2)
    "x", "2", "2H", "+2h", "1.5h", "2 h", "1h30m", "2y", "999999999w", "\u0662h",
    # neither a day nor a time of day
    "now", "Today", "24:00", "9:60", "9:5", "9", "9:30:00", "9:30Z", "",
    # no date (2026 is not a leap year, and 02-30 is in no year)
    "2026-7-14", "2026-13-01", "2026-02-29", "2026-07-14Z", "2026-07-1.54", "2026-07-1\u0664",
    "07/14", "7-14", "07-14x",
    # no time
    "2026-07-14T24:00", "2026-07-14T09:60", "2026-07-14T09:30:60Z", "2026-07-14  09:30", "2026-07-14T",
    "2026-07-14T09:30:", "2026-07-14T09:30.5",
    # no offset, or none possible there
    "2026-07-14T09Z", "2026-07-14T09:30+2", "2026-07-14T09:30+02:60", "2026-07-14T09:30+24:00",
    # before the year 1 in UTC
    "0000-01-01", "0000-01-01T00:00:00Z", "0001-01-01T00:00+00:01",
])
# fmt: on
def test_text_that_is_not_an_age_day_or_time_is_refused(set_clock, when):
    set_clock("2024-01-15T00:00:00.0Z")

    result = run_cli("list", "--since", when, env=UNREACHABLE)

    assert result.code == 2
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith('--since "')
    assert error_lines(result)[0].endswith(
        ": expected an age like 90s, 30m, 2h, 7d or 2w, a time of day like 9:30, today, yesterday, or a "
        "time like 2026-07-14 or '2026-07-14 09:30' (in UTC; a date with a time may have an offset)"
    )


@table("""
    when
    07-14
    07-14T09
    07-14 09:30
    07-14T11:31+02:00
    02-30
    12-31T24:00
""")
@pytest.mark.parametrize("flag", ["--since", "--until", "--updated-since", "--updated-until"])
def test_date_without_its_year_is_refused(when, flag):
    result = run_cli("list", flag, when, env=UNREACHABLE)

    assert result.code == 2
    assert error_lines(result) == [
        '%s "%s": the year is missing: write it as 2026-07-14 or \'2026-07-14 09:30\'' % (flag, when)
    ]


# ---- two clocks that differ

#: It is 2 h later than 2026-07-14T09:31:07.25Z, to which most tests set this host's clock.
LATER = ("Date", "Tue, 14 Jul 2026 11:31:10 GMT")


def describe_clocks(difference, server_time):
    return (
        "hint: this host's clock is %s the server's: the listing may miss Executions or include "
        "extra ones; write times in full, by the server's clock (2026-07-%sZ)\n"
        % (difference, server_time)
    )


@table("""
    headers                                        | now         | difference         | server_time
    Date: Tue, 14 Jul 2026 07:28:00 GMT            | 09:31:07.25 | 2 h 3 min ahead of | 14T07:28:00
    Date: Tue, 14 Jul 2026 11:31:10 GMT            | 09:31:07.25 | 2 h 0 min behind   | 14T11:31:10
    Date: Fri, 17 Jul 2026 09:31:10 GMT            | 09:31:07.25 | 72 h 0 min behind  | 17T09:31:10
    # A difference of up to a minute does not matter.
    Date: Tue, 14 Jul 2026 09:30:07 GMT            | 09:31:07.00 |                    |
    Date: Tue, 14 Jul 2026 09:30:07 GMT            | 09:31:07.25 | 1 min ahead of     | 14T09:30:07
    Date: Tue, 14 Jul 2026 09:32:07 GMT            | 09:31:07.00 |                    |
    Date: Tue, 14 Jul 2026 09:32:08 GMT            | 09:31:07.25 | 1 min behind       | 14T09:32:08
    # no Date, an empty one, and one that a cache has kept
    Server: x                                      | 09:31:07.25 |                    |
    Date:                                          | 09:31:07.25 |                    |
    Date: Tue, 14 Jul 2026 11:31:10 GMT; Age: 7200 | 09:31:07.25 |                    |
    # Nearly dates. If one was taken for a date, it would be hours or years away.
    Date: Tue, 14 Jul 2026 07:31:07                | 09:31:07.25 |                    |
    Date: Tue, 14 Jul 2026 07:31:07 -0000          | 09:31:07.25 |                    |
    Date: Tue, 14 Jul 2026 07:31:07 +9999999999    | 09:31:07.25 |                    |
    Date: Tue, 14 Jul 99999999999 07:31:07 GMT     | 09:31:07.25 |                    |
    Date: Tue, 14 Jul 2026 25:31:07 GMT            | 09:31:07.25 |                    |
    Date: Fri, 31 Dec 9999 23:59:59 -0100          | 09:31:07.25 |                    |
    # On Python before 3.9, this is a NameError in the `email` package.
    Date: 0Tue, 14 Jul 2026 ..07.GMT               | 09:31:07.25 |                    |
    # no dates in this form
    Date: 14 Jul                                   | 09:31:07.25 |                    |
    Date: 1                                        | 09:31:07.25 |                    |
    Date: x                                        | 09:31:07.25 |                    |
    Date: 2026-07-14T07:31:07Z                     | 09:31:07.25 |                    |
""")
def test_date_of_the_server_that_differs_by_more_than_a_minute_gets_a_hint(
    plane, set_clock, headers, now, difference, server_time
):
    set_clock("2026-07-14T%sZ" % now)
    head = "\r\n".join(["HTTP/1.1 200 OK", "Content-Length: 12"] + headers.split("; "))

    result = run_line("list --since 30m", plane, head.encode() + b'\r\n\r\n{"items":[]}')

    assert result.code == 0
    assert result.err == (describe_clocks(difference, server_time) if difference else "")


@table("""
    server   | until                | counts_unfinished
    # This host's clock shows 2026-07-14T09:31:07.25Z, but the Date of the first response counts.
    07:28:00 | 2026-07-14T07:28:00Z |
    07:28:00 | 2026-07-14T07:28:01Z | yes
    07:28:00 | 1h                   | yes
    11:31:10 | 2026-07-14T11:31:10Z |
    11:31:10 | 2026-07-14T11:31:11Z | yes
    # Without a Date, this host's clock counts.
             | 2026-07-14T09:31:07Z |
             | 2026-07-14T09:31:08Z | yes
""")
def test_targets_counts_no_unfinished_execution_if_updated_until_is_past_by_the_servers_clock(
    plane, set_clock, server, until, counts_unfinished
):
    set_clock("2026-07-14T09:31:07.25Z")
    date = "Tue, 14 Jul 2026 %s GMT" % server if server else ""
    started = execution([target(status="ack")], status="started")
    answer = Reply(page(started), headers=[("Date", date)])

    result = run_line("targets --status succeeded --updated-until " + until, plane, answer)

    assert ("incomplete: " in result.err) == bool(counts_unfinished)


@table("""
    server   | flags                                   | difference
    # Ages, days and times of day go by this host's clock.
    11:31:10 | --since 30m                             | 2 h 0 min behind
    11:31:10 | --updated-since 90s                     | 2 h 0 min behind
    11:31:10 | --until 3h                              | 2 h 0 min behind
    11:31:10 | --updated-until 3h                      | 2 h 0 min behind
    11:31:10 | --updated-since 9:00                    | 2 h 0 min behind
    11:31:10 | --since 2026-07-14T08:00:00Z --until 1h | 2 h 0 min behind
    11:31:10 | --since today                           | 2 h 0 min behind
    11:31:10 | --since yesterday                       | 2 h 0 min behind
    11:31:10 | --since 7d                              | 2 h 0 min behind
    11:31:10 | --since 2w                              | 2 h 0 min behind
    # Dates do not.
    11:31:10 | --since 2026-07-14                      |
    11:31:10 | --since 2026-07-14T09:00:00Z            |
    11:31:10 | --until 2026-07-14T09:00:00Z            |
    # In any form, a --since or --updated-since that is still to come by the server's clock selects nothing.
    07:28:00 | --since 2026-07-14T07:29:00Z            |
    07:28:00 | --since 2026-07-14T07:29:01Z            | 2 h 3 min ahead of
    07:28:00 | --updated-since 2026-07-14T07:29:01Z    | 2 h 3 min ahead of
    07:28:00 | --until 2026-07-14T07:29:01Z            |
    # If the two clocks agree, it may be meant.
    09:30:08 | --since 2027-01-01T00:00:00Z            |
    # Without a time among the flags, clocks do not matter.
    07:28:00 | --last 1                                |
""")
def test_hint_about_clocks_comes_only_if_a_time_depends_on_them(
    plane, set_clock, server, flags, difference
):
    set_clock("2026-07-14T09:31:07.25Z")
    dated = Reply(page(), headers=[("Date", "Tue, 14 Jul 2026 %s GMT" % server)])

    result = run_line("list " + flags, plane, dated)

    assert result.code == 0
    assert result.err == (describe_clocks(difference, "14T" + server) if difference else "")


def test_hint_about_clocks_comes_once_and_before_the_hint_that_nothing_matches(plane, set_clock):
    set_clock("2026-07-14T09:31:07.25Z")
    # The 503 and the second page are dated otherwise: the first 200 counts.
    plane.script(
        Reply({}, 503, [("Date", "Tue, 14 Jul 2026 09:31:07 GMT")]),
        Reply(page(next_cursor="c2"), headers=[LATER]),
        Reply(page()),
    )

    result = run_cli(*LIST, "--since", "30m", plane=plane, terminals=BOTH)

    labels = [line.partition(":")[0] for line in result.err.splitlines()]
    # The first hint says which times are meant. The other two are about the clocks, and that nothing matches.
    assert labels == ["hint", "retry", "hint", "hint"]
    assert describe_clocks("2 h 0 min behind", "14T11:31:10") in result.err
    assert hint_lines(result)[2].startswith("no Execution matches")


@table("""
    line                         | above                                    | below
    targets --since 30m -o lines | incomplete: 1 Execution has unfinished targets |
    targets --updated-since 1d   |                                          | hint: no target matches
""")
def test_hint_about_clocks_stands_between_these_lines(plane, set_clock, line, above, below):
    set_clock("2026-07-14T09:31:07.25Z")
    ack = target(inline(b"so far\n"), status="ack")
    started = execution([ack], status="started", created_at="2026-07-14T09:30:00Z")

    result = run_line(line, plane, Reply(page(started), headers=[LATER]))

    hint = describe_clocks("2 h 0 min behind", "14T11:31:10")
    assert hint in result.err
    before, after = result.err.split(hint)
    assert before.strip() == above
    assert after.startswith(below)


def test_failed_listing_gets_no_hint_about_clocks(plane, set_clock):
    set_clock("2026-07-14T09:31:07.25Z")
    # With a good second page, this date gets the hint: see the tests above.
    plane.script(
        Reply(page(next_cursor="c2"), headers=[LATER]),
        Reply({}, 404),
    )

    result = run_cli(*LIST, "--since", "30m", plane=plane)

    assert result.code == 1
    assert "clock" not in result.err


def test_clocks_are_compared_at_the_moment_when_the_headers_arrive(plane, set_clock):
    set_clock("2026-07-14T09:31:07.25Z")
    plane.script(Reply(page(), headers=[("Date", "Tue, 14 Jul 2026 09:31:07 GMT")]))
    # Called before the request, and after each part of the body has arrived, two hours later.
    times = iter(["2026-07-14T09:31:07.25Z"] + ["2026-07-14T11:31:07.25Z"] * 9)
    server = program.Server.parse(plane.url)
    transport = program.Transport(server, TOKEN, on_progress=lambda: set_clock(next(times)))

    with transport:
        transport.get(PATH, {})

    assert transport.server_date == "Tue, 14 Jul 2026 09:31:07 GMT"
    assert transport.date_arrival == 1784021467.25  # 2026-07-14T09:31:07.25Z


# ---- statuses

#: A selection: flags, and all the statuses that they select together.
every_selection_of_statuses = table("""
    flags                                    | statuses
    --status failed                          | failed
    --status FAILED                          | failed
    --status 'failed, TIMEOUT'               | failed timeout
    --status 'Ack ,failed' --status timeout  | ack failed timeout
    --status failed,failed                   | failed
    --running                                | pending ack started
    --failed                                 | failed cancelled timeout
    --failed --status ack,failed             | ack failed cancelled timeout
    --failed --running --status succeeded    | pending ack started succeeded failed cancelled timeout
""")


@every_selection_of_statuses
def test_list_asks_the_server_for_each_selected_status(plane, flags, statuses):
    serve_pages(plane, [])  # Each request gets an empty page.

    result = run_line("list --action-name 'a&b' " + flags, plane)

    assert result.code == 0
    assert [query["status"] for query in read_queries(plane)] == statuses.split()
    # Each request has the other filter, too.
    assert {query["action_name"] for query in read_queries(plane)} == {"a&b"}


@every_selection_of_statuses
def test_get_selects_the_targets_of_each_selected_status(plane, flags, statuses):
    # Each machine has printed its own status. The last three are none of the seven.
    names = "pending ack started succeeded failed cancelled timeout fail failed2 ?".split()
    targets = [target(inline(name.encode() + b"\n"), status=name) for name in names]

    result = run_line("get $ID -o raw " + flags, plane, execution(targets))

    assert result.code == 0
    assert result.out.decode("ascii").split() == statuses.split()


def test_list_sends_a_single_unknown_status_as_typed(plane):
    run_line("list --status Foo --status Foo", plane, page())

    assert [query["status"] for query in read_queries(plane)] == ["Foo"]


# ---- usage errors


def check_refused(line, error, hint=""):
    """Check that a command line is a usage error with these words, and prints nothing else.

    Without a hint of its own, it names the help page of the command."""
    if not hint:
        command = next((word for word in shlex.split(line) if word in program.COMMANDS), "")
        hint = " ".join(["see", *command.split(), "--help"])
    assert run_line(line) == (2, b"", "error: %s\nhint: %s\n" % (error, hint))


@table("""
    line            | error                    | hint
    # `--` is not accepted anywhere, not even as a value.
    -- list         | unexpected argument "--" | leave it out
    list --         | unexpected argument "--" | leave it out
    list --since -- | unexpected argument "--" | leave it out
    list -o=--      | unexpected argument "--" | leave it out
    # no id
    get             | no Execution id          | pass one: get UUID
    get web-01      | get "web-01": expected a UUID | list shows the ids of Executions
    get ''          | get: the id is empty     | the command inside $(...) may have found nothing: run it by itself
""")
def test_some_usage_errors_have_a_hint_of_their_own(line, error, hint):
    check_refused(line, error, hint)


def test_malformed_node_gets_a_hint_where_node_ids_are():
    check_refused(
        "get $ID --node web-020",
        '--node "web-020": expected a UUID, such as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10',
        "targets and get UUID -o table show node ids",
    )


@table("""
    line                | error
    list x              | unexpected argument
    list --wait         | --wait works only with get
    get                 | no Execution id
    get $ID --status x  | --status "x"
    list --since x      | --since "x"
    # none of these mistakes
    list                | PLEXSPHERE_PROJECT: expected a UUID, such as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10
""")
def test_mistakes_in_the_arguments_come_before_the_project_variable_which_is_not_shown(line, error):
    # The value of the flag is shown: see `--project x` in test_missing_or_unusable_value...
    result = run_line(line, env={"PLEXSPHERE_PROJECT": "nonsense"})

    assert result.code == 2
    assert result.err.startswith("error: " + error)
    assert "nonsense" not in result.err


@table("""
    line
    # An id, or a duration after --wait, is recognized instead: see the next table.
    list x
    list ''
    list 5s
    exec-log list list
    get $ID x
    list --all -
    get $ID --yes ''
    get --id=$ID x
    list --status failed timeout
    list -n5 x --all
    get $ID --wait soon
    list x --all y
""")
def test_superfluous_argument_is_refused_and_not_shown_and_a_hint_says_how_values_are_written(line):
    hint = "write values as in --status failed,timeout --since '2026-07-14 09:30'"

    check_refused(line, "unexpected argument", hint)


@table("""
    line                     | error
    # no command
                             | expected a command: list, targets or get
    exec-log                 | expected a command: list, targets or get
    --limit 5                | expected a command: list, targets or get
    # A word that resembles none may be a secret, and is not shown.
    hunter22 list            | unknown command; expected list, targets or get
    hunter22 --bogus         | unknown command; expected list, targets or get
    exec-log exec-log        | unknown command; expected list, targets or get
    LIST                     | unknown command; expected list, targets or get
    '' list                  | unknown command; expected list, targets or get
    # a near word
    lis                      | unknown command "lis"; did you mean list?
    gett                     | unknown command "gett"; did you mean get?
    hepl                     | unknown command "hepl"; did you mean help?
    exec list                | unknown command "exec"; did you mean exec-log?
    # words of other programs
    ls                       | unknown command "ls"; did you mean list?
    show                     | unknown command "show"; did you mean get UUID?
    log $ID                  | unknown command "log"; did you mean get UUID?
    logs -f                  | unknown command "logs"; did you mean get UUID?
    describe                 | unknown command "describe"; did you mean get UUID?
    wait                     | unknown command "wait"; did you mean get UUID --wait?
    watch                    | unknown command "watch"; did you mean get UUID --wait?
    version                  | unknown command "version"; did you mean --version?
    machines                 | unknown command "machines"; did you mean targets?
    lines                    | unknown command "lines"; did you mean targets -o lines?
    failed                   | unknown command "failed"; did you mean list --failed or targets --failed?
    # such a word after a command
    list failed              | unexpected argument; did you mean --failed?
    targets running          | unexpected argument; did you mean --running?
    list help                | unexpected argument; did you mean --help?
    list --failed watch      | unexpected argument; did you mean get UUID --wait?
    # ids
    $ID                      | unknown command "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"; did you mean get UUID?
    {$ID}                    | unknown command "{4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f}"; did you mean get UUID?
    list $ID                 | list takes no id; did you mean get UUID?
    targets $ID              | targets takes no id; for a machine, use --node; for a run, get UUID
    get $ID $ID              | get takes one id; for one machine, use --node; for several Executions, xargs -n1
    get --id $ID $ID         | get takes one id; for one machine, use --node; for several Executions, xargs -n1
    # a duration after --wait
    get $ID --wait 5s        | --wait takes no value; did you mean --wait --wait-timeout TIME?
    get --wait 5s $ID        | --wait takes no value; did you mean --wait --wait-timeout TIME?
    get --wait 30 --id $ID   | --wait takes no value; did you mean --wait --wait-timeout TIME?
    get --wait 5s            | --wait takes no value; did you mean --wait --wait-timeout TIME?
    get $ID --wait=5s        | --wait takes no value; did you mean --wait --wait-timeout TIME?
""")
def test_missing_or_wrong_word_is_refused_with_a_suggestion_if_one_is_known(line, error):
    check_refused(line, error)


def test_uuid_of_decimal_digits_is_an_id_and_not_a_duration_after_wait(plane):
    answer = execution(id="00000000-0000-0000-0000-000000000030")

    result = run_line("get --wait 00000000000000000000000000000030", plane, answer)

    assert result.code == 0


# ---- usage errors about values


@table("""
    line                          | error
    list --limit x                | --limit "x": expected a whole number (0 means the server's default)
    list --last x                 | --last "x": expected a whole number of at least 1
    list -n5x                     | --last "5x": expected a whole number of at least 1
    list --profile=               | --profile "": expected a non-empty value
    list --project x              | --project "x": expected a UUID, such as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10
    get --id x                    | --id "x": expected a UUID, such as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10
    list --color Always           | --color "Always": expected auto, always or never
    list --timeout 1w | --timeout "1w": expected a duration such as 30 (seconds), 5m, 2h or 1d (above 0, at most 1d)
    # formats
    list -o raw                   | --output "raw": expected $LIST_FORMATS
    list -o lines                 | --output "lines": expected $LIST_FORMATS; did you mean targets -o lines?
    list -o JSON                  | --output "JSON": expected $LIST_FORMATS
    list -o ''                    | --output "": expected $LIST_FORMATS
    list -ojsno | --output "jsno": expected $LIST_FORMATS; did you mean json?
    get $ID -o xml                | --output "xml": expected $GET_FORMATS
    # statuses
    list --status failed,         | --status "failed,": expected one or more statuses, separated by commas
    list --status ''              | --status "": expected one or more statuses, separated by commas
    list --status failed,success  | --status "success": unknown status; did you mean succeeded?
    list --status tiemout --failed | --status "tiemout": unknown status; did you mean timeout?
    list --status x,ack           | --status "x": unknown status
    get $ID --status ack, --status x | --status "ack,": expected one or more statuses, separated by commas
    get $ID --status FAILD        | --status "FAILD": unknown status; did you mean failed?
    get $ID --status can          | --status "can": unknown status; did you mean cancelled?
    get $ID --status Running      | --status "Running": unknown status; did you mean --running?
    get $ID --status x            | --status "x": unknown status
    # What begins with a hyphen is not shown. Nor are other values that may be secrets: see the next tests.
    list --limit -5               | --limit: expected a whole number (0 means the server's default)
    list --limit=-5               | --limit: expected a whole number (0 means the server's default)
    list -o -x                    | --output: expected $LIST_FORMATS
    # missing: the next argument is a known flag, or there is none
    list --cursor                 | --cursor needs a value
    list --server --token-file=x  | --server needs a value
    list --action-name --wait     | --action-name needs a value
    list --status -n 5            | --status needs a value
    list -n --yes                 | -n/--last needs a value
    list -o -v                    | -o/--output needs a value
""")
def test_missing_or_unusable_value_is_refused_and_shown_unless_it_may_be_a_secret(line, error):
    # test_help.py lists the formats.
    error = error.replace("$LIST_FORMATS", ", ".join(program.LIST_FORMATS))
    error = error.replace("$GET_FORMATS", ", ".join(program.GET_FORMATS))

    check_refused(line, error)


@table("""
    line                  | unusable_values
    # at most 9 digits
    list --limit          | '' + +1 1.5 1_0 ' 1' 0x1 1234567890
    list --last           | '' 0 000 +1 1.5 ' 1' 5x 1234567890
    list --color          | '' x auto,always
    # more than 0 s, and at most a day
    list --timeout        | '' s . 0 0.0 0s 0d 86400.5 86401s 1441m 25h 2d
    get $ID --wait --wait-timeout | 0 25h
    # neither a decimal number nor a whole number with one of the units s, m, h and d
    list --timeout        | nan inf 1e2 1_0 ' 1' -1 -5m +5m 1w 5x '5 m' 5mm 1.5m 1h30m 5M
""")
def test_value_of_a_wrong_form_is_refused(line, unusable_values):
    # After the values of the table: a line feed at the end, and two kinds of 7 that are not ASCII.
    for value in shlex.split(unusable_values) + ["7\n", "7s\n", "\u0667", "\uff17s"]:
        result = run_line("%s %s" % (line, shlex.quote(value)))
        assert (value, result.code) == (value, 2)
        # It is the value of the flag, not the timeout of the Transport, for example.
        assert result.err.startswith("error: " + line.split()[-1])


FLAGS_WITH_VALUES = [flag.names[-1] for flag in program.FLAGS if flag.metavar]


@pytest.mark.parametrize("flag", [flag for flag in FLAGS_WITH_VALUES if flag != "--cursor"])
def test_empty_value_is_refused_except_an_empty_cursor(flag):
    # An empty cursor is the first page: see test_values_of_flags_are_sent_in_the_query_percent_encoded.
    command = "list" if "list" in program.FLAGS_BY_NAME[flag].commands else "get $ID"

    result = run_line("%s %s ''" % (command, flag))

    assert result.code == 2
    assert result.err.startswith('error: %s "": expected ' % flag)


def test_newline_in_a_refused_value_is_shown_escaped():
    result = run_line("list --limit '7\n'")

    assert error_lines(result)[0].startswith('--limit "7\\n": ')


@pytest.mark.parametrize("end", ["", "\n"], ids=["as it is", "a line feed ends the variable"])
def test_token_of_the_environment_as_a_refused_value_is_masked(end):
    result = run_line("list --last " + TOKEN, env={"PLEXSPHERE_TOKEN": TOKEN + end})

    assert error_lines(result)[0].startswith('--last "***": ')


@table("""
    line
    # `get` is followed by an id. The value of --server is not shown: see test_possible_secret... below.
    get
    list --project
    get $ID --node
    get $ID --status
    list --status ack --status
    list --since
    list --color
    list -o
    list --timeout
    list --limit
    list -n
""")
def test_refused_value_of_these_flags_is_shown_if_it_has_at_most_40_characters(line):
    shown = run_line(line + " " + "x" * 40)
    hidden = run_line(line + " " + "x" * 41)

    assert shown.code == hidden.code == 2
    assert ' "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"' in shown.err
    assert "xx" not in hidden.err


# ---- usage errors about flags


@table("""
    line                                | error
    # flags that need, or exclude, another one
    list --cursor c --failed            | --cursor works with at most one status
    list --cursor c --status ack,failed | --cursor works with at most one status
    targets --cursor c --failed         | --cursor needs one query: no status, succeeded among them, or --last
    targets --last 5 --updated-since 1h | --last goes by creation: use either --last or --updated-since
    targets -n 5 --updated-until 1h     | --last goes by creation: use either --last or --updated-until
    targets -n 5 --updated-since 2h --updated-until 1h | --last goes by creation: use either --last or --updated-since
    get $ID --wait-timeout 5            | --wait-timeout works only with --wait
    list --output-dir x -o xml          | --output-dir works only with targets and get
    targets --output-dir x -o id        | --output-dir works only with --output text
    targets --output-dir x --cursor c   | --cursor does not work with --output-dir, which saves whole listings
    # a value for a switch, which is not shown
    list --all=SECRET                   | --all takes no value
    list -v=SECRET                      | -v takes no value
    # two different values, of which one would be ignored
    list --action-name a --action-name=b | --action-name was given twice, with different values
    get --id $ID --id=$NODE              | --id was given twice, with different values
    # flags of the other command; 0 and the empty cursor are false in Python
    get $ID --action-name=a             | --action-name works only with list and targets
    get $ID --since=2h                  | --since works only with list and targets
    get $ID --until=2h                  | --until works only with list and targets
    get $ID --updated-since=2h          | --updated-since works only with list and targets
    get $ID --last=5                    | --last works only with list and targets
    get $ID --all                       | --all works only with list and targets
    get $ID --limit=0                   | --limit works only with list and targets
    get $ID --cursor=                   | --cursor works only with list and targets
    list --id $ID                       | --id works only with get
    list --wait                         | --wait works only with get
    list --node $NODE                   | --node works only with targets and get
    list --wait-timeout=9               | --wait-timeout works only with get
    list --exit-status                  | --exit-status works only with get
""")
def test_flags_that_do_not_fit_are_refused(line, error):
    check_refused(line, error)


@pytest.mark.parametrize("format", [format for format in GET_FORMATS if format != "-o text"])
def test_output_dir_works_only_with_the_format_text(format):
    check_refused("get $ID --output-dir x " + format, "--output-dir works only with --output text")


@table("""
    line                       | error
    # A name of at most 40 letters, hyphens and underscores is shown, but nothing after an equals sign.
    list x --bogus             | unknown flag --bogus
    list --tokn=SECRET         | unknown flag --tokn
    list --aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb  | unknown flag --aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb
    list --aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbc | unknown flag
    list --x1=7                | unknown flag
    list '--a b'               | unknown flag
    # After a single hyphen, a flag of one character is shown, and of a longer one its first character.
    list -x                    | unknown flag -x
    list -x=7                  | unknown flag -x
    list -5                    | unknown flag -5
    list -x7                   | unknown flag -x...
    list -tSECRET              | unknown flag -t...
    list -nSECRET              | malformed flag -n...
    list -n-3                  | malformed flag -n...
    list -vx                   | malformed flag -v...
    list -vh                   | malformed flag -v...
    # One hyphen before a long name.
    list -output json          | unknown flag -o...; did you mean --output?
    list -output=json          | unknown flag -o...; did you mean --output?
    get $ID -output-dir x      | unknown flag -o...; did you mean --output-dir?
    list -all                  | unknown flag -a...; did you mean --all?
    list -node x               | unknown flag -n...; did you mean --node?
    list -version              | unknown flag -v...; did you mean --version?
    get -id $ID                | unknown flag -i...; did you mean --id?
    # A typing error. Dashes, underscores and case do not matter.
    --sinc                     | unknown flag --sinc; did you mean --since?
    get $ID --sinc 2h          | unknown flag --sinc; did you mean --since?
    --projct X list            | unknown flag --projct; did you mean --project?
    list --exit-statu          | unknown flag --exit-statu; did you mean --exit-status?
    get $ID --output_dir x     | unknown flag --output_dir; did you mean --output-dir?
    get $ID --outputdir        | unknown flag --outputdir; did you mean --output-dir?
    list --Action-Name         | unknown flag --Action-Name; did you mean --action-name?
    # An abbreviation of more than one letter suggests the shortest flag that it begins, except an ignored one.
    list --proj x              | unknown flag --proj; did you mean --project?
    list --out x               | unknown flag --out; did you mean --output?
    list --cu                  | unknown flag --cu; did you mean --cursor?
    list --al                  | unknown flag --al; did you mean --all?
    list --a                   | unknown flag --a
    list --ye                  | unknown flag --ye
    # No error suggests the flag that exposes the token.
    list --allow-htt           | unknown flag --allow-htt
    list --allow-hosts         | unknown flag --allow-hosts
    # Flags of other programs. The word after one may be its value, and a secret.
    --token SECRET list        | unknown flag --token; did you mean --token-file?
    list --token=SECRET        | unknown flag --token; did you mean --token-file?
    list --url SECRET          | unknown flag --url; did you mean --server?
    # A name of a machine is never taken for the server's: the token would go there.
    list --host                | unknown flag --host; did you mean targets --node?
    get $ID --host x           | unknown flag --host; did you mean --node?
    list --context             | unknown flag --context; did you mean --profile?
    list --debug               | unknown flag --debug; did you mean --verbose?
    list --json                | unknown flag --json; did you mean -o json?
    list --format              | unknown flag --format; did you mean --output?
    list --machine             | unknown flag --machine; did you mean targets --node?
    targets --machine x        | unknown flag --machine; did you mean --node?
    list --name x              | unknown flag --name; did you mean --action-name?
    targets --name x           | unknown flag --name; did you mean --action-name or --node?
    get $ID --name x           | unknown flag --name; did you mean --node?
    list --grep x              | unknown flag --grep; did you mean targets -o lines?
    targets --grep x           | unknown flag --grep; did you mean -o lines?
    get --target               | unknown flag --target; did you mean --node?
    list --from=2h             | unknown flag --from; did you mean --since?
    list --after               | unknown flag --after; did you mean --since?
    list --created-since       | unknown flag --created-since; did you mean --since?
    list --started-since       | unknown flag --started-since; did you mean --since?
    list --created-until       | unknown flag --created-until; did you mean --until?
    list --created-before      | unknown flag --created-before; did you mean --until?
    list --to                  | unknown flag --to; did you mean --until?
    list --before              | unknown flag --before; did you mean --until?
    list --tail=5              | unknown flag --tail; did you mean --last or targets -o lines?
    targets --lines 5          | unknown flag --lines; did you mean --last or -o lines?
    # Only what the command has is suggested.
    get $ID --tail 10          | unknown flag --tail; did you mean -o lines?
    get $ID --before 1h        | unknown flag --before
    list --exit-code           | unknown flag --exit-code
    get --lines                | unknown flag --lines; did you mean -o lines?
    list --watch               | unknown flag --watch; did you mean get UUID --wait?
    get --follow               | unknown flag --follow; did you mean --wait?
    list -w                    | unknown flag -w; did you mean get UUID --wait?
    list -f                    | unknown flag -f; did you mean get UUID --wait?
    get --exit_code            | unknown flag --exit_code; did you mean --exit-status?
""")
def test_unknown_flag_is_refused_with_a_suggestion_if_one_is_near_or_known(line, error):
    check_refused(line, error)


@table("""
    word           | error
    # an em dash, an en dash and a minus sign
    \u2014failed   | unknown flag \u2014f...; did you mean --failed?
    \u2013status=x | unknown flag \u2013s...; did you mean --status?
    \u2212running  | unknown flag \u2212r...; did you mean --running?
    \u2014url=x    | unknown flag \u2014u...; did you mean --server?
    # a line feed (written as \\n in this table) in the name, which is not shown
    --all\\n=7     | unknown flag; did you mean --all?
""")
def test_dash_of_another_kind_or_a_line_feed_gets_a_suggestion(word, error):
    # Not run_cli, which passes these characters as bytes if the locale lacks them.
    stderr = io.StringIO()
    with surroundings(env=UNREACHABLE):
        code = program.main(["list", word.replace("\\n", "\n")], io.BytesIO(), stderr)

    assert code == 2
    assert stderr.getvalue() == "error: " + error + "\nhint: see list --help\n"


@table("""
    line                                           | code
    # s3same9x-s3same9x stands for the secret.
    list --server s3same9x-s3same9x                | 2
    list --server=https://ann:s3same9x-s3same9x@x  | 2
    list --all=s3same9x-s3same9x                   | 2
    list '--all s3same9x-s3same9x'                 | 2
    list s3same9x-s3same9x                         | 2
    list 'x s3same9x-s3same9x'                     | 2
    s3same9x-s3same9x list                         | 2
    list s3same9x-s3same9x --bogus                 | 2
    list --tokn=s3same9x-s3same9x                  | 2
    --token s3same9x-s3same9x list                 | 2
    list --s3same9x-s3same9x                       | 2
    list -s3same9x-s3same9x                        | 2
    list --limit -s3same9x-s3same9x                | 2
    get -s3same9x-s3same9x                         | 2
    get $ID s3same9x-s3same9x                      | 2
    list --action-name x --action-name s3same9x-s3same9x | 2
    list --token-file s3same9x-s3same9x            | 3
    list --token-file=a/s3same9x-s3same9x          | 3
    list --profile s3same9x-s3same9x               | 3
""")
def test_possible_secret_in_the_wrong_place_is_not_shown(tmp_path, monkeypatch, line, code):
    monkeypatch.chdir(str(tmp_path))  # where no file has this name

    result = run_line(line)

    assert result.code == int(code)
    assert result.err.startswith("error: ")
    # Neither the beginning nor the end of the secret is shown, but "-s..." may be.
    assert "s3s" not in result.err
    assert "me9x" not in result.err


# ---- the version


@table("""
    line
    --version
    lst --version
    get --all x y --version
    list --limit 7 --version
""")
def test_version_prints_one_line_and_ignores_words_and_known_flags(line):
    # An unknown flag is still an error: test_help_and_version_do_not_hide_an_error_about_a_flag in test_help.py.
    assert run_line(line) == (0, b"version=%s\n" % program.__version__.encode("ascii"), "")
