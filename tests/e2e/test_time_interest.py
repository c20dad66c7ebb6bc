"""Interest over days and years: rates, accumulation, capitalization, and what they forbid."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from agentkit.authority import Authority
from agentkit.messages import balance_change
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
        pytest.param(-7.77, 9_223_372_036_854_775_807, 33 * DAY, None, id="all there can be"),
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
