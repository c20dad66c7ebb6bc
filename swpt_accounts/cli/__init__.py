"""The commands: `flask swpt_accounts COMMAND`. Each is one thin function."""

from swpt_accounts.cli import consuming, flushing, scanning, shards, staging, topology
from swpt_accounts.cli.group import swpt_accounts

__all__ = ["consuming", "flushing", "scanning", "shards", "staging", "swpt_accounts", "topology"]
