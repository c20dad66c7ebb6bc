"""What a shard does right now, and what is wrong with it: read in a moment, changing nothing."""
