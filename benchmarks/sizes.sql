-- What the scenario `sizes` asks the database.

-- name: tables
SELECT relname, pg_table_size(oid), pg_indexes_size(oid)
FROM pg_class
WHERE oid = ANY (%(tables)s::regclass[])

-- name: written
SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint

-- name: page_bytes
SELECT current_setting('block_size')::bigint

-- name: accounts
SELECT count(*) FROM account

-- name: handled
SELECT coalesce(sum(pg_column_size(digests)), 0)::float8, coalesce(sum(cardinality(digests)), 0)::bigint
FROM handled_batch

-- name: dead
SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables WHERE relname = 'account'

-- name: pending
SELECT count(*) FROM account WHERE pending_account_update

-- name: archived
SELECT count(*) FROM registered_balance_change
WHERE debtor_id = %(debtor_id)s AND is_applied

-- name: account
SELECT avg(pg_column_size(a.*))::float8 FROM account a WHERE debtor_id = %(debtor_id)s

-- name: situation
SELECT name, current_setting(name)
FROM unnest(ARRAY[
    'full_page_writes', 'checkpoint_timeout', 'max_wal_size', 'wal_compression', 'wal_level',
    'shared_buffers', 'fsync', 'synchronous_commit'
]) AS name
