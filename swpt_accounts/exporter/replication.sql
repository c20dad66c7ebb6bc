-- What a server keeps for replication.

-- name: slots
-- Of this database: during a split, those of its children.
SELECT
    count(*) FILTER (WHERE NOT active),
    coalesce(max(pg_wal_lsn_diff(
        CASE WHEN pg_is_in_recovery()
            THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_lsn()
        END,
        restart_lsn
    )), 0)::double precision
FROM pg_replication_slots
WHERE database = current_database()
