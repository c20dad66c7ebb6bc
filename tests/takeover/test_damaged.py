"""Rows that cannot be: each is listed with its table, its key and the reason; nothing changes."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.takeover import move_in as moving
from swpt_accounts.takeover.reference_schema import TABLES
from tests.takeover.reference import Place, ReferenceDatabases, digest, move, run_move_in
from tests.takeover.test_refused import checked

_ACCOUNT = "(debtor_id, creditor_id) = (-3, 0)"
_DEBTOR = "debtor -3, creditor 0"
_ANY = "ctid = (SELECT min(ctid) FROM {})"


@dataclass(frozen=True)
class Damage:
    """What is done to the rows, and what has to be said of them, after the name of the table."""

    table: str
    statement: str
    told: str


def of_account(change: str, told: str) -> Damage:
    return Damage("account", f"UPDATE account SET {change} WHERE {_ACCOUNT}", f"{_DEBTOR}: {told}")


def of_some(table: str, change: str, told: str) -> Damage:
    where = _ANY.format(table)
    return Damage(table, f"UPDATE {table} SET {change} WHERE {where}", told)


_LONG_NOTE = "transfer_note = repeat('ä', 251)"
_BAD_FORMAT = "transfer_note_format = 'a b'"
_NO_COORDINATOR = "coordinator_type = ''"

DAMAGES = {
    "principal": of_account("principal = -9223372036854775808", "its principal is -2^63"),
    "interest": of_account("interest = 'NaN'", "its interest is NaN"),
    "endless interest": of_account("interest = '-Infinity'", "its interest is -Infinity"),
    "huge interest": of_account("interest = 1e37", "its interest is 1e+37"),
    "rate": of_account("interest_rate = 100.1", "its interest rates are 100.1"),
    "rate that is no number": of_account("interest_rate = 'NaN'", "its interest rates are NaN"),
    "previous rate": of_account("previous_interest_rate = -51", "its interest rates are 0, -51"),
    "negligible": of_account("negligible_amount = -1", "its negligible amount is -1"),
    "endless negligible": of_account(
        "negligible_amount = 'Infinity'", "its negligible amount is Infinity"
    ),
    "negligible that is no number": of_account(
        "negligible_amount = 'NaN'", "its negligible amount is NaN"
    ),
    "config_data": of_account("config_data = repeat('ä', 1001)", "its config_data has 2002 bytes"),
    "sha256": of_account(r"debtor_info_sha256 = '\x00'", "its debtor info is invalid"),
    "iri": of_account("debtor_info_iri = repeat('i', 201)", "its debtor info is invalid"),
    "content type": of_account(
        "debtor_info_content_type = repeat('c', 101)", "its debtor info is invalid"
    ),
    "status": of_account("status_flags = 4", "its status flags are 4"),
    "transfer number": of_account("last_transfer_number = -1", "its last transfer number is -1"),
    "transfer id": Damage(
        "account",
        "UPDATE account SET last_transfer_id = 7 WHERE pending_transfers_count > 0",
        "its last transfer id is 7, its prepared transfers go up to",
    ),
    "locked amount": of_account(
        "total_locked_amount = total_locked_amount + 1",
        "it has 1 locked in 0 transfers, its prepared transfers lock 0 in 0",
    ),
    "count of locks": of_account(
        "pending_transfers_count = 5",
        "it has 0 locked in 5 transfers, its prepared transfers lock 0 in 0",
    ),
    "deleted": of_account(
        "status_flags = 1", "it is deleted, and has a balance, or was not scheduled for deletion"
    ),
    "no account": Damage(
        "prepared_transfer",
        "UPDATE prepared_transfer SET debtor_id = 77 WHERE transfer_id ="
        " (SELECT max(transfer_id) FROM prepared_transfer)",
        "debtor 77, creditor",
    ),
    "negative lock": of_some("prepared_transfer", "locked_amount = -5", "it locks -5"),
    "id of a transfer": of_some("prepared_transfer", "transfer_id = 0", "its id is not positive"),
    "demurrage": of_some("prepared_transfer", "demurrage_rate = -49", "its demurrage rate is -49"),
    "coordinator": of_some("prepared_transfer", _NO_COORDINATOR, "it has no coordinator"),
    "no change": of_some("pending_balance_change", "principal_delta = 0", "it changes nothing"),
    "applied before": Damage(
        "pending_balance_change",
        "UPDATE registered_balance_change SET is_applied = true",
        "the archive says that it is applied",
    ),
    "not in the archive": of_some(
        "pending_balance_change", "change_id = 123456", "change 123456: it is not in the archive"
    ),
    "note of a change": of_some("pending_balance_change", _LONG_NOTE, "its note is too long"),
    "format of a change": of_some(
        "pending_balance_change", _BAD_FORMAT, "its note has an invalid format"
    ),
    "coordinator of a change": of_some(
        "pending_balance_change", _NO_COORDINATOR, "it has no coordinator"
    ),
    "never applied": Damage(
        "registered_balance_change",
        "UPDATE registered_balance_change SET is_applied = false WHERE is_applied"
        " AND change_id = (SELECT min(change_id) FROM registered_balance_change WHERE is_applied)",
        "it is not applied, and nowhere pending",
    ),
    "negative request": of_some("transfer_request", "min_locked_amount = -1", "it wants -1 to"),
    "reversed request": of_some(
        "transfer_request", "min_locked_amount = 2, max_locked_amount = 1", "it wants 2 to 1"
    ),
    "coordinator of a request": of_some(
        "transfer_request", _NO_COORDINATOR, "it has no coordinator"
    ),
    "negative commit": of_some("finalization_request", "committed_amount = -1", "it commits -1"),
    "note of a commit": of_some("finalization_request", _LONG_NOTE, "its note is too long"),
    "format of a commit": of_some(
        "finalization_request", _BAD_FORMAT, "its note has an invalid format"
    ),
    "told interest": of_some("account_update_signal", "interest = 'NaN'", "its interest is NaN"),
    "told negligible": of_some(
        "account_update_signal", "negligible_amount = 'NaN'", "its negligible amount is NaN"
    ),
    "told sha256": of_some(
        "account_update_signal", r"debtor_info_sha256 = '\x00'", "its debtor info is invalid"
    ),
    "told transfer": of_some(
        "account_transfer_signal",
        "transfer_number = 1000",
        "transfer 1000: the last transfer of its account is",
    ),
    "refused negligible": of_some(
        "rejected_config_signal", "negligible_amount = 'NaN'", "its negligible amount is NaN"
    ),
    "sent change": of_some(
        "pending_balance_change_signal", "principal_delta = 0", "it changes nothing"
    ),
}


@pytest.fixture(scope="module")
def weak(reference: ReferenceDatabases) -> Place:
    """The dump without constraints; the rows are also in the schema `saved`."""
    place = reference.create("public")
    for (statement,) in place.administrate(
        "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', conrelid::regclass, conname)"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0"
        " ORDER BY contype"
    ):
        if "pkey" not in statement:
            place.administrate(statement)
    place.administrate("CREATE SCHEMA saved")
    for table in TABLES:
        place.administrate(f"CREATE TABLE saved.{table} AS SELECT * FROM {table}")
    return place


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is tried elsewhere: here it would only take time."""
    monkeypatch.setattr(moving, "try_disk", lambda *_: None)


