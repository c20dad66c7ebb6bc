"""What the inbox makes of messages on a real database.

In rounds: what is taken in is handled to its end, by all stages, chores, scans and outboxes, and
the books are right. (What becomes of refused messages is in tests/e2e/test_malformed.py.)
"""

import json
from dataclasses import dataclass
from os import getpid
from random import Random
from typing import Any

import pika
import psycopg

from agentkit.checks import field_problems
from agentkit.received import Received
from benchmarks.memory import read_memory
from swpt_accounts.broker.consumer import Delivery
from swpt_accounts.inbox.batch import decode_batch
from swpt_accounts.inbox.commit import apply_messages
from swpt_accounts.outbox.tables import OutboxTable, outbox_table, wire_cursor
from swpt_accounts.scans.chores import CHORE_TYPES, decode_chore
from swpt_accounts.scans.chores_worker import do_chore
from swpt_accounts.smp.outgoing import SIGNALS, OutgoingMessage, encode
from swpt_accounts.smp.types import CONTENT_TYPE
from swpt_accounts.stages.worker import (
    BALANCE_CHANGES,
    FINALIZATION_REQUESTS,
    TRANSFER_REQUESTS,
)
from verification.fuzzing.checking import Finding, check_message
from verification.fuzzing.documents import (
    Document,
    body_of,
    pairs_of,
    right_document,
    right_message,
    wrong_body,
)
from verification.fuzzing.fields import FIELDS
from verification.fuzzing.place import own_shard
from verification.kit.shard import Shard

ROUND_COUNT = 1000
BATCH_COUNT = 100
ROUNDS_COUNT = 4
GROWTH_MIB_MAX = 64
_CHORES_COUNT = 10
_NO_PROPERTIES = pika.BasicProperties()
_TYPES = tuple(FIELDS)
# Whoever sends balance changes from nowhere makes money; a shard is not supposed to.
_FORGIVEN = {"debtor_sum", "overflown", "future_date"}
_PREPARED_NAMES = (
    *("debtor_id", "creditor_id", "transfer_id"),
    *("coordinator_type", "coordinator_id", "coordinator_request_id", "locked_amount"),
)


@dataclass
class Counts:
    """What has become of the messages."""

    refused: int = 0
    taken: int = 0
    outgoing: int = 0
    chores: int = 0


