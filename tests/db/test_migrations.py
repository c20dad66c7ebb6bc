"""The migrations, and what they make of an empty database, and of those of earlier releases."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from agentkit.databases import Databases, migrate
from agentkit.processes import migrate_command, run
from swpt_accounts.db.connection import connect
from swpt_accounts.db.engine import MIGRATIONS_DIR
from swpt_accounts.db.errors import ProceduresNotInstalled
from swpt_accounts.db.installer import (
    KEPT_COUNT,
    REVISION,
    SUBJECTS,
    install_script,
    procedures_schema,
    procedures_version,
)
from swpt_accounts.db.tables import JOURNAL_SLOTS_COUNT, Base
from swpt_accounts.settings import load_settings
from tests.docker.processes import Running
from verification.kit.rows import TABLES

# Made by `./dev release-schema NAME` when a version was released.
RELEASES = sorted(Path(__file__).with_name("releases").glob("*.sql"))

FUNCTIONS = """
SELECT oid::regprocedure::text, pg_get_functiondef(oid)
FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace
"""
RELATIONS = """
SELECT relname, relkind, reloptions::text
FROM pg_class WHERE relnamespace = %(schema)s::regnamespace
"""
COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = %(schema)s
"""
# Since PostgreSQL 18, NOT NULL of a column is one, too; its name tells how its table was made.
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = %(schema)s::regnamespace AND contype <> 'n'
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = %(schema)s"
OF_TABLES = (RELATIONS, COLUMNS, CONSTRAINTS, INDEXES)
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^swpt_accounts_'"


@contextmanager
def open_database(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A plain connection, in autocommit mode."""
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def read(url: str, query: str, schema: str = "public") -> list[tuple[Any, ...]]:
    """The rows of a query about a schema."""
    with open_database(url) as connection:
        return sorted(connection.execute(query, {"schema": schema}).fetchall(), key=repr)


def read_tables(url: str) -> list[list[tuple[Any, ...]]]:
    """All about the tables, indexes and sequences."""
    return [read(url, query) for query in OF_TABLES]


def read_procedures(url: str) -> dict[str, str]:
    """The procedures of this version, and their definitions."""
    return dict(read(url, FUNCTIONS, procedures_schema()))


def table_names(url: str) -> set[str]:
    """All tables but the slots of the journal, which are parts of one."""
    names = {name for name, kind, _ in read(url, RELATIONS) if kind in ("r", "p")}
    slots = {name for name in names if re.fullmatch("journal_[0-9]{2}", name)}
    assert len(slots) in (0, JOURNAL_SLOTS_COUNT)
    return names - slots


def install(url: str, **replaced: str) -> None:
    """Install the procedures, with texts replaced in the statements."""
    with open_database(url) as connection, connection.transaction():
        for statement in install_script():
            for old, new in replaced.items():
                statement = statement.replace(old, new)
            connection.execute(statement)


def test_up_and_down_and_up_again(databases: Databases) -> None:
    url = databases.create_empty()
    migrate(url, "upgrade")
    tables, procedures = read_tables(url), read_procedures(url)
    assert table_names(url) == {*TABLES, "alembic_version"}
    migrate(url, "downgrade", "base")
    assert table_names(url) == {"alembic_version"}
    assert read(url, SCHEMAS) == read(url, FUNCTIONS) == []
    with open_database(url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_sequences").fetchone() == (0,)
    migrate(url, "upgrade")
    assert (read_tables(url), read_procedures(url)) == (tables, procedures)


def test_upgraded_database_takes_what_other_shards_send_that_are_not_upgraded(
    databases: Databases,
) -> None:
    """For a week. A fresh one has nobody who sends without a signature."""
    url = databases.create()
    causes = "SELECT cause, taken_until BETWEEN now() AND now() + interval '7 days' FROM {}"
    assert read(url, causes.format("older_senders")) == []
    with open_database(url) as connection:
        connection.execute(f"SET search_path = {procedures_schema()}, public")
        connection.execute("SELECT open_account(1, 2)")
    migrate(url, "downgrade", "0010")
    migrate(url, "upgrade")
    assert read(url, causes.format("older_senders")) == [("upgrade", True)]


def test_tables_are_those_of_the_models(databases: Databases) -> None:
    url = databases.create()
    assert "No new upgrade operations detected" in migrate(url, "check")


def test_constraints_and_storage_are_those_of_the_models(databases: Databases) -> None:
    """`flask db check` does not compare everything."""
    upgraded, created = databases.create(), databases.create_empty()
    engine = create_engine(created)
    Base.metadata.create_all(engine)
    engine.dispose()
    for query in OF_TABLES:
        found = [row for row in read(upgraded, query) if not is_of_alembic(row)]
        assert found == read(created, query)


def is_of_alembic(row: tuple[Any, ...]) -> bool:
    """Alembic's table, and the view: they are no models."""
    return any(
        str(name).startswith(("alembic_version", "older_balance_change")) for name in row[:2]
    )


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: str(path.stem))
def test_database_of_an_earlier_release_becomes_like_a_fresh_one(
    databases: Databases, release: Path
) -> None:
    fresh, old = databases.create(), databases.create_empty()
    with open_database(old) as connection:
        connection.execute(release.read_bytes())
    expected = release.with_suffix(".json")
    realm = json.loads(expected.read_text())["realm"] if expected.exists() else "#"
    migrate(old, "upgrade", PROTOCOL_BROKER_QUEUE_ROUTING_KEY=realm)
    assert read_procedures(old) == read_procedures(fresh) != {}
    # the old procedures stay for those who call them, and go with the version after the next
    versions = {version for (version,) in installed(old)} - {procedures_version()}
    assert len(versions) == (f"CREATE SCHEMA {procedures_schema()};" not in release.read_text())
    schemas = {(f"swpt_accounts_{version}",) for version in versions}
    assert schemas <= {*read(old, SCHEMAS)} or read(old, FUNCTIONS)
    install(old, **{procedures_version(): "feedfeedfeed"})
    assert versions.isdisjoint(version for (version,) in installed(old))
    assert schemas.isdisjoint(read(old, SCHEMAS))
    assert read(old, FUNCTIONS) == []
    assert read_tables(old) == read_tables(fresh)


