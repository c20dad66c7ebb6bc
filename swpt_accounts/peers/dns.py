"""Resolves host names, in threads that do not delay the end of the process."""

import asyncio
import socket
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

# A process exits without waiting for these threads. It would wait for those of an executor, and a
# name server that does not answer can take half a minute.
_lookups: dict[tuple[str, int, int], Future[list[Any]]] = {}
_lock = Lock()


def _look_up(host: str, port: int, family: int) -> Future[list[Any]]:
    """The addresses, eventually. For each host there is one thread at most."""
    key = (host, port, family)
    with _lock:
        if key in _lookups:
            return _lookups[key]
        future = _lookups[key] = Future()
    # so that a caller that gives up does not cancel it for the others
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            flags = socket.AI_ADDRCONFIG
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)
        except OSError as error:
            future.set_exception(error)
        else:
            future.set_result(found)
        finally:
            with _lock:
                del _lookups[key]

    Thread(target=run, name="resolver", daemon=True).start()
    return future


class DaemonResolver(AbstractResolver):
    """Resolves names as the operating system does."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises `OSError`."""
        infos = await asyncio.wrap_future(_look_up(host, port, family))
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=found_family,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found_family, _, proto, _, address in infos
        ]

    async def close(self) -> None:
        """There is nothing to close."""
