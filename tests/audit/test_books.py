"""`verify_books` finds whatever is wrong with the books, and nothing else."""

from collections.abc import Iterator

import pytest
from psycopg import sql

from swpt_accounts.audit.books import BookFinding, BooksReport, check_books, find_book_errors
from swpt_accounts.audit.checks import CHECKS, RETURNED_MESSAGE, Check, CheckSeverity
from swpt_accounts.audit.snapshot import take_snapshot
from swpt_accounts.core.realm import Realm
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.session_options import READING
from swpt_accounts.settings import Settings
from tests.audit.broken_books import (
    BREAKAGES,
    REPORTED,
    STRANGER,
    insert_sent_change,
    returned,
    sent_change,
)
from verification.kit.shard import Shard
from verification.model import builders
from verification.model.books import commit, delete_account, open_books, prepare
from verification.model.builders import ALICE, BOB, CAROL, DAY, DEBTOR, NOW, ROOT

MAX_INT64 = (1 << 63) - 1
WHOLE = Realm.parse("#")
NOT_FOUND: list[BookFinding] = []


@pytest.fixture(scope="module")
def worker_url(database_url: str) -> str:
    """The tests of this module change tables, for which one has to own them."""
    return database_url


def verify(
    connection: DatabaseConnection, realm: Realm = WHOLE, count_max: int = 100
) -> BooksReport:
    with take_snapshot(connection, realm) as snapshot:
        return check_books(snapshot, count_max=count_max)


@pytest.fixture
def reader(settings: Settings) -> Iterator[DatabaseConnection]:
    """A connection as `verify_books` has it, at the moment `NOW`."""
    made = connect(settings, "verify_books", is_read_only=True, behaviour=[READING])
    made.raw.execute("SELECT set_config('swpt_accounts.now', %s, false)", [NOW.isoformat()])
    yield made
    made.close()


@pytest.fixture
def busy(shard: Shard) -> Shard:
    """A shard with all that can be under way."""
    _drop_constraints(shard.connection)
    open_books(shard, {ALICE: 1000, BOB: 500, CAROL: 0})
    delete_account(shard, CAROL, NOW + DAY)
    prepare(shard, ALICE, BOB, 10)
    commit(shard, [(prepare(shard, BOB, ALICE, 20), 20)])
    shard.receive(
        builders.pending_balance_change(ALICE, 1, change_id=1),
        builders.pending_balance_change(BOB, -1, change_id=2),
    )
    return shard


@pytest.fixture
def reporting(busy: Shard) -> Shard:
    """The same with messages in all outboxes."""
    transfers = [prepare(busy, BOB, ALICE, amount) for amount in (3, 4, 5)]
    prepare(busy, ALICE, BOB, 6)
    messages = [builders.finalize_transfer(transfer, 1) for transfer in transfers]
    busy.receive(*messages)
    busy.process_finalization_requests()
    busy.receive(builders.configure_account(BOB, NOW + DAY))
    busy.receive(builders.configure_account(BOB, NOW + 2 * DAY, config_data="wrong"))
    busy.receive(
        builders.prepare_transfer(STRANGER, ALICE, 1), builders.prepare_transfer(BOB, ROOT, 1)
    )
    busy.process_transfer_requests()
    busy.receive(builders.finalize_transfer(prepare(busy, ALICE, BOB, 7), 7))
    busy.receive(builders.prepare_transfer(BOB, ROOT, 1, coordinator_request_id=9))
    return busy


def _drop_constraints(connection: DatabaseConnection) -> None:
    rows = connection.raw.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    )
    for table, name in rows.fetchall():
        connection.raw.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(*map(sql.Identifier, (table, name)))
        )


def test_books_are_right_while_work_is_under_way(busy: Shard, reader: DatabaseConnection) -> None:
    assert [row["is_registered"] for row in busy.rows("pending_balance_change")].count(True) == 2
    assert len(busy.rows("pending_balance_change")) == 3
    assert verify(reader).findings == NOT_FOUND
    busy.process_balance_changes()
    assert verify(reader).findings == NOT_FOUND


def test_books_are_right_with_messages_in_all_outboxes(
    reporting: Shard, reader: DatabaseConnection
) -> None:
    report = verify(reader)
    assert report.findings == NOT_FOUND
    assert [check.code for check in report.checks] == [
        RETURNED_MESSAGE,
        *(check.code for check in CHECKS),
    ]
    assert all(check.is_made for check in report.checks)
    reporting.process_balance_changes()
    reporting.process_finalization_requests()
    assert verify(reader).findings == NOT_FOUND


def test_what_is_on_its_way_out_counts(busy: Shard, reader: DatabaseConnection) -> None:
    busy.connection.raw.execute(insert_sent_change(7))
    busy.connection.raw.execute(returned("PendingBalanceChangeSignal", sent_change(-7, 6)))
    assert verify(reader).findings == NOT_FOUND


