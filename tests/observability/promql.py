"""Which metrics and labels an expression of PromQL names."""

import re

from swpt_accounts.observability.metrics.definitions import METRICS, PREFIX, Kind, Metric

# What Prometheus adds to each series, and a histogram to its buckets.
ADDED = {"job", "instance", "le"}
_SERIES = re.compile(r"\b(\w+)\s*\{([^}]*)\}|\b(swpt_accounts_\w+)\b")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")


def known_series() -> dict[str, Metric]:
    """The metric of each name that a page can show."""
    known = {}
    for metric in METRICS:
        parts = ("_bucket", "_sum", "_count") if metric.kind == Kind.HISTOGRAM else ("",)
        known.update({metric.full_name + part: metric for part in parts})
    return known


KNOWN = known_series()


def without_texts(expr: str) -> str:
    """The same, with empty texts."""
    return re.sub(r'"[^"]*"', '""', expr)


def metrics_of(expr: str) -> list[Metric]:
    """The metrics that are named. Raises `KeyError` for one that does not exist."""
    found = re.findall(rf"\b{PREFIX}\w+", without_texts(expr))
    return [KNOWN[name] for name in found]


def check_labels(expr: str) -> None:
    """Each label that is named is one of a metric that is named with it."""
    expr = without_texts(expr)
    every = ADDED.union(*(metric.labels for metric in metrics_of(expr)))
    for grouping in _GROUPING.findall(expr):
        assert {label.strip() for label in grouping.split(",")} <= every, expr
    for name, matchers, _ in _SERIES.findall(expr):
        if name:
            labels = KNOWN[name].labels if name in KNOWN else ()
            assert set(_MATCHER.findall(matchers)) <= ADDED.union(labels), expr
