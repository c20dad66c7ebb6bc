"""What the benchmark's driver asks for, and when."""

from itertools import islice, pairwise

import pytest

from benchmarks.agents.load import OpeningLoad, Pattern, Schedule, TransferLoad, account, parties
from benchmarks.agents.messages import (
    AccountUpdate,
    RejectedTransfer,
)
from benchmarks.agents.play import OpeningPlay, TransferPlay


def take(pattern: Pattern, count: int, accounts_count: int = 100) -> list[tuple[int, int]]:
    return list(islice(parties(pattern, accounts_count, 1), count))


@pytest.mark.parametrize("pattern", ["uniform", "zipf", "to_one", "from_one", "issuing"])
def test_nobody_pays_to_itself(pattern: Pattern) -> None:
    assert all(sender != recipient for sender, recipient in take(pattern, 2000))


def test_patterns() -> None:
    assert {recipient for _, recipient in take("to_one", 500)} == {account(0)}
    assert {sender for sender, _ in take("from_one", 500)} == {account(0)}
    assert take("issuing", 3, accounts_count=2) == [(0, account(n)) for n in (0, 1, 0)]


def test_each_slot_of_a_rate_has_one_request() -> None:
    offsets = list(Schedule(1000, rate_per_second=20.0).offsets(1))
    assert [int(offset * 20) for offset in offsets] == list(range(1000))
    assert len({round(b - a, 6) for a, b in pairwise(offsets)}) > 900


def test_opening_minds_the_accounts_of_its_own_debtor() -> None:
    play = OpeningPlay(OpeningLoad(7, Schedule(1), timeout_seconds=1.0))
    posted: list[bytes] = []
    play.send(posted.append, 0.0)
    play.take(AccountUpdate(8, account(0), 5, 0), posted.append, 1.0)
    assert (play.is_complete, play.problems.count) == (False, 0)
    play.take(AccountUpdate(7, account(0), 0, 1), posted.append, 2.0)
    assert (play.is_complete, play.problems.count) == (True, 0)
    play.take(AccountUpdate(7, account(0), 0, 1), posted.append, 3.0)
    assert (play.problems.count, len(posted)) == (1, 1)


@pytest.mark.parametrize(("code", "problems_count"), [("TIMEOUT", 1), ("NO_ANSWER", 0)])
def test_only_an_expected_rejection_is_no_problem(code: str, problems_count: int) -> None:
    schedule = Schedule(9)
    load = TransferLoad(7, 2, "uniform", schedule, 9, timeout_seconds=1.0, may_reject="NO_ANSWER")
    play = TransferPlay(load)
    play.send(lambda _: None, 0.0)
    play.stop()
    before = play.is_complete
    play.take(RejectedTransfer(9, code), lambda _: None, 1.0)
    assert (before, play.is_complete) == (False, True)
    assert play.result().problems_count == problems_count
