"""What follows from what was not found."""

from collections.abc import Iterator, Sequence
from typing import Any

from swpt_accounts.inspection.lookup.keys import AccountKey, Subject, TransferKey
from swpt_accounts.inspection.lookup.models import Stage, State
from swpt_accounts.inspection.lookup.session import Reader
from swpt_accounts.inspection.lookup.waiting_rows import FILE


def find_account(reader: Reader, key: AccountKey) -> Any:
    """The row of an account; None if there is none. Raises `psycopg.Error`."""
    parts = {"table": "account", "condition": "condition:by_account"}
    rows = reader.rows(
        FILE, "rows", parts, debtor_id=key.debtor_id, creditor_id=key.creditor_id, count_max=1
    )
    return rows[0] if rows else None


def notes_on(
    reader: Reader, subject: Subject, state: State, stages: Sequence[Stage]
) -> Iterator[str]:
    """Sentences for whoever reads a trace."""
    has_journal = reader.settings.journal_days > 0
    if isinstance(subject, TransferKey):
        yield from _notes_on_transfer_id(reader, subject, state)
        if not reader.settings.realm.contains(subject.debtor_id, subject.creditor_id):
            yield "The sender's account does not belong to this shard: ask its own shard."
    if state is State.UNKNOWN and stages:
        yield (
            "A message about it has come in, and has matched nothing: in no table is there a"
            " request, or an answer."
        )
    elif state is State.UNKNOWN:
        yield (
            "It may not have come in (is it in the queue, or a dead letter?), belong to another"
            " shard, or have ended: what has ended is only in the journal"
            + ("." if has_journal else ", which is off (JOURNAL_DAYS).")
        )
    unsent = {stage.fields.get("transfer_id") for stage in stages if _is_unsent(stage)}
    for stage in stages:
        if stage.place == "prepared_transfer" and stage.fields["transfer_id"] not in unsent:
            yield (
                f"The PreparedTransfer of transfer {stage.fields['transfer_id']} has been sent: it"
                " is not in the outbox any more."
            )


def _is_unsent(stage: Stage) -> bool:
    return stage.place == "prepared_transfer_signal" or (
        stage.place == "returned_message" and stage.name.startswith("PreparedTransfer ")
    )


def _notes_on_transfer_id(reader: Reader, key: TransferKey, state: State) -> Iterator[str]:
    account = find_account(reader, AccountKey(key.debtor_id, key.creditor_id))
    if account is None:
        yield f"There is no account {key.debtor_id}/{key.creditor_id}."
    elif key.transfer_id > account.last_transfer_id:
        yield (
            f"No transfer with this id was prepared yet: the last one of the account is"
            f" {account.last_transfer_id}."
        )
    elif state is State.UNKNOWN and key.transfer_id > _first_id(account):
        yield "The account has prepared a transfer with this id, and it has ended."


def _first_id(account: Any) -> int:
    """Ids start at the days since 1970 of the creation, shifted."""
    days = account.creation_date.toordinal() - 719163
    return int(days << 40)
