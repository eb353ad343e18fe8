"""Section 6: every exit code by its cause, and the lines that come with it. 6.3 and 6.4 are in test_6_broken.py."""

import io
import os

import pytest

import plexctl_exec_log as program
from control_plane import FORBIDDEN_PROJECT, TOKEN, UNLICENSED_PROJECT, ControlPlane
from kit import (EXECUTION, GET, GET_FORMS, LIST, LIST_FORMS, NODES, FailingStream, archive, error_lines, execution,
                 inline, page, posix_only, rule, run_against, run_cli, run_process, surroundings, target)
from server import DROP, HANG, RESET, Reply

RAW = GET + ("--output", "raw")
DENIED = {"type": "about:blank", "title": "Forbidden", "status": 403, "code": "rebac_denied", "reason": "no relation",
          "relation_path": ["user:ann", "project:p"], "correlation_id": "c-17", "detail": "not yours"}


def has_failed(result, code):
    """Whether a run ended with this code, said why, and wrote nothing."""
    return (result.code, result.out, bool(error_lines(result))) == (code, b"", True)


# ---- 0 and 5

@rule("6.1", "6.2", "9.2")
@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled", "timeout", "started", "no such", None])
@pytest.mark.parametrize("form", GET_FORMS)
def test_what_was_printed_is_0_and_5_only_if_the_status_was_asked_for(plane, status, form):
    plane.script(*[Reply(execution([target(inline(b"x"))], status=status))] * 2)
    plain, judged = [run_cli(*GET + flags + ("--output", form), plane=plane) for flags in ((), ("--exit-status",))]
    assert (plain.code, plain.err) == (0, "") and plain.out
    assert judged == plain._replace(code=0 if status == "succeeded" else 5)


@rule("6.1", "6.2", "9.2")
@pytest.mark.parametrize("answer, form, code", [
    (Reply(execution([target({"kind": "tape"})], status="failed")), "text", 1),
    (Reply(execution([target(archive())], status="failed")), "raw", 1), (Reply({}, 404), "text", 1),
    (Reply({}, 401), "text", 3), (Reply({}, 403), "json", 4), (Reply(DENIED, 403), "text", 77),
    (Reply(execution(status="failed"), cut=99), "json", 1)], ids=[
        "unreadable", "archived", "404", "401", "403", "denied", "cut"])
def test_5_hides_no_other_failure(plane, answer, form, code):
    result = run_against(plane, answer, *GET + ("--exit-status", "--output", form))
    assert result.code == code and error_lines(result)


@rule("6.1", "6.2", "5.2")
@pytest.mark.parametrize("form", LIST_FORMS)
def test_empty_page_is_0(plane, form):
    assert run_against(plane, page(), *LIST + ("--output", form))[::2] == (0, "")


# ---- 1, 3, 4: the status decides

STATUS_CODES = dict.fromkeys([201, 202, 204, 206, 299, 300, 301, 302, 304, 307, 308, 400, 402, 404, 405, 407, 409, 410,
                              418, 422, 451, 500, 501, 505, 599], 1)
STATUS_CODES.update({401: 3, 403: 4})


@rule("6.1", "6.2")
@pytest.mark.parametrize("status, code", sorted(STATUS_CODES.items()))
def test_status_decides_the_exit_code_whatever_the_body_says(plane, status, code):
    for argv, problem in ((GET, {"code": "some_code", "status": 403}), (LIST, {"code": "rebac_denied", "status": 403})):
        result = run_against(plane, Reply(dict(problem, items=[], id=EXECUTION), status), *argv)
        assert has_failed(result, 77 if (argv, status) == (LIST, 403) else code)
        assert error_lines(result)[0].startswith("HTTP %d" % status)
    assert len(plane.requests) == 2


@rule("6.1")
@pytest.mark.parametrize("problem", [DENIED, {"status": 500, "code": "internal"}], ids=["denied", "500"])
@pytest.mark.parametrize("argv", [LIST, GET], ids=["list", "get"])
def test_problem_in_a_200_is_malformed_and_no_denial(plane, argv, problem):
    result = run_against(plane, Reply(problem, 200), *argv)
    assert result.code == 1 and error_lines(result)


