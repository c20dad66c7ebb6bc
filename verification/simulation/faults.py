"""What can fail at a boundary, and when."""

from dataclasses import dataclass
from typing import Final

KINDS: Final = {
    "crash": ("", "the process is killed"),
    "stop": ("", "the process is asked to stop, and is started again"),
    "db-lost": ("db", "the connection to the database is lost, before a statement or after it"),
    "db-linger": ("db", "the same, and the server keeps the locks for a while"),
    "db-away": ("db", "the same, and for a while there is no new one"),
    "mq-lost": ("mq", "the connection to the broker is lost"),
    "mq-away": ("mq", "the same, and for a while there is no new one"),
    "mq-nack": ("mq-take", "a queue rejects a message"),
    "mq-unroutable": ("mq-take", "for a while no queue of the agents is bound"),
    "notice-lost": ("notice", "the wake-ups of a commit are lost"),
}
"""By their names: the prefix of the boundaries at which it can happen, and what it is."""

AWAY_SECONDS: Final = 1.5
LINGER_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Fault:
    """Happens to a process at the first boundary that fits, from its n-th one on."""

    kind: str
    process: str
    at: int

    def fits(self, boundary: str) -> bool:
        return boundary.startswith(KINDS[self.kind][0])

    def __str__(self) -> str:
        return f"{self.kind} of {self.process} at {self.at}"


class Faults:
    """The faults of a run that are yet to come."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self._left = list(faults)
        self._counts: dict[str, int] = {}
        self.happened: list[str] = []

    def due(self, process: str, boundary: str) -> Fault | None:
        """Count a boundary. Returns what happens there."""
        count = self._counts[process] = self._counts.get(process, 0) + 1
        for fault in self._left:
            if fault.process == process and fault.at <= count and fault.fits(boundary):
                self._left.remove(fault)
                self.happened.append(f"{fault} ({boundary}, {count})")
                return fault
        return None

    def forget(self) -> None:
        """From now on, nothing fails."""
        self._left.clear()
