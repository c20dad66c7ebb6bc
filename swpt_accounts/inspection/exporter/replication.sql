-- What a server keeps for replication.

-- name: slots
-- Those of standbys, and during a split, of children: how many nobody uses, how much WAL one keeps at
-- most, and how many were given up.
SELECT
    count(*) FILTER (WHERE NOT active),
    coalesce(max(pg_wal_lsn_diff(
        CASE WHEN pg_is_in_recovery()
            THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_lsn()
        END,
        restart_lsn
    )), 0)::double precision,
    count(*) FILTER (WHERE wal_status = 'lost')
FROM pg_replication_slots
WHERE NOT temporary
