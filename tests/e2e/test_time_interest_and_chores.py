"""Interest over days and years: rates, accumulation, capitalization, and what they forbid; and the
chores queue: whatever is in it, and whatever gets lost, does no harm.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agentkit.authority import CHORES_QUEUE, Authority
from agentkit.messages import balance_change
from agentkit.waiting import wait_until
from tests.e2e.time_travel import (
    DAY,
    HOUR,
    RESTLESS,
    SECOND,
    YEAR,
    TimedCurrency,
    checked_currency,
    moment,
    start,
)
from tests.support.clock import Clock
from verification.model.money import floor, grow, growth_exponent, missed_interest, seconds_between

# A change of the rate may follow another one after so long.
RATE_INTERVAL = 8 * DAY
CAPITALIZATION_INTERVAL = 14 * DAY
TOLERANCE = Decimal("1e-9")
NEVER = "1970-01-01T00:00:00+00:00"
ACCOUNT = "SELECT a::text FROM account a WHERE (debtor_id, creditor_id) = (%s, %s)"


@pytest.fixture(scope="module")
def authority_settings() -> dict[str, str]:
    # A prepared transfer may live for longer than a year.
    return {**RESTLESS, "APP_PREPARED_TRANSFER_MAX_DELAY_DAYS": "400"}


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


def test_new_account_has_the_rate_at_once(currency: TimedCurrency, clock: Clock) -> None:
    root = currency.open_root(config_data=rate(3.123456789))
    assert (root["interest_rate"], root["last_interest_rate_change_ts"]) == (0.0, NEVER)
    account = currency.configure(5 << 40)
    assert account["interest_rate"] == 3.123456789
    assert moment(account["last_interest_rate_change_ts"]) == clock.now

    # So has an account that comes to be with the money it receives.
    currency.transfer(0, 5 << 40, 1000)
    recipient = (5 << 40) + 1
    agent = {"coordinator_type": "agent", "coordinator_id": 5 << 40}
    prepared = currency.prepare(5 << 40, recipient, 700, **agent)
    currency.finalize(prepared, 700)
    update = currency.wait("AccountUpdate", creditor_id=recipient, principal=700).data
    assert update["interest_rate"] == 3.123456789
    assert update["last_config_ts"] == NEVER


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


@pytest.mark.parametrize(
    ("interest_rate", "principal", "duration", "expected"),
    [
        pytest.param(100.0, 1000, YEAR, 1000, id="a year at 100 percent"),
        pytest.param(-50.0, 1000, YEAR, -500, id="a year at -50 percent"),
        pytest.param(0.05, 9_200_000_000_000_000_001, 100 * DAY, None, id="near 2^63"),
        # 2^63 does not fit; one unit stays interest
        pytest.param(100.0, 2**62, YEAR, 2**62 - 1, id="overflow"),
    ],
)
def test_capitalization_is_exact(
    currency: TimedCurrency,
    interest_rate: float,
    principal: int,
    duration: timedelta,
    expected: int | None,
) -> None:
    currency.open_root(config_data=rate(interest_rate))
    creditor_id = currency.open_account(principal)
    since = currency.mark()
    # The scan makes no pass in between, and so there is one capitalization.
    currency.let_pass(duration)
    balance = grown(principal, interest_rate, duration)
    if expected is None:
        expected = floor(balance - principal)
    transfer = interest_transfer(currency, creditor_id, since)
    assert transfer["acquired_amount"] == expected
    assert transfer["principal"] == principal + expected
    parties = "0", str(creditor_id)
    assert (transfer["sender"], transfer["recipient"]) == (
        parties if expected > 0 else parties[::-1]
    )
    update = currency.wait(
        "AccountUpdate", since=since, creditor_id=creditor_id, principal=principal + expected
    ).data
    assert Decimal(update["interest"]) == pytest.approx(
        balance - principal - expected, abs=TOLERANCE
    )
    assert currency.wait("AccountUpdate", creditor_id=0, principal=-principal - expected)
    assert not currency.find("AccountTransfer", creditor_id=0)


def test_capitalization_waits_for_its_interval_and_for_enough_interest(
    currency: TimedCurrency,
) -> None:
    currency.open_root(config_data=rate(10.0))
    rich = currency.open_account(1_000_000)
    # It earns a whole unit in no less than ten months.
    poor = currency.open_account(12)
    since = currency.mark()
    currency.let_pass(CAPITALIZATION_INTERVAL - SECOND)
    assert not currency.find("AccountTransfer", since)
    currency.let_pass(SECOND)
    first = interest_transfer(currency, rich, since)
    balance = grown(1_000_000, 10.0, CAPITALIZATION_INTERVAL)
    assert first["acquired_amount"] == floor(balance) - 1_000_000
    assert not currency.find("AccountTransfer", since, creditor_id=poor)

    # The next one is as far away; the fraction that was left has grown meanwhile.
    since = currency.mark()
    currency.let_pass(CAPITALIZATION_INTERVAL - SECOND)
    assert not currency.find("AccountTransfer", since)
    currency.let_pass(SECOND)
    second = interest_transfer(currency, rich, since)
    balance = grown(balance, 10.0, CAPITALIZATION_INTERVAL)
    assert second["principal"] == floor(balance)
    currency.let_pass(400 * DAY)
    assert interest_transfer(currency, poor, since)["acquired_amount"] == 1


def test_interest_can_be_spent_before_it_is_capitalized(currency: TimedCurrency) -> None:
    currency.open_root(config_data=rate(100.0))
    creditor_id = currency.open_account(1000)
    currency.let_pass(13 * DAY)
    balance = grown(1000, 100.0, 13 * DAY)
    assert floor(balance) == 1024
    assert currency.reject(creditor_id, 0, 1025)["status_code"] == "INSUFFICIENT_AVAILABLE_AMOUNT"
    finalized = currency.finalize(currency.prepare(creditor_id, 0, 1024), 1024)
    assert finalized["status_code"] == "OK"
    assert currency.transfers(creditor_id, 2)[1]["principal"] == -24
    update = currency.wait("AccountUpdate", creditor_id=creditor_id, principal=-24).data
    assert update["interest"] == pytest.approx(float(balance - 1000), abs=1e-9)
    assert currency.wait("AccountUpdate", creditor_id=0, principal=24)


def test_money_that_comes_late_brings_its_interest(currency: TimedCurrency, clock: Clock) -> None:
    currency.open_root(config_data=rate(20.0))
    creditor_id = currency.open_account()
    clock.advance(6 * DAY)
    committed_at = clock.now
    currency.open_root(config_data=rate(-10.0))
    currency.let_pass(2 * DAY)
    currency.wait("AccountUpdate", creditor_id=creditor_id, interest_rate=-10.0)
    clock.advance(3 * DAY)
    amount = 9_000_000_000_000_000_001
    currency.authority.send(
        balance_change(
            currency.debtor_id,
            creditor_id,
            0,
            amount,
            coordinator_type="issuing",
            transfer_note="late",
            committed_at=committed_at.isoformat(),
        )
    )
    (transfer,) = currency.transfers(creditor_id, 1)
    assert (transfer["acquired_amount"], transfer["principal"]) == (amount, amount)
    assert moment(transfer["committed_at"]) == committed_at
    changed_at = committed_at + 2 * DAY
    exponent = growth_exponent(20.0, seconds_between(committed_at, changed_at))
    exponent += growth_exponent(-10.0, seconds_between(changed_at, clock.now))
    update = currency.wait("AccountUpdate", creditor_id=creditor_id, principal=amount).data
    assert update["interest"] == float(missed_interest(amount, exponent))


# -- transfers ----------------------------------------------------------------


def test_demurrage_of_what_is_locked(currency: TimedCurrency) -> None:
    """At -50 percent, half of what was locked a year ago is still there: and no unit more."""
    currency.open_root(config_data=rate(-50.0))
    creditor_id = currency.open_account(1000)
    prepared = [currency.prepare(creditor_id, 0, 500) for _ in range(2)]
    assert {p["demurrage_rate"] for p in prepared} == {-50.0}
    currency.let_pass(YEAR)
    finalized = currency.finalize(prepared[0], 251)
    assert (finalized["status_code"], finalized["committed_amount"]) == (
        "INSUFFICIENT_AVAILABLE_AMOUNT",
        0,
    )
    assert finalized["total_locked_amount"] == 500
    assert currency.finalize(prepared[1], 250)["committed_amount"] == 250
    currency.wait("AccountUpdate", creditor_id=0, principal=-1000 + 500 + 250)


def test_newer_interest_rate(currency: TimedCurrency, clock: Clock) -> None:
    currency.open_root(config_data=rate(1.0))
    creditor_id = currency.open_account(1000)
    opened_at = clock.now
    clock.advance(7 * DAY)
    is_known = {"final_interest_rate_ts": clock.text}
    knowing = currency.prepare(creditor_id, 0, 10, **is_known)
    dismissed = currency.prepare(creditor_id, 0, 10, **is_known)
    whatever = currency.prepare(creditor_id, 0, 10)
    currency.open_root(config_data=rate(2.0))
    currency.let_pass(DAY)
    changed = currency.wait("AccountUpdate", creditor_id=creditor_id, interest_rate=2.0).data
    assert moment(changed["last_interest_rate_change_ts"]) == opened_at + RATE_INTERVAL

    rejected = currency.reject(creditor_id, 0, 10, **is_known)
    assert (rejected["status_code"], rejected["total_locked_amount"]) == ("NEWER_INTEREST_RATE", 30)
    up_to_date = {"final_interest_rate_ts": changed["last_interest_rate_change_ts"]}
    accepted = currency.prepare(creditor_id, 0, 10, **up_to_date)
    failed = currency.finalize(knowing, 10)
    assert (failed["status_code"], failed["committed_amount"]) == ("NEWER_INTEREST_RATE", 0)
    assert currency.finalize(dismissed, 0)["status_code"] == "OK"
    for prepared in (whatever, accepted):
        assert currency.finalize(prepared, 10)["committed_amount"] == 10
    assert currency.wait("AccountUpdate", creditor_id=0, principal=-980)


def test_commit_comes_too_late(currency: TimedCurrency, clock: Clock) -> None:
    currency.open_root()
    creditor_id = currency.open_account(100)
    impatient = [currency.prepare(creditor_id, 0, 5, max_commit_delay=3600) for _ in range(2)]
    patient = currency.prepare(creditor_id, 0, 5)
    assert moment(impatient[0]["deadline"]) == clock.now + HOUR
    assert moment(patient["deadline"]) == clock.now + 400 * DAY
    clock.advance(HOUR)
    assert currency.finalize(impatient[0], 5)["status_code"] == "OK"
    clock.advance(timedelta(microseconds=1))
    assert currency.finalize(impatient[1], 5)["status_code"] == "TIMEOUT"
    clock.advance(400 * DAY - HOUR)
    failed = currency.finalize(patient, 5)
    assert (failed["status_code"], failed["total_locked_amount"]) == ("TIMEOUT", 0)
    assert currency.wait("AccountUpdate", creditor_id=0, principal=-95)


# -- chores -----------------------------------------------------------------------


def chore(currency: TimedCurrency, chore_type: str, **fields: Any) -> None:
    """Post a chore for the account 5, if nothing else is said."""
    ids = {"debtor_id": currency.debtor_id, "creditor_id": 5 << 40}
    body = json.dumps({"type": chore_type, **ids, **fields}).encode()
    currency.clock.post_chore(body, chore_type)


def change_rate(currency: TimedCurrency, rate: Any, **fields: Any) -> None:
    ts = {"ts": currency.clock.text}
    chore(currency, "ChangeInterestRate", **{"interest_rate": rate, **ts, **fields})


def update_info(currency: TimedCurrency, **fields: Any) -> None:
    info = {
        "debtor_info_iri": "https://example.com/",
        "debtor_info_content_type": "",
        "debtor_info_sha256": "",
        "ts": currency.clock.text,
    }
    chore(currency, "UpdateDebtorInfo", **{**info, **fields})


def account(currency: TimedCurrency, creditor_id: int) -> list[tuple[Any, ...]]:
    """All that the database has of an account."""
    return currency.authority.query(ACCOUNT, currency.debtor_id, creditor_id)


def test_useless_chores_change_nothing(currency: TimedCurrency, clock: Clock) -> None:
    currency.open_root(config_data='{"type": "RootConfigData", "rate": 30}')
    creditor_id = currency.open_account(1000, creditor_id=5 << 40)
    clock.advance(8 * DAY - SECOND)
    clock.wait_for_upkeep()
    before = account(currency, creditor_id), account(currency, 0)
    since = currency.mark()

    yesterday = (clock.now - DAY - SECOND).isoformat()
    change_rate(currency, 10.0)  # too soon after the last change
    change_rate(currency, 10.0, creditor_id=0)
    change_rate(currency, 10.0, creditor_id=6 << 40)
    change_rate(currency, 10.0, debtor_id=3)
    update_info(currency, creditor_id=0)
    update_info(currency, ts=yesterday)
    update_info(currency, debtor_info_iri="")  # it is that already
    chore(currency, "CapitalizeInterest")
    chore(currency, "CapitalizeInterest", creditor_id=0)
    chore(currency, "TryToDeleteAccount", creditor_id=6 << 40)
    clock.wait_for_upkeep()
    assert (account(currency, creditor_id), account(currency, 0)) == before
    assert not currency.find("AccountUpdate", since)
    assert not currency.find("AccountTransfer", since)

    # An attempt to delete what nobody wants to be deleted is noted, and is no more than that.
    chore(currency, "TryToDeleteAccount")
    chore(currency, "TryToDeleteAccount", creditor_id=0)
    currency.let_pass(SECOND)
    change_rate(currency, 30.0)  # it is that already
    change_rate(currency, 10.0, ts=yesterday)
    clock.wait_for_upkeep()
    assert currency.principal(creditor_id) == 1000
    assert not currency.find("AccountUpdate", since)


def test_malformed_chores_are_dropped(clock: Clock) -> None:
    log = clock.authority.log
    lines_count = log("consume_chore_messages").count("dropped a")
    for chore_type, body in (
        ("ChangeInterestRate", b"\xff\xfe"),
        ("ChangeInterestRate", b"[" * 100_000),
        ("SetEverythingRight", b'{"type": "SetEverythingRight"}'),
        (None, b'{"type": "TryToDeleteAccount", "debtor_id": 1, "creditor_id": 1}'),
    ):
        clock.post_chore(body, chore_type)
        lines_count += 1
    clock.wait_for_upkeep()
    assert log("consume_chore_messages").count("dropped a") == lines_count


def test_rates_that_are_none_are_dropped_and_others_kept_within_their_limits(
    currency: TimedCurrency,
) -> None:
    # Without a root account, the scan has no rate to go back to.
    creditor_id = currency.open_account(creditor_id=5 << 40)
    before = account(currency, creditor_id)
    for value in ("10", None, 1e999):
        change_rate(currency, value)
    currency.clock.wait_for_upkeep()
    assert account(currency, creditor_id) == before
    change_rate(currency, 1e300)
    assert currency.wait("AccountUpdate", interest_rate=100.0)


def test_chore_that_is_done_twice_is_done_once(currency: TimedCurrency, clock: Clock) -> None:
    creditor_id = currency.open_account(creditor_id=5 << 40)
    since = currency.mark()
    for _ in range(3):
        change_rate(currency, 12.5)
        update_info(currency)
    clock.wait_for_upkeep()
    updates = currency.find("AccountUpdate", since, creditor_id=creditor_id)
    assert [(u["interest_rate"], u["debtor_info_iri"]) for u in updates] == [
        (12.5, ""),
        (12.5, "https://example.com/"),
    ]


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


# -- the archive --------------------------------------------------------------


def test_archive_forgets_what_is_older_than_the_threshold(
    currency: TimedCurrency, clock: Clock
) -> None:
    authority = clock.authority
    creditor_id = currency.open_account(creditor_id=5 << 40)
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