def installed(url: str) -> list[tuple[str]]:
    """The versions that are installed, the oldest first."""
    with open_database(url) as connection:
        return connection.execute(
            "SELECT version FROM procedures_version ORDER BY installed_at"
        ).fetchall()


def test_there_is_a_release_to_upgrade_from() -> None:
    assert RELEASES


def test_upgraded_database_has_exactly_the_functions_of_the_files(databases: Databases) -> None:
    url = databases.create()
    names = [name.partition("(")[0].rpartition(".")[2] for name in read_procedures(url)]
    folder = MIGRATIONS_DIR.parent / "swpt_accounts" / "db" / "sql"
    text = "".join(path.read_text() for path in folder.glob("*.sql"))
    assert sorted(names) == sorted(
        line.split()[4].partition("(")[0]
        for line in text.splitlines()
        if line.startswith("CREATE OR REPLACE FUNCTION ")
    )
    assert read(url, FUNCTIONS) == []


def test_every_file_is_installed() -> None:
    folder = MIGRATIONS_DIR.parent / "swpt_accounts" / "db" / "sql"
    assert {path.stem for path in folder.glob("*.sql")} == set(SUBJECTS)


def test_the_program_knows_its_latest_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS_DIR)).get_current_head() == REVISION


def test_upgrade_without_a_new_migration_installs_the_procedures(databases: Databases) -> None:
    url = databases.create()
    expected = read_procedures(url)
    with open_database(url) as connection:
        connection.execute(f"DROP SCHEMA {procedures_schema()} CASCADE")
        connection.execute("DELETE FROM procedures_version")
    migrate(url, "upgrade")
    assert read_procedures(url) == expected
    assert installed(url) == [(procedures_version(),)]


def test_upgrade_is_one_transaction(databases: Databases) -> None:
    """When the procedures cannot be installed, the migrations are undone."""
    url = databases.create_empty()
    with open_database(url) as connection:
        # a schema of this name that belongs to somebody else
        connection.execute(f"CREATE SCHEMA {procedures_schema()}")
        connection.execute(
            f"CREATE FUNCTION {procedures_schema()}.t0() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
        )
    with pytest.raises(AssertionError, match="cannot change return type"):
        migrate(url, "upgrade")
    assert table_names(url) == set()


