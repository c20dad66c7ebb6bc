"""Opening accounts."""

from benchmarks.bench import Bench, Results
from benchmarks.scenarios.transfers import describe


def opening(bench: Bench) -> Results:
    """New accounts for a new debtor, all requests at once."""
    runs = []
    for _ in range(bench.runs_count):
        run = bench.run(bench.opening(bench.new_debtor(), bench.sizes.opening_count))
        bench.say(describe(run))
        runs.append(run.as_json())
    return {"runs": runs}
