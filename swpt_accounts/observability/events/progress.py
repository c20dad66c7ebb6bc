"""Events of long work for which somebody waits, when there is no terminal that shows a bar."""

from typing import Final

from swpt_accounts.observability.events.event import events_in, info

PROGRESS_LOGGER: Final = "swpt_accounts.progress"
"""The logger of work for which somebody waits. Its lines are written as if they were warnings."""

BOOKS_CHECK_OVER: Final = info(
    "books_check_over",
    "%(check)s: %(outcome)s, %(seconds).1f s",
    "`verify_books` has completed one of its checks.",
    "See its result: [the checks](book-checks.md).",
)
MOVE_PART_BEGINS: Final = info(
    "move_part_begins",
    "%(total_count)d %(part)s …",
    "`move_in` or `move_out` has started a part of its work.",
)
MOVE_PART_OVER: Final = info(
    "move_part_over", "… in %(seconds).1f s", "That part is complete.", more=("part",)
)
LETTERS_READ: Final = info(
    "letters_read",
    "read %(done_count)d of %(total_count)d dead letters",
    "The progress of `dead_letters list`, `replay` or `discard`, logged every ten seconds.",
)
EVENTS: Final = events_in(globals())
