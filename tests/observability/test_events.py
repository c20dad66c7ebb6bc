"""The events of the log: what the code tells, and what the catalogue has."""

import ast
import logging
import re
from collections import Counter
from pathlib import Path

from swpt_accounts.observability.events import (
    background,
    catalogue,
    console,
    lifecycle,
    messages,
    progress,
    topology,
)
from swpt_accounts.observability.events.catalogue import EVENTS, FIELDS, GROUPS, MESSAGE_IDS
from swpt_accounts.observability.events.event import Event

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for path in [*(ROOT / "swpt_accounts").rglob("*.py"), *(ROOT / "docker").glob("*.py")]
    if path.name != "event.py"
)
METHODS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
OWN_ARGUMENTS = {"about", "error", "level"}
NOT_TOLD_BY_NAME = {"other", "lines_left_out"}
# Fields that all lines have.
RESERVED = {
    *("asctime", "levelname", "processName", "name", "message", "exc_info", "time", "level"),
    *("event", "stack_info", "taskName"),
}
MODULES = (console, lifecycle, messages, progress, topology, background)
BY_VARIABLE = {
    variable: value
    for module in MODULES
    for variable, value in vars(module).items()
    if isinstance(value, Event)
}


def calls() -> list[tuple[Path, ast.Call]]:
    """The calls of methods in the code, each with its file."""
    return [
        (path, node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]


def told() -> list[tuple[Path, str, ast.Call]]:
    """The calls that tell an event: the file, the variable of the event, the call."""
    return [
        (path, node.func.value.id, node)
        for path, node in calls()
        if isinstance(node.func, ast.Attribute)
        and node.func.attr == "log"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id.isupper()
    ]


def test_each_line_of_the_log_is_an_event() -> None:
    direct = [
        f"{path}:{node.lineno}"
        for path, node in calls()
        if isinstance(node.func, ast.Attribute)
        and node.func.attr in METHODS
        and "logger" in ast.unparse(node.func.value).lower()
        # supervisord's own logger, whose lines are passed on
        and ast.unparse(node.func.value) != "self.logger"
    ]
    assert direct == []


def test_each_event_is_told_somewhere() -> None:
    names = {BY_VARIABLE[variable].name for _, variable, _ in told()}
    # These two are handed to `FetchClient._report`.
    text = (ROOT / "swpt_accounts/peers/fetch_client.py").read_text("utf-8")
    assert "event.log(logger, kind=kind, problem=problem, untold=untold)" in text
    names |= {background.PEER_SILENT.name, background.FETCH_API_URL_MISSING.name}
    assert names == EVENTS.keys() - NOT_TOLD_BY_NAME


def test_each_event_is_told_with_all_its_fields_and_no_others() -> None:
    assert len(told()) > 40
    for path, variable, node in told():
        event = BY_VARIABLE[variable]
        given = {keyword.arg for keyword in node.keywords}
        assert given - OWN_ARGUMENTS == set(event.fields), (path, variable)
        assert ("about" in given) == event.is_about_message, (path, variable)
    assert {"kind", "problem", "untold"} == set(background.PEER_SILENT.fields)
    assert {"kind", "problem", "untold"} == set(background.FETCH_API_URL_MISSING.fields)


def test_each_event_is_in_the_catalogue_once() -> None:
    names = Counter(event.name for _, events in GROUPS for event in events)
    assert set(names.values()) == {1}
    assert {event.name for event in BY_VARIABLE.values()} == names.keys()


def test_an_event_is_described() -> None:
    for event in EVENTS.values():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", event.name)
        assert event.level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
        assert event.meaning.endswith(".")
        assert event.action.endswith((".", "?"))
        assert "|" not in event.meaning + event.action
        assert set(event.fields) <= FIELDS.keys()
        assert not set(event.fields) & RESERVED


def test_each_field_is_used() -> None:
    used = {name for event in EVENTS.values() for name in event.fields}
    assert used | set(MESSAGE_IDS) == FIELDS.keys()
    assert sorted(FIELDS) == list(FIELDS)


def test_an_unknown_event_may_be_left_out() -> None:
    assert catalogue.is_limited("no_such_event")
    assert not catalogue.is_limited(lifecycle.WORKER_DIED.name)
