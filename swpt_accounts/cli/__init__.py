"""The commands: `python -m swpt_accounts COMMAND`. Each is one short function."""

from swpt_accounts.cli.group import swpt_accounts

__all__ = ["swpt_accounts"]
