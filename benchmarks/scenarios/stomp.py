"""The whole way: transfers that come in, and go out, by other people's STOMP programs over TLS."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agentkit.broker import Broker
from agentkit.keys import TO_CREDITORS
from agentkit.processes import Service, free_port
from agentkit.real_nodes import what_is_missing
from agentkit.stomp import Programs, Proxy, declare_incoming
from agentkit.waiting import wait_until
from benchmarks.agents.load import Schedule
from benchmarks.authority import OBSERVER_QUEUE
from benchmarks.bench import Bench, Results, World
from benchmarks.nodes import admit_agent, make_authority, node
from benchmarks.scenarios.transfers import describe
from benchmarks.transport import Transport
from benchmarks.usage import PEER, STOMP_CLIENT, STOMP_SERVER

_AUTHORITY_ID: Final = "0000abcd"
_DEBTOR_ID: Final = 0x0000ABCD00000001
_AGENT_OUT: Final = "to_authority"
RATE: Final = 40.0
"""Below what the proxy lets through on one connection."""
_HALF: Final = 0.5
_EMPTY_SECONDS_MAX: Final = 60.0

WAYS: Final = {
    "without": "without STOMP",
    "one": "by STOMP, over one connection each way",
    "proxy": "… and by the proxy that is shipped before the server",
    "two": "by STOMP, over two connections each way",
}


def stomp(bench: Bench) -> Results:
    """Transfers between a creditors agent's accounts: the agent has a node, too, and all messages
    pass a STOMP client and a STOMP server, over TLS. It needs SWPT_REAL.

    All at once, at half of what was reached, and a few each second. The agent's RabbitMQ is a
    virtual host of the authority's.
    """
    if text := what_is_missing():
        bench.say(f"skipped: {text}")
        return {"runs": []}
    runs = []
    for number in range(bench.runs_count):
        name = f"{bench.addresses.vhost}_agent_{number}"
        bench.drain()
        world = bench.new_world(bench.sizes.accounts_count, _DEBTOR_ID + number)
        run = {"without": _loads(bench, world, "without")}
        with bench.addresses.with_vhost(name) as addresses, _unobserved(bench):
            nodes = _Nodes(bench, addresses.broker_url, bench.authority.folder / name)
            try:
                nodes.begin()
                run |= {way: nodes.measure(world, way) for way in ("one", "proxy", "two")}
            finally:
                nodes.close()
        runs.append({**run, "problems": [p for part in run.values() for p in part["problems"]]})
    return {"runs": runs}


def _loads(bench: Bench, world: World, way: str) -> Results:
    """Each of the three loads. The proxy lets through no more than the few."""
    count, few = bench.sizes.stomp_count, bench.sizes.stomp_few
    found: Results = {"problems": []}

    def measure(name: str, schedule: Schedule) -> float:
        run = bench.run(bench.transfers(world, "uniform", schedule))
        bench.say(f"{WAYS[way]}, {name}: {describe(run)}")
        found[name] = run.as_json()
        found["problems"] += run.problems
        return run.load.per_second

    if way != "proxy":
        reached = measure("burst", Schedule(count))
        measure("half", Schedule(count, rate_per_second=_HALF * reached))
    measure("few", Schedule(few, rate_per_second=RATE))
    return found


@contextmanager
def _unobserved(bench: Bench) -> Iterator[None]:
    """Creditors' messages go to nobody but their agent."""
    channel = bench.authority.broker.channel
    channel.queue_unbind(OBSERVER_QUEUE, TO_CREDITORS, "#")
    try:
        yield
    finally:
        channel.queue_bind(OBSERVER_QUEUE, TO_CREDITORS, "#")


