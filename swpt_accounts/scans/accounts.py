"""The accounts scan: purges, AccountUpdates, and the chores that accounts call for."""

import logging
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import (
    ADD_UP_ACCOUNTS,
    DROP_PARENT_ACCOUNTS,
    FIND_ACCOUNT_CHORES,
    FIND_UNKNOWN_DEBTORS_ON_PAGES,
    PURGE_ACCOUNTS,
    SEND_DUE_ACCOUNT_UPDATES,
    SEND_PROMPT_ACCOUNT_UPDATES,
)
from swpt_accounts.observability.events.background import SCAN_CHORES_LEFT
from swpt_accounts.observability.metrics.definitions import (
    ACCOUNTS,
    DEBTORS_NEAR_LIMIT,
    MONEY_ISSUED,
    MONEY_LOCKED,
)
from swpt_accounts.observability.metrics.recorder import is_on, set_value
from swpt_accounts.peers.root_configs import AGE_MAX, RootConfigPoller
from swpt_accounts.scans.chores import (
    CapitalizeInterest,
    ChangeInterestRate,
    Chore,
    TryToDeleteAccount,
    UpdateDebtorInfo,
)
from swpt_accounts.scans.pass_schedule import PassSchedule, Step
from swpt_accounts.scans.worker import ScanWorker
from swpt_accounts.settings import Settings
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.shutdown import ShutdownEvent

if TYPE_CHECKING:
    from swpt_accounts.scans.chores_poster import ChoresPoster

logger = logging.getLogger(__name__)

_DELETED_FOR_DAYS_EXTRA = 2
# How many steps may wait for answers of other shards, and how soon an answer is noticed.
_WAITING_COUNT_MAX = 100
_ANSWER_SECONDS = 0.05
# An answer that comes later than this does not delay the chores of other debtors.
_PATIENCE_SECONDS = 1.0
# With --quit-early: how long the chores broker may be away.
_FINISH_SECONDS_MAX = 30.0


def deleted_for_min(settings: Settings) -> timedelta:
    """How long an account stays deleted before it is purged."""
    return timedelta(
        days=settings.app_intranet_extreme_delay_days
        + settings.app_prepared_transfer_max_delay_days
        + _DELETED_FOR_DAYS_EXTRA
    )


