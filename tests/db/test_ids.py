"""Ids, seqnums and realms in SQL, against those in Python."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swpt_accounts.core.ids import account_id, same_agent
from swpt_accounts.core.realm import ACCOUNT_BITS_LENGTH, MAX_REALM_LENGTH, Realm, account_bits
from swpt_accounts.db.connection import DatabaseConnection
from verification.kit.arithmetic import call_function
from verification.kit.shard import Shard
from verification.model.builders import MICROSECOND, NOW, SECOND
from verification.model.money import MAX_INT32, MAX_INT64, is_later_seqnum, next_seqnum

INT64 = st.integers(-MAX_INT64 - 1, MAX_INT64)
INT32 = st.integers(-MAX_INT32 - 1, MAX_INT32)
SETTINGS = settings(deadline=None, database=None, max_examples=100)


@SETTINGS
@given(creditor_id=INT64)
def test_account_ids(shared_connection: DatabaseConnection, creditor_id: int) -> None:
    assert call_function(shared_connection, "account_id", creditor_id) == account_id(creditor_id)


@SETTINGS
@given(creditor_id=INT64, other=INT64, is_near=st.booleans())
def test_agents(
    shared_connection: DatabaseConnection, creditor_id: int, other: int, is_near: bool
) -> None:
    other = creditor_id ^ (other & 0x1FFFFFFFFFF) if is_near else other
    expected = same_agent(creditor_id, other)
    assert call_function(shared_connection, "same_agent", creditor_id, other) == expected


@SETTINGS
@given(debtor_id=INT64, creditor_id=INT64, length=st.integers(0, MAX_REALM_LENGTH))
def test_realms(
    shared_connection: DatabaseConnection, debtor_id: int, creditor_id: int, length: int
) -> None:
    bits = account_bits(debtor_id, creditor_id) >> (ACCOUNT_BITS_LENGTH - length)
    assert Realm(bits, length).contains(debtor_id, creditor_id)
    account = debtor_id, creditor_id
    assert call_function(shared_connection, "in_realm", *account, bits, length)
    if length > 0:
        assert not call_function(shared_connection, "in_realm", *account, bits ^ 1, length)


@SETTINGS
@given(seqnum=INT32)
def test_next_seqnum(shared_connection: DatabaseConnection, seqnum: int) -> None:
    assert call_function(shared_connection, "next_seqnum", seqnum) == next_seqnum(seqnum)


@SETTINGS
@given(seqnum=INT32, other=INT32, is_near=st.booleans())
def test_order_of_seqnums(
    shared_connection: DatabaseConnection, seqnum: int, other: int, is_near: bool
) -> None:
    if is_near:
        other = (seqnum + other % 5 - 2 + 2**31) % 2**32 - 2**31
    expected = is_later_seqnum(seqnum, other)
    assert call_function(shared_connection, "is_later_seqnum", seqnum, other) == expected


@pytest.mark.parametrize(
    ("ts", "seqnum", "other_ts", "other_seqnum", "is_later"),
    [
        (NOW, 1, NOW, 0, True),
        (NOW, 0, NOW, 0, False),
        (NOW, -(2**31), NOW, 2**31 - 1, True),
        (NOW + MICROSECOND, 0, NOW, 1, True),
        (NOW, 1, NOW + MICROSECOND, 0, False),
    ],
)
def test_order_of_configurations(
    shared_connection: DatabaseConnection,
    ts: datetime,
    seqnum: int,
    other_ts: datetime,
    other_seqnum: int,
    is_later: bool,
) -> None:
    found = call_function(shared_connection, "is_later_config", ts, seqnum, other_ts, other_seqnum)
    assert found == is_later


def test_change_ids_are_different_for_ever(shard: Shard, as_owner: Callable[[str], None]) -> None:
    def next_id() -> int:
        number: int = call_function(shard.connection, "next_change_id")
        return number

    ids = [next_id() for _ in range(3)]
    # The sequence comes round to where it was, as it does when a backup is restored.
    shard.set_now(NOW + SECOND)
    as_owner("SELECT setval('change_id_seq', 1, false)")
    ids += [next_id() for _ in range(3)]
    as_owner("SELECT setval('change_id_seq', (1::bigint << 32) + 1, false)")
    shard.set_now(NOW + 2 * SECOND)
    ids += [next_id() for _ in range(3)]
    shard.set_now(datetime(2088, 1, 1, tzinfo=UTC))
    ids += [next_id()]
    assert sorted(set(ids)) == ids
    assert ids[0] > 0
    assert ids[-1] <= MAX_INT64


def test_clock_that_steps_back_repeats_no_change_id(
    shard: Shard, as_owner: Callable[[str], None]
) -> None:
    """Some thousand changes a second for an hour, and then the same second again."""
    ids = []
    for changes_count in range(0, 2**22 * 10, 2**22):
        as_owner(f"SELECT setval('change_id_seq', {1 + changes_count})")
        ids.append(call_function(shard.connection, "next_change_id"))
    assert len(set(ids)) == len(ids)


def test_a_second_is_long_enough_for_four_billion_changes(
    shard: Shard, as_owner: Callable[[str], None]
) -> None:
    as_owner("SELECT setval('change_id_seq', 1, false)")
    first, last = (
        shard.connection.raw.execute("SELECT next_change_id()").fetchone() for _ in range(2)
    )
    assert first is not None
    assert last is not None
    assert last[0] == first[0] + 1
    assert first[0] % 2**32 == 1
