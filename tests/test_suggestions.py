"""What the program suggests: short flags, the nearest flag, habits of other programs, and hints."""

import json
import re

import pytest

from control_plane import STATUSES, TOKEN
from kit import (EXECUTION, GET, HOME, LIST, NODES, error_lines, execution, page, posix_only, expect_usage_error, rule,
                 run_against, run_cli, save_to_folder)
from server import Reply

ARGV = {"list": LIST, "get": GET}


# ---- 1.4a to 1.4c: flags of one letter

SEVEN = [execution(id=NODES[number], created_at="2026-05-02T10:00:0%dZ" % number) for number in range(7)]


@rule("1.4g", "1.4h")
@pytest.mark.parametrize("flags", [("-n", "5"), ("-n5",), ("-n=5",), ("-n", "9", "-n5"), ("--last=9", "-n", "5")],
                         ids=" ".join)
def test_n_is_last(plane, flags):
    last = run_against(plane, page(*SEVEN), *LIST + ("--last", "5"))
    assert last.code == 0 and last.out.count(b"\n") == 6
    assert run_against(plane, page(*SEVEN), *LIST + flags) == last


@rule("1.4h")
def test_digits_joined_to_n_are_one_number(plane):
    assert run_against(plane, page(*SEVEN), *LIST + ("-n12",)).out.count(b"\n") == 8


@rule("1.10c", "1.4h")
@pytest.mark.parametrize("flags", [("-n0",), ("-n", "0"), ("-n", "-5"), ("-n=",), ("-n", ""), ("-n5x",), ("-n", "x"),
                                   ("-n",), ("-n", "--all")], ids=" ".join)
def test_malformed_number_of_n_exits_2(flags):
    assert re.match(r"argument (-n|--last|-n/--last): ", expect_usage_error(*LIST + flags))


@rule("1.4g", "1.15e")
def test_n_is_a_flag_of_list_only():
    assert expect_usage_error(*GET + ("-n5",)).endswith("is a flag of list")


@rule("1.4i")
@pytest.mark.parametrize("command", ["list", "get"])
def test_node_with_one_hyphen_is_unknown_and_suggests_node(command):
    error = expect_usage_error(*ARGV[command] + ("-node",))
    assert error.startswith("unknown flag -node;") and "did you mean --node" in error


@rule("1.4")
@pytest.mark.parametrize("value", ["-n", "-n5", "-node", "-ojson", "-o"])
def test_value_like_a_short_flag_stays_whole_after_an_equals_sign(plane, value):
    run_against(plane, page(), *LIST + ("--cursor=" + value,))
    assert plane.requests[0].target.endswith("?cursor=" + value)


@rule("1.4a")
@pytest.mark.parametrize("value", ["-node", "-n5", "-ojson", "-output", "-nfoo=1"])
def test_value_like_a_short_flag_is_taken(plane, value):
    run_against(plane, page(), *LIST + ("--cursor", value))
    assert plane.requests[0].target.endswith("?cursor=" + value.replace("=", "%3D"))


# ---- 1.15b: the nearest flag

@rule("1.15c", "1.15g")
@pytest.mark.parametrize("command, flag, near", [
    ("list", "--projct", "--project"), ("get", "--projct", "--project"), ("list", "--sinc", "--since"),
    ("list", "--outputdir", "--output"), ("get", "--outputdir", "--output-dir"),
    ("get", "--out-put_dir", "--output-dir"), ("get", "--wait_timeout", "--wait-timeout"),
    ("list", "-cursor", "--cursor"), ("list", "--Action-Name", "--action-name")])
def test_nearest_flag_is_one_of_the_command(command, flag, near):
    for given in (flag, flag + "=x"):
        assert expect_usage_error(*ARGV[command] + (given,)) == "unknown flag %s; did you mean %s?" % (flag, near)


@rule("1.15g")
@pytest.mark.parametrize("command, flag, near", [
    ("get", "--sinc", "--since"), ("list", "--exit-statu", "--exit-status")])
def test_flag_of_the_other_command_is_suggested_if_no_own_one_is_near(command, flag, near):
    error = expect_usage_error(*ARGV[command] + (flag,))
    assert error.startswith("unknown flag %s;" % flag) and "did you mean " + near in error


@rule("1.15f")
@pytest.mark.parametrize("command", ["list", "get"])
def test_dashes_make_no_flag_near(command):
    assert "until" not in expect_usage_error(*ARGV[command] + ("--tail",))
    assert expect_usage_error(*ARGV[command] + ("--x",)) == "unknown flag --x"


# ---- 1.15c: habits

HABITS = [("list", "--tail --lines", "--last"), ("list", "--head", "--limit"),
          ("list", "--watch --follow -w -f", "get UUID --wait"), ("get", "--watch --follow -w -f", "--wait"),
          ("get", "--lines", "-o lines"), ("list", "--token", "--token-file"), ("get", "--token", "--token-file"),
          ("list", "--url --host", "--server"), ("get", "--url --host", "--server")]


