"""The tables of the reference pages, in Markdown, made from what the program says of itself.

`docs/conf.py` puts them where a page has a comment like ``<!-- table: settings -->``.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final

from swpt_accounts.db.tables import Base
from swpt_accounts.observability.events.catalogue import FIELDS, GROUPS, MESSAGE_IDS
from swpt_accounts.observability.events.event import Event
from swpt_accounts.observability.log.rate_limit import BURST_COUNT, LINES_PER_SECOND, TELL_SECONDS
from swpt_accounts.observability.metrics.definitions import METRICS, PREFIX, Kind, Metric, Source
from swpt_accounts.settings.description import SETTINGS, Setting

_SOURCES: Final = {
    Source.PROCESSES: "What processes record",
    Source.STATE: "Whether processes are alive",
    Source.DATABASE: "What the database says",
    Source.BROKERS: "What the brokers say",
    Source.SETTINGS: "What the program is, and how it is set",
    Source.NODE: "What is in the folder of the node",
}
_OWN_LEVEL: Final = ("supervisor", "other", "lines_left_out")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table, given its head and its cells."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(names: Iterable[str]) -> str:
    """Return names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def is_internal(setting: Setting) -> bool:
    """Whether it is seldom worth changing."""
    return setting.variable.startswith("APP_") and not setting.variable.startswith("APP_LOG_")


def _settings(internal: bool) -> str:
    return table(
        ("variable", "default", "rule", "meaning"),
        (
            (
                code([setting.variable]),
                code([setting.default_text]) if setting.default_text else "none",
                setting.rule,
                setting.doc,
            )
            for setting in SETTINGS.values()
            if is_internal(setting) == internal
        ),
    )


def _metrics() -> str:
    return "\n".join(
        f"## {title}\n\n"
        + table(
            ("metric", "kind", "labels", "meaning"),
            (
                (_names(metric), metric.kind, code(metric.labels), metric.help)
                for metric in METRICS
                if metric.source == source
            ),
        )
        for source, title in _SOURCES.items()
    )


def _names(metric: Metric) -> str:
    name = metric.full_name.removeprefix(PREFIX)
    if metric.kind == Kind.HISTOGRAM:
        return code([f"{name}_bucket", "…_sum", "…_count"])
    return code([name])


def _events() -> str:
    head = ("event", "level", "meaning", "fields", "what to do")
    return "\n".join(
        f"## {title}\n\n{table(head, map(_event, events))}" for title, events in GROUPS
    )


def _event(event: Event) -> tuple[str, ...]:
    level = "its own" if event.name in _OWN_LEVEL else logging.getLevelName(event.level)
    fields = code(event.fields)
    if event.is_about_message:
        fields = ", ".join(filter(None, (fields, "the ids of the message")))
    always = "" if event.is_limited else ", *always*"
    return (code([event.name]), f"{level}{always}", event.meaning, fields, event.action)


def _fields() -> str:
    return table(("field", "meaning"), ((code([name]), text) for name, text in FIELDS.items()))


def _rate_limit() -> str:
    return table(
        ("limit", "value"),
        (
            ("lines of an event and logger that a process writes at once", f"{BURST_COUNT}"),
            ("after these, lines in a second", f"{LINES_PER_SECOND:g}"),
            ("seconds until `lines_left_out` says how many were left out", f"{TELL_SECONDS:g}"),
        ),
    )


def _outboxes() -> str:
    tables = Base.metadata.tables.items()
    return table(
        ("outbox", "columns"),
        ((code([name]), code(t.columns.keys())) for name, t in tables if name.endswith("_signal")),
    )


TABLES: Final[dict[str, Callable[[], str]]] = {
    "settings": lambda: _settings(internal=False),
    "internal_settings": lambda: _settings(internal=True),
    "metrics": _metrics,
    "events": _events,
    "event_fields": _fields,
    "rate_limit": _rate_limit,
    "outboxes": _outboxes,
    "message_ids": lambda: code(MESSAGE_IDS),
}
