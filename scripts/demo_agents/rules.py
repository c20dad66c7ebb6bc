"""The fields that each message to an agent must have, and what may be in them."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

Rule = Callable[[Any], bool]
"""Tells whether a value, as JSON gave it, is right."""

_CANONICAL_U64 = re.compile(r"0|[1-9][0-9]{0,19}")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _integer(least: int, most: int) -> Rule:
    return lambda value: type(value) is int and least <= value <= most


def _text(max_length: int, pattern: str = r"(?s:.*)", *, is_ascii: bool = False) -> Rule:
    compiled = re.compile(pattern)

    def is_right(value: Any) -> bool:
        if not isinstance(value, str) or len(value) > max_length:
            return False
        return (value.isascii() or not is_ascii) and compiled.fullmatch(value) is not None

    return is_right


def _bytes_text(max_bytes: int) -> Rule:
    return lambda value: isinstance(value, str) and len(value.encode()) <= max_bytes


def _is_number(value: Any) -> bool:
    """A JSON number with a point or an exponent becomes a float, one without does not."""
    return type(value) is float and math.isfinite(value)


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and bool(_DATE_TIME.fullmatch(value)) and _parses(datetime, value)


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and bool(_DATE.fullmatch(value)) and _parses(date, value)


def _parses(kind: type[date], value: str) -> bool:
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
_NON_NEGATIVE_INT32 = _integer(0, (1 << 31) - 1)
_NON_NEGATIVE_INT64 = _integer(0, (1 << 63) - 1)
_POSITIVE_INT64 = _integer(1, (1 << 63) - 1)
_CODE = _text(30, r"[A-Z0-9_]+", is_ascii=True)

_ACCOUNT: Mapping[str, Rule] = {"debtor_id": _INT64, "creditor_id": _INT64, "ts": _is_moment}
_TRANSFER: Mapping[str, Rule] = {
    **_ACCOUNT,
    "coordinator_type": _text(30, r".+", is_ascii=True),
    "coordinator_id": _INT64,
    "coordinator_request_id": _INT64,
}

RULES: Mapping[str, Mapping[str, Rule]] = {
    "RejectedConfig": {
        **_ACCOUNT,
        "config_ts": _is_moment,
        "config_seqnum": _INT32,
        "config_flags": _INT32,
        "config_data": _bytes_text(2000),
        "negligible_amount": _is_number,
        "rejection_code": _CODE,
    },
    "RejectedTransfer": {
        **_TRANSFER,
        "status_code": _CODE,
        "total_locked_amount": _NON_NEGATIVE_INT64,
    },
    "PreparedTransfer": {
        **_TRANSFER,
        "transfer_id": _INT64,
        "locked_amount": _NON_NEGATIVE_INT64,
        "recipient": _is_account_id,
        "prepared_at": _is_moment,
        "demurrage_rate": lambda value: type(value) is float and value == -50.0,
        "deadline": _is_moment,
        "final_interest_rate_ts": _is_moment,
    },
    "FinalizedTransfer": {
        **_TRANSFER,
        "transfer_id": _INT64,
        "committed_amount": _NON_NEGATIVE_INT64,
        "status_code": _CODE,
        "total_locked_amount": _NON_NEGATIVE_INT64,
        "prepared_at": _is_moment,
    },
    "AccountUpdate": {
        **_ACCOUNT,
        "creation_date": _is_date,
        "last_change_ts": _is_moment,
        "last_change_seqnum": _INT32,
        "principal": _INT64,
        "interest": _is_number,
        "interest_rate": _is_number,
        "last_interest_rate_change_ts": _is_moment,
        "last_config_ts": _is_moment,
        "last_config_seqnum": _INT32,
        "negligible_amount": _is_number,
        "config_flags": _INT32,
        "config_data": _bytes_text(2000),
        "account_id": _is_account_id,
        "debtor_info_iri": _text(200),
        "debtor_info_content_type": _text(100, is_ascii=True),
        "debtor_info_sha256": _text(64, r"([0-9A-F]{64})?"),
        "last_transfer_number": _NON_NEGATIVE_INT64,
        "last_transfer_committed_at": _is_moment,
        "demurrage_rate": lambda value: type(value) is float and value == -50.0,
        "commit_period": _integer(1, (1 << 31) - 1),
        "transfer_note_max_bytes": lambda value: type(value) is int and value == 500,
        "ttl": _NON_NEGATIVE_INT32,
    },
    "AccountPurge": {**_ACCOUNT, "creation_date": _is_date},
    "AccountTransfer": {
        **_ACCOUNT,
        "creation_date": _is_date,
        "transfer_number": _POSITIVE_INT64,
        "coordinator_type": _text(30, r".+", is_ascii=True),
        "sender": _is_account_id,
        "recipient": _is_account_id,
        "acquired_amount": lambda value: _INT64(value) and value != 0,
        "transfer_note": _bytes_text(500),
        "transfer_note_format": _text(8, r"[0-9A-Za-z.-]*"),
        "committed_at": _is_moment,
        "principal": _INT64,
        "previous_transfer_number": _NON_NEGATIVE_INT64,
    },
}


def check_fields(message: Mapping[str, Any]) -> list[str]:
    """Says what is wrong with the fields of a message; its `type` must be one of `RULES`."""
    rules = RULES[message["type"]]
    problems = [f"the field {name} is missing" for name in rules if name not in message]
    problems += [f"unknown field {name}" for name in message if name not in {*rules, "type"}]
    for name, is_right in rules.items():
        if name in message and not is_right(message[name]):
            problems.append(f"{name} can not be {message[name]!r}")
    return problems
