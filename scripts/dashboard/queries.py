"""What a panel asks Prometheus for, by the description of a metric."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from swpt_accounts.observability.metrics import definitions as m

_SHARDS: Final = 'job=~"$job"'
_RATE: Final = "$__rate_interval"


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and what its series are called."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """What one sees together, in one unit of Grafana."""

    title: str
    unit: str
    text: str
    queries: tuple[Query, ...]


def _legend(labels: Iterable[str], prefix: str = "") -> str:
    words = [prefix, *(f"{{{{{label}}}}}" for label in labels)]
    return " ".join(word for word in words if word)


def _chosen(suffix: str, metric: m.Metric) -> str:
    return f"{metric.full_name}{suffix}{{{_SHARDS}}}"


def rate(metric: m.Metric, *by: str) -> Query:
    """How often something happens in a second."""
    labels = by or metric.labels or ("job",)
    series = _chosen("", metric)
    return Query(f"sum by ({', '.join(labels)}) (rate({series}[{_RATE}]))", _legend(labels))


def count_rate(metric: m.Metric) -> Query:
    """How often a histogram has seen a value, in a second."""
    labels = ", ".join(metric.labels)
    per_second = f"rate({_chosen('_count', metric)}[{_RATE}])"
    return Query(f"sum by ({labels}) ({per_second})", _legend(metric.labels))


def largest(metric: m.Metric, what: str = "") -> Query:
    """What all containers say alike."""
    labels = ("job", *metric.labels)
    series = _chosen("", metric)
    return Query(f"max by ({', '.join(labels)}) ({series})", _legend(labels, what))


def total(metric: m.Metric, what: str = "") -> Query:
    """What each container says of its own part."""
    labels = ("job", *metric.labels)
    return Query(f"sum by ({', '.join(labels)}) ({_chosen('', metric)})", _legend(labels, what))


def quantile(metric: m.Metric, *by: str, part: float = 0.99) -> Query:
    """What is exceeded by the rest."""
    labels = ", ".join(("le", *by))
    per_second = f"sum by ({labels}) (rate({_chosen('_bucket', metric)}[{_RATE}]))"
    return Query(f"histogram_quantile({part}, {per_second})", _legend(by, f"{part:.0%}"))


def age(metric: m.Metric) -> Query:
    """How long ago that moment was."""
    return Query(f"time() - ({largest(metric).expr})", _legend(("job", *metric.labels)))


def versions(metric: m.Metric) -> Query:
    """How many containers there are of each kind."""
    return Query(
        f"count by ({', '.join(metric.labels)}) ({_chosen('', metric)})",
        _legend(metric.labels),
    )


def each(metric: m.Metric, what: str = "") -> Query:
    """What each container says of itself."""
    return Query(_chosen("", metric), _legend(("instance", *metric.labels), what))


def panel(title: str, unit: str, metric: m.Metric, *queries: Query) -> Panel:
    return Panel(title, unit, metric.help, queries)
