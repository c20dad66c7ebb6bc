"""Examples by hand: ConfigureAccount."""

from datetime import date, datetime

import pytest

from . import builders
from .books import account, configure_root, delete_account, open_books, sent
from .builders import ALICE, DAY, DEBTOR, MICROSECOND, NOW, ROOT, SECOND, YEAR
from .money import MAX_INT64, T0
from .oracle import Authority


def test_new_account_is_told_at_once() -> None:
    authority = Authority()
    message = builders.configure_account(
        ALICE, NOW - SECOND, seqnum=7, config_flags=6, negligible_amount=2.5
    )
    authority.configure_account(message, NOW)
    assert authority.outbox == [
        {
            "type": "AccountUpdate",
            "debtor_id": 1,
            "creditor_id": ALICE,
            "creation_date": date(2024, 5, 20),
            "last_change_ts": NOW,
            "last_change_seqnum": 0,
            "principal": 0,
            "interest": 0,
            "interest_rate": 0.0,
            "last_interest_rate_change_ts": T0,
            "last_config_ts": NOW - SECOND,
            "last_config_seqnum": 7,
            "negligible_amount": 2.5,
            "config_flags": 6,
            "config_data": "",
            "account_id": "1099511627777",
            "debtor_info_iri": "",
            "debtor_info_content_type": "",
            "debtor_info_sha256": b"",
            "last_transfer_number": 0,
            "last_transfer_committed_at": T0,
            "demurrage_rate": -50.0,
            "commit_period": 90 * 86400,
            "transfer_note_max_bytes": 500,
            "ttl": 7 * 86400,
            "ts": NOW,
        }
    ]
    assert not account(authority, ALICE).pending_account_update


def test_old_message_creates_nothing() -> None:
    authority = Authority()
    message = builders.configure_account(ALICE, NOW)
    authority.configure_account(message, NOW + 7 * DAY + MICROSECOND)
    assert authority.accounts == {}
    assert authority.outbox == []
    authority.configure_account(message, NOW + 7 * DAY)
    assert account(authority, ALICE).last_config_ts == NOW


@pytest.mark.parametrize(
    ("ts", "seqnum", "is_applied"),
    [
        (NOW, 2**31 - 1, False),
        (NOW, -(2**31), True),
        (NOW, 2**31 - 2, False),
        (NOW, 0, False),
        (NOW + MICROSECOND, 0, True),
        (NOW - MICROSECOND, -(2**31), False),
    ],
)
def test_only_a_later_message_is_applied(ts: datetime, seqnum: int, is_applied: bool) -> None:
    authority = Authority()
    authority.configure_account(builders.configure_account(ALICE, seqnum=2**31 - 1), NOW)
    message = builders.configure_account(ALICE, ts, seqnum=seqnum, negligible_amount=3.0)
    authority.configure_account(message, NOW + 30 * DAY)
    assert (account(authority, ALICE).negligible_amount == 3.0) is is_applied
    assert len(sent(authority, "AccountUpdate")) == 1 + is_applied


def test_existing_account_counts_a_change() -> None:
    authority = open_books({ALICE: 1000}, rate=100.0)
    now = NOW + YEAR
    authority.configure_account(builders.configure_account(ALICE, now), now)
    (update,) = authority.outbox
    # Its creation counts 0, the incoming transfer 1, this configuration 2.
    assert update["last_change_seqnum"] == 2
    assert update["last_change_ts"] == update["ts"] == now
    assert (update["principal"], update["interest"]) == (1000, 1000)
    assert not account(authority, ALICE).pending_account_update


def test_clock_does_not_go_back() -> None:
    authority = open_books({ALICE: 0})
    message = builders.configure_account(ALICE, NOW + SECOND)
    authority.configure_account(message, NOW - SECOND)
    (update,) = authority.outbox
    assert update["last_change_ts"] == update["ts"] == NOW
    assert update["last_change_seqnum"] == 1


