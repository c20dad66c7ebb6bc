"""The log of a process: one line for each event, as text or as JSON."""

from swpt_accounts.logs.configuring import configure_logging

__all__ = ["configure_logging"]
