"""Agents that transfer money without a rest, whatever happens to the authorities."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from agentkit.broker import Broker
from agentkit.coordinator import Coordinator, Transfer
from agentkit.messages import Message
from agentkit.observer import TO_AGENTS, Observer
from agentkit.received import Received
from agentkit.waiting import wait_until

WAIT_SECONDS_MAX = 90.0
_END = "EndOfTraffic"
_TURN_SECONDS = 0.01
_UNFINISHED_COUNT_MAX = 2000
_DISMISSED_SHARE = 0.1
_SENT_TWICE_SHARE = 0.25


class Traffic(threading.Thread):
    """A coordinator of transfers.

    It finalizes what is prepared for it: dismisses some transfers, sends some messages twice, and
    holds some transfers back until they are released. The thread has connections of its own; the
    methods below "for the test" only leave commands for it, and look at what it has noted.
    """

    def __init__(self, broker_url: str, debtor_id: int, *, seed: int) -> None:
        super().__init__(daemon=True)
        self.messages: list[Received] = []
        """All that was received. To be read after `end`."""
        self._broker_url = broker_url
        self.debtor_id = debtor_id
        self._random = random.Random(seed)
        self._coordinator = Coordinator(debtor_id, self._send, self._decide)
        self._held_share = 0.0
        self._creditor_ids: Sequence[int] = ()
        self._pause_seconds = 0.0
        self._begin_at = 0.0
        self._commands: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._is_listening = threading.Event()
        self._is_over = threading.Event()
        self._error: BaseException | None = None

    # -- for the test -------------------------------------------------------

    @property
    def transfers(self) -> list[Transfer]:
        """All transfers, in the order in which they were begun."""
        return list(self._coordinator.transfers.values())

    @property
    def held(self) -> list[Transfer]:
        """The transfers that are prepared, and held back."""
        return [transfer for transfer in self.transfers if transfer.is_held]

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
        self._commands.put(lambda: self._coordinator.ask(0, creditor_id, amount))

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
            self._commands.put(partial(self._release, transfer))

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
            self._observer = Observer(self._broker_url, TO_AGENTS)
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
            self._coordinator.take(message)

    def _obey(self) -> None:
        try:
            while True:
                self._commands.get_nowait()()
        except Empty:
            pass

    def _begin_any(self) -> None:
        if sum(not t.is_done for t in self.transfers) < _UNFINISHED_COUNT_MAX:
            sender, recipient = self._random.sample(self._creditor_ids, 2)
            self._coordinator.ask(sender, recipient, self._random.randint(1, 60))

    def _send(self, message: Message) -> None:
        """Publish: it fails when no queue takes the message. Some messages are sent twice."""
        self._broker.send(message)
        is_finalization = message["type"] == "FinalizeTransfer"
        if is_finalization and self._random.random() < _SENT_TWICE_SHARE:
            self._broker.send(message)

    def _send_end(self) -> None:
        """Messages are received in the order in which they came into the queue."""
        self._broker.publish("", self._observer.queue, type=_END)

    def _decide(self, transfer: Transfer) -> int | None:
        if self._random.random() < self._held_share:
            return None
        if transfer.sender != 0 and self._random.random() < _DISMISSED_SHARE:
            return 0
        return transfer.amount

    def _release(self, transfer: Transfer) -> None:
        self._coordinator.finalize(transfer, transfer.amount)