class Totals:
    """The sums over the pages of a pass. They are exported when it is complete."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._near_limit_count = 0
        self._issued = self._locked = Decimal(0)
        self._last: tuple[int, Any] | None = None

    def add(self, first_page: int, found: Any) -> None:
        """Add what some pages have. A step that is repeated counts once."""
        if self._last is not None and self._last[0] != first_page:
            self._add_last()
        self._last = first_page, found

    def _add_last(self) -> None:
        if self._last is None:
            return
        found = self._last[1]
        for state in ("normal", "deleted", "overflown"):
            self._counts[state] += getattr(found, f"{state}_count")
        self._near_limit_count += found.near_limit_count
        self._issued += found.issued
        self._locked += found.locked
        self._last = None

    def export(self) -> None:
        self._add_last()
        for state, count in self._counts.items():
            set_value(ACCOUNTS, count, state)
        set_value(DEBTORS_NEAR_LIMIT, self._near_limit_count)
        set_value(MONEY_ISSUED, float(self._issued))
        set_value(MONEY_LOCKED, float(self._locked))


@dataclass(slots=True, eq=False)
class _WaitingPages:
    """Pages whose chores are found when the debtors have been asked about.

    If that takes long, they are found before, as far as debtors are known, and then once more.
    """

    pages: dict[str, int]
    debtor_ids: set[int]
    patient_until: float = field(default_factory=lambda: monotonic() + _PATIENCE_SECONDS)


class AccountsScan(ScanWorker):
    """Visits every account. It waits neither for the chores broker nor for other shards."""

    def __init__(
        self, settings: Settings, shutdown: ShutdownEvent, *, quit_early: bool = False
    ) -> None:
        schedule = PassSchedule(
            settings.app_accounts_scan_hours * 3600,
            settings.app_accounts_scan_blocks_per_query,
            settings.app_accounts_scan_beat_millisecs / 1000,
        )
        super().__init__(
            settings, shutdown, "scan_accounts", "account", schedule, quit_early=quit_early
        )
        self._poster: ChoresPoster | None = None
        self._root_configs = RootConfigPoller(settings)
        self._waiting: list[_WaitingPages] = []
        self._totals = Totals()
        self._realm = settings.realm.parameters
        self._heartbeat = timedelta(
            days=max(settings.app_account_heartbeat_days, settings.app_message_max_delay_days)
        )
        self._deleted_for_min = deleted_for_min(settings)

    def run(self) -> None:
        try:
            super().run()
        finally:
            self.close()

    def close(self) -> None:
        if self._poster is not None:
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
        if is_on():  # before that which may fail: accounts on skipped pages are there, too
            found = connection.call(ADD_UP_ACCOUNTS, **pages, **self._realm)
            self._totals.add(step.first_page, found)
        connection.call(SEND_DUE_ACCOUNT_UPDATES, **pages, heartbeat=self._heartbeat, **self._realm)
        if awaited := self._ask_about_debtors(connection, pages):
            self._waiting.append(_WaitingPages(pages, awaited))
        else:
            self._post_chores(connection, pages)

    def begin_pass(self) -> None:
        self._totals = Totals()

    def end_pass(self) -> None:
        self._totals.export()

    def _ask_about_debtors(self, connection: DatabaseConnection, pages: dict[str, int]) -> set[int]:
        """Ask other shards about the debtors on some pages. Returns those still to be answered."""
        if self.settings.realm.length == 0:
            return set()
        rows = connection.call_table(
            FIND_UNKNOWN_DEBTORS_ON_PAGES, **pages, **self._realm, age_max=AGE_MAX
        )
        return self._root_configs.ask([row.debtor_id for row in rows])

    def attend(self, connection: DatabaseConnection) -> float:
        """Post the chores of the pages whose debtors are no longer asked about."""
        if not self._waiting:
            return math.inf
        self._root_configs.collect(connection)
        excess_count = len(self._waiting) - _WAITING_COUNT_MAX
        for position, waiting in enumerate(tuple(self._waiting)):
            is_over = not self._root_configs.is_asking_any(waiting.debtor_ids)
            if is_over or position < excess_count or monotonic() > waiting.patient_until:
                self._post_waiting_chores(connection, waiting)
                waiting.patient_until = math.inf
            if is_over or position < excess_count:
                self._waiting.remove(waiting)
        return _ANSWER_SECONDS if self._waiting else math.inf

    def _post_waiting_chores(self, connection: DatabaseConnection, waiting: _WaitingPages) -> None:
        try:
            self._post_chores(connection, waiting.pages)
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            SCAN_CHORES_LEFT.log(logger, problem=str(error))

    def finish(self, connection: DatabaseConnection) -> None:
        """Wait until all chores of the pass are posted, or until a time limit."""
        while (seconds_max := self.attend(connection)) < math.inf:
            if self.shutdown.wait(seconds_max):
                return
        if self._poster is not None:
            self._poster.finish(self.shutdown, _FINISH_SECONDS_MAX)

    def _post_chores(self, connection: DatabaseConnection, pages: dict[str, int]) -> None:
        chores = self._find_chores(connection, pages)
        if not chores:
            return
        if self._poster is None:
            # Of the scan only it needs the library of the broker.
            from swpt_accounts.scans.chores_poster import ChoresPoster

            self._poster = ChoresPoster(self.settings)
        self._poster.post(chores)

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


# An account that got no AccountUpdate for so long gets a pending one promptly.
QUIET_TIME = timedelta(hours=1)
TOPIC = "PendingAccountUpdate"
COUNT_MAX = 1000
# In a burst of changes, accounts are queried from time to time, not after each commit.
_PAUSE_SECONDS = 0.5
# How often to query for accounts whose hour is over, though no account changes.
_OVERDUE_SECONDS = 5.0


class PromptUpdatesWorker(DatabaseWorker):
    """Sends the pending updates of accounts that have been quiet for an hour."""

    def __init__(
        self, settings: Settings, shutdown: ShutdownEvent, *, quit_early: bool = False
    ) -> None:
        super().__init__(settings, shutdown, "send_prompt_updates", (TOPIC,))
        self._quit_early = quit_early

    def work(self, connection: DatabaseConnection) -> None:
        """Send updates until shutdown; with `quit_early`, until none is due."""
        while not self.shutdown.is_requested():
            looked_at = monotonic()
            are_more = self.send(connection) == COUNT_MAX
            self.note_success()
            if are_more:
                continue
            if self._quit_early:
                return
            if connection.wait(_OVERDUE_SECONDS, self.shutdown):
                self.shutdown.wait(looked_at + _PAUSE_SECONDS - monotonic())

    def send(self, connection: DatabaseConnection) -> int:
        """Send updates that are due, in one transaction. Returns how many: `COUNT_MAX` at most."""
        count: int = connection.call_value(
            SEND_PROMPT_ACCOUNT_UPDATES,
            quiet_min=QUIET_TIME,
            count_max=COUNT_MAX,
            **self.settings.realm.parameters,
        )
        return count
