"""Whether pods keep to the restricted Pod Security Standard, and have bounds."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from scripts.manifests.containers import Container, containers
from scripts.manifests.world import Pod, World

_QUANTITY = re.compile(r"([0-9.]+)([mkKMG]?i?)")
_SYMBOLS: Final = ("", "k", "M", "G")
_UNITS: Final = {
    "m": Decimal("0.001"),
    **{symbol: Decimal(1000) ** i for i, symbol in enumerate(_SYMBOLS)},
    **{f"{symbol.upper()}i": Decimal(1024) ** i for i, symbol in enumerate(_SYMBOLS) if i},
}


def quantity(value: str | int | float) -> Decimal:
    """The number that a quantity like `100m` or `64Mi` stands for. Raises `ValueError`."""
    match = _QUANTITY.fullmatch(str(value))
    if match is None or match[2] not in _UNITS:
        raise ValueError(f"{value!r} is no quantity")
    return Decimal(match[1]) * _UNITS[match[2]]


def check_security(world: World) -> Iterator[str]:
    """Yields what a pod or a container could do beyond its work."""
    for pod in world.pods():
        yield from (f"{pod.owner}: {problem}" for problem in _pod_problems(pod))
    for container in containers(world):
        yield from (f"{container}: {problem}" for problem in _container_problems(container))


def _pod_problems(pod: Pod) -> Iterator[str]:
    context = pod.spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield "it may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "it has no profile of seccomp"
    if pod.spec.get("automountServiceAccountToken") is not False:
        yield "it gets a token of the API server"
    if pod.spec.get("enableServiceLinks") is not False:
        yield "variables for services would be among its settings: enableServiceLinks"
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(key):
            yield f"it has {key}"
    yield from _volume_problems(pod)


def _volume_problems(pod: Pod) -> Iterator[str]:
    for volume in pod.spec.get("volumes", []):
        if "hostPath" in volume:
            yield f"the volume {volume['name']} is of the host"
        if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
            yield f"the volume {volume['name']} has no limit"


def _container_problems(container: Container) -> Iterator[str]:
    context = container.body.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        yield "it may gain privileges"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "its root file system can be written to"
    capabilities = context.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield "it has capabilities"
    resources = container.body.get("resources", {})
    for name in ("cpu", "memory"):
        requested = resources.get("requests", {}).get(name)
        limit = resources.get("limits", {}).get(name)
        if requested is None or limit is None:
            yield f"it has no request, or no limit, of {name}"
        elif quantity(requested) > quantity(limit):
            yield f"it requests more {name} than its limit"
