"""Takes over a database of the reference implementation, and gives it back: docs/decisions/0020."""
