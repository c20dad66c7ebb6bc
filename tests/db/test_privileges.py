"""What the role of the workers may do in the database, and what not."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from agentkit.database import dsn_of, execute
from agentkit.databases import Databases, migrate
from agentkit.processes import ROOT, migrate_command, run
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.installer import procedures_schema, procedures_version
from swpt_accounts.db.procedures import TABLE_PAGES
from swpt_accounts.settings import load_settings
from verification.kit.rows import TABLES

ROW = re.compile(r"^\| `(\w+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", re.MULTILINE)

# The id, nobody can set. Those who may insert and delete keys can do with them what they like.
ONLY_TO_LOCK = {"account_key": {"UPDATE creditor_id"}}


@pytest.fixture
def runner(worker_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A session of the role of the workers."""
    with psycopg.connect(dsn_of(worker_url), autocommit=True) as connection:
        yield connection


def writers() -> dict[str, tuple[bool, bool, bool]]:
    """Whether anybody inserts, updates and deletes, for each table of the page of processes."""
    text = Path(ROOT, "docs", "processes.md").read_text()
    _, _, section = text.partition("## Tables, and who writes them")
    return {
        name: (bool(inserts.strip()), bool(updates.strip()), bool(deletes.strip()))
        for name, inserts, updates, deletes in ROW.findall(section)
    }


def rights(connection: psycopg.Connection[Any], table: str) -> set[str]:
    """What the role of a session may do with a table, or with some of its columns."""
    rows = connection.execute(
        "SELECT p FROM unnest(ARRAY['INSERT', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p"
        " WHERE has_table_privilege(%(table)s, p)"
        " UNION ALL SELECT format('UPDATE %%s', attname) FROM pg_attribute"
        " WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND has_column_privilege(attrelid, attnum, 'UPDATE')",
        {"table": table},
    )
    return {right for (right,) in rows}


def test_rights_are_as_documented(runner: psycopg.Connection[Any]) -> None:
    documented = writers()
    for table in set(TABLES) - {"procedures_version"}:
        inserts, updates, deletes = documented[table]
        found = rights(runner, table)
        # A row can be locked by those who may update a column.
        updated = {right for right in found if right.startswith("UPDATE ")}
        assert bool(updated - ONLY_TO_LOCK.get(table, {"UPDATE id"})) == updates, table
        others = {name for name, has in (("INSERT", inserts), ("DELETE", deletes)) if has}
        assert found - updated == others, table


