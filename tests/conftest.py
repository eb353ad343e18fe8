"""The plane of each test. The module is imported from the clone."""

import gc
import os
import socket
import sys
import time
import warnings

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


def find_sockets():
    """Return the names of the sockets that this process has open, such as `socket:[4711]`. Only Linux shows them."""
    names = set()
    for number in os.listdir("/proc/self/fd") if sys.platform == "linux" else ():
        try:
            names.add(os.readlink("/proc/self/fd/" + number))
        except OSError:  # it has been closed meanwhile
            pass
    return {name for name in names if name.startswith("socket:")}


@pytest.fixture(autouse=True)
def sockets_are_closed():
    """Fail the test that leaves a connection open. Otherwise, Python would warn of it in a later test, if at all."""
    before = find_sockets()
    yield
    end = time.monotonic() + 10
    while find_sockets() - before and time.monotonic() < end:
        time.sleep(0.001)  # the threads of a server may still be closing theirs
    if find_sockets() - before:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gc.collect()  # so that Python does not warn in a later test
        pytest.fail("the test leaves a connection open")


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
