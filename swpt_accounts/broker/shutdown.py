"""Ends the waits of a connection when the stop comes."""

import os
from contextlib import suppress
from select import POLLIN, poll
from threading import Thread

import pika
from pika.exceptions import AMQPError

from swpt_accounts.workers.shutdown import ShutdownEvent


class ShutdownWatch:
    """A thread that ends the waits of a connection when the stop comes.

    Else the connection would have to wake up all the time to look for it.
    """

    def __init__(self, connection: pika.BlockingConnection, stop: ShutdownEvent) -> None:
        self._connection = connection
        self._stop = stop
        self._end_fd, self._write_fd = os.pipe()
        self._thread = Thread(target=self._run, name="stop watch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        waiting = poll()
        waiting.register(self._stop.fileno(), POLLIN)
        waiting.register(self._end_fd, POLLIN)
        waiting.poll()
        if self._stop.is_requested():
            with suppress(AMQPError):
                self._connection.add_callback_threadsafe(lambda: None)

    def end(self) -> None:
        """End the thread."""
        os.write(self._write_fd, b"!")
        self._thread.join()
        os.close(self._end_fd)
        os.close(self._write_fd)
