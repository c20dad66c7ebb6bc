"""Balance changes, of this shard and of others."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from verification.model import builders
from verification.model.books import (
    account,
    commit,
    configure_root,
    delete_account,
    open_books,
    prepare,
    sent,
)
from verification.model.builders import (
    ALICE,
    BOB,
    DAY,
    DEBTOR,
    MICROSECOND,
    NOW,
    ROOT,
    SECOND,
    YEAR,
)
from verification.model.money import LATEST, MAX_INT64, T0
from verification.model.node import Node
from verification.model.state import Params

MIN_INT64 = -MAX_INT64 - 1
THRESHOLD = NOW - 30 * DAY


def test_recipient_gets_what_the_sender_paid(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0})
    transfer = prepare(node, ALICE, BOB, 60)
    node.set_now(NOW + SECOND)
    commit(node, [(transfer, 40)])
    before = account(node, BOB)
    node.take_messages()
    node.set_now(NOW + 2 * SECOND)
    node.process_balance_changes()
    assert node.take_messages() == [
        {
            "type": "AccountTransfer",
            "debtor_id": DEBTOR,
            "creditor_id": BOB,
            "creation_date": date(2024, 5, 20),
            "transfer_number": 1,
            "coordinator_type": "direct",
            "sender": "1099511627777",
            "recipient": "1099511627778",
            "acquired_amount": 40,
            "transfer_note": "a note",
            "transfer_note_format": "-",
            "committed_at": NOW + SECOND,
            "principal": 40,
            "previous_transfer_number": 0,
            "ts": NOW + 2 * SECOND,
        }
    ]
    assert account(node, BOB) == {
        **before,
        "principal": 40,
        "last_change_seqnum": 1,
        "last_change_ts": NOW + 2 * SECOND,
        "last_transfer_number": 1,
        "last_transfer_committed_at": NOW + SECOND,
        "pending_account_update": True,
    }
    # A change of this very shard needs no archive.
    assert node.registered_changes() == []
    node.check_books()


def test_change_is_applied_once(node: Node) -> None:
    open_books(node, {ALICE: 0})
    message = builders.pending_balance_change(ALICE, 5)
    node.receive(message, message, {**message, "principal_delta": 6})
    node.receive(message)
    node.process_balance_changes()
    node.receive(message)
    node.receive({**message, "principal_delta": 6, "committed_at": NOW + SECOND})
    node.process_balance_changes()
    assert account(node, ALICE)["principal"] == 5
    for other_ids in ({"change_id": 2}, {"other_creditor_id": BOB}, {"debtor_id": 7}):
        node.receive({**message, "principal_delta": 6, **other_ids})
    node.process_balance_changes()
    assert account(node, ALICE)["principal"] == 5 + 6 + 6
    assert node.account(7, ALICE)["principal"] == 6
    assert len(node.registered_changes()) == 4
    assert all(row["is_applied"] for row in node.registered_changes())
    node.check_books({DEBTOR: 5 + 6 + 6, 7: 6})


def test_changes_in_reverse_order(node: Node) -> None:
    open_books(node, {ALICE: 0})
    messages = [
        builders.pending_balance_change(ALICE, delta, NOW + i * SECOND, change_id=i)
        for i, delta in enumerate([10, -3, 5])
    ]
    node.set_now(NOW + DAY)
    node.receive(*reversed(messages))
    node.process_balance_changes()
    transfers = sent(node, "AccountTransfer")
    assert [m["acquired_amount"] for m in transfers] == [5, -3, 10]
    assert [m["principal"] for m in transfers] == [5, 2, 12]
    assert account(node, ALICE)["last_transfer_committed_at"] == NOW


@pytest.mark.parametrize(
    ("committed_at", "is_received"),
    [
        (THRESHOLD - MICROSECOND, False),
        (THRESHOLD, True),
        (datetime.min.replace(tzinfo=NOW.tzinfo), False),
        (LATEST, True),
    ],
)
def test_too_old_change_is_ignored(node: Node, committed_at: datetime, is_received: bool) -> None:
    node.set_params(Params(archive_threshold=THRESHOLD))
    node.receive(builders.pending_balance_change(ALICE, 5, committed_at, change_id=2))
    assert len(node.pending_changes()) == is_received
    node.process_balance_changes()
    archive = [
        (row["debtor_id"], row["other_creditor_id"], row["change_id"])
        for row in node.registered_changes()
    ]
    assert archive == [(DEBTOR, ROOT, 2)] * is_received
    assert [m["committed_at"] for m in sent(node, "AccountTransfer")] == (
        [committed_at] * is_received
    )


def test_nothing_is_too_old_by_default(node: Node) -> None:
    node.receive(builders.pending_balance_change(ALICE, 5, T0))
    assert len(node.pending_changes()) == 1


def test_archive_is_cleaned_of_applied_changes(node: Node) -> None:
    def receive(change_id: int, committed_at: datetime) -> None:
        node.receive(builders.pending_balance_change(ALICE, 5, committed_at, change_id=change_id))

    open_books(node, {ALICE: 0})
    receive(1, NOW - MICROSECOND)
    receive(2, NOW)
    node.process_balance_changes()
    receive(3, NOW - MICROSECOND)
    node.set_params(Params(archive_threshold=NOW))
    for remaining in ([2, 3], [2]):
        node.scan_registered_balance_changes()
        archive = node.registered_changes()
        assert [row["change_id"] for row in archive] == remaining
        assert [row["is_applied"] for row in archive] == [row["change_id"] == 2 for row in archive]
        node.process_balance_changes()


def test_changes_of_an_account_are_applied_together(node: Node) -> None:
    open_books(node, {ALICE: 100})
    node.receive(
        *[
            builders.pending_balance_change(ALICE, delta, change_id=i, other_creditor_id=BOB)
            for i, delta in enumerate([1, -1, 10])
        ]
    )
    node.process_balance_changes()
    messages = sent(node, "AccountTransfer")
    assert [m["acquired_amount"] for m in messages] == [1, -1, 10]
    assert [m["principal"] for m in messages] == [101, 100, 110]
    assert [m["transfer_number"] for m in messages] == [2, 3, 4]
    assert [m["previous_transfer_number"] for m in messages] == [1, 2, 3]
    alice, bob = "1099511627777", "1099511627778"
    assert [m["sender"] for m in messages] == [bob, alice, bob]
    assert [m["recipient"] for m in messages] == [alice, bob, alice]
    assert account(node, ALICE)["last_change_seqnum"] == 2
    assert account(node, ALICE)["principal"] == 110


@pytest.mark.parametrize("creditor_id", [MIN_INT64, -1, 1, MAX_INT64])
def test_ids_at_the_limits(node: Node, creditor_id: int) -> None:
    message = builders.pending_balance_change(
        creditor_id, -7, other_creditor_id=-creditor_id - 1, change_id=MIN_INT64
    )
    node.receive({**message, "debtor_id": creditor_id})
    node.process_balance_changes()
    transfer, update = node.take_messages()
    assert transfer["sender"] == update["account_id"] == str(creditor_id % 2**64)
    assert transfer["recipient"] == str((-creditor_id - 1) % 2**64)
    assert transfer["debtor_id"] == creditor_id


def test_missing_account_is_created(node: Node) -> None:
    configure_root(node, rate=100.0)
    node.take_messages()
    node.receive(builders.pending_balance_change(ALICE, 50, NOW - YEAR))
    node.process_balance_changes()
    transfer, update = node.take_messages()
    assert (transfer["type"], transfer["principal"]) == ("AccountTransfer", 50)
    assert (update["type"], update["principal"]) == ("AccountUpdate", 50)
    assert (update["config_flags"], update["negligible_amount"]) == (0, 0.0)
    assert (update["last_config_ts"], update["last_config_seqnum"]) == (T0, 0)
    assert (update["last_change_seqnum"], update["last_transfer_number"]) == (1, 1)
    # Before the account existed there was no interest to miss.
    assert (update["interest"], update["interest_rate"]) == (0, 100.0)
    assert update["last_interest_rate_change_ts"] == NOW
    alice = account(node, ALICE)
    assert (alice["pending_account_update"], alice["last_heartbeat_ts"]) == (False, NOW)


def test_created_account_can_be_configured(node: Node) -> None:
    node.receive(builders.pending_balance_change(ALICE, 50))
    node.process_balance_changes()
    node.receive(builders.configure_account(ALICE, NOW - 400 * DAY, negligible_amount=2.0))
    assert account(node, ALICE)["last_config_ts"] == NOW - 400 * DAY
    assert account(node, ALICE)["principal"] == 50


def test_deleted_account_is_undeleted(node: Node) -> None:
    open_books(node, {ALICE: 100, BOB: 0}, rate=5.5)
    transfer = prepare(node, ALICE, BOB, 40)
    delete_account(node, BOB, NOW + SECOND)
    configure_root(node, NOW + SECOND, rate=7.0)
    commit(node, [(transfer, 40)])
    node.take_messages()
    node.process_balance_changes()
    bob = account(node, BOB)
    assert (bob["principal"], bob["status_flags"], bob["config_flags"]) == (40, 0, 1)
    assert bob["interest_rate"] == 5.5
    assert [m["type"] for m in node.take_messages()] == ["AccountUpdate"]
    node.check_books()


def test_root_account_receives_always(node: Node) -> None:
    for change_id in (1, 2):
        message = builders.pending_balance_change(
            ROOT, -50, NOW - YEAR, other_creditor_id=ALICE, change_id=change_id
        )
        node.receive(message)
        node.process_balance_changes()
    root = account(node, ROOT)
    assert root["principal"] == -100
    assert root["interest"] == root["interest_rate"] == root["last_transfer_number"] == 0
    assert [m["type"] for m in node.take_messages()] == ["AccountUpdate"]
    assert root["pending_account_update"]


@pytest.mark.parametrize(
    ("negligible_amount", "amount", "coordinator_type", "is_sent"),
    [
        (16777216.0, 16777216, "direct", False),
        (16777216.0, 1, "direct", False),
        (16777216.0, 16777217, "direct", True),
        (16777217.0, 16777217, "direct", False),
        (9007199254740992.0, 9007199254740993, "direct", True),
        (9007199254740992.0, 9007199254740992, "direct", False),
        (float(2**60), 2**60 + 1, "direct", True),
        (float(2**60), 2**60, "direct", False),
        (40.9, 40, "direct", False),
        (40.9, 41, "direct", True),
        (2.0**63, MAX_INT64, "direct", False),
        (float(2**62), MAX_INT64, "direct", True),
        (1.7e308, MAX_INT64, "direct", False),
        (1e-60, 1, "direct", True),
        (0.0, 1, "direct", True),
        (16777216.0, 1, "agent", True),
        (16777216.0, 1, "interest", False),
        (16777216.0, -1, "direct", True),
    ],
)
def test_negligible_transfers(
    node: Node, negligible_amount: float, amount: int, coordinator_type: str, is_sent: bool
) -> None:
    node.receive(builders.configure_account(ALICE, negligible_amount=negligible_amount))
    node.receive(builders.pending_balance_change(ALICE, amount, coordinator_type=coordinator_type))
    node.process_balance_changes()
    alice = account(node, ALICE)
    assert len(sent(node, "AccountTransfer")) == is_sent
    assert alice["last_transfer_number"] == is_sent
    assert alice["last_transfer_committed_at"] == (NOW if is_sent else T0)
    assert (alice["principal"], alice["last_change_seqnum"]) == (amount, 1)
    assert alice["pending_account_update"]


def test_chain_has_no_gap_where_a_transfer_is_negligible(node: Node) -> None:
    node.receive(builders.configure_account(ALICE, negligible_amount=5.0))
    node.receive(*[builders.pending_balance_change(ALICE, d, change_id=d) for d in (6, 5, 7, 1, 8)])
    node.process_balance_changes()
    transfers = sent(node, "AccountTransfer")
    assert [m["previous_transfer_number"] for m in transfers] == [0, 1, 2]
    assert [m["transfer_number"] for m in transfers] == [1, 2, 3]
    assert [m["principal"] for m in transfers] == [6, 18, 27]


@pytest.mark.parametrize(("amount", "interest"), [(1000, 1000), (-1000, -1000), (7, 7)])
def test_missed_interest_is_made_up_for(node: Node, amount: int, interest: int) -> None:
    open_books(node, {ALICE: 0}, rate=100.0)
    node.set_now(NOW + YEAR)
    node.receive(builders.pending_balance_change(ALICE, amount, NOW))
    node.process_balance_changes()
    alice = account(node, ALICE)
    assert (alice["principal"], alice["interest"]) == (amount, interest)


def test_missed_interest_at_two_rates(node: Node) -> None:
    open_books(node, {ALICE: 0}, rate=21.0)
    half, now = NOW + YEAR / 2, NOW + YEAR
    node.set_now(half)
    node.perform_chore(builders.chore("ChangeInterestRate", ALICE, interest_rate=-50.0, ts=half))
    node.set_now(now)
    for change_id, committed_at in ((1, NOW), (2, half), (3, now), (4, now + YEAR), (5, LATEST)):
        node.receive(
            builders.pending_balance_change(ALICE, 1000, committed_at, change_id=change_id)
        )
    node.process_balance_changes()
    # Half a year at 21 percent gives 1.1 times the amount, at -50 percent the square root
    # of 1/2. For the last three no time has passed.
    root_of_half = Decimal("0.7071067811865475244008444")
    expected = 1000 * (Decimal("1.1") * root_of_half - 1) + 1000 * (root_of_half - 1)
    assert abs(account(node, ALICE)["interest"] - expected) <= Decimal("1e-19")


@pytest.mark.parametrize(("principal", "balance"), [(1, 2), (0, 0), (-1, -1), (-1000, -1000)])
@pytest.mark.parametrize("amount", [0, 1])
def test_debt_does_not_grow(node: Node, principal: int, balance: int, amount: int) -> None:
    open_books(node, {ALICE: 0}, rate=100.0)
    node.update_account(DEBTOR, ALICE, principal=principal)
    node.set_now(NOW + YEAR)
    if amount == 0:
        node.receive(builders.configure_account(ALICE, NOW + YEAR))
    else:
        node.receive(builders.pending_balance_change(ALICE, amount, NOW + YEAR))
        node.process_balance_changes()
    alice = account(node, ALICE)
    assert alice["principal"] + alice["interest"] == balance + amount


def test_own_interest_is_kept(node: Node) -> None:
    open_books(node, {ALICE: 1000}, rate=100.0)
    node.set_now(NOW + YEAR)
    node.receive(builders.pending_balance_change(ALICE, 1, NOW + YEAR))
    node.process_balance_changes()
    alice = account(node, ALICE)
    assert (alice["principal"], alice["interest"]) == (1001, 1000)


@pytest.mark.parametrize(
    ("deltas", "principals", "cut"),
    [
        # The sum fits, though it did not fit all the time.
        ([15, 3, -10], [MAX_INT64, MAX_INT64, MAX_INT64 - 2], 0),
        ([10], [MAX_INT64], 0),
        ([11], [MAX_INT64], 1),
        ([MAX_INT64] * 3, [MAX_INT64] * 3, 3 * MAX_INT64 - 10),
        ([-MAX_INT64], [-10], 0),
        ([-MAX_INT64] * 3, [-10, -MAX_INT64, -MAX_INT64], -MAX_INT64 - 10),
    ],
)
def test_overflow_is_contained(
    node: Node, deltas: list[int], principals: list[int], cut: int
) -> None:
    open_books(node, {ALICE: MAX_INT64 - 10})
    node.receive(
        *[builders.pending_balance_change(ALICE, d, change_id=i) for i, d in enumerate(deltas)]
    )
    node.process_balance_changes()
    alice = account(node, ALICE)
    assert (alice["principal"], alice["status_flags"]) == (principals[-1], 2 if cut else 0)
    assert [m["principal"] for m in sent(node, "AccountTransfer")] == principals
    node.check_books({DEBTOR: sum(deltas)}, {DEBTOR: cut})


def test_overflow_after_a_narrow_escape(node: Node) -> None:
    open_books(node, {ALICE: MAX_INT64 - 10})
    changes = [
        builders.pending_balance_change(ALICE, delta, change_id=i)
        for i, delta in enumerate([15, 3, -10, 3])
    ]
    node.receive(*changes[:3])
    node.process_balance_changes()
    assert account(node, ALICE)["status_flags"] == 0
    node.receive(changes[3])
    node.process_balance_changes()
    alice = account(node, ALICE)
    assert (alice["principal"], alice["status_flags"]) == (MAX_INT64, 2)
    node.check_books({DEBTOR: 11}, {DEBTOR: 1})


def test_overflow_bit_stays(node: Node) -> None:
    open_books(node, {ALICE: MAX_INT64})
    for change_id, delta in enumerate([1, -1000, 1]):
        node.receive(builders.pending_balance_change(ALICE, delta, change_id=change_id))
        node.process_balance_changes()
    alice = account(node, ALICE)
    assert (alice["principal"], alice["status_flags"]) == (MAX_INT64 - 999, 2)


def test_undeleted_account_may_overflow(node: Node) -> None:
    open_books(node, {ALICE: 0})
    delete_account(node, ALICE, NOW + SECOND)
    assert account(node, ALICE)["status_flags"] == 1
    node.receive(*[builders.pending_balance_change(ALICE, MAX_INT64, change_id=i) for i in (1, 2)])
    node.process_balance_changes()
    assert account(node, ALICE)["status_flags"] == 2


def test_debt_is_contained(node: Node) -> None:
    node.receive(*[builders.pending_balance_change(ROOT, -MAX_INT64, change_id=i) for i in (1, 2)])
    node.process_balance_changes()
    root = account(node, ROOT)
    assert (root["principal"], root["status_flags"]) == (-MAX_INT64, 2)
    node.check_books({DEBTOR: -2 * MAX_INT64}, {DEBTOR: -MAX_INT64})


def test_clock_that_goes_back_does_no_harm(node: Node) -> None:
    open_books(node, {ALICE: 100}, rate=100.0)
    node.set_now(NOW - timedelta(hours=1))
    node.receive(builders.pending_balance_change(ALICE, 1, NOW))
    node.process_balance_changes()
    alice = account(node, ALICE)
    assert (alice["principal"], alice["interest"], alice["last_change_ts"]) == (101, 0, NOW)
