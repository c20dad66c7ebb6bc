"""Makes the place for the visits: a database, a virtual host, a fetch API."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agentkit.authority import Authority
from tests.support.authority import subscribe
from tests.support.fetch_api import FetchApi
from verification.crash_points.place import SETTINGS, Place
from verification.kit.servers import Addresses


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
def open_place(addresses: Addresses, folder: Path) -> Iterator[Place]:
    """A place with nothing in it. The logs go to the folder."""
    with ExitStack() as stack:
        api = stack.enter_context(answering_fetch_api())
        rights = {
            "SQLALCHEMY_DATABASE_URI": addresses.worker_url,
            "PROTOCOL_BROKER_URL": addresses.worker_broker_url,
            "CHORES_BROKER_URL": addresses.worker_broker_url,
        }
        authority = Authority(
            addresses.database_url, addresses.broker_url, folder, {**SETTINGS, **rights}
        )
        stack.callback(authority.close)
        subscribe(authority)
        place = Place(authority, folder, api.url)
        stack.callback(place.close)
        yield place
