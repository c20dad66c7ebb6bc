"""What every outgoing message must look like: written from the protocol, not from the code."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from tests.support.broker import Message

Check = Callable[[Any], bool]

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00")
_ACCOUNT_ID = re.compile(r"0|[1-9][0-9]{0,19}")
STATUS_CODES = {
    "SENDER_IS_UNREACHABLE",
    "RECIPIENT_IS_UNREACHABLE",
    "TIMEOUT",
    "NEWER_INTEREST_RATE",
    "TRANSFER_NOTE_IS_TOO_LONG",
    "INSUFFICIENT_AVAILABLE_AMOUNT",
    "RECIPIENT_SAME_AS_SENDER",
    "TOO_MANY_TRANSFERS",
}


def _integer(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _text(bytes_max: int) -> Check:
    return lambda value: type(value) is str and len(value.encode()) <= bytes_max


def _ascii(length_max: int, length_min: int = 0) -> Check:
    return lambda v: type(v) is str and v.isascii() and length_min <= len(v) <= length_max


def _matches(pattern: re.Pattern[str]) -> Check:
    return lambda value: type(value) is str and pattern.fullmatch(value) is not None


def _number(value: Any) -> bool:
    return type(value) is float


def _non_negative_number(value: Any) -> bool:
    return _number(value) and value >= 0


def _date(value: Any) -> bool:
    return type(value) is str and date.fromisoformat(value).isoformat() == value


def _account_id(value: Any) -> bool:
    return _matches(_ACCOUNT_ID)(value) and int(value) < 2**64


INT32 = _integer(-(2**31), 2**31 - 1)
INT64 = _integer(-(2**63), 2**63 - 1)
NON_NEGATIVE = _integer(0, 2**63 - 1)
DATE_TIME = _matches(_DATE_TIME)
COORDINATOR_TYPE = _ascii(30, 1)

COMMON: dict[str, Check] = {
    "type": lambda _: True,
    "debtor_id": INT64,
    "creditor_id": INT64,
    "ts": DATE_TIME,
}
COORDINATOR: dict[str, Check] = {
    "coordinator_type": COORDINATOR_TYPE,
    "coordinator_id": INT64,
    "coordinator_request_id": INT64,
}
FIELDS: dict[str, dict[str, Check]] = {
    "RejectedConfig": {
        "config_ts": DATE_TIME,
        "config_seqnum": INT32,
        "config_flags": INT32,
        "config_data": _text(2000),
        "negligible_amount": _non_negative_number,
        "rejection_code": lambda value: value == "INVALID_CONFIGURATION",
    },
    "RejectedTransfer": {
        **COORDINATOR,
        "status_code": STATUS_CODES.__contains__,
        "total_locked_amount": NON_NEGATIVE,
    },
    "PreparedTransfer": {
        **COORDINATOR,
        "transfer_id": INT64,
        "locked_amount": NON_NEGATIVE,
        "recipient": _account_id,
        "prepared_at": DATE_TIME,
        "demurrage_rate": lambda value: _number(value) and value == -50.0,
        "deadline": DATE_TIME,
        "final_interest_rate_ts": DATE_TIME,
    },
    "FinalizedTransfer": {
        **COORDINATOR,
        "transfer_id": INT64,
        "committed_amount": NON_NEGATIVE,
        "status_code": (STATUS_CODES | {"OK"}).__contains__,
        "total_locked_amount": NON_NEGATIVE,
        "prepared_at": DATE_TIME,
    },
    "AccountUpdate": {
        "creation_date": _date,
        "last_change_ts": DATE_TIME,
        "last_change_seqnum": INT32,
        "principal": _integer(-(2**63) + 1, 2**63 - 1),
        "interest": _number,
        "interest_rate": lambda value: _number(value) and -50.0 <= value <= 100.0,
        "last_interest_rate_change_ts": DATE_TIME,
        "last_config_ts": DATE_TIME,
        "last_config_seqnum": INT32,
        "negligible_amount": _non_negative_number,
        "config_flags": INT32,
        "config_data": _text(2000),
        "account_id": _account_id,
        "debtor_info_iri": lambda value: type(value) is str and len(value) <= 200,
        "debtor_info_content_type": _ascii(100),
        "debtor_info_sha256": _matches(re.compile(r"([0-9A-F]{64})?")),
        "last_transfer_number": NON_NEGATIVE,
        "last_transfer_committed_at": DATE_TIME,
        "demurrage_rate": lambda value: _number(value) and value == -50.0,
        "commit_period": _integer(1, 2**31 - 1),
        "transfer_note_max_bytes": lambda value: type(value) is int and value == 500,
        "ttl": _integer(1, 2**31 - 1),
    },
    "AccountPurge": {"creation_date": _date},
    "AccountTransfer": {
        "creation_date": _date,
        "transfer_number": _integer(1, 2**63 - 1),
        "coordinator_type": COORDINATOR_TYPE,
        "sender": _account_id,
        "recipient": _account_id,
        "acquired_amount": lambda value: INT64(value) and value != 0,
        "transfer_note": _text(500),
        "transfer_note_format": _matches(re.compile(r"[0-9A-Za-z.-]{0,8}")),
        "committed_at": DATE_TIME,
        "principal": INT64,
        "previous_transfer_number": NON_NEGATIVE,
    },
}
TO_COORDINATORS = {"RejectedTransfer", "PreparedTransfer", "FinalizedTransfer"}


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a property is there twice"
    return dict(pairs)


def _fail(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def parse(body: bytes) -> dict[str, Any]:
    """The body of a message. An integer and a float are told apart by how they are written."""
    data = json.loads(body.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_fail)
    assert type(data) is dict
    return data


def _hex_key(n: int) -> str:
    return ".".join(f"{byte:02x}" for byte in (n % 2**64).to_bytes(8, "big"))


def _expected_route(data: dict[str, Any]) -> tuple[str, str]:
    if data["type"] in TO_COORDINATORS:
        return "to_coordinators", _hex_key(data["coordinator_id"])
    if data["creditor_id"] == 0:
        return "to_debtors", _hex_key(data["debtor_id"])
    return "to_creditors", _hex_key(data["creditor_id"])


def _expected_headers(data: dict[str, Any]) -> dict[str, Any]:
    headers = {
        "message-type": data["type"],
        "debtor-id": data["debtor_id"],
        "creditor-id": data["creditor_id"],
    }
    if "coordinator_id" in data:
        headers["coordinator-id"] = data["coordinator_id"]
    if "coordinator_type" in data:
        headers["coordinator-type"] = data["coordinator_type"]
    return headers


def problems_of(message: Message) -> list[str]:
    """Everything that is wrong with an outgoing message; nothing for an incoming one."""
    if message.exchange == "accounts_in":
        return []
    try:
        data = parse(message.body)
        return list(_find_problems(message, data))
    except (ValueError, AssertionError, KeyError, TypeError) as error:
        return [f"{error!r}: {message}"]


def _find_problems(message: Message, data: dict[str, Any]) -> Iterator[str]:
    fields = {**COMMON, **FIELDS[data["type"]]}
    if set(data) != set(fields):
        yield f"the properties differ in {set(data) ^ set(fields)}"
    for name, check in fields.items():
        if name in data and not check(data[name]):
            yield f"{name} is {data[name]!r}"
    if b"\\u" in message.body:
        yield "text is escaped"
    yield from _find_amqp_problems(message, data)
    yield from _find_relation_problems(data)


def _find_amqp_problems(message: Message, data: dict[str, Any]) -> Iterator[str]:
    properties = message.properties
    found = {
        "delivery_mode": properties.delivery_mode,
        "content_type": properties.content_type,
        "type": properties.type,
        "app_id": properties.app_id,
        "headers": properties.headers,
        "route": (message.exchange, message.routing_key),
    }
    expected = {
        "delivery_mode": 2,
        "content_type": "application/json",
        "type": data["type"],
        "app_id": "swpt_accounts",
        "headers": _expected_headers(data),
        "route": _expected_route(data),
    }
    for name, value in expected.items():
        if found[name] != value:
            yield f"{name} is {found[name]!r}, not {value!r}"


def _find_relation_problems(data: dict[str, Any]) -> Iterator[str]:
    """Rules between the fields of one message."""
    ts = datetime.fromisoformat(data["ts"])
    if not abs((datetime.now(UTC) - ts).total_seconds()) < 3600:
        yield f"ts is {ts}"
    own_id = str(data["creditor_id"] % 2**64)
    match data["type"]:
        case "AccountUpdate":
            if data["account_id"] != own_id:
                yield f"account_id is {data['account_id']}"
            if ts < datetime.fromisoformat(data["last_change_ts"]):
                yield "ts is before last_change_ts"
        case "AccountTransfer":
            yield from _find_transfer_problems(data, own_id)
        case "FinalizedTransfer" if data["status_code"] != "OK" and data["committed_amount"]:
            yield f"{data['status_code']} with a committed amount"


def _find_transfer_problems(data: dict[str, Any], own_id: str) -> Iterator[str]:
    role = "sender" if data["acquired_amount"] < 0 else "recipient"
    if data["creditor_id"] == 0:
        yield "an AccountTransfer for a root account"
    if data[role] != own_id:
        yield f"{role} is {data[role]}, not {own_id}"
    if not data["previous_transfer_number"] < data["transfer_number"]:
        yield "transfer_number does not grow"


def chain_problems(messages: list[Message], *, are_all_reported: bool = False) -> list[str]:
    """What is wrong with the chains of AccountTransfers; repetitions must be equal.

    Where all transfers are reported, none being negligible, they add up to the principals.
    """
    transfers: dict[tuple[int, int, str], dict[int, dict[str, Any]]] = {}
    problems = []
    for message in messages:
        if message.type == "AccountTransfer":
            data = message.data
            chain = transfers.setdefault(
                (data["debtor_id"], data["creditor_id"], data["creation_date"]), {}
            )
            before = chain.setdefault(data["transfer_number"], data)
            if before != data:
                problems.append(f"repeated with a different content: {before}, {data}")
    for account, chain in transfers.items():
        problems += _chain_gaps(account, chain, are_all_reported)
    return problems


def _chain_gaps(
    account: Any, chain: dict[int, dict[str, Any]], are_all_reported: bool
) -> Iterator[str]:
    previous, principal = 0, 0
    for number in sorted(chain):
        data = chain[number]
        if data["previous_transfer_number"] != previous:
            yield f"{account}: a gap between {previous} and {data}"
        if are_all_reported and data["principal"] != principal + data["acquired_amount"]:
            yield f"{account}: {principal} before {data}"
        previous, principal = number, data["principal"]
