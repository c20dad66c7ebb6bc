"""Commands that declare, bind and delete queues."""

import sys

import click
from pika.exceptions import AMQPError

from swpt_accounts.broker import topology
from swpt_accounts.cli.options import get_settings, queue_option, url_option
from swpt_accounts.workers.shutdown import ShutdownEvent

routing_key_option = click.option(
    "-k", "--queue-routing-key", help="The key with which the queue is bound."
)


def _fail(error: Exception) -> None:
    reason = str(error) or repr(error)
    sys.exit(f"swpt_accounts: {reason}")


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
        _fail(error)


@click.command("unsubscribe")
@url_option
@queue_option
@routing_key_option
@click.option("-U", "--chores-url", help="The URL of the broker of the chores.")
@click.option("-Q", "--chores-queue", help="The name of the queue of the chores.")
def unsubscribe(
    url: str | None,
    queue: str | None,
    queue_routing_key: str | None,
    chores_url: str | None,
    chores_queue: str | None,
) -> None:
    """Remove the binding of the queue of incoming messages, and delete the queue of the chores.

    A queue of chores that somebody consumes stays, and so does the queue of incoming messages.
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
        _fail(error)
    try:
        topology.delete_chores_queue(
            settings.chores_broker_url,
            settings.chores_broker_queue,
            incoming=settings.protocol_broker_queue,
        )
    except AMQPError as error:
        reason = str(error) or repr(error)
        sys.exit(
            "swpt_accounts: the binding is removed, but the queue of chores"
            f" {settings.chores_broker_queue!r} could not be deleted: {reason}"
        )


@click.command("delete_queue")
@url_option
@queue_option
def delete_queue(url: str | None, queue: str | None) -> None:
    """Wait until the queue of incoming messages is empty and unused, then delete it."""
    settings = get_settings(protocol_broker_url=url, protocol_broker_queue=queue)
    stop = ShutdownEvent()
    stop.on_signals()
    try:
        is_gone = topology.delete_queue(
            settings.protocol_broker_url, settings.protocol_broker_queue, stop
        )
    except AMQPError as error:
        _fail(error)
    else:
        sys.exit(0 if is_gone else 1)


@click.command("create_chores_queue")
def create_chores_queue() -> None:
    """Declare the queue of the local tasks."""
    settings = get_settings()
    try:
        topology.create_chores_queue(settings.chores_broker_url, settings.chores_broker_queue)
    except (topology.TopologyError, AMQPError) as error:
        _fail(error)
