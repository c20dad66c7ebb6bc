"""The oracle as a node."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from .ids import parse_account_id
from .invariants import check_invariants, check_sums_and_locks
from .money import later_by
from .node import MESSAGE_TYPES, NOTHING, Node, Row
from .oracle import Authority
from .state import Message, Params


class OracleNode(Node):
    """An `Authority` with a clock; `authority.outbox` keeps all that was ever sent."""

    def __init__(self, now: datetime, params: Params | None = None) -> None:
        self.authority = Authority(params)
        self.now = now
        self._taken_count = 0

    def set_now(self, now: datetime) -> None:
        self.now = now

    def set_params(self, params: Params) -> None:
        self.authority.params = params

    # Incoming messages, and the stages

    def receive(self, *messages: Message) -> None:
        for message_type, receive in self._receivers().items():
            batch = [message for message in messages if message["type"] == message_type]
            if message_type == "ConfigureAccount":
                batch.sort(key=lambda m: (m["debtor_id"], m["creditor_id"]))
            for message in batch:
                receive(message, self.now)

    def _receivers(self) -> dict[str, Callable[[Message, datetime], None]]:
        """By the type of a message, in the order in which a batch is handled."""
        return {
            "ConfigureAccount": self.authority.configure_account,
            "FinalizeTransfer": self.authority.finalize_transfer,
            "PrepareTransfer": self.authority.prepare_transfer,
            "PendingBalanceChange": self.authority.receive_pending_balance_change,
        }

    def process_transfer_requests(self) -> None:
        self.authority.process_transfer_requests(self.now)

    def process_finalization_requests(self) -> None:
        self.authority.process_finalization_requests(self.now)

    def process_balance_changes(self) -> None:
        self.authority.process_balance_changes(self.now)

    # Chores and scans

    def perform_chore(self, chore: Message) -> None:
        self.authority.perform_chore(chore, self.now)

    def scan_accounts(self) -> list[Message]:
        return self.authority.scan_accounts(self.now)

    def scan_prepared_transfers(self) -> None:
        self.authority.scan_prepared_transfers(self.now)

    def scan_registered_balance_changes(self) -> None:
        self.authority.scan_registered_balance_changes(self.now)

    def send_prompt_account_updates(self) -> int:
        count_before = len(self.authority.outbox)
        self.authority.send_prompt_account_updates(self.now)
        return len(self.authority.outbox) - count_before

    # Outgoing messages

    def take_messages(self) -> list[Message]:
        messages = self.peek_messages()
        self._taken_count = len(self.authority.outbox)
        return messages

    def peek_messages(self) -> list[Message]:
        messages = self.authority.outbox[self._taken_count :]
        messages.sort(key=lambda message: MESSAGE_TYPES.index(message["type"]))
        return [_with_float(message) for message in messages]

    # What is remembered

    def accounts(self) -> list[Row]:
        return _rows_by_key(self.authority.accounts)

    def prepared_transfers(self) -> list[Row]:
        return _rows_by_key(self.authority.prepared)

    def transfer_requests(self) -> list[Row]:
        return [_transfer_request(message) for message in self.authority.transfer_requests]

    def finalization_requests(self) -> list[Row]:
        requests = self.authority.finalization_requests
        return [_without(message, "type", "ts") for message in requests]

    def pending_changes(self) -> list[Row]:
        return [_row(change) for change in self.authority.pending_changes]

    def registered_changes(self) -> list[Row]:
        names = ("debtor_id", "other_creditor_id", "change_id")
        return [
            dict(zip(names, key, strict=True)) | _row(entry)
            for key, entry in sorted(self.authority.registered_changes.items())
        ]

    def account(self, debtor_id: int, creditor_id: int) -> Row:
        return _row(self.authority.accounts[debtor_id, creditor_id])

    # To come to limits

    def update_account(self, debtor_id: int, creditor_id: int, **columns: Any) -> None:
        account = self.authority.accounts[debtor_id, creditor_id]
        for name, value in columns.items():
            assert hasattr(account, name), name
            setattr(account, name, value)

    def remove_account(self, debtor_id: int, creditor_id: int) -> None:
        del self.authority.accounts[debtor_id, creditor_id]

    # The books

    def check_books(
        self, received: Mapping[int, int] = NOTHING, cut: Mapping[int, int] = NOTHING
    ) -> None:
        check_sums_and_locks(self, self.authority.received, self.authority.cut)
        check_invariants(self.authority)
        assert _without_zeros(self.authority.received) == _without_zeros(received)
        assert _without_zeros(self.authority.cut) == _without_zeros(cut)


def _with_float(message: Message) -> Message:
    if message["type"] != "AccountUpdate":
        return dict(message)
    return {**message, "interest": float(message["interest"])}


def _rows_by_key(entries: Mapping[Any, Any]) -> list[Row]:
    return [_row(entry) for _, entry in sorted(entries.items())]


def _row(entry: Any) -> Row:
    # (`dataclasses.asdict` copies every value too, which takes longer than the oracle's own work)
    return dict(vars(entry))


def _transfer_request(message: Message) -> Row:
    return {
        **_without(message, "type", "recipient", "max_commit_delay", "ts"),
        "recipient_creditor_id": parse_account_id(message["recipient"]),
        "deadline": later_by(message["ts"], timedelta(seconds=message["max_commit_delay"])),
    }


def _without(message: Message, *names: str) -> Row:
    return {name: value for name, value in message.items() if name not in names}


def _without_zeros(sums: Mapping[int, int]) -> dict[int, int]:
    return {debtor_id: amount for debtor_id, amount in sums.items() if amount != 0}
