"""What all services together take of a machine, run as a container runs them."""

import statistics
from dataclasses import replace
from time import monotonic, sleep

from benchmarks.agents.load import Schedule
from benchmarks.bench import Bench, Results
from benchmarks.importing import measure_import
from benchmarks.memory import tree_pss
from benchmarks.scenarios.fetch import web_load
from benchmarks.scenarios.transfers import describe
from benchmarks.settings import DEFAULTS, SETTINGS
from benchmarks.usage import difference
from benchmarks.web_load import run_web_load
from benchmarks.whole import NAME, WholeAuthority


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
        problems = _load(bench, number)
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


def _load(bench: Bench, number: int) -> list[str]:
    """Let every service do something. Returns what was wrong."""
    world = bench.world()
    run = bench.run(bench.transfers(world, "uniform", Schedule(bench.sizes.burst_count)))
    bench.say(describe(run))
    asked = run_web_load(replace(web_load(bench), seed=number))
    bench.note(asked.problems)
    return run.problems + asked.problems
