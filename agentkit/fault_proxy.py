"""A link that fails: a TCP proxy before a server, between it and those who are to suffer."""

import asyncio
import ctypes
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

T = TypeVar("T")

_CHUNK_BYTES = 1 << 16
_BEAT_SECONDS = 0.05
_CALL_SECONDS_MAX = 60.0
_HOST = "127.0.0.1"
# From <linux/filter.h>: a filter of one instruction, which accepts nothing of a packet.
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_NOTHING = struct.pack("HBBI", 6, 0, 0, 0)
_LINGER_NOT = struct.pack("ii", 1, 0)
# PostgreSQL: "ready for the next statement", and no transaction is open.
_READY_AND_IDLE = b"Z\0\0\0\x05I"


def deafen(sock: socket.socket) -> None:
    """Let the kernel drop every packet that comes for a socket, as if it were lost on the way.

    Nothing is acknowledged, not even the end of the connection: it is half open.
    """
    program = ctypes.create_string_buffer(_NOTHING, len(_NOTHING))
    packed = struct.pack("HxxxxxxP", 1, ctypes.addressof(program))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, packed)


def undeafen(sock: socket.socket) -> None:
    """Undo `deafen`: what was lost comes again, as TCP repeats it."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)


class _Pair:
    """A connection of a client, and that to the server."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.writers = writers
        self.is_dead = False
        """Whether it is half open for ever."""

    @property
    def sockets(self) -> list[socket.socket]:
        return [writer.get_extra_info("socket") for writer in self.writers]

    def reset(self) -> None:
        """End both connections with a RST."""
        for writer in self.writers:
            with suppress(OSError):
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            writer.transport.abort()


class FaultProxy:
    """Listens at `url`, which is the URL of the server but for the host and the port.

    The faults may come together. All methods may be called from any thread.
    """

    def __init__(self, url: str, seed: int = 1) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._server = (parts.hostname, parts.port)
        self.bytes_per_second: int | None = None
        """The pace of each direction of each connection; None: as fast as it goes."""
        self.lost_answers_share = 0.0
        """Which part of PostgreSQL's answers is lost, with the connection, after their commits."""
        self.lost_answers_count = 0
        self._random = random.Random(seed)
        self._pairs: set[_Pair] = set()
        self._is_cut = self._is_stopped = False
        self._listener = socket.create_server((_HOST, 0))
        credentials, at, _ = parts.netloc.rpartition("@")
        port = self._listener.getsockname()[1]
        self.url = urlunsplit(parts._replace(netloc=f"{credentials}{at}{_HOST}:{port}"))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._tasks: set[asyncio.Task[None]] = set()
        self._acceptor = self._call(self._listen())

    # -- the faults -----------------------------------------------------------

    def cut(self) -> None:
        """Lose all packets, of new connections too, until `heal`. Nobody is told."""
        self._call(self._set_cut(True))

    def heal(self) -> None:
        """End the cut. Connections go on where they were, if nobody has given them up."""
        self._call(self._set_cut(False))

    def stop(self) -> None:
        """Refuse all connections, those that there are, too, until `start`: the server is down."""
        self._is_stopped = True
        self.reset()

    def start(self) -> None:
        """The server is up again."""
        self._is_stopped = False

    def reset(self) -> int:
        """Reset all connections; new ones can be made. Returns how many there were."""
        return self._call(self._reset())

    def half_open(self) -> int:
        """Lose all packets of these connections, for ever; new ones are well.

        Returns how many they are.
        """
        return self._call(self._half_open())

    # -- the loop ---------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_SECONDS_MAX)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, sock=self._listener)

    async def _set_cut(self, is_cut: bool) -> None:
        if is_cut == self._is_cut:
            return
        self._is_cut = is_cut
        change: Callable[[socket.socket], None] = deafen if is_cut else undeafen
        living = [sock for pair in self._pairs if not pair.is_dead for sock in pair.sockets]
        for sock in (self._listener, *living):
            with suppress(OSError):  # it has just been closed
                change(sock)

    async def _reset(self) -> int:
        pairs = [pair for pair in self._pairs if not pair.is_dead]
        for pair in pairs:
            pair.reset()
        return len(pairs)

    async def _half_open(self) -> int:
        pairs = [pair for pair in self._pairs if not pair.is_dead]
        for pair in pairs:
            pair.is_dead = True
            for sock in pair.sockets:
                with suppress(OSError):
                    deafen(sock)
        return len(pairs)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._join(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._is_stopped:
                raise ConnectionRefusedError
            server_reader, server_writer = await asyncio.open_connection(*self._server)
        except OSError:
            _Pair(writer).reset()
            return
        pair = _Pair(writer, server_writer)
        self._pairs.add(pair)
        try:
            outgoing = self._pass_on(pair, reader, server_writer, is_answer=False)
            incoming = self._pass_on(pair, server_reader, writer, is_answer=True)
            await asyncio.gather(outgoing, incoming)
        finally:
            self._pairs.discard(pair)
            pair.reset()

    async def _pass_on(
        self,
        pair: _Pair,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        *,
        is_answer: bool,
    ) -> None:
        with suppress(OSError):
            while data := await source.read(self._chunk_bytes()):
                if is_answer and self._is_lost(data):
                    self.lost_answers_count += 1
                    pair.reset()
                    return
                if self.bytes_per_second is not None:
                    await asyncio.sleep(len(data) / self.bytes_per_second)
                target.write(data)
                await target.drain()
        # The other direction ends, too; a half-open connection tells nobody.
        for writer in pair.writers:
            writer.close()

    def _is_lost(self, data: bytes) -> bool:
        if not self.lost_answers_share or not data.endswith(_READY_AND_IDLE):
            return False
        return self._random.random() < self.lost_answers_share

    def _chunk_bytes(self) -> int:
        if self.bytes_per_second is None:
            return _CHUNK_BYTES
        return max(int(self.bytes_per_second * _BEAT_SECONDS), 1)

    # -- the end ----------------------------------------------------------------

    async def _end(self) -> None:
        self._acceptor.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self) -> None:
        """Reset all connections, the half-open ones too, and listen no more."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._listener.close()
