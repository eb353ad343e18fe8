"""The standard streams: their order and encoding, and streams that are closed, full or gone."""

import io
import json
import os
import sys

import pytest

import plexctl_exec_log as program
from kit import (
    ALL,
    ANY_RESPONSE,
    BOTH,
    GET,
    GET_RAW,
    LIST,
    SMALL_EXECUTION,
    TARGETS,
    FailingStream,
    archive,
    execution,
    inline,
    page,
    posix_only,
    run_against,
    run_cli,
    run_in_shell,
    run_process,
    surroundings,
    target,
)
from server import Reply

#: An Execution with three outputs: `x`, an unreadable one, and `y`. The error about the second makes the exit code 1.
#: The third output would be lost if the program ended at that error.
X_UNREADABLE_Y = execution(
    [target(inline(b"x\n")), target({"kind": "tape"}), target(inline(b"y\n"))]
)
UNREADABLE_LINE = (
    "error: the output of target a1b2c300-0000-4000-8000-000000000000 is unreadable: "
    'unknown kind "tape"\n'
)
ARCHIVED_LINE = (
    "error: the output of target a1b2c300-0000-4000-8000-000000000000 is archived: logs/a/b.log\n"
)

# ---- order and encoding


def test_stderr_escapes_the_characters_that_its_encoding_lacks(plane):
    plane.script(Reply({"detail": "caf\xe9 \u20ac \U0001f600"}, 404))
    stderr = io.TextIOWrapper(io.BytesIO(), "latin-1")

    with surroundings(plane):
        program.main(list(GET), io.BytesIO(), stderr)

    error = stderr.buffer.getvalue().splitlines()[0]
    assert error == b"error: HTTP 404 Not Found; caf\xe9 \\u20ac \\U0001f600"


def test_messages_come_between_the_outputs_around_them(plane):
    plane.script(Reply(X_UNREADABLE_Y))
    both = io.BytesIO()  # receives what is flushed from either stream
    stdout = io.BufferedWriter(both)
    stderr = io.TextIOWrapper(io.BufferedWriter(both), "utf-8", newline="")

    with surroundings(plane):
        code = program.main(list(GET_RAW), stdout, stderr)

    assert code == 1
    # Each stream has a buffer, so the order is right only if the program flushes both.
    assert both.getvalue().decode("utf-8") == "x\n" + UNREADABLE_LINE + "y\n"


def test_error_starts_a_line_if_both_streams_are_terminals_in_mid_line(plane):
    # The second output is empty, which leaves the terminal in mid-line.
    answer = execution(
        [target(inline(b"x")), target(inline(b"")), target(archive()), target(archive())]
    )

    result = run_against(plane, answer, *GET_RAW, terminals=BOTH)

    assert result.out == b"x"
    assert result.err == "\n" + ARCHIVED_LINE + ARCHIVED_LINE


def test_retry_starts_a_line_if_both_streams_are_terminals_in_mid_line(plane):
    # The line of an Execution in json ends when the next page has come, which is requested twice.
    plane.script(Reply(page(execution(), next_cursor="c2")), Reply({}, 503), Reply(page()))

    result = run_cli(*ALL, "-o", "json", plane=plane, terminals=BOTH)

    assert result.err == "\nretry: HTTP 503 Service Unavailable; waiting 0.5 s\n"


@pytest.mark.parametrize(
    "output, terminals",
    [
        pytest.param(b"x\n", BOTH, id="the line is complete"),
        pytest.param(b"", BOTH, id="nothing was printed"),
        pytest.param(b"x", ("stderr",), id="stdout is a pipe"),
        pytest.param(b"x", ("stdout",), id="stderr is a pipe"),
    ],
)
def test_line_feed_precedes_an_error_only_if_both_streams_go_to_one_place_in_mid_line(
    plane, output, terminals
):
    answer = execution([target(inline(output)), target(archive())])

    result = run_against(plane, answer, *GET_RAW, terminals=terminals)

    assert result.out == output
    assert result.err == ARCHIVED_LINE


@posix_only
@pytest.mark.parametrize("redirection", ["2>&1", "> file 2>&1"], ids=["pipe", "file"])
def test_error_midway_in_json_starts_a_line_if_both_streams_go_to_the_same_place(
    plane, tmp_path, redirection
):
    # The second page fails, when the first one has been printed.
    plane.script(Reply(page(execution(), next_cursor="c2")), Reply({}, 404))
    path = tmp_path / "file"

    result = run_in_shell(redirection.replace("file", str(path)), *ALL, "-o", "json", plane=plane)

    both = path.read_bytes() if path.exists() else result.out
    rows, _, messages = both.partition(b"\nerror: HTTP 404 ")
    # Only the end of the JSON is missing, and next_cursor is the last line of the messages.
    assert json.loads(rows.decode("ascii") + "]}") == {"items": [execution()]}
    assert messages.endswith(b"\nnext_cursor: c2\n")


# ---- a stdout that cannot be written

