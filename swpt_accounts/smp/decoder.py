"""From the body of an AMQP message to an incoming message, or to the reason why not."""

import re
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final, get_args, get_type_hints

import msgspec
from msgspec.structs import asdict

from swpt_accounts.core.timestamps import MAX_MOMENT, MIN_MOMENT
from swpt_accounts.smp.incoming import IncomingMessage
from swpt_accounts.smp.types import CONTENT_TYPE

MESSAGE_TYPES: Final = {cls.__name__: cls for cls in get_args(IncomingMessage)}
MAX_REASON_LENGTH: Final = 300

_MOMENT_FIELDS = ("ts", "committed_at", "final_interest_rate_ts")
# Python's parser lets more through than ISO 8601, and each version of it lets something else.
_ISO_SHAPE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-?W[0-9]{2}-?[0-9])T"
    r"[0-9]{2}:?[0-9]{2}(:?[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-5][0-9])?)"
)
# A year before 1 or after 9999, which Python has no moments of.
_FAR_YEAR = re.compile(r"(0000|-[0-9]{4,9}|\+?[0-9]{5,9})(?=-[0-9]{2}-[0-9]{2}T)")
_ESCAPED_NUL = b"\\u0000"
_TRUNCATED = "Input data was truncated"
# An escape of the first or the second half of a pair, which the other half does not stand by.
_LONE_SURROGATE = re.compile(
    rb"(?<!\\)(?:\\\\)*+(\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|[c-fC-F]..))"
)
# A union, even for one type: a lone type is decoded with no regard to a missing `type`.
_decoder: msgspec.json.Decoder[IncomingMessage] = msgspec.json.Decoder(IncomingMessage)


def _with_moments_as_text(cls: type[msgspec.Struct]) -> type[msgspec.Struct]:
    hints = get_type_hints(cls, include_extras=True)
    fields = [(n, str if n in _MOMENT_FIELDS else hints[n]) for n in cls.__struct_fields__]
    return msgspec.defstruct(cls.__name__, fields, tag=True, gc=False)


_text_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    reduce(or_, map(_with_moments_as_text, MESSAGE_TYPES.values()))
)


class MalformedMessage(ValueError):
    """The message breaks a rule of the protocol.

    Its text is one line of at most `MAX_REASON_LENGTH` printable characters.
    """

    def __init__(self, reason: str) -> None:
        if len(reason) > MAX_REASON_LENGTH:
            # What the decoder quotes may be long; the end says where it is.
            reason = f"{reason[: MAX_REASON_LENGTH - 101]}…{reason[-100:]}"
        super().__init__("".join(c if c.isprintable() else "?" for c in reason))


def decode(message_type: str | None, content_type: str | None, body: bytes) -> IncomingMessage:
    """Decode and check a message, given the AMQP properties `type` and `content_type`.

    Raises `MalformedMessage`, and nothing else, whatever the body contains.
    """
    if content_type != CONTENT_TYPE:
        raise MalformedMessage(f"the content type is {content_type!r}, not {CONTENT_TYPE!r}")
    if message_type not in MESSAGE_TYPES:
        raise MalformedMessage(f"the message type {message_type!r} is unknown")
    try:
        message = _decode_body(body)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"{message_type}: {error}") from None
    found_type = type(message).__name__
    if found_type != message_type:
        raise MalformedMessage(f"the body of this {message_type} says it is a {found_type}")
    return message


def _decode_body(body: bytes) -> IncomingMessage:
    if not body.isascii():
        body.decode()  # The decoder does not check unknown properties.
    try:
        message = _decode_json(body)
    except msgspec.DecodeError as error:
        # In a property that is ignored, the decoder takes this for the end of the body.
        if str(error) == _TRUNCATED and (found := _LONE_SURROGATE.search(body)):
            raise ValueError(f"a string has a lone surrogate (byte {found.start(1)})") from None
        raise
    if _ESCAPED_NUL in body:
        _refuse_nul(message)
    return message


def _decode_json(body: bytes) -> IncomingMessage:
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        if "RFC3339" not in str(error):
            raise
    return _decode_other_iso_forms(body)


def _decode_other_iso_forms(body: bytes) -> IncomingMessage:
    """Decode a message in which a moment has a form of ISO 8601 that RFC 3339 leaves out."""
    message = _text_decoder.decode(body)
    properties = asdict(message)
    for name in _MOMENT_FIELDS:
        if name in properties:
            properties[name] = _parse_moment(name, properties[name])
    decoded: IncomingMessage = msgspec.convert(properties, MESSAGE_TYPES[type(message).__name__])
    return decoded


def _parse_moment(name: str, text: str) -> datetime:
    year = int(far[1]) if (far := _FAR_YEAR.match(text)) else 1
    is_far = not 1 <= year <= 9999
    if is_far:
        # The calendar repeats itself every 400 years.
        text = _FAR_YEAR.sub(str(2000 + year % 400), text)
    try:
        moment = datetime.fromisoformat(text) if _ISO_SHAPE.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(f"`{name}` is not an ISO 8601 date-time with an offset")
    if not is_far:
        return moment
    if name != "final_interest_rate_ts":
        raise ValueError(f"`{name}` is a moment that is not within years 1..9999 in UTC")
    return MIN_MOMENT if year < 1 else MAX_MOMENT


def _refuse_nul(message: IncomingMessage) -> None:
    for name in message.__struct_fields__:
        value = getattr(message, name)
        if isinstance(value, str) and "\0" in value:
            raise ValueError(f"`{name}` contains a NUL character")


BYTES_MAX: Final = 100_000
_TEXT_LENGTH_MAX: Final = 30


class _Ids(msgspec.Struct, gc=False):
    """What a message may have, of whatever type. Other properties are ignored."""

    debtor_id: Any = None
    creditor_id: Any = None
    coordinator_type: Any = None
    coordinator_id: Any = None
    coordinator_request_id: Any = None
    transfer_id: Any = None


_ids_decoder = msgspec.json.Decoder(_Ids)


def ids_in(body: bytes) -> dict[str, int | str]:
    """The ids of a message that look like ids. Whatever the body is, nothing is raised."""
    if len(body) > BYTES_MAX:
        return {}
    try:
        found = msgspec.structs.asdict(_ids_decoder.decode(body))
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in found.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _TEXT_LENGTH_MAX and value.isascii() and value.isprintable()
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64
