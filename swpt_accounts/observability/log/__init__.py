"""The log of a process: one line for each event, as text or as JSON."""

from swpt_accounts.observability.log.configuration import configure_logging

__all__ = ["configure_logging"]
