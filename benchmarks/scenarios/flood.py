"""One peer sends as fast as it can, and reads nothing; others' transfers go on."""

import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final

import yaml

from agentkit.authority import DEAD_LETTER_QUEUE, QUEUE, Authority
from agentkit.broker import connect
from agentkit.databases import migrate
from agentkit.keys import ROOT_CREDITOR_ID, TO_DEBTORS
from agentkit.management import Management
from agentkit.messages import Message, configure, configure_root, finalize, prepare
from agentkit.processes import ROOT, free_port
from agentkit.real_nodes import id_of, what_is_missing
from agentkit.received import receive
from agentkit.stomp import Programs, Proxy
from agentkit.stomp_sender import StompSender, client_context
from agentkit.stomp_sender import flood as send_flood
from agentkit.waiting import KitError, wait_until
from benchmarks.bench import Bench, Results
from benchmarks.histogram import Histogram
from benchmarks.nodes import admit_agent, make_authority
from benchmarks.settings import environment_with

_AUTHORITY_ID: Final = "0000abcd"
_DEBTOR_ID: Final = 0x0000ABCD00000001
# In the subnets that the first and the second creditors agent get.
_HONEST: Final = (0x0000010000000001, 0x0000010000000002)
_FLOODER: Final = 0x0000020000000001
_DEBTORS_QUEUE: Final = "debtors"
_RATE: Final = 20.0
_START_AMOUNT: Final = 10**6
_POLL_SECONDS: Final = 0.25
_SECONDS_MAX: Final = 600.0
# As shipped, but for a smaller disk.
_QUEUE_BYTES_MAX: Final = 10_000_000


def flood(bench: Bench) -> Results:
    """Transfers of one peer over the real STOMP server, twenty a second, while another one sends
    requests to prepare nothing: over the bare server, and over the proxy that is shipped before it.

    The disturbed ones are those that were begun before the flood was handled. It needs SWPT_REAL.
    """
    if text := what_is_missing():
        bench.say(f"skipped: {text}")
        return {"runs": []}
    name = f"{bench.addresses.vhost}_flood"
    with (
        bench.addresses.with_vhost(name) as addresses,
        addresses.with_database(name) as own,
        ExitStack() as stack,
    ):
        folder = (bench.authority.folder / name).absolute()
        folder.mkdir()
        scene = _Scene(own.database_url, own.broker_url, own.management_url, name, folder, stack)
        scene.begin()
        runs = [_measure(bench, scene, way) for way in ("bare", "proxy")]
        problems = scene.problems()
    bench.note(problems)
    return {"runs": runs, "problems": problems}


def _shipped_connections() -> int:
    """How many connections a peer has at most, at all the servers of the compose file."""
    services = yaml.safe_load((ROOT / "docker-compose-all.yml").read_text())["services"]
    servers = [s for s in services.values() if s.get("command") == "swpt-server"]
    return sum(int(s["environment"]["APP_MAX_CONNECTIONS_PER_PEER"]) for s in servers)


