-- What the exporter asks the database from time to time, and `status` too.

-- name: dealt_with
-- Dead letters stay in their stream until they have aged out of it; what was done with them is told by
-- the database alone, and stays there.
-- How many letters that are still in a dead-letter queue operators have dealt with: counted up to a
-- limit, from the first offset of the stream.
SELECT count(*) FROM (
    SELECT FROM dead_letter_dealt_with
    WHERE queue = %(queue)s AND state <> 'replaying' AND stream_offset >= %(first_offset)s
    LIMIT 200000
) AS letter

-- name: returned_lines
-- Destinations whose messages RabbitMQ returns: counted up to a limit.
SELECT count(*) FROM (SELECT FROM returned_line WHERE pause_seconds > 0 LIMIT 10000) AS line

-- name: scans
-- When the last complete pass of each scan ended, and its period. A scan without a complete pass
-- counts from the installation.
SELECT
    s.scan,
    extract(epoch FROM coalesce(
        p.completed_at, (SELECT min(installed_at) FROM procedures_version)
    ))::float8 AS completed_at,
    p.pass_seconds
FROM unnest(%(scans)s::text[]) AS s (scan) LEFT JOIN scan_pass AS p ON p.scan = s.scan

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

-- name: server
-- Its archive, and its standbys. Any role may ask.
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
