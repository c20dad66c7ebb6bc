"""Whatever is in the reference's tables, is there again after a way in and a way out."""

import string
from collections.abc import Iterator
from datetime import UTC, date
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from swpt_accounts.core.progress import NoProgress
from swpt_accounts.db.installer import procedures_schema
from swpt_accounts.db.operator_session import OperatorSession
from swpt_accounts.db.schema_discovery import BOOKS, KEPT_REFERENCE
from swpt_accounts.takeover.checks import sizes_of
from swpt_accounts.takeover.copy_steps import fill_books
from swpt_accounts.takeover.move_out import fill_reference
from swpt_accounts.takeover.reference_schema import COLUMNS
from swpt_accounts.takeover.schemas import OUR_TABLES, find_destination, open_takeover_session
from tests.takeover.reference import Place, ReferenceDatabases, move

Row = dict[str, Any]

# What one row of a table may hold, by the types of the columns.
INT64: Final = st.integers(-(2**63) + 1, 2**63 - 1)
AMOUNT: Final = st.integers(0, 2**63 - 1)
MOMENT: Final = st.datetimes(timezones=st.just(UTC))
TEXT: Final = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
BY_TYPE: Final[dict[str, st.SearchStrategy[Any]]] = {
    "bigint": INT64,
    "integer": st.integers(-(2**31), 2**31 - 1),
    # (a number has no negative zero)
    "real": st.floats(-50, 100, width=32).map(lambda x: x + 0.0),
    # (smaller interest becomes none)
    "double precision": st.floats(-5e23, 5e23)
    .filter(lambda x: x == 0 or abs(x) > 1e-20)
    .map(lambda x: x + 0.0),
    "timestamp with time zone": MOMENT,
    "date": st.dates(date(1, 1, 2)),
    "boolean": st.booleans(),
    "bytea": st.none() | st.binary(min_size=32, max_size=32),
    "text": TEXT,
    "character varying": TEXT,
}
BY_NAME: Final[dict[str, st.SearchStrategy[Any]]] = {
    "negligible_amount": st.floats(0, allow_nan=False, allow_infinity=False, width=32),
    "demurrage_rate": st.just(-50.0),
    "status_flags": st.integers(0, 3),
    "coordinator_type": st.text(string.ascii_lowercase, min_size=1, max_size=30),
    "status_code": st.text(string.ascii_uppercase, max_size=30),
    "rejection_code": st.text(string.ascii_uppercase, max_size=30),
    "debtor_info_iri": st.none() | TEXT.filter(bool),
    "debtor_info_content_type": st.none() | TEXT.filter(bool),
    "principal_delta": INT64.filter(bool),
    "max_locked_amount": st.just(2**63 - 1),
    "debtor_id": st.integers(-2, 2),
    **dict.fromkeys(
        (
            *("last_transfer_id", "last_transfer_number", "locked_amount", "total_locked_amount"),
            *("min_locked_amount", "committed_amount", "transfer_number"),
        ),
        AMOUNT,
    ),
    "pending_transfers_count": st.integers(0, 2**31 - 1),
    "transfer_id": st.integers(1, 2**63 - 1),
}
KEYS: Final = {
    "account": "debtor_id creditor_id",
    "prepared_transfer": "debtor_id sender_creditor_id transfer_id",
    "registered_balance_change": "debtor_id other_creditor_id change_id",
    "pending_balance_change": "debtor_id other_creditor_id change_id",
    "finalization_request": "debtor_id sender_creditor_id transfer_id",
    "finalized_transfer_signal": "debtor_id sender_creditor_id transfer_id",
    "account_transfer_signal": "debtor_id creditor_id creation_date transfer_number",
    "account_purge_signal": "debtor_id creditor_id creation_date",
    "pending_balance_change_signal": "debtor_id other_creditor_id change_id",
}
# In an order in which they can be filled.
TABLES: Final = (
    *("account", "registered_balance_change"),
    *(t for t in COLUMNS if t not in ("account", "registered_balance_change", "alembic_version")),
)
NUMBERED: Final = {"signal_id", "transfer_request_id"}

Types = dict[str, dict[str, str]]


