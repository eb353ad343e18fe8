"""Section 1 of the contract: words, flags and their values, times, statuses, and usage errors with their suggestions.

Help is in test_help.py. Which Executions and targets a listing selects, and in which order, is in test_choosing.py.
"""

import io
import itertools
import json
import shutil
import time
from collections import namedtuple
from datetime import datetime, timedelta, timezone

import pytest

import plexctl_exec_log as program
from control_plane import DEMO, PROJECT, TOKEN
from flag_values import FLAG_VALUES, give_values, make_kept, make_other
from kit import (
    EXECUTION,
    GET,
    GET_FORMATS,
    LIST,
    LIST_FORMATS,
    NODES,
    UNREACHABLE,
    encode,
    error_lines,
    every_get_format,
    every_list_format,
    execution,
    find_ids,
    hint_lines,
    inline,
    listed,
    page,
    posix_only,
    read_queries,
    rule,
    run_against,
    run_cli,
    run_process,
    serve_pages,
    surroundings,
    target,
    write_private_file,
)
from server import Reply

# ---- 1.2 to 1.4: words, and where flags and their values stand


@rule("1.2", "1.3", "1.3c")
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(
            [
                "exec-log",
                "list",
                "--project",
                PROJECT,
                "--status=failed",
                "--limit",
                "7",
                "--yes",
                "-o",
                "jsonl",
            ],
            id="all flags last",
        ),
        pytest.param(
            [
                "list",
                "--project",
                PROJECT,
                "--status=failed",
                "--limit",
                "7",
                "--reveal-secrets",
                "-o",
                "jsonl",
            ],
            id="without exec-log",
        ),
        pytest.param(
            [
                "--project",
                PROJECT,
                "--status=failed",
                "list",
                "--limit",
                "7",
                "--yes",
                "-o",
                "jsonl",
            ],
            id="some flags before list",
        ),
        pytest.param(
            [
                "--project",
                PROJECT,
                "--limit",
                "7",
                "-o",
                "jsonl",
                "exec-log",
                "--yes",
                "list",
                "--status=failed",
            ],
            id="a switch between exec-log and list",
        ),
        pytest.param(
            [
                "--limit",
                "7",
                "-o",
                "jsonl",
                "--project",
                PROJECT,
                "--yes",
                "--status=failed",
                "exec-log",
                "list",
            ],
            id="all flags first",
        ),
    ],
)
def test_flags_of_list_may_appear_anywhere(plane, argv):
    result = run_against(plane, page(execution()), *argv)

    assert result.code == 0
    assert result.err == ""
    assert result.out == encode(execution()) + b"\n"
    assert [request.target for request in plane.requests] == [
        "/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions?status=failed&limit=7"
    ]


@rule("1.2", "1.3", "1.3c")
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(
            [
                "exec-log",
                "get",
                EXECUTION,
                "--project",
                PROJECT,
                "--node",
                NODES[0],
                "-o",
                "raw",
                "--failed",
                "--yes",
            ],
            id="all flags last",
        ),
        pytest.param(
            [
                "get",
                "--project",
                PROJECT,
                "--node",
                NODES[0],
                EXECUTION,
                "-o",
                "raw",
                "--failed",
                "--reveal-secrets",
            ],
            id="flags between get and the id",
        ),
        pytest.param(
            [
                "--project",
                PROJECT,
                "--node",
                NODES[0],
                "get",
                "-o",
                "raw",
                EXECUTION,
                "--failed",
                "--yes",
            ],
            id="flags everywhere",
        ),
        pytest.param(
            [
                "--project",
                PROJECT,
                "--node",
                NODES[0],
                "-o",
                "raw",
                "--failed",
                "exec-log",
                "get",
                "--id",
                EXECUTION,
            ],
            id="--id last",
        ),
        pytest.param(
            [
                "--id=" + EXECUTION,
                "--project",
                PROJECT,
                "--node",
                NODES[0],
                "-o",
                "raw",
                "--failed",
                "get",
            ],
            id="--id first",
        ),
    ],
)
def test_flags_and_the_id_of_get_may_appear_anywhere(plane, argv):
    wanted = target(inline(b"disk full\n"), NODES[0], "failed")
    of_another_status = target(inline(b"all is well\n"), NODES[0], "succeeded")
    of_another_node = target(inline(b"no route\n"), NODES[1], "failed")

    result = run_against(plane, execution([of_another_status, wanted, of_another_node]), *argv)

    assert result.code == 0
    assert result.err == ""
    assert result.out == b"disk full\n"
    assert [request.target for request in plane.requests] == [
        "/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions/4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"
    ]


@rule("1.3c")
@pytest.mark.parametrize("flag", ["--yes", "--reveal-secrets"])
@pytest.mark.parametrize(
    "command, beginning",
    [
        pytest.param(LIST, b"ID  ", id="list"),
        pytest.param(("get", DEMO, "--project", PROJECT), b"==> ", id="get"),
    ],
)
def test_flags_for_scripts_of_plexctl_change_nothing(plane, command, beginning, flag):
    without = run_cli(*command, plane=plane)

    result = run_cli(*command, flag, plane=plane)

    assert result.code == 0
    assert result.out.startswith(beginning)
    assert result == without


@rule("1.3a", "1.4", "1.4c")
@every_list_format
def test_list_accepts_each_format_in_every_spelling(plane, format):
    # test_formats.py and test_text.py say what each format prints of an Execution.
    expected = run_cli(*LIST, "--output", format, plane=plane)

    assert expected.code == 0
    assert run_cli(*LIST, "--output=" + format, plane=plane) == expected
    assert run_cli(*LIST, "-o", format, plane=plane) == expected
    assert run_cli(*LIST, "-o" + format, plane=plane) == expected
    assert run_cli(*LIST, "-o=" + format, plane=plane) == expected
    # The last value wins.
    assert run_cli(*LIST, "-o", "json", "-o", format, plane=plane) == expected


@rule("1.3a", "1.4", "1.4c")
@every_get_format
def test_get_accepts_each_format_in_every_spelling(plane, format):
    # test_formats.py and test_text.py say what each format prints of an Execution.
    show = ("get", DEMO, "--project", PROJECT)
    expected = run_cli(*show, "--output", format, plane=plane)

    assert expected.code == 0
    assert run_cli(*show, "--output=" + format, plane=plane) == expected
    assert run_cli(*show, "-o", format, plane=plane) == expected
    assert run_cli(*show, "-o" + format, plane=plane) == expected
    assert run_cli(*show, "-o=" + format, plane=plane) == expected
    # The last value wins.
    assert run_cli(*show, "-o", "json", "-o", format, plane=plane) == expected


@rule("1.3a")
def test_default_format_of_list_is_text(plane):
    expected = run_cli(*LIST, "--output", "text", plane=plane)

    result = run_cli(*LIST, plane=plane)

    assert result.code == 0
    assert result == expected
    assert result.out.startswith(b"ID  ")


@rule("1.3a")
def test_default_format_of_get_is_text(plane):
    expected = run_cli("get", DEMO, "--project", PROJECT, "--output", "text", plane=plane)

    result = run_cli("get", DEMO, "--project", PROJECT, plane=plane)

    assert result.code == 0
    assert result == expected
    assert result.out.startswith(b"==> ")


@rule("1.4", "1.4c")
@pytest.mark.parametrize(
    "flags",
    [
        # five spellings of one value
        "-n5",
        "-n 5",
        "-n=5",
        "--last=5",
        "--last 5",
        # two values, of which the last one counts, in one spelling and in two
        "-n9 -n05",
        "--last=9 -n5",
    ],
)
def test_n_means_last_and_the_last_of_two_values_wins(plane, flags):
    # The plane has 60 Executions.
    result = run_cli(*LIST, *flags.split(), "--output", "jsonl", plane=plane)

    assert result.code == 0
    assert len(result.out.splitlines()) == 5


def write_settings(plane, folder):
    """Write the files that flag_values.py names, except the CA files, and a config file with its profiles."""
    write_private_file(folder / "first.token", b"first-token")
    write_private_file(folder / "last.token", b"last-token")
    config = {
        "profiles": {
            "first": {"server": plane.url + "/first", "token": "token-of-first"},
            "last": {"server": plane.url + "/last", "token": "token-of-last"},
        }
    }
    write_private_file(folder / "plexctl" / "config.json", encode(config))


#: Two Executions for `list`, and the targets of the Execution that `get` shows. The two values of a flag in
#: flag_values.py select different ones.
LISTED_FIRST = make_kept(id="first", status="failed", created_at="2026-07-14T09:30:00Z")
LISTED_LAST = make_other(id="last", status="timeout", created_at="2026-07-14T10:30:00Z")
SHOWN_TARGETS = [
    target(inline(b"first\n"), NODES[0], "failed"),
    target(inline(b"last\n"), NODES[1], "timeout"),
    target(inline(b"neither\n"), NODES[2], "ack"),
]


def answer_list_and_get(plane):
    """Let the plane answer `list` and `get`. The status of the Execution is final in every second answer to `get`."""

    def answer(request):
        if "/executions/" in request.target:
            is_final = len(plane.requests) % 2 == 0
            return Reply(execution(SHOWN_TARGETS, status="succeeded" if is_final else "started"))
        return Reply(page(LISTED_FIRST, LISTED_LAST))

    plane.answer_to = answer


#: All that a command line does: its Result, the target and the token of each request, the timeouts of its connections,
#: and the folders that it makes.
Observed = namedtuple("Observed", "result requests timeouts folders")


def observe(plane, connect_timeouts, folder, *argv):
    """Run a command line, and return what is Observed."""
    del plane.requests[:], connect_timeouts[:]
    result = run_cli(*argv, plane=plane, env={"XDG_CONFIG_HOME": str(folder)})
    made = sorted(path for path in folder.glob("* outputs"))
    for path in made:
        shutil.rmtree(str(path))
    requests = [(request.target, request.headers["authorization"]) for request in plane.requests]
    return Observed(result, requests, list(connect_timeouts), made)


FLAGS_WITH_A_VALUE = [flag for flag in program.FLAGS if flag.metavar]


def name_flag(flag):
    """Return the long name of a flag, as the id of a test."""
    return flag.names[-1]


def test_every_flag_with_a_value_is_in_the_table_of_test_values():
    assert sorted(FLAG_VALUES) == sorted(flag.names[-1] for flag in FLAGS_WITH_A_VALUE), (
        "edit flag_values.py"
    )


