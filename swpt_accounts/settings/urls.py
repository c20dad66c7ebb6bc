"""Checks URLs, and hides their passwords."""

import re
from ast import literal_eval
from typing import Final
from urllib.parse import parse_qsl, urlsplit

_RULE: Final = (
    "; a special symbol in a password, such as `%`, `@` or `#`, has to be percent-encoded"
)
_BROKER_RULE: Final = "; `ssl_options`, if there, is a dictionary with `ca_certs`"
_AUTHORITIES: Final = frozenset(("ca_certs", "cafile", "ca_path", "capath", "ca_data", "cadata"))
_TEXTS: Final = _AUTHORITIES | {"certfile", "keyfile", "password", "ciphers", "server_hostname"}
_WRONG_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_HARMLESS_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[\w.-]*)(:[0-9]*)?(/[\w.%/-]*)?")


def rule(schemes: tuple[str, ...]) -> str:
    """What else must be true of a URL with one of these schemes."""
    return _RULE + (_BROKER_RULE if "amqp" in schemes else "")


def check_url(url: str, schemes: tuple[str, ...]) -> None:
    """Raise `ValueError` if a URL has none of the schemes, or would be understood wrongly.

    Libraries do not agree on what a symbol means that is not encoded: to one of them a part of a
    password is the host, and another one shows it in what it says.
    """
    parts = urlsplit(url)  # Raises `ValueError` for a wrong IPv6 address.
    if parts.scheme not in schemes or not url.isprintable() or " " in url:
        raise ValueError
    if parts.port == 0 or not url.startswith(f"{parts.scheme}://"):
        raise ValueError
    if "#" in url or "@" in parts.path + parts.query:
        raise ValueError
    if "postgresql" in schemes:
        # Libpq shows what it cannot decode.
        if _WRONG_PERCENT.search(url):
            raise ValueError
    elif not parts.hostname:
        # (PostgreSQL has Unix sockets, which have no host.)
        raise ValueError
    if "amqp" in schemes:
        _check_broker(parts.username, parts.password, parts.query)


def _check_broker(user: str | None, password: str | None, query: str) -> None:
    """Raise `ValueError` for what pika does not understand."""
    if (user is None) != (password is None):
        raise ValueError
    options = dict(parse_qsl(query, keep_blank_values=True)).get("ssl_options")
    try:
        is_wrong = options is not None and not _are_options(literal_eval(options))
    except (SyntaxError, MemoryError, RecursionError, TypeError):
        is_wrong = True
    if is_wrong:
        raise ValueError


def _are_options(value: object) -> bool:
    """Whether these are TLS options with which pika can connect."""
    if not isinstance(value, dict):
        return False
    texts = {name: text for name, text in value.items() if name in _TEXTS}
    return all(isinstance(text, str) and text for text in texts.values()) and any(
        name in _AUTHORITIES for name in texts
    )


def without_password(text: str) -> str:
    """Mask everything in a URL that is not surely a scheme, a host, a port or a path."""
    scheme, separator, rest = text.rpartition("://")
    _, at, address = rest.rpartition("@")
    address = address if _HARMLESS_ADDRESS.fullmatch(address) else "***"
    scheme = scheme if re.fullmatch(r"[a-z+]*", scheme) else "***"
    return f"{scheme}{separator}{'***@' if at else ''}{address}"
