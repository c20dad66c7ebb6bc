"""Agents that transfer money without a rest, whatever happens to the authorities."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from tests.support.authority import accounts_in_key, finalize, prepare
from tests.support.broker import Broker, Message, Observer, wait_until

# An agent hears what is sent to agents; nobody but shards may listen to `accounts_in`.
AGENTS_EXCHANGES = ("to_creditors", "to_debtors", "to_coordinators")
WAIT_SECONDS_MAX = 90.0
_END = "EndOfTraffic"
_TURN_SECONDS = 0.01
_UNFINISHED_COUNT_MAX = 2000
_DISMISSED_SHARE = 0.1
_SENT_TWICE_SHARE = 0.25


@dataclass
class Transfer:
    """A transfer, and every message about it, as often as it was received."""

    request: dict[str, Any]
    prepared: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    finalized: list[dict[str, Any]] = field(default_factory=list)
    account_transfers: list[dict[str, Any]] = field(default_factory=list)
    finalization: dict[str, Any] | None = None

    @property
    def sender(self) -> int:
        return int(self.request["creditor_id"])

    @property
    def recipient(self) -> int:
        return int(self.request["recipient"])

    @property
    def committed_amount(self) -> int:
        """What the coordinator has committed; 0 for a transfer that was dismissed or rejected."""
        return int(self.finalization["committed_amount"]) if self.finalization else 0

    @property
    def expected_account_transfers(self) -> list[tuple[int, int]]:
        """The creditor and the acquired amount of each AccountTransfer. The debtor gets none."""
        amount = self.committed_amount
        both = [(self.sender, -amount), (self.recipient, amount)] if amount else []
        return sorted(one for one in both if one[0] != 0)

    @property
    def is_done(self) -> bool:
        """Whether it was rejected or finalized, and the money has arrived."""
        if not self.finalized:
            return bool(self.rejected)
        return len(self.account_transfers) >= len(self.expected_account_transfers)


class Traffic(threading.Thread):
    """A coordinator of transfers.

    It finalizes what is prepared for it: dismisses some transfers, sends some messages twice, and
    holds some transfers back until they are released. The thread has connections of its own; the
    methods below "for the test" only leave commands for it, and look at what it has noted.
    """

    def __init__(self, broker_url: str, debtor_id: int, *, seed: int) -> None:
        super().__init__(daemon=True)
        self.messages: list[Message] = []
        """All that was received. To be read after `end`."""
        self._broker_url = broker_url
        self.debtor_id = debtor_id
        self._random = random.Random(seed)
        self._transfers: dict[int, Transfer] = {}
        self._held: dict[int, Transfer] = {}
        self._held_share = 0.0
        self._creditor_ids: Sequence[int] = ()
        self._pause_seconds = 0.0
        self._begin_at = 0.0
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_listening = threading.Event()
        self._is_over = threading.Event()
        self._error: BaseException | None = None

    # -- for the test -------------------------------------------------------

    @property
    def transfers(self) -> list[Transfer]:
        """All transfers, in the order in which they were begun."""
        with self._lock:
            return list(self._transfers.values())

    @property
    def held(self) -> list[Transfer]:
        """The transfers that are prepared, and held back."""
        with self._lock:
            return list(self._held.values())

    def listen(self) -> None:
        """Start the thread. No message is missed from now on."""
        self.start()
        self.wait_for(self._is_listening.is_set, "the agents listen")

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until a condition holds; fail at once if the thread has failed."""
        wait_until(lambda: self._has_no_error() and condition(), WAIT_SECONDS_MAX, what)

    def _has_no_error(self) -> bool:
        assert self._error is None, f"the agents have failed: {self._error!r}"
        return True

    def issue(self, creditor_id: int, amount: int) -> None:
        """Have the debtor transfer an amount to a creditor."""
        self._commands.put(lambda: self._begin(0, creditor_id, amount))

    def keep_on(
        self, creditor_ids: Sequence[int], *, transfers_a_second: float, held_share: float
    ) -> None:
        """Transfer between these creditors from now on, at this pace at most."""

        def go() -> None:
            self._held_share = held_share
            self._pause_seconds = 1 / transfers_a_second
            self._creditor_ids = creditor_ids

        self._commands.put(go)

    def release(self, transfers: Iterable[Transfer]) -> None:
        """Finalize transfers that were held back."""
        for transfer in transfers:
            self._commands.put(lambda t=transfer: self._release(t))

    def wind_up(self) -> None:
        """Begin no more transfers, and wait until all are done."""

        def stop() -> None:
            self._creditor_ids, self._held_share = (), 0.0
            for transfer in self.held:
                self._release(transfer)

        self._commands.put(stop)
        self.wait_for(lambda: not self._creditor_ids, "no more transfers are begun")
        self.wait_for(lambda: all(t.is_done for t in self.transfers), "all transfers are done")

    def end(self) -> None:
        """Receive what was sent up to now, then end the thread."""
        self._commands.put(self._send_end)
        self.wait_for(lambda: not self.is_alive(), "all messages are received")
        self._has_no_error()

    def close(self) -> None:
        """End the thread at once."""
        self._is_over.set()
        if self.ident is not None:
            self.join(WAIT_SECONDS_MAX)

    # -- the thread ---------------------------------------------------------

    def run(self) -> None:
        try:
            self._broker = Broker(self._broker_url)
            self._observer = Observer(self._broker_url, AGENTS_EXCHANGES)
            self._is_listening.set()
            while not self._is_over.is_set():
                self._take_turn()
            self._observer.close()
            self._broker.close()
        except BaseException as error:
            self._error = error

    def _take_turn(self) -> None:
        self._obey()
        if self._creditor_ids and time.monotonic() >= self._begin_at:
            self._begin_at = time.monotonic() + self._pause_seconds
            self._begin_any()
        self._observer.receive(_TURN_SECONDS)
        for message in self._observer.messages[len(self.messages) :]:
            if message.type == _END:
                self._is_over.set()
                return
            self.messages.append(message)
            self._hear(message)

    def _obey(self) -> None:
        try:
            while True:
                self._commands.get_nowait()()
        except Empty:
            pass

    def _begin_any(self) -> None:
        if sum(not t.is_done for t in self.transfers) < _UNFINISHED_COUNT_MAX:
            sender, recipient = self._random.sample(self._creditor_ids, 2)
            self._begin(sender, recipient, self._random.randint(1, 60))

    def _begin(self, sender: int, recipient: int, amount: int) -> None:
        request = prepare(self.debtor_id, sender, recipient, amount)
        with self._lock:
            self._transfers[request["coordinator_request_id"]] = Transfer(request)
        self._send(request)

    def _send(self, message: dict[str, Any]) -> None:
        """Publish: it fails when no queue takes the message."""
        self._broker.publish(
            "accounts_in",
            accounts_in_key(message["debtor_id"], message["creditor_id"]),
            json.dumps(message).encode(),
            content_type="application/json",
            type=message["type"],
        )

    def _send_end(self) -> None:
        """Messages are received in the order in which they came into the queue."""
        self._broker.publish("", self._observer.queue, type=_END)

    def _hear(self, message: Message) -> None:
        data = message.data
        match message.type:
            case "RejectedTransfer":
                self._transfers[data["coordinator_request_id"]].rejected.append(data)
            case "PreparedTransfer":
                self._hear_prepared(self._transfers[data["coordinator_request_id"]], data)
            case "FinalizedTransfer":
                self._transfers[data["coordinator_request_id"]].finalized.append(data)
            case "AccountTransfer":
                self._transfers[int(data["transfer_note"])].account_transfers.append(data)

    def _hear_prepared(self, transfer: Transfer, prepared: dict[str, Any]) -> None:
        transfer.prepared.append(prepared)
        if len(transfer.prepared) > 1:
            return
        if self._random.random() < self._held_share:
            with self._lock:
                self._held[prepared["coordinator_request_id"]] = transfer
        else:
            self._finalize(transfer)

    def _release(self, transfer: Transfer) -> None:
        with self._lock:
            del self._held[transfer.request["coordinator_request_id"]]
        self._finalize(transfer, is_dismissed=False)

    def _finalize(self, transfer: Transfer, *, is_dismissed: bool | None = None) -> None:
        prepared = transfer.prepared[0]
        if is_dismissed is None:
            is_dismissed = transfer.sender != 0 and self._random.random() < _DISMISSED_SHARE
        amount = 0 if is_dismissed else prepared["locked_amount"]
        note = str(prepared["coordinator_request_id"])
        transfer.finalization = finalize(prepared, amount, transfer_note=note)
        self._send(transfer.finalization)
        if self._random.random() < _SENT_TWICE_SHARE:
            self._send(transfer.finalization)
