"""The migrations, and what they make of an empty database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from swpt_accounts.db.engine import MIGRATIONS_DIR
from swpt_accounts.db.procedures import SUBJECTS, install_script, read_sql
from swpt_accounts.db.tables import Base
from tests.db.rows import TABLES
from tests.support.database import Databases, migrate

FUNCTIONS = """
SELECT oid::regprocedure::text, pg_get_functiondef(oid)
FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
"""
VIEWS = "SELECT viewname, definition FROM pg_views WHERE schemaname = current_schema()"
RELATIONS = """
SELECT relname, relkind, reloptions::text
FROM pg_class WHERE relnamespace = current_schema()::regnamespace
"""
COLUMNS = """
SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = current_schema()
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
QUERIES = (FUNCTIONS, VIEWS, RELATIONS, COLUMNS, CONSTRAINTS, INDEXES)


@contextmanager
def open_database(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A plain connection, in autocommit mode."""
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def read_schema(url: str) -> list[list[tuple[Any, ...]]]:
    """All that a schema has."""
    with open_database(url) as connection:
        return [sorted(connection.execute(query).fetchall()) for query in QUERIES]


def read_pairs(url: str, query: str) -> dict[str, str]:
    """Names and definitions."""
    with open_database(url) as connection:
        return dict(connection.execute(query).fetchall())


def table_names(url: str) -> set[str]:
    with open_database(url) as connection:
        return {name for name, kind, _ in connection.execute(RELATIONS) if kind == "r"}


def test_up_and_down_and_up_again(databases: Databases) -> None:
    url = databases.create_empty()
    migrate(url, "upgrade")
    first = read_schema(url)
    assert table_names(url) == {*TABLES, "alembic_version"}
    migrate(url, "downgrade", "base")
    assert table_names(url) == {"alembic_version"}
    assert read_pairs(url, FUNCTIONS) == read_pairs(url, VIEWS) == {}
    with open_database(url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_sequences").fetchone() == (0,)
    migrate(url, "upgrade")
    assert read_schema(url) == first


def test_tables_are_those_of_the_models(databases: Databases) -> None:
    url = databases.create()
    assert "No new upgrade operations detected" in migrate(url, "check")


def test_constraints_and_storage_are_those_of_the_models(databases: Databases) -> None:
    """`flask db check` does not compare everything."""
    upgraded, created = databases.create(), databases.create_empty()
    engine = create_engine(created)
    Base.metadata.create_all(engine)
    engine.dispose()
    for query in (RELATIONS, COLUMNS, CONSTRAINTS, INDEXES):
        with open_database(upgraded) as connection:
            found = {row for row in connection.execute(query) if is_of_a_model(row)}
        with open_database(created) as connection:
            expected = set(connection.execute(query))
        assert found == expected


def is_of_a_model(row: tuple[Any, ...]) -> bool:
    """Whether it belongs neither to Alembic, nor to a view."""
    return not any(str(name).startswith("alembic_version") for name in row[:2]) and (
        row[0] != "account_update"
    )


def test_upgraded_database_has_exactly_the_functions_of_the_files(databases: Databases) -> None:
    upgraded, fresh = databases.create(), databases.create()
    with open_database(fresh) as connection:
        connection.execute(read_sql("uninstall"))
        assert connection.execute(FUNCTIONS).fetchall() == []
        assert connection.execute(VIEWS).fetchall() == []
        with connection.transaction():
            for statement in install_script():
                connection.execute(statement)
    for query in (FUNCTIONS, VIEWS):
        expected = read_pairs(fresh, query)
        assert expected
        assert read_pairs(upgraded, query) == expected


def test_procedures_can_be_installed_over_those_that_are_there(databases: Databases) -> None:
    url = databases.create()
    before = read_schema(url)
    with open_database(url) as connection, connection.transaction():
        for statement in install_script():
            connection.execute(statement)
    assert read_schema(url) == before


def test_every_file_is_installed() -> None:
    folder = MIGRATIONS_DIR.parent / "swpt_accounts" / "db" / "sql"
    assert {path.stem for path in folder.glob("*.sql")} == {*SUBJECTS, "uninstall"}


def test_uninstalling_leaves_what_belongs_to_extensions(databases: Databases) -> None:
    url = databases.create()
    with open_database(url) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        before = {name for name, *_ in connection.execute(FUNCTIONS) if "pg_stat" in name}
        connection.execute(read_sql("uninstall"))
        assert {name for name, *_ in connection.execute(FUNCTIONS)} == before
        assert before


def test_bodies_of_functions_are_sound(databases: Databases) -> None:
    """They are not checked when they are installed, for they call each other."""
    url = databases.create()
    with open_database(url) as connection, connection.transaction():
        connection.execute("SET LOCAL check_function_bodies = on")
        for definition in read_pairs(url, FUNCTIONS).values():
            connection.execute(definition)
