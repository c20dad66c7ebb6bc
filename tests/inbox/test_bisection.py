"""Who is to blame when the database refuses messages: one of them, or the database."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

from swpt_accounts.db.errors import may_be_of_values
from swpt_accounts.inbox import bisection
from swpt_accounts.inbox.batch import decode_batch
from swpt_accounts.inbox.bisection import DatabaseAtFault
from swpt_accounts.inbox.commit import commit_batch
from swpt_accounts.inbox.observers import LINES_COUNT_MAX, stale_changes
from verification.kit.shard import Shard
from verification.kit.wire import make_delivery
from verification.model import builders
from verification.model.books import open_books
from verification.model.builders import ALICE, BOB, DAY, NOW
from verification.model.state import Message


@pytest.fixture(scope="module")
def worker_url(database_url: str) -> str:
    """The tests of this module change tables, for which one has to own them."""
    return database_url


def receive(shard: Shard, *messages: Message) -> list[tuple[int, str]]:
    """Receive messages. Returns the positions of those that are refused, and why."""
    received, malformed = decode_batch(map(make_delivery, messages), shard.settings.realm)
    assert malformed == []
    outcome = commit_batch(shard.connection, shard.settings, received, is_repeated=False)
    return [(received.index(r), reason) for r, reason in outcome.refused]


@contextmanager
def constraint(shard: Shard, table: str, check: str) -> Iterator[None]:
    alter = f"ALTER TABLE {table} {{}} CONSTRAINT strange"
    execute = shard.connection.raw.execute
    execute(sql.SQL(alter + f" CHECK ({check}) NOT VALID").format(sql.SQL("ADD")))
    try:
        yield
    finally:
        execute(sql.SQL(alter).format(sql.SQL("DROP")))


def change(change_id: int) -> Message:
    return builders.pending_balance_change(BOB, 7, change_id=change_id)


def test_message_is_refused_alone(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    with constraint(shard, "pending_balance_change", "change_id <> 5"):
        refused = receive(shard, *(change(i) for i in range(1, 9)))
    ((position, reason),) = refused
    assert position == 4
    assert "strange" in reason
    assert "23514" in reason
    assert sorted(row["change_id"] for row in shard.rows("pending_balance_change")) == [
        i for i in range(1, 9) if i != 5
    ]


def test_message_that_comes_alone_is_refused(shard: Shard) -> None:
    with constraint(shard, "pending_balance_change", "change_id <> 5"):
        assert len(receive(shard, change(5))) == 1
    assert shard.rows("pending_balance_change") == []


def test_database_that_is_mended_before_the_control_is_to_blame(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trigger refuses the message, and is dropped before the legal one is tried."""
    execute = shard.connection.raw.execute
    control = bisection.Bisection._try_legal_messages

    def mend_and_try(*arguments: Any) -> None:
        execute("ALTER TABLE pending_balance_change DROP CONSTRAINT strange")
        control(*arguments)

    monkeypatch.setattr(bisection.Bisection, "_try_legal_messages", mend_and_try)
    execute("ALTER TABLE pending_balance_change ADD CONSTRAINT strange CHECK (id < 0) NOT VALID")
    assert receive(shard, change(5)) == []
    assert [row["change_id"] for row in shard.rows("pending_balance_change")] == [5]


def test_nothing_is_left_of_the_control(shard: Shard) -> None:
    with constraint(shard, "account", "config_flags <> 666"):
        wrong = builders.configure_account(BOB, config_flags=666)
        assert len(receive(shard, wrong)) == 1
    assert shard.rows("account") == shard.rows("account_update_signal") == []


@pytest.mark.parametrize("table", ["account_key", "transfer_request", "pending_balance_change"])
def test_who_refuses_legal_messages_is_to_blame(shard: Shard, table: str) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    message = {
        "account_key": builders.configure_account(builders.DEBTOR + 1),
        "transfer_request": builders.prepare_transfer(ALICE, BOB, 10),
        "pending_balance_change": change(1),
    }[table]
    with (
        constraint(shard, table, "debtor_id < 0"),
        pytest.raises(DatabaseAtFault, match=r"legal messages.*strange"),
    ):
        receive(shard, message)
    assert receive(shard, message) == []


