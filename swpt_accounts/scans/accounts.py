"""The accounts scan: purges, AccountUpdates, and the chores that accounts call for."""

import logging
from datetime import timedelta
from typing import Any

from swpt_accounts.chores.posting import ChoresPoster
from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import (
    DROP_PARENT_ACCOUNTS,
    FIND_ACCOUNT_CHORES,
    FIND_UNKNOWN_DEBTORS_ON_PAGES,
    PURGE_ACCOUNTS,
    SEND_DUE_ACCOUNT_UPDATES,
)
from swpt_accounts.peers.root_configs import AGE_MAX, RootConfigAsker
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
from swpt_accounts.workers.stopping import Stop

logger = logging.getLogger(__name__)

_DELETED_FOR_DAYS_EXTRA = 2


class AccountsScan(ScanWorker):
    """Visits every account."""

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
            quit_early=quit_early,
        )
        self._poster = ChoresPoster(settings)
        self._root_configs = RootConfigAsker(settings)
        self._realm = settings.realm.parameters
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
            self.close()

    def close(self) -> None:
        """Disconnect from the chores broker, and from other shards."""
        self._poster.close()
        self._root_configs.close()

    def scan(self, connection: DatabaseConnection, step: Step) -> None:
        """Purge, update, and post chores for the accounts of some pages."""
        pages = step.pages
        if self.settings.delete_parent_shard_records:
            connection.call(DROP_PARENT_ACCOUNTS, **pages, **self._realm)
        connection.call(
            PURGE_ACCOUNTS, **pages, deleted_for_min=self._deleted_for_min, **self._realm
        )
        connection.call(SEND_DUE_ACCOUNT_UPDATES, **pages, heartbeat=self._heartbeat, **self._realm)
        self._learn_root_configs(connection, pages)
        self._poster.post(self._find_chores(connection, pages))

    def _learn_root_configs(self, connection: DatabaseConnection, pages: dict[str, int]) -> None:
        if self.settings.realm.length > 0:
            rows = connection.call_table(
                FIND_UNKNOWN_DEBTORS_ON_PAGES, **pages, **self._realm, age_max=AGE_MAX
            )
            self._root_configs.learn(connection, [row.debtor_id for row in rows])

    def _find_chores(self, connection: DatabaseConnection, pages: dict[str, int]) -> list[Chore]:
        settings = self.settings
        rows = connection.call_table(
            FIND_ACCOUNT_CHORES,
            **pages,
            deletion_attempts_interval=timedelta(days=settings.app_deletion_attempts_min_days),
            capitalization_interval=timedelta(days=settings.app_min_interest_capitalization_days),
            interest_to_principal_ratio_max=settings.app_max_interest_to_principal_ratio,
            rate_change_interval=settings.rate_change_interval,
            root_config_age_max=AGE_MAX,
            **self._realm,
        )
        return [_make_chore(row) for row in rows]


def _make_chore(row: Any) -> Chore:
    """The chore of a row that the procedure has found."""
    account = {"debtor_id": row.debtor_id, "creditor_id": row.creditor_id}
    match row.chore_type:
        case "TryToDeleteAccount":
            return TryToDeleteAccount(**account)
        case "CapitalizeInterest":
            return CapitalizeInterest(**account)
        case "ChangeInterestRate":
            return ChangeInterestRate(**account, interest_rate=row.interest_rate, ts=row.ts)
        case _:
            assert row.chore_type == "UpdateDebtorInfo"
            return UpdateDebtorInfo(
                **account,
                debtor_info_iri=row.debtor_info_iri,
                debtor_info_content_type=row.debtor_info_content_type,
                debtor_info_sha256=row.debtor_info_sha256,
                ts=row.ts,
            )
