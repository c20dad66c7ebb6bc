"""How Alembic runs the migrations of this application: `flask db upgrade`.

An upgrade to the latest migration also installs the stored procedures of this version of the
program, and grants what the role of the workers needs, if one is named, all in the same
transaction; on the way down the procedures are removed first.

On tables that a later version has made, an upgrade changes none: it installs the procedures of this
version again, beside those of the later one, if these tables serve both.

A migration does not wait for long: for half a second for a lock, again and again for a minute. Then
it fails, and can be run again. Its limits are those of the session
(swpt_accounts/db/session_options.py).
"""

import re
import sys
from collections.abc import Iterator

from alembic import context
from flask import current_app
from psycopg.errors import UndefinedObject
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from swpt_accounts.db.engine import retry_locked
from swpt_accounts.db.errors import one_line
from swpt_accounts.db.installer import (
    REVISION,
    install_script,
    is_of_later_version,
    uninstall_script,
    why_not_before,
)
from swpt_accounts.db.queries import query
from swpt_accounts.db.schema_discovery import BOOKS, TABLES_PATH, discover
from swpt_accounts.db.session_checks import wrong_shard

database = current_app.extensions["migrate"].db
settings = current_app.extensions["swpt_accounts_settings"]


def run_migrations() -> None:
    with database.engine.connect() as connection:
        found = discover(connection.connection.driver_connection)
        if found.is_of_reference:
            sys.exit(
                f"swpt_accounts: {found}. To take them over: `move_in`, or `configure` with"
                " MOVE_IN_FROM_REFERENCE=yes (docs/how-to/move-in.md). Nothing has changed."
            )
        # (a role may have a schema of its own, and no right to make tables in `public`)
        if not connection.execute(text(query("may_create"))).scalar_one():
            connection.execute(text(f"CREATE SCHEMA {BOOKS}"))
        connection.execute(text(f"SET search_path = {TABLES_PATH}"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=database.metadatas[None],
            include_name=is_of_a_model,
            **current_app.extensions["migrate"].configure_args,
        )
        is_later = is_of_later_version(found.revision) and is_upgrade()
        if is_later:
            refuse_later(connection, found.revision)
        has_older = found.revision is not None and not is_later and found.revision != REVISION
        run_in_one_transaction(has_tables=is_later, has_older_tables=has_older and is_upgrade())


def is_upgrade() -> bool:
    """Whether all that this version has is to be in the database."""
    name = getattr(context.get_context().opts["fn"], "__name__", "")
    return name == "upgrade" and destination() == REVISION


def refuse_later(connection: Connection, revision: str | None) -> None:
    """Exit where the tables of a later version do not serve this one."""
    session = connection.connection.driver_connection
    assert session is not None
    if problem := why_not_before(session, revision):
        sys.exit(f"swpt_accounts: {problem}. Nothing has changed.")


def is_of_a_model(name: str | None, kind: str, _: object) -> bool:
    """The slots of the journal are parts of a table."""
    return kind != "table" or re.fullmatch(r"journal_[0-9]{2}", name or "") is None


def print_migrations() -> None:
    context.configure(
        url=database.engine.url.render_as_string(hide_password=False),
        target_metadata=database.metadatas[None],
        literal_binds=True,
        # psycopg's own style would double each percent sign
        dialect_opts={"paramstyle": "named"},
    )
    run_in_one_transaction()


def why_not_migrated(error: DBAPIError) -> str:
    url, cause = database.engine.url, error.orig or error
    is_unknown = isinstance(cause, UndefinedObject) and 'role "' in str(cause)
    hint = " (POSTGRES_RUNNING_ROLE, POSTGRES_READING_ROLE)" if is_unknown else ""
    address = f"{url.host}:{url.port or 5432}" if url.host else "its Unix socket"
    return f"cannot migrate the database {url.database!r} at {address}: {one_line(cause)}{hint}"


def run_in_one_transaction(*, has_tables: bool = False, has_older_tables: bool = False) -> None:
    with context.begin_transaction():
        if has_older_tables:
            run_script(iter([query("end_autovacuum")]))
        if is_downgrade():
            run_script(uninstall_script())
        if not has_tables:
            context.run_migrations()
        if destination() == REVISION:
            roles = settings.postgres_running_role, settings.postgres_reading_role
            run_script(install_script(*roles))
            if not context.is_offline_mode():
                claim_database()


def claim_database() -> None:
    """Ends the process, and undoes everything, where the database is another shard's."""
    realm = settings.realm
    values = {"realm": str(realm), "is_heir": settings.delete_parent_shard_records}
    problem = context.get_bind().execute(
        text("SELECT claim_realm(:realm, :realm_bits, :realm_length, :is_heir)"),
        {**values, **realm.parameters},
    )
    if (found := problem.scalar_one()) is not None:
        sys.exit(f"swpt_accounts: {wrong_shard(found, realm)}. Nothing has changed.")


def destination() -> str | None:
    """The revision that is wanted: the base is "base"; None where nothing is to be changed."""
    try:
        wanted = context.get_revision_argument() or "base"
    except KeyError:
        return None
    assert isinstance(wanted, str), "there are no branches"
    return wanted


def is_downgrade() -> bool:
    """Whether there are procedures which the wanted revision has no tables for."""
    found = () if context.is_offline_mode() else context.get_context().get_current_heads()
    return REVISION in found and destination() not in (None, REVISION)


def run_script(statements: Iterator[str]) -> None:
    for statement in statements:
        context.execute(text(statement.replace(":", r"\:")))


if context.is_offline_mode():
    print_migrations()
else:
    try:
        retry_locked(run_migrations)
    except DBAPIError as error:
        sys.exit(f"swpt_accounts: {why_not_migrated(error)}. Nothing has changed.")
