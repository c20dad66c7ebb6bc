"""Between the driver and the authority: nothing, or the programs of two nodes."""

from collections.abc import Mapping, Sequence

from agentkit.broker import Broker
from agentkit.messages import encode


class Transport:
    """The driver speaks with the authority's own broker."""

    request_queue = ""
    """Where the driver sends to; without it, to the exchange for the messages to accounts."""

    def __init__(self, broker: Broker, broker_url: str, queue: str) -> None:
        """The queue is the one in which the driver finds what it hears."""
        self.broker_url = broker_url
        self.queue = queue
        self._broker = broker

    def programs(self) -> Mapping[str, Sequence[int]]:
        """The processes between them, by their roles."""
        return {}

    def finish(self, sentinel_number: int) -> None:
        """Tell the driver, after all else, that this was all."""
        sentinel = {"type": "Sentinel", "number": sentinel_number}
        self._broker.publish("", self.queue, encode(sentinel))
