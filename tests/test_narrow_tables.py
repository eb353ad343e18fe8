"""Rule 5.2: the columns of the table of `list`, and of the recap of `get`, on narrow terminals."""

import pytest

from kit import EXECUTION, GET, LIST, execution, inline, page, posix_only, rule, run_on_terminal, target
from server import Reply

#: The action has 20 characters, and one of two targets succeeded.
RUN = execution(
    [target(inline(b"x\n")), target(None, status="failed")],
    status="cancelled",
    action="collect-diagnostics2",
    created_at="2026-05-02T10:00:00.5Z",
    updated_at="2026-05-02T11:22:33.25Z",
)

NARROWEST = (
    "ID                                   STATUS    CREATED     ACTION\n"
    "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f cancelled 05-02T10:00 collect-diagnostics2\n"
)
WITH_TARGETS = (
    "ID                                   STATUS    TARGETS CREATED     ACTION\n"
    "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f cancelled 1/2     05-02T10:00 collect-diagnostics2\n"
)
WITH_UPDATED = (
    "ID                                    STATUS     TARGETS  CREATED      UPDATED      ACTION\n"
    "4d5c2a10-93be-4e0f-8a57-6f1b2c3d4e5f  cancelled  1/2      05-02T10:00  05-02T11:22  collect-diagnostics2\n"
)


@posix_only
@rule("5.2", "5.2b", "5.2c", "5.2e", "5.3b")
@pytest.mark.parametrize(
    "columns, table",
    [
        pytest.param(80, NARROWEST, id="80"),
        pytest.param(87, NARROWEST, id="87"),
        pytest.param(88, WITH_TARGETS, id="88"),
        pytest.param(103, WITH_TARGETS, id="103"),
        pytest.param(104, WITH_UPDATED, id="104"),
        pytest.param(129, WITH_UPDATED, id="129"),
    ],
)
def test_width_of_the_terminal_decides_the_columns_of_list_and_get(plane, columns, table):
    plane.script(Reply(page(RUN)), Reply(RUN))

    of_list = run_on_terminal(*LIST + ("--color", "never"), plane=plane, columns=columns)
    of_get = run_on_terminal(*GET + ("--color", "never"), plane=plane, columns=columns)

    assert of_list.out.decode("ascii") == table
    assert of_get.out.decode("ascii").endswith("\n\n" + table)
    assert max(map(len, table.splitlines())) <= columns
    assert EXECUTION in table
