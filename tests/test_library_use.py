"""How programs use the module: `with` on documents, deadlines, pauses, queries, types, the docstring's program."""

import os
import re
import subprocess
import sys
import textwrap
import time

import pytest

import plexctl_exec_log as program
from control_plane import EXECUTIONS, PROJECT, TOKEN
from kit import (CLOSE_HEAD, EXECUTION, HERE, NODES, ROOT, STARTED, collect_warnings, encode, execution, page,
                 read_queries, read_text, rule, surroundings, target)
from kit_net import END_OF_SILENCE, drip, stall
from server import HANG, Reply

TWO_DONE = execution([target(), target(node=NODES[1])])


# ---- documents in `with`

def get_two(transport):
    return program.get_execution(transport, PROJECT, EXECUTION)


@rule("10.4e", "10.4c")
def test_with_closes_a_document_that_is_half_read(plane, transport):
    plane.script(Reply(TWO_DONE))
    with get_two(transport) as document:
        assert next(document.elements)["node_id"] == NODES[0]
    with pytest.raises(program.RemoteError, match="the document was closed"):
        next(document.elements)


@rule("10.4e")
def test_with_closes_a_document_after_an_exception_which_passes(plane, transport):
    plane.script(Reply(TWO_DONE))
    with pytest.raises(KeyError, match="mine"), get_two(transport) as document:
        raise KeyError("mine")
    with pytest.raises(program.RemoteError, match="the document was closed"):
        document.read_members("id")


@rule("10.4e", "10.4d")
def test_document_in_a_cycle_leaves_no_socket_if_with_closed_it(plane, transport):
    def read_one(close):
        document = get_two(transport)
        document.itself = document
        next(document.elements)
        if close:
            with document:
                pass

    plane.script(*[Reply(encode(TWO_DONE) + b" " * 99999, framing="close")] * 2)
    assert collect_warnings(lambda: read_one(True)) == (None, [])
    assert collect_warnings(lambda: read_one(False)) != (None, []), "this test cannot fail"


@rule("10.4f")
def test_complete_document_keeps_its_data_and_its_connection_after_with(plane, transport):
    plane.script(Reply(page(TWO_DONE, next_cursor="c")))
    with program.get_page(transport, PROJECT, {}) as document:
        assert len(list(document.elements)) == 1
    assert list(document.elements) == []
    assert (document.resume, document.members["next_cursor"]) == ("c", "c")
    program.get_page(transport, PROJECT, {}).close()
    assert plane.connections == 1


# ---- a deadline

SILENT = {"headers": HANG, "body": stall(CLOSE_HEAD + b'{"items": [{}, '),
          "dripping body": drip(CLOSE_HEAD + b'{"items": [', b" ")}


@rule("10.8f", "10.8g")
@pytest.mark.parametrize("silent", [SILENT[name] for name in sorted(SILENT)], ids=sorted(SILENT))
def test_walk_ends_at_the_deadline_of_its_transport(plane, silent):
    plane.script(Reply(page(execution(), next_cursor="a")), silent)
    begin = time.monotonic()
    with program.Transport(program.Server.parse(plane.url), TOKEN) as transport:
        transport.deadline = begin + 0.3
        pages = program.walk(transport, PROJECT, {})
        assert len(list(next(pages).elements)) == 1
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


@rule("10.8f")
def test_remaining_and_deadline_passed_follow_the_deadline(clock, transport):
    assert (transport.deadline, transport.remaining(7), transport.deadline_passed()) == (None, 7, False)
    transport.deadline = clock.now() + 5
    assert (transport.remaining(7), transport.remaining(3), transport.deadline_passed()) == (5, 3, False)
    clock.sleep(5)
    assert (transport.remaining(7), transport.deadline_passed()) == (0, True)


