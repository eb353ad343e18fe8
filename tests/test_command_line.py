"""Section 1: words, flags and their values, usage errors and what they suggest, version. Help is in test_help.py, and
which Executions and targets are chosen in test_choosing.py."""

import os
import re

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, SHOWCASE, SHOWCASE_NODES
from kit import (EXECUTION, GET, GET_FORMATS, HELP_FLAGS, HOME, LIST, LIST_FORMATS, NODES, error_lines, execution,
                 expect_usage_error, inline, page, posix_only, read_queries, rule, run_against, run_cli, shorten_id,
                 surroundings, target)

CANONICAL = "6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"
BARE = CANONICAL.replace("-", "")
DIGITS = "9" * 5000


# ---- 1.2, 1.3: words, and where flags stand

FOR_LIST = ("--project", PROJECT, "--status=failed", "--limit", "7", "--action-name=restart-nginx", "-o", "json",
            "--yes", "--reveal-secrets")
SHOWN_NODE = SHOWCASE_NODES["text"]
FOR_GET = ("--project=" + PROJECT, "--node", SHOWN_NODE, "-o", "lines", "--failed", "--reveal-secrets")


LISTED, SHOWN_LINES = b'{\n  "items": [\n    {', SHOWN_NODE.encode() + b": /dev/nvme"
FLAG_PLACES = {
    "everywhere": (FOR_GET[:3] + ("exec-log",) + FOR_GET[3:5] + ("get", "--yes", SHOWCASE) + FOR_GET[5:], SHOWN_LINES),
    "before and between": (FOR_LIST[:3] + ("exec-log",) + FOR_LIST[3:] + ("list",), LISTED),
    "no exec-log, around": (FOR_LIST[:3] + ("list",) + FOR_LIST[3:], LISTED),
    "get, before the id": (("get",) + FOR_GET + (SHOWCASE,), SHOWN_LINES),
    "get, after": (("exec-log", "get", SHOWCASE) + FOR_GET, SHOWN_LINES), "no exec-log": (("list",) + FOR_LIST, LISTED),
    "--id before": (("--id", SHOWCASE, "get") + FOR_GET, SHOWN_LINES),
    "--id": (("get", "--id=" + SHOWCASE) + FOR_GET, SHOWN_LINES), "no exec-log, before": (FOR_LIST + ("list",), LISTED),
    "between": (("exec-log",) + FOR_LIST + ("list",), LISTED), "before": (FOR_LIST + ("exec-log", "list"), LISTED),
    "get, before": (FOR_GET + ("get", SHOWCASE), SHOWN_LINES), "after": (("exec-log", "list") + FOR_LIST, LISTED)}


@rule("1.2", "1.2a", "1.3", "1.3e")
@pytest.mark.parametrize("argv, shown", list(FLAG_PLACES.values()), ids=list(FLAG_PLACES))
def test_flags_and_the_id_may_appear_anywhere(plane, argv, shown):
    result = run_cli(*argv, plane=plane)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(shown)
    assert read_queries(plane) == [
        {"status": "failed", "limit": "7", "action_name": "restart-nginx"} if shown is LISTED else {}]


@rule("1.3a", "1.4f")
@pytest.mark.parametrize("command, format", [(command, format) for command, formats in (
    (LIST, LIST_FORMATS), (GET, GET_FORMATS)) for format in formats],
                         ids=lambda value: value if isinstance(value, str) else value[1])
def test_short_o_means_output_and_text_is_the_default(plane, command, format):
    wire = page(execution()) if command is LIST else execution([target(inline(b"a\nb"))])
    runs = [run_against(plane, wire, *command + flags)
            for flags in (("-o", format), ("-o" + format,), ("--output=" + format,), ())]
    assert runs[0] == runs[1] == runs[2]
    assert runs[0].code == 0
    assert runs[0].out
    assert (runs[0].out == runs[3].out) == (format == "text" or (format, command) == ("table", LIST))


# ---- 1.4: values of flags

@rule("1.4d")
@pytest.mark.parametrize("flags, sent", [
    (("--limit", "3", "--status=ack", "--limit=7"), {"status": "ack", "limit": "7"}),
    (("--cursor", "x", "--cursor", ""), {}), (("--action-name=a", "--action-name", "b"), {"action_name": "b"})],
    ids=["--limit", "--cursor", "--action-name"])
