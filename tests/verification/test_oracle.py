"""The oracle notices when its books are not in order."""

from decimal import Decimal

import pytest

from verification.model.books import open_books, prepare
from verification.model.builders import ALICE, BOB, DEBTOR, NOW
from verification.model.oracle_node import OracleNode


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("principal", 99),
        ("interest", Decimal("1e-21")),
        ("interest_rate", 100.1),
        ("total_locked_amount", 59),
        ("pending_transfers_count", 0),
        ("last_transfer_id", 0),
        ("status_flags", 1),
        ("minimal_balance", -1),
    ],
)
def test_invariants_notice_what_is_wrong(field: str, value: object) -> None:
    node = OracleNode(NOW)
    open_books(node, {ALICE: 100, BOB: 0})
    prepare(node, ALICE, BOB, 60)
    node.check_books()
    node.update_account(DEBTOR, ALICE, **{field: value})
    with pytest.raises(AssertionError):
        node.check_books()
