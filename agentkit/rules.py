"""The fields that each message to an agent must have, and what may be in them."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any, NamedTuple


class Rule(NamedTuple):
    """Says in words what a value must be, and checks whether it is. JSON gave the value."""

    words: str
    is_kept_by: Callable[[Any], bool]


_CANONICAL_U64 = re.compile(r"0|[1-9][0-9]{0,19}")
# The protocol lets a moment have any offset; the authority always writes UTC.
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?\+00:00"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _integer(least: int, most: int) -> Rule:
    # A JSON number with a point or an exponent becomes a float, one without does not.
    return Rule(
        f"an integer from {least} to {most}",
        lambda value: type(value) is int and least <= value <= most,
    )


def _exactly(expected: float | str) -> Rule:
    return Rule(repr(expected), lambda value: type(value) is type(expected) and value == expected)


def _text(words: str, max_length: int, pattern: str = r"(?s:.*)") -> Rule:
    compiled = re.compile(pattern)

    def is_right(value: Any) -> bool:
        if not isinstance(value, str) or len(value) > max_length:
            return False
        return compiled.fullmatch(value) is not None

    return Rule(words, is_right)


def _utf8(max_bytes: int) -> Rule:
    def is_right(value: Any) -> bool:
        return isinstance(value, str) and len(value.encode("utf-8", "surrogatepass")) <= max_bytes

    return Rule(f"a text of at most {max_bytes} bytes", is_right)


def _one_of(*names: str) -> Rule:
    return Rule(f"one of {', '.join(names)}", lambda value: type(value) is str and value in names)


def _parses(kind: type[date], shape: re.Pattern[str], value: Any) -> bool:
    if not isinstance(value, str) or not shape.fullmatch(value):
        return False
    try:
        kind.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_account_id(value: Any) -> bool:
    if not isinstance(value, str) or not _CANONICAL_U64.fullmatch(value):
        return False
    return int(value) < 1 << 64


_INT32 = _integer(-(1 << 31), (1 << 31) - 1)
_INT64 = _integer(-(1 << 63), (1 << 63) - 1)
_NON_NEGATIVE_INT64 = _integer(0, (1 << 63) - 1)
_POSITIVE_INT64 = _integer(1, (1 << 63) - 1)
_AMOUNT = Rule("an integer that is not 0", lambda value: value != 0 and _INT64.is_kept_by(value))
_NUMBER = Rule(
    "a number with a point or an exponent",
    lambda value: type(value) is float and math.isfinite(value),
)
_MOMENT = Rule("a date-time in UTC", partial(_parses, datetime, _DATE_TIME))
_CALENDAR_DATE = Rule("a date", partial(_parses, date, _DATE))
_ACCOUNT_ID = Rule("an unsigned 64-bit decimal", _is_account_id)
_NON_NEGATIVE_NUMBER = Rule(
    "a non-negative number with a point or an exponent",
    lambda value: _NUMBER.is_kept_by(value) and value >= 0,
)
_INTEREST_RATE = Rule(
    "a number from -50.0 to 100.0", lambda value: _NUMBER.is_kept_by(value) and -50 <= value <= 100
)
_FAILURES = (
    "SENDER_IS_UNREACHABLE",
    "RECIPIENT_IS_UNREACHABLE",
    "TIMEOUT",
    "NEWER_INTEREST_RATE",
    "TRANSFER_NOTE_IS_TOO_LONG",
    "INSUFFICIENT_AVAILABLE_AMOUNT",
    "RECIPIENT_SAME_AS_SENDER",
    "TOO_MANY_TRANSFERS",
)
_COORDINATOR_TYPE = _text("1..30 ASCII symbols", 30, r"[\x00-\x7f]+")
_NOTE_FORMAT = _text("at most 8 letters, digits, points and hyphens", 8, r"[0-9A-Za-z.-]*")

_ACCOUNT: Mapping[str, Rule] = {"debtor_id": _INT64, "creditor_id": _INT64, "ts": _MOMENT}
_TRANSFER: Mapping[str, Rule] = {
    **_ACCOUNT,
    "coordinator_type": _COORDINATOR_TYPE,
    "coordinator_id": _INT64,
    "coordinator_request_id": _INT64,
}

RULES: Mapping[str, Mapping[str, Rule]] = {
    "RejectedConfig": {
        **_ACCOUNT,
        "config_ts": _MOMENT,
        "config_seqnum": _INT32,
        "config_flags": _INT32,
        "config_data": _utf8(2000),
        "negligible_amount": _NON_NEGATIVE_NUMBER,
        "rejection_code": _exactly("INVALID_CONFIGURATION"),
    },
    "RejectedTransfer": {
        **_TRANSFER,
        "status_code": _one_of(*_FAILURES),
        "total_locked_amount": _NON_NEGATIVE_INT64,
    },
    "PreparedTransfer": {
        **_TRANSFER,
        "transfer_id": _INT64,
        "locked_amount": _NON_NEGATIVE_INT64,
        "recipient": _ACCOUNT_ID,
        "prepared_at": _MOMENT,
        "demurrage_rate": _exactly(-50.0),
        "deadline": _MOMENT,
        "final_interest_rate_ts": _MOMENT,
    },
    "FinalizedTransfer": {
        **_TRANSFER,
        "transfer_id": _INT64,
        "committed_amount": _NON_NEGATIVE_INT64,
        "status_code": _one_of("OK", *_FAILURES),
        "total_locked_amount": _NON_NEGATIVE_INT64,
        "prepared_at": _MOMENT,
    },
    "AccountUpdate": {
        **_ACCOUNT,
        "creation_date": _CALENDAR_DATE,
        "last_change_ts": _MOMENT,
        "last_change_seqnum": _INT32,
        "principal": _integer(-(1 << 63) + 1, (1 << 63) - 1),
        "interest": _NUMBER,
        "interest_rate": _INTEREST_RATE,
        "last_interest_rate_change_ts": _MOMENT,
        "last_config_ts": _MOMENT,
        "last_config_seqnum": _INT32,
        "negligible_amount": _NON_NEGATIVE_NUMBER,
        "config_flags": _INT32,
        "config_data": _utf8(2000),
        "account_id": _ACCOUNT_ID,
        "debtor_info_iri": _text("at most 200 characters", 200),
        "debtor_info_content_type": _text("at most 100 ASCII symbols", 100, r"[\x00-\x7f]*"),
        "debtor_info_sha256": _text("64 upper-case hex digits, or none", 64, r"([0-9A-F]{64})?"),
        "last_transfer_number": _NON_NEGATIVE_INT64,
        "last_transfer_committed_at": _MOMENT,
        "demurrage_rate": _exactly(-50.0),
        "commit_period": _integer(1, (1 << 31) - 1),
        "transfer_note_max_bytes": _exactly(500),
        "ttl": _integer(1, (1 << 31) - 1),
    },
    "AccountPurge": {**_ACCOUNT, "creation_date": _CALENDAR_DATE},
    "AccountTransfer": {
        **_ACCOUNT,
        "creation_date": _CALENDAR_DATE,
        "transfer_number": _POSITIVE_INT64,
        "coordinator_type": _COORDINATOR_TYPE,
        "sender": _ACCOUNT_ID,
        "recipient": _ACCOUNT_ID,
        "acquired_amount": _AMOUNT,
        "transfer_note": _utf8(500),
        "transfer_note_format": _NOTE_FORMAT,
        "committed_at": _MOMENT,
        "principal": _INT64,
        "previous_transfer_number": _NON_NEGATIVE_INT64,
    },
}


def check_fields(message: Mapping[str, Any]) -> list[str]:
    """Says what is wrong with the fields of a message; its `type` must be one of `RULES`."""
    rules = RULES[message["type"]]
    problems = [f"the field {name} is missing" for name in rules if name not in message]
    problems += [f"unknown field {name}" for name in message if name not in {*rules, "type"}]
    for name, rule in rules.items():
        if name in message and not rule.is_kept_by(message[name]):
            problems.append(f"{name}: expected {rule.words}, came {message[name]!r}")
    return problems
