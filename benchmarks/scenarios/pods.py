"""Each service in a container of its own, as on Kubernetes: how it starts, and what it takes."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic

from agentkit.authority import WEBSERVER
from agentkit.processes import free_port
from agentkit.waiting import wait_until
from benchmarks.addresses import Addresses
from benchmarks.authority import Authority
from benchmarks.bench import Bench, Results
from benchmarks.memory import tree_pss
from benchmarks.readiness import LOOK_SECONDS, await_silence
from benchmarks.scenarios.light import load_all
from benchmarks.settings import DEFAULTS, SETTINGS
from benchmarks.usage import read_processes, tree_seconds

_WITH_METRICS = "--with-metrics"


class Pods(Authority):
    """Its services share nothing but the servers, and what the image has.

    With metrics each one shows its own, as the entrypoint lets it; the web server has an exporter.
    """

    def __init__(
        self, addresses: Addresses, folder: Path, settings: Mapping[str, str], has_metrics: bool
    ) -> None:
        super().__init__(addresses, folder, settings)
        self._has_metrics = has_metrics
        self.starts: dict[str, tuple[float, float]] = {}
        """Of each service: how long its last start took, and how much CPU time, in seconds."""
        if has_metrics:
            web = self.services[WEBSERVER]
            web.command = ["sh", "-c", _WEB_WITH_METRICS, "sh", *web.command]
            for service in self.services.values():
                if service is not web:
                    position = service.command.index("swpt_accounts") + 1
                    service.command.insert(position, _WITH_METRICS)

    def begin(self, *names: str) -> None:
        """Start services, each with a folder and a port of its own."""
        common = self.environment
        for name in names or tuple(self.services):
            own = {"STATE_DIR": str(self.folder.absolute() / "states" / name)}
            if self._has_metrics:
                own["METRICS_PORT"] = str(free_port())
            self.environment = {**common, **own}
            super().begin(name)
        self.environment = common

    def start_one_by_one(self) -> None:
        """Start each service when the one before serves."""
        for name in self.services:
            started_at = monotonic()
            self.begin(name)
            wait_until(partial(self._is_ready, name), 60.0, f"{name} serves", LOOK_SECONDS)
            self.starts[name] = monotonic() - started_at, self.cpu_seconds(name)

    @contextmanager
    def by_flask(self) -> Iterator[None]:
        """Its commands are `flask swpt_accounts …`, until the context ends."""
        before = {name: service.command for name, service in self.services.items()}
        for service in self.services.values():
            if service.command[1:3] == ["-m", "swpt_accounts"]:
                service.command = [f"{Path(sys.executable).parent}/flask", *service.command[2:]]
        self.environment["FLASK_APP"] = "swpt_accounts"
        try:
            yield
        finally:
            for name, service in self.services.items():
                service.command = before[name]

    def start_at_once(self) -> float:
        """Start all services. Returns how long it took until all served."""
        started_at = monotonic()
        self.begin()
        waiting = dict.fromkeys(self.services)

        def are_ready() -> bool:
            for name in [name for name in waiting if self._is_ready(name)]:
                del waiting[name]
            return not waiting

        wait_until(are_ready, 60.0, "all services serve", LOOK_SECONDS)
        return monotonic() - started_at

    def cpu_seconds(self, name: str) -> float:
        """What a service has used so far."""
        return tree_seconds(read_processes(), self.processes[name].pid)


# What docker/entrypoint.sh does.
_WEB_WITH_METRICS = 'python -m swpt_accounts serve_metrics --beside $$ & exec "$@"'


def pods(bench: Bench) -> Results:
    """How long each service takes to start alone, and its memory after a burst of transfers and
    many requests to the web server; with and without metrics.
    """
    bench.world()
    return {"runs": [_measure_both(bench, number) for number in range(bench.runs_count)]}


def _measure_both(bench: Bench, number: int) -> Results:
    plain, shown = (_measure(bench, number, has_metrics) for has_metrics in (False, True))
    return {
        "plain": plain,
        "with_metrics": shown,
        "problems": plain.pop("problems") + shown.pop("problems"),
    }


def _measure(bench: Bench, number: int, has_metrics: bool) -> Results:
    folder = bench.authority.folder / f"pods-{number}-{'metrics' if has_metrics else 'plain'}"
    authority = Pods(bench.addresses, folder, SETTINGS[DEFAULTS], has_metrics)
    with bench.replaced(authority):
        authority.stop()
        await_silence(authority)
        together_seconds = authority.start_at_once()
        together_cpu = sum(authority.cpu_seconds(name) for name in authority.services)
        authority.stop()
        await_silence(authority)
        with authority.by_flask():
            flask_seconds = authority.start_at_once()
            authority.stop()
        await_silence(authority)
        authority.start_one_by_one()
        problems = load_all(bench, number)
        pss = {
            name: sum(tree_pss(process.pid).values())
            for name, process in authority.processes.items()
        }
    bench.say(
        f"{'with metrics' if has_metrics else 'without metrics'}: {sum(pss.values()):.0f} MiB;"
        f" all serve after {together_seconds:.2f} s and {together_cpu:.2f} s of CPU,"
        f" by flask after {flask_seconds:.2f} s"
    )
    return {
        "seconds": {name: seconds for name, (seconds, _) in authority.starts.items()},
        "cpu_seconds": {name: seconds for name, (_, seconds) in authority.starts.items()},
        "pss": pss,
        "pss_total": sum(pss.values()),
        "together_seconds": together_seconds,
        "flask_seconds": flask_seconds,
        "together_cpu_seconds": together_cpu,
        "problems": problems,
    }
