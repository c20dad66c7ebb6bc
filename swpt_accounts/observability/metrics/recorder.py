"""Records metrics. Cheap, and nothing at all where no metrics are wanted.

`configure` sets what to record, in the process of a command; `start` begins, in each process that
works, after it was forked.
"""

import logging
import os
import threading
from bisect import bisect_left
from contextlib import suppress
from typing import Any, Final

from swpt_accounts.observability import heartbeat
from swpt_accounts.observability.events.lifecycle import METRICS_DAMAGED, NOTHING_RECORDED
from swpt_accounts.observability.metrics.definitions import (
    BATCH_ROWS,
    BATCH_SECONDS,
    PROCESS_STARTS,
    Kind,
    Metric,
)
from swpt_accounts.observability.state_dir import UnusableStateDir, open_folder, take_slot

logger = logging.getLogger(__name__)

METRICS_FOLDER: Final = "metrics"
PROCESSES_FOLDER: Final = "processes"
LABELS_COUNT_MAX: Final = 50
"""How many values a label has where anybody outside decides about them. The rest is `OTHER`."""
OTHER: Final = "other"


class _Recorder:
    """Makes the library's metrics when they are first needed, over the files of a slot."""

    def __init__(self, folder: str, slot: int) -> None:
        # The library takes 4 MB, which nobody else needs.
        import prometheus_client
        from prometheus_client import values

        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        # (these parts of the library have no types)
        make_value_class: Any = values.MultiProcessValue
        values.ValueClass = make_value_class(lambda: slot)
        self._library = prometheus_client
        self._made: dict[str, Any] = {}
        self._children: dict[tuple[str, ...], Any] = {}
        self._lock = threading.Lock()

    def child(self, metric: Metric, labels: tuple[str, ...]) -> Any:
        key = (metric.name, *labels)
        child = self._children.get(key)
        if child is None:
            # two objects for one value would not know of each other
            with self._lock:
                made = self._made.get(metric.name) or self._make(metric)
                child = self._children[key] = made.labels(*labels) if labels else made
        return child

    def _make(self, metric: Metric) -> Any:
        more: dict[str, Any] = {}
        if metric.kind == Kind.HISTOGRAM:
            more["buckets"] = metric.buckets
        elif metric.kind == Kind.GAUGE:
            more["multiprocess_mode"] = "mostrecent" if metric.is_lasting else "livesum"
        maker = getattr(self._library, metric.kind.capitalize())
        made = maker(metric.full_name, metric.help, metric.labels, registry=None, **more)
        self._made[metric.name] = made
        return made


_configured: tuple[str, str, bool, str] | None = None
_recorder: _Recorder | None = None
_heartbeat_file: heartbeat.HeartbeatFile | None = None


def configure(state_dir: str, command: str, *, has_metrics: bool, shard: str = "") -> None:
    """Set where this process, and those that it forks, record, what they are called, and for which
    shard they work.
    """
    global _configured
    _configured = state_dir, command, has_metrics, shard


def command_name() -> str:
    return _configured[1] if _configured else "swpt_accounts"


def start() -> None:
    """Begin to record. Where that is impossible it is logged, and the work goes on without."""
    global _recorder, _heartbeat_file
    if _configured is None:
        return
    state_dir, command, has_metrics, shard = _configured
    try:
        slot = take_slot(open_folder(state_dir, PROCESSES_FOLDER))
        _heartbeat_file = heartbeat.HeartbeatFile(slot, command, shard)
        if has_metrics:
            folder = open_folder(state_dir, METRICS_FOLDER)
            _clean(str(folder), slot.number)
            _recorder = _Recorder(str(folder), slot.number)
            count(PROCESS_STARTS, 1, command)
    except OSError as error:
        is_known = isinstance(error, UnusableStateDir)
        text = str(error) if is_known else f"STATE_DIR {state_dir!r}: {error}"
        level = logging.WARNING if has_metrics else logging.INFO
        NOTHING_RECORDED.log(logger, level=level, problem=text)


def _clean(folder: str, slot: int) -> None:
    """Remove what the process before has left, and is true no more; and what is damaged."""
    from prometheus_client import multiprocess
    from prometheus_client.mmap_dict import MmapedDict

    mark_dead: Any = multiprocess.mark_process_dead
    read_values: Any = MmapedDict.read_all_values_from_file
    mark_dead(slot, folder)
    for prefix in ("counter", "histogram", "gauge_mostrecent"):
        path = os.path.join(folder, f"{prefix}_{slot}.db")
        try:
            list(read_values(path))
        except FileNotFoundError:
            continue
        except Exception as error:
            METRICS_DAMAGED.log(logger, path=str(path), problem=repr(error))
            with suppress(OSError):
                os.unlink(path)


def is_on() -> bool:
    """Whether metrics are recorded here."""
    return _recorder is not None


def count(metric: Metric, amount: float, *labels: str) -> None:
    if _recorder is not None and amount:
        _recorder.child(metric, labels).inc(amount)


def set_value(metric: Metric, value: float, *labels: str) -> None:
    if _recorder is not None:
        _recorder.child(metric, labels).set(value)


def observe(metric: Metric, value: float, *labels: str, count: int = 1) -> None:
    """Add so many equal values to a histogram."""
    if _recorder is None or not count:
        return
    child = _recorder.child(metric, labels)
    if count == 1:
        child.observe(value)
        return
    # what `observe` does, without doing it a thousand times
    child._sum.inc(value * count)
    child._buckets[bisect_left(metric.buckets, value)].inc(count)


def begin_loop(name: str) -> None:
    if _heartbeat_file is not None:
        heartbeat.set_current_heartbeat(_heartbeat_file.begin(name))


def end_loop() -> None:
    current = heartbeat.current_heartbeat()
    if _heartbeat_file is not None and current is not None:
        heartbeat.set_current_heartbeat(None)
        _heartbeat_file.end(current)


def report_healthy() -> None:
    """Note that the loop of this thread can use all that it needs."""
    if (current := heartbeat.current_heartbeat()) is not None:
        current.recover(None)


class BoundedLabel:
    """The values of a label that others choose: the first ones are kept apart."""

    def __init__(self, count_max: int = LABELS_COUNT_MAX) -> None:
        self._count_max = count_max
        self._known: set[str] = set()

    def value(self, text: str) -> str:
        """The text itself, or `OTHER`."""
        if text not in self._known:
            if len(self._known) >= self._count_max:
                return OTHER
            self._known.add(text)
        return text


def note_batch(loop: str, rows_count: int, seconds: float) -> None:
    """Note a batch of messages or rows; an empty one is none."""
    if rows_count:
        observe(BATCH_ROWS, rows_count, loop)
        observe(BATCH_SECONDS, seconds, loop)
