"""What must have come of transfers, and of all that was said meanwhile."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from agentkit.chains import chain_problems
from agentkit.checks import problems_of
from agentkit.coordinator import Transfer
from agentkit.keys import ROOT_CREDITOR_ID, unsigned
from agentkit.messages import Message
from agentkit.received import Received

AGE_MAX = timedelta(hours=1)
_ANSWERS = ("PreparedTransfer", "FinalizedTransfer")


def assert_sound(
    messages: Sequence[Received],
    since: int = 0,
    *,
    are_all_reported: bool = False,
    are_whole: bool = True,
    now: datetime | None = None,
) -> None:
    """Assert that the messages from a place on are right, and that all of them make chains.

    The chains are whole, or begin anywhere. The messages are of this hour, unless the test moves
    the time, and gives the time that it is by then.
    """
    age_max = AGE_MAX if now is None else None
    problems = [p for m in messages[since:] for p in problems_of(m, now=now, age_max=age_max)]
    problems += chain_problems(messages, are_all_reported=are_all_reported, are_whole=are_whole)
    assert not problems, problems[:5]


def check_repetitions(messages: Iterable[Received]) -> None:
    """Assert that an answer that is sent again is the same; a reminder has a later `ts`."""
    sent: dict[tuple[Any, ...], Message] = {}
    for message in messages:
        if message.type in _ANSWERS:
            data = message.data
            key = (message.type, data["debtor_id"], data["creditor_id"], data["transfer_id"])
            if message.type == "PreparedTransfer":
                del data["ts"]
            assert sent.setdefault(key, data) == data, (sent[key], data)


def different(messages: Sequence[Message]) -> list[Message]:
    """The messages without repetitions."""
    return [message for i, message in enumerate(messages) if message not in messages[:i]]


def transfer_problems(
    transfer: Transfer, failures: Collection[str] = (), *, is_once: bool = False
) -> list[str]:
    """Says what is wrong with how a transfer has ended: once, as its coordinator has decided, or
    with one of these codes; and each party was told.

    With `is_once`, nothing was repeated.
    """
    ends = transfer.outcomes if is_once else different(transfer.outcomes)
    problems = [] if len(ends) == 1 else [f"it has ended {len(ends)} times"]
    if is_once and len(transfer.prepared) != len(transfer.finalized):
        problems.append(f"it was prepared {len(transfer.prepared)} times")
    for end in ends:
        if end["status_code"] not in failures:
            found = end["status_code"], end.get("committed_amount")
            if found != (expected := ("OK", transfer.decided_amount)):
                problems.append(f"it ended with {found}, not {expected}")
        elif end.get("committed_amount"):
            problems.append("it has failed, with a committed amount")
    problems += report_problems(transfer, is_once=is_once)
    return [f"{transfer}: {text}" for text in problems]


def report_problems(transfer: Transfer, *, is_once: bool = True) -> list[str]:
    """Says what is wrong with the AccountTransfers about a transfer."""
    told = transfer.account_transfers
    told = told if is_once else different(told)
    found = sorted((t["creditor_id"], t["acquired_amount"]) for t in told)
    if found != transfer.expected_account_transfers:
        return [f"expected AccountTransfers {transfer.expected_account_transfers}, came {found}"]
    return [text for report in told for text in _differences(transfer, report)]


def _differences(transfer: Transfer, report: Message) -> Iterator[str]:
    assert transfer.finalization is not None
    finalized, committed_at = transfer.finalized[0], datetime.fromisoformat(report["committed_at"])
    told_at = datetime.fromisoformat(finalized["ts"])
    if committed_at < told_at == datetime.fromisoformat(finalized["prepared_at"]):
        # the clock went back: nothing is finalized before it was prepared
        committed_at = told_at
    expected = {
        "sender": unsigned(transfer.sender),
        "recipient": unsigned(transfer.recipient),
        "coordinator_type": transfer.request["coordinator_type"],
        "committed_at": told_at,
        "transfer_note": transfer.finalization["transfer_note"],
        "transfer_note_format": transfer.finalization["transfer_note_format"],
    }
    found = {**report, "committed_at": committed_at}
    for name, value in expected.items():
        if found[name] != value:
            yield f"AccountTransfer: {name}: expected {value!r}, came {found[name]!r}"


def acquired_amounts(transfers: Iterable[Transfer]) -> Counter[int]:
    """What transfers have given to each account, and the debtor's; what they took is negative."""
    amounts: Counter[int] = Counter()
    for transfer in transfers:
        amounts[transfer.sender] -= transfer.committed_amount
        amounts[transfer.recipient] += transfer.committed_amount
    return amounts


def paid_interest(messages: Iterable[Received]) -> Counter[int]:
    """What each account got as interest from the debtor's, as the authority says."""
    paid = {
        (m.data["creditor_id"], m.data["transfer_number"]): m.data["acquired_amount"]
        for m in messages
        if m.matches("AccountTransfer", {"coordinator_type": "interest"})
    }
    amounts: Counter[int] = Counter()
    for (creditor_id, _), amount in paid.items():
        amounts[creditor_id] += amount
        amounts[ROOT_CREDITOR_ID] -= amount
    return amounts
