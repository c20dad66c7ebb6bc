"""For how long a recipient that is reachable is not asked about again."""

import pytest

from swpt_accounts.peers import reachability_cache
from swpt_accounts.peers.reachability_cache import ReachabilityCache, seconds_fresh


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        ("max-age=86400", 86400),
        ("public, Max-Age=7", 7),
        ("max-age=7,public", 7),
        ("max-age=0", 0),
        ("", 0),
        ("s-maxage=7", 0),
        ("max-age=-7", 0),
        ("max-age=", 0),
        ("max-age=99999999999999999999", 0),
        ("no-store, max-age=7", 0),
        ("max-age=7, no-cache", 0),
    ],
)
def test_the_answer_says_how_long_it_may_be_used(cache_control: str, seconds: int) -> None:
    assert seconds_fresh(cache_control) == seconds


def test_never_longer_than_the_setting_nor_than_the_answer_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(reachability_cache, "monotonic", lambda: now)
    recipients = ReachabilityCache(60.0)
    recipients.add((1, 2), "max-age=86400")
    recipients.add((1, 3), "max-age=5")
    recipients.add((1, 4), "no-store")
    assert [n for n in (2, 3, 4, 5) if (1, n) in recipients] == [2, 3]
    now += 5.5
    assert [n for n in (2, 3) if (1, n) in recipients] == [2]
    now += 55.0
    assert (1, 2) not in recipients


def test_nothing_is_remembered_without_a_time() -> None:
    recipients = ReachabilityCache(0.0)
    recipients.add((1, 2), "max-age=86400")
    assert (1, 2) not in recipients


def test_there_are_never_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability_cache, "COUNT_MAX", 3)
    recipients = ReachabilityCache(60.0)
    for creditor_id in range(5):
        recipients.add((1, creditor_id), "max-age=60")
    assert sum((1, n) in recipients for n in range(5)) == 3
