"""ConfigureAccount, and the opening of accounts."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from verification.model import builders
from verification.model.books import (
    account,
    configure_root,
    creditors,
    delete_account,
    open_books,
    sent,
)
from verification.model.builders import (
    ALICE,
    BOB,
    DAY,
    DEBTOR,
    FIRST_TRANSFER_ID,
    MICROSECOND,
    NOW,
    ROOT,
    SECOND,
    YEAR,
)
from verification.model.money import LATEST, MAX_INT64, T0
from verification.model.node import Node

MIN_INT64 = -MAX_INT64 - 1
EARLIEST = datetime.min.replace(tzinfo=NOW.tzinfo)


def test_account_is_opened(node: Node) -> None:
    message = builders.configure_account(ALICE, NOW - SECOND, seqnum=7, config_flags=6)
    node.receive({**message, "negligible_amount": 16777217.0})
    assert node.take_messages() == [
        {
            "type": "AccountUpdate",
            "debtor_id": DEBTOR,
            "creditor_id": ALICE,
            "creation_date": date(2024, 5, 20),
            "last_change_ts": NOW,
            "last_change_seqnum": 0,
            "principal": 0,
            "interest": 0.0,
            "interest_rate": 0.0,
            "last_interest_rate_change_ts": T0,
            "last_config_ts": NOW - SECOND,
            "last_config_seqnum": 7,
            "negligible_amount": 16777217.0,
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
    alice = account(node, ALICE)
    assert alice["last_transfer_id"] == FIRST_TRANSFER_ID - 1
    assert alice["last_heartbeat_ts"] == alice["last_interest_capitalization_ts"] == NOW
    assert not alice["pending_account_update"]


@pytest.mark.parametrize("debtor_id", [MIN_INT64, -1, 0, MAX_INT64])
@pytest.mark.parametrize(
    ("creditor_id", "account_id"),
    [
        (MIN_INT64, "9223372036854775808"),
        (-1, "18446744073709551615"),
        (0, "0"),
        (MAX_INT64, "9223372036854775807"),
    ],
)
def test_ids_at_the_limits(node: Node, debtor_id: int, creditor_id: int, account_id: str) -> None:
    node.receive({**builders.configure_account(creditor_id), "debtor_id": debtor_id})
    (update,) = node.take_messages()
    assert (update["debtor_id"], update["creditor_id"]) == (debtor_id, creditor_id)
    assert update["account_id"] == account_id


def test_account_may_be_scheduled_for_deletion_from_the_start(node: Node) -> None:
    node.receive(builders.configure_account(ALICE, config_flags=1))
    (update,) = node.take_messages()
    assert update["config_flags"] == 1
    assert account(node, ALICE)["status_flags"] == 0


@pytest.mark.parametrize(
    ("ts", "is_opened"),
    [
        (NOW - 7 * DAY, True),
        (NOW - 7 * DAY - MICROSECOND, False),
        (EARLIEST, False),
        (LATEST, True),
    ],
)
def test_late_message_opens_nothing(node: Node, ts: datetime, is_opened: bool) -> None:
    node.receive(builders.configure_account(ALICE, ts))
    assert [update["last_config_ts"] for update in node.take_messages()] == [ts] * is_opened
    assert creditors(node) == [ALICE] * is_opened


@pytest.mark.parametrize(
    ("last_seqnum", "ts", "seqnum", "is_applied"),
    [
        (0, NOW, 0, False),
        (0, NOW, 1, True),
        (0, NOW, -1, False),
        (0, NOW + MICROSECOND, -1, True),
        (0, NOW - MICROSECOND, 1, False),
        (2**31 - 1, NOW, -(2**31), True),
        (2**31 - 1, NOW, 2**31 - 1, False),
        (2**31 - 1, NOW, 2**31 - 2, False),
        (2**31 - 1, NOW, 0, False),
        (2**31 - 1, NOW + MICROSECOND, 0, True),
        (2**31 - 1, NOW - MICROSECOND, -(2**31), False),
        (-(2**31), NOW, 2**31 - 1, False),
        (0, NOW, 2**31 - 1, True),
        (0, NOW, -(2**31), False),
        (-(2**31), NOW, 0, False),
        (-(2**31), NOW, -1, True),
    ],
)
def test_only_later_configuration_is_applied(
    node: Node, last_seqnum: int, ts: datetime, seqnum: int, is_applied: bool
) -> None:
    node.receive(builders.configure_account(ALICE, NOW, seqnum=last_seqnum))
    # An account that exists may be configured by an old message.
    node.set_now(NOW + 30 * DAY)
    node.receive(builders.configure_account(ALICE, ts, seqnum=seqnum, config_flags=1))
    alice = account(node, ALICE)
    assert alice["config_flags"] == is_applied
    assert alice["last_change_seqnum"] == is_applied
    assert len(node.take_messages()) == 1 + is_applied


def test_configurations_of_a_batch_are_applied_in_their_order(node: Node) -> None:
    node.receive(
        *[
            builders.configure_account(ALICE, NOW + i * SECOND, config_flags=flags)
            for i, flags in ((0, 2), (2, 4), (1, 8), (3, 16))
        ]
    )
    updates = node.take_messages()
    assert [update["config_flags"] for update in updates] == [2, 4, 16]
    assert [update["last_change_seqnum"] for update in updates] == [0, 1, 2]


@pytest.mark.parametrize(
    ("creditor_id", "config_data"),
    [
        (ALICE, "{}"),
        (ROOT, "{}"),
        (ALICE, " "),
        (ALICE, '{"type":"RootConfigData"}'),
        (ROOT, "null"),
        (ROOT, "ĵ" * 1000),
    ],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_invalid_configuration_changes_nothing(
    node: Node, creditor_id: int, config_data: str, is_open: bool
) -> None:
    if is_open:
        open_books(node, {ALICE: 100})
    before = node.accounts()
    message = builders.configure_account(
        creditor_id,
        NOW + SECOND,
        seqnum=-3,
        config_data=config_data,
        config_flags=1,
        negligible_amount=1e100,
    )
    node.set_now(NOW + 2 * SECOND)
    node.receive(message)
    assert node.accounts() == before
    assert node.take_messages() == [
        {
            "type": "RejectedConfig",
            "debtor_id": DEBTOR,
            "creditor_id": creditor_id,
            "config_ts": NOW + SECOND,
            "config_seqnum": -3,
            "config_flags": 1,
            "config_data": config_data,
            "negligible_amount": 1e100,
            "rejection_code": "INVALID_CONFIGURATION",
            "ts": NOW + 2 * SECOND,
        }
    ]


def test_invalid_configuration_that_is_late_is_ignored(node: Node) -> None:
    node.receive(builders.configure_account(ALICE, NOW))
    node.take_messages()
    node.receive(
        builders.configure_account(ALICE, NOW, config_data="x"),
        builders.configure_account(BOB, NOW - 8 * DAY, config_data="x"),
    )
    assert node.take_messages() == []


@pytest.mark.parametrize("value", [0.0, 3.123456789, 123456789.0, 1e100, 1e-60, 1.7e308, 5e-324])
def test_floats_come_back_unchanged(node: Node, value: float) -> None:
    node.receive(builders.configure_account(ALICE, negligible_amount=value))
    (update,) = node.take_messages()
    assert update["negligible_amount"] == value


@pytest.mark.parametrize("config_data", ["", '{"type":"RootConfigData", "future": "ĵ½"}'])
def test_configuration_is_echoed_exactly(node: Node, config_data: str) -> None:
    node.receive(builders.configure_account(ROOT, config_data=config_data))
    (update,) = node.take_messages()
    assert update["config_data"] == config_data


@pytest.mark.parametrize(
    ("limit", "negligible_amount", "minimal_balance"),
    [
        (MAX_INT64, 16777217.0, -16777217),
        (MAX_INT64, 40.9, -40),
        (MAX_INT64, 0.0, 0),
        (MAX_INT64, 1.7e308, -MAX_INT64),
        (MAX_INT64, 2.0**63, -MAX_INT64),
        (MAX_INT64, 2.0**62, -(2**62)),
        (16777216, 16777217.0, -16777216),
        (0, 1e30, 0),
        (9007199254740993, 1e30, -9007199254740993),
        (500, 1e30, -500),
        (500, 100.0, -100),
        (None, 0.0, 0),
        (None, 40.9, -40),
        (None, 16777217.0, -16777217),
        (None, 1e30, -MAX_INT64),
    ],
)
def test_limit_of_the_root_account(
    node: Node, limit: int | None, negligible_amount: float, minimal_balance: int
) -> None:
    config: dict[str, Any] = {} if limit is None else {"limit": limit}
    configure_root(node, negligible_amount=negligible_amount, **config)
    assert account(node, ROOT)["minimal_balance"] == minimal_balance
    node.receive(builders.configure_account(ALICE))
    node.receive(
        builders.prepare_transfer(
            ROOT, ALICE, MAX_INT64, min_locked_amount=0, coordinator_type="issuing"
        )
    )
    node.process_transfer_requests()
    (prepared,) = sent(node, "PreparedTransfer")
    assert prepared["locked_amount"] == -minimal_balance


@pytest.mark.parametrize("rate", [5.5, -50.0, 100.0, 3.123456789, 1e-60, 0.1 + 0.2])
def test_new_account_has_the_interest_rate_of_its_currency(node: Node, rate: float) -> None:
    configure_root(node, rate=rate)
    node.set_now(NOW + SECOND)
    node.receive(builders.configure_account(ALICE))
    root, alice = node.take_messages()
    assert (root["interest_rate"], root["last_interest_rate_change_ts"]) == (0.0, T0)
    assert alice["interest_rate"] == rate
    assert alice["last_interest_rate_change_ts"] == NOW + SECOND
    assert account(node, ALICE)["previous_interest_rate"] == 0.0
    # The same rate is the same double: nothing calls for a change.
    node.set_now(NOW + 20 * DAY)
    assert node.scan_accounts() == []


def test_new_account_is_not_changed_by_a_later_rate(node: Node) -> None:
    open_books(node, {ALICE: 0}, rate=5.5)
    configure_root(node, NOW + DAY, rate=7.0)
    node.receive(builders.configure_account(ALICE, NOW + 2 * DAY))
    assert account(node, ALICE)["interest_rate"] == 5.5


def test_reconfiguration_keeps_the_interest(node: Node) -> None:
    open_books(node, {ALICE: 1000}, rate=100.0)
    before = account(node, ALICE)
    node.set_now(NOW + YEAR)
    node.receive(builders.configure_account(ALICE, NOW + YEAR))
    (update,) = node.take_messages()
    assert (update["principal"], update["interest"]) == (1000, 1000.0)
    assert update["last_change_ts"] == update["ts"] == NOW + YEAR
    # Its creation counts 0, the incoming transfer 1, this configuration 2.
    assert update["last_change_seqnum"] == before["last_change_seqnum"] + 1 == 2
    assert not account(node, ALICE)["pending_account_update"]


def test_deleted_account_is_undeleted(node: Node) -> None:
    open_books(node, {ALICE: 100}, rate=5.5)
    delete_account(node, ALICE, NOW + SECOND)
    configure_root(node, NOW + SECOND, rate=7.0)
    before = account(node, ALICE)
    node.take_messages()
    node.set_now(NOW + 2 * SECOND)
    node.receive(builders.configure_account(ALICE, NOW))
    assert node.take_messages() == []
    node.receive(builders.configure_account(ALICE, NOW + 2 * SECOND))
    alice = account(node, ALICE)
    assert (alice["status_flags"], alice["config_flags"]) == (0, 0)
    assert alice["creation_date"] == before["creation_date"] == NOW.date()
    assert alice["principal"] == alice["interest"] == 0
    assert alice["last_change_seqnum"] == before["last_change_seqnum"] + 1
    assert alice["last_transfer_number"] == before["last_transfer_number"]
    assert (alice["interest_rate"], alice["previous_interest_rate"]) == (7.0, 5.5)
    assert alice["last_interest_rate_change_ts"] == NOW + 2 * SECOND


@pytest.mark.parametrize("creditor_id", [ALICE, ROOT])
def test_dead_agent_is_answered_once(node: Node, creditor_id: int) -> None:
    """What answers in its name asks for the deletion after each update."""
    open_books(node, {ALICE: 0})
    node.take_messages()

    def ask(seconds: int, **changes: Any) -> list[Any]:
        node.set_now(NOW + seconds * SECOND)
        fields: dict[str, Any] = {"config_flags": 1, "negligible_amount": 1e30, **changes}
        node.receive(builders.configure_account(creditor_id, NOW + seconds * SECOND, **fields))
        return [message["type"] for message in node.take_messages()]

    assert ask(1) == ["AccountUpdate"]
    before = account(node, creditor_id)
    assert ask(2) == []
    assert account(node, creditor_id) == before
    node.perform_chore(builders.chore("TryToDeleteAccount", creditor_id))
    assert [message["type"] for message in node.take_messages()] == ["AccountUpdate"]
    before = account(node, creditor_id)
    assert before["status_flags"] == 1
    assert ask(3) == []
    assert account(node, creditor_id) == before
    # Agents themselves are answered each time.
    others: list[dict[str, Any]] = [
        {"seqnum": 1},
        {"negligible_amount": 2.0},
        {"config_flags": 3},
        {"config_flags": 0},
    ]
    for moment, changes in enumerate(others, 2):
        assert ask(2 * moment, **changes) == ["AccountUpdate"]
        assert ask(2 * moment + 1, **changes) == ["AccountUpdate"]


def test_deleted_root_says_nothing(node: Node) -> None:
    """Neither to accounts that come back nor to new ones."""
    open_books(node, {ALICE: 0}, rate=5.5)
    delete_account(node, ALICE, NOW + SECOND)
    delete_account(node, ROOT, NOW + SECOND)
    node.set_now(NOW + 2 * SECOND)
    for creditor_id in (ALICE, BOB):
        node.receive(builders.configure_account(creditor_id, NOW + 2 * SECOND))
    alice, bob = account(node, ALICE), account(node, BOB)
    assert (alice["interest_rate"], alice["last_interest_rate_change_ts"]) == (5.5, NOW)
    assert (bob["interest_rate"], bob["last_interest_rate_change_ts"]) == (0.0, T0)


def test_rate_of_a_deleted_root_does_not_count(node: Node) -> None:
    configure_root(node, rate=5.5)
    node.set_now(NOW + SECOND)
    node.receive(
        builders.configure_account(
            ROOT, NOW + SECOND, config_flags=1, config_data='{"type":"RootConfigData","rate":7}'
        )
    )
    node.perform_chore(builders.chore("TryToDeleteAccount", ROOT))
    assert account(node, ROOT)["status_flags"] == 1
    node.receive(builders.configure_account(ALICE))
    assert account(node, ALICE)["interest_rate"] == 0.0


def test_undeleted_account_whose_rate_is_right_has_no_rate_change(node: Node) -> None:
    open_books(node, {ALICE: 0}, rate=5.5)
    delete_account(node, ALICE, NOW + SECOND)
    node.set_now(NOW + 2 * SECOND)
    node.receive(builders.configure_account(ALICE, NOW + 2 * SECOND))
    assert account(node, ALICE)["last_interest_rate_change_ts"] == NOW


@pytest.mark.parametrize(
    ("seqnum", "next_seqnum"), [(2**31 - 1, -(2**31)), (-(2**31), -(2**31) + 1), (-1, 0)]
)
def test_seqnum_wraps(node: Node, seqnum: int, next_seqnum: int) -> None:
    open_books(node, {ALICE: 0})
    node.update_account(DEBTOR, ALICE, last_change_seqnum=seqnum)
    node.receive(builders.configure_account(ALICE, NOW + SECOND))
    assert account(node, ALICE)["last_change_seqnum"] == next_seqnum


def test_last_change_does_not_go_back_with_the_clock(node: Node) -> None:
    open_books(node, {ALICE: 1000}, rate=100.0)
    node.set_now(NOW - DAY)
    node.receive(builders.configure_account(ALICE, NOW + SECOND))
    (update,) = sent(node, "AccountUpdate")
    assert update["last_change_ts"] == update["ts"] == NOW
    assert (update["principal"], update["interest"]) == (1000, 0.0)
    assert update["last_change_seqnum"] == 2


def test_heartbeat_starts_anew_with_a_configuration(node: Node) -> None:
    open_books(node, {ALICE: 100})
    assert account(node, ALICE)["pending_account_update"]
    node.set_now(NOW + timedelta(hours=3))
    node.receive(builders.configure_account(ALICE, NOW + SECOND))
    alice = account(node, ALICE)
    assert not alice["pending_account_update"]
    assert alice["last_heartbeat_ts"] == NOW + timedelta(hours=3)
