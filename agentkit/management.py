"""The management API of the broker: what AMQP itself does not report."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from agentkit.broker import CONNECTION_NAME
from agentkit.processes import ROOT

_TIMEOUT_SECONDS = 15


class Management:
    """A user of the API, who may do everything."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._user = parts.username or "guest"
        self._base = f"{parts.scheme}://{parts.hostname}:{parts.port}/api"
        self._session = requests.Session()
        # The servers of one's own node are not behind a proxy of the environment.
        self._session.trust_env = False
        self._session.auth = (self._user, parts.password or "guest")

    def request(self, method: str, *path: str, body: Any = None) -> Any:
        """Call the API. Returns the answer; None if there is no such thing."""
        url = "/".join((self._base, *(quote(part, safe="") for part in path)))
        response = self._session.request(method, url, json=body, timeout=_TIMEOUT_SECONDS)
        if response.status_code == 404:
            return None
        response.raise_for_status()
        return response.json() if response.content else True

    @contextmanager
    def new_vhost(self, vhost: str) -> Iterator[str]:
        """A virtual host, for as long as the context lasts."""
        self.create_vhost(vhost)
        try:
            yield vhost
        finally:
            self.delete_vhost(vhost)

    def create_vhost(self, vhost: str) -> None:
        self.request("PUT", "vhosts", vhost)
        self.permit(vhost, self._user, ".*", ".*", ".*")

    def delete_vhost(self, vhost: str) -> None:
        self.request("DELETE", "vhosts", vhost)

    def create_user(self, name: str, password: str) -> None:
        self.request("PUT", "users", name, body={"password": password, "tags": ""})

    def delete_user(self, name: str) -> None:
        self.request("DELETE", "users", name)

    def permit(self, vhost: str, user: str, configure: str, write: str, read: str) -> None:
        """Say what a user may do: a regular expression for the names of each kind."""
        body = {"configure": configure, "write": write, "read": read}
        self.request("PUT", "permissions", vhost, user, body=body)

    def queue(self, vhost: str, name: str) -> Any:
        """The properties of a queue; None if there is none."""
        return self.request("GET", "queues", vhost, name)

    def exchange(self, vhost: str, name: str) -> Any:
        """The properties of an exchange; None if there is none."""
        return self.request("GET", "exchanges", vhost, name)

    def bindings(self, vhost: str) -> set[tuple[str, str, str, str]]:
        """All bindings: source, destination, routing key, and arguments as JSON."""
        return {
            (
                b["source"],
                b["destination"],
                b["routing_key"],
                json.dumps(b["arguments"], sort_keys=True),
            )
            for b in self.request("GET", "bindings", vhost)
            if b["source"]
        }

    def connections(self, vhost: str) -> list[str]:
        """The connections to a virtual host, without those of the kit."""
        return [
            c["name"]
            for c in self.request("GET", "vhosts", vhost, "connections")
            if c.get("name") and c.get("user_provided_name") != CONNECTION_NAME
        ]

    def close_connections(self, vhost: str) -> int:
        """Close all those connections. Returns how many there were."""
        return sum(
            self.request("DELETE", "connections", name) is not None
            for name in self.connections(vhost)
        )

    def close(self) -> None:
        self._session.close()


def permissions_of(user: str) -> dict[str, str]:
    """What a user of the whole node may configure, write and read."""
    text = (ROOT / "docker" / "rabbitmq" / "definitions.json").read_text()
    (found,) = (p for p in json.loads(text)["permissions"] if p["user"] == user)
    return {kind: found[kind] for kind in ("configure", "write", "read")}


class Users:
    """Users of a broker, with the permissions of those of the whole node."""

    def __init__(self, management: Management) -> None:
        self._management = management
        self._password = token_hex(8)
        # Others in this process may have users of their own.
        self._prefix = f"test_{os.getpid()}_{token_hex(4)}"
        self._names: set[str] = set()

    def url_as(self, user: str, url: str) -> str:
        """The same address, for that user; what it may do there, and nothing else."""
        name = f"{self._prefix}_{user}"
        if name not in self._names:
            self._management.create_user(name, self._password)
            self._names.add(name)
        parts = urlsplit(url)
        vhost = parts.path.removeprefix("/")
        self._management.permit(vhost, name, **permissions_of(user))
        address = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{name}:{self._password}@{address}").geturl()

    def delete_all(self) -> None:
        for name in self._names:
            self._management.delete_user(name)
