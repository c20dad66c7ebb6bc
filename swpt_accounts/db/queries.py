"""The named statements of `queries.sql`, and of other files like it."""

import re
from functools import cache
from pathlib import Path

from psycopg import sql

_PACKAGE = Path(__file__).parents[1]
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def read_queries(path: str) -> dict[str, str]:
    """The statements of a file, by their names. Its path is relative to the package."""
    text = (_PACKAGE / path).read_text("utf-8")
    _, *parts = _NAME.split(text)
    return dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))


def fill_query(name: str, /, **parts: sql.Composable) -> bytes:
    """The statement of this name in `queries.sql`, with parts in place of what is in braces."""
    return sql.SQL(query(name)).format(**parts).as_bytes(None)


def query(name: str) -> str:
    """The statement of this name in `queries.sql`. Raises `KeyError` if there is none."""
    return read_queries("db/queries.sql")[name]
