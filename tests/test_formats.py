"""Section 5: standard output and standard error as a whole, masking (2.7), and the documents json, yaml and jsonl."""

import base64
import io
import json
import re

import pytest

import plexctl_exec_log as program
from control_plane import TOKEN
from kit import (
    ALL,
    BOTH,
    EXECUTION,
    GET,
    GET_FORMATS,
    GET_RAW,
    LIST,
    NAME,
    NODES,
    FailingStream,
    Proxy,
    archive,
    error_lines,
    every_list_format,
    execution,
    inline,
    page,
    posix_only,
    rule,
    run_against,
    run_cli,
    run_in_shell,
    run_on_terminal,
    surroundings,
    target,
)
from server import Reply

HALF_READABLE = execution([target(inline(b"x\n")), target({"kind": "tape"})])
UNREADABLE_LINE = 'error: the output of target %s is unreadable: unknown kind "tape"\n' % NODES[0]
FULL_LINE = "error: cannot write to standard output: No space left on device\n"


# ---- 5.1: two streams


@rule("5.1", "3.1a")
@pytest.mark.parametrize("format", ["text", "json"])
def test_traces_and_retries_go_to_stderr_only(plane, format):
    argv, answer = GET + ("--output", format), Reply(execution([target(inline(b"x\n"))]))
    quiet = run_against(plane, answer, *argv)
    plane.script(Reply({}, 503), answer)
    loud = run_cli(*argv + ("-v",), plane=plane)
    assert quiet.err == "" and "\nretry: " in loud.err and "\n> GET " in loud.err and loud.out == quiet.out


@rule("5.1")
def test_stderr_escapes_what_its_encoding_lacks_and_stdout_is_utf_8(plane):
    text, out, err = "caf\xe9 \u20ac \U0001f600", io.BytesIO(), io.TextIOWrapper(io.BytesIO(), "latin-1")
    plane.script(Reply(page(execution(action=text))), Reply({"detail": text}, 404))
    with surroundings(plane):
        assert [program.main(list(argv), out, err) for argv in (LIST, GET)] == [0, 1]
    assert ("  %s\n" % text).encode("utf-8") in out.getvalue()
    assert b" caf\xe9 \\u20ac \\U0001f600" in err.buffer.getvalue().splitlines()[0]


@rule("5.1")
def test_messages_come_after_earlier_output(plane):
    both = io.BytesIO()
    err = io.TextIOWrapper(both, "utf-8", newline="")
    plane.script(Reply(HALF_READABLE))
    with surroundings(plane):
        program.main(list(GET_RAW), both, err)
    assert both.getvalue().decode() == "x\n" + UNREADABLE_LINE


#: Runs that write to stderr, and the answers that they get.
UNHEARD = {
    "unreadable": (GET, [Reply(HALF_READABLE)]),
    "walk": (
        ALL + ("-o", "jsonl", "-v"),
        [Reply(page(execution(), next_cursor="c")), Reply({}, 503), Reply({"code": "rebac_denied"}, 403)],
    ),
}


@rule("5.1a")
@pytest.mark.parametrize("argv, answers", list(UNHEARD.values()), ids=list(UNHEARD))
def test_failing_stderr_changes_nothing(plane, argv, answers):
    plane.script(*answers)
    heard = run_cli(*argv, plane=plane)
    for error in (OSError(28, "full"), BrokenPipeError(), ValueError("closed")):
        plane.script(*answers)
        out = io.BytesIO()
        with surroundings(plane), FailingStream(error) as stderr:
            stderr.close()  # now its isatty() raises ValueError, and its write() the error
            assert heard[:2] == (program.main(list(argv), out, stderr, lambda seconds: None), out.getvalue())


@posix_only
@rule("5.1a")
def test_closed_stderr_of_a_process_changes_nothing(plane):
    plane.script(Reply(HALF_READABLE))
    assert run_in_shell("2>&-", *GET_RAW, plane=plane) == (1, b"x\n", "")


