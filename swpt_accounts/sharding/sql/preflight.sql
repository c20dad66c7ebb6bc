-- What `shards` asks the servers of the parent and of its children, before anything is changed.

-- name: identity
-- Which database it is, in which cluster.
SELECT (SELECT system_identifier FROM pg_control_system())::text || '-' || d.oid AS identity, d.oid
FROM pg_database AS d
WHERE d.datname = current_database()

-- name: timeline
-- Another one when a standby, or a restored copy, has taken the place of the server.
SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline

-- name: whose_tables
SELECT to_regclass('account_key') IS NOT NULL AS has_tables

-- name: server
SELECT
    current_setting('wal_level') AS wal_level,
    current_setting('max_replication_slots')::int
        - (SELECT count(*) FROM pg_replication_slots) AS free_slots_count,
    -- of a subscription, and of each table that it copies; since PostgreSQL 18 they have a setting
    -- of their own
    coalesce(
        current_setting('max_active_replication_origins', true), current_setting('max_replication_slots')
    )::int
        - (SELECT count(*) FROM pg_replication_origin) AS free_origins_count,
    current_setting('max_wal_senders')::int
        - (SELECT count(*) FROM pg_stat_replication) AS free_senders_count,
    current_setting('synchronous_standby_names') AS synchronous_standbys,
    current_setting('max_slot_wal_keep_size') AS kept_wal_max,
    current_setting('max_logical_replication_workers')::int AS replication_workers_count,
    pg_is_in_recovery() AS is_replica,
    r.rolsuper OR r.rolreplication AS may_replicate,
    r.rolsuper OR coalesce((
        SELECT pg_has_role(oid, 'USAGE') FROM pg_roles
        WHERE rolname = 'pg_create_subscription'
    ), false) AS may_subscribe,
    has_database_privilege(current_database(), 'CREATE') AS may_create,
    (SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE oid = ANY (%(tables)s::regclass[]))
        AS owns_tables,
    (SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'account'::regclass)
        AS schema,
    (SELECT max(version_num) FROM alembic_version) AS revision,
    EXISTS (SELECT FROM procedures_version WHERE version = %(version)s) AS is_installed,
    EXISTS (SELECT FROM move WHERE NOT is_copied) AS is_moving,
    (
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND application_name LIKE 'swpt_accounts %%'
            AND application_name <> 'swpt_accounts shards'
    ) AS workers_count,
    (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'account'::regclass)
        AS accounts_count,
    (SELECT sum(pg_total_relation_size(t)) FROM unnest(%(tables)s::regclass[]) AS t)::bigint
        AS bytes_count
FROM pg_roles AS r
WHERE r.rolname = current_user

-- name: estimates
-- About how many rows each table has.
SELECT relname AS table, greatest(reltuples, 0)::bigint AS rows_count
FROM pg_class WHERE oid = ANY (%(tables)s::regclass[])

-- name: has_row
SELECT EXISTS (SELECT FROM {table}) AS found
