"""Section 10: the module as a library. Its own exceptions are in test_exceptions.py, and Listing in test_listing.py."""

import ast
import concurrent.futures
import contextlib
import copy
import gc
import inspect
import io
import json
import os
import pickle
import pydoc
import re
import signal
import subprocess
import sys
import textwrap
import time
import uuid

import pytest

import plexctl_exec_log as program
from control_plane import EXECUTIONS, PROJECT, TOKEN, Row
from kit import (CLOSE_HEAD, EXECUTION, HERE, MODULE, NODES, ROOT, STARTED, Clock, archive, collect_warnings, encode,
                 execution, make_transport, page, posix_only, read_file, read_queries, read_text, rule, run_python,
                 surroundings, target)
from kit_net import END_OF_SILENCE, NO_NAME, Proxy, drip, stall
from server import DROP, HANG, RESET, Reply

IDS = [wire["id"] for wire in EXECUTIONS]
PAGE = encode(page(execution()))


@pytest.fixture(autouse=True, scope="module")
def collect_garbage():
    """Let pytest blame a ResourceWarning on this file. (A collection after each test takes longer than the tests.)"""
    yield
    gc.collect()


def run_program(source, plane):
    """Run a program that imports the module, and return what it prints. Warnings are errors there."""
    result = run_python("-X", "dev", "-W", "error", "-c", "from plexctl_exec_log import *" + source, plane=plane,
                        env={"PYTHONPATH": ROOT, "PLEXSPHERE_PROJECT": PROJECT})
    assert (result.code, result.err) == (0, "")
    return result.out.decode()


def catch(call, *arguments, **options):
    with pytest.raises(program.ExecLogError) as caught:
        call(*arguments, **options)
    return caught.value


@rule("10.1", "10.1a", "10.1c", "10.1g")
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
    chunks = transport.get("/v1/projects/%%s/executions" %% project, {})
    while next(chunks): pass    # the end is known, but the connection is not yet kept
    assert read(ids[0])         # its connection is kept
    child = os.fork()
    good = (not child or os.waitpid(child, 0)[1] == 0) and list(chunks) == [] and all(map(read, ids * 3))
    if not child:
        os._exit(not good)
    assert good
    elements = get_page(transport, project, {}).elements
    next(elements)
    child = os.fork()
    try:
        print(len(list(elements)))
    except RemoteError as error:
        os._exit("fork" not in str(error))
    assert child and os.waitpid(child, 0)[1] == 0
