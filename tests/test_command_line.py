"""Section 1: flags, values, words, help."""

import hashlib
import os
import re
from urllib.parse import parse_qs, urlsplit

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import EXECUTION, GET, LIST, MODULE, NODES, answered, execution, page, run_cli

CANONICAL = "6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"
PERSISTENT = ("--yes", "--reveal-secrets", "--output", "json", "--timeout=5", "--color", "never")


def query(plane):
    """The parameters of the last request."""
    return parse_qs(urlsplit(plane.requests[-1].target).query, strict_parsing=False, keep_blank_values=True)


@pytest.mark.parametrize("argv", [
    PERSISTENT + LIST, LIST[:1] + PERSISTENT + LIST[1:], LIST[:2] + PERSISTENT + LIST[2:], LIST + PERSISTENT,
    LIST[1:] + PERSISTENT, PERSISTENT[:4] + LIST + PERSISTENT[4:]])
def test_persistent_flags_stand_anywhere(plane, argv):
    result = answered(plane, page(), *argv)
    assert (result.code, result.out) == (0, b'{\n  "items": []\n}\n')


@pytest.mark.parametrize("spelling", [
    CANONICAL, CANONICAL.upper(), "urn:uuid:" + CANONICAL, "URN:UUID:" + CANONICAL.upper(), "{%s}" % CANONICAL,
    CANONICAL.replace("-", ""), CANONICAL.replace("-", "").upper()])
def test_uuid_takes_four_spellings_and_sends_one(plane, spelling):
    answered(plane, page(), "list", "--project", spelling)
    assert plane.requests[0].target == "/v1/projects/%s/executions" % CANONICAL


@pytest.mark.parametrize("spelling", [
    "", "x", CANONICAL[:-1], CANONICAL + "0", " " + CANONICAL, CANONICAL + "\n", CANONICAL.replace("-", "_"),
    CANONICAL[:8] + CANONICAL[9:], "urn:uuid:" + CANONICAL.replace("-", ""), "{%s" % CANONICAL, "(%s)" % CANONICAL,
    "{urn:uuid:%s}" % CANONICAL, "urn:uuid:{%s}" % CANONICAL, "{%s}" % CANONICAL.replace("-", ""),
    CANONICAL.replace("6", "\uff16"), CANONICAL.replace("0", "g"), "6f1d7c1e0-b5a-4c1e-9a53-2b8f0c9e7a10", "urn:" + CANONICAL])
def test_malformed_uuid_is_refused(spelling):
    with pytest.raises(ValueError):
        program.canonical_uuid(spelling)


@pytest.mark.parametrize("argv, says", [
    ((), "a command is missing"), (("exec-log",), "a command is missing"), (("frobnicate",), "unknown command"), (LIST + ("-vv",), "-v"), (("--bogus=secret",), "--bogus"), (GET + ("--wait", "--wait-timeout", "-5"), "--wait-timeout"),
    (("exec-log", "exec-log", "list"), "unknown command"), (("LIST",), "unknown command"),
    (("exec-log", "completion", "bash"), "unknown command"),
    (("list",), "--project"), (("get", "--project", PROJECT), "--id"), (("get", "--id", EXECUTION), "--project"),
    (("list", "--project"), "--project"), (("list", "--project", "x"), "expected a UUID"),
    (GET + ("--node", "x"), "expected a UUID"), (LIST + ("--proj", PROJECT), "--proj"), (LIST + ("--al",), "--al"),
    (LIST + ("extra",), "unexpected argument"), (LIST + ("--", "--all"), "unexpected argument"), (LIST + ("--bogus",), "--bogus"),
    (LIST + ("--id", EXECUTION), "--id"), (GET + ("--cursor", "x"), "--cursor"), (LIST + ("--all=1",), "--all"),
    (LIST + ("--cursor", "--"), "--cursor"), (LIST + ("--cursor",), "--cursor"), (LIST + ("--server", "--all"), "--server"),
    (LIST + ("--all", "--cursor", "x"), "--all"), (LIST + ("--cursor", "x", "--all"), "--all"),
    (LIST + ("--limit", "-1"), "--limit"), (LIST + ("--limit", "1.5"), "--limit"), (LIST + ("--limit", ""), "--limit"),
    (LIST + ("--limit", "\u0661"), "--limit"), (LIST + ("--limit", "1_0"), "--limit"), (LIST + ("--limit=--",), "--limit"),
    (LIST + ("--timeout", "0"), "--timeout"), (LIST + ("--timeout", "-1"), "--timeout"), (LIST + ("--timeout", "nan"), "--timeout"),
    (LIST + ("--timeout", "inf"), "--timeout"), (LIST + ("--timeout", "86400.5"), "--timeout"), (LIST + ("--timeout", "1e2"), "--timeout"),
    (LIST + ("--timeout", ""), "--timeout"), (LIST + ("--output", "raw"), "--output"), (LIST + ("--output", "xml"), "--output"), (LIST + ("--all=secret",), "--all"), (LIST + ("--all=",), "--all"),
    (LIST + ("--output", ""), "--output"), (LIST + ("--color", "sometimes"), "--color"), (LIST + ("-tsecret",), "-t"),
    (LIST + ("--server", ""), "--server"), (LIST + ("--profile=",), "--profile"), (LIST + ("--token-file", ""), "--token-file"),
    (LIST + ("--ca-file=",), "--ca-file"), (LIST + ("--server=--",), "--server"), (LIST + ("--profile", "-x"), "--profile"),
    (GET + ("--output-dir", ""), "--output-dir"), (GET + ("--output-dir", "d", "--output", "raw"), "--output-dir"),
    (GET + ("--wait-timeout", "5"), "--wait"), (("completion",), "shell"), (("completion", "tcsh"), "shell"),
    (("completion", "bash", "zsh"), "shell"), (("-x",), "-x"), (LIST + ("-x",), "-x"), (LIST + ("--",), None),
])
def test_usage_error_is_2_before_anything_is_sent(plane, argv, says):
    result = run_cli(*argv, plane=plane)
    if says is None:
        assert result.code == 0     # a bare -- at the end is no error
        return
    lines = result.err.splitlines()
    assert (result.code, result.out, plane.requests) == (2, b"", [])
    assert lines[0].startswith("usage: plexctl_exec_log.py ") and says in lines[-1] + lines[-2], result.err
    assert [line for line in lines if line.startswith("error: ")] and "secret" not in result.err


