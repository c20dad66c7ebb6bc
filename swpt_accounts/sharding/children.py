"""The settings of the children, as their services will have them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from swpt_accounts.broker.topology import dead_letter_queue
from swpt_accounts.core.realm import MAX_REALM_LENGTH, Realm
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.settings import Settings, SettingsError, load_settings

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_FILE_BYTES_MAX: Final = 1_000_000
_DATABASES: Final = ("SQLALCHEMY_DATABASE_URI", "POSTGRES_URL")
_OWN: Final = (
    "PROTOCOL_BROKER_QUEUE",
    "PROTOCOL_BROKER_QUEUE_ROUTING_KEY",
    "CHORES_BROKER_QUEUE",
)


@dataclass(frozen=True, slots=True)
class Child:
    """A shard that takes over accounts. `file` is where its settings are."""

    file: Path
    settings: Settings

    @property
    def realm(self) -> Realm:
        return self.settings.realm

    @property
    def queue(self) -> str:
        return self.settings.protocol_broker_queue

    @property
    def name(self) -> str:
        return f"the child {self.realm} ({self.file})"


@dataclass(frozen=True, slots=True)
class Family:
    """A parent, and the one or two shards that take over from it."""

    parent: Settings
    children: tuple[Child, ...]

    @property
    def is_split(self) -> bool:
        """Whether there are two; one takes over all accounts, and the queue."""
        return len(self.children) > 1


def read_family(environ: Mapping[str, str], parent: Settings, files: Sequence[Path]) -> Family:
    """Read the settings of the children: those of the parent, but for what is in the files.

    Raises `PreconditionFailed` where a file cannot be read, or the settings do not fit together.
    """
    if len(files) not in (1, 2):
        raise PreconditionFailed("give --child twice for a split, or once for a move")
    is_split = len(files) == 2
    children = [_read_child(environ, file, is_split=is_split) for file in files]
    family = Family(parent, tuple(sorted(children, key=lambda child: child.realm.bits)))
    for problem in _problems(family):
        raise PreconditionFailed(problem)
    return family


def _read_child(environ: Mapping[str, str], file: Path, *, is_split: bool) -> Child:
    own = _read_file(file)
    wanted = [*_OWN] if is_split else []
    missing = [name for name in wanted if not own.get(name)]
    if not any(own.get(name) for name in _DATABASES):
        missing.insert(0, "POSTGRES_URL")
    if missing:
        raise PreconditionFailed(f"{file}: {', '.join(missing)} must be set for a child")
    inherited = {name: text for name, text in environ.items() if name not in _DATABASES}
    try:
        settings = load_settings({**inherited, **own})
        _ = settings.database_url
    except SettingsError as error:
        raise PreconditionFailed(f"{file}: {error}") from None
    return Child(file, settings)


def _read_file(file: Path) -> dict[str, str]:
    """The variables of a file with lines like NAME=value, as `docker run --env-file` takes it."""
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(_FILE_BYTES_MAX)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise PreconditionFailed(f"could not read {file}: {reason}") from None
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = _LINE.fullmatch(line.strip())
        if parts is None:
            raise PreconditionFailed(f"{file}, line {number}: expected NAME=value")
        found[parts[1]] = parts[2].strip("'\"")
    return found


def _problems(family: Family) -> Iterator[str]:
    """Why the settings do not fit together."""
    yield from _wrong_realms(family)
    yield from _equal_names(family)
    place = _place(family.parent.protocol_broker_url)
    for child in family.children:
        if _place(child.settings.protocol_broker_url) != place:
            yield (
                f"{child.file}: PROTOCOL_BROKER_URL is not the broker of the parent: the child"
                " would receive no messages"
            )


def _place(url: str) -> tuple[str | None, int | None, str]:
    """Host, port and virtual host, without the user."""
    parts = urlsplit(url)
    return parts.hostname, parts.port, parts.path


def _wrong_realms(family: Family) -> Iterator[str]:
    realm = family.parent.realm
    if not family.is_split:
        (child,) = family.children
        if child.realm != realm:
            yield (
                f"{child.file}: the realm {child.realm} differs from that of the parent ({realm});"
                " a single child takes over all accounts"
            )
        return
    if realm.length >= MAX_REALM_LENGTH:
        yield f"the realm {realm} already has {realm.length} bits, which is the maximum"
        return
    wanted = [Realm(realm.bits << 1 | bit, realm.length + 1) for bit in (0, 1)]
    found = [child.realm for child in family.children]
    if found != wanted:
        yield (
            f"the realms of the children are {found[0]} and {found[1]}, but those of a parent with"
            f" the realm {realm} must be {wanted[0]} and {wanted[1]}: otherwise some accounts"
            " would be in both, or in neither"
        )


def _equal_names(family: Family) -> Iterator[str]:
    """Databases and queues that are of two shards."""
    databases = [family.parent.postgres_dsn, *(c.settings.postgres_dsn for c in family.children)]
    if len(set(databases)) < len(databases):
        yield "two of the shards have the same POSTGRES_URL; each needs its own database"
    if not family.is_split:
        (child,) = family.children
        if child.queue != family.parent.protocol_broker_queue:
            yield (
                f"{child.file}: PROTOCOL_BROKER_QUEUE is {child.queue!r}, but a single child must"
                f" use the queue of the parent, {family.parent.protocol_broker_queue!r}"
            )
        return
    shards = [family.parent, *(child.settings for child in family.children)]
    queues = [shard.protocol_broker_queue for shard in shards]
    queues += [dead_letter_queue(queue) for queue in queues]
    queues += [shard.chores_broker_queue for shard in shards]
    for queue in queues:
        if queues.count(queue) > 1:
            yield f"two queues of the parent and the children have the same name {queue!r}"