""" % IDS[:3], plane) == "49\n" and plane.connections == 3


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
    assert (tls_plane if tls else plane).connections == 6       # each unread document has one of its own


FAULTY_RESPONSES = [Reply({"detail": "x"}, status, [("Retry-After", "7")])
                    for status in (400, 401, 403, 404, 429, 500, 503)] + [
    DROP, HANG, Reply(PAGE, cut=20), Reply(b"<html>"), b"SSH-2.0\r\n\r\n", Reply(b"", 302, [("Location", "/x")]),
    Reply(b"x" * 70000, 501), Reply({"code": "rebac_denied"}, 403), Reply(page(next_cursor="a")), Reply({"items": 7})]
SETTINGS = {
    "server": dict(server=""), "file of CAs": dict(server="https://localhost:1", ca_file="/no such file"),
    "token file": dict(token_file=""), "profile": dict(profile="none"), "timeout": dict(timeout=0),
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


SPELLINGS = [PROJECT, PROJECT.upper(), "urn:uuid:" + PROJECT, "{%s}" % PROJECT, PROJECT.replace("-", ""),
             uuid.UUID(PROJECT)]
OPERATIONS = {
    "get_page": lambda transport, value: list(program.get_page(transport, value, {}).elements),
    "walk": lambda transport, value: [list(one.elements) for one in program.walk(transport, value, {"limit": "200"})],
    "Listing": lambda transport, value: list(program.Listing(transport, value).elements),
    "get_execution": lambda transport, value: program.get_execution(transport, value, value).read_members("id"),
    "wait_for_execution": lambda transport, value: program.wait_for_execution(transport, value, value)}


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
    for seconds in (86400.1, float("nan"), float("inf"), "5", ""):
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
    plane.script(*[Reply(page(next_cursor=cursor)) for cursor in ("b", "c", "")], Reply(PAGE, cut=len(PAGE) - 1))
    walk = program.walk(transport, PROJECT, {"cursor": None})
    assert [(one.cursor, one.resume, len(list(one.elements)), one.resume) for one in walk] == [
        ("", "", 0, "b"), ("b", "b", 0, "c"), ("c", "c", 0, None)]
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


@rule("10.2b", "10.8", "10.14")
def test_thread_pool_uses_a_transport_per_task_and_counts_retries(plane):
    def count_targets(identity):
        with program.Transport.from_settings(on_retry=retries.append, pauses=[0]) as transport:
            return len(list(program.get_execution(transport, PROJECT, identity).elements)), transport.received > 300

    retries = []
    plane.script(Reply({}, 503))
    with surroundings(plane), concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(count_targets, IDS)) == [(len(wire["targets"]), True) for wire in EXECUTIONS]
    assert len(retries) == 1


@rule("10.10")
def test_overriding_get_needs_no_server():
    names = dict(vars(program))
    exec(textwrap.dedent(re.search(r"(?ms)^ +class Canned.*?\n\n", program.Transport.__doc__).group()), names)
    canned = names["Canned"](program.Server.parse("http://" + NO_NAME), "token", allow_http=True)
    assert len([wire for one in program.walk(canned, PROJECT, {}) for wire in one.elements]) == 1
    assert len(list(program.Listing(canned, PROJECT).elements)) == 1
    canned.get = lambda path, parameters, pauses=(): iter([encode(execution([target()], items=[STARTED, 5]))])
    assert "items" in str(catch(list, program.Listing(canned, PROJECT, ["ack", "started"]).elements))
    assert program.wait_for_execution(canned, PROJECT, EXECUTION) == "succeeded"
    assert len(list(program.get_execution(canned, PROJECT, EXECUTION).elements)) == 1


TWO_DONE = execution([target(), target(node=NODES[1])])


@rule("10.4c", "10.4e")
def test_with_closes_a_document_that_is_half_read_and_an_exception_passes(plane, transport):
    plane.script(Reply(TWO_DONE))
    with pytest.raises(KeyError, match="mine"), program.get_execution(transport, PROJECT, EXECUTION) as document:
        assert next(document.elements)["node_id"] == NODES[0]
        raise KeyError("mine")
    assert str(catch(next, document.elements)) == "the document was closed"
    assert document.resume == ""


@rule("10.4e", "10.4d")
def test_document_in_a_cycle_leaves_no_socket_if_with_closed_it(plane, transport):
    def read_one(close):
        document = program.get_execution(transport, PROJECT, EXECUTION)
        document.itself = document
        next(document.elements)
        if close:
            with document:
                pass

    plane.script(*[Reply(encode(TWO_DONE) + b" " * 99999, framing="close")] * 2)
    assert collect_warnings(lambda: read_one(True)) == (None, [])
    if sys.implementation.name == "cpython":
        assert collect_warnings(lambda: read_one(False)) != (None, []), "this test cannot fail"


@rule("10.4c", "10.4d", "10.4f", "3.7")
def test_complete_document_keeps_its_data_and_its_connection_after_with(plane, transport):
    plane.script(Reply(page(TWO_DONE, next_cursor="c")))
    with program.get_page(transport, PROJECT, {}) as document:
        assert len(list(document.elements)) == 1
    assert list(document.elements) == []
    assert (document.resume, document.members["next_cursor"]) == ("c", "c")
    unread = program.get_page(transport, PROJECT, {})
    unread.close()
    assert str(catch(next, unread.elements)) == "the document was closed"
    assert plane.connections == 1
    two = [program.get_page(transport, PROJECT, {}) for _ in range(2)]
    assert collect_warnings(lambda: [list(one.elements) for one in two]) == (None, [])


SILENT = {"headers": HANG, "body": stall(CLOSE_HEAD + b'{"items": [{}, '),
          "dripping body": drip(CLOSE_HEAD + b'{"items": [', b" ")}


@rule("10.8f", "10.8g", "10.8h")
@pytest.mark.parametrize("silent", [SILENT[name] for name in sorted(SILENT)], ids=sorted(SILENT))
def test_walk_ends_at_the_deadline_of_its_transport(plane, silent):
    plane.script(Reply(page(execution(), next_cursor="a")), silent)
    begin = time.monotonic()
    with program.Transport(program.Server.parse(plane.url), TOKEN) as transport:
        pages = program.walk(transport, PROJECT, {})
        assert len(list(next(pages).elements)) == 1
        transport.deadline = time.monotonic() + 0.3      # less than the kept connection had until now
        with pytest.raises(program.RemoteError) as caught:
            list(next(pages).elements)
    assert caught.value.transient
    assert time.monotonic() - begin < END_OF_SILENCE
    assert len(plane.requests) == 2


@rule("10.8f", "10.8g")
def test_pause_before_a_retry_ends_at_the_deadline_and_nothing_is_retried(plane, clock, transport):
    plane.script(Reply({}, 503, [("Retry-After", "9")]))
    transport.deadline = clock.now() + 5
    with pytest.raises(program.APIError):
        program.get_page(transport, PROJECT, {})
    assert (clock.sleeps, len(plane.requests)) == ([5], 1)
    transport.deadline = None
    assert len(list(program.get_page(transport, PROJECT, {}).elements)) == 50


@rule("10.9c")
def test_walk_that_is_closed_closes_its_page(plane, transport):
    plane.script(Reply(page(*[execution(action="x" * 90000)] * 9)))
    with contextlib.closing(program.walk(transport, PROJECT, {})) as pages:
        elements = next(pages).elements
        next(elements)
    with pytest.raises(program.RemoteError, match="the document was closed"):
        list(elements)


@rule("10.8f")
def test_lost_idle_connection_is_not_replaced_after_the_deadline(plane, clock, transport):
    plane.script(Reply(page()), lambda sock: (clock.sleep(6), RESET(sock)))
    transport.deadline = clock.now() + 5
    assert list(program.get_page(transport, PROJECT, {}).elements) == []
    with pytest.raises(program.RemoteError, match="timed out"):
        program.get_page(transport, PROJECT, {})
    assert len(plane.requests) == 2


@rule("10.8f")
def test_remaining_and_deadline_passed_follow_the_deadline(clock, transport):
    assert (transport.deadline, transport.remaining(7), transport.deadline_passed()) == (None, 7, False)
    transport.deadline = clock.now() + 5
    assert (transport.remaining(7), transport.remaining(3), transport.deadline_passed()) == (5, 3, False)
    clock.sleep(5)
    assert (transport.remaining(7), transport.deadline_passed()) == (0, True)


@rule("10.8f")
def test_fast_body_is_not_read_after_the_deadline_and_no_request_starts(plane, clock, transport):
    plane.script(Reply(page(*[execution(action="x" * 50000)] * 9), framing="chunked", slices=9999))
    transport.deadline = clock.now() + 5
    elements = program.get_page(transport, PROJECT, {}).elements
    next(elements)
    clock.sleep(6)
    with pytest.raises(program.RemoteError, match="timed out"):
        list(elements)
    with pytest.raises(program.RemoteError, match="timed out"):
        program.get_page(transport, PROJECT, {})
    assert len(plane.requests) == 1


@rule("10.8h", "10.8i")
@pytest.mark.parametrize("seconds, sleeps", [(None, [2, 2]), (60, [2, 2]), (3, [2, 1])])
def test_wait_ends_at_the_earlier_of_deadline_and_seconds(plane, clock, transport, seconds, sleeps):
    plane.script(*[Reply(STARTED)] * 3)
    transport.deadline = clock.now() + 4
    with pytest.raises(program.WaitTimeout) as caught:
        program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)
    assert (clock.sleeps, caught.value.status) == (sleeps, "started")
    assert transport.deadline == 4


@rule("10.5", "10.6", "10.6a")
@pytest.mark.parametrize("seconds", [0, 0.0, -0.01, -1, -86401])
def test_wait_of_no_time_asks_once(plane, clock, transport, seconds):
    plane.script(Reply(STARTED), Reply({}, 503), Reply(execution()))
    error, later = [catch(program.wait_for_execution, transport, PROJECT, EXECUTION, seconds) for _ in range(2)]
    assert (type(error), error.status, later.status) == (program.WaitTimeout, "started", 503)
    assert not re.search("-[0-9]", str(error))
    check_error(error)
    assert program.wait_for_execution(transport, PROJECT, EXECUTION, seconds) == "succeeded"
    assert (clock.sleeps, len(plane.requests)) == ([], 3)


@rule("3.8d", "10.6b", "10.6c", "10.14")
def test_callbacks_get_one_text_each_before_the_pause(plane, clock):
    calls = []
    plane.script(Reply({}, 503), Reply(STARTED), Reply(STARTED), Reply({}, 502), Reply(execution()))
    with program.Transport(program.Server.parse(plane.url), TOKEN, clock=clock.now, sleep=calls.append,
                           on_retry=lambda text: calls.append("transport " + text)) as transport:
        program.wait_for_execution(transport, PROJECT, EXECUTION, on_status=calls.append,
                                   on_retry=lambda text: calls.append("wait " + text))
    assert [re.sub(" .*(50[23]).*", r" \1", str(call)) for call in calls] == [
        "transport 503", "0.5", "started", "2.0", "3.0", "wait 502", "4.5", "succeeded"]


@rule("10.8d", "10.8e")
@pytest.mark.parametrize("options, pauses", [
    ({}, [0.5, 1.0]), ({"pauses": ()}, []), ({"pauses": iter([3, 0, 7.5])}, [3, 0, 7.5])],
    ids=["default", "none", "three"])
def test_every_request_of_a_transport_is_retried_after_its_pauses(plane, clock, options, pauses):
    calls = [lambda: program.get_page(transport, PROJECT, {}), lambda: next(program.walk(transport, PROJECT, {})),
             lambda: program.get_execution(transport, PROJECT, EXECUTION), lambda: transport.get("/v1/x", {}),
             lambda: transport.get("/v1/x", {}, pauses=None),
             lambda: program.wait_for_execution(transport, PROJECT, EXECUTION)]
    own = [lambda: transport.get("/v1/x", {}, ()), lambda: transport.get("/v1/x", {}, [4]),
           lambda: list(program.Listing(transport, PROJECT).elements)]
    plane.script(*[Reply({}, 503)] * ((len(pauses) + 1) * len(calls) + 3) + [Reply(PAGE, cut=9)] * (len(pauses) + 1))
    with program.Transport(program.Server.parse(plane.url), TOKEN, sleep=clock.sleep, **options) as transport:
        for call in calls + own:
            with pytest.raises(program.RemoteError):
                call()
    assert clock.sleeps == pauses * len(calls) + [4] + pauses
    assert not plane.answers


@rule("10.8j")
def test_before_wait_is_called_before_the_request_and_before_each_read(plane):
    calls = []
    plane.script(Reply(page(execution()), slices=99, pause=0.01))
    with program.Transport(program.Server.parse(plane.url), TOKEN,
                           before_wait=lambda: calls.append((len(plane.requests), transport.received))) as transport:
        document = program.get_page(transport, PROJECT, {})
        assert calls == [(0, 0)]
        list(document.elements)
        assert calls[1] == (1, 0)
        assert 0 < calls[-1][1] <= transport.received
        assert len(set(calls)) >= len(calls) - 1, "called twice before one read"


@rule("10.7b")
@pytest.mark.parametrize("parameters, query", [
    ({"limit": 200, "cursor": None}, {"limit": "200"}), ({"limit": "200", "cursor": ""}, {"limit": "200"}),
    ({"limit": None, "status": "failed", "cursor": "a b&c"}, {"status": "failed", "cursor": "a b&c"}),
    ({"limit": 0}, {})], ids=["number and None", "text and empty text", "odd cursor", "nothing"])
def test_query_of_texts_numbers_and_none_is_sent(plane, transport, parameters, query):
    plane.script(Reply(page()), Reply(page(next_cursor="b")), Reply(page()))
    assert program.get_page(transport, PROJECT, parameters).cursor == query.get("cursor", "")
    assert len(list(program.walk(transport, PROJECT, parameters))) == 2
    assert read_queries(plane) == [query, query, dict(query, cursor="b")]


@rule("10.5e")
@pytest.mark.parametrize("status", [300, 302, 304, 399])
def test_redirect_without_a_location_is_an_api_error(plane, transport, status):
    plane.script(Reply(b"", status))
    with pytest.raises(program.APIError, match="HTTP %d" % status) as caught:
        program.get_page(transport, PROJECT, {})
    assert caught.value.status == status
    assert "redirect to" not in str(caught.value)


def read_example():
    """Return the program of the module's docstring, indented as it is there."""
    return re.search("(?m)^    try:\n(?:(?:    .*)?\n)+", program.__doc__).group().rstrip() + "\n"


