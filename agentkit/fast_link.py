"""The fast way: a bare AMQP client for a load driver, whose work must not weigh on a measurement.

It knows one channel a connection, publishes without confirms, and consumes. What is rare is
encoded by pika; what happens for each message is done here by hand.
"""

import socket
import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pika
from pika import frame, spec

from agentkit.broker import CONNECTION_NAME
from agentkit.keys import ACCOUNTS_IN, bits_key
from agentkit.messages import CONTENT_TYPE, Message, encode
from agentkit.waiting import KitError

CHANNEL = 1
CONNECT_SECONDS_MAX = 10.0
RECEIVE_BYTES_MAX = 1 << 20
# A driver that is further behind than this sends before it makes more.
OUTBOX_BYTES_MAX = 1 << 19

_FRAME = struct.Struct(">BHI")
_PUBLISH = struct.Struct(">HHH")
_BASIC_CLASS = struct.Struct(">HH")
_LENGTH = struct.Struct(">Q")
_SIZE = struct.Struct(">I")
_BODY_START = struct.pack(">BH", spec.FRAME_BODY, CHANNEL)
_DELIVER = 60 << 16 | 60
_METHOD_ID = struct.Struct(">I")
_TAG = struct.Struct(">Q")
_END = b"\xce"
# content_type, delivery_mode and type are present.
_PROPERTY_FLAGS = struct.pack(">H", 1 << 15 | 1 << 12 | 1 << 5)


class BrokerError(KitError):
    """The broker has ended the conversation."""


def _short_string(text: str) -> bytes:
    data = text.encode()
    return bytes([len(data)]) + data


def _frame(kind: int, payload: bytes) -> bytes:
    return _FRAME.pack(kind, CHANNEL, len(payload)) + payload + _END


class Route:
    """The parts of a published message that are the same for many: where it goes, its type."""

    def __init__(self, exchange: str, routing_key: str, message_type: str) -> None:
        method = _PUBLISH.pack(60, 40, 0)
        method += _short_string(exchange) + _short_string(routing_key) + b"\0"
        properties = _PROPERTY_FLAGS + _short_string(CONTENT_TYPE)
        properties += b"\x02" + _short_string(message_type)
        header_start = _BASIC_CLASS.pack(60, 0)
        header_size = len(header_start) + _LENGTH.size + len(properties)
        self._before_length = _frame(spec.FRAME_METHOD, method)
        self._before_length += _FRAME.pack(spec.FRAME_HEADER, CHANNEL, header_size) + header_start
        self._after_length = properties + _END + _BODY_START

    def message(self, body: bytes) -> bytes:
        """The frames of one persistent message."""
        size = len(body)
        return (
            self._before_length
            + _LENGTH.pack(size)
            + self._after_length
            + _SIZE.pack(size)
            + body
            + _END
        )


@lru_cache(maxsize=100_000)
def _route(debtor_id: int, creditor_id: int, message_type: str) -> Route:
    return Route(ACCOUNTS_IN, bits_key(debtor_id, creditor_id), message_type)


@lru_cache
def _queue_route(queue: str, message_type: str) -> Route:
    return Route("", queue, message_type)


def frames(message: Message, queue: str = "") -> bytes:
    """The frames of a message to its account, or to a queue."""
    kind = message["type"]
    if queue:
        route = _queue_route(queue, kind)
    else:
        route = _route(message["debtor_id"], message["creditor_id"], kind)
    return route.message(encode(message))


