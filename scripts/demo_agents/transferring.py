"""Talks about transfers: those that are made, dismissed, refused, and those that fail."""

from datetime import UTC, datetime, timedelta
from typing import Any

from agentkit.coordinator import Transfer
from agentkit.messages import Message, finalize, prepare
from agentkit.outcomes import report_problems
from scripts.demo_agents.agents import Account, Agents
from scripts.demo_agents.answers import Key
from scripts.demo_agents.steps import Asking, Sent, Step, Talk, reason, tell

_COORDINATOR = ("coordinator_type", "coordinator_id", "coordinator_request_id")
_MAX_DEADLINE_ERROR = timedelta(seconds=1)

PREPARE = "PrepareTransfer"
COMMIT = "FinalizeTransfer"


def pay(
    agents: Agents, step: Step, sender: Account, recipient: Account, amount: int, note: str
) -> Talk:
    """Makes a transfer. Issuing locks the amount beforehand, a direct transfer locks nothing."""
    request = prepare(*sender.ids, recipient.creditor_id, amount if sender.is_root else 0)
    began = agents.conversation.send(request)
    prepared = yield from _prepared(step, sender, request, began)
    if prepared is None:
        return
    finalization = finalize(prepared, amount, transfer_note=note)
    committed = agents.conversation.send(finalization)
    finalized = yield from _finalized(step, prepared, committed, amount)
    if not finalized["committed_amount"]:
        return
    made = Transfer(request, recipient.creditor_id, amount, finalization=finalization)
    made.finalized.append(finalized)
    agents.transfers.append(made)
    if not sender.is_root:
        answer = yield ("transfer", *sender.ids, note)
        made.account_transfers.append(answer.data)
        step.answered(COMMIT, "AccountTransfer (sender)", committed, answer)
    if not recipient.is_root:
        answer = yield ("transfer", *recipient.ids, note)
        made.account_transfers.append(answer.data)
        step.answered(PREPARE, "AccountTransfer (recipient)", began, answer)
    step.problems += report_problems(made)


def fail_to_commit(
    agents: Agents,
    step: Step,
    accounts: tuple[Account, Account],
    amount: int,
    status_code: str,
    **changes: Any,
) -> Talk:
    """Prepares a transfer, with `changes` of the request, whose commit must fail."""
    sender, recipient = accounts
    # The clock of the authority may go a little after ours: the request was on its way long.
    sent_at = datetime.now(UTC) - timedelta(seconds=30)
    ts = sent_at.isoformat(timespec="microseconds")
    request = prepare(*sender.ids, recipient.creditor_id, 0, ts=ts, **changes)
    began = agents.conversation.send(request)
    prepared = yield from _prepared(step, sender, request, began)
    if prepared is not None:
        committed = agents.conversation.send(finalize(prepared, amount, transfer_note="must fail"))
        yield from _finalized(step, prepared, committed, 0, status_code)


def dismiss(agents: Agents, step: Step, sender: Account, recipient: Account, amount: int) -> Talk:
    """Locks an amount, sees that it cannot be spent meanwhile, and gives it up."""
    request = prepare(*sender.ids, recipient.creditor_id, amount)
    began = agents.conversation.send(request)
    prepared = yield from _prepared(step, sender, request, began)
    if prepared is None:
        return
    everything = agents.balance_of(sender)
    code = "INSUFFICIENT_AVAILABLE_AMOUNT"
    yield from refuse(agents, step, sender, recipient.account_id, everything, code, locked=amount)
    dismissed = agents.conversation.send(finalize(prepared, 0))
    yield from _finalized(step, prepared, dismissed, 0)


def refuse(
    agents: Agents,
    step: Step,
    sender: Account,
    recipient: str,
    amount: int,
    status_code: str,
    *,
    locked: int = 0,
) -> Talk:
    """Asks for a transfer that must be refused while `locked` is locked for other ones."""
    request = prepare(*sender.ids, recipient, amount)
    began = agents.conversation.send(request)
    answer = yield _key("prepare", request)
    step.answered(PREPARE, tell(answer.data), began, answer)
    expected = {"status_code": status_code, "total_locked_amount": locked}
    step.check(answer, "RejectedTransfer", _same(request, "debtor_id", "creditor_id") | expected)


def _prepared(step: Step, sender: Account, request: Message, began: Sent) -> Asking[Message | None]:
    answer = yield _key("prepare", request)
    step.answered(PREPARE, answer.data["type"], began, answer)
    expected = _same(request, "debtor_id", "creditor_id", "recipient")
    expected["locked_amount"] = request["max_locked_amount"]
    expected["final_interest_rate_ts"] = datetime.fromisoformat(request["final_interest_rate_ts"])
    if not step.check(answer, "PreparedTransfer", expected):
        return None
    _check_deadline(step, sender, request, answer.data)
    return answer.data


def _check_deadline(step: Step, sender: Account, request: Message, prepared: Message) -> None:
    prepared_at = datetime.fromisoformat(prepared["prepared_at"])
    asked_for = datetime.fromisoformat(request["ts"]) + timedelta(
        seconds=request["max_commit_delay"]
    )
    expected = min(prepared_at + sender.commit_period, asked_for)
    found = datetime.fromisoformat(prepared["deadline"])
    if abs(found - expected) > _MAX_DEADLINE_ERROR:
        step.problems.append(f"PreparedTransfer: deadline: expected {expected}, came {found}")


def _finalized(
    step: Step, prepared: Message, began: Sent, amount: int, status_code: str = "OK"
) -> Asking[Message]:
    answer = yield _key("finalize", prepared)
    code = reason(answer.data)
    end = code if code != "OK" else "" if answer.data["committed_amount"] else "(of 0)"
    step.answered(COMMIT, f"{answer.data['type']} {end}".rstrip(), began, answer)
    expected = _same(prepared, "debtor_id", "creditor_id", "transfer_id")
    expected["prepared_at"] = datetime.fromisoformat(prepared["prepared_at"])
    expected |= {"committed_amount": amount, "status_code": status_code, "total_locked_amount": 0}
    step.check(answer, "FinalizedTransfer", expected)
    return answer.data


def _same(message: Message, *names: str) -> dict[str, Any]:
    """What an answer must repeat."""
    return {name: message[name] for name in names}


def _key(stage: str, message: Message) -> Key:
    return (stage, *(message[name] for name in _COORDINATOR))
