"""Fixtures: a control plane of its own for each test, over http or https."""

import pytest

from control_plane import ControlPlane


@pytest.fixture
def plane():
    with ControlPlane() as running:
        yield running


@pytest.fixture
def tls_plane():
    with ControlPlane(tls=True) as running:
        yield running
