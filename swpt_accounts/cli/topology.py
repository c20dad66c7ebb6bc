"""Commands that declare, bind and delete queues."""

import sys

import click
from pika.exceptions import AMQPError

from swpt_accounts.broker import topology
from swpt_accounts.broker.connections import describe
from swpt_accounts.cli.options import (
    fail,
    get_settings,
    queue_option,
    url_option,
    url_option_of,
)
from swpt_accounts.workers.shutdown import ShutdownEvent

routing_key_option = click.option("-k", "--queue-routing-key", help="Routing key of the binding.")


@click.command("subscribe")
@url_option
@queue_option
@routing_key_option
def subscribe(url: str | None, queue: str | None, queue_routing_key: str | None) -> None:
    """Declare exchanges and queues, and bind the queue of incoming messages."""
    settings = get_settings(
        protocol_broker_url=url,
        protocol_broker_queue=queue,
        protocol_broker_queue_routing_key=queue_routing_key,
    )
    try:
        topology.subscribe(
            settings.protocol_broker_url,
            settings.protocol_broker_queue,
            settings.protocol_broker_queue_routing_key,
        )
    except (topology.TopologyError, AMQPError) as error:
        fail(describe(error))


@click.command("unsubscribe")
@url_option
@queue_option
@routing_key_option
@url_option_of("-U", "--chores-url", meaning="URL of the broker of the chores.")
@click.option("-Q", "--chores-queue", help="Name of the queue of chores.")
def unsubscribe(
    url: str | None,
    queue: str | None,
    queue_routing_key: str | None,
    chores_url: str | None,
    chores_queue: str | None,
) -> None:
    """Unbind the queue of incoming messages, and delete the queue of chores.

    The queue of incoming messages is kept, and so is a queue of chores that has consumers.
    """
    settings = get_settings(
        protocol_broker_url=url,
        protocol_broker_queue=queue,
        protocol_broker_queue_routing_key=queue_routing_key,
        chores_broker_url=chores_url,
        chores_broker_queue=chores_queue,
    )
    try:
        topology.unsubscribe(
            settings.protocol_broker_url,
            settings.protocol_broker_queue,
            settings.protocol_broker_queue_routing_key,
        )
    except AMQPError as error:
        fail(describe(error))
    try:
        topology.delete_chores_queue(
            settings.chores_broker_url,
            settings.chores_broker_queue,
            incoming=settings.protocol_broker_queue,
        )
    except AMQPError as error:
        fail(
            "removed the binding, but could not delete the queue of chores"
            f" {settings.chores_broker_queue!r}: {describe(error)}"
        )


@click.command("delete_queue")
@url_option
@queue_option
def delete_queue(url: str | None, queue: str | None) -> None:
    """Wait until the queue of incoming messages is empty and has no consumers, then delete it."""
    settings = get_settings(protocol_broker_url=url, protocol_broker_queue=queue)
    shutdown = ShutdownEvent()
    shutdown.on_signals()
    try:
        is_gone = topology.delete_queue(
            settings.protocol_broker_url, settings.protocol_broker_queue, shutdown
        )
    except AMQPError as error:
        fail(describe(error))
    sys.exit(0 if is_gone else 1)


@click.command("create_chores_queue")
def create_chores_queue() -> None:
    """Declare the queue of the local tasks."""
    settings = get_settings()
    try:
        topology.create_chores_queue(settings.chores_broker_url, settings.chores_broker_queue)
    except (topology.TopologyError, AMQPError) as error:
        fail(describe(error))
