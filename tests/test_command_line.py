"""Section 1: words, flags and their values, help and version; and that a usage error never echoes what was typed."""

import hashlib
import os
import re
from urllib.parse import parse_qs

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, ControlPlane
from kit import EXECUTION, GET, LIST, MODULE, NODES, answered, execution, page, run_cli, run_shell, target

CANONICAL = "6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"
PERSISTENT = ("--yes", "--reveal-secrets", "--output", "json", "--timeout=5", "--color", "never")
COMMON = {"--help", "--server", "--profile", "--token-file", "--output", "--ca-file", "--timeout", "--color", "--allow-http",
          "--yes", "--reveal-secrets", "--verbose"}
LIST_FLAGS = {"--project", "--status", "--action-name", "--limit", "--cursor", "--all", "--since", "--last"}
GET_FLAGS = {"--project", "--id", "--node", "--failed", "--wait", "--wait-timeout", "--exit-status", "--output-dir"}
DIGITS = "9" * 5000
SECRET = "s3same9x"


@pytest.fixture(scope="module")
def refused():
    """Run it; what the error line of a usage error says: exit 2, the usage first, and nothing read, sent or printed."""
    def run(*argv):
        result = run_cli(*argv, plane=untouched)
        usage, *_, error = result.err.splitlines()
        assert (result.code, result.out, untouched.requests) == (2, b"", []), argv
        assert usage.startswith("usage: plexctl_exec_log.py ") and error.startswith("error: "), result.err
        return error
    with ControlPlane() as untouched:
        yield run


# ---- words, and where flags stand

@pytest.mark.parametrize("argv", [
    PERSISTENT + LIST, LIST[:1] + PERSISTENT + LIST[1:], LIST[:2] + PERSISTENT + LIST[2:], LIST + PERSISTENT,
    LIST[1:] + PERSISTENT, PERSISTENT + LIST[1:], PERSISTENT[:4] + LIST + PERSISTENT[4:], LIST + PERSISTENT + ("--",),
    ("--output", "yaml", "exec-log", "--output=jsonl") + LIST[1:] + ("--output", "text", "--output", "json"),
    ("--output", "yaml", "exec-log", "--output=json") + LIST[1:], ("--output=raw", "list") + PERSISTENT + LIST[2:]])
def test_persistent_flags_stand_anywhere_and_the_last_one_wins(plane, argv):
    result = answered(plane, page(), *argv)
    assert (result.code, result.out, result.err) == (0, b'{\n  "items": []\n}\n', "")


