"""Shows what the processes of a container record: metrics for Prometheus, and their health."""
