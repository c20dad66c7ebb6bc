"""Questions about transfers and accounts: their plans, their bounds, what they do not see."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql

from agentkit.database import dsn_of
from swpt_accounts.db.queries import read_queries
from swpt_accounts.inspection.lookup import session as reading_module
from swpt_accounts.inspection.lookup.models import (
    AccountKey,
    CoordinatorRequest,
    TransferKey,
    TransferState,
)
from swpt_accounts.inspection.lookup.session import (
    ROWS_COUNT_MAX,
    LookupReader,
    open_reader,
    reading,
)
from swpt_accounts.inspection.lookup.traces import (
    trace_account,
    trace_by_coordinator,
    trace_by_transfer,
)
from swpt_accounts.outbox.messages import OutboxMessage
from swpt_accounts.outbox.returned_messages import put_aside
from swpt_accounts.settings import Settings
from swpt_accounts.smp.outgoing import PreparedTransfer
from verification.kit.shard import Shard
from verification.model.builders import DEBTOR, configure_account, prepare_transfer

ALICE, BOB = 1, 2
TS = "2024-05-20T13:15:09+00:00"
FILL = """
INSERT INTO journal (
    slot, recorded_at, is_sent, message_type, debtor_id, creditor_id,
    coordinator_type, coordinator_id, coordinator_request_id, transfer_id, body
)
SELECT n % 3, '2024-05-20Z'::timestamptz + n * interval '1 s', true, 'FinalizedTransfer',
    n % 1000, n % 100, 'direct', n % 100, n, n, '{}'