@pytest.mark.parametrize("argv, named", [
    # no command, or no such command
    ((), "required"), (("exec-log",), "required"), (("--yes",), "required"), (("frobnicate",), "invalid choice"),
    (("exec-log", "exec-log", "list"), "invalid choice"), (("LIST",), "invalid choice"), (("lis",), "invalid choice"),
    (("completion", "bash"), "invalid choice"), (("list", "get"), "--project"),
    # flags that are missing, unknown, of the other command, before their command, or abbreviated
    (("list",), "--project"), (("get", "--project", PROJECT), "--id"), (("get", "--id", EXECUTION), "--project"),
    (LIST + ("--bogus",), "unknown flag --bogus"), (LIST + ("-x",), "unknown flag -x"), (("-x",), "required"),
    (LIST + ("--bogus-flag=x",), "unknown flag --bogus-flag"), (LIST + ("--id", EXECUTION), "--id"),
    (GET + ("--cursor", "x"), "--cursor"), (GET + ("--status", "x"), "--status"), (("--project", PROJECT, "list"), ""),
    (("--cursor", "x") + LIST, "--cursor"), (LIST + ("--proj", PROJECT), "--proj"), (LIST + ("--al",), "--al"),
    (GET + ("--output-d", "x"), "--output-d"), (("--serv=http://h",) + LIST, "--serv"), (LIST + ("--wait",), "--wait"),
    (LIST + ("--failed",), "--failed"), (GET + ("--all",), "--all"), (LIST + ("--version",), "--version"),
    # too many words
    (LIST + ("extra",), "unexpected argument"), (LIST + ("list",), "unexpected argument"), (LIST + ("",), "unexpected argument"),
    (LIST + ("--", "--all"), "unknown flag"), (LIST + ("--", "x"), "unexpected argument"), (("--",) + LIST, "invalid choice"),
    # a value that is missing, or one too many
    (("list", "--project"), "--project"), (LIST + ("--server", "--all"), "--server"), (LIST + ("--profile", "-x"), "--profile"),
    (LIST + ("--cursor",), "--cursor"), (LIST + ("--cursor", "--"), "--cursor"), (LIST + ("--status", "--", "x"), "--status"),
    (LIST + ("--cursor=--",), "--cursor"), (LIST + ("--action-name=--",), "--action-name"), (LIST + ("--limit=--",), "--limit"),
    (("--server=--",) + LIST, "--server"), (LIST + ("--all=--",), "--all"), (LIST + ("--all=",), "--all"),
    (LIST + ("--all=1",), "--all"), (LIST + ("-v=1",), "-v"), (GET + ("--wait=1",), "--wait"), (GET + ("--node=--",), "--node"),
    # empty values
    (LIST + ("--server", ""), "--server"), (LIST + ("--profile=",), "--profile"), (LIST + ("--token-file", ""), "--token-file"),
    (LIST + ("--ca-file=",), "--ca-file"), (GET + ("--output-dir", ""), "--output-dir"), (LIST + ("--output", ""), "--output"),
    (LIST + ("--project", ""), "--project"), (LIST + ("--color=",), "--color"),
    # flags that exclude each other, or need another
    (LIST + ("--all", "--since", "1d"), "--since"), (LIST + ("--last", "1", "--all"), "--all"),
    (LIST + ("--since=1d", "--last=1"), "--last"), (GET + ("--node", NODES[0], "--failed"), "--failed"),
    (LIST + ("--output", "raw"), "--output"), (("--output", "raw") + LIST, "--output"),
    (("exec-log", "--output=raw") + LIST[1:], "--output"), (GET + ("--output-dir", "d", "--output", "raw"), "--output-dir"),
    (("--output", "json") + GET + ("--output-dir", "d"), "--output-dir"), (GET + ("--wait-timeout", "5"), "--wait"),
    # choices
    (LIST + ("--output", "xml"), "--output"), (LIST + ("--output", "JSON"), "--output"), (LIST + ("--color", "yes"), "--color"),
    (LIST + ("--output", "x (choose from y)"), "jsonl"), (LIST + ("--color", "x (choose from y)"), "never")])
def test_usage_error_is_2_and_names_the_flag(refused, argv, named):
    assert named in refused(*argv)


@pytest.mark.parametrize("flag, values", [
    ("--limit", ["", "-1", "+1", "1.5", "1_0", " 1", "1 ", "1\n", "x", "0x1", "\u0661"]),
    ("--last", ["", "0", "000", "-1", "+1", "1.5", "1_0", " 1", "1\n", "x", "\u0661"]),
    ("--wait-timeout", ["", "0", "-1", "nan", "86400.1", "86401", "1e2", "x", DIGITS]),
    ("--timeout", ["", "0", "0.0", "-1", "nan", "inf", "86400.5", "86401", "1e2", "1_0", " 1", "1\n", ".", "x", "\u0661", DIGITS]),
    ("--since", ["", "1", "d", "-1d", "1.5h", "1y", "1D", "1 d", "1d\n", "1d1h", "\u0661d", "2026", "2026-11", "2026-11-24 09",
                 "2026-11-24T", "2026-11-24T9", "2026-11-24T24", "2026-11-24T09:60", "2026-02-30", "2026-13-01", "26-11-24",
                 "2026-11-24T09:30:00+01:00", "2026-11-24Z", "yesterday", "2026-11-24T09:30:00.5Z", "2026-11-24\n", "\u0662026-11-24"])])
