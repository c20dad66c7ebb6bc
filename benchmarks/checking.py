"""Checks after each run: nothing was lost, nothing was made, nothing is left over."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from time import monotonic, sleep
from typing import Any

import psycopg

from agentkit.database import leftovers
from agentkit.waiting import KitError
from benchmarks.authority import Authority

SETTLE_SECONDS_MAX = 60.0
Connection = psycopg.Connection[tuple[Any, ...]]
_POLL_SECONDS = 0.05


def find_leftovers(connection: Connection) -> dict[str, int]:
    """How many rows the queues and outboxes have, without those that are empty."""
    return leftovers(lambda statement: connection.execute(statement.encode()).fetchall())


def settle(authorities: Sequence[Authority]) -> None:
    """Wait until all work of all shards is done.

    Raises `KitError` when work is left over.
    """
    end = monotonic() + SETTLE_SECONDS_MAX
    with ExitStack() as stack:
        connections = [stack.enter_context(a.addresses.connect()) for a in authorities]
        while found := [left for c in connections if (left := find_leftovers(c))]:
            for authority in authorities:
                authority.check_alive()
            if monotonic() >= end:
                raise KitError(f"work is left over: {found}")
            sleep(_POLL_SECONDS)


def find_problems(
    authorities: Sequence[Authority], debtor_id: int, chains: Mapping[int, tuple[int, int]]
) -> list[str]:
    """What is wrong with the accounts of a debtor in all shards, or with the queues.

    `chains` says, of accounts, which transfer number and which principal their owners know.
    """
    with ExitStack() as stack:
        connections = [stack.enter_context(a.addresses.connect()) for a in authorities]
        problems = _accounting_problems(connections, debtor_id)
        problems += _chain_problems(connections, debtor_id, chains)
    return problems + [problem for a in authorities for problem in _queue_problems(a)]


def _accounting_problems(connections: Sequence[Connection], debtor_id: int) -> list[str]:
    rows = [
        row
        for connection in connections
        for row in connection.execute(
            "SELECT coalesce(sum(principal), 0), coalesce(sum(total_locked_amount), 0),"
            " coalesce(sum(pending_transfers_count), 0), count(*) FILTER (WHERE interest <> 0)"
            " FROM account WHERE debtor_id = %s",
            [debtor_id],
        )
    ]
    sums = [sum(column) for column in zip(*rows, strict=True)]
    names = ("sum of principals", "locked amount", "pending transfers", "accounts with interest")
    wrong = [f"{name}: {value}, not 0" for name, value in zip(names, sums, strict=True) if value]
    left = [item for c in connections for item in find_leftovers(c).items()]
    return wrong + [f"{count} rows are left in {table}" for table, count in left]


def _chain_problems(
    connections: Sequence[Connection], debtor_id: int, chains: Mapping[int, tuple[int, int]]
) -> list[str]:
    if not chains:
        return []
    found = {
        creditor_id: (number, principal)
        for connection in connections
        for creditor_id, number, principal in connection.execute(
            "SELECT creditor_id, last_transfer_number, principal FROM account"
            " WHERE debtor_id = %s AND creditor_id = ANY (%s)",
            [debtor_id, list(chains)],
        )
    }
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
    names = (authority.queue, f"{authority.queue}.XQ")
    counts = {name: authority.broker.ready_count(name) for name in names}
    return [f"{count} messages are left in the queue {q!r}" for q, count in counts.items() if count]
