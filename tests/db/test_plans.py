"""No statement of the workers reads a whole table, whatever the planner knows of the tables.

The tables are large, and the statistics are missing, or from a time when the tables were empty.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from agentkit.messages import finalize
from swpt_accounts.core.realm import Realm
from swpt_accounts.db import procedures as p
from swpt_accounts.db.connection import connect
from swpt_accounts.db.procedures import Procedure
from swpt_accounts.db.queries import query
from swpt_accounts.outbox.tables import outbox_table
from swpt_accounts.settings import load_settings
from swpt_accounts.stages.worker import (
    BALANCE_CHANGES,
    FINALIZATION_REQUESTS,
    TRANSFER_REQUESTS,
    Stage,
)
from verification.kit.rows import CHANGING_TABLES, OUTBOXES, TOPICS
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.books import configure_root
from verification.model.builders import DEBTOR, INFO, NOW, ROOT
from verification.model.money import LATEST

ACCOUNTS_COUNT = 50_000
ROWS_COUNT = 10_000
BATCH_COUNT = 10
# What may be read of a table to do `BATCH_COUNT` things.
READ_COUNT_MAX = 400
FIRST = 1 << 40
RECENT = range(FIRST + ACCOUNTS_COUNT - BATCH_COUNT, FIRST + ACCOUNTS_COUNT)
# They are short, and without an index.
SHORT_TABLES = {"handled_batch"}
# They do not become empty.
LASTING_TABLES = {"account", "account_key", "root_config", "registered_balance_change"}

PURGE = '{"type":"AccountPurge","debtor_id":1,"creditor_id":1,"creation_date":"2024-05-20","ts":""}'
FILL = f"""
INSERT INTO account_key
SELECT {DEBTOR}, {FIRST} + i FROM generate_series(0, {ACCOUNTS_COUNT - 1}) AS i;

INSERT INTO account (
    debtor_id, creditor_id, creation_date, last_change_ts, principal,
    last_interest_capitalization_ts, last_transfer_id, pending_transfers_count,
    last_heartbeat_ts
)
SELECT {DEBTOR}, {FIRST} + i, '2024-05-20', now, 10000, now, 1, 1, now
FROM generate_series(0, {ACCOUNTS_COUNT - 1}) AS i, current_ts() AS now;

INSERT INTO prepared_transfer (
    debtor_id, creditor_id, transfer_id, coordinator_type, coordinator_id,
    coordinator_request_id, locked_amount, recipient_creditor_id, prepared_at,
    demurrage_rate, deadline, final_interest_rate_ts
)
SELECT {DEBTOR}, {FIRST} + i, 1, 'direct', {FIRST} + i, i, 0, 0, now, -50, 'infinity', 'infinity'
FROM generate_series(0, {ACCOUNTS_COUNT - 1}) AS i, current_ts() AS now;

INSERT INTO registered_balance_change (debtor_id, other_creditor_id, change_id, committed_at)
SELECT {DEBTOR}, 0, i, current_ts() FROM generate_series(0, {ROWS_COUNT}) AS i;

INSERT INTO root_config (debtor_id, interest_rate)
SELECT i, 0 FROM generate_series(1000, {ROWS_COUNT}) AS i;

INSERT INTO returned_message (signal_name, destination, body, reason, next_attempt_at)
SELECT 'AccountPurgeSignal', 'to_creditors ' || i / 2, '{PURGE}', '', current_ts()
FROM generate_series(0, {ROWS_COUNT - 1}) AS i;

INSERT INTO returned_message (signal_name, body, reason, next_attempt_at)
SELECT 'AccountPurgeSignal', '{PURGE}', '', 'infinity' FROM generate_series(0, {ROWS_COUNT - 1});

INSERT INTO returned_line
    (signal_name, destination, attempts_count, pause_seconds, next_attempt_at)
SELECT
    'AccountPurgeSignal', 'to_creditors ' || i, i % 11, returned_pause(i % 11),
    CASE i % 3 WHEN 0 THEN t0() WHEN 1 THEN current_ts() + interval '1 minute' ELSE current_ts() END
FROM generate_series(0, {ROWS_COUNT} / 2 - 1) AS i;

INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)
SELECT {DEBTOR}, {FIRST} + i, '2024-05-20', now
FROM generate_series(0, {ROWS_COUNT}) AS i, current_ts() AS now;
"""


def requests() -> list[dict[str, object]]:
    """What leaves work to the stages."""
    return [
        message
        for i, creditor_id in enumerate(RECENT)
        for message in (
            builders.prepare_transfer(creditor_id, ROOT, 1),
            builders.pending_balance_change(creditor_id, 1, change_id=ROWS_COUNT + 1 + i),
            finalization(creditor_id),
        )
    ]


def finalization(creditor_id: int) -> dict[str, object]:
    """A FinalizeTransfer for the prepared transfer of an account."""
    ids = {"coordinator_type": "direct", "coordinator_id": creditor_id}
    transfer = {"debtor_id": DEBTOR, "creditor_id": creditor_id, "transfer_id": 1, **ids}
    return finalize({**transfer, "coordinator_request_id": creditor_id - FIRST}, 1, ts=NOW)


def fill_queues(shard: Shard) -> None:
    """Queue far more than a batch; and put what nobody will ever do at the front."""
    many = range(FIRST, FIRST + 500)
    for _ in range(6):
        shard.receive(
            *[builders.prepare_transfer(c, ROOT, 0) for c in many],
            *[finalization(c) for c in many],
        )
    shard.receive(
        *[builders.pending_balance_change(c, 1, change_id=c, other_creditor_id=1) for c in many]
    )


@pytest.fixture(
    scope="module",
    params=[
        "no statistics",
        "statistics of empty tables",
        "statistics of emptied tables",
        "fresh statistics",
    ],
)
def full(request: pytest.FixtureRequest, database_url: str) -> Iterator[Shard]:
    """A shard with large tables."""
    settings = load_settings({"SQLALCHEMY_DATABASE_URI": database_url})
    connection = connect(settings, "test")
    shard = Shard(connection, settings)
    for table in CHANGING_TABLES:
        connection.raw.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        connection.raw.execute(f"TRUNCATE {table}")
    if request.param == "statistics of empty tables":
        connection.raw.execute("ANALYZE")
    shard.set_now(NOW)
    if request.param == "statistics of emptied tables":
        # That is what vacuum leaves behind after a burst: pages, and no rows on them.
        configure_root(shard)
        connection.raw.execute(FILL)
        fill_queues(shard)
        for table in set(CHANGING_TABLES) - LASTING_TABLES:
            connection.raw.execute(f"DELETE FROM {table}")
            connection.raw.execute(f"VACUUM (TRUNCATE false, ANALYZE) {table}")
        for table in LASTING_TABLES:
            connection.raw.execute(f"TRUNCATE {table}")
    configure_root(shard)
    connection.raw.execute(FILL)
    fill_queues(shard)
    if request.param == "fresh statistics":
        connection.raw.execute("ANALYZE")
    yield shard
    connection.close()


def call(procedure: Procedure, **parameters: object) -> Callable[[Shard], object]:
    """Something to do: a call of a procedure."""
    return lambda shard: shard.connection.call_table(procedure, **parameters)


def perform(chore_type: str, **fields: object) -> Callable[[Shard], None]:
    return lambda shard: shard.perform_chore(builders.chore(chore_type, RECENT[0], **fields))


PURGES = ["AccountPurgeSignal"]
PAGE = {"first_page": 3, "end_page": 4}
WORLD = Realm.parse("#").parameters
HALF = Realm.parse("0.#").parameters

DEEDS: dict[str, Callable[[Shard], object]] = {
    "receive": lambda s: s.receive(
        *requests(), *[builders.configure_account(c, LATEST) for c in RECENT]
    ),
    "receive again": lambda s: s.receive(*requests(), is_redelivered=True),
    "open": lambda s: s.receive(*[builders.configure_account(c) for c in range(1, BATCH_COUNT)]),
    "configure the root": lambda s: configure_root(s, LATEST),
    "prepare": lambda s: s.run_stage(TRANSFER_REQUESTS, count_max=BATCH_COUNT),
    "finalize": lambda s: s.run_stage(FINALIZATION_REQUESTS, count_max=BATCH_COUNT),
    "change balances": lambda s: s.run_stage(BALANCE_CHANGES, count_max=BATCH_COUNT),
    "ask whether reachable": lambda s: s.connection.probe(
        query("are_reachable").encode(), [DEBTOR] * len(RECENT), list(RECENT)
    ),
    "lease": call(p.LEASE_UNVERIFIED_REQUESTS, count_max=BATCH_COUNT, lease=timedelta(1)),
    "note answers": call(
        p.NOTE_VERIFICATIONS,
        id=list(range(BATCH_COUNT)),
        is_reachable=[True] * BATCH_COUNT,
        patience=timedelta(1),
    ),
    "change the rate": perform("ChangeInterestRate", interest_rate=5.5, ts=NOW),
    "update the info": perform("UpdateDebtorInfo", **INFO, ts=NOW),
    "capitalize": perform("CapitalizeInterest"),
    "delete": perform("TryToDeleteAccount"),
    "send prompt updates": call(
        p.SEND_PROMPT_ACCOUNT_UPDATES, quiet_min=timedelta(days=-1), count_max=BATCH_COUNT, **WORLD
    ),
    "take due messages": call(p.TAKE_DUE_MESSAGES, signal_names=PURGES, count_max=BATCH_COUNT),
    "look for due messages": lambda s: s.connection.raw.execute(
        "SELECT has_due_messages(%s)", [["RejectedConfigSignal"]]
    ),
    "note lines": call(
        p.NOTE_RETURNED_LINES,
        signal_name=PURGES * 2,
        destination=["to_creditors 100", "to_creditors 101"],
        is_open=[True, False],
        sent_count=[1, 0],
    ),
    "put aside": call(
        p.PUT_ASIDE_MESSAGES,
        id=[None, None],
        signal_name=PURGES * 2,
        destination=["to_creditors 100", "to_creditors new"],
        body=[b"{}", b"{}"],
        reason=["", ""],
        attempts_count=[1, 1],
        put_aside_at=[None, None],
        trace_context=None,
    ),
    "end lines": call(p.END_RETURNED_LINES, signal_names=PURGES, count_max=BATCH_COUNT),
}
SCANS: dict[str, Callable[[Shard], object]] = {
    "purge": call(p.PURGE_ACCOUNTS, **PAGE, deleted_for_min=timedelta(0), **WORLD),
    "update": call(p.SEND_DUE_ACCOUNT_UPDATES, **PAGE, heartbeat=timedelta(-1), **WORLD),
    "find chores": call(
        p.FIND_ACCOUNT_CHORES,
        **PAGE,
        deletion_attempts_interval=timedelta(0),
        capitalization_interval=timedelta(0),
        interest_to_principal_ratio_max=0.0001,
        rate_change_interval=timedelta(0),
        root_config_age_max=timedelta(hours=2),
        **WORLD,
    ),
    "find debtors": call(p.FIND_UNKNOWN_DEBTORS_ON_PAGES, **PAGE, **HALF, age_max=timedelta(1)),
    "drop accounts": call(p.DROP_PARENT_ACCOUNTS, **PAGE, **HALF),
    "drop transfers": call(p.DROP_PARENT_PREPARED_TRANSFERS, **PAGE, **HALF),
    "remind": call(
        p.REMIND_OF_PREPARED_TRANSFERS, **PAGE, reminder_interval=timedelta(-1), **WORLD
    ),
    "forget changes": call(p.FORGET_BALANCE_CHANGES, **PAGE, threshold_ts=LATEST),
}


def count_reads(shard: Shard) -> dict[str, tuple[int, int]]:
    """How often each table was read from its start to its end, and how many rows were read.

    They grow within a transaction.
    """
    rows = shard.connection.raw.execute(
        "SELECT relname, seq_scan, seq_tup_read + coalesce(idx_tup_fetch, 0)"
        " FROM pg_stat_xact_user_tables"
    ).fetchall()
    return {table: (scans, count) for table, scans, count in rows}


def check_reads(shard: Shard, deed: Callable[[Shard], object], name: str) -> None:
    """Do something, look how much is read, and undo it."""
    with shard.connection.raw.transaction(force_rollback=True):
        before = count_reads(shard)
        deed(shard)
        after = count_reads(shard)
    for table in set(CHANGING_TABLES) - SHORT_TABLES:
        scans, count = (a - b for a, b in zip(after[table], before[table], strict=True))
        assert scans == 0, f"{name}: {table} is read from its start to its end"
        assert count <= READ_COUNT_MAX, f"{name}: {count} rows of {table} are read"


def test_nothing_is_read_in_vain(full: Shard) -> None:
    for name, deed in (DEEDS | SCANS).items():
        check_reads(full, deed, name)


def take(table: str) -> Callable[[Shard], object]:
    """Take what a flusher sends."""
    parameters = {"after_id": 0, "count_max": BATCH_COUNT}
    return lambda s: s.connection.raw.execute(
        outbox_table(TOPICS[table], s.settings).take_query, parameters
    )


def test_flusher_reads_what_it_sends(full: Shard) -> None:
    for table in OUTBOXES:
        check_reads(full, take(table), table)


def test_stages_do_work(full: Shard) -> None:
    """What these tests look at is not nothing."""
    for stage in (TRANSFER_REQUESTS, FINALIZATION_REQUESTS, BALANCE_CHANGES):
        with full.connection.raw.transaction(force_rollback=True):
            assert full.run_stage(stage, count_max=BATCH_COUNT)[:2] == (BATCH_COUNT, BATCH_COUNT)


@pytest.mark.parametrize("stage", [TRANSFER_REQUESTS, FINALIZATION_REQUESTS, BALANCE_CHANGES])
def test_search_starts_after_the_rows_that_are_gone(full: Shard, stage: Stage) -> None:
    last_id = max(row["id"] for row in full.rows(stage.table))
    after_id = last_id - BATCH_COUNT
    check_reads(full, lambda s: s.run_stage(stage, after_id=after_id), stage.table)
