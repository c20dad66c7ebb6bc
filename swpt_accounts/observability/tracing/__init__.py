"""Spans of messages, for OpenTelemetry. Off, nothing of its libraries is imported.

`context.py` is the text that goes with a message through the tables. `setup.py` imports the other
modules when tracing is on, and they import OpenTelemetry.
"""
