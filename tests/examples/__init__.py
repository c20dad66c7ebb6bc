"""Examples by hand of the rules about money, each of them for the oracle and for the database."""