every_command_that_prints = pytest.mark.parametrize(
    "argv", [("--help",), ("--version",), LIST, ALL, GET, GET + ("-o", "json")], ids=" ".join
)
needs_dev_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
FULL_LINE = "error: cannot write to standard output: No space left on device\n"


@every_command_that_prints
@pytest.mark.parametrize(
    "exception, error",
    [
        pytest.param(OSError(28, "No space left"), "No space left", id="full"),
        pytest.param(ValueError("closed"), "closed", id="closed"),
    ],
)
def test_unwritable_stdout_means_exit_1_with_one_error(plane, argv, exception, error):
    plane.script(Reply(ANY_RESPONSE))

    # stderr is a terminal, so that a hint would show.
    result = run_cli(*argv, plane=plane, stdout=FailingStream(exception), terminals=("stderr",))

    assert result.code == 1
    assert result.err == "error: cannot write to standard output: %s\n" % error


@every_command_that_prints
def test_reader_that_has_gone_means_exit_141_without_a_message(plane, argv):
    plane.script(Reply(ANY_RESPONSE))
    stdout = FailingStream(BrokenPipeError(32, "Broken pipe"))

    result = run_cli(*argv, plane=plane, stdout=stdout, terminals=("stderr",))

    assert result.code == 141
    assert result.err == ""


def test_reader_of_lines_that_has_gone_gets_no_count_of_what_is_not_shown(plane):
    stdout = FailingStream(BrokenPipeError(32, "Broken pipe"))
    unfinished = page(execution([target(inline(b"so far\n"), status="started")]))

    result = run_against(plane, unfinished, *TARGETS, "-o", "lines", stdout=stdout)

    assert result.code == 141
    assert result.err == ""  # otherwise: incomplete: 1 Execution has unfinished targets


@pytest.mark.parametrize(
    "exception, error",
    [
        pytest.param(MemoryError(), "out of memory", id="memory"),
        pytest.param(
            RecursionError(), "the response is nested too deeply to be printed", id="stack"
        ),
    ],
)
def test_running_out_of_memory_or_stack_while_printing_gives_one_error_line(
    plane, exception, error
):
    result = run_cli(*LIST, plane=plane, stdout=FailingStream(exception))

    assert result.code == 1
    assert result.err == "error: %s\n" % error


class SlowRaw(io.RawIOBase):
    """A raw stream, like stdout under `python -u`, whose write() takes at most 4999 bytes.

    Once it has taken `most` bytes, it takes none: write() then returns None, which means "not now"."""

    def __init__(self, most):
        super().__init__()
        self.most = most
        self.taken = b""

    def write(self, data):
        size = min(len(data), 4999, self.most - len(self.taken))
        self.taken += bytes(data[:size])
        return size or None


def test_partial_writes_to_stdout_are_completed(plane):
    stdout = SlowRaw(most=1000000)  # takes 4999 bytes at a time, and in all more than is printed
    plane.script(Reply(execution([target(inline(b"x" * 90000))])))

    result = run_cli(*GET_RAW, plane=plane, stdout=stdout)

    assert (result.code, result.err) == (0, "")
    assert stdout.taken == b"x" * 90000


def test_stdout_that_takes_nothing_more_means_exit_1(plane):
    stdout = SlowRaw(most=50000)  # takes 4999 bytes at a time, and then none
    plane.script(Reply(execution([target(inline(b"x" * 90000))])))

    result = run_cli(*GET_RAW, plane=plane, stdout=stdout)

    assert result.code == 1
    assert result.err == "error: cannot write to standard output: it is not ready (non-blocking)\n"
    assert stdout.taken == b"x" * 50000


class FailingOnce(io.BytesIO):
    """A stream whose first write() fails. The others work, as after somebody has made room on a full disk."""

    has_failed = False

    def write(self, data):
        if self.has_failed:
            return super().write(data)
        self.has_failed = True
        raise OSError(28, "No space left")


@pytest.mark.parametrize(
    "argv, answer",
    [
        # The program collects data for stdout, and writes it once there are 64 KiB, and before a request.
        pytest.param(GET_RAW, execution([target(inline(b"x" * 90000))]), id="more than 64 KiB"),
        pytest.param(ALL, page(execution(), next_cursor="c2"), id="rows before the second page"),
    ],
)
def test_write_to_stdout_that_failed_is_not_repeated(plane, argv, answer):
    plane.script(Reply(answer))
    stdout = FailingOnce()  # a second attempt would succeed

    result = run_cli(*argv, plane=plane, stdout=stdout)

    assert result.code == 1
    assert result.err == "error: cannot write to standard output: No space left\n"
    assert stdout.getvalue() == b""


@posix_only
@needs_dev_full
def test_full_raw_stdout_ends_the_run_before_the_error_for_the_second_output(plane):
    # The program writes the first output before the error, and this stdout has no buffer, as under `python -u`.
    with open("/dev/full", "wb", buffering=0) as raw:
        result = run_against(plane, X_UNREADABLE_Y, *GET_RAW, stdout=raw)

    assert result.code == 1
    assert result.err == FULL_LINE


