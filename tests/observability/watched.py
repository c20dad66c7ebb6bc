"""An authority with its exporter and its Prometheus, and agents who go on whatever happens."""

import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from threading import Event, Thread

import psycopg
import requests

from agentkit.authority import SERVICES, WEBSERVER, Authority
from agentkit.currency import Currency
from agentkit.fault_proxy import FaultProxy
from agentkit.keys import unsigned
from agentkit.messages import configure, prepare
from agentkit.processes import Service, free_port, program_command
from swpt_accounts.core.realm import Realm
from tests.support.prometheus import Prometheus

HOME, ABROAD, HANGING = "0.#", "1.0.#", "1.1.#"
JOB, AWAY_JOB = "swpt_accounts", "swpt_accounts_away"
EXPORTER = "serve_metrics"
ACCOUNTS_COUNT = 300
SETTINGS = {
    "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": HOME,
    "APP_FETCH_API_TIMEOUT_SECONDS": "1",
    "APP_ACCOUNTS_SCAN_HOURS": "0.0014",
    "APP_PREPARED_TRANSFERS_SCAN_DAYS": "0.00006",
    "APP_REGISTERED_BALANCE_CHANGES_SCAN_DAYS": "0.00006",
}
_PUMP_SECONDS = 0.25


def ids_in(realm: str, make_ids: Callable[[int], tuple[int, int]]) -> Iterator[int]:
    """Numbers whose accounts are in a realm."""
    wanted = Realm.parse(realm)
    return (n for n in count(2**40) if wanted.contains(*make_ids(n)))


class Watched:
    """Begins and ends it all; `misfortunes` befall it."""

    prometheus: Prometheus
    other: Service
    """The exporter of another version."""

    def __init__(self, authority: Authority, web_link: FaultProxy, folder: Path) -> None:
        self.authority = authority
        self.web_link = web_link
        self.folder = folder
        self.port, self.other_port, self.away_port = (free_port() for _ in range(3))
        authority.environment["METRICS_PORT"] = str(self.port)
        self.node = folder / "node"
        authority.environment["NODEDATA_DIR"] = str(self.node)
        for file in ("root-ca.crt", "server.crt", "peers/aa/peercert.crt", "peers/aa/sub-ca.crt"):
            self.issue(file, days=365)
        authority.services[EXPORTER] = self.service(EXPORTER, EXPORTER)
        self.extra: list[Service] = []
        self.is_over = Event()
        self.threads: list[Thread] = []
        self.sessions: list[psycopg.Connection] = []
        self._pumped_at = 0.0

    def service(self, name: str, *command: str) -> Service:
        """A command of the program, which is not started yet."""
        return Service(name, program_command(*command), self.folder / f"{name}.log")

    def issue(self, file: str, days: int) -> None:
        """Make a certificate in the node's folder."""
        path = self.node / file
        path.parent.mkdir(parents=True, exist_ok=True)
        options = ["-newkey", "rsa:1024", "-nodes", "-subj", "/CN=x", "-keyout", "/dev/null"]
        command = ["openssl", "req", "-x509", *options, "-days", str(days), "-out", str(path)]
        subprocess.run(command, check=True, capture_output=True)

    def start(self) -> None:
        """Start everything, and open accounts."""
        authority = self.authority
        authority.observe()
        web = {**authority.environment, "SQLALCHEMY_DATABASE_URI": self.web_link.url}
        authority.services[WEBSERVER].start(web)
        authority.services[EXPORTER].start(authority.environment)
        authority.start(*SERVICES)
        folder = self.folder / "prometheus"
        folder.mkdir()
        self.prometheus = Prometheus(folder, {JOB: [self.port]})
        self._open_accounts()

    def _open_accounts(self) -> None:
        debtors = ids_in(HOME, lambda n: (n, 0))
        self.currency = Currency(self.authority, next(debtors))
        self.quiet = Currency(self.authority, next(debtors))
        debtor_id = self.currency.debtor_id
        creditors = ids_in(HOME, lambda n: (debtor_id, n))
        self.currency.open_root()
        self.quiet.open_root()
        self.payer = self.currency.open_account(1000, next(creditors))
        self.payee = self.currency.open_account(0, next(creditors))
        self.rich = self.currency.open_account(0, next(creditors))
        for _ in range(ACCOUNTS_COUNT):
            self.authority.send(configure(debtor_id, next(creditors)))
        self.abroad = ids_in(ABROAD, lambda n: (debtor_id, n))
        self.hanging = ids_in(HANGING, lambda n: (debtor_id, n))
        # a debtor of a shard that hangs, with an account here
        home, hanging = Realm.parse(HOME), Realm.parse(HANGING)
        self.debtors = (
            n for n in count(2**41) if hanging.contains(n, 0) and home.contains(n, 2**40)
        )

    def is_on_page(self, text: str) -> bool:
        """Whether the page of metrics has a text."""
        return text in requests.get(f"http://127.0.0.1:{self.port}/metrics", timeout=30).text

    def ask_web(self, creditor_id: int) -> None:
        """Ask the fetch API about an account, as other shards do."""
        path = f"accounts/{self.currency.debtor_id}/{unsigned(creditor_id)}/reachable"
        try:
            requests.get(f"{self.authority.web_url}/{path}", timeout=30)
        except requests.RequestException:
            time.sleep(_PUMP_SECONDS)

    def go_on(self) -> None:
        """What agents do all the time, and a proxy that takes this shard for another one."""
        if time.monotonic() < self._pumped_at + _PUMP_SECONDS:
            return
        self._pumped_at = time.monotonic()
        debtor_id = self.currency.debtor_id
        self.authority.send(prepare(debtor_id, self.payer, next(self.hanging), 1))
        self.authority.send(configure(next(self.debtors), 2**40))
        self.ask_web(next(self.abroad))

    def begin(self, service: Service, **settings: str) -> None:
        """Start one more, with settings of its own."""
        service.start({**self.authority.environment, **settings})
        self.extra.append(service)

    def close(self) -> None:
        """End everything."""
        self.is_over.set()
        for session in self.sessions:
            session.close()
        for service in self.extra:
            service.kill()
        self.authority.services["flush_messages"].kill()
        self.authority.close()
        for thread in self.threads:
            thread.join()
        if hasattr(self, "prometheus"):
            self.prometheus.close()
