"""The containers of pods: what they run, and what they see of their settings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from scripts.manifests.world import Pod, World

IMAGE: Final = "swpt_accounts"
_REFERENCE = re.compile(r"\$\((\w+)\)")


class MissingError(Exception):
    """What a container refers to is not there. The text says what."""


@dataclass(frozen=True)
class Container:
    """A container of a pod."""

    pod: Pod
    body: dict[str, Any]
    is_init: bool

    def __str__(self) -> str:
        return f"{self.pod.owner}, container {self.body['name']}"

    @property
    def is_ours(self) -> bool:
        """Whether it runs the image of this program, wherever that is from."""
        image = str(self.body["image"]).partition("@")[0].rpartition("/")[2]
        return image.partition(":")[0] == IMAGE

    @property
    def words(self) -> list[str]:
        """The command of the image's entrypoint, with its arguments."""
        return [str(word) for word in self.body.get("args", [])]

    @property
    def ports(self) -> dict[str, int]:
        """Its ports by their names."""
        return {p["name"]: p["containerPort"] for p in self.body.get("ports", []) if "name" in p}


def containers(world: World) -> Iterator[Container]:
    """All containers of all pods."""
    for pod in world.pods():
        for key in ("initContainers", "containers"):
            for body in pod.spec.get(key, []):
                yield Container(pod, body, key == "initContainers")


def ours(world: World) -> Iterator[Container]:
    """Those of this program."""
    return (container for container in containers(world) if container.is_ours)


def environment(world: World, container: Container) -> dict[str, str]:
    """The variables that it gets, those from secrets included. Raises `MissingError`."""
    found: dict[str, str] = {}
    for source in container.body.get("envFrom", []):
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if key in source:
                values = _data(world, container, kind, source[key]["name"])
                prefix = source.get("prefix", "")
                found |= {f"{prefix}{name}": value for name, value in values.items()}
    for variable in container.body.get("env", []):
        found[variable["name"]] = _value(world, container, variable, found)
    return found


def _value(
    world: World, container: Container, variable: dict[str, Any], found: dict[str, str]
) -> str:
    source = variable.get("valueFrom", {})
    for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if key in source:
            name, entry = source[key]["name"], source[key]["key"]
            values = _data(world, container, kind, name)
            if entry not in values:
                raise MissingError(f"the {kind} {name} has no key {entry}")
            return values[entry]
    text = str(variable.get("value", ""))
    return _REFERENCE.sub(lambda match: found.get(match[1], match[0]), text)


def _data(world: World, container: Container, kind: str, name: str) -> dict[str, str]:
    values = world.data(kind, container.pod.owner.namespace, name)
    if values is None:
        raise MissingError(f"there is no {kind} {name}")
    return values


def read_file(world: World, container: Container, path: str) -> str:
    """What is in a file that is mounted from a secret. Raises `MissingError`."""
    wanted = PurePosixPath(path)
    volumes = {volume["name"]: volume for volume in container.pod.spec.get("volumes", [])}
    for mount in container.body.get("volumeMounts", []):
        folder = PurePosixPath(mount["mountPath"])
        secret = volumes.get(mount["name"], {}).get("secret")
        if secret and wanted.is_relative_to(folder):
            values = _data(world, container, "Secret", secret["secretName"])
            name = str(wanted.relative_to(folder))
            items = {item["path"]: item["key"] for item in secret.get("items", [])}
            key = items.get(name) if items else name
            if key is None or key not in values:
                raise MissingError(f"the Secret {secret['secretName']} has no {name} for {path}")
            return values[key]
    raise MissingError(f"no secret is mounted at {path}")
