"""Agents that transfer money without a rest, whatever happens to the authority."""

import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.authority import accounts_in_key, finalize, prepare
from tests.support.broker import Broker, Message, Observer

# An agent hears what is sent to agents; nobody but shards may listen to `accounts_in`.
AGENTS_EXCHANGES = ("to_creditors", "to_debtors", "to_coordinators")


@dataclass
class Transfer:
    """What is known of one transfer. Messages that were repeated are there once."""

    request: dict[str, Any]
    prepared: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    finalized: list[dict[str, Any]] = field(default_factory=list)
    finalization: dict[str, Any] | None = None

    @property
    def is_finished(self) -> bool:
        return bool(self.rejected or self.finalized)

    @property
    def committed_amount(self) -> int:
        return sum(f["committed_amount"] for f in self.finalized)


class Traffic(threading.Thread):
    """Begins transfers at a pace, and finalizes them.

    Some are dismissed, some finalizations are sent twice, and some prepared transfers are kept
    back until `release`. The observer belongs to the thread until it has ended.
    """

    def __init__(
        self,
        observer: Observer,
        broker_url: str,
        debtor_id: int,
        creditor_ids: Sequence[int],
        *,
        transfers_a_second: float,
        seed: int,
    ) -> None:
        super().__init__(daemon=True)
        self.observer = observer
        self.transfers: dict[int, Transfer] = {}
        self.error: BaseException | None = None
        self._broker_url = broker_url
        self._debtor_id = debtor_id
        self._creditor_ids = creditor_ids
        self._pause_seconds = 1 / transfers_a_second
        self._random = random.Random(seed)
        self._seen_count = len(observer.messages)
        self._kept_back: list[tuple[Transfer, dict[str, Any]]] = []
        self._is_released = threading.Event()
        self._is_finishing = threading.Event()

    # -- for the test -------------------------------------------------------

    def finished_count(self) -> int:
        """How many transfers have ended."""
        assert self.error is None, self.error
        return sum(t.is_finished for t in list(self.transfers.values()))

    def release(self) -> None:
        """Finalize the transfers that were kept back."""
        self._is_released.set()

    def finish(self, seconds_max: float) -> None:
        """Begin no more transfers, and wait until all have ended."""
        self.release()
        self._is_finishing.set()
        self.join(seconds_max)
        unfinished = [t for t in self.transfers.values() if not t.is_finished]
        assert self.error is None, self.error
        assert not self.is_alive(), f"{len(unfinished)} transfers do not end: {unfinished[:3]}"

    # -- the thread ---------------------------------------------------------

    def run(self) -> None:
        try:
            broker = Broker(self._broker_url)
            self._work(broker)
            broker.close()
        except BaseException as error:
            self.error = error

    def _work(self, broker: Broker) -> None:
        next_at = time.monotonic()
        while not (
            self._is_finishing.is_set() and all(t.is_finished for t in self.transfers.values())
        ):
            if time.monotonic() >= next_at and not self._is_finishing.is_set():
                self._begin(broker)
                next_at += self._pause_seconds
            self.observer.receive(0.01)
            messages = self.observer.messages[self._seen_count :]
            self._seen_count += len(messages)
            for message in messages:
                self._hear(broker, message)
            if self._is_released.is_set():
                for transfer, prepared in self._kept_back:
                    self._finalize(broker, transfer, prepared)
                self._kept_back = []

    def _begin(self, broker: Broker) -> None:
        sender, recipient = self._random.sample(self._creditor_ids, 2)
        request = prepare(self._debtor_id, sender, recipient, self._random.randint(1, 60))
        self.transfers[request["coordinator_request_id"]] = Transfer(request)
        self._send(broker, request)

    def _send(self, broker: Broker, message: dict[str, Any]) -> None:
        """Publish: it fails when no queue takes the message."""
        broker.publish(
            "accounts_in",
            accounts_in_key(message["debtor_id"], message["creditor_id"]),
            json.dumps(message).encode(),
            content_type="application/json",
            type=message["type"],
        )

    def _hear(self, broker: Broker, message: Message) -> None:
        lists = {
            "PreparedTransfer": "prepared",
            "RejectedTransfer": "rejected",
            "FinalizedTransfer": "finalized",
        }
        data = message.data
        transfer = self.transfers.get(data.get("coordinator_request_id"))
        if message.type not in lists or transfer is None:
            return
        known = getattr(transfer, lists[message.type])
        is_new = data not in known
        if is_new:
            known.append(data)
        if message.type != "PreparedTransfer":
            return
        if is_new and self._random.random() < 0.15 and not self._is_released.is_set():
            self._kept_back.append((transfer, data))
        elif is_new or transfer.finalization is not None:
            self._finalize(broker, transfer, data)

    def _finalize(self, broker: Broker, transfer: Transfer, prepared: dict[str, Any]) -> None:
        if transfer.finalization is None:
            is_dismissed = self._random.random() < 0.1
            amount = 0 if is_dismissed else prepared["locked_amount"]
            transfer.finalization = finalize(prepared, amount)
        for _ in range(self._random.choice((1, 1, 1, 2))):
            self._send(broker, transfer.finalization)
