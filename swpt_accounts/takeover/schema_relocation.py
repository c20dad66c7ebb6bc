"""Moves our tables out of the place where the reference makes its own."""

from psycopg import sql

from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.db.schema_discovery import BOOKS, KEPT_REFERENCE, Owner, look
from swpt_accounts.takeover.books import OUR_TABLES, exists
from swpt_accounts.takeover.table_locks import lock_tables


def make_room(session: OperatorSession) -> str | None:
    """Let the reference make empty tables beside ours. Workers wait for a moment, and go on.

    Returns the schema where there is room now, or None where there was. Raises
    `PreconditionFailed`, and `psycopg.Error`: then nothing has changed.
    """
    with session.one_at_a_time():
        found = look(session.connection)
        if found.owner is Owner.BOTH and exists(session, BOOKS, "account_key"):
            return None
        if found.owner is not Owner.OURS:
            raise PreconditionFailed(f"{found}: no room can be made")
        if found.guarded is not None and exists(session, KEPT_REFERENCE, "account"):
            raise PreconditionFailed(
                f"the reference's tables are in the schema {KEPT_REFERENCE!r}, and will be filled"
                " again by `move_out`: no room is needed"
            )
        schema = found.schema
        assert schema is not None
        if schema == BOOKS and found.guarded is None:
            return None
        with session.connection.transaction():
            if schema != BOOKS:
                _move_books(session, schema)
            if found.guarded is not None:
                session.run_all("out", "drop_guard", schema=sql.Identifier(found.guarded))
        return found.guarded or schema


def _move_books(session: OperatorSession, schema: str) -> None:
    lock_tables(session, schema, OUR_TABLES)
    names = {"books": sql.Identifier(BOOKS), "quoted_books": sql.Literal(BOOKS)}
    session.run_all("out", "make_books", **names)
    session.set_path("pg_catalog")
    statements = session.run(
        "out",
        "changes_of_books",
        {"schema": schema, "tables": list(OUR_TABLES)},
        **names,
    )
    for (statement,) in statements:
        session.connection.execute(statement.encode())
