"""The books of a currency: what the authority said of each transfer must add up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from agentkit.chains import check_chain
from agentkit.keys import ROOT_CREDITOR_ID, unsigned
from agentkit.messages import Message


@dataclass(frozen=True)
class Committed:
    """A transfer that a FinalizedTransfer said was made. The debtor's creditor id is 0."""

    sender: int
    recipient: int
    amount: int
    note: str
    coordinator_type: str
    committed_at: datetime


@dataclass
class Books:
    """The transfers made, in the order of their FinalizedTransfer messages."""

    committed: list[Committed] = field(default_factory=list)

    @property
    def issued(self) -> int:
        """What the debtor has paid in all."""
        return sum(t.amount for t in self.committed if t.sender == ROOT_CREDITOR_ID)

    @property
    def returned(self) -> int:
        """What the debtor has got back."""
        return sum(t.amount for t in self.committed if t.recipient == ROOT_CREDITOR_ID)

    def balance_of(self, creditor_id: int) -> int:
        """What an account must have now (the debtor's: less than nothing)."""
        return sum(_acquired(t, creditor_id) for t in self.committed)

    def check_account(self, creditor_id: int, messages: Iterable[Message]) -> list[str]:
        """Says what is wrong with all the (well-formed) AccountTransfer messages of a creditor."""
        chain = list(messages)
        problems = check_chain(chain)
        by_note: dict[str, list[Message]] = {}
        for message in chain:
            by_note.setdefault(message["transfer_note"], []).append(message)
        for transfer in self.committed:
            if creditor_id in (transfer.sender, transfer.recipient):
                problems += _check_reported(transfer, creditor_id, by_note.pop(transfer.note, []))
        problems += [f"nobody made the transfer {note!r}, but it was reported" for note in by_note]
        return problems


def is_later(update: Message, previous: Message) -> bool:
    """Returns whether an AccountUpdate is newer than another one of the account."""
    a, b = _change(update), _change(previous)
    if a != b:
        return a > b
    ahead: int = (update["last_change_seqnum"] - previous["last_change_seqnum"]) % (1 << 32)
    return 0 < ahead < 1 << 31


def _change(update: Message) -> tuple[date, datetime]:
    creation_date = date.fromisoformat(update["creation_date"])
    return creation_date, datetime.fromisoformat(update["last_change_ts"])


def _acquired(transfer: Committed, creditor_id: int) -> int:
    sent = transfer.amount if transfer.sender == creditor_id else 0
    got = transfer.amount if transfer.recipient == creditor_id else 0
    return got - sent


def _check_reported(transfer: Committed, creditor_id: int, reports: Sequence[Message]) -> list[str]:
    if len(reports) != 1:
        return [f"expected one AccountTransfer for {transfer.note!r}, came {len(reports)}"]
    expected: dict[str, Any] = {
        "sender": unsigned(transfer.sender),
        "recipient": unsigned(transfer.recipient),
        "acquired_amount": _acquired(transfer, creditor_id),
        "coordinator_type": transfer.coordinator_type,
        "committed_at": transfer.committed_at.isoformat(),
        "transfer_note_format": "",
    }
    found = {
        **reports[0],
        "committed_at": datetime.fromisoformat(reports[0]["committed_at"]).isoformat(),
    }
    return [
        f"AccountTransfer for {transfer.note!r}: {name}: expected {value!r}, came {found[name]!r}"
        for name, value in expected.items()
        if found[name] != value
    ]
