"""What all services together take of a machine, run as a container runs them, and `./dev up`."""

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic, sleep

from agentkit.processes import ROOT, Service
from benchmarks.addresses import Addresses
from benchmarks.agents.load import Schedule
from benchmarks.authority import STOP_SECONDS_MAX, Authority
from benchmarks.bench import Bench, Results
from benchmarks.memory import tree_pss
from benchmarks.readiness import Readiness
from benchmarks.scenarios.fetch import web_load
from benchmarks.scenarios.transfers import describe
from benchmarks.settings import DEFAULTS, SETTINGS
from benchmarks.usage import difference
from benchmarks.web_load import run_web_load

COMMAND = ["docker/supervise.sh"]
NAME = "all"


class _Supervisor(Service):
    """Its log goes through a pipe, as docker does it: to a file it would write by a helper."""

    writer: subprocess.Popen[bytes] | None = None

    def start(self, environment: Mapping[str, str]) -> None:
        with self.log_path.open("ab") as log:
            self.writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
        assert self.writer.stdin is not None
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.writer.stdin,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.writer.stdin.close()


class WholeAuthority(Authority):
    """Its only process is the supervisor. Its children are the services."""

    start_seconds = 0.0
    """How long the last start took, until everything served."""

    def __init__(self, addresses: Addresses, folder: Path, settings: Mapping[str, str]) -> None:
        super().__init__(addresses, folder, settings)
        programs = Path(sys.executable).parent
        self.environment["FLASK_APP"] = "swpt_accounts"
        self.environment["PATH"] = f"{programs}:{os.environ['PATH']}"
        self.supervisor = _Supervisor(NAME, COMMAND, folder / f"{NAME}.log")
        self.services = {NAME: self.supervisor}

    @property
    def pid(self) -> int:
        return self.processes[NAME].pid

    def start(self, *_names: str) -> None:
        """Start all services, and wait until they serve."""
        with Readiness(self) as readiness:
            readiness.wait_for_silence()
            started_at = monotonic()
            self.begin()
            readiness.wait()
            self.start_seconds = monotonic() - started_at

    def stop(self) -> None:
        """Stop all services."""
        super().stop()
        if self.supervisor.writer is not None:
            # it ends when the last service has
            self.supervisor.writer.wait(STOP_SECONDS_MAX)


# What a worker imports: the one place to change when workers begin in another way.
WORKER_IMPORTS = "import swpt_accounts.__main__, swpt_accounts.cli.flush_messages"


@dataclass(frozen=True)
class ImportCost:
    """In seconds, of a process that only imports; that of the interpreter itself included."""

    cpu_seconds: float
    wall_seconds: float

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def measure_import(statement: str = WORKER_IMPORTS) -> ImportCost:
    """Run a process that imports. Raises `CalledProcessError` when it fails."""
    before, started_at = _children_seconds(), monotonic()
    subprocess.run([sys.executable, "-c", statement], cwd=ROOT, check=True)
    return ImportCost(_children_seconds() - before, monotonic() - started_at)


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def light(bench: Bench) -> Results:
    """How long all services take to start, what they take while idle, and their memory.

    Each is started several times; the memory is that after a burst of transfers and many
    requests to the web server.
    """
    bench.world()
    return {"runs": [_measure(bench, number) for number in range(bench.runs_count)]}


def _measure(bench: Bench, number: int) -> Results:
    folder = bench.authority.folder / f"{NAME}-{number}"
    whole = WholeAuthority(bench.addresses, folder, SETTINGS[DEFAULTS])
    with bench.replaced(whole):
        starts = [whole.start_seconds, *(_restart(whole) for _ in range(_more_starts(bench)))]
        bench.say("it serves after " + ", ".join(f"{s:.2f} s" for s in starts))
        idle_percent = _idle_percent(bench)
        problems = load_all(bench, number)
        pss = tree_pss(whole.pid)
    imports = measure_import()
    bench.say(
        f"{sum(pss.values()):.0f} MiB in {len(pss)} processes; {idle_percent:.2f} % of a core"
        f" while idle; {imports.cpu_seconds:.2f} s of CPU for the imports of a worker"
    )
    return {
        "starts": starts,
        "start_seconds": statistics.median(starts),
        "idle_percent": idle_percent,
        "pss": pss,
        "pss_total": sum(pss.values()),
        "import": imports.as_json(),
        "problems": problems,
    }


def _more_starts(bench: Bench) -> int:
    return bench.sizes.start_rounds - 1


def _restart(whole: WholeAuthority) -> float:
    whole.stop()
    whole.start()
    return whole.start_seconds


def _idle_percent(bench: Bench) -> float:
    """What percentage of a core the processes take, and their database sessions."""
    sleep(bench.sizes.settling_seconds)
    before, started_at = bench.meter.sample(), monotonic()
    sleep(bench.sizes.idle_seconds)
    seconds, after = monotonic() - started_at, bench.meter.sample()
    usage = difference(before, after)
    return 100 * (usage.roles[NAME] + sum(usage.backends.values())) / seconds


def load_all(bench: Bench, number: int) -> list[str]:
    """Let every service do something. Returns what was wrong."""
    world = bench.world()
    run = bench.run(bench.transfers(world, "uniform", Schedule(bench.sizes.burst_count)))
    bench.say(describe(run))
    asked = run_web_load(replace(web_load(bench), seed=number))
    bench.note(asked.problems)
    return run.problems + asked.problems
