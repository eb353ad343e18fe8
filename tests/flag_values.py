"""Test values: a row for every flag that takes a value.

first, last     two valid values. A run with `last` does something else than a run with `first`. {url} means the URL of
                the test's plane, and {folder} its folder.

A filter that the program applies (a flag with `keeps`) also has:

kept, other     members of an Execution that the flag keeps if its value is `first`, and members of one that it does not
                keep. If the flag is repeatable, the value `last` keeps the other one.
marks           the rule of the contract that the general tests of filters verify for this flag
"""

from control_plane import PROJECT
from kit import EXECUTION, NODES, execution, rule, target


class Values:
    """A row."""

    def __init__(self, first, last, kept=None, other=None, marks=()):
        self.first, self.last = first, last
        self.kept, self.other, self.marks = kept or {}, other or {}, marks


FLAG_VALUES = {
    "--project": Values(PROJECT, "6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10"),
    "--status": Values("failed", "timeout"),
    "--node": Values(
        NODES[0],
        NODES[1],
        kept={"targets": [target(node=NODES[0])]},
        other={"targets": [target(node=NODES[1])]},
        marks=rule("1.8c"),
    ),
    "--output": Values("json", "jsonl"),
    "--server": Values("{url}/first", "{url}/last"),
    "--token-file": Values("{folder}/first.token", "{folder}/last.token"),
    "--profile": Values("first", "last"),
    "--ca-file": Values("{folder}/first.pem", "{folder}/last.pem"),  # which do not exist
    "--timeout": Values("40", "50"),
    "--color": Values("never", "always"),
    "--action-name": Values("first", "last"),
    "--since": Values("2026-07-14T09:00Z", "2026-07-14T10:00Z"),
    "--until": Values("2026-07-14T09:45Z", "2026-07-14T10:45Z"),
    "--updated-since": Values(
        "2026-05-02T10:00:09Z",
        "2026-05-03T10:00Z",
        kept={"updated_at": "2026-05-02T10:00:09Z"},
        other={"updated_at": "2026-05-02T10:00:08.9Z"},
        marks=rule("1.9e"),
    ),
    "--last": Values("1", "2"),
    "--limit": Values("7", "5"),
    "--cursor": Values("first", "last"),
    "--id": Values("6f1d7c1e-0b5a-4c1e-9a53-2b8f0c9e7a10", EXECUTION),
    "--wait-timeout": Values("1s", "1h"),
    "--output-dir": Values("{folder}/first outputs", "{folder}/last outputs"),
}

FILTERS = {name: values for name, values in FLAG_VALUES.items() if values.kept}


def give_values(name, plane, folder):
    """Return the first and the last value of a flag, for this plane and folder."""
    values = FLAG_VALUES[name]
    return [value.format(url=plane.url, folder=folder) for value in (values.first, values.last)]


def make_kept(**members):
    """Return an Execution that every filter keeps if it has its first value."""
    made = execution(**members)
    for values in FILTERS.values():
        made.update(values.kept)
    return made


def make_other(**members):
    """Return an Execution that no filter keeps if it has its first value."""
    made = execution(**members)
    for values in FILTERS.values():
        made.update(values.other)
    return made