@pytest.mark.parametrize("table", ["procedures_version", "alembic_version"])
def test_what_is_installed_can_only_be_read(runner: psycopg.Connection[Any], table: str) -> None:
    assert rights(runner, table) == set()
    assert runner.execute(f"SELECT count(*) FROM {table}").fetchone() != (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id bigint)",
        "CREATE SCHEMA mine",
        "ALTER TABLE account ADD COLUMN mine bigint",
        "ALTER TABLE account DISABLE TRIGGER ALL",
        "DROP TABLE account_purge_signal",
        "CREATE INDEX ON account (principal)",
        "TRUNCATE account_purge_signal",
        "UPDATE account_key SET debtor_id = 1",
        "UPDATE prepared_transfer SET locked_amount = 0",
        "UPDATE pending_balance_change SET principal_delta = 1",
        "UPDATE registered_balance_change SET committed_at = now()",
        "DELETE FROM procedures_version",
        "UPDATE alembic_version SET version_num = '0001'",
        "SELECT setval('change_id_seq', 1)",
        "ALTER SEQUENCE change_id_seq RESTART",
        "DROP SCHEMA {schema} CASCADE",
        "CREATE FUNCTION {schema}.mine() RETURNS void LANGUAGE sql AS ''",
        "CREATE OR REPLACE FUNCTION {schema}.t0() RETURNS timestamptz LANGUAGE sql AS ''",
        "COPY account TO PROGRAM 'true'",
    ],
)
def test_the_role_cannot(runner: psycopg.Connection[Any], statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        runner.execute(statement.format(schema=procedures_schema()))


def test_an_id_cannot_be_set(runner: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.GeneratedAlways):
        runner.execute("UPDATE transfer_request SET id = 1")


def test_the_role_is_not_the_owner(connection: DatabaseConnection) -> None:
    """The tests of the procedures run as it."""
    found = connection.raw.execute(
        "SELECT current_user = tableowner, rolsuper FROM pg_tables, pg_roles"
        " WHERE tablename = 'account' AND rolname = current_user"
    )
    assert found.fetchall() == [(False, False)]


def test_two_roles_of_an_operator(databases: Databases) -> None:
    """As in the how-to: a migrating role that is no superuser, and one that gets its rights later.

    A deployment that has run with one role names the other one, and goes on.
    """
    url, runner_url = databases.create_empty(), ""
    owner = f"{databases.running_role}_owner"
    name = dsn_of(url).rpartition("/")[2]
    databases.create_role()
    execute(dsn_of(url), f"CREATE ROLE {owner} LOGIN PASSWORD 'x'")
    try:
        execute(dsn_of(url), f"ALTER DATABASE {name} OWNER TO {owner}")
        execute(dsn_of(url), f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        execute(dsn_of(url), f"GRANT CONNECT ON DATABASE {name} TO {databases.running_role}")
        owner_url = re.sub("//.*@", f"//{owner}:x@", url)
        runner_url = databases.as_runner(url)
        settings = load_settings({"POSTGRES_URL": runner_url})

        # One role for everything. Another one can connect, and do nothing.
        migrate(owner_url, "upgrade")
        connect(load_settings({"POSTGRES_URL": owner_url}), "test").close()
        stranger = connect(settings, "test")
        with pytest.raises(InsufficientPrivilege):
            stranger.raw.execute("SELECT FROM account")

        # The same version again, and now with a name. Whoever is connected need not connect anew.
        for _ in range(2):
            migrate(owner_url, "upgrade", POSTGRES_RUNNING_ROLE=databases.running_role)
        stranger.raw.execute("SELECT FROM account")
        assert stranger.call_value(TABLE_PAGES, table="account") == 0
        with pytest.raises(InsufficientPrivilege):
            stranger.raw.execute("CREATE TEMPORARY TABLE mine (id bigint)")
        stranger.close()

        # The role of the workers cannot install anything.
        refused = run(
            migrate_command("upgrade"),
            {"SQLALCHEMY_DATABASE_URI": runner_url, "PATH": "/usr/bin:/bin"},
        )
        assert refused.returncode != 0
        assert "permission denied" in refused.stdout
        # Back to nothing: the grants go with what they were for.
        migrate(owner_url, "downgrade", "base")
        migrate(owner_url, "upgrade", POSTGRES_RUNNING_ROLE=databases.running_role)
        connect(settings, "test").close()
    finally:
        execute(dsn_of(url), f"REASSIGN OWNED BY {owner} TO CURRENT_USER")
        execute(dsn_of(url), f"DROP OWNED BY {owner}")
        execute(dsn_of(url), f"DROP ROLE {owner}")


def test_a_role_that_does_not_exist_undoes_the_upgrade(databases: Databases) -> None:
    url = databases.create_empty()
    with pytest.raises(AssertionError, match='role "nobody:here" does not exist'):
        migrate(url, "upgrade", POSTGRES_RUNNING_ROLE="nobody:here")
    assert execute(dsn_of(url), "SELECT FROM pg_tables WHERE schemaname = 'public'") == []


def test_script_of_an_upgrade_has_the_grants(databases: Databases) -> None:
    url = databases.create_empty()
    script = migrate(url, "upgrade", "--sql", POSTGRES_RUNNING_ROLE='a"b')
    assert 'TO "a""b"' in script
    assert procedures_version() in script
    assert "GRANT SELECT, INSERT" not in migrate(url, "upgrade", "--sql")


@pytest.fixture
def reader(databases: Databases, database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A session of the role of the console."""
    dsn = dsn_of(databases.as_reader(database_url))
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def test_the_role_of_the_console_reads_each_table_and_nothing_else(
    reader: psycopg.Connection[Any],
) -> None:
    for table in (*TABLES, "alembic_version", "older_balance_change"):
        assert rights(reader, table) == set(), table
        reader.execute(f"SELECT FROM {table} LIMIT 1")


@pytest.mark.parametrize(
    "statement",
    [
        *("CREATE TABLE mine (id bigint)", "CREATE TEMPORARY TABLE mine (id bigint)"),
        *("SELECT nextval('change_id_seq')", "SELECT FROM account FOR UPDATE"),
        *("DELETE FROM dead_letter_dealt_with", "COPY account TO PROGRAM 'true'"),
        "SELECT {schema}.open_account(1, 2)",
    ],
)
def test_the_role_of_the_console_cannot(
    databases: Databases, database_url: str, statement: str
) -> None:
    """Nor in a session that does not say of itself that it only reads."""
    name = dsn_of(database_url).rpartition("/")[2]
    execute(dsn_of(database_url), f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    execute(dsn_of(database_url), f"GRANT CONNECT ON DATABASE {name} TO {databases.reading_role}")
    schema = procedures_schema()
    path = f"-csearch_path={schema},public"
    dsn = dsn_of(databases.as_reader(database_url))
    with (
        psycopg.connect(dsn, autocommit=True, options=path) as connection,
        pytest.raises(InsufficientPrivilege),
    ):
        connection.execute(statement.format(schema=schema))
