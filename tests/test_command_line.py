"""Section 1: words, flags and their values, times, statuses, usage errors and what they suggest. Help is in
test_help.py; which Executions and targets a listing selects, and in which order, in test_choosing.py."""

import json
import re
import shlex
import time
from datetime import datetime, timedelta

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, SHOWCASE, SHOWCASE_NODES, STATUSES, TOKEN
from kit import (
    EXECUTION,
    GET_FORMATS,
    LIST,
    LIST_FORMATS,
    NODES,
    TABLE_FORMATS,
    as_given,
    execution,
    inline,
    list_ids,
    page,
    posix_only,
    read_queries,
    rule,
    run_against,
    run_cli,
    shorten_id,
    target,
)

CANONICAL = "6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"
BARE = CANONICAL.replace("-", "")


def split_line(line):
    """Return the words of a shell line. P stands for `--project PROJECT`, and ID for the id of an Execution."""
    short = {"P": ["--project", PROJECT], "ID": [EXECUTION]}
    return [word for part in shlex.split(line) for word in short.get(part, [part])]


def list_rows(text):
    """Return (line, title) for each indented line of a table. A title stands above its lines."""
    rows, title = [], ""
    for line in text.strip().splitlines():
        rows, title = (rows + [(line.strip(), title)], title) if line[0] == " " else (rows, line)
    return rows


def refuse(*argv, **env):
    """Run a command that is a usage error. Return its error, with ` | HINT` if the hint is not how to print the help.

    Nothing listens at the server's address: a request would exit 1."""
    result = run_cli(*argv, env=dict({"PLEXSPHERE_URL": "http://127.0.0.1:1", "PLEXSPHERE_TOKEN": TOKEN}, **env))
    match = re.match(r"error: (.+)\nhint: (.+)\n\Z", result.err)
    assert match and (result.code, result.out) == (2, b""), (argv, result)
    return " | ".join(match.groups()).replace(" | see --help", "")


# ---- 1.2 to 1.4: words, and where flags and their values stand

#: Command lines that mean the same. S is the id of an Execution, N that of one of its targets.
FLAG_PLACES = (
    [
        b'{\n  "items": [\n    {',
        """
    exec-log list P --status=failed --limit 7 -o json --yes --action-name restart-nginx
    list P --status=failed --limit 7 -o json --reveal-secrets --action-name restart-nginx
    P --status=failed list --limit 7 -o json --yes --action-name restart-nginx
    P --status=failed --limit 7 -o json exec-log --yes list --action-name restart-nginx
    --action-name restart-nginx -o json P --limit 7 --status=failed exec-log list""",
    ],
    [
        SHOWCASE_NODES["text"].encode() + b": /dev/nvme",
        """
    exec-log get S P --node N -o lines --failed --yes
    get P --node N S -o lines --failed --reveal-secrets
    P --node N get -o lines S --failed --yes
    P --node N -o lines --failed exec-log get --id S
    --id=S P --node N -o lines --failed get""",
    ],
)


@rule("1.2", "1.3", "1.3c")
@pytest.mark.parametrize("begin, lines", FLAG_PLACES, ids=["list", "get"])
def test_flags_and_the_id_may_appear_anywhere(plane, begin, lines):
    lines = re.sub(r"\bS\b", SHOWCASE, re.sub(r"\bN\b", SHOWCASE_NODES["text"], lines))
    ((code, out, err),) = {run_cli(*split_line(line), plane=plane) for line in lines.strip().splitlines()}
    assert (code, err) == (0, "") and out.startswith(begin)
    assert len({request.target for request in plane.requests}) == 1


@rule("1.3a", "1.4")
@pytest.mark.parametrize(
    "command, formats, default",
    [("list", LIST_FORMATS, TABLE_FORMATS), ("get " + SHOWCASE, GET_FORMATS, ["text"])],
    ids=["list", "get"],
)
def test_output_accepts_each_format_and_text_is_the_default(plane, command, formats, default):
    runs = {
        format: {
            run_cli(*split_line("%s P %s" % (command, flags.replace("F", format))), plane=plane)
            for flags in ("-o F", "-oF", "-o=F", "--output=F", "-o json -o F")
        }
        for format in formats
    }
    plain = {run_cli(*split_line(command + " P"), plane=plane)}
    assert [format for format in formats if runs[format] == plain] == list(default)
    assert {len(results) for results in runs.values()} == {1}


