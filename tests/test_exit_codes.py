"""Section 6: every exit code, by its cause."""

import pytest

from control_plane import DROP, FORBIDDEN_PROJECT, HANG, RESET, TOKEN, UNLICENSED_PROJECT, Reply
from kit import EXECUTION, GET, LIST, NODES, answered, archive, execution, inline, page, run_cli, target

DENIED = {"type": "about:blank", "title": "Forbidden", "status": 403, "code": "rebac_denied", "reason": "no relation",
          "relation_path": ["user:ann", "project:p"], "correlation_id": "c-17", "detail": "not yours"}


@pytest.mark.parametrize("status, code", [
    (201, 1), (204, 1), (206, 1), (299, 1), (300, 1), (304, 1), (400, 1), (401, 3), (402, 1), (403, 4), (404, 1),
    (405, 1), (407, 1), (409, 1), (410, 1), (418, 1), (422, 1), (500, 1), (501, 1), (505, 1), (599, 1)])
def test_status_decides_the_exit_code(plane, status, code):
    for problem in ("some_code", "rebac_denied"):
        result = answered(plane, Reply({"title": "No", "status": 403, "code": problem}, status))
        assert (result.code, result.out) == (77 if problem == "rebac_denied" and code == 4 else code, b"")
        assert result.err.startswith("error: HTTP %d" % status)
    assert len(plane.requests) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_transient_status_is_1_after_two_retries(plane, status):
    plane.script(*[Reply({"title": "Busy"}, status, [("Retry-After", "0")])] * 3)
    result = run_cli(*GET, plane=plane)
    assert (result.code, result.out, len(plane.requests)) == (1, b"", 3)
    assert result.err.count("retry: HTTP %d" % status) == 2


@pytest.mark.parametrize("body, code", [
    (DENIED, 77), ({"code": "rebac_denied"}, 77), (b'{"code": "rebac_denied", "n": %s}' % (b"9" * 5000), 77),
    ({"code": "rebac_denied "}, 4), ({"code": "REBAC_DENIED"}, 4), ({"code": ["rebac_denied"]}, 4), ([DENIED], 4),
    ({"code": None}, 4), ({"reason": "x", "correlation_id": "y"}, 4), (b"<html>rebac_denied</html>", 4),
    (b'{"code": "rebac_denied"', 4), (b"\xff\xfe", 4), (b"[" * 60000, 4), (b"", 4)])
@pytest.mark.parametrize("media", ["application/problem+json", "text/plain"])
def test_403_is_77_only_with_the_code_of_a_denial(plane, body, code, media):
    assert answered(plane, Reply(body, 403, [("Content-Type", media)])).code == code


@pytest.mark.parametrize("problem, texts", [
    (DENIED, ["error: HTTP 403 Forbidden", "not yours", "no relation", "user:ann > project:p", "c-17", "rebac_denied"]),
    ({"title": 5, "detail": ["x"], "code": 7, "reason": None, "relation_path": {}}, ["error: HTTP 403 Forbidden\n"]),
    ({"title": "Away", "relation_path": ["a", 1, "b"]}, ["error: HTTP 403 Away; ", " a > b\n"]),
    ({"relation_path": []}, ["error: HTTP 403 Forbidden\n"])])
def test_error_names_what_the_problem_has_and_the_next_step(plane, problem, texts):
    lines = answered(plane, Reply(problem, 403)).err
    assert [text for text in texts if text not in lines] == [] and lines.splitlines()[1].startswith("hint: ask ")


@pytest.mark.parametrize("status, hint", [(401, "log in again"), (403, "relation"), (404, "--project")])
def test_hint_where_a_next_step_is_known(plane, status, hint):
    assert hint in answered(plane, Reply({}, status)).err.split("\nhint: ")[1]


@pytest.mark.parametrize("argv, token, code", [
    (LIST[:3] + (FORBIDDEN_PROJECT,), TOKEN, 77), (LIST[:3] + (UNLICENSED_PROJECT,), TOKEN, 4), (LIST[:3] + (NODES[0],), TOKEN, 1), (GET, TOKEN, 1),
    (GET, "not-the-right-one", 3), (LIST, "not-the-right-one", 3), (LIST, TOKEN, 0)])
def test_project_execution_and_token_decide_too(plane, argv, token, code):
    assert run_cli(*argv, plane=plane, env={"PLEXSPHERE_TOKEN": token}).code == code
    assert plane.requests[0].target.endswith("/executions" + ("/" + EXECUTION if argv == GET else ""))


@pytest.mark.parametrize("body, media", [(b"<html>Welcome</html>", "text/html"), (b" \n<html>", "text/plain"), (b"", "TEXT/HTML")])
@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 500])
def test_html_asks_whether_it_is_the_api(plane, status, body, media):
    result = answered(plane, Reply(body, status, [("Content-Type", media)]))
    assert result.code == {401: 3, 403: 4}.get(status, 1)
    assert ("\nhint: is this the API?" in result.err) == (status != 200 or body != b"")


@pytest.mark.parametrize("fault, requests, told", [(DROP, 3, "lost"), (RESET, 3, "lost"), (HANG, 1, "--timeout")])
def test_lost_connection_is_1_after_two_retries_and_silence_at_once(plane, fault, requests, told):
    plane.script(fault, fault, fault)
    result = run_cli(*GET + ("--timeout", "0.2"), plane=plane)
    assert (result.code, len(plane.requests)) == (1, requests) and told in result.err


def test_refused_connection_is_1(plane):
    plane.close()
    result = run_cli(*LIST, plane=plane)
    assert result.code == 1 and "connection refused" in result.err and result.err.count("\n") == 2


@pytest.mark.parametrize("form", ["text", "json", "yaml", "jsonl", "raw"])
def test_node_keeps_that_target_and_is_1_if_it_is_none(plane, form):
    wire = execution([target(inline(b"x"), node) for node in NODES[:3]])
    result = answered(plane, wire, *GET + ("--output", form, "--node", NODES[3]))
    assert result.code == 1 and "%s is not a target" % NODES[3] in result.err and NODES[0].encode() not in result.out
    for kept in wire["targets"] if form != "text" else ():
        assert answered(plane, wire, *GET + ("--output", form, "--node", kept["node_id"])) == \
            answered(plane, dict(wire, targets=[kept]), *GET + ("--output", form))


@pytest.mark.parametrize("status, code", [("succeeded", 0), ("failed", 5), ("started", 5), ("no such status", 5), (None, 5)])
@pytest.mark.parametrize("form", ["text", "json", "yaml", "jsonl", "raw"])
def test_exit_status_is_5_unless_succeeded(plane, status, code, form):
    plane.script(*[Reply(execution([target(inline(b"x"))], status=status))] * 2)
    plain, judged = [run_cli(*GET + flags + ("--output", form), plane=plane) for flags in ((), ("--exit-status",))]
    assert plain.code == 0 and judged == plain._replace(code=code)


@pytest.mark.parametrize("output, form", [({"kind": "tape"}, "text"), (archive(), "raw")])
def test_exit_status_hides_no_other_failure(plane, output, form):
    wire = execution([target(output)], status="failed")
    assert answered(plane, wire, *GET + ("--exit-status", "--output", form)).code == 1


def test_empty_list_is_0(plane):
    result = answered(plane, page(), *LIST)
    assert (result.code, result.out) == (0, b"ID  STATUS  TYPE  TARGETS  CREATED_AT  UPDATED_AT  ACTION\n")
