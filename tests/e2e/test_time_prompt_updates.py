"""A changed balance is reported soon, but not more than once an hour; or with the scan.

The accounts scan makes one pass of eight hours here: what comes within seconds is not its work.
"""

import pytest

from agentkit.authority import Authority
from agentkit.currency import Currency
from agentkit.waiting import wait_until

# Services on a busy machine; the program's own part is half a second.
PROMPT_SECONDS_MAX = 3.0
SERVICES = (
    "consume_messages",
    "process_transfer_requests",
    "process_finalization_requests",
    "process_balance_changes",
    "flush_messages",
    "scan_accounts",
)


@pytest.fixture(scope="module")
def authority(idle_authority: Authority) -> Authority:
    idle_authority.observe()
    idle_authority.start(*SERVICES)
    return idle_authority


def wait_an_hour(currency: Currency, *creditor_ids: int) -> None:
    """Let the last AccountUpdates of accounts be an hour old."""
    currency.authority.query(
        "UPDATE account SET last_heartbeat_ts = last_heartbeat_ts - interval '1 hour'"
        " WHERE debtor_id = %s AND creditor_id = ANY (%s)",
        currency.debtor_id,
        list(creditor_ids),
    )


def updates(currency: Currency, creditor_id: int, since: int) -> list[int]:
    """The principals of the AccountUpdates that have come."""
    currency.observer.receive()
    fields = {"debtor_id": currency.debtor_id, "creditor_id": creditor_id}
    return [m.data["principal"] for m in currency.observer.find("AccountUpdate", since, **fields)]


def test_first_change_after_a_quiet_hour_is_told_at_once(currency: Currency) -> None:
    currency.open_root()
    creditor_id, probe = currency.open_account(), currency.open_account()
    wait_an_hour(currency, 0, creditor_id)
    since = len(currency.observer.messages)
    currency.transfer(0, creditor_id, 100)
    transfer = currency.wait("AccountTransfer", since=since, creditor_id=creditor_id)
    update = currency.wait("AccountUpdate", since=since, creditor_id=creditor_id, principal=100)
    assert update.received_at - transfer.received_at < PROMPT_SECONDS_MAX
    assert update.data["last_transfer_number"] == 1
    root = currency.wait("AccountUpdate", since=since, creditor_id=0, principal=-100)
    assert root.received_at - transfer.received_at < PROMPT_SECONDS_MAX

    # More of them within the hour are not reported, while other accounts are.
    for amount in (1, 2, 3):
        currency.transfer(0, creditor_id, amount)
    wait_an_hour(currency, probe)
    currency.transfer(0, probe, 7)
    assert currency.wait("AccountUpdate", since=since, creditor_id=probe, principal=7)
    assert updates(currency, creditor_id, since) == [100]
    assert updates(currency, 0, since) == [-100]

    # When the hour is over, they are reported together.
    wait_an_hour(currency, creditor_id)
    assert currency.wait("AccountUpdate", since=since, creditor_id=creditor_id, principal=106)
    assert updates(currency, creditor_id, since) == [100, 106]
    assert updates(currency, 0, since) == [-100]


def test_configuration_is_told_at_once_and_counts_as_an_update(currency: Currency) -> None:
    currency.open_root()
    creditor_id, probe = currency.open_account(), currency.open_account()
    wait_an_hour(currency, creditor_id)
    currency.configure(creditor_id, negligible_amount=1.5)
    since = len(currency.observer.messages)
    currency.transfer(0, creditor_id, 100)
    wait_an_hour(currency, probe)
    currency.transfer(0, probe, 7)
    assert currency.wait("AccountUpdate", since=since, creditor_id=probe, principal=7)
    assert updates(currency, creditor_id, since) == []
    # A configuration tells the balance too; nothing is pending then.
    currency.configure(creditor_id, negligible_amount=2.5)
    wait_an_hour(currency, creditor_id, probe)
    currency.transfer(0, probe, 8)
    assert currency.wait("AccountUpdate", since=since, creditor_id=probe, principal=15)
    assert updates(currency, creditor_id, since) == [100]


def test_many_accounts_are_told_at_once(currency: Currency) -> None:
    """More of them than are sent together."""
    currency.authority.query(
        "INSERT INTO account_key SELECT %s, n FROM generate_series(1, 3333) AS n",
        currency.debtor_id,
    )
    currency.authority.query(
        "INSERT INTO account (debtor_id, creditor_id, creation_date, last_change_ts,"
        " last_interest_capitalization_ts, last_transfer_id, pending_account_update)"
        " SELECT %s, n, current_date, now(), now(), 0, true FROM generate_series(1, 3333) AS n",
        currency.debtor_id,
    )
    fields = {"debtor_id": currency.debtor_id}
    observer = currency.observer
    observer.wait_for(lambda _: len(observer.find("AccountUpdate", **fields)) >= 3333, 20.0)
    found = [m.data["creditor_id"] for m in observer.find("AccountUpdate", **fields)]
    assert sorted(found) == list(range(1, 3334))


def test_turned_off(currency: Currency) -> None:
    authority = currency.authority
    assert authority.terminate("scan_accounts")[0] == 0
    authority.environment["APP_PROMPT_ACCOUNT_UPDATES"] = "false"
    currency.open_root()
    creditor_id = currency.open_account()
    wait_an_hour(currency, 0, creditor_id)
    authority.begin("scan_accounts")
    wait_until(lambda: authority.connections_of("scan_accounts"), what="the scan is at work")
    since = len(currency.observer.messages)
    currency.transfer(0, creditor_id, 100)
    # In this time it would have come.
    currency.observer.receive(PROMPT_SECONDS_MAX)
    assert updates(currency, creditor_id, since) == []

    # A pass brings it.
    assert authority.run("scan_accounts", "--hours", "0.00001", "--quit-early").returncode == 0
    assert currency.wait("AccountUpdate", since=since, creditor_id=creditor_id, principal=100)
    assert currency.wait("AccountUpdate", since=since, creditor_id=0, principal=-100)
