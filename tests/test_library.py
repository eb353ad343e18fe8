"""Section 10: the module as a library, by rule, and in six short programs as teams write them."""

import ast
import collections
import concurrent.futures
import copy
import gc
import inspect
import io
import itertools
import json
import os
import pickle
import pydoc
import re
import signal
import subprocess
import sys
import textwrap
import uuid

import pytest

import plexctl_exec_log as program
from control_plane import ADVANCING, BROKEN_PROJECT, EXECUTIONS, PROJECT, TOKEN, Row
from kit import (EXECUTION, HERE, MODULE, NODES, PATIENCE, ROOT, Clock, archive, encode, execution, inline,
                 make_environment, make_transport, page, posix_only, read_file, rule, surroundings, target)
from kit_net import NO_NAME, Proxy
from server import DROP, HANG, Reply

IDS = [wire["id"] for wire in EXECUTIONS]
PAGE = encode(page(execution()))


@pytest.fixture(autouse=True, scope="module")
def collect_garbage():
    """Let pytest blame a ResourceWarning on this file. (A collection after each test takes longer than the tests.)"""
    yield
    gc.collect()


def run_program(source, plane):
    """Run a program that imports the module, and return what it prints. Warnings are errors there."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", "from plexctl_exec_log import *" + source]
    env = make_environment(plane, {"PYTHONPATH": ROOT, "PLEXSPHERE_PROJECT": PROJECT})
    done = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = done.communicate(timeout=PATIENCE)
    assert (done.returncode, err) == (0, b"")
    return out.decode()


def catch(call, *arguments, **options):
    with pytest.raises(program.ExecLogError) as caught:
        call(*arguments, **options)
    return caught.value


@rule("10.1", "10.1a", "10.1c")
def test_public_names_are_a_literal_list_with_types_and_help():
    assigned = [node for node in ast.parse(read_file(MODULE).decode("utf-8")).body if isinstance(node, ast.Assign)]
    literal, = [node.value for node in assigned if getattr(node.targets[0], "id", "") == "__all__"]
    names = ast.literal_eval(literal)
    used = ast.walk(ast.parse(read_file(os.path.join(HERE, "typed_program.py")).decode("utf-8")))
    assert set(names) <= {node.id for node in used if isinstance(node, ast.Name)}

    values = [getattr(program, name) for name in names]
    values += [member for value in values if inspect.isclass(value) for name, member in inspect.getmembers(value)
               if name[0] != "_" or name == "__init__"]
    own = [value for value in values if inspect.isfunction(value) or inspect.ismethod(value)]
    untyped = [value for value in own for name, given in inspect.signature(value).parameters.items()
               if value.__module__ == program.__name__ and given.annotation is given.empty and name != "self"]
    assert untyped == [] and len(own) > 20

    for kind, names in ((program.Document, "list_name elements members count succeeded cursor resume read_members"),
                        (program.APIError, "status problem hint exit_code retryable transient retry_after")):
        shown = pydoc.plain(pydoc.render_doc(kind))
        assert [name for name in names.split() if not re.search(r"\b%s\b" % name, shown)] == []


def take_stock():       # of what a run might change in the process
    return (sys.stdout, sys.stderr, list(sys.argv), dict(os.environ), os.getcwd(), signal.getsignal(signal.SIGINT),
            sorted((name, id(value)) for name, value in vars(program).items()))


@rule("10.2", "10.2a", "8.3c")
def test_main_in_several_threads_changes_nothing_in_the_process(plane):
    def run(number):
        out, err = [type("Falsy", (kind,), {"__len__": lambda self: 0})() for kind in (io.BytesIO, io.StringIO)]
        return program.main(argvs[number % 4], out, err), out.getvalue().decode(), err.getvalue()

    argvs = [["get", identity, "-o", "json"] for identity in IDS[-3:]] + [["nonsense"]]
    with surroundings(plane, {"PLEXSPHERE_PROJECT": PROJECT}), concurrent.futures.ThreadPoolExecutor(8) as pool:
        before = take_stock()
        results = list(pool.map(run, range(16)))
        assert take_stock() == before and results == results[:4] * 4
    assert [json.loads(out)["id"] for _, out, _ in results[:3]] == IDS[-3:] and results[3][0] == 2
    assert [err[:6] for _, _, err in results[:4]] == ["", "", "", "error:"]


@posix_only
@rule("10.3", "10.3a", "10.3b")
def test_forked_child_opens_connections_of_its_own(plane):
    assert run_program("""
import os
project, ids = os.environ["PLEXSPHERE_PROJECT"], %r
def read(identity):
    document = get_execution(transport, project, identity)
    return bool(list(document.elements)) and document.members["id"] == identity
