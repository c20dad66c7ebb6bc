"""A database that never was the reference's is given to it all the same."""

from contextlib import closing

import pytest

from agentkit.databases import Databases, migrate
from swpt_accounts.db.connection import connect
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.db.schema_discovery import BOOKS, Owner, discover
from swpt_accounts.settings import load_settings
from swpt_accounts.takeover.schemas import make_room, open_takeover_session
from tests.takeover.giving_back import give_back, run_move_out
from tests.takeover.reference import Place, ReferenceDatabases, load_dump, move
from verification.kit.shard import Shard, empty_shard
from verification.model.builders import ALICE, BOB, ROOT, configure_account, prepare_transfer


@pytest.fixture
def ours(reference: ReferenceDatabases, databases: Databases) -> Place:
    """A database of ours, in `public`, with another role for the workers."""
    place = reference.create_empty()
    migrate(place.url, "upgrade", POSTGRES_RUNNING_ROLE=databases.create_role())
    return place


CONFIG = '{"type": "RootConfigData", "rate": 2.5}'


def room(place: Place) -> str | None:
    with open_takeover_session(place.settings()) as session:
        return make_room(session)


def make_transfers(shard: Shard) -> None:
    """Three accounts, a transfer that has arrived, one on its way, and one that is prepared."""
    shard.receive(
        configure_account(ROOT, config_data=CONFIG, negligible_amount=1e6),
        configure_account(ALICE),
        configure_account(BOB),
    )
    for amount in (100, 20, 3):
        shard.receive(prepare_transfer(ROOT, ALICE, amount, coordinator_type="issuing"))
        shard.process_transfer_requests()


def test_room_for_the_reference(ours: Place, databases: Databases) -> None:
    with pytest.raises(PreconditionFailed, match="--make-room"):
        give_back(ours)
    settings = load_settings({"POSTGRES_URL": databases.as_runner(ours.url)})
    with closing(connect(settings, "worker")) as worker:
        shard = empty_shard(worker, ours.settings())
        _make_room_beside(shard, ours, databases)
    moved = give_back(ours)
    assert moved is not None
    assert moved.reference_schema == "public"
    assert ours.query(
        "SELECT creditor_id, total_locked_amount, negligible_amount FROM account ORDER BY 1"
    ) == [(ROOT, 127, 1e6), (ALICE, 0, 0.0), (BOB, 0, 2.5)]
    assert ours.query(
        "SELECT count(*), max(signal_id) - min(signal_id) FROM prepared_transfer_signal"
    ) == [(4, 3)]

    assert move(ours) is not None
    assert ours.books("SELECT sum(locked_amount) FROM prepared_transfer") == [(127,)]


def _make_room_beside(shard: Shard, ours: Place, databases: Databases) -> None:
    """The worker goes on, all the time."""
    make_transfers(shard)
    accounts = shard.accounts()
    assert room(ours) == "public"
    assert room(ours) is None
    # the worker goes on
    assert shard.accounts() == accounts
    shard.receive(prepare_transfer(ROOT, BOB, 4, coordinator_type="issuing"))
    shard.process_transfer_requests()
    assert len(shard.prepared_transfers()) == 4
    shard.check_books()
    with pytest.raises(PreconditionFailed, match="`configure` of the reference"):
        give_back(ours)
    # and so does `flask db upgrade`
    migrate(ours.url, "upgrade", POSTGRES_RUNNING_ROLE=databases.create_role())

    load_dump(ours.url, with_rows=False)
    with ours.session() as session:
        assert discover(session).owner is Owner.BOTH
    shard.receive(configure_account(BOB, negligible_amount=2.5, seqnum=1))


def test_tables_with_rows_are_not_overwritten(ours: Place) -> None:
    room(ours)
    load_dump(ours.url)
    with pytest.raises(PreconditionFailed, match="'public' are not empty: account, "):
        give_back(ours)


def test_tables_of_another_release_are_refused(ours: Place) -> None:
    room(ours)
    load_dump(ours.url, with_rows=False)
    ours.query("UPDATE public.alembic_version SET version_num = 'faa65a97e02e'")
    with pytest.raises(PreconditionFailed, match="migration faa65a97e02e"):
        give_back(ours)


def test_the_kept_tables_were_dropped(public: Place) -> None:
    """Then the guard is in the way."""
    move(public)
    public.books("DROP VIEW older_balance_change")
    public.books(
        "CREATE VIEW older_balance_change AS"
        " SELECT ctid AS tid, * FROM registered_balance_change WHERE false"
    )
    public.query("DROP SCHEMA swpt_accounts_reference CASCADE")
    result = run_move_out(public)
    assert result.returncode == 1
    assert "run `move_out --make-room`" in result.stdout
    result = run_move_out(public, "--make-room")
    assert result.returncode == 0, result.stdout
    assert "room in the schema 'public'" in result.stdout
    result = run_move_out(public, "--make-room")
    assert "No room is needed" in result.stdout
    load_dump(public.url, with_rows=False)
    assert give_back(public) is not None
    assert public.query("SELECT count(*) FROM account") == [(48,)]


def test_no_room_is_needed(public: Place) -> None:
    with (
        open_takeover_session(public.settings()) as session,
        pytest.raises(PreconditionFailed, match="cannot make room"),
    ):
        make_room(session)
    move(public)
    with (
        open_takeover_session(public.settings()) as session,
        pytest.raises(PreconditionFailed, match="no room is"),
    ):
        make_room(session)
    assert public.books("SELECT count(*) FROM account") == [(48,)]
    assert public.query(f"SELECT to_regclass('{BOOKS}.account') IS NULL") == [(False,)]
