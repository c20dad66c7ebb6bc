"""A machine that makes random moves at several nodes, and expects the same of all of them."""

from datetime import date, datetime, timedelta
from typing import cast

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from . import moves, strategies
from .builders import DAY, NOW
from .comparing import compare_chores, compare_messages, compare_states
from .money import is_later_seqnum
from .node import Node
from .oracle_node import OracleNode
from .state import AccountKey, Message, Params

ARCHIVE_THRESHOLD = NOW - 30 * DAY
Version = tuple[date, datetime, int]


class NodesMachine(RuleBasedStateMachine):
    """Anything, in any order, while time goes on.

    The first node is an oracle, which tells the moves that lead somewhere.
    """

    world = strategies.SMALL_WORLD
    # Whether changes from other shards may take money from an account that does not have it.
    has_debts = True

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.oracle = OracleNode(NOW, Params(archive_threshold=ARCHIVE_THRESHOLD))
        self.authority = self.oracle.authority
        self.nodes: list[Node] = [self.oracle, *self.make_others()]
        self.versions: dict[AccountKey, Version] = {}
        self.transfer_numbers: dict[tuple[AccountKey, date], int] = {}

    def make_others(self) -> list[Node]:
        """Empty nodes to do the same, whose clocks are set, and archive thresholds."""
        return []

    def receive(self, *messages: Message) -> None:
        """Let all receive a batch of messages."""
        for node in self.nodes:
            node.receive(*messages)

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
        for node in self.nodes:
            node.set_now(self.now)

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
            prepared = self.oracle.prepared_transfers()
            kinds.append(strategies.finalize_transfer_messages(self.now, prepared))
        message = cast(Message, data.draw(st.sampled_from(kinds).flatmap(lambda kind: kind)))
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
        for node in self.nodes:
            node.process_transfer_requests()

    @rule()
    def process_finalization_requests(self) -> None:
        for node in self.nodes:
            node.process_finalization_requests()

    @rule()
    def process_balance_changes(self) -> None:
        for node in self.nodes:
            node.process_balance_changes()

    @rule()
    def process_everything(self) -> None:
        self.process_transfer_requests()
        self.process_finalization_requests()
        self.process_balance_changes()

    @rule(data=st.data())
    def perform_any_chore(self, data: st.DataObject) -> None:
        self.perform_chore(data.draw(strategies.chores(self.now, self.world)))

    def perform_chore(self, chore: Message) -> None:
        for node in self.nodes:
            node.perform_chore(chore)

    @rule(data=st.data())
    def scan_everything(self, data: st.DataObject) -> None:
        self.wait_for_something(data)
        chores, *others = [node.scan_accounts() for node in self.nodes]
        for other_chores in others:
            compare_chores(chores, other_chores)
        for node in self.nodes:
            node.scan_prepared_transfers()
            node.scan_registered_balance_changes()
        for chore in chores:
            self.perform_chore(chore)

    @rule()
    def send_prompt_updates(self) -> None:
        assert len({node.send_prompt_account_updates() for node in self.nodes}) == 1

    @invariant()
    def all_are_the_same(self) -> None:
        messages, *others = [node.take_messages() for node in self.nodes]
        for other_messages in others:
            compare_messages(messages, other_messages)
        for node in self.nodes[1:]:
            compare_states(self.oracle, node)
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
            assert message["ts"] >= message["last_change_ts"]
            self.versions[key] = version
        elif message["type"] == "AccountTransfer":
            chain = key, message["creation_date"]
            previous_number = self.transfer_numbers.get(chain, 0)
            assert message["previous_transfer_number"] == previous_number
            assert message["transfer_number"] > previous_number
            self.transfer_numbers[chain] = message["transfer_number"]

    @invariant()
    def books_are_in_order(self) -> None:
        for node in self.nodes:
            node.check_books(self.authority.received, self.authority.cut)


def _is_later(version: Version, other: Version) -> bool:
    if version[:2] != other[:2]:
        return version[:2] > other[:2]
    return is_later_seqnum(version[2], other[2])
