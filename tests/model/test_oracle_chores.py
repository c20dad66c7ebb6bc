"""Hand-computed examples: chores and scans."""

from datetime import timedelta
from decimal import Decimal

import pytest

from . import builders
from .books import account, commit, configure_root, delete_account, open_books, prepare, sent
from .builders import ALICE, BOB, DAY, DEBTOR, NOW, ROOT, SECOND, YEAR
from .money import MAX_INT64
from .oracle import Authority
from .state import Params

MICROSECOND = timedelta(microseconds=1)
INFO = {
    "debtor_info_iri": "https://example.com/",
    "debtor_info_content_type": "text/plain",
    "debtor_info_sha256": b"\x0f" * 32,
}
ROOT_INFO = {
    "type": "DebtorInfo",
    "iri": "https://example.com/",
    "contentType": "text/plain",
    "sha256": "0F" * 32,
}


class TestChangeInterestRate:
    """ChangeInterestRate."""

    def test_change(self) -> None:
        authority = open_books({ALICE: 1000}, rate=100.0)
        now = NOW + YEAR
        chore = builders.chore("ChangeInterestRate", ALICE, interest_rate=5.5, ts=now)
        authority.change_interest_rate(chore, now)
        (update,) = authority.outbox
        assert (update["principal"], update["interest"]) == (1000, 1000)
        assert update["interest_rate"] == 5.5
        assert update["last_interest_rate_change_ts"] == update["last_change_ts"] == now
        assert update["last_change_seqnum"] == 2
        assert account(authority, ALICE).previous_interest_rate == 100.0

    @pytest.mark.parametrize(
        ("creditor_id", "rate", "age", "days", "changed_to"),
        [
            (ALICE, 7.0, timedelta(0), 8, 7.0),
            (ALICE, 7.0, DAY, 8, 7.0),
            (ALICE, 7.0, DAY + MICROSECOND, 9, None),
            (ALICE, 7.0, timedelta(0), 7.999, None),
            (ALICE, 5.5, timedelta(0), 30, None),
            (ALICE, 100.1, timedelta(0), 30, 100.0),
            (ALICE, -1e100, timedelta(0), 30, -50.0),
            (ROOT, 7.0, timedelta(0), 30, None),
            (BOB, 7.0, timedelta(0), 30, None),
        ],
    )
    def test_conditions(
        self, creditor_id: int, rate: float, age: timedelta, days: float, changed_to: float | None
    ) -> None:
        authority = open_books({ALICE: 1000}, rate=5.5)
        now = NOW + days * DAY
        chore = builders.chore("ChangeInterestRate", creditor_id, interest_rate=rate, ts=now - age)
        authority.change_interest_rate(chore, now)
        assert account(authority, ALICE).interest_rate == (changed_to or 5.5)
        assert account(authority, ROOT).interest_rate == 0.0
        assert len(authority.outbox) == (changed_to is not None)

    def test_deleted_account_keeps_its_rate(self) -> None:
        authority = open_books({ALICE: 0})
        delete_account(authority, ALICE, NOW + SECOND)
        before = authority.snapshot()
        chore = builders.chore("ChangeInterestRate", ALICE, interest_rate=1.0, ts=NOW + 9 * DAY)
        authority.change_interest_rate(chore, NOW + 9 * DAY)
        assert authority.snapshot() == before


class TestUpdateDebtorInfo:
    """UpdateDebtorInfo."""

    def test_update(self) -> None:
        authority = open_books({ALICE: 1000}, rate=100.0)
        now = NOW + YEAR
        chore = builders.chore("UpdateDebtorInfo", ALICE, **INFO, ts=now - DAY)
        authority.update_debtor_info(chore, now)
        authority.update_debtor_info({**chore, "ts": now}, now + SECOND)
        (update,) = authority.outbox
        assert {name: update[name] for name in INFO} == INFO
        assert (update["last_change_seqnum"], update["last_change_ts"]) == (2, now)
        assert (update["principal"], update["interest"]) == (1000, 1000)

    @pytest.mark.parametrize(
        ("creditor_id", "age"), [(ALICE, DAY + MICROSECOND), (ROOT, SECOND), (BOB, SECOND)]
    )
    def test_skipped(self, creditor_id: int, age: timedelta) -> None:
        authority = open_books({ALICE: 1000})
        chore = builders.chore("UpdateDebtorInfo", creditor_id, **INFO, ts=NOW)
        authority.update_debtor_info(chore, NOW + age)
        assert authority.outbox == []


