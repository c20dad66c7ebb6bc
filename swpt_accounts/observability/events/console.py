"""Events of the console."""

from typing import Final

from swpt_accounts.observability.events.event import error, events_in, warning

CONSOLE_ACTION: Final = warning(
    "console_action",
    "%(action)s of dead letter %(offset)d of %(queue)s by %(visitor)r: %(outcome)s",
    "Somebody who has the token for actions has used it.",
    "Nothing, if that was intended.",
    is_limited=False,
)
CONSOLE_TOKENS_WRONG: Final = warning(
    "console_tokens_wrong",
    "failed console sign-ins in the last minute: %(count)d",
    "Somebody does not know the token, or guesses. Logged once a minute at most.",
    "If it continues, check who can reach the console.",
)
CONSOLE_PAGE_FAILED: Final = error(
    "console_page_failed",
    "a page of the console has failed",
    "An unexpected error, with its traceback.",
    "Report it, with the traceback.",
)
EVENTS: Final = events_in(globals())
