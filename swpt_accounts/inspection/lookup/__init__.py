"""Where a transfer is: questions about single transfers, accounts, and what the journal has.

Each function gets a `Reader` and returns plain objects. Nothing is changed, and no answer is long:
see `reading.ROWS_COUNT_MAX`.
"""