def test_last_value_of_a_repeated_flag_wins(plane, flags, sent):
    result = run_against(plane, page(), "--project", CANONICAL, "-o", "text", *LIST + ("--output=json",) + flags)
    assert result.out == b'{\n  "items": []\n}\n'
    assert PROJECT in plane.requests[0].target
    assert read_queries(plane) == [sent]


@rule("1.4e")
@pytest.mark.parametrize("argv", [
    ("lis",) + LIST[2:], ("LIST",) + LIST[2:], ("exec",) + LIST[1:], LIST + ("--al",), LIST + ("--curs=x",),
    LIST + ("--proj=" + PROJECT,), GET + ("--output-d=x",), LIST + ("--verb",)], ids=" ".join)
def test_flags_and_words_cannot_be_abbreviated(argv):
    assert expect_usage_error(*argv).startswith("unknown ")


@rule("1.4", "1.4a")
@pytest.mark.parametrize("value", ["-abc", "-", "--x=y", "-rf", "-1", "- x", "---", "x --", "a=b", "no such", "=", "\n",
                                   "\u20ac", "-node", "-n5", "-ojson", "-output", "-nfoo=1"], ids=ascii)
@pytest.mark.parametrize("flag", ["--cursor", "--action-name", "--status"])
def test_value_may_begin_with_a_hyphen(plane, flag, value):
    for flags in ((flag, value, "--yes"), (flag + "=" + value,), (flag + "=--all",), (flag + "=-n",)):
        run_against(plane, page(), *LIST + flags)
    assert read_queries(plane) == [{flag[2:].replace("-", "_"): sent} for sent in (value, value, "--all", "-n")]


@rule("1.4b", "1.4c")
@pytest.mark.parametrize("flag", ["--cursor", "--action-name", "--status", "--limit", "--server", "-o", "--since"])
@pytest.mark.parametrize("then", [("--token-file=/x",), ("--wait",), ("--yes",), ("-n", "5"), ("--",), ()],
                         ids=lambda value: " ".join(value) or "end")
def test_known_flag_or_double_hyphen_is_not_a_value(flag, then):
    for argv in ((flag,) + then, (flag + "=--",) + then):
        error = expect_usage_error(*LIST + argv)
        assert re.match("argument (-o/)?%s(/--output)?: expected one argument$" % flag, error)


@rule("1.4g", "1.4h")
@pytest.mark.parametrize("flags, number", [
    (("-n", "5"), "5"), (("-n5",), "5"), (("-n=5",), "5"), (("-n", "9", "-n5"), "5"), (("--last=9", "-n", "5"), "5"),
    (("-n10",), "10")], ids=str)
def test_n_is_last(plane, flags, number):
    seven = page(*[execution(id=NODES[place], created_at="2026-05-02T10:00:0%dZ" % place) for place in range(7)])
    last = run_against(plane, seven, *LIST + ("--last", number))
    assert last.code == 0
    assert run_against(plane, seven, *LIST + flags) == last


@rule("1.10c", "1.4h")
@pytest.mark.parametrize("flags", [("-n0",), ("-n", "0"), ("-n", "-5"), ("-n=",), ("-n", ""), ("-n5x",), ("-n", "x"),
                                   ("-n",), ("-n", "--all")], ids=" ".join)
def test_malformed_number_of_n_exits_2(flags):
    assert re.match(r"argument (-n|--last|-n/--last): ", expect_usage_error(*LIST + flags))


# ---- 1.5, 1.6: projects and other UUIDs

@rule("1.5a", "1.6")
@pytest.mark.parametrize("spelling", [CANONICAL, CANONICAL.upper(), "{%s}" % CANONICAL, BARE, "urn:uuid:" + CANONICAL])
def test_project_variable_replaces_a_missing_flag_and_the_flag_wins(plane, spelling):
    for body, argv, value in ((page(), ("list",), spelling), (execution(), ("get", EXECUTION), spelling),
                              (page(), LIST, spelling), (page(), LIST, "nonsense")):
        run_against(plane, body, *argv, env={"PLEXSPHERE_PROJECT": value})
    paths = ["%s/executions" % CANONICAL, "%s/executions/%s" % (CANONICAL, EXECUTION)] + ["%s/executions" % PROJECT] * 2
    assert [asked.target for asked in plane.requests] == ["/v1/projects/" + path for path in paths]


