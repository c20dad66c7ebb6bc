"""The kit follows the AccountTransfers of each account, and the states of accounts."""

from typing import Any

import pika
import pytest

from agentkit.chains import chain_problems, is_later
from agentkit.messages import Message, encode
from agentkit.received import Received


def link(number: int, previous: int, acquired: int, principal: int, creditor: int = 11) -> Message:
    return {
        "debtor_id": 5,
        "creditor_id": creditor,
        "creation_date": "2024-05-20",
        "transfer_number": number,
        "previous_transfer_number": previous,
        "acquired_amount": acquired,
        "principal": principal,
    }


FIRST, SECOND = link(2, 0, 100, 100), link(7, 2, -30, 70)


@pytest.mark.parametrize(
    ("links", "names", "count"),
    [
        # in any order, again and again, two accounts
        ([SECOND, FIRST, FIRST, link(1, 0, 50, 50, 12)], {"are_all_reported": True}, 0),
        ([link(2, 1, 100, 100)], {}, 1),
        ([link(2, 0, 100, 101)], {"are_all_reported": True}, 1),
        # what is negligible is not reported
        ([link(2, 0, 100, 103), link(7, 2, -30, 74)], {}, 0),
        ([SECOND], {}, 1),
        ([SECOND, link(9, 7, 1, 71)], {"are_whole": False, "are_all_reported": True}, 0),
        ([SECOND, link(9, 8, 1, 71)], {"are_whole": False}, 1),
        ([FIRST, link(2, 0, 99, 100)], {}, 1),
    ],
)
def test_chains(links: list[Message], names: dict[str, Any], count: int) -> None:
    properties = pika.BasicProperties(type="AccountTransfer")
    received = [Received("", "", properties, encode(one)) for one in links]
    assert len(chain_problems(received, **names)) == count


def update(ts: str, seqnum: int, day: str = "2024-05-20") -> dict[str, Any]:
    return {"creation_date": day, "last_change_ts": ts, "last_change_seqnum": seqnum}


TS, LATER_TS = "2024-05-20T13:15:09+00:00", "2024-05-20T13:15:09.000001+00:00"


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        (update(TS, 1, "2024-05-21"), update(LATER_TS, 2)),
        (update(LATER_TS, 1), update(TS, 2)),
        (update(TS, 2), update(TS, 1)),
        (update(TS, -(1 << 31)), update(TS, (1 << 31) - 1)),
    ],
)
def test_order_of_account_updates(later: dict[str, Any], earlier: dict[str, Any]) -> None:
    assert is_later(later, earlier)
    assert not is_later(earlier, later)
    assert not is_later(later, later)
