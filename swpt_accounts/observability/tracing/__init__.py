"""Spans of messages, for OpenTelemetry. Off, nothing of its libraries is imported.

`context.py` is the text that goes with a message through the tables. Only `exporting.py`,
`receiving.py` and `sending.py` import OpenTelemetry; `switch.py` imports them when it is on.
"""
