-- Statements of the sessions in which operators change a whole database.

-- name: without_time_limit
-- It is of version 17, and the role may have set it.
SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'

-- name: try_lock
-- One takeover, split or upgrade of a database at a time.
SELECT pg_try_advisory_lock(hashtext('swpt_accounts procedures'))

-- name: unlock
SELECT pg_advisory_unlock(hashtext('swpt_accounts procedures'))
