-- How much waits in the queues and the outboxes. In braces: names that are filled in, and numbers.

-- name: table_backlog
-- What waits in one table. The index gives the oldest row, and counts up to a limit; beyond that, the
-- number of rows is estimated from about {pages_count} pages, which are read without any order.
SELECT
    {name} AS table_name,
    CASE
        WHEN f.rows_count < {exact_count_max} THEN f.rows_count
        ELSE greatest(f.rows_count, (
            SELECT count(*) * greatest(p.pages_count / {pages_count}::real, 1)
            FROM
                {table} TABLESAMPLE SYSTEM (
                    least(
                        100,
                        100.0 * {pages_count}
                            / greatest(pg_relation_size({name}::regclass) / {page_bytes}, 1)
                    )
                ) REPEATABLE (0)
        )::bigint)
    END AS rows_count,
    f.rows_count >= {exact_count_max} AS is_estimate,
    o.waits_since
FROM
    (
        SELECT count(*) AS rows_count
        FROM (SELECT FROM {table} ORDER BY id LIMIT {exact_count_max}) AS first_rows
    ) AS f,
    (SELECT pg_relation_size({name}::regclass) / {page_bytes} AS pages_count) AS p
    LEFT JOIN LATERAL (
        SELECT {moment} AS waits_since FROM {table} ORDER BY id LIMIT 1
    ) AS o ON true

-- name: backlog
-- All of them, and how long the oldest row waits.
SELECT table_name, rows_count, is_estimate, waits_since, current_ts() - waits_since AS age
FROM (
{parts}
) AS backlog
