"""What the reference's tables cannot hold of what is in ours. It is told before a move out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql

from swpt_accounts.core.root_config import minimal_balance
from swpt_accounts.db.operator_session import OperatorSession
from swpt_accounts.takeover.copy_steps import outgoing
from swpt_accounts.takeover.root_configs import read_as_reference

EXAMPLES_MAX: Final = 3
_BATCH: Final = 1000

LOSSES: Final = {
    "rounded_amounts": "negligible amounts have more digits than the reference can hold, or are"
    " too small or too large for it",
    "rounded_rates": "accounts have an interest rate with more digits than the reference can hold",
    "rounded_messages": "messages that are not sent yet have such a number",
    "contained_interest": "accounts have more interest than the reference can hold: 5e23",
    "unread_configs": "root accounts have a configuration that the reference does not read, or"
    " reads in another way: it gives new accounts another interest rate, and changes no rates",
    "later_requests": "FinalizeTransfers are not the first ones for their transfers, or not from"
    " its coordinator: they are dropped",
    "unverified_requests": "PrepareTransfers wait for the answer of another shard: they are"
    " rejected with RECIPIENT_IS_UNREACHABLE",
}
"""The kinds of losses, and how they are told, after their number."""

HARMLESS: Final = {
    "handled_batch": "batches of PrepareTransfers that were handled lately: of one that the broker"
    " delivers again, the reference makes a second transfer, which the coordinator dismisses",
    "dead_letter_dealt_with": "marks of dead letters that were dealt with (after the next way in"
    " they are there again)",
    "returned_line": "pauses before messages that the broker does not take are sent again",
    "journal": "messages in the journal: they stay with our tables, until these are dropped",
}
"""What the reference has no place for, and nothing depends on."""


@dataclass(frozen=True, slots=True)
class Loss:
    """`count` rows lose something; `examples` tells of at most `EXAMPLES_MAX`."""

    kind: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.count:,} {LOSSES[self.kind]} ({'; '.join(self.examples)})"


def find_losses(session: OperatorSession, since: str | None = None) -> list[Loss]:
    """All losses there are; of accounts, with the id of a transaction, only what came since then.

    Changes nothing.
    """
    is_new: sql.Composable = sql.SQL("true")
    if since is not None:
        is_new = session.statement("incompatibilities", "is_new", since=sql.Literal(since))
    found = [_count(session, kind, is_new) for kind in LOSSES if kind != "unread_configs"]
    found.append(_unread_configs(session))
    order = list(LOSSES)
    return sorted((loss for loss in found if loss.count), key=lambda loss: order.index(loss.kind))


def find_harmless(session: OperatorSession) -> dict[str, int]:
    """How many rows there are of what is left behind without harm."""
    (row,) = session.run("incompatibilities", "harmless")
    counts: dict[str, int] = row._asdict()
    return counts


def _count(session: OperatorSession, kind: str, is_new: sql.Composable) -> Loss:
    statement = session.statement(
        "incompatibilities",
        kind,
        kept_requests=session.statement("out", "kept_requests"),
        is_new=is_new,
        **outgoing(session),
    )
    ((count, examples),) = session.run(
        "incompatibilities", "count", {"examples_max": EXAMPLES_MAX}, kind=statement
    )
    return Loss(kind, count, tuple(examples or ()))


def _unread_configs(session: OperatorSession) -> Loss:
    count = 0
    examples: list[str] = []
    for root in _roots(session):
        if not _is_read(root):
            count += 1
            if len(examples) < EXAMPLES_MAX:
                examples.append(f"debtor {root.debtor_id}: {root.config_data[:100]!r}")
    return Loss("unread_configs", count, tuple(examples))


def _roots(session: OperatorSession) -> Iterator[Any]:
    statement = session.statement("incompatibilities", "roots")
    # (a cursor of the server lives in a transaction)
    with session.connection.transaction(), session.named_rows("roots") as cursor:
        cursor.execute(statement, {})
        while rows := cursor.fetchmany(_BATCH):
            yield from rows


def _is_read(root: Any) -> bool:
    """Whether the reference makes of the text what is in force."""
    config = read_as_reference(root.config_data)
    return (
        config.interest_rate,
        minimal_balance(config, root.negligible_amount),
        config.info_iri or None,
        config.info_content_type,
        config.info_sha256,
    ) == (
        root.interest_rate,
        root.minimal_balance,
        root.info_iri,
        root.info_content_type,
        root.info_sha256,
    )
