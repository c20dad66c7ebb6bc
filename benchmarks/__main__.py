"""The command: `python -m benchmarks`."""

import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from agentkit.waiting import KitError
from benchmarks import raw_limits
from benchmarks.addresses import sandbox
from benchmarks.authority import Authority
from benchmarks.bench import Bench, Results
from benchmarks.machine import describe_machine
from benchmarks.memory import read_all
from benchmarks.options import Options, parse_options
from benchmarks.report.page import RESULTS, publish, render
from benchmarks.results import read_results, write_results
from benchmarks.scenarios import ASKED_FOR, SCENARIOS
from benchmarks.settings import DEFAULTS, SETTINGS


def parse(arguments: Sequence[str] | None = None) -> Options:
    """The options of the command."""
    words = sys.argv[1:] if arguments is None else arguments
    return parse_options(words, list(SCENARIOS), ASKED_FOR)


def main() -> int:
    """Measure. Returns the exit code."""
    options = parse()
    if options.is_report_only:
        render(read_results(RESULTS))
        return 0
    folder = options.output / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        results = _measure(options, folder)
    except KitError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("benchmarks: interrupted", file=sys.stderr)
        return 130
    write_results(results, folder / "results.json")
    say(f"the results are in {folder / 'results.json'}")
    if results["problems"]:
        say(f"{len(results['problems'])} problems: it is NOT correct")
        return 1
    say("everything was correct")
    if options.is_published:
        publish(results)
        say("docs/performance.md has them")
    return 0


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


def _measure(options: Options, folder: Path) -> Results:
    with sandbox() as addresses:
        machine = describe_machine(addresses)
        authority = Authority(addresses, folder, SETTINGS[DEFAULTS])
        authority.prepare()
        say("raw limits of this machine")
        limits = [
            raw_limits.measure(addresses, options.sizes.raw_limits_count)
            for _ in range(options.runs_count)
        ]
        say("starting an authority")
        try:
            authority.start()
            results = _run_scenarios(Bench(authority, options), options)
        finally:
            authority.stop()
        problems = results["problems"] + authority.complaints()
        return {
            "machine": machine,
            "settings": SETTINGS,
            "raw_limits": [one.as_json() for one in limits],
            **results,
            "problems": problems,
        }


def _run_scenarios(bench: Bench, options: Options) -> Results:
    scenarios = {}
    for name in options.names:
        say(name)
        measured_at = datetime.now(UTC).isoformat(timespec="seconds")
        scenarios[name] = {"measured_at": measured_at, **SCENARIOS[name](bench)}
        bench.authority.check_alive()
    memory = {name: m.as_json() for name, m in read_all(bench.authority).items()}
    return {"scenarios": scenarios, "memory": memory, "problems": bench.problems}


if __name__ == "__main__":
    sys.exit(main())