@rule("1.4", "1.4c")
@pytest.mark.parametrize("flags", ["-n5", "-n=5", "--last=5", "--last 5", "-n9 -n05", "--last=9 -n5"])
def test_n_is_last_and_its_last_value_wins(plane, flags):
    assert run_cli(*split_line("list P -ojsonl " + flags), plane=plane).out.count(b"\n") == 5


#: What is sent for a value.
VALUES = """
cursor=-abc
    --cursor -abc
cursor=-oAbc
    --cursor -oAbc
cursor=--x%3Dy
    --cursor --x=y
cursor=-n5
    --cursor -n5 --yes
cursor=-
    --cursor -
cursor=---
    --cursor ---
cursor=--all
    --cursor=--all
cursor=-n
    --cursor=-n
cursor=--%20x
    --cursor '-- x'
cursor=-node
    --cursor -node
cursor=%3D%3D
    --cursor ==
action_name=-rf%20%2F
    --action-name '-rf /'
status=-1
    --status -1
nothing
    --limit=0
    --cursor ''
    --cursor=
    --limit=00
    --cursor x --cursor=
limit=201
    --limit 201
limit=7
    --limit 07
action_name=b&limit=7&cursor=b
    --limit 9 --limit=7 --cursor a --cursor b --action-name a --action-name=b
status=a%26b%3Dc%2Fd%3F%23%25%2B%3B%3A%40%21%2A%E2%82%AC
    --status 'a&b=c/d?#%+;:@!*\u20ac'
"""


@rule("1.4", "1.4a", "1.4c", "1.7a", "1.7c")
@pytest.mark.parametrize("flags, sent", list_rows(VALUES), ids=ascii)
def test_value_is_sent_percent_encoded_even_if_it_begins_with_a_hyphen(plane, flags, sent):
    assert run_against(plane, page(), *split_line("list P " + flags)).code == 0
    assert plane.requests[0].target.partition("executions")[2] == ("?" + sent).replace("?nothing", "")


@rule("1.4a", "1.4b")
@pytest.mark.parametrize("flag", ["--cursor", "--action-name", "--status", "--server", "-o", "-n", "--since"])
@pytest.mark.parametrize("then", ["--token-file=x", "--wait", "--yes", "-n 5", "-v", "--", "=--", ""])
def test_known_flag_or_double_hyphen_is_not_a_value(flag, then):
    line = "list P " + flag + ("" if then[:1] == "=" else " ") + then
    assert refuse(*split_line(line)) == flag + " needs a value"


@rule("1.4")
@posix_only
def test_argument_that_is_no_unicode_is_sent_as_its_bytes(plane):
    run_against(plane, page(), *LIST + ("--cursor", b"\xff\xc3%41\n"))
    assert plane.requests[0].target.endswith("?cursor=%FF%C3%2541%0A")


# ---- 1.3b: durations


@rule("1.3b")
@pytest.mark.parametrize("flags", ["--timeout", "--wait --wait-timeout"])
def test_duration_is_more_than_0_seconds_and_at_most_one_day(plane, flags):
    for text in "30 0.5 .5 5. 86400.0 1s 86400s 1440m 24h 1d 0001d".split():
        assert run_against(plane, execution(), *split_line("get ID P %s %s" % (flags, text))).code == 0, text
    for text in shlex.split(
        "'' 0 0.0 -1 nan inf 86400.5 1e2 1_0 ' 1' '1\n' . x \u0661 0s 0d 86401s 1441m 25h 2d 1w 5x "
        "s '5 m' '5m\n' 5mm -5m 1.5m +5m 1h30m 5M \u0665m " + "9" * 5000 + "d"
    ):
        *words, flag = split_line("get ID P " + flags)
        assert re.match(
            flag + '( ".*")?: expected a duration such as 30, 20s, 5m, 2h or 1d ', refuse(*words + [flag + "=" + text])
        ), text


# ---- 1.5, 1.6: projects and other UUIDs


