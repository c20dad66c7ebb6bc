"""Decodes a batch of deliveries."""

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