class _Nodes(Transport):
    """The nodes of the authority and of a creditors agent. To be closed."""

    request_queue = _AGENT_OUT

    def __init__(self, bench: Bench, agent_url: str, folder: Path) -> None:
        folder.mkdir()
        super().__init__(Broker(agent_url), agent_url, OBSERVER_QUEUE)
        self._bench = bench
        folder = folder.absolute()
        self._authority = Programs(folder / "authority", folder, bench.addresses.broker_url)
        self._agent = Programs(folder / "agent", folder, agent_url)
        self._proxy_port = free_port()
        self._proxy = Proxy(folder / "proxy", self._proxy_port, self._authority.port)
        self._queues: list[str] = []
        self._clients: list[Service] = []
        """Of the authority."""
        self._agent_clients: list[Service] = []

    def begin(self) -> None:
        """Both servers, and a client of each, are at work."""
        ours, theirs = self._authority, self._agent
        make_authority(ours.folder, f"127.0.0.1:{ours.port}", _AUTHORITY_ID)
        admit_agent(ours.folder, theirs.folder, f"127.0.0.1:{theirs.port}")
        incoming = declare_incoming(self._broker, is_creditors=True)
        self._broker.declare_queue(self.queue, **{"x-queue-type": "quorum"})
        self._broker.channel.queue_bind(self.queue, incoming, "")
        theirs.configure_queue(_AUTHORITY_ID, _AGENT_OUT)
        node("activate", theirs.folder, _AUTHORITY_ID)
        for programs in (ours, theirs):
            programs.serve()
        self._proxy.serve()

    def measure(self, world: World, way: str) -> Results:
        """The loads, over these programs."""
        wanted = 2 if way == "two" else 1
        while len(self._queues) < wanted:
            self._queues.append(f"aa.{self._agent.id}.{len(self._queues)}")
            self._authority.configure_queue(self._agent.id, self._queues[-1])
        self._aim(self._proxy_port if way == "proxy" else self._authority.port)
        self._connect(wanted)
        with self._bench.over(self):
            return _loads(self._bench, world, way)

    def _aim(self, port: int) -> None:
        """The agent's clients find the authority's server there."""
        path = self._agent.folder / "peers" / _AUTHORITY_ID / "nodeinfo" / "stomp.toml"
        known = (self._authority.port, self._proxy_port)
        text = path.read_text()
        for one in known:
            text = text.replace(f":{one}", f":{port}")
        path.write_text(text)

    def _connect(self, wanted: int) -> None:
        """End the clients, and start as many on each side."""
        ours, theirs, queues = self._authority, self._agent, self._queues[:wanted]
        for client in (*self._clients, *self._agent_clients):
            client.terminate()
        self._clients = [ours.start("client", theirs.id, queue) for queue in queues]
        self._agent_clients = [
            theirs.start("client", _AUTHORITY_ID, _AGENT_OUT) for _ in range(wanted)
        ]
        count = self._bench.authority.broker.consumers_count
        wait_until(lambda: all(count(q) for q in queues), what="our clients")
        count = self._broker.consumers_count
        wait_until(lambda: count(_AGENT_OUT) == wanted, what="the agent's clients")

    def programs(self) -> Mapping[str, Sequence[int]]:
        ours, theirs = self._authority.server, self._agent.server
        assert ours is not None
        assert theirs is not None
        return {
            STOMP_SERVER: [ours.process.pid],
            STOMP_CLIENT: [client.process.pid for client in self._clients],
            "STOMP proxy": [self._proxy.process.pid],
            PEER: [theirs.process.pid, *(c.process.pid for c in self._agent_clients)],
        }

    def finish(self, sentinel_number: int) -> None:
        """What is in the clients' hands was noted by the driver: its load is complete."""
        count = self._bench.authority.broker.ready_count

        def is_empty() -> bool:
            return not any(count(queue) for queue in self._queues)

        wait_until(is_empty, _EMPTY_SECONDS_MAX, "the agent has all messages")
        super().finish(sentinel_number)

    def close(self) -> None:
        """End everything, and take the agent's queues away."""
        self._proxy.kill()
        self._authority.stop()
        self._agent.stop()
        for queue in self._queues:
            self._bench.authority.broker.channel.queue_delete(queue)
        self._broker.close()
