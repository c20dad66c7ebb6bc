"""How values are written on pages."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from flask import Flask, g
from jinja2 import Undefined

from swpt_accounts.console.charts import HEIGHT, LATE_SECONDS, WIDTH
from swpt_accounts.console.context import here
from swpt_accounts.core.formatting import as_sentence
from swpt_accounts.core.id_notation import spellings

_THIN_SPACE: Final = "\u202f"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))


def amount(value: Any) -> str:
    """A number with its thousands apart."""
    if value is None or isinstance(value, Undefined):
        return "unknown"
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, Decimal | float):
        text = f"{value:,.4f}".rstrip("0").rstrip(".")
    else:
        text = f"{value:,}"
    return text.replace(",", _THIN_SPACE).replace("-", "\u2212")


def per_second(value: float | None) -> str:
    """A rate."""
    if value is None:
        return "not known yet"
    if value == 0:
        return "0/s"
    return f"{amount(round(value))}/s" if value >= 10 else f"{value:.1f}/s"


def seconds(value: float | None) -> str:
    """A time span, in the unit that suits it."""
    if value is None:
        return "not known"
    for size, unit in _UNITS:
        if abs(value) >= size:
            n = value / size
            return f"{n:.0f} {unit}" if n >= 10 or unit == "ms" else f"{n:.1f} {unit}"
    return "0 s" if value == 0 else "under 1 ms"


def moment(value: datetime | date | None) -> str:
    """A moment in UTC."""
    if value is None:
        return "never"
    if isinstance(value, datetime):
        value = value.astimezone(UTC)
        return "never" if value <= _EPOCH else value.strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat()


def ago(value: datetime | None) -> str:
    """How long ago a moment was, by this machine's clock."""
    if value is None or value <= _EPOCH:
        return ""
    past = datetime.now(UTC) - value
    if past < timedelta(0):
        return f"in {seconds(-past.total_seconds())}"
    return f"{seconds(past.total_seconds())} ago"


def size(value: int) -> str:
    """Bytes."""
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
    """Let the templates use all that."""
    filters = (amount, per_second, seconds, moment, ago, size, printable, spellings, as_sentence)
    for function in filters:
        app.jinja_env.filters[function.__name__] = function
    app.jinja_env.globals.update(chart_width=WIDTH, chart_height=HEIGHT, late_seconds=LATE_SECONDS)

    @app.context_processor
    def about_visitor() -> dict[str, Any]:
        visitor = g.get("visitor")
        if visitor is None:
            return {}
        console = here()
        return {
            "visitor": visitor,
            "form_token": lambda: console.guard.form_token(visitor),
            "has_actions": console.guard.has_actions,
            "realm": str(console.settings.realm),
        }
