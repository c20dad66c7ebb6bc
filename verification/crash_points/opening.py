"""Makes the place for the visits: a database, a virtual host, a fetch API."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agentkit.authority import Authority
from agentkit.fetch_api import FetchApi, serve_fetch_api
from verification.crash_points.place import SETTINGS, Place
from verification.kit.servers import Addresses, subscribe


@contextmanager
def answering_fetch_api() -> Iterator[FetchApi]:
    """The fetch API of all other shards; it answers at once."""
    with serve_fetch_api() as api:
        api.is_back.set()
        yield api


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
