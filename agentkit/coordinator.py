"""A coordinator of many transfers at once: it prepares, finalizes, and notes what it receives."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agentkit.keys import ROOT_CREDITOR_ID
from agentkit.messages import Message, finalize, prepare
from agentkit.received import Received

_OURS = ("direct", "issuing")


@dataclass
class Transfer:
    """A transfer, and every message about it, as often as it was received."""

    request: Message
    recipient: int
    amount: int
    """What was asked for."""
    prepared: list[Message] = field(default_factory=list)
    rejected: list[Message] = field(default_factory=list)
    finalized: list[Message] = field(default_factory=list)
    account_transfers: list[Message] = field(default_factory=list)
    finalization: Message | None = None
    is_held: bool = False
    """Whether it is prepared, and nobody has decided yet what becomes of it."""

    @property
    def request_id(self) -> int:
        return int(self.request["coordinator_request_id"])

    @property
    def sender(self) -> int:
        return int(self.request["creditor_id"])

    @property
    def decided_amount(self) -> int | None:
        """What the coordinator has committed; 0 for a transfer that it has dismissed."""
        return int(self.finalization["committed_amount"]) if self.finalization else None

    @property
    def committed_amount(self) -> int:
        """The same, and 0 where the transfer was rejected, or its commit has failed."""
        has_failed = any(answer["status_code"] != "OK" for answer in self.finalized)
        return 0 if has_failed else self.decided_amount or 0

    @property
    def outcomes(self) -> list[Message]:
        """How it has ended, as often as that was received."""
        return self.rejected + self.finalized

    @property
    def expected_account_transfers(self) -> list[tuple[int, int]]:
        """The creditor and the acquired amount of each AccountTransfer. The debtor gets none."""
        amount = self.committed_amount
        both = [(self.sender, -amount), (self.recipient, amount)] if amount else []
        return sorted(one for one in both if one[0] != ROOT_CREDITOR_ID)

    @property
    def is_done(self) -> bool:
        """Whether it was rejected or finalized, and the money has arrived."""
        if not self.finalized:
            return bool(self.rejected)
        return len(self.account_transfers) >= len(self.expected_account_transfers)


class Coordinator:
    """Coordinates the transfers of one debtor and its creditors.

    Of each transfer that is prepared, `decide` returns how much to commit; 0 dismisses it, and
    None holds it back until `finalize` is called.
    """

    def __init__(
        self,
        debtor_id: int,
        send: Callable[[Message], object],
        decide: Callable[[Transfer], int | None],
    ) -> None:
        self.debtor_id = debtor_id
        self.transfers: dict[int, Transfer] = {}
        """By the numbers of their requests."""
        self.extra_transfer_ids: set[tuple[int, int]] = set()
        """What was prepared for a request that had been prepared already: it is dismissed."""
        self._send = send
        self._decide = decide

    def ask(self, sender: int, recipient: int, amount: int, **changes: Any) -> Transfer:
        """Ask for a transfer."""
        request = prepare(self.debtor_id, sender, recipient, amount, **changes)
        transfer = Transfer(request, recipient, amount)
        self.transfers[transfer.request_id] = transfer
        self._send(request)
        return transfer

    def finalize(self, transfer: Transfer, amount: int) -> None:
        """Finalize a transfer that is prepared. Its note is the number of the request."""
        transfer.is_held = False
        note = str(transfer.request_id)
        transfer.finalization = finalize(transfer.prepared[0], amount, transfer_note=note)
        self._send(transfer.finalization)

    def take(self, message: Received) -> None:
        """Take note of a message, and answer it where that is due.

        Raises `LookupError` if it is about a transfer that nobody has asked for.
        """
        data = message.data
        if data.get("debtor_id") != self.debtor_id:
            return
        match message.type:
            case "RejectedTransfer":
                self._transfer_of(data).rejected.append(data)
            case "PreparedTransfer":
                self._take_prepared(self._transfer_of(data), data)
            case "FinalizedTransfer":
                self._take_finalized(self._transfer_of(data), data)
            case "AccountTransfer" if data["coordinator_type"] in _OURS:
                self.transfers[int(data["transfer_note"])].account_transfers.append(data)

    def _transfer_of(self, data: Message) -> Transfer:
        return self.transfers[data["coordinator_request_id"]]

    def _take_prepared(self, transfer: Transfer, data: Message) -> None:
        transfer.prepared.append(data)
        if len(transfer.prepared) == 1:
            amount = self._decide(transfer)
            if amount is None:
                transfer.is_held = True
            else:
                self.finalize(transfer, amount)
        elif data["transfer_id"] != transfer.prepared[0]["transfer_id"]:
            key = (data["creditor_id"], data["transfer_id"])
            if key not in self.extra_transfer_ids:
                self.extra_transfer_ids.add(key)
                self._send(finalize(data, 0))

    def _take_finalized(self, transfer: Transfer, data: Message) -> None:
        if data["transfer_id"] == transfer.prepared[0]["transfer_id"]:
            transfer.finalized.append(data)
