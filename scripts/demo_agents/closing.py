"""The end of the demo: everything that was said is compared."""

from datetime import datetime
from typing import Any

from agentkit.chains import link_of, link_problems
from agentkit.checks import field_problems
from agentkit.messages import Message
from scripts.demo_agents.agents import Account, Agents
from scripts.demo_agents.steps import Step


def close_books(agents: Agents, step: Step) -> None:
    """Notes whatever does not add up, and whatever came unasked."""
    for account in agents.creditors:
        transfers = _transfers_received(agents, account)
        problems = link_problems(map(link_of, transfers))
        problems += _check_last(account, transfers)
        step.problems += [f"{account.name}: {problem}" for problem in problems]
    balances = read_balances(agents)
    step.expect("what all the creditors hold", balances["in_circulation"], balances["sum_held"])
    step.problems += agents.conversation.unasked()


def read_balances(agents: Agents) -> dict[str, Any]:
    """The money there is, in units of the currency.

    What was issued and returned is known from FinalizedTransfer messages, and what creditors
    hold from their last AccountTransfer messages.
    """
    held = {account.name: _principal(agents, account) for account in agents.creditors}
    return {
        "issued": agents.issued,
        "returned": agents.returned,
        "in_circulation": agents.issued - agents.returned,
        "held": held,
        "sum_held": sum(held.values()),
    }


def _principal(agents: Agents, account: Account) -> int:
    transfers = _transfers_received(agents, account)
    return int(transfers[-1]["principal"]) if transfers else 0


def _transfers_received(agents: Agents, account: Account) -> list[Message]:
    """In the order of their numbers. The faults of the others are noted elsewhere."""
    start = ("transfer", *account.ids)
    received = agents.conversation.received
    transfers = [answer for key, answer in received.items() if key[:3] == start]
    right = [answer.data for answer in transfers if not field_problems(answer)]
    return sorted(right, key=lambda message: int(message["transfer_number"]))


def _check_last(account: Account, transfers: list[Message]) -> list[str]:
    """Compares the last AccountUpdate with the AccountTransfer messages."""
    if not transfers or account.update is None:
        return []
    last, update = transfers[-1], account.update
    pairs = {name: (last[name], update[name]) for name in ("creation_date", "principal")}
    pairs["transfer_number"] = (last["transfer_number"], update["last_transfer_number"])
    pairs["committed_at"] = (
        datetime.fromisoformat(last["committed_at"]),
        datetime.fromisoformat(update["last_transfer_committed_at"]),
    )
    return [
        f"the AccountTransfers end with {name} {expected}, and the AccountUpdate says {found}"
        for name, (expected, found) in pairs.items()
        if expected != found
    ]
