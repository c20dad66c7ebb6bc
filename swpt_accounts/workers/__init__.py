"""Processes, threads, signals, and waiting."""
