"""The life of accounts over months: heartbeats, reminders, deletion, purge, and coming back."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from agentkit.authority import Authority
from tests.e2e.time_travel import (
    DAY,
    HOUR,
    RESTLESS,
    SECOND,
    TimedCurrency,
    checked_currency,
    moment,
    start,
)
from tests.support.clock import Clock

HEARTBEAT = 7 * DAY
REMINDER = 7 * DAY
DELETION_ATTEMPTS = 14 * DAY
# the extreme delay, the life of a prepared transfer, and two days
PURGE = (14 + 90 + 2) * DAY
# Resolution of a moment
TICK = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    return RESTLESS


@pytest.fixture(scope="module")
def clock(idle_authority: Authority) -> Clock:
    return start(idle_authority)


@pytest.fixture
def currency(clock: Clock) -> Iterator[TimedCurrency]:
    with checked_currency(clock) as made:
        yield made


def root_config(**properties: object) -> str:
    return json.dumps({"type": "RootConfigData", **properties}, ensure_ascii=False)


def without(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in names}


def close(currency: TimedCurrency, creditor_id: int, negligible_amount: float = 0.0) -> None:
    """Schedule an account for deletion."""
    currency.configure(creditor_id, config_flags=1, negligible_amount=negligible_amount)


def is_open(currency: TimedCurrency, creditor_id: int) -> bool:
    """Whether there is an account that is not deleted."""
    return currency.authority.query(
        "SELECT 1 FROM account WHERE (debtor_id, creditor_id) = (%s, %s) AND status_flags & 1 = 0",
        currency.debtor_id,
        creditor_id,
    ) == [(1,)]


# -- what is sent from time to time --------------------------------------------


def test_heartbeats(currency: TimedCurrency, clock: Clock) -> None:
    last = {0: currency.open_root(), 1: currency.configure(1 << 40)}
    since = currency.mark()
    currency.let_pass(HEARTBEAT)
    assert not currency.find("AccountUpdate", since)
    expected = []
    for _ in range(2):
        currency.let_pass(TICK)
        expected.append(clock.now)
        currency.let_pass(HEARTBEAT)
    for creditor_id, update in ((0, last[0]), (1 << 40, last[1])):
        found = currency.find("AccountUpdate", since, creditor_id=creditor_id)
        assert [moment(u["ts"]) for u in found] == expected
        for heartbeat in found:
            assert without(heartbeat, "ts") == without(update, "ts")


def test_reminders_of_a_prepared_transfer(currency: TimedCurrency, clock: Clock) -> None:
    currency.open_root()
    creditor_id = currency.open_account(100)
    waiting = currency.prepare(creditor_id, 0, 7)
    finished = currency.prepare(creditor_id, 0, 8)
    sent_at = [clock.now]
    clock.advance(REMINDER)
    # A whole pass: the services have just begun one.
    scan = ("scan_prepared_transfers", "--days", "0.000001", "--quit-early")
    assert currency.authority.run(*scan).returncode == 0
    currency.finalize(finished, 0)
    for _ in range(2):
        clock.advance(TICK)
        sent_at.append(clock.now)
        currency.wait("PreparedTransfer", creditor_id=creditor_id, ts=clock.text)
        clock.advance(REMINDER)
    currency.finalize(waiting, 7)
    currency.let_pass(REMINDER + TICK)
    found = currency.find("PreparedTransfer", creditor_id=creditor_id)
    reminders = [p for p in found if p["transfer_id"] == waiting["transfer_id"]]
    assert [moment(p["ts"]) for p in reminders] == sent_at
    for reminder in reminders:
        assert without(reminder, "ts") == without(waiting, "ts")
    assert len(found) == len(reminders) + 1


# -- what debtors say of themselves --------------------------------------------


def test_debtor_info(currency: TimedCurrency, clock: Clock) -> None:
    info = {"type": "DebtorInfo", "iri": "https://example.com/Ω", "contentType": "text/html"}
    sha256 = "0123456789ABCDEF" * 4
    currency.open_root(config_data=root_config(info={**info, "sha256": sha256}))
    creditor_id = currency.open_account()
    sent: dict[str, Any] = {
        "debtor_info_iri": "https://example.com/Ω",
        "debtor_info_content_type": "text/html",
        "debtor_info_sha256": sha256,
    }
    assert currency.wait("AccountUpdate", creditor_id=creditor_id, **sent)

    # There is no minimal interval, and what is not said any more is not sent any more.
    for config, expected in (
        (root_config(info=info), {**sent, "debtor_info_sha256": ""}),
        (root_config(rate=0), dict.fromkeys(sent, "")),
    ):
        since = currency.mark()
        currency.open_root(config_data=config)
        changed = currency.wait("AccountUpdate", since=since, creditor_id=creditor_id, **expected)
        assert moment(changed.data["last_change_ts"]) == clock.now
    for update in currency.find("AccountUpdate", creditor_id=0):
        assert {update[name] for name in sent} == {""}


# -- the end of an account, and a new beginning -----------------------------------


def test_account_is_deleted_purged_and_opened_again(currency: TimedCurrency, clock: Clock) -> None:
    currency.open_root()
    creditor_id = currency.open_account(103)
    before = currency.wait("AccountUpdate", creditor_id=creditor_id, principal=103).data
    currency.finalize(currency.prepare(creditor_id, 0, 100), 100)
    clock.advance(DAY)
    since = currency.mark()
    close(currency, creditor_id, 3.0)

    paid = currency.wait("AccountTransfer", since=since, creditor_id=creditor_id).data
    assert (paid["coordinator_type"], paid["recipient"]) == ("delete", "0")
    assert (paid["acquired_amount"], paid["principal"]) == (-3, 0)
    deleted_at = clock.now
    deleted = currency.wait(
        "AccountUpdate",
        since=since,
        creditor_id=creditor_id,
        last_transfer_number=paid["transfer_number"],
    ).data
    assert (deleted["principal"], deleted["interest"]) == (0, 0.0)
    assert moment(deleted["last_change_ts"]) == deleted_at
    assert currency.wait("AccountUpdate", creditor_id=0, principal=0)
    assert currency.reject(creditor_id, 0, 0)["status_code"] == "SENDER_IS_UNREACHABLE"
    assert currency.reject(0, creditor_id, 0)["status_code"] == "RECIPIENT_IS_UNREACHABLE"

    # A deleted account is quiet, until it is purged.
    since = currency.mark()
    currency.let_pass(PURGE)
    assert not currency.find("AccountUpdate", since, creditor_id=creditor_id)
    assert not currency.find("AccountPurge", since)
    currency.let_pass(TICK)
    purge = currency.wait("AccountPurge", creditor_id=creditor_id).data
    assert purge["creation_date"] == before["creation_date"]
    assert moment(purge["ts"]) == clock.now

    opened = currency.configure(creditor_id)
    assert opened["creation_date"] == clock.now.date().isoformat() > before["creation_date"]
    assert (opened["last_transfer_number"], opened["principal"]) == (0, 0)
    currency.transfer(0, creditor_id, 50)
    received = currency.find("AccountTransfer", creditor_id=creditor_id)[-1]
    assert (received["transfer_number"], received["previous_transfer_number"]) == (1, 0)
    assert received["creation_date"] == opened["creation_date"]
    prepared = currency.prepare(creditor_id, 0, 1)
    assert prepared["transfer_id"] >> 40 == (clock.now.date() - date(1970, 1, 1)).days


def test_deletion_waits_for_transfers_and_for_a_negligible_balance(
    currency: TimedCurrency, clock: Clock
) -> None:
    currency.open_root()
    busy, rich = currency.open_account(10), currency.open_account(10)
    prepared = currency.prepare(busy, 0, 5)
    close(currency, busy, 10.0)
    close(currency, rich, 9.9)
    # An attempt fails, and the next one is made two weeks later.
    clock.wait_for_upkeep()
    currency.finalize(prepared, 0)
    currency.let_pass(DELETION_ATTEMPTS - SECOND)
    assert is_open(currency, busy)
    since = currency.mark()
    currency.let_pass(SECOND)
    paid = currency.wait("AccountTransfer", since=since, creditor_id=busy).data
    assert (paid["acquired_amount"], paid["coordinator_type"]) == (-10, "delete")
    assert not is_open(currency, busy)

    # No attempt is made as long as the owner would lose too much, and one at once afterwards.
    assert is_open(currency, rich)
    since = currency.mark()
    close(currency, rich, 10.0)
    assert currency.wait("AccountTransfer", since=since, creditor_id=rich, acquired_amount=-10)
    assert currency.wait("AccountUpdate", since=since, creditor_id=0, principal=0)


def test_debtor_goes_for_good(currency: TimedCurrency, clock: Clock) -> None:
    currency.open_root(config_data=root_config(rate=5.0))
    creditor_id = currency.open_account(1)
    close(currency, 0)
    clock.wait_for_upkeep()
    assert is_open(currency, 0), "there is still money"
    since = currency.mark()
    currency.finalize(currency.prepare(creditor_id, 0, 1), 1)
    currency.wait("AccountUpdate", since=since, creditor_id=0, principal=0)
    clock.wait_for_upkeep()
    assert not is_open(currency, 0)
    sent = currency.find("AccountUpdate", creditor_id=0)[-1]
    assert (sent["config_flags"], sent["principal"]) == (1, 0)

    currency.let_pass(PURGE + TICK)
    assert currency.wait("AccountPurge", creditor_id=0).exchange == "to_debtors"
    # Nothing is known of the currency any more.
    assert currency.configure(creditor_id + 1)["interest_rate"] == 0.0


def test_money_brings_a_deleted_account_back(currency: TimedCurrency, clock: Clock) -> None:
    currency.open_root()
    sender, recipient = currency.open_account(100), currency.open_account(5)
    prepared = currency.prepare(sender, recipient, 40)
    close(currency, recipient, 5.0)
    deleted = currency.wait(
        "AccountTransfer", creditor_id=recipient, coordinator_type="delete"
    ).data
    clock.advance(80 * DAY)
    since = currency.mark()
    currency.finalize(prepared, 40)
    received = currency.wait("AccountTransfer", since=since, creditor_id=recipient).data
    assert (received["acquired_amount"], received["principal"]) == (40, 40)
    assert received["previous_transfer_number"] == deleted["transfer_number"]
    update = currency.wait("AccountUpdate", since=since, creditor_id=recipient).data
    assert (update["principal"], update["config_flags"]) == (40, 1)
    assert update["creation_date"] == received["creation_date"] == deleted["creation_date"]
    # It stays: 40 is more than what the owner would not miss.
    currency.let_pass(PURGE)
    assert is_open(currency, recipient)
    assert currency.finalize(currency.prepare(recipient, sender, 40), 40)["status_code"] == "OK"


def test_debtor_that_is_deleted_can_be_paid(currency: TimedCurrency, clock: Clock) -> None:
    currency.open_root()
    creditor_id = currency.open_account(10)
    prepared = currency.prepare(creditor_id, 0, 4)
    # What the others have, this one owes: its balance is zero, and it goes.
    currency.transfer(creditor_id, 0, 6)
    currency.authority.query(
        "UPDATE account SET principal = 0 WHERE debtor_id = %s AND creditor_id = 0",
        currency.debtor_id,
    )
    since = currency.mark()
    close(currency, 0)
    clock.wait_for_upkeep()
    assert not is_open(currency, 0)
    currency.finalize(prepared, 4)
    update = currency.wait("AccountUpdate", since=since, creditor_id=0, principal=4).data
    assert update["config_flags"] == 1
    assert is_open(currency, 0)


def test_configuration_brings_a_deleted_account_back(currency: TimedCurrency, clock: Clock) -> None:
    currency.open_root(config_data=root_config(rate=5.0))
    creditor_id = currency.open_account()
    close(currency, creditor_id)
    clock.wait_for_upkeep()
    assert not is_open(currency, creditor_id)
    currency.open_root(config_data=root_config(rate=6.5))
    clock.advance(HOUR)
    update = currency.configure(creditor_id)
    assert update["config_flags"] == 0
    assert moment(update["last_change_ts"]) == clock.now
    # It starts with the interest rate of its currency, without waiting for its turn.
    assert update["interest_rate"] == 6.5
    assert moment(update["last_interest_rate_change_ts"]) == clock.now
    assert currency.transfer(0, creditor_id, 1)["status_code"] == "OK"