class TestCapitalizeInterest:
    """CapitalizeInterest."""

    def test_whole_units_become_principal(self) -> None:
        authority = open_books({ALICE: 1001}, rate=21.0)
        now = NOW + YEAR / 2
        authority.capitalize_interest(builders.chore("CapitalizeInterest", ALICE), now)
        alice = account(authority, ALICE)
        # 1001 has become 1101.1
        assert alice.principal == 1101
        assert alice.interest == Decimal("0.1")
        assert alice.last_interest_capitalization_ts == now
        assert alice.pending_account_update
        (transfer,) = authority.outbox
        assert transfer["type"] == "AccountTransfer"
        assert transfer["coordinator_type"] == "interest"
        assert (transfer["sender"], transfer["recipient"]) == ("0", "1099511627777")
        assert (transfer["acquired_amount"], transfer["principal"]) == (100, 1101)
        assert (transfer["transfer_note"], transfer["transfer_note_format"]) == ("", "")
        assert transfer["committed_at"] == now
        authority.check_invariants()
        authority.process_balance_changes(now)
        assert account(authority, ROOT).principal == -1101
        authority.check_invariants()

    def test_negative_interest_is_rounded_down(self) -> None:
        authority = open_books({ALICE: 1000}, rate=-0.05)
        now = NOW + YEAR
        authority.capitalize_interest(builders.chore("CapitalizeInterest", ALICE), now)
        alice = account(authority, ALICE)
        assert alice.principal == 999
        assert alice.interest == Decimal("0.5")
        (transfer,) = authority.outbox
        assert (transfer["sender"], transfer["recipient"]) == ("1099511627777", "0")
        authority.process_balance_changes(now)
        assert account(authority, ROOT).principal == -999

    @pytest.mark.parametrize(
        ("rate", "creditor_id", "delay"),
        [
            (0.05, ALICE, YEAR),
            (100.0, ALICE, 14 * DAY - MICROSECOND),
            (100.0, ROOT, YEAR),
            (100.0, BOB, YEAR),
        ],
    )
    def test_nothing_to_do(self, rate: float, creditor_id: int, delay: timedelta) -> None:
        authority = open_books({ALICE: 1000}, rate=rate)
        before = authority.snapshot()
        authority.capitalize_interest(
            builders.chore("CapitalizeInterest", creditor_id), NOW + delay
        )
        assert authority.snapshot() == before

    def test_interval(self) -> None:
        authority = open_books({ALICE: 10**6}, rate=100.0)
        chore = builders.chore("CapitalizeInterest", ALICE)
        for days, count in ((14, 1), (27, 1), (28, 2)):
            authority.capitalize_interest(chore, NOW + days * DAY)
            assert len(authority.outbox) == count

    def test_what_does_not_fit_stays_interest(self) -> None:
        authority = open_books({ALICE: MAX_INT64 - 10}, rate=100.0)
        now = NOW + YEAR
        authority.capitalize_interest(builders.chore("CapitalizeInterest", ALICE), now)
        alice = account(authority, ALICE)
        assert (alice.principal, alice.status_flags) == (MAX_INT64, 0)
        assert alice.interest == MAX_INT64 - 20
        assert authority.pending_changes[0].principal_delta == -10
        authority.capitalize_interest(builders.chore("CapitalizeInterest", ALICE), now + YEAR)
        assert len(authority.pending_changes) == 1

    def test_one_message_can_carry_it(self) -> None:
        authority = open_books({ALICE: 2**60}, rate=100.0)
        now = NOW + 10 * YEAR
        alice = account(authority, ALICE)
        alice.principal -= 2**62
        alice.interest += 2**62
        authority.capitalize_interest(builders.chore("CapitalizeInterest", ALICE), now)
        assert authority.pending_changes[0].principal_delta == -MAX_INT64
        assert alice.principal + alice.interest == 2**70


