"""A small application behind the program's web worker."""

import threading
from collections.abc import Iterable
from typing import Any

BIG = b"0123456789abcdef" * 500_000
_goes_on = threading.Event()


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answers with what it was sent; with much; or when somebody has asked for the health."""
    path = environ["PATH_INFO"]
    if path == "/accounts/healthz":
        _goes_on.set()
    if path == "/wait":
        assert _goes_on.wait(60)
    body = BIG if path == "/big" else environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