@rule("10.8f")
def test_transport_without_a_deadline_again_reads_on(plane, clock, transport):
    plane.script(Reply({}, 503))
    transport.deadline = clock.now()
    with pytest.raises(program.RemoteError):
        program.get_page(transport, PROJECT, {})
    transport.deadline = None
    plane.answers.clear()
    assert len(list(program.get_page(transport, PROJECT, {}).elements)) == 50


@rule("10.8h", "10.8i")
@pytest.mark.parametrize("seconds, sleeps", [(None, [2, 2]), (60, [2, 2]), (3, [2, 1])])
def test_wait_ends_at_the_earlier_of_deadline_and_seconds(plane, clock, transport, seconds, sleeps):
    plane.script(*[Reply(STARTED)] * 3)
    transport.deadline = clock.now() + 4
    with pytest.raises(program.WaitTimeout) as caught:
        program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)
    assert (clock.sleeps, caught.value.status) == (sleeps, "started")
    assert transport.deadline == 4


@rule("10.8h", "10.8i")
@pytest.mark.parametrize("seconds", [None, 0, 60])
def test_silent_server_holds_a_wait_no_longer_than_the_deadline(plane, seconds):
    plane.script(HANG)
    with program.Transport(program.Server.parse(plane.url), TOKEN) as transport:
        begin = transport.clock()
        transport.deadline = begin + 0.1
        with pytest.raises(program.RemoteError):
            program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)
        assert transport.clock() - begin < END_OF_SILENCE
        assert transport.deadline == begin + 0.1


# ---- waits and pauses

@rule("10.6a")
@pytest.mark.parametrize("seconds", [0, 0.0, -0.01, -1, -86401])
def test_wait_of_no_time_asks_once(plane, clock, transport, seconds):
    plane.script(Reply(STARTED), Reply({}, 404), Reply(execution()))
    with pytest.raises(program.WaitTimeout) as caught:
        program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)
    assert caught.value.status == "started"
    assert not re.search("-[0-9]", str(caught.value))
    with pytest.raises(program.APIError):
        program.wait_for_execution(transport, PROJECT, EXECUTION, seconds)
    assert program.wait_for_execution(transport, PROJECT, EXECUTION, seconds) == "succeeded"
    assert (clock.sleeps, len(plane.requests)) == ([], 3)


@rule("10.6b", "10.6c", "10.14")
def test_callbacks_get_one_text_each(plane, clock):
    calls = []
    plane.script(Reply({}, 503), Reply(STARTED), Reply(STARTED), Reply({}, 502), Reply(execution()))
    with program.Transport(program.Server.parse(plane.url), TOKEN, clock=clock.now, sleep=clock.sleep,
                           on_retry=lambda text: calls.append("transport " + text)) as transport:
        program.wait_for_execution(transport, PROJECT, EXECUTION, on_status=calls.append,
                                   on_retry=lambda text: calls.append("wait " + text))
    assert [re.sub(" .*(50[23]).*", r" \1", text) for text in calls] == [
        "transport 503", "started", "wait 502", "succeeded"]


def make_impatient(plane, clock, **options):
    return program.Transport(program.Server.parse(plane.url), TOKEN, clock=clock.now, sleep=clock.sleep, **options)


@rule("10.8d", "10.8e")
@pytest.mark.parametrize("options, pauses", [
    ({}, [0.5, 1.0]), ({"pauses": ()}, []), ({"pauses": [3, 0, 7.5]}, [3, 0, 7.5])], ids=["default", "none", "three"])
def test_every_request_of_a_transport_is_retried_after_its_pauses(plane, clock, options, pauses):
    calls = [lambda: program.get_page(transport, PROJECT, {}), lambda: next(program.walk(transport, PROJECT, {})),
             lambda: program.get_execution(transport, PROJECT, EXECUTION), lambda: transport.get("/v1/x", {}),
             lambda: transport.get("/v1/x", {}, pauses=None),
             lambda: program.wait_for_execution(transport, PROJECT, EXECUTION)]
    plane.script(*[Reply({}, 503)] * (len(pauses) + 1) * len(calls))
    with make_impatient(plane, clock, **options) as transport:
        for call in calls:
            with pytest.raises(program.APIError):
                call()
    assert clock.sleeps == pauses * len(calls)
    assert not plane.answers


