"""What no validator can know: the commands and settings of this program, and what resources refer
to. What is no manifest of Kubernetes at all is found by kubernetes-validate.
"""

import itertools
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import kubernetes_validate

from scripts.manifests.resources import Container, Manifest, MissingError, Pod, World
from swpt_accounts.core.realm import MAX_REALM_LENGTH, Realm
from swpt_accounts.settings import Settings, SettingsError, load_settings
from swpt_accounts.settings.description import SETTINGS

ROOT: Final = Path(__file__).resolve().parents[2]
OLDEST: Final = "1.30"
# They read whole tables, slowly. `all` has them too.
ONE: Final = ("all", "scan_accounts", "scan_prepared_transfers", "scan_registered_balance_changes")
_PROGRAMS: Final = ("python", "sh", "sleep")
_USAGE = re.compile(r"<<'USAGE'\n(.*?)\nUSAGE", re.DOTALL)
_READ_SECRETS = re.compile(r"for name in ([A-Z_ \\\n]+); do\n +read_secret")
# What CloudNativePG and RabbitMQ's operator make by themselves: suffixes of the names.
_MADE_SECRETS: Final = (("Cluster", ("-ca", "-app", "-server", "-replication")),)
_MADE_SERVICES: Final = (("Cluster", ("-rw", "-ro", "-r")), ("RabbitmqCluster", ("",)))
_SECRET_KEYS: Final = ("username", "password")
_URLS: Final = ("database_url", "protocol_broker_url", "chores_broker_url", "fetch_api_url")
_PROXY: Final = "apiproxy.conf"


def problems(world: World) -> Iterator[str]:
    """Everything that is wrong. What is no manifest at all is not looked at any further."""
    refused = [
        f"{manifest}: {problem}"
        for manifest in world.manifests
        if not _is_custom(manifest) and (problem := _refused(json.dumps(manifest.body)))
    ]
    yield from refused
    if not refused:
        for check in (check_settings, check_references, check_scans, check_shards):
            yield from check(world)


def _is_custom(manifest: Manifest) -> bool:
    """Whether the kind is an operator's."""
    return "." in manifest.group and not manifest.group.endswith(".k8s.io")


@lru_cache(maxsize=1000)  # each validation reads the definitions of all kinds
def _refused(text: str) -> str:
    """What is wrong with a resource of Kubernetes' own, if anything is."""
    try:
        kubernetes_validate.validate(json.loads(text), OLDEST, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(str(part) for part in error.path)}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError as error:
        return str(error.message)
    return ""


# -- commands and settings --------------------------------------------------------


def commands() -> frozenset[str]:
    """What a container can be told to do."""
    match = _USAGE.search((ROOT / "docker" / "entrypoint.sh").read_text())
    assert match
    return frozenset(re.findall(r"^  ([a-z][a-zA-Z_-]+)", match[1], re.MULTILINE))


def secrets_from_files() -> frozenset[str]:
    """The settings that may come from files: `NAME_FILE` has the path."""
    match = _READ_SECRETS.search((ROOT / "docker" / "entrypoint.sh").read_text())
    assert match
    return frozenset(re.findall("[A-Z_]+", match[1]))


def variables_of(world: World, container: Container) -> dict[str, str]:
    """What the program sees, files read. Raises `MissingError`."""
    found = world.environment(container)
    for name in secrets_from_files():
        if path := found.pop(f"{name}_FILE", None):
            found[name] = world.read_file(container, path)
    return found


def settings_of(world: World, container: Container) -> Settings | None:
    """Its settings; None if they cannot be read, which `check_settings` tells."""
    try:
        return load_settings(variables_of(world, container))
    except (MissingError, SettingsError):
        return None


def check_settings(world: World) -> Iterator[str]:
    """Yields commands and settings that do not exist, and values that are refused."""
    known = {name.upper() for name in SETTINGS}
    for container in world.ours():
        command = container.words[0]
        if command not in commands() | set(_PROGRAMS):
            yield f"{container}: the image has no command {command}"
        elif "command" in container.body:
            yield f"{container}: `command` goes past the entrypoint of the image; use `args`"
        elif command in commands():
            try:
                variables = variables_of(world, container)
                for name in sorted(variables.keys() - known):
                    yield f"{container}: {name} is no setting"
                load_settings(variables)
            except (MissingError, SettingsError) as error:
                yield f"{container}: {error}"


