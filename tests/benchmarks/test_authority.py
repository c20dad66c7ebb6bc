"""What the benchmark takes for a complaint in the logs of what it measures."""

import logging

import pytest

from benchmarks.authority import is_complaint
from swpt_accounts.observability.events.background import PEER_SILENT
from swpt_accounts.observability.events.event import NAME_KEY, Event
from swpt_accounts.observability.events.lifecycle import BROKER_BLOCKED, SETTING_SLOW, WORKERS_STOP
from swpt_accounts.observability.log.configuration import TextFormatter


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (SETTING_SLOW, False),
        (PEER_SILENT, False),
        (BROKER_BLOCKED, True),
        (WORKERS_STOP, False),
    ],
)
def test_a_warning_is_one_but_not_what_is_expected(event: Event, expected: bool) -> None:
    record = logging.LogRecord("swpt_accounts.somewhere", event.level, "", 0, "text", None, None)
    setattr(record, NAME_KEY, event.name)
    assert is_complaint(TextFormatter().format(record)) is expected


def test_so_is_a_traceback() -> None:
    assert is_complaint("Traceback (most recent call last):")