class _Scene:
    """An authority, its STOMP server with a proxy before it, and two creditors agents."""

    def __init__(
        self,
        database_url: str,
        broker_url: str,
        management_url: str,
        vhost: str,
        folder: Path,
        stack: ExitStack,
    ) -> None:
        migrate(database_url, "upgrade")
        self.folder = folder
        self.vhost = vhost
        self.management = stack.enter_context(closing(Management(management_url)))
        self.authority = Authority(database_url, broker_url, folder, {}, environment_with())
        stack.callback(self.authority.close)
        self.programs = Programs(folder / "authority", folder, broker_url)
        stack.callback(self.programs.stop)
        self.connections = _shipped_connections()
        self.programs.settings = {"APP_MAX_CONNECTIONS_PER_PEER": str(self.connections + 1)}
        self.ports = {"bare": self.programs.port, "proxy": free_port()}
        self.proxy = Proxy(folder / "proxy", self.ports["proxy"], self.programs.port)
        stack.callback(self.proxy.kill)
        self.paid = 0

    def begin(self) -> None:
        """Everything runs, and the accounts are open."""
        for command in ("subscribe", "create_chores_queue"):
            if (done := self.authority.run(command)).returncode:
                raise KitError(f"{command} has failed:\n{done.stdout}")
        self._limit_queues()
        address = f"127.0.0.1:{self.programs.port}"
        make_authority(self.programs.folder, address, _AUTHORITY_ID)
        for name in ("honest", "flooder"):
            self._meet(name)
        self.programs.serve()
        self.proxy.serve()
        self.authority.start()
        self._open()

    def _limit_queues(self) -> None:
        text = (ROOT / "docker" / "rabbitmq" / "definitions.json").read_text()
        (policy,) = (p for p in json.loads(text)["policies"] if p["name"].endswith("-peers"))
        definition = {**policy["definition"], "max-length-bytes": _QUEUE_BYTES_MAX}
        body = {"pattern": policy["pattern"], "definition": definition, "apply-to": "queues"}
        self.management.request("PUT", "policies", self.vhost, policy["name"], body=body)

    def _meet(self, name: str) -> None:
        admit_agent(self.programs.folder, self.folder / name, "127.0.0.1:1")
        self.programs.configure_queue(id_of(self.folder / name), self.queue(name))

    def queue(self, name: str) -> str:
        return f"aa.{id_of(self.folder / name)}"

    def identity(self, name: str) -> tuple[Path, list[Path], Path]:
        """The folder of an agent, what it shows, and what it trusts."""
        node = self.folder / name
        chain = [node / "server.crt", node / "peers" / _AUTHORITY_ID / "sub-ca.crt"]
        return node, chain, self.programs.folder / "root-ca.crt"

    def _open(self) -> None:
        send, query = self.authority.send, self.authority.query
        send(configure_root(_DEBTOR_ID))
        for creditor_id in (*_HONEST, _FLOODER):
            send(configure(_DEBTOR_ID, creditor_id))
        wait_until(lambda: query("SELECT count(*) FROM account") == [(4,)], what="the accounts")
        self._issue()

    def _issue(self) -> None:
        """The honest peer has something to transfer."""
        broker = self.authority.broker
        broker.declare_queue(_DEBTORS_QUEUE)
        broker.channel.queue_bind(_DEBTORS_QUEUE, TO_DEBTORS, "#")

        def answer(message_type: str) -> Message:
            def found() -> Message | None:
                message = broker.get(_DEBTORS_QUEUE)
                return message.data if message and message.matches(message_type, {}) else None

            return wait_until(found, what=message_type) or {}

        self.authority.send(prepare(_DEBTOR_ID, ROOT_CREDITOR_ID, _HONEST[0], _START_AMOUNT))
        self.authority.send(finalize(answer("PreparedTransfer"), _START_AMOUNT))
        answer("FinalizedTransfer")
        broker.channel.queue_delete(_DEBTORS_QUEUE)

    def is_quiet(self) -> bool:
        """Whether all requests were handled."""
        waiting = "SELECT count(*) FROM transfer_request"
        return (
            not self.authority.broker.ready_count(QUEUE) and not self.authority.query(waiting)[0][0]
        )

    def problems(self) -> list[str]:
        """What is wrong with the money, or with RabbitMQ."""
        books = self.authority.run("verify_books")
        found = dict(self.authority.query("SELECT creditor_id, principal FROM account"))
        expected = {
            ROOT_CREDITOR_ID: -_START_AMOUNT,
            _HONEST[0]: _START_AMOUNT - self.paid,
            _HONEST[1]: self.paid,
            _FLOODER: 0,
        }
        letters = self.authority.broker.ready_count(DEAD_LETTER_QUEUE)
        (node,) = self.management.request("GET", "nodes")
        queue = self.management.queue(self.vhost, self.queue("flooder"))
        return [
            *([f"verify_books: {books.stdout}"] if books.returncode else []),
            *([f"the accounts have {found}, not {expected}"] if found != expected else []),
            *([f"{letters} dead letters"] if letters else []),
            *([f"{queue['name']} has no limit"] if not queue.get("policy") else []),
            *(f"{name} of RabbitMQ" for name in ("disk_free_alarm", "mem_alarm") if node.get(name)),
        ]


def _cpu_seconds() -> tuple[int, int]:
    """Of the whole machine: at work, and in all."""
    line = Path("/proc/stat").read_text().partition("\n")[0]
    spent = [int(word) for word in line.split()[1:9]]
    return sum(spent) - spent[3] - spent[4], sum(spent)


@dataclass
class _Phase:
    latencies: Histogram = field(default_factory=Histogram)
    busy: float = 0.0
    """Which part of the processor time of the machine was used, by others too."""

    def __str__(self) -> str:
        p50, p99, top = (1000 * self.latencies.percentile(p) for p in (50, 99, 100))
        return (
            f"p50 {p50:,.0f} p99 {p99:,.0f} max {top:,.0f} ms ({self.latencies.count} transfers;"
            f" the machine is busy by {100 * self.busy:.0f} %)"
        )


