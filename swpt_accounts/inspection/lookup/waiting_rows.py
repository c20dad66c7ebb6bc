"""The waiting rows of a transfer, or of an account: in queues and outboxes."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from swpt_accounts.core.formatting import plural
from swpt_accounts.inspection.lookup.models import (
    AccountKey,
    CoordinatorRequest,
    Subject,
    TraceStage,
    TransferKey,
    words,
)
from swpt_accounts.inspection.lookup.session import LookupReader

FILE: Final = "transfers"
RETURNED: Final = "returned_message"


@dataclass(frozen=True, slots=True)
class Place:
    """A table in which rows wait. `kinds` are the subjects that its rows can be found by."""

    table: str
    kinds: tuple[type[Subject], ...]
    name: str
    message_type: str
    waits_for: Callable[[Any], str]
    moment: str | None = "ts"
    account_condition: str = "by_account"


_REQUEST: Final = (CoordinatorRequest, AccountKey)
_TRANSFER: Final = (CoordinatorRequest, TransferKey, AccountKey)


def _outbox(table: str, kinds: tuple[type[Subject], ...], **more: Any) -> Place:
    words_of_name = (word.capitalize() for word in table.removesuffix("_signal").split("_"))
    message_type = "".join(words_of_name)
    return Place(
        table,
        kinds,
        f"{message_type} waiting to be sent",
        message_type,
        lambda row: f"`flush_messages` to send this {message_type}",
        **more,
    )


PLACES: Final = (
    Place(
        "unverified_transfer_request",
        _REQUEST,
        "PrepareTransfer waiting for another shard",
        "PrepareTransfer",
        lambda row: (
            "the fetch API of the recipient's shard to confirm that the recipient accepts"
            f" transfers ({plural(row.attempts_count, 'attempt')})"
        ),
        "received_at",
    ),
    Place(
        "transfer_request",
        _REQUEST,
        "PrepareTransfer waiting to be processed",
        "PrepareTransfer",
        lambda row: "`process_transfer_requests` to prepare it",
        None,
    ),
    Place(
        "prepared_transfer",
        _TRANSFER,
        "prepared",
        "PreparedTransfer",
        lambda row: (
            f"the coordinator ({row.coordinator_type} {row.coordinator_id}) to send a"
            f" FinalizeTransfer; a commit fails after {_moment(row.deadline)}"
        ),
        "prepared_at",
    ),
    Place(
        "finalization_request",
        _TRANSFER,
        "FinalizeTransfer waiting to be processed",
        "FinalizeTransfer",
        lambda row: "`process_finalization_requests` to finalize it",
        None,
    ),
    _outbox("rejected_transfer_signal", _REQUEST),
    _outbox("prepared_transfer_signal", _TRANSFER),
    _outbox("finalized_transfer_signal", _TRANSFER),
    _outbox("account_transfer_signal", (AccountKey,)),
    _outbox("account_update_signal", (AccountKey,)),
    _outbox("account_purge_signal", (AccountKey,)),
    _outbox("rejected_config_signal", (AccountKey,)),
    _outbox("pending_balance_change_signal", (AccountKey,), account_condition="to_account"),
    Place(
        "pending_balance_change",
        (AccountKey,),
        "balance change waiting to be applied",
        "PendingBalanceChange",
        lambda row: "`process_balance_changes` to apply it",
        "committed_at",
        account_condition="to_account",
    ),
)

_OF_COMMITS: Final = {
    "account_transfer_signal": "report_of_commit",
    "pending_balance_change": "change_of_commit",
    "pending_balance_change_signal": "change_of_commit",
}


def find_waiting(reader: LookupReader, subject: Subject) -> Iterator[TraceStage]:
    """What waits of a subject, in all tables."""
    parameters = parameters_of(subject)
    for place in PLACES:
        if type(subject) in place.kinds:
            condition = _condition(place, subject)
            yield from _read(reader, place, condition, parameters)
    yield from _read_returned(reader, _parts_of(subject))


def find_of_commit(
    reader: LookupReader, sender: AccountKey, recipients: Collection[int], committed_at: datetime
) -> Iterator[TraceStage]:
    """What waits because of transfers from an account that were committed at a moment.

    Where no recipient is known, it may be about other transfers of that moment, too.
    """
    debtor_id = sender.debtor_id
    of_commit = {"debtor_id": debtor_id, "committed_at": committed_at}
    report = {**of_commit, "parties": [sender.creditor_id, *recipients] if recipients else None}
    change = {**of_commit, "sender": sender.creditor_id}
    for place in PLACES:
        if condition := _OF_COMMITS.get(place.table):
            parameters = report if condition == "report_of_commit" else change
            yield from _read(reader, place, condition, parameters)
    wire = committed_at.astimezone(UTC).isoformat()
    yield from _read_returned(reader, [f'"debtor_id":{debtor_id},', f'"committed_at":"{wire}"'])


def parameters_of(subject: Subject) -> dict[str, Any]:
    """The parameters of the conditions in sql/."""
    return {name: getattr(subject, name) for name in subject.__slots__}


def plain(row: Any) -> dict[str, Any]:
    """The columns of a row, as values that JSON knows, and moments."""
    return {name: _plain(value) for name, value in row._asdict().items()}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC)
        case bytes():
            return value.hex().upper()
        case Decimal() | date():
            return str(value)
    return value


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _condition(place: Place, subject: Subject) -> str:
    match subject:
        case AccountKey():
            return place.account_condition
        case TransferKey():
            return "by_transfer"
        case CoordinatorRequest(coordinator_type="issuing") if place.table == "prepared_transfer":
            return "by_issuer"
        case _:
            return "by_coordinator"


def _read(
    reader: LookupReader, place: Place, condition: str, parameters: Mapping[str, Any]
) -> Iterator[TraceStage]:
    parts = {"table": place.table, "condition": f"condition:{condition}"}
    for row in reader.try_rows(place.table, FILE, "rows", parts, **parameters):
        fields = plain(row)
        yield TraceStage(
            place.name,
            fields[place.moment] if place.moment else None,
            words(place.message_type, fields),
            place.table,
            place.waits_for(row),
            fields,
        )


def _parts_of(subject: Subject) -> list[str]:
    """What the body of a message about the subject contains, as this program writes it."""
    match subject:
        case CoordinatorRequest():
            return [
                f'"coordinator_id":{subject.coordinator_id},',
                f'"coordinator_request_id":{subject.coordinator_request_id},',
                f'"coordinator_type":"{subject.coordinator_type}",',
            ]
        case TransferKey():
            transfer = f'"transfer_id":{subject.transfer_id},'
            return [*_parts_of(AccountKey(subject.debtor_id, subject.creditor_id)), transfer]
        case AccountKey():
            return [f'"debtor_id":{subject.debtor_id},"creditor_id":{subject.creditor_id},']


def _read_returned(reader: LookupReader, parts: list[str]) -> Iterator[TraceStage]:
    for row in reader.try_rows(RETURNED, FILE, "returned", parts=parts):
        message_type = row.signal_name.removesuffix("Signal")
        message = msgspec.json.decode(row.body)
        yield TraceStage(
            f"{message_type} returned by RabbitMQ",
            row.put_aside_at.astimezone(UTC),
            f"{words(message_type, message)}; reason: {row.reason}",
            RETURNED,
            f"RabbitMQ to accept it for {row.destination or 'its destination'}"
            f" ({plural(row.attempts_count, 'attempt')}, the next one at"
            f" {_moment(row.next_attempt_at)})",
            {**message, "put_aside_id": row.id},
        )


def find_account(reader: LookupReader, key: AccountKey) -> Any:
    """The row of an account; None if there is none. Raises `psycopg.Error`."""
    parts = {"table": "account", "condition": "condition:by_account"}
    rows = reader.rows(
        FILE, "rows", parts, debtor_id=key.debtor_id, creditor_id=key.creditor_id, count_max=1
    )
    return rows[0] if rows else None
