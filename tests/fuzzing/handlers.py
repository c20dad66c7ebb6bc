"""`./dev fuzz handlers`: what a worker makes of messages on a real broker and a real database.

In rounds: what is refused changes no table, and is put aside with the reason; what is taken is
handled to its end, by all stages, chores, scans and outboxes, and the books are right.
"""

import json
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

import pika
import psycopg

from agentkit.checks import field_problems
from agentkit.received import Received
from agentkit.waiting import NotInTimeError
from swpt_accounts.chores.tasks import CHORE_TYPES, decode_chore
from swpt_accounts.chores.worker import do_chore
from swpt_accounts.outbox.tables import OutboxTable, outbox_table, wire_cursor
from swpt_accounts.smp.encoder import encode
from swpt_accounts.smp.outgoing import SIGNALS, OutgoingMessage
from swpt_accounts.smp.types import CONTENT_TYPE
from swpt_accounts.stages.definitions import (
    BALANCE_CHANGES,
    FINALIZATION_REQUESTS,
    TRANSFER_REQUESTS,
)
from tests.fuzzing.checking import Finding, check_message
from tests.fuzzing.documents import (
    NOW,
    Document,
    body_of,
    pairs_of,
    right_document,
    right_message,
    wrong_body,
)
from tests.fuzzing.fields import FIELDS
from tests.fuzzing.place import Place, made_place
from tests.fuzzing.running import Budget, memory_bytes

ROUND_COUNT = 1000
# After so many rounds everything begins anew, with a new worker.
WORLD_ROUNDS = 20
GROWTH_BYTES_MAX = 64 * 2**20
_CHORES_COUNT = 10
_LAST_LETTER = b"the last one"
_NO_PROPERTIES = pika.BasicProperties()
_SENTINEL_DEBTOR = 4242
_TYPES = tuple(FIELDS)
# Whoever sends balance changes from nowhere makes money; a shard is not supposed to.
_FORGIVEN = {"debtor_sum", "overflown", "future_date"}
_PREPARED_NAMES = (
    *("debtor_id", "creditor_id", "transfer_id"),
    *("coordinator_type", "coordinator_id", "coordinator_request_id", "locked_amount"),
)


@dataclass(frozen=True)
class Sent:
    """A message as it goes to the broker."""

    body: bytes
    properties: dict[str, Any]


@dataclass
class Counts:
    """What has become of the messages."""

    refused: int = 0
    taken: int = 0
    outgoing: int = 0
    chores: int = 0


