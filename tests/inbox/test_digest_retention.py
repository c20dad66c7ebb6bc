"""What was handled is forgotten by time, however short the lives of the consumers are."""

from datetime import timedelta

import pytest

from swpt_accounts.db.procedures import FORGET_HANDLED
from swpt_accounts.inbox import deduplication
from swpt_accounts.inbox.deduplication import (
    FORGET_AFTER_SECONDS,
    FORGET_COUNT_MAX,
    FORGET_SECONDS,
    KEPT,
    DigestRetention,
)
from swpt_accounts.settings import Settings
from tests.support.sessions import another_session
from verification.kit.shard import Shard
from verification.model.builders import NOW

MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(deduplication, "monotonic", lambda: made.now)
    return made


def add(shard: Shard, age: timedelta, count: int = 1) -> None:
    shard.connection.raw.execute(
        "INSERT INTO handled_batch (handled_at, digests)"
        " SELECT %s, '{}' FROM generate_series(1, %s)",
        [NOW - age, count],
    )


def is_due(consumer: DigestRetention) -> bool:
    """(A property would be taken for constant.)"""
    return consumer.is_due


def ages(shard: Shard) -> list[timedelta]:
    return [NOW - row["handled_at"] for row in shard.rows("handled_batch")]


def test_the_old_goes_whoever_has_handled_it(shard: Shard, clock: Clock) -> None:
    for age in (9 * KEPT, KEPT + MINUTE, KEPT - MINUTE, timedelta(), -MINUTE):
        add(shard, age)
    consumer = DigestRetention()
    assert not is_due(consumer), "the broker may deliver again what was on its way"
    clock.now += FORGET_AFTER_SECONDS
    assert is_due(consumer)
    consumer.forget(shard.connection)
    assert ages(shard) == [KEPT - MINUTE, timedelta(), -MINUTE]
    assert not is_due(consumer)
    clock.now += FORGET_SECONDS
    assert is_due(consumer)
    consumer.pause()
    assert not is_due(consumer)


def test_batches_are_bounded(shard: Shard, clock: Clock) -> None:
    add(shard, KEPT + MINUTE, FORGET_COUNT_MAX + 1)
    consumer = DigestRetention()
    clock.now += FORGET_AFTER_SECONDS
    consumer.forget(shard.connection)
    assert len(ages(shard)) == 1
    assert is_due(consumer)
    consumer.forget(shard.connection)
    assert not ages(shard)


def test_nobody_waits_for_what_another_one_forgets(shard: Shard, settings: Settings) -> None:
    add(shard, KEPT + MINUTE, 2)
    first = shard.rows("handled_batch")[0]["id"]
    with another_session(settings) as other, other.connection.raw.transaction():
        other.connection.raw.execute("SELECT FROM handled_batch WHERE id = %s FOR UPDATE", [first])
        shard.connection.raw.execute("SET lock_timeout = '100ms'")
        assert shard.connection.call_value(FORGET_HANDLED, age=KEPT, count_max=9) == 1
