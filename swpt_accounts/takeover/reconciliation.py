"""Compares counts and sums before and after a move, and keeps them."""

from dataclasses import dataclass
from decimal import Decimal

from psycopg import sql

from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.db.schema_discovery import BOOKS

PROOFS_MAX = 60
"""How many amounts are reported; all of them are kept."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What was counted or added up; for one debtor, or for all (None)."""

    subject: str
    debtor_id: int | None
    before_amount: Decimal | None
    after_amount: Decimal | None


def keep_proof(
    session: OperatorSession,
    move_id: int,
    *,
    before: str,
    after: str,
    besides: tuple[sql.Composed, sql.Composed] | None = None,
) -> None:
    """Compare two schemas, and keep what was compared. Raises `PreconditionFailed` if they differ.

    `besides` are queries of more amounts of both; those of one subject are added up.
    """
    sides = [
        session.statement("proof", "amounts", schema=sql.Identifier(schema))
        for schema in (before, after)
    ]
    if besides is not None:
        union = sql.SQL(" UNION ALL ")
        sides = [union.join(pair) for pair in zip(sides, besides, strict=True)]
    session.run("proof", "keep", {"move_id": move_id}, before=sides[0], after=sides[1])
    unequal = session.run("proof", "unequal", {"move_id": move_id}, books=sql.Identifier(BOOKS))
    if unequal:
        lines = "\n".join(f"  {r.subject}, debtor {r.debtor_id}: {r[2]}, {r[3]}" for r in unequal)
        raise PreconditionFailed(f"counts or sums differ after the move (before, after):\n{lines}")


def read_proof(session: OperatorSession, books: str = BOOKS) -> list[Amount]:
    """The last proof that was kept, of at most `PROOFS_MAX` amounts and one more."""
    rows = session.run("proof", "read", {"count_max": PROOFS_MAX + 1}, books=sql.Identifier(books))
    return [Amount(*row) for row in rows]
