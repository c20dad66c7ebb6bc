"""Compares two nodes: every column of all that they remember, every field of every message.

Everything must be equal, but for accumulated interest, which may differ by what rounding makes
of it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from .node import Node
from .state import Message

INTEREST_DIFFERENCE_MAX = 1e-15
INTEREST_RELATIVE_DIFFERENCE_MAX = 1e-12

Row = Mapping[str, Any]


def compare_states(expected: Node, found: Node) -> None:
    """Raise AssertionError when the second node does not remember what the first one does."""
    found_state = found.state()
    for what, rows in expected.state().items():
        compare_rows(rows, found_state[what], what)


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


def compare_rows(expected: Iterable[Row], found: Iterable[Row], what: str) -> None:
    """Raise AssertionError unless the rows are the same, those of one account in the same order."""
    archive = ("debtor_id", "other_creditor_id", "change_id")
    order = _by(*archive) if what == "registered change" else _by("debtor_id", "creditor_id")
    expected_rows, found_rows = sorted(expected, key=order), sorted(found, key=order)
    assert len(expected_rows) == len(found_rows), f"{what}: {expected_rows} != {found_rows}"
    for expected_row, found_row in zip(expected_rows, found_rows, strict=True):
        _compare_row(expected_row, found_row, what)


def _compare_row(expected: Row, found: Row, what: str) -> None:
    assert expected.keys() == found.keys(), what
    for name, value in expected.items():
        is_same = _is_near(value, found[name]) if name == "interest" else value == found[name]
        assert is_same, f"{name} of {what}: {value!r} expected, {found[name]!r} found, in {found}"


def _is_near(expected: Decimal | float, found: Decimal | float) -> bool:
    difference = abs(float(expected) - float(found))
    return difference <= max(
        INTEREST_DIFFERENCE_MAX, INTEREST_RELATIVE_DIFFERENCE_MAX * abs(float(expected))
    )
