"""Realms."""

from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swpt_accounts.core.ids import MAX_INT64, MIN_INT64
from swpt_accounts.core.realm import Realm, account_bits

int64s = st.integers(MIN_INT64, MAX_INT64)
routing_keys = st.text(alphabet="01", max_size=20).map(lambda bits: ".".join((*bits, "#")))


def test_account_bits_of_the_known_example() -> None:
    assert format(account_bits(123, 456), "024b") == "000010000100010000110100"


@given(int64s, int64s)
def test_account_bits(debtor_id: int, creditor_id: int) -> None:
    ids = debtor_id.to_bytes(8, "big", signed=True) + creditor_id.to_bytes(8, "big", signed=True)
    assert format(account_bits(debtor_id, creditor_id), "06x") == md5(ids).hexdigest()[:6]  # noqa: S324


@pytest.mark.parametrize(
    ("key", "bits", "length"),
    [
        ("#", 0, 0),
        ("0.#", 0, 1),
        ("1.#", 1, 1),
        ("0.1.#", 1, 2),
        ("1.0.#", 2, 2),
        ("1." * 20 + "#", 2**20 - 1, 20),
        ("0." * 20 + "#", 0, 20),
    ],
)
def test_parse(key: str, bits: int, length: int) -> None:
    realm = Realm.parse(key)
    assert (realm.bits, realm.length) == (bits, length)
    assert str(realm) == key
    assert realm == Realm(bits, length)
    assert hash(realm) == hash(Realm(bits, length))


@pytest.mark.parametrize(
    "key",
    ["", "0", "0.1", "2.#", "01.#", ".#", "0..#", "#.0", "##", "# ", "#\n", "*.#", "0." * 21 + "#"],
)
def test_parse_refuses(key: str) -> None:
    with pytest.raises(ValueError, match="is not a realm"):
        Realm.parse(key)


@given(routing_keys)
def test_parse_round_trip(key: str) -> None:
    assert str(Realm.parse(key)) == key


@given(routing_keys, int64s, int64s)
def test_contains(key: str, debtor_id: int, creditor_id: int) -> None:
    prefix = key.rstrip("#").replace(".", "")
    expected = format(account_bits(debtor_id, creditor_id), "024b").startswith(prefix)
    assert Realm.parse(key).contains(debtor_id, creditor_id) is expected


@given(st.integers(0, 20), int64s, int64s)
def test_contains_the_accounts_with_its_prefix(
    length: int, debtor_id: int, creditor_id: int
) -> None:
    realm = Realm(account_bits(debtor_id, creditor_id) >> (24 - length), length)
    assert realm.contains(debtor_id, creditor_id)
    if length:
        sibling = Realm(realm.bits ^ 1, length)
        assert not sibling.contains(debtor_id, creditor_id)


def test_parameters_of_stored_procedures() -> None:
    assert Realm.parse("#").parameters == {"realm_bits": 0, "realm_length": 0}
    assert Realm.parse("0.1.#").parameters == {"realm_bits": 1, "realm_length": 2}
