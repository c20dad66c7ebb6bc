"""Splits a shard while it works, and moves one to another server (docs/decisions/0026)."""