# -- what is referred to ----------------------------------------------------------


def check_references(world: World) -> Iterator[str]:
    """Yields what is missing, or chooses nothing."""
    for container in world.containers():
        try:
            world.environment(container)
        except MissingError as error:
            yield f"{container}: {error}"
    for pod in world.pods():
        yield from (f"{pod.owner}: {problem}" for problem in _volume_problems(world, pod))
    for manifest in world.manifests:
        yield from (f"{manifest}: {problem}" for problem in _problems_of(world, manifest))


def _volume_problems(world: World, pod: Pod) -> Iterator[str]:
    volumes = pod.spec.get("volumes", [])
    for volume in volumes:
        if "configMap" in volume and not volume["configMap"].get("optional"):
            yield from _lack(world, pod.owner, "ConfigMap", volume["configMap"]["name"])
        if "secret" in volume:
            yield from _lack(world, pod.owner, "Secret", volume["secret"]["secretName"])
    names = {volume["name"] for volume in volumes}
    for container in (*pod.spec.get("initContainers", []), *pod.spec["containers"]):
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in names:
                yield f"there is no volume {mount['name']}"


def _lack(world: World, user: Manifest, kind: str, name: str, *keys: str) -> Iterator[str]:
    """What is missing of a ConfigMap or a Secret that nobody else makes."""
    if kind == "Secret" and _is_made(world, user.namespace, name, _MADE_SECRETS):
        return
    try:
        world.data(kind, user.namespace, name)
        for key in keys:
            world.value(kind, user.namespace, name, key)
    except MissingError as error:
        yield str(error)


def _is_made(
    world: World, namespace: str, name: str, made: tuple[tuple[str, tuple[str, ...]], ...]
) -> bool:
    """Whether an operator makes it."""
    return any(
        (manifest.namespace, f"{manifest.name}{suffix}") == (namespace, name)
        for kind, suffixes in made
        for manifest in world.of_kind(kind)
        for suffix in suffixes
    )


def _problems_of(world: World, manifest: Manifest) -> Iterator[str]:
    spec = manifest.spec
    match manifest.kind:
        case "Service" | "PodDisruptionBudget":
            yield from _selector_problems(world, manifest)
        case "TriggerAuthentication":
            for target in spec["secretTargetRef"]:
                yield from _lack(world, manifest, "Secret", target["name"], target["key"])
        case "Cluster":
            for name, keys in _cluster_secrets(spec):
                yield from _lack(world, manifest, "Secret", name, *keys)
        case "User" | "Permission" | "Policy":
            yield from _broker_problems(world, manifest)
        case "ScaledObject" | "HorizontalPodAutoscaler":
            yield from _scaler_problems(world, manifest)


def _selector_problems(world: World, manifest: Manifest) -> Iterator[str]:
    selector = manifest.spec["selector"]
    wanted = selector.get("matchLabels", selector)
    chosen = [
        pod
        for pod in world.pods()
        if pod.owner.namespace == manifest.namespace and wanted.items() <= pod.labels.items()
    ]
    if not chosen:
        yield "it chooses no pod"
    for port, pod in itertools.product(manifest.spec.get("ports", []), chosen):
        target = port.get("targetPort", port["port"])
        ports = [p for c in pod.spec["containers"] for p in c.get("ports", [])]
        if not any(target in (p.get("name"), p["containerPort"]) for p in ports):
            yield f"{pod.owner} has no port {target}"