class Rows:
    """A transaction that is undone, in a database that was taken over."""

    def __init__(self, session: OperatorSession) -> None:
        self.session = session
        self.types: Types = {}
        for table, column, sql_type in session.connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = %s",
            [KEPT_REFERENCE],
        ):
            self.types.setdefault(table, {})[column] = sql_type
        self.since: str = session.run("out", "oldest_transaction")[0][0]

    def put(self, rows: dict[str, list[Row]]) -> None:
        for table in TABLES:
            for row in rows[table]:
                statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(KEPT_REFERENCE, table),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(
                        sql.SQL("%s::" + self.types[table][column]) for column in row
                    ),
                )
                self.session.connection.execute(statement, list(row.values()))

    def all(self) -> dict[str, list[Any]]:
        """Their texts, without what is numbered anew, or counts from the moment."""
        found = {}
        for table in TABLES:
            left_out = NUMBERED | ({"ts"} if table == "finalization_request" else set())
            columns = [c for c in self.types[table] if c not in left_out]
            statement = sql.SQL("SELECT {} FROM {}").format(
                sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(c)) for c in columns),
                sql.Identifier(KEPT_REFERENCE, table),
            )
            rows = self.session.connection.execute(statement).fetchall()
            found[table] = sorted(rows, key=repr)
        return found

    def empty_ours(self) -> None:
        names = set(OUR_TABLES) - {"alembic_version", "procedures_version", "move", "move_proof"}
        tables = sql.SQL(", ").join(sql.Identifier(BOOKS, name) for name in sorted(names))
        self.session.connection.execute(sql.SQL("TRUNCATE {}").format(tables))


def some_row(types: Types, table: str) -> st.SearchStrategy[Row]:
    """A row of a table, but for what the database numbers."""
    return st.fixed_dictionaries(
        {
            column: BY_NAME.get(column, BY_TYPE[sql_type])
            for column, sql_type in types[table].items()
            if column not in NUMBERED
        }
    )


def different(table: str, rows: list[Row]) -> list[Row]:
    """Without those whose key is the same."""
    names = KEYS.get(table)
    if names is None:
        return rows
    return list({tuple(row[name] for name in names.split()): row for row in rows}.values())


def draw_everything(data: st.DataObject, types: Types) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for table in TABLES:
        wanted = st.lists(some_row(types, table), max_size=3)
        rows[table] = different(table, data.draw(wanted, table))
    accounts = rows["account"]
    for transfer in rows["prepared_transfer"]:
        if accounts:
            owner = data.draw(st.sampled_from(accounts))
            transfer["debtor_id"] = owner["debtor_id"]
            transfer["sender_creditor_id"] = owner["creditor_id"]
    rows["prepared_transfer"] = different(
        "prepared_transfer", rows["prepared_transfer"] if accounts else []
    )
    for change in rows["registered_balance_change"]:
        change["is_applied"] = True
    pending = {
        tuple(c[n] for n in KEYS["pending_balance_change"].split())
        for c in rows["pending_balance_change"]
    }
    archive = [
        r
        for r in rows["registered_balance_change"]
        if (r["debtor_id"], r["other_creditor_id"], r["change_id"]) not in pending
    ]
    archive += [
        {
            "debtor_id": c["debtor_id"],
            "other_creditor_id": c["other_creditor_id"],
            "change_id": c["change_id"],
            "committed_at": c["committed_at"],
            "is_applied": False,
        }
        for c in rows["pending_balance_change"]
    ]
    rows["registered_balance_change"] = archive
    for signal in rows["finalized_transfer_signal"]:
        signal["inserted_at"] = signal["finalized_at"]
    for signal in rows["account_transfer_signal"]:
        signal["acquired_amount"] = signal["acquired_amount"] or 1
    return rows


@pytest.fixture(scope="module")
def kept(reference: ReferenceDatabases) -> Iterator[Rows]:
    place: Place = reference.create("no rows")
    move(place)
    with open_takeover_session(place.settings()) as session:
        path = sql.SQL(", ").join(map(sql.Identifier, (procedures_schema(), BOOKS)))
        session.connection.execute(sql.SQL("SET search_path = {}").format(path))
        yield Rows(session)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_random_rows_are_there_again(kept: Rows, data: st.DataObject) -> None:
    rows = draw_everything(data, kept.types)
    session = kept.session
    destination = find_destination(session)
    assert destination is not None
    with session.connection.transaction(force_rollback=True):
        kept.put(rows)
        before = kept.all()
        fill_books(session, KEPT_REFERENCE, sizes_of(session, KEPT_REFERENCE), NoProgress())
        sizes = sizes_of(session, BOOKS)
        fill_reference(session, destination, kept.since, sizes, NoProgress())
        assert kept.all() == before

        # and once more
        kept.empty_ours()
        session.connection.execute("DROP TABLE root_reading, newer_change")
        fill_books(session, KEPT_REFERENCE, sizes_of(session, KEPT_REFERENCE), NoProgress())
        fill_reference(session, destination, kept.since, sizes_of(session, BOOKS), NoProgress())
        assert kept.all() == before
