"""Verbs for waiting: a clock that no real second passes on, and processes that do not sleep."""

import importlib.util
import os
import socketserver
import threading
import time

import kit
from control_plane import PROJECT, TOKEN

#: Interpreter flags for run_cli: the program as it is, but time.sleep returns at once.
HASTY = ("-c", "import runpy, sys, time; time.sleep = lambda seconds: None; del sys.argv[0]; "
               "runpy.run_path(sys.argv[0], run_name='__main__')")


def loaded_module():
    """The program as a library."""
    spec = importlib.util.spec_from_file_location("plexctl_exec_log", kit.MODULE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


program = loaded_module()


class Clock:
    """Seconds that pass only by sleeping, or with running=True also by themselves. `sleeps` tells each sleep."""

    def __init__(self, running=False, during=None):
        self.running, self.during = running, during or {}
        self.sleeps, self.slept = [], 0.0

    def now(self):
        return self.slept + (time.monotonic() if self.running else 0.0)

    def sleep(self, seconds):
        """during: what happens in the sleep of this number, counted from 1."""
        self.sleeps.append(seconds)
        self.slept += seconds
        self.during.get(len(self.sleeps), int)()


def transport_to(plane, clock, timeout=30.0):
    return program.Transport(program.Server.parse(plane.url), TOKEN, timeout=timeout, clock=clock.now,
                             sleep=clock.sleep)


def waited(plane, clock, seconds=None, timeout=30.0):
    """Wait for the execution. Its final status, or the ExecLogError that ended the wait."""
    transport = transport_to(plane, clock, timeout)
    try:
        return program.wait_for_execution(transport, PROJECT, kit.EXECUTION, seconds)
    except program.ExecLogError as error:
        return error
    finally:
        transport.close()


class OneAnswer(socketserver.TCPServer):
    """A server for one request, whose port can be taken again at once when it is closed."""

    allow_reuse_address = True

    def __init__(self, reply, address=("127.0.0.1", 0)):
        self.reply = reply
        super().__init__(address, None)
        self.url = "http://%s:%d" % self.server_address
        threading.Thread(target=self.handle_request, daemon=True).start()

    def finish_request(self, request, client_address):
        request.recv(65536)
        self.reply.send(request, bool)


def run_on_terminal(*argv, **options):
    """Run the program with standard error on a pseudo-terminal: (Result without err, what the terminal got)."""
    master, slave = os.openpty()
    try:
        result = kit.finish_cli(kit.start_cli(*argv, stderr=slave, **options))
        os.set_blocking(master, False)
        return result, everything_in(master).decode("utf-8")
    finally:
        os.close(master)
        os.close(slave)


def everything_in(descriptor):
    pieces = []
    try:
        while not pieces or pieces[-1]:
            pieces.append(os.read(descriptor, 65536))
    except BlockingIOError:
        pass
    return b"".join(pieces)


def status_lines(err):
    """What the `status:` lines of standard error say."""
    return [line[len("status: "):] for line in err.splitlines() if line.startswith("status: ")]