with Transport.from_settings() as transport:
    assert read(ids[0])         # the connection is kept
    child = os.fork()
    good = all(map(read, ids * 3))
    if not child:
        os._exit(not good)
    assert os.waitpid(child, 0)[1] == 0 and good
    unread = get_page(transport, project, {"limit": "2"})
    child = os.fork()
    try:
        print(len(list(unread.elements)))
    except RemoteError as error:
        os._exit("fork" not in str(error))
    assert child and os.waitpid(child, 0)[1] == 0
""" % IDS[:3], plane) == "2\n" and plane.connections == 2


@rule("10.4", "10.4a", "10.4b")
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_documents_are_readable_in_any_order_and_after_close(plane, tls_plane, tls):
    with surroundings(tls_plane if tls else plane), program.Transport.from_settings() as transport:
        first, second, third = [program.get_page(transport, PROJECT, {"limit": "50"}) for _ in range(3)]
        assert [wire["id"] for wire in second.elements] == IDS[:50]
        inner = [program.get_execution(transport, PROJECT, identity) for identity in IDS[:3]]
        assert [document.read_members("id")["id"] for document in reversed(inner)] == IDS[2::-1]
        transport.close()
        assert [wire["id"] for wire in third.elements] == IDS[:50]
        assert program.get_execution(transport, PROJECT, IDS[5]).read_members("id")["id"] == IDS[5]
    assert [wire["id"] for wire in first.elements] == IDS[:50]


FAULTY_RESPONSES = [Reply({"detail": "x"}, status, [("Retry-After", "7")])
                    for status in (400, 401, 403, 404, 429, 500, 503)] + [
    DROP, HANG, Reply(PAGE, cut=20), Reply(b"<html>"), b"SSH-2.0\r\n\r\n", Reply(b"", 302, [("Location", "/x")]),
    Reply(b"x" * 70000, 501), Reply({"code": "rebac_denied"}, 403), Reply(page(next_cursor="a")), Reply({"items": 7})]
SETTINGS = {
    "server": dict(server="nonsense"), "file of CAs": dict(server="https://localhost:1", ca_file="/no such file"),
    "token file": dict(token_file="/no such file"), "profile": dict(profile="none"), "timeout": dict(timeout=0),
    "plain http": dict(server="http://" + NO_NAME), "name": dict(server="http://" + NO_NAME, allow_http=True)}


def check_error(error):
    assert "--" not in str(error) and str(error)
    for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert (type(twin), str(twin), twin.args, vars(twin)) == (type(error), str(error), error.args, vars(error))
        assert (twin.hint, twin.exit_code) == (error.hint, error.exit_code)


@rule("10.5", "10.5a")
@pytest.mark.parametrize("fault", FAULTY_RESPONSES, ids=lambda fault: str(getattr(fault, "status", "other")))
def test_response_error_can_be_copied_and_names_no_flag(plane, fault):
    plane.script(*[fault] * 3)
    with make_transport(plane, Clock(), timeout=0.4) as transport:
        error = catch(lambda: [list(one.elements) for one in program.walk(transport, PROJECT, {"cursor": "a"})])
    check_error(error)
    if ("Retry-After", "7") in getattr(fault, "headers", ()):
        assert (error.status, error.problem, error.retry_after) == (fault.status, {"detail": "x"}, 7)


@rule("10.5", "10.5a")
@pytest.mark.parametrize("options", [SETTINGS[name] for name in SETTINGS], ids=list(SETTINGS))
def test_settings_error_names_no_flag_except_in_its_hint(plane, options):
    with surroundings(plane):
        check_error(catch(lambda: program.get_page(program.Transport.from_settings(**options), PROJECT, {})))


@posix_only
@rule("10.5")
def test_error_survives_a_process_pool(plane):
    assert run_program("""
import multiprocessing
def fetch(project):
    with Transport.from_settings() as transport:
        return get_page(transport, project, {})
with multiprocessing.get_context("fork").Pool(1) as pool:
    try:
        pool.apply_async(fetch, ["%s"]).get(20)
    except APIError as error:
        print(error.status, error.problem["code"], error.exit_code, error.retryable, error.hint[:9])