@rule("10.1d", "10.4")
def test_docstring_s_program_reads_a_page_before_it_asks_for_details(plane, capsys):
    plane.script(Reply(page(execution())), Reply(execution([target(archive())])),
                 Reply(b'{"items": [%s, 5]}' % encode(EXECUTIONS[0])))
    with surroundings(plane):
        exec(textwrap.dedent(read_example()) * 2, dict(vars(program)))
    first, last = capsys.readouterr().out.splitlines()
    assert first == NODES[0] + " succeeded logs/a/b.log"
    assert last.startswith("the report is incomplete: ")
    assert len(plane.requests) == 3


@rule("10.1d")
def test_typed_program_holds_the_docstring_s_program():
    assert read_example() in read_text(os.path.join(HERE, "typed_program.py"))


@rule("10.1a", "10.1e", "10.1f")
def test_mypy_accepts_the_typed_program(tmp_path):
    pytest.importorskip("mypy", reason="needs mypy; .ci/ci.py runs the same")
    line = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "tests/typed_program.py"]
    assert subprocess.call(line, cwd=ROOT) == 0


@rule("10.8i")
def test_deadline_that_a_callback_sets_during_a_wait_stays(plane, clock, transport):
    plane.script(Reply(STARTED), Reply(encode(execution())))
    program.wait_for_execution(transport, PROJECT, EXECUTION, 60, lambda status: setattr(transport, "deadline", 7.0))
    assert transport.deadline == 7.0
