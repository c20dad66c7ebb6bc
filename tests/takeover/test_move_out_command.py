"""What the command tells."""

import re

import pytest

from agentkit.processes import run
from swpt_accounts.takeover.preflight import read_work_in_books
from swpt_accounts.takeover.schemas import open_takeover_session
from tests.docker.processes import ENTRYPOINT, image_environment
from tests.takeover.giving_back import reference_rows, run_move_out, snapshot
from tests.takeover.reference import Place, ReferenceDatabases, move


def test_what_would_be_done_is_what_is_done(public: Place) -> None:
    before = reference_rows(public)
    move(public)
    public.books("INSERT INTO handled_batch (handled_at, digests) VALUES (now(), '{}')")
    there = snapshot(public)
    survey = run_move_out(public, "--dry-run")
    assert survey.returncode == 0, survey.stdout
    assert re.search(r"^ +48  account$", survey.stdout, re.MULTILINE)
    assert "Nothing would be lost." in survey.stdout
    assert "1 recently handled batch of PrepareTransfers" in survey.stdout
    assert snapshot(public) == there

    done = run(
        ["sh", str(ENTRYPOINT), "move_out", "--quiet"],
        image_environment(POSTGRES_URL=public.url),
    )
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert lines[0].startswith(
        "The database was given back: the tables of the reference implementation are in the schema"
        " 'public'."
    )
    assert ["rows", "of", "prepared_transfer", "all", "20", "20"] in [x.split() for x in lines]
    assert reference_rows(public) == before

    again = run_move_out(public)
    assert again.returncode == 0
    assert again.stdout.splitlines()[0] == "The database has already been given back."
    for option in ("--check", "--dry-run"):
        refused = run_move_out(public, option)
        assert refused.returncode == 1
        assert "already been given back" in refused.stdout


@pytest.fixture
def moved(reference: ReferenceDatabases) -> Place:
    return reference.create("moved")


def test_losses_and_progress(moved: Place) -> None:
    moved.books("UPDATE account SET interest_rate = 3.123456789 WHERE debtor_id = -3")
    survey = run_move_out(moved, "--dry-run")
    assert "needs --accept-loss:\n  6 accounts with an interest rate" in survey.stdout
    refused = run_move_out(moved)
    assert refused.returncode == 1
    assert "6 accounts with an interest rate of more digits" in refused.stdout
    assert "3.123456789; debtor -3, creditor" in refused.stdout
    assert refused.stdout.endswith("Nothing has changed.\n")
    done = run_move_out(moved, "--accept-loss")
    assert done.returncode == 0, done.stdout
    assert "Lost: 6 accounts with" in done.stdout
    for part in ("pages of the archive to compare", "pages of tables to copy"):
        assert re.search(rf" \[move_part_begins\]: [0-9]+ {part} …$", done.stdout, re.MULTILINE)


def test_what_is_under_way(reference: ReferenceDatabases, moved: Place) -> None:
    found = run_move_out(moved, "--check")
    assert found.returncode == 1
    assert re.search(r"^ +8  rows in pending_balance_change$", found.stdout, re.MULTILINE)
    assert "account\n" not in found.stdout
    calm = reference.create("no rows")
    move(calm)
    found = run_move_out(calm, "--check")
    assert found.returncode == 0
    assert found.stdout == "There is no unfinished work.\n"
    with (
        calm.session() as worker,
        open_takeover_session(calm.settings()) as session,
    ):
        worker.execute("SET application_name = 'swpt_accounts webserver'")
        assert read_work_in_books(session).is_calm
        worker.execute("SET application_name = 'swpt_accounts flush_messages'")
        assert read_work_in_books(session).sessions_count == 1


def test_where_there_is_nothing(reference: ReferenceDatabases, public: Place) -> None:
    for place, reason in (
        (reference.create_empty(), "this database has no tables of accounts"),
        (public, "there is nothing to give back"),
    ):
        refused = run_move_out(place)
        assert refused.returncode == 1
        first, last = refused.stdout.splitlines()
        assert reason in first
        assert last == "Nothing has changed."


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE alembic_version SET version_num = '0003'",
        "INSERT INTO alembic_version VALUES ('0000_unknown')",
        "INSERT INTO alembic_version VALUES ('zzzz_unknown')",
    ],
)
def test_another_version_of_this_program(moved: Place, change: str) -> None:
    moved.books(change)
    before = snapshot(moved)
    for options in ([], ["--dry-run"], ["--check"]):
        refused = run_move_out(moved, *options)
        assert refused.returncode == 1
        assert "belong to another version of this program" in refused.stdout
    assert snapshot(moved) == before


def test_no_server(public: Place) -> None:
    public_url = public.url.replace(public.url.rsplit("/", 1)[1], "no_such_database")
    refused = run_move_out(Place(public_url, "public", public_url))
    assert refused.returncode == 1
    assert "no_such_database" in refused.stdout
    assert "Run the command again to start over" in refused.stdout
