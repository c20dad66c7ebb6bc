"""Whether each account belongs to one shard, and each shard has what is its own."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from scripts.manifests.containers import MissingError, ours
from scripts.manifests.references import service_of
from scripts.manifests.settings import commands, settings_of
from scripts.manifests.world import World
from swpt_accounts.core.realm import MAX_REALM_LENGTH, Realm
from swpt_accounts.settings import Settings, SettingsError

PROXY: Final = "apiproxy.conf"


def shards(world: World) -> dict[str, Settings]:
    """The settings of the shards by their namespaces, as each job `configure` has them. Those that
    cannot be read are told by other checks.
    """
    found = {}
    for container in ours(world):
        if container.words[:1] == ["configure"]:
            try:
                found[container.pod.owner.namespace] = settings_of(world, container)
            except (MissingError, SettingsError):
                continue
    return found


def overlap(one: Realm, other: Realm) -> bool:
    """Whether there are accounts that belong to both."""
    length = min(one.length, other.length)
    return one.bits >> (one.length - length) == other.bits >> (other.length - length)


def check_shards(world: World) -> Iterator[str]:
    """Yields what two shards must not share, and what the parts of one must."""
    found = shards(world)
    pairs = list(found.items())
    for i, (place, settings) in enumerate(pairs):
        for other_place, other in pairs[i + 1 :]:
            yield from (f"{place}, {other_place}: {x}" for x in _conflicts(settings, other))
    for container in ours(world):
        whole = found.get(container.pod.owner.namespace)
        if whole is None or container.words[:1] == ["configure"]:
            continue
        if (container.words or ["all"])[0] in commands():
            try:
                settings = settings_of(world, container)
            except (MissingError, SettingsError):
                continue
            yield from (f"{container}: {x}" for x in _differences(whole, settings))
    yield from _check_hosts(world, found)
    yield from _check_proxy(world, found)


def _conflicts(one: Settings, other: Settings) -> Iterator[str]:
    if overlap(one.realm, other.realm):
        yield f"the realms {one.realm} and {other.realm} overlap"
    for name in ("protocol_broker_queue", "chores_broker_queue"):
        if getattr(one, name) == getattr(other, name):
            yield f"{name.upper()} is {getattr(one, name)} in both"


def _differences(whole: Settings, part: Settings) -> Iterator[str]:
    for name in ("protocol_broker_queue", "chores_broker_queue", "realm"):
        if getattr(whole, name) != getattr(part, name):
            yield f"{name} is {getattr(part, name)}, and {getattr(whole, name)} in configure"


def _check_hosts(world: World, found: dict[str, Settings]) -> Iterator[str]:
    for namespace, settings in found.items():
        for name in ("database_url", "protocol_broker_url", "chores_broker_url", "fetch_api_url"):
            host = urlsplit(getattr(settings, name) or "").hostname
            problem = service_of(world, namespace, host) if host else None
            if problem:
                yield f"{namespace}: {name}: {problem}"


def _check_proxy(world: World, found: dict[str, Settings]) -> Iterator[str]:
    for manifest in world.of_kind("ConfigMap"):
        text = (manifest.body.get("data") or {}).get(PROXY)
        if text is not None:
            problems = _proxy_problems(world, manifest.namespace, text, found)
            yield from (f"{manifest}: {problem}" for problem in problems)


def _proxy_problems(
    world: World, namespace: str, text: str, found: dict[str, Settings]
) -> Iterator[str]:
    realms: list[Realm] = []
    for line in text.splitlines():
        key, _, url = line.partition(" ")
        host = urlsplit(url).hostname
        try:
            realm = Realm.parse(key)
        except ValueError as error:
            yield f"{line!r}: {error}"
            continue
        yield from (f"{realm} and {x} overlap" for x in realms if overlap(realm, x))
        realms.append(realm)
        if host is None:
            yield f"{line!r} has no URL"
            continue
        if problem := service_of(world, namespace, host):
            yield f"{line!r}: {problem}"
        place = re.sub(r"^[^.]+\.?", "", host).removesuffix(".svc") or namespace
        if place in found and found[place].realm != realm:
            yield f"{line!r}: the realm of that shard is {found[place].realm}"
    if sum(1 << (MAX_REALM_LENGTH - realm.length) for realm in realms) < 1 << MAX_REALM_LENGTH:
        yield "there are accounts that belong to no shard"
