"""How far a long operation is."""

from typing import Protocol


class Progress(Protocol):
    """Receives reports of progress."""

    def begin(self, what: str, total: int) -> None:
        """Begin a part, with so much to do."""

    def note(self, done: int) -> None:
        """So much of it is done."""

    def end(self) -> None:
        """The part is done."""


class NoProgress:
    """Ignores them."""

    def begin(self, what: str, total: int) -> None:
        """Do nothing."""

    def note(self, done: int) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""
