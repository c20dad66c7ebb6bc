"""Whatever goes wrong on the way out: everything is as before, and it can be done again."""

import signal
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest

from agentkit.processes import ROOT
from agentkit.waiting import wait_until
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.db.schema_discovery import BOOKS, KEPT_REFERENCE
from swpt_accounts.takeover import schemas
from tests.takeover.giving_back import (
    give_back,
    move_out_command,
    move_out_environment,
    reference_rows,
    snapshot,
)
from tests.takeover.reference import Place, ReferenceDatabases, move

SECONDS_MAX: Final = 45.0
# What is filled first, in the middle, and last.
FIRST, MIDDLE, LAST = "account", "finalization_request", "pending_balance_change_signal"


@pytest.fixture(scope="module")
def shared(reference: ReferenceDatabases) -> Place:
    """A database of ours, which no test of this module gives back."""
    place = reference.create("public")
    move(place)
    return place


@pytest.fixture
def trap(shared: Place, request: pytest.FixtureRequest) -> Iterator[str]:
    """Something happens when a row comes into this table of the reference's."""
    body, table = request.param
    shared.query(
        f"CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
    )
    shared.query(
        f"CREATE TRIGGER trap BEFORE INSERT ON {KEPT_REFERENCE}.{table}"
        " FOR EACH ROW EXECUTE FUNCTION public.trap()"
    )
    yield table
    shared.query("DROP FUNCTION public.trap() CASCADE")


def traps(body: str, *tables: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "trap", [(body, table) for table in tables], indirect=True, ids=tables
    )


def is_ours(place: Place, before: dict[tuple[str, str], Any]) -> bool:
    """Whether everything is as before, but for the reference's archive."""
    archive = (KEPT_REFERENCE, "registered_balance_change")
    return {**snapshot(place), archive: None} == {**before, archive: None}


@traps("RAISE EXCEPTION 'something is wrong';", LAST)
def test_an_error_undoes_all(shared: Place, trap: str) -> None:
    before = snapshot(shared)
    with pytest.raises(psycopg.errors.RaiseException, match="something is wrong"):
        give_back(shared)
    assert is_ours(shared, before)


# (accounts with prepared transfers would be missed by a foreign key)
@traps(
    "IF to_jsonb(NEW) ->> 'pending_transfers_count' <> '0' THEN RETURN NEW; END IF; RETURN NULL;",
    *(FIRST, MIDDLE, LAST),
)
def test_what_does_not_arrive_is_found_by_the_proof(shared: Place, trap: str) -> None:
    before = snapshot(shared)
    with pytest.raises(PreconditionFailed, match=f"rows of {trap}|accounts") as caught:
        give_back(shared)
    assert "differ after the move" in str(caught.value)
    assert is_ours(shared, before)


@traps("PERFORM pg_sleep(60); RETURN NEW;", MIDDLE)
def test_killed(shared: Place, trap: str) -> None:
    before = snapshot(shared)
    process = subprocess.Popen(
        move_out_command(), cwd=ROOT, env=move_out_environment(shared), stdin=subprocess.DEVNULL
    )

    def is_there() -> bool:
        return shared.query(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event = 'PgSleep' AND datname = current_database()"
        ) == [(1,)]

    try:
        wait_until(is_there, SECONDS_MAX, "it fills the table")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(lambda: not is_there(), SECONDS_MAX, "the server has noticed")
    assert is_ours(shared, before)


def test_a_row_of_the_archive_that_does_not_arrive_is_found(shared: Place) -> None:
    before = snapshot(shared)
    shared.books("INSERT INTO registered_balance_change VALUES (1, 2, 3, now(), true)")
    shared.query(
        "CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NULL; END $$"
    )
    shared.query(
        f"CREATE TRIGGER trap BEFORE INSERT ON {KEPT_REFERENCE}.registered_balance_change"
        " FOR EACH ROW EXECUTE FUNCTION public.trap()"
    )
    # (beside the work; or under the lock, if some transaction on the server is older than the row)
    with pytest.raises(PreconditionFailed, match=r"still missing|missing.*: 0, 1"):
        give_back(shared)
    shared.query("DROP FUNCTION public.trap() CASCADE")
    shared.books("DELETE FROM registered_balance_change WHERE debtor_id = 1")
    assert is_ours(shared, before)


def test_somebody_who_may_not_be_ended_is_waited_for(
    shared: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schemas, "_SECONDS_MAX", 1.0)
    before = snapshot(shared)
    with psycopg.connect(shared.admin_url.replace("+psycopg", "")) as somebody:
        somebody.execute(f"LOCK TABLE {BOOKS}.account IN ROW EXCLUSIVE MODE".encode())
        with pytest.raises(PreconditionFailed, match="which this role may not terminate"):
            give_back(shared)
        somebody.rollback()
        assert is_ours(shared, before)


def test_our_own_sessions_are_ended(public: Place) -> None:
    before = reference_rows(public)
    move(public)
    with public.session() as worker:
        worker.execute("BEGIN")
        worker.execute(f"SELECT * FROM {BOOKS}.account FOR UPDATE".encode())
        give_back(public)
        with pytest.raises(psycopg.OperationalError):
            worker.execute("SELECT 1")
    assert reference_rows(public) == before
