"""An agent that keeps an authority busy, and knows what must have become of every request."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.e2e.wire import chain_problems, problems_of
from tests.support.authority import (
    QUEUE,
    Authority,
    configure,
    configure_root,
    finalize,
    prepare,
)
from tests.support.broker import Message, Observer, wait_until

CREDITORS_COUNT = 30
TRANSFERS_COUNT_MIN = 300 + CREDITORS_COUNT
IN_FLIGHT_COUNT_MAX = 15
INITIAL_AMOUNT = 1_000_000
SECONDS_MAX = 60.0
DISMISSED_PART = 0.1

_debtor_ids = count(2**41 + 1)

# Tables through which requests and messages pass: empty when all is done.
PASSAGES = (
    "transfer_request",
    "unverified_transfer_request",
    "prepared_transfer",
    "finalization_request",
    "pending_balance_change",
    "returned_message",
    "rejected_transfer_signal",
    "prepared_transfer_signal",
    "finalized_transfer_signal",
    "account_transfer_signal",
    "account_update_signal",
    "account_purge_signal",
    "rejected_config_signal",
    "pending_balance_change_signal",
)


@dataclass
class Request:
    """A transfer that was asked for, and what has become of it."""

    sender: int
    recipient: int
    amount: int
    is_kept: bool
    transfer_id: int | None = None
    outcome: dict[str, Any] | None = None


class Load:
    """Transfers among the accounts of a currency of its own, some of them dismissed."""

    def __init__(self, authority: Authority, seed: int = 1) -> None:
        assert authority.observer is not None
        self.authority = authority
        self.observer: Observer = authority.observer
        self.debtor_id = next(_debtor_ids)
        self.creditor_ids = range(2**32 + 1, 2**32 + 1 + CREDITORS_COUNT)
        self.requests: dict[int, Request] = {}
        self.extra_transfer_ids: set[tuple[int, int]] = set()
        self.random = random.Random(seed)
        self._start = self._seen = len(self.observer.messages)
        self._open()

    @property
    def messages(self) -> list[Message]:
        """Everything that the authority has sent since the load began."""
        return self.observer.messages[self._start :]

    def _open(self) -> None:
        """Open the accounts, and put money on them."""
        self.authority.send(configure_root(self.debtor_id))
        for creditor_id in self.creditor_ids:
            self.authority.send(configure(self.debtor_id, creditor_id))
        # An account must be there before it can receive.
        self._pump_until(
            lambda: len(self.observer.find("AccountUpdate", self._start)) > CREDITORS_COUNT
        )
        for creditor_id in self.creditor_ids:
            self._ask(0, creditor_id, INITIAL_AMOUNT, is_kept=True)
        self._pump_until(lambda: not self._in_flight_count())

    def _in_flight_count(self) -> int:
        return sum(request.outcome is None for request in self.requests.values())

    def _ask(self, sender: int, recipient: int, amount: int, *, is_kept: bool) -> None:
        lock = {} if self.random.random() < 0.5 else {"min_locked_amount": 0}
        message = prepare(self.debtor_id, sender, recipient, amount, **lock)
        request_id = message["coordinator_request_id"]
        self.requests[request_id] = Request(sender, recipient, amount, is_kept)
        self.authority.send(message)

    def _ask_at_random(self) -> None:
        sender, recipient = self.random.sample(self.creditor_ids, 2)
        is_kept = self.random.random() >= DISMISSED_PART
        self._ask(sender, recipient, self.random.randrange(1, 1000), is_kept=is_kept)

    # -- what the agent does with what it receives ---------------------------

    def pump(self, *, is_over: bool = False) -> None:
        """Receive for a moment, answer, and ask for more transfers."""
        self.observer.receive()
        while self._seen < len(self.observer.messages):
            message = self.observer.messages[self._seen]
            self._seen += 1
            self._react(message.type, message.data)
        if not is_over and self._in_flight_count() < IN_FLIGHT_COUNT_MAX:
            self._ask_at_random()

    def _react(self, message_type: str | None, data: dict[str, Any]) -> None:
        request = self.requests.get(data.get("coordinator_request_id", 0))
        if request is None:
            return
        match message_type:
            case "PreparedTransfer":
                self._finalize(request, data)
            case "RejectedTransfer":
                request.outcome = data
            case "FinalizedTransfer" if data["transfer_id"] == request.transfer_id:
                # The same again: the authority sends a message at least once.
                assert request.outcome in (None, data), (request, data)
                request.outcome = data

    def _finalize(self, request: Request, prepared: dict[str, Any]) -> None:
        """Finalize the first transfer for a request; dismiss any other."""
        transfer_id = prepared["transfer_id"]
        if request.transfer_id is None:
            request.transfer_id = transfer_id
            self.authority.send(finalize(prepared, request.amount if request.is_kept else 0))
        elif request.transfer_id != transfer_id:
            key = (prepared["creditor_id"], transfer_id)
            if key not in self.extra_transfer_ids:
                self.extra_transfer_ids.add(key)
                self.authority.send(finalize(prepared, 0))

    # -- running -------------------------------------------------------------

    def _pump_until(self, condition: Callable[[], bool], *, is_over: bool = True) -> None:
        def is_met() -> bool:
            self.pump(is_over=is_over)
            return condition()

        wait_until(is_met, SECONDS_MAX)

    def run_for(self, requests_count: int) -> None:
        """Run until so many more transfers have been asked for."""
        goal = len(self.requests) + requests_count
        self._pump_until(lambda: len(self.requests) >= goal, is_over=False)

    def run_until(self, condition: Callable[[], bool]) -> None:
        """Run until the condition is met."""
        self._pump_until(condition, is_over=False)

    def finish(self, requests_count_min: int = 0) -> None:
        """End all transfers, of which there must have been so many."""
        missing = requests_count_min - len(self.requests)
        if missing > 0:
            self.run_for(missing)
        self._pump_until(lambda: not self._in_flight_count())
        self._pump_until(self._is_quiet)

    def _is_quiet(self) -> bool:
        counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in PASSAGES)
        is_empty = not any(self.authority.query(f"SELECT {counts}")[0])
        return is_empty and self._has_received_all()

    def _has_received_all(self) -> bool:
        return self.authority.broker.ready_count(self.observer.queue) == 0

    # -- what must be true in the end ----------------------------------------

    def committed(self) -> list[Request]:
        return [r for r in self.requests.values() if r.is_kept]

    def check(self) -> None:
        """Check that every request has ended once, and that no money was made or lost."""
        self._check_outcomes()
        self._check_database()
        self._check_messages()
        wait_until(lambda: self.authority.broker.ready_count(QUEUE) == 0)
        assert ".XQ" not in self.authority.log("consume_messages"), "nothing is refused"

    def _check_outcomes(self) -> None:
        for request in self.requests.values():
            assert request.outcome is not None
            assert request.outcome["type"] == "FinalizedTransfer", request
            assert request.outcome["status_code"] == "OK", request
            amount = request.amount if request.is_kept else 0
            assert request.outcome["committed_amount"] == amount, request

    def _check_database(self) -> None:
        principals = dict.fromkeys((0, *self.creditor_ids), 0)
        for request in self.committed():
            principals[request.sender] -= request.amount
            principals[request.recipient] += request.amount
        rows = self.authority.query(
            "SELECT creditor_id, principal, total_locked_amount, pending_transfers_count"
            " FROM account WHERE debtor_id = %s",
            self.debtor_id,
        )
        found = {creditor_id: principal for creditor_id, principal, _, _ in rows}
        assert found == principals
        assert sum(found.values()) == 0
        assert all((locked, pending) == (0, 0) for _, _, locked, pending in rows)
        result = self.authority.run("verify_books")
        assert (result.returncode, result.stdout) == (0, "")

    def _check_messages(self) -> None:
        problems = [p for m in self.messages for p in problems_of(m)]
        problems += chain_problems(self.messages, are_all_reported=True)
        assert not problems, problems[:5]
        transfers = {
            (m.data["creditor_id"], m.data["transfer_number"])
            for m in self.observer.find("AccountTransfer", self._start, debtor_id=self.debtor_id)
        }
        issued = sum(request.sender == 0 for request in self.committed())
        assert len(transfers) == 2 * len(self.committed()) - issued
        self._check_repetitions()

    def _check_repetitions(self) -> None:
        """A message that is sent again is the same."""
        sent: dict[tuple[Any, ...], dict[str, Any]] = {}
        for message in self.messages:
            if message.type in ("PreparedTransfer", "FinalizedTransfer"):
                data = message.data
                key = (message.type, data["debtor_id"], data["creditor_id"], data["transfer_id"])
                assert sent.setdefault(key, data) == data
