"""Databases that cannot be taken over: a clear line, exit code 1, and nothing has changed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from agentkit.database import dsn_of, execute
from swpt_accounts.core.progress import NoProgress
from swpt_accounts.db.operator_session import PreconditionFailed
from swpt_accounts.takeover.move_in import check_before
from swpt_accounts.takeover.schemas import open_takeover_session
from tests.takeover.reference import (
    BOOKS,
    KEPT,
    Place,
    ReferenceDatabases,
    digest,
    load_dump,
    move,
    run_move_in,
)


def checked(place: Place) -> None:
    """All checks before the move. Raises `PreconditionFailed`."""
    settings = place.settings()
    with open_takeover_session(settings) as session:
        check_before(session, place.schema, settings, NoProgress())


def refused(place: Place, **settings: Any) -> str:
    """Why it is refused. Nothing has changed."""
    before = digest(place)
    with pytest.raises(PreconditionFailed) as error:
        move(place, **settings)
    assert digest(place) == before
    return str(error.value)


def test_rows_of_another_shard(public: Place) -> None:
    lines = refused(public, PROTOCOL_BROKER_QUEUE_ROUTING_KEY="0.#").splitlines()
    assert lines[0].startswith("some rows do not belong to the shard 0.#")
    assert any(line.startswith("  account: ") for line in lines)
    assert any(line.startswith("  pending_balance_change_signal: ") for line in lines)
    assert not any("registered_balance_change" in line for line in lines)


def test_another_revision_or_none(public: Place) -> None:
    unknown = "neither one of this program nor one of the reference"
    for revision, told in (
        ("faa65a97e02e", "first run `configure` of the latest release of the reference"),
        ("bbcd77f71465", "an older release of the reference"),
        ("0123456789ab", unknown),
    ):
        public.query("UPDATE alembic_version SET version_num = %s", revision)
        assert told in refused(public)
    public.query("UPDATE alembic_version SET version_num = 'a5202da9c3ad'")
    for beside in ("0123456789ab", "zzzz"):
        public.query("INSERT INTO alembic_version VALUES (%s)", beside)
        assert unknown in refused(public)
        public.query("DELETE FROM alembic_version WHERE version_num = %s", beside)
    public.query("DELETE FROM alembic_version")
    assert unknown in refused(public)


def test_an_empty_database(reference: ReferenceDatabases) -> None:
    place = reference.create_empty()
    before = digest(place)
    result = run_move_in(place, "--quiet")
    assert result.returncode == 1
    assert result.stdout.splitlines()[0] == (
        "swpt_accounts: this database has no tables of accounts: check POSTGRES_URL"
    )
    assert digest(place) == before


def test_missing_columns(public: Place) -> None:
    public.query("ALTER TABLE account DROP COLUMN last_deletion_attempt_ts")
    public.query("DROP TABLE account_purge_signal")
    text = refused(public)
    assert text.startswith("the schema 'public' lacks 5 columns of the reference:")
    assert "account.last_deletion_attempt_ts" in text
    assert "\n" not in text


def test_both_ledgers(public: Place) -> None:
    """A dump of the reference was loaded after the move."""
    move(public)
    public.query("DROP TABLE alembic_version")
    load_dump(public.url)
    assert "and tables of this program also exist" in refused(public)


def test_the_tables_of_two_deployments(public: Place) -> None:
    """Nobody can know which of them are meant."""
    public.administrate(
        sql.SQL(
            "CREATE SCHEMA other; CREATE TABLE other.alembic_version AS TABLE alembic_version;"
            "CREATE TABLE other.prepared_transfer (); GRANT USAGE ON SCHEMA other TO {0};"
            "GRANT SELECT ON ALL TABLES IN SCHEMA other TO {0}"
        ).format(sql.Identifier(public.role))
    )
    text = refused(public)
    assert text.startswith("tables of the reference are in several schemas: ")
    assert "'public'" in text
    assert "'other'" in text


def test_a_schema_that_is_taken(public: Place) -> None:
    """One that is there and empty is used."""
    for schema in (BOOKS, KEPT):
        public.query(f"CREATE SCHEMA {schema}")
        public.query(f"CREATE TABLE {schema}.account ()")
        assert f"the schema '{schema}' already has tables" in refused(public)
        public.query(f"DROP TABLE {schema}.account")
    assert move(public) is not None


def test_a_read_only_database(public: Place) -> None:
    name = make_url(public.url).database
    public.query(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    before = digest(public)
    result = run_move_in(public, "--quiet")
    assert result.returncode == 1
    assert "read-only" in result.stdout.splitlines()[0]
    assert "Traceback" not in result.stdout
    assert digest(public) == before


def test_no_right_to_make_schemas(public: Place) -> None:
    execute(
        dsn_of(public.admin_url),
        sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(
            sql.Identifier(make_url(public.url).database or "")
        ),
    )
    assert "this role may not create schemas in this database" in refused(public)


def test_tables_of_another_role(public: Place) -> None:
    """As after a dump was loaded by an administrator."""
    public.administrate("ALTER TABLE pending_balance_change OWNER TO CURRENT_USER")
    public.administrate(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {public.role}")
    text = refused(public)
    assert text == "this role does not own the tables pending_balance_change in 'public'"


def test_no_connection(public: Place) -> None:
    nowhere = make_url(public.url).set(port=1).render_as_string(hide_password=False)
    result = run_move_in(public, "--quiet", POSTGRES_URL=nowhere)
    assert result.returncode == 1
    assert "Traceback" not in result.stdout


def test_another_encoding(reference: ReferenceDatabases, public: Place) -> None:
    """No program of ours would work on it."""
    place = reference.create_encoded("LATIN1")
    load_dump(place.url, with_rows=False)
    assert "LATIN1" in refused(place)


@contextmanager
def small_disk(place: Place) -> Iterator[str]:
    """A tablespace on a file system of 8 MiB, which the owner takes for new tables."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small file system")
    name = sql.Identifier(f"small_{make_url(place.url).database}")
    role = sql.Identifier(place.role)
    with tempfile.TemporaryDirectory(prefix="swpt", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        mounted = Path(folder) / "small"
        mounted.mkdir()
        mounting = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "small", str(mounted)]
        if subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
            pytest.skip("no file systems can be mounted here")
        try:
            (mounted / "data").mkdir()
            shutil.chown(mounted / "data", "postgres", "postgres")
            for statement in (
                "CREATE TABLESPACE {name} LOCATION {path}",
                "GRANT CREATE ON TABLESPACE {name} TO {role}",
                "ALTER ROLE {role} SET default_tablespace = {name}",
            ):
                place.administrate(
                    sql.SQL(statement).format(
                        name=name, role=role, path=sql.Literal(str(mounted / "data"))
                    )
                )
            yield str(mounted)
        finally:
            place.administrate(sql.SQL("ALTER ROLE {} RESET default_tablespace").format(role))
            place.administrate(sql.SQL("DROP OWNED BY {} CASCADE").format(role))
            place.administrate(sql.SQL("DROP TABLESPACE IF EXISTS {}").format(name))
            subprocess.run(["umount", str(mounted)], check=True)


def test_too_little_room(reference: ReferenceDatabases) -> None:
    place = reference.create("public")
    with small_disk(place):
        text = refused(place)
    assert text.startswith("the database server has less than 16 MiB of free disk space")
