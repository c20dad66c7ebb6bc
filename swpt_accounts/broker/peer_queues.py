"""The queues of peers, as the management of RabbitMQ knows them: how full, and with what bound."""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import ProxyHandler, Request, build_opener

from swpt_accounts.broker.connections import connection_parameters

PATTERN: Final = re.compile(r"(aa|peer)\.[0-9a-f]{32}(\.[0-9]+)?")
"""The names that operators give to these queues; the shipped policy has the same."""
_BYTES_MAX: Final = 10_000_000
_COLUMNS: Final = "name,messages,message_bytes,effective_policy_definition"


@dataclass(frozen=True, slots=True)
class PeerQueue:
    """A queue of a peer. `is_bounded`: it refuses what is too much, and drops nothing."""

    name: str
    is_bounded: bool
    full_ratio: float


def peer_queues(management_url: str, broker_url: str, seconds_max: float) -> list[PeerQueue]:
    """The queues of peers in the virtual host of the broker.

    Raises `OSError` if the management does not answer, and `ValueError` if it does not make sense.
    """
    parts = urlsplit(management_url)
    user, password = unquote(parts.username or "guest"), unquote(parts.password or "guest")
    vhost = quote(connection_parameters(broker_url, "").virtual_host, safe="")
    address = parts._replace(
        netloc=parts.netloc.rpartition("@")[2],
        path=f"{parts.path.rstrip('/')}/api/queues/{vhost}",
        query=f"columns={_COLUMNS}&disable_stats=false",
    )
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"}
    request = Request(urlunsplit(address), headers=headers)  # noqa: S310 (settings check the scheme)
    # without a proxy that the environment may name
    with build_opener(ProxyHandler({})).open(request, timeout=seconds_max) as answer:
        found = json.loads(answer.read(_BYTES_MAX))
    return [_read(queue) for queue in found if PATTERN.fullmatch(queue["name"])]


def _read(queue: dict[str, Any]) -> PeerQueue:
    policy = queue.get("effective_policy_definition") or {}
    limits = {"max-length": "messages", "max-length-bytes": "message_bytes"}
    ratios = [
        (queue.get(column) or 0) / policy[limit]
        for limit, column in limits.items()
        if policy.get(limit)
    ]
    is_bounded = bool(ratios) and policy.get("overflow") == "reject-publish"
    return PeerQueue(queue["name"], is_bounded, max(ratios, default=0.0))
