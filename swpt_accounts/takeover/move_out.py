"""Gives a database back to the reference, in place (docs/decisions/0020)."""

from dataclasses import dataclass
from time import monotonic
from typing import Final

from psycopg import sql

from swpt_accounts.core.progress import Progress
from swpt_accounts.db.installer import procedures_schema, uninstall_script
from swpt_accounts.db.operator_session import OperatorSession, PreconditionFailed
from swpt_accounts.db.schema_discovery import BOOKS, KEPT_BOOKS, KEPT_REFERENCE
from swpt_accounts.takeover.archive import bring_archive_up_to_date
from swpt_accounts.takeover.checks import (
    MIB,
    TableSize,
    bytes_needed,
    check_surroundings,
    sizes_of,
    try_disk,
)
from swpt_accounts.takeover.copy_steps import Steps, outgoing
from swpt_accounts.takeover.incompatibilities import Loss, find_losses
from swpt_accounts.takeover.move_in import set_apart
from swpt_accounts.takeover.reconciliation import keep_proof
from swpt_accounts.takeover.reference_schema import ARCHIVE, REFERENCE_OUTBOXES, TABLES
from swpt_accounts.takeover.schemas import OUR_TABLES, Destination, find_destination, lock_tables

_FILLED: Final = ("account", "prepared_transfer", ARCHIVE)
_STEPS: Final = Steps(
    "out",
    {"accounts": "account", "prepared_transfers": "prepared_transfer"},
    {
        "newer_changes": ARCHIVE,
        "newer_archive": None,
        "note_applied": ARCHIVE,
        "register_local_changes": "pending_balance_change",
        "balance_changes": "pending_balance_change",
        "transfer_requests": "transfer_request",
        "finalization_requests": "finalization_request",
        "rejected_configs": "rejected_config_signal",
        "rejected_transfers": "rejected_transfer_signal",
        "unverified_requests": None,
        "prepared_transfer_signals": "prepared_transfer_signal",
        "finalized_transfers": "finalized_transfer_signal",
        "account_transfers": "account_transfer_signal",
        "account_updates": "account_update_signal",
        "account_purges": "account_purge_signal",
        "sent_balance_changes": "pending_balance_change_signal",
        "set_change_id": None,
    },
)


class LossRefusedError(PreconditionFailed):
    """The reference cannot store everything unchanged, and that was not accepted."""

    def __init__(self, losses: list[Loss]) -> None:
        self.losses = losses
        lines = "".join(f"\n  {loss}" for loss in losses)
        super().__init__(
            "not everything can be given back unchanged (--accept-loss proceeds anyway):" + lines
        )


@dataclass(frozen=True, slots=True)
class MovedOut:
    """What was done. `seconds` is how long transfers were blocked, `losses` is what was found
    before.
    """

    reference_schema: str
    seconds: float
    losses: list[Loss]


def move_out(session: OperatorSession, progress: Progress, *, accept_loss: bool) -> MovedOut | None:
    """Give the database back.

    Returns None where that has been done before. Raises `PreconditionFailed`, and `psycopg.Error`:
    then nothing has changed, but that the reference's archive may have more of our rows.
    """
    with session.one_at_a_time():
        destination = find_destination(session)
        if destination is None:
            return None
        for schema in {BOOKS, destination.reference, destination.target}:
            check_surroundings(session, schema, ())
        look_into_books(session)
        ((since,),) = session.run("out", "oldest_transaction")
        losses = find_losses(session)
        if losses and not accept_loss:
            raise LossRefusedError(losses)
        _try_disk(session, destination, progress)
        bring_archive_up_to_date(session, destination.reference, since, progress)
        with session.connection.transaction():
            started_at = monotonic()
            _give_back(session, destination, since, progress, accept_loss=accept_loss)
        seconds = monotonic() - started_at
        for table in _FILLED:
            statement = sql.SQL("ANALYZE {}").format(sql.Identifier(destination.target, table))
            session.connection.execute(statement)
        return MovedOut(destination.target, seconds, losses)


def look_into_books(session: OperatorSession) -> None:
    """From now on, names are resolved to our tables and procedures."""
    path = sql.SQL(", ").join(map(sql.Identifier, (procedures_schema(), BOOKS)))
    session.connection.execute(sql.SQL("SET search_path = {}").format(path))


def bytes_needed_there(session: OperatorSession, destination: Destination) -> int:
    """How many more bytes the tables of the reference will need."""
    ours = sizes_of(session, BOOKS)
    theirs = sizes_of(session, destination.reference)
    at_once, archive = bytes_needed(ours)
    return at_once + max(archive - theirs[ARCHIVE].bytes_count, 0)


def _try_disk(session: OperatorSession, destination: Destination, progress: Progress) -> None:
    needed = bytes_needed_there(session, destination)
    progress.begin("MiB of disk space to test", needed // MIB)
    try_disk(session, needed, lambda done: progress.note(done // MIB))
    progress.end()


def _give_back(
    session: OperatorSession,
    destination: Destination,
    since: str,
    progress: Progress,
    *,
    accept_loss: bool,
) -> None:
    lock_tables(session, BOOKS, OUR_TABLES)
    for view in session.run("out", "views"):
        lock_tables(session, view.schema, [view.name])
    lock_tables(session, destination.reference, TABLES)
    if not accept_loss and (losses := find_losses(session, since)):
        raise LossRefusedError(losses)
    fill_reference(session, destination, since, sizes_of(session, BOOKS), progress)
    for statement in uninstall_script():
        session.connection.execute(statement.encode())
    session.run("out", "end_waiting", quoted_schema=sql.Literal(BOOKS))
    session.run_all("out", "leave", books=sql.Identifier(BOOKS), left=sql.Identifier(KEPT_BOOKS))
    session.set_path("pg_catalog")
    if destination.guarded is not None:
        session.run_all("out", "drop_guard", schema=sql.Identifier(destination.guarded))
    if destination.reference != destination.target:
        set_apart(session, destination.reference, destination.target)
        session.run_all("out", "drop_kept", kept=sql.Identifier(KEPT_REFERENCE))


def fill_reference(
    session: OperatorSession,
    destination: Destination,
    since: str,
    sizes: dict[str, TableSize],
    progress: Progress,
) -> None:
    """All rows of the reference's tables, but for those that its archive has. Then prove it."""
    names: dict[str, sql.Composable] = {
        "reference": sql.Identifier(destination.reference),
        "since": sql.Literal(since),
        "kept_requests": session.statement("out", "kept_requests"),
    }
    session.run("out", "empty", None, **names)
    _STEPS.run(session, sizes, progress, **names, **outgoing(session))
    ((move_id,),) = session.run(
        "in",
        "begin_move",
        {
            "direction": "out",
            "reference_schema": destination.target,
            "pages_count": 0,
            "is_copied": True,
        },
    )
    more = sql.SQL(" + ").join(
        session.statement("proof", "more_rows", **names, table=sql.Identifier(table))
        for table in REFERENCE_OUTBOXES
    )
    names["outboxes_difference"] = more
    names["later_requests"] = session.statement("incompatibilities", "later_requests", **names)
    keep_proof(
        session,
        move_id,
        before=BOOKS,
        after=destination.reference,
        besides=(
            session.statement("proof", "amounts_besides", **names),
            session.statement("proof", "found_besides", **names),
        ),
    )
