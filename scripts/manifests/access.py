"""Whether the users of RabbitMQ may do what the containers with their URLs do."""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from scripts.manifests.containers import Container, MissingError, ours
from scripts.manifests.settings import commands, settings_of
from scripts.manifests.shards import shards
from scripts.manifests.world import World
from swpt_accounts.settings import Settings, SettingsError

_SENT_TO: Final = ("accounts_in", "to_creditors", "to_debtors", "to_coordinators")
_NO_BROKER: Final = ("await_migrations", "webserver", "verify_books", "verify_shard_content")


def check_access(world: World) -> Iterator[str]:
    """Yields what a container's user may not do, and what it may do to another shard."""
    if world.find_first("RabbitmqCluster") is None:
        return  # somebody else says who may do what
    found = shards(world)
    for container in ours(world):
        command = (container.words or ["all"])[0]
        if command in commands() and command not in _NO_BROKER:
            try:
                settings = settings_of(world, container)
            except (MissingError, SettingsError):
                continue
            others = [s for place, s in found.items() if place != container.pod.owner.namespace]
            problems = _problems(world, container, command == "configure", settings, others)
            yield from (f"{container}: {problem}" for problem in problems)


def _problems(
    world: World,
    container: Container,
    is_configure: bool,
    settings: Settings,
    others: list[Settings],
) -> Iterator[str]:
    user = unquote(urlsplit(settings.protocol_broker_url).username or "")
    permissions = permissions_of(world, container.pod.owner.namespace, user)
    if permissions is None:
        yield f"no Permission is for the user {user}"
        return
    for right, name in (_configures if is_configure else _works)(settings):
        if not _allows(permissions, right, name):
            yield f"the user {user} may not {right} {name}"
    for other in others:
        for right in ("configure", "write", "read"):
            for name in (other.protocol_broker_queue, other.chores_broker_queue):
                if _allows(permissions, right, name):
                    yield f"the user {user} may {right} {name}, of another shard"


def _configures(settings: Settings) -> Iterator[tuple[str, str]]:
    queue = settings.protocol_broker_queue
    names = (*_SENT_TO, queue, f"{queue}.XQ", settings.chores_broker_queue)
    yield from (("configure", name) for name in names)
    yield from (("write", name) for name in (queue, "to_creditors", "to_debtors"))
    yield from (("read", name) for name in ("accounts_in", "to_coordinators"))


def _works(settings: Settings) -> Iterator[tuple[str, str]]:
    yield "configure", f"{settings.protocol_broker_queue}.XQ"
    yield from (("write", name) for name in (*_SENT_TO, "amq.default"))
    yield "read", settings.protocol_broker_queue
    yield "read", settings.chores_broker_queue


def permissions_of(world: World, namespace: str, user: str) -> dict[str, Any] | None:
    """The three regular expressions of a user of RabbitMQ."""
    for manifest in world.of_kind("Permission"):
        if manifest.namespace != namespace:
            continue
        name = manifest.spec.get("user")
        if reference := manifest.spec.get("userReference"):
            made = world.find("User", namespace, reference["name"])
            secret = made.spec["importCredentialsSecret"]["name"] if made else ""
            name = (world.data("Secret", namespace, secret) or {}).get("username")
        if name == user:
            return dict(manifest.spec["permissions"])
    return None


def _allows(permissions: dict[str, Any], right: str, name: str) -> bool:
    pattern = permissions.get(right, "")
    return bool(pattern and re.search(pattern, name))
