"""Compares the oracle with a database: every column of every table, every field of every message.

Everything must be equal, but for accumulated interest, which may differ by what rounding makes
of it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.db.shard import Shard

from .ids import parse_account_id
from .money import LATEST, later_by
from .oracle import Authority
from .state import Message

INTEREST_DIFFERENCE_MAX = 1e-15
INTEREST_RELATIVE_DIFFERENCE_MAX = 1e-12

Row = Mapping[str, Any]
_IDENTIFYING_FIELDS = (
    "debtor_id",
    "creditor_id",
    "transfer_id",
    "coordinator_type",
    "coordinator_id",
    "coordinator_request_id",
)


def compare_states(authority: Authority, shard: Shard) -> None:
    """Raise AssertionError when the tables are not what the oracle remembers."""
    _compare_rows(map(asdict, authority.accounts.values()), shard.rows("account"), "account")
    _compare_rows(
        map(asdict, authority.prepared.values()), shard.rows("prepared_transfer"), "transfer"
    )
    _compare_rows(
        map(_transfer_request, authority.transfer_requests),
        map(_without_id, shard.rows("transfer_request")),
        "transfer request",
    )
    _compare_rows(
        map(_finalization_request, authority.finalization_requests),
        _first_of_each(map(_without_id, shard.rows("finalization_request"))),
        "finalization request",
    )
    _compare_rows(
        map(asdict, authority.pending_changes),
        map(_pending_change, shard.rows("pending_balance_change")),
        "pending change",
    )
    _compare_rows(
        (
            dict(zip(("debtor_id", "other_creditor_id", "change_id"), key, strict=True))
            | asdict(entry)
            for key, entry in authority.registered_changes.items()
        ),
        shard.rows("registered_balance_change"),
        "archive entry",
        order=_by("debtor_id", "other_creditor_id", "change_id"),
    )


def compare_messages(expected: Iterable[Message], found: Iterable[Message]) -> None:
    """Raise AssertionError unless the same messages were sent.

    Those of one type for one account must be in the same order, except for reminders.
    """
    expected_groups, found_groups = _group(expected), _group(found)
    assert expected_groups.keys() == found_groups.keys()
    for key, messages in expected_groups.items():
        assert len(messages) == len(found_groups[key]), key
        for message, other in zip(messages, found_groups[key], strict=True):
            _compare_row(message, other, f"message {key}")


def compare_chores(expected: Iterable[Message], found: Iterable[Message]) -> None:
    """Raise AssertionError unless the same chores were posted, in whatever order."""
    assert sorted(map(repr, map(_sorted_items, expected))) == sorted(
        map(repr, map(_sorted_items, found))
    )


def _sorted_items(fields: Message) -> list[tuple[str, Any]]:
    return sorted(fields.items())


def _group(messages: Iterable[Message]) -> dict[tuple[Any, ...], list[Message]]:
    groups: defaultdict[tuple[Any, ...], list[Message]] = defaultdict(list)
    for message in messages:
        groups[message["type"], message["debtor_id"], message["creditor_id"]].append(message)
    for (message_type, *_), group in groups.items():
        if message_type == "PreparedTransfer":
            group.sort(key=_by("transfer_id"))
    return groups


def _by(*names: str) -> Callable[[Row], tuple[Any, ...]]:
    return lambda row: tuple(row[name] for name in names)


def _compare_rows(
    expected: Iterable[Row],
    found: Iterable[Row],
    what: str,
    *,
    order: Callable[[Row], tuple[Any, ...]] = _by("debtor_id", "creditor_id"),
) -> None:
    """Compare as many rows; those of one account in the order in which they are."""
    expected_rows, found_rows = sorted(expected, key=order), sorted(found, key=order)
    assert len(expected_rows) == len(found_rows), f"{what}: {expected_rows} != {found_rows}"
    for expected_row, found_row in zip(expected_rows, found_rows, strict=True):
        _compare_row(expected_row, found_row, what)


def _compare_row(expected: Row, found: Row, what: str) -> None:
    assert expected.keys() == found.keys(), what
    for name, value in expected.items():
        is_same = _is_near(value, found[name]) if name == "interest" else value == found[name]
        assert is_same, f"{name} of {what}: {value!r} expected, {found[name]!r} found, in {found}"


def _is_near(expected: Decimal, found: Decimal | float) -> bool:
    difference = abs(float(expected) - float(found))
    return difference <= max(
        INTEREST_DIFFERENCE_MAX, INTEREST_RELATIVE_DIFFERENCE_MAX * abs(float(expected))
    )


def _without_id(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "id"}


def _first_of_each(rows: Iterable[Row]) -> list[Row]:
    """The database keeps later requests for the same transfer until they are processed."""
    firsts: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        firsts.setdefault(_by(*_IDENTIFYING_FIELDS)(row), row)
    return list(firsts.values())


def _transfer_request(message: Message) -> Row:
    row = {
        name: value
        for name, value in message.items()
        if name not in ("type", "recipient", "max_commit_delay", "ts")
    }
    deadline = later_by(message["ts"], timedelta(seconds=message["max_commit_delay"]))
    assert deadline < LATEST
    return {
        **row,
        "recipient_creditor_id": parse_account_id(message["recipient"]),
        "deadline": deadline,
    }


def _finalization_request(message: Message) -> Row:
    return {name: value for name, value in message.items() if name not in ("type", "ts")}


def _pending_change(row: Row) -> Row:
    """A change that was made here has a number in the database, yet none in the oracle."""
    change = {k: v for k, v in row.items() if k not in ("id", "is_registered")}
    return change if row["is_registered"] else {**change, "change_id": None}
