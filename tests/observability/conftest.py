"""An authority of one shard of several, what watches it, and a link that can be slowed down."""

from collections.abc import Iterator
from threading import Thread

import pytest

from agentkit.authority import Authority
from agentkit.fault_proxy import FaultProxy
from agentkit.fetch_api import FetchApi
from swpt_accounts.core.realm import Realm
from tests.observability.watched import HANGING, SETTINGS, Watched
from verification.kit.servers import subscribe


@pytest.fixture(scope="module")
def others() -> Iterator[FetchApi]:
    """The fetch API of the other shards. A part of them hangs."""
    api = FetchApi()
    api.hanging = Realm.parse(HANGING)
    thread = Thread(target=api.serve_forever, args=(0.05,))
    thread.start()
    yield api
    api.is_back.set()
    api.shutdown()
    thread.join()
    api.server_close()


@pytest.fixture(scope="module")
def web_link(worker_url: str) -> Iterator[FaultProxy]:
    """The link between the web server and the database."""
    made = FaultProxy(worker_url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def watched(
    database_url: str,
    worker_url: str,
    broker_url: str,
    worker_broker_url: str,
    others: FetchApi,
    web_link: FaultProxy,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Watched]:
    """All services at work, and a Prometheus that asks them."""
    folder = tmp_path_factory.mktemp("watched")
    settings = {
        **SETTINGS,
        "SQLALCHEMY_DATABASE_URI": worker_url,
        "PROTOCOL_BROKER_URL": worker_broker_url,
        "CHORES_BROKER_URL": worker_broker_url,
        "FETCH_API_URL": others.url,
    }
    authority = Authority(database_url, broker_url, folder, settings)
    authority.operator_settings = {"PROTOCOL_BROKER_URL": broker_url}
    made = Watched(authority, web_link, folder)
    try:
        subscribe(authority)
        made.start()
        yield made
    finally:
        made.close()
