"""The resources that were built, and how their parts are found."""

import re
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

import yaml

BUILD_SECONDS_MAX = 60
IMAGE: Final = "swpt_accounts"
_REFERENCE = re.compile(r"\$\((\w+)\)")


class BuildError(Exception):
    """There is nothing to look at. The text says why."""


class MissingError(Exception):
    """What a container refers to is not there. The text says what."""


@dataclass(frozen=True)
class Manifest:
    """A resource of Kubernetes."""

    body: dict[str, Any] = field(hash=False)

    @property
    def kind(self) -> str:
        return str(self.body["kind"])

    @property
    def group(self) -> str:
        """The group of the API; empty for that of the core."""
        return str(self.body["apiVersion"]).rpartition("/")[0]

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.body["metadata"].get("namespace", ""))

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.body["metadata"].get("labels", {}))

    @property
    def spec(self) -> dict[str, Any]:
        return dict(self.body.get("spec", {}))

    def __str__(self) -> str:
        place = f"{self.namespace}: " if self.namespace else ""
        return f"{place}{self.kind} {self.name}"


@dataclass(frozen=True)
class Pod:
    """What a workload starts, `owner` being the workload."""

    owner: Manifest
    labels: dict[str, str]
    spec: dict[str, Any]


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
        return [str(word) for word in self.body.get("args", [])] or ["all"]

    @property
    def ports(self) -> dict[str, int]:
        """Its ports by their names."""
        return {p["name"]: p["containerPort"] for p in self.body.get("ports", []) if "name" in p}


class World:
    """All that was built, and the secrets that are made apart."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self.manifests = manifests
        self._index = {(m.kind, m.namespace, m.name): m for m in manifests}

    def of_kind(self, *kinds: str) -> Iterator[Manifest]:
        """All of these kinds."""
        return (m for m in self.manifests if m.kind in kinds)

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """The one of this name."""
        return self._index.get((kind, namespace, name))

    def pods(self) -> Iterator[Pod]:
        """What all workloads start."""
        for owner in self.of_kind("Deployment", "Job", "StatefulSet", "DaemonSet"):
            template = owner.spec["template"]
            labels = dict(template.get("metadata", {}).get("labels", {}))
            yield Pod(owner, labels, template["spec"])

    def containers(self) -> Iterator[Container]:
        """All containers of all pods."""
        for pod in self.pods():
            for key in ("initContainers", "containers"):
                for body in pod.spec.get(key, []):
                    yield Container(pod, body, key == "initContainers")

    def ours(self) -> Iterator[Container]:
        """Those of this program."""
        return (container for container in self.containers() if container.is_ours)

    def data(self, kind: str, namespace: str, name: str) -> dict[str, str]:
        """The keys and values of a ConfigMap or a Secret. Raises `MissingError`."""
        found = self.find(kind, namespace, name)
        if found is None:
            hint = " (make_secrets.sh makes them)" if kind == "Secret" else ""
            raise MissingError(f"there is no {kind} {name}{hint}")
        values = dict(found.body.get("data") or {})
        if kind == "Secret":
            values = {key: b64decode(text).decode("latin-1") for key, text in values.items()}
        return {**values, **(found.body.get("stringData") or {})}

    def value(self, kind: str, namespace: str, name: str, key: str) -> str:
        """What a ConfigMap or a Secret has under a key. Raises `MissingError`."""
        values = self.data(kind, namespace, name)
        if not values.get(key):
            raise MissingError(f"the {kind} {name} has no key {key}")
        return values[key]

    def _value(self, kind: str, namespace: str, source: dict[str, Any]) -> str:
        """The same, as a variable refers to it; nothing if it may be missing."""
        try:
            return self.value(kind, namespace, source["name"], source["key"])
        except MissingError:
            if source.get("optional"):
                return ""
            raise

    def environment(self, container: Container) -> dict[str, str]:
        """The variables that it gets, those from secrets included. Raises `MissingError`."""
        namespace = container.pod.owner.namespace
        found: dict[str, str] = {}
        for source in container.body.get("envFrom", []):
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if key in source:
                    values = self.data(kind, namespace, source[key]["name"])
                    prefix = source.get("prefix", "")
                    found |= {f"{prefix}{name}": value for name, value in values.items()}
        for variable in container.body.get("env", []):
            text = str(variable.get("value", ""))
            text = _REFERENCE.sub(lambda match: found.get(match[1], match[0]), text)
            for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if source := variable.get("valueFrom", {}).get(key):
                    text = self._value(kind, namespace, source)
            found[variable["name"]] = text
        return found

    def read_file(self, container: Container, path: str) -> str:
        """What is in a file that is mounted from a secret. Raises `MissingError`."""
        volumes = {volume["name"]: volume for volume in container.pod.spec.get("volumes", [])}
        for mount in container.body.get("volumeMounts", []):
            secret = volumes.get(mount["name"], {}).get("secret")
            if secret and PurePosixPath(path).is_relative_to(mount["mountPath"]):
                name = str(PurePosixPath(path).relative_to(mount["mountPath"]))
                keys = {item["path"]: item["key"] for item in secret.get("items", [])}
                place = "Secret", container.pod.owner.namespace, secret["secretName"]
                return self.value(*place, keys.get(name, name))
        raise MissingError(f"no secret is mounted at {path}")


def parse(text: str) -> list[Manifest]:
    """Reads a stream of manifests. Raises `BuildError`."""
    try:
        return [Manifest(body) for body in yaml.safe_load_all(text) if body]
    except yaml.YAMLError as error:
        raise BuildError(f"this is no YAML: {error}") from error


def build(folder: Path) -> str:
    """What kustomize makes of a folder. Raises `BuildError`."""
    command = ["kubectl", "kustomize", str(folder)]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=BUILD_SECONDS_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{folder}: kubectl kustomize: {error}") from error
    if result.returncode:
        raise BuildError(f"{folder}: {result.stderr.strip()}")
    return result.stdout
