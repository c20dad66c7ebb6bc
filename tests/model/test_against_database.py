"""The stored procedures do what the oracle says, whatever happens in whatever order.

Random sequences of messages, stages, chores, scans and leaps in time go to both. After every
step everything that they remember, and everything that they send, must be the same.

`DATABASE_MODEL_EXAMPLES` sets the number of sequences for each of the worlds (40 by default),
`DATABASE_MODEL_STEPS` the number of steps in each (30 by default). A thorough run:

    DATABASE_MODEL_EXAMPLES=2000 DATABASE_MODEL_STEPS=60 pytest tests/model
"""

import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from swpt_accounts.db.connection import connect
from swpt_accounts.settings import load_settings
from tests.db.shard import Shard

from . import database_invariants, moves, strategies
from .builders import DAY, NOW
from .comparing import compare_chores, compare_messages, compare_states
from .money import is_later_seqnum
from .oracle import Authority
from .state import AccountKey, Message, Params

ARCHIVE_THRESHOLD = NOW - 30 * DAY
EXAMPLES_COUNT = int(os.environ.get("DATABASE_MODEL_EXAMPLES", "40"))
SETTINGS = settings(
    max_examples=EXAMPLES_COUNT,
    stateful_step_count=int(os.environ.get("DATABASE_MODEL_STEPS", "30")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
Version = tuple[date, datetime, int]


@pytest.fixture(scope="module")
def shard(database_url: str) -> Iterator[Shard]:
    """A database whose settings are those of the oracle."""
    its_settings = load_settings(
        {
            "SQLALCHEMY_DATABASE_URI": database_url,
            "REMOVE_FROM_ARCHIVE_THRESHOLD_DATE": ARCHIVE_THRESHOLD.isoformat(),
        }
    )
    connection = connect(its_settings, "test")
    yield Shard(connection, its_settings)
    connection.close()


class Comparison(RuleBasedStateMachine):
    """Anything, in any order, while time goes on."""

    world = strategies.SMALL_WORLD
    # Whether changes from other shards may take money from an account that does not have it.
    has_debts = True

    def __init__(self, shard: Shard) -> None:
        super().__init__()
        self.authority = Authority(Params(archive_threshold=ARCHIVE_THRESHOLD))
        self.shard = shard
        self.now = NOW
        self.versions: dict[AccountKey, Version] = {}
        self.transfer_numbers: dict[tuple[AccountKey, date], int] = {}
        shard.set_now(self.now)
        shard.clear()

    def receive(self, *messages: Message) -> None:
        """Let both receive a batch of messages, in the order in which a batch is handled."""
        receivers = {
            "ConfigureAccount": self.authority.configure_account,
            "FinalizeTransfer": self.authority.finalize_transfer,
            "PrepareTransfer": self.authority.prepare_transfer,
            "PendingBalanceChange": self.authority.receive_pending_balance_change,
        }
        for message_type, receive in receivers.items():
            batch = [m for m in messages if m["type"] == message_type]
            if message_type == "ConfigureAccount":
                batch.sort(key=lambda m: (m["debtor_id"], m["creditor_id"]))
            for message in batch:
                receive(message, self.now)
        self.shard.receive(*messages)

    @initialize(data=st.data())
    def open_accounts(self, data: st.DataObject) -> None:
        messages = data.draw(strategies.opening_messages(self.now, self.world))
        # The root accounts come first: the others start with their interest rates.
        for message in messages:
            self.receive(message)
        self.process_balance_changes()

    @rule(step=strategies.TIME_STEPS)
    def pass_time(self, step: timedelta) -> None:
        self.now += step
        self.shard.set_now(self.now)

    @rule(data=st.data())
    def wait_for_something(self, data: st.DataObject) -> None:
        self.pass_time(data.draw(moves.turning_points(self.authority, self.now)))

    def draw_message(self, data: st.DataObject) -> Message:
        kinds = [
            strategies.configure_account_messages(self.now, self.world),
            strategies.prepare_transfer_messages(self.now, self.world),
            strategies.pending_balance_change_messages(self.now, self.world),
        ]
        if self.authority.prepared:
            prepared = list(self.authority.snapshot()["prepared"].values())
            kinds.append(strategies.finalize_transfer_messages(self.now, prepared))
        message = data.draw(st.sampled_from(kinds).flatmap(lambda kind: kind))
        if message["type"] == "PendingBalanceChange" and not self.has_debts:
            message["principal_delta"] = abs(message["principal_delta"])
        return message

    @rule(data=st.data(), count=st.integers(1, 4))
    def receive_batch(self, data: st.DataObject, count: int) -> None:
        self.receive(*[self.draw_message(data) for _ in range(count)])

    @rule(data=st.data(), count=st.integers(1, 5))
    def prepare_transfers(self, data: st.DataObject, count: int) -> None:
        messages = moves.preparations(self.now, self.world)
        self.receive(*[data.draw(messages) for _ in range(count)])
        self.process_transfer_requests()

    @precondition(lambda self: self.authority.prepared)
    @rule(data=st.data())
    def finalize_transfers(self, data: st.DataObject) -> None:
        self.receive(*data.draw(moves.finalizations(self.authority, self.now)))
        self.process_finalization_requests()

    @rule(data=st.data(), count=st.integers(1, 5))
    def trade(self, data: st.DataObject, count: int) -> None:
        self.prepare_transfers(data, count)
        if self.authority.prepared:
            self.finalize_transfers(data)

    @rule(data=st.data())
    def delete_account(self, data: st.DataObject) -> None:
        configuration, chore = data.draw(moves.farewells(self.now, self.world))
        self.receive(configuration)
        self.perform_chore(chore)

    @rule()
    def process_transfer_requests(self) -> None:
        self.authority.process_transfer_requests(self.now)
        self.shard.process_transfer_requests()

    @rule()
    def process_finalization_requests(self) -> None:
        self.authority.process_finalization_requests(self.now)
        self.shard.process_finalization_requests()

    @rule()
    def process_balance_changes(self) -> None:
        self.authority.process_balance_changes(self.now)
        self.shard.process_balance_changes()

    @rule()
    def process_everything(self) -> None:
        self.process_transfer_requests()
        self.process_finalization_requests()
        self.process_balance_changes()

    @rule(data=st.data())
    def perform_any_chore(self, data: st.DataObject) -> None:
        self.perform_chore(data.draw(strategies.chores(self.now, self.world)))

    def perform_chore(self, chore: Message) -> None:
        self.authority.perform_chore(chore, self.now)
        self.shard.perform_chore(chore)

    @rule(data=st.data())
    def scan_everything(self, data: st.DataObject) -> None:
        self.wait_for_something(data)
        chores = self.authority.scan_accounts(self.now)
        compare_chores(chores, self.shard.scan_accounts())
        self.authority.scan_prepared_transfers(self.now)
        self.shard.scan_prepared_transfers()
        self.authority.scan_registered_balance_changes(self.now)
        self.shard.scan_registered_balance_changes()
        for chore in chores:
            self.perform_chore(chore)

    @rule()
    def send_prompt_updates(self) -> None:
        self.authority.send_prompt_account_updates(self.now)
        self.shard.send_prompt_account_updates()

    @invariant()
    def both_are_the_same(self) -> None:
        messages = self.shard.take_messages()
        compare_messages(self.authority.outbox, messages)
        self.authority.check_invariants()
        self.authority.outbox.clear()
        compare_states(self.authority, self.shard)
        for message in messages:
            self.check_message(message)

    def check_message(self, message: Message) -> None:
        """Updates only go forward; the transfers of an account make a chain without a gap."""
        key = message["debtor_id"], message["creditor_id"]
        if message["type"] == "AccountUpdate":
            version = (
                message["creation_date"],
                message["last_change_ts"],
                message["last_change_seqnum"],
            )
            last = self.versions.get(key)
            assert last is None or not _is_later(last, version)
            self.versions[key] = version
        elif message["type"] == "AccountTransfer":
            chain = key, message["creation_date"]
            previous_number = self.transfer_numbers.get(chain, 0)
            assert message["previous_transfer_number"] == previous_number
            assert message["transfer_number"] > previous_number
            self.transfer_numbers[chain] = message["transfer_number"]

    @invariant()
    def books_are_in_order(self) -> None:
        received = self.authority.received
        database_invariants.check_books(self.shard, received, self.authority.cut)
        # what operators are told
        if not any(received.values()):
            assert self.shard.connection.call_table("find_book_errors_v1", 0, 0, 1) == []
        if not self.has_debts:
            database_invariants.check_that_nobody_owes(self.shard, self.now)


def _is_later(version: Version, other: Version) -> bool:
    if version[:2] != other[:2]:
        return version[:2] > other[:2]
    return is_later_seqnum(version[2], other[2])


class WideComparison(Comparison):
    """The same with more accounts, whose ids are at the limits."""

    world = strategies.WIDE_WORLD


class HonestComparison(Comparison):
    """The same where nobody can get into debt."""

    has_debts = False


# A failure takes minutes to be reduced to what matters.
@pytest.mark.timeout(600 + 10 * EXAMPLES_COUNT)
@pytest.mark.parametrize("machine", [Comparison, WideComparison, HonestComparison])
def test_stored_procedures_do_what_the_oracle_says(shard: Shard, machine: type[Comparison]) -> None:
    run_state_machine_as_test(lambda: machine(shard), settings=SETTINGS)
