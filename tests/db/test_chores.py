"""The chores."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.db.books import account, configure_root, delete_account, open_books, prepare, sent
from tests.db.shard import Shard
from tests.model import builders
from tests.model.builders import (
    ALICE,
    BOB,
    DAY,
    DEBTOR,
    INFO,
    MICROSECOND,
    NOW,
    ROOT,
    SECOND,
    YEAR,
)
from tests.model.money import MAX_INT64, T0
from tests.model.state import Message

LATER = NOW + 8 * DAY


def change_rate(shard: Shard, rate: float, ts: datetime, creditor_id: int = ALICE) -> None:
    shard.perform_chore(
        builders.chore("ChangeInterestRate", creditor_id, interest_rate=rate, ts=ts)
    )


def everything(shard: Shard) -> list[list[Message]]:
    """All that a chore may change."""
    tables = ("account", "pending_balance_change", "account_transfer_signal")
    return [shard.rows(table) for table in (*tables, "account_update_signal")]


class TestChangeInterestRate:
    """ChangeInterestRate."""

    def test_rate_is_changed(self, shard: Shard) -> None:
        open_books(shard, {ALICE: 1000}, rate=100.0)
        before = account(shard, ALICE)
        shard.set_now(NOW + YEAR)
        change_rate(shard, 3.123456789, NOW + YEAR)
        alice = account(shard, ALICE)
        assert alice == {
            **before,
            "interest": 1000,
            "interest_rate": 3.123456789,
            "previous_interest_rate": 100.0,
            "last_interest_rate_change_ts": NOW + YEAR,
            "last_change_ts": NOW + YEAR,
            "last_change_seqnum": before["last_change_seqnum"] + 1,
            "pending_account_update": False,
            "last_heartbeat_ts": NOW + YEAR,
        }
        (update,) = shard.take_messages()
        assert (update["interest"], update["interest_rate"]) == (1000.0, 3.123456789)
        assert update["last_interest_rate_change_ts"] == NOW + YEAR

    @pytest.mark.parametrize("rate", [3.123456789, 0.1 + 0.2, -49.99999999999999, 5e-324])
    def test_same_rate_is_no_change(self, shard: Shard, rate: float) -> None:
        open_books(shard, {ALICE: 0})
        shard.set_now(LATER)
        change_rate(shard, rate, LATER)
        assert account(shard, ALICE)["interest_rate"] == rate
        shard.set_now(LATER + 8 * DAY)
        before = everything(shard)
        change_rate(shard, rate, LATER + 8 * DAY)
        assert everything(shard) == before

    @pytest.mark.parametrize(
        ("rate", "clamped"), [(-50.1, -50.0), (1e308, 100.0), (100.00000001, 100.0), (7, 7.0)]
    )
    def test_rate_is_clamped(self, shard: Shard, rate: float, clamped: float) -> None:
        open_books(shard, {ALICE: 0})
        shard.set_now(LATER)
        change_rate(shard, rate, LATER)
        assert account(shard, ALICE)["interest_rate"] == clamped

    @pytest.mark.parametrize(
        ("since_change", "delay", "is_changed"),
        [
            (8 * DAY, 0 * DAY, True),
            (8 * DAY - MICROSECOND, 0 * DAY, False),
            (8 * DAY, DAY, True),
            (8 * DAY, DAY + MICROSECOND, False),
            (8 * DAY, -DAY, True),
        ],
    )
    def test_when(
        self, shard: Shard, since_change: timedelta, delay: timedelta, is_changed: bool
    ) -> None:
        open_books(shard, {ALICE: 0}, rate=5.5)
        now = NOW + since_change
        shard.set_now(now)
        change_rate(shard, 7.0, now - delay)
        assert account(shard, ALICE)["interest_rate"] == (7.0 if is_changed else 5.5)
        assert len(sent(shard, "AccountUpdate")) == is_changed

    def test_who(self, shard: Shard) -> None:
        open_books(shard, {ALICE: 0})
        delete_account(shard, ALICE, NOW + SECOND)
        shard.set_now(LATER)
        before = everything(shard)
        for creditor_id in (ALICE, ROOT, 77):
            change_rate(shard, 7.0, LATER, creditor_id)
        assert everything(shard) == before


class TestUpdateDebtorInfo:
    """UpdateDebtorInfo."""

    def test_info_is_changed(self, shard: Shard) -> None:
        open_books(shard, {ALICE: 1000}, rate=100.0)
        before = account(shard, ALICE)
        shard.set_now(NOW + YEAR)
        shard.perform_chore(builders.chore("UpdateDebtorInfo", ALICE, **INFO, ts=NOW + YEAR))
        assert account(shard, ALICE) == {
            **before,
            **INFO,
            "interest": 1000,
            "last_change_ts": NOW + YEAR,
            "last_change_seqnum": before["last_change_seqnum"] + 1,
            "pending_account_update": False,
            "last_heartbeat_ts": NOW + YEAR,
        }
        (update,) = shard.take_messages()
        assert update.items() >= {**INFO, "interest": 1000.0}.items()

    @pytest.mark.parametrize(
        "change",
        [
            {"debtor_info_iri": "https://example.com/½"},
            {"debtor_info_content_type": ""},
            {"debtor_info_sha256": b""},
            {"debtor_info_sha256": b"\xff" * 32},
        ],
    )
    def test_each_part_counts(self, shard: Shard, change: Message) -> None:
        open_books(shard, {ALICE: 0})
        for info in (INFO, INFO, {**INFO, **change}):
            shard.perform_chore(builders.chore("UpdateDebtorInfo", ALICE, **info, ts=NOW))
        assert account(shard, ALICE).items() >= {**INFO, **change}.items()
        assert len(shard.take_messages()) == 2

    @pytest.mark.parametrize(("delay", "is_changed"), [(DAY, True), (DAY + MICROSECOND, False)])
    def test_when(self, shard: Shard, delay: timedelta, is_changed: bool) -> None:
        open_books(shard, {ALICE: 0})
        shard.perform_chore(builders.chore("UpdateDebtorInfo", ALICE, **INFO, ts=NOW - delay))
        assert len(shard.take_messages()) == is_changed

    def test_who(self, shard: Shard) -> None:
        open_books(shard, {ALICE: 0})
        delete_account(shard, ALICE, NOW + SECOND)
        before = everything(shard)
        for creditor_id in (ALICE, ROOT, 77):
            shard.perform_chore(builders.chore("UpdateDebtorInfo", creditor_id, **INFO, ts=NOW))
        assert everything(shard) == before


class TestCapitalizeInterest:
    """CapitalizeInterest."""

    def test_interest_becomes_principal(self, shard: Shard) -> None:
        open_books(shard, {ALICE: 1001}, rate=21.0)
        before = account(shard, ALICE)
        shard.set_now(NOW + YEAR / 2)
        shard.perform_chore(builders.chore("CapitalizeInterest", ALICE))
        # 1001 has become 1101.1
        assert account(shard, ALICE) == {
            **before,
            "principal": 1101,
            "interest": Decimal("0.1"),
            "last_interest_capitalization_ts": NOW + YEAR / 2,
            "last_change_ts": NOW + YEAR / 2,
            "last_change_seqnum": before["last_change_seqnum"] + 1,
            "last_transfer_number": 2,
            "last_transfer_committed_at": NOW + YEAR / 2,
            "pending_account_update": True,
        }
        (transfer,) = shard.take_messages()
        assert (
            transfer.items()
            >= {
                "type": "AccountTransfer",
                "coordinator_type": "interest",
                "acquired_amount": 100,
                "principal": 1101,
                "sender": "0",
                "recipient": str(ALICE),
                "transfer_note": "",
                "transfer_note_format": "",
                "committed_at": NOW + YEAR / 2,
                "previous_transfer_number": 1,
            }.items()
        )
        shard.process_balance_changes()
        assert account(shard, ROOT)["principal"] == -1101

    @pytest.mark.parametrize(
        ("interest", "principal", "rest"),
        [
            (Decimal("-0.5"), 99, Decimal("0.5")),
            (Decimal(-7), 93, Decimal(0)),
            (Decimal("-200.25"), -101, Decimal("0.75")),
            (Decimal("0.99999999999999999999"), 100, Decimal("0.99999999999999999999")),
        ],
    )
    def test_interest_is_rounded_down(
        self, shard: Shard, interest: Decimal, principal: int, rest: Decimal
    ) -> None:
        open_books(shard, {ALICE: 100})
        shard.update_account(DEBTOR, ALICE, interest=interest)
        shard.set_now(NOW + 14 * DAY)
        shard.perform_chore(builders.chore("CapitalizeInterest", ALICE))
        alice = account(shard, ALICE)
        assert (alice["principal"], alice["interest"]) == (principal, rest)
        shard.process_balance_changes()
        assert account(shard, ROOT)["principal"] == -principal
        transfers = sent(shard, "AccountTransfer")
        assert [m["acquired_amount"] for m in transfers] == [principal - 100] * (principal != 100)
        for transfer in transfers:
            assert (transfer["sender"], transfer["recipient"]) == (str(ALICE), "0")

    def test_negligible_interest_is_not_reported(self, shard: Shard) -> None:
        open_books(shard, {ALICE: 1000}, rate=100.0)
        shard.update_account(DEBTOR, ALICE, negligible_amount=1000.0)
        shard.set_now(NOW + YEAR)
        shard.perform_chore(builders.chore("CapitalizeInterest", ALICE))
        assert account(shard, ALICE)["principal"] == 2000
        assert sent(shard, "AccountTransfer") == []

    @pytest.mark.parametrize(
        ("principal", "interest", "capitalized", "rest"),
        [
            (MAX_INT64 - 10, Decimal("15.5"), MAX_INT64, Decimal("5.5")),
            (MAX_INT64, Decimal("15.5"), MAX_INT64, Decimal("15.5")),
            (-MAX_INT64 + 10, Decimal("-15.5"), -MAX_INT64, Decimal("-5.5")),
            (-10, Decimal("1e36"), MAX_INT64 - 10, Decimal(10**36 - MAX_INT64)),
        ],
    )
    def test_what_does_not_fit_stays_interest(
        self,
        shard: Shard,
        principal: int,
        interest: Decimal,
        capitalized: int,
        rest: Decimal,
    ) -> None:
        open_books(shard, {ALICE: 0})
        shard.update_account(DEBTOR, ALICE, principal=principal, interest=interest)
        shard.set_now(NOW + 14 * DAY)
        shard.perform_chore(builders.chore("CapitalizeInterest", ALICE))
        alice = account(shard, ALICE)
        assert (alice["principal"], alice["interest"]) == (capitalized, rest)
        assert alice["status_flags"] == 0
        deltas = [r["principal_delta"] for r in shard.rows("pending_balance_change")]
        assert deltas == [principal - capitalized] * (principal != capitalized)

    def test_when(self, shard: Shard) -> None:
        open_books(shard, {ALICE: 1000}, rate=100.0)
        shard.set_now(NOW + 14 * DAY - MICROSECOND)
        before = everything(shard)
        shard.perform_chore(builders.chore("CapitalizeInterest", ALICE))
        assert everything(shard) == before
        shard.set_now(NOW + 14 * DAY)
        for _ in range(2):
            shard.perform_chore(builders.chore("CapitalizeInterest", ALICE))
        assert len(sent(shard, "AccountTransfer")) == 1

    def test_who(self, shard: Shard) -> None:
        open_books(shard, {ALICE: 100})
        delete_account(shard, ALICE, NOW + SECOND)
        shard.process_balance_changes()
        shard.update_account(DEBTOR, ROOT, principal=100)
        shard.set_now(NOW + YEAR)
        before = everything(shard)
        for creditor_id in (ALICE, ROOT, 77):
            shard.perform_chore(builders.chore("CapitalizeInterest", creditor_id))
        assert everything(shard) == before


class TestTryToDeleteAccount:
    """TryToDeleteAccount."""

    def attempt(
        self,
        shard: Shard,
        creditor_id: int = ALICE,
        *,
        config_flags: int = 1,
        negligible_amount: float = 0.0,
    ) -> bool:
        """Configure the account, and try to delete it. Returns whether that succeeds."""
        shard.receive(
            builders.configure_account(
                creditor_id,
                NOW + DAY,
                config_flags=config_flags,
                negligible_amount=negligible_amount,
            )
        )
        shard.take_messages()
        shard.perform_chore(builders.chore("TryToDeleteAccount", creditor_id))
        found = account(shard, creditor_id)
        assert found["last_deletion_attempt_ts"] > T0
        return bool(found["status_flags"] & 1)

    def test_rest_goes_to_the_debtor(self, shard: Shard) -> None:
        open_books(shard, {ALICE: 100})
        shard.update_account(DEBTOR, ALICE, interest=Decimal("0.25"), status_flags=2)
        before = account(shard, ALICE)
        shard.set_now(NOW + SECOND)
        assert self.attempt(shard, negligible_amount=100.0)
        assert account(shard, ALICE) == {
            **before,
            "principal": 0,
            "interest": 0,
            "status_flags": 3,
            "config_flags": 1,
            "negligible_amount": 100.0,
            "last_config_ts": NOW + DAY,
            "last_change_ts": NOW + SECOND,
            "last_change_seqnum": before["last_change_seqnum"] + 2,
            "last_transfer_number": 2,
            "last_transfer_committed_at": NOW + SECOND,
            "last_deletion_attempt_ts": NOW + SECOND,
            "last_heartbeat_ts": NOW + SECOND,
            "pending_account_update": False,
        }
        transfer, update = shard.take_messages()
        assert (
            transfer.items()
            >= {
                "type": "AccountTransfer",
                "coordinator_type": "delete",
                "acquired_amount": -100,
                "principal": 0,
                "sender": str(ALICE),
                "recipient": "0",
                "committed_at": NOW + SECOND,
            }.items()
        )
        assert (update["type"], update["principal"], update["interest"]) == ("AccountUpdate", 0, 0)
        assert update["last_transfer_number"] == 2
        shard.process_balance_changes()
        assert account(shard, ROOT)["principal"] == 0

    @pytest.mark.parametrize(
        ("principal", "interest", "negligible_amount", "is_deleted"),
        [
            (16777217, 0, 16777216.0, False),
            (16777216, Decimal("0.99"), 16777216.0, True),
            (9007199254740993, 0, 9007199254740992.0, False),
            (2**60 + 1, 0, float(2**60), False),
            (2**60, 0, float(2**60), True),
            (MAX_INT64, Decimal(10**30), 2.0**63, True),
            (MAX_INT64, 0, 9223372036854774784.0, False),
            (41, Decimal("-0.01"), 40.9, True),
            (41, 0, 40.9, False),
            (1, 0, 0.0, False),
            (0, Decimal("0.99"), 0.0, True),
            (0, 0, 0.0, True),
            (-5, 0, 0.0, True),
        ],
    )
    def test_owner_loses_no_more_than_is_negligible(
        self,
        shard: Shard,
        principal: int,
        interest: Decimal | int,
        negligible_amount: float,
        is_deleted: bool,
    ) -> None:
        open_books(shard, {ALICE: 0})
        shard.update_account(DEBTOR, ALICE, principal=principal, interest=interest)
        found = self.attempt(shard, negligible_amount=negligible_amount)
        assert found is is_deleted
        changes = shard.rows("pending_balance_change")
        assert [r["principal_delta"] for r in changes] == (
            [principal] * (is_deleted and principal != 0)
        )

    @pytest.mark.parametrize(("negligible_amount", "is_reported"), [(5.0, False), (4.0, True)])
    def test_debt_is_forgiven(
        self, shard: Shard, negligible_amount: float, is_reported: bool
    ) -> None:
        open_books(shard, {ALICE: 0})
        shard.update_account(DEBTOR, ALICE, principal=-5)
        assert self.attempt(shard, negligible_amount=negligible_amount)
        transfers = sent(shard, "AccountTransfer")
        assert [m["acquired_amount"] for m in transfers] == [5] * is_reported

    def test_pending_transfer_forbids_it(self, shard: Shard) -> None:
        open_books(shard, {ALICE: 0, BOB: 0})
        prepare(shard, ALICE, BOB, 0)
        before = account(shard, ALICE)
        assert not self.attempt(shard)
        assert shard.take_messages() == []
        assert account(shard, ALICE)["last_change_seqnum"] == before["last_change_seqnum"] + 1

    def test_account_that_is_not_scheduled_for_deletion_stays(self, shard: Shard) -> None:
        open_books(shard, {ALICE: 0})
        assert not self.attempt(shard, config_flags=2)

    @pytest.mark.parametrize(("principal", "is_deleted"), [(0, True), (1, False), (-1, False)])
    def test_root_account(self, shard: Shard, principal: int, is_deleted: bool) -> None:
        configure_root(shard)
        shard.update_account(DEBTOR, ROOT, principal=principal)
        assert self.attempt(shard, ROOT, negligible_amount=1e30) is is_deleted
        assert len(shard.take_messages()) == is_deleted

    def test_deleted_account_is_not_deleted_again(self, shard: Shard) -> None:
        open_books(shard, {ALICE: 0})
        delete_account(shard, ALICE, NOW + SECOND)
        shard.set_now(NOW + DAY)
        before = everything(shard)
        shard.perform_chore(builders.chore("TryToDeleteAccount", ALICE))
        shard.perform_chore(builders.chore("TryToDeleteAccount", 77))
        assert everything(shard) == before
