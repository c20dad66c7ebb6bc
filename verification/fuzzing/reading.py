"""A second reader of messages, by the words of protocol-json.rst and nothing else.

It shares no code with the decoder: it reads with Python's own `json`, and computes moments by hand.
Where the document leaves a choice, it says so.
"""

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Any, NoReturn

from verification.fuzzing.fields import FIELDS, Float, Integer, Kind, Moment, Text

# Deeper documents are read, or not, as the stack allows.
_BRACKETS_COUNT_MAX = 400
_INTEGER = re.compile(r"-?[0-9]{1,30}")
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
# Whatever form of ISO 8601 it is, it has digits, and an offset in the end.
_MAYBE_MOMENT = re.compile(r"[-+0-9][^\n]*[0-9][^\n]*(?:[zZ]|[+-][0-9:]+)")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_DAY = 86_400_000_000
LAST_MICROSECOND = date.max.toordinal() * _DAY - 1


class Refused(Exception):
    """The message breaks a rule."""


class Undecided(Exception):
    """Both to read it and to refuse it is right."""


@dataclass(frozen=True)
class _Number:
    text: str


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with all its properties, those that come twice too."""


def read(message_type: str, body: bytes) -> dict[str, Any]:
    """The values of all fields; moments in microseconds since the year 1. Raises `Refused`,
    `Undecided`.
    """
    try:
        text = body.decode()
        document = json.loads(
            text,
            object_pairs_hook=_Pairs,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_refuse_constant,
        )
    except RecursionError:
        raise Undecided("deep") from None
    except ValueError as error:
        raise Refused(f"not JSON: {error}") from None
    if not isinstance(document, _Pairs):
        raise Refused("not an object")
    doubts: list[str] = []
    message = _read_fields(message_type, document, doubts)
    _check_together(message_type, message)
    if sum(map(text.count, "[{")) > _BRACKETS_COUNT_MAX:
        doubts.append("deep")
    if _SURROGATE_ESCAPE.search(text) and len(document) > len(message) + 1:
        doubts.append("perhaps a lone surrogate in what is ignored")
    if doubts:
        raise Undecided(doubts[0])
    return message


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _read_fields(message_type: str, document: _Pairs, doubts: list[str]) -> dict[str, Any]:
    message = {}
    types: list[Any] = [value for name, value in document if name == "type"]
    if not types or types[-1] != message_type:
        raise Refused("another type, or none")
    if any(value != message_type for value in types):
        doubts.append("an earlier `type` is wrong")
    for name, kind in FIELDS[message_type].items():
        *earlier, last = [value for found, value in document if found == name] or [None]
        try:
            message[name] = _read_value(name, kind, last)
        except Undecided as doubt:
            doubts.append(str(doubt))
            message[name] = None
        try:
            for value in earlier:
                _read_value(name, kind, value)
        except (Refused, Undecided):
            doubts.append(f"an earlier `{name}` is wrong")
    return message


def _read_value(name: str, kind: Kind, value: Any) -> Any:
    match kind:
        case Integer() if isinstance(value, _Number) and _INTEGER.fullmatch(value.text):
            if kind.low <= int(value.text) <= kind.high:
                return int(value.text)
        case Float() if isinstance(value, _Number):
            if 0.0 <= float(value.text) < float("inf"):
                return float(value.text)
        case Text() if isinstance(value, str):
            if _is_right(kind, value):
                return value
        case Moment() if isinstance(value, str):
            return _read_moment(name, kind, value)
    raise Refused(f"`{name}` is wrong")


def _is_right(kind: Text, value: str) -> bool:
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        return False
    return (
        kind.length_min <= len(value) <= kind.length_max
        and len(value.encode()) <= kind.bytes_max
        and re.fullmatch(kind.pattern, value) is not None
    )


def _read_moment(name: str, kind: Moment, text: str) -> int:
    found = _MOMENT.fullmatch(text)
    if found is None:
        if _MAYBE_MOMENT.fullmatch(text):
            raise Undecided(f"`{name}` is in another form, perhaps")
        raise Refused(f"`{name}` is not a moment")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    offset_hours, offset_minutes = int(found[9] or 0), int(found[10] or 0)
    if year == 0 and kind.is_open:
        raise Undecided("the year 0")
    if max(hour, offset_hours) > 23 or max(minute, second, offset_minutes) > 59:
        raise Refused(f"`{name}`: there is no such time")
    try:
        days = date(year, month, day).toordinal() - 1
    except ValueError:
        raise Refused(f"`{name}`: there is no such day") from None
    offset = (offset_hours * 60 + offset_minutes) * (-1 if found[8] == "-" else 1)
    seconds = ((hour * 60 + minute - offset) * 60) + second
    moment = days * _DAY + seconds * 1_000_000 + int((found[7] or "").ljust(6, "0"))
    if not 0 <= moment <= LAST_MICROSECOND and not kind.is_open:
        raise Refused(f"`{name}` is not within the years 1 to 9999")
    return min(max(moment, 0), LAST_MICROSECOND)


def _check_together(message_type: str, message: dict[str, Any]) -> None:
    if message_type == "PendingBalanceChange" and message["principal_delta"] == 0:
        raise Refused("`principal_delta` is zero")
    if message_type != "PrepareTransfer":
        return
    if message["min_locked_amount"] > message["max_locked_amount"]:
        raise Refused("the locked amounts")
    coordinator, creditor = message["coordinator_id"] % 2**64, message["creditor_id"] % 2**64
    rules = {
        "direct": coordinator == creditor,
        "issuing": creditor == 0 and coordinator == message["debtor_id"] % 2**64,
        "agent": creditor >> 40 == coordinator >> 40 != 0,
    }
    if not rules.get(message["coordinator_type"], True):
        raise Refused("the coordinator")
