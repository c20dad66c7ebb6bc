"""How far a move is."""

from typing import Protocol


class Progress(Protocol):
    """Somebody who wants to know how far it is."""

    def begin(self, what: str, total: int) -> None:
        """Hear of a new part, and how much there is to do."""

    def note(self, done: int) -> None:
        """Hear how much of it is done."""

    def end(self) -> None:
        """Hear that the part is over."""


class NoProgress:
    """Nobody wants to know."""

    def begin(self, what: str, total: int) -> None:
        """Do nothing."""

    def note(self, done: int) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""
