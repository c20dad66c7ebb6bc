"""Random sequences of operations leave the oracle's books in order."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from . import strategies
from .books import account, open_books, prepare
from .builders import ALICE, BOB, DAY, NOW
from .oracle import Authority
from .state import Params

ARCHIVE_THRESHOLD = NOW - 30 * DAY


class OracleMachine(RuleBasedStateMachine):
    """Anything, in any order, while time goes on."""

    world = strategies.SMALL_WORLD

    def __init__(self) -> None:
        super().__init__()
        self.authority = Authority(Params(archive_threshold=ARCHIVE_THRESHOLD))
        self.now = NOW

    @initialize(data=st.data())
    def open_accounts(self, data: st.DataObject) -> None:
        for message in data.draw(strategies.opening_messages(self.now, self.world)):
            if message["type"] == "ConfigureAccount":
                self.authority.configure_account(message, self.now)
            else:
                self.authority.receive_pending_balance_change(message, self.now)
        self.authority.process_balance_changes(self.now)

    @rule(step=strategies.TIME_STEPS)
    def pass_time(self, step: timedelta) -> None:
        self.now += step

    @rule(data=st.data())
    def configure_account(self, data: st.DataObject) -> None:
        message = data.draw(strategies.configure_account_messages(self.now, self.world))
        self.authority.configure_account(message, self.now)

    @rule(data=st.data(), at_once=st.booleans())
    def prepare_transfer(self, data: st.DataObject, at_once: bool) -> None:
        message = data.draw(strategies.prepare_transfer_messages(self.now, self.world))
        self.authority.prepare_transfer(message, self.now)
        if at_once:
            self.authority.process_transfer_requests(self.now)

    @precondition(lambda self: self.authority.prepared)
    @rule(data=st.data(), at_once=st.booleans())
    def finalize_transfer(self, data: st.DataObject, at_once: bool) -> None:
        prepared = list(self.authority.snapshot()["prepared"].values())
        message = data.draw(strategies.finalize_transfer_messages(self.now, prepared))
        self.authority.finalize_transfer(message, self.now)
        if at_once:
            self.authority.process_finalization_requests(self.now)

    @rule(data=st.data())
    def receive_pending_balance_change(self, data: st.DataObject) -> None:
        message = data.draw(strategies.pending_balance_change_messages(self.now, self.world))
        self.authority.receive_pending_balance_change(message, self.now)

    @rule()
    def process_transfer_requests(self) -> None:
        self.authority.process_transfer_requests(self.now)

    @rule()
    def process_finalization_requests(self) -> None:
        self.authority.process_finalization_requests(self.now)

    @rule()
    def process_balance_changes(self) -> None:
        self.authority.process_balance_changes(self.now)

    @rule()
    def process_everything(self) -> None:
        self.authority.process_transfer_requests(self.now)
        self.authority.process_finalization_requests(self.now)
        self.authority.process_balance_changes(self.now)

    @rule(data=st.data())
    def perform_chore(self, data: st.DataObject) -> None:
        self.authority.perform_chore(data.draw(strategies.chores(self.now, self.world)), self.now)

    @rule()
    def scan_everything(self) -> None:
        chores = self.authority.scan_accounts(self.now)
        self.authority.scan_prepared_transfers(self.now)
        self.authority.scan_registered_balance_changes(self.now)
        self.authority.send_prompt_account_updates(self.now)
        for chore in chores:
            self.authority.perform_chore(chore, self.now)

    @invariant()
    def books_are_in_order(self) -> None:
        self.authority.check_invariants()

    @invariant()
    def updates_go_forward(self) -> None:
        last: dict[tuple[int, int], tuple[date, datetime, int]] = {}
        for update in self.authority.outbox:
            if update["type"] == "AccountUpdate":
                key = update["debtor_id"], update["creditor_id"]
                version = (
                    update["creation_date"],
                    update["last_change_ts"],
                    update["last_change_seqnum"],
                )
                assert version >= last.get(key, version)
                last[key] = version
                assert update["ts"] >= update["last_change_ts"]


class WideOracleMachine(OracleMachine):
    """The same with more accounts, whose ids are at the limits."""

    world = strategies.WIDE_WORLD


SETTINGS = settings(max_examples=100, stateful_step_count=60, deadline=None, database=None)
TestOracle = OracleMachine.TestCase
TestOracle.settings = SETTINGS
TestWideOracle = WideOracleMachine.TestCase
TestWideOracle.settings = SETTINGS


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
