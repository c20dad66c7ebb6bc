"""The console: pages that show what the authority does, to people who may see it.

It only reads, with a role of its own; its few actions need a second token. It imports Flask, and
nothing imports it: gunicorn loads it (`gunicorn_conf.py`).
"""
