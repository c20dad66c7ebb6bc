"""The short way to an answer, past the routing and the contexts of Flask.

They would take more time than all the rest that the program does for a request.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from swpt_accounts.web.answers import Answer, answer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Shortcut:
    """A WSGI application before that of Flask.

    It answers to plain GET requests about accounts as the views do, and leaves to Flask all
    the others, and what is to be done about an error.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._wsgi_app = app.wsgi_app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        try:
            found = self._answer(environ)
        except Exception as error:
            with self._app.request_context(environ):
                return self._app.handle_exception(error)(environ, start_response)
        if found is None:
            return self._wsgi_app(environ, start_response)
        start_response(found.status, list(found.headers))
        return (found.body,) if found.body else ()

    def _answer(self, environ: "WSGIEnvironment") -> Answer | None:
        parts = environ["PATH_INFO"].split("/")
        if environ["REQUEST_METHOD"] != "GET" or len(parts) != 5 or parts[1] != "accounts":
            return None
        return answer(self._app.extensions["swpt_accounts_settings"], *parts[2:])
