"""A load whose agents outlive the broker, and whose messages come twice, late, and in any order."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Event

import psycopg
from pika.exceptions import AMQPError

from agentkit.authority import Authority
from agentkit.coordinator import Transfer
from agentkit.load import Load
from agentkit.messages import Message, configure
from agentkit.observer import Observer
from verification.chaos.persisting import persist

CREDITORS_COUNT = 8
_CONFIGURE_SHARE = 0.05
_SHUFFLED_COUNT = 8
_SHUFFLED_SECONDS = 0.5
_COMMIT_DELAY_SECONDS = 1
_ANSWERS = ("PreparedTransfer", "FinalizedTransfer")
_LATE_BY = timedelta(seconds=0.5)


class LastingObserver(Observer):
    """An observer that connects again, and misses nothing: its queue is durable."""

    queue_type = "quorum"

    def receive(self, seconds_max: float = 0.05) -> None:
        try:
            super().receive(seconds_max)
        except (AMQPError, OSError):
            persist(self.reconnect)


@dataclass
class Mishaps:
    """What happens to the messages of the agents. Faults set it from their own threads."""

    doubled_share: float = 0.0
    late_share: float = 0.0
    is_reordering: bool = False
    is_paused: bool = False
    """Whether nothing new is begun."""


class ChaosLoad(Load):
    """Knows which requests may have been sent twice, and which transfers were too late."""

    def __init__(self, authority: Authority, seed: int) -> None:
        self.mishaps = Mishaps()
        self.idle = Event()
        """While nothing new is begun: whether everything has come to its end."""
        self.repeated: set[int] = set()
        """The requests to prepare that may have been sent more than once."""
        self.late: dict[int, datetime | None] = {}
        """By the numbers of the requests: when a transfer is finalized which has a deadline."""
        self.flags: dict[int, int] = {}
        """The config flags by the last ConfigureAccount of each creditor."""
        self.finalizations: dict[int, int] = {}
        """By the numbers of the requests: the place of their finalizations in the order of all."""
        self._shuffled: list[Message] = []
        self._shuffled_since = 0.0
        super().__init__(authority, seed, creditors_count=CREDITORS_COUNT)

    # -- sending ----------------------------------------------------------------

    def _send(self, message: Message) -> None:
        if message["type"] == "FinalizeTransfer":
            request_id = message["coordinator_request_id"]
            self.finalizations.setdefault(request_id, len(self.finalizations))
        if self.random.random() < self.mishaps.doubled_share:
            self._note_repetition(message)
            self._send_once(message)
        self._send_once(message)

    def _note_repetition(self, message: Message) -> None:
        if message["type"] == "PrepareTransfer":
            self.repeated.add(message["coordinator_request_id"])

    def _send_once(self, message: Message) -> None:
        if self.mishaps.is_reordering:
            self._shuffled_since = self._shuffled_since or time.monotonic()
            self._shuffled.append(message)
        else:
            self._publish(message)

    def _publish(self, message: Message) -> None:
        """Publish until the broker has confirmed it: that may be more than once."""
        if persist(lambda: self.authority.send(message)):
            self._note_repetition(message)

    def _publish_shuffled(self) -> None:
        held_seconds = time.monotonic() - self._shuffled_since
        is_due = len(self._shuffled) >= _SHUFFLED_COUNT or held_seconds >= _SHUFFLED_SECONDS
        if self._shuffled and (is_due or not self.mishaps.is_reordering):
            messages, self._shuffled, self._shuffled_since = self._shuffled, [], 0.0
            self.random.shuffle(messages)
            for message in messages:
                self._publish(message)

    # -- what is asked for --------------------------------------------------------

    def _ask_at_random(self) -> None:
        if self.random.random() < self.mishaps.late_share:
            self._ask_with_deadline()
        else:
            super()._ask_at_random()
        if self.random.random() < _CONFIGURE_SHARE:
            self._configure(self.random.choice(self.creditor_ids))

    def _ask_with_deadline(self) -> None:
        sender, recipient = self.random.sample(self.creditor_ids, 2)
        amount, delay = self.random.randrange(1, 1000), _COMMIT_DELAY_SECONDS
        transfer = self.coordinator.ask(sender, recipient, amount, max_commit_delay=delay)
        self.late[transfer.request_id] = None

    def _configure(self, creditor_id: int) -> None:
        flags = self.random.randrange(2) << 1
        self.flags[creditor_id] = flags
        self._send(configure(self.debtor_id, creditor_id, config_flags=flags))

    def _decide(self, transfer: Transfer) -> int | None:
        """None: it is held until its deadline is over."""
        if transfer.request_id in self.late and not transfer.finalization:
            deadline = datetime.fromisoformat(transfer.prepared[0]["deadline"])
            self.late[transfer.request_id] = deadline + _LATE_BY
            return None
        return super()._decide(transfer)

    def _now(self) -> datetime:
        return datetime.now(UTC)

    def _finalize_late(self) -> None:
        now = self._now()
        for request_id, moment in self.late.items():
            transfer = self.coordinator.transfers[request_id]
            if transfer.is_held and moment and now >= moment:
                self.coordinator.finalize(transfer, transfer.amount)

    # -- running ------------------------------------------------------------------

    def pump(self, *, is_over: bool = False) -> None:
        self._publish_shuffled()
        self._finalize_late()
        is_over = is_over or self.mishaps.is_paused
        super().pump(is_over=is_over)
        if self.mishaps.is_paused and self._is_idle():
            self.idle.set()
        else:
            self.idle.clear()

    def _is_idle(self) -> bool:
        return not self._in_flight_count() and not self._shuffled and self._is_quiet()

    def _is_quiet(self) -> bool:
        """Also whether the last configurations have taken effect."""
        try:
            return self.configured() == self.flags and super()._is_quiet()
        except (psycopg.Error, AMQPError):
            return False  # nobody knows

    def configured(self) -> dict[int, int]:
        """The config flags of the accounts that were configured anew."""
        statement = "SELECT creditor_id, config_flags FROM account WHERE debtor_id = %s"
        found = dict(self.authority.query(statement, self.debtor_id))
        return {creditor_id: found[creditor_id] for creditor_id in self.flags}

    def longest_silence(self) -> float:
        """The seconds in which there was no answer to a coordinator."""
        moments = [m.received_at for m in self.messages if m.type in _ANSWERS]
        return max((after - before for before, after in pairwise(moments)), default=0.0)

    # -- what must be true in the end -----------------------------------------------

    def _failures(self, transfer: Transfer) -> tuple[str, ...]:
        ids = {prepared["transfer_id"] for prepared in transfer.prepared}
        assert len(ids) == 1 or transfer.request_id in self.repeated, f"prepared twice: {transfer}"
        return ("TIMEOUT",) if transfer.request_id in self.late else ()

    def check_deadlines(self) -> None:
        """Check that what was finalized after its deadline has come to nothing."""
        in_time = [t for t in self.transfers if t.request_id in self.late]
        codes = {answer["status_code"] for transfer in in_time for answer in transfer.finalized}
        assert codes <= {"TIMEOUT"}, "finalized after the deadline"

    def check_order(self) -> None:
        """Check that each sender's requests were prepared, and finalized, in their order."""
        for creditor_id in self.creditor_ids:
            single = [
                transfer
                for transfer in self.transfers
                if transfer.sender == creditor_id and transfer.request_id not in self.repeated
            ]
            ids = [transfer.prepared[0]["transfer_id"] for transfer in single]
            assert ids == sorted(ids), f"{creditor_id} was not prepared in order: {ids}"
            single.sort(key=lambda transfer: self.finalizations[transfer.request_id])
            numbers = [
                message["transfer_number"]
                for transfer in single
                for message in transfer.account_transfers
                if message["creditor_id"] == creditor_id
            ]
            assert numbers == sorted(numbers), f"{creditor_id} did not pay in order: {numbers}"