@rule("6.1", "3.8")
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_transient_status_is_1_after_two_retries(plane, status):
    plane.script(*[Reply({"title": "Busy", "code": "rebac_denied"}, status, [("Retry-After", "0")])] * 3)
    result = run_cli(*GET, plane=plane)
    assert has_failed(result, 1) and len(plane.requests) == 3 and len(error_lines(result, "retry")) == 2


# ---- 4 and 77

CODES = {
    "PermissionDenied": (DENIED, 77), "the code alone": ({"code": "rebac_denied"}, 77),
    "a number beyond int's limit": (b'{"code": "rebac_denied", "n": %s}' % (b"9" * 5000), 77),
    "blanks around the body": (b' \r\n{"code": "rebac_denied"}\n', 77),
    "escapes in the code": (b'{"code": "rebac\\u005fdenied"}', 77),
    "another code": (dict(DENIED, code="feature_disabled"), 4), "a blank after": ({"code": "rebac_denied "}, 4),
    "a newline after": ({"code": "rebac_denied\n"}, 4), "upper case": ({"code": "REBAC_DENIED"}, 4),
    "a beginning": ({"code": "rebac"}, 4), "a longer one": ({"code": "rebac_denied_by_policy"}, 4),
    "a prefix": ({"code": "x.rebac_denied"}, 4), "a list as code": ({"code": ["rebac_denied"]}, 4),
    "an object as code": ({"code": {"rebac_denied": 1}}, 4), "a list": ([DENIED], 4),
    "a string": (b'"rebac_denied"', 4),
    "an inner object": ({"error": DENIED}, 4), "null": ({"code": None}, 4), "empty": ({"code": ""}, 4),
    "no code": ({"reason": "rebac_denied", "type": "rebac_denied", "title": "rebac_denied"}, 4),
    "another member": ({"Code": "rebac_denied"}, 4), "HTML": (b"<html>rebac_denied</html>", 4),
    "cut": (b'{"code": "rebac_denied"', 4), "no UTF-8": (b"\xff\xfe", 4), "absurd nesting": (b"[" * 60000, 4),
    "nothing": (b"", 4), "empty object": ({}, 4)}


@rule("6.1")
@pytest.mark.parametrize("body, code", list(CODES.values()), ids=list(CODES))
def test_403_is_77_only_with_exactly_this_code(plane, body, code):
    assert has_failed(run_against(plane, Reply(body, 403)), code)


@rule("6.1")
@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "text/plain", "text/html", ""])
def test_code_counts_whatever_the_media_type(plane, media):
    assert has_failed(run_against(plane, Reply(DENIED, 403, [("Content-Type", media)])), 77)


@rule("6.1")
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_denial_is_read_in_every_framing(plane, framing):
    assert has_failed(run_against(plane, Reply(DENIED, 403, framing=framing, slices=7), *LIST), 77)


@rule("6.1")
@pytest.mark.parametrize("answer, code", [(Reply(DENIED, 403), 77), (Reply({}, 403), 4), (Reply({}, 401), 3)],
                         ids=["77", "4", "3"])
@pytest.mark.parametrize("form", LIST_FORMS)
def test_refusal_within_a_walk_keeps_its_code(plane, answer, code, form):
    plane.script(Reply(page(execution(), next_cursor="c2")), answer)
    result = run_cli(*LIST + ("--all", "--output", form), plane=plane)
    assert result.code == code and EXECUTION.encode() in result.out and error_lines(result)


# ---- 1: transport, bodies, outputs

@rule("6.1", "6.2", "3.8")
@pytest.mark.parametrize("fault, requests", [(DROP, 3), (RESET, 3), (HANG, 1)], ids=["drop", "reset", "hang"])
def test_lost_connection_is_1_after_two_retries_and_silence_at_once(plane, fault, requests):
    plane.script(fault, fault, fault)
    result = run_cli(*GET + ("--timeout", "0.2"), plane=plane)
    assert has_failed(result, 1) and len(plane.requests) == requests
    assert ("--timeout" in error_lines(result, "hint")[0]) if fault is HANG else "lost" in error_lines(result)[0]


