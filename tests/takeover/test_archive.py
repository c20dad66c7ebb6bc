"""The archive follows while we work: a balance change that the reference has had comes once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from agentkit.databases import Databases, migrate
from agentkit.waiting import wait_until
from swpt_accounts.core.progress import NoProgress
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.db.procedures import (
    COPY_OLDER_BALANCE_CHANGES,
    FORGET_BALANCE_CHANGES,
    PROCESS_BALANCE_CHANGES,
    RECEIVE_BALANCE_CHANGES,
)
from swpt_accounts.settings import load_settings
from swpt_accounts.takeover.archive import ArchiveIncompleteError, copy_archive
from swpt_accounts.takeover.move_in import drop_reference
from swpt_accounts.takeover.schemas import open_takeover_session
from tests.takeover.reference import BOOKS, KEPT, Place, ReferenceDatabases, move, run_move_in

_DEBTOR = 77
_COMMITTED_AT = datetime(2026, 8, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def first(reference: ReferenceDatabases, databases: Databases) -> Place:
    """Taken over, with an archive of many pages, none of which is copied yet."""
    made = reference.create("public")
    made.query(
        "INSERT INTO registered_balance_change SELECT %s, n %% 7, n, %s, true"
        " FROM generate_series(-1000, 999) AS n",
        _DEBTOR,
        _COMMITTED_AT,
    )
    role = databases.create_role()
    moved = run_move_in(made, "--unless-moved", "--quiet", POSTGRES_RUNNING_ROLE=role)
    assert moved.returncode == 0, moved.stdout
    return made


@pytest.fixture
def place(reference: ReferenceDatabases, first: Place) -> Place:
    return reference.copy(first)


@pytest.fixture
def worker(place: Place, databases: Databases) -> Iterator[DatabaseConnection]:
    """It has another role than the one that moves in."""
    settings = load_settings({"POSTGRES_URL": databases.as_runner(place.url)})
    with closing(connect(settings, "test")) as made:
        yield made


def receive(worker: DatabaseConnection, keys: list[tuple[int, int, int]]) -> None:
    count = len(keys)
    worker.call(
        RECEIVE_BALANCE_CHANGES,
        debtor_id=[k[0] for k in keys],
        creditor_id=[1] * count,
        other_creditor_id=[k[1] for k in keys],
        change_id=[k[2] for k in keys],
        principal_delta=[5] * count,
        coordinator_type=["direct"] * count,
        transfer_note=[""] * count,
        transfer_note_format=[""] * count,
        committed_at=[_COMMITTED_AT] * count,
        trace_context=None,
        threshold_ts=datetime(1970, 1, 1, tzinfo=UTC),
    )


def archived(place: Place) -> list[tuple[int, int, int]]:
    """All that the reference has had: applied, and not applied yet."""
    return [
        (int(a), int(b), int(c))
        for a, b, c in place.query(
            f"SELECT debtor_id, other_creditor_id, change_id FROM {KEPT}.registered_balance_change"
        )
    ]


def pending_count(place: Place) -> int:
    return int(place.books("SELECT count(*) FROM pending_balance_change")[0][0])


def copy_pages(worker: DatabaseConnection, count: int) -> Any:
    return worker.call(COPY_OLDER_BALANCE_CHANGES, pages_max=count)


def assert_known(place: Place, worker: DatabaseConnection, new_id: int) -> None:
    """What the reference has had is not taken again; what it has not had, is."""
    before = pending_count(place)
    receive(worker, [*archived(place), (_DEBTOR, 1, new_id)])
    assert pending_count(place) == before + 1
    receive(worker, [*archived(place), (_DEBTOR, 1, new_id)])
    assert pending_count(place) == before + 1


def assert_complete(place: Place) -> None:
    rows = "debtor_id, other_creditor_id, change_id, committed_at, is_applied"
    missing = place.query(
        f"SELECT {rows} FROM {KEPT}.registered_balance_change"
        f" EXCEPT SELECT {rows} FROM {BOOKS}.registered_balance_change"
    )
    assert missing == []


def test_known_changes_are_not_applied_again(place: Place, worker: DatabaseConnection) -> None:
    """Right after the move, while the archive is copied, and afterwards."""
    assert_known(place, worker, 5001)
    row = copy_pages(worker, 2)
    assert 0 < row.pages_copied < row.pages_count
    assert_known(place, worker, 5002)
    while row.pages_copied < row.pages_count:
        row = copy_pages(worker, 2)
    assert_known(place, worker, 5003)
    assert copy_pages(worker, 1)._asdict() == {"pages_copied": 0, "pages_count": 0}
    assert_complete(place)


def test_a_message_that_meets_the_copying_waits_for_it(
    place: Place, worker: DatabaseConnection
) -> None:
    before = pending_count(place)
    with (
        ThreadPoolExecutor(1) as pool,
        closing(connect(place.settings(), "other")) as other,
    ):
        worker.raw.execute("BEGIN")
        copy_pages(worker, 10**6)
        received = pool.submit(receive, other, [(_DEBTOR, 0, 0), (_DEBTOR, 1, 1)])
        wait_until(
            lambda: place.query(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'swpt_accounts other'"
                " AND datname = current_database() AND wait_event_type = 'Lock'"
            )
        )
        worker.raw.execute("COMMIT")
        received.result(timeout=45)
    assert pending_count(place) == before
    assert_complete(place)


def test_two_may_copy_at_once(place: Place) -> None:
    def copy(_: int) -> int | None:
        settings = place.settings()
        with open_takeover_session(settings) as session:
            return copy_archive(session, settings, NoProgress())

    with ThreadPoolExecutor(3) as pool:
        assert any(list(pool.map(copy, range(3))))
    assert_complete(place)
    assert place.books("SELECT is_copied, pages_copied = pages_count FROM move") == [(True, True)]


class OnPages(NoProgress):
    """Does something when the copying of the archive begins."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self.was_done = False

    def begin(self, what: str, total: int) -> None:
        if "archive" in what:
            self._action()
            self.was_done = True


