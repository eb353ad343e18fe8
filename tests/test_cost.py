"""A run needs the memory of one response. tests/benchmark.py measures the rest of what it costs."""

import json
import os
import time

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import EXECUTION, archive, encode, execution, inline, page, run_cli, target
from server import Reply

BODY = 2 << 20  # bytes of a response: 2 MiB


def measure_peak(plane, argv, bodies, code=0):
    """Return the peak of memory of a run that reads these bodies, as a multiple of BODY."""
    tracemalloc = pytest.importorskip("tracemalloc", reason="PyPy does not trace memory")
    # The server copies slices.
    plane.script(*[Reply(body, framing="chunked", slices=1 << 16) for body in bodies])
    with open(os.devnull, "wb") as nowhere:
        tracemalloc.start()
        try:
            result = run_cli(*argv, plane=plane, stdout=nowhere)
            assert result.code == code and not plane.answers
            return tracemalloc.get_traced_memory()[1] / BODY
        finally:
            tracemalloc.stop()


def make_page(number, cursor, status="failed", size=BODY, **members):
    """Return the body of a page of 20 Executions, of this size."""
    wires = [
        execution(
            id="%d-%d" % (number, place),
            created_at="2026-07-14T09:%02d:%02dZ" % (number, place),
            status=status,
            padding="x" * (size // 20),
            **members,
        )
        for place in range(20)
    ]
    return encode(page(*wires, next_cursor=cursor))


def make_copies(status):
    """Return the bodies of ten pages of one Execution, which is always the same, and of an empty page."""
    wires = [execution(status=status, padding="x" * BODY) for _ in range(10)]
    return [encode(page(wire, next_cursor="c%d" % number)) for number, wire in enumerate(wires)] + [
        encode(page())
    ]


PAGES = [make_page(number, "c%d" % number if number < 4 else None) for number in range(5)]
LINE = b"x" * 999 + b"\n"
#: Pages whose Executions have an output each, with a length of BODY in base64 in each page.
PAGES_OF_OUTPUTS = [
    make_page(number, cursor, size=0, targets=[target(inline(LINE * (BODY // 20 * 3 // 4000)))])
    for number, cursor in [(0, "c1"), (1, "c2"), (2, "c3"), (3, None)]
]
PAGE_OF_TIMEOUTS = make_page(9, None, "timeout")
#: An Execution with 60 outputs, which have a length of BODY in base64.
OUTPUTS = encode(
    execution([target(inline(b"x" * (BODY // 60 * 3 // 4)), "%d" % number) for number in range(60)])
)


@pytest.mark.parametrize(
    "line, bodies, bound",  # of the memory, as a multiple of BODY
    [
        # A body and its text, or the text and its objects, exist together, and a little more.
        pytest.param("list", PAGES[4:], 2.6, id="list"),
        pytest.param("list --all", PAGES, 2.6, id="all"),
        pytest.param("list --since=2026-01-01 -o json", PAGES, 2.6, id="since, json"),
        pytest.param("list --last=2", PAGES, 2.8, id="last"),
        pytest.param("targets -o lines", PAGES_OF_OUTPUTS, 2.6, id="targets, lines"),
        pytest.param("get %s" % EXECUTION, [OUTPUTS], 2.6, id="get"),
        pytest.param("get %s -o raw" % EXECUTION, [OUTPUTS], 2.6, id="get, raw"),
        pytest.param("get %s -o json" % EXECUTION, [OUTPUTS], 2.6, id="get, json"),
        # A merge also keeps the objects of the page of the other status.
        pytest.param(
            "list --status=failed,timeout",
            PAGES[:1] + [PAGE_OF_TIMEOUTS] + PAGES[1:],
            3.6,
            id="merge of two final statuses",
        ),
        pytest.param(
            "list --status=started,failed",
            make_copies("started") + [encode(page())],  # nothing has failed
            3.6,
            id="merge, one Execution in many pages",
        ),
        # One copy is held by the merge, and another one by the query.
        pytest.param(
            "list --status=started,failed -o wide",
            [encode(page())] + make_copies("failed"),  # nothing is started
            4.6,
            id="merge, one failed Execution in many pages",
        ),
    ],
)
def test_memory_depends_on_the_size_of_a_response_and_not_on_how_many_come(
    plane, line, bodies, bound
):
    assert measure_peak(plane, line.split() + ["--project", PROJECT], bodies) < bound


#: BODY bytes that are unprintable characters, each of which is escaped as four: `\x85`.
LONG_TEXT = "\x85" * (BODY // 2)


@pytest.mark.parametrize(
    "flags, wire",
    [
        ("-o raw", execution([target(archive("b", "k"))], status=LONG_TEXT)),
        ("-o raw", execution([target(archive("b", "k"), node=LONG_TEXT)])),
        ("-o raw", execution([target({"kind": LONG_TEXT})])),
        ("-o raw", execution([target(archive(LONG_TEXT, "k"))])),
        ("-o raw", execution([target(archive("b", LONG_TEXT))])),
        ("-o raw", execution([target(archive("b", "k", sha256=LONG_TEXT))])),
        ("-o table", execution([target({"kind": "x"}, status=["x"], node=LONG_TEXT)])),
    ],
    ids=["status", "node id", "kind", "bucket", "key", "digest", "node id of a malformed target"],
)
def test_text_of_a_message_is_cut_before_it_is_escaped(plane, flags, wire):
    body = json.dumps(wire, ensure_ascii=False).encode("utf-8")
    argv = ["get", EXECUTION, "--project", PROJECT] + flags.split()

    assert measure_peak(plane, argv, [body], code=1) < 3.2


def measure_least(action):
    """Return the least processor time of five calls, in seconds: other processes disturb that the least."""
    seconds = []
    for _ in range(5):
        begin = time.process_time()
        action()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def test_scattered_control_characters_cost_a_terminal_about_as_much_as_adjacent_ones():
    # If each run of unprintable characters were escaped by itself, the ratio would be 18.
    scattered, adjacent = b"\x01a" * 150000, b"\x01" * 300000

    seconds = measure_least(lambda: program.make_terminal_safe(scattered))
    others = measure_least(lambda: program.make_terminal_safe(adjacent))

    assert seconds / others < 8
