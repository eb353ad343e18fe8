"""A program that imports plexctl_exec_log and uses all of its public names. It is for type checkers; nothing runs it.

    mypy --strict tests/typed_program.py        in the clone; .ci/run does so

It must be accepted as it is, and what a name gives must have the type that is written here. A line with `type: ignore`
must be an error: --strict reports an ignore that is not needed, so a value of type Any is noticed.
"""

import argparse
import io
import sys
import uuid
from datetime import datetime, timezone
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

import plexctl_exec_log
from plexctl_exec_log import (FAILED_STATUSES, FINAL_STATUSES, RUNNING_STATUSES, APIError, CredentialsError, Document,
                              ExecLogError, Listing, OutputRef, Parameters, RemoteError, Server, Transport, UsageError,
                              WaitTimeout, get_execution, get_page, main, make_parser, make_visible, parse_uuid,
                              wait_for_execution, walk)


class Canned(Transport):
    """A transport without a server. It counts its requests."""

    asked = 0

    def get(self, path: str, parameters: Parameters, pauses: Optional[Iterable[float]] = None) -> Iterator[bytes]:
        self.asked += 1
        return iter([b'{"items": []}'])


def print_report() -> None:
    # The program of the module's docstring, to the letter.
    try:
        project = "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13"
        with Transport.from_settings() as transport:
            for page in walk(transport, project, {"status": "failed"}):
                # Read the whole page first: a server may close a response that stays half-read for too long.
                for execution in list(page.elements):
                    with get_execution(transport, project, str(execution.get("id"))) as document:
                        for target in document.elements:
                            output = OutputRef.from_wire(target.get("output_ref"))
                            text = output.fault or output.location or output.data.decode("utf-8", "replace")
                            print(make_visible("%s %s %s" % (target.get("node_id"), target.get("status"), text)))
    except ExecLogError as error:
        print("the report is incomplete:", make_visible(str(error)))


def keep_types(server: Server, ref: OutputRef, project: str) -> None:
    with Canned(server, "token") as made, Canned.from_settings(pauses=(1, 2.5)) as found:
        asked: Tuple[int, int] = (made.asked, found.asked)
        wrong_asked: str = found.asked      # type: ignore[assignment]
    with get_execution(made, project, project) as document, get_page(made, project, {}) as page:
        pair: Tuple[Document, Document] = (document, page)
        wrong_document: int = document      # type: ignore[assignment]
    a: int = ref.data       # type: ignore[assignment]
    b: int = server.host    # type: ignore[assignment]
    c: int = ref.kind       # type: ignore[assignment]
    d: int = ref.location   # type: ignore[assignment]
    e: int = ref.sha256     # type: ignore[assignment]
    f: int = ref.fault      # type: ignore[assignment]
    g: int = server.scheme  # type: ignore[assignment]
    h: str = server.port    # type: ignore[assignment]
    i: int = server.prefix  # type: ignore[assignment]
    print(asked, wrong_asked, pair, wrong_document, a, b, c, d, e, f, g, h, i)


def ask(transport: Transport, project: str, query: Parameters) -> List[Dict[str, Any]]:
    inferred = {"limit": 200}
    pages = [get_page(transport, project, {"limit": 200, "cursor": None}), get_page(transport, project, inferred),
             get_page(transport, project, query), *walk(transport, project, {"limit": 200, "status": "failed"})]
    get_page(transport, project, {"limit": [200]})      # type: ignore[dict-item]
    listing = Listing(transport, project, statuses=("failed", "timeout"), since=datetime(2026, 7, 14),
                      until=datetime.now(timezone.utc), action_name=None, limit="200", cursor=None)
    elements: Iterator[Dict[str, Any]] = listing.elements
    return [*elements, *(execution for page in pages for execution in page.elements)]


def limit_time(transport: Transport) -> float:
    transport.deadline = transport.clock() + 60
    times: Tuple[Optional[float], bool, float] = (
        transport.deadline, transport.deadline_passed(), transport.remaining(30))
    transport.deadline = None
    return times[2]


def open_transport(server_url: Optional[str], token: str) -> Transport:
    if server_url is None:
        return Transport.from_settings(profile="lab", timeout=10, on_retry=print)
    server: Server = Server.parse(server_url)
    where: Tuple[str, int, str] = (server.host, server.port, server.scheme + server.prefix + server.authority)
    print(where, server.url)
    return Canned(server, token, ca_file=None, allow_http=True, trace=print, before_wait=lambda: None)


def report(transport: Transport, project: uuid.UUID) -> int:
    failed = 0
    for page in walk(transport, project, {"limit": "200", "cursor": "c", "status": None}):
        for execution in page.elements:
            wire: Dict[str, Any] = execution
            document: Document = get_execution(transport, project, wire["id"])
            for target in document.elements:
                output: OutputRef = OutputRef.from_wire(target.get("output_ref"))
                failed += target["status"] in FAILED_STATUSES + RUNNING_STATUSES
                print(output.kind, len(output.data), output.location, output.sha256, output.fault)
            members: Dict[str, Any] = document.members
            counts: Tuple[int, int] = (document.count, document.succeeded)
            print(members, counts, document.list_name, document.read_members("status"))
    return failed


def export(transport: Transport, project: str, cursor: str) -> str:
    page = get_page(transport, project, {"cursor": cursor})
    rows: List[Dict[str, Any]] = list(page.elements)
    resume: Optional[str] = page.resume
    print(rows, transport.received, transport.secrets, transport.server.url)
    return page.cursor if resume is None else resume


def watch(transport: Transport, project: str, identity: str) -> str:
    try:
        status: str = wait_for_execution(transport, project, identity, 0.5, on_status=print, on_retry=print)
    except WaitTimeout as error:
        return error.status
    return status if status in FINAL_STATUSES else "?"


def explain(error: ExecLogError) -> str:
    text: str = make_visible("%s %s %d" % (error, error.hint, error.exit_code))
    if isinstance(error, APIError):
        problem: Dict[str, Any] = error.problem
        status: int = error.status
        return "%s %s %d" % (text, problem, status)
    if isinstance(error, RemoteError):
        facts: Tuple[bool, bool, bool] = (error.retryable, error.transient, error.can_resume)
        rest: Optional[float] = error.retry_after
        return "%s %s %s" % (text, facts, rest)
    return text + ("usage" if isinstance(error, UsageError) else "token" if isinstance(error, CredentialsError) else "")


def run() -> int:
    parser: argparse.ArgumentParser = make_parser()
    print(parser.prog, plexctl_exec_log.__version__)
    project: str = parse_uuid(uuid.UUID(int=7)) or parse_uuid("{00000000-0000-0000-0000-000000000007}")
    try:
        with open_transport("https://plexsphere.example", "token") as transport:
            print(report(transport, uuid.UUID(project)), export(transport, project, ""), watch(transport, project, "x"))
    except ExecLogError as error:
        print(explain(error))
    return main(["list", "--version"], io.BytesIO(), io.StringIO(), sleep=lambda seconds: None)


if __name__ == "__main__":
    sys.exit(run())
