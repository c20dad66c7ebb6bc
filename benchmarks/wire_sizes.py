"""How large messages are, and how much goes over the network."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentkit.keys import ACCOUNTS_IN, TO_CREDITORS, TO_DEBTORS
from benchmarks.authority import Authority

QUEUE = "benchmark_sizes"


def loopback_bytes() -> int:
    """What has gone over the loopback interface, with the headers of TCP and IP."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == "lo":
            return int(numbers.split()[0])
    return 0


@contextmanager
def copies(authority: Authority) -> Iterator[None]:
    """Until the context ends, a copy of each message goes to a queue, too."""
    authority.broker.declare_queue(QUEUE, **{"x-queue-type": "quorum"})
    for exchange in (ACCOUNTS_IN, TO_CREDITORS, TO_DEBTORS):
        authority.broker.channel.queue_bind(QUEUE, exchange, "#")
    try:
        yield
    finally:
        authority.broker.channel.queue_delete(QUEUE)


def body_sizes(authority: Authority) -> dict[str, list[int]]:
    """Takes all copies out of the queue. Returns the bytes of each body, by the type."""
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    while (message := authority.broker.get(QUEUE)) is not None:
        sizes[message.type or ""].append(len(message.body))
    return dict(sizes)