@posix_only
@needs_dev_full
@pytest.mark.parametrize(
    "argv, answer",
    [
        # The program collects data for stdout, and writes it once there are 64 KiB.
        pytest.param(LIST, Reply(page(execution())), id="less than 64 KiB"),
        pytest.param(LIST, Reply(page(*[execution()] * 600)), id="more than 64 KiB"),
        pytest.param(("--help",), None, id="help"),
    ],
)
def test_full_stdout_of_a_process_is_reported_once(plane, argv, answer):
    plane.script(answer)

    result = run_in_shell(">/dev/full", *argv, plane=plane)

    assert result.code == 1
    assert result.err == FULL_LINE


@posix_only
@pytest.mark.parametrize("argv", [GET + ("-v",), ("--help",)], ids=["get", "help"])
def test_closed_stdout_of_a_process_is_reported_before_anything_is_sent(plane, argv):
    result = run_in_shell(">&-", *argv, plane=plane)

    assert result.code == 1
    assert result.err == "error: standard output is closed\n"  # and no trace of a request
    assert plane.requests == []


@posix_only
def test_usage_error_is_reported_even_if_stdout_is_closed(plane):
    result = run_in_shell(">&-", "x", plane=plane)

    assert result.code == 2
    assert result.err == "error: unknown command; expected list, targets or get\nhint: see --help\n"


# ---- a stderr that cannot be written


@pytest.mark.parametrize(
    "exception",
    [
        pytest.param(OSError(28, "full"), id="full"),
        pytest.param(BrokenPipeError(), id="reader gone"),
        pytest.param(ValueError("closed"), id="closed"),
        pytest.param(AttributeError(), id="no stream"),
    ],
)
@pytest.mark.parametrize("is_closed", [False, True], ids=["open", "isatty fails"])
def test_failing_stderr_changes_neither_exit_code_nor_stdout(plane, exception, is_closed):
    # This run writes to stderr a trace, a retry, and an error about the second of three outputs.
    plane.script(Reply({}, 503), Reply(X_UNREADABLE_Y))
    stdout, stderr = io.BytesIO(), FailingStream(exception)
    if is_closed:
        stderr.close()  # now its isatty() raises ValueError

    with surroundings(plane):
        code = program.main(list(GET_RAW) + ["-v"], stdout, stderr, sleep=lambda seconds: None)

    assert code == 1  # for the unreadable output
    assert stdout.getvalue() == b"x\ny\n"


@posix_only
@pytest.mark.parametrize(
    "redirection",
    [
        pytest.param("2>&-", id="stderr closed"),
        pytest.param("<&- 2>&-", id="stdin and stderr closed"),
        pytest.param("2>/dev/full", id="stderr full", marks=needs_dev_full),
    ],
)
def test_unusable_stderr_of_a_process_leaves_stdout_complete(plane, redirection):
    plane.script(Reply(SMALL_EXECUTION))

    result = run_in_shell(redirection, *GET_RAW, "-v", plane=plane)  # -v writes to stderr

    assert result.code == 0
    assert result.out == b"some output\n"


@posix_only
@pytest.mark.parametrize(
    "argv, answer, redirection, code",
    [
        # In the first row, 1 is for stdout. A crash would have the code 1, too, but not 4 (403) or 2 (usage).
        (GET + ("-v",), Reply(SMALL_EXECUTION), ">/dev/full 2>/dev/full", 1),
        (GET + ("-v",), Reply({}, 403), ">/dev/full 2>/dev/full", 4),
        (GET + ("-v",), Reply({}, 403), "2>&-", 4),
        (("x",), None, ">/dev/full 2>/dev/full", 2),
        (("x",), None, ">&- 2>&-", 2),
    ],
    ids=["get, full", "403, full", "403, stderr closed", "usage, full", "usage, closed"],
)
def test_exit_code_is_the_documented_one_if_no_stream_can_be_written(
    plane, argv, answer, redirection, code
):
    plane.script(answer)

    result = run_in_shell(redirection, *argv, plane=plane)

    assert result.code == code


# ---- message catalogues


not_on_pypy = pytest.mark.skipif(
    sys.implementation.name == "pypy", reason="PyPy does not start with an unknown locale"
)


@pytest.mark.parametrize(
    "variable",
    [
        "LANGUAGE",
        "LC_MESSAGES",
        pytest.param("LC_ALL", marks=not_on_pypy),
        pytest.param("LANG", marks=not_on_pypy),
    ],
)
def test_script_reads_no_message_catalogue_that_a_variable_names(plane, tmp_path, variable):
    # argparse looks for one, and gettext would raise struct.error for one that ends after its magic number.
    catalogue = tmp_path / "LC_MESSAGES" / "messages.mo"
    catalogue.parent.mkdir()
    catalogue.write_bytes(b"\xde\x12\x04\x95")
    others = dict.fromkeys(["LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"])

    result = run_process(
        *LIST, "-o", "id", plane=plane, env=dict(others, **{variable: str(tmp_path)})
    )

    assert result.code == 0
    assert len(result.out.splitlines()) == 50
