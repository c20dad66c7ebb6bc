"""Events of long work for which somebody waits, when there is no terminal that shows a bar."""

from typing import Final

from swpt_accounts.observability.events.event import info

PROGRESS_LOGGER: Final = "swpt_accounts.progress"
"""The logger of work for which somebody waits: how far it is, is told as if it were a warning."""

BOOKS_CHECK_OVER: Final = info(
    "books_check_over",
    "%(check)s: %(outcome)s, %(seconds).1f s",
    "`verify_books` has made one of its checks.",
    "See what it has found: [the checks](book-checks.md).",
)
MOVE_PART_BEGINS: Final = info(
    "move_part_begins",
    "%(total_count)d %(part)s …",
    "`move_in` or `move_out` begins a part of its work.",
)
MOVE_PART_OVER: Final = info(
    "move_part_over", "… in %(seconds).1f s", "That part is over.", more=("part",)
)
LETTERS_READ: Final = info(
    "letters_read",
    "%(done_count)d of %(total_count)d letters are read",
    "How far `dead_letters list`, `replay` or `discard` is: a line in ten seconds.",
)
EVENTS: Final = (BOOKS_CHECK_OVER, MOVE_PART_BEGINS, MOVE_PART_OVER, LETTERS_READ)
