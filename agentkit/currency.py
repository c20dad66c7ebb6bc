"""Agents that wait for each answer: the debtor of a currency, and its creditors."""

import itertools
from collections.abc import Callable
from typing import Any

from agentkit.authority import Authority
from agentkit.keys import ROOT_CREDITOR_ID
from agentkit.messages import Message, configure, configure_root, finalize, prepare
from agentkit.observer import Observer
from agentkit.received import Received

_debtor_ids = itertools.count(2**40 + 1)
SECONDS_MAX = 45.0


def configuration(debtor_id: int, creditor_id: int, **changes: Any) -> Message:
    """The ConfigureAccount for an account; a debtor may issue without limit."""
    if creditor_id == ROOT_CREDITOR_ID:
        return configure_root(debtor_id, **changes)
    return configure(debtor_id, creditor_id, **changes)


class Agents:
    """A debtor with its creditors, and what they say and hear. Amounts are integers."""

    def __init__(
        self, debtor_id: int, publish: Callable[[Message], object], observer: Observer
    ) -> None:
        self.debtor_id = debtor_id
        self.publish = publish
        self.observer = observer
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        """Send a message, and keep it."""
        self.sent.append(message)
        self.publish(message)

    def wait(self, message_type: str, *, since: int = 0, **fields: Any) -> Received:
        """Wait for a message about an account of the currency."""
        return self.observer.wait_message(
            message_type,
            since=since,
            seconds_max=SECONDS_MAX,
            debtor_id=self.debtor_id,
            **fields,
        )

    def configure(self, creditor_id: int, **changes: Any) -> Message:
        """Send a ConfigureAccount, and wait for its AccountUpdate. Returns that."""
        message = configuration(self.debtor_id, creditor_id, **changes)
        self.send(message)
        seqnum = message["seqnum"]
        update = self.wait("AccountUpdate", creditor_id=creditor_id, last_config_seqnum=seqnum)
        return dict(update.data)

    def ask(self, sender: int, recipient: int, amount: int, /, **changes: Any) -> Message:
        """Send a PrepareTransfer. Returns it."""
        request = prepare(self.debtor_id, sender, recipient, amount, **changes)
        self.send(request)
        return request

    def answer(self, message_type: str, request: Message) -> Message:
        """Wait for the answer to a request."""
        names = ("creditor_id", "coordinator_type", "coordinator_id", "coordinator_request_id")
        return dict(self.wait(message_type, **{n: request[n] for n in names}).data)

    def prepare(self, sender: int, recipient: int, amount: int, /, **changes: Any) -> Message:
        """Have a transfer prepared. Returns the PreparedTransfer."""
        return self.answer("PreparedTransfer", self.ask(sender, recipient, amount, **changes))

    def reject(self, sender: int, recipient: int, amount: int, /, **changes: Any) -> Message:
        """Have a transfer rejected. Returns the RejectedTransfer."""
        return self.answer("RejectedTransfer", self.ask(sender, recipient, amount, **changes))

    def finalize(self, prepared: Message, amount: int, /, **changes: Any) -> Message:
        """Have a transfer finalized. Returns the FinalizedTransfer."""
        self.send(finalize(prepared, amount, **changes))
        return self.answer("FinalizedTransfer", prepared)

    def transfers(self, creditor_id: int, count: int) -> list[Message]:
        """The AccountTransfers of an account, as soon as there are so many."""
        found = self.observer.wait_for(
            lambda _: f if len(f := self._find_transfers(creditor_id)) >= count else [],
            SECONDS_MAX,
            f"{count} transfers of {creditor_id}",
        )
        assert len(found) == count, found
        return found

    def _find_transfers(self, creditor_id: int) -> list[Message]:
        fields = {"debtor_id": self.debtor_id, "creditor_id": creditor_id}
        return [m.data for m in self.observer.find("AccountTransfer", **fields)]


class Currency(Agents):
    """The same, with an authority whose database one can look into."""

    def __init__(self, authority: Authority, debtor_id: int | None = None) -> None:
        assert authority.observer is not None
        debtor_id = next(_debtor_ids) if debtor_id is None else debtor_id
        super().__init__(
            debtor_id, lambda message: self.authority.send(message), authority.observer
        )
        self.authority = authority
        self._creditor_ids = itertools.count(2**32 + 1)

    def open_root(self, **changes: Any) -> Message:
        """Open the root account. Returns its AccountUpdate."""
        return self.configure(0, **changes)

    def open_account(self, amount: int = 0, creditor_id: int | None = None, **changes: Any) -> int:
        """Open a creditor's account with an amount on it. Returns the creditor id."""
        creditor_id = next(self._creditor_ids) if creditor_id is None else creditor_id
        self.configure(creditor_id, **changes)
        if amount:
            self.transfer(0, creditor_id, amount)
        return creditor_id

    def transfer(self, sender: int, recipient: int, amount: int, **note: str) -> Message:
        """Transfer an amount, and wait until it has arrived. Returns the FinalizedTransfer."""
        before = self.principal(recipient)
        finalized = self.finalize(self.prepare(sender, recipient, amount), amount, **note)
        assert finalized["status_code"] == "OK", finalized
        self.observer.wait_for(
            lambda _: self.principal(recipient) == before + amount,
            SECONDS_MAX,
            "the amount has arrived",
        )
        return finalized

    def principal(self, creditor_id: int) -> int:
        """What is on an account, as the database has it."""
        rows = self.authority.query(
            "SELECT principal FROM account WHERE debtor_id = %s AND creditor_id = %s",
            self.debtor_id,
            creditor_id,
        )
        return int(rows[0][0]) if rows else 0