@rule("1.4c")
@pytest.mark.parametrize(
    "flag",
    [flag for flag in FLAGS_WITH_A_VALUE if not flag.is_repeatable and not flag.is_single],
    ids=name_flag,
)
def test_last_value_of_a_repeated_flag_wins(plane, connect_timeouts, tmp_path, flag):
    write_settings(plane, tmp_path)
    answer_list_and_get(plane)
    # Some flags need another one, for their value to have an effect. Then, with --ca-file, the run fails, and its error
    # names the value.
    others = {
        "--ca-file": ("--server", "https://127.0.0.1:1"),
        "--wait-timeout": ("--wait",),
    }
    name = flag.names[-1]
    first, last = give_values(name, plane, tmp_path)
    argv = (flag.command or "list",) + others.get(name, ())
    argv += () if name == "--project" else ("--project", PROJECT)
    argv += ("--id", EXECUTION) if flag.command == "get" and name != "--id" else ()

    with_both = observe(plane, connect_timeouts, tmp_path, *argv, name, first, name, last)
    with_first = observe(plane, connect_timeouts, tmp_path, *argv, name, first)
    with_last = observe(plane, connect_timeouts, tmp_path, *argv, name, last)

    assert with_both == with_last
    assert with_last != with_first


@rule("1.4c", "1.14")
@pytest.mark.parametrize(
    "argv, flag",
    [
        pytest.param(
            LIST + ("--action-name", "a", "--action-name=b"), "--action-name", id="two actions"
        ),
        pytest.param(GET + ("--id", "6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"), "--id", id="two ids"),
    ],
)
def test_two_different_actions_or_ids_are_refused_and_not_shown(argv, flag):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [flag + " was given twice, with different values"]


@rule("1.4c")
def test_the_same_action_twice_is_one_action(plane):
    result = run_against(plane, page(), *LIST, "--action-name", "a", "--action-name=a")

    assert result.code == 0
    assert [query["action_name"] for query in read_queries(plane)] == ["a"]


@rule("1.4c", "1.6")
def test_the_same_id_in_two_notations_is_one_id(plane):
    result = run_against(plane, execution(), *GET, "--id", "{%s}" % EXECUTION.upper())

    assert result.code == 0
    assert len(plane.requests) == 1
    assert plane.requests[0].target.endswith("/executions/" + EXECUTION)


@rule("1.4c", "1.8b")
@pytest.mark.parametrize(
    "flag",
    [flag for flag in FLAGS_WITH_A_VALUE if flag.is_repeatable and flag.command != "get"],
    ids=name_flag,
)
def test_list_selects_by_every_value_of_a_repeatable_flag(plane, tmp_path, flag):
    first, last = give_values(flag.names[-1], plane, tmp_path)
    serve_pages(plane, [[LISTED_FIRST, LISTED_LAST]])

    with_both = run_cli(
        *LIST, flag.names[-1], first, flag.names[-1], last, "-o", "jsonl", plane=plane
    )
    with_first = run_cli(*LIST, flag.names[-1], first, "-o", "jsonl", plane=plane)
    with_last = run_cli(*LIST, flag.names[-1], last, "-o", "jsonl", plane=plane)

    assert with_both.code == 0
    assert find_ids(with_both) == ["first", "last"]
    assert find_ids(with_first) == ["first"]
    assert find_ids(with_last) == ["last"]


@rule("1.4c", "5.4")
@pytest.mark.parametrize(
    "flag",
    [flag for flag in FLAGS_WITH_A_VALUE if flag.is_repeatable and flag.command != "list"],
    ids=name_flag,
)
def test_get_selects_targets_by_every_value_of_a_repeatable_flag(plane, tmp_path, flag):
    first, last = give_values(flag.names[-1], plane, tmp_path)
    plane.answer_to = lambda request: Reply(execution(SHOWN_TARGETS))

    with_both = run_cli(*GET, flag.names[-1], first, flag.names[-1], last, "-o", "raw", plane=plane)
    with_first = run_cli(*GET, flag.names[-1], first, "-o", "raw", plane=plane)
    with_last = run_cli(*GET, flag.names[-1], last, "-o", "raw", plane=plane)

    assert with_both.code == 0
    assert with_both.out == b"first\nlast\n"
    assert with_first.out == b"first\n"
    assert with_last.out == b"last\n"


def list_with_one_flag(plane, folder, flag):
    """Run `list` with one flag, against a first page that names a second one. Return the number of second pages."""
    write_settings(plane, folder)
    plane.script(Reply(page(LISTED_FIRST, next_cursor="c2")), Reply(page()))
    value = give_values(flag.names[-1], plane, folder)[:1] if flag.metavar else ()

    result = run_cli(
        *LIST, flag.names[-1], *value, plane=plane, env={"XDG_CONFIG_HOME": str(folder)}
    )

    assert result.code == 0, "the flag has no valid value"
    return [query.get("cursor") for query in read_queries(plane)].count("c2")


FLAGS_OF_A_LISTING = [
    flag
    for flag in program.FLAGS
    if flag.command in ("", "list")
    # The first two send nothing. The others stand for several statuses, which are a reason of their own (1.8).
    and flag.names[-1] not in ("--help", "--version", "--failed", "--running")
]


@rule("1.8")
@pytest.mark.parametrize(
    "flag", [flag for flag in FLAGS_OF_A_LISTING if flag.reads_all_pages], ids=name_flag
)
def test_flag_that_reads_all_pages_makes_list_request_the_second_one(plane, tmp_path, flag):
    assert list_with_one_flag(plane, tmp_path, flag) == 1


@rule("1.8")
@pytest.mark.parametrize(
    "flag", [flag for flag in FLAGS_OF_A_LISTING if not flag.reads_all_pages], ids=name_flag
)
def test_flag_that_does_not_read_all_pages_lets_list_request_one_page(plane, tmp_path, flag):
    assert list_with_one_flag(plane, tmp_path, flag) == 0


#: Flags whose value is a UUID, and that select Executions or targets by it (`keeps`). --node is one.
FILTERS_BY_UUID = [flag for flag in program.FLAGS if flag.keeps and flag.metavar == "UUID"]
every_spelling_of_a_uuid = pytest.mark.parametrize(
    "spell",
    [
        pytest.param("{}".format, id="lower case"),
        pytest.param(str.upper, id="upper case"),
        pytest.param("urn:uuid:{}".format, id="URN"),
        pytest.param(lambda uuid: "URN:UUID:" + uuid.upper(), id="URN in upper case"),
    ],
)


@rule("1.8c")
def test_node_is_a_filter_by_a_uuid():
    assert "--node" in [flag.names[-1] for flag in FILTERS_BY_UUID]


@rule("1.6", "1.8b")
@pytest.mark.parametrize("flag", FILTERS_BY_UUID, ids=name_flag)
@every_spelling_of_a_uuid
@pytest.mark.parametrize(
    "spell_sent", [str.lower, str.upper], ids=["sent in lower case", "sent in upper case"]
)
def test_filter_of_list_by_a_uuid_matches_in_every_spelling(
    plane, tmp_path, flag, spell, spell_sent
):
    first, _ = give_values(flag.names[-1], plane, tmp_path)
    sent = json.loads(encode(LISTED_FIRST).decode().replace(first, spell_sent(first)))
    serve_pages(plane, [[sent, LISTED_LAST]])

    result = run_cli(*LIST, flag.names[-1], spell(first), "-o", "jsonl", plane=plane)

    assert result.code == 0
    assert find_ids(result) == ["first"]


@rule("1.6", "5.4")
@pytest.mark.parametrize(
    "flag", [flag for flag in FILTERS_BY_UUID if flag.command != "list"], ids=name_flag
)
@every_spelling_of_a_uuid
def test_filter_of_get_by_a_uuid_matches_in_every_spelling(plane, tmp_path, flag, spell):
    first, _ = give_values(flag.names[-1], plane, tmp_path)

    result = run_against(
        plane, execution(SHOWN_TARGETS), *GET, flag.names[-1], spell(first), "-o", "raw"
    )

    assert result.code == 0
    assert result.out == b"first\n"


#: Node ids around that of the first node: parts of it, and longer ones.
SIMILAR_NODES = [
    "",
    "a1b2c300",
    "a1b2c300-0000-4000-8000-00000000000",
    "1b2c300-0000-4000-8000-000000000000",
    "a1b2c300-0000-4000-8000-0000000000000",
    "xa1b2c300-0000-4000-8000-000000000000",
]


@rule("1.8c")
def test_node_of_list_matches_whole_ids_only(plane):
    similar = [
        listed("similar %d" % place, targets=[target(None, node)])
        for place, node in enumerate(SIMILAR_NODES)
    ]
    same = listed("same", targets=[target(None, "a1b2c300-0000-4000-8000-000000000000")])
    serve_pages(plane, [similar + [same]])

    result = run_cli(
        *LIST, "--node", "a1b2c300-0000-4000-8000-000000000000", "-o", "jsonl", plane=plane
    )

    assert result.code == 0
    assert find_ids(result) == ["same"]


@rule("5.4")
def test_node_of_get_matches_whole_ids_only(plane):
    similar = [target(inline(b"similar\n"), node) for node in SIMILAR_NODES]
    same = target(inline(b"same\n"), "a1b2c300-0000-4000-8000-000000000000")
    flags = ("--node", "a1b2c300-0000-4000-8000-000000000000", "-o", "raw")

    result = run_against(plane, execution(similar + [same]), *GET, *flags)

    assert result.code == 0
    assert result.out == b"same\n"


@rule("5.4")
def test_status_of_get_matches_whole_statuses_only(plane):
    targets = [
        target(inline(b"part\n"), NODES[0], "fail"),
        target(inline(b"longer\n"), NODES[1], "failed2"),
        target(inline(b"empty\n"), NODES[2], ""),
        target(inline(b"same\n"), NODES[3], "failed"),
    ]

    result = run_against(plane, execution(targets), *GET, "--status", "failed", "-o", "raw")

    assert result.code == 0
    assert result.out == b"same\n"


