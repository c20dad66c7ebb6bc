"""The accounts scan: purges, AccountUpdates, and the chores that accounts call for."""

import logging
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from swpt_accounts.chores.posting import ChoresPoster
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.scans.pacing import Pace, Step
from swpt_accounts.scans.worker import ScanWorker
from swpt_accounts.settings import Settings
from swpt_accounts.smp.chores import (
    CapitalizeInterest,
    ChangeInterestRate,
    Chore,
    TryToDeleteAccount,
    UpdateDebtorInfo,
)
from swpt_accounts.web.root_configs import AGE_MAX, RootConfigFetcher
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

# An account that got no AccountUpdate for so long gets a pending one promptly.
QUIET_TIME = timedelta(hours=1)
PROMPT_UPDATES_TOPIC = "PendingAccountUpdate"
PROMPT_UPDATES_SECONDS = 0.5
PROMPT_UPDATES_COUNT_MAX = 1000
# How often to look for those whose hour is over, though nothing happens.
_OVERDUE_UPDATES_SECONDS = 5.0
_DELETED_FOR_DAYS_EXTRA = 2
_RATE_CHANGE_DAYS_EXTRA = 1


def rate_change_interval(settings: Settings) -> timedelta:
    """The shortest time between two changes of the interest rate of an account."""
    return timedelta(days=settings.app_message_max_delay_days + _RATE_CHANGE_DAYS_EXTRA)


class AccountsScan(ScanWorker):
    """Looks at every account, and between the steps, at those with a prompt update due."""

    def __init__(
        self, settings: Settings, stop: Stop, *, hours: float, quit_early: bool = False
    ) -> None:
        pace = Pace(
            hours * 3600,
            settings.app_accounts_scan_blocks_per_query,
            settings.app_accounts_scan_beat_millisecs / 1000,
        )
        super().__init__(
            settings,
            stop,
            "scan_accounts",
            "account",
            pace,
            topics=(PROMPT_UPDATES_TOPIC,) if settings.app_prompt_account_updates else (),
            quit_early=quit_early,
        )
        self._looked_at = self._look_at = 0.0
        self._poster = ChoresPoster(settings)
        self._root_configs = RootConfigFetcher(settings)
        self._realm = settings.realm.bits, settings.realm.length
        self._heartbeat = timedelta(
            days=max(settings.app_account_heartbeat_days, settings.app_message_max_delay_days)
        )
        self._deleted_for_min = timedelta(
            days=settings.app_intranet_extreme_delay_days
            + settings.app_prepared_transfer_max_delay_days
            + _DELETED_FOR_DAYS_EXTRA
        )

    def work(self, connection: DatabaseConnection) -> None:
        """Make passes until the stop."""
        try:
            super().work(connection)
        finally:
            self._poster.close()

    def scan(self, connection: DatabaseConnection, step: Step) -> None:
        """Purge, update, and post chores for the accounts of some pages."""
        pages = step.first_page, step.end_page
        if self.settings.delete_parent_shard_records:
            connection.call("drop_parent_accounts_v1", *pages, *self._realm)
        connection.call("purge_accounts_v1", *pages, self._deleted_for_min, *self._realm)
        connection.call("send_due_account_updates_v1", *pages, self._heartbeat, *self._realm)
        self._learn_root_configs(connection, pages)
        self._poster.post(self._find_chores(connection, pages))

    def _learn_root_configs(self, connection: DatabaseConnection, pages: tuple[int, int]) -> None:
        if self.settings.realm.length > 0:
            rows = connection.call_table(
                "find_unknown_debtors_on_pages_v1", *pages, *self._realm, AGE_MAX
            )
            self._root_configs.learn(connection, [debtor_id for (debtor_id,) in rows])

    def _find_chores(self, connection: DatabaseConnection, pages: tuple[int, int]) -> list[Chore]:
        settings = self.settings
        rows = connection.call_table(
            "find_account_chores_v1",
            *pages,
            timedelta(days=settings.app_deletion_attempts_min_days),
            timedelta(days=settings.app_min_interest_capitalization_days),
            settings.app_max_interest_to_principal_ratio,
            rate_change_interval(settings),
            AGE_MAX,
            *self._realm,
        )
        return [_make_chore(*row) for row in rows]

    def wait(self, connection: DatabaseConnection, seconds_max: float) -> None:
        """Send the prompt updates while waiting for the next step."""
        if not self.settings.app_prompt_account_updates:
            self.stop.wait(seconds_max)
            return
        if monotonic() >= self._look_at:
            self._send_prompt_updates(connection)
        if connection.wait(min(seconds_max, self._look_at - monotonic()), self.stop):
            # a burst is looked at from time to time, not with each of its commits
            self._look_at = min(self._look_at, self._looked_at + PROMPT_UPDATES_SECONDS)

    def _send_prompt_updates(self, connection: DatabaseConnection) -> None:
        self._looked_at = monotonic()
        (count,) = connection.call(
            "send_prompt_account_updates_v1", QUIET_TIME, PROMPT_UPDATES_COUNT_MAX, *self._realm
        )
        are_more = count == PROMPT_UPDATES_COUNT_MAX
        self._look_at = self._looked_at + (0.0 if are_more else _OVERDUE_UPDATES_SECONDS)


def _make_chore(
    chore_type: str,
    debtor_id: int,
    creditor_id: int,
    interest_rate: Any,
    iri: Any,
    content_type: Any,
    sha256: Any,
    ts: datetime,
) -> Chore:
    match chore_type:
        case "TryToDeleteAccount":
            return TryToDeleteAccount(debtor_id=debtor_id, creditor_id=creditor_id)
        case "CapitalizeInterest":
            return CapitalizeInterest(debtor_id=debtor_id, creditor_id=creditor_id)
        case "ChangeInterestRate":
            return ChangeInterestRate(
                debtor_id=debtor_id, creditor_id=creditor_id, interest_rate=interest_rate, ts=ts
            )
        case _:
            assert chore_type == "UpdateDebtorInfo"
            return UpdateDebtorInfo(
                debtor_id=debtor_id,
                creditor_id=creditor_id,
                debtor_info_iri=iri,
                debtor_info_content_type=content_type,
                debtor_info_sha256=sha256,
                ts=ts,
            )
