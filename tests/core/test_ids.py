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
    parse_id,
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


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("0", 0),
        ("-1", -1),
        ("+7", 7),
        (" 7 ", 7),
        (str(MIN_INT64), MIN_INT64),
        (str(2**64 - 1), -1),
        ("0x1f", 31),
        ("0XFFFFFFFFFFFFFFFF", -1),
        ("fffffffffffffffe", -2),
        ("0000000100000001", 100000001),
        ("ff.ff.ff.ff.ff.ff.ff.fe", -2),
        ("00.00.00.01.00.00.00.01", 2**32 + 1),
    ],
)
def test_an_id_that_somebody_has_pasted(text: str, n: int) -> None:
    assert parse_id(text) == n


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "1.5", "0x", "1 2", "--1", "ff", "٣", "9" * 100, "0x" + "f" * 100),
        *(str(2**64), str(MIN_INT64 - 1), "0x1" + "0" * 16),
    ],
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(ValueError, match="is no id"):
        parse_id(text)


@given(st.integers(MIN_INT64, MAX_INT64))
def test_each_way_of_writing_an_id(n: int) -> None:
    assert parse_id(str(n)) == parse_id(hex(n & 2**64 - 1)) == parse_id(account_id(n)) == n
    assert parse_id((n & 2**64 - 1).to_bytes(8, "big").hex(".")) == n
