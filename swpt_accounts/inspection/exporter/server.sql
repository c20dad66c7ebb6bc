-- How the server fares: its archive, and its standbys. Any role may ask.

-- name: server
-- Whether the last attempt to archive has failed, and how much is not archived yet. Standbys are
-- counted by their sessions; a role that cannot see these counts the slots that are in use.
WITH archiver AS (
    SELECT
        last_failed_time > coalesce(last_archived_time, '-infinity') AS is_failing,
        CASE WHEN last_archived_wal ~ '^[0-9A-F]{24}' THEN
            ('x' || substr(last_archived_wal, 9, 8))::bit(32)::bigint * 4294967296
            + (('x' || substr(last_archived_wal, 17, 8))::bit(32)::bigint + 1)
            * pg_size_bytes(current_setting('wal_segment_size'))
        END AS archived_bytes
    FROM pg_stat_archiver
    WHERE current_setting('archive_mode') <> 'off' AND NOT pg_is_in_recovery()
), standby AS (
    SELECT count(*) AS count FROM pg_stat_replication AS r
    WHERE state IN ('streaming', 'catchup') AND NOT EXISTS (
        SELECT FROM pg_replication_slots AS s
        WHERE s.active_pid = r.pid AND (s.slot_type = 'logical' OR s.temporary)
    )
), slot AS (
    SELECT count(*) AS count FROM pg_replication_slots
    WHERE slot_type = 'physical' AND active AND NOT temporary
)
SELECT
    coalesce((SELECT is_failing FROM archiver), false) AS is_failing,
    coalesce((
        SELECT greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') - archived_bytes, 0)
        FROM archiver
    ), 0)::float8 AS unarchived_bytes,
    CASE
        WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN (SELECT count FROM standby)
        ELSE (SELECT count FROM slot)
    END AS standbys_count
