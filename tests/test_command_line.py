"""Section 1: words, flags and their values, usage errors, help, version, completion. Which Executions and targets are
chosen is in test_choosing.py."""

import argparse
import io
import os
import re
import shlex
import sys

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, SHOWCASE, SHOWCASE_NODES, STATUSES
from kit import (EXECUTION, GET, GET_FORMATS, HELP_FLAGS, HOME, LIST, LIST_FORMATS, NODES, error_lines, execution,
                 expect_usage_error, inline, page, posix_only, read_queries, rule, run_against, run_cli, run_process,
                 shorten_id, surroundings, target)

CANONICAL = "6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"
BARE = CANONICAL.replace("-", "")
DIGITS = "9" * 5000


# ---- 1.1 to 1.3: the parser, words, and where flags stand

@rule("1.1b", "1.1d")
@pytest.mark.parametrize("arguments, name", [
    (["/x/other"], "other"), (["plexctl-exec-log", "list"], "plexctl-exec-log"), ([], "python3 plexctl_exec_log.py"),
    (["/x/other.py"], "python3 other.py"), (None, "python3 plexctl_exec_log.py")],
    ids=["path", "name", "none", "script", "missing"])
def test_program_uses_the_name_it_was_started_under(arguments, name):
    err = io.StringIO()
    with surroundings():
        sys.argv = arguments
        if arguments is None:
            del sys.argv
        assert [program.main(argv, io.BytesIO(), err) for argv in (["list"], None)] == [2, 2]
        assert program.make_parser().format_help().startswith("usage: %s [exec-log] " % name)
    assert err.getvalue().count("\nhint: %s --help\n" % name) == 2


@rule("1.1")
def test_parser_is_public_flat_and_new_each_time():
    with surroundings():
        parsers = [program.make_parser() for _ in range(2)]
        given = parsers[0].parse_args(["--failed", "-o", "json", "--node=" + CANONICAL])
    assert (given.failed, given.output, given.node, parsers[0].get_default("node")) == (True, "json", [CANONICAL], None)
    assert isinstance(parsers[0], argparse.ArgumentParser)
    assert parsers[0] is not parsers[1]


FOR_LIST = ("--project", PROJECT, "--status=failed", "--limit", "7", "--action-name=restart-nginx", "-o", "json",
            "--yes")
SHOWN_NODE = SHOWCASE_NODES["text"]
FOR_GET = ("--project=" + PROJECT, "--node", SHOWN_NODE, "-o", "lines", "--failed", "--reveal-secrets")


@rule("1.2", "1.3", "1.3e")
@pytest.mark.parametrize("argv", [
    FOR_LIST + ("exec-log", "list"), ("exec-log",) + FOR_LIST + ("list",),
    FOR_LIST[:3] + ("exec-log",) + FOR_LIST[3:] + ("list",), ("list",) + FOR_LIST,
    FOR_LIST + ("list",), FOR_LIST[:3] + ("list",) + FOR_LIST[3:]],
    ids=["before", "between", "before and between", "no exec-log", "no exec-log, before", "no exec-log, around"])
def test_list_flags_may_appear_anywhere(plane, argv):
    usual, other = [run_cli(*line, plane=plane) for line in (("exec-log", "list") + FOR_LIST, argv)]
    assert other == usual
    assert usual.code == 0
    assert usual.out.startswith(b'{\n  "items": [\n    {')
    assert read_queries(plane) == [{"status": "failed", "limit": "7", "action_name": "restart-nginx"}] * 2


@rule("1.2a", "1.3", "1.3e")
@pytest.mark.parametrize("argv", [
    ("exec-log", "get", SHOWCASE) + FOR_GET, ("get",) + FOR_GET + (SHOWCASE,), FOR_GET + ("get", SHOWCASE),
    FOR_GET[:3] + ("exec-log",) + FOR_GET[3:5] + ("get", "--yes", SHOWCASE) + FOR_GET[5:],
    ("--id", SHOWCASE, "get") + FOR_GET],
    ids=["after", "before the id", "before", "everywhere", "--id before"])
