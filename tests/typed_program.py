"""A program that imports plexctl_exec_log and uses all of its public names. It is for type checkers; nothing runs it.

    mypy --strict tests/typed_program.py        in the clone; .ci/run does so

mypy must accept it as it is, and each value must have the type that is written here. A line with `type: ignore` must
be an error: --strict reports an ignore that is not needed, so a value of type Any is noticed.
"""

import io
import sys
import uuid
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Union

import plexctl_exec_log
from plexctl_exec_log import (
    FAILED_STATUSES,
    FINAL_STATUSES,
    RUNNING_STATUSES,
    APIError,
    ConnectError,
    CredentialsError,
    ExecLogError,
    Listing,
    OutputRef,
    RemoteError,
    ResponseTooLarge,
    Server,
    TimedOut,
    Transport,
    UnusableResponse,
    UsageError,
    WaitTimeout,
    get_execution,
    get_page,
    main,
    make_visible,
    parse_uuid,
    wait_for_execution,
)

Query = Mapping[str, Union[str, int, None]]


class CountingTransport(Transport):
    """A transport without a server. It counts its requests."""

    asked = 0

    def get(self, path: str, parameters: Query, max_bytes: int = 0) -> Dict[str, Any]:
        self.asked += 1
        return {"items": []}


def print_report() -> None:
    # The program of the module's docstring, to the letter.
    try:
        project = "019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13"
        with Transport.from_settings() as transport:
            for execution in Listing(transport, project, statuses=FAILED_STATUSES):
                for target in get_execution(transport, project, execution.get("id", ""))["targets"]:
                    output = OutputRef.from_wire(target.get("output_ref"))
                    text = output.fault or output.location or output.data.decode("utf-8", "replace")
                    status = target.get("status")
                    print(make_visible("%s %s %s" % (target.get("node_id"), status, text)))
    except ExecLogError as error:
        print("the report is incomplete:", type(error).__name__, error.hint)


def open_transport(url: Optional[str], token: str) -> Transport:
    if url is None:
        return Transport.from_settings(None, "lab", timeout=10, on_retry=print)
    server: Server = Server.parse(url)
    where: Tuple[str, str, int, str] = (server.scheme, server.host, server.port, server.prefix)
    port: str = server.port  # type: ignore[assignment]
    host: int = server.host  # type: ignore[assignment]
    print(where, host, port)
    with CountingTransport.from_settings(pauses=(1, 2.5)) as found:
        asked: str = found.asked  # type: ignore[assignment]
        print(asked)
    Transport(server, token, None)  # type: ignore[call-arg]
    return Transport(
        server,
        token,
        proxy="http://proxy:80",
        ca_file=None,
        timeout=7.5,
        allow_http=True,
        pauses=[1],
        on_retry=print,
        on_progress=lambda: None,
        trace=print,
        clock=lambda: 0.0,
        sleep=print,
    )


def ask(transport: Transport, project: uuid.UUID, query: Query) -> List[Dict[str, Any]]:
    page: Dict[str, Any] = get_page(transport, project)
    get_page(transport, project, {"limit": [200]})  # type: ignore[dict-item]
    wrong: int = get_execution(transport, "x", uuid.UUID(int=1))  # type: ignore[assignment]
    print(wrong, transport.server.host, transport.received + 1, ", ".join(transport.secrets))
    return [
        page,
        get_page(transport, str(project), query),
        transport.get("/v1/x", {"limit": 200, "x": None}, 1 << 20),
    ]


def list_failed(transport: Transport, project: str) -> Tuple[int, int, Optional[str]]:
    listing = Listing(
        transport,
        project,
        statuses=(status for status in FAILED_STATUSES),
        action_name="x",
        since=datetime(2026, 7, 14, tzinfo=timezone.utc),
        until=None,
        limit=200,
        cursor=None,
    )
    walk: Iterator[Dict[str, Any]] = iter(listing)
    wrong: int = next(walk)  # type: ignore[assignment]
    print(*listing, wrong)
    return listing.page_count, listing.count, listing.next_cursor


def watch(transport: Transport, project: str, execution_id: str) -> str:
    def show(execution: Dict[str, Any]) -> None:
        print(execution["status"])

    try:
        with transport.time_limit(0.5):
            execution: Dict[str, Any] = wait_for_execution(
                transport, project, execution_id, 0.5, on_status=show, nodes=[project]
            )
    except WaitTimeout as error:
        last: Dict[str, Any] = error.execution  # type: ignore[assignment]
        return "%s" % last
    finally:
        transport.close()
    return "over" if execution["status"] in FINAL_STATUSES else ", ".join(RUNNING_STATUSES)


def read_output(output: OutputRef) -> Tuple[str, bytes, str, str, str]:
    wrong: Tuple[int, str, int] = (output.kind, output.data, output.fault)  # type: ignore[assignment]
    print(wrong)
    return output.kind, output.data, output.location, output.sha256, output.fault


def explain(error: ExecLogError) -> str:
    text: str = make_visible("%s %s %d" % (error, error.hint, error.exit_code))
    if isinstance(error, APIError):
        problem: Dict[str, Any] = error.problem
        return "%s %s %d" % (text, problem, error.status)
    if isinstance(error, (ConnectError, UnusableResponse, ResponseTooLarge, TimedOut, RemoteError)):
        facts: Tuple[bool, Optional[float]] = (error.retryable, error.retry_after)
        return "%s %s" % (text, facts)
    return text + (
        "usage"
        if isinstance(error, UsageError)
        else "token"
        if isinstance(error, CredentialsError)
        else ""
    )


def run() -> int:
    print(plexctl_exec_log.__version__)
    project: str = parse_uuid(uuid.UUID(int=7)) or parse_uuid(
        "{00000000-0000-0000-0000-000000000007}"
    )
    try:
        with open_transport("https://plexsphere.example", "token") as transport:
            print(
                ask(transport, uuid.UUID(project), {"status": "failed"}),
                list_failed(transport, project),
            )
    except ExecLogError as error:
        print(explain(error))
    return main(["list", "--version"], io.BytesIO(), io.StringIO(), sleep=lambda seconds: None)


if __name__ == "__main__":
    sys.exit(run())
