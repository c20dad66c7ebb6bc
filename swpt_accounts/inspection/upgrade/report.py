"""What an upgrade to this version would do to an installation, and what is in its way."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import psycopg

from swpt_accounts.core.formatting import duration, plural
from swpt_accounts.core.version import VERSION
from swpt_accounts.db.errors import UnsuitableDatabase, one_line
from swpt_accounts.db.installer import (
    KEPT_COUNT,
    OLDEST_REVISION,
    REVISION,
    procedures_version,
)
from swpt_accounts.db.migrations import SECONDS_OF_PROCEDURES, read_migrations
from swpt_accounts.db.schema_discovery import Owner
from swpt_accounts.db.session_checks import refuse_other_shard
from swpt_accounts.inspection.upgrade.installation import (
    Installation,
    Version,
    database_problem,
    read_broker,
    read_installation,
)
from swpt_accounts.settings import Settings, misspelt_settings, unused_settings

POSTGRESQL: Final = ("PostgreSQL", (15,), (18,))
RABBITMQ: Final = ("RabbitMQ", (3, 10), (4,))
"""A server: the oldest version that is enough, and the latest that was tested."""

_AWARE_REVISION: Final = "0010"
"""Programs with this migration know how to go back."""


@dataclass(slots=True)
class Pending:
    """A migration to come."""

    revision: str
    subject: str
    seconds: float


@dataclass(slots=True)
class UpgradeReport:
    """What was found, as texts. `stop` and `problems` forbid the upgrade."""

    program: str = VERSION
    revision: str = REVISION
    procedures: str = field(default_factory=procedures_version)
    database: str = ""
    installed_revision: str | None = None
    brokers: list[str] = field(default_factory=list)
    migrations: list[Pending] = field(default_factory=list)
    seconds: float = 0.0
    removed: list[str] = field(default_factory=list)
    has_way_back: bool = False
    way_back: str = ""
    stop: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)


def check_upgrade(settings: Settings, environ: Mapping[str, str]) -> UpgradeReport:
    """Ask all servers, and look at the settings. Raises nothing because of a server."""
    report = UpgradeReport(settings=list(_settings_texts(environ)))
    try:
        _add_installation(report, read_installation(settings), settings)
    except psycopg.Error as error:
        report.unanswered.append(database_problem(error))
    for url in dict.fromkeys((settings.protocol_broker_url, settings.chores_broker_url)):
        version, problem = read_broker(url)
        if problem:
            report.unanswered.append(problem)
        else:
            report.brokers.append(f"RabbitMQ {version}")
            add_server(report, version, *RABBITMQ)
    return report


def add_server(
    report: UpgradeReport, version: str, name: str, oldest: tuple[int, ...], latest: tuple[int, ...]
) -> None:
    """Say whether the version of a server is too old, or newer than any that was tested."""
    numbers = tuple(int(part) for part in re.findall("[0-9]+", version)[:2])
    oldest_text = ".".join(map(str, oldest))
    if numbers < oldest:
        report.problems.append(f"{name} {version} is too old: it must be {oldest_text} or newer")
    elif numbers[:1] > latest:
        report.notes.append(f"{name} {version} is newer than any that was tested (docs/support.md)")


def _settings_texts(environ: Mapping[str, str]) -> Iterator[str]:
    meant = misspelt_settings(environ)
    for name, known in meant.items():
        yield f"{name} is not a setting, and is ignored: did you mean {known}?"
    for name, advice in unused_settings(environ).items():
        if name not in meant:
            yield f"{name} is ignored: {advice}"


def _add_installation(report: UpgradeReport, there: Installation, settings: Settings) -> None:
    found, server = there.found, there.server
    report.database = f"PostgreSQL {server.version}"
    add_server(report, server.version, *POSTGRESQL)
    report.problems += _server_problems(there, settings)
    if found.is_of_reference:
        if not settings.move_in_from_reference:
            report.problems.append(
                f"{found}. To take them over: `move_in`, or `configure` with"
                " MOVE_IN_FROM_REFERENCE=yes (docs/how-to/move-in.md)"
            )
        report.way_back = "by `move_out`, at any time (docs/how-to/move-in.md)"
        report.has_way_back = True
        return
    report.installed_revision = found.revision
    _add_migrations(report, there)
    if found.owner is Owner.NOBODY:
        report.way_back = "there is nothing to go back to: this database has no tables yet"
        return
    report.problems += _problems_of_tables(there, settings)
    _add_versions(report, there)
    for holder in there.holders:
        age = "" if holder.seconds is None else f" for {duration(holder.seconds)}"
        report.stop.append(
            f"the session {holder.pid} ({holder.name}, role {holder.role}) has held locks{age}:"
            " an upgrade tries for a minute, and fails"
        )


def _server_problems(there: Installation, settings: Settings) -> Iterator[str]:
    server = there.server
    if server.encoding != "UTF8":
        yield f"the database encoding is {server.encoding}; it must be UTF8"
    for role in server.missing_roles:
        yield f'role "{role}" does not exist (POSTGRES_RUNNING_ROLE, POSTGRES_READING_ROLE)'
    is_there = any(one.version == procedures_version() for one in there.versions)
    if not server.may_create and not is_there:
        yield (
            "the role may not create the schema of the stored procedures: it needs the privilege"
            " CREATE on the database (docs/operations.md#upgrade)"
        )


def _problems_of_tables(there: Installation, settings: Settings) -> Iterator[str]:
    if there.refusal:
        yield there.refusal
    if any(table.name == "account" and not table.is_owned for table in there.tables):
        yield "the role does not own the tables: run `configure` with the role that owns them"
    try:
        refuse_other_shard(there.realm, settings.realm)
    except UnsuitableDatabase as error:
        yield one_line(error)


def _add_migrations(report: UpgradeReport, there: Installation) -> None:
    rows = {table.name: table.rows_count for table in there.tables}
    report.migrations = [
        Pending(one.revision, one.subject, round(one.seconds(rows), 1))
        for one in read_migrations(after=there.found.revision)
    ]
    report.seconds = round(
        sum((one.seconds for one in report.migrations), SECONDS_OF_PROCEDURES), 1
    )


def _add_versions(report: UpgradeReport, there: Installation) -> None:
    others = [one for one in there.versions if one.version != procedures_version()]
    kept = [one for one in others[: KEPT_COUNT - 1] if not _is_too_old(one, OLDEST_REVISION)]
    report.removed = [one.version for one in others if one not in kept]
    for workers in there.workers:
        if workers.version in report.removed:
            report.stop.append(
                f"{workers.worker} ({plural(workers.sessions_count, 'session')}) works with the"
                f" stored procedures {workers.version}, which the upgrade removes: complete the"
                " upgrade before this one first, or stop it"
            )
    report.has_way_back, report.way_back = _way_back(kept, there)


def _is_too_old(one: Version, oldest_revision: str | None) -> bool:
    return one.revision < (oldest_revision or "")


def _way_back(kept: list[Version], there: Installation) -> tuple[bool, str]:
    """Whether the program before can come back, and how."""
    same = [one for one in there.versions if one.version == procedures_version()]
    if not kept:
        if same:
            return False, "no other version is installed"
        return False, "no: the version before cannot work on the tables of this one"
    (before,) = kept
    name = f"the version with the stored procedures {before.version} (migration {before.revision})"
    if before.revision < _AWARE_REVISION:
        return True, (
            f"to {name}, without its `configure` and `await_migrations`, which do not know later"
            " migrations (docs/how-to/upgrade.md#back-to-the-version-before)"
        )
    return True, f"to {name}: run its `configure`, then replace the containers"
