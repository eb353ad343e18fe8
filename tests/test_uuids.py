"""The four forms of a UUID, wherever the program accepts one."""

import pytest

import plexctl_exec_log as program
from control_plane import PROJECT
from kit import (
    STARTED,
    UNREACHABLE,
    execution,
    find_ids,
    inline,
    listed,
    page,
    run_cli,
    run_line,
    table,
    target,
)
from server import Reply

every_form = table("""
    uuid
    4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f
    4D5C2A10-93BE-4E0F-8A57-6F1B2C3D4E5F
    urn:uuid:4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f
    URN:UUID:4D5C2A10-93BE-4E0F-8A57-6F1B2C3D4E5F
    {4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f}
    4d5c2a1093be4e0f8a576f1b2c3d4e5f
""")


@every_form
def test_uuid_is_read_in_each_of_its_forms_and_sent_in_the_canonical_one(plane, uuid):
    answer = execution(id="4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f")

    # White space around it does not matter. The Project and the Execution have the same UUID.
    run_line("get --project ' %s\n' %s" % (uuid, uuid), plane, answer)
    run_line("get --id ' %s\n'" % uuid, plane, answer, env={"PLEXSPHERE_PROJECT": uuid})

    assert program.parse_uuid(" %s\n" % uuid) == "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"
    assert [request.target for request in plane.requests] == 2 * [
        "/v1/projects/4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f/executions/4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f"
    ]


@every_form
def test_wait_names_the_execution_in_the_canonical_form(plane, transport, uuid):
    plane.script(Reply(STARTED))  # the next poll would come after 2 seconds

    with pytest.raises(program.WaitTimeout) as caught:
        program.wait_for_execution(transport, PROJECT, uuid, 1)

    assert "Execution 4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f" in str(caught.value)


@every_form
def test_node_matches_whole_ids_in_each_form_and_case(plane, uuid):
    nodes = [
        # parts of it, longer ones, and another one
        "",
        "4d5c2a10",
        "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5",
        "d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",
        "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f0",
        "x4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",
        "a1b2c300-0000-4000-8000-000000000000",
        # the same, as a server may send it
        "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f",
        "4D5C2A10-93BE-4E0F-8A57-6F1B2C3D4E5F",
    ]
    # Each output, and each id of an Execution, is the place of the node in this list.
    targets = [target(inline(b"%d\n" % place), node) for place, node in enumerate(nodes)]
    items = [listed(str(place), targets=[each]) for place, each in enumerate(targets)]

    of_targets = run_line("targets -o jsonl --node " + uuid, plane, page(*items))
    of_get = run_line("get $ID -o raw --node " + uuid, plane, execution(targets))

    assert find_ids(of_targets) == ["7", "8"]
    assert of_get.out == b"7\n8\n"


@table("""
    text
    # A brace, a hyphen or a prefix is missing, moved, replaced or too much.
    {4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f
    4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f}
    (4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f)
    x4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f}
    {4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5fx
    4d5c2a1093be-4e0f-8a57-6f1b2c3d4e5f
    4d5c2a10-93be-4e0f-8a576f1b2c3d4e5f
    4d5c2a1-093be-4e0f-8a57-6f1b2c3d4e5f
    4d5c2a10_93be_4e0f_8a57_6f1b2c3d4e5f
    {4d5c2a1093be4e0f8a576f1b2c3d4e5f}
    urn:uuid:4d5c2a1093be4e0f8a576f1b2c3d4e5f
    urn:uuid:{4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f}
    urn:4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f
    uuid:4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f
    # a digit less (twice), a digit more, a letter, a space, and a wide 4, which int() would accept
    4d5c2a1093be4e0f8a576f1b2c3d4e5
    4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5
    4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f0
    4d5c2a1093be4e0f8a576f1b2c3d4e5g
    4d5c2a10- 3be-4e0f-8a57-6f1b2c3d4e5f
    \uff14d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f
""")
def test_text_that_is_not_in_one_of_the_forms_is_refused(text):
    result = run_cli("list", "--project", text, env=UNREACHABLE)

    assert result.code == 2
    assert result.err.startswith("error: --project")
    with pytest.raises(program.UsageError):
        program.parse_uuid(text)
