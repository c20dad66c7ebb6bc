"""The overlays as kustomize builds them, with secrets like those that an operator makes."""

import re
from copy import deepcopy
from decimal import Decimal
from functools import cache
from pathlib import Path

from agentkit.processes import ROOT
from scripts.manifests.__main__ import OVERLAYS, example_secrets
from scripts.manifests.resources import Manifest, World, build, parse

NAMES = ("production", "small", "two-shards")
KUBERNETES = ROOT / "deploy" / "kubernetes"
_UNITS = {"": Decimal(1), "m": Decimal("0.001"), "Mi": Decimal(2**20), "Gi": Decimal(2**30)}


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


def quantity(value: str | int | float) -> Decimal:
    """The number that a quantity like `100m` or `64Mi` stands for."""
    match = re.fullmatch(r"([0-9.]+)([mMG]?i?)", str(value))
    assert match, value
    return Decimal(match[1]) * _UNITS[match[2]]
