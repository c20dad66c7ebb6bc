"""Scans and chores, through the whole authority: what time and debtors do to accounts.

Time passes by setting moments back in the database; a pass of a scan is made when a test asks
for it.
"""

import json
from datetime import datetime
from typing import Any

import pytest
import requests

from agentkit.currency import Currency
from agentkit.messages import finalize


def scan(currency: Currency, command: str = "scan_accounts") -> None:
    """Make one quick pass."""
    option = "--hours" if command == "scan_accounts" else "--days"
    result = currency.authority.run(command, option, "0.00001", "--quit-early")
    assert (result.returncode, result.stdout) == (0, "")


def set_back(currency: Currency, creditor_id: int, days: int, *columns: str) -> None:
    """Let days pass for an account."""
    changes = ", ".join(f"{c} = {c} - {days} * interval '1 day'" for c in columns)
    currency.authority.query(
        f"UPDATE account SET {changes} WHERE debtor_id = %s AND creditor_id = %s",
        currency.debtor_id,
        creditor_id,
    )


def root_config(**properties: object) -> str:
    return json.dumps({"type": "RootConfigData", **properties})


def test_balance_is_told_eventually(currency: Currency) -> None:
    currency.open_root()
    creditor_id = currency.open_account(100)
    scan(currency)
    update = currency.wait("AccountUpdate", creditor_id=creditor_id, principal=100).data
    assert update["last_transfer_number"] == 1
    assert currency.wait("AccountUpdate", creditor_id=0, principal=-100)


def test_heartbeat(currency: Currency) -> None:
    currency.open_root()
    quiet, busy = currency.open_account(), currency.open_account()
    before = currency.wait("AccountUpdate", creditor_id=quiet).data
    set_back(currency, quiet, 8, "last_heartbeat_ts")
    since = len(currency.observer.messages)
    scan(currency)
    update = currency.wait("AccountUpdate", creditor_id=quiet, since=since).data
    assert update.pop("ts") > before.pop("ts")
    assert update == before
    assert not currency.observer.find(
        "AccountUpdate", since, debtor_id=currency.debtor_id, creditor_id=busy
    )


def test_change_of_the_interest_rate_and_of_the_info(currency: Currency) -> None:
    currency.open_root()
    creditor_id = currency.open_account(1000)
    info = {"type": "DebtorInfo", "iri": "https://example.com/", "sha256": "0A" * 32}
    currency.open_root(config_data=root_config(rate=7.25, info=info))
    scan(currency)
    fields: dict[str, Any] = {"interest_rate": 7.25, "debtor_info_iri": "https://example.com/"}
    update = currency.wait("AccountUpdate", creditor_id=creditor_id, **fields).data
    assert update["debtor_info_sha256"] == "0A" * 32
    assert update["debtor_info_content_type"] == ""
    assert not update["last_interest_rate_change_ts"].startswith("1970")
    root = currency.observer.find("AccountUpdate", debtor_id=currency.debtor_id, creditor_id=0)
    assert {m.data["interest_rate"] for m in root} == {0.0}


def test_interest_is_paid_by_the_debtor(currency: Currency) -> None:
    currency.open_root(config_data=root_config(rate=10.0))
    creditor_id = currency.open_account(10_000)
    # A year, in Julian years of 365.25 days: three quarters of a day in hours.
    set_back(currency, creditor_id, 365, "last_change_ts", "last_interest_capitalization_ts")
    currency.authority.query(
        "UPDATE account SET last_change_ts = last_change_ts - interval '6 hours'"
        " WHERE debtor_id = %s AND creditor_id = %s",
        currency.debtor_id,
        creditor_id,
    )
    scan(currency)
    paid = currency.transfers(creditor_id, 2)[1]
    assert paid["coordinator_type"] == "interest"
    assert (paid["sender"], paid["recipient"]) == ("0", str(creditor_id))
    assert (paid["acquired_amount"], paid["principal"]) == (1000, 11_000)
    currency.observer.wait_for(lambda _: currency.principal(0) == -11_000)
    scan(currency)
    assert len(currency.transfers(creditor_id, 2)) == 2, "no more before 14 days have passed"


