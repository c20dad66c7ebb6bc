"""Where the workers run as another role than the one that moves in."""

import os
from datetime import UTC, datetime

import psycopg
from sqlalchemy.engine import make_url

from agentkit.database import dsn_of
from agentkit.processes import program_command, run
from swpt_accounts.db.connection import connect
from swpt_accounts.db.procedures import COPY_OLDER_BALANCE_CHANGES, RECEIVE_BALANCE_CHANGES
from swpt_accounts.settings import load_settings
from tests.moving.reference import load_dump
from tests.support.database import Databases

ARCHIVED = """
    SELECT debtor_id, other_creditor_id, change_id, committed_at
    FROM swpt_accounts_reference.registered_balance_change
    WHERE is_applied
    LIMIT 1
"""
COUNTS = """
    SELECT
        (SELECT count(*) FROM swpt_accounts_books.registered_balance_change),
        (SELECT count(*) FROM swpt_accounts_books.pending_balance_change)
"""


def test_workers_know_the_archive_before_and_after_it_is_copied(databases: Databases) -> None:
    url = databases.create_empty()
    load_dump(url)
    with psycopg.connect(dsn_of(make_url(url)), autocommit=True) as owner:
        environment = {
            **os.environ,
            "POSTGRES_URL": url,
            "POSTGRES_RUNNING_ROLE": databases.create_role(),
        }
        moved = run(program_command("move_in", "--unless-moved", "--quiet"), environment)
        assert moved.returncode == 0, moved.stdout
        (before,) = owner.execute(COUNTS)
        (archived,) = owner.execute(ARCHIVED)

        settings = load_settings({"POSTGRES_URL": databases.as_runner(url)})
        runner = connect(settings, "test")
        try:
            debtor_id, sender_id, change_id, committed_at = archived
            runner.call(
                RECEIVE_BALANCE_CHANGES,
                debtor_id=[debtor_id],
                creditor_id=[1],
                other_creditor_id=[sender_id],
                change_id=[change_id],
                principal_delta=[1],
                coordinator_type=["direct"],
                transfer_note=[""],
                transfer_note_format=[""],
                committed_at=[committed_at],
                trace_context=None,
                threshold_ts=datetime(1970, 1, 1, tzinfo=UTC),
            )
            # it is known, and not applied a second time
            assert list(owner.execute(COUNTS)) == [(before[0] + 1, before[1])]
            row = runner.call(COPY_OLDER_BALANCE_CHANGES, pages_max=1000)
            assert row.pages_copied == row.pages_count > 0
            row = runner.call(COPY_OLDER_BALANCE_CHANGES, pages_max=1000)
            assert row.pages_copied == row.pages_count == 0
        finally:
            runner.close()
        assert list(owner.execute(COUNTS)) == [(322, before[1])]
