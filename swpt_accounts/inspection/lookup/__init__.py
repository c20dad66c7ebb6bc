"""Where a transfer is: questions about single transfers, accounts, and the journal.

Each function takes a `LookupReader` and returns plain objects. Nothing is changed, and every answer
is bounded: see `session.ROWS_COUNT_MAX`.
"""
