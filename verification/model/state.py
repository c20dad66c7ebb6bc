"""What an authority remembers: accounts, prepared transfers, queues, and the outbox."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from .ids import ROOT_CREDITOR_ID
from .money import T0, ZERO

DELETED = 1 << 0
OVERFLOWN = 1 << 1
SCHEDULED_FOR_DELETION = 1 << 0
DEMURRAGE_RATE = -50.0

AccountKey = tuple[int, int]
Message = dict[str, Any]


def account_key(message: Message) -> AccountKey:
    """The key of the account to which the message is sent."""
    return message["debtor_id"], message["creditor_id"]


@dataclass(frozen=True)
class Params:
    """The settings of the server which bear on the algorithms, with their defaults."""

    commit_period: timedelta = timedelta(days=90)
    message_max_delay: timedelta = timedelta(days=7)
    extreme_delay: timedelta = timedelta(days=14)
    heartbeat: timedelta = timedelta(days=7)
    reminder: timedelta = timedelta(days=7)
    min_capitalization_interval: timedelta = timedelta(days=14)
    max_interest_to_principal_ratio: float = 0.0001
    min_deletion_attempt_interval: timedelta = timedelta(days=14)
    archive_threshold: datetime = T0

    @property
    def min_rate_change_interval(self) -> timedelta:
        """The shortest time between two changes of the interest rate of an account."""
        return self.message_max_delay + timedelta(days=1)


@dataclass
class Account:
    """An account; `interest` is the accumulated interest at `last_change_ts`."""

    debtor_id: int
    creditor_id: int
    creation_date: date
    last_change_ts: datetime
    last_transfer_id: int
    last_interest_capitalization_ts: datetime
    last_heartbeat_ts: datetime
    last_change_seqnum: int = 0
    principal: int = 0
    interest: Decimal = ZERO
    interest_rate: float = 0.0
    previous_interest_rate: float = 0.0
    last_interest_rate_change_ts: datetime = T0
    last_config_ts: datetime = T0
    last_config_seqnum: int = 0
    config_flags: int = 0
    config_data: str = ""
    negligible_amount: float = 0.0
    minimal_balance: int = 0
    status_flags: int = 0
    total_locked_amount: int = 0
    pending_transfers_count: int = 0
    last_transfer_number: int = 0
    last_transfer_committed_at: datetime = T0
    pending_account_update: bool = False
    last_deletion_attempt_ts: datetime = T0
    debtor_info_iri: str = ""
    debtor_info_content_type: str = ""
    debtor_info_sha256: bytes = b""

    @property
    def is_root(self) -> bool:
        """Whether it is the debtor's account."""
        return self.creditor_id == ROOT_CREDITOR_ID

    @property
    def is_deleted(self) -> bool:
        """Whether it awaits its purge."""
        return self.status_flags & DELETED != 0

    @property
    def is_scheduled_for_deletion(self) -> bool:
        """Whether its owner wants it deleted."""
        return self.config_flags & SCHEDULED_FOR_DELETION != 0


@dataclass
class PreparedTransfer:
    """A transfer that awaits its finalization."""

    debtor_id: int
    creditor_id: int
    transfer_id: int
    coordinator_type: str
    coordinator_id: int
    coordinator_request_id: int
    locked_amount: int
    recipient_creditor_id: int
    final_interest_rate_ts: datetime
    demurrage_rate: float
    deadline: datetime
    prepared_at: datetime
    last_reminder_ts: datetime | None = None


@dataclass
class BalanceChange:
    """A change that awaits its application; `change_id` is None for a change made here."""

    debtor_id: int
    creditor_id: int
    other_creditor_id: int
    change_id: int | None
    principal_delta: int
    coordinator_type: str
    transfer_note: str
    transfer_note_format: str
    committed_at: datetime


@dataclass
class RegisteredChange:
    """An archive entry, which keeps a received balance change from being applied twice."""

    committed_at: datetime
    is_applied: bool = False


@dataclass
class Shard:
    """The whole state. `transfer_requests` and `finalization_requests` are received messages.

    `received` and `cut` are the books of the model alone, both by debtor: the sum of all
    received balance changes, and what was lost where a principal overflowed.
    """

    params: Params = field(default_factory=Params)
    accounts: dict[AccountKey, Account] = field(default_factory=dict)
    prepared: dict[tuple[int, int, int], PreparedTransfer] = field(default_factory=dict)
    transfer_requests: list[Message] = field(default_factory=list)
    finalization_requests: list[Message] = field(default_factory=list)
    pending_changes: list[BalanceChange] = field(default_factory=list)
    registered_changes: dict[tuple[int, int, int], RegisteredChange] = field(default_factory=dict)
    outbox: list[Message] = field(default_factory=list)
    received: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    cut: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
