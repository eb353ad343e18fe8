"""Section 6: every exit code by its cause, and the lines that come with it. 6.3 and 6.4 are in test_failures.py."""

import re

import pytest

from control_plane import STATUSES
from kit import (EXECUTION, GET, LIST, FailingStream, error_lines, execution, inline, page, rule, run_against, run_cli,
                 target)
from server import Reply

DENIED = {"type": "about:blank", "title": "Forbidden", "status": 403, "code": "rebac_denied", "reason": "no relation",
          "relation_path": ["user:ann", "project:p"], "correlation_id": "c-17", "detail": "not yours"}


def has_failed(result, code):
    """Tell whether a run ended with this code, said why on one line, and wrote nothing."""
    return (result.code, result.out, len(error_lines(result))) == (code, b"", 1)


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
    "no code": ({"reason": "rebac_denied", "type": "rebac_denied", "title": "rebac_denied"}, 4), "nothing": (b"", 4),
    "a number beyond int's limit": (b'{"code": "rebac_denied", "n": %s}' % (b"9" * 5000), 77), "a list": ([DENIED], 4),
    "blanks around the body": (b' \r\n{"code": "rebac_denied"}\n', 77), "another member": ({"Code": "rebac_denied"}, 4),
    "escapes in the code": (b'{"code": "rebac\\u005fdenied"}', 77), "a newline after": ({"code": "rebac_denied\n"}, 4),
    "another code": (dict(DENIED, code="feature_disabled"), 4), "a longer one": ({"code": "rebac_denied_by_policy"}, 4),
    "no UTF-8": (b'{"code": "rebac_denied", "n": "\xff"}', 4), "a list as code": ({"code": ["rebac_denied"]}, 4),
    "the code alone": ({"code": "rebac_denied"}, 77), "upper case": ({"code": "REBAC_DENIED"}, 4),
    "a prefix": ({"code": "x.rebac_denied"}, 4), "an inner object": ({"error": DENIED}, 4),
    "HTML": (b"<html>rebac_denied</html>", 4), "cut": (b'{"code": "rebac_denied"', 4), "PermissionDenied": (DENIED, 77),
    "absurd nesting": (b"[" * 60000, 4), "a string": (b'"rebac_denied"', 4)}


@rule("6.1b")
@pytest.mark.parametrize("body, code", list(BODIES_OF_403.values()), ids=list(BODIES_OF_403))
def test_status_403_exits_77_only_with_exactly_rebac_denied(plane, body, code):
    for headers in ([], [("Content-Type", "text/html")]):
        assert has_failed(run_against(plane, Reply(body, 403, headers)), code)


@rule("6.1a", "6.2i")
@pytest.mark.parametrize("argv", [("--help",), ("--version",), LIST, GET, GET + ("-o", "raw")], ids=[
    "help", "version", "list", "get", "raw"])
@pytest.mark.parametrize("error, code, said", [
    (OSError(28, "No space left"), 1, "error: cannot write to standard output: No space left\n"),
    (ValueError("closed"), 1, "error: cannot write to standard output: closed\n"),
    (TypeError("no text"), 1, "error: cannot write to standard output: no text\n"),
    (MemoryError(), 1, "error: out of memory\n"), (BrokenPipeError(), 141, "")],
    ids=["full", "closed", "text stream", "memory", "gone"])
def test_unwritable_stdout_exits_1_and_closed_pipe_exits_141_silently(plane, argv, error, code, said):
    plane.script(Reply(page(execution()) if argv == LIST else execution([target(inline(b"x"))])))
    result = run_cli(*argv, plane=plane, stdout=FailingStream(error), terminals=("stderr",))
    assert (result.code, result.err) == (code, said)


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
@pytest.mark.parametrize("body, header, shown", [
    ({"correlation_id": "c-17"}, "h-1", "c-17"), ({"correlation_id": 17}, "h-1", "h-1"),
    ({"detail": "x"}, "h-1", "h-1"), (b"<html>", "h\x1b", "h\\x1b")], ids=ascii)