def test_others_may_configure_while_the_archive_is_copied(place: Place) -> None:
    progress = OnPages(lambda: migrate(place.url, "upgrade"))
    assert move(place, progress) is None
    assert progress.was_done
    assert_complete(place)


def test_a_row_that_got_lost_is_noticed(place: Place, worker: DatabaseConnection) -> None:
    copy_pages(worker, 1)
    place.books("DELETE FROM registered_balance_change WHERE is_applied")
    settings = place.settings()
    with (
        open_takeover_session(settings) as session,
        pytest.raises(ArchiveIncompleteError),
    ):
        copy_archive(session, settings, NoProgress())


def test_unless_moved_may_be_repeated(reference: ReferenceDatabases) -> None:
    place = reference.create("role")
    first = run_move_in(place, "--unless-moved", "--quiet")
    assert first.returncode == 0, first.stdout
    assert place.books("SELECT is_copied FROM move") == [(False,)]
    again = run_move_in(place, "--unless-moved", "--quiet")
    assert (again.returncode, again.stdout) == (0, "")
    whole = run_move_in(place, "--quiet")
    assert whole.returncode == 0, whole.stdout
    assert "already been taken over" in whole.stdout
    assert_complete(place)


def test_what_is_left_is_dropped_when_it_is_copied(
    place: Place, worker: DatabaseConnection
) -> None:
    keys = archived(place)
    settings = place.settings()
    with open_takeover_session(settings) as session:
        with pytest.raises(PreconditionFailed, match="not been copied completely"):
            drop_reference(session)
        copy_archive(session, settings, NoProgress())
        # until the move is over, what the reference's shards send is taken for a month
        senders = (
            f"SELECT cause, taken_until < now() + interval '31 days' FROM {BOOKS}.older_senders"
        )
        assert place.books(senders) == [("move", True)]
        drop_reference(session)
        assert place.books(senders) == []
    before = pending_count(place)
    receive(worker, keys)
    assert pending_count(place) == before
    assert place.query("SELECT to_regnamespace(%s)", KEPT) == [(None,)]


def test_what_is_left_may_be_dropped_by_hand(
    place: Place, worker: DatabaseConnection, databases: Databases
) -> None:
    """The view of the archive is dropped with it, and comes back with the next `configure`."""
    keys = archived(place)
    copy_pages(worker, 10**6)
    place.query(f"DROP SCHEMA {KEPT} CASCADE")
    with pytest.raises(psycopg.errors.UndefinedTable):
        receive(worker, keys)
    migrate(place.url, "upgrade", POSTGRES_RUNNING_ROLE=databases.create_role())
    before = pending_count(place)
    receive(worker, keys)
    assert pending_count(place) == before


def test_what_is_dropped_before_it_is_copied_is_not_forgotten(
    place: Place, worker: DatabaseConnection, databases: Databases
) -> None:
    """Nothing is taken in any more, rather than something twice; until somebody says otherwise."""
    keys = archived(place)
    place.query(f"DROP SCHEMA {KEPT} CASCADE")
    role = {"POSTGRES_RUNNING_ROLE": databases.create_role()}
    for settings in ({}, role):
        with pytest.raises(
            AssertionError, match=r"^swpt_accounts: .* dropped before their archive"
        ):
            migrate(place.url, "upgrade", **settings)
    with pytest.raises(psycopg.errors.UndefinedTable):
        receive(worker, keys)
    place.books("UPDATE move SET is_copied = true")
    migrate(place.url, "upgrade", **role)
    receive(worker, keys)


def test_what_was_applied_and_forgotten_meanwhile_does_not_come_back(
    place: Place, worker: DatabaseConnection
) -> None:
    worker.call(PROCESS_BALANCE_CHANGES, after_id=0, count_max=1000, left_ids=[])
    worker.call(
        FORGET_BALANCE_CHANGES,
        first_page=0,
        end_page=1000,
        threshold_ts=datetime(9999, 1, 1, tzinfo=UTC),
    )
    assert place.books("SELECT count(*) FROM registered_balance_change") == [(0,)]
    unapplied = f"SELECT count(*) FROM {KEPT}.registered_balance_change WHERE NOT is_applied"
    assert place.query(unapplied) != [(0,)]
    worker.call(COPY_OLDER_BALANCE_CHANGES, pages_max=1000)
    assert place.books("SELECT count(*) FROM registered_balance_change WHERE NOT is_applied") == [
        (0,)
    ]
