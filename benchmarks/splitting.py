"""Measures a split: `./dev bench-splitting [--accounts N] [--archive N] [--transfers-a-second N]`.

Fills a shard, splits it while transfers are prepared, and prints how long each step took, and for
how long an answer has had to be waited for at most, before the split and during it.
"""

import argparse
import itertools
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.broker import Broker
from agentkit.database import dsn_of
from agentkit.fetch_proxy import FetchProxy
from agentkit.management import Management
from agentkit.messages import prepare
from agentkit.observer import TO_AGENTS, Observer
from agentkit.processes import ROOT, migrate_command, run
from agentkit.shards import Shard, start_all
from agentkit.waiting import wait_until
from swpt_accounts.broker import topology
from swpt_accounts.db.queries import read_queries

NAME = "benchmark_splitting"
SECONDS_BEFORE = 20.0
ANSWER_SECONDS_MAX = 120.0
START_SECONDS_MAX = 120.0
SERVICES = (
    *("consume_messages", "consume_chore_messages"),
    *("process_transfer_requests", "process_finalization_requests", "process_balance_changes"),
    *("flush_messages", "scan_accounts", "scan_prepared_transfers", "webserver"),
)


class Prober(threading.Thread):
    """Prepares transfers without a rest, and notes how long the answers take."""

    def __init__(self, broker_url: str, accounts: int, rate: float) -> None:
        super().__init__(daemon=True)
        self._url, self._accounts, self._rate = broker_url, accounts, rate
        self._random = random.Random(1)
        self._sent: dict[int, float] = {}
        self._is_over = threading.Event()
        self.answers: list[tuple[float, float]] = []
        """When each request was sent, and how many seconds its answer took."""

    def run(self) -> None:
        with Observer(self._url, TO_AGENTS) as observer:
            broker = Broker(self._url)
            due = time.monotonic()
            while not self._is_over.is_set() or self._sent:
                if not self._is_over.is_set() and time.monotonic() >= due:
                    due += 1 / self._rate
                    self._ask(broker)
                observer.receive(max(min(due - time.monotonic(), 0.05), 0.001))
                self._note(observer)
                if any(time.monotonic() - t > ANSWER_SECONDS_MAX for t in self._sent.values()):
                    raise SystemExit("an answer has not come")
            broker.connection.close()

    def _ask(self, broker: Broker) -> None:
        n = self._random.randrange(self._accounts)
        debtor_id, creditor_id = 1 + n // 1000, 1 + n % 999
        message = prepare(debtor_id, creditor_id, 1 + (n + 1) % 999, 1)
        self._sent[message["coordinator_request_id"]] = broker.send(message)

    def _note(self, observer: Observer) -> None:
        now = time.monotonic()
        for message in observer.messages:
            if message.type in ("PreparedTransfer", "RejectedTransfer"):
                sent_at = self._sent.pop(message.data["coordinator_request_id"], None)
                if sent_at is not None:
                    self.answers.append((sent_at, now - sent_at))
        observer.messages.clear()

    def end(self) -> None:
        """Wait for the last answers."""
        self._is_over.set()
        self.join(ANSWER_SECONDS_MAX)

    def told(self, since: float) -> str:
        """How long answers took, to what was asked after a moment."""
        seconds = sorted(s for at, s in list(self.answers) if at >= since)
        median = seconds[len(seconds) // 2]
        return f"{len(seconds):,} answers: median {median:.3f} s, longest {seconds[-1]:.2f} s"


@contextmanager
def database(server: str, name: str, role: Mapping[str, str]) -> Iterator[str]:
    """The URL of a new database, with tables; it is dropped in the end."""
    url = make_url(server)
    identifier = sql.Identifier(name)
    with psycopg.connect(dsn_of(url), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
    made = url.set(database=name).render_as_string(hide_password=False)
    result = run(
        migrate_command("upgrade"), {**os.environ, **role, "SQLALCHEMY_DATABASE_URI": made}
    )
    if result.returncode:
        sys.exit(result.stdout)
    try:
        yield made
    finally:
        with psycopg.connect(dsn_of(url), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier)
            )


def fill(url: str, accounts: int, archive: int) -> None:
    """Make the accounts."""
    with psycopg.connect(dsn_of(url), autocommit=True) as connection:
        for name, statement in read_queries(str(ROOT / "benchmarks" / "splitting.sql")).items():
            began_at = time.monotonic()
            values = {"accounts": accounts, "archive": archive} if "%(" in statement else None
            connection.execute(statement.encode(), values)
            print(f"  made {name}: {time.monotonic() - began_at:.0f} s", flush=True)


def command(parent: Shard, files: list[Path], name: str) -> None:
    """Run a command of the split, and print how long it took."""
    began_at = time.monotonic()
    options = [part for file in files for part in ("--child", str(file))]
    result = subprocess.run(
        [sys.executable, "-m", "swpt_accounts", "shards", name, *options],
        cwd=ROOT,
        env=parent.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    for line in result.stdout.splitlines():
        print(f"    {line}")
    print(f"  {name}: {time.monotonic() - began_at:.1f} s", flush=True)
    if result.returncode:
        sys.exit(1)


def write_settings(child: Shard) -> Path:
    """The file with the settings of a child."""
    file = child.folder / "settings.env"
    file.write_text(
        f"POSTGRES_URL={child.database_url}\n"
        f"PROTOCOL_BROKER_QUEUE={child.queue}\n"
        f"PROTOCOL_BROKER_QUEUE_ROUTING_KEY={child.realm}\n"
        f"CHORES_BROKER_QUEUE={child.chores_queue}\n"
    )
    return file


def _has_said(shard: Shard, name: str, words: str) -> bool:
    return words in shard.log(name)


def measure(stack: ExitStack, options: Any, server: str, broker_url: str, folder: Path) -> None:
    """Split a shard."""
    proxy = FetchProxy()
    stack.callback(proxy.close)

    def make(name: str, realm: str) -> Shard:
        url = stack.enter_context(database(server, f"{NAME}_{name}", {}))
        shard = Shard(name, realm, url, broker_url, folder / name, {"FETCH_API_URL": proxy.url})
        stack.callback(shard.close)
        stack.callback(shard.kill)
        return shard

    parent, *children = make("parent", "#"), make("child_0", "0.#"), make("child_1", "1.#")
    fill(parent.database_url, options.accounts, options.archive)
    topology.subscribe(broker_url, parent.queue, parent.realm)
    topology.create_chores_queue(broker_url, parent.chores_queue)
    proxy.shards = [parent]
    start_all([parent], *SERVICES)
    prober = Prober(broker_url, options.accounts, options.transfers_a_second)
    prober.start()
    began_at = time.monotonic()
    time.sleep(SECONDS_BEFORE)
    print(f"  before: {prober.told(began_at)}", flush=True)
    files = [write_settings(child) for child in children]
    began_at = time.monotonic()
    command(parent, files, "prepare")
    print(f"  meanwhile: {prober.told(began_at)}", flush=True)
    for child in children:
        child.begin(*SERVICES)
    for child, name in itertools.product(children, SERVICES[:-1]):
        waits = partial(_has_said, child, name, "begins with `shards switch`")
        wait_until(waits, START_SECONDS_MAX, f"{name} of {child.name} waits for its turn")
    time.sleep(SECONDS_BEFORE)
    began_at = time.monotonic()
    proxy.shards = children
    command(parent, files, "switch")
    for child in children:
        child.wait_ready()
    parent.stop()
    time.sleep(SECONDS_BEFORE)
    prober.end()
    print(f"  during the switch: {prober.told(began_at)}", flush=True)
    command(parent, files, "finish")


def parse(arguments: list[str]) -> Any:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./dev bench-splitting", description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--archive", type=int, default=1_000_000)
    parser.add_argument("--transfers-a-second", type=float, default=50.0)
    return parser.parse_args(arguments)


def main() -> None:
    """Measure."""
    options = parse(sys.argv[1:])
    management = Management(os.environ["TEST_BROKER_MANAGEMENT_URL"])
    vhost = f"{NAME}_{os.getpid()}"
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{options.accounts:,} accounts, {options.archive:,} rows of the archive", flush=True)
    management.create_vhost(vhost)
    broker_url = f"{os.environ['TEST_BROKER_URL'].rstrip('/')}/{vhost}"
    try:
        with TemporaryDirectory() as folder, ExitStack() as stack:
            measure(stack, options, os.environ["TEST_POSTGRES_URL"], broker_url, Path(folder))
    finally:
        management.delete_vhost(vhost)
        management.close()


if __name__ == "__main__":
    main()
