"""A lock of somebody else stops what needs it, and nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import psycopg
import pytest

from agentkit.authority import QUEUE, Authority
from agentkit.messages import configure, prepare
from agentkit.waiting import wait_until
from swpt_accounts.broker.topology import dead_letter_queue
from swpt_accounts.inbox.worker import InboxWorker
from swpt_accounts.settings import load_settings
from swpt_accounts.workers.shutdown import ShutdownEvent

DEBTOR_ID = 11
LOCKED = 2**32
OTHERS = range(2**32 + 1, 2**32 + 31)
LATER = "2100-01-01T00:00:00+00:00"


@pytest.fixture
def inbox(idle_authority: Authority) -> Iterator[Authority]:
    """An authority that only takes messages in."""
    shutdown = ShutdownEvent()
    worker = InboxWorker(load_settings(idle_authority.environment), shutdown)
    thread = Thread(target=worker.run)
    thread.start()
    wait_until(lambda: idle_authority.broker.consumers_count(QUEUE) == 1)
    yield idle_authority
    shutdown.request()
    thread.join(10)
    assert idle_authority.broker.ready_count(QUEUE) == 0, "not everything was acknowledged"
    idle_authority.query("TRUNCATE transfer_request, handled_batch, account_key, account")


@contextmanager
def locked_by(authority: Authority, statement: str) -> Iterator[None]:
    """Somebody else has run this statement, and is idle in the transaction."""
    dsn = load_settings(authority.environment).postgres_dsn
    with psycopg.connect(dsn) as connection:
        connection.execute(statement)
        yield
        connection.rollback()


def configured(authority: Authority) -> dict[int, int]:
    """The accounts and their config flags."""
    return dict(authority.query("SELECT creditor_id, config_flags FROM account"))


def send_to_all(authority: Authority) -> None:
    """Messages for the locked account, between those for others."""
    for creditor_id in (LOCKED, *OTHERS):
        authority.send(configure(DEBTOR_ID, creditor_id, config_flags=2, ts=LATER))
        if creditor_id == LOCKED:
            authority.send(prepare(DEBTOR_ID, LOCKED, 0, 1))
    authority.send(configure(DEBTOR_ID, LOCKED, config_flags=4, ts=LATER))


def are_done(authority: Authority) -> bool:
    found = configured(authority)
    return all(found.get(creditor_id) == 2 for creditor_id in OTHERS)


def check_all(authority: Authority) -> None:
    wait_until(lambda: configured(authority).get(LOCKED) == 4)
    wait_until(lambda: authority.query("SELECT count(*) FROM transfer_request") == [(1,)])
    assert are_done(authority)
    assert authority.broker.ready_count(dead_letter_queue(QUEUE)) == 0


def test_locked_row(inbox: Authority) -> None:
    inbox.send(configure(DEBTOR_ID, LOCKED))
    wait_until(lambda: LOCKED in configured(inbox))
    with locked_by(inbox, f"SELECT FROM account WHERE creditor_id = {LOCKED} FOR UPDATE"):
        send_to_all(inbox)
        wait_until(lambda: are_done(inbox))
        assert configured(inbox)[LOCKED] == 0
        # what came after the configuration waits with it
        assert inbox.query("SELECT count(*) FROM transfer_request") == [(0,)]
    check_all(inbox)


def test_account_that_somebody_else_is_opening(inbox: Authority) -> None:
    insert = f"INSERT INTO account_key VALUES ({DEBTOR_ID}, {LOCKED})"
    with locked_by(inbox, insert):
        send_to_all(inbox)
        wait_until(lambda: are_done(inbox), 60.0)
        assert LOCKED not in configured(inbox)
    check_all(inbox)


def test_locked_table(inbox: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """All have to wait, and none is held after the lock is gone."""
    with locked_by(inbox, "LOCK TABLE account IN ACCESS EXCLUSIVE MODE"):
        send_to_all(inbox)
        wait_until(lambda: "consume_messages cannot use the database" in caplog.text)
    wait_until(lambda: are_done(inbox), 60.0)
    check_all(inbox)
