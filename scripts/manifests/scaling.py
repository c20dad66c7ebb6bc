"""Whether there are as many of each as there may be, and the servers bear them."""

from collections.abc import Iterator
from typing import Final

from scripts.manifests.containers import Container, MissingError, ours
from scripts.manifests.settings import settings_of
from scripts.manifests.world import Manifest, World
from swpt_accounts.settings import Settings, SettingsError

# They read whole tables, slowly. `all` has them too.
ONE: Final = ("all", "scan_accounts", "scan_prepared_transfers", "scan_registered_balance_changes")
# For superusers, for replication, for the operator and an exporter, and for whoever looks.
_OTHER_CONNECTIONS: Final = 15
_QUEUES: Final = {
    "consume_messages": "protocol_broker_queue",
    "consume_chore_messages": "chores_broker_queue",
}


def check_scaling(world: World) -> Iterator[str]:
    """Yields where there are too many, or somebody else's number is set."""
    scaled = {(m.namespace, m.spec["scaleTargetRef"]["name"]): m for m in _scaled(world)}
    for container in ours(world):
        owner = container.pod.owner
        if owner.kind != "Deployment" or container.is_init:
            continue
        scaler = scaled.pop((owner.namespace, owner.name), None)
        if scaler is not None:
            yield from _check_scaler(world, container, scaler)
        elif container.words[:1] and container.words[0] in ONE and owner.spec.get("replicas") != 1:
            yield f"{owner}: there must be one"
    for manifest in scaled.values():
        yield f"{manifest}: there is no Deployment {manifest.spec['scaleTargetRef']['name']}"
    yield from _check_connections(world)


def _scaled(world: World) -> Iterator[Manifest]:
    return world.of_kind("ScaledObject", "HorizontalPodAutoscaler")


def _check_scaler(world: World, container: Container, scaler: Manifest) -> Iterator[str]:
    command = (container.words or ["all"])[0]
    if command in ONE:
        yield f"{scaler}: {command} must be one"
    if "replicas" in container.pod.owner.spec:
        yield f"{container.pod.owner}: each `apply` would undo what {scaler} does: no replicas"
    if scaler.spec.get("minReplicaCount", 1) < 1:
        yield f"{scaler}: at least one has to be there"
    for trigger in scaler.spec.get("triggers", []):
        queue = trigger["metadata"].get("queueName")
        if trigger["type"] == "rabbitmq" and command in _QUEUES:
            try:
                expected = getattr(settings_of(world, container), _QUEUES[command])
            except (MissingError, SettingsError):
                return
            if queue != expected:
                yield f"{scaler}: it looks at the queue {queue}, and {command} at {expected}"


def connections(command: str, settings: Settings) -> int:
    """How many sessions with PostgreSQL a container has at most: docs/architecture.md."""
    found = {
        "consume_messages": settings.protocol_broker_processes * settings.protocol_broker_threads,
        "consume_chore_messages": settings.chores_broker_processes * settings.chores_broker_threads,
        "process_transfer_requests": settings.process_transfer_requests_threads + 1,
        "process_finalization_requests": settings.process_finalization_requests_threads,
        "process_balance_changes": settings.process_balance_changes_threads,
        "flush_all": settings.flush_processes,
        "webserver": settings.webserver_processes * settings.webserver_threads,
        "scan_accounts": 2,
        "scan_prepared_transfers": 1,
        "scan_registered_balance_changes": 1,
    }
    count = sum(found.values()) if command == "all" else found.get(command, 1)
    return count + (1 if settings.metrics_port else 0)  # of the exporter beside it


def _check_connections(world: World) -> Iterator[str]:
    for cluster in world.of_kind("Cluster"):
        parameters = cluster.spec.get("postgresql", {}).get("parameters", {})
        allowed = int(parameters.get("max_connections", 100)) - _OTHER_CONNECTIONS
        needed = sum(_connections_of(world, c) for c in ours(world) if _is_in(c, cluster))
        if needed > allowed:
            yield f"{cluster}: max_connections leaves {allowed} to the workers; they need {needed}"


def _is_in(container: Container, cluster: Manifest) -> bool:
    return container.pod.owner.namespace == cluster.namespace and not container.is_init


def _connections_of(world: World, container: Container) -> int:
    """Of all pods of the container, those that come beside them in an upgrade included."""
    owner = container.pod.owner
    try:
        each = connections((container.words or ["all"])[0], settings_of(world, container))
    except (MissingError, SettingsError):
        return 0
    scalers = [m for m in _scaled(world) if m.namespace == owner.namespace]
    counts = [
        m.spec.get("maxReplicaCount", 100)
        for m in scalers
        if m.spec["scaleTargetRef"]["name"] == owner.name
    ]
    count = counts[0] if counts else owner.spec.get("replicas", 1)
    surge = owner.spec.get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
    return int(each) * (int(count) + int(surge))