def test_get_flags_and_the_id_may_appear_anywhere(plane, argv):
    usual, other = [run_cli(*line, plane=plane) for line in (("get", "--id=" + SHOWCASE) + FOR_GET, argv)]
    assert other == usual
    assert usual.code == 0
    assert usual.out.startswith(SHOWN_NODE.encode() + b": /dev/nvme")


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
                                   "\u20ac"], ids=ascii)
@pytest.mark.parametrize("flag", ["--cursor", "--action-name", "--status"])
def test_value_may_begin_with_a_hyphen(plane, flag, value):
    run_against(plane, page(), *LIST + (flag, value, "--yes"))
    run_against(plane, page(), *LIST + (flag + "=" + value,))
    run_against(plane, page(), *LIST + (flag + "=--all",))
    assert read_queries(plane) == [{flag[2:].replace("-", "_"): sent} for sent in (value, value, "--all")]


@rule("1.4b", "1.4c")
@pytest.mark.parametrize("flag", ["--cursor", "--action-name", "--status", "--limit", "--server", "-o", "--since"])
@pytest.mark.parametrize("then", [("--token-file=/x",), ("--all",), ("-v",), ("--cursor", "x"), ("--",), ()],
                         ids=lambda value: " ".join(value) or "end")
def test_known_flag_or_double_hyphen_is_not_a_value(flag, then):
    for argv in ((flag,) + then, (flag + "=--",) + then):
        error = expect_usage_error(*LIST + argv)
        assert re.match("argument (-o/)?%s(/--output)?: expected one argument$" % flag, error)


# ---- 1.5, 1.6: projects and other UUIDs

@rule("1.5a", "1.6")
@pytest.mark.parametrize("spelling", [CANONICAL, CANONICAL.upper(), "{%s}" % CANONICAL, BARE, "urn:uuid:" + CANONICAL])
def test_project_variable_replaces_a_missing_flag_and_the_flag_wins(plane, spelling):
    for body, argv in ((page(), ("list",)), (execution(), ("get", EXECUTION)), (page(), LIST)):
        run_against(plane, body, *argv, env={"PLEXSPHERE_PROJECT": spelling})
    paths = ["%s/executions" % CANONICAL, "%s/executions/%s" % (CANONICAL, EXECUTION), "%s/executions" % PROJECT]
    assert [asked.target for asked in plane.requests] == ["/v1/projects/" + path for path in paths]


@rule("1.5b")
@pytest.mark.parametrize("value", ["s3same9x", " ", CANONICAL + "x", "-", "\u20ac"], ids=ascii)
def test_malformed_project_variable_exits_2_and_is_named(value):
    for command in (("list",), ("get", EXECUTION)):
        error = expect_usage_error(*command, env={"PLEXSPHERE_PROJECT": value})
        assert "PLEXSPHERE_PROJECT" in error
        assert "s3same9x" not in error


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


@rule("1.6")
@pytest.mark.parametrize("value", [
    "", "x", CANONICAL[:-1], CANONICAL + "0", CANONICAL[:9] + " " + CANONICAL[9:], CANONICAL.replace("-", "_"),
    CANONICAL[:8] + CANONICAL[9:], "6f1d7c1e0-b5a-4c1e-9a53-2b8f0c9e7a10", "urn:uuid:" + BARE, "{" + CANONICAL,
    CANONICAL + "}", "(%s)" % CANONICAL, "{urn:uuid:%s}" % CANONICAL, "urn:uuid:{%s}" % CANONICAL, "{%s}" % BARE,
    "urn:" + CANONICAL, "uuid:urn:" + CANONICAL, CANONICAL.replace("6", "\uff16"), CANONICAL.replace("0", "g"),
    BARE[:-1] + "g", "-" * 32], ids=ascii)
def test_malformed_uuid_exits_2(value):
    for command, flag in UUID_FLAGS:
        error = expect_usage_error(*command + (flag + "=" + value,))
        assert error.startswith("argument %s: expected a UUID" % flag)
    if value[:1] != "-":
        assert expect_usage_error("get", value, "--project", PROJECT).startswith("expected a UUID after get, ")


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
    ((), {}), (("--limit", "0"), {}), (("--limit=000",), {}), (("--limit", "1"), {"limit": "1"}),
    (("--limit", "201"), {"limit": "201"}), (("--limit", DIGITS), {"limit": DIGITS}),
    (("--status", "", "--action-name=", "--cursor", ""), {}), (("--timeout", "86400.0"), {}), (("--timeout=.5",), {}),
    (("--cursor", "c", "--limit", "7", "--action-name", "a b", "--status", "s"),
     {"status": "s", "action_name": "a b", "limit": "7", "cursor": "c"})], ids=shorten_id)
