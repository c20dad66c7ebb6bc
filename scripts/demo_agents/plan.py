"""The steps of the demo, in order."""

import os

from scripts.demo_agents.agents import ISSUED_AT_ONCE, LIMIT, Account, Agents
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

_NEGLIGIBLE_AMOUNT = 1.5
# More than is negligible, so that both sides get a message about each payment.
_AMOUNTS = (2, 30, 7, 11, 5)


def make_plan(
    agents: Agents, api_url: str, transfers: int, *, with_malformed: bool
) -> list[Step]:
    """Makes the steps; `transfers` is how many payments there are between creditors."""
    lone = (transfers + 1) // 2
    steps = [
        *_opening(agents),
        _fetching(agents, api_url),
        _issuing(agents),
        _paying(agents, "Pay one by one", 0, lone),
        _paying(agents, "Pay all at once", lone, transfers - lone, at_once=True),
        _returning(agents),
        _dismissing(agents),
        _refusing(agents),
        _failing(agents),
        _misconfiguring(agents),
        *([_malformed(agents)] if with_malformed else []),
        _balancing(agents),
    ]
    return [step for step in steps if step.talks]


def _opening(agents: Agents) -> list[Step]:
    currency = Step("Open a currency")
    currency.talks = [open_account(agents, currency, agents.debtor)]
    accounts = Step("Open accounts")
    accounts.talks = [open_account(agents, accounts, account) for account in agents.creditors]
    hearing = Step("Reconfigure")
    hearing.talks = [
        change_negligible_amount(agents, hearing, account, _NEGLIGIBLE_AMOUNT)
        for account in agents.creditors
    ]
    return [currency, accounts, hearing]


def _fetching(agents: Agents, api_url: str) -> Step:
    step = Step("Fetch API")
    step.talks = [
        ask_about(agents, step, api_url, account.creditor_id, account.config_data)
        for account in (agents.debtor, *agents.creditors)
    ]
    step.talks.append(ask_about(agents, step, api_url, nobodys_id(), None))
    return step


def _issuing(agents: Agents) -> Step:
    step = Step("Issue money")
    step.talks = [
        pay(agents, step, agents.debtor, account, ISSUED_AT_ONCE, f"new money for {account.name}")
        for account in agents.creditors
    ]
    return step


def _paying(agents: Agents, name: str, start: int, count: int, *, at_once: bool = False) -> Step:
    step = Step(name, at_once=at_once)
    numbers = range(start, start + count)
    step.talks = [_payment(agents, step, number) for number in numbers]
    return step


def _payment(agents: Agents, step: Step, number: int) -> Talk:
    creditors = agents.creditors
    sender = creditors[number % len(creditors)]
    # In turn to the one, and to the other of the two neighbours.
    recipient = creditors[(number + 1 + number % 2) % len(creditors)]
    amount = _AMOUNTS[number % len(_AMOUNTS)]
    return pay(agents, step, sender, recipient, amount, f"für Äpfel, Nr. {number + 1}")


def _returning(agents: Agents) -> Step:
    step = Step("Pay back")
    step.talks = [pay(agents, step, agents.creditors[1], agents.debtor, 1000, "back to the debtor")]
    return step


def _dismissing(agents: Agents) -> Step:
    step = Step("Dismissal")
    step.talks = [dismiss(agents, step, agents.creditors[0], agents.creditors[1], 500)]
    return step


def _refusing(agents: Agents) -> Step:
    step = Step("Refusals")
    sender, other = agents.creditors[:2]
    nobody = str(nobodys_id())
    insufficient = "INSUFFICIENT_AVAILABLE_AMOUNT"
    unreachable = "RECIPIENT_IS_UNREACHABLE"
    step.talks = [
        refuse(agents, step, sender, other.account_id, 2 * LIMIT, insufficient),
        refuse(agents, step, agents.debtor, other.account_id, LIMIT, insufficient),
        refuse(agents, step, sender, nobody, 10, unreachable),
        refuse(agents, step, sender, f"0{other.account_id}", 10, unreachable),
        refuse(agents, step, sender, sender.account_id, 10, "RECIPIENT_SAME_AS_SENDER"),
    ]
    return step


def _failing(agents: Agents) -> Step:
    step = Step("Failed commits")
    accounts = (agents.creditors[0], agents.creditors[2])
    insufficient = "INSUFFICIENT_AVAILABLE_AMOUNT"
    step.talks = [
        fail_to_commit(agents, step, accounts, 10, "TIMEOUT", max_commit_delay=0),
        fail_to_commit(agents, step, accounts, 2 * LIMIT, insufficient),
    ]
    return step


def _misconfiguring(agents: Agents) -> Step:
    step = Step("Wrong config")
    wrong_limit = '{"type": "RootConfigData", "rate": 3.5, "limit": 10.7}'
    step.talks = [
        misconfigure(agents, step, agents.creditors[0], "nonsense"),
        misconfigure(agents, step, agents.debtor, wrong_limit),
    ]
    return step


def _malformed(agents: Agents) -> Step:
    step = Step("Malformed")
    step.talks = [send_malformed(agents, step, agents.creditors[0])]
    queue = os.environ.get("PROTOCOL_BROKER_QUEUE") or "swpt_accounts"
    step.remark = (
        f"Nobody answers the malformed message: it goes to the queue {queue}.XQ, and stays there:"
        " ./dev run dead_letters show says why, and ./dev run dead_letters discard takes it away."
    )
    return step


def _balancing(agents: Agents) -> Step:
    step = Step("Close the books")
    accounts: list[Account] = [agents.debtor, *agents.creditors]
    step.talks = [look_at_balance(agents, step, account) for account in accounts]
    return step
