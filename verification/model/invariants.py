"""What must hold after every operation."""

from collections import defaultdict
from itertools import pairwise

from . import money
from .state import Account, Message, Shard


def check_invariants(shard: Shard) -> None:
    """Raise AssertionError when the books do not add up."""
    _check_conservation(shard)
    _check_locks(shard)
    _check_archive(shard)
    for account in shard.accounts.values():
        _check_account(account)
    _check_chains(shard)


def _check_conservation(shard: Shard) -> None:
    """All money of a debtor, together with what is in flight, came from outside.

    What overflowed is the only loss. When all transfers stay in the shard, and no principal
    overflows, the sum is 0: the root account owes what the creditors have.
    """
    sums: defaultdict[int, int] = defaultdict(int)
    for account in shard.accounts.values():
        sums[account.debtor_id] += account.principal
    for change in shard.pending_changes:
        sums[change.debtor_id] += change.principal_delta
    for debtor_id in sums.keys() | shard.received.keys() | shard.cut.keys():
        expected = shard.received[debtor_id] - shard.cut[debtor_id]
        assert sums[debtor_id] == expected, f"debtor {debtor_id}: {sums[debtor_id]} != {expected}"


def _check_locks(shard: Shard) -> None:
    locks: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for key, transfer in shard.prepared.items():
        assert key == (transfer.debtor_id, transfer.creditor_id, transfer.transfer_id)
        assert key[:2] in shard.accounts
        assert key[2] <= shard.accounts[key[:2]].last_transfer_id
        assert transfer.locked_amount >= 0
        locks[key[:2]].append(transfer.locked_amount)
    for account_key, account in shard.accounts.items():
        assert account.total_locked_amount == sum(locks[account_key]) <= money.MAX_INT64
        assert account.pending_transfers_count == len(locks[account_key])


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
