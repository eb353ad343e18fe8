"""The sample control plane answers as the OpenAPI has it; and the incident that it holds takes two commands."""

import http.client
import json
import os
import re
import subprocess
import sys
import uuid
from urllib.parse import urlencode

import pytest

from control_plane import (ADVANCING, ADVANCING_STAGES, BROKEN_PROJECT, DEMO, EXECUTIONS, FLEET, FORBIDDEN_PROJECT,
                           HOST_NODES, PROJECT, SHOWCASE, SHOWCASE_NODES, TOKEN, UNLICENSED_PROJECT,
                           UNPROVISIONED_PROJECT, ControlPlane)
from kit import HERE, make_command, make_environment, read_sections, run_cli

IN_PROJECT = ("--project", PROJECT)


def send_request(plane, execution="", project=PROJECT, method="GET", token=TOKEN, **query):
    """Send one request. Return status, headers, and what the body's JSON is (None for no body)."""
    path = "/v1/projects/%s/executions%s?%s" % (project, execution and "/" + execution, urlencode(query))
    connection = http.client.HTTPConnection(*plane.address[:2])
    connection.request(method, path, headers={"Authorization": "Bearer " + token})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, dict(response.getheaders()), json.loads(body.decode()) if body else None


def fetch_items(plane, **query):
    """Return the items of all pages."""
    page = send_request(plane, **query)[2]
    items = page["items"]
    while "next_cursor" in page:
        page = send_request(plane, cursor=page["next_cursor"], **query)[2]
        items += page["items"]
    return items


# ---- the API

@pytest.mark.parametrize("asked, status, code", [
    (dict(token="wrong"), 401, "unauthenticated"),
    (dict(project=HOST_NODES[0]), 404, "project_not_found"),
    (dict(execution=HOST_NODES[0]), 404, "execution_not_found"),
    (dict(execution="not-a-uuid"), 400, "invalid_execution_id"),
    (dict(execution=DEMO.replace("-", "")), 400, "invalid_execution_id"),
    (dict(limit="0"), 400, "invalid_limit"), (dict(limit="201"), 400, "invalid_limit"),
    (dict(status="done"), 400, "invalid_status"), (dict(cursor=""), 400, "invalid_cursor"),
    (dict(project=FORBIDDEN_PROJECT), 403, "rebac_denied"), (dict(project=UNLICENSED_PROJECT), 403, None),
    (dict(project=UNPROVISIONED_PROJECT), 501, "actions_dispatch_not_provisioned"),
    (dict(project=BROKEN_PROJECT), 500, "internal")])
def test_refusals_are_problems(plane, asked, status, code):
    answer, headers, problem = send_request(plane, **asked)
    assert (answer, headers["Content-Type"]) == (status, "application/problem+json")
    assert (problem["status"], problem.get("code")) == (status, code)
    assert problem["instance"].startswith("/v1/projects/") and {"type", "title", "detail"} <= set(problem)


def test_ids_are_version_7_uuids_in_creation_order(plane):
    items = fetch_items(plane)
    assert [item["id"] for item in items] == sorted(item["id"] for item in items)
    assert sorted(items, key=lambda item: item["created_at"]) == items == EXECUTIONS
    ids = re.findall('"(?:[a-z]*_)?id": "(.*?)"', json.dumps(items))
    assert {(uuid.UUID(identity).version, str(uuid.UUID(identity))) for identity in ids} == {(7, one) for one in ids}


@pytest.mark.parametrize("query", [
    dict(limit=7), dict(status="failed", limit=2), dict(action_name="kernel-patch", limit=1),
    dict(status="failed", action_name="rotate-certs", limit=1)], ids=urlencode)
def test_pages_contain_what_the_filters_keep(plane, query):
    kept = [wire for wire in EXECUTIONS if query.get("status") in (None, wire["status"])
            and query.get("action_name") in (None, wire["action"])]
    assert fetch_items(plane, **query) == kept and len(plane.requests) == -(-len(kept) // query["limit"]) > 1


def test_cursor_is_valid_for_its_own_query_only(plane):
    cursor = send_request(plane, limit=5)[2]["next_cursor"]
    assert cursor.startswith("-") and send_request(plane, cursor=cursor)[2]["items"] == EXECUTIONS[5:55]
    for changed in (dict(cursor=cursor, status="failed"), dict(cursor=cursor[:-1] + "-"), dict(cursor=cursor[:-4])):
        assert send_request(plane, **changed)[2]["code"] == "invalid_cursor"


def test_running_execution_advances_with_each_get(plane):
    def in_list():
        return [item for item in fetch_items(plane) if item["id"] == ADVANCING][0]
    assert in_list() == in_list() == ADVANCING_STAGES[0]
    for stage in ADVANCING_STAGES:
        assert in_list()["status"] == stage["status"] and send_request(plane, ADVANCING)[2] == stage
    assert in_list() == send_request(plane, ADVANCING.upper())[2] == ADVANCING_STAGES[-1]
    assert ADVANCING in [item["id"] for item in send_request(plane, status="succeeded", limit=200)[2]["items"]]


# ---- large and slow

def test_plane_can_be_large():
    with ControlPlane(executions=1000, targets=300) as plane:
        items = fetch_items(plane, limit=200)
        assert [item["id"] for item in items] == sorted({item["id"] for item in items}) and len(items) == 1001
        assert items[-61:-1] == EXECUTIONS and items[-1] == send_request(plane, FLEET)[2]
        assert len({target["node_id"] for target in items[-1]["targets"]}) == 300
        assert send_request(plane, items[0]["id"])[2] == items[0]


def run_beside(plane_flags, *flags):
    """Run `list` beside the plane as a program. Return exit code, rows and standard error."""
    argv = [sys.executable, os.path.join(HERE, "control_plane.py")] + plane_flags + ["--"]
    argv += make_command("list", *IN_PROJECT + ("--limit", "200") + flags)
    done = subprocess.run(argv, env=make_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout.decode().splitlines()[1:], done.stderr.decode()


def test_flags_make_the_plane_large():
    code, rows, _ = run_beside(["--executions", "70", "--targets", "20"])
    assert (code, len(rows)) == (0, 71) and rows[-1].split()[:4] == [FLEET, "failed", "hook", "19/20"]


# ---- the incident

def test_incident_takes_two_commands(plane):
    """A collect-diagnostics run failed around half past nine: which machines, what did they print, is one going on?"""
    listed = run_cli("list", *IN_PROJECT + ("--action-name", "collect-diagnostics", "--since", "2026-07-14 09:00"),
                     plane=plane).out.decode().splitlines()[1:]
    failed, running = [row.split() for row in listed]
    assert failed[:2] == [SHOWCASE, "failed"] and failed[5].startswith("2026-07-14T09:29:")
    assert running[1] == "started" and running[4] > "2026-07-14T09:28"
    found, recap = read_sections(run_cli("get", *IN_PROJECT + ("--id", failed[0], "--failed"), plane=plane).out)
    machines = [SHOWCASE_NODES[output] for output in ("text", "archived without digest", "no output")]
    assert [section[0] for section in found] == machines
    assert [section[1:3] for section in found] == [
        ("failed", "76 bytes"), ("failed", "archived"), ("cancelled", "no output")]
    assert b"No space left on device" in found[0][3] and b" 3/6 " in recap
