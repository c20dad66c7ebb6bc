"""The lines of the log, as text and as JSON."""

import io
import json
import logging
import re
import sys
from collections.abc import Iterator

import pytest

from swpt_accounts.observability.log import configure_logging
from swpt_accounts.settings import load_settings

ZONE = r"[+-][0-9]{4}"


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in ("pika", "psycopg", "alembic")}
    yield
    root.handlers[:], root.level = handlers, level
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)


def lines_of(**settings: str) -> list[str]:
    """What is written of some events."""
    stream = io.StringIO()
    configure_logging(load_settings(settings), stream)
    logger = logging.getLogger("swpt_accounts.tests")
    logger.debug("one")
    logger.warning("two\nlines of %s", "a message")
    try:
        raise ValueError("wrong")
    except ValueError:
        logger.exception("three")
    logger.critical("four")
    return stream.getvalue().splitlines()


def test_json_has_the_fields_that_log_pipelines_read() -> None:
    two, three, four = map(json.loads, lines_of(APP_LOG_FORMAT="json"))
    assert [one["levelname"] for one in (two, three, four)] == ["WARNING", "ERROR", "CRITICAL"]
    assert two["message"] == "two\nlines of a message"
    assert two["name"] == "swpt_accounts.tests"
    assert "exc_info" not in two
    assert three["exc_info"].startswith("Traceback (most recent call last):\n")
    assert three["exc_info"].endswith("ValueError: wrong")
    for one in (two, three, four):
        assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d{ZONE}", one["asctime"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", one["time"])
        assert one["level"] == one["levelname"]
        assert one["processName"] == "MainProcess"


def test_text_has_a_time_zone() -> None:
    lines = lines_of(APP_LOG_FORMAT="text")
    moment = rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d,\d{{3}}{ZONE}"
    assert re.fullmatch(rf"{moment} WARNING swpt_accounts\.tests: two", lines[0])
    assert re.fullmatch(rf"{moment} CRITICAL swpt_accounts\.tests: four", lines[-1])


@pytest.mark.parametrize(
    ("level", "count"),
    [
        *(("debug", 4), ("notset", 4), ("warning", 3), ("WARN", 3)),
        *(("error", 2), ("critical", 1), ("fatal", 1)),
    ],
)
def test_levels(level: str, count: int) -> None:
    assert len(lines_of(APP_LOG_FORMAT="json", APP_LOG_LEVEL=level)) == count


def test_the_log_is_on_the_standard_output() -> None:
    configure_logging(load_settings({}))
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stdout
