"""An authority whose links to its servers pass through proxies, and what one does to it."""

import os
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Event

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.authority import DEAD_LETTER_QUEUE, SERVICES, Authority
from agentkit.database import dsn_of, execute
from agentkit.databases import migrate
from agentkit.fault_proxy import FaultProxy
from agentkit.management import Management
from agentkit.observer import TO_AGENTS
from agentkit.processes import Service
from agentkit.waiting import KitError, wait_until
from benchmarks.memory import read_memory
from verification.chaos.agents import ChaosLoad, LastingObserver
from verification.chaos.persisting import persist
from verification.chaos.servers import Servers
from verification.kit.servers import subscribe

ROLE = "worker"
_OWNER = "owner"
_PASSWORD = "worker"
_SPACE = "chaos"
_SETTINGS = {
    "PROTOCOL_BROKER_PREFETCH_COUNT": "20",
    "APP_LOG_LEVEL": "info",
    "FLUSH_PERIOD": "1",
    "APP_PROCESS_TRANSFER_REQUESTS_WAIT": "1",
    "APP_PROCESS_FINALIZATION_REQUESTS_WAIT": "1",
    "APP_PROCESS_BALANCE_CHANGES_WAIT": "1",
    # Passes of a few seconds: the scans are at work in every round.
    "APP_ACCOUNTS_SCAN_HOURS": "0.0005",
    "APP_PREPARED_TRANSFERS_SCAN_DAYS": "0.00002",
    "APP_REGISTERED_BALANCE_CHANGES_SCAN_DAYS": "0.00002",
}
# A worker may need so much more than before a round, or than before all rounds.
_GROWTH_MIB_MAX = 40.0
_WORKING_SECONDS_MAX = 60.0
_numbers = count(1)