@rule("5.1b")
@pytest.mark.parametrize(
    "data, terminals, begin",
    [(b"x", BOTH, "\n"), (b"x\n", BOTH, ""), (b"", BOTH, ""), (b"x", ("stderr",), ""), (b"x", ("stdout",), "")],
    ids=["mid-line", "line is complete", "no output", "stdout a pipe", "stderr a pipe"],
)
def test_error_starts_a_line_if_both_streams_are_terminals(plane, data, terminals, begin):
    wire = execution([target(inline(part)) for part in (data[:1], data[1:])] + [target(archive())] * 2)
    result = run_against(plane, wire, *GET_RAW, terminals=terminals)
    assert (result.code, result.out, len(error_lines(result))) == (1, data, 2)
    assert result.err.startswith(begin + "error: ") and result.err.count("\n") == 2 + len(begin)


@posix_only
@rule("5.1b", "6.3")
@pytest.mark.parametrize("redirection", ["2>&1", "> %s 2>&1", None], ids=["pipe", "file", "terminals"])
def test_error_midway_in_json_starts_a_line_of_its_own(plane, tmp_path, redirection):
    plane.script(Reply(page(execution(), next_cursor="c2")), Reply({}, 410))
    argv, path = ALL + ("-o", "json"), tmp_path / "file"
    path.write_bytes(b"")
    result = (
        run_on_terminal(*argv, plane=plane)
        if redirection is None
        else run_in_shell(redirection.replace("%s", "'%s'" % path), *argv, plane=plane)
    )
    rows, error, rest = (path.read_bytes() + result.out + result.err.encode()).partition(b"\nerror: HTTP 410 ")
    assert (result.code, json.loads(rows.decode() + "]}")) == (1, {"items": [execution()]})
    assert error and re.match(b".*\nnext_cursor: c2\r?\n\\Z", rest)


@posix_only
@rule("5.1", "6.1")
def test_stdout_that_cannot_be_written_is_one_error_line(plane):
    # More than is collected before it is written.
    plane.answer_to = lambda request: Reply(page(*[execution()] * 600))
    assert run_in_shell(">/dev/full", *LIST, plane=plane) == (1, b"", FULL_LINE)
    assert run_in_shell(">&-", *LIST, plane=plane) == (1, b"", "error: standard output is closed\n")
    with open("/dev/full", "wb", buffering=0) as raw:
        assert run_cli(*LIST, plane=plane, stdout=raw)[::2] == (1, FULL_LINE)
        assert run_cli("--version", stdout=raw)[::2] == (1, FULL_LINE)
        assert run_against(plane, HALF_READABLE, *GET_RAW, stdout=raw)[::2] == (1, FULL_LINE)


# ---- 2.7: masking

OTHER_ONE, EIGHT, SEVEN = "another-token-1", "eight-ch", "seven-c"
#: PLEXSPHERE_TOKEN, the token that is used, what the server says, and what stderr shows of it.
MASKED = {
    "both tokens": (TOKEN, OTHER_ONE, "%s %s<%s>" % (TOKEN, OTHER_ONE, TOKEN), "*** ***<***>"),
    "from 8 characters on": (EIGHT, SEVEN, "%s %s" % (EIGHT, SEVEN), "*** " + SEVEN),
    "masked, then cut": (OTHER_ONE, TOKEN, TOKEN * 300, "***" * 300),
    "cut": (OTHER_ONE, TOKEN, "y" * 5000, "y" * 3973),
}


@rule("2.7")
@pytest.mark.parametrize("variable, in_file, sent, shown", list(MASKED.values()), ids=list(MASKED))
def test_tokens_in_the_servers_text_are_masked_on_stderr(plane, tmp_path, variable, in_file, sent, shown):
    path = tmp_path / "token"
    path.write_bytes(in_file.encode())
    path.chmod(0o600)
    flags = ("--token-file", str(path))
    result = run_against(plane, Reply({"detail": sent}, 404), *GET + flags, env={"PLEXSPHERE_TOKEN": variable})
    assert "error: HTTP 404 Not Found; %s\n" % shown in result.err


@rule("2.7", "5.10")
def test_password_of_a_proxy_is_masked_before_it_is_escaped(plane):
    basic = base64.b64encode("ann:pass\u200bword".encode()).decode()
    with Proxy(plane) as proxy:
        proxy.script(Reply({"detail": "<pass\u200bword> <%s> \u200b" % basic}, 404))
        result = run_cli(
            *GET + ("--allow-http",),
            plane=plane,
            env={"PLEXSPHERE_URL": "http://" + NAME, "HTTP_PROXY": proxy.url.replace("//", "//ann:pass%E2%80%8Bword@")},
        )
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic " + basic
    assert error_lines(result) == ["HTTP 404 Not Found; <***> <***> \\u200b"]


