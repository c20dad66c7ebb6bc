"""What other shards are asked: over HTTP, beside the work, never within a transaction."""
