"""The checks of the books: their codes, and what they read."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from swpt_accounts.db.queries import read_queries

_OUTBOXES: Final = (
    "account_transfer_signal",
    "account_update_signal",
    "prepared_transfer_signal",
    "finalized_transfer_signal",
)
_CHANGES: Final = ("pending_balance_change", "pending_balance_change_signal")


class CheckSeverity(StrEnum):
    """An error proves that something is wrong; a warning needs attention."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Check:
    """A check. Its code is the name of its statement in `file` (see sql/parts.sql).

    `tables` is what it reads, for the progress. One that `needs_all_accounts` says nothing in one
    shard of several.
    """

    code: str
    file: str
    tables: tuple[str, ...]
    severity: CheckSeverity = CheckSeverity.ERROR
    needs_all_accounts: bool = False

    @property
    def statement(self) -> str:
        parts = read_queries("audit/sql/parts.sql")
        check = read_queries(f"audit/sql/{self.file}")[self.code]
        return parts["own"] + parts["findings"].replace("{check}", f"\n{check}\n")


RETURNED_MESSAGE: Final = "returned_message"
"""The code of the check that is no statement: see `returned.py`."""

CHECKS: Final = (
    Check("debtor_sum", "money.sql", ("account", *_CHANGES), needs_all_accounts=True),
    Check("overflown", "money.sql", ("account",), CheckSeverity.WARNING),
    Check("locks", "money.sql", ("account", "prepared_transfer")),
    Check("deleted_account", "money.sql", ("account",)),
    Check("account_key", "money.sql", ("account", "account_key")),
    Check("received_change", "money.sql", ("pending_balance_change", "registered_balance_change")),
    Check("doubled_change", "money.sql", _CHANGES),
    Check("transfer_id", "money.sql", ("account", "prepared_transfer")),
    Check("root_account", "money.sql", ("account", "root_config")),
    Check("transfer_chain", "outboxes.sql", ("account_transfer_signal",)),
    Check("ahead_of_account", "outboxes.sql", ("account", *_OUTBOXES)),
    Check(
        "finalized_transfer",
        "outboxes.sql",
        ("prepared_transfer", "finalized_transfer_signal", "prepared_transfer_signal"),
    ),
    Check("signal_account", "outboxes.sql", ("account", *_OUTBOXES, "account_purge_signal")),
    Check("account_values", "values.sql", ("account",)),
    Check(
        "transfer_values",
        "values.sql",
        (
            *("prepared_transfer", "transfer_request"),
            *("unverified_transfer_request", "finalization_request"),
        ),
    ),
    Check("change_values", "values.sql", _CHANGES),
    Check("signal_values", "values.sql", _OUTBOXES),
    Check("row_id", "values.sql", ()),
    Check("future_date", "values.sql", ("account", "prepared_transfer"), CheckSeverity.WARNING),
)
"""All checks, in the order in which they are made, but for `RETURNED_MESSAGE`, the first."""
