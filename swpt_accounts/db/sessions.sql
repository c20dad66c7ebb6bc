-- The sessions of the program, by the names of the loops that have them.

-- name: sessions
-- Few rows, whatever others do on the server. Of other roles' sessions one may see no more than that
-- they are there. A name can end with what its worker waits for. A session that is idle for so long
-- is of a process that does not run: workers that wait use theirs every 20 seconds.
SELECT
    split_part(substr(application_name, 15), ': ', 1) AS name,
    count(*) AS sessions_count,
    count(*) FILTER (WHERE wait_event_type = 'Lock') AS lock_waits_count,
    extract(epoch FROM clock_timestamp() - max(state_change))::float8 AS quiet_seconds,
    count(*) FILTER (
        WHERE state = 'idle'
            AND state_change < clock_timestamp() - %(frozen_seconds)s * interval '1 second'
    ) AS frozen_count,
    coalesce(max(split_part(substr(application_name, 15), ': ', 2)), '') AS wait,
    min(backend_start) AS since,
    extract(epoch FROM max(clock_timestamp() - xact_start))::float8 AS transaction_seconds
FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'swpt\_accounts %%'
    AND pid <> pg_backend_pid()
GROUP BY 1
ORDER BY 1
LIMIT 50

-- name: up_seconds
-- Since when the server takes writes, as far as this role may see it: since it was started, or
-- since it was promoted, or has recovered from a crash.
SELECT extract(epoch FROM clock_timestamp() - greatest(
    pg_postmaster_start_time(),
    (SELECT max(backend_start) FROM pg_stat_activity WHERE backend_type = 'walwriter')
))::float8
