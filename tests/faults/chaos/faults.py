"""All faults, by their names."""

from collections.abc import Callable, Mapping

from tests.faults.chaos import clocks, links, messages, postgres, processes, rabbitmq
from tests.faults.chaos.place import Place
from tests.faults.chaos.plan import Kind, Step
from tests.faults.chaos.servers import Servers

Fault = Callable[[Place, Step], None]

ALL: Mapping[Kind, Fault] = {
    **processes.FAULTS,
    **postgres.FAULTS,
    **rabbitmq.FAULTS,
    **links.FAULTS,
    **messages.FAULTS,
    **clocks.FAULTS,
}
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in ALL}
# They last until a time limit of minutes is over.
SLOW = tuple(kind.name for kind in ALL if kind.drain_seconds_max > 60)


def run(place: Place, step: Step) -> None:
    """Let a fault begin, last, and end."""
    ALL[KINDS[step.fault]](place, step)


def skipped(servers: Servers) -> dict[str, str]:
    """Which faults this machine does not allow, and why."""
    if servers.disk is None:
        return {"pg-disk-full": f"there is no small file system: {servers.no_disk}"}
    return {}
