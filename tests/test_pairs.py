"""Tests of two conditions at once. Other files test each condition by itself. An example is a character that is cut by
two reads, and a bad byte behind it. The tests are in the order of the contract."""

import io
import os
import subprocess
import sys
import time

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT, TOKEN
from kit import (EXECUTION, GET, LIST, NODES, PATIENCE, ROOT, Clock, FailingStream, archive, error_lines, execution,
                 inline, make_environment, page, posix_only, read_folder, rule, run_against, run_cli,
                 save_to_folder, surroundings, target, wait_until, wait_until_final)
from kit_net import NO_NAME, Proxy
from server import HANG, Reply

LIST_JSONL = LIST + ("--output", "jsonl")
OTHER_ID = "6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"
WAYS_TO_WRITE_IT = [OTHER_ID, "urn:uuid:" + OTHER_ID, "{%s}" % OTHER_ID, OTHER_ID.replace("-", "")]


def read_mistake(*argv):
    """Return what a usage error says. Nothing listens at the server's address: a request would exit 1."""
    result = run_cli(*argv, env={"PLEXSPHERE_URL": "http://127.0.0.1:1", "PLEXSPHERE_TOKEN": TOKEN})
    assert (result.code, result.out) == (2, b"")
    return result.err


@rule("1.15e")
def test_id_as_a_word_and_as_a_flag_exits_2():
    assert read_mistake("get", OTHER_ID, "--project", PROJECT, "--id", EXECUTION).startswith("error: ")


BEFORE_A_STRAY_ID = {"the command": (), "after list": ("list", "--project", PROJECT), "after get --id": GET,
                     "after get ID": ("get", EXECUTION, "--project", PROJECT)}


@rule("1.6a", "1.15d", "1.15e")
@pytest.mark.parametrize("place", list(BEFORE_A_STRAY_ID))
@pytest.mark.parametrize("lower", WAYS_TO_WRITE_IT)
def test_stray_id_is_recognised_in_upper_case(place, lower):
    said = [read_mistake(*BEFORE_A_STRAY_ID[place] + (word,)) for word in (lower, lower.upper(), "g" * len(lower))]
    assert said[0] == said[1]
    assert said[0] != said[2], "it is not recognised in lower case either"


@rule("1.5a")
def test_malformed_project_variable_does_not_matter_beside_the_flag(plane):
    assert run_against(plane, page(), *LIST_JSONL, env={"PLEXSPHERE_PROJECT": "nonsense"}) == (0, b"", "")


