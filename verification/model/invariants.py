"""What must hold after every operation."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

from . import money
from .node import Node
from .state import Account, Message, Shard


def check_sums_and_locks(node: Node, received: Mapping[int, int], cut: Mapping[int, int]) -> None:
    """Raise AssertionError as `Node.check_books` does, as far as the rows show it.

    All money of a debtor, together with what is in flight, came from outside. What overflowed is
    the only loss. When all transfers stay in the shard, and no principal overflows, the sum is 0:
    the root account owes what the creditors have.
    """
    sums: defaultdict[int, int] = defaultdict(int)
    locks: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    accounts = node.accounts()
    for account in accounts:
        sums[account["debtor_id"]] += account["principal"]
    for change in node.pending_changes():
        sums[change["debtor_id"]] += change["principal_delta"]
    for transfer in node.prepared_transfers():
        locks[transfer["debtor_id"], transfer["creditor_id"]].append(transfer["locked_amount"])
    for debtor_id in sums.keys() | received.keys() | cut.keys():
        expected = received.get(debtor_id, 0) - cut.get(debtor_id, 0)
        assert sums[debtor_id] == expected, f"debtor {debtor_id}: {sums[debtor_id]} != {expected}"
    for account in accounts:
        locked = locks.pop((account["debtor_id"], account["creditor_id"]), [])
        assert account["total_locked_amount"] == sum(locked)
        assert account["pending_transfers_count"] == len(locked)
    assert not locks


def check_invariants(shard: Shard) -> None:
    """Raise AssertionError when what an oracle remembers cannot be."""
    for (*account_key, transfer_id), transfer in shard.prepared.items():
        assert transfer_id <= shard.accounts[account_key[0], account_key[1]].last_transfer_id
        assert transfer.locked_amount >= 0
    assert all(
        account.total_locked_amount <= money.MAX_INT64 for account in shard.accounts.values()
    )
    _check_archive(shard)
    for account in shard.accounts.values():
        _check_account(account)
    _check_chains(shard)


def _check_archive(shard: Shard) -> None:
    pending = {
        (change.debtor_id, change.other_creditor_id, change.change_id)
        for change in shard.pending_changes
        if change.change_id is not None
    }
    assert pending == {k for k, entry in shard.registered_changes.items() if not entry.is_applied}
    assert all(change.principal_delta != 0 for change in shard.pending_changes)


def _check_account(account: Account) -> None:
    assert money.contain(account.principal) == account.principal
    assert money.round_interest(account.interest) == account.interest
    assert money.clamp_rate(account.interest_rate) == account.interest_rate
    assert account.creation_date <= account.last_change_ts.date()
    if account.is_root:
        assert account.interest == account.interest_rate == account.last_transfer_number == 0
        assert account.minimal_balance <= 0
    else:
        assert account.config_data == ""
        assert account.minimal_balance == 0
    if account.is_deleted:
        assert account.principal == account.interest == 0
        assert not account.pending_account_update
        assert account.pending_transfers_count == account.total_locked_amount == 0


def _check_chains(shard: Shard) -> None:
    transfers: defaultdict[object, list[Message]] = defaultdict(list)
    for message in shard.outbox:
        if message["type"] == "AccountTransfer":
            chain = (message["debtor_id"], message["creditor_id"], message["creation_date"])
            transfers[chain].append(message)
    for messages in transfers.values():
        for previous, following in pairwise(messages):
            assert previous["transfer_number"] == following["previous_transfer_number"]
        for message in messages:
            assert message["previous_transfer_number"] < message["transfer_number"]
            assert message["acquired_amount"] != 0
