-- The statements that the program sends beside the calls of stored procedures.
-- In braces: identifiers that are filled in.

-- name: take_signals
-- Removes the oldest rows of an outbox table that nobody else is sending, and returns them.
WITH oldest AS MATERIALIZED (
    SELECT id
    FROM {table}
    WHERE id > %(after_id)s
    ORDER BY id
    LIMIT %(count_max)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM {table} AS s USING oldest AS o WHERE s.id = o.id
RETURNING s.id, {columns}

-- name: first_row
SELECT id FROM {table} WHERE id > %(after_id)s ORDER BY id LIMIT 1

-- name: owners
-- The accounts to which the rows of a table belong.
SELECT {owner} FROM {table} AS q