@rule("1.9e")
def test_until_a_time_of_day_follows_a_since_that_is_an_age(plane):
    # The clock showed the time of --until 26 hours ago, and again 2 hours ago.
    past = {age: time.gmtime(time.time() - 3600 * age) for age in (29, 27, 26, 25, 3, 1)}
    made = [execution(id=str(age), created_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", past[age])) for age in past]
    until = time.strftime("%H:%M", past[26])
    result = run_against(plane, page(*made), *LIST_JSONL + ("--since", "28h", "--until", until))
    assert result.out.count(b"\n") == result.out.count(b'"id":"27"') == 1


@rule("2.7")
def test_unprintable_password_of_a_proxy_is_masked(plane):
    with Proxy(plane) as proxy:
        proxy.script(Reply({"detail": "not pass\tword-1"}, 400))
        env = {"PLEXSPHERE_URL": "http://" + NO_NAME, "PLEXSPHERE_TOKEN": plane.token,
               "HTTP_PROXY": proxy.url.replace("//", "//ann:pass%09word-1@")}
        result = run_cli(*LIST + ("--allow-http",), env=env)
        assert (result.code, len(proxy.requests)) == (1, 1)
    assert "not ***" in error_lines(result)[0]


@rule("3.5a", "3.7a")
def test_kept_connection_that_is_silent_is_not_replaced(plane):
    plane.script(Reply(page(next_cursor="c2")), HANG, Reply(page()))
    result = run_cli(*LIST_JSONL + ("--all", "--timeout", "0.2"), plane=plane)
    assert (result.code, len(error_lines(result))) == (1, 1)
    wait_until(lambda: len(plane.requests) >= 2)
    assert (plane.connections, len(plane.requests)) == (1, 2)


@rule("9.1a", "3.8")
def test_read_after_a_wait_is_retried_like_any_other(plane):
    slept = []
    plane.script(Reply(execution()), Reply({}, 503), Reply({}, 502), Reply(execution([target(inline(b"x"))])))
    result = run_cli(*GET + ("--wait", "--output", "raw"), plane=plane, sleep=slept.append)
    assert (result.code, result.out, slept) == (0, b"x", [0.5, 1])


@rule("3.8d")
def test_retry_is_reported_before_its_pause(plane):
    err, seen = io.StringIO(), []
    plane.script(Reply({}, 503), Reply(page()))
    with surroundings(plane):
        program.main(list(LIST), io.BytesIO(), err, sleep=lambda seconds: seen.append(err.getvalue()[:7]))
    assert seen == ["retry: "]


@rule("3.10")
def test_bad_byte_is_the_same_fault_wherever_the_body_is_cut_before_it(plane):
    body = '{"items":[{"id":"\u00e9"},{"id":"\u20ac\U0001f600"},{"id":"x'.encode() + b'\xff"}]}'
    whole = run_against(plane, Reply(body), *LIST_JSONL)
    assert (whole.code, whole.out.count(b"\n"), len(error_lines(whole))) == (1, 2, 1)
    for place in range(1, len(body)):
        assert run_against(plane, Reply((body[:place], body[place:]), framing="chunked"), *LIST_JSONL) == whole, place


#: Tokens between which JSON allows spaces, and characters that JSON does not count as spaces.
TOKENS = [b"", b"{", b'"items"', b":", b"[", b'{"id":"a"}', b",", b'{"id":"b"}', b"]", b",", b'"n"', b":", b"1", b"}"]
OTHER_SPACES = {"none": b"", "VT": b"\v", "FF": b"\f", "FS": b"\x1c", "NUL": b"\0", "NEL": b"\xc2\x85",
                "no-break": b"\xc2\xa0", "ideographic": b"\xe3\x80\x80", "U+2028": b"\xe2\x80\xa8"}


@rule("3.10")
@pytest.mark.parametrize("space", list(OTHER_SPACES.values()), ids=list(OTHER_SPACES))
@pytest.mark.parametrize("tokens", [TOKENS, TOKENS[:5] + TOKENS[8:]], ids=["full", "empty"])
def test_space_that_json_does_not_allow_is_malformed_behind_one_it_allows(plane, space, tokens):
    for place in range(1, len(tokens) + 1):
        body = b"".join(tokens[:place]) + b" \t\r\n" + space + b"\n" + b"".join(tokens[place:])
        assert run_against(plane, Reply(body), *LIST_JSONL).code == (1 if space else 0), body


@rule("4.4b")
def test_status_of_a_wrong_type_is_filtered_out_of_a_listing(plane):
    plane.script(*[Reply(page(*[execution(status=status) for status in (["failed"], {"failed": 1}, 7)]))] * 3)
    result = run_cli(*LIST_JSONL + ("--failed",), plane=plane)
    assert (result.code, result.out, result.err) == (0, b"", "")


@rule("4.4b", "5.4")
def test_node_id_of_a_wrong_type_is_not_the_node_asked_for(plane):
    wire = execution([target(inline(b"x"), node) for node in (7, ["x"], {}, NODES[1])])
    assert run_against(plane, wire, *GET + ("--output", "raw", "--node", NODES[1])) == (0, b"x", "")


@rule("5.6a")
@pytest.mark.parametrize("format", ["text", "table", "raw", "lines"])
def test_unreadable_output_of_a_target_without_an_id_is_an_error(plane, format):
    result = run_against(plane, execution([target({"kind": "tape"}, None)]), *GET + ("--output", format))
    assert (result.code, len(error_lines(result))) == (1, 1)


@rule("5.8e")
def test_unprintable_name_of_a_member_is_escaped_in_json(plane):
    wire = dict(execution(), **{"a\u202e\x7f\x1b": 1})
    out = run_against(plane, wire, *GET + ("--output", "json")).out
    assert b'"a\\u202e\\u007f\\u001b": 1' in out


@rule("6.2d")
@pytest.mark.parametrize("status, member", [(403, {"code": "invalid_cursor"}), (400, {"reason": "caveat_violation"}),
                                            (404, {"code": "invalid_limit"})], ids=["code", "reason", "404"])
def test_hint_heeds_only_the_member_that_belongs_to_the_status(plane, status, member):
    hints = [error_lines(run_against(plane, Reply(problem, status), *LIST), "hint") for problem in (member, {"x": "y"})]
    assert hints[0] == hints[1] != []


@rule("6.3b")
@pytest.mark.parametrize("flags, out, code", [
    ((), FailingStream(OSError(28, "full")), 1), (("--ca-file", "no such file"), None, 2), ((), None, 0)],
    ids=["stdout is full", "no CAs", "nothing follows"])
def test_last_cursor_is_not_repeated_unless_the_server_failed(tls_plane, flags, out, code):
    tls_plane.script(Reply(page(*[{}] * bool(out))))
    result = run_cli(*LIST_JSONL + ("--cursor", "c9") + flags, plane=tls_plane, stdout=out)
    assert (result.code, "c9" in result.err) == (code, False)


@rule("9.3f")
@pytest.mark.parametrize("output, data", [(None, None), (archive(), None), ({"kind": "tape"}, None),
                                          (inline(b"first"), b"first"), ({"kind": "inline"}, b"")],
                         ids=["none", "archived", "unreadable", "inline", "empty"])
@pytest.mark.parametrize("first, second", [(NODES[0], NODES[0]), (NODES[0], NODES[0].upper()),
                                           (NODES[0].upper(), NODES[0])], ids=["same", "second upper", "first upper"])
def test_node_that_comes_twice_gets_no_second_file(plane, tmp_path, output, data, first, second):
    plane.script(Reply(execution([target(output, first), target(inline(b"second"), second)])))
    result = save_to_folder(plane, tmp_path / "out")
    files = read_folder(tmp_path / "out")
    assert [line.split(b"\t")[0].decode() for line in files.pop("targets").splitlines()] == [first, second]
    assert files == ({} if data is None else {first + ".out": data})
    assert result.code == 1
    assert second in error_lines(result)[-1]


@rule("5.4e")
def test_missing_node_exits_1_beside_a_folder(plane, tmp_path):
    plane.script(Reply(execution([target()])))
    result = save_to_folder(plane, tmp_path / "out", "--node", NODES[0], "--node", NODES[1])
    assert (result.code, [NODES[1] in line for line in error_lines(result)]) == (1, [True])


@rule("9.7b", "9.7d")
@posix_only
@pytest.mark.parametrize("when", ["before", "after"])
def test_race_for_the_folder_leads_nowhere_else(plane, tmp_path, monkeypatch, when):
    folder, moved, victim = [tmp_path / name for name in ("out", "moved", "victim")]
    victim.mkdir(0o700)
    if when == "after":             # whoever looks at the name then refuses it
        victim.chmod(0o777)
        (victim / "mine").write_bytes(b"")
    before, os_open = read_folder(victim), os.open

    def open_in_a_race(path, *rest, **options):
        is_folder = path == str(folder)
        early = os_open(path, *rest, **options) if when == "after" or not is_folder else None
        if is_folder:
            folder.rename(moved)
            folder.symlink_to(victim)
        return os_open(path, *rest, **options) if early is None else early

    monkeypatch.setattr(os, "open", open_in_a_race)
    plane.script(Reply(execution([target(inline(b"x"))])))
    result = save_to_folder(plane, folder)
    assert moved.exists(), "the race did not take place"
    assert read_folder(victim) == before
    assert result.code == (1 if when == "before" else 0)        # before it is opened, a link is refused
    assert set(read_folder(moved)) == (set() if when == "before" else {"targets", NODES[0] + ".out"})


FORK = """import os
from plexctl_exec_log import RemoteError, Transport, get_page
with Transport.from_settings() as transport:
    elements = get_page(transport, %r, {}).elements
    print(next(elements)["id"], flush=True)
    child = os.fork()
    try:
        print([element["id"] for element in elements], flush=True)
    except RemoteError:
        os._exit(7)
    assert child and os.waitpid(child, 0)[1] == 7 << 8
"""


@rule("10.3a")
@posix_only
def test_document_half_read_before_a_fork_is_read_on_by_the_parent_alone(plane):
    plane.script(Reply((b'{"items":[{"id":"a"},', b'{"id":"b"},', b'{"id":"c"}]}'), framing="chunked"))
    done = subprocess.run([sys.executable, "-c", FORK % PROJECT], stdout=subprocess.PIPE, timeout=PATIENCE,
                          stderr=subprocess.STDOUT, env=make_environment(plane, {"PYTHONPATH": ROOT}))
    assert (done.returncode, done.stdout) == (0, b"a\n['b', 'c']\n")


@rule("10.6a")
def test_wait_of_zero_seconds_does_not_sleep(plane):
    plane.script(Reply(execution(status="started")))
    clock = Clock()
    assert isinstance(wait_until_final(plane, clock, 0), program.WaitTimeout)
    assert (clock.slept, len(plane.requests)) == (0, 1)
