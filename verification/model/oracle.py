"""The oracle: an accounting authority of one shard (its realm is `#`), in memory.

    authority = Authority(Params())
    authority.configure_account({...}, now)
    authority.prepare_transfer({...}, now)
    authority.process_transfer_requests(now)
    authority.outbox

Messages are dicts with the protocol's field names and are expected to be well-formed;
moments are aware datetimes in UTC. Every operation stands for one committed transaction
at the moment `now`, and appends what it sends to `outbox`.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from . import balance_changes, chores, configuring, finalizing, preparing, scans
from .state import Message, Params, Shard

CHORES = {
    "ChangeInterestRate": chores.change_interest_rate,
    "UpdateDebtorInfo": chores.update_debtor_info,
    "CapitalizeInterest": chores.capitalize_interest,
    "TryToDeleteAccount": chores.try_to_delete_account,
}


class Authority(Shard):
    """The state of `Shard`, and everything that can happen to it."""

    def __init__(self, params: Params | None = None) -> None:
        super().__init__(params or Params())

    # Incoming messages

    def configure_account(self, message: Message, now: datetime) -> None:
        """Receive a ConfigureAccount."""
        configuring.configure_account(self, message, now)

    def prepare_transfer(self, message: Message, now: datetime) -> None:
        """Receive a PrepareTransfer: check its recipient, then queue it."""
        preparing.receive_request(self, message, now)

    def finalize_transfer(self, message: Message, now: datetime) -> None:
        """Receive a FinalizeTransfer: queue it."""
        finalizing.receive_request(self, message)

    def receive_pending_balance_change(self, message: Message, now: datetime) -> None:
        """Receive a PendingBalanceChange from another shard: archive and queue it."""
        balance_changes.receive_change(self, message)

    # Stages

    def process_transfer_requests(self, now: datetime) -> None:
        """Answer the queued PrepareTransfer messages."""
        preparing.process_requests(self, now)

    def process_finalization_requests(self, now: datetime) -> None:
        """Perform the queued FinalizeTransfer messages."""
        finalizing.process_requests(self, now)

    def process_balance_changes(self, now: datetime) -> None:
        """Apply the pending balance changes."""
        balance_changes.process_changes(self, now)

    # Chores

    def change_interest_rate(self, chore: Message, now: datetime) -> None:
        """Perform a ChangeInterestRate (debtor_id, creditor_id, interest_rate, ts)."""
        chores.change_interest_rate(self, chore, now)

    def update_debtor_info(self, chore: Message, now: datetime) -> None:
        """Perform an UpdateDebtorInfo (debtor_id, creditor_id, debtor_info_*, ts)."""
        chores.update_debtor_info(self, chore, now)

    def capitalize_interest(self, chore: Message, now: datetime) -> None:
        """Perform a CapitalizeInterest (debtor_id, creditor_id)."""
        chores.capitalize_interest(self, chore, now)

    def try_to_delete_account(self, chore: Message, now: datetime) -> None:
        """Perform a TryToDeleteAccount (debtor_id, creditor_id)."""
        chores.try_to_delete_account(self, chore, now)

    def perform_chore(self, chore: Message, now: datetime) -> None:
        """Perform a chore of any `type`, such as `scan_accounts` returns."""
        CHORES[chore["type"]](self, chore, now)

    # Scans

    def scan_accounts(self, now: datetime) -> list[Message]:
        """One pass of the accounts; returns the chores posted."""
        return scans.scan_accounts(self, now)

    def send_prompt_account_updates(self, now: datetime) -> None:
        """Send what APP_PROMPT_ACCOUNT_UPDATES does not let wait for the scan."""
        scans.send_prompt_updates(self, now)

    def scan_prepared_transfers(self, now: datetime) -> None:
        """One pass of the prepared transfers."""
        scans.scan_prepared_transfers(self, now)

    def scan_registered_balance_changes(self, now: datetime) -> None:
        """One pass of the archive of balance changes."""
        scans.scan_registered_balance_changes(self)

    # What an observer can see

    def snapshot(self) -> dict[str, Any]:
        """A copy of the whole state (without the model's own books), in plain dicts and lists."""
        return {
            "accounts": {key: asdict(account) for key, account in sorted(self.accounts.items())},
            "prepared": {key: asdict(transfer) for key, transfer in sorted(self.prepared.items())},
            "transfer_requests": [dict(request) for request in self.transfer_requests],
            "finalization_requests": [dict(request) for request in self.finalization_requests],
            "pending_changes": [asdict(change) for change in self.pending_changes],
            "registered_changes": {
                key: asdict(entry) for key, entry in sorted(self.registered_changes.items())
            },
            "outbox": [dict(message) for message in self.outbox],
        }
