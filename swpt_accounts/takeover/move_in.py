"""Takes over a database of the reference, in place (docs/decisions/0020)."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from psycopg import sql

from swpt_accounts.core.progress import Progress
from swpt_accounts.db.installer import procedures_schema
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.db.schema_discovery import (
    BOOKS,
    GUARD_REVISION,
    KEPT_BOOKS,
    KEPT_REFERENCE,
    Owner,
    discover,
)
from swpt_accounts.settings import Settings
from swpt_accounts.takeover.checks import (
    MIB,
    bytes_needed,
    check_rows,
    check_structure,
    check_surroundings,
    define_functions,
    refuse_others,
    sizes_of,
    try_disk,
)
from swpt_accounts.takeover.copy_steps import fill_books
from swpt_accounts.takeover.reconciliation import keep_proof
from swpt_accounts.takeover.reference_schema import ARCHIVE, FUNCTIONS, TABLES, TYPES
from swpt_accounts.takeover.schemas import lock_tables

_FILLED: Final = ("account", "account_key", "prepared_transfer", "root_config")


@dataclass(frozen=True, slots=True)
class MovedIn:
    """What was done. `seconds` is how long transfers were blocked."""

    reference_schema: str
    seconds: float


def move_in(session: OperatorSession, settings: Settings, progress: Progress) -> MovedIn | None:
    """Take over the database, but for the archive, which is copied afterwards.

    Returns None where that has been done before. Raises `PreconditionFailed`, and `psycopg.Error`:
    then nothing has changed.
    """
    with session.one_at_a_time():
        found = discover(session.connection)
        if found.owner is Owner.OURS and found.guarded is not None:
            return None
        refuse_others(found)
        assert found.schema is not None
        check_before(session, found.schema, settings, progress)
        script = make_script()
        with session.connection.transaction():
            started_at = monotonic()
            _take_over(session, found.schema, settings, progress, script)
        seconds = monotonic() - started_at
        for table in _FILLED:
            statement = sql.SQL("ANALYZE {}").format(sql.Identifier(BOOKS, table))
            session.connection.execute(statement)
        return MovedIn(found.schema, seconds)


def check_before(
    session: OperatorSession, schema: str, settings: Settings, progress: Progress
) -> None:
    """What can be checked while the reference works. Raises `PreconditionFailed`."""
    check_structure(session, schema)
    check_surroundings(session, schema)
    with session.connection.transaction(force_rollback=True):
        define_functions(session)
        check_rows(session, schema, settings.realm)
        sizes = sizes_of(session, schema)
    needed = sum(bytes_needed(sizes))
    progress.begin("MiB of disk space to test", needed // MIB)
    try_disk(session, needed, lambda done: progress.note(done // MIB))
    progress.end()


def _take_over(
    session: OperatorSession, schema: str, settings: Settings, progress: Progress, script: str
) -> None:
    lock_tables(session, schema, TABLES)
    define_functions(session)
    check_rows(session, schema, settings.realm)
    set_apart(session, schema, KEPT_REFERENCE)
    sizes = sizes_of(session, KEPT_REFERENCE)

    _make_schema(session, BOOKS)
    session.set_path(BOOKS)
    session.connection.execute(script.encode())
    session.set_path(BOOKS, procedures_schema())
    fill_books(session, KEPT_REFERENCE, sizes, progress)
    session.run_all("in", "show_older_archive", reference=sql.Identifier(KEPT_REFERENCE))
    pages_count = sizes[ARCHIVE].pages_count
    ((move_id,),) = session.run(
        "in",
        "begin_move",
        {
            "direction": "in",
            "reference_schema": schema,
            "pages_count": pages_count,
            "is_copied": pages_count == 0,
        },
    )
    session.run_all("in", "take_older_senders")
    keep_proof(session, move_id, before=KEPT_REFERENCE, after=BOOKS)
    if _has_left(session):
        for name in ("keep_dealt_with", "keep_change_ids"):
            session.run("in", name, left=sql.Identifier(KEPT_BOOKS))
    session.run_all(
        "reference_tables",
        "put_guard",
        schema=sql.Identifier(schema),
        revision=sql.Literal(GUARD_REVISION),
    )


def set_apart(session: OperatorSession, schema: str, target: str) -> None:
    """Move the reference's objects to a schema of their own, or back from there."""
    _make_schema(session, target)
    names = {
        "schema": schema,
        "target": target,
        "tables": list(TABLES),
        "types": list(TYPES),
        "functions": list(FUNCTIONS),
    }
    for (statement,) in session.run("reference_tables", "changes_of_schema", names):
        session.connection.execute(statement.encode())


def _has_left(session: OperatorSession) -> bool:
    row = session.connection.execute(
        "SELECT to_regclass(%s)", [f"{KEPT_BOOKS}.dead_letter_dealt_with"]
    ).fetchone()
    return row != (None,)


def drop_reference(session: OperatorSession) -> None:
    """Drop the tables of the reference. Raises `PreconditionFailed`."""
    with session.one_at_a_time(), session.connection.transaction():
        found = discover(session.connection)
        if found.owner is not Owner.OURS or not _exists(session, KEPT_REFERENCE):
            raise PreconditionFailed(f"{found}: there are no tables of the reference to drop")
        if not session.run("in", "is_archive_copied", books=sql.Identifier(BOOKS)):
            raise PreconditionFailed(
                "the archive has not been copied completely: run `move_in` to complete it"
            )
        session.set_path(BOOKS)
        session.run_all("in", "hide_older_archive")
        session.run_all("in", "refuse_older_senders")
        name = sql.Identifier(KEPT_REFERENCE)
        session.connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(name))


def _make_schema(session: OperatorSession, schema: str) -> None:
    if not _exists(session, schema):
        session.connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))


def _exists(session: OperatorSession, schema: str) -> bool:
    row = session.connection.execute("SELECT to_regnamespace(%s)", [schema]).fetchone()
    return row != (None,)


_ROOT: Final = Path(__file__).parents[2]
_SCRIPT_SECONDS_MAX: Final = 120


def make_script() -> str:
    """All migrations, and the procedures, to be run in a transaction. Raises `PreconditionFailed`.

    A process of its own writes them: it needs a framework, whose memory is then free again.
    """
    made = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "swpt_accounts", "db", "upgrade", "--sql"],
        cwd=_ROOT,
        env={**os.environ, "APP_LOG_LEVEL": "error", "APP_LOG_FORMAT": "text"},
        capture_output=True,
        text=True,
        timeout=_SCRIPT_SECONDS_MAX,
        check=False,
    )
    if made.returncode != 0:
        raise PreconditionFailed(f"`flask db upgrade --sql` failed: {made.stderr.strip()[-500:]}")
    script = made.stdout.strip()
    begin, end = "BEGIN;", "COMMIT;"
    if not (script.startswith(begin) and script.endswith(end)):
        raise PreconditionFailed(f"`flask db upgrade --sql` has written: {script[:200]}")
    return script.removeprefix(begin).removesuffix(end)
