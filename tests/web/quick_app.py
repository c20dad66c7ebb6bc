"""Stands for the application of the fetch API: about one account it needs a while."""

from collections.abc import Iterable, Sequence
from threading import Event
from typing import TYPE_CHECKING

from swpt_accounts.core.account_lists import Account
from swpt_accounts.settings import load_settings
from swpt_accounts.web.fetch_api import Answer, FetchApi

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HELD, BROKEN = 1, 2
HELD_SECONDS = 2.0


class _Api(FetchApi):
    def __init__(self) -> None:
        self._settings = load_settings({})

    def are_reachable(self, accounts: Sequence[Account]) -> list[Answer]:
        creditor_ids = [creditor_id for _, creditor_id in accounts]
        if HELD in creditor_ids:
            Event().wait(HELD_SECONDS)
        if BROKEN in creditor_ids:
            raise RuntimeError("there is an error in the program")
        # (a body as long as the clients want)
        return [Answer("200 OK", (("Content-Length", str(n)),), b"x" * n) for n in creditor_ids]

    def __call__(
        self, _environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "1"), ("X-Way", "of all requests")])
        return (b"!",)


app = _Api()