class _Transfers:
    """Transfers of the honest agent at a steady rate. To be closed."""

    def __init__(self, scene: _Scene, way: str) -> None:
        context = client_context(*scene.identity("honest"))
        self._sender = StompSender(scene.ports[way], context)
        self._scene = scene
        self._connection = connect(scene.authority.broker_url)
        self._channel = self._connection.channel()
        self._channel.basic_consume(scene.queue("honest"), self._receive, auto_ack=True)
        self._begun: dict[int, tuple[float, _Phase]] = {}

    def _receive(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        message = receive(method, properties, body).data
        request_id = message.get("coordinator_request_id")
        if request_id not in self._begun:
            return
        if message["type"] == "PreparedTransfer":
            self._sender.send(finalize(message, 1))
        elif message["type"] == "FinalizedTransfer":
            began, phase = self._begun.pop(request_id)
            if message["status_code"] != "OK":
                raise KitError(f"a transfer was not made: {message}")
            phase.latencies.add(monotonic() - began)
            self._scene.paid += 1

    def run(self, is_over: Callable[[], bool]) -> _Phase:
        """Make transfers until it is over, and wait until all of them are made."""
        phase = _Phase()
        next_at, look_at = monotonic(), monotonic() + _POLL_SECONDS
        end = next_at + _SECONDS_MAX
        worked, passed = _cpu_seconds()
        while True:
            if monotonic() >= next_at:
                request = prepare(_DEBTOR_ID, _HONEST[0], _HONEST[1], 1)
                self._begun[request["coordinator_request_id"]] = (next_at, phase)
                self._sender.send(request)
                next_at += 1 / _RATE
            self._connection.process_data_events(time_limit=max(next_at - monotonic(), 0))
            if monotonic() >= look_at:
                look_at = monotonic() + _POLL_SECONDS
                if is_over():
                    break
                if monotonic() >= end:
                    raise KitError("the flood was not handled")
        work, whole = _cpu_seconds()
        phase.busy = (work - worked) / max(whole - passed, 1)
        while self._begun:
            self._connection.process_data_events(time_limit=1)
            if monotonic() >= end:
                raise KitError(f"{len(self._begun)} transfers were not made")
        return phase

    def close(self) -> None:
        self._sender.close()
        self._connection.close()


def _flood(port: int, identity: tuple[Path, list[Path], Path], count: int, pipe: Any) -> None:
    """A process: connect, say so, send until told when to end, and tell how many were taken."""
    senders = [StompSender(port, client_context(*identity)) for _ in range(count)]
    pipe.send("connected")
    until = monotonic() + pipe.recv()
    threads = []
    for number, sender in enumerate(senders):
        request = prepare(_DEBTOR_ID, _FLOODER, _FLOODER, 0)
        request["coordinator_request_id"] = number << 40 | int(until * 1000)
        threads.append(threading.Thread(target=send_flood, args=(sender, request, until)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    pipe.send(sum(sender.confirmed for sender in senders))
    os._exit(0)  # what is on its way does not matter


def _measure(bench: Bench, scene: _Scene, way: str) -> Results:
    seconds = bench.sizes.flood_seconds
    with closing(_Transfers(scene, way)) as transfers:
        before = transfers.run(_after(seconds))
        with _flooding(scene, way, seconds) as result:
            began = monotonic()
            flooded = _after(seconds)
            during = transfers.run(lambda: flooded() and scene.is_quiet())
            handled_seconds = monotonic() - began
        after = transfers.run(_after(seconds))
    phases = {"before": before, "during": during, "after": after}
    bench.say(
        f"{way}: {result['count']:,} requests taken in {seconds:.0f} s, over {scene.connections}"
        f" connections, and handled after {handled_seconds:.0f} s"
    )
    for name, phase in phases.items():
        bench.say(f"  {name:6} {phase}")
    return {
        "way": way,
        "count": result["count"],
        "handled_seconds": handled_seconds,
        "latencies": {name: phase.latencies.as_json() for name, phase in phases.items()},
        "busy": {name: phase.busy for name, phase in phases.items()},
    }


def _after(seconds: float) -> Callable[[], bool]:
    end = monotonic() + seconds
    return lambda: monotonic() >= end


@contextmanager
def _flooding(scene: _Scene, way: str, seconds: float) -> Iterator[dict[str, int]]:
    """A flood meanwhile. The result has how many messages were taken, in the end."""
    own, other = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_flood,
        args=(scene.ports[way], scene.identity("flooder"), scene.connections, other),
        daemon=True,
    )
    process.start()
    result: dict[str, int] = {}
    try:
        if not own.poll(_SECONDS_MAX) or own.recv() != "connected":
            raise KitError("the flood could not begin")
        own.send(seconds)
        yield result
        result["count"] = own.recv()
    finally:
        process.kill()
        process.join()
