-- What the database knows of the scans, whether they run or not.

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
