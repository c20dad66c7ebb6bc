"""Starts the containers of manifests as far as a machine can: as their user, without capabilities,
with their variables, files and folders, and a root file system that cannot be written to.
"""

import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from agentkit.processes import ROOT, free_port
from scripts.manifests.resources import Container as Described
from scripts.manifests.resources import World
from tests.docker.containers import Container
from tests.kubernetes.overlays import quantity

SECRETS = "/run/secrets/accounts"
# $1 has the files of secrets; $2 is where they are expected, $3 the size of /tmp.
_INSIDE = f"""
set -e
mount -t tmpfs tmpfs /run
mkdir -p "$2" /run/empty
cp "$1"/* "$2"
mount -t tmpfs -o "size=$3,mode=1777" tmpfs /tmp
mount --bind {shlex.quote(str(ROOT))} {shlex.quote(str(ROOT))}
mount -o remount,bind,ro {shlex.quote(str(ROOT))}
mount -o remount,ro /run
mount -o remount,bind,ro /
shift 3
exec "$@"
"""
_ALONE = ("unshare", "--mount", "--propagation", "private")


@cache
def can_have_mounts() -> bool:
    """Whether this machine lets us have a file system of our own (as root it does, mostly)."""
    command = [*_ALONE, "sh", "-c", "mount -t tmpfs tmpfs /run && mount -o remount,bind,ro /"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@dataclass
class Machine:
    """Where containers run. The secrets have the addresses of servers that are there."""

    world: World
    folder: Path
    secrets: Mapping[str, Mapping[str, str]]
    overrides: Mapping[str, str]
    ports: dict[str, int] = field(default_factory=dict)

    def start(self, container: Described) -> Container:
        """Start a container of ours."""
        files = self._write(container)
        variables = {**self.world.environment(container), **self._overridden(container)}
        inside: tuple[str, ...] = ()
        if can_have_mounts():
            size = str(int(quantity(self._tmp(container))))
            inside = (*_ALONE, "sh", "-c", _INSIDE, "sh", str(files), SECRETS, size)
            # which is its own; what the tests have is everybody's
            variables["TMPDIR"] = "/tmp"
        else:
            variables |= {
                name: value.replace(SECRETS, str(files))
                for name, value in variables.items()
                if value.startswith(f"{SECRETS}/")
            }
            variables["TMPDIR"] = str(self._folder("tmp"))
            # which is below the /tmp that all share here, with other tests, too
            variables["STATE_DIR"] = str(self._folder("state"))
        return Container(str(container), tuple(container.words), variables, inside)

    def port(self, container: Described, name: str) -> int:
        """Where a port of a container is here: all of them share one network."""
        return self.ports.setdefault(f"{container} {name}", free_port())

    def _overridden(self, container: Described) -> dict[str, str]:
        known = self.world.environment(container)
        found = {name: value for name, value in self.overrides.items() if name in known}
        for name, setting in (("http", "WEBSERVER_PORT"), ("metrics", "METRICS_PORT")):
            if name in container.ports:
                found[setting] = str(self.port(container, name))
        return found

    def _write(self, container: Described) -> Path:
        """The files of its secret, in a folder that its user can read."""
        (name,) = (
            volume["secret"]["secretName"]
            for volume in container.pod.spec["volumes"]
            if volume["name"] == "secrets"
        )
        folder = self._folder("secret")
        for key, value in self.secrets[name].items():
            (folder / key).write_text(value)
            (folder / key).chmod(0o444)
        return folder

    def _folder(self, kind: str) -> Path:
        folder = self.folder / f"{kind}{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        folder.chmod(0o777)
        return folder

    def _tmp(self, container: Described) -> str:
        """The size of what is at /tmp."""
        names = [m["name"] for m in container.body["volumeMounts"] if m["mountPath"] == "/tmp"]
        (found,) = (
            volume["emptyDir"]["sizeLimit"]
            for volume in container.pod.spec["volumes"]
            if volume["name"] in names
        )
        return str(found)


def bytes_max(container: Described) -> int:
    """The memory that it may use."""
    return int(quantity(container.body["resources"]["limits"]["memory"]))


def probes(container: Described) -> Iterator[tuple[str, str]]:
    """Its probes by HTTP: the names of the ports, and the paths."""
    for key in ("startupProbe", "readinessProbe", "livenessProbe"):
        if asked := container.body.get(key, {}).get("httpGet"):
            yield asked["port"], asked["path"]