class TestTryToDeleteAccount:
    """TryToDeleteAccount."""

    def test_delete(self) -> None:
        authority = open_books({ALICE: 100}, rate=21.0)
        now = NOW + YEAR / 2
        authority.configure_account(
            builders.configure_account(ALICE, now, config_flags=1, negligible_amount=110.0), now
        )
        authority.outbox.clear()
        authority.try_to_delete_account(builders.chore("TryToDeleteAccount", ALICE), now)
        transfer, update = authority.outbox
        assert transfer["coordinator_type"] == "delete"
        assert (transfer["sender"], transfer["recipient"]) == ("1099511627777", "0")
        assert (transfer["acquired_amount"], transfer["principal"]) == (-100, 0)
        assert (update["type"], update["principal"]) == ("AccountUpdate", 0)
        assert update["interest"] == 0
        assert (update["last_change_seqnum"], update["last_transfer_number"]) == (3, 2)
        alice = account(authority, ALICE)
        assert alice.status_flags == 1
        assert alice.last_deletion_attempt_ts == now
        assert not alice.pending_account_update
        authority.process_balance_changes(now)
        assert account(authority, ROOT).principal == 0
        authority.check_invariants()

    def test_delete_empty_account(self) -> None:
        authority = open_books({ALICE: 0})
        delete_account(authority, ALICE, NOW + DAY)
        configured, deleted = authority.outbox
        assert configured["last_change_seqnum"] == 1
        assert deleted["last_change_seqnum"] == 2
        assert deleted["last_change_ts"] == NOW + DAY
        assert authority.pending_changes == []

    @pytest.mark.parametrize(
        ("negligible_amount", "config_flags", "is_deleted"),
        [(110.0, 1, True), (109.9, 1, False), (110.0, 2, False), (1e30, 0, False)],
    )
    def test_conditions(
        self, negligible_amount: float, config_flags: int, is_deleted: bool
    ) -> None:
        authority = open_books({ALICE: 100}, rate=21.0)
        now = NOW + YEAR / 2
        message = builders.configure_account(
            ALICE, now, config_flags=config_flags, negligible_amount=negligible_amount
        )
        authority.configure_account(message, now)
        authority.try_to_delete_account(builders.chore("TryToDeleteAccount", ALICE), now)
        assert account(authority, ALICE).is_deleted is is_deleted
        assert account(authority, ALICE).last_deletion_attempt_ts == now

    def test_not_while_a_transfer_is_prepared(self) -> None:
        authority = open_books({ALICE: 0, BOB: 0})
        transfer = prepare(authority, ALICE, BOB, 0, NOW)
        message = builders.configure_account(ALICE, NOW + SECOND, config_flags=1)
        authority.configure_account(message, NOW + SECOND)
        chore = builders.chore("TryToDeleteAccount", ALICE)
        authority.try_to_delete_account(chore, NOW + SECOND)
        assert not account(authority, ALICE).is_deleted
        commit(authority, [(transfer, 0)], NOW + SECOND)
        authority.try_to_delete_account(chore, NOW + SECOND)
        assert account(authority, ALICE).is_deleted

    @pytest.mark.parametrize(("balance", "is_deleted"), [(0, True), (1, False)])
    def test_root_account(self, balance: int, is_deleted: bool) -> None:
        authority = open_books({ALICE: balance})
        message = builders.configure_account(
            ROOT, NOW + DAY, config_flags=1, negligible_amount=1e30
        )
        authority.configure_account(message, NOW + DAY)
        chore = builders.chore("TryToDeleteAccount", ROOT)
        authority.try_to_delete_account(chore, NOW + DAY)
        authority.try_to_delete_account(chore, NOW + 2 * DAY)
        assert account(authority, ROOT).is_deleted is is_deleted
        assert len(sent(authority, "AccountUpdate")) == 1 + is_deleted
        assert authority.pending_changes == []

    def test_debt_goes_to_the_root_account(self) -> None:
        authority = open_books({ALICE: 0})
        authority.receive_pending_balance_change(builders.pending_balance_change(ALICE, -5), NOW)
        authority.process_balance_changes(NOW)
        delete_account(authority, ALICE, NOW + DAY)
        authority.process_balance_changes(NOW + DAY)
        assert account(authority, ROOT).principal == -5
        authority.check_invariants()