FROM generate_series(1, 30000) AS n;
ANALYZE journal
"""
PARAMETERS: dict[str, Any] = {
    "debtor_id": 5,
    "creditor_id": 5,
    "transfer_id": 5,
    "coordinator_type": "direct",
    "coordinator_id": 5,
    "coordinator_request_id": 5,
    "count_max": 101,
    "is_sent": True,
    "since": TS,
    "until": "2030-01-01T00:00:00Z",
    "before": TS,
    "after_at": TS,
    "after_id": 0,
    "types": None,
    "committed_at": TS,
    "part": "x",
    "slot": 1,
    "id": 5,
}
CONDITIONS = ("by_coordinator", "by_transfer", "by_account", "account_page", "transfers_before")
STATEMENTS = [
    *(("rows", condition) for condition in CONDITIONS),
    *(("last_rows", condition) for condition in ("by_account", "transfers_before")),
    *((name, "") for name in ("extent", "after_commit", "slot_page", "moment_of", "ids_of_slot")),
]


@pytest.fixture(scope="module")
def filled(database_url: str) -> Iterator[None]:
    """A journal with some messages, of which the planner knows."""
    with psycopg.connect(dsn_of(database_url), autocommit=True) as owner:
        owner.execute(FILL)
        yield
        owner.execute("TRUNCATE journal")


def nodes(plan: Any) -> Iterator[Any]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(("name", "condition"), STATEMENTS)
def test_the_journal_is_read_by_indexes(settings: Settings, name: str, condition: str) -> None:
    queries = read_queries("inspection/lookup/sql/journal.sql")
    part = sql.SQL(queries[condition]) if condition else sql.SQL("")
    statement = sql.SQL("EXPLAIN (FORMAT JSON) ") + sql.SQL(queries[name]).format(condition=part)
    with open_reader(settings) as reader:
        ((found,),) = reader._raw.execute(statement, PARAMETERS).fetchall()
    plan = found if isinstance(found, list) else json.loads(found)
    scans = [n for n in nodes(plan[0]["Plan"]) if n.get("Relation Name", "").startswith("journal")]
    read_whole = {n["Relation Name"] for n in scans if n["Node Type"] == "Seq Scan"} & {
        "journal_00",
        "journal_01",
        "journal_02",
    }
    assert scans
    assert not read_whole


def open_accounts(shard: Shard) -> None:
    shard.receive(configure_account(0), configure_account(ALICE), configure_account(BOB))
    shard.update_account(DEBTOR, ALICE, principal=1000)


def ask(shard: Shard, count: int = 1) -> CoordinatorRequest:
    request = prepare_transfer(ALICE, BOB, 1)
    shard.receive(*[request] * count)
    return CoordinatorRequest(*(request[name] for name in CoordinatorRequest.__slots__))


def test_a_thousand_rows_are_not_shown(shard: Shard, settings: Settings) -> None:
    open_accounts(shard)
    request = ask(shard, 1000)
    with reading(settings) as reader:
        for trace in (
            trace_by_coordinator(reader, request),
            trace_account(reader, AccountKey(DEBTOR, ALICE)),
        ):
            requests = [s for s in trace.stages if s.place == "transfer_request"]
            assert len(requests) == ROWS_COUNT_MAX
            assert "transfer_request" in {unread.place for unread in trace.unread}


def test_a_table_that_cannot_be_read_is_told(
    shard: Shard, settings: Settings, database_url: str
) -> None:
    open_accounts(shard)
    request = ask(shard)
    with psycopg.connect(dsn_of(database_url)) as owner, reading(settings) as reader:
        owner.execute("LOCK TABLE prepared_transfer IN ACCESS EXCLUSIVE MODE")
        trace = trace_by_coordinator(reader, request)
        owner.rollback()
    assert trace.state is TransferState.REQUESTED
    (unread,) = trace.unread
    assert (unread.place, "holds a lock" in unread.reason) == ("prepared_transfer", True)


def test_a_table_that_is_too_long_is_told(
    shard: Shard, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_accounts(shard)
    request = ask(shard)
    rows: Callable[..., list[Any]] = LookupReader.rows

    def slow_rows(
        self: LookupReader, file: str, name: str, parts: Any = None, /, **more: Any
    ) -> Any:
        if (parts or {}).get("table") == "prepared_transfer":
            self._raw.execute("SET LOCAL statement_timeout = 1")
            self._raw.execute("SELECT pg_sleep(10)")
        return rows(self, file, name, parts, **more)

    monkeypatch.setattr(reading_module.LookupReader, "rows", slow_rows)
    with reading(settings) as reader:
        trace = trace_by_coordinator(reader, request)
    assert trace.state is TransferState.REQUESTED
    assert [unread.place for unread in trace.unread] == ["prepared_transfer"]


def test_what_was_put_aside(shard: Shard, settings: Settings) -> None:
    message = PreparedTransfer(
        *(DEBTOR, ALICE, 7, "direct", ALICE, 3, 10, str(BOB), TS, -50.0, TS, TS, TS)
    )
    other = msgspec.structs.replace(message, transfer_id=77, coordinator_request_id=33)
    outgoing = [OutboxMessage.of(m) for m in (message, other)]
    put_aside(shard.connection, outgoing, {0: "NO_ROUTE", 1: "NO_ROUTE"})
    with reading(settings) as reader:
        for trace in (
            trace_by_coordinator(reader, CoordinatorRequest("direct", ALICE, 3)),
            trace_by_transfer(reader, TransferKey(DEBTOR, ALICE, 7)),
        ):
            (stage,) = trace.stages
            assert stage.name == "PreparedTransfer returned by RabbitMQ"
            assert stage.fields["transfer_id"] == 7
            (waits,) = trace.waits_for
            assert "(1 attempt, " in waits


def test_transfer_ids_tell_what_has_ended(shard: Shard, settings: Settings) -> None:
    open_accounts(shard)
    last_id = shard.account(DEBTOR, ALICE)["last_transfer_id"] + 1
    shard.update_account(DEBTOR, ALICE, last_transfer_id=last_id)
    for transfer_id, said in (
        (last_id, "and is completed"),
        (last_id + 1, "No transfer with this id has been prepared"),
    ):
        with reading(settings) as reader:
            trace = trace_by_transfer(reader, TransferKey(DEBTOR, ALICE, transfer_id))
        assert trace.state is TransferState.UNKNOWN
        assert any(said in note for note in trace.notes)
    with reading(settings) as reader:
        trace = trace_by_transfer(reader, TransferKey(DEBTOR, 77, 1))
    assert any("does not exist" in note for note in trace.notes)


def test_nothing_can_be_changed(settings: Settings) -> None:
    with open_reader(settings) as reader, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader._raw.execute("DELETE FROM account")
