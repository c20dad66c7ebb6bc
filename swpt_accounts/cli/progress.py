"""Shows progress on standard error: a bar on a terminal, lines of the log elsewhere."""

import logging
import sys
from time import monotonic
from typing import Any

import click

from swpt_accounts.core.progress import NoProgress, Progress
from swpt_accounts.observability.events.progress import (
    LETTERS_READ,
    MOVE_PART_BEGINS,
    MOVE_PART_OVER,
    PROGRESS_LOGGER,
)

logger = logging.getLogger(PROGRESS_LOGGER)

_TERMINAL_SECONDS = 0.5
_LINE_SECONDS = 10.0


class _LogLines:
    """Two lines of the log for each part."""

    def __init__(self) -> None:
        self._part = ""
        self._began_at = 0.0

    def begin(self, what: str, total: int) -> None:
        self._began_at = monotonic()
        self._part = what
        MOVE_PART_BEGINS.log(logger, total_count=total, part=what)

    def note(self, done: int, item: str = "") -> None:
        """Log nothing."""

    def end(self) -> None:
        MOVE_PART_OVER.log(logger, part=self._part, seconds=monotonic() - self._began_at)


class _Bar:
    """A bar for each part."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._done = 0

    def begin(self, what: str, total: int) -> None:
        self._done = 0
        self._bar = click.progressbar(
            length=max(total, 1), label=what, file=sys.stderr, item_show_func=lambda item: item
        )
        self._bar.__enter__()

    def note(self, done: int, item: str = "") -> None:
        self._bar.update(done - self._done, item)
        self._done = done

    def end(self) -> None:
        """Draw the full bar, and leave its line."""
        self._bar.finish()
        self._bar.__exit__(None, None, None)


class LettersRead:
    """Says from time to time how many dead letters of how many were read."""

    def __init__(self) -> None:
        self._seconds = _TERMINAL_SECONDS if is_terminal() else _LINE_SECONDS
        self._due_at = monotonic() + self._seconds

    def __call__(self, count: int, total: int) -> None:
        """Write a line of the log, or the same line of a terminal again."""
        if count % 100 or monotonic() < self._due_at:
            return
        self._due_at = monotonic() + self._seconds
        if is_terminal():
            sys.stderr.write(f"\rread {count} of {total} letters\x1b[K\r")
            sys.stderr.flush()
        else:
            LETTERS_READ.log(logger, done_count=count, total_count=total)


def is_terminal() -> bool:
    """Whether bars can be drawn."""
    return sys.stderr.isatty()


def make_progress(*, is_quiet: bool) -> Progress:
    """What suits standard error."""
    if is_quiet:
        return NoProgress()
    return _Bar() if is_terminal() else _LogLines()
