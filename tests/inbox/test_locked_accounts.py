"""Messages for accounts that somebody has locked wait beside the batches, in order."""

import logging
from collections.abc import Iterator

import pytest

from swpt_accounts.inbox import parking as locked_module
from swpt_accounts.inbox.batch import ReceivedMessage, decode_batch
from swpt_accounts.inbox.parking import LockedAccounts
from swpt_accounts.settings import Settings
from tests.support.sessions import another_session
from verification.kit.shard import Shard
from verification.kit.wire import make_delivery
from verification.model import builders
from verification.model.books import open_books
from verification.model.builders import ALICE, BOB, NOW, ROOT, SECOND
from verification.model.state import Message

COUNT_MAX = 3


@pytest.fixture
def other(settings: Settings) -> Iterator[Shard]:
    """Somebody else, who locks accounts."""
    with another_session(settings) as made:
        yield made


@pytest.fixture
def held(shard: Shard) -> LockedAccounts:
    open_books(shard, {ALICE: 100, BOB: 0})
    return LockedAccounts(COUNT_MAX)


def received(shard: Shard, *messages: Message) -> list[ReceivedMessage]:
    made, refused = decode_batch([make_delivery(m) for m in messages], shard.settings.realm)
    assert refused == []
    return made


def configure(creditor_id: int, i: int = 1) -> Message:
    return builders.configure_account(creditor_id, NOW + i * SECOND)


def test_without_a_lock_nobody_waits(shard: Shard, held: LockedAccounts) -> None:
    batch = received(shard, configure(ALICE), configure(BOB), configure(77))
    assert held.park(shard.connection, batch) == batch
    assert held.count == 0


def test_messages_of_a_locked_account_wait_in_order(
    shard: Shard, other: Shard, held: LockedAccounts
) -> None:
    before, config, after, bob = received(
        shard,
        builders.prepare_transfer(ALICE, ROOT, 1),
        configure(ALICE),
        builders.prepare_transfer(ALICE, ROOT, 2),
        configure(BOB),
    )
    with other.connection.raw.transaction():
        other.lock_account(ALICE)
        assert held.park(shard.connection, [before, config, after, bob]) == [bob]
        (later, new) = received(shard, configure(ALICE, 2), configure(77))
        assert held.park(shard.connection, [later, new]) == [new]
        assert held.park(shard.connection, []) == []
    (last,) = received(shard, configure(ALICE, 3))
    assert held.park(shard.connection, [last]) == [before, config, after, later, last]
    assert held.count == 0


def test_transfers_alone_do_not_wait(shard: Shard, other: Shard, held: LockedAccounts) -> None:
    """They need no lock: they are put in a queue."""
    batch = received(shard, builders.prepare_transfer(ALICE, ROOT, 1))
    with other.connection.raw.transaction():
        other.lock_account(ALICE)
        assert held.park(shard.connection, batch) == batch


def test_transfers_go_on_in_order_when_there_is_no_room(
    shard: Shard, other: Shard, held: LockedAccounts
) -> None:
    messages = [builders.prepare_transfer(ALICE, ROOT, i) for i in range(COUNT_MAX + 2)]
    config, *transfers = received(shard, configure(ALICE), *messages)
    (late,) = received(shard, configure(ALICE, 2))
    with other.connection.raw.transaction():
        other.lock_account(ALICE)
        some, rest = transfers[: COUNT_MAX - 1], transfers[COUNT_MAX - 1 :]
        assert held.park(shard.connection, [config, *some]) == []
        assert held.park(shard.connection, [late]) == []
        assert held.park(shard.connection, rest) == [*some, *rest]
    assert held.park(shard.connection, []) == [config, late]


def test_one_that_failed_alone_is_tried_again_alone(
    shard: Shard, held: LockedAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, later = received(shard, configure(77), configure(77, 2))
    held.park_contended([config])
    assert held.release_contended() == []
    assert held.park(shard.connection, [later]) == []
    monkeypatch.setattr(locked_module, "RETRY_SECONDS", 0.0)
    held.park_contended([])
    other_account = received(shard, configure(78))
    held.park_contended(other_account)
    assert held.release_contended() == other_account
    assert held.count == 2


def test_long_lock_is_told_once_and_so_is_its_end(
    shard: Shard,
    other: Shard,
    held: LockedAccounts,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(locked_module, "QUIET_SECONDS", 0.0)
    with caplog.at_level(logging.WARNING), other.connection.raw.transaction():
        other.lock_account(ALICE)
        for i in range(5):
            held.park(shard.connection, received(shard, configure(ALICE, i)))
    assert len(caplog.messages) == 1
    assert "another session has held a lock on it" in caplog.text
    held.park(shard.connection, [])
    assert len(caplog.messages) == 2
    assert "is unlocked" in caplog.messages[1]


def test_clear_forgets(shard: Shard, other: Shard, held: LockedAccounts) -> None:
    with other.connection.raw.transaction():
        other.lock_account(ALICE)
        held.park(shard.connection, received(shard, configure(ALICE)))
        assert held.count == 1
    held.clear()
    assert held.park(shard.connection, []) == []
