"""Authorities of several shards on one virtual host, and the proxy before their web servers."""

import http.client
import itertools
import threading
from collections.abc import Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from swpt_accounts.broker import topology
from tests.support.authority import Authority, accounts_in_key


class Shard(Authority):
    """An authority with its own queues, which keeps the accounts of one realm."""

    def __init__(
        self,
        name: str,
        realm: str,
        database_url: str,
        broker_url: str,
        folder: Path,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.realm = realm
        self.queue = name
        self.chores_queue = f"{name}_chores"
        folder.mkdir()
        queues = {
            "PROTOCOL_BROKER_QUEUE": self.queue,
            "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": realm,
            "CHORES_BROKER_QUEUE": self.chores_queue,
        }
        super().__init__(database_url, broker_url, folder, {**queues, **(settings or {})})

    def contains(self, debtor_id: int, creditor_id: int) -> bool:
        """Whether an account belongs to this shard."""
        prefix = self.realm.removesuffix("#")
        return accounts_in_key(debtor_id, creditor_id).startswith(prefix)

    def creditor_ids(self, debtor_id: int, start: int = 2**40) -> Iterator[int]:
        """Creditors whose accounts with this debtor belong to this shard."""
        return (n for n in itertools.count(start) if self.contains(debtor_id, n))

    def subscribe(self) -> None:
        topology.subscribe(self.broker_url, self.queue, self.realm)
        topology.create_chores_queue(self.broker_url, self.chores_queue)

    def _is_ready(self, name: str) -> bool:
        queues = {"consume_messages": self.queue, "consume_chore_messages": self.chores_queue}
        if queue := queues.get(name):
            service = self.services[name]
            assert service.is_alive(), f"{name} has ended:\n{service.log}"
            return self.broker.consumers_count(queue) > 0
        return super()._is_ready(name)


class _Handler(BaseHTTPRequestHandler):
    """Forwards a request to the shard of its account."""

    protocol_version = "HTTP/1.1"
    server: "FetchProxy"

    def do_GET(self) -> None:
        proxy = self.server
        proxy.paths.append(self.path)
        proxy.gate.wait()
        if proxy.status is not None:
            self._answer(proxy.status, b"")
            return
        upstream = http.client.HTTPConnection("127.0.0.1", proxy.port_for(self.path), timeout=10)
        try:
            upstream.request("GET", self.path)
            response = upstream.getresponse()
            self._answer(response.status, response.read())
        except OSError:
            self._answer(502, b"")
        finally:
            upstream.close()

    def _answer(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the client did not wait

    def log_message(self, format: str, *args: Any) -> None:
        pass


class FetchProxy(ThreadingHTTPServer):
    """The fetch API of all shards together. It can be made silent, or unwell."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.shards: list[Shard] = []
        self.paths: list[str] = []
        self.status: int | None = None
        """What it answers, instead of asking a shard."""
        self.gate = threading.Event()
        """As long as this is not set, it does not answer."""
        self.gate.set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    def port_for(self, path: str) -> int:
        """The port of the shard to which the account in a path belongs."""
        debtor_id, creditor_id = (_signed(int(part)) for part in path.split("/")[2:4])
        return next(s.port for s in self.shards if s.contains(debtor_id, creditor_id))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away while they wait."""

    def close(self) -> None:
        self.gate.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def start_all(shards: Iterable[Shard], *names: str) -> None:
    """Start services of several shards at the same time."""
    shards = list(shards)
    for shard in shards:
        for name in names:
            shard.services[name].start(shard.environment)
        shard._wanted.update(names)
    for shard in shards:
        shard.wait_ready()
