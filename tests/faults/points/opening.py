"""Makes the place for the visits: a database, a virtual host, a fetch API."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agentkit.authority import Authority
from tests.faults.points.place import SETTINGS, Place
from tests.support.authority import subscribe
from tests.support.fetch_api import FetchApi


@contextmanager
def answering_fetch_api() -> Iterator[FetchApi]:
    """The fetch API of all other shards; it answers at once."""
    api = FetchApi()
    api.is_back.set()
    thread = threading.Thread(target=api.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield api
    finally:
        api.shutdown()
        thread.join()
        api.server_close()


@contextmanager
def open_place(database_url: str, broker_url: str, folder: Path) -> Iterator[Place]:
    """A place on a database at the latest migration, and an empty virtual host."""
    with ExitStack() as stack:
        api = stack.enter_context(answering_fetch_api())
        authority = Authority(database_url, broker_url, folder, SETTINGS)
        stack.callback(authority.close)
        subscribe(authority)
        place = Place(authority, folder, api.url)
        stack.callback(place.close)
        yield place
