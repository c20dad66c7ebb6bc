"""How a worker is told to stop."""

import os
import signal
import threading
from types import FrameType


class Stop:
    """A request to stop, which every wait of a worker watches."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._read_fd, self._write_fd = os.pipe()

    def request(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Ask everybody to stop. May be called from a signal handler, and more than once."""
        if not self._event.is_set():
            self._event.set()
            os.write(self._write_fd, b"!")

    def is_requested(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds_max: float | None) -> bool:
        """Wait for the request, for a time (None: for ever). Returns whether it has come."""
        return self._event.wait(seconds_max)

    def fileno(self) -> int:
        """A file descriptor that becomes, and stays, readable with the request."""
        return self._read_fd

    def on_signals(self) -> None:
        """Let SIGTERM and SIGINT request the stop."""
        signal.signal(signal.SIGTERM, self.request)
        signal.signal(signal.SIGINT, self.request)
