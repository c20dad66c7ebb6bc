"""Opens accounts."""

from agentkit.fast_link import frames
from agentkit.messages import configure
from benchmarks.agents.load import FIRST_CREDITOR_ID, OpeningLoad, account
from benchmarks.agents.messages import AccountUpdate, Received, RejectedTransfer
from benchmarks.agents.play import Play, Post


class OpeningPlay(Play):
    """Configures new accounts; each is opened when its AccountUpdate has come."""

    def __init__(self, load: OpeningLoad) -> None:
        super().__init__(load.schedule, load.seed)
        self._debtor_id = load.debtor_id
        self._due_at: list[float] = []
        self._opened = bytearray()

    def request(self, due_at: float) -> bytes:
        self._due_at.append(due_at)
        self._opened.append(0)
        return frames(configure(self._debtor_id, account(len(self._due_at) - 1), seqnum=1))

    def take(self, message: Received, post: Post, now: float) -> None:
        self.messages[type(message).__name__] += 1
        if isinstance(message, AccountUpdate):
            # The accounts scan may still tell of the accounts of an earlier load.
            if message.debtor_id == self._debtor_id:
                self._note_update(message, now)
        elif isinstance(message, RejectedTransfer):
            self.problems.note(f"nobody has asked for this: {message}")

    def _note_update(self, update: AccountUpdate, now: float) -> None:
        number = update.creditor_id - FIRST_CREDITOR_ID
        if not 0 <= number < len(self._opened) or self._opened[number]:
            self.problems.note(f"this AccountUpdate was not expected: {update}")
            return
        if (update.principal, update.last_config_seqnum) != (0, 1):
            self.problems.note(f"this AccountUpdate is wrong: {update}")
        self._opened[number] = 1
        self._done_count += 1
        self._observe("opened", self._due_at[number], now)
        self._progress(now)
