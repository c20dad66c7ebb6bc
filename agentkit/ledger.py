"""Keeps book of very many transfers, of which everything must happen exactly once.

(What must happen at least once is the matter of a `Coordinator`, which keeps every message.)
"""

from array import array
from collections import Counter
from dataclasses import dataclass, field

from agentkit.chains import Link, link_problems

PROBLEMS_SHOWN_MAX = 20
PREPARED, FINALIZED, DEBITED, CREDITED, REJECTED = (1 << n for n in range(5))
_NAMES = {
    PREPARED: "prepared",
    FINALIZED: "finalized",
    DEBITED: "debited",
    CREDITED: "credited",
    REJECTED: "rejected",
}


@dataclass
class Problems:
    """What went wrong: all of it is counted, and the first of it is kept."""

    count: int = 0
    texts: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.count += 1
        if len(self.texts) < PROBLEMS_SHOWN_MAX:
            self.texts.append(text)


class Ledger:
    """The transfers of a load, by the numbers of their requests.

    A transfer is complete when its coordinator, its sender, and its recipient each know of it;
    the debtor's own account gets no AccountTransfers.
    """

    def __init__(self, first_request_id: int) -> None:
        self.problems = Problems()
        self._chains: dict[int, array[int]] = {}
        """The links of each account, one after the other, since there are millions of them."""
        self.counts: Counter[str] = Counter()
        self._first = first_request_id
        self._senders = array("q")
        self._recipients = array("q")
        self._amounts = array("q")
        self._due_at = array("d")
        self._seen = bytearray()
        self._wanted = bytearray()

    def __len__(self) -> int:
        return len(self._seen)

    def open(self, sender: int, recipient: int, amount: int, due_at: float) -> int:
        """Note a request that is about to be sent. Returns its number."""
        self._senders.append(sender)
        self._recipients.append(recipient)
        self._amounts.append(amount)
        self._due_at.append(due_at)
        self._seen.append(0)
        self._wanted.append(PREPARED | FINALIZED | CREDITED | (DEBITED if sender else 0))
        return self._first + len(self._seen) - 1

    def note(self, request_id: int, event: int) -> float | None:
        """Note an event of a transfer. Returns when its request was due; None if it is wrong."""
        index = request_id - self._first
        if not 0 <= index < len(self._seen):
            self.problems.note(f"transfer {request_id} was not asked for, but {_NAMES[event]}")
            return None
        if self._seen[index] & event:
            self.problems.note(f"transfer {request_id} was {_NAMES[event]} twice")
            return None
        self._seen[index] |= event
        self.counts[_NAMES[event]] += 1
        return self._due_at[index]

    def is_complete(self, request_id: int) -> bool:
        index = request_id - self._first
        return self._seen[index] in (self._wanted[index], REJECTED)

    def amount(self, request_id: int) -> int | None:
        """The amount that was asked for; None if there was no such request."""
        index = request_id - self._first
        return self._amounts[index] if 0 <= index < len(self._amounts) else None

    def note_account_transfer(
        self, owner: int, request_id: int, link: Link
    ) -> tuple[int, float] | None:
        """Note an AccountTransfer to the owner of an account.

        Returns the event, and when the request was due; None if it is wrong.
        """
        self._chains.setdefault(owner, array("q")).extend(link)
        event = CREDITED if link.amount > 0 else DEBITED
        due_at = self.note(request_id, event)
        if due_at is None:
            return None
        index = request_id - self._first
        expected = (self._recipients if event == CREDITED else self._senders)[index]
        if (owner, abs(link.amount)) != (expected, self._amounts[index]):
            self.problems.note(f"the party or the amount is wrong: account {owner}, {link}")
        return event, due_at

    def links(self, owner: int) -> list[Link]:
        """The chain of an account, in its order."""
        numbers = iter(self._chains[owner])
        return sorted(map(Link._make, zip(*[numbers] * len(Link._fields), strict=True)))

    def chain_ends(self) -> dict[int, tuple[int, int]]:
        """Of each account that has a chain: the last transfer number, and the principal."""
        ends = {owner: self.links(owner)[-1] for owner in self._chains}
        return {owner: (end.number, end.principal) for owner, end in ends.items()}

    def close(self) -> None:
        """Find what is missing."""
        for index, (seen, wanted) in enumerate(zip(self._seen, self._wanted, strict=True)):
            if seen == REJECTED:
                continue
            if missing := wanted & ~seen:
                names = [name for event, name in _NAMES.items() if event & missing]
                self.problems.note(f"transfer {self._first + index} was not {', '.join(names)}")
            if surplus := seen & ~wanted:
                names = [name for event, name in _NAMES.items() if event & surplus]
                self.problems.note(f"transfer {self._first + index} was {', '.join(names)}")
        for owner in self._chains:
            for text in link_problems(self.links(owner), start=None):
                self.problems.note(f"account {owner}: {text}")
