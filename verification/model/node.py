"""An accounting authority as the tests see it: what goes in, what comes out, what it remembers.

There are two of them: the oracle (`oracle_node`), and the stored procedures on a database
(`verification.kit.shard`). What is said of a `Node` holds for both.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from .state import Message, Params

Row = dict[str, Any]
MESSAGE_TYPES = (
    "RejectedTransfer",
    "PreparedTransfer",
    "FinalizedTransfer",
    "AccountTransfer",
    "AccountUpdate",
    "AccountPurge",
    "RejectedConfig",
    "PendingBalanceChange",
)
NOTHING: Mapping[int, int] = MappingProxyType({})


class Node(ABC):
    """One accounting authority, all of whose accounts are its own (its realm is `#`).

    Messages are dicts with the protocol's field names and their `type`; moments are aware
    datetimes in UTC. Each method makes one transaction at the moment that was set.
    """

    # The circumstances

    @abstractmethod
    def set_now(self, now: datetime) -> None:
        """Set the time."""

    @abstractmethod
    def set_params(self, params: Params) -> None:
        """Set the settings which bear on the algorithms; those of `Params()` are the defaults."""

    # Incoming messages, and the stages

    @abstractmethod
    def receive(self, *messages: Message) -> None:
        """Receive a batch of well-formed messages."""

    @abstractmethod
    def process_transfer_requests(self) -> None:
        """Prepare all transfers that are requested."""

    @abstractmethod
    def process_finalization_requests(self) -> None:
        """Finalize all transfers for which that is requested."""

    @abstractmethod
    def process_balance_changes(self) -> None:
        """Apply all pending balance changes."""

    # Chores and scans

    @abstractmethod
    def perform_chore(self, chore: Message) -> None:
        """Do a chore, such as `scan_accounts` returns."""

    @abstractmethod
    def scan_accounts(self) -> list[Message]:
        """One pass of the accounts. Returns the chores that it posts."""

    @abstractmethod
    def scan_prepared_transfers(self) -> None:
        """One pass of the prepared transfers."""

    @abstractmethod
    def scan_registered_balance_changes(self) -> None:
        """One pass of the archive of balance changes."""

    @abstractmethod
    def send_prompt_account_updates(self) -> int:
        """Send the updates that do not wait for the scan. Returns how many."""

    # Outgoing messages

    @abstractmethod
    def take_messages(self) -> list[Message]:
        """What was sent since the last call: by type as in `MESSAGE_TYPES`, then by age.

        The interest in an AccountUpdate is a float.
        """

    @abstractmethod
    def peek_messages(self) -> list[Message]:
        """The messages which `take_messages` would return; they stay."""

    # What is remembered

    @abstractmethod
    def accounts(self) -> list[Row]:
        """The accounts by their ids; the columns are the fields of `state.Account`."""

    @abstractmethod
    def prepared_transfers(self) -> list[Row]:
        """The prepared transfers by their ids; the columns are the fields of `PreparedTransfer`."""

    @abstractmethod
    def transfer_requests(self) -> list[Row]:
        """The queue of PrepareTransfer messages, with a `recipient_creditor_id`, a `deadline`."""

    @abstractmethod
    def finalization_requests(self) -> list[Row]:
        """The queue of FinalizeTransfer messages: the first one for each transfer."""

    @abstractmethod
    def pending_changes(self) -> list[Row]:
        """The queue of balance changes; the columns are the fields of `state.BalanceChange`."""

    @abstractmethod
    def registered_changes(self) -> list[Row]:
        """The archive of received balance changes by their ids, with `is_applied`."""

    def state(self) -> dict[str, list[Row]]:
        """All that is remembered."""
        return {
            "account": self.accounts(),
            "prepared transfer": self.prepared_transfers(),
            "transfer request": self.transfer_requests(),
            "finalization request": self.finalization_requests(),
            "pending change": self.pending_changes(),
            "registered change": self.registered_changes(),
        }

    @abstractmethod
    def account(self, debtor_id: int, creditor_id: int) -> Row:
        """An account, which must exist."""

    # To come to limits

    @abstractmethod
    def update_account(self, debtor_id: int, creditor_id: int, **columns: Any) -> None:
        """Change columns of an account, which must exist."""

    @abstractmethod
    def remove_account(self, debtor_id: int, creditor_id: int) -> None:
        """Remove an account, which must exist, without a trace."""

    # The books

    @abstractmethod
    def check_books(
        self, received: Mapping[int, int] = NOTHING, cut: Mapping[int, int] = NOTHING
    ) -> None:
        """Raise AssertionError when money came from nowhere, got lost, or is not really locked.

        `received` is what came from other shards, `cut` what was lost where a principal
        overflowed; both by debtor. Without them the principals of a debtor, and what is under
        way, make 0.
        """
