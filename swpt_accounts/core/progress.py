"""How far long work is, for an operator who waits for it."""

from typing import Protocol


class Progress(Protocol):
    """Shows the parts of long work."""

    def begin(self, what: str, total: int) -> None:
        """Begin a part, with its amount of work."""

    def note(self, done: int, item: str = "") -> None:
        """Show how much of it is done, and with which item."""

    def end(self) -> None:
        """End the part."""


class NoProgress:
    """Shows nothing."""

    def begin(self, what: str, total: int) -> None:
        """Do nothing."""

    def note(self, done: int, item: str = "") -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""
