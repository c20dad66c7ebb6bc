"""Events of the console in the browser."""

from typing import Final

from swpt_accounts.observability.events.event import error, warning

CONSOLE_ACTION: Final = warning(
    "console_action",
    "%(visitor)r: %(action)s of the dead letter %(offset)d: %(outcome)s",
    "Somebody who has the token for actions has done something, or tried to.",
    "Nothing, if that was meant.",
    is_limited=False,
)
CONSOLE_TOKENS_WRONG: Final = warning(
    "console_tokens_wrong",
    "The console was shown %(count)d wrong tokens, lately.",
    "Somebody does not know the token, or guesses. Told once a minute at most.",
    "If it goes on: who can reach the console?",
)
CONSOLE_PAGE_FAILED: Final = error(
    "console_page_failed",
    "A page of the console has failed.",
    "An error that nobody expected, with its traceback.",
    "Report it, with the traceback.",
)
EVENTS: Final = (CONSOLE_ACTION, CONSOLE_TOKENS_WRONG, CONSOLE_PAGE_FAILED)