def parse_frames(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole frames at the beginning of the data (their kinds, their payloads), and the rest."""
    found = []
    start, total = 0, len(data)
    unpack, head_size = _FRAME.unpack_from, _FRAME.size
    while (payload := start + head_size) <= total:
        kind, _channel, size = unpack(data, start)
        payload_end = payload + size
        if payload_end >= total:
            break
        found.append((kind, data[payload:payload_end]))
        start = payload_end + 1
    return found, data[start:]


class Link:
    """A connection with one channel. After its opening nothing waits for the network."""

    def __init__(self, url: str) -> None:
        """Connect. Raises `OSError` or `BrokerError`."""
        self._parameters = pika.URLParameters(url)
        self._received = b""
        self._outbox = bytearray()
        self._last_tag = 0
        address = (self._parameters.host, self._parameters.port)
        self._socket = socket.create_connection(address, CONNECT_SECONDS_MAX)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open()
        self._socket.setblocking(False)

    def _open(self) -> None:
        self._socket.sendall(frame.ProtocolHeader().marshal())
        self._await_method(spec.Connection.Start)
        credentials = self._parameters.credentials
        response = f"\0{credentials.username}\0{credentials.password}"
        properties: dict[str, Any] = {"connection_name": CONNECTION_NAME}
        self._tell(0, spec.Connection.StartOk(properties, response=response))
        tune = self._await_method(spec.Connection.Tune)
        # 0: without heartbeats
        self._tell(0, spec.Connection.TuneOk(tune.channel_max, tune.frame_max, 0))
        self._tell(0, spec.Connection.Open(self._parameters.virtual_host))
        self._await_method(spec.Connection.OpenOk)
        self._tell(CHANNEL, spec.Channel.Open())
        self._await_method(spec.Channel.OpenOk)

    def _tell(self, channel: int, method: Any) -> None:
        self._socket.sendall(frame.Method(channel, method).marshal())

    def _await_method(self, wanted: Any) -> Any:
        while True:
            count, answer = frame.decode_frame(self._received)
            if answer is None:
                data = self._socket.recv(RECEIVE_BYTES_MAX)
                if not data:
                    raise BrokerError("the broker has hung up")
                self._received += data
                continue
            self._received = self._received[count:]
            if isinstance(answer, frame.Method):
                if isinstance(answer.method, wanted):
                    return answer.method
                raise BrokerError(f"instead of {wanted.NAME}: {answer.method}")

    def consume(self, queue: str, prefetch_count: int) -> None:
        """Receive the messages of a queue from now on."""
        self._socket.setblocking(True)
        self._tell(CHANNEL, spec.Basic.Qos(prefetch_count=prefetch_count))
        self._await_method(spec.Basic.QosOk)
        self._tell(CHANNEL, spec.Basic.Consume(queue=queue))
        self._await_method(spec.Basic.ConsumeOk)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be sent that no more should be made."""
        return len(self._outbox) >= OUTBOX_BYTES_MAX

    @property
    def has_outgoing(self) -> bool:
        return bool(self._outbox)

    def post(self, data: bytes) -> None:
        """Have frames sent, soon."""
        self._outbox += data

    def flush(self) -> None:
        """Send as much as the network takes now."""
        try:
            while self._outbox:
                del self._outbox[: self._socket.send(self._outbox)]
        except BlockingIOError:
            pass

    def receive(self) -> Iterator[bytes]:
        """The bodies of the messages that have arrived. Those are acknowledged afterwards."""
        try:
            data = self._socket.recv(RECEIVE_BYTES_MAX)
        except BlockingIOError:
            return
        if not data:
            raise BrokerError("the broker has hung up")
        arrived, self._received = parse_frames(self._received + data)
        tag = 0
        for kind, payload in arrived:
            if kind == spec.FRAME_BODY:
                yield payload
                tag = self._last_tag
            elif kind == spec.FRAME_METHOD:
                self._note_delivery(payload)
        if tag:
            self.post(frame.Method(CHANNEL, spec.Basic.Ack(tag, multiple=True)).marshal())

    def _note_delivery(self, payload: bytes) -> None:
        if _METHOD_ID.unpack_from(payload)[0] != _DELIVER:
            method = frame.decode_frame(_frame(spec.FRAME_METHOD, payload))[1].method
            raise BrokerError(f"the broker says: {method}")
        (self._last_tag,) = _TAG.unpack_from(payload, 5 + payload[4])

    def close(self) -> None:
        self._socket.close()
