"""How long an operator waits for `status`."""

import json
import subprocess
import sys
from time import monotonic
from typing import Any

from agentkit.processes import ROOT
from benchmarks.agents.load import account
from benchmarks.bench import Bench, Results
from benchmarks.scenarios.backlog import QUEUE_TABLE, STAGE, world_by_sql
from swpt_accounts.db.queries import read_queries

COMMAND = (sys.executable, "-m", "swpt_accounts", "status", "--json")
SECONDS_MAX = 60.0
_WRONG = 1


def status(bench: Bench) -> Results:
    """The whole process, with many accounts, and as many requests in a queue that nobody reads."""
    count = bench.sizes.status_rows
    world = world_by_sql(bench, count)
    queries = read_queries(str(ROOT / "benchmarks" / "status.sql"))
    bench.authority.terminate(STAGE)
    try:
        bench.say(f"inserting {count:,} requests")
        values = {"debtor_id": world.debtor_id, "first": account(0), "count": count}
        with bench.addresses.connect() as connection:
            connection.execute(queries["fill"].encode(), values)
        runs = [_measure(bench, count) for _ in range(bench.sizes.status_rounds)]
    finally:
        with bench.addresses.connect() as connection:
            connection.execute(queries["empty"].encode())
        bench.authority.start(STAGE)
    return {"count": count, "runs": runs}


def _measure(bench: Bench, count: int) -> Results:
    started_at = monotonic()
    done = subprocess.run(
        COMMAND,
        cwd=ROOT,
        env=bench.authority.environment,
        stdout=subprocess.PIPE,
        timeout=SECONDS_MAX,
        check=False,
    )
    seconds = monotonic() - started_at
    told = json.loads(done.stdout)
    problems = _problems(done.returncode, told, count)
    bench.note(problems)
    bench.say(f"{seconds:.2f} s, of which it asks for {told['seconds']:.2f} s")
    return {"seconds": seconds, "asking_seconds": told["seconds"], "problems": problems}


def _problems(code: int, told: dict[str, Any], count: int) -> list[str]:
    """What it should have said, and has not: the stage is down, and about so many rows wait."""
    if code != _WRONG or told["database"] is None:
        return [f"status ended with {code}"]
    problems = []
    if "worker_missing" not in {finding["code"] for finding in told["findings"]}:
        problems.append(f"status does not say that {STAGE} is down")
    tables = {table["name"]: table["rows_count"] for table in told["database"]["tables"]}
    if not 0.5 <= tables[QUEUE_TABLE] / count <= 2:
        problems.append(f"status says that {tables[QUEUE_TABLE]:,} rows wait, not {count:,}")
    return problems
