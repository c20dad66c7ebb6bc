"""After a restore that has lost commits: accounts go on above what their owners were told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import TABLE_PAGES
from swpt_accounts.scans import sequence_repair as gap_module
from swpt_accounts.scans.sequence_repair import RepairRefused, SequenceRepair
from verification.kit.shard import Shard
from verification.model import books, builders
from verification.model.builders import ALICE, BOB, CAROL, DAY, FIRST_TRANSFER_ID, NOW, ROOT, SECOND
from verification.model.state import Message

LOST_AT = NOW + timedelta(hours=1)
MENDED_AT = LOST_AT + timedelta(minutes=20)
# 2024-05-20T14:15:09.123456Z, in microseconds; and that part of the day, after 19863 whole ones.
NUMBER = 1716214509123456
TRANSFER_ID = (19863 << 40) + (51309123456 << 40) // 86400000000


def mend(shard: Shard, now: datetime = MENDED_AT, told_until: datetime = LOST_AT) -> int:
    shard.set_now(now)
    gap = SequenceRepair(shard.connection, shard.settings, told_until)
    count = gap.count()
    assert gap.mend() == count
    return count


def update_of(messages: list[Message], creditor_id: int) -> Message:
    (found,) = [
        m for m in messages if m["type"] == "AccountUpdate" and m["creditor_id"] == creditor_id
    ]
    return found


def pay(shard: Shard, amount: int) -> list[Message]:
    """Alice pays to Bob. Returns what is sent."""
    transfer = books.prepare(shard, ALICE, BOB, amount)
    told = shard.take_messages()
    assert books.commit(shard, [(transfer, amount)]) == ["OK"]
    shard.process_balance_changes()
    return told + shard.take_messages()


def test_chain_goes_on_above_what_was_told(shard: Shard) -> None:
    books.open_books(shard, {ALICE: 100, BOB: 0})
    pay(shard, 10)
    before = books.account(shard, ALICE)
    assert mend(shard) == 3
    update = update_of(shard.take_messages(), ALICE)
    assert update["last_transfer_number"] == NUMBER
    assert update["last_transfer_committed_at"] == datetime(1970, 1, 1, tzinfo=UTC)
    assert update["last_change_ts"] == MENDED_AT
    assert update["last_change_seqnum"] == before["last_change_seqnum"] + 1
    assert update["principal"] == before["principal"] == 90
    sent = pay(shard, 20)
    transfers = [m for m in sent if m["type"] == "AccountTransfer"]
    assert {m["creditor_id"] for m in transfers} == {ALICE, BOB}
    for message in transfers:
        assert message["transfer_number"] == NUMBER + 1
        assert message["previous_transfer_number"] == NUMBER
    (prepared,) = [m for m in sent if m["type"] == "PreparedTransfer"]
    assert prepared["transfer_id"] == TRANSFER_ID + 1
    shard.check_books()


def test_what_is_prepared_stays_so(shard: Shard) -> None:
    books.open_books(shard, {ALICE: 100, BOB: 0})
    transfer = books.prepare(shard, ALICE, BOB, 30)
    assert transfer.transfer_id == FIRST_TRANSFER_ID
    mend(shard)
    shard.check_books()
    assert books.commit(shard, [(transfer, 30)]) == ["OK"]
    shard.process_balance_changes()
    assert books.account(shard, BOB)["principal"] == 30
    shard.check_books()


def test_nothing_is_mended_twice(shard: Shard) -> None:
    books.open_books(shard, {ALICE: 100, BOB: 0})
    mend(shard)
    shard.take_messages()
    before = books.everything(shard)
    assert mend(shard, MENDED_AT + DAY) == 0
    assert shard.take_messages() == []
    assert books.everything(shard) == before


class _Death(Exception):
    pass


class _Dying:
    """A connection whose owner dies at a step, before it is taken, or after."""

    def __init__(self, connection: DatabaseConnection, steps: int, *, is_after: bool) -> None:
        self._connection, self._left, self._is_after = connection, steps, is_after

    def call(self, *args: Any, **parameters: Any) -> Any:
        return self._step(self._connection.call, *args, **parameters)

    def call_value(self, *args: Any, **parameters: Any) -> Any:
        return self._step(self._connection.call_value, *args, **parameters)

    def _step(self, call: Callable[..., Any], *args: Any, **parameters: Any) -> Any:
        self._left -= 1
        if self._left < 0 and not self._is_after:
            raise _Death
        result = call(*args, **parameters)
        if self._left < 0:
            raise _Death
        return result


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
def test_who_dies_at_any_step_and_begins_again_mends_each_account_once(
    shard: Shard, monkeypatch: pytest.MonkeyPatch, *, is_after: bool
) -> None:
    monkeypatch.setattr(gap_module, "_PAGES_COUNT_MAX", 1)
    creditor_ids = range(ALICE, ALICE + 40)
    books.open_books(shard, dict.fromkeys(creditor_ids, 5))
    shard.take_messages()
    shard.set_now(MENDED_AT)
    assert shard.connection.call_value(TABLE_PAGES, table="account") > 2
    for steps in count():
        dying: Any = _Dying(shard.connection, steps, is_after=is_after)
        try:
            SequenceRepair(dying, shard.settings, LOST_AT).mend()
        except _Death:
            continue
        break
    assert steps > 6
    assert SequenceRepair(shard.connection, shard.settings, LOST_AT).count() == 0
    updated = [m["creditor_id"] for m in shard.take_messages() if m["type"] == "AccountUpdate"]
    assert sorted(updated) == [0, *creditor_ids]
    for creditor_id in creditor_ids:
        assert books.account(shard, creditor_id)["last_transfer_number"] == NUMBER
    shard.check_books()


def test_a_later_gap_is_mended_too(shard: Shard) -> None:
    books.open_books(shard, {ALICE: 100, BOB: 0})
    mend(shard)
    pay(shard, 1)
    assert mend(shard, MENDED_AT + 2 * DAY, LOST_AT + 2 * DAY) == 3
    assert books.account(shard, ALICE)["last_transfer_number"] == NUMBER + 2 * 86400 * 10**6
    shard.check_books()


def test_interest_is_neither_lost_nor_doubled(shard: Shard) -> None:
    books.open_books(shard, {ALICE: 10**12}, rate=10.0)
    shard.set_now(NOW + 100 * DAY)
    account = books.account(shard, ALICE)
    later = NOW + 300 * DAY
    expected = shard.balance(account, later)
    mend(shard, NOW + 100 * DAY)
    assert abs(shard.balance(books.account(shard, ALICE), later) - expected) < 1e-5
    assert books.account(shard, ALICE)["interest"] > 0


def test_debtor_has_no_numbers(shard: Shard) -> None:
    books.open_books(shard, {ALICE: 100})
    mend(shard)
    update = update_of(shard.take_messages(), ROOT)
    assert update["last_transfer_number"] == 0
    assert update["last_change_ts"] == MENDED_AT


def test_account_that_was_opened_afterwards(shard: Shard) -> None:
    """On the same day, it may be one that its owner knows; on a later day, it is a new one."""
    books.open_books(shard, {ALICE: 100})
    mend(shard)
    shard.set_now(MENDED_AT + SECOND)
    shard.receive(builders.configure_account(BOB, MENDED_AT + SECOND))
    shard.set_now(MENDED_AT + DAY)
    shard.receive(builders.configure_account(CAROL, MENDED_AT + DAY))
    assert mend(shard, MENDED_AT + DAY + SECOND) == 1
    assert books.account(shard, BOB)["last_transfer_number"] == NUMBER
    assert books.account(shard, CAROL)["last_transfer_number"] == 0


def test_what_is_due_is_purged(shard: Shard) -> None:
    """Its owner may know that, and of an account that was opened after it."""
    books.open_books(shard, {ALICE: 100, BOB: 0})
    books.delete_account(shard, BOB, NOW + SECOND)
    shard.take_messages()
    later = NOW + 200 * DAY
    shard.set_now(later)
    gap = SequenceRepair(shard.connection, shard.settings, later - SECOND)
    assert gap.mend() == 2
    sent = shard.take_messages()
    assert [m["creditor_id"] for m in sent if m["type"] == "AccountPurge"] == [BOB]
    assert {m["creditor_id"] for m in sent if m["type"] == "AccountUpdate"} == {ROOT, ALICE}


def test_clock_that_is_behind(shard: Shard) -> None:
    """It would give out moments, and ids of changes, that were given out before."""
    gap = SequenceRepair(shard.connection, shard.settings, datetime.now(UTC) + DAY)
    with pytest.raises(RepairRefused, match="not after --told-until"):
        gap.check_clock()
    SequenceRepair(shard.connection, shard.settings, datetime.now(UTC) - DAY).check_clock()
