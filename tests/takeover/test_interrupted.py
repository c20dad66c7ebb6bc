"""Ended at any moment: everything is as before, or it goes on when it is repeated."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest

from agentkit.database import dsn_of, execute
from agentkit.databases import Databases, migrate
from agentkit.processes import ROOT
from agentkit.waiting import wait_until
from swpt_accounts.core.progress import NoProgress
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.takeover import move_in as moving
from swpt_accounts.takeover import schemas
from tests.takeover.reference import (
    BOOKS,
    KEPT,
    Place,
    ReferenceDatabases,
    digest,
    digest_rows,
    move,
    move_in_command,
    move_in_environment,
    objects_of,
)


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is tried elsewhere: here it would only take time."""
    monkeypatch.setattr(moving, "try_disk", lambda *_: None)


@contextmanager
def at_step(number: int, action: Callable[[OperatorSession], None]) -> Iterator[list[str]]:
    """Do something before a statement of a move. Gives the names of those that have come."""
    come: list[str] = []

    def count(session: OperatorSession, name: str) -> None:
        come.append(name)
        if len(come) == number:
            action(session)

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def run(session: OperatorSession, file: str, name: str, *rest: Any, **names: Any) -> Any:
            count(session, name)
            return original(session, file, name, *rest, **names)

        return run

    def asked(session: OperatorSession, name: str) -> Any:
        count(session, name)
        return ask_places(session, name)

    ask_places = OperatorSession._call
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OperatorSession, "run", counted(OperatorSession.run))
        patch.setattr(OperatorSession, "run_all", counted(OperatorSession.run_all))
        patch.setattr(OperatorSession, "_call", asked)
        yield come


def fail(session: OperatorSession) -> None:
    session.connection.execute("SELECT 1 / 0")


def test_a_failure_at_each_step_undoes_everything(public: Place) -> None:
    before = digest(public)
    names: list[str] = []
    while not names or names[-1] != _AFTER_COMMIT:
        with at_step(len(names) + 1, fail) as come, pytest.raises(psycopg.errors.DivisionByZero):
            move(public)
        names.append(come[len(names)])
        if names[-1] != _AFTER_COMMIT:
            assert objects_of(public) == before["objects"], names
    assert names[-2] == "put_guard"
    assert digest_rows(public, KEPT) == before["rows"]["public"]


# The first step when all is committed.
_AFTER_COMMIT = "unlock"


