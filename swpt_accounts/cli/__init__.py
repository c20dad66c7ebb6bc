"""The commands: `flask swpt_accounts COMMAND`. Each is one thin function."""

from swpt_accounts.cli.group import swpt_accounts

__all__ = ["swpt_accounts"]
