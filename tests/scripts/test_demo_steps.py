"""The steps of the demo: what counts as wrong, and how times are summed up."""

import pika

from agentkit.messages import Message, encode
from agentkit.received import Received
from scripts.demo_agents.steps import Step

FINALIZED = {
    "type": "FinalizedTransfer",
    "committed_amount": 0,
    "status_code": "TIMEOUT",
    "prepared_at": "2024-05-20T13:15:09Z",
}


def answer(message: Message) -> Received:
    return Received("to_coordinators", "", pika.BasicProperties(), encode(message))


def test_a_wrong_value_makes_a_step_wrong() -> None:
    step = Step("Pay", is_done=True)

    assert step.check(answer(FINALIZED), "FinalizedTransfer", {"status_code": "OK"})

    assert step.problems == ["FinalizedTransfer: status_code: expected 'OK', came 'TIMEOUT'"]
    assert step.result == "WRONG"


def test_another_message_makes_a_step_wrong() -> None:
    step = Step("Pay", is_done=True)

    assert not step.check(answer(FINALIZED), "PreparedTransfer", {"locked_amount": 0})

    assert step.problems == ["expected PreparedTransfer, came FinalizedTransfer TIMEOUT"]
