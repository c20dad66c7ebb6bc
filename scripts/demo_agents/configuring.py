"""Talks about accounts: opening them, and changing how they work."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

from agentkit.messages import Message
from agentkit.messages import configure as configuration
from agentkit.received import Received
from scripts.demo_agents.agents import INTEREST_RATE, Account, Agents
from scripts.demo_agents.answers import Key
from scripts.demo_agents.books import is_later
from scripts.demo_agents.steps import Asking, Step, Talk

_MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)


def open_account(agents: Agents, step: Step, account: Account) -> Talk:
    """Opens an account, which must be empty."""
    answer = yield from configure(agents, step, account)
    if answer is None:
        return
    today = datetime.now(UTC).date()
    created_on = date.fromisoformat(answer.data["creation_date"])
    if abs(created_on - today) > timedelta(days=1):
        step.problems.append(f"creation_date: expected {today}, came {created_on}")
    changed_at = datetime.fromisoformat(answer.data["last_change_ts"])
    if abs(datetime.now(UTC) - changed_at) > _MAX_CLOCK_DIFFERENCE:
        step.problems.append(f"last_change_ts: expected about now, came {changed_at}")
    values: dict[str, Any] = {"principal": 0, "interest": 0.0, "last_transfer_number": 0}
    values["last_transfer_committed_at"] = datetime.fromtimestamp(0, UTC)
    if not account.is_root:
        values["interest_rate"] = INTEREST_RATE
    step.check(answer, "AccountUpdate", values)


def change_negligible_amount(agents: Agents, step: Step, account: Account, amount: float) -> Talk:
    """Lets the agent receive messages about smaller incoming transfers."""
    account.negligible_amount = amount
    yield from configure(agents, step, account)


def configure(agents: Agents, step: Step, account: Account) -> Asking[Received | None]:
    """Sends the account's configuration. Returns the AccountUpdate, if that is what came."""
    message = _next_message(account, account.config_data)
    seconds = agents.conversation.send(message)
    answer = yield _key(message)
    step.took("ConfigureAccount", answer.data["type"], answer.received_at - seconds)
    values = {
        "last_config_ts": datetime.fromisoformat(message["ts"]),
        "last_config_seqnum": message["seqnum"],
        "config_flags": message["config_flags"],
        "config_data": message["config_data"],
        "negligible_amount": message["negligible_amount"],
        "account_id": account.account_id,
    }
    if not step.check(answer, "AccountUpdate", values):
        return None
    if account.update is not None and not is_later(answer.data, account.update):
        step.problems.append(
            "expected (creation_date, last_change_ts, last_change_seqnum) to grow, but after"
            f" {account.update} came {answer.data}"
        )
    account.update = answer.data
    return answer


def misconfigure(agents: Agents, step: Step, account: Account, config_data: str) -> Talk:
    """Asks for a configuration which is well-formed, but wrong."""
    message = _next_message(account, config_data)
    seconds = agents.conversation.send(message)
    answer = yield _key(message)
    step.took("ConfigureAccount", answer.data["type"], answer.received_at - seconds)
    values = {
        "config_ts": datetime.fromisoformat(message["ts"]),
        "config_seqnum": message["seqnum"],
        "config_flags": message["config_flags"],
        "config_data": config_data,
        "negligible_amount": message["negligible_amount"],
        "rejection_code": "INVALID_CONFIGURATION",
    }
    step.check(answer, "RejectedConfig", values)


def send_malformed(agents: Agents, step: Step, account: Account) -> Talk:
    """Sends what the protocol forbids, and at once behind it what it allows."""
    malformed = {**_next_message(account, account.config_data), "negligible_amount": -1.0}
    agents.conversation.send(malformed)
    yield from configure(agents, step, account)


def look_at_balance(agents: Agents, step: Step, account: Account) -> Talk:
    """Has an AccountUpdate sent, by a configuration that changes nothing, to see the balance."""
    expected = agents.books.balance_of(account.creditor_id)
    patience_ends = time.monotonic() + agents.conversation.timeout_seconds
    answer = yield from configure(agents, step, account)
    # No message says when returned money reaches the debtor.
    while account.is_root and answer and answer.data["principal"] != expected:
        if time.monotonic() > patience_ends:
            break
        answer = yield from configure(agents, step, account)
    if answer:
        _check_balance(agents, step, account, answer, expected)


def _check_balance(
    agents: Agents, step: Step, account: Account, answer: Received, expected: int
) -> None:
    step.expect(f"principal of {account.name}", expected, answer.data["principal"])
    interest = answer.data["interest"]
    if not -1e-6 <= interest <= _most_interest(agents):
        step.problems.append(f"{account.name} has an impossible interest: {interest!r}")


def _most_interest(agents: Agents) -> float:
    """The interest on all the money there ever was, and something for clocks that differ."""
    time_passed = datetime.now(UTC) - agents.began_at + _MAX_CLOCK_DIFFERENCE
    years = time_passed / timedelta(days=365.25)
    return float(agents.books.issued * ((1.0 + INTEREST_RATE / 100.0) ** years - 1.0))


def _next_message(account: Account, config_data: str) -> Message:
    account.seqnum += 1
    return configuration(
        *account.ids,
        seqnum=account.seqnum,
        negligible_amount=account.negligible_amount,
        config_data=config_data,
    )


def _key(message: Message) -> Key:
    ts = datetime.fromisoformat(message["ts"])
    return ("configure", message["debtor_id"], message["creditor_id"], ts, message["seqnum"])
