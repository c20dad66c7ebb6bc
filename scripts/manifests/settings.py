"""Whether containers of this program find a command, their settings, ports and paths."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from scripts.manifests.containers import Container, MissingError, environment, ours, read_file
from scripts.manifests.world import World
from swpt_accounts.settings import Settings, SettingsError, load_settings
from swpt_accounts.settings.description import SETTINGS

ROOT: Final = Path(__file__).resolve().parents[2]
_USAGE = re.compile(r"<<'USAGE'\n(.*?)\nUSAGE", re.DOTALL)
_READ_SECRETS = re.compile(r"for name in ([A-Z_ \\\n]+); do\n +read_secret")
# What the image has beside its commands.
_PROGRAMS: Final = ("python", "sh", "sleep")
_DATABASE: Final = ("POSTGRES_URL",)
_SERVERS: Final = (*_DATABASE, "PROTOCOL_BROKER_URL", "CHORES_BROKER_URL")
_DATABASE_ONLY: Final = ("await_migrations", "webserver", "verify_books", "verify_shard_content")
_ASKING: Final = ("all", "consume_messages", "process_transfer_requests", "scan_accounts")
_WEB: Final = ("all", "webserver")
_HEALTH_PATH: Final = "/accounts/healthz"
_METRICS_PATHS: Final = ("/live", "/ready", "/metrics")


def entrypoint() -> str:
    """The script that containers start with."""
    return (ROOT / "docker" / "entrypoint.sh").read_text()


def commands() -> frozenset[str]:
    """What a container can be told to do."""
    match = _USAGE.search(entrypoint())
    assert match
    return frozenset(re.findall(r"^  ([a-z][a-zA-Z_-]+)", match[1], re.MULTILINE))


def secrets_from_files() -> frozenset[str]:
    """The settings that may come from files: `NAME_FILE` has the path."""
    match = _READ_SECRETS.search(entrypoint())
    assert match
    return frozenset(re.findall("[A-Z_]+", match[1]))


def variables_of(world: World, container: Container) -> dict[str, str]:
    """What the program sees, files read. Raises `MissingError`."""
    found = environment(world, container)
    for name in secrets_from_files():
        if path := found.pop(f"{name}_FILE", None):
            if name in found:
                raise MissingError(f"{name} and {name}_FILE are both set")
            found[name] = read_file(world, container, path)
    return found


def settings_of(world: World, container: Container) -> Settings:
    """Its settings. Raises `MissingError`, `SettingsError`."""
    return load_settings(variables_of(world, container))


def check_settings(world: World) -> Iterator[str]:
    """Yields what is wrong with the commands and the settings of our containers."""
    for container in ours(world):
        words = container.words or ["all"]
        if words[0] not in commands() | set(_PROGRAMS):
            yield f"{container}: the image has no command {words[0]}"
            continue
        if "command" in container.body:
            yield f"{container}: `command` goes past the entrypoint of the image; use `args`"
        if words[0] in commands():
            yield from _check_variables(world, container, words[0])


def _check_variables(world: World, container: Container, command: str) -> Iterator[str]:
    try:
        variables = variables_of(world, container)
    except MissingError as error:
        yield f"{container}: {error}"
        return
    known = {name.upper() for name in SETTINGS}
    for name in sorted(variables.keys() - known):
        yield f"{container}: {name} is no setting"
    needed = list(_DATABASE if command in _DATABASE_ONLY else _SERVERS)
    if command in _ASKING:
        needed.append("FETCH_API_URL")
    for name in needed:
        if not variables.get(name):
            yield f"{container}: {command} needs {name}"
    try:
        settings = load_settings(variables)
    except SettingsError as error:
        yield f"{container}: {error}"
        return
    yield from _check_probes(container, command, settings)
    yield from _check_folders(container, settings)


def _check_probes(container: Container, command: str, settings: Settings) -> Iterator[str]:
    metrics_port = settings.metrics_port
    legal = {(path, metrics_port) for path in _METRICS_PATHS} if metrics_port else set()
    if command in _WEB:
        legal.add((_HEALTH_PATH, settings.webserver_port))
    ports = {settings.webserver_port, metrics_port} if command in _WEB else {metrics_port}
    for name, port in container.ports.items():
        if port not in ports:
            yield f"{container}: nothing listens on its port {name}, {port}"
    for key in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe: dict[str, Any] = container.body.get(key, {}).get("httpGet", {})
        if probe:
            port = container.ports.get(str(probe["port"]), probe["port"])
            if (probe["path"], port) not in legal:
                yield f"{container}: {key}: {command} has no {probe['path']} on port {port}"


def _check_folders(container: Container, settings: Settings) -> Iterator[str]:
    for folder in ("/tmp", settings.state_dir):
        if not _is_writable(container, folder):
            yield f"{container}: {folder} is in no emptyDir, so it cannot be written to"


def _is_writable(container: Container, folder: str) -> bool:
    """Whether a folder is in a volume that is made for the pod."""
    volumes = container.pod.spec.get("volumes", [])
    names = {volume["name"] for volume in volumes if "emptyDir" in volume}
    return any(
        mount["name"] in names and PurePosixPath(folder).is_relative_to(mount["mountPath"])
        for mount in container.body.get("volumeMounts", [])
    )
