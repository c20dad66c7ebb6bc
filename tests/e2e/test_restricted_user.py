"""A flusher needs to write to the exchanges of its messages, and to nothing else."""

from collections.abc import Iterator
from threading import Thread
from urllib.parse import urlsplit, urlunsplit

import pytest

from agentkit.authority import Authority
from agentkit.management import Management
from agentkit.waiting import wait_until
from swpt_accounts.outbox.worker import FlushWorker
from swpt_accounts.settings import load_settings
from swpt_accounts.workers.shutdown import ShutdownEvent

EXCHANGES = "^(accounts_in|to_creditors|to_debtors|to_coordinators)$"
INSERT = """
INSERT INTO account_purge_signal (debtor_id, creditor_id, creation_date, ts)
VALUES (1, 2, '2024-05-20', now())
"""


@pytest.fixture
def restricted_url(idle_authority: Authority, vhost: str, management: Management) -> Iterator[str]:
    """The broker, for a user who may publish to our exchanges."""
    user = f"{vhost}_flusher"
    management.request("PUT", "users", user, body={"password": user, "tags": ""})
    rights = {"configure": "^$", "write": EXCHANGES, "read": "^$"}
    management.request("PUT", "permissions", vhost, user, body=rights)
    parts = urlsplit(idle_authority.broker_url)
    yield urlunsplit(parts._replace(netloc=f"{user}:{user}@{parts.hostname}:{parts.port}"))
    management.request("DELETE", "users", user)


def test_flusher_publishes(idle_authority: Authority, restricted_url: str) -> None:
    idle_authority.query(INSERT)
    settings = load_settings({**idle_authority.environment, "PROTOCOL_BROKER_URL": restricted_url})
    stop = ShutdownEvent()
    worker = FlushWorker(settings, stop, ["AccountPurgeSignal"], wait_seconds=0.2)
    thread = Thread(target=worker.run)
    thread.start()
    try:
        # nobody receives it
        wait_until(
            lambda: (
                idle_authority.query("SELECT reason FROM returned_message") == [("312 NO_ROUTE",)]
            )
        )
    finally:
        stop.request()
        thread.join(10)
