"""Moving in from the reference, and out again (docs/decisions/0020)."""
