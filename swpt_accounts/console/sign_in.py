"""Signing in and out, and whether a form comes from a page of this console."""

import logging
import threading
from time import monotonic
from typing import Final

from flask import Blueprint, Response, abort, current_app, g, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from swpt_accounts.console.access import COOKIE, SESSION_SECONDS
from swpt_accounts.console.context import here
from swpt_accounts.observability.events.console import CONSOLE_TOKENS_WRONG

logger = logging.getLogger(__name__)
signing = Blueprint("signing", __name__)

_TOLD_SECONDS: Final = 60.0


class _WrongTokens:
    """Tells of wrong tokens, in a line a minute at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._told_at = -_TOLD_SECONDS

    def add(self) -> None:
        with self._lock:
            self._count += 1
            if monotonic() - self._told_at < _TOLD_SECONDS:
                return
            self._told_at = monotonic()
            count, self._count = self._count, 0
        CONSOLE_TOKENS_WRONG.log(logger, count=count)


_wrong_tokens = _WrongTokens()


def refusal() -> Response:
    """What is said to whoever may not look, whatever they have asked for."""
    return Response(render_template("sign_in.html"), 401)


def is_from_elsewhere() -> bool:
    """Whether the browser says that a page of somebody else has sent this request."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    if site not in ("same-origin", "none") or origin == "null":
        return True
    return origin is not None and origin.partition("://")[2] != request.host


def wrong_token() -> None:
    """Note that somebody has shown a wrong token."""
    _wrong_tokens.add()


def check_form() -> None:
    """Refuse a form that no page of this visitor's console has sent."""
    if is_from_elsewhere() or not here().guard.is_form_token(
        g.visitor, request.form.get("form_token", "")
    ):
        abort(403, "This form is too old, or not of this console. Go back, and load the page anew.")


@signing.get("/sign-in.css")
def style() -> Response:
    """What the page for signing in looks like. It is for everybody, and tells nothing."""
    return current_app.send_static_file("sign-in.css")


@signing.post("/sign-in")
def sign_in() -> AnyResponse:
    """Let somebody in who has the token."""
    guard = here().guard
    if is_from_elsewhere() or not guard.has_token(request.form.get("token", "")):
        wrong_token()
        return refusal()
    response = redirect("/", 303)
    is_secure = request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
    response.set_cookie(
        COOKIE,
        guard.new_session(),
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="Strict",
        secure=is_secure,
    )
    return response


@signing.post("/sign-out")
def sign_out() -> AnyResponse:
    """Forget who this is."""
    check_form()
    response = redirect("/", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict")
    return response
