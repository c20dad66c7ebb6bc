"""The coordinator of the kit answers what it hears, and notes all of it."""

from typing import Any

import pika
import pytest

from agentkit.coordinator import Coordinator, Transfer
from agentkit.messages import Message, encode
from agentkit.received import Received

DEBTOR, ANA, BORIS = 5, 11, 12


def received(message_type: str, **fields: Any) -> Received:
    data = {"type": message_type, "debtor_id": DEBTOR, **fields}
    return Received("", "", pika.BasicProperties(type=message_type), encode(data))


def about(transfer: Transfer, message_type: str, **fields: Any) -> Received:
    """A message to the coordinator of a transfer."""
    names = ("creditor_id", "coordinator_type", "coordinator_id", "coordinator_request_id")
    return received(message_type, **{**{n: transfer.request[n] for n in names}, **fields})


def reported(creditor_id: int, transfer: Transfer, amount: int) -> Received:
    """The message to an owner of an account."""
    return received(
        "AccountTransfer",
        creditor_id=creditor_id,
        coordinator_type="direct",
        acquired_amount=amount,
        transfer_note=str(transfer.request_id),
    )


class Agents:
    """A coordinator that decides as the test wants."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.decision: int | None = 30
        self.coordinator = Coordinator(DEBTOR, self.sent.append, lambda _: self.decision)

    def take(self, *messages: Received) -> None:
        for message in messages:
            self.coordinator.take(message)


@pytest.fixture
def agents() -> Agents:
    return Agents()


@pytest.fixture
def transfer(agents: Agents) -> Transfer:
    """A transfer of 30 that was asked for."""
    return agents.coordinator.ask(ANA, BORIS, 30)


def test_a_transfer_is_asked_for(agents: Agents, transfer: Transfer) -> None:
    (request,) = agents.sent
    assert (request["type"], request["creditor_id"], request["recipient"]) == (
        "PrepareTransfer",
        ANA,
        str(BORIS),
    )
    assert agents.coordinator.transfers == {request["coordinator_request_id"]: transfer}
    assert (transfer.sender, transfer.recipient, transfer.committed_amount) == (ANA, BORIS, 0)
    assert not transfer.is_done


def test_it_is_done_when_both_owners_know(agents: Agents, transfer: Transfer) -> None:
    agents.take(about(transfer, "PreparedTransfer", transfer_id=1))
    assert agents.sent[1]["type"] == "FinalizeTransfer"
    assert agents.sent[1]["committed_amount"] == transfer.committed_amount == 30
    agents.take(about(transfer, "FinalizedTransfer", transfer_id=1, status_code="OK"))
    is_done = []
    for message in (reported(ANA, transfer, -30), reported(BORIS, transfer, 30)):
        agents.take(message)
        is_done.append(transfer.is_done)
    assert is_done == [False, True]
    assert transfer.expected_account_transfers == [(ANA, -30), (BORIS, 30)]


def test_nobody_tells_the_debtor(agents: Agents) -> None:
    transfer = agents.coordinator.ask(0, BORIS, 30)
    agents.take(about(transfer, "PreparedTransfer", transfer_id=1))
    assert transfer.expected_account_transfers == [(BORIS, 30)]


def test_what_is_dismissed_moves_no_money(agents: Agents, transfer: Transfer) -> None:
    agents.decision = 0
    agents.take(about(transfer, "PreparedTransfer", transfer_id=1))
    assert agents.sent[1]["committed_amount"] == 0
    agents.take(about(transfer, "FinalizedTransfer", transfer_id=1, status_code="OK"))
    assert transfer.is_done
    assert transfer.expected_account_transfers == []


def test_a_rejected_transfer_is_done(agents: Agents, transfer: Transfer) -> None:
    rejected = about(transfer, "RejectedTransfer", status_code="TIMEOUT")
    agents.take(rejected)
    assert transfer.is_done
    assert transfer.outcomes == [rejected.data]


def test_a_transfer_can_be_held_back(agents: Agents, transfer: Transfer) -> None:
    agents.decision = None
    agents.take(about(transfer, "PreparedTransfer", transfer_id=1))
    assert (transfer.is_held, len(agents.sent)) == (True, 1)
    agents.coordinator.finalize(transfer, 7)
    assert (transfer.is_held, len(agents.sent)) == (False, 2)
    assert agents.sent[1]["committed_amount"] == 7


def test_what_comes_again_is_noted_and_not_answered(agents: Agents, transfer: Transfer) -> None:
    prepared = about(transfer, "PreparedTransfer", transfer_id=1)
    agents.take(prepared, prepared)
    assert len(transfer.prepared) == 2
    assert len(agents.sent) == 2
    assert not agents.coordinator.extra_transfer_ids


def test_what_is_prepared_a_second_time_is_dismissed_once(
    agents: Agents, transfer: Transfer
) -> None:
    extra = about(transfer, "PreparedTransfer", transfer_id=2)
    agents.take(about(transfer, "PreparedTransfer", transfer_id=1), extra, extra)
    assert [(m["transfer_id"], m["committed_amount"]) for m in agents.sent[1:]] == [(1, 30), (2, 0)]
    assert agents.coordinator.extra_transfer_ids == {(ANA, 2)}
    agents.take(about(transfer, "FinalizedTransfer", transfer_id=2))
    assert transfer.finalized == []


def test_messages_of_others_are_left_alone(agents: Agents, transfer: Transfer) -> None:
    foreign = about(transfer, "PreparedTransfer", transfer_id=1, debtor_id=DEBTOR + 1)
    agents.take(foreign, received("AccountUpdate"))
    assert transfer.prepared == []
    assert len(agents.sent) == 1


def test_what_nobody_has_asked_for_is_an_error(agents: Agents, transfer: Transfer) -> None:
    stray = about(transfer, "PreparedTransfer", transfer_id=1, coordinator_request_id=-1)
    with pytest.raises(LookupError):
        agents.take(stray)