@rule("1.5", "1.6")
@pytest.mark.parametrize("text", ["6F1D%s", "urn:uuid:6f1d%s", "URN:UUID:6f1D%s", "{6f1d%s}", " 6f1d%s\n", BARE])
def test_uuid_has_four_notations_and_the_canonical_one_is_sent(plane, text):
    wire = execution([target(inline(b"!"), CANONICAL), target(inline(b"?"))], id=CANONICAL)
    text = text.replace("%s", CANONICAL[4:])
    for words in (["--project", text, "get", text], ["get", "--id", text]):
        answer = run_against(
            plane,
            wire,
            *words + ["-olines", "--node", text],
            env={"PLEXSPHERE_PROJECT": "nonsense" if "--project" in words else text},
        )
        assert answer.out == CANONICAL.encode() + b": !\n"
    assert {asked.target for asked in plane.requests} == {"/v1/projects/%s/executions/%s" % (CANONICAL, CANONICAL)}


@rule("1.5a", "1.6", "1.14a")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        CANONICAL[:-1],
        CANONICAL + "0",
        CANONICAL.replace("-", "_"),
        "urn:" + CANONICAL,
        BARE[:-1] + "g",
        CANONICAL.replace("-", "- ", 1),
        "(%s)" % CANONICAL,
        CANONICAL.replace("6", "\uff16"),
    ],
    ids=ascii,
)
def test_malformed_uuid_exits_2(value):
    for line in ("list --project", "list P --node", "get ID P --id", "get ID P --node", "get"):
        said = refuse(*split_line(line) + [value])
        shown = program.make_visible(as_given(value))
        assert said.startswith('%s "%s": expected a UUID' % (line.split()[-1], shown))
    if value:
        assert refuse("list", PLEXSPHERE_PROJECT=value) == "PLEXSPHERE_PROJECT: expected a UUID, such as " + CANONICAL


# ---- 1.9: times

#: The present time; WHEN, and the instant that it means.
WHENS = """
2026-07-14T09:31:07.25
    90s                         2026-07-14T09:29:37.25
    30m                         2026-07-14T09:01:07.25
    2h                          2026-07-14T07:31:07.25
    -2h                         2026-07-14T07:31:07.25
    7d                          2026-07-07T09:31:07.25
    2w                          2026-06-30T09:31:07.25
    0s                          2026-07-14T09:31:07.25
    today                       2026-07-14T00:00:00
    yesterday                   2026-07-13T00:00:00
    9:30                        2026-07-14T09:30:00
    09:31                       2026-07-14T09:31:00
    9:32                        2026-07-13T09:32:00
    23:59                       2026-07-13T23:59:00
    0:00                        2026-07-14T00:00:00
    2026-07-14                  2026-07-14T00:00:00
    2026-07-14T09               2026-07-14T09:00:00
    2026-07-14 09:30            2026-07-14T09:30:00
    2026-07-14T09:30Z           2026-07-14T09:30:00
    2026-07-14 09:30+0200       2026-07-14T07:30:00
    2026-07-14 09:30:15-03:30   2026-07-14T13:00:15
    2026-07-14 09:30:15         2026-07-14T09:30:15
    2026-07-14T11:30:15+02:00   2026-07-14T09:30:15
    2026-07-14T09:30:15Z        2026-07-14T09:30:15
    2026-07-14T09:30:15.5Z      2026-07-14T09:30:15.5
    2026-01-01T00:30+01:00      2025-12-31T23:30:00
    2026-08-01                  2026-08-01T00:00:00
    07-14                       2026-07-14T00:00:00
    07-14T09                    2026-07-14T09:00:00
    07-14 09:31                 2026-07-14T09:31:00
    07-14T09:32                 2025-07-14T09:32:00
    12-31                       2025-12-31T00:00:00
    07-14T11:31+0200            2026-07-14T09:31:00
    07-14T11:32+02:00           2025-07-14T09:32:00
    07-14 09:31:08              2025-07-14T09:31:08
2026-07-14T09:31:00
    9:31                        2026-07-14T09:31:00
2024-03-01T00:00:00
    02-29                       2024-02-29T00:00:00
    yesterday                   2024-02-29T00:00:00
2026-01-01T00:00:00
    01-01                       2026-01-01T00:00:00
"""


def set_clock(monkeypatch, text="2026-07-14T09:31:07.25"):
    """Set the clock to this time in UTC, with an optional fraction, and return it in the hint's form."""
    seconds, _, fraction = text.partition(".")
    moment = datetime.strptime(seconds, "%Y-%m-%dT%H:%M:%S") - datetime(1970, 1, 1)
    monkeypatch.setattr(time, "time", lambda: moment.total_seconds() + float("0." + fraction + "0"))
    return seconds + "Z"


