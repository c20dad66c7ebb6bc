"""What is installed, as the servers tell it. Nothing is changed, and nothing is waited for."""

from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import psycopg
from pika.exceptions import AMQPError
from psycopg.rows import class_row

from swpt_accounts.broker.connections import connect_blocking, describe, server_version
from swpt_accounts.db.errors import one_line
from swpt_accounts.db.installer import is_of_later_version, why_not_before
from swpt_accounts.db.migrations import read_migrations
from swpt_accounts.db.queries import read_queries
from swpt_accounts.db.schema_discovery import TABLES_PATH, Connection, Found, Owner, discover
from swpt_accounts.db.session_options import ASKING, session_options
from swpt_accounts.settings import Settings

T = TypeVar("T")

LOCK_SECONDS: Final = 10.0
"""Whoever holds a lock for longer is likely to go on."""
_NAME: Final = "upgrade"


@dataclass(frozen=True, slots=True)
class Server:
    """The server, and what the role may do there."""

    version: str
    encoding: str
    may_create: bool
    missing_roles: list[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and about how many rows it has."""

    name: str
    rows_count: int
    is_owned: bool


@dataclass(frozen=True, slots=True)
class Version:
    """Stored procedures that are installed."""

    version: str
    revision: str
    oldest_revision: str | None


@dataclass(frozen=True, slots=True)
class Workers:
    """The sessions of a kind of workers, which need the procedures of a version."""

    version: str
    worker: str
    sessions_count: int


@dataclass(frozen=True, slots=True)
class Holder:
    """A session that would make the upgrade wait."""

    pid: int
    name: str
    role: str | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Installation:
    """What the database has. The versions: the latest first."""

    found: Found
    server: Server
    tables: list[Table] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    workers: list[Workers] = field(default_factory=list)
    holders: list[Holder] = field(default_factory=list)
    realm: str | None = None
    refusal: str = ""


def read_installation(settings: Settings) -> Installation:
    """Ask the database. Raises `psycopg.Error`."""
    with (
        psycopg.connect(
            settings.postgres_dsn,
            autocommit=True,
            application_name=f"swpt_accounts {_NAME}",
            options=session_options(ASKING, search_path=TABLES_PATH),
            client_encoding="UTF8",
            connect_timeout=5,
            target_session_attrs="primary",
        ) as connection,
        connection.transaction(),
    ):
        found = discover(connection)
        roles = [settings.postgres_running_role, settings.postgres_reading_role]
        (server,) = _rows(connection, Server, "server", roles=[role for role in roles if role])
        if found.owner is not Owner.OURS:
            return Installation(found, server)
        return _read_ours(connection, found, server)


def _read_ours(connection: Connection, found: Found, server: Server) -> Installation:
    revision = found.revision or ""
    versions = _rows(connection, Version, "versions") if revision >= "0002" else []
    realms = connection.execute(_statement("realm")).fetchone() if revision >= "0009" else None
    return Installation(
        found,
        server,
        tables=_rows(connection, Table, "tables", schema=found.schema),
        versions=versions,
        workers=_rows(connection, Workers, "workers", versions=[v.version for v in versions]),
        holders=_rows(
            connection,
            Holder,
            "holders",
            schema=found.schema,
            changes_tables=bool(read_migrations(after=revision)),
            seconds_min=LOCK_SECONDS,
        ),
        realm=realms[0] if realms else None,
        refusal=why_not_before(connection, revision) if is_of_later_version(revision) else "",
    )


def read_broker(url: str) -> tuple[str, str]:
    """The version of a broker, or what keeps it from answering."""
    try:
        connection = connect_blocking(url, _NAME)
        try:
            return server_version(connection), ""
        finally:
            connection.close()
    except (AMQPError, OSError, ValueError) as error:
        return "", describe(error)


def database_problem(error: psycopg.Error) -> str:
    """What keeps the database from answering."""
    return f"the database does not answer: {one_line(error)}"


def _statement(name: str) -> bytes:
    return read_queries("inspection/upgrade/upgrade.sql")[name].encode()


def _rows(connection: Connection, kind: type[T], name: str, **parameters: Any) -> list[T]:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(_statement(name), parameters).fetchall()
