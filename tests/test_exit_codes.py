"""Section 6: every exit code by its cause, and the lines that come with it. 6.3 and 6.4 are in test_failures.py."""

import time

import pytest

import plexctl_exec_log as program
from control_plane import FORBIDDEN_PROJECT, TOKEN, UNLICENSED_PROJECT, ControlPlane
from kit import (EXECUTION, GET, LIST, NODES, FailingStream, archive, error_lines, every_get_format, execution, inline,
                 page, posix_only, rule, run_against, run_cli, target)
from server import DROP, HANG, RESET, Reply

DENIED = {"type": "about:blank", "title": "Forbidden", "status": 403, "code": "rebac_denied", "reason": "no relation",
          "relation_path": ["user:ann", "project:p"], "correlation_id": "c-17", "detail": "not yours"}


def has_failed(result, code):
    """Tell whether a run ended with this code, said why on one line, and wrote nothing."""
    return (result.code, result.out, len(error_lines(result))) == (code, b"", 1)


# ---- 0 and 5

@rule("6.1", "6.2", "9.2", "9.2a")
@pytest.mark.parametrize("status", ["succeeded", "failed", "started", "no such", None])
@every_get_format
def test_exits_0_after_printing_or_5_if_exit_status_is_given(plane, status, format):
    plane.script(*[Reply(execution([target(inline(b"x"))], status=status))] * 2)
    plain, judged = [run_cli(*GET + flags + ("--output", format), plane=plane) for flags in ((), ("--exit-status",))]
    assert (plain.code, plain.err) == (0, "")
    assert plain.out
    assert judged == plain._replace(code=0 if status == "succeeded" else 5)


@rule("6.1d")
@pytest.mark.parametrize("answer, format, code", [
    (Reply(execution([target({"kind": "tape"})], status="failed")), "text", 1),
    (Reply(execution([target(archive())], status="failed")), "raw", 1), (Reply({}, 404), "text", 1),
    (Reply({}, 401), "text", 3), (Reply({}, 403), "json", 4), (Reply(DENIED, 403), "text", 77),
    (Reply(execution(status="failed"), cut=99), "json", 1)], ids=[
        "unreadable", "archived", "404", "401", "403", "denied", "cut"])
def test_exit_status_5_never_replaces_another_failure(plane, answer, format, code):
    result = run_against(plane, answer, *GET + ("--exit-status", "--output", format))
    assert result.code == code
    assert error_lines(result)


# ---- 1, 3, 4, 77: the answer decides

STATUS_CODES = dict.fromkeys([201, 204, 206, 299, 300, 301, 302, 303, 304, 307, 308, 400, 402, 404, 405, 407, 409, 410,
                              418, 451, 500, 501, 502, 503, 505, 599], 1)
STATUS_CODES.update({401: 3, 403: 4})


@rule("6.1", "6.1a", "6.1c", "6.2a")
@pytest.mark.parametrize("status, code", sorted(STATUS_CODES.items()))
def test_http_status_decides_the_exit_code_whatever_the_body_says(plane, status, code):
    for argv, problem in ((GET, {"code": "some_code", "status": 403}), (LIST, {"code": "rebac_denied", "status": 403})):
        plane.script(*[Reply(dict(problem, items=[], id=EXECUTION), status)] * 3)
        result = run_cli(*argv, plane=plane)
        plane.answers.clear()
        assert has_failed(result, 77 if (argv, status) == (LIST, 403) else code)
        assert error_lines(result)[0].startswith("HTTP %d" % status)