@pytest.mark.parametrize(("creditor_id", "config_data"), [(ALICE, "{}"), (ROOT, "{}")])
def test_invalid_is_rejected(creditor_id: int, config_data: str) -> None:
    authority = Authority()
    message = builders.configure_account(
        creditor_id,
        NOW - SECOND,
        seqnum=3,
        config_flags=1,
        negligible_amount=2.0,
        config_data=config_data,
    )
    authority.configure_account(message, NOW)
    assert authority.accounts == {}
    assert authority.outbox == [
        {
            "type": "RejectedConfig",
            "debtor_id": DEBTOR,
            "creditor_id": creditor_id,
            "config_ts": NOW - SECOND,
            "config_seqnum": 3,
            "config_flags": 1,
            "config_data": config_data,
            "negligible_amount": 2.0,
            "rejection_code": "INVALID_CONFIGURATION",
            "ts": NOW,
        }
    ]


def test_invalid_changes_nothing() -> None:
    authority = open_books({ALICE: 100})
    before = authority.snapshot()["accounts"]
    message = builders.configure_account(ALICE, NOW + SECOND, config_data="{}")
    authority.configure_account(message, NOW + SECOND)
    assert authority.snapshot()["accounts"] == before
    assert [message["type"] for message in authority.outbox] == ["RejectedConfig"]


def test_new_account_takes_the_rate_of_its_debtor() -> None:
    authority = Authority()
    configure_root(authority, NOW, rate=3.123456789)
    authority.configure_account(builders.configure_account(ALICE), NOW + SECOND)
    alice, root = account(authority, ALICE), account(authority, ROOT)
    assert (alice.previous_interest_rate, alice.interest_rate) == (0.0, 3.123456789)
    assert alice.last_interest_rate_change_ts == NOW + SECOND
    assert (root.interest_rate, root.last_interest_rate_change_ts) == (0.0, T0)


def test_rate_of_a_deleted_root_does_not_count() -> None:
    authority = Authority()
    configure_root(authority, NOW, rate=5.5)
    message = builders.configure_account(
        ROOT, NOW + SECOND, config_flags=1, config_data='{"type":"RootConfigData","rate":7}'
    )
    authority.configure_account(message, NOW + SECOND)
    authority.try_to_delete_account(builders.chore("TryToDeleteAccount", ROOT), NOW + SECOND)
    assert account(authority, ROOT).is_deleted
    authority.configure_account(builders.configure_account(ALICE), NOW + 2 * SECOND)
    assert account(authority, ALICE).interest_rate == 0.0


def test_deleted_account_comes_back_to_life() -> None:
    authority = open_books({ALICE: 100}, rate=5.5)
    delete_account(authority, ALICE, NOW + DAY)
    configure_root(authority, NOW + 2 * DAY, rate=7.0)
    before = account(authority, ALICE).last_change_seqnum
    authority.configure_account(builders.configure_account(ALICE, NOW + 3 * DAY), NOW + 3 * DAY)
    alice = account(authority, ALICE)
    assert not alice.is_deleted
    assert alice.creation_date == NOW.date()
    assert (alice.previous_interest_rate, alice.interest_rate) == (5.5, 7.0)
    assert alice.last_interest_rate_change_ts == NOW + 3 * DAY
    assert alice.last_change_seqnum == before + 1
    assert alice.principal == alice.interest == 0


@pytest.mark.parametrize(
    ("negligible_amount", "config", "minimal_balance"),
    [
        (0.0, {}, 0),
        (40.9, {}, -40),
        (16777217.0, {}, -16777217),
        (1e30, {}, -MAX_INT64),
        (1e30, {"limit": 500}, -500),
        (100.0, {"limit": 500}, -100),
        (1e30, {"limit": 0}, 0),
    ],
)
def test_issuing_limit(
    negligible_amount: float, config: dict[str, object], minimal_balance: int
) -> None:
    authority = Authority()
    configure_root(authority, NOW, negligible_amount=negligible_amount, **config)
    assert account(authority, ROOT).minimal_balance == minimal_balance
    authority.configure_account(builders.configure_account(ALICE), NOW)
    message = builders.prepare_transfer(
        ROOT, ALICE, MAX_INT64, min_locked_amount=0, coordinator_type="issuing"
    )
    authority.prepare_transfer(message, NOW)
    authority.process_transfer_requests(NOW)
    (prepared,) = sent(authority, "PreparedTransfer")
    assert prepared["locked_amount"] == -minimal_balance
