"""The books of two real shards, added up: what is lost or doubled between them is found."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from threading import Event, Thread

import pytest

from agentkit.databases import Databases
from agentkit.fetch_proxy import FetchProxy
from agentkit.messages import Message, finalize
from agentkit.processes import run
from agentkit.shards import Shard, start_all
from agentkit.waiting import wait_until
from tests.e2e.test_shards_transfers import SERVICES, SETTINGS, ShardedCurrency
from verification.kit.servers import subscribe

SECONDS_MAX = 90.0


@pytest.fixture(scope="module")
def shards(
    databases: Databases, broker_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Shard]]:
    folder = tmp_path_factory.mktemp("shards")
    proxy = FetchProxy()
    settings = {**SETTINGS, "FETCH_API_URL": proxy.url}
    made = []
    try:
        for bit in "01":
            name, url = f"books_{bit}", databases.create()
            made.append(Shard(name, f"{bit}.#", url, broker_url, folder / name, settings))
            subscribe(made[-1])
        proxy.shards = made
        made[0].observe()
        start_all(made, *SERVICES)
        yield made
    finally:
        for shard in made:
            shard.close()
        proxy.close()


def call(shard: Shard, *arguments: str) -> CompletedProcess[str]:
    """Run a command to its end, without Flask. Its output is in `stdout`."""
    return run([sys.executable, "-m", "swpt_accounts", *arguments], shard.environment)


class Books:
    """The books of a currency with 1000 in each shard, and what is told of their sum."""

    def __init__(self, shards: list[Shard], folder: Path) -> None:
        self.currency = ShardedCurrency(shards)
        self.shards = shards
        self.home_shard, self.away_shard = shards
        self.folder = folder
        self.currency.open_root()
        self.home = self.currency.open_home(1000)
        self.away = self.currency.open_abroad(1000)
        self._numbers = itertools.count()

    def export(self) -> list[str]:
        """Export both shards. Returns the files."""
        paths = []
        for shard in self.shards:
            path = str(self.folder / f"{next(self._numbers)}.json")
            result = call(shard, "verify_books", "--quiet", "--export", path)
            assert (result.returncode, result.stdout) == (0, "")
            paths.append(path)
        return paths

    def add_up(self, *paths: str) -> tuple[int, str]:
        """The exit code, and what is told of this currency."""
        result = call(self.home_shard, "add_up_books", *paths)
        debtor_id = str(self.currency.debtor_id)
        lines = [line for line in result.stdout.splitlines() if debtor_id in line]
        return result.returncode, "".join(lines)

    def wait_sound(self) -> None:
        """A second after the last change that was received, all is certain."""
        wait_until(lambda: self.add_up(*self.export()) == (0, ""), SECONDS_MAX)

    def wait_wrong(self) -> str:
        """What is told of two rounds, as soon as it is certain."""
        told: list[tuple[int, str]] = []

        def is_certain() -> bool:
            told.append(self.add_up(*self.export(), *self.export()))
            assert told[-1][0] != 0, "it is not sound"
            return told[-1][0] == 1

        wait_until(is_certain, SECONDS_MAX)
        return told[-1][1]

    def begin(self, amount: int) -> None:
        """Transfer to the other shard, where nobody consumes, until the message is in its queue."""
        prepared = self.currency.prepare(self.home, self.away, amount)
        self.currency.finalize(prepared, amount)
        wait_until(lambda: in_queue(self.away_shard) == 1, SECONDS_MAX)

    def change_of(self, amount: int) -> Message:
        """The message from home that this amount is on its way."""
        found = self.currency.wait("PendingBalanceChange", principal_delta=amount)
        return dict(found.data)


def in_queue(shard: Shard) -> int:
    return shard.broker.ready_count(shard.queue)


@pytest.fixture
def books(shards: list[Shard], tmp_path: Path) -> Books:
    made = Books(shards, tmp_path)
    made.wait_sound()
    return made


def test_change_on_its_way_counts_where_it_can_be_seen(books: Books) -> None:
    prepared = books.currency.prepare(books.home, books.away, 10)
    books.away_shard.kill("consume_messages")
    books.home_shard.kill("flush_messages")
    books.currency.send(finalize(prepared, 10))
    wait_until(lambda: books.currency.principal(books.home) == 990, SECONDS_MAX)
    # in the outbox of its sender, for as long as it is there
    assert books.add_up(*books.export()) == (0, "")
    assert books.add_up(*books.export(), *books.export()) == (0, "")

    # in the queue of its receiver, where nobody sees it
    books.home_shard.start("flush_messages")
    wait_until(lambda: in_queue(books.away_shard) == 1, SECONDS_MAX)
    code, told = books.add_up(*books.export())
    assert (code, "unproven" in told, "10 units missing" in told) == (2, True, True)
    told = books.wait_wrong()
    assert "10 units missing" in told
    assert "or in a queue of messages" in told

    books.away_shard.start("consume_messages")
    books.wait_sound()
    assert books.currency.principal(books.away) == 1010


def test_loss_is_found_and_mended(books: Books) -> None:
    books.away_shard.kill("consume_messages")
    books.begin(20)
    books.away_shard.broker.channel.queue_purge(books.away_shard.queue)
    books.away_shard.start("consume_messages")
    assert "20 units missing" in books.wait_wrong()
    # as docs/how-to/prove-the-books.md says
    books.currency.send(books.change_of(20))
    books.wait_sound()
    assert books.currency.principal(books.away) == 1020


def test_doubling_is_found(books: Books) -> None:
    books.currency.transfer(books.home, books.away, 30)
    books.wait_sound()
    change = books.change_of(30)
    # what is in the archive is not applied again
    books.currency.send(change)
    books.wait_sound()
    books.away_shard.query(
        "DELETE FROM registered_balance_change WHERE debtor_id = %s AND change_id = %s",
        change["debtor_id"],
        change["change_id"],
    )
    books.currency.send(change)
    wait_until(lambda: books.currency.principal(books.away) == 1060, SECONDS_MAX)
    assert "30 units in excess" in books.wait_wrong()
    books.currency.change(books.away, "principal = principal - 30")
    books.wait_sound()


def test_nothing_is_wrong_while_money_moves(books: Books) -> None:
    codes = []
    is_over = Event()

    def add_up() -> None:
        while not is_over.is_set():
            codes.append(books.add_up(*books.export(), *books.export())[0])

    thread = Thread(target=add_up)
    thread.start()
    transfers_count = 0
    try:
        while len(codes) < 4 and thread.is_alive():
            books.currency.transfer(books.home, books.away, 3)
            books.currency.transfer(books.away, books.home, 2)
            transfers_count += 1
    finally:
        is_over.set()
        thread.join()
    assert len(codes) >= 4
    assert set(codes) <= {0, 2}
    books.wait_sound()
    assert books.currency.principal(books.away) == 1000 + transfers_count


def test_shards_must_all_be_there(books: Books) -> None:
    first, second = books.export()
    for paths, words in (
        ([first], "shards are missing: 1.#"),
        ([first, second, second], "one export of each shard"),
    ):
        result = call(books.home_shard, "add_up_books", *paths)
        assert (result.returncode, result.stdout.count("\n")) == (2, 1)
        assert words in result.stdout
