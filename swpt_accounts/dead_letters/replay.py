"""Sends dead letters again, each with an effect once."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pika

from swpt_accounts.broker.connections import user_of
from swpt_accounts.broker.headers import sendable_headers
from swpt_accounts.broker.publisher import Publication, Publisher
from swpt_accounts.broker.redelivery_reset import COPY_HEADER, REPLAYED_HEADER
from swpt_accounts.broker.senders import are_verified, is_shard
from swpt_accounts.dead_letters.letter import NOT_FROM_SHARD, OFFSET_HEADER, Letter
from swpt_accounts.dead_letters.resolutions import LetterState, Register
from swpt_accounts.settings import Settings
from swpt_accounts.smp.decoder import MalformedMessage
from swpt_accounts.smp.incoming import IncomingMessage, PendingBalanceChange, PrepareTransfer
from swpt_accounts.smp.routing import ACCOUNTS_IN_EXCHANGE, bits_routing_key

_ADDED_HEADERS: Final = ("x-rejection-", "x-rejected-", "x-death", "x-first-death", "x-last-death")
_COUNTING_HEADERS: Final = (OFFSET_HEADER, "x-delivery-count")
_KEPT_PROPERTIES: Final = (
    *("content_type", "content_encoding", "type", "app_id", "message_id"),
    *("correlation_id", "reply_to", "timestamp", "priority"),
)
UNCERTAIN: Final = (
    "an interrupted replay may have sent it already; a second PrepareTransfer would lock a second"
    " amount until the coordinator dismisses it. Send it anyway with --again and --offset or"
    " --digest, or discard it"
)
STRANGE: Final = (
    "no other shard has sent it: whoever did wants to have an account credited. If the books of its"
    " sender show that it is owed, send it with --again and --offset or --digest; else discard it"
)


@dataclass
class Report:
    """What a replay has done. `kept` are letters that were not sent, and why."""

    sent_count: int = 0
    kept: list[tuple[Letter, str]] = field(default_factory=list)
    kept_count: int = 0

    def keep(self, letter: Letter, reason: str, shown_count_max: int = 20) -> None:
        self.kept_count += 1
        if len(self.kept) < shown_count_max:
            self.kept.append((letter, reason))


def obstacle(letter: Letter, settings: Settings) -> str | None:
    """Why sending the message again would not help; None if it may be sent."""
    message = letter.decoded
    if isinstance(message, MalformedMessage):
        return f"it would be rejected again: {message}"
    threshold = settings.remove_from_archive_threshold_date
    if isinstance(message, PendingBalanceChange) and message.committed_at < threshold:
        return (
            f"it was committed before REMOVE_FROM_ARCHIVE_THRESHOLD_DATE ({threshold.isoformat()}),"
            " so it would be ignored, and the money lost: first set an earlier date, also for the"
            " consumers"
        )
    return None


def is_strange(letter: Letter, settings: Settings) -> bool:
    """Whether it is a balance change of which it is not known that a shard has sent it."""
    if letter.type != PendingBalanceChange.__name__:
        return False
    if letter.is_rejected:
        return letter.kind == NOT_FROM_SHARD
    # the broker has put it aside, and no consumer has looked at it
    shards = settings.protocol_broker_url, settings.protocol_broker_shard_users
    return are_verified(*shards) and not is_shard(letter.properties.user_id, *shards)


def route(message: IncomingMessage, settings: Settings) -> tuple[str, str]:
    """The exchange and the routing key with which a message is sent again.

    To this shard's queue alone, by its name: a message with the key of its account would also
    reach other queues that are bound for it. One for another shard goes where it belongs.
    """
    account = message.debtor_id, message.creditor_id
    if settings.realm.contains(*account):
        return "", settings.protocol_broker_queue
    return ACCOUNTS_IN_EXCHANGE, bits_routing_key(*account)


def publication(letter: Letter, settings: Settings) -> Publication:
    """The message of a letter, as it was before it was put aside.

    It is marked as a copy, so that the inbox recognises a PrepareTransfer that it has handled
    some minutes ago.
    """
    message = letter.decoded
    assert not isinstance(message, MalformedMessage)
    exchange, key = route(message, settings)
    user = user_of(settings.protocol_broker_url)
    headers: dict[str, Any] = {
        name: value
        for name, value in sendable_headers(letter.properties, user).items()
        if not name.startswith(_ADDED_HEADERS) and name not in _COUNTING_HEADERS
    }
    is_change = isinstance(message, PendingBalanceChange)
    answered_by = {REPLAYED_HEADER: user} if is_change else {}
    own_key = bits_routing_key(message.debtor_id, message.creditor_id)
    properties = pika.BasicProperties(
        headers={**headers, COPY_HEADER: letter.routing_key or own_key, **answered_by},
        delivery_mode=pika.DeliveryMode.Persistent.value,
        **{name: getattr(letter.properties, name) for name in _KEPT_PROPERTIES},
    )
    return Publication(exchange, key, properties, letter.body, is_signed=is_change)


class Replayer:
    """Sends letters, and notes it before and after: so it may be interrupted, and done again."""

    def __init__(self, settings: Settings, register: Register, publisher: Publisher) -> None:
        self._settings = settings
        self._register = register
        self._publisher = publisher
        self.report = Report()

    def replay(
        self, letters: Sequence[Letter], states: Sequence[LetterState], *, again: bool
    ) -> None:
        """Send letters that are in these states. `again`: also one that may have been sent.

        Raises `AMQPError` and `psycopg.Error`; then some may have been sent or not, and are noted
        as being replayed.
        """
        ready = [
            letter
            for letter, state in zip(letters, states, strict=True)
            if self._is_ready(letter, state, again=again)
        ]
        if not ready:
            self._publisher.keep_alive()
            return
        self._register.mark(ready, LetterState.REPLAYING)
        publications = [publication(letter, self._settings) for letter in ready]
        refused = self._publisher.publish(publications)
        sent = [letter for n, letter in enumerate(ready) if n not in refused]
        self._register.mark(sent, LetterState.REPLAYED)
        self._register.unmark([ready[n] for n in refused])
        self.report.sent_count += len(sent)
        for n, reason in refused.items():
            to = publications[n].exchange or publications[n].routing_key
            self.report.keep(ready[n], f"RabbitMQ returned it ({to!r}): {reason}")

    def _is_ready(self, letter: Letter, state: LetterState, *, again: bool) -> bool:
        reason = obstacle(letter, self._settings)
        if reason is None and not again:
            reason = self._doubt(letter, state)
        if reason is not None:
            self.report.keep(letter, reason)
        return reason is None

    def _doubt(self, letter: Letter, state: LetterState) -> str | None:
        """Why nobody should send the letter without having looked at it."""
        if is_strange(letter, self._settings):
            return STRANGE
        is_uncertain = state is LetterState.REPLAYING
        return UNCERTAIN if is_uncertain and isinstance(letter.decoded, PrepareTransfer) else None


@contextmanager
def open_replayer(settings: Settings, register: Register, client_name: str) -> Iterator[Replayer]:
    """A replayer with a publisher of its own. Raises `AMQPError`."""
    with closing(Publisher(settings.protocol_broker_url, client_name)) as publisher:
        yield Replayer(settings, register, publisher)
