"""Questions to other shards: over HTTP, while other work goes on, never within a transaction."""
