"""The agents of a debtor and two creditors, for tests that do things to a working authority."""

from agentkit.authority import Authority
from agentkit.currency import SECONDS_MAX, Currency
from agentkit.messages import Message, finalize

DEBTOR = 4726
CREDITORS = (21, 22)
AMOUNT = 1000


class Agents(Currency):
    """A debtor and two creditors, between whom money goes around."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(authority, DEBTOR)
        self.paid = dict.fromkeys((0, *CREDITORS), 0)

    def open_accounts(self) -> None:
        for creditor_id in (0, *CREDITORS):
            self.configure(creditor_id)

    def begin(self, sender: int, recipient: int) -> Message:
        """Asks for a transfer. Returns the request."""
        self.paid[sender] -= AMOUNT
        self.paid[recipient] += AMOUNT
        return self.ask(sender, recipient, AMOUNT)

    def commit(self, request: Message) -> None:
        self.send(finalize(self.answer("PreparedTransfer", request), AMOUNT))

    def wait_committed(self, request: Message) -> None:
        answer = self.answer("FinalizedTransfer", request)
        assert answer["status_code"] == "OK"
        assert answer["committed_amount"] == AMOUNT

    def pay(self, sender: int, recipient: int) -> None:
        request = self.begin(sender, recipient)
        self.commit(request)
        self.wait_committed(request)

    def wait_balances(self) -> None:
        """Waits until the accounts have what was paid to them."""

        def balances() -> dict[int, int]:
            return {creditor_id: self.principal(creditor_id) for creditor_id in self.paid}

        self.observer.wait_for(
            lambda _: balances() == self.paid,
            SECONDS_MAX,
            f"the balances {self.paid}, not {balances()}",
        )
