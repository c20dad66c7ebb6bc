"""Which users of the broker are those of shards."""

import re
from functools import cache
from typing import Final

from pika import ConnectionParameters

from swpt_accounts.broker.connections import user_of

_NUMBERS: Final = r"(_[0-9]+)*"
_SHARED_USER: Final = ConnectionParameters.DEFAULT_USERNAME


def are_verified(url: str, pattern: str | None) -> bool:
    """Whether the broker can answer for shards: it cannot where they are its default user, which
    others may be, too. `url` and `pattern` are settings.
    """
    return user_of(url) != _SHARED_USER or bool(pattern)


def is_shard(user: str | None, url: str, pattern: str | None) -> bool:
    """Whether a user, as the broker has verified it, is one of a shard of this authority."""
    if user is None:
        return False
    own = user_of(url)
    return user == own or re.fullmatch(pattern or _family(own), user) is not None


@cache
def _family(own: str) -> str:
    """A pattern for the users with the name of this one, and other numbers at its end."""
    return re.escape(re.sub(rf"{_NUMBERS}\Z", "", own)) + _NUMBERS
