"""The accounts of a currency of its own, and what agents say and hear about them."""

import itertools
import time
from collections.abc import Callable
from typing import Any, Final

from psycopg import sql

from agentkit.database import PASSAGES
from agentkit.messages import Message, configure, configure_root, finalize, prepare
from agentkit.received import Received
from agentkit.waiting import SECONDS_MAX, NotInTimeError
from verification.crash_points.outcome import TABLES, Naming, Record, told, untold
from verification.crash_points.place import Place

_MARK: Final = "Mark"
_NO_DEBTOR: Final = {"returned_message"}
_debtor_ids = itertools.count(2**42)
_marks = itertools.count(1)

_UNDONE: Final = " UNION ALL ".join(
    f"SELECT '{table}' FROM {table} WHERE debtor_id = ANY (%(ids)s)"
    for table in PASSAGES
    if table not in (*_NO_DEBTOR, "prepared_transfer")
)


class Scene:
    """Whatever is played in it, is played with new ids. Its times are the server's."""

    def __init__(self, place: Place, victim: str) -> None:
        """The victim is the worker that may die in it."""
        self.place = place
        self.victim = victim
        self.naming = Naming()
        self._start = len(place.observer.messages)
        self._seen = self._start
        self._heard: list[Received] = []
        self._marks_seen: set[int] = set()
        self.debtor_id = self._new_debtor("debtor", is_here=True)
        self.foreign_debtor_id = self._new_debtor("foreign debtor", is_here=False)
        self.debtor_ids = [self.debtor_id, self.foreign_debtor_id]
        self._creditor_ids = itertools.count(2**33)

    # -- ids ----------------------------------------------------------------------

    def _new_debtor(self, name: str, *, is_here: bool) -> int:
        contains = self.place.realm.contains
        found = next(n for n in _debtor_ids if contains(n, 0) == is_here)
        self.naming.name(found, name)
        return found

    def creditor(self, name: str, debtor_id: int | None = None, *, is_here: bool = True) -> int:
        """A new creditor id, whose account is in this shard, or is not."""
        debtor_id = self.debtor_id if debtor_id is None else debtor_id
        contains = self.place.realm.contains
        found = next(n for n in self._creditor_ids if contains(debtor_id, n) == is_here)
        self.naming.name(found, name)
        return found

    # -- saying and hearing ---------------------------------------------------------

    def send(self, message: Message) -> Message:
        """Send a message. Returns it."""
        self.place.authority.send(message)
        return message

    def _hear(self) -> None:
        observer = self.place.observer
        observer.receive(0.01)
        for message in observer.messages[self._seen :]:
            if message.type == _MARK:
                self._marks_seen.add(int(message.body))
            # what the agents have sent themselves has no app_id
            elif self._is_mine(message) and message.properties.app_id:
                self._heard.append(message)
        self._seen = len(observer.messages)

    def until(self, condition: Callable[[], Any], what: object) -> Any:
        """Wait until a condition holds, and start again what has died meanwhile."""
        end = time.monotonic() + SECONDS_MAX
        while True:
            self._hear()
            self.place.tend()
            if value := condition():
                return value
            if time.monotonic() >= end:
                raise NotInTimeError(f"not within {SECONDS_MAX:g} s: {what}; {self._heard}")

    def find(self, message_type: str, **fields: Any) -> list[Message]:
        """The different messages of a type that were heard, with these fields."""
        found = {m.body: m.data for m in self._heard if m.matches(message_type, fields)}
        return list(found.values())

    def hear(self, message_type: str, /, count: int = 1, **fields: Any) -> list[Message]:
        """Wait for so many different messages."""
        found = self.find
        self.until(
            lambda: len(found(message_type, **fields)) >= count, (count, message_type, fields)
        )
        return found(message_type, **fields)

    def rows(self, condition: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self.query(f"SELECT 1 FROM {condition}", **parameters)

    def query(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement with named parameters; the ids of the debtors are among them."""
        given = {"debtor_id": self.debtor_id, "ids": self.debtor_ids, **parameters}
        return self.place.query(statement, given)

    # -- what agents do ---------------------------------------------------------------

    def open(self, *creditor_ids: int, **changes: Any) -> None:
        """Open the debtor's account, and those of creditors."""
        self.send(configure_root(self.debtor_id, **changes))
        for creditor_id in creditor_ids:
            self.send(configure(self.debtor_id, creditor_id))
        for creditor_id in (0, *creditor_ids):
            self.hear("AccountUpdate", creditor_id=creditor_id)

    def ask(self, sender: int, recipient: int, amount: int, /, **changes: Any) -> Message:
        """Ask for a transfer."""
        request = prepare(self.debtor_id, sender, recipient, amount, **changes)
        self.naming.request(request["coordinator_request_id"])
        return self.send(request)

    def prepared(self, request: Message) -> Message:
        """Wait until a transfer is prepared."""
        request_id = request["coordinator_request_id"]
        return self.hear("PreparedTransfer", coordinator_request_id=request_id)[0]

    def finalize(self, request: Message, amount: int, **changes: Any) -> None:
        """Finalize a transfer, as soon as it is prepared."""
        self.send(finalize(self.prepared(request), amount, **changes))

    def finalized(self, request: Message) -> Message:
        """Wait until a transfer is finalized."""
        request_id = request["coordinator_request_id"]
        return self.hear("FinalizedTransfer", coordinator_request_id=request_id)[0]

    def issue(self, recipient: int, amount: int) -> None:
        """Put money on an account."""
        request = self.ask(0, recipient, amount)
        self.finalize(request, amount)
        self.finalized(request)
        self.hear("AccountTransfer", creditor_id=recipient, acquired_amount=amount)

    # -- the end --------------------------------------------------------------------

    def settle(self) -> int:
        """Wait until nothing is on its way any more, but for chores. Returns the creditor of an
        account that was opened for it.
        """
        self.until(self.place.are_consumers_alone, "what dead consumers held is back")
        mark = self.creditor(f"mark {len(self._marks_seen)}")
        self.send(configure(self.debtor_id, mark))
        self.hear("AccountUpdate", creditor_id=mark)
        self.until(lambda: not self.query(_UNDONE), "nothing is on its way")
        number = next(_marks)
        self.place.broker.publish("", self.place.observer.queue, str(number).encode(), type=_MARK)
        self.until(lambda: number in self._marks_seen, "all is heard")
        assert not self.query(_UNDONE), "something has begun anew"
        return mark

    def outcome(self) -> dict[str, Any]:
        """What was heard, and what is in the database."""
        return {
            **told(self.naming, self._heard),
            **{f"table {table}": self._table(table) for table in TABLES},
            "letters": self.letters(),
            "untold": untold(self._heard, self._rows("account")),
        }

    def _table(self, table: str) -> list[Record]:
        return sorted(map(self.naming.plain, self._rows(table)), key=repr)

    def _rows(self, table: str) -> list[dict[str, Any]]:
        statement = sql.SQL("SELECT to_jsonb(t) FROM {} t WHERE debtor_id = ANY (%(ids)s)")
        return [row for (row,) in self.query(statement.format(sql.Identifier(table)).as_string())]

    def letters(self) -> list[str]:
        """The types of the messages that were put aside, each once."""
        mine = {m.body: m for m in self.place.letters() if self._is_mine(m)}
        return sorted(str(m.type) for m in mine.values())

    def _is_mine(self, message: Received) -> bool:
        return message.data.get("debtor_id") in self.debtor_ids