def test_values_are_sent_unchecked_and_empty_values_are_not_sent(plane, flags, sent):
    assert run_against(plane, page(), *LIST + flags).code == 0
    assert read_queries(plane) == [sent]
    assert ("?" in plane.requests[0].target) == bool(sent)


#: Values that the program refuses, for every flag with a value that it checks.
MALFORMED = {
    "--limit": ["", "-1", "+1", "1.5", "1_0", " 1", "1\n", "x", "0x1", "\u0661"],
    "--last": ["", "0", "000", "-1", "+1", "1.5", "1_0", " 1", "1\n", "x", "\u0661"],
    "--timeout": ["", "0", "0.0", "-1", "nan", "inf", "86400.5", "1e2", "1_0", " 1", "1\n", ".", "x", "\u0661", DIGITS],
    "--output": ["", "xml", "JSON", "raw", "lines", "x (choose from y)"],
    "--color": ["", "yes", "Always"],
    "--server": [""], "--profile": [""], "--token-file": [""], "--ca-file": [""], "--output-dir": [""],
    "--wait-timeout": ["", "0", "-1", "86400.1", "1e3", "nan"]}
#: Flags with a value that have tests of their own: every value is accepted, the value is a UUID, a time or a status.
UNLISTED = "--cursor --action-name --project --id --node --since --until --status".split()


def get_command(flag):
    """Return the command line of the command that a flag belongs to."""
    wait = ("--wait",) if flag == "--wait-timeout" else ()
    return GET + wait if flag in HELP_FLAGS["flags of get"].split() else LIST


@rule("1.3c", "1.7a", "1.7d", "1.10c")
@pytest.mark.parametrize("flag, value", [(flag, value) for flag in sorted(MALFORMED) for value in MALFORMED[flag]],
                         ids=shorten_id)
def test_malformed_value_exits_2_and_names_the_flag(flag, value):
    error = expect_usage_error(*get_command(flag) + (flag + "=" + value,))
    assert re.match("argument (-[no]/)?%s: " % flag, error)


@rule("1.7d")
def test_every_flag_with_a_value_is_in_the_table_of_malformed_values():
    pages = "".join(run_cli(command, "--help").out.decode("ascii") for command in ("list", "get"))
    flags = set(re.findall("^  (?:-[a-z].*, )?(--[a-z-]+) [A-Z]+\\b", pages, re.MULTILINE))
    assert len(flags) > 10
    assert flags - set(MALFORMED) == set(UNLISTED)


@rule("1.13", "1.13a")
@pytest.mark.parametrize("flag, value, sent", [
    ("--status", "a&b=c/d?#%+;\u20ac", "status=a%26b%3Dc%2Fd%3F%23%25%2B%3B%E2%82%AC"),
    ("--action-name", "no such", "action_name=no%20such"), ("--cursor", "\u20ac%41", "cursor=%E2%82%AC%2541"),
    pytest.param("--cursor", b"\xff\xc3", "cursor=%FF%C3", marks=posix_only),
    pytest.param("--action-name", b"\xc3", "action_name=%C3", marks=posix_only),
    pytest.param("--status", b"\x80", "status=%80", marks=posix_only)], ids=ascii)
def test_arguments_are_sent_as_percent_encoded_bytes(plane, flag, value, sent):
    run_against(plane, page(), *LIST + (flag, value))
    assert plane.requests[0].target == "/v1/projects/%s/executions?%s" % (PROJECT, sent)


@rule("1.13a")
@posix_only
def test_argument_bytes_are_sent_unchanged_in_any_locale(plane):
    argv = LIST + ("--cursor", b"\xff\xe2\x82\xac")
    assert run_process(*argv, plane=plane, env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}).code == 1
    assert plane.requests[0].target.endswith("?cursor=%FF%E2%82%AC")


