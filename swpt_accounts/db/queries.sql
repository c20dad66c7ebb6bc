-- The statements that the program sends beside the calls of stored procedures.
-- In braces: identifiers that are filled in.

-- name: take_signals
-- Removes the oldest rows of an outbox table that nobody else is sending, and returns them.
DELETE FROM {table} AS s
WHERE s.ctid = ANY (ARRAY(
    SELECT ctid
    FROM {table}
    WHERE id > %(after_id)s
    ORDER BY id
    LIMIT %(count_max)s
    FOR UPDATE SKIP LOCKED
))
RETURNING s.id, {columns}

-- name: filled_outbox
-- The name of an outbox, if there is a row in it.
SELECT {name} WHERE EXISTS (SELECT FROM {table} WHERE id > {after_id})

-- name: has_due_messages
-- The name of the messages that are put aside, if one of these types is due.
SELECT {name} WHERE has_due_messages({signal_names})

-- name: keep_alive
-- Says that the transaction is not forgotten.
SELECT 1

-- name: has_rows
SELECT 1 WHERE EXISTS (SELECT FROM {table} WHERE id > $1)

-- name: has_due_requests
SELECT 1 WHERE EXISTS (
    SELECT FROM unverified_transfer_request WHERE next_attempt_at <= current_ts()
)

-- name: first_row
SELECT id FROM {table} WHERE id > %(after_id)s ORDER BY id LIMIT 1

-- name: owners
-- The accounts to which the rows of a table belong.
SELECT {owner} FROM {table} AS q

-- name: is_installed
-- Whether the procedures of a version are installed.
SELECT EXISTS (SELECT FROM procedures_version WHERE version = %(version)s)
