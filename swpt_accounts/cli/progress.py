"""Shows how far a proof of the books is: a bar on a terminal, lines of the log elsewhere."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from swpt_accounts.audit.books import CheckResult, NoProgress, Progress
from swpt_accounts.observability.events.progress import BOOKS_CHECK_OVER, PROGRESS_LOGGER

logger = logging.getLogger(PROGRESS_LOGGER)


class _Lines:
    """A line of the log for each check."""

    def begin(self, total: int) -> None:
        """Say nothing yet."""

    def note(self, result: CheckResult, done: int) -> None:
        """Say what came of a check."""
        outcome = f"{result.findings_count} findings" if result.is_made else "not checked"
        BOOKS_CHECK_OVER.log(logger, check=result.code, outcome=outcome, seconds=result.seconds)


class _Bar:
    """A bar that grows with the bytes that have been read, on standard error."""

    def __init__(self) -> None:
        self.bar: Any = None

    def begin(self, total: int) -> None:
        """Draw the empty bar."""
        self.bar = click.progressbar(
            length=total, file=sys.stderr, item_show_func=lambda code: code or ""
        )
        self.bar.__enter__()

    def note(self, result: CheckResult, done: int) -> None:
        """Let it grow."""
        self.bar.update(done, result.code)


@contextmanager
def shown_progress(*, is_quiet: bool) -> Iterator[Progress]:
    """What fits standard error; nothing at all, if it has to be quiet."""
    if is_quiet:
        yield NoProgress()
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        bar = _Bar()
        try:
            yield bar
        finally:
            if bar.bar is not None:
                bar.bar.__exit__(None, None, None)