def test_usage_error_comes_before_credentials_are_looked_for():
    assert run_cli("list", "--project", "x", env={"PLEXSPHERE_URL": "https://h"}).code == 2


@pytest.mark.parametrize("flag, value", [("--cursor", "-abc"), ("--cursor", "--all"), ("--cursor", "-"), ("--cursor", "--x=y"),
                                         ("--action-name", "-rf"), ("--status", "--"[:1] + "s"), ("--cursor", "--help")])
@pytest.mark.parametrize("joined", [False, True])
def test_opaque_flags_take_whatever_follows(plane, flag, value, joined):
    argv = ("%s=%s" % (flag, value),) if joined else (flag, value)
    answered(plane, page(), *LIST + argv)
    assert query(plane) == {flag[2:].replace("-", "_"): [value]}


def test_two_dashes_are_a_value_after_an_equals_sign(plane):
    answered(plane, page(), *LIST + ("--cursor=--", "--action-name=a=b"))
    assert query(plane) == {"cursor": ["--"], "action_name": ["a=b"]}


def test_last_of_a_repeated_flag_wins(plane):
    answered(plane, page(), *LIST + ("--limit", "3", "--limit=7", "--status", "failed", "--status", "ack"))
    assert query(plane) == {"limit": ["7"], "status": ["ack"]}


@pytest.mark.parametrize("argv", [("--limit", "0"), ("--limit", "000"), ("--status", ""), ("--action-name="), ("--cursor", ""),
                                  ("--all", "--cursor", "")])
def test_empty_and_zero_send_nothing(plane, argv):
    answered(plane, page(), *LIST + ((argv,) if isinstance(argv, str) else argv))
    assert "?" not in plane.requests[0].target


@pytest.mark.parametrize("digits, sent", [("1", "1"), ("0200", "200"), ("201", "201"), ("9" * 5000, "9" * 5000)])
def test_limit_goes_as_digits_and_the_server_judges(plane, digits, sent):
    answered(plane, page(), *LIST + ("--limit", digits))
    assert query(plane) == {"limit": [sent]}


def test_filters_go_unchecked(plane):
    answered(plane, page(), *LIST + ("--status", "no such", "--action-name", "a&b=c/d?#%+\u20ac"))
    assert plane.requests[0].target.endswith("?status=no%20such&action_name=a%26b%3Dc%2Fd%3F%23%25%2B%E2%82%AC")


def test_argument_bytes_that_are_no_text_go_as_they_are(plane):
    answered(plane, page(), *LIST + (os.fsdecode(b"--cursor=\xff\xc3"),))
    assert plane.requests[0].target.endswith("?cursor=%FF%C3")


def test_switches_without_effect_are_accepted(plane):
    one = answered(plane, execution(), *GET)
    two = answered(plane, execution(), *GET + ("--yes", "--reveal-secrets"))
    assert one == two


@pytest.mark.parametrize("command", ["", "list", "get", "completion"])
def test_help_names_every_flag_of_its_command(command):
    result = run_cli(*[command] if command else [], "--help")
    flags = {row.name for row in program.flags_of(command)}
    assert (result.code, result.err) == (0, "") and flags <= set(re.findall("--[a-z-]+", result.out.decode("ascii")))


@pytest.mark.parametrize("argv", [("--help",), ("-h",), ("list", "--help"), ("exec-log", "get", "-h"), ("get", "--bogus", "--help")])
def test_help_wins(argv):
    assert run_cli(*argv).out.startswith(b"usage: plexctl_exec_log.py ")


def test_version_tells_the_digest_of_the_file_that_runs():
    with open(MODULE, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    result = run_cli("--version")
    assert (result.code, result.out.decode("ascii")) == (0, "version=%s sha256=%s\n" % (program.__version__, digest))


def test_node_keeps_its_target_and_the_recap_counts_all(plane):
    wire = execution([{"node_id": node, "status": "succeeded"} for node in NODES[:3]])
    result = answered(plane, wire, *GET + ("--node", NODES[1].upper()))
    assert result.out.count(b"==> ") == 1 and NODES[1].encode() in result.out and b" 3/3 " in result.out
