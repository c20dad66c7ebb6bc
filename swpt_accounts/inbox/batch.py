"""Decodes a batch of deliveries, and refuses balance changes that no shard has sent."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import md5
from typing import TYPE_CHECKING

from swpt_accounts.broker.consumer import Delivery, Refusal
from swpt_accounts.core.realm import Realm
from swpt_accounts.smp.decoder import MalformedMessage, decode
from swpt_accounts.smp.incoming import IncomingMessage

if TYPE_CHECKING:
    from swpt_accounts.observability.tracing.received_spans import ReceivedSpan
from typing import Final

from swpt_accounts.broker.consumer import NOT_FROM_SHARD
from swpt_accounts.broker.senders import are_verified, is_shard
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.queries import query
from swpt_accounts.settings import Settings
from swpt_accounts.smp.incoming import PendingBalanceChange

AccountKey = tuple[int, int]
"""A debtor id, and a creditor id."""


@dataclass(slots=True)
class ReceivedMessage:
    """A delivery that makes sense."""

    delivery: Delivery
    message: IncomingMessage
    span: "ReceivedSpan | None" = field(default=None, compare=False)

    @property
    def account(self) -> AccountKey:
        """The account that the message is for."""
        return self.message.debtor_id, self.message.creditor_id

    @property
    def digest(self) -> bytes:
        """Identifies this message: the MD5 digest of its body, 16 bytes."""
        return md5(self.delivery.body, usedforsecurity=False).digest()

    @property
    def trace_context(self) -> str | None:
        """What goes with the message through the tables, if it is traced."""
        return None if self.span is None else self.span.context


def decode_batch(
    deliveries: Iterable[Delivery], realm: Realm
) -> tuple[list[ReceivedMessage], list[Refusal]]:
    """Decode deliveries. Malformed ones, and those for accounts of other shards, are refused."""
    received: list[ReceivedMessage] = []
    refused: list[Refusal] = []
    for delivery in deliveries:
        properties = delivery.properties
        try:
            message = decode(properties.type, properties.content_type, delivery.body)
        except MalformedMessage as error:
            refused.append(Refusal(delivery, str(error)))
            continue
        if realm.contains(message.debtor_id, message.creditor_id):
            received.append(ReceivedMessage(delivery, message))
        else:
            refused.append(
                Refusal(
                    delivery,
                    f"account ({message.debtor_id}, {message.creditor_id}) does not belong to"
                    f" this shard, which is {realm}",
                    "other_shard",
                )
            )
    return received, refused


NO_SHARD: Final = "no other shard has sent this PendingBalanceChange"


def refuse_strangers(batch: list[Delivery], settings: Settings) -> list[Refusal]:
    """The balance changes that were not sent by a shard. That of the only one may have been in its
    outbox since it was the reference's.
    """
    shards = settings.protocol_broker_url, settings.protocol_broker_shard_users
    if not are_verified(*shards):
        return []
    is_alone = settings.realm.length == 0
    return [
        Refusal(delivery, _reason(delivery, is_alone=is_alone), NOT_FROM_SHARD)
        for delivery in batch
        if delivery.properties.type == PendingBalanceChange.__name__
        and not delivery.is_replayed
        and not is_shard(delivery.sender, *shards)
    ]


def _reason(delivery: Delivery, *, is_alone: bool) -> str:
    if is_alone:
        return f"{NO_SHARD}: there is only one"
    sender = "nobody" if delivery.sender is None else f"the user {delivery.sender!r}"
    return f"{NO_SHARD}: {sender} of RabbitMQ answers for it"


def are_strangers_taken(connection: DatabaseConnection, realm: Realm) -> bool:
    """Whether senders are still at work for which nobody answers: those of the reference in a move,
    and other shards in an upgrade. Raises `psycopg.Error`.
    """
    row = connection.raw.execute(
        query("are_strangers_taken").encode(), {"is_alone": realm.length == 0}
    ).fetchone()
    return bool(row and row[0])
