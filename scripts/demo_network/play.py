"""A currency's life in the network: the demo's steps, and in between one node joins and leaves."""

import argparse
import sys
import time

from agentkit.messages import configure, prepare
from scripts.demo_agents.agents import Account, Agents, make_accounts, random_id
from scripts.demo_agents.configuring import (
    change_negligible_amount,
    look_at_balance,
    open_account,
)
from scripts.demo_agents.conversation import Conversation
from scripts.demo_agents.plan import NEGLIGIBLE_AMOUNT, make_plan
from scripts.demo_agents.play import play_steps, print_result
from scripts.demo_agents.steps import Step, Talk
from scripts.demo_agents.transferring import pay
from scripts.demo_network.network import AgentNode, Network, say
from scripts.demo_network.page import AUTHORITY_ID

# The first debtors agent has the first 256th of the authority's ids.
_DEBTOR_IDS = (int(AUTHORITY_ID, 16) << 32, 24)
_SUBNET_BITS = 40
_GUEST = "Dora"
_LEGEND = """
The last columns are the medians of the parts of the way, in ms: over STOMP to the authority, in it,
and over STOMP back to the agent. (What an agent does in between counts as in it.)"""
_PAID, _LOCKED = 100, 40


class Guest:
    """Somebody at the node that joins, and leaves."""

    def __init__(self, network: Network, agents: Agents) -> None:
        self._network = network
        self._agents = agents
        self._node: AgentNode | None = None

    def steps(self) -> list[Step]:
        """Their talks are begun when their turn comes."""
        names = {
            "A fourth node joins": self._joins,
            "It is deactivated": self._leaves,
            "The others go on": self._others_pay,
        }
        steps = []
        for name, talk in names.items():
            step = Step(name)
            step.talks = [talk(step)]
            steps.append(step)
        return steps

    def _joins(self, step: Step) -> Talk:
        agents = self._agents
        self._node = self._network.join()
        assert self._node.speaker is not None
        assert self._node.speaker.subnets is not None
        subnet = int(self._node.speaker.subnets[1], 16) << _SUBNET_BITS
        guest = Account(_GUEST, agents.debtor.debtor_id, random_id(subnet, _SUBNET_BITS))
        agents.creditors.append(guest)
        _, boris, chiara, _ = agents.creditors
        yield from open_account(agents, step, guest)
        yield from change_negligible_amount(agents, step, guest, NEGLIGIBLE_AMOUNT)
        yield from pay(agents, step, chiara, guest, 2 * _PAID, "welcome")
        yield from pay(agents, step, guest, boris, _PAID, "thank you")
        yield from look_at_balance(agents, step, guest)

    def _leaves(self, step: Step) -> Talk:
        """It has locked an amount, and is gone before it hears of it."""
        network, node, guest = self._network, self._node, self._agents.creditors[-1]
        conversation = self._agents.conversation
        assert node is not None
        say("the fourth node is deactivated")
        network.stop_client_of(node)
        request = prepare(*guest.ids, self._agents.creditors[0].creditor_id, _LOCKED)
        conversation.send(request)
        fields = {"coordinator_request_id": request["coordinator_request_id"]}
        conversation.wait(lambda: network.post.has_left("PreparedTransfer", **fields))
        began = time.monotonic()
        network.deactivate(node)
        network.wait_refused(node, lambda: conversation.send(configure(*guest.ids)))
        step.took("(deactivate)", "its connection ends", time.monotonic() - began)
        began = time.monotonic()
        network.drain(node)
        step.took("(the drainer answers)", "nothing is locked", time.monotonic() - began)
        conversation.wait(lambda: network.post.has_left("FinalizedTransfer", **fields))
        yield from ()

    def _others_pay(self, step: Step) -> Talk:
        ana, boris, *_ = self._agents.creditors
        yield from pay(self._agents, step, ana, boris, _PAID, "without it")


def play(options: argparse.Namespace, network: Network, *, with_guest: bool) -> bool:
    """Does everything, and returns whether all went well."""
    debtor, *creditors = make_accounts(_DEBTOR_IDS)
    post = network.post
    conversation = Conversation(post.send, post, options.timeout)
    agents = Agents(conversation, debtor, creditors)
    steps = make_plan(agents, network.authority.web_url, options.transfers, with_malformed=False)
    if with_guest:
        steps[-1:-1] = Guest(network, agents).steps()
    play_steps(agents, steps)
    for step in steps:
        post.note_hops(step)
    steps[-1].problems += post.faults
    is_right = print_result(options, steps, agents, [_LEGEND])
    if not is_right:
        sys.stderr.write(f"{network.logs()}\n")
    return is_right
