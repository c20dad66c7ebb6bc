"""Who may look: whoever has the token, or comes through the proxy."""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address, ip_network
from secrets import token_hex
from time import time
from typing import Final

from werkzeug.datastructures import Headers

from swpt_accounts.settings import Settings

COOKIE: Final = "swpt_console"
SESSION_SECONDS: Final = 8 * 3600
# A form may lie open for so long.
_FORM_SECONDS: Final = 3600
_USER_LENGTH_MAX = 200
_COOKIE_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may look. `name` is what a proxy calls them; `session` distinguishes them."""

    name: str | None
    session: str


def _mac(key: str, *parts: str) -> str:
    return hmac.new(key.encode(), "\0".join(parts).encode("utf-8", "replace"), sha256).hexdigest()


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "replace")).digest()


def same(a: str, b: str) -> bool:
    """Whether two texts are equal, in a time that tells neither their difference nor length."""
    return hmac.compare_digest(_digest(a), _digest(b))


class Guard:
    """Lets visitors in. It keeps nothing: a session is a signed cookie."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.console_token
        self._actions_token = settings.console_actions_token
        self._header = settings.console_user_header
        self._networks = [
            ip_network(text, strict=False) for text in settings.console_proxy_addresses.split()
        ]

    @property
    def has_actions(self) -> bool:
        return self._actions_token is not None

    def visitor(
        self, *, cookie: str, authorization: str, headers: Headers, address: str
    ) -> Visitor | None:
        """Who asks; `None` if it is nobody who may."""
        if (name := self._proxied(headers, address)) is not None:
            return Visitor(name, f"user {name}")
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and self.has_token(token):
            return Visitor(None, "bearer")
        return Visitor(None, cookie) if self._is_session(cookie) else None

    def _proxied(self, headers: Headers, address: str) -> str | None:
        if self._header is None:
            return None
        # One that came twice may have been added to what the client had sent.
        names = headers.getlist(self._header)
        if len(names) != 1 or not 0 < len(names[0]) <= _USER_LENGTH_MAX:
            return None
        return names[0] if self._is_proxy(address) else None

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)

    def has_token(self, token: str) -> bool:
        """Whether it is the token with which people sign in."""
        # Compared in any case, so that it takes as long where there is none.
        is_same = same(token, self._token or token_hex(16))
        return is_same and self._token is not None

    def may_act(self, token: str) -> bool:
        """Whether it is the token for actions."""
        is_same = same(token, self._actions_token or token_hex(16))
        return is_same and self._actions_token is not None

    def new_session(self) -> str:
        """The value of a cookie for somebody who has shown the token."""
        assert self._token is not None
        end = str(int(time()) + SESSION_SECONDS)
        nonce = token_hex(16)
        return f"{end}.{nonce}.{_mac(self._token, 'session', end, nonce)}"

    def _is_session(self, cookie: str) -> bool:
        if self._token is None or len(cookie) > _COOKIE_LENGTH_MAX:
            return False
        end, _, rest = cookie.partition(".")
        nonce, _, mac = rest.partition(".")
        is_signed = same(mac, _mac(self._token, "session", end, nonce))
        return is_signed and int(end) > time()

    def form_token(self, visitor: Visitor) -> str:
        """What a form of this visitor has to send back: nobody else's page knows it."""
        until = str(int(time()) + _FORM_SECONDS)
        return f"{until}.{self._form_mac(visitor, until)}"

    def is_form_token(self, visitor: Visitor, text: str) -> bool:
        until, _, mac = text.partition(".")
        return same(mac, self._form_mac(visitor, until)) and int(until) > time()

    def _form_mac(self, visitor: Visitor, until: str) -> str:
        return _mac(f"{self._token}\0{self._actions_token}", "form", visitor.session, until)