@rule("1.4", "1.4a", "1.4c", "1.7a", "1.13b")
@pytest.mark.parametrize(
    "flags, query",
    [
        # The next argument is the value, even if it begins with a hyphen, unless it is a known flag.
        pytest.param(["--cursor", "-abc"], "?cursor=-abc", id="value like several short flags"),
        pytest.param(["--cursor", "-oAbc"], "?cursor=-oAbc", id="value like -o with a value"),
        pytest.param(["--cursor", "--x=y"], "?cursor=--x%3Dy", id="value like an unknown flag"),
        pytest.param(["--cursor", "-n5", "--yes"], "?cursor=-n5", id="value like -n with a value"),
        pytest.param(["--cursor", "-"], "?cursor=-", id="one hyphen"),
        pytest.param(["--cursor", "---"], "?cursor=---", id="three hyphens"),
        pytest.param(["--cursor", "-- x"], "?cursor=--%20x", id="two hyphens and more"),
        pytest.param(
            ["--cursor", "-node"], "?cursor=-node", id="value like a long flag with one hyphen"
        ),
        pytest.param(["--cursor", "=="], "?cursor=%3D%3D", id="equals signs"),
        pytest.param(
            ["--action-name", "-rf /"],
            "?action_name=-rf%20%2F",
            id="action with a hyphen and a space",
        ),
        pytest.param(["--status", "-1"], "?status=-1", id="negative number"),
        # After an equals sign the value may even be a known flag.
        pytest.param(["--cursor=--all"], "?cursor=--all", id="known flag after an equals sign"),
        pytest.param(["--cursor=-n"], "?cursor=-n", id="known short flag after an equals sign"),
        # An empty cursor means the first page, and the limit 0 the server's default.
        pytest.param(["--cursor", ""], "", id="empty cursor"),
        pytest.param(["--cursor="], "", id="empty cursor after an equals sign"),
        pytest.param(["--limit=0"], "", id="limit 0"),
        pytest.param(["--limit=00"], "", id="limit 00"),
        pytest.param(["--limit", "201"], "?limit=201", id="limit that the server rejects"),
        pytest.param(["--limit", "07"], "?limit=7", id="limit with a leading zero"),
        # The last value wins.
        pytest.param(["--cursor", "x", "--cursor="], "", id="last cursor is empty"),
        pytest.param(["--cursor", "a", "--cursor", "b"], "?cursor=b", id="two cursors"),
        pytest.param(["--limit", "9", "--limit=7"], "?limit=7", id="two limits"),
        pytest.param(
            [
                "--limit",
                "9",
                "--limit=7",
                "--cursor",
                "a",
                "--cursor",
                "b",
            ],
            "?limit=7&cursor=b",
            id="two of each",
        ),
        # \xe9 is sent in UTF-8, whatever the encoding of the locale.
        pytest.param(
            ["--status", "a&b=c/d?#%+;:@!*\xe9"],
            "?status=a%26b%3Dc%2Fd%3F%23%25%2B%3B%3A%40%21%2A%C3%A9",
            id="reserved and non-ASCII characters",
        ),
    ],
)
def test_value_is_sent_percent_encoded_even_if_it_begins_with_a_hyphen(plane, flags, query):
    result = run_against(plane, page(), *LIST, *flags)

    assert result.code == 0
    assert [request.target for request in plane.requests] == [
        "/v1/projects/019a3f1c-8a52-7d0e-9b96-c2e85d7f6b13/executions" + query
    ]


