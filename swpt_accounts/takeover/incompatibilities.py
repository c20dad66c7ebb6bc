"""What the tables of the reference cannot store: reported before a move out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql

from swpt_accounts.core.formatting import plural
from swpt_accounts.core.root_config import minimal_balance
from swpt_accounts.db.operator_session import OperatorSession
from swpt_accounts.takeover.copy_steps import outgoing
from swpt_accounts.takeover.root_configs import read_as_reference

EXAMPLES_MAX: Final = 3
_BATCH: Final = 1000

# The noun that is counted, and what follows it.
Kind = tuple[str, str]

LOSSES: Final[dict[str, Kind]] = {
    "rounded_amounts": (
        "negligible amount",
        "with more digits than the reference can store, or outside its range",
    ),
    "rounded_rates": (
        "account",
        "with an interest rate of more digits than the reference can store",
    ),
    "rounded_messages": ("unsent message", "with such a number"),
    "contained_interest": ("account", "with more interest than the reference can store (5e23)"),
    "unread_configs": (
        "root account",
        (
            "with a configuration that the reference cannot read, or reads differently: new"
            " accounts will get another interest rate, and existing rates will not change"
        ),
    ),
    "later_requests": (
        "FinalizeTransfer",
        "that is not the first for its transfer, or not from its coordinator: to be dropped",
    ),
    "unverified_requests": (
        "PrepareTransfer",
        "that waits for the answer of another shard: to be rejected with RECIPIENT_IS_UNREACHABLE",
    ),
}
"""The kinds of losses, in the order in which they are reported."""
HARMLESS: Final[dict[str, Kind]] = {
    "handled_batch": (
        "recently handled batch",
        (
            "of PrepareTransfers, without a trace: if RabbitMQ redelivers one of them, the"
            " reference prepares a second transfer, which the coordinator dismisses"
        ),
    ),
    "dead_letter_dealt_with": (
        "mark",
        "of a dead letter that was replayed or discarded (restored by the next `move_in`)",
    ),
    "returned_line": ("pause", "before messages returned by RabbitMQ are sent again"),
    "journal": (
        "message",
        "of the journal, kept in the tables of this program until they are dropped",
    ),
}
"""What the reference has no table for, and nothing depends on."""


@dataclass(frozen=True, slots=True)
class Loss:
    """`count` rows lose something; `examples` describes at most `EXAMPLES_MAX`."""

    kind: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        noun, rest = LOSSES[self.kind]
        return f"{plural(self.count, noun)} {rest} ({'; '.join(self.examples)})"


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
