"""What a synchronous standby has not confirmed is not to be built upon."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from agentkit.authority import Authority
from agentkit.database import dsn_of, execute
from agentkit.databases import databases_on
from agentkit.own_server import own_server
from agentkit.waiting import wait_until
from swpt_accounts.db import session_checks
from swpt_accounts.db.connection import connect
from swpt_accounts.settings import Settings, load_settings

LOCAL = "-c synchronous_commit=local"
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture(scope="module")
def leader_url(own_servers: None) -> Iterator[str]:
    """A database on a server of its own."""
    with own_server() as server, databases_on(server.url) as databases:
        yield databases.create()


def name_standby(url: str, name: str) -> None:
    """Let commits wait for a standby; for none with an empty name."""
    dsn = dsn_of(url)
    with psycopg.connect(dsn, autocommit=True, options=LOCAL) as session:
        session.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        session.execute("SELECT pg_reload_conf()")
    shown = "SHOW synchronous_standby_names"
    wait_until(lambda: execute(dsn, shown) == [(name,)], what="the setting is loaded")


@pytest.fixture
def settings(leader_url: str) -> Iterator[Settings]:
    """Of a leader whose synchronous standby is away."""
    name_standby(leader_url, "somebody")
    yield load_settings({"POSTGRES_URL": leader_url})
    name_standby(leader_url, "")


def test_session_begins_when_the_standby_has_what_it_sees(
    settings: Settings, leader_url: str
) -> None:
    """As after a crash, the session sees what only its own server has."""
    dsn = dsn_of(leader_url)
    with psycopg.connect(dsn, options=LOCAL, autocommit=True) as session:
        session.execute("INSERT INTO handled_batch (handled_at, digests) VALUES (now(), '{}')")
    with ThreadPoolExecutor() as pool:
        opened = pool.submit(connect, settings, "test")
        wait_until(lambda: execute(dsn, WAITING), what="a session waits for the standby")
        assert not opened.done()
        name_standby(leader_url, "")  # in its place: it is back
        opened.result().close()


def test_standby_is_not_waited_for_without_end(
    settings: Settings, leader_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the server keeps nothing of it."""
    monkeypatch.setattr(session_checks, "_STANDBY_SECONDS_MAX", 0.5)
    with pytest.raises(psycopg.OperationalError, match="standby does not confirm"):
        connect(settings, "test")
    dsn = dsn_of(leader_url)
    wait_until(lambda: not execute(dsn, WAITING), what="no session waits for the standby")


def test_who_only_reads_does_not_wait(settings: Settings) -> None:
    connect(settings, "test", is_read_only=True).close()


def test_flusher_does_not_wait_for_the_standby(
    leader_url: str, fresh_broker_url: str, tmp_path: Path
) -> None:
    """What it deletes has been sent: a failover may only bring it back, to be sent once more."""
    authority = Authority(leader_url, fresh_broker_url, tmp_path)
    try:
        assert authority.run("subscribe").returncode == 0
        observer = authority.observe()
        authority.start("flush_messages")
        name_standby(leader_url, "somebody")
        for creditor_id in (1, 2):
            with psycopg.connect(dsn_of(leader_url), options=LOCAL, autocommit=True) as session:
                session.execute(
                    "INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)"
                    " VALUES (1, %s, current_date, now())",
                    [creditor_id],
                )
                session.execute('NOTIFY "AccountPurgeSignal"')
            observer.wait_message("AccountPurge", creditor_id=creditor_id)
    finally:
        name_standby(leader_url, "")
        authority.close()