@rule("1.6", "1.6a", "1.6b")
@pytest.mark.parametrize("spelling", [
    CANONICAL, CANONICAL.upper(), "urn:uuid:" + CANONICAL, "URN:UUID:" + CANONICAL.upper(), "{%s}" % CANONICAL,
    BARE, BARE.upper(), " %s\n" % CANONICAL])
def test_uuid_has_four_notations_and_the_canonical_one_is_sent(plane, spelling):
    wire = execution([target(inline(b"!"), node) for node in (NODES[0], CANONICAL)], id=CANONICAL)
    for identity in ((spelling,), ("--id", spelling)):
        flags = ("--project", spelling, "--node", spelling, "-o", "lines")
        assert run_against(plane, wire, "get", *identity + flags).out == b"%s: !\n" % CANONICAL.encode()
    assert [asked.target for asked in plane.requests] == ["/v1/projects/%s/executions/%s" % (CANONICAL, CANONICAL)] * 2


UUID_FLAGS = [(GET, "--project"), (LIST, "--project"), (GET, "--id"), (GET, "--node")]


@rule("1.5b", "1.6")
@pytest.mark.parametrize("value", [
    "", "x", CANONICAL[:-1], CANONICAL + "0", CANONICAL[:9] + " " + CANONICAL[9:], CANONICAL.replace("-", "_"),
    CANONICAL[:8] + CANONICAL[9:], "6f1d7c1e0-b5a-4c1e-9a53-2b8f0c9e7a10", "urn:uuid:" + BARE, "{" + CANONICAL,
    CANONICAL + "}", "(%s)" % CANONICAL, "{urn:uuid:%s}" % CANONICAL, "urn:uuid:{%s}" % CANONICAL, "{%s}" % BARE,
    "urn:" + CANONICAL, "uuid:urn:" + CANONICAL, CANONICAL.replace("6", "\uff16"), CANONICAL.replace("0", "g"),
    BARE[:-1] + "g", "-" * 32, "s3same9x"], ids=ascii)
def test_malformed_uuid_exits_2(value):
    for command, flag in UUID_FLAGS:
        error = expect_usage_error(*command + (flag + "=" + value,))
        assert error.startswith("argument %s: expected a UUID" % flag)
    if value[:1] != "-":
        assert expect_usage_error("get", value, "--project", PROJECT).startswith("expected a UUID after get, ")
    error = expect_usage_error("list", env={"PLEXSPHERE_PROJECT": value or " "})
    assert "PLEXSPHERE_PROJECT" in error and "s3same9x" not in error


@rule("1.6c")
@pytest.mark.parametrize("argv", [
    ("list", "--project", "x"), ("list",), ("get", "--project", PROJECT), LIST + ("--since=x",), GET + ("--status=x",),
    LIST + ("-o", "raw"), GET + ("--output-dir=new", "-o", "json"), LIST + ("x",)], ids=" ".join)
def test_usage_errors_come_before_any_file_access(tmp_path, monkeypatch, argv):
    monkeypatch.chdir(str(tmp_path))
    config = tmp_path / ".config" / "plexctl" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_bytes(b"no JSON")
    error = expect_usage_error("--token-file", str(tmp_path / "none"), *argv,
                   env={HOME: str(tmp_path), "PLEXSPHERE_TOKEN": None, "PLEXSPHERE_URL": "no url"})
    assert "server" not in error and "token" not in error and os.listdir(str(tmp_path)) == [".config"]


# ---- 1.7, 1.13, 1.14: other values

@rule("1.7", "1.7a", "1.7b", "1.7c", "1.13b")
@pytest.mark.parametrize("flags, sent", [
    ((), {}), (("--limit", "0"), {}), (("--limit=000",), {}), (("--limit", "10"), {"limit": "10"}),
    (("--limit", "201"), {"limit": "201"}), (("--limit", DIGITS), {"limit": DIGITS}),
    (("--status", "", "--action-name=", "--cursor", ""), {}), (("--timeout", "86400.0"), {}), (("--timeout=.5",), {}),
    (("--cursor", "c", "--limit", "7", "--action-name", "a b", "--status", "s"),
     {"status": "s", "action_name": "a b", "limit": "7", "cursor": "c"})], ids=shorten_id)
def test_values_are_sent_unchecked_and_empty_values_are_not_sent(plane, flags, sent):
    assert run_against(plane, page(), *LIST + flags).code == 0
    assert read_queries(plane) == [sent]
    assert ("?" in plane.requests[0].target) == bool(sent)