@rule("6.1", "6.2")
def test_refused_connection_is_1(plane):
    plane.close()
    result = run_cli(*LIST, plane=plane)
    assert has_failed(result, 1) and len(error_lines(result, "hint")) == 1


@rule("6.1", "6.2", "3.2")
@pytest.mark.parametrize("kind", ["expired", "wrong-host", "untrusted"])
def test_certificate_that_cannot_be_trusted_is_1(kind):
    with ControlPlane(tls=kind) as plane:
        result = run_cli(*LIST, plane=plane)
    assert has_failed(result, 1) and error_lines(result, "hint") and plane.requests == []


@rule("6.1", "6.2", "3.3")
def test_plain_http_elsewhere_is_1(plane):
    result = run_cli(*LIST + ("--server", "http://plexsphere.test:1"), plane=plane)
    assert has_failed(result, 1) and "--allow-http" in error_lines(result, "hint")[0]


@rule("6.1", "6.2", "3.4")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_1(plane, status):
    result = run_against(plane, Reply("", status, [("Location", plane.url + "/elsewhere")]))
    assert has_failed(result, 1) and "/elsewhere" in error_lines(result)[0] and len(plane.requests) == 1


@rule("6.1", "6.2", "3.10")
@pytest.mark.parametrize("form", GET_FORMS)
@pytest.mark.parametrize("body", [b"", b"<html>Welcome</html>", b"null", b"{", b'{"id":NaN}'], ids=ascii)
def test_malformed_body_is_1(plane, body, form):
    result = run_against(plane, Reply(body), *GET + ("--output", form))
    assert result.code == 1 and error_lines(result)


@rule("6.1", "6.2")
@pytest.mark.parametrize("wire, argv", [
    (execution([target({"kind": "tape"})]), GET), (execution([target({"kind": "tape"})]), RAW),
    (execution([target(archive())]), RAW), (execution(), GET + ("--node", NODES[0]))],
    ids=["unreadable", "unreadable raw", "archived raw", "no such node"])
def test_output_that_is_not_on_stdout_is_1(plane, wire, argv):
    result = run_against(plane, wire, *argv)
    assert result.code == 1 and len(error_lines(result)) == 1


@rule("6.1", "6.2")
@pytest.mark.parametrize("argv", [("--help",), ("--version",), LIST, GET, RAW], ids=[
    "help", "version", "list", "get", "raw"])
@pytest.mark.parametrize("error, code", [
    (OSError(28, "No space left"), 1), (ValueError("closed"), 1), (BrokenPipeError(), 141)],
    ids=["full", "closed", "gone"])
def test_stdout_that_cannot_be_written_is_1_and_a_reader_that_went_is_141_silently(plane, argv, error, code):
    plane.script(Reply(page(execution()) if argv == LIST else execution([target(inline(b"x"))])))
    result = run_cli(*argv, plane=plane, stdout=FailingStream(error))
    assert result.code == code
    assert (len(error_lines(result)), bool(result.err)) == ((1, True) if code == 1 else (0, False))


@rule("6.1", "6.2")
def test_reader_that_goes_ends_the_process_with_141_silently(plane):
    reading, writing = os.pipe()
    os.close(reading)
    plane.script(Reply(execution([target(inline(b"x"))])))
    result = run_process(*GET, plane=plane, stdout=writing)
    os.close(writing)
    assert (result.code, result.err) == (141, "")


# ---- 2 and 3

@rule("6.1", "6.2", "1.15")
@pytest.mark.parametrize("argv, env", [
    ((), {}), (("nonsense",), {}), (LIST[:2], {}), (GET[:4], {}), (LIST + ("--limit", "x"), {}),
    (LIST + ("--nothing",), {}),
    (LIST + ("--output", "raw"), {}), (LIST, {"PLEXSPHERE_URL": "ftp://localhost"}), (LIST, {"PLEXSPHERE_URL": None}),
    (LIST[:2], {"PLEXSPHERE_PROJECT": "no-uuid"}),
    (LIST, {"PLEXSPHERE_URL": "https://plexsphere.test", "HTTPS_PROXY": "socks5://127.0.0.1:1"})], ids=[
        "nothing", "command", "no project", "no id", "value", "flag", "form", "URL", "no server", "project", "proxy"])
