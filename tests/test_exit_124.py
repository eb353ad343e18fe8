"""Exit code 124: the wait timed out, and no final status is known. Everything that speaks of it uses the same words."""

import os
import re
import time

import pytest

import plexctl_exec_log as program
from kit import (GET, HERE, ROOT, Clock, error_lines, execution, read_file, rule, run_cli, surroundings,
                 wait_until_final)
from server import DROP, HANG, Reply

WORDS = "no final status"
#: A failure that a wait survives, and a piece of what is said of it.
SURVIVED = {"503": (Reply({}, 503), "HTTP 503"), "cut": (Reply(execution(), cut=10), "body"), "drop": (DROP, "lost")}
#: A response that comes when the time is up.
LATE_RESPONSES = {
    "no id": Reply({}), "HTML": Reply(b"<html>"), "404": Reply({}, 404), "cut": Reply(execution(), cut=10)}


class LateClock(Clock):
    """A clock on which a minute passes once the plane has had a request."""

    def __init__(self, plane):
        super().__init__()
        self.plane = plane

    def now(self):
        return self.slept + 60.0 * bool(self.plane.requests)


def read_124(text):
    """Return what a page says of 124: in the table of exit codes of a document, or in the help."""
    return re.search(r"(?m)^(?:\| 124 \||  124 ) *(.+?) *\|?$", text).group(1)


# ---- 9.1b: the same words everywhere

@rule("9.1l")
def test_help_readme_and_contract_say_it_in_the_same_words():
    with surroundings():
        rows = [read_124(run_cli(*page).out.decode("ascii")) for page in (("--help",), ("get", "--help"))]
    documents = [os.path.join(ROOT, "README.md"), os.path.join(HERE, "contract.md")]
    rows += [read_124(read_file(path).decode("utf-8")) for path in documents]
    assert WORDS in rows[0] and set(rows) == {rows[0]}


@rule("9.1l")
def test_readme_does_not_take_124_for_a_run_that_goes_on():
    readme = read_file(os.path.join(ROOT, "README.md")).decode("utf-8")
    lines = [line for line in readme.splitlines() if re.search(r"\b124\b", line)]
    assert lines and [line for line in lines if "running" in line] == []


@rule("9.1l", "9.1h")
@pytest.mark.parametrize("answer", [Reply(execution(status="started")), HANG, DROP, Reply({}, 503)],
                         ids=["status", "silent", "dropped", "503"])
def test_message_says_it_in_these_words(plane, answer):
    plane.script(answer)
    result = run_cli(*GET + ("--wait", "--wait-timeout", "0.2"), plane=plane, sleep=time.sleep)
    assert (result.code, result.out) == (124, b"") and WORDS in error_lines(result)[0]


@rule("9.1l", "10.6")
def test_error_of_a_program_says_it_in_these_words(plane):
    plane.script(Reply(execution(status="ack")))
    assert WORDS in str(wait_until_final(plane, Clock(), 0.5)) and WORDS in program.WaitTimeout.__doc__


# ---- 9.1c: no contradiction

@rule("9.1m")
@pytest.mark.parametrize("answer", list(LATE_RESPONSES.values()), ids=list(LATE_RESPONSES))
def test_message_does_not_say_that_no_response_came_if_one_came(plane, answer):
    plane.script(answer)
    error = wait_until_final(plane, LateClock(plane), 5)
    assert (type(error), error.status, len(plane.requests)) == (program.WaitTimeout, "", 1)
    assert WORDS in str(error)
    assert not re.search("no (answer|response)|nothing came", str(error))


@rule("9.1i")
@pytest.mark.parametrize("answer, part", list(SURVIVED.values()), ids=list(SURVIVED))
def test_message_names_the_last_status_and_the_failure_after_it(plane, answer, part):
    plane.script(Reply(execution(status="started"), framing="close"), answer)
    error = wait_until_final(plane, Clock(), 5)
    assert (type(error), error.status, len(plane.requests)) == (program.WaitTimeout, "started", 2)
    assert "started" in str(error) and part in str(error)


@rule("9.1i", "9.1l")
def test_message_of_a_silent_server_names_no_status(plane):
    plane.script(HANG)
    error = wait_until_final(plane, Clock(running=True), 0.2)
    assert (type(error), error.status) == (program.WaitTimeout, "")
    assert WORDS in str(error) and "the last status" not in str(error)