@rule("1.14")
@pytest.mark.parametrize("argv", [("--version",), ("list", "-o", "json", "--version")], ids=" ".join)
def test_version_prints_one_line(argv):
    assert run_cli(*argv) == (0, b"version=%s\n" % program.__version__.encode("ascii"), "")
    assert re.match(r"[0-9]+\.[0-9]+\.[0-9]+\Z", program.__version__)


# ---- 1.15: usage errors

#: P stands for --project and a Project, ID for an id.
ERRORS = [
    ("", "expected a command: list or get"),
    ("list", "expected --project UUID, or PLEXSPHERE_PROJECT"),
    ("get P", "expected the id of an Execution: get UUID"),
    ("list P -o xml", "(choose from text, table, json, yaml, jsonl)"),
    ("get P ID -o jsno", "(choose from text, table, lines, raw, json, yaml, jsonl); did you mean json?"),
    ("list P --color x", "argument --color: expected auto, always or never"),
    ("list P --tokn-file=X", "unknown flag --tokn-file; did you mean --token-file?"),
    ("get ID P --output_dir=X", "unknown flag --output_dir; did you mean --output-dir?"),
    ("get -id ID P", "unknown flag -id; did you mean --id?"),
    ("list P -version", "unknown flag -version; did you mean --version?"),
    ("--projct=X list P", "unknown flag --projct; did you mean --project?"),
    ("list P -x", "unknown flag -x"),
    ("lst P", "unknown command lst; did you mean list?"),
    ("exec-logs list P", "unknown command exec-logs; did you mean exec-log?"),
    ("exec-log exec-log list P", "unknown command exec-log"),
    ("-- list P", "unknown command --"),
    ("get ID P --status faild", "argument --status: unknown status faild; did you mean failed?"),
    ("list P --status Failed --running", "argument --status: unknown status Failed; did you mean failed?"),
    ("list P --status ack --status tiemout", "argument --status: unknown status tiemout; did you mean timeout?"),
    ("--since 2h get P ID", "--since is a flag of list"),
    ("list P --output-dir x", "--output-dir is a flag of get"),
    ("list P --failed=1", "--failed takes no value"),
    ("list P --since 2026-07-14 10:00", "unexpected argument 10:00: "),
    ("list P -- --all", "unexpected argument --: "),
    ("list P ID", "list takes no id; did you mean get UUID?"),
    ("get ID P ID", "get takes one id; "),
    ("get ID P --wait-timeout 5", "argument --wait-timeout: only valid with --wait")]


@rule("1.5", "1.5a", "1.5c", "1.12d", "1.15", "1.15a", "1.15c", "1.15d", "1.15e")
@pytest.mark.parametrize("argv, error", ERRORS, ids=[argv for argv, _ in ERRORS])
def test_usage_error_names_the_mistake_and_suggests_a_fix(argv, error):
    short = {"P": ["--project", PROJECT], "ID": [EXECUTION]}
    words = [word for part in argv.split() for word in short.get(part, [part])]
    said = expect_usage_error(*words, env={"PLEXSPHERE_PROJECT": ""})
    assert error in said
    assert ("did you mean" in said) == error.endswith("?")


SECRET = "s3same9x-s3same9x-321"       # 21 characters
NEVER = {
    "value of --server": (2, LIST + ("--server", "%s")), "password": (2, LIST + ("--server=https://ann:%s@host",)),
    "profile": (3, LIST + ("--profile", "%s")), "token file": (3, LIST + ("--token-file", "%s")),
    "token file in a folder": (3, LIST + ("--token-file=a/%s",)), "command": (2, ("%s",)), "word": (2, LIST + ("%s",)),
    "second word": (2, ("exec-log", "%s", "list")), "id": (2, ("get", "%s", "--project", PROJECT)),
    "word after the id": (2, GET + ("x%s",)), "flag": (2, LIST + ("--%s",)), "flag's value": (2, LIST + ("--tokn=%s",)),
    "value where none belongs": (2, LIST + ("--all=%s",)), "project": (2, ("list", "--project", "%s")),
    "limit": (2, LIST + ("--limit", "%s")), "last": (2, LIST + ("--last", "%s")), "since": (2, LIST + ("--since=%s",)),
    "timeout": (2, LIST + ("--timeout", "%s")), "node": (2, GET + ("--node=%s",)), "format": (2, LIST + ("-o", "%s")),
    "colour": (2, LIST + ("--color", "%s")),
    "status": (2, GET + ("--status", "%s")), "several statuses": (2, LIST + ("--running", "--status=%s")),
    "lines": (2, LIST + ("x\n%s",)), "flag of two lines": (2, LIST + ("--all\n=%s",)), "hyphen": (2, LIST + ("-%s",))}


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


