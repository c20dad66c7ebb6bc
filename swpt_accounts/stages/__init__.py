"""From the database to the database: the stages of a transfer."""
