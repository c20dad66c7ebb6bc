"""The limit of a quorum queue on how often a message may come back to it.

What is beyond it leaves the queue. RabbitMQ has such a limit of its own since version 4. An
argument of the queue would remove it, but other programs that declare the same queue would then be
refused; so it is left to a policy, and `redelivery_reset.py` keeps the messages far below it.
"""

import json
import re
import shlex
from typing import Final

ARGUMENT: Final = "x-delivery-limit"
DEFAULT_LIMIT: Final = 20
_VERSION_WITH_DEFAULT: Final = (4,)


def version_numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version of the broker: `4.0.5` and `4.0.5-rc.1` are (4, 0, 5)."""
    found = re.match(r"[0-9]+(\.[0-9]+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def limit_advice(version: str, vhost: str, queue: str, limit: int | None) -> str | None:
    """A warning for operators about the delivery limit of a queue; None if there is no need.

    `limit` is the queue's argument, None where it has none. AMQP does not show policies.
    """
    if limit is not None:
        if limit < 0:
            return None
        return (
            f"the queue {queue!r} has the argument {ARGUMENT} {limit}: a message that comes back"
            " more often leaves it. No policy can raise that: delete the empty queue, and"
            " declare it again"
        )
    if version_numbers(version) < _VERSION_WITH_DEFAULT:
        return None
    return (
        f"RabbitMQ {version} takes a message out of the queue {queue!r} when it has come back more"
        f" than {DEFAULT_LIMIT} times, unless a policy, which AMQP does not tell, says otherwise:"
        f" {policy_command(vhost, queue)}"
    )


def policy_command(vhost: str, queue: str) -> str:
    """The command that removes the limit of a queue, for RabbitMQ 4 and newer."""
    arguments = ("set_policy", "-p", vhost, f"{queue}-no-delivery-limit", f"^{re.escape(queue)}$")
    definition = json.dumps({"delivery-limit": -1})
    return shlex.join(("rabbitmqctl", *arguments, definition, "--apply-to", "quorum_queues"))
