"""Where a transfer is, and what is known of an account."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from swpt_accounts.core.ids import account_id, parse_account_id
from swpt_accounts.inspection.lookup import journal
from swpt_accounts.inspection.lookup.journal import (
    find_after_commit,
    find_entries,
    find_last_entries,
    journal_extent,
    stage_of,
)
from swpt_accounts.inspection.lookup.models import (
    AccountKey,
    AccountTrace,
    CoordinatorRequest,
    Subject,
    Trace,
    TraceStage,
    TransferKey,
    TransferState,
)
from swpt_accounts.inspection.lookup.session import LookupReader
from swpt_accounts.inspection.lookup.waiting_rows import (
    find_account,
    find_of_commit,
    find_waiting,
    parameters_of,
    plain,
)


def notes_on(
    reader: LookupReader, subject: Subject, state: TransferState, stages: Sequence[TraceStage]
) -> Iterator[str]:
    has_journal = reader.settings.journal_days > 0
    if isinstance(subject, TransferKey):
        yield from _notes_on_transfer_id(reader, subject, state)
        if not reader.settings.realm.contains(subject.debtor_id, subject.creditor_id):
            yield "The sender's account belongs to another shard: run the command there."
    if state is TransferState.UNKNOWN and stages:
        yield (
            "A message about it was received, but matched nothing: no table has a request or an"
            " answer."
        )
    elif state is TransferState.UNKNOWN:
        yield (
            "It may not have been received (check the queue and the dead letters), belong to"
            " another shard, or be completed. Completed transfers can be traced only"
            + (" in the journal." if has_journal else " if JOURNAL_DAYS was set beforehand.")
        )
    unsent = {stage.fields.get("transfer_id") for stage in stages if _is_unsent(stage)}
    for stage in stages:
        if stage.place == "prepared_transfer" and stage.fields["transfer_id"] not in unsent:
            yield (
                f"The PreparedTransfer of transfer {stage.fields['transfer_id']} was sent: it has"
                " left the outbox."
            )


def _is_unsent(stage: TraceStage) -> bool:
    return stage.place == "prepared_transfer_signal" or (
        stage.place == "returned_message" and stage.name.startswith("PreparedTransfer ")
    )


def _notes_on_transfer_id(
    reader: LookupReader, key: TransferKey, state: TransferState
) -> Iterator[str]:
    account = find_account(reader, AccountKey(key.debtor_id, key.creditor_id))
    if account is None:
        yield f"Account {key.debtor_id}/{key.creditor_id} does not exist."
    elif key.transfer_id > account.last_transfer_id:
        yield (
            "No transfer with this id has been prepared: the last transfer id of the account is"
            f" {account.last_transfer_id}."
        )
    elif state is TransferState.UNKNOWN and key.transfer_id > _first_id(account):
        yield "A transfer with this id was prepared, and is completed."


def _first_id(account: Any) -> int:
    """Ids start at the days since 1970 of the creation, shifted."""
    days = account.creation_date.toordinal() - 719163
    return int(days << 40)


COMMITS_COUNT_MAX: Final = 10
"""Of so many commits is shown what came of them: usually there is one."""

_WAITING: Final = {
    "finalization_request": TransferState.FINALIZING,
    "prepared_transfer": TransferState.PREPARED,
    "transfer_request": TransferState.REQUESTED,
    "unverified_transfer_request": TransferState.VERIFYING,
}


def trace_by_coordinator(reader: LookupReader, request: CoordinatorRequest) -> Trace:
    """Where the transfer is that a coordinator has asked for. Raises `psycopg.Error`.

    If it has asked several times with the same id, the stages are those of all.
    """
    return _trace(reader, request, _find(reader, request, "by_coordinator"))


def trace_by_transfer(reader: LookupReader, key: TransferKey) -> Trace:
    """Where a transfer is that was prepared. Raises `psycopg.Error`.

    From its stages the coordinator's number becomes known, and by that the earlier ones.
    """
    stages = _find(reader, key, "by_transfer")
    for request in {_request_of(stage) for stage in stages} - {None}:
        assert request is not None
        stages += (
            stage
            for stage in _find(reader, request, "by_coordinator")
            if _may_be_of(stage, key) and stage not in stages
        )
    return _trace(reader, key, stages)


def _find(reader: LookupReader, subject: Subject, condition: str) -> list[TraceStage]:
    entries = find_entries(reader, condition, **parameters_of(subject))
    return [*map(stage_of, entries), *find_waiting(reader, subject)]


def _request_of(stage: TraceStage) -> CoordinatorRequest | None:
    names = CoordinatorRequest.__slots__
    if all(name in stage.fields for name in names):
        return CoordinatorRequest(*(stage.fields[name] for name in names))
    return None


def _may_be_of(stage: TraceStage, key: TransferKey) -> bool:
    """A request, or a rejection, names no transfer."""
    fields = stage.fields
    return (
        fields.get("debtor_id") == key.debtor_id
        and fields.get("creditor_id") == key.creditor_id
        and fields.get("transfer_id", key.transfer_id) == key.transfer_id
    )


def _trace(reader: LookupReader, subject: Subject, stages: list[TraceStage]) -> Trace:
    commits = list(_commits(stages))[:COMMITS_COUNT_MAX]
    recipients = {r for stage in stages if (r := _recipient_of(stage)) is not None}
    for commit in commits:
        known = [stage.fields for stage in stages]
        found = _consequences(reader, commit, recipients)
        stages += (stage for stage in found if stage.fields not in known)
    stages = _without_answered(sorted(stages, key=_order))
    state = state_of(stages)
    return Trace(
        subject,
        reader.taken_at.astimezone(UTC),
        state,
        tuple(stages),
        journal_extent(reader),
        tuple(reader.unread.values()),
        tuple(notes_on(reader, subject, state, stages)),
    )


def _order(stage: TraceStage) -> tuple[bool, datetime]:
    """Rows that wait since an unknown moment come last."""
    return stage.at is None, stage.at or datetime.max.replace(tzinfo=UTC)


def _commits(stages: Iterable[TraceStage]) -> Iterator[TraceStage]:
    """The FinalizedTransfers of commits, wherever they are, each once."""
    seen = set()
    for stage in stages:
        fields = stage.fields
        is_commit = fields.get("committed_amount", 0) > 0 and "status_code" in fields
        if is_commit and fields["transfer_id"] not in seen:
            seen.add(fields["transfer_id"])
            yield stage


def _recipient_of(stage: TraceStage) -> int | None:
    recipient = stage.fields.get("recipient")
    known: int | None = stage.fields.get("recipient_creditor_id")
    return parse_account_id(recipient) if isinstance(recipient, str) else known


def _consequences(
    reader: LookupReader, commit: TraceStage, recipients: set[int]
) -> Iterator[TraceStage]:
    """What a commit has changed: the reports to both sides, and the change on its way."""
    fields = commit.fields
    debtor_id, sender = fields["debtor_id"], fields["creditor_id"]
    committed_at = _moment(fields["ts"])
    sides = {sender, *recipients}
    entries = chain.from_iterable(
        find_after_commit(reader, AccountKey(debtor_id, side), committed_at)
        for side in sorted(sides)
    )
    waiting = find_of_commit(reader, AccountKey(debtor_id, sender), recipients, committed_at)
    is_of_it = _matcher(sender, recipients, fields["committed_amount"])
    return filter(is_of_it, chain(map(stage_of, entries), waiting))


def _matcher(sender: int, recipients: set[int], amount: int) -> Callable[[TraceStage], bool]:
    """Whether an AccountTransfer, or a change, is of this amount between these accounts."""
    others = {account_id(recipient) for recipient in recipients}

    def is_of_it(stage: TraceStage) -> bool:
        f = stage.fields
        if "acquired_amount" in f:
            is_between = f["sender"] == account_id(sender) and (
                f["recipient"] in others or not others
            )
            return is_between and abs(f["acquired_amount"]) == amount
        return (
            f.get("principal_delta") == amount
            and f["other_creditor_id"] == sender
            and (f["creditor_id"] in recipients or not recipients)
        )

    return is_of_it


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _without_answered(stages: list[TraceStage]) -> list[TraceStage]:
    """A prepared transfer whose FinalizeTransfer is here, or whose message is not sent yet, does
    not wait for its coordinator.
    """
    busy = {
        stage.fields.get("transfer_id")
        for stage in stages
        if stage.waits_for and stage.place != "prepared_transfer"
    }
    return [
        stage
        if stage.place != "prepared_transfer" or stage.fields["transfer_id"] not in busy
        else TraceStage(stage.name, stage.at, stage.text, stage.place, None, stage.fields)
        for stage in stages
    ]


def state_of(stages: Iterable[TraceStage]) -> TransferState:
    """Where the transfer is: the last one, if there are several."""
    stages = list(stages)
    places = {stage.place for stage in stages}
    for place, state in _WAITING.items():
        if place in places and (place != "finalization_request" or "prepared_transfer" in places):
            return state
    outcomes = filter(None, map(_outcome_of, reversed(stages)))
    return next(outcomes, TransferState.UNKNOWN)


def _outcome_of(stage: TraceStage) -> TransferState | None:
    fields = stage.fields
    if "acquired_amount" in fields or "principal_delta" in fields:
        return None
    if "committed_amount" in fields and "status_code" in fields:
        if fields["status_code"] != "OK":
            return TransferState.FAILED
        return TransferState.COMMITTED if fields["committed_amount"] else TransferState.DISMISSED
    if "status_code" in fields:
        return TransferState.REJECTED
    is_prepared = "locked_amount" in fields and stage.place in (journal.PLACE, "returned_message")
    return TransferState.ENDED if is_prepared else None


def trace_account(reader: LookupReader, key: AccountKey) -> AccountTrace:
    """The account's row, what waits in all tables, and its last messages in the journal.

    Raises `psycopg.Error`.
    """
    row = find_account(reader, key)
    stages = [*map(stage_of, find_last_entries(reader, key)), *find_waiting(reader, key)]
    latest = datetime.max.replace(tzinfo=UTC)
    stages.sort(key=lambda stage: stage.at or latest)
    notes = []
    if row is None:
        notes.append("The account does not exist in this database.")
    if not reader.settings.realm.contains(key.debtor_id, key.creditor_id):
        notes.append("The account belongs to another shard: run the command there.")
    return AccountTrace(
        key,
        reader.taken_at.astimezone(UTC),
        None if row is None else plain(row),
        tuple(stages),
        journal_extent(reader),
        tuple(reader.unread.values()),
        tuple(notes),
    )
