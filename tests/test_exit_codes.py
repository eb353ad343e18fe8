"""Section 6: every exit code, by its cause."""

import pytest

from control_plane import DROP, FORBIDDEN_PROJECT, HANG, RESET, UNLICENSED_PROJECT, Reply
from kit import EXECUTION, GET, LIST, NODES, answered, archive, execution, page, run_cli, target

DENIED = {"type": "about:blank", "title": "Forbidden", "status": 403, "code": "rebac_denied", "reason": "no relation",
          "relation_path": ["user:ann", "project:p"], "correlation_id": "c-17", "detail": "not yours"}


@pytest.mark.parametrize("status, code", [
    (201, 1), (204, 1), (206, 1), (304, 1), (400, 1), (401, 3), (402, 1), (403, 4), (404, 1), (405, 1), (407, 1),
    (409, 1), (410, 1), (418, 1), (422, 1), (500, 1), (501, 1), (505, 1)])
def test_status_decides_the_exit_code(plane, status, code):
    result = answered(plane, Reply({"title": "No", "status": status, "code": "some_code"}, status))
    assert (result.code, result.out, len(plane.requests)) == (code, b"", 1)
    assert "error: HTTP %d" % status in result.err


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_transient_status_is_1_after_two_retries(plane, status):
    plane.script(*[Reply({"title": "Busy"}, status, [("Retry-After", "0")])] * 3)
    result = run_cli(*GET, plane=plane)
    assert (result.code, result.out, len(plane.requests)) == (1, b"", 3)
    assert result.err.count("retry: HTTP %d" % status) == 2


@pytest.mark.parametrize("body, headers, code", [
    (DENIED, [], 77),
    (DENIED, [("Content-Type", "text/plain")], 77),
    ({"code": "rebac_denied"}, [], 77),
    (b'{"code": "rebac_denied", "n": %s}' % (b"9" * 5000), [], 77),
    ({"code": "rebac_denied "}, [], 4),
    ({"code": "REBAC_DENIED"}, [], 4),
    ({"code": ["rebac_denied"]}, [], 4),
    ([DENIED], [], 4),
    ({"reason": "x", "correlation_id": "y"}, [], 4),
    (b"<html>rebac_denied</html>", [], 4),
    (b'{"code": "rebac_denied"', [], 4),
    (b"\xff\xfe", [], 4),
    (b"[" * 60000, [], 4),
    (b"", [], 4)])
def test_403_is_77_only_with_the_code_of_a_denial(plane, body, headers, code):
    assert answered(plane, Reply(body, 403, headers)).code == code


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_denial_code_counts_in_a_403_alone(plane, status):
    assert answered(plane, Reply(DENIED, status)).code == (3 if status == 401 else 1)


def test_denial_names_relation_and_correlation(plane):
    err = answered(plane, Reply(DENIED, 403)).err
    for text in ("error: HTTP 403 Forbidden", "not yours", "no relation", "user:ann > project:p", "c-17", "\nhint: "):
        assert text in err


@pytest.mark.parametrize("project, code", [(FORBIDDEN_PROJECT, 77), (UNLICENSED_PROJECT, 4), (NODES[0], 1)])
def test_refused_project(plane, project, code):
    assert run_cli("list", "--project", project, plane=plane).code == code


def test_unknown_execution_is_1(plane):
    assert run_cli(*GET, plane=plane).code == 1


def test_wrong_token_is_3_with_a_hint(plane):
    result = run_cli(*LIST, plane=plane, env={"PLEXSPHERE_TOKEN": "not-the-right-one"})
    assert result.code == 3 and "hint: log in again" in result.err


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 500])
def test_html_asks_whether_it_is_the_api(plane, status):
    result = answered(plane, Reply(b"<html>Welcome</html>", status, [("Content-Type", "text/html")]))
    assert result.code == {401: 3, 403: 4}.get(status, 1) and "hint: is this the API?" in result.err


@pytest.mark.parametrize("fault", [DROP, RESET], ids=["dropped", "reset"])
def test_lost_connection_is_1_after_two_retries(plane, fault):
    plane.script(fault, fault, fault)
    assert run_cli(*GET, plane=plane).code == 1 and len(plane.requests) == 3


def test_silence_is_1(plane):
    result = answered(plane, HANG, *GET + ("--timeout", "0.2"))
    assert result.code == 1 and "--timeout" in result.err


def test_refused_connection_is_1(plane):
    plane.close()
    result = run_cli(*LIST, plane=plane)
    assert result.code == 1 and "connection refused" in result.err and result.err.count("\n") == 2


def test_unresolved_name_is_1():
    result = run_cli(*LIST, env={"PLEXSPHERE_URL": "https://no-such-host.invalid", "PLEXSPHERE_TOKEN": "t" * 20})
    assert result.code == 1 and "does not resolve" in result.err


def test_unreadable_output_is_1_and_costs_no_other_target(plane):
    wire = execution([target({"kind": "tape"}), target(archive(), NODES[1]), target(node=NODES[2])])
    result = answered(plane, wire)
    assert result.code == 1 and result.out.count(b"==> ") == 3
    assert b"==> %s succeeded unreadable <==" % NODES[0].encode() in result.out
    assert NODES[0] in result.err and "tape" in result.err


def test_node_that_is_no_target_is_1(plane):
    result = answered(plane, execution([target()]), *GET + ("--node", NODES[1]))
    assert result.code == 1 and "%s is not a target" % NODES[1] in result.err


def test_printed_failed_execution_is_0_and_5_with_exit_status(plane):
    plane.script(*[Reply(execution(status="failed"))] * 2)
    assert run_cli(*GET, plane=plane).code == 0
    assert run_cli(*GET + ("--exit-status",), plane=plane).code == 5


@pytest.mark.parametrize("status, code", [("succeeded", 0), ("started", 5), ("no such status", 5), (None, 5)])
@pytest.mark.parametrize("form", ["text", "json", "yaml", "jsonl", "raw"])
def test_exit_status_is_5_unless_succeeded(plane, status, code, form):
    result = answered(plane, execution(status=status), *GET + ("--exit-status", "--output", form))
    assert result.code == code


def test_exit_status_hides_no_other_failure(plane):
    wire = execution([target({"kind": "tape"})], status="failed")
    assert answered(plane, wire, *GET + ("--exit-status",)).code == 1


def test_empty_list_is_0(plane):
    result = answered(plane, page(), *LIST)
    assert result.code == 0 and result.out.split() == b"ID STATUS TYPE TARGETS CREATED_AT UPDATED_AT ACTION".split()


def test_execution_asked_for_is_the_one_sent(plane):
    answered(plane, execution())
    assert plane.requests[0].method == "GET" and plane.requests[0].target.endswith("/executions/" + EXECUTION)
