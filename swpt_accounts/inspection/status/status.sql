-- What the status of a shard is made of, beside its backlog. Each statement reads few rows.

-- name: moment
SELECT current_ts() AS taken_at, pg_is_in_recovery() AS is_replica

-- name: counts
-- How many rows have come and gone, by the server's statistics.
SELECT t.table_name, s.n_tup_ins AS inserted, s.n_tup_del AS deleted
FROM
    unnest(%(tables)s::text[]) AS t (table_name)
    JOIN pg_stat_all_tables AS s ON s.relid = to_regclass(t.table_name)

-- name: long_transactions
SELECT
    pid,
    CASE
        WHEN application_name = '' THEN coalesce(usename::text, 'somebody')
        ELSE application_name
    END AS program,
    extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
    AND pid <> pg_backend_pid()
    AND xact_start < clock_timestamp() - %(seconds_min)s * interval '1 second'
ORDER BY xact_start
LIMIT 10

-- name: returned_lines
SELECT destination, signal_name, attempts_count
FROM returned_line
WHERE pause_seconds > 0
LIMIT 5

-- name: scans
SELECT
    scan AS name,
    done_count,
    pages_count,
    pass_seconds,
    late_seconds,
    extract(epoch FROM current_ts() - began_at)::float8 AS began_seconds,
    extract(epoch FROM current_ts() - noted_at)::float8 AS noted_seconds,
    extract(epoch FROM current_ts() - completed_at)::float8 AS completed_seconds
FROM scan_pass
ORDER BY scan
LIMIT 10

-- name: older_senders
SELECT cause, taken_until FROM older_senders
WHERE taken_until > current_ts() AND (cause = 'move' OR NOT %(is_alone)s)
ORDER BY cause

-- name: accounts_sample
-- Of the accounts of some pages: those whose AccountUpdates the scan should have sent by now.
SELECT
    count(*) AS count,
    count(*) FILTER (
        WHERE last_heartbeat_ts < current_ts() - %(heartbeat)s::interval - %(late)s::interval
            OR (
                pending_account_update
                AND greatest(last_change_ts, last_heartbeat_ts)
                < current_ts() - %(late)s::interval
            )
    ) AS overdue_count
FROM
    account TABLESAMPLE SYSTEM (
        least(100, 100.0 * 100 / greatest(pg_relation_size('account'::regclass) / 8192, 1))
    )
WHERE NOT is_deleted(status_flags)