DURATIONS = ["", "0", "0.0", "-1", "nan", "inf", "86400.5", "1e2", "1_0", " 1", "1\n", ".", "x", "\u0661", DIGITS,
             "0s", "0m", "0d", "86401s", "1441m", "25h", "2d", "9999999999999999d", "1w", "5x", "s", "m", "5 m", " 5m",
             "5m ", "5m\n", "5mm", "-5m", "1.5m", "5.m", "+5m", "1h30m", "5M", "5min", "\u0665m", DIGITS + "s"]
#: Values that the program refuses, for every flag with a value that it checks.
MALFORMED = {
    "--last": ["", "0", "000", "-1", "+1", "1.5", "1_0", " 1", "1\n", "x", "\u0661"], "--color": ["", "yes", "Always"],
    "--limit": ["", "-1", "+1", "1.5", "1_0", " 1", "1\n", "x", "0x1", "\u0661"], "--wait-timeout": DURATIONS,
    "--output": ["", "xml", "JSON", "raw", "lines", "x (choose from y)"], "--timeout": DURATIONS, "--token-file": [""],
    "--output-dir": [""], "--profile": [""], "--ca-file": [""], "--server": [""]}
#: Flags with a value that have tests of their own: every value is accepted, the value is a UUID, a time or a status.
UNLISTED = "--cursor --action-name --project --id --node --since --until --status".split()


def get_command(flag):
    """Return the command line of the command that a flag belongs to."""
    wait = ("--wait",) if flag == "--wait-timeout" else ()
    return GET + wait if flag in HELP_FLAGS["flags of get"].split() else LIST


@rule("1.3c", "1.4", "1.4a", "1.7a", "1.7d", "1.10c")
@pytest.mark.parametrize("flag, value", [(flag, value) for flag in sorted(MALFORMED) for value in MALFORMED[flag]],
                         ids=shorten_id)
def test_malformed_value_exits_2_and_names_the_flag(flag, value):
    error = expect_usage_error(*get_command(flag) + (flag + "=" + value,))
    assert re.match("argument (-[no]/)?%s: " % flag, error)
    assert expect_usage_error(*get_command(flag) + (flag, value)) == error


@rule("1.3b")
@pytest.mark.parametrize("flag", ["--timeout", "--wait-timeout"])
@pytest.mark.parametrize("text, seconds", [
    ("20s", 20), ("5m", 300), ("2h", 7200), ("1d", 86400), ("30", 30), ("0.5", 0.5), ("1s", 1), ("86400s", 86400),
    ("1440m", 86400), ("24h", 86400)])
def test_duration_is_seconds_or_a_number_and_a_unit(flag, text, seconds):
    with surroundings():
        given = program.make_parser("get").parse_args(["%s=%s" % (flag, text)])
    assert getattr(given, flag[2:].replace("-", "_")) == seconds


@rule("1.7d")
def test_every_flag_with_a_value_is_in_the_table_of_malformed_values():
    pages = "".join(run_cli(command, "--help").out.decode("ascii") for command in ("list", "get"))
    flags = set(re.findall("^  (?:-[a-z].*, )?(--[a-z-]+) [A-Z]+\\b", pages, re.MULTILINE))
    assert len(flags) > 10
    assert flags - set(MALFORMED) == set(UNLISTED), "list what each flag refuses in MALFORMED"


@rule("1.13", "1.13a")
@pytest.mark.parametrize("flag, value, sent", [
    ("--status", "a&b=c/d?#%+;:,@!*\u20ac", "status=a%26b%3Dc%2Fd%3F%23%25%2B%3B%3A%2C%40%21%2A%E2%82%AC"),
    ("--action-name", "no such", "action_name=no%20such"), ("--cursor", "\u20ac%41", "cursor=%E2%82%AC%2541"),
    pytest.param("--cursor", b"\xff\xc3", "cursor=%FF%C3", marks=posix_only),
    pytest.param("--action-name", b"\xc3", "action_name=%C3", marks=posix_only),
    pytest.param("--status", b"\x80", "status=%80", marks=posix_only)], ids=ascii)
def test_arguments_are_sent_as_percent_encoded_bytes(plane, flag, value, sent):
    run_against(plane, page(), *LIST + (flag, value))
    assert plane.requests[0].target == "/v1/projects/%s/executions?%s" % (PROJECT, sent)


