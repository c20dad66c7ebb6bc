"""The journal: each effect is noted once, and money never waits for it."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from agentkit.messages import finalize
from swpt_accounts.db import journal_warnings
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.procedures import SWEEP_JOURNAL
from swpt_accounts.inspection.lookup.journal import journal_extent
from swpt_accounts.inspection.lookup.models import AccountKey
from swpt_accounts.inspection.lookup.resend_filter import ResendFilter, select_messages
from swpt_accounts.inspection.lookup.session import open_reader
from swpt_accounts.outbox.messages import OutboxMessage
from swpt_accounts.outbox.worker import record_sent
from swpt_accounts.settings import Settings
from swpt_accounts.smp.outgoing import AccountPurge, PreparedTransfer
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.builders import DEBTOR, NOW, prepare_transfer

DAY = timedelta(days=1)


@pytest.fixture
def settings(settings: Settings, as_owner: Callable[[str], None]) -> Settings:
    """A journal that is empty, and is kept for three days."""
    as_owner("TRUNCATE journal")
    return msgspec.structs.replace(settings, journal_days=3)


def noted(shard: Shard) -> list[tuple[str, bool]]:
    """The types of the messages in the journal, in order, and whether they were sent."""
    rows = shard.connection.raw.execute("SELECT message_type, is_sent FROM journal ORDER BY id")
    return rows.fetchall()


def messages() -> list[dict[str, Any]]:
    """One of each type."""
    request = prepare_transfer(1, 2, 5)
    prepared = {name: request.get(name, 7) for name in PreparedTransfer.__struct_fields__}
    return [
        builders.configure_account(1),
        request,
        finalize(prepared, 5, ts=NOW),
        builders.pending_balance_change(1, 5),
    ]


def purge(creditor_id: int, number: int = 1) -> OutboxMessage:
    message = AccountPurge(number, creditor_id, "2024-05-20", "2024-05-20T13:15:09+00:00")
    return OutboxMessage.of(message)


def test_it_is_off_by_default(connection: DatabaseConnection, settings: Settings) -> None:
    assert Settings().journal_days == 0
    shard = Shard(connection, msgspec.structs.replace(settings, journal_days=0))
    shard.set_now(NOW)
    shard.clear()
    shard.receive(*messages())
    assert noted(shard) == []


@pytest.mark.parametrize("again", ["is_redelivered", "is_repeated"])
def test_what_is_delivered_again_is_noted_once(shard: Shard, again: str) -> None:
    shard.receive(*messages())
    first = noted(shard)
    assert first == [(m["type"], False) for m in messages()]
    shard.receive(*messages(), **{again: True})
    assert noted(shard) == first
    # an agent that sends it again has sent two messages
    shard.receive(*messages())
    assert noted(shard) == first * 2


def test_a_batch_that_fails_notes_nothing(shard: Shard) -> None:
    with pytest.raises(ZeroDivisionError), shard.connection.raw.transaction():
        shard.receive(*messages())
        raise ZeroDivisionError
    assert noted(shard) == []


def test_what_the_broker_has_refused_was_not_sent(shard: Shard) -> None:
    record_sent(shard.connection, [purge(1), purge(2), purge(3)], {1: "NO_ROUTE"})
    rows = shard.rows("journal")
    assert [row["creditor_id"] for row in rows] == [1, 3]
    assert [row["is_sent"] for row in rows] == [True, True]
    assert bytes(rows[0]["body"]) == purge(1).publication.body


@pytest.mark.parametrize("damage", ["DETACH PARTITION", "RENAME"])
def test_money_goes_on_without_it(
    shard: Shard, as_owner: Callable[[str], None], caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    """A slot is missing, or the whole table: messages have their effects, and somebody is told."""
    slot = int(NOW.timestamp() // 86400) % 32
    if damage == "RENAME":
        hurt, mend = "ALTER TABLE journal RENAME TO lost", "ALTER TABLE lost RENAME TO journal"
    else:
        hurt = f"ALTER TABLE journal DETACH PARTITION journal_{slot:02}"
        mend = f"ALTER TABLE journal ATTACH PARTITION journal_{slot:02} FOR VALUES IN ({slot})"
    as_owner(hurt)
    try:
        with caplog.at_level(logging.ERROR):
            shard.receive(builders.configure_account(1), builders.pending_balance_change(1, 5))
            shard.process_balance_changes()
            record_sent(shard.connection, [purge(1)], {})
    finally:
        as_owner(mend)
    assert shard.account(DEBTOR, 1)["principal"] == 5
    assert noted(shard) == []
    # (one line in a minute, of all tests of this process)
    assert all("missing in the journal" in record.message for record in caplog.records)


def test_a_loss_is_told(caplog: pytest.LogCaptureFixture) -> None:
    reporter = journal_warnings._Missing()
    with caplog.at_level(logging.ERROR):
        for _ in range(100):
            reporter.note("3 messages are missing")
    assert [record.message for record in caplog.records] == [
        "3 messages are missing (0 batches since the previous line)"
    ]


def test_days_that_are_over_go(shard: Shard) -> None:
    """A slot is emptied as a whole, when its newest message is older than the days."""
    for days in range(6):
        shard.set_now(NOW + days * DAY)
        record_sent(shard.connection, [purge(days)], {})

    def sweep(days: int = 3) -> set[int]:
        while shard.connection.call_value(SWEEP_JOURNAL, days=days) is not None:
            pass
        return {row["creditor_id"] for row in shard.rows("journal")}

    assert sweep() == {2, 3, 4, 5}
    # the clock is set back: nothing that is newer is lost
    shard.set_now(NOW)
    assert sweep() == {2, 3, 4, 5}
    shard.set_now(NOW + 7 * DAY)
    assert sweep(30) == {2, 3, 4, 5}
    assert sweep() == {4, 5}
    shard.set_now(NOW + 100 * DAY)
    assert sweep() == set()


def test_a_slot_that_is_used_again_before_it_was_emptied(shard: Shard) -> None:
    """Nobody has swept for 32 days: the old messages stay with the new ones, for as long."""
    record_sent(shard.connection, [purge(1)], {})
    shard.set_now(NOW + 32 * DAY)
    record_sent(shard.connection, [purge(2)], {})
    assert shard.connection.call_value(SWEEP_JOURNAL, days=3) is None
    shard.set_now(NOW + 36 * DAY)
    assert shard.connection.call_value(SWEEP_JOURNAL, days=3) is not None
    assert noted(shard) == []


def test_a_slot_that_somebody_reads_is_left_for_later(shard: Shard, settings: Settings) -> None:
    record_sent(shard.connection, [purge(1)], {})
    other = connect(settings, "test")
    shard.set_now(NOW + 10 * DAY)
    try:
        with other.raw.transaction():
            other.raw.execute("SELECT FROM journal")
            assert shard.connection.call_value(SWEEP_JOURNAL, days=3) is None
    finally:
        other.close()
    assert shard.connection.call_value(SWEEP_JOURNAL, days=3) is not None


def sent_at(shard: Shard, days: float, creditor_id: int, number: int) -> None:
    shard.set_now(NOW + days * DAY)
    record_sent(shard.connection, [purge(creditor_id, number)], {})


@pytest.fixture
def three_days(shard: Shard) -> Shard:
    """Three messages a day, each of another debtor; the last day is today."""
    for day in range(3):
        for hour in range(3):
            sent_at(shard, day - 2 + hour / 24, 1, 3 * day + hour + 1)
    shard.set_now(None)
    return shard


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [(-2, 1, range(1, 10)), (-1, 1, range(4, 10)), (-1, 0, range(4, 7)), (-9, -1, range(1, 4))],
)
def test_a_time_span(
    three_days: Shard, settings: Settings, since: int, until: int, expected: range
) -> None:
    choice = ResendFilter(account=None, since=NOW + since * DAY, until=NOW + until * DAY)
    with open_reader(settings) as reader:
        found = [entry.debtor_id for page in select_messages(reader, choice) for entry in page]
        with reader.snapshot():
            extent = journal_extent(reader)
    assert found == [*expected]
    assert (extent.first_at, extent.days) == (NOW - 2 * DAY, 3)


def test_an_account_and_a_type(three_days: Shard, settings: Settings) -> None:
    span = {"since": NOW - 9 * DAY, "until": NOW + DAY}
    with open_reader(settings) as reader:
        for types, expected in ((("AccountPurge",), [4]), (("AccountUpdate",), [])):
            choice = ResendFilter(account=AccountKey(4, 1), message_types=types, **span)
            found = [entry.debtor_id for page in select_messages(reader, choice) for entry in page]
            assert found == expected


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM journal",
        "UPDATE journal SET body = ''",
        "DROP TABLE journal_00",
        "ALTER TABLE journal DETACH PARTITION journal_00",
        "TRUNCATE journal",
    ],
)
def test_workers_cannot_change_it(shard: Shard, statement: str) -> None:
    with pytest.raises(Exception, match=r"permission denied|must be owner"):
        shard.connection.raw.execute(statement.encode())
