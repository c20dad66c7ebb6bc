"""The dead letters: read a few at a time, sent again, or discarded."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final

import msgspec
import psycopg
from cachetools import TTLCache
from pika.exceptions import AMQPError

from swpt_accounts.broker.topology import dead_letter_queue, money_queue
from swpt_accounts.db.connection import DatabaseConnection, connect
from swpt_accounts.db.errors import one_line
from swpt_accounts.dead_letters.letter import Letter
from swpt_accounts.dead_letters.reader import (
    DeadLetterReader,
    NoQueueError,
    ReadingError,
    StoppedError,
    open_reader,
)
from swpt_accounts.dead_letters.replay import open_replayer
from swpt_accounts.dead_letters.resolutions import LetterState, Register
from swpt_accounts.settings import Settings

PAGE_COUNT: Final = 50
_NAME: Final = "console"
_SECONDS_MAX: Final = 12.0
# Others would keep the threads from all other pages.
_AT_ONCE_COUNT_MAX: Final = 2
_CACHE_SECONDS: Final = 5.0


class BrokerProblem(Exception):
    """Why there is no answer, in a sentence."""


@dataclass(frozen=True)
class LettersPage:
    """Some letters of a queue, the newest first; `first` is the offset of the oldest."""

    letters: list[Letter]
    first: int


class DeadLetterQueue:
    """The stream of dead letters; or that of those with money, which exists after the first one."""

    def __init__(self, settings: Settings, *, is_money: bool = False) -> None:
        self._settings = settings
        incoming = settings.protocol_broker_queue
        self.queue = money_queue(incoming) if is_money else incoming
        """As `dead_letters -q` names it."""
        self.name = dead_letter_queue(self.queue)
        self._may_be_absent = is_money
        self._free = threading.BoundedSemaphore(_AT_ONCE_COUNT_MAX)
        self._lock = threading.Lock()
        self._known: TTLCache[int | None, LettersPage] = TTLCache(20, _CACHE_SECONDS)

    def register(self, connection: DatabaseConnection) -> Register:
        """What was done with the letters."""
        return Register(connection, self.queue)

    def page(self, before: int | None) -> LettersPage:
        """The last letters before an offset, or of all. Raises `BrokerProblem`."""
        with self._lock:
            if (known := self._known.get(before)) is not None:
                return known
        try:
            letters = self._page(before)
        except NoQueueError:
            return LettersPage([], 0)
        with self._lock:
            self._known[before] = letters
        return letters

    def _page(self, before: int | None) -> LettersPage:
        with self._reader(self._settings) as reader:
            end = reader.end if before is None else min(before, reader.end)
            first = max(end - PAGE_COUNT, 0)
            found = [letter for letter in _read(reader, first, end) if letter.offset < end]
            return LettersPage(found[::-1], first)

    def letter(self, offset: int) -> Letter | None:
        """The letter with an offset. Raises `BrokerProblem`."""
        try:
            with self._reader(self._settings) as reader:
                return _find(reader, offset)
        except NoQueueError:
            return None

    def replay(self, offset: int, digest: str) -> str:
        """Send a letter again. Returns what became of it. Raises `BrokerProblem`."""
        with (
            self._dealing(offset, digest) as (settings, register, letter),
            open_replayer(settings, register, _NAME) as replayer,
        ):
            replayer.replay([letter], register.states([letter]), again=False)
            kept = [reason for _, reason in replayer.report.kept]
            return f"Not sent: {kept[0]}." if kept else "Sent again."

    def discard(self, offset: int, digest: str) -> str:
        """Note that a letter is dealt with. Raises `BrokerProblem`."""
        with self._dealing(offset, digest) as (_, register, letter):
            register.mark([letter], LetterState.DISCARDED)
            return "Discarded. It stays in the stream."

    @contextmanager
    def _dealing(self, offset: int, digest: str) -> Iterator[tuple[Settings, Register, Letter]]:
        settings = _acting(self._settings)
        with (
            self._reader(settings) as reader,
            closing(connect(settings, _NAME)) as connection,
        ):
            register = self.register(connection)
            if not register.lock():
                raise BrokerProblem(
                    "Another process handles dead letters now. Try again when it has finished."
                )
            letter = _find(reader, offset)
            if letter is None or letter.digest.hex() != digest:
                raise BrokerProblem("This letter is no longer in the stream. Nothing has changed.")
            yield settings, register, letter
            with self._lock:
                self._known.clear()

    @contextmanager
    def _reader(self, settings: Settings) -> Iterator[DeadLetterReader]:
        if not self._free.acquire(timeout=1.0):
            raise BrokerProblem("Too many visitors are reading dead letters. Try again.")
        try:
            url, end = settings.protocol_broker_url, monotonic() + _SECONDS_MAX
            with open_reader(url, self.queue, _NAME, lambda: monotonic() >= end) as reader:
                _require_stream(reader)
                yield reader
        except StoppedError:
            raise BrokerProblem("RabbitMQ did not answer in time.") from None
        except ReadingError as error:
            if self._may_be_absent and isinstance(error, NoQueueError):
                raise
            raise BrokerProblem(f"Cannot read the dead letters: {error}.") from error
        except AMQPError as error:
            raise BrokerProblem(f"Cannot use RabbitMQ: {one_line(error)}.") from error
        except psycopg.Error as error:
            raise BrokerProblem(f"The database rejected a query: {one_line(error)}.") from error
        finally:
            self._free.release()


def _acting(settings: Settings) -> Settings:
    """The settings with which something is done."""
    return msgspec.structs.replace(
        settings,
        sqlalchemy_database_uri=settings.console_actions_postgres_url or settings.database_url,
        protocol_broker_url=settings.console_actions_broker_url or settings.protocol_broker_url,
    )


def _require_stream(reader: DeadLetterReader) -> None:
    if not reader.is_stream:
        # Whoever looks at such a queue takes everything out, and gives it back.
        raise BrokerProblem(
            "The dead-letter queue is not a stream, so it cannot be read without consuming it. Use"
            " the command `dead_letters`."
        )


def _read(reader: DeadLetterReader, first: int, end: int) -> list[Letter]:
    if first >= end:
        return []
    reading = reader.read(lambda _count, _total: None, first)
    found = []
    for letter in reading:
        found.append(letter)
        if letter.offset >= end - 1 or len(found) >= PAGE_COUNT:
            break
    reading.close()
    return found


def _find(reader: DeadLetterReader, offset: int) -> Letter | None:
    found = _read(reader, offset, offset + 1) if offset < reader.end else []
    return next((letter for letter in found if letter.offset == offset), None)
