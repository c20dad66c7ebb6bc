"""The outboxes: rows become messages, unchanged to the last digit."""

from datetime import date, datetime, timedelta
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from sqlalchemy import Table

from swpt_accounts.broker.publisher import Publication
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.tables import Base
from swpt_accounts.outbox.messages import OutboxMessage, make_publication
from swpt_accounts.outbox.returned_messages import put_aside, take_due_messages
from swpt_accounts.outbox.tables import outbox_table, wire_cursor
from swpt_accounts.settings import Settings
from swpt_accounts.smp.outgoing import SIGNALS, AccountPurge, OutgoingMessage
from verification.kit.rows import OUTBOXES
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.books import open_books, prepare
from verification.model.builders import ALICE, BOB, MICROSECOND, NOW, SECOND
from verification.model.money import MAX_INT64

NAMES = sorted(SIGNALS)


@pytest.mark.parametrize("name", NAMES)
def test_columns_of_an_outbox_are_the_fields_of_its_message(settings: Settings, name: str) -> None:
    signal = outbox_table(name, settings)
    table: Table = Base.metadata.tables[signal.table]
    row_id, *columns = (c for c in table.columns if c.name != "trace_context")
    assert row_id.name == "id"
    # The columns are selected by their names, so their order does not matter.
    assert sorted(column.name for column in columns) == sorted(signal.columns)
    assert [*signal.columns, *signal.constants] == [
        field.name for field in msgspec.structs.fields(signal.message_type) if field.required
    ]


@pytest.mark.parametrize("name", NAMES)
def test_types_of_columns_are_the_types_of_fields(settings: Settings, name: str) -> None:
    signal = outbox_table(name, settings)
    table: Table = Base.metadata.tables[signal.table]
    hints = get_type_hints(signal.message_type)
    is_text = {"VARCHAR", "TEXT", "TIMESTAMP", "DATE", "BYTEA"}
    is_integer = {"BIGINT", "INTEGER"}
    for column in signal.columns:
        names = {str: is_text, int: is_integer, float: {"DOUBLE PRECISION"}}[hints[column]]
        assert str(table.columns[column].type).split(" WITH")[0] in names, column


def test_every_message_type_has_an_outbox(settings: Settings) -> None:
    assert sorted(outbox_table(name, settings).table for name in NAMES) == sorted(OUTBOXES)
    assert {SIGNALS[name] for name in NAMES} == set(get_args(OutgoingMessage))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("timestamptz '2024-05-20 13:15:09.123456+00'", "2024-05-20T13:15:09.123456+00:00"),
        ("timestamptz '2024-05-20 13:15:09.12+02'", "2024-05-20T11:15:09.120000+00:00"),
        ("timestamptz '2024-05-20 13:15:09+00'", "2024-05-20T13:15:09+00:00"),
        ("timestamptz '0001-01-01 00:00:00+00'", "0001-01-01T00:00:00+00:00"),
        ("timestamptz '9999-12-31 23:59:59.999999+00'", "9999-12-31T23:59:59.999999+00:00"),
        ("date '2024-05-20'", "2024-05-20"),
        ("date '0001-01-01'", "0001-01-01"),
        ("date '9999-12-31'", "9999-12-31"),
        (r"'\x'::bytea", ""),
        (r"'\x00ff0a'::bytea", "00FF0A"),
        ("9223372036854775807", MAX_INT64),
        ("(-9223372036854775808)::bigint", -MAX_INT64 - 1),
        ("3.123456789::double precision", 3.123456789),
        ("1e100::double precision", 1e100),
        ("1.7e308::double precision", 1.7e308),
        ("1e-60::double precision", 1e-60),
        ("16777217::double precision", 16777217.0),
        ("123456789::double precision", 123456789.0),
        ("0.1::double precision + 0.2", 0.1 + 0.2),
        ("'ĵaŭdo ½ 🂡'::text", "ĵaŭdo ½ 🂡"),
    ],
)
def test_wire_values(connection: DatabaseConnection, expression: str, value: object) -> None:
    (found,) = wire_cursor(connection.raw).execute(f"SELECT {expression}").fetchone() or ()
    assert found == value
    assert type(found) is type(value)
    if "e+" in repr(value) or isinstance(value, float):
        assert repr(found) == repr(value)


def test_other_cursors_have_the_values_of_python(connection: DatabaseConnection) -> None:
    wire_cursor(connection.raw)
    row = connection.raw.execute("SELECT timestamptz '2024-05-20Z', date '2024-05-20'").fetchone()
    assert row == (datetime(2024, 5, 20, tzinfo=NOW.tzinfo), date(2024, 5, 20))


@pytest.mark.parametrize("value", [3.123456789, 123456789.0, 16777217.0, 1e100, 1e-60, 1.7e308])
def test_floats_come_through_to_the_bytes(shard: Shard, value: float) -> None:
    shard.receive(builders.configure_account(ALICE, negligible_amount=value))
    signal = outbox_table("AccountUpdateSignal", shard.settings)
    raw = shard.connection.raw
    row = wire_cursor(raw).execute(signal.take_query, {"after_id": 0, "count_max": 1}).fetchone()
    assert row is not None
    body = make_publication(signal.message(row)).body
    document = msgspec.json.decode(body)
    assert document["negligible_amount"] == value
    for name in ("negligible_amount", "interest", "interest_rate", "demurrage_rate"):
        assert isinstance(document[name], float)


def test_constants_of_an_account_update_are_those_of_the_settings(shard: Shard) -> None:
    signal = outbox_table("AccountUpdateSignal", shard.settings)
    assert signal.constants == {"commit_period": 90 * 86400, "ttl": 7 * 86400}


