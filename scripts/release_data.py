"""`python -m scripts.release_data DATABASE-URL`: the database of a release, as tests of later ones
find it: stopped in the middle of its work, with rows in all tables through which money goes.

Prints, as JSON, what a later release has to make of it. `./dev release-schema` runs it.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from agentkit.authority import Authority
from agentkit.currency import Currency
from agentkit.fetch_api import FetchApi, serve_fetch_api
from agentkit.keys import AGENTS_EXCHANGES, TO_CREDITORS, hex_key
from agentkit.management import Management
from agentkit.messages import Message, balance_change, configure, configure_root, finalize
from agentkit.observer import Observer
from agentkit.waiting import wait_until
from verification.kit.rows import TABLES
from verification.kit.servers import subscribe

DEBTOR: Final = 4726
REALM: Final = "1.#"
"""The accounts of the debtor, and of the first three creditors, are of this shard."""
PAYER: Final = 21
PAYEE: Final = 22
NOBODY: Final = 23
"""A creditor to whom no message can be delivered."""
FAR: Final = (31, 32)
"""Creditors of another shard, which hangs when it is asked about the second one."""
AMOUNT: Final = 1000
ISSUED: Final = 100 * AMOUNT
# Tests run years later: what is prepared must not have ended by then.
SETTINGS: Final = {
    "APP_PREPARED_TRANSFER_MAX_DELAY_DAYS": "10000",
    "JOURNAL_DAYS": "7",
    "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": REALM,
}
EMPTY: Final = {
    "older_senders": "is for databases that were upgraded",
    "account_purge_signal": "needs months",
    "dead_letter_dealt_with": "has what operators do",
    "move": "is for databases of the reference",
    "move_proof": "is for databases of the reference",
}
"""The tables that have no rows in the end, and why; all others have some."""


class Work:
    """Transfers at all stages. What is asked for, and not answered, is left to a later release."""

    def __init__(self, currency: Currency, fetch_api: FetchApi) -> None:
        self.currency = currency
        self.fetch_api = fetch_api
        self.authority = currency.authority
        self.paid = 0
        """So much the payer has paid."""
        self.received = balance_change(DEBTOR, PAYEE, FAR[0], AMOUNT)
        """What has come from the other shard."""
        self.prepared: list[Message] = []
        """PreparedTransfers that have arrived; they are to be finalized."""
        self.asked: list[Message] = []
        """PrepareTransfers whose answers have not arrived."""
        self.finalized: list[Message] = []
        """FinalizeTransfers whose answers have not arrived."""

    def do(self) -> None:
        """Begin everything, and stop one service after the other."""
        currency = self.currency
        currency.open_root()
        currency.open_account(ISSUED, PAYER)
        currency.open_account(0, PAYEE)
        for _ in range(3):
            currency.transfer(PAYER, PAYEE, AMOUNT)
            self.paid += AMOUNT
        currency.send(self.received)
        currency.send(configure(DEBTOR, NOBODY))
        self.wait("returned_message", "registered_balance_change")
        abroad = currency.prepare(PAYER, FAR[0], AMOUNT)
        self.fetch_api.is_back.clear()
        self.prepared = [currency.prepare(PAYER, PAYEE, AMOUNT) for _ in range(8)]
        self.stop("process_balance_changes")
        for _ in range(2):
            currency.finalize(self.take(), AMOUNT)
            self.paid += AMOUNT
        self.wait("pending_balance_change")
        self.stop("flush_messages")
        self.finalize()
        self.finalize(abroad)
        self.wait("finalized_transfer_signal", "account_transfer_signal")
        self.ask(AMOUNT)
        currency.ask(PAYER, PAYEE, 2 * ISSUED)
        currency.send(configure_root(DEBTOR, config_data="not acceptable"))
        self.ask(AMOUNT, FAR[1])
        self.wait("unverified_transfer_request", "pending_balance_change_signal")
        self.wait("prepared_transfer_signal", "rejected_transfer_signal", "rejected_config_signal")
        currency.send(configure(DEBTOR, PAYER))
        self.wait("account_update_signal")
        self.stop("process_finalization_requests")
        self.finalize()
        self.wait("finalization_request")
        self.stop("process_transfer_requests")
        self.ask(AMOUNT)
        self.wait("transfer_request")

    def take(self) -> Message:
        """One that is prepared, and will be no more."""
        return self.prepared.pop()

    def finalize(self, prepared: Message | None = None) -> None:
        """Have one paid, without an answer."""
        message = finalize(prepared or self.take(), AMOUNT)
        self.currency.send(message)
        self.finalized.append(message)
        self.paid += AMOUNT

    def ask(self, amount: int, recipient: int = PAYEE) -> None:
        """Ask for one, without an answer."""
        self.asked.append(self.currency.ask(PAYER, recipient, amount))

    def stop(self, name: str) -> None:
        """What it has begun is done."""
        assert self.authority.terminate(name)[0] == 0, self.authority.log(name)

    def wait(self, *tables: str) -> None:
        """Wait for rows."""
        for table in tables:
            wait_until(partial(self.has_rows, table), what=f"rows of {table}")

    def has_rows(self, table: str) -> bool:
        """Whether there are some."""
        return bool(self.authority.query(f"SELECT 1 FROM {table} LIMIT 1"))

    def expected(self) -> Mapping[str, Any]:
        """What a later release has to do, and what is on the accounts when that is done."""
        paid = self.paid + AMOUNT * (len(self.prepared) + len(self.asked))
        abroad = dict.fromkeys(FAR, AMOUNT)
        received = self.received["principal_delta"] - sum(abroad.values())
        return {
            "realm": REALM,
            "received": self.received,
            "abroad": abroad,
            "prepared": self.prepared,
            "asked": self.asked,
            "finalized": self.finalized,
            "principals": {0: -ISSUED, PAYER: ISSUED - paid, PAYEE: paid + received},
        }


def bindings() -> Iterator[tuple[str, str]]:
    """All messages but those to `NOBODY`."""
    for exchange in AGENTS_EXCHANGES:
        if exchange != TO_CREDITORS:
            yield exchange, "#"
    for creditor_id in (PAYER, PAYEE):
        yield TO_CREDITORS, hex_key(creditor_id)


def make(database_url: str, broker_url: str, folder: Path) -> Mapping[str, Any]:
    """Fill a database at the latest migration. Returns what is expected of later releases."""
    with serve_fetch_api() as fetch_api:
        fetch_api.is_back.set()
        settings = {**SETTINGS, "FETCH_API_URL": fetch_api.url}
        authority = Authority(database_url, broker_url, folder, settings)
        try:
            subscribe(authority)
            authority.observer = Observer(broker_url, bindings())
            authority.start()
            work = Work(Currency(authority, DEBTOR), fetch_api)
            work.do()
            for name in tuple(authority._wanted):
                work.stop(name)
            missing = [table for table in {*TABLES} - EMPTY.keys() if not work.has_rows(table)]
            assert not missing, missing
            return work.expected()
        finally:
            authority.close()


def main(arguments: list[str]) -> int:
    """Run the command."""
    (database_url,) = arguments
    management = Management(os.environ["TEST_BROKER_MANAGEMENT_URL"])
    with management.new_vhost("release") as vhost, TemporaryDirectory() as folder:
        broker_url = f"{os.environ['TEST_BROKER_URL'].rstrip('/')}/{vhost}"
        print(json.dumps(make(database_url, broker_url, Path(folder)), indent=1))
    management.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
