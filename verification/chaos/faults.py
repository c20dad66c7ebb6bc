"""All faults, by their names."""

from collections.abc import Callable, Mapping

from verification.chaos import (
    clocks,
    failover,
    links,
    messages,
    nodes,
    postgres,
    processes,
    rabbitmq,
)
from verification.chaos.cluster import Cluster
from verification.chaos.place import Place
from verification.chaos.plan import Kind, Step
from verification.chaos.servers import Servers

Fault = Callable[[Place, Step], None]

# Where there is one PostgreSQL, and one RabbitMQ.
ONE: Mapping[Kind, Fault] = {
    **processes.FAULTS,
    **postgres.FAULTS,
    **rabbitmq.FAULTS,
    **links.FAULTS,
    **messages.FAULTS,
    **clocks.FAULTS,
}
# Where there are several of each.
MANY: Mapping[Kind, Fault] = {
    **processes.FAULTS,
    **failover.FAULTS,
    **nodes.FAULTS,
    **links.FAULTS,
    **messages.FAULTS,
}
ALL: Mapping[Kind, Fault] = {**ONE, **MANY}
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in ALL}
# They last until a time limit of minutes is over.
SLOW = tuple(kind.name for kind in ALL if kind.drain_seconds_max > 60)


def run(place: Place, step: Step) -> None:
    """Let a fault begin, last, and end."""
    ALL[KINDS[step.fault]](place, step)


def skipped(servers: Servers) -> dict[str, str]:
    """Which faults this machine does not allow, and why."""
    if isinstance(servers, Cluster):
        left_out = {}
        if servers.direct_url is not None:
            reason = "the workers do not connect through a link of ours"
            left_out = {kind.name: reason for kind in MANY if kind.name.startswith("net-pg-")}
        if servers.no_cut:
            left_out["mq-node-cut"] = f"there is no firewall: {servers.no_cut}"
        return left_out
    if servers.disk is None:
        return {"pg-disk-full": f"there is no small file system: {servers.no_disk}"}
    return {}
