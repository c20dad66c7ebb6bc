"""Keeps book of what has happened to each transfer, and finds what should not have happened."""

from array import array
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.agents.messages import AccountTransfer

PROBLEMS_SHOWN_MAX = 20
PREPARED, FINALIZED, DEBITED, CREDITED = (1 << n for n in range(4))
_NAMES = {PREPARED: "prepared", FINALIZED: "finalized", DEBITED: "debited", CREDITED: "credited"}


@dataclass
class Problems:
    """What went wrong: all of it is counted, and the first of it is kept."""

    count: int = 0
    texts: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.count += 1
        if len(self.texts) < PROBLEMS_SHOWN_MAX:
            self.texts.append(text)


class Chain:
    """The AccountTransfers of one account: numbered without a gap, each with its principal.

    They may come in any order: several flushers overtake each other.
    """

    def __init__(self) -> None:
        self.number = 0
        self.principal = 0
        self._waiting: dict[int, AccountTransfer] = {}
        """Those that came before their predecessor, by the number of that one."""
        self._first_number = 0
        self._first_principal = 0
        self._earlier: dict[int, AccountTransfer] = {}
        """Those that come before the first of the chain, by their own number."""

    def add(self, transfer: AccountTransfer, problems: Problems) -> None:
        """Add a link. The first one that is seen begins the chain, until an earlier one comes."""
        if self.number == 0:
            self.number = self._first_number = transfer.previous_transfer_number
            self.principal = transfer.principal - transfer.acquired_amount
            self._first_principal = self.principal
        if transfer.transfer_number <= self._first_number:
            self._earlier[transfer.transfer_number] = transfer
            self._lengthen_at_start(problems)
        else:
            self._waiting[transfer.previous_transfer_number] = transfer
            self._lengthen(problems)

    def _lengthen(self, problems: Problems) -> None:
        while (link := self._waiting.pop(self.number, None)) is not None:
            if link.principal != self.principal + link.acquired_amount:
                problems.note(f"the principal does not add up: {link}")
            self.number = link.transfer_number
            self.principal = link.principal

    def _lengthen_at_start(self, problems: Problems) -> None:
        while (link := self._earlier.pop(self._first_number, None)) is not None:
            if link.principal != self._first_principal:
                problems.note(f"the principal does not add up: {link}")
            self._first_number = link.previous_transfer_number
            self._first_principal = link.principal - link.acquired_amount

    def loose(self) -> list[AccountTransfer]:
        """Those between which and the others something is missing."""
        return [*self._earlier.values(), *self._waiting.values()]


class Ledger:
    """The transfers of a load, by the numbers of their requests.

    A transfer is complete when its coordinator, its sender, and its recipient each know of it;
    the debtor's own account gets no AccountTransfers.
    """

    def __init__(self, first_request_id: int) -> None:
        self.problems = Problems()
        self.chains: dict[int, Chain] = {}
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
        return self._seen[index] == self._wanted[index]

    def amount(self, request_id: int) -> int | None:
        """The amount that was asked for; None if there was no such request."""
        index = request_id - self._first
        return self._amounts[index] if 0 <= index < len(self._amounts) else None

    def note_account_transfer(self, transfer: AccountTransfer) -> tuple[int, int, float] | None:
        """Note a message to the owner of an account.

        Returns the request, the event, and when the request was due; None if it is wrong.
        """
        self.chains.setdefault(transfer.creditor_id, Chain()).add(transfer, self.problems)
        request_id = int(transfer.transfer_note)
        event = CREDITED if transfer.acquired_amount > 0 else DEBITED
        due_at = self.note(request_id, event)
        if due_at is None:
            return None
        index = request_id - self._first
        owner = (self._recipients if event == CREDITED else self._senders)[index]
        if (transfer.creditor_id, abs(transfer.acquired_amount)) != (owner, self._amounts[index]):
            self.problems.note(f"the parties or the amount are wrong: {transfer}")
        return request_id, event, due_at

    def close(self) -> None:
        """Find what is missing."""
        for index, (seen, wanted) in enumerate(zip(self._seen, self._wanted, strict=True)):
            if missing := wanted & ~seen:
                names = [name for event, name in _NAMES.items() if event & missing]
                self.problems.note(f"transfer {self._first + index} was not {', '.join(names)}")
            if surplus := seen & ~wanted:
                names = [name for event, name in _NAMES.items() if event & surplus]
                self.problems.note(f"transfer {self._first + index} was {', '.join(names)}")
        for creditor_id, chain in self.chains.items():
            for transfer in chain.loose():
                self.problems.note(f"a gap in the chain of account {creditor_id}: {transfer}")
