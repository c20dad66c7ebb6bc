"""Our outboxes, with what the broker did not take: it goes back to the outbox of its type."""

from psycopg import sql

from swpt_accounts.db.operator_session import OperatorSession
from swpt_accounts.takeover.reference_schema import REFERENCE_OUTBOXES


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
