"""Whatever database the reference has made: it is taken over, and means the same afterwards.

What it means is said here in Python, row by row, and not by the statements that move it.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings

from agentkit.database import dsn_of, execute
from swpt_accounts.core.root_config import minimal_balance
from swpt_accounts.takeover import move_in as moving
from swpt_accounts.takeover.root_configs import read_as_reference
from tests.takeover.giving_back import give_back
from tests.takeover.reference import BOOKS, ReferenceDatabases, move
from tests.takeover.rows import DEFAULTS, insert
from tests.takeover.singles import single, told
from tests.takeover.strategies import Moment, Row, Rows, references

_REALS = {"negligible_amount", "interest_rate", "previous_interest_rate"}
_QUEUES_AND_OUTBOXES = [t for t in DEFAULTS if t.endswith(("_signal", "_request", "_change"))]

# What the reference has no word for.
UNKNOWN_THERE = ("id", "trace_context", "received_at")


def unsigned(creditor_id: int) -> str:
    return str(creditor_id % 2**64)


def meaning(table: str, row: Row) -> Row:
    """The row of ours."""
    ours = {name: _value(name, value) for name, value in row.items()}
    if table.endswith("_signal"):
        inserted_at = ours.pop("inserted_at")
        ours["ts"] = ours.pop("finalized_at", inserted_at)
    if "sender_creditor_id" in ours:
        ours["creditor_id"] = ours.pop("sender_creditor_id")
    if changes := _CHANGES.get(table):
        changes(row, ours)
    return ours


def _account(row: Row, ours: Row) -> None:
    ours["minimal_balance"] = 0
    if row["creditor_id"] == 0:
        config = read_as_reference(row["config_data"])
        ours["minimal_balance"] = minimal_balance(config, ours["negligible_amount"])
    if abs(ours["interest"]) < 1e-20:
        ours["interest"] = 0.0


def _prepared(_: Row, ours: Row) -> None:
    ours["recipient"] = unsigned(ours.pop("recipient_creditor_id"))


def _transferred(row: Row, ours: Row) -> None:
    ends = [row["creditor_id"], ours.pop("other_creditor_id")]
    recipient, sender = ends if row["acquired_amount"] >= 0 else reversed(ends)
    ours |= {"sender": unsigned(sender), "recipient": unsigned(recipient)}


_CHANGES: Final[dict[str, Callable[[Row, Row], Any]]] = {
    "account": _account,
    "prepared_transfer_signal": _prepared,
    "account_transfer_signal": _transferred,
    "account_update_signal": lambda row, ours: ours.update(account_id=unsigned(row["creditor_id"])),
    "finalization_request": lambda _, ours: ours.pop("ts"),
    "pending_balance_change": lambda _, ours: ours.update(is_registered=True),
}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, Moment):
        return value.value
    if value is None and name.startswith("debtor_info_"):
        return b"" if name.endswith("sha256") else ""
    return told(value) if name in _REALS else value


def exact(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, Decimal):
        value = float(value)
    return struct.pack(">d", value + 0.0) if isinstance(value, float) else value


def frozen(row: Row) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name, exact(value)) for name, value in row.items()))


def read(place: Any, table: str) -> list[Row]:
    """Our rows, in their order."""
    with place.session(BOOKS) as session:
        session.execute("SET TimeZone = 'UTC'")
        has_id = table in _QUEUES_AND_OUTBOXES and table != "registered_balance_change"
        cursor = session.execute(f"SELECT * FROM {table} {'ORDER BY id' if has_id else ''}")
        names = [c.name for c in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return [{k: v for k, v in row.items() if k not in UNKNOWN_THERE} for row in rows]


def check_meaning(place: Any, rows: Rows) -> None:
    for table, theirs in rows.items():
        found = Counter(map(frozen, read(place, table)))
        assert found == Counter(frozen(meaning(table, row)) for row in theirs), table
    roots = {
        r["debtor_id"]: read_as_reference(r["config_data"])
        for r in rows["account"]
        if r["creditor_id"] == 0
    }
    assert {
        r["debtor_id"]: (
            r["interest_rate"],
            r["info_iri"],
            r["info_content_type"],
            r["info_sha256"],
            r["fetched_at"],
        )
        for r in read(place, "root_config")
    } == {
        debtor_id: (c.interest_rate, c.info_iri or None, c.info_content_type, c.info_sha256, None)
        for debtor_id, c in roots.items()
    }
    assert len(read(place, "account_key")) == len(rows["account"])
    requests = [r["coordinator_request_id"] for r in read(place, "transfer_request")]
    assert requests == [r["coordinator_request_id"] for r in rows["transfer_request"]]


def fill(place: Any, rows: Rows) -> None:
    with place.session() as session, session.transaction():
        for table in DEFAULTS:  # in this order, because of foreign keys
            for row in rows[table]:
                insert(
                    session,
                    table,
                    **{k: v.text if isinstance(v, Moment) else v for k, v in row.items()},
                )


_NOTHING: Rows = {table: [] for table in DEFAULTS}


@pytest.fixture(scope="module")
def roomy() -> Iterator[None]:
    """The disk is tried elsewhere: here it would only take time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moving, "try_disk", lambda *_: None)
        yield


@given(rows=references())
@example(rows=_NOTHING)
@settings(
    max_examples=10,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a smaller one would take minutes
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
def test_any_database_means_the_same(
    reference: ReferenceDatabases, roomy: None, rows: Rows
) -> None:
    place = reference.create("no rows")
    fill(place, rows)
    assert move(place) is not None
    check_meaning(place, rows)
    before = {table: Counter(map(frozen, read(place, table))) for table in rows}
    give_back(place, accept_loss=True)
    assert move(place) is not None
    assert {table: Counter(map(frozen, read(place, table))) for table in rows} == before


def test_amount_is_not_rounded_to_halfway_to_another(reference: ReferenceDatabases) -> None:
    """839333600 has a digit less, and is read as the same `real`; but agents were never told it."""
    place = reference.create("no rows")
    with place.session() as session:
        insert(session, "account", negligible_amount=839333632.0)
    assert move(place) is not None
    assert place.books("SELECT negligible_amount FROM account") == [(839333630.0,)]


def test_server_writes_the_numbers_that_are_expected(database_url: str) -> None:
    bits = [power << 23 for power in range(1, 255)] + [1 << place for place in range(23)]
    numbers = [single(b + more) for b in bits for more in (-1, 0, 1)]
    numbers += [839333632.0, 287468.375, single(0x7F7FFFFF)]
    numbers += [-number for number in numbers]
    statement = """
        SELECT number::text::double precision
        FROM unnest(%s::real[]) WITH ORDINALITY AS n (number, place)
        ORDER BY place
    """
    written = [row[0] for row in execute(dsn_of(database_url), statement, numbers)]
    assert list(map(repr, written)) == [repr(told(number)) for number in numbers]