def test_usage_is_2_before_anything_is_sent(plane, argv, env):
    assert has_failed(run_cli(*argv, plane=plane, env=env), 2) and plane.requests == []


@rule("6.1", "6.2", "2.6")
def test_no_token_is_3_before_anything_is_sent(plane):
    result = run_cli(*LIST, plane=plane, env={"PLEXSPHERE_TOKEN": None})
    assert has_failed(result, 3) and plane.requests == [] and error_lines(result, "hint")


@rule("6.1", "6.2", "2.4")
@posix_only
def test_insecure_token_file_is_3_before_anything_is_sent(plane, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o640)
    result = run_cli(*LIST + ("--token-file", str(path)), plane=plane)
    assert has_failed(result, 3) and plane.requests == [] and "chmod" in error_lines(result, "hint")[0]


@rule("6.1", "6.2")
@pytest.mark.parametrize("argv, token, code", [
    (LIST[:3] + (FORBIDDEN_PROJECT,), TOKEN, 77), (LIST[:3] + (UNLICENSED_PROJECT,), TOKEN, 4),
    (LIST[:3] + (NODES[0],), TOKEN, 1), (GET, TOKEN, 1), (GET, "not-the-right-one", 3),
    (LIST, "not-the-right-one", 3), (LIST, TOKEN, 0)], ids=[
        "denied", "forbidden", "no project", "no execution", "token of a get", "token of a list", "right"])
def test_sample_plane_is_answered_for_with_the_documented_code(plane, argv, token, code):
    result = run_cli(*argv, plane=plane, env={"PLEXSPHERE_TOKEN": token})
    assert result.code == code and bool(error_lines(result)) == (code != 0) == bool(error_lines(result, "hint"))
    assert plane.requests[0].target.endswith("/executions" + ("/" + EXECUTION if argv == GET else ""))


# ---- 130

@rule("6.1", "6.2", "6.5")
def test_interrupt_is_130_silently(plane):
    def interrupt(seconds):
        raise KeyboardInterrupt

    plane.script(Reply({}, 503))
    result = run_cli(*GET, plane=plane, sleep=interrupt)
    assert (result.code, result.out, error_lines(result)) == (130, b"", []) and "hint" not in result.err


# ---- 6.2: what the lines say

@rule("6.2")
@pytest.mark.parametrize("status", [403, 409, 500])
def test_error_names_all_that_the_problem_has(plane, status):
    line, = error_lines(run_against(plane, Reply(DENIED, status)))
    for text in ("HTTP %d" % status, "rebac_denied", "not yours", "no relation", "user:ann > project:p", "c-17"):
        assert line.count(text) == 1


@rule("6.2")
@pytest.mark.parametrize("name, value", sorted(DENIED.items()), ids=ascii)
def test_error_leaves_out_what_the_problem_has_not(plane, name, value):
    problem = {other: kept for other, kept in DENIED.items() if other != name}
    whole, = error_lines(run_against(plane, Reply(DENIED, 409)))
    line, = error_lines(run_against(plane, Reply(problem, 409)))
    null, = error_lines(run_against(plane, Reply(dict(problem, **{name: None}), 409)))
    assert line == null and "None" not in line and "null" not in line
    gone = {"relation_path": "user:ann", "type": "about", "status": "403", "title": "Forbidden"}.get(name, value)
    assert gone not in line and (gone in whole or name in ("type", "status"))


@rule("6.2")
@pytest.mark.parametrize("problem", [
    {"title": 5, "detail": {"x": 1}, "code": 7, "reason": {}, "relation_path": {}, "correlation_id": 1},
    {"relation_path": []}, {"relation_path": [1, None]}, {"detail": "", "code": "", "reason": ""}, {}],
    ids=["wrong types", "empty path", "path of no texts", "empty texts", "nothing"])
def test_error_of_an_odd_problem_is_the_status(plane, problem):
    assert error_lines(run_against(plane, Reply(problem, 403))) == ["HTTP 403 Forbidden"]


