"""Transfers money."""

from msgspec.structs import asdict

from agentkit.fast_link import frames
from agentkit.messages import finalize, prepare
from benchmarks.agents.ledger import CREDITED, FINALIZED, PREPARED, Ledger
from benchmarks.agents.load import TransferLoad
from benchmarks.agents.messages import (
    AccountTransfer,
    FinalizedTransfer,
    PreparedTransfer,
    Received,
    RejectedTransfer,
)
from benchmarks.agents.play import LoadResult, Play, Post


class TransferPlay(Play):
    """Prepares transfers, finalizes what is prepared, and keeps book of it all."""

    def __init__(self, load: TransferLoad) -> None:
        super().__init__(load.schedule, load.seed)
        self._load = load
        self._parties = load.parties()
        self._ledger = Ledger(load.first_request_id)
        self.problems = self._ledger.problems

    def request(self, due_at: float) -> bytes:
        load, ledger = self._load, self._ledger
        sender, recipient = next(self._parties)
        amount = load.amount_of(load.first_request_id + len(ledger))
        request_id = ledger.open(sender, recipient, amount, due_at)
        message = prepare(
            load.debtor_id, sender, recipient, amount, coordinator_request_id=request_id
        )
        return frames(message)

    def take(self, message: Received, post: Post, now: float) -> None:
        self.messages[type(message).__name__] += 1
        if isinstance(message, AccountTransfer):
            self._note_account_transfer(message, now)
        elif isinstance(message, PreparedTransfer):
            self._note_prepared(message, post, now)
        elif isinstance(message, FinalizedTransfer):
            self._note_finalized(message)
        elif isinstance(message, RejectedTransfer):
            self.problems.note(f"it was rejected: {message}")
            self._done_count += 1

    def _note_prepared(self, message: PreparedTransfer, post: Post, now: float) -> None:
        request_id = message.coordinator_request_id
        due_at = self._ledger.note(request_id, PREPARED)
        if due_at is None:
            return
        if message.locked_amount != self._ledger.amount(request_id):
            self.problems.note(f"the locked amount is wrong: {message}")
        self._observe("prepared", due_at, now)
        note = str(request_id)
        post(frames(finalize(asdict(message), message.locked_amount, transfer_note=note)))

    def _note_finalized(self, message: FinalizedTransfer) -> None:
        request_id = message.coordinator_request_id
        if self._ledger.note(request_id, FINALIZED) is None:
            return
        if (message.status_code, message.committed_amount) != (
            "OK",
            self._ledger.amount(request_id),
        ):
            self.problems.note(f"it was not committed as it should: {message}")
        self._note_done(request_id)

    def _note_account_transfer(self, message: AccountTransfer, now: float) -> None:
        noted = self._ledger.note_account_transfer(message)
        if noted is None:
            return
        request_id, event, due_at = noted
        if event == CREDITED:
            self._observe("credited", due_at, now)
            self._progress(now)
        self._note_done(request_id)

    def _note_done(self, request_id: int) -> None:
        if self._ledger.is_complete(request_id):
            self._done_count += 1

    def result(self) -> LoadResult:
        self._ledger.close()
        result = super().result()
        result.chains = {c: (x.number, x.principal) for c, x in self._ledger.chains.items()}
        return result
