"""Which of many similar lines are logged."""

import pytest

from swpt_accounts.observability.log import throttle
from swpt_accounts.observability.log.throttle import LogThrottle


def test_line_of_a_key_is_allowed_once_in_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(throttle, "monotonic", lambda: now)
    lines = LogThrottle(60.0)
    assert [lines.allows("a"), lines.allows("a"), lines.allows("b")] == [True, False, True]
    now = 59.0
    assert not lines.allows("a")
    assert lines.take_suppressed_count() == 2
    now = 60.0
    assert lines.allows("a")
    assert lines.take_suppressed_count() == 0


def test_further_keys_are_not_allowed_until_others_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(throttle, "monotonic", lambda: now)
    lines = LogThrottle(60.0, keys_max=2)
    assert [lines.allows(key) for key in "abc"] == [True, True, False]
    now = 60.0
    assert lines.allows("c")
    lines.reset()
    assert [lines.allows(key) for key in "ab"] == [True, True]


def test_without_a_period_a_key_is_allowed_once() -> None:
    lines = LogThrottle()
    assert [lines.allows("a") for _ in range(3)] == [True, False, False]
