"""What processes record about themselves. Read by `exporter`."""