class Handlers:
    """Makes messages, and sees what becomes of them."""

    def __init__(self, place: Place, rng: Random) -> None:
        self.counts = Counts()
        self._place = place
        self._shard = place.shard
        self._rng = rng
        self._outboxes = [outbox_table(name, place.shard.settings) for name in SIGNALS]
        self._round = 0
        self._letters_count = 0
        self._prepared: list[dict[str, Any]] = []

    def begin_anew(self) -> None:
        """Empty tables, and a new worker."""
        self._place.stop_worker()
        self._place.start_worker()
        # A round that was broken off has left something behind.
        marker = uuid4().bytes
        self._publish([Sent(marker, {})])
        self._place.wait_for_letter(marker)
        self._place.letters.clear()
        self._shard.clear()
        self._prepared = []

    def run_round(self, count: int) -> None:
        """Send so many messages, and check everything. Raises `Finding`."""
        self._round += 1
        messages = [self._message() for _ in range(count)]
        taken: list[Sent] = []
        refused: list[Sent] = []
        for sent in messages:
            (taken if self._is_right(sent) else refused).append(sent)
        try:
            self._refuse(refused)
            self._take(taken)
            self._work_off()
            self._do_chores()
            self._flush()
            self._check_books()
        except (NotInTimeError, psycopg.Error, AssertionError, ValueError) as error:
            raise Finding(f"round {self._round}: {error!r}") from error
        self.counts.refused += len(refused)
        self.counts.taken += len(taken)

    # -- messages -------------------------------------------------------------

    def _message(self) -> Sent:
        rng = self._rng
        message_type = rng.choice(_TYPES)
        document = right_message(rng, message_type)
        if message_type == "FinalizeTransfer" and self._prepared and rng.random() < 0.8:
            self._finalize(document)
        pairs = pairs_of(document)
        body = body_of(pairs) if rng.random() < 0.7 else wrong_body(rng, pairs)
        properties = {"type": message_type, "content_type": CONTENT_TYPE}
        if rng.random() < 0.02:
            name = rng.choice(("type", "content_type"))
            properties[name] = rng.choice(
                ("", "x" * 255, "й", "ConfigureAccount\n", "AccountPurge")
            )
        return Sent(body, {**properties, "headers": self._headers()})

    def _headers(self) -> dict[str, Any] | None:
        if self._rng.random() < 0.95:
            return None
        return self._rng.choice(
            ({"x": "й" * 100}, {"x": [1, None, {"y": NOW}]}, {"CC": ["nowhere"]}, {"": 2**62})
        )

    def _finalize(self, document: Document) -> None:
        transfer = self._rng.choice(self._prepared)
        for name in _PREPARED_NAMES[:-1]:
            document[name] = json.dumps(transfer[name])
        amount = self._rng.choice((0, 1, transfer["locked_amount"], transfer["locked_amount"] + 1))
        document["committed_amount"] = str(min(amount, 2**63 - 1))

    def _is_right(self, sent: Sent) -> bool:
        message_type, content_type = sent.properties["type"], sent.properties["content_type"]
        if message_type not in FIELDS or content_type != CONTENT_TYPE:
            return False
        return check_message(message_type, sent.body) is not None

    # -- what becomes of them ---------------------------------------------------

    def _refuse(self, refused: list[Sent]) -> None:
        """All of them become dead letters, and nothing else happens."""
        before = self._place.digest()
        self._publish(refused)
        self._letters_count += len(refused)
        self._place.wait_for_letters(self._letters_count)
        self._check_letters(refused)
        after = self._place.digest()
        changed = [table for table in before if before[table] != after[table]]
        _require(not changed, f"refused messages have changed {changed}")

    def _check_letters(self, refused: list[Sent]) -> None:
        letters = self._place.letters
        _require(len(letters) == len(refused), f"{len(letters)} dead letters of {len(refused)}")
        for sent, (body, reason) in zip(refused, letters, strict=True):
            _require(body == sent.body, f"another body: {body!r:.200}")
            _require(bool(reason), "a dead letter without a reason")
        self._letters_count = 0
        letters.clear()

    def _take(self, taken: list[Sent]) -> None:
        """All of them have their effects, and none becomes a dead letter."""
        last = {
            "type": "ConfigureAccount",
            "debtor_id": _SENTINEL_DEBTOR,
            "creditor_id": 2**50 + self._round,
            "negligible_amount": 0.0,
            "config_flags": 0,
            "config_data": "",
            "ts": NOW.isoformat(),
            "seqnum": 0,
        }
        properties = {"type": "ConfigureAccount", "content_type": CONTENT_TYPE}
        self._publish([*taken, Sent(json.dumps(last).encode(), properties)])
        self._place.wait_for_account(_SENTINEL_DEBTOR, 2**50 + self._round)
        # What is refused after all is put aside after the effects of its batch, and before this.
        self._publish([Sent(_LAST_LETTER, properties)])
        self._place.wait_for_letters(1)
        refused = [letter for letter in self._place.letters if letter[0] != _LAST_LETTER]
        _require(not refused, f"taken, and then refused: {refused[:3]!r:.2000}")
        self._place.letters.clear()
        _require(not self._place.faults, f"faults: {self._place.faults[:3]}")

    def _publish(self, messages: list[Sent]) -> None:
        self._place.publish([(sent.body, sent.properties) for sent in messages])

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


def run(budget: Budget) -> None:
    """Rounds, until all inputs have been tried. Raises `Finding`."""
    with made_place(NOW) as place:
        handlers = Handlers(place, Random(budget.seed))
        number, before = 0, 0
        while budget.done_count < budget.inputs_count and not budget.is_over():
            if number % WORLD_ROUNDS == 0:
                handlers.begin_anew()
            count = min(ROUND_COUNT, budget.inputs_count - budget.done_count)
            handlers.run_round(count)
            budget.done_count += count
            number += 1
            before = before or memory_bytes()
            if number % 10 == 0:
                budget.tell(f"{budget.done_count} inputs: {vars(handlers.counts)}")
        growth = memory_bytes() - before
        budget.tell(f"{vars(handlers.counts)}, memory +{growth / 2**20:.0f} MiB")
        _require(growth < GROWTH_BYTES_MAX, f"the process has grown by {growth} bytes")


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise Finding(what)
