"""`verify_books` finds whatever is wrong with the books, and nothing else."""

from collections.abc import Callable

import pytest

from swpt_accounts.audit.books import BOOK_ERRORS_MAX
from swpt_accounts.core.realm import Realm
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import FIND_BOOK_ERRORS
from tests.db.shard import Shard
from tests.model import builders
from tests.model.books import commit, delete_account, open_books, prepare
from tests.model.builders import ALICE, BOB, CAROL, DAY, DEBTOR, NOW, ROOT

MAX_INT64 = (1 << 63) - 1
WHOLE = Realm.parse("#")
Finding = tuple[int, int | None, str]


def find_errors(connection: DatabaseConnection, realm: Realm = WHOLE) -> list[Finding]:
    rows = connection.call_table(FIND_BOOK_ERRORS, **realm.parameters, count_max=BOOK_ERRORS_MAX)
    return [(debtor_id, creditor_id, error) for debtor_id, creditor_id, error in rows]


@pytest.fixture
def busy(shard: Shard) -> Shard:
    """A shard with all that can be under way."""
    open_books(shard, {ALICE: 1000, BOB: 500, CAROL: 0})
    delete_account(shard, CAROL, NOW + DAY)
    prepare(shard, ALICE, BOB, 10)
    commit(shard, [(prepare(shard, BOB, ALICE, 20), 20)])
    shard.receive(
        builders.pending_balance_change(ALICE, 1, change_id=1),
        builders.pending_balance_change(BOB, -1, change_id=2),
    )
    return shard


def test_books_are_right_while_work_is_under_way(busy: Shard) -> None:
    assert [row["is_registered"] for row in busy.rows("pending_balance_change")].count(True) == 2
    assert len(busy.rows("pending_balance_change")) == 3
    assert find_errors(busy.connection) == []
    busy.process_balance_changes()
    assert find_errors(busy.connection) == []


@pytest.mark.parametrize(
    ("statement", "creditor_id", "words"),
    [
        ("UPDATE account SET principal = principal + 3 WHERE creditor_id = 0", None, "add up to 3"),
        (
            "UPDATE pending_balance_change SET principal_delta = 18 WHERE principal_delta = 20",
            None,
            "add up to -2",
        ),
        (
            f"UPDATE account SET total_locked_amount = 11 WHERE creditor_id = {ALICE}",
            ALICE,
            "it has 11 locked in 1 transfers, its prepared transfers lock 10 in 1",
        ),
        (
            f"UPDATE account SET pending_transfers_count = 0 WHERE creditor_id = {ALICE}",
            ALICE,
            "it has 10 locked in 0 transfers, its prepared transfers lock 10 in 1",
        ),
        (
            "DELETE FROM prepared_transfer",
            ALICE,
            "it has 10 locked in 1 transfers, its prepared transfers lock 0 in 0",
        ),
        (
            f"UPDATE prepared_transfer SET creditor_id = {CAROL + 1000}",
            CAROL + 1000,
            "it has no account, so nothing locked",
        ),
        (
            f"UPDATE account SET interest = 0.5 WHERE creditor_id = {CAROL}",
            CAROL,
            "it is deleted, and has 0 with 0.5 interest",
        ),
        (f"DELETE FROM account_key WHERE creditor_id = {BOB}", BOB, "it has no key"),
        (
            f"DELETE FROM account WHERE creditor_id = {CAROL}",
            CAROL,
            "it has a key, and is not there",
        ),
        (
            "UPDATE registered_balance_change SET is_applied = true",
            ALICE,
            "waits, and the archive does not say so",
        ),
        (
            "DELETE FROM pending_balance_change WHERE is_registered",
            None,
            "was received, and is lost",
        ),
    ],
)
def test_error_is_found(
    busy: Shard,
    as_owner: Callable[[str], None],
    statement: str,
    creditor_id: int | None,
    words: str,
) -> None:
    as_owner(statement)
    found = find_errors(busy.connection)
    assert any(d == DEBTOR and c == creditor_id and words in error for d, c, error in found), found


def test_shard_of_several_looks_at_its_own_accounts(busy: Shard) -> None:
    busy.connection.raw.execute("UPDATE account SET principal = 3 WHERE creditor_id = 0")
    busy.connection.raw.execute("DELETE FROM pending_balance_change")
    # what happens to the sibling's rows after a split is nobody's business
    busy.connection.raw.execute("UPDATE account SET total_locked_amount = total_locked_amount + 1")
    found = {realm: find_errors(busy.connection, Realm.parse(realm)) for realm in ("0.#", "1.#")}
    creditor_ids = [creditor_id for errors in found.values() for _, creditor_id, _ in errors]
    assert sorted(c for c in creditor_ids if c is not None) == [ROOT, ALICE, BOB, CAROL]
    assert None not in creditor_ids, "the sums need all shards"
    for realm, errors in found.items():
        assert all(Realm.parse(realm).contains(DEBTOR, c or 0) for _, c, _ in errors)


def test_amount_that_was_cut_off_is_no_error(shard: Shard) -> None:
    open_books(shard, {ALICE: 10})
    shard.receive(
        builders.pending_balance_change(BOB, MAX_INT64, change_id=1),
        builders.pending_balance_change(BOB, MAX_INT64, change_id=2),
    )
    shard.process_balance_changes()
    assert find_errors(shard.connection) == []


def test_findings_are_limited(busy: Shard) -> None:
    busy.connection.raw.execute("DELETE FROM account_key")
    assert len(busy.find_book_errors(count_max=2)) == 2
