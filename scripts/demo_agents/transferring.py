"""Talks about transfers: those that are made, dismissed, refused, and those that fail."""

from datetime import UTC, datetime, timedelta
from typing import Any

from agentkit.messages import Message, finalize, prepare
from scripts.demo_agents.agents import Account, Agents
from scripts.demo_agents.answers import Key
from scripts.demo_agents.steps import Asking, Step, Talk, reason, tell

_COORDINATOR = ("coordinator_type", "coordinator_id", "coordinator_request_id")
_MAX_DEADLINE_ERROR = timedelta(seconds=1)

PREPARE = "PrepareTransfer"
COMMIT = "FinalizeTransfer"


def pay(
    agents: Agents, step: Step, sender: Account, recipient: Account, amount: int, note: str
) -> Talk:
    """Makes a transfer. Issuing locks the amount beforehand, a direct transfer locks nothing."""
    lock = amount if sender.is_root else 0
    request = prepare(*sender.ids, recipient.creditor_id, lock)
    began = agents.conversation.send(request)
    prepared = yield from _prepared(agents, step, sender, request, began, lock)
    if prepared is None:
        return
    finalization = finalize(prepared, amount, transfer_note=note)
    committed = agents.conversation.send(finalization)
    expected = {"committed_amount": amount, "status_code": "OK", "total_locked_amount": 0}
    finalized = yield from _finalized(step, prepared, committed, expected)
    if not finalized["committed_amount"]:
        return
    agents.commit(sender, recipient, note, finalized)
    if not sender.is_root:
        answer = yield _transfer_key(sender, note)
        step.took(COMMIT, "AccountTransfer (sender)", answer.received_at - committed)
    if not recipient.is_root:
        answer = yield _transfer_key(recipient, note)
        step.took(PREPARE, "AccountTransfer (recipient)", answer.received_at - began)


def fail_to_commit(
    agents: Agents,
    step: Step,
    accounts: tuple[Account, Account],
    amount: int,
    status_code: str,
    *,
    max_commit_delay: int | None = None,
) -> Talk:
    """Prepares a transfer whose commit must fail."""
    sender, recipient = accounts
    request = prepare(*sender.ids, recipient.creditor_id, 0)
    if max_commit_delay is not None:
        # The clock of the authority may go a little after ours: the request was on its way long.
        sent_at = datetime.now(UTC) - timedelta(seconds=30)
        request["ts"] = sent_at.isoformat(timespec="microseconds")
        request["max_commit_delay"] = max_commit_delay
    began = agents.conversation.send(request)
    prepared = yield from _prepared(agents, step, sender, request, began, 0)
    if prepared is None:
        return
    committed = agents.conversation.send(finalize(prepared, amount, transfer_note="must fail"))
    expected = {"committed_amount": 0, "status_code": status_code, "total_locked_amount": 0}
    yield from _finalized(step, prepared, committed, expected)


def dismiss(agents: Agents, step: Step, sender: Account, recipient: Account, amount: int) -> Talk:
    """Locks an amount, sees that it cannot be spent meanwhile, and gives it up."""
    request = prepare(*sender.ids, recipient.creditor_id, amount)
    began = agents.conversation.send(request)
    prepared = yield from _prepared(agents, step, sender, request, began, amount)
    if prepared is None:
        return
    everything = agents.books.balance_of(sender.creditor_id)
    code = "INSUFFICIENT_AVAILABLE_AMOUNT"
    yield from refuse(agents, step, sender, recipient.account_id, everything, code, locked=amount)
    dismissed = agents.conversation.send(finalize(prepared, 0))
    expected = {"committed_amount": 0, "status_code": "OK", "total_locked_amount": 0}
    yield from _finalized(step, prepared, dismissed, expected)


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
    step.took(PREPARE, tell(answer.data), answer.received_at - began)
    step.check(
        answer,
        "RejectedTransfer",
        {
            "debtor_id": sender.debtor_id,
            "creditor_id": sender.creditor_id,
            "status_code": status_code,
            "total_locked_amount": locked,
        },
    )


def _prepared(
    agents: Agents, step: Step, sender: Account, request: Message, began: float, lock: int
) -> Asking[Message | None]:
    answer = yield _key("prepare", request)
    step.took(PREPARE, answer.data["type"], answer.received_at - began)
    final_ts = datetime.fromisoformat(request["final_interest_rate_ts"])
    expected = {
        "debtor_id": sender.debtor_id,
        "creditor_id": sender.creditor_id,
        "locked_amount": lock,
        "recipient": request["recipient"],
        "final_interest_rate_ts": final_ts,
    }
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
    step: Step, prepared: Message, began: float, expected: dict[str, Any]
) -> Asking[Message]:
    answer = yield _key("finalize", prepared)
    code = reason(answer.data)
    end = code if code != "OK" else "" if answer.data["committed_amount"] else "(of 0)"
    step.took(COMMIT, f"{answer.data['type']} {end}".rstrip(), answer.received_at - began)
    same = {name: prepared[name] for name in ("debtor_id", "creditor_id", "transfer_id")}
    same["prepared_at"] = datetime.fromisoformat(prepared["prepared_at"])
    step.check(answer, "FinalizedTransfer", {**same, **expected})
    return answer.data


def _key(stage: str, message: Message) -> Key:
    return (stage, *(message[name] for name in _COORDINATOR))


def _transfer_key(account: Account, note: str) -> Key:
    return ("transfer", *account.ids, note)
