"""Checks after each run: nothing was lost, nothing was made, nothing is left over."""

from collections.abc import Mapping
from time import monotonic, sleep

import psycopg
from psycopg import sql

from agentkit.messages import encode
from benchmarks.addresses import Addresses, BenchmarkError
from benchmarks.authority import DEAD_LETTER_QUEUE, OBSERVER_QUEUE, QUEUE, Authority
from swpt_accounts.db.tables import Base

# These keep their rows; all other tables are empty when the work is done.
LASTING_TABLES = (
    "account",
    "account_key",
    "procedures_version",
    "root_config",
    "handled_batch",
    "registered_balance_change",
)
SETTLE_SECONDS_MAX = 60.0
_POLL_SECONDS = 0.05


def passing_tables() -> list[str]:
    """The queues and the outboxes."""
    return sorted(set(Base.metadata.tables) - set(LASTING_TABLES))


def find_leftovers(connection: psycopg.Connection) -> dict[str, int]:
    """How many rows the queues and outboxes have, without those that are empty."""
    query = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {}, count(*) FROM {}").format(sql.Literal(t), sql.Identifier(t))
        for t in passing_tables()
    )
    return {table: count for table, count in connection.execute(query).fetchall() if count}


def settle(authority: Authority, sentinel_number: int = 0) -> None:
    """Wait until all work is done, then publish the sentinel for a driver.

    Raises `BenchmarkError` when work is left over.
    """
    end = monotonic() + SETTLE_SECONDS_MAX
    with authority.addresses.connect() as connection:
        while leftovers := find_leftovers(connection):
            authority.check_alive()
            if monotonic() >= end:
                raise BenchmarkError(f"work is left over: {leftovers}")
            sleep(_POLL_SECONDS)
    sentinel = {"type": "Sentinel", "number": sentinel_number}
    authority.broker.publish("", OBSERVER_QUEUE, encode(sentinel))


def find_problems(
    authority: Authority, debtor_id: int, chains: Mapping[int, tuple[int, int]]
) -> list[str]:
    """What is wrong with the accounts of a debtor, or with the queues.

    `chains` says, of accounts, which transfer number and which principal their owners know.
    """
    problems = _accounting_problems(authority.addresses, debtor_id)
    problems += _chain_problems(authority.addresses, debtor_id, chains)
    problems += _queue_problems(authority)
    return problems


def _accounting_problems(addresses: Addresses, debtor_id: int) -> list[str]:
    with addresses.connect() as connection:
        row = connection.execute(
            "SELECT coalesce(sum(principal), 0), coalesce(sum(total_locked_amount), 0),"
            " coalesce(sum(pending_transfers_count), 0), count(*) FILTER (WHERE interest <> 0)"
            " FROM account WHERE debtor_id = %s",
            [debtor_id],
        ).fetchone()
        leftovers = find_leftovers(connection)
    assert row is not None
    names = ("sum of principals", "locked amount", "pending transfers", "accounts with interest")
    wrong = [f"{name}: {value}, not 0" for name, value in zip(names, row, strict=True) if value]
    return wrong + [f"{count} rows are left in {table}" for table, count in leftovers.items()]


def _chain_problems(
    addresses: Addresses, debtor_id: int, chains: Mapping[int, tuple[int, int]]
) -> list[str]:
    if not chains:
        return []
    with addresses.connect() as connection:
        rows = connection.execute(
            "SELECT creditor_id, last_transfer_number, principal FROM account"
            " WHERE debtor_id = %s AND creditor_id = ANY (%s)",
            [debtor_id, list(chains)],
        ).fetchall()
    found = {creditor_id: (number, principal) for creditor_id, number, principal in rows}
    wrong = [c for c in chains if found.get(c) != chains[c]]
    if not wrong:
        return []
    first = wrong[0]
    return [
        (
            f"of {len(wrong)} accounts the owners know something else than the database; the first:"
            f" {first}: {chains[first]}, {found.get(first)}"
        )
    ]


def _queue_problems(authority: Authority) -> list[str]:
    counts = {queue: authority.broker.ready_count(queue) for queue in (QUEUE, DEAD_LETTER_QUEUE)}
    return [f"{count} messages are left in the queue {q!r}" for q, count in counts.items() if count]