@rule("1.14")
@pytest.mark.parametrize("argv", [("--version",), ("lst", "--version"), ("get", "--all", "--version")], ids=" ".join)
def test_version_prints_one_line(argv):
    assert run_cli(*argv) == (0, b"version=%s\n" % program.__version__.encode("ascii"), "")
    assert re.match(r"[0-9]+\.[0-9]+\.[0-9]+\Z", program.__version__)


# ---- 1.15: usage errors

#: A command line with a flag that is mistyped, and the flag that is suggested.
MISTYPED = [
    ("list P --tokn-file=X", "--token-file"), ("get ID P --output_dir=X", "--output-dir"), ("get -id ID P", "--id"),
    ("list P -version", "--version"), ("--projct X list P", "--project"), ("list P -node", "--node"),
    ("get P ID -node", "--node"), ("get P ID --projct", "--project"), ("list P --sinc=x", "--since"),
    ("get P ID --sinc --help", "--since"), ("list P --exit-statu", "--exit-status"), ("list P --out", "--output"),
    ("list P --outputdir", "--output"), ("get P ID --outputdir", "--output-dir"),
    ("get P ID --wait_timeout=x", "--wait-timeout"), ("list P -cursor", "--cursor"),
    ("list P --Action-Name", "--action-name"), ("list P --action-names-exact", "--action-name")]
#: P stands for --project and a Project, ID for an id.
ERRORS = [
    ("", "expected a command: list or get"), ("list", "expected --project UUID, or PLEXSPHERE_PROJECT"),
    ("get P", "expected the id of an Execution: get UUID"), ("ID P", "unknown command; did you mean get UUID?"),
    ("list P -o xml", "(choose from text, table, json, yaml, jsonl)"),
    ("get P ID -o jsno", "(choose from text, table, lines, raw, json, yaml, jsonl); did you mean json?"),
    ("list P --timeout 5x", "argument --timeout: expected a duration such as 30, 20s, 5m, 2h or 1d"),
    ("get P ID --wait --wait-timeout=5x", "argument --wait-timeout: expected a duration such as 30, 20s, 5m"),
    ("list P --color x", "argument --color: expected auto, always or never"),
    ("get P ID --tail", "unknown flag --tail"), ("list P -x", "unknown flag -x"), ("list P --x", "unknown flag --x"),
    ("lst P", "unknown command lst; did you mean list?"), ("gett P", "unknown command gett; did you mean get?"),
    ("exec-logs list P", "unknown command exec-logs; did you mean exec-log?"), ("hepl", "; did you mean help?"),
    ("exec-log exec-log list P", "unknown command exec-log"), ("-- list P", "unknown command --"),
    ("get ID P --status faild", "argument --status: unknown status faild; did you mean failed?"),
    ("list P --status Failed --running", "argument --status: unknown status Failed; did you mean failed?"),
    ("list P --status ack --status tiemout", "argument --status: unknown status tiemout; did you mean timeout?"),
    ("--since 2h get P ID", "--since is a flag of list"), ("get P ID -n5", "--last is a flag of list"),
    ("list P --output-dir x", "--output-dir is a flag of get"), ("list P --failed=1", "--failed takes no value"),
    ("list P 10:00", "unexpected argument 10:00: put each value after its flag; quote values with spaces"),
    ("list P -- --all", "unexpected argument --: "), ("list P ID", "list takes no id; did you mean get UUID?"),
    ("get ID P ID", "get takes one id; choose a target with --node UUID"), ("get ID P --id ID", "get takes one id; "),
    ("get ID P --wait-timeout 5", "argument --wait-timeout: only valid with --wait")] + [
    (line, "unknown flag %s; did you mean %s?" % (re.search("-[^ =]+", line).group(), flag)) for line, flag in MISTYPED]


@rule("1.3d", "1.4i", "1.5", "1.5a", "1.5c", "1.12d", "9.1k")
@rule("1.15", "1.15a", "1.15c", "1.15d", "1.15e", "1.15f", "1.15g")
@pytest.mark.parametrize("argv, error", ERRORS, ids=[argv for argv, _ in ERRORS])
def test_usage_error_names_the_mistake_and_suggests_a_fix(argv, error):
    short = {"P": ["--project", PROJECT], "ID": [EXECUTION]}
    words = [word for part in argv.split() for word in short.get(part, [part])]
    said = expect_usage_error(*words, env={"PLEXSPHERE_PROJECT": ""})
    assert error in said
    assert ("did you mean" in said) == error.endswith("?")