def test_correlation_id_falls_back_to_the_header(plane, body, header, shown):
    line, = error_lines(run_against(plane, Reply(body, 500, [("x-correlation-id", header)])))
    assert line.endswith("; correlation id: " + shown)
    assert line.count("correlation id") == 1


HINTS = {
    "the code counts, not a word": (400, {"detail": "the limit is 200 at most"}, "the value of a flag"),
    "400 of a TLS port": (400, b"Client sent an HTTP request to an HTTPS server.", "the API?"),
    "401": (401, {}, "the token from PLEXSPHERE_TOKEN is invalid, expired or for another server"),
    "the reason of a 400": (400, {"reason": "caveat_violation"}, "the value of a flag"), "503": (503, {}, "overloaded"),
    "the code of a 403": (403, {"code": "invalid_cursor"}, "an owner"), "409": (409, {"code": "invalid_cursor"}, None),
    "the code of a 404": (404, {"code": "invalid_limit"}, "--project"), "404": (404, {"code": "x"}, "--project"),
    "caveat": (403, {"reason": "caveat_violation"}, "source address"), "403": (403, {"code": "x"}, "an owner"),
    "404 without a Problem": (404, b"<html>", "the API?"), "404 without a body": (404, b"", "the API?"),
    "cursor": (400, {"code": "invalid_cursor"}, "the cursor"), "403 of a gateway": (403, b"<html>", "the API?"),
    "status": (400, {"code": "invalid_status"}, "--status"), "limit": (400, {"code": "invalid_limit"}, "--limit"),
    "denied": (403, DENIED, "an owner"), "501": (501, {}, "action dispatch"), "500": (500, {}, "operators"),
    "407": (407, {}, "NO_PROXY"), "429": (429, {}, "a minute"), "502": (502, {}, "overloaded"),
    "504": (504, b"", "overloaded"), "300": (300, b"", "without a Location"), "399": (399, {}, "without a Location")}


@rule("6.2c", "6.2d", "6.2e", "6.2h")
@pytest.mark.parametrize("status, body, step", list(HINTS.values()), ids=list(HINTS))
def test_hint_follows_an_error_with_a_known_next_step(plane, status, body, step):
    plane.script(*[Reply(body, status)] * 3)
    lines = run_cli(*LIST + ("--status", "FAILED"), plane=plane).err.splitlines()[-2 if step else -1:]
    assert lines[0].startswith("error: HTTP %d" % status)
    assert not step or lines[1].startswith("hint: ") and step in lines[1]
    assert status != 400 or ("failed" in lines[1]) == (body == {"code": "invalid_status"})


@rule("6.2d", "6.2f")
@pytest.mark.parametrize("given, near", [
    ("FAILED", ["failed"]), ("Succeeded", ["succeeded"]), ("tiemout", ["timeout"]), ("canceled", ["cancelled"]),
    ("START", ["started"]), ("  ack ", ["ack"]), ("PENDNG", ["pending"]), ("banana", []), ("", [])])
def test_hint_of_a_rejected_status_names_the_flag_and_the_nearest(plane, given, near):
    result = run_against(plane, Reply({"code": "invalid_status"}, 400), *LIST + ("--status", given))
    hint, = error_lines(result, "hint")
    assert "--status" in hint
    assert [status for status in STATUSES if re.search(r"\b%s\b" % status, hint)] == near


@rule("6.2g")
@pytest.mark.parametrize("given", ["failed,timeout", "failed, timeout", "FAILED,cancelled"])
def test_hint_of_several_statuses_in_one_value_says_to_repeat_the_flag(plane, given):
    result = run_against(plane, Reply({"code": "invalid_status"}, 400), *LIST + ("--status", given))
    assert re.search(r"repeat|--status \w+ --status \w+", error_lines(result, "hint")[0])
