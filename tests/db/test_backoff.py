"""How long to wait, how many rows to take, and who is the last."""

import threading

import pytest

from swpt_accounts.db.outage_reporter import Backoff
from swpt_accounts.stages.worker import BatchSize
from swpt_accounts.workers.runner import Countdown


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(0.1, 5.0)
    for seconds in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0):
        assert 0.75 * seconds <= backoff.next() <= seconds


def test_waits_start_anew_after_a_success() -> None:
    backoff = Backoff(1.0, 8.0)
    for _ in range(4):
        backoff.next()
    backoff.reset()
    assert 0.75 <= backoff.next() <= 1.0
    assert 1.5 <= backoff.next() <= 2.0


def test_waits_of_two_are_not_the_same() -> None:
    waits = {Backoff(1.0, 1.0).next() for _ in range(20)}
    assert len(waits) > 10


@pytest.mark.parametrize(("seconds_min", "seconds_max"), [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0)])
def test_senseless_limits(seconds_min: float, seconds_max: float) -> None:
    with pytest.raises(AssertionError):
        Backoff(seconds_min, seconds_max)


def test_batch_shrinks_to_one_row_and_grows_again() -> None:
    batch = BatchSize(10)
    assert batch.count == 10
    for count in (5, 2, 1):
        assert batch.shrink()
        assert batch.count == count
    assert not batch.shrink()
    assert batch.count == 1
    for count in (2, 4, 8, 10, 10):
        batch.grow()
        assert batch.count == count


def test_countdown_calls_once() -> None:
    calls: list[int] = []
    countdown = Countdown(3, lambda: calls.append(1))
    for expected in (0, 0, 1, 1, 1):
        countdown.step()
        assert len(calls) == expected


def test_countdown_of_many_threads() -> None:
    calls: list[int] = []
    countdown = Countdown(800, lambda: calls.append(1))

    def step() -> None:
        for _ in range(100):
            countdown.step()

    threads = [threading.Thread(target=step) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1]
