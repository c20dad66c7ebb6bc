"""What processes say about themselves: metrics, and signs of life. Read by `exporter`."""
