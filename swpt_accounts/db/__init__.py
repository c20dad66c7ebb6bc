"""The database: tables, stored procedures, and the connections of the workers."""
