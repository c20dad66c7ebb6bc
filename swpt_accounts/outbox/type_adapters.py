"""Lets a cursor return the values of an outbox as they are written in messages."""

from typing import Any

from psycopg import Connection, Cursor
from psycopg.abc import Buffer
from psycopg.adapt import Loader


class _TimestampLoader(Loader):
    """`2024-05-20 13:15:09.12+00` becomes `2024-05-20T13:15:09.120000+00:00`.

    Six decimals or none: many readers accept no other forms.
    """

    def load(self, data: Buffer) -> str:
        text = bytes(data).decode("ascii")
        assert text.endswith("+00"), f"{text!r} is not in UTC"
        seconds, _, fraction = text[:-3].partition(".")
        decimals = f".{fraction:0<6}" if fraction else ""
        return f"{seconds[:10]}T{seconds[11:]}{decimals}+00:00"


class _TextLoader(Loader):
    """Leaves the value as PostgreSQL writes it."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8")


class _HexLoader(Loader):
    """`\\x0a0b` becomes `0A0B`."""

    def load(self, data: Buffer) -> str:
        return bytes(data)[2:].decode("ascii").upper()


def wire_cursor(connection: Connection[Any]) -> Cursor[tuple[Any, ...]]:
    """A cursor whose timestamps, dates and bytes are text in the form of the protocol."""
    cursor = connection.cursor()
    cursor.adapters.register_loader("timestamptz", _TimestampLoader)
    cursor.adapters.register_loader("date", _TextLoader)
    cursor.adapters.register_loader("bytea", _HexLoader)
    return cursor