def test_who_refuses_all_of_a_batch_is_to_blame(shard: Shard) -> None:
    with constraint(shard, "pending_balance_change", f"creditor_id <> {BOB}"):
        for count in (1, 2):
            assert len(receive(shard, *(change(i) for i in range(count)))) == count
        assert len(receive(shard, *[change(1)] * 5)) == 5, "it is the same message"
        with pytest.raises(DatabaseAtFault, match="3 different messages"):
            receive(shard, *(change(i) for i in range(3)))
    assert receive(shard, *(change(i) for i in range(3))) == []


def test_sequence_that_repeats_itself(shard: Shard) -> None:
    """An id that is there already is the fault of no message."""
    open_books(shard, {ALICE: 100, BOB: 0})
    receive(shard, change(1))
    restart = "ALTER TABLE pending_balance_change ALTER id RESTART WITH {}"
    (row,) = shard.rows("pending_balance_change")
    shard.connection.raw.execute(restart.format(row["id"]))
    with pytest.raises(psycopg.errors.UniqueViolation):
        receive(shard, change(2))
    assert receive(shard, change(2)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT no_such_function()",
        "SELECT * FROM no_such_table",
        "SET TRANSACTION READ ONLY; CREATE TABLE x ()",
        "DO $$ BEGIN ASSERT false; END $$",
        "DO $$ BEGIN RAISE 'by somebody else'; END $$",
        "DO $$ BEGIN RAISE unique_violation; END $$",
        "DO $$ BEGIN RAISE foreign_key_violation; END $$",
        "DO $$ BEGIN RAISE disk_full; END $$",
        "DO $$ BEGIN RAISE index_corrupted; END $$",
        "DO $$ BEGIN RAISE insufficient_privilege; END $$",
        "SET LOCAL statement_timeout = 1; SELECT pg_sleep(9)",
    ],
)
def test_errors_that_no_value_causes(shard: Shard, statement: str) -> None:
    with pytest.raises(psycopg.Error) as raised, shard.connection.raw.transaction():
        shard.connection.raw.execute(statement)
    assert not may_be_of_values(raised.value)


@pytest.mark.parametrize(
    "statement",
    ["SELECT (2::bigint ^ 62)::integer", "SELECT '2020-13-01'::date", "SELECT 1 / 0"],
)
def test_errors_that_values_may_cause(shard: Shard, statement: str) -> None:
    with pytest.raises(psycopg.Error) as raised:
        shard.connection.raw.execute(statement)
    assert may_be_of_values(raised.value)
    with pytest.raises(psycopg.Error) as raised:
        shard.connection.raw.execute("SELECT %s::text", ["\0"])
    assert may_be_of_values(raised.value)


def test_changes_that_are_ignored_are_said(
    shard: Shard, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # other tests of this process may have had some, too
    monkeypatch.setattr(stale_changes, "_count", 0)
    threshold = shard.settings.remove_from_archive_threshold_date
    old = threshold - timedelta(seconds=1)
    changes = [
        builders.pending_balance_change(BOB, 7, change_id=i, committed_at=old) for i in range(30)
    ]
    late = builders.pending_balance_change(BOB, 7, change_id=99, committed_at=NOW + DAY)
    with caplog.at_level(logging.ERROR):
        shard.receive(*changes, late)
    lines = [record.getMessage() for record in caplog.records]
    assert [row["change_id"] for row in shard.rows("pending_balance_change")] == [99]
    assert len(lines) == LINES_COUNT_MAX + 1
    for text in (f", {BOB})", "change_id 0", "principal_delta 7", old.isoformat(), "30 since"):
        assert text in lines[0]
    assert f"batch: {30 - LINES_COUNT_MAX} (30 since" in lines[-1]
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        shard.receive(changes[0])
    assert "(31 since" in caplog.records[0].getMessage()