def _cluster_secrets(spec: dict[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    if secret := spec.get("bootstrap", {}).get("initdb", {}).get("secret"):
        yield secret["name"], _SECRET_KEYS
    for role in spec.get("managed", {}).get("roles", []):
        yield role["passwordSecret"]["name"], _SECRET_KEYS
    store = spec.get("backup", {}).get("barmanObjectStore", {})
    for reference in store.get("s3Credentials", {}).values():
        yield reference["name"], (reference["key"],)


def _broker_problems(world: World, manifest: Manifest) -> Iterator[str]:
    if secret := manifest.spec.get("importCredentialsSecret"):
        yield from _lack(world, manifest, "Secret", secret["name"], *_SECRET_KEYS)
    user = manifest.spec.get("userReference")
    if user and not world.find("User", manifest.namespace, user["name"]):
        yield f"there is no User {user['name']}"
    reference = manifest.spec["rabbitmqClusterReference"]
    namespace = reference.get("namespace", manifest.namespace)
    cluster = world.find("RabbitmqCluster", namespace, reference["name"])
    if cluster is None:
        yield f"there is no RabbitmqCluster {reference['name']}"
        return
    annotations = cluster.body["metadata"].get("annotations", {})
    allowed = annotations.get("rabbitmq.com/topology-allowed-namespaces", "").split(",")
    if namespace != manifest.namespace and not {manifest.namespace, "*"} & set(allowed):
        yield f"{cluster} does not allow the namespace (topology-allowed-namespaces)"


def _scaler_problems(world: World, manifest: Manifest) -> Iterator[str]:
    name = manifest.spec["scaleTargetRef"]["name"]
    target = world.find("Deployment", manifest.namespace, name)
    if target is None:
        yield f"there is no Deployment {name}"
    elif any(c.pod.owner == target and c.words[0] in ONE for c in world.ours()):
        yield f"{target}: there must be one"
    elif "replicas" in target.spec:
        yield f"each `apply` would undo what it does: {target} must have no replicas"


def check_scans(world: World) -> Iterator[str]:
    """Yields scans of which there are several."""
    for container in world.ours():
        owner = container.pod.owner
        if container.words[0] in ONE and owner.spec.get("replicas", 1) != 1:
            yield f"{owner}: there must be one"


# -- shards -----------------------------------------------------------------------


def check_shards(world: World) -> Iterator[str]:
    """Yields accounts of two shards, or of none, and hosts that are not there."""
    jobs = [container for container in world.ours() if container.words[0] == "configure"]
    found = {c.pod.owner.namespace: s for c in jobs if (s := settings_of(world, c))}
    yield from _conflicts(found)
    for namespace, settings in found.items():
        for name in _URLS:
            yield from _host_problems(world, namespace, getattr(settings, name) or "")
    for manifest in world.of_kind("ConfigMap"):
        if text := (manifest.body.get("data") or {}).get(_PROXY):
            yield from (f"{manifest}: {x}" for x in _proxy_problems(world, manifest, text, found))


def _conflicts(found: dict[str, Settings]) -> Iterator[str]:
    for (place, one), (other_place, other) in itertools.combinations(found.items(), 2):
        if _overlap(one.realm, other.realm):
            yield f"{place}, {other_place}: the realms {one.realm} and {other.realm} overlap"
        for name in ("protocol_broker_queue", "chores_broker_queue"):
            if getattr(one, name) == getattr(other, name):
                yield f"{place}, {other_place}: {name.upper()} is {getattr(one, name)} in both"


def _overlap(one: Realm, other: Realm) -> bool:
    """Whether there are accounts that belong to both."""
    length = min(one.length, other.length)
    return one.bits >> (one.length - length) == other.bits >> (other.length - length)


def _host_problems(world: World, namespace: str, url: str) -> Iterator[str]:
    """What is wrong with the name of a server, as a pod of this namespace sees it."""
    name, place = _service_of(namespace, url)
    is_here = name and "." not in place
    if is_here and not (
        world.find("Service", place, name) or _is_made(world, place, name, _MADE_SERVICES)
    ):
        yield f"{namespace}: there is no Service {name} in the namespace {place}"


def _service_of(namespace: str, url: str) -> tuple[str, str]:
    """The name and the namespace of a server."""
    name, _, rest = (urlsplit(url).hostname or "").partition(".")
    return name, rest.removesuffix(".cluster.local").removesuffix(".svc") or namespace


def _proxy_problems(
    world: World, manifest: Manifest, text: str, found: dict[str, Settings]
) -> Iterator[str]:
    realms: list[Realm] = []
    for line in text.splitlines():
        key, _, url = line.partition(" ")
        try:
            realms.append(Realm.parse(key))
        except ValueError as error:
            yield f"{line!r}: {error}"
            continue
        yield from _host_problems(world, manifest.namespace, url)
        shard = found.get(_service_of(manifest.namespace, url)[1])
        if shard and shard.realm != realms[-1]:
            yield f"{line!r}: the realm of that shard is {shard.realm}"
    for one, other in itertools.combinations(realms, 2):
        if _overlap(one, other):
            yield f"{one} and {other} overlap"
    if sum(1 << (MAX_REALM_LENGTH - realm.length) for realm in realms) < 1 << MAX_REALM_LENGTH:
        yield "there are accounts that belong to no shard"