@rule("1.15h")
@pytest.mark.parametrize("command, flag, meant", [(command, flag, meant) for command, flags, meant in HABITS
                                                  for flag in flags.split()])
def test_habit_has_its_own_suggestion(command, flag, meant):
    for given in (flag, flag + "=7"):
        assert expect_usage_error(*ARGV[command] + (given,)) == "unknown flag %s; did you mean %s?" % (flag, meant)


@rule("1.15h")
def test_habit_does_not_quote_its_value():
    assert "s3same9x" not in expect_usage_error(*LIST + ("--token=s3same9x",))


# ---- 6.2a, 6.2b: hints after the server's 400 and 401

def read_refusal_hint(plane, code, *flags, status=400):
    """Return the hint after the server's refusal."""
    hint, = error_lines(run_against(plane, Reply({"code": code}, status), *LIST + flags), "hint")
    return hint


@rule("6.2f")
@pytest.mark.parametrize("given, near", [("FAILED", "failed"), ("Succeeded", "succeeded"), ("tiemout", "timeout"),
                                         ("canceled", "cancelled"), ("START", "started"), (" failed", "failed")])
def test_hint_of_a_refused_status_names_the_nearest(plane, given, near):
    hint = read_refusal_hint(plane, "invalid_status", "--status", given)
    assert [status for status in STATUSES if re.search(r"\b%s\b" % status, hint)] == [near]


@rule("6.2g")
@pytest.mark.parametrize("given", ["failed,timeout", "failed, timeout", "FAILED,cancelled"])
def test_hint_of_several_statuses_in_one_value_says_to_repeat_the_flag(plane, given):
    assert re.search(r"repeat|--status \w+ --status \w+", read_refusal_hint(plane, "invalid_status", "--status", given))


@rule("6.2d")
def test_hint_of_a_status_that_is_near_none_still_names_the_flag(plane):
    assert "--status" in read_refusal_hint(plane, "invalid_status", "--status", "banana")


@rule("6.2d")
@pytest.mark.parametrize("code, step", [("invalid_limit", "--limit"), ("invalid_cursor", "cursor")])
def test_hint_of_another_refusal_does_not_speak_of_the_status(plane, code, step):
    hint = read_refusal_hint(plane, code, "--status", "FAILED")
    assert step in hint and "failed" not in hint


@rule("6.2h")
def test_hint_of_a_401_does_not_call_the_token_missing(plane):
    hint = read_refusal_hint(plane, "unauthenticated", status=401)
    assert "invalid, expired or for another server" in hint
    assert "PLEXSPHERE_TOKEN" in hint and "missing" not in hint


# ---- 2.2a: a profile's token

def run_with_profile(folder, *argv, **env):
    """Run `list` with a config file whose default profile, lab, has the token of another server."""
    config = folder / ".config" / "plexctl" / "config.json"
    config.parent.mkdir(parents=True)
    lab = {"server": "https://prod.example", "token": TOKEN}
    config.write_text(json.dumps({"default": "lab", "profiles": {"lab": lab}}))
    config.chmod(0o600)
    return run_cli(*LIST + argv, env=dict(env, **{HOME: str(folder)}))


@rule("2.2c", "2.2d")
@pytest.mark.parametrize("argv, names_it", [((), True), (("--profile", "lab"), False)], ids=["default", "--profile"])
def test_hint_names_the_variable_only_where_it_counts(plane, tmp_path, argv, names_it):
    result = run_with_profile(tmp_path, "--server", plane.url, *argv)
    hint, = error_lines(result, "hint")
    assert (result.code, plane.requests) == (3, [])
    assert "--token-file" in hint and ("PLEXSPHERE_TOKEN" in hint) == names_it


@rule("2.1", "2.2")
def test_with_profile_the_variable_of_the_token_counts_for_nothing(plane, tmp_path):
    argv = ("--profile", "lab", "--server", plane.url)
    result = run_with_profile(tmp_path, *argv, PLEXSPHERE_TOKEN="of-the-environment")
    assert (result.code, plane.requests) == (3, []) and 'profile "lab"' in error_lines(result)[0]


# ---- 9.3d: a folder that is not empty

@rule("9.7e")
@pytest.mark.parametrize("name", [".hidden", "targets.partial", EXECUTION])
def test_nobody_is_told_to_remove_a_folder_that_is_not_empty(plane, tmp_path, name):
    (tmp_path / "out").mkdir(mode=0o700)
    (tmp_path / "out" / name).write_bytes(b"mine")
    result = save_to_folder(plane, tmp_path / "out")
    assert result.code == 1 and "not empty" in error_lines(result)[0] and len(error_lines(result, "hint")) == 1
    assert not re.search("remove|delete|empty it|rm ", result.err.replace(str(tmp_path), ""))


@rule("9.7e")
@posix_only
def test_root_s_folder_is_not_to_be_removed(plane):
    result = save_to_folder(plane, "/")
    assert result.code == 1 and "remove" not in result.err
