"""A console in the browser: what the authority does, for people who may see it.

It only reads, with a role of its own; what it may do beside that has a second token. It knows
Flask, and nothing imports it: gunicorn loads it (`serving.py`).
"""