BODIES_OF_403 = {
    "PermissionDenied": (DENIED, 77), "the code alone": ({"code": "rebac_denied"}, 77),
    "a number beyond int's limit": (b'{"code": "rebac_denied", "n": %s}' % (b"9" * 5000), 77),
    "blanks around the body": (b' \r\n{"code": "rebac_denied"}\n', 77),
    "escapes in the code": (b'{"code": "rebac\\u005fdenied"}', 77),
    "another code": (dict(DENIED, code="feature_disabled"), 4), "a newline after": ({"code": "rebac_denied\n"}, 4),
    "upper case": ({"code": "REBAC_DENIED"}, 4), "a longer one": ({"code": "rebac_denied_by_policy"}, 4),
    "a prefix": ({"code": "x.rebac_denied"}, 4), "a list as code": ({"code": ["rebac_denied"]}, 4),
    "a list": ([DENIED], 4), "a string": (b'"rebac_denied"', 4), "an inner object": ({"error": DENIED}, 4),
    "no code": ({"reason": "rebac_denied", "type": "rebac_denied", "title": "rebac_denied"}, 4),
    "another member": ({"Code": "rebac_denied"}, 4), "HTML": (b"<html>rebac_denied</html>", 4),
    "cut": (b'{"code": "rebac_denied"', 4), "no UTF-8": (b"\xff\xfe", 4), "absurd nesting": (b"[" * 60000, 4),
    "nothing": (b"", 4)}


@rule("6.1b")
@pytest.mark.parametrize("body, code", list(BODIES_OF_403.values()), ids=list(BODIES_OF_403))
def test_status_403_exits_77_only_with_exactly_rebac_denied(plane, body, code):
    assert has_failed(run_against(plane, Reply(body, 403)), code)


@rule("6.1b")
@pytest.mark.parametrize("media, framing", [("text/html", "length"), ("", "chunked"), ("application/json", "close")])
def test_denial_code_counts_in_every_media_type_and_framing(plane, media, framing):
    reply = Reply(DENIED, 403, [("Content-Type", media)], framing=framing, slices=7)
    assert has_failed(run_against(plane, reply), 77)


