"""Measures moves: `./dev bench-moving [--accounts N] [--archive N]`.

Makes a database of the reference, as large as one likes, and moves in; then out, and in again.
Prints how long no transfer was possible, how long all of it took, and the memory of the command.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.database import dsn_of

ROOT = Path(__file__).parents[1]
DUMP = ROOT / "tests" / "data" / "reference" / "dump.sql"
DATABASE = "benchmark_moving"
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_PREDATA = re.compile(r"^COPY .*?^\\\.$", re.MULTILINE | re.DOTALL)


def make_database(server: str, accounts: int, archive: int) -> str:
    """The URL of a new database of the reference."""
    url = make_url(server)
    with psycopg.connect(dsn_of(url), autocommit=True) as connection:
        name = sql.Identifier(DATABASE)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    made = url.set(database=DATABASE)
    with psycopg.connect(dsn_of(made), autocommit=True) as connection:
        connection.execute(_PREDATA.sub("", DUMP.read_text()).encode())
        connection.execute(
            "INSERT INTO public.alembic_version (version_num) VALUES ('a5202da9c3ad')"
        )
        connection.execute("SET search_path = public")
        text = (ROOT / "benchmarks" / "moving.sql").read_text()
        _, *parts = _NAME.split(text)
        for step, statement in zip(parts[::2], parts[1::2], strict=True):
            started_at = monotonic()
            parameters = {"accounts": accounts, "archive": archive}
            connection.execute(statement.encode(), parameters if "%(" in statement else None)
            print(f"  made {step}: {monotonic() - started_at:.0f} s", flush=True)
    return made.render_as_string(hide_password=False)


def run_command(url: str, *arguments: str) -> None:
    """Run a command, and print its figures."""
    started_at = monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "swpt_accounts", *arguments],
        cwd=ROOT,
        env={**os.environ, "POSTGRES_URL": url},
        stdout=subprocess.PIPE,
        text=True,
    )
    output, _ = process.communicate()
    _, _, usage = process.pid, process.returncode, resource.getrusage(resource.RUSAGE_CHILDREN)
    for line in output.splitlines():
        if "transfer was possible" in line or "would" in line:
            print(f"  {line}")
    print(
        f"  {' '.join(arguments)}: {monotonic() - started_at:.1f} s in all, at most"
        f" {usage.ru_maxrss / 1024:.0f} MiB, exit code {process.returncode}",
        flush=True,
    )
    if process.returncode:
        sys.exit(1)


def parse(arguments: list[str]) -> Any:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./dev bench-moving", description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--archive", type=int, default=10_000_000)
    return parser.parse_args(arguments)


def main() -> None:
    """Measure."""
    options = parse(sys.argv[1:])
    server = os.environ["TEST_POSTGRES_URL"]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{options.accounts:,} accounts, {options.archive:,} rows of the archive", flush=True)
    url = make_database(server, options.accounts, options.archive)
    run_command(url, "move_in", "--dry-run")
    run_command(url, "move_in")
    run_command(url, "verify_books", "--quiet")
    run_command(url, "move_out", "--dry-run")
    run_command(url, "move_out")
    run_command(url, "move_in")


if __name__ == "__main__":
    main()
