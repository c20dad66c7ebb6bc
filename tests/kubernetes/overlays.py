"""The overlays as kustomize builds them, with secrets like those that an operator makes."""

from copy import deepcopy
from functools import cache
from pathlib import Path

from agentkit.processes import ROOT
from scripts.manifests.__main__ import OVERLAYS, example_secrets
from scripts.manifests.world import Manifest, World, build, parse

NAMES = ("production", "small", "two-shards")
KUBERNETES = ROOT / "deploy" / "kubernetes"


@cache
def _manifests(name: str) -> list[Manifest]:
    overlay = Path(OVERLAYS / name)
    return parse(f"{build(overlay)}\n---\n{example_secrets(overlay)}")


def manifests(name: str) -> list[Manifest]:
    """All that is in a cluster when an overlay was applied. A test may change them."""
    return deepcopy(_manifests(name))


def world(name: str) -> World:
    """The same, to be looked at."""
    return World(manifests(name))