@pytest.fixture
def damaged(weak: Place) -> Iterator[Place]:
    """The same, and the damage is mended in the end."""
    yield weak
    weak.administrate(
        "; ".join(f"DELETE FROM {t}; INSERT INTO {t} SELECT * FROM saved.{t}" for t in TABLES)
    )


@pytest.mark.parametrize("name", DAMAGES)
def test_an_impossible_row_is_told(damaged: Place, name: str) -> None:
    damage = DAMAGES[name]
    damaged.administrate(damage.statement)
    with pytest.raises(PreconditionFailed) as refused:
        checked(damaged)
    lines = str(refused.value).splitlines()
    assert lines[0] == "some rows are invalid"
    told = [line for line in lines if line.startswith(f"  {damage.table}, ")]
    assert any(damage.told in line for line in told), lines


def test_all_damages_at_once_are_told_by_the_command(damaged: Place) -> None:
    alike = {"principal", "interest", "rate", "negligible", "config_data", "status", "sha256"}
    chosen = [DAMAGES[name] for name in DAMAGES if name in alike or name in _INDEPENDENT]
    for damage in chosen:
        damaged.administrate(damage.statement)
    before = digest(damaged)
    result = run_move_in(damaged, "--quiet")
    assert result.returncode == 1
    assert "Nothing has changed." in result.stdout
    for damage in chosen:
        reason = damage.told.rpartition(": ")[2]
        assert reason in result.stdout, damage
    assert digest(damaged) == before


_INDEPENDENT = {
    "demurrage",
    "no change",
    "never applied",
    "negative request",
    "negative commit",
    "told interest",
    "told transfer",
    "refused negligible",
    "sent change",
}


def test_a_long_list_ends(damaged: Place) -> None:
    damaged.administrate("UPDATE registered_balance_change SET is_applied = false WHERE is_applied")
    with pytest.raises(PreconditionFailed) as refused:
        move(damaged)
    lines = str(refused.value).splitlines()
    assert len(lines) == 102
    assert lines[-1] == "  …"


def test_a_lock_that_was_contained_is_possible(damaged: Place) -> None:
    """Trap 8: the sum of the locks may have passed 2^63-1."""
    damaged.administrate(
        "UPDATE prepared_transfer SET locked_amount = 9223372036854775807"
        " WHERE (debtor_id, sender_creditor_id) IN (SELECT debtor_id, creditor_id FROM account"
        " WHERE pending_transfers_count > 1 LIMIT 1);"
        "UPDATE account SET total_locked_amount = 9223372036854775807"
        " WHERE (debtor_id, creditor_id) IN (SELECT debtor_id, creditor_id FROM account"
        " WHERE pending_transfers_count > 1 LIMIT 1)"
    )
    checked(damaged)