@rule("1.4", "1.4a", "1.4b")
@pytest.mark.parametrize(
    "flag", ["--cursor", "--action-name", "--status", "--server", "-o", "-n", "--since"]
)
@pytest.mark.parametrize(
    "following",
    [
        pytest.param((), id="then nothing"),
        pytest.param(("--token-file=x",), id="then a flag with its value"),
        pytest.param(("--wait",), id="then a flag of get"),
        pytest.param(("--yes",), id="then an ignored flag"),
        pytest.param(("-n", "5"), id="then a short flag with its value"),
        pytest.param(("-v",), id="then a short switch"),
    ],
)
def test_known_flag_is_not_a_value(flag, following):
    result = run_cli(*LIST, flag, *following, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    # Such as "--since needs a value", or "-n/--last needs a value".
    assert error_lines(result)[0].startswith(flag)
    assert error_lines(result)[0].endswith(" needs a value")


@rule("1.4b")
@pytest.mark.parametrize(
    "flag", ["--cursor", "--action-name", "--status", "--server", "-o", "-n", "--since"]
)
@pytest.mark.parametrize("form", ["%s --", "%s=--"])
def test_double_hyphen_is_not_a_value(flag, form):
    result = run_cli(*LIST, *(form % flag).split(), env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ['unexpected argument "--"']


@rule("1.4")
@posix_only
def test_argument_that_is_not_unicode_is_sent_as_its_bytes(plane):
    # Python passes on the bytes FF and C3, which are not valid UTF-8, as these surrogates.
    result = run_against(plane, page(), *LIST, "--cursor", "\udcff\udcc3%41\n")

    assert result.code == 0
    assert plane.requests[0].target.endswith("/executions?cursor=%FF%C3%2541%0A")


# ---- 1.3b: durations


@rule("1.3b")
@pytest.mark.parametrize("flags", ["--timeout", "--wait --wait-timeout"])
@pytest.mark.parametrize(
    "duration",
    ["30", "0.5", ".5", "5.", "86400.0", "1s", "86400s", "1440m", "24h", "1d", "0001d"],
)
def test_duration_of_at_most_one_day_is_accepted(plane, flags, duration):
    result = run_against(plane, execution(), *GET, *flags.split(), duration)

    assert result.code == 0


@rule("1.3b")
@pytest.mark.parametrize("flags", ["--timeout", "--wait --wait-timeout"])
@pytest.mark.parametrize(
    "duration",
    [
        # out of range
        pytest.param("0", id="0"),
        pytest.param("0.0", id="0.0"),
        pytest.param("0s", id="0s"),
        pytest.param("0d", id="0d"),
        pytest.param("-1", id="-1"),
        pytest.param("-5m", id="-5m"),
        pytest.param("86400.5", id="half a second more than a day"),
        pytest.param("86401s", id="86401s"),
        pytest.param("1441m", id="1441m"),
        pytest.param("25h", id="25h"),
        pytest.param("2d", id="2d"),
        pytest.param("9" * 5000 + "d", id="5000 digits"),
        # what float() accepts
        pytest.param("nan", id="nan"),
        pytest.param("inf", id="inf"),
        pytest.param("1e2", id="exponent"),
        pytest.param("1_0", id="underscore"),
        pytest.param(" 1", id="space before"),
        pytest.param("1\n", id="newline after"),
        pytest.param("\u0661", id="Arabic digit"),
        # malformed
        pytest.param("", id="empty"),
        pytest.param(".", id="only a point"),
        pytest.param("x", id="x"),
        pytest.param("s", id="unit without a number"),
        pytest.param("1w", id="weeks"),
        pytest.param("5x", id="unknown unit"),
        pytest.param("5 m", id="space before the unit"),
        pytest.param("5m\n", id="newline after the unit"),
        pytest.param("5mm", id="unit twice"),
        pytest.param("1.5m", id="fraction with a unit"),
        pytest.param("+5m", id="plus sign"),
        pytest.param("1h30m", id="two units"),
        pytest.param("5M", id="upper case"),
        pytest.param("\u0665m", id="Arabic digit with a unit"),
    ],
)
def test_malformed_duration_or_one_out_of_range_is_refused(flags, duration):
    result = run_cli(*GET, *flags.split(), duration, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith(flags.split()[-1])


@rule("1.3b", "1.14", "1.14a")
def test_error_for_a_malformed_duration_has_examples():
    result = run_cli(*GET, "--timeout", "x", env=UNREACHABLE)

    assert result.code == 2
    assert error_lines(result) == [
        '--timeout "x": expected a duration such as 30, 20s, 5m, 2h or 1d (more than 0 s, at most 1d)'
    ]


# ---- 1.5, 1.6: projects and other UUIDs

#: One UUID in each notation.
UUID_NOTATIONS = [
    pytest.param("6F1D7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10", id="canonical, in mixed case"),
    pytest.param("urn:uuid:6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10", id="urn"),
    pytest.param("URN:UUID:6f1D7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10", id="urn in upper case"),
    pytest.param("{6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10}", id="braces"),
    pytest.param("6f1d7c1e0b5a4c1e9a532b8f0c9e7a10", id="32 digits"),
    pytest.param(" 6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10\n", id="white space around it"),
]


@rule("1.5", "1.6")
@pytest.mark.parametrize("uuid", UUID_NOTATIONS)
def test_uuid_of_project_execution_and_node_is_sent_in_canonical_notation(plane, uuid):
    wanted = target(inline(b"wanted\n"), "6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10")
    other = target(inline(b"other\n"), NODES[0])
    answer = execution([wanted, other], id="6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10")

    # --project is given, so that the variable does not matter.
    env = {"PLEXSPHERE_PROJECT": "nonsense"}
    result = run_against(
        plane, answer, "--project", uuid, "get", uuid, "--node", uuid, "-o", "raw", env=env
    )

    assert result.code == 0
    assert result.out == b"wanted\n"
    assert [request.target for request in plane.requests] == [
        "/v1/projects/6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10/executions/6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"
    ]


@rule("1.5", "1.6")
@pytest.mark.parametrize("uuid", UUID_NOTATIONS)
def test_uuid_of_id_and_environment_is_sent_in_canonical_notation(plane, uuid):
    answer = execution(id="6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10")

    result = run_against(plane, answer, "get", "--id", uuid, env={"PLEXSPHERE_PROJECT": uuid})

    assert result.code == 0
    assert [request.target for request in plane.requests] == [
        "/v1/projects/6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10/executions/6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"
    ]


MALFORMED_UUIDS = [
    pytest.param("x", id="x"),
    pytest.param("6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a1", id="a digit less"),
    pytest.param("6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a100", id="a digit more"),
    pytest.param("6f1d7c1e_0b5a_4c1e_9a53_2b8f0c9e7a10", id="underscores"),
    pytest.param("urn:6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10", id="urn without uuid"),
    pytest.param("6f1d7c1e0b5a4c1e9a532b8f0c9e7a1g", id="g is no digit"),
    pytest.param("6f1d7c1e- 0b5a-4c1e-9a53-2b8f0c9e7a10", id="space inside"),
    pytest.param("(6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10)", id="parentheses"),
]


@rule("1.6", "1.14", "1.14a")
@pytest.mark.parametrize("value", MALFORMED_UUIDS + [pytest.param("", id="empty")])
@pytest.mark.parametrize(
    "words, flag",
    [
        pytest.param(("list", "--project"), "--project", id="project"),
        pytest.param(LIST + ("--node",), "--node", id="node of list"),
        pytest.param(GET + ("--node",), "--node", id="node of get"),
        pytest.param(("get", EXECUTION, "--project", PROJECT, "--id"), "--id", id="id"),
    ],
)
def test_malformed_uuid_of_a_flag_is_refused(words, flag, value):
    result = run_cli(*words, value, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith(flag + ' "' + value + '": ')


@rule("1.6", "1.14", "1.14a")
def test_empty_id_after_get_is_refused_and_explained():
    result = run_cli("get", "", "--project", PROJECT, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert result.err == (
        "error: get: the id is empty\nhint: the command inside $(...) may have found nothing: run it by itself\n"
    )


@rule("1.6", "1.14", "1.14a")
@pytest.mark.parametrize("value", MALFORMED_UUIDS)
def test_malformed_uuid_after_get_is_refused(value):
    result = run_cli("get", value, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith('get "' + value + '": ')


@rule("1.6")
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("list", "--project"), id="project"),
        pytest.param(LIST + ("--node",), id="node of list"),
        pytest.param(GET + ("--node",), id="node of get"),
        pytest.param(("get", EXECUTION, "--project", PROJECT, "--id"), id="id"),
        pytest.param(("get",), id="get"),
    ],
)
def test_digits_of_a_uuid_are_ascii(words):
    # U+FF16 is a wide 6, which int() accepts as a digit.
    result = run_cli(*words, "\uff16f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10", env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    # How the value is shown depends on the locale.
    assert error_lines(result)[0].startswith(words[-1] + ' "')


@rule("1.5a", "1.14")
@pytest.mark.parametrize(
    "value",
    MALFORMED_UUIDS
    + [pytest.param("\uff16f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10", id="a digit that is not ASCII")],
)
def test_malformed_uuid_in_the_environment_is_refused_and_not_shown(value):
    result = run_cli("list", env=dict(UNREACHABLE, PLEXSPHERE_PROJECT=value))

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith("PLEXSPHERE_PROJECT: ")
    assert '"' not in result.err  # the value of a flag is shown, in quotes


@rule("1.5b")
@pytest.mark.parametrize(
    "argv, error",
    [
        pytest.param(["list", "x"], "unexpected argument", id="superfluous argument"),
        pytest.param(
            ["list", "--wait"], "--wait works only with get", id="flag of the other command"
        ),
        pytest.param(["get"], "no Execution id", id="no id"),
        pytest.param(["get", EXECUTION, "--status", "x"], '--status "x"', id="unknown status"),
        pytest.param(["list", "--since", "x"], '--since "x"', id="malformed time"),
    ],
)
@pytest.mark.parametrize("project", ["", "nonsense"], ids=["no Project", "malformed Project"])
def test_mistakes_in_the_arguments_come_before_the_project(argv, error, project):
    result = run_cli(*argv, env=dict(UNREACHABLE, PLEXSPHERE_PROJECT=project))

    assert result.code == 2
    assert result.err.startswith("error: " + error)


# ---- 1.9: times

NOW = datetime(2026, 7, 14, 9, 31, 7, 250000, tzinfo=timezone.utc)

# fmt: off
#: WHEN; a time just before the instant that it means at NOW; this instant; and how a hint shows this instant.
EVERY_WHEN = [
    # ages
    ("90s", "2026-07-14T09:29:37.2Z", "2026-07-14T09:29:37.25Z", "2026-07-14T09:29:37Z"),
    ("30m", "2026-07-14T09:01:07.2Z", "2026-07-14T09:01:07.25Z", "2026-07-14T09:01:07Z"),
    ("2h",  "2026-07-14T07:31:07.2Z", "2026-07-14T07:31:07.25Z", "2026-07-14T07:31:07Z"),
    ("-2h", "2026-07-14T07:31:07.2Z", "2026-07-14T07:31:07.25Z", "2026-07-14T07:31:07Z"),
    ("7d",  "2026-07-07T09:31:07.2Z", "2026-07-07T09:31:07.25Z", "2026-07-07T09:31:07Z"),
    ("2w",  "2026-06-30T09:31:07.2Z", "2026-06-30T09:31:07.25Z", "2026-06-30T09:31:07Z"),
    ("0s",  "2026-07-14T09:31:07.2Z", "2026-07-14T09:31:07.25Z", "2026-07-14T09:31:07Z"),
    ("86400s", "2026-07-13T09:31:07.2Z", "2026-07-13T09:31:07.25Z", "2026-07-13T09:31:07Z"),
    # days
    ("today",     "2026-07-13T23:59:59.2Z", "2026-07-14T00:00:00Z", "2026-07-14T00:00:00Z"),
    ("yesterday", "2026-07-12T23:59:59.2Z", "2026-07-13T00:00:00Z", "2026-07-13T00:00:00Z"),
    # the most recent time of day
    ("9:30",  "2026-07-14T09:29:59.2Z", "2026-07-14T09:30:00Z", "2026-07-14T09:30:00Z"),
    ("09:31", "2026-07-14T09:30:59.2Z", "2026-07-14T09:31:00Z", "2026-07-14T09:31:00Z"),
    ("9:32",  "2026-07-13T09:31:59.2Z", "2026-07-13T09:32:00Z", "2026-07-13T09:32:00Z"),
    ("23:59", "2026-07-13T23:58:59.2Z", "2026-07-13T23:59:00Z", "2026-07-13T23:59:00Z"),
    ("0:00",  "2026-07-13T23:59:59.2Z", "2026-07-14T00:00:00Z", "2026-07-14T00:00:00Z"),
    # RFC 3339, cut off
    ("2026-07-14",       "2026-07-13T23:59:59.2Z", "2026-07-14T00:00:00Z", "2026-07-14T00:00:00Z"),
    ("2026-08-01",       "2026-07-31T23:59:59.2Z", "2026-08-01T00:00:00Z", "2026-08-01T00:00:00Z"),
    ("2026-07-14T09",    "2026-07-14T08:59:59.2Z", "2026-07-14T09:00:00Z", "2026-07-14T09:00:00Z"),
    ("2026-07-14 09:30", "2026-07-14T09:29:59.2Z", "2026-07-14T09:30:00Z", "2026-07-14T09:30:00Z"),
    # an hour of one digit
    ("2026-07-14 9:15",  "2026-07-14T09:14:59.2Z", "2026-07-14T09:15:00Z", "2026-07-14T09:15:00Z"),
    ("2026-07-14T9",     "2026-07-14T08:59:59.2Z", "2026-07-14T09:00:00Z", "2026-07-14T09:00:00Z"),
    ("07-14T9:15",       "2026-07-14T09:14:59.2Z", "2026-07-14T09:15:00Z", "2026-07-14T09:15:00Z"),
    # with an offset after the minutes, with a space, or without an offset
    ("2026-07-14T09:30Z",         "2026-07-14T09:29:59.2Z", "2026-07-14T09:30:00Z", "2026-07-14T09:30:00Z"),
    ("2026-01-01T00:30+01:00",    "2025-12-31T23:29:59.2Z", "2025-12-31T23:30:00Z", "2025-12-31T23:30:00Z"),
    ("2026-07-14 09:30+0200",     "2026-07-14T07:29:59.2Z", "2026-07-14T07:30:00Z", "2026-07-14T07:30:00Z"),
    ("2026-07-14 09:30:15-03:30", "2026-07-14T13:00:14.2Z", "2026-07-14T13:00:15Z", "2026-07-14T13:00:15Z"),
    ("2026-07-14 09:30:15",       "2026-07-14T09:30:14.2Z", "2026-07-14T09:30:15Z", "2026-07-14T09:30:15Z"),
    # without a year: this year, or last year if that would be in the future
    ("07-14",             "2026-07-13T23:59:59.2Z", "2026-07-14T00:00:00Z", "2026-07-14T00:00:00Z"),
    ("07-14T09",          "2026-07-14T08:59:59.2Z", "2026-07-14T09:00:00Z", "2026-07-14T09:00:00Z"),
    ("07-14 09:31",       "2026-07-14T09:30:59.2Z", "2026-07-14T09:31:00Z", "2026-07-14T09:31:00Z"),
    ("07-14T09:32",       "2025-07-14T09:31:59.2Z", "2025-07-14T09:32:00Z", "2025-07-14T09:32:00Z"),
    ("07-14 09:31:08",    "2025-07-14T09:31:07.2Z", "2025-07-14T09:31:08Z", "2025-07-14T09:31:08Z"),
    ("12-31",             "2025-12-30T23:59:59.2Z", "2025-12-31T00:00:00Z", "2025-12-31T00:00:00Z"),
    ("07-14T11:31+0200",  "2026-07-14T09:30:59.2Z", "2026-07-14T09:31:00Z", "2026-07-14T09:31:00Z"),
    ("07-14T11:32+02:00", "2025-07-14T09:31:59.2Z", "2025-07-14T09:32:00Z", "2025-07-14T09:32:00Z"),
]
#: A full RFC 3339 time; a time just before it; and the same instant in UTC.
FULL_TIMES = [
    ("2026-07-14T11:30:15+02:00", "2026-07-14T09:30:14.2Z", "2026-07-14T09:30:15Z"),
    ("2026-07-14T09:30:15Z",      "2026-07-14T09:30:14.2Z", "2026-07-14T09:30:15Z"),
    ("2026-07-14T09:30:15.5Z",    "2026-07-14T09:30:15.2Z", "2026-07-14T09:30:15.5Z"),
    # Only the first six digits count.
    ("2026-07-14T09:30:15.1234567891Z", "2026-07-14T09:30:15.123455999Z", "2026-07-14T09:30:15.123456Z"),
]
# fmt: on

every_when = pytest.mark.parametrize(
    "when, before, instant, shown", EVERY_WHEN, ids=[row[0] for row in EVERY_WHEN]
)
every_full_time = pytest.mark.parametrize(
    "when, before, instant", FULL_TIMES, ids=[row[0] for row in FULL_TIMES]
)


def set_clock(monkeypatch, now):
    """Set the clock of this process to a time, an aware datetime."""
    seconds = now.timestamp()
    monkeypatch.setattr(time, "time", lambda: seconds)


@rule("1.9", "1.9a", "1.9b")
@every_when
def test_since_selects_what_was_created_at_this_instant_or_later(
    plane, monkeypatch, when, before, instant, shown
):
    set_clock(monkeypatch, NOW)
    earlier, exact = execution(created_at=before), execution(created_at=instant)

    argv = LIST + ("--since", when, "--output", "jsonl")
    result = run_against(plane, page(earlier, exact), *argv, terminals=["stderr"])

    assert result.code == 0
    assert result.out == encode(exact) + b"\n"
    assert result.err == "hint: created since " + shown + " (now: 2026-07-14T09:31:07Z)\n"


@rule("1.9", "1.9a", "1.9b")
@every_when
def test_until_selects_what_was_created_before_this_instant(
    plane, monkeypatch, when, before, instant, shown
):
    set_clock(monkeypatch, NOW)
    earlier, exact = execution(created_at=before), execution(created_at=instant)

    argv = LIST + ("--until", when, "--output", "jsonl")
    result = run_against(plane, page(earlier, exact), *argv, terminals=["stderr"])

    assert result.code == 0
    assert result.out == encode(earlier) + b"\n"
    assert result.err == "hint: created before " + shown + " (now: 2026-07-14T09:31:07Z)\n"


@rule("1.9a")
@pytest.mark.parametrize("zone", ["XYZ-5:45", "XYZ5:45"], ids=["east of UTC", "west of UTC"])
def test_age_does_not_depend_on_the_time_zone(plane, zone):
    now = datetime.now(timezone.utc)
    three_hours_ago, an_hour_ago = [
        execution(created_at=(now - timedelta(hours=hours)).isoformat()) for hours in (3, 1)
    ]
    plane.script(Reply(page(three_hours_ago, an_hour_ago)))

    result = run_process(*LIST, "--since", "2h", "-o", "jsonl", plane=plane, env={"TZ": zone})

    assert result.code == 0
    assert result.out == encode(an_hour_ago) + b"\n"


@rule("1.9b")
@pytest.mark.parametrize("flag", ["--since", "--until", "--updated-since"])
def test_no_hint_shows_the_instant_unless_stderr_is_a_terminal(plane, flag):
    result = run_against(plane, page(execution()), *LIST, flag, "today", terminals=["stdout"])

    assert result.code == 0
    assert result.err == ""  # not the hint that shows the time in full


@rule("1.9e", "1.9a", "1.9b")
@every_when
def test_updated_since_selects_what_was_updated_at_this_instant_or_later(
    plane, monkeypatch, when, before, instant, shown
):
    set_clock(monkeypatch, NOW)
    earlier, exact = execution(updated_at=before), execution(updated_at=instant)

    argv = LIST + ("--updated-since", when, "--output", "jsonl")
    result = run_against(plane, page(earlier, exact), *argv, terminals=["stderr"])

    assert result.code == 0
    assert result.out == encode(exact) + b"\n"
    assert result.err == "hint: updated since " + shown + " (now: 2026-07-14T09:31:07Z)\n"


@rule("1.9", "1.9a", "1.9b")
@pytest.mark.parametrize(
    "now, when, before, instant, hint",
    [
        pytest.param(
            datetime(2026, 7, 14, 9, 31, tzinfo=timezone.utc),
            "9:31",
            "2026-07-14T09:30:59.2Z",
            "2026-07-14T09:31:00Z",
            "created since 2026-07-14T09:31:00Z (now: 2026-07-14T09:31:00Z)",
            id="this very minute",
        ),
        pytest.param(
            datetime(2026, 1, 1, tzinfo=timezone.utc),
            "01-01",
            "2025-12-31T23:59:59.2Z",
            "2026-01-01T00:00:00Z",
            "created since 2026-01-01T00:00:00Z (now: 2026-01-01T00:00:00Z)",
            id="this very day",
        ),
        pytest.param(
            datetime(2024, 3, 1, tzinfo=timezone.utc),
            "02-29",
            "2024-02-28T23:59:59.2Z",
            "2024-02-29T00:00:00Z",
            "created since 2024-02-29T00:00:00Z (now: 2024-03-01T00:00:00Z)",
            id="leap day without a year",
        ),
        pytest.param(
            datetime(2024, 3, 1, tzinfo=timezone.utc),
            "yesterday",
            "2024-02-28T23:59:59.2Z",
            "2024-02-29T00:00:00Z",
            "created since 2024-02-29T00:00:00Z (now: 2024-03-01T00:00:00Z)",
            id="yesterday was a leap day",
        ),
    ],
)
def test_when_on_a_special_day(plane, monkeypatch, now, when, before, instant, hint):
    set_clock(monkeypatch, now)
    earlier, exact = execution(created_at=before), execution(created_at=instant)

    argv = LIST + ("--output", "jsonl")
    since = run_against(plane, page(earlier, exact), *argv, "--since", when, terminals=("stderr",))
    until = run_against(plane, page(earlier, exact), *argv, "--until", when)

    assert since.code == 0
    assert since.out == encode(exact) + b"\n"
    assert since.err == "hint: " + hint + "\n"
    assert until.code == 0
    assert until.out == encode(earlier) + b"\n"


@rule("1.9", "1.9a", "1.9b")
@every_full_time
def test_full_time_needs_no_hint_on_a_terminal(plane, when, before, instant):
    earlier, exact = execution(created_at=before), execution(created_at=instant)

    argv = LIST + ("--output", "jsonl")
    since = run_against(plane, page(earlier, exact), *argv, "--since", when, terminals=["stderr"])
    until = run_against(plane, page(earlier, exact), *argv, "--until", when, terminals=["stderr"])

    assert since.code == 0
    assert since.out == encode(exact) + b"\n"
    assert since.err == ""  # not the hint that shows the time in full
    assert until.code == 0
    assert until.out == encode(earlier) + b"\n"
    assert until.err == ""


@rule("1.9a", "1.9b")
@pytest.mark.parametrize(
    "since, until, hint",
    [
        pytest.param(
            "9:00",
            "8:00",
            "created since 2026-07-14T09:00:00Z, created before 2026-07-15T08:00:00Z (now: 2026-07-14T09:31:07Z)",
            id="until is earlier in the day, so on the next day",
        ),
        pytest.param(
            "22:00",
            "6:00",
            "created since 2026-07-13T22:00:00Z, created before 2026-07-14T06:00:00Z (now: 2026-07-14T09:31:07Z)",
            id="a night",
        ),
        pytest.param(
            "9:30",
            "9:30",
            "created since 2026-07-14T09:30:00Z, created before 2026-07-15T09:30:00Z (now: 2026-07-14T09:31:07Z)",
            id="the same time of day, so a whole day",
        ),
        pytest.param(
            "2h",
            "7:31",
            "created since 2026-07-14T07:31:07Z, created before 2026-07-15T07:31:00Z (now: 2026-07-14T09:31:07Z)",
            id="until is seven seconds too early on the same day",
        ),
        pytest.param(
            "07-01",
            "9:45",
            "created since 2026-07-01T00:00:00Z, created before 2026-07-01T09:45:00Z (now: 2026-07-14T09:31:07Z)",
            id="on the day of since, not today",
        ),
        pytest.param(
            "2026-07-13T23:00:00Z",
            "1:00",
            "created before 2026-07-14T01:00:00Z (now: 2026-07-14T09:31:07Z)",
            id="only since is a full time",
        ),
        pytest.param(
            "today",
            "2026-07-15T00:00:00Z",
            "created since 2026-07-14T00:00:00Z (now: 2026-07-14T09:31:07Z)",
            id="only until is a full time",
        ),
        pytest.param(
            "today",
            "today",
            "created since 2026-07-14T00:00:00Z, created before 2026-07-14T00:00:00Z (now: 2026-07-14T09:31:07Z)",
            id="a day is not a time of day",
        ),
        pytest.param(
            "2026-07-14T00:00:00Z",
            "2h",
            "created before 2026-07-14T07:31:07Z (now: 2026-07-14T09:31:07Z)",
            id="an age is not a time of day",
        ),
    ],
)
def test_until_of_a_time_of_day_is_the_first_after_since(plane, monkeypatch, since, until, hint):
    set_clock(monkeypatch, NOW)

    # --until stands first: the order of the flags does not matter.
    argv = LIST + ("--until", until, "--since", since)
    result = run_against(plane, page(), *argv, terminals=("stderr",))

    assert result.code == 0
    assert hint_lines(result)[0] == hint


@rule("1.9a", "1.9b", "1.9e")
def test_updated_since_of_a_time_of_day_is_the_most_recent_one(plane, monkeypatch):
    set_clock(monkeypatch, NOW)

    # 8:00 is before --since, so that it would be the next day's if it were an --until.
    argv = LIST + ("--updated-since", "8:00", "--since", "9:00")
    result = run_against(
        plane, page(execution(created_at="2026-07-14T09:00:00Z")), *argv, terminals=("stderr",)
    )

    assert result.code == 0
    assert hint_lines(result)[0] == (
        "created since 2026-07-14T09:00:00Z, updated since 2026-07-14T08:00:00Z (now: 2026-07-14T09:31:07Z)"
    )


@rule("1.9b", "1.9e")
def test_all_times_of_a_command_are_resolved_with_one_present_time(plane, monkeypatch):
    # Each reading of the clock is an hour after the one before.
    readings = itertools.count(NOW.timestamp(), 3600)
    monkeypatch.setattr(time, "time", lambda: next(readings))

    argv = LIST + ("--since", "1h", "--until", "30m", "--updated-since", "1h")
    result = run_against(plane, page(), *argv, terminals=("stderr",))

    assert result.code == 0
    assert hint_lines(result)[0] == (
        "created since 2026-07-14T08:31:07Z, created before 2026-07-14T09:01:07Z, "
        "updated since 2026-07-14T08:31:07Z (now: 2026-07-14T09:31:07Z)"
    )


@rule("1.9c", "1.14", "1.14a")
@pytest.mark.parametrize("flag", ["--since", "--until", "--updated-since"])
@pytest.mark.parametrize(
    "when",
    [
        # no age
        "x",
        "2",
        "2H",
        "+2h",
        "1.5h",
        "2 h",
        "1h30m",
        "2y",
        "999999999w",
        # neither a day nor a time of day
        "now",
        "Today",
        "24:00",
        "9:60",
        "9:5",
        "9",
        "9:30:00",
        "9:30Z",
        # no date: 2024 is a leap year, 2026 is not, and on 2024-01-15 the most recent 02-29 is that of 2023
        "2026-7-14",
        "2026-13-01",
        "2026-02-29",
        "2026-07-14Z",
        "2026-07-1.54",
        "07-32",
        "02-29",
        "07/14",
        # no time
        "2026-07-14T24:00",
        "2026-07-14T09:60",
        "2026-07-14T09:30:60Z",
        "2026-07-14  09:30",
        "2026-07-14T",
        "2026-07-14T09:30:",
        "2026-07-14T09:30.5",
        # no offset, or none possible there
        "2026-07-14T09Z",
        "2026-07-14T09:30+2",
        "2026-07-14T09:30+02:60",
        "2026-07-14T09:30+24:00",
        # before the year 1 in UTC
        "0000-01-01",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00+00:01",
        pytest.param("", id="empty"),
    ],
)
def test_text_that_is_not_an_age_day_or_time_is_refused(monkeypatch, flag, when):
    set_clock(monkeypatch, datetime(2024, 1, 15, tzinfo=timezone.utc))

    result = run_cli(*LIST, flag, when, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith(flag + ' "' + when + '": ')


@rule("1.9c", "1.14", "1.14a")
def test_error_for_a_malformed_when_has_examples():
    result = run_cli(*LIST, "--since", "x", env=UNREACHABLE)

    assert result.code == 2
    assert error_lines(result) == [
        '--since "x": expected an age like 90s, 30m, 2h, 7d or 2w, a time of day like 9:30, today, yesterday, or a '
        "time like 2026-07-14, '2026-07-14 09:30' or 07-14T09:30 (in UTC, unless it has an offset)"
    ]


@rule("1.9c")
@pytest.mark.parametrize("flag", ["--since", "--until"])
@pytest.mark.parametrize(
    "when",
    [
        pytest.param("\u0662h", id="age with an Arabic digit"),
        pytest.param("2026-07-1\u0664", id="date with an Arabic digit"),
    ],
)
def test_digits_of_a_when_are_ascii(flag, when):
    result = run_cli(*LIST, flag, when, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    # How the value is shown depends on the locale.
    assert error_lines(result)[0].startswith(flag + ' "')


@rule("1.9c", "1.14")
def test_until_before_since_is_refused(monkeypatch):
    set_clock(monkeypatch, NOW)

    # until is a second before since
    result = run_cli(*LIST, "--until=2h", "--since=7199s", env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ["--until: must not be before --since"]


# ---- 1.12: statuses

#: Flags, and the statuses that they select, in the order of the life cycle.
SELECTED_STATUSES = [
    pytest.param(["--status", "failed"], ["failed"], id="one"),
    pytest.param(["--status", "FAILED"], ["failed"], id="upper case"),
    pytest.param(
        ["--status", "failed, TIMEOUT"], ["failed", "timeout"], id="comma, space and upper case"
    ),
    pytest.param(
        ["--status", "Ack ,failed", "--status", "timeout"],
        ["ack", "failed", "timeout"],
        id="two flags add up",
    ),
    pytest.param(["--status", "failed,failed"], ["failed"], id="the same one twice"),
    pytest.param(["--running"], ["pending", "ack", "started"], id="running"),
    pytest.param(["--failed"], ["failed", "cancelled", "timeout"], id="failed"),
    pytest.param(
        ["--failed", "--status", "ack,failed"],
        ["ack", "failed", "cancelled", "timeout"],
        id="failed and status overlap",
    ),
    pytest.param(
        ["--failed", "--running", "--status", "succeeded"],
        ["pending", "ack", "started", "succeeded", "failed", "cancelled", "timeout"],
        id="all seven",
    ),
]


@rule("1.4c", "1.12", "1.12b")
@pytest.mark.parametrize(
    "flags, statuses",
    SELECTED_STATUSES
    + [
        pytest.param(["--status", "Foo"], ["Foo"], id="unknown status, as typed"),
        pytest.param(["--status", "foo", "--status", "foo"], ["foo"], id="unknown status twice"),
    ],
)
def test_list_asks_the_server_for_each_selected_status(plane, flags, statuses):
    serve_pages(plane, [])

    result = run_cli(*LIST, *flags, plane=plane)

    assert result.code == 0
    assert [query["status"] for query in read_queries(plane)] == statuses


@rule("1.4c", "1.12")
@pytest.mark.parametrize("flags, statuses", SELECTED_STATUSES)
def test_get_selects_the_targets_of_each_selected_status(plane, flags, statuses):
    # Each machine has printed its own status.
    targets = [
        target(inline(b"pending\n"), NODES[0], "pending"),
        target(inline(b"ack\n"), NODES[1], "ack"),
        target(inline(b"started\n"), NODES[2], "started"),
        target(inline(b"succeeded\n"), NODES[3], "succeeded"),
        target(inline(b"failed\n"), NODES[4], "failed"),
        target(inline(b"cancelled\n"), NODES[5], "cancelled"),
        target(inline(b"timeout\n"), NODES[6], "timeout"),
    ]

    result = run_against(plane, execution(targets), *GET, *flags, "--output", "raw")

    assert result.code == 0
    assert result.out.decode("ascii").split() == statuses


# ---- 1.14: usage errors about arguments and commands


@rule("1.4b", "1.14")
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(("--",) + LIST, id="first"),
        pytest.param(LIST + ("--",), id="last"),
    ],
)
def test_double_hyphen_by_itself_is_refused(argv):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert result.err == 'error: unexpected argument "--"\nhint: leave it out\n'


@rule("1.4b", "1.14", "1.14a")
@pytest.mark.parametrize(
    "argv, number",
    [
        # LIST is `exec-log list --project UUID`, and GET is `exec-log get --project UUID --id UUID`.
        pytest.param(LIST + ("x",), 5, id="list x"),
        pytest.param(LIST + ("",), 5, id="list and an empty argument"),
        pytest.param(LIST + ("-",), 5, id="list and a hyphen"),
        pytest.param(LIST + ("5m",), 5, id="list and a duration"),
        pytest.param(("list", "help", "--project", PROJECT), 2, id="list help"),
        pytest.param(("exec-log", "list", "list"), 3, id="list list"),
        pytest.param(("get", EXECUTION, "x", "--project", PROJECT), 3, id="get UUID x"),
        pytest.param(
            ("get", EXECUTION, "--project", PROJECT, ""), 5, id="get UUID and an empty argument"
        ),
        pytest.param(GET + ("x",), 7, id="get --id UUID x"),
        pytest.param(LIST + ("--status", "failed", "timeout"), 7, id="two values of a flag"),
        pytest.param(LIST + ("--status", "failed", "failed"), 7, id="a value twice"),
        pytest.param(
            LIST + ("failed", "--status", "failed"), 5, id="a word that is also a later value"
        ),
        pytest.param(LIST + ("-n5", "x", "--all"), 6, id="in the middle, after a short flag"),
        pytest.param(LIST + ("-o=json", "-v", "x"), 7, id="after a short switch"),
        pytest.param(LIST + ("s3same9x", "s3same9x"), 5, id="the first of two"),
    ],
)
def test_superfluous_argument_is_refused_and_only_its_number_is_shown(argv, number):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [
        "unexpected argument (number %d after the program's name): "
        "put each value after its flag; quote values with spaces" % number
    ]


@rule("9.1e", "1.14a")
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["get", EXECUTION, "--wait", "5s"], id="after the flag"),
        pytest.param(["get", "--wait", "5s", EXECUTION], id="before the id"),
        pytest.param(["get", "--wait", "30", "--id", EXECUTION], id="a number of seconds"),
        pytest.param(["get", "--wait", "5s"], id="without an id"),
        pytest.param(["get", EXECUTION, "--wait=5s"], id="after an equals sign"),
    ],
)
def test_duration_after_wait_suggests_wait_timeout_and_is_not_shown(argv):
    result = run_cli(*argv, "--project", PROJECT, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ["--wait takes no value; did you mean --wait-timeout TIME?"]


@rule("9.1e")
def test_uuid_of_decimal_digits_is_not_a_duration(plane):
    digits = "00000000000000000000000000000030"
    plane.script(Reply(execution(id="00000000-0000-0000-0000-000000000030")))

    result = run_cli("get", "--wait", digits, "--project", PROJECT, plane=plane)

    assert result.code == 0
    assert plane.requests[0].target.endswith("/executions/00000000-0000-0000-0000-000000000030")


@rule("9.1e")
def test_word_after_wait_that_is_not_a_duration_is_a_superfluous_argument():
    result = run_cli(*GET, "--wait", "soon", env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert "number 8 " in error_lines(result)[0]
    assert "--wait-timeout" not in result.err  # which the error for a duration suggests
    assert "soon" not in result.err


@rule("1.14", "1.14d")
def test_list_with_an_id_suggests_get():
    result = run_cli(*LIST, EXECUTION, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ["list takes no id; did you mean get UUID?"]


@rule("1.4b", "1.14")
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(("get", EXECUTION, EXECUTION, "--project", PROJECT), id="two arguments"),
        pytest.param(GET + (EXECUTION,), id="--id and an argument"),
    ],
)
def test_get_with_two_ids_suggests_xargs(argv):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ["get takes one id; for several, use xargs -n1"]


@rule("1.14")
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param([], id="nothing"),
        pytest.param(["exec-log"], id="exec-log"),
        pytest.param(["--project", PROJECT], id="a flag"),
    ],
)
def test_missing_command_is_refused(argv):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert result.err == "error: expected a command: list or get\nhint: see --help\n"


@rule("1.4b", "1.14", "1.14a", "1.14c", "1.14d")
@pytest.mark.parametrize(
    "argv, error",
    [
        # a near word
        pytest.param(
            ["lis", "--project", PROJECT], 'unknown command "lis"; did you mean list?', id="lis"
        ),
        pytest.param(
            ["gett", "--project", PROJECT], 'unknown command "gett"; did you mean get?', id="gett"
        ),
        pytest.param(["hepl"], 'unknown command "hepl"; did you mean help?', id="hepl"),
        pytest.param(
            ["exec", "list"], 'unknown command "exec"; did you mean exec-log?', id="abbreviation"
        ),
        pytest.param(
            ["exec-log", "exec-log"],
            "unknown command; expected list or get",
            id="exec-log twice",
        ),
        pytest.param(
            ["exec-logs", "list"],
            'unknown command "exec-logs"; did you mean exec-log?',
            id="exec-logs",
        ),
        # no near word, so that the word may be a secret
        pytest.param(
            ["hunter2", "list"], "unknown command; expected list or get", id="before a command"
        ),
        pytest.param(
            ["", "--project", PROJECT], "unknown command; expected list or get", id="empty"
        ),
        # before an unknown flag
        pytest.param(
            ["logs", "-f"], 'unknown command "logs"; did you mean get UUID?', id="logs -f"
        ),
        pytest.param(
            ["logs", "-tail", "5"],
            'unknown command "logs"; did you mean get UUID?',
            id="logs -tail",
        ),
        pytest.param(
            ["hunter2", "--bogus"],
            "unknown command; expected list or get",
            id="a secret before an unknown flag",
        ),
        # an id
        pytest.param(
            ["4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f", "--project", PROJECT],
            'unknown command "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"; did you mean get UUID?',
            id="id",
        ),
        pytest.param(
            ["{4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f}", "--project", PROJECT],
            'unknown command "{4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f}"; did you mean get UUID?',
            id="id in braces",
        ),
        # words of other programs
        pytest.param(
            ["ls", "--project", PROJECT], 'unknown command "ls"; did you mean list?', id="ls"
        ),
        pytest.param(["show"], 'unknown command "show"; did you mean get UUID?', id="show"),
        pytest.param(["log", EXECUTION], 'unknown command "log"; did you mean get UUID?', id="log"),
        pytest.param(["logs"], 'unknown command "logs"; did you mean get UUID?', id="logs"),
        pytest.param(
            ["describe"], 'unknown command "describe"; did you mean get UUID?', id="describe"
        ),
        pytest.param(["wait"], 'unknown command "wait"; did you mean get UUID --wait?', id="wait"),
        pytest.param(
            ["watch"], 'unknown command "watch"; did you mean get UUID --wait?', id="watch"
        ),
        pytest.param(
            ["version"], 'unknown command "version"; did you mean --version?', id="version"
        ),
    ],
)
def test_unknown_command_is_refused_with_a_suggestion(argv, error):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [error]


@rule("1.5", "1.14")
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["list"], id="list"),
        pytest.param(["get", EXECUTION], id="get"),
    ],
)
@pytest.mark.parametrize(
    "project",
    [
        pytest.param(None, id="variable not set"),
        pytest.param("", id="variable empty"),
    ],
)
def test_project_is_required(argv, project):
    result = run_cli(*argv, env=dict(UNREACHABLE, PLEXSPHERE_PROJECT=project))

    assert result.code == 2
    assert result.out == b""
    assert result.err.startswith(
        "error: no Project\n"
        "hint: pass --project UUID, set PLEXSPHERE_PROJECT, or use a profile with a project; "
        "there is no config file (looked for "
    )


