-- Statements of the sessions in which operators change a whole database: moves and splits.

-- name: without_time_limit
-- It is of version 17, and the role may have set it.
SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'

-- name: one_at_a_time
-- No two moves at once, nor a move and an upgrade.
SELECT pg_try_advisory_lock(hashtext('swpt_accounts procedures'))

-- name: next_one
SELECT pg_advisory_unlock(hashtext('swpt_accounts procedures'))
