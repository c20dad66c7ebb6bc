"""Ends an exporter that was started beside a command, together with it."""

import os
from typing import Final

from swpt_accounts.workers.shutdown import ShutdownEvent

LOOK_SECONDS: Final = 0.5


def end_with_parent(pid: int, stop: ShutdownEvent) -> None:
    """Request the stop when the parent is not this process any more: it has ended."""
    while os.getppid() == pid and not stop.wait(LOOK_SECONDS):
        pass
    stop.request()