def die(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def move_and_die(place: Place, number: int) -> bool:
    """Move in a process that is killed before a step. Returns whether it was."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with at_step(number, die):
                move(place)
            code = 0
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    wait_until(
        lambda: (
            place.query(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'swpt_accounts move'"
            )
            == [(0,)]
        ),
        what="the server has noticed",
    )
    return status != 0


def test_killed_at_many_moments_and_repeated(public: Place) -> None:
    before = digest(public)
    number, is_moved = 3, False
    while move_and_die(public, number):
        is_moved = public.query("SELECT to_regnamespace(%s)", BOOKS) != [(None,)]
        if is_moved:
            break
        assert digest(public) == before, number
        number += 7
    if is_moved:
        assert move(public) is None
    assert digest_rows(public, KEPT) == before["rows"]["public"]
    assert public.books("SELECT is_copied FROM move") == [(True,)]


class AtRows(NoProgress):
    """Does something when the rows are being filled in, or the archive is being copied."""

    def __init__(self, word: str, action: Callable[[], object]) -> None:
        self._word, self._action = word, action
        self.was_done = False

    def begin(self, what: str, total: int) -> None:
        if self._word in what and not self.was_done:
            self.was_done = True
            self._action()


def end_the_move(place: Place) -> None:
    place.administrate(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'swpt_accounts move'"
    )


def test_the_server_ends_the_session(public: Place) -> None:
    before = digest(public)
    progress = AtRows("tables", lambda: end_the_move(public))
    with pytest.raises(psycopg.OperationalError):
        move(public, progress)
    assert progress.was_done
    assert digest(public) == before
    assert move(public) is not None


def test_ended_while_the_archive_is_copied(public: Place) -> None:
    progress = AtRows("archive", lambda: end_the_move(public))
    with pytest.raises(psycopg.OperationalError):
        move(public, progress)
    assert progress.was_done
    assert move(public) is None
    ((missing,),) = public.query(
        f"SELECT count(*) FROM (TABLE {KEPT}.registered_balance_change"
        f" EXCEPT TABLE {BOOKS}.registered_balance_change) AS r"
    )
    assert missing == 0


def test_two_at_once(place: Place) -> None:
    before = digest_rows(place, place.schema)
    both = [
        subprocess.Popen(
            move_in_command("--quiet"),
            cwd=ROOT,
            env=move_in_environment(place),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sorted("already been taken over" in output for output in outputs) == [False, True], (
        outputs
    )
    assert digest_rows(place, KEPT) == before
    assert len(place.books("SELECT 1 FROM move")) == 1


def test_a_session_that_may_not_be_ended_is_named(
    public: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schemas, "_SECONDS_MAX", 1.0)
    before = digest(public)
    with psycopg.connect(public.admin_url.replace("+psycopg", "")) as backup:
        backup.execute("SET application_name = 'pg_dump'")
        backup.execute("LOCK TABLE public.registered_balance_change IN ACCESS SHARE MODE")
        with pytest.raises(PreconditionFailed, match=r"is locked by the session .* \(pg_dump\)"):
            move(public)
    assert digest(public) == before


def test_a_session_that_may_not_be_ended_is_waited_for(public: Place) -> None:
    with psycopg.connect(public.admin_url.replace("+psycopg", ""), autocommit=True) as backup:
        backup.execute("BEGIN")
        backup.execute("LOCK TABLE public.registered_balance_change IN ACCESS SHARE MODE")
        left = iter(range(3))

        def release(_: OperatorSession) -> None:
            if next(left, None) is None:
                backup.execute("COMMIT")

        with pytest.MonkeyPatch.context() as patch:
            original = schemas._make_way

            def make_way(session: OperatorSession, *rest: Any, **names: Any) -> int:
                release(session)
                return original(session, *rest, **names)

            patch.setattr(schemas, "_make_way", make_way)
            assert move(public) is not None


def test_an_autovacuum_is_no_obstacle(
    reference: ReferenceDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take more than a minute, which it mostly sleeps."""
    monkeypatch.setattr(schemas, "_SECONDS_MAX", 20.0)
    place = reference.create("public")
    place.query(
        "INSERT INTO registered_balance_change"
        " SELECT 77, 1, n, now(), true FROM generate_series(1, 20000) AS n"
    )
    place.query(
        "ALTER TABLE registered_balance_change SET (autovacuum_vacuum_threshold = 0,"
        " autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100,"
        " autovacuum_vacuum_cost_limit = 1)"
    )
    place.query("DELETE FROM registered_balance_change WHERE debtor_id = 77 AND change_id % 2 = 0")
    with autovacuum(place.administrate, "registered_balance_change"):
        assert move(place, copies_archive=False) is not None


def test_an_autovacuum_is_no_obstacle_to_a_migration_either(databases: Databases) -> None:
    """(It is here because one test at a time may change how often the server looks around.)"""
    url = databases.create()
    query = partial(execute, dsn_of(url))
    query("ALTER TABLE finalization_request DROP COLUMN received_at")
    query("ALTER TABLE transfer_request DROP COLUMN received_at")
    query("ALTER TABLE unverified_transfer_request DROP COLUMN unasked_seconds")
    query("ALTER TABLE procedures_version DROP COLUMN oldest_revision")
    query("DROP TABLE scan_pass, shard, older_senders")
    query("UPDATE alembic_version SET version_num = '0006'")
    query(
        "INSERT INTO finalization_request (debtor_id, creditor_id, transfer_id, coordinator_type,"
        " coordinator_id, coordinator_request_id, committed_amount, transfer_note,"
        " transfer_note_format)"
        " SELECT 1, n, n, '', 1, n, 0, '', '' FROM generate_series(1, 20000) AS n"
    )
    query(
        "ALTER TABLE finalization_request SET (autovacuum_vacuum_threshold = 0,"
        " autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100,"
        " autovacuum_vacuum_cost_limit = 1)"
    )
    query("DELETE FROM finalization_request WHERE creditor_id % 2 = 0")
    with autovacuum(query, "finalization_request"):
        migrate(url, "upgrade")


@contextmanager
def autovacuum(query: Callable[[str], list[tuple[Any, ...]]], table: str) -> Iterator[None]:
    """One is at work on the table, at the beginning of the context."""
    vacuums = (
        "SELECT 1 FROM pg_locks JOIN pg_stat_activity AS a USING (pid)"
        f" WHERE relation = '{table}'::regclass"
        " AND backend_type = 'autovacuum worker' AND datname = current_database()"
        " AND query LIKE 'autovacuum: VACUUM%'"
    )
    query("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    try:
        query("SELECT pg_reload_conf()")
        # the server's three workers may visit each database of the other tests before this one
        wait_until(lambda: query(vacuums), 150, f"an autovacuum of {table}")
        yield
    finally:
        query("ALTER SYSTEM RESET autovacuum_naptime")
        query("SELECT pg_reload_conf()")
