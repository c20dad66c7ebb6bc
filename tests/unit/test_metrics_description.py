"""The description of the metrics keeps to the conventions of Prometheus."""

import re

from agentkit.processes import ROOT
from swpt_accounts.observability.metrics.definitions import (
    COUNTS,
    INCOMING,
    METRICS,
    OUTGOING,
    SECONDS,
    Kind,
)
from swpt_accounts.smp.decoder import MESSAGE_TYPES
from swpt_accounts.smp.outgoing import SIGNALS


def test_names_are_unique_and_well_formed() -> None:
    names = [metric.full_name for metric in METRICS]
    assert len(names) == len(set(names)) > 40
    for metric in METRICS:
        assert re.fullmatch("[a-z_]+", metric.name), metric
        assert metric.name.endswith("_seconds") == (metric.name.rpartition("_")[2] == "seconds")
        assert (metric.kind == Kind.HISTOGRAM) == bool(metric.buckets), metric
        assert metric.help.endswith("."), metric


def test_known_labels_are_those_of_the_protocol() -> None:
    assert {*INCOMING} == {*MESSAGE_TYPES, "unknown"}
    assert {*OUTGOING} == {message_type.__name__ for message_type in SIGNALS.values()}
    for metric in METRICS:
        assert all(len(values) == len(metric.labels) for values in metric.known), metric


def test_buckets_grow() -> None:
    for bounds in (SECONDS, COUNTS):
        assert list(bounds) == sorted(set(bounds))


def test_every_metric_is_used_somewhere() -> None:
    description = ROOT / "swpt_accounts" / "observability" / "metrics" / "definitions.py"
    constants = re.findall(
        "^([A-Z_]+): Final = _(?:counter|gauge|histogram|lasting)", description.read_text(), re.M
    )
    assert len(constants) == len(METRICS)
    texts = "".join(
        path.read_text() for path in (ROOT / "swpt_accounts").rglob("*.py") if path != description
    )
    for name in constants:
        assert re.search(rf"\b{name}\b", texts), name
