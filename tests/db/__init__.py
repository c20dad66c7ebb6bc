"""The tables and the stored procedures, on a real PostgreSQL."""
