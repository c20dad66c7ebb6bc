"""Proofs over the whole database: that its records are of this shard, and its books are right."""
