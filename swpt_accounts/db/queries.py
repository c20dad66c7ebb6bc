"""The named statements of `queries.sql`."""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def _read_queries() -> dict[str, str]:
    text = (files("swpt_accounts.db") / "queries.sql").read_text("utf-8")
    _, *parts = _NAME.split(text)
    return dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))


def query(name: str) -> str:
    """The statement of this name. Raises `KeyError` if there is none."""
    return _read_queries()[name]