class Place:
    """The role of its processes owns nothing; the tests are a superuser, and use no proxy."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        """Make a database and a virtual host, and start the services. The logs go to the folder."""
        self.servers = servers
        self.folder = folder
        self.name = f"chaos_{next(_numbers)}"
        self.load: ChaosLoad | None = None
        self.is_over = Event()
        """When it is set, the faults end at once."""
        self.management = Management(servers.management_url)
        self._url = make_url(servers.postgres_url).set(database=self.name)
        self._create_database()
        self.management.create_vhost(self.name)
        broker_url = f"{servers.broker_url}/{self.name}"
        migrate(self._url_as(_OWNER), "upgrade", POSTGRES_RUNNING_ROLE=ROLE)
        self.database_link = FaultProxy(self._url_as(ROLE))
        self.broker_link = FaultProxy(broker_url)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        settings = {
            **_SETTINGS,
            "SQLALCHEMY_DATABASE_URI": self._direct_url() or self.database_link.url,
            "PROTOCOL_BROKER_URL": self.broker_link.url,
            "CHORES_BROKER_URL": self.broker_link.url,
        }
        url = self._url.render_as_string(hide_password=False)
        surroundings = {**os.environ, "CHAOS_FOLDER": str(servers.folder)}
        self.authority = Authority(url, broker_url, folder, settings, surroundings)
        try:
            subscribe(self.authority)
            self.authority.observer = LastingObserver(broker_url, TO_AGENTS)
            self.authority.start(*SERVICES)
        except BaseException:
            self.authority.stop()
            raise
        self._queues = {
            "consume_messages": self.authority.queue,
            "consume_chore_messages": self.authority.chores_queue,
        }
        self._first_sizes: dict[str, float] = {}
        self.growth_max = 0.0
        """In MiB, of any worker since the first round."""

    def _direct_url(self) -> str | None:
        """The workers' database, where no link of ours is to be on the way to it."""
        if self.servers.direct_url is None:
            return None
        url = make_url(self.servers.direct_url).set(
            database=self.name, username=ROLE, password=_PASSWORD
        )
        return url.render_as_string(hide_password=False)

    def _url_as(self, role: str) -> str:
        url = self._url.set(username=role, password=_PASSWORD)
        return url.render_as_string(hide_password=False)

    def _create_database(self) -> None:
        space: sql.Composable = sql.SQL("")
        if self.servers.disk is not None:
            space = sql.SQL("TABLESPACE {}").format(sql.Identifier(_SPACE))
        if not self.administrate("SELECT 1 FROM pg_roles WHERE rolname = {}", ROLE):
            for role in (ROLE, _OWNER):
                self.administrate(f"CREATE ROLE {role} LOGIN PASSWORD {{}}", _PASSWORD)
            if self.servers.disk is not None:
                self.administrate(
                    "CREATE TABLESPACE chaos LOCATION {}", self.servers.disk / "space"
                )
        name = sql.Identifier(self.name)
        statement = sql.SQL("CREATE DATABASE {} OWNER {} {}")
        self._execute(statement.format(name, sql.Identifier(_OWNER), space))

    # -- for the faults -----------------------------------------------------------

    def wait(self, seconds: float) -> bool:
        """Let the fault last. Returns whether all is over."""
        return self.is_over.wait(seconds)

    def service(self, name: str) -> Service:
        return self.authority.services[name]

    def administrate(self, statement: str, *literals: object) -> list[tuple[object, ...]]:
        """Run a statement as a superuser, in another database. `{}` are literals."""
        return self._execute(sql.SQL(statement).format(*map(sql.Literal, map(str, literals))))

    def _execute(self, statement: sql.Composed) -> list[tuple[object, ...]]:
        return execute(dsn_of(self._url.set(database="postgres")), statement)

    def end_backends(self, condition: str = "true", *, how: str = "terminate") -> int:
        """Terminate (or cancel) the backends of the workers. Returns how many there were."""
        rows = self.administrate(
            f"SELECT pg_{how}_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = {{}} AND usename = {{}} AND {condition}",
            *(self.name, ROLE),
        )
        return len(rows)

    # -- after a round --------------------------------------------------------------

    def sizes(self) -> dict[str, tuple[int, float]]:
        """The process id and the resident size, in MiB, of each service."""
        found = {}
        for name in SERVICES:
            process = self.service(name).process
            if process is not None and process.poll() is None:
                found[name] = process.pid, read_memory(process.pid).resident
        return found

    def check(self, before: dict[str, tuple[int, float]]) -> list[str]:
        """Says what is wrong with the processes and the queues when a round is over."""
        problems = [f"{name} has died by itself" for name in self.authority.revive()]
        waiting = list(SERVICES)

        def are_working() -> bool:
            waiting[:] = [name for name in waiting if not self._is_working(name)]
            return not waiting

        try:
            persist(lambda: wait_until(are_working, _WORKING_SECONDS_MAX))
        except KitError:
            problems.append(f"these have not come back to work: {waiting}")
        return problems + self._check_sizes(before) + self._check_queues()

    def _is_working(self, name: str) -> bool:
        """Consumers connect to the database only when there is something to do."""
        if name in self._queues:
            return self.authority.broker.consumers_count(self._queues[name]) > 0
        return self.authority.connections_of(*SERVICES[name])

    def _check_sizes(self, before: dict[str, tuple[int, float]]) -> list[str]:
        problems = []
        for name, (pid, size) in self.sizes().items():
            first = self._first_sizes.setdefault(name, before[name][1] if name in before else size)
            self.growth_max = max(self.growth_max, size - first)
            old_pid, old_size = before.get(name, (0, size))
            grown = max(size - old_size if pid == old_pid else 0.0, size - first)
            if grown > _GROWTH_MIB_MAX:
                problems.append(f"{name} has grown by {grown:.0f} MiB to {size:.0f} MiB")
        return problems

    def _check_queues(self) -> list[str]:
        broker = self.authority.broker
        count = broker.ready_count(DEAD_LETTER_QUEUE) if broker.exists(DEAD_LETTER_QUEUE) else 0
        return [f"{count} dead letters: {broker.get(DEAD_LETTER_QUEUE)}"] if count else []

    # -- the end --------------------------------------------------------------------

    def keep_logs(self, folder: Path) -> None:
        """Copy the logs of the services and the servers."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        self.servers.keep_logs(folder)

    def close(self) -> None:
        """Stop the services; drop the database and the virtual host, where the servers let it."""
        self.is_over.set()
        self.authority.stop()
        actions: list[Callable[[], object]] = [
            self.authority.close,
            self.database_link.close,
            self.broker_link.close,
            lambda: self.management.delete_vhost(self.name),
            lambda: self._execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name))
            ),
            self.management.close,
        ]
        for action in actions:
            try:
                persist(action, seconds_max=0)
            except (KitError, psycopg.Error):
                pass  # the servers go soon, too
