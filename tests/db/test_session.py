"""Sessions with the database, whatever the role, the database or the server sets for them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.database import dsn_of, execute
from agentkit.databases import Databases, migrate
from agentkit.processes import free_port
from swpt_accounts.db.connection import connect
from swpt_accounts.db.errors import UnsuitableDatabase
from swpt_accounts.db.session_options import LIMITS, MEANING, MIGRATING, PLANS
from swpt_accounts.settings import Settings, load_settings

HOSTILE = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "TimeZone": "Asia/Tokyo",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "row_security": "on",
    "plpgsql.check_asserts": "off",
    "plpgsql.extra_errors": "all",
    "default_transaction_isolation": "serializable",
    "exit_on_error": "on",
    "lock_timeout": "1ms",
    "statement_timeout": "1ms",
    "idle_in_transaction_session_timeout": "1ms",
    "idle_session_timeout": "1ms",
    "tcp_keepalives_idle": "7200",
    "tcp_keepalives_interval": "75",
    "tcp_keepalives_count": "9",
    "tcp_user_timeout": "0",
    "enable_indexscan": "off",
    "enable_nestloop": "off",
    "enable_tidscan": "off",
    "enable_hashjoin": "on",
    "enable_mergejoin": "on",
    "enable_seqscan": "on",
    "enable_bitmapscan": "on",
    "plan_cache_mode": "force_custom_plan",
    "jit": "on",
    "synchronous_commit": "off",
    "search_path": "pg_catalog",
    "client_encoding": "LATIN1",
}


@pytest.fixture(scope="module")
def worker_url(database_url: str) -> str:
    """The tests of this module change tables, for which one has to own them."""
    return database_url


def administrate(url: str, statement: str, *names: str, **parts: sql.Composable) -> None:
    """Run a statement about a database or a role, from another database."""
    dsn = dsn_of(make_url(url).set(database="postgres"))
    execute(dsn, sql.SQL(statement).format(*map(sql.Identifier, names), **parts))


def name_of(url: str) -> str:
    name = make_url(url).database
    assert name is not None
    return name


def value_to_set(name: str, value: str) -> sql.Composable:
    is_list = name in ("DateStyle", "search_path")
    return sql.SQL(value) if is_list else sql.Literal(value)


def set_for_database(url: str, name: str, value: str) -> None:
    # a name with a dot is not an identifier
    parts = {"name": sql.SQL(name), "value": value_to_set(name, value)}
    administrate(url, "ALTER DATABASE {} SET {name} = {value}", name_of(url), **parts)


@pytest.fixture(scope="module")
def hostile_url(databases: Databases) -> str:
    """A migrated database with everything that is pinned set to something else."""
    url = databases.create()
    for name, value in HOSTILE.items():
        set_for_database(url, name, value)
    return url


def value_of(connection: Any, name: str) -> Any:
    return connection.raw.execute("SELECT current_setting(%s)", [name]).fetchone()[0]


def test_everything_that_is_pinned_has_a_hostile_value_here() -> None:
    assert HOSTILE.keys() >= {*MEANING, *LIMITS, *PLANS, *MIGRATING}


def test_every_pin_has_a_reason() -> None:
    for pins in (MEANING, LIMITS, PLANS, MIGRATING):
        assert all(reason for _, reason in pins.values())


def test_settings_of_a_database_make_no_difference(databases: Databases, hostile_url: str) -> None:
    kind = connect(load_settings({"POSTGRES_URL": databases.create()}), "test")
    hostile = connect(load_settings({"POSTGRES_URL": hostile_url}), "test")
    try:
        for name in HOSTILE:
            assert value_of(hostile, name) == value_of(kind, name), name
    finally:
        kind.close()
        hostile.close()


def test_settings_of_a_role_make_no_difference(databases: Databases) -> None:
    """They override those of a database."""
    url = databases.create()
    role = f"role_of_{name_of(url)}"
    user = make_url(url).username
    assert user is not None
    administrate(url, "CREATE ROLE {} LOGIN PASSWORD 'x' IN ROLE {}", role, user)
    try:
        for name in ("DateStyle", "extra_float_digits"):
            parts = {"name": sql.SQL(name), "value": value_to_set(name, HOSTILE[name])}
            administrate(url, "ALTER ROLE {} SET {name} = {value}", role, **parts)
        own = make_url(url).set(username=role, password="x").render_as_string(hide_password=False)
        with psycopg.connect(dsn_of(own)) as plain:
            assert plain.info.parameter_status("DateStyle") == "SQL, DMY"
        connection = connect(load_settings({"POSTGRES_URL": own}), "test")
        assert value_of(connection, "DateStyle") == "ISO, MDY"
        assert value_of(connection, "extra_float_digits") == "1"
        connection.close()
    finally:
        administrate(url, "DROP ROLE {}", role)


def test_values_come_back_as_they_were_sent(hostile_url: str) -> None:
    connection = connect(load_settings({"POSTGRES_URL": hostile_url}), "test")
    values: list[Any] = [
        datetime(2024, 2, 3, 4, 5, 6, 789012, tzinfo=UTC),
        timedelta(days=40, seconds=3, microseconds=5),
        0.1 + 0.2,
        b"\\x00\xff\n",
        "back\\slash ✓",
        [None, "NULL", "a"],
    ]
    row = connection.raw.execute("SELECT %s, %s, %s, %s, %s, %s::text[]", values).fetchone()
    connection.close()
    assert row is not None
    assert list(row) == values


@pytest.mark.parametrize(
    ("found", "expected"),
    [("off", "on"), ("remote_apply", "remote_apply")],
)
def test_commits_are_never_weaker_than_on(databases: Databases, found: str, expected: str) -> None:
    url = databases.create()
    set_for_database(url, "synchronous_commit", found)
    connection = connect(load_settings({"POSTGRES_URL": url}), "test")
    assert value_of(connection, "synchronous_commit") == expected
    connection.close()


def test_migrations_do_not_mind_either(databases: Databases) -> None:
    url = databases.create_empty()
    for name, value in HOSTILE.items():
        set_for_database(url, name, value)
    migrate(url, "upgrade")
    migrate(url, "downgrade", "0001")
    migrate(url, "upgrade")
    connect(load_settings({"POSTGRES_URL": url}), "test").close()


@pytest.fixture
def read_only(databases: Databases) -> Iterator[Settings]:
    """A database that takes no changes."""
    url = databases.create()
    set_for_database(url, "default_transaction_read_only", "on")
    yield load_settings({"POSTGRES_URL": url})
    # or it could not be dropped by a session of its own
    administrate(url, "ALTER DATABASE {} RESET ALL", name_of(url))


def test_who_writes_connects_to_no_read_only_server(read_only: Settings) -> None:
    with pytest.raises(psycopg.OperationalError, match="session is read-only"):
        connect(read_only, "test")
    connect(read_only, "test", is_read_only=True).close()


def test_servers_of_an_url_are_tried_in_turn(settings: Settings, read_only: Settings) -> None:
    def with_two_servers(one: Settings) -> Settings:
        url = make_url(one.postgres_dsn)
        place = f"host={url.host},{url.host}&port={free_port()},{url.port}"
        return load_settings(
            {
                "POSTGRES_URL": f"postgresql+psycopg://{url.username}:{url.password}@/{url.database}"
                f"?{place}"
            }
        )

    connect(with_two_servers(settings), "test").close()
    connect(with_two_servers(read_only), "test", is_read_only=True).close()
    with pytest.raises(psycopg.OperationalError, match="session is read-only"):
        connect(with_two_servers(read_only), "test")


def test_encoding_of_the_database(databases: Databases) -> None:
    url = databases.create_empty()
    name = f"{name_of(url)}_latin1"
    kind = "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    administrate(url, f"CREATE DATABASE {{}} {kind}", name)
    try:
        wrong = make_url(url).set(database=name).render_as_string(hide_password=False)
        with pytest.raises(UnsuitableDatabase, match=r"LATIN1.*must be UTF8"):
            connect(load_settings({"POSTGRES_URL": wrong}), "test")
    finally:
        administrate(url, "DROP DATABASE {}", name)
