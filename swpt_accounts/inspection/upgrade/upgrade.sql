-- What `upgrade check` asks the database, in one transaction that only reads.

-- name: server
SELECT
    current_setting('server_version') AS version,
    current_setting('server_encoding') AS encoding,
    has_database_privilege(current_database(), 'CREATE') AS may_create,
    ARRAY(
        SELECT wanted FROM unnest(%(roles)s::text[]) AS wanted
        WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
    ) AS missing_roles

-- name: tables
-- Estimates: nothing is counted.
SELECT
    relname::text AS name,
    greatest(reltuples::bigint, pg_stat_get_live_tuples(oid), 0) AS rows_count,
    pg_has_role(relowner, 'USAGE') AS is_owned
FROM pg_class
WHERE relnamespace = %(schema)s::regnamespace AND relkind IN ('r', 'p')

-- name: versions
-- The latest first. (A column is of a later migration than the table.)
SELECT version, revision, to_jsonb(v) ->> 'oldest_revision' AS oldest_revision
FROM procedures_version AS v
ORDER BY installed_at DESC

-- name: realm
SELECT realm FROM shard

-- name: workers
-- The sessions that work with the procedures of these versions: see `check_session`.
SELECT
    version,
    split_part(substr(application_name, 15), ': ', 1) AS worker,
    count(*) AS sessions_count
FROM unnest(%(versions)s::text[]) AS version
JOIN pg_locks ON locktype = 'advisory' AND objsubid = 2
    AND classid = hashtext('swpt_accounts version')::oid AND objid = hashtext(version)::oid
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
JOIN pg_stat_activity USING (pid)
GROUP BY 1, 2
ORDER BY 1, 2

-- name: holders
-- The sessions for which the upgrade would wait: in vain, where they hold their locks for longer than
-- it waits. The second kind is another upgrade, a move, or a split. An autovacuum gives way.
SELECT
    pid,
    coalesce(nullif(application_name, ''), backend_type) AS name,
    usename::text AS role,
    extract(epoch FROM clock_timestamp() - min(xact_start))::float8 AS seconds
FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE pid <> pg_backend_pid() AND granted
    AND backend_type IS DISTINCT FROM 'autovacuum worker'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (
        %(changes_tables)s AND xact_start < clock_timestamp() - %(seconds_min)s * interval '1 second'
        AND relation IN (SELECT oid FROM pg_class WHERE relnamespace = %(schema)s::regnamespace)
        OR locktype = 'advisory' AND objsubid = 1
        AND (classid::bigint << 32 | objid::bigint) = hashtext('swpt_accounts procedures')
    )
GROUP BY 1, 2, 3
ORDER BY 1
LIMIT 20
