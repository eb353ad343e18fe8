"""Every session of tests/*.md: see session.py. `pytest -k "some and words"` selects by the words of headings."""

import glob
import os

import pytest

from kit import HERE, posix_only
from session import find_differences, read_sessions, replay

#: Documents that have no sessions.
PROSE = ("README.md",)


def list_sessions():
    """Return a parameter for each session, with its preset."""
    for path in sorted(glob.glob(os.path.join(HERE, "*.md"))):
        if os.path.basename(path) not in PROSE:
            preset, *sessions = read_sessions(os.path.relpath(path))
            for session in sessions:
                title = "%s: %s" % (os.path.basename(path), session.title)
                yield pytest.param(preset, session, id=title)


@posix_only
@pytest.mark.parametrize("preset, session", list(list_sessions()))
def test_session(preset, session, record_property):
    results = replay(preset, session)

    # .ci/ci.py counts the commands independently.
    record_property("steps", len(results) - len(preset.steps))
    differences = find_differences(session, results)
    if differences:
        pytest.fail(differences, pytrace=False)