class TestScanAccounts:
    """The accounts scan."""

    def test_pending_update_is_sent_once(self) -> None:
        authority = open_books({ALICE: 100})
        authority.scan_accounts(NOW + SECOND)
        authority.scan_accounts(NOW + 2 * SECOND)
        root, alice = authority.outbox
        assert (root["creditor_id"], root["principal"]) == (ROOT, -100)
        assert (alice["creditor_id"], alice["principal"]) == (ALICE, 100)
        assert (alice["ts"], alice["last_change_ts"]) == (NOW + SECOND, NOW)

    @pytest.mark.parametrize(("heartbeat_days", "interval_days"), [(10, 10), (3, 7)])
    def test_heartbeat(self, heartbeat_days: int, interval_days: int) -> None:
        authority = Authority(Params(heartbeat=heartbeat_days * DAY))
        authority.configure_account(builders.configure_account(ALICE), NOW)
        now = NOW + interval_days * DAY
        authority.scan_accounts(now)
        assert len(authority.outbox) == 1
        authority.scan_accounts(now + MICROSECOND)
        creation, heartbeat = authority.outbox
        assert heartbeat == {**creation, "ts": now + MICROSECOND}

    def test_purge(self) -> None:
        authority = open_books({ALICE: 0})
        delete_account(authority, ALICE, NOW + DAY)
        authority.outbox.clear()
        now = NOW + DAY + (14 + 90 + 2) * DAY
        authority.scan_accounts(now)
        assert (DEBTOR, ALICE) in authority.accounts
        authority.scan_accounts(now + MICROSECOND)
        assert (DEBTOR, ALICE) not in authority.accounts
        assert sent(authority, "AccountPurge") == [
            {
                "type": "AccountPurge",
                "debtor_id": DEBTOR,
                "creditor_id": ALICE,
                "creation_date": NOW.date(),
                "ts": now + MICROSECOND,
            }
        ]
        assert [m for m in sent(authority, "AccountUpdate") if m["creditor_id"] == ALICE] == []

    def test_young_account_is_not_purged(self) -> None:
        params = Params(commit_period=timedelta(0), extreme_delay=timedelta(0))
        authority = open_books({ALICE: 0}, params=params)
        delete_account(authority, ALICE, NOW + SECOND)
        for days in (3, 4):
            assert (DEBTOR, ALICE) in authority.accounts
            authority.scan_accounts(NOW + days * DAY)
        assert (DEBTOR, ALICE) not in authority.accounts

    def test_nothing_is_due(self) -> None:
        assert open_books({ALICE: 10**6}, rate=5.5).scan_accounts(NOW + DAY) == []

    def test_chores_that_are_due(self) -> None:
        authority = open_books({ALICE: 10**6}, rate=100.0)
        now = NOW + 14 * DAY
        configure_root(authority, now, rate=5.5, info=ROOT_INFO)
        message = builders.configure_account(ALICE, now, config_flags=1, negligible_amount=1e30)
        authority.configure_account(message, now)
        chores = authority.scan_accounts(now)
        assert chores == [
            {"type": "TryToDeleteAccount", "debtor_id": DEBTOR, "creditor_id": ALICE},
            {"type": "CapitalizeInterest", "debtor_id": DEBTOR, "creditor_id": ALICE},
            {
                "type": "ChangeInterestRate",
                "debtor_id": DEBTOR,
                "creditor_id": ALICE,
                "interest_rate": 5.5,
                "ts": now,
            },
            {
                "type": "UpdateDebtorInfo",
                "debtor_id": DEBTOR,
                "creditor_id": ALICE,
                **INFO,
                "ts": now,
            },
        ]
        for chore in reversed(chores):
            authority.perform_chore(chore, now)
        assert account(authority, ALICE).is_deleted
        assert authority.scan_accounts(now) == []

    def test_rate_changes_are_8_days_apart(self) -> None:
        authority = open_books({ALICE: 0}, rate=5.5)
        configure_root(authority, NOW + DAY, rate=7.0)
        assert authority.scan_accounts(NOW + 8 * DAY - MICROSECOND) == []
        (chore,) = authority.scan_accounts(NOW + 8 * DAY)
        authority.perform_chore(chore, NOW + 8 * DAY)
        assert account(authority, ALICE).interest_rate == 7.0

    def test_info_is_withdrawn_with_the_configuration(self) -> None:
        authority = open_books({ALICE: 0})
        authority.update_debtor_info(builders.chore("UpdateDebtorInfo", ALICE, **INFO, ts=NOW), NOW)
        (chore,) = authority.scan_accounts(NOW)
        authority.perform_chore(chore, NOW)
        assert account(authority, ALICE).debtor_info_sha256 == b""

    def test_without_a_root_account_nothing_is_known(self) -> None:
        authority = open_books({ALICE: 0}, rate=5.5)
        del authority.accounts[DEBTOR, ROOT]
        assert authority.scan_accounts(NOW + 30 * DAY) == []

    @pytest.mark.parametrize(("principal", "is_due"), [(9998, True), (9999, False)])
    def test_capitalization_waits_for_enough_interest(self, principal: int, is_due: bool) -> None:
        authority = open_books({ALICE: principal})
        account(authority, ALICE).interest = Decimal("1.5")
        chores = authority.scan_accounts(NOW + 14 * DAY)
        assert [chore["type"] for chore in chores] == ["CapitalizeInterest"] * is_due
        assert authority.scan_accounts(NOW + 14 * DAY - MICROSECOND) == []

    def test_deletion_is_attempted_again_after_a_while(self) -> None:
        authority = open_books({ALICE: 0, BOB: 0})
        prepare(authority, ALICE, BOB, 0, NOW)
        message = builders.configure_account(ALICE, NOW + DAY, config_flags=1)
        authority.configure_account(message, NOW + DAY)
        (chore,) = authority.scan_accounts(NOW + DAY)
        authority.perform_chore(chore, NOW + DAY)
        assert authority.scan_accounts(NOW + 15 * DAY - MICROSECOND) == []
        assert authority.scan_accounts(NOW + 15 * DAY) == [chore]

    @pytest.mark.parametrize(("amount", "is_due"), [(0, True), (5, False)])
    def test_deletion_of_the_root_account(self, amount: int, is_due: bool) -> None:
        authority = open_books({ALICE: amount})
        message = builders.configure_account(
            ROOT, NOW + DAY, config_flags=1, negligible_amount=1e30
        )
        authority.configure_account(message, NOW + DAY)
        assert len(authority.scan_accounts(NOW + DAY)) == is_due

    def test_prompt_updates(self) -> None:
        authority = open_books({ALICE: 100, BOB: 0})
        hour = timedelta(hours=1)
        authority.send_prompt_account_updates(NOW + hour)
        assert authority.outbox == []
        authority.send_prompt_account_updates(NOW + hour + MICROSECOND)
        assert [message["creditor_id"] for message in authority.outbox] == [ROOT, ALICE]


