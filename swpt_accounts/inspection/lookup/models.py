"""What is looked up, and what is found: plain objects. All moments are in UTC."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class CoordinatorRequest:
    """What a coordinator calls its transfer."""

    coordinator_type: str
    coordinator_id: int
    coordinator_request_id: int

    def __str__(self) -> str:
        return (
            f"request {self.coordinator_request_id} of the coordinator"
            f" {self.coordinator_type} {self.coordinator_id}"
        )


@dataclass(frozen=True, slots=True)
class TransferKey:
    """What the authority calls a prepared transfer. The account is the sender's."""

    debtor_id: int
    creditor_id: int
    transfer_id: int

    def __str__(self) -> str:
        return f"transfer {self.transfer_id} from account {self.debtor_id}/{self.creditor_id}"


@dataclass(frozen=True, slots=True)
class AccountKey:
    debtor_id: int
    creditor_id: int

    def __str__(self) -> str:
        return f"account {self.debtor_id}/{self.creditor_id}"


Subject = CoordinatorRequest | TransferKey | AccountKey


class TransferState(StrEnum):
    UNKNOWN = "unknown"
    VERIFYING = "recipient is verified"
    REQUESTED = "waits to be prepared"
    REJECTED = "rejected"
    PREPARED = "prepared"
    FINALIZING = "waits to be finalized"
    DISMISSED = "dismissed"
    FAILED = "not committed"
    COMMITTED = "committed"
    ENDED = "finalized, it is not known how"


@dataclass(frozen=True, slots=True)
class TraceStage:
    """A step of a transfer's way, or of an account's life.

    `at` is None if the moment was not noted. `place` is the table where it was found: `journal`,
    or where it still waits. `waits_for` says what has to happen next, where something has to.
    `fields` are the columns of the row, or the fields of the message.
    """

    name: str
    at: datetime | None
    text: str
    place: str
    waits_for: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unread:
    """A table that was not read, or not to its end, and why."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class JournalExtent:
    """What the journal has. `first_at` and `last_at` are None where it is empty."""

    days: int
    first_at: datetime | None
    last_at: datetime | None

    @property
    def is_on(self) -> bool:
        """Whether messages are noted in it, by the settings of this process."""
        return self.days > 0


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a transfer is: its stages, in the order of time, and what it waits for."""

    subject: Subject
    taken_at: datetime
    state: TransferState
    stages: tuple[TraceStage, ...]
    journal: JournalExtent
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def waits_for(self) -> tuple[str, ...]:
        """What has to happen next; nothing for a transfer that has ended."""
        return tuple(stage.waits_for for stage in self.stages if stage.waits_for)


@dataclass(frozen=True, slots=True)
class AccountTrace:
    """An account, what is on its way from it and to it, and its last messages in the journal.

    `account` has the columns of its row; None if there is no such account.
    """

    subject: AccountKey
    taken_at: datetime
    account: Mapping[str, Any] | None
    stages: tuple[TraceStage, ...]
    journal: JournalExtent
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A message that was received or sent. `message` has the fields of its body."""

    id: int
    recorded_at: datetime
    is_sent: bool
    message_type: str
    debtor_id: int
    creditor_id: int
    body: bytes
    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Some entries, the oldest first. `next_after` is for the next page; None at the end."""

    entries: tuple[JournalEntry, ...]
    next_after: tuple[datetime, int] | None
    journal: JournalExtent


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A transfer from or to an account, or a change of which no message tells.

    `amount` is what the principal changed by, and `principal` what it was afterwards. Lines with a
    `transfer_number` are AccountTransfers; those without one are differences between the
    principals of two AccountTransfers, or AccountUpdates.
    """

    at: datetime
    transfer_number: int | None
    amount: int
    principal: int
    coordinator_type: str | None = None
    sender: str | None = None
    recipient: str | None = None
    transfer_note: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """An account's principal at two moments, and what has changed it between them.

    An unknown principal is None. `problems` are discrepancies: what the lines do not
    explain. `gaps` say what cannot be known. `is_cut`: there are more lines than are shown.
    """

    subject: AccountKey
    taken_at: datetime
    since: datetime
    until: datetime
    opening_principal: int | None
    lines: tuple[StatementLine, ...]
    closing_principal: int | None
    problems: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    is_cut: bool = False


Fields = Mapping[str, Any]


def _finalize(f: Fields) -> str:
    amount = f["committed_amount"]
    return (
        f"commit {amount:,} of transfer {f['transfer_id']}"
        if amount
        else (f"dismiss transfer {f['transfer_id']}")
    )


def _finalized(f: Fields) -> str:
    return (
        f"transfer {f['transfer_id']} finalized: {f['status_code']},"
        f" {f['committed_amount']:,} committed"
    )


def _change(f: Fields) -> str:
    return (
        f"{f['principal_delta']:+,} for creditor {f['creditor_id']}, from creditor"
        f" {f['other_creditor_id']}, committed {f['committed_at']}"
    )


_WORDS: Final[dict[str, Callable[[Fields], str]]] = {
    "ConfigureAccount": lambda f: f"configure the account: flags {f['config_flags']}",
    "PrepareTransfer": lambda f: (
        f"lock {f['min_locked_amount']:,} to {f['max_locked_amount']:,} for a transfer to"
        f" {f.get('recipient', f.get('recipient_creditor_id'))}"
    ),
    "FinalizeTransfer": _finalize,
    "PendingBalanceChange": _change,
    "RejectedConfig": lambda f: f"configuration rejected: {f['rejection_code']}",
    "RejectedTransfer": lambda f: f"transfer rejected: {f['status_code']}",
    "PreparedTransfer": lambda f: (
        f"transfer {f['transfer_id']} prepared: {f['locked_amount']:,} locked until {f['deadline']}"
    ),
    "FinalizedTransfer": _finalized,
    "AccountUpdate": lambda f: (
        f"principal {f['principal']:,}, change number {f['last_change_seqnum']}, last transfer"
        f" {f['last_transfer_number']}"
    ),
    "AccountPurge": lambda f: f"account created on {f['creation_date']} purged",
    "AccountTransfer": lambda f: (
        f"transfer number {f['transfer_number']}: {f['acquired_amount']:+,}, principal"
        f" {f['principal']:,}"
    ),
}


def words(message_type: str, fields: Fields) -> str:
    """One line. Of a message of another version, whose fields are others, only the type."""
    try:
        return _WORDS[message_type](fields)
    except (KeyError, TypeError, ValueError):
        return message_type
