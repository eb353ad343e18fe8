"""Fixtures: a control plane of its own for each test, over http or https. The module is imported from the clone."""

import os
import sys

import pytest

from control_plane import ControlPlane

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture
def plane():
    with ControlPlane() as running:
        yield running


@pytest.fixture
def tls_plane():
    with ControlPlane(tls=True) as running:
        yield running
