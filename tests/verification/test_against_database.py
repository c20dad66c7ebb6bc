"""The stored procedures do what the oracle says, whatever happens in whatever order.

Random sequences of messages, stages, chores, scans and leaps in time go to both. After every
step everything that they remember, and everything that they send, must be the same.

`DATABASE_MODEL_EXAMPLES` sets the number of sequences for each of the worlds (20 by default),
`DATABASE_MODEL_STEPS` the number of steps in each (30 by default). `./dev verify model` has more.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar, cast

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from swpt_accounts.db.connection import connect
from swpt_accounts.settings import load_settings
from verification.kit.shard import Shard
from verification.model import strategies
from verification.model.builders import NOW, ROOT
from verification.model.machine import ARCHIVE_THRESHOLD, NodesMachine
from verification.model.node import Node
from verification.model.state import Message

EXAMPLES_COUNT = int(os.environ.get("DATABASE_MODEL_EXAMPLES", "20"))
SETTINGS = settings(
    max_examples=EXAMPLES_COUNT,
    stateful_step_count=int(os.environ.get("DATABASE_MODEL_STEPS", "30")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


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


class Comparison(NodesMachine):
    """The oracle, and a database."""

    shard: ClassVar[Shard]

    def make_others(self) -> list[Node]:
        self.shard.set_now(NOW)
        self.shard.clear()
        return [self.shard]


class WideComparison(Comparison):
    """The same with more accounts, whose ids are at the limits."""

    world = strategies.WIDE_WORLD


class HonestComparison(Comparison):
    """The same where nobody can get into debt."""

    has_debts = False

    @invariant()
    def nobody_owes(self) -> None:
        """No creditor has paid what it did not have."""
        for account in self.shard.accounts():
            if account["creditor_id"] != ROOT:
                assert self.shard.balance(account, self.now) >= 0, account


class SteppingComparison(Comparison):
    """The same while the clock makes steps: nothing is lost or done twice."""

    @rule(step=st.sampled_from([timedelta(hours=1), timedelta(hours=-1)]))
    def step_clock(self, step: timedelta) -> None:
        self.pass_time(step)


class JournalledComparison(Comparison):
    """The same while each message is noted in the journal."""

    received_count = 0

    def make_others(self) -> list[Node]:
        others = super().make_others()
        self.shard.settings = msgspec.structs.replace(self.shard.settings, journal_days=30)
        return others

    def receive(self, *messages: Message) -> None:
        self.received_count += len(messages)
        super().receive(*messages)

    @invariant()
    def all_are_noted(self) -> None:
        found = self.shard.connection.raw.execute("SELECT count(*) FROM journal").fetchone()
        assert found == (self.received_count,)

    def teardown(self) -> None:
        self.shard.connection.raw.execute("DELETE FROM journal")
        self.shard.settings = msgspec.structs.replace(self.shard.settings, journal_days=0)
        super().teardown()


MACHINES = [
    Comparison,
    WideComparison,
    HonestComparison,
    SteppingComparison,
    JournalledComparison,
]


# A failure takes minutes to be reduced to what matters.
@pytest.mark.timeout(600 + 10 * EXAMPLES_COUNT)
@pytest.mark.parametrize("machine", MACHINES)
def test_stored_procedures_do_what_the_oracle_says(shard: Shard, machine: type[Comparison]) -> None:
    bound = cast(type[Comparison], type(machine.__name__, (machine,), {"shard": shard}))
    run_state_machine_as_test(bound, settings=SETTINGS)
