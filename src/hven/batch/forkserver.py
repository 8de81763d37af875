"""Runners are forked from one process that has loaded what they need: a job loads nothing again.

A launcher starts the program of its runners with `SERVES` and a site file, and that program calls `serve`. The two
talk through the program's standard input, a socket: the file descriptors of a new runner one way, its number back.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress

from hven.pipeline.runner import mark

SERVES = "--serve"
"""Argument of a runner's program, before the site file: it forks runners, and is none."""

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_WANTED, _NUMBER_BYTES, _NONE = b"\n", 8, 0

_PATIENCE_S = 300.0
"""Loading takes two seconds, on a machine that does much else longer."""


class ForkedRunner:
    """A process session that is no child of this process.

    Parameters
    ----------
    pid
        Of the process, and of its group.

    Attributes
    ----------
    mark
        As `hven.pipeline.runner.mark` writes it.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.mark = mark(pid)
        self._process = os.pidfd_open(pid)
        self._ended = False

    def ended(self, *, wait: bool = False) -> bool:
        """Whether it has ended; true once it has where this should wait for that."""
        if not self._ended:
            poll = select.poll()
            poll.register(self._process, select.POLLIN)
            self._ended = bool(poll.poll(None if wait else 0))
            if self._ended:
                os.close(self._process)
        return self._ended

    def kill(self) -> None:
        """End it, with everything it started."""
        if not self.ended():
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.ended(wait=True)


class RunnerForks:
    """The process from which runners are forked: started when it is first needed, and again when it has died.

    Parameters
    ----------
    command
        The program that serves, with its arguments.
    environment
        Of all runners.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = environment
        self._server: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def prepare(self) -> None:
        """Have the process load what runners need while one goes on; where it cannot be, who wants one will hear."""
        if self._line is None:
            with suppress(OSError):
                self._start()

    def _start(self) -> None:
        line, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other, ExitStack() as until_it_runs:
            until_it_runs.enter_context(line)
            self._server = subprocess.Popen(  # noqa: S603 - our own program
                self._command, stdin=other.fileno(), start_new_session=True, cwd="/", env=self._environment
            )
            until_it_runs.pop_all()
        line.settimeout(_PATIENCE_S)
        self._line = line

    def fork(self, order: bytes, log: int) -> ForkedRunner:
        """Make a runner of an order, whose output goes to an open file; raises OSError where there can be none."""
        reading, writing = os.pipe()
        try:
            runner = ForkedRunner(self._number(reading, log))
            with suppress(BrokenPipeError):
                os.write(writing, order)
        finally:
            os.close(reading)
            os.close(writing)
        return runner

    def close(self) -> None:
        """End the process; runners live on."""
        if self._server is not None and self._line is not None:
            self._line.close()
            self._server.kill()
            self._server.wait()
        self._server = self._line = None

    def _number(self, *descriptors: int) -> int:
        try:
            return self._ask(descriptors)
        except ConnectionError:
            self.close()
            return self._ask(descriptors)

    def _ask(self, descriptors: Sequence[int]) -> int:
        if self._line is None:
            self._start()
        assert self._line is not None  # noqa: S101 - `_start` sets it
        socket.send_fds(self._line, [_WANTED], descriptors)
        try:
            answer = self._line.recv(_NUMBER_BYTES)
        except TimeoutError:
            self.close()
            raise
        if not answer:
            raise ConnectionResetError("the process that forks runners has ended")
        if (pid := int.from_bytes(answer)) == _NONE:
            raise OSError("the machine gives no process for a runner")
        return pid


def serve(run: Callable[[], int]) -> int:
    """Fork runners on demand until nobody is there to want them.

    To be called by a process that has loaded what they need, without threads, connections or locks.

    Parameters
    ----------
    run
        What a runner does, with its order at the standard input; gives its exit code.

    Returns
    -------
    int
        Exit code: in each runner its own, in the end that of this process.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for runners
    with closing(socket.socket(fileno=os.dup(_STDIN))) as line:
        while (descriptors := socket.recv_fds(line, len(_WANTED), 2)[1]) != []:
            if _fork(line) == 0:
                _begin(line, *descriptors)
                break
            for descriptor in descriptors:
                os.close(descriptor)
        else:
            return 0
    return run()


def _fork(line: socket.socket) -> int:
    try:
        return os.fork()
    except OSError:
        line.send(_NONE.to_bytes(_NUMBER_BYTES))
        return -1


def _begin(line: socket.socket, order: int, log: int) -> None:
    """Be a session of one's own, with input and output, and say who one is."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(order, _STDIN)
    os.dup2(log, _STDOUT)
    os.dup2(log, _STDERR)
    os.close(order)
    os.close(log)
    line.send(os.getpid().to_bytes(_NUMBER_BYTES))
