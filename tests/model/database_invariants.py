"""What must hold in the database, whatever the oracle says."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from tests.db.shard import Shard


def check_books(shard: Shard, received: Mapping[int, int], cut: Mapping[int, int]) -> None:
    """Raise AssertionError when money came from nowhere, got lost, or is not really locked.

    Or when the accounts are not those which have a key.

    `received` is what came from other shards, `cut` what was lost where a principal overflowed;
    both by debtor. Without them the principals of a debtor, and what is under way, make 0.
    """
    sums: defaultdict[int, int] = defaultdict(int)
    locks: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    accounts = shard.rows("account")
    for account in accounts:
        sums[account["debtor_id"]] += account["principal"]
    for change in shard.rows("pending_balance_change"):
        sums[change["debtor_id"]] += change["principal_delta"]
    for transfer in shard.rows("prepared_transfer"):
        locks[transfer["debtor_id"], transfer["creditor_id"]].append(transfer["locked_amount"])
    for debtor_id in sums.keys() | received.keys() | cut.keys():
        assert sums[debtor_id] == received.get(debtor_id, 0) - cut.get(debtor_id, 0)
    for account in accounts:
        locked = locks.pop((account["debtor_id"], account["creditor_id"]), [])
        assert account["total_locked_amount"] == sum(locked)
        assert account["pending_transfers_count"] == len(locked)
    assert not locks
    keys = shard.connection.raw.execute("SELECT debtor_id, creditor_id FROM account_key").fetchall()
    assert sorted(keys) == sorted((a["debtor_id"], a["creditor_id"]) for a in accounts)


def check_that_nobody_owes(shard: Shard, now: datetime) -> None:
    """Raise AssertionError when a creditor has paid what it did not have."""
    for account in shard.rows("account"):
        if account["creditor_id"] != 0:
            (balance,) = shard.connection.call(
                "balance_at",
                now,
                account["principal"],
                account["interest"],
                account["interest_rate"],
                account["last_change_ts"],
            )
            assert balance >= 0, account
