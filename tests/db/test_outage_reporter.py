"""What is said of a fault: when it begins, now and then, and when it is over."""

import logging

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, UndefinedFunction

from swpt_accounts.db import outage_reporter
from swpt_accounts.db.outage_reporter import QUIET_SECONDS, REMINDER_SECONDS, OutageReporter

logger = logging.getLogger("faults")
AWAY = psycopg.OperationalError("connection refused\n  Is the server running?")


class Clock:
    """Time, by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(outage_reporter, "monotonic", made)
    return made


@pytest.fixture
def reporter() -> OutageReporter:
    return OutageReporter(logger, "a_worker")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_fault_is_said_once(
    clock: Clock, reporter: OutageReporter, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(50):
        reporter.failed("the database", AWAY)
        clock.now += 5
    (line,) = lines(caplog)
    assert line.startswith("a_worker cannot use the database: connection refused. ")
    assert "Retrying" in line
    clock.now += REMINDER_SECONDS
    reporter.failed("the database", AWAY)
    assert "Retrying for 9 min." in lines(caplog)[1]
    reporter.succeeded()
    clock.now += QUIET_SECONDS
    reporter.succeeded()
    reporter.succeeded()
    assert lines(caplog)[2:] == ["a_worker recovered after 550 s"]


def test_other_kinds_are_said_but_not_for_ever(
    clock: Clock, reporter: OutageReporter, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        for error in (AWAY, InsufficientPrivilege("no"), UndefinedFunction("none")):
            reporter.failed("the database", error)
            clock.now += 1
    assert [("42501" in line, "42883" in line) for line in lines(caplog)] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    kinds = [type(f"Error{i}", (psycopg.Error,), {}) for i in range(100)]
    for kind in kinds:
        reporter.failed("the database", kind("?"))
    assert len(lines(caplog)) <= 11


def test_what_comes_and_goes_is_one_fault(
    clock: Clock, reporter: OutageReporter, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        reporter.failed("the broker", AWAY)
        clock.now += QUIET_SECONDS / 2
        reporter.succeeded()
    assert len(lines(caplog)) == 1
    clock.now += QUIET_SECONDS
    reporter.succeeded()
    assert len(lines(caplog)) == 2
    reporter.failed("the broker", AWAY)
    assert len(lines(caplog)) == 3


def test_pauses_grow_and_start_anew_when_it_has_worked(
    clock: Clock, reporter: OutageReporter
) -> None:
    pauses = [reporter.failed("the database", AWAY) for _ in range(8)]
    assert pauses[0] <= 0.1
    assert 3 < pauses[-1] <= 5
    reporter.succeeded()
    assert reporter.failed("the database", AWAY) > 3
    reporter.succeeded()
    clock.now += outage_reporter.WORKING_SECONDS
    assert reporter.failed("the database", AWAY) <= 0.1


def test_line_has_a_bounded_length(
    reporter: OutageReporter, caplog: pytest.LogCaptureFixture
) -> None:
    reporter.failed("the database", psycopg.OperationalError("long\n" * 10_000))
    assert len(lines(caplog)[0]) < 700
    assert "\n" not in lines(caplog)[0]
