"""URLs, whose passwords nobody is to see."""

import re
from ast import literal_eval
from typing import Final
from urllib.parse import parse_qsl, urlsplit

RULE: Final = "; a special symbol in a password, such as `%`, `@` or `#`, has to be percent-encoded"
_WRONG_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_HARMLESS_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[\w.-]*)(:[0-9]*)?(/[\w.%/-]*)?")


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
    options = dict(parse_qsl(query)).get("ssl_options", "{}")
    try:
        is_wrong = not isinstance(literal_eval(options), dict)
    except (SyntaxError, MemoryError, RecursionError, TypeError):
        is_wrong = True
    if is_wrong:
        raise ValueError


def without_password(text: str) -> str:
    """Mask everything in a URL that is not surely a scheme, a host, a port or a path."""
    scheme, separator, rest = text.rpartition("://")
    _, at, address = rest.rpartition("@")
    address = address if _HARMLESS_ADDRESS.fullmatch(address) else "***"
    scheme = scheme if re.fullmatch(r"[a-z+]*", scheme) else "***"
    return f"{scheme}{separator}{'***@' if at else ''}{address}"