@pytest.mark.parametrize(
    ("settings", "changes", "problem"),
    [
        ({"POSTGRES_RUNNING_ROLE": "nobody_such"}, {}, 'role "nobody_such" does not exist'),
        ({}, {"port": 1}, "Connection refused"),
        ({}, {"database": "no_such"}, 'database "no_such" does not exist'),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    databases: Databases, settings: dict[str, str], changes: dict[str, Any], problem: str
) -> None:
    url = make_url(databases.create_empty()).set(**changes)
    text = url.render_as_string(hide_password=False)
    result = run(migrate_command("upgrade"), {**os.environ, "POSTGRES_URL": text, **settings})
    assert result.returncode == 1
    (line,) = result.stdout.splitlines()
    address = f"{url.database!r} at {url.host}:{url.port}"
    assert line.startswith(f"swpt_accounts: cannot migrate the database {address}: ")
    assert problem in line
    assert all(variable in line for variable in settings)


def test_a_lock_that_is_held_delays_nobody_but_the_migration(databases: Databases) -> None:
    """Whoever waits for a lock stands in the way of those behind it: so a migration does not."""
    url = databases.create()
    with open_database(url) as others:
        others.execute("ALTER TABLE procedures_version DROP COLUMN oldest_revision")
        others.execute("DROP TABLE older_senders")
        others.execute("UPDATE alembic_version SET version_num = '0009'")
        environment = {**os.environ, "SQLALCHEMY_DATABASE_URI": url}
        with (
            open_database(url) as holder,
            Running(migrate_command("upgrade"), environment) as upgrade,
        ):
            with holder.transaction():
                holder.execute("SELECT FROM procedures_version")
                for _ in range(2):
                    upgrade.wait_line("waits for a lock")
                    others.execute("SET lock_timeout = '5s'; DELETE FROM procedures_version")
            assert upgrade.wait_exit() == 0, upgrade.lines
    assert read_tables(url) == read_tables(databases.create())


def test_commands_that_only_read_install_nothing(databases: Databases) -> None:
    url = databases.create_empty()
    migrate(url, "current")
    migrate(url, "upgrade", "0001")
    migrate(url, "current")
    assert read(url, SCHEMAS) == []


def test_script_of_an_upgrade_does_what_an_upgrade_does(databases: Databases) -> None:
    fresh, empty = databases.create(), databases.create_empty()
    script = migrate(empty, "upgrade", "--sql")
    with open_database(empty) as connection:
        connection.execute(script)
    assert read_tables(empty) == read_tables(fresh)
    assert read_procedures(empty) == read_procedures(fresh) != {}


def test_procedures_can_be_installed_over_those_that_are_there(databases: Databases) -> None:
    url = databases.create()
    before = read_procedures(url)
    install(url)
    assert read_procedures(url) == before
    assert installed(url) == [(procedures_version(),)]


def test_the_version_before_stays_installed(databases: Databases) -> None:
    url = databases.create()
    later = [f"feedfeedfee{i}" for i in range(3)]
    for i, version in enumerate(later):
        install(url, **{procedures_version(): version})
        assert [v for (v,) in installed(url)] == [procedures_version(), *later[: i + 1]][
            -KEPT_COUNT:
        ]
        assert read(url, SCHEMAS) == sorted((f"swpt_accounts_{v}",) for (v,) in installed(url))


def test_going_back_to_the_version_before(databases: Databases) -> None:
    """An image that is deployed again installs its own procedures again."""
    url = databases.create()
    install(url, **{procedures_version(): "feedfeedfeed"})
    migrate(url, "upgrade")
    assert [v for (v,) in installed(url)] == ["feedfeedfeed", procedures_version()]


def test_program_does_not_work_without_its_procedures(databases: Databases) -> None:
    url = databases.create_empty()
    settings = load_settings({"POSTGRES_URL": url})
    with pytest.raises(ProceduresNotInstalled, match="flask db upgrade"):
        connect(settings, "test")
    migrate(url, "upgrade")
    connect(settings, "test").close()
    for _ in range(KEPT_COUNT):
        connect(settings, "test").close()
        install(url, **{procedures_version(): f"feedfeedfee{_}"})
    with pytest.raises(ProceduresNotInstalled, match=procedures_version()):
        connect(settings, "test")


def test_bodies_of_functions_are_sound(databases: Databases) -> None:
    """They are not checked when they are installed, for they call each other."""
    url = databases.create()
    with open_database(url) as connection, connection.transaction():
        connection.execute(f"SET LOCAL search_path = {procedures_schema()}, public")
        connection.execute("SET LOCAL check_function_bodies = on")
        for definition in read_procedures(url).values():
            connection.execute(definition)