def test_malformed_value_is_2(refused, flag, values):
    for value in values:
        argv = GET + ("--wait",) if flag == "--wait-timeout" else LIST
        assert "argument %s: " % flag in refused(*argv + (flag, value)), value


@pytest.mark.parametrize("spelling", [
    "", "x", CANONICAL[:-1], CANONICAL + "0", " " + CANONICAL, CANONICAL + "\n", CANONICAL.replace("-", "_"), CANONICAL[:8] + CANONICAL[9:],
    "urn:uuid:" + CANONICAL.replace("-", ""), "{%s" % CANONICAL, "%s}" % CANONICAL, "(%s)" % CANONICAL, "{urn:uuid:%s}" % CANONICAL,
    "urn:uuid:{%s}" % CANONICAL, "{%s}" % CANONICAL.replace("-", ""), CANONICAL.replace("6", "\uff16"), CANONICAL.replace("0", "g"),
    "6f1d7c1e0-b5a-4c1e-9a53-2b8f0c9e7a10", "urn:" + CANONICAL, "uuid:urn:" + CANONICAL, CANONICAL.replace("-", "")[:-1] + "g", "-" * 32])
def test_malformed_uuid_is_2(refused, spelling):
    for flag in ("--project", "--id", "--node"):
        assert "argument %s: " % flag in refused(*GET + (flag + "=" + spelling,))


def test_usage_error_comes_before_anything_is_read_and_whatever_stdout_is():
    for redirection in ("", ">&-"):
        result = run_shell(redirection, "list", env={"PLEXSPHERE_URL": "no url", "PLEXSPHERE_TOKEN": "no token"})
        assert result.code == 2 and "--project" in result.err


# ---- what was typed in the wrong place may be a secret

ODD = [SECRET, "'%s'", '"%s"', "'\"%s", "x (choose from %s)", "(choose from %s", "%s' (choose from 'x')", "x\n%s", "%s\n(choose from x)",
       "(%s)", "-%s", "--%s", "--%s=x", "--x=%s", "-x%s", "-v%s", "--all=%s", "--all\n=%s", "--version=%s", "--yes %s", "- %s", "x\\%s",
       "%s %s", "https://ann:%s@host", "ann:%s@host", "https://ann:%s", "\x00%s", "%s\r", "\u2028%s", "\x1b[%s", "{%s}", "%%(%s)s",
       "%%s%s", "invalid choice: %s", "\udcff%s", "\ud800%s", "%s=--"]
PLACES = [("%s",), ("exec-log", "%s"), ("%s",) + LIST, LIST[:1] + ("%s",) + LIST[1:], LIST + ("%s",), LIST + ("--", "%s"), GET + ("x", "%s"),
          ("--server", "%s", "list"), ("list", "--output", "%s")] + [LIST + (flag + "=%s",) for flag in (
              "--server", "--color", "--project", "--limit", "--timeout", "--since", "--last", "--id", "--nonsense")] + [
          GET + (flag, "%s") for flag in ("--id", "--node", "--wait-timeout")]


@pytest.mark.parametrize("shape", ODD, ids=ascii)
def test_usage_error_echoes_no_value(refused, shape):
    typed = shape.replace("%s", SECRET)
    for place in PLACES:
        told = refused(*[argument.replace("%s", typed) for argument in place])
        assert "s3s" not in told and typed not in told, place


# ---- values that are sent

@pytest.mark.parametrize("spelling", [
    CANONICAL, CANONICAL.upper(), "urn:uuid:" + CANONICAL, "URN:UUID:" + CANONICAL.upper(), "{%s}" % CANONICAL,
    CANONICAL.replace("-", ""), CANONICAL.replace("-", "").upper()])