HINTS = {
    "401": (401, {}, "log in"), "403": (403, {}, "owner"), "denied": (403, DENIED, "owner"),
    "404": (404, {}, "--project"), "500": (500, {}, ""), "503": (503, {}, ""),
    "cursor": (400, {"code": "invalid_cursor"}, "--cursor"), "status": (400, {"code": "invalid_status"}, "--status"),
    "limit": (400, {"detail": "the limit is 200 at most", "code": "bad"}, "--limit"),
    "no flag": (400, {"detail": "an id is limited to a UUID"}, "the value of a flag"),
    "not provisioned": (501, {"code": "actions_dispatch_not_provisioned"}, "")}


@rule("6.2")
@pytest.mark.parametrize("status, problem, step", list(HINTS.values()), ids=list(HINTS))
def test_hint_follows_the_error_where_a_next_step_is_known(plane, status, problem, step):
    plane.script(*[Reply(problem, status)] * 3)
    error, hint = run_cli(*LIST, plane=plane).err.splitlines()[-2:]
    assert error.startswith("error: HTTP %d" % status) and hint.startswith("hint: ") and step in hint


@rule("6.2")
def test_hints_tell_different_steps_apart(plane):
    def hint(status, **problem):
        plane.answers.clear()
        plane.script(*[Reply(problem, status)] * 3)
        return error_lines(run_cli(*LIST, plane=plane), "hint")[0]

    hints = [hint(status, **problem) for status, problem, _ in HINTS.values() if problem is not DENIED]
    assert len(set(hints)) >= len(hints) - 1        # 500 and 503 may share one
    for flag in ("--cursor", "--status", "--limit"):
        assert [text.count(flag) for text in hints if flag in text] == [1]


@rule("6.2", "1.7")
@pytest.mark.parametrize("flag, value", [("--cursor", "no-cursor"), ("--status", "no-status"), ("--limit", "201")])
def test_value_that_the_plane_refuses_is_traced_to_its_flag(plane, flag, value):
    result = run_cli(*LIST + (flag, value), plane=plane)
    assert has_failed(result, 1) and flag in error_lines(result, "hint")[0]


@rule("6.2")
@pytest.mark.parametrize("body, media", [(b"<html>Welcome</html>", "text/html"), (b" \n<html>", "text/plain"),
                                         (b"", "TEXT/HTML; charset=utf-8")], ids=["HTML", "undeclared", "empty"])
@pytest.mark.parametrize("status, code", [(200, 1), (401, 3), (403, 4), (404, 1), (500, 1)])
def test_html_is_no_answer(plane, status, code, body, media):
    result = run_against(plane, Reply(body, status, [("Content-Type", media)]))
    assert has_failed(result, code) and (error_lines(result, "hint") or status == 200)
    assert status != 200 or not body or "is this the API?" in error_lines(result, "hint")[0]


@rule("6.2")
def test_error_of_the_library_carries_code_status_and_problem(plane):
    plane.script(Reply(DENIED, 403), Reply({}, 401), Reply(b"<html>", 404))
    transport = program.Transport(program.Server.parse(plane.url), TOKEN)
    found = []
    for _ in range(3):
        with pytest.raises(program.APIError) as caught:
            program.get_execution(transport, LIST[3], EXECUTION)
        found.append((caught.value.exit_code, caught.value.status, caught.value.problem, bool(caught.value.hint)))
    transport.close()
    assert found == [(77, 403, DENIED, True), (3, 401, {}, True), (1, 404, {}, True)]


@rule("6.2")
def test_expected_failures_are_one_family():
    assert issubclass(program.APIError, program.RemoteError)
    for kind, code in ((program.UsageError, 2), (program.CredentialsError, 3), (program.RemoteError, 1)):
        assert issubclass(kind, program.ExecLogError) and kind.exit_code == code


@rule("6.2", "8.3")
def test_failures_are_told_in_bytes_to_a_binary_stderr(plane):
    plane.script(Reply({"detail": "caf\u00e9"}, 409))
    out, err = io.BytesIO(), io.BytesIO()
    with surroundings(plane):
        assert program.main(list(GET), out, err) == 1
    assert "error: HTTP 409 Conflict; caf\u00e9\n".encode("utf-8") in err.getvalue()
