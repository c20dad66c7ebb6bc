"""Shutdown requests: from signals, or from other threads."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from select import POLLIN, poll
from types import FrameType

from swpt_accounts.observability.events.lifecycle import IDLE
from swpt_accounts.observability.heartbeat import watched_poll
from swpt_accounts.observability.metrics import recorder

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class ShutdownEvent:
    """A request to stop, which every wait of a worker watches.

    It has no lock: a signal handler can come at any moment, also in the middle of another one.
    """

    def __init__(self) -> None:
        self._is_requested = False
        self._read_fd, self._write_fd = os.pipe()

    def request(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ask everybody to stop. May be called from a signal handler, and more than once."""
        if not self._is_requested:
            self._is_requested = True
            os.write(self._write_fd, b"!")

    def is_requested(self) -> bool:
        return self._is_requested

    def wait(self, seconds_max: float | None) -> bool:
        """Wait for the request, for a time (None: without limit). Returns whether it has come."""
        waiting = poll()
        waiting.register(self._read_fd, POLLIN)
        watched_poll(waiting, seconds_max)
        return self._is_requested

    def fileno(self) -> int:
        """A file descriptor that becomes, and stays, readable with the request."""
        return self._read_fd

    def on_signals(self) -> None:
        """Let the signals that mean "stop" request it, also if they were held back until now.

        One that is ignored stays so: `nohup` ignores SIGHUP.
        """
        for number in STOP_SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.request)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def idle(shutdown: ShutdownEvent | None = None) -> None:
    """Idle until the stop: a supervisor would restart a process that exits."""
    shutdown = shutdown or ShutdownEvent()
    shutdown.on_signals()
    IDLE.log(logger, command=recorder.command_name(), pid=os.getpid())
    while not shutdown.wait(None):
        pass


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Threads and processes that are started in here do not get the signals that mean "stop"."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
