"""The steps of the demo, in order."""

from collections.abc import Callable, Iterable
from typing import Any

from scripts.demo_agents.agents import ISSUED_AT_ONCE, LIMIT, Agents
from scripts.demo_agents.configuring import (
    change_negligible_amount,
    look_at_balance,
    misconfigure,
    open_account,
    send_malformed,
)
from scripts.demo_agents.fetching import ask_about, nobodys_id
from scripts.demo_agents.steps import Step, Talk
from scripts.demo_agents.transferring import dismiss, fail_to_commit, pay, refuse

NEGLIGIBLE_AMOUNT = 1.5
# More than is negligible, so that both sides get a message about each payment.
_AMOUNTS = (2, 30, 7, 11, 5)


_MALFORMED_REMARK = (
    "Nobody answers the malformed message: it stays as a dead letter, which `status` reports."
    " ./dev run dead_letters list shows it, and ./dev run dead_letters discard removes it."
)
_INSUFFICIENT = "INSUFFICIENT_AVAILABLE_AMOUNT"
_UNREACHABLE = "RECIPIENT_IS_UNREACHABLE"
_WRONG_LIMIT = '{"type": "RootConfigData", "rate": 3.5, "limit": 10.7}'


def make_plan(agents: Agents, api_url: str, transfers: int, *, with_malformed: bool) -> list[Step]:
    """Makes the steps; `transfers` is how many payments there are between creditors."""
    creditors = agents.creditors
    ana, boris, chiara = creditors
    accounts = [agents.debtor, *creditors]
    steps: list[Step] = []

    def add(name: str, talks: Callable[[Step], list[Talk]], **attributes: Any) -> None:
        step = Step(name, **attributes)
        step.talks = talks(step)
        if step.talks:
            steps.append(step)

    lone = (transfers + 1) // 2
    add("Open a currency", lambda step: [open_account(agents, step, agents.debtor)])
    add("Open accounts", lambda step: [open_account(agents, step, one) for one in creditors])
    add(
        "Reconfigure",
        lambda step: [
            change_negligible_amount(agents, step, one, NEGLIGIBLE_AMOUNT) for one in creditors
        ],
    )
    add(
        "Fetch API",
        lambda step: [
            *(
                ask_about(agents, step, api_url, one.creditor_id, one.config_data)
                for one in accounts
            ),
            ask_about(agents, step, api_url, nobodys_id(), None),
        ],
    )
    add(
        "Issue money",
        lambda step: [
            pay(agents, step, agents.debtor, one, ISSUED_AT_ONCE, f"new money for {one.name}")
            for one in creditors
        ],
    )
    add("Pay one by one", lambda step: _payments(agents, step, range(lone)))
    add(
        "Pay all at once",
        lambda step: _payments(agents, step, range(lone, transfers)),
        at_once=True,
    )
    add("Pay back", lambda step: [pay(agents, step, boris, agents.debtor, 1000, "back")])
    add("Dismissal", lambda step: [dismiss(agents, step, ana, boris, 500)])
    add("Refusals", lambda step: _refusals(agents, step))
    add(
        "Failed commits",
        lambda step: [
            fail_to_commit(agents, step, (ana, chiara), 10, "TIMEOUT", max_commit_delay=0),
            fail_to_commit(agents, step, (ana, chiara), 2 * LIMIT, _INSUFFICIENT),
        ],
    )
    add(
        "Wrong config",
        lambda step: [
            misconfigure(agents, step, ana, "nonsense"),
            misconfigure(agents, step, agents.debtor, _WRONG_LIMIT),
        ],
    )
    if with_malformed:
        add("Malformed", lambda step: [send_malformed(agents, step, ana)], remark=_MALFORMED_REMARK)
    add("Close the books", lambda step: [look_at_balance(agents, step, one) for one in accounts])
    return steps


def _payments(agents: Agents, step: Step, numbers: Iterable[int]) -> list[Talk]:
    return [_payment(agents, step, number) for number in numbers]


def _payment(agents: Agents, step: Step, number: int) -> Talk:
    creditors = agents.creditors
    sender = creditors[number % len(creditors)]
    # In turn to the one, and to the other of the two neighbours.
    recipient = creditors[(number + 1 + number % 2) % len(creditors)]
    amount = _AMOUNTS[number % len(_AMOUNTS)]
    return pay(agents, step, sender, recipient, amount, f"für Äpfel, Nr. {number + 1}")


def _refusals(agents: Agents, step: Step) -> list[Talk]:
    sender, other = agents.creditors[:2]
    return [
        refuse(agents, step, sender, other.account_id, 2 * LIMIT, _INSUFFICIENT),
        refuse(agents, step, agents.debtor, other.account_id, LIMIT, _INSUFFICIENT),
        refuse(agents, step, sender, str(nobodys_id()), 10, _UNREACHABLE),
        refuse(agents, step, sender, f"0{other.account_id}", 10, _UNREACHABLE),
        refuse(agents, step, sender, sender.account_id, 10, "RECIPIENT_SAME_AS_SENDER"),
    ]
