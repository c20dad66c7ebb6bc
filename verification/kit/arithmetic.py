"""The functions in SQL of which the stored procedures are made."""

from typing import Any

from psycopg import sql

from swpt_accounts.db.connection import DatabaseConnection


def call_function(connection: DatabaseConnection, name: str, *arguments: object) -> Any:
    """The value of a function of the database that only other functions call."""
    row = connection.raw.execute(
        "SELECT ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) AS t)"
        " FROM pg_proc WHERE oid = %s::text::regproc",
        [name],
    ).fetchone()
    assert row is not None
    casts = sql.SQL(", ").join(sql.SQL(f"%s::{sql_type}") for sql_type in row[0])
    statement = sql.SQL("SELECT {}({})").format(sql.Identifier(name), casts)
    found = connection.raw.execute(statement, arguments).fetchone()
    assert found is not None
    return found[0]
