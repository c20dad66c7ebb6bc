"""The lengths of queues, without declaring or consuming them; the bounds of those of peers."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import ProxyHandler, Request, build_opener

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker

from swpt_accounts.broker.connections import connection_parameters, open_blocking
from swpt_accounts.broker.topology import dead_letter_queue

# name, messages, consumers, and instead of these what the broker says
QueueLength = tuple[str, int | None, int | None, str | None]

_OFFSET_HEADER: Final = "x-stream-offset"
_FIRST_SECONDS_MAX: Final = 2.0


def _connect(url: str, name: str, seconds_max: float) -> pika.BlockingConnection:
    parameters = connection_parameters(url, name)
    parameters.socket_timeout = parameters.stack_timeout = seconds_max
    parameters.blocked_connection_timeout = seconds_max
    return open_blocking(parameters)


def queue_lengths(
    url: str, name: str, queues: Sequence[str], seconds_max: float
) -> list[tuple[str, int | None, int | None, str | None, int | None]]:
    """The lengths of queues, and of dead-letter queues the first offset. Raises `AMQPError`."""
    with _connect(url, name, seconds_max) as connection:
        lengths = [queue_length(connection, queue) for queue in queues]
        letters = [queue for queue, count, *_ in lengths if count and is_dead_letter_queue(queue)]
        offsets = {queue: first_offset(connection, queue) for queue in letters}
        return [(*length, offsets.get(length[0])) for length in lengths]


def is_dead_letter_queue(queue: str) -> bool:
    """Whether this is the name of one."""
    return queue.endswith(dead_letter_queue(""))


def first_offset(connection: pika.BlockingConnection, stream: str) -> int | None:
    """The offset of the first message that is still in a stream; None if nobody can say it: it is
    no stream, or this user may not read it. Raises `AMQPError`.
    """
    found: list[int] = []

    def on_delivery(
        _channel: Any, _method: Any, properties: pika.BasicProperties, _: bytes
    ) -> None:
        found.append(int((properties.headers or {})[_OFFSET_HEADER]))

    channel = connection.channel()
    try:
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(stream, on_delivery, arguments={_OFFSET_HEADER: "first"})
        end = monotonic() + _FIRST_SECONDS_MAX
        while not found and (rest := end - monotonic()) > 0:
            connection.process_data_events(time_limit=rest)
        channel.close()
    except ChannelClosedByBroker:
        return None
    return found[0] if found else None


def queue_length(connection: pika.BlockingConnection, queue: str) -> QueueLength:
    """The length of a queue. Raises `AMQPError` when the connection is lost."""
    channel = connection.channel()
    try:
        found = channel.queue_declare(queue, passive=True).method
    except ChannelClosedByBroker as error:
        return queue, None, None, error.reply_text
    except AMQPError:
        if not connection.is_open:
            raise
        return queue, None, None, "the broker does not report it"
    channel.close()
    return queue, found.message_count, found.consumer_count, None


PATTERN: Final = re.compile(r"(aa|peer)\.[0-9a-f]{32}(\.[0-9]+)?")
"""The names that operators give to these queues; the shipped policy has the same."""
_BYTES_MAX: Final = 10_000_000
_COLUMNS: Final = "name,messages,message_bytes,effective_policy_definition"


@dataclass(frozen=True, slots=True)
class PeerQueue:
    """A queue of a peer. `is_bounded`: it refuses what is too much, and drops nothing."""

    name: str
    is_bounded: bool
    full_ratio: float


def peer_queues(management_url: str, broker_url: str, seconds_max: float) -> list[PeerQueue]:
    """The queues of peers in the virtual host of the broker.

    Raises `OSError` if the management does not answer, and `ValueError` if it does not make sense.
    """
    parts = urlsplit(management_url)
    user, password = unquote(parts.username or "guest"), unquote(parts.password or "guest")
    vhost = quote(connection_parameters(broker_url, "").virtual_host, safe="")
    address = parts._replace(
        netloc=parts.netloc.rpartition("@")[2],
        path=f"{parts.path.rstrip('/')}/api/queues/{vhost}",
        query=f"columns={_COLUMNS}&disable_stats=false",
    )
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"}
    request = Request(urlunsplit(address), headers=headers)  # noqa: S310 (settings check the scheme)
    # without a proxy that the environment may name
    with build_opener(ProxyHandler({})).open(request, timeout=seconds_max) as answer:
        found = json.loads(answer.read(_BYTES_MAX))
    return [_read(queue) for queue in found if PATTERN.fullmatch(queue["name"])]


def _read(queue: dict[str, Any]) -> PeerQueue:
    policy = queue.get("effective_policy_definition") or {}
    limits = {"max-length": "messages", "max-length-bytes": "message_bytes"}
    ratios = [
        (queue.get(column) or 0) / policy[limit]
        for limit, column in limits.items()
        if policy.get(limit)
    ]
    is_bounded = bool(ratios) and policy.get("overflow") == "reject-publish"
    return PeerQueue(queue["name"], is_bounded, max(ratios, default=0.0))
