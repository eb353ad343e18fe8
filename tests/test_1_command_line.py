"""Section 1: words, flags and their values, walks, help, version, completion; and that no usage error shows a value."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from urllib.parse import parse_qs

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN, ControlPlane
from kit import (EXECUTION, GET, HOME, LIST, LIST_FORMS, MODULE, NODES, PATIENCE, ROOT, HaltingAnswer, encode,
                 execution, inline, make_environment, page, posix_only, read_listing, read_sections, rule, run_against,
                 run_cli, run_process, shorten_id, surroundings, target)
from kit_net import NAME, Proxy
from server import CA_FILE, TLS_DIR, Reply, hang

CANONICAL = "6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"
BARE = CANONICAL.replace("-", "")
DIGITS = "9" * 5000
ALL = LIST + ("--all",)


def refuse(*argv, **options):
    """Run a command that is a usage error. Return what its error line and its hint line say after their first words."""
    with ControlPlane() as untouched:
        result = run_cli(*argv, plane=untouched, **options)
        assert (result.code, result.out, untouched.requests) == (2, b"", []), argv
    assert re.match(r"error: .+\nhint: .+\n\Z", result.err), result.err
    error, hint = result.err.splitlines()
    return error[len("error: "):], hint[len("hint: "):]


def read_queries(plane):
    """The parameters of each request that came, as a dict of their decoded values."""
    found = [parse_qs(asked.target.partition("?")[2], keep_blank_values=True) for asked in plane.requests]
    return [{name: "|".join(values) for name, values in query.items()} for query in found]


def write_token_file(tmp_path, token):
    """A file of mode 0600 that holds this token."""
    path = tmp_path / ("%s.token" % token[:8])
    path.write_text(token)
    path.chmod(0o600)
    return str(path)


# ---- 1.1 to 1.4: names, words, and where flags stand

def run_named(name, *argv):
    """Run the program under this file name, in a process. Return its exit code, stdout and stderr."""
    line = [sys.executable, name] + list(argv)
    done = subprocess.run(line, env=make_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE)
    return done.returncode, done.stdout.decode("ascii"), done.stderr.decode("ascii")


@rule("1.1", "1.15")
@pytest.mark.parametrize("name", ["plexctl_exec_log.py", "plexctl-exec-log"])
def test_program_calls_itself_by_the_name_it_was_started_under(tmp_path, name):
    copy = str(tmp_path / name)
    shutil.copy(MODULE, copy)
    code, _, told = run_named(copy, "list")
    assert code == 2 and re.search(r"^hint: .*\b%s (exec-log )?list --help" % re.escape(name), told, re.MULTILINE)
    assert run_named(copy, "--help")[1].startswith("usage: %s " % name)


@rule("1.1")
def test_parser_is_public_and_argparse_s():
    with surroundings():
        parser = program.make_parser()
    assert isinstance(parser, argparse.ArgumentParser) and "exec-log" in parser.format_help()
    assert {"main", "make_parser", "walk", "get_page", "get_execution", "Transport"} <= set(program.__all__)


#: The places of persistent flags: in front of all words, between the two words, after them; with and without exec-log.
PLACES = {
    "before": lambda flags, command: flags + command,
    "between": lambda flags, command: command[:1] + flags + command[1:],
    "after": lambda flags, command: command + flags,
    "before, without exec-log": lambda flags, command: flags + command[1:],
    "after, without exec-log": lambda flags, command: command[1:] + flags,
}


@pytest.fixture(params=sorted(PLACES))
def placed(request):
    """Return a function that puts flags into a command, at one of the places."""
    return lambda *flags, command=LIST: PLACES[request.param](flags, command)


@rule("1.2", "1.3")
@pytest.mark.parametrize("flags", [("--server", "URL"), ("--server=URL",)], ids=["blank", "equals"])
def test_server_flag_sends_the_request_there_and_not_to_the_environment_s(plane, placed, flags):
    with ControlPlane() as other:
        flags = [flag.replace("URL", other.url) for flag in flags]
        assert run_cli(*placed(*flags), plane=plane).code == 0
        assert (len(other.requests), plane.requests) == (1, [])


@rule("1.3", "2.1")
def test_profile_flag_selects_that_profile_s_token(plane, placed, tmp_path):
    config = tmp_path / ".config" / "plexctl" / "config.json"
    config.parent.mkdir(parents=True)
    profiles = {name: {"server": plane.url, "token": "token-of-" + name} for name in ("lab", "prod")}
    config.write_bytes(encode({"default": "prod", "profiles": profiles}))
    config.chmod(0o600)
    run_against(plane, page(), *placed("--profile", "lab"), env={HOME: str(tmp_path)})
    assert [asked.headers["authorization"] for asked in plane.requests] == ["Bearer token-of-lab"]


@rule("1.3")
def test_token_file_flag_gives_the_token(plane, placed, tmp_path):
    run_against(plane, page(), *placed("--token-file", write_token_file(tmp_path, "of-a-file")))
    assert [asked.headers["authorization"] for asked in plane.requests] == ["Bearer of-a-file"]


SHOWN = {"text": b"ID  ", "json": b'{\n  "items": [', "yaml": b'items:\n  - ', "jsonl": b'{"action":"'}


@rule("1.3")
@pytest.mark.parametrize("form", LIST_FORMS)
def test_output_flag_chooses_the_form_of_list(plane, placed, form):
    result = run_cli(*placed("--output", form), plane=plane)
    assert result.code == 0 and result.out.startswith(SHOWN[form])


@rule("1.3")
@pytest.mark.parametrize("form, shown", [
    ("text", b"==> "), ("json", b"{\n"), ("yaml", b"action: "), ("jsonl", b'{"created_at"'), ("raw", b"bytes alone")])
def test_output_flag_chooses_the_form_of_get(plane, placed, form, shown):
    wire = execution([target(inline(b"bytes alone"))])
    result = run_against(plane, wire, *placed("--output", form, command=GET))
    assert result.code == 0 and result.out.startswith(shown)


@rule("1.3")
def test_text_is_the_form_where_none_is_chosen(plane):
    assert run_cli(*LIST, plane=plane) == run_cli(*LIST + ("--output", "text"), plane=plane)


@rule("1.3")
def test_raw_is_a_form_of_get_alone(placed):
    assert "--output" in refuse(*placed("--output", "raw"))[0]


@rule("1.3")
def test_ca_file_flag_is_trusted_instead_of_the_system_s(tls_plane, placed):
    without = {"SSL_CERT_FILE": None}
    assert run_cli(*placed("--ca-file", CA_FILE), plane=tls_plane, env=without).code == 0
    another = os.path.join(TLS_DIR, "untrusted.pem")
    refusing = run_cli(*placed("--ca-file", another), plane=tls_plane)       # SSL_CERT_FILE names the right one
    assert refusing.code == 1 and len(tls_plane.requests) == 1


@rule("1.3")
def test_ssl_cert_file_and_ssl_cert_dir_are_trusted_without_the_flag(tls_plane, tmp_path):
    assert run_cli(*LIST, plane=tls_plane).code == 0
    shutil.copy(CA_FILE, str(tmp_path / "elsewhere.pem"))
    nowhere = {"SSL_CERT_FILE": str(tmp_path / "none"), "SSL_CERT_DIR": str(tmp_path / "none either")}
    assert run_cli(*LIST, plane=tls_plane, env=nowhere).code == 1


@rule("1.3")
def test_timeout_flag_ends_a_silent_server(plane, placed):
    begun = time.monotonic()
    assert run_against(plane, hang, *placed("--timeout", "0.05")).code == 1
    assert time.monotonic() - begun < PATIENCE / 2      # the default of 30 s would take as long as PATIENCE


@rule("1.3")
@pytest.mark.parametrize("flags, coloured", [(("--color", "always"), True), (("--color=never",), False), ((), False)])
def test_color_flag_colours_the_table(plane, placed, flags, coloured):
    assert (b"\x1b[" in run_cli(*placed(*flags), plane=plane).out) == coloured


@rule("1.3", "2.7")
@pytest.mark.parametrize("flag", ["-v", "--verbose"])
def test_verbose_flag_traces_request_and_response(plane, placed, flag):
    quiet, traced = run_cli(*LIST, plane=plane), run_cli(*placed(flag), plane=plane)
    assert traced.out == quiet.out and quiet.err == ""
    assert re.search("^> GET /v1/projects/", traced.err, re.MULTILINE) and "\n< Content-Type: " in traced.err


@rule("1.3", "3.3")
def test_allow_http_flag_lets_plain_http_leave_this_host(plane, placed):
    with Proxy(plane) as proxy:
        env = {"PLEXSPHERE_URL": "http://%s" % NAME, "HTTP_PROXY": proxy.url, "http_proxy": proxy.url}
        assert run_cli(*LIST, plane=plane, env=env).code == 1 and proxy.requests == []
        assert run_cli(*placed("--allow-http"), plane=plane, env=env).code == 0 and len(proxy.requests) == 1


@rule("1.3")
def test_yes_and_reveal_secrets_have_no_effect(plane, placed):
    flags = placed("--yes", "--reveal-secrets")
    assert run_cli(*flags, plane=plane) == run_cli(*LIST, plane=plane)
    assert plane.requests[0].target == plane.requests[1].target


@rule("1.4")
@pytest.mark.parametrize("argv", [
    ("--output", "yaml", "exec-log", "--output=jsonl") + LIST[1:] + ("--output", "text", "--output", "json"),
    ("--output", "yaml", "exec-log", "--output=json") + LIST[1:],
    ("--output=raw", "list") + LIST[2:] + ("--output", "json"),
    ("--output", "json") + LIST], ids=["after", "between", "raw before list", "before"])
def test_last_of_a_repeated_persistent_flag_counts_across_the_places(plane, argv):
    assert run_against(plane, page(), *argv).out == b'{\n  "items": []\n}\n'


@rule("1.4")
def test_last_of_a_repeated_flag_counts(plane):
    run_against(plane, page(), *LIST + ("--limit", "3", "--status", "ack", "--limit=7", "--status=failed"))
    run_against(plane, page(), *LIST + ("--cursor", "x", "--cursor", "", "--project=" + CANONICAL))
    assert read_queries(plane) == [{"status": "failed", "limit": "7"}, {}] and CANONICAL in plane.requests[1].target


@rule("1.4")
@pytest.mark.parametrize("argv, named", [
    (("--project", PROJECT, "list"), "--project"), (("--cursor", "x") + LIST, "--cursor"),
    (("exec-log", "--all") + LIST[1:], "--all"), (("--id", EXECUTION) + GET, "--id")])
def test_own_flags_of_a_subcommand_stand_after_it(argv, named):
    assert refuse(*argv)


@rule("1.4")
@pytest.mark.parametrize("argv", [
    ("lis",) + LIST[2:], ("LIST",) + LIST[2:], ("exec",) + LIST[1:], LIST + ("--al",), LIST + ("--curs", "x"),
    ("list", "--proj", PROJECT), GET + ("--output-d", "x"), ("--serv=http://h",) + LIST, LIST + ("--verb",),
    LIST[:1] + ("--tok", "x") + LIST[1:]], ids=" ".join)
def test_neither_flags_nor_subcommands_can_be_abbreviated(argv):
    assert refuse(*argv)


OPAQUE = ["-abc", "--all", "--help", "--cursor", "-", "--x=y", "-rf", "-h", "--version", "-1", "- x", "---", "x --",
          "a=b", "no such", "=", "\n", "\u20ac"]


@rule("1.4", "1.13")
@pytest.mark.parametrize("flag, value", [("--cursor", value) for value in OPAQUE] + [
    (flag, value) for flag in ("--action-name", "--status") for value in OPAQUE[:4]], ids=ascii)
def test_opaque_flags_take_whatever_follows(plane, flag, value):
    for argv in ((flag, value), (flag + "=" + value,), (flag, "x", flag, value)):
        assert run_against(plane, page(), *LIST + argv + ("--yes",)).code == 0
    assert read_queries(plane) == [{flag[2:].replace("-", "_"): value}] * 3


@rule("1.4")
@pytest.mark.parametrize("argv", [
    ("--cursor", "--"), ("--status", "--", "x"), ("--action-name", "--"), ("--cursor=--",), ("--action-name=--",),
    ("--status=--",), ("--cursor",), ("--limit=--",), ("--server=--",)], ids=" ".join)
def test_bare_hyphens_are_no_value(argv):
    assert argv[0].partition("=")[0] in refuse(*LIST + argv)[0]


@rule("1.1")
@pytest.mark.parametrize("argv", [LIST + ("--", "--all"), LIST + ("--", "x"), LIST + ("x",), LIST + ("list",),
                                  LIST + ("",), ("exec-log", "exec-log", "list")], ids=" ".join)
def test_further_words_are_refused(argv):
    refuse(*argv)


# ---- 1.5 to 1.7: projects, UUIDs and other values

@rule("1.5", "1.6")
@pytest.mark.parametrize("argv, missing", [
    (("list",), "--project"), (("get", "--project", PROJECT), "--id"), (("get", "--id", EXECUTION), "--project"),
    (("exec-log", "get"), "--project")], ids=lambda value: " ".join(value) if isinstance(value, tuple) else value)
def test_missing_project_or_id_is_2(argv, missing):
    assert missing in refuse(*argv)[0]
    assert missing in refuse(*argv, env={"PLEXSPHERE_PROJECT": ""})[0]


@rule("1.5")
@pytest.mark.parametrize("spelling", [CANONICAL, CANONICAL.upper(), "{%s}" % CANONICAL, BARE, "urn:uuid:" + CANONICAL])
def test_project_of_the_environment_stands_in_for_the_flag(plane, spelling):
    run_against(plane, page(), "exec-log", "list", env={"PLEXSPHERE_PROJECT": spelling})
    run_against(plane, execution(), "get", "--id", EXECUTION, env={"PLEXSPHERE_PROJECT": spelling})
    paths = ["/v1/projects/%s/executions" % CANONICAL, "/v1/projects/%s/executions/%s" % (CANONICAL, EXECUTION)]
    assert [asked.target for asked in plane.requests] == paths


@rule("1.5")
def test_project_flag_wins_over_the_environment_s(plane):
    run_against(plane, page(), *LIST, env={"PLEXSPHERE_PROJECT": CANONICAL})
    assert plane.requests[0].target == "/v1/projects/%s/executions" % PROJECT


@rule("1.5", "1.15")
@pytest.mark.parametrize("value", ["s3same9x", " " + CANONICAL, CANONICAL + "\n", "-", "\u20ac"], ids=ascii)
@pytest.mark.parametrize("command", [("list",), ("get", "--id", EXECUTION)], ids=["list", "get"])
def test_malformed_project_of_the_environment_is_2_and_names_the_variable(command, value):
    error, hint = refuse(*command, env={"PLEXSPHERE_PROJECT": value})
    assert "PLEXSPHERE_PROJECT" in error and "s3same9x" not in error + hint


MALFORMED_UUIDS = {
    "empty": "", "word": "x", "short": CANONICAL[:-1], "long": CANONICAL + "0", "blank before": " " + CANONICAL,
    "newline after": CANONICAL + "\n", "underscores": CANONICAL.replace("-", "_"),
    "hyphen missing": CANONICAL[:8] + CANONICAL[9:], "hyphen moved": "6f1d7c1e0-b5a-4c1e-9a53-2b8f0c9e7a10",
    "bare urn": "urn:uuid:" + BARE, "open brace": "{" + CANONICAL, "closing brace": CANONICAL + "}",
    "parentheses": "(%s)" % CANONICAL, "braced urn": "{urn:uuid:%s}" % CANONICAL,
    "urn of braced": "urn:uuid:{%s}" % CANONICAL, "braced bare": "{%s}" % BARE, "half urn": "urn:" + CANONICAL,
    "uuid:urn": "uuid:urn:" + CANONICAL, "wide digit": CANONICAL.replace("6", "\uff16"),
    "letter g": CANONICAL.replace("0", "g"), "bare with g": BARE[:-1] + "g", "hyphens": "-" * 32}


@rule("1.6")
@pytest.mark.parametrize("flag", ["--project", "--id", "--node"])
@pytest.mark.parametrize("case", sorted(MALFORMED_UUIDS))
def test_malformed_uuid_is_2(flag, case):
    assert flag in refuse(*GET + (flag + "=" + MALFORMED_UUIDS[case],), env={"PLEXSPHERE_PROJECT": PROJECT})[0]


@rule("1.6")
@pytest.mark.parametrize("spelling", [
    CANONICAL, CANONICAL.upper(), "urn:uuid:" + CANONICAL, "URN:UUID:" + CANONICAL.upper(), "{%s}" % CANONICAL,
    BARE, BARE.upper()])
def test_uuid_takes_four_spellings_and_sends_the_canonical_one(plane, spelling):
    run_against(plane, execution(id=CANONICAL), "get", "--project", spelling, "--id", spelling)
    assert plane.requests[0].target == "/v1/projects/%s/executions/%s" % (CANONICAL, CANONICAL)
    wire = execution([target(node=node) for node in (NODES[0], CANONICAL)])
    found = run_against(plane, wire, *GET + ("--node", spelling))
    assert found.code == 0 and [section[0] for section in read_sections(found.out)[0]] == [CANONICAL]


@rule("1.6")
@pytest.mark.parametrize("argv", [("list", "--project", "x"), ("list",), ("get", "--project", PROJECT)], ids=" ".join)
def test_usage_is_judged_before_anything_is_read(tmp_path, argv):
    config = tmp_path / ".config" / "plexctl" / "config.json"
    config.parent.mkdir(parents=True)
    config.write_bytes(b"no JSON")
    env = {HOME: str(tmp_path), "PLEXSPHERE_TOKEN": None, "PLEXSPHERE_URL": "no url"}
    error, _ = refuse("--token-file", str(tmp_path / "none"), *argv, env=env)
    assert "PLEXSPHERE_URL" not in error and "--token-file" not in error


@rule("1.7", "1.13")
@pytest.mark.parametrize("flags, sent", [
    ((), {}), (("--limit", "0"), {}), (("--limit=000",), {}), (("--limit", "1"), {"limit": "1"}),
    (("--limit", "201"), {"limit": "201"}), (("--limit", DIGITS), {"limit": DIGITS}),
    (("--status", ""), {}), (("--action-name=",), {}), (("--cursor", ""), {}),
    (("--status", "no such"), {"status": "no such"}), (("--action-name", "a b"), {"action_name": "a b"}),
    (("--cursor", "c", "--limit", "7", "--action-name", "a", "--status", "s"),
     {"status": "s", "action_name": "a", "limit": "7", "cursor": "c"})], ids=shorten_id)
def test_values_are_passed_on_unchecked_and_empty_ones_are_not_sent(plane, flags, sent):
    assert run_against(plane, page(), *LIST + flags).code == 0
    assert read_queries(plane) == [sent] and ("?" in plane.requests[0].target) == bool(sent)


@rule("1.7")
@pytest.mark.parametrize("flag", ["--server", "--profile", "--token-file", "--ca-file"])
def test_empty_value_of_a_flag_that_selects_credentials_is_2(placed, flag):
    assert flag in refuse(*placed(flag, ""))[0]
    assert flag in refuse(*placed(flag + "="))[0]


MALFORMED = {
    "--limit": ["", "-1", "+1", "1.5", "1_0", " 1", "1 ", "1\n", "x", "0x1", "\u0661"],
    "--last": ["", "0", "000", "-1", "+1", "1.5", "1_0", " 1", "1\n", "x", "\u0661"],
    "--timeout": ["", "0", "0.0", "-1", "nan", "inf", "86400.5", "86401", "1e2", "1_0", " 1", "1\n", ".", "x", "\u0661",
                  DIGITS],
    "--output": ["", "xml", "JSON", "tex", "x (choose from y)"],
    "--color": ["", "yes", "Always", "x (choose from y)"],
    "--project": [""],
}
#: No age, and not the beginning of a UTC time.
NO_WHEN = [
    "", " ", "now", "yesterday", "h", "1", "90", "1.5h", "-1h", "+1h", "1H", "1y", "1M", "1ms", "2 h", " 2h", "2h ",
    "2h\n", "1h30m", "\u0663h", "1_0s", "2026", "2026-11", "26-11-24", "2026-11-24\n", "2026-11-24Z",
    "2026-11-24T", "2026-11-24 ", "2026-11-24T09Z", "2026-11-24T09:30Z", "2026-11-24  09",
    "2026-11-24T09:30:00+01:00", "2026-11-24T09:30:00.5Z",
    "2026-11-24T09:30:00.5", "2026-02-30", "2026-13-01", "2025-02-29", "2026-11-24T24", "2026-11-24T09:60",
    "2026-11-24T09:30:62Z", "0000-01-01", "20261124", "2026-11-24_09"]


@rule("1.3", "1.7", "1.10")
@pytest.mark.parametrize("flag, value", [(flag, value) for flag in sorted(MALFORMED) for value in MALFORMED[flag]],
                         ids=shorten_id)
def test_malformed_value_is_2_and_names_the_flag(flag, value):
    assert flag in refuse(*LIST + (flag + "=" + value,))[0]


@rule("1.9")
@pytest.mark.parametrize("flag, when", [("--since", when) for when in NO_WHEN] + [
    ("--until", when) for when in NO_WHEN[::5]], ids=ascii)
def test_malformed_when_is_2(flag, when):
    assert flag in refuse(*LIST + (flag + "=" + when,))[0]


@rule("1.3")
@pytest.mark.parametrize("seconds", ["86400", "86400.0", "0.5", "030"])
def test_timeout_takes_seconds_and_fractions_up_to_a_day(plane, seconds):
    assert run_cli(*LIST + ("--timeout", seconds), plane=plane).code == 0


@rule("1.4")
@pytest.mark.parametrize("argv, named", [
    (GET + ("--node", NODES[0], "--failed"), "--failed"), (("get", "--project", PROJECT, "--last", "1"), "--last"),
    (LIST + ("--exit-status",), "--exit-status"), (LIST + ("--id", EXECUTION), "--id"), (GET + ("--all",), "--all"),
    (GET + ("--status", "x"), "--status"), (GET + ("--cursor", "x"), "--cursor"), (LIST + ("--wait",), "--wait"),
    (LIST + ("--version",), "--version"), (LIST + ("--all=",), "--all"), (LIST + ("--all=1",), "--all"),
    (GET + ("--wait=1",), "--wait"), (LIST + ("--verbose=1",), "--verbose"), (LIST + ("--server", "--all"), "--server"),
    (LIST + ("--profile", "-x"), "--profile"), (("list", "--project"), "--project")])
def test_flags_of_the_other_command_and_values_where_none_belong_are_2(argv, named):
    assert named in refuse(*argv)[0]


# ---- 1.8: walks

def make_executions(*times, **members):
    """An Execution for each time, whose id is that time."""
    return [execution(id=text, created_at=text, **members) for text in times]


def walk(plane, *argv, form="jsonl", pages=(), **options):
    """Run `list` over these pages of Executions, whose cursors are c2, c3 and so on. Return its Result."""
    cursors = ["c%d" % number for number in range(2, len(pages) + 1)] + [None]
    plane.script(*[Reply(page(*items, next_cursor=cursor)) for items, cursor in zip(pages, cursors)])
    return run_cli(*LIST + argv + ("--output", form), plane=plane, **options)


STATUSES = ["pending", "ack", "started", "succeeded", "failed", "cancelled", "timeout", "FAILED", "failed ", "", None]
#: Three pages: an Execution for each status, a day apart, in the order of their creation.
LOG = [execution(id="e%d" % day, status=status, created_at="2026-03-%02dT12:00:00Z" % (day + 1))
       for day, status in enumerate(STATUSES)]
PAGES = [LOG[:4], LOG[4:7], LOG[7:]]
#: What each flag that makes a walk keeps of LOG; --last is applied to what the others kept.
KEEPS = {
    "--all": lambda wire: True,
    "--since=2026-03-03T12": lambda wire: int(wire["id"][1:]) >= 2,
    "--until=2026-03-07 12:00": lambda wire: int(wire["id"][1:]) < 6,
    "--failed": lambda wire: wire["status"] in ("failed", "cancelled", "timeout"),
    "--last=2": lambda wire: True,
}
COMBINATIONS = [tuple(flag for place, flag in enumerate(sorted(KEEPS)) if number >> place & 1)
                for number in range(1, 1 << len(KEEPS))]
FILTERS = [((), {}), (("--status", "s t", "--action-name=a&b"), {"status": "s t", "action_name": "a&b"})]


@rule("1.8", "1.9", "1.10", "1.12")
@pytest.mark.parametrize("given, sent", FILTERS, ids=["no filter", "status and action"])
@pytest.mark.parametrize("flags", COMBINATIONS, ids=" ".join)
def test_every_combination_walks_all_pages_and_the_server_sees_every_filter(plane, flags, given, sent):
    result = walk(plane, *flags + given, pages=PAGES)
    kept = [wire["id"] for wire in LOG if all(KEEPS[flag](wire) for flag in flags)]
    assert read_listing(result, "jsonl") == (kept[-2:] if "--last=2" in flags else kept, [])
    assert (result.code, result.err) == (0, "")
    sent = dict(sent, limit="200")
    assert read_queries(plane) == [sent, dict(sent, cursor="c2"), dict(sent, cursor="c3")]


WALKS = ["--all", "--since=2026-03-01", "--until=2026-04-01", "--failed", "--last=9"]


@rule("1.8")
@pytest.mark.parametrize("flag", WALKS)
@pytest.mark.parametrize("limit, sent", [
    ((), {"limit": "200"}), (("--limit", "0"), {}), (("--limit=7",), {"limit": "7"}),
    (("--limit", "201"), {"limit": "201"})], ids=shorten_id)
def test_walk_begins_at_the_cursor_and_asks_for_200_unless_told_otherwise(plane, flag, limit, sent):
    walk(plane, flag, "--cursor", "c1", *limit, pages=PAGES)
    assert read_queries(plane) == [dict(sent, cursor="c1"), dict(sent, cursor="c2"), dict(sent, cursor="c3")]


@rule("1.7", "1.8")
@pytest.mark.parametrize("flag", WALKS)
def test_empty_cursor_begins_a_walk_at_the_first_page(plane, flag):
    walk(plane, flag, "--cursor", "", pages=[LOG])
    assert read_queries(plane) == [{"limit": "200"}]


@rule("1.8")
def test_without_a_walk_one_page_of_the_server_s_default_is_asked_for(plane):
    walk(plane, "--status", "s", pages=PAGES)
    assert read_queries(plane) == [{"status": "s"}]


@rule("1.8")
@pytest.mark.parametrize("form", LIST_FORMS)
def test_walk_over_the_sample_plane_shows_every_execution_once(plane, form):
    ids, cursors = [], [""]
    while cursors:
        result = run_cli(*LIST + ("--limit", "29", "--output", form, "--cursor", cursors[0]), plane=plane)
        seen, cursors = read_listing(result, form)
        ids += seen
    before = plane.connections
    assert read_listing(run_cli(*ALL + ("--limit", "7", "--output", form), plane=plane), form) == (ids, [])
    assert len(ids) == len(set(ids)) > 29 and plane.connections == before + 1


@rule("1.8")
@pytest.mark.parametrize("form", LIST_FORMS)
@pytest.mark.parametrize("flag", ["--all", "--since=2026-01-01", "--until=2027-01-01"])
def test_walk_is_streamed_page_by_page(plane, form, flag):
    halting = HaltingAnswer(b"", encode(page(execution(id="e-2"))))
    plane.script(Reply(page(execution(id="e-1"), next_cursor="c2")), halting)
    assert run_cli(*LIST + (flag, "--output", form), plane=plane, stdout=halting.out).code == 0
    assert b"e-1" in halting.seen and b"e-2" not in halting.seen


@rule("1.8")
def test_library_walks_with_the_parameters_it_was_given(plane):
    transport = program.Transport(program.Server.parse(plane.url), plane.token)
    given = {"status": "failed", "action_name": "", "limit": "1", "cursor": ""}
    with surroundings(plane):
        found = [wire for document in program.walk(transport, PROJECT, given) for wire in document.elements]
    transport.close()
    assert {wire["status"] for wire in found} == {"failed"}
    assert len(plane.requests) == len(found) > 1 and given["cursor"] == ""
    assert all(query.items() >= {"status": "failed", "limit": "1"}.items() for query in read_queries(plane))


# ---- 1.9: times

@rule("1.9")
@pytest.mark.parametrize("when, before, first", [
    ("2026-11-24", "2026-11-23T23:59:59.999999Z", "2026-11-24T00:00:00Z"),
    ("2026-11-24T09", "2026-11-24T08:59:59Z", "2026-11-24T09:00:00.0Z"),
    ("2026-11-24 09", "2026-11-24T08:59:59.99Z", "2026-11-24T09:00:00Z"),
    ("2026-11-24T09:30", "2026-11-24T09:29:59.9Z", "2026-11-24T09:30:00Z"),
    ("2026-11-24 09:30", "2026-11-24T09:29:59.9Z", "2026-11-24T09:30:00.5Z"),
    ("2026-11-24T09:30:07Z", "2026-11-24T09:30:06.999Z", "2026-11-24T09:30:07Z"),
    ("2026-11-24T09:30:07", "2026-11-24T09:30:06.999Z", "2026-11-24T09:30:07.000001Z"),
    ("2026-11-24 09:30:07Z", "2026-11-24T09:30:06Z", "2026-11-24T09:30:07Z"),
    ("2026-11-24 09:30:07", "2026-11-24T09:30:06Z", "2026-11-24T09:30:07Z"),
    ("2024-02-29", "2024-02-28T23:59:59Z", "2024-02-29T00:00:00Z"),
    ("2026-11-24T23:59:59Z", "2026-11-24T23:59:58Z", "2026-11-24T23:59:59.000001Z")])
def test_since_keeps_what_was_created_at_or_after_a_time_and_until_what_was_before(plane, when, before, first):
    pages = [make_executions(before, first), make_executions("1999-01-01T00:00:00Z", "2027-01-01T00:00:00Z")]
    since = walk(plane, "--since", when, pages=pages)
    until = walk(plane, "--until=" + when, pages=pages)
    assert read_listing(since, "jsonl")[0] == [first, "2027-01-01T00:00:00Z"] and (since.code, since.err) == (0, "")
    assert read_listing(until, "jsonl")[0] == [before, "1999-01-01T00:00:00Z"] and (until.code, until.err) == (0, "")


def tell_seconds_ago(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))


@rule("1.9")
@pytest.mark.parametrize("age, seconds", [
    ("90s", 90), ("3000m", 180000), ("200h", 720000), ("150d", 12960000), ("60w", 36288000), ("0s", 0),
    ("007d", 604800)])
def test_age_counts_back_from_now(plane, age, seconds):
    old, young = make_executions(tell_seconds_ago(seconds + 60), tell_seconds_ago(seconds - 60))
    assert read_listing(walk(plane, "--since", age, pages=[[old, young]]), "jsonl")[0] == [young["id"]]
    assert read_listing(walk(plane, "--until", age, pages=[[old, young]]), "jsonl")[0] == [old["id"]]


@rule("1.9")
@pytest.mark.parametrize("zone", ["EAST-14", "WEST+11"])
def test_times_are_utc_whatever_the_local_time_zone(plane, zone):
    times = ["2026-03-01T11:59:59Z", "2026-03-01T12:00:00Z", "2026-03-01T12:59:59Z", "2026-03-01T13:00:00Z"]
    plane.script(Reply(page(*make_executions(*times))))
    flags = ("--since", "2026-03-01 12", "--until", "2026-03-01T13", "--output", "jsonl")
    assert read_listing(run_process(*LIST + flags, plane=plane, env={"TZ": zone}), "jsonl")[0] == times[1:3]
    plane.script(Reply(page(*make_executions(tell_seconds_ago(3660), tell_seconds_ago(3540)))))
    result = run_process(*LIST + ("--since", "1h", "--output", "jsonl"), plane=plane, env={"TZ": zone})
    assert len(read_listing(result, "jsonl")[0]) == 1


@rule("1.9")
@pytest.mark.parametrize("age", ["9" * 400 + "w", DIGITS + "s", "3000w", "999999w"], ids=shorten_id)
def test_age_beyond_all_time_keeps_everything(plane, age):
    assert read_listing(walk(plane, "--since", age, pages=PAGES), "jsonl")[0] == [wire["id"] for wire in LOG]


@rule("1.9")
@pytest.mark.parametrize("since, until", [
    ("2026-03-02", "2026-03-01"), ("1h", "2h"), ("2026-03-01T00:00:01", "2026-03-01"), ("1d", "2020-01-01")])
def test_until_before_since_is_2(since, until):
    assert "--until" in refuse(*LIST + ("--since", since, "--until", until))[0]
    assert "--until" in refuse(*LIST + ("--until", until, "--since=" + since))[0]


@rule("1.9")
def test_until_at_the_time_of_since_keeps_nothing(plane):
    result = walk(plane, "--since=2026-03-02 12", "--until=2026-03-02T12:00", pages=PAGES)
    assert (result.code, read_listing(result, "jsonl")[0]) == (0, [])


@rule("1.9", "1.15")
@pytest.mark.parametrize("flag", ["--since", "--until"])
def test_time_that_lost_its_quotes_is_told_so(flag):
    assert "quot" in " ".join(refuse(*LIST + (flag, "2026-07-14", "10:00"))).lower()


# ---- 1.10, 1.11: the last ones, and times that are none

OLD, MIDDLE, NEW, LATER = make_executions(*["2026-01-0%dT00:00:00Z" % day for day in (1, 2, 3, 4)])
TIED = [dict(MIDDLE, id=name) for name in "cab"]
FRACTIONS = make_executions("2026-01-02T00:00:00.25Z", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00.5Z",
                            "2026-01-02T00:00:00.123456789Z")


@rule("1.9", "1.10")
@pytest.mark.parametrize("form", LIST_FORMS)
@pytest.mark.parametrize("flags, pages, kept", [
    ("--since=2026-01-02", [[OLD, NEW], [NEW, MIDDLE, LATER]], [NEW, NEW, MIDDLE, LATER]),
    ("--since=2026-01-02", [[OLD], [], [MIDDLE]], [MIDDLE]), ("--since=2026-01-02", [[OLD]], []),
    ("--since=2026-01-02", [[], []], []), ("--last=2", [[LATER, OLD, NEW]], [NEW, LATER]),
    ("--last=2", [[NEW], [LATER, MIDDLE], [OLD]], [NEW, LATER]), ("--last=2", [[], [OLD]], [OLD]),
    ("--last=2", [[], []], []), ("--last=2", [TIED], TIED[1:]), ("--last=" + "9" * 18, [[NEW, OLD]], [OLD, NEW]),
    ("--last=3", [FRACTIONS], [FRACTIONS[3], FRACTIONS[0], FRACTIONS[2]])],
    ids=["several pages", "an empty page", "nothing kept", "nothing there", "any order", "any order of pages",
         "fewer than N", "last of nothing", "ties", "huge N", "fractions"])
def test_what_a_walk_keeps_is_one_document(plane, form, flags, pages, kept):
    assert walk(plane, flags, form=form, pages=pages) == run_against(plane, page(*kept), *LIST + ("--output", form))


@rule("1.10")
@pytest.mark.parametrize("form", LIST_FORMS)
@pytest.mark.parametrize("broken", [Reply(page(LATER), cut=100), Reply({}, 404), Reply({})],
                         ids=["cut", "refused", "not ours"])
def test_last_prints_nothing_if_the_walk_breaks(plane, form, broken):
    plane.script(Reply(page(OLD, NEW, next_cursor="c2")), broken)
    result = run_cli(*LIST + ("--last", "1", "--output", form), plane=plane)
    assert (result.code, result.out) == (1, b"") and "error: " in result.err


@rule("1.10", "6.3")
def test_last_offers_no_cursor_if_what_it_keeps_cannot_be_shown(plane):
    """What was kept comes from several pages: no cursor leads back to it."""
    result = walk(plane, "--last=2", form="text", pages=[[OLD], [dict(NEW, action=5)], [LATER]])
    assert result.code == 1 and "cursor" not in result.out.decode() + result.err and "expected strings" in result.err


@rule("1.10")
def test_last_holds_no_more_than_what_it_keeps(plane):
    def body():
        for number in range(2000):
            yield b"%s%s" % (b"," if number else b'{"items":[', encode(execution(id="x", action="a" * 4000)))
        yield b"]}"
    plane.script(Reply(body(), framing="chunked"))
    tracemalloc = pytest.importorskip("tracemalloc", reason="PyPy does not trace memory")
    tracemalloc.start()
    try:
        assert run_cli(*LIST + ("--last", "2"), plane=plane).code == 0
        assert tracemalloc.get_traced_memory()[1] < 4 << 20       # of 8 MB that came
    finally:
        tracemalloc.stop()


NO_TIMES = {"missing": {}, "null": {"created_at": None}, "number": {"created_at": 5}, "list": {"created_at": [1]},
            "word": {"created_at": "yesterdayZ"}, "offset": {"created_at": "2026-01-02T00:00:00+00:00"},
            "no Z": {"created_at": "2026-01-02T00:00:00"}, "date alone": {"created_at": "2026-01-02"},
            "month 13": {"created_at": "2026-13-02T00:00:00Z"}, "hour 24": {"created_at": "2026-01-02T24:00:00Z"},
            "day 32": {"created_at": "2026-01-32T00:00:00Z"}, "minute 60": {"created_at": "2026-01-02T00:60:00Z"},
            "second 61": {"created_at": "2026-01-02T00:00:61Z"}, "empty": {"created_at": ""},
            "newline": {"created_at": "2026-01-02T00:00:00Z\n"}, "bare point": {"created_at": "2026-01-02T00:00:00.Z"}}


@rule("1.11")
@pytest.mark.parametrize("form", ["text", "jsonl"])
@pytest.mark.parametrize("case", sorted(NO_TIMES))
def test_created_at_that_is_no_utc_time_is_malformed_where_it_is_compared(plane, form, case):
    pages = [[NEW, dict(NO_TIMES[case], id="x")]]
    for flag, ids in (("--since=2026-01-01", [NEW["id"]]), ("--until=2027-01-01", [NEW["id"]]), ("--last=5", [])):
        result = walk(plane, flag, form=form, pages=pages)
        assert (result.code, read_listing(result, form)[0]) == (1, ids) and "created_at" in result.err


@rule("1.11")
@pytest.mark.parametrize("flag", ["--all", "--failed"])
def test_created_at_is_not_judged_where_it_is_not_compared(plane, flag):
    odd = execution(id="x", status="failed", created_at="yesterdayZ")
    assert read_listing(walk(plane, flag, form="text", pages=[[odd]]), "text")[0] == ["x"]


# ---- 1.12: --failed

ENDED = [(NODES[number], status) for number, status in enumerate(STATUSES[2:])]
WIRE = execution([target(inline(node[-1].encode()), node, status) for node, status in ENDED] +
                 [target({"kind": "tape"}, NODES[9])], status="failed")
FAILED = dict(WIRE, targets=[wire for wire in WIRE["targets"] if wire["status"] in ("failed", "cancelled", "timeout")])
NONE = dict(WIRE, targets=WIRE["targets"][:2])


@rule("1.12", "5.4")
def test_failed_targets_are_kept_in_text_and_the_recap_counts_all(plane):
    result = run_against(plane, WIRE, *GET + ("--failed",))
    found, recap = read_sections(result.out)
    assert [(section[0], section[3]) for section in found] == [(NODES[2], b"2"), (NODES[3], b"3"), (NODES[4], b"4")]
    assert (result.code, result.err) == (0, "") and b"  2/10  " in recap
    assert run_against(plane, NONE, *GET + ("--failed",)) == (0, run_against(plane, page(NONE), *LIST).out, "")


@rule("1.12", "5.4")
@pytest.mark.parametrize("form", ["json", "yaml", "jsonl", "raw"])
@pytest.mark.parametrize("wire, kept", [(WIRE, FAILED), (NONE, dict(NONE, targets=[]))], ids=["some", "none"])
def test_failed_targets_in_every_other_form_are_as_if_the_rest_were_not_there(plane, form, wire, kept):
    result = run_against(plane, wire, *GET + ("--failed", "--output", form))
    assert result == run_against(plane, kept, *GET + ("--output", form)) and result.code == 0


@rule("1.12")
@pytest.mark.parametrize("form", LIST_FORMS)
def test_failed_finds_none_without_failure(plane, form):
    result = walk(plane, "--failed", form=form, pages=[LOG[:4], LOG[7:]])
    assert result == run_against(plane, page(), *LIST + ("--output", form)) and result.code == 0


@rule("1.12")
@pytest.mark.parametrize("others", [(), ("--since=2020-01-01",), ("--until=2099-01-01",), ("--last=5",)], ids=" ".join)
def test_what_failed_filters_out_is_not_judged(plane, others):
    odd = dict(LOG[3], action={"not": "text"}, created_at=5)
    result = walk(plane, "--failed", *others, form="text", pages=[[odd, LOG[4]]])
    assert (result.code, read_listing(result, "text")[0]) == (0, [LOG[4]["id"]])


# ---- 1.13, 1.14: what is sent, and the version

@rule("1.13")
@pytest.mark.parametrize("flag, value, sent", [
    ("--status", "a&b=c/d?#%+;\u20ac", "status=a%26b%3Dc%2Fd%3F%23%25%2B%3B%E2%82%AC"),
    ("--action-name", "no such", "action_name=no%20such"), ("--cursor", "\u20ac%41", "cursor=%E2%82%AC%2541"),
    pytest.param("--cursor", b"\xff\xc3", "cursor=%FF%C3", marks=posix_only),
    pytest.param("--status", b"\x80", "status=%80", marks=posix_only)], ids=ascii)
def test_arguments_are_sent_as_their_bytes_percent_encoded(plane, flag, value, sent):
    run_against(plane, page(), *LIST + (flag, value))
    assert plane.requests[0].target == "/v1/projects/%s/executions?%s" % (PROJECT, sent)


@rule("1.13")
@posix_only
def test_bytes_of_a_process_s_arguments_are_sent_in_any_locale(plane):
    argv = LIST + ("--cursor", b"\xff\xe2\x82\xac")
    assert run_process(*argv, plane=plane, env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}).code == 1
    assert plane.requests[0].target.endswith("?cursor=%FF%E2%82%AC")


@rule("1.14")
@pytest.mark.parametrize("argv", [("--version",), ("--version", "list"), ("--output", "json", "--version")])
def test_version_is_one_line(argv):
    assert run_cli(*argv) == (0, b"version=%s\n" % program.__version__.encode("ascii"), "")
    assert re.match(r"[0-9]+\.[0-9]+\.[0-9]+\Z", program.__version__)


# ---- 1.15: usage errors

@rule("1.15")
@pytest.mark.parametrize("argv, help_command", [
    ((), "--help"), (("exec-log",), "(exec-log )?--help"), (("--yes",), "--help"), (("frobnicate",), "--help"),
    (("--frobnicate",), "--help"), (("list",), "(exec-log )?list --help"), (("get",), "(exec-log )?get --help"),
    (LIST + ("--nonsense",), "(exec-log )?list --help"), (GET + ("--wait-timeout", "5"), "(exec-log )?get --help"),
    (("--output", "raw") + LIST, "(exec-log )?list --help"), (LIST + ("x",), "(exec-log )?list --help"),
    (LIST + ("--since", "x"), "(exec-log )?list --help"), (GET + ("--id", "x"), "(exec-log )?get --help")],
    ids=lambda value: " ".join(value[:2] + value[4:]) if isinstance(value, tuple) else "")
def test_hint_names_the_help_that_applies(argv, help_command):
    assert re.search(r"\bplexctl_exec_log\.py %s\b" % help_command, refuse(*argv)[1])


@rule("1.15")
@pytest.mark.parametrize("argv, unknown, meant", [
    (("list", "--projct", PROJECT), "--projct", "--project"), (("list", "--staus=x"), "--staus", "--status"),
    (LIST + ("--sinse", "1h"), "--sinse", "--since"), (("get", "--exit-satus"), "--exit-satus", "--exit-status"),
    (("exec-log", "get", "--projet=x", "--wat"), "--projet", "--project"),
    (LIST + ("--verbos",), "--verbos", "--verbose"),
    (("list", "--token-fil", "x"), "--token-fil", "--token-file"), (("get", "--nod"), "--nod", "--node")])
def test_unknown_flag_is_named_before_what_is_missing_with_the_nearest_known_one(argv, unknown, meant):
    error, _ = refuse(*argv)
    assert "unknown flag %s; did you mean %s?" % (unknown, meant) in error


@rule("1.15")
@pytest.mark.parametrize("argv", [("list", "--zzzzz"), LIST + ("-x",), ("get", "--qqq=1")], ids=" ".join)
def test_unknown_flag_that_is_near_to_none_is_named_alone(argv):
    name = argv[-1].partition("=")[0]
    error, _ = refuse(*argv)
    assert "unknown flag %s" % name in error and "did you mean" not in error


@rule("1.15")
@pytest.mark.parametrize("argv, meant", [
    (("lst",), "list"), (("exec-log", "gett") + GET[2:], "get"), (("lsit",), "list"),
    (("exec-logs",) + LIST[1:], "exec-log")], ids=shorten_id)
def test_mistyped_word_is_answered_with_the_nearest(argv, meant):
    assert re.search(r"did you mean %s\b" % meant, refuse(*argv)[0])


SECRET = "s3same9x"
#: What is typed in the wrong place; %s is the secret.
ODD = ["%s", "'%s'", '"%s"', "x (choose from %s)", "(choose from %s", "%s' (choose from 'x')", "x\n%s",
       "%s\n(choose from x)", "-%s", "--%s", "--%s=x", "--x=%s", "-v%s", "--all=%s", "--all\n=%s", "--yes %s", "- %s",
       "https://ann:%s@host", "ann:%s@host", "\x00%s", "\u2028%s", "{%s}", "%%(%s)s", "%%s%s", "invalid choice: %s",
       "\udcff%s", "%s=--", "list%s", "--project%s", "--project%s=x", "--projct=%s", "2026-%s"]
WRONG_PLACES = [("%s",), ("exec-log", "%s"), ("%s",) + LIST, LIST + ("%s",), GET + ("x", "%s"), LIST + ("--all=%s",),
                ("list", "--output", "%s"), LIST + ("--since", "2026-07-14", "%s"), LIST + ("--projct", "%s"),
                LIST + ("--server=%s",), LIST + ("--color=%s",), LIST + ("--nonsense=%s",)]


@rule("1.15", "2.7")
@pytest.mark.parametrize("shape", ODD, ids=ascii)
def test_usage_error_shows_no_value(shape):
    typed = shape.replace("%s", SECRET)
    for place in WRONG_PLACES:
        told = " ".join(refuse(*[argument.replace("%s", typed) for argument in place]))
        assert "s3s" not in told and "me9x" not in told, place


@rule("1.15", "2.7")
@pytest.mark.parametrize("value", [TOKEN, DIGITS, "plx-secret", "-9" + DIGITS], ids=shorten_id)
@pytest.mark.parametrize("flag", ["--limit", "--timeout", "--since", "--until", "--last", "--project", "--color",
                                  "--output", "--server", "--alll", "--tokn", "--all", "--verbose"])
def test_usage_error_shows_no_token_and_no_number(flag, value):
    if (flag, value) in (("--limit", DIGITS), ("--last", DIGITS)):
        return      # whole numbers
    told = " ".join(refuse(*LIST + (flag + "=" + value,)) + refuse(*LIST + (flag, value, "x")))
    assert value not in told and "99999" not in told


# ---- 1.16: help, and completion

COMMON = {"--help", "--server", "--profile", "--token-file", "--output", "--ca-file", "--timeout", "--color",
          "--allow-http", "--verbose"}
LIST_FLAGS = {"--project", "--status", "--action-name", "--failed", "--limit", "--cursor", "--all", "--since",
              "--until", "--last"}
GET_FLAGS = {"--project", "--id", "--node", "--failed", "--wait", "--wait-timeout", "--exit-status", "--output-dir"}


def read_help(*argv, columns=80):
    """The help of a command, on a terminal of so many columns."""
    result = run_cli(*argv, env={"COLUMNS": str(columns)})
    assert (result.code, result.err) == (0, "")
    return result.out.decode("ascii")


def read_explanations(text):
    """The flags that a help text explains, in its order."""
    return re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", text, re.MULTILINE)


@rule("1.16", "1.3")
@pytest.mark.parametrize("argv, flags", [
    (("--help",), {"--version"}), (("-h",), {"--version"}), (("exec-log", "--help"), set()),
    (("list", "--help"), LIST_FLAGS), (("exec-log", "list", "-h"), LIST_FLAGS), (("get", "--help"), GET_FLAGS),
    (("exec-log", "get", "-h"), GET_FLAGS), (("get", "--bogus", "--help"), GET_FLAGS)], ids=shorten_id)
def test_help_explains_every_flag_of_its_command_but_those_without_effect(argv, flags):
    text = read_help(*argv)
    assert set(read_explanations(text)) == COMMON | flags and "--yes" not in text and "--reveal-secrets" not in text


@rule("1.16")
@pytest.mark.parametrize("command, own", [("list", LIST_FLAGS), ("get", GET_FLAGS)])
def test_help_shows_own_flags_first_and_the_persistent_ones_under_a_heading(command, own):
    text = read_help(command, "--help")
    flags = [flag for flag in read_explanations(text) if flag != "--help"]
    assert set(flags[:len(own)]) == own and set(flags[len(own):]) == COMMON - {"--help"}
    between = text[text.rindex("\n  " + flags[len(own) - 1]):text.index("\n  --server")]
    assert re.search(r"\n\n[a-z].*:\Z", between)


@rule("1.16")
@pytest.mark.parametrize("command", ["list", "get"])
@pytest.mark.parametrize("columns", [60, 150])
def test_help_is_as_wide_as_the_terminal(command, columns):
    lines, usual = [read_help(command, "--help", columns=width).splitlines() for width in (columns, 80)]
    assert max(map(len, lines)) <= columns and (len(lines) < len(usual)) == (columns > 80)


@rule("1.16")
def test_help_tells_statuses_and_that_times_are_utc():
    text = " ".join(read_help("list", "--help").split())
    status, since = [re.search(" %s [A-Z].*?(?= --)" % flag, text).group() for flag in ("--status", "--since")]
    assert all(name in status for name in ("pending", "ack", "started", "succeeded", "failed", "cancelled", "timeout"))
    assert "UTC" in since


# bash calls the function that is registered for the first word, and offers what it leaves in COMPREPLY.
ASK = r"""
. /dev/stdin
read -ra COMP_WORDS <<< "$1"
[[ $1 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$1 COMP_POINT=${#1}
[[ $(complete -p "${COMP_WORDS[0]}") =~ -F\ ([^ ]+) ]] || exit 1
"${BASH_REMATCH[1]}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


NAMED = "plexctl-exec-log"


@pytest.fixture(scope="module")
def completion():
    """Return the completions that shtab makes of the program under its installed name, by the name of the shell."""
    shtab = pytest.importorskip("shtab", reason="needs shtab")

    def made(shell):
        line = [sys.executable, "-m", "shtab", "--shell", shell, "--prog", NAMED, "plexctl_exec_log.make_parser"]
        packages = os.path.dirname(os.path.dirname(shtab.__file__))     # of the user perhaps, who has no home here
        env = make_environment(env={"PYTHONPATH": ROOT + os.pathsep + packages})
        return subprocess.run(line, env=env, stdout=subprocess.PIPE, timeout=PATIENCE, check=True).stdout
    return {shell: made(shell) for shell in ("bash", "zsh")}


@rule("1.1", "1.16")
@posix_only
@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize("line, offered", [
    ("exec-log get --", {"--id", "--node", "--wait", "--output-dir", "--project", "--server"}),
    ("list --st", {"--status"}), ("exec-log list --output j", {"json", "jsonl"}),
    ("get --color a", {"auto", "always"}), ("exec-log l", {"list"}),
    ("list --token-file to", {"token.txt"}), ("get --ca-file ", {"token.txt", "folder"}),
    ("get --output-dir ", {"folder"})])
def test_bash_offers(completion, tmp_path, line, offered):
    (tmp_path / "token.txt").write_text("")
    (tmp_path / "folder").mkdir()
    asked = ["bash", "--norc", "--noprofile", "-c", ASK, "bash", "%s %s" % (NAMED, line)]
    done = subprocess.run(asked, input=completion["bash"], env=make_environment(), stdout=subprocess.PIPE,
                          timeout=PATIENCE, cwd=str(tmp_path))
    found = set(done.stdout.decode("utf-8").replace("/", "").split())
    assert found >= offered and ("--output-dir" not in line or "token.txt" not in found)


@rule("1.16")
def test_zsh_is_told_of_both_commands_their_flags_and_files(completion):
    script = completion["zsh"].decode("utf-8")
    assert script.startswith("#compdef %s\n" % NAMED) and script.count("--cursor") == script.count("--node") > 0
    for flag in ("--token-file", "--ca-file"):
        assert re.search(r"%s.*:_files" % flag, script)


@rule("1.16")
def test_files_and_folders_are_marked_for_shtab():
    marks = {}

    def collect(parser):
        for action in parser._actions:
            marks.update({name: getattr(action, "complete", {}).get("bash") for name in action.option_strings})
            for command in action.choices.values() if isinstance(action.choices, dict) else ():
                collect(command)

    collect(program.make_parser())
    assert {name: mark for name, mark in marks.items() if mark} == {
        "--token-file": "_shtab_compgen_files", "--ca-file": "_shtab_compgen_files",
        "--output-dir": "_shtab_compgen_dirs"}
