"""Who may look, and how they sign in and out.

Visitors have the token, in a session or in a header, or come through a proxy that names them.
Nothing is kept: a session is a cookie that Flask signs, with a key made of the tokens.
"""

import hmac
import logging
import threading
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network
from secrets import token_hex
from typing import Final

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    session,
)
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as AnyResponse

from swpt_accounts.console.context import here
from swpt_accounts.observability.events.console import CONSOLE_TOKENS_WRONG
from swpt_accounts.observability.log.throttle import LogThrottle
from swpt_accounts.settings import Settings

logger = logging.getLogger(__name__)
sign_in_pages = Blueprint("sign_in", __name__)

SESSION_SECONDS: Final = 8 * 3600
FORM_SECONDS: Final = 3600
_USER_LENGTH_MAX: Final = 200
_THROTTLE_SECONDS: Final = 60.0
_WRONG: Final = "The token is wrong."
_NOBODY: Final = "Only the proxy before this console signs users in, and it has named nobody."
_OPEN_ENDPOINTS: Final = ("sign_in.style", "sign_in.sign_in")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who may look. `name` is what a proxy calls them; `session` distinguishes them."""

    name: str | None
    session: str


def same(a: str, b: str) -> bool:
    """Whether two texts are equal, in a time that depends on neither."""
    return hmac.compare_digest(*(sha256(x.encode("utf-8", "replace")).digest() for x in (a, b)))


class _Sessions(SecureCookieSessionInterface):
    """Who has come by TLS gets a cookie for TLS alone."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"


class Authenticator:
    def __init__(self, settings: Settings) -> None:
        self._token = settings.console_token
        self._actions_token = settings.console_actions_token
        self._header = settings.console_user_header
        self._networks = [
            ip_network(text, strict=False) for text in settings.console_proxy_addresses.split()
        ]
        self._key = f"{self._token}\0{self._actions_token}" if self._token else token_hex(32)
        self._forms = URLSafeTimedSerializer(self._key, salt="form")
        self._lock = threading.Lock()
        self._throttle = LogThrottle(_THROTTLE_SECONDS)

    def register(self, app: Flask) -> None:
        """Let the application have sessions, and answer nobody else."""
        app.config.update(
            SECRET_KEY=self._key,
            SESSION_COOKIE_NAME="swpt_console",
            SESSION_COOKIE_SAMESITE="Strict",
            SESSION_REFRESH_EACH_REQUEST=False,
            PERMANENT_SESSION_LIFETIME=timedelta(seconds=SESSION_SECONDS),
        )
        app.session_interface = _Sessions()
        app.before_request(self._let_in)
        app.register_blueprint(sign_in_pages)

    def _let_in(self) -> Response | None:
        """The same answer to everybody who may not look, whatever they ask for."""
        g.visitor = self.visitor()
        is_open = g.visitor is not None or request.endpoint in _OPEN_ENDPOINTS
        return None if is_open else refusal(self._failure())

    def _failure(self) -> str:
        """Why this request is not that of a visitor, if it tried to be; else an empty string."""
        if self._token is None:
            return _NOBODY
        if "Authorization" in request.headers:
            return _WRONG
        is_old = current_app.config["SESSION_COOKIE_NAME"] in request.cookies
        return "The session has ended. Sign in again." if is_old else ""

    @property
    def has_actions(self) -> bool:
        return self._actions_token is not None

    def visitor(self) -> Visitor | None:
        """Who has sent this request; None if they may not look."""
        if (name := self._proxied(request.headers, request.remote_addr or "")) is not None:
            return Visitor(name, f"user {name}")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.has_token(token):
            return Visitor(None, "bearer")
        return Visitor(None, session["id"]) if self._token and "id" in session else None

    def _proxied(self, headers: Headers, address: str) -> str | None:
        if self._header is None:
            return None
        # (The server refuses one that comes twice.)
        name = headers.get(self._header, "")
        is_name = 0 < len(name) <= _USER_LENGTH_MAX
        return name if is_name and self._is_proxy(address) else None

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

    def form_token(self, visitor: Visitor) -> str:
        """What a form of this visitor has to send back: no page of anybody else has it."""
        token: str = self._forms.dumps(visitor.session)
        return token

    def is_form_token(self, visitor: Visitor, text: str) -> bool:
        try:
            return bool(self._forms.loads(text, max_age=FORM_SECONDS) == visitor.session)
        except BadSignature:
            return False

    def note_wrong_token(self) -> None:
        """Log it, once a minute at most."""
        with self._lock:
            if not self._throttle.allows(None):
                return
            count = 1 + self._throttle.take_suppressed_count()
        CONSOLE_TOKENS_WRONG.log(logger, count=count)


def refusal(failure: str = "") -> Response:
    """The answer to everybody who may not look, and what has failed, if they tried."""
    return Response(render_template("sign_in.html", failure=failure), 401)


def _is_from_elsewhere() -> bool:
    """Whether the browser says that a page of another site has sent this request."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    if site not in ("same-origin", "none") or origin == "null":
        return True
    return origin is not None and origin.partition("://")[2] != request.host


def check_form() -> None:
    """Refuse a form that was not sent by a page of this visitor's console."""
    token = request.form.get("form_token", "")
    if _is_from_elsewhere() or not here().auth.is_form_token(g.visitor, token):
        abort(403, "The form has expired, or is not of this console. Go back and reload the page.")


@sign_in_pages.get("/sign-in.css")
def style() -> Response:
    return current_app.send_static_file("sign-in.css")


@sign_in_pages.post("/sign-in")
def sign_in() -> AnyResponse:
    auth = here().auth
    if _is_from_elsewhere():
        return refusal("A page of another site has sent this form. Sign in here.")
    if not auth.has_token(request.form.get("token", "")):
        auth.note_wrong_token()
        return refusal(_WRONG if here().settings.console_token else _NOBODY)
    session.permanent = True
    session["id"] = token_hex(16)
    return redirect("/", 303)


@sign_in_pages.post("/sign-out")
def sign_out() -> AnyResponse:
    check_form()
    session.clear()
    return redirect("/", 303)
