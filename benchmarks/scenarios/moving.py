"""Moves from the reference, and to it."""

import os
import re
import subprocess
import sys
from time import monotonic
from typing import Any

from agentkit.processes import ROOT
from benchmarks.addresses import Addresses
from benchmarks.bench import Bench, Results
from swpt_accounts.db.queries import read_queries

DUMP = ROOT / "tests" / "data" / "reference" / "dump.sql"
COMMANDS = (
    *(("move_in", "--dry-run"), ("move_in",), ("verify_books", "--quiet")),
    *(("move_out", "--dry-run"), ("move_out",), ("move_in",)),
)
_PREDATA = re.compile(r"^COPY .*?^\\\.$", re.MULTILINE | re.DOTALL)
_TOLD = re.compile(r"blocked|would")


def moving(bench: Bench) -> Results:
    """A database of the reference, as large as one likes, moves in; then out, and in again.

    How long each command takes, and its memory; what the commands say of the time without
    transfers is shown.
    """
    with bench.addresses.with_database(f"{bench.addresses.vhost}_moving") as addresses:
        _fill(bench, addresses)
        commands = [_run(bench, addresses, *words) for words in COMMANDS]
    problems = [f"{c['command']} failed" for c in commands if c["code"]]
    bench.note(problems)
    return {"runs": [{"commands": commands, "problems": problems}]}


def _fill(bench: Bench, addresses: Addresses) -> None:
    sizes = bench.sizes
    values: dict[str, Any] = {"accounts": sizes.moved_accounts, "archive": sizes.moved_archive}
    bench.say("making {accounts:,} accounts, and {archive:,} rows of the archive".format(**values))
    with addresses.connect() as connection:
        connection.execute(_PREDATA.sub("", DUMP.read_text()).encode())
        connection.execute("INSERT INTO public.alembic_version VALUES ('a5202da9c3ad')")
        connection.execute("SET search_path = public")
        for statement in read_queries(str(ROOT / "benchmarks" / "moving.sql")).values():
            connection.execute(statement.encode(), values if "%(" in statement else None)


def _run(bench: Bench, addresses: Addresses, *words: str) -> Results:
    started_at = monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "swpt_accounts", *words],
        cwd=ROOT,
        env={**os.environ, "POSTGRES_URL": addresses.database_url},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as output:
        lines = output.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds, peak_mib = monotonic() - started_at, usage.ru_maxrss / 1024
    told = [line for line in lines if _TOLD.search(line)]
    command = " ".join(words)
    bench.say("; ".join([f"{command}: {seconds:.1f} s, {peak_mib:.0f} MiB", *told]))
    return {
        "command": command,
        "seconds": seconds,
        "peak_mib": peak_mib,
        "told": told,
        "code": process.returncode,
    }
