"""Requests to other shards over HTTP: asynchronous, and never within a transaction."""
