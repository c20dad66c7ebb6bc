"""How many shards, cores and gigabytes an authority needs, from what the benchmark has measured."""
