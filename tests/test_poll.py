"""The README's recipe that polls for failed runs loses none, whatever fails in between, in each shell of this machine.

It is run as from cron, in a folder of its own. mail is a function there, which appends what it gets to a file."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from control_plane import PROJECT
from kit import (
    MODULE,
    README,
    execution,
    inline,
    make_environment,
    page,
    posix_only,
    read_text,
    target,
)
from server import Reply

#: The recipe, and the command for cron, which runs it from the file `job`.
RECIPE = re.search(r"(?ms)^```sh\n(report\(\).*?)^```$", read_text(README)).group(1)
CRON = re.search("`(cd failures && [^`]+ )sh job`", read_text(README)).group(1)
#: One name for each shell: sh is another name of dash or bash on most machines.
FOUND = {
    os.path.realpath(shutil.which(name.split()[0])): name
    for name in ("bash", "dash", "zsh", "mksh", "busybox sh", "sh")
    if shutil.which(name.split()[0])
}
SHELLS = sorted(FOUND.values()) or ["sh"]
RUN_1 = "11111111-1111-4111-8111-111111111111"
RUN_2 = "22222222-2222-4222-8222-222222222222"

pytestmark = posix_only


class Poller:
    """Polls for the failures of a plane.

    runs        the statuses of the runs that failed, by their ids
    rejected    a function: whether the server rejects the token of a request
    updated     updated_at of each run
    """

    def __init__(self, plane, folder, shell):
        self.runs, self.updated = {}, "2026-07-14T09:30:00Z"
        self.rejected = lambda url, query: False
        plane.answer_to = self.answer
        self._folder, self._plane, self._shell = folder, plane, shell
        os.makedirs(str(folder / "failures"))
        os.mkdir(str(folder / "bin"))
        program = folder / "bin" / "plog"
        command = [sys.executable, "-I", MODULE]
        program.write_text('#!/bin/sh\nexec %s "$@"\n' % " ".join(map(shlex.quote, command)))
        program.chmod(0o755)

    def answer(self, request):
        url = urlsplit(request.target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if self.rejected(url, query):
            return Reply({"title": "Unauthorized"}, 401)
        runs = [
            execution(
                [target(inline(b"disk full\n"), status="failed")],
                id=name,
                status=status,
                updated_at=self.updated,
            )
            for name, status in self.runs.items()
        ]
        if url.path.endswith("/executions"):
            return Reply(page(*[run for run in runs if run["status"] == query["status"]]))
        (run,) = [run for run in runs if url.path.endswith(run["id"])]
        return Reply(run)

    def start(self, mail="cat >> mails", options=""):
        """Start a poll. `mail` is the body of the function, and `options` are commands above the recipe."""
        job = "%s\nmail() { %s; }\n%s" % (options, mail, RECIPE)
        (self._folder / "failures" / "job").write_text(job)
        env = {"HOME": str(self._folder), "PLEXSPHERE_PROJECT": PROJECT}
        return subprocess.Popen(
            ["sh", "-c", CRON + self._shell + " job"],
            stdin=subprocess.DEVNULL,
            cwd=str(self._folder),
            env=make_environment(self._plane, env),
        )

    def poll(self, **options):
        """Poll, and return the exit code."""
        with self.start(**options) as process:
            return process.wait(60)

    def read_mails(self):
        return read_text(str(self._folder / "failures" / "mails"))

    def find_reported(self):
        """Return the ids of the runs that were reported, in their order."""
        if not os.path.exists(str(self._folder / "failures" / "mails")):
            return []
        rows = "(?m)^([-0-9a-f]{36})  (?:failed|cancelled|timeout)|^see: plog get ([-0-9a-f]{36}) --failed"
        return [row or see for row, see in re.findall(rows, self.read_mails())]


@pytest.fixture(params=SHELLS)
def poller(request, plane, tmp_path):
    return Poller(plane, tmp_path, request.param)


def test_poll_reports_what_is_new_with_its_output_and_exits_with_1_if_nothing_is(poller):
    nothing = poller.poll()
    poller.runs = {RUN_1: "failed"}
    first = poller.poll()
    again = poller.poll()
    poller.runs[RUN_2] = "timeout"
    second = poller.poll()

    assert [nothing, first, again, second] == [1, 0, 1, 0]
    assert poller.find_reported() == [RUN_1, RUN_2]
    assert poller.read_mails().count("disk full\n") == 2


@pytest.mark.parametrize(
    "rejected",
    [
        pytest.param(lambda url, query: True, id="before the first response"),
        pytest.param(lambda url, query: query.get("status") == "timeout", id="during the listing"),
    ],
)
def test_poll_whose_token_is_rejected_reports_nothing_and_the_next_one_does(poller, rejected):
    poller.runs = {RUN_1: "failed"}
    poller.rejected = rejected

    assert poller.poll() != 0
    assert poller.find_reported() == []

    poller.rejected = lambda url, query: False
    assert poller.poll() == 0
    assert poller.find_reported() == [RUN_1]


def test_poll_whose_report_fails_is_repeated_by_the_next_one(poller):
    poller.runs = {RUN_1: "failed"}

    assert poller.poll(mail="cat > lost; return 1") != 0
    assert poller.find_reported() == []
    assert poller.poll() == 0
    assert poller.find_reported() == [RUN_1]
