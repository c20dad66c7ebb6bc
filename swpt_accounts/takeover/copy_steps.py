"""Fills tables with rows of the other program, page by page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from swpt_accounts.core.progress import Progress
from swpt_accounts.db.operator_session import OperatorSession
from swpt_accounts.takeover.checks import TableSize
from swpt_accounts.takeover.reference_schema import REFERENCE_OUTBOXES
from swpt_accounts.takeover.root_configs import read_roots

_PAGES_AT_ONCE: Final = 1000

# The statements of sql/in.sql that are run once, and the tables that they read.
_AT_ONCE: Final = {
    "root_configs": None,
    "unapplied_changes": "pending_balance_change",
    "transfer_requests": "transfer_request",
    "finalization_requests": "finalization_request",
    "balance_changes": "pending_balance_change",
    "rejected_configs": "rejected_config_signal",
    "rejected_transfers": "rejected_transfer_signal",
    "prepared_transfer_signals": "prepared_transfer_signal",
    "finalized_transfers": "finalized_transfer_signal",
    "account_transfers": "account_transfer_signal",
    "account_updates": "account_update_signal",
    "account_purges": "account_purge_signal",
    "sent_balance_changes": "pending_balance_change_signal",
}
# Those that are run page by page.
_BY_PAGES: Final = {"accounts": "account", "prepared_transfers": "prepared_transfer"}


def fill_books(
    session: OperatorSession, schema: str, sizes: dict[str, TableSize], progress: Progress
) -> None:
    """All rows but those of the archive that are applied. `schema`: of the reference's tables."""
    read_roots(session, schema)
    steps = Steps("in", _BY_PAGES, _AT_ONCE)
    steps.run(session, sizes, progress, reference=sql.Identifier(schema))


@dataclass(frozen=True, slots=True)
class Steps:
    """Statements of a file of sql/, and the tables that they read."""

    file: str
    by_pages: Mapping[str, str]
    at_once: Mapping[str, str | None]

    def run(
        self,
        session: OperatorSession,
        sizes: dict[str, TableSize],
        progress: Progress,
        **names: sql.Composable,
    ) -> None:
        """Run them in their order. The progress is in pages of what is read."""
        tables = [*self.by_pages.values(), *filter(None, self.at_once.values())]
        progress.begin("pages of tables to copy", sum(sizes[table].pages_count for table in tables))
        done = 0
        for name, table in self.by_pages.items():
            pages_count = sizes[table].pages_count
            for first in range(0, pages_count, _PAGES_AT_ONCE):
                end = min(first + _PAGES_AT_ONCE, pages_count)
                session.run(self.file, name, {"first_page": first, "end_page": end}, **names)
                done += end - first
                progress.note(done)
        for name, source in self.at_once.items():
            session.run(self.file, name, None, **names)
            done += sizes[source].pages_count if source else 0
            progress.note(done)
        progress.end()


def outgoing(session: OperatorSession) -> dict[str, sql.Composable]:
    """For each outbox, a query of all that is to be sent, with `is_returned` and `place`."""
    return {
        table: session.statement(
            "out",
            "outgoing",
            table=sql.Identifier(table),
            signal_name=sql.Literal(signal_name(table)),
        )
        for table in REFERENCE_OUTBOXES
    }


def signal_name(table: str) -> str:
    """The name of an outbox for operators: `AccountUpdateSignal` of `account_update_signal`."""
    return "".join(word.capitalize() for word in table.split("_"))
