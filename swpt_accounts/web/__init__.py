"""The fetch API: what other servers may ask about accounts (docs/reference/fetch-api.md)."""

from swpt_accounts.web.views import fetch_api

__all__ = ["fetch_api"]
