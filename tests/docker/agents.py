"""The agents of a debtor and two creditors, for tests that do things to a working authority."""

from collections.abc import Mapping
from typing import Any

from tests.support.authority import Authority, configure, configure_root, finalize, prepare
from tests.support.broker import Message, Observer

DEBTOR = 4711
CREDITORS = (21, 22)
AMOUNT = 1000


class Agents:
    """A debtor and two creditors, between whom money goes around."""

    def __init__(self, authority: Authority, observer: Observer) -> None:
        self.authority = authority
        self.observer = observer
        self.sent: list[Mapping[str, Any]] = []
        self.paid = dict.fromkeys((0, *CREDITORS), 0)

    def send(self, message: Mapping[str, Any]) -> None:
        self.sent.append(message)
        self.authority.send(message)

    def open_accounts(self) -> None:
        self.send(configure_root(DEBTOR))
        for creditor_id in CREDITORS:
            self.send(configure(DEBTOR, creditor_id))
        for creditor_id in (0, *CREDITORS):
            self.observer.wait_message("AccountUpdate", creditor_id=creditor_id)

    def ask(self, sender: int, recipient: int) -> int:
        """Asks for a transfer. Returns the request id."""
        message = prepare(DEBTOR, sender, recipient, AMOUNT)
        self.send(message)
        self.paid[sender] -= AMOUNT
        self.paid[recipient] += AMOUNT
        return int(message["coordinator_request_id"])

    def prepared(self, request_id: int) -> Message:
        return self.observer.wait_message("PreparedTransfer", coordinator_request_id=request_id)

    def commit(self, request_id: int) -> None:
        self.send(finalize(self.prepared(request_id).data, AMOUNT))

    def wait_committed(self, request_id: int) -> None:
        answer = self.observer.wait_message("FinalizedTransfer", coordinator_request_id=request_id)
        assert answer.data["status_code"] == "OK"
        assert answer.data["committed_amount"] == AMOUNT

    def transfer(self, sender: int, recipient: int) -> None:
        request_id = self.ask(sender, recipient)
        self.commit(request_id)
        self.wait_committed(request_id)

    def wait_balances(self) -> None:
        """Waits until the accounts have what was paid to them."""

        def balances() -> dict[int, int]:
            rows = self.authority.query(
                "SELECT creditor_id, principal FROM account WHERE debtor_id = %s", DEBTOR
            )
            return {int(creditor_id): int(principal) for creditor_id, principal in rows}

        self.observer.wait_for(
            lambda _: balances() == self.paid, 30, f"the balances {self.paid}, not {balances()}"
        )