@rule("10.8e")
def test_pauses_of_one_request_replace_those_of_the_transport(plane, clock):
    plane.script(*[Reply({}, 503)] * 3)
    with make_impatient(plane, clock, pauses=[9]) as transport:
        for pauses in ((), [4]):
            with pytest.raises(program.APIError):
                transport.get("/v1/x", {}, pauses)
    assert (clock.sleeps, len(plane.requests)) == ([4], 3)


@rule("10.8d", "10.8")
def test_from_settings_takes_the_pauses_too(plane, clock):
    plane.script(Reply({}, 503))
    with surroundings(plane), program.Transport.from_settings(pauses=[6], sleep=clock.sleep) as transport:
        program.get_page(transport, PROJECT, {}).close()
    assert clock.sleeps == [6]


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


# ---- queries

@rule("10.7b")
@pytest.mark.parametrize("parameters, query", [
    ({"limit": 200, "cursor": None}, {"limit": "200"}), ({"limit": "200", "cursor": ""}, {"limit": "200"}),
    ({"limit": None, "status": "failed", "cursor": "a b&c"}, {"status": "failed", "cursor": "a b&c"}), ({}, {})],
    ids=["number and None", "text and empty text", "odd cursor", "nothing"])
def test_query_of_texts_numbers_and_none_is_sent(plane, transport, parameters, query):
    plane.script(*[Reply(page())] * 2)
    assert program.get_page(transport, PROJECT, parameters).cursor == query.get("cursor", "")
    assert len(list(program.walk(transport, PROJECT, parameters))) == 1
    assert read_queries(plane) == [query] * 2


@rule("10.7b")
def test_walk_sends_a_number_with_every_page(plane, transport):
    plane.script(Reply(page(next_cursor="b")), Reply(page()))
    assert len(list(program.walk(transport, PROJECT, {"limit": 7, "cursor": None}))) == 2
    assert read_queries(plane) == [{"limit": "7"}, {"limit": "7", "cursor": "b"}]


@rule("10.1g")
def test_parameters_may_be_named_in_annotations():
    names = dict(vars(program))
    exec("def f(query: Parameters, other: 'Parameters' = None) -> Parameters: return query", names)
    assert "Parameters" in program.__all__
    assert names["f"]({"limit": 200}) == {"limit": 200}


@rule("10.5e")
@pytest.mark.parametrize("status", [300, 302, 304, 399])
def test_redirect_without_a_location_is_an_api_error(plane, transport, status):
    plane.script(Reply(b"", status))
    with pytest.raises(program.APIError, match="HTTP %d" % status) as caught:
        program.get_page(transport, PROJECT, {})
    assert caught.value.status == status
    assert "redirect to" not in str(caught.value)


# ---- the docstring's program

def read_example():
    """Return the program of the module's docstring, indented as it is there."""
    return re.search("(?m)^    try:\n(?:(?:    .*)?\n)+", program.__doc__).group().rstrip() + "\n"


@rule("10.1d")
def test_typed_program_holds_the_docstring_s_program():
    assert read_example() in read_text(os.path.join(HERE, "typed_program.py"))


@rule("10.1a", "10.1e", "10.1f")
def test_mypy_accepts_the_typed_program(tmp_path):
    pytest.importorskip("mypy", reason="needs mypy; .ci/ci.py runs the same")
    line = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "tests/typed_program.py"]
    assert subprocess.call(line, cwd=ROOT) == 0


@rule("10.1d")
def test_docstring_s_program_reads_a_page_before_it_asks_for_details(plane, capsys):
    plane.script(Reply(b'{"items": [%s, 5]}' % encode(EXECUTIONS[0])))
    with surroundings(plane):
        exec(textwrap.dedent(read_example()), dict(vars(program)))
    assert len(plane.requests) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1
