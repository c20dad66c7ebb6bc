"""What agents send and receive (docs/reference/amqp.md), as far as the benchmark needs it."""

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import md5

import msgspec

from benchmarks.amqp import Route

FIRST_CREDITOR_ID = 1 << 41
ROOT_CREDITOR_ID = 0


class _Received(msgspec.Struct, tag=True, gc=False, frozen=True):
    pass


class PreparedTransfer(_Received, gc=False, frozen=True):
    """It is answered with a FinalizeTransfer."""

    creditor_id: int
    transfer_id: int
    coordinator_type: str
    coordinator_id: int
    coordinator_request_id: int
    locked_amount: int


class RejectedTransfer(_Received, gc=False, frozen=True):
    """It must not happen here."""

    coordinator_request_id: int
    status_code: str


class FinalizedTransfer(_Received, gc=False, frozen=True):
    """The end of a transfer for its coordinator."""

    coordinator_request_id: int
    committed_amount: int
    status_code: str


class AccountTransfer(_Received, gc=False, frozen=True):
    """A link of an account's chain. The note tells the coordinator's request."""

    creditor_id: int
    transfer_number: int
    previous_transfer_number: int
    acquired_amount: int
    principal: int
    transfer_note: str


class AccountUpdate(_Received, gc=False, frozen=True):
    """The state of an account."""

    debtor_id: int
    creditor_id: int
    principal: int
    last_config_seqnum: int


class Sentinel(_Received, gc=False, frozen=True):
    """The benchmark's own: everything before it has been received.

    One whose acknowledgement got lost comes again, to the next driver; the number tells.
    """

    number: int


Received = (
    PreparedTransfer
    | RejectedTransfer
    | FinalizedTransfer
    | AccountTransfer
    | AccountUpdate
    | Sentinel
)
decode = msgspec.json.Decoder(Received).decode


def routing_key(debtor_id: int, creditor_id: int) -> str:
    """Under which key the exchange `accounts_in` takes messages for an account."""
    ids = debtor_id.to_bytes(8, "big", signed=True) + creditor_id.to_bytes(8, "big", signed=True)
    digest = md5(ids, usedforsecurity=False).digest()
    return ".".join(f"{int.from_bytes(digest[:3], 'big'):024b}")


@lru_cache(maxsize=100_000)
def _route(debtor_id: int, creditor_id: int, message_type: str) -> Route:
    return Route("accounts_in", routing_key(debtor_id, creditor_id), message_type)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def configure_account(debtor_id: int, creditor_id: int, negligible_amount: float) -> bytes:
    """The frames of a ConfigureAccount, the first one for its account."""
    body = (
        f'{{"type":"ConfigureAccount","debtor_id":{debtor_id},"creditor_id":{creditor_id},'
        f'"negligible_amount":{negligible_amount!r},"config_flags":0,"config_data":"",'
        f'"ts":"{_now()}","seqnum":1}}'
    )
    return _route(debtor_id, creditor_id, "ConfigureAccount").message(body.encode())


def prepare_transfer(
    debtor_id: int, creditor_id: int, recipient_id: int, request_id: int, amount: int
) -> bytes:
    """The frames of a PrepareTransfer that locks the whole amount."""
    is_root = creditor_id == ROOT_CREDITOR_ID
    body = (
        f'{{"type":"PrepareTransfer","debtor_id":{debtor_id},"creditor_id":{creditor_id},'
        f'"coordinator_type":"{"issuing" if is_root else "direct"}",'
        f'"coordinator_id":{debtor_id if is_root else creditor_id},'
        f'"coordinator_request_id":{request_id},'
        f'"min_locked_amount":{amount},"max_locked_amount":{amount},'
        f'"recipient":"{recipient_id}","final_interest_rate_ts":"9999-12-31T23:59:59+00:00",'
        f'"max_commit_delay":2147483647,"ts":"{_now()}"}}'
    )
    return _route(debtor_id, creditor_id, "PrepareTransfer").message(body.encode())


def finalize_transfer(debtor_id: int, prepared: PreparedTransfer) -> bytes:
    """The frames of a FinalizeTransfer that commits all that is locked."""
    request_id = prepared.coordinator_request_id
    body = (
        f'{{"type":"FinalizeTransfer","debtor_id":{debtor_id},'
        f'"creditor_id":{prepared.creditor_id},"transfer_id":{prepared.transfer_id},'
        f'"coordinator_type":"{prepared.coordinator_type}",'
        f'"coordinator_id":{prepared.coordinator_id},"coordinator_request_id":{request_id},'
        f'"committed_amount":{prepared.locked_amount},"transfer_note":"{request_id}",'
        f'"transfer_note_format":"","ts":"{_now()}"}}'
    )
    return _route(debtor_id, prepared.creditor_id, "FinalizeTransfer").message(body.encode())
