"""Talks about accounts: opening them, and changing how they work."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

from agentkit.chains import is_later
from agentkit.messages import Message
from agentkit.messages import configure as configuration
from agentkit.received import Received
from scripts.demo_agents.agents import INTEREST_RATE, Account, Agents
from scripts.demo_agents.answers import Key
from scripts.demo_agents.steps import Asking, Step, Talk

_MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)


def open_account(agents: Agents, step: Step, account: Account) -> Talk:
    """Opens an account, which must be empty."""
    answer = yield from configure(agents, step, account)
    if answer is None:
        return
    now = datetime.now(UTC)
    created_on = date.fromisoformat(answer.data["creation_date"])
    if abs(created_on - now.date()) > timedelta(days=1):
        step.problems.append(f"creation_date: expected {now.date()}, came {created_on}")
    changed_at = datetime.fromisoformat(answer.data["last_change_ts"])
    if abs(now - changed_at) > _MAX_CLOCK_DIFFERENCE:
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
    answer = yield from _answer(agents, step, message)
    values = _echoed(message, "last_config")
    if not step.check(answer, "AccountUpdate", {**values, "account_id": account.account_id}):
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
    answer = yield from _answer(agents, step, message)
    values = _echoed(message, "config")
    step.check(answer, "RejectedConfig", {**values, "rejection_code": "INVALID_CONFIGURATION"})


def send_malformed(agents: Agents, step: Step, account: Account) -> Talk:
    """Sends what the protocol forbids, and at once behind it what it allows."""
    malformed = {**_next_message(account, account.config_data), "negligible_amount": -1.0}
    agents.conversation.send(malformed)
    yield from configure(agents, step, account)


def look_at_balance(agents: Agents, step: Step, account: Account) -> Talk:
    """Has an AccountUpdate sent, by a configuration that changes nothing, to see the balance."""
    expected = agents.balance_of(account)
    patience_ends = time.monotonic() + agents.conversation.seconds_max
    answer = yield from configure(agents, step, account)
    # No message says when returned money reaches the debtor.
    while account.is_root and answer and answer.data["principal"] != expected:
        if time.monotonic() > patience_ends:
            break
        answer = yield from configure(agents, step, account)
    if answer is None:
        return
    step.expect(f"principal of {account.name}", expected, answer.data["principal"])
    interest = answer.data["interest"]
    if not -1e-6 <= interest <= _most_interest(agents):
        step.problems.append(f"{account.name} has an impossible interest: {interest!r}")


def _most_interest(agents: Agents) -> float:
    """The interest on all the money there ever was, and something for clocks that differ."""
    time_passed = datetime.now(UTC) - agents.began_at + _MAX_CLOCK_DIFFERENCE
    years = time_passed / timedelta(days=365.25)
    return float(agents.issued * ((1.0 + INTEREST_RATE / 100.0) ** years - 1.0))


def _next_message(account: Account, config_data: str) -> Message:
    account.seqnum += 1
    return configuration(
        *account.ids,
        seqnum=account.seqnum,
        negligible_amount=account.negligible_amount,
        config_data=config_data,
    )


def _answer(agents: Agents, step: Step, message: Message) -> Asking[Received]:
    began = agents.conversation.send(message)
    ts = datetime.fromisoformat(message["ts"])
    key: Key = ("configure", message["debtor_id"], message["creditor_id"], ts, message["seqnum"])
    answer = yield key
    step.answered(message["type"], answer.data["type"], began, answer)
    return answer


def _echoed(message: Message, prefix: str) -> dict[str, Any]:
    """What an answer must repeat of a ConfigureAccount."""
    values = {name: message[name] for name in ("config_flags", "config_data", "negligible_amount")}
    values[f"{prefix}_ts"] = datetime.fromisoformat(message["ts"])
    values[f"{prefix}_seqnum"] = message["seqnum"]
    return values
