"""Whether what is referred to is there: secrets, config maps, services, pods."""

from collections.abc import Iterator
from typing import Any, Final

from scripts.manifests.containers import MissingError, containers, environment
from scripts.manifests.world import Manifest, Pod, World, selects

# What operators make by themselves: kind of their resource, suffixes of the names.
_MADE_SECRETS: Final = (("Cluster", ("-ca", "-app", "-server", "-replication")),)
_MADE_SERVICES: Final = (("Cluster", ("-rw", "-ro", "-r")), ("RabbitmqCluster", ("",)))
_SECRET_KEYS: Final = ("username", "password")


def is_made(
    world: World, namespace: str, name: str, made: tuple[tuple[str, tuple[str, ...]], ...]
) -> bool:
    """Whether an operator makes it."""
    return any(
        name == f"{manifest.name}{suffix}" and manifest.namespace == namespace
        for kind, suffixes in made
        for manifest in world.of_kind(kind)
        for suffix in suffixes
    )


def check_references(world: World) -> Iterator[str]:
    """Yields what is missing, or chooses nothing."""
    for container in containers(world):
        try:
            environment(world, container)
        except MissingError as error:
            yield f"{container}: {error}"
    for pod in world.pods():
        yield from _check_volumes(world, pod)
    for manifest in world.of_kind("Service", "PodDisruptionBudget"):
        yield from _check_selector(world, manifest)
    for manifest in world.manifests:
        yield from _check_secrets(world, manifest)
    for manifest in world.of_kind("User", "Permission", "Policy"):
        yield from _check_broker(world, manifest)


def _check_volumes(world: World, pod: Pod) -> Iterator[str]:
    namespace = pod.owner.namespace
    for volume in pod.spec.get("volumes", []):
        if "configMap" in volume:
            name = volume["configMap"]["name"]
            if world.find("ConfigMap", namespace, name) is None:
                yield f"{pod.owner}: there is no ConfigMap {name}"
        if "secret" in volume:
            yield from _check_secret(world, pod.owner, volume["secret"]["secretName"], ())
    names = {volume["name"] for volume in pod.spec.get("volumes", [])}
    for container in (*pod.spec.get("initContainers", []), *pod.spec["containers"]):
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in names:
                yield f"{pod.owner}: there is no volume {mount['name']}"


def _check_secret(
    world: World, manifest: Manifest, name: str, keys: tuple[str, ...]
) -> Iterator[str]:
    values = world.data("Secret", manifest.namespace, name)
    if values is None:
        if not is_made(world, manifest.namespace, name, _MADE_SECRETS):
            yield f"{manifest}: there is no Secret {name} (make_secrets.sh makes them)"
        return
    for key in keys:
        if not values.get(key):
            yield f"{manifest}: the Secret {name} has no key {key}"


def _check_secrets(world: World, manifest: Manifest) -> Iterator[str]:
    """Those that are for operators."""
    spec = manifest.spec
    match manifest.kind:
        case "User":
            name = spec["importCredentialsSecret"]["name"]
            yield from _check_secret(world, manifest, name, _SECRET_KEYS)
        case "TriggerAuthentication":
            for target in spec["secretTargetRef"]:
                yield from _check_secret(world, manifest, target["name"], (target["key"],))
        case "Cluster":
            for name, keys in _cluster_secrets(spec):
                yield from _check_secret(world, manifest, name, keys)


def _cluster_secrets(spec: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    if secret := spec.get("bootstrap", {}).get("initdb", {}).get("secret"):
        yield secret["name"], _SECRET_KEYS
    for role in spec.get("managed", {}).get("roles", []):
        yield role["passwordSecret"]["name"], _SECRET_KEYS
    store = spec.get("backup", {}).get("barmanObjectStore", {})
    for reference in store.get("s3Credentials", {}).values():
        yield reference["name"], (reference["key"],)


def _check_selector(world: World, manifest: Manifest) -> Iterator[str]:
    selector = manifest.spec["selector"]
    if manifest.kind == "PodDisruptionBudget":
        selector = selector["matchLabels"]
    chosen = [
        pod
        for pod in world.pods()
        if pod.owner.namespace == manifest.namespace and selects(selector, pod.labels)
    ]
    if not chosen:
        yield f"{manifest}: it chooses no pod"
    for port in manifest.spec.get("ports", []) if manifest.kind == "Service" else []:
        target = port.get("targetPort", port["port"])
        for pod in chosen:
            ports = [p for c in pod.spec["containers"] for p in c.get("ports", [])]
            if not any(target in (p.get("name"), p["containerPort"]) for p in ports):
                yield f"{manifest}: {pod.owner} has no port {target}"


def _check_broker(world: World, manifest: Manifest) -> Iterator[str]:
    reference = manifest.spec["rabbitmqClusterReference"]
    namespace = reference.get("namespace", manifest.namespace)
    if (user := manifest.spec.get("userReference")) and not world.find(
        "User", manifest.namespace, user["name"]
    ):
        yield f"{manifest}: there is no User {user['name']}"
    cluster = world.find("RabbitmqCluster", namespace, reference["name"])
    if cluster is None:
        yield f"{manifest}: there is no RabbitmqCluster {reference['name']}"
        return
    annotations = cluster.body["metadata"].get("annotations", {})
    allowed = annotations.get("rabbitmq.com/topology-allowed-namespaces", "").split(",")
    if namespace != manifest.namespace and not {manifest.namespace, "*"} & set(allowed):
        yield f"{manifest}: {cluster} does not allow the namespace (topology-allowed-namespaces)"


def service_of(world: World, namespace: str, host: str) -> str | None:
    """What is wrong with the name of a server, as a pod of this namespace sees it."""
    name, _, rest = host.partition(".")
    place = rest.removesuffix(".cluster.local").removesuffix(".svc") or namespace
    if "." in place:
        return None  # it is somewhere else
    if world.find("Service", place, name) or is_made(world, place, name, _MADE_SERVICES):
        return None
    return f"there is no Service {name} in the namespace {place}"
