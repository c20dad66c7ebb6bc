"""Publishes messages with a window of confirms."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from time import monotonic
from typing import Any

import pika
from pika.exceptions import AMQPConnectionError, AMQPError

from swpt_accounts.broker.connections import BrokerUnreachable, connection_parameters, user_of
from swpt_accounts.observability import heartbeat
from swpt_accounts.observability.events.lifecycle import BROKER_BLOCKED, BROKER_UNBLOCKED
from swpt_accounts.observability.metrics.definitions import CONNECTIONS
from swpt_accounts.observability.metrics.recorder import count

logger = logging.getLogger(__name__)

CONNECT_SECONDS_MAX = 15.0
CLOSE_SECONDS_MAX = 2.0
# The longest silence: no confirm comes, and no byte leaves.
CONFIRM_SECONDS_MAX = 30.0
# A broker that is short of memory or disk space says so, and takes nothing for a while.
BLOCKED_SECONDS_MAX = 300.0
# How many messages may wait for their confirm at a time.
WINDOW_COUNT_MIN = 32
WINDOW_COUNT_MAX = 2000
_LOOK_SECONDS = 1.0
SERVER = "the broker"


@dataclass(frozen=True, slots=True)
class Publication:
    """A message to be published. The broker answers for the sender of one that `is_signed`."""

    exchange: str
    routing_key: str
    properties: pika.BasicProperties
    body: bytes
    mandatory: bool = True
    is_signed: bool = False


# To the default exchange, and no queue of this name.
_PROBE = Publication("", "swpt_accounts.nobody", pika.BasicProperties(), b"", mandatory=False)


class Publisher:
    """A connection that publishes.

    Nothing is read or written outside of the calls: call `keep_alive` when idle.
    """

    def __init__(self, url: str, name: str) -> None:
        """Connect. Raises `AMQPError`."""
        self._error: BaseException | None = None
        self._channel: Any = None
        self._is_ready = False
        self._is_released = False
        self._last_tag = 0
        self._unconfirmed: dict[int, int] = {}
        self._refused: dict[int, str] = {}
        self._returned: list[tuple[str, str, bytes, str]] = []
        self._count_max = 0
        self._window = AdaptiveBatch(WINDOW_COUNT_MIN, WINDOW_COUNT_MAX)
        self._blocked_at: float | None = None
        self._user = user_of(url)
        parameters = connection_parameters(url, name)
        # pika would close the connection, and what is on its way would be sent twice
        parameters.blocked_connection_timeout = None
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_closed,
            on_close_callback=self._on_closed,
        )
        try:
            self._run(CONNECT_SECONDS_MAX)
            if not self._is_ready:
                self._fail("no answer in time")
            count(CONNECTIONS, 1, name, "broker")
        except AMQPError as error:
            self.close()
            raise BrokerUnreachable(parameters.host, parameters.port, error) from error

    # -- the event loop -----------------------------------------------------

    def _run(self, seconds_max: float) -> None:
        """Run the event loop until it is stopped, or for a time. Raises `AMQPError`."""
        if self._error is None and not self._is_released:
            self._turn(seconds_max)
        self._raise_error()

    def _turn(self, seconds_max: float) -> None:
        ioloop = self._connection.ioloop
        timer = ioloop.call_later(seconds_max, ioloop.stop)
        try:
            with heartbeat.awaiting(SERVER):
                ioloop.start()
        except (OSError, ValueError) as error:
            # the connection is reset in the moment in which it is made
            raise AMQPConnectionError(error) from error
        ioloop.remove_timeout(timer)

    def _raise_error(self) -> None:
        if self._error is not None:
            if isinstance(self._error, AMQPError):
                raise self._error
            raise AMQPConnectionError(self._error) from self._error

    def _fail(self, reason: str) -> None:
        self._error = AMQPConnectionError(reason)
        self._raise_error()

    def _on_open(self, connection: Any) -> None:
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        connection.channel(on_open_callback=self._on_channel_open)

    def _on_channel_open(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._on_closed)
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=self._on_confirming)

    def _on_confirming(self, _frame: Any) -> None:
        self._is_ready = True
        self._connection.ioloop.stop()

    def _on_closed(self, _connection_or_channel: Any, error: BaseException) -> None:
        self._error = self._error or error
        self._connection.ioloop.stop()

    def _on_blocked(self, _connection: Any, method: Any) -> None:
        self._blocked_at = monotonic()
        self._connection.ioloop.stop()
        BROKER_BLOCKED.log(logger, reason=method.method.reason)

    def _on_unblocked(self, _connection: Any, _method: Any) -> None:
        self._blocked_at = None
        BROKER_UNBLOCKED.log(logger)

    @property
    def is_blocked(self) -> bool:
        """Whether the broker has said that it takes no messages for now."""
        return self._blocked_at is not None

    # -- publishing ---------------------------------------------------------

    def publish(
        self,
        publications: Iterable[Publication],
        while_waiting: Callable[[], None] = lambda: None,
    ) -> dict[int, str]:
        """Publish messages, and wait until the broker has answered for each of them.

        Calls `while_waiting` about once a second while answers are late; what it raises ends
        the waiting. Returns the positions of those that the broker did not take, and why.
        Raises `AMQPError` when the connection is lost, when no answer comes for
        `CONFIRM_SECONDS_MAX`, or the broker is blocked for `BLOCKED_SECONDS_MAX`: then each
        message may have been taken or not, and the connection is to be closed.
        """
        published: list[Publication] = []
        for position, publication in enumerate(publications):
            if len(self._unconfirmed) >= self._window.count:
                self._make_room(while_waiting)
            self._raise_error()
            self._publish(publication, position)
            published.append(publication)
        self._await_confirms(0, while_waiting)
        return self._collect_refused(published)

    def _publish(self, publication: Publication, position: int) -> None:
        if publication.is_signed:
            publication.properties.user_id = self._user
        self._channel.basic_publish(
            publication.exchange,
            publication.routing_key,
            publication.body,
            publication.properties,
            publication.mandatory,
        )
        self._last_tag += 1
        self._unconfirmed[self._last_tag] = position

    def _make_room(self, while_waiting: Callable[[], None]) -> None:
        """Wait until half of the window is confirmed."""
        before_count, started_at = len(self._unconfirmed), monotonic()
        self._await_confirms(before_count // 2, while_waiting)
        self._window.note(before_count - len(self._unconfirmed), monotonic() - started_at)

    def _await_confirms(
        self,
        count_max: int,
        while_waiting: Callable[[], None] = lambda: None,
        is_waiting: Callable[[], bool] = lambda: True,
    ) -> None:
        """Wait until no more than so many messages are unconfirmed."""
        self._count_max = count_max
        left, progress_at = (0, 0), monotonic()
        while len(self._unconfirmed) > count_max and is_waiting():
            self._run(_LOOK_SECONDS)
            before, left = left, self._left()
            if left != before:
                progress_at = monotonic()
            elif self._blocked_at is None:
                self._check_silence(progress_at, CONFIRM_SECONDS_MAX)
            else:
                self._check_silence(self._blocked_at, BLOCKED_SECONDS_MAX)
                progress_at = monotonic()
            if len(self._unconfirmed) > count_max:
                while_waiting()

    def _left(self) -> tuple[int, int]:
        """What is yet to be confirmed, and the bytes that are yet to leave."""
        return len(self._unconfirmed), self._connection._get_write_buffer_size()

    def _check_silence(self, since: float, seconds_max: float) -> None:
        if monotonic() - since > seconds_max:
            self._fail("the broker does not confirm messages")

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        is_taken = method.NAME == "Basic.Ack"
        for tag in self._confirmed_tags(method.delivery_tag, method.multiple):
            position = self._unconfirmed.pop(tag, None)
            if position is not None and not is_taken:
                self._refused[position] = "rejected by a queue"
        if len(self._unconfirmed) <= self._count_max:
            self._connection.ioloop.stop()

    def _confirmed_tags(self, tag: int, multiple: bool) -> Iterable[int]:
        if not multiple:
            return (tag,)
        return list(takewhile(lambda t: t <= tag, self._unconfirmed))

    def _on_return(
        self, _channel: Any, method: Any, _properties: pika.BasicProperties, body: bytes
    ) -> None:
        reason = f"{method.reply_code} {method.reply_text}"
        self._returned.append((method.exchange, method.routing_key, body, reason))

    def _collect_refused(self, published: list[Publication]) -> dict[int, str]:
        refused, self._refused = self._refused, {}
        if self._returned:
            # A returned message does not contain its number.
            positions: dict[tuple[str, str, bytes], list[int]] = {}
            for position, p in enumerate(published):
                positions.setdefault((p.exchange, p.routing_key, p.body), []).append(position)
            for exchange, routing_key, body, reason in self._returned:
                for position in positions[exchange, routing_key, body]:
                    refused[position] = reason
            self._returned = []
        return refused

    def message_count(self, queue: str) -> int:
        """How many messages wait in a queue. Raises `AMQPError`, also if there is none."""
        counts: list[int] = []

        def on_declared(frame: Any) -> None:
            counts.append(frame.method.message_count)
            self._connection.ioloop.stop()

        self._raise_error()
        self._channel.queue_declare(queue, passive=True, callback=on_declared)
        self._run(CONFIRM_SECONDS_MAX)
        if not counts:
            self._fail(f"the broker does not report the length of the queue {queue!r}")
        return counts[0]

    def probe(self) -> None:
        """Find out whether the broker takes messages: `is_blocked`. Raises `AMQPError`.

        It says so only to clients that publish: after the first message, which it still takes.
        These go to no queue, and leave no trace.
        """
        for _ in range(2):
            self._publish(_PROBE, -1)
            self._await_confirms(0, is_waiting=lambda: not self.is_blocked)

    def keep_alive(self) -> None:
        """Answer the broker's heartbeats. Raises `AMQPError` when the connection is lost."""
        self._run(0)

    def close(self) -> None:
        """Disconnect, and give back the sockets. Needed also after an error."""
        if self._is_released:
            return
        self._is_released = True
        if self._connection.is_open:
            self._connection.close()
        end = monotonic() + CLOSE_SECONDS_MAX
        while not self._connection.is_closed and (rest := end - monotonic()) > 0:
            self._turn(rest)
        if self._connection.is_closing:
            # the broker does not answer
            self._connection._terminate_stream(AMQPConnectionError("closed"))
        # after a lost connection, the socket is closed in an iteration of its own
        self._turn(0)
        self._connection.ioloop.close()


FIRST_COUNT = 64
GOAL_SECONDS = 2.0
SECONDS_MAX = 4.0


class AdaptiveBatch:
    """A number of messages that adapts to how long they take.

    It starts small, since the link is not known yet, doubles up to `count_max` as long as that many
    are done in `GOAL_SECONDS`, and goes back when they take longer than `SECONDS_MAX`.
    """

    def __init__(self, count_min: int, count_max: int) -> None:
        assert 1 <= count_min <= count_max
        self._count_min = count_min
        self._count_max = count_max
        self.count = max(count_min, min(FIRST_COUNT, count_max))

    def note(self, count: int, seconds: float) -> None:
        """Take into account how long so many messages took, from the first to the last confirm."""
        if seconds > SECONDS_MAX:
            fitting = int(count * GOAL_SECONDS / seconds)
            self.count = max(self._count_min, min(self.count, fitting))
        elif seconds < GOAL_SECONDS and 2 * count >= self.count:
            self.count = min(2 * self.count, self._count_max)
