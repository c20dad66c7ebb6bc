"""What KEDA's user of RabbitMQ can do: see how long a queue is, and nothing else."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from agentkit.management import Management
from swpt_accounts.broker import topology
from tests.kubernetes.overlays import world

QUEUE = "swpt_accounts_chores"


@pytest.fixture
def autoscaler_url(broker_url: str, vhost: str, management: Management) -> Iterator[str]:
    """The address for a user with the permissions of the manifest."""
    permission = world("production").find("Permission", "swpt-accounts", "autoscaler")
    assert permission is not None
    name = f"test_{os.getpid()}_autoscaler"
    management.create_user(name, "password")
    management.permit(vhost, name, **permission.spec["permissions"])
    parts = urlsplit(broker_url)
    yield parts._replace(netloc=f"{name}:password@{parts.netloc.rpartition('@')[2]}").geturl()
    management.delete_user(name)


def test_the_autoscaler_sees_how_long_a_queue_is(autoscaler_url: str, broker_url: str) -> None:
    topology.create_chores_queue(broker_url, QUEUE)
    connection = pika.BlockingConnection(pika.URLParameters(autoscaler_url))
    try:
        declared = connection.channel().queue_declare(QUEUE, passive=True)
        assert declared.method.message_count == 0
        with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
            connection.channel().basic_get(QUEUE)
        with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
            connection.channel().queue_purge(QUEUE)
    finally:
        connection.close()