@rule("1.9", "1.9a", "1.9b")
@pytest.mark.parametrize("row, now", list_rows(WHENS))
def test_when_is_an_instant_and_a_hint_says_which(plane, monkeypatch, row, now):
    text, meant = re.split("  +", row)
    now, (whole, _, fraction) = set_clock(monkeypatch, now), meant.partition(".")
    before = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S") - timedelta(seconds=0 if fraction else 1)
    pages = [
        [execution(id="before", created_at=before.isoformat() + ".2Z"), execution(id="at", created_at=meant + "Z")]
    ]
    assert [list_ids(plane, flag, text, pages=pages) for flag in ("--since", "--until")] == [["at"], ["before"]]
    is_full = re.fullmatch(r"....-..-..T..:..:..[.5]*(Z|.02:00)", text)
    for flag in ("since", "until"):
        said = run_cli(*LIST + ("--" + flag, text), plane=plane, terminals=("stderr",)).err
        assert said == ("" if is_full else "hint: %s %sZ (now: %s)\n" % (flag, whole, now))


#: --since, --until, and the hint, in which D is today and E tomorrow.
UNTILS = """
    9:00                  8:00                  since DT09:00:00Z, until ET08:00:00Z
    22:00                 6:00                  since 2026-07-13T22:00:00Z, until DT06:00:00Z
    9:30                  9:30                  since DT09:30:00Z, until ET09:30:00Z
    2h                    7:31                  since DT07:31:07Z, until ET07:31:00Z
    07-01                 9:45                  since 2026-07-01T00:00:00Z, until 2026-07-01T09:45:00Z
    2026-07-13T23:00:00Z  1:00                  until DT01:00:00Z
    today                 2026-07-15T00:00:00Z  since DT00:00:00Z
    today                 today                 since DT00:00:00Z, until DT00:00:00Z
    2026-07-14T00:00:00Z  2h                    until DT07:31:07Z"""


@rule("1.9a", "1.9b")
@pytest.mark.parametrize("row", UNTILS.split("\n")[1:])
def test_until_of_a_time_of_day_is_the_first_after_since(plane, monkeypatch, row):
    now, (since, until, meant) = set_clock(monkeypatch), re.split("  +", row.strip())
    result = run_cli(*LIST + ("--until", until, "--since", since), plane=plane, terminals=("stderr",))
    meant = meant.replace("DT", "2026-07-14T").replace("ET", "2026-07-15T")
    assert result.code == 0 and result.err.startswith("hint: %s (now: %s)\n" % (meant, now))


NO_WHENS = """
x | 2 | 2H | +2h | 1.5h | 2 h | 1h30m | 2y | now | Today | 24:00 | 9:60 | 9:5 | 9 | 9:30:00 | 9:30Z | \
2026-7-14 | 2026-13-01 | 2026-02-29 | 07-32 | 02-29 | 2026-07-14T24:00 | 2026-07-14T09:60 | \
2026-07-14T09:30:60Z | 2026-07-14  09:30 | 2026-07-14T | 2026-07-14T09:30: | 2026-07-14T09Z | 2026-07-14Z | \
2026-07-14T09:30+2 | 2026-07-14T09:30+02:60 | 2026-07-14T09:30+24:00 | 2026-07-14T09:30.5 | 2026-07-1.54 | \
0000-01-01 | 0000-01-01T00:00:00Z | \
0001-01-01T00:00+00:01 | 999999999w | \u0662h | 2026-07-1\u0664 | 07/14 | """.strip("\n").split(" | ")


@rule("1.9c", "1.14a")
@pytest.mark.parametrize("flag", ["--since", "--until"])
def test_any_other_when_exits_2(monkeypatch, flag):
    set_clock(monkeypatch, "2024-01-15T00:00:00")
    env = {"PLEXSPHERE_URL": "http://127.0.0.1:1", "PLEXSPHERE_TOKEN": TOKEN}  # nothing listens there
    results = {text: run_cli(*LIST + (flag + "=" + text,), env=env) for text in NO_WHENS}
    assert [
        text
        for text, result in results.items()
        if not result.err.startswith(
            'error: %s "%s": expected an age like 90s, 30m, 2h, 7d or 2w, a time of day like 9:30, '
            % (flag, program.make_visible(as_given(text)))
        )
    ] == []
    assert refuse(*LIST + ("--until=2h", "--since=7199s")) == "--until: must not be before --since"


