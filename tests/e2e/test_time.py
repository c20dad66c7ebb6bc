"""Time passes: heartbeats and reminders, interest, the end of accounts; and the chores by which the
scans have it done. What each of them does to the last digit is told by examples and by simulation.
"""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agentkit.authority import CHORES_QUEUE, Authority
from agentkit.messages import balance_change
from agentkit.waiting import wait_until
from tests.e2e.time_travel import (
    DAY,
    RESTLESS,
    SECOND,
    TimedCurrency,
    checked_currency,
    moment,
    start,
)
from tests.support.clock import Clock
from verification.model.money import floor, grow

# A change of the rate may follow another one after so long.
RATE_INTERVAL = 8 * DAY
TOLERANCE = Decimal("1e-9")
NEVER = "1970-01-01T00:00:00+00:00"


HEARTBEAT = 7 * DAY
REMINDER = 7 * DAY
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


def rate(value: float) -> str:
    return json.dumps({"type": "RootConfigData", "rate": value})


def grown(amount: int | Decimal, interest_rate: float, duration: timedelta) -> Decimal:
    """A balance after some time."""
    return grow(amount, interest_rate, Decimal(duration // timedelta(microseconds=1)).scaleb(-6))


def interest_transfer(currency: TimedCurrency, creditor_id: int, since: int) -> dict[str, object]:
    """The AccountTransfer of the only capitalization."""
    fields = {"creditor_id": creditor_id, "coordinator_type": "interest"}
    currency.wait("AccountTransfer", since=since, **fields)
    (transfer,) = currency.find("AccountTransfer", since, **fields)
    return transfer


# -- rates --------------------------------------------------------------------


def test_rate_changes_through_the_scan_but_not_too_often(
    currency: TimedCurrency, clock: Clock
) -> None:
    currency.open_root(config_data=rate(7.5))
    creditor_id = currency.open_account(1_000_000)
    opened_at = clock.now
    clock.advance(DAY)
    currency.open_root(config_data=rate(-1.000000001))
    since = currency.mark()
    currency.let_pass(RATE_INTERVAL - DAY - SECOND)
    assert not currency.find("AccountUpdate", since, interest_rate=-1.000000001)

    currency.let_pass(SECOND)
    update = currency.wait("AccountUpdate", since=since, interest_rate=-1.000000001).data
    assert update["creditor_id"] == creditor_id
    assert moment(update["last_interest_rate_change_ts"]) == opened_at + RATE_INTERVAL
    # What was earned by now, at the old rate, is kept.
    balance = grown(1_000_000, 7.5, RATE_INTERVAL)
    assert update["interest"] == float(balance - 1_000_000)

    # The same rate is no change, and the next change waits for as long again.
    currency.open_root(config_data=rate(100.0))
    currency.let_pass(RATE_INTERVAL - SECOND)
    assert not currency.find("AccountUpdate", since, interest_rate=100.0)
    currency.let_pass(SECOND)
    update = currency.wait("AccountUpdate", since=since, interest_rate=100.0).data
    assert moment(update["last_interest_rate_change_ts"]) == opened_at + 2 * RATE_INTERVAL
    roots = currency.find("AccountUpdate", creditor_id=0)
    assert {(r["interest_rate"], r["last_interest_rate_change_ts"]) for r in roots} == {
        (0.0, NEVER)
    }


# -- balances -----------------------------------------------------------------


def test_capitalization_is_exact(currency: TimedCurrency) -> None:
    """Near 2^63."""
    interest_rate, principal, duration = 0.05, 9_200_000_000_000_000_001, 100 * DAY
    currency.open_root(config_data=rate(interest_rate))
    creditor_id = currency.open_account(principal)
    since = currency.mark()
    # The scan makes no pass in between, and so there is one capitalization.
    currency.let_pass(duration)
    balance = grown(principal, interest_rate, duration)
    expected = floor(balance - principal)
    transfer = interest_transfer(currency, creditor_id, since)
    assert transfer["acquired_amount"] == expected > 0
    assert transfer["principal"] == principal + expected
    assert (transfer["sender"], transfer["recipient"]) == ("0", str(creditor_id))
    update = currency.wait(
        "AccountUpdate", since=since, creditor_id=creditor_id, principal=principal + expected
    ).data
    assert Decimal(update["interest"]) == pytest.approx(
        balance - principal - expected, abs=TOLERANCE
    )
    assert currency.wait("AccountUpdate", creditor_id=0, principal=-principal - expected)
    assert not currency.find("AccountTransfer", creditor_id=0)


# -- chores -----------------------------------------------------------------------


def test_lost_chores_are_posted_again(currency: TimedCurrency, clock: Clock) -> None:
    """A queue that loses all it had costs no more than the time until the next pass."""
    authority = clock.authority
    currency.open_root(config_data='{"type": "RootConfigData", "rate": 30}')
    indebted, earning = currency.open_account(10), currency.open_account(1000)
    assert authority.terminate("consume_chore_messages")[0] == 0
    currency.configure(indebted, config_flags=1, negligible_amount=20.0)
    clock.advance(14 * DAY)
    currency.open_root(config_data='{"type": "RootConfigData", "rate": 40}')
    since = currency.mark()
    wait_until(lambda: authority.broker.ready_count(CHORES_QUEUE) >= 4)
    authority.broker.channel.queue_purge(CHORES_QUEUE)
    assert not currency.find("AccountTransfer", since)

    authority.start("consume_chore_messages")
    deleted = currency.wait("AccountTransfer", since=since, creditor_id=indebted).data
    assert deleted["coordinator_type"] == "delete"
    paid = currency.wait("AccountTransfer", since=since, creditor_id=earning).data
    assert paid["coordinator_type"] == "interest"
    assert currency.wait("AccountUpdate", since=since, creditor_id=earning, interest_rate=40.0)
    # Chores that were posted more than once have been done once.
    clock.wait_for_upkeep()
    assert len(currency.find("AccountTransfer", since)) == 2
    assert currency.principal(0) == -1000 - paid["acquired_amount"]


def test_archive_forgets_what_is_older_than_the_threshold(
    currency: TimedCurrency, clock: Clock
) -> None:
    authority = clock.authority
    creditor_id = currency.open_account(creditor_id=5 << 40)
    authority.query("INSERT INTO older_senders VALUES ('move', '9999-01-01')")
    # The threshold is set by an operator: it is the clock of the machine that counts.
    today = datetime.now(UTC)
    old, recent = today - timedelta(days=20), today - timedelta(days=1)
    changes = [
        balance_change(
            currency.debtor_id,
            creditor_id,
            0,
            10**change_id,
            change_id=change_id,
            coordinator_type="issuing",
            committed_at=committed_at.isoformat(),
        )
        for change_id, committed_at in enumerate((old, recent, old))
    ]

    def archived() -> list[tuple[int, bool]]:
        return authority.query(
            "SELECT change_id, is_applied FROM registered_balance_change"
            " WHERE debtor_id = %s ORDER BY change_id",
            currency.debtor_id,
        )

    for change in changes[:2]:
        for _ in range(3):
            authority.send(change)
    wait_until(lambda: archived() == [(0, True), (1, True)])
    # An entry that nobody has applied yet stays, however old.
    authority.query(
        "INSERT INTO registered_balance_change VALUES (%s, 0, 99, %s, false)",
        currency.debtor_id,
        old,
    )
    for name in ("consume_messages", "scan_registered_balance_changes"):
        assert authority.terminate(name)[0] == 0
    threshold = (today - timedelta(days=15)).isoformat()
    authority.environment["REMOVE_FROM_ARCHIVE_THRESHOLD_DATE"] = threshold
    authority.start("consume_messages", "scan_registered_balance_changes")
    wait_until(lambda: archived() == [(1, True), (99, False)])

    # What may have left the archive already is not done again, and neither is anything so old.
    for change in changes:
        authority.send(change)
    currency.configure(creditor_id, negligible_amount=1.0)
    wait_until(lambda: not authority.query("SELECT 1 FROM pending_balance_change"))
    assert currency.principal(creditor_id) == 11
    assert archived() == [(1, True), (99, False)]


# -- accounts ---------------------------------------------------------------------


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
    since = currency.mark()
    currency.transfer(0, creditor_id, 50)
    received = currency.wait("AccountTransfer", since=since, creditor_id=creditor_id).data
    assert (received["transfer_number"], received["previous_transfer_number"]) == (1, 0)
    assert received["creation_date"] == opened["creation_date"]
    prepared = currency.prepare(creditor_id, 0, 1)
    assert prepared["transfer_id"] >> 40 == (clock.now.date() - date(1970, 1, 1)).days


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
