"""The row filter of a publication, which can call nothing of ours, says what `in_realm` says."""

import random

import pytest

from swpt_accounts.core.realm import Realm
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.sharding.tables import row_filter

ACCOUNTS_COUNT = 2000


@pytest.mark.parametrize("bits", ["0", "1", "01", "110", "10110", "1" * 10])
def test_filter_is_the_realm(connection: DatabaseConnection, bits: str) -> None:
    realm = Realm.parse(".".join((*bits, "#")))
    made = random.Random(bits)
    ids = [[made.randrange(-(2**63), 2**63) for _ in range(ACCOUNTS_COUNT)] for _ in "ab"]
    condition = row_filter(realm).removeprefix(" WHERE ")
    rows = connection.raw.execute(
        f"SELECT debtor_id, creditor_id, {condition} AS passes,"
        " in_realm(debtor_id, creditor_id, %s::integer, %s::integer)"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS q (debtor_id, creditor_id)".encode(),
        [realm.bits, realm.length, *ids],
    ).fetchall()
    assert len(rows) == ACCOUNTS_COUNT
    for debtor_id, creditor_id, passes, is_in_realm in rows:
        assert passes == is_in_realm == realm.contains(debtor_id, creditor_id)
