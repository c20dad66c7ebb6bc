"""The debtor, its creditors, and what their agents remember of them."""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agentkit.keys import ROOT_CREDITOR_ID, unsigned
from agentkit.messages import UNLIMITED, Message
from scripts.demo_agents.books import Books, Committed
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
    books: Books = field(default_factory=Books)
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_payment: Message | None = None

    def commit(self, sender: Account, recipient: Account, note: str, answer: Message) -> None:
        """Books a transfer of which a FinalizedTransfer says that it was made."""
        if not (sender.is_root or recipient.is_root):
            self.last_payment = answer
        transfer = Committed(
            sender=sender.creditor_id,
            recipient=recipient.creditor_id,
            amount=answer["committed_amount"],
            note=note,
            coordinator_type=answer["coordinator_type"],
            committed_at=datetime.fromisoformat(answer["ts"]),
        )
        self.books.committed.append(transfer)


def make_accounts() -> list[Account]:
    """A debtor that nobody has seen before, and some creditors; nothing is opened yet."""
    debtor_id = _random_id(*_DEBTOR_IDS)
    debtor = Account("the debtor", debtor_id, ROOT_CREDITOR_ID, config_data=_root_config_data())
    return [debtor, *(Account(name, debtor_id, _random_id(*_CREDITOR_IDS)) for name in NAMES)]


def _random_id(start: int, free_bits: int) -> int:
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
