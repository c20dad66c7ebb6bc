"""The steps of the demo: what counts as wrong, and how times are summed up."""

import pika

from agentkit.keys import hex_key
from agentkit.messages import Message, encode
from agentkit.received import Received
from scripts.demo_agents.agents import make_accounts
from scripts.demo_agents.conversation import PREFIXES
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


def test_the_queue_that_stays_takes_what_comes_for_the_accounts() -> None:
    keys = tuple(key.removesuffix("#") for _, key in PREFIXES)
    debtor, *creditors = make_accounts()

    assert hex_key(debtor.debtor_id).startswith(keys[0])
    assert all(hex_key(one.creditor_id).startswith(keys[1]) for one in creditors)
