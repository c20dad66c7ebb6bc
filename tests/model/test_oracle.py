"""Hand-computed examples: accounts are configured, transfers prepared and finalized."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from . import builders
from .books import account, commit, configure_root, delete_account, open_books, prepare, sent
from .builders import ALICE, BOB, CAROL, DAY, DEBTOR, NOW, ROOT, SECOND, YEAR
from .money import LATEST, MAX_INT32, MAX_INT64, T0
from .oracle import Authority
from .state import Params

MICROSECOND = timedelta(microseconds=1)
# 2024-05-20 is 19863 days after 1970-01-01.
FIRST_TRANSFER_ID = (19863 << 40) + 1


class TestConfigureAccount:
    """ConfigureAccount: creation, order, validity."""

    def test_new_account_is_told_at_once(self) -> None:
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

    def test_old_message_creates_nothing(self) -> None:
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
    def test_only_a_later_message_is_applied(
        self, ts: datetime, seqnum: int, is_applied: bool
    ) -> None:
        authority = Authority()
        authority.configure_account(builders.configure_account(ALICE, seqnum=2**31 - 1), NOW)
        message = builders.configure_account(ALICE, ts, seqnum=seqnum, negligible_amount=3.0)
        authority.configure_account(message, NOW + 30 * DAY)
        assert (account(authority, ALICE).negligible_amount == 3.0) is is_applied
        assert len(sent(authority, "AccountUpdate")) == 1 + is_applied

    def test_existing_account_counts_a_change(self) -> None:
        authority = open_books({ALICE: 1000}, rate=100.0)
        now = NOW + YEAR
        authority.configure_account(builders.configure_account(ALICE, now), now)
        (update,) = authority.outbox
        # Its creation counts 0, the incoming transfer 1, this configuration 2.
        assert update["last_change_seqnum"] == 2
        assert update["last_change_ts"] == update["ts"] == now
        assert (update["principal"], update["interest"]) == (1000, 1000)
        assert not account(authority, ALICE).pending_account_update

    def test_clock_does_not_go_back(self) -> None:
        authority = open_books({ALICE: 0})
        message = builders.configure_account(ALICE, NOW + SECOND)
        authority.configure_account(message, NOW - SECOND)
        (update,) = authority.outbox
        assert update["last_change_ts"] == update["ts"] == NOW
        assert update["last_change_seqnum"] == 1

    @pytest.mark.parametrize(("creditor_id", "config_data"), [(ALICE, "{}"), (ROOT, "{}")])
    def test_invalid_is_rejected(self, creditor_id: int, config_data: str) -> None:
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

    def test_invalid_changes_nothing(self) -> None:
        authority = open_books({ALICE: 100})
        before = authority.snapshot()["accounts"]
        message = builders.configure_account(ALICE, NOW + SECOND, config_data="{}")
        authority.configure_account(message, NOW + SECOND)
        assert authority.snapshot()["accounts"] == before
        assert [message["type"] for message in authority.outbox] == ["RejectedConfig"]

    def test_new_account_takes_the_rate_of_its_debtor(self) -> None:
        authority = Authority()
        configure_root(authority, NOW, rate=3.123456789)
        authority.configure_account(builders.configure_account(ALICE), NOW + SECOND)
        alice, root = account(authority, ALICE), account(authority, ROOT)
        assert (alice.previous_interest_rate, alice.interest_rate) == (0.0, 3.123456789)
        assert alice.last_interest_rate_change_ts == NOW + SECOND
        assert (root.interest_rate, root.last_interest_rate_change_ts) == (0.0, T0)

    def test_rate_of_a_deleted_root_counts(self) -> None:
        authority = Authority()
        configure_root(authority, NOW, rate=5.5)
        message = builders.configure_account(
            ROOT, NOW + SECOND, config_flags=1, config_data='{"type":"RootConfigData","rate":7}'
        )
        authority.configure_account(message, NOW + SECOND)
        authority.try_to_delete_account(builders.chore("TryToDeleteAccount", ROOT), NOW + SECOND)
        assert account(authority, ROOT).is_deleted
        authority.configure_account(builders.configure_account(ALICE), NOW + 2 * SECOND)
        assert account(authority, ALICE).interest_rate == 7.0

    def test_deleted_account_comes_back_to_life(self) -> None:
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
        self, negligible_amount: float, config: dict[str, object], minimal_balance: int
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


class TestPrepareTransfer:
    """PrepareTransfer: checks, locks, deadlines."""

    def test_prepared_transfer(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        message = builders.prepare_transfer(ALICE, BOB, 60, NOW, coordinator_request_id=9)
        authority.prepare_transfer(message, NOW + SECOND)
        assert authority.outbox == []
        authority.process_transfer_requests(NOW + 2 * SECOND)
        assert authority.outbox == [
            {
                "type": "PreparedTransfer",
                "debtor_id": DEBTOR,
                "creditor_id": ALICE,
                "transfer_id": FIRST_TRANSFER_ID,
                "coordinator_type": "direct",
                "coordinator_id": ALICE,
                "coordinator_request_id": 9,
                "locked_amount": 60,
                "recipient": "1099511627778",
                "prepared_at": NOW + 2 * SECOND,
                "demurrage_rate": -50.0,
                "deadline": NOW + 30 * DAY,
                "final_interest_rate_ts": LATEST,
                "ts": NOW + 2 * SECOND,
            }
        ]
        alice = account(authority, ALICE)
        assert (alice.total_locked_amount, alice.pending_transfers_count) == (60, 1)
        assert alice.last_change_seqnum == 1
        authority.check_invariants()

    def test_requests_of_one_sender_see_each_other(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        for request_id, min_amount in enumerate([70, 0, 1, 0]):
            message = builders.prepare_transfer(
                ALICE, BOB, 70, min_locked_amount=min_amount, coordinator_request_id=request_id
            )
            authority.prepare_transfer(message, NOW)
        authority.process_transfer_requests(NOW)
        answers = {m["coordinator_request_id"]: m for m in authority.outbox}
        assert [answers[i]["locked_amount"] for i in (0, 1, 3)] == [70, 30, 0]
        assert [answers[i]["transfer_id"] - FIRST_TRANSFER_ID for i in (0, 1, 3)] == [0, 1, 2]
        assert answers[2] == {
            "type": "RejectedTransfer",
            "debtor_id": DEBTOR,
            "creditor_id": ALICE,
            "coordinator_type": "direct",
            "coordinator_id": ALICE,
            "coordinator_request_id": 2,
            "status_code": "INSUFFICIENT_AVAILABLE_AMOUNT",
            "total_locked_amount": 100,
            "ts": NOW,
        }
        authority.check_invariants()

    @pytest.mark.parametrize(
        ("sender", "recipient", "coordinator_type", "status_code"),
        [
            (ALICE, 77, "direct", "RECIPIENT_IS_UNREACHABLE"),
            (ALICE, "01", "direct", "RECIPIENT_IS_UNREACHABLE"),
            (ALICE, "", "agent", "RECIPIENT_IS_UNREACHABLE"),
            (ALICE, CAROL, "agent", "RECIPIENT_IS_UNREACHABLE"),
            (ALICE, ROOT, "agent", "RECIPIENT_IS_UNREACHABLE"),
            (ALICE, ALICE, "direct", "RECIPIENT_SAME_AS_SENDER"),
            (77, BOB, "direct", "SENDER_IS_UNREACHABLE"),
            (77, ROOT, "agent", "SENDER_IS_UNREACHABLE"),
            (77, 77, "direct", "RECIPIENT_IS_UNREACHABLE"),
            (ALICE, BOB, "direct", "OK"),
            (ALICE, ROOT, "direct", "OK"),
            (ALICE, BOB, "agent", "OK"),
            (ALICE, (1 << 40) + 999, "agent", "OK"),
        ],
    )
    def test_parties(
        self, sender: int, recipient: int | str, coordinator_type: str, status_code: str
    ) -> None:
        authority = open_books({ALICE: 100, BOB: 0, CAROL: 0})
        prepare(authority, ALICE, BOB, 10, NOW)
        authority.outbox.clear()
        message = builders.prepare_transfer(sender, recipient, 5, coordinator_type=coordinator_type)
        authority.prepare_transfer(message, NOW)
        authority.process_transfer_requests(NOW)
        (answer,) = authority.outbox
        assert answer.get("status_code", "OK") == status_code
        if status_code.endswith("_IS_UNREACHABLE"):
            assert answer["total_locked_amount"] == 0
        elif status_code != "OK":
            assert answer["total_locked_amount"] == 10

    def test_recipient_that_leaves_accepts_nothing(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0, CAROL: 0})
        message = builders.configure_account(BOB, NOW + SECOND, config_flags=1)
        authority.configure_account(message, NOW + SECOND)
        delete_account(authority, CAROL, NOW + SECOND)
        authority.configure_account(
            builders.configure_account(ROOT, NOW + SECOND, config_flags=1), NOW + SECOND
        )
        authority.outbox.clear()
        for recipient in (BOB, CAROL, ROOT):
            authority.prepare_transfer(builders.prepare_transfer(ALICE, recipient, 1), NOW)
        assert [message["status_code"] for message in authority.outbox] == [
            "RECIPIENT_IS_UNREACHABLE",
            "RECIPIENT_IS_UNREACHABLE",
        ]
        assert len(authority.transfer_requests) == 1

    def test_root_need_not_exist_to_receive(self) -> None:
        authority = Authority()
        authority.configure_account(builders.configure_account(ALICE), NOW)
        prepare(authority, ALICE, ROOT, 0, NOW)
        assert (DEBTOR, ROOT) not in authority.accounts

    def test_deleted_sender(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        authority.prepare_transfer(builders.prepare_transfer(ALICE, BOB, 0), NOW)
        delete_account(authority, ALICE, NOW + SECOND)
        authority.process_transfer_requests(NOW + SECOND)
        assert authority.outbox[-1]["status_code"] == "SENDER_IS_UNREACHABLE"

    def test_too_many_transfers(self) -> None:
        authority = open_books({ALICE: 100})
        alice = account(authority, ALICE)
        message = builders.prepare_transfer(ALICE, ALICE, 10**6, final_interest_rate_ts=T0)
        for count, status_code in (
            (MAX_INT32, "TOO_MANY_TRANSFERS"),
            (MAX_INT32 - 1, "RECIPIENT_SAME_AS_SENDER"),
        ):
            alice.pending_transfers_count = count
            authority.prepare_transfer(message, NOW)
            authority.process_transfer_requests(NOW)
            assert authority.outbox[-1]["status_code"] == status_code

    def test_interest_rate_must_not_have_changed(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0}, rate=5.5)
        for final_interest_rate_ts in (NOW - MICROSECOND, NOW):
            message = builders.prepare_transfer(
                ALICE, BOB, 1000, final_interest_rate_ts=final_interest_rate_ts
            )
            authority.prepare_transfer(message, NOW)
        authority.process_transfer_requests(NOW)
        assert [message["status_code"] for message in authority.outbox] == [
            "NEWER_INTEREST_RATE",
            "INSUFFICIENT_AVAILABLE_AMOUNT",
        ]

    @pytest.mark.parametrize(
        ("ts", "max_commit_delay", "deadline"),
        [
            (NOW, 0, NOW),
            (NOW - DAY, 3600, NOW - DAY + timedelta(hours=1)),
            (NOW, 90 * 86400 - 1, NOW + 90 * DAY - SECOND),
            (NOW, 90 * 86400 + 1, NOW + 90 * DAY),
            (NOW, 2**31 - 1, NOW + 90 * DAY),
            (LATEST, 2**31 - 1, NOW + 90 * DAY),
        ],
    )
    def test_deadline(self, ts: datetime, max_commit_delay: int, deadline: datetime) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        message = builders.prepare_transfer(ALICE, BOB, 1, ts, max_commit_delay=max_commit_delay)
        authority.prepare_transfer(message, NOW)
        authority.process_transfer_requests(NOW)
        assert authority.outbox[-1]["deadline"] == deadline

    def test_interest_can_be_locked_but_no_fraction_of_a_unit(self) -> None:
        authority = open_books({ALICE: 1001, BOB: 0}, rate=21.0)
        message = builders.prepare_transfer(ALICE, BOB, 10**6, min_locked_amount=0)
        authority.prepare_transfer(message, NOW)
        authority.process_transfer_requests(NOW + YEAR / 2)
        # 1001 has become 1101.1
        assert authority.outbox[-1]["locked_amount"] == 1101

    def test_locks_stay_within_64_bits(self) -> None:
        authority = open_books({ALICE: MAX_INT64, BOB: 0}, rate=100.0)
        for _ in range(2):
            message = builders.prepare_transfer(ALICE, BOB, MAX_INT64 - 5, min_locked_amount=5)
            authority.prepare_transfer(message, NOW)
        message = builders.prepare_transfer(ALICE, BOB, 1)
        authority.prepare_transfer(message, NOW)
        authority.process_transfer_requests(NOW + YEAR)
        locks = [message["locked_amount"] for message in sent(authority, "PreparedTransfer")]
        assert locks == [MAX_INT64 - 5, 5]
        assert authority.outbox[-1]["status_code"] == "INSUFFICIENT_AVAILABLE_AMOUNT"
        authority.check_invariants()


class TestFinalizeTransfer:
    """FinalizeTransfer: commits and dismissals."""

    def test_commit(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        transfer = prepare(authority, ALICE, BOB, 60, NOW)
        authority.outbox.clear()
        now = NOW + SECOND
        assert commit(authority, [(transfer, 40)], now) == ["OK"]
        assert authority.outbox == [
            {
                "type": "FinalizedTransfer",
                "debtor_id": DEBTOR,
                "creditor_id": ALICE,
                "transfer_id": FIRST_TRANSFER_ID,
                "coordinator_type": "direct",
                "coordinator_id": ALICE,
                "coordinator_request_id": 1,
                "committed_amount": 40,
                "status_code": "OK",
                "total_locked_amount": 0,
                "prepared_at": NOW,
                "ts": now,
            },
            {
                "type": "AccountTransfer",
                "debtor_id": DEBTOR,
                "creditor_id": ALICE,
                "creation_date": date(2024, 5, 20),
                "transfer_number": 2,
                "coordinator_type": "direct",
                "sender": "1099511627777",
                "recipient": "1099511627778",
                "acquired_amount": -40,
                "transfer_note": "a note",
                "transfer_note_format": "-",
                "committed_at": now,
                "principal": 60,
                "previous_transfer_number": 1,
                "ts": now,
            },
        ]
        alice = account(authority, ALICE)
        assert (alice.principal, alice.last_change_seqnum, alice.last_change_ts) == (60, 2, now)
        assert alice.pending_account_update
        assert (alice.last_transfer_number, alice.last_transfer_committed_at) == (2, now)
        assert authority.prepared == {}
        (change,) = authority.pending_changes
        assert (change.creditor_id, change.other_creditor_id) == (BOB, ALICE)
        assert (change.principal_delta, change.change_id) == (40, None)
        authority.check_invariants()

    def test_principal_of_account_transfers_is_the_running_one(self) -> None:
        authority = open_books({ALICE: 910, BOB: 0})
        transfers = [prepare(authority, ALICE, BOB, 3, NOW) for _ in range(3)]
        authority.outbox.clear()
        assert commit(authority, [(transfer, 3) for transfer in transfers], NOW) == ["OK"] * 3
        messages = sent(authority, "AccountTransfer")
        assert [message["principal"] for message in messages] == [907, 904, 901]
        assert [message["transfer_number"] for message in messages] == [2, 3, 4]
        finalized = sent(authority, "FinalizedTransfer")
        assert [message["total_locked_amount"] for message in finalized] == [6, 3, 0]
        assert account(authority, ALICE).last_change_seqnum == 4

    def test_dismissal_is_never_too_late(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        transfer = prepare(authority, ALICE, BOB, 60, NOW)
        before = account(authority, ALICE).last_change_seqnum
        assert commit(authority, [(transfer, 0)], NOW + YEAR) == ["OK"]
        finalized = authority.outbox[-1]
        assert (finalized["committed_amount"], finalized["total_locked_amount"]) == (0, 0)
        assert account(authority, ALICE).last_change_seqnum == before
        assert authority.pending_changes == []
        authority.check_invariants()

    @pytest.mark.parametrize(
        ("delay", "status_code"),
        [(90 * DAY, "OK"), (90 * DAY + MICROSECOND, "TIMEOUT")],
    )
    def test_deadline(self, delay: timedelta, status_code: str) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        transfer = prepare(authority, ALICE, BOB, 60, NOW)
        assert commit(authority, [(transfer, 60)], NOW + delay) == [status_code]
        assert account(authority, ALICE).total_locked_amount == 0
        assert account(authority, ALICE).principal == (40 if status_code == "OK" else 100)

    def test_failed_commit_reports_amount_0(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        transfer = prepare(authority, ALICE, BOB, 60, NOW)
        assert commit(authority, [(transfer, 101)], NOW) == ["INSUFFICIENT_AVAILABLE_AMOUNT"]
        assert authority.outbox[-1]["committed_amount"] == 0
        assert authority.pending_changes == []
        assert authority.prepared == {}

    def test_interest_rate_must_not_have_changed(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        for final_interest_rate_ts in (NOW + 30 * DAY - MICROSECOND, NOW + 30 * DAY):
            message = builders.prepare_transfer(
                ALICE, BOB, 10, final_interest_rate_ts=final_interest_rate_ts
            )
            authority.prepare_transfer(message, NOW)
        authority.process_transfer_requests(NOW)
        now = NOW + 30 * DAY
        rate_change = builders.chore("ChangeInterestRate", ALICE, interest_rate=7.0, ts=now)
        authority.change_interest_rate(rate_change, now)
        amounts = [(transfer, 10) for transfer in authority.prepared.values()]
        assert commit(authority, amounts, now) == ["NEWER_INTEREST_RATE", "OK"]

    def test_more_than_the_lock_is_committed_from_what_is_expendable(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        first, second, third = (prepare(authority, ALICE, BOB, 10, NOW) for _ in range(3))
        # 70 are free: with its lock the first may take 80, which leaves 20 for the others;
        # the second may take no more than its lock of 10, and so may the third.
        codes = commit(authority, [(first, 80), (second, 11), (third, 10)], NOW)
        assert codes == ["OK", "INSUFFICIENT_AVAILABLE_AMOUNT", "OK"]
        assert account(authority, ALICE).principal == 10

    def test_lock_guarantees_the_amount_after_demurrage(self) -> None:
        params = Params(commit_period=2 * YEAR)
        for amount, status_code in ((300, "OK"), (301, "INSUFFICIENT_AVAILABLE_AMOUNT")):
            authority = open_books({ALICE: 1000, BOB: 0}, rate=-50.0, params=params)
            first = prepare(authority, ALICE, BOB, 600, NOW)
            second = prepare(authority, ALICE, BOB, 400, NOW)
            # After a year 500 of 1000 remain. The first has 500 - 400 = 100 for itself, yet
            # half of its lock is safe.
            assert commit(authority, [(first, amount)], NOW + YEAR) == [status_code]
            assert account(authority, ALICE).principal == (700 if status_code == "OK" else 1000)
            assert commit(authority, [(second, 200)], NOW + YEAR) == ["OK"]

    def test_lock_of_a_root_account_guarantees_the_whole_amount(self) -> None:
        for amount, status_code in ((100, "OK"), (101, "INSUFFICIENT_AVAILABLE_AMOUNT")):
            authority = open_books({ALICE: 0}, params=Params(commit_period=2 * YEAR))
            transfer = prepare(authority, ROOT, ALICE, 100, NOW, "issuing")
            configure_root(authority, NOW + SECOND, limit=0)
            assert commit(authority, [(transfer, amount)], NOW + YEAR) == [status_code]
            assert account(authority, ROOT).principal == (-100 if status_code == "OK" else 0)
            assert sent(authority, "AccountTransfer") == []

    def test_lock_guarantees_the_whole_amount_at_first(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        transfer = prepare(authority, ALICE, BOB, 60, NOW)
        authority.receive_pending_balance_change(builders.pending_balance_change(ALICE, -100), NOW)
        authority.process_balance_changes(NOW)
        assert commit(authority, [(transfer, 60)], NOW) == ["OK"]
        assert account(authority, ALICE).principal == -60

    @pytest.mark.parametrize(
        "wrong_id",
        [
            {"debtor_id": 2},
            {"creditor_id": BOB},
            {"transfer_id": FIRST_TRANSFER_ID + 1},
            {"coordinator_type": "agent"},
            {"coordinator_id": BOB},
            {"coordinator_request_id": 2},
        ],
    )
    def test_all_ids_must_match(self, wrong_id: dict[str, object]) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        transfer = prepare(authority, ALICE, BOB, 60, NOW)
        message = builders.finalize_transfer(transfer, 60)
        authority.finalize_transfer({**message, **wrong_id}, NOW)
        authority.process_finalization_requests(NOW)
        assert len(authority.prepared) == 1
        assert authority.finalization_requests == []
        # Nor does it stand in the way of the right one, when both are queued.
        authority.finalize_transfer({**message, **wrong_id}, NOW)
        authority.finalize_transfer(message, NOW)
        authority.process_finalization_requests(NOW)
        assert account(authority, ALICE).principal == 40

    def test_first_of_two_requests_counts(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        transfer = prepare(authority, ALICE, BOB, 60, NOW)
        for amount in (10, 20):
            authority.finalize_transfer(builders.finalize_transfer(transfer, amount), NOW)
        authority.process_finalization_requests(NOW)
        authority.finalize_transfer(builders.finalize_transfer(transfer, 30), NOW)
        authority.process_finalization_requests(NOW)
        assert account(authority, ALICE).principal == 90
        assert len(sent(authority, "FinalizedTransfer")) == 1
        authority.check_invariants()

    def test_interest_is_kept_when_the_principal_falls(self) -> None:
        authority = open_books({ALICE: 1000, BOB: 0}, rate=100.0, params=Params(YEAR * 2))
        transfer = prepare(authority, ALICE, BOB, 0, NOW)
        assert commit(authority, [(transfer, 1500)], NOW + YEAR) == ["OK"]
        alice = account(authority, ALICE)
        assert alice.principal == -500
        assert alice.interest == 1000

    def test_seqnum_wraps(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        account(authority, ALICE).last_change_seqnum = 2**31 - 1
        commit(authority, [(prepare(authority, ALICE, BOB, 1, NOW), 1)], NOW)
        assert account(authority, ALICE).last_change_seqnum == -(2**31)


class TestBalanceChanges:
    """Pending balance changes, from here and from other shards."""

    def test_recipient_gets_what_the_sender_paid(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        transfer = prepare(authority, ALICE, BOB, 60, NOW)
        commit(authority, [(transfer, 40)], NOW + SECOND)
        authority.outbox.clear()
        authority.process_balance_changes(NOW + 2 * SECOND)
        assert authority.outbox == [
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
        bob = account(authority, BOB)
        assert (bob.principal, bob.last_change_seqnum) == (40, 1)
        assert bob.pending_account_update
        assert bob.last_transfer_committed_at == NOW + SECOND
        authority.check_invariants()

    def test_change_is_applied_once(self) -> None:
        authority = open_books({ALICE: 0})
        for principal_delta in (5, 5, 6):
            message = builders.pending_balance_change(ALICE, principal_delta)
            authority.receive_pending_balance_change(message, NOW)
        authority.process_balance_changes(NOW)
        authority.receive_pending_balance_change(message, NOW)
        authority.process_balance_changes(NOW)
        assert account(authority, ALICE).principal == 5
        for other_ids in ({"change_id": 2}, {"other_creditor_id": BOB}, {"debtor_id": 7}):
            authority.receive_pending_balance_change({**message, **other_ids}, NOW)
        authority.process_balance_changes(NOW)
        assert account(authority, ALICE).principal == 5 + 6 + 6
        assert authority.accounts[7, ALICE].principal == 6
        authority.check_invariants()

    def test_too_old_change_is_ignored(self) -> None:
        authority = Authority(Params(archive_threshold=NOW))
        for change_id, committed_at in ((1, NOW - MICROSECOND), (2, NOW)):
            message = builders.pending_balance_change(ALICE, 5, committed_at, change_id=change_id)
            authority.receive_pending_balance_change(message, NOW)
        assert list(authority.registered_changes) == [(DEBTOR, ROOT, 2)]
        assert len(authority.pending_changes) == 1

    def test_changes_of_an_account_are_applied_together(self) -> None:
        authority = open_books({ALICE: 100})
        for change_id, delta in ((1, 5), (2, -7), (3, 10)):
            message = builders.pending_balance_change(
                ALICE, delta, change_id=change_id, other_creditor_id=BOB
            )
            authority.receive_pending_balance_change(message, NOW)
        authority.process_balance_changes(NOW)
        messages = sent(authority, "AccountTransfer")
        assert [message["acquired_amount"] for message in messages] == [5, -7, 10]
        assert [message["principal"] for message in messages] == [105, 98, 108]
        assert [message["transfer_number"] for message in messages] == [2, 3, 4]
        alice, bob = "1099511627777", "1099511627778"
        assert [message["sender"] for message in messages] == [bob, alice, bob]
        assert [message["recipient"] for message in messages] == [alice, bob, alice]
        assert account(authority, ALICE).last_change_seqnum == 2
        assert account(authority, ALICE).principal == 108

    def test_missing_account_is_created(self) -> None:
        authority = Authority()
        configure_root(authority, NOW, rate=100.0)
        authority.outbox.clear()
        message = builders.pending_balance_change(ALICE, 50, NOW - YEAR)
        authority.receive_pending_balance_change(message, NOW)
        authority.process_balance_changes(NOW)
        transfer, update = authority.outbox
        assert (transfer["type"], transfer["principal"]) == ("AccountTransfer", 50)
        assert (update["type"], update["principal"]) == ("AccountUpdate", 50)
        assert (update["config_flags"], update["negligible_amount"]) == (0, 0.0)
        assert (update["last_config_ts"], update["last_config_seqnum"]) == (T0, 0)
        assert (update["last_change_seqnum"], update["last_transfer_number"]) == (1, 1)
        # Before the account existed there was no interest to miss.
        assert (update["interest"], update["interest_rate"]) == (0, 100.0)
        assert update["last_interest_rate_change_ts"] == NOW
        assert not account(authority, ALICE).pending_account_update

    def test_deleted_account_is_undeleted(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0}, rate=5.5)
        transfer = prepare(authority, ALICE, BOB, 40, NOW)
        delete_account(authority, BOB, NOW + SECOND)
        configure_root(authority, NOW + SECOND, rate=7.0)
        commit(authority, [(transfer, 40)], NOW + SECOND)
        authority.outbox.clear()
        authority.process_balance_changes(NOW + SECOND)
        bob = account(authority, BOB)
        assert (bob.principal, bob.status_flags, bob.config_flags) == (40, 0, 1)
        assert bob.interest_rate == 5.5
        assert [message["type"] for message in authority.outbox] == ["AccountUpdate"]
        authority.check_invariants()

    def test_root_account_receives_always(self) -> None:
        authority = Authority()
        message = builders.pending_balance_change(ROOT, -50, NOW - YEAR, other_creditor_id=ALICE)
        authority.receive_pending_balance_change(message, NOW)
        authority.process_balance_changes(NOW)
        root = account(authority, ROOT)
        assert root.principal == -50
        assert root.interest == root.interest_rate == 0
        assert [message["type"] for message in authority.outbox] == ["AccountUpdate"]

    @pytest.mark.parametrize(
        ("negligible_amount", "amount", "coordinator_type", "is_sent"),
        [
            (16777216.0, 16777216, "direct", False),
            (16777216.0, 16777217, "direct", True),
            (16777216.0, 1, "direct", False),
            (16777216.0, 1, "agent", True),
            (16777216.0, -1, "direct", True),
            (0.0, 1, "direct", True),
        ],
    )
    def test_negligible_transfers(
        self, negligible_amount: float, amount: int, coordinator_type: str, is_sent: bool
    ) -> None:
        authority = open_books({ALICE: 100})
        authority.configure_account(
            builders.configure_account(ALICE, NOW + DAY, negligible_amount=negligible_amount), NOW
        )
        message = builders.pending_balance_change(ALICE, amount, coordinator_type=coordinator_type)
        authority.receive_pending_balance_change(message, NOW)
        authority.process_balance_changes(NOW)
        assert len(sent(authority, "AccountTransfer")) == is_sent
        assert account(authority, ALICE).last_transfer_number == 1 + is_sent
        assert account(authority, ALICE).principal == 100 + amount

    @pytest.mark.parametrize(("amount", "interest"), [(1000, 1000), (-1000, -1000), (7, 7)])
    def test_missed_interest_is_made_up_for(self, amount: int, interest: int) -> None:
        authority = open_books({ALICE: 0}, rate=100.0)
        message = builders.pending_balance_change(ALICE, amount, NOW)
        authority.receive_pending_balance_change(message, NOW + YEAR)
        authority.process_balance_changes(NOW + YEAR)
        assert account(authority, ALICE).principal == amount
        assert account(authority, ALICE).interest == interest

    def test_missed_interest_at_two_rates(self) -> None:
        authority = open_books({ALICE: 0}, rate=21.0)
        half, now = NOW + YEAR / 2, NOW + YEAR
        rate_change = builders.chore("ChangeInterestRate", ALICE, interest_rate=-50.0, ts=half)
        authority.change_interest_rate(rate_change, half)
        for change_id, committed_at in ((1, NOW), (2, half), (3, now), (4, now + YEAR)):
            message = builders.pending_balance_change(
                ALICE, 1000, committed_at, change_id=change_id
            )
            authority.receive_pending_balance_change(message, now)
        authority.process_balance_changes(now)
        # Half a year at 21 percent gives 1.1 times the amount, at -50 percent the square root
        # of 1/2. For the last two no time has passed.
        root_of_half = Decimal("0.7071067811865475244008444")
        expected = 1000 * (Decimal("1.1") * root_of_half - 1) + 1000 * (root_of_half - 1)
        assert abs(account(authority, ALICE).interest - expected) <= Decimal("1e-19")

    @pytest.mark.parametrize(("principal", "balance"), [(1, 2), (0, 0), (-1, -1), (-1000, -1000)])
    def test_debt_does_not_grow(self, principal: int, balance: int) -> None:
        authority = open_books({ALICE: 0}, rate=100.0)
        alice = account(authority, ALICE)
        alice.principal = principal
        now = NOW + YEAR
        authority.configure_account(builders.configure_account(ALICE, now), now)
        assert alice.principal + alice.interest == balance

    def test_own_interest_is_kept(self) -> None:
        authority = open_books({ALICE: 1000}, rate=100.0)
        message = builders.pending_balance_change(ALICE, 1, NOW + YEAR)
        authority.receive_pending_balance_change(message, NOW + YEAR)
        authority.process_balance_changes(NOW + YEAR)
        alice = account(authority, ALICE)
        assert alice.principal == 1001
        assert alice.interest == 1000

    def test_overflow_is_contained(self) -> None:
        authority = open_books({ALICE: MAX_INT64 - 10})
        for change_id, delta in ((1, 15), (2, 3), (3, -10)):
            message = builders.pending_balance_change(ALICE, delta, change_id=change_id)
            authority.receive_pending_balance_change(message, NOW)
        authority.process_balance_changes(NOW)
        alice = account(authority, ALICE)
        # The sum of 8 fits, though it did not fit all the time.
        assert (alice.principal, alice.status_flags) == (MAX_INT64 - 2, 0)
        transfers = sent(authority, "AccountTransfer")
        principals = [message["principal"] for message in transfers]
        assert principals == [MAX_INT64, MAX_INT64, MAX_INT64 - 2]
        message = builders.pending_balance_change(ALICE, 3, change_id=4)
        authority.receive_pending_balance_change(message, NOW)
        authority.process_balance_changes(NOW)
        assert (alice.principal, alice.status_flags) == (MAX_INT64, 2)
        assert authority.cut[DEBTOR] == 1
        authority.check_invariants()

    def test_debt_is_contained(self) -> None:
        authority = Authority()
        for change_id in (1, 2):
            message = builders.pending_balance_change(ROOT, -MAX_INT64, change_id=change_id)
            authority.receive_pending_balance_change(message, NOW)
        authority.process_balance_changes(NOW)
        root = account(authority, ROOT)
        assert (root.principal, root.status_flags) == (-MAX_INT64, 2)
        authority.check_invariants()
