"""What the agents of the benchmark read of the messages that they receive."""

import msgspec


class _Received(msgspec.Struct, tag=True, gc=False, frozen=True):
    pass


class PreparedTransfer(_Received, gc=False, frozen=True):
    """It is answered with a FinalizeTransfer."""

    debtor_id: int
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


class Echo(_Received, gc=False, frozen=True):
    """The driver has sent it to itself."""

    number: int


Received = (
    PreparedTransfer
    | RejectedTransfer
    | FinalizedTransfer
    | AccountTransfer
    | AccountUpdate
    | Sentinel
    | Echo
)
decode = msgspec.json.Decoder(Received).decode