class Handlers:
    """Makes messages, and sees what becomes of them."""

    def __init__(self, shard: Shard, rng: Random) -> None:
        self.counts = Counts()
        self._shard = shard
        self._rng = rng
        self._outboxes = [outbox_table(name, shard.settings) for name in SIGNALS]
        self._prepared: list[dict[str, Any]] = []

    def run_round(self, count: int) -> None:
        """Take in so many messages, and check everything. Raises `Finding`."""
        for _ in range(count // BATCH_COUNT):
            self._take_batch()
        try:
            self._work_off()
            self._do_chores()
            self._flush()
            self._check_books()
        except (psycopg.Error, AssertionError, ValueError) as error:
            raise Finding(repr(error)) from error

    def _take_batch(self) -> None:
        """What the decoder refuses is not what is right; the rest has its effects."""
        deliveries = [self._delivery() for _ in range(BATCH_COUNT)]
        right = [delivery for delivery in deliveries if self._is_right(delivery)]
        received, refused = decode_batch(deliveries, self._shard.settings.realm)
        _require([r.delivery for r in received] == right, f"refused: {refused[:3]}")
        try:
            apply_messages(
                self._shard.connection, self._shard.settings, received, is_repeated=False
            )
        except psycopg.Error as error:
            bodies = [delivery.body for delivery in right]
            raise Finding(f"taken, and then refused: {error!r}, one of {bodies!r:.9000}") from error
        self.counts.refused += len(refused)
        self.counts.taken += len(received)

    # -- messages -------------------------------------------------------------

    def _delivery(self) -> Delivery:
        rng = self._rng
        message_type = rng.choice(_TYPES)
        document = right_message(rng, message_type)
        if message_type == "FinalizeTransfer" and self._prepared and rng.random() < 0.8:
            self._finalize(document)
        pairs = pairs_of(document)
        body = body_of(pairs) if rng.random() < 0.7 else wrong_body(rng, pairs)
        properties = pika.BasicProperties(type=message_type, content_type=CONTENT_TYPE)
        if rng.random() < 0.02:
            name = rng.choice(("type", "content_type"))
            odd = rng.choice(("", "x" * 255, "й", "ConfigureAccount\n", "AccountPurge"))
            setattr(properties, name, odd)
        return Delivery(1, "", False, properties, body)

    def _finalize(self, document: Document) -> None:
        transfer = self._rng.choice(self._prepared)
        for name in _PREPARED_NAMES[:-1]:
            document[name] = json.dumps(transfer[name])
        amount = self._rng.choice((0, 1, transfer["locked_amount"], transfer["locked_amount"] + 1))
        document["committed_amount"] = str(min(amount, 2**63 - 1))

    def _is_right(self, delivery: Delivery) -> bool:
        message_type, content_type = delivery.properties.type, delivery.properties.content_type
        if message_type not in FIELDS or content_type != CONTENT_TYPE:
            return False
        return check_message(message_type, delivery.body) is not None

    # -- what becomes of them ---------------------------------------------------

    def _work_off(self) -> None:
        for stage in (TRANSFER_REQUESTS, FINALIZATION_REQUESTS, BALANCE_CHANGES):
            while self._shard.run_stage(stage)[0]:
                pass
            _require(not self._shard.left_ids, f"{stage.procedure.name} leaves rows")
            if stage is TRANSFER_REQUESTS:
                self._prepared = self._shard.prepared_transfers()[-50:]
        for table in ("transfer_request", "finalization_request", "pending_balance_change"):
            _require(not self._shard.rows(table), f"there is something left in {table}")

    def _do_chores(self) -> None:
        self._shard.scan_prepared_transfers()
        self._shard.scan_registered_balance_changes()
        for chore in self._shard.scan_accounts():
            self._shard.perform_chore(chore)
            self.counts.chores += 1
        for _ in range(_CHORES_COUNT):
            chore_type = self._rng.choice(tuple(CHORE_TYPES))
            body = body_of(pairs_of(right_document(self._rng, chore_type)))
            one = decode_chore(chore_type, body)
            _require(do_chore(self._shard.connection, self._shard.settings, one), "not done")
            self.counts.chores += 1
        while self._shard.run_stage(BALANCE_CHANGES)[0]:
            pass

    def _flush(self) -> None:
        self._shard.send_prompt_account_updates()
        for table in self._outboxes:
            while messages := self._take_messages(table):
                for message in messages:
                    body = encode(message)
                    problems = field_problems(Received("", "", _NO_PROPERTIES, body))
                    _require(not problems, f"{problems}: {body!r:.500}")
                self.counts.outgoing += len(messages)

    def _take_messages(self, table: OutboxTable) -> list[OutgoingMessage]:
        rows = (
            wire_cursor(self._shard.connection.raw)
            .execute(table.take_query, {"after_id": 0, "count_max": 1000})
            .fetchall()
        )
        return [table.message(row) for row in rows]

    def _check_books(self) -> None:
        findings = [f for f in self._shard.find_book_errors() if f.code not in _FORGIVEN]
        _require(not findings, f"the books: {findings[:3]}")


def run(seed: int) -> str:
    """The rounds of a seed. Returns what is to be told. Raises `Finding`."""
    with own_shard() as place:
        handlers = Handlers(place.shard, Random(seed))
        handlers.run_round(ROUND_COUNT)
        before = read_memory(getpid()).resident
        for _ in range(ROUNDS_COUNT - 1):
            handlers.run_round(ROUND_COUNT)
        growth = read_memory(getpid()).resident - before
    _require(growth < GROWTH_MIB_MAX, f"the process has grown by {growth:.0f} MiB")
    return f"{vars(handlers.counts)}, memory +{growth:.0f} MiB"


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise Finding(what)
