"""What is written of a storm of events, and what is told of the rest."""

import io
import json
import logging
import multiprocessing
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from agentkit.waiting import wait_until
from swpt_accounts.observability.events.background import CHORES_LEFT
from swpt_accounts.observability.events.lifecycle import WORKER_STUCK
from swpt_accounts.observability.events.messages import MESSAGE_DEAD_LETTERED
from swpt_accounts.observability.log import rate_limit
from swpt_accounts.observability.log.configuration import TextFormatter
from swpt_accounts.observability.log.json_lines import EventFormatter
from swpt_accounts.observability.log.rate_limit import (
    BURST_COUNT,
    KEYS_COUNT_MAX,
    RateLimitedHandler,
)


class Log:
    """A logger of its own, what it has written, and a clock that is set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        self.handler = RateLimitedHandler(self.stream)
        self.handler.setFormatter(EventFormatter())
        self.logger = logging.Logger("swpt_accounts.storm", logging.INFO)  # noqa: LOG001 - of this test alone
        self.logger.addHandler(self.handler)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def count(self, event: str) -> int:
        return sum(1 for line in self.lines() if line["event"] == event)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    log = Log()
    monkeypatch.setattr(rate_limit, "monotonic", lambda: log.now)
    yield log
    log.handler.close()


def test_a_million_events_write_thousands_of_lines(log: Log) -> None:
    for i in range(100_000):
        log.now = i * 0.002
        CHORES_LEFT.log(log.logger, count=i)
    log.handler.close()
    lines = log.lines()
    written = [line for line in lines if line["event"] == "chores_left"]
    summaries = [line for line in lines if line["event"] == "lines_left_out"]
    assert [line["count"] for line in written[:BURST_COUNT]] == list(range(BURST_COUNT))
    assert BURST_COUNT < len(written) <= BURST_COUNT + 200 * 5
    assert len(written) + sum(line["count"] for line in summaries) == 100_000


def test_what_was_left_out_is_told(log: Log) -> None:
    for i in range(BURST_COUNT + 7):
        CHORES_LEFT.log(log.logger, count=i)
    log.now = 3.0
    log.handler.close()
    told = log.lines()[-1]
    assert told["event"] == "lines_left_out"
    assert (told["of_event"], told["of_logger"]) == ("chores_left", "swpt_accounts.storm")
    assert (told["count"], told["seconds"], told["levelname"]) == (7, 3.0, "WARNING")
    assert told["message"].endswith("(swpt_accounts.storm): 7 in 3 s")
    log.handler.close()
    assert log.count("lines_left_out") == 1


def test_it_is_told_by_itself(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "TELL_SECONDS", 0.01)

    def has_more(seen: int) -> bool:
        return log.count("lines_left_out") > seen

    for seen in range(2):
        for i in range(BURST_COUNT + 1):
            CHORES_LEFT.log(log.logger, count=i)
        wait_until(partial(has_more, seen))


def test_another_event_and_another_logger_are_not_hidden(log: Log) -> None:
    other = logging.Logger("another", logging.INFO)  # noqa: LOG001 - of this test alone
    other.addHandler(log.handler)
    for i in range(BURST_COUNT * 2):
        CHORES_LEFT.log(log.logger, count=i)
    MESSAGE_DEAD_LETTERED.log(
        log.logger,
        routing_key="k",
        bytes_count=1,
        queue="q",
        reason="r",
        message_type="t",
        about=lambda: {"debtor_id": -(2**63)},
    )
    log.logger.error("a line of a library")
    CHORES_LEFT.log(other, count=-1)
    *_, letter, library, last = log.lines()
    assert (letter["event"], letter["debtor_id"]) == ("message_dead_lettered", -(2**63))
    assert (library["event"], library["message"]) == ("other", "a line of a library")
    assert (last["name"], last["count"]) == ("another", -1)


def test_stops_and_what_is_critical_are_never_left_out(log: Log) -> None:
    for _ in range(BURST_COUNT * 2):
        WORKER_STUCK.log(log.logger, command="a_worker", pid=1)
        log.logger.critical("the end")
    assert log.count("worker_stuck") == log.count("other") == BURST_COUNT * 2


def test_libraries_are_calmed_too_whatever_their_loggers_are_called(log: Log) -> None:
    count = KEYS_COUNT_MAX * 3
    for i in range(count):
        logger = logging.Logger(f"library-{i}", logging.INFO)  # noqa: LOG001 - of this test alone
        logger.addHandler(log.handler)
        logger.warning("line %d", i)
    log.handler.close()
    assert len(log.handler._storm._budgets) == KEYS_COUNT_MAX + 1
    assert log.count("other") == KEYS_COUNT_MAX + BURST_COUNT
    (told,) = [line for line in log.lines() if line["event"] == "lines_left_out"]
    assert (told["of_logger"], told["count"]) == ("others", count - KEYS_COUNT_MAX - BURST_COUNT)


def test_ids_are_not_looked_for_in_what_is_left_out(log: Log) -> None:
    asked = []

    def about() -> dict[str, object]:
        asked.append(1)
        return {}

    for _ in range(BURST_COUNT * 3):
        MESSAGE_DEAD_LETTERED.log(
            log.logger,
            routing_key="k",
            bytes_count=1,
            queue="q",
            reason="r",
            message_type=None,
            about=about,
        )
    assert len(asked) == BURST_COUNT


def test_a_child_tells_nothing_of_its_parent(log: Log) -> None:
    for i in range(BURST_COUNT + 5):
        CHORES_LEFT.log(log.logger, count=i)
    receiving, sending = multiprocessing.Pipe(duplex=False)

    def child() -> None:
        before = len(log.lines())
        CHORES_LEFT.log(log.logger, count=-1)
        log.handler.close()
        sending.send([line["event"] for line in log.lines()[before:]])

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    assert receiving.poll(20)
    assert receiving.recv() == ["chores_left"]
    process.join()


def test_text_has_the_event_in_brackets(log: Log) -> None:
    log.handler.setFormatter(TextFormatter())
    WORKER_STUCK.log(log.logger, command="a_worker", pid=1)
    log.logger.warning("plain")
    event, plain = log.stream.getvalue().splitlines()
    assert event.endswith(
        " WARNING swpt_accounts.storm [worker_stuck]: a_worker did not stop in time (pid 1)"
    )
    assert plain.endswith(" WARNING swpt_accounts.storm: plain")


def test_an_error_has_its_traceback(log: Log) -> None:
    try:
        raise ValueError("wrong")
    except ValueError as error:
        WORKER_STUCK.log(log.logger, command="a_worker", pid=1, error=error)
    (line,) = log.lines()
    assert line["exc_info"].endswith("ValueError: wrong")
