"""Ids on the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.core.ids import (
    MAX_INT32,
    MAX_INT64,
    MIN_INT32,
    MIN_INT64,
    ROOT_CREDITOR_ID,
    account_id,
    parse_account_id,
    same_agent,
    to_u64,
)

int64s = st.integers(MIN_INT64, MAX_INT64)


def test_limits() -> None:
    assert (MIN_INT32, MAX_INT32) == (-2147483648, 2147483647)
    assert (MIN_INT64, MAX_INT64) == (-9223372036854775808, 9223372036854775807)
    assert ROOT_CREDITOR_ID == 0


@pytest.mark.parametrize(
    ("creditor_id", "text"),
    [
        (0, "0"),
        (1, "1"),
        (-1, "18446744073709551615"),
        (-2, "18446744073709551614"),
        (MAX_INT64, "9223372036854775807"),
        (MIN_INT64, "9223372036854775808"),
    ],
)
def test_account_id(creditor_id: int, text: str) -> None:
    assert account_id(creditor_id) == text
    assert parse_account_id(text) == creditor_id
    assert to_u64(creditor_id) == int(text)


@given(int64s)
def test_account_id_round_trip(creditor_id: int) -> None:
    assert parse_account_id(account_id(creditor_id)) == creditor_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        "01",
        "+1",
        "-1",
        "-0",
        " 1",
        "1 ",
        "1\n",
        "1.0",
        "1e3",
        "0x1",
        "1_000",
        "\u0661",  # An Arabic digit.
        "18446744073709551616",
        "99999999999999999999",
        "100000000000000000000",
        "9" * 5000,
        "account",
        "1\0",
    ],
)
def test_not_canonical_account_id(text: str) -> None:
    assert parse_account_id(text) is None


@given(st.text(alphabet="0123456789+- \n", max_size=22))
def test_only_the_canonical_form_is_parsed(text: str) -> None:
    n = parse_account_id(text)
    assert n is None or account_id(n) == text


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1 << 40, 1 << 40, True),
        (1 << 40, (1 << 41) - 1, True),
        (1 << 40, 1 << 41, False),
        (0, 0, False),
        (1, 1, False),
        ((1 << 40) - 1, (1 << 40) - 1, False),
        ((1 << 40) - 1, 1 << 40, False),
        (4294967295, 4294967296, False),
        (-1, -1, True),
        (-1, -(1 << 40), True),
        (-1, -(1 << 40) - 1, False),
        (-1, MAX_INT64, False),
        (MIN_INT64, MIN_INT64 + (1 << 40) - 1, True),
        (MIN_INT64, 0, False),
    ],
)
def test_same_agent(a: int, b: int, *, expected: bool) -> None:
    assert same_agent(a, b) is expected
    assert same_agent(b, a) is expected
