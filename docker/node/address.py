"""Where a node is reached: the file stomp.toml."""

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from .certificates import AUTHORITIES, CREDITORS, DEBTORS, Refusal

BYTES_MAX = 16 * 1024
EXCHANGES = {AUTHORITIES: "accounts_in", CREDITORS: "creditors_in", DEBTORS: "debtors_in"}
_SERVERS_MAX = 100
# As in the header of a frame of STOMP.
_CHARACTERS_MAX = 500
_LABEL = "(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_PORT = re.compile("[0-9]{1,5}")


@dataclass(frozen=True)
class Address:
    """What other people's programs read in the file, but for a login."""

    servers: list[tuple[str, int]]
    host: str
    destination: str


def server(text: Any) -> tuple[str, int]:
    """HOST:PORT, or `Refusal`."""
    host, _, port = text.partition(":") if isinstance(text, str) else ("", "", "")
    if not (_HOST.fullmatch(host) and len(host) <= 253 and _PORT.fullmatch(port)):
        raise Refusal(f"the address of a server is HOST:PORT, by name or IPv4, not {text!r:.100}")
    if not 1 <= int(port) <= 65535:
        raise Refusal(f"the port of a server is between 1 and 65535, not {port}")
    return host, int(port)


def read_address(content: bytes) -> Address:
    """Raises `Refusal` if other people's programs could not use it."""
    try:
        data = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise Refusal(f"stomp.toml is not what TOML is: {' '.join(str(error).split())}") from error
    servers = data.get("servers")
    if not isinstance(servers, list) or not 1 <= len(servers) <= _SERVERS_MAX:
        raise Refusal("stomp.toml has no list of servers")
    types = data.get("accepted-content-types", [])
    if not isinstance(types, list) or not all(isinstance(item, str) for item in types):
        raise Refusal("accepted-content-types in stomp.toml is no list of texts")
    for key in ("host", "destination", "login", "passcode"):
        _check_text(key, data.get(key, "" if key in ("login", "passcode") else None))
    return Address([server(item) for item in servers], data["host"], data["destination"])


def _check_text(key: str, value: Any) -> None:
    if not isinstance(value, str) or len(value) > _CHARACTERS_MAX:
        raise Refusal(f"stomp.toml has no {key} of at most {_CHARACTERS_MAX} characters")
    if value and not value.isprintable():
        raise Refusal(f"{key} in stomp.toml has characters that cannot be printed")


def new_address(node_type: str, text: str) -> str:
    """The file of a new node."""
    server(text)
    return f'servers = ["{text}"]\nhost = "/"\ndestination = "/exchange/{EXCHANGES[node_type]}"'
