"""The steps of the demo: what counts as wrong, and how times are summed up."""

from datetime import UTC, datetime

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


def test_a_step_is_ok_when_it_is_done_and_nothing_was_wrong() -> None:
    step = Step("Pay")
    assert step.result == "not tried"

    moment = datetime(2024, 5, 20, 13, 15, 9, tzinfo=UTC)
    values = {"status_code": "TIMEOUT", "prepared_at": moment}
    assert step.check(answer(FINALIZED), "FinalizedTransfer", values)
    step.is_done = True

    assert step.result == "OK"


def test_a_wrong_value_makes_a_step_wrong() -> None:
    step = Step("Pay", is_done=True)

    assert step.check(answer(FINALIZED), "FinalizedTransfer", {"status_code": "OK"})

    assert step.problems == ["FinalizedTransfer: status_code: expected 'OK', came 'TIMEOUT'"]
    assert step.result == "WRONG"


def test_another_message_makes_a_step_wrong() -> None:
    step = Step("Pay", is_done=True)

    assert not step.check(answer(FINALIZED), "PreparedTransfer", {"locked_amount": 0})

    assert step.problems == ["expected PreparedTransfer, came FinalizedTransfer TIMEOUT"]


def test_times_are_summed_up() -> None:
    step = Step("Pay")
    for seconds in (0.004, 0.001, 0.002):
        step.took("PrepareTransfer", "PreparedTransfer", seconds)

    assert step.summary() == [
        {
            "sent": "PrepareTransfer",
            "received": "PreparedTransfer",
            "count": 3,
            "min_ms": 1.0,
            "median_ms": 2.0,
            "max_ms": 4.0,
        }
    ]
