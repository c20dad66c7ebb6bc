"""All metrics of the container: what processes have recorded, and what the exporter has found."""

import logging
import platform
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from swpt_accounts.core.version import VERSION
from swpt_accounts.db.installer import procedures_version
from swpt_accounts.inspection.exporter.certificates import ends_of_certificates
from swpt_accounts.inspection.exporter.health import HealthPoller, Probe
from swpt_accounts.inspection.exporter.pollers import BrokerPoller, DatabasePoller, Values
from swpt_accounts.observability.events.lifecycle import METRICS_UNREADABLE
from swpt_accounts.observability.liveness import (
    Condition,
    condition_of,
    living_processes,
    living_slots,
)
from swpt_accounts.observability.metrics import definitions as m
from swpt_accounts.observability.metrics.recorder import METRICS_FOLDER
from swpt_accounts.settings import Settings

logger = logging.getLogger(__name__)

_LIVE_GAUGES: Final = "gauge_live"


class MetricsCollector(Collector):
    """Collects everything for each scrape; the servers are asked by other threads."""

    def __init__(
        self,
        settings: Settings,
        health: HealthPoller,
        database: DatabasePoller,
        brokers: Iterable[BrokerPoller],
    ) -> None:
        self._settings = settings
        self._health = health
        self._database = database
        self._brokers = tuple(brokers)

    def collect(self) -> Iterator[Family]:
        yield from self._recorded()
        values: Values = {}
        self._add_state(values)
        self._add_servers(values)
        values |= _about(self._settings)
        values |= ends_of_certificates(self._settings.nodedata_dir)
        yield from _families(values)

    def _recorded(self) -> Iterator[Family]:
        """What processes have recorded, also those that are dead; but no states of the latter."""
        living = set(living_slots(self._settings.state_dir))
        folder = Path(self._settings.state_dir, METRICS_FOLDER)
        files = [
            str(path)
            for path in folder.glob("*.db")
            if not path.name.startswith(_LIVE_GAUGES) or _slot_of(path) in living
        ]
        recorded = {family.name: family for family in _merge(files)}
        for metric in m.METRICS:
            if metric.known:
                _add_zeros(recorded, metric)
        yield from recorded.values()

    def _add_state(self, values: Values) -> None:
        now = monotonic()
        processes = living_processes(self._settings.state_dir)
        for command, count in Counter(process.command for process in processes).items():
            values[m.PROCESSES, (command,)] = count
        for loop in (loop for process in processes for loop in process.loops):
            condition, _ = condition_of(loop, now)
            for metric, is_counted in (
                (m.LOOPS, True),
                (m.LOOPS_STUCK, condition == Condition.FROZEN),
                (m.LOOPS_WAITING, condition in (Condition.STARTING, Condition.WAITING)),
            ):
                key = metric, (loop.name,)
                values[key] = values.get(key, 0) + is_counted
        for metric, probe in ((m.LIVE, Probe.LIVE), (m.READY, Probe.READY)):
            values[metric, ()] = not self._health.problems(probe)

    def _add_servers(self, values: Values) -> None:
        database = self._database.answers
        values[m.DATABASE_UP, ()] = database.is_fresh and database.is_up
        values[m.DATABASE_ASKED, ()] = database.asked_at
        if database.is_fresh:
            values |= database.values
        for broker in self._brokers:
            away: Values = {(m.BROKER_UP, (queue,)): 0.0 for queue in broker.queues}
            if broker.answers.is_fresh:
                values |= broker.answers.values
            if not (broker.answers.is_fresh and broker.answers.is_up):
                values |= away


def _merge(files: list[str]) -> Iterable[Family]:
    """The sums over these files, but for those that are damaged."""
    merge: Any = MultiProcessCollector.merge
    try:
        return list(merge(files))
    except Exception as error:
        METRICS_UNREADABLE.log(logger, problem=repr(error))
        sound: list[Family] = list(merge([path for path in files if _is_sound(path)]))
        return sound


def _is_sound(path: str) -> bool:
    read: Any = MmapedDict.read_all_values_from_file
    try:
        list(read(path))
    except Exception:
        return False
    return True


def _add_zeros(recorded: dict[str, Family], metric: m.Metric) -> None:
    """Show the counters that have not counted anything yet, as far as their labels are known."""
    name = f"{m.PREFIX}{metric.name}"
    made: Any = Family
    family = recorded.setdefault(name, made(name, metric.help, metric.kind))
    there = {
        tuple(sample.labels.get(label) for label in metric.labels) for sample in family.samples
    }
    for labels in metric.known:
        if labels not in there:
            family.add_sample(metric.full_name, dict(zip(metric.labels, labels, strict=True)), 0.0)


def _slot_of(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def _about(settings: Settings) -> Values:
    """What the program is, and how it is set; nothing that is text, and could be a secret."""
    values: Values = {
        (m.BUILD, (VERSION, procedures_version(), platform.python_version())): 1,
        (m.SHARD, (settings.protocol_broker_queue_routing_key,)): 1,
    }
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, int | float):
            values[m.SETTING, (name.upper(),)] = value
    return values


def _families(values: Values) -> Iterator[Family]:
    families: dict[str, Any] = {}
    for (metric, labels), value in values.items():
        family = families.get(metric.name)
        if family is None:
            family = families[metric.name] = GaugeMetricFamily(
                metric.full_name, metric.help, labels=metric.labels
            )
        family.add_metric(labels, float(value))
    yield from families.values()
