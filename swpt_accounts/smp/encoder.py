"""From an outgoing message to the body of an AMQP message (SMP, Serialization)."""

import math

import msgspec

from swpt_accounts.smp.outgoing import OutgoingMessage

_encoder = msgspec.json.Encoder()
_NULL_VALUE = b":null"


def encode(message: OutgoingMessage) -> bytes:
    """Return the message as a JSON object in UTF-8.

    Raises `ValueError` if a number is not finite: JSON cannot express it.
    """
    body = _encoder.encode(message)
    if _NULL_VALUE in body:
        _refuse_infinite_numbers(message)
    return body


def _refuse_infinite_numbers(message: OutgoingMessage) -> None:
    """Raise `ValueError` if the encoder wrote `null` because of a number that is not finite."""
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{type(message).__name__}: `{name}` is {value}")
