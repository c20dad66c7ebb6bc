"""The rehearsal of a split: each of its commands fails at each of its steps, under traffic.

A step is a statement, the end of a transaction, or a frame to the broker. `failing.py` runs a
command and lets one of its steps fail; `place.py` has the shards, on two servers; `rehearsal.py`
says what must be true after each failure, and `engine.py` goes through all steps.
"""
