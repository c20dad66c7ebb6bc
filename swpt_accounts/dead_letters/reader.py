"""Reads the dead-letter queue from its beginning to its end, and removes nothing."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from swpt_accounts.broker.connections import connect_blocking
from swpt_accounts.broker.topology import dead_letter_queue, queue_counts
from swpt_accounts.dead_letters.letter import Letter, receive

_PRECONDITION_FAILED = 406
# A stream has no end, only silence.
_SILENCE_SECONDS = 1.0
_LATE_SECONDS_MAX = 30.0
# What may be on its way from the broker.
_PREFETCH_COUNT = 500
# A queue that is no stream counts how often its messages were looked at, and RabbitMQ 4 removes
# those that were looked at 20 times.
_LOOKS_COUNT_MAX = 10

# Gets how many letters of how many were read.
ReportRead = Callable[[int, int], None]


class ReadingError(Exception):
    """The dead-letter queue cannot be read. One line for the operator."""


class NoQueueError(ReadingError):
    """There is no such queue."""


class StoppedError(Exception):
    """The command was stopped before the end."""


class DeadLetterReader:
    """Reads what is in the dead-letter queue when it is made; what comes later is left out."""

    def __init__(
        self, connection: pika.BlockingConnection, queue: str, is_stopped: Callable[[], bool]
    ) -> None:
        """Look for the end. Raises `ReadingError`, `StoppedError` and `AMQPError`."""
        self._connection = connection
        self.name = dead_letter_queue(queue)
        self._is_stopped = is_stopped
        self._count = self._count_messages()
        self.is_stream = True
        # The letters before this offset, if known, are not in the stream any more.
        self.gone_before: int | None = None
        self._end = 0
        try:
            self._end = self._find_end()
        except ChannelClosedByBroker as error:
            if error.reply_code != _PRECONDITION_FAILED or "x-stream-offset" not in str(error):
                raise
            self.is_stream = False

    @property
    def end(self) -> int:
        """The offset after that of the last letter of the stream."""
        return self._end

    def _count_messages(self) -> int:
        found = queue_counts(self._connection, self.name)
        if found is None:
            raise NoQueueError(
                f"queue {self.name!r} does not exist: check --queue, or run `subscribe` to declare"
                " the queue"
            )
        return found.ready

    def _find_end(self) -> int:
        """The offset after that of the last letter: the stream delivers its last chunk.

        The count of the messages lags behind, so it only says whether there are any.
        """
        end = 0
        give_up_at = monotonic() + (_LATE_SECONDS_MAX if self._count else 2 * _SILENCE_SECONDS)
        for letter in self._consume("last"):
            if letter is not None:
                end = letter.offset + 1
            elif end or monotonic() >= give_up_at:
                return end
        return end

    def read(self, progress: ReportRead, first: int = 0) -> Generator[Letter]:
        """Yield the letters from an offset on. `progress` gets how many of how many were read.

        Close it when you leave it early: a queue that is no stream gets its letters back then.
        Raises `ReadingError`, `StoppedError` and `AMQPError`.
        """
        yield from self._read_stream(progress, first) if self.is_stream else self._look(progress)

    def _read_stream(self, progress: ReportRead, first: int) -> Iterator[Letter]:
        if first >= self._end:
            return
        begin: int | None = None
        late_at = monotonic() + _LATE_SECONDS_MAX
        for letter in self._consume(first or "first"):
            if letter is None:
                if monotonic() >= late_at:
                    raise ReadingError(
                        f"stream {self.name!r} delivers no more messages, although its last offset"
                        f" is {self._end - 1}: retry"
                    )
                continue
            late_at = monotonic() + _LATE_SECONDS_MAX
            if begin is None:
                begin = letter.offset
                self.gone_before = begin if begin > first else None
            if letter.offset < self._end:
                progress(letter.offset - begin + 1, self._end - begin)
                yield letter
            if letter.offset >= self._end - 1:
                return

    def _consume(self, offset: int | str) -> Iterator[Letter | None]:
        """Yield what the stream delivers; None when it was silent for a moment."""
        channel = self._connection.channel()
        arrived: deque[tuple[int, Letter]] = deque()

        def on_delivery(_channel: Any, method: Any, properties: Any, body: bytes) -> None:
            arrived.append((method.delivery_tag, receive(properties, body)))

        try:
            channel.basic_qos(prefetch_count=_PREFETCH_COUNT)
            channel.basic_consume(self.name, on_delivery, arguments={"x-stream-offset": offset})
            count = 0
            silent_since = monotonic()
            while not self._is_stopped():
                if not arrived:
                    self._connection.process_data_events(time_limit=_SILENCE_SECONDS)
                if not arrived:
                    if monotonic() - silent_since >= _SILENCE_SECONDS:
                        yield None
                    continue
                tag, letter = arrived.popleft()
                yield letter
                silent_since = monotonic()
                count += 1
                if count % (_PREFETCH_COUNT // 5) == 0:
                    # asks for more; the messages stay
                    channel.basic_ack(tag, multiple=True)
            raise StoppedError
        finally:
            _leave_stream(self._connection, channel)

    def _look(self, progress: ReportRead) -> Iterator[Letter]:
        """Take all letters out of a queue that is no stream, and then give all back."""
        channel = self._connection.channel()
        try:
            for n in range(1, self._count + 1):
                if self._is_stopped():
                    raise StoppedError
                method, properties, body = channel.basic_get(self.name)
                if method is None:
                    return
                looks = (properties.headers or {}).get("x-delivery-count", 0)
                if isinstance(looks, int) and looks >= _LOOKS_COUNT_MAX:
                    raise ReadingError(
                        f"queue {self.name!r} is not a stream, and its messages were delivered"
                        f" {looks} times: RabbitMQ 4 would soon remove them. Move them to another"
                        " queue with the shovel plugin, delete this queue, and run `subscribe` to"
                        " declare a stream"
                    )
                progress(n, self._count)
                yield receive(properties, body)
        finally:
            _close(channel)


@contextmanager
def open_reader(
    url: str, queue: str, client_name: str, is_stopped: Callable[[], bool]
) -> Iterator[DeadLetterReader]:
    """A reader with a connection of its own. Raises as the reader does.

    Heartbeats are not answered while an operator thinks about a question.
    """
    with connect_blocking(url, client_name, heartbeat_seconds=0) as connection:
        yield DeadLetterReader(connection, queue, is_stopped)


def _leave_stream(connection: pika.BlockingConnection, channel: BlockingChannel) -> None:
    """Close a channel, though more is on its way.

    The library would reject that, unless the consumer wanted no acknowledgements; a stream takes
    no rejections, and the broker would close the connection.
    """
    if connection.is_open and channel.is_open:
        connection.process_data_events(time_limit=0)
        channel._impl._consumers_with_noack.update(channel._impl._consumers)
        _close(channel)


def _close(channel: BlockingChannel) -> None:
    if channel.is_open:
        channel.close()
