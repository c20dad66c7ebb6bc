"""An executable model of the accounting authority, to compare the real one with.

The *oracle* says in plain Python what the stored procedures must do. It is slow and
holds everything in memory; it shares no code with the server, so that a mistake in one
shows as a difference. Each module stands for one subject: `money` (balances), `preparing`,
`finalizing`, `balance_changes`, `chores`, `scans`. `oracle.Authority` is the way in.

Tests use it as a `node.Node`, which a database can be as well: so one example serves for both
(`tests/examples`), and one machine makes the same moves at both (`machine`).
"""
