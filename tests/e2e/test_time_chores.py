"""The chores queue: whatever is in it, and whatever gets lost, does no harm."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentkit.authority import CHORES_QUEUE, Authority
from agentkit.messages import balance_change
from agentkit.waiting import wait_until
from tests.e2e.time_travel import DAY, RESTLESS, SECOND, TimedCurrency, checked_currency, start
from tests.support.clock import Clock

ACCOUNT = "SELECT a::text FROM account a WHERE (debtor_id, creditor_id) = (%s, %s)"


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


@pytest.mark.parametrize(
    ("chore_type", "body"),
    [
        ("ChangeInterestRate", b""),
        ("ChangeInterestRate", b"\xff\xfe"),
        ("ChangeInterestRate", b"[" * 100_000),
        ("ChangeInterestRate", b"{}"),
        ("ChangeInterestRate", b'{"type": "TryToDeleteAccount"}'),
        ("CapitalizeInterest", b'{"type": "CapitalizeInterest", "debtor_id": 1e3}'),
        ("CapitalizeInterest", b'{"type": "CapitalizeInterest", "debtor_id": %s}' % (b"9" * 5000)),
        ("SetEverythingRight", b'{"type": "SetEverythingRight"}'),
        (None, b'{"type": "TryToDeleteAccount", "debtor_id": 1, "creditor_id": 1}'),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_malformed_chore_is_dropped(clock: Clock, chore_type: str | None, body: bytes) -> None:
    log = clock.authority.log
    lines_count = log("consume_chore_messages").count("dropped a")
    clock.post_chore(body, chore_type)
    clock.wait_for_upkeep()
    assert log("consume_chore_messages").count("dropped a") == lines_count + 1


@pytest.mark.parametrize("value", ["10", None, [], 1e999, -1e999])
def test_rate_that_is_no_number_is_dropped(currency: TimedCurrency, value: Any) -> None:
    currency.open_root()
    creditor_id = currency.open_account(creditor_id=5 << 40)
    before = account(currency, creditor_id)
    change_rate(currency, value)
    currency.clock.wait_for_upkeep()
    assert account(currency, creditor_id) == before


@pytest.mark.parametrize(("rate", "taken"), [(1e300, 100.0), (-50.1, -50.0), (7, 7.0)])
def test_rate_is_kept_within_its_limits(currency: TimedCurrency, rate: float, taken: float) -> None:
    # Without a root account, the scan has no rate to go back to.
    currency.open_account(creditor_id=5 << 40)
    change_rate(currency, rate)
    assert currency.wait("AccountUpdate", interest_rate=taken)


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