BEFORE_A_STRAY_ID = {"the command": (), "after list": ("list", "--project", PROJECT), "after get --id": GET,
                     "after get ID": ("get", EXECUTION, "--project", PROJECT)}


@rule("1.6a", "1.15d", "1.15e")
@pytest.mark.parametrize("place", list(BEFORE_A_STRAY_ID))
@pytest.mark.parametrize("lower", [CANONICAL, BARE, "urn:uuid:" + CANONICAL, "{%s}" % CANONICAL])
def test_stray_id_is_recognised_in_upper_case(place, lower):
    words = lower, lower.upper(), "g" * len(lower)
    said = [expect_usage_error(*BEFORE_A_STRAY_ID[place] + (word,)) for word in words]
    assert said[0] == said[1]
    assert said[0] != said[2], "it is not recognised in lower case either"


HABITS = [("list", "--tail --lines", "--last"), ("list", "--head", "--limit"),
          ("list", "--watch --follow -w -f", "get UUID --wait"), ("get", "--watch --follow -w -f", "--wait"),
          ("get", "--lines", "-o lines"), ("list", "--token", "--token-file"), ("get", "--token", "--token-file"),
          ("list", "--url --host", "--server"), ("get", "--url --host", "--server")]


@rule("1.15h")
@pytest.mark.parametrize("command, flag, meant", [(command, flag, meant) for command, flags, meant in HABITS
                                                  for flag in flags.split()])
def test_habit_has_its_own_suggestion(command, flag, meant):
    for given in (flag, flag + "=7"):
        error = expect_usage_error(*(LIST if command == "list" else GET) + (given,))
        assert error == "unknown flag %s; did you mean %s?" % (flag, meant)


SECRET = "s3same9x-s3same9x-321"       # 21 characters
NEVER = {
    "token file in a folder": (3, LIST + ("--token-file=a/%s",)), "value where none belongs": (2, LIST + ("--all=%s",)),
    "several statuses": (2, LIST + ("--running", "--status=%s")), "value of --server": (2, LIST + ("--server", "%s")),
    "password": (2, LIST + ("--server=https://ann:%s@host",)), "token file": (3, LIST + ("--token-file", "%s")),
    "flag of two lines": (2, LIST + ("--all\n=%s",)), "word after help": (2, ("help", "list", "%s")),
    "second word": (2, ("exec-log", "%s", "list")), "id": (2, ("get", "%s", "--project", PROJECT)),
    "project": (2, ("list", "--project", "%s")), "profile": (3, LIST + ("--profile", "%s")), "command": (2, ("%s",)),
    "flag's value": (2, LIST + ("--tokn=%s",)), "timeout": (2, LIST + ("--timeout", "%s")), "word": (2, LIST + ("%s",)),
    "word after the id": (2, GET + ("x%s",)), "colour": (2, LIST + ("--color", "%s")), "lines": (2, LIST + ("x\n%s",)),
    "status": (2, GET + ("--status", "%s")), "limit": (2, LIST + ("--limit", "%s")), "format": (2, LIST + ("-o", "%s")),
    "last": (2, LIST + ("--last", "%s")), "since": (2, LIST + ("--since=%s",)), "habit": (2, LIST + ("--token=%s",)),
    "node": (2, GET + ("--node=%s",)), "hyphen": (2, LIST + ("-%s",)), "flag": (2, LIST + ("--%s",))}


@rule("1.15b", "2.5e", "2.5f", "2.6d")
@pytest.mark.parametrize("case", sorted(NEVER))
def test_possible_secret_in_the_wrong_place_is_never_quoted(case, tmp_path, monkeypatch):
    monkeypatch.chdir(str(tmp_path))
    code, argv = NEVER[case]
    env = {"PLEXSPHERE_URL": "http://127.0.0.1:1", "PLEXSPHERE_TOKEN": "of-the-environment"}
    result = run_cli(*[argument.replace("%s", SECRET) for argument in argv], env=env)
    assert result.code == code, result.err
    assert "s3s" not in result.err, result.err
    assert "me9x" not in result.err, result.err
    assert error_lines(result, "hint") == ["write it as https://HOST"] or "--server" not in " ".join(argv)
