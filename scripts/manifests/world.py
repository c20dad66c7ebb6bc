"""What was built, and how its parts are found."""

import subprocess
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

BUILD_SECONDS_MAX = 60


class BuildError(Exception):
    """There is nothing to look at. The text says why."""


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

    def find_first(self, kind: str) -> Manifest | None:
        """One of this kind, if there is any."""
        return next(self.of_kind(kind), None)

    def pods(self) -> Iterator[Pod]:
        """What all workloads start."""
        for owner in self.of_kind("Deployment", "Job", "StatefulSet", "DaemonSet"):
            template = owner.spec["template"]
            labels = dict(template.get("metadata", {}).get("labels", {}))
            yield Pod(owner, labels, template["spec"])

    def data(self, kind: str, namespace: str, name: str) -> dict[str, str] | None:
        """The keys and values of a ConfigMap or a Secret, if it is there."""
        found = self.find(kind, namespace, name)
        if found is None:
            return None
        values = dict(found.body.get("data") or {})
        if kind == "Secret":
            values = {key: b64decode(text).decode("latin-1") for key, text in values.items()}
        return {**values, **(found.body.get("stringData") or {})}


def parse(text: str) -> list[Manifest]:
    """Reads a stream of manifests. Raises `BuildError`."""
    try:
        return [Manifest(body) for body in yaml.safe_load_all(text) if body]
    except yaml.YAMLError as error:
        raise BuildError(f"this is no YAML: {error}") from error


def build(folder: Path) -> str:
    """What kustomize makes of a folder. Raises `BuildError`."""
    try:
        result = subprocess.run(
            ["kubectl", "kustomize", str(folder)],
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{folder}: kubectl kustomize: {error}") from error
    if result.returncode:
        raise BuildError(f"{folder}: {result.stderr.strip()}")
    return result.stdout


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether a selector by labels chooses what has these."""
    return selector.items() <= labels.items()
