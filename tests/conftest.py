"""The plane of each test. The module is imported from the clone."""

import gc
import os
import socket
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from control_plane import ControlPlane  # noqa: E402
from kit import Clock, make_environment, make_transport  # noqa: E402


def pytest_collection_finish(session):
    """Save time: set the developer's variables aside once, and let no search for garbage look at pytest itself."""
    for name in set(os.environ) - set(make_environment()):
        del os.environ[name]
    if hasattr(gc, "freeze"):  # CPython 3.7 and later
        gc.freeze()


@pytest.fixture
def plane():
    """A control plane over http. Each test has its own, so that no failure reaches another test."""
    with ControlPlane() as running:
        yield running


@pytest.fixture
def tls_plane():
    """A control plane over https."""
    with ControlPlane(tls=True) as running:
        yield running


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def transport(plane, clock):
    """A Transport to the plane that lives by the clock."""
    with make_transport(plane, clock) as made:
        yield made


@pytest.fixture
def connect_timeouts(monkeypatch):
    """The timeout of each connection that the program opens, in seconds."""
    create_connection = socket.create_connection
    timeouts = []

    def connect(address, timeout, *others):
        timeouts.append(timeout)
        return create_connection(address, timeout, *others)

    monkeypatch.setattr(socket, "create_connection", connect)
    return timeouts