def take(shard: Shard, after_id: int, count_max: int) -> list[tuple[Any, ...]]:
    """Take answers out of their outbox."""
    signal = outbox_table("PreparedTransferSignal", shard.settings)
    raw = shard.connection.raw
    parameters = {"after_id": after_id, "count_max": count_max}
    rows = wire_cursor(raw).execute(signal.take_query, parameters).fetchall()
    return sorted(rows)


def test_oldest_messages_are_taken_first(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    for i in range(5):
        prepare(shard, ALICE, BOB, i)
    ids = [row["id"] for row in shard.rows("prepared_transfer_signal")]
    assert [row[0] for row in take(shard, ids[0], 2)] == ids[1:3]
    assert [row[0] for row in take(shard, 0, 2)] == [ids[0], ids[3]]
    assert [row[0] for row in take(shard, ids[4], 2)] == []
    assert [row[0] for row in take(shard, 0, 2)] == ids[4:]


def test_what_was_not_published_stays(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    prepare(shard, ALICE, BOB, 1)
    with pytest.raises(ZeroDivisionError), shard.connection.raw.transaction():
        assert len(take(shard, 0, 10)) == 1
        raise ZeroDivisionError
    assert len(take(shard, 0, 10)) == 1


def make_purge(creditor_id: int, attempts_count: int = 0) -> OutboxMessage:
    """An outgoing message like any other."""
    return OutboxMessage.of(
        AccountPurge(1, creditor_id, "2024-05-20", "2024-05-20T13:15:09.123456+00:00"),
        attempts_count=attempts_count,
    )


class TestReturnedMessages:
    """Messages that the broker does not take."""

    def put_aside(self, shard: Shard, attempts_count: int = 0) -> Publication:
        refused = make_purge(-2, attempts_count)
        put_aside(shard.connection, [make_purge(-1), refused], {1: "NO_ROUTE ½"})
        return refused.publication

    def take(self, shard: Shard, name: str = "AccountPurgeSignal") -> list[OutboxMessage]:
        return take_due_messages(shard.connection, [name], 10)

    @pytest.mark.parametrize(
        ("attempts_count", "pause_seconds"),
        [(0, 2), (1, 4), (2, 8), (8, 512), (9, 900), (100, 900), (2**31 - 2, 900)],
    )
    def test_they_are_tried_again_later(
        self, shard: Shard, attempts_count: int, pause_seconds: int
    ) -> None:
        self.put_aside(shard, attempts_count)
        (row,) = shard.rows("returned_message")
        assert row["next_attempt_at"] == NOW + timedelta(seconds=pause_seconds)
        assert row["reason"] == "NO_ROUTE ½"
        shard.set_now(row["next_attempt_at"] - MICROSECOND)
        assert self.take(shard) == []
        shard.set_now(row["next_attempt_at"])
        (outgoing,) = self.take(shard)
        assert outgoing.attempts_count == attempts_count + 1
        assert self.take(shard) == []

    def test_they_come_back_unchanged(self, shard: Shard) -> None:
        publication = self.put_aside(shard)
        shard.set_now(NOW + timedelta(hours=1))
        (outgoing,) = self.take(shard)
        assert outgoing.signal_name == "AccountPurgeSignal"
        assert outgoing.publication.body == publication.body
        assert outgoing.publication.routing_key == publication.routing_key
        assert vars(outgoing.publication.properties) == vars(publication.properties)

    def test_every_message_comes_back_unchanged(self, shard: Shard) -> None:
        """A message of each type that a day in the life of a shard brings."""
        open_books(shard, {ALICE: 100, BOB: 0})
        shard.receive(
            builders.configure_account(3, config_data="½", negligible_amount=1e100),
            builders.prepare_transfer(ALICE, 4, 1),
            builders.finalize_transfer(prepare(shard, ALICE, BOB, 1), 1),
            builders.pending_balance_change(5, 1),
        )
        shard.process_finalization_requests()
        shard.process_balance_changes()
        sent = [
            OutboxMessage.of(msgspec.convert(m, SIGNALS[name]))
            for name in NAMES
            for m in self.wire_messages(shard, name)
        ]
        assert len({o.signal_name for o in sent}) == 6
        put_aside(shard.connection, sent, dict.fromkeys(range(len(sent)), "no route"))
        shard.set_now(NOW + timedelta(hours=1))
        found = take_due_messages(shard.connection, NAMES, 100)
        assert [o.publication.body for o in found] == [o.publication.body for o in sent]

    def wire_messages(self, shard: Shard, name: str) -> list[Any]:
        """The messages of one outbox, as they go out."""
        signal = outbox_table(name, shard.settings)
        raw = shard.connection.raw
        parameters = {"after_id": 0, "count_max": 100}
        rows = wire_cursor(raw).execute(signal.take_query, parameters).fetchall()
        return [msgspec.to_builtins(signal.message(row)) for row in sorted(rows)]

    def test_other_types_stay(self, shard: Shard) -> None:
        self.put_aside(shard)
        shard.set_now(NOW + timedelta(hours=1))
        assert self.take(shard, "AccountUpdateSignal") == []
        assert len(self.take(shard)) == 1

    def test_they_are_taken_in_batches(self, shard: Shard) -> None:
        for i in range(3):
            shard.set_now(NOW + i * SECOND)
            self.put_aside(shard)
        shard.set_now(NOW + timedelta(hours=1))
        counts = [
            len(take_due_messages(shard.connection, ["AccountPurgeSignal"], 2)) for _ in range(3)
        ]
        assert counts == [2, 1, 0]
