"""An agent that keeps an authority busy, and knows what must have become of every request."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import count

from agentkit.authority import QUEUE, Authority
from agentkit.coordinator import Coordinator, Transfer
from agentkit.database import PASSAGES, leftovers
from agentkit.messages import Message, configure, configure_root
from agentkit.observer import Observer
from agentkit.outcomes import (
    acquired_amounts,
    assert_sound,
    check_repetitions,
    paid_interest,
    transfer_problems,
)
from agentkit.received import Received
from agentkit.waiting import wait_until

CREDITORS_COUNT = 30
TRANSFERS_COUNT_MIN = 200 + CREDITORS_COUNT
IN_FLIGHT_COUNT_MAX = 15
INITIAL_AMOUNT = 1_000_000
SECONDS_MAX = 120.0
DISMISSED_PART = 0.1

_debtor_ids = count(2**41 + 1)


class Load:
    """Transfers among the accounts of a currency of its own, some of them dismissed."""

    seconds_max = SECONDS_MAX
    passages: Collection[str] = PASSAGES
    """What must be empty in the end."""
    root_config = ""

    def __init__(
        self, authority: Authority, seed: int = 1, *, creditors_count: int = CREDITORS_COUNT
    ) -> None:
        assert authority.observer is not None
        self.authority = authority
        self.observer: Observer = authority.observer
        self.debtor_id = next(_debtor_ids)
        self.creditor_ids: Sequence[int] = range(2**32 + 1, 2**32 + 1 + creditors_count)
        self.coordinator = Coordinator(self.debtor_id, self._send, self._decide)
        self.dismissed: set[int] = set()
        """The numbers of the requests that must come to nothing."""
        self.random = random.Random(seed)
        self._start = self._seen = len(self.observer.messages)
        self._at_first: Counter[int] = Counter()
        self._open()

    @property
    def messages(self) -> list[Received]:
        """Everything that was said about this currency since the load began."""
        return self.observer.find(None, self._start, debtor_id=self.debtor_id)

    def _send(self, message: Message) -> None:
        self.authority.send(message)

    def _open(self) -> None:
        """Open the accounts, and put money on them."""
        self._send(configure_root(self.debtor_id, config_data=self.root_config))
        for creditor_id in self.creditor_ids:
            self._send(configure(self.debtor_id, creditor_id))
        # An account must be there before it can receive.
        opened = {(self.debtor_id, creditor_id) for creditor_id in (0, *self.creditor_ids)}
        self._pump_until(lambda: opened <= self._updated())
        for creditor_id in self.creditor_ids:
            self._ask(0, creditor_id, INITIAL_AMOUNT)
        # What is finalized may still be on its way to the recipient.
        self._pump_until(lambda: all(transfer.is_done for transfer in self.transfers))

    def _updated(self) -> set[tuple[int, int]]:
        """The accounts about which an AccountUpdate has come."""
        found = self.observer.find("AccountUpdate", self._start)
        return {(m.data["debtor_id"], m.data["creditor_id"]) for m in found}

    @property
    def transfers(self) -> list[Transfer]:
        return list(self.coordinator.transfers.values())

    @property
    def extra_transfer_ids(self) -> set[tuple[int, int]]:
        """What was prepared for a request that had been prepared already."""
        return self.coordinator.extra_transfer_ids

    def _in_flight_count(self) -> int:
        return sum(not transfer.outcomes for transfer in self.transfers)

    def _ask(self, sender: int, recipient: int, amount: int) -> Transfer:
        lock = {} if self.random.random() < 0.5 else {"min_locked_amount": 0}
        return self.coordinator.ask(sender, recipient, amount, **lock)

    def _ask_at_random(self) -> None:
        sender, recipient = self.random.sample(self.creditor_ids, 2)
        is_dismissed = self.random.random() < DISMISSED_PART
        transfer = self._ask(sender, recipient, self.random.randrange(1, 1000))
        if is_dismissed:
            self.dismissed.add(transfer.request_id)

    def _amount(self, transfer: Transfer) -> int:
        return 0 if transfer.request_id in self.dismissed else transfer.amount

    def _decide(self, transfer: Transfer) -> int | None:
        """How much of a transfer is to be committed; None: that is not decided yet."""
        return self._amount(transfer)

    # -- what the agent does with what it receives ---------------------------

    def pump(self, *, is_over: bool = False) -> None:
        """Receive for a moment, answer, and ask for more transfers."""
        self.observer.receive()
        while self._seen < len(self.observer.messages):
            message = self.observer.messages[self._seen]
            self._seen += 1
            self.coordinator.take(message)
        if not is_over and self._in_flight_count() < IN_FLIGHT_COUNT_MAX:
            self._ask_at_random()

    # -- running -------------------------------------------------------------

    def _pump_until(self, condition: Callable[[], bool], *, is_over: bool = True) -> None:
        def is_met() -> bool:
            self.pump(is_over=is_over)
            return condition()

        wait_until(is_met, self.seconds_max)

    def run_for(self, requests_count: int) -> None:
        """Run until so many more transfers have been asked for."""
        goal = len(self.transfers) + requests_count
        self._pump_until(lambda: len(self.transfers) >= goal, is_over=False)

    def run_until(self, condition: Callable[[], bool]) -> None:
        """Run until the condition is met."""
        self._pump_until(condition, is_over=False)

    def finish(self, requests_count_min: int = 0) -> None:
        """End all transfers, of which there must have been so many."""
        missing = requests_count_min - len(self.transfers)
        if missing > 0:
            self.run_for(missing)
        self._pump_until(lambda: not self._in_flight_count())
        self._pump_until(self._is_quiet)

    def _is_quiet(self) -> bool:
        """Whether everything has been done, sent, and received."""
        if leftovers(self.authority.query, self.passages):
            return False
        # What the observer's connection holds is not counted by the broker.
        # Who waits later for what comes back to the shard's queue no longer receives.
        queues = (self.observer.queue, QUEUE)
        is_empty = not any(map(self.authority.broker.ready_count, queues))
        return is_empty and all(transfer.is_done for transfer in self.transfers)

    # -- what must be true in the end ----------------------------------------

    def principals(self) -> Counter[int]:
        """What the accounts must have."""
        found = Counter(self._at_first)
        found.update(acquired_amounts(self.transfers))
        found.update(paid_interest(self.messages))
        return found

    def check(self) -> None:
        """Check that every request has ended once, and that no money was made or lost."""
        for transfer in self.transfers:
            problems = transfer_problems(transfer, self._failures(transfer))
            assert not problems, problems
        self._check_database()
        self._check_messages()
        wait_until(lambda: self.authority.broker.ready_count(QUEUE) == 0)
        assert ".XQ" not in self.authority.log("consume_messages"), "nothing is refused"

    def _failures(self, transfer: Transfer) -> Collection[str]:
        """The codes with which a transfer may fail."""
        return ()

    def _check_database(self) -> None:
        rows = self.authority.query(
            "SELECT creditor_id, principal, total_locked_amount, pending_transfers_count"
            " FROM account WHERE debtor_id = %s",
            self.debtor_id,
        )
        found = Counter({creditor_id: principal for creditor_id, principal, _, _ in rows})
        expected = self.principals()
        assert found == expected, (found, expected)
        assert sum(found.values()) == 0
        assert all((locked, pending) == (0, 0) for *_, locked, pending in rows), rows
        self._check_books()

    def _check_books(self) -> None:
        result = self.authority.run("verify_books", "--quiet")
        assert (result.returncode, result.stdout) == (0, ""), result.stdout

    def _check_messages(self) -> None:
        assert_sound(self.messages, are_all_reported=True)
        check_repetitions(self.messages)
