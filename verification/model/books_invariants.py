"""What must hold between the rows of a node, whatever has happened."""

from collections import defaultdict
from collections.abc import Mapping

from .node import Node


def check_sums_and_locks(node: Node, received: Mapping[int, int], cut: Mapping[int, int]) -> None:
    """Raise AssertionError as `Node.check_books` does, as far as the rows show it."""
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
        assert sums[debtor_id] == received.get(debtor_id, 0) - cut.get(debtor_id, 0)
    for account in accounts:
        locked = locks.pop((account["debtor_id"], account["creditor_id"]), [])
        assert account["total_locked_amount"] == sum(locked)
        assert account["pending_transfers_count"] == len(locked)
    assert not locks