def test_reminder_of_a_prepared_transfer(currency: Currency) -> None:
    currency.open_root()
    sender, recipient = currency.open_account(100), currency.open_account()
    currency.prepare(sender, recipient, 5)
    waiting = currency.prepare(sender, recipient, 7)
    currency.authority.query(
        "UPDATE prepared_transfer SET prepared_at = prepared_at - interval '8 days'"
        " WHERE debtor_id = %s AND transfer_id = %s",
        currency.debtor_id,
        waiting["transfer_id"],
    )
    since = len(currency.observer.messages)
    for _ in range(2):
        scan(currency, "scan_prepared_transfers")
    reminder = currency.wait("PreparedTransfer", since=since).data
    prepared_at = datetime.fromisoformat(waiting["prepared_at"])
    assert (prepared_at - datetime.fromisoformat(reminder["prepared_at"])).days == 8
    changed = ("ts", "prepared_at")
    assert {k: v for k, v in reminder.items() if k not in changed} == {
        k: v for k, v in waiting.items() if k not in changed
    }
    currency.authority.send(finalize(waiting, 7))
    currency.answer("FinalizedTransfer", waiting)
    assert len(currency.observer.find("PreparedTransfer", since, creditor_id=sender)) == 1


def test_deletion_and_purge(currency: Currency) -> None:
    currency.open_root()
    creditor_id = currency.open_account(100)
    url = f"{currency.authority.web_url}/accounts/{currency.debtor_id}/{creditor_id}"
    currency.configure(creditor_id, config_flags=1, negligible_amount=99.0)
    scan(currency)
    # What is left is not negligible.
    assert requests.get(f"{url}/config", timeout=5).status_code == 200
    assert requests.get(f"{url}/reachable", timeout=5).status_code == 404

    last = currency.configure(creditor_id, config_flags=1, negligible_amount=100.0)
    set_back(currency, creditor_id, 15, "last_deletion_attempt_ts")
    since = len(currency.observer.messages)
    scan(currency)
    paid = currency.transfers(creditor_id, 2)[1]
    assert (paid["coordinator_type"], paid["recipient"]) == ("delete", "0")
    assert (paid["acquired_amount"], paid["principal"]) == (-100, 0)
    deleted = currency.wait("AccountUpdate", since=since, creditor_id=creditor_id).data
    assert (deleted["principal"], deleted["interest"]) == (0, 0.0)
    assert deleted["creation_date"] == last["creation_date"]
    currency.observer.wait_for(lambda _: currency.principal(0) == 0)
    for what in ("config", "reachable"):
        assert requests.get(f"{url}/{what}", timeout=5).status_code == 404
    assert currency.reject(creditor_id, 0, 0)["status_code"] == "SENDER_IS_UNREACHABLE"

    set_back(currency, creditor_id, 107, "last_change_ts")
    currency.authority.query(
        "UPDATE account SET creation_date = creation_date - 107"
        " WHERE debtor_id = %s AND creditor_id = %s",
        currency.debtor_id,
        creditor_id,
    )
    scan(currency)
    purge = currency.wait("AccountPurge", creditor_id=creditor_id).data
    assert purge["creation_date"] < last["creation_date"]
    rows = currency.authority.query(
        "SELECT creditor_id FROM account WHERE debtor_id = %s", currency.debtor_id
    )
    assert rows == [(0,)]


@pytest.mark.parametrize("config_flags", [0, 1])
def test_money_brings_a_deleted_account_back(currency: Currency, config_flags: int) -> None:
    """A transfer that was prepared before the deletion may be committed after it."""
    currency.open_root()
    sender, recipient = currency.open_account(100), currency.open_account()
    prepared = currency.prepare(sender, recipient, 40)
    currency.configure(recipient, config_flags=1)
    since = len(currency.observer.messages)
    scan(currency)
    currency.wait("AccountUpdate", since=since, creditor_id=recipient)
    if config_flags == 0:
        currency.configure(recipient, config_flags=0)
    since = len(currency.observer.messages)
    currency.finalize(prepared, 40)
    (received,) = currency.transfers(recipient, 1)
    assert received["principal"] == 40
    assert currency.principal(recipient) == 40
    if config_flags == 1:
        currency.wait("AccountUpdate", since=since, creditor_id=recipient, principal=40)


def test_books_are_proved_beside_the_workers(currency: Currency) -> None:
    currency.open_root()
    creditor_id = currency.open_account(100)
    result = currency.authority.run("verify_books", "--quiet")
    assert (result.returncode, result.stdout) == (0, "")

    change = (
        "UPDATE account SET principal = principal + %s WHERE debtor_id = %s AND creditor_id = %s"
    )
    account = currency.debtor_id, creditor_id
    currency.authority.query(change, 7, *account)
    result = currency.authority.run("verify_books", "--quiet")
    currency.authority.query(change, -7, *account)
    assert result.returncode == 1
    assert "the principals, and the changes on their way, add up to 7\n" in result.stdout
    assert str(currency.debtor_id) in result.stdout
