"""What was handled is forgotten by the clock that knows no steps."""

from types import SimpleNamespace
from typing import Any

import pytest

from swpt_accounts.inbox import deduplication
from swpt_accounts.inbox.deduplication import (
    FORGET_AFTER_SECONDS,
    FORGET_COUNT_MAX,
    FORGET_SECONDS,
    KEPT_SECONDS,
    DigestRetention,
)


class Table:
    """Stands for the connection, and the table: each row is an id and the moment of its commit."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.rows: list[tuple[int, float]] = []
        self.calls_count = 0
        self._last_id = 0

    def add(self, count: int = 1) -> None:
        for _ in range(count):
            self._last_id += 1
            self.rows.append((self._last_id, self.now))

    def call(self, _procedure: object, *, up_to_id: int, count_max: int) -> Any:
        self.calls_count += 1
        last_id = max((row_id for row_id, _ in self.rows), default=None)
        forgotten = [row for row in self.rows if row[0] <= up_to_id][:count_max]
        assert all(self.now - moment >= KEPT_SECONDS for _, moment in forgotten)
        self.rows = self.rows[len(forgotten) :]
        return SimpleNamespace(last_id=last_id, forgotten=len(forgotten))


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    made = Table()
    monkeypatch.setattr(deduplication, "monotonic", lambda: made.now)
    return made


def test_rows_are_kept_for_a_while_and_not_much_longer(table: Table) -> None:
    trail = DigestRetention()
    connection: Any = table
    trail.pause()
    for _ in range(10_000):
        table.now += 1
        table.add()
        trail.forget(connection)
    assert table.calls_count < 10_000 / FORGET_SECONDS
    age = table.now - table.rows[0][1]
    assert KEPT_SECONDS <= age <= KEPT_SECONDS + 2 * FORGET_SECONDS + 2


def test_nothing_is_forgotten_after_an_outage(table: Table) -> None:
    trail = DigestRetention()
    connection: Any = table
    table.add()
    trail.forget(connection)
    table.now += KEPT_SECONDS
    trail.pause()
    trail.forget(connection)
    assert table.rows
    table.now += FORGET_AFTER_SECONDS
    trail.forget(connection)
    assert not table.rows


def test_restart_forgets_nothing_at_once(table: Table) -> None:
    connection: Any = table
    table.add()
    table.now += 100 * KEPT_SECONDS
    DigestRetention().forget(connection)
    assert table.rows


def test_batches_are_bounded(table: Table) -> None:
    trail = DigestRetention()
    connection: Any = table
    table.add(3 * FORGET_COUNT_MAX - 1)
    trail.forget(connection)
    table.now += KEPT_SECONDS
    for count in (2 * FORGET_COUNT_MAX - 1, FORGET_COUNT_MAX - 1, 0, 0):
        trail.forget(connection)
        assert len(table.rows) == count


def test_older_state_of_the_database_is_noticed(table: Table) -> None:
    trail = DigestRetention()
    connection: Any = table
    table.add(10)
    trail.forget(connection)
    table.now += KEPT_SECONDS / 2
    table._last_id, table.rows = 3, []
    table.add()
    trail.forget(connection)
    table.now += KEPT_SECONDS / 2
    table.add(6)
    trail.forget(connection)
    assert len(table.rows) == 7
