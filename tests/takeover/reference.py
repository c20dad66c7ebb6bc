"""Databases as the reference leaves them: made from a dump, and owned by a role without powers."""

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Self

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from agentkit.database import dsn_of, execute
from agentkit.processes import run
from swpt_accounts.core.progress import NoProgress, Progress
from swpt_accounts.settings import Settings, load_settings
from swpt_accounts.takeover import move_in as moving
from swpt_accounts.takeover.archive import copy_archive
from swpt_accounts.takeover.move_in import MovedIn, make_script
from swpt_accounts.takeover.schemas import open_takeover_session

FOLDER: Final = Path(__file__).parents[1] / "data" / "reference"
KEPT: Final = "swpt_accounts_reference"
BOOKS: Final = "swpt_accounts_books"

_numbers = count(1)

everywhere = pytest.mark.parametrize("place", ["public", "role"], indirect=True)
"""For tests that depend on where the reference has its tables."""


@cache
def _script() -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSTGRES_URL", "postgresql:///nobody_connects_to_it")
        return make_script()


@cache
def expected() -> dict[str, Any]:
    """What the protocol said of the dump. Not to be changed."""
    return dict(json.loads((FOLDER / "expected.json").read_text()))


@dataclass(frozen=True)
class Place:
    """A database of the reference: its tables are in `schema`. The URL is that of its owner."""

    url: str
    schema: str
    admin_url: str

    @property
    def dsn(self) -> str:
        return dsn_of(self.url)

    @property
    def role(self) -> str:
        return str(make_url(self.url).username)

    def query(self, statement: str | sql.Composed, *arguments: Any) -> list[tuple[Any, ...]]:
        """Run a statement as the owner, who looks for names as the reference does."""
        return execute(self.dsn, statement, *arguments)

    def administrate(self, statement: str | sql.Composed) -> list[tuple[Any, ...]]:
        """Run a statement as a superuser, with the names of the reference."""
        with psycopg.connect(dsn_of(self.admin_url), autocommit=True) as connection:
            connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(self.schema)))
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def books(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Run a statement on our tables, as the owner."""
        with self.session(f"{BOOKS},public") as connection:
            cursor = connection.execute(statement, arguments or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def session(self, path: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        """A session of the owner. Without a path, it is one as the reference has it."""
        connection = psycopg.connect(self.dsn, autocommit=True)
        try:
            if path:
                connection.execute(f"SET search_path = {path}".encode())
            yield connection
        finally:
            connection.close()

    def settings(self, **more: str) -> Settings:
        return load_settings({"POSTGRES_URL": self.url, **more})


class ReferenceDatabases:
    """Makes them: once from the dump, then as copies."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._names: list[str] = []
        self._templates: dict[str, str] = {}
        self._password = token_hex(8)
        self.role = f"test_{os.getpid()}_owner_{next(_numbers)}"
        self._admin(f"CREATE ROLE {{}} LOGIN PASSWORD '{self._password}'", self.role)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop(self._names)
        self._admin("DROP ROLE {}", self.role)

    @contextmanager
    def dropped_afterwards(self) -> Iterator[None]:
        """What is made meanwhile is dropped at the end, but for what copies are made of.

        Otherwise the server would keep hundreds of them, and each backup of it would have them.
        """
        before = set(self._names)
        try:
            yield
        finally:
            kept = before | set(self._templates.values())
            self._drop([name for name in self._names if name not in kept])
            self._names = [name for name in self._names if name in kept]

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            self._admin("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def create(self, kind: str) -> Place:
        """A copy of the dump. Kinds: `public`, `role` (in a schema named like the role, which
        can make no tables in `public`), `no rows` (as `public`, but empty tables), `moved` (as
        `public`, and taken over; its archive is not copied).
        """
        if kind not in self._templates:
            self._templates[kind] = self._make_template(kind)
        name = self._create_database(f"TEMPLATE {self._templates[kind]}")
        return self._place(name, self.role if kind == "role" else "public")

    def copy(self, place: Place) -> Place:
        """Another database like this one, to which nobody is connected."""
        name = make_url(place.url).database
        return self._place(self._create_database(f"TEMPLATE {name}"), place.schema)

    def create_empty(self) -> Place:
        """A database of the owner without any tables."""
        return self._place(self._create_database(), "public")

    def create_encoded(self, encoding: str) -> Place:
        """An empty database in which not every text can be kept."""
        how = f"TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
        return self._place(self._create_database(how), "public")

    def _make_template(self, kind: str) -> str:
        name = self._create_database()
        place = self._place(name, "public")
        if kind == "no rows":
            load_dump(place.url, with_rows=False)
        else:
            load_dump(place.url)
        if kind == "role":
            self._move_to_own_schema(place)
        if kind == "moved":
            move(place, copies_archive=False)
        return name

    def _move_to_own_schema(self, place: Place) -> None:
        """As it would be if the role had had a schema of its own from the beginning."""
        for statement in (
            "ALTER SCHEMA public RENAME TO {}",
            "ALTER SCHEMA {0} OWNER TO {0}",
            "CREATE SCHEMA public",
            "GRANT USAGE ON SCHEMA public TO PUBLIC",
        ):
            execute(dsn_of(place.admin_url), sql.SQL(statement).format(sql.Identifier(self.role)))

    def _create_database(self, how: str = "") -> str:
        name = f"test_{os.getpid()}_ref_{next(_numbers)}"
        self._admin(f"CREATE DATABASE {{}} OWNER {{}} {how}", name, self.role)
        self._names.append(name)
        return name

    def _place(self, name: str, schema: str) -> Place:
        admin = self._url.set(database=name)
        owner = admin.set(username=self.role, password=self._password)
        urls = [u.render_as_string(hide_password=False) for u in (owner, admin)]
        return Place(urls[0], schema, urls[1])

    def _admin(self, statement: str, *names: str) -> None:
        execute(dsn_of(self._url), sql.SQL(statement).format(*map(sql.Identifier, names)))


def load_dump(url: str, *, with_rows: bool = True) -> None:
    """Load the dump into an empty database."""
    text = (FOLDER / "dump.sql").read_text()
    if not with_rows:
        text = _without_rows(text)
    subprocess.run(
        ["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, dsn_of(url)],
        input=text,
        text=True,
        check=True,
        timeout=60,
    )


def _without_rows(text: str) -> str:
    lines: list[str] = []
    is_kept = True
    for line in text.splitlines(keepends=True):
        if line.startswith("COPY ") and ".alembic_version " not in line:
            is_kept = False
        if is_kept:
            lines.append(line)
        if line == "\\.\n":
            is_kept = True
    return "".join(lines)


def move(
    place: Place,
    progress: Progress | None = None,
    *,
    copies_archive: bool = True,
    **settings: Any,
) -> MovedIn | None:
    """What the command does, in this process."""
    wanted = place.settings(**settings)
    progress = progress or NoProgress()
    with (
        pytest.MonkeyPatch.context() as patch,
        open_takeover_session(wanted) as session,
    ):
        patch.setattr(moving, "make_script", _script)
        moved = moving.move_in(session, wanted, progress)
        if copies_archive:
            copy_archive(session, wanted, progress)
        return moved


def run_move_in(place: Place, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command itself. Its output is in `stdout`."""
    return run(move_in_command(*options), move_in_environment(place, **settings))


def move_in_command(*options: str) -> list[str]:
    return ["python", "-m", "swpt_accounts", "move_in", *options]


def move_in_environment(place: Place, **settings: str) -> dict[str, str]:
    return {**os.environ, "POSTGRES_URL": place.url, "PYTHONUNBUFFERED": "1", **settings}


_OBJECTS: Final = """
    SELECT n.nspname, 'relation', c.relname, c.relkind::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE {ours}
    UNION ALL
    SELECT n.nspname, 'function', oidvectortypes(p.proargtypes), p.proname
    FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
    WHERE {ours}
    UNION ALL
    SELECT n.nspname, 'type', t.typname, t.typtype::text
    FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
    WHERE {ours}
    UNION ALL
    SELECT n.nspname, 'schema', '', '' FROM pg_namespace n WHERE {ours}
    ORDER BY 1, 2, 3, 4
""".replace(
    "{ours}", r"n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_'"
)


def digest_rows(place: Place, schema: str) -> dict[str, str]:
    """A digest of all rows of each table of a schema, whatever their order."""
    with psycopg.connect(dsn_of(place.admin_url), autocommit=True) as connection:
        tables = connection.execute(
            "SELECT c.relname, CASE relkind WHEN 'S' THEN 't.last_value' ELSE 't' END"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = %s AND relkind IN ('r', 'S') ORDER BY 1",
            [schema],
        ).fetchall()
        found = {}
        for table, row_text in tables:
            statement = sql.SQL(
                "SELECT md5(coalesce(string_agg({0}::text, E'\n' ORDER BY {0}::text COLLATE \"C\"),"
                " '')) FROM {1} AS t"
            ).format(sql.SQL(row_text), sql.Identifier(schema, table))
            row = connection.execute(statement).fetchone()
            assert row is not None
            found[table] = row[0]
    return found


def objects_of(place: Place) -> list[tuple[Any, ...]]:
    """All objects of the database that are not the server's own."""
    return execute(dsn_of(place.admin_url), _OBJECTS)


def digest(place: Place) -> dict[str, Any]:
    """All objects of the database, and all rows of the reference's tables, wherever they are."""
    objects = objects_of(place)
    schemas = sorted({row[0] for row in objects if row[1] == "schema"})
    return {"objects": objects, "rows": {name: digest_rows(place, name) for name in schemas}}
