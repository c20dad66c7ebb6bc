"""The fetch API: what other servers may ask about accounts (docs/reference/fetch-api.md)."""