pool.join()
""" % BROKEN_PROJECT, plane) == "500 internal 1 False try again\n"


SPELLINGS = [PROJECT, PROJECT.upper(), "urn:uuid:" + PROJECT, "{%s}" % PROJECT, PROJECT.replace("-", ""),
             uuid.UUID(PROJECT)]
OPERATIONS = {
    "get_page": lambda transport, value: list(program.get_page(transport, value, {}).elements),
    "walk": lambda transport, value: [list(one.elements) for one in program.walk(transport, value, {"limit": "200"})],
    "get_execution": lambda transport, value: program.get_execution(transport, PROJECT, value).read_members("id"),
    "wait_for_execution": lambda transport, value: program.wait_for_execution(transport, PROJECT, value)}


@rule("10.7", "10.7a")
@pytest.mark.parametrize("name", list(OPERATIONS))
def test_uuids_and_timeouts_are_checked_before_anything_is_sent(plane, transport, name):
    for value in ("", "nonsense", PROJECT + "/..", PROJECT[:-1], None, 7, PROJECT.encode()):
        assert isinstance(catch(OPERATIONS[name], transport, value), program.UsageError) and plane.requests == []
    for value in SPELLINGS:
        plane.script(Reply(dict(execution(), id=PROJECT, items=[])))
        OPERATIONS[name](transport, value)
    assert len({request.target for request in plane.requests}) == 1 and PROJECT in plane.requests[0].target
    for timeout in (0, -1, 86400.1, float("nan"), float("inf"), None, "30"):
        error = catch(program.Transport, transport.server, TOKEN, timeout=timeout)
        assert isinstance(error, program.UsageError) and "timeout" in str(error)
    for seconds in (86400.1, float("nan"), float("inf"), "5"):
        error = catch(program.wait_for_execution, transport, PROJECT, PROJECT, seconds)
        assert isinstance(error, program.UsageError) and "seconds" in str(error)
    assert isinstance(catch(program.get_page, transport, PROJECT, {"cursor": "\ud800"}), program.UsageError)


@rule("10.8", "10.8a", "10.8b", "10.8c")
def test_from_settings_finds_proxies_and_a_plain_transport_uses_none(plane):
    server, own = "http://" + NO_NAME, type("Own", (program.Transport,), {})
    with Proxy(plane) as proxy, surroundings(plane, {"HTTP_PROXY": proxy.url}):
        with own.from_settings(server, timeout=86400, allow_http=True) as transport:
            assert len(list(program.get_page(transport, PROJECT, {}).elements)) == 50 and type(transport) is own
        assert [request.target for request in proxy.requests] == [server + "/v1/projects/%s/executions" % PROJECT]
        by_hand = program.Transport(program.Server.parse(server), TOKEN, allow_http=True)
        assert "does not resolve" in str(catch(program.get_page, by_hand, PROJECT, {})) and len(proxy.requests) == 1
    with pytest.raises(TypeError):
        program.Transport(program.Server.parse(server), TOKEN, None)


@rule("10.9", "10.9a")
def test_resume_points_at_the_unread_page_and_cursor_at_this_page(plane, transport):
    plane.script(*[Reply(page(next_cursor=cursor)) for cursor in "bc"], Reply(PAGE), Reply(PAGE, cut=len(PAGE) - 1))
    walk = program.walk(transport, PROJECT, {"cursor": None})
    assert [(one.cursor, one.resume, len(list(one.elements)), one.resume) for one in walk] == [
        ("", "", 0, "b"), ("b", "b", 0, "c"), ("c", "c", 1, None)]
    broken = program.get_page(transport, PROJECT, {"cursor": "d"})
    assert catch(list, broken.elements).transient and (broken.cursor, broken.resume) == ("d", "d")


@rule("10.4d", "10.9a")
@pytest.mark.parametrize("body", [
    PAGE[:-5], b'{"items":[{}],"next_cursor":5}', b'{"items":[{},5,{}],"next_cursor":"c"}'],
    ids=["cut", "wrong type", "wrong element"])
def test_failed_document_fails_again_and_holds_no_connection(plane, transport, body):
    plane.script(Reply(body, framing="close"))
    one = program.get_page(transport, PROJECT, {})
    errors = [catch(list, one.elements) for _ in range(3)]
    assert len({str(error) for error in errors}) == 1 and one.resume == "" and "next_cursor" not in one.members
    program.get_page(transport, PROJECT, {}).close()


@rule("10.4c")
def test_closed_document_says_so(plane, transport):
    plane.script(Reply(page(execution(), execution())))
    one = program.get_page(transport, PROJECT, {})
    next(one.elements)
    one.close()
    assert str(catch(list, one.elements)) == "the document was closed" and one.resume == ""


@rule("10.5d", "10.4d")
@pytest.mark.parametrize("name", ["trace", "before_wait"])
@pytest.mark.parametrize("number", range(3))
def test_exception_of_a_callback_passes_and_leaks_no_connection(plane, name, number):
    calls = itertools.count()

    def fail(*_):
        if next(calls) == number:
            raise BrokenPipeError("mine")

    with program.Transport(program.Server.parse(plane.url), TOKEN, **{name: fail}) as transport:
        with pytest.raises(BrokenPipeError, match="mine"):
            list(program.get_page(transport, PROJECT, {}).elements)


def report(transport):      # what the targets of failed Executions printed, and why it ends
    lines = []
    try:
        for one in program.walk(transport, PROJECT, {"status": "failed"}):
            for wire in one.elements:
                for part in program.get_execution(transport, PROJECT, wire["id"]).elements:
                    output = program.OutputRef.from_wire(part.get("output_ref"))
                    lines.append((part["node_id"], output.location or output.data))
    except program.ExecLogError as error:
        lines.append(program.make_visible(str(error)))
    return lines


@rule("10.4")
def test_report_reads_executions_within_a_listing(plane, transport):
    assert [line[0] for line in report(transport)] == [
        part["node_id"] for wire in EXECUTIONS if wire["status"] == "failed" for part in wire["targets"]]
    plane.script(Reply(page(*[execution()] * 9), framing="close"),
                 Reply(execution([target(inline(b"x")), target(archive(), NODES[1])])), Reply(execution(), cut=9))
    *lines, end = report(transport)
    assert lines == [(NODES[0], b"x"), (NODES[1], "logs/a/b.log")] and "body" in end


@rule("10.1d")
def test_docstring_example_is_such_a_report(plane, capsys):
    example = textwrap.dedent(re.search(r"(?ms)^    try:\n.*?\n    except .*?\n.*?\n", program.__doc__).group())
    plane.script(Reply(page(execution())), Reply(execution([target(archive())])), Reply({}, 403))
    with surroundings(plane):
        exec(example * 2, dict(vars(program)))
    first, last = capsys.readouterr().out.splitlines()
    assert first == NODES[0] + " succeeded logs/a/b.log" and "HTTP 403" in last


def export(transport, store):       # what is new
    for one in program.walk(transport, PROJECT, {"cursor": store["cursor"], "limit": "20"}):
        store["ids"] += [wire["id"] for wire in one.elements if wire["id"] not in store["ids"]]
        store["cursor"] = one.cursor if one.resume is None else one.resume


@rule("10.9b", "10.9a")
def test_exporter_resumes_after_a_failure_and_after_the_end(plane, transport):
    store = {"ids": [], "cursor": ""}
    plane.script(None, Reply(PAGE, cut=9))
    assert catch(export, transport, store).can_resume and store["ids"] == IDS[:20]
    export(transport, store)
    plane.rows.append(Row(-9, "kernel-patch", "pending", 0, 1))
    export(transport, store)
    assert store["ids"][:-1] == IDS and len(store["ids"]) == 61 and len(plane.requests) == 6


@rule("10.6", "10.6a", "10.6b")
def test_watcher_sees_each_status_and_times_out(plane, transport):
    seen = []
    plane.script(Reply(execution(status="ack")), Reply({}, 404))
    errors = [catch(program.wait_for_execution, transport, PROJECT, *arguments, on_status=seen.append)
              for arguments in ((EXECUTION, 0), (EXECUTION, 0), (ADVANCING, 4))]
    assert [(type(error), error.status, error.exit_code) for error in errors] == [
        (program.WaitTimeout, "ack", 124), (program.APIError, 404, 1), (program.WaitTimeout, "started", 124)]
    check_error(errors[0])
    assert program.wait_for_execution(transport, PROJECT, ADVANCING, 0, on_status=seen.append) == "succeeded"
    assert seen == ["ack", "pending", "started", "succeeded"] and len(plane.requests) == 5


@rule("10.2b", "10.14")
def test_thread_pool_uses_a_transport_per_task_and_counts_retries(plane):
    def measure(identity):
        with program.Transport.from_settings(on_retry=retries.append, sleep=lambda seconds: None) as transport:
            elements = program.get_execution(transport, PROJECT, identity).elements
            return collections.Counter(part["status"] for part in elements), transport.received

    retries = []
    plane.script(Reply({}, 503))
    with surroundings(plane), concurrent.futures.ThreadPoolExecutor(4) as pool:
        measured = list(pool.map(measure, IDS))
    assert [counts for counts, _ in measured] == [
        collections.Counter(part["status"] for part in wire["targets"]) for wire in EXECUTIONS]
    assert len(retries) == 1 and min(received for _, received in measured) > 300


@rule("10.10")
def test_overriding_get_needs_no_server():
    names = dict(vars(program))
    exec(textwrap.dedent(re.search(r"(?ms)^ +class Canned.*?\n\n", program.Transport.__doc__).group()), names)
    canned = names["Canned"](program.Server.parse("http://" + NO_NAME), "token", allow_http=True)
    assert len([wire for one in program.walk(canned, PROJECT, {}) for wire in one.elements]) == 1
    canned.get = lambda path, parameters, pauses=(): iter([encode(execution([target()]))])
    assert program.wait_for_execution(canned, PROJECT, EXECUTION) == "succeeded"
    assert len(list(program.get_execution(canned, PROJECT, EXECUTION).elements)) == 1
