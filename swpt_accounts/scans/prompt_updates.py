"""The thread that sends prompt AccountUpdates, which do not wait for the scan of the accounts."""

from datetime import timedelta
from time import monotonic

from swpt_accounts.db.connection import DatabaseConnection
from swpt_accounts.db.procedures import SEND_PROMPT_ACCOUNT_UPDATES
from swpt_accounts.settings import Settings
from swpt_accounts.workers.database_worker import DatabaseWorker
from swpt_accounts.workers.shutdown import ShutdownEvent

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
        self, settings: Settings, stop: ShutdownEvent, *, quit_early: bool = False
    ) -> None:
        super().__init__(settings, stop, "send_prompt_updates", (TOPIC,))
        self._quit_early = quit_early

    def work(self, connection: DatabaseConnection) -> None:
        """Send updates until shutdown; with `quit_early`, until none is due."""
        while not self.stop.is_requested():
            looked_at = monotonic()
            are_more = self.send(connection) == COUNT_MAX
            self.note_success()
            if are_more:
                continue
            if self._quit_early:
                return
            if connection.wait(_OVERDUE_SECONDS, self.stop):
                self.stop.wait(looked_at + _PAUSE_SECONDS - monotonic())

    def send(self, connection: DatabaseConnection) -> int:
        """Send updates that are due, in one transaction. Returns how many: `COUNT_MAX` at most."""
        count: int = connection.call_value(
            SEND_PROMPT_ACCOUNT_UPDATES,
            quiet_min=QUIET_TIME,
            count_max=COUNT_MAX,
            **self.settings.realm.parameters,
        )
        return count