# ---- 1.12: statuses

STATUSES_SENT = {
    "--status failed": "failed",
    "--status FAILED": "failed",
    "--status Foo": "Foo",
    "--status foo --status foo": "foo",
    "--status 'failed, TIMEOUT'": "failed timeout",
    "--status 'Ack ,failed' --status timeout": "ack failed timeout",
    "--status failed,failed": "failed",
    "--running": "pending ack started",
    "--failed": "failed cancelled timeout",
    "--failed --status ack,failed": "ack failed cancelled timeout",
    "--failed --running --status succeeded": STATUSES,
}


@rule("1.4c", "1.12", "1.12a", "1.12b")
@pytest.mark.parametrize("flags", list(STATUSES_SENT))
def test_statuses_are_split_add_up_and_select_executions_and_targets(plane, flags):
    sent = STATUSES_SENT[flags].split() if isinstance(STATUSES_SENT[flags], str) else list(STATUSES_SENT[flags])
    assert list_ids(plane, *split_line(flags)) == []
    assert [query["status"] for query in read_queries(plane)] == sent
    if sent[0] in STATUSES:
        every = execution([target(node=NODES[place], status=status) for place, status in enumerate(STATUSES)])
        out = run_against(plane, every, *split_line("get ID P -ojsonl " + flags)).out
        assert [json.loads(line)["status"] for line in out.decode().splitlines()] == sent


# ---- 1.14: usage errors

