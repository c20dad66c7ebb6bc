"""Balance changes, of this shard and of others."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.stages.stages import CHANGING_BALANCES
from tests.db.books import (
    account,
    commit,
    configure_root,
    delete_account,
    open_books,
    prepare,
    sent,
)
from tests.db.shard import Shard
from tests.model import builders
from tests.model.builders import ALICE, BOB, DAY, DEBTOR, MICROSECOND, NOW, ROOT, SECOND, YEAR
from tests.model.money import LATEST, MAX_INT64, T0

MIN_INT64 = -MAX_INT64 - 1
THRESHOLD = NOW - 30 * DAY


@pytest.fixture
def forgetful(connection: DatabaseConnection, settings: Settings) -> Shard:
    """A shard that ignores what was committed before the threshold."""
    uri = settings.database_url
    variables = {
        "SQLALCHEMY_DATABASE_URI": uri,
        "REMOVE_FROM_ARCHIVE_THRESHOLD_DATE": THRESHOLD.isoformat(),
    }
    made = Shard(connection, load_settings(variables))
    made.clear()
    made.set_now(NOW)
    return made


def test_recipient_gets_what_the_sender_paid(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0})
    transfer = prepare(shard, ALICE, BOB, 60)
    shard.set_now(NOW + SECOND)
    commit(shard, [(transfer, 40)])
    before = account(shard, BOB)
    shard.take_messages()
    shard.set_now(NOW + 2 * SECOND)
    shard.process_balance_changes()
    assert shard.take_messages() == [
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
    assert account(shard, BOB) == {
        **before,
        "principal": 40,
        "last_change_seqnum": 1,
        "last_change_ts": NOW + 2 * SECOND,
        "last_transfer_number": 1,
        "last_transfer_committed_at": NOW + SECOND,
        "pending_account_update": True,
    }
    # A change of this very shard needs no archive.
    assert shard.rows("registered_balance_change") == []


def test_change_is_applied_once(shard: Shard) -> None:
    open_books(shard, {ALICE: 0})
    message = builders.pending_balance_change(ALICE, 5)
    shard.receive(message, message, {**message, "principal_delta": 6})
    shard.receive(message)
    shard.process_balance_changes()
    shard.receive(message)
    shard.receive({**message, "principal_delta": 6, "committed_at": NOW + SECOND})
    shard.process_balance_changes()
    assert account(shard, ALICE)["principal"] == 5
    for other_ids in ({"change_id": 2}, {"other_creditor_id": BOB}, {"debtor_id": 7}):
        shard.receive({**message, "principal_delta": 6, **other_ids})
    shard.process_balance_changes()
    assert account(shard, ALICE)["principal"] == 5 + 6 + 6
    assert shard.account(7, ALICE)["principal"] == 6
    assert len(shard.rows("registered_balance_change")) == 4
    assert all(row["is_applied"] for row in shard.rows("registered_balance_change"))


def test_archive_entry_is_marked_when_the_change_is_applied(shard: Shard) -> None:
    shard.receive(*[builders.pending_balance_change(ALICE, 5, change_id=i) for i in (1, 2)])
    shard.run_stage(CHANGING_BALANCES, count_max=1)
    archive = shard.rows("registered_balance_change")
    assert [(row["change_id"], row["is_applied"]) for row in archive] == [(1, True), (2, False)]


def test_changes_in_reverse_order(shard: Shard) -> None:
    open_books(shard, {ALICE: 0})
    messages = [
        builders.pending_balance_change(ALICE, delta, NOW + i * SECOND, change_id=i)
        for i, delta in enumerate([10, -3, 5])
    ]
    shard.set_now(NOW + DAY)
    shard.receive(*reversed(messages))
    shard.process_balance_changes()
    transfers = sent(shard, "AccountTransfer")
    assert [m["acquired_amount"] for m in transfers] == [5, -3, 10]
    assert [m["principal"] for m in transfers] == [5, 2, 12]
    assert account(shard, ALICE)["last_transfer_committed_at"] == NOW


@pytest.mark.parametrize(
    ("committed_at", "is_received"),
    [
        (THRESHOLD - MICROSECOND, False),
        (THRESHOLD, True),
        (datetime.min.replace(tzinfo=NOW.tzinfo), False),
        (LATEST, True),
    ],
)
def test_too_old_change_is_ignored(
    forgetful: Shard, committed_at: datetime, is_received: bool
) -> None:
    forgetful.receive(builders.pending_balance_change(ALICE, 5, committed_at))
    forgetful.process_balance_changes()
    assert len(forgetful.rows("registered_balance_change")) == is_received
    assert [m["committed_at"] for m in sent(forgetful, "AccountTransfer")] == (
        [committed_at] * is_received
    )


def test_nothing_is_too_old_by_default(shard: Shard) -> None:
    shard.receive(builders.pending_balance_change(ALICE, 5, T0))
    assert len(shard.rows("pending_balance_change")) == 1


def test_archive_is_cleaned_of_applied_changes(forgetful: Shard) -> None:
    entries = [(1, THRESHOLD), (2, THRESHOLD + MICROSECOND), (3, THRESHOLD)]
    for change_id, committed_at in entries:
        forgetful.receive(
            builders.pending_balance_change(ALICE, 5, committed_at, change_id=change_id)
        )
    forgetful.run_stage(CHANGING_BALANCES, count_max=2)
    forgetful.connection.raw.execute(
        "UPDATE registered_balance_change SET committed_at = committed_at - %s", [MICROSECOND]
    )
    forgetful.scan_registered_balance_changes()
    archive = forgetful.rows("registered_balance_change")
    assert [(row["change_id"], row["is_applied"]) for row in archive] == [(2, True), (3, False)]


def test_changes_of_an_account_are_applied_together(shard: Shard) -> None:
    open_books(shard, {ALICE: 100})
    shard.receive(
        *[
            builders.pending_balance_change(ALICE, delta, change_id=i, other_creditor_id=BOB)
            for i, delta in enumerate([5, -7, 10])
        ]
    )
    shard.process_balance_changes()
    messages = sent(shard, "AccountTransfer")
    assert [m["acquired_amount"] for m in messages] == [5, -7, 10]
    assert [m["principal"] for m in messages] == [105, 98, 108]
    assert [m["transfer_number"] for m in messages] == [2, 3, 4]
    assert [m["previous_transfer_number"] for m in messages] == [1, 2, 3]
    alice, bob = "1099511627777", "1099511627778"
    assert [m["sender"] for m in messages] == [bob, alice, bob]
    assert [m["recipient"] for m in messages] == [alice, bob, alice]
    assert account(shard, ALICE)["last_change_seqnum"] == 2
    assert account(shard, ALICE)["principal"] == 108


@pytest.mark.parametrize("creditor_id", [MIN_INT64, -1, 1, MAX_INT64])
def test_ids_at_the_limits(shard: Shard, creditor_id: int) -> None:
    message = builders.pending_balance_change(
        creditor_id, -7, other_creditor_id=-creditor_id - 1, change_id=MIN_INT64
    )
    shard.receive({**message, "debtor_id": creditor_id})
    shard.process_balance_changes()
    transfer, update = shard.take_messages()
    assert transfer["sender"] == update["account_id"] == str(creditor_id % 2**64)
    assert transfer["recipient"] == str((-creditor_id - 1) % 2**64)
    assert transfer["debtor_id"] == creditor_id


def test_missing_account_is_created(shard: Shard) -> None:
    configure_root(shard, rate=100.0)
    shard.take_messages()
    shard.receive(builders.pending_balance_change(ALICE, 50, NOW - YEAR))
    shard.process_balance_changes()
    transfer, update = shard.take_messages()
    assert (transfer["type"], transfer["principal"]) == ("AccountTransfer", 50)
    assert (update["type"], update["principal"]) == ("AccountUpdate", 50)
    assert (update["config_flags"], update["negligible_amount"]) == (0, 0.0)
    assert (update["last_config_ts"], update["last_config_seqnum"]) == (T0, 0)
    assert (update["last_change_seqnum"], update["last_transfer_number"]) == (1, 1)
    # Before the account existed there was no interest to miss.
    assert (update["interest"], update["interest_rate"]) == (0, 100.0)
    assert update["last_interest_rate_change_ts"] == NOW
    alice = account(shard, ALICE)
    assert (alice["pending_account_update"], alice["last_heartbeat_ts"]) == (False, NOW)


def test_created_account_can_be_configured(shard: Shard) -> None:
    shard.receive(builders.pending_balance_change(ALICE, 50))
    shard.process_balance_changes()
    shard.receive(builders.configure_account(ALICE, NOW - 400 * DAY, negligible_amount=2.0))
    assert account(shard, ALICE)["last_config_ts"] == NOW - 400 * DAY
    assert account(shard, ALICE)["principal"] == 50


def test_deleted_account_is_undeleted(shard: Shard) -> None:
    open_books(shard, {ALICE: 100, BOB: 0}, rate=5.5)
    transfer = prepare(shard, ALICE, BOB, 40)
    delete_account(shard, BOB, NOW + SECOND)
    configure_root(shard, NOW + SECOND, rate=7.0)
    commit(shard, [(transfer, 40)])
    shard.take_messages()
    shard.process_balance_changes()
    bob = account(shard, BOB)
    assert (bob["principal"], bob["status_flags"], bob["config_flags"]) == (40, 0, 1)
    assert bob["interest_rate"] == 5.5
    assert [m["type"] for m in shard.take_messages()] == ["AccountUpdate"]


def test_root_account_receives_always(shard: Shard) -> None:
    for change_id in (1, 2):
        message = builders.pending_balance_change(
            ROOT, -50, NOW - YEAR, other_creditor_id=ALICE, change_id=change_id
        )
        shard.receive(message)
        shard.process_balance_changes()
    root = account(shard, ROOT)
    assert root["principal"] == -100
    assert root["interest"] == root["interest_rate"] == root["last_transfer_number"] == 0
    assert [m["type"] for m in shard.take_messages()] == ["AccountUpdate"]
    assert root["pending_account_update"]


@pytest.mark.parametrize(
    ("negligible_amount", "amount", "coordinator_type", "is_sent"),
    [
        (16777216.0, 16777216, "direct", False),
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
    shard: Shard, negligible_amount: float, amount: int, coordinator_type: str, is_sent: bool
) -> None:
    shard.receive(builders.configure_account(ALICE, negligible_amount=negligible_amount))
    shard.receive(builders.pending_balance_change(ALICE, amount, coordinator_type=coordinator_type))
    shard.process_balance_changes()
    alice = account(shard, ALICE)
    assert len(sent(shard, "AccountTransfer")) == is_sent
    assert alice["last_transfer_number"] == is_sent
    assert alice["last_transfer_committed_at"] == (NOW if is_sent else T0)
    assert (alice["principal"], alice["last_change_seqnum"]) == (amount, 1)
    assert alice["pending_account_update"]


def test_chain_has_no_gap_where_a_transfer_is_negligible(shard: Shard) -> None:
    shard.receive(builders.configure_account(ALICE, negligible_amount=5.0))
    shard.receive(
        *[builders.pending_balance_change(ALICE, d, change_id=d) for d in (6, 5, 7, 1, 8)]
    )
    shard.process_balance_changes()
    transfers = sent(shard, "AccountTransfer")
    assert [m["previous_transfer_number"] for m in transfers] == [0, 1, 2]
    assert [m["transfer_number"] for m in transfers] == [1, 2, 3]
    assert [m["principal"] for m in transfers] == [6, 18, 27]


@pytest.mark.parametrize(("amount", "interest"), [(1000, 1000), (-1000, -1000), (7, 7)])
def test_missed_interest_is_made_up_for(shard: Shard, amount: int, interest: int) -> None:
    open_books(shard, {ALICE: 0}, rate=100.0)
    shard.set_now(NOW + YEAR)
    shard.receive(builders.pending_balance_change(ALICE, amount, NOW))
    shard.process_balance_changes()
    alice = account(shard, ALICE)
    assert (alice["principal"], alice["interest"]) == (amount, interest)


def test_missed_interest_at_two_rates(shard: Shard) -> None:
    open_books(shard, {ALICE: 0}, rate=21.0)
    half, now = NOW + YEAR / 2, NOW + YEAR
    shard.set_now(half)
    shard.perform_chore(builders.chore("ChangeInterestRate", ALICE, interest_rate=-50.0, ts=half))
    shard.set_now(now)
    for change_id, committed_at in ((1, NOW), (2, half), (3, now), (4, now + YEAR), (5, LATEST)):
        shard.receive(
            builders.pending_balance_change(ALICE, 1000, committed_at, change_id=change_id)
        )
    shard.process_balance_changes()
    # Half a year at 21 percent gives 1.1 times the amount, at -50 percent the square root
    # of 1/2. For the last three no time has passed.
    root_of_half = Decimal("0.7071067811865475244008444")
    expected = 1000 * (Decimal("1.1") * root_of_half - 1) + 1000 * (root_of_half - 1)
    assert abs(account(shard, ALICE)["interest"] - expected) <= Decimal("1e-19")


@pytest.mark.parametrize(("principal", "balance"), [(1, 2), (0, 0), (-1, -1), (-1000, -1000)])
def test_debt_does_not_grow(shard: Shard, principal: int, balance: int) -> None:
    open_books(shard, {ALICE: 0}, rate=100.0)
    shard.update_account(DEBTOR, ALICE, principal=principal)
    shard.set_now(NOW + YEAR)
    shard.receive(builders.pending_balance_change(ALICE, 1, NOW + YEAR))
    shard.process_balance_changes()
    alice = account(shard, ALICE)
    assert alice["principal"] + alice["interest"] == balance + 1


def test_own_interest_is_kept(shard: Shard) -> None:
    open_books(shard, {ALICE: 1000}, rate=100.0)
    shard.set_now(NOW + YEAR)
    shard.receive(builders.pending_balance_change(ALICE, 1, NOW + YEAR))
    shard.process_balance_changes()
    alice = account(shard, ALICE)
    assert (alice["principal"], alice["interest"]) == (1001, 1000)


@pytest.mark.parametrize(
    ("deltas", "principals", "status_flags"),
    [
        # The sum fits, though it did not fit all the time.
        ([15, 3, -10], [MAX_INT64, MAX_INT64, MAX_INT64 - 2], 0),
        ([10], [MAX_INT64], 0),
        ([11], [MAX_INT64], 2),
        ([MAX_INT64] * 3, [MAX_INT64] * 3, 2),
        ([-MAX_INT64], [-10], 0),
        ([-MAX_INT64] * 3, [-10, -MAX_INT64, -MAX_INT64], 2),
    ],
)
def test_overflow_is_contained(
    shard: Shard, deltas: list[int], principals: list[int], status_flags: int
) -> None:
    open_books(shard, {ALICE: MAX_INT64 - 10})
    shard.receive(
        *[builders.pending_balance_change(ALICE, d, change_id=i) for i, d in enumerate(deltas)]
    )
    shard.process_balance_changes()
    alice = account(shard, ALICE)
    assert (alice["principal"], alice["status_flags"]) == (principals[-1], status_flags)
    assert [m["principal"] for m in sent(shard, "AccountTransfer")] == principals


def test_overflow_bit_stays(shard: Shard) -> None:
    open_books(shard, {ALICE: MAX_INT64})
    for change_id, delta in enumerate([1, -1000, 1]):
        shard.receive(builders.pending_balance_change(ALICE, delta, change_id=change_id))
        shard.process_balance_changes()
    alice = account(shard, ALICE)
    assert (alice["principal"], alice["status_flags"]) == (MAX_INT64 - 999, 2)


def test_undeleted_account_may_overflow(shard: Shard) -> None:
    open_books(shard, {ALICE: 0})
    delete_account(shard, ALICE, NOW + SECOND)
    assert account(shard, ALICE)["status_flags"] == 1
    shard.receive(*[builders.pending_balance_change(ALICE, MAX_INT64, change_id=i) for i in (1, 2)])
    shard.process_balance_changes()
    assert account(shard, ALICE)["status_flags"] == 2


def test_debt_is_contained(shard: Shard) -> None:
    shard.receive(*[builders.pending_balance_change(ROOT, -MAX_INT64, change_id=i) for i in (1, 2)])
    shard.process_balance_changes()
    root = account(shard, ROOT)
    assert (root["principal"], root["status_flags"]) == (-MAX_INT64, 2)


def test_clock_that_goes_back_does_no_harm(shard: Shard) -> None:
    open_books(shard, {ALICE: 100}, rate=100.0)
    shard.set_now(NOW - timedelta(hours=1))
    shard.receive(builders.pending_balance_change(ALICE, 1, NOW))
    shard.process_balance_changes()
    alice = account(shard, ALICE)
    assert (alice["principal"], alice["interest"], alice["last_change_ts"]) == (101, 0, NOW)