@rule("1.2", "1.14")
def test_get_needs_an_id():
    result = run_cli("get", "--project", PROJECT, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert result.err == "error: no Execution id\nhint: pass one: get UUID\n"


# ---- 1.14: usage errors about values

ALL_LIST_FORMATS, ALL_GET_FORMATS = ", ".join(LIST_FORMATS), ", ".join(GET_FORMATS)


@rule("1.14", "1.14a", "1.14c")
@pytest.mark.parametrize(
    "argv, error",
    [
        pytest.param(
            LIST + ("-o", "raw"),
            '--output "raw": expected ' + ALL_LIST_FORMATS,
            id="a format of get",
        ),
        pytest.param(
            GET + ("-ojsno",),
            '--output "jsno": expected ' + ALL_GET_FORMATS + "; did you mean json?",
            id="a typing error",
        ),
        pytest.param(
            LIST + ("-ojson\n",),
            '--output "json\\n": expected ' + ALL_LIST_FORMATS + "; did you mean json?",
            id="a newline after a value without a space",
        ),
        pytest.param(
            LIST + ("-o", "JSON"),
            '--output "JSON": expected ' + ALL_LIST_FORMATS,
            id="upper case",
        ),
        pytest.param(
            LIST + ("-o", "-x"),
            "--output: expected " + ALL_LIST_FORMATS,
            id="a value like a flag is not shown",
        ),
        pytest.param(
            LIST + ("--output=",),
            '--output "": expected ' + ALL_LIST_FORMATS,
            id="empty",
        ),
    ],
)
def test_unknown_format_is_refused_with_those_of_the_command(argv, error):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [error]


@rule("1.14", "1.14a", "1.14c")
@pytest.mark.parametrize("value", ["x", "Always", pytest.param("", id="empty")])
def test_unknown_color_is_refused_with_the_valid_values(value):
    result = run_cli(*LIST, "--color", value, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ['--color "' + value + '": expected auto, always or never']


@rule("1.7b", "1.12b", "1.14", "1.14a")
@pytest.mark.parametrize(
    "argv, shown",
    [
        pytest.param(LIST + ("--status", "failed,"), "failed,", id="empty part"),
        pytest.param(LIST + ("--status", ""), "", id="empty"),
        pytest.param(
            GET + ("--status", "ack,", "--status", "ack"),
            "ack,",
            id="empty part in the first of two",
        ),
    ],
)
def test_empty_status_is_refused(argv, shown):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [
        '--status "' + shown + '": expected one or more statuses, separated by commas'
    ]


@rule("1.12b", "1.14", "1.14a", "1.14c")
@pytest.mark.parametrize(
    "argv, error",
    [
        pytest.param(
            GET + ("--status", "FAILD"),
            '--status "FAILD": unknown status; did you mean failed?',
            id="get suggests the nearest",
        ),
        pytest.param(
            GET + ("--status", "can"),
            '--status "can": unknown status; did you mean cancelled?',
            id="get suggests what it abbreviates",
        ),
        pytest.param(
            GET + ("--status", "x"),
            '--status "x": unknown status',
            id="get knows none that is near",
        ),
        pytest.param(
            GET + ("--status", "Running"),
            '--status "Running": unknown status; did you mean --running?',
            id="running",
        ),
        pytest.param(
            LIST + ("--status", "failed,success"),
            '--status "success": unknown status; did you mean succeeded?',
            id="success",
        ),
        pytest.param(
            LIST + ("--status", "tiemout", "--failed"),
            '--status "tiemout": unknown status; did you mean timeout?',
            id="list suggests the nearest for one of several",
        ),
        pytest.param(
            LIST + ("--status", "x,ack"),
            '--status "x": unknown status',
            id="list knows none that is near",
        ),
    ],
)
def test_unknown_status_is_refused_by_get_and_among_several_by_list(argv, error):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [error]


@rule("1.7b", "1.14")
@pytest.mark.parametrize(
    "flag", [flag for flag in FLAGS_WITH_A_VALUE if flag.names[-1] != "--cursor"], ids=name_flag
)
def test_empty_value_is_refused(flag):
    command = GET if flag.command == "get" else LIST

    result = run_cli(*command, flag.names[-1], "", env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert result.err.startswith("error: " + flag.names[-1] + ' "": expected ')


@rule("1.7b", "1.14")
def test_empty_value_of_a_text_is_refused_with_a_hint():
    result = run_cli(*LIST, "--profile=", env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert result.err == 'error: --profile "": expected a non-empty value\nhint: see --help\n'


@rule("1.7a", "1.14", "1.14a")
@pytest.mark.parametrize(
    "value", ["+1", "1.5", "1_0", " 1", "x", "0x1", pytest.param("", id="empty")]
)
def test_limit_is_a_whole_number(value):
    result = run_cli(*LIST, "--limit", value, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [
        '--limit "' + value + "\": expected a whole number (0 means the server's default)"
    ]


@rule("1.7a", "1.14", "1.14a")
@pytest.mark.parametrize("value", ["-5", "-1"])
def test_limit_is_not_negative(value):
    result = run_cli(*LIST, "--limit", value, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    # The value is not shown, because it begins with a hyphen.
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith("--limit: ")


@rule("1.14")
@pytest.mark.parametrize(
    "value", ["0", "000", "+1", "1.5", " 1", "x", "5x", pytest.param("", id="empty")]
)
def test_last_is_a_whole_number_of_at_least_1(value):
    result = run_cli(*LIST, "--last", value, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ['--last "' + value + '": expected a whole number of at least 1']


@rule("1.4", "1.14", "1.14a")
def test_value_joined_to_n_is_shown_under_the_long_name():
    result = run_cli(*LIST, "-n5x", env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith('--last "5x": ')


@rule("1.14a")
def test_newline_in_a_refused_value_is_shown_escaped():
    result = run_cli(*LIST, "--limit", "7\n", env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith('--limit "7\\n": ')


@rule("1.14a", "2.7")
@pytest.mark.parametrize("end", ["", "\n"], ids=["as it is", "a line feed ends the variable"])
def test_token_as_a_refused_value_is_masked(end):
    env = dict(UNREACHABLE, PLEXSPHERE_TOKEN=TOKEN + end)

    result = run_cli(*LIST, "--last=" + TOKEN, env=env)

    assert result.code == 2
    assert result.out == b""
    assert len(error_lines(result)) == 1
    assert error_lines(result)[0].startswith('--last "***": ')


#: Words, after which a value of x's is refused.
WORDS_BEFORE_A_VALUE = [
    pytest.param(("get",), id="id after get"),
    pytest.param(("list", "--project"), id="project"),
    pytest.param(GET + ("--node",), id="node"),
    pytest.param(GET + ("--status",), id="status of get"),
    pytest.param(LIST + ("--status", "ack", "--status"), id="status of list"),
    pytest.param(LIST + ("--since",), id="since"),
    pytest.param(LIST + ("--color",), id="color"),
    pytest.param(LIST + ("-o",), id="output"),
    pytest.param(GET + ("--timeout",), id="timeout"),
    pytest.param(LIST + ("--limit",), id="limit"),
    pytest.param(LIST + ("--last",), id="last"),
]


@rule("1.14a")
@pytest.mark.parametrize("words", WORDS_BEFORE_A_VALUE)
def test_refused_value_of_40_characters_is_shown(words):
    result = run_cli(*words, "x" * 40, env=UNREACHABLE)

    assert result.code == 2
    assert ' "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"' in result.err


@rule("1.14a")
@pytest.mark.parametrize("words", WORDS_BEFORE_A_VALUE)
def test_refused_value_of_41_characters_is_not_shown(words):
    result = run_cli(*words, "x" * 41, env=UNREACHABLE)

    assert result.code == 2
    assert result.err.startswith("error: ")
    assert "xx" not in result.err


# ---- 1.14: usage errors about flags


@rule("1.13b", "1.14", "9.1e", "9.3a")
@pytest.mark.parametrize(
    "argv, error",
    [
        pytest.param(
            LIST + ("--cursor", "c", "--failed"),
            "--cursor works with at most one status",
            id="cursor with several statuses",
        ),
        pytest.param(
            LIST + ("--cursor", "c", "--status", "ack,failed"),
            "--cursor works with at most one status",
            id="cursor with two statuses",
        ),
        pytest.param(
            GET + ("--wait-timeout", "5"),
            "--wait-timeout works only with --wait",
            id="wait-timeout without wait",
        ),
        pytest.param(
            GET + ("--output-dir", "x", "-o", "table"),
            "--output-dir works only with --output text",
            id="output-dir with table",
        ),
        # Both the flag and the format do not fit list.
        pytest.param(
            LIST + ("--output-dir", "x", "-o", "xml"),
            "--output-dir works only with get",
            id="output-dir with list and an unknown format",
        ),
    ],
)
def test_flags_that_do_not_fit_together_are_refused(argv, error):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [error]


@rule("1.14", "1.14d")
@pytest.mark.parametrize(
    "flag, error",
    [
        pytest.param("--action-name=a", "--action-name works only with list", id="action-name"),
        pytest.param("--since=2h", "--since works only with list", id="since"),
        pytest.param("--until=2h", "--until works only with list", id="until"),
        pytest.param(
            "--updated-since=2h", "--updated-since works only with list", id="updated-since"
        ),
        pytest.param("--last=5", "--last works only with list", id="last"),
        pytest.param("--all", "--all works only with list", id="all"),
        # 0 and the empty cursor are false in Python.
        pytest.param("--limit=0", "--limit works only with list", id="limit 0"),
        pytest.param("--cursor=", "--cursor works only with list", id="empty cursor"),
    ],
)
def test_flag_of_list_is_refused_by_get(flag, error):
    result = run_cli(*GET, flag, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [error]


@rule("1.14", "1.14d")
@pytest.mark.parametrize(
    "flag, error",
    [
        pytest.param("--id=" + EXECUTION, "--id works only with get", id="id"),
        pytest.param("--wait", "--wait works only with get", id="wait"),
        pytest.param("--wait-timeout=9", "--wait-timeout works only with get", id="wait-timeout"),
        pytest.param("--exit-status", "--exit-status works only with get", id="exit-status"),
        pytest.param("--output-dir=x", "--output-dir works only with get", id="output-dir"),
    ],
)
def test_flag_of_get_is_refused_by_list(flag, error):
    result = run_cli(*LIST, flag, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [error]


@rule("1.4b", "1.14", "1.14a")
@pytest.mark.parametrize(
    "argv, error",
    [
        pytest.param(LIST + ("--all=SECRET",), "--all takes no value", id="long"),
        pytest.param(LIST + ("-v=SECRET",), "-v takes no value", id="short"),
    ],
)
def test_value_for_a_switch_is_refused_and_not_shown(argv, error):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [error]


@rule("1.4b", "1.14", "1.14b", "1.14c")
@pytest.mark.parametrize(
    "argv, error",
    [
        # Letters, hyphens and underscores are shown, up to 40 of them, but nothing after an equals sign.
        pytest.param(
            ["list", "x", "--bogus"],
            "unknown flag --bogus",
            id="before a superfluous argument is noticed",
        ),
        pytest.param(
            LIST + ("--aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb",),
            "unknown flag --aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbb",
            id="40 letters",
        ),
        pytest.param(
            LIST + ("--aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbc",), "unknown flag", id="41 letters"
        ),
        pytest.param(LIST + ("--x1=7",), "unknown flag", id="digit"),
        pytest.param(LIST + ("--a b",), "unknown flag", id="space"),
        pytest.param(LIST + ("--all\n=7",), "unknown flag; did you mean --all?", id="newline"),
        pytest.param(LIST + ("--tokn=SECRET",), "unknown flag --tokn", id="--tokn=SECRET"),
        # A one-letter flag is shown, and of a longer one its first letter.
        pytest.param(LIST + ("-x",), "unknown flag -x", id="-x"),
        pytest.param(LIST + ("-x=7",), "unknown flag -x", id="-x=7"),
        pytest.param(LIST + ("-5",), "unknown flag -5", id="-5"),
        pytest.param(LIST + ("-x7",), "unknown flag -x...", id="-x7"),
        pytest.param(LIST + ("-tSECRET",), "unknown flag -t...", id="-tSECRET"),
        pytest.param(
            LIST + ("-n" + TOKEN,), "malformed or combined flags -n...", id="-n and a token"
        ),
        pytest.param(
            LIST + ("-vo", "json"), "malformed or combined flags -v...", id="combined short flags"
        ),
        pytest.param(LIST + ("-vh",), "malformed or combined flags -v...", id="-vh"),
        pytest.param(LIST + ("-n-3",), "malformed or combined flags -n...", id="-n-3"),
        # One hyphen before a long name.
        pytest.param(LIST + ("-node",), "unknown flag -n...; did you mean --node?", id="-node"),
        pytest.param(
            LIST + ("-node", "x"), "unknown flag -n...; did you mean --node?", id="-node x"
        ),
        pytest.param(
            LIST + ("-version",), "unknown flag -v...; did you mean --version?", id="-version"
        ),
        pytest.param(
            ["get", "-id", EXECUTION, "--project", PROJECT],
            "unknown flag -i...; did you mean --id?",
            id="-id UUID",
        ),
        # A typing error. Dashes, underscores and case do not matter.
        pytest.param(
            ["--sinc"], "unknown flag --sinc; did you mean --since?", id="--sinc without a command"
        ),
        pytest.param(
            GET + ("--sinc", "2h"), "unknown flag --sinc; did you mean --since?", id="--sinc of get"
        ),
        pytest.param(
            ["--projct", "X", "list"],
            "unknown flag --projct; did you mean --project?",
            id="--projct",
        ),
        pytest.param(
            LIST + ("--exit-statu",),
            "unknown flag --exit-statu; did you mean --exit-status?",
            id="--exit-statu",
        ),
        pytest.param(
            GET + ("--output_dir", "x"),
            "unknown flag --output_dir; did you mean --output-dir?",
            id="--output_dir",
        ),
        pytest.param(
            ["get", EXECUTION, "--outputdir"],
            "unknown flag --outputdir; did you mean --output-dir?",
            id="--outputdir",
        ),
        pytest.param(
            ["get", EXECUTION, "--wait_timeout=x"],
            "unknown flag --wait_timeout; did you mean --wait-timeout?",
            id="--wait_timeout=x",
        ),
        pytest.param(
            LIST + ("--Action-Name",),
            "unknown flag --Action-Name; did you mean --action-name?",
            id="--Action-Name",
        ),
        pytest.param(
            GET + ("--EXIT-STATUS",),
            "unknown flag --EXIT-STATUS; did you mean --exit-status?",
            id="--EXIT-STATUS",
        ),
        # An abbreviation of at least two letters suggests the first flag that it begins, except an ignored one.
        pytest.param(
            ["list", "--proj", "x"], "unknown flag --proj; did you mean --project?", id="--proj x"
        ),
        pytest.param(
            LIST + ("--out", "x"), "unknown flag --out; did you mean --output?", id="--out x"
        ),
        pytest.param(["list", "--cu"], "unknown flag --cu; did you mean --cursor?", id="--cu"),
        pytest.param(["list", "--a"], "unknown flag --a", id="--a"),
        pytest.param(["list", "--ye"], "unknown flag --ye", id="--ye"),
        # A flag of other programs whose value is a secret, also where a command is expected.
        pytest.param(
            ["exec-log", "--token", "SECRET", "list"],
            "unknown flag --token; did you mean --token-file?",
            id="--token SECRET list",
        ),
        pytest.param(
            LIST + ("--token", "SECRET"),
            "unknown flag --token; did you mean --token-file?",
            id="--token SECRET",
        ),
    ],
)
def test_unknown_flag_is_refused_and_the_nearest_one_suggested(argv, error):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == [error]


@rule("1.14b", "1.14c")
@pytest.mark.parametrize(
    "argv, error",
    [
        pytest.param(
            ["list", "\u2014failed"],
            "unknown flag \u2014f...; did you mean --failed?",
            id="em dash",
        ),
        pytest.param(
            ["list", "\u2013status=x"],
            "unknown flag \u2013s...; did you mean --status?",
            id="en dash",
        ),
        pytest.param(
            ["\u2212running"], "unknown flag \u2212r...; did you mean --running?", id="minus sign"
        ),
        pytest.param(
            ["list", "\u2014url=x"],
            "unknown flag \u2014u...; did you mean --server?",
            id="em dash before a flag of another program",
        ),
        pytest.param(
            ["get", "\u2014\u2014waitt"],
            "unknown flag \u2014\u2014...; did you mean --wait?",
            id="two em dashes",
        ),
    ],
)
def test_dash_of_another_kind_gets_a_suggestion(argv, error):
    # Not run_cli, which passes these characters as bytes if the locale lacks them.
    stderr = io.StringIO()
    with surroundings(env=UNREACHABLE):
        code = program.main(argv, io.BytesIO(), stderr)

    assert code == 2
    assert stderr.getvalue() == "error: " + error + "\nhint: see --help\n"


@rule("1.14")
@pytest.mark.parametrize(
    "value", [pytest.param("", id="without a value"), pytest.param("=7", id="with a value")]
)
@pytest.mark.parametrize(
    "flag, suggestion",
    [
        ("--after", "--since"),
        ("--before", "--until"),
        ("--context", "--profile"),
        ("--debug", "--verbose"),
        ("--exit-code", "--exit-status"),
        ("--exit_code", "--exit-status"),
        ("--follow", "get UUID --wait"),
        ("--format", "--output"),
        ("--from", "--since"),
        ("--host", "--node or --server"),
        ("--json", "-o json"),
        ("--lines", "--last or -o lines"),
        ("--machine", "--node"),
        ("--tail", "--last"),
        ("--target", "--node"),
        ("--to", "--until"),
        ("--token", "--token-file"),
        ("--url", "--server"),
        ("--watch", "get UUID --wait"),
        ("-f", "get UUID --wait"),
        ("-w", "get UUID --wait"),
    ],
)
def test_flag_of_another_program_suggests_what_this_one_has_for_it(flag, suggestion, value):
    result = run_cli("get", flag + value, env=UNREACHABLE)

    assert result.code == 2
    assert result.out == b""
    assert error_lines(result) == ["unknown flag " + flag + "; did you mean " + suggestion + "?"]


# ---- 1.14a, 1.14b: secrets in the wrong place

MISPLACED = "s3same9x-s3same9x"  # 17 characters: short enough to be shown where a value is


@rule("1.14a", "1.14b", "2.6a")
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(LIST + ("--server", MISPLACED), id="as the server"),
        pytest.param(
            LIST + ("--server=https://ann:" + MISPLACED + "@host",), id="in the server's user info"
        ),
        pytest.param(LIST + ("--all=" + MISPLACED,), id="after a switch and an equals sign"),
        pytest.param(LIST + ("--all " + MISPLACED,), id="in one argument with a switch"),
        pytest.param(LIST + (MISPLACED,), id="as an argument of list"),
        pytest.param(LIST + ("x " + MISPLACED,), id="in one argument with a word"),
        pytest.param(GET + (MISPLACED,), id="as an argument of get"),
        pytest.param(
            LIST + ("--tokn=" + MISPLACED,), id="after an unknown flag and an equals sign"
        ),
        pytest.param(LIST + ("--token", MISPLACED), id="after an unknown flag"),
        pytest.param(LIST + ("--" + MISPLACED,), id="after two hyphens"),
        pytest.param(LIST + ("-" + MISPLACED,), id="after one hyphen"),
        pytest.param(LIST + ("--limit", "-" + MISPLACED), id="after one hyphen, as a limit"),
        pytest.param(
            ["get", "-" + MISPLACED, "--project", PROJECT], id="after one hyphen, as an id"
        ),
        pytest.param(
            ["exec-log", "list", MISPLACED, "--project", PROJECT, "--bogus"],
            id="before an unknown flag",
        ),
    ],
)
def test_possible_secret_in_a_usage_error_is_not_shown(argv):
    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 2
    assert result.err.startswith("error: ")
    # Neither the beginning nor the end of s3same9x-s3same9x is shown, but "-s..." may be.
    assert "s3s" not in result.err
    assert "me9x" not in result.err


@rule("1.14a", "2.5c", "2.5d")
@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(LIST + ("--token-file", MISPLACED), id="as the token file"),
        pytest.param(LIST + ("--token-file=a/" + MISPLACED,), id="in the path of the token file"),
        pytest.param(LIST + ("--profile", MISPLACED), id="as the profile"),
    ],
)
def test_possible_secret_in_place_of_credentials_is_not_shown(tmp_path, monkeypatch, argv):
    monkeypatch.chdir(str(tmp_path))  # where no file has this name

    result = run_cli(*argv, env=UNREACHABLE)

    assert result.code == 3
    assert result.err.startswith("error: ")
    # Neither the beginning nor the end of s3same9x-s3same9x is shown.
    assert "s3s" not in result.err
    assert "me9x" not in result.err


# ---- 1.15: the version


@rule("1.15b")
@pytest.mark.parametrize(
    "line", ["--version", "lst --version", "get --all x y --version", "list --limit 7 --version"]
)
def test_version_prints_one_line_and_ignores_other_arguments(line):
    result = run_cli(*line.split(), env=UNREACHABLE)

    assert result.code == 0
    assert result.err == ""
    assert result.out == b"version=" + program.__version__.encode("ascii") + b"\n"