@pytest.mark.parametrize(("statement", "code", "creditor_id", "words"), BREAKAGES)
def test_exactly_what_is_broken_is_found(
    busy: Shard,
    reader: DatabaseConnection,
    statement: str,
    code: str,
    creditor_id: int | None,
    words: str,
) -> None:
    busy.connection.raw.execute(statement)
    assert_found(reader, code, creditor_id, words)


@pytest.mark.parametrize(("statement", "code", "creditor_id", "words"), REPORTED)
def test_exactly_what_is_broken_in_an_outbox_is_found(
    reporting: Shard,
    reader: DatabaseConnection,
    statement: str,
    code: str,
    creditor_id: int | None,
    words: str,
) -> None:
    reporting.connection.raw.execute(statement)
    assert_found(reader, code, creditor_id, words)


def assert_found(
    reader: DatabaseConnection, code: str, creditor_id: int | None, words: str
) -> None:
    """Only this is found, and it is told as it should be."""
    found = verify(reader).findings
    assert {finding.code for finding in found} == {code}, found
    assert any(words in f.problem and f.creditor_id == creditor_id for f in found), found
    is_warning = code in ("overflown", "future_date")
    assert [f.severity for f in found] == [
        CheckSeverity.WARNING if is_warning else CheckSeverity.ERROR for _ in found
    ]
    assert (find_book_errors(reader, WHOLE) == NOT_FOUND) == is_warning


def test_every_check_is_broken_somewhere() -> None:
    broken = {code for _, code, _, _ in (*BREAKAGES, *REPORTED)}
    assert broken == {RETURNED_MESSAGE, *(check.code for check in CHECKS)}


def test_change_that_was_received_and_is_lost(busy: Shard, reader: DatabaseConnection) -> None:
    busy.connection.raw.execute("DELETE FROM pending_balance_change WHERE change_id = 1")
    found = verify(reader).findings
    assert {finding.code for finding in found} == {"received_change", "debtor_sum"}
    assert "account" not in str(found[0])
    assert [f.problem for f in found if f.code == "received_change"] == [
        "change 1 was received, and is lost"
    ]


def test_transfer_without_an_account(busy: Shard, reader: DatabaseConnection) -> None:
    busy.connection.raw.execute(f"UPDATE prepared_transfer SET creditor_id = {STRANGER}")
    found = {(f.code, f.creditor_id): f.problem for f in verify(reader).findings}
    assert found.keys() == {("locks", ALICE), ("locks", STRANGER)}
    assert "it has no account, so nothing locked" in found["locks", STRANGER]


def test_shard_of_several_looks_at_its_own_accounts(
    busy: Shard, reader: DatabaseConnection
) -> None:
    busy.connection.raw.execute("UPDATE account SET principal = 3 WHERE creditor_id = 0")
    busy.connection.raw.execute("DELETE FROM pending_balance_change")
    # what happens to the sibling's rows after a split is nobody's business
    busy.connection.raw.execute("UPDATE account SET total_locked_amount = total_locked_amount + 1")
    found = {realm: verify(reader, Realm.parse(realm)).findings for realm in ("0.#", "1.#")}
    creditor_ids = [f.creditor_id for findings in found.values() for f in findings]
    assert sorted(c for c in creditor_ids if c is not None) == [ROOT, ALICE, BOB, CAROL]
    assert None not in creditor_ids, "the sums need all shards"
    for realm, findings in found.items():
        assert all(Realm.parse(realm).contains(DEBTOR, f.creditor_id or 0) for f in findings)


def test_amount_that_was_cut_off_is_told(shard: Shard, reader: DatabaseConnection) -> None:
    open_books(shard, {ALICE: 10})
    shard.receive(
        builders.pending_balance_change(BOB, MAX_INT64, change_id=1),
        builders.pending_balance_change(BOB, MAX_INT64, change_id=2),
    )
    shard.process_balance_changes()
    report = verify(reader)
    assert [(f.code, f.creditor_id) for f in report.findings] == [("overflown", BOB)]
    assert (report.count(CheckSeverity.ERROR), report.count(CheckSeverity.WARNING)) == (0, 1)


def test_findings_are_limited_and_counted(busy: Shard, reader: DatabaseConnection) -> None:
    busy.connection.raw.execute("DELETE FROM account_key")
    for n in range(3):
        busy.connection.raw.execute(returned(f"Nothing{n}", "{}"))
    report = verify(reader, count_max=2)
    counts = {c.code: (c.findings_count, len(c.findings)) for c in report.checks}
    assert counts["account_key"] == (4, 2)
    assert counts[RETURNED_MESSAGE] == (3, 2)
    assert report.count(CheckSeverity.ERROR) == 7


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.code))
def test_plan_reads_the_tables_themselves_once(reader: DatabaseConnection, check: Check) -> None:
    """An index could be broken; and a nested loop over half of the accounts does not end."""
    with take_snapshot(reader, Realm.parse("0.#")) as snapshot:
        rows = snapshot.find(f"EXPLAIN {check.statement}", count_max=1)
    plan = "\n".join(line for (line,) in rows)
    assert "Scan on" in plan
    assert "Index" not in plan
    assert "Nested Loop" not in plan
