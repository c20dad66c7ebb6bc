"""How values are written on pages."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from flask import Flask, g
from jinja2 import Undefined

from swpt_accounts.console.charts import HEIGHT, WIDTH
from swpt_accounts.console.context import here
from swpt_accounts.core.formatting import duration, number, plural, rate
from swpt_accounts.core.id_notation import spellings
from swpt_accounts.inspection.status.thresholds import BACKLOG_COUNT, LATE_SECONDS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNKNOWN: Final = "unknown"


def amount(value: int | float | Decimal | Undefined | None) -> str:
    return UNKNOWN if value is None or isinstance(value, Undefined) else number(value)


def per_second(value: float | None) -> str:
    return UNKNOWN if value is None else f"{rate(value)}/s"


def seconds(value: float | None) -> str:
    return UNKNOWN if value is None else duration(value)


def moment(value: datetime | date | None) -> str:
    if isinstance(value, datetime):
        value = value.astimezone(UTC)
        return "never" if value <= _EPOCH else value.strftime("%Y-%m-%d %H:%M:%S")
    return "never" if value is None else value.isoformat()


def ago(value: datetime | None) -> str:
    """How long ago a moment was, by this machine's clock."""
    if value is None or value <= _EPOCH:
        return ""
    past = (datetime.now(UTC) - value).total_seconds()
    return f"in {duration(-past)}" if past < 0 else f"{duration(past)} ago"


def size(value: int) -> str:
    n = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"


def printable(value: Any) -> str:
    """A text of somebody else, in which nothing can hide: not even what turns the line around."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode()
        for c in str(value)
    )


def register(app: Flask) -> None:
    filters = (amount, per_second, seconds, moment, ago, size, printable, spellings, plural)
    app.jinja_env.filters.update({function.__name__: function for function in filters})
    app.jinja_env.globals.update(
        chart_width=WIDTH,
        chart_height=HEIGHT,
        late_seconds=LATE_SECONDS,
        backlog_count=BACKLOG_COUNT,
    )

    @app.context_processor
    def about_visitor() -> dict[str, Any]:
        visitor = g.get("visitor")
        if visitor is None:
            return {}
        console = here()
        return {
            "visitor": visitor,
            "form_token": lambda: console.auth.form_token(visitor),
            "has_actions": console.auth.has_actions,
            "realm": str(console.settings.realm),
        }
