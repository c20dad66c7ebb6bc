"""The kit says what is wrong with the end of a transfer."""

from typing import Any

import pytest

from agentkit.coordinator import Transfer
from agentkit.messages import finalize, prepare
from agentkit.outcomes import acquired_amounts, transfer_problems

ANA, BORIS = 11, 12
TS = "2024-05-20T13:15:09.123456+00:00"


@pytest.fixture
def transfer() -> Transfer:
    """A transfer that is as it should be."""
    request = prepare(5, ANA, BORIS, 30)
    prepared = {**request, "transfer_id": 1}
    made = Transfer(request, BORIS, 30, prepared=[prepared])
    made.finalization = finalize(prepared, 30, transfer_note="a")
    made.finalized.append({"status_code": "OK", "committed_amount": 30, "ts": TS})
    made.account_transfers = [report(ANA, -30), report(BORIS, 30)]
    return made


def report(creditor_id: int, amount: int) -> dict[str, Any]:
    return {
        "creditor_id": creditor_id,
        "acquired_amount": amount,
        "coordinator_type": "direct",
        "sender": str(ANA),
        "recipient": str(BORIS),
        "transfer_note": "a",
        "transfer_note_format": "",
        "committed_at": TS.replace("+00:00", "Z"),
    }


def test_right_transfer(transfer: Transfer) -> None:
    assert transfer_problems(transfer, is_once=True) == []
    assert acquired_amounts([transfer]) == {ANA: -30, BORIS: 30}


def test_repetitions_are_wrong_where_all_comes_once(transfer: Transfer) -> None:
    transfer.account_transfers.append(transfer.account_transfers[0])
    assert transfer_problems(transfer) == []
    assert len(transfer_problems(transfer, is_once=True)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": "0"},
        {"recipient": "13"},
        {"acquired_amount": 31},
        {"creditor_id": 13},
        {"coordinator_type": "agent"},
        {"committed_at": "2024-05-20T13:15:09.123457+00:00"},
        {"transfer_note": "b"},
        {"transfer_note_format": "."},
    ],
)
def test_wrong_report(transfer: Transfer, changes: dict[str, Any]) -> None:
    transfer.account_transfers[1].update(changes)
    assert len(transfer_problems(transfer)) == 1


def test_lost_and_doubled(transfer: Transfer) -> None:
    transfer.account_transfers.append({**report(BORIS, 30), "transfer_number": 8})
    assert len(transfer_problems(transfer)) == 1
    del transfer.account_transfers[1:]
    assert len(transfer_problems(transfer)) == 1
    transfer.finalized.clear()
    assert transfer_problems(transfer)[0].startswith("it has ended 0 times")


def test_failures(transfer: Transfer) -> None:
    transfer.finalized[0].update(status_code="TIMEOUT", committed_amount=0)
    transfer.account_transfers.clear()
    assert len(transfer_problems(transfer)) == 1
    assert transfer_problems(transfer, ["TIMEOUT"]) == []
    assert acquired_amounts([transfer]) == {ANA: 0, BORIS: 0}
