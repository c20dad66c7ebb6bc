-- The statements about the reference's tables themselves (docs/decisions/0020). In braces: names of
-- schemas and tables.

-- name: columns
-- What there is of the reference's tables in a schema.
SELECT table_name, column_name
FROM information_schema.columns
WHERE table_schema = %(schema)s AND table_name = ANY (%(tables)s)

-- name: sizes
-- Of each table: its rows, as the planner believes; its pages; its bytes, with all indexes.
SELECT
    relname, greatest(reltuples, 0)::bigint AS rows_count,
    pg_relation_size(oid) / current_setting('block_size')::bigint AS pages_count,
    pg_total_relation_size(oid) AS bytes_count
FROM pg_class
WHERE relnamespace = %(schema)s::regnamespace AND relkind = 'r' AND relname = ANY (%(tables)s)

-- name: surroundings
-- What a move needs, besides tables. The option arrives only where no pooler keeps it.
SELECT
    current_setting('server_encoding') AS encoding,
    coalesce(current_setting('swpt_accounts.has_options', true), '') <> '' AS has_options,
    pg_backend_pid() AS pid,
    current_setting('transaction_read_only')::boolean AS is_read_only,
    has_database_privilege(current_database(), 'CREATE')
        AND has_database_privilege(current_database(), 'TEMPORARY')
        AND has_schema_privilege(%(schema)s, 'CREATE') AS may_create,
    (
        SELECT string_agg(relname, ', ' ORDER BY relname)
        FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
        WHERE nspname = %(schema)s AND relkind = 'r' AND relname = ANY (%(tables)s)
            AND NOT pg_has_role(relowner, 'USAGE')
    ) AS others_tables,
    (
        SELECT min(nspname)
        FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
        WHERE nspname = ANY (%(wanted)s) AND relkind = 'r'
    ) AS taken

-- name: count
SELECT count(*) FROM {schema}.{table}

-- name: lock
LOCK TABLE ONLY {schema}.{table} IN ACCESS EXCLUSIVE MODE

-- name: end_holders
-- Ends the sessions of our own roles that have locked a table, and tells of all of them. (Another
-- database, that is a copy, has a table of the same number.) An autovacuum is ended by the server, for
-- whoever has waited long enough; it is known by its lock, for nothing else of it is shown to everybody.
SELECT
    l.pid, coalesce(a.usename::text, 'of the server') AS role,
    coalesce(a.application_name, '') AS program,
    l.is_vacuum,
    CASE WHEN may_end THEN pg_terminate_backend(l.pid) ELSE false END AS is_ended
FROM (
    SELECT pid, bool_or(mode = 'ShareUpdateExclusiveLock') AS is_vacuum
    FROM pg_locks
    WHERE granted AND relation = %(table)s::regclass
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY pid
) AS l
JOIN pg_stat_activity AS a USING (pid)
CROSS JOIN LATERAL (
    SELECT a.usesysid IS NOT NULL AND (
        pg_has_role(a.usesysid, 'USAGE')
            AND NOT (SELECT rolsuper FROM pg_roles WHERE oid = a.usesysid)
        OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
    ) AS may_end
) AS r
WHERE l.pid <> pg_backend_pid()

-- name: patience
-- How long to wait, in milliseconds, until the server has ended an autovacuum.
SELECT setting::bigint + 2000 FROM pg_settings WHERE name = 'deadlock_timeout'

-- name: sessions
-- The other sessions of our own roles with this database.
SELECT count(*)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend' AND pg_has_role(usesysid, 'MEMBER')
    AND application_name NOT LIKE 'swpt_accounts %%'

-- name: changes_of_schema
-- The statements that move the reference's objects from one schema to another.
SELECT format('ALTER FUNCTION %%s SET SCHEMA %%I', oid::regprocedure, %(target)s::text)
FROM pg_proc
WHERE pronamespace = %(schema)s::regnamespace AND proname = ANY (%(functions)s)
UNION ALL
SELECT format('ALTER TYPE %%I.%%I SET SCHEMA %%I', %(schema)s::text, typname, %(target)s::text)
FROM pg_type JOIN pg_class ON pg_class.oid = typrelid
WHERE typnamespace = %(schema)s::regnamespace AND relkind = 'c' AND typname = ANY (%(types)s)
UNION ALL
SELECT format('ALTER TABLE %%I.%%I SET SCHEMA %%I', %(schema)s::text, relname, %(target)s::text)
FROM pg_class
WHERE relnamespace = %(schema)s::regnamespace AND relkind = 'r' AND relname = ANY (%(tables)s)

-- name: put_guard
CREATE TABLE {schema}.alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO {schema}.alembic_version VALUES ({revision})

-- name: make_filler
CREATE SCHEMA swpt_accounts_filler;
CREATE UNLOGGED TABLE swpt_accounts_filler.filler (bytes text);
ALTER TABLE swpt_accounts_filler.filler ALTER bytes SET STORAGE PLAIN

-- name: fill
INSERT INTO swpt_accounts_filler.filler
SELECT repeat('x', 8000) FROM generate_series(1, %(pages_count)s)
