"""A crash between the commit and the acknowledgement: the broker delivers everything again."""

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest

from agentkit.authority import QUEUE, Authority
from agentkit.messages import (
    CONTENT_TYPE,
    balance_change,
    configure,
    encode,
    prepare,
)
from agentkit.waiting import wait_until
from swpt_accounts.broker.consumer import BatchConsumer, Delivery
from swpt_accounts.broker.redelivery_reset import COPY_HEADER
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.inbox import deduplication
from swpt_accounts.inbox.batch import decode_batch
from swpt_accounts.inbox.commit import apply_messages
from swpt_accounts.inbox.worker import InboxWorker
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.workers.shutdown import ShutdownEvent

DEBTOR_ID = 11
SENDER, RECIPIENT = 2**32 + 1, 2**32 + 2


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    return {"PROTOCOL_BROKER_PREFETCH_COUNT": "50"}


@pytest.fixture
def inbox(idle_authority: Authority) -> Iterator[Authority]:
    """An authority that only takes messages in: what it queues can be counted."""
    idle_authority.query(
        "INSERT INTO older_senders VALUES ('move', '9999-01-01') ON CONFLICT DO NOTHING"
    )
    yield idle_authority
    idle_authority.query("TRUNCATE transfer_request, finalization_request, handled_batch")
    idle_authority.query("TRUNCATE pending_balance_change, registered_balance_change")
    idle_authority.query("TRUNCATE account_key, account")
    idle_authority.broker.channel.queue_purge(QUEUE)


@pytest.fixture
def worker_settings(inbox: Authority) -> Settings:
    return load_settings(inbox.environment)


def count(authority: Authority, table: str) -> int:
    return int(authority.query(f"SELECT count(*) FROM {table}")[0][0])


def make_messages() -> list[dict[str, Any]]:
    """Messages of all types, which must have their effect once."""
    requests = [prepare(DEBTOR_ID, SENDER, 0, i) for i in range(1, 6)]
    changes = [balance_change(DEBTOR_ID, RECIPIENT, SENDER, 5, change_id=i) for i in range(3)]
    return [configure(DEBTOR_ID, SENDER), *requests, *changes]


def consume(settings: Settings, authority: Authority) -> None:
    """Let a worker consume until the queue is empty."""
    shutdown = ShutdownEvent()
    thread = Thread(target=InboxWorker(settings, shutdown).run)
    thread.start()
    try:
        wait_until(lambda: authority.broker.consumers_count(QUEUE) == 1)
        wait_until(lambda: authority.broker.ready_count(QUEUE) == 0)
    finally:
        # What was delivered is handled before the worker stops, or goes back.
        shutdown.request()
        thread.join(10)
    wait_until(lambda: authority.broker.consumers_count(QUEUE) == 0)
    if authority.broker.ready_count(QUEUE):
        consume(settings, authority)


def take_all(consumer: BatchConsumer, total: int) -> list[Delivery]:
    batch: list[Delivery] = []

    def has_all() -> bool:
        batch.extend(consumer.next_batch())
        return len(batch) == total

    wait_until(has_all)
    return batch


def test_lost_acknowledgement(
    inbox: Authority, worker_settings: Settings, connection: DatabaseConnection
) -> None:
    messages = make_messages()
    for message in messages:
        inbox.send(message)
    consumer = BatchConsumer(inbox.broker_url, QUEUE, "test", prefetch_count=50)
    received, refused = decode_batch(take_all(consumer, len(messages)), worker_settings.realm)
    assert not refused
    apply_messages(connection, worker_settings, received, is_repeated=False)
    consumer.close()
    wait_until(lambda: inbox.broker.ready_count(QUEUE) == len(messages))
    assert (count(inbox, "transfer_request"), count(inbox, "pending_balance_change")) == (5, 3)

    consume(worker_settings, inbox)
    assert (count(inbox, "transfer_request"), count(inbox, "pending_balance_change")) == (5, 3)


def test_committed_in_part(
    inbox: Authority, worker_settings: Settings, connection: DatabaseConnection
) -> None:
    """Some of the messages that come again were committed, and some were not."""
    messages = make_messages()
    for message in messages:
        inbox.send(message)
    consumer = BatchConsumer(inbox.broker_url, QUEUE, "test", prefetch_count=50)
    received, _ = decode_batch(take_all(consumer, len(messages)), worker_settings.realm)
    apply_messages(connection, worker_settings, received[::2], is_repeated=False)
    consumer.close()
    consume(worker_settings, inbox)
    assert (count(inbox, "transfer_request"), count(inbox, "pending_balance_change")) == (5, 3)


def test_answer_to_the_commit_is_lost(
    inbox: Authority, worker_settings: Settings, connection: DatabaseConnection
) -> None:
    """The worker does not know whether its batch is committed: it was."""
    messages = make_messages()
    for message in messages:
        inbox.send(message)
    consumer = BatchConsumer(inbox.broker_url, QUEUE, "test", prefetch_count=50)
    batch = take_all(consumer, len(messages))
    received, _ = decode_batch(batch, worker_settings.realm)
    for is_repeated in (False, True, True):
        apply_messages(connection, worker_settings, received, is_repeated=is_repeated)
    consumer.finish(batch, [])
    consumer.close()
    assert (count(inbox, "transfer_request"), count(inbox, "pending_balance_change")) == (5, 3)


def test_equal_messages_that_were_sent_twice(inbox: Authority, worker_settings: Settings) -> None:
    """Only what the broker marks as delivered again may be left out."""
    message = prepare(DEBTOR_ID, SENDER, 0, 5)
    for _ in range(2):
        inbox.send(message)
    consume(worker_settings, inbox)
    assert count(inbox, "transfer_request") == 2


@pytest.mark.parametrize("copies_count", [1, 3])
def test_copies_of_a_message(
    inbox: Authority, worker_settings: Settings, copies_count: int
) -> None:
    """A consumer that dies after it has put a copy into the queue leaves the message there too."""
    messages = make_messages()
    for _ in range(copies_count):
        for message in messages:
            inbox.broker.publish(
                "",
                QUEUE,
                encode(message),
                type=message["type"],
                content_type=CONTENT_TYPE,
                headers={COPY_HEADER: "0.1"},
            )
    consume(worker_settings, inbox)
    assert (count(inbox, "transfer_request"), count(inbox, "pending_balance_change")) == (5, 3)


def test_the_old_is_forgotten_in_a_quiet_minute(
    inbox: Authority, worker_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a consumer that has just begun to live."""
    monkeypatch.setattr(deduplication, "FORGET_AFTER_SECONDS", 0.0)
    for age in ("1 day", "1 hour", "0 seconds"):
        inbox.query(
            "INSERT INTO handled_batch (handled_at, digests) VALUES (now() - %s::interval, '{}')",
            age,
        )
    shutdown = ShutdownEvent()
    thread = Thread(target=InboxWorker(worker_settings, shutdown).run)
    thread.start()
    try:
        wait_until(lambda: count(inbox, "handled_batch") == 1)
    finally:
        shutdown.request()
        thread.join()