# ---- 1.16: help, and completion

def read_help(*argv, columns=80):
    """Return the help page, as it is on a terminal of so many columns."""
    result = run_cli(*argv or ("--help",), env={"COLUMNS": str(columns)}, terminals=("stdout",))
    assert (result.code, result.err) == (0, "")
    return result.out.decode("ascii")


@rule("1.16")
@pytest.mark.parametrize("argv, columns", [(("-h",), 80), (("--help",), 40), (("--help",), 200)],
                         ids=["-h", "narrow", "wide"])
def test_help_page_is_the_same_at_every_width(argv, columns):
    assert read_help(*argv, columns=columns) == read_help()


@rule("1.16")
def test_help_has_at_most_70_lines_of_80_columns():
    lines = read_help().splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert len(lines) <= 70


@rule("1.16a")
def test_help_lists_all_flags_exit_codes_and_three_examples():
    parts = re.split(r"(?m)^(\w.*):\n", read_help())
    assert parts[1::2] == ["flags", "flags of list", "flags of get", "exit codes", "examples"]
    blocks = dict(zip(parts[1::2], parts[2::2]))
    for title, flags in HELP_FLAGS.items():
        found = re.findall(r"^  (?:-\w[^,]*, )?(--[a-z-]+)", blocks[title], re.MULTILINE)
        assert sorted(found) == sorted(flags.split())
    codes = re.findall(r"^  (\d+) ", blocks["exit codes"], re.MULTILINE)
    assert codes == "0 1 2 3 4 5 77 124 130 141".split()
    assert len(blocks["examples"].splitlines()) == 3


@rule("1.16b")
def test_help_names_statuses_walking_flags_and_utc():
    text = " ".join(read_help().split())
    since, until = [re.search(" %s WHEN .*?(?= --[a-z])" % flag, text).group() for flag in ("--since", "--until")]
    assert "CREATED_AT" in since and "UTC" in since and "CREATED_AT" in until
    assert re.search(r"\b%s or %s\b" % (", ".join(STATUSES[:-1]), STATUSES[-1]), text)
    assert "With --all, --last, --since, --until or several statuses, it reads as many pages" in text
    assert "is printed once, with its newer status" in text
    assert "yaml (same as json)" in text and "--yes" not in text and "--reveal-secrets" not in text


@rule("1.3a", "1.15a", "1.16a")
@pytest.mark.parametrize("command, formats", [(LIST, LIST_FORMATS), (GET, GET_FORMATS)], ids=["list", "get"])
def test_error_and_help_name_every_format(command, formats):
    error = expect_usage_error(*command + ("--output", "xml"))
    assert sorted(re.findall("[a-z]+", error.partition("choose from ")[2])) == sorted(formats)
    assert set(formats) <= set(re.findall("[a-z]+", run_cli(command[1], "--help").out.decode("ascii")))


@rule("1.16a")
@pytest.mark.parametrize("number", range(3))
def test_examples_in_the_help_run(plane, number):
    line = shlex.split(read_help().splitlines()[-3 + number].partition("|")[0])
    assert line[:2] == ["python3", "plexctl_exec_log.py"]
    result = run_cli(*line[2:], plane=plane, env={"PLEXSPHERE_PROJECT": PROJECT})
    assert result.code == 0
    assert result.out.startswith((b"ID ", b"NODE_ID ", b"==> "))


@rule("1.1")
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_shtab_completes_the_flags(shell):
    shtab = pytest.importorskip("shtab", reason="needs shtab")
    with surroundings():
        script = shtab.complete(program.make_parser(), shell)
    assert all(flag in script for flags in HELP_FLAGS.values() for flag in flags.split())
