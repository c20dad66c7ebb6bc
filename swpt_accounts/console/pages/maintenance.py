"""Scans, the shard, and the settings."""

from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, render_template

from swpt_accounts.console.context import here
from swpt_accounts.console.sampler import TABLES
from swpt_accounts.settings import Settings
from swpt_accounts.settings.description import SETTINGS, Setting
from swpt_accounts.settings.urls import without_password

maintenance = Blueprint("maintenance", __name__)

_MORE_TABLES: Final = ("account_key", "root_config", "registered_balance_change", "handled_batch")


@dataclass(frozen=True)
class Scan:
    """A scan: over which table it goes, in what time."""

    command: str
    table: str
    hours: float


def _scans(settings: Settings) -> list[Scan]:
    return [
        Scan("scan_accounts", "account", settings.app_accounts_scan_hours),
        Scan(
            "scan_prepared_transfers",
            "prepared_transfer",
            settings.app_prepared_transfers_scan_days * 24,
        ),
        Scan(
            "scan_registered_balance_changes",
            "registered_balance_change",
            settings.app_registered_balance_changes_scan_days * 24,
        ),
    ]


@maintenance.get("/scans")
def scans() -> str:
    with here().database.snapshot() as snapshot:
        tables = {row.name: row for row in snapshot.rows("tables", names=_all_tables())}
        passes = {row.name: row for row in snapshot.rows("scan_passes")}
        late = snapshot.row("late_updates")
    report = here().status_poller.report()
    return render_template(
        "scans.html",
        scans=_scans(here().settings),
        workers={worker.name: worker for worker in report.workers} if report else {},
        tables=tables,
        passes=passes,
        late=late,
    )


@maintenance.get("/shard")
def shard() -> str:
    with here().database.snapshot() as snapshot:
        return render_template(
            "shard.html",
            settings=here().settings,
            server=snapshot.row("server"),
            report=here().status_poller.report(),
            tables=snapshot.rows("tables", names=_all_tables()),
            versions=snapshot.rows("versions"),
            moves=snapshot.rows("moves"),
            lines=snapshot.rows("returned_lines"),
        )


def _all_tables() -> list[str]:
    return [*TABLES, *_MORE_TABLES]


@maintenance.get("/settings")
def settings() -> str:
    """The settings of this process, without what is secret in them."""
    rows = [(setting, shown(setting, here().settings)) for setting in SETTINGS.values()]
    return render_template("settings.html", rows=rows)


def shown(setting: Setting, settings: Settings) -> str:
    """The value of a setting, without secrets."""
    value: Any = getattr(settings, setting.field)
    if value is None or value == "":
        return ""
    if setting.is_secret:
        return "set (hidden)"
    if setting.schemes:
        return without_password(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
