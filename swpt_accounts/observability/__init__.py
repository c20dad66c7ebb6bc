"""Metrics, heartbeats, log and traces: what the processes record about themselves."""