def test_uuid_takes_four_spellings_and_sends_one(plane, spelling):
    answered(plane, execution(), "get", "--project", spelling, "--id", spelling)
    assert plane.requests[0].target == "/v1/projects/%s/executions/%s" % (CANONICAL, CANONICAL)
    wire = execution([target(node=node) for node in (NODES[0], CANONICAL)])
    found = answered(plane, wire, *GET + ("--node", spelling))
    assert found.code == 0 and found.out.count(b"==> ") == 1 and b"==> %s " % CANONICAL.encode() in found.out


@pytest.mark.parametrize("value", [
    "-abc", "--all", "-", "--x=y", "-rf", "--help", "-h", "--cursor", "-1", "- x", "---", "x --", "a=b", "no such", "=", "\n", "\u20ac"])
def test_opaque_flags_take_whatever_follows(plane, value):
    for flag in ("--cursor", "--action-name", "--status"):
        for argv in ((flag, value), (flag + "=" + value,), (flag, "x", flag, value)):
            assert answered(plane, page(), *LIST + argv + ("--yes",)).code == 0
            assert parse_qs(plane.requests[-1].target.split("?")[1]) == {flag[2:].replace("-", "_"): [value]}


@pytest.mark.parametrize("argv, sent", [
    (("--limit", "0"), ""), (("--limit=000",), ""), (("--status", ""), ""), (("--action-name=",), ""), (("--cursor", ""), ""),
    (("--all", "--cursor", ""), ""), (("--limit", "1"), "limit=1"), (("--limit", "0200"), "limit=200"), (("--limit", "201"), "limit=201"),
    (("--limit", DIGITS), "limit=" + DIGITS), (("--limit", "3", "--limit=7", "--status", "failed", "--status", "ack"), "status=ack&limit=7"),
    (("--cursor", "x", "--cursor", ""), ""), (("--last", "1"), ""), (("--last", DIGITS), ""), (("--all", "--cursor", "x"), "cursor=x"),
    (("--cursor", "c", "--limit", "007", "--action-name", "a", "--status", "s"), "status=s&action_name=a&limit=7&cursor=c"),
    (("--timeout", "86400"), ""), (("--timeout", "0.5"), ""), (("--timeout", "030"), ""), (("--timeout", "86400.0"), ""),
    (("--status", "no such", "--action-name", "a&b=c/d?#%+\u20ac"), "status=no%20such&action_name=a%26b%3Dc%2Fd%3F%23%25%2B%E2%82%AC"),
    ((os.fsdecode(b"--cursor=\xff\xc3"),), "cursor=%FF%C3")] + [(("--since", when), "") for when in (
        "90s", "30m", "2h", "7d", "2w", "0s", DIGITS + "w", "2026-11-24", "2026-11-24T09", "2026-11-24T23:59", "2026-11-24T09:30:59Z", "2024-02-29")])
def test_accepted_values_are_sent_as_they_are(plane, argv, sent):
    assert answered(plane, page(), *LIST + argv).code == 0
    assert plane.requests[0].target.partition("?")[2] == sent


# ---- help and version

@pytest.mark.parametrize("argv, flags", [
    (("--help",), COMMON | {"--version"}), (("-h",), COMMON | {"--version"}), (("exec-log", "--help"), COMMON),
    (("list", "--help"), COMMON | LIST_FLAGS), (("exec-log", "get", "-h"), COMMON | GET_FLAGS), (("get", "--bogus", "--help"), COMMON | GET_FLAGS)])
def test_help_names_every_flag_of_its_command(argv, flags):
    result = run_cli(*argv)
    usage, rest = result.out.decode("ascii").split("\n\n", 1)
    assert (result.code, result.err) == (0, "") and usage.startswith("usage: plexctl_exec_log.py ")
    assert set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", rest, re.MULTILINE)) == flags
    assert re.findall(r"^  ([0-9]+) +\w", rest, re.MULTILINE) == ["0", "1", "2", "3", "4", "5", "77", "130", "141"]


def test_version_tells_the_digest_of_the_file_that_runs():
    with open(MODULE, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    told = run_cli("--version", "list")
    assert told == (0, b"version=%s sha256=%s\n" % (program.__version__.encode(), digest.encode()), "")