class TestOtherScans:
    """Reminders of prepared transfers, and the archive of balance changes."""

    @pytest.mark.parametrize(("reminder_days", "interval_days"), [(10, 10), (3, 7)])
    def test_reminders(self, reminder_days: int, interval_days: int) -> None:
        authority = open_books({ALICE: 100, BOB: 0}, params=Params(reminder=reminder_days * DAY))
        prepare(authority, ALICE, BOB, 60, NOW)
        first, second = (NOW + i * (interval_days * DAY + MICROSECOND) for i in (1, 2))
        for now in (first - MICROSECOND, first, second - MICROSECOND, second):
            authority.scan_prepared_transfers(now)
        answer, *reminders = authority.outbox
        assert reminders == [{**answer, "ts": first}, {**answer, "ts": second}]

    def test_archive_is_cleaned_of_applied_changes(self) -> None:
        authority = open_books({ALICE: 0})
        for change_id, committed_at in ((1, NOW - SECOND), (2, NOW)):
            authority.receive_pending_balance_change(
                builders.pending_balance_change(ALICE, 5, committed_at, change_id=change_id), NOW
            )
        authority.params = Params(archive_threshold=NOW)
        authority.scan_registered_balance_changes(NOW)
        assert len(authority.registered_changes) == 2
        authority.process_balance_changes(NOW)
        authority.scan_registered_balance_changes(NOW)
        assert list(authority.registered_changes) == [(DEBTOR, ROOT, 2)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("principal", 99),
        ("interest", Decimal("1e-21")),
        ("interest_rate", 100.1),
        ("total_locked_amount", 59),
        ("pending_transfers_count", 0),
        ("last_transfer_id", 0),
        ("status_flags", 1),
        ("minimal_balance", -1),
    ],
)
def test_invariants_notice_what_is_wrong(field: str, value: object) -> None:
    authority = open_books({ALICE: 100, BOB: 0})
    prepare(authority, ALICE, BOB, 60, NOW)
    authority.check_invariants()
    setattr(account(authority, ALICE), field, value)
    with pytest.raises(AssertionError):
        authority.check_invariants()