#: What is said, and command lines of which it is said. After a | comes the hint, unless it is how to print the help.
#: FORMATS stands for the formats of the command.
USAGE_ERRORS = """
--cursor needs a value
    list P --cursor --token-file=x
    list P --cursor
    list P --cursor=--
    list P --cursor --
unexpected argument "--" | leave it out
    -- list P
    list P --
unknown flag -v...
    list P -vo json
unknown flag -n...; did you mean --node?
    list P -node
    list P -node x
unknown flag --token; did you mean --token-file?
    list P --token SECRET
unknown flag --tokn
    list P --tokn=SECRET
unknown flag -t...
    list P -tSECRET
--all takes no value
    list P --all=SECRET
-v takes no value
    list P -v=SECRET
unknown flag --output_dir; did you mean --output-dir?
    get ID P --output_dir x
unexpected argument: put each value after its flag; quote values with spaces
    list P x
    list P ''
    get ID P ''
    get ID x P
    get P --id ID x
    list P -
    list help P
list takes no id; did you mean get UUID?
    list P ID
get takes one id; choose a target with --node UUID
    get ID P ID
    get P --id ID ID
expected a command: list or get
    P
    exec-log
unknown command "ID"; did you mean get UUID?
    ID P
unknown command "{ID}"; did you mean get UUID?
    {ID} P
unknown command "lis"; did you mean list?
    lis P
unknown command "gett"; did you mean get?
    gett P
unknown command "LIST"; expected list or get
    LIST P
unknown command "hepl"; did you mean help?
    hepl
unknown command ""; expected list or get
    '' P
unknown command "exec-logs"; did you mean exec-log?
    exec-logs list
unknown command "ls"; did you mean list?
    ls P
unknown command "show"; did you mean get UUID?
    show
unknown command "log"; did you mean get UUID?
    log ID
unknown command "logs"; did you mean get UUID?
    logs
unknown command "wait"; did you mean get UUID --wait?
    wait
unknown command "describe"; did you mean get UUID?
    describe
unknown command "watch"; did you mean get UUID --wait?
    watch
unknown command "version"; did you mean --version?
    version
no Project | pass --project UUID or set PLEXSPHERE_PROJECT
    list
    get ID
no Execution | pass its id: get UUID
    get P
get "": expected a UUID
    get '' P
--project "x": expected a UUID, such as 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10
    list --project x
--output "raw": expected FORMATS
    list P -o raw
--output "jsno": expected FORMATS; did you mean json?
    get ID P -ojsno
--output "JSON": expected FORMATS
    list P -o JSON
--output: expected FORMATS
    list P -o -x
--output "": expected FORMATS
    list P --output=
--color "x": expected auto, always or never
    list P --color x
--color "": expected auto, always or never
    list P --color ''
--status "failed,": expected a status, or several, separated by commas
    list P --status failed,
--status "": expected a status, or several, separated by commas
    list P --status ''
--status "ack,": expected a status, or several, separated by commas
    get ID P --status ack, --status ack
--status "FAILD": unknown status; did you mean failed?
    get ID P --status FAILD
--status "tiemout": unknown status; did you mean timeout?
    list P --status tiemout --failed
--status "x": unknown status
    list P --status x,ack
    get ID P --status x
--action-name "": expected a non-empty value
    list P --action-name ''
--server "": expected a non-empty value
    list P --server=
--profile "": expected a non-empty value
    list P --profile ''
--token-file "": expected a non-empty value
    list P --token-file ''
--ca-file "": expected a non-empty value
    list P --ca-file=
--output-dir "": expected a non-empty value
    get ID P --output-dir ''
--limit: expected a whole number (0 means the server's default)
    list P --limit -5
    list P --limit '-1'
--last "5x": expected a whole number of at least 1
    list P -n5x
a cursor belongs to one query, but several statuses are several queries
    list P --cursor c --failed
--wait-timeout works only with --wait
    get ID P --wait-timeout 5
--output-dir works only with --output text
    get ID P --output-dir x -o table
--output-dir works only with get
    list P --output-dir x -o xml
unknown flag --bogus
    list x --bogus
unknown flag --sinc; did you mean --since?
    x --sinc
    get ID P --sinc 2h
unknown flag -x
    list P -x
    list P -x=7
unknown flag -5
    list P -5
unknown flag -x...
    list P -x7
unknown flag --aaaaaaaaaaaaaaaaaaaa
    list P --aaaaaaaaaaaaaaaaaaaa
unknown flag
    list P --aaaaaaaaaaaaaaaaaaaaa
    list P --x1=7
    list P '--a b'
unknown flag -i...; did you mean --id?
    get -id ID P
unknown flag --projct; did you mean --project?
    --projct X list
unknown flag -v...; did you mean --version?
    list P -version
unknown flag --exit-statu; did you mean --exit-status?
    list P --exit-statu
unknown flag --out; did you mean --output?
    list P --out x
unknown flag --outputdir; did you mean --output-dir?
    get ID --outputdir
unknown flag --wait_timeout; did you mean --wait-timeout?
    get ID --wait_timeout=x
unknown flag --Action-Name; did you mean --action-name?
    list P --Action-Name
unknown flag --ye
    list --ye
unknown flag --a
    list --a
unknown flag --proj; did you mean --project?
    list --proj x
unknown flag --cu; did you mean --cursor?
    list --cu
--limit "+1": expected a whole number (0 means the server's default)
    list P --limit '+1'
--limit "1.5": expected a whole number (0 means the server's default)
    list P --limit '1.5'
--limit "1_0": expected a whole number (0 means the server's default)
    list P --limit '1_0'
--limit " 1": expected a whole number (0 means the server's default)
    list P --limit ' 1'
--limit "x": expected a whole number (0 means the server's default)
    list P --limit 'x'
--limit "0x1": expected a whole number (0 means the server's default)
    list P --limit '0x1'
--limit "": expected a whole number (0 means the server's default)
    list P --limit ''
--last "": expected a whole number of at least 1
    list P --last ''
--last "0": expected a whole number of at least 1
    list P --last '0'
--last "000": expected a whole number of at least 1
    list P --last '000'
--last "+1": expected a whole number of at least 1
    list P --last '+1'
--last "1.5": expected a whole number of at least 1
    list P --last '1.5'
--last " 1": expected a whole number of at least 1
    list P --last ' 1'
--last "x": expected a whole number of at least 1
    list P --last 'x'
--color "Always": expected auto, always or never
    list P --color Always
"""
SPECIAL_ERRORS = [
    ("", "expected a command: list or get"),
    ("list P '--all\n=7'", "unknown flag; did you mean --all?"),
    ("list P --limit 'a\n'", '--limit "a\\n": expected a whole number (0 means the server\'s default)'),
    ("list P -n" + TOKEN, "unknown flag -n..."),
    ("list P --last=" + TOKEN, '--last "***": expected a whole number of at least 1'),
]


