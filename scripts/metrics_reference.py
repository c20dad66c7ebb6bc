"""The reference of the metrics, for readers."""

import sys
from typing import Final

from swpt_accounts.observability.metrics.definitions import METRICS, PREFIX, Kind, Metric, Source

_HEAD: Final = """\
# Metrics

Where `METRICS_PORT` is set, a container shows them on this port at `/metrics`: what all of its
processes have recorded, and what its exporter has learned from the database and the brokers in the
last minute.
How to use them: [watch it](../how-to/watch-it.md).

All names begin with `{prefix}`. Times are in seconds. A counter goes on when its process is started
again, and begins anew with the container. What processes record is recorded in their own container;
what the database and the brokers say, every container says: take the `max` of it, not the sum.

This page is made from `swpt_accounts/observability/metrics/definitions.py`; a test compares them.
To make it again:

    python -m scripts.metrics_reference > docs/reference/metrics.md
"""
_TABLE_HEAD: Final = """\
| metric | kind | labels | meaning |
|---|---|---|---|
"""
_TITLES: Final = {
    Source.PROCESSES: "What processes record",
    Source.STATE: "Whether processes are alive",
    Source.DATABASE: "What the database says",
    Source.BROKERS: "What the brokers say",
    Source.SETTINGS: "What the program is, and how it is set",
}


def render_reference() -> str:
    """Return the reference page, in Markdown."""
    parts = [_HEAD.format(prefix=PREFIX)]
    for source, title in _TITLES.items():
        rows = "".join(_row(metric) for metric in METRICS if metric.source == source)
        parts.append(f"## {title}\n\n{_TABLE_HEAD}{rows}")
    return "\n".join(parts)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{_short(metric)}` | {metric.kind} | {labels} | {metric.help} |\n"


def _short(metric: Metric) -> str:
    name = metric.full_name.removeprefix(PREFIX)
    if metric.kind == Kind.HISTOGRAM:
        return f"{name}_bucket`, `…_sum`, `…_count"
    return name


if __name__ == "__main__":
    sys.stdout.write(render_reference())
