-- What the sessions of the program do. Few rows, whatever others do on the server.

-- name: sessions
-- By the name of the loop: how many sessions, how many of them wait for a lock, and the age of the
-- oldest transaction.
SELECT
    substr(application_name, 15) AS loop,
    count(*) AS sessions_count,
    count(*) FILTER (WHERE wait_event_type = 'Lock') AS lock_waits_count,
    coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::double precision
        AS transaction_seconds
FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'swpt\_accounts %'
    AND pid <> pg_backend_pid()
GROUP BY 1
ORDER BY 1
LIMIT 50

-- name: returned_lines
SELECT count(*) FROM (SELECT FROM returned_line WHERE pause_seconds > 0 LIMIT 10000) AS line
