"""Whatever an authority sends during a test is checked, field by field."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from agentkit.chains import chain_problems
from agentkit.checks import problems_of
from agentkit.received import Received

AGE_MAX = timedelta(hours=1)


def assert_sound(
    messages: Sequence[Received],
    since: int = 0,
    *,
    are_all_reported: bool = False,
    now: datetime | None = None,
) -> None:
    """Assert that the messages from a place on are right, and that all of them make chains.

    They are of this hour, unless the test moves the time, and gives the time that it is by then.
    """
    age_max = AGE_MAX if now is None else None
    problems = [p for m in messages[since:] for p in problems_of(m, now=now, age_max=age_max)]
    problems += chain_problems(messages, are_all_reported=are_all_reported)
    assert not problems, problems[:5]