@rule("2.7")
def test_stdout_is_never_masked(plane):
    wire = execution([target(inline(TOKEN.encode())), target(node=TOKEN, status=TOKEN)], action=TOKEN)
    for argv, answer in [(LIST, page(wire))] + [(GET + ("-o", format), wire) for format in GET_FORMATS]:
        result = run_against(plane, answer, *argv, echoes=True)
        assert (result.code, TOKEN.encode() in result.out, b"***" in result.out) == (0, True, False)


# ---- 5.8: json, yaml and jsonl

#: What the server sends, ID being the id. Of its members, `items` or `targets` are the elements.
DOCUMENTS = [
    text.replace("ID", EXECUTION)
    for text in (
        '{"zzz": [{}, [], [[]], {"a": {"items": [], "targets": []}}], "targets": [{"output_ref": {"kind": 5}}'
        ', {"x": [1, {"b": "\\n  \\"targets\\": []", "a": null}]}, {}], "id": "ID", "targets_": [], "aaa": true}',
        '{"targets": [], "id": "ID", "numbers": [0, -1, 1000000000000000000000000000000, 1.5, 1e-07, 1.0, true, null]}',
        '{"id": "ID", "created_at": [], "status": {}, "type": 0, "targets": [{"node_id": 5, "status": []}]}',
        '{"id": "ID", "\u00e9\u2028\U0001f600": "\u00e9\u20ac\u2028\ufeff\U0001f600\x7f\x85\\ud800\\u0000\\/\\"\\n",'
        ' "targets": [{"\u00e9\x7f": "\\u001b\u009b"}]}',
        '{"items": [{"id": "1", "targets": [{}]}, {}], "next_cursor": "c", "more": 1}',
        '{"next_cursor": "c", "items": [{"b": 1, "a": 2}]}',
        '{"a": 1, "next_cursor": "c", "items": [], "z": [2]}',
        '{"items": [], "next_cursor": null}',
    )
]


def lay_out(wire, list_name):
    """Return an object as json prints it: a line for each member, and for each element of its list."""
    members = []
    for name, value in wire.items():
        text = json.dumps(value, separators=(",", ":"))
        if name == list_name and value:
            elements = [json.dumps(element, separators=(",", ":")) for element in value]
            text = "[\n    " + ",\n    ".join(elements) + "\n  ]"
        members.append("  " + json.dumps(name) + ": " + text)
    return "{\n" + ",\n".join(members) + "\n}\n"


@rule("5.8", "5.8b", "5.8c", "5.8d", "9.4")
@pytest.mark.parametrize("terminals", [(), BOTH], ids=["pipes", "terminals"])
def test_documents_are_what_the_server_sent_in_ascii(plane, terminals):
    for text in DOCUMENTS:
        wire, argv = json.loads(text), GET if EXECUTION in text else LIST
        elements = wire.get("items", wire.get("targets"))
        lines = "".join(json.dumps(element, separators=(",", ":")) + "\n" for element in elements)
        whole = lay_out(wire, "items" if "items" in wire else "targets")
        for format, shown in (("json", whole), ("yaml", whole), ("jsonl", lines)):
            result = run_against(plane, Reply(text), *argv + ("-o", format, "--color", "always"), terminals=terminals)
            assert (result.code, result.out.decode("ascii"), error_lines(result)) == (0, shown, [])
            cursor = ["next_cursor: c\n"] if format == "jsonl" and wire.get("next_cursor") else []
            assert re.findall("next_cursor.*\n\\Z", result.err) == cursor


@rule("5.8a", "1.8")
@every_list_format
def test_walk_is_one_document(plane, format):
    for whole in ([{"id": "1"}, {"id": "2"}], []):
        plane.script(Reply(page(*whole[:1], next_cursor="c2", more=1)), Reply(page(*whole[1:], next_cursor="", x=2)))
        walked = run_cli(*ALL + ("--output", format), plane=plane)
        assert walked == run_against(plane, page(*whole), *LIST + ("--output", format)) and walked[::2] == (0, "")
        if format in ("json", "yaml"):
            assert walked.out.decode() == lay_out({"items": whole}, "items")
