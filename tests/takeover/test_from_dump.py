"""From the dump of the reference: what its peers were told is what ours tells them."""

import json
import struct
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from swpt_accounts.db.installer import procedures_schema
from swpt_accounts.outbox.tables import outbox_table, wire_cursor
from swpt_accounts.smp.outgoing import SIGNALS, encode
from tests.takeover.reference import Place, expected

# Of all accounts, those whose row knows more than the last AccountUpdate: it is still to be sent.
_PENDING_COUNT = 2


def exact(value: Any) -> Any:
    """Floats bit by bit; but a new account of the reference keeps 0.0, and says -0.0 once."""
    return struct.pack(">d", value + 0.0) if isinstance(value, float) else value


def exactly(message: dict[str, Any]) -> dict[str, Any]:
    return {name: exact(value) for name, value in message.items()}


@pytest.fixture
def session(moved: Place) -> Iterator[psycopg.Connection[Any]]:
    """As workers have it."""
    path = procedures_schema()
    with moved.session(f"{path}, swpt_accounts_books, public") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def told_by(session: psycopg.Connection[Any], place: Place, name: str, source: str) -> list[Any]:
    """The messages that a flusher makes of the rows of a table like its outbox."""
    outbox = outbox_table(name, place.settings())
    rows = wire_cursor(session).execute(
        f"SELECT 0, {', '.join(outbox.columns)} FROM {source}".encode()
    )
    return [json.loads(encode(outbox.message(row))) for row in rows]


def test_each_account_says_what_was_told_last(
    moved: Place, session: psycopg.Connection[Any]
) -> None:
    with session.transaction(force_rollback=True):
        session.execute("DELETE FROM account_update_signal")
        session.execute(
            "SELECT record_account_updates(array_agg(debtor_id), array_agg(creditor_id))"
            " FROM account"
        )
        updates = told_by(session, moved, "AccountUpdateSignal", "account_update_signal")
    told = {(u["debtor_id"], u["creditor_id"]): u for u in updates}
    pending = set(
        session.execute("SELECT debtor_id, creditor_id FROM account WHERE pending_account_update")
    )
    assert len(pending) == _PENDING_COUNT
    checked = 0
    for account in expected()["accounts"]:
        key = account["debtor_id"], account["creditor_id"]
        last = account["told_with_the_outboxes"]["account_update"]
        if account["told_with_the_outboxes"]["is_purged"]:
            assert key not in told
            continue
        ours = told.pop(key)
        if key not in pending:
            assert exactly({**ours, "ts": ""}) == exactly({**last, "ts": ""})
            checked += 1
    assert not told
    assert checked == 48 - _PENDING_COUNT


def test_locks_and_prepared_transfers_are_those_that_were_told(
    moved: Place, session: psycopg.Connection[Any]
) -> None:
    locks = {
        row[:2]: row[2:]
        for row in session.execute(
            "SELECT debtor_id, creditor_id, total_locked_amount, pending_transfers_count"
            " FROM account"
        )
    }
    for account in expected()["accounts"]:
        key = account["debtor_id"], account["creditor_id"]
        wanted = account["total_locked_amount"], account["pending_transfers_count"]
        assert locks.get(key, (0, 0)) == wanted

    told = told_by(
        session,
        moved,
        "PreparedTransferSignal",
        "(SELECT p.*, account_id(recipient_creditor_id) AS recipient, prepared_at AS ts"
        " FROM prepared_transfer AS p) AS p",
    )
    wanted_transfers = [
        {k: v for k, v in p.items() if k not in ("ts", "reminders_recorded")}
        for p in expected()["prepared_transfers"]
    ]
    found = [{k: v for k, v in p.items() if k != "ts"} for p in told]
    assert in_order(found) == in_order(wanted_transfers)
    reminded = {
        (p["debtor_id"], p["creditor_id"], p["transfer_id"])
        for p in expected()["prepared_transfers"]
        if p["reminders_recorded"]
    }
    assert reminded == set(
        session.execute(
            "SELECT debtor_id, creditor_id, transfer_id FROM prepared_transfer"
            " WHERE last_reminder_ts IS NOT NULL"
        )
    )


def in_order(messages: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(m, sort_keys=True) for m in messages)


def test_the_outboxes_hold_the_same_messages(
    moved: Place, session: psycopg.Connection[Any]
) -> None:
    found = [
        m
        for name in SIGNALS
        for m in told_by(session, moved, name, outbox_table(name, moved.settings()).table)
    ]
    for message in found:
        if message["type"] == "PendingBalanceChange":
            del message["ts"]  # the reference has none
    assert in_order(found) == in_order(expected()["outboxes"])
