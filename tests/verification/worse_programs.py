"""The program made worse in known ways: what the simulation has to find."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest import mock

import swpt_accounts.inbox.commit
import swpt_accounts.outbox.worker
from swpt_accounts.broker.consumer import BatchConsumer
from swpt_accounts.broker.publisher import Publisher
from swpt_accounts.inbox.batch import ReceivedMessage
from swpt_accounts.inbox.parking import LockedAccounts
from swpt_accounts.inbox.worker import InboxWorker
from swpt_accounts.outbox.worker import FlushWorker

Patches = Iterator[Any]


def _ack_before_commit() -> Patches:
    """The inbox acknowledges a batch, and then commits it."""
    take_effect = InboxWorker._commit

    def worse(self: InboxWorker, consumer: BatchConsumer, ready: list[ReceivedMessage]) -> None:
        consumer.finish([r.delivery for r in ready], [])
        with mock.patch.object(consumer, "finish"):
            take_effect(self, consumer, ready)

    yield mock.patch.object(InboxWorker, "_commit", worse)


def _delete_before_confirm() -> Patches:
    """The flusher commits the removal of the rows, and then publishes their messages."""
    send = FlushWorker._send

    def worse(self: FlushWorker, connection: Any, *arguments: Any) -> None:
        connection.raw.execute("COMMIT")
        connection.raw.execute("BEGIN")
        send(self, connection, *arguments)

    yield mock.patch.object(FlushWorker, "_send", worse)


def _no_redelivery() -> Patches:
    """A redelivered PrepareTransfer is not recognised."""

    def worse(_connection: Any, counted: list[ReceivedMessage], **_: bool) -> list[ReceivedMessage]:
        return counted

    yield mock.patch.object(swpt_accounts.inbox.commit, "without_handled", worse)


def _no_confirms() -> Patches:
    """The flusher does not wait until its messages are taken, and confirmed."""
    await_confirms = Publisher._await_confirms

    def wait_for_probes(self: Publisher, count_max: int, *rest: Any, **names: Any) -> None:
        if "is_waiting" in names:
            await_confirms(self, count_max, *rest, **names)

    yield mock.patch.object(Publisher, "_await_confirms", wait_for_probes)


def _refused_is_sent() -> Patches:
    """What the broker does not take counts as sent."""
    yield mock.patch.object(swpt_accounts.outbox.worker, "put_aside")


def _commit_not_repeated() -> Patches:
    """After a lost answer of a commit, the batch is taken in as if it were new."""
    persist = InboxWorker._persist

    def worse(self: InboxWorker, consumer: BatchConsumer, step: Callable[..., Any]) -> Any:
        return persist(self, consumer, lambda connection, _: step(connection, False))

    yield mock.patch.object(InboxWorker, "_persist", worse)


def _held_are_forgotten() -> Patches:
    """What waits for the lock of an account is acknowledged before it has taken effect."""
    park = LockedAccounts.park

    def worse(
        self: LockedAccounts, connection: Any, received: list[ReceivedMessage]
    ) -> list[ReceivedMessage]:
        others = park(self, connection, received)
        self.clear()
        return others

    yield mock.patch.object(LockedAccounts, "park", worse)


MUTATIONS: Final[dict[str, Callable[[], Patches]]] = {
    "ack-before-commit": _ack_before_commit,
    "delete-before-confirm": _delete_before_confirm,
    "no-redelivery": _no_redelivery,
    "no-confirms": _no_confirms,
    "refused-is-sent": _refused_is_sent,
    "commit-not-repeated": _commit_not_repeated,
    "held-are-forgotten": _held_are_forgotten,
}


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """Within it, the program is made worse."""
    patches = list(MUTATIONS[name]())
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()
