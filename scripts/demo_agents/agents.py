"""The debtor, its creditors, and what their agents remember of them."""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agentkit.coordinator import Transfer
from agentkit.keys import ROOT_CREDITOR_ID, unsigned
from agentkit.messages import UNLIMITED, Message
from agentkit.outcomes import acquired_amounts
from scripts.demo_agents.conversation import Conversation

NAMES = ("Ana", "Boris", "Chiara")
INTEREST_RATE = 3.5  # annual, in percent
ISSUED_AT_ONCE = 100_000  # to each creditor
LIMIT = 100_000_000
# They begin as the agents' queues expect it; the rest, so many bits, is random.
_DEBTOR_IDS = (0x1234ABCD << 32, 32)
_CREDITOR_IDS = (0x000001 << 40, 40)


@dataclass
class Account:
    """An account, and what the last AccountUpdate said of it."""

    name: str
    debtor_id: int
    creditor_id: int
    config_data: str = ""
    negligible_amount: float = UNLIMITED  # as wallets have it in the beginning
    seqnum: int = 0
    update: Message | None = None

    @property
    def ids(self) -> tuple[int, int]:
        """The debtor's and the creditor's id."""
        return self.debtor_id, self.creditor_id

    @property
    def account_id(self) -> str:
        """How transfers name the account."""
        return unsigned(self.creditor_id)

    @property
    def is_root(self) -> bool:
        """Whether this is the debtor's own account."""
        return self.creditor_id == ROOT_CREDITOR_ID

    @property
    def commit_period(self) -> timedelta:
        """The longest life of a transfer that is prepared."""
        return timedelta(seconds=self.update["commit_period"] if self.update else 0)


@dataclass
class Agents:
    """Everything that the two agents know."""

    conversation: Conversation
    debtor: Account
    creditors: list[Account]
    transfers: list[Transfer] = field(default_factory=list)
    """Those that were made, in the order of their FinalizedTransfers."""
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def last_payment(self) -> Message | None:
        """The FinalizedTransfer of the last transfer between creditors."""
        parties = ((t, {t.sender, t.recipient}) for t in reversed(self.transfers))
        return next((t.finalized[0] for t, ids in parties if ROOT_CREDITOR_ID not in ids), None)

    @property
    def issued(self) -> int:
        """What the debtor has paid in all."""
        return sum(t.amount for t in self.transfers if t.sender == ROOT_CREDITOR_ID)

    @property
    def returned(self) -> int:
        """What the debtor has got back."""
        return sum(t.amount for t in self.transfers if t.recipient == ROOT_CREDITOR_ID)

    def balance_of(self, account: Account) -> int:
        """What an account must have now (the debtor's: less than nothing)."""
        return acquired_amounts(self.transfers)[account.creditor_id]


def make_accounts(debtor_ids: tuple[int, int] = _DEBTOR_IDS) -> list[Account]:
    """A debtor that nobody has seen before, and some creditors; nothing is opened yet.

    Ids begin with a number; the rest, so many bits, is random.
    """
    debtor_id = random_id(*debtor_ids)
    debtor = Account("the debtor", debtor_id, ROOT_CREDITOR_ID, config_data=_root_config_data())
    return [debtor, *(Account(name, debtor_id, random_id(*_CREDITOR_IDS)) for name in NAMES)]


def random_id(start: int, free_bits: int) -> int:
    """One that begins like this."""
    return start + random.randrange(1, 1 << free_bits)


def _root_config_data() -> str:
    """What the debtor says of its currency."""
    info = {
        "type": "DebtorInfo",
        "iri": "https://example.com/currency",
        "contentType": "text/html",
        "sha256": "0123456789ABCDEF" * 4,
    }
    config = {"type": "RootConfigData", "rate": INTEREST_RATE, "limit": LIMIT, "info": info}
    return json.dumps(config)