# ---- 1: transport, bodies, outputs

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
FAILED_RESPONSES = {
    "drop": (DROP, 3, "lost", ""), "reset": (RESET, 3, "lost", ""), "silence": (HANG, 1, "timed out", "--timeout"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 1, "HTTP", "is this the API?"),
    "an impossible chunk": (HEAD[:17] + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", 1, "body", ""),
    "an empty body": (Reply(b""), 1, "", ""), "HTML": (Reply(b"<html>Welcome"), 1, "", "is this the API?"),
    "a denial": (Reply(DENIED), 1, "", "is this the API?"), "NaN": (Reply(b'{"id":NaN}'), 1, "", "")}


@rule("6.1", "6.2")
@pytest.mark.parametrize("answer, requests, message, hint", list(FAILED_RESPONSES.values()), ids=list(FAILED_RESPONSES))
def test_failed_transport_or_body_exits_1_with_one_line(plane, answer, requests, message, hint):
    plane.script(answer, answer, answer)
    result = run_cli(*LIST + ("--timeout", "0.2"), plane=plane)
    assert has_failed(result, 1) and len(plane.requests) == requests
    assert message in error_lines(result)[0] and hint in "".join(error_lines(result, "hint"))


@rule("6.1a", "6.2", "3.2a", "3.3a")
@pytest.mark.parametrize("fault, url, hint", [
    ("nobody listens", None, "is this the API?"), ("plain http elsewhere", "http://plexsphere.test:1", "--allow-http"),
    ("expired", "", "clock"), ("wrong-host", "", "server's name"), ("untrusted", "", "--ca-file")],
    ids=lambda value: value if value and "-" not in value[:2] else "")
def test_unreachable_or_untrusted_server_exits_1(fault, url, hint):
    with ControlPlane(tls=fault if url == "" else False) as plane:
        if url is None:
            plane.close()
        result = run_cli(*LIST + (("--server", url) if url else ()), plane=plane)
    assert has_failed(result, 1) and hint in error_lines(result, "hint")[0] and plane.requests == []


@rule("6.1a", "5.3g", "5.6a", "5.7c")
@pytest.mark.parametrize("output, flags, code", [
    ({"kind": "tape"}, "", 1), ({"kind": "tape"}, "-o table", 1), ({"kind": "tape"}, "-o raw", 1), (archive(), "", 0),
    (archive(), "-o table", 0), (archive(), "-o raw", 1), (archive(), "-o lines", 1), (None, "-o raw", 0),
    (None, "--node " + NODES[1], 1)], ids=lambda value: value["kind"] if isinstance(value, dict) else value or "none")
def test_output_missing_from_stdout_exits_1(plane, output, flags, code):
    result = run_against(plane, execution([target(output)]), *GET + tuple(flags.split()))
    assert (result.code, len(error_lines(result))) == (code, code)


@rule("6.1a", "6.2i")
@pytest.mark.parametrize("argv", [("--help",), ("--version",), LIST, GET, GET + ("-o", "raw")], ids=[
    "help", "version", "list", "get", "raw"])
@pytest.mark.parametrize("error, code, said", [
    (OSError(28, "No space left"), 1, "error: cannot write standard output: No space left\n"),
    (ValueError("closed"), 1, "error: cannot write standard output: closed\n"),
    (TypeError("no text"), 1, "error: cannot write standard output: no text\n"),
    (MemoryError(), 1, "error: out of memory\n"), (BrokenPipeError(), 141, "")],
    ids=["full", "closed", "text stream", "memory", "gone"])
def test_unwritable_stdout_exits_1_and_closed_pipe_exits_141_silently(plane, argv, error, code, said):
    plane.script(Reply(page(execution()) if argv == LIST else execution([target(inline(b"x"))])))
    result = run_cli(*argv, plane=plane, stdout=FailingStream(error))
    assert (result.code, result.err) == (code, said)


# ---- 2, 3, 124, and the sample plane

@rule("6.1", "6.2", "1.6c")
@pytest.mark.parametrize("argv, env", [
    ((), {}), (("nonsense",), {}), (LIST[:2], {}), (GET[:4], {}), (LIST + ("--limit", "x"), {}),
    (LIST + ("--nothing",), {}), (LIST + ("--output", "raw"), {}), (LIST, {"PLEXSPHERE_URL": "ftp://localhost"}),
    (LIST, {"PLEXSPHERE_URL": None}), (LIST[:2], {"PLEXSPHERE_PROJECT": "no-uuid"}),
    (LIST, {"PLEXSPHERE_URL": "https://plexsphere.test", "HTTPS_PROXY": "socks5://127.0.0.1:1"})], ids=[
        "nothing", "command", "no project", "no id", "value", "flag", "format", "URL", "no server", "project", "proxy"])
def test_usage_errors_exit_2_before_anything_is_sent(plane, argv, env):
    assert has_failed(run_cli(*argv, plane=plane, env=env), 2) and plane.requests == []


@rule("6.1", "6.2")
@pytest.mark.parametrize("mode, hint", [(None, "--token-file"), pytest.param(0o640, "chmod", marks=posix_only)],
                         ids=["no token", "insecure token file"])
def test_missing_or_insecure_credentials_exit_3_before_a_request(plane, tmp_path, mode, hint):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(mode or 0o600)
    argv = LIST + (("--token-file", str(path)) if mode else ())
    result = run_cli(*argv, plane=plane, env={"PLEXSPHERE_TOKEN": None})
    assert has_failed(result, 3) and plane.requests == [] and hint in error_lines(result, "hint")[0]


@rule("6.1", "6.2")
def test_wait_that_times_out_exits_124(plane):
    plane.script(*[Reply(execution(status="started"))] * 9)
    result = run_cli(*GET + ("--wait", "--wait-timeout", "0.6"), plane=plane, sleep=time.sleep)
    assert has_failed(result, 124) and "started" in error_lines(result)[0] and error_lines(result, "hint")


@rule("6.1", "6.2")
@pytest.mark.parametrize("argv, token, code", [
    (LIST[:3] + (FORBIDDEN_PROJECT,), TOKEN, 77), (LIST[:3] + (UNLICENSED_PROJECT,), TOKEN, 4),
    (LIST[:3] + (NODES[0],), TOKEN, 1), (GET, TOKEN, 1), (LIST, "not-the-right-one", 3), (LIST, TOKEN, 0)],
    ids=["denied", "forbidden", "no project", "no execution", "token", "right"])
def test_sample_plane_gives_the_documented_exit_codes(plane, argv, token, code):
    result = run_cli(*argv, plane=plane, env={"PLEXSPHERE_TOKEN": token})
    assert result.code == code
    assert bool(error_lines(result)) == (code != 0) == bool(error_lines(result, "hint"))


# ---- 6.2: what the lines say

@rule("6.2a")
@pytest.mark.parametrize("name, value", sorted(DENIED.items()), ids=ascii)
def test_error_names_the_members_of_the_problem_and_nothing_else(plane, name, value):
    problem = {other: kept for other, kept in DENIED.items() if other != name}
    (whole,), (line,), (null,) = [error_lines(run_against(plane, Reply(body, 409))) for body in (
        DENIED, problem, dict(problem, **{name: None}))]
    assert line == null and "None" not in line and "null" not in line and whole.startswith("HTTP 409 Forbidden")
    shown = {"relation_path": "user:ann > project:p", "type": "about", "status": "403"}.get(name, value)
    assert whole.count(shown) == (name not in ("type", "status")) and shown not in line


@rule("6.2a")
@pytest.mark.parametrize("problem", [
    {"title": 5, "detail": {"x": 1}, "code": 7, "reason": {}, "relation_path": {}, "correlation_id": 1},
    {"relation_path": [1, None], "detail": "", "code": "", "reason": ""}], ids=["wrong types", "empty"])
def test_malformed_problem_falls_back_to_the_http_status(plane, problem):
    assert error_lines(run_against(plane, Reply(problem, 403))) == ["HTTP 403 Forbidden"]


@rule("6.2b")
@pytest.mark.parametrize("body, shown", [({"correlation_id": "c-17"}, "c-17"), ({"correlation_id": 17}, "h-1"),
                                         ({"detail": "x"}, "h-1"), (b"<html>", "h-1")], ids=ascii)
def test_correlation_id_falls_back_to_the_header(plane, body, shown):
    line, = error_lines(run_against(plane, Reply(body, 500, [("x-correlation-id", "h-1")])))
    assert line.endswith("correlation id: " + shown) and line.count("-1") == 1


HINTS = {
    "401": (401, {}, "PLEXSPHERE_TOKEN"), "403": (403, {}, "an owner"), "denied": (403, DENIED, "an owner"),
    "caveat": (403, {"reason": "caveat_violation"}, "source address"),
    "404": (404, {"code": "x"}, "--project"), "404 without a Problem": (404, b"<html>", "is this the API?"),
    "404 without a body": (404, b"", "is this the API?"), "407": (407, {}, "NO_PROXY"), "429": (429, {}, "a minute"),
    "500": (500, {}, "operators"), "501": (501, {}, "action dispatch"), "503": (503, {}, "overloaded"),
    "cursor": (400, {"code": "invalid_cursor"}, "the cursor"), "409": (409, {"code": "invalid_cursor"}, None),
    "status": (400, {"code": "invalid_status"}, "--status"), "limit": (400, {"code": "invalid_limit"}, "--limit"),
    "the code counts, not a word": (400, {"detail": "the limit is 200 at most"}, "the value of a flag")}


@rule("6.2c", "6.2d", "6.2e")
@pytest.mark.parametrize("status, body, step", list(HINTS.values()), ids=list(HINTS))
def test_hint_follows_an_error_with_a_known_next_step(plane, status, body, step):
    plane.script(*[Reply(body, status)] * 3)
    lines = run_cli(*LIST, plane=plane).err.splitlines()[-2 if step else -1:]
    assert lines[0].startswith("error: HTTP %d" % status)
    assert not step or lines[1].startswith("hint: ") and step in lines[1]


@rule("6.1")
def test_expected_failures_are_one_family_with_exit_codes(plane):
    for kind, code in ((program.UsageError, 2), (program.CredentialsError, 3), (program.RemoteError, 1),
                       (program.WaitTimeout, 124)):
        assert issubclass(kind, program.ExecLogError) and kind.exit_code == code
    plane.script(Reply(DENIED, 403))
    with program.Transport(program.Server.parse(plane.url), TOKEN) as transport, pytest.raises(program.APIError) as got:
        program.get_execution(transport, LIST[3], EXECUTION)
    assert (got.value.exit_code, got.value.status, got.value.problem, bool(got.value.hint)) == (77, 403, DENIED, True)