@rule("1.4b", "1.5", "1.7b", "1.12b", "1.13b", "1.14", "1.14a", "1.14b", "1.14c", "1.14d", "1.14e", "9.1e", "9.3a")
@pytest.mark.parametrize("line, said", SPECIAL_ERRORS + list_rows(USAGE_ERRORS), ids=shorten_id)
def test_usage_error_names_the_mistake_and_suggests_a_fix(line, said):
    told = refuse(*split_line(line.replace("{ID}", "{%s}" % EXECUTION)), PLEXSPHERE_PROJECT="")
    formats = GET_FORMATS if line.startswith("get") else LIST_FORMATS
    assert told.replace(EXECUTION, "ID") == said.replace("FORMATS", ", ".join(formats))


#: Flags that belong to one command, with values.
OWN_FLAGS = {
    "list": "--action-name=a --since=2h --until=2h --last=5 --all --limit=0 --cursor=",
    "get": "--id=ID --wait --wait-timeout=9 --exit-status --output-dir=x",
}


@rule("1.14d")
@pytest.mark.parametrize("command, line", [("get", "list P "), ("list", "get ID P ")])
def test_flag_of_the_other_command_is_refused(command, line):
    flags = OWN_FLAGS[command].replace("ID", EXECUTION).split()
    assert [refuse(*split_line(line) + [flag]) for flag in flags] == [
        "%s works only with %s" % (flag.partition("=")[0], command) for flag in flags
    ]


#: Habits of users of other programs, and what is suggested to them.
HABITS = """
    list      --tail --lines                 --last
    list      --watch --follow -w -f         get UUID --wait
    get       --watch --follow -w -f         --wait
    get       --lines                        -o lines
    get       --exit-code                    --exit-status
    list get  --token                        --token-file
    list get  --url --host                   --server
    list get  --context                      --profile
    list get  --debug                        --verbose
    list get  --json                         -o json
    list get  --format                       --output"""


@rule("1.14e")
@pytest.mark.parametrize("commands, flags, meant", [re.split("  +", row.strip()) for row in HABITS.split("\n")[1:]])
def test_habit_has_its_own_suggestion(commands, flags, meant):
    for command in commands.split():
        for flag in flags.split():
            for given in (flag, flag + "=7"):
                assert refuse(command, given) == "unknown flag %s; did you mean %s?" % (flag, meant)


@rule("1.14a")
@pytest.mark.parametrize(
    "line",
    [
        "list --project {}",
        "get {} P",
        "{} P",
        "list P --status {},x",
        "list P --since {}",
        "list P --color {}",
        "list P -o {}",
        "get ID P --timeout {}",
        "list P --limit {}",
        "get ID P --node {}",
        "list P --last={}",
    ],
)
def test_refused_value_is_shown_up_to_40_characters(line):
    shown, long = [refuse(*split_line(line.format("x" * length))) for length in (40, 41)]
    assert ' "%s"' % ("x" * 40) in shown and "xx" not in long


#: The exit code, and command lines with a secret in the wrong place.
NEVER = """
2
    list P --server {}
    list P --server=https://ann:{}@host
    list P --all={}
    list P '--all {}'
    list P {}
    list P 'x {}'
    get ID P {}
    list P --tokn={}
    list P --token {}
    list P --{}
    list P -{}
    list P --limit -{}
    get -{} P
    exec-log list {} P --bogus
3
    list P --token-file {}
    list P --token-file=a/{}
    list P --profile {}
"""


@rule("1.14a", "1.14b", "2.5c", "2.5d", "2.6a")
@pytest.mark.parametrize("line, code", list_rows(NEVER))
def test_possible_secret_in_the_wrong_place_is_never_shown(tmp_path, monkeypatch, line, code):
    monkeypatch.chdir(str(tmp_path))
    env = {"PLEXSPHERE_URL": "http://127.0.0.1:1", "PLEXSPHERE_TOKEN": "of-the-environment"}
    result = run_cli(*split_line(line.format("s3same9x-s3same9x")), env=env)
    assert result.code == int(code) and "s3s" not in result.err and "me9x" not in result.err


@rule("1.15b", "1.15c")
@pytest.mark.parametrize("line", ["--version", "lst --version", "get --all x y --version", "list --limit 7 --version"])
def test_version_prints_one_line_and_ignores_the_rest(line):
    assert run_cli(*line.split()) == (0, b"version=%s\n" % program.__version__.encode("ascii"), "")
