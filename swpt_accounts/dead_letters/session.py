"""An operator's session with a dead-letter queue, its register, and the terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice

import psycopg
from pika.exceptions import AMQPError

from swpt_accounts.broker.connections import describe
from swpt_accounts.db.connection import connect
from swpt_accounts.dead_letters.letter import Letter, LetterFilter
from swpt_accounts.dead_letters.reader import (
    DeadLetterReader,
    ReadingError,
    ReportRead,
    StoppedError,
    open_reader,
)
from swpt_accounts.dead_letters.replay import Replayer, open_replayer
from swpt_accounts.dead_letters.resolutions import LetterState, Register
from swpt_accounts.settings import Settings

NAME = "dead_letters"
# So many are looked up, or sent, at once.
_BATCH_COUNT = 100


class DeadLetterSession:
    """Reads letters and their states, and processes them."""

    def __init__(
        self,
        settings: Settings,
        reader: DeadLetterReader,
        register: Register | None,
        stack: ExitStack,
        progress: ReportRead,
    ) -> None:
        self.settings = settings
        self._reader = reader
        self._register = register
        self._stack = stack
        self._progress = progress

    @property
    def register(self) -> Register:
        assert self._register is not None
        return self._register

    def replayer(self) -> Replayer:
        return self._stack.enter_context(open_replayer(self.settings, self.register, NAME))

    def letters(
        self, wanted: LetterFilter, *, all_states: bool
    ) -> Iterator[tuple[Letter, LetterState | None]]:
        """The matching letters, with their states, in the order of the queue.

        Unless `all_states`, only the unhandled ones. A state is None without the database.
        """
        for letters, states in self._batches(wanted):
            for letter, state in zip(letters, states, strict=True):
                if all_states or state is None or state.needs_attention:
                    yield letter, state

    def _batches(
        self, wanted: LetterFilter
    ) -> Iterator[tuple[list[Letter], list[LetterState | None]]]:
        """The matching letters, whatever their states, in batches."""
        reading = self._reader.read(self._progress, wanted.first)
        try:
            matching = (letter for letter in reading if wanted.matches(letter))
            while batch := list(islice(matching, _BATCH_COUNT)):
                yield batch, self._states(batch)
        finally:
            reading.close()

    def _states(self, letters: list[Letter]) -> list[LetterState | None]:
        return (
            [None] * len(letters) if self._register is None else [*self._register.states(letters)]
        )

    def process(
        self,
        wanted: LetterFilter,
        action: Callable[[list[Letter], list[LetterState]], None],
        *,
        every: bool,
        count_max: int | None,
    ) -> None:
        """Process the matching letters in batches, up to so many.

        Unless `every`, only the unhandled ones.
        """
        rest = count_max
        for letters, states in self._batches(wanted):
            pairs = [
                (letter, state)
                for letter, state in zip(letters, states, strict=True)
                if state is not None and (every or state.needs_attention)
            ][:rest]
            action([letter for letter, _ in pairs], [state for _, state in pairs])
            if rest is not None:
                rest -= len(pairs)
                if rest <= 0:
                    break
        if self._reader.gone_before is not None:
            self.register.forget_before(self._reader.gone_before)


@contextmanager
def open_session(
    settings: Settings,
    queue: str,
    is_stopped: Callable[[], bool],
    progress: ReportRead,
    *,
    changes: bool,
) -> Iterator[DeadLetterSession]:
    """A session with the letters of a queue, this shard's or another one's.

    One that `changes` states of letters needs the database, and is the only one.

    Exits with one line if it fails, or at a signal.
    """
    try:
        with ExitStack() as stack:
            register = _open_register(stack, settings, queue, is_needed=changes)
            url = settings.protocol_broker_url
            reader = stack.enter_context(open_reader(url, queue, NAME, is_stopped))
            yield DeadLetterSession(settings, reader, register, stack, progress)
    except StoppedError:
        sys.exit("swpt_accounts: stopped before completion")
    except (ReadingError, AMQPError, psycopg.Error) as error:
        sys.exit(f"swpt_accounts: {describe(error)}")


def _open_register(
    stack: ExitStack, settings: Settings, queue: str, *, is_needed: bool
) -> Register | None:
    try:
        connection = connect(settings, NAME)
    except psycopg.Error as error:
        if is_needed:
            raise
        sys.stderr.write(f"swpt_accounts: states of letters are unknown: {describe(error)}\n")
        return None
    stack.callback(connection.close)
    register = Register(connection, queue)
    if is_needed and not register.lock():
        raise ReadingError("another process is handling dead letters: wait until it has ended")
    return register
